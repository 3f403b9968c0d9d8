/** The list of SQL functions, for editors that complete and explain them. */
import { sqlFunctions } from '../query/functions.js';
import { checkOrganization } from './ingest-routes.js';
import type { Router } from './router.js';

export function addFunctionRoutes(router: Router): void {
  router.add('GET', '/api/:organization/query_functions', (exchange, { organization = '' }) => {
    checkOrganization(organization);
    exchange.reply(200, JSON.stringify({ list: sqlFunctions() }));
  });
}

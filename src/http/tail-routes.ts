/** `_tail`: a WebSocket on which the rows of a stream come as they become live, one JSON object a line. */
import { TAIL_LAST_ROWS_MAX } from '../config/limits.js';
import { requestError } from '../errors/index.js';
import type { Tail, TailService } from '../query/tail.js';
import type { TailRequest } from '../query/tail-statement.js';
import type { Exchange } from './exchange.js';
import { checkOrganization, normalizeStreamName } from './ingest-routes.js';
import { replyError } from './reply-error.js';
import type { Params, Router } from './router.js';

export function addTailRoutes(router: Router, tails: TailService): void {
  router.add('GET', '/api/:organization/:stream/_tail', (exchange, params) => {
    open(exchange, params, tails).catch((error: unknown) => replyError(exchange, error));
  });
}

async function open(exchange: Exchange, params: Params, tails: TailService): Promise<void> {
  const request = tailRequest(exchange, params);
  if (!exchange.upgradable) {
    throw requestError(426, 'a tail is a WebSocket', { hint: '`basalt tail` opens one' });
  }
  tails.checkRoom();
  await tails.check(request);
  // Others may have come meanwhile.
  tails.checkRoom();
  let tail: Tail | undefined;
  exchange.acceptSocket({
    opened: (socket) => {
      tail = tails.open(request, socket);
    },
    drained: () => tail?.drained(),
    closed: () => tail?.closed(),
  });
}

/** @throws BasaltError 400 */
function tailRequest({ query }: Exchange, { organization = '', stream: given = '' }: Params): TailRequest {
  checkOrganization(organization);
  const stream = normalizeStreamName(given);
  const from = query.get('from') ?? '0';
  const last = /^\d{1,9}$/.test(from) ? Number(from) : -1;
  if (last < 0 || last > TAIL_LAST_ROWS_MAX)
    throw requestError(400, `from must be a number of rows, at most ${TAIL_LAST_ROWS_MAX}`);
  return { organization, stream, filter: query.get('filter') || undefined, last };
}

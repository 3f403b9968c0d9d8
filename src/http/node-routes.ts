/** Health, metrics, flush, and what Elasticsearch clients ask before they send. */
import { z } from 'zod';
import { SEARCH_BODY_BYTES_MAX } from '../config/limits.js';
import { requestError } from '../errors/index.js';
import type { Metrics } from '../metrics/index.js';
import { parseJsonBody } from '../query/json-body.js';
import type { Losses } from '../storage/losses.js';
import { ELASTIC_HEADERS } from './ingest-routes.js';
import { replyError } from './reply-error.js';
import type { Router } from './router.js';

/** As the server lives: STARTING → READY → DRAINING → (process ends). */
export type ServerState = 'STARTING' | 'READY' | 'DRAINING';

/** The Elasticsearch version whose API is spoken. */
const ELASTIC_VERSION = '8.9.0';

export interface NodeControl {
  state: () => ServerState;
  /** Why a server that runs should get no more queries, if so. */
  trouble: () => string | undefined;
  flush: () => Promise<void>;
  metrics: Metrics;
  losses: Losses;
}

export function addNodeRoutes(router: Router, control: NodeControl): void {
  const health = () => ({ status: control.state() === 'READY' ? 'ok' : control.state().toLowerCase() });
  router
    .add('GET', '/healthz', (exchange) => exchange.reply(200, JSON.stringify(health())), { open: true })
    .add(
      'GET',
      '/readyz',
      (exchange) => {
        const trouble = control.trouble();
        const ready = control.state() === 'READY' && trouble === undefined;
        const answer = trouble === undefined ? health() : { status: 'unready', reason: trouble };
        exchange.reply(ready ? 200 : 503, JSON.stringify(answer));
      },
      { open: true },
    )
    .add(
      'GET',
      '/metrics',
      (exchange) => {
        const { registry } = control.metrics;
        registry
          .metrics()
          .then((text) => exchange.reply(200, text, { contentType: registry.contentType }))
          .catch((error: unknown) => replyError(exchange, error));
      },
      { open: true },
    )
    .add('PUT', '/node/flush', (exchange) => {
      control
        .flush()
        .then(() => exchange.reply(200, 'true'))
        .catch((error: unknown) => replyError(exchange, error));
    });
  addLossRoutes(router, control.losses);
  for (const path of ['/', '/api/:organization/']) {
    router.add('GET', path, (exchange) =>
      exchange.reply(200, JSON.stringify(elasticInfo()), { headers: ELASTIC_HEADERS }),
    );
  }
}

const filterSchema = z.strictObject({ organization: z.string().optional(), stream: z.string().optional() });

/** What acknowledged records are lost, and that an operator knows of it. */
function addLossRoutes(router: Router, losses: Losses): void {
  router
    .add('GET', '/node/losses', (exchange) => {
      const list = losses.list.map(({ schema: _, ...loss }) => loss);
      exchange.reply(200, JSON.stringify({ list, open: losses.open.length }));
    })
    .add('POST', '/node/losses/acknowledge', (exchange) => {
      exchange.collectBody(SEARCH_BODY_BYTES_MAX, (bytes) => {
        const acknowledge = async () => {
          const filter = filterSchema.safeParse(bytes?.length ? parseJsonBody(bytes) : {});
          if (!filter.success)
            throw requestError(
              422,
              'needed: {"organization": "…", "stream": "…"}, each optional, or no body',
            );
          return losses.acknowledge(filter.data, Date.now() * 1000);
        };
        acknowledge()
          .then((acknowledged) =>
            exchange.reply(200, JSON.stringify({ acknowledged, open: losses.open.length })),
          )
          .catch((error: unknown) => replyError(exchange, error));
      });
    });
}

function elasticInfo() {
  return {
    name: 'basalt',
    cluster_name: 'basalt',
    cluster_uuid: 'basalt',
    version: {
      number: ELASTIC_VERSION,
      build_flavor: 'default',
      minimum_wire_compatibility_version: '7.17.0',
    },
    tagline: 'You Know, for Search',
  };
}

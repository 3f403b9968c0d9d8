/** Health, metrics, flush, and what Elasticsearch clients ask before they send. */
import type { Metrics } from '../metrics/index.js';
import { ELASTIC_HEADERS } from './ingest-routes.js';
import { replyError } from './reply-error.js';
import type { Router } from './router.js';

/** As the server lives: STARTING → READY → DRAINING → (process ends). */
export type ServerState = 'STARTING' | 'READY' | 'DRAINING';

/** The Elasticsearch version whose API is spoken. */
const ELASTIC_VERSION = '8.9.0';

export interface NodeControl {
  state: () => ServerState;
  flush: () => Promise<void>;
  metrics: Metrics;
}

export function addNodeRoutes(router: Router, control: NodeControl): void {
  const health = () => ({ status: control.state() === 'READY' ? 'ok' : control.state().toLowerCase() });
  router
    .add('GET', '/healthz', (exchange) => exchange.reply(200, JSON.stringify(health())), { open: true })
    .add(
      'GET',
      '/readyz',
      (exchange) => exchange.reply(control.state() === 'READY' ? 200 : 503, JSON.stringify(health())),
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
  for (const path of ['/', '/api/:organization/']) {
    router.add('GET', path, (exchange) =>
      exchange.reply(200, JSON.stringify(elasticInfo()), { headers: ELASTIC_HEADERS }),
    );
  }
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

/** Settings of a stream, and the removal of some of its rows. */
import { z } from 'zod';
import { RETENTION_DAYS_MAX, SEARCH_BODY_BYTES_MAX } from '../config/limits.js';
import { requestError } from '../errors/index.js';
import type { DeletionService } from '../query/deletion.js';
import { parseJsonBody } from '../query/json-body.js';
import { wrongMember } from '../query/wrong-member.js';
import type { Store } from '../storage/store.js';
import type { Exchange } from './exchange.js';
import { checkOrganization } from './ingest-routes.js';
import { replyError } from './reply-error.js';
import type { Router } from './router.js';

const settingsSchema = z.strictObject({
  /** Days of event time; 0: as configured for all streams. */
  data_retention: z
    .number()
    .min(0)
    .max(RETENTION_DAYS_MAX, { error: `at most ${RETENTION_DAYS_MAX} days; 0 is the default of the server` })
    .optional(),
  data_retention_bytes: z.number().int().min(0).optional(),
});

const deletionSchema = z.strictObject({
  where: z.string().min(1).optional(),
  start_time: z.number().int().optional(),
  end_time: z.number().int().optional(),
});

export function addStreamRoutes(router: Router, store: Store, deletions: DeletionService): void {
  router
    .add(
      'PUT',
      '/api/:organization/streams/:stream/settings',
      (exchange, { organization = '', stream = '' }) => {
        withBody(exchange, settingsSchema, async ({ data_retention, data_retention_bytes }) => {
          const { days, bytes } = store.get(organization, stream).retention;
          await store.setRetention(organization, stream, {
            days: data_retention === undefined ? days : data_retention || null,
            bytes: data_retention_bytes === undefined ? bytes : data_retention_bytes || null,
          });
          return { code: 200, message: '' };
        });
      },
    )
    .add(
      'POST',
      '/api/:organization/:stream/_delete_by_query',
      (exchange, { organization = '', stream = '' }) => {
        withBody(exchange, deletionSchema, async ({ where, start_time, end_time }) => {
          checkOrganization(organization);
          if (where === undefined && start_time === undefined && end_time === undefined) {
            throw requestError(400, 'a deletion needs "where", "start_time" or "end_time"', {
              hint: 'DELETE /api/{org}/streams/{stream} removes the whole stream',
            });
          }
          const started = performance.now();
          const range = { startTime: start_time ?? null, endTime: end_time ?? null };
          const deleted = await deletions.delete(organization, stream, { where, ...range });
          return { took: Math.round(performance.now() - started), timed_out: false, deleted, failures: [] };
        });
      },
    );
}

/** Reads a small JSON body and answers with what `work` gives. */
function withBody<T>(exchange: Exchange, schema: z.ZodType<T>, work: (body: T) => Promise<object>): void {
  exchange.collectBody(SEARCH_BODY_BYTES_MAX, (bytes) => {
    const answer = async () => work(parse(bytes, schema));
    answer()
      .then((reply) => exchange.reply(200, JSON.stringify(reply)))
      .catch((error: unknown) => replyError(exchange, error));
  });
}

/** @throws BasaltError 413, 400 when it is not JSON, 422 when a member is wrong */
function parse<T>(bytes: Uint8Array | undefined, schema: z.ZodType<T>): T {
  if (!bytes) throw requestError(413, `the body may have ${SEARCH_BODY_BYTES_MAX} bytes`);
  const parsed = schema.safeParse(parseJsonBody(bytes));
  if (parsed.success) return parsed.data;
  throw requestError(422, wrongMember(parsed.error));
}

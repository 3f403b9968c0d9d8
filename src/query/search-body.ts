/** The body of a search and the parameters in its URL (openobserve API, S1): forms, defaults, refusals. */
import { z } from 'zod';
import { SEARCH_SIZE_DEFAULT, SQL_BYTES_MAX } from '../config/limits.js';
import { requestError } from '../errors/index.js';
import { parseJsonBody } from './json-body.js';
import { wrongMember } from './wrong-member.js';

const SEARCH_TYPES = [
  'ui',
  'dashboards',
  'reports',
  'alerts',
  'values',
  '_values',
  'other',
  'rum',
  'derived_stream',
  'search_job',
  'download',
  'insights',
];

/** `size` that means: no limit of ours. */
export const SIZE_UNLIMITED = -999;

export const microseconds = z.number().int();
const int32 = z
  .number()
  .int()
  .max(2 ** 31 - 1);

/** Members that several kinds of search share. */
export const sharedMembers = {
  encoding: z.enum(['', 'base64']).default(''),
  /** Seconds; 0: the server's own limit. */
  timeout: z.number().int().min(0).default(0),
  use_cache: z.boolean().default(true),
  clear_cache: z.boolean().default(false),
  search_type: z.string().nullish(),
};

export const pagingMembers = {
  from: z.number().int().min(0).default(0),
  size: int32.min(SIZE_UNLIMITED).default(SEARCH_SIZE_DEFAULT),
};

const searchSchema = z.object({
  query: z.object({
    sql: z.string().min(1),
    start_time: microseconds,
    end_time: microseconds,
    ...pagingMembers,
    track_total_hits: z.boolean().default(false),
    query_type: z.enum(['', 'table', 'metrics']).default(''),
    query_fn: z.string().nullish(),
    histogram_interval: z.number().int().min(0).default(0),
    timezone: z.string().nullish(),
  }),
  ...sharedMembers,
  agent_options: z.object({ output_format: z.enum(['json', 'csv', 'md_table']).default('json') }).nullish(),
});

export type SearchBody = z.infer<typeof searchSchema>;

/** @throws BasaltError 400 when it is not JSON, 422 when a member is missing or of the wrong type */
export function parseSearchBody(bytes: Uint8Array): SearchBody {
  const body = parseBody(bytes, searchSchema, 'needed: {"query":{"sql":"…","start_time":µs,"end_time":µs}}');
  body.query.sql = decodeSql(body.query.sql, body.encoding);
  return body;
}

/** @throws BasaltError as `parseSearchBody` */
export function parseBody<T>(bytes: Uint8Array, schema: z.ZodType<T>, hint: string): T {
  const parsed = schema.safeParse(parseJsonBody(bytes));
  if (parsed.success) return parsed.data;
  throw requestError(422, wrongMember(parsed.error), { hint });
}

/** @throws BasaltError 400 when it is to be Base64 and is not, and when it is too long */
export function decodeSql(given: string, encoding: '' | 'base64'): string {
  const sql = encoding === '' ? given : fromBase64(given);
  // Whoever looks into a statement before the planner does so on the main thread.
  if (sql.length <= SQL_BYTES_MAX) return sql;
  const message = `the statement has ${sql.length} characters, more than the limit of ${SQL_BYTES_MAX}`;
  throw requestError(400, message, {
    code: 20001,
    hint: 'shorten its lists, or join a stream that has the values',
  });
}

function fromBase64(sql: string): string {
  if (!/^[\w+/-]*={0,2}$/.test(sql)) throw requestError(400, 'the SQL is not Base64', { code: 20001 });
  return Buffer.from(sql, 'base64url').toString('utf8');
}

/** The kind of search that the client says it is. @throws BasaltError 400 for one that is not known */
export function searchType(given: string | null | undefined): string {
  if (!given) return 'other';
  const type = given.toLowerCase();
  if (SEARCH_TYPES.includes(type)) return type;
  throw requestError(400, `search_type '${given}' is not valid`, {
    hint: `one of ${SEARCH_TYPES.join(', ')}`,
  });
}

export interface Paging {
  /** Null: as many as there are. */
  size: number | null;
  /** The request left the number of rows to the statement: 0 or -1. */
  bySql: boolean;
}

export function paging(size: number): Paging {
  if (size === SIZE_UNLIMITED) return { size: null, bySql: false };
  return size > 0 ? { size, bySql: false } : { size: SEARCH_SIZE_DEFAULT, bySql: true };
}

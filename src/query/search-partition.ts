/** `_search_partition` (openobserve API, S5): how a client would cut the time range of a statement into searches, and what lies in it. */
import { z } from 'zod';
import { histogramInterval } from './envelope.js';
import { narrowed } from './prepare-search.js';
import type { Statement } from './query-runner.js';
import type { SearchContext, SearchService } from './search.js';
import { decodeSql, microseconds, parseBody } from './search-body.js';
import { partSizes, plainness } from './search-stream.js';
import { statementParts } from './statement-parts.js';
import { timePartitions } from './time-partitions.js';
import { isHistogramEligible } from './ui-histogram.js';

const partitionSchema = z.object({
  sql: z.string().min(1),
  start_time: microseconds,
  end_time: microseconds,
  encoding: z.enum(['', 'base64']).default(''),
});

export type PartitionBody = z.infer<typeof partitionSchema>;

/** @throws BasaltError 400 when it is not JSON, 422 when a member is missing or of the wrong type */
export function parsePartitionBody(bytes: Uint8Array): PartitionBody {
  const body = parseBody(bytes, partitionSchema, 'needed: {"sql":"…","start_time":µs,"end_time":µs}');
  body.sql = decodeSql(body.sql, body.encoding);
  return body;
}

/** @throws BasaltError 400 for a statement that cannot run */
export async function searchPartition(
  { runner, settings }: SearchService,
  { organization, traceId }: SearchContext,
  { sql, start_time, end_time }: PartitionBody,
): Promise<object> {
  const asked = { startTime: start_time, endTime: end_time };
  const range = narrowed(asked, settings.maxQueryRangeHours) ?? asked;
  const statement: Statement = {
    organization,
    sql,
    range,
    from: 0,
    size: null,
    defaultOrder: true,
    format: 'objects',
    useCache: false,
  };
  const facts = await runner.plan(statement);
  const plain = await plainness(runner, statement);
  const moment = runner.moment(statement);
  try {
    const read = new Set(facts.leaves.map(({ stream }) => stream));
    const lists = moment.snapshots
      .filter(({ name }) => read.has(name))
      .flatMap(({ blocks, segments }) => [
        ...blocks.map(({ rows, timeMin, timeMax, blockBytes }) => ({
          rows,
          timeMin,
          timeMax,
          bytes: blockBytes,
        })),
        ...segments,
      ]);
    const inRange = lists.filter(
      ({ timeMin, timeMax }) => timeMin < range.endTime && timeMax >= range.startTime,
    );
    const sum = (pick: 'rows' | 'bytes') => inRange.reduce((total, list) => total + list[pick], 0);
    const sizes = partSizes(plain?.limit ?? 0);
    const parts = plain ? timePartitions(inRange, range, { ...sizes, countMax: 100 }) : [range];
    const megabytes = Math.round(sum('bytes') / 1048.576) / 1000;
    return {
      trace_id: traceId,
      file_num: inRange.length,
      records: sum('rows'),
      original_size: megabytes,
      compressed_size: megabytes,
      histogram_interval: histogramInterval({
        leaves: facts.leaves.map((request) => ({ request })),
        histogramSeconds: facts.histogramSeconds,
      }),
      max_query_range: settings.maxQueryRangeHours,
      partitions: parts.map(({ startTime, endTime }) => [startTime, endTime]),
      order_by: 'desc',
      limit: plain && Number.isFinite(plain.limit) ? plain.limit : 0,
      streaming_output: false,
      streaming_aggs: false,
      streaming_id: null,
      is_histogram_eligible: isHistogramEligible(statementParts(sql)),
    };
  } finally {
    moment.release();
  }
}

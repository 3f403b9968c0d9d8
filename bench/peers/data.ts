/** What the peers are loaded with: the generator's records, or a file of the same shape. */
import { statSync } from 'node:fs';
import type { Context } from '../end-to-end/context.js';
import { forEachLine } from '../load/request-file.js';
import { errorsMinOf, parametersOf, type QueryParameters } from './queries.js';

export interface PeerData {
  readonly path: string;
  readonly records: number;
  readonly jsonBytes: number;
  /** Bounds of the records' times, microseconds; the end is exclusive. */
  readonly startUs: number;
  readonly endUs: number;
  readonly parameters: QueryParameters;
}

/** What records of others hold that are made from the real logs of loghub, as those of the generator hold its own words. */
const foreignPhrase = 'Invalid user';
const foreignPattern = 'blk_-?[0-9]+ terminating';
const hourUs = 3600e6;
/** A run may take as long; the hourly query must reach all records until its end, or answers would differ by when they were asked. */
const runHours = 1.5;
const timeStart = Buffer.from('{"_timestamp":');

export function peerData({ folder, scale, settings }: Context): PeerData {
  if (settings.dataPath !== undefined) return describeFile(settings.dataPath);
  const { path, records, truth, startUs, endUs } = folder.dataset(scale.largeRecords);
  const parameters = { ...parametersOf(truth), hours: hoursBack(truth.firstUs) };
  return { path, records, jsonBytes: statSync(path).size, startUs, endUs, parameters };
}

/** Reads a file of records once for what queries can ask of it. @throws when it is empty or a record has no `_timestamp` */
export function describeFile(path: string): PeerData {
  let [records, jsonBytes] = [0, 0];
  let [startUs, lastUs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  forEachLine(path, (chunk, start, end) => {
    const timeUs = timeOf(chunk, start, end);
    if (!Number.isSafeInteger(timeUs)) throw new Error(`${path}: record ${records + 1} has no _timestamp`);
    startUs = Math.min(startUs, timeUs);
    lastUs = Math.max(lastUs, timeUs);
    records++;
    jsonBytes += end - start + 1;
    return true;
  });
  if (records === 0) throw new Error(`${path} holds no records`);
  const fromUs = Math.floor((startUs + lastUs) / 2 / hourUs) * hourUs;
  const { trace_id, service } = recordAt(path, Math.floor(records * 0.618));
  const parameters = {
    phrase: foreignPhrase,
    pattern: foreignPattern,
    traceId: plain(path, 'trace_id', trace_id),
    service: plain(path, 'service', service),
    fromUs,
    untilUs: fromUs + hourUs,
    hours: hoursBack(startUs),
    errorsMin: errorsMinOf(records),
  };
  return { path, records, jsonBytes, startUs, endUs: lastUs + 1, parameters };
}

function hoursBack(firstUs: number): number {
  return Math.max(24, Math.ceil((Date.now() * 1000 - firstUs) / hourUs + runHours));
}

/** The usual place is read without parsing the record. */
function timeOf(chunk: Buffer, start: number, end: number): number {
  const digitsStart = start + timeStart.length;
  if (chunk.compare(timeStart, 0, timeStart.length, start, Math.min(digitsStart, end)) !== 0) {
    return (JSON.parse(chunk.toString('utf8', start, end)) as { _timestamp: number })._timestamp;
  }
  let value = 0;
  let at = digitsStart;
  for (; at < end; at++) {
    const digit = (chunk[at] as number) - 48;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  return at > digitsStart ? value : Number.NaN;
}

function recordAt(path: string, index: number): Record<string, unknown> {
  let record: Record<string, unknown> = {};
  let seen = 0;
  forEachLine(path, (chunk, start, end) => {
    if (seen++ < index) return true;
    record = JSON.parse(chunk.toString('utf8', start, end)) as Record<string, unknown>;
    return false;
  });
  return record;
}

/** A value that may stand in SQL as it is. */
function plain(path: string, field: string, value: unknown): string {
  if (typeof value !== 'string' || !/^[\w.-]+$/.test(value)) {
    throw new Error(`${path}: ${field} ${JSON.stringify(value)} cannot be asked for`);
  }
  return value;
}

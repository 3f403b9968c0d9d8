import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compress } from 'zstd-napi';
import { writeRecordFile } from '../../bench/generator/file.js';
import { Output } from '../../bench/generator/output.js';
import { Random } from '../../bench/generator/random.js';
import { recordBytesMax } from '../../bench/generator/records.js';
import { compileTemplate } from '../../bench/generator/template.js';
import { templateGroups } from '../../bench/generator/templates/index.js';
import { blockPattern, phrase, type Truth } from '../../bench/generator/truth.js';

interface LogRecord {
  _timestamp: number;
  level: string;
  service: string;
  trace_id: string;
  path: string;
  response_time: number;
  user_id: number;
  message: string;
  error?: { kind: string; retryable: boolean };
}

const records = 20_000;
const hourUs = 3600e6;
const startUs = Date.parse('2026-03-01T10:20:00Z') * 1000;
const options = { records, seed: 5, startUs, spanUs: 6 * hourUs };

let folder: string;
let truth: Truth;
let lines: string[];
let parsed: LogRecord[];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'basalt-test-'));
  const path = join(folder, 'records.ndjson');
  truth = writeRecordFile(options, path);
  lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  parsed = lines.map((line) => JSON.parse(line) as LogRecord);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function digest(seed: number): string {
  const path = join(folder, `seed-${seed}`);
  writeRecordFile({ ...options, records: 2000, seed }, path);
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

function countBy<T>(list: readonly T[], key: (item: T) => string | number): Map<string | number, number> {
  const counts = new Map<string | number, number>();
  for (const item of list) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return counts;
}

describe('records', () => {
  it('are the same bytes for the same seed, and others for another', () => {
    expect(digest(1)).toBe(digest(1));
    expect(digest(2)).not.toBe(digest(1));
  });

  it('are JSON as JSON.stringify writes it, in time order', () => {
    expect(parsed.length).toBe(records);
    for (const [index, record] of parsed.entries()) {
      expect(JSON.stringify(record)).toBe(lines[index]);
      if (index > 0)
        expect(record._timestamp).toBeGreaterThanOrEqual((parsed[index - 1] as LogRecord)._timestamp);
    }
    expect((parsed[0] as LogRecord)._timestamp).toBeGreaterThanOrEqual(startUs);
    expect((parsed.at(-1) as LogRecord)._timestamp).toBeLessThan(startUs + options.spanUs);
  });

  it('have the size, lengths and shares of real application logs', () => {
    const bytes = lines.map((line) => Buffer.byteLength(line) + 1);
    const mean = bytes.reduce((sum, size) => sum + size, 0) / records;
    expect(mean).toBeGreaterThan(395);
    expect(mean).toBeLessThan(425);
    expect(Math.max(...bytes)).toBeLessThan(recordBytesMax / 4);
    expect(new Set(parsed.map(({ trace_id }) => trace_id)).size).toBe(records);
    const byLevel = countBy(parsed, ({ level }) => level);
    for (const [level, share] of Object.entries({ info: 0.8, debug: 0.12, warn: 0.06, error: 0.02 })) {
      expect((byLevel.get(level) ?? 0) / records / share).toBeCloseTo(1, 0);
    }
    for (const { level, error } of parsed) expect(error !== undefined).toBe(level === 'error');
  });

  it('have messages about as compressible as real ones', () => {
    const messages = Buffer.from(parsed.map(({ message }) => message).join('\n'));
    const bytes = compress(messages, { compressionLevel: 3 }).length / records;
    expect(bytes).toBeGreaterThan(33);
    expect(bytes).toBeLessThan(43);
  });
});

describe('ground truth', () => {
  it('agrees with counts made from the text', () => {
    expect(truth.records).toBe(records);
    expect(truth.firstUs).toBe(parsed[0]?._timestamp);
    expect(truth.lastUs).toBe(parsed.at(-1)?._timestamp);
    expect(truth.distinctUsers).toBe(new Set(parsed.map(({ user_id }) => user_id)).size);
    expect(truth.phraseCount).toBe(parsed.filter(({ message }) => message.includes(phrase)).length);
    expect(truth.blockCount).toBe(
      parsed.filter(({ message }) => new RegExp(blockPattern).test(message)).length,
    );
    expect(truth.phraseCount).toBeGreaterThan(0);
    expect(truth.blockCount).toBeGreaterThan(0);
    const needles = parsed.filter(({ trace_id }) => trace_id === truth.needle.traceId);
    expect(needles.map(({ _timestamp }) => _timestamp)).toEqual([truth.needle.timestampUs]);
  });

  it('sums response times by level, and by hour and level, exactly', () => {
    const sums = (list: LogRecord[]) =>
      [...countBy(list, ({ level }) => level)]
        .map(([level, count]) => ({
          level,
          count,
          responseThousandths: list
            .filter((record) => record.level === level)
            .reduce((sum, { response_time }) => sum + Math.round(response_time * 1000), 0),
        }))
        .sort(byLevelName);
    expect([...truth.levels].sort(byLevelName)).toEqual(sums(parsed));
    const hours = new Set(parsed.map(({ _timestamp }) => Math.floor(_timestamp / hourUs) * hourUs));
    expect(new Set(truth.hours.map((hour) => hour.hourUs))).toEqual(hours);
    for (const hour of hours) {
      const wanted = sums(
        parsed.filter(({ _timestamp }) => _timestamp >= hour && _timestamp < hour + hourUs),
      );
      const found = truth.hours.filter((row) => row.hourUs === hour).map(({ hourUs: _, ...row }) => row);
      expect(found.sort(byLevelName)).toEqual(wanted);
    }
  });

  it('has the newest errors, the top paths and the minutes of an hour', () => {
    const errors = parsed.filter(({ level }) => level === 'error').map(({ _timestamp }) => _timestamp);
    expect(truth.newestErrorsUs).toEqual(errors.reverse().slice(0, 100));
    const paths = [...countBy(parsed, ({ path }) => path)]
      .map(([path, count]) => ({ path, count }))
      .sort((left, right) => right.count - left.count || (left.path < right.path ? -1 : 1));
    expect(truth.topPaths).toEqual(paths.slice(0, 10));
    const { service, fromUs, untilUs, counts } = truth.minutes;
    const inHour = parsed.filter(
      (record) => record.service === service && record._timestamp >= fromUs && record._timestamp < untilUs,
    );
    const minutes = countBy(inHour, ({ _timestamp }) => Math.floor(_timestamp / 60e6) * 60e6);
    expect(untilUs - fromUs).toBe(hourUs);
    expect(new Map(counts.map(({ minuteUs, count }) => [minuteUs, count]))).toEqual(minutes);
  });
});

function byLevelName(left: { level: string | number }, right: { level: string | number }): number {
  return left.level < right.level ? -1 : 1;
}

describe('templates', () => {
  it('are distinct and many', () => {
    const all = templateGroups.flatMap(({ templates }) => templates);
    expect(all.length).toBeGreaterThanOrEqual(300);
    expect(new Set(all).size).toBe(all.length);
  });

  it('refuse a variable that does not exist', () => {
    const context = { random: new Random(1), services: ['a'], pods: ['a-1'], writers: new Map() };
    expect(() => compileTemplate('value {nothing}', context)).toThrow('{nothing}');
  });
});

describe('output', () => {
  const write = (action: (out: Output) => void) => {
    const out = new Output(64);
    action(out);
    return out.buffer.toString('latin1', 0, out.position);
  };

  it('writes integers and thousandths as JSON does', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.nat(2 ** 31 - 1), (large, small) => {
        expect(write((out) => out.integer(large))).toBe(String(large));
        expect(write((out) => out.integer(small))).toBe(String(small));
        expect(write((out) => out.thousandths(small))).toBe(JSON.stringify(small / 1000));
      }),
    );
  });

  it('writes fixed digits and hex', () => {
    expect(write((out) => out.padded(42, 6))).toBe('000042');
    expect(write((out) => out.hex(-1, 8))).toBe('ffffffff');
    expect(write((out) => out.hex(0xabc, 5))).toBe('00abc');
  });
});

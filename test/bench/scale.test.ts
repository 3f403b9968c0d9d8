import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { barChart, labelledBars, lineChart } from '../../bench/end-to-end/chart.js';
import { mergeIntervals, splitByMerges } from '../../bench/end-to-end/latency-under-merge.js';
import { type MetricsSample, metric, parseMetrics } from '../../bench/end-to-end/metrics.js';
import { writeRecordFile } from '../../bench/generator/file.js';
import { blockPattern, phrase } from '../../bench/generator/truth.js';
import { runQueryLoad } from '../../bench/load/query-load.js';
import { Renewal } from '../../bench/load/renewal.js';
import { type BacklogSample, backlogGrowth, backlogSamples, slowestRate } from '../../bench/scale/backlog.js';
import type { StageCosts } from '../../bench/scale/costs.js';
import { extrapolate, growthOfCost } from '../../bench/scale/extrapolation.js';
import { scaledTruth } from '../../bench/scale/scaled-truth.js';
import { planPasses } from '../../bench/scale/stages.js';
import { IngestSink } from './ingest-sink.js';

const hourUs = 3600e6;

interface LogRecord {
  _timestamp: number;
  level: string;
  trace_id: string;
  path: string;
  message: string;
}

describe('passes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'basalt-test-'));
  const path = join(folder, 'records');
  const startUs = Math.floor(Date.now() / 3600e3) * hourUs;
  const truth = writeRecordFile({ records: 4000, seed: 11, startUs, spanUs: hourUs }, path);
  const source = readFileSync(path);
  rmSync(folder, { recursive: true });
  const passes = 3;
  const renewal = new Renewal(3600, 1);
  const records = Array.from({ length: passes }, (_, pass) => {
    const copy = Buffer.from(source);
    renewal.apply(copy, pass);
    return copy
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as LogRecord);
  });

  it('are later, with trace ids of their own, and otherwise the same', () => {
    const first = records[0] as LogRecord[];
    const withoutIdentity = (record: LogRecord) => ({ ...record, trace_id: '', _timestamp: 0 });
    for (const [pass, list] of records.entries()) {
      expect(list.map(withoutIdentity)).toEqual(first.map(withoutIdentity));
      expect(list.map(({ _timestamp }) => _timestamp)).toEqual(
        first.map(({ _timestamp }) => _timestamp + pass * hourUs),
      );
    }
    const ids = new Set(records.flat().map(({ trace_id }) => trace_id));
    expect(ids.size).toBe(passes * truth.records);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(() => renewal.apply(Buffer.from('{"_timestamp":12}'), 1)).toThrow('16 digits');
    expect(() => renewal.apply(Buffer.from(`{"_timestamp":${startUs}}`), 1)).toThrow('trace_id');
  });

  it('have the answers that counting all of them gives', () => {
    const all = records.flat();
    const scaled = scaledTruth(truth, passes, hourUs);
    const count = (test: (record: LogRecord) => boolean) => all.filter(test).length;
    expect(scaled.records).toBe(all.length);
    expect(scaled.lastUs).toBe(Math.max(...all.map(({ _timestamp }) => _timestamp)));
    for (const { level, count: counted } of scaled.levels) {
      expect(counted).toBe(count((record) => record.level === level));
    }
    for (const { hourUs: from, level, count: counted } of scaled.hours) {
      const inHour = (record: LogRecord) =>
        record.level === level && Math.floor(record._timestamp / hourUs) * hourUs === from;
      expect(counted).toBe(count(inHour));
    }
    expect(scaled.hours.reduce((sum, hour) => sum + hour.count, 0)).toBe(all.length);
    const errors = all.filter(({ level }) => level === 'error').map(({ _timestamp }) => _timestamp);
    expect(scaled.newestErrorsUs).toEqual(errors.sort((left, right) => right - left).slice(0, 100));
    expect(scaled.phraseCount).toBe(count(({ message }) => message.includes(phrase)));
    expect(scaled.blockCount).toBe(count(({ message }) => new RegExp(blockPattern).test(message)));
    for (const top of scaled.topPaths) expect(top.count).toBe(count((record) => record.path === top.path));
    expect(count(({ trace_id }) => trace_id === scaled.needle.traceId)).toBe(1);
  });

  it('are at most a gigabyte each, and as many as the sizes need', () => {
    expect(planPasses([1, 10, 40])).toEqual({ unit: 1, passes: [1, 10, 40] });
    expect(planPasses([0.5, 2])).toEqual({ unit: 0.5, passes: [1, 4] });
    expect(planPasses([10, 5])).toEqual({ unit: 1, passes: [5, 10] });
  });
});

describe('metrics', () => {
  it('are read by name and labels, and must be there', () => {
    const values = parseMetrics('# HELP a b\na 3\nb{c="d e"} 1.5e3\n');
    expect([metric(values, 'a'), metric(values, 'b{c="d e"}')]).toEqual([3, 1500]);
    expect(() => metric(values, 'b')).toThrow('no metric b');
  });

  const sample = (atMs: number, values: Record<string, number>): MetricsSample => ({
    atMs,
    values: new Map(Object.entries(values)),
  });

  it('tell backlog and rate', () => {
    const names = { basalt_unmerged_blocks: 7, basalt_wal_bytes: 9 };
    const stored = 'basalt_ingest_records_total{outcome="stored"}';
    expect(backlogSamples([sample(1000, names), sample(3000, { ...names, [stored]: 5 })])).toEqual([
      { seconds: 0, records: 0, blocks: 7, walBytes: 9 },
      { seconds: 2, records: 5, blocks: 7, walBytes: 9 },
    ]);
    expect(() => backlogSamples([sample(0, names)])).toThrow(stored);
    expect(() => backlogSamples([sample(0, { [stored]: 1 })])).toThrow('basalt_unmerged_blocks');
  });

  it('tell when merges ran, and which requests they met', () => {
    const seconds = [0, 0, 0.25, 0.25, 0.25, 0.35, 0.36, 0.36];
    const merges = mergeIntervals(
      seconds.map((value, index) => sample(1000 + index * 100, { basalt_merge_seconds_total: value })),
    );
    expect(merges.map(({ startMs, endMs }) => [Math.round(startMs), endMs])).toEqual([
      [850, 1200],
      [1300, 1600],
    ]);
    const requests = [
      { dueMs: 800, latencyMs: 49 },
      { dueMs: 800, latencyMs: 51 },
      { dueMs: 1200, latencyMs: 1 },
      { dueMs: 1201, latencyMs: 5 },
      { dueMs: 1250, latencyMs: 500 },
      { dueMs: 1601, latencyMs: 5 },
    ];
    const { during, apart } = splitByMerges(requests, merges);
    expect([during.total, apart.total]).toEqual([3, 3]);
    expect(during.max).toBe(500_000);
  });
});

describe('figures of growth', () => {
  const backlog = (blocks: number[], recordsPerSample = 10): BacklogSample[] =>
    blocks.map((count, index) => ({
      seconds: index,
      records: index * recordsPerSample,
      blocks: count,
      walBytes: 0,
    }));

  it('see a backlog that grows, and none in what merges need', () => {
    expect(backlogGrowth(backlog([0, 0, 30, 90, 20, 80]))).toBe(1);
    expect(backlogGrowth(backlog([0, 200, 400, 400, 200, 400]))).toBe(0.75);
    expect(backlogGrowth(backlog([0, 100, 200, 300, 400, 500]))).toBeCloseTo(450 / 250);
    expect(backlogGrowth(backlog([5]))).toBe(1);
  });

  it('find the slowest stretch', () => {
    const records = [0, 10, 20, 22, 24, 34, 44];
    const samples = records.map((count, seconds) => ({ seconds, records: count, blocks: 0, walBytes: 0 }));
    expect(slowestRate(samples, 20)).toBeCloseTo(24 / 4);
    expect(slowestRate(samples, 10)).toBeCloseTo(14 / 3);
    expect(slowestRate(samples, 45)).toBeUndefined();
  });

  const stage = (gigabytes: number, minMs: number): StageCosts => ({
    stage: { passes: 1, records: 1, gigabytes, size: '' },
    costs: new Map([['substr', { minMs, scannedBytes: gigabytes * 1e8 }]]),
    answers: new Map(),
  });

  it('compare the cost of a gigabyte and follow the straight line', () => {
    const costs = [stage(1, 12), stage(10, 100), stage(40, 400)];
    expect(growthOfCost(costs, 'substr')).toBeCloseTo(0.2);
    const { seconds, readGigabytes } = extrapolate(costs, 'substr', 1000);
    expect(seconds).toBeCloseTo((400 + (388 / 39) * 960) / 1000);
    expect(readGigabytes).toBeCloseTo(100);
    expect(extrapolate([stage(2, 10)], 'substr', 100).seconds).toBeCloseTo(0.5);
  });

  it('are drawn', () => {
    const lines = [
      { name: 'a<b', y: [1, undefined, 4] },
      { name: 'c', y: [2, 3, 0] },
    ];
    const lined = lineChart({
      title: 't',
      xLabel: 'x',
      yLabel: 'y',
      x: [1, 10, 100],
      lines,
      xLogarithmic: true,
    });
    expect(lined.match(/<polyline/g)?.length).toBe(2);
    const barred = barChart({ title: 't', groups: ['p', 'q', 'r'], series: lines });
    // White ground, two of the legend, and a bar for each positive value.
    expect(barred.match(/<rect/g)?.length).toBe(1 + 2 + 4);
    const steep = lineChart({
      title: 't',
      xLabel: 'x',
      yLabel: 'y',
      x: [1, 10, 100],
      lines,
      yLogarithmic: true,
    });
    const points = [...steep.matchAll(/polyline points="([^"]*)"/g)].map(
      ([, list]) => list?.split(' ').length,
    );
    expect(points).toEqual([2, 2]);
    for (const picture of [lined, steep, barred]) {
      expect(picture).not.toMatch(/NaN|undefined|Infinity/);
      expect(picture).toContain('a&lt;b');
    }
    expect(
      labelledBars(
        't',
        [
          ['a', 2],
          ['bb', 4],
        ],
        'ms',
      ).split('\n')[1],
    ).toBe(`  a  ${'█'.repeat(20)} 2.00 ms`);
  });
});

describe('query load', () => {
  const request = (host: string) =>
    Buffer.from(`POST /q HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 2\r\n\r\n[]`);

  async function load(
    answer: (index: number) => { status: number; delayMs?: number },
    options: { clients: number; seconds: number; rate: number },
  ) {
    const sink = new IngestSink((_, index) => ({
      body: {},
      headers: { 'retry-after': '0' },
      ...answer(index),
    }));
    const { host, port } = await sink.listen();
    try {
      return await runQueryLoad({ host, port, request: () => request(host), ...options });
    } finally {
      await sink.close();
    }
  }

  it('asks as fast as answers come, and again when refused', async () => {
    const result = await load((index) => ({ status: index % 5 === 1 ? 503 : 200, delayMs: 2 }), {
      clients: 3,
      seconds: 0.3,
      rate: 0,
    });
    expect(result.queries).toBeGreaterThan(20);
    expect(result.refused).toBeGreaterThan(2);
    expect(result.latency.minMs).toBeGreaterThanOrEqual(1);
    expect(result.queriesPerSecond).toBeCloseTo(result.queries / result.seconds);
  });

  it('keeps a rate, and counts the wait of queries that a slow answer held up', async () => {
    const result = await load((index) => ({ status: 200, delayMs: index === 3 ? 200 : 0 }), {
      clients: 1,
      seconds: 0.5,
      rate: 100,
    });
    expect(result.queries).toBe(50);
    expect(result.latency.p50Ms).toBeLessThan(100);
    expect(result.latency.p90Ms).toBeGreaterThan(100);
  });

  it('gives up what a slow server cannot do, and counts its wait', async () => {
    const result = await load(() => ({ status: 200, delayMs: 100 }), { clients: 1, seconds: 0.2, rate: 100 });
    expect(result.unserved).toBeGreaterThan(5);
    expect(result.queries + result.unserved).toBe(20);
    expect(result.latency.p90Ms).toBeGreaterThan(300);
    expect(result.seconds).toBeLessThan(2);
  });

  it('stops at an error', async () => {
    await expect(
      load((index) => ({ status: index === 4 ? 500 : 200 }), { clients: 2, seconds: 5, rate: 0 }),
    ).rejects.toThrow('status 500');
  });
});

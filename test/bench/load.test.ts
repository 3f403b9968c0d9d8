import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Histogram } from '../../bench/load/histogram.js';
import { RequestFile } from '../../bench/load/request-file.js';
import type { SendResult } from '../../bench/load/result.js';
import { Sender, type SendOptions } from '../../bench/load/sender.js';
import { IngestSink, type SinkAnswer, type SinkRequest, stored } from './ingest-sink.js';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'basalt-test-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function inputOf(records: number, padding = 0): string {
  const path = join(folder, `input-${records}-${padding}`);
  const lines = Array.from({ length: records }, (_, id) =>
    JSON.stringify({ id, text: 'é'.repeat((id * padding) % 977) }),
  );
  writeFileSync(path, `${lines.join('\n')}\n\n`);
  return path;
}

const head = 'POST /api/default/logs/_json HTTP/1.1\r\nHost: test\r\nAuthorization: Basic dTpw\r\n';

function requestFile(records: number, batchRecords: number, recordsMax = records, padding = 0): RequestFile {
  return RequestFile.prepare({
    inputPath: inputOf(records, padding),
    outputPath: join(folder, 'requests'),
    batchRecords,
    recordsMax,
    head,
  });
}

describe('histogram', () => {
  it('gives percentiles within 0.2 % of the exact ones', () => {
    const values = fc.array(fc.oneof(fc.nat(2000), fc.nat(5_000_000), fc.nat(2 ** 31 - 1)), {
      minLength: 1,
      maxLength: 400,
    });
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 100, noNaN: true }), (list, percent) => {
        const histogram = new Histogram();
        for (const value of list) histogram.record(value);
        const sorted = [...list].sort((left, right) => left - right);
        const exact = sorted[Math.max(1, Math.ceil((percent / 100) * list.length)) - 1] as number;
        expect(Math.abs(histogram.percentile(percent) - exact)).toBeLessThanOrEqual(exact * 0.002);
        expect(histogram.total).toBe(list.length);
        expect(histogram.min).toBe(sorted[0]);
        expect(histogram.max).toBe(sorted.at(-1));
      }),
    );
  });

  it('is zero when empty, and counts what is too large as the largest', () => {
    const histogram = new Histogram();
    expect([histogram.percentile(99), histogram.mean, histogram.min, histogram.max]).toEqual([0, 0, 0, 0]);
    histogram.record(1e15);
    expect(histogram.percentile(50)).toBe(2 ** 31 - 1);
  });
});

describe('request file', () => {
  it('holds each record once, in order, in requests with the right length', () => {
    // Large enough for several reads of the input, and for requests beyond the first buffer.
    const file = requestFile(30_000, 7000, 29_000, 13);
    expect([file.requests, file.records]).toEqual([5, 29_000]);
    const buffer = Buffer.alloc(file.bytesMax);
    let next = 0;
    for (let request = 0; request < file.requests; request++) {
      const text = buffer.toString('utf8', 0, file.read(request, buffer));
      expect(text.startsWith(head)).toBe(true);
      const [headers, body] = text.split('\r\n\r\n') as [string, string];
      expect(headers).toContain(`Content-Length: ${Buffer.byteLength(body)}`);
      const records = JSON.parse(body) as { id: number }[];
      expect(records.length).toBe(file.recordsOf(request));
      for (const { id } of records) expect(id).toBe(next++);
    }
    expect(next).toBe(29_000);
    file.close();
  });

  it('takes a last line without a line end', () => {
    const inputPath = join(folder, 'unended');
    writeFileSync(inputPath, '{"id":0}\n{"id":1}');
    const file = RequestFile.prepare({
      inputPath,
      outputPath: join(folder, 'r'),
      batchRecords: 5,
      recordsMax: 9,
      head,
    });
    expect(file.records).toBe(2);
    file.close();
  });
});

async function run(
  answer: (request: SinkRequest, index: number) => SinkAnswer,
  settings: { records: number; batch: number } & Partial<SendOptions>,
): Promise<{ result: SendResult; requests: SinkRequest[] }> {
  const sink = new IngestSink(answer);
  const address = await sink.listen();
  const { records, batch, ...options } = settings;
  const file = requestFile(records, batch);
  try {
    const result = await new Sender(file, {
      ...address,
      connections: 3,
      rateRecords: 0,
      warmupRequests: 0,
      requests: file.requests,
      serverPid: process.pid,
      ...options,
    }).run();
    return { result, requests: sink.requests };
  } finally {
    file.close();
    await sink.close();
  }
}

const idsOf = (requests: SinkRequest[]) =>
  requests
    .flatMap(({ records }) => records.map((record) => (record as { id: number }).id))
    .sort((left, right) => left - right);

const allStored = ({ records }: SinkRequest) => stored(records.length);

describe('sender', () => {
  it('sends every record once in a closed loop and measures it', async () => {
    const { result, requests } = await run(allStored, { records: 1003, batch: 10 });
    expect(idsOf(requests)).toEqual(Array.from({ length: 1003 }, (_, id) => id));
    expect(new Set(requests.map(({ authorization }) => authorization))).toEqual(new Set(['Basic dTpw']));
    expect([result.records, result.requests, result.refused]).toEqual([1003, 101, 0]);
    expect(result.recordsPerSecond).toBeGreaterThan(0);
    expect(result.latency.maxMs).toBeGreaterThan(0);
    expect(result.server?.rssMaxBytes).toBeGreaterThan(1e6);
    expect(result.server?.rssPeakBytes).toBeGreaterThanOrEqual(1e6);
  });

  it('sends the warm-up first, outside the figures, and starts over at the end of the file', async () => {
    const { result, requests } = await run(allStored, {
      records: 100,
      batch: 10,
      warmupRequests: 4,
      requests: 16,
    });
    expect([result.warmupRecords, result.records]).toEqual([40, 160]);
    expect(idsOf(requests)).toEqual(Array.from({ length: 200 }, (_, at) => Math.floor(at / 2)));
  });

  it('sends a refused request again', async () => {
    const refuse: SinkAnswer = { status: 503, headers: { 'retry-after': '0' }, body: {} };
    const answer = (request: SinkRequest, index: number) => (index % 5 === 1 ? refuse : allStored(request));
    const { result } = await run(answer, { records: 100, batch: 10 });
    expect([result.records, result.refused > 0]).toEqual([100, true]);
  });

  it.each([
    ['an error', { status: 400, body: { code: 400, message: 'no such thing' } }, 'no such thing'],
    ['a failed record', stored(9, 1), '10 records sent'],
    ['fewer records', stored(9), '10 records sent'],
    ['an answer without counts', { status: 200, body: { code: 200 } }, '10 records sent'],
  ])('stops at %s', async (_, wrong, message) => {
    const answer = (request: SinkRequest, index: number) => (index === 7 ? wrong : allStored(request));
    await expect(run(answer, { records: 1000, batch: 10 })).rejects.toThrow(message);
  });

  it('stops when the server closes the connection', async () => {
    const sink = new IngestSink(allStored);
    const address = await sink.listen();
    const file = requestFile(50_000, 1);
    const options = { ...address, connections: 2, rateRecords: 0, warmupRequests: 0, requests: 50_000 };
    const running = new Sender(file, options).run();
    const closing = new Promise((resolve) => setTimeout(resolve, 50)).then(() => sink.close());
    await expect(running).rejects.toThrow(/closed|ECONNRESET|EPIPE/);
    await closing;
    file.close();
  });

  it('counts the wait of requests that a stalled server keeps from being sent', async () => {
    // 10 records each millisecond; one answer takes 300 ms on the only connection, so those due meanwhile wait.
    const answer = (request: SinkRequest, index: number) => ({
      ...allStored(request),
      delayMs: index === 10 ? 300 : 0,
    });
    const { result, requests } = await run(answer, {
      records: 4000,
      batch: 10,
      rateRecords: 10_000,
      connections: 1,
    });
    expect(idsOf(requests).length).toBe(4000);
    expect(result.queueLongest).toBeGreaterThan(100);
    expect(result.latency.p90Ms).toBeGreaterThan(50);
    expect(result.service.p90Ms).toBeLessThan(result.latency.p90Ms);
    expect(result.seconds).toBeGreaterThan(0.35);
  });
});

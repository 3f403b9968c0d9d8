/** Runs case files against a server. */
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { compress as zstdCompress } from 'zstd-napi';
import { type Json, parseExactJson } from '../harness/exact-json.js';
import type { Reply, RequestOptions, SearchOptions } from '../harness/http.js';
import { sleep, type TestServer } from '../harness/server.js';
import type { Case, Section } from './case-file.js';
import { formatRow, rowsEqual } from './cell.js';
import { difference } from './contains.js';

/** Sections that only read, and may be repeated. */
const READING = new Set(['query', 'error']);

const COMPRESSORS: Record<string, (body: Buffer) => Uint8Array> = {
  gzip: gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  zstd: zstdCompress,
};

const UNIT_SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

export class CaseRun {
  private readonly prefix: string;

  constructor(
    private readonly server: TestServer,
    private readonly testCase: Case,
    private readonly nowUs: number,
  ) {
    this.prefix = `c_${testCase.name.replace(/[^a-z0-9]+/g, '_')}`;
  }

  /** Every section, top to bottom. */
  async runAll(): Promise<void> {
    for (const section of this.testCase.sections) await this.run(section);
  }

  /** What must still be true in a later state. */
  async runAgain(): Promise<void> {
    for (const section of repeatable(this.testCase)) await this.run(section);
  }

  private async run(section: Section): Promise<void> {
    try {
      await this.perform(section);
    } catch (error) {
      // No answer: the end of the process, if it ended, is known a moment later.
      if (error instanceof TypeError) await sleep(300);
      const reason = error instanceof Error ? error.message : String(error);
      const text = this.server.running
        ? reason + this.server.logOf(reason)
        : `the server is gone:\n${this.server.log.slice(-3000)}`;
      throw new Error(`${this.testCase.name}.test:${section.line}: ${section.word}: ${text}`);
    }
  }

  private perform(section: Section): Promise<void> {
    switch (section.word) {
      case 'ingest':
        return this.ingest(section);
      case 'query':
        return this.query(section);
      case 'error':
        return this.error(section);
      case 'request':
        return this.request(section);
      case 'flush':
        return this.server.client.flush();
      default:
        return this.server.restart();
    }
  }

  private async ingest(section: Section): Promise<void> {
    const [route = ''] = section.args;
    const stream = this.substitute(option(section, 'stream') ?? '$s');
    const path = `/api/default/${encodeURIComponent(stream)}/${route}`;
    const reply = await this.server.client.request('POST', path, this.body(section, section.text));
    const [counts = '', ...parts] = section.expected;
    const expected = /^ok (\d+)(?: failed (\d+))?$/.exec(counts);
    if (!expected) throw new Error('the first expected line must be: ok N [failed M]');
    if (reply.status !== 200) throw new Error(`${reply.status} ${reply.text}`);
    const actual = stored(reply.json);
    if (actual.successful !== Number(expected[1]) || actual.failed !== Number(expected[2] ?? 0)) {
      throw new Error(
        `stored ${actual.successful}, failed ${actual.failed}; expected ${counts}: ${reply.text}`,
      );
    }
    this.expectParts(reply, parts);
  }

  private async query(section: Section): Promise<void> {
    const objects = section.args.includes('objects');
    const reply = await this.search(section, objects ? '' : 'table');
    if (reply.status !== 200) throw new Error(`${reply.status} ${reply.text}`);
    const answer = reply.json as { hits: Json[]; columns?: string[]; total: number };
    const expected = section.expected.map((line) => this.substitute(line));
    const total = option(section, 'total');
    if (total !== undefined && answer.total !== Number(total)) {
      throw new Error(`total is ${answer.total}, expected ${total}`);
    }
    if (objects) return expectObjects(answer.hits, expected);
    const actual = answer.hits.map((row) => formatRow(row as Json[]));
    const head: string[] = section.args.includes('columns') ? [(answer.columns ?? []).join(' | ')] : [];
    const wanted = section.args.includes('columns') ? expected.slice(0, 1) : [];
    const [rows, wantedRows] = [actual, expected.slice(wanted.length)];
    if (section.args.includes('sorted')) {
      rows.sort();
      wantedRows.sort();
    }
    expectRows([...head, ...rows], [...wanted, ...wantedRows]);
  }

  private async error(section: Section): Promise<void> {
    const [status, code] = section.args;
    const reply = await this.search(section, '');
    if (reply.status !== Number(status))
      throw new Error(`status is ${reply.status}, expected ${status}: ${reply.text}`);
    const body = reply.json as { code?: number } | undefined;
    if (code && /^\d+$/.test(code) && body?.code !== Number(code)) {
      throw new Error(`code is ${body?.code}, expected ${code}: ${reply.text}`);
    }
    this.expectParts(reply, section.expected);
  }

  private async request(section: Section): Promise<void> {
    const [method = '', path = ''] = section.args;
    const [head = '', ...rest] = section.text.split(/^body:\n?/m);
    const options = this.body(section, rest.join('body:\n'));
    if (rest.length === 0) delete options.body;
    for (const line of head.split('\n').filter((text) => text.trim() !== '')) {
      const colon = line.indexOf(':');
      options.headers = { ...options.headers, [line.slice(0, colon).trim()]: line.slice(colon + 1).trim() };
    }
    options.anonymous = section.args.includes('anonymous');
    const reply = await this.server.client.request(method, this.substitute(path), options);
    const [status = '', ...parts] = section.expected;
    if (reply.status !== Number(status))
      throw new Error(`status is ${reply.status}, expected ${status}: ${reply.text}`);
    this.expectParts(reply, parts);
  }

  private search(section: Section, queryType: string): Promise<Reply> {
    const number = (name: string) => {
      const text = option(section, name);
      return text === undefined ? undefined : Number(this.substitute(text));
    };
    const options: SearchOptions = {
      startTime: number('start'),
      endTime: number('end'),
      from: number('from'),
      size: number('size'),
      queryType,
    };
    if (section.args.includes('track')) options.trackTotalHits = true;
    return this.server.client.search(this.substitute(section.text), options);
  }

  private body(section: Section, text: string): RequestOptions {
    const body = Buffer.from(this.substitute(text));
    const encoding = section.args.find((arg) => arg in COMPRESSORS);
    const compress = encoding === undefined ? undefined : COMPRESSORS[encoding];
    if (!encoding || !compress) return { body };
    return { body: compress(body), headers: { 'content-encoding': encoding } };
  }

  /** A line that is a JSON object or array must be contained in the answer; any other must be a part of its text. */
  private expectParts(reply: Reply, lines: string[]): void {
    for (const line of lines.map((text) => this.substitute(text)).filter((text) => text.trim() !== '')) {
      if (/^[[{]/.test(line)) {
        const found = difference(reply.json, parseExactJson(line));
        if (found) throw new Error(`${found}, in ${reply.text.slice(0, 2000)}`);
      } else if (!reply.text.includes(line)) {
        throw new Error(`the answer has no ${JSON.stringify(line)}: ${reply.text.slice(0, 2000)}`);
      }
    }
  }

  private substitute(text: string): string {
    return text
      .replace(/\$repeat\((\d+)\)<<([\s\S]*?)>>/g, (_, count: string, part: string) =>
        Array.from({ length: Number(count) }, (_unused, index) => part.replaceAll('$i', String(index))).join(
          '',
        ),
      )
      .replace(/\$now(?:([-+])(\d+)([smhd]))?/g, (_, ...offset: string[]) => String(this.moment(offset)))
      .replace(/\$hour(?:([-+])(\d+)([smhd]))?/g, (_, ...offset: string[]) =>
        new Date(this.moment(offset) / 1000).toISOString().replace(/:\d\d:\d\d\.\d+Z$/, ':00:00'),
      )
      .replace(/\$([stu])(?![a-z0-9])/g, (_, letter: string) => `${this.prefix}_${letter}`);
  }

  /** Microseconds of the run's start, moved by a sign, a count and a unit. */
  private moment([sign, count, unit]: (string | undefined)[]): number {
    const seconds = Number(count ?? 0) * (UNIT_SECONDS[unit ?? 's'] as number);
    return this.nowUs + (sign === '-' ? -seconds : seconds) * 1_000_000;
  }
}

/** The sections that are run again in later states. */
export function repeatable({ sections }: Case): Section[] {
  const lastChange = sections.findLastIndex(({ word }) => !READING.has(word));
  return sections.slice(lastChange + 1).filter(({ args }) => !args.includes('once'));
}

function option(section: Section, name: string): string | undefined {
  return section.args.find((arg) => arg.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** Records stored and failed, by the answer of any ingest route. */
function stored(json: Json | undefined): { successful: number; failed: number } {
  const answer = json as {
    status?: { successful: number; failed: number }[];
    items?: Record<string, { status: number }>[];
  };
  if (answer.status) {
    const sum = (pick: 'successful' | 'failed') =>
      (answer.status ?? []).reduce((total, entry) => total + entry[pick], 0);
    return { successful: sum('successful'), failed: sum('failed') };
  }
  const items = (answer.items ?? []).map((item) => Object.values(item)[0]?.status ?? 0);
  const failed = items.filter((status) => status >= 300).length;
  return { successful: items.length - failed, failed };
}

function expectRows(actual: string[], expected: string[]): void {
  const same =
    actual.length === expected.length &&
    actual.every((row, index) => rowsEqual(row, expected[index] as string));
  if (same) return;
  throw new Error(`the rows differ\nexpected:\n  ${expected.join('\n  ')}\nfound:\n  ${actual.join('\n  ')}`);
}

function expectObjects(actual: Json[], expected: string[]): void {
  const text = (value: Json) =>
    JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? inner.toString() : inner));
  const wanted = expected.map((line) => text(parseExactJson(line)));
  const found = actual.map(text);
  if (wanted.length === found.length && wanted.every((line, index) => line === found[index])) return;
  throw new Error(`the objects differ\nexpected:\n  ${wanted.join('\n  ')}\nfound:\n  ${found.join('\n  ')}`);
}

/** ClickHouse as chdb in a Python process; times are taken inside that process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Hit } from '../end-to-end/client.js';
import { clickhouseStatements, insertFrom, tableDefinition } from './clickhouse-statements.js';
import type { Answer, Engine, LoadFigures } from './engine.js';
import type { QueryParameters, Statements } from './queries.js';

const scriptPath = fileURLToPath(new URL('../../../bench/peers/clickhouse.py', import.meta.url));
const errorCharactersKept = 4000;
const stopMsMax = 30_000;

interface ScriptAnswer {
  milliseconds: number;
  rows: string;
  rss_peak_bytes: number;
}

export class ClickhousePeer implements Engine {
  readonly name = 'ClickHouse';
  readonly statements: Statements;
  readonly #child: ChildProcess;
  readonly #databaseFolder: string;
  #waiting: { resolve: (line: string) => void; reject: (error: Error) => void } | undefined;
  #errors = '';

  constructor(python: string, folder: string, parameters: QueryParameters) {
    this.statements = clickhouseStatements(parameters);
    this.#databaseFolder = join(folder, 'clickhouse');
    mkdirSync(this.#databaseFolder);
    this.#child = spawn(python, [scriptPath, this.#databaseFolder], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString()).slice(-errorCharactersKept);
    });
    const fail = (error: Error) => this.#waiting?.reject(error);
    this.#child.on('error', fail);
    this.#child.on('close', (code) =>
      fail(new Error(`chdb ended with code ${code}: ${this.#errors.trim()}`)),
    );
    createInterface({ input: this.#child.stdout as NodeJS.ReadableStream }).on('line', (line) =>
      this.#waiting?.resolve(line),
    );
  }

  async load(dataPath: string): Promise<LoadFigures> {
    await this.#request(tableDefinition);
    const inserted = await this.#request(insertFrom(dataPath));
    const settled = await this.#request('OPTIMIZE TABLE logs FINAL');
    const seconds = inserted.milliseconds / 1000;
    return {
      how: 'JSONEachRow of a local file',
      durable: 'no (page cache)',
      seconds,
      settledSeconds: seconds + settled.milliseconds / 1000,
      diskBytes: await this.#partBytes(),
      rssPeakBytes: settled.rss_peak_bytes,
    };
  }

  async ask(sql: string): Promise<Answer> {
    const { milliseconds, rows } = await this.#request(sql);
    return { rows: parseLines(rows), milliseconds };
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined)
      return;
    const ended = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopMsMax);
    await ended;
    clearTimeout(timer);
  }

  /** What the table's live parts take: merged ones stay on disk for some minutes, but are not part of the table. */
  async #partBytes(): Promise<number> {
    const { rows } = await this.#request(
      "SELECT sum(bytes_on_disk) AS bytes FROM system.parts WHERE table = 'logs' AND active",
    );
    const bytes = Number(parseLines(rows)[0]?.bytes);
    const onDisk = folderBytes(this.#databaseFolder);
    if (!(bytes > 0 && bytes <= onDisk)) {
      throw new Error(`ClickHouse says that its table has ${bytes} bytes; its folder has ${onDisk}`);
    }
    return bytes;
  }

  async #request(sql: string): Promise<ScriptAnswer> {
    const line = await new Promise<string>((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#child.stdin?.write(`${JSON.stringify({ sql })}\n`);
    });
    this.#waiting = undefined;
    const answer = JSON.parse(line) as ScriptAnswer | { error: string };
    if ('error' in answer) throw new Error(`ClickHouse: ${answer.error}\n${sql}`);
    return answer;
  }
}

function parseLines(text: string): Hit[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Hit);
}

function folderBytes(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const status = lstatSync(join(folder, entry), { throwIfNoEntry: false });
    if (status?.isFile()) bytes += status.size;
  }
  return bytes;
}

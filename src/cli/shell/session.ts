/** The shell without its terminal: takes lines, runs what they say, writes answers. One statement runs at a time. */
import pc from 'picocolors';
import type { Connection } from '../connection.js';
import { CliError, reportFailure } from '../failure.js';
import type { HttpClient } from '../http-client.js';
import { formatRows, type OutputFormat } from '../query/formats.js';
import { apiPath, newTraceId, rowsText, search, summaryText } from '../query/search.js';
import { parseTimeUs, type TimeOptions } from '../query/time.js';
import { type Completion, complete } from './completion.js';
import { fieldTable, streamTable } from './listing.js';
import { HELP, type MetaCommand, parseMeta } from './meta.js';
import { Names } from './names.js';
import { StatementBuffer } from './statement.js';

export interface SessionOptions extends TimeOptions {
  limit: number;
  format: OutputFormat;
}

/** Where answers go; a terminal has a width. */
export type SessionOutput = NodeJS.WritableStream & { isTTY?: boolean; columns?: number };

interface Running {
  traceId: string;
  stop: AbortController;
  asked: boolean;
}

export class Session {
  private readonly buffer = new StatementBuffer();
  private readonly names: Names;
  private format: OutputFormat;
  private timing = true;
  /** In force where an age was given; else the range of the command line. */
  private age: string | undefined;
  private fixed: TimeOptions;
  private running: Running | undefined;
  private over = false;

  constructor(
    private readonly client: HttpClient,
    private readonly connection: Connection,
    private readonly options: SessionOptions,
    private readonly out: SessionOutput,
    private readonly err: NodeJS.WritableStream,
  ) {
    this.names = new Names(client, connection);
    this.format = options.format;
    this.fixed = { from: options.from, to: options.to };
  }

  get prompt(): string {
    return this.buffer.isEmpty ? 'basalt> ' : '     -> ';
  }

  /** Whether a statement has begun and not ended. */
  get pending(): boolean {
    return !this.buffer.isEmpty;
  }

  get busy(): boolean {
    return this.running !== undefined;
  }

  get ended(): boolean {
    return this.over;
  }

  complete(line: string): Promise<Completion> {
    return complete(line, this.buffer.pending, this.names);
  }

  /** Resolves when all that the line says is done. Failures are written, not thrown. */
  async line(text: string): Promise<void> {
    if (this.over) return;
    if (this.buffer.isEmpty && text.trimStart().startsWith('\\')) {
      await this.shown(() => this.command(parseMeta(text)));
      return;
    }
    for (const statement of this.buffer.add(text)) await this.run(statement);
  }

  /** Ctrl-C: stops the statement that runs, or forgets what was typed. */
  async interrupt(): Promise<void> {
    const { running } = this;
    if (!running) {
      this.buffer.clear();
      return;
    }
    const again = running.asked;
    running.asked = true;
    const told = again ? false : await this.stopOnServer(running.traceId);
    // Not known there: it has not arrived yet, or its answer is on the way.
    if (!told) running.stop.abort();
  }

  private async stopOnServer(traceId: string): Promise<boolean> {
    const path = apiPath(this.connection, '_search', traceId);
    const reply = await this.client.send({ method: 'DELETE', path }).catch(() => undefined);
    return reply?.status === 200;
  }

  private async run(sql: string): Promise<void> {
    const running: Running = { traceId: newTraceId(), stop: new AbortController(), asked: false };
    this.running = running;
    const startedAt = performance.now();
    const { traceId } = running;
    const { limit } = this.options;
    try {
      const range = this.age === undefined ? this.fixed : { from: parseTimeUs(this.age) };
      const signal = running.stop.signal;
      const result = await search(this.client, this.connection, { sql, ...range, limit, traceId, signal });
      this.out.write(formatRows(result, this.format, this.out.isTTY ? this.out.columns : undefined));
      const elapsedMs = performance.now() - startedAt;
      const summary = this.timing ? summaryText(result, elapsedMs) : rowsText(result.rows.length);
      const cut = limit > 0 && result.rows.length === limit ? `, cut at --limit ${limit}` : '';
      this.err.write(pc.dim(`${summary}${cut}\n`));
    } catch (error) {
      if (running.asked) this.err.write('cancelled\n');
      else reportFailure(error, this.err);
    } finally {
      this.running = undefined;
    }
  }

  private async command(command: MetaCommand): Promise<void> {
    const width = this.out.isTTY ? this.out.columns : undefined;
    switch (command.kind) {
      case 'streams':
        this.out.write(formatRows(streamTable(await this.names.streams()), this.format, width));
        return;
      case 'stream':
        this.out.write(formatRows(fieldTable(await this.names.stream(command.name)), this.format, width));
        return;
      case 'timing':
        this.timing = command.on ?? !this.timing;
        this.err.write(`timing is ${this.timing ? 'on' : 'off'}\n`);
        return;
      case 'format':
        this.format = command.format;
        return;
      case 'range':
        this.age = command.age;
        this.fixed = {};
        return;
      case 'help':
        this.out.write(HELP);
        return;
      case 'quit':
        this.over = true;
    }
  }

  private async shown(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      reportFailure(error, this.err);
    }
  }
}

/** Live tails: who follows which stream, and what every new block means for them. */
import type { Logger } from 'pino';
import { TAILS_MAX } from '../config/limits.js';
import { overloaded } from '../errors/index.js';
import type { Store } from '../storage/store.js';
import type { LiveBlock, Stream } from '../storage/stream.js';
import type { QueryRunner } from './query-runner.js';
import { TailGroup } from './tail-group.js';
import { writeLines } from './tail-lines.js';
import { type TailCounts, TailReader, type TailSink, tailMessages } from './tail-reader.js';
import { checkTail, lastStatement, type TailRequest } from './tail-statement.js';

/** The close code of a server that goes away (RFC 6455). */
const GOING_AWAY = 1001;

/** What its socket tells a tail. */
export interface Tail {
  /** What was sent has left. */
  drained(): void;
  /** Call once. */
  closed(): void;
}

export class TailService {
  readonly counts: TailCounts = { scans: 0, rows: 0, dropped: 0 };
  /** By stream, then by filter. */
  private readonly groups = new Map<string, Map<string | undefined, TailGroup>>();
  private readonly ending = new Set<Promise<void>>();

  constructor(
    private readonly store: Store,
    private readonly runner: QueryRunner,
    private readonly log: Logger,
  ) {
    store.onLiveBlock = (stream, block) => this.block(stream, block);
  }

  get readerCount(): number {
    return this.allGroups().reduce((sum, { size }) => sum + size, 0);
  }

  get groupCount(): number {
    return this.allGroups().length;
  }

  /** @throws BasaltError 400 for a filter that is wrong */
  check(request: TailRequest): Promise<void> {
    return checkTail(this.runner, request);
  }

  /** @throws BasaltError 503 when there are as many tails as there may be */
  checkRoom(): void {
    if (this.readerCount >= TAILS_MAX)
      throw overloaded(`${TAILS_MAX} tails are open, the most that there may be`, 'close some of them');
  }

  /** Follows the stream from this turn on. */
  open(request: TailRequest, sink: TailSink): Tail {
    const stream = this.store.find(request.organization, request.stream);
    const waits = request.last > 0 && stream !== undefined;
    const reader = new TailReader(sink, this.counts, waits);
    const group = this.group(request);
    group.join(reader);
    if (waits) this.begin(request, reader);
    return { drained: () => reader.drained(), closed: () => this.leave(request, group, reader) };
  }

  /** Closes all. Resolves when nothing is scanned any more. */
  async stop(): Promise<void> {
    for (const group of this.allGroups()) group.close(GOING_AWAY, 'the server is stopping');
    while (this.ending.size > 0) await Promise.all(this.ending);
  }

  private leave(request: TailRequest, group: TailGroup, reader: TailReader): void {
    reader.closed();
    group.leave(reader);
    if (group.size > 0) return;
    const ofStream = this.groups.get(keyOf(request));
    ofStream?.delete(request.filter);
    if (ofStream?.size === 0) this.groups.delete(keyOf(request));
    this.track(group.idle());
  }

  private block(stream: Stream, block: LiveBlock): void {
    const { organization, name } = stream;
    for (const group of this.groups.get(keyOf({ organization, stream: name }))?.values() ?? [])
      group.add(stream, block);
  }

  private group(request: TailRequest): TailGroup {
    const key = keyOf(request);
    const ofStream = this.groups.get(key) ?? new Map<string | undefined, TailGroup>();
    this.groups.set(key, ofStream);
    const group = ofStream.get(request.filter) ?? new TailGroup(request, this.runner, this.counts, this.log);
    ofStream.set(request.filter, group);
    return group;
  }

  /** Sends the rows from before. They are those of this turn: what becomes live later is not among them. */
  private begin(request: TailRequest, reader: TailReader): void {
    const statement = lastStatement(request);
    const moment = this.runner.moment(statement);
    const send = async (lines: Uint8Array) => {
      for (const message of tailMessages(lines)) await reader.before(message);
    };
    const sent = writeLines(this.runner, statement, moment, reader.gone, send)
      .catch((error: unknown) => {
        if (reader.gone.aborted) return;
        this.log.warn(
          { stream: request.stream, error: String(error) },
          'the rows before a tail cannot be read',
        );
        reader.tell({ error: 'the rows from before could not be read' });
      })
      .finally(() => {
        moment.release();
        reader.follow();
      });
    this.track(sent);
  }

  private track(work: Promise<void>): void {
    const done = work.finally(() => this.ending.delete(done));
    this.ending.add(done);
  }

  private allGroups(): TailGroup[] {
    return [...this.groups.values()].flatMap((ofStream) => [...ofStream.values()]);
  }
}

function keyOf({ organization, stream }: Pick<TailRequest, 'organization' | 'stream'>): string {
  return `${organization}/${stream}`;
}

/**
 * What a query sees of a stream: the blocks, segments and schema of one moment, with their files held until `release`. Taken when the
 * query is planned, so that what the plan knows of the columns is true of every block it reads.
 */
import type { Footer, FooterCache } from './footer-cache.js';
import type { LiveBlock, LiveSegment, Stream } from './stream.js';

export class StreamSnapshot {
  readonly name: string;
  readonly schema: Stream['schema'];
  readonly hasUnlisted: boolean;
  readonly blocks: readonly LiveBlock[];
  readonly segments: readonly LiveSegment[];
  /** Held until the query ends, whatever the cache drops meanwhile. */
  private readonly footers = new Map<LiveSegment, Footer>();

  /**
   * @param expiredBefore microseconds: no row from before may be read, even while its file is still there
   * @param parts what is seen of the stream; its caller holds the files
   */
  constructor(
    stream: Stream,
    private readonly cache: FooterCache,
    readonly expiredBefore?: number,
    parts: Pick<Stream, 'blocks' | 'segments'> = stream,
  ) {
    this.name = stream.name;
    this.schema = new Map(stream.schema);
    this.hasUnlisted = stream.hasUnlisted;
    const alive = ({ timeMax }: { timeMax: number }) =>
      expiredBefore === undefined || timeMax >= expiredBefore;
    this.blocks = parts.blocks.filter(alive);
    this.segments = parts.segments.filter(alive);
    for (const { lease } of this.pieces) lease.acquire();
  }

  /** All that holds rows. */
  get pieces(): readonly (LiveBlock | LiveSegment)[] {
    return [...this.blocks, ...this.segments];
  }

  /**
   * Reads the footers of the segments that `wanted` picks. Call it before leaves are made.
   * @throws BasaltError 500 when one is gone or damaged
   */
  async load(wanted: (segment: LiveSegment) => boolean): Promise<void> {
    const loads: Promise<unknown>[] = [];
    for (const segment of this.segments) {
      if (this.footers.has(segment) || !wanted(segment)) continue;
      const footer = this.cache.get(segment.lease.path);
      if (footer instanceof Promise) loads.push(footer.then((loaded) => this.footers.set(segment, loaded)));
      else this.footers.set(segment, footer);
    }
    // All are waited for, so that none is under way when the files are let go.
    for (const result of await Promise.allSettled(loads))
      if (result.status === 'rejected') throw result.reason;
  }

  /** Of a segment that was loaded. */
  footer(segment: LiveSegment): Footer {
    const footer = this.footers.get(segment);
    if (!footer) throw new Error(`BUG: the footer of ${segment.lease.path} was not loaded`);
    return footer;
  }

  /** Call once. */
  release(): void {
    for (const { lease } of this.pieces) lease.release();
  }
}

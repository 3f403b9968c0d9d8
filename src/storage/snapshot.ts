/**
 * What a query sees of a stream: the blocks, segments and schema of one moment, with their files held until `release`. Taken when the
 * query is planned, so that what the plan knows of the columns is true of every block it reads.
 */
import type { LiveBlock, LiveSegment, Stream } from './stream.js';

export class StreamSnapshot {
  readonly name: string;
  readonly schema: Stream['schema'];
  readonly blocks: readonly LiveBlock[];
  readonly segments: readonly LiveSegment[];

  constructor(stream: Stream) {
    this.name = stream.name;
    this.schema = new Map(stream.schema);
    this.blocks = stream.blocks.slice();
    this.segments = stream.segments.slice();
    for (const { lease } of [...this.blocks, ...this.segments]) lease.acquire();
  }

  /** Call once. */
  release(): void {
    for (const { lease } of [...this.blocks, ...this.segments]) lease.release();
  }
}

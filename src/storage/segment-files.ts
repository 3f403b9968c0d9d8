/** The files of the segment folder that are of use or taken care of: being written, live, or on their way out. Main thread only. */
import { join } from 'node:path';
import type { NewSegment } from './catalog.js';
import type { FileDisposals } from './file-disposal.js';
import { FileLease } from './file-lease.js';
import { SEGMENT_SUFFIX, TEMPORARY_SUFFIX } from './layout.js';
import type { LiveSegment, Stream } from './stream.js';

export class SegmentFiles {
  private count = 0;
  private readonly own = new Set<string>();
  /** Replaced or dropped files that are still there. */
  private readonly retired = new Set<string>();

  /**
   * @param onGone a file that was live is gone
   * @param onForgotten nothing is left of a file, whether it was live or not
   */
  constructor(
    private readonly directory: string,
    private readonly bootId: string,
    private readonly disposals: FileDisposals,
    private readonly onGone: (path: string) => void,
    private readonly onForgotten: (file: string) => void,
  ) {}

  /** Names that were never used before, one for each of the streams. */
  begin(streams: readonly Stream[]): string[] {
    const files = streams.map(({ id }) => {
      const number = String(this.count++).padStart(6, '0');
      return `${id}-${this.bootId}-${number}${SEGMENT_SUFFIX}`;
    });
    for (const file of files) this.own.add(file);
    return files;
  }

  /** The files, as far as they were written, go. */
  abandon(files: string[]): void {
    for (const file of files)
      this.disposals.start({ path: this.path(file), onGone: () => this.forget(file) });
  }

  /** Of a file, finished or not. */
  owns(file: string): boolean {
    return this.own.has(file.endsWith(TEMPORARY_SUFFIX) ? file.slice(0, -TEMPORARY_SUFFIX.length) : file);
  }

  path(file: string): string {
    return join(this.directory, file);
  }

  get retiredFiles(): string[] {
    return [...this.retired];
  }

  live(id: number, segment: NewSegment): LiveSegment {
    const { file } = segment;
    this.own.add(file);
    const lease = new FileLease(this.path(file), (path) => {
      const onGone = () => {
        this.forget(file);
        this.onGone(path);
      };
      this.disposals.start({ path, onGone });
    });
    return { ...segment, id, lease };
  }

  /** They are live no more, and go once nobody reads them. */
  retire(segments: readonly LiveSegment[]): void {
    for (const { file, lease } of segments) {
      this.retired.add(file);
      lease.retire();
    }
  }

  private forget(file: string): void {
    this.own.delete(file);
    this.retired.delete(file);
    this.onForgotten(file);
  }
}

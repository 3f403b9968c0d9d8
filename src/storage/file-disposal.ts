/**
 * Removes files that nobody needs any more, off the main thread: an unlink waits for the file system's journal. What fails is kept in
 * mind and tried again by the collection cycle. Main thread only.
 */
import { rename, unlink } from 'node:fs/promises';

export interface Disposal {
  path: string;
  /** Where it goes instead of being removed. */
  moveTo?: string;
  /** What must have happened before it may go. */
  before?: () => Promise<unknown>;
  /** Runs when the file is gone. */
  onGone: () => void;
}

export class FileDisposals {
  private readonly running = new Set<Promise<void>>();
  private failed: Disposal[] = [];

  constructor(private readonly onFailure: (path: string, error: unknown) => void) {}

  /** Files that could not be removed yet. */
  get failedCount(): number {
    return this.failed.length;
  }

  start(disposal: Disposal): void {
    const done = this.perform(disposal).finally(() => this.running.delete(done));
    this.running.add(done);
  }

  /** Tries those again that failed. @returns how many */
  retry(): number {
    const { failed } = this;
    this.failed = [];
    for (const disposal of failed) this.start(disposal);
    return failed.length;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running);
  }

  private async perform(disposal: Disposal): Promise<void> {
    const { path, moveTo, before } = disposal;
    try {
      await before?.();
      if (moveTo === undefined) await unlink(path);
      else await rename(path, moveTo);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.failed.push(disposal);
        this.onFailure(path, error);
        return;
      }
    }
    disposal.onGone();
  }
}

/**
 * WAL files filled with zeros ahead of their use. Overwriting blocks that are allocated and written leaves the file's metadata alone, so
 * an `fdatasync` of a batch is one flush of its data and needs no commit of the file system's journal (measured: docs/PERFORMANCE.md).
 * The main thread makes spares in the background; an ingest worker claims one by renaming it, and begins an empty file if there is none.
 */
import { constants, readdirSync, renameSync } from 'node:fs';
import { open, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { WAL_FILE_BYTES_MAX } from '../config/limits.js';

export const SPARE_SUFFIX = '.spare';
export const DRAFT_SUFFIX = '.spare-draft';

/** Renames a spare to `path`, if there is one. Any thread: of two that want the same spare, one gets it. */
export function claimSpare(directory: string, path: string): boolean {
  for (const name of readdirSync(directory)) {
    if (!name.endsWith(SPARE_SUFFIX)) continue;
    try {
      renameSync(join(directory, name), path);
      return true;
    } catch {
      // Somebody else was first; or the disk refuses, and then the file that is begun instead will tell.
    }
  }
  return false;
}

export class WalSpares {
  private state: 'IDLE' | 'FILLING' | 'DROPPING' | 'STOPPED' = 'IDLE';
  private filling: Promise<void> = Promise.resolve();
  private made = 0;

  constructor(
    private readonly directory: string,
    private readonly prefix: string,
    private readonly count: number,
    private readonly onFailure: (error: unknown) => void,
    /** Whether the disk has room for them. */
    private readonly mayFill: () => boolean = () => true,
  ) {}

  /** Makes spares until there are enough; does nothing while it is at it. A full disk only means that there are none. */
  refill(): void {
    if (this.state !== 'IDLE' || !this.mayFill()) return;
    this.state = 'FILLING';
    this.filling = this.fill()
      .catch(this.onFailure)
      .finally(() => {
        if (this.state === 'FILLING') this.state = 'IDLE';
      });
  }

  /**
   * Removes the spares, for when nothing is written: they are made again by the next `refill`. Until then a worker begins an unprepared
   * file, which it soon closes for a spare.
   * @returns how many there were
   */
  async drop(): Promise<number> {
    if (this.state === 'STOPPED' || this.state === 'DROPPING') return 0;
    this.state = 'DROPPING';
    let dropped = 0;
    try {
      await this.filling;
      for (const name of await readdir(this.directory)) {
        if (!name.endsWith(SPARE_SUFFIX) && !name.endsWith(DRAFT_SUFFIX)) continue;
        await this.remove(name);
        dropped++;
      }
    } catch (error) {
      this.onFailure(error);
    } finally {
      // Stopped meanwhile stays stopped.
      if ((this.state as string) === 'DROPPING') this.state = 'IDLE';
    }
    return dropped;
  }

  stop(): void {
    this.state = 'STOPPED';
  }

  private async fill(): Promise<void> {
    const names = await readdir(this.directory);
    for (const name of names) {
      if (name.endsWith(DRAFT_SUFFIX)) await this.remove(name);
    }
    let ready = names.filter((name) => name.endsWith(SPARE_SUFFIX)).length;
    for (; ready < this.count && this.state === 'FILLING'; ready++) await this.make();
  }

  /** A worker may have claimed it just now. */
  private async remove(name: string): Promise<void> {
    await unlink(join(this.directory, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }

  private async make(): Promise<void> {
    const name = `${this.prefix}-${this.made++}`;
    const draft = join(this.directory, name + DRAFT_SUFFIX);
    // Each write is durable by itself, without a flush of everything else.
    const file = await open(
      draft,
      constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_DSYNC,
      0o600,
    );
    try {
      const zeros = Buffer.alloc(1 << 20);
      for (let at = 0; at < WAL_FILE_BYTES_MAX && this.state === 'FILLING'; at += zeros.length) {
        await file.write(zeros, 0, zeros.length, at);
      }
    } catch (error) {
      // What there is of it would be the room that others look for.
      await this.remove(draft.slice(this.directory.length + 1));
      throw error;
    } finally {
      await file.close();
    }
    if (this.state === 'FILLING') await rename(draft, join(this.directory, name + SPARE_SUFFIX));
  }
}

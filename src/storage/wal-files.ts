/**
 * Which WAL files exist and how much of each is still needed. A file goes when it is closed and all of its blocks are in segments or
 * void. Main thread only.
 */
import { join } from 'node:path';
import type { WalFileRow } from './catalog.js';
import type { FileDisposals } from './file-disposal.js';
import { FileLease } from './file-lease.js';

interface WalFile {
  lease: FileLease;
  bytes: number;
  epoch: number;
  liveBlocks: number;
  closed: boolean;
  damaged: boolean;
  /** What was acknowledged of it, and whether the catalog knows. */
  frames: number;
  rows: number;
  timeMin: number;
  timeMax: number;
  noted: boolean;
}

export class WalFiles {
  private readonly files = new Map<string, WalFile>();

  /** `retire(name)` makes known for good that a file is not needed, before it goes; `onGone(name, path)` runs afterwards. */
  constructor(
    private readonly directory: string,
    private readonly quarantine: string,
    private readonly disposals: FileDisposals,
    private readonly retire: (name: string) => Promise<unknown>,
    private readonly onGone: (name: string, path: string) => void,
  ) {}

  /** Bytes of all files, merged parts included. */
  get bytes(): number {
    let bytes = 0;
    for (const file of this.files.values()) bytes += file.bytes;
    return bytes;
  }

  get count(): number {
    return this.files.size;
  }

  /** Notes the size of a file, and the file itself when it is new. `epoch` is the one in which it was begun. */
  touch(name: string, bytes: number, epoch = 0): FileLease {
    let file = this.files.get(name);
    if (!file) {
      const path = join(this.directory, name);
      const lease = new FileLease(path, () => this.dispose(name, path));
      const counts = {
        frames: 0,
        rows: 0,
        timeMin: Number.POSITIVE_INFINITY,
        timeMax: Number.NEGATIVE_INFINITY,
      };
      file = { lease, bytes, epoch, liveBlocks: 0, closed: false, damaged: false, ...counts, noted: false };
      this.files.set(name, file);
    }
    file.bytes = Math.max(file.bytes, bytes);
    return file.lease;
  }

  /** Counts a frame that was acknowledged, live or not. */
  countFrame(
    name: string,
    { rows, timeMin, timeMax }: { rows: number; timeMin: number; timeMax: number },
  ): void {
    const file = this.get(name);
    file.frames++;
    file.rows += rows;
    file.timeMin = Math.min(file.timeMin, timeMin);
    file.timeMax = Math.max(file.timeMax, timeMax);
    file.noted = false;
  }

  /** Files of which the catalog does not know all yet; it is told now. */
  takeUnnoted(): WalFileRow[] {
    const rows: WalFileRow[] = [];
    for (const [name, file] of this.files) {
      if (file.noted) continue;
      file.noted = true;
      const known = file.frames > 0;
      const [timeMin, timeMax] = known ? [file.timeMin, file.timeMax] : [null, null];
      rows.push({ file: name, bytes: file.bytes, frames: file.frames, rows: file.rows, timeMin, timeMax });
    }
    return rows;
  }

  addBlock(name: string): void {
    this.get(name).liveBlocks++;
  }

  removeBlocks(name: string, count: number): void {
    const file = this.get(name);
    file.liveBlocks -= count;
    if (file.liveBlocks < 0) throw new Error(`BUG: more blocks removed from ${name} than it had`);
    this.retireIfDone(file);
  }

  /** No more blocks will be appended. */
  close(name: string): void {
    const file = this.get(name);
    file.closed = true;
    this.retireIfDone(file);
  }

  /** No more blocks will be appended to files of earlier epochs. */
  closeBefore(epoch: number): void {
    for (const file of [...this.files.values()]) {
      if (file.epoch >= epoch) continue;
      file.closed = true;
      this.retireIfDone(file);
    }
  }

  /** The file holds damage that somebody should look at: it is moved aside instead of removed. */
  markDamaged(name: string): void {
    this.get(name).damaged = true;
  }

  private dispose(name: string, path: string): void {
    const moveTo = this.files.get(name)?.damaged ? join(this.quarantine, name) : undefined;
    this.files.delete(name);
    const before = () => this.retire(name);
    this.disposals.start({ path, moveTo, before, onGone: () => this.onGone(name, path) });
  }

  private get(name: string): WalFile {
    const file = this.files.get(name);
    if (!file) throw new Error(`BUG: unknown WAL file ${name}`);
    return file;
  }

  private retireIfDone(file: WalFile): void {
    if (file.closed && file.liveBlocks === 0) file.lease.retire();
  }
}

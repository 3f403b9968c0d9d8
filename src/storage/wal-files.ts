/**
 * Which WAL files exist and how much of each is still needed. A file goes when it is closed and all of its blocks are in segments or
 * void. Main thread only.
 */
import { join } from 'node:path';
import type { FileDisposals } from './file-disposal.js';
import { FileLease } from './file-lease.js';

interface WalFile {
  lease: FileLease;
  bytes: number;
  epoch: number;
  liveBlocks: number;
  closed: boolean;
  damaged: boolean;
}

export class WalFiles {
  private readonly files = new Map<string, WalFile>();

  /** `onGone(name, path)` runs after a file has been removed. */
  constructor(
    private readonly directory: string,
    private readonly quarantine: string,
    private readonly disposals: FileDisposals,
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
      file = { lease, bytes, epoch, liveBlocks: 0, closed: false, damaged: false };
      this.files.set(name, file);
    }
    file.bytes = Math.max(file.bytes, bytes);
    return file.lease;
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
    this.disposals.start({ path, moveTo, onGone: () => this.onGone(name, path) });
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

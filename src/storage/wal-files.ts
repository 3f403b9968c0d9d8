/**
 * Which WAL files exist and how much of each is still needed. A file goes when it is closed and all of its blocks are in segments or
 * void. Main thread only.
 */
import { renameSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { FileLease } from './file-lease.js';

interface WalFile {
  lease: FileLease;
  bytes: number;
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

  /** Notes the size of a file, and the file itself when it is new. */
  touch(name: string, bytes: number): FileLease {
    let file = this.files.get(name);
    if (!file) {
      const path = join(this.directory, name);
      const lease = new FileLease(path, () => this.dispose(name, path));
      file = { lease, bytes, liveBlocks: 0, closed: false, damaged: false };
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

  /** Closes every file that is open. Only while no ingest worker is in a batch; the workers must be told to go on in new files. */
  closeAll(): void {
    for (const file of [...this.files.values()]) {
      file.closed = true;
      this.retireIfDone(file);
    }
  }

  /** The file holds damage that somebody should look at: it is moved aside instead of removed. */
  markDamaged(name: string): void {
    this.get(name).damaged = true;
  }

  private dispose(name: string, path: string): void {
    if (this.files.get(name)?.damaged) renameSync(path, join(this.quarantine, name));
    else unlinkSync(path);
    this.files.delete(name);
    this.onGone(name, path);
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

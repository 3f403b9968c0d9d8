/**
 * One ingest worker's WAL file: appends frames and makes them durable. Lifecycle: EMPTY → OPEN → (rotated: EMPTY …) | FAILED.
 *
 * After a failed write or fsync the kernel may have dropped the dirty pages, so a retry could report success over lost data. The
 * writer then stays FAILED for good; the process ends and recovery decides what the file really holds.
 */
import { closeSync, fdatasyncSync, openSync, writeSync, writevSync } from 'node:fs';
import { join } from 'node:path';
import { WAL_FILE_BYTES_MAX, WAL_UNPREPARED_BYTES_MAX } from '../config/limits.js';
import { FatalError } from '../errors/index.js';
import { syncPath } from '../storage/sync-path.js';
import { encodeFileHeader, WAL_FILE_HEADER_BYTES } from '../storage/wal-format.js';
import { claimSpare } from '../storage/wal-spares.js';

type State = 'EMPTY' | 'OPEN' | 'FAILED';

export class WalWriter {
  private state: State = 'EMPTY';
  private fd = -1;
  private file = '';
  private sizeBytes = 0;
  /** Where the file is full. */
  private limitBytes = 0;
  private fileCount = 0;
  private readonly epoch: Int32Array;
  private openedEpoch = 0;
  private opened = false;

  constructor(
    private readonly directory: string,
    private readonly prefix: string,
    epoch: SharedArrayBuffer,
  ) {
    this.epoch = new Int32Array(epoch);
  }

  /** Name of the open file, relative to the WAL directory. */
  get fileName(): string {
    return this.file;
  }

  get fileBytes(): number {
    return this.sizeBytes;
  }

  /** The epoch in which the file was begun: once a later one is raised, the next append goes to another file. */
  get fileEpoch(): number {
    return this.openedEpoch;
  }

  /** Whether a file was begun since the last call. */
  takeOpened(): boolean {
    const { opened } = this;
    this.opened = false;
    return opened;
  }

  /**
   * Appends the buffers as one write and returns once they are on stable storage.
   * @returns byte offset of the first buffer in the file
   * @throws FatalError when the disk refuses; nothing of the batch may be acknowledged then
   */
  append(buffers: Uint8Array[]): number {
    if (this.state === 'FAILED') throw new FatalError(`WAL ${this.file} has failed before`);
    try {
      if (this.state === 'OPEN' && Atomics.load(this.epoch, 0) !== this.openedEpoch) this.close();
      if (this.state === 'EMPTY') this.open();
      const offset = this.sizeBytes;
      this.writeAll(buffers);
      fdatasyncSync(this.fd);
      return offset;
    } catch (cause) {
      this.state = 'FAILED';
      const path = join(this.directory, this.file);
      throw new FatalError(
        `WAL write to ${path} failed (${String(cause)}). Nothing after the last acknowledged batch is promised. ` +
          'Check the disk (space, dmesg, SMART), then start again: recovery keeps every acknowledged record.',
        { cause },
      );
    }
  }

  /** Closes the file if it is full; the next append opens another. @returns the closed file's name */
  rotateIfFull(): string | undefined {
    if (this.state !== 'OPEN' || this.sizeBytes < this.limitBytes) return undefined;
    this.close();
    return this.file;
  }

  private close(): void {
    closeSync(this.fd);
    this.state = 'EMPTY';
  }

  private open(): void {
    this.openedEpoch = Atomics.load(this.epoch, 0);
    this.file = `${this.prefix}-${String(this.fileCount++).padStart(6, '0')}.wal`;
    const path = join(this.directory, this.file);
    const prepared = claimSpare(this.directory, path);
    this.limitBytes = prepared ? WAL_FILE_BYTES_MAX : WAL_UNPREPARED_BYTES_MAX;
    this.fd = openSync(path, prepared ? 'r+' : 'wx');
    writeSync(this.fd, encodeFileHeader(Date.now() * 1000), 0, WAL_FILE_HEADER_BYTES, 0);
    this.sizeBytes = WAL_FILE_HEADER_BYTES;
    fdatasyncSync(this.fd);
    syncPath(this.directory);
    this.state = 'OPEN';
    this.opened = true;
  }

  private writeAll(buffers: Uint8Array[]): void {
    const total = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
    let written = writevSync(this.fd, buffers, this.sizeBytes);
    if (written < total) {
      // A short write (signal, nearly full disk): finish from a joined copy so that the cause surfaces as an error.
      const rest = Buffer.concat(buffers);
      while (written < total)
        written += writeSync(this.fd, rest, written, total - written, this.sizeBytes + written);
    }
    this.sizeBytes += total;
  }
}

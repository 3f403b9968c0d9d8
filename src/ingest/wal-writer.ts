/**
 * One ingest worker's WAL file: appends frames and makes them durable. Lifecycle: EMPTY → OPEN → (rotated: EMPTY …) | FAILED.
 *
 * A full disk refuses a write before anything was promised: what there is of the batch is cut off, and the next one may find room.
 * After any other failed write, and after a failed sync, the kernel may have dropped the dirty pages, so a retry could report success over
 * lost data. The writer then stays FAILED for good; the process ends and recovery decides what the file really holds.
 */
import {
  closeSync,
  fdatasyncSync,
  ftruncateSync,
  openSync,
  unlinkSync,
  writeSync,
  writevSync,
} from 'node:fs';
import { join } from 'node:path';
import { WAL_FILE_BYTES_MAX, WAL_UNPREPARED_BYTES_MAX } from '../config/limits.js';
import { type BasaltError, diskFull, FatalError, isDiskFull, overloaded } from '../errors/index.js';
import { syncPath } from '../storage/sync-path.js';
import {
  encodeFileHeader,
  type FrameHome,
  WAL_FILE_HEADER_BYTES,
  walFileName,
} from '../storage/wal-format.js';
import { claimSpare } from '../storage/wal-spares.js';

const NO_ROOM = 'the disk is full: nothing of this request was stored';

type State = 'EMPTY' | 'OPEN' | 'FAILED';

export class WalWriter {
  private state: State = 'EMPTY';
  private fd = -1;
  private file = '';
  private sizeBytes = 0;
  /** Where the file is full. */
  private limitBytes = 0;
  private fileCount = 0;
  private frameCount = 0;
  private readonly epoch: Int32Array;
  private openedEpoch = 0;
  private opened = false;

  constructor(
    private readonly directory: string,
    private readonly boot: string,
    private readonly worker: number,
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
   * Opens a file where none is open, or an earlier epoch's. Call before each `append`.
   * @returns where the next frame is at home
   * @throws BasaltError 507 or 503 when no file can be made now; FatalError when the disk fails
   */
  ready(): FrameHome {
    if (this.state === 'FAILED') throw new FatalError(`WAL ${this.file} has failed before`);
    if (this.state === 'OPEN' && Atomics.load(this.epoch, 0) !== this.openedEpoch) this.close();
    if (this.state === 'EMPTY') this.open();
    return { boot: this.boot, worker: this.worker, file: this.fileCount - 1, frame: this.frameCount };
  }

  /**
   * Appends the buffers as one write and returns once they are on stable storage.
   * @param frames how many they make
   * @returns byte offset of the first buffer in the file
   * @throws BasaltError 507 when the disk is full; FatalError when it fails. Nothing of the batch may be acknowledged then
   */
  append(buffers: Uint8Array[], frames: number): number {
    if (this.state !== 'OPEN') throw new Error('BUG: the WAL writer is not ready');
    const offset = this.sizeBytes;
    try {
      this.writeAll(buffers);
    } catch (cause) {
      throw isDiskFull(cause) ? this.cutBack() : this.fail(cause);
    }
    this.sync();
    this.frameCount += frames;
    return offset;
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
    this.file = walFileName({ boot: this.boot, worker: this.worker, file: this.fileCount });
    const path = join(this.directory, this.file);
    try {
      const prepared = claimSpare(this.directory, path);
      this.limitBytes = prepared ? WAL_FILE_BYTES_MAX : WAL_UNPREPARED_BYTES_MAX;
      this.fd = openSync(path, prepared ? 'r+' : 'wx', 0o600);
    } catch (cause) {
      throw this.refusal(cause);
    }
    try {
      writeSync(this.fd, encodeFileHeader(Date.now() * 1000), 0, WAL_FILE_HEADER_BYTES, 0);
    } catch (cause) {
      if (!isDiskFull(cause)) throw this.fail(cause);
      closeSync(this.fd);
      unlinkSync(path);
      throw this.refusal(cause);
    }
    this.sizeBytes = WAL_FILE_HEADER_BYTES;
    this.frameCount = 0;
    this.sync();
    try {
      syncPath(this.directory);
    } catch (cause) {
      throw this.fail(cause);
    }
    this.fileCount++;
    this.state = 'OPEN';
    this.opened = true;
  }

  /** No file could be made. Nothing was promised, so the next batch may try again, unless it is the disk that fails. */
  private refusal(cause: unknown): Error {
    const { code } = cause as NodeJS.ErrnoException;
    if (isDiskFull(cause)) return diskFull(NO_ROOM);
    if (code === 'EMFILE' || code === 'ENFILE')
      return overloaded(
        'no file descriptor is free for the write-ahead log',
        'raise the limit of open files (LimitNOFILE)',
      );
    return this.fail(cause);
  }

  /** Takes back what was written of a batch that found no room, so that no start takes its frames for acknowledged ones. */
  private cutBack(): BasaltError | FatalError {
    try {
      ftruncateSync(this.fd, this.sizeBytes);
    } catch (cause) {
      return this.fail(cause);
    }
    this.sync();
    // Its zeros are gone.
    this.limitBytes = Math.min(this.limitBytes, this.sizeBytes + WAL_UNPREPARED_BYTES_MAX);
    return diskFull(NO_ROOM);
  }

  private sync(): void {
    try {
      fdatasyncSync(this.fd);
    } catch (cause) {
      throw this.fail(cause);
    }
  }

  private fail(cause: unknown): FatalError {
    this.state = 'FAILED';
    const path = join(this.directory, this.file);
    return new FatalError(
      `WAL write to ${path} failed (${String(cause)}). Nothing after the last acknowledged batch is promised. ` +
        'Check the disk (dmesg, SMART), then start again: recovery keeps every acknowledged record.',
      { cause },
    );
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

/**
 * How much room the disk of the data directory has, and a reserve of it: a file of zeros that is given up when a deletion, a merge's commit
 * or a start finds none. States: ROOMY → (too little is free) FULL → (enough again) ROOMY. While it is FULL no records are taken, so that
 * merges and the catalog have the rest. The reserve is made anew once there is room. Main thread only.
 */
import { statfsSync, unlinkSync } from 'node:fs';
import { open, statfs, unlink } from 'node:fs/promises';
import type { Logger } from 'pino';
import { DISK_FREE_BYTES, DISK_RESERVE_BYTES } from '../config/limits.js';
import { type BasaltError, diskFull } from '../errors/index.js';

/** Of a small disk, this share is to be free. */
const FREE_SHARE = 1 / 8;
const WATCH_MS = 1000;
const CHUNK_BYTES = 1 << 20;

export interface DiskRoom {
  totalBytes: number;
  freeBytes: number;
}

interface Limits {
  /** No records are taken with less. */
  freeBytes: number;
  reserveBytes: number;
}

export function diskLimits(totalBytes: number): Limits {
  const freeBytes = Math.min(DISK_FREE_BYTES, Math.floor(totalBytes * FREE_SHARE));
  return { freeBytes, reserveBytes: Math.min(DISK_RESERVE_BYTES, Math.floor(freeBytes / 2)) };
}

export class DiskSpace {
  /** Runs when the disk has become full. */
  onFull: () => void = () => {};
  private state: 'ROOMY' | 'FULL' = 'ROOMY';
  private reserve: 'UNKNOWN' | 'THERE' | 'GONE' = 'UNKNOWN';
  private room: DiskRoom = { totalBytes: 0, freeBytes: Number.POSITIVE_INFINITY };
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;

  constructor(
    private readonly root: string,
    private readonly reservePath: string,
    private readonly log: Logger,
    private readonly look: () => Promise<DiskRoom> = async () => roomOf(await statfs(root)),
  ) {}

  get freeBytes(): number {
    return this.room.freeBytes;
  }

  get full(): boolean {
    return this.state === 'FULL';
  }

  /** Gives the reserve up where a start could not even open the catalog without. */
  prepareStart(): void {
    const room = roomOf(statfsSync(this.root));
    if (room.freeBytes < diskLimits(room.totalBytes).reserveBytes) this.giveUp();
  }

  start(): void {
    void this.refresh();
    this.timer = setInterval(() => void this.refresh(), WATCH_MS);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Looks at the disk; the look that is under way, if there is one. */
  refresh(): Promise<void> {
    this.looking ??= this.update()
      .catch((error: unknown) => this.log.warn(`the room on the disk is not known: ${String(error)}`))
      .finally(() => {
        this.looking = undefined;
      });
    return this.looking;
  }

  /** What a sender of records is told while there is too little room. */
  refusal(): BasaltError | undefined {
    if (this.state === 'ROOMY') return undefined;
    const { freeBytes } = diskLimits(this.room.totalBytes);
    return diskFull(
      `the disk is full: ${megabytes(this.room.freeBytes)} are free, records are taken again above ${megabytes(freeBytes)}`,
    );
  }

  /** Gives up the reserve for what cannot wait. @returns false when there is none */
  giveUp(): boolean {
    if (this.reserve === 'GONE') return false;
    this.reserve = 'GONE';
    try {
      unlinkSync(this.reservePath);
      this.log.warn('the disk is full: its reserve was given up, so that deletions and merges go on');
      return true;
    } catch {
      return false;
    }
  }

  private async update(): Promise<void> {
    this.room = await this.look();
    const { totalBytes, freeBytes } = this.room;
    const limits = diskLimits(totalBytes);
    const wanted = limits.freeBytes + (this.reserve === 'GONE' ? limits.reserveBytes : 0);
    if (this.state === 'ROOMY' && freeBytes < limits.freeBytes) {
      this.state = 'FULL';
      this.log.error(
        { freeBytes, neededBytes: limits.freeBytes },
        'the disk is full: records are refused with 507 until there is room; queries, deletions and retention go on',
      );
      this.onFull();
    } else if (this.state === 'FULL' && freeBytes >= wanted + limits.freeBytes / 4) {
      this.state = 'ROOMY';
      this.log.info({ freeBytes }, 'the disk has room again: records are taken');
    }
    if (this.state === 'ROOMY' && this.reserve !== 'THERE' && freeBytes >= wanted)
      await this.makeReserve(limits);
  }

  private async makeReserve({ reserveBytes }: Limits): Promise<void> {
    const file = await open(this.reservePath, 'a', 0o600);
    try {
      const zeros = Buffer.alloc(CHUNK_BYTES);
      for (let { size } = await file.stat(); size < reserveBytes; size += zeros.length)
        await file.write(zeros, 0, Math.min(zeros.length, reserveBytes - size));
      this.reserve = 'THERE';
    } catch (error) {
      await unlink(this.reservePath);
      throw error;
    } finally {
      await file.close();
    }
  }
}

function roomOf({ bsize, blocks, bavail }: { bsize: number; blocks: number; bavail: number }): DiskRoom {
  return { totalBytes: blocks * bsize, freeBytes: bavail * bsize };
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / (1024 * 1024))} MiB`;
}

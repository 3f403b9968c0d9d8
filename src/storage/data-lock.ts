/**
 * One process at a time owns a data directory. The lock is on a file of its own, not on the catalog, so that it also holds while a
 * catalog is missing or replaced. The kernel lets go of it when the process ends, however it ends; the process id in the file is only
 * there to be named.
 */
import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { FatalError, isDiskFull } from '../errors/index.js';
import { tryLock } from '../native/index.js';

/** Somebody who only looks whether the lock is held has it for a moment. */
const ATTEMPTS = 10;
const PAUSE_MS = 100;

export class DataLock {
  private state: 'HELD' | 'RELEASED' = 'HELD';

  private constructor(private readonly fd: number) {}

  /** @throws FatalError when another process holds the lock, or the file cannot be written */
  static acquire(path: string): DataLock {
    const fd = openLockFile(path);
    try {
      for (let attempt = 1; !tryLock(fd); attempt++) {
        if (attempt === ATTEMPTS) throw new FatalError(inUse(path));
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
      }
      tellHolder(fd);
      return new DataLock(fd);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** A second call does nothing. */
  release(): void {
    if (this.state === 'RELEASED') return;
    this.state = 'RELEASED';
    closeSync(this.fd);
  }
}

/** Whether a process holds the lock just now. */
export function isLocked(path: string): boolean {
  if (!existsSync(path)) return false;
  const fd = openSync(path, 'r');
  try {
    return !tryLock(fd);
  } finally {
    closeSync(fd);
  }
}

/** For messages only: a full disk does not keep the lock from being held. */
function tellHolder(fd: number): void {
  try {
    ftruncateSync(fd, 0);
    writeSync(fd, `${process.pid}\n`, 0);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
  }
}

function openLockFile(path: string): number {
  try {
    return openSync(path, 'a', 0o600);
  } catch (cause) {
    throw new FatalError(
      `cannot lock the data directory: ${path} cannot be opened (${String(cause)}). Check its owner and mode.`,
      { cause },
    );
  }
}

function inUse(path: string): string {
  const holder = readFileSync(path, 'utf8').trim();
  return (
    `data directory ${dirname(path)} is in use by another process${holder ? ` (process ${holder})` : ''}, ` +
    `which holds the lock ${path}. Stop it first, or choose another data directory.`
  );
}

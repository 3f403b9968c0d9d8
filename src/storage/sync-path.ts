/** Makes a file's bytes, or a directory's names, durable. */
import { closeSync, fsyncSync, openSync } from 'node:fs';

/** @throws the system's error; what was written before it may be lost, so it is not to be tried again */
export function syncPath(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

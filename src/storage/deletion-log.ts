/**
 * Deletions of streams once more, beside the catalog: the one thing in it that neither segments nor WAL files tell, so that a catalog
 * rebuilt from those does not bring deleted records back. One line a deletion: its JSON, a tab, the CRC-32 of the JSON in hex.
 */
import { closeSync, existsSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';

export interface Deletion {
  organization: string;
  stream: string;
  /** Frames of the stream up to this one are void. */
  sequence: number;
}

/** Durable when it returns. Call before the catalog knows of the deletion, and the deletion is answered. */
export function appendDeletion(path: string, deletion: Deletion): void {
  const json = JSON.stringify(deletion);
  const fd = openSync(path, 'a', 0o600);
  try {
    // The line feed in front ends a line that a crash cut off.
    writeSync(fd, `\n${json}\t${checksum(json)}\n`);
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** The last deletion of each stream, and how many lines are damaged. */
export function readDeletions(path: string): { deletions: Deletion[]; damagedLines: number } {
  const found = new Map<string, Deletion>();
  let damagedLines = 0;
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
  for (const line of lines) {
    if (line === '') continue;
    const [json = '', stored] = line.split('\t');
    if (stored !== checksum(json)) {
      damagedLines++;
      continue;
    }
    const deletion = JSON.parse(json) as Deletion;
    const key = `${deletion.organization}/${deletion.stream}`;
    if ((found.get(key)?.sequence ?? -1) < deletion.sequence) found.set(key, deletion);
  }
  return { deletions: [...found.values()], damagedLines };
}

function checksum(json: string): string {
  return crc32(json).toString(16);
}

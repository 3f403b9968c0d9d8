/**
 * Deletions once more, beside the catalog: the one thing in it that neither segments nor WAL files tell, so that a catalog rebuilt from
 * those does not bring deleted records back. One line a deletion, of a stream or of rows: its JSON, a tab, the CRC-32 of the JSON in hex.
 */
import { closeSync, existsSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { SegmentMetadata } from './merge-task.js';

export interface Deletion {
  organization: string;
  stream: string;
  /** Frames of the stream up to this one are void. */
  sequence: number;
}

/** A merge that left rows out, or segments that were dropped: what it read must not be taken for live again. As a segment would say. */
export type Removal = Pick<
  SegmentMetadata,
  'organization' | 'stream' | 'walMerged' | 'walInputs' | 'inputs' | 'retired' | 'outputs'
>;

export interface LoggedDeletions {
  /** The last of each stream. */
  deletions: Deletion[];
  removals: Removal[];
  damagedLines: number;
}

/** Durable when it returns. Call before the catalog knows of the deletion, and the deletion is answered. */
export function appendDeletion(path: string, deletion: Deletion): void {
  append(path, deletion);
}

/**
 * Durable when it returns. Call when the catalog has committed it, since otherwise what was read is still live; and before the deletion
 * is answered.
 */
export function appendRemoval(path: string, removal: Removal): void {
  append(path, removal);
}

function append(path: string, line: Deletion | Removal): void {
  const json = JSON.stringify(line);
  const fd = openSync(path, 'a', 0o600);
  try {
    // The line feed in front ends a line that a crash cut off.
    writeSync(fd, `\n${json}\t${checksum(json)}\n`);
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

export function readDeletions(path: string): LoggedDeletions {
  const found = new Map<string, Deletion>();
  const removals: Removal[] = [];
  let damagedLines = 0;
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
  for (const line of lines) {
    if (line === '') continue;
    const [json = '', stored] = line.split('\t');
    if (stored !== checksum(json)) {
      damagedLines++;
      continue;
    }
    const parsed = JSON.parse(json) as Deletion | Removal;
    if ('outputs' in parsed) {
      removals.push(parsed);
      continue;
    }
    const key = `${parsed.organization}/${parsed.stream}`;
    if ((found.get(key)?.sequence ?? -1) < parsed.sequence) found.set(key, parsed);
  }
  return { deletions: [...found.values()], removals, damagedLines };
}

function checksum(json: string): string {
  return crc32(json).toString(16);
}

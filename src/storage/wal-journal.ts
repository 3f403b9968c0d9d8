/**
 * Journals: one beside each WAL file, in a folder of their own, with a line for each batch that was made durable there and is about to be
 * acknowledged. A WAL file that lost bytes cannot say what they held; its journal can, to the row. It is written without a sync, so a
 * power cut may leave it behind the WAL, never before it: it accuses nobody wrongly.
 *
 * A line is a JSON array of frames, a tab, and the CRC-32 of the JSON in hex.
 */
import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { JOURNAL_SUFFIX, WAL_SUFFIX } from './layout.js';

/** A frame that was acknowledged. */
export interface JournalFrame {
  sequence: number;
  organization: string;
  stream: string;
  rows: number;
  /** Event time, microseconds. */
  timeMin: number;
  timeMax: number;
  /** Told once a stream and file unless it changes: `name:type` list, comma-joined. */
  schema?: string;
}

export interface Journal {
  frames: JournalFrame[];
  /** Lines that cannot be read. The last one may have been cut off by a crash. */
  damagedLines: number;
}

export function journalName(walFile: string): string {
  return walFile.slice(0, -WAL_SUFFIX.length) + JOURNAL_SUFFIX;
}

export function walFileOf(journal: string): string {
  return journal.slice(0, -JOURNAL_SUFFIX.length) + WAL_SUFFIX;
}

/** The line feed in front ends a line that was cut off before. */
export function journalLine(frames: JournalFrame[]): string {
  const json = JSON.stringify(
    frames.map(({ sequence, organization, stream, rows, timeMin, timeMax, schema }) => [
      sequence,
      organization,
      stream,
      rows,
      timeMin,
      timeMax,
      ...(schema === undefined ? [] : [schema]),
    ]),
  );
  return `\n${json}\t${checksum(json)}\n`;
}

/** @throws the system's error when the file cannot be read */
export function readJournal(path: string): Journal {
  const journal: Journal = { frames: [], damagedLines: 0 };
  const schemas = new Map<string, string>();
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    if (line === '') continue;
    const [json = '', stored] = line.split('\t');
    if (stored !== checksum(json)) {
      journal.damagedLines++;
      continue;
    }
    for (const entry of JSON.parse(json) as [number, string, string, number, number, number, string?][]) {
      const [sequence, organization, stream, rows, timeMin, timeMax, told] = entry;
      const key = `${organization}/${stream}`;
      if (told !== undefined) schemas.set(key, told);
      const schema = schemas.get(key);
      journal.frames.push({ sequence, organization, stream, rows, timeMin, timeMax, schema });
    }
  }
  return journal;
}

function checksum(json: string): string {
  return crc32(json).toString(16);
}

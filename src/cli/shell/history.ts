/**
 * What was typed, across sessions: a file with an entry a line, the newest last. A shell without it works as well, so failures are ignored.
 */
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** Entries that are kept; the file is cut when it has twice as many. */
export const HISTORY_MAX = 1000;

/** Of the XDG base directories. */
export function historyFile(environment = process.env): string {
  const state = environment.XDG_STATE_HOME || join(homedir(), '.local', 'state');
  return join(state, 'basalt', 'query-history');
}

export class History {
  /** The newest first, as the line editor wants it; it adds each line by itself. */
  readonly entries: string[];

  constructor(private readonly file: string) {
    let lines: string[] = [];
    try {
      lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
      if (lines.length > 2 * HISTORY_MAX) {
        lines = lines.slice(-HISTORY_MAX);
        writeFileSync(file, `${lines.join('\n')}\n`);
      }
    } catch {
      // The first session, or a home that cannot be read.
    }
    this.entries = lines.slice(-HISTORY_MAX).reverse();
  }

  /** Keeps the lines of one statement or command, as one entry where that means the same. */
  record(lines: string[]): void {
    const typed = lines.filter((line) => line.trim() !== '');
    if (typed.length === 0) return;
    // A comment up to the end of its line would swallow the next one.
    const joined = typed.some((line) => line.includes('--')) ? typed : [typed.join(' ')];
    for (const line of typed) {
      const at = this.entries.indexOf(line);
      if (at >= 0) this.entries.splice(at, 1);
    }
    this.entries.unshift(...[...joined].reverse());
    try {
      mkdirSync(dirname(this.file), { recursive: true, mode: 0o700 });
      appendFileSync(this.file, `${joined.join('\n')}\n`, { mode: 0o600 });
    } catch {
      // Kept for this session only.
    }
  }
}

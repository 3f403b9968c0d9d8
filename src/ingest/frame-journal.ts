/**
 * Writes the journals of one ingest worker (`src/storage/wal-journal.ts`). A journal that cannot be written costs no record and no request:
 * only what a damaged WAL file has lost could be told less exactly.
 */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type JournalFrame, journalLine, journalName } from '../storage/wal-journal.js';

export class FrameJournal {
  private fd: number | undefined;
  private walFile = '';
  /** Told in the open journal, by stream. */
  private readonly schemas = new Map<string, string>();
  private failed = 0;

  constructor(private readonly directory: string) {}

  /** Writes that failed since the last call. */
  takeFailures(): number {
    const { failed } = this;
    this.failed = 0;
    return failed;
  }

  /** Call when the frames are durable, before they are acknowledged. */
  add(walFile: string, frames: JournalFrame[]): void {
    if (walFile !== this.walFile) {
      this.close();
      this.walFile = walFile;
    }
    try {
      this.fd ??= openSync(join(this.directory, journalName(walFile)), 'a', 0o600);
      writeSync(this.fd, journalLine(frames.map((frame) => this.withNewSchema(frame))));
    } catch {
      this.failed++;
      this.schemas.clear();
    }
  }

  /** The WAL file gets no more frames: the one sync of a journal. */
  close(): void {
    this.schemas.clear();
    this.walFile = '';
    if (this.fd === undefined) return;
    try {
      fdatasyncSync(this.fd);
    } catch {
      this.failed++;
    }
    closeSync(this.fd);
    this.fd = undefined;
  }

  private withNewSchema(frame: JournalFrame): JournalFrame {
    const key = `${frame.organization}/${frame.stream}`;
    if (this.schemas.get(key) === frame.schema) return { ...frame, schema: undefined };
    if (frame.schema !== undefined) this.schemas.set(key, frame.schema);
    return frame;
  }
}

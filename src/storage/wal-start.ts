/** The WAL folder and its journals as a start finds them: reads both, tells what is wrong with them, leaves them as they are. */
import { existsSync, readdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { FatalError } from '../errors/index.js';
import type { CatalogContents } from './catalog.js';
import { type DataLayout, JOURNAL_SUFFIX, WAL_SUFFIX } from './layout.js';
import { lossText } from './losses.js';
import type { RecoveredBlock, WalContents } from './recovery.js';
import { WAL_FILE_HEADER_BYTES } from './wal-format.js';
import { type Journal, journalLine, journalName, readJournal, walFileOf } from './wal-journal.js';
import { type Replay, replay } from './wal-replay.js';

export type WalReader = (path: string) => Promise<WalContents>;

export interface WalStart extends Replay<RecoveredBlock> {
  files: Map<string, WalContents>;
  /** By the name of the WAL file. */
  journals: Map<string, Journal>;
}

/** @throws FatalError when another version wrote a file */
export async function readWalFolder(
  layout: DataLayout,
  catalog: CatalogContents,
  readWal: WalReader,
  log: Logger,
): Promise<WalStart> {
  const names = readdirSync(layout.wal)
    .filter((file) => file.endsWith(WAL_SUFFIX))
    .sort();
  const contents = await Promise.all(names.map((file) => readWal(join(layout.wal, file))));
  const files = new Map(names.map((file, index) => [file, contents[index] as WalContents]));
  for (const [file, { foreign }] of files) {
    if (foreign === undefined) continue;
    throw new FatalError(
      `${join(layout.wal, file)}: ${foreign}. It may hold acknowledged records of another version; ` +
        'start the version that wrote it, or move the file away.',
    );
  }
  const journals = readJournals(layout);
  const result = replay({ catalog, files, journals });
  report(layout, { ...result, files, journals }, log);
  return { ...result, files, journals };
}

export function readJournals(layout: DataLayout): Map<string, Journal> {
  if (!existsSync(layout.journal)) return new Map();
  return new Map(
    readdirSync(layout.journal)
      .filter((name) => name.endsWith(JOURNAL_SUFFIX))
      .map((name) => [walFileOf(name), readJournal(join(layout.journal, name))]),
  );
}

/** What the catalog has taken over goes from the journals. */
export function tidyJournals(layout: DataLayout, { journals, remaining, absent }: WalStart): void {
  for (const file of journals.keys()) {
    const path = join(layout.journal, journalName(file));
    const rest = remaining.get(file);
    if (absent.has(file)) unlinkSync(path);
    else if (rest)
      writeFileSync(path, rest.map((frame) => journalLine([frame])).join(''), { mode: 0o600, flush: true });
  }
}

function report(layout: DataLayout, start: WalStart, log: Logger): void {
  const { files, journals, losses, damaged, copies, duplicates } = start;
  for (const [file, { tornTail, damage, blocks }] of files) {
    const lost = losses.filter((loss) => loss.file === file);
    // A whole file header without one good frame: not a crash while the file was made, so somebody should look at it.
    const unreadable =
      tornTail?.offset === 0 && blocks.length === 0 && tornTail.bytes > WAL_FILE_HEADER_BYTES;
    if (unreadable) damaged.add(file);
    if (tornTail && tornTail.bytes > 0 && lost.length === 0)
      log.info({ file, ...tornTail }, 'dropped the unacknowledged end of a WAL file');
    if (!damaged.has(file)) continue;
    log.error(
      { file, damage: tornTail && lost.length > 0 ? [...damage, tornTail] : damage },
      `WAL file ${file} is damaged: what is good of it was recovered; the file will be kept in ${layout.quarantine}`,
    );
  }
  for (const loss of losses) {
    const where = files.has(loss.file) ? 'is damaged' : 'is not there';
    log.error(
      { loss },
      `acknowledged records are lost: WAL file ${loss.file} ${where}; of ${lossText(loss)}. Answers over them are partial until ` +
        'POST /node/losses/acknowledge, or `basalt repair --acknowledge`, says that it is known',
    );
  }
  for (const [file, { damagedLines }] of journals) {
    // The last line of a process that was killed.
    if (damagedLines > 1)
      log.warn({ file: journalName(file), damagedLines }, 'a journal of the WAL is damaged');
  }
  if (duplicates > 0) log.warn({ duplicates }, 'frames lie in the WAL more than once; each counts once');
  for (const file of copies)
    log.warn({ file }, `nothing in this WAL file is needed, it is a copy: it goes to ${layout.quarantine}`);
}

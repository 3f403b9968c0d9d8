/**
 * What the WAL files, their journals and the catalog say together, at start: which frames are to be live, and which were acknowledged and
 * are nowhere. Decides only; nothing is written. A frame counts once, by its sequence and content, wherever it lies: in its own file, in a
 * copy under another name, or twice in one file.
 */
import { crc32 } from 'node:zlib';
import type { CatalogContents } from './catalog.js';
import type { NewLoss } from './losses.js';
import type { Damage } from './recovery.js';
import { type Frame, parseWalFileName, walFileName } from './wal-format.js';
import type { Journal, JournalFrame } from './wal-journal.js';

/** A frame that was read whole. */
export interface FoundBlock {
  frame: Frame;
  /** Of the block; or what stands for it, if all frames have the same. */
  header: Uint8Array;
}

export interface ReplayInput<B extends FoundBlock> {
  catalog: Pick<CatalogContents, 'walMerged' | 'walFiles' | 'walGone' | 'deletions'>;
  /** By name. */
  files: ReadonlyMap<string, { blocks: readonly B[]; damage: readonly Damage[] }>;
  /** By the name of the WAL file. */
  journals: ReadonlyMap<string, Journal>;
}

export interface ReplayedFrame<B extends FoundBlock> {
  block: B;
  /** Name of the file that the frame was written for. */
  home: string;
  /** Name of the file that it lies in. */
  liesIn: string;
}

export interface Replay<B extends FoundBlock> {
  /** To be made live, by sequence. */
  live: ReplayedFrame<B>[];
  lastSequence: number;
  losses: NewLoss[];
  /** Files of which something is lost or damaged: they are kept for the operator. */
  damaged: Set<string>;
  /** Files that hold nothing but copies of frames that count elsewhere, or are in segments already. */
  copies: Set<string>;
  /** Frames that lie somewhere a second time. */
  duplicates: number;
  /** WAL files that are not there, of which nothing is live in another. */
  absent: Set<string>;
  /** What is left of the journals that told of losses. */
  remaining: Map<string, JournalFrame[]>;
}

export function replay<B extends FoundBlock>({ catalog, files, journals }: ReplayInput<B>): Replay<B> {
  const merged = new Map(
    catalog.walMerged.map(({ file, organization, stream, sequence }) => [
      `${file}\0${organization}/${stream}`,
      sequence,
    ]),
  );
  const voidUpTo = new Map(
    catalog.deletions.map(({ organization, stream, sequence }) => [`${organization}/${stream}`, sequence]),
  );
  const gone = goneFiles(catalog.walGone);
  const found = new FoundFrames();
  const result: Replay<B> = {
    live: [],
    lastSequence: 0,
    losses: [],
    damaged: new Set(),
    copies: new Set(),
    duplicates: 0,
    absent: new Set(),
    remaining: new Map(),
  };
  const done = (home: string, key: string, sequence: number) =>
    gone(home) || sequence <= (merged.get(`${home}\0${key}`) ?? 0) || sequence <= (voidUpTo.get(key) ?? 0);
  // Its own file before any copy; and of frames that do not tell, the file that the catalog knows.
  const known = new Set([...catalog.walMerged, ...catalog.walFiles].map(({ file }) => file));
  const ordered = [...files].sort(([a], [b]) => Number(known.has(b)) - Number(known.has(a)));
  for (const own of [true, false]) {
    for (const [liesIn, { blocks }] of ordered) {
      for (const block of blocks) {
        const { frame } = block;
        const home = frame.home ? walFileName(frame.home) : liesIn;
        if ((home === liesIn) !== own) continue;
        result.lastSequence = Math.max(result.lastSequence, frame.sequence);
        if (!found.add(home, block)) {
          result.duplicates++;
          continue;
        }
        if (done(home, `${frame.organization}/${frame.stream}`, frame.sequence)) continue;
        result.live.push({ block, home, liesIn });
      }
    }
  }
  result.live.sort((a, b) => a.block.frame.sequence - b.block.frame.sequence);
  const needed = new Set(result.live.flatMap(({ home, liesIn }) => [home, liesIn]));
  for (const [file, { blocks }] of files) {
    const foreign = blocks.some(({ frame }) => frame.home && walFileName(frame.home) !== file);
    if (foreign && !needed.has(file)) result.copies.add(file);
  }
  const homes = new Set([...journals.keys(), ...catalog.walFiles.map(({ file }) => file)]);
  for (const home of homes) {
    if (!files.has(home) && !needed.has(home)) result.absent.add(home);
    if (gone(home)) continue;
    const expected = journals.get(home)?.frames ?? [];
    const missing = expected.filter(
      ({ sequence, organization, stream }) =>
        !found.has(home, sequence) && !done(home, `${organization}/${stream}`, sequence),
    );
    result.losses.push(...byStream(home, missing));
    const counted = found.countWith(home, expected);
    const row = catalog.walFiles.find(({ file }) => file === home);
    // Its journal is lost too: only the catalog knows how much there was.
    if (row && row.frames > counted.frames) {
      const { timeMin, timeMax } = row;
      const lost = { frames: row.frames - counted.frames, rows: Math.max(0, row.rows - counted.rows) };
      result.losses.push({ ...unknownLoss(home), ...lost, timeMin, timeMax });
    }
    if (missing.length > 0) {
      const lost = new Set(missing);
      result.remaining.set(
        home,
        expected.filter((frame) => !lost.has(frame)),
      );
    }
  }
  for (const { file } of result.losses) if (files.has(file)) result.damaged.add(file);
  addUnexplained(result, files, journals, found, gone);
  return result;
}

/** Damage with good frames behind it was acknowledged, though no journal and no catalog tells of it (a file of an earlier version). */
function addUnexplained<B extends FoundBlock>(
  result: Replay<B>,
  files: ReplayInput<B>['files'],
  journals: ReplayInput<B>['journals'],
  found: FoundFrames,
  gone: (file: string) => boolean,
): void {
  for (const [file, { damage }] of files) {
    if (damage.length === 0) continue;
    result.damaged.add(file);
    if (result.copies.has(file) || gone(file)) continue;
    if (result.losses.some((loss) => loss.file === file) || journals.has(file)) continue;
    const frames = found.gaps(file);
    if (frames !== 0) result.losses.push({ ...unknownLoss(file), frames: frames ?? 0 });
  }
}

/** Frames that were found, by the files that they were written for. */
class FoundFrames {
  private readonly keys = new Set<string>();
  private readonly homes = new Map<string, { sequences: Set<number>; rows: number; numbers: Set<number> }>();

  /** @returns false when the frame was found before */
  add(home: string, { frame, header }: FoundBlock): boolean {
    // The sequence alone would do, were it not given out anew after a catalog was lost.
    const key = `${frame.sequence} ${crc32(header)} ${frame.organization}/${frame.stream}`;
    if (this.keys.has(key)) return false;
    this.keys.add(key);
    let known = this.homes.get(home);
    if (!known) {
      known = { sequences: new Set(), rows: 0, numbers: new Set() };
      this.homes.set(home, known);
    }
    known.sequences.add(frame.sequence);
    known.rows += frame.rows;
    if (frame.home) known.numbers.add(frame.home.frame);
    return true;
  }

  has(home: string, sequence: number): boolean {
    return this.homes.get(home)?.sequences.has(sequence) ?? false;
  }

  /** Those that were found or are known of. */
  countWith(home: string, expected: JournalFrame[]): { frames: number; rows: number } {
    const known = this.homes.get(home);
    const others = expected.filter(({ sequence }) => !known?.sequences.has(sequence));
    return {
      frames: (known?.sequences.size ?? 0) + others.length,
      rows: (known?.rows ?? 0) + others.reduce((sum, { rows }) => sum + rows, 0),
    };
  }

  /** Frames of a file that are missing before others; undefined: they have no numbers. */
  gaps(home: string): number | undefined {
    const numbers = this.homes.get(home)?.numbers;
    if (!numbers || numbers.size === 0) return undefined;
    let last = 0;
    for (const number of numbers) last = Math.max(last, number);
    return last + 1 - numbers.size;
  }
}

function goneFiles(ranges: CatalogContents['walGone']): (file: string) => boolean {
  const byWorker = new Map<string, [number, number][]>();
  for (const { boot, worker, first, last } of ranges) {
    const key = `${boot}-${worker}`;
    byWorker.set(key, [...(byWorker.get(key) ?? []), [first, last]]);
  }
  return (name) => {
    const parsed = parseWalFileName(name);
    if (!parsed) return false;
    const known = byWorker.get(`${parsed.boot}-${parsed.worker}`) ?? [];
    return known.some(([first, last]) => first <= parsed.file && parsed.file <= last);
  };
}

function byStream(file: string, missing: JournalFrame[]): NewLoss[] {
  const losses = new Map<string, NewLoss & { schemas: Set<string> }>();
  for (const { sequence, organization, stream, rows, timeMin, timeMax, schema } of missing) {
    const key = `${organization}/${stream}`;
    const loss = losses.get(key) ?? {
      ...unknownLoss(file),
      organization,
      stream,
      timeMin,
      timeMax,
      firstSequence: sequence,
      schemas: new Set<string>(),
    };
    loss.frames++;
    loss.rows += rows;
    loss.timeMin = Math.min(loss.timeMin ?? timeMin, timeMin);
    loss.timeMax = Math.max(loss.timeMax ?? timeMax, timeMax);
    loss.firstSequence = Math.min(loss.firstSequence, sequence);
    loss.lastSequence = Math.max(loss.lastSequence, sequence);
    if (schema !== undefined) loss.schemas.add(schema);
    losses.set(key, loss);
  }
  return [...losses.values()].map(({ schemas, ...loss }) => ({ ...loss, schema: [...schemas].join('\n') }));
}

function unknownLoss(file: string): NewLoss {
  return {
    file,
    organization: '',
    stream: '',
    frames: 0,
    rows: 0,
    timeMin: null,
    timeMax: null,
    firstSequence: 0,
    lastSequence: 0,
    schema: '',
  };
}

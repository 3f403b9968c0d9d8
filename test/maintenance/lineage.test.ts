/**
 * A model of the store that knows which rows are live, is stopped at any moment, and loses its catalog: what the files tell must give back
 * exactly these rows. A row is one frame here, by its sequence number.
 */
import { describe, expect, test } from 'vitest';
import { resolveLineage } from '../../src/maintenance/lineage.js';
import type { Deletion, Removal } from '../../src/storage/deletion-log.js';
import type { SegmentMetadata } from '../../src/storage/merge-task.js';
import { chooseSeed, long, Random } from '../harness/random.js';

interface Segment {
  file: string;
  metadata: SegmentMetadata;
  rows: Set<number>;
}

interface Frame {
  sequence: number;
  stream: string;
}

const STREAMS = ['a', 'b', 'c'];

class Model {
  /** What lies on disk. */
  readonly files = new Map<string, Segment>();
  readonly wal = new Map<string, { frames: Frame[]; open: boolean }>();
  readonly deletions: Deletion[] = [];
  readonly removals: Removal[] = [];
  /** What the catalog says. */
  live = new Set<Segment>();
  private merged = new Map<string, number>();
  private retired = new Map<string, Segment>();
  private sequence = 0;
  private names = 2;

  constructor(private readonly random: Random) {
    this.wal.set('w0', { frames: [], open: true });
    this.wal.set('w1', { frames: [], open: true });
  }

  step(): void {
    const { random } = this;
    const roll = random.int(0, 99);
    const stream = random.pick(STREAMS);
    if (roll < 45) this.append(stream);
    else if (roll < 65) this.mergeWal(stream, random.chance(0.08));
    else if (roll < 80) this.compact(stream, random.chance(0.08));
    else if (roll < 90) this.removeRetired(random.chance(0.5) ? 1 : 99);
    else if (roll < 93) this.delete(stream);
    else if (roll < 96) this.rotate();
    else if (roll < 98) this.removeRows(stream);
    else this.restart();
    this.removeWal();
  }

  /** Rows that a query would find, by stream. */
  truth(): Set<number> {
    const rows = new Set<number>();
    for (const segment of this.live) for (const row of segment.rows) rows.add(row);
    for (const stream of STREAMS) for (const { frame } of this.unmerged(stream)) rows.add(frame.sequence);
    return rows;
  }

  private voidUpTo(stream: string): number {
    return Math.max(
      0,
      ...this.deletions.filter((each) => each.stream === stream).map(({ sequence }) => sequence),
    );
  }

  private unmerged(stream: string): { file: string; frame: Frame }[] {
    const found = [...this.wal].flatMap(([file, { frames }]) =>
      frames
        .filter((frame) => frame.stream === stream)
        .filter(({ sequence }) => sequence > (this.merged.get(`${file}/${stream}`) ?? 0))
        .filter(({ sequence }) => sequence > this.voidUpTo(stream))
        .map((frame) => ({ file, frame })),
    );
    return found.sort((a, b) => a.frame.sequence - b.frame.sequence);
  }

  private append(stream: string): void {
    const open = [...this.wal.values()].filter((file) => file.open);
    this.random.pick(open).frames.push({ sequence: ++this.sequence, stream });
  }

  private mergeWal(stream: string, cutOff: boolean): void {
    const found = this.unmerged(stream);
    const picked = found.slice(0, this.random.int(1, 6));
    if (picked.length === 0) return;
    const walInputs: SegmentMetadata['walInputs'] = {};
    for (const { file, frame } of picked) {
      walInputs[file] = [walInputs[file]?.[0] ?? frame.sequence, frame.sequence];
    }
    const rows = picked.map(({ frame }) => frame.sequence);
    const done = this.write(stream, rows, rows[0] as number, walInputs, [], cutOff);
    if (!done) return;
    for (const [file, [, last]] of Object.entries(walInputs)) this.merged.set(`${file}/${stream}`, last);
    for (const segment of done) this.live.add(segment);
  }

  private compact(stream: string, cutOff: boolean): void {
    const candidates = [...this.live].filter(({ metadata }) => metadata.stream === stream);
    const picked = this.random.sample(candidates, this.random.int(2, 3));
    if (picked.length < 2) return;
    const rows = picked.flatMap((segment) => [...segment.rows]);
    const first = Math.min(...picked.map(({ metadata }) => metadata.firstSequence));
    const inputs = picked.map(({ file }) => file);
    const done = this.write(stream, rows, first, {}, inputs, cutOff);
    if (!done) return;
    for (const segment of picked) this.retire(segment);
    for (const segment of done) this.live.add(segment);
  }

  /** Writes one to three outputs; cut off, only some of them or all, and the process ends before the commit. */
  private write(
    stream: string,
    rows: number[],
    firstSequence: number,
    walInputs: SegmentMetadata['walInputs'],
    inputs: string[],
    cutOff: boolean,
  ): Segment[] | undefined {
    const parts = Math.min(rows.length, this.random.int(1, 3));
    const outputs = Array.from({ length: parts }, () => `s${this.names++}`);
    const walMerged: Record<string, number> = {};
    for (const file of this.wal.keys()) {
      const known = Math.max(this.merged.get(`${file}/${stream}`) ?? 0, walInputs[file]?.[1] ?? 0);
      if (known > 0) walMerged[file] = known;
    }
    const sequence = ++this.sequence;
    const segments = outputs.map((file, part) => ({
      file,
      rows: new Set(rows.filter((_, index) => index % parts === part)),
      metadata: {
        organization: 'o',
        stream,
        streamCreatedUs: 0,
        firstSequence,
        walMerged,
        walInputs,
        inputs,
        retired: [...this.retired.keys()],
        outputs,
        sequence,
      },
    }));
    const written = cutOff ? segments.slice(0, this.random.int(0, parts)) : segments;
    for (const segment of written) this.files.set(segment.file, segment);
    if (!cutOff) return segments;
    if (this.random.chance(0.5)) this.restart();
    else this.stopped = true;
    return undefined;
  }

  stopped = false;

  private retire(segment: Segment): void {
    this.live.delete(segment);
    this.retired.set(segment.file, segment);
  }

  private removeRetired(count: number): void {
    for (const file of this.random.sample([...this.retired.keys()], count)) {
      this.retired.delete(file);
      this.files.delete(file);
    }
  }

  private delete(stream: string): void {
    this.deletions.push({ organization: 'o', stream, sequence: this.sequence });
    for (const segment of [...this.live]) if (segment.metadata.stream === stream) this.retire(segment);
  }

  /** A deletion by query: what is in the WAL is merged without some rows, or a segment is written anew without them. */
  private removeRows(stream: string): void {
    const { random } = this;
    const stays = () => random.chance(0.5);
    const found = this.unmerged(stream).slice(0, random.int(0, 6));
    const walInputs: Removal['walInputs'] = {};
    for (const { file, frame } of found)
      walInputs[file] = [walInputs[file]?.[0] ?? frame.sequence, frame.sequence];
    const [segment] = random.sample(
      [...this.live].filter(({ metadata }) => metadata.stream === stream),
      1,
    );
    let written: Segment[] = [];
    let inputs: string[] = [];
    if (found.length > 0) {
      const rows = found.map(({ frame }) => frame.sequence).filter(stays);
      const first = found[0]?.frame.sequence as number;
      if (rows.length > 0) written = this.write(stream, rows, first, walInputs, [], false) as Segment[];
      for (const [file, [, last]] of Object.entries(walInputs)) this.merged.set(`${file}/${stream}`, last);
    } else if (segment) {
      inputs = [segment.file];
      const rows = [...segment.rows].filter(stays);
      const { firstSequence } = segment.metadata;
      if (rows.length > 0) written = this.write(stream, rows, firstSequence, {}, inputs, false) as Segment[];
    } else return;
    for (const each of written) this.live.add(each);
    const walMerged: Record<string, number> = {};
    for (const file of this.wal.keys()) {
      const known = this.merged.get(`${file}/${stream}`);
      if (known !== undefined) walMerged[file] = known;
    }
    const retired = [...this.retired.keys()];
    this.removals.push({
      organization: 'o',
      stream,
      walMerged,
      retired,
      inputs,
      walInputs,
      outputs: written.map(({ file }) => file),
    });
    if (segment && inputs.length > 0) this.retire(segment);
  }

  private rotate(): void {
    for (const file of this.wal.values()) file.open = false;
    for (let worker = 0; worker < 2; worker++) this.wal.set(`w${this.names++}`, { frames: [], open: true });
  }

  private removeWal(): void {
    const needed = new Set(STREAMS.flatMap((stream) => this.unmerged(stream).map(({ file }) => file)));
    for (const [name, { open }] of this.wal) if (!open && !needed.has(name)) this.wal.delete(name);
  }

  /** The server starts again with its catalog: unknown segments are moved aside, retired ones go. */
  private restart(): void {
    for (const segment of this.files.values()) if (!this.live.has(segment)) this.files.delete(segment.file);
    this.retired.clear();
    this.rotate();
  }
}

/** Rows that the files give back without a catalog; a row that comes twice is told. */
function recovered(model: Model, damaged: ReadonlySet<string> = new Set()) {
  const walFiles = new Set(model.wal.keys());
  const around = {
    damaged,
    walFiles,
    wholeWalFiles: walFiles,
    deletions: model.deletions,
    removals: model.removals,
  };
  const { live, dead, walMerged } = resolveLineage([...model.files.values()], around);
  const rows = live.flatMap((segment) => [...segment.rows]);
  for (const [file, { frames }] of model.wal) {
    for (const { sequence, stream } of frames) {
      const upTo = walMerged.get(`o/${stream}`)?.get(file) ?? 0;
      const voided = model.deletions.some((each) => each.stream === stream && sequence <= each.sequence);
      if (sequence > upTo && !voided) rows.push(sequence);
    }
  }
  return { rows: rows.sort((a, b) => a - b), live, dead };
}

const seed = chooseSeed();

describe(`without a catalog (BASALT_SEED=${seed})`, () => {
  test('the files give back exactly the rows that were live, whenever the crash came', () => {
    let compared = 0;
    let dead = 0;
    for (let round = 0; round < (long ? 20_000 : 500); round++) {
      const model = new Model(new Random(seed + round));
      for (let step = 0; step < 120 && !model.stopped; step++) {
        model.step();
        if (step % 10 !== 0 && !model.stopped) continue;
        const found = recovered(model);
        const expected = [...model.truth()].sort((a, b) => a - b);
        expect(found.rows, `seed ${seed + round}, step ${step}`).toEqual(expected);
        compared++;
        dead += found.dead.length;
      }
    }
    expect(dead).toBeGreaterThan(compared / 4);
  });

  test('a damaged segment whose inputs are there costs nothing, any other only its own rows', () => {
    let saved = 0;
    let lost = 0;
    for (let round = 0; round < (long ? 10_000 : 1000); round++) {
      const random = new Random(seed ^ round);
      const model = new Model(random);
      for (let step = random.int(5, 80); step > 0 && !model.stopped; step--) model.step();
      const file = random.pick([...model.files.keys(), '']);
      const segment = model.files.get(file);
      if (!segment) continue;
      const found = recovered(model, new Set([file]));
      const expected = [...model.truth()].sort((a, b) => a - b);
      expect(found.rows, `seed ${seed ^ round}`).toEqual(expected);
      if (found.live.includes(segment)) lost++;
      else if (model.live.has(segment)) saved++;
    }
    expect(Math.min(saved, lost)).toBeGreaterThan(10);
  });
});

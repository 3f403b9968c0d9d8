/** The store over real files: what is live, what a restart brings back, and which files go when. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { COMPACT_SEGMENTS, PARTITION_ROWS_MIN } from '../../src/config/limits.js';
import { FatalError } from '../../src/errors/index.js';
import type { LiveSegment, Stream } from '../../src/storage/stream.js';
import { encodeFileHeader, WAL_FILE_HEADER_BYTES } from '../../src/storage/wal-format.js';
import { SeededRandom, testSeed } from '../ring/seeded-random.js';
import { StoreBench } from './store-bench.js';
import { temporaryFolder } from './temporary-folder.js';

async function opened(): Promise<StoreBench> {
  const bench = new StoreBench();
  await bench.open();
  return bench;
}

function found(bench: StoreBench, name: string): Stream {
  const stream = bench.store.find('default', name);
  if (!stream) throw new Error(`no stream ${name}`);
  return stream;
}

describe('what is live', () => {
  test('a batch is, at once, under its organization and stream', async () => {
    const bench = await opened();
    bench.ingestIds('logs', [1, 2]);
    bench.ingest('logs', [{ id: 9 }], 'other');
    expect([await bench.ids('logs'), await bench.ids('logs', 'other'), await bench.ids('nothing')]).toEqual([
      [1, 2],
      [9],
      [],
    ]);
    expect([...bench.store.streamsOf('default').keys()]).toEqual(['logs']);
    expect(found(bench, 'logs')).toMatchObject({
      rows: 2,
      timeRange: { min: 1_700_000_000_000_001, max: 1_700_000_000_000_002 },
    });
    expect(bench.store.walFiles.bytes).toBe(
      statSync(join(bench.layout.wal, bench.walFiles()[0] as string)).size,
    );
  });

  test('a merge swaps blocks for a segment, and each row stays once', async () => {
    const bench = await opened();
    for (let index = 0; index < 5; index++) bench.ingestIds('logs', [index * 2, index * 2 + 1]);
    const bytesBefore = found(bench, 'logs').bytes;
    await bench.flush();
    expect(await bench.ids('logs')).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const stream = found(bench, 'logs');
    expect([stream.blocks.length, stream.segments.length, stream.rows]).toEqual([0, 1, 10]);
    expect(stream.bytes).not.toBe(bytesBefore);
    expect(bench.segmentFiles()).toHaveLength(1);
  });

  test('the schema widens over blocks and keeps its version until it changes', async () => {
    const bench = await opened();
    bench.ingest('logs', [{ n: 1 }]);
    const stream = found(bench, 'logs');
    const version = stream.schemaVersion;
    bench.ingest('logs', [{ n: 2 }]);
    expect(stream.schemaVersion).toBe(version);
    bench.ingest('logs', [{ n: 2.5, text: 'x' }]);
    expect(stream.schemaVersion).not.toBe(version);
    expect([...stream.schema].toSorted()).toEqual([
      ['_timestamp', 'int64'],
      ['n', 'float64'],
      ['text', 'string'],
    ]);
  });

  test('an event time at the end of the range does not keep its stream from being merged', async () => {
    const bench = await opened();
    bench.ingest(
      'logs',
      '[{"_timestamp":1e30,"id":1},{"_timestamp":-1e30,"id":2},{"_timestamp":9223372036854775807,"id":3}]',
    );
    await bench.flush();
    expect(await bench.ids('logs')).toEqual([1, 2, 3]);
    await bench.reopen();
    expect(await bench.ids('logs')).toEqual([1, 2, 3]);
  });
});

describe('a restart', () => {
  test('brings back blocks from the WAL, in order, with their schema', async () => {
    const bench = await opened();
    for (let index = 0; index < 4; index++) bench.ingestIds('logs', [index]);
    const sequence = bench.store.currentSequence();
    expect(await bench.reopen()).toEqual({ segments: 0, blocks: 4, rows: 4, removals: [] });
    expect(await bench.ids('logs')).toEqual([0, 1, 2, 3]);
    expect(bench.store.currentSequence()).toBe(sequence);
    expect(found(bench, 'logs').schema.get('message')).toBe('string');
    bench.ingestIds('logs', [4]);
    expect(found(bench, 'logs').blocks.at(-1)?.sequence).toBe(sequence + 1);
  });

  test('brings back segments, and of a WAL file that is still needed only what was not merged', async () => {
    const bench = await opened();
    bench.ingestIds('early', [1, 2]);
    const { store } = bench;
    // Only this stream is merged; the other one keeps the common WAL file alive.
    await bench.flush();
    bench.ingestIds('late', [3]);
    bench.ingestIds('early', [4]);
    expect(store.walFiles.count).toBe(1);
    const counts = await bench.reopen();
    expect(counts).toEqual({ segments: 1, blocks: 2, rows: 4, removals: [] });
    expect([await bench.ids('early'), await bench.ids('late')]).toEqual([[1, 2, 4], [3]]);
    expect(found(bench, 'early').blocks).toHaveLength(1);
    await bench.flush();
    expect([await bench.ids('early'), await bench.ids('late')]).toEqual([[1, 2, 4], [3]]);
    // The file of the earlier process is closed, so it goes with its last block.
    expect(bench.walFiles()).toEqual([]);
    expect(store.catalog === bench.store.catalog).toBe(false);
    await bench.store.close();
    expect(await bench.open()).toMatchObject({ segments: 3, blocks: 0 });
  });

  test('after a crash between the segment`s rename and the catalog`s commit has every row once', async () => {
    const bench = await opened();
    bench.ingestIds('logs', [1, 2, 3]);
    await bench.flush();
    bench.ingestIds('logs', [4, 5]);
    const [segment] = bench.segmentFiles();
    writeFileSync(
      join(bench.layout.segments, '1-dead-000000.seg'),
      readFileSync(join(bench.layout.segments, segment as string)),
    );
    writeFileSync(join(bench.layout.segments, '1-dead-000001.seg.tmp'), 'half');
    writeFileSync(join(bench.layout.segments, 'README'), 'somebody`s note');
    await bench.reopen();
    expect(await bench.ids('logs')).toEqual([1, 2, 3, 4, 5]);
    expect(bench.segmentFiles()).toEqual([segment, 'README'].toSorted());
  });

  test('after a crash removes a segment that was being written, whole or not', async () => {
    const bench = await opened();
    bench.ingestIds('logs', [1]);
    await bench.flush();
    const [live] = bench.segmentFiles();
    const [written, half] = bench.store.beginSegments([found(bench, 'logs'), found(bench, 'logs')]);
    cpSync(join(bench.layout.segments, live as string), bench.store.segmentPath(written as string));
    writeFileSync(bench.store.segmentPath(`${half}.tmp`), 'half');
    await bench.reopen();
    expect([bench.segmentFiles(), readdirSync(bench.layout.quarantine)]).toEqual([[live], []]);
  });

  test('after a torn last batch has everything before it, and goes on', async () => {
    const bench = await opened();
    bench.ingestIds('logs', [1]);
    const file = join(bench.layout.wal, bench.walFiles()[0] as string);
    const whole = statSync(file).size;
    bench.ingestIds('logs', [2]);
    truncateSync(file, whole + 20);
    await bench.reopen();
    bench.ingestIds('logs', [3]);
    expect(await bench.ids('logs')).toEqual([1, 3]);
    await bench.reopen();
    expect(await bench.ids('logs')).toEqual([1, 3]);
  });

  test('never gives a sequence out again, even when no WAL file is left', async () => {
    const bench = await opened();
    bench.ingestIds('logs', [1]);
    bench.ingestIds('logs', [2]);
    await bench.flush();
    await bench.reopen();
    expect(bench.walFiles()).toEqual([]);
    // Two batches and the merge.
    expect(bench.store.currentSequence()).toBe(3);
    bench.ingestIds('logs', [3]);
    await bench.reopen();
    expect(await bench.ids('logs')).toEqual([1, 2, 3]);
  });

  test('keeps a WAL file that it does not understand', async () => {
    const bench = await opened();
    bench.ingestIds('logs', [1]);
    await bench.store.close();
    const newer = Buffer.from(encodeFileHeader(1));
    newer.writeUInt32LE(3, 8);
    newer.writeUInt32LE(crc32(newer.subarray(0, WAL_FILE_HEADER_BYTES - 4)), WAL_FILE_HEADER_BYTES - 4);
    writeFileSync(
      join(bench.layout.wal, 'newer.wal'),
      Buffer.concat([newer, Buffer.alloc(5000, 'frames of version 3')]),
    );
    writeFileSync(join(bench.layout.wal, 'foreign.wal'), 'not ours');
    try {
      await bench.open();
    } catch (error) {
      // Refusing to start would be right too.
      expect(error).toBeInstanceOf(FatalError);
    }
    const kept = [...bench.walFiles(), ...readdirSync(bench.layout.quarantine)];
    expect(kept).toEqual(expect.arrayContaining(['newer.wal', 'foreign.wal']));
  });

  test('with the catalog gone does not take the segments for waste', async () => {
    const bench = await opened();
    bench.ingestIds('logs', [1, 2, 3]);
    await bench.flush();
    const segments = bench.segmentFiles();
    await bench.store.close();
    for (const file of readdirSync(bench.layout.root))
      if (file.startsWith('catalog.sqlite')) rmSync(join(bench.layout.root, file));
    try {
      await bench.open();
    } catch (error) {
      expect(error).toBeInstanceOf(FatalError);
    }
    // They are the only copy of their rows, and enough to rebuild the catalog.
    expect(bench.segmentFiles()).toEqual(segments);
  });

  test('refuses a catalog whose segment is missing or damaged, and names the file', async () => {
    for (const damage of [
      (path: string) => rmSync(path),
      (path: string) => truncateSync(path, 100),
      (path: string) => writeFileSync(path, ''),
    ]) {
      const bench = await opened();
      bench.ingestIds('logs', [1]);
      await bench.flush();
      await bench.store.close();
      const file = bench.segmentFiles()[0] as string;
      damage(join(bench.layout.segments, file));
      const copy = temporaryFolder();
      cpSync(bench.layout.root, copy, { recursive: true });
      const again = new StoreBench(copy);
      await expect(again.open()).rejects.toThrow(FatalError);
      await again.store.close();
      await expect(new StoreBench(bench.layout.root).open()).rejects.toThrow(file);
    }
  });
});

describe('damage in the middle of a WAL file', () => {
  test('costs its frame alone; the file is reported and kept for the operator after the rest was merged', async () => {
    const bench = await opened();
    const starts: number[] = [];
    for (const id of [1, 2, 3]) {
      starts.push(
        bench.walFiles().length === 0
          ? WAL_FILE_HEADER_BYTES
          : statSync(join(bench.layout.wal, bench.walFiles()[0] as string)).size,
      );
      bench.ingestIds('logs', [id]);
    }
    await bench.store.close();
    const file = bench.walFiles()[0] as string;
    const bytes = readFileSync(join(bench.layout.wal, file));
    const at = ((starts[1] as number) + (starts[2] as number)) >> 1;
    bytes[at] = (bytes[at] as number) ^ 0x10;
    writeFileSync(join(bench.layout.wal, file), bytes);
    await bench.open();
    expect(await bench.ids('logs')).toEqual([1, 3]);
    expect(bench.log.filter(({ level }) => level === 'error')).toMatchObject([
      { file, damage: [{ offset: starts[1] }] },
      { loss: { file, stream: 'logs', frames: 1, rows: 1 } },
    ]);
    await bench.flush();
    expect(bench.walFiles()).toEqual([]);
    expect(readFileSync(join(bench.layout.quarantine, file)).equals(bytes)).toBe(true);
    await bench.reopen();
    expect(await bench.ids('logs')).toEqual([1, 3]);
  });
});

describe('deletion', () => {
  test('is 404 for a stream that is not there', async () => {
    const { store } = await opened();
    await expect(store.deleteStream('default', 'logs')).rejects.toMatchObject({ status: 404 });
  });

  test('voids what the WAL still holds, for good; a new stream of the name starts empty', async () => {
    const bench = await opened();
    bench.ingestIds('logs', [1, 2]);
    await bench.flush();
    bench.ingestIds('logs', [3]);
    bench.ingestIds('other', [4]);
    await bench.store.deleteStream('default', 'logs');
    await bench.store.settled();
    expect([await bench.ids('logs'), bench.segmentFiles(), await bench.ids('other')]).toEqual([[], [], [4]]);
    bench.ingestIds('logs', [5]);
    expect(await bench.ids('logs')).toEqual([5]);
    await bench.reopen();
    expect([await bench.ids('logs'), await bench.ids('other')]).toEqual([[5], [4]]);
    await bench.flush();
    await bench.reopen();
    expect([await bench.ids('logs'), await bench.ids('other')]).toEqual([[5], [4]]);
  });

  test('keeps records that become durable while it is under way, as a new stream', async () => {
    const bench = await opened();
    bench.ingestIds('logs', [1]);
    await bench.flush();
    bench.ingestIds('logs', [2]);
    const deletion = bench.store.deleteStream('default', 'logs');
    const old = found(bench, 'logs');
    // The change begins in a later turn; this batch is in the stream before the commit, and after the sequence that it voids.
    await Promise.resolve();
    bench.ingestIds('logs', [3]);
    await deletion;
    expect(await bench.ids('logs')).toEqual([3]);
    expect(found(bench, 'logs')).not.toBe(old);
    await bench.reopen();
    expect(await bench.ids('logs')).toEqual([3]);
  });

  test('while a merge of the stream is under way leaves nothing of it', async () => {
    const bench = await opened();
    bench.ingestIds('logs', [1, 2]);
    const flush = bench.flush();
    await bench.store.deleteStream('default', 'logs');
    await flush;
    expect([await bench.ids('logs'), bench.segmentFiles()]).toEqual([[], []]);
    await bench.reopen();
    expect([await bench.ids('logs'), readdirSync(bench.layout.quarantine)]).toEqual([[], []]);
  });

  test('of one organization`s stream leaves the other`s of the same name', async () => {
    const bench = await opened();
    bench.ingest('logs', [{ id: 1 }], 'a');
    bench.ingest('logs', [{ id: 2 }], 'b');
    await bench.store.deleteStream('a', 'logs');
    await bench.reopen();
    expect([await bench.ids('logs', 'a'), await bench.ids('logs', 'b')]).toEqual([[], [2]]);
  });

  test('names with separators do not collide', async () => {
    const bench = await opened();
    bench.ingest('b:c', [{ id: 1 }], 'a');
    bench.ingest('c', [{ id: 2 }], 'a:b');
    expect([await bench.ids('b:c', 'a'), await bench.ids('c', 'a:b')]).toEqual([[1], [2]]);
  });
});

describe('files', () => {
  test('a second store on the folder is refused while the first one lives', async () => {
    const bench = await opened();
    await expect(new StoreBench(bench.layout.root).open()).rejects.toThrow(FatalError);
    await bench.reopen();
  });

  test('what a query reads stays until it ends, then goes, and whoever keeps descriptors is told', async () => {
    const bench = await opened();
    const gone: string[] = [];
    bench.ingestIds('logs', [1]);
    await bench.reopen();
    bench.store.onFileGone = (path) => gone.push(path);
    const wal = found(bench, 'logs').blocks[0]?.lease;
    wal?.acquire();
    await bench.flush();
    expect([existsSync(wal?.path ?? ''), gone]).toEqual([true, []]);
    wal?.release();
    await bench.store.settled();
    expect([existsSync(wal?.path ?? ''), gone]).toEqual([false, [wal?.path]]);

    const segment = found(bench, 'logs').segments[0]?.lease;
    segment?.acquire();
    await bench.store.deleteStream('default', 'logs');
    expect(existsSync(segment?.path ?? '')).toBe(true);
    segment?.release();
    await bench.store.settled();
    expect([existsSync(segment?.path ?? ''), gone.at(-1)]).toEqual([false, segment?.path]);
  });

  test('small segments are merged into one, and the old files go', async () => {
    const bench = await opened();
    for (let id = 0; id < COMPACT_SEGMENTS; id++) {
      bench.ingestIds('logs', [id]);
      await bench.flush();
    }
    bench.ingestIds('other', [1]);
    // A flush of another stream gives the scheduler its turn.
    await bench.flush();
    expect(found(bench, 'logs').segments).toHaveLength(1);
    expect(await bench.ids('logs')).toEqual(Array.from({ length: COMPACT_SEGMENTS }, (_, id) => id));
    expect(bench.segmentFiles()).toHaveLength(2);
    await bench.reopen();
    expect(await bench.ids('logs')).toHaveLength(COMPACT_SEGMENTS);
  });

  test('a cut lets go of every WAL file that is not needed, open ones too, and ingest goes on in another', async () => {
    const bench = await opened();
    bench.ingestIds('logs', [1]);
    await bench.flush();
    expect(bench.walFiles()).toHaveLength(1);
    await bench.cutWal();
    expect([bench.walFiles(), bench.store.walFiles.count, bench.store.walFiles.bytes]).toEqual([[], 0, 0]);
    bench.ingestIds('logs', [2]);
    await bench.cutWal();
    expect(bench.walFiles()).toHaveLength(1);
    bench.ingestIds('logs', [3]);
    expect(bench.walFiles()).toHaveLength(2);
    expect(await bench.ids('logs')).toEqual([1, 2, 3]);
    await bench.flush();
    expect(bench.walFiles()).toHaveLength(1);
    await bench.reopen();
    expect(await bench.ids('logs')).toEqual([1, 2, 3]);
  });

  test('a batch without blocks does not bring a removed WAL file back', async () => {
    const bench = await opened();
    bench.ingestIds('logs', [1]);
    await bench.flush();
    await bench.cutWal();
    // Its worker still names the file that it wrote last, and this body is refused whole.
    bench.ingest('logs', '[{"cut');
    await bench.cutWal();
    expect([bench.store.walFiles.count, bench.store.walFiles.bytes]).toEqual([0, 0]);
  });

  test('folders and files of others in the data directory are left alone', async () => {
    const bench = await opened();
    mkdirSync(join(bench.layout.wal, 'notes'));
    writeFileSync(join(bench.layout.wal, 'README'), 'x');
    await bench.reopen();
    expect(bench.walFiles()).toEqual(['README', 'notes']);
  });
});

describe('days', () => {
  const DAY = 86_400_000_000;
  const rowsOf = (day: number, count: number, first: number) =>
    Array.from({ length: count }, (_, index) => ({ _timestamp: day * DAY + index, id: first + index }));

  test('that fill a row group get segments of their own; rows of all others share one', async () => {
    const bench = await opened();
    bench.ingest('logs', rowsOf(20_000, PARTITION_ROWS_MIN, 0));
    bench.ingest('logs', [...rowsOf(20_001, PARTITION_ROWS_MIN, 100_000), ...rowsOf(19_000, 5, 300_000)]);
    bench.ingest('logs', [{ _timestamp: -1e18, id: 400_000 }]);
    await bench.flush();
    const days = found(bench, 'logs').segments.map(({ timeMin, timeMax, rows }) => [
      Math.floor(timeMin / DAY),
      Math.floor(timeMax / DAY),
      rows,
    ]);
    expect(days.toSorted(([a = 0], [b = 0]) => a - b)).toEqual([
      [expect.any(Number), 19_000, 6],
      [20_000, 20_000, PARTITION_ROWS_MIN],
      [20_001, 20_001, PARTITION_ROWS_MIN],
    ]);
    await bench.reopen();
    expect(found(bench, 'logs').rows).toBe(2 * PARTITION_ROWS_MIN + 6);
  });

  test('of clocks gone wild make no more than one small file a merge', async () => {
    const bench = await opened();
    bench.ingest(
      'logs',
      Array.from({ length: 2000 }, (_, id) => ({ _timestamp: id * 37 * DAY, id })),
    );
    await bench.flush();
    expect(bench.segmentFiles()).toHaveLength(1);
    expect(await bench.ids('logs')).toHaveLength(2000);
  });
});

test('footers are read when they are needed, and a file that is damaged meanwhile is an error that names it', async () => {
  const bench = await opened();
  bench.ingestIds('logs', [1]);
  await bench.flush();
  await bench.reopen();
  expect(bench.store.footers.count).toBe(0);
  const snapshot = bench.store.snapshot(found(bench, 'logs'));
  await snapshot.load(() => false);
  expect(bench.store.footers.count).toBe(0);
  await snapshot.load(() => true);
  expect(bench.store.footers.count).toBe(1);
  expect(snapshot.footer(snapshot.segments[0] as LiveSegment).groups).toMatchObject([{ rows: 1 }]);
  snapshot.release();

  const path = join(bench.layout.segments, bench.segmentFiles()[0] as string);
  const bytes = readFileSync(path);
  bytes[bytes.length - 100] = (bytes[bytes.length - 100] as number) ^ 4;
  await bench.store.close();
  writeFileSync(path, bytes);
  await bench.open();
  const damaged = bench.store.snapshot(found(bench, 'logs'));
  await expect(damaged.load(() => true)).rejects.toMatchObject({
    status: 500,
    message: expect.stringContaining(path),
  });
  damaged.release();
});

test('any history of batches, merges, deletions and restarts keeps exactly the rows that a plain list has', async () => {
  const seed = testSeed();
  const random = new SeededRandom(seed);
  const bench = await opened();
  const model = new Map<string, number[]>();
  const streams = ['a', 'b', 'c'];
  const history: string[] = [];
  const steps = process.env.BASALT_TEST_LONG === '1' ? 3000 : 80;
  let id = 0;
  for (let step = 0; step < steps; step++) {
    const stream = random.pick(streams);
    const kind = random.next();
    if (kind < 0.6) {
      const ids = Array.from({ length: 1 + random.below(5) }, () => id++);
      history.push(`ingest ${stream} ${ids}`);
      bench.ingestIds(stream, ids);
      model.set(stream, [...(model.get(stream) ?? []), ...ids]);
    } else if (kind < 0.75) {
      history.push('flush');
      await bench.flush();
      if (random.chance(0.5)) {
        history.push('cut');
        await bench.cutWal();
      }
    } else if (kind < 0.83 && model.has(stream)) {
      history.push(`delete ${stream}`);
      await bench.store.deleteStream('default', stream);
      model.delete(stream);
    } else {
      history.push('restart');
      await bench.reopen();
    }
    for (const each of streams)
      expect(await bench.ids(each), `seed ${seed}:\n${history.join('\n')}`).toEqual(model.get(each) ?? []);
  }
});

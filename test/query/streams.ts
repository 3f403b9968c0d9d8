/** Streams whose blocks have made-up places and times, for tests of what is read. */
import { FileLease } from '../../src/storage/file-lease.js';
import { FooterCache } from '../../src/storage/footer-cache.js';
import { StreamSnapshot } from '../../src/storage/snapshot.js';
import { type LiveBlock, type LiveSegment, Stream } from '../../src/storage/stream.js';

export function liveBlock(
  sequence: number,
  rows: number,
  timeMin: number,
  timeMax: number,
  fields: Partial<LiveBlock> = {},
): LiveBlock {
  return {
    sequence,
    rows,
    timeMin,
    timeMax,
    walFile: 'w.wal',
    offset: sequence * 1000,
    blockBytes: 100,
    header: emptyHeader(rows),
    schema: '_timestamp:int64',
    overflow: '',
    lease: new FileLease(`/wal/${sequence}`, () => {}),
    receivedMs: 0,
    ...fields,
  };
}

/** Of the segments that were made here. */
const footers = new FooterCache(Number.POSITIVE_INFINITY);

/** A segment of groups given as `[rows, timeMin, timeMax]`. */
export function liveSegment(id: number, groups: [number, number, number][]): LiveSegment {
  const headers = groups.map(([rows]) => emptyHeader(rows));
  const path = `/segments/${id}`;
  footers.put(path, {
    groups: groups.map(([rows, timeMin, timeMax], index) => {
      const headerBytes = headers[index]?.length ?? 0;
      const schema = '_timestamp:int64';
      return { offset: index * 100, bytes: 50, headerBytes, rows, timeMin, timeMax, schema };
    }),
    headers: Buffer.concat(headers),
    metadata: new Uint8Array(),
    fileBytes: 0,
  });
  return {
    id,
    file: `${id}`,
    lease: new FileLease(path, () => {}),
    rowGroups: groups.length,
    rows: groups.reduce((sum, [rows]) => sum + rows, 0),
    bytes: groups.length * 50,
    timeMin: Math.min(...groups.map(([, min]) => min)),
    timeMax: Math.max(...groups.map(([, , max]) => max)),
    firstSequence: id,
  };
}

/** A snapshot whose footers are loaded. */
export function snapshotOf(stream: Stream): StreamSnapshot {
  const snapshot = new StreamSnapshot(stream, footers);
  // All are in the cache, so it is done at once.
  void snapshot.load(() => true);
  return snapshot;
}

export function makeStream(blocks: LiveBlock[], segments: LiveSegment[] = [], name = 'logs'): Stream {
  const stream = new Stream(1, 'default', name, 0);
  for (const block of blocks) stream.addBlock(block);
  stream.swap({}, segments);
  return stream;
}

/** A block header without columns. */
function emptyHeader(rows: number): Buffer {
  const header = Buffer.alloc(68);
  header.writeUInt32LE(rows, 16);
  return header;
}

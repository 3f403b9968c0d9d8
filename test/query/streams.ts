/** Streams whose blocks have made-up places and times, for tests of what is read. */
import { FileLease } from '../../src/storage/file-lease.js';
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
    lease: new FileLease(`/wal/${sequence}`, () => {}),
    receivedMs: 0,
    ...fields,
  };
}

/** A segment of groups given as `[rows, timeMin, timeMax]`. */
export function liveSegment(id: number, groups: [number, number, number][]): LiveSegment {
  const headers = groups.map(([rows]) => emptyHeader(rows));
  return {
    id,
    lease: new FileLease(`/segments/${id}`, () => {}),
    rows: groups.reduce((sum, [rows]) => sum + rows, 0),
    bytes: groups.length * 50,
    timeMin: Math.min(...groups.map(([, min]) => min)),
    timeMax: Math.max(...groups.map(([, , max]) => max)),
    firstSequence: id,
    groups: groups.map(([rows, timeMin, timeMax], index) => {
      const headerBytes = headers[index]?.length ?? 0;
      return {
        offset: index * 100,
        bytes: 50,
        headerBytes,
        rows,
        timeMin,
        timeMax,
        schema: '_timestamp:int64',
      };
    }),
    headers: Buffer.concat(headers),
  };
}

export function makeStream(blocks: LiveBlock[], segments: LiveSegment[] = [], name = 'logs'): Stream {
  const stream = new Stream(1, 'default', name, 0);
  for (const block of blocks) stream.addBlock(block);
  stream.segments = segments;
  return stream;
}

/** A block header without columns. */
function emptyHeader(rows: number): Buffer {
  const header = Buffer.alloc(68);
  header.writeUInt32LE(rows, 16);
  return header;
}

/** What became of the actions of a bulk body, as the addon writes it (native/shred/src/bulk_items.rs): runs of like outcomes. */

export interface BulkRun {
  action: string;
  stream: string;
  id: string | undefined;
  status: number;
  errorType?: string;
  errorReason?: string;
  /** Actions one behind the other with this outcome. */
  count: number;
}

const ACTIONS = ['index', 'create', 'update', 'delete'];
const [HAS_ID, FAILED, SAME_STREAM] = [4, 8, 16];
const CREATED = 201;

export function* bulkRuns(bytes: Uint8Array): Generator<BulkRun> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const varint = () => {
    let value = 0;
    let unit = 1;
    for (;;) {
      const byte = buffer.readUInt8(at++);
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
      unit *= 0x80;
    }
  };
  const text = () => {
    const end = varint() + at;
    const value = buffer.toString('utf8', at, end);
    at = end;
    return value;
  };
  let stream = '';
  while (at < buffer.length) {
    const flags = buffer.readUInt8(at++);
    const count = varint();
    const action = ACTIONS[flags & 3] as string;
    if (!(flags & SAME_STREAM)) stream = text();
    const id = flags & HAS_ID ? text() : undefined;
    if (!(flags & FAILED)) {
      yield { action, stream, id, status: CREATED, count };
      continue;
    }
    const status = buffer.readUInt16LE(at);
    at += 2;
    yield { action, stream, id, status, errorType: text(), errorReason: text(), count };
  }
}

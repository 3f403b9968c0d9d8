/**
 * Reads the zone maps in a block header (docs/FORMAT.md, "Block header") in place, without building objects per column.
 */
import type { ColumnType } from '../storage/schema.js';

const FIXED_BYTES = 64;
const ENTRY_BYTES = 64;
const TYPES: (ColumnType | undefined)[] = [
  undefined,
  'int64',
  'float64',
  'bool',
  'string',
  'json',
  'decimal',
  'textnumber',
  'textbool',
];

export interface ZoneMap {
  type: ColumnType;
  nullCount: number;
  /** Absent when the column has no bounds (all null, or a NaN). Strings are byte strings, at most 32 bytes of the value. */
  min?: number | boolean | Buffer;
  max?: number | boolean | Buffer;
  /** The bound is only a prefix of the true one. */
  maxTruncated: boolean;
}

export class BlockHeaderView {
  private readonly bytes: Buffer;

  constructor(header: Uint8Array) {
    this.bytes = Buffer.from(header.buffer, header.byteOffset, header.byteLength);
  }

  get rows(): number {
    return this.bytes.readUInt32LE(16);
  }

  /** The zone map of the column of that name in UTF-8, or undefined when the block does not have the column (all rows null). */
  column(name: Buffer): ZoneMap | undefined {
    let low = 0;
    let high = this.bytes.readUInt32LE(20) - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const entry = FIXED_BYTES + middle * ENTRY_BYTES;
      const at = this.bytes.readUInt32LE(entry);
      // The bytes against the name, hence the sign.
      const order = -this.bytes.compare(name, 0, name.length, at, at + this.bytes.readUInt16LE(entry + 4));
      if (order === 0) return this.zoneMap(entry);
      if (order < 0) high = middle - 1;
      else low = middle + 1;
    }
    return undefined;
  }

  private zoneMap(entry: number): ZoneMap {
    const type = TYPES[this.bytes[entry + 6] as number];
    if (!type) throw new Error(`BUG: column type ${this.bytes[entry + 6]} in a checked header`);
    const flags = this.bytes[entry + 7] as number;
    const map: ZoneMap = {
      type,
      nullCount: this.bytes.readUInt32LE(entry + 8),
      maxTruncated: (flags & 4) !== 0,
    };
    if ((flags & 1) !== 0) {
      map.min = this.bound(type, entry + 32);
      map.max = this.bound(type, entry + 40);
    }
    return map;
  }

  private bound(type: ColumnType, at: number): number | boolean | Buffer {
    switch (type) {
      case 'int64':
        return Number(this.bytes.readBigInt64LE(at));
      case 'float64':
        return this.bytes.readDoubleLE(at);
      case 'bool':
        return this.bytes[at] === 1;
      default:
        return this.slice(at, at + 4);
    }
  }

  /** A heap slice given by its u32 offset at `offsetAt` and u16 length at `lengthAt`. */
  private slice(offsetAt: number, lengthAt: number): Buffer {
    const offset = this.bytes.readUInt32LE(offsetAt);
    return this.bytes.subarray(offset, offset + this.bytes.readUInt16LE(lengthAt));
  }
}

/**
 * Footers of segments in memory: read on first use, the least recently used out first once they have more bytes than the limit. A
 * segment never changes, so a footer is right for as long as its path is. Main thread only.
 */
import { open } from 'node:fs/promises';
import { BasaltError } from '../errors/index.js';
import { type GroupLocation, readFooter, type SegmentFooter } from '../native/index.js';

/** What pruning needs of a footer. */
export interface Footer {
  groups: GroupLocation[];
  /** The groups' block headers, end to end. */
  headers: Uint8Array;
}

interface Entry {
  footer: Footer;
  bytes: number;
}

/** Reads under way at once; each holds a descriptor. */
const LOADS_MAX = 16;

const TRAILER_BYTES = 32;

/** A footer with more bytes than this is read by the native reader alone: a damaged trailer can claim any length. */
const WARM_BYTES_MAX = 16 << 20;

/** Of one group's location and schema on the heap, roughly. */
const GROUP_HEAP_BYTES = 512;

export class FooterCache {
  private readonly entries = new Map<string, Entry>();
  private readonly loading = new Map<string, Promise<Footer>>();
  private readonly waiting: (() => void)[] = [];
  private heldBytes = 0;
  private active = 0;
  /** For the metrics. */
  hits = 0;
  misses = 0;

  constructor(private readonly limitBytes: number) {}

  get bytes(): number {
    return this.heldBytes;
  }

  get count(): number {
    return this.entries.size;
  }

  /** @throws BasaltError 500 naming the file when it is gone or damaged */
  get(path: string): Footer | Promise<Footer> {
    const entry = this.entries.get(path);
    if (entry) {
      this.hits++;
      this.entries.delete(path);
      this.entries.set(path, entry);
      return entry.footer;
    }
    let load = this.loading.get(path);
    if (!load) {
      this.misses++;
      load = this.load(path).finally(() => this.loading.delete(path));
      this.loading.set(path, load);
    }
    return load;
  }

  put(path: string, { groups, headers }: SegmentFooter): Footer {
    this.forget(path);
    const entry = {
      footer: { groups, headers },
      bytes: headers.byteLength + groups.length * GROUP_HEAP_BYTES,
    };
    this.entries.set(path, entry);
    this.heldBytes += entry.bytes;
    for (const oldest of this.entries.keys()) {
      if (this.heldBytes <= this.limitBytes || oldest === path) break;
      this.forget(oldest);
    }
    return entry.footer;
  }

  /** The segment is gone. */
  forget(path: string): void {
    const entry = this.entries.get(path);
    if (!entry) return;
    this.entries.delete(path);
    this.heldBytes -= entry.bytes;
  }

  private async load(path: string): Promise<Footer> {
    if (this.active >= LOADS_MAX) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.active++;
    try {
      return this.put(path, await read(path));
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new BasaltError(500, `segment ${path} cannot be read: ${reason}`, {
        hint: 'the file is damaged or gone: restore it from a backup (docs/OPERATIONS.md)',
      });
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.active--;
    }
  }
}

/** The wait for the disk is asynchronous: what the native reader then asks for is in the page cache. */
async function read(path: string): Promise<SegmentFooter> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const trailer = Buffer.alloc(TRAILER_BYTES);
    if (size >= TRAILER_BYTES) {
      await file.read(trailer, 0, TRAILER_BYTES, size - TRAILER_BYTES);
      const bytes = size - Number(trailer.readBigUInt64LE(0));
      if (bytes > 0 && bytes <= WARM_BYTES_MAX)
        await file.read(Buffer.allocUnsafe(bytes), 0, bytes, size - bytes);
    }
    return readFooter(file.fd, size);
  } finally {
    await file.close();
  }
}

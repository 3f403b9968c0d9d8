/**
 * The one door to the native addon. Each verb is a batch-sized pure function: byte views and file descriptors in, bytes out; it keeps
 * no view after it returns, touches no network and allocates nothing per row on the JavaScript heap. All are synchronous and are
 * meant for worker threads; only `abi`, `readFooter` and (once) `functionList` are short enough for the main thread.
 * Query plans and their runs are handles (numbers) in a process-wide table: any thread may take the next step of a run, one at
 * a time, and whoever opened a handle must free it.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BasaltError, FatalError, requestError } from '../errors/index.js';
import type {
  Abi,
  BlockInspection,
  BlockSummary,
  CacheUse,
  ExportedRows,
  IngestGroup,
  IngestOutcome,
  MergeSelection,
  PlanAnswer,
  QueryUse,
  RowFormat,
  Rows,
  RunProgress,
  Salvage,
  ScanAnswer,
  ScanBounds,
  SegmentCheck,
  SegmentFooter,
} from './types.js';

export * from './types.js';

/** The boundary's version: raised with every change of a verb's signature, here and in the binding crate. */
export const ABI_VERSION = 14;

interface NativeAddon {
  abi(): Abi;
  ingestBatch(
    bodies: Uint8Array[],
    requests: Int32Array,
    names: string[],
    nowUs: number,
    zstdLevel: number,
  ): { groups: IngestGroup[]; outcomes: IngestOutcome[] };
  scan(
    request: string,
    fds: Int32Array,
    offsets: Float64Array,
    cache?: CacheUse,
    bounds?: ScanBounds,
    arrivals?: BigInt64Array,
  ): ScanAnswer;
  combineAnswers(
    request: string,
    answers: (Uint8Array | number)[],
    share: number,
    shares: number,
    complete: boolean,
    query?: number,
  ): ScanAnswer;
  mergeBlocks(
    fds: Int32Array,
    offsets: Float64Array,
    reusable: Uint8Array,
    outputFd: number,
    metadata: Uint8Array,
    zstdLevel: number,
    selection: MergeSelection,
  ): SegmentFooter;
  countMatches(fds: Int32Array, offsets: Float64Array, request: string): number;
  rowsByTime(fds: Int32Array, offsets: Float64Array, width: number): { bucket: number; rows: number }[];
  readFooter(fd: number, fileBytes: number): SegmentFooter;
  verifyBlock(fd: number, offset: number): BlockSummary;
  inspectBlock(fd: number, offset: number): BlockInspection;
  checkSegment(fd: number, fileBytes: number): SegmentCheck;
  salvageSegment(fd: number, fileBytes: number, outputFd: number, metadata: Uint8Array): Salvage;
  tryLock(fd: number): boolean;
  checkBlock(fd: number, offset: number): BlockSummary;
  addFields(organization: string, stream: string, names: string[]): void;
  addOverflowFields(organization: string, stream: string, fields: string, only?: readonly string[]): void;
  forgetFields(organization: string, stream: string): void;
  limitStreams(max: number): void;
  plan(sql: string, context: string): PlanAnswer;
  freePlan(plan: number): void;
  functionList(): string;
  limitQueries(memoryBytes: number, spillFolder: string | undefined, spillBytes: number): void;
  queryUse(): QueryUse;
  openQuery(): number;
  cancelQuery(query: number): void;
  closeQuery(query: number): void;
  startRun(plan: number, memoryBytes: number, query?: number): number;
  pushRun(run: number, leaf: number, ipc: Uint8Array): void;
  pushHeld(run: number, leaf: number, held: number): void;
  copyHeld(held: number, offset: number, target: Uint8Array): void;
  freeHeld(held: number[]): void;
  pushCount(run: number, leaf: number, rows: number): void;
  finishLeaf(run: number, leaf: number): void;
  advanceRun(run: number): RunProgress;
  takeRows(run: number, format: RowFormat): Rows;
  /** `options`: ExportOptions as JSON. */
  openExport(plan: number, options: string): number;
  takeExport(run: number, file: number): ExportedRows;
  finishExport(file: number): Uint8Array;
  freeExport(file: number): void;
  explainRun(run: number): string;
  freeRun(run: number): void;
  copyBytes(target: Uint8Array, offset: number, source: Uint8Array): void;
  decompressZstd(bytes: Uint8Array, limitBytes: number): Uint8Array;
  addThreadNice(by: number): void;
  peekSocket(descriptor: number, bytesMax: number): Uint8Array;
  duplicateDescriptor(descriptor: number): number;
  deferAccept(descriptor: number, seconds: number): void;
  endProcess(code: number): void;
  releaseFreedMemory(): void;
  keepFreedMemory(ms: number): void;
}

const REBUILD = 'rebuild it with: npm run build';

function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json'))) directory = dirname(directory);
  return directory;
}

function load(): NativeAddon {
  const path = join(
    packageRoot(),
    'native',
    'dist',
    `basalt.${process.platform}-${process.arch}${libcSuffix()}.node`,
  );
  if (!existsSync(path)) throw new FatalError(`native addon ${path} is missing; ${REBUILD}`);
  let addon: NativeAddon;
  try {
    addon = createRequire(import.meta.url)(path) as NativeAddon;
  } catch (cause) {
    throw new FatalError(`native addon ${path} cannot be loaded (${String(cause)}); ${REBUILD}`, { cause });
  }
  const found = typeof addon.abi === 'function' ? addon.abi().abi : undefined;
  if (found !== ABI_VERSION) {
    throw new FatalError(
      `native addon ${path} speaks ABI ${found}, this build needs ${ABI_VERSION}; ${REBUILD}`,
    );
  }
  return addon;
}

/** As napi-rs names its files: the C library counts on Linux only. */
function libcSuffix(): string {
  if (process.platform !== 'linux') return '';
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return report?.header?.glibcVersionRuntime ? '-gnu' : '-musl';
}

const addon = load();

interface NativeFailure {
  kind: 'sql' | 'bytes';
  code?: number;
  message: string;
  detail: string | null;
  suggestions: string[];
  line: number | null;
  column: number | null;
}

/** Native errors cross as JSON in the message: fields, never only prose. */
function translate(error: unknown): unknown {
  if (!(error instanceof Error) || !error.message.startsWith('{')) return error;
  const failure = JSON.parse(error.message) as NativeFailure;
  if (failure.kind === 'bytes') return new BasaltError(500, failure.message);
  const { code, detail, suggestions, line, column } = failure;
  const suggestion = suggestions?.length
    ? `did you mean ${suggestions.map((name) => `'${name}'`).join(' or ')}?`
    : undefined;
  return requestError(400, failure.message, {
    code: code ?? 20008,
    errorDetail: detail ?? undefined,
    hint: suggestion,
    suggestions,
    line: line ?? undefined,
    column: column ?? undefined,
  });
}

function guarded<A extends unknown[], R>(verb: (...args: A) => R): (...args: A) => R {
  return (...args) => {
    try {
      return verb(...args);
    } catch (error) {
      throw translate(error);
    }
  };
}

export const abi = addon.abi;

/**
 * Parses and shreds request bodies and encodes one block per (organization, stream).
 * `requests` has REQUEST_WORDS numbers a body: format (BodyFormat), then the indices in `names` of its organization and its stream
 * (of `_bulk`: the default stream, may be ''). Bodies may lie in shared memory; they are only read. Ingest workers; about 1 µs a record.
 */
export const ingestBatch = guarded(addon.ingestBatch);

/**
 * Runs one scan request (JSON text) over blocks at `offsets[i]` of `fds[i]`, with decoded pages from the cache and into it. Query
 * workers; a few ms a row group. Its bounds may make it stop before the end (`resume`).
 * `arrivals`: where the first row of each block stands in order of arrival, which tells rows of equal time apart.
 */
export const scan = guarded(addon.scan);

/**
 * Makes one answer out of answers that `scan` or this verb gave to one request for aggregates: each group once. Groups are dealt by a
 * hash to `shares` calls; with all answers there (`complete`) only the request's first groups are kept. Answers may lie in shared memory,
 * or be numbers of held ones, which stay held.
 * Query workers; about 50 ns a row of the answers.
 */
export const combineAnswers = guarded(addon.combineAnswers);

/** Fills the target, which may be shared memory, with what is held from `offset` on. @throws BasaltError 500 where that ends too early */
export const copyHeld = guarded(addon.copyHeld);

/** Answers that are gone already are none of its business. */
export const freeHeld = addon.freeHeld;

/**
 * Merges blocks, listed in arrival order, into a segment file written to `outputFd` from its current position; the writer syncs as it goes,
 * the caller syncs the end. Blocks with a 1 in `reusable` (row groups of segments) are copied as they are where that gives the same rows.
 * Merge workers; about a second for half a million rows.
 */
export const mergeBlocks = guarded(addon.mergeBlocks);

/** Rows of the blocks that the time range and filter of a scan request (JSON) pass. Merge workers. */
export const countMatches = guarded(addon.countMatches);

/** Rows of the blocks by `floor(time / width)`, microseconds, rising. Merge workers. */
export const rowsByTime = guarded(addon.rowsByTime);

/** Reads and checks a segment's footer only. */
export const readFooter = guarded(addon.readFooter);

/** Checks every checksum of the block at `offset`, and that each page decodes. @throws BasaltError 500 with the byte position */
export const verifyBlock = guarded(addon.verifyBlock);

/** Reads and decodes the block at `offset`, about 1 ms a MB. @throws BasaltError 500 when any of it is damaged */
export const inspectBlock = guarded(addon.inspectBlock);

/**
 * Checks every byte of a segment against its checksum, without decoding: at the speed of the disk. Damage is reported, not thrown.
 * @throws BasaltError 500 when the file cannot be read or has another version
 */
export const checkSegment = guarded(addon.checkSegment);

/** Writes a segment with the row groups of a damaged one that are whole to `outputFd`. Not synced. */
export const salvageSegment = guarded(addon.salvageSegment);

/**
 * Locks an open file for this descriptor (flock), without waiting. The lock goes when the descriptor is closed, or the process ends.
 * @returns false when somebody else holds it
 */
export const tryLock = guarded(addon.tryLock);
/** Checks every checksum of the block at `offset` without decoding, which is several times faster. @throws as `verifyBlock` */
export const checkBlock = guarded(addon.checkBlock);

/** Tells all ingest workers that the stream has these fields: of new ones it gets so many only, see native/shred/src/fields.rs. */
export const addFields = guarded(addon.addFields);

/**
 * Tells them that these fields (`name:type` list) are known to be in the overflow column, so that they are no news.
 * @param only from here on no other new fields are of interest: there are too many
 */
export const addOverflowFields = guarded(addon.addOverflowFields);

/** The stream is gone; one of its name begins without fields. */
export const forgetFields = guarded(addon.forgetFields);

/** Records for more streams than so many are refused, but for those that are known already. Main thread, before any record comes. */
export const limitStreams = guarded(addon.limitStreams);

/**
 * Plans SQL against the streams in `context` (JSON, see query/plan-context.ts). Free the handle.
 * @throws BasaltError 400 with the API's code
 */
export const plan = guarded(addon.plan);
export const freePlan = addon.freePlan;

/** Every SQL function that may be called, as a JSON array of `SqlFunction` (src/query/functions.ts). Some ms. */
export const functionList = guarded(addon.functionList);

/**
 * Sets what all runs that start from now on may hold together, and where what does not fit goes: a folder that exists, and the most bytes
 * of all spill files. They have no names and are gone with the run. Once, at the start.
 */
export const limitQueries = guarded(addon.limitQueries);
export const queryUse = guarded(addon.queryUse);

/**
 * A query, by whose number its scans and its run are stopped from any thread within milliseconds: what is under way fails, and so does what
 * begins later. Close it when nobody works on it any more.
 */
export const openQuery = addon.openQuery;
export const cancelQuery = addon.cancelQuery;
export const closeQuery = addon.closeQuery;

/** Starts the residual plan; free the handle. */
export const startRun = guarded(addon.startRun);
export const pushRun = guarded(addon.pushRun);
/** As `pushRun`, of a held answer, which is freed by that. */
export const pushHeld = guarded(addon.pushHeld);
export const pushCount = guarded(addon.pushCount);
export const finishLeaf = guarded(addon.finishLeaf);
export const advanceRun = guarded(addon.advanceRun);
/** Encodes and forgets the output rows produced so far. */
export const takeRows = guarded(addon.takeRows);
/**
 * A file of the rows of one or more runs of a plan: `takeExport` gives its next bytes, which may be none yet, and forgets the rows,
 * `finishExport` its end, and frees it. @throws BasaltError 400 for a column that the format cannot hold
 */
export const openExport = guarded(addon.openExport);
export const takeExport = guarded(addon.takeExport);
export const finishExport = guarded(addon.finishExport);
export const freeExport = addon.freeExport;
/** The run's operators with what each counted so far, one a line. */
export const explainRun = guarded(addon.explainRun);
export const freeRun = addon.freeRun;

/**
 * Copies `source` to `target` at `offset`: what `target.set(source, offset)` does, which into shared memory goes byte by byte unless both
 * addresses agree modulo 8 (20 kB: 6.7 to 7.8 µs against 0.66 µs, Node 20). Any thread; worth the call from about 2 kB.
 */
export const copyBytes = guarded(addon.copyBytes);

/** Decompresses zstd frames. @throws BasaltError when damaged or when the result would pass `limitBytes` */
export const decompressZstd = guarded(addon.decompressZstd);

/** Adds to the nice value of the calling thread alone (Linux). */
export const addThreadNice = guarded(addon.addThreadNice);

/** What has arrived at a socket and not been read yet, at most `bytesMax`; it stays there. A microsecond or two, on the main thread. */
export const peekSocket = guarded(addon.peekSocket);

/** A second descriptor of an open socket; whoever asked for it owns it. @throws BasaltError 500 when descriptors have run out */
export const duplicateDescriptor = guarded(addon.duplicateDescriptor);

/** New connections of a listening socket are accepted once they have sent something, or after about so many seconds (Linux). */
export const deferAccept = guarded(addon.deferAccept);

/**
 * Ends the process at once, without waiting for worker threads that are in a native call (`process.exit` does). What must last has to be on
 * disk before. Any thread.
 */
export const endProcess = guarded(addon.endProcess);

/**
 * Gives memory that is free in the addon's allocator back to the kernel. A thread keeps what it freed for its next allocation, so one
 * that goes idle after a large task calls this. Any thread; about a millisecond.
 */
export const releaseFreedMemory = addon.releaseFreedMemory;

/** How long the addon's allocator keeps freed memory for the next allocation, in all threads; 0: not at all. Once, at the start. */
export const keepFreedMemory = addon.keepFreedMemory;

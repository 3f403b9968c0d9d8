/**
 * How the memory of the process is divided: one limit, and from it what each part may hold. What a setting names itself it gets; the rest
 * is dealt out in fixed shares, so that a small limit makes every part small instead of one part impossible.
 */
import { availableParallelism, totalmem } from 'node:os';
import { requestError } from '../errors/index.js';
import {
  FOOTER_CACHE_BYTES,
  GATHERED_BYTES_MAX,
  GROUPING_RUN_GROUPS_MAX,
  HEAP_BODY_BYTES_MAX,
  LEAF_CREDIT_BYTES,
  PAGE_CACHE_BYTES_DEFAULT,
  QUERY_MEMORY_BYTES_MAX,
  RESULT_CACHE_BYTES_DEFAULT,
  RING_BYTES_DEFAULT,
  ROW_GROUP_ROWS,
} from './limits.js';

const MB = 1024 * 1024;

/** What an idle process with its threads and their code takes, before it holds any data. */
const IDLE_BYTES = 208 * MB;
/** Less than this beyond it, and a batch, a merge and a query cannot run at once. */
export const MEMORY_LIMIT_BYTES_MIN = 448 * MB;
const MEMORY_LIMIT_BYTES_DEFAULT = 2048 * MB;
/** Of the machine's memory, where the default would be more. */
const MACHINE_SHARE = 0.75;

/**
 * Below this limit freed memory goes back at once, which costs a fifth of the ingest rate: kept by each thread for a second, it takes some
 * 150 MB.
 */
const SCARCE_LIMIT_BYTES = 1024 * MB;
const FREED_MEMORY_MS = 1000;

/** Of a row of a grouping scan: its key, its states, its place in a table. */
const GROUP_BYTES = 64;
/** What an ingest worker holds of a batch: columns, the block, and what its allocator keeps for the next one. */
const INGEST_WORKER_BYTES = 24 * MB;
/** Less than this for merges, and each reads so few blocks that segments stay small for long. */
const MERGE_BYTES_MIN = 24 * MB;
const SCAN_COPIES = 3;
/**
 * There may be one stream for so many bytes of the limit. An idle one takes about 7 KB: its lists, its fields, the name of its segment.
 */
const STREAM_LIMIT_BYTES = 32 * 1024;

/** What the query side may hold. */
export interface QueryBudget {
  /** Operators and output of all runs together; also of one that is alone. */
  memoryBytes: number;
  /** Answers of scans that wait for the runs, over all queries. */
  leafCreditBytes: number;
  /** Answers of groups that wait to be combined, over all queries. */
  gatheredBytes: number;
  /** Of one answer of a scan; there is one for each query worker at a time. */
  scanBytes: number;
  /** Row groups that one scan groups. */
  groupingRunGroups: number;
}

export interface MemoryBudget {
  ringBytes: number;
  pageCacheBytes: number;
  resultCacheBytes: number;
  footerCacheBytes: number;
  heapBodyBytes: number;
  /** Streams of all organizations. */
  streamsMax: number;
  /** Rows that all running merges hold decoded. */
  mergeBytes: number;
  /** How long freed memory is kept for the next allocation. */
  freedMemoryMs: number;
  query: QueryBudget;
}

/** Parts that the configuration may set. */
export type MemorySettings = Partial<Pick<MemoryBudget, 'ringBytes' | 'pageCacheBytes' | 'resultCacheBytes'>>;

/** What one of so many running queries may hold of what they all share. */
export function shareOf(budget: QueryBudget, running: number): QueryBudget {
  const share = (bytes: number) => Math.max(MB, Math.floor(bytes / Math.max(1, running)));
  return {
    ...budget,
    leafCreditBytes: share(budget.leafCreditBytes),
    gatheredBytes: share(budget.gatheredBytes),
  };
}

/** Of the memory of the machine, or of the control group that the process is in. */
export function defaultMemoryLimitBytes(): number {
  const group = process.constrainedMemory();
  const machine = group > 0 ? Math.min(group, totalmem()) : totalmem();
  return Math.max(
    MEMORY_LIMIT_BYTES_MIN,
    Math.min(MEMORY_LIMIT_BYTES_DEFAULT, Math.floor(machine * MACHINE_SHARE)),
  );
}

/** @throws BasaltError 400 when what is set leaves nothing for queries */
export function divideMemory(limitBytes: number, settings: MemorySettings = {}): MemoryBudget {
  const rest = limitBytes - IDLE_BYTES;
  const share = (part: number, bytesMax: number) => Math.min(bytesMax, Math.floor(rest * part));
  const ringBytes = settings.ringBytes ?? share(0.11, RING_BYTES_DEFAULT);
  const pageCacheBytes = settings.pageCacheBytes ?? share(0.14, PAGE_CACHE_BYTES_DEFAULT);
  const resultCacheBytes = settings.resultCacheBytes ?? share(0.07, RESULT_CACHE_BYTES_DEFAULT);
  const footerCacheBytes = share(0.05, FOOTER_CACHE_BYTES);
  const heapBodyBytes = share(0.07, HEAP_BODY_BYTES_MAX);
  // Batches and merges under way.
  const writers = Math.floor(rest * 0.16);
  const left =
    rest - ringBytes - pageCacheBytes - resultCacheBytes - footerCacheBytes - heapBodyBytes - writers;
  if (left < rest * 0.15) {
    throw requestError(
      400,
      `configuration: memoryLimitBytes ${limitBytes} leaves ${left} bytes for queries`,
      {
        hint: 'raise it, or lower ringBytes, pageCacheBytes or resultCacheBytes',
      },
    );
  }
  // Groups and states, their copy in the answer, and its copy in shared memory.
  const scanBytes = Math.floor((left * 0.2) / availableParallelism() / SCAN_COPIES);
  return {
    ringBytes,
    pageCacheBytes,
    resultCacheBytes,
    footerCacheBytes,
    heapBodyBytes,
    streamsMax: Math.floor(limitBytes / STREAM_LIMIT_BYTES),
    mergeBytes: Math.max(MERGE_BYTES_MIN, writers - availableParallelism() * INGEST_WORKER_BYTES),
    freedMemoryMs: limitBytes < SCARCE_LIMIT_BYTES ? 0 : FREED_MEMORY_MS,
    query: {
      // Operators copy what they spill or sort, which they do not count.
      memoryBytes: Math.min(QUERY_MEMORY_BYTES_MAX, Math.floor(left * 0.6)),
      leafCreditBytes: Math.min(LEAF_CREDIT_BYTES, Math.floor(left * 0.12)),
      gatheredBytes: Math.min(GATHERED_BYTES_MAX, Math.floor(left * 0.12)),
      scanBytes,
      groupingRunGroups: Math.max(
        1,
        Math.min(
          GROUPING_RUN_GROUPS_MAX,
          Math.floor((scanBytes * SCAN_COPIES) / (ROW_GROUP_ROWS * GROUP_BYTES)),
        ),
      ),
    },
  };
}

/**
 * How the open files that the process may have are divided: what the store and the queries need comes first, connections get the rest.
 */
import { readFileSync } from 'node:fs';
import { FatalError } from '../errors/index.js';

/** Standard streams, libraries, the catalog, the lock, the listener, Node's own. */
const BASE = 48;
/** Of each thread's event loop. */
const PER_THREAD = 6;
/** A WAL file, the one that is being prepared, the folder that is synced. */
const PER_INGEST_WORKER = 4;
/** Inputs and output of one merge at a time. */
const PER_MERGE_WORKER = 24;
/** Spill files that are read or written, and data files of which some are always kept open. */
const PER_QUERY_WORKER = 32;
const DATA_FILES_MIN = 16;
const DATA_FILES_MAX = 256;
/** Of what is left for connections and data files. */
const DATA_FILES_SHARE = 0.4;

const CONNECTIONS_MIN = 16;
/** Each takes about 40 kB of memory (http/listener.ts). */
const CONNECTIONS_MAX = 2048;
const STRANGERS_SHARE = 0.25;
const ADDRESS_SHARE = 0.75;

export interface DescriptorBudget {
  /** Data files that one query worker keeps open. */
  dataFilesByWorker: number;
  connections: { total: number; strangers: number; byAddress: number };
}

/** How many open files the kernel lets this process have; undefined where it does not say (no Linux). */
export function descriptorLimit(): number | undefined {
  let text: string;
  try {
    text = readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return undefined;
  }
  const soft = /^Max open files\s+(\S+)/m.exec(text)?.[1];
  return soft === 'unlimited' ? undefined : Number(soft);
}

/** @throws FatalError when the limit leaves too few for connections */
export function divideDescriptors(
  limit: number | undefined,
  { ingestWorkers, queryWorkers }: { ingestWorkers: number; queryWorkers: number },
): DescriptorBudget {
  // As many merge workers as ingest workers, twice: at both priorities (server.ts).
  const mergeWorkers = 2 * ingestWorkers;
  const threads = ingestWorkers + queryWorkers + mergeWorkers + 2;
  const reserve =
    BASE +
    threads * PER_THREAD +
    ingestWorkers * PER_INGEST_WORKER +
    mergeWorkers * PER_MERGE_WORKER +
    queryWorkers * PER_QUERY_WORKER;
  const least = reserve + queryWorkers * DATA_FILES_MIN + CONNECTIONS_MIN;
  if (limit !== undefined && limit < least) {
    throw new FatalError(
      `the limit of open files is ${limit}; with these numbers of workers at least ${least} are needed, and 65536 are advised: ` +
        'set it with `ulimit -n 65536`, with LimitNOFILE=65536 in a systemd unit, or with --ulimit nofile=65536 for a container',
    );
  }
  const rest = (limit ?? Number.POSITIVE_INFINITY) - reserve;
  const forData = Math.floor(Math.min(rest, 1e9) * DATA_FILES_SHARE);
  const dataFilesByWorker = between(DATA_FILES_MIN, Math.floor(forData / queryWorkers), DATA_FILES_MAX);
  const total = between(CONNECTIONS_MIN, rest - dataFilesByWorker * queryWorkers, CONNECTIONS_MAX);
  return {
    dataFilesByWorker,
    connections: {
      total,
      strangers: Math.ceil(total * STRANGERS_SHARE),
      byAddress: Math.ceil(total * ADDRESS_SHARE),
    },
  };
}

function between(least: number, value: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}

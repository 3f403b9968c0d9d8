/** Query worker: plans, scans morsels, and drives residual plans. */
import { workerData } from 'piscina';
import { BasaltError } from '../src/errors/index.js';
import {
  addThreadNice,
  advanceRun,
  combineAnswers,
  explainRun,
  finishExport,
  finishLeaf,
  freeExport,
  freePlan,
  freeRun,
  openExport,
  plan,
  pushCount,
  pushHeld,
  pushRun,
  scan,
  startRun,
  takeExport,
  takeRows,
} from '../src/native/index.js';
import { readCacheFile, writeCacheFile } from '../src/query/disk-cache-file.js';
import { FileHandles } from '../src/query/file-handles.js';
import { CacheUser } from '../src/query/page-cache.js';
import type {
  CombineTask,
  FeedResult,
  FeedTask,
  QueryTask,
  QueryWorkerData,
  ScanTask,
  TicketedTask,
} from '../src/query/query-task.js';
import { TaskBoard } from '../src/query/task-board.js';

const WARM_UP_ROUNDS = 30;

/** Behind sockets and ingest, before merges: a query that takes all cores must not make those who send wait. */
const NICE = 5;

const { board, pageCache, filesMax } = workerData as QueryWorkerData;

addThreadNice(NICE);

const place = new TaskBoard(board).takePlace();
const files = new FileHandles(filesMax);
const cache = pageCache && new CacheUser(pageCache);

warmUp();

/** Errors lose their class and fields on the way between threads, so expected ones travel as data. */
export default function query({ ticket, ...task }: TicketedTask): unknown {
  place.begin(ticket);
  try {
    return perform(task as QueryTask);
  } catch (error) {
    if (error instanceof BasaltError) {
      return { failure: { status: error.status, message: error.message, fields: error.fields } };
    }
    throw error;
  } finally {
    place.end();
  }
}

function perform(task: QueryTask): unknown {
  switch (task.kind) {
    case 'plan':
      return plan(task.sql, task.context);
    case 'scan':
      return scanParts(task);
    case 'combine':
      return combineTask(task);
    case 'feed':
      return feed(task);
    case 'openExport':
      return openExport(task.plan, JSON.stringify(task.options));
    case 'finishExport':
      return finishExport(task.file);
    case 'freeExport':
      return freeExport(task.handle);
    case 'explain':
      return explainRun(task.run);
    case 'freeRun':
      return freeRun(task.handle);
    case 'freePlan':
      return freePlan(task.handle);
    case 'store':
      return writeCacheFile(task.path, task.key, task.partial);
    case 'load':
      return readCacheFile(task.path, task.key);
  }
}

/** The first plans of a thread take ten times as long: caches fill, code is compiled. Better now than in somebody's query. */
function warmUp(): void {
  const columns = [{ name: '_timestamp', type: 'int64' }];
  const streams = [{ name: 'warm', columns, fullTextColumns: [] }];
  const context = {
    streams,
    streamNames: [],
    nowUs: 0,
    startTime: 0,
    endTime: 1,
    from: 0,
    size: 1,
    defaultOrder: true,
  };
  for (let round = 0; round < WARM_UP_ROUNDS; round++) {
    const sql = 'SELECT count(*) AS n, max(_timestamp) AS t FROM warm WHERE _timestamp > 5';
    const { handle } = plan(sql, JSON.stringify(context));
    const { run } = feed({
      kind: 'feed',
      query: undefined,
      plan: handle,
      run: undefined,
      memoryBytes: 1 << 20,
      answers: [],
      counts: [],
      finished: [0],
      format: 'objects',
    });
    freeRun(run);
    freePlan(handle);
  }
}

function scanParts(task: ScanTask): unknown {
  files.sweep();
  const fds = Int32Array.from(task.parts, ({ path }) => files.open(path));
  const offsets = Float64Array.from(task.parts, ({ offset }) => offset);
  const pages = task.usePageCache ? cache?.use(task.parts.map(({ fileId }) => fileId)) : undefined;
  const { query, firstPage, bytesMax } = task;
  const arrivals = BigInt64Array.from(task.parts, ({ arrival }) => arrival);
  return scan(task.request, fds, offsets, pages, { query, firstPage, bytesMax }, arrivals);
}

function combineTask({ request, answers, share, shares, complete, query }: CombineTask): unknown {
  const given = answers.map((ipc) => ('held' in ipc ? ipc.held : ipc));
  return combineAnswers(request, given, share, shares, complete, query);
}

function feed(task: FeedTask): FeedResult {
  const run = task.run ?? startRun(task.plan, task.memoryBytes, task.query);
  try {
    for (const { leaf, ipc } of task.answers) {
      if ('held' in ipc) pushHeld(run, leaf, ipc.held);
      else pushRun(run, leaf, ipc);
    }
    for (const { leaf, rows } of task.counts) pushCount(run, leaf, rows);
    for (const leaf of task.finished) finishLeaf(run, leaf);
    const progress = advanceRun(run);
    const { format } = task;
    const taken = typeof format === 'number' ? takeExport(run, format) : takeRows(run, format);
    return { run, ...progress, ...taken };
  } catch (error) {
    // The executor does not know of a run that it has no answer from.
    if (task.run === undefined) freeRun(run);
    throw error;
  }
}

/** Query worker: plans, scans morsels, and drives residual plans. */
import { workerData } from 'piscina';
import { BasaltError } from '../src/errors/index.js';
import {
  advanceRun,
  finishLeaf,
  freePlan,
  freeRun,
  plan,
  pushCount,
  pushRun,
  scan,
  startRun,
  takeRows,
} from '../src/native/index.js';
import { FileHandles } from '../src/query/file-handles.js';
import { CacheUser } from '../src/query/page-cache.js';
import type {
  FeedResult,
  FeedTask,
  PlanResult,
  PlanTask,
  QueryTask,
  QueryWorkerData,
  ScanTask,
} from '../src/query/query-task.js';

const WARM_UP_ROUNDS = 30;

const { pageCache } = workerData as QueryWorkerData;

const files = new FileHandles();
const cache = pageCache && new CacheUser(pageCache);

warmUp();

/** Errors lose their class and fields on the way between threads, so expected ones travel as data. */
export default function query(task: QueryTask): unknown {
  try {
    return perform(task);
  } catch (error) {
    if (error instanceof BasaltError) {
      return { failure: { status: error.status, message: error.message, fields: error.fields } };
    }
    throw error;
  }
}

function perform(task: QueryTask): unknown {
  switch (task.kind) {
    case 'plan':
      return planQuery(task);
    case 'scan':
      return scanParts(task);
    case 'feed':
      return feed(task);
    case 'free':
      freeRun(task.run);
      freePlan(task.plan);
      return undefined;
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
    const { handle, run } = planQuery({
      kind: 'plan',
      sql,
      context: JSON.stringify(context),
      memoryBytes: 1 << 20,
    });
    feed({ kind: 'feed', run, answers: [], counts: [], finished: [0], format: 'objects' });
    freeRun(run);
    freePlan(handle);
  }
}

function planQuery(task: PlanTask): PlanResult {
  const answer = plan(task.sql, task.context);
  try {
    return { ...answer, run: startRun(answer.handle, task.memoryBytes) };
  } catch (error) {
    freePlan(answer.handle);
    throw error;
  }
}

function scanParts(task: ScanTask): unknown {
  files.sweep();
  const fds = Int32Array.from(task.parts, ({ path }) => files.open(path));
  const offsets = Float64Array.from(task.parts, ({ offset }) => offset);
  return scan(task.request, fds, offsets, cache?.use(task.parts.map(({ fileId }) => fileId)));
}

function feed(task: FeedTask): FeedResult {
  for (const { leaf, ipc } of task.answers) pushRun(task.run, leaf, ipc);
  for (const { leaf, rows } of task.counts) pushCount(task.run, leaf, rows);
  for (const leaf of task.finished) finishLeaf(task.run, leaf);
  const progress = advanceRun(task.run);
  return { ...progress, ...takeRows(task.run, task.format) };
}

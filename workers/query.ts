/** Query worker: plans, scans morsels, and drives residual plans. */
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
import type {
  FeedResult,
  FeedTask,
  PlanResult,
  PlanTask,
  QueryTask,
  ScanTask,
} from '../src/query/query-task.js';

const files = new FileHandles();

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
  const answer = scan(task.request, fds, offsets);
  return answer;
}

function feed(task: FeedTask): FeedResult {
  for (const { leaf, ipc } of task.answers) pushRun(task.run, leaf, ipc);
  for (const { leaf, rows } of task.counts) pushCount(task.run, leaf, rows);
  for (const leaf of task.finished) finishLeaf(task.run, leaf);
  const progress = advanceRun(task.run);
  return { ...progress, ...takeRows(task.run, task.format) };
}

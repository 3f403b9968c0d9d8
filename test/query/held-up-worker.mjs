/** The worker of query-pool.test.ts: `combine` is held up in a system call, all else answers its handle. */
import { execFileSync } from 'node:child_process';
import { workerData } from 'piscina';
import { TaskBoard } from '../../dist/src/query/task-board.js';

const place = new TaskBoard(workerData.board).takePlace();

export default function perform({ ticket, ...task }) {
  place.begin(ticket);
  try {
    if (task.kind === 'combine') execFileSync('sleep', ['8']);
    return task.handle;
  } finally {
    place.end();
  }
}

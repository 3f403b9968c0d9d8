/** Check worker: one task reads one file to its end. */
import { checkFile } from '../src/maintenance/check-file.js';
import type { CheckResult, CheckTask } from '../src/maintenance/check-task.js';

export default function check(task: CheckTask): CheckResult {
  return checkFile(task);
}

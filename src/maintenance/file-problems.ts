/** Problems within single files. */
import type { CheckResult } from './check-task.js';
import { countText, type Problem, timeRangeText } from './problem.js';
import type { SurveyedFile } from './survey.js';

const REPAIR =
  'restore the file from a backup, or stop the server and run `basalt repair`, which keeps what is good of it';
const WAL_DAMAGE =
  'nothing now: the next start of the server recovers what is good and moves the file to quarantine/; ' +
  'look at the disk (dmesg, SMART), and restore a backup if the records in between are needed';
const UNREADABLE =
  'if another version wrote it, use that version; else look at the mode of the file and at the disk (dmesg, SMART)';

export function problemsOf({ path, result }: SurveyedFile): Problem[] {
  switch (result.state) {
    case 'gone':
      return [];
    case 'unreadable':
      return [{ what: result.error, where: path, next: UNREADABLE }];
    case 'wal':
      return result.damage.map(({ offset, bytes, reason }) => ({
        what: `WAL damage: ${reason}`,
        where: `${path}, bytes ${offset} to ${offset + bytes}`,
        next: WAL_DAMAGE,
      }));
    case 'segment':
      return segmentProblems(path, result);
  }
}

function segmentProblems(path: string, result: CheckResult & { state: 'segment' }): Problem[] {
  const problems: Problem[] = result.findings.map(({ offset, bytes, group, what }) => ({
    what: group === undefined ? what : `${groupText(result, group)}: ${what}`,
    where: `${path}, bytes ${offset} to ${offset + bytes}`,
    next: REPAIR,
  }));
  if (result.findings.length === 0 && !result.facts?.metadata) {
    problems.push({ what: 'the segment does not tell its stream', where: path, next: REPAIR });
  }
  return problems;
}

function groupText({ groupRows, groupTimes }: CheckResult & { state: 'segment' }, group: number): string {
  const [min, max] = groupTimes[group] ?? [0, 0];
  return `row group ${group} (${countText(groupRows[group] ?? 0, 'row')}, ${timeRangeText(min, max)})`;
}

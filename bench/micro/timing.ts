import benny from 'benny';
import { type Cell, type Report, readable } from '../end-to-end/report.js';

/** One thing to time. */
export interface MicroCase {
  readonly name: string;
  readonly run: () => void;
  /** Work of one run, for the rates. */
  readonly rows: number;
  readonly bytes: number;
}

/** Times the cases one after the other, each for about `seconds`, and prints what one run takes, and rows and bytes a second. */
export async function timeCases(
  report: Report,
  title: string,
  cases: readonly MicroCase[],
  seconds: number,
): Promise<void> {
  report.title(title);
  const options = { minTime: seconds / 20, maxTime: seconds, minSamples: 3 };
  const summary = await benny.suite(title, ...cases.map(({ name, run }) => benny.add(name, run, options)));
  const rows: Cell[][] = summary.results.map((result, index) => {
    const { rows, bytes } = cases[index] as MicroCase;
    return [
      result.name,
      microseconds(result.details.median),
      `±${result.margin} %`,
      readable(rows / result.details.median),
      readable(bytes / result.details.median / 1e6),
    ];
  });
  report.table(['case', 'median us', 'margin', 'rows/s', 'MB/s'], rows);
}

function microseconds(seconds: number): string {
  return readable(seconds * 1e6);
}

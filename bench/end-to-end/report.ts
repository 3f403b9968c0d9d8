/** What benches print: tables, and checks of figures and answers against what they must be. */

export type Cell = string | number;

/** Aligns columns: text to the left, numbers to the right. */
export function formatTable(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const widths = header.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => String(row[column] ?? '').length)),
  );
  const right = header.map((_, column) => rows.some((row) => typeof row[column] === 'number'));
  const line = (cells: readonly Cell[]) =>
    header
      .map((_, column) => {
        const text = String(cells[column] ?? '');
        const width = widths[column] as number;
        return right[column] ? text.padStart(width) : text.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [line(header), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}

/** A number with thousands apart, or with decimals when it is small. */
export function readable(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
}

export class Report {
  #failures = 0;
  /** False leaves out targets: with tiny data the figures mean nothing, the answers still count. */
  readonly #withTargets: boolean;

  constructor(withTargets: boolean) {
    this.#withTargets = withTargets;
  }

  get failures(): number {
    return this.#failures;
  }

  title(text: string): void {
    console.log(`\n== ${text}`);
  }

  line(text: string): void {
    console.log(text);
  }

  table(header: readonly string[], rows: readonly (readonly Cell[])[]): void {
    console.log(formatTable(header, rows));
  }

  /** A figure against its target, printed. */
  target(name: string, value: number, relation: 'at least' | 'at most', limit: number, unit: string): void {
    if (!this.#withTargets) return;
    console.log(`${name}: ${readable(value)} ${unit}, ${this.verdict(value, relation, limit, unit)}`);
  }

  /** The words of a target's verdict, counted when it is missed; empty without targets. */
  verdict(value: number, relation: 'at least' | 'at most', limit: number, unit: string): string {
    if (!this.#withTargets) return '';
    const met = relation === 'at least' ? value >= limit : value <= limit;
    if (!met) this.#failures++;
    return `${met ? 'PASS' : 'FAIL'} (${relation} ${readable(limit)} ${unit})`;
  }

  /** An answer that must be right whatever the speed. `problem` says what is wrong, undefined when nothing is. */
  answer(name: string, problem: string | undefined): void {
    console.log(`${name}: ${this.answerVerdict(problem)}`);
  }

  answerVerdict(problem: string | undefined): string {
    if (problem !== undefined) this.#failures++;
    return problem === undefined ? 'PASS' : `FAIL: ${problem}`;
  }
}

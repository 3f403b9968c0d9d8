/** EXPLAIN ANALYZE: what a query did, stage by stage, as lines of text. */
import type { RowFormat } from '../native/index.js';
import type { QueryResult } from './executor.js';
import type { Leaf } from './leaf.js';

/** The lines of the report. `operators` is the residual plan with what each operator counted. */
export function explainAnalyze(
  { planMs, scanMs, scans, leaves, rows }: QueryResult,
  operators: string,
): string[] {
  const lines = [
    `planning: ${milliseconds(planMs)}`,
    `scan and residual plan: ${milliseconds(scanMs)}, of that ${milliseconds(scans.workerMs)} in scan tasks of all workers`,
    `rows: ${scans.rowsScanned} scanned, ${scans.rowsMatched} passed, ${scans.rowsCached} answered from the cache, ${rows} in the result`,
    `pages: ${scans.pagesRead} read, ${scans.pagesCached} in the page cache, ${scans.pagesSkipped} skipped; bytes read: ${scans.bytesRead}`,
    `pages ruled out: ${scans.skippedByZoneMap} by zone map, ${scans.skippedByDictionary} by dictionary, ${scans.skippedByIndex} by index`,
    `scan tasks: ${scans.morsels}, of them ${scans.morselsCached} answered from the cache`,
  ];
  for (const leaf of leaves) lines.push(...explainLeaf(leaf));
  return [
    ...lines,
    'operators:',
    ...operators
      .trimEnd()
      .split('\n')
      .map((line) => `  ${line}`),
  ];
}

function explainLeaf({ index, request, stats, countedRows }: Leaf): string[] {
  const { blocks, prunedByTime, prunedByZoneMap } = stats;
  const read = blocks - prunedByTime - prunedByZoneMap;
  const counted = countedRows > 0 ? `, ${countedRows} rows counted from headers` : '';
  const pruned = `${prunedByTime} pruned by time, ${prunedByZoneMap} by zone map, ${read} left`;
  return [`scan ${index} of ${request.stream}: ${blocks} row groups, ${pruned}${counted}`];
}

function milliseconds(ms: number): string {
  return `${ms.toFixed(3)} ms`;
}

/** The report as the rows of an answer with one column. */
export function explainedRows(
  lines: string[],
  format: RowFormat,
): Pick<QueryResult, 'pieces' | 'rows' | 'columns'> {
  const name = 'plan';
  const rows = lines.map((line) => JSON.stringify(format === 'arrays' ? [line] : { [name]: line }));
  const text = {
    objects: () => rows.join(','),
    arrays: () => rows.join(','),
    ndjson: () => rows.map((row) => `${row}\n`).join(''),
    csv: () =>
      [name, ...lines.map((line) => `"${line.replaceAll('"', '""')}"`)].map((row) => `${row}\n`).join(''),
  }[format]();
  return { pieces: [Buffer.from(text)], rows: lines.length, columns: [{ name, type: 'Utf8' }] };
}

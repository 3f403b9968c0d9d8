/** Files that a run leaves behind: tables as Markdown, pictures as SVG. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Context } from './context.js';
import { machineLine } from './machine.js';
import type { Cell } from './report.js';

const resultsFolder = fileURLToPath(new URL('../../../bench/results/', import.meta.url));

/**
 * Writes into `bench/results` when `keep`; a trial with little data must not replace what a real run left there, and writes into the work
 * folder, which goes at the run's end.
 */
export function saveResult(context: Context, keep: boolean, name: string, content: string): void {
  const folder = keep ? resultsFolder : context.folder.path;
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  writeFileSync(path, content);
  if (keep) context.report.line(`written: ${path}`);
}

/** The command that repeats a run, as it was given. */
export function commandLine(): string {
  return ['npm run bench --', ...process.argv.slice(2)].join(' ');
}

/** The head of a Markdown result: what, with which command, where and when. */
export function markdownHead(title: string): string {
  return `# ${title}\n\n\`${commandLine()}\`\n\n${machineLine()}\n`;
}

export function markdownTable(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const line = (cells: readonly Cell[]) =>
    `| ${header.map((_, column) => String(cells[column] ?? '').replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), `|${header.map(() => ' --- |').join('')}`, ...rows.map(line)].join('\n');
}

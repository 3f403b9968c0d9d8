/** `basalt inspect`: what a segment or WAL file is made of. */
import type { Command } from 'commander';
import { stringifyExact } from '../query/exact-json.js';

interface InspectOptions {
  groups?: boolean;
  json?: boolean;
}

export function addInspectCommand(program: Command): void {
  program
    .command('inspect')
    .description('show what a segment or WAL file is made of: columns, encodings, bytes')
    .argument('<files...>', 'segment or WAL files')
    .option('--groups', 'show each row group or frame too')
    .option('--json', 'one JSON object a line instead of tables')
    .action(async (files: string[], options: InspectOptions) => inspect(files, options));
}

/** Runs the command. @throws CliError, BasaltError when a file is none, or damaged */
export async function inspect(files: string[], options: InspectOptions, out = process.stdout): Promise<void> {
  // Only here: the other commands start without loading the native addon.
  const { takeApart } = await import('./file-parts.js');
  const { jsonReport, textReport } = await import('./report.js');
  for (const [index, file] of files.entries()) {
    const parts = takeApart(file);
    if (options.json) {
      out.write(`${stringifyExact(jsonReport(parts, options.groups === true))}\n`);
      continue;
    }
    if (index > 0) out.write('\n');
    out.write(textReport(parts, options.groups === true, out.isTTY ? out.columns : undefined));
  }
}

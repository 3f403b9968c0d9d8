/** `basalt verify`: every checksum, and the catalog against the files. */
import { closeSync, openSync, statSync } from 'node:fs';
import type { Command } from 'commander';
import pc from 'picocolors';
import { loadConfig } from '../../config/index.js';
import { countText, type Problem } from '../../maintenance/problem.js';
import type { VerifyReport } from '../../maintenance/verify.js';
import { dataLayout } from '../../storage/layout.js';
import { CliError } from '../failure.js';
import { sizeText } from '../human.js';
import { CheckProgress } from './progress.js';

interface VerifyOptions {
  json?: boolean;
}

export function addVerifyCommand(program: Command): void {
  program
    .command('verify')
    .description(
      'check every byte of a data directory, or of single files, against its checksum; only reads, also beside a server',
    )
    .argument('[paths...]', 'a data directory (default: the configured one), or segment and WAL files')
    .option('--json', 'the report as one JSON object')
    .action(async (paths: string[], options: VerifyOptions) => {
      process.exitCode = await verify(paths, options);
    });
}

/** Runs the command. @returns 0 when all is well, 1 when there are problems; @throws CliError when a path is nothing of ours */
export async function verify(paths: string[], options: VerifyOptions, out = process.stdout): Promise<number> {
  const progress = new CheckProgress();
  let report: VerifyReport;
  try {
    report = await check(paths.length > 0 ? paths : [loadConfig().dataDir], progress);
  } finally {
    progress.stop();
  }
  if (options.json) {
    const seconds = Number(progress.seconds.toFixed(3));
    out.write(`${JSON.stringify({ ...report, seconds })}\n`);
  } else out.write(textReport(report, progress));
  return report.problems.length > 0 ? 1 : 0;
}

async function check(paths: string[], progress: CheckProgress): Promise<VerifyReport> {
  // Only here: the other commands start without loading the native addon.
  const { verifyDirectory, verifyFiles } = await import('../../maintenance/verify.js');
  const [first = ''] = paths;
  if (paths.length === 1 && isDirectory(first)) {
    return verifyDirectory(dataLayout(first), progress);
  }
  const { magicOf } = await import('../inspect/file-parts.js');
  const kindOf = (path: string) => {
    if (isDirectory(path)) throw new CliError(`${path} is a directory: give one data directory, or files`);
    const fd = openSync(path, 'r');
    try {
      const named = path.endsWith('.seg') ? 'segment' : path.endsWith('.wal') ? 'wal' : undefined;
      const kind = magicOf(fd) ?? named;
      if (!kind) throw new CliError(`${path} is neither a segment nor a WAL file`);
      return kind;
    } finally {
      closeSync(fd);
    }
  };
  return verifyFiles(
    paths.map((path) => ({ kind: kindOf(path), path })),
    progress,
  );
}

function isDirectory(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) throw new CliError(`${path} does not exist`);
  return found.isDirectory();
}

function textReport({ problems, notes, files, bytes, rows }: VerifyReport, progress: CheckProgress): string {
  const lines = [
    `${countText(files, 'file')}, ${countText(rows, 'row')}, ${sizeText(bytes)} checked in ` +
      `${progress.seconds.toFixed(2)} s (${sizeText(progress.rate(bytes))}/s)`,
    ...notes.map((note) => pc.dim(`note: ${note}`)),
    ...problems.flatMap(problemLines),
    problems.length === 0
      ? pc.green('no problems')
      : pc.red(`${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`),
  ];
  return `${lines.join('\n')}\n`;
}

function problemLines({ what, where, next }: Problem): string[] {
  return [`${pc.red('problem:')} ${what}`, `  where: ${where}`, `  next:  ${next}`];
}

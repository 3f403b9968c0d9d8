/** `basalt repair`: damaged segments aside, what is good of them kept, the catalog rebuilt when it is lost. */
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { loadConfig } from '../../config/index.js';
import { countText } from '../../maintenance/problem.js';
import { dataLayout } from '../../storage/layout.js';
import { CliError } from '../failure.js';
import { CheckProgress } from '../verify/progress.js';
import { planText } from './plan-text.js';

interface RepairOptions {
  dryRun?: boolean;
  yes?: boolean;
  acknowledge?: boolean;
}

export function addRepairCommand(program: Command): void {
  program
    .command('repair')
    .description('mend a data directory that verify finds damaged; the server must not run')
    .argument('[data_dir]', 'the data directory (default: the configured one)')
    .option('--dry-run', 'show what would be done, and do nothing')
    .option('--yes', 'do not ask')
    .option(
      '--acknowledge',
      'say that lost records of the write-ahead log are known: answers are partial no more',
    )
    .action(async (directory: string | undefined, options: RepairOptions) => repair(directory, options));
}

/** Runs the command. @throws CliError when the directory is in use; FatalError when it needs more than a repair */
export async function repair(
  directory: string | undefined,
  options: RepairOptions,
  out = process.stdout,
): Promise<void> {
  const layout = dataLayout(directory ?? loadConfig().dataDir);
  if (!existsSync(layout.segments) && !existsSync(layout.wal))
    throw new CliError(`${layout.root} is no data directory: it has neither segments nor a WAL`);
  // Only here: the other commands start without loading the native addon.
  const { DataLock, isLocked } = await import('../../storage/data-lock.js');
  const { isEmpty, planRepair } = await import('../../maintenance/plan.js');
  const maintenance = await import('../../maintenance/repair.js');
  const { surveyDirectory } = await import('../../maintenance/survey-directory.js');
  if (isLocked(layout.lock))
    throw new CliError(
      `${layout.root} is in use by a running server`,
      options.acknowledge
        ? 'POST /node/losses/acknowledge does it while the server runs'
        : 'stop the server, then repair',
    );
  process.umask(0o077);
  const lock = DataLock.acquire(layout.lock);
  try {
    if (options.acknowledge) {
      out.write(`${countText(await acknowledgeLosses(layout.catalog), 'loss', 'losses')} acknowledged\n`);
      return;
    }
    const progress = new CheckProgress();
    const findings = await surveyDirectory(layout, progress).finally(() => progress.stop());
    const plan = planRepair(layout, findings);
    out.write(planText(plan));
    if (isEmpty(plan) || options.dryRun) return;
    if (!options.yes && process.stdin.isTTY && !(await agreed())) {
      out.write('nothing was changed\n');
      return;
    }
    maintenance.repair(layout, plan);
    out.write(`done; what was moved aside is in ${layout.quarantine}\n`);
  } finally {
    lock.release();
  }
}

async function acknowledgeLosses(path: string): Promise<number> {
  if (!existsSync(path)) throw new CliError(`${path} is not there: repair first, without --acknowledge`);
  const { Catalog } = await import('../../storage/catalog.js');
  const catalog = new Catalog(path);
  try {
    return catalog.acknowledgeLosses({}, Date.now() * 1000);
  } finally {
    catalog.close();
  }
}

async function agreed(): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question('do this? [y/N] ');
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}

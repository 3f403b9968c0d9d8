#!/usr/bin/env node
/** The `basalt` command. */
import './no-inspector.js';
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addExportCommand } from './export/command.js';
import { reportFailure } from './failure.js';
import { addIngestCommand } from './ingest/command.js';
import { addInspectCommand } from './inspect/command.js';
import { addQueryCommand } from './query/command.js';
import { addRepairCommand } from './repair/command.js';
import { addServeCommand } from './serve.js';
import { addTailCommand } from './tail/command.js';
import { addVerifyCommand } from './verify/command.js';

/** package.json, seen from dist/src/cli. */
const PACKAGE_FILE = new URL('../../../package.json', import.meta.url);

function version(): string {
  return (JSON.parse(readFileSync(PACKAGE_FILE, 'utf8')) as { version: string }).version;
}

const program = new Command('basalt')
  .description('A log engine for one host: logs in over HTTP, durable and columnar, out by SQL.')
  .version(version())
  .showHelpAfterError('(basalt --help lists commands and options)');
addServeCommand(program);
addIngestCommand(program);
addQueryCommand(program);
addExportCommand(program);
addTailCommand(program);
addInspectCommand(program);
addVerifyCommand(program);
addRepairCommand(program);

// `basalt query … | head` closes the pipe early: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  // Not only the exit code: a start that failed half-way has worker threads that would keep the process alive.
  process.exit(reportFailure(error));
}

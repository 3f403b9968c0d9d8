/** What the command line says when something goes wrong, and with which exit code it ends. */
import pc from 'picocolors';
import { BasaltError, FATAL_EXIT_CODE, FatalError } from '../errors/index.js';

/** A failure whose text is all the user needs; exit code 1. */
export class CliError extends Error {
  constructor(
    message: string,
    readonly hint?: string,
  ) {
    super(message);
    this.name = 'CliError';
  }
}

/** Prints `error` on stderr and returns the exit code it stands for. Errors that are bugs keep their stack. */
export function reportFailure(error: unknown, out: NodeJS.WritableStream = process.stderr): number {
  const { text, hint, exitCode } = describeFailure(error);
  out.write(`${pc.red('error:')} ${text}\n`);
  if (hint) out.write(`hint: ${hint}\n`);
  return exitCode;
}

function describeFailure(error: unknown): { text: string; hint?: string; exitCode: number } {
  if (error instanceof CliError) return { text: error.message, hint: error.hint, exitCode: 1 };
  if (error instanceof BasaltError) return { text: error.message, hint: error.fields.hint, exitCode: 1 };
  if (error instanceof FatalError) return { text: error.message, exitCode: FATAL_EXIT_CODE };
  return { text: error instanceof Error ? (error.stack ?? error.message) : String(error), exitCode: 1 };
}

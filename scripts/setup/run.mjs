// Runs a tool as a child process and hands its output on line by line.
import { spawn } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';
import { Progress } from './progress.mjs';

/** A set-up step failed; the message is all the user needs to read. */
export class SetupError extends Error {}

/** Splits a stream into lines at \n and at \r (progress bars redraw with \r) and hands each to `onLine`. */
function eachLine(stream, onLine) {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text) => {
    const parts = (rest + text).split(/\r\n|\r|\n/);
    rest = parts.pop() ?? '';
    for (const part of parts) onLine(part);
  });
  stream.on('end', () => {
    if (rest !== '') onLine(rest);
  });
}

function exitOf(child, command) {
  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new SetupError(`${command} could not be started: ${error.message}`)));
    child.on('close', (code) => resolve(code ?? 128));
  });
}

/** Runs `command`; resolves to its exit code (128 when a signal ended it). Its output goes to the two callbacks. */
function runLines(command, args, { cwd, env, onStdout, onStderr }) {
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  eachLine(child.stdout, onStdout);
  eachLine(child.stderr, onStderr);
  return exitOf(child, command);
}

/** Runs `command` with the terminal as its own; resolves to its exit code (128 when a signal ended it). */
export function runInherited(command, args, { cwd, env = process.env }) {
  return exitOf(spawn(command, args, { cwd, env, stdio: 'inherit' }), command);
}

const CARGO_CHATTER =
  /^(Compiling|Checking|Download(ed|ing)|Fresh|Updating|Locking|Adding|Finished|Fetch|Building|Blocking)\b/;

/** What a line of cargo's stderr is: its progress bar, its chatter about crates, or something to show. */
export function classifyCargoLine(line) {
  const plain = stripVTControlCharacters(line).trim();
  const bar = /^(?:Building|Checking|Compiling) \[[=> ]*\]\s+(\d+)\/(\d+)/.exec(plain);
  if (bar) return { kind: 'progress', done: Number(bar[1]), total: Number(bar[2]) };
  return { kind: plain === '' || CARGO_CHATTER.test(plain) ? 'chatter' : 'text' };
}

/**
 * Runs cargo in the workspace. Its crate counter becomes one progress line, warnings and errors are shown as they come,
 * and each line of its stdout goes to `onStdout` (default: shown too).
 */
export async function runCargo(args, { cwd, env = process.env, label, onStdout }) {
  const progress = new Progress(label);
  const show = (stream, line) => {
    progress.clear();
    stream.write(`${line}\n`);
  };
  const code = await runLines('cargo', args, {
    cwd,
    env: { ...env, CARGO_TERM_PROGRESS_WHEN: 'always', CARGO_TERM_PROGRESS_WIDTH: '120' },
    onStdout: onStdout ?? ((line) => show(process.stdout, line)),
    onStderr(line) {
      const seen = classifyCargoLine(line);
      if (seen.kind === 'progress') progress.update(seen.done, seen.total);
      if (seen.kind === 'text') show(process.stderr, line);
    },
  });
  return { code, ms: progress.stop() };
}

import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';

/** One line that says where and on what the figures were measured. */
export function machineLine(): string {
  const processors = cpus();
  const model = processors[0]?.model.trim() ?? 'unknown processor';
  const memory = `${(totalmem() / 2 ** 30).toFixed(0)} GiB`;
  const now = new Date().toISOString().slice(0, 16);
  return `${model}, ${processors.length} cores, ${memory}, node ${process.version}, ${now}Z, commit ${commit()}`;
}

function commit(): string {
  const git = (...words: string[]) =>
    execFileSync('git', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return (
      git('rev-parse', '--short=12', 'HEAD') + (git('status', '--porcelain') === '' ? '' : ' with changes')
    );
  } catch {
    return 'unknown';
  }
}

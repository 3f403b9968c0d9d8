/** A memory control group (version 1 or 2) for one process, where this machine lets the tests make one. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface MemoryGroup {
  /** A command that runs the program in its last arguments within the group, as the same process. */
  readonly wrapper: string[];
  /** Processes that the kernel ended for its sake so far. */
  kills(): number;
  /** Only once no process is in it any more. */
  remove(): void;
}

const VERSION_1 = '/sys/fs/cgroup/memory';
const VERSION_2 = '/sys/fs/cgroup';

/** @returns undefined where no group can be made: no controller here, or no permission */
export function makeMemoryGroup(name: string, limitBytes: number): MemoryGroup | undefined {
  const isVersion1 = existsSync(join(VERSION_1, 'memory.limit_in_bytes'));
  const folder = join(isVersion1 ? VERSION_1 : VERSION_2, `${name}-${process.pid}`);
  try {
    if (!isVersion1) writeFileSync(join(VERSION_2, 'cgroup.subtree_control'), '+memory');
    mkdirSync(folder);
    writeFileSync(join(folder, isVersion1 ? 'memory.limit_in_bytes' : 'memory.max'), String(limitBytes));
  } catch {
    if (existsSync(folder)) rmdirSync(folder);
    return undefined;
  }
  const killsFile = join(folder, isVersion1 ? 'memory.oom_control' : 'memory.events');
  return {
    wrapper: ['sh', '-c', `echo $$ > ${join(folder, 'cgroup.procs')} && exec "$@"`, 'sh'],
    kills: () => Number(/^oom_kill (\d+)/m.exec(readFileSync(killsFile, 'utf8'))?.[1] ?? Number.NaN),
    remove: () => rmdirSync(folder),
  };
}

/** A Python with chdb in it: one that the caller names, or one made for this run. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Pinned: figures of other versions are other figures. */
const packages = ['chdb==4.4.0', 'chdb-core==26.9.0'];
const commandMsMax = 600_000;
const run = promisify(execFile);

/** Either the interpreter's path, or why there is none. */
export type Python =
  | { readonly path: string; readonly version: string }
  | { readonly path: undefined; readonly reason: string };

/** Installs chdb (about 900 MB) into a virtual environment below `folder`, unless `existing` has it already. */
export async function pythonWithChdb(
  folder: string,
  existing: string | undefined,
  progress: (text: string) => void,
): Promise<Python> {
  const environment = join(folder, 'python');
  const path = existing ?? join(environment, 'bin', 'python');
  try {
    if (existing === undefined) {
      progress(`installing ${packages.join(' ')} with pip, into the work folder`);
      await run('python3', ['-m', 'venv', environment], { timeout: commandMsMax });
      const words = ['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check'];
      await run(path, [...words, ...packages], { timeout: commandMsMax });
    }
    const script = 'import chdb; print(chdb.__version__, chdb.engine_version)';
    const { stdout } = await run(path, ['-c', script], { timeout: commandMsMax });
    return { path, version: stdout.trim() };
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    const lastLine = (stderr ?? '').trim().split('\n').at(-1);
    return { path: undefined, reason: lastLine || (message.split('\n')[0] as string) };
  }
}

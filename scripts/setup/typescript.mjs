// Step 3: TypeScript to dist/.
import { existsSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { root } from './paths.mjs';
import { formatElapsed } from './progress.mjs';
import { runInherited, SetupError } from './run.mjs';
import { dropStamp, hashInputs, listFiles, readStamp, writeStamp } from './stamp.mjs';

const SOURCE_FOLDERS = ['src', 'workers', 'bench', 'test', 'scripts'];

/** Removes compiled files whose source is gone, so that nothing stale is run or imported. */
function removeOrphans(dist) {
  for (const folder of SOURCE_FOLDERS) {
    for (const file of listFiles(
      join(dist, folder),
      (name) => name.endsWith('.js') || name.endsWith('.js.map'),
    )) {
      const source = join(root, relative(dist, file).replace(/\.js(\.map)?$/, '.ts'));
      if (!existsSync(source)) rmSync(file);
    }
  }
}

/** Compiles when a source, tsconfig.json or package-lock.json changed since the last success. */
export async function buildTypeScript() {
  const dist = join(root, 'dist');
  const stamp = join(dist, '.stamp');
  const inputs = SOURCE_FOLDERS.flatMap((folder) =>
    listFiles(join(root, folder), (name) => name.endsWith('.ts')),
  );
  inputs.push(join(root, 'tsconfig.json'), join(root, 'vitest.config.ts'), join(root, 'package-lock.json'));
  const wanted = hashInputs(root, inputs);
  if (readStamp(stamp) === wanted) return;
  const startedAt = Date.now();
  dropStamp(stamp);
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const code = await runInherited(process.execPath, [compiler, '-p', root], { cwd: root, env: process.env });
  if (code !== 0) throw new SetupError('The TypeScript build failed; its messages are above.');
  removeOrphans(dist);
  writeStamp(stamp, wanted);
  console.error(`Built the TypeScript in ${formatElapsed(Date.now() - startedAt)}`);
}

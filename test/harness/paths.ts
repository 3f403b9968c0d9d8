/** Where the built program lies, seen from the sources (`test/…`) and from the compiled tests (`dist/test/…`) alike. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

function findRoot(from: string): string {
  if (existsSync(join(from, 'package.json'))) return from;
  const parent = dirname(from);
  if (parent === from) throw new Error('package.json was not found above the tests');
  return findRoot(parent);
}

export const root = findRoot(dirname(fileURLToPath(import.meta.url)));

/** The command line program, as `npm run build` makes it. */
export const program = join(root, 'dist', 'src', 'cli', 'main.js');

// Stamps: a step is skipped when the hash of all its inputs is the one its last success left behind.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Files under `path` (or `path` itself) for which `wanted(name)` holds, in a fixed order; absent paths give none. */
export function listFiles(path, wanted, skippedFolders = []) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return [];
  if (stat.isFile()) return [path];
  const files = [];
  for (const entry of readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.isDirectory()) {
      if (!skippedFolders.includes(entry.name))
        files.push(...listFiles(join(path, entry.name), wanted, skippedFolders));
    } else if (wanted(entry.name)) {
      files.push(join(path, entry.name));
    }
  }
  return files;
}

/** SHA-256 over the names (relative to `base`) and contents of `files` and over `extra` texts. */
export function hashInputs(base, files, extra = []) {
  const hash = createHash('sha256');
  for (const text of extra) hash.update(`${text}\0`);
  for (const file of files) {
    const bytes = readFileSync(file);
    hash.update(`${relative(base, file)}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex');
}

/** The stamp's text, or undefined when the step never succeeded. */
export function readStamp(file) {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** Writes a stamp in one step, so that an interrupted run leaves none. */
export function writeStamp(file, text) {
  mkdirSync(dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${text}\n`);
  renameSync(draft, file);
}

/** Takes a stamp away before its step starts, so that a failed step is never taken for a finished one. */
export function dropStamp(file) {
  rmSync(file, { force: true });
}

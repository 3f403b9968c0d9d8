/** The project's own files, as the tidy rules see them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

export interface SourceFile {
  /** From the package root, with `/`. */
  path: string;
  text: string;
}

/** A broken rule: where, and what to do about it. */
export interface Finding {
  path: string;
  /** 1-based; absent when the whole file is meant. */
  line?: number;
  message: string;
}

/** Made by tools, or not ours. */
const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'target', '.git', 'data', 'results', 'coverage']);

const TEXT_NAMES = /\.(ts|mjs|rs|md|json|toml|ya?ml|sql)$/;

/** Every text file below `root`, in a fixed order. */
export function readSources(root: string, folder = root): SourceFile[] {
  const files: SourceFile[] = [];
  for (const entry of readdirSync(folder, { withFileTypes: true }).toSorted((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!SKIPPED_FOLDERS.has(entry.name)) files.push(...readSources(root, path));
    } else if (TEXT_NAMES.test(entry.name) && entry.name !== 'package-lock.json') {
      files.push({ path: relative(root, path), text: readFileSync(path, 'utf8') });
    }
  }
  return files;
}

export function isCode(path: string): boolean {
  return /\.(ts|mjs|rs)$/.test(path);
}

/** Tests may be long: tables of cases are best read in one place. */
export function isTest(path: string): boolean {
  return /(^|\/)tests?\//.test(path) || /(^|\/)tests\.rs$/.test(path) || path.endsWith('.test.ts');
}

export function describeFinding({ path, line, message }: Finding): string {
  return `${path}${line === undefined ? '' : `:${line}`}: ${message}`;
}

/** Paths that the documents name must exist. */
import { posix } from 'node:path';
import type { Finding, SourceFile } from './files.js';

const TOP_FOLDERS = ['src', 'workers', 'native', 'test', 'bench', 'scripts', 'docs', '.ci'];
const TOP_FILES = /^(README|CHANGELOG|LICENSE|package|tsconfig|biome|vitest\.config)(\.[a-z]+)?$/;

/** Made by the build or by running: not there in a fresh clone. */
const MADE_LATER = /^(native\/(dist|target)|bench\/results)(\/|$)/;

const IN_BACKTICKS = /`([^`\n]+)`/g;
const LINK = /\]\(([^)\s]+)\)/g;

/** Whether a text in backticks is meant as a path of this repository, and not as a pattern or a command. */
export function looksLikeRepoPath(text: string): boolean {
  if (!/^[\w./-]+$/.test(text) || MADE_LATER.test(text)) return false;
  const parts = text.split('/');
  return parts.length === 1
    ? TOP_FILES.test(text) && text.includes('.')
    : TOP_FOLDERS.includes(parts[0] as string);
}

/** `exists` answers for a path from the package root. */
export function checkDocPaths({ path, text }: SourceFile, exists: (path: string) => boolean): Finding[] {
  if (!/^(README\.md|CHANGELOG\.md|docs\/.*\.md)$/.test(path)) return [];
  const findings: Finding[] = [];
  const check = (target: string, index: number) => {
    if (exists(target.replace(/\/$/, ''))) return;
    const line = text.slice(0, index).split('\n').length;
    findings.push({ path, line, message: `names ${target}, which does not exist` });
  };
  for (const match of text.matchAll(IN_BACKTICKS)) {
    const named = match[1] as string;
    if (looksLikeRepoPath(named)) check(named, match.index);
  }
  for (const match of text.matchAll(LINK)) {
    const target = (match[1] as string).replace(/#.*$/, '');
    if (target === '' || /^[a-z]+:/.test(target)) continue;
    check(posix.normalize(posix.join(posix.dirname(path), target)), match.index);
  }
  return findings;
}

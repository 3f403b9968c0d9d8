/** Rules that look at one file at a time: size, width, names, leftovers, the reasons of unsafe code. */
import { type Finding, isCode, isTest, type SourceFile } from './files.js';

export const FILE_LINES_MAX = 600;
export const LINE_COLUMNS_MAX = 140;

/** Spelt in two parts, so that this file does not break its own rule. */
const LEFTOVERS = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X'].join('|')})\\b`);

/** Names that say nothing about what is inside. */
const EMPTY_NAMES = new Set(['util', 'utils', 'helper', 'helpers', 'common', 'misc']);

/** Code files over FILE_LINES_MAX lines; a Rust file's test module at its end is not counted. */
export function checkFileSize({ path, text }: SourceFile): Finding[] {
  if (!isCode(path) || isTest(path)) return [];
  const lines = text.replace(/\n$/, '').split('\n');
  const testModule = path.endsWith('.rs') ? lines.indexOf('#[cfg(test)]') : -1;
  const count = testModule === -1 ? lines.length : testModule;
  if (count <= FILE_LINES_MAX) return [];
  return [{ path, message: `${count} lines, ${FILE_LINES_MAX} are the ceiling: split it by job` }];
}

export function checkLineWidth({ path, text }: SourceFile): Finding[] {
  if (!isCode(path) || isTest(path)) return [];
  return findLines(text, (line) => [...line].length > LINE_COLUMNS_MAX).map((line) => ({
    path,
    line,
    message: `wider than ${LINE_COLUMNS_MAX} columns`,
  }));
}

export function checkLeftovers({ path, text }: SourceFile): Finding[] {
  return findLines(text, (line) => LEFTOVERS.test(line)).map((line) => ({
    path,
    line,
    message: 'a note to do something later: do it, or file an issue',
  }));
}

export function checkName({ path }: SourceFile): Finding[] {
  const parts = path.split('/').map((part) => part.replace(/\..*$/, '').toLowerCase());
  const empty = parts.find((part) => EMPTY_NAMES.has(part));
  return empty === undefined
    ? []
    : [{ path, message: `'${empty}' says nothing: name it after what it does` }];
}

/**
 * Rust `unsafe` needs its reason: `SAFETY:` on its line, in the three lines before it or in the comment that ends right above
 * it; or `# Safety` in the documentation above, where the caller is the one who must keep it.
 */
export function checkUnsafe({ path, text }: SourceFile): Finding[] {
  if (!path.endsWith('.rs')) return [];
  const lines = text.split('\n');
  return lines.flatMap((line, index) => {
    if (!/\bunsafe\b/.test(codeOf(line)) || hasReason(lines, index)) return [];
    return [
      { path, line: index + 1, message: 'unsafe without a SAFETY: comment or a # Safety section above it' },
    ];
  });
}

/** The line without its comment and its strings. */
function codeOf(line: string): string {
  return line.replace(/"(?:[^"\\]|\\.)*"/g, '""').replace(/\/\/.*$/, '');
}

function hasReason(lines: string[], index: number): boolean {
  const near = lines.slice(Math.max(0, index - 3), index + 1);
  if (near.some((line) => line.includes('SAFETY:'))) return true;
  for (let above = index - 1; above >= 0; above--) {
    const line = (lines[above] as string).trim();
    if (!/^(\/\/|#\[|\*|\/\*)/.test(line)) return false;
    if (line.includes('SAFETY:') || /^\/\/[/!] # Safety/.test(line)) return true;
  }
  return false;
}

/** 1-based numbers of the lines for which `wanted` holds. */
function findLines(text: string, wanted: (line: string) => boolean): number[] {
  return text.split('\n').flatMap((line, index) => (wanted(line) ? [index + 1] : []));
}

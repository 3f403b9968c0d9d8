/** Reads case files; README.md describes their form. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

export interface Section {
  word: string;
  /** What follows the word on the head line. */
  args: string[];
  text: string;
  expected: string[];
  /** Of the head line, counted from 1. */
  line: number;
}

export interface Case {
  /** Path below the folder of cases, without `.test`. */
  name: string;
  sections: Section[];
}

const WORDS = new Set(['ingest', 'query', 'error', 'request', 'flush', 'restart']);
/** Sections without a text. */
const BARE_WORDS = new Set(['flush', 'restart']);
const SEPARATOR = '----';

export function readCases(folder: string): Case[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.test'),
  );
  return files.sort().map((file) => {
    const path = join(folder, file);
    return { name: relative(folder, path).replace(/\.test$/, ''), sections: parse(path) };
  });
}

function parse(path: string): Section[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  const sections: Section[] = [];
  let at = 0;
  while (at < lines.length) {
    const head = (lines[at] as string).trim();
    if (head === '' || head.startsWith('#')) {
      at++;
      continue;
    }
    const [word = '', ...args] = head.split(/\s+/);
    if (!WORDS.has(word)) throw new Error(`${path}:${at + 1}: '${word}' starts no section`);
    const section: Section = { word, args, text: '', expected: [], line: at + 1 };
    sections.push(section);
    at++;
    if (BARE_WORDS.has(word)) continue;
    const separator = lines.indexOf(SEPARATOR, at);
    if (separator < 0) throw new Error(`${path}:${at}: the section has no line ${SEPARATOR}`);
    section.text = lines.slice(at, separator).join('\n').trimEnd();
    let end = separator + 1;
    while (end < lines.length && !startsSection(lines, end)) end++;
    section.expected = lines.slice(separator + 1, end);
    while (section.expected.at(-1)?.trim() === '') section.expected.pop();
    at = end;
  }
  return sections;
}

/** A section word or a comment counts only behind a blank line, so expected rows may begin with anything. */
function startsSection(lines: string[], at: number): boolean {
  if (lines[at - 1]?.trim() !== '') return false;
  const [word = ''] = (lines[at] as string).split(/\s+/);
  return WORDS.has(word) || word.startsWith('#');
}

/** What the tab key offers: streams after FROM and JOIN; elsewhere fields of the streams that are named, functions, keywords. */
import { KEYWORDS } from './keywords.js';
import { COMMANDS, FORMAT_NAMES } from './meta.js';
import type { Names } from './names.js';

/** Candidates, and the end of the line that they replace. */
export type Completion = [candidates: string[], replaced: string];

const WORD = /"?[\w:]*$/;
const AFTER_STREAM_KEYWORD = /\b(?:from|join)\s+"?[\w:]*$/i;
const NAMED_STREAMS = /\b(?:from|join)\s+"?([\w:]+)"?/gi;

/** @param before the lines of the statement above this one */
export async function complete(line: string, before: string, names: Names): Promise<Completion> {
  if (before.trim() === '' && line.trimStart().startsWith('\\')) return completeCommand(line, names);
  const word = WORD.exec(line)?.[0] ?? '';
  const text = `${before}\n${line}`;
  if (AFTER_STREAM_KEYWORD.test(text)) return [matching(quoted(await names.streamNames()), word), word];
  const streams = new Set([...text.matchAll(NAMED_STREAMS)].map(([, name = '']) => name));
  const fields = (await Promise.all([...streams].map((name) => names.fieldNames(name)))).flat();
  const functions = word === '' ? [] : (await names.functionNames()).map((name) => `${name}(`);
  // Nothing begun: the fields alone, for the rest is too much to read.
  const keywords = word === '' ? [] : KEYWORDS.map((keyword) => likeTyped(keyword, word));
  return [matching([...quoted(fields), ...functions, ...keywords], word), word];
}

async function completeCommand(line: string, names: Names): Promise<Completion> {
  const [, command = '', argument] = /^\s*(\\\w*)(?:\s+(\S*))?$/.exec(line) ?? [];
  if (argument === undefined) return [matching(COMMANDS, command), command];
  if (command === '\\d') return [matching(await names.streamNames(), argument), argument];
  if (command === '\\format') return [matching(FORMAT_NAMES, argument), argument];
  return [[], argument];
}

function matching(candidates: string[], word: string): string[] {
  const wanted = word.replace(/^"/, '').toLowerCase();
  const found = candidates.filter((name) => name.replace(/^"/, '').toLowerCase().startsWith(wanted));
  const unique = [...new Set(found)];
  return word.startsWith('"') ? unique.map((name) => (name.startsWith('"') ? name : `"${name}"`)) : unique;
}

/** Names as SQL needs them: what is a keyword, has capitals or other characters stands in quotes. */
function quoted(names: string[]): string[] {
  return names.map((name) =>
    /^[a-z_][a-z0-9_]*$/.test(name) && !KEYWORDS.includes(name.toUpperCase())
      ? name
      : `"${name.replaceAll('"', '""')}"`,
  );
}

function likeTyped(keyword: string, word: string): string {
  return word === word.toUpperCase() ? keyword : keyword.toLowerCase();
}

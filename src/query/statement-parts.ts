/**
 * Where the clauses of a statement stand in its text. Only for taking over a clause as it was written: whether a statement is valid and
 * what it means is for the planner to say, which is always asked as well.
 */

import { SQL_BYTES_READ_MAX } from '../config/limits.js';

export type Clause = 'with' | 'select' | 'from' | 'where' | 'group' | 'having' | 'window' | 'order' | 'limit';

export interface StatementParts {
  /** The text behind each clause's words. */
  clauses: Partial<Record<Clause, string>>;
  distinct: boolean;
  /** UNION, INTERSECT or EXCEPT at the top. Like `joined`, also where the statement is too long to be read. */
  setOperation: boolean;
  /** FROM names more than one thing, or something that is no name. */
  joined: boolean;
}

interface Token {
  /** Words in upper case; other tokens as they are. */
  text: string;
  start: number;
  depth: number;
}

const STARTS: Record<string, Clause> = {
  WITH: 'with',
  SELECT: 'select',
  FROM: 'from',
  WHERE: 'where',
  GROUP: 'group',
  HAVING: 'having',
  WINDOW: 'window',
  ORDER: 'order',
  LIMIT: 'limit',
  OFFSET: 'limit',
  FETCH: 'limit',
};

const TWO_WORDS = new Set(['GROUP', 'ORDER']);

/** What is read as one token; anything else is one character each. */
const TOKEN = new RegExp(
  [
    /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/, // comments
    /[eE]'(?:\\[\s\S]|''|[^'\\])*'?|'(?:''|[^'])*'?/, // strings
    /\$(\w*)\$[\s\S]*?\$\1\$/, // dollar-quoted strings
    /"(?:""|[^"])*"?/, // quoted names
    /[\p{L}_][\p{L}\p{N}_$]*|\d[\w.]*|\S/u, // words, numbers
  ]
    .map(({ source }) => source)
    .join('|'),
  'gu',
);

export function statementParts(sql: string): StatementParts {
  if (sql.length > SQL_BYTES_READ_MAX)
    return { clauses: {}, distinct: false, setOperation: true, joined: true };
  const tokens = tokenize(sql);
  const top = tokens.filter(({ depth }) => depth === 0);
  const parts: StatementParts = { clauses: {}, distinct: false, setOperation: false, joined: false };
  let open: { clause: Clause; from: number } | undefined;
  const close = (end: number) => {
    if (open) parts.clauses[open.clause] = sql.slice(open.from, end).trim();
    open = undefined;
  };
  for (const [index, { text, start }] of top.entries()) {
    if (text === ';') break;
    const clause = STARTS[text];
    if (
      clause !== undefined &&
      startsClause(top, index) &&
      !(clause === 'limit' && open?.clause === 'limit')
    ) {
      close(start);
      const last = (TWO_WORDS.has(text) ? top[index + 1] : top[index]) as Token;
      open = { clause, from: last.start + last.text.length };
    }
    if (text === 'DISTINCT' && top[index - 1]?.text === 'SELECT') parts.distinct = true;
    if (text === 'UNION' || text === 'INTERSECT' || text === 'EXCEPT') {
      parts.setOperation = true;
      close(start);
    }
    if (open?.clause === 'from' && (text === ',' || text === 'JOIN' || text === '(')) parts.joined = true;
  }
  const end = top.find(({ text }) => text === ';')?.start ?? sql.length;
  close(end);
  return parts;
}

/** The same words stand in `WITHIN GROUP (…)` and `IS DISTINCT FROM`. */
function startsClause(top: Token[], index: number): boolean {
  const word = top[index]?.text ?? '';
  if (TWO_WORDS.has(word)) return top[index + 1]?.text === 'BY';
  return !(word === 'FROM' && top[index - 1]?.text === 'DISTINCT');
}

/** The name of the one stream that FROM names, as the planner reads it; undefined when there is none or are several. */
export function onlyStream({ clauses, joined, setOperation }: StatementParts): string | undefined {
  if (joined || setOperation || clauses.from === undefined) return undefined;
  const words = tokenize(clauses.from).map(({ start, text }) =>
    clauses.from?.slice(start, start + text.length),
  );
  let name = words[0];
  for (let at = 1; words[at] === '.'; at += 2) name = words[at + 1];
  if (name === undefined) return undefined;
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.toLowerCase();
}

/** Splits a list at its commas outside brackets. */
export function listItems(text: string): string[] {
  const items: string[] = [];
  let from = 0;
  for (const { text: token, start, depth } of tokenize(text)) {
    if (token !== ',' || depth !== 0) continue;
    items.push(text.slice(from, start).trim());
    from = start + 1;
  }
  const last = text.slice(from).trim();
  return last === '' ? items : [...items, last];
}

/** Without comments. An opening bracket has the depth outside of it, so does the closing one. */
function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  let depth = 0;
  for (const { 0: text, index } of sql.matchAll(TOKEN)) {
    if (text.startsWith('--') || text.startsWith('/*')) continue;
    if (text === ')') depth--;
    tokens.push({ text: /^[\p{L}_]/u.test(text) ? text.toUpperCase() : text, start: index, depth });
    if (text === '(') depth++;
  }
  return tokens;
}

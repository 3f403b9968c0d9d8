/** JSON whose integers may not fit a double: those are read as bigint. */

/** Marks a number that was put into a string; no server text begins with it. */
const MARK = '\u0000int:';

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;

export type Json = null | boolean | number | bigint | string | Json[] | { [key: string]: Json };

export function parseExactJson(text: string): Json {
  const marked = text.replace(TOKEN, (token) => {
    if (!/^-?\d{16,}$/.test(token) || Number.isSafeInteger(Number(token))) return token;
    return JSON.stringify(MARK + token);
  });
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : value,
  ) as Json;
}

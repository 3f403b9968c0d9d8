/** Cuts encoded rows (JSON objects or arrays, separated by commas) between rows, without parsing what is in them. */

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [BRACE_OPEN, BRACE_CLOSE, BRACKET_OPEN, BRACKET_CLOSE] = [0x7b, 0x7d, 0x5b, 0x5d];

/** A run of whole rows, joined by commas. */
export interface RowChunk {
  bytes: Uint8Array;
  rows: number;
}

/** The first `rowsMax` rows of a piece, in chunks that end once they have `chunkBytes`. */
export function* rowChunks(piece: Uint8Array, chunkBytes: number, rowsMax: number): Generator<RowChunk> {
  let [from, rows, total] = [0, 0, 0];
  for (const end of rowEnds(piece)) {
    if (total >= rowsMax) break;
    rows++;
    total++;
    if (end - from < chunkBytes && total < rowsMax) continue;
    yield { bytes: piece.subarray(from, end), rows };
    from = end + 1;
    rows = 0;
  }
  if (rows > 0) yield { bytes: piece.subarray(from), rows };
}

/** Each row by itself. */
export function splitRows(pieces: Uint8Array[]): Uint8Array[] {
  return pieces.flatMap((piece) => {
    let from = 0;
    return [...rowEnds(piece)].map((end) => {
      const row = piece.subarray(from, end);
      from = end + 1;
      return row;
    });
  });
}

/** Where each row ends: the place of its comma, or the end of the piece. */
function* rowEnds(piece: Uint8Array): Generator<number> {
  let depth = 0;
  for (let at = 0; at < piece.length; at++) {
    const byte = piece[at];
    if (byte === QUOTE) at = stringEnd(piece, at);
    else if (byte === BRACE_OPEN || byte === BRACKET_OPEN) depth++;
    else if (byte === BRACE_CLOSE || byte === BRACKET_CLOSE) depth--;
    else if (byte === COMMA && depth === 0) yield at;
  }
  if (piece.length > 0) yield piece.length;
}

/** Place of the quote that ends the string which begins at `start`. */
function stringEnd(piece: Uint8Array, start: number): number {
  let end = start;
  for (;;) {
    end = piece.indexOf(QUOTE, end + 1);
    if (end < 0) throw new Error('BUG: an encoded row ends inside a string');
    let escapes = 0;
    while (piece[end - 1 - escapes] === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return end;
  }
}

export function joinWithCommas(pieces: Uint8Array[]): Uint8Array[] {
  const comma = Buffer.from(',');
  return pieces.flatMap((piece, index) => (index === 0 ? [piece] : [comma, piece]));
}

/** Forms of files that are no text, by their first bytes: what they are and what to do with them. */

export interface ForeignForm {
  /** Follows the name of the file. */
  what: string;
  hint: string;
}

const FIRST_UNPACK = (command: string) => `unpack it first: ${command} FILE | basalt ingest --stream … -`;
const TABLE = 'make NDJSON of it first, for instance with DuckDB, pandas or polars';

interface Signature extends ForeignForm {
  /** As Latin-1. */
  bytes: string;
  offset?: number;
}

const SIGNATURES: Signature[] = [
  { bytes: 'PAR1', what: 'is a Parquet file', hint: TABLE },
  { bytes: 'ARROW1', what: 'is an Arrow file', hint: TABLE },
  { bytes: '\xff\xff\xff\xff', what: 'is an Arrow stream', hint: TABLE },
  { bytes: 'Obj\x01', what: 'is an Avro file', hint: TABLE },
  { bytes: 'ORC', what: 'is an ORC file', hint: TABLE },
  { bytes: 'SQLite format 3\0', what: 'is an SQLite database', hint: TABLE },
  { bytes: 'PK\x03\x04', what: 'is a ZIP archive', hint: FIRST_UNPACK('unzip -p') },
  { bytes: '\x28\xb5\x2f\xfd', what: 'is compressed by zstd', hint: FIRST_UNPACK('zstd -dc') },
  { bytes: '\x04\x22\x4d\x18', what: 'is compressed by LZ4', hint: FIRST_UNPACK('lz4 -dc') },
  { bytes: '\xfd7zXZ\0', what: 'is compressed by xz', hint: FIRST_UNPACK('xz -dc') },
  { bytes: 'BZh', what: 'is compressed by bzip2', hint: FIRST_UNPACK('bzip2 -dc') },
  { bytes: '\xff\x06\0\0sNaPpY', what: 'is compressed by Snappy', hint: 'unpack it first' },
  { bytes: '7z\xbc\xaf\x27\x1c', what: 'is a 7-Zip archive', hint: FIRST_UNPACK('7z x -so') },
  { bytes: 'ustar', offset: 257, what: 'is a tar archive', hint: FIRST_UNPACK('tar -xOf') },
  {
    bytes: 'LPKSHHRH',
    what: 'is a journal of systemd',
    hint: 'journalctl -o json --file FILE | basalt ingest --stream … -',
  },
  { bytes: 'ElfFile\0', what: 'is a Windows event log', hint: 'export it as text or JSON first' },
  { bytes: '%PDF-', what: 'is a PDF document', hint: 'take the text out of it first' },
  { bytes: '\x7fELF', what: 'is a program', hint: 'name the files of the log' },
];

/** What the input is, if it is in a form that is known and cannot be read. @param head the first bytes */
export function foreignForm(head: Buffer): ForeignForm | undefined {
  const text = head.toString('latin1');
  // Texts may begin with three letters, but hardly go on with these.
  const found = SIGNATURES.find(({ bytes, offset = 0 }) => text.startsWith(bytes, offset));
  if (found && (found.bytes.length > 3 || isBinary(text))) return found;
  const utf16 = utf16Order(head, text);
  if (utf16) {
    return {
      what: `is UTF-16 (${utf16})`,
      hint: `make it UTF-8 first: iconv -f ${utf16} -t UTF-8 FILE | basalt ingest --stream … -`,
    };
  }
  return undefined;
}

function isBinary(text: string): boolean {
  return [...text].some((character) => character < '\t');
}

/** By the byte order mark, or by a zero in every second byte of what would be ASCII. */
function utf16Order(head: Buffer, text: string): 'UTF-16LE' | 'UTF-16BE' | undefined {
  if (text.startsWith('\xff\xfe')) return 'UTF-16LE';
  if (text.startsWith('\xfe\xff')) return 'UTF-16BE';
  const pairs = Math.floor(head.length / 2);
  if (pairs < 4) return undefined;
  const zeros = [0, 0];
  for (let at = 0; at < pairs * 2; at++) if (head[at] === 0) zeros[at % 2] = (zeros[at % 2] ?? 0) + 1;
  const [even = 0, odd = 0] = zeros;
  if (odd > pairs * 0.8 && even === 0) return 'UTF-16LE';
  if (even > pairs * 0.8 && odd === 0) return 'UTF-16BE';
  return undefined;
}

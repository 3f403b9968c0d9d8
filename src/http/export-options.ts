/** What a request asks of a file: its form by the URL or the Accept header, the rest by parameters of the URL. */
import { nearestName, requestError } from '../errors/index.js';
import type { ExportFormat, ExportOptions, ParquetCodec, TimestampType } from '../native/index.js';
import type { Exchange } from './exchange.js';

export const CONTENT_TYPES: Record<ExportFormat, string> = {
  arrow: 'application/vnd.apache.arrow.file',
  arrows: 'application/vnd.apache.arrow.stream',
  csv: 'text/csv',
  ndjson: 'application/x-ndjson',
  parquet: 'application/vnd.apache.parquet',
};
const FORMATS = Object.keys(CONTENT_TYPES) as ExportFormat[];
const CODECS: ParquetCodec[] = ['zstd', 'snappy', 'gzip', 'none'];
const TIMESTAMP_TYPES: TimestampType[] = ['int64', 'timestamp'];
const FLAGS = ['true', 'false'] as const;

/** Of which formats each parameter is. */
const PARAMETERS: Record<string, ExportFormat[]> = {
  format: FORMATS,
  compression: ['parquet'],
  nulls: ['ndjson'],
  schema: ['ndjson'],
  timestamp_type: FORMATS,
};

/** Parameters that clients put into every URL of a search. */
const IGNORED = new Set(['type', 'search_type', 'use_cache', 'clear_cache', 'is_ui_histogram']);

type Asked = Pick<Exchange, 'query' | 'accept'>;

/** The file format that the client asks for by its Accept header, if it does not want JSON. */
export function acceptedFormat({ accept }: Asked): ExportFormat | undefined {
  const wanted = accept.split(',').map((type) => type.split(';')[0]?.trim());
  return FORMATS.find((format) => wanted.includes(CONTENT_TYPES[format]));
}

/** @throws BasaltError 400 for a value or a parameter that is not known, and for one that the format has no use for */
export function exportOptions(asked: Asked): ExportOptions {
  const { query } = asked;
  for (const name of query.keys()) {
    if (name in PARAMETERS || IGNORED.has(name)) continue;
    const near = nearestName(name, Object.keys(PARAMETERS));
    throw requestError(
      400,
      `an export has no parameter '${name}'${near ? `; did you mean '${near}'?` : ''}`,
      {
        hint: `known: ${Object.keys(PARAMETERS).join(', ')}`,
      },
    );
  }
  return fileOptions(query, oneOf(query, 'format', FORMATS) ?? acceptedFormat(asked) ?? 'ndjson');
}

/** @throws BasaltError 400 for a value that is not known, and for a parameter that the format has no use for */
export function fileOptions(query: URLSearchParams, format: ExportFormat): ExportOptions {
  for (const [name, formats] of Object.entries(PARAMETERS)) {
    if (!query.has(name) || formats.includes(format)) continue;
    throw requestError(400, `'${name}' is for ${formats.join(' and ')}, and the file is to be ${format}`);
  }
  return {
    format,
    compression: oneOf(query, 'compression', CODECS),
    nulls: oneOf(query, 'nulls', FLAGS) === 'true',
    schema: oneOf(query, 'schema', FLAGS) === 'true',
    timestampType: oneOf(query, 'timestamp_type', TIMESTAMP_TYPES),
  };
}

function oneOf<T extends string>(query: URLSearchParams, name: string, known: readonly T[]): T | undefined {
  const given = query.get(name);
  if (given === null) return undefined;
  const found = known.find((each) => each === given);
  if (found) return found;
  throw requestError(400, `${name} '${given}' is not known`, { hint: `one of ${known.join(', ')}` });
}

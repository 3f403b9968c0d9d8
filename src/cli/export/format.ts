/** The forms of an exported file. */
import { extname } from 'node:path';
import { CliError } from '../failure.js';

/** `arrow` is the file form, `arrows` the stream. */
export type ExportFormat = 'ndjson' | 'csv' | 'parquet' | 'arrow' | 'arrows';
export const EXPORT_FORMATS: ExportFormat[] = ['ndjson', 'csv', 'parquet', 'arrow', 'arrows'];

const BY_EXTENSION: Record<string, ExportFormat> = {
  '.arrow': 'arrow',
  '.arrows': 'arrows',
  '.csv': 'csv',
  '.feather': 'arrow',
  '.ipc': 'arrow',
  '.json': 'ndjson',
  '.jsonl': 'ndjson',
  '.ndjson': 'ndjson',
  '.parquet': 'parquet',
};

/** As asked for, or else by the file's name; NDJSON on standard output. @throws CliError when neither tells */
export function exportFormat(asked: ExportFormat | undefined, file: string | undefined): ExportFormat {
  if (asked) return asked;
  if (file === undefined) return 'ndjson';
  const format = BY_EXTENSION[extname(file).toLowerCase()];
  if (format) return format;
  throw new CliError(
    `the name ${file} tells no format`,
    `give --format, one of ${EXPORT_FORMATS.join(', ')}`,
  );
}

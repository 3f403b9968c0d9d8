/** A file taken apart, as tables for people or as JSON. */
import { timeRangeText } from '../../maintenance/problem.js';
import type { BlockInspection } from '../../native/index.js';
import { percentText, ratioText, sizeText } from '../human.js';
import { type ExactValue, parseExact } from '../query/exact-json.js';
import { displayText, formatTable } from '../query/table.js';
import { type ColumnTotal, columnTotals } from './columns.js';
import type { FileParts, Part } from './file-parts.js';

const BOUND_CHARACTERS_MAX = 24;

/** Columns whose cells are numbers as people write them stand on the right. */
const RIGHT = new Set([
  'rows',
  'nulls',
  'dict',
  'bytes',
  'share',
  'B/row',
  'raw',
  'ratio',
  'index',
  'columns',
  'group',
  'sequence',
  'offset',
]);

/** All parts of the file by name, in its order; they add up to its bytes. */
export function partsOf({ envelope, blocks }: FileParts): Part[] {
  const totals = columnTotals(blocks.map(({ block }) => block));
  const sum = (read: (column: ColumnTotal) => number) =>
    totals.reduce((all, column) => all + read(column), 0);
  const named = new Map<string, number>();
  const put = (name: string, bytes: number) => named.set(name, (named.get(name) ?? 0) + bytes);
  put(
    'block headers',
    blocks.reduce((all, { block }) => all + block.headerBytes, 0),
  );
  put(
    'chunk directories',
    sum((column) => column.directoryBytes),
  );
  put(
    'dictionaries',
    sum((column) => column.dictionary?.bytes ?? 0),
  );
  for (const column of totals) for (const { name, bytes } of column.sections) put(`sections: ${name}`, bytes);
  put(
    'validity',
    sum((column) => column.validityBytes),
  );
  for (const column of totals) for (const { name, bytes } of column.encodings) put(`values: ${name}`, bytes);
  const inner = [...named].map(([name, bytes]) => ({ name, bytes }));
  const [head, ...rest] = envelope;
  return head ? [head, ...inner, ...rest] : inner;
}

/** @param width of the terminal; undefined cuts nothing */
export function textReport(parts: FileParts, groups: boolean, width: number | undefined): string {
  const { file, kind, version, bytes, metadata, blocks } = parts;
  const inspections = blocks.map(({ block }) => block);
  const rows = rowsOf(inspections);
  const range = timeRange(inspections);
  const columns = columnTotals(inspections);
  const raw = columns.reduce((sum, column) => sum + column.rawBytes, 0);
  const groupsName = kind === 'segment' ? 'row groups' : 'frames';
  const lines = [
    `${file}: ${kind} file, version ${version}`,
    `  ${rows.toLocaleString('en-US')} rows in ${blocks.length.toLocaleString('en-US')} ${groupsName}, ${columns.length} columns`,
    ...(range ? [`  ${timeRangeText(range.min, range.max)}`] : []),
    `  ${sizeText(bytes)} (${bytes.toLocaleString('en-US')} bytes), ${rows > 0 ? (bytes / rows).toFixed(1) : '-'} bytes a row, ` +
      `raw values ${sizeText(raw)}, ratio ${ratioText(raw, bytes)}`,
    ...(metadata === undefined ? [] : [`  metadata ${JSON.stringify(metadata)}`]),
    '',
    ...columnTable(columns, bytes, width),
    '',
    ...partTable(partsOf(parts), bytes, width),
    ...(groups ? groupTables(parts, width) : []),
  ];
  return `${lines.join('\n')}\n`;
}

function columnTable(columns: ColumnTotal[], fileBytes: number, width: number | undefined): string[] {
  const header = [
    'column',
    'type',
    'encodings (pages)',
    'dict',
    'nulls',
    'bytes',
    'share',
    'B/row',
    'raw',
    'ratio',
    'index',
    'min',
    'max',
  ];
  const rows = columns
    .toSorted((a, b) => b.bytes - a.bytes)
    .map((column) => [
      column.name,
      column.types.join('|'),
      column.encodings.map(({ name, pages }) => `${name} (${pages})`).join(', '),
      column.dictionary ? column.dictionary.entries.toLocaleString('en-US') : '',
      column.nulls.toLocaleString('en-US'),
      sizeText(column.bytes),
      percentText(column.bytes, fileBytes),
      (column.bytes / column.rows).toFixed(2),
      sizeText(column.rawBytes),
      ratioText(column.rawBytes, column.bytes),
      sizeText(indexBytes(column)),
      boundText(column.min),
      boundText(column.max),
    ]);
  return alignedTable(header, rows, width);
}

/** What searches read before they read values. */
function indexBytes(column: Pick<ColumnTotal, 'sections' | 'directoryBytes'>): number {
  return column.directoryBytes + column.sections.reduce((sum, { bytes }) => sum + bytes, 0);
}

function partTable(parts: Part[], fileBytes: number, width: number | undefined): string[] {
  const total = parts.reduce((sum, { bytes }) => sum + bytes, 0);
  const rows = [...parts, { name: 'total', bytes: total }].map(({ name, bytes }) => [
    name,
    sizeText(bytes),
    percentText(bytes, fileBytes),
  ]);
  return alignedTable(['part of the file', 'bytes', 'share'], rows, width);
}

function groupTables({ blocks, kind, bytes }: FileParts, width: number | undefined): string[] {
  const rows = blocks.map(({ block, frame, offset }, index) => [
    String(index),
    ...(kind === 'WAL' ? [String(frame?.sequence), `${frame?.organization}/${frame?.stream}`] : []),
    offset.toLocaleString('en-US'),
    block.rows.toLocaleString('en-US'),
    sizeText(block.blockBytes),
    String(block.columns.length),
    timeRangeText(block.timeMin, block.timeMax),
  ]);
  const origin = kind === 'WAL' ? ['sequence', 'stream'] : [];
  const overview = alignedTable(
    ['group', ...origin, 'offset', 'rows', 'bytes', 'columns', 'time'],
    rows,
    width,
  );
  const details = blocks.flatMap(({ block }, index) => [
    '',
    `group ${index}: ${block.rows.toLocaleString('en-US')} rows`,
    ...columnTable(columnTotals([block]), bytes, width),
  ]);
  return ['', ...overview, ...details];
}

function boundText(json: string | undefined): string {
  if (json === undefined) return '';
  const text = displayText(parseExact(json));
  const characters = [...text];
  return characters.length <= BOUND_CHARACTERS_MAX
    ? text
    : `${characters.slice(0, BOUND_CHARACTERS_MAX - 1).join('')}…`;
}

/** Pads the cells of columns of numbers, since the table aligns texts on the left. */
function alignedTable(header: string[], rows: string[][], width: number | undefined): string[] {
  const widths = header.map((name, index) =>
    Math.max(name.length, ...rows.map((row) => row[index]?.length ?? 0)),
  );
  const align = (cell: string, index: number) =>
    RIGHT.has(header[index] as string) ? cell.padStart(widths[index] as number) : cell;
  return formatTable(
    header.map(align),
    rows.map((row) => row.map(align)),
    width,
  );
}

function rowsOf(blocks: BlockInspection[]): number {
  return blocks.reduce((sum, block) => sum + block.rows, 0);
}

function timeRange(blocks: BlockInspection[]): { min: number; max: number } | undefined {
  if (blocks.length === 0) return undefined;
  return {
    min: blocks.reduce((least, block) => Math.min(least, block.timeMin), Number.POSITIVE_INFINITY),
    max: blocks.reduce((greatest, block) => Math.max(greatest, block.timeMax), Number.NEGATIVE_INFINITY),
  };
}

/** The same as one JSON object; bounds keep all digits. */
export function jsonReport(parts: FileParts, groups: boolean): ExactValue {
  const { file, kind, version, bytes, metadata, blocks } = parts;
  const inspections = blocks.map(({ block }) => block);
  return exact({
    file,
    kind,
    version,
    bytes,
    rows: rowsOf(inspections),
    rowGroups: blocks.length,
    time: timeRange(inspections) ?? null,
    metadata: metadata ?? null,
    parts: partsOf(parts),
    columns: columnTotals(inspections).map(withBounds),
    ...(groups
      ? {
          groups: blocks.map(({ offset, frame, block }) => ({
            offset,
            ...frame,
            ...block,
            columns: block.columns.map(withBounds),
          })),
        }
      : {}),
  });
}

class JsonText {
  constructor(readonly text: string) {}
}

function withBounds<T extends { min?: string; max?: string }>(column: T): object {
  const bound = (text: string | undefined) => (text === undefined ? null : new JsonText(text));
  return { ...column, min: bound(column.min), max: bound(column.max) };
}

function exact(value: unknown): ExactValue {
  if (value instanceof JsonText) return parseExact(value.text);
  if (Array.isArray(value)) return value.map(exact);
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    return Object.fromEntries(members.map(([name, member]) => [name, exact(member)]));
  }
  return parseExact(JSON.stringify(value));
}

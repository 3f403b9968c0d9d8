/** `basalt inspect`: the parts of a file add up to its bytes, and the tables say what is in it. */
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { takeApart } from '../../src/cli/inspect/file-parts.js';
import { jsonReport, partsOf, textReport } from '../../src/cli/inspect/report.js';
import { stringifyExact } from '../../src/cli/query/exact-json.js';
import { mergeBlocks } from '../../src/native/index.js';
import { encodeFileHeader, encodeFrame } from '../../src/storage/wal-format.js';
import { encodeRecords, openFile } from '../native/encoded.js';
import { temporaryFolder } from '../storage/temporary-folder.js';

const BIG = '9007199254740993';

/** Of two shapes, so that the segment has several row groups with types that differ. */
function records(shape: number): string {
  const rows = Array.from({ length: 9000 }, (_, index) => {
    const value = shape === 0 ? String(index) : `"${index}"`;
    const level = index % 3 ? ',"level":"info"' : '';
    return `{"_timestamp":${1_700_000_000_000_000 + index},"id":${BIG},"value":${value}${level},"text":"message ${index} of ${shape}"}`;
  });
  return `[${rows.join(',')}]`;
}

function segmentFile(folder: string): string {
  const inputs = [0, 1].map((shape) =>
    openFile(folder, `block-${shape}`, encodeRecords(records(shape)).block),
  );
  const path = join(folder, 'x.seg');
  const output = openSync(path, 'w');
  const metadata = Buffer.from('{"stream":"logs"}');
  mergeBlocks(
    Int32Array.from(inputs, ({ fd }) => fd),
    Float64Array.of(0, 0),
    Uint8Array.of(0, 0),
    output,
    metadata,
    3,
    {},
  );
  closeSync(output);
  return path;
}

function walFile(folder: string, tail: Uint8Array): string {
  const { block, rows } = encodeRecords(records(0));
  const frame = encodeFrame({
    sequence: 4,
    organization: 'org',
    stream: 'logs',
    rows,
    blockBytes: block.length,
    home: { boot: 'b00700000001', worker: 1, file: 0, frame: 0 },
  });
  const path = join(folder, 'x.wal');
  writeFileSync(path, Buffer.concat([encodeFileHeader(1), frame, block, tail]));
  return path;
}

test('all parts have names and add up to the file, of segments and of WAL files with any end', () => {
  const folder = temporaryFolder();
  const files = [
    () => segmentFile(folder),
    () => walFile(folder, new Uint8Array()),
    () => walFile(folder, new Uint8Array(5000)),
    () => walFile(folder, Buffer.from('not a frame')),
  ];
  for (const make of files) {
    const parts = takeApart(make());
    const named = partsOf(parts);
    expect(named.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(parts.bytes);
    expect(named.every(({ bytes }) => bytes >= 0)).toBe(true);
    expect(textReport(parts, true, undefined)).toContain('100.0%');
  }
});

test('the report of a segment: types over all groups, nulls, bounds with all digits', () => {
  const parts = takeApart(segmentFile(temporaryFolder()));
  const text = textReport(parts, false, undefined);
  expect(text).toContain('18,000 rows in 2 row groups, 5 columns');
  expect(text).toMatch(/value +int64\|string/);
  const json = stringifyExact(jsonReport(parts, true));
  expect(json).toContain(`"min":${BIG},"max":${BIG}`);
  const { columns, groups, metadata } = JSON.parse(json);
  expect(columns.find(({ name }: { name: string }) => name === 'level')).toMatchObject({
    nulls: 6000,
    rows: 18_000,
  });
  expect(groups).toHaveLength(2);
  expect(metadata).toEqual({ stream: 'logs' });
});

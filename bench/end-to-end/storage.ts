/** Bytes on disk for the large data set once all of it is in segments. */
import { lstatSync, readdirSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { Context } from './context.js';
import { readable } from './report.js';

const megabyte = 1e6;
const targetMegabytes = 420;

export async function storage(context: Context): Promise<void> {
  const { report } = context;
  report.title(`storage: ${readable(context.scale.largeRecords)} records after PUT /node/flush`);
  const { server, client, dataset } = await context.loaded();
  const flushMs = await client.flush();
  const sizes = sizesByKind(server.dataDirectory);
  const total = [...sizes.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  report.table(
    ['kind', 'files', 'MB', 'bytes/record'],
    [
      ...sizes,
      [
        'total',
        { files: [...sizes.values()].reduce((sum, { files }) => sum + files, 0), bytes: total },
      ] as const,
    ].map(([kind, { files, bytes }]) => [
      kind,
      files,
      readable(bytes / megabyte),
      (bytes / dataset.records).toFixed(1),
    ]),
  );
  const jsonBytes = statSync(dataset.path).size;
  report.line(
    `flush ${readable(flushMs / 1000)} s; JSON ${readable(jsonBytes / megabyte)} MB, ${(jsonBytes / total).toFixed(2)} times that on disk`,
  );
  if (context.fullSize) report.target('on disk', total / megabyte, 'at most', targetMegabytes, 'MB');
}

interface KindSize {
  files: number;
  bytes: number;
}

/** Files of a directory by what they are for: WAL, segments, catalog, other. */
export function sizesByKind(directory: string): Map<string, KindSize> {
  const sizes = new Map<string, KindSize>();
  for (const entry of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const status = lstatSync(join(directory, entry), { throwIfNoEntry: false });
    if (!status?.isFile()) continue;
    const kind = kindOf(entry);
    const size = sizes.get(kind) ?? { files: 0, bytes: 0 };
    sizes.set(kind, { files: size.files + 1, bytes: size.bytes + status.size });
  }
  return sizes;
}

function kindOf(name: string): string {
  const extension = extname(name);
  if (extension === '.wal') return '*.wal';
  if (extension === '.seg') return '*.seg';
  if (/\.sqlite(-wal|-shm)?$/.test(name)) return 'sqlite';
  return 'other';
}

/** Acknowledged records that the WAL does not have any more, by the same rule as a start. */
import { basename, join } from 'node:path';
import type { DataLayout } from '../storage/layout.js';
import { lossText } from '../storage/losses.js';
import type { Journal } from '../storage/wal-journal.js';
import { replay } from '../storage/wal-replay.js';
import type { CatalogContents } from './catalog-snapshot.js';
import type { Problem } from './problem.js';
import type { SurveyedFile } from './survey.js';

const NEXT =
  'put the file, or a copy of it under any name, back into wal/ before the next start; else that start counts what is lost, and ' +
  'answers are partial until `basalt repair --acknowledge` or POST /node/losses/acknowledge';
const KNOWN_NEXT =
  'when you have seen it: POST /node/losses/acknowledge, or stop the server and `basalt repair --acknowledge`';

/**
 * @param journals read before the files were, and the catalog after them: beside a running server both may only say less than there is
 * @param running what the catalog counts may be more than was read of the files then
 */
export function walLosses(
  layout: DataLayout,
  catalog: CatalogContents,
  files: SurveyedFile[],
  journals: ReadonlyMap<string, Journal>,
  running: boolean,
): Problem[] {
  const found = new Map(
    files.flatMap(({ path, result }) =>
      result.state === 'wal' ? [[basename(path), { blocks: result.found, damage: [] }] as const] : [],
    ),
  );
  const { losses } = replay({
    catalog: running ? { ...catalog, walFiles: [] } : catalog,
    files: found,
    journals,
  });
  const known = catalog.losses.filter(({ acknowledgedUs }) => acknowledgedUs === null);
  return [
    ...losses.map((loss) => ({
      what: `acknowledged records are lost: ${lossText(loss)}`,
      where: join(layout.wal, loss.file),
      next: NEXT,
    })),
    ...known.map((loss) => ({
      what: `acknowledged records are lost, as a start found: ${lossText(loss)}`,
      where: join(layout.wal, loss.file),
      next: KNOWN_NEXT,
    })),
  ];
}

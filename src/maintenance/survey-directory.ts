/** Everything that a repair decides by. The caller holds the lock of the data directory. */
import { readDeletions } from '../storage/deletion-log.js';
import type { DataLayout } from '../storage/layout.js';
import { readCatalog } from './catalog-snapshot.js';
import type { Findings } from './plan.js';
import { dataFiles, type SurveyObserver, survey } from './survey.js';

export async function surveyDirectory(layout: DataLayout, observer: SurveyObserver): Promise<Findings> {
  const files = await survey(dataFiles(layout), observer);
  const { deletions, removals, damagedLines } = readDeletions(layout.deletions);
  return {
    files,
    catalog: readCatalog(layout.catalog),
    deletions,
    removals,
    damagedDeletionLines: damagedLines,
  };
}

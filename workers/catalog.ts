/** Catalog thread: one task is one transaction. It owns the catalog file, and waits for the disk so that the main thread need not. */
import { CatalogHost } from '../src/storage/catalog-host.js';
import type { CatalogAnswer, CatalogTask } from '../src/storage/catalog-task.js';

const host = new CatalogHost();

export default function change(task: CatalogTask): CatalogAnswer {
  return host.run(task);
}

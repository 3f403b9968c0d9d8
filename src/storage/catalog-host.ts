/** The catalog thread's side of the catalog: one task, one transaction. */
import { FatalError, isDiskFull } from '../errors/index.js';
import { Catalog } from './catalog.js';
import type { CatalogAnswer, CatalogTask, FailureKind } from './catalog-task.js';

export class CatalogHost {
  private catalog: Catalog | undefined;

  run(task: CatalogTask): CatalogAnswer {
    try {
      return { value: this.perform(task) };
    } catch (error) {
      const failure = error instanceof Error ? error.message : String(error);
      return { failure, kind: kindOf(error) };
    }
  }

  private perform(task: CatalogTask): unknown {
    if (task.verb === 'open') {
      this.catalog = new Catalog(task.path);
      return this.catalog.contents();
    }
    const { catalog } = this;
    if (task.verb === 'close') {
      this.catalog = undefined;
      return catalog?.close();
    }
    if (!catalog) throw new Error('BUG: the catalog is not open');
    const verb = catalog[task.verb] as (...args: unknown[]) => unknown;
    return verb.apply(catalog, task.args);
  }
}

function kindOf(error: unknown): FailureKind {
  if (error instanceof FatalError || isDiskFailure(error)) return 'FATAL';
  return isDiskFull(error) ? 'FULL' : 'OTHER';
}

/**
 * Whether the disk refused a read, a write or a sync. What is on it then is not known, and a retry could report success over lost
 * pages. A full disk is no such case: SQLite rolls back.
 */
function isDiskFailure(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' && /^SQLITE_(IOERR|CORRUPT|NOTADB)/.test(code);
}

/**
 * The main thread's side of the catalog: every change is a task of the catalog thread, which runs them one after another in the order
 * of the calls. A promise resolves when the change is durable.
 */
import { diskFull, FatalError } from '../errors/index.js';
import type { Catalog, CatalogContents } from './catalog.js';
import type { CatalogPool, CatalogTask, CatalogVerb } from './catalog-task.js';

export class CatalogThread {
  constructor(private readonly pool: CatalogPool) {}

  /** Call once, first. @throws FatalError when the file is locked, is not a catalog, or comes from a newer version */
  async open(path: string): Promise<CatalogContents> {
    return (await this.run({ verb: 'open', path })) as CatalogContents;
  }

  /** @throws FatalError when the disk fails, BasaltError 507 when it is full; other errors leave the catalog as it was */
  async change<V extends CatalogVerb>(
    verb: V,
    ...args: Parameters<Catalog[V]>
  ): Promise<ReturnType<Catalog[V]>> {
    return (await this.run({ verb, args } as CatalogTask)) as ReturnType<Catalog[V]>;
  }

  async close(): Promise<void> {
    await this.run({ verb: 'close' });
  }

  private async run(task: CatalogTask): Promise<unknown> {
    const answer = await this.pool.run(task);
    if ('value' in answer) return answer.value;
    if (answer.kind === 'FATAL') throw new FatalError(answer.failure);
    if (answer.kind === 'FULL') throw diskFull('the disk is full: the catalog cannot be written');
    throw new Error(`catalog: ${answer.failure}`);
  }
}

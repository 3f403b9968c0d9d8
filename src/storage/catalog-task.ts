/** The messages between the store and the catalog thread. */
import type { Catalog } from './catalog.js';

/** The catalog's changes, by their names there. */
export type CatalogVerb = Exclude<keyof Catalog, 'contents' | 'close'>;

export type CatalogTask =
  | { verb: 'open'; path: string }
  | { verb: 'close' }
  | { [V in CatalogVerb]: { verb: V; args: Parameters<Catalog[V]> } }[CatalogVerb];

/** Errors lose their class and fields between threads, so they travel as what they mean. */
export type CatalogAnswer = { value: unknown } | { failure: string; kind: FailureKind };

/** FATAL: what is on the disk is not known. FULL: the disk has no room, and the catalog is as it was. */
export type FailureKind = 'FATAL' | 'FULL' | 'OTHER';

/** A pool of one thread, or what a test puts in its place: tasks run one after another, in order. */
export interface CatalogPool {
  run(task: CatalogTask): Promise<CatalogAnswer>;
}

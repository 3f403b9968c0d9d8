/**
 * Rows that are gone for good, told beside the catalog (`src/storage/deletion-log.ts`): should that be lost, `basalt repair` must not bring
 * them back. On a full disk they wait: the catalog has them, and only if it were lost too would they be missed.
 */
import { FatalError, isDiskFull } from '../errors/index.js';
import { appendRemoval, type Removal } from './deletion-log.js';

export class RemovalLog {
  private readonly waiting: Removal[] = [];

  /** @param onFull makes room */
  constructor(
    private readonly path: string,
    private readonly onFull: () => void,
  ) {}

  /** @throws FatalError when the disk fails */
  add(removal: Removal): void {
    this.waiting.push(removal);
    this.flush();
  }

  flush(): void {
    try {
      for (let first = this.waiting[0]; first; first = this.waiting[0]) {
        appendRemoval(this.path, first);
        this.waiting.shift();
      }
    } catch (cause) {
      if (!isDiskFull(cause))
        throw new FatalError(`${this.path} cannot be written: ${String(cause)}`, { cause });
      this.onFull();
    }
  }
}

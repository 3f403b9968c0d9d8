/** Notes on their way to the catalog that nobody waits for: what costs nothing to lose in a power cut. */
import type { Logger } from 'pino';
import { FatalError, isDiskFull } from '../errors/index.js';

type Change = () => Promise<unknown>;

export class CatalogNotes {
  private readonly underWay = new Set<Promise<void>>();
  /** For which the disk had no room. */
  private readonly refused: Change[] = [];

  constructor(
    private readonly log: Logger,
    private readonly onFatal: (error: FatalError) => void,
  ) {}

  add(change: Change): void {
    const done = change()
      .then(
        () => {},
        (error: unknown) => {
          if (error instanceof FatalError) this.onFatal(error);
          else if (isDiskFull(error)) this.refused.push(change);
          else this.log.error({ error: String(error) }, 'the catalog refused a note');
        },
      )
      .finally(() => this.underWay.delete(done));
    this.underWay.add(done);
  }

  retry(): void {
    for (const change of this.refused.splice(0)) this.add(change);
  }

  /** Resolves when none is under way. */
  async settled(): Promise<void> {
    while (this.underWay.size > 0) await Promise.all(this.underWay);
  }
}

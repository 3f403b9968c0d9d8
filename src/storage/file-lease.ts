/**
 * Who still needs a data file. Life of a file: LIVE → RETIRED (replaced; queries that began earlier still read it) → gone.
 * Main thread only.
 */
export class FileLease {
  private static count = 0;
  /** Tells files apart in this process for good: no two leases have the same. */
  readonly fileId = ++FileLease.count;
  private readers = 0;
  private state: 'LIVE' | 'RETIRED' | 'GONE' = 'LIVE';

  /** `dispose` runs once, when nobody needs the file: it removes it or moves it aside. */
  constructor(
    readonly path: string,
    private readonly dispose: (path: string) => void,
  ) {}

  acquire(): void {
    if (this.state === 'GONE') throw new Error(`BUG: ${this.path} is read after it was removed`);
    this.readers++;
  }

  release(): void {
    this.readers--;
    if (this.readers < 0) throw new Error(`BUG: ${this.path} was released more often than acquired`);
    this.removeIfUnused();
  }

  /** The catalog no longer names the file; it goes when the last reader does. */
  retire(): void {
    if (this.state !== 'LIVE') return;
    this.state = 'RETIRED';
    this.removeIfUnused();
  }

  private removeIfUnused(): void {
    if (this.state !== 'RETIRED' || this.readers > 0) return;
    this.state = 'GONE';
    this.dispose(this.path);
  }
}

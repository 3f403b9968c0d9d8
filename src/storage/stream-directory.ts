/** All streams, by organization and name. Nothing here takes longer the more streams there are, but for `all`. Main thread only. */
import type { Stream } from './stream.js';

/** What all streams hold together: counted as it changes, so that nobody has to go through them. */
export class StreamTotals {
  rows = 0;
  blockRows = 0;
  blocks = 0;
  segments = 0;
}

const NONE: ReadonlyMap<string, Stream> = new Map();

export class StreamDirectory {
  readonly totals = new StreamTotals();
  private readonly byOrganization = new Map<string, Map<string, Stream>>();
  private streamCount = 0;

  get count(): number {
    return this.streamCount;
  }

  /** In order of creation, by organization. A list of its own. */
  all(): Stream[] {
    return [...this.byOrganization.values()].flatMap((streams) => [...streams.values()]);
  }

  /** By name. It changes as streams come and go. */
  of(organization: string): ReadonlyMap<string, Stream> {
    return this.byOrganization.get(organization) ?? NONE;
  }

  find(organization: string, name: string): Stream | undefined {
    return this.byOrganization.get(organization)?.get(name);
  }

  add(stream: Stream): void {
    let streams = this.byOrganization.get(stream.organization);
    if (!streams) {
      streams = new Map();
      this.byOrganization.set(stream.organization, streams);
    }
    if (!streams.has(stream.name)) this.streamCount++;
    streams.set(stream.name, stream);
  }

  delete({ organization, name }: Pick<Stream, 'organization' | 'name'>): void {
    const streams = this.byOrganization.get(organization);
    if (!streams?.delete(name)) return;
    this.streamCount--;
    if (streams.size === 0) this.byOrganization.delete(organization);
  }
}

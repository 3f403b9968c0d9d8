/** Acknowledged rows that are gone from the write-ahead log: who lost how many, and until when answers speak of it. */
import type { CatalogThread } from './catalog-thread.js';

/** What one WAL file lost of one stream. */
export interface NewLoss {
  file: string;
  /** Both empty: it is not known whose rows they were. */
  organization: string;
  stream: string;
  /** 0: nobody knows how many. */
  frames: number;
  rows: number;
  /** Event time, microseconds. */
  timeMin: number | null;
  timeMax: number | null;
  firstSequence: number;
  lastSequence: number;
  /** Schemas of what was lost, one a line: its columns can still be asked for. */
  schema: string;
}

export interface Loss extends NewLoss {
  id: number;
  /** Microseconds. */
  foundUs: number;
  /** When an operator said that it is known; null: answers are partial. */
  acknowledgedUs: number | null;
}

/** Whose losses are meant; without a stream those of the organization, without both all. */
export interface LossFilter {
  organization?: string;
  stream?: string;
}

/** Those that the catalog knows. Main thread only. */
export class Losses {
  private all: readonly Loss[] = [];
  /** There may be one for each stream of a WAL file: they are sorted out when they change. */
  private unknown: readonly Loss[] = [];

  constructor(private readonly catalog: CatalogThread) {}

  replace(all: readonly Loss[]): void {
    this.all = all;
    this.unknown = all.filter(({ acknowledgedUs }) => acknowledgedUs === null);
  }

  get list(): readonly Loss[] {
    return this.all;
  }

  /** Those that no operator knows of yet. */
  get open(): readonly Loss[] {
    return this.unknown;
  }

  /** What is to be told beside an answer over these streams: it is partial then. */
  notes(organization: string, streams: readonly string[]): string[] {
    const concerned = this.open.filter(
      (loss) => loss.stream === '' || (loss.organization === organization && streams.includes(loss.stream)),
    );
    if (concerned.length === 0) return [];
    const [first, ...others] = concerned.map(lossText);
    const more = others.length > 0 ? ` (and ${others.length} more, see GET /node/losses)` : '';
    return [`acknowledged rows are lost from the write-ahead log: ${first}${more}`];
  }

  /** Answers over them are whole from now on, as far as it goes. @returns how many were not acknowledged before */
  async acknowledge(filter: LossFilter, nowUs: number): Promise<number> {
    const count = await this.catalog.change('acknowledgeLosses', filter, nowUs);
    this.replace(
      this.all.map((loss) =>
        matches(loss, filter) ? { ...loss, acknowledgedUs: loss.acknowledgedUs ?? nowUs } : loss,
      ),
    );
    return count;
  }

  /** Of a stream that was deleted. */
  forget(organization: string, stream: string): void {
    if (this.all.length > 0)
      this.replace(this.all.filter((loss) => !matches(loss, { organization, stream })));
  }
}

function matches(loss: NewLoss, { organization, stream }: LossFilter): boolean {
  return (
    (organization === undefined || loss.organization === organization) &&
    (stream === undefined || loss.stream === stream)
  );
}

/** For people, without the file. */
export function lossText({ organization, stream, frames, rows, timeMin, timeMax }: NewLoss): string {
  const whose = stream === '' ? 'streams that are not known' : `${organization}/${stream}`;
  const count = frames === 0 ? 'an unknown number of rows' : `${rows} rows in ${frames} batches`;
  const when =
    timeMin === null || timeMax === null ? '' : `, event times ${timeText(timeMin)} to ${timeText(timeMax)}`;
  return `${whose}: ${count}${when}`;
}

function timeText(us: number): string {
  const ms = Math.floor(us / 1000);
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${us} µs`;
}

import type { Hit } from '../end-to-end/client.js';
import type { Statements } from './queries.js';

export interface Answer {
  readonly rows: Hit[];
  /** As the engine's own client sees it. */
  readonly milliseconds: number;
}

/** How the data went in, and what it is then. */
export interface LoadFigures {
  readonly how: string;
  /** What is promised when a record is acknowledged. */
  readonly durable: string;
  /** Until the last record was taken. Undefined when the engine was given another one's data. */
  readonly seconds: number | undefined;
  /** And until nothing was left to be done in the background. */
  readonly settledSeconds: number | undefined;
  readonly diskBytes: number;
  /** The largest resident size so far, undefined where it cannot be told from the bench's own. */
  readonly rssPeakBytes: number | undefined;
}

/** An engine that holds the data. One question at a time. */
export interface Engine {
  readonly name: string;
  readonly statements: Statements;
  ask(sql: string): Promise<Answer>;
  close(): Promise<void>;
}

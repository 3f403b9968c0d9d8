/** A statement over one part of its time range after the other, as its streams were at one moment. */
import { type Figures, figuresOf } from './envelope.js';
import type { QueryResult } from './executor.js';
import type { FileOutput, Moment, QueryRunner, Statement } from './query-runner.js';
import type { TimeRange } from './time-partitions.js';

export interface PartAnswer {
  part: TimeRange;
  result: QueryResult;
  figures: Figures;
}

/** @throws BasaltError with the API's code, from whichever part */
export async function* runParts(
  runner: QueryRunner,
  statement: Statement,
  moment: Moment,
  parts: TimeRange[],
  signal: AbortSignal,
  output?: FileOutput,
): AsyncGenerator<PartAnswer, void, undefined> {
  for (const part of parts) {
    signal.throwIfAborted();
    const started = performance.now();
    const result = await runner.runPart(statement, moment, part, signal, output);
    const answer = { result, kept: false, waitedMs: 0, fileListMs: 0 };
    yield { part, result, figures: figuresOf(answer, performance.now() - started) };
  }
}

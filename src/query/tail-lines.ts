/** The rows of a statement as lines of JSON, while they come. */
import type { FileOutput, Moment, QueryRunner, Statement } from './query-runner.js';

/** @throws BasaltError with the API's code, before the first lines or between them */
export async function writeLines(
  runner: QueryRunner,
  statement: Statement,
  moment: Moment,
  signal: AbortSignal,
  sink: FileOutput['sink'],
): Promise<void> {
  const file = await runner.openFile(statement, moment, 'ndjson');
  try {
    await runner.runPart(statement, moment, statement.range, signal, { file: file.handle, sink });
    await sink(await file.finish());
  } catch (error) {
    file.free();
    throw error;
  }
}

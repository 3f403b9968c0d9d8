/** The rows of a statement as lines of JSON, while they come. */
import { bytesByPart } from '../native/held.js';
import type { Moment, QueryRunner, Statement } from './query-runner.js';

/** Whoever takes the lines may keep them. @throws BasaltError with the API's code, before the first lines or between them */
export async function writeLines(
  runner: QueryRunner,
  statement: Statement,
  moment: Moment,
  signal: AbortSignal,
  take: (lines: Uint8Array) => Promise<void>,
): Promise<void> {
  const file = await runner.openFile(statement, moment, { format: 'ndjson' });
  try {
    await runner.runPart(statement, moment, statement.range, signal, {
      file: file.handle,
      sink: async (lines) => {
        for (const all of bytesByPart(lines, Buffer.allocUnsafe(lines.length))) await take(all);
      },
    });
    await take(await file.finish());
  } catch (error) {
    file.free();
    throw error;
  }
}

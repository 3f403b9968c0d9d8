/** The inputs, one after another, as batches of records. */
import { CliError } from '../failure.js';
import { type Batch, BatchBuilder } from './batches.js';
import { type Input, inputName, readInput } from './input.js';
import { type DocumentPart, isDocument, splitDocument } from './json-document.js';
import { LINE_BYTES_MAX, splitLines } from './lines.js';
import { type RecordOptions, recordOf } from './records.js';
import type { Tally } from './tally.js';

export interface SourceOptions {
  record: RecordOptions;
  /** Of the first input; what stands before is passed over. */
  fromLine: number;
}

const NEWLINE = 0x0a;

/** Looked at first, then twice as much, to tell lines from a document. */
const PEEK_BYTES = 64 * 1024;

/**
 * Records that cannot be sent are counted in `tally`.
 * @throws CliError with the place to go on from, when all before it has been given out
 */
export async function* batchesOf(
  files: string[],
  { record, fromLine }: SourceOptions,
  tally: Tally,
): AsyncGenerator<Batch> {
  const builder = new BatchBuilder();
  const onRead = (bytes: number) => {
    tally.readBytes += bytes;
  };
  for (const [index, file] of files.entries()) {
    const name = inputName(file);
    const firstLine = index === 0 ? fromLine : 1;
    for await (const { part, format } of readInput(file, onRead, (input) =>
      parts(input, record, firstLine),
    )) {
      const { number } = part;
      const place = `${name}:${number}`;
      if ('failed' in part) {
        tally.fail(1, `${place}: ${part.failed}`);
        continue;
      }
      if ('ended' in part) {
        yield* takeFrom(builder);
        throw stopped(
          place,
          number,
          part.ended,
          'mend the file there, or send its lines as texts: --format lines',
        );
      }
      const made = recordOf(part.bytes, { ...record, format });
      if ('skipped' in made) continue;
      if ('invalidUtf8' in made) {
        if (record.badBytes === 'skip') {
          tally.note('left out that are not valid UTF-8', place);
          continue;
        }
        // What came before the bad record was good: it is stored, and the message tells where to look.
        yield* takeFrom(builder);
        throw stopped(
          place,
          number,
          `the ${format === 'json' ? 'record' : 'line'} is not valid UTF-8`,
          'if the file is in ISO 8859-1 (Latin-1), use --encoding latin1; else --on-bad-bytes replace or skip',
        );
      }
      if (made.replaced) tally.note('with bytes that are not UTF-8, which were replaced by U+FFFD', place);
      if (made.timeless) tally.note(`without '${record.timeField}', which have the time of arrival`, place);
      if (builder.isFullFor(made.json)) yield* takeFrom(builder);
      builder.add(made.json, name, number);
    }
  }
  yield* takeFrom(builder);
}

function stopped(place: string, line: number, reason: string, hint: string): CliError {
  return new CliError(
    `${place}: ${reason}; nothing from it on was sent`,
    `${hint}; --from-line ${line} goes on there`,
  );
}

/** What the input is made of, each part in the form that it is in. */
async function* parts(
  input: Input,
  { format }: RecordOptions,
  fromLine: number,
): AsyncGenerator<{ part: DocumentPart; format: RecordOptions['format'] }> {
  if (format === 'json' || (format === 'auto' && (await beginsDocument(input)))) {
    for await (const part of splitDocument(skipLines(input.rest(), fromLine - 1), fromLine))
      yield { part, format: 'json' };
    return;
  }
  for await (const { bytes, number } of splitLines(input.rest())) {
    if (number < fromLine) continue;
    const failed = `the line is longer than ${LINE_BYTES_MAX} bytes`;
    yield { part: bytes ? { bytes, number } : { failed, number }, format };
  }
}

async function beginsDocument(input: Input): Promise<boolean> {
  for (let bytes = PEEK_BYTES; ; bytes *= 2) {
    const { head, isAll } = await input.peek(bytes);
    const known = isDocument(head, isAll);
    if (known !== undefined) return known;
    // A line as long as that is refused, and so is a record: which one it is makes no difference.
    if (bytes > LINE_BYTES_MAX) return false;
  }
}

async function* skipLines(chunks: AsyncIterable<Buffer>, count: number): AsyncGenerator<Buffer> {
  let left = count;
  for await (const chunk of chunks) {
    let from = 0;
    while (left > 0) {
      const end = chunk.indexOf(NEWLINE, from);
      if (end < 0) break;
      from = end + 1;
      left--;
    }
    if (left === 0 && from < chunk.length) yield chunk.subarray(from);
  }
}

function* takeFrom(builder: BatchBuilder): Generator<Batch> {
  const batch = builder.take();
  if (batch) yield batch;
}

import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { Output } from './output.js';
import { RecordGenerator, type RecordOptions, recordBytesMax } from './records.js';
import type { Truth } from './truth.js';

const outputBytes = 4 << 20;

/** Writes all records, one a line, to a file descriptor and returns the right answers. */
export function writeRecords(options: RecordOptions, descriptor: number): Truth {
  const generator = new RecordGenerator(options);
  const out = new Output(outputBytes);
  while (!generator.done) {
    if (!out.hasRoom(recordBytesMax)) drain(out, descriptor);
    generator.write(out);
  }
  drain(out, descriptor);
  return generator.truth.result();
}

/** Writes records to `path` and the right answers to `path` + `.truth.json`. */
export function writeRecordFile(options: RecordOptions, path: string): Truth {
  const descriptor = openSync(path, 'w');
  try {
    const truth = writeRecords(options, descriptor);
    writeFileSync(`${path}.truth.json`, JSON.stringify(truth));
    return truth;
  } finally {
    closeSync(descriptor);
  }
}

function drain(out: Output, descriptor: number): void {
  let start = 0;
  while (start < out.position) {
    try {
      start += writeSync(descriptor, out.buffer, start, out.position - start);
    } catch (error) {
      // A pipe that Node made non-blocking is full: its reader will empty it.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
  out.position = 0;
}

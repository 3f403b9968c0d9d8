/** The ingest ring on one thread: what a request costs besides the copying of its bytes. */

import { RingConsumer } from '../../src/ring/consumer.js';
import { allocateRing, BodyEncoding, BodyFormat } from '../../src/ring/layout.js';
import { RingProducer } from '../../src/ring/producer.js';
import type { Report } from '../end-to-end/report.js';
import { type MicroCase, timeCases } from './timing.js';

const slots = 1024;
const ringBytes = 64 << 20;
const chunkBytes = 64 << 10;
const name = Buffer.from('default\0logs');

export async function ringBench(report: Report, seconds: number): Promise<void> {
  const cases = [
    passCase('20 kB bodies, one at a time', 20_000, 1),
    passCase('20 kB bodies, 256 waiting', 20_000, 256),
    passCase('2 MB bodies, 8 waiting', 2_000_000, 8),
    passCase('2 MB bodies, 8 waiting, odd addresses', 2_000_000, 8, 1),
  ];
  await timeCases(report, 'micro: ring (rows are requests)', cases, seconds);
}

/**
 * Reserves, fills and publishes some requests, then takes and frees them all, and checks that what went in came out. Copying into
 * shared memory is slower when source and target lie differently within a word, and a socket's chunks lie anywhere: `oddBytes` moves
 * the source by so much.
 */
function passCase(title: string, bodyBytes: number, waiting: number, oddBytes = 0): MicroCase {
  const ring = allocateRing(slots, ringBytes);
  const producer = new RingProducer(ring, slots);
  const consumer = new RingConsumer(ring, slots);
  const body = Buffer.alloc(bodyBytes + oddBytes, 'log record ').subarray(oddBytes);
  const head = { format: BodyFormat.JSON, encoding: BodyEncoding.IDENTITY, name };
  const run = () => {
    for (let request = 0; request < waiting; request++) {
      const slot = producer.reserve({ ...head, request }, bodyBytes);
      if (slot === undefined) throw new Error('the ring is full');
      for (let at = 0; at < bodyBytes; at += chunkBytes) {
        producer.write(slot, at, body.subarray(at, Math.min(at + chunkBytes, bodyBytes)));
      }
      producer.publish(slot);
    }
    for (let request = 0; request < waiting; request++) {
      const taken = consumer.take();
      const last = taken && consumer.data[taken.bodyOffset + taken.bodyBytes - 1];
      if (taken?.request !== request || last !== body[bodyBytes - 1])
        throw new Error(`request ${request} came out wrong`);
      consumer.done(taken);
    }
  };
  return { name: title, run, rows: waiting, bytes: waiting * bodyBytes };
}

// A consumer of the ring on a thread of its own. Checks each request's bytes when it takes it and again before it gives them back,
// counts each in `seen`, and holds a few at a time so that they come back out of order.
import { parentPort, workerData } from 'node:worker_threads';

const { consumerUrl, ring, slots, shared, holdMax, seed } = workerData;
const { RingConsumer } = await import(consumerUrl);

const STOP = 0;
const PUBLISHED = 1;
const RELEASED = 2;
const FAILED = 3;
const COUNTS = 16;

const words = new Int32Array(shared);
const consumer = new RingConsumer(ring, slots);
let state = seed | 0;

function below(limit) {
  state = (Math.imul(state, 1103515245) + 12345) | 0;
  return ((state >>> 8) & 0xffff) % limit;
}

function bodyByte(request, at) {
  return (Math.imul(request, 31) + Math.imul(at, 7) + (at >> 8)) & 0xff;
}

function check(taken, when) {
  const { request, bodyOffset, bodyBytes, nameOffset, nameBytes } = taken;
  const name = Buffer.from(consumer.data.slice(nameOffset, nameOffset + nameBytes)).toString();
  if (name !== `o\0s${request % 5}`)
    throw new Error(`${when}: request ${request} has the name ${JSON.stringify(name)}`);
  if (taken.format !== request % 3 || taken.encoding !== request % 4)
    throw new Error(`${when}: head of ${request} is wrong`);
  for (let at = 0; at < bodyBytes; at++) {
    const found = consumer.data[bodyOffset + at];
    if (found !== bodyByte(request, at))
      throw new Error(`${when}: byte ${at} of ${bodyBytes} of request ${request} is ${found}`);
  }
  if (bodyBytes !== words[COUNTS + 2 * request + 1])
    throw new Error(`${when}: request ${request} has ${bodyBytes} bytes`);
}

function release(taken) {
  check(taken, 'before done');
  consumer.done(taken);
  Atomics.add(words, RELEASED, 1);
  Atomics.notify(words, RELEASED);
}

/** Polls for a while before it gives up: only who looks all the time can see an entry half published. */
function takeSoon() {
  for (let attempt = 0; attempt < 2000; attempt++) {
    const taken = consumer.take();
    if (taken) return taken;
  }
  return undefined;
}

const held = [];
try {
  for (;;) {
    const published = Atomics.load(words, PUBLISHED);
    const taken = takeSoon();
    if (taken) {
      Atomics.add(words, COUNTS + 2 * taken.request, 1);
      check(taken, 'after take');
      held.push(taken);
      if (held.length <= below(holdMax + 1)) continue;
    }
    if (held.length > 0) release(held.splice(below(held.length), 1)[0]);
    else if (Atomics.load(words, STOP) === 1) break;
    else Atomics.wait(words, PUBLISHED, published, 2);
  }
  parentPort.postMessage({ ok: true });
} catch (error) {
  Atomics.store(words, FAILED, 1);
  Atomics.notify(words, RELEASED);
  parentPort.postMessage({ error: error.message });
}

/**
 * Application log records, one JSON object each, in time order. The numbers that a query's answer depends on are told to the ground
 * truth in the same pass. The same options give the same bytes.
 */
import type { Output } from './output.js';
import { Random } from './random.js';
import { compileTemplate, type Template, writeMessage } from './template.js';
import { templateGroups } from './templates/index.js';
import type { TimeSource } from './time.js';
import { GroundTruth, type RecordFacts } from './truth.js';

export interface RecordOptions {
  readonly records: number;
  readonly seed: number;
  /** Time of the first record, microseconds since 1970. */
  readonly startUs: number;
  /** Time from the first record to the end, microseconds. */
  readonly spanUs: number;
}

export const levels = ['info', 'debug', 'warn', 'error'] as const;
export const services = [
  'checkout',
  'cart',
  'search',
  'auth',
  'payment',
  'inventory',
  'shipping',
  'recommend',
  'gateway',
  'email',
  'catalog',
  'profile',
] as const;
export const pathStems = [
  '/api/v1/items',
  '/api/v1/cart',
  '/api/v1/orders',
  '/healthz',
  '/api/v1/search',
  '/login',
  '/logout',
  '/api/v1/users',
  '/static/app.js',
  '/api/v2/recommendations',
] as const;
/** A path is a stem, or a stem and one of this many numbers. */
export const pathNumbers = 100_000;
export const userCount = 200_000;
/** No record is longer, its line end included. */
export const recordBytesMax = 8192;

const podsPerService = 25;
const hostCount = 40;
const text = (value: string) => Buffer.from(value);
const methods = ['GET', 'GET', 'GET', 'GET', 'POST', 'POST', 'PUT', 'DELETE'].map(text);
const statusByLevel = [
  ['200', '200', '200', '201', '204', '304'],
  ['200', '200', '200', '201', '204', '304'],
  ['400', '401', '404', '429'],
  ['500', '502', '503', '504'],
].map((list) => list.map(text));
const errorTails = ['TimeoutError', 'ConnectionRefused', 'NullPointerException', 'OutOfMemory'].flatMap(
  (kind) =>
    [true, false].map((retryable) => text(`","error":{"kind":"${kind}","retryable":${retryable}}}\n`)),
);
const stems = pathStems.map(text);
const levelPieces = levels.map((level) => text(`,"level":"${level}","service":"`));
const piece = {
  start: text('{"_timestamp":'),
  host: text('","host":"node-'),
  pod: text('","pod":"'),
  trace: text('","trace_id":"'),
  method: text('","method":"'),
  path: text('","path":"'),
  status: text('","status":'),
  responseTime: text(',"response_time":'),
  bytes: text(',"bytes":'),
  user: text(',"user_id":'),
  message: text(',"message":"'),
  end: text('"}\n'),
};

interface Pod {
  readonly serviceIndex: number;
  readonly service: Uint8Array;
  readonly name: Uint8Array;
}

export class RecordGenerator {
  readonly truth: GroundTruth;
  readonly #options: RecordOptions;
  readonly #random: Random;
  readonly #pods: readonly Pod[];
  readonly #templates: readonly Template[];
  readonly #popularity: Uint16Array;
  readonly #time: TimeSource = { second: 0, microsecond: 0 };
  readonly #facts: RecordFacts = {
    timestampUs: 0,
    level: 0,
    service: 0,
    stem: 0,
    number: -1,
    user: 0,
    responseThousandths: 0,
    template: 0,
    trace: new Int32Array(4),
  };
  #next = 0;

  constructor(options: RecordOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    const podNames = makePodNames(this.#random);
    this.#pods = podNames.map((name, index) => {
      const serviceIndex = Math.floor(index / podsPerService);
      return { serviceIndex, service: text(services[serviceIndex] as string), name: text(name) };
    });
    const context = { random: this.#random, services, pods: podNames, writers: new Map() };
    this.#templates = templateGroups.flatMap(({ prefix, templates }) =>
      templates.map((template) => compileTemplate(prefix + template, context)),
    );
    this.#popularity = popularityTable(this.#templates.length);
    this.truth = new GroundTruth(
      options,
      this.#templates.map((template) => template.text),
    );
  }

  get done(): boolean {
    return this.#next >= this.#options.records;
  }

  /** Writes the next record and its line end. `out` must have room for recordBytesMax. */
  write(out: Output): void {
    const random = this.#random;
    const facts = this.#facts;
    const { records, startUs, spanUs } = this.#options;
    const stepUs = spanUs / records;
    const timestampUs = startUs + Math.floor((this.#next + random.unit()) * stepUs);
    const time = this.#time;
    time.second = Math.floor(timestampUs / 1e6);
    time.microsecond = timestampUs - time.second * 1e6;
    facts.timestampUs = timestampUs;
    facts.user = Math.floor(random.unit() ** 2 * userCount);
    this.#writeOrigin(out);
    this.#writeRequest(out);
    facts.template = this.#popularity[random.int32() & 0xffff] as number;
    out.literal(piece.message);
    writeMessage(this.#templates[facts.template] as Template, out, random, time);
    out.literal(facts.level === 3 ? random.pick(errorTails) : piece.end);
    this.truth.add(this.#next, facts);
    this.#next++;
  }

  /** Time, level, service, host, pod, trace id. */
  #writeOrigin(out: Output): void {
    const random = this.#random;
    const facts = this.#facts;
    const share = random.unit();
    facts.level = share < 0.8 ? 0 : share < 0.92 ? 1 : share < 0.98 ? 2 : 3;
    const pod = this.#pods[Math.floor(random.unit() ** 1.6 * this.#pods.length)] as Pod;
    facts.service = pod.serviceIndex;
    out.literal(piece.start);
    out.integer(this.#time.second);
    out.padded(this.#time.microsecond, 6);
    out.literal(levelPieces[facts.level] as Uint8Array);
    out.literal(pod.service);
    out.literal(piece.host);
    out.integer(facts.user % hostCount);
    out.literal(piece.pod);
    out.literal(pod.name);
    out.literal(piece.trace);
    for (let word = 0; word < 4; word++) {
      const bits = random.int32();
      facts.trace[word] = bits;
      out.hex(bits, 8);
    }
  }

  /** Method, path, status, response time, bytes, user. */
  #writeRequest(out: Output): void {
    const random = this.#random;
    const facts = this.#facts;
    out.literal(piece.method);
    out.literal(random.pick(methods));
    out.literal(piece.path);
    facts.stem = random.below(stems.length);
    facts.number = random.unit() < 0.6 ? random.below(pathNumbers) : -1;
    out.literal(stems[facts.stem] as Uint8Array);
    if (facts.number >= 0) {
      out.byte(47);
      out.integer(facts.number);
    }
    out.literal(piece.status);
    out.literal(random.pick(statusByLevel[facts.level] as Buffer[]));
    out.literal(piece.responseTime);
    facts.responseThousandths = Math.round(Math.exp(3 + random.normal() * 0.9) * 1000);
    out.thousandths(facts.responseThousandths);
    out.literal(piece.bytes);
    out.integer(Math.floor(Math.exp(6 + random.normal() * 1.5)));
    out.literal(piece.user);
    out.integer(facts.user);
  }
}

function makePodNames(random: Random): string[] {
  return services.flatMap((service) =>
    Array.from(
      { length: podsPerService },
      () => `${service}-${random.below(1e9).toString(36)}-${random.below(6e7).toString(36)}`,
    ),
  );
}

/**
 * 65,536 entries, each a template: a few templates make much of the log and most are rare, as in real systems (rank r has a weight of
 * 1/(r+15)). Ranks are dealt across the groups, the same way for every seed.
 */
function popularityTable(templateCount: number): Uint16Array {
  const order = Array.from({ length: templateCount }, (_, index) => index);
  const random = new Random(1);
  for (let index = order.length - 1; index > 0; index--) {
    const other = random.below(index + 1);
    [order[index], order[other]] = [order[other] as number, order[index] as number];
  }
  const weights = order.map((_, rank) => 1 / (rank + 15));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const table = new Uint16Array(65536);
  let filled = 0;
  let share = 0;
  order.forEach((template, rank) => {
    share += (weights[rank] as number) / total;
    const end = rank === order.length - 1 ? table.length : Math.round(share * table.length);
    table.fill(template, filled, end);
    filled = end;
  });
  return table;
}

/**
 * The variables of message templates. A specification such as `int:1-90` or `hex:8` compiles to a writer, once; writers are called
 * millions of times and so write bytes directly.
 */
import type { Output } from './output.js';
import type { Random } from './random.js';
import { type TimeSource, timeFormats, timeWriter } from './time.js';
import { vocabulary } from './vocabulary.js';

export type VariableWriter = (out: Output, random: Random, time: TimeSource) => void;

/** What variables refer to beyond the vocabulary: the services and pods of the same data set. */
export interface VariableContext {
  readonly random: Random;
  readonly services: readonly string[];
  readonly pods: readonly string[];
  /** Writers made so far, by specification: all templates draw from the same pools. */
  readonly writers: Map<string, VariableWriter>;
}

type VariableMaker = (argument: string, context: VariableContext) => VariableWriter;

const dot = 46;
const colon = 58;
const dash = 45;

/** Text as it stands inside a JSON string. */
export function jsonText(text: string): Uint8Array {
  return Buffer.from(JSON.stringify(text).slice(1, -1));
}

/** One of the words; `skew` above 1 draws the earlier ones more often. */
function oneOf(list: readonly string[], skew: number): VariableWriter {
  const pool = list.map(jsonText);
  if (skew === 1) return (out, random) => out.literal(pool[random.below(pool.length)] as Uint8Array);
  return (out, random) => out.literal(pool[Math.floor(random.unit() ** skew * pool.length)] as Uint8Array);
}

function integerBetween(argument: string): VariableWriter {
  const [low, high] = argument.split('-').map(Number) as [number, number];
  const span = high - low + 1;
  return (out, random) => out.integer(low + random.below(span));
}

function hexDigits(argument: string): VariableWriter {
  const digits = Number(argument);
  return (out, random) => {
    let left = digits;
    for (; left >= 8; left -= 8) out.hex(random.int32(), 8);
    if (left > 0) out.hex(random.int32(), left);
  };
}

/** A decimal fraction `limit:places`, squared so that small values are the usual ones. */
function decimal(argument: string): VariableWriter {
  const [limit, places] = argument.split(':').map(Number) as [number, number];
  const scale = 10 ** places;
  return (out, random) => {
    const value = Math.floor(random.unit() ** 2 * limit * scale);
    const whole = Math.floor(value / scale);
    out.integer(whole);
    out.byte(dot);
    out.padded(value - whole * scale, places);
  };
}

function addresses(random: Random, count: number, make: (random: Random) => number[]): string[] {
  return Array.from({ length: count }, () => make(random).join('.'));
}

function hex32(random: Random): string {
  return (random.int32() >>> 0).toString(16).padStart(8, '0');
}

function uuid(out: Output, random: Random): void {
  out.hex(random.int32(), 8);
  out.byte(dash);
  const middle = random.int32();
  out.hex(middle >>> 16, 4);
  out.byte(dash);
  out.hex((middle & 0x0fff) | 0x4000, 4);
  out.byte(dash);
  const end = random.int32();
  out.hex(((end >>> 16) & 0x3fff) | 0x8000, 4);
  out.byte(dash);
  out.hex(end, 4);
  out.hex(random.int32(), 8);
}

function mac(out: Output, random: Random): void {
  out.hex(random.below(16) * 16 + 2, 2);
  const rest = random.int32();
  for (let shift = 24; shift >= 0; shift -= 8) {
    out.byte(colon);
    out.hex(rest >>> shift, 2);
  }
  out.byte(colon);
  out.hex(random.int32(), 2);
}

const makers: Readonly<Record<string, VariableMaker>> = {
  int: integerBetween,
  hex: hexDigits,
  dec: decimal,
  log: (argument) => {
    const scale = Math.log(Number(argument));
    return (out, random) => out.integer(Math.floor(Math.exp(random.unit() * scale)));
  },
  pad: (argument) => {
    const digits = Number(argument);
    return (out, random) => {
      for (let left = digits; left > 0; left -= 6) out.padded(random.below(1e6), Math.min(left, 6));
    };
  },
  bytes: () => (out, random) => out.integer(Math.floor(Math.exp(7 + random.normal() * 2)) + 20),
  pid: () => integerBetween('300-65535'),
  port: () => integerBetween('32768-60999'),
  blk: () => (out, random) => {
    if (random.int32() < 0) out.byte(dash);
    out.integer(1 + random.below(9));
    out.padded(random.below(1e9), 9);
    out.padded(random.below(1e9), 9);
  },
  ip: (_, { random }) =>
    oneOf(
      addresses(random, 2000, (r) => [10, 250 + r.below(2), r.below(256), 1 + r.below(254)]),
      1.5,
    ),
  wan: (_, { random }) =>
    oneOf(
      addresses(random, 20000, (r) => [20 + r.below(200), r.below(256), r.below(256), 1 + r.below(254)]),
      2,
    ),
  node: () =>
    oneOf(
      Array.from({ length: 40 }, (_, index) => `node-${index}`),
      1.3,
    ),
  service: (_, { services }) => oneOf(services, 1.3),
  workload: (_, { pods }) => oneOf(pods, 1.3),
  jobfile: () => {
    const stem = oneOf(vocabulary.jobfile, 1.5);
    return (out, random, time) => {
      stem(out, random, time);
      out.byte(dash);
      out.padded(random.below(1000), 5);
    };
  },
  tenant: (_, { random }) =>
    oneOf(
      Array.from({ length: 200 }, () => Array.from({ length: 4 }, () => hex32(random)).join('')),
      1.5,
    ),
  semver: () => (out, random) => {
    out.integer(1 + random.below(4));
    out.byte(dot);
    out.integer(random.below(20));
    out.byte(dot);
    out.integer(random.below(10));
  },
  uuid: () => uuid,
  mac: () => mac,
};

/**
 * Compiles a specification: `a|b|c` draws one of the words; `name:argument` and `name` are a kind of value, a time format or a list of
 * the vocabulary. Throws when it is none of these.
 */
export function variableWriter(specification: string, context: VariableContext): VariableWriter {
  const known = context.writers.get(specification);
  if (known) return known;
  const made = makeWriter(specification, context);
  context.writers.set(specification, made);
  return made;
}

function makeWriter(specification: string, context: VariableContext): VariableWriter {
  if (specification.includes('|')) return oneOf(specification.split('|'), 1);
  const colonAt = specification.indexOf(':');
  const name = colonAt < 0 ? specification : specification.slice(0, colonAt);
  const maker = makers[name];
  if (maker) return maker(colonAt < 0 ? '' : specification.slice(colonAt + 1), context);
  const format = timeFormats[name];
  if (format) {
    const write = timeWriter(format);
    return (out, _random, time) => write(out, time);
  }
  const list = (vocabulary as Record<string, readonly string[]>)[name];
  if (list) return oneOf(list, 1.5);
  throw new Error(`template variable {${specification}} is unknown`);
}

/** `--from` and `--to` as microseconds since 1970. */
import { type Command, InvalidArgumentError } from 'commander';

const US_PER_MS = 1000;

const UNIT_MS: Record<string, number> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

/** Microseconds, half-open; absent: everything. */
export interface TimeOptions {
  from?: number;
  to?: number;
}

export function addTimeOptions(command: Command): Command {
  const time = (text: string) => parseTimeUs(text);
  return command
    .option(
      '--from <time>',
      'start of the time range, inclusive: 15m, 2h, an ISO 8601 time (default: everything)',
      time,
    )
    .option('--to <time>', 'end of the time range, exclusive (default: everything)', time);
}

/** Least digits of a number that is taken for microseconds and not for a year: 16 since September 2001. */
const MICROSECOND_DIGITS_MIN = 15;

/**
 * Reads `now`, an age such as `15m` (seconds s, minutes m, hours h, days d, weeks w), an ISO 8601 date or time (UTC unless it
 * names an offset), or microseconds since 1970.
 * @throws InvalidArgumentError
 */
export function parseTimeUs(text: string, nowMs = Date.now()): number {
  if (text === 'now') return nowMs * US_PER_MS;
  const age = /^-?(\d+)([smhdw])$/.exec(text);
  if (age) return (nowMs - Number(age[1]) * (UNIT_MS[age[2] as string] as number)) * US_PER_MS;
  if (/^\d+$/.test(text) && text.length >= MICROSECOND_DIGITS_MIN && Number.isSafeInteger(Number(text)))
    return Number(text);
  const iso = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$/.exec(text);
  const ms = iso
    ? Date.parse(iso[1] || text.length === 10 ? text.replace(' ', 'T') : `${text.replace(' ', 'T')}Z`)
    : Number.NaN;
  if (Number.isNaN(ms)) {
    throw new InvalidArgumentError(
      "use 'now', an age like 15m or 2h, an ISO 8601 time, or microseconds since 1970",
    );
  }
  return ms * US_PER_MS;
}

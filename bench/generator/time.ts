import type { Output } from './output.js';

/** The event time of the record being written. */
export interface TimeSource {
  /** Whole seconds since 1970. */
  second: number;
  /** Microseconds within the second. */
  microsecond: number;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

type TimeWriter = (out: Output, time: TimeSource) => void;

interface TimeFormat {
  /** The part that only changes with the second. */
  text(iso: string): string;
  /** Digits of the fraction after it: 0, 3 or 6. */
  fractionDigits: number;
  /** What follows the fraction. */
  end?: string;
}

const date = (iso: string) => iso.slice(0, 10);
const clock = (iso: string) => iso.slice(11, 19);
const month = (iso: string) => months[Number(iso.slice(5, 7)) - 1];
const compactDay = (iso: string) => iso.slice(2, 10).replaceAll('-', '');

/** How the systems write time, by the name used in templates. Each `iso` is like 2026-11-22T10:00:00.000Z. */
export const timeFormats: Readonly<Record<string, TimeFormat>> = {
  syslog: { text: (iso) => `${month(iso)} ${iso.slice(8, 10)} ${clock(iso)}`, fractionDigits: 0 },
  compact: { text: (iso) => `${compactDay(iso)} ${clock(iso).replaceAll(':', '')}`, fractionDigits: 0 },
  slash: { text: (iso) => `${date(iso).replaceAll('-', '/')} ${clock(iso)}`, fractionDigits: 0 },
  clf: {
    text: (iso) => `${iso.slice(8, 10)}/${month(iso)}/${iso.slice(0, 4)}:${clock(iso)} +0000`,
    fractionDigits: 0,
  },
  date: { text: (iso) => date(iso).replaceAll('-', ''), fractionDigits: 0 },
  epoch: { text: (iso) => String(Date.parse(iso) / 1000), fractionDigits: 0 },
  isospace: { text: (iso) => `${date(iso)} ${clock(iso)}.`, fractionDigits: 3 },
  isocomma: { text: (iso) => `${date(iso)} ${clock(iso)},`, fractionDigits: 3 },
  isoz: { text: (iso) => `${date(iso)}T${clock(iso)}.`, fractionDigits: 3, end: 'Z' },
  klog: { text: (iso) => `${iso.slice(5, 7)}${iso.slice(8, 10)} ${clock(iso)}.`, fractionDigits: 6 },
  daytime: {
    text: (iso) => `${iso.slice(8, 10)} ${month(iso)} ${iso.slice(0, 4)} ${clock(iso)}.`,
    fractionDigits: 3,
  },
  uptime: { text: (iso) => `${(Date.parse(iso) / 1000) % 5_000_000}.`, fractionDigits: 6 },
};

/** A writer for a format. The text of a second is kept while the second lasts: neighbouring records share it. */
export function timeWriter(format: TimeFormat): TimeWriter {
  let second = Number.NaN;
  let text: Uint8Array = Buffer.alloc(0);
  const end = Buffer.from(format.end ?? '');
  return (out, time) => {
    if (time.second !== second) {
      second = time.second;
      text = Buffer.from(format.text(new Date(second * 1000).toISOString()));
    }
    out.literal(text);
    if (format.fractionDigits === 3) out.padded(Math.floor(time.microsecond / 1000), 3);
    else if (format.fractionDigits === 6) out.padded(time.microsecond, 6);
    out.literal(end);
  };
}

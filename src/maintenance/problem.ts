/** What a check has to say, for people: what is wrong, where, and what to do next. */

export interface Problem {
  what: string;
  /** A path, and the bytes of it where they are known. */
  where: string;
  next: string;
}

export function timeText(us: number): string {
  const ms = Math.floor(us / 1000);
  // Times from broken clocks lie outside of what a Date holds.
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${us} µs`;
}

export function timeRangeText(min: number, max: number): string {
  return `${timeText(min)} to ${timeText(max)}`;
}

export function countText(count: number, noun: string, plural = `${noun}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? noun : plural}`;
}

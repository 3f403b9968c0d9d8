/** Sizes and shares for people. */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Three digits and a decimal unit: `1.23 MB`. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

export function percentText(part: number, whole: number): string {
  return whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)}%`;
}

/** How many times `stored` goes into `raw`. */
export function ratioText(raw: number, stored: number): string {
  return stored === 0 ? '-' : `${(raw / stored).toFixed(1)}x`;
}

/** Pictures with named axes: lines over numbers, and groups of bars. */
import { readable } from './report.js';

export interface Line {
  readonly name: string;
  /** In the order of `x`; undefined where nothing was measured. */
  readonly y: readonly (number | undefined)[];
}

export interface LineChart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** Ascending. */
  readonly x: readonly number[];
  readonly lines: readonly Line[];
  /** Places neighbours that are a factor apart at equal distances. Needs positive x. */
  readonly xLogarithmic?: boolean;
  /** For lines that are orders of magnitude apart; a value of 0 is left out. */
  readonly yLogarithmic?: boolean;
}

export interface BarChart {
  readonly title: string;
  readonly groups: readonly string[];
  /** A bar in each group; the axis is logarithmic, and a bar of 0 or undefined is left out. */
  readonly series: readonly Line[];
}

const colours = ['#1f6feb', '#d1242f', '#1a7f37', '#9a6700', '#8250df', '#57606a', '#bf3989', '#0a7ea4'];
const barCharacters = 40;
const frame = { width: 760, height: 360, left: 80, right: 180, top: 40, bottom: 50 };

/** Horizontal bars of text with their names and values, the longest for the largest value. */
export function labelledBars(
  title: string,
  rows: readonly (readonly [string, number])[],
  unit: string,
): string {
  const largest = Math.max(0, ...rows.map(([, value]) => value));
  const nameWidth = Math.max(0, ...rows.map(([name]) => name.length));
  const bars = rows.map(([name, value]) => {
    const length = largest > 0 ? Math.round((value / largest) * barCharacters) : 0;
    return `  ${name.padEnd(nameWidth)} ${'█'.repeat(length)} ${readable(value)} ${unit}`;
  });
  return [title, ...bars].join('\n');
}

export function lineChart(chart: LineChart): string {
  const place = chart.xLogarithmic ? Math.log : (value: number) => value;
  const [first, last] = [place(chart.x[0] ?? 0), place(chart.x.at(-1) ?? 1)];
  const plotWidth = frame.width - frame.left - frame.right;
  const plotHeight = frame.height - frame.top - frame.bottom;
  const drawn = (value: number | undefined): value is number =>
    value !== undefined && (!chart.yLogarithmic || value > 0);
  const values = chart.lines.flatMap(({ y }) => y.filter(drawn));
  const rise = chart.yLogarithmic ? Math.log : (value: number) => value;
  const top = Math.max(chart.yLogarithmic ? Number.MIN_VALUE : 0, ...values) || 1;
  const low = chart.yLogarithmic ? Math.min(top, ...values) / 1.5 : 0;
  const x = (value: number) => frame.left + ((place(value) - first) / (last - first || 1)) * plotWidth;
  const height = (value: number) => (rise(value) - rise(low)) / (rise(top * 1.1) - rise(low));
  const y = (value: number) => frame.top + plotHeight * (1 - height(value));
  const lines = chart.lines.map((line, index) => {
    const points = chart.x.flatMap((at, position) => {
      const value = line.y[position];
      return !drawn(value) ? [] : [`${x(at).toFixed(1)},${y(value).toFixed(1)}`];
    });
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${colour(index)}" stroke-width="2"/>`;
  });
  const marked = thinned(chart.x).map((at) => text(x(at), frame.top + plotHeight + 18, 'middle', tick(at)));
  const levels = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const value = chart.yLogarithmic ? low * (top / low) ** share : top * share;
    return text(frame.left - 6, y(value) + 4, 'end', readable(value));
  });
  return picture(frame.height, [
    ...head(chart.title, chart.lines),
    text(frame.left, frame.height - 8, 'start', chart.xLabel),
    text(8, 34, 'start', chart.yLabel),
    axes(plotHeight),
    ...levels,
    ...marked,
    ...lines,
  ]);
}

export function barChart(chart: BarChart): string {
  const barHeight = 9;
  const groupHeight = chart.series.length * barHeight + 8;
  const plotHeight = chart.groups.length * groupHeight;
  const plotWidth = frame.width - frame.left - frame.right;
  const positive = chart.series.flatMap(({ y }) =>
    y.filter((value) => value !== undefined && value > 0),
  ) as number[];
  const low = Math.log10(Math.min(...positive, 1)) - 0.1;
  const high = Math.log10(Math.max(...positive, 1)) + 0.1;
  const bars = chart.groups.flatMap((group, row) => {
    const top = frame.top + row * groupHeight;
    return [
      text(frame.left - 6, top + groupHeight / 2, 'end', group),
      ...chart.series.flatMap(({ y }, index) => {
        const value = y[row];
        if (value === undefined || !(value > 0)) return [];
        const length = (((Math.log10(value) - low) / (high - low)) * plotWidth).toFixed(1);
        const at = top + index * barHeight;
        return [
          `<rect x="${frame.left}" y="${at}" width="${length}" height="${barHeight - 1}" fill="${colour(index)}"/>`,
          `<text x="${frame.left + Number(length) + 3}" y="${at + 8}" font-size="9">${readable(value)}</text>`,
        ];
      }),
    ];
  });
  const height = frame.top + plotHeight + frame.bottom;
  return picture(height, [...head(chart.title, chart.series), axes(plotHeight), ...bars]);
}

function head(title: string, series: readonly Line[]): string[] {
  const legendX = frame.width - frame.right + 30;
  return [
    text(frame.left, 18, 'start', title),
    ...series.flatMap(({ name }, index) => [
      `<rect x="${legendX - 16}" y="${frame.top + index * 18 - 9}" width="10" height="10" fill="${colour(index)}"/>`,
      text(legendX, frame.top + index * 18, 'start', name),
    ]),
  ];
}

function axes(plotHeight: number): string {
  const bottom = frame.top + plotHeight;
  return `<path d="M${frame.left} ${frame.top}V${bottom}H${frame.width - frame.right}" fill="none" stroke="black"/>`;
}

function picture(height: number, parts: readonly string[]): string {
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${frame.width}" height="${height}" font-family="sans-serif" font-size="12">` +
    `<rect width="100%" height="100%" fill="white"/>${parts.join('')}</svg>\n`
  );
}

/** At most ten of the values, the ends included. */
function thinned(values: readonly number[]): number[] {
  const step = Math.max(1, Math.ceil(values.length / 10));
  return values.filter((_, index) => index % step === 0 || index === values.length - 1);
}

function tick(value: number): string {
  return Number.isInteger(value) ? String(value) : readable(value);
}

function colour(index: number): string {
  return colours[index % colours.length] as string;
}

function text(x: number, y: number, anchor: string, words: string): string {
  const safe = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${safe}</text>`;
}

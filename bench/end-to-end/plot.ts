import { readable } from './report.js';

/** One value for each number of workers, from one worker on. */
export interface Series {
  readonly name: string;
  readonly values: readonly number[];
}

const barCharacters = 50;

/** Horizontal bars of text, the longest for the largest value. */
export function textBars({ name, values }: Series): string {
  const largest = Math.max(...values);
  const bars = values.map((value, index) => {
    const length = largest > 0 ? Math.round((value / largest) * barCharacters) : 0;
    return `  ${String(index + 1).padStart(3)} ${'█'.repeat(length)} ${readable(value)}`;
  });
  return [name, ...bars].join('\n');
}

const panel = { width: 360, height: 260, left: 70, right: 20, top: 40, bottom: 40 };

/** An SVG picture: a panel for each series, with a dashed line for what perfect scaling from one worker would give. */
export function vectorPlot(series: readonly Series[]): string {
  const width = panel.width * series.length;
  const panels = series.map(
    (one, index) => `<g transform="translate(${index * panel.width},0)">${vectorPanel(one)}</g>`,
  );
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${panel.height}" font-family="sans-serif" font-size="12">` +
    `<rect width="100%" height="100%" fill="white"/>${panels.join('')}</svg>\n`
  );
}

function vectorPanel({ name, values }: Series): string {
  const count = values.length;
  const limit = Math.max(...values, (values[0] ?? 0) * count) * 1.1 || 1;
  const plotWidth = panel.width - panel.left - panel.right;
  const plotHeight = panel.height - panel.top - panel.bottom;
  const x = (index: number) => (panel.left + ((index + 0.5) / count) * plotWidth).toFixed(1);
  const y = (value: number) => (panel.top + plotHeight * (1 - value / limit)).toFixed(1);
  const points = (list: readonly number[]) => list.map((value, index) => `${x(index)},${y(value)}`).join(' ');
  const ideal = values.map((_, index) => (values[0] ?? 0) * (index + 1));
  const bottom = panel.top + plotHeight;
  const text = (atX: string | number, atY: string | number, anchor: string, words: string) =>
    `<text x="${atX}" y="${atY}" text-anchor="${anchor}">${words}</text>`;
  return [
    text(panel.left, 20, 'start', name),
    `<path d="M${panel.left} ${panel.top}V${bottom}H${panel.width - panel.right}" fill="none" stroke="black"/>`,
    `<polyline points="${points(ideal)}" fill="none" stroke="gray" stroke-dasharray="4 3"/>`,
    `<polyline points="${points(values)}" fill="none" stroke="#1f6feb" stroke-width="2"/>`,
    ...values.map(
      (value, index) =>
        `<circle cx="${x(index)}" cy="${y(value)}" r="4" fill="#1f6feb"/>` +
        text(x(index), Number(y(value)) - 8, 'middle', readable(value)) +
        text(x(index), bottom + 18, 'middle', String(index + 1)),
    ),
    text(panel.left - 6, Number(y(limit / 1.1)) + 4, 'end', readable(limit / 1.1)),
    text(panel.left - 6, bottom + 4, 'end', '0'),
  ].join('');
}

/** A row as one line for people: time, level, message, then the other fields. */
import pc from 'picocolors';
import { ExactNumber, type ExactValue } from '../query/exact-json.js';
import { displayText, escapeControls } from '../query/table.js';

export type Row = { [name: string]: ExactValue };
type Colors = ReturnType<typeof pc.createColors>;

const TIME = '_timestamp';
const US_PER_MS = 1000;

/** The first one that a row has is shown without its name. */
const LEVELS = ['level', 'severity', 'log_level', 'lvl'];
const MESSAGES = ['message', 'msg', 'log', 'body', 'content'];

const LEVEL_COLUMNS = 5;

/** Writes rows; colours only where asked. */
export function rowWriter(colored: boolean): (row: Row) => string {
  const colors = pc.createColors(colored);
  return (row) => {
    const level = LEVELS.find((name) => name in row);
    const message = MESSAGES.find((name) => name in row);
    const others = Object.keys(row).filter((name) => name !== TIME && name !== level && name !== message);
    const parts = [timeText(row[TIME])];
    if (level) parts.push(levelText(textOf(row[level]), colors));
    if (message) parts.push(escapeControls(textOf(row[message])));
    if (others.length > 0) parts.push(colors.dim(others.map((name) => fieldText(name, row[name])).join(' ')));
    return parts.filter((part) => part !== '').join('  ');
  };
}

function textOf(value: ExactValue | undefined): string {
  return displayText(value ?? null);
}

function timeText(value: ExactValue | undefined): string {
  if (!(value instanceof ExactNumber)) return '';
  const date = new Date(Number(value.text) / US_PER_MS);
  return Number.isNaN(date.getTime()) ? value.text : date.toISOString();
}

function levelText(level: string, colors: Colors): string {
  const text = escapeControls(level).padEnd(LEVEL_COLUMNS);
  if (/^(err|fatal|crit|alert|emerg|panic)/i.test(level)) return colors.red(text);
  if (/^warn/i.test(level)) return colors.yellow(text);
  if (/^(info|notice)/i.test(level)) return colors.green(text);
  if (/^(debug|trace|verbose)/i.test(level)) return colors.dim(text);
  return text;
}

function fieldText(name: string, value: ExactValue | undefined): string {
  const text = escapeControls(textOf(value));
  return `${escapeControls(name)}=${/[\s"=]|^$/.test(text) ? JSON.stringify(text) : text}`;
}

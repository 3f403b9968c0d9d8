/** A repair's plan for people: what is done, and exactly what is lost. */
import pc from 'picocolors';
import type { RepairPlan } from '../../maintenance/plan.js';
import { countText, timeRangeText } from '../../maintenance/problem.js';
import type { SalvagePlan } from '../../maintenance/salvage.js';

export function planText(plan: RepairPlan): string {
  const { rebuild, salvages, forgotten, quarantined, warnings } = plan;
  const lines = [
    ...salvages.flatMap(salvageLines),
    ...quarantined.map(({ file, reason }) => `move aside ${file}: ${reason}`),
    ...forgotten.flatMap(({ file, rows, time_min, time_max }) => [
      `forget ${file}, which is not there`,
      lostLine(`${countText(rows, 'row')}, ${timeRangeText(time_min, time_max)}`),
    ]),
  ];
  if (rebuild) {
    const rows = rebuild.live.reduce((sum, { facts }) => sum + facts.rows, 0);
    const streams = new Set(
      rebuild.live.map(({ metadata }) => `${metadata.organization}/${metadata.stream}`),
    );
    lines.push(
      `rebuild the catalog from ${countText(rebuild.live.length, 'segment')} of ${countText(streams.size, 'stream')}, ` +
        `${countText(rows, 'row')}: ${rebuild.reason}`,
    );
  }
  lines.push(...warnings.map((warning) => `${pc.yellow('warning:')} ${warning}`));
  if (lines.length === 0) lines.push('nothing to repair');
  return `${lines.join('\n')}\n`;
}

function salvageLines({ path, kept, lost, lostRows, reasons }: SalvagePlan): string[] {
  const parts = lost.map(({ offset, bytes, rows, timeMin, timeMax, what }) => {
    const place = `bytes ${offset} to ${offset + bytes}: ${what}`;
    if (rows === undefined || timeMin === undefined || timeMax === undefined) return `  ${place}`;
    return lostLine(`${countText(rows, 'row')}, ${timeRangeText(timeMin, timeMax)} (${place})`);
  });
  const named = lost.reduce((sum, { rows }) => sum + (rows ?? 0), 0);
  return [
    `move aside ${path}: ${reasons.join('; ')}`,
    kept ? `  keep ${countText(kept.rows, 'row')} of it in ${kept.file}` : '  nothing of it can be kept',
    ...parts,
    ...(lostRows === undefined ? [lostLine('an unknown number of rows')] : []),
    ...(lostRows !== undefined && lostRows !== named
      ? [lostLine(`${countText(lostRows, 'row')} in all`)]
      : []),
  ];
}

function lostLine(text: string): string {
  return `  ${pc.red('lost:')} ${text}`;
}

import type { Context } from '../end-to-end/context.js';
import { ringBench } from './ring.js';

/** Micro benches of single parts; each run checks what it made. */
export async function micro(context: Context): Promise<void> {
  const { report, scale } = context;
  await ringBench(report, scale.microSeconds);
  // Only here, so that the other benches do not load the addon into the process that measures.
  const { nativeBench } = await import('./native.js');
  await nativeBench(report, scale.microSeconds, scale.microBatches);
}

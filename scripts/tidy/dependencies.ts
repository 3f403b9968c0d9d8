/**
 * The dependency rule between folders: http → protocols → ingest → ring, and query → storage → native.
 * A folder may import itself and what is listed for it. Files named `*-task.ts` hold the data that crosses threads: their types may be
 * imported from anywhere. Only src/native/index.ts loads the addon.
 */
import { posix } from 'node:path';
import type { Finding, SourceFile } from './files.js';

const FOUNDATION = ['config', 'errors'];

/** By folder of src, or top-level folder; `server` is src/server.ts, which wires everything. */
export const ALLOWED_IMPORTS: Record<string, string[]> = {
  errors: [],
  config: ['errors'],
  native: FOUNDATION,
  ring: [...FOUNDATION, 'native'],
  storage: [...FOUNDATION, 'native'],
  ingest: [...FOUNDATION, 'native', 'ring', 'storage'],
  query: [...FOUNDATION, 'native', 'storage'],
  maintenance: [...FOUNDATION, 'native', 'storage'],
  protocols: [...FOUNDATION, 'native', 'ring', 'ingest'],
  metrics: FOUNDATION,
  http: [...FOUNDATION, 'native', 'protocols', 'ingest', 'ring', 'query', 'storage', 'metrics'],
  server: [...FOUNDATION, 'native', 'http', 'protocols', 'ingest', 'ring', 'query', 'storage', 'metrics'],
  cli: [...FOUNDATION, 'server', 'maintenance', 'storage', 'native'],
  workers: [...FOUNDATION, 'native', 'ring', 'storage', 'ingest', 'query', 'protocols', 'maintenance'],
};

const IMPORT =
  /^\s*(?:import|export)\s(type\s)?[^'"]*?from\s+['"]([^'"]+)['"]|^\s*import\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;

const ADDON = /native\/dist|\.node['"`]/;
const ADDON_DOOR = 'src/native/index.ts';

/** The layer a file of src or workers belongs to, or undefined for other files. */
export function layerOf(path: string): string | undefined {
  const parts = path.split('/');
  if (parts[0] === 'workers') return 'workers';
  if (parts[0] !== 'src') return undefined;
  return parts.length === 2 ? parts[1]?.replace(/\.(ts|js)$/, '') : parts[1];
}

export function checkImports({ path, text }: SourceFile): Finding[] {
  const layer = layerOf(path);
  if (layer === undefined || !path.endsWith('.ts')) return [];
  const allowed = ALLOWED_IMPORTS[layer];
  if (!allowed)
    return [{ path, message: `folder '${layer}' has no rule: add it to scripts/tidy/dependencies.ts` }];
  const findings: Finding[] = [];
  for (const match of text.matchAll(IMPORT)) {
    const specifier = match[2] ?? match[3] ?? match[4] ?? '';
    if (!specifier.startsWith('.')) continue;
    const target = posix.join(posix.dirname(path), specifier);
    const targetLayer = layerOf(target);
    if (targetLayer === layer || (targetLayer !== undefined && allowed.includes(targetLayer))) continue;
    if (match[1] && /-task\.js$/.test(target)) continue;
    const line = text.slice(0, match.index).split('\n').length;
    findings.push({ path, line, message: `${layer} must not import ${targetLayer ?? target}` });
  }
  if (path !== ADDON_DOOR && ADDON.test(text))
    findings.push({ path, message: `only ${ADDON_DOOR} loads the addon` });
  return findings;
}

/** A cycle in the rule itself, as `a → b → a`, or undefined: layers that need each other are no layers. */
export function findCycle(allowed: Record<string, string[]> = ALLOWED_IMPORTS): string | undefined {
  const done = new Set<string>();
  const visit = (layer: string, trail: string[]): string | undefined => {
    if (trail.includes(layer)) return [...trail.slice(trail.indexOf(layer)), layer].join(' → ');
    if (done.has(layer)) return undefined;
    for (const next of allowed[layer] ?? []) {
      const cycle = visit(next, [...trail, layer]);
      if (cycle) return cycle;
    }
    done.add(layer);
    return undefined;
  };
  return Object.keys(allowed)
    .map((layer) => visit(layer, []))
    .find((cycle) => cycle !== undefined);
}

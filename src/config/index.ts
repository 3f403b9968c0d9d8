/**
 * Configuration: `basalt.yaml` < environment `BASALT_*` < command-line flags. One schema, unknown keys refused.
 */
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { nearestName, requestError } from '../errors/index.js';
import {
  COLLECTION_INTERVAL_SECONDS_MAX,
  PAGE_CACHE_BYTES_MAX,
  PAGE_CACHE_BYTES_MIN,
  PAGE_CACHE_TTL_SECONDS_DEFAULT,
  RETENTION_DAYS_MAX,
  RING_BYTES_MAX,
  SPILL_BYTES_DEFAULT,
} from './limits.js';
import {
  defaultMemoryLimitBytes,
  divideMemory,
  MEMORY_LIMIT_BYTES_MIN,
  type MemoryBudget,
} from './memory.js';

const positive = z.coerce.number().int().positive();
const natural = z.coerce.number().int().min(0);

export const configSchema = z.strictObject({
  /** Where everything is kept. */
  dataDir: z.string().min(1).default('./data'),
  /** host:port of the HTTP listener. Anything but loopback needs an explicit root password. */
  httpAddr: z.string().default('127.0.0.1:5080'),
  rootUserEmail: z.string().min(3).default('root@example.com'),
  /** Absent: a random password, printed once and kept in `<dataDir>/root-password` (mode 0600). */
  rootUserPassword: z.string().min(1).optional(),
  ingestWorkers: positive.max(64).default(availableParallelism()),
  queryWorkers: positive.max(64).default(availableParallelism()),
  /**
   * Memory of the whole process. What the parts below do not say themselves they get of it in fixed shares (config/memory.ts), queries what
   * is left. Absent: 2 GiB, or three quarters of what the machine or the control group has.
   */
  memoryLimitBytes: positive.min(MEMORY_LIMIT_BYTES_MIN).optional(),
  /** Shared memory of the ingest ring. */
  ringBytes: positive
    .min(1 << 20)
    .max(RING_BYTES_MAX)
    .optional(),
  /** Memory for answers of queries and of their scans over segments; 0 keeps none, on disk neither. */
  resultCacheBytes: natural.optional(),
  /** Age at which a kept answer is thrown away, used or not. */
  resultCacheTtlSeconds: positive.default(3600),
  /** Disk for answers of scans over segments, compressed, in `<dataDir>/cache`; 0 keeps none. */
  diskCacheBytes: natural.default(1024 * 1024 * 1024),
  diskCacheTtlSeconds: positive.default(7 * 86_400),
  /** Disk that queries may spill to, together, in `<dataDir>/spill`. */
  spillBytes: natural.default(SPILL_BYTES_DEFAULT),
  /** Days of event time that are kept of streams without a setting of their own; 0: all. */
  retentionDays: z.coerce.number().min(0).max(RETENTION_DAYS_MAX).default(0),
  /** Bytes of segments and WAL blocks that are kept of each such stream, the oldest go first; 0: all. */
  retentionBytes: z.coerce.number().int().min(0).default(0),
  /** Seconds between collections of expired and orphan files. */
  collectionIntervalSeconds: positive.max(COLLECTION_INTERVAL_SECONDS_MAX).default(60),
  /** A collection leaves expired segments of fewer bytes in all for a later one. */
  collectionThresholdBytes: z.coerce.number().int().min(0).default(0),
  /** Shared memory for decoded pages, 0 for none. */
  pageCacheBytes: z.coerce
    .number()
    .int()
    .max(PAGE_CACHE_BYTES_MAX)
    .refine((bytes) => bytes === 0 || bytes >= PAGE_CACHE_BYTES_MIN, {
      error: `0 (none) or at least ${PAGE_CACHE_BYTES_MIN}`,
    })
    .optional(),
  /** Decoded pages are dropped at this age. */
  pageCacheTtlSeconds: positive.max(2 ** 31).default(PAGE_CACHE_TTL_SECONDS_DEFAULT),
  /** Longest range of time of a search, hours; longer ones are cut at their start. 0: any. */
  maxQueryRangeHours: z.coerce.number().min(0).default(0),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
});

type Settings = z.infer<typeof configSchema>;
/** With the parts of the memory, set or dealt out. */
export type Config = Omit<Settings, keyof MemoryBudget | 'memoryLimitBytes'> & {
  memoryLimitBytes: number;
  memory: MemoryBudget;
};
export type ConfigKey = keyof Settings;

export const CONFIG_KEYS = Object.keys(configSchema.shape) as ConfigKey[];

/** `httpAddr` ↔ `BASALT_HTTP_ADDR`. */
export function environmentName(key: string): string {
  return `BASALT_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** Variables that start with BASALT_ but belong to the build, the tests, or the commands that speak to a server. */
const FOREIGN_VARIABLES = new Set([
  'BASALT_CACHE_DIR',
  'BASALT_TEST_LONG',
  'BASALT_CONFIG',
  'BASALT_SEED',
  'BASALT_URL',
  'BASALT_ORG',
  'BASALT_USER',
  'BASALT_PASSWORD',
]);

const PREFIX = 'BASALT_';

/** What Kubernetes and Docker set in every container for a service that is called basalt. */
const SERVICE_LINK =
  /^BASALT_(?:\w+_)?(?:PORT(?:_\d+_(?:TCP|UDP)(?:_(?:PROTO|PORT|ADDR))?)?|SERVICE_(?:HOST|PORT)(?:_\w+)?)$/;

/** Variables with our prefix that mean nothing to us. One that is nearly the name of a setting is an error instead (loadConfig). */
export function unusedVariables(environment: NodeJS.ProcessEnv): string[] {
  const known = new Set(CONFIG_KEYS.map(environmentName));
  return Object.keys(environment).filter(
    (name) =>
      name.startsWith(PREFIX) && !known.has(name) && !FOREIGN_VARIABLES.has(name) && !SERVICE_LINK.test(name),
  );
}

function refuseUnknown(found: string, known: string[], source: string): never {
  const near = nearestName(found, known);
  throw requestError(400, `${source}: unknown key '${found}'${near ? `; did you mean '${near}'?` : ''}`, {
    hint: `known keys: ${known.join(', ')}`,
  });
}

function fromFile(path: string | undefined): Record<string, unknown> {
  const file = path ?? 'basalt.yaml';
  if (!existsSync(file)) {
    if (path) throw requestError(400, `configuration file ${path} does not exist`);
    return {};
  }
  let parsed: unknown;
  try {
    parsed = parse(readFileSync(file, 'utf8')) ?? {};
  } catch (error) {
    throw requestError(400, `${file}: ${error instanceof Error ? error.message : error}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw requestError(400, `${file}: must be a mapping of keys to values`);
  for (const key of Object.keys(parsed)) {
    if (!CONFIG_KEYS.includes(key as ConfigKey)) refuseUnknown(key, CONFIG_KEYS, file);
  }
  return parsed as Record<string, unknown>;
}

function fromEnvironment(environment: NodeJS.ProcessEnv): Record<string, unknown> {
  const names = new Map(CONFIG_KEYS.map((key) => [environmentName(key), key]));
  const values: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(environment)) {
    const key = names.get(name);
    if (key && value !== undefined) values[key] = value;
  }
  const bare = (name: string) => name.slice(PREFIX.length);
  for (const name of unusedVariables(environment)) {
    // A setting that is misspelt must not be passed over; what is far from all of them is somebody else's.
    if (nearestName(bare(name), [...names.keys()].map(bare)) !== undefined)
      refuseUnknown(name, [...names.keys()], 'environment');
  }
  return values;
}

/**
 * Reads and checks the configuration. `flags` holds what the command line set, by key.
 * @throws BasaltError naming the key, its source and the nearest known key
 */
export function loadConfig(
  flags: Partial<Record<ConfigKey, unknown>> = {},
  environment: NodeJS.ProcessEnv = process.env,
  path: string | undefined = environment.BASALT_CONFIG,
): Config {
  const merged = { ...fromFile(path), ...fromEnvironment(environment), ...flags };
  const result = configSchema.safeParse(merged);
  if (!result.success) {
    const issue = result.error.issues[0];
    throw requestError(400, `configuration: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  const { memoryLimitBytes, ringBytes, pageCacheBytes, resultCacheBytes, ...settings } = result.data;
  const limitBytes = memoryLimitBytes ?? defaultMemoryLimitBytes();
  return {
    ...settings,
    dataDir: resolve(settings.dataDir),
    memoryLimitBytes: limitBytes,
    memory: divideMemory(limitBytes, { ringBytes, pageCacheBytes, resultCacheBytes }),
  };
}

/** Splits `host:port`; an IPv6 host stands in brackets. */
export function parseAddress(address: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (!match || port > 65535) throw requestError(400, `httpAddr '${address}' is not host:port`);
  return { host: match[1] ?? match[2] ?? '', port };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

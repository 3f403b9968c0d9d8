/** Configuration: precedence, unknown keys, wrong values, addresses. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  CONFIG_KEYS,
  type ConfigKey,
  environmentName,
  isLoopback,
  loadConfig,
  parseAddress,
  unusedVariables,
} from '../../src/config/index.js';
import * as limits from '../../src/config/limits.js';
import { BasaltError } from '../../src/errors/index.js';

function yamlFile(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'basalt-config-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'basalt.yaml');
  writeFileSync(path, text);
  return path;
}

function load(
  flags: Partial<Record<ConfigKey, unknown>> = {},
  environment: NodeJS.ProcessEnv = {},
  yaml = '',
) {
  return loadConfig(flags, environment, yamlFile(yaml));
}

function refusal(run: () => unknown): BasaltError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(BasaltError);
    return error as BasaltError;
  }
  throw new Error('nothing was refused');
}

describe('sources', () => {
  test('defaults', () => {
    const config = load();
    expect(config).toMatchObject({
      httpAddr: '127.0.0.1:5080',
      rootUserEmail: 'root@example.com',
      logLevel: 'info',
      retentionDays: 0,
      retentionBytes: 0,
      collectionIntervalSeconds: 60,
      collectionThresholdBytes: 0,
    });
    expect(config.dataDir).toBe(resolve('./data'));
    expect(config.rootUserPassword).toBeUndefined();
    expect(config.ingestWorkers).toBeGreaterThan(0);
  });

  test('file < environment < flags', () => {
    const yaml = 'logLevel: warn\nhttpAddr: file:1\ningestWorkers: 3\n';
    const environment = { BASALT_HTTP_ADDR: 'environment:2', BASALT_INGEST_WORKERS: '4' };
    expect(load({}, {}, yaml)).toMatchObject({ logLevel: 'warn', httpAddr: 'file:1', ingestWorkers: 3 });
    expect(load({}, environment, yaml)).toMatchObject({
      logLevel: 'warn',
      httpAddr: 'environment:2',
      ingestWorkers: 4,
    });
    expect(load({ ingestWorkers: '5' }, environment, yaml)).toMatchObject({
      logLevel: 'warn',
      httpAddr: 'environment:2',
      ingestWorkers: 5,
    });
  });

  test('every key has its own environment variable', () => {
    const names = CONFIG_KEYS.map(environmentName);
    expect(new Set(names).size).toBe(CONFIG_KEYS.length);
    expect(names).toContain('BASALT_ROOT_USER_PASSWORD');
    expect(names).toContain('BASALT_DATA_DIR');
    expect(load({}, { BASALT_ROOT_USER_PASSWORD: '12345' }).rootUserPassword).toBe('12345');
  });

  test('variables of the build and of other programs are left alone', () => {
    expect(() =>
      load(
        {},
        { BASALT_TEST_LONG: '1', BASALT_CACHE_DIR: '/x', BASALT_SEED: '7', PATH: '/bin', BASALTIC: 'x' },
      ),
    ).not.toThrow();
  });

  test('nor do those of clients, of containers and of strangers stop the server', () => {
    const clients = { BASALT_URL: 'http://h:1', BASALT_ORG: 'o', BASALT_USER: 'u', BASALT_PASSWORD: 'p' };
    const links = {
      BASALT_PORT: 'tcp://10.0.0.1:5080',
      BASALT_PORT_5080_TCP: 'tcp://10.0.0.1:5080',
      BASALT_PORT_5080_TCP_ADDR: '10.0.0.1',
      BASALT_SERVICE_HOST: '10.0.0.1',
      BASALT_SERVICE_PORT_HTTP: '5080',
      BASALT_HEADLESS_SERVICE_PORT: '5080',
    };
    const strangers = { BASALT_BACKUP_BUCKET: 'b', BASALT_API_TOKEN: 't' };
    const environment = { ...clients, ...links, ...strangers, BASALT_LOG_LEVEL: 'warn' };
    expect(load({}, environment).logLevel).toBe('warn');
    expect(unusedVariables(environment)).toEqual(Object.keys(strangers));
  });

  test('BASALT_CONFIG names the file, and it must be there', () => {
    const path = yamlFile('logLevel: debug');
    expect(loadConfig({}, { BASALT_CONFIG: path }).logLevel).toBe('debug');
    expect(refusal(() => loadConfig({}, { BASALT_CONFIG: `${path}.missing` })).message).toContain(
      `${path}.missing`,
    );
  });

  test('an empty file is no configuration, not an error', () => {
    expect(load({}, {}, '# nothing\n').logLevel).toBe('info');
  });
});

describe('refusals', () => {
  test('an unknown key names its source and the nearest known one', () => {
    expect(refusal(() => load({}, {}, 'httpAdr: x')).message).toMatch(
      /basalt\.yaml: unknown key 'httpAdr'; did you mean 'httpAddr'\?/,
    );
    expect(refusal(() => load({}, { BASALT_HTTP_ADR: 'x' })).message).toMatch(
      /environment: unknown key 'BASALT_HTTP_ADR'; did you mean 'BASALT_HTTP_ADDR'\?/,
    );
    const far = refusal(() => load({}, {}, 'zzzzzzzz: 1'));
    expect(far.message).not.toContain('did you mean');
    expect(far.fields.hint).toContain('dataDir');
  });

  test('a wrong value names its key', () => {
    const wrong: [Partial<Record<ConfigKey, unknown>>, string][] = [
      [{ ingestWorkers: 0 }, 'ingestWorkers'],
      [{ ingestWorkers: '1.5' }, 'ingestWorkers'],
      [{ queryWorkers: 'many' }, 'queryWorkers'],
      [{ queryWorkers: '' }, 'queryWorkers'],
      [{ ringBytes: 1000 }, 'ringBytes'],
      [{ pageCacheBytes: -1 }, 'pageCacheBytes'],
      [{ pageCacheBytes: 1000 }, 'pageCacheBytes'],
      [{ pageCacheBytes: 2 ** 32 }, 'pageCacheBytes'],
      [{ pageCacheTtlSeconds: 0 }, 'pageCacheTtlSeconds'],
      [{ logLevel: 'loud' }, 'logLevel'],
      [{ rootUserPassword: '' }, 'rootUserPassword'],
      [{ dataDir: '' }, 'dataDir'],
    ];
    for (const [flags, key] of wrong) {
      expect(
        refusal(() => load(flags)),
        JSON.stringify(flags),
      ).toMatchObject({ status: 400, message: expect.stringContaining(key) });
    }
  });

  test('no page cache is a choice', () => {
    expect(load({ pageCacheBytes: '0' }).memory.pageCacheBytes).toBe(0);
  });

  test('a ring of more bytes than its offsets can count', () => {
    expect(refusal(() => load({ ringBytes: 2 ** 31 })).message).toContain('ringBytes');
  });

  test('a file that is not a mapping, or not YAML, is named', () => {
    for (const yaml of ['- a\n- b', 'just text', '3', 'a: [1', 'logLevel: info\nlogLevel: warn', '\tx: 1']) {
      expect(refusal(() => load({}, {}, yaml)).message, yaml).toContain('basalt.yaml');
    }
  });
});

describe('addresses', () => {
  test('host and port', () => {
    expect(parseAddress('127.0.0.1:5080')).toEqual({ host: '127.0.0.1', port: 5080 });
    expect(parseAddress('[::1]:0')).toEqual({ host: '::1', port: 0 });
    expect(parseAddress('example.com:65535')).toEqual({ host: 'example.com', port: 65535 });
    expect(parseAddress(':5080')).toEqual({ host: '', port: 5080 });
  });

  test('anything else is refused', () => {
    for (const text of [
      '',
      '5080',
      'host',
      'host:',
      'host:x',
      'host:65536',
      'host:-1',
      '::1:5080',
      '[::1]',
      'http://host:80/',
      'host:80 ',
    ]) {
      expect(refusal(() => parseAddress(text)).message, text).toContain('host:port');
    }
  });

  test('loopback', () => {
    for (const host of ['127.0.0.1', '127.255.0.9', 'localhost', '::1'])
      expect(isLoopback(host), host).toBe(true);
    for (const host of [
      '',
      '0.0.0.0',
      '::',
      '128.0.0.1',
      '1127.0.0.1',
      'localhost.example.com',
      '127.0.0.1.example.com',
      '::11',
    ]) {
      expect(isLoopback(host), host).toBe(false);
    }
  });
});

test('limits that depend on each other fit', () => {
  expect(limits.BATCH_BYTES_MAX).toBeLessThanOrEqual(limits.RING_BYTES_DEFAULT);
  expect(limits.HEAP_BODY_BYTES_MAX).toBeGreaterThanOrEqual(limits.BODY_BYTES_MAX);
  expect(limits.RING_BYTES_DEFAULT).toBeLessThan(2 ** 31);
  expect(limits.QUERIES_RUNNING_MIN).toBeLessThanOrEqual(limits.QUERIES_WAITING_MAX);
});

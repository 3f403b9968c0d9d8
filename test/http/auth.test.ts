import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Config, loadConfig } from '../../src/config/index.js';
import { FatalError } from '../../src/errors/index.js';
import { Authenticator, rootPassword } from '../../src/http/auth.js';

function basic(credentials: string, scheme = 'Basic'): string {
  return `${scheme} ${Buffer.from(credentials).toString('base64')}`;
}

describe('Authenticator', () => {
  const authenticator = new Authenticator('root@example.com', 'pass:wörd');

  test('lets the root user in', () => {
    expect(() => authenticator.check(basic('root@example.com:pass:wörd'))).not.toThrow();
  });

  test('takes the scheme in any case (RFC 9110, 11.1)', () => {
    for (const scheme of ['basic', 'BASIC']) {
      expect(() => authenticator.check(basic('root@example.com:pass:wörd', scheme)), scheme).not.toThrow();
    }
  });

  test('refuses everything else with 401', () => {
    const good = Buffer.from('root@example.com:pass:wörd').toString('base64');
    const wrong = [
      '',
      'Basic',
      'Basic ',
      good,
      `Bearer ${good}`,
      `Basic ${good.slice(0, -1)}`,
      `Basic ${good}A`,
      `Basic ${good} x`,
      'Basic %%%',
      'root@example.com:pass:wörd',
      ...[
        '',
        ':',
        'root@example.com',
        'root@example.com:',
        ':pass:wörd',
        'root@example.com:pass',
        'x:pass:wörd',
      ].map((text) => basic(text)),
      basic('root@example.com:pass:wörd\0'),
      basic('Root@example.com:pass:wörd'),
      'x'.repeat(100_000),
    ];
    for (const header of wrong) {
      expect(() => authenticator.check(header), header.slice(0, 80)).toThrow(
        expect.objectContaining({ status: 401 }),
      );
    }
  });

  test('says nothing about which part was wrong', () => {
    const messages = ['', basic('root@example.com:no'), basic('no:pass:wörd')].map((header) => {
      try {
        authenticator.check(header);
      } catch (error) {
        return (error as Error).message;
      }
      return undefined;
    });
    expect(new Set(messages)).toEqual(new Set(['Unauthorized Access']));
  });
});

describe('rootPassword', () => {
  function setUp(fields: Partial<Config> = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'basalt-auth-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, 'root-password');
    const config: Config = { ...loadConfig({}, {}), ...fields };
    return { file, get: () => rootPassword(config, file) };
  }

  test('the configured one wins and is written nowhere', () => {
    const { file, get } = setUp({ rootUserPassword: 'chosen', httpAddr: '0.0.0.0:5080' });
    expect(get()).toEqual({ password: 'chosen', generated: false });
    expect(() => statSync(file)).toThrow(/ENOENT/);
  });

  test('a random one is made once, kept with mode 0600, and found again', () => {
    const { file, get } = setUp();
    const first = get();
    expect(first.generated).toBe(true);
    expect(first.password.length).toBeGreaterThanOrEqual(20);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8').trim()).toBe(first.password);
    expect(get()).toEqual({ password: first.password, generated: false });
    expect(setUp().get().password).not.toBe(first.password);
  });

  test('an empty password file, as a crash may leave it, lets nobody in without a password', () => {
    const { file, get } = setUp();
    writeFileSync(file, '\n');
    let password: string | undefined;
    try {
      password = get().password;
    } catch (error) {
      expect(error).toBeInstanceOf(FatalError);
    }
    expect(password).not.toBe('');
  });

  test('beyond this host a password must be chosen, even when an old one lies there', () => {
    for (const httpAddr of [
      '0.0.0.0:5080',
      '192.168.1.5:5080',
      '[::]:5080',
      ':5080',
      'example.com:80',
      '127.0.0.1.example.com:80',
    ]) {
      const { file, get } = setUp({ httpAddr });
      writeFileSync(file, 'old\n');
      expect(get, httpAddr).toThrow(FatalError);
      expect(get).toThrow(/BASALT_ROOT_USER_PASSWORD/);
    }
    for (const httpAddr of ['127.0.0.1:5080', '127.8.8.8:1', 'localhost:5080', '[::1]:5080']) {
      expect(setUp({ httpAddr }).get().generated, httpAddr).toBe(true);
    }
  });
});

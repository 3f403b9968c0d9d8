import { describe, expect, test } from 'vitest';
import { checkOrganization, normalizeStreamName } from '../../src/http/ingest-routes.js';
import { Router } from '../../src/http/router.js';

function router() {
  const handler = () => {};
  return new Router()
    .add('GET', '/', handler, { open: true })
    .add('GET', '/api/:organization/streams', handler)
    .add('POST', '/api/:organization/:stream/_json', handler)
    .add('POST', '/api/:organization/_bulk', handler)
    .add('PUT', '/api/:organization/_bulk', handler)
    .add('GET', '/api/:organization/', handler)
    .add('POST', '/:stream/_bulk', handler);
}

function match(method: string, path: string) {
  const { pattern, params, open } = router().match(method, path);
  return { pattern, params, open };
}

function status(method: string, path: string): { status: number; hint?: string } {
  try {
    router().match(method, path);
  } catch (error) {
    const { status: code, fields } = error as { status: number; fields: { hint?: string } };
    return { status: code, hint: fields.hint };
  }
  return { status: 200 };
}

describe('match', () => {
  test('finds the route and its parameters', () => {
    expect(match('GET', '/')).toEqual({ pattern: '/', params: {}, open: true });
    expect(match('POST', '/api/default/app/_json')).toEqual({
      pattern: '/api/:organization/:stream/_json',
      params: { organization: 'default', stream: 'app' },
      open: false,
    });
    expect(match('GET', '/api/default/').pattern).toBe('/api/:organization/');
  });

  test('decodes percent signs in a segment, a slash too, without splitting it', () => {
    expect(match('POST', '/api/default/my%20app%2Fx%C3%BC/_json').params.stream).toBe('my app/xü');
    expect(match('POST', '/a+b/_bulk').params.stream).toBe('a+b');
  });

  test('HEAD goes where GET goes', () => {
    expect(match('HEAD', '/api/default/streams').pattern).toBe('/api/:organization/streams');
  });

  test('an unknown path is 404', () => {
    for (const path of [
      '/nothing',
      '/api',
      '/api/',
      '/api/default',
      '/api/default/streams/',
      '//',
      '/api//streams',
      '/_bulk/x',
    ]) {
      expect(status('GET', path).status, path).toBe(404);
    }
    expect(status('POST', '/api//_bulk').status).toBe(404);
    expect(status('GET', '/API/default/streams').status).toBe(404);
  });

  test('a known path with another method is 405 and names those that are allowed', () => {
    expect(status('DELETE', '/api/default/_bulk')).toEqual({ status: 405, hint: 'allowed: POST, PUT' });
    expect(status('POST', '/api/default/streams').status).toBe(405);
    expect(status('HEAD', '/api/default/_bulk').status).toBe(405);
  });

  test('a segment that is not valid percent-encoding is 400', () => {
    for (const bad of ['%', '%zz', '%C3', '%E0%A4%A'])
      expect(status('POST', `/${bad}/_bulk`).status, bad).toBe(400);
  });

  test('parameters named like members of objects do no harm', () => {
    expect(match('POST', '/__proto__/_bulk').params).toEqual({ stream: '__proto__' });
    expect(match('POST', '/constructor/_bulk').params.stream).toBe('constructor');
  });
});

test('stream names are lowered, and every run of other characters becomes one underscore', () => {
  const names = {
    Logs: 'logs',
    'a--b': 'a_b',
    'a_-b': 'a__b',
    '****': '_',
    größe: 'gr_e',
    'nginx.access-2024.01': 'nginx_access_2024_01',
  };
  for (const [name, normal] of Object.entries(names)) expect(normalizeStreamName(name), name).toBe(normal);
  expect(normalizeStreamName('../../etc/passwd\0')).toBe('_etc_passwd_');
});

test('organizations: letters, digits, underscore and minus', () => {
  for (const name of ['default', 'A-b_9', 'x'.repeat(100)])
    expect(() => checkOrganization(name)).not.toThrow();
  for (const name of ['', '..', 'a/b', 'a b', 'ü', 'a\0b', 'x'.repeat(101), 'a\n']) {
    expect(() => checkOrganization(name), JSON.stringify(name)).toThrow(
      expect.objectContaining({ status: 400 }),
    );
  }
});

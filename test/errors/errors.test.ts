import { expect, test } from 'vitest';
import { BasaltError, FatalError, nearestName, overloaded, requestError } from '../../src/errors/index.js';

test('the API`s form leaves out what is not there', () => {
  expect(JSON.parse(requestError(404, 'stream not found').toBody())).toEqual({
    code: 404,
    message: 'stream not found',
  });
  const full = requestError(400, 'no such column', {
    code: 20004,
    errorDetail: 'detail',
    hint: 'hint',
    suggestions: ['level'],
    line: 2,
    column: 7,
  });
  expect(JSON.parse(full.toBody('trace'))).toEqual({
    code: 20004,
    message: 'no such column',
    error_detail: 'detail',
    trace_id: 'trace',
    hint: 'hint',
    suggestions: ['level'],
    line: 2,
    column: 7,
  });
  expect(JSON.parse(requestError(400, 'x', { suggestions: [] }).toBody())).not.toHaveProperty('suggestions');
});

test('kinds are told apart', () => {
  const overload = overloaded('full', 'later');
  expect([overload.status, overload.fields.retryAfterSeconds, overload.name]).toEqual([
    503,
    1,
    'BasaltError',
  ]);
  const cause = new Error('EIO');
  const fatal = new FatalError('disk', { cause });
  expect([fatal.cause, fatal.name, fatal instanceof BasaltError]).toEqual([cause, 'FatalError', false]);
});

test('nearestName finds likely typing errors and nothing else', () => {
  const known = ['level', 'message', 'response_time', 'host', 'a'];
  const cases: [string, string | undefined][] = [
    ['leve', 'level'],
    ['mesage', 'message'],
    ['responsetime', 'response_time'],
    ['response_tiem', 'response_time'],
    ['hosts', 'host'],
    ['b', 'a'],
    ['completely_different', undefined],
    ['levxx', undefined],
  ];
  for (const [name, near] of cases) expect(nearestName(name, known), name).toBe(near);
  expect(nearestName('level', known)).toBe('level');
  expect(nearestName('level', [])).toBeUndefined();
});

test('nearestName prefers the smaller distance, then the earlier name', () => {
  expect(nearestName('abcd', ['abxx', 'abcx', 'abcy'])).toBe('abcx');
});

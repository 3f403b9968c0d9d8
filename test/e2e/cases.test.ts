/** The case files against one server process, in each state that data can be in. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root } from '../harness/paths.js';
import { TestServer } from '../harness/server.js';
import { readCases } from './case-file.js';
import { CaseRun, repeatable } from './case-run.js';

const only = process.env.CASES ?? '';
const cases = readCases(join(root, 'test', 'e2e', 'cases')).filter(({ name }) => name.includes(only));
const nowUs = Date.now() * 1000;
let server: TestServer;
/** Cases that failed when fresh would only fail again. */
const passed = new Set<string>();

beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server?.stop());

test('there are cases', () => {
  expect(cases.length).toBeGreaterThan(0);
});

describe('fresh', () => {
  test.for(cases)('$name', async (testCase) => {
    await new CaseRun(server, testCase, nowUs).runAll();
    passed.add(testCase.name);
  });
});

describe.each([
  { state: 'replayed', enter: () => server.restart() },
  { state: 'flushed', enter: () => server.client.flush() },
  { state: 'reopened', enter: () => server.restart() },
])('$state', ({ enter }) => {
  beforeAll(enter);
  const lasting = cases.filter((testCase) => repeatable(testCase).length > 0);
  test.for(lasting)('$name', async (testCase, { skip }) => {
    skip(!passed.has(testCase.name), 'it failed when fresh');
    await new CaseRun(server, testCase, nowUs).runAgain();
  });
});

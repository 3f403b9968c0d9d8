import { defineConfig } from 'vitest/config';

/** `BASALT_TEST_LONG=1` runs the long forms (more rounds, bigger data) of the crash, property and end-to-end tests. */
const long = process.env.BASALT_TEST_LONG === '1';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // One process per test file: the addon and its worker threads start clean and cannot disturb another file.
    pool: 'forks',
    maxWorkers: 2,
    minWorkers: 1,
    testTimeout: long ? 30 * 60_000 : 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 20_000,
    // Texts for the terminal are compared without colours, also where colours are forced for the reporter.
    env: { NO_COLOR: '1' },
  },
});

/** The set-up scripts are plain JavaScript that must run before anything is installed; what in them can be wrong is tested here. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

interface Counts {
  passed: number;
  failed: number;
}

async function load<T>(name: string): Promise<T> {
  return (await import(new URL(`../../scripts/setup/${name}.mjs`, import.meta.url).href)) as T;
}

const { missingRequirements, isAtLeast, majorMinor } = await load<{
  missingRequirements(node: string, probe: (command: string) => string | undefined): string[];
  isAtLeast(version: number[], minimum: number[]): boolean;
  majorMinor(text: string | undefined): number[] | undefined;
}>('requirements');
const { addCargoResult, vitestCounts, judgeRunner } = await load<{
  addCargoResult(line: string, counts: Counts): void;
  vitestCounts(file: string, read: (file: string) => string): Counts;
  judgeRunner(name: string, exitCode: number, counts: Counts): Counts & { problems: string[] };
}>('test-results');
const { classifyCargoLine } = await load<{ classifyCargoLine(line: string): Record<string, unknown> }>('run');
const { formatBar, formatElapsed } = await load<{
  formatBar(done: number, total: number, width: number): string;
  formatElapsed(ms: number): string;
}>('progress');
const { hashInputs, listFiles, readStamp, writeStamp } = await load<{
  hashInputs(base: string, files: string[], extra?: string[]): string;
  listFiles(path: string, wanted: (name: string) => boolean, skipped?: string[]): string[];
  readStamp(file: string): string | undefined;
  writeStamp(file: string, text: string): void;
}>('stamp');

describe('requirements', () => {
  const present: Record<string, string> = {
    rustc: 'rustc 1.95.0 (59807616e 2026-04-14)',
    cargo: 'cargo 1.95.0',
    cc: 'cc 12',
    'c++': 'c++ 12',
    make: 'GNU Make 4.3',
    python3: 'Python 3.11.2',
  };

  test('nothing is missing on a complete machine', () => {
    expect(missingRequirements('20.20.2', (command) => present[command])).toEqual([]);
    expect(missingRequirements('24.0.0', (command) => present[command])).toEqual([]);
  });

  test('each thing that is missing or too old is named with what to install', () => {
    expect(missingRequirements('18.20.0', (command) => present[command])).toEqual([
      expect.stringMatching(/^Node.js is 18\.20, but 20\.19 or newer is needed\. Install Node/),
    ]);
    const noRust = missingRequirements('20.20.2', (command) =>
      /rust|cargo/.test(command) ? undefined : present[command],
    );
    expect(noRust).toEqual([expect.stringMatching(/^Rust \(rustc\) was not found\..*rustup/s)]);
    const old = missingRequirements('20.20.2', (command) =>
      command === 'rustc' ? 'rustc 1.63.0' : present[command],
    );
    expect(old[0]).toContain('rustc) is 1.63, but 1.94 or newer');
    const bare = missingRequirements('20.20.2', (command) =>
      /rust|cargo/.test(command) ? present[command] : undefined,
    );
    expect(bare[0]).toMatch(/C compiler.*make.*Python 3.*build-essential/s);
  });

  test('versions', () => {
    expect(majorMinor('v20.9.1')).toEqual([20, 9]);
    expect(majorMinor(undefined)).toBeUndefined();
    expect(isAtLeast([1, 100], [1, 94])).toBe(true);
    expect(isAtLeast([2, 0], [1, 94])).toBe(true);
    expect(isAtLeast([1, 93], [1, 94])).toBe(false);
  });
});

describe('test results', () => {
  test('cargo lines are summed', () => {
    const counts = { passed: 0, failed: 0 };
    for (const line of [
      'test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s',
      'test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s',
      'test says::test result ... ok',
    ]) {
      addCargoResult(line, counts);
    }
    expect(counts).toEqual({ passed: 15, failed: 2 });
  });

  test('a vitest report counts files that could not be loaded', () => {
    const report = {
      numPassedTests: 4,
      numFailedTests: 1,
      testResults: [
        { status: 'failed', assertionResults: [{ status: 'failed' }] },
        { status: 'failed', assertionResults: [] },
        { status: 'passed', assertionResults: [{ status: 'passed' }] },
      ],
    };
    expect(vitestCounts('x', () => JSON.stringify(report))).toEqual({ passed: 4, failed: 2 });
    expect(vitestCounts('x', () => '{"numPassed')).toEqual({ passed: 0, failed: 0 });
  });

  test('a runner that ends badly, or runs nothing, has failed', () => {
    expect(judgeRunner('r', 0, { passed: 2, failed: 0 })).toEqual({ passed: 2, failed: 0, problems: [] });
    expect(judgeRunner('r', 101, { passed: 2, failed: 1 })).toEqual({ passed: 2, failed: 1, problems: [] });
    expect(judgeRunner('r', 101, { passed: 2, failed: 0 })).toMatchObject({
      failed: 1,
      problems: [expect.stringContaining('101')],
    });
    expect(judgeRunner('r', 0, { passed: 0, failed: 0 })).toMatchObject({
      failed: 1,
      problems: ['r ran no test'],
    });
  });
});

describe('progress', () => {
  test('cargo output is told apart', () => {
    expect(classifyCargoLine('    Building [=====>    ] 123/275: datafusion, arrow')).toEqual({
      kind: 'progress',
      done: 123,
      total: 275,
    });
    expect(classifyCargoLine('\u001b[1m\u001b[36m    Building\u001b[0m [=> ] 1/2: a')).toMatchObject({
      kind: 'progress',
    });
    expect(classifyCargoLine('   Compiling serde v1.0.0').kind).toBe('chatter');
    expect(classifyCargoLine('').kind).toBe('chatter');
    expect(classifyCargoLine('error[E0502]: cannot borrow').kind).toBe('text');
    expect(classifyCargoLine('test says::test ... ok').kind).toBe('text');
  });

  test('bar and time', () => {
    expect(formatBar(0, 10, 4)).toBe('[>   ]');
    expect(formatBar(5, 10, 4)).toBe('[==> ]');
    expect(formatBar(12, 10, 4)).toBe('[====]');
    expect(formatElapsed(250_000)).toBe('4m10s');
    expect(formatElapsed(9_400)).toBe('9s');
  });
});

describe('stamps', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'basalt-stamp-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('the hash follows names, contents and extras, and ignores what is not wanted', () => {
    const hash = (extra?: string[]) =>
      hashInputs(
        folder,
        listFiles(folder, (name) => name.endsWith('.rs')),
        extra,
      );
    writeFileSync(join(folder, 'a.rs'), 'one');
    const first = hash();
    expect(hash()).toBe(first);
    writeFileSync(join(folder, 'note.md'), 'x');
    expect(hash()).toBe(first);
    expect(hash(['rustc 1.95'])).not.toBe(first);
    writeFileSync(join(folder, 'b.rs'), '');
    expect(hash()).not.toBe(first);
    expect(listFiles(join(folder, 'absent'), () => true)).toEqual([]);
  });

  test('a stamp is read back whole', () => {
    const file = join(folder, 'deep', '.stamp');
    expect(readStamp(file)).toBeUndefined();
    writeStamp(file, 'abc');
    expect(readStamp(file)).toBe('abc');
  });
});

// `npm test`: sets up, runs every test runner, and ends with one line `N passed, N failed` summed over them.
// Exit code 1 when a test failed, a runner did not finish, or a runner ran nothing.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cargoLocked, cargoTargetDir, nativeDir, root } from './setup/paths.mjs';
import { runCargo, runInherited } from './setup/run.mjs';
import { addCargoResult, judgeRunner, vitestCounts } from './setup/test-results.mjs';
import { runMain, setup } from './setup.mjs';

/** All Rust tests of crates that need no Node, in the addon's own profile so that its dependencies serve again. */
async function runCargoTests() {
  const args = [
    'test',
    '--release',
    ...cargoLocked,
    '--workspace',
    '--exclude',
    'basalt-binding',
    '--no-fail-fast',
  ];
  const counts = { passed: 0, failed: 0 };
  const { code } = await runCargo([...args, '--target-dir', cargoTargetDir()], {
    cwd: nativeDir,
    label: 'compiling and running Rust tests',
    onStdout(line) {
      addCargoResult(line, counts);
      if (!/^(test .* \.\.\. (ok|ignored)|running \d+ tests?|)$/.test(line)) console.log(line);
    },
  });
  return judgeRunner('cargo test', code, counts);
}

async function runVitest(extraArgs) {
  const folder = mkdtempSync(join(tmpdir(), 'basalt-test-'));
  try {
    const report = join(folder, 'vitest.json');
    const code = await runInherited(
      process.execPath,
      [
        join(root, 'node_modules', 'vitest', 'vitest.mjs'),
        ...['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
        ...extraArgs,
      ],
      { cwd: root },
    );
    return judgeRunner(
      'vitest',
      code,
      vitestCounts(report, (file) => readFileSync(file, 'utf8')),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await runMain(async () => {
  await setup();
  // Arguments go to vitest, e.g. `npm test -- test/ring`; the Rust tests are then left out.
  const only = process.argv.slice(2);
  const runners = only.length > 0 ? [] : [await runCargoTests()];
  runners.push(await runVitest(only));
  for (const problem of runners.flatMap((runner) => runner.problems)) console.log(problem);
  const passed = runners.reduce((sum, runner) => sum + runner.passed, 0);
  const failed = runners.reduce((sum, runner) => sum + runner.failed, 0);
  console.log(`${passed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
});

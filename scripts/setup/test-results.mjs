// Counts of the test runners, read from their own output.

const CARGO_RESULT = /^test result: \w+\. (\d+) passed; (\d+) failed;/;

/** Adds the counts of a `test result:` line of `cargo test` (one per test binary) to `counts`; other lines add nothing. */
export function addCargoResult(line, counts) {
  const match = CARGO_RESULT.exec(line);
  if (!match) return;
  counts.passed += Number(match[1]);
  counts.failed += Number(match[2]);
}

/**
 * Counts of a vitest JSON report. A test file that could not even be loaded has no test that failed: it counts as one.
 * An absent or broken report gives no counts.
 */
export function vitestCounts(file, read) {
  let report;
  try {
    report = JSON.parse(read(file));
  } catch {
    return { passed: 0, failed: 0 };
  }
  const unloaded = report.testResults.filter(
    (result) =>
      result.status === 'failed' && !result.assertionResults.some((test) => test.status === 'failed'),
  );
  return { passed: report.numPassedTests, failed: report.numFailedTests + unloaded.length };
}

/**
 * What a runner's end is worth: a non-zero exit without a failed test, or an end without any test run, counts as one
 * failure and gets a sentence in `problems`.
 */
export function judgeRunner(name, exitCode, counts) {
  if (counts.failed > 0) return { ...counts, problems: [] };
  if (exitCode !== 0) return { ...counts, failed: 1, problems: [`${name} ended with exit code ${exitCode}`] };
  if (counts.passed === 0) return { ...counts, failed: 1, problems: [`${name} ran no test`] };
  return { ...counts, problems: [] };
}

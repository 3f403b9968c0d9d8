#!/bin/sh
# DuckDB 1.5.6: a correlated EXISTS over an inequality and an unequal text finds nothing, and NOT EXISTS finds every row.
#
# `b.n > a.n AND b.g <> a.g` holds of some b for all rows but the last; written as `(b.g <> a.g) = true`, which is the same, both are
# answered rightly. The plan joins the distinct outer values back on `g != g` where they have to be the same.
#
# Basalt's tests take DuckDB for a judge, so they leave this form to cases whose values were counted by hand
# (test/e2e/cases/sql/planner/exists-unequal.test).
#
# Output seen:
#   EXISTS: none
#   NOT EXISTS: 0 1 2 3 4 5
#   EXISTS, written as = true: 0 1 2 3 4
#   NOT EXISTS, written as = true: 5
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund @duckdb/node-api@1.5.6-r.1
cat >ask.mjs <<'JAVASCRIPT'
import { DuckDBInstance } from '@duckdb/node-api';

const instance = await DuckDBInstance.create(':memory:');
const connection = await instance.connect();
await connection.run(
  "CREATE TABLE t AS SELECT i AS n, CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END AS g FROM range(6) r(i)",
);
const forms = {
  '': 'b.g <> a.g',
  ', written as = true': '(b.g <> a.g) = true',
};
for (const [name, unequal] of Object.entries(forms)) {
  for (const exists of ['EXISTS', 'NOT EXISTS']) {
    const answer = await connection.runAndReadAll(
      `SELECT n FROM t a WHERE ${exists} (SELECT 1 FROM t b WHERE b.n > a.n AND ${unequal}) ORDER BY n`,
    );
    console.log(`${exists}${name}: ${answer.getRows().flat().join(' ') || 'none'}`);
  }
}
JAVASCRIPT
node ask.mjs >seen.txt
cat seen.txt
diff seen.txt - <<'EXPECTED'
EXISTS: none
NOT EXISTS: 0 1 2 3 4 5
EXISTS, written as = true: 0 1 2 3 4
NOT EXISTS, written as = true: 5
EXPECTED

#!/bin/sh
# DataFusion 55.0.0: a scalar subquery without a row fails where its value is a constant or a count, and is NULL where it is a column.
#
# The subquery's column is declared to be never NULL, which holds of its rows; that there may be none is not taken into account.
#
# In Basalt it is NULL, as PostgreSQL and DuckDB have it (test/e2e/cases/sql/planner/empty-scalar-subqueries.test).
#
# Output seen:
#   a column: [None]
#   a constant: declared as non-nullable
#   a count: declared as non-nullable
#   coalesce: declared as non-nullable
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet datafusion==55.0.0 pyarrow==26.0.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON' >seen.txt
import datafusion

context = datafusion.SessionContext()
statements = {
    "a column": "SELECT (SELECT n FROM (VALUES (1), (NULL)) t(n) WHERE n > 5) AS x",
    "a constant": "SELECT (SELECT 'hello' WHERE false) AS x",
    "a count": "SELECT (SELECT count(*) FROM (VALUES (1)) t(n) HAVING count(*) > 5) AS x",
    "coalesce": "SELECT coalesce((SELECT 8 WHERE false), (SELECT 4)) AS x",
}
for name, statement in statements.items():
    try:
        print(f"{name}: {[row['x'] for batch in context.sql(statement).collect() for row in batch.to_pylist()]}")
    except Exception as error:
        fault = "declared as non-nullable"
        print(f"{name}: {fault if fault in str(error) else error}")
PYTHON
cat seen.txt
diff seen.txt - <<'EXPECTED'
a column: [None]
a constant: declared as non-nullable
a count: declared as non-nullable
coalesce: declared as non-nullable
EXPECTED

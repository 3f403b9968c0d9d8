#!/bin/sh
# DataFusion 55.0.0: a window or an array_agg whose key holds a function's value inside an expression is refused; the same key in ORDER BY
# of the statement, or the function by itself, is answered.
#
# Whether rows sorted by `length(g) > 1` are in the order of `length(g) > 1` is asked after the ranges of both sides. Of a function that tells
# none the range has the type Null, which compares with no other, and the question fails before the two expressions are compared.
#
# Basalt makes such keys of windows columns, and takes an order that is there as it is required (test/e2e/cases/sql/windows/computed-keys.test).
#
# Output seen:
#   length(g): [1, 2, 1, 2]
#   length(g) > 1 in ORDER BY: [0, 2, 1, 3]
#   length(g) > 1 in rank: does not satisfy order requirements
#   length(g) > 1 in PARTITION BY: does not satisfy order requirements
#   length(g) > 1 in array_agg: does not satisfy order requirements
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet datafusion==55.0.0 pyarrow==26.0.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON' >seen.txt
import datafusion

context = datafusion.SessionContext()
rows = "(VALUES (0, 'a'), (1, 'bb'), (2, 'a'), (3, 'bb')) t(n, g)"
statements = {
    "length(g)": f"SELECT length(g) AS x FROM {rows} ORDER BY n",
    "length(g) > 1 in ORDER BY": f"SELECT n AS x FROM {rows} ORDER BY length(g) > 1, n",
    "length(g) > 1 in rank": f"SELECT rank() OVER (ORDER BY length(g) > 1) AS x FROM {rows}",
    "length(g) > 1 in PARTITION BY": f"SELECT sum(n) OVER (PARTITION BY length(g) > 1) AS x FROM {rows}",
    "length(g) > 1 in array_agg": f"SELECT array_agg(n ORDER BY length(g) > 1, n) AS x FROM {rows}",
}
for name, statement in statements.items():
    try:
        print(f"{name}: {[row['x'] for batch in context.sql(statement).collect() for row in batch.to_pylist()]}")
    except Exception as error:
        fault = "does not satisfy order requirements"
        print(f"{name}: {fault if fault in str(error) else error}")
PYTHON
cat seen.txt
diff seen.txt - <<'EXPECTED'
length(g): [1, 2, 1, 2]
length(g) > 1 in ORDER BY: [0, 2, 1, 3]
length(g) > 1 in rank: does not satisfy order requirements
length(g) > 1 in PARTITION BY: does not satisfy order requirements
length(g) > 1 in array_agg: does not satisfy order requirements
EXPECTED

#!/bin/sh
# DataFusion 55.0.0: a text that is cast to an interval and names no unit is a number of months; written INTERVAL '90' it is one of seconds.
#
# PostgreSQL and DuckDB take seconds in both forms. A month is the default of the cast's parser, a second that of the literal's.
#
# In Basalt both are seconds (test/e2e/cases/sql/intervals/without-a-unit.test).
#
# Output seen:
#   INTERVAL '90': 2026-01-01 00:01:30.000000000
#   '90'::INTERVAL: 2033-07-01 00:00:00.000000000
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet datafusion==55.0.0 pyarrow==26.0.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON' >seen.txt
import datafusion

context = datafusion.SessionContext()
for form in ("INTERVAL '90'", "'90'::INTERVAL"):
    statement = f"SELECT TIMESTAMP '2026-01-01 00:00:00' + {form} AS x"
    (batch,) = context.sql(statement).collect()
    print(f"{form}: {batch.column(0).cast('string')[0].as_py()}")
PYTHON
cat seen.txt
diff seen.txt - <<'EXPECTED'
INTERVAL '90': 2026-01-01 00:01:30.000000000
'90'::INTERVAL: 2033-07-01 00:00:00.000000000
EXPECTED

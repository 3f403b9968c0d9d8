#!/bin/sh
# An Arrow IPC stream that was cut between two messages is whole to its readers (pyarrow 26.0.1, polars 2.1.0, apache-arrow 21.2.0).
#
# The format has an end-of-stream mark, but lets a stream end without it. None of these readers tells the one from the other: half of the
# rows come, and no error. Cut inside a message, all three raise. A file made by a connection that broke (curl writes what came)
# therefore looks good or not by chance.
#
# So Basalt withholds the last bytes of what it has of a stream until more follow: what a cut leaves ends inside a message.
#
# Output seen:
#   pyarrow between messages: 10 rows
#   pyarrow inside a message: OSError
#   polars between messages: 10 rows
#   polars inside a message: OSError
#   apache-arrow between messages: 10 rows
#   apache-arrow inside a message: Error
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pyarrow==26.0.1 polars==2.1.0
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund apache-arrow@21.2.0
"$folder/venv/bin/python" - <<'PYTHON' >seen.txt
import io

import polars as pl
import pyarrow as pa

table = pa.table({"n": list(range(10))})
stream = io.BytesIO()
writer = pa.ipc.new_stream(stream, table.schema)
writer.write_table(table)
first = stream.tell()
writer.write_table(table)
second = stream.tell()
writer.close()
cuts = {"between messages": stream.getvalue()[:first], "inside a message": stream.getvalue()[: second - 8]}
readers = {
    "pyarrow": lambda cut: pa.ipc.open_stream(cut).read_all().num_rows,
    "polars": lambda cut: pl.read_ipc_stream(io.BytesIO(cut)).height,
}
for name, read in readers.items():
    for place, cut in cuts.items():
        with open(place, "wb") as file:
            file.write(cut)
        try:
            print(f"{name} {place}: {read(cut)} rows")
        except Exception as error:
            print(f"{name} {place}: {type(error).__name__}")
PYTHON
cat >read.mjs <<'JAVASCRIPT'
import { readFileSync } from 'node:fs';
import { tableFromIPC } from 'apache-arrow';

for (const place of ['between messages', 'inside a message']) {
  let seen;
  try {
    seen = `${tableFromIPC(readFileSync(place)).numRows} rows`;
  } catch (error) {
    seen = error.name;
  }
  console.log(`apache-arrow ${place}: ${seen}`);
}
JAVASCRIPT
node read.mjs >>seen.txt
cat seen.txt
diff seen.txt - <<'EXPECTED'
pyarrow between messages: 10 rows
pyarrow inside a message: OSError
polars between messages: 10 rows
polars inside a message: OSError
apache-arrow between messages: 10 rows
apache-arrow inside a message: Error
EXPECTED

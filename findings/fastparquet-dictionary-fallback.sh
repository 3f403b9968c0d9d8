#!/bin/sh
# fastparquet 2026.9.0 loses values of a column whose dictionary was given up midway.
#
# A Parquet writer gives a dictionary up once it is larger than a megabyte: the rest of the column chunk is plain pages. That is in the
# format, and pyarrow does it by default. fastparquet reads the pages before the change and gives None for every value after it, without
# an error or a warning: here 72,832 of 100,000 distinct texts. pyarrow reads its file as it wrote it.
#
# So Basalt writes each column chunk in one encoding, and no dictionary for columns of mostly distinct values.
#
# Output seen:
#   encodings PLAIN, RLE, RLE_DICTIONARY
#   fastparquet: 100000 rows, 72832 of them None, the first is row 27168
#   without a dictionary: 0 of them None
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fastparquet==2026.9.0 pyarrow==26.0.1 pandas==3.1.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import fastparquet
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 100_000
texts = [f"{row:036d}" for row in range(ROWS)]
table = pa.table({"text": texts})

pq.write_table(table, "mixed.parquet")
encodings = pq.ParquetFile("mixed.parquet").metadata.row_group(0).column(0).encodings
print("encodings", ", ".join(encodings))
assert pq.read_table("mixed.parquet")["text"].to_pylist() == texts
read = fastparquet.ParquetFile("mixed.parquet").to_pandas()["text"].tolist()
lost = [row for row, text in enumerate(read) if text is None]
print(f"fastparquet: {len(read)} rows, {len(lost)} of them None, the first is row {lost[0] if lost else '-'}")

pq.write_table(table, "plain.parquet", use_dictionary=False)
plain = fastparquet.ParquetFile("plain.parquet").to_pandas()["text"].tolist()
print(f"without a dictionary: {plain.count(None)} of them None")

assert len(read) == ROWS and len(lost) == 72_832 and lost[0] == 27_168
assert plain == texts
PYTHON

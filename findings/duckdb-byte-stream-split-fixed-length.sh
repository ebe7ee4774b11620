#!/usr/bin/env bash
# pyarrow 26.0.1 and duckdb 2.0.1 (PyPI): the Parquet format lets BYTE_STREAM_SPLIT be the encoding of fixed-length binary
# since 2.11 (before, of FLOAT and DOUBLE alone), and pyarrow writes and reads it. DuckDB reads the encoding of doubles, but
# refuses a column of fixed-length binary with it, and with that every query that touches the column; the others of the same
# file can be read. Hashes and UUIDs whose bytes it would group have to stay PLAIN in files that DuckDB is to read.
#
# Seen:
#   pyarrow: id the same
#   duckdb: n: 100 rows
#   duckdb: real: 100 rows
#   duckdb: id: Error
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pyarrow==26.0.1 duckdb==2.0.1
cat >split.py <<'PY'
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

table = pa.table({
    "n": pa.array(range(100), pa.int64()),
    "real": pa.array([k / 3 for k in range(100)], pa.float64()),
    "id": pa.array([bytes([k]) * 16 for k in range(100)], pa.binary(16)),
})
split = {"real": "BYTE_STREAM_SPLIT", "id": "BYTE_STREAM_SPLIT"}
pq.write_table(table, "split.parquet", use_dictionary=False, column_encoding=split)
print("pyarrow: id", "the same" if pq.read_table("split.parquet")["id"] == table["id"] else "differs")
for column in ("n", "real", "id"):
    try:
        rows = duckdb.sql(f"select {column} from 'split.parquet'").fetchall()
        print(f"duckdb: {column}: {len(rows)} rows")
    except duckdb.Error as error:
        print(f"duckdb: {column}: {type(error).__name__}")
PY
venv/bin/python split.py | tee seen
diff seen - <<'SEEN'
pyarrow: id the same
duckdb: n: 100 rows
duckdb: real: 100 rows
duckdb: id: Error
SEEN
echo "as found"

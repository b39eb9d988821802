"""What manifests tell of files: of registered ones at once, and restored from the footers where it was lost."""
import datetime
import decimal
import io

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

WIDE = """SELECT i::INTEGER - 50 AS i, i::BIGINT * 10000000000 - 7 AS l, i / 7 - 3 AS x, (i / 3)::FLOAT AS f, ((i - 30) * 1.125)::DECIMAL(12,3) AS n, i % 2 = 0 AS b,
    DATE '1969-12-20' + i::INTEGER AS d, TIMESTAMP '1969-12-31 23:00:00.123456' + INTERVAL (i) MINUTE AS ts, TIMESTAMPTZ '2020-02-29 12:00:00+02' + INTERVAL (i) DAY AS tz,
    CASE WHEN i % 10 = 0 THEN NULL ELSE 'é😀' || i END AS s, NULL::INTEGER AS nothing, CASE WHEN i = 5 THEN 'nan'::DOUBLE ELSE i END AS odd
    FROM range({}, {}) r(i)"""
BOUNDED = ["i", "l", "x", "f", "n", "b", "d", "ts", "tz", "s"]


def put(server, key, body):
    assert server.request("PUT", f"/storage/objects/{key}", data=body).status_code in (200, 201)


def register(server, name, **body):
    answer = server.request("POST", "/datasets", json={"name": name, **body})
    assert answer.status_code == 201, answer.text
    return answer.json()


def parquet(sql, path, options=""):
    duckdb.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet {options})")
    return path.read_bytes()


def table(server, name):
    return server.pyiceberg().load_table(f"data.{name}")


def told(server, name):
    """{column: statistics} of the dataset's description."""
    answer = server.request("GET", f"/catalog/datasets/by-name/{name}")
    assert answer.status_code == 200, answer.text
    return {c["name"]: c["statistics"] for c in answer.json()["columns"]}


def same_bound(got, want):
    if isinstance(want, datetime.datetime):
        return datetime.datetime.fromisoformat(got.removesuffix("Z")) == want
    if isinstance(want, (datetime.date, decimal.Decimal)):
        return type(want)(got) == want if isinstance(want, decimal.Decimal) else datetime.date.fromisoformat(got) == want
    return got == want


def check_bounds(server, name, columns):
    """The statistics are DuckDB's own min, max and nulls."""
    client, have = server.duckdb(), told(server, name)
    client.execute("SET timezone = 'UTC'")
    for column in columns:
        cast = "::TIMESTAMP" if column == "tz" else ""  # DuckDB's Python client needs pytz for the other
        low, high, nulls, count = client.execute(f"SELECT min({column}){cast}, max({column}){cast}, count(*) - count({column}), count(*) FROM lake.data.{name}").fetchone()
        assert (have[column]["nulls"], have[column]["values"]) == (nulls, count), column
        assert same_bound(have[column]["min"], low) and same_bound(have[column]["max"], high), (column, have[column], low, high)


def test_registered_files_have_statistics_at_once(server, tmp_path):
    for part in range(2):
        put(server, f"drop/wide/p{part}.parquet", parquet(WIDE.format(part * 50, part * 50 + 50), tmp_path / "p.parquet", ", ROW_GROUP_SIZE 2048"))
    assert register(server, "wide", location="drop/wide")["row_count"] == 100
    check_bounds(server, "wide", BOUNDED)
    have = told(server, "wide")
    assert (have["nothing"]["nulls"], have["nothing"]["min"]) == (100, None)
    assert have["odd"]["nulls"] == 0 and have["odd"]["max"] is None  # a NaN is greater than every bound for some
    assert server.sql("SELECT count(*) FROM wide WHERE odd > 1000") == [[1]]
    for value, rows in [("i = -50", 1), ("i = 49", 1), ("i > 49", 0)]:
        assert table(server, "wide").scan(row_filter=value).to_arrow().num_rows == rows == server.sql(f"SELECT count(*) FROM wide WHERE {value}")[0][0]
    files = [task.file for task in table(server, "wide").scan(row_filter="i < 0").plan_files()]
    assert len(files) == 1 and files[0].nan_value_counts[3] == 0  # the other is passed over


def test_registered_files_of_another_writer(server):
    buffer = io.BytesIO()
    rows = {"x": [1.0, float("nan"), 3.0], "a, b": [1, 2, 3], "u": [-1, 2, 4000000000], "t": ["a", None, "z"], "d": [decimal.Decimal("-1.50")] * 3}
    pq.write_table(pa.table(rows), buffer, row_group_size=1)
    put(server, "drop/other/o.parquet", buffer.getvalue())
    register(server, "other", location="drop/other")
    have = told(server, "other")
    assert have["x"] == {"values": 3, "nulls": 0, "min": None, "max": None, "distinct": None, "exact": True}  # pyarrow leaves NaN out of bounds
    assert (have["a, b"]["min"], have["a, b"]["max"]) == (1, 3) and (have["u"]["min"], have["u"]["max"]) == (-1, 4000000000)
    assert (have["t"]["min"], have["t"]["max"], have["t"]["nulls"]) == ("a", "z", 1) and have["d"]["max"] == "-1.50"
    assert server.sql("SELECT count(*) FROM other WHERE x > 5") == [[1]]  # the NaN

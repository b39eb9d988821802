"""POST /ingest/file: formats, compressions, encodings, modes, rejects, schema changes."""
import decimal
import gzip
import hashlib
import io
import json
import socket
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commands import lakehouse
from harness import SANITIZED

CSV = b"id,name,amount,day\n1,ann,1.5,2026-01-02\n2,\"b, \"\"ob\"\"\",,2026-01-03\n3,caf\xc3\xa9,3.25,\n"
WANT = [[1, "ann", 1.5, "2026-01-02"], [2, 'b, "ob"', None, "2026-01-03"], [3, "café", 3.25, None]]


def names(prefix="t", n=[0]):
    n[0] += 1
    return f"{prefix}{n[0]}"


def loaded(server, body, name, **fields):
    table = names()
    answer = server.ingest(body, table, name=name, **fields)
    assert answer.status_code == 201, answer.text
    return table, answer.json()


def zipped(body):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.csv", body)
    return packed.getvalue()


@pytest.mark.parametrize("body,name,options", [
    (CSV, "a.csv", None),
    (CSV.replace(b"\n", b"\r\n"), "a.csv", None),
    (b"\xef\xbb\xbf" + CSV, "a.csv", None),
    (CSV[:-1], "a.csv", None),
    (gzip.compress(CSV), "a.csv.gz", None),
    (zipped(CSV), "a.zip", None),
    (pa.compress(CSV, codec="zstd", asbytes=True), "a.csv.zst", None),
    (pa.compress(CSV, codec="zstd", asbytes=True), "a", None),
    (CSV.decode().encode("utf-16"), "a.csv", None),
    (CSV.decode().encode("latin-1"), "a.csv", {"encoding": "latin-1"}),
    (CSV.replace(b'"b, ""ob"""', b'"b, ""ob"""').replace(b",", b";").replace(b"b; ", b"b, "), "a.csv", None),
    (b"id\tname\tamount\tday\n1\tann\t1.5\t2026-01-02\n2\t\"b, \"\"ob\"\"\"\t\t2026-01-03\n3\tcaf\xc3\xa9\t3.25\t\n", "a.tsv", None),
    (json.dumps([dict(zip(["id", "name", "amount", "day"], r)) for r in WANT]).encode(), "a.json", None),
    ("\n".join(json.dumps(dict(zip(["id", "name", "amount", "day"], r))) for r in WANT).encode(), "a.ndjson", None),
])
def test_every_way_to_write_the_same_rows(server, body, name, options):
    fields = {"options": options} if options else {}
    table, answer = loaded(server, body, name, **fields)
    assert answer["rows"] == 3 and answer["rejected"] == 0
    assert server.sql(f"SELECT id, name, amount, day FROM {table} ORDER BY id") == WANT


def test_parquet_with_types_that_iceberg_lacks(server):
    buffer = io.BytesIO()
    pq.write_table(pa.table({"u8": pa.array([1, 255], pa.uint8()), "u64": pa.array([1, 2**64 - 1], pa.uint64()), "l": [[1, 2], None], "s": [{"x": 1}, {"x": 2}]}), buffer)
    table, _ = loaded(server, buffer.getvalue(), "a.parquet")
    assert server.sql(f"SELECT u8, u64::VARCHAR, l, s.x FROM {table} ORDER BY u8") == [[1, "1", [1, 2], 1], [255, "18446744073709551615", None, 2]]


def test_nested_json_is_flattened_or_kept(server):
    body = b'{"id":1,"who":{"name":{"first":"A"},"tags":["x","y"]}}\n{"id":2,"who":{"name":{"first":"B"}}}\n'
    table, answer = loaded(server, body, "a.ndjson")
    assert [c["name"] for c in answer["columns"]] == ["id", "who_name_first", "who_tags"]
    assert server.sql(f"SELECT * FROM {table} ORDER BY id") == [[1, "A", ["x", "y"]], [2, "B", None]]
    kept, _ = loaded(server, body, "a.ndjson", options={"flatten": False})
    assert server.sql(f"SELECT who.name.first FROM {kept} ORDER BY id") == [["A"], ["B"]]
    for depth, want in [(0, ["id", "who"]), (1, ["id", "who_name", "who_tags"]), (2, ["id", "who_name_first", "who_tags"])]:
        _, answer = loaded(server, body, "a.ndjson", options={"flatten_depth": depth})
        assert [c["name"] for c in answer["columns"]] == want


@pytest.mark.parametrize("body,options,columns,want", [
    (b"1,x\n2,y\n", {}, ["column0", "column1"], [[1, "x"], [2, "y"]]),
    (b"a,b\nx,y\n", {"header": False}, ["column0", "column1"], [["a", "b"], ["x", "y"]]),
    (b"1,2\n3,4\n", {"header": True}, ["1", "2"], [[3, 4]]),
    (b"a,b\n|1,5|,x\n", {"quote": "|"}, ["a", "b"], [["1,5", "x"]]),
    (b"a,b\n\"x,y\"\n", {"quote": ""}, ["a", "b"], [['"x', 'y"']]),
    (b"a,b\n\"x\\\"y\",z\n", {"escape": "\\"}, ["a", "b"], [['x"y', "z"]]),
    (b"a;b\n1,5;x\n-2,25;y\n", {"decimal_separator": ","}, ["a", "b"], [[-2.25, "y"], [1.5, "x"]]),
    (b"a;b\n1,5;x\n", {"decimal_separator": "."}, ["a", "b"], [["1,5", "x"]]),
    (b"a,b\n20260102 030405,x\n", {"timestamp_format": "%Y%m%d %H%M%S"}, ["a", "b"], [["2026-01-02T03:04:05", "x"]]),
    (gzip.compress(b"a,b\n1,x\n"), {"compression": "gzip"}, ["a", "b"], [[1, "x"]]),
    (pa.compress(b"a,b\n1,x\n", codec="zstd", asbytes=True), {"compression": "zstd"}, ["a", "b"], [[1, "x"]]),
    (zipped(b"a,b\n1,x\n"), {"compression": "zip"}, ["a", "b"], [[1, "x"]]),
    (b"a,b\n1,x\n", {"compression": "none"}, ["a", "b"], [[1, "x"]])])
def test_what_an_option_says_is_done(server, body, options, columns, want):
    table, answer = loaded(server, body, "a.csv", options=options)
    assert [c["name"] for c in answer["columns"]] == columns and answer["warnings"] == []
    assert server.sql(f"FROM {table} ORDER BY ALL") == want


@pytest.mark.parametrize("body,compression,words", [
    (gzip.compress(b"a\n1\n"), "none", "not UTF-8"), (gzip.compress(b"a\n1\n"), "zstd", "the file is not zstd"), (b"a\n1\n", "gzip", "the file is not gzip"),
    (b"a\n1\n", "zip", "the file is not zip"), (b"a\n1\n", "rar", "none, gzip, zstd or zip")])
def test_a_compression_that_the_file_has_not_is_refused(server, body, compression, words):
    table = names()
    answer = server.ingest(body, table, options={"compression": compression})
    assert answer.status_code == 400 and words in answer.text, answer.text
    assert server.request("GET", f"/datasets/by-name/{table}").status_code == 404


def test_the_same_bytes_are_loaded_again_only_when_told_to(server):
    table, _ = loaded(server, b"a\n1\n", "a.csv")
    for options, deduplicated, rows in [({}, True, 1), ({"dedup": True}, True, 1), ({"dedup": False}, False, 2)]:
        answer = server.ingest(b"a\n1\n", table, mode="append", options=options)
        assert answer.status_code == 200 and answer.json()["deduplicated"] == deduplicated, answer.text
        assert server.sql(f"SELECT count(*) FROM {table}") == [[rows]]


@pytest.mark.parametrize("delimiter", ["||", "~|~", "\u00a6", "::::"])
def test_delimiters_of_several_bytes(server, delimiter):
    body = CSV.decode().replace('"b, ""ob"""', '"b| ""ob"""').replace(",", delimiter).replace("b|", "b,").encode()
    table, _ = loaded(server, body, "a.csv", options={"delimiter": delimiter})
    assert server.sql(f"SELECT id, name, amount, day FROM {table} ORDER BY id") == WANT


@pytest.mark.parametrize("body,want", [
    (b"'a;1','b'\n'x, y','it''s'\n", [["x, y", "it's"]]), (b"a,b\n1,'x, y'\n2,z\n", [[1, "x, y"], [2, "z"]]), (b"'a','b'\n'1','two\nlines'\n", [[1, "two\nlines"]]),
    (b"a,b\n'tis,1\n'x',2\n", [["'tis", 1], ["'x'", 2]]), (b"a,b\n\"x, y\",'z'\n", [["x, y", "'z'"]]), (b"a,b\n'90s' music,1\n", [["'90s' music", 1]]),
    (b"a,b\n'',1\n", [["''", 1]])])
def test_single_quotes_are_found_where_they_enclose(server, body, want):
    assert sorted(rows_of(server, body, "a.csv")[0]) == sorted(want)


def test_windows_1252_is_read_and_told(server):
    text = "name;city\nMüller;Köln\nEspaña – “sí”;10 €\n"
    table, answer = loaded(server, text.encode("cp1252"), "a.csv")
    assert answer["encoding"] == "windows-1252"
    assert sorted(server.sql(f"FROM {table}")) == [["España – “sí”", "10 €"], ["Müller", "Köln"]]
    packed, answer = loaded(server, gzip.compress(b"a\n" + b"plain\n" * 200000 + "Garçon\n".encode("cp1252")), "b.csv.gz")
    assert answer["encoding"] == "windows-1252" and server.sql(f"SELECT count(*) FROM {packed} WHERE a = 'Garçon'") == [[1]]
    assert loaded(server, b"a\nb\n", "c.csv")[1]["encoding"] == "utf-8"
    assert loaded(server, "a\né\n".encode("utf-16"), "d.csv")[1]["encoding"] == "utf-16le"
    for body in [b"a\nr\xc3\xa9sum\xc3\xa9\n\xff\n", "a\nПривет мир\n".encode("cp1251"), "a\nこんにちは\n".encode("shift-jis")]:
        refused = server.ingest(body, names())
        assert refused.status_code == 400 and "not UTF-8" in refused.text
    assert server.ingest("a\nMüller\n".encode("cp1252"), names(), options={"encoding": "utf-8"}).status_code == 400


@pytest.mark.parametrize("value,want,taken", [
    ("03/04/2026", "2026-04-03", "%d/%m/%Y"), ("01/31/2026", "2026-01-31", "%m/%d/%Y"), ("03.04.2026", "2026-04-03", "%d.%m.%Y"), ("03/04/26", "2003-04-26", "%y/%m/%d"),
    ("2026-04-03", "2026-04-03", None)])
def test_the_form_of_dates_is_told(server, value, want, taken):
    table, answer = loaded(server, f"d\n{value}\n".encode(), "a.csv")
    assert answer.get("date_format") == taken and answer["warnings"] == [] and server.sql(f"FROM {table}") == [[want]]


def test_a_date_format_that_fits_nothing_is_told(server):
    for body, name in [(b"d\n2026-01-02\n", "a.csv"), (b'{"d":"2026-01-02"}\n', "a.ndjson")]:
        _, answer = loaded(server, body, name, options={"date_format": "%Y"})
        assert answer["warnings"] == ["option 'date_format' ('%Y') fits no column of the file"]
    fits = loaded(server, b"d\n03/04/2026\n", "a.csv", options={"date_format": "%m/%d/%Y"})[1]
    assert fits["warnings"] == [] and fits["date_format"] == "%m/%d/%Y"


def test_lines_to_skip_may_be_long(server):
    table, _ = loaded(server, b"# a remark\n" * 50000 + b"a,b\n1,2\n", "a.csv", options={"skip": 50000})
    assert server.sql(f"SELECT a, b FROM {table}") == [[1, 2]]


def test_header_only_makes_an_empty_table(server):
    table, answer = loaded(server, b"a,b,c\n", "h.csv")
    assert answer["rows"] == 0 and server.sql(f"SELECT count(*) FROM {table}") == [[0]]


def test_all_varchar_and_given_types(server):
    body = b"a,b\n001,2\n002,3\n"
    table, answer = loaded(server, body, "a.csv", options={"all_varchar": True})
    assert server.sql(f"SELECT a FROM {table} ORDER BY a") == [["001"], ["002"]]
    table, answer = loaded(server, body, "a.csv", options={"columns": {"a": "VARCHAR", "b": "DECIMAL(9,2)"}})
    assert [c["type"] for c in answer["columns"]] == ["VARCHAR", "DECIMAL(9,2)"]
    assert server.ingest(body, names(), options={"colums": {}}).status_code == 400


def test_modes(server):
    table, _ = loaded(server, b"id,v\n1,a\n2,b\n", "1.csv")
    assert server.ingest(b"id,v\n9,z\n", table).status_code == 409
    assert server.ingest(b"id,v\n3,c\n", table, mode="append").status_code == 200
    assert server.ingest(b"id,v\n2,B\n4,d\n4,D\n", table, mode="upsert", key="id").status_code == 200
    assert server.sql(f"SELECT * FROM {table} ORDER BY id") == [[1, "a"], [2, "B"], [3, "c"], [4, "D"]]
    assert server.ingest(b"id,v\n7,only\n", table, mode="replace").status_code == 200
    assert server.sql(f"SELECT * FROM {table}") == [[7, "only"]]
    assert server.ingest(b"id,v\n1,a\n", "never_made", mode="append").status_code == 404
    assert server.ingest(b"id,v\n,a\n", table, mode="upsert", key="id").status_code == 400
    assert server.ingest(b"id,v\n8,a\n", table, mode="upsert").status_code == 400
    assert server.ingest(b"id,v\n8,a\n", table, mode="sideways").status_code == 400
    assert server.sql(f"SELECT * FROM {table}") == [[7, "only"]]


def test_an_upsert_leaves_one_row_of_each_key(server):
    table = names()
    server.sql(f"CREATE TABLE {table} AS SELECT * FROM (VALUES (1, 'a', 'x'), (1, 'b', 'x'), (2, 'c', 'y'), (NULL, 'd', 'n')) t(k, v, kept)")
    answer = server.ingest(b"k,v\n1,y\n1,z\n3,new\n", table, mode="upsert", key="k")
    assert answer.status_code == 200 and answer.json()["rows"] == 2, answer.text
    assert server.sql(f"FROM {table} ORDER BY k") == [[1, "z", "x"], [2, "c", "y"], [3, "new", None], [None, "d", "n"]]  # what the file lacks is kept
    both = server.ingest(b"v,K,kept\nc,2,q\nC,2,q\nc,4,q\n", table, mode="upsert", key="v, k")
    assert both.status_code == 200, both.text
    assert server.sql(f"SELECT v, kept FROM {table} WHERE k = 2 ORDER BY v") == [["C", "q"], ["c", "q"]]
    assert server.ingest(b"k,more\n2,m\n", table, mode="upsert", key="k").status_code == 200  # adds a column, and makes one row of the two
    assert server.sql(f"SELECT kept, more FROM {table} WHERE k = 2") == [["q", "m"]]


def test_a_replace_forgets_the_files_before_it(server):
    table, first, second = names(), b"a\n1\n", b"a\n2\n"
    for _ in range(2):  # a nightly job: the whole dataset anew, from two files
        server.ingest(first, table, mode="replace")
        assert server.ingest(second, table, mode="append").json()["deduplicated"] is False
        assert server.sql(f"SELECT a FROM {table} ORDER BY a") == [[1], [2]]
    assert server.ingest(second, table, mode="append").json()["deduplicated"] is True
    assert server.ingest(first, table, mode="append").json()["deduplicated"] is True


@pytest.mark.parametrize("body,line,column", [(b'{bad\n{"a":1}\n', 1, 2), (b'{"a":1}\n{"a":2}\n{"a":3}{"a":4}\n', 3, 8)])
def test_malformed_json_is_found_in_its_line(server, body, line, column):
    error = server.ingest(body, names(), name="a.ndjson").json()["error"]
    assert error["details"] == {"line": line, "column": column} and error["message"].startswith(f"line {line}, byte {column}: malformed JSON")


@pytest.mark.parametrize("body,details,words", [
    (b"id,v\n1,a\nx,b\n", {"line": 3, "column_name": "id"}, ['line 3, column "id": "x" is no BIGINT\nthe line: x,b\n', "on_error=quarantine", "options.null"]),
    (b"id,v\n1,a\n2,b,c\n", {"line": 3}, ["line 3: 3 fields where 2 are expected\nthe line: 2,b,c\n", "on_error=quarantine", "options.skip"]),
    (b"id,v\n1,a\n2\n", {"line": 3}, ["line 3: 1 fields where 2 are expected\nthe line: 2\n"]),
    (b'id,v\n1,a\n2,"b\n', {"line": 3}, ["line 3: a quote that does not end", 'the line: 2,"b\n', "options.quote"]),
    (b"id,v\n1," + b"y" * 3000 + b",2\n", {"line": 2}, ["line 2: 3 fields where 2 are expected", "options.skip"]),
    (b"id,v\n" + b"z" * 3000 + b"," + b"y" * 3000 + b"\n", {"line": 2, "column_name": "id"}, ['line 2, column "id":', "is no BIGINT", "options.null"])])
def test_errors_of_csv_say_what_where_and_what_next(server, body, details, words):
    error = server.ingest(body, names(), options={"columns": {"id": "BIGINT"}}).json()["error"]
    assert error["code"] == "invalid" and error["details"] == details, error
    for word in words:
        assert word in error["message"], error["message"]
    assert "CSV Error" not in error["message"] and "Possible" not in error["message"]


@pytest.mark.parametrize("before", [0, 1, 5000])
@pytest.mark.parametrize("last,words", [(b'{"a":x}', ", byte 6: malformed JSON: unexpected character"), (b'{"a":"x"}', ': Failed to cast value to numerical: "x"')])
def test_errors_in_a_json_array_name_the_element(server, before, last, words):
    body = b"[" + b",\n".join([b'{"a":1}'] * before + [last]) + b"]"
    answer = server.ingest(body, names(), name="a.json", options={"columns": {"a": "BIGINT"}})
    assert answer.status_code == 400 and answer.json()["error"]["message"].startswith(f"element {before + 1}{words}"), answer.text


@pytest.mark.parametrize("body", [b'[{"a":1},', b'[{"a":1}', b'[{"a":1},{"a":"x', b'{"a":1'])
def test_json_that_ends_early_is_refused(server, body):
    assert server.ingest(body, names(), name="a.json").status_code == 400


def test_bytes_are_those_that_were_sent(server):
    buffer = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}), buffer)
    for body, name in [(gzip.compress(CSV), "a.csv.gz"), (CSV, "a.csv"), (buffer.getvalue(), "a.parquet")]:
        assert loaded(server, body, name)[1]["bytes"] == len(body)
    assert loaded(server, b"a,b\n", "a.csv")[1]["snapshot_id"] is None


@pytest.mark.parametrize("body,want", [
    (b"d\n31/01/2026\n", "2026-01-31"), (b"d\n01/31/2026\n", "2026-01-31"), (b"d\n31.01.2026\n", "2026-01-31"), (b"d\n2026/01/31\n", "2026-01-31"),
    (b"d\n31/01/2026 10:11:12\n", "2026-01-31T10:11:12"), (b"d\n2026-01-31T10:11:12\n", "2026-01-31T10:11:12")])
def test_dates_are_read_as_people_write_them(server, body, want):
    assert server.sql(f"SELECT d FROM {loaded(server, body, 'a.csv')[0]}") == [[want]]


def test_an_upsert_may_quarantine(server):
    table, _ = loaded(server, b"id,v\n1,a\n", "a.csv")
    answer = server.ingest(b"id,v\n1,b\nx,c\n2,d\n", table, mode="upsert", key="id", on_error="quarantine").json()
    assert answer["rejected"] == 1 and server.sql(f"SELECT * FROM {table} ORDER BY id") == [[1, "b"], [2, "d"]]
    assert server.sql(f"SELECT line, raw FROM {table}__rejects") == [[3, "x,c"]]


def test_dedup_and_lineage(server):
    body = b"id\n1\n2\n"
    table, first = loaded(server, body, "once.csv")
    again = server.ingest(body, table, name="twice.csv", mode="append")
    assert again.status_code == 200 and again.json()["deduplicated"] is True
    assert again.json()["snapshot_id"] == first["snapshot_id"]
    assert server.sql(f"SELECT count(*) FROM {table}") == [[2]]
    origin = server.request("GET", f"/datasets/by-name/{table}").json()["origin"]
    assert origin["file"] == "once.csv" and origin["sha256"] == first["sha256"] and origin["job_id"] == first["job_id"]
    summary = server.pyiceberg().load_table(f"data.{table}").current_snapshot().summary
    assert summary["lakehouse.sha256"] == first["sha256"] and summary["lakehouse.file"] == "once.csv"
    assert summary["lakehouse.job-id"] == first["job_id"] and summary["lakehouse.source"] == origin["source"] == "upload"
    server.sql(f"DROP TABLE {table}")  # and with it what was remembered
    anew = server.ingest(body, table, name="once.csv")
    assert anew.status_code == 201 and anew.json()["deduplicated"] is False


def test_schema_grows_and_widens(server):
    buffer = io.BytesIO()
    pq.write_table(pa.table({"id": pa.array([1], pa.int32()), "x": pa.array([0.5], pa.float32())}), buffer)
    table, _ = loaded(server, buffer.getvalue(), "a.parquet")
    buffer = io.BytesIO()
    pq.write_table(pa.table({"id": pa.array([2**40], pa.int64()), "x": pa.array([0.25], pa.float64()), "new": ["n"]}), buffer)
    answer = server.ingest(buffer.getvalue(), table, name="b.parquet", mode="append")
    assert answer.status_code == 200, answer.text
    assert [c["name"] for c in answer.json()["added_columns"]] == ["new"]
    assert sorted(c["name"] for c in answer.json()["widened_columns"]) == ["id", "x"]
    assert server.sql(f"SELECT id, x, new FROM {table} ORDER BY id") == [[1, 0.5, None], [2**40, 0.25, "n"]]
    buffer = io.BytesIO()
    pq.write_table(pa.table({"id": [True]}), buffer)
    answer = server.ingest(buffer.getvalue(), table, name="c.parquet", mode="append")
    assert answer.status_code == 409 and "the table has BIGINT, the file has BOOLEAN" in answer.json()["error"]["message"]
    assert server.sql(f"SELECT count(*) FROM {table}") == [[2]]


def test_missing_columns_are_null(server):
    table, _ = loaded(server, b"id,a,b\n1,x,y\n", "a.csv")
    assert server.ingest(b"B,id\nz,2\n", table, mode="append").status_code == 200
    assert server.sql(f"SELECT id, a, b FROM {table} ORDER BY id") == [[1, "x", "y"], [2, None, "z"]]


def test_a_bad_row_fails_with_its_line_and_nothing_lands(server):
    rows = b"id,v\n" + b"".join(b"%d,x\n" % i for i in range(50)) + b"oops,y,too many\n51,z\n"
    table = names()
    answer = server.ingest(rows, table)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["details"]["line"] == 52
    assert server.query(f"SELECT * FROM {table}").status_code == 400


def test_an_empty_key_is_a_column_without_a_name(server):
    table, answer = loaded(server, b'{"":1,"a":"x"}\n{"":2,"a":"y"}\n', "a.ndjson")
    assert [c["name"] for c in answer["columns"]] == ["column0", "a"]
    assert server.sql(f"SELECT column0, a FROM {table} ORDER BY 1") == [[1, "x"], [2, "y"]]
    table, answer = loaded(server, b'[{"a":1,"":{"x":2,"y":[3]}}]', "a.json")
    assert [c["name"] for c in answer["columns"]] == ["a", "column1_x", "column1_y"]
    assert server.sql(f"SELECT * FROM {table}") == [[1, 2, [3]]]
    table, answer = loaded(server, b'{"a":1,"":2}\n', "a.ndjson", options={"columns": {"column1": "VARCHAR"}})
    assert answer["columns"][1] == {"name": "column1", "type": "VARCHAR"} and server.sql(f"SELECT * FROM {table}") == [[1, "2"]]
    table, answer = loaded(server, b'{"C0":1,"":2,"C2":3}\n', "a.ndjson")  # as DuckDB calls an empty key
    assert [c["name"] for c in answer["columns"]] == ["C0", "column1", "C2"] and server.sql(f"SELECT * FROM {table}") == [[1, 2, 3]]
    assert server.ingest(b'{"a":{"":1}}\n', names(), name="a.ndjson").status_code == 400
    table, answer = loaded(server, b'{"C0":1,"C1":{"a":2}}\n', "a.ndjson")
    assert [c["name"] for c in answer["columns"]] == ["C0", "C1_a"] and server.sql(f"SELECT * FROM {table}") == [[1, 2]]


def test_quarantine(server):
    body = b"id,v\n1,a\n2,b,too many\n3,c\nx,d\n"
    table = names()
    answer = server.ingest(body, table, on_error="quarantine", options={"columns": {"id": "BIGINT"}})
    assert answer.status_code == 201, answer.text
    assert answer.json()["rows"] == 2 and answer.json()["rejected"] == 2
    assert server.sql(f"SELECT id FROM {table} ORDER BY id") == [[1], [3]]
    assert server.sql(f"SELECT line, raw, column_name FROM {table}__rejects ORDER BY line") == [[3, "2,b,too many", None], [5, "x,d", "id"]]
    (fields,), (value,) = server.sql(f"SELECT reason FROM {table}__rejects ORDER BY line")
    assert "3" in fields and "2" in fields and "BIGINT" in value
    loads = server.sql(f"SELECT DISTINCT file, sha256, job_id FROM {table}__rejects")
    assert loads == [["file.csv", hashlib.sha256(body).hexdigest(), answer.json()["job_id"]]]
    lines = b'{"id":1}\nnot json\n{"id":2}\n[3]\n'
    table = names()
    answer = server.ingest(lines, table, name="a.ndjson", on_error="quarantine")
    assert answer.status_code == 201, answer.text
    assert answer.json()["rows"] == 2
    assert server.sql(f"SELECT line, raw FROM {table}__rejects ORDER BY line") == [[2, "not json"], [4, "[3]"]]


@pytest.mark.parametrize("mode,rows,body,left", [
    ("create", None, b"x\ny\n", 0), ("append", b"id\n1\n", b"x\ny\n", 1), ("replace", b"id\n1\n", b"x\ny\n", 0), ("upsert", b"id\n1\n", b"x\ny\n", 1),
    ("replace", b"id\n", b"x\ny\n", 0), ("append", b"id\n1\n", b"2\nx\ny\n", 2)])
def test_rejects_land_in_one_commit_with_rows_and_what_is_remembered(server, mode, rows, body, left):
    table, log = names("alone"), server.root / "_catalog" / "log"
    load = lambda body, **fields: server.ingest(b"id\n" + body, table, options={"columns": {"id": "BIGINT"}}, **fields).json()
    if rows:
        load(rows[3:])
    before = set(log.iterdir())
    answer = load(body, mode=mode, key="id" if mode == "upsert" else "", on_error="quarantine")
    assert (answer["rows"], answer["rejected"], answer["deduplicated"]) == (body.count(b"2"), 2, False)
    entries = [entry.read_text() for entry in sorted(set(log.iterdir()) - before)]
    last = json.loads(entries.pop())
    put = {change["key"]: change["put"] for change in last["changes"] if "put" in change}
    assert f"ingested/data/{table}/{answer['sha256']}" in put and put[f"table/data/{table}__rejects"]["snapshot_id"] > 0
    assert (f"table/data/{table}" in put) == bool(answer["rows"] or (rows and len(rows) > 3 and mode == "replace"))
    assert "ingested/" not in "".join(entries)  # tables without a row, if they were not there, and the folders of those to come
    assert all('"snapshot_id":-1' in entry or '"key":"dropped/' in entry for entry in entries)
    assert load(body, mode="append", on_error="quarantine")["deduplicated"]
    assert server.sql(f"SELECT count(*) FROM {table}__rejects") == [[2]] and server.sql(f"SELECT count(*) FROM {table}") == [[left]]


def test_register_parquet_and_iceberg(server):
    buffer = io.BytesIO()
    for part in range(2):
        buffer = io.BytesIO()
        pq.write_table(pa.table({"id": pa.array(range(part * 10, part * 10 + 10), pa.int64()), "s": [f"v{i}" for i in range(10)]}), buffer)
        assert server.request("PUT", f"/storage/objects/drop/part{part}.parquet", data=buffer.getvalue()).status_code in (200, 201)
    answer = server.request("POST", "/datasets", json={"name": "registered", "location": "drop", "format": "parquet"})
    assert answer.status_code == 201, answer.text
    assert answer.json()["row_count"] == 20
    assert server.sql("SELECT count(*), sum(id), max(s) FROM registered") == [[20, 190, "v9"]]
    assert server.pyiceberg().load_table("data.registered").scan().to_arrow().num_rows == 20
    location = server.pyiceberg().load_table("data.registered").location()
    folder = location.split("/root/")[1] if "/root/" in location else location
    body = {"name": "again", "location": folder + "/metadata", "format": "iceberg"}
    twice = server.request("POST", "/datasets", json=body)
    assert twice.status_code == 400 and "another table's" in twice.text  # two tables never share a folder
    assert server.request("DELETE", "/datasets/by-name/registered").status_code == 204  # without purge the files stay
    again = server.request("POST", "/datasets", json=body)
    assert again.status_code == 201, again.text
    assert server.sql("SELECT count(*) FROM again") == [[20]]
    assert server.request("POST", "/datasets", json={"name": "x", "location": "/etc", "format": "parquet"}).status_code == 400
    assert server.request("POST", "/datasets", json={"name": "x", "location": "absent", "format": "parquet"}).status_code == 404


def test_register_refuses_what_is_absent_or_named_twice(server):
    buffer = io.BytesIO()
    pq.write_table(pa.table({"id": [1, 2]}), buffer)
    assert server.request("PUT", "/storage/objects/once/a.parquet", data=buffer.getvalue()).status_code in (200, 201)
    register = lambda **body: server.request("POST", "/datasets", json={"name": "deep.er.once", **body})
    for body in [{"files": ["once/absent.parquet"]}, {"files": ["once/a.parquet", "once/absent.parquet"]}, {"location": "once/absent.parquet"}]:
        absent = register(**body)
        assert absent.status_code == 404 and "'once/absent.parquet'" in absent.text and str(server.root) not in absent.text
    for body in [{"files": ["once/a.parquet", "once/a.parquet"]}, {"files": ["once/a.parquet"], "location": "once"}]:
        twice = register(**body)
        assert twice.status_code == 400 and "'once/a.parquet' is named twice" in twice.text
    made = register(files=["once/a.parquet"])
    assert made.status_code == 201 and made.json()["row_count"] == 2, made.text  # and its namespaces
    assert server.sql('SELECT count(*) FROM "deep.er".once') == [[2]]


def test_nested_namespaces_are_made(server):
    assert server.ingest(b"a\n1\n", "north.south.east.t").status_code == 201
    assert server.sql('FROM "north.south.east".t') == [[1]]
    assert server.ingest(b"a\n2\n", "north.south.west.t", mode="upsert", key="a").status_code == 200
    assert server.pyiceberg().list_namespaces("north.south") == [("north", "south", "east"), ("north", "south", "west")]


def test_dataset_pages_and_delete(server):
    for i in range(5):
        server.sql(f"CREATE TABLE paged.x{i} AS SELECT 1 a") if i else (server.sql("CREATE SCHEMA paged"), server.sql("CREATE TABLE paged.x0 AS SELECT 1 a"))
    seen, token = [], None
    while True:
        answer = server.request("GET", "/datasets", params={"namespace": "paged", "limit": 2, **({"page_token": token} if token else {})}).json()
        seen += [item["name"] for item in answer["items"]]
        token = answer["next_page_token"]
        if not token:
            break
    assert [s.split(".")[-1] for s in seen] == [f"x{i}" for i in range(5)]
    assert server.request("DELETE", "/datasets/by-name/paged.x0", params={"purge": "true"}).status_code == 204
    assert server.request("GET", "/datasets/by-name/paged.x0").status_code == 404


def write_rows(path, blocks):
    """So many blocks of 10,000 rows of 200 bytes, in the form that the name says."""
    text, rows = "some text that makes the line longer; " * 5, 10_000
    if path.suffix == ".parquet":
        block = pa.table({"n": pa.repeat(7, rows), "text": pa.repeat(text, rows)})
        with pq.ParquetWriter(path, block.schema, compression="none", use_dictionary=False) as file:
            for _ in range(blocks):
                file.write_table(block)
        return
    line = f"1234567,{text}\n" if ".csv" in path.name else f'{{"n":1234567,"text":"{text}"}}\n'
    first, block, last = b"n,text\n" if ".csv" in path.name else b"", (line * rows).encode(), b""
    if path.suffix == ".json":
        first, block, last = b"[", block.replace(b"\n", b",\n"), line.encode() + b"]"
    if path.suffix == ".gz":
        first, block = gzip.compress(first), gzip.compress(block, 1)
    with open(path, "wb") as file:
        file.write(first)
        for _ in range(blocks):
            file.write(block)
        file.write(last)


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's memory says nothing")
@pytest.mark.parametrize("name,mode", [("a.ndjson", "create"), ("a.json", "create"), ("a.csv.gz", "create"), ("a.parquet", "create"), ("a.csv", "append")])
def test_a_large_file_is_never_in_memory_as_a_whole(fresh, tmp_path, name, mode):
    """400 MB each. The engine's buffers are 150 to 300 MB, however large the file is, and up to 380 MB where other work slows what empties them."""
    write_rows(tmp_path / name, 200)
    server = fresh("--set", "engine.threads=1")  # each works on a part of the file
    assert server.ingest(b"n,text\n0,x\n", "large" if mode == "append" else "warm").status_code == 201
    server.forget_peak()
    before = server.rss_bytes()
    loaded = lakehouse("ingest", tmp_path / name, "--url", server.url, "-d", "large", "--mode", mode, "--quiet").stdout
    (tmp_path / name).unlink()
    assert "2000000 rows" in loaded or "2000001 rows" in loaded, loaded
    assert server.peak_bytes() - before < 448 << 20, f"{(server.peak_bytes() - before) >> 20} MiB more"


def columns(server, dataset):
    return {c["name"]: c["type"] for c in server.request("GET", f"/datasets/by-name/{dataset}").json()["schema"]}


def test_a_failed_append_leaves_the_schema(server):
    assert server.ingest(b"a\n1\n", "kept").status_code == 201
    before = server.pyiceberg().load_table("data.kept").metadata_location
    answer = server.ingest(b"a,b\n1,2\n3\n", "kept", mode="append")
    assert answer.status_code == 400 and answer.json()["error"]["details"]["line"] == 3
    assert server.pyiceberg().load_table("data.kept").metadata_location == before


def test_new_columns_and_rows_come_in_one_commit(server):
    server.sql("CREATE TABLE evolving AS SELECT 1::INTEGER a, 1.5::FLOAT f")
    history = len(server.pyiceberg().load_table("data.evolving").metadata.snapshots)
    answer = server.ingest(b"a,f,n\n5000000000,2.5,x\n", "evolving", mode="append").json()
    assert answer["added_columns"] == [{"name": "n", "type": "VARCHAR"}]
    assert answer["widened_columns"] == [{"name": "a", "type": "BIGINT"}, {"name": "f", "type": "DOUBLE"}]
    table = server.pyiceberg().load_table("data.evolving")
    assert len(table.metadata.snapshots) == history + 1
    assert table.current_snapshot().summary.additional_properties["lakehouse.sha256"] == answer["sha256"]
    assert server.sql("SELECT a, f, n FROM evolving ORDER BY a") == [[1, 1.5, None], [5000000000, 2.5, "x"]]
    nested = server.ingest(b'{"a":7,"l":[1,2]}\n', "evolving", name="f.ndjson", mode="append")
    assert nested.json()["added_columns"] == [{"name": "l", "type": "BIGINT[]"}], nested.text
    assert server.sql("SELECT l FROM evolving WHERE a = 7") == [[[1, 2]]]


def test_a_decimal_grows_with_the_file(server):
    server.sql("CREATE TABLE growing AS SELECT 1.25::DECIMAL(5,2) AS d")
    wider = io.BytesIO()
    pq.write_table(pa.table({"d": pa.array([decimal.Decimal("1234567.89")], pa.decimal128(12, 2))}), wider)
    answer = server.ingest(wider.getvalue(), "growing", name="a.parquet", mode="append")
    assert answer.status_code == 200 and answer.json()["widened_columns"] == [{"name": "d", "type": "DECIMAL(12,2)"}], answer.text
    assert columns(server, "growing") == {"d": "decimal(12, 2)"} and server.sql("SELECT d::VARCHAR FROM growing ORDER BY d") == [["1.25"], ["1234567.89"]]
    assert sorted(server.pyiceberg().load_table("data.growing").scan().to_arrow()["d"].to_pylist()) == [decimal.Decimal("1.25"), decimal.Decimal("1234567.89")]
    other_scale = io.BytesIO()
    pq.write_table(pa.table({"d": pa.array([decimal.Decimal("1.234")], pa.decimal128(13, 3))}), other_scale)
    assert server.ingest(other_scale.getvalue(), "growing", name="a.parquet", mode="append").status_code == 409


def test_text_is_read_as_the_tables_types(server):
    server.sql("CREATE TABLE typed (i INTEGER, d DECIMAL(10,2), b BOOLEAN, t TIMESTAMP, s VARCHAR)")
    answer = server.ingest(b"i,d,b,t,s\n1,1.25,1,2026-01-02,007\n", "typed", mode="append")
    assert answer.status_code == 200 and answer.json()["widened_columns"] == [], answer.text
    assert server.sql("FROM typed") == [[1, 1.25, True, "2026-01-02T00:00:00", "007"]]
    wrong = server.ingest(b"i,d,b,t,s\n1.5,1.25,1,2026-01-02,007\n", "typed", mode="append")
    assert wrong.status_code == 409 and "the table has INTEGER, the file has DOUBLE" in wrong.text


def test_quarantine_of_a_ragged_file_keeps_types(server):
    answer = server.ingest(b"a,b\n1,2\n3\n4,5,6\n7,8\n", "ragged_types", on_error="quarantine").json()
    assert answer["rows"] == 2 and answer["rejected"] == 2
    assert server.sql("SELECT typeof(a), sum(b) FROM ragged_types GROUP BY ALL") == [["BIGINT", 10]]


def test_an_option_for_a_column_that_is_not_there(server):
    answer = server.ingest(b"a\n1\n", "misnamed", options={"columns": {"zzz": "INTEGER"}})
    assert answer.status_code == 400 and "'zzz'" in answer.text


def test_a_record_longer_than_duckdbs_usual_lines(server):
    record = "\n".join("x" * 1000 for _ in range(3000))
    answer = server.ingest(f'a,b\n1,"{record}"\n2,y\n'.encode(), "long_records")
    assert answer.status_code == 201, answer.text
    assert server.sql("SELECT a, length(b) FROM long_records ORDER BY a") == [[1, len(record)], [2, 1]]


def test_mixed_line_ends_are_read_and_lone_cr_is_refused(server):
    answer = server.ingest(b'a,b\r\n1,x\n2,"y\nz"\r\n3,w\n', "mixed_lines")
    assert answer.status_code == 201, answer.text
    assert server.sql("SELECT a, b FROM mixed_lines ORDER BY a") == [[1, "x"], [2, "y\nz"], [3, "w"]]
    mac = server.ingest(b"a,b\r1,2\r3,4\r", "mac_lines")
    assert mac.status_code == 400 and "CR alone" in mac.text


def rows_of(server, body, name, **fields):
    table, answer = loaded(server, body, name, **fields)
    return server.sql(f"SELECT * FROM {table}"), [c["type"] for c in answer["columns"]]


def test_json_of_mixed_types_is_text_without_quotes(server):
    assert rows_of(server, b'{"a":1}\n{"a":"x"}\n{"a":{"k":"v"}}\n{"a":[1,"y"]}\n', "a.ndjson") == ([["1"], ["x"], ['{"k":"v"}'], ['[1,"y"]']], ["VARCHAR"])
    assert rows_of(server, b'{"l":["x",1],"s":[{"k":1},{"k":"v"}]}\n', "a.ndjson")[0] == [[["x", "1"], [{"k": "1"}, {"k": "v"}]]]
    assert rows_of(server, b'{"A":1,"a":"x"}\n{"A":"q","a":2}\n', "a.ndjson")[0] == [["1", "x"], ["q", "2"]]  # DuckDB renames one of them
    table, _ = loaded(server, b'{"a":"s"}\n', "a.ndjson")
    assert server.ingest(b'{"a":1}\n{"a":"x"}\n', table, name="b.ndjson", mode="append").status_code == 200
    assert sorted(server.sql(f"SELECT a FROM {table}")) == [["1"], ["s"], ["x"]]


def test_types_that_are_named_are_read_whatever_json_and_parquet_hold(server):
    body = b'{"a":1,"b":"7"}\n{"a":"x","b":8}\n'
    assert rows_of(server, body, "a.ndjson", options={"columns": {"a": "VARCHAR", "b": "BIGINT"}}) == ([["1", 7], ["x", 8]], ["VARCHAR", "BIGINT"])
    assert rows_of(server, body, "a.ndjson", options={"all_varchar": True})[0] == [["1", "7"], ["x", "8"]]
    assert rows_of(server, b'{"d":"31/01/2026"}\n', "a.ndjson", options={"date_format": "%d/%m/%Y"}) == ([["2026-01-31"]], ["DATE"])
    buffer = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}), buffer)
    assert rows_of(server, buffer.getvalue(), "a.parquet", options={"columns": {"a": "VARCHAR"}}) == ([["1"]], ["VARCHAR"])


@pytest.mark.parametrize("body,name,options", [
    (b'\xef\xbb\xbf[{"a":"\xc3\xa9"}]', "a.json", None), (b'\xef\xbb\xbf{"a":"\xc3\xa9"}\n', "a.ndjson", None), (b'\xef\xbb\xbf{"a":"\xc3\xa9"}\n', "a", None),
    ('[{"a":"é"}]'.encode("utf-16"), "a.json", None), ('{"a":"é"}'.encode("utf-16"), "noname", None),
    ('[{"a":"é"}]'.encode("utf-16"), "a.json", {"encoding": "utf-16"}), ('[{"a":"é"}]'.encode("utf-16-be"), "a.json", {"encoding": "utf-16be"})])
def test_json_is_json_in_every_encoding(server, body, name, options):
    assert rows_of(server, body, name, **({"options": options} if options else {}))[0] == [["é"]]


def test_a_transcoded_file_with_bad_lines_leaves_no_scratch_file(server):
    answer = server.ingest('{"a":1}\nbad\n'.encode("utf-16"), names(), name="a.ndjson", on_error="quarantine").json()
    assert answer["rows"] == 1 and answer["rejected"] == 1
    assert not [f for f in (server.root / ".scratch").rglob("ingest-*")]


@pytest.mark.parametrize("body,words,line", [
    (b"[1,2]", "element 1 is not a JSON object", 1), (b'[{"a":1},\n[2]]', "element 2 is not a JSON object", 2), (b'[{"a":1},null]', "element 2", 1),
    (b"[]", "empty", None), (b"[ ]\n", "empty", None), (b"{}\n{}\n", "no members", None), (b'{"a":1}\n"oops"\n', "not a JSON object", 2),
    (b'{"a":"}\\n\\"{"}\n\n[3]\n', "not a JSON object", 3), (b'{"a":1}\nnull\n', "not a JSON object", 2), (b'{"a":1}\n-5\n', "not a JSON object", 2)])
def test_json_that_is_no_object_is_refused(server, body, words, line):
    error = server.ingest(body, names(), name="a.json" if body[:1] == b"[" else "a.ndjson").json()["error"]
    assert error["code"] == "invalid" and words in error["message"] and error["details"].get("line") == line, error


def test_one_stray_line_among_many_objects_is_refused_or_put_aside(server):
    some = b"".join(b'{"a":%d}\n' % i for i in range(2500))
    answer = server.ingest(some + b'"oops"\n' + some, names(), name="a.ndjson")
    assert answer.status_code == 400 and answer.json()["error"]["details"]["line"] == 2501
    table, answer = loaded(server, some + b'"oops"\n' + some, "a.ndjson", on_error="quarantine")
    assert answer["rows"] == 5000 and answer["rejected"] == 1 and answer["columns"] == [{"name": "a", "type": "BIGINT"}]


def test_objects_of_very_many_keys_are_columns(server):
    table, answer = loaded(server, b"".join(b'{"k%d":1}\n' % i for i in range(300)), "a.ndjson")
    assert len(answer["columns"]) == 300 and server.sql(f"SELECT sum(k299) FROM {table}") == [[1]]


TZ = "TIMESTAMP WITH TIME ZONE"


@pytest.mark.parametrize("values,want,kind", [
    (['"2026-01-02T03:04:05+02:00"'], ["2026-01-02T01:04:05Z"], TZ), (['"2026-01-02T03:04:05Z"'], ["2026-01-02T03:04:05Z"], TZ),
    (['"2026-01-02T03:04:05+02:00"', '"2026-01-02 03:04:05Z"', "null"], ["2026-01-02T01:04:05Z", "2026-01-02T03:04:05Z", None], TZ),
    (['"2026-01-02T03:04:05"'], ["2026-01-02T03:04:05"], "TIMESTAMP"), (['["2026-01-02T03:04:05+02:00"]'], [["2026-01-02T01:04:05Z"]], TZ + "[]"),
    (['"2026-01-02T03:04:05+02:00"', '"then"'], ["2026-01-02T03:04:05+02:00", "then"], "VARCHAR"), (['"01-31-2026"'], ["01-31-2026"], "VARCHAR")])
def test_offsets_of_timestamps_are_kept_in_json(server, values, want, kind):
    body = "".join('{"t":%s}\n' % v for v in values).encode()
    assert rows_of(server, body, "a.ndjson") == ([[w] for w in want], [kind])


def test_an_offset_behind_the_sample_is_applied(server):
    body = b'{"t":"2026-01-02T03:04:05"}\n' * 3 + b'{"t":"2026-01-02T03:04:05+02:00"}\n'
    table, answer = loaded(server, body, "a.ndjson", options={"sample": 2})
    assert answer["columns"][0]["type"] == "TIMESTAMP" and server.sql(f"SELECT min(t) FROM {table}") == [["2026-01-02T01:04:05"]]


BIG = "12345678901234567890"


@pytest.mark.parametrize("values,kind", [
    ([BIG, "-9223372036854775809", "1"], "DECIMAL(38,0)"), (["9" * 38], "DECIMAL(38,0)"), (["9" * 39], "VARCHAR"), (["9" * 45, "7"], "VARCHAR"), (["9223372036854775807"], "BIGINT")])
@pytest.mark.parametrize("write,name", [(lambda v: "n\n" + "\n".join(v), "a.csv"), (lambda v: "\n".join('{"n":%s}' % x for x in v), "a.ndjson")])
def test_whole_numbers_beyond_bigint_keep_their_digits(server, values, kind, write, name):
    table, answer = loaded(server, write(values).encode(), name)
    assert answer["columns"][0]["type"] == kind
    assert sorted(server.sql(f"SELECT n::VARCHAR FROM {table}")) == sorted([v] for v in values)


def test_one_fraction_among_great_numbers_makes_them_double(server):
    for body, name in [(f"n\n{BIG}\n{BIG}\n{BIG}\n1.5\n", "a.csv"), ("".join('{"n":%s}\n' % v for v in [BIG, BIG, BIG, 1.5]), "a.ndjson")]:
        table, answer = loaded(server, body.encode(), name, options={"sample": 2})
        assert answer["columns"][0]["type"] == "DOUBLE" and server.sql(f"SELECT min(n) FROM {table}") == [[1.5]]


def test_the_answer_to_known_bytes_tells_the_datasets_types(server):
    table, _ = loaded(server, b'{"a":1.5}\n', "a.ndjson")
    for known in (False, True):
        answer = server.ingest(b'{"a":1}\n', table, name="b.ndjson", mode="append").json()
        assert answer["deduplicated"] is known and answer["columns"] == [{"name": "a", "type": "DOUBLE"}]


def test_the_answer_to_known_bytes_has_the_datasets_columns(server):
    table, _ = loaded(server, b"a,b\n1,2\n", "a.csv", options={"all_varchar": True})
    server.sql(f"ALTER TABLE {table} ADD COLUMN c DATE")
    server.sql(f"ALTER TABLE {table} RENAME COLUMN b TO d")
    answer = server.ingest(b"a,b\n1,2\n", table, mode="append", on_schema_change="fail").json()
    assert answer["deduplicated"] and answer["columns"] == [{"name": "a", "type": "VARCHAR"}, {"name": "d", "type": "VARCHAR"}, {"name": "c", "type": "DATE"}]


def test_a_fraction_behind_the_sample_is_not_rounded(server):
    body = b'{"a":1}\n' * 5 + b'{"a":2.5}\n'
    assert rows_of(server, body, "a.ndjson", options={"sample": 2})[1] == ["DOUBLE"]
    table, _ = loaded(server, b'{"a":1}\n', "a.ndjson")
    wrong = server.ingest(body, table, name="b.ndjson", mode="append", options={"sample": 2})
    assert wrong.status_code == 400 and 'column "a": 2.5 is not a whole number' in wrong.json()["error"]["message"]
    server.sql(f"CREATE TABLE {table}_d AS SELECT 0.5::DOUBLE a")
    assert server.ingest(body, f"{table}_d", name="b.ndjson", mode="append", options={"sample": 2}).status_code == 200
    assert server.sql(f"SELECT max(a) FROM {table}_d") == [[2.5]]


@pytest.mark.parametrize("fields,words", [
    ({"mode": "apend"}, "'mode' must be"), ({"format": "xml"}, "'format' must be"), ({"on_error": "ignore"}, "'on_error' must be"), ({"on_schema_change": "x"}, "'on_schema_change'"),
    ({"key": "a,,b"}, "'key' has an empty name"), ({"dataset": "in/a.csv"}, "'/'"), ({"dataset": '"my table"'}, "without quotes"), ({"dataset": "a..b"}, "name"),
    ({"options": '{"delim":";"}'}, "unknown option"), ({"options": "{"}, "JSON"), ({"sideways": "x"}, "unknown form field")])
def test_fields_before_the_file_are_refused_before_it_is_read(server, fields, words):
    answer, kept = upload_half(server, {"dataset": "early", **fields})
    assert not kept and answer.startswith("HTTP/1.1 400") and words in answer.replace('\\"', '"'), answer


def test_a_file_behind_good_fields_is_kept_while_it_arrives(server):
    answer, kept = upload_half(server, {"dataset": "early", "mode": "upsert", "key": "a", "format": "ndjson", "on_error": "fail", "options": "{}"})
    assert kept and answer.startswith("HTTP/1.1 200"), answer


def upload_half(server, fields):
    """The answer, and whether the scratch folder held the file when most of it was sent: more than sockets and server buffer."""
    parts = "".join(f'--b\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items())
    first = parts.encode() + b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.ndjson"\r\n\r\n{"a":1}\n' + b"\n" * (24 << 20)
    last = b"{\"a\":2}\n\r\n--b--\r\n"
    head = f"POST /ingest/file HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: {len(first + last)}\r\n\r\n"
    host, port = server.url.split("//")[1].split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(head.encode() + first)
        kept = bool(list((server.root / ".scratch").rglob("upload-*")))
        connection.sendall(last)
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode(), kept


def test_a_long_file_name_is_cut_at_a_character(server):
    table, answer = loaded(server, b"a\n1\n", "x" * 250 + "\u20ac\u20ac.csv")
    assert server.request("GET", f"/datasets/by-name/{table}").json()["origin"]["file"] == "x" * 250 + "\u20ac"

"""POST /query/sql: formats, streaming, parameters, what is forbidden, changes, time travel, concurrency, cancel."""
import datetime
import io
import json
import os
import pathlib
import socket
import threading
import time

import pyarrow.ipc
import pytest
import requests

from harness import SANITIZED, wait_for


def test_formats_say_the_same(server):
    sql = "SELECT i, 'v' || i AS v, i / 2 AS h FROM range(3) r(i)"
    assert server.query(sql).json()["rows"] == [[0, "v0", 0.0], [1, "v1", 0.5], [2, "v2", 1.0]]
    assert server.query(sql, rows="objects").json()["rows"][1] == {"i": 1, "v": "v1", "h": 0.5}
    assert [json.loads(l) for l in server.query(sql, format="ndjson").text.splitlines()][2] == {"i": 2, "v": "v2", "h": 1.0}
    assert server.query(sql, format="csv").text.splitlines()[:2] == ["i,v,h", "0,v0,0.0"]
    table = pyarrow.ipc.open_stream(io.BytesIO(server.query(sql, format="arrow").content)).read_all()
    assert table.to_pydict() == {"i": [0, 1, 2], "v": ["v0", "v1", "v2"], "h": [0.0, 0.5, 1.0]}
    for accept, type in [("text/csv", "text/csv"), ("text/csv;q=0.5, application/x-ndjson", "application/x-ndjson"), ("text/html, text/csv", "text/csv"),
                         ("application/x-ndjson;q=0.5, text/csv;q=0.5", "application/x-ndjson"), ("text/csv;q=0", "application/json")]:
        by_accept = server.request("POST", "/query/sql", json={"sql": sql}, headers={"Accept": accept})
        assert by_accept.headers["Content-Type"].startswith(type), accept


@pytest.mark.parametrize("expression,value", [
    ("340282366920938463463374607431768211455::UHUGEINT", "340282366920938463463374607431768211455"), ("'10101'::BIT", "10101"),
    ("'12:34:56+02:30'::TIMETZ", "12:34:56+02:30"), ("['x'::ENUM('x', 'y')]", ["x"]), ("123456789::BIGNUM", "123456789")])
def test_types_that_arrow_lacks_come_as_text(server, expression, value):
    stream = server.query(f"SELECT {expression} AS v", format="arrow").content
    assert pyarrow.ipc.open_stream(io.BytesIO(stream)).read_all().to_pydict() == {"v": [value]}


def test_members_of_the_answer(server):
    server.sql("CREATE TABLE m AS SELECT 1 AS a")
    answer = server.query("SELECT a FROM m").json()
    assert answer["columns"] == [{"name": "a", "type": "INTEGER"}] and answer["row_count"] == 1 and answer["truncated"] is False
    assert answer["snapshots"][0]["table"] == "data.m" and answer["snapshots"][0]["snapshot_id"] > 0
    cut = server.query("SELECT * FROM range(100)", limit=7).json()
    assert cut["row_count"] == 7 and cut["truncated"] is True


def test_a_query_named_like_a_table_is_not_that_table(server):
    server.sql("CREATE TABLE named AS SELECT 1 AS z")
    read = lambda sql: [s["table"] for s in server.query(sql).json()["snapshots"]]
    assert server.sql("WITH named AS (SELECT 9 AS z) SELECT * FROM named") == [[9]]
    assert read("WITH named AS (SELECT 9 AS z) SELECT * FROM named") == []
    assert read('WITH "NAMED"(a) AS MATERIALIZED (SELECT 9) SELECT * FROM (WITH q AS (FROM named) FROM q)') == []
    assert read("WITH RECURSIVE named AS (SELECT 1 AS z UNION ALL SELECT z + 1 FROM named WHERE z < 3) FROM named") == []
    for sql, rows in (("WITH q AS (FROM named), named AS (SELECT 9 AS z) SELECT * FROM q", [[1]]),
                      ("WITH named AS (SELECT z + 10 AS z FROM named) FROM named", [[11]]),
                      ("WITH named AS (SELECT 9 AS z) SELECT * FROM data.named", [[1]]),
                      ("SELECT * FROM (WITH named AS (SELECT 9 AS z) FROM named) UNION ALL FROM named", [[9], [1]]),
                      ("WITH RECURSIVE named AS (SELECT z FROM named UNION ALL SELECT z + 1 FROM named WHERE z < 2) FROM named", [[1], [2]])):
        assert server.sql(sql) == rows, sql
        assert read(sql) == ["data.named"], sql


def test_parameters_are_bound(server):
    assert server.sql("SELECT $1::INTEGER + 1, $2", params=[41, "x'; DROP TABLE y; --"]) == [[42, "x'; DROP TABLE y; --"]]
    assert server.sql("SELECT $name", params={"name": "ann"}) == [["ann"]]
    assert server.query("SELECT $1", params=[]).status_code == 400


@pytest.mark.parametrize("expression,value", [
    ("42::TINYINT", 42), ("9223372036854775807", 9223372036854775807), ("'a'::VARCHAR", "a"), ("NULL", None), ("true", True),
    ("DATE '2026-01-31'", "2026-01-31"), ("[1, NULL, 3]", [1, None, 3]), ("{'a': 1, 'b': 'x'}", {"a": 1, "b": "x"}),
    ("'nan'::DOUBLE", "NaN"), ("'inf'::DOUBLE", "Infinity"), ("'-inf'::DOUBLE", "-Infinity"), ("1.5::DOUBLE", 1.5),
    ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), ("'x'::ENUM('x', 'y')", "x")])
def test_types(server, expression, value):
    assert server.sql(f"SELECT {expression}") == [[value]]


@pytest.mark.parametrize("sql", [
    "ATTACH 'x.db'", "COPY (SELECT 1) TO '/tmp/x.csv'", "COPY m FROM '/etc/passwd'", "INSTALL spatial", "LOAD spatial", "SET threads=1",
    "PRAGMA database_list", "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM '/etc/passwd'", "SELECT * FROM read_text('/etc/passwd')",
    "FROM glob('/*')", "SELECT * FROM read_parquet('http://127.0.0.1:1/x.parquet')", "CREATE TEMP TABLE x (a INT)", "CALL pragma_version()",
    "EXPORT DATABASE '/tmp/x'", "CREATE SECRET s (TYPE s3)", "SELECT * FROM query('SELECT 1')", "SELECT getenv('HOME')", "CREATE MACRO f() AS 1"])
def test_forbidden_statements_are_403(server, sql):
    answer = server.query(sql)
    assert answer.status_code == 403, answer.text
    assert answer.json()["error"]["code"] == "denied" and answer.json()["error"]["message"]


@pytest.mark.parametrize("sql,message,place", [
    ("selct 1", 'SQL: syntax error at or near "selct"; did you mean select?', (1, 1)), ("SELECT 1;\n FROMM m", None, (2, 2)), ("1+1", None, (1, 1)),
    ("?", None, (1, 1)), ("create tabel x (a INTEGER)", None, (1, 8))])
def test_a_slip_of_the_pen_is_400_with_its_place(server, sql, message, place):
    answer = server.query(sql)
    assert answer.status_code == 400 and "syntax error" in answer.json()["error"]["message"], answer.text
    assert message is None or answer.json()["error"]["message"] == message
    assert tuple(answer.json()["error"]["details"].values()) == place


@pytest.mark.parametrize("sql,words", [
    ("CREATE VIEW v AS SELECT 1", "views cannot be made"), ("CREATE OR REPLACE TABLE r AS SELECT 1 AS a", "DROP and CREATE"),
    ("CREATE OR REPLACE SCHEMA r", "DROP and CREATE"), ("DROP SCHEMA IF EXISTS data CASCADE", "drop its tables first")])
def test_what_a_lake_cannot_do_is_said_in_our_words(server, sql, words):
    answer = server.query(sql)
    assert answer.status_code == 400 and words in answer.json()["error"]["message"], answer.text
    assert "only TABLE and SCHEMA" in server.query("CREATE INDEX i ON t (a)").json()["error"]["message"]
    assert "DuckDB" not in answer.text and "Not implemented" not in answer.text


def test_what_the_engine_cannot_do_is_said_in_its_words(server):
    server.sql("CREATE TABLE plain (a INTEGER)")
    for sql, words in [("INSERT INTO plain VALUES (1) RETURNING a", "RETURNING"), ("CREATE TABLE d (a INTEGER DEFAULT 3)", "default")]:
        answer = server.query(sql)
        assert answer.status_code == 400 and words.lower() in answer.json()["error"]["message"].lower(), answer.text
    assert server.sql("SELECT count(*) FROM plain") == [[0]]


def test_sql_errors_have_their_place(server):
    answer = server.query("SELECT a,\n  nope\nFROM range(3) r(a)")
    assert answer.status_code == 400
    assert answer.json()["error"]["details"] == {"line": 2, "column": 3}
    assert "nope" in answer.json()["error"]["message"]
    for before in ("'é', ", "'日本', ", "'👩‍👩‍👧 e\u0301', ", "\t\t", "1,\t'ü',\t", "1,\r\n  ", "'é',\n\t'é', ", "'" + 50 * "日é\t" + "', "):
        for start in ("SELECT ", "SELECT 'ü';\r\nSELECT "):
            line = (start + before).split("\n")
            answer = server.query(f"{start}{before}nope FROM range(3) r(a) WHERE '{100 * 'ß'}' <> ''")
            assert answer.json()["error"]["details"] == {"line": len(line), "column": len(line[-1]) + 1}, (start, before)
    assert server.query("").status_code == 400
    assert server.request("POST", "/query/sql", json={"sql": "SELECT 1", "lmit": 3}).status_code == 400


def test_changes_transactions_and_time_travel(server):
    server.sql("CREATE TABLE ch (id INTEGER, v VARCHAR)")
    server.sql("BEGIN; INSERT INTO ch VALUES (1, 'a'); INSERT INTO ch VALUES (2, 'b'); COMMIT")
    first = server.query("SELECT * FROM ch").json()["snapshots"][0]["snapshot_id"]
    at = server.pyiceberg().load_table("data.ch").current_snapshot().timestamp_ms
    server.sql("UPDATE ch SET v = 'A' WHERE id = 1")
    server.sql("DELETE FROM ch WHERE id = 2")
    left_open = server.query("BEGIN; INSERT INTO ch VALUES (9, 'left open')")
    assert left_open.status_code == 400 and "BEGIN without COMMIT" in left_open.json()["error"]["message"]
    assert server.sql("SELECT * FROM ch") == [[1, "A"]]
    assert server.sql(f"SELECT v FROM ch AT (VERSION => {first}) ORDER BY id") == [["a"], ["b"]]
    time_of = lambda ms: f"TIMESTAMP '{datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc):%Y-%m-%d %H:%M:%S.%f}'"  # noqa: E731
    assert server.sql(f"SELECT v FROM ch AT (TIMESTAMP => {time_of(at)}) ORDER BY id") == [["a"], ["b"]]
    assert server.sql(f"FROM ch AT (TIMESTAMP => {time_of(at - 3600_000)})") == []


def test_time_travel_by_a_time_tells_its_snapshot(server):
    table = "told"
    server.sql(f"CREATE TABLE {table} AS SELECT 1 AS a")
    now = lambda: server.sql("SELECT epoch_ms(current_timestamp)")[0][0]
    read = lambda at: (lambda answer: (sorted(r[0] for r in answer["rows"]), [s["snapshot_id"] for s in answer["snapshots"]]))(
        server.query(f"SELECT a FROM {table} AT (TIMESTAMP => {at})").json())
    current = lambda: server.query(f"SELECT a FROM {table}").json()["snapshots"][0]["snapshot_id"]
    text = lambda ms: server.sql("SELECT strftime(make_timestamp_ms($1), '%Y-%m-%d %H:%M:%S.%g')", params=[ms])[0][0]
    step = lambda: (time.sleep(0.01), now(), time.sleep(0.01))[1]
    first, between = current(), step()
    server.sql(f"INSERT INTO {table} VALUES (2)")
    second, after = current(), step()
    assert first != second
    for form in ("TIMESTAMP '{}'", "'{}'", "'{}'::TIMESTAMP", "CAST('{}' AS TIMESTAMP_MS)", "TIMESTAMP WITH TIME ZONE '{}+00'", "'{}+00'::TIMESTAMPTZ",
                 "('{}')::timestamp /* of '' */"):
        assert read(form.format(text(between))) == ([1], [first]), form
        assert read(form.format(text(after))) == ([1, 2], [second]), form
    assert read("DATE '2001-02-03'") == ([], [None]) and read("DATE '2999-01-01'") == ([1, 2], [second])
    log = server.pyiceberg().load_table(f"data.{table}").metadata.snapshot_log
    for entry, rows in zip(log[-2:], ([1], [1, 2])):  # to the very millisecond
        assert read(f"TIMESTAMP '{text(entry.timestamp_ms)}'") == (rows, [entry.snapshot_id])
    assert read(f"TIMESTAMP '{text(log[-1].timestamp_ms - 1)}'")[1] == [first]
    assert read("now()::TIMESTAMP")[1] == [None]  # no plain constant
    answer = server.query(f"SELECT * FROM {table} AS x AT (TIMESTAMP => TIMESTAMP '{text(between)}'), {table} y(b) AT (VERSION => {second}), {table} z").json()
    assert [s["snapshot_id"] for s in answer["snapshots"]] == [first, second]
    assert server.request("POST", f"/catalog/datasets/by-name/{table}/rollback", json={"snapshot_id": first}).status_code == 200
    back = step()
    assert read(f"TIMESTAMP '{text(back)}'") == ([1], [first])
    assert read(f"TIMESTAMP '{text(after)}'") == ([1, 2], [second])


@pytest.fixture(scope="module")
def many_rows(server):
    """A table of the lake, and how many rows it has."""
    rows = 1_000_000 if SANITIZED else 10_000_000
    server.sql(f"CREATE TABLE many_rows AS SELECT range AS i FROM range({rows})")
    return "many_rows", rows


@pytest.mark.parametrize("format,ends", [("ndjson", b"\n"), ("csv", b"\n"), ("json", b"]"), ("arrow", b"")])
def test_ten_million_rows_stream_in_little_memory(server, many_rows, format, ends):
    table, rows = many_rows
    before, peak, seen, size = server.rss_bytes(), 0, 0, 0
    answer = server.request("POST", "/query/sql", json={"sql": f"SELECT i, i * 2 AS j FROM {table}", "format": format}, stream=True)
    for chunk in answer.iter_content(1 << 20):
        seen += chunk.count(ends) if ends else 0
        size += len(chunk)
        peak = max(peak, server.rss_bytes())
    assert size > rows * 16 if format == "arrow" else rows <= seen < rows + 10
    assert SANITIZED or peak < 200 << 20, f"{peak >> 20} MiB, {before >> 20} before"


def test_a_client_that_leaves_stops_its_query(server):
    running = lambda: [l for l in server.request("GET", "/metrics").text.splitlines() if l.startswith("lakehouse_queries_running")][0].split()[1]  # noqa: E731
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.post(server.url + "/query/sql", timeout=0.7,
                      json={"sql": "SELECT sum(a.range * b.range) FROM range(100000) a, range(10000000) b"})
    wait_for(lambda: running() == "0")


def test_a_timeout_ends_a_query(server):
    answer = server.query("SELECT sum(a.range * b.range) FROM range(100000) a, range(10000000) b", timeout_ms=300)
    assert answer.status_code == 504 and "timed out" in answer.json()["error"]["message"]


def test_a_full_queue_is_503(fresh):
    server = fresh("--set", "engine.connections=1", "--set", "engine.queue_max=1")
    slow = b'{"sql": "SELECT sum(a.range * b.range) FROM range(100000) a, range(10000000) b"}'
    host, port = server.url.split("//")[1].split(":")
    busy = lambda: (server.metric("lakehouse_queries_running"), server.metric("lakehouse_queries_waiting"))  # noqa: E731
    with socket.create_connection((host, int(port))) as runs, socket.create_connection((host, int(port))) as waits:
        for connection in (runs, waits):
            connection.sendall(b"POST /query/sql HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(slow) + slow)
        wait_for(lambda: busy() == (1, 1))
        refused = server.query("SELECT 1", timeout_ms=10000)
        assert refused.status_code == 503 and int(refused.headers["Retry-After"]) >= 1
    wait_for(lambda: busy() == (0, 0))
    assert server.sql("SELECT 1") == [[1]]


def cores():
    """Those that this process may use, or fewer where a container has a share of their time."""
    quota = pathlib.Path("/sys/fs/cgroup/cpu.max")
    most, period = quota.read_text().split() if quota.exists() else ("max", 0)
    allowed = len(os.sched_getaffinity(0))
    return allowed if most == "max" else min(allowed, -(-int(most) // int(period)))


def thread_names(server):
    names = []
    for task in pathlib.Path(f"/proc/{server.process.pid}/task").iterdir():
        try:
            names.append((task / "comm").read_text().strip())
        except OSError:
            pass  # it has ended meanwhile
    return names


def test_settings_reach_the_engine_and_the_ingest(fresh):
    small = fresh("--set", "engine.threads=1", "--set", "engine.memory_percent=10", "--set", "query.rows_max=2", "--set",
                  "query.result_max_bytes=2000", "--set", "ingest.columns_max=3", "--set", "ingest.line_max_bytes=1024")
    large = fresh("--set", "engine.threads=5", "--set", "engine.memory_percent=20")
    every_core = fresh()
    unnamed = lambda server: sum(name == "lakehouse" for name in thread_names(server))  # DuckDB's, and as many of ours in all  # noqa: E731
    wait_for(lambda: unnamed(large) - unnamed(small) == 4 and unnamed(every_core) - unnamed(small) == cores() - 1)  # once what only begins has ended
    limits = [server.metric("lakehouse_engine_memory_limit_bytes") for server in (small, large)]
    assert limits[0] > 0 and abs(limits[1] - 2 * limits[0]) <= 2
    answer = small.query("SELECT * FROM range(10)").json()
    assert answer["row_count"] == 2 and answer["truncated"]
    assert "2000 bytes" in small.query("SELECT repeat('x', 3000)").text
    assert large.query("SELECT repeat('x', 3000)").status_code == 200
    for file, place in ((b"a,b,c,d\n1,2,3,4\n", "ingest.columns_max"), (b"a\n" + b"x" * 2000 + b"\n", "ingest.line_max_bytes")):
        refused = small.ingest(file, "t")
        assert 400 <= refused.status_code < 500 and place in refused.text, refused.text
        assert large.ingest(file, place.replace(".", "_")).status_code == 201


def test_readers_and_writers_lose_nothing(server):
    server.sql("CREATE TABLE conc (w INTEGER, i INTEGER)")
    each, failures, stop = (5 if SANITIZED else 20), [], threading.Event()

    def write(w):
        for i in range(each):
            answer = server.query(f"INSERT INTO conc VALUES ({w}, {i})")
            if answer.status_code != 200:
                failures.append(answer.text)

    def read():
        while not stop.is_set():
            answer = server.query("SELECT count(*), count(DISTINCT (w, i)) FROM conc")
            if answer.status_code != 200 or len(set(answer.json()["rows"][0])) != 1:
                failures.append(answer.text)

    writers = [threading.Thread(target=write, args=(w,)) for w in range(3)]
    readers = [threading.Thread(target=read) for _ in range(4)]
    for thread in writers + readers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in readers:
        thread.join()
    assert not failures, failures[:3]
    assert server.sql("SELECT count(*) FROM conc") == [[3 * each]]


def test_the_catalogs_refusals_come_in_its_own_words(server):
    for sql, status, code, words in [
            ('CREATE SCHEMA "nowhere.inner"', 404, "not_found", "Namespace does not exist: nowhere"),
            ("CREATE TABLE nanos (v TIMESTAMP_NS)", 400, "invalid", "field 'v': type timestamp_ns needs format-version 3")]:
        answer = server.query(sql)
        assert (answer.status_code, answer.json()["error"]["code"], answer.json()["error"]["message"]) == (status, code, words)
    server.sql("CREATE SCHEMA full_one")
    server.sql("CREATE TABLE full_one.t (a INTEGER)")
    answer = server.query("DROP SCHEMA full_one")
    assert answer.status_code == 409 and answer.json()["error"]["message"].startswith("Namespace is not empty: full_one")


def test_no_function_fails_inside_or_tells_of_the_machine(server):
    """Every function that the engine has, called without arguments and with one: an answer or a refusal, never a fault."""
    names = server.sql("SELECT function_name, bool_or(function_type LIKE 'table%') FROM duckdb_functions() "
                       "WHERE function_name ~ '^[a-z_0-9]+$' GROUP BY ALL ORDER BY 1")
    assert len(names) > 600
    told = (str(server.root), "/root/", "/tmp/", "Stack Trace", "libduckdb", "lake_catalog", "0x7f")
    faults, session = [], requests.Session()
    for name, is_table in names[::4 if SANITIZED else 1]:
        rows = [f"FROM {name}() LIMIT 1", f"FROM {name}('m') LIMIT 1"] if is_table else []
        for sql in (f"SELECT {name}()", f"SELECT {name}(NULL)", f"SELECT {name}('a')", *rows):
            answer = session.post(server.url + "/query/sql", json={"sql": sql, "timeout_ms": 20000, "limit": 10})
            if answer.status_code not in (200, 400, 403, 404, 422) or any(word in answer.text for word in told):
                faults.append((sql, answer.status_code, answer.text[:300]))
    assert not faults, "\n".join(map(str, faults[:20]))
    assert server.sql("SELECT 1") == [[1]]


def test_lists_of_columns_are_those_of_now(fresh):
    """DuckDB's catalog lists what it loaded last: here nobody reads a table between a change and the list, or a start and the list."""
    server = fresh()

    def columns():
        lists = (server.sql("SELECT table_name, list(column_name ORDER BY ordinal_position) FROM information_schema.columns GROUP BY ALL ORDER BY ALL"),
                 server.sql("SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() WHERE NOT internal GROUP BY ALL ORDER BY ALL"),
                 sorted([row[2], row[3]] for row in server.sql("SHOW ALL TABLES")))
        assert lists[0] == lists[1] == lists[2]
        return dict(lists[0])

    server.sql("CREATE TABLE listed (a INTEGER)")
    server.sql("CREATE SCHEMA more")
    server.sql('CREATE SCHEMA "more.or"')
    server.sql('CREATE TABLE "more.or"."le ""ss" (z INTEGER)')
    assert columns() == {"listed": ["a"], 'le "ss': ["z"]}
    server.sql("ALTER TABLE listed ADD COLUMN b INTEGER")
    assert columns()["listed"] == ["a", "b"]
    assert server.ingest(b"a,b,c\n1,2,3\n", "listed", mode="append").status_code == 200
    assert columns()["listed"] == ["a", "b", "c"]
    table = server.pyiceberg().load_table("data.listed")  # a stranger's change
    with table.update_schema() as update:
        update.rename_column("c", "d")
    assert columns()["listed"] == ["a", "b", "d"]
    server.restart()
    assert columns() == {"listed": ["a", "b", "d"], 'le "ss': ["z"]}


def test_what_is_gone_is_in_no_list(fresh):
    """DuckDB's catalog keeps what it once listed, but for what its own DROP took away."""
    server = fresh()
    lists = ["SELECT table_name FROM information_schema.tables WHERE table_catalog = 'lake' AND table_schema <> 'system'",
             "SELECT name FROM (SHOW ALL TABLES) WHERE schema <> 'system'",
             "SELECT table_name FROM duckdb_tables() WHERE database_name = 'lake' AND schema_name <> 'system'",
             "SELECT DISTINCT table_name FROM information_schema.columns WHERE table_catalog = 'lake' AND table_schema <> 'system'",
             "SELECT DISTINCT table_name FROM duckdb_columns() WHERE database_name = 'lake' AND schema_name <> 'system'"]

    def listed():
        names = [sorted(row[0] for row in server.sql(sql)) for sql in lists]
        assert all(one == names[0] for one in names), names
        return names[0]

    def schemas():
        names = {row[0] for row in server.sql("SELECT schema_name FROM information_schema.schemata WHERE catalog_name = 'lake'")}
        assert names == {row[0] for row in server.sql("SELECT schema_name FROM duckdb_schemas() WHERE database_name = 'lake'")}
        assert names == {row[1] for row in server.sql("SHOW SCHEMAS") if row[0] == "lake"}
        return names - {"system"}

    server.sql("CREATE SCHEMA other")
    for name in ("a", "b", "c", "other.d", "other.e"):
        server.sql(f"CREATE TABLE {name} AS SELECT 1 AS x, 2 AS y")
    assert (listed(), schemas()) == (["a", "b", "c", "d", "e"], {"data", "other"})
    assert server.request("DELETE", "/datasets/by-name/a").status_code == 204
    assert listed() == ["b", "c", "d", "e"] and server.sql("SHOW TABLES") == [["b"], ["c"]]
    stranger = server.pyiceberg()
    stranger.rename_table("data.b", "other.bb")
    assert listed() == ["bb", "c", "d", "e"] and server.sql("SHOW TABLES FROM lake.other") == [["bb"], ["d"], ["e"]]
    for name in ("bb", "d", "e"):
        stranger.drop_table(f"other.{name}")
    assert (listed(), schemas()) == (["c"], {"data", "other"})
    stranger.drop_namespace("other")
    assert (listed(), schemas()) == (["c"], {"data"})
    server.sql("CREATE TABLE a AS SELECT 'again' AS z")  # of a name that was there
    assert listed() == ["a", "c"] and server.sql("SELECT column_name FROM information_schema.columns WHERE table_name = 'a'") == [["z"]]
    server.sql("CREATE SCHEMA other")
    server.sql("CREATE TABLE other.d AS SELECT 1 AS x")
    assert (listed(), schemas()) == (["a", "c", "d"], {"data", "other"})
    server.sql("CREATE TABLE data.aa AS SELECT " + ", ".join(f"{i} AS c{i}" for i in range(2100)))
    assert server.sql("SELECT count(*) FROM duckdb_columns() WHERE table_name = 'aa'") == [[2100]]
    assert server.request("DELETE", "/datasets/by-name/aa").status_code == 204
    assert listed() == ["a", "c", "d"]  # behind more rows than DuckDB has in a batch, all of them gone
    server.sql("CREATE TABLE seen AS SELECT table_name FROM duckdb_tables() WHERE schema_name IN ('data', 'other')")  # within a transaction that writes
    assert sorted(server.sql("FROM seen")) == [["a"], ["c"], ["d"]]

"""The hot cache: a query that reads it answers as the lake would, at every moment; nobody sees it; it keeps to its limit."""
import io
import json
import os
import pathlib
import threading
import time
import types

import pyarrow as pa
import pytest

from commands import lakehouse
from harness import SANITIZED, Server, wait_for

SLOW = 5 if SANITIZED else 1


def call(server, verb, status=200, **body):
    answer = server.request("POST", f"/query/cache/{verb}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def pin(server, dataset, *columns, status=200, **body):
    return call(server, "pin", status=status, dataset=dataset, **({"columns": list(columns)} if columns else {}), **body)


def evict(server, dataset):
    return call(server, "evict", dataset=dataset)


def stats(server):
    answer = server.request("GET", "/query/cache/stats")
    assert answer.status_code == 200, answer.text
    return answer.json()


def item(server, dataset):
    found = [i for i in stats(server)["items"] if i["dataset"] == dataset]
    return found[0] if found else None


def settled(server, dataset, state="ready"):
    """The item, once the loader has done what there is to do."""
    deadline = time.monotonic() + 60 * SLOW
    while (found := item(server, dataset)) is None or found["state"] != state:
        assert time.monotonic() < deadline, found
        time.sleep(0.01)
    return found


def hits(server, dataset):
    return item(server, dataset)["hits"]


def whole(server, sql, **members):
    """All of an answer that does not depend on the clock."""
    answer = json.loads(server.query(sql, **members).text)
    answer.pop("elapsed_ms", None)
    answer.get("error", {}).pop("trace_id", None)
    return answer


@pytest.fixture(scope="module")
def lake(server):
    server.sql("CREATE TABLE people AS SELECT i AS id, 'name ' || i AS name, i % 7 AS team, i / 4 AS score, DATE '2020-01-01' + i::INTEGER AS since, "
               "[i, i + 1] AS pair, {'x': i, 'y': 'text ' || i} AS point, MAP {'k': i} AS bag, i::DECIMAL(12, 3) AS amount, "
               "CASE WHEN i % 3 = 0 THEN NULL ELSE i END AS maybe, TIMESTAMPTZ '2024-01-01 00:00:00+00' + to_minutes(i) AS at, '\\x00'::BLOB AS raw, "
               "uuid() AS uid FROM range(1000) r(i)")
    server.sql("CREATE TABLE teams AS SELECT i AS team, 'team ' || i AS title FROM range(5) r(i)")
    server.sql('CREATE TABLE "Odd Name" AS SELECT 1 AS "A b", 2 AS "select"')
    server.sql("CREATE SCHEMA crm")
    server.sql("CREATE TABLE crm.people AS SELECT 'other' AS id")
    return server


QUERIES = [
    "SELECT * FROM people ORDER BY id",
    "SELECT count(*), sum(score), avg(amount), min(since), max(name) FROM people",
    "FROM people SELECT id, name WHERE id < 3 ORDER BY id",
    "SELECT p.id, t.title FROM people p JOIN teams t ON p.team = t.team WHERE p.id < 20 ORDER BY 1",
    "SELECT people.id, title FROM people LEFT JOIN teams USING (team) ORDER BY 1 LIMIT 9",
    "WITH people AS (SELECT 1 AS id) SELECT * FROM people",
    "WITH p AS (SELECT * FROM people WHERE id < 5) SELECT count(*), sum(id) FROM p",
    "WITH teams AS (SELECT team FROM people GROUP BY team) SELECT count(*) FROM teams JOIN data.teams USING (team)",
    "WITH RECURSIVE r AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n, name FROM r JOIN people ON id = n ORDER BY n",
    "SELECT * FROM (SELECT team, count(*) AS n FROM people GROUP BY ALL) ORDER BY n, team",
    "SELECT id, (SELECT title FROM teams t WHERE t.team = p.team) FROM people p WHERE id < 9 ORDER BY id",
    "SELECT (SELECT count(*) FROM people), (SELECT max(title) FROM teams) AS t",
    "SELECT id FROM people WHERE team IN (SELECT team FROM teams WHERE title > 'team 2') ORDER BY id LIMIT 5",
    "SELECT id FROM people WHERE EXISTS (FROM teams WHERE teams.team = people.team) ORDER BY id LIMIT 5",
    "SELECT id FROM people UNION ALL SELECT team FROM teams ORDER BY 1 LIMIT 20",
    "SELECT id FROM people EXCEPT SELECT team FROM teams ORDER BY 1 LIMIT 3",
    "SELECT people FROM people WHERE id = 4",
    "SELECT COLUMNS('id|name') FROM people WHERE id = 4",
    "SELECT COLUMNS(c -> c LIKE 's%') FROM people WHERE id = 4",
    "SELECT * EXCLUDE (uid, at) REPLACE (id + 1 AS id) FROM people WHERE id = 4",
    "SELECT point.x, point.y[1], pair[2], bag['k'] FROM people WHERE id = 5",
    "SELECT unnest(pair), id FROM people WHERE id < 2 ORDER BY ALL",
    "SELECT id, row_number() OVER (PARTITION BY team ORDER BY id DESC) FROM people QUALIFY row_number() OVER (ORDER BY id) < 4 ORDER BY 1",
    "SELECT data.people.id FROM data.people WHERE data.people.id = 3",
    "SELECT lake.data.people.id FROM lake.data.people WHERE id = 3",
    "SELECT count(*) FROM lake.data.people",
    "SELECT count(*) FROM data.people, lake.data.teams",
    'SELECT "A b", "select" FROM "Odd Name"',
    'SELECT o.* FROM data."Odd Name" AS o',
    "SELECT * FROM crm.people",
    "SELECT p.id, c.id FROM people p, crm.people c WHERE p.id = 1",
    "SELECT a FROM people AS t(a, b) WHERE a = 2",
    "PIVOT (SELECT team, score FROM people WHERE team < 3) ON team USING count(*) ORDER BY score",
    "UNPIVOT (SELECT id, team FROM people WHERE id = 1) ON id, team",
    "SELECT team, count(*) FROM people GROUP BY ROLLUP (team) ORDER BY 1 NULLS LAST",
    "SELECT p.id FROM people p, LATERAL (SELECT t.team FROM teams t WHERE t.team = p.team) x ORDER BY 1 LIMIT 3",
    "DESCRIBE people",
    "SUMMARIZE teams",
    "TABLE teams ORDER BY team",
    "SELECT typeof(since), typeof(amount), typeof(point), typeof(bag), typeof(at), typeof(uid) FROM people LIMIT 1",
    # errors are the lake's: words, candidates and place
    "SELECT nosuch FROM people",
    "SELECT id,\n  nam FROM people",
    "SELECT * FROM people JOIN teams ON people.nosuch = teams.team",
    "SELECT * FROM peeple",
    "SELECT rowid FROM people",
    "SELECT * FROM PEOPLE",
    "SELECT name::INTEGER FROM people",
    "SELECT team FROM people p, teams t",
    "SELECT sum(name) FROM people",
    "SELECT (SELECT id FROM people) + 1",
]


def test_answers_are_the_same_with_and_without(lake):
    cold = [whole(lake, sql) for sql in QUERIES]
    csv = lake.query("SELECT * FROM people ORDER BY id", format="csv").text
    arrow = lake.query("SELECT * FROM people ORDER BY id", format="arrow").content
    for dataset in ("people", "teams", "Odd Name", "crm.people"):
        assert pin(lake, dataset)["state"] == "ready"
    for sql, before in zip(QUERIES, cold):
        assert whole(lake, sql) == before, sql
    assert all("error" in answer for answer in cold[-10:-8]) and "snapshots" in cold[0] and cold[0]["snapshots"][0]["snapshot_id"] > 0
    assert sum(i["hits"] for i in stats(lake)["items"] if i["dataset"] in ("data.people", "data.teams", "data.Odd Name", "crm.people")) > 35
    before = hits(lake, "data.people")
    assert lake.query("SELECT * FROM people ORDER BY id", format="csv").text == csv
    read = pa.ipc.open_stream(io.BytesIO(lake.query("SELECT * FROM people ORDER BY id", format="arrow").content)).read_all()
    assert read.equals(pa.ipc.open_stream(io.BytesIO(arrow)).read_all())
    lake.sql("SELECT id FROM people WHERE id = ?", params=[4])
    lake.sql("SELECT id FROM people WHERE id = $n", params={"n": 4})
    assert lake.sql("SELECT ? || name FROM people WHERE id = ?", params=["a ", 4]) == [["a name 4"]]
    assert hits(lake, "data.people") == before + 5
    assert [hits(lake, f"data.{t}") > 0 for t in ("people", "teams", "Odd Name")] == [True] * 3 and hits(lake, "crm.people") > 0


def test_what_is_pinned_in_part_changes_no_answer(lake):
    lake.sql("CREATE TABLE part AS SELECT i AS a, i * 2 AS b, 'c' || i AS c, [i] AS d FROM range(5000) r(i)")
    lake.sql("CREATE TABLE other AS SELECT 3 AS b, 4 AS x")
    # without care: a count of fewer columns, a filter on what is not there, a name that is someone else's
    here = ["SELECT count(*) FROM part", "SELECT a, c FROM part WHERE c = 'c77'", "SELECT sum(a) FROM part p JOIN other ON x = p.a", "SELECT COLUMNS('a|c') FROM part WHERE a = 1",
            "SELECT (SELECT c FROM part WHERE a = x) FROM other", "SELECT a FROM part p(k, l, a, m) LIMIT 1"]
    there = ["SELECT * FROM part ORDER BY a LIMIT 3", "SELECT part FROM part WHERE a = 2", "SELECT count(b) FROM part", "SELECT a FROM part WHERE b IS NULL", "SELECT count(*) FROM part WHERE b = 4",
             "SELECT (SELECT b FROM part WHERE a = x) FROM other", "SELECT b FROM part, other", "SELECT * FROM part NATURAL JOIN other", "SELECT COLUMNS(*) FROM part WHERE a = 1", "SELECT q FROM part",
             "SELECT a FROM part p(k, l) LIMIT 1", "SELECT count(*) FROM (SELECT * FROM part)", "SELECT a FROM part ORDER BY d LIMIT 2"]
    cold = [whole(lake, sql) for sql in here + there]
    assert pin(lake, "part", "a", "c")["columns"] == ["a", "c"]
    for number, sql in enumerate(here + there):
        before = hits(lake, "data.part")
        assert whole(lake, sql) == cold[number], sql
        if sql not in ("SELECT a FROM part p(k, l, a, m) LIMIT 1",):  # there `a` is d
            assert hits(lake, "data.part") - before == (sql in here), sql
    smaller = item(lake, "data.part")["bytes"]
    assert pin(lake, "part")["columns"] is None and item(lake, "data.part")["bytes"] > smaller
    assert "nosuch" in pin(lake, "part", "a", "nosuch", status=400)["error"]["message"]
    assert item(lake, "data.part") is None


def test_reads_from_the_lake_of_what_is_pinned_are_misses(lake):
    lake.sql("CREATE TABLE missed AS SELECT i AS a, i AS b FROM range(10) r(i)")
    pin(lake, "missed", "a")
    for column, hit in (("a", 1), ("b", 0), ("b", 0), ("a", 1), ("b", 0)):
        before = [(told["hits"], told["misses"]) for told in (stats(lake), item(lake, "data.missed"))]
        assert lake.sql(f"SELECT max({column}) FROM missed") == [[9]]
        after = [(told["hits"], told["misses"]) for told in (stats(lake), item(lake, "data.missed"))]
        assert after == [(hits_ + hit, misses + 1 - hit) for hits_, misses in before], column
    assert item(lake, "data.missed")["misses"] == 3
    before = stats(lake)
    assert lake.sql("SELECT 1") == [[1]]
    assert (stats(lake)["hits"], stats(lake)["misses"]) == (before["hits"], before["misses"])
    evict(lake, "missed")
    lake.sql("SELECT max(b) FROM missed")  # no longer pinned: neither
    now = stats(lake)
    assert (now["misses"], now["evictions"]) == (before["misses"], before["evictions"] + 1)


def test_an_append_loads_only_what_is_new(lake):
    lake.sql("CREATE TABLE grows AS SELECT i, 'v' || i AS v FROM range(10000) r(i)")
    pin(lake, "grows")
    for round_ in range(3):
        lake.sql(f"INSERT INTO grows SELECT i, 'new' FROM range({100 * round_}, {100 * round_ + 50}) r(i)")
        assert lake.sql("SELECT count(*) FROM grows") == [[10000 + 50 * (round_ + 1)]]
        found = settled(lake, "data.grows")
        assert (found["full_loads"], found["delta_loads"], found["delta_rows"]) == (1, round_ + 1, 50 * (round_ + 1)), found
        assert found["rows"] == 10000 + 50 * (round_ + 1)
    before = hits(lake, "data.grows")
    assert lake.sql("SELECT count(*), count(DISTINCT i), sum(i) FILTER (v = 'new') FROM grows") == [[10150, 10000, sum(range(0, 50)) + sum(range(100, 150)) + sum(range(200, 250))]]
    assert hits(lake, "data.grows") == before + 1
    answer = lake.ingest(b"i,v\n1,file\n2,file\n", "grows", mode="append")
    assert answer.status_code in (200, 201), answer.text
    found = settled(lake, "data.grows")
    assert (found["full_loads"], found["delta_rows"]) == (1, 152)
    foreign = lake.pyiceberg().load_table("data.grows")
    foreign.append(pa.table({"i": pa.array([7], pa.int64()), "v": ["foreign"]}))
    foreign.append(pa.table({"i": pa.array([8], pa.int64()), "v": ["foreign"]}))
    assert lake.sql("SELECT count(*) FROM grows WHERE v = 'foreign'") == [[2]]
    found = settled(lake, "data.grows")
    assert (found["full_loads"], found["delta_rows"]) == (1, 154)
    assert lake.sql("SELECT i FROM grows WHERE v IN ('foreign', 'file') ORDER BY i") == [[1], [2], [7], [8]]
    left = [o["key"] for o in lake.request("GET", "/storage/objects?limit=1000&prefix=lake/").json()["items"] if "compact-" in o["key"]]
    assert left == []


def test_a_part_and_an_empty_table_grow_as_well(lake):
    lake.sql("CREATE TABLE empty (a INTEGER, b VARCHAR)")
    assert pin(lake, "empty", "b")["rows"] == 0
    lake.sql("INSERT INTO empty VALUES (1, 'x'), (2, 'y')")
    found = settled(lake, "data.empty")
    assert (found["rows"], found["delta_rows"], found["full_loads"]) == (2, 2, 1)
    before = hits(lake, "data.empty")
    assert lake.sql("SELECT b FROM empty ORDER BY b") == [["x"], ["y"]] and hits(lake, "data.empty") == before + 1
    partitioned = lake.pyiceberg()
    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.transforms import IdentityTransform
    from pyiceberg.types import IntegerType, NestedField, StringType

    table = partitioned.create_table("data.split", Schema(NestedField(1, "p", StringType()), NestedField(2, "n", IntegerType())),
                                     partition_spec=PartitionSpec(PartitionField(1, 1000, IdentityTransform(), "p")))
    rows = lambda *n: pa.table({"p": pa.array([f"p{i % 3}" for i in n]), "n": pa.array(n, pa.int32())})  # noqa: E731
    table.append(rows(0, 1, 2, 3))
    pin(lake, "split")
    table.append(rows(4, 5, 6))
    lake.sql("SELECT count(*) FROM split")
    found = settled(lake, "data.split")
    assert (found["rows"], found["delta_rows"], found["full_loads"]) == (7, 3, 1)
    assert lake.sql("SELECT p, sum(n) FROM split GROUP BY p ORDER BY p") == [["p0", 9], ["p1", 5], ["p2", 7]]


@pytest.mark.parametrize("change", ["delete", "update", "replace", "rollback", "compact", "evolve", "rename column", "recreate", "expire"])
def test_never_stale(lake, change):
    name = f"fresh_{change.replace(' ', '_')}"
    lake.sql(f"CREATE TABLE {name} AS SELECT i AS a, 'x' AS b FROM range(100) r(i)")
    lake.sql(f"INSERT INTO {name} SELECT i AS a, 'y' FROM range(100, 120) r(i)")
    pin(lake, name)
    assert lake.sql(f"SELECT count(*) FROM {name}") == [[120]] and hits(lake, f"data.{name}") == 1
    post = lambda path, **body: lake.request("POST", path, json=body)  # noqa: E731
    did = {
        "delete": lambda: lake.sql(f"DELETE FROM {name} WHERE a < 10"),
        "update": lambda: lake.sql(f"UPDATE {name} SET b = 'z' WHERE a = 1"),
        "replace": lambda: lake.ingest(b"a,b\n1,q\n", name, mode="replace").raise_for_status(),
        "rollback": lambda: post(f"/catalog/datasets/by-name/{name}/rollback").raise_for_status(),
        "compact": lambda: post("/query/compact", dataset=name, all=True).raise_for_status(),
        "evolve": lambda: lake.sql(f"ALTER TABLE {name} ADD COLUMN c INTEGER"),
        "rename column": lambda: lake.sql(f"ALTER TABLE {name} RENAME COLUMN b TO bb"),
        "recreate": lambda: (lake.sql(f"DROP TABLE {name}"), lake.sql(f"CREATE TABLE {name} AS SELECT 5 AS a, 'new' AS b")),
        "expire": lambda: post(f"/catalog/datasets/by-name/{name}/expire-snapshots", older_than_ms=0, grace_ms=0).raise_for_status(),
    }[change]
    did()
    sql = f"SELECT * FROM {name} ORDER BY ALL"
    at_once = whole(lake, sql)
    found = settled(lake, f"data.{name}")
    before = found["hits"]
    hot = whole(lake, sql)
    assert hits(lake, f"data.{name}") == before + 1
    evict(lake, name)
    cold = whole(lake, sql)
    assert at_once == hot == cold
    rows = {"delete": 110, "replace": 1, "rollback": 100, "recreate": 1}.get(change, 120)
    assert len(cold["rows"]) == rows
    if change == "update":
        assert [1, "z"] in cold["rows"]
    if change in ("delete", "update", "replace", "rollback", "recreate", "rename column", "evolve"):
        assert found["full_loads"] == 2, found


def test_a_snapshot_of_a_clock_that_is_ahead_is_copied(lake, monkeypatch):
    lake.sql("CREATE TABLE ahead AS SELECT 1 AS a")
    monkeypatch.setattr("pyiceberg.table.snapshots.time", types.SimpleNamespace(time=lambda: time.time() + 3600))
    lake.pyiceberg().load_table("data.ahead").append(pa.table({"a": pa.array([2], pa.int32())}))
    assert pin(lake, "ahead")["rows"] == 2
    assert lake.sql("SELECT a FROM ahead ORDER BY a") == [[1], [2]] and hits(lake, "data.ahead") == 1
    lake.sql("DELETE FROM ahead WHERE a = 1")
    assert lake.sql("SELECT a FROM ahead") == [[2]]


def test_a_transaction_and_time_travel_read_the_lake(lake):
    lake.sql("CREATE TABLE travels AS SELECT 1 AS a")
    first = lake.query("SELECT * FROM travels").json()["snapshots"][0]["snapshot_id"]
    lake.sql("INSERT INTO travels VALUES (2)")
    pin(lake, "travels")
    assert lake.sql(f"SELECT count(*) FROM travels AT (VERSION => {first})") == [[1]]
    assert lake.sql("BEGIN; INSERT INTO travels VALUES (3); SELECT count(*) FROM travels; ROLLBACK") is not None
    answer = lake.query("BEGIN; INSERT INTO travels VALUES (3); COMMIT; SELECT count(*) FROM travels").json()
    assert answer["rows"] == [[3]]
    assert lake.sql("INSERT INTO travels SELECT a + 10 FROM travels") is not None
    assert lake.sql("SELECT count(*) FROM travels") == [[6]]
    assert "ICEBERG_SCAN" in json.dumps(lake.sql("EXPLAIN SELECT * FROM travels"))


def test_a_reader_behind_a_write_never_sees_what_was_before(fresh):
    server = fresh()
    server.sql("CREATE TABLE counted (n INTEGER)")
    server.sql("INSERT INTO counted VALUES (0)")
    pin(server, "counted")
    done, wrong = [1], []  # rows that are acknowledged
    stop = threading.Event()

    def read():
        while not stop.is_set():
            least = done[0]
            rows = server.sql("SELECT count(*), max(n) FROM counted")[0]
            if rows[0] < least or rows[0] != rows[1] + 1:
                wrong.append((least, rows))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(1, 10 if SANITIZED else 40):
        server.sql(f"INSERT INTO counted VALUES ({number})")
        done[0] = number + 1
    settled(server, "data.counted")
    before = hits(server, "data.counted")
    while hits(server, "data.counted") < before + 5:
        time.sleep(0.01)
    stop.set()
    for reader in readers:
        reader.join()
    assert not wrong, wrong[:5]
    found = item(server, "data.counted")
    assert found["full_loads"] == 1 and found["delta_rows"] == found["rows"] - 1, found


def test_nobody_sees_or_names_the_copies(lake):
    lake.sql("CREATE TABLE hidden_one AS SELECT 1 AS a")
    pin(lake, "hidden_one")
    sources = ["information_schema.tables", "information_schema.columns", "information_schema.schemata", "duckdb_tables()", "duckdb_columns()", "duckdb_schemas()", "duckdb_views()",
               "duckdb_constraints()", "duckdb_indexes()", "duckdb_dependencies()", "pg_catalog.pg_class", "pg_catalog.pg_tables", "pg_catalog.pg_namespace", "pg_catalog.pg_database", "sqlite_master"]
    for sql in [f"SELECT * FROM {source}" for source in sources] + ["SHOW TABLES", "SHOW ALL TABLES", "SHOW DATABASES", "SHOW SCHEMAS", "EXPLAIN SELECT * FROM hidden_one",
                                                                    "EXPLAIN ANALYZE SELECT * FROM hidden_one", "SELECT current_schemas(true), current_catalog()"]:
        assert "lh_hot" not in lake.query(sql).text, sql
    for name in ["lh_hot_.main.\"1\"", '"1"', "lh_hot", "lh_hot_" + "0" * 32, "lh_hot_" + "0" * 32 + ".main.x", "main.\"2\"", '"12"', '"10"']:
        answer = lake.query(f"SELECT * FROM {name}")
        assert answer.status_code >= 400 and answer.text.count("lh_hot_") <= answer.text.count("lh_hot_" + "0" * 32) + ("lh_hot_.main" in name), answer.text
    assert lake.query("SELECT nosuch FROM hidden_one").json()["error"]["message"].count("lh_hot") == 0
    assert [c["name"] for c in lake.query("SELECT (SELECT max(a) FROM hidden_one) FROM hidden_one").json()["columns"]] == ["(SELECT max(a) FROM hidden_one)"]


def test_a_quarter_of_the_memory_is_the_limit_by_default(server):
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        if os.path.exists(limit) and (text := pathlib.Path(limit).read_text().strip()).isdigit():
            machine = min(machine, int(text))
    assert stats(server)["limit_bytes"] == machine // 4


def test_the_limit_holds_by_letting_go_of_what_was_not_used(fresh):
    limit = 48 << 20
    server = fresh("--set", f"cache.limit_bytes={limit}")
    for name in "abc":
        server.sql(f"CREATE TABLE {name} AS SELECT i, i + 1 AS j FROM range(1000000) r(i)")
    server.sql("CREATE TABLE large AS SELECT i, i AS a, i AS b, i AS c, i AS d, i AS e, i AS f FROM range(1500000) r(i)")
    assert stats(server)["limit_bytes"] == limit
    pin(server, "a"), pin(server, "b")
    server.sql("SELECT sum(i) FROM a")
    both = stats(server)["bytes"]
    assert 32_000_000 < both <= limit
    pin(server, "c")
    now = stats(server)
    assert now["bytes"] <= limit and now["evictions"] == 1 and {i["dataset"] for i in now["items"]} == {"data.a", "data.c"}
    error = pin(server, "large", status=422)["error"]
    assert error["code"] == "limit" and "cache.limit_bytes" in error["message"]
    assert item(server, "data.large") is None and stats(server)["bytes"] <= limit
    assert server.sql("SELECT count(*) FROM large") == [[1500000]]
    assert pin(server, "large", "a", "b")["bytes"] <= limit
    assert server.sql("SELECT sum(b) FROM large") == [[1500000 * 1499999 // 2]] and hits(server, "data.large") == 1
    assert call(server, "evict", all=True)["evicted"] >= 1
    empty = stats(server)
    assert empty["bytes"] == 0 and empty["items"] == []
    assert server.sql("SELECT sum(b) FROM large") == [[1500000 * 1499999 // 2]]


def test_pins_by_the_configuration_and_by_reading(fresh):
    server = fresh()
    server.sql("CREATE TABLE one AS SELECT 1 AS a, 2 AS b")
    server.sql("CREATE TABLE two AS SELECT 1 AS a, 2 AS b")
    server.sql("CREATE TABLE often AS SELECT 1 AS a")
    root = server.root
    server.stop()
    again = fresh("--set", "cache.pin=one, nosuch, data.two(b, a)", "--set", "cache.auto_pin_hits=3", root=root)
    assert settled(again, "data.one")["pinned_by"] == "config" and settled(again, "data.two")["columns"] == ["b", "a"]
    assert "nosuch" in again.log_text()
    for _ in range(2):
        again.sql("SELECT * FROM often")
    again.sql("WITH often AS (SELECT 9) SELECT * FROM often")  # reads no table
    assert item(again, "data.often") is None
    again.sql("SELECT * FROM often")
    assert settled(again, "data.often")["pinned_by"] == "automatic"
    again.sql("SELECT * FROM often")
    assert hits(again, "data.often") == 1
    assert pin(again, "often")["pinned_by"] == "request"
    again.sql("DROP TABLE one")
    assert again.query("SELECT * FROM one").status_code >= 400
    again.sql("CREATE TABLE one AS SELECT 9 AS a")
    assert again.sql("SELECT * FROM one") == [[9]]
    settled(again, "data.one")
    assert again.sql("SELECT * FROM one") == [[9]] and hits(again, "data.one") >= 1


def test_a_dataset_that_is_dropped_leaves_the_memory(fresh):
    server = fresh()
    server.sql("CREATE TABLE leaves AS SELECT i FROM range(1000) r(i)")
    assert pin(server, "leaves")["rows"] == 1000 and stats(server)["bytes"] > 0
    server.sql("DROP TABLE leaves")
    deadline = time.monotonic() + 30 * SLOW
    while (now := stats(server))["bytes"] or now["items"][0]["state"] != "failed":
        assert time.monotonic() < deadline, now
        time.sleep(0.01)
    assert server.query("SELECT * FROM leaves").status_code >= 400
    server.sql("CREATE TABLE leaves AS SELECT 7 AS b")
    assert server.sql("SELECT * FROM leaves") == [[7]] and settled(server, "data.leaves")["rows"] == 1
    assert server.sql("SELECT * FROM leaves") == [[7]] and hits(server, "data.leaves") in (1, 2)  # the read before may have come behind the load


def test_the_server_stops_while_it_loads(fresh):
    server = fresh()
    server.sql("CREATE TABLE long AS SELECT i, hash(i)::VARCHAR AS h FROM range(2000000) r(i)")
    for round_ in range(3):
        pin(server, "long", status=202, wait=False)
        time.sleep(0.02 * round_)
        server.restart()
    assert server.sql("SELECT count(*) FROM long") == [[2000000]]
    pin(server, "long", status=202, wait=False)
    assert evict(server, "long")["evicted"] == 1
    assert stats(server)["items"] == [] and server.sql("SELECT count(*) FROM long") == [[2000000]]


def test_bad_requests_and_rights(lake, fresh):
    lake.sql("CREATE TABLE simple AS SELECT 1 AS a")
    assert "nosuch" in pin(lake, "nosuch", status=404)["error"]["message"]
    for body in [{}, {"dataset": ""}, {"dataset": "simple", "columns": "a"}, {"dataset": "simple", "columns": []}, {"dataset": "simple", "columns": [1]}, {"dataset": "simple", "wait": 1},
                 {"dataset": "simple", "columns": ["a", "A"]}, {"dataset": "simple", "cols": ["a"]}, {"dataset": "a.b.c.d" * 200}]:
        assert call(lake, "pin", status=400, **body)["error"]["message"]
    for body in [{}, {"all": False}, {"all": True, "dataset": "simple"}]:
        call(lake, "evict", status=400, **body)
    call(lake, "evict", status=404, dataset="simple")
    assert pin(lake, "simple", status=202, wait=False)["dataset"] == "data.simple"
    settled(lake, "data.simple")
    assert evict(lake, "simple")["evicted"] == 1 and item(lake, "data.simple") is None
    keys = fresh("--set", "auth.mode=keys", env={"LAKEHOUSE__AUTH__ADMIN_KEY": "a" * 40})
    admin = {"X-API-Key": "a" * 40}
    made = keys.request("POST", "/access/keys", json={"name": "w", "permission": "write"}, headers=admin).json()
    writer = {"X-API-Key": made["key"]}
    for verb in ("pin", "evict"):
        assert keys.request("POST", f"/query/cache/{verb}", json={"dataset": "x"}).status_code == 401
        assert keys.request("POST", f"/query/cache/{verb}", json={"dataset": "x"}, headers=writer).status_code == 403
    assert keys.request("GET", "/query/cache/stats", headers=writer).status_code == 200
    server = fresh("--set", "cache.load_timeout_ms=1")
    server.sql("CREATE TABLE slow AS SELECT i, hash(i)::VARCHAR AS h FROM range(3000000) r(i)")
    answer = server.request("POST", "/query/cache/pin", json={"dataset": "slow"})
    assert answer.json()["error"]["code"] == "cancelled" and "cache.load_timeout_ms" in answer.json()["error"]["message"]
    assert stats(server)["bytes"] == 0 and stats(server)["items"] == []


def test_the_command(lake):
    lake.sql("CREATE TABLE by_hand AS SELECT i AS a, i AS b FROM range(100) r(i)")
    run = lambda *args, **options: lakehouse("cache", *args, "--url", lake.url, **options)  # noqa: E731
    assert run("pin", "by_hand").stdout.startswith("data.by_hand: 100 rows, ")
    assert run("pin", "by_hand", "a, b").stdout.startswith("data.by_hand: 100 rows, ")
    assert 'ready    data.by_hand ["a","b"]: 100 rows, ' in run("stats").stdout and " misses, " in run().stdout
    told = json.loads(run("stats", "--json").stdout)
    assert [i["columns"] for i in told["items"] if i["dataset"] == "data.by_hand"] == [["a", "b"]] and told["limit_bytes"] > 0
    assert json.loads(run("pin", "by_hand", "--json").stdout)["rows"] == 100
    assert json.loads(run("evict", "by_hand", "--json").stdout)["evicted"] == 1
    assert run("pin", "by_hand", "--no-wait").stdout == "data.by_hand loads\n"
    assert run("evict", "by_hand").stdout.startswith("1 evicted, ")
    failed = run("evict", "by_hand", check=False)
    assert failed.returncode == 1 and "not in the cache" in failed.stderr
    for wrong in [("pin",), ("evict",), ("evict", "a", "--all"), ("stats", "x"), ("hold", "x")]:
        assert run(*wrong, check=False).returncode == 2


def test_profiles_pin_and_a_bucket_that_comes_or_goes_starts_the_copies_anew(tmp_path, fresh):
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (profiles / "ann.json").write_text(json.dumps({"bucket": {"name": "anns", "root": "ann"}, "cache_pins": ["mine", "nosuch"], "defaults": {"namespace": "data"}}))
    server = fresh("--set", f"storage.profile_root={profiles}")
    server.sql("CREATE TABLE shared AS SELECT 1 AS a")
    pin(server, "shared")
    assert server.request("POST", "/profile/ann/activate").status_code == 200
    assert server.sql("SELECT * FROM shared") == [[1]]
    assert settled(server, "data.shared")["rows"] == 1
    answer = server.request("POST", "/ingest/file", headers={"X-Lakehouse-Profile": "ann"}, data={"dataset": "mine"}, files={"file": ("m.csv", b"id\n1\n2\n")})
    assert answer.status_code == 201, answer.text
    assert server.request("POST", "/profile/ann/activate").status_code == 200
    assert settled(server, "data.mine")["pinned_by"] == "profile"
    assert server.sql("SELECT count(*) FROM mine, shared") == [[2]] and hits(server, "data.mine") == 1
    assert server.request("POST", "/profile/ann/deactivate").status_code == 204
    assert server.query("SELECT * FROM mine").status_code >= 400
    settled(server, "data.shared"), settled(server, "data.mine", "failed")
    before = hits(server, "data.shared")
    assert server.sql("SELECT * FROM shared") == [[1]] and hits(server, "data.shared") == before + 1
    assert server.query("SELECT * FROM mine").status_code >= 400


def test_pins_by_request_outlive_the_server_and_every_gateway_has_them(fresh):
    server = fresh("--set", "cache.pin=held")
    for name in ("kept", "part", "let_go", "held"):
        server.sql(f"CREATE TABLE {name} AS SELECT 1 AS a, 2 AS b")
    pin(server, "kept"), pin(server, "let_go"), pin(server, "part", "b"), pin(server, "part", "a")
    evict(server, "let_go")
    server.kill()
    server.start()
    server.wait_ready()
    assert settled(server, "data.kept")["pinned_by"] == "request" and settled(server, "data.part")["columns"] == ["a"]
    assert settled(server, "data.held")["pinned_by"] == "config" and item(server, "data.let_go") is None
    second = Server(server.root)
    try:
        assert settled(second, "data.part")["columns"] == ["a"]
        pin(second, "let_go")
        assert settled(server, "data.let_go")["rows"] == 1
        pin(second, "part", "b")
        wait_for(lambda: item(server, "data.part")["columns"] == ["b"])
        pin(second, "held")
        call(second, "evict", all=True)
        wait_for(lambda: [i["dataset"] for i in stats(server)["items"]] == ["data.held"])  # the configuration's
    finally:
        second.stop()
    server.restart()
    settled(server, "data.held")
    server.sql("CREATE TABLE last AS SELECT 1 AS a")
    pin(server, "last")
    assert sorted(i["dataset"] for i in stats(server)["items"]) == ["data.held", "data.last"]
    server.sql("DROP TABLE last")  # its pin is for the next one of that name, also after a restart
    server.restart()
    settled(server, "data.held")
    server.sql("CREATE TABLE last AS SELECT 3 AS a")
    assert settled(server, "data.last")["rows"] == 1
    evict(server, "last")
    assert call(server, "evict", status=404, dataset="last")["error"]["code"] == "not_found"


def test_a_lake_in_s3(s3, fresh):
    server = fresh(env=s3["env"])
    server.sql("CREATE TABLE cached_s3 AS SELECT i, 'v' || i AS v FROM range(100) r(i)")
    assert pin(server, "cached_s3")["rows"] == 100
    server.sql("INSERT INTO cached_s3 VALUES (100, 'new')")
    assert server.sql("SELECT count(*) FROM cached_s3") == [[101]]
    found = settled(server, "data.cached_s3")
    assert (found["rows"], found["full_loads"], found["delta_rows"]) == (101, 1, 1)
    before = hits(server, "data.cached_s3")
    assert server.sql("SELECT v FROM cached_s3 WHERE i = 100") == [["new"]] and hits(server, "data.cached_s3") == before + 1

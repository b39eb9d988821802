"""What manifests tell of files: of registered ones at once, and restored from the footers where it was lost."""
import datetime
import decimal
import io
import json
import pathlib
import re
import threading
import time

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.manifest import DataFile, ManifestContent, write_manifest, write_manifest_list
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import LongType, NestedField, StringType

from commands import lakehouse
from harness import Server

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


def resync(server, dataset=None, status=200, **body):
    answer = server.request("POST", "/catalog/resync-missing", json={**({"dataset": dataset} if dataset else {}), **body})
    assert answer.status_code == status, answer.text
    return answer.json()


def commit_snapshot(server, name, manifests, summary=None):
    """A snapshot of those manifests, as a client of Iceberg REST without our help commits it; again when another was faster."""
    while True:
        t = table(server, name)
        parent, snapshot_id, sequence = t.current_snapshot().snapshot_id, time.time_ns() % 2**62, t.metadata.last_sequence_number + 1
        path = f"{t.location()}/metadata/by-hand-{snapshot_id}.avro"
        with write_manifest_list(2, t.io.new_output(path), snapshot_id, parent, sequence, "null") as lists:
            lists.add_manifests(manifests(t, snapshot_id))
        snapshot = {"snapshot-id": snapshot_id, "parent-snapshot-id": parent, "sequence-number": sequence, "timestamp-ms": int(time.time() * 1000),
                    "manifest-list": path, "schema-id": t.metadata.current_schema_id, "summary": {"operation": "append", **(summary or {})}}
        updates = [{"action": "add-snapshot", "snapshot": snapshot}, {"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": snapshot_id}]
        stands = {"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": parent}
        answer = server.request("POST", f"/iceberg/v1/namespaces/data/tables/{name}", json={"requirements": [stands], "updates": updates})
        assert answer.status_code in (200, 409), answer.text
        if answer.status_code == 200:
            return snapshot_id


def stripped(rows=lambda n: n, size=lambda n: n):
    """Manifests of the current snapshot whose data files tell nothing of their columns."""
    def make(t, snapshot_id):
        for number, old in enumerate(t.current_snapshot().manifests(t.io)):
            if old.content == ManifestContent.DELETES:
                yield old
                continue
            output = t.io.new_output(f"{t.location()}/metadata/bare-{snapshot_id}-{number}.avro")
            with write_manifest(2, t.metadata.specs()[old.partition_spec_id], t.schema(), output, snapshot_id, "null") as manifest:
                for entry in old.fetch_manifest_entry(t.io):
                    f = entry.data_file
                    entry.data_file = DataFile.from_args(content=f.content, file_path=f.file_path, file_format=f.file_format, partition=f.partition,
                                                         record_count=rows(f.record_count), file_size_in_bytes=size(f.file_size_in_bytes))
                    manifest.existing(entry)
            yield manifest.to_manifest_file()
    return lambda t, snapshot_id: list(make(t, snapshot_id))


def entries(server, name):
    t = table(server, name)
    return {e.data_file.file_path: e for m in t.current_snapshot().manifests(t.io) for e in m.fetch_manifest_entry(t.io)}


def seen(server, name):
    """The rows as our SQL, DuckDB's client and PyIceberg see them."""
    theirs = table(server, name).scan().to_arrow()
    sums = [[list(r) for r in server.duckdb().execute(f"SELECT count(*), sum(hash(t)) FROM lake.data.{name} t").fetchall()], server.sql(f"SELECT count(*), sum(hash(t)) FROM {name} t")]
    return str(sums), sorted(json.dumps(row, default=str) for row in theirs.to_pylist())


def test_statistics_that_a_manifest_lacks_come_from_the_footers(server):
    for part in range(2):
        server.sql(("CREATE TABLE bare AS " if part == 0 else "INSERT INTO bare ") + WIDE.format(part * 50, part * 50 + 50))
    server.sql("DELETE FROM bare WHERE i = 3")
    before = seen(server, "bare")
    old = commit_snapshot(server, "bare", stripped())
    had = entries(server, "bare")
    assert told(server, "bare")["i"]["min"] is None
    said = resync(server, "bare", dry_run=True)
    assert said["restored"][0]["snapshot_id"] is None and said["dry_run"] and told(server, "bare")["i"]["min"] is None
    assert table(server, "bare").current_snapshot().snapshot_id == old  # a dry run changes nothing
    done = resync(server, "bare")
    assert done["problems"] == [] and done["tables_checked"] == 1
    restored = done["restored"][0]
    assert {**restored, "snapshot_id": None} == said["restored"][0] == {
        "dataset": "data.bare", "row_count": 99, "columns": 12, "files_without_statistics": 2, "records": False, "snapshot_id": None}
    snapshot = table(server, "bare").current_snapshot()
    assert (snapshot.snapshot_id, snapshot.parent_snapshot_id, snapshot.summary.operation.value) == (restored["snapshot_id"], old, "replace")
    totals = {name: snapshot.summary[f"total-{name}"] for name in ("records", "data-files", "delete-files", "position-deletes", "equality-deletes")}
    assert totals == {"records": "100", "data-files": "2", "delete-files": "1", "position-deletes": "1", "equality-deletes": "0"}
    # the same files in the same place in time, the deletes work, and old snapshots are there
    have = entries(server, "bare")
    assert {p: (e.snapshot_id, e.sequence_number, e.file_sequence_number, e.data_file.record_count) for p, e in have.items()} == {
        p: (e.snapshot_id, e.sequence_number, e.file_sequence_number, e.data_file.record_count) for p, e in had.items()}
    assert seen(server, "bare") == before and len(before[1]) == 99
    assert server.sql(f"SELECT count(*) FROM bare AT (VERSION => {old})") == [[99]]
    assert len(table(server, "bare").scan(snapshot_id=old).to_arrow()) == 99
    # i = 3 is not the least or the greatest of its column
    check_bounds_of_rows(told(server, "bare"), server)
    assert resync(server, "bare")["restored"] == []  # nothing is left to do
    server.sql("DELETE FROM bare WHERE i = 4")
    server.sql("UPDATE bare SET l = 1 WHERE i = 5")
    assert server.sql("SELECT count(*), count(*) FILTER (l = 1) FROM bare") == [[98, 1]]
    server.restart()
    assert table(server, "bare").scan(row_filter="i = 49").to_arrow().num_rows == 1 and server.sql("SELECT count(*) FROM bare WHERE odd > 1000") == [[1]]


def check_bounds_of_rows(have, server):
    """With deletes the counts are those of the files."""
    client = server.duckdb()
    client.execute("SET timezone = 'UTC'")
    for column in BOUNDED:
        cast = "::TIMESTAMP" if column == "tz" else ""
        low, high = client.execute(f"SELECT min({column}){cast}, max({column}){cast} FROM lake.data.bare").fetchone()
        assert same_bound(have[column]["min"], low) and same_bound(have[column]["max"], high), (column, have[column], low, high)
        assert (have[column]["values"], have[column]["nulls"], have[column]["exact"]) == (100, 10 if column == "s" else 0, False)


def test_partitions_stay_and_wrong_numbers_are_put_right(server):
    columns = Schema(NestedField(1, "id", LongType()), NestedField(2, "v", StringType()))
    server.pyiceberg().create_table("data.parted", columns, partition_spec=PartitionSpec(PartitionField(2, 1000, IdentityTransform(), "v")))
    table(server, "parted").append(pa.table({"id": pa.array(range(30), pa.int64()), "v": ["a", "b", None] * 10}))
    before, partitions = seen(server, "parted"), {p: str(e.data_file.partition) for p, e in entries(server, "parted").items()}
    commit_snapshot(server, "parted", stripped(rows=lambda n: n + 7, size=lambda n: n + 1), summary={"total-records": "51", "total-data-files": "3", "total-files-size": "9"})
    done = resync(server, "parted")["restored"][0]
    assert (done["row_count"], done["files_without_statistics"], done["columns"]) == (30, 3, 2)
    assert {p: str(e.data_file.partition) for p, e in entries(server, "parted").items()} == partitions and len(partitions) == 3
    assert [e.data_file.record_count for e in entries(server, "parted").values()] == [10] * 3
    assert seen(server, "parted") == before and server.request("GET", "/catalog/verify", params={"dataset": "parted"}).json()["items"][0]["ok"]
    assert server.request("GET", "/datasets/by-name/parted").json()["row_count"] == 30
    assert table(server, "parted").scan(row_filter="v = 'a' AND id < 3").to_arrow().num_rows == 1
    # statistics that are there stay as their writer told them
    assert resync(server, "parted")["restored"] == []


def test_totals_that_a_summary_lacks(server):
    server.sql("CREATE TABLE untold AS SELECT i FROM range(5) r(i)")  # DuckDB does not tell the size
    assert "total-files-size" not in table(server, "untold").current_snapshot().summary.additional_properties
    manifests = [m.manifest_path for m in table(server, "untold").current_snapshot().manifests(table(server, "untold").io)]
    done = resync(server, "untold")["restored"]
    assert [(d["row_count"], d["files_without_statistics"]) for d in done] == [(5, 0)]
    now = table(server, "untold")
    size = sum(e.data_file.file_size_in_bytes for e in entries(server, "untold").values())
    assert (now.current_snapshot().summary["total-records"], now.current_snapshot().summary["total-files-size"]) == ("5", str(size))
    assert [m.manifest_path for m in now.current_snapshot().manifests(now.io)] == manifests  # not written anew
    server.sql("CREATE TABLE empty_one (i INTEGER)")
    assert resync(server, "empty_one")["restored"] == []


def test_writers_meanwhile_lose_nothing(server):
    server.sql("CREATE TABLE raced AS SELECT i FROM range(100) r(i)")
    for i in range(5):
        server.sql(f"INSERT INTO raced VALUES ({200 + i})")
    commit_snapshot(server, "raced", stripped())
    bare, failed = set(entries(server, "raced")), []

    def append():
        try:
            for i in range(12):
                server.sql(f"INSERT INTO raced VALUES ({1000 + i})")
                server.sql(f"DELETE FROM raced WHERE i = {i}")
        except Exception as e:  # noqa: BLE001
            failed.append(e)

    writer = threading.Thread(target=append)
    writer.start()
    while writer.is_alive():
        assert resync(server, "raced")["problems"] == []
    writer.join()
    assert not failed and server.sql("SELECT count(*), count(DISTINCT i) FROM raced") == [[105, 105]]
    resync(server, "raced")
    assert all(e.data_file.null_value_counts for p, e in entries(server, "raced").items() if p in bare)
    assert table(server, "raced").scan().to_arrow().num_rows == 105 and resync(server, "raced")["restored"] == []


def test_one_broken_table_stops_no_other(fresh):
    server = fresh()
    for name in ("a_first", "b_broken", "c_last"):
        server.sql(f"CREATE TABLE {name} AS SELECT i FROM range(5) r(i)")
        commit_snapshot(server, name, stripped())
    pathlib.Path(next(iter(entries(server, "b_broken")))).unlink()
    now = table(server, "b_broken").current_snapshot().snapshot_id
    done = resync(server)
    assert [d["dataset"] for d in done["restored"]] == ["data.a_first", "data.c_last"] and done["tables_checked"] == 3
    assert [p["dataset"] for p in done["problems"]] == ["data.b_broken"] and "is missing" in done["problems"][0]["problem"]
    assert table(server, "b_broken").current_snapshot().snapshot_id == now
    assert resync(server)["restored"] == [] and len(resync(server)["problems"]) == 1
    told_of = lakehouse("tables", "resync", "--url", server.url, check=False)
    assert told_of.returncode == 1 and "PROBLEM  data.b_broken: " in told_of.stdout and "3 checked, 0 restored" in told_of.stdout
    told_of = lakehouse("tables", "resync", "--json", "--url", server.url, check=False)
    assert told_of.returncode == 1 and json.loads(told_of.stdout) == resync(server)
    commit_snapshot(server, "a_first", stripped())
    assert lakehouse("tables", "resync", "a_first", "--dry-run", "--url", server.url).stdout == "restored data.a_first: 5 rows, statistics of 1 column in 1 file\ndry run: 1 checked, 1 restored\n"
    # a footer that cannot be read
    victim = pathlib.Path(next(iter(entries(server, "c_last"))))
    victim.write_bytes(b"PAR1" + b"\0" * 100 + b"PAR1")
    assert "no Parquet file" in resync(server, "c_last")["problems"][0]["problem"]


def test_resync_refuses_what_it_cannot_understand(server):
    assert "unknown" in server.request("POST", "/catalog/resync-missing", json={"datasets": "x"}).text
    assert resync(server, "absent_table", 404)["error"]["code"] == "not_found"
    assert server.request("POST", "/catalog/resync-missing", json={"dataset": 7}).status_code == 400
    assert server.request("POST", "/catalog/resync-missing", json={"dry_run": "yes"}).status_code == 400
    server.pyiceberg().create_table("data.old_format", Schema(NestedField(1, "id", LongType())), properties={"format-version": "1"}).append(pa.table({"id": [1]}))
    assert "format 1" in resync(server, "old_format")["problems"][0]["problem"]


def test_columns_of_which_nothing_is_to_be_told(server):
    server.pyiceberg().create_table("data.shy", Schema(NestedField(1, "id", LongType()), NestedField(2, "secret", StringType()), NestedField(3, "counted", LongType())),
                                    properties={"write.metadata.metrics.column.secret": "none", "write.metadata.metrics.column.counted": "counts"})
    server.sql("INSERT INTO shy VALUES (1, 'x', 2), (NULL, NULL, NULL)")
    commit_snapshot(server, "shy", stripped())
    assert resync(server, "shy")["restored"][0]["columns"] == 2
    file = next(iter(entries(server, "shy").values())).data_file
    assert 2 not in file.null_value_counts and set(file.lower_bounds) == {1} and file.null_value_counts[3] == 1


def test_records_that_lost_their_time_of_making(fresh):
    server = fresh()
    server.ingest(b"a\n1\n", "kept")
    log = sorted((server.root / "_catalog" / "log").glob("*.json"))[-1]
    born = server.request("GET", "/datasets/by-name/kept").json()["created_at"]
    server.stop()
    lost, count = re.subn('"created_at":"[^"]+",', "", log.read_text())
    assert count == 2  # of the table and of the dataset
    log.write_text(lost)
    server.start()
    assert not server.request("GET", "/datasets/by-name/kept").json()["created_at"]
    done = resync(server)["restored"]
    assert [d["records"] for d in done] == [True]
    restored = server.request("GET", "/datasets/by-name/kept").json()["created_at"]
    assert restored[:13] == born[:13]
    server.restart()
    assert server.request("GET", "/datasets/by-name/kept").json()["created_at"] == restored and resync(server)["restored"] == []


def test_on_s3(s3, tmp_path):
    running = Server(tmp_path / "root", env=s3["env"])
    try:
        put(running, "drop/p.parquet", parquet(WIDE.format(0, 50), tmp_path / "p.parquet"))
        register(running, "on_s3", location="drop")
        assert told(running, "on_s3")["i"]["max"] == -1
        assert resync(running, "on_s3") == {"dry_run": False, "tables_checked": 1, "restored": [], "problems": []}
        running.sql("CREATE TABLE own AS SELECT i FROM range(9) r(i)")
        done = resync(running, "own")
        assert done["restored"][0]["row_count"] == 9 and done["problems"] == [] and resync(running, "own")["restored"] == []
        assert running.sql("SELECT count(*) FROM own") == [[9]]
    finally:
        running.stop()


def test_names_with_pattern_characters(server):
    """The engine would read a1 in the place of a[1]."""
    buffer = io.BytesIO()
    pq.write_table(pa.table({"id": [1, 2]}), buffer)
    for key in ("odd/a%5B1%5D.parquet", "odd/a1.parquet", "odd/it's ü.parquet"):
        put(server, key, buffer.getvalue())
    register(server, "quoted", files=["odd/it's ü.parquet", "odd/a1.parquet"])
    assert told(server, "quoted")["id"] == {"values": 4, "nulls": 0, "min": 1, "max": 2, "distinct": None, "exact": True}
    for files in (["odd/a[1].parquet"], ["odd/a1.parquet", "odd/a[1].parquet"]):
        answer = server.request("POST", "/datasets", json={"name": "odd", "files": files})
        assert answer.status_code == 400 and "'odd/a[1].parquet' cannot be registered" in answer.text


def test_many_files_are_read_together_and_a_broken_one_is_named(server):
    for i in range(150):
        buffer = io.BytesIO()
        pq.write_table(pa.table({"id": [i, None], "s": [f"v{i}", "w"]}), buffer)
        put(server, f"crowd/{i:03}.parquet", buffer.getvalue())
    register(server, "crowd", location="crowd")
    have = told(server, "crowd")
    assert (have["id"]["min"], have["id"]["max"], have["id"]["nulls"], have["id"]["values"]) == (0, 149, 150, 300)
    commit_snapshot(server, "crowd", stripped())
    done = resync(server, "crowd")["restored"][0]
    assert (done["files_without_statistics"], done["columns"], done["row_count"]) == (150, 2, 300) and told(server, "crowd") == have
    put(server, "crowd/077.parquet", b"PAR1" + b"\0" * 50 + b"PAR1")
    assert "crowd/077.parquet': it is no Parquet file" in resync(server, "crowd")["problems"][0]["problem"]
    answer = server.request("POST", "/datasets", json={"name": "crowd2", "location": "crowd"})
    assert answer.status_code == 400 and "'crowd/077.parquet' cannot be registered: it is no Parquet file" in answer.text

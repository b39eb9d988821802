"""Compaction: other files, the same rows, for every reader, whatever happens meanwhile."""
import json
import os
import pathlib
import random
import subprocess
import threading
import time

import pyarrow as pa
import pytest
import requests
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import NullOrder, SortDirection, SortField, SortOrder
from pyiceberg.transforms import BucketTransform, DayTransform, IdentityTransform, MonthTransform, TruncateTransform
from pyiceberg.types import DateType, LongType, NestedField, StringType

from harness import BINARY, SANITIZED, S3Server, wait_for

KILLS = int(os.environ.get("LAKEHOUSE_KILLS", 3))


def compact(server, dataset, status=200, **body):
    answer = server.request("POST", "/query/compact", json={"dataset": dataset, **body})
    assert answer.status_code == status, answer.text
    return answer.json()


def table(server, name):
    return server.pyiceberg().load_table(f"data.{name}")


def data_files(server, name):
    return [task.file for task in table(server, name).scan().plan_files()]


def verified(server, name):
    return server.request("GET", "/catalog/verify", params={"dataset": name}).json()["items"][0]


def plain(rows):
    return sorted(map(str, rows))


def seen(server, name):
    """The rows as our SQL, DuckDB's client and PyIceberg see them."""
    ours = plain(server.sql(f"FROM {name}"))
    client = server.duckdb()
    sums = [server.sql(f"SELECT count(*), sum(hash(t)) FROM {name} t"), [list(r) for r in client.execute(f"SELECT count(*), sum(hash(t)) FROM lake.data.{name} t").fetchall()]]
    theirs = table(server, name).scan().to_arrow()
    return ours, str(sums), plain(theirs.to_pylist())


def compacted(server, name, **body):
    """Compacts, and checks that nobody sees other rows; the answer."""
    before = seen(server, name)
    answer = compact(server, name, **body)
    assert seen(server, name) == before
    assert len(before[0]) == len(before[2]) and verified(server, name)["ok"]
    return answer


def fill(server, name, appends=6, rows=20):
    server.sql(f"CREATE TABLE {name} (id BIGINT, d DATE, v VARCHAR)")
    append(server, name, appends, rows)


def append(server, name, appends=6, rows=20):
    for i in range(appends):
        server.sql(f"INSERT INTO {name} SELECT i + {i * rows}, DATE '2024-01-01' + (i * 7)::INT, chr((97 + i % 3)::INT) || repeat('é', (i % 40)::INT) FROM range({rows}) r(i)")


def test_small_files_and_deletes_become_one_file(server):
    fill(server, "many")
    server.sql("DELETE FROM many WHERE id % 7 = 0")
    server.sql("UPDATE many SET v = 'changed' WHERE id % 5 = 1")
    server.duckdb().execute("DELETE FROM lake.data.many WHERE id = 3")
    before = table(server, "many").current_snapshot()
    said = compact(server, "many", dry_run=True)
    assert said["files_before"] >= 6 and said["snapshot_id"] is None
    assert table(server, "many").current_snapshot().snapshot_id == before.snapshot_id
    done = compacted(server, "many")
    assert (done["files_before"], done["files_after"]) == (said["files_before"], 1) and done["delete_files_removed"] > 0
    after = table(server, "many")
    assert len(data_files(server, "many")) == 1 and not any(t.delete_files for t in after.scan().plan_files())
    summary = after.current_snapshot().summary
    assert summary.operation.value == "replace" and summary["total-delete-files"] == "0"
    assert summary["total-records"] == str(server.sql("SELECT count(*) FROM many")[0][0])
    assert after.current_snapshot().parent_snapshot_id == before.snapshot_id
    # readers of the old snapshot are not disturbed
    assert after.scan(snapshot_id=before.snapshot_id).to_arrow().num_rows == int(summary["total-records"])
    assert server.sql(f"SELECT count(*) FROM many AT (VERSION => {before.snapshot_id})") == server.sql("SELECT count(*) FROM many")
    assert compact(server, "many")["files_before"] == 0  # nothing is left to do
    server.sql("DELETE FROM many WHERE id < 10")  # deletes go on to work on the new file
    server.sql("INSERT INTO many VALUES (1000, NULL, NULL)")
    compacted(server, "many")
    server.restart()
    assert server.sql("SELECT count(*) FROM many WHERE id = 1000") == [[1]]


def test_bounds_of_the_new_files_hide_no_row(server):
    server.sql("CREATE TABLE wide (i INTEGER, l BIGINT, f FLOAT, x DOUBLE, n DECIMAL(12,3), b BOOLEAN, d DATE, ts TIMESTAMP, tz TIMESTAMPTZ, s VARCHAR, "
               "u UUID, a INTEGER[], o STRUCT(p INTEGER, q VARCHAR), m MAP(VARCHAR, INTEGER))")
    for i in range(4):
        server.sql(f"""INSERT INTO wide SELECT i - 50, -i * 1000000000000, i / 7, CASE WHEN i = 5 THEN 'nan'::DOUBLE ELSE -i / 3 END, (i - 30) * 1.125, i % 2 = 0,
            DATE '1969-12-20' + i::INT, TIMESTAMP '1969-12-31 23:00:00.123456' + INTERVAL (i) MINUTE, TIMESTAMPTZ '2020-02-29 12:00:00+02' + INTERVAL (i) DAY,
            CASE WHEN i % 10 = 0 THEN NULL ELSE repeat(chr((122 + i % 200)::INT), (i % 90 + 1)::INT) END, uuid(), [i, NULL], {{'p': i, 'q': 'x'}}, MAP {{'k': i}}
            FROM range({i * 25}, {i * 25 + 25}) r(i)""")
    compacted(server, "wide")
    rows = table(server, "wide").scan().to_arrow()
    for name, value in [("i", -50), ("i", 49), ("l", 0), ("l", -99 * 10**12), ("d", rows["d"][0].as_py()), ("s", "{{")]:
        got = table(server, "wide").scan(row_filter=f"{name} = '{value}'" if not isinstance(value, int) else f"{name} = {value}").to_arrow()
        assert got.num_rows == sum(v == value for v in rows[name].to_pylist()) > 0
    for name in ("n", "ts", "tz", "s", "f"):
        for value in random.Random(1).sample([v for v in rows[name].to_pylist() if v is not None], 10):
            from pyiceberg.expressions import EqualTo
            got = table(server, "wide").scan(row_filter=EqualTo(name, value.isoformat() if hasattr(value, "isoformat") else value)).to_arrow()
            assert got.num_rows >= 1, (name, value)
    assert server.sql("SELECT count(*) FROM wide WHERE x = 'nan'::DOUBLE") == [[1]]


@pytest.mark.parametrize("source, transform", [(3, IdentityTransform()), (2, MonthTransform()), (2, DayTransform()), (1, BucketTransform(4)), (3, TruncateTransform(1))],
                         ids=["identity", "month", "day", "bucket", "truncate"])
def test_partitions_stay(server, source, transform):
    name = "p_" + str(transform).split("[")[0]
    columns = Schema(NestedField(1, "id", LongType()), NestedField(2, "d", DateType()), NestedField(3, "v", StringType()))
    server.pyiceberg().create_table(f"data.{name}", columns, partition_spec=PartitionSpec(PartitionField(source, 1000, transform, "part")))
    for i in range(3):
        server.sql(f"INSERT INTO {name} SELECT i + {i * 20}, CASE WHEN i = 4 THEN NULL ELSE DATE '2024-01-01' + (i % 3 * 31)::INT END, CASE WHEN i = 5 THEN NULL ELSE chr((97 + i % 3)::INT) END FROM range(20) r(i)")
    server.sql(f"DELETE FROM {name} WHERE id IN (1, 7, 25)")
    wanted = {str(f.partition) for f in data_files(server, name)}
    compacted(server, name)
    files = data_files(server, name)
    assert {str(f.partition) for f in files} == wanted and len(files) == len(wanted)
    server.sql(f"INSERT INTO {name} SELECT i, DATE '2024-02-01', 'a' FROM range(20) r(i)")
    server.sql(f"DELETE FROM {name} WHERE id = 2")
    compacted(server, name)
    assert server.sql(f"SELECT count(*) FROM {name} WHERE v = 'a' AND d = DATE '2024-02-01'")[0][0] >= 19


def test_one_partition_of_many_is_rewritten_and_deletes_of_the_others_stay(server):
    columns = Schema(NestedField(1, "id", LongType()), NestedField(2, "v", StringType()))
    server.pyiceberg().create_table("data.several", columns, partition_spec=PartitionSpec(PartitionField(2, 1000, IdentityTransform(), "v")))
    server.sql("INSERT INTO several SELECT i, 'big' FROM range(1000) r(i)")
    for i in range(3):
        server.sql(f"INSERT INTO several SELECT i, 'small' FROM range({i * 10}, {i * 10 + 10}) r(i)")
    kept = {f.file_path for f in data_files(server, "several") if f.record_count == 1000}
    assert compacted(server, "several")["files_before"] == 3
    assert kept < {f.file_path for f in data_files(server, "several")}
    server.sql("DELETE FROM several WHERE v = 'big' AND id = 1")
    done = compacted(server, "several", deletes_only=True)
    assert (done["files_before"], done["rows"], done["delete_files_removed"]) == (1, 999, 1)


def test_a_schema_that_changed(server):
    fill(server, "evolved", appends=2)
    server.sql("ALTER TABLE evolved ADD COLUMN extra INTEGER")
    server.sql("ALTER TABLE evolved RENAME COLUMN v TO label")
    server.sql("INSERT INTO evolved SELECT i + 100, NULL, 'new', i FROM range(10) r(i)")
    with table(server, "evolved").update_schema() as change:
        change.delete_column("d")
    server.sql("INSERT INTO evolved SELECT i + 200, 'newer', i FROM range(10) r(i)")
    server.sql("DELETE FROM evolved WHERE id = 105")
    assert compacted(server, "evolved")["files_after"] == 1
    assert server.sql("SELECT count(*), count(label), count(extra) FROM evolved") == [[59, 59, 19]]


def test_registered_files_without_field_ids(server, tmp_path):
    import pyarrow.parquet as pq
    for i in range(3):
        pq.write_table(pa.table({"a": [i, i + 1], "b": ["x", None]}), tmp_path / "f.parquet")
        assert server.request("PUT", f"/storage/objects/bare/f{i}.parquet", data=(tmp_path / "f.parquet").read_bytes()).status_code in (200, 201)
    assert server.request("POST", "/datasets", json={"name": "bare", "location": "bare"}).status_code == 201
    assert compacted(server, "bare")["files_before"] == 3


def test_target_size_and_sort_order(server):
    columns = Schema(NestedField(1, "id", LongType()), NestedField(2, "v", StringType()))
    order = SortOrder(SortField(source_id=1, transform=IdentityTransform(), direction=SortDirection.DESC, null_order=NullOrder.NULLS_LAST))
    server.pyiceberg().create_table("data.sorted", columns, sort_order=order)
    rows = 200_000
    for i in range(4):
        server.sql(f"INSERT INTO sorted SELECT hash(i * 4 + {i}) % {4 * rows}, md5(i::VARCHAR) FROM range({rows // 4}) r(i)")
    done = compacted(server, "sorted", target_file_bytes=2 << 20, all=True)
    files = sorted(data_files(server, "sorted"), key=lambda f: f.record_count)
    assert done["files_after"] == len(files) > 1
    ids = sorted(server.sql("SELECT filename, min(id), max(id) FROM sorted GROUP BY filename"), key=lambda r: -r[1])
    assert all(a[1] >= b[2] for a, b in zip(ids, ids[1:]))  # ranges do not overlap
    import pyarrow.parquet as pq
    inside = pq.read_table(ids[0][0].removeprefix("file://"), columns=["id"])["id"].to_pylist()
    assert inside == sorted(inside, reverse=True)
    assert {f.sort_order_id for f in files} == {1}
    asked = compacted(server, "sorted", target_file_bytes=1 << 30, all=True, sort=[{"column": "v", "direction": "desc", "nulls": "last"}])
    assert asked["files_after"] == 1 and {f.sort_order_id for f in data_files(server, "sorted")} == {None}


def layout(server, name, status=200, **body):
    answer = server.request("PUT", f"/catalog/datasets/by-name/{name}/layout", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def rows_of_files(server, name, column):
    import pyarrow.parquet as pq
    return [pq.read_table(f.file_path.removeprefix("file://"), columns=[column])[column].to_pylist() for f in data_files(server, name)]


def test_a_sort_order_is_kept_by_ingest_and_compaction(server):
    text = b"k,v\n" + b"".join(b"%d,x%d\n" % (i * 7919 % 1000, i) for i in range(1000))
    assert server.ingest(text, "ordered").status_code == 201
    assert layout(server, "ordered", sort=[{"column": "k", "direction": "desc"}])["sort"] == [{"column": "k", "transform": "identity", "direction": "desc", "nulls": "last"}]
    assert server.ingest(text + b"5,new\n", "ordered", mode="append").status_code == 200
    orders = [ks == sorted(ks, reverse=True) for ks in rows_of_files(server, "ordered", "k")]
    assert orders.count(True) == 1 and len(orders) == 2  # what was there stays as it was
    server.sql("INSERT INTO ordered VALUES (3, 'y')")
    compacted(server, "ordered")
    (ks,) = rows_of_files(server, "ordered", "k")
    assert ks == sorted(ks, reverse=True) and len(ks) == 2002
    assert data_files(server, "ordered")[0].sort_order_id == table(server, "ordered").sort_order().order_id > 0
    assert layout(server, "ordered", sort=[])["sort"] == []


def test_a_sort_order_is_kept_by_upserts_and_by_files_that_lack_a_column(server):
    text = b"k,g,v\n" + b"".join(b"%d,%d,x%d\n" % (i * 7919 % 1000, i % 3, i) for i in range(1000))
    assert server.ingest(text, "upserted").status_code == 201
    layout(server, "upserted", sort=[{"column": "g"}, {"column": "k", "direction": "desc"}])
    descending = lambda keys: keys == sorted(keys, key=lambda key: (key[0] is not None, key[0], -key[1]))
    old = set(paths_of(server, "upserted"))
    half = b"k,v\n" + b"".join(b"%d,y%d\n" % (i * 31 % 500, i) for i in range(500))
    assert server.ingest(half, "upserted", mode="upsert", key="k").status_code == 200  # g stays as it is
    assert server.ingest(half.replace(b"y", b"z"), "upserted", mode="append").status_code == 200  # g is null
    import pyarrow.parquet as pq
    written = [pq.read_table(path.removeprefix("file://"), columns=["g", "k"]).to_pylist() for path in paths_of(server, "upserted") if path not in old]
    assert sorted({row["g"] for row in rows} == {None} for rows in written) == [False, True]
    assert all(len(rows) == 500 and descending([(row["g"], row["k"]) for row in rows]) for rows in written)
    assert server.sql("SELECT count(*), count(g), count(*) FILTER (v LIKE 'y%') FROM upserted") == [[1500, 1000, 500]]


def test_partitions_are_kept_by_ingest_and_compaction(server):
    text = b"k,d\n" + b"".join(b"%d,2024-0%d-15\n" % (i, i % 3 + 1) for i in range(90))
    assert server.ingest(text, "parted").status_code == 201
    told = layout(server, "parted", partition=[{"column": "d", "transform": "month"}, {"column": "k", "transform": "bucket[2]"}])
    assert told["partition"] == [{"column": "d", "transform": "month"}, {"column": "k", "transform": "bucket[2]"}]
    assert server.request("GET", "/catalog/datasets/by-name/parted/layout").json() == told
    for more in (b"100,2024-01-01\n", b"101,2024-02-01\n"):
        assert server.ingest(text + more, "parted", mode="append").status_code == 200
    files = data_files(server, "parted")
    assert len([f for f in files if f.spec_id == 1]) == 12 and len([f for f in files if f.spec_id == 0]) == 1
    compacted(server, "parted")
    assert sorted(f.spec_id for f in data_files(server, "parted")) == [0] + [1] * 6
    assert server.sql("SELECT count(*) FROM parted WHERE d = DATE '2024-02-15'") == [[90]]
    assert compacted(server, "parted")["files_before"] == 0


@pytest.mark.parametrize("mode", ["append", "replace", "upsert"])
def test_a_layout_is_kept_by_every_mode_and_by_a_restart(server, mode):
    import pyarrow.parquet as pq
    name, fields = f"kept_by_{mode}", {"mode": mode, **({"key": "k"} if mode == "upsert" else {})}
    text = lambda v: b"k,d,v\n" + b"".join(b"%d,2024-0%d-15,%s\n" % (i * 7919 % 900, i % 3 + 1, v) for i in range(900))
    assert server.ingest(text(b"x"), name).status_code == 201
    told = layout(server, name, sort=[{"column": "k", "direction": "desc"}], partition=[{"column": "d", "transform": "month"}], bloom=["k"])
    get = lambda: server.request("GET", f"/catalog/datasets/by-name/{name}/layout").json()
    assert server.ingest(text(b"x"), name, mode="replace").status_code == 200 and get() == told  # without files of the old partitions
    for round_ in range(2):  # before and after a restart
        old = set(paths_of(server, name))
        answer = server.ingest(text(b"y%d" % round_), name, **fields)
        assert answer.status_code == 200, answer.text
        written = [f for f in data_files(server, name) if f.file_path not in old]
        assert {f.spec_id for f in written} == {table(server, name).spec().spec_id} and len({str(f.partition) for f in written}) == 3
        for file in written:
            rows = pq.read_table(file.file_path.removeprefix("file://"), columns=["k", "d"], partitioning=None).to_pylist()
            assert len({row["d"].month for row in rows}) == 1 and [row["k"] for row in rows] == sorted((row["k"] for row in rows), reverse=True)
        assert get() == told and told["bloom"] == ["k"]
        assert server.sql(f"SELECT count(*), count(*) FILTER (v = 'y{round_}') FROM {name}") == [[900 * (round_ + 2) if mode == "append" else 900, 900]]
        server.restart()
        assert get() == told


def test_layouts_that_do_not_fit(server):
    server.sql("CREATE TABLE fits (i INTEGER, s VARCHAR, d DATE, l INTEGER[])")
    for body, words in [({"sort": [{"column": "zz"}]}, "zz"), ({"sort": [{"column": "i", "transform": "bucket[3]"}]}, "bucket"), ({"sort": [{"column": "l"}]}, "'l'"),
                        ({"partition": [{"column": "s", "transform": "month"}]}, "month"), ({"partition": [{"column": "i", "transform": "bucket[0]"}]}, "bucket"),
                        ({"partition": [{"column": "i", "transform": "nonsense"}]}, "nonsense"), ({"partition": [{"column": "d", "transform": "hour"}]}, "hour"),
                        ({"sort": [{"column": "i", "direction": "up"}]}, "asc or desc"), ({"bloom": ["zz"]}, "zz"), ({"sort": "i"}, "array"), ({"cluster": []}, "unknown")]:
        assert words in json.dumps(layout(server, "fits", status=400, **body)), body
    assert server.request("GET", "/catalog/datasets/by-name/no_such/layout").status_code == 404


def test_bloom_filters_are_written_when_asked_for(server):
    fill(server, "bloomed", appends=3, rows=500)
    blooms = lambda: [[r[0] for r in server.duckdb().execute("SELECT bloom_filter_offset IS NOT NULL FROM parquet_metadata(?)", [f.file_path]).fetchall()] for f in data_files(server, "bloomed")]
    compact(server, "bloomed")
    assert not any(any(b) for b in blooms())
    assert layout(server, "bloomed", bloom=["id"])["bloom"] == ["id"]
    compacted(server, "bloomed", all=True)
    assert all(b[0] for b in blooms())
    assert layout(server, "bloomed", bloom=[])["bloom"] == []


def test_refusals(server):
    fill(server, "refused", appends=2)
    for body, words in [({"target_file_bytes": 1}, "at least"), ({"sort": "id"}, "array"), ({"sort": [{"column": "nope"}]}, "nope"),
                        ({"sort": [{"column": "id", "direction": "up"}]}, "asc or desc"), ({"unknown": 1}, "unknown"), ({"dry_run": 1}, "true or false")]:
        assert words in json.dumps(compact(server, "refused", status=400, **body))
    compact(server, "no_such_table", status=404)
    assert server.request("POST", "/query/compact", json={}).status_code == 400
    columns = Schema(NestedField(1, "id", LongType()))
    server.pyiceberg().create_table("data.third", columns, properties={"format-version": "3"})
    assert "format 3" in json.dumps(compact(server, "third", status=400))
    server.sql("CREATE TABLE nothing (a INTEGER)")
    assert compact(server, "nothing")["files_before"] == 0
    assert server.request("GET", "/maintenance").json()["jobs"] == []


def test_all_rows_deleted(server):
    fill(server, "emptied", appends=2)
    server.sql("DELETE FROM emptied")
    assert compacted(server, "emptied")["files_after"] == 0
    server.sql("INSERT INTO emptied VALUES (1, NULL, 'x')")
    assert server.sql("SELECT id FROM emptied") == [[1]]


def test_writers_go_on(server):
    """Appends, updates and deletes of our SQL, compaction all the while: no row lost, none twice, none back."""
    server.sql("CREATE TABLE busy (w INTEGER, i INTEGER, n INTEGER)")
    rounds, failed, counts = 4 if SANITIZED else 10, [], {"done": 0, "conflict": 0}

    def write(writer):
        for i in range(rounds):
            for sql in [f"INSERT INTO busy SELECT {writer}, {i} * 10 + k, 0 FROM range(10) r(k)", f"UPDATE busy SET n = n + 1 WHERE w = {writer} AND i = {i} * 10",
                        f"DELETE FROM busy WHERE w = {writer} AND i = {i} * 10 + 9"]:
                answer = server.query(sql)
                if answer.status_code != 200:
                    failed.append(answer.text)

    writers = [threading.Thread(target=write, args=(w,)) for w in range(2)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        answer = server.request("POST", "/query/compact", json={"dataset": "busy"})
        assert answer.status_code in (200, 409), answer.text
        counts["done" if answer.status_code == 200 else "conflict"] += 1
        assert server.query("SELECT count(*) FROM busy").status_code == 200
    for writer in writers:
        writer.join()
    assert not failed and counts["done"] > 0
    compacted(server, "busy")
    assert server.sql("SELECT count(*), count(DISTINCT (w, i)), sum(n) FROM busy") == [[2 * rounds * 9, 2 * rounds * 9, 2 * rounds]]


def test_a_delete_of_a_file_that_was_replaced_is_a_conflict(server):
    """A writer that read the table before a compaction and names the one after as parent would lose its delete."""
    from pyiceberg.manifest import MANIFEST_LIST_FILE_SCHEMAS, ManifestFile, write_manifest_list
    fill(server, "late", appends=2)
    before = table(server, "late").current_snapshot()
    server.sql("DELETE FROM late WHERE id = 1")
    deleted = table(server, "late")
    late = [m for m in deleted.current_snapshot().manifests(deleted.io) if m.content == 1]
    rolled = server.request("POST", "/catalog/datasets/by-name/late/rollback", json={"snapshot_id": before.snapshot_id})
    assert rolled.status_code == 200, rolled.text
    compact(server, "late")
    now = table(server, "late")
    parent, sequence, id_ = now.current_snapshot(), now.metadata.last_sequence_number + 1, 4711
    location = f"{now.location()}/metadata/late-list.avro"
    fields = [f.name for f in MANIFEST_LIST_FILE_SCHEMAS[2].fields]
    own = {"sequence_number": sequence, "min_sequence_number": sequence, "added_snapshot_id": id_}
    mine = [ManifestFile.from_args(_table_format_version=2, **{**{name: getattr(m, name) for name in fields}, **own}) for m in late]
    with write_manifest_list(2, now.io.new_output(location), id_, parent.snapshot_id, sequence, avro_compression="null") as out:
        out.add_manifests(mine + parent.manifests(now.io))
    snapshot = {"snapshot-id": id_, "parent-snapshot-id": parent.snapshot_id, "sequence-number": sequence, "timestamp-ms": int(time.time() * 1000),
                "manifest-list": location, "summary": {"operation": "delete"}, "schema-id": 0}
    answer = server.request("POST", "/iceberg/v1/namespaces/data/tables/late", json={"requirements": [], "updates": [
        {"action": "add-snapshot", "snapshot": snapshot}, {"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": id_}]})
    assert answer.status_code == 409 and "compaction" in answer.text, answer.text
    assert server.sql("SELECT count(*) FROM late") == [[40]]


def test_expiry_after_compaction_frees_the_old_files(server):
    fill(server, "freed")
    old = [pathlib.Path(f.file_path.removeprefix("file://")) for f in data_files(server, "freed")]
    compact(server, "freed")
    answer = server.request("POST", "/catalog/datasets/by-name/freed/expire-snapshots", json={"older_than_ms": 0, "grace_ms": 0})
    assert answer.status_code == 200 and not any(path.exists() for path in old)
    assert server.sql("SELECT count(*) FROM freed") == [[120]] and verified(server, "freed")["ok"]


class Steps:
    """The steps of maintenance, each with something to do: a method gets that ready and gives the request."""

    def __init__(self, server):
        self.server = server

    def compact(self, round_):
        self.server.sql(f"INSERT INTO crashed SELECT {10_000 + round_}, NULL, 'x'")
        self.server.sql(f"DELETE FROM crashed WHERE id = {round_}")
        return "/query/compact", {"dataset": "crashed"}

    def expire(self, round_):
        return "/catalog/datasets/by-name/crashed/expire-snapshots", {"older_than_ms": 0, "grace_ms": 0}

    def orphans(self, round_):
        for i in range(250):
            path = location(self.server, "crashed") / "data" / f"left-{i}.parquet"
            path.write_bytes(b"x")
            os.utime(path, (LONG_AGO, LONG_AGO))
        return "/catalog/datasets/by-name/crashed/remove-orphans", {}

    def dropped(self, round_):
        self.server.sql(f"CREATE TABLE gone_{round_} AS SELECT 1 AS a")
        for i in range(100):
            (location(self.server, f"gone_{round_}") / "data" / f"more-{i}.parquet").write_bytes(b"x")
        self.server.pyiceberg().drop_table(f"data.gone_{round_}")
        return "/catalog/remove-dropped", {"older_than_ms": 0}

    def move(self, round_):
        self.server.request("DELETE", "/datasets/by-name/moving?purge=true")
        self.server.sql("CREATE TABLE moving AS FROM crashed")
        return "/catalog/datasets/by-name/moving/move", {"bucket": "two"}

    def resync(self, round_):
        self.server.sql(f"INSERT INTO crashed SELECT {20_000 + round_}, NULL, 'x'")  # DuckDB tells no total size
        self.server.sql(f"DELETE FROM crashed WHERE id = {20_000 + round_}")
        return "/catalog/resync-missing", {"dataset": "crashed"}


LONG_AGO = time.time() - 4 * 24 * 3600


def location(server, name):
    return pathlib.Path(table(server, name).location().removeprefix("file://"))


def folders_with_files(bucket):
    """The folders of tables in a bucket in which any file lies."""
    return sorted(folder for folder in (bucket / "lake").glob("*/*") if any(path.is_file() for path in folder.rglob("*")))


def killed_within(server, delay, path, body):
    """Sends the request, kills the server after so many seconds and starts it again; how long the answer took, None: there was none."""
    took = []

    def call():
        started = time.monotonic()
        try:
            answer = server.request("POST", path, json=body)
        except requests.RequestException:
            return  # the server died under it
        assert answer.status_code == 200, answer.text
        took.append(time.monotonic() - started)

    caller = threading.Thread(target=call)
    caller.start()
    time.sleep(delay)
    server.kill()
    caller.join()
    server.start()
    return took[0] if took else None


def test_readers_of_old_snapshots_are_not_broken_within_the_grace_time(server):
    """A statement that streams, a client's open transaction and a loaded table: all began before compaction, expiry and removal of orphans."""
    rows = 10_000 if SANITIZED else 30_000
    server.sql("CREATE TABLE long_read (id BIGINT, s VARCHAR)")
    for i in range(6):
        server.sql(f"INSERT INTO long_read SELECT i, repeat(md5(i::VARCHAR), 4) FROM range({i * rows}, {(i + 1) * rows}) r(i)")
    held, old = table(server, "long_read"), paths_of(server, "long_read")
    client = server.duckdb()
    client.execute("BEGIN")
    assert client.execute("SELECT count(*) FROM lake.data.long_read").fetchall() == [(6 * rows,)]
    answer = server.request("POST", "/query/sql", json={"sql": "FROM long_read", "format": "ndjson"}, stream=True)
    lines = answer.iter_lines(chunk_size=64 << 10)
    read = [next(lines)]
    assert compact(server, "long_read", all=True)["files_before"] == 6
    for path in old:
        os.utime(path.removeprefix("file://"), (LONG_AGO, LONG_AGO))
    dataset = "/catalog/datasets/by-name/long_read"
    assert server.request("POST", f"{dataset}/expire-snapshots", json={"older_than_ms": 0}).json()["deleted_files"] == 0
    assert server.request("POST", f"{dataset}/remove-orphans", json={}).json()["orphan_files"] == 0
    read += list(lines)
    ids = [json.loads(line)["id"] for line in read if line.startswith(b'{"id"')]
    assert len(ids) == len(set(ids)) == 6 * rows
    assert client.execute("SELECT count(*), sum(id) FROM lake.data.long_read").fetchall() == [(6 * rows, sum(range(6 * rows)))]
    client.execute("COMMIT")
    assert [t.file.file_path for t in held.scan().plan_files()] and held.scan().to_arrow().num_rows == 6 * rows
    # when nobody reads any more they go
    assert server.request("POST", f"{dataset}/expire-snapshots", json={"older_than_ms": 0, "grace_ms": 0}).json()["deleted_files"] >= 6
    assert not any(os.path.exists(path.removeprefix("file://")) for path in old) and verified(server, "long_read")["ok"]


def test_a_compaction_whose_writers_are_faster_gives_up_whole(server):
    """Rows of its files are deleted all the while: three tries, and the table is what the writer made of it."""
    rows = 40_000 if SANITIZED else 150_000
    server.sql("CREATE TABLE contested AS SELECT i AS id, md5(i::VARCHAR) AS s FROM range(10) r(i)")
    server.sql(f"INSERT INTO contested SELECT i, md5(i::VARCHAR) FROM range(10, {rows}) r(i)")
    files, answers, done = paths_of(server, "contested"), [], threading.Event()
    conflicts = server.metric("lakehouse_compactions_conflicts_total")

    def compact_all():
        answers.append(server.request("POST", "/query/compact", json={"dataset": "contested", "all": True, "sort": [{"column": "s"}]}))
        done.set()

    compactor = threading.Thread(target=compact_all)
    compactor.start()
    deleted = 0
    while not done.is_set():
        server.sql(f"DELETE FROM contested WHERE id = {deleted}")
        deleted += 1
    compactor.join()
    assert answers[0].status_code == 409 and "meanwhile" in answers[0].text, answers[0].text
    assert server.metric("lakehouse_compactions_conflicts_total") == conflicts + 3
    now = table(server, "contested")
    assert not any(snapshot.summary.operation.value == "replace" for snapshot in now.metadata.snapshots)
    assert paths_of(server, "contested") == files and verified(server, "contested")["ok"]
    assert not any("compact-" in str(path) for path in location(server, "contested").rglob("*") if path.is_file())
    assert server.sql("SELECT count(*), min(id) FROM contested") == [[rows - deleted, deleted]]
    assert compact(server, "contested", all=True)["rows"] == rows - deleted


@pytest.mark.skipif(SANITIZED, reason="kills say nothing of memory")
def test_a_crash_loses_nothing(fresh, tmp_path):
    """SIGKILL at a random moment of each step of maintenance (LAKEHOUSE_KILLS=50: `make crash`): the rows are there, and it can be done again."""
    (tmp_path / "lakehouse.toml").write_text('[storage]\n[[storage.buckets]]\nname = "two"\nroot = "two"\n')
    server = fresh("--config", "lakehouse.toml", cwd=tmp_path)
    fill(server, "crashed", appends=4, rows=200)
    rows = lambda name: server.sql(f"SELECT count(*), sum(hash(t)) FROM {name} t")
    names = ("compact", "expire", "orphans", "dropped", "move", "resync")
    dice, within, span = random.Random(20261127), dict.fromkeys(names, 0), dict.fromkeys(names, 0.1)
    for round_ in range(KILLS):
        for name in names:
            path, body = getattr(Steps(server), name)(round_)
            sums = rows("crashed")
            took = killed_within(server, dice.random() * span[name], path, body)
            within[name] += took is None
            span[name] = 1.5 * span[name] if took is None else took  # so that kills fall on all of the step
            assert rows("crashed") == sums and verified(server, "crashed")["ok"]
            if name == "move":
                assert rows("moving") == sums and verified(server, "moving")["ok"]
    print(f"{KILLS} kills of each step, within it: {within}")
    assert all(within.values()) if KILLS > 7 else any(within.values())
    assert sums[0][0] == 800
    compacted(server, "crashed")
    for path, body in (Steps(server).orphans(KILLS), ("/catalog/remove-dropped", {"older_than_ms": 0}), Steps(server).expire(KILLS), Steps(server).resync(KILLS)):
        answer = server.request("POST", path, json=body)
        assert answer.status_code == 200 and not answer.json().get("problems"), answer.text
    assert not any("left-" in path.name for path in location(server, "crashed").rglob("*"))
    assert server.request("POST", "/catalog/remove-dropped", json={"older_than_ms": 0}).json()["tables"] == []
    assert not any("more-" in path.name for path in tmp_path.rglob("*"))
    assert set(folders_with_files(tmp_path / "two")) <= {location(server, "moving")}  # nothing of a move that broke off
    assert rows("crashed")[0][0] == 800 and verified(server, "crashed")["ok"]


@pytest.fixture
def two_buckets(fresh, tmp_path):
    """Starts a gateway of a lake with a bucket `two` in tmp_path."""
    (tmp_path / "lakehouse.toml").write_text('[storage]\n[[storage.buckets]]\nname = "two"\nroot = "two"\n')
    return lambda: fresh("--config", "lakehouse.toml", root=tmp_path / "lake", cwd=tmp_path)


def move_to_two(server, name):
    return server.request("POST", f"/catalog/datasets/by-name/{name}/move", json={"bucket": "two"})


def test_a_move_whose_writers_elsewhere_are_faster_gives_up_whole(two_buckets, tmp_path):
    server, other = two_buckets(), two_buckets()
    rows = 40_000 if SANITIZED else 300_000
    server.sql(f"CREATE TABLE wanted AS SELECT i AS id, md5(i::VARCHAR) AS s FROM range({rows}) r(i)")
    layout(server, "wanted", sort=[{"column": "s"}])  # so that each try takes a while
    assert other.request("GET", "/ready").status_code == 200  # sees what the first one did
    answers, written = [], 0
    mover = threading.Thread(target=lambda: answers.append(move_to_two(server, "wanted")))
    mover.start()
    while mover.is_alive():
        other.sql(f"INSERT INTO wanted VALUES ({rows + written}, 'x')")
        written += 1
    mover.join()
    assert answers[0].status_code == 409 and "meanwhile" in answers[0].text, answers[0].text
    assert server.metric("lakehouse_compactions_conflicts_total") == 3
    assert folders_with_files(tmp_path / "two") == [] and location(server, "wanted").is_relative_to(tmp_path / "lake")
    assert server.request("POST", "/catalog/remove-dropped", json={"older_than_ms": 0}).json()["tables"] == []
    for gateway in (server, other):
        assert gateway.request("GET", "/ready").status_code == 200
        assert gateway.sql("SELECT count(*), max(id) FROM wanted") == [[rows + written, rows + written - 1]]
    assert verified(server, "wanted")["ok"] and move_to_two(server, "wanted").json()["rows"] == rows + written


@pytest.mark.parametrize("harm, words", [("missing", ""), ("cut", ""), ("fewer rows", "nothing is changed")])
def test_a_table_whose_files_are_damaged_does_not_move(two_buckets, tmp_path, harm, words):
    import pyarrow.parquet as pq
    server = two_buckets()
    server.sql("CREATE TABLE hurt AS SELECT i AS id FROM range(1000) r(i)")
    server.sql("INSERT INTO hurt SELECT i AS id FROM range(1000, 1500) r(i)")
    before, path = table(server, "hurt").metadata_location, pathlib.Path(paths_of(server, "hurt")[0].removeprefix("file://"))
    whole = path.read_bytes()
    if harm == "missing":
        path.unlink()
    elif harm == "cut":
        path.write_bytes(whole[:-8])
    else:
        pq.write_table(pq.read_table(path).slice(0, 400), path)
    answer = move_to_two(server, "hurt")
    assert answer.status_code == 500 and words in answer.text, answer.text
    assert table(server, "hurt").metadata_location == before and folders_with_files(tmp_path / "two") == []
    assert server.request("POST", "/catalog/remove-dropped", json={"older_than_ms": 0}).json()["tables"] == []
    path.write_bytes(whole)
    server.restart()
    assert move_to_two(server, "hurt").json()["rows"] == 1500 and verified(server, "hurt")["ok"]


def test_what_a_move_left_that_was_killed_is_removed(two_buckets, tmp_path):
    server = two_buckets()
    remove = lambda **body: server.request("POST", "/catalog/remove-dropped", json=body).json()
    server.sql(f"CREATE TABLE killed AS SELECT i, md5(i::VARCHAR) AS v FROM range({100_000 if SANITIZED else 1_000_000}) r(i)")
    rows, caller = server.sql("SELECT count(*), sum(hash(t)) FROM killed t"), threading.Thread(target=lambda: kills(server))

    def kills(server):  # once its first file is there
        wait_for(lambda: any((tmp_path / "two").rglob("*.parquet")), every=0.001)
        server.kill()

    caller.start()
    with pytest.raises(requests.RequestException):
        move_to_two(server, "killed")
    caller.join()
    server.start()
    (left,) = folders_with_files(tmp_path / "two")
    assert location(server, "killed") != left and server.sql("SELECT count(*), sum(hash(t)) FROM killed t") == rows
    assert remove()["tables"] == [] and folders_with_files(tmp_path / "two") == [left]  # it may still run, elsewhere
    (told,) = remove(older_than_ms=0)["tables"]
    assert (told["dataset"], told["metadata"]) == ("data.killed", "") and told["files"] >= 1
    assert folders_with_files(tmp_path / "two") == [] and remove(older_than_ms=0)["tables"] == []
    assert move_to_two(server, "killed").status_code == 200
    assert remove(older_than_ms=0)["tables"] == []  # the commit made the folder the table's
    assert server.sql("SELECT count(*), sum(hash(t)) FROM killed t") == rows and verified(server, "killed")["ok"]
    server.sql("DROP TABLE killed")
    assert folders_with_files(tmp_path / "lake") != []  # what it left there, for its older snapshots
    assert [told["dataset"] for told in remove(older_than_ms=0)["tables"]] == ["data.killed"]
    assert folders_with_files(tmp_path / "two") == folders_with_files(tmp_path / "lake") == []


@pytest.mark.parametrize("by", ["statement", "load"])
def test_what_a_table_left_that_was_killed_before_it_was_there_is_removed(fresh, by):
    server, rows = fresh(), 100_000 if SANITIZED else 1_000_000
    remove = lambda **body: server.request("POST", "/catalog/remove-dropped", json=body).json()
    lake = server.root

    def kill():  # once its first file is there
        wait_for(lambda: any(lake.rglob("*.parquet")), every=0.001)
        server.kill()

    caller = threading.Thread(target=kill)
    caller.start()
    with pytest.raises(requests.RequestException):
        if by == "statement":
            server.sql(f"CREATE TABLE never AS SELECT i, md5(i::VARCHAR) AS v FROM range({rows}) r(i)")
        else:
            server.ingest(b"i,v\n" + b"".join(b"%d,%032d\n" % (i, i * 7919) for i in range(rows)), "never")
    caller.join()
    server.start()
    (left,) = folders_with_files(lake)
    assert server.request("GET", "/datasets/by-name/never").status_code == 404
    assert remove()["tables"] == [] and folders_with_files(lake) == [left]  # it may still run, elsewhere
    (told,) = remove(older_than_ms=0)["tables"]
    assert (told["dataset"], told["metadata"]) == ("data.never", "") and told["files"] >= 1
    assert folders_with_files(lake) == [] and remove(older_than_ms=0)["tables"] == []
    with pytest.raises(AssertionError):
        server.sql("CREATE TABLE never AS SELECT CASE WHEN i = 99999 THEN error('no') ELSE 'x' END FROM range(100000) r(i)")
    server.sql("CREATE TABLE never AS SELECT 1 AS i")
    assert remove(older_than_ms=0)["tables"] == []  # the one that failed left nothing, the other's folder is the table's
    assert server.sql("FROM never") == [[1]] and verified(server, "never")["ok"]


def test_the_command_line(server):
    fill(server, "by_hand")
    def run(*words):
        done = subprocess.run([BINARY, "tables", *words, "--url", server.url], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout
    assert "6 files" in run("compact", "by_hand", "--dry-run")
    assert " became 1, " in run("compact", "by_hand", "--sort", "v,id desc", "--target", "64")
    assert "nothing to compact" in run("compact", "by_hand")
    assert '"transform":"month"' in run("partition", "by_hand", "month(d),bucket[4](id)")
    assert '"direction":"desc"' in run("sort", "by_hand", "v,id desc") and '"direction":"desc"' in run("sort", "by_hand")
    assert run("sort", "by_hand", "") == "sort: []\n" and run("bloom", "by_hand", "id") == 'bloom: ["id"]\n'


def test_the_background_policy(fresh):
    settings = {"ENABLED": "true", "INTERVAL_MS": "200", "FILES_MIN": "4", "SNAPSHOT_AGE_MS": "0", "SNAPSHOT_GRACE_MS": "0"}  # orphans: three days
    running = fresh(env={f"LAKEHOUSE__MAINTENANCE__{k}": v for k, v in settings.items()})
    fill(running, "watched")
    running.sql("CREATE TABLE third AS SELECT 1 AS a")  # nothing to do there
    wait_for(lambda: running.metric("lakehouse_compactions_total") > 0 and len(table(running, "watched").metadata.snapshots) == 1)
    wait_for(lambda: running.metric("lakehouse_maintenance_snapshots_expired_total") > 0)  # counted behind the commit
    old, young = (location(running, "third") / "data" / f"{name}.parquet" for name in ("old", "young"))
    young.write_bytes(b"y")
    aside = running.root.parent / "aside"
    aside.write_bytes(b"x")
    os.utime(aside, (LONG_AGO, LONG_AGO))
    removed = running.metric("lakehouse_maintenance_orphans_removed_total")
    aside.rename(old)
    wait_for(lambda: running.metric("lakehouse_maintenance_orphans_removed_total") == removed + 1)
    assert not old.exists() and young.exists() and running.sql("FROM third") == [[1]] and verified(running, "third")["ok"]
    assert running.sql("SELECT count(*) FROM watched") == [[120]] and verified(running, "watched")["ok"]
    policy = running.request("GET", "/maintenance").json()["policy"]
    assert policy["enabled"] and policy["rounds"] > 0
    assert running.metric("lakehouse_maintenance_failed_total") == 0
    log = running.log_text()
    assert '"maintained"' in log and '"data.watched"' in log
    running.stop()  # in the middle of whatever it does


def test_without_the_setting_nothing_happens_by_itself(server):
    assert not server.request("GET", "/maintenance").json()["policy"]["enabled"]


def test_files_of_dropped_tables(fresh):
    running = fresh()
    drop = lambda **body: running.request("POST", "/catalog/remove-dropped", json=body).json()
    for name in ("stays", "back", "gone"):
        running.sql(f"CREATE TABLE {name} AS SELECT 1 AS a")
    folders = {name: pathlib.Path(table(running, name).location().removeprefix("file://")) for name in ("stays", "back", "gone")}
    metadata = table(running, "back").metadata_location
    for name in ("back", "gone"):
        running.pyiceberg().drop_table(f"data.{name}")
    assert drop()["tables"] == []  # within the grace time
    said = drop(older_than_ms=0, dry_run=True)
    assert sorted(t["dataset"] for t in said["tables"]) == ["data.back", "data.gone"] and said["files"] >= 6
    running.pyiceberg().register_table("data.back", metadata)
    running.restart()
    done = drop(older_than_ms=0)
    assert [t["dataset"] for t in done["tables"]] == ["data.gone"]
    assert not any(p.is_file() for p in folders["gone"].rglob("*")) and any(p.is_file() for p in folders["back"].rglob("*"))
    assert running.sql("FROM back") == [[1]] and running.sql("FROM stays") == [[1]]
    assert drop(older_than_ms=0)["tables"] == []
    running.sql("CREATE TABLE purged AS SELECT 1 AS a")
    assert running.request("DELETE", "/iceberg/v1/namespaces/data/tables/purged", params={"purgeRequested": "true"}).status_code == 204
    assert drop(older_than_ms=0, dry_run=True)["files"] == 0


def test_a_bucket_that_is_gone_keeps_no_other_dropped_table(two_buckets, tmp_path):
    server = two_buckets()
    for name in ("here", "there", "zero"):
        server.sql(f"CREATE TABLE {name} AS SELECT 1 AS a")
    assert move_to_two(server, "there").status_code == 200
    for name in ("here", "there", "zero"):
        server.sql(f"DROP TABLE {name}")
    server.stop()
    whole = (tmp_path / "lakehouse.toml").read_text()
    (tmp_path / "lakehouse.toml").write_text("[storage]\n")
    server.start()
    answer = server.request("POST", "/catalog/remove-dropped", json={"older_than_ms": 0})
    (problem,) = answer.json()["problems"]
    assert "two" in problem["problem"] and problem["folder"].startswith("//two/lake/data/there-"), answer.text
    assert sorted(told["dataset"] for told in answer.json()["tables"]) == ["data.here", "data.zero"]
    run = subprocess.run([BINARY, "tables", "dropped", "--older-than", "0", "--url", server.url], capture_output=True, text=True)
    assert run.returncode == 1 and problem["problem"] in run.stdout and "tried again" in run.stderr, run
    kept = [folder.name.split("-")[0] for folder in folders_with_files(tmp_path / "lake")]
    assert kept == ["there"] and len(folders_with_files(tmp_path / "two")) == 1
    server.stop()
    (tmp_path / "lakehouse.toml").write_text(whole)
    server.start()
    (told,) = server.request("POST", "/catalog/remove-dropped", json={"older_than_ms": 0}).json()["tables"]
    assert told["dataset"] == "data.there" and folders_with_files(tmp_path / "lake") == folders_with_files(tmp_path / "two") == []


def test_all_steps_on_s3(s3, fresh, tmp_path):
    store = S3Server(tmp_path / "buckets", "tidy")
    running = fresh(env={**s3["env"], "LAKEHOUSE__STORAGE__S3_ENDPOINT": store.url, "LAKEHOUSE__STORAGE__S3_BUCKET": "tidy"})
    fill(running, "remote", appends=4)
    running.sql("DELETE FROM remote WHERE id % 7 = 0")
    at = tmp_path / "buckets" / "tidy" / running.request("GET", "/datasets/by-name/remote").json()["location"].removeprefix("s3://tidy/")
    objects = lambda: {path for path in at.rglob("*") if path.is_file()}
    rows, before, step = plain(running.sql("FROM remote")), objects(), "/catalog/datasets/by-name/remote/"
    done = compact(running, "remote")
    assert (done["files_before"], done["files_after"], done["rows"]) == (4, 1, len(rows)) and done["delete_files_removed"] >= 1
    assert before < objects()  # what it replaced stays for its snapshots
    expired = running.request("POST", step + "expire-snapshots", json={"older_than_ms": 0, "grace_ms": 0}).json()
    data = {path for path in objects() if path.suffix == ".parquet"}
    assert len(expired["expired_snapshots"]) >= 5 and len(data) == 1 and not data & before
    old, young = at / "data" / "old.parquet", at / "data" / "young.parquet"
    for path in (old, young):
        path.write_bytes(b"left")
    for path in [old, *data]:
        os.utime(path, (LONG_AGO, LONG_AGO))
    said = running.request("POST", step + "remove-orphans", json={"dry_run": True}).json()
    assert said["orphan_files"] == 1 and said["files"][0].endswith("data/old.parquet") and old.exists()
    assert running.request("POST", step + "remove-orphans", json={}).json()["orphan_files"] == 1
    assert not old.exists() and young.exists() and data < objects()
    assert plain(running.sql("FROM remote")) == rows and verified(running, "remote")["ok"]
    running.sql("DROP TABLE remote")
    assert running.request("POST", "/catalog/remove-dropped", json={}).json()["tables"] == [] and data < objects()
    (told,) = running.request("POST", "/catalog/remove-dropped", json={"older_than_ms": 0}).json()["tables"]
    assert told["dataset"] == "data.remote" and told["files"] >= 3 and objects() == set()
    running.stop()
    store.stop()


def test_a_replacing_ingest_is_one_overwrite_of_new_files(server):
    assert server.ingest(b"a,b\n1,x\n2,y\n3,z\n", "swap").status_code == 201
    server.sql("DELETE FROM swap WHERE a = 1")
    before = table(server, "swap").current_snapshot()
    for body, rows in [(b"a,b\n7,q\n", 1), (b"a,b,c\n8,q,1\n9,r,2\n", 2), (b"a,b\n", 0), (b"a,b\n5,t\n", 1)]:
        last = table(server, "swap").current_snapshot()
        answer = server.ingest(body, "swap", mode="replace")
        assert answer.status_code == 200 and answer.json()["rows"] == rows, answer.text
        now = table(server, "swap")
        snapshot = now.current_snapshot()
        assert snapshot.parent_snapshot_id == last.snapshot_id and snapshot.summary.operation.value == "overwrite"
        manifests = snapshot.manifests(now.io)
        assert all(m.added_snapshot_id == snapshot.snapshot_id and m.content == 0 for m in manifests) and len(manifests) == (rows > 0)
        assert snapshot.summary["total-records"] == str(rows) and snapshot.summary["total-delete-files"] == "0"
        assert len(seen(server, "swap")[0]) == len(seen(server, "swap")[2]) == rows
    assert server.sql(f"SELECT count(*) FROM swap AT (VERSION => {before.snapshot_id})") == [[2]]
    done = server.request("POST", "/catalog/datasets/by-name/swap/expire-snapshots", json={"older_than_ms": 0, "grace_ms": 0}).json()
    assert done["deleted_files"] > 0 and verified(server, "swap")["ok"]
    left = [p for p in pathlib.Path(now.location().removeprefix("file://")).rglob("*.parquet") if not p.name.endswith("-deletes.parquet")]
    assert len(left) == 1  # all that was replaced is released; a delete file of the replace by no rows is an orphan


def commit_deletes(server, name, **file):
    """Commits one delete file on the current snapshot, as a client would: PyIceberg and DuckDB write not all kinds. The answer."""
    from pyiceberg.manifest import DataFile, FileFormat, ManifestContent, ManifestEntry, ManifestEntryStatus, ManifestWriterV2, write_manifest_list
    from pyiceberg.typedef import Record

    class DeletesWriter(ManifestWriterV2):
        def content(self):
            return ManifestContent.DELETES

        @property
        def _meta(self):
            return {**super()._meta, "content": "deletes"}

    now = table(server, name)
    id_, sequence, parent = random.getrandbits(62), now.metadata.last_sequence_number + 1, now.current_snapshot()
    unknown = {k: {} for k in ("column_sizes", "value_counts", "null_value_counts", "nan_value_counts", "lower_bounds", "upper_bounds")}
    file = DataFile.from_args(_table_format_version=2, **{**unknown, "file_format": FileFormat.PARQUET, "partition": Record(), **file})
    manifest, listed = f"{now.location()}/metadata/d-{id_}.avro", f"{now.location()}/metadata/d-{id_}-list.avro"
    with DeletesWriter(now.spec(), now.schema(), now.io.new_output(manifest), id_, "null") as writer:
        writer.add_entry(ManifestEntry.from_args(status=ManifestEntryStatus.ADDED, snapshot_id=id_, data_file=file))
    with write_manifest_list(2, now.io.new_output(listed), id_, parent.snapshot_id, sequence, avro_compression="null") as out:
        out.add_manifests([writer.to_manifest_file(), *parent.manifests(now.io)])
    snapshot = {"snapshot-id": id_, "parent-snapshot-id": parent.snapshot_id, "sequence-number": sequence, "timestamp-ms": int(time.time() * 1000),
                "manifest-list": listed, "summary": {"operation": "delete"}, "schema-id": 0}
    return server.request("POST", f"/iceberg/v1/namespaces/data/tables/{name}", json={"requirements": [], "updates": [
        {"action": "add-snapshot", "snapshot": snapshot}, {"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": id_}]})


def delete_by_position(server, name, *paths):
    """Row 0 of each of these data files, by one delete file, as Spark's of partition granularity. The answer."""
    import pyarrow.parquet as pq
    from pyiceberg.manifest import DataFileContent
    path = f"{table(server, name).location()}/data/pos-{random.getrandbits(62)}.parquet"
    schema = pa.schema([pa.field("file_path", pa.string(), False, {"PARQUET:field_id": "2147483546"}), pa.field("pos", pa.int64(), False, {"PARQUET:field_id": "2147483545"})])
    pq.write_table(pa.table({"file_path": sorted(paths), "pos": [0] * len(paths)}, schema=schema), path.removeprefix("file://"))
    return commit_deletes(server, name, content=DataFileContent.POSITION_DELETES, file_path=path, record_count=len(paths), file_size_in_bytes=os.path.getsize(path.removeprefix("file://")),
                          lower_bounds={2147483546: min(paths).encode()}, upper_bounds={2147483546: max(paths).encode()})


def delete_by_equality(server, name, ids):
    """A file of equality deletes of column id (field 1), as Flink would."""
    import pyarrow.parquet as pq
    from pyiceberg.manifest import DataFileContent
    path = f"{table(server, name).location()}/data/eq-{random.getrandbits(62)}.parquet"
    schema = pa.schema([pa.field("id", pa.int64(), metadata={"PARQUET:field_id": "1"})])
    pq.write_table(pa.table({"id": ids}, schema=schema), path.removeprefix("file://"))
    answer = commit_deletes(server, name, content=DataFileContent.EQUALITY_DELETES, file_path=path, record_count=len(ids),
                            file_size_in_bytes=os.path.getsize(path.removeprefix("file://")), equality_ids=[1])
    assert answer.status_code == 200, answer.text


def paths_of(server, name):
    return sorted(f.file_path for f in data_files(server, name))


def test_a_late_delete_is_a_conflict_however_long_ago_the_compaction_was(server):
    fill(server, "older", appends=2)
    (gone, _) = paths_of(server, "older")
    compact(server, "older")
    for i in range(33):
        server.sql(f"INSERT INTO older VALUES ({1000 + i}, NULL, NULL)")
    answer = delete_by_position(server, "older", gone)
    assert answer.status_code == 409 and answer.json()["error"]["type"] == "CommitFailedException", answer.text
    expired = server.request("POST", "/catalog/datasets/by-name/older/expire-snapshots", json={"older_than_ms": 0, "grace_ms": 0, "retain_last": 2})
    assert len(expired.json()["expired_snapshots"]) > 30
    assert delete_by_position(server, "older", gone).status_code == 409  # nothing tells of the compaction any more
    assert server.sql("SELECT count(*) FROM older") == [[73]]
    assert delete_by_position(server, "older", paths_of(server, "older")[0]).status_code == 200  # of a file that is there
    assert server.sql("SELECT count(*) FROM older") == [[72]]


def test_a_late_delete_of_several_files_is_a_conflict(server):
    fill(server, "several_late", appends=3)
    first, second, third = paths_of(server, "several_late")
    assert delete_by_position(server, "several_late", first, second).status_code == 200  # nothing was replaced yet
    compact(server, "several_late")
    assert server.sql("SELECT count(*) FROM several_late") == [[58]]
    server.sql("INSERT INTO several_late VALUES (1000, NULL, NULL)")
    for paths in [(second, third), (first, *paths_of(server, "several_late"))]:
        answer = delete_by_position(server, "several_late", *paths)
        assert answer.status_code == 409 and "granularity" in answer.text, answer.text
    assert server.sql("SELECT count(*) FROM several_late") == [[59]] and verified(server, "several_late")["ok"]
    for i in (1001, 1002):
        server.sql(f"INSERT INTO several_late VALUES ({i}, NULL, NULL)")
    fresh = [path for path in paths_of(server, "several_late") if path > third and "compact-" not in path]
    assert len(fresh) == 3 and delete_by_position(server, "several_late", *fresh).status_code == 200  # no replaced file lies there
    assert server.sql("SELECT count(*) FROM several_late") == [[58]]


def test_equality_deletes(server):
    fill(server, "equal", appends=3)
    delete_by_equality(server, "equal", [1, 21, 41])
    server.sql("INSERT INTO equal VALUES (1, NULL, 'again')")  # younger than the delete, so it stays
    rows = plain(server.sql("FROM equal"))
    assert len(rows) == 58
    done = compact(server, "equal")
    assert (done["files_before"], done["files_after"], done["rows"], done["delete_files_removed"]) == (4, 1, 58, 1)
    assert plain(server.sql("FROM equal")) == rows and table(server, "equal").scan().to_arrow().num_rows == 58
    delete_by_equality(server, "equal", [1, 2])  # the new file is older than these
    assert server.sql("SELECT count(*), count(*) FILTER (id < 3) FROM equal") == [[56, 1]]
    assert compact(server, "equal")["rows"] == 56


def test_compaction_does_not_make_a_stale_dataset_fresh(server):
    fill(server, "dull", appends=2)
    path = "/catalog/datasets/by-name/dull"
    freshness = lambda: server.request("GET", path).json()["freshness"]
    assert server.request("PATCH", path + "/metadata", json={"expected_interval_s": 1}).status_code == 200
    wait_for(lambda: freshness()["status"] == "stale")
    stale = freshness()
    assert compact(server, "dull")["files_after"] == 1
    assert freshness() == stale
    assert layout(server, "dull", sort=[{"column": "id"}]) and compact(server, "dull", all=True)["files_after"] == 1
    expired = server.request("POST", path + "/expire-snapshots", json={"older_than_ms": 0, "grace_ms": 0})
    assert len(expired.json()["expired_snapshots"]) > 2 and freshness() == stale  # the snapshot of the last change is gone
    server.sql("INSERT INTO dull VALUES (1000, NULL, NULL)")
    assert freshness()["updated_at"] > stale["updated_at"]

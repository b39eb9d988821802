"""PyIceberg as a stranger's client: what it writes we read, what we write it reads, and racing writers lose nothing."""
import json
import multiprocessing
import time
import types

import pyarrow as pa
import pytest
from pyiceberg.exceptions import (CommitFailedException, NamespaceAlreadyExistsError, NamespaceNotEmptyError, NoSuchNamespaceError,
                                  NoSuchTableError, RESTError, TableAlreadyExistsError)
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import DoubleType, LongType, NestedField, StringType, TimestampType

from harness import SANITIZED


def rows(n, start=0):
    return pa.table({"id": pa.array(range(start, start + n), pa.int64()), "name": [f"n{i}" for i in range(start, start + n)]})


def test_namespaces(server):
    catalog = server.pyiceberg()
    catalog.create_namespace("spaces", {"owner": "ann"})
    catalog.create_namespace(("spaces", "inner"))
    with pytest.raises(NamespaceAlreadyExistsError):
        catalog.create_namespace("spaces")
    assert ("spaces",) in catalog.list_namespaces()
    assert catalog.list_namespaces("spaces") == [("spaces", "inner")]
    assert catalog.load_namespace_properties("spaces") == {"owner": "ann"}
    summary = catalog.update_namespace_properties("spaces", removals={"owner", "absent"}, updates={"tier": "gold"})
    assert summary.removed == ["owner"] and summary.updated == ["tier"] and summary.missing == ["absent"]
    with pytest.raises(NamespaceNotEmptyError):
        catalog.drop_namespace("spaces")
    catalog.drop_namespace(("spaces", "inner"))
    catalog.drop_namespace("spaces")
    with pytest.raises(NoSuchNamespaceError):
        catalog.load_namespace_properties("spaces")
    with pytest.raises(RESTError, match="Namespace does not exist: absent"):  # PyIceberg has no better name for a 404 here
        catalog.create_namespace(("absent", "inner"))


def test_it_writes_and_we_read(server):
    catalog = server.pyiceberg()
    catalog.create_namespace("py")
    table = catalog.create_table("py.t", rows(1).schema)
    with pytest.raises(TableAlreadyExistsError):
        catalog.create_table("py.t", rows(1).schema)
    table.append(rows(100))
    first = table.current_snapshot().snapshot_id
    table.append(rows(50, 100))
    assert server.sql("SELECT count(*), sum(id) FROM py.t") == [[150, sum(range(150))]]
    assert server.sql(f"SELECT count(*) FROM py.t AT (VERSION => {first})") == [[100]]
    table.overwrite(rows(10))
    assert server.sql("SELECT count(*), max(name) FROM py.t") == [[10, "n9"]]
    table.delete("id >= 5")
    assert server.sql("SELECT count(*) FROM py.t") == [[5]]
    with table.update_schema() as update:
        update.add_column("score", DoubleType())
        update.rename_column("name", "title")
    table = catalog.load_table("py.t")
    assert server.sql("SELECT id, title, score FROM py.t ORDER BY id LIMIT 1") == [[0, "n0", None]]
    # (PyIceberg's upsert reads with the last snapshot's schema: give it one with the new columns)
    table.append(pa.table({"id": pa.array([90], pa.int64()), "title": ["ninety"], "score": [9.0]}))
    table.upsert(pa.table({"id": pa.array([4, 77], pa.int64()), "title": ["four", "new"], "score": [0.5, 1.5]}), join_cols=["id"])
    assert server.sql("SELECT id, title, score FROM py.t WHERE id >= 4 ORDER BY id") == [[4, "four", 0.5], [77, "new", 1.5], [90, "ninety", 9.0]]


def test_we_write_and_it_reads(server):
    server.sql("CREATE TABLE ours AS SELECT i AS id, 'v' || i AS v, i % 2 = 0 AS even FROM range(1000) r(i)")
    server.sql("DELETE FROM ours WHERE id < 10")
    server.sql("UPDATE ours SET v = 'changed' WHERE id = 20")
    server.sql("ALTER TABLE ours ADD COLUMN extra DOUBLE")
    server.sql("INSERT INTO ours VALUES (5000, 'late', true, 2.5)")
    table = server.pyiceberg().load_table("data.ours")
    got = table.scan().to_arrow()
    assert got.num_rows == 991
    by_id = {r["id"]: r for r in got.to_pylist()}
    assert by_id[20]["v"] == "changed" and by_id[5000]["extra"] == 2.5 and by_id[10]["extra"] is None
    assert table.scan(row_filter="id > 4000").to_arrow().num_rows == 1


def test_partitions_rename_and_drop(server):
    catalog = server.pyiceberg()
    catalog.create_namespace("parts")
    schema = Schema(NestedField(1, "day_at", TimestampType()), NestedField(2, "v", LongType()), NestedField(3, "s", StringType()))
    spec = PartitionSpec(PartitionField(2, 1000, IdentityTransform(), "v_part"))
    table = catalog.create_table("parts.t", schema, partition_spec=spec, properties={"format-version": "2", "write.metadata.previous-versions-max": "3"})
    import datetime

    for day in range(1, 8):
        table.append(pa.table({"day_at": pa.array([datetime.datetime(2026, 1, day)], pa.timestamp("us")), "v": pa.array([day], pa.int64()), "s": ["x"]}))
    assert server.sql("SELECT sum(v) FROM parts.t WHERE day_at < TIMESTAMP '2026-01-04'") == [[6]]
    assert len(catalog.load_table("parts.t").metadata.metadata_log) == 3
    catalog.rename_table("parts.t", "parts.u")
    assert catalog.list_tables("parts") == [("parts", "u")]
    with pytest.raises(NoSuchTableError):
        catalog.load_table("parts.t")
    location = catalog.load_table("parts.u").metadata_location
    catalog.drop_table("parts.u")
    catalog.register_table("parts.again", location)
    assert server.sql("SELECT sum(v) FROM parts.again") == [[28]]
    catalog.purge_table("parts.again")
    assert not catalog.table_exists("parts.again")


def test_staged_create_and_branches(server):
    catalog = server.pyiceberg()
    catalog.create_namespace("staged")
    with catalog.create_table_transaction("staged.t", rows(1).schema) as transaction:
        transaction.append(rows(3))
        assert not catalog.table_exists("staged.t")
    table = catalog.load_table("staged.t")
    first = table.current_snapshot().snapshot_id
    table.manage_snapshots().create_tag(first, "start").commit()
    table.append(rows(3, 3))
    assert table.scan(snapshot_id=table.snapshot_by_name("start").snapshot_id).to_arrow().num_rows == 3
    assert server.sql("SELECT count(*) FROM staged.t") == [[6]]


def test_sql_reads_what_a_writer_whose_clock_is_ahead_committed(server, monkeypatch):
    catalog = server.pyiceberg()
    catalog.create_namespace("ahead")
    table = catalog.create_table("ahead.t", rows(1).schema)
    table.append(rows(3))
    monkeypatch.setattr("pyiceberg.table.snapshots.time", types.SimpleNamespace(time=lambda: time.time() + 3600))
    table.append(rows(3, 3))
    assert server.sql("SELECT count(*) FROM ahead.t") == [[6]]
    server.sql("INSERT INTO ahead.t VALUES (6, 'n6')")
    made = [s.timestamp_ms for s in catalog.load_table("ahead.t").snapshots()]
    assert made == sorted(made) and made[-1] <= time.time() * 1000


def test_sql_reads_a_table_of_a_catalog_whose_clock_was_ahead(server):
    """Its metadata file is as it is: registered, or committed by another gateway of the lake."""
    catalog = server.pyiceberg()
    catalog.create_namespace("stranger")
    table = catalog.create_table("stranger.t", rows(1).schema)
    table.append(rows(3))
    table.append(rows(3, 3))
    metadata = json.loads(table.metadata.model_dump_json(by_alias=True, exclude_none=True))
    later = int(time.time() * 1000) + 3600_000
    metadata["last-updated-ms"] = metadata["snapshots"][-1]["timestamp-ms"] = metadata["snapshot-log"][-1]["timestamp-ms"] = later
    location = table.metadata_location.rsplit("/", 1)[0] + "/00009-ahead.metadata.json"
    catalog.drop_table("stranger.t")
    answer = server.request("PUT", "/storage/objects/" + location.split("/root/")[1], data=json.dumps(metadata))
    assert answer.status_code == 201, answer.text
    catalog.register_table("stranger.t", location)
    assert server.sql("SELECT count(*) FROM stranger.t") == [[6]]
    server.sql("INSERT INTO stranger.t VALUES (6, 'n6')")
    assert server.sql("SELECT count(*) FROM stranger.t") == [[7]]


def append_many(url, which, count):
    from pyiceberg.catalog import load_catalog

    catalog = load_catalog("lake", type="rest", uri=url + "/iceberg")
    for i in range(count):
        for _ in range(1000):
            try:
                catalog.load_table("race.t").append(rows(1, which * 100000 + i))
                break
            except CommitFailedException:
                continue
        else:
            raise AssertionError("never got through")


def test_two_writers_race_and_no_commit_is_lost(server):
    each = 10 if SANITIZED else 30
    catalog = server.pyiceberg()
    catalog.create_namespace("race")
    catalog.create_table("race.t", rows(1).schema)
    workers = [multiprocessing.get_context("spawn").Process(target=append_many, args=(server.url, w, each)) for w in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(900)
        assert worker.exitcode == 0
    table = catalog.load_table("race.t")
    ids = sorted(table.scan().to_arrow()["id"].to_pylist())
    assert ids == sorted(w * 100000 + i for w in range(2) for i in range(each))
    assert server.sql("SELECT count(*), count(DISTINCT id) FROM race.t") == [[2 * each, 2 * each]]
    assert len(table.metadata.snapshots) == 2 * each

"""Expiry of snapshots, removal of orphans, verification: nothing that is needed ever goes."""
import os
import pathlib
import time

import pyarrow as pa
import pytest

from harness import SANITIZED

DAY_MS = 24 * 3600 * 1000


def post(server, dataset, verb, **body):
    return server.request("POST", f"/catalog/datasets/by-name/{dataset}/{verb}", json=body)


def expire(server, dataset, **body):
    answer = post(server, dataset, "expire-snapshots", **{"older_than_ms": 0, "grace_ms": 0, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


def table(server, name):
    return server.pyiceberg().load_table(f"data.{name}")


def folder(server, name):
    return pathlib.Path(table(server, name).location().removeprefix("file://"))


def files(server, name):
    return sorted(p for p in folder(server, name).rglob("*") if p.is_file())


def verified(server, name):
    answer = server.request("GET", "/catalog/verify", params={"dataset": name})
    assert answer.status_code == 200, answer.text
    return answer.json()["items"][0]


def test_expiry_keeps_what_is_needed(server):
    server.sql("CREATE TABLE history AS SELECT 1 AS a")
    for i in range(2, 6):
        server.sql(f"INSERT INTO history VALUES ({i})")
    server.sql("DELETE FROM history WHERE a = 1")
    before, rows = files(server, "history"), [[i] for i in range(2, 6)]
    assert len(table(server, "history").metadata.snapshots) == 6
    said = expire(server, "history", dry_run=True, retain_last=2)
    assert len(said["expired_snapshots"]) == 4 and said["kept_snapshots"] == 2 and said["deleted_files"] >= 4
    assert files(server, "history") == before  # a dry run changes nothing
    done = expire(server, "history", retain_last=2)
    assert {k: v for k, v in done.items() if k != "dry_run"} == {k: v for k, v in said.items() if k != "dry_run"}
    assert len(table(server, "history").metadata.snapshots) == 2
    assert server.sql("SELECT a FROM history ORDER BY a") == rows
    assert sorted(table(server, "history").scan().to_arrow()["a"].to_pylist()) == [2, 3, 4, 5]
    older = table(server, "history").metadata.snapshots[0].snapshot_id
    assert server.sql(f"SELECT count(*) FROM history AT (VERSION => {older})") == [[5]]
    assert verified(server, "history") == {"dataset": "data.history", "ok": True, "files": verified(server, "history")["files"], "problems": []}
    assert expire(server, "history", retain_last=2)["expired_snapshots"] == []
    server.restart()
    assert server.sql("SELECT a FROM history ORDER BY a") == rows


def test_files_of_rows_that_are_gone_go(server):
    assert server.ingest(b"a\n1\n2\n", "swapped").status_code == 201
    first = [p for p in files(server, "swapped") if p.suffix == ".parquet"]
    table(server, "swapped").overwrite(pa.table({"a": pa.array([3], pa.int64())}))  # drops the first file
    done = expire(server, "swapped")
    assert len(done["expired_snapshots"]) >= 1 and done["deleted_bytes"] > 0
    assert len(first) == 1 and not first[0].exists()
    assert server.sql("FROM swapped") == [[3]] and verified(server, "swapped")["ok"]


def test_young_snapshots_tags_and_the_grace_time_stay(server):
    server.sql("CREATE TABLE tagged AS SELECT 1 AS a")
    tagged = table(server, "tagged")
    tagged.manage_snapshots().create_tag(tagged.current_snapshot().snapshot_id, "first").commit()
    server.sql("INSERT INTO tagged VALUES (2)")
    server.sql("INSERT INTO tagged VALUES (3)")
    assert expire(server, "tagged", older_than_ms=DAY_MS)["expired_snapshots"] == []
    assert expire(server, "tagged", grace_ms=DAY_MS)["expired_snapshots"] == []
    assert len(expire(server, "tagged")["expired_snapshots"]) == 1  # the middle one
    assert table(server, "tagged").scan(snapshot_id=table(server, "tagged").snapshot_by_name("first").snapshot_id).to_arrow().num_rows == 1


def test_gc_enabled_false_forbids(server):
    server.sql("CREATE TABLE guarded AS SELECT 1 AS a")
    with table(server, "guarded").transaction() as change:
        change.set_properties({"gc.enabled": "false"})
    for verb in ("expire-snapshots", "remove-orphans"):
        answer = post(server, "guarded", verb)
        assert answer.status_code == 400 and "gc.enabled" in answer.text


def test_orphans_go_and_nothing_else(server):
    server.sql("CREATE TABLE littered AS SELECT 1 AS a")
    server.sql("INSERT INTO littered VALUES (2)")
    named, old = files(server, "littered"), time.time() - 4 * 24 * 3600
    orphan, young = folder(server, "littered") / "data" / "left-over.parquet", folder(server, "littered") / "data" / "young.parquet"
    orphan.write_bytes(b"x" * 1000)
    young.write_bytes(b"y")
    for path in [*named, orphan]:
        os.utime(path, (old, old))
    said = post(server, "littered", "remove-orphans", dry_run=True).json()
    assert (said["orphan_files"], said["orphan_bytes"]) == (1, 1000) and said["files"][0].endswith("left-over.parquet")
    assert orphan.exists()
    assert post(server, "littered", "remove-orphans").json()["orphan_files"] == 1
    assert not orphan.exists() and young.exists() and all(path.exists() for path in named)
    assert server.sql("SELECT sum(a) FROM littered") == [[3]] and verified(server, "littered")["ok"]
    assert post(server, "littered", "remove-orphans", older_than_ms=1000).status_code == 400


def test_verify_finds_what_is_missing_or_cut(server):
    server.sql("CREATE TABLE damaged AS SELECT 1 AS a")
    server.sql("INSERT INTO damaged VALUES (2)")
    data = [p for p in files(server, "damaged") if p.suffix == ".parquet"]
    data[0].unlink()
    data[1].write_bytes(data[1].read_bytes()[:-1])
    found = verified(server, "damaged")
    assert not found["ok"]
    assert sorted(p["problem"] for p in found["problems"]) == ["it has another size", "it is missing"]
    every = server.request("GET", "/catalog/verify").json()["items"]
    assert [i["dataset"] for i in every if not i["ok"]] == ["data.damaged"]
    server.request("DELETE", "/datasets/by-name/damaged?purge=true")


@pytest.fixture(scope="module")
def with_every_kind(server):
    """A table with data, deletes, manifests and statistics of both kinds; its files by kind."""
    from pyiceberg.table.statistics import PartitionStatisticsFile, StatisticsFile
    server.sql("CREATE TABLE kinds AS SELECT i FROM range(10) r(i)")
    server.sql("DELETE FROM kinds WHERE i < 3")
    found, snapshot = table(server, "kinds"), table(server, "kinds").current_snapshot()
    at = folder(server, "kinds") / "metadata"
    (at / "rows.puffin").write_bytes(b"x" * 40)
    (at / "parts.parquet").write_bytes(b"y" * 50)
    updates = [{"action": "set-statistics", "snapshot-id": snapshot.snapshot_id, "statistics": StatisticsFile(snapshot_id=snapshot.snapshot_id,
                **{"statistics-path": f"file://{at}/rows.puffin", "file-size-in-bytes": 40, "file-footer-size-in-bytes": 8, "blob-metadata": []}).model_dump(by_alias=True)},
               {"action": "set-partition-statistics", "partition-statistics": PartitionStatisticsFile(snapshot_id=snapshot.snapshot_id,
                **{"statistics-path": f"file://{at}/parts.parquet", "file-size-in-bytes": 50}).model_dump(by_alias=True)}]
    answer = server.request("POST", "/iceberg/v1/namespaces/data/tables/kinds", json={"requirements": [], "updates": updates})
    assert answer.status_code == 200, answer.text
    assert verified(server, "kinds")["ok"]
    (task,) = found.scan().plan_files()
    return {"data": task.file.file_path, "deletes": next(iter(task.delete_files)).file_path, "manifest": snapshot.manifests(found.io)[0].manifest_path,
            "manifest list": snapshot.manifest_list, "metadata": table(server, "kinds").metadata_location,
            "statistics": f"{at}/rows.puffin", "partition statistics": f"{at}/parts.parquet"}


@pytest.mark.parametrize("kind", ["data", "deletes", "manifest", "manifest list", "metadata", "statistics", "partition statistics"])
def test_verify_looks_for_files_of_every_kind(server, with_every_kind, kind):
    path = pathlib.Path(with_every_kind[kind].removeprefix("file://"))
    whole = path.read_bytes()
    try:
        path.unlink()
        found = verified(server, "kinds")
        assert not found["ok"] and any(path.name in problem["file"] + problem["problem"] for problem in found["problems"]), found
        if kind not in ("manifest", "manifest list", "metadata"):  # whose size nothing tells, or which break when they are cut
            path.write_bytes(whole[:-1])
            assert [(pathlib.Path(p["file"]).name, p["problem"]) for p in verified(server, "kinds")["problems"]] == [(path.name, "it has another size")]
    finally:
        path.write_bytes(whole)
    assert verified(server, "kinds")["ok"]


def test_verify_tells_files_outside_of_the_lake(server, tmp_path):
    import pyarrow.parquet as pq
    server.sql("CREATE TABLE abroad (a BIGINT)")
    abroad = table(server, "abroad")
    pq.write_table(pa.table({"a": pa.array([1], pa.int64())}), tmp_path / "far.parquet")
    abroad.add_files([f"file://{tmp_path}/far.parquet"])
    abroad.append(pa.table({"a": pa.array([2], pa.int64())}))  # a second snapshot names it, too
    assert verified(server, "abroad")["problems"] == [{"file": f"file://{tmp_path}/far.parquet", "problem": "it lies outside of the lake's buckets"}]
    server.request("DELETE", "/datasets/by-name/abroad")


@pytest.mark.parametrize("body, words", [({"older": 1}, "unknown field 'older'"), ({"retain_last": 0}, "at least 1"),
                                         ({"dry_run": "yes"}, "true or false"), ({"older_than_ms": -1}, "whole number"), ([], "object")])
def test_bad_requests(server, body, words):
    server.sql("CREATE TABLE IF NOT EXISTS plain_one AS SELECT 1 AS a")
    answer = server.request("POST", "/catalog/datasets/by-name/plain_one/expire-snapshots", json=body)
    assert answer.status_code == 400 and words in answer.text
    assert post(server, "no_such", "expire-snapshots").status_code == 404


def test_writers_go_on_while_snapshots_expire(server):
    import threading
    server.sql("CREATE TABLE busy (a INTEGER)")
    written, failed = [], []

    def write():
        for i in range(25):
            answer = server.query(f"INSERT INTO busy VALUES ({i})")
            (written if answer.status_code == 200 else failed).append((i, answer.text))

    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        answer = post(server, "busy", "expire-snapshots", older_than_ms=0, grace_ms=60_000)
        assert answer.status_code in (200, 409), answer.text
        assert server.query("SELECT count(*) FROM busy").status_code == 200
    writer.join()
    assert not failed
    expire(server, "busy")
    assert server.sql("SELECT count(*), count(DISTINCT a) FROM busy") == [[25, 25]] and verified(server, "busy")["ok"]


def test_the_command_line(fresh, tmp_path):
    import subprocess

    from harness import BINARY
    server = fresh()
    server.sql("CREATE TABLE cli_kept AS SELECT 1 AS a")
    server.sql("INSERT INTO cli_kept VALUES (2)")

    def run(*words):
        done = subprocess.run([str(BINARY), "tables", *words, "--url", server.url], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    code, out = run("expire", "cli_kept", "--older-than", "0", "--dry-run")
    assert code == 0 and out.startswith("dry run: 0 snapshots expired, 2 kept; 0 files\n")
    assert run("orphans", "cli_kept") == (0, "0 orphan files, 0 B\n")
    code, text = run("verify")
    assert code == 0 and text.startswith("ok     data.cli_kept: ")
    [p for p in files(server, "cli_kept") if p.suffix == ".parquet"][0].unlink()
    code, text = run("verify", "cli_kept")
    assert code == 1 and "it is missing" in text
    assert run("expire")[0] == 2 and run("orphans", "cli_kept", "--older-than", "x")[0] == 1

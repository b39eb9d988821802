"""A lake of several buckets: folders and S3 (versitygw) side by side. A bucket is taken away by renaming its folder or stopping its server."""
import json
import os
import pathlib
import subprocess
import time

import pytest
import requests

from harness import ABANDONING, BINARY, S3Server, Server, free_port, wait_for

KEYS = {"LAKEHOUSE_SECRET__WAREHOUSE__ACCESS_KEY": "testaccess", "LAKEHOUSE_SECRET__WAREHOUSE__SECRET_KEY": "testsecret"}
NO_KEYS = {"LAKEHOUSE_SECRET__WAREHOUSE__ACCESS_KEY": "wrongaccess", "LAKEHOUSE_SECRET__WAREHOUSE__SECRET_KEY": "wrongsecret"}


def configure(folder, buckets, **storage):
    """lakehouse.toml in `folder`; buckets: {name: {setting: value}}."""
    lines = ["[storage]", *(f"{name} = {json.dumps(value)}" for name, value in storage.items())]
    for name, settings in buckets.items():
        lines += ["[[storage.buckets]]", f'name = "{name}"', *(f"{key} = {json.dumps(value)}" for key, value in settings.items())]
    (folder / "lakehouse.toml").write_text("\n".join(lines) + "\n")
    return folder / "lakehouse.toml"


def load(server, dataset, rows, bucket=None, **fields):
    headers = {"X-Lakehouse-Bucket": bucket} if bucket else {}
    return server.request("POST", "/ingest/file", headers=headers, data={"dataset": dataset, **fields}, files={"file": ("f.csv", rows)})


def verify(server, dataset):
    answer = server.request("GET", "/catalog/verify", params={"dataset": dataset})
    assert answer.status_code == 200, answer.text
    return answer.json()["items"][0]


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """The primary, a second bucket `two`, and `spare`, which rescues."""
    folder = tmp_path_factory.mktemp("buckets")
    config = configure(folder, {"two": {"root": "two"}, "spare": {"root": "spare"}}, rescue_bucket="spare", probe_interval_ms=100)
    running = Server(folder / "root", "--config", config.name, cwd=folder)
    running.folder = folder
    yield running
    running.stop()


def test_a_dataset_goes_to_the_bucket_of_the_header_and_joins_with_others(lake):
    assert load(lake, "near", b"id,v\n1,a\n2,b\n").status_code == 201
    assert load(lake, "far", b"id,w\n1,x\n2,y\n", "two").status_code == 201
    location = lake.request("GET", "/datasets/by-name/far").json()["location"]
    assert pathlib.Path(location).is_relative_to(lake.folder / "two") and any(pathlib.Path(location, "data").iterdir())
    assert lake.sql("SELECT v, w FROM near JOIN far USING (id) ORDER BY id") == [["a", "x"], ["b", "y"]]
    lake.sql("UPDATE far SET w = 'z' WHERE id = 2")
    assert load(lake, "far", b"id,w\n3,n\n", "two", mode="append").status_code == 200
    assert load(lake, "far", b"id,w\n4,m\n", mode="append").status_code == 200  # where it is
    table = lake.pyiceberg().load_table("data.far")
    assert sorted(table.scan().to_arrow()["w"].to_pylist()) == ["m", "n", "x", "z"]
    table.append(table.scan(row_filter="id = 1").to_arrow())
    lake.restart()
    assert lake.sql("SELECT count(*) FROM far") == [[5]]


def test_a_bucket_of_another_name_is_refused(lake):
    assert load(lake, "stays", b"id\n1\n", "two").status_code == 201
    answer = load(lake, "stays", b"id\n2\n", "spare", mode="append")
    assert answer.status_code == 409 and "'two'" in answer.text
    answer = load(lake, "nowhere", b"id\n1\n", "three")
    assert answer.status_code == 503 and all(name in answer.text for name in ("primary", "two", "spare"))
    assert lake.request("GET", "/datasets/by-name/nowhere").status_code == 404


def test_an_iceberg_client_chooses_the_bucket_by_a_property(lake):
    import pyarrow as pa

    catalog = lake.pyiceberg()
    rows = pa.table({"id": pa.array([1, 2], pa.int64())})
    table = catalog.create_table("data.chosen", rows.schema, properties={"lakehouse.bucket": "two"})
    table.append(rows)
    assert f"{lake.folder}/two/" in table.location()
    assert lake.sql("SELECT count(*) FROM chosen") == [[2]]
    catalog.drop_table("data.chosen", purge_requested=True)
    assert not [p for p in (lake.folder / "two").rglob("chosen-*/**/*") if p.is_file()]


def test_maintenance_works_in_any_bucket(lake):
    load(lake, "kept", b"id\n1\n", "two")
    lake.sql("UPDATE kept SET id = 2")
    folder = pathlib.Path(lake.request("GET", "/datasets/by-name/kept").json()["location"])
    (folder / "data" / "stray.parquet").write_bytes(b"left behind")
    os.utime(folder / "data" / "stray.parquet", (0, 0))
    removed = lake.request("POST", "/catalog/datasets/by-name/kept/remove-orphans", json={"dry_run": False}).json()
    assert removed["orphan_files"] >= 1 and not (folder / "data" / "stray.parquet").exists(), removed
    expired = lake.request("POST", "/catalog/datasets/by-name/kept/expire-snapshots", json={"older_than_ms": 0, "grace_ms": 0})
    assert expired.status_code == 200, expired.text
    assert verify(lake, "kept")["ok"]
    next((folder / "data").glob("*.parquet")).unlink()
    assert [p["problem"] for p in verify(lake, "kept")["problems"]] == ["it is missing"]
    assert lake.sql("SELECT count(*) FROM near") == [[2]]


# ---- objects, health, rescue, the journal ----

def objects(bucket, key=None):
    return f"/storage/buckets/{bucket}/objects" + (f"/{key}" if key else "")


def until(check, what):
    deadline = time.monotonic() + 60
    while not (found := check()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return found


def state(server, bucket):
    return next(b for b in server.request("GET", "/storage/bucket-health").json()["items"] if b["name"] == bucket)


def test_objects_of_a_bucket_are_written_read_listed_and_deleted_there(lake):
    put = lake.request("PUT", objects("two", "notes/a.txt"), data=b"in two")
    assert put.status_code == 200 and put.json()["key"] == "notes/a.txt" and put.headers["X-Lakehouse-Bucket"] == "two"
    assert (lake.folder / "two/notes/a.txt").read_bytes() == b"in two"
    got = lake.request("GET", objects("two", "notes/a.txt"), headers={"Range": "bytes=3-"})
    assert got.status_code == 206 and got.content == b"two" and got.headers["X-Lakehouse-Bucket"] == "two"
    assert "X-Lakehouse-Rescue-Used" not in got.headers
    assert lake.request("GET", objects("primary", "notes/a.txt")).status_code == 404
    lake.request("PUT", "/storage/objects/notes/b.txt", data=b"in the primary")
    assert lake.request("HEAD", objects("primary", "notes/b.txt")).headers["Content-Length"] == "14"
    for name in ("c", "d", "e"):
        lake.request("PUT", objects("two", f"notes/{name}.txt"), data=b"")
    keys, token = [], None
    while True:
        page = lake.request("GET", objects("two"), params={"prefix": "notes/", "limit": 2, **({"page_token": token} if token else {})}).json()
        keys += [item["key"] for item in page["items"]]
        token = page["next_page_token"]
        if not token:
            break
    assert keys == ["notes/a.txt", "notes/c.txt", "notes/d.txt", "notes/e.txt"]
    etag = put.headers["ETag"]
    assert lake.request("DELETE", objects("two", "notes/a.txt"), headers={"If-Match": '"other"'}).status_code == 412
    assert lake.request("DELETE", objects("two", "notes/a.txt"), headers={"If-Match": etag}).status_code == 204
    assert lake.request("GET", objects("two", "notes/a.txt")).status_code == 404
    for method in ("GET", "PUT", "DELETE"):
        answer = lake.request(method, objects("nine", "x"), data=b"" if method == "PUT" else None)
        assert answer.status_code == 503 and "primary, two, spare" in answer.text
    assert lake.request("PUT", objects("two", "../primary/x"), data=b"").status_code in (400, 404)


def test_files_of_a_table_in_any_bucket_are_protected(lake):
    load(lake, "guarded", b"id\n1\n", "two")
    folder = lake.request("GET", "/datasets/by-name/guarded").json()["location"].removeprefix(f"{lake.folder}/two/")
    data = lake.request("GET", objects("two"), params={"prefix": folder + "/data/"}).json()["items"][0]["key"]
    assert lake.request("DELETE", objects("two", data)).status_code == 403
    assert lake.request("PUT", objects("two", data), data=b"x").status_code == 403
    assert lake.request("PUT", objects("primary", "_catalog/log/x"), data=b"x").status_code == 403


def test_a_bucket_that_is_taken_away_shows_in_health_and_journal_and_is_rescued(lake):
    for bucket in ("two", "spare"):
        lake.request("PUT", objects(bucket, "both.txt"), data=bucket.encode())
    lake.request("PUT", objects("spare", "only-spare.txt"), data=b"spare")
    assert lake.request("GET", objects("two", "only-spare.txt")).status_code == 404  # its bucket answers: it is not there
    until(lambda: state(lake, "two")["state"] == "ok", "two is not healthy")
    (lake.folder / "two").rename(lake.folder / "two-away")
    try:
        down = until(lambda: (s := state(lake, "two"))["state"] == "unreachable" and s, "nobody noticed")
        assert down["failures"] >= 1 and down["error"] and down["since"]
        assert state(lake, "primary")["state"] == "ok"
        for method in ("GET", "HEAD"):
            got = lake.request(method, objects("two", "both.txt"))
            assert got.status_code == 200 and got.headers["X-Lakehouse-Rescue-Used"] == "true" and got.headers["X-Lakehouse-Bucket"] == "spare"
        assert lake.request("GET", objects("two", "both.txt")).content == b"spare"
        assert lake.request("GET", objects("two", "in-neither.txt")).status_code == 404
        assert lake.request("PUT", objects("two", "new.txt"), data=b"x").status_code == 503
        assert lake.request("DELETE", objects("two", "both.txt")).status_code == 503
        assert not (lake.folder / "spare" / "new.txt").exists() and (lake.folder / "spare" / "both.txt").exists()
        assert lake.query("SELECT * FROM far").status_code >= 500
        assert lake.sql("SELECT count(*) FROM near") == [[2]]
        problems = verify(lake, "far")["problems"]
        assert problems and not verify(lake, "far")["ok"]
        page = lake.request("GET", "/storage/errors", params={"bucket": "two", "operation": "put"}).json()["items"]
        assert page[0]["key"] == "new.txt" and page[0]["code"] == "unavailable" and page[0]["bucket"] == "two"
        assert not lake.request("GET", "/storage/errors", params={"bucket": "spare"}).json()["items"]
        first = lake.request("GET", "/storage/errors", params={"limit": 1}).json()
        second = lake.request("GET", "/storage/errors", params={"limit": 1, "page_token": first["next_page_token"]}).json()
        assert first["items"][0]["id"] > second["items"][0]["id"]
        assert lake.request("GET", "/storage/errors", params={"since": "2100-01-01T00:00:00Z"}).json()["items"] == []
        assert lake.request("GET", "/storage/errors", params={"since": "yesterday"}).status_code == 400
        journal = lake.folder / "root" / "_errors" / "bucket_errors.jsonl"
        until(lambda: journal.exists() and "new.txt" in journal.read_text(), "the journal is not written")
        assert all(json.loads(line)["time"] for line in journal.read_text().splitlines())
    finally:
        (lake.folder / "two-away").rename(lake.folder / "two")
    until(lambda: state(lake, "two")["state"] == "ok", "two did not come back")
    assert lake.request("GET", objects("two", "both.txt")).content == b"two"
    assert lake.sql("SELECT count(*) FROM far") == [[5]]


def test_a_read_that_fails_after_it_began_is_cut_and_told_with_its_key(lake):
    body = os.urandom(64 << 20)  # more than lies in buffers between the file and us
    for bucket in ("two", "spare"):
        assert lake.request("PUT", objects(bucket, "long/cut.bin"), data=body).status_code in (200, 201)
    with pytest.raises(requests.RequestException):
        with lake.request("GET", objects("two", "long/cut.bin"), stream=True) as answer:
            assert answer.status_code == 200 and int(answer.headers["Content-Length"]) == len(body)
            os.truncate(lake.folder / "two" / "long" / "cut.bin", 1000)
            for _ in answer.iter_content(1 << 20):
                pass
    told = lake.request("GET", "/storage/errors", params={"bucket": "two", "operation": "get", "limit": 1}).json()["items"][0]
    assert (told["key"], told["code"]) == ("long/cut.bin", "corrupt")


def errors(server, bucket, operation):
    return server.request("GET", "/storage/errors", params={"bucket": bucket, "operation": operation, "limit": 1000}).json()["items"]


def files(lake, dataset, pattern):
    """Of a dataset in `two`: (key, path) of each."""
    folder = pathlib.Path(lake.request("GET", f"/datasets/by-name/{dataset}").json()["location"])
    return [(str(path.relative_to(lake.folder / "two")), path) for path in folder.glob(pattern)]


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def make_folder(path):
    path.unlink()
    path.mkdir()


HARMS = {
    "missing": (pathlib.Path.unlink, "data/*.parquet", "not_found", "No such file"),
    "truncated": (cut, "data/*.parquet", "corrupt", "No magic bytes"),
    "empty": (lambda path: os.truncate(path, 0), "data/*.parquet", "corrupt", ""),
    "unreadable": (make_folder, "data/*.parquet", "io", "Is a directory"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_file_that_the_engine_cannot_read_is_in_the_journal_once_a_statement(lake, harm):
    do, pattern, code, why = HARMS[harm]
    assert load(lake, harm, b"id,secret_word\n1,Zanzibar\n", "two").status_code == 201
    lake.restart()  # the engine holds nothing of it in memory
    [(key, path)] = files(lake, harm, pattern)
    do(path)
    before = len(errors(lake, "two", "engine.read"))
    for number, sql in enumerate(["SELECT * FROM {} WHERE secret_word = 'Zanzibar'", "SELECT 'Timbuktu', n.id FROM range(3) n(id) JOIN {} USING (id)"], 1):
        assert lake.query(sql.format(harm)).status_code >= 500  # not the asker's mistake
        told = errors(lake, "two", "engine.read")
        assert len(told) == before + number
        assert (told[0]["key"], told[0]["code"]) == (key, code) and why in told[0]["message"]
        assert not any(word in json.dumps(told) for word in ("Zanzibar", "Timbuktu", "SELECT", "secret_word"))
    assert not errors(lake, "primary", "engine.read")


def test_a_manifest_that_the_engine_cannot_read_is_in_the_journal_once_a_statement(fresh):
    server = fresh(env=ABANDONING)
    server.sql("CREATE TABLE unlisted AS SELECT 1 AS id")
    server.restart()
    [manifest] = server.root.glob("lake/data/unlisted-*/metadata/*-m0.avro")
    manifest.unlink()
    for number, query in enumerate([lambda: server.query("FROM unlisted"), lambda: server.ingest(b"id\n1\n", "unlisted", mode="upsert", key="id")], 1):
        assert query().status_code == 500
        told = errors(server, "primary", "engine.read")
        assert len(told) == number and told[0]["key"] == str(manifest.relative_to(server.root))
        assert told[0]["code"] == "not_found" and told[0]["message"] == "Cannot open file: No such file or directory"


def test_a_file_that_the_engine_cannot_write_is_in_the_journal(lake):
    assert load(lake, "stuck", b"id\n1\n", "two").status_code == 201
    [(key, path)] = files(lake, "stuck", "data")
    path.rename(path.parent / "data-away")
    path.write_bytes(b"a file where a folder is to be")
    assert lake.query("INSERT INTO stuck VALUES (2)").status_code == 500
    told = errors(lake, "two", "engine.write")
    assert [(t["key"], t["code"]) for t in told] == [(key, "io")] and "Cannot write" in told[0]["message"]
    path.unlink()
    (path.parent / "data-away").rename(path)
    lake.sql("INSERT INTO stuck VALUES (2)")
    assert len(errors(lake, "two", "engine.write")) == 1


def test_what_a_statement_quotes_does_not_get_into_the_journal(lake):
    assert load(lake, "quoted", b"id\n1\n", "two").status_code == 201
    [(_, path)] = files(lake, "quoted", "data/*.parquet")
    before = len(errors(lake, "two", "engine.read"))
    for sql in (f"SELECT '{path}'::INT", f"SELECT error('IO Error: Cannot open file \"{path}\": No such file or directory')",
                f"SELECT * FROM \"{path}x\"", f"SELECT * FROM read_parquet('{path}x')"):
        assert 400 <= lake.query(sql).status_code < 500
    assert len(errors(lake, "two", "engine.read")) == before


def test_buckets_are_listed_and_their_places_told_to_administrators_only(tmp_path, fresh):
    config = configure(tmp_path, {"two": {"root": str(tmp_path / "two"), "read_only": True}}, rescue_bucket="two")
    server = fresh("--config", config, "--set", "auth.mode=keys", "--set", "auth.admin_key=top")
    admin = {"X-API-Key": "top"}
    key = server.request("POST", "/access/keys", headers=admin, json={"name": "r", "permission": "read"}).json()["key"]
    plain = server.request("GET", "/storage/buckets", headers={"X-API-Key": key}).json()["items"]
    assert [(b["name"], b["kind"], b["primary"], b["rescue"], b["read_only"]) for b in plain] == [
        ("primary", "file", True, False, False), ("two", "file", False, True, True)]
    assert "location" not in plain[0]
    assert server.request("GET", "/storage/buckets", headers=admin).json()["items"][1]["location"] == str(tmp_path / "two")
    assert server.request("GET", "/storage/errors", headers={"X-API-Key": key}).status_code == 403
    assert server.request("GET", "/storage/bucket-health?now=true", headers={"X-API-Key": key}).status_code == 403
    health = server.request("GET", "/storage/bucket-health?now=true", headers=admin).json()["items"]
    assert [b["state"] for b in health] == ["ok", "ok"]
    assert server.request("PUT", objects("two", "x"), headers=admin, data=b"x").status_code == 403
    assert server.request("POST", "/catalog/migrate-buckets", headers=admin).json() == {"stamped": 0, "already": 0, "bucket": "primary"}


def test_the_journal_waits_while_the_primary_is_down(tmp_path, fresh):
    config = configure(tmp_path, {"main": {"root": str(tmp_path / "main")}, "two": {"root": str(tmp_path / "two")}}, primary="main", probe_interval_ms=100)
    server = fresh("--config", config)
    (tmp_path / "main").rename(tmp_path / "main-away")
    until(lambda: state(server, "main")["state"] == "unreachable", "nobody noticed")
    waiting = server.request("GET", "/storage/errors", params={"bucket": "main"}).json()["items"]
    assert waiting and not (tmp_path / "main").exists()
    ready = server.request("GET", "/ready")
    parts = ready.json()["parts"]
    assert ready.status_code == 503 and ready.json()["status"] == "not ready" and int(ready.headers["Retry-After"]) >= 1
    assert parts["engine"] == {"status": "ok"} and parts["storage"]["status"] == "failed" and parts["storage"]["message"], parts
    (tmp_path / "main-away").rename(tmp_path / "main")
    journal = tmp_path / "main" / "_errors" / "bucket_errors.jsonl"
    until(lambda: journal.exists() and waiting[0]["id"] in journal.read_text(), "what waited was not written")
    assert server.request("GET", "/ready").status_code == 200


def move(server, dataset, bucket):
    return server.request("POST", f"/catalog/datasets/by-name/{dataset}/move", json={"bucket": bucket})


def test_a_dataset_moves_with_its_deletes_schema_and_history(lake):
    load(lake, "mover", b"id,v\n1,a\n2,b\n3,c\n")
    load(lake, "mover", b"id,v\n4,d\n", mode="append")
    lake.sql("DELETE FROM mover WHERE id = 2")
    lake.sql("ALTER TABLE mover RENAME COLUMN v TO w")
    lake.request("PATCH", "/catalog/datasets/by-name/mover/metadata", json={"owner": "ann"})
    before = lake.pyiceberg().load_table("data.mover")
    old_place, old_snapshot = pathlib.Path(before.location()), before.current_snapshot().snapshot_id
    answer = move(lake, "mover", "two")
    assert answer.status_code == 200, answer.text
    moved = answer.json()
    assert (moved["bucket_before"], moved["bucket"], moved["rows"]) == ("primary", "two", 3) and moved["location"].startswith(f"{lake.folder}/two/")
    rows = [[1, "a"], [3, "c"], [4, "d"]]
    assert lake.sql("SELECT id, w FROM mover ORDER BY id") == rows
    table = lake.pyiceberg().load_table("data.mover")
    assert sorted(map(list, zip(*table.scan().to_arrow().select(["id", "w"]).to_pydict().values()))) == rows
    files = [task.file for task in table.scan().plan_files()]
    assert files and all(f.file_path.startswith(moved["location"]) for f in files)
    assert table.current_snapshot().manifest_list.startswith(moved["location"])
    assert all(m.manifest_path.startswith(moved["location"]) for m in table.current_snapshot().manifests(table.io))
    assert table.metadata.table_uuid == before.metadata.table_uuid
    assert table.scan(snapshot_id=old_snapshot).to_arrow().num_rows == 3  # the history stays
    assert lake.request("GET", "/catalog/datasets/by-name/mover").json()["owner"] == "ann"
    lake.sql("INSERT INTO mover VALUES (5, 'e')")
    assert verify(lake, "mover")["ok"]
    assert move(lake, "mover", "two").status_code == 409
    assert move(lake, "mover", "nine").status_code == 503
    assert move(lake, "nothing", "two").status_code == 404
    assert move(lake, "mover", "").status_code == 400
    # what it left behind is maintenance's to take
    assert list(old_place.rglob("*.parquet"))
    assert lake.request("POST", "/catalog/datasets/by-name/mover/expire-snapshots", json={"older_than_ms": 0, "grace_ms": 0}).status_code == 200
    assert not list(old_place.rglob("*.parquet")), list(old_place.rglob("*"))
    assert lake.sql("SELECT count(*) FROM mover") == [[4]] and verify(lake, "mover")["ok"]
    # and back again, then away with everything
    assert move(lake, "mover", "primary").status_code == 200
    lake.restart()
    assert lake.sql("SELECT count(*) FROM mover") == [[4]]
    assert lake.request("DELETE", "/datasets/by-name/mover?purge=true").status_code == 204
    assert not [p for top in ("root", "two") for p in (lake.folder / top).rglob("mover-*/**/*") if p.is_file()]


def test_an_empty_dataset_and_one_of_partitions_move(lake):
    import pyarrow as pa
    from pyiceberg.transforms import IdentityTransform

    lake.sql("CREATE TABLE hollow (id BIGINT)")
    assert move(lake, "hollow", "two").status_code == 200
    assert lake.request("GET", "/datasets/by-name/hollow").json()["location"].startswith(f"{lake.folder}/two/")
    lake.sql("INSERT INTO hollow VALUES (1)")
    lake.sql("DELETE FROM hollow")
    assert move(lake, "hollow", "spare").status_code == 200
    assert lake.sql("SELECT count(*) FROM hollow") == [[0]]
    lake.sql("INSERT INTO hollow VALUES (2)")
    assert lake.sql("SELECT id FROM hollow") == [[2]]
    rows = pa.table({"day": pa.array(["mon", "tue", "tue"]), "n": pa.array([1, 2, 3], pa.int64())})
    table = lake.pyiceberg().create_table("data.parted", rows.schema, properties={"lakehouse.bucket": "two"})
    with table.update_spec() as spec:
        spec.add_field("day", IdentityTransform(), "day")
    table.append(rows)
    assert move(lake, "parted", "primary").json()["partitions"] == 2
    table = lake.pyiceberg().load_table("data.parted")
    assert table.properties["lakehouse.bucket"] == "primary"
    assert table.scan(row_filter="day = 'tue'").to_arrow().num_rows == 2
    assert lake.sql("SELECT sum(n) FROM parted WHERE day = 'tue'") == [[5]]


def test_writers_wait_while_a_dataset_moves(lake):
    import threading

    load(lake, "busy", b"id\n0\n")
    failed, done = [], threading.Event()

    def write(writer):
        n = 0
        while not done.is_set():
            n += 1
            answer = lake.query(f"INSERT INTO busy VALUES ({writer * 1000 + n})")
            if answer.status_code != 200:
                failed.append(answer.text)
            counts[writer] = n

    counts = {1: 0, 2: 0}
    threads = [threading.Thread(target=write, args=(writer,)) for writer in counts]
    for thread in threads:
        thread.start()
    for bucket in ("two", "spare", "primary"):
        assert move(lake, "busy", bucket).status_code == 200
    done.set()
    for thread in threads:
        thread.join()
    assert not failed, failed[:3]
    assert lake.sql("SELECT count(*), count(DISTINCT id) FROM busy") == [[1 + sum(counts.values())] * 2]
    assert verify(lake, "busy")["ok"]


def test_a_profile_is_not_for_who_has_its_name(tmp_path, fresh):
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (profiles / "ann.json").write_text(json.dumps({"bucket": {"name": "anns", "root": "ann"}}))
    config = configure(tmp_path, {"two": {"root": str(tmp_path / "two")}}, profile_root=str(profiles))
    server = fresh("--config", config, env={"LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": "an-admin-key-of-the-bucket-tests"})
    server.headers = {"X-API-Key": "an-admin-key-of-the-bucket-tests"}
    assert server.request("POST", "/profile/ann/activate").status_code == 200
    grants = [{"effect": "allow", "on": "dataset", "name": "anns_own", "actions": ["read", "write"]}]
    assert server.request("POST", "/access/roles", json={"name": "owner", "grants": grants}).status_code == 201
    assert server.request("POST", "/access/principals", json={"name": "ann", "kind": "user", "roles": ["owner"]}).status_code == 201
    ann = server.request("POST", "/access/keys", json={"principal": "ann"}).json()["key"]
    writer = server.request("POST", "/access/keys", json={"name": "writer", "permission": "write"}).json()["key"]

    def load(key, **headers):
        return server.request("POST", "/ingest/file", headers={"X-API-Key": key, **headers}, data={"dataset": "anns_own", "mode": "append"}, files={"file": ("v.csv", b"id\n1\n")})

    for headers in ({"X-Lakehouse-Profile": "ann"}, {"X-Lakehouse-Profile": "nobody"}, {"X-Lakehouse-Bucket": "anns"}):
        assert load(ann, **headers).status_code == 403
    answer = server.request("POST", "/ingest/file", headers={"X-API-Key": writer, "X-Lakehouse-Profile": "ann"}, data={"dataset": "anns_own"}, files={"file": ("v.csv", b"id\n1\n")})
    assert answer.status_code == 201, answer.text
    assert server.request("GET", "/datasets/by-name/anns_own").json()["location"].startswith(f"{profiles}/ann/")
    assert load(ann).status_code == 200  # to where it is


def test_a_profile_brings_a_user_s_bucket_while_the_server_runs(tmp_path, fresh):
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    document = {"bucket": {"name": "anns", "root": "ann"}, "cache_pins": ["people.visits"], "defaults": {"namespace": "people"}}
    (profiles / "ann.json").write_text(json.dumps(document))
    (profiles / "bad.json").write_text('{"bucket": {"name": "b", "rooot": "x"}}')
    (profiles / "link.json").symlink_to("/etc/passwd")
    config = configure(tmp_path, {"two": {"root": str(tmp_path / "two")}}, profile_root=str(profiles), probe_interval_ms=100)
    server = fresh("--config", config)
    as_ann = {"X-Lakehouse-Profile": "ann"}

    def visit(dataset, rows, **fields):
        return server.request("POST", "/ingest/file", headers=as_ann, data={"dataset": dataset, **fields}, files={"file": ("v.csv", rows)})

    assert server.request("GET", "/profile/ann").json() == {
        "user": "ann", "active": False, "bucket": "anns", "cache_pins": ["people.visits"], "defaults": {"bucket": "anns", "namespace": "people", "backend": None}}
    assert visit("visits", b"id\n1\n").status_code == 404
    server.pyiceberg().create_namespace("people")
    activated = server.request("POST", "/profile/ann/activate")
    assert activated.status_code == 200 and activated.json()["active"], activated.text
    assert [b["name"] for b in server.request("GET", "/storage/buckets").json()["items"]] == ["primary", "two", "anns"]
    assert visit("visits", b"id\n1\n2\n").status_code == 201
    location = server.request("GET", "/datasets/by-name/people.visits").json()["location"]
    assert location.startswith(f"{profiles}/ann/")
    load(server, "here", b"id\n2\n")
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"id": pa.array([7], pa.int64())}), profiles / "ann" / "loose.parquet")
    loose = {"name": "loose", "files": [f"{profiles}/ann/loose.parquet"]}
    registered = server.request("POST", "/datasets", headers=as_ann, json=loose)
    assert registered.status_code == 201 and server.sql("SELECT id FROM people.loose") == [[7]], registered.text
    assert server.request("POST", "/datasets", headers=as_ann, json={**loose, "name": "data.loose"}).status_code == 201
    assert server.sql("SELECT id FROM data.loose") == [[7]]
    assert server.request("POST", "/datasets", headers={"X-Lakehouse-Profile": "bob"}, json=loose).status_code == 404
    assert server.sql("SELECT count(*) FROM here JOIN people.visits USING (id)") == [[1]]
    assert server.pyiceberg().load_table("people.visits").scan().to_arrow().num_rows == 2
    assert server.request("POST", "/profile/ann/activate").status_code == 200  # the document is read anew
    assert server.sql("SELECT count(*) FROM people.visits") == [[2]]
    assert server.request("POST", "/profile/ann/deactivate").status_code == 204
    assert server.query("SELECT * FROM people.visits").status_code >= 400
    assert server.sql("SELECT count(*) FROM here") == [[1]]
    assert server.request("GET", objects("anns", "x")).status_code == 503
    assert visit("more", b"id\n1\n").status_code == 404
    assert server.request("POST", "/profile/ann/activate").status_code == 200
    assert server.sql("SELECT count(*) FROM people.visits") == [[2]]
    for user, status in (("nobody", 404), ("bad", 400), ("Ann", 400), ("..%2fann", 400), ("link", 500)):
        answer = server.request("POST", f"/profile/{user}/activate")
        assert answer.status_code in (status, 400) and "root:" not in answer.text, (user, answer.text)
    assert "did you mean root" in server.request("POST", "/profile/bad/activate").text


def test_a_profile_that_cannot_be_read_anew_stays_as_it_was(tmp_path, fresh):
    document = tmp_path / "ann.json"
    document.write_text(json.dumps({"bucket": {"name": "anns", "root": "ann"}}))
    (tmp_path / "plug").write_text("a file is no folder")
    server = fresh("--set", f"storage.profile_root={tmp_path}")
    assert server.request("POST", "/profile/ann/activate").status_code == 200
    assert load(server, "visits", b"id\n1\n2\n", "anns").status_code == 201
    for bucket in ({"name": "anns", "root": "plug/inside"}, {"name": "other", "root": "plug/inside"}, {"name": "primary", "root": "ann"}):
        document.write_text(json.dumps({"bucket": bucket}))
        assert server.request("POST", "/profile/ann/activate").status_code >= 400
        told = server.request("GET", "/profile/ann").json()
        assert told["active"] and told["bucket"] == "anns"
        assert server.sql("SELECT count(*) FROM visits") == [[2]]
        assert load(server, "visits", b"id\n3\n", "anns", mode="replace").status_code == 200
        assert load(server, "visits", b"id\n1\n2\n", "anns", mode="replace").status_code == 200
    document.write_text(json.dumps({"bucket": {"name": "hers", "root": "hers"}}))
    assert server.request("POST", "/profile/ann/activate").status_code == 200
    assert [b["name"] for b in server.request("GET", "/storage/buckets").json()["items"]] == ["primary", "hers"]


def active(server, user):
    return server.request("GET", f"/profile/{user}").json()["active"]


def test_an_active_profile_outlives_the_server_and_every_gateway_has_it(tmp_path, fresh):
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    for user in ("ann", "bob"):
        (profiles / f"{user}.json").write_text(json.dumps({"bucket": {"name": f"{user}s", "root": user}}))
    server = fresh("--set", f"storage.profile_root={profiles}")
    assert server.request("POST", "/profile/ann/activate").status_code == 200
    assert server.request("POST", "/profile/bob/activate").status_code == 200
    assert load(server, "visits", b"id\n1\n2\n", "anns").status_code == 201
    assert server.request("POST", "/profile/bob/deactivate").status_code == 204
    server.kill()
    server.start()
    server.wait_ready()
    assert active(server, "ann") and not active(server, "bob")
    assert server.sql("SELECT count(*) FROM visits") == [[2]]
    second = Server(server.root, "--set", f"storage.profile_root={profiles}")
    try:
        assert active(second, "ann") and second.sql("SELECT count(*) FROM visits") == [[2]]
        assert server.request("POST", "/profile/bob/activate").status_code == 200
        wait_for(lambda: active(second, "bob"))
        assert load(second, "from_bob", b"id\n1\n", "bobs").status_code == 201
        (profiles / "ann.json").write_text(json.dumps({"bucket": {"name": "anns", "root": "ann"}, "defaults": {"namespace": "people"}}))
        assert second.request("POST", "/profile/ann/activate").status_code == 200
        wait_for(lambda: server.request("GET", "/profile/ann").json()["defaults"]["namespace"] == "people")
        assert second.request("POST", "/profile/ann/deactivate").status_code == 204
        wait_for(lambda: not active(server, "ann"))
        assert server.query("SELECT * FROM visits").status_code >= 400
    finally:
        second.stop()
    server.restart()
    assert not active(server, "ann") and active(server, "bob")
    (profiles / "bob.json").unlink()  # what cannot be taken up keeps no server from starting
    server.restart()
    assert server.sql("SELECT 1") == [[1]] and "a profile cannot be taken up" in server.log_text()
    assert server.request("POST", "/profile/bob/deactivate").status_code == 204


def test_statements_run_through_while_profiles_come_and_go(tmp_path, fresh):
    import threading

    (tmp_path / "ann.json").write_text(json.dumps({"bucket": {"name": "anns", "root": "ann"}}))
    server = fresh("--set", f"storage.profile_root={tmp_path}")
    load(server, "steady", b"id\n1\n2\n3\n")
    failed, done = [], threading.Event()

    def ask():
        while not done.is_set():
            answer = server.query("SELECT sum(id) FROM steady")
            if answer.status_code != 200 or answer.json()["rows"][0][0] not in (6, "6"):
                failed.append(answer.text)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        assert server.request("POST", "/profile/ann/activate").status_code == 200
        assert server.request("POST", "/profile/ann/deactivate").status_code == 204
    done.set()
    for thread in threads:
        thread.join()
    assert not failed, failed[:3]


def test_the_command_line_shows_buckets(lake):
    def run(*args):
        done = subprocess.run([str(BINARY), "buckets", *args, "--url", lake.url], capture_output=True, text=True, cwd=lake.folder, timeout=120)
        return done.returncode, done.stdout + done.stderr

    code, text = run()
    assert code == 0 and all(name in text for name in ("primary", "two", "spare", str(lake.folder / "two")))
    assert run("health")[0] == 0
    lake.request("PUT", objects("two", "x"), data=b"x")
    (lake.folder / "two").rename(lake.folder / "two-gone")
    try:
        code, text = run("health")
        assert code == 1 and "unreachable" in text and "'two' does not answer" in text
    finally:
        (lake.folder / "two-gone").rename(lake.folder / "two")
    code, text = run("errors", "--bucket", "two", "--limit", "3")
    assert code == 0 and "is gone" in text and len(text.splitlines()) < 10
    code, text = run("migrate")
    assert code == 0 and "0 records now name the bucket 'primary'" in text
    assert run("nonsense")[0] == 2


# ---- S3 ----

@pytest.fixture(scope="module")
def clouds(s3, tmp_path_factory):
    """The primary on disk, `warehouse` on the S3 server, `archive` on another, which has the bucket `warehouse-2`."""
    folder = tmp_path_factory.mktemp("clouds")
    other = S3Server(folder / "s3", "warehouse-2")
    secrets = folder / "secrets.toml"
    secrets.write_text('[archive]\naccess_key = "testaccess"\nsecret_key = "testsecret"\n')
    secrets.chmod(0o600)
    config = configure(folder, {
        "warehouse": {"kind": "s3", "endpoint": s3["url"], "bucket": "lake"},
        "archive": {"kind": "s3", "endpoint": other.url, "bucket": "warehouse-2"},
    }, secrets_file="secrets.toml", vend_credentials=True, probe_interval_ms=100, s3_retries=0)
    running = Server(folder / "root", "--config", config.name, cwd=folder, env=KEYS)
    running.other = other
    yield running
    running.stop()
    other.stop()


def test_sql_joins_files_and_two_s3_services(clouds, s3):
    assert load(clouds, "disk", b"id,a\n1,x\n").status_code == 201
    assert load(clouds, "first", b"id,b\n1,y\n", "warehouse").status_code == 201
    assert load(clouds, "second", b"id,c\n1,z\n", "archive").status_code == 201
    assert clouds.sql("SELECT a, b, c FROM disk JOIN first USING (id) JOIN second USING (id)") == [["x", "y", "z"]]
    clouds.sql("UPDATE second SET c = (SELECT b FROM first)")
    assert clouds.sql("SELECT c FROM second") == [["y"]]
    assert clouds.request("GET", "/datasets/by-name/second").json()["location"].startswith("s3://warehouse-2/")


def test_a_dataset_moves_between_disk_and_two_s3_services(clouds):
    load(clouds, "nomad", b"id,v\n1,a\n2,b\n")
    clouds.sql("DELETE FROM nomad WHERE id = 1")
    for bucket, start in (("warehouse", "s3://lake/"), ("archive", "s3://warehouse-2/"), ("primary", "/")):
        done = subprocess.run([str(BINARY), "datasets", "move", "nomad", bucket, "--url", clouds.url], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0 and f"to {bucket}: 1 rows" in done.stdout, done
        assert clouds.request("GET", "/datasets/by-name/nomad").json()["location"].startswith(start)
        assert clouds.sql("SELECT id, v FROM nomad") == [[2, "b"]]
        assert verify(clouds, "nomad")["ok"]


def test_an_iceberg_client_gets_the_config_of_the_table_s_bucket(clouds, s3):
    path = "/iceberg/v1/namespaces/data/tables/"
    asking = {"X-Iceberg-Access-Delegation": "vended-credentials"}
    for table, url in (("first", s3["url"]), ("second", clouds.other.url)):
        plain = clouds.request("GET", path + table).json()["config"]
        assert plain["s3.endpoint"] == url and plain["s3.path-style-access"] == "true" and not any("key" in k for k in plain)
        vended = clouds.request("GET", path + table, headers=asking).json()["config"]
        assert vended["s3.secret-access-key"] == "testsecret"
        for answer in (clouds.request("GET", path + table, headers=asking), clouds.request("GET", path + table + "/credentials")):
            (credential,) = answer.json()["storage-credentials"]
            assert credential["config"] == vended and credential["prefix"].startswith("s3://")
        assert clouds.pyiceberg(**{"header.X-Iceberg-Access-Delegation": "vended-credentials"}).load_table(f"data.{table}").scan().to_arrow().num_rows == 1
    assert clouds.request("GET", path + "disk", headers=asking).json()["config"] == {}
    assert clouds.request("GET", path + "disk/credentials").json() == {"storage-credentials": []}
    absent = clouds.request("GET", path + "absent/credentials")
    assert absent.status_code == 404 and absent.json()["error"]["type"] == "NoSuchTableException"
    assert "testsecret" not in clouds.log_text()


def test_no_keys_are_vended_unless_the_configuration_says_so(s3, tmp_path, fresh):
    config = configure(tmp_path, {"warehouse": {"kind": "s3", "endpoint": s3["url"], "bucket": "lake"}})
    server = fresh("--config", config, env=KEYS)
    assert load(server, "mine", b"id\n1\n", "warehouse").status_code == 201
    answer = server.request("GET", "/iceberg/v1/namespaces/data/tables/mine", headers={"X-Iceberg-Access-Delegation": "vended-credentials"})
    assert answer.json()["config"]["s3.endpoint"] == s3["url"] and "testsecret" not in answer.text
    assert server.request("GET", "/iceberg/v1/namespaces/data/tables/mine/credentials").json() == {"storage-credentials": []}


def test_a_profile_may_bring_a_bucket_of_an_s3_service(s3, tmp_path, fresh):
    service = S3Server(tmp_path / "s3", "hers")
    try:
        bucket = {"name": "cloud", "kind": "s3", "endpoint": service.url, "bucket": "hers", "path_style": True, "secret": "warehouse"}
        (tmp_path / "ann.json").write_text(json.dumps({"bucket": bucket, "defaults": {"namespace": "people"}}))
        server = fresh("--set", f"storage.profile_root={tmp_path}", env=KEYS)
        server.pyiceberg().create_namespace("people")
        assert server.request("POST", "/profile/ann/activate").status_code == 200
        sent = {"headers": {"X-Lakehouse-Profile": "ann"}, "data": {"dataset": "visits"}, "files": {"file": ("v.csv", b"id\n1\n2\n")}}
        assert server.request("POST", "/ingest/file", **sent).status_code == 201
        assert server.request("GET", "/datasets/by-name/people.visits").json()["location"].startswith("s3://hers/")
        server.restart()
        assert server.sql("SELECT count(*) FROM people.visits") == [[2]]
        told = server.request("GET", "/profile/ann").text + server.log_text()
        assert "testsecret" not in told and "testaccess" not in told
        assert not [f for f in server.root.rglob("*") if f.is_file() and b"testsecret" in f.read_bytes()]
        assert server.request("POST", "/profile/ann/deactivate").status_code == 204
        assert server.query("SELECT * FROM people.visits").status_code >= 400
    finally:
        service.stop()


def test_secrets_that_others_may_read_are_refused(tmp_path, fresh):
    (tmp_path / "secrets.toml").write_text('[cloud]\naccess_key = "a"\nsecret_key = "hush-hush"\n')
    (tmp_path / "secrets.toml").chmod(0o644)
    config = configure(tmp_path, {"cloud": {"kind": "s3", "endpoint": f"http://127.0.0.1:{free_port()}"}}, secrets_file=str(tmp_path / "secrets.toml"))
    with pytest.raises(AssertionError) as refused:
        fresh("--config", config)
    assert "chmod 600" in str(refused.value) and "hush" not in str(refused.value)
    (tmp_path / "secrets.toml").chmod(0o600)
    fresh("--config", config, root=tmp_path / "again")  # the bucket does not answer, the server does


def test_what_the_engine_cannot_get_of_an_s3_service_is_in_the_journal(s3, tmp_path, fresh):
    service = S3Server(tmp_path / "s3", "clouded")
    config = configure(tmp_path, {"warehouse": {"kind": "s3", "endpoint": service.url, "bucket": "clouded"}}, probe_interval_ms=100)
    try:
        server = fresh("--config", config, env={**KEYS, **ABANDONING})
        for dataset in ("read", "written", "gone"):
            assert load(server, dataset, b"id,word\n1,Zanzibar\n", "warehouse").status_code == 201
        server.restart()
        for dataset in ("read", "gone"):  # the catalog has their metadata in memory, the engine nothing
            server.request("GET", f"/datasets/by-name/{dataset}")
        server.sql("SELECT * FROM written")
        service.stop()
        assert server.query("SELECT * FROM read WHERE word = 'Zanzibar'").status_code >= 500
        told = errors(server, "warehouse", "engine.read")
        assert len(told) == 1 and told[0]["code"] == "unavailable" and "HTTP" in told[0]["message"]
        assert told[0]["key"].startswith("lake/data/read-") and told[0]["key"].endswith((".avro", ".parquet"))
        assert server.query("INSERT INTO written VALUES (2, 'Timbuktu')").status_code >= 500
        wrote = errors(server, "warehouse", "engine.write")
        assert len(wrote) == 1 and wrote[0]["code"] == "unavailable" and wrote[0]["key"].startswith("lake/data/written-")
        service.start()
        until(lambda: state(server, "warehouse")["state"] == "ok", "it did not come back")
        assert server.sql("SELECT count(*) FROM read") == [[1]]
        for file in (tmp_path / "s3" / "clouded").rglob("gone-*/data/*.parquet"):
            file.unlink()
        assert server.query("SELECT * FROM gone").status_code >= 500
        told = errors(server, "warehouse", "engine.read")
        assert len(told) == 2 and told[0]["key"].startswith("lake/data/gone-") and told[0]["code"] == "not_found" and "404" in told[0]["message"]
        text = json.dumps(told + wrote)
        assert not any(word in text for word in ("testsecret", "testaccess", "Zanzibar", "Timbuktu", "SELECT", "INSERT"))
    finally:
        service.stop()


def test_two_gateways_share_the_journal_of_an_s3_primary(s3, tmp_path, fresh):
    """Each puts the whole of it anew, and none loses what the other wrote."""
    primary, service = S3Server(tmp_path / "primary", "main"), S3Server(tmp_path / "s3", "clouded")
    keys = {**KEYS, **{f"LAKEHOUSE_SECRET__MAIN__{kind}_KEY": f"test{kind.lower()}" for kind in ("ACCESS", "SECRET")}}
    config = configure(tmp_path, {"main": {"kind": "s3", "endpoint": primary.url, "bucket": "main"},
                                  "warehouse": {"kind": "s3", "endpoint": service.url, "bucket": "clouded"}},
                       primary="main", probe_interval_ms=3600000, s3_retries=0)
    journal = tmp_path / "primary" / "main" / "_errors" / "bucket_errors.jsonl"

    def written():
        return [record["key"] for record in map(json.loads, journal.read_text().splitlines())] if journal.exists() else []

    try:
        gateways = [fresh("--config", config, env=keys) for _ in range(2)]
        service.stop()
        asked = []
        for number in range(6):
            asked.append(f"gateway{number % 2}/{number}.txt")
            assert gateways[number % 2].request("GET", objects("warehouse", asked[-1])).status_code == 503
            until(lambda: asked[-1] in written(), "the journal is not written")
        assert [key for key in written() if key] == asked
        for gateway in gateways:
            told = gateway.request("GET", "/storage/errors", params={"operation": "get"}).json()["items"]
            assert [(record["key"], record["code"]) for record in reversed(told)] == [(key, "unavailable") for key in asked]
        for gateway in gateways:
            gateway.stop()
        assert "testsecret" not in journal.read_text()
    finally:
        primary.stop()


def test_an_s3_service_that_stops_is_rescued_from_disk(s3, tmp_path, fresh):
    service = S3Server(tmp_path / "s3", "cloudy")
    config = configure(tmp_path, {"warehouse": {"kind": "s3", "endpoint": service.url, "bucket": "cloudy"}, "spare": {"root": str(tmp_path / "spare")}},
                       rescue_bucket="spare", probe_interval_ms=100, probe_timeout_ms=60000, s3_retries=0)  # who is gone refuses at once
    server = fresh("--config", config, env=KEYS)
    assert load(server, "clouds", b"id\n1\n", "warehouse").status_code == 201
    for bucket in ("warehouse", "spare"):
        assert server.request("PUT", objects(bucket, "a.txt"), data=bucket.encode()).status_code == 200
    assert server.request("GET", objects("warehouse", "a.txt")).content == b"warehouse"
    service.stop()
    try:
        until(lambda: state(server, "warehouse")["state"] == "unreachable", "nobody noticed")
        got = server.request("GET", objects("warehouse", "a.txt"))
        assert got.content == b"spare" and got.headers["X-Lakehouse-Rescue-Used"] == "true"
        assert server.request("PUT", objects("warehouse", "b.txt"), data=b"x").status_code == 503
        assert server.request("GET", objects("warehouse", "nowhere.txt")).status_code == 404
        assert not verify(server, "clouds")["ok"]
    finally:
        service.start()
    until(lambda: state(server, "warehouse")["state"] == "ok", "it did not come back")
    assert server.request("GET", objects("warehouse", "a.txt")).content == b"warehouse"
    assert server.sql("SELECT count(*) FROM clouds") == [[1]]
    errors = server.request("GET", "/storage/errors", params={"bucket": "warehouse", "limit": 1000}).json()["items"]
    assert {"put", "probe"} <= {e["operation"] for e in errors} and "testsecret" not in json.dumps(errors)
    service.stop()

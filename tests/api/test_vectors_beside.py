"""The files of an index in the bucket, beside its table: a gateway that has none fetches them, on disk and on S3. What is served comes from
whole files of the table's snapshot, whatever lies there."""
import os
import random
import shutil
import stat
import time

import pytest

from harness import SANITIZED, S3Server, Server, wait_for
from test_vectors import HASH, TEXTS, ended, index, lines, ranked, search, submit

ROWS = 400
KILLS = int(os.environ.get("LAKEHOUSE_KILLS", 1 if SANITIZED else 4))


def rows_of(first, count):
    return lines((f"C{i:04d}", "TX", f"{TEXTS[i % 5]} Number {i}.") for i in range(first, first + count))


class Beside:
    """A lake, where its bucket's objects lie on this machine, and gateways of it."""

    def __init__(self, root, env, bucket):
        self.root, self.env, self.bucket = root, {**HASH, **env}, bucket
        self.server = Server(root, env=self.env)

    def new_disk(self):
        """The server starts again without what it kept by itself."""
        self.server.stop()
        shutil.rmtree(self.root / ".scratch" / "vectors")
        self.server.start()

    def made(self):
        """How indexes were made ready since the start: from the table, from files here, from those of the bucket, extended."""
        return tuple(int(self.server.metric(f"lakehouse_vector_loads_{how}_total")) for how in ("table", "files", "bucket", "extended"))

    def files(self, name):
        """Those of the index in the bucket."""
        location = self.server.request("GET", f"/iceberg/v1/namespaces/vectors/tables/{name}").json()["metadata"]["location"]
        key = location.split("/", 3)[3] if location.startswith("s3:") else location.removeprefix(f"{self.bucket}/")
        return sorted(file for file in (self.bucket / key / "index").glob("*") if file.is_file())

    def put(self, file, data):
        """Another program's write of an object."""
        if self.bucket == self.root:
            file.unlink()  # not in place: another name of it may be mapped
            file.write_bytes(data)
            return
        from pyarrow import fs
        store = fs.S3FileSystem(access_key="testaccess", secret_key="testsecret", endpoint_override=self.env["LAKEHOUSE__STORAGE__S3_ENDPOINT"], region="us-east-1")
        with store.open_output_stream(f"{self.bucket.name}/{file.relative_to(self.bucket)}") as stream:
            stream.write(data)

    def graph(self, name):
        return self.server.request("GET", f"/vectors/indexes/{name}").json()["graph"]

    def kept(self, name):
        """Waits until somebody has looked whether the files are in the bucket."""
        wait_for(lambda: self.graph(name)["in_bucket"] is not None)
        return self.graph(name)


@pytest.fixture(params=["file", "s3"])
def lake(request, tmp_path):
    if request.param == "file":
        made = Beside(tmp_path / "lake", {}, tmp_path / "lake")
    else:
        s3 = request.getfixturevalue("s3")
        prefix = tmp_path.name.replace("_", "-")[:40].strip("-").lower()  # a bucket of the test's own
        buckets = request.getfixturevalue("buckets")
        (buckets.folder / prefix).mkdir()
        made = Beside(tmp_path / "lake", {**s3["env"], "LAKEHOUSE__STORAGE__S3_ENDPOINT": buckets.url, "LAKEHOUSE__STORAGE__S3_BUCKET": prefix}, buckets.folder / prefix)
    yield made
    if made.server.alive():
        made.server.stop()


@pytest.fixture(scope="module")
def buckets(s3, tmp_path_factory):
    running = S3Server(tmp_path_factory.mktemp("beside") / "buckets", "first")
    yield running
    running.stop()


def both(server, name):
    return [ranked(server, name, mode) for mode in ("exact", "hnsw")]


def test_a_gateway_whose_disk_is_new_fetches_the_graph(lake):
    lake.server.ingest(rows_of(0, ROWS), "kept")
    index(lake.server, "kept")
    assert lake.graph("kept") == {"came": "built", "in_bucket": True, "problem": None}  # as soon as the job has ended
    right, files = both(lake.server, "kept"), lake.files("kept")
    assert [file.suffix for file in files] == [".ann", ".texts"] and files[0].stem == files[1].stem and lake.made() == (1, 0, 0, 0)
    lake.new_disk()
    assert lake.server.request("GET", "/vectors/indexes/kept").json()["graph"] is None
    assert both(lake.server, "kept") == right and lake.made() == (0, 0, 1, 0)
    assert lake.kept("kept") == {"came": "fetched", "in_bucket": True, "problem": None}
    lake.server.restart()
    assert both(lake.server, "kept") == right and lake.made() == (0, 1, 0, 0)
    assert lake.kept("kept") == {"came": "mapped", "in_bucket": True, "problem": None}
    assert lake.files("kept") == files and lake.server.metric("lakehouse_vector_writes_total") == 0
    for mine, theirs in zip(sorted((lake.root / ".scratch" / "vectors").iterdir()), files):
        assert mine.read_bytes() == theirs.read_bytes()
        assert os.path.samefile(mine, theirs) == (lake.bucket == lake.root)  # no second copy on one disk


def test_what_an_append_or_a_deletion_extends_takes_the_place_of_the_files_before(lake):
    lake.server.ingest(rows_of(0, ROWS), "grown")
    index(lake.server, "grown")
    before = lake.files("grown")
    lake.new_disk()
    lake.server.ingest(rows_of(ROWS, 40), "grown", mode="append")
    lake.server.sql("DELETE FROM grown WHERE candidate_id < 'C0010'")
    index(lake.server, "grown")
    assert lake.made() == (0, 0, 0, 1) and lake.graph("grown") == {"came": "extended", "in_bucket": True, "problem": None}
    right, after = both(lake.server, "grown"), lake.files("grown")
    assert len(after) == 2 and not set(before) & set(after)
    texts = after[1].read_bytes()
    assert b"Number 439." in texts and b"C0009" not in texts and b"Number 9." not in texts and b"Number 19." in texts  # what is gone is not to be read there
    lake.new_disk()
    assert both(lake.server, "grown") == right and lake.made() == (0, 0, 1, 0)
    compacted = lake.server.request("POST", "/query/compact", json={"dataset": "vectors.grown"})
    assert compacted.status_code == 200 and compacted.json()["snapshot_id"], compacted.text
    assert both(lake.server, "grown")[0] == right[0] and lake.made() == (0, 0, 1, 1)  # another snapshot of the same rows, by a search
    assert lake.kept("grown") == {"came": "extended", "in_bucket": True, "problem": None}
    assert len(lake.files("grown")) == 2 and not set(lake.files("grown")) & set(after)


def test_a_damaged_or_foreign_object_is_never_served_and_is_mended(lake):
    lake.server.ingest(rows_of(0, 60), "torn")
    index(lake.server, "torn")
    lake.server.ingest(rows_of(60, 60), "other")
    index(lake.server, "other")
    right, whole = both(lake.server, "torn"), {file: file.read_bytes() for file in lake.files("torn")}
    others = [file.read_bytes() for file in lake.files("other")]
    graph, texts = whole
    flipped = bytearray(whole[graph])
    flipped[len(flipped) // 2] ^= 4
    damages = [{graph: bytes(flipped)}, {texts: whole[texts][:-9]}, {texts: b""}, {graph: others[0], texts: others[1]}, {texts: others[1]}]
    for damage in damages[:2] if SANITIZED else damages:
        for file, data in damage.items():
            lake.put(file, data)
        lake.new_disk()
        assert both(lake.server, "torn") == right and lake.made() == (1, 0, 0, 0)
        assert "damaged" in lake.server.log_text()
        assert lake.kept("torn")["in_bucket"] is True
        assert lake.files("torn") == [graph, texts] and texts.read_bytes() == whole[texts]
        lake.new_disk()
        assert both(lake.server, "torn") == right and lake.made() == (0, 0, 1, 0)
    lake.server.stop()
    shutil.rmtree(lake.root / ".scratch" / "vectors")
    graph.unlink()  # as an upload that was cut off leaves it: texts alone
    lake.server.start()
    assert both(lake.server, "torn") == right and lake.made() == (1, 0, 0, 0)
    assert lake.kept("torn")["in_bucket"] is True and lake.files("torn") == [graph, texts]


def test_a_damaged_file_here_is_mended_by_the_bucket(lake):
    lake.server.ingest(rows_of(0, 60), "here")
    index(lake.server, "here")
    right = both(lake.server, "here")
    for suffix in (".ann", ".texts"):
        lake.server.stop()
        mine = lake.root / ".scratch" / "vectors" / f"here{suffix}"
        spoilt = bytearray(mine.read_bytes())
        spoilt[len(spoilt) // 2] ^= 1
        mine.unlink()
        mine.write_bytes(spoilt)
        lake.server.start()
        assert both(lake.server, "here") == right and lake.made() == (0, 0, 1, 0)


def test_orphan_removal_and_expiry_leave_them_and_a_drop_takes_them(lake):
    lake.server.ingest(rows_of(0, 60), "swept")
    index(lake.server, "swept")
    lake.server.ingest(rows_of(60, 10), "swept", mode="append")
    index(lake.server, "swept")
    files = lake.files("swept")
    folder = files[0].parent
    key = (folder / "forged.ann").relative_to(lake.bucket)
    assert lake.server.request("PUT", f"/storage/objects/{key}", data=b"x").status_code == 403  # only the server writes there
    orphan = folder.parent / "data" / "orphan.parquet"
    orphan.write_bytes(b"PAR1")
    for file in (*files, orphan):
        os.utime(file, (time.time() - 400000, time.time() - 400000))
    place = "/catalog/datasets/by-name/vectors.swept"
    assert lake.server.request("POST", f"{place}/expire-snapshots", json={"older_than_ms": 0, "grace_ms": 0}).status_code == 200
    removed = lake.server.request("POST", f"{place}/remove-orphans", json={"dry_run": False}).json()
    assert removed["orphan_files"] == 1 and not orphan.exists() and lake.files("swept") == files
    (folder / "left.texts").write_bytes(b"half of an older one")
    lake.new_disk()
    search(lake.server, index="swept", query="x")
    assert lake.made() == (0, 0, 1, 0)
    for file in files:  # as another engine's removal of orphans does
        file.unlink()
    lake.server.restart()
    search(lake.server, index="swept", query="x")
    assert lake.kept("swept")["came"] == "mapped" and lake.files("swept") == files  # written again, and what was left is gone
    assert lake.server.request("DELETE", "/vectors/indexes/swept").status_code == 204
    assert not [file for file in folder.glob("*") if file.is_file()]


def test_a_kill_while_files_are_written_leaves_nothing_that_is_served(lake):
    lake.server.ingest(rows_of(0, ROWS), "killed")
    index(lake.server, "killed")
    chance = random.Random(5)
    for round_ in range(KILLS):
        before = lake.files("killed")
        lake.server.ingest(rows_of(ROWS + round_, 1), "killed", mode="append")
        submit(lake.server, "killed")
        wait_for(lambda: lake.files("killed") != before)
        time.sleep(chance.random() / 50)
        lake.server.kill()  # there are texts alone, texts and graph, or those without what went for them
        shutil.rmtree(lake.root / ".scratch" / "vectors")
        lake.server.start()
        wait_for(lambda: lake.server.request("GET", "/jobs?state=running").json()["items"] == [] and lake.server.request("GET", "/jobs?state=queued").json()["items"] == [])
        right = both(lake.server, "killed")
        assert len(search(lake.server, index="killed", query="x", k=1000, mode="exact")) == ROWS + round_ + 1
        assert lake.kept("killed")["in_bucket"] is True and len(lake.files("killed")) == 2
        lake.new_disk()
        assert both(lake.server, "killed") == right and lake.made() == (0, 0, 1, 0)


def test_another_gateway_takes_what_the_first_one_made(lake, tmp_path):
    if lake.bucket == lake.root:
        pytest.skip("two gateways of one folder share its files")
    lake.server.ingest(rows_of(0, ROWS), "shared")
    index(lake.server, "shared")
    right = both(lake.server, "shared")
    other = Beside.__new__(Beside)
    other.root, other.env, other.bucket = tmp_path / "other", lake.env, lake.bucket
    other.server = Server(other.root, env=lake.env)
    assert both(other.server, "shared") == right and other.made() == (0, 0, 1, 0)
    lake.server.ingest(rows_of(ROWS, 10), "shared", mode="append")
    index(lake.server, "shared")
    other.server.request("GET", "/ready")  # refreshes the catalog
    assert both(other.server, "shared") == both(lake.server, "shared") and other.made() == (0, 0, 2, 0)
    other.server.stop()


def test_an_upload_that_fails_is_told_and_fails_no_job(lake):
    if lake.bucket != lake.root:
        pytest.skip("what makes it fail is a folder")
    lake.server.ingest(rows_of(0, 60), "failed")
    index(lake.server, "failed")
    folder = lake.files("failed")[0].parent
    shutil.rmtree(folder)
    folder.write_bytes(b"no folder")
    lake.server.ingest(rows_of(60, 5), "failed", mode="append")
    assert index(lake.server, "failed")["result"]["embedded_rows"] == 5
    told = lake.graph("failed")
    assert told["came"] == "extended" and told["in_bucket"] is False and told["problem"]
    assert "are not written to the bucket" in lake.server.log_text() and lake.server.metric("lakehouse_vector_writes_failed_total") == 1
    assert len(search(lake.server, index="failed", query="x", k=100)) == 65
    folder.unlink()
    lake.server.ingest(rows_of(65, 5), "failed", mode="append")
    index(lake.server, "failed")
    assert lake.graph("failed") == {"came": "extended", "in_bucket": True, "problem": None} and len(lake.files("failed")) == 2


def test_another_config_or_model_is_not_taken_for_it(lake):
    lake.server.ingest(rows_of(0, 60), "turned")
    index(lake.server, "turned")
    before = lake.files("turned")
    lake.new_disk()
    index(lake.server, "turned", hnsw={"ef_construction": 40, "ef_search": 40, "connectivity": 8, "dtype": "f16", "seed": 1})
    assert lake.made() == (1, 0, 0, 0) and lake.graph("turned")["in_bucket"] is True
    assert len(lake.files("turned")) == 2

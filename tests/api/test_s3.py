"""A lake on S3 (versitygw, a real server): load, query, change, open with strangers, start again. Skipped without it."""
import pytest

from harness import S3Server, Server


@pytest.fixture(scope="module")
def lake(s3, tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("s3") / "root", env=s3["env"])
    yield running
    running.stop()


def test_a_lake_on_s3(lake, s3):
    assert lake.ingest(b"id,v\n1,a\n2,b\n3,c\n", "objects").status_code == 201
    lake.sql("INSERT INTO objects VALUES (4, 'd')")
    lake.sql("UPDATE objects SET v = 'B' WHERE id = 2")
    lake.sql("DELETE FROM objects WHERE id = 3")
    want = [[1, "a"], [2, "B"], [4, "d"]]
    assert lake.sql("SELECT id, v FROM objects ORDER BY id") == want
    location = lake.request("GET", "/datasets/by-name/objects").json()["location"]
    assert location.startswith("s3://lake/")
    table = lake.pyiceberg(**s3["pyiceberg"]).load_table("data.objects")
    assert sorted(map(list, zip(*table.scan().to_arrow().select(["id", "v"]).to_pydict().values()))) == want
    table.append(table.scan(row_filter="id = 4").to_arrow())
    assert lake.sql("SELECT count(*) FROM objects WHERE id = 4") == [[2]]
    lake.restart()
    assert lake.sql("SELECT count(*) FROM objects") == [[4]]


def test_a_lake_whose_bucket_is_a_part_of_the_host_name(s3, fresh, tmp_path):
    """Without path_style the host is BUCKET.ENDPOINT. One that every machine resolves: the bucket 127.0.0 of the endpoint 1."""
    store = S3Server(tmp_path / "buckets", "127.0.0", flags=["--virtual-domain", "1", "--access-log", str(tmp_path / "access.log")])
    try:
        lake = fresh(env={**s3["env"], "LAKEHOUSE__STORAGE__S3_ENDPOINT": f"http://1:{store.port}", "LAKEHOUSE__STORAGE__S3_BUCKET": "127.0.0",
                          "LAKEHOUSE__STORAGE__S3_PATH_STYLE": "false"})
        assert lake.ingest(b"id,v\n1,a\n2,b\n", "hosted").status_code == 201
        lake.sql("INSERT INTO hosted VALUES (3, 'c')")
        assert lake.request("PUT", "/storage/objects/a%20b/%C3%BC", data=b"object").status_code == 200
        lake.restart()
        assert lake.sql("SELECT id, v FROM hosted ORDER BY id") == [[1, "a"], [2, "b"], [3, "c"]]
        assert lake.request("GET", "/storage/objects/a%20b/%C3%BC").content == b"object"
        assert (store.folder / "127.0.0" / "a b" / "ü").read_bytes() == b"object"
        assert lake.request("GET", "/datasets/by-name/hosted").json()["location"].startswith("s3://127.0.0/")
        lake.stop()
        log = (tmp_path / "access.log").read_text()
        assert "s3_PutObject" in log and "s3_GetObject" in log and " /127.0.0/" not in log  # no path begins with the bucket
    finally:
        store.stop()


def test_two_gateways_share_one_bucket(s3, lake, tmp_path):
    other = Server(tmp_path / "other", env=s3["env"])
    lake.sql("CREATE TABLE shared (who VARCHAR)")
    other.request("GET", "/ready")  # refreshes the catalog
    other.sql("INSERT INTO shared VALUES ('other')")
    lake.sql("INSERT INTO shared VALUES ('lake')")
    lake.request("GET", "/ready")
    assert lake.sql("SELECT who FROM shared ORDER BY who") == [["lake"], ["other"]]
    other.stop()


def test_no_secret_in_the_log_or_the_answers(lake, s3):
    assert "testsecret" not in lake.log_text()
    config = lake.request("GET", "/iceberg/v1/namespaces/data/tables/shared").json()["config"]
    assert config["s3.endpoint"] == s3["url"] and not any("secret" in key for key in config)

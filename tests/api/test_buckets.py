"""A lake of several buckets: folders and S3 (versitygw) side by side. A bucket is taken away by renaming its folder or stopping its server."""
import json
import os
import pathlib
import time

import pytest
import requests

from harness import S3Server, Server, free_port

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


def test_an_iceberg_client_gets_the_config_of_the_table_s_bucket(clouds, s3):
    path = "/iceberg/v1/namespaces/data/tables/"
    asking = {"X-Iceberg-Access-Delegation": "vended-credentials"}
    for table, url in (("first", s3["url"]), ("second", clouds.other.url)):
        plain = clouds.request("GET", path + table).json()["config"]
        assert plain["s3.endpoint"] == url and plain["s3.path-style-access"] == "true" and not any("key" in k for k in plain)
        vended = clouds.request("GET", path + table, headers=asking).json()["config"]
        assert vended["s3.secret-access-key"] == "testsecret"
        assert clouds.pyiceberg(**{"header.X-Iceberg-Access-Delegation": "vended-credentials"}).load_table(f"data.{table}").scan().to_arrow().num_rows == 1
    assert clouds.request("GET", path + "disk", headers=asking).json()["config"] == {}
    assert "testsecret" not in clouds.log_text()


def test_no_keys_are_vended_unless_the_configuration_says_so(s3, tmp_path, fresh):
    config = configure(tmp_path, {"warehouse": {"kind": "s3", "endpoint": s3["url"], "bucket": "lake"}})
    server = fresh("--config", config, env=KEYS)
    assert load(server, "mine", b"id\n1\n", "warehouse").status_code == 201
    answer = server.request("GET", "/iceberg/v1/namespaces/data/tables/mine", headers={"X-Iceberg-Access-Delegation": "vended-credentials"})
    assert answer.json()["config"]["s3.endpoint"] == s3["url"] and "testsecret" not in answer.text


def test_secrets_that_others_may_read_are_refused(tmp_path, fresh):
    (tmp_path / "secrets.toml").write_text('[cloud]\naccess_key = "a"\nsecret_key = "hush-hush"\n')
    (tmp_path / "secrets.toml").chmod(0o644)
    config = configure(tmp_path, {"cloud": {"kind": "s3", "endpoint": f"http://127.0.0.1:{free_port()}"}}, secrets_file=str(tmp_path / "secrets.toml"))
    with pytest.raises(AssertionError) as refused:
        fresh("--config", config)
    assert "chmod 600" in str(refused.value) and "hush" not in str(refused.value)
    (tmp_path / "secrets.toml").chmod(0o600)
    fresh("--config", config, root=tmp_path / "again")  # the bucket does not answer, the server does

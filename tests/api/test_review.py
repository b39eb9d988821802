"""What a review broke: commits whose answer is lost, races with other writers, the SQL guard, files of strangers, damage."""
import http.client
import http.server
import json
import os
import socket
import subprocess
import threading
import time

import duckdb
import pyarrow as pa
import pyiceberg.types
import pytest
import requests

from harness import ABANDONING, EXTENSIONS, SANITIZED, WAIT_SECONDS

ADMIN = "an-admin-key-of-the-tests"
ROUNDS = 10 if SANITIZED else 30


def together(*calls):
    """Runs all at once; their results in order."""
    results = [None] * len(calls)

    def run(i):
        results[i] = calls[i]()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class Proxy:
    """An HTTP proxy to `target`; `around(command, path, forward)` may change the answer, or return None: the connection breaks."""

    def __init__(self, target, around):
        host, port = target.split("//")[1].split(":")

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def forward(self):
                size = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(size) if size else b""

                def send():
                    upstream = http.client.HTTPConnection(host, int(port), timeout=120)
                    upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                    for name, value in self.headers.items():
                        if name.lower() not in ("connection", "expect"):
                            upstream.putheader(name, value)
                    upstream.endheaders(body)
                    answer = upstream.getresponse()
                    return answer.status, dict(answer.getheaders()), answer.read()

                answered = around(self.command, self.path, send)
                if answered is None:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                status, headers, content = answered
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                        self.send_header(name, value)
                length = headers.get("Content-Length") if self.command == "HEAD" else len(content)
                if status not in (204, 304) and length is not None:
                    self.send_header("Content-Length", str(length))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = forward

        class Listener(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 200

        self.listener = Listener(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.listener.server_port}"
        self.thread = threading.Thread(target=self.listener.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.listener.shutdown()
        self.listener.server_close()
        self.thread.join()


@pytest.fixture
def proxy():
    made = []

    def make(target, around):
        made.append(Proxy(target, around))
        return made[-1]

    yield make
    for one in made:
        one.close()


def attach(url):
    connection = duckdb.connect()
    for name in ("avro", "httpfs", "iceberg"):
        connection.execute(f"LOAD '{EXTENSIONS / name}.duckdb_extension'")
    connection.execute(f"ATTACH '' AS lake (TYPE iceberg, ENDPOINT '{url}/iceberg', AUTHORIZATION_TYPE 'none')")
    return connection


# ---- commits whose answer is lost ----


@pytest.mark.parametrize("lost", ["connection", "500"])
def test_a_commit_that_is_sent_again_counts_once(fresh, proxy, lost):
    """DuckDB sends a commit again when its answer is lost; told 409, it deletes the files of the commit that landed."""
    server = fresh()
    server.sql("CREATE TABLE sent (a BIGINT)")
    server.sql("INSERT INTO sent VALUES (0)")
    seen = []

    def around(command, path, send):
        answer = send()
        if command == "POST" and "commit" in path:
            seen.append(answer[0])
            if len(seen) == 1:
                return None if lost == "connection" else (500, {"Content-Type": "application/json"}, b"{}")
        return answer

    attach(proxy(server.url, around).url).execute("INSERT INTO lake.data.sent VALUES (1)")
    assert seen[0] in (200, 204) and seen[-1] in (200, 204) and len(seen) == 2, seen
    assert server.sql("FROM sent ORDER BY a") == [[0], [1]]


def test_another_commit_is_not_taken_for_the_same(fresh):
    """Only what is in the table already is answered twice: the same snapshot id with other files is refused."""
    server = fresh()
    server.sql("CREATE TABLE again (a BIGINT)")
    server.sql("INSERT INTO again VALUES (1)")
    path = "/iceberg/v1/namespaces/data/tables/again"
    metadata = server.request("GET", path).json()["metadata"]
    snapshot = metadata["snapshots"][0]
    commit = {"requirements": [{"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": None}],
              "updates": [{"action": "add-snapshot", "snapshot": snapshot},
                          {"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": snapshot["snapshot-id"]}]}
    assert server.request("POST", path, json=commit).status_code == 200
    commit["updates"][0]["snapshot"] = {**snapshot, "manifest-list": snapshot["manifest-list"] + "x"}
    assert server.request("POST", path, json=commit).status_code in (400, 409)
    assert server.sql("FROM again") == [[1]]


def s3_behind(s3, proxy, fresh, around):
    between = proxy(s3["url"], around)
    return fresh(env={**s3["env"], "LAKEHOUSE__STORAGE__S3_ENDPOINT": between.url})


def test_an_outage_of_s3_behind_the_log_entry(s3, proxy, fresh):
    """The log entry lands, then nothing answers for two seconds: the rows are there once, or the answer says 'unknown'."""
    state = {"armed": False, "until": 0.0}

    def around(command, path, send):
        if time.monotonic() < state["until"]:
            return None
        answer = send()
        if state["armed"] and command == "PUT" and "_catalog/log/" in path:
            state.update(armed=False, until=time.monotonic() + 2)
            return None
        return answer

    server = s3_behind(s3, proxy, fresh, around)
    server.sql("CREATE TABLE outage (a INTEGER)")
    server.sql("INSERT INTO outage VALUES (0)")
    state["armed"] = True
    answer = server.query("INSERT INTO outage VALUES (1), (2)")
    assert answer.status_code in (200, 503), answer.text
    while time.monotonic() < state["until"]:
        time.sleep(0.05)
    server.sql("CREATE TABLE outage_after (a INTEGER)")  # looks at the log
    assert server.sql("FROM outage ORDER BY a") == [[0], [1], [2]]


def test_s3_refuses_what_follows_the_log_entry(s3, proxy, fresh):
    """The entry is there although the look behind it is forbidden: nothing that it names may be deleted."""
    state = {"armed": False, "landed": False}

    def around(command, path, send):
        if state["landed"] and command == "GET" and "checkpoint" in path:
            state["landed"] = False
            return 403, {"Content-Type": "application/xml"}, b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"
        answer = send()
        if state["armed"] and command == "PUT" and "_catalog/log/" in path:
            state.update(armed=False, landed=True)
        return answer

    server = s3_behind(s3, proxy, fresh, around)
    server.sql("CREATE TABLE refused (a INTEGER)")
    server.sql("INSERT INTO refused VALUES (0)")
    state["armed"] = True
    answer = server.query("INSERT INTO refused VALUES (1)")
    assert answer.status_code in (200, 503), answer.text
    server.sql("CREATE TABLE refused_after (a INTEGER)")
    assert server.sql("FROM refused ORDER BY a") == [[0], [1]]
    server.restart()
    assert server.sql("FROM refused ORDER BY a") == [[0], [1]]


SLOW_FSYNC = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int fsync(int fd) { /* of a Parquet file: waits while the file $SLOW_FLAG is there */
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path);
    const char *flag = getenv("SLOW_FLAG");
    while (flag && n > 8 && !memcmp(path + n - 8, ".parquet", 8) && access(flag, F_OK) == 0) usleep(50000);
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}
"""


@pytest.fixture
def stalled(fresh, tmp_path):
    """A server whose disk can be made to stall: `server, stall(seconds)`."""
    if SANITIZED:
        pytest.skip("a sanitizer wants to be the first library")
    source, library, flag = tmp_path / "slow.c", tmp_path / "slow.so", tmp_path / "stalled"
    source.write_text(SLOW_FSYNC)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    timers = []

    def stall(seconds):
        flag.touch()
        timers.append(threading.Timer(seconds, flag.unlink))
        timers[-1].start()
        return timers[-1]

    yield fresh(env={"LD_PRELOAD": str(library), "SLOW_FLAG": str(flag)}), stall
    for timer in timers:
        timer.join()


def test_a_disk_that_stalls_longer_than_http_time_outs(stalled):
    """To fsync what was written takes 40 s: every statement lands once, and can be read."""
    server, stall = stalled
    server.sql("CREATE TABLE slow (a BIGINT)")
    server.sql("INSERT INTO slow VALUES (0)")
    timer = stall(40)
    inserted, loaded, *made = together(
        lambda: server.query("INSERT INTO slow VALUES (1), (2)"),
        lambda: server.ingest(b"a\n1\n2\n", "slow_loaded"),
        *[lambda i=i: server.query(f"CREATE TABLE slow_{i} AS SELECT * FROM range(3) r(a)") for i in range(4)])
    timer.join()
    assert inserted.status_code == 200, inserted.text
    assert loaded.status_code == 201, loaded.text
    assert [answer.status_code for answer in made] == [200] * 4, [answer.text for answer in made]
    for table in ("slow", *[f"slow_{i}" for i in range(4)]):
        assert server.sql(f"FROM {table} ORDER BY a") == [[0], [1], [2]]
    assert server.sql("FROM slow_loaded ORDER BY a") == [[1], [2]]


def test_a_time_limit_does_not_deny_a_commit_that_landed(stalled):
    server, stall = stalled
    server.sql("CREATE TABLE late (a BIGINT)")
    timer = stall(3)
    answer = server.query("INSERT INTO late VALUES (1)", timeout_ms=1000)
    timer.join()
    rows = server.sql("FROM late")
    assert (answer.status_code == 200) == (rows == [[1]]), (answer.text, rows)


# ---- races ----


def test_failed_statements_take_no_file_of_other_writers(fresh):
    server = fresh()
    server.sql("CREATE TABLE swept (a BIGINT)")
    server.sql("INSERT INTO swept VALUES (0)")
    stranger, stop, acknowledged = server.duckdb(), threading.Event(), 0

    def fail():
        while not stop.is_set():
            answer = server.query("INSERT INTO swept SELECT CASE WHEN i = 200000 THEN error('no') ELSE i END FROM range(300000) r(i)")
            assert answer.status_code == 400, answer.text

    thread = threading.Thread(target=fail)
    thread.start()
    until = time.monotonic() + (30 if SANITIZED else 12)
    try:
        while acknowledged == 0 or (time.monotonic() < until and (not SANITIZED or acknowledged < 10)):
            try:
                stranger.execute(f"INSERT INTO lake.data.swept VALUES ({acknowledged + 1})")
                acknowledged += 1
            except duckdb.Error:
                pass  # refused is fine; acknowledged and gone is not
    finally:
        stop.set()
        thread.join()
    assert acknowledged > 0
    assert server.sql("SELECT count(*) FROM swept WHERE a > 0") == [[acknowledged]]


def test_ingests_and_statements_of_one_table_do_not_wait_for_each_other_in_a_ring(fresh):
    server = fresh()
    server.sql("CREATE TABLE ring (a BIGINT)")
    # more than engine.connections of both kinds
    inserts = [lambda i=i: server.query(f"INSERT INTO ring SELECT {i} FROM range(1000000)", timeout_ms=600000) for i in range(6)]
    ingests = [lambda i=i: server.ingest(f"a\n{100 + i}\n".encode(), "ring", mode="append") for i in range(14)]
    answers = together(*inserts[:3], *ingests, *inserts[3:])
    assert [a.status_code for a in answers] == [200] * 20, [a.text[:200] for a in answers if a.status_code != 200]
    assert server.sql("SELECT count(*) FROM ring") == [[6000014]]


def test_a_dataset_dropped_behind_an_ingest_is_not_remembered(fresh):
    """The records of a dropped dataset must not make the next of that name say 'deduplicated'."""
    server = fresh()

    def drop():
        until = time.monotonic() + WAIT_SECONDS
        while server.request("DELETE", "/datasets/by-name/data.gone").status_code != 204:
            assert time.monotonic() < until

    for _ in range(ROUNDS):
        together(lambda: server.ingest(b"a\n1\n2\n", "gone"), drop)
        assert server.ingest(b"a\n9\n", "gone").status_code == 201
        answer = server.ingest(b"a\n1\n2\n", "gone", mode="append").json()
        assert not answer["deduplicated"]
        assert server.sql("SELECT count(*) FROM gone") == [[3]]
        assert server.request("DELETE", "/datasets/by-name/data.gone").status_code == 204


def test_two_gateways_take_the_same_bytes_once(fresh):
    one = fresh()
    one.sql("CREATE TABLE shared (a BIGINT)")
    other = fresh(root=one.root)
    rounds = 5 if SANITIZED else 12
    for i in range(rounds):
        data = ("a\n" + "".join(f"{i * 100 + k}\n" for k in range(10))).encode()
        answers = together(*[lambda s=s: s.ingest(data, "shared", mode="append") for s in (one, other)])
        assert [a.status_code for a in answers] == [200, 200], [a.text for a in answers]
        assert sorted(a.json()["deduplicated"] for a in answers) == [False, True]
    assert one.sql("SELECT count(*), count(DISTINCT a) FROM shared") == [[rounds * 10, rounds * 10]]


# ---- upsert ----


def test_an_upsert_that_makes_the_dataset_keeps_its_keys(fresh):
    server = fresh()
    answer = server.ingest(b"id,v\n1,a\n2,b\n1,c\n", "keyed", mode="upsert", key="id")
    assert answer.status_code in (200, 201) and answer.json()["rows"] == 2, answer.text
    assert server.sql("FROM keyed ORDER BY id") == [[1, "c"], [2, "b"]]
    refused = server.ingest(b"id,v\n1,a\n,b\n", "keyed_null", mode="upsert", key="id")
    assert refused.status_code == 400 and "key" in refused.text
    assert server.request("GET", "/datasets/by-name/keyed_null").status_code == 404


# ---- files of strangers ----


def test_a_foreign_file_among_the_log_entries_hurts_nothing(fresh):
    server = fresh()
    log = server.root / "_catalog" / "log"
    for name in ("zz-backup.json", "00000000000000000001.json.bak", "99999999-copy.parquet"):
        (log / name).write_text("{}")
    time.sleep(2.1)  # so that the next commit looks at the log first
    server.sql("CREATE TABLE beside (a INTEGER)")
    assert server.request("GET", "/ready").status_code == 200
    server.restart()
    server.sql("INSERT INTO beside VALUES (1)")


def test_writers_are_not_sent_elsewhere_by_a_property(fresh):
    server = fresh()
    server.sql("CREATE TABLE sent_away (a INTEGER)")
    path = "/iceberg/v1/namespaces/data/tables/sent_away"
    schema = {"type": "struct", "fields": [{"id": 1, "name": "a", "required": False, "type": "int"}]}
    for name in ("write.data.path", "write.metadata.path", "write.object-storage.path", "write.folder-storage.path"):
        away = {name: f"{server.root}/_catalog/log"}
        commit = {"requirements": [], "updates": [{"action": "set-properties", "updates": away}]}
        assert server.request("POST", path, json=commit).status_code == 400, name
        new = {"name": "sent_new", "schema": schema, "properties": away}
        assert server.request("POST", "/iceberg/v1/namespaces/data/tables", json=new).status_code == 400, name
    server.sql("INSERT INTO sent_away VALUES (1)")
    assert all(file.suffix == ".json" for file in (server.root / "_catalog" / "log").iterdir())


def test_the_newest_metadata_is_the_one_with_the_highest_number(fresh):
    """Tables of a Hadoop catalog call their metadata v9.metadata.json, v10.metadata.json."""
    server = fresh()
    table = server.pyiceberg().create_table("data.numbered", schema=pa.schema([("a", pa.int64())]))
    files = []
    for i in range(2):
        table.append(pa.table({"a": [i]}))
        files.append(table.metadata_location.removeprefix("file://"))
    server.request("DELETE", "/datasets/by-name/data.numbered")
    folder = os.path.dirname(files[0])
    kept = [open(name).read() for name in files]
    for name in os.listdir(folder):
        if name.endswith(".metadata.json"):
            os.unlink(f"{folder}/{name}")
    for version, text in zip((9, 10), kept):
        with open(f"{folder}/v{version}.metadata.json", "w") as file:
            file.write(text)
    request = {"name": "numbered", "location": os.path.dirname(folder), "format": "iceberg"}
    assert server.request("POST", "/datasets", json=request).status_code == 201
    assert server.sql("FROM numbered ORDER BY a") == [[0], [1]]


# ---- the SQL guard ----


@pytest.fixture
def keyed(fresh):
    server = fresh(env={"LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": ADMIN})
    server.headers = {"X-API-Key": ADMIN}
    keys = {p: server.request("POST", "/access/keys", json={"name": p, "permission": p}).json()["key"] for p in ("read", "write")}
    return server, keys


def test_no_file_is_read_by_sql(keyed):
    server, keys = keyed
    log = f"{server.root}/_catalog/log/*.json"
    for name in ("overlay", "trim", "substring", "extract"):
        server.sql(f'CREATE TABLE "{name}" (a VARCHAR)')
    statements = [("read", f"SELECT * FROM {f}('\"{log}\"', changes::VARCHAR)") for f in ("histogram", "histogram_values", "HISTOGRAM", '"histogram"')]
    for name in ("overlay", "trim", "substring", "extract"):
        statements += [("write", f"INSERT INTO {name} (SELECT j::VARCHAR FROM '{log}' j)"), ("write", f"INSERT INTO {name} (FROM '{log}')"),
                       ("write", f"INSERT INTO {name} (a) (FROM '{log}')")]
    for permission, sql in statements:
        server.headers = {"X-API-Key": keys[permission]}
        answer = server.query(sql)
        assert answer.status_code in (400, 403) and "salt" not in answer.text, (sql, answer.text)
    server.headers = {"X-API-Key": ADMIN}
    assert server.sql("SELECT count(*) FROM overlay") == [[0]]
    assert server.sql("SELECT trim('  a '), substring('abc' FROM 2 FOR 1), extract(year FROM DATE '2026-01-01')") == [["a", "b", 2026]]


def test_settings_are_nobodys_business(keyed):
    server, keys = keyed
    server.headers = {"X-API-Key": keys["read"]}
    for name in ("pg_settings", "pg_catalog.pg_settings", "main.pg_settings", "PG_SETTINGS", '"pg_settings"', "pg_prepared_statements"):
        answer = server.query(f"SELECT * FROM {name}")
        assert answer.status_code in (400, 403), (name, answer.text)
        assert str(server.root) not in answer.text


def test_a_name_that_cannot_be_breaks_no_listing(fresh):
    server = fresh()
    server.sql("CREATE TABLE listed (a INTEGER)")
    for name in ('".x"', '"a' + "b" * 300 + '"', '"\x7f"'):
        assert server.query(f"SELECT * FROM {name}.t").status_code in (400, 403, 404), name
    assert "listed" in json.dumps(server.sql("SHOW ALL TABLES"))
    assert server.sql("SELECT count(*) FROM information_schema.tables WHERE table_name = 'listed'") == [[1]]


# ---- slow clients ----


def test_clients_that_send_half_a_body_stop_nobody(fresh):
    server = fresh(env={"LAKEHOUSE__SERVER__WORKERS": "4"})
    host, port = server.url.split("//")[1].split(":")
    half = [socket.create_connection((host, int(port)), timeout=60) for _ in range(12)]
    try:
        for connection in half:
            connection.sendall(b"POST /query/sql HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        answer = server.request("POST", "/query/sql", json={"sql": "SELECT 42"}, timeout=60)
        assert answer.json()["rows"] == [[42]]
    finally:
        for connection in half:
            connection.close()


# ---- what is damaged ----


@pytest.mark.parametrize("damage", ["gone", "cut", "garbage"])
def test_a_broken_manifest_is_an_error_and_not_the_servers_end(fresh, damage):
    server = fresh(env=ABANDONING)
    server.sql("CREATE TABLE broken (a INTEGER)")
    server.sql("INSERT INTO broken VALUES (1)")
    [manifest] = server.root.glob("lake/data/broken-*/metadata/*-m0.avro")
    if damage == "gone":
        manifest.unlink()
    else:
        manifest.write_bytes(manifest.read_bytes()[:200] if damage == "cut" else b"Obj\x01" + bytes(range(256)))
    try:
        answer = server.query("FROM broken")
    except requests.ConnectionError:
        pytest.fail("the server died")
    assert answer.status_code == 500 and answer.json()["error"]["code"] in ("corrupt", "io"), answer.text
    assert damage != "gone" or answer.json()["error"]["message"].startswith("IO Error: Cannot open file"), answer.text
    # each takes a connection of the engine with it: those that follow get others, as many as there are
    calls = [lambda: server.query("FROM broken"), lambda: server.query("UPDATE broken SET a = 2"),
             lambda: server.ingest(b"a\n1\n", "broken", mode="upsert", key="a")]
    answers = together(*calls * 8)
    assert {answer.status_code for answer in answers} == {500}, [answer.text for answer in answers]
    server.sql("CREATE TABLE whole AS SELECT 42 AS a")
    assert together(*[lambda: server.sql("FROM whole")] * 16) == [[[42]]] * 16
    server.stop()  # asserts exit 0


def test_an_expiry_that_cannot_read_what_stays_deletes_nothing(fresh):
    server = fresh()
    server.sql("CREATE TABLE stays (a INTEGER)")
    for i in range(3):
        server.sql(f"INSERT INTO stays VALUES ({i})")
    metadata = server.request("GET", "/iceberg/v1/namespaces/data/tables/stays").json()["metadata"]
    [current] = [s for s in metadata["snapshots"] if s["snapshot-id"] == metadata["current-snapshot-id"]]
    listed = current["manifest-list"].removeprefix("file://")
    data = sorted(server.root.glob("lake/data/stays-*/data/*.parquet"))
    os.rename(listed, listed + ".away")
    answer = server.request("POST", "/catalog/datasets/by-name/data.stays/expire-snapshots", json={"older_than_ms": 0, "grace_ms": 0})
    os.rename(listed + ".away", listed)
    assert sorted(server.root.glob("lake/data/stays-*/data/*.parquet")) == data
    assert answer.status_code == 500, answer.text


def test_metadata_that_contradicts_itself_is_not_registered(fresh):
    server = fresh()
    server.sql("CREATE TABLE model (a INTEGER)")
    server.sql("INSERT INTO model VALUES (1)")
    good = server.request("GET", "/iceberg/v1/namespaces/data/tables/model").json()["metadata"]
    bad = {"default-spec-id": -1, "partition-specs": [], "sort-orders": [], "current-schema-id": 7, "default-sort-order-id": 9}
    for i, (member, value) in enumerate(bad.items()):
        folder = server.root / f"strange{i}" / "metadata"
        folder.mkdir(parents=True)
        (folder / "00000-x.metadata.json").write_text(json.dumps({**good, "location": str(folder.parent), member: value}))
        request = {"name": f"strange{i}", "metadata-location": str(folder / "00000-x.metadata.json")}
        assert server.request("POST", "/iceberg/v1/namespaces/data/register", json=request).status_code == 400, member


# ---- schemas that come back ----


def test_a_table_that_went_back_to_a_schema_can_be_changed_again(fresh):
    """DuckDB's extension takes the current schema's id plus one for a new one, which another has then."""
    server = fresh()
    server.sql("CREATE TABLE back (a INTEGER)")
    for sql in ("ADD COLUMN b INTEGER", "DROP COLUMN b", "ADD COLUMN c INTEGER", "RENAME COLUMN c TO d", "RENAME COLUMN d TO c"):
        server.sql(f"ALTER TABLE back {sql}")
    table = server.pyiceberg().load_table("data.back")
    with table.update_schema() as update:
        update.add_column("e", pyiceberg.types.LongType())
    with table.update_schema() as update:
        update.delete_column("e")
    client = server.duckdb()
    client.execute("INSERT INTO lake.data.back VALUES (5, 6)")
    client.execute("ALTER TABLE lake.data.back ADD COLUMN f INTEGER")
    assert server.ingest(b"a,c,f,g\n1,2,3,4\n", "back", mode="append").json()["added_columns"]
    assert server.sql("FROM back ORDER BY a") == [[1, 2, 3, 4], [5, 6, None, None]]
    metadata = server.pyiceberg().load_table("data.back").metadata
    assert sorted(schema.schema_id for schema in metadata.schemas) == list(range(7))  # one for each that there was
    assert {snapshot.schema_id for snapshot in metadata.snapshots} == {2, 6}


# ---- what an ingest leaves behind ----


def test_a_load_leaves_no_temporary_table_to_those_who_come_next(fresh):
    """They hold other people's rows and would hide tables of their names: after loads that failed, and after those that did not."""
    server = fresh(env={"LAKEHOUSE__ENGINE__CONNECTIONS": "1"})  # the next statement gets the load's connection
    assert server.ingest(b"k,v\n1,secret\n", "kept", mode="upsert", key="nope").status_code == 400
    assert server.ingest(b"k,v\n1,secret\n", "kept", mode="upsert", key="k").status_code in (200, 201)
    assert server.ingest(b"k,v\n1,a\n2\n", "quarantined", on_error="quarantine").status_code == 201
    names = json.dumps(server.sql("SELECT table_name FROM duckdb_tables() WHERE temporary"))
    assert names == "[]", names
    server.sql("CREATE TABLE ingest_stage AS SELECT 'mine' AS who")
    assert server.sql("FROM ingest_stage") == [["mine"]]
    assert "secret" not in json.dumps(server.sql("SHOW ALL TABLES"))


def test_duckdbs_own_bugs_tell_nothing_of_its_build(fresh):
    server = fresh()
    answer = server.query("SELECT txid_current()")
    assert answer.status_code == 403 and "Stack Trace" not in answer.text, answer.text

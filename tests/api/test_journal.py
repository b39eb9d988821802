"""The journal: an event whose 2xx was seen is there once, whatever happens; and whoever touches a record is found out."""
import datetime
import hashlib
import json
import random
import shutil
import subprocess
import threading
import time

import pytest
import requests

from commands import lakehouse
from harness import S3Server, SANITIZED, Server, wait_for

GENESIS = "0" * 64
FIELDS = ["entity_type", "entity_id", "field", "old_value", "new_value", "action", "actor", "source", "workspace", "reason"]


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path / "root", "--set", "audit.enabled=false")
    yield server
    server.stop()


def post(server, verb, status=200, **body):
    answer = server.request("POST", f"/journal/{verb}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def event(server, number, **members):
    return post(server, "event", entity_type="candidate", entity_id=f"CAN{number}", **members)


def get(server, path, **params):
    answer = server.request("GET", path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def pages(server, path, limit, **params):
    items, token = [], None
    while True:
        page = get(server, path, limit=limit, **({"page_token": token} if token else {}), **params)
        assert len(page["items"]) <= limit
        items += page["items"]
        if not (token := page["next_page_token"]):
            return items


def verify(server):
    return get(server, "/journal/verify")


def problems(server):
    return [(p["problem"], p["seq"]) for p in verify(server)["problems"]]


def wal(server, table="journal"):
    [path] = (server.root / ".scratch" / "journal").glob(f"{table}-*.wal")
    return path


def frames(data):
    found = []
    while data:
        size = int.from_bytes(data[:4], "little")
        found.append(data[:4 + size + 32])
        data = data[4 + size + 32:]
    return found


def mutations_written(server, count):
    wait_for(lambda: len(get(server, "/journal/recent", limit=1000)["items"]) == count and get(server, "/journal/stats")["mutations_waiting"] == 0)


def test_history_is_the_same_from_the_buffer_the_table_and_both(server):
    event(server, 1, field="status", old_value="new", new_value={"n": 1.50}, source="crm", workspace="w", reason="why", action="update")
    event(server, 2, field="x")
    changed = post(server, "update", entity_type="candidate", entity_id="CAN1",
                   before={"name": "A", "address": {"city": "X", "zip": 1}, "gone": True, "tags": [1]},
                   after={"name": "A", "address": {"city": "Y", "zip": 1}, "a.b": None, "tags": [1, 2]})
    assert changed["accepted"] == 4 and changed["fields"] == ["address.city", "gone", "tags", "a\\.b"], changed
    before = get(server, "/journal/history/CAN1")["items"]
    assert [(i["field"], i["old_value"], i["new_value"]) for i in before] == [
        ("status", "new", {"n": 1.5}), ("address.city", "X", "Y"), ("gone", True, None), ("tags", [1], [1, 2]), ("a\\.b", None, None)]
    assert before[0] | {"source": "crm", "workspace": "w", "reason": "why", "action": "update", "entity_type": "candidate", "entity_id": "CAN1", "seq": 1} == before[0]
    assert post(server, "flush")["flushed"] == 6
    assert get(server, "/journal/history/CAN1")["items"] == before
    for number in range(3):
        event(server, 1, field=f"f{number}")
    both = get(server, "/journal/history/CAN1")["items"]
    assert both[:5] == before and [i["field"] for i in both[5:]] == ["f0", "f1", "f2"]
    for limit in (1, 2, 3, 5, 8, 100):
        assert pages(server, "/journal/history/CAN1", limit) == both
        assert pages(server, "/journal/recent", limit) == pages(server, "/journal/recent", 1000)
    assert [i["seq"] for i in pages(server, "/journal/recent", 4)] == list(range(9, 0, -1))
    assert server.sql("SELECT count(*) FROM lake.system.journal") == [[6]]
    assert verify(server)["ok"] and verify(server)["records"] == 9
    stats = get(server, "/journal/stats")
    assert (stats["journal"]["buffered_records"], stats["journal"]["table_records"], stats["last_error"]) == (3, 6, None)


def test_the_hash_is_of_the_documented_bytes(server):
    post(server, "event", events=[{"entity_type": "t", "entity_id": "é", "field": "", "new_value": number} for number in range(3)])
    post(server, "flush")
    event(server, 4)
    prev = GENESIS
    for item in reversed(get(server, "/journal/recent")["items"]):
        values = [item[name] for name in FIELDS]
        values[3], values[4] = (None if value is None else json.dumps(value) for value in values[3:5])
        millis = round(datetime.datetime.fromisoformat(item["time"].replace("Z", "+00:00")).timestamp() * 1000)
        parts = [item["writer"], str(item["seq"]), prev, str(millis)] + values
        text = b"".join(b"-" if part is None else b"%d:%s," % (len(part.encode()), part.encode()) for part in parts)
        assert item["prev_hash"] == prev and item["hash"] == hashlib.sha256(text).hexdigest(), item
        prev = item["hash"]


def test_what_is_wrong_is_told_and_nothing_of_it_stays(server):
    for body, words in (({}, "entity_type"), ({"entity_type": "a"}, "entity_id"), ({"entity_type": 1, "entity_id": "b"}, "entity_type"),
                        ({"entity_type": "a", "entity_id": "b", "actor": "root"}, "actor"), ({"events": []}, "events"),
                        ({"events": [{"entity_type": "a", "entity_id": "b"}, {"entity_type": "a"}]}, "event 2"),
                        ({"events": {}}, "events"), ([], "object")):
        answer = server.request("POST", "/journal/event", json=body)
        assert answer.status_code == 400 and words in answer.json()["error"]["message"], answer.text
    for members in ({"entity_id": "x" * 1025}, {"reason": "x" * 4097}, {"new_value": "x" * 65537}):
        answer = server.request("POST", "/journal/event", json={"entity_type": "a", "entity_id": "b", **members})
        assert answer.status_code == 422 and "longer" in answer.json()["error"]["message"], answer.text
    many = {"events": [{"entity_type": "a", "entity_id": "b"}] * 10001}
    assert server.request("POST", "/journal/event", json=many).status_code == 422
    assert server.request("POST", "/journal/update", json={"entity_type": "a", "entity_id": "b", "before": 1, "after": {}}).status_code == 400
    assert server.request("GET", "/journal/recent?page_token=x").status_code == 400
    assert get(server, "/journal/recent")["items"] == []
    assert post(server, "update", entity_type="a", entity_id="b", before={"x": 1}, after={"x": 1}) == {"accepted": 0, "fields": []}


def test_the_actor_is_who_calls_also_of_commits_that_the_engine_makes(tmp_path):
    server = Server(tmp_path / "root", "--set", "audit.enabled=false", "--set", "auth.mode=keys", env={"LAKEHOUSE__AUTH__ADMIN_KEY": "root-key"})
    root = {"X-API-Key": "root-key"}
    try:
        keys = {}
        for permission in ("read", "write"):
            made = server.request("POST", "/access/keys", json={"name": permission, "permission": permission}, headers=root).json()
            keys[permission] = ({"X-API-Key": made["key"]}, made["id"])
        body = {"entity_type": "t", "entity_id": "1"}
        assert server.request("POST", "/journal/event", json=body, headers=keys["read"][0]).status_code == 403
        assert server.request("POST", "/journal/event", json=body).status_code == 401
        assert server.request("POST", "/journal/event", json=body, headers=keys["write"][0]).status_code == 200
        for path in ("/journal/verify", "/access/audit"):
            assert server.request("GET", path, headers=keys["write"][0]).status_code == 403
        for headers, digits in ((keys["write"][0], "ab"), (root, "cd")):
            trace = {"traceparent": "00-" + digits * 16 + "-" + "cd" * 8 + "-01"}  # of all that one of them does
            for sql in ("CREATE TABLE t AS SELECT 1 AS a", "INSERT INTO t VALUES (2)", "DELETE FROM t WHERE a = 1", "DROP TABLE t"):
                assert server.request("POST", "/query/sql", json={"sql": sql}, headers=headers | trace).status_code == 200
        server.headers = root
        mutations_written(server, 9)
        items = list(reversed(get(server, "/journal/recent")["items"]))
        assert [(i["action"], i["actor"]) for i in items[1:]] == [
            (action, actor) for actor in (keys["write"][1], "admin") for action in ("create", "insert", "delete", "drop")]
        assert items[0]["actor"] == keys["write"][1]

        def make(headers, name):
            for number in range(6):
                for sql in (f"CREATE TABLE {name} AS SELECT {number} AS a", f"INSERT INTO {name} VALUES (2)", f"DROP TABLE {name}"):
                    assert requests.post(server.url + "/query/sql", json={"sql": sql}, headers=headers).status_code == 200

        makers = [threading.Thread(target=make, args=who) for who in ((keys["write"][0], "mine"), (root, "theirs"))]
        for maker in makers:
            maker.start()
        for maker in makers:
            maker.join()
        mutations_written(server, 9 + 36)
        actors = {(i["entity_id"], i["actor"]) for i in get(server, "/journal/recent", limit=36)["items"]}
        assert actors == {("data.mine", keys["write"][1]), ("data.theirs", "admin")}, actors
    finally:
        server.stop()


def test_commits_of_tables_are_events_with_their_counts(server):
    assert server.ingest(b"id,name\n1,a\n2,b\n", "people").status_code == 201
    server.sql("INSERT INTO people VALUES (3, 'c')")
    server.sql("UPDATE people SET name = 'z' WHERE id = 1")
    server.sql("ALTER TABLE people ADD COLUMN more VARCHAR")
    assert server.request("DELETE", "/datasets/by-name/people").status_code == 204
    mutations_written(server, 5)
    items = list(reversed(get(server, "/journal/recent")["items"]))
    assert [i["action"] for i in items] == ["create", "insert", "update", "alter", "drop"]
    assert {(i["entity_type"], i["entity_id"], i["source"]) for i in items} == {("table", "data.people", "lake")}
    assert [i["new_value"] and i["new_value"].get("added_records") for i in items[:3]] == [2, 1, 1]
    assert items[2]["old_value"] == {"snapshot_id": items[1]["new_value"]["snapshot_id"]}
    post(server, "flush")
    post(server, "flush")
    assert len(get(server, "/journal/recent")["items"]) == 5  # its own commits are none
    server.sql("DELETE FROM lake.system.journal WHERE action = 'alter'")  # but those of others to its table are
    mutations_written(server, 5)
    last = get(server, "/journal/recent")["items"][0]
    assert (last["entity_id"], last["action"]) == ("system.journal", "delete")
    assert problems(server) == [("dropped", 4)]


def test_a_kill_loses_nothing_that_was_answered_and_doubles_nothing(tmp_path):
    server = Server(tmp_path / "root", "--set", "audit.enabled=false", "--set", "journal.flush_ms=50", "--set", "journal.flush_records=200", "--set", "journal.mutations=false")
    seen, tried, rng = set(), 0, random.Random(7)
    for round_ in range(3 if SANITIZED else 8):
        stop = threading.Event()

        def write(worker):
            number = 0
            with requests.Session() as session:
                while not stop.is_set():
                    names = [f"{round_}-{worker}-{number}-{i}" for i in range(rng.choice((1, 7, 40)))]
                    body = {"events": [{"entity_type": "t", "entity_id": name} for name in names]}
                    try:
                        answer = session.post(server.url + "/journal/event", json=body, timeout=60)
                    except requests.RequestException:
                        return
                    assert answer.status_code == 200, answer.text
                    seen.update(names)
                    number += 1

        workers = [threading.Thread(target=write, args=(i,)) for i in range(4)]
        for worker in workers:
            worker.start()
        time.sleep(rng.uniform(0.2, 0.9))
        server.kill()
        stop.set()
        for worker in workers:
            worker.join()
        server.start()
    post(server, "flush")
    rows = [row[0] for row in server.sql("SELECT entity_id FROM lake.system.journal")]
    assert len(rows) == len(set(rows)) and seen <= set(rows) and len(seen) > 100
    report = verify(server)
    assert report["ok"] and report["records"] == len(rows) and len(report["writers"]) == 1, report
    server.stop()


def test_a_crash_between_the_commit_and_the_file_doubles_nothing(server):
    for number in range(5):
        event(server, number)
    path = wal(server)
    kept = path.read_bytes()
    assert post(server, "flush")["flushed"] == 5
    server.kill()
    path.write_bytes(kept)  # as if it had died before the file was written anew
    server.start()
    event(server, 5)
    assert len(get(server, "/journal/recent")["items"]) == 6
    post(server, "flush")
    assert server.sql("SELECT count(*), count(DISTINCT seq), max(seq) FROM lake.system.journal") == [[6, 6, 6]]
    assert verify(server)["ok"]


@pytest.mark.parametrize("tail", [b"\x00", b"\x10\x00\x00\x00half a rec", b"\xff" * 200, b"\x00" * 4096])
def test_a_torn_tail_is_passed_over(server, tail):
    event(server, 1), event(server, 2)
    server.kill()
    with open(wal(server), "ab") as file:
        file.write(tail)
    server.start()
    event(server, 3)
    assert [i["entity_id"] for i in get(server, "/journal/recent")["items"]] == ["CAN3", "CAN2", "CAN1"]
    server.kill()
    server.start()
    assert [i["seq"] for i in get(server, "/journal/recent")["items"]] == [3, 2, 1] and verify(server)["ok"]


def test_a_record_cut_at_any_byte_is_the_only_one_that_is_missed(server):
    for number in range(3):
        event(server, number)
    server.kill()
    path = wal(server)
    whole = path.read_bytes()
    last = len(frames(whole)[-1])
    for cut in (1, 31, 33, last // 2, last - 1):
        path.write_bytes(whole[:-cut])
        server.start()
        assert [i["seq"] for i in get(server, "/journal/recent")["items"]] == [2, 1]
        assert verify(server)["ok"]
        server.kill()
    server.start()


@pytest.mark.parametrize("what, found", [("change", [("changed", 3)]), ("rehash", [("changed", 3)]), ("drop", [("dropped", 3)]),
                                         ("reorder", [("reordered", 3)]), ("twice", [("added", 3)])])
def test_whoever_touches_the_file_is_found(server, what, found):
    for number in range(5):
        event(server, number, reason="because")
    server.kill()
    path = wal(server)
    head, *records = frames(path.read_bytes())
    changed = records[2].replace(b"because", b"forgot!")
    if what == "rehash":
        changed = changed[:-32] + hashlib.sha256(changed[4:-32]).digest()
    if what in ("change", "rehash"):
        records[2] = changed
    elif what == "drop":
        del records[2]
    elif what == "reorder":
        records[2], records[3] = records[3], records[2]
    else:
        records.insert(3, records[2])
    path.write_bytes(head + b"".join(records))
    server.start()
    assert problems(server) == found
    done = lakehouse("journal", "verify", "--url", server.url, check=False)
    assert done.returncode != 0 and f"{found[0][0]}: system.journal writer {path.name[8:-4]} seq 3" in done.stdout, done.stdout
    if what in ("change", "drop"):  # it stays to be seen
        post(server, "flush")
        server.restart()
        assert [seq for _, seq in problems(server)] == [3]
    if what == "change":
        assert list(path.parent.glob("damaged-journal-*"))


@pytest.mark.parametrize("sql, found", [
    ("UPDATE lake.system.journal SET reason = 'forgot' WHERE seq = 3", [("changed", 3)]),
    ("UPDATE lake.system.journal SET hash = 'x' WHERE seq = 3", [("changed", 3)]),
    ("DELETE FROM lake.system.journal WHERE seq = 3", [("dropped", 3)]),
    ("DELETE FROM lake.system.journal WHERE seq = 1", [("dropped", 1)]),
    ("DELETE FROM lake.system.journal WHERE seq > 3", [("dropped", 4)]),
    ("INSERT INTO lake.system.journal SELECT * FROM lake.system.journal WHERE seq = 3", [("added", 3)]),
    ("UPDATE lake.system.journal SET seq = 7 - seq WHERE seq IN (3, 4)", [("changed", 3), ("changed", 4)]),
])
def test_whoever_touches_the_table_is_found(tmp_path, sql, found):
    server = Server(tmp_path / "root", "--set", "audit.enabled=false", "--set", "journal.mutations=false")
    try:
        for number in range(5):
            event(server, number, reason="because")
        post(server, "flush")
        assert verify(server)["ok"] and len(verify(server)["writers"][0]["head"]) == 64
        server.sql(sql)
        seen = problems(server)
        assert set(found) <= set(seen) and {seq for _, seq in seen} <= {2, 3, 4, 5, 1}, seen
        assert seen[0] == found[0] or "seq = 7" in sql, seen
        done = lakehouse("journal", "verify", "--url", server.url, check=False)
        assert done.returncode != 0
    finally:
        server.stop()


def test_the_command_shows_and_verifies(server):
    head = event(server, 1, field="status", old_value="a", new_value="b")["head"]
    url = ("--url", server.url)
    assert "CAN1" in lakehouse("journal", "recent", *url).stdout
    assert '"b"' in lakehouse("journal", "history", "CAN1", *url).stdout
    assert "1 buffered" in lakehouse("journal", "stats", *url).stdout
    assert "1 record moved" in lakehouse("journal", "flush", *url).stdout
    done = lakehouse("journal", "verify", *url)
    assert f"head {head}" in done.stdout and "1 record, none changed" in done.stdout
    server.stop()
    assert "CAN1" in lakehouse("journal", "recent", "--root", server.root).stdout
    server.start()


def test_two_servers_of_a_root_have_a_chain_each(server, tmp_path):
    other = Server(server.root, "--set", "audit.enabled=false", "--set", "grpc.enabled=false")
    try:
        event(server, 1), event(other, 2)
        assert [i["seq"] for i in get(server, "/journal/recent")["items"] + get(other, "/journal/recent")["items"]] == [1, 1]
        post(server, "flush"), post(other, "flush")
        assert len(get(server, "/journal/recent")["items"]) == 2
        assert len(verify(server)["writers"]) == 2 and verify(other)["ok"]
    finally:
        other.stop()


def test_a_full_disk_refuses_and_loses_nothing(tmp_path):
    mount = tmp_path / "small"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(mount)]).returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")
    server = None
    try:
        server = Server(mount / "root", "--set", "audit.enabled=false", "--set", "journal.mutations=false")
        big = {"entity_type": "t", "reason": "x" * 4000, "new_value": "y" * 60000}
        accepted, refused = [], None
        for number in range(2000):
            answer = server.request("POST", "/journal/event", json={**big, "entity_id": f"n{number}"})
            if answer.status_code != 200:
                refused = answer
                break
            accepted.append(f"n{number}")
        assert refused is not None and refused.status_code in (500, 503, 507) and "space" in refused.text.lower(), refused.text
        ballast = sorted((mount / "root").rglob("*.parquet"))
        assert not ballast and len(accepted) > 20
        assert [i["entity_id"] for i in get(server, "/journal/recent", limit=1)["items"]] == accepted[-1:]
        subprocess.run(["mount", "-o", "remount,size=128m", str(mount)], check=True)
        assert event(server, 1)["accepted"] == 1
        server.kill()
        server.start()
        assert [i["entity_id"] for i in reversed(pages(server, "/journal/recent", 50))] == accepted + ["CAN1"]
        assert verify(server)["ok"]
        post(server, "flush")
        assert verify(server)["ok"]
        server.stop()
    finally:
        if server and server.alive():
            server.kill()
        subprocess.run(["umount", "-l", str(mount)])


def test_a_buffer_that_cannot_be_emptied_is_bounded(tmp_path):
    server = Server(tmp_path / "root", "--set", "audit.enabled=false", "--set", "journal.buffer_max_bytes=65536", "--set", "journal.flush_ms=86400000",
                    "--set", "journal.mutations=false")
    try:
        body = {"entity_type": "t", "entity_id": "1", "reason": "x" * 4000}
        codes = [server.request("POST", "/journal/event", json=body).status_code for _ in range(30)]
        assert 503 in codes and codes.index(503) >= 16 and set(codes[codes.index(503):]) == {503}
        post(server, "flush")
        assert server.request("POST", "/journal/event", json=body).status_code == 200
    finally:
        server.stop()


def test_a_bucket_that_does_not_answer_loses_nothing_and_a_clean_stop_leaves_nothing_behind(tmp_path, s3):  # s3: skipped where there is none
    store = S3Server(tmp_path / "buckets", "lake")
    env = {"LAKEHOUSE__STORAGE__KIND": "s3", "LAKEHOUSE__STORAGE__S3_ENDPOINT": store.url, "LAKEHOUSE__STORAGE__S3_BUCKET": "lake",
           "LAKEHOUSE__STORAGE__S3_ACCESS_KEY": "testaccess", "LAKEHOUSE__STORAGE__S3_SECRET_KEY": "testsecret", "LAKEHOUSE__STORAGE__S3_RETRIES": "0"}
    server = Server(tmp_path / "root", "--set", "audit.enabled=false", "--set", "journal.mutations=false", env=env)
    try:
        event(server, 1)
        post(server, "flush")
        store.stop()
        event(server, 2)  # durable here
        assert server.request("POST", "/journal/flush").status_code >= 500
        assert get(server, "/journal/stats")["last_error"] and get(server, "/journal/stats")["journal"]["buffered_records"] == 1
        server.kill()
        store.start()
        server.start()
        event(server, 3)
        assert [i["entity_id"] for i in get(server, "/journal/recent")["items"]] == ["CAN3", "CAN2", "CAN1"]
        server.stop()
        shutil.rmtree(server.root)  # the machine goes, the bucket stays
        server.start()
        assert [i["entity_id"] for i in get(server, "/journal/recent")["items"]] == ["CAN3", "CAN2", "CAN1"]
        assert verify(server)["ok"]
        server.stop()
    finally:
        if server.alive():
            server.kill()
        store.stop()


@pytest.mark.parametrize("on_failure,status", [("closed", 503), ("open", 200)])
def test_what_cannot_be_recorded_is_refused_unless_the_configuration_says_otherwise(tmp_path, on_failure, status):
    server = Server(tmp_path / "root", "--set", "journal.buffer_max_bytes=65536", "--set", "journal.flush_ms=86400000", "--set", "journal.flush_records=1000000",
                    "--set", "journal.flush_bytes=1000000000", "--set", "journal.mutations=false", "--set", f"audit.on_failure={on_failure}")
    server.sql("CREATE TABLE t AS SELECT 1 AS a")
    long = "SELECT 1 -- " + "x" * 20000
    answers = [server.query(long).status_code for _ in range(8)]
    assert answers[0] == 200 and answers[-1] == status
    if status == 503:
        assert server.query("INSERT INTO t VALUES (2) -- " + "x" * 20000).status_code == 503
        server.request("POST", "/journal/flush")
        assert server.sql("SELECT count(*) FROM t") == [[1]]  # refused before it began
    server.stop()

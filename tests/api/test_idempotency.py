"""`Idempotency-Key` of the Iceberg REST specification: the same request under a key is done once and answered the same."""
import json
import os
import socket
import threading
import time

import pyarrow
import pytest
import requests

from harness import SANITIZED, Server

KILLS = int(os.environ.get("LAKEHOUSE_KILLS", 2 if SANITIZED else 5))
NS = "/iceberg/v1/namespaces"
SCHEMA = {"type": "struct", "fields": [{"id": 1, "name": "id", "required": False, "type": "long"}]}
VIEW = {"schema": SCHEMA, "properties": {}, "view-version": {
    "version-id": 1, "timestamp-ms": 1, "schema-id": 0, "summary": {}, "default-namespace": ["data"],
    "representations": [{"type": "sql", "sql": "SELECT 1 AS id", "dialect": "duckdb"}]}}


def new_key():
    """A UUID of version 7 (RFC 9562)."""
    bits = bytearray(int(time.time() * 1000).to_bytes(6, "big") + os.urandom(10))
    bits[6], bits[8] = 0x70 | bits[6] & 0x0F, 0x80 | bits[8] & 0x3F
    text = bits.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def send(server, method, path, body=None, key=None, **headers):
    headers = {**headers, **({"Idempotency-Key": key} if key is not None else {})}
    return server.request(method, path, headers=headers, **({} if body is None else {"json": body}))


def twice(server, method, path, body=None, status=200):
    """Sends it two times under one key; both answers must be the same."""
    key = new_key()
    first, again = send(server, method, path, body, key), send(server, method, path, body, key)
    assert first.status_code == status, first.text
    assert (again.status_code, again.content) == (status, first.content)
    assert again.headers.get("Content-Type") == first.headers.get("Content-Type")
    return key, first


def check(answer, status, kind):
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == (kind, status) and error["message"]


def records(server):
    return server.metric("lakehouse_catalog_idempotency_records")


def namespace(server, name):
    assert send(server, "POST", NS, {"namespace": [name]}).status_code == 200
    return f"{NS}/{name}"


def table(server, path, name="t"):
    answer = send(server, "POST", f"{path}/tables", {"name": name, "schema": SCHEMA})
    assert answer.status_code == 200, answer.text
    return f"{path}/tables/{name}"


def set_property(name, value, requirements=()):
    return {"requirements": list(requirements), "updates": [{"action": "set-properties", "updates": {name: value}}]}


def rename(source, destination):
    return {"source": {"namespace": source[:1], "name": source[1]}, "destination": {"namespace": destination[:1], "name": destination[1]}}


def loaded(server, path):
    return send(server, "GET", path).json()["metadata"]


def test_clients_are_told(server):
    assert send(server, "GET", "/iceberg/v1/config").json()["idempotency-key-lifetime"] == "PT30M"
    paths = server.request("GET", "/openapi.json").json()["paths"]
    takes = {(method, path) for path, methods in paths.items() for method, operation in methods.items()
             if any(p["name"] == "Idempotency-Key" and p["in"] == "header" for p in operation.get("parameters", []))}
    table, view = "/iceberg/v1/namespaces/{namespace}/tables", "/iceberg/v1/namespaces/{namespace}/views"
    assert takes == {
        ("post", NS), ("delete", NS + "/{namespace}"), ("post", NS + "/{namespace}/properties"), ("post", table),
        ("post", NS + "/{namespace}/register"), ("post", table + "/{table}"), ("delete", table + "/{table}"),
        ("post", "/iceberg/v1/tables/rename"), ("post", "/iceberg/v1/transactions/commit"), ("post", view),
        ("post", NS + "/{namespace}/register-view"), ("post", view + "/{view}"), ("delete", view + "/{view}"),
        ("post", "/iceberg/v1/views/rename")}


def test_namespaces(server):
    key, first = twice(server, "POST", NS, {"namespace": ["spaces"], "properties": {"a": "1"}})
    assert first.json() == {"namespace": ["spaces"], "properties": {"a": "1"}}
    check(send(server, "POST", NS, {"namespace": ["spaces"], "properties": {"a": "1"}}, new_key()), 409, "AlreadyExistsException")
    change = {"updates": {"b": "2"}, "removals": ["a", "absent"]}
    _, first = twice(server, "POST", f"{NS}/spaces/properties", change)
    assert first.json() == {"updated": ["b"], "removed": ["a"], "missing": ["absent"]}
    dropped, _ = twice(server, "DELETE", f"{NS}/spaces", status=204)
    # The body may be of a newer state, the answer is the same, and nothing is made again.
    assert send(server, "POST", NS, {"namespace": ["spaces"], "properties": {"a": "1"}}, key).json() == {"namespace": ["spaces"]}
    check(send(server, "GET", f"{NS}/spaces"), 404, "NoSuchNamespaceException")
    namespace(server, "spaces")
    assert send(server, "DELETE", f"{NS}/spaces", key=dropped).status_code == 204
    assert send(server, "GET", f"{NS}/spaces").status_code == 200


def test_an_answer_that_is_too_long_to_keep_is_refused_before_anything_is_done(server):
    path = namespace(server, "long")
    change = {"updates": {f"{n:03}" + "x" * 200: "1" for n in range(100)}}
    check(send(server, "POST", path + "/properties", change, new_key()), 400, "BadRequestException")
    assert send(server, "GET", path).json()["properties"] == {}
    assert send(server, "POST", path + "/properties", change).status_code == 200
    big = {"namespace": ["long2"], "properties": change["updates"]}  # made again from the namespace, so of any length
    assert twice(server, "POST", NS, big)[1].json() == big


def test_tables(server):
    path = namespace(server, "tables")
    key, first = twice(server, "POST", f"{path}/tables", {"name": "t", "schema": SCHEMA})
    check(send(server, "POST", f"{path}/tables", {"name": "t", "schema": SCHEMA}), 409, "AlreadyExistsException")
    twice(server, "POST", f"{path}/register", {"name": "r", "metadata-location": first.json()["metadata-location"], "overwrite": True}, 400)
    uuid = first.json()["metadata"]["table-uuid"]
    _, committed = twice(server, "POST", f"{path}/tables/t", set_property("p", "1", [{"type": "assert-table-uuid", "uuid": uuid}]))
    assert "config" not in committed.json() and len(loaded(server, f"{path}/tables/t")["metadata-log"]) == 1
    to = rename(("tables", "t"), ("tables", "t2"))
    twice(server, "POST", "/iceberg/v1/tables/rename", to, 204)
    check(send(server, "POST", "/iceberg/v1/tables/rename", to), 404, "NoSuchTableException")
    dropped, _ = twice(server, "DELETE", f"{path}/tables/t2", status=204)
    table(server, path, "t2")  # another one: it is not what the key dropped
    assert send(server, "DELETE", f"{path}/tables/t2", key=dropped).status_code == 204
    assert send(server, "HEAD", f"{path}/tables/t2").status_code == 204
    again = send(server, "POST", f"{path}/tables", {"name": "t", "schema": SCHEMA}, key)  # its files are there still
    assert again.content == first.content
    check(send(server, "GET", f"{path}/tables/t"), 404, "NoSuchTableException")


def test_register(server):
    path = namespace(server, "registers")
    table(server, path, "gone")
    location = send(server, "GET", f"{path}/tables/gone").json()["metadata-location"]
    assert send(server, "DELETE", f"{path}/tables/gone").status_code == 204
    _, first = twice(server, "POST", f"{path}/register", {"name": "back", "metadata-location": location})
    assert first.json()["metadata-location"] == location


def test_views(server):
    path = namespace(server, "views")
    _, first = twice(server, "POST", f"{path}/views", {"name": "v", **VIEW})
    assert first.json() == send(server, "GET", f"{path}/views/v").json()
    twice(server, "POST", f"{path}/views/v", {"updates": [{"action": "set-properties", "updates": {"k": "v"}}]})
    twice(server, "POST", "/iceberg/v1/views/rename", rename(("views", "v"), ("views", "w")), 204)
    twice(server, "DELETE", f"{path}/views/w", status=204)
    twice(server, "POST", f"{path}/register-view", {"name": "x", "metadata-location": first.json()["metadata-location"]})
    assert [v["name"] for v in send(server, "GET", f"{path}/views").json()["identifiers"]] == ["x"]


def test_a_transaction_is_done_once(server):
    path = namespace(server, "several")
    names = ["a", "b"]
    for name in names:
        table(server, path, name)
    changes = {"table-changes": [{"identifier": {"namespace": ["several"], "name": name}, **set_property("p", "1")} for name in names]}
    twice(server, "POST", "/iceberg/v1/transactions/commit", changes, 204)
    one = {"table-changes": changes["table-changes"][:1]}
    twice(server, "POST", "/iceberg/v1/transactions/commit", one, 204)
    assert [len(loaded(server, f"{path}/tables/{name}")["metadata-log"]) for name in names] == [2, 1]


def test_an_append_of_pyiceberg_is_counted_once(server):
    """Even when the table was rolled back meanwhile: then the snapshot itself no longer tells that it landed."""
    catalog, sent = server.pyiceberg(), []
    catalog.create_namespace("appends")
    made = catalog.create_table("appends.t", pyarrow.schema([("id", pyarrow.int64())]))
    made.append(pyarrow.table({"id": [1]}))
    before = made.current_snapshot().snapshot_id
    catalog._session.headers["Idempotency-Key"] = new_key()
    catalog._session.hooks["response"].append(lambda answer, **_: sent.append(answer))
    made.append(pyarrow.table({"id": [2, 3]}))
    del catalog._session.headers["Idempotency-Key"]
    commit = next(answer for answer in sent if answer.request.method == "POST")
    for _ in range(3):
        again = requests.Session().send(commit.request)
        assert (again.status_code, again.content) == (200, commit.content)
    assert sorted(made.refresh().scan().to_arrow()["id"].to_pylist()) == [1, 2, 3] and len(made.snapshots()) == 2
    made.manage_snapshots().set_current_snapshot(snapshot_id=before).commit()
    again = requests.Session().send(commit.request)
    assert (again.status_code, again.content) == (200, commit.content)
    assert made.refresh().scan().to_arrow()["id"].to_pylist() == [1]


def test_a_refusal_is_final(server):
    path = namespace(server, "refusals")
    held = table(server, path)
    key, _ = twice(server, "DELETE", path, status=409)
    missing, _ = twice(server, "DELETE", f"{path}/tables/u", status=404)
    bad, _ = twice(server, "POST", f"{path}/tables", {"name": "u"}, status=400)
    assert send(server, "DELETE", held).status_code == 204
    table(server, path, "u")
    check(send(server, "DELETE", path, key=key), 409, "NamespaceNotEmptyException")
    check(send(server, "DELETE", f"{path}/tables/u", key=missing), 404, "NoSuchTableException")
    assert send(server, "DELETE", f"{path}/tables/u", key=new_key()).status_code == 204
    assert send(server, "DELETE", path, key=new_key()).status_code == 204


def test_a_key_is_of_one_request(server):
    path = namespace(server, "reuse")
    held = table(server, path)
    key = new_key()
    assert send(server, "POST", held, set_property("p", "1"), key).status_code == 200
    check(send(server, "POST", held, set_property("p", "2"), key), 422, "UnprocessableEntityException")
    check(send(server, "POST", path + "/tables", set_property("p", "1"), key), 422, "UnprocessableEntityException")
    check(send(server, "DELETE", held, key=key), 422, "UnprocessableEntityException")
    assert send(server, "POST", held, set_property("p", "1"), key.upper()).status_code == 200
    assert loaded(server, held)["properties"]["p"] == "1" and len(loaded(server, held)["metadata-log"]) == 1
    key = new_key()
    assert send(server, "DELETE", held, key=key).status_code == 204
    check(send(server, "DELETE", held + "?purgeRequested=true", key=key), 422, "UnprocessableEntityException")


@pytest.mark.parametrize("key", ["", "1", "017F22E2-79B0-7CC3-98C4-DC0C0C07398", "017f22e279b07cc398c4dc0c0c07398f",
                                 "017F22E2-79B0-4CC3-98C4-DC0C0C07398F", "017F22E2-79B0-7CC3-18C4-DC0C0C07398F",
                                 "017F22E2-79B0-7CC3-98C4-DC0C0C07398G", "../../key/0123456789ab-7000-8000-00"])
def test_a_bad_key_is_refused(server, key):
    check(send(server, "POST", NS, {"namespace": ["never"]}, key), 400, "BadRequestException")
    check(send(server, "GET", f"{NS}/never"), 404, "NoSuchNamespaceException")
    assert send(server, "GET", NS, key=key).status_code == 200  # reads do not look at it


def test_two_keys_are_refused(server):
    body = b'{"namespace":["never"]}'
    head = f"POST {NS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
    head += "".join(f"Idempotency-Key: {new_key()}\r\n" for _ in range(2))
    assert server.raw(head.encode() + b"\r\n" + body).startswith(b"HTTP/1.1 400 ")
    check(send(server, "GET", f"{NS}/never"), 404, "NoSuchNamespaceException")


def test_a_staged_create_makes_nothing_and_is_not_kept(server):
    path, key = namespace(server, "staged"), new_key()
    before = records(server)
    for _ in range(2):
        assert send(server, "POST", f"{path}/tables", {"name": "t", "schema": SCHEMA, "stage-create": True}, key).status_code == 200
    assert records(server) == before
    check(send(server, "GET", f"{path}/tables/t"), 404, "NoSuchTableException")


def at_once(calls):
    """The answers of calls that begin together; a 503 with Retry-After is asked again, as clients do."""
    gate, answers = threading.Barrier(len(calls)), [None] * len(calls)

    def run(n):
        gate.wait()
        answers[n] = calls[n]()
        while answers[n].status_code == 503 and answers[n].headers["Retry-After"]:
            answers[n] = calls[n]()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.parametrize("gateways", [1, 2])
def test_duplicates_at_once(fresh, tmp_path, gateways):
    """Through one server and through two on one lake: one change, and all get its answer."""
    servers = [fresh(root=tmp_path / "lake") for _ in range(gateways)]
    server = servers[0]
    path = namespace(server, "crowd")
    held = table(server, path)
    rounds = 3 if SANITIZED else 10
    for n in range(rounds):
        key = new_key()
        answers = at_once([lambda s=s: send(s, "POST", f"{path}/tables", {"name": f"t{n}", "schema": SCHEMA}, key) for s in servers * (8 // gateways)])
        assert {a.status_code for a in answers} == {200} and len({a.content for a in answers}) == 1
        key = new_key()
        answers = at_once([lambda s=s: send(s, "POST", held, set_property("n", str(n)), key) for s in servers * (8 // gateways)])
        assert {a.status_code for a in answers} == {200} and len({a.content for a in answers}) == 1
        key = new_key()
        answers = at_once([lambda s=s: send(s, "DELETE", f"{path}/tables/t{n}", key=key) for s in servers * (8 // gateways)])
        assert {a.status_code for a in answers} == {204}
    assert len(loaded(server, held)["metadata-log"]) == rounds


def test_a_refusal_is_not_of_what_another_gateway_changed_meanwhile(fresh, tmp_path):
    """A gateway looks for the others' commits once a second; a refusal that is kept for good has to be of what is."""
    ours, theirs = [fresh(root=tmp_path / "lake") for _ in range(2)]
    for n in range(5):
        assert theirs.request("GET", NS).status_code == 200  # it looked just now
        path = namespace(ours, f"young{n}")
        assert send(theirs, "POST", f"{path}/tables", {"name": "t", "schema": SCHEMA}, new_key()).status_code == 200


def test_a_restart_forgets_nothing(fresh):
    server = fresh()
    path = namespace(server, "restarts")
    requests_ = [("POST", f"{path}/tables", {"name": "t", "schema": SCHEMA}), ("POST", f"{path}/tables/t", set_property("p", "1")),
                 ("POST", NS, {"namespace": ["more"]}), ("DELETE", f"{NS}/more", None), ("DELETE", f"{NS}/more", None)]
    keys = [new_key() for _ in requests_]
    first = [send(server, *request, key) for request, key in zip(requests_, keys)]
    assert [a.status_code for a in first] == [200, 200, 200, 204, 404]
    server.restart()
    again = [send(server, *request, key) for request, key in zip(requests_, keys)]
    assert [a.status_code for a in again] == [200, 200, 200, 204, 404]
    assert [again[n].content for n in (0, 1, 4)] == [first[n].content for n in (0, 1, 4)]
    check(send(server, "POST", f"{path}/tables/t", set_property("p", "2"), keys[1]), 422, "UnprocessableEntityException")


def send_and_forget(server, method, path, body, key):
    """An open connection whose answer nobody reads."""
    text = json.dumps(body).encode()
    host, port = server.url.split("//")[1].split(":")
    connection = socket.create_connection((host, int(port)))
    connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nIdempotency-Key: {key}\r\nContent-Type: application/json\r\n"
                       f"Content-Length: {len(text)}\r\n\r\n".encode() + text)
    return connection


def test_killed_right_after_the_commit(tmp_path):
    """The change is seen, the answer is not; the server dies, and the retry is told of the success."""
    server = Server(tmp_path / "root")
    path = namespace(server, "kills")
    held = table(server, path)
    for n in range(KILLS):
        key, change = new_key(), set_property("n", str(n))
        connection = send_and_forget(server, "POST", held, change, key)
        while loaded(server, held).get("properties", {}).get("n") != str(n):
            pass
        server.kill()
        connection.close()
        server.start()
        again = send(server, "POST", held, change, key)
        assert again.status_code == 200 and again.json()["metadata"]["properties"]["n"] == str(n)
        assert len(loaded(server, held)["metadata-log"]) == n + 1
    server.stop()


def test_killed_at_any_moment(tmp_path):
    """Whether or not the request had landed: its retry succeeds, and there is one change. Without the key it would be 404 or 409."""
    server = Server(tmp_path / "root")
    path = namespace(server, "moments")
    landed = 0
    for n in range(KILLS):
        table(server, path, f"a{n}")
        key, move = new_key(), rename(("moments", f"a{n}"), ("moments", f"b{n}"))
        connection = send_and_forget(server, "POST", "/iceberg/v1/tables/rename", move, key)
        for _ in range(n % 5):
            server.request("GET", "/health")
        server.kill()
        connection.close()
        server.start()
        landed += send(server, "HEAD", f"{path}/tables/b{n}").status_code == 204
        assert send(server, "POST", "/iceberg/v1/tables/rename", move, key).status_code == 204
        assert send(server, "HEAD", f"{path}/tables/b{n}").status_code == 204
        assert send(server, "HEAD", f"{path}/tables/a{n}").status_code == 404
    print(f"{landed} had landed before the kill")
    server.stop()


def test_a_client_that_went_away_retries(server):
    path, key = namespace(server, "away"), new_key()
    body = {"name": "t", "schema": SCHEMA}
    send_and_forget(server, "POST", f"{path}/tables", body, key).close()
    answer = send(server, "POST", f"{path}/tables", body, key)
    assert answer.status_code == 200 and answer.json()["metadata"] == loaded(server, f"{path}/tables/t")


def test_keys_of_one_principal_tell_no_other(fresh):
    server = fresh(env={"LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": "the-admin-key"})
    server.headers = {"X-API-Key": "the-admin-key"}
    made = [server.request("POST", "/access/keys", json={"name": n, "permission": p}).json()["key"] for n, p in (("a", "write"), ("b", "write"), ("c", "read"))]
    key, body = new_key(), {"namespace": ["mine"], "properties": {"secret": "s"}}
    assert send(server, "POST", NS, body, key, **{"X-API-Key": made[0]}).status_code == 200
    again = send(server, "POST", NS, body, key, Authorization=f"Bearer {made[0]}", **{"X-API-Key": ""})
    assert again.status_code == 200 and again.json() == body
    for other in (made[1], "the-admin-key"):
        check(send(server, "POST", NS, body, key, **{"X-API-Key": other}), 409, "AlreadyExistsException")
        assert send(server, "POST", NS, {"namespace": ["theirs " + other]}, new_key(), **{"X-API-Key": other}).status_code == 200
    check(send(server, "POST", NS, body, key, **{"X-API-Key": made[2]}), 403, "ForbiddenException")


@pytest.fixture
def governed(fresh):
    """A lake of principals, and what makes one: its roles → its key."""
    server = fresh(env={"LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": "the-admin-key"})
    server.headers = {"X-API-Key": "the-admin-key"}

    def make(name, *roles):
        assert server.request("POST", "/access/principals", json={"name": name, "kind": "service", "roles": list(roles)}).status_code == 201
        return server.request("POST", "/access/keys", json={"principal": name}).json()["key"]

    return server, make


WHOLE = [{"effect": "allow", "on": "namespace", "name": name, "actions": ["read", "write"], "redactions": {"sensitivity:restricted": {"kind": "none"}}} for name in ("*", "system")] + [
    {"effect": "allow", "on": on, "name": "*", "actions": ["read", "write"]} for on in ("bucket", "tool", "index", "system")]


def test_a_principal_made_again_is_not_told_what_was_answered_before(governed):
    server, make = governed
    first, key, body = make("ann", "admin"), new_key(), {"namespace": ["anns"], "properties": {"secret": "s"}}
    assert send(server, "POST", NS, body, key, **{"X-API-Key": first}).status_code == 200
    other = server.request("POST", "/access/keys", json={"principal": "ann"}).json()["key"]
    assert send(server, "POST", NS, body, key, **{"X-API-Key": other}).json() == body  # another key of the same principal
    assert server.request("DELETE", "/access/principals/ann").status_code == 204
    second = make("ann", "admin")
    check(send(server, "POST", NS, body, key, **{"X-API-Key": second}), 409, "AlreadyExistsException")


def test_a_principal_named_like_a_key_is_not_told_its_answers(governed):
    server, make = governed
    made = server.request("POST", "/access/keys", json={"name": "k", "permission": "write"}).json()
    key, body = new_key(), {"namespace": ["keys"], "properties": {"secret": "s"}}
    assert send(server, "POST", NS, body, key, **{"X-API-Key": made["key"]}).status_code == 200
    check(send(server, "POST", NS, body, key, **{"X-API-Key": make(made["id"], "admin")}), 409, "AlreadyExistsException")


def test_an_answer_is_not_given_again_to_whose_rights_are_gone(governed):
    server, make = governed
    assert server.request("POST", "/access/roles", json={"name": "writer", "grants": WHOLE}).status_code == 201
    who, sent = {"X-API-Key": make("bob", "admin")}, []
    send(server, "POST", NS, {"namespace": ["system"]})  # unless the journal was sooner
    for body in ({"namespace": ["bobs"], "properties": {"secret": "s"}}, {"namespace": ["system", "inner"], "properties": {"secret": "s"}}):
        sent.append((body, new_key()))
        assert send(server, "POST", NS, *sent[-1], **who).status_code == 200
    for roles, statuses in (["writer"], (200, 403)), (["analyst"], (403, 403)), ([], (403, 403)), (["admin"], (200, 200)):
        assert server.request("PUT", "/access/principals/bob", json={"kind": "service", "roles": roles}).status_code == 200
        for (body, key), status in zip(sent, statuses):
            answer = send(server, "POST", NS, body, key, **who)
            assert answer.status_code == status and ("secret" in answer.text) == (status == 200), (roles, answer.text)


def test_a_key_expires_and_goes(fresh):
    server = fresh(env={"LAKEHOUSE__CATALOG__IDEMPOTENCY_LIFETIME_MS": "1500"})
    assert send(server, "GET", "/iceberg/v1/config").json()["idempotency-key-lifetime"] == "PT1.500S"
    body, keys = {"namespace": ["short"]}, [new_key() for _ in range(20)]
    assert send(server, "POST", NS, body, keys[0]).status_code == 200
    for key in keys[1:]:
        send(server, "DELETE", f"{NS}/absent", key=key)
    deadline = time.monotonic() + 60
    while send(server, "POST", NS, body, keys[0]).status_code == 200:
        assert time.monotonic() < deadline
    check(send(server, "POST", NS, body, keys[0]), 409, "AlreadyExistsException")
    while records(server) > 2:
        assert time.monotonic() < deadline
        send(server, "POST", NS, body, keys[0])
    assert send(server, "POST", NS, {"namespace": ["other"]}, keys[1]).status_code == 200


def test_the_oldest_go_when_there_are_too_many(fresh):
    server = fresh(env={"LAKEHOUSE__CATALOG__IDEMPOTENCY_RECORDS_MAX": "10"})
    keys = [new_key() for _ in range(30)]
    for n, key in enumerate(keys):
        assert send(server, "POST", NS, {"namespace": [f"n{n}"]}, key).status_code == 200
        assert records(server) <= 10
    for n, key in enumerate(keys):
        if n >= 22:
            assert send(server, "POST", NS, {"namespace": [f"n{n}"]}, key).status_code == 200
    for _ in range(20):  # refusals push nothing out
        check(send(server, "DELETE", f"{NS}/absent", key=new_key()), 404, "NoSuchNamespaceException")
    assert send(server, "POST", NS, {"namespace": ["n29"]}, keys[29]).status_code == 200
    check(send(server, "POST", NS, {"namespace": ["n0"]}, keys[0]), 409, "AlreadyExistsException")


def test_an_answer_whose_metadata_is_gone(fresh):
    """A commit is answered with what the table is now; what is gone altogether is said to be unknown, never refused."""
    server = fresh()
    path = namespace(server, "gone")
    held = table(server, path)
    keep = {"write.metadata.delete-after-commit.enabled": "true", "write.metadata.previous-versions-max": "1"}
    assert send(server, "POST", held, {"requirements": [], "updates": [{"action": "set-properties", "updates": keep}]}).status_code == 200
    key = new_key()
    assert send(server, "POST", held, set_property("n", "1"), key).status_code == 200
    for n in range(2, 6):
        assert send(server, "POST", held, set_property("n", str(n))).status_code == 200
    server.restart()
    again = send(server, "POST", held, set_property("n", "1"), key)
    assert again.status_code == 200 and again.json()["metadata"] == loaded(server, held)
    assert send(server, "DELETE", held + "?purgeRequested=true").status_code == 204
    server.restart()
    check(send(server, "POST", held, set_property("n", "1"), key), 500, "CommitStateUnknownException")


def test_records_are_in_no_list(server):
    twice(server, "POST", NS, {"namespace": ["hidden"]})
    assert records(server) > 0
    seen = json.dumps([send(server, "GET", path).json() for path in (NS, "/datasets", "/storage/objects", "/catalog/search?q=idempotent")])
    assert "idempotent" not in seen

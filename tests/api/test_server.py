"""The HTTP server itself: routes and their checks, request smuggling, streaming, drain, time-outs, cancellation, keys, TLS."""
import datetime
import http.client
import json
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest
import requests
from openapi_spec_validator import validate
from prometheus_client.parser import text_string_to_metric_families

from harness import BINARY, ROOT, SANITIZED, WAIT_SECONDS, wait_for

ADMIN = "an-admin-key-of-the-tests"
KEYS_ENV = {"LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": ADMIN}


def until(condition, seconds=WAIT_SECONDS, what="condition"):
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"timed out waiting for {what}"
        time.sleep(0.02)
    return result


def connect(server, timeout=60):
    host, port = server.url.split("//")[1].split(":")
    return socket.create_connection((host, int(port)), timeout=timeout)


def read_to_end(connection):
    got = b""
    try:
        while chunk := connection.recv(65536):
            got += chunk
    except ConnectionResetError:
        pass
    return got


# ---- smuggling: whatever the trick, the request hidden behind it is not executed ----

HIDDEN = b"PUT /storage/objects/hidden HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nX"
POST = b"POST /query/sql HTTP/1.1\r\nHost: x\r\n"
GET = b"GET /health HTTP/1.1\r\nHost: x\r\n"
CHUNKS = b"\r\n0\r\n\r\n" + HIDDEN
PROBES = {
    "transfer encoding and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" + CHUNKS,
    "length and transfer encoding": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" + CHUNKS,
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello" + HIDDEN,
    "two equal lengths": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello" + HIDDEN,
    "list of lengths": POST + b"Content-Length: 5, 5\r\n\r\nhello" + HIDDEN,
    "length with plus": POST + b"Content-Length: +5\r\n\r\nhello" + HIDDEN,
    "negative length": POST + b"Content-Length: -5\r\n\r\nhello" + HIDDEN,
    "hexadecimal length": POST + b"Content-Length: 0x5\r\n\r\nhello" + HIDDEN,
    "empty length": POST + b"Content-Length:\r\n\r\nhello" + HIDDEN,
    "length of 2^64 + 5": POST + b"Content-Length: 18446744073709551621\r\n\r\nhello" + HIDDEN,
    "length with a space inside": POST + b"Content-Length: 5 0\r\n\r\nhello" + HIDDEN,
    "space before the colon of the length": POST + b"Content-Length : 5\r\n\r\nhello" + HIDDEN,
    "tab before the colon of the length": POST + b"Content-Length\t: 5\r\n\r\nhello" + HIDDEN,
    "space before the colon of the encoding": POST + b"Transfer-Encoding : chunked\r\n" + CHUNKS,
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n" + HIDDEN,
    "gzip, chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n" + CHUNKS,
    "chunked, identity": POST + b"Transfer-Encoding: chunked, identity\r\n" + CHUNKS,
    "xchunked": POST + b"Transfer-Encoding: xchunked\r\n" + CHUNKS,
    "chunked in quotes": POST + b'Transfer-Encoding: "chunked"\r\n' + CHUNKS,
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" + CHUNKS,
    "chunked behind a vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n" + CHUNKS,
    "chunked before a tab": POST + b"Transfer-Encoding: chunked\t\r\n" + CHUNKS,
    "folded encoding": POST + b"Transfer-Encoding:\r\n chunked\r\n" + CHUNKS,
    "chunked in HTTP/1.0": b"POST /query/sql HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" + CHUNKS,
    "folded header": GET + b"A: b\r\n c\r\n\r\n" + HIDDEN,
    "first header begins with a space": b"GET /health HTTP/1.1\r\n Host: x\r\n\r\n" + HIDDEN,
    "no host": b"GET /health HTTP/1.1\r\n\r\n" + HIDDEN,
    "two hosts": GET + b"Host: y\r\n\r\n" + HIDDEN,
    "header without a colon": GET + b"foo\r\n\r\n" + HIDDEN,
    "header without a name": GET + b": foo\r\n\r\n" + HIDDEN,
    "bracket in a name": GET + b"f(o: foo\r\n\r\n" + HIDDEN,
    "NUL in a value": GET + b"A: a\x00b\r\n\r\n" + HIDDEN,
    "NUL in a name": GET + b"A\x00: a\r\n\r\n" + HIDDEN,
    "control character in a value": GET + b"A: a\x01b\r\n\r\n" + HIDDEN,
    "length behind a bare CR": GET + b"A: a\rContent-Length: 5\r\n\r\n" + HIDDEN,
    "length behind a bare LF": GET + b"A: a\nContent-Length: 5\r\n\r\n" + HIDDEN,
    "encoding behind a bare CR": POST + b"A: a\rTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello" + HIDDEN,
    "NUL in the target": b"GET /hea\x00lth HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
    "control character in the target": b"GET /hea\x01lth HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
    "control character in the query": b"GET /health?a=\x01 HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
    "tabs in the request line": b"GET\t/health\tHTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
    "space in the target": b"GET /hea lth HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
    "absolute target": b"GET http://x/health HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
    "HTTP/2.0": b"GET /health HTTP/2.0\r\nHost: x\r\n\r\n" + HIDDEN,
    "HTTP/0.9": b"GET /health\r\n\r\n" + HIDDEN,
    "http/1.1": b"GET /health http/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
    "method with a bracket": b"G(T /health HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
    "negative chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + HIDDEN,
    "chunk of 0x5": POST + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n" + HIDDEN,
    "chunk of 2^68": POST + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nhello" + CHUNKS,
    "chunk size with a space": POST + b"Transfer-Encoding: chunked\r\n\r\n5 \r\nhello" + CHUNKS,
    "chunk longer than it says": POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n" + HIDDEN,
    "chunks with bare LF": POST + b"Transfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n" + HIDDEN,
    "chunk extension with bare LF": POST + b"Transfer-Encoding: chunked\r\n\r\n5;\nxx\r\nhello" + CHUNKS,
    "chunk without a size": POST + b"Transfer-Encoding: chunked\r\n\r\n\r\nhello" + CHUNKS,
    "trailer with a length": POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nContent-Length: 50\r\n\r\n" + HIDDEN,
    "GET with a body": GET + b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN,
    "GET with a chunked body": GET + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(HIDDEN) + HIDDEN + b"\r\n0\r\n\r\n",
    "DELETE with a body": b"DELETE /health HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN,
    "header of 200 kB": GET + b"A: " + b"a" * 200000 + b"\r\n\r\n" + HIDDEN,
    "500 headers": GET + b"A: a\r\n" * 500 + b"\r\n" + HIDDEN,
    "target of 100 kB": b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
}


@pytest.mark.parametrize("name", PROBES)
def test_smuggling_is_refused(server, name):
    with connect(server) as connection:
        try:
            connection.sendall(PROBES[name])
        except ConnectionError:
            pass
        answer = read_to_end(connection)  # ends: the server closes
    assert not answer or re.match(rb"HTTP/1\.1 (4\d\d|505) ", answer), answer[:200]
    assert b"HTTP/1.1 2" not in answer, answer[:400]
    assert server.request("GET", "/storage/objects/hidden").status_code == 404


def test_honest_pipelining_is_answered_in_order(server):
    with connect(server) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /nope HTTP/1.1\r\nHost: x\r\n\r\n"
                           b"POST /query/sql HTTP/1.1\r\nHost: x\r\nContent-Length: 19\r\n\r\n{\"sql\":\"select 42\"}"
                           b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = read_to_end(connection)
    assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [b"200", b"404", b"200", b"200"]
    assert b"[42]" in answer


# ---- every route of the document ----

def spec_operations():
    spec = json.loads((ROOT / "docs" / "openapi.json").read_text())
    for path, item in spec["paths"].items():
        for method, operation in item.items():
            yield method.upper(), re.sub(r"\{\w+\}", "thing", path), operation


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A server with keys: (server, {permission: key})."""
    from harness import Server

    running = Server(tmp_path_factory.mktemp("guarded") / "root", env=KEYS_ENV)
    keys = {"admin": ADMIN}
    for permission in ("read", "write"):
        made = running.request("POST", "/access/keys", headers={"X-API-Key": ADMIN}, json={"name": permission, "permission": permission})
        assert made.status_code == 201, made.text
        keys[permission] = made.json()["key"]
    yield running, keys
    running.stop()


def check_error(answer, path, code=None):
    error = answer.json()["error"]
    if path.startswith("/iceberg/"):
        assert error["code"] == answer.status_code and error["type"] and error["message"], answer.text
    elif path.startswith("/v1/"):
        assert error.keys() == {"message", "type", "param", "code"} and code in (None, error["code"]), answer.text
    else:
        assert {"code", "message", "details", "trace_id"} <= error.keys(), answer.text
        assert error["trace_id"] == answer.headers["X-Trace-Id"] and len(error["trace_id"]) == 32
        assert code is None or error["code"] == code, answer.text


def test_the_document_is_valid_and_committed(server):
    text = server.request("GET", "/openapi.json").text
    validate(json.loads(text))
    printed = subprocess.run([BINARY, "openapi"], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == text.strip()
    assert (ROOT / "docs" / "openapi.json").read_text() == printed, "run: lakehouse openapi > docs/openapi.json"


def test_every_route_wants_a_key_and_its_permission(guarded):
    server, keys = guarded
    seen = 0
    for method, path, operation in spec_operations():
        needs = operation["x-permission"]
        answer = server.request(method, path)
        if needs == "public":
            assert answer.status_code not in (401, 403, 404, 405) or path.endswith("/tokens"), (method, path, answer.text)
            continue
        assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == "Bearer", (method, path)
        if method != "HEAD":
            check_error(answer, path, "unauthenticated")
        assert server.request(method, path, headers={"X-API-Key": "lh_000000000000_0"}).status_code == 401
        assert server.request(method, path, headers={"Authorization": "Bearer wrong"}).status_code == 401
        for weaker in {"read": [], "write": ["read"], "admin": ["read", "write"]}[needs]:
            answer = server.request(method, path, headers={"X-API-Key": keys[weaker]})
            assert answer.status_code == 403, (method, path, weaker)
            check_error(answer, path, "denied")
        seen += 1
    assert seen > 25


def test_every_body_has_a_cap(guarded):
    server, keys = guarded
    for method, path, operation in spec_operations():
        takes = "requestBody" in operation
        cap = operation.get("x-body-max-bytes", 1 << 40) if takes else 0
        for length in [f"Content-Length: {cap + 1}"] + ["Transfer-Encoding: chunked"] * (not takes):
            with connect(server) as connection:
                head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {keys['admin']}\r\nExpect: 100-continue\r\n{length}\r\n\r\n"
                connection.sendall(head.encode())
                answer = read_to_end(connection)  # no 100, no waiting for the body
            # where any body is wrong it is not its size that is
            assert answer.startswith(b"HTTP/1.1 413 " if takes else b"HTTP/1.1 400 "), (method, path, length, answer[:200])
            assert (b"larger than" if takes else b"takes no request body") in answer or method == "HEAD", (method, path, answer)


def test_a_chunked_body_is_held_to_the_cap_as_it_comes(guarded):
    server, keys = guarded
    with connect(server) as connection:
        connection.sendall(b"POST /access/keys HTTP/1.1\r\nHost: x\r\nX-API-Key: " + ADMIN.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            connection.sendall(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        answer = read_to_end(connection)
    assert answer.startswith(b"HTTP/1.1 413 ") and b"too_large" in answer, answer[:300]


def test_unknown_paths_and_methods(guarded):
    server, keys = guarded
    admin = {"X-API-Key": ADMIN}
    assert server.request("GET", "/nope").status_code == 401  # a stranger learns no paths
    answer = server.request("GET", "/nope", headers=admin)
    assert answer.status_code == 404
    check_error(answer, "/nope", "not_found")
    answer = server.request("GET", "/iceberg/v1/nope", headers=admin)
    assert answer.status_code == 404
    check_error(answer, "/iceberg/v1/nope")
    methods = {}
    for method, path, _ in spec_operations():
        methods.setdefault(path, []).append(method)
    for path, known in methods.items():
        unknown = next(method for method in ("PATCH", "PUT", "DELETE", "POST") if method not in known)
        answer = server.request(unknown, path, headers=admin)
        assert answer.status_code == 405 and set(known) <= set(answer.headers["Allow"].split(", ")), (path, answer.headers)
        assert server.request("GET", path.rstrip("/") + "/" if path != "/" else "//", headers=admin).status_code in (404, 405) or "/objects/" in path or "/history/" in path


def test_head_is_get_without_a_body(server):
    answer = server.request("HEAD", "/health")
    assert answer.status_code == 200 and answer.content == b"" and answer.headers["Content-Length"] == "15"
    server.request("PUT", "/storage/objects/headed", data=b"x" * 1000000)
    with requests.Session() as session:
        for _ in range(3):  # the connection goes on being used
            answer = session.head(server.url + "/storage/objects/headed")
            assert answer.status_code == 200 and answer.headers["Content-Length"] == "1000000" and answer.content == b""


# ---- keys ----

def test_keys_live_and_die(guarded):
    server, _ = guarded
    admin = {"X-API-Key": ADMIN}
    made = server.request("POST", "/access/keys", headers=admin, json={"name": "for a day"}).json()
    assert made["permission"] == "read" and re.fullmatch(r"lh_[0-9a-f]{12}_[0-9a-f]{64}", made["key"])
    listed = server.request("GET", "/access/keys", headers=admin).json()["items"]
    assert made["id"] in [k["id"] for k in listed] and all(k.keys() - {"expires_at", "rotated_at", "last_used_at"} == {"id", "name", "permission", "created_at"} for k in listed)
    assert server.request("GET", "/storage/objects", headers={"X-API-Key": made["key"]}).status_code == 200
    assert server.request("GET", "/storage/objects", headers={"Authorization": "Bearer " + made["key"]}).status_code == 200
    assert server.request("GET", "/storage/objects", headers={"X-API-Key": made["key"][:-1] + ("0" if made["key"][-1] != "0" else "1")}).status_code == 401
    secret = made["key"].split("_")[2].encode()
    for file in server.root.rglob("*"):
        assert not file.is_file() or secret not in file.read_bytes(), file
    assert secret.decode() not in server.log_text()
    server.restart()
    assert server.request("GET", "/storage/objects", headers={"X-API-Key": made["key"]}).status_code == 200
    assert server.request("DELETE", "/access/keys/" + made["id"], headers=admin).status_code == 204
    assert server.request("GET", "/storage/objects", headers={"X-API-Key": made["key"]}).status_code == 401
    assert server.request("DELETE", "/access/keys/" + made["id"], headers=admin).status_code == 404
    for bad in ({}, {"name": ""}, {"name": "x", "permission": "root"}, {"name": "x", "more": 1}, [], "x"):
        assert server.request("POST", "/access/keys", headers=admin, json=bad).status_code == 400, bad


def test_a_key_ends_and_gets_another_secret(guarded):
    server, _ = guarded
    admin = {"X-API-Key": ADMIN}
    reads = lambda key: server.request("GET", "/storage/objects", headers={"X-API-Key": key}).status_code
    ask = lambda **members: server.request("POST", "/access/keys", headers=admin, json={"name": "x", **members})
    made = ask(expires_at="2999-01-31T01:00:00+01:00").json()
    assert made["expires_at"] == "2999-01-31T00:00:00.000Z" and reads(made["key"]) == 200
    for bad in ("2020-01-01T00:00:00Z", "tomorrow", "", 7, None, []):
        assert ask(expires_at=bad).status_code == 400, bad
    soon = ask(expires_at=(datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=5)).isoformat()).json()
    wait_for(lambda: reads(soon["key"]) == 401)
    assert server.request("POST", f"/access/keys/{soon['id']}/rotate", headers=admin).status_code == 409
    rotated = server.request("POST", f"/access/keys/{made['id']}/rotate", headers=admin).json()
    assert {name: rotated[name] for name in ("id", "name", "permission", "created_at", "expires_at")} == {name: made[name] for name in ("id", "name", "permission", "created_at", "expires_at")}
    assert (reads(made["key"]), reads(rotated["key"])) == (401, 200)
    server.restart()
    assert (reads(made["key"]), reads(rotated["key"])) == (401, 200)
    listed = {k["id"]: k for k in server.request("GET", "/access/keys", headers=admin).json()["items"]}
    assert listed[made["id"]]["rotated_at"] == rotated["rotated_at"] and "key" not in listed[made["id"]]
    assert server.request("POST", "/access/keys/none/rotate", headers=admin).status_code == 404


def test_a_reader_cannot_write_by_sql(guarded):
    server, keys = guarded
    for sql in ("create table intruder (a int)", "drop table if exists intruder", "begin; create table intruder (a int); commit"):
        answer = server.request("POST", "/query/sql", headers={"X-API-Key": keys["read"]}, json={"sql": sql})
        assert answer.status_code == 403, (sql, answer.text)
    assert server.request("POST", "/query/sql", headers={"X-API-Key": keys["read"]}, json={"sql": "select 1"}).status_code == 200


def test_the_engines_token_opens_nothing_but_the_catalog(guarded):
    """The engine's listener serves only /iceberg, only to the token made at start."""
    server, _ = guarded
    ports = set()
    for line in open(f"/proc/{server.process.pid}/net/tcp").read().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A":
            ports.add(int(fields[1].split(":")[1], 16))
    inodes = subprocess.run(["ls", "-l", f"/proc/{server.process.pid}/fd"], capture_output=True, text=True).stdout
    mine = {int(f.split()[1].split(":")[1], 16) for f in open(f"/proc/{server.process.pid}/net/tcp").read().splitlines()[1:] if f.split()[3] == "0A" and f"socket:[{f.split()[9]}]" in inodes}
    mine.discard(int(server.url.rsplit(":", 1)[1]))
    assert len(mine) == 1
    internal = f"http://127.0.0.1:{mine.pop()}"
    for path in ("/health", "/datasets", "/query/sql", "/access/keys"):
        assert requests.get(internal + path, headers={"X-API-Key": ADMIN}).status_code == 404
    assert requests.get(internal + "/iceberg/v1/namespaces").status_code == 401
    assert requests.get(internal + "/iceberg/v1/namespaces", headers={"X-API-Key": ADMIN}).status_code == 401


def test_without_keys_only_loopback(tmp_path):
    done = subprocess.run([BINARY, "serve", "--root", tmp_path / "r", "--listen", "0.0.0.0:0", "--set", "auth.mode=off"], capture_output=True, text=True, timeout=300)
    assert done.returncode != 0 and "auth" in done.stderr


@pytest.mark.parametrize("listen", ["127.0.0.1:99999", "127.0.0.1:x", "127.0.0.1", "nowhere.invalid:0", "[::1:0"])
def test_bad_addresses_are_named(tmp_path, listen):
    done = subprocess.run([BINARY, "serve", "--root", tmp_path / "r", "--listen", listen], capture_output=True, text=True, timeout=300)
    assert done.returncode != 0 and "listen" in done.stderr, done.stderr


def test_an_address_in_use_is_said(server, tmp_path):
    done = subprocess.run([BINARY, "serve", "--root", tmp_path / "r", "--listen", server.url.split("//")[1]], capture_output=True, text=True, timeout=300)
    assert done.returncode != 0 and "another lakehouse" in done.stderr and "--listen" in done.stderr


# ---- bodies ----

def test_expect_100_continue(server):
    with connect(server) as connection:
        connection.sendall(b"PUT /storage/objects/expected HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"hello")
        assert read_to_end(connection).startswith(b"HTTP/1.1 200 ")
    assert server.request("GET", "/storage/objects/expected").content == b"hello"


def test_a_large_object_goes_both_ways_in_little_memory(server):
    size = (64 << 20) if SANITIZED else (1 << 30)
    piece = bytes(range(256)) * 4096  # 1 MiB
    server.request("PUT", "/storage/objects/warm", data=b"x")
    before, most, going = server.rss_bytes(), 0, True

    def watch():
        nonlocal most
        while going:
            most = max(most, server.rss_bytes())
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        answer = server.request("PUT", "/storage/objects/large", data=(piece for _ in range(size >> 20)))
        assert answer.status_code == 200 and answer.json()["size_bytes"] == size
        got = 0
        with server.request("GET", "/storage/objects/large", stream=True) as answer:
            for chunk in answer.iter_content(1 << 20):
                assert got % (1 << 20) or chunk[:4096] == piece[:len(chunk[:4096])]
                got += len(chunk)
        assert got == size
    finally:
        going = False
        watcher.join()
    if not SANITIZED:
        assert most - before < 64 << 20, f"{(most - before) >> 20} MiB more"
    server.request("DELETE", "/storage/objects/large")


def test_an_error_before_the_body_is_read_still_reaches_the_client(server):
    with requests.Session() as session:
        for _ in range(3):
            answer = session.put(server.url + "/storage/objects/_catalog/x", data=b"x" * 20_000_000)
            assert answer.status_code == 403
        assert session.get(server.url + "/health").status_code == 200


def test_a_body_cut_short_leaves_nothing(server):
    with connect(server) as connection:
        connection.sendall(b"PUT /storage/objects/cut HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 500000)
    until(lambda: server.metric("lakehouse_http_requests_total", route="/storage/objects/{key...}", method="PUT", status="cut") >= 1, what="the cut")
    assert server.request("GET", "/storage/objects/cut").status_code == 404


def test_slow_readers_and_writers_do_not_block_others(server):
    server.request("PUT", "/storage/objects/slow", data=b"y" * 20_000_000)
    slow = []
    for _ in range(8):
        connection = connect(server)
        connection.sendall(b"GET /storage/objects/slow HTTP/1.1\r\nHost: x\r\n\r\n")
        slow.append(connection)
        connection = connect(server)
        connection.sendall(b"PUT /storage/objects/slower HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab")
        slow.append(connection)
    assert server.sql("select 1") == [[1]]
    for connection in slow:
        connection.close()
    until(lambda: server.metric("lakehouse_http_in_flight") <= 1, what="the slow to go")


# ---- load ----

def test_a_full_queue_says_so_and_the_catalog_goes_on(fresh):
    server = fresh(env={"LAKEHOUSE__SERVER__WORKERS": "2", "LAKEHOUSE__SERVER__QUEUE_MAX": "1"})
    busy = []
    size = 300000  # more than is taken before a worker has it
    for i in range(3):  # two run, one waits
        connection = connect(server)
        connection.sendall(b"PUT /storage/objects/b%d HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (i, size) + b"a" * (size - 1))
        busy.append(connection)
        until(lambda: server.metric("lakehouse_http_in_flight") >= i + 2 and
              server.metric("lakehouse_http_work_waiting") == (i == 2), what="the request to run, the third to wait")
    answer = server.request("GET", "/storage/objects")
    assert answer.status_code == 503 and answer.headers["Retry-After"] == "1"
    check_error(answer, "/storage/objects", "unavailable")
    assert server.request("GET", "/iceberg/v1/config").status_code == 200
    assert server.request("GET", "/iceberg/v1/namespaces").status_code == 200
    for connection in busy:
        connection.sendall(b"b")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        connection.close()
    assert server.request("GET", "/storage/objects").status_code == 200


def test_too_many_connections_wait_their_turn(fresh):
    server = fresh(env={"LAKEHOUSE__SERVER__CONNECTIONS_MAX": "8", "LAKEHOUSE__SERVER__IDLE_TIMEOUT_MS": "1000"})
    idle = [connect(server) for _ in range(30)]
    assert until(lambda: try_get(server.url + "/health"), what="a place")
    for connection in idle:
        connection.close()


def try_get(url):
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.RequestException:
        return False


def test_a_head_that_drips_is_cut(fresh):
    server = fresh(env={"LAKEHOUSE__SERVER__IDLE_TIMEOUT_MS": "1000"})
    with connect(server) as connection:
        connection.settimeout(0.2)
        ended = False
        for i in range(200):
            try:
                connection.sendall(b"G" if i == 0 else b"E")
                if connection.recv(1000) == b"":
                    ended = True
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                ended = True
                break
        assert ended
    assert server.request("GET", "/health").status_code == 200


# ---- cancellation, drain ----

ENDLESS = "select count(*) from range(100000) a, range(100000) b, range(100000) c where a.range + b.range * c.range % 7 = 3"


def start_query(server, sql, **members):
    body = json.dumps({"sql": sql, **members}).encode()
    connection = connect(server, timeout=60)
    connection.sendall(b"POST /query/sql HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    return connection


def test_a_client_that_goes_away_cancels_its_query(server):
    before = server.metric("lakehouse_queries_cancelled_total")
    connection = start_query(server, ENDLESS)
    until(lambda: server.metric("lakehouse_queries_running") >= 1, what="the query to run")
    connection.close()
    until(lambda: server.metric("lakehouse_queries_running") == 0, what="the query to end")
    assert server.metric("lakehouse_queries_cancelled_total") == before + 1
    assert server.sql("select 2") == [[2]]


def test_a_client_that_goes_away_mid_answer_cancels_its_query(server):
    connection = start_query(server, "select range, repeat('x', 1000) from range(1000000000)", format="ndjson")
    assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    connection.close()
    until(lambda: server.metric("lakehouse_queries_running") == 0, what="the query to end")


def test_a_deadline_is_504(server):
    answer = server.query(ENDLESS, timeout_ms=300)
    assert answer.status_code == 504 and answer.json()["error"]["code"] == "cancelled", answer.text


def test_drain_lets_requests_end(fresh):
    server = fresh()
    upload = connect(server, timeout=60)
    upload.sendall(b"PUT /storage/objects/late HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello")
    kept = http.client.HTTPConnection(*server.url.split("//")[1].split(":"))
    kept.request("GET", "/health")
    assert kept.getresponse().read()
    until(lambda: server.metric("lakehouse_http_in_flight") == 2, what="the upload to begin")
    server.process.terminate()
    until(lambda: refused(server), what="the listener to close")
    kept.request("GET", "/health")
    answer = kept.getresponse()
    assert answer.status == 503 and answer.getheader("Retry-After")
    assert server.alive()
    upload.sendall(b"world")
    answer = read_to_end(upload)
    assert answer.startswith(b"HTTP/1.1 200") and b"Connection: close" in answer, answer
    assert server.process.wait(300) == 0
    assert (server.root / "late").read_bytes() == b"helloworld"


def refused(server):
    try:
        connect(server).close()
        return False
    except (ConnectionRefusedError, ConnectionResetError):
        return True


def test_drain_cancels_what_does_not_end(fresh):
    server = fresh(env={"LAKEHOUSE__SERVER__DRAIN_TIMEOUT_MS": "200"})
    query = start_query(server, ENDLESS)
    upload = connect(server, timeout=60)
    upload.sendall(b"PUT /storage/objects/never HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello")
    until(lambda: server.metric("lakehouse_queries_running") >= 1 and server.metric("lakehouse_http_in_flight") >= 3, what="both to run")
    server.process.terminate()
    answer = read_to_end(query)
    assert answer.startswith(b"HTTP/1.1 503 "), answer[:300]
    assert server.process.wait(300) == 0
    upload.close()
    assert not (server.root / "never").exists()


def is_held(server, port):
    """Has the server, still, its end of the connection from that port of ours? (/proc/net/tcp: one that it closed has no inode)"""
    lines = [line.split() for line in pathlib.Path(f"/proc/{server.process.pid}/net/tcp").read_text().splitlines()[1:]]
    return any(line[2].endswith(f":{port:04X}") and line[9] != "0" for line in lines)


def test_an_upload_that_is_cut_while_it_waits_for_a_worker_is_let_go(fresh):
    """Its buffer is full and nobody reads it: the connection must not be suspended once more as it is closed."""
    server = fresh(env={"LAKEHOUSE__SERVER__WORKERS": "2"})
    head = b"PUT /storage/objects/%s HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n"
    *busy, cut = [connect(server) for _ in range(3)]
    for i, connection in enumerate((*busy, cut)):
        connection.sendall(head % (b"upload%d" % i))
        connection.sendall(bytes(300_000))  # more than the buffer, little enough that the end gets through behind it
        taken = i * 300_000 + (300_000 if connection is not cut else 256 << 10)
        until(lambda: server.metric("lakehouse_http_received_bytes_total") >= taken, what="the bytes to be taken")
    port = cut.getsockname()[1]
    assert is_held(server, port)
    cut.close()
    until(lambda: not is_held(server, port), what="the server to close its end")
    for connection in busy:
        connection.close()
    server.stop()  # asserts exit 0


# ---- what operators see ----

def test_metrics_are_prometheus_text(server):
    server.sql("select 1")
    server.request("GET", "/nope")
    answer = server.request("GET", "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    families = {f.name: f for f in text_string_to_metric_families(answer.text)}
    assert families["lakehouse_http_requests"].type == "counter" and families["lakehouse_http_request_seconds"].type == "histogram"
    buckets = [s for s in families["lakehouse_http_request_seconds"].samples if s.labels.get("route") == "/query/sql" and s.name.endswith("_bucket")]
    counts = [s.value for s in buckets]
    assert counts == sorted(counts) and buckets[-1].labels["le"] == "+Inf" and counts[-1] >= 1
    before = server.metric("lakehouse_http_requests_total", route="/query/sql", status="2xx")
    queries, sent = server.metric("lakehouse_queries_total"), server.metric("lakehouse_http_sent_bytes_total")
    server.sql("select 2")
    wait_for(lambda: server.metric("lakehouse_http_requests_total", route="/query/sql", status="2xx") == before + 1)  # counted once the answer is sent
    assert server.metric("lakehouse_queries_total") == queries + 1 and server.metric("lakehouse_http_sent_bytes_total") > sent
    commits = server.metric("lakehouse_catalog_commits_total")
    server.sql("create table metered as select 1 a")
    assert server.metric("lakehouse_catalog_commits_total") > commits
    for name in ("lakehouse_catalog_sequence", "lakehouse_http_received_bytes_total", "lakehouse_http_refused_total"):
        assert server.metric(name) > 0


def test_traces_pass_through(server):
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    answer = server.request("GET", "/health", headers={"traceparent": parent})
    assert answer.headers["X-Trace-Id"] == parent.split("-")[1]
    version, trace, span, _ = answer.headers["traceparent"].split("-")
    assert (version, trace) == ("00", parent.split("-")[1]) and span != parent.split("-")[2]
    answer = server.request("GET", "/nope", headers={"traceparent": parent})
    assert answer.json()["error"]["trace_id"] == parent.split("-")[1]
    odd = server.request("GET", "/health", headers={"traceparent": "nonsense"}).headers["X-Trace-Id"]
    assert re.fullmatch(r"[0-9a-f]{32}", odd)


def test_health_and_ready(server):
    assert server.request("GET", "/health").json() == {"status": "ok"}
    ready = server.request("GET", "/ready").json()
    assert ready["status"] == "ready" and {p["status"] for p in ready["parts"].values()} == {"ok"} and ready["parts"].keys() == {"storage", "metastore", "engine"}


def test_pages_fetch_nothing_from_elsewhere(server):
    for path in ("/", "/docs"):
        answer = server.request("GET", path)
        assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html")
        assert not re.search(r"(src|href|url\()\s*=?\s*[\"']?(https?:)?//", answer.text), path
    assert "default-src 'none'" in server.request("GET", "/docs").headers["Content-Security-Policy"]


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_the_page_of_the_api_has_a_script_that_parses(server, tmp_path):
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", server.request("GET", "/docs").text, re.S)
    assert len(scripts) >= 1 and any(len(script) > 1000 for script in scripts)
    for script in scripts:
        (tmp_path / "page.js").write_text(script)
        done = subprocess.run(["node", "--check", str(tmp_path / "page.js")], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_no_cross_origin_access(server):
    answer = server.request("GET", "/health", headers={"Origin": "http://elsewhere.example"})
    assert not [h for h in answer.headers if h.lower().startswith("access-control")]
    assert server.request("OPTIONS", "/query/sql", headers={"Origin": "http://elsewhere.example", "Access-Control-Request-Method": "POST"}).status_code == 405


# ---- TLS ----

def test_tls(fresh, tmp_path):
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    server = fresh(env={"LAKEHOUSE__SERVER__TLS_CERTIFICATE": str(certificate), "LAKEHOUSE__SERVER__TLS_KEY": str(key)})
    assert server.url.startswith("https://")
    answer = requests.post(server.url + "/query/sql", json={"sql": "select 7"}, verify=certificate)
    assert answer.json()["rows"] == [[7]]
    requests.put(server.url + "/storage/objects/sealed", data=b"z" * 5_000_000, verify=certificate).raise_for_status()
    assert requests.get(server.url + "/storage/objects/sealed", verify=certificate).content == b"z" * 5_000_000
    assert requests.post(server.url + "/query/sql", json={"sql": "create table sealed as select 1 a"}, verify=certificate).status_code == 200  # the engine's own way in is plain
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(server.url + "/health")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certificate)
    with connect(server) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as sealed:
        assert sealed.version() in ("TLSv1.2", "TLSv1.3")


def test_a_bad_certificate_is_named(tmp_path):
    (tmp_path / "bad.pem").write_text("nonsense")
    done = subprocess.run([BINARY, "serve", "--root", tmp_path / "r", "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=300,
                          env={"LAKEHOUSE__SERVER__TLS_CERTIFICATE": str(tmp_path / "bad.pem"), "LAKEHOUSE__SERVER__TLS_KEY": str(tmp_path / "bad.pem")})
    assert done.returncode != 0 and "certificate" in done.stderr, done.stderr


# ---- many at once ----

def test_concurrent_clients_get_their_own_answers(server):
    rounds, failures = (20 if SANITIZED else 100), []

    def client(number):
        try:
            with requests.Session() as session:
                for i in range(rounds):
                    value = number * 1000 + i
                    if i % 4 == 0:
                        got = session.post(server.url + "/query/sql", json={"sql": "select ?::bigint", "params": [value]}).json()["rows"]
                        assert got == [[value]], got
                    elif i % 4 == 1:
                        body = str(value).encode() * 1000
                        session.put(f"{server.url}/storage/objects/many/{number}", data=body).raise_for_status()
                        assert session.get(f"{server.url}/storage/objects/many/{number}").content == body
                    elif i % 4 == 2:
                        assert session.get(server.url + f"/nope{value}").status_code == 404
                    else:
                        assert session.get(server.url + "/iceberg/v1/namespaces").status_code == 200
        except Exception as error:  # noqa: BLE001
            failures.append(repr(error))

    threads = [threading.Thread(target=client, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]


def test_the_catalogs_own_objects_are_for_administrators(fresh):
    server = fresh(env=KEYS_ENV)
    server.headers = {"X-API-Key": ADMIN}
    reader = server.request("POST", "/access/keys", json={"name": "r", "permission": "read"}).json()["key"]
    server.sql("CREATE SCHEMA logged")
    log = server.request("GET", "/storage/objects", params={"prefix": "_catalog/log/"}).json()["items"][0]["key"]
    assert server.request("GET", "/storage/objects/" + log).status_code == 200
    for method in ("GET", "HEAD"):
        assert server.request(method, "/storage/objects/" + log, headers={"X-API-Key": reader}).status_code == 403


def test_the_log_has_the_level_that_is_set(fresh):
    server = fresh(env={"LAKEHOUSE__LOG__LEVEL": "warn"})
    assert "authentication is off" in server.log_text() and '"level":"info"' not in server.log_text()
    open_to_some = fresh(env={**KEYS_ENV, "LAKEHOUSE__LOG__LEVEL": "debug"})
    assert "authentication is off" not in open_to_some.log_text()
    trace = open_to_some.request("GET", "/health").headers["X-Trace-Id"]  # with debug each request has its line
    until(lambda: any('"level":"debug"' in l and trace in l for l in open_to_some.log_text().splitlines()), what="the request's line")
    assert '"level":"info","message":"ready"' in open_to_some.log_text()


def test_two_servers_on_one_root_see_each_other(fresh, tmp_path):
    one, two = fresh(root=tmp_path / "shared"), fresh(root=tmp_path / "shared")
    one.sql("CREATE TABLE seen AS SELECT 1 AS a")
    assert until(lambda: two.query("SELECT a FROM seen").status_code == 200, what="the other server to see it")
    one.sql("INSERT INTO seen VALUES (2)")
    assert until(lambda: two.sql("SELECT count(*) FROM seen") == [[2]], what="the row")


def test_a_start_tells_what_it_replayed_and_how_long_it_took(fresh):
    server = fresh()
    server.sql("CREATE TABLE t AS SELECT 1 AS a")
    server.kill()
    server.start()

    def lines():
        return [json.loads(line) for line in server.log_text().splitlines() if '"message":"ready"' in line]

    until(lambda: len(lines()) == 2, what="the second start")
    ready = lines()
    for line, replayed in zip(ready, (False, True)):
        assert (int(line["replayed_entries"]) > 0) == replayed and int(line["metastore_sequence"]) >= int(line["replayed_entries"])
        assert 0 <= int(line["replay_ms"]) <= int(line["start_ms"])
    assert f'lakehouse_catalog_replay_milliseconds {ready[1]["replay_ms"]}' in server.request("GET", "/metrics").text

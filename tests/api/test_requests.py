"""What a request may hold beside its body: encodings, query parameters, media types; and that a refusal is always whole."""
import gzip
import json
import socket
import ssl
import subprocess
import time

import pytest
import requests

from commands import lakehouse

ADMIN = "an-administrators-key-of-the-tests"
KEYS_ENV = {"LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": ADMIN}
ROW = "SELECT 1 AS a"


def open_socket(server, data):
    host, port = server.url.split("//")[1].split(":")
    connection = socket.create_connection((host, int(port)), timeout=60)
    connection.sendall(data)
    return connection


def check_iceberg(answer, status, type_):
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (status, status, type_), answer.text
    assert error["message"]


def check_ours(answer, status, code):
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code), answer.text
    assert error["message"] and len(error["trace_id"]) == 32 and "details" in error
    return error


# ---- UTF-8 ----

@pytest.mark.parametrize("method,path", [
    ("GET", "/iceberg/v1/namespaces/%ff"), ("DELETE", "/iceberg/v1/namespaces/a%c3"), ("GET", "/iceberg/v1/namespaces/data/tables/%ff"),
    ("POST", "/iceberg/v1/namespaces/%ed%a0%80/tables"), ("GET", "/iceberg/v1/namespaces?parent=%ff")])
def test_what_is_not_utf8_is_refused_as_iceberg_has_it(server, method, path):
    check_iceberg(server.request(method, path, json={} if method == "POST" else None), 400, "BadRequestException")


@pytest.mark.parametrize("method,path", [
    ("DELETE", "/access/keys/%ff"), ("GET", "/datasets/by-name/%ff"), ("GET", "/datasets?filter=%ff"), ("GET", "/storage/objects/a%fe"),
    ("GET", "/datasets?%ff=1")])
def test_what_is_not_utf8_is_invalid(server, method, path):
    assert "UTF-8" in check_ours(server.request(method, path), 400, "invalid")["message"]


def test_a_long_name_is_quoted_whole_characters_only(server):
    name = "x" + "é" * 300
    error = check_ours(server.request("POST", "/query/sql", json={"sql": ROW, name: 1}), 400, "invalid")
    assert "unknown field 'xé" in error["message"]
    error = check_ours(server.ingest(b"a\n1\n", "never", options={name: 1}), 400, "invalid")
    assert "unknown option 'xé" in error["message"] and "\N{REPLACEMENT CHARACTER}" not in error["message"]
    server.sql("CREATE TABLE long_names (a INTEGER)")
    error = check_ours(server.request("PATCH", "/catalog/datasets/by-name/long_names/metadata", json={name: 1}), 400, "invalid")
    assert "xé" in error["message"] and "?" not in error["message"]


def test_bytes_of_a_header_in_a_message_do_not_break_it(server):
    got = server.raw(b"DELETE /access/keys/none HTTP/1.1\r\nHost: x\r\nX-\xff: \xff\r\nConnection: close\r\n\r\n")
    assert json.loads(got.split(b"\r\n\r\n", 1)[1])["error"]["message"]


# ---- query parameters ----

def test_booleans_of_the_query_string(server):
    files = lambda: {o["key"] for o in server.request("GET", "/storage/objects").json()["items"] if o["key"].endswith(".parquet")}  # noqa: E731
    for word in ("True", "1", "TRUE", "false", "0"):
        before = files()
        server.sql("CREATE TABLE booleans AS SELECT 1 AS a")
        made = files() - before
        assert made and server.request("DELETE", f"/datasets/by-name/booleans?purge={word}").status_code == 204
        assert bool(made & files()) == (word in ("false", "0")), word
    server.sql("CREATE TABLE booleans AS SELECT 1 AS a")
    for word in ("maybe", "yes", ""):
        assert "purge" in check_ours(server.request("DELETE", f"/datasets/by-name/booleans?purge={word}"), 400, "invalid")["message"]
        check_iceberg(server.request("DELETE", f"/iceberg/v1/namespaces/data/tables/booleans?purgeRequested={word}"), 400, "BadRequestException")
    assert server.sql("SELECT a FROM booleans") == [[1]]


def test_a_parameter_that_a_route_does_not_have_is_named_with_those_it_has(server):
    message = check_ours(server.request("GET", "/datasets?limt=3"), 400, "invalid")["message"]
    assert "'limt'" in message and "limit" in message and "filter" in message
    assert "takes none" in check_ours(server.request("POST", "/query/sql?format=csv", json={"sql": ROW}), 400, "invalid")["message"]
    assert server.request("GET", "/iceberg/v1/config?warehouse=x&more=y").status_code == 200  # a client of Iceberg's may know more
    assert server.request("GET", "/health?probe=1").status_code == 200


# ---- bodies ----

def test_a_compressed_request_is_415(server):
    body = gzip.compress(json.dumps({"sql": ROW}).encode())
    answer = server.request("POST", "/query/sql", data=body, headers={"Content-Encoding": "gzip", "Content-Type": "application/json"})
    check_ours(answer, 415, "unsupported")
    assert answer.headers["Accept-Encoding"] == "identity"
    answer = server.request("POST", "/iceberg/v1/namespaces", data=body, headers={"Content-Encoding": "gzip"})
    check_iceberg(answer, 415, "BadRequestException")
    answer = server.request("POST", "/query/sql", json={"sql": ROW}, headers={"Content-Encoding": "identity"})
    assert answer.status_code == 200


def test_a_part_of_an_object_cannot_be_put(server):
    answer = server.request("PUT", "/storage/objects/parts/one", data=b"xyz", headers={"Content-Range": "bytes 0-2/9"})
    assert "Content-Range" in check_ours(answer, 400, "invalid")["message"]
    assert server.request("GET", "/storage/objects/parts/one").status_code == 404


def test_a_member_that_stands_twice_is_refused(server):
    answer = server.request("POST", "/query/sql", data='{"sql": "SELECT 1", "limit": 1, "sql": "SELECT 2"}')
    assert "'sql' stands twice" in check_ours(answer, 400, "invalid")["message"]
    answer = server.request("POST", "/access/keys", data='{"name": "a", "permission": "read", "permission": "admin"}')
    assert "stands twice" in check_ours(answer, 400, "invalid")["message"]


def test_json_nested_too_deep_is_a_bad_request_to_iceberg(server):
    check_iceberg(server.request("POST", "/iceberg/v1/namespaces", data=b"[" * 100000), 400, "BadRequestException")
    check_iceberg(server.request("GET", "/iceberg/v1/nowhere"), 404, "NotFoundException")


# ---- conditions, media types ----

def test_if_none_match_of_a_table_takes_a_list_and_a_star(server):
    server.sql("CREATE TABLE etags AS SELECT 1 AS a")
    path = "/iceberg/v1/namespaces/data/tables/etags"
    etag = server.request("GET", path).headers["ETag"]
    for condition, status in ((etag, 304), ("W/" + etag, 304), ("*", 304), (f'"other", {etag}', 304), ('"other"', 200), ('"a", "b"', 200)):
        answer = server.request("GET", path, headers={"If-None-Match": condition})
        assert (answer.status_code, answer.headers["ETag"]) == (status, etag), condition
        assert status == 200 or not answer.content


@pytest.mark.parametrize("accept,content_type", [
    ("text/csv;q=0.5, application/json", "application/json"), ("application/json;q=0.2, text/csv;q=0.8", "text/csv"),
    ("application/json; q=0, application/x-ndjson", "application/x-ndjson"), ("text/csv;q=0", "application/json"),
    ("text/csv, application/json", "text/csv"), ("text/html, */*;q=0.1", "application/json"), ("text/csv;charset=utf-8;q=0.3,*/*;q=0.25", "text/csv"),
    ("text/csv;q=0.999, application/vnd.apache.arrow.stream;q=1.000", "application/vnd.apache.arrow.stream"), ("", "application/json")])
def test_the_best_media_type_is_taken(server, accept, content_type):
    answer = server.request("POST", "/query/sql", json={"sql": ROW}, headers={"Accept": accept})
    assert answer.headers["Content-Type"].split(";")[0] == content_type


# ---- what only administrators see ----

def test_the_lakes_own_objects_are_hidden_from_lists(fresh):
    server = fresh(env=KEYS_ENV)
    server.headers = {"X-API-Key": ADMIN}
    made = server.request("POST", "/access/keys", json={"name": "r", "permission": "write"}).json()["key"]
    for key in ("Before", "_catalogue/x", "_errors2", "later/a", "later/b"):
        assert server.request("PUT", f"/storage/objects/{key}", data=b"x").status_code == 200
    (server.root / "_errors").mkdir()
    (server.root / "_errors" / "bucket_errors.jsonl").write_text("{}\n")
    own = lambda keys: [k for k in keys if k.startswith(("_catalog/", "_errors/"))]  # noqa: E731

    def listed(key, query="", page=1000):
        keys, token = [], ""
        while token is not None:
            answer = server.request("GET", "/storage/objects", headers={"X-API-Key": key}, params={"limit": page, "page_token": token} | ({"prefix": query} if query else {}))
            assert answer.status_code == 200, answer.text
            keys += [item["key"] for item in answer.json()["items"]]
            token = answer.json()["next_page_token"]
            assert token is None or token == keys[-1]
        return keys

    everything = listed(ADMIN)
    assert len(own(everything)) > 1 and "_errors/bucket_errors.jsonl" in everything
    want = [k for k in everything if k not in own(everything)]
    assert {"Before", "_catalogue/x", "_errors2", "later/b"} <= set(want)
    for page in (1, 2, 3, 1000):
        assert listed(made, page=page) == want
    assert listed(made, query="_catalog/") == [] and listed(made, query="_errors/bucket") == []
    assert listed(made, query="_catalog", page=1) == ["_catalogue/x"]
    for key in ("_errors/bucket_errors.jsonl", own(everything)[0]):
        assert requests.get(f"{server.url}/storage/objects/{key}", headers={"X-API-Key": made}).status_code == 403
        assert server.request("GET", f"/storage/objects/{key}").status_code == 200
        assert server.request("DELETE", f"/storage/objects/{key}").status_code == 403


def test_who_sends_a_body_that_is_refused_reads_the_answer(fresh, tmp_path):
    """The connection was closed under what was still sent: a broken pipe, in nearly half of the runs, for who reads only after it sent."""
    server = fresh(env=KEYS_ENV)
    key = server.request("POST", "/access/keys", headers={"X-API-Key": ADMIN}, json={"name": "reader", "permission": "read"}).json()["key"]
    big = tmp_path / "big.csv"
    big.write_bytes(b"a,b\n" + b"1,2\n" * 2_000_000)
    for _ in range(25):
        done = lakehouse("ingest", big, "-d", "big", "-q", "--url", server.url, "--api-key", key, check=False)
        assert done.returncode == 1 and "this key's permission does not reach to" in done.stderr, done.stderr
    for _ in range(5):
        with big.open("rb") as file:
            answer = server.request("POST", "/ingest/file", headers={"X-API-Key": key}, data={"dataset": "big"}, files={"file": ("big.csv", file)})
        assert answer.status_code == 403 and answer.headers["Connection"] == "close"
    head = b"POST /ingest/file HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\nX-API-Key: %s\r\n\r\n"
    for size in (1, 3 << 20):
        assert server.raw(head % (size, key.encode()) + b"x" * size).startswith(b"HTTP/1.1 403 ")
    half = [open_socket(server, head % (1 << 20, key.encode())) for _ in range(100)]  # who never sends it, more than are waited for
    assert all(connection.recv(12) == b"HTTP/1.1 403" for connection in half)
    assert server.request("GET", "/health").status_code == 200
    for connection in half:
        connection.close()


def test_over_tls_the_end_of_an_answer_is_said_while_its_body_is_still_sent(fresh, tmp_path):
    """Who reads to the end of the connection waited for as long as the server went on reading. That it does is seen by what it still takes."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    server = fresh(env={**KEYS_ENV, "LAKEHOUSE__SERVER__TLS_CERTIFICATE": str(certificate), "LAKEHOUSE__SERVER__TLS_KEY": str(key)})
    host, port = server.url.split("//")[1].split(":")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = ssl.create_default_context(cafile=certificate).wrap_bio(incoming, outgoing, server_hostname=host)
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        def until(act):
            while True:
                try:
                    return act()
                except ssl.SSLWantReadError:
                    connection.sendall(outgoing.read())
                    if chunk := connection.recv(65536): incoming.write(chunk)
                    else: incoming.write_eof()

        until(session.do_handshake)
        session.write(b"POST /query/sql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{")
        connection.sendall(outgoing.read())
        assert until(lambda: session.read(12)) == b"HTTP/1.1 401"
        while connection.recv(65536): pass
        for _ in range(3):  # one that was closed refuses the second of these
            session.write(b"x" * 1000)
            connection.sendall(outgoing.read())
            time.sleep(0.1)

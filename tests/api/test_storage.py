"""Objects over HTTP: streamed both ways, conditions, ranges, pages, and what this API must not touch. On disk and on S3."""
import hashlib
import os
import socket
import threading
from urllib.parse import quote

import pytest
import requests

from harness import SANITIZED, Server, wait_for


@pytest.fixture(scope="module", params=["file", "s3"])
def store(request, tmp_path_factory):
    """A server over each kind of bucket."""
    env = {}
    if request.param == "s3":
        env = request.getfixturevalue("s3")["env"]
    running = Server(tmp_path_factory.mktemp("store") / request.param, env=env)
    yield running
    running.stop()


def url_of(key):
    return "/storage/objects/" + quote(key)


def put(store, key, data, **headers):
    return store.request("PUT", url_of(key), data=data, headers={k.replace("_", "-"): v for k, v in headers.items()})


def get(store, key, **headers):
    return store.request("GET", url_of(key), headers={k.replace("_", "-"): v for k, v in headers.items()})


def error_of(answer):
    return answer.json()["error"]


def test_what_was_put_is_got(store):
    for key, data in [("plain/a.txt", b"hello"), ("plain/empty", b""), ("plain/sp ace/é+%&?#.csv", b"a,b\n1,2\n")]:
        answer = put(store, key, data)
        assert answer.status_code == 200, answer.text
        item = answer.json()
        assert item["key"] == key and item["size_bytes"] == len(data) and answer.headers["ETag"] == f'"{item["etag"]}"'
        got = get(store, key)
        assert got.status_code == 200 and got.content == data and got.headers["ETag"] == answer.headers["ETag"]
        head = store.request("HEAD", url_of(key))
        assert head.status_code == 200 and head.content == b"" and head.headers["Content-Length"] == str(len(data))
        for name in ("ETag", "Accept-Ranges", "X-Content-Type-Options"):
            assert head.headers[name] == got.headers[name]
        assert got.headers["Last-Modified"].endswith(" GMT")
    assert store.request("DELETE", url_of("plain/a.txt")).status_code == 204
    assert get(store, "plain/a.txt").status_code == 404
    assert store.request("HEAD", url_of("plain/a.txt")).status_code == 404
    assert store.request("DELETE", url_of("plain/a.txt")).status_code == 204


def test_an_upload_of_unknown_length(store):
    answer = put(store, "chunked", (b"x" * 1000 for _ in range(5000)))
    assert answer.status_code == 200 and answer.json()["size_bytes"] == 5000000
    assert get(store, "chunked").content == b"x" * 5000000


def test_ranges(store):
    data = bytes(range(256)) * 40000  # more than one piece of an S3 reader
    put(store, "range", data)
    for header, first, last in [("bytes=0-9", 0, 9), ("bytes=100-", 100, len(data) - 1), ("bytes=-5", len(data) - 5, len(data) - 1),
                                ("bytes=9000000-99999999999", 9000000, len(data) - 1)]:
        got = get(store, "range", Range=header)
        assert got.status_code == 206 and got.content == data[first:last + 1], header
        assert got.headers["Content-Range"] == f"bytes {first}-{last}/{len(data)}"
    for header in ("bytes=5-1", "bytes=0-1,5-6", "rows=0-1", "bytes=x-"):
        got = get(store, "range", Range=header)
        assert got.status_code == 200 and len(got.content) == len(data), header
    beyond = get(store, "range", Range=f"bytes={len(data)}-")
    assert beyond.status_code == 416 and beyond.headers["Content-Range"] == f"bytes */{len(data)}" and error_of(beyond)["code"] == "limit"
    etag = get(store, "range", Range="bytes=0-0").headers["ETag"]
    assert get(store, "range", Range="bytes=0-0", If_Range=etag).status_code == 206
    assert get(store, "range", Range="bytes=0-0", If_Range='"other"').status_code == 200


def test_conditions(store):
    first = put(store, "cond", b"one", If_None_Match="*")
    assert first.status_code == 201
    again = put(store, "cond", b"two", If_None_Match="*")
    assert again.status_code == 412 and error_of(again)["code"] == "conflict"
    etag = first.headers["ETag"]
    assert get(store, "cond", If_None_Match=etag).status_code == 304
    assert get(store, "cond", If_None_Match="*").status_code == 304
    assert get(store, "cond", If_None_Match='"x", W/' + etag).status_code == 304
    assert get(store, "cond", If_None_Match='"x"').content == b"one"
    assert get(store, "cond", If_Match=etag).content == b"one"
    assert get(store, "cond", If_Match='"x"').status_code == 412
    assert store.request("HEAD", url_of("cond"), headers={"If-None-Match": etag}).status_code == 304
    second = put(store, "cond", b"two", If_Match=etag)
    assert second.status_code == 200 and second.headers["ETag"] != etag
    assert put(store, "cond", b"three", If_Match=etag).status_code == 412
    assert put(store, "cond-absent", b"x", If_Match="*").status_code == 412
    assert put(store, "cond", b"x", If_None_Match=etag).status_code == 400
    assert put(store, "cond", b"x", If_None_Match="*", If_Match=etag).status_code == 400
    assert store.request("DELETE", url_of("cond"), headers={"If-Match": etag}).status_code == 412
    assert get(store, "cond").content == b"two"
    assert store.request("DELETE", url_of("cond"), headers={"If-Match": second.headers["ETag"]}).status_code == 204


def test_of_many_clients_exactly_one_creates(store):
    codes = []
    barrier = threading.Barrier(8)

    def create(i):
        barrier.wait()
        codes.append(put(store, "race", str(i).encode(), If_None_Match="*").status_code)

    threads = [threading.Thread(target=create, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [201] + [412] * 7


def test_list_in_pages(store):
    keys = sorted(f"page/{name}" for name in ["a", "a.b", "a!", "b/1", "b/2", "ü", "z/z/z"])
    for key in keys:
        put(store, key, key.encode())
    for limit in (1, 3, 100):
        seen, token = [], ""
        while token is not None:
            answer = store.request("GET", "/storage/objects", params={"prefix": "page/", "limit": limit, "page_token": token})
            assert answer.status_code == 200
            page = answer.json()
            assert len(page["items"]) <= limit
            seen += page["items"]
            token = page["next_page_token"]
        assert [item["key"] for item in seen] == keys
        assert all(set(item) == {"key", "size_bytes", "etag", "modified_at"} and item["size_bytes"] == len(item["key"].encode()) for item in seen)
    for query in ("limit=0", "limit=1001", "limit=x"):
        assert store.request("GET", f"/storage/objects?{query}").status_code == 400


def test_bad_keys(store):
    for path in ("a/../b", "..", "a//b", "/a", "a/", "a%00b", "a%0Ab", "a%FF", "a%zz", ".scratch/x", "%2e%2e/x", "a/%2E%2E/%2E%2E/b", "k" * 2000):
        for method in ("GET", "PUT", "DELETE"):
            assert raw(store, method, "/storage/objects/" + path) == 400, (method, path)


def raw(store, method, target):
    """Status of a request whose target is sent as it is (clients would tidy it)."""
    head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    return int(store.raw(head.encode()).split(b" ", 2)[1])


def test_the_lakes_own_objects_are_not_for_this_api(store):
    assert error_of(put(store, "_catalog/log/99999999999999999999.json", b"{}"))["code"] == "denied"
    assert put(store, "_catalog", b"{}").status_code == 403
    assert store.request("DELETE", url_of("_catalog/log/00000000000000000001.json")).status_code == 403
    store.sql("CREATE TABLE data.guarded AS SELECT 42 AS x")
    items = store.request("GET", "/storage/objects", params={"limit": 1000}).json()["items"]
    mine = [item["key"] for item in items if "guarded" in item["key"]]
    assert any(key.endswith(".parquet") for key in mine) and any(key.endswith(".metadata.json") for key in mine)
    for key in mine:
        assert error_of(put(store, key, b"bad"))["code"] == "denied", key
        assert put(store, key, b"bad", If_Match="*").status_code == 403
        assert store.request("DELETE", url_of(key)).status_code == 403
    folder = next(key for key in mine if key.endswith(".metadata.json")).rsplit("/metadata/", 1)[0]
    assert put(store, folder + "/data/brought.parquet", b"new").status_code in (200, 201)  # to be registered
    assert put(store, folder + "/data/brought.parquet", b"again").status_code == 403
    assert store.sql("SELECT x FROM data.guarded") == [[42]]


def test_an_upload_that_breaks_off_leaves_nothing(store):
    def cuts():
        return store.metric("lakehouse_http_requests_total", route="/storage/objects/{key...}", method="PUT", status="cut")

    host, port = store.url.split("//")[1].split(":")
    before = cuts()
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"PUT /storage/objects/broken HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 500000)
    wait_for(lambda: cuts() > before)  # else the upload may begin only after a look found nothing
    scratch = store.root / ".scratch" / "put"
    wait_for(lambda: not scratch.exists() or not list(scratch.iterdir()))
    assert get(store, "broken").status_code == 404


def test_a_gibibyte_passes_in_little_memory(store):
    size = (64 if SANITIZED else 1024) << 20
    block = os.urandom(1 << 20)
    sent, got = hashlib.sha256(), hashlib.sha256()

    def blocks():
        for i in range(size >> 20):
            piece = i.to_bytes(8, "big") + block[8:]
            sent.update(piece)
            yield piece

    class Body:  # a length, so that it is not chunked
        def __init__(self):
            self.blocks = blocks()

        def __len__(self):
            return size

        def __iter__(self):
            return self.blocks

    get(store, "nothing")
    before, peak, done = store.rss_bytes(), [0], threading.Event()

    def watch():
        while not done.wait(0.05):
            peak[0] = max(peak[0], store.rss_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        answer = requests.put(store.url + url_of("big"), data=Body(), timeout=600)
        assert answer.status_code == 200, answer.text
        with requests.get(store.url + url_of("big"), stream=True, timeout=600) as download:
            assert download.headers["Content-Length"] == str(size)
            for piece in download.iter_content(1 << 20):
                got.update(piece)
    finally:
        done.set()
        watcher.join()
    assert sent.digest() == got.digest()
    if not SANITIZED:
        assert peak[0] - before < 64 << 20, f"{(peak[0] - before) >> 20} MiB more"
    assert store.request("DELETE", url_of("big")).status_code == 204


def test_objects_survive_a_kill(fresh):
    store = fresh()
    etag = put(store, "kept", b"durable").headers["ETag"]
    store.kill()
    store.start()
    assert get(store, "kept").content == b"durable" and get(store, "kept").headers["ETag"] == etag

"""Bad input of every kind: its documented error, the server lives on, nothing is half-written."""
import io
import json
import os
import socket
import subprocess
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness import SANITIZED, Server


def parquet(rows=1000):
    buffer = io.BytesIO()
    pq.write_table(pa.table({"a": list(range(rows))}), buffer)
    return buffer.getvalue()


def xlsx():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as book:
        for name in ("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml", "xl/worksheets/sheet1.xml"):
            book.writestr(name, "<?xml version='1.0'?><x/>")
    return buffer.getvalue()


CASES = {
    "Excel": (xlsx(), "report.xlsx", 400, "save the sheet as CSV"),
    "Excel under another name": (xlsx(), "a.csv", 400, "save the sheet as CSV"),
    "old Excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "report.xls", 400, "save the sheet as CSV"),
    "empty": (b"", "a.csv", 400, "empty"),
    "only white space": (b" \n\n  \n", "a.csv", 400, None),
    "ragged": (b"a,b\n1,2\n3,4,5\n6,7\n", "a.csv", 400, None),
    "NUL bytes": (b"a,b\n1,\x002\n", "a.csv", 400, "NUL"),
    "invalid UTF-8": (b"a,b\n1,\xff\xfe\n", "a.csv", 400, "UTF-8"),
    "cut inside a character": (b"a,b\n1,\xe2\x82", "a.csv", 400, "character"),
    "20 MB line": (b"a,b\n1," + b"x" * (20 << 20) + b"\n", "a.csv", 422, "line_max_bytes"),
    "10,001 columns": (b",".join(b"c%d" % i for i in range(10001)) + b"\n", "a.csv", 422, "columns"),
    "unterminated quote": (b'a,b\n1,"2\n3,4\n', "a.csv", 400, None),
    "truncated Parquet": (parquet()[:-100], "a.parquet", 400, None),
    "Parquet of garbage": (b"PAR1" + os.urandom(5000) + b"PAR1", "a.parquet", 400, None),
    "JSON depth 100,000": (b'{"a":' + b"[" * 100000 + b"]" * 100000 + b"}", "a.json", 422, "nested"),
    "broken JSON": (b'{"a":1}\n{"a":\n', "a.ndjson", 400, None),
    "JSON scalar": (b"42\n", "a.json", 400, None),
    "broken gzip": (b"\x1f\x8b\x08\x00garbagegarbage", "a.csv.gz", 400, "compressed"),
    "not a zip": (b"PK\x03\x04" + os.urandom(200), "a.zip", 400, None),
}


def files_of(server):
    """Every file of the bucket, the log of the catalog among them; not what is scratch."""
    return {path for path in server.root.rglob("*") if path.is_file() and ".scratch" not in path.parts}


def uploads_of(server):
    return [f for _, _, files in os.walk(server.root / ".scratch") for f in files if f.startswith(("upload-", "ingest-"))]


def read_to_end(connection):
    """What comes until the server closes; it may close on bytes that it did not read."""
    got = b""
    try:
        while chunk := connection.recv(65536):
            got += chunk
    except ConnectionResetError:
        pass
    return got


@pytest.mark.parametrize("name", CASES)
def test_a_bad_file(server, name):
    body, file_name, status, word = CASES[name]
    table = "bad_" + "".join(c if c.isalnum() else "_" for c in name)
    before = len(server.request("GET", "/datasets").json()["items"])
    files = files_of(server)
    answer = server.ingest(body, table, name=file_name)
    assert answer.status_code == status, answer.text[:500]
    error = answer.json()["error"]
    assert error["message"] and "/root" not in error["message"], "scratch paths are ours"
    if word:
        assert word in error["message"]
    assert server.request("GET", "/health").status_code == 200
    assert len(server.request("GET", "/datasets").json()["items"]) == before
    assert not uploads_of(server), "scratch files are left"
    for path in files_of(server) - files:  # a folder that was taken for the table, and given back
        assert path.parent.name == "log" and all(change["key"].startswith("dropped/") for change in json.loads(path.read_bytes())["changes"])
    assert server.request("POST", "/catalog/remove-dropped", json={"older_than_ms": 0, "dry_run": True}).json()["tables"] == []


def test_ten_thousand_columns_and_a_ten_megabyte_line_are_fine(server):
    columns = 2000 if SANITIZED else 10000
    wide = b",".join(b"column_number_%d" % i for i in range(columns)) + b"\n" + b",".join(b"%d" % i for i in range(columns)) + b"\n"
    answer = server.ingest(wide, "wide")
    assert answer.status_code == 201 and len(answer.json()["columns"]) == columns, answer.text[:500]
    assert server.sql(f"SELECT column_number_0, column_number_{columns - 1} FROM wide") == [[0, columns - 1]]
    long = b"a,b\n1," + b"x" * (10 << 20) + b"\n"
    assert server.ingest(long, "long").status_code == 201
    assert server.sql("SELECT length(b) FROM long") == [[10 << 20]]


def test_bad_forms(server):
    assert server.request("POST", "/ingest/file", data=b"x", headers={"Content-Type": "text/plain"}).status_code == 400
    assert server.request("POST", "/ingest/file", data={"dataset": "x"}, files={"wrong": ("a", b"a\n1\n")}).status_code == 400
    assert server.request("POST", "/ingest/file", files={"file": ("a.csv", b"a\n1\n")}).status_code == 400
    assert server.ingest(b"a\n1\n", "bad/name").status_code == 400
    assert server.ingest(b"a\n1\n", "../x").status_code == 400
    assert server.ingest(b"a\n1\n", "unknown_one", mode="append").status_code == 404
    assert server.ingest(b"a\n1\n", "x", options=[1]).status_code == 400


def test_wrong_content_length(server):
    short = server.raw(b"POST /query/sql HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{\"sql\":\"CREATE TABLE half AS SELECT 1 a\"}", read_all=False)
    assert b" 200 " not in short.split(b"\r\n")[0]
    assert server.query("SELECT * FROM half").status_code == 400
    assert b" 400 " in server.raw(b"POST /query/sql HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n").split(b"\r\n")[0]
    assert server.request("GET", "/health").status_code == 200


def test_an_upload_of_another_length_than_it_says_lands_nothing(server):
    form = (b'--b\r\nContent-Disposition: form-data; name="dataset"\r\n\r\nwrong_length\r\n'
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\na\n1\n2\n\r\n--b--\r\n')
    files, (host, port) = files_of(server), server.url.split("//")[1].split(":")
    for more, answered in [(50, b""), (-8, b"HTTP/1.1 400 "), (-40, b"HTTP/1.1 400 ")]:
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(b"POST /ingest/file HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=b\r\n"
                               b"Content-Length: %d\r\n\r\n" % (len(form) + more) + form)
            if more > 0:
                connection.shutdown(socket.SHUT_WR)  # else the server waits for the rest
            answer = read_to_end(connection)
        assert answer.startswith(answered) and (answered or not answer) and b"HTTP/1.1 2" not in answer, (more, answer[:300])
    assert server.query("SELECT * FROM wrong_length").status_code == 400
    assert files_of(server) == files and not uploads_of(server)
    assert server.request("GET", "/health").status_code == 200


@pytest.mark.mount
def test_a_full_disk(tmp_path):
    mount = tmp_path / "small"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(mount)]).returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        server = Server(mount / "root")
        assert server.ingest(b"a\n1\n2\n", "small").status_code == 201
        big = b"a,b\n" + b"".join(b"%d,%s\n" % (i, os.urandom(20).hex().encode()) for i in range(700_000))
        answer = server.ingest(big, "big")
        assert answer.status_code == 507, answer.text
        assert server.query("SELECT * FROM big").status_code == 400
        assert server.sql("SELECT count(*) FROM small") == [[2]]
        assert server.request("PUT", "/storage/objects/x/y", data=os.urandom(30 << 20)).status_code == 507
        assert server.request("GET", "/storage/objects/x/y").status_code == 404
        assert server.ingest(b"a\n3\n", "small", mode="append").status_code == 200
        server.sql("CREATE TABLE grown AS SELECT uuid()::VARCHAR AS u FROM range(1000)")
        free = os.statvfs(mount).f_bavail
        for sql in ("CREATE TABLE filled AS SELECT uuid() AS u, uuid() AS v FROM range(900000)",
                    "INSERT INTO grown SELECT uuid()::VARCHAR AS u FROM range(2000000)"):
            answer = server.query(sql)
            assert answer.status_code == 507, answer.text
        assert server.ingest(big[:14 << 20], "big").status_code == 507  # arrives whole, but its Parquet has no room
        block = os.statvfs(mount).f_frsize
        assert (free - os.statvfs(mount).f_bavail) * block < 1 << 20  # what failed has left (almost) nothing
        assert server.sql("SELECT count(*) FROM grown") == [[1000]]
        server.restart()
        assert server.sql("SELECT sum(a) FROM small") == [[6]]
        server.stop()
    finally:
        subprocess.run(["umount", "-l", str(mount)])


@pytest.mark.parametrize("open, depth, close", [("[", 900, "]"), ("(SELECT ", 30, ")"), ("row(", 300, ")"), ("MAP {1: ", 200, "}"), ("1 + ", 900, ""), ("'a' || ", 900, "")])
def test_what_nests_too_deep_is_refused_at_once(server, open, depth, close):
    """DuckDB would bind it for minutes, and nothing interrupts that."""
    answer = server.query(f"SELECT {open * depth}1{close * depth}")
    assert answer.status_code == 400 and "nest" in answer.json()["error"]["message"] and "SET " not in answer.text, answer.text
    wide = " OR ".join(f"i = {k}" for k in range(2000))
    assert server.sql(f"SELECT count(*) FROM range(10) r(i) WHERE {wide}") == [[10]]

"""Processors that this machine is not, by qemu's user emulation: below AVX2 all works but models in process, which say why; at AVX2 those do, too."""
import math
import shutil

import pytest

import harness
from harness import SANITIZED, Server

QEMU = shutil.which("qemu-x86_64")
pytestmark = [pytest.mark.skipif(QEMU is None, reason="qemu-x86_64 is not installed (Debian's qemu-user; tools/setup test)"),
              pytest.mark.skipif(SANITIZED, reason="a sanitizer's memory does not fit into qemu's")]
WORDS = ["apple", "pear", "plum", "ferry", "harbour", "anchor", "nurse", "doctor", "clinic", "welder"]
FLOOR = "models in process need a processor with AVX2, FMA, F16C and BMI2"


def embedded(server):
    answer = server.request("POST", "/ai/embed", json={"input": ["The ferry leaves the harbour."]})
    assert answer.status_code == 200, answer.text
    return answer.json()["embeddings"][0]


def found(server, **body):
    answer = server.request("POST", "/vectors/search", json={"index": "words", "k": 3, **body})
    assert answer.status_code == 200, answer.text
    return [hit["id"] for hit in answer.json()["items"]]


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """A lake with an index, made by this processor; its folder, and a vector."""
    folder = tmp_path_factory.mktemp("floor") / "lake"
    server = Server(folder)
    server.sql("CREATE TABLE words AS SELECT * FROM (VALUES " + ",".join(f"({i}, '{word}')" for i, word in enumerate(WORDS)) + ") AS t (id, text)")
    job = server.request("POST", "/vectors/index", json={"dataset": "words", "id_column": "id", "text_columns": ["text"]}).json()
    harness.wait_for(lambda: server.request("GET", f"/jobs/{job['id']}").json()["state"] not in ("queued", "running"))
    vector = embedded(server)
    expected = found(server, vector=vector, mode="exact")
    server.stop()
    return folder, vector, expected


@pytest.fixture
def on(lake, tmp_path, monkeypatch):
    """on(processor): the server of that lake on it."""
    servers = []

    def start(processor):
        binary = tmp_path / "lakehouse"
        binary.write_text(f'#!/bin/sh\nexec {QEMU} -cpu {processor} {harness.BUILD / "lakehouse"} "$@"\n')
        binary.chmod(0o755)
        monkeypatch.setattr(harness, "BINARY", binary)
        monkeypatch.setattr(harness, "START_SECONDS", 600)  # a start takes half a minute there
        servers.append(Server(lake[0]))
        return servers[0]

    yield start
    servers[0].stop(check=False)  # qemu has words of its own on stderr


def test_below_avx2_only_models_in_process_are_missing_and_say_why(lake, on):
    _, vector, expected = lake
    server = on("Nehalem")
    assert server.sql("SELECT count(*), max(text) FROM words") == [[len(WORDS), "welder"]]
    for path, body in [("/ai/embed", {"input": ["x"]}), ("/vectors/search", {"index": "words", "query": "ship"})]:
        answer = server.request("POST", path, json=body)
        assert answer.status_code == 503 and answer.json()["error"]["code"] == "unavailable" and FLOOR in answer.json()["error"]["message"], (path, answer.text)
    assert FLOOR in server.request("GET", "/ai/health").text
    for mode in ("exact", "hnsw"):  # its kernels have a form for any processor
        assert found(server, vector=vector, mode=mode) == expected, mode
    assert server.alive()


def test_at_avx2_models_in_process_work(lake, on):
    _, vector, expected = lake
    server = on("Haswell")
    there = embedded(server)
    cosine = sum(a * b for a, b in zip(vector, there)) / math.sqrt(sum(a * a for a in vector) * sum(b * b for b in there))
    assert cosine > 0.9999, cosine
    assert found(server, query="The ferry leaves the harbour.", mode="exact") == expected

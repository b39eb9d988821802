"""Registered models: files and endpoints beside the configuration's, which are in use by whom, and back again; also by a second gateway of the
lake, and after restarts. An index keeps its model until it is asked for another, which takes its place while searches run."""
import hashlib
import os
import pathlib
import random
import shutil
import threading
import time

import pytest

from commands import Terminal, lakehouse
from endpoints import Scripted, reply
from governed import Lake, allow
from harness import BINARY, BUILD, SANITIZED, WAIT_SECONDS, Server, wait_for
from test_vectors import embedder, ended, lines, people, search, submit, index

HASH = {"LAKEHOUSE__AI__EMBED_PROVIDER": "hash"}
SECRET = "sk-of-the-gpu-0123456789"


def dimensions(server, key=None, **members):
    answer = server.request("POST", "/ai/embed", json={"input": "nurse", **members}, headers={"X-API-Key": key} if key else {})
    assert answer.status_code == 200, answer.text
    return answer.json()["dimensions"]


def register(server, status=201, **members):
    answer = server.request("POST", "/ai/models", json={"task": "embed", "provider": "hash", **members})
    assert answer.status_code == status, answer.text
    return answer.json() if status == 201 else answer.json()["error"]["message"]


def post(server, path, status=200, **body):
    answer = server.request("POST", "/ai/" + ("rollback" if path == "rollback" else "models/" + path), json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path / "lake", env=HASH)
    yield server
    server.stop()


def test_a_model_is_registered_activated_and_rolled_back_and_stays_after_a_restart(server):
    told = register(server, name="tuned", model="hash-256", base="hash", notes="Tuned on our résumés.")
    assert (told["name"], told["task"], told["provider"], told["base"], told["in_use"], told["evaluations"]) == ("tuned", "embed", "hash", "hash", False, [])
    assert dimensions(server) == 384 and dimensions(server, model="tuned") == 256
    configured = server.request("GET", "/ai/models/hash").json()
    assert (configured["task"], configured["provider"], configured["version"], configured["in_use"], configured["registered_at"]) == ("embed", "hash", "1-384", True, None)
    assert post(server, "tuned/activate") == {"task": "embed", "profile": None, "model": "tuned", "previous": None}
    register(server, name="wide", model="hash-512")
    assert post(server, "wide/activate")["previous"] == "tuned"
    server.restart()
    assert dimensions(server) == 512
    items = {item["model"]: item for item in server.request("GET", "/ai/models").json()["items"]}
    assert {name: (item["source"], item["in_use"]) for name, item in items.items()} == {
        "hash": ("configuration", False), "tuned": ("registered", False), "wide": ("registered", True)}
    assert post(server, "rollback", task="embed") == {"task": "embed", "profile": None, "model": "tuned", "previous": "wide"}
    assert dimensions(server) == 256
    assert post(server, "rollback", task="embed")["model"] is None and dimensions(server) == 384
    post(server, "rollback", 409, task="embed")
    assert post(server, "hash/activate")["model"] == "hash" and dimensions(server) == 384


def test_a_model_in_use_is_not_removed_and_one_that_was_removed_is_passed_over_in_going_back(server):
    for name, model in (("one", "hash-100"), ("two", "hash-200"), ("three", "hash-300")):
        register(server, name=name, model=model)
        post(server, f"{name}/activate")
    assert server.request("DELETE", "/ai/models/three").status_code == 409
    assert server.request("DELETE", "/ai/models/two").status_code == 204
    assert server.request("GET", "/ai/models/two").status_code == 404
    assert post(server, "rollback", task="embed")["model"] == "one" and dimensions(server) == 100
    answer = server.request("POST", "/ai/embed", json={"input": "x", "model": "two"})
    assert answer.status_code == 404 and "'two'" in answer.json()["error"]["message"]


def test_another_registration_of_a_name_takes_its_place_when_that_is_said(server):
    register(server, name="tuned", model="hash-256", notes="the first")
    post(server, "tuned/activate")
    assert "replace=true" in register(server, 409, name="tuned", model="hash-128") and dimensions(server) == 256
    assert register(server, name="tuned", model="hash-128", replace=True)["superseded"][0]["model"] == "hash-256"
    assert dimensions(server) == 128 and server.request("GET", "/ai/models/tuned").json()["in_use"] is True
    server.restart()
    [older] = server.request("GET", "/ai/models/tuned").json()["superseded"]
    assert dimensions(server) == 128 and (older["version"], older["notes"], older["task"]) == ("1-256", "the first", "embed") and older["registered_at"].startswith("20")
    for size in (64, 32, 16, 8):
        register(server, name="tuned", model=f"hash-{size}", replace=True)
    assert [one["version"] for one in register(server, name="tuned", model="hash-64", replace=True)["superseded"]] == ["1-8", "1-16", "1-32"]  # three, none of them what it is now
    register(server, name="tuned", task="embed", model="hash-64", notes="again", replace=True)
    assert len([item for item in server.request("GET", "/ai/models").json()["items"] if item["model"] == "tuned"]) == 1
    assert server.request("DELETE", "/ai/models/tuned").status_code == 409
    post(server, "hash/activate")
    assert server.request("DELETE", "/ai/models/tuned").status_code == 204 and dimensions(server) == 384
    register(server, name="tuned", model="hash-256")  # anew


@pytest.mark.parametrize("members, status, words", [
    ({"name": "hash"}, 409, "the configuration has a model 'hash'"), ({"name": "../x"}, 400, "'name'"), ({"name": "x", "provider": "openai", "model": "m\0n", "url": "http://h"}, 400, "NUL"), ({"name": ""}, 400, "'name'"),
    ({"name": "x", "task": "sing"}, 400, "'task'"), ({"name": "x", "task": "generate"}, 400, "no provider 'hash' for the task generate"),
    ({"name": "x", "provider": "openai", "model": "m", "url": "ftp://h"}, 400, "'url'"),
    ({"name": "x", "provider": "openai", "model": "m", "url": "http://bob:s3cret@h"}, 400, "'url'"), ({"name": "x", "provider": "openai", "url": "http://h"}, 400, "'model'"),
    ({"name": "x", "model": "hash-0"}, 400, ""), ({"name": "x", "checksum": "0" * 64}, 400, "'checksum'"), ({"name": "x", "provider": "llama", "model": "/no/such.gguf"}, 404, "/no/such.gguf"),
    ({"name": "x", "provider": "llama", "model": "a/b.gguf"}, 400, "whole path"), ({"name": "x", "provider": "openai", "model": "m", "url": "http://h", "secret": "gone"}, 404, "no secret 'gone'"),
    ({"name": "x", "notes": 7}, 400, "'notes'"), ({"name": "x", "context_tokens": 0}, 400, "'context_tokens'"), ({"name": "x", "context_tokens": "4k"}, 400, "'context_tokens'"), ({"name": "x", "notes": "n" * 5000}, 400, "'notes'"), ({"name": "x", "other": 1}, 400, "other")])
def test_what_cannot_be_registered_is_refused(server, members, status, words):
    assert words in register(server, status, **members)
    assert words in register(server, status, check=False, **members)
    assert len(server.request("GET", "/ai/models").json()["items"]) == 1


def test_an_endpoint_is_tried_before_it_is_registered_and_gets_its_secret_which_nobody_sees(tmp_path):
    served = Scripted(reply({"data": [{"index": 0, "embedding": [1, 2, 3]}], "usage": {"prompt_tokens": 1}}))
    server = Server(tmp_path / "lake", env={**HASH, "LAKEHOUSE__AI__RETRIES": "0", "LAKEHOUSE_SECRET__GPU__API_KEY": SECRET})
    try:
        endpoint = {"provider": "openai", "model": "m", "secret": "gpu"}
        register(server, 503, name="dead", url="http://127.0.0.1:9", **endpoint)
        assert server.request("GET", "/ai/models/dead").status_code == 404 and len(server.request("GET", "/ai/models").json()["items"]) == 1
        told = register(server, name="gpu", url=served.url, **endpoint)
        assert told["secret"] == "gpu" and told["version"] and dimensions(server, model="gpu") == 3
        assert served.seen and all(headers.get("Authorization") == f"Bearer {SECRET}" for _, headers, _ in served.seen)
        register(server, name="dead", url="http://127.0.0.1:9", check=False, **endpoint)
        health = {item["model"]: item["status"] for item in server.request("GET", "/ai/health").json()["tasks"] if "model" in item}
        assert health["dead"] == "failed" and server.request("GET", "/ai/health").json()["status"] == "ok"  # dead is not in use
        shown = server.request("GET", "/ai/models/gpu").text + server.request("GET", "/ai/models").text
        kept = b"".join(file.read_bytes() for file in pathlib.Path(server.root).rglob("*") if file.is_file())
        assert SECRET not in shown and SECRET.encode() not in kept and SECRET not in server.log_text()
    finally:
        server.stop()
        served.stop()


def test_a_file_is_known_by_its_checksum(tmp_path):
    built_in = BINARY.parent / "models" / "all-minilm-l6-v2.gguf"
    copy = tmp_path / "tuned.gguf"
    shutil.copy(built_in, copy)
    checksum = hashlib.sha256(copy.read_bytes()).hexdigest()
    server = Server(tmp_path / "lake")
    assert checksum in register(server, 409, name="tuned", provider="llama", model=str(copy), checksum="0" * 64)
    told = register(server, name="tuned", provider="llama", model=str(copy), checksum=checksum)
    assert (told["checksum"], told["version"]) == (checksum, checksum[:16])
    both = [server.request("POST", "/ai/embed", json={"input": "night nurse", **members}).json() for members in ({}, {"model": "tuned"})]
    assert both[0]["embeddings"] == both[1]["embeddings"] and both[1]["model"] == {"provider": "llama", "name": "tuned", "version": checksum[:16]}
    server.stop()
    with open(copy, "ab") as file:
        file.write(b"\0")
    server.start()
    answer = server.request("POST", "/ai/embed", json={"input": "night nurse", "model": "tuned"})
    assert answer.status_code == 409 and "register it anew" in answer.json()["error"]["message"]
    assert dimensions(server) == 384
    server.stop()


def test_a_file_is_named_without_its_folder_and_found_where_it_lay_before(tmp_path):
    place = tmp_path / "secret-place" / "own.gguf"
    place.parent.mkdir()
    shutil.copy(BINARY.parent / "models" / "all-minilm-l6-v2.gguf", place)
    server = Server(tmp_path / "lake", env={"LAKEHOUSE__AI__EMBED_MODEL": str(place)})
    server.ingest(lines(people(0, 5)), "kept")
    index(server, "kept")
    told = [server.request("GET", path) for path in ("/ai/models", "/v1/models", "/ai/health", "/ai/models/own", "/vectors/indexes/kept")]
    told.append(server.request("POST", "/ai/embed", json={"input": "nurse", "model": "/where/it/was/own.gguf"}))  # as indexes made by older versions say
    assert all(answer.status_code == 200 and "own" in answer.text and "secret-place" not in answer.text for answer in told)
    assert told[-1].json()["model"]["name"] == "own"
    server.stop()
    shutil.move(place, tmp_path / "own.gguf")
    server.env["LAKEHOUSE__AI__EMBED_MODEL"] = str(tmp_path / "own.gguf")
    server.start()
    assert search(server, index="kept", query="nurse")
    [job] = server.request("POST", "/vectors/refresh/kept").json()["items"]
    assert ended(server, job)["result"]["embedded_rows"] == 0
    server.stop()


def test_a_profile_has_a_model_of_its_own_and_only_administrators_register(tmp_path):
    from governed import ADMIN
    server = Server(tmp_path / "lake", env={**HASH, "LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": ADMIN})
    server.headers = {"X-API-Key": ADMIN}
    lake = Lake.__new__(Lake)
    lake.server = server
    keys = {name: lake.key(name, allow("tool", "ai")) for name in ("ann", "bob")}
    register(server, name="tuned", model="hash-256")
    for nobody in ("", " "):
        post(server, "tuned/activate", 400, profile=nobody)
        post(server, "rollback", 400, task="embed", profile=nobody)
    assert "'nobody'" in post(server, "tuned/activate", 404, profile="nobody")["error"]["message"]
    assert post(server, "tuned/activate", profile="admin")["profile"] == "admin" and post(server, "rollback", task="embed", profile="admin")
    assert [dimensions(server, key=key) for key in keys.values()] == [384, 384]
    assert post(server, "tuned/activate", profile="ann") == {"task": "embed", "profile": "ann", "model": "tuned", "previous": None}
    assert [dimensions(server, key=keys[name]) for name in ("ann", "bob")] == [256, 384]
    assert server.request("GET", "/ai/models/tuned").json()["profiles"] == ["ann"] and server.request("DELETE", "/ai/models/tuned").status_code == 409
    assert post(server, "rollback", task="embed", profile="ann")["model"] is None
    assert dimensions(server, key=keys["ann"]) == 384
    for method, path, body in (("POST", "/ai/models", {"name": "x", "task": "embed", "provider": "hash"}), ("POST", "/ai/models/tuned/activate", {}),
                               ("POST", "/ai/rollback", {"task": "embed"}), ("DELETE", "/ai/models/tuned", None), ("GET", "/ai/models/tuned", None)):
        assert server.request(method, path, json=body, headers={"X-API-Key": keys["ann"]}).status_code == 403, path
    server.stop()


def test_who_has_a_generator_of_their_own_gets_its_answers(tmp_path):
    """The task has none: who has no other is answered by the passages' own sentences, by facts, or refused."""
    from governed import ADMIN
    writes = Scripted(reply({"choices": [{"message": {"content": "SELECT count(*) AS n FROM people"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}))
    server = Server(tmp_path / "lake", env={**HASH, "LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": ADMIN})
    server.headers = {"X-API-Key": ADMIN}
    lake = Lake.__new__(Lake)
    lake.server = server
    server.ingest(lines(people(0, 20)), "people")
    index(server, "people")
    keys = {name: lake.key(name, allow("tool", "ai"), allow("dataset", "people"), allow("index", "people")) for name in ("ann", "bob")}
    register(server, name="writer", task="generate", provider="openai", model="w", url=writes.url)
    post(server, "writer/activate", profile="ann")
    told = {}
    for name, key in keys.items():
        ask = lambda path, body: server.request("POST", path, json=body, headers={"X-API-Key": key}).json()  # noqa: B023, E731
        told[name] = [ask("/vectors/rag", {"index": "people", "question": people(0, 1)[0][2]})["model"], ask("/datasets/people/summary", {})["by"],
                      ask("/ask", {"question": "zorble the quux", "parts": {"planner": False}})["refused"]]
    assert told["bob"] == [None, "facts", True] and told["ann"][0]["name"] == "writer" and told["ann"][1:] == ["model", False], told
    server.stop()
    writes.stop()


# ---- indexes ----

def test_an_index_keeps_its_model_until_it_is_asked_for_another(server):
    server.ingest(lines(people(0, 20)), "kept")
    index(server, "kept")
    register(server, name="tuned", model="hash-256")
    post(server, "tuned/activate")
    server.ingest(lines(people(20, 5)), "kept", mode="append")
    [job] = server.request("POST", "/vectors/refresh/kept").json()["items"]
    assert ended(server, job)["result"]["embedded_rows"] == 5
    assert server.request("GET", "/vectors/indexes/kept").json()["model"]["name"] == "hash" and search(server, index="kept", query="nurse")
    index(server, "kept", index="new")
    assert server.request("GET", "/vectors/indexes/new").json()["model"]["name"] == "tuned"  # the one in use
    assert index(server, "kept", model="tuned")["result"]["embedded_rows"] == 25
    assert server.request("GET", "/vectors/indexes/kept").json()["model"]["dimensions"] == 256 and search(server, index="kept", query="nurse")
    assert submit(server, "kept", 404, model="other")
    post(server, "hash/activate")
    answer = server.request("DELETE", "/ai/models/tuned")
    assert answer.status_code == 409 and answer.json()["error"]["message"].endswith("say force=true: kept, new") and search(server, index="kept", query="nurse")
    assert server.request("DELETE", "/ai/models/tuned?force=true").status_code == 204
    assert search(server, 409, index="kept", query="nurse")
    [job] = [job for job in server.request("POST", "/vectors/refresh/kept").json()["items"] if job["spec"]["index"] == "kept"]
    assert ended(server, job)["result"]["embedded_rows"] == 25 and search(server, index="kept", query="nurse")


def test_chunks_are_measured_in_tokens_of_the_model(server):
    text = " ".join(f"word{i}" for i in range(100))
    server.ingest(lines([("C1", "TX", text)]), "tokens")
    index(server, "tokens", chunk={"size": 20, "overlap": 0, "unit": "tokens"})
    chunks = server.sql("SELECT text FROM vectors.tokens ORDER BY chunk")
    assert [len(chunk.split()) for chunk, in chunks] == [20] * 5 and " ".join(chunk.strip() for chunk, in chunks) == text


def stale(server, name):
    told = server.request("GET", f"/vectors/indexes/{name}").json()
    return told["stale"], told["stale_because"]


def refreshed(server, name):
    jobs = [ended(server, job) for job in server.request("POST", f"/vectors/refresh/{name}").json()["items"]]
    [result] = [job["result"] for job in jobs if job["result"]["index"] == name]
    return result


def test_an_index_is_answered_by_the_version_that_made_it_until_it_is_refreshed(server):
    text = people(0, 1)[0][2]
    register(server, name="tuned", model="hash-256")
    server.ingest(lines(people(0, 20)), "kept")
    index(server, "kept", model="tuned")
    index(server, "kept", index="followed", model="tuned", refresh={"policy": "on_append"})
    right = search(server, index="kept", query=text, mode="exact")
    assert stale(server, "kept") == (False, None)
    register(server, name="tuned", model="hash-128", replace=True)
    assert search(server, index="kept", query=text, mode="exact") == right and dimensions(server, model="tuned") == 128
    assert stale(server, "kept") == (True, "model")
    listed = {item["index"]: item for item in server.request("GET", "/vectors/stale").json()["items"]}
    assert listed["kept"]["stale_because"] == "model" and listed["kept"]["embedding_stale_since"] >= listed["kept"]["last_embedded_at"]
    made = server.request("POST", "/vectors/hnsw/evals", json={"index": "kept", "name": "asked", "queries": [{"query": text}], "k": 3})
    assert made.status_code in (200, 201, 202), made.text
    wait_for(lambda: server.request("GET", "/vectors/indexes/followed").json()["model"]["version"] == "1-128")  # by its policy
    assert stale(server, "followed") == (False, None)
    server.restart()
    assert search(server, index="kept", query=text, mode="exact") == right and stale(server, "kept") == (True, "model")
    assert refreshed(server, "kept")["embedded_rows"] == 20 and stale(server, "kept") == (False, None)
    assert server.request("GET", "/vectors/indexes/kept").json()["model"]["version"] == "1-128" and search(server, index="kept", query=text)
    assert refreshed(server, "kept")["embedded_rows"] == 0
    for size in (16, 17, 18):
        register(server, name="tuned", model=f"hash-{size}", replace=True)
    index(server, "kept", index="later", model="tuned")
    assert search(server, index="kept", query=text)
    register(server, name="tuned", model="hash-19", replace=True)  # and now its own is forgotten
    told = search(server, 409, index="kept", query=text)["message"]
    assert "'1-128'" in told and "'1-19'" in told and "refresh" in told and search(server, index="later", query=text)
    assert search(server, index="kept", vector=[1.0] * 128)
    assert refreshed(server, "kept")["embedded_rows"] == 20 and search(server, index="kept", query=text)


def test_a_job_whose_model_is_replaced_while_it_runs_ends_with_vectors_of_one(tmp_path):
    asked, held, go_on = [], threading.Event(), threading.Event()

    def stops(handler, body):  # behind the first checkpoint
        asked.extend(body["input"])
        if len(asked) > 1000 and not held.is_set():
            held.set()
            go_on.wait(WAIT_SECONDS)
        embedder()(handler, body)

    first, second = Scripted(stops), Scripted(embedder())
    server = Server(tmp_path / "lake", env={**HASH, "LAKEHOUSE__VECTOR__CHECKPOINT_CHUNKS": "500"})
    rows = 2000
    server.ingest(lines((f"C{i:05d}", "TX", f"Nurse number {i}.") for i in range(rows)), "d")
    index(server, "d", index="turned")
    endpoint = {"name": "tuned", "provider": "openai", "model": "m"}
    old = register(server, url=first.url, **endpoint)["version"]
    job = submit(server, "d", index="turned", model="tuned")
    assert held.wait(WAIT_SECONDS)
    wait_for(lambda: server.request("GET", f"/jobs/{job['id']}").json()["done"] >= 500)
    new = register(server, url=second.url, replace=True, **endpoint)["version"]
    go_on.set()
    assert ended(server, job)["attempts"] == 2 and old != new
    told = server.request("GET", "/vectors/indexes/turned").json()
    assert (told["model"]["version"], told["rows"]) == (new, rows) and tables(server, "turned") == 1
    assert server.sql(f"SELECT count(*), count(DISTINCT id), min(model_version), max(model_version) FROM {told['table']}") == [[rows, rows, new, new]]
    server.stop()
    for model in (first, second):
        model.stop()


class Searcher(threading.Thread):
    """Searches without a pause, in each way; every hit must be the text that was asked for, which vectors of another model do not give."""

    WAYS = [{"mode": "hnsw"}, {"mode": "exact"}, {"mode": "hybrid"}, {"mode": "exact", "filter": "candidate_id < 'C00500'"}, {"mode": "hnsw", "columns": []}]

    def __init__(self, server, name):
        super().__init__(daemon=True)
        self.server, self.name_, self.ends, self.asked, self.failed = server, name, threading.Event(), 0, []

    def run(self):
        texts = [text for _, _, text in people(0, 5)]
        while not self.ends.is_set():
            text = texts[self.asked % 5]
            way = self.WAYS[self.asked % len(self.WAYS)]
            answer = self.server.request("POST", "/vectors/search", json={"index": self.name_, "query": text, "k": 3, **way})
            hits = answer.json().get("items", []) if answer.status_code == 200 else []
            if len(hits) != 3 or any((way["mode"] != "hybrid" and hit["score"] < 0.999) or hit["text"] != text for hit in hits):
                self.failed.append(answer.text)
            told = self.server.request("POST", "/vectors/rag", json={"index": self.name_, "question": text, "k": 2, "generate": False})
            if told.status_code != 200 or text not in [passage["text"] for passage in told.json()["citations"]]:
                self.failed.append(told.text)
            self.asked += 1


@pytest.mark.parametrize("backend", ("hnsw", "lance"))
def test_another_model_takes_its_place_while_searches_run(server, backend):
    if backend == "lance" and not (BUILD / "extensions/lance.duckdb_extension").exists():
        pytest.skip("tools/setup-lance was not run")
    server.ingest(lines(people(0, 300 if SANITIZED else 3000)), "switched")
    index(server, "switched", backend=backend)
    for name, model in (("a", "hash-256"), ("b", "hash-512")):
        register(server, name=name, model=model)
    searchers = [Searcher(server, "switched") for _ in range(3)]
    for searcher in searchers:
        searcher.start()
    try:
        for model in ("a", "b", "hash", "a"):
            index(server, "switched", model=model)
        for size in (200, 300):  # the same name, of another version
            register(server, name="a", model=f"hash-{size}", replace=True)
            assert refreshed(server, "switched")["embedded_rows"] == (300 if SANITIZED else 3000)
        wait_for(lambda: all(searcher.asked > 5 or searcher.failed for searcher in searchers))
    finally:
        for searcher in searchers:
            searcher.ends.set()
    for searcher in searchers:
        searcher.join()
        assert not searcher.failed, searcher.failed[:3]
    answer = server.request("POST", "/vectors/search", json={"index": "switched", "query": people(0, 1)[0][2], "mode": "hnsw"}).json()
    assert tables(server, "switched") == 1 and answer.get("ranked_by", "hnsw") == backend


def tables(server, index):
    """Tables that the index has, those left by switches too."""
    listed = server.request("GET", "/iceberg/v1/namespaces/vectors/tables").json()["identifiers"]
    return len([table for table in listed if table["name"].startswith(index)])


def test_a_server_that_is_killed_in_switches_has_the_old_index_or_the_new(tmp_path):
    kills = int(os.environ.get("LAKEHOUSE_KILLS", 2 if SANITIZED else 4))
    rows = 1000 if SANITIZED else 4000
    chance = random.Random(5)
    server = Server(tmp_path / "lake", env={**HASH, "LAKEHOUSE__VECTOR__CHECKPOINT_CHUNKS": "1000"})
    server.ingest(lines(people(0, rows)), "killed")
    index(server, "killed")
    register(server, name="other", model="hash-256")
    sizes = {"hash": 384, "other": 256}
    old, new, within = "hash", "other", 0
    job = submit(server, "killed", model=new)
    for _ in range(kills):
        time.sleep(chance.uniform(0.02, 1.2))
        within += server.request("GET", f"/jobs/{job['id']}").json()["state"] == "running"
        server.kill()
        server.start()
        told = server.request("GET", "/vectors/indexes/killed").json()["model"]
        assert told["name"] in (old, new) and told["dimensions"] == sizes[told["name"]]
        hits = search(server, index="killed", query=people(0, 1)[0][2], mode="exact")
        assert len(hits) == 3 and all(hit["score"] > 0.999 for hit in hits)
        job = server.request("GET", f"/jobs/{job['id']}").json()
        if job["state"] == "succeeded":
            old, new = new, old
            job = submit(server, "killed", model=new)
        elif job["state"] == "failed":  # a job that ended its server again and again is not taken up for ever
            assert "the server ended each time" in job["error"]["message"], job
            job = server.request("POST", f"/jobs/{job['id']}/retry").json()
    ended(server, job)
    told = server.request("GET", "/vectors/indexes/killed").json()
    assert (told["model"]["name"], told["rows"]) == (new, rows) and tables(server, "killed") == 1 and (within > 0 or kills < 8)
    assert server.sql(f"SELECT count(*), count(DISTINCT id), any_value(len(embedding)) FROM {told['table']}") == [[rows, rows, sizes[new]]]
    server.stop()


def test_another_gateway_of_the_lake_takes_up_what_one_registers(server):
    second = Server(server.root, env=HASH)
    register(server, name="tuned", model="hash-256")
    post(server, "tuned/activate")
    wait_for(lambda: dimensions(second) == 256)
    post(second, "rollback", task="embed")
    assert dimensions(second) == 384
    wait_for(lambda: dimensions(server) == 384)
    second.stop()


def test_another_gateway_answers_for_an_index_as_soon_as_it_knows_of_it(server):
    """It looks for new models every few seconds, which is too late for an index that has one."""
    second = Server(server.root, env=HASH)
    text = people(0, 1)[0][2]
    server.ingest(lines(people(0, 20)), "shared")
    index(server, "shared")
    for round_, size in enumerate((100, 101, 102, 103)):
        register(server, name="tuned", model=f"hash-{size}", replace=round_ > 0)
        index(server, "shared", model="tuned")
        second.request("GET", "/ready")  # refreshes the catalog
        assert second.request("GET", "/vectors/indexes/shared").json()["model"]["version"] == f"1-{size}"
        assert search(second, index="shared", query=text, mode="exact")[0]["text"] == text
    second.stop()


# ---- evaluations ----

def evaluated(server, name, status=202, **body):
    answer = server.request("POST", f"/ai/models/{name}/evaluate", json=body)
    assert answer.status_code == status, answer.text
    return ended(server, answer.json())["result"] if status == 202 else answer.json()["error"]["message"]


def notes(count):
    words = ["nurse", "welder", "forklift", "python", "payroll", "crane", "dentist", "plumber", "roofing", "audit"]
    return [(f"C{i:04d}", "TX", f"{words[i % 10]} {words[i * 7 % 10]} badge {i * 7919 % 10007} at desk {i * 31 % 997}") for i in range(count)]


def some_words(text):
    return " ".join(reversed(text.split()[1:4]))


def asked(server, rows, **members):
    """An eval set whose questions have some words of one row each."""
    queries = [{"query": some_words(text), "relevant": [id]} for id, _, text in rows[::7]]
    answer = server.request("POST", "/vectors/hnsw/evals", json={"name": "asked", "index": "judged", "queries": queries, "k": 5, **members})
    assert answer.status_code == 201, answer.text


def test_an_embedder_is_judged_by_what_an_eval_set_calls_relevant(server):
    rows = notes(140)
    server.ingest(lines(rows), "judged")
    index(server, "judged")
    asked(server, rows)
    register(server, name="narrow", model="hash-2")
    result = evaluated(server, "narrow", eval="asked")
    assert (result["task"], result["eval"], result["better"], result["current"]["model"]) == ("embed", "asked", False, "hash")
    assert result["candidate"]["queries"] == result["current"]["queries"] == 20 and result["candidate"]["chunks"] == 140 and result["candidate"]["k"] == 5
    assert 0 <= result["candidate"]["ndcg"] < result["current"]["ndcg"] <= 1 and result["candidate"]["mrr"] < result["current"]["mrr"]
    vectors = {text: server.request("POST", "/ai/embed", json={"input": text}).json()["embeddings"][0] for text in [row[2] for row in rows]}
    ranks = []
    for id, _, text in rows[::7]:  # the same by hand
        query = server.request("POST", "/ai/embed", json={"input": some_words(text)}).json()["embeddings"][0]
        order = sorted(rows, key=lambda row: -sum(a * b for a, b in zip(query, vectors[row[2]])))
        ranks.append([row[0] for row in order].index(id) + 1)
    assert result["current"]["recall"] == pytest.approx(sum(rank <= 5 for rank in ranks) / 20)
    assert result["current"]["mrr"] == pytest.approx(sum(1 / rank for rank in ranks if rank <= 5) / 20)
    assert server.request("GET", "/ai/models/narrow").json()["evaluations"] == [result]
    server.restart()
    assert server.request("GET", "/ai/models/narrow").json()["evaluations"] == [result] and dimensions(server, model="narrow") == 2
    assert evaluated(server, "narrow", 400) and evaluated(server, "other", 404, eval="asked")
    answer = server.request("POST", "/ai/models/narrow/evaluate", json={"eval": "gone"}).json()
    assert "no eval set 'gone'" in ended(server, answer, "failed")["error"]["message"]


def test_the_configurations_own_model_is_judged_too(server):
    """Its job did all of the work, and failed when there was no registration to keep the result with."""
    rows = notes(140)
    server.ingest(lines(rows), "judged")
    index(server, "judged")
    asked(server, rows, name="asked_of_its_own")
    result = evaluated(server, "hash", eval="asked_of_its_own")
    assert result["model"] == "hash" and result["current"] is None and result["better"] is None and result["candidate"]["queries"] == 20
    assert server.request("GET", "/ai/models/hash").json()["evaluations"] == [result]
    told = lakehouse("models", "evaluate", "hash", "--eval", "asked_of_its_own", "--url", server.url).stdout
    assert "this model:" in told and "ndcg" in told
    assert len(server.request("GET", "/ai/models/hash").json()["evaluations"]) == 2


def test_pieces_of_an_index_say_which_row_they_are_of(server):
    server.ingest(lines(notes(60)), "judged")
    index(server, "judged")
    job = server.request("POST", "/vectors/hnsw/evals/drawn/autogen", json={"index": "judged", "count": 20, "seed": 3}).json()
    ended(server, job)
    texts = {id: text for id, _, text in notes(60)}
    for query in server.request("GET", "/vectors/hnsw/evals/drawn").json()["queries"]:
        [id] = query["relevant"]
        assert query["query"] in texts[id]
    register(server, name="wide", model="hash-1024")
    assert evaluated(server, "wide", eval="drawn")["candidate"]["recall"] > 0.9


def by_common_words(handler, body):
    shared = lambda text: len(set(text.split()) & set(body["query"].split()))  # noqa: E731
    results = [{"index": i, "relevance_score": shared(document)} for i, document in enumerate(body["documents"])]
    reply({"results": results, "usage": {"total_tokens": 1}})(handler, body)


def test_a_reranker_is_judged_beside_none(tmp_path):
    """No model that reranks runs here: a server of the test's own counts common words."""
    ranks = Scripted(by_common_words)
    server = Server(tmp_path / "lake", env={"LAKEHOUSE__AI__EMBED_PROVIDER": "hash", "LAKEHOUSE__AI__EMBED_MODEL": "hash-4"})
    try:
        rows = notes(140)
        server.ingest(lines(rows), "judged")
        index(server, "judged")
        asked(server, rows)
        register(server, name="words", task="rerank", provider="openai", model="w", url=ranks.url)
        result = evaluated(server, "words", eval="asked")
        assert (result["better"], result["current"]["model"]) == (True, None) and result["candidate"]["ndcg"] > result["current"]["ndcg"], result
    finally:
        server.stop()
        ranks.stop()


def test_a_generator_is_judged_by_the_verified_questions(tmp_path):
    sql = {"How many people are there": "SELECT count(*) FROM people", "Who is in Texas": "SELECT candidate_id FROM people WHERE state = 'TX' ORDER BY 1 DESC",
           "Who is in Ohio": "SELECT candidate_id FROM people WHERE state = 'OH'"}

    going = threading.Event()
    going.set()

    def answers(handler, body):
        going.wait(WAIT_SECONDS)
        said = body["messages"][-1]["content"]
        text = next((value for question, value in sql.items() if question.lower() in said.lower()), "SELECT 1 AS wrong")
        if "Ohio" in said:
            text = "SELECT candidate_id FROM people WHERE state = 'TX'"
        reply({"choices": [{"message": {"content": text}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}})(handler, body)

    writes = Scripted(answers)
    server = Server(tmp_path / "lake", env=HASH)
    try:
        server.ingest(lines(people(0, 12)), "people")
        register(server, name="writer", task="generate", provider="openai", model="w", url=writes.url)
        assert "no verified questions" in ended(server, server.request("POST", "/ai/models/writer/evaluate", json={}).json(), "failed")["error"]["message"]
        for question, statement in sql.items():
            assert server.request("POST", "/ask/examples", json={"question": question, "sql": statement}).status_code in (200, 201)
        going.clear()
        terminal = Terminal(tmp_path, "models", "evaluate", "writer", "--url", server.url)
        terminal.expect("writer")
        terminal.send("\x03")
        terminal.expect("interrupted; the job goes on: `lakehouse jobs watch ")
        assert terminal.wait() == 130
        going.set()
        wait_for(lambda: {job["state"] for job in server.request("GET", "/jobs").json()["items"]} == {"succeeded", "failed"})
        result = evaluated(server, "writer")
        assert result["candidate"]["questions"] == 3 and result["candidate"]["execution_accuracy"] == pytest.approx(2 / 3), result
        assert result["current"] is None and result["better"] is None
        assert evaluated(server, "writer", 400, eval="asked")
    finally:
        server.stop()
        writes.stop()


def test_a_generator_is_judged_beside_the_current_one(tmp_path):
    says = lambda sql: Scripted(reply({"choices": [{"message": {"content": sql}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}))  # noqa: E731
    models = {"right": says("SELECT count(*) FROM people"), "wrong": says("SELECT 1 AS wrong")}
    server = Server(tmp_path / "lake", env=HASH)
    try:
        server.ingest(lines(people(0, 12)), "people")
        assert server.request("POST", "/ask/examples", json={"question": "How many people are there", "sql": "SELECT count(*) FROM people"}).status_code == 201
        for name, model in models.items():
            register(server, name=name, task="generate", provider="openai", model="w", url=model.url)
        for current, candidate, better in (("wrong", "right", True), ("right", "wrong", False)):
            post(server, f"{current}/activate")
            for model in models.values():
                model.seen.clear()
            result = evaluated(server, candidate)
            assert (result["task"], result["model"], result["current"]["model"], result["better"]) == ("generate", candidate, current, better), result
            for name, told in ((candidate, result["candidate"]), (current, result["current"])):
                assert (told["questions"], told["execution_accuracy"]) == (1, 1.0 if name == "right" else 0.0) and models[name].seen, result
            assert server.request("GET", f"/ai/models/{candidate}").json()["evaluations"] == [result]
    finally:
        server.stop()
        for model in models.values():
            model.stop()

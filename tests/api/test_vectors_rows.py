"""What a job that embeds does with single rows: those that the model refuses, those that are in the table before it is cut off, and what
the index says of itself after."""
import collections
import datetime
import os
import pathlib
import threading

import pytest

from endpoints import Scripted, reply
from governed import ADMIN, Lake, allow
from harness import WAIT_SECONDS, Server, wait_for
from test_vectors import HASH, by_endpoint, ended, index, search, submit
from test_vectors_kills import vector_of


def rows(texts):
    return ("candidate_id,resume\n" + "".join(f'{id},"{text}"\n' for id, text in texts.items())).encode()


class Embedder(Scripted):
    """The vector of a text is by its hash. A request with a text that has the word poison is refused; the first that would be beyond
    `most` texts, and all after it, wait. `asked`: how often each text came."""

    def __init__(self, most=None):
        super().__init__(self.embed)
        self.server.handle_error = lambda *_: None
        self.asked, self.most, self.go_on, self.lock_asked = collections.Counter(), most, threading.Event(), threading.Lock()

    def embed(self, handler, body):
        if any("poison" in text for text in body["input"]):
            return reply({"error": {"message": "this text is not for me", "type": "invalid_request_error"}}, 400)(handler, body)
        with self.lock_asked:
            waits = self.most is not None and sum(self.asked.values()) + len(body["input"]) > self.most
            self.asked.update(body["input"] if not waits else ())
        if waits:
            self.go_on.wait(WAIT_SECONDS)
        reply({"data": [{"index": i, "embedding": vector_of(text)} for i, text in enumerate(body["input"])], "usage": {"prompt_tokens": 1}})(handler, body)


@pytest.fixture
def model():
    model = Embedder()
    yield model
    model.go_on.set()
    model.stop()


def found(server, name, text):
    hit = search(server, index=name, query=text, k=1, mode="exact")[0]
    return (hit["id"], hit["text"]) if hit["score"] > 0.999 else None


def test_a_row_that_the_model_refuses_is_set_aside_and_each_other_has_its_own_vector(tmp_path, model):
    server = Server(tmp_path / "lake", env=by_endpoint(model))
    texts = {f"C{i}": f"Text of {i}." for i in range(9)} | {"C3": "A poison. " + "Of many words that are cut into pieces. " * 10, "C6": "Long. " + "A sentence of the sixth row, which is cut. " * 10}
    server.ingest(rows(texts), "picky")
    of = {"chunk": {"size": 200, "overlap": 0}}
    job = index(server, "picky", **of)
    assert [problem["item"] for problem in job["problems"]] == ["C3"] and "not for me" in str(job["problems"])
    assert (job["result"]["rows"], job["result"]["embedded_rows"]) == (8, 8) and job["done"] == job["total"] == 9
    chunks = server.sql("SELECT id, text, embedding FROM vectors.picky ORDER BY id, chunk")
    assert {row[0] for row in chunks} == set(texts) - {"C3"} and len(chunks) > 8
    for id, text, embedding in chunks:  # none has its neighbour's
        assert found(server, "picky", text) and max(abs(a - b) for a, b in zip(embedding, vector_of(text))) < 1e-6, id
    # one that changed and cannot be embedded any more, by the model or as it is longer than 64 MiB, is found by its old text no more
    server.sql("UPDATE picky SET resume = 'Now a poison, too.' WHERE candidate_id = 'C1'")
    server.sql("UPDATE picky SET resume = repeat('Much. ', 11000000) || repeat('More. ', 200000) WHERE candidate_id = 'C2'")
    job = index(server, "picky", **of)
    assert sorted(problem["item"] for problem in job["problems"]) == ["C1", "C2", "C3"]
    assert (job["result"]["rows"], job["result"]["embedded_rows"], job["result"]["unchanged_rows"]) == (6, 0, 6)
    assert server.request("GET", "/vectors/indexes/picky").json()["stale"] is False
    assert found(server, "picky", "Text of 0.") == ("C0", "Text of 0.") and not found(server, "picky", "Text of 1.") and not found(server, "picky", "Text of 2.")
    server.sql("UPDATE picky SET resume = 'Mended ' || candidate_id WHERE candidate_id IN ('C1', 'C2', 'C3')")
    job = index(server, "picky", **of)
    assert (job["result"]["rows"], job["result"]["embedded_rows"], job["problems"]) == (9, 3, [])
    assert found(server, "picky", "Mended C1") == ("C1", "Mended C1")
    server.stop()


def test_a_long_text_is_embedded_whole_and_one_that_is_too_long_fails_no_job(tmp_path):
    lake = Lake(tmp_path / "lake", **HASH)
    lake.ingest("long", rows({"C0": "The first.", "C1": "The second.", "C2": "The third."}))
    lake.server.sql("UPDATE long SET resume = (SELECT string_agg('Sentence ' || i || '.', ' ' ORDER BY i) FROM range(20000) r(i)) WHERE candidate_id = 'C1'")
    lake.server.sql("UPDATE long SET resume = repeat(chr(1), 10485761) WHERE candidate_id = 'C2'")
    job = index(lake.server, "long", chunk={"size": 80, "overlap": 0})
    assert [(problem["item"], problem["message"]) for problem in job["problems"]] == [("C2", "its text is longer than 10 MiB")]
    assert job["result"]["rows"] == 2 and job["result"]["chunks"] > 2048
    assert search(lake.server, index="long", query="Sentence 19999.", k=1, mode="text")[0]["text"].endswith("Sentence 19999.")
    key = lake.key("reader", allow("dataset", "data.long", row_filter="candidate_id != 'C0'"), allow("index", "*"))
    assert {hit["id"] for hit in search(lake.server, key=key, index="long", query="Sentence 19999.", k=9, columns=[])} == {"C1"}
    lake.server.stop()


def test_sentences_are_those_of_the_language_that_is_set_unless_the_index_says_another(tmp_path):
    server = Server(tmp_path / "lake", env={**HASH, "LAKEHOUSE__VECTOR__LOCALE": "el"})
    server.ingest(rows({"C0": "Who met Mgr. Smith; She did it in town today."}), "spoken")
    for name, chunk, first in (("set", {}, "Who met Mgr. Smith;"), ("said", {"locale": "en"}, "Who met Mgr. Smith; She did")):  # a question mark of Greek
        index(server, "spoken", index=name, chunk={"size": 28, "overlap": 0, **chunk})
        assert server.sql(f"SELECT trim(text) FROM vectors.{name} ORDER BY chunk")[0] == [first]
        assert server.request("GET", f"/vectors/indexes/{name}").json()["chunk"]["locale"] == chunk.get("locale", "el")
    server.stop()


def scratch(server):
    """Where the job reads the rows that it is to embed: (bytes that were read, bytes of all)."""
    for link in pathlib.Path(f"/proc/{server.process.pid}/fd").iterdir():
        try:
            if "/spool-" in os.readlink(link):
                [at] = [line.split()[1] for line in (link.parent.parent / "fdinfo" / link.name).read_text().splitlines() if line.startswith("pos:")]
                return int(at), link.stat().st_size
        except FileNotFoundError:
            pass
    return None


class Slow(Embedder):
    """Answers a batch only once the job has read ahead of it as far as it may, and to the end if it may that. `ahead`: the most, in rows."""
    BATCH, QUEUED = 256, 4  # BUILD_BATCH_CHUNKS, BUILD_QUEUE_MAX of build.c

    def __init__(self, count):
        super().__init__()
        self.count, self.server_of_job, self.ahead, self.taken = count, None, 0, 0

    def read(self):
        at, size = scratch(self.server_of_job)
        return at * self.count / size

    def embed(self, handler, body):
        if body["input"] != ["lakehouse"]:  # as a job asks which model it is
            self.taken += len(body["input"])
            begun = -(-self.taken // self.BATCH) * self.BATCH  # a batch of long texts comes in several requests
            wait_for(lambda: self.read() >= min(self.count, begun + (self.QUEUED + 1) * self.BATCH))
            self.ahead = max(self.ahead, self.read() - begun)
        super().embed(handler, body)


def test_rows_are_read_no_further_ahead_of_the_model_than_its_queue_is_long(tmp_path):
    model = Slow(10 * Slow.BATCH)
    server = model.server_of_job = Server(tmp_path / "lake", env=by_endpoint(model))
    server.ingest(rows({f"R{i:05d}": f"{i:06d} " + "words of a long text " * 50 for i in range(model.count)}), "many")
    assert index(server, "many", chunk={"size": 10000, "overlap": 0})["result"]["chunks"] == model.count == model.taken
    # those in the queue, those that wait to be put there, and the few that a file's buffer holds; without a bound nearly all are read before the model answers once
    assert model.ahead <= (model.QUEUED + 1) * model.BATCH + 8, model.ahead
    server.stop()
    model.stop()


def test_what_a_checkpoint_holds_is_not_embedded_again(tmp_path, model):
    """With the files that keep vectors between checkpoints gone, as on another machine: the table itself has them."""
    server = Server(tmp_path / "lake", env={**by_endpoint(model), "LAKEHOUSE__VECTOR__CHECKPOINT_CHUNKS": "300"})
    texts = {f"C{i:04d}": f"Text of {i}." for i in range(1536)}  # six batches of 256: whichever five the model answers, two checkpoints hold four
    server.ingest(rows(texts), "held")
    model.most = 1300
    job = submit(server, "held")
    snapshots = lambda: len(server.pyiceberg().load_table("vectors.held").snapshots())
    wait_for(lambda: server.query("SELECT count(*) FROM vectors.held").status_code == 200 and server.sql("SELECT count(*) FROM vectors.held") == [[1024]])
    assert snapshots() == 2
    assert server.request("GET", f"/jobs/{job['id']}").json()["state"] == "running"
    there = {row[0] for row in server.sql("SELECT text FROM vectors.held", limit=5000)}
    kept = lambda: [path for path in (tmp_path / "lake" / ".scratch" / "vectors").rglob("*") if ".kept" in path.name and path.is_file()]
    wait_for(kept)
    server.kill()
    for path in kept():
        path.unlink()
    model.most = None
    model.go_on.set()
    before = collections.Counter(model.asked)
    server.start()
    ended(server, job)
    again = model.asked - before
    assert len(there) == 1024 and not there & set(again) and len(again) >= len(texts) - len(there)
    assert server.sql("SELECT count(*), count(DISTINCT id) FROM vectors.held") == [[1536, 1536]]
    server.stop()


def test_an_index_says_of_what_by_whom_and_when_it_was_made(tmp_path):
    lake = Lake(tmp_path / "lake", **HASH)
    catalog = lambda: lake.server.pyiceberg(**{"header.X-API-Key": ADMIN})
    told = lambda: lake.call("GET", "/vectors/indexes/registered", 200)
    time = lambda text: datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    now = lambda: datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    lake.ingest("registered", rows({f"C{i}": f"Text of {i}." for i in range(5)}))
    key = lake.key("registrar", allow("dataset", "data.registered"), allow("index", "registered", "read", "write"))
    body = {"dataset": "registered", "id_column": "candidate_id", "text_columns": ["resume"]}
    began = now()
    ended(lake.server, lake.call("POST", "/vectors/index", 202, body, key=key))
    first = told()
    assert began <= time(first["created_at"]) <= time(first["last_embedded_at"]) <= datetime.datetime.now(datetime.timezone.utc)
    assert first["created_by"] == "registrar" and first["embedding_stale_since"] is None
    assert first["dataset_snapshot_id"] == catalog().load_table("data.registered").current_snapshot().snapshot_id
    lake.server.sql("INSERT INTO registered VALUES ('C9', 'Text of 9.')")
    stale = told()
    assert stale["stale"] and time(first["last_embedded_at"]) <= time(stale["embedding_stale_since"]) + datetime.timedelta(seconds=1)
    assert stale["stale_because"] == "dataset" and {**stale, "stale": False, "stale_because": None, "embedding_stale_since": None} == first
    ended(lake.server, lake.call("POST", "/vectors/refresh/registered", 202)["items"][0])
    second = told()
    assert (second["created_at"], second["created_by"], second["embedding_stale_since"]) == (first["created_at"], "registrar", None)
    assert time(second["last_embedded_at"]) > time(first["last_embedded_at"])
    assert second["dataset_snapshot_id"] == catalog().load_table("data.registered").current_snapshot().snapshot_id != first["dataset_snapshot_id"]
    lake.server.stop()

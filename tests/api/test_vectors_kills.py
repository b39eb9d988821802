"""SIGKILL at random moments of the jobs that make an index and of those that refresh one, on disk and on S3. The model is an endpoint of the test's
own, slow, which notes each text that it is asked for: it outlives the server, as a counter of the server's does not."""
import collections
import hashlib
import os
import random
import signal
import struct
import threading
import time

import pytest

from endpoints import Scripted, reply
from harness import SANITIZED, WAIT_SECONDS, Server, wait_for

KILLS = int(os.environ.get("LAKEHOUSE_KILLS", 2 if SANITIZED else 3))
ROWS = 400 if SANITIZED else 900
BATCH = 256  # chunks that are embedded together, and those of the row that reaches over
DIMENSIONS = 32
SENTENCES = ["Experienced nurse with ICU and emergency care skills.", "Java developer, Spring and Kubernetes, ten years.", "Forklift operator.",
             "Warehouse lead who speaks Español and Français.", "Python data engineer who loves SQL and long walks along the sea."]


def vector_of(text):
    numbers = [byte - 127.5 for byte in hashlib.sha256(text.encode()).digest()[:DIMENSIONS]]
    length = sum(number * number for number in numbers) ** 0.5
    return [number / length for number in numbers]


def as_floats(vector):
    return struct.pack(f"{DIMENSIONS}f", *vector)


class Model(Scripted):
    """`asked`: how often each text came."""

    def __init__(self):
        super().__init__(self.embed)
        self.server.handle_error = lambda *_: None  # of a server that is killed while it asks
        self.asked, self.counts, self.seconds = collections.Counter(), threading.Lock(), 0.02

    def embed(self, handler, body):
        with self.counts:
            self.asked.update(body["input"])
        time.sleep(self.seconds)
        data = [{"index": i, "embedding": vector_of(text)} for i, text in enumerate(body["input"])]
        reply({"object": "list", "model": "slow", "data": data, "usage": {"prompt_tokens": len(data)}})(handler, body)


@pytest.fixture(scope="module")
def model():
    model = Model()
    yield model
    model.stop()


@pytest.fixture(scope="module", params=["file", "s3"])
def server(request, tmp_path_factory, model):
    env = {"LAKEHOUSE__AI__EMBED_PROVIDER": "openai", "LAKEHOUSE__AI__EMBED_MODEL": "slow", "LAKEHOUSE__AI__EMBED_URL": model.url,
           "LAKEHOUSE__VECTOR__CHECKPOINT_CHUNKS": "600", "LAKEHOUSE__VECTOR__RECALL_SAMPLE_EVERY": "0"}
    if request.param == "s3":
        env |= request.getfixturevalue("s3")["env"]
    running = Server(tmp_path_factory.mktemp("kills") / "lake", env=env)
    yield running
    running.stop()


class Rows:
    """The dataset as it should be: {id: text}, each text another than all that ever were."""

    def __init__(self, server, dataset, chance):
        self.server, self.dataset, self.chance, self.texts, self.written = server, dataset, chance, {}, 0

    def text(self, id):
        self.written += 1
        sentences = [f"{id} {self.written}."] + [f"{self.chance.choice(SENTENCES)} Note {self.written} of {n}." for n in range(self.chance.randint(0, 5))]
        return " ".join(sentences)

    def append(self, count):
        fresh = {f"C{i:06d}": None for i in range(self.written, self.written + count)}
        for id in fresh:
            fresh[id] = self.text(id)
        body = "id,text\n" + "".join(f'{id},"{text}"\n' for id, text in fresh.items())
        assert self.server.ingest(body.encode(), self.dataset, **({"mode": "append"} if self.texts else {})).status_code in (200, 201)
        self.texts |= fresh

    def change(self, count):
        ids = self.chance.sample(sorted(self.texts), count)
        self.server.sql(f"UPDATE {self.dataset} SET text = 'Changed at {self.written}: ' || text WHERE id IN ({','.join(map(repr, ids))})")
        self.texts |= {id: f"Changed at {self.written}: {self.texts[id]}" for id in ids}
        self.written += 1

    def delete(self, count):
        ids = self.chance.sample(sorted(self.texts), count)
        self.server.sql(f"DELETE FROM {self.dataset} WHERE id IN ({','.join(map(repr, ids))})")
        for id in ids:
            del self.texts[id]


class Killer:
    """Kills the server within a job until that has ended, `left` times at most; `fell`: in which phase."""

    def __init__(self, server, model, chance):
        self.server, self.model, self.chance = server, model, chance
        self.left, self.fell, self.again, self.jobs, self.seconds = KILLS, collections.Counter(), 0, 0, None

    def job(self, id):
        return self.server.request("GET", f"/jobs/{id}").json()

    def through(self, submit, look=lambda: None):
        """The job's result. A text is embedded once, but for those of the batch that a kill tore; look() is called after each."""
        self.model.asked.clear()
        began, kills, job = time.monotonic(), 0, submit()
        while self.left and self.seconds:
            time.sleep(self.seconds * self.chance.random() * self.chance.random())  # soon, more often: what was cut off takes less
            job = self.job(job["id"])
            if job["state"] == "failed":  # one whose server ended ten times while it had nothing done is not taken up for ever
                assert "the server ended each time" in job["error"]["message"], job
                self.fell["given up"] += 1
                job = self.server.request("POST", f"/jobs/{job['id']}/retry").json()
            if job["state"] == "succeeded":
                break
            self.server.kill()
            self.fell[job.get("phase") or job["state"]] += 1
            self.left, kills = self.left - 1, kills + 1
            self.server.start()
            look()
        wait_for(lambda: self.job(job["id"])["state"] not in ("queued", "running"))
        job = self.job(job["id"])
        assert job["state"] == "succeeded" and not job["problems"], job
        if not self.seconds:  # the first, which nothing interrupts, says how long they take
            self.seconds = 1.1 * (time.monotonic() - began)
        again = sum(count - 1 for text, count in self.model.asked.items() if text not in PROBES)
        self.again, self.jobs = max(self.again, again / max(kills, 1)), self.jobs + 1
        assert again <= kills * (BATCH + 8), (again, kills)
        return job["result"]

    def tell(self, what):
        print(f"{what}: {KILLS} kills in {self.jobs} jobs of {self.seconds:.2f} s, at {dict(self.fell)}; texts embedded again, a kill: {self.again:.0f} at most")


PROBES = {"lakehouse"}  # what a job asks the model, to see which it is


def index(server, dataset, name=None):
    body = {"dataset": dataset, "index": name or dataset, "id_column": "id", "text_columns": ["text"], "chunk": {"size": 120, "overlap": 20}}
    answer = server.request("POST", "/vectors/index", json=body)
    assert answer.status_code == 202, answer.text
    return answer.json()


def refresh(server, dataset):
    answer = server.request("POST", f"/vectors/refresh/{dataset}")
    assert answer.status_code == 202, answer.text
    [job] = answer.json()["items"]
    return job


CHUNKS = "id, chunk, text, text_start, text_end, row_hash, embedding, model, model_version"


def check(server, model, rows, name, searched=20):
    """The index is what one that nothing interrupts makes of the rows, each vector its own text's, and all of it is found."""
    got = server.sql(f"SELECT id, chunk, text, text_start, text_end, embedding FROM vectors.{name} ORDER BY id, chunk")
    assert len({(id, chunk) for id, chunk, *_ in got}) == len(got) and {id for id, *_ in got} == set(rows.texts)
    for id, _, text, start, end, embedding in got:
        assert text == rows.texts[id][start:end]
        assert as_floats(embedding) == as_floats(vector_of(text)), (id, text)
    model.seconds, asked = 0, model.asked.copy()
    job = index(server, rows.dataset, f"{name}_beside")
    wait_for(lambda: server.request("GET", f"/jobs/{job['id']}").json()["state"] == "succeeded")
    for one, other in ((name, f"{name}_beside"), (f"{name}_beside", name)):
        assert server.sql(f"SELECT count(*) FROM (SELECT {CHUNKS} FROM vectors.{one} EXCEPT ALL SELECT {CHUNKS} FROM vectors.{other})") == [[0]]
    assert server.request("DELETE", f"/vectors/indexes/{name}_beside").status_code == 204
    near, sample = 0, rows.chance.sample(got, min(searched, len(got)))
    for id, _, text, *_ in sample:
        for mode in ("exact", "hnsw"):
            [hit] = server.request("POST", "/vectors/search", json={"index": name, "query": text, "k": 1, "mode": mode, "columns": []}).json()["items"]
            found = (hit["id"], hit["text"]) == (id, text) and hit["score"] > 0.999
            near += found and mode == "hnsw"
            assert found or mode == "hnsw", (hit, id, text)
    assert near > 0.8 * len(sample)  # vectors by chance, which graphs find hard
    model.seconds, model.asked = 0.02, asked
    told = server.request("GET", f"/vectors/indexes/{name}").json()
    assert (told["rows"], told["chunks"], told["stale"]) == (len(rows.texts), len(got), False)


def nothing_is_left(server, name):
    """No table but the index's, no file but its two, and those are of the table as it is; what a kill left half written goes in an hour."""
    listed = server.request("GET", "/iceberg/v1/namespaces/vectors/tables").json()["identifiers"]
    assert [table["name"] for table in listed] == [name]
    folder = server.root / ".scratch" / "vectors"
    server.stop()
    for file in folder.iterdir():
        if ".tmp" in file.name or file.name.startswith("spool-"):
            os.utime(file, (time.time() - 4000, time.time() - 4000))
    server.start()
    assert {file.name for file in folder.iterdir()} == {f"{name}.texts", f"{name}.ann"}
    assert server.request("POST", "/vectors/search", json={"index": name, "query": "x", "k": 1}).status_code == 200
    assert [server.metric(f"lakehouse_vector_loads_{how}_total") for how in ("table", "files", "extended")] == [0, 1, 0]
    assert server.request("DELETE", f"/vectors/indexes/{name}").status_code == 204
    assert list(folder.iterdir()) == []


def whole_rows(server, name):
    """What is committed has no chunk twice, at any time."""
    answer = server.query(f"SELECT count(*), count(DISTINCT (id, chunk)) FROM vectors.{name}")
    if answer.status_code == 200:
        [[chunks, distinct]] = answer.json()["rows"]
        assert chunks == distinct


def test_an_index_job_that_is_killed_goes_on(server, model):
    chance = random.Random(17)
    rows, killer = Rows(server, "made", chance), Killer(server, model, chance)
    rows.append(ROWS)
    while killer.left:
        result = killer.through(lambda: index(server, "made"), lambda: whole_rows(server, "made"))
        assert result["rows"] == ROWS
        check(server, model, rows, "made")
        if killer.left:
            assert server.request("DELETE", "/vectors/indexes/made").status_code == 204
    nothing_is_left(server, "made")
    killer.tell("index jobs")


def test_a_refresh_that_is_killed_goes_on_and_is_one_commit(server, model):
    chance = random.Random(18)
    rows, killer = Rows(server, "kept", chance), Killer(server, model, chance)
    rows.append(ROWS)
    killer.through(lambda: index(server, "kept"))
    killer.seconds = None

    def one_or_the_other():
        whole_rows(server, "kept")
        assert server.sql("SELECT count(DISTINCT id) FROM vectors.kept")[0][0] in (before, len(rows.texts))

    while killer.left:
        before = len(rows.texts)
        rows.delete(ROWS // 3 + 7)
        rows.change(ROWS // 4)
        rows.append(ROWS // 3)
        killer.through(lambda: refresh(server, "kept"), one_or_the_other)
        check(server, model, rows, "kept")
    nothing_is_left(server, "kept")
    killer.tell("refreshes")


def test_a_deletion_that_is_killed_leaves_all_of_the_index_or_nothing(tmp_path):
    """Table, document and eval set go in one commit; what is left of files is no part of a new index of that name."""
    chance, stood, went = random.Random(19), 0, 0
    server = Server(tmp_path / "lake", env={"LAKEHOUSE__AI__EMBED_PROVIDER": "hash", "LAKEHOUSE__VECTOR__RECALL_SAMPLE_EVERY": "0"})
    assert server.ingest(b"id,text\n" + b"".join(b"%d,nurse %d\n" % (i, i) for i in range(40)), "d").status_code in (200, 201)
    done = lambda job: wait_for(lambda: server.request("GET", f"/jobs/{job['id']}").json()["state"] == "succeeded")  # noqa: E731

    def delete():
        try:
            server.request("DELETE", "/vectors/indexes/d")
        except OSError:
            pass  # the server is gone

    for _ in range(KILLS):
        if server.request("GET", "/vectors/indexes/d").status_code == 404:
            done(index(server, "d"))
            trials = server.request("GET", "/vectors/hnsw/trials/d").json()["items"]
            assert trials == []
            assert server.request("POST", "/vectors/hnsw/evals", json={"name": "asked", "index": "d", "queries": [{"query": "nurse 7"}]}).status_code == 201
            done(server.request("POST", "/vectors/hnsw/trial", json={"index": "d", "eval": "asked", "config": {}}).json())
            assert len(server.request("GET", "/vectors/hnsw/trials/d").json()["items"]) == 1
        deleting = threading.Thread(target=delete)
        deleting.start()
        time.sleep(0.05 * chance.random() * chance.random())
        server.kill()
        deleting.join()
        server.start()
        there = server.request("GET", "/vectors/indexes/d").status_code == 200
        tables = [table["name"] for table in server.request("GET", "/iceberg/v1/namespaces/vectors/tables").json()["identifiers"]]
        assert (tables == ["d"]) == there and (server.request("GET", "/vectors/hnsw/evals/asked").status_code == 200) == there
        stood, went = stood + there, went + (not there)
        if there:
            assert len(server.request("POST", "/vectors/search", json={"index": "d", "query": "nurse 7", "k": 3, "mode": "exact"}).json()["items"]) == 3
            assert len(server.request("GET", "/vectors/hnsw/trials/d").json()["items"]) == 1
    print(f"deletions: {KILLS} kills, of which {stood} left the index, and {went} had it gone")
    assert KILLS < 8 or (stood and went)
    server.stop()


class Gated(Model):
    """Answers the first batch of rows only once `gate` is open."""

    def __init__(self):
        super().__init__()
        self.gate, self.held = threading.Event(), threading.Event()

    def embed(self, handler, body):
        if len(body["input"]) > 1 and not self.held.is_set():
            self.held.set()
            self.gate.wait(WAIT_SECONDS)
        super().embed(handler, body)


def test_a_gateway_that_stood_still_until_another_had_its_job_writes_nothing_more(tmp_path):
    model = Gated()
    env = {"LAKEHOUSE__AI__EMBED_PROVIDER": "openai", "LAKEHOUSE__AI__EMBED_MODEL": "slow", "LAKEHOUSE__AI__EMBED_URL": model.url,
           "LAKEHOUSE__AI__TIMEOUT_MS": "3600000"}
    still, other = Server(tmp_path / "lake", env=env), None
    try:
        rows = Rows(still, "held", random.Random(1))
        rows.append(20)
        job = still.request("POST", "/vectors/index", json={"dataset": "held", "id_column": "id", "text_columns": ["text"]}).json()
        assert model.held.wait(WAIT_SECONDS)
        still.process.send_signal(signal.SIGSTOP)
        other = Server(tmp_path / "lake", env=env)  # takes the job up when the lease has ended
        wait_for(lambda: other.request("GET", f"/jobs/{job['id']}").json()["state"] == "succeeded")
        model.gate.set()  # what it waited for comes, and is written before it looks at its lease
    finally:
        still.process.send_signal(signal.SIGCONT)
    wait_for(lambda: "phase" not in still.request("GET", f"/jobs/{job['id']}").json())  # it runs there no more
    for server in (still, other):
        assert server.sql("SELECT count(*), count(DISTINCT id) FROM vectors.held") == [[20, 20]]
        assert server.request("GET", f"/jobs/{job['id']}").json()["state"] == "succeeded"
        server.stop()
    model.stop()

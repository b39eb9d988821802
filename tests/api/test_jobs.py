"""How fast a job goes and when it will be done, as GET /jobs, its events and the bar of `lakehouse jobs watch` tell it. The model is an endpoint of
the test's own that holds each text back until it may answer, so that what is seen on the way does not depend on how fast this machine is."""
import json
import re
import threading

import pytest

from commands import Terminal, lakehouse
from endpoints import Scripted, reply
from governed import Lake, allow
from harness import Server, wait_for

BATCH = 256  # rows that are embedded together, of one chunk each: so much is done at a time
ROWS = 6 * BATCH
SPEED = {"rate_per_s", "eta_s"}


class Held(Scripted):
    """Answers for the first rows only, until more are let(); rows are told by the number in their text."""

    def __init__(self):
        super().__init__(self.embed)
        self.changed, self.rows = threading.Condition(), 0

    def embed(self, handler, body):
        last = max((int(text.split()[1]) for text in body["input"] if text.startswith("row ")), default=-1)
        with self.changed:
            self.changed.wait_for(lambda: last < self.rows)
        data = [{"index": i, "embedding": [1.0, len(text) / 10, i % 7]} for i, text in enumerate(body["input"])]
        reply({"object": "list", "model": "held", "data": data, "usage": {"prompt_tokens": len(data)}})(handler, body)

    def let(self, rows):
        with self.changed:
            self.rows = rows
            self.changed.notify_all()


@pytest.fixture(scope="module")
def model():
    model = Held()
    yield model
    model.let(ROWS)
    model.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory, model):
    running = Server(tmp_path_factory.mktemp("jobs") / "lake", env={
        "LAKEHOUSE__AI__EMBED_PROVIDER": "openai", "LAKEHOUSE__AI__EMBED_MODEL": "held", "LAKEHOUSE__AI__EMBED_URL": model.url,
        "LAKEHOUSE__AI__TIMEOUT_MS": "3600000"})
    running.sql(f"CREATE TABLE slow AS SELECT i AS id, 'row ' || i AS text FROM range({ROWS}) AS r (i)")
    yield running
    model.let(ROWS)
    running.stop()


@pytest.fixture
def job(server, model):
    """job(index): one that embeds `slow` and has nothing done yet."""

    def submit(index):
        model.let(0)
        answer = server.request("POST", "/vectors/index", json={"dataset": "slow", "index": index, "id_column": "id", "text_columns": ["text"]})
        assert answer.status_code == 202, answer.text
        id = answer.json()["id"]
        wait_for(lambda: look(server, id).get("phase") == "embedding")
        return id

    yield submit
    model.let(ROWS)


def look(server, id):
    return server.request("GET", f"/jobs/{id}").json()


def check_speed(job):
    """What an answer says of itself: what is left takes as long as it is by that rate."""
    assert SPEED <= job.keys() and job["rate_per_s"] > 0, job
    assert job["eta_s"] == pytest.approx((job["total"] - job["done"]) / job["rate_per_s"], rel=1e-9), job


def test_a_job_tells_its_rate_and_the_time_that_is_left(server, model, job):
    id = job("told")
    begun = look(server, id)
    assert (begun["done"], begun["total"]) == (0, ROWS) and not SPEED & begun.keys()  # nothing to reckon from
    for rows in range(BATCH, ROWS, BATCH):
        model.let(rows)
        wait_for(lambda: look(server, id)["done"] == rows)
        seen = look(server, id)
        assert seen["state"] == "running" and seen["done"] == rows and seen["eta_s"] > 0
        check_speed(seen)
        [listed] = [item for item in server.request("GET", "/jobs", params={"state": "running"}).json()["items"] if item["id"] == id]
        check_speed(listed)
    model.let(ROWS)
    wait_for(lambda: look(server, id)["state"] == "succeeded")
    ended = look(server, id)
    assert (ended["done"], ended["total"]) == (ROWS, ROWS) and not SPEED & ended.keys()


def test_the_rate_of_a_job_that_stands_still_falls(server, model, job):
    id = job("still")
    model.let(BATCH)
    wait_for(lambda: look(server, id)["done"] == BATCH)
    first = look(server, id)
    wait_for(lambda: look(server, id)["rate_per_s"] < first["rate_per_s"])  # no row more, and time goes on
    later = look(server, id)
    assert later["done"] == first["done"] and later["eta_s"] > first["eta_s"]


def test_events_tell_them_as_well(server, model, job):
    id = job("events")
    seen = []
    with server.request("GET", f"/jobs/{id}/events", stream=True) as answer:
        for line in answer.iter_lines():
            if not line.startswith(b"data: "):
                continue
            event = json.loads(line[6:])
            seen.append(event)
            model.let(max(model.rows, event["done"] + BATCH))  # the next batch once this one was told
    working = [event for event in seen if event.get("phase") == "embedding"]
    assert [event["done"] for event in working] == sorted(event["done"] for event in working) and len({event["done"] for event in working}) >= 3
    assert working[0]["done"] == 0 and not SPEED & working[0].keys()
    for event in working:
        if event["done"]:
            check_speed(event)
    assert seen[-1]["state"] == "succeeded" and not SPEED & seen[-1].keys()


def test_the_bar_shows_them(server, model, job, tmp_path):
    id = job("bar")
    terminal = Terminal(tmp_path, "jobs", "watch", id, "--url", server.url)
    terminal.expect(f"  0 of {ROWS} rows  embedding")
    model.let(2 * BATCH)
    terminal.expect(f"  {2 * BATCH} of {ROWS} rows  ")
    drawn = terminal.expect(" left")
    assert re.fullmatch(r"\d+(\.\d)? rows/s  \d+:\d\d", drawn), drawn
    model.let(ROWS)
    terminal.expect("index:bar: done in ")
    assert terminal.wait() == 0


def test_a_job_of_an_index_that_was_deleted_is_not_tried_again(server, model, job):
    """It would bring the index back."""
    id = job("dropped")
    server.request("POST", f"/jobs/{id}/cancel")
    wait_for(lambda: look(server, id)["state"] == "cancelled")
    assert server.request("DELETE", "/vectors/indexes/dropped").status_code == 204
    refused = server.request("POST", f"/jobs/{id}/retry")
    assert refused.status_code == 409 and "its index was deleted since; index the dataset anew" in refused.text, refused.text
    told = lakehouse("jobs", "retry", id, "--url", server.url, check=False)
    assert told.returncode == 1 and "its index was deleted since" in told.stderr
    assert look(server, id)["state"] == "cancelled"
    again = job("dropped")  # a new one of that name is its own
    server.request("POST", f"/jobs/{again}/cancel")
    wait_for(lambda: look(server, again)["state"] == "cancelled")
    assert server.request("POST", f"/jobs/{id}/retry").status_code == 409
    model.let(ROWS)
    assert server.request("POST", f"/jobs/{again}/retry").status_code == 202
    wait_for(lambda: look(server, again)["state"] == "succeeded")


def test_a_job_of_an_index_that_could_not_be_deleted_is_tried_again(server, model, job):
    """The index stayed, and none of its jobs was tried again any more."""
    id = job("stays")
    server.request("POST", f"/jobs/{id}/cancel")
    wait_for(lambda: look(server, id)["state"] == "cancelled")
    made = server.request("POST", "/catalog/views", json={"name": "reads_vectors", "base_dataset": "vectors.stays", "columns": ["id"]})
    assert made.status_code == 201, made.text
    refused = server.request("DELETE", "/vectors/indexes/stays")
    assert refused.status_code == 409 and "reads_vectors" in refused.text, refused.text
    model.let(ROWS)
    retried = server.request("POST", f"/jobs/{id}/retry")
    assert retried.status_code == 202, retried.text
    wait_for(lambda: look(server, id)["state"] == "succeeded")
    assert server.request("DELETE", "/catalog/views/reads_vectors").status_code == 204
    assert server.request("DELETE", "/vectors/indexes/stays").status_code == 204


def test_a_search_of_an_index_that_is_being_made_says_so(server, model, job):
    """It found nothing, as if there were nothing to find; so did an answer of passages."""
    def ask(path="search", **body):
        return server.request("POST", f"/vectors/{path}", json={"query": "row 1"} | body if path == "search" else {"question": "what is row 1?", **body})

    id = job("made")
    for answer in (ask(index="made"), ask(index="made", mode="text"), ask("rag", index="made", generate=False)):
        assert answer.status_code == 503 and f"the index 'made' is being made by the job {id}: 0 of {ROWS} rows" in answer.text, answer.text
    model.let(BATCH)
    wait_for(lambda: look(server, id)["done"] == BATCH)
    told = lakehouse("vectors", "search", "made", "row 1", "--url", server.url, check=False)
    assert told.returncode == 1 and f"{BATCH} of {ROWS} rows" in told.stderr and "nothing was found" not in told.stdout
    assert "being made by" in server.request("POST", "/vectors/hnsw/trial", json={"index": "made", "eval": "none"}).text
    assert "never" in lakehouse("vectors", "list", "--url", server.url).stdout
    server.request("POST", f"/jobs/{id}/cancel")
    wait_for(lambda: look(server, id)["state"] == "cancelled")
    stale = [item for item in server.request("GET", "/vectors/stale").json()["items"] if item["index"] == "made"]
    assert [item["last_embedded_at"] for item in stale] == [None]
    told = lakehouse("vectors", "stale", "--url", server.url).stdout
    assert "never" in told and "1970" not in told
    assert re.search(r"last_embedded_at +│ never", lakehouse("vectors", "show", "made", "--url", server.url).stdout)
    refused = ask(index="made")
    assert refused.status_code == 503 and f"its job {id} is cancelled" in refused.text, refused.text
    model.let(ROWS)
    server.request("POST", f"/jobs/{id}/retry")
    wait_for(lambda: look(server, id)["state"] == "succeeded")
    assert ask(index="made").json()["items"]


def test_an_index_whose_job_only_waits_is_being_made_too(server, model, job):
    """Two run at once; of the third there is no index yet."""
    ids = [job(name) for name in ("first", "second")]
    third = server.request("POST", "/vectors/index", json={"dataset": "slow", "index": "third", "id_column": "id", "text_columns": ["text"]}).json()["id"]
    answer = server.request("POST", "/vectors/search", json={"index": "third", "query": "row 1"})
    assert answer.status_code == 503 and f"the index 'third' is being made by the job {third}: queued" in answer.text, answer.text
    assert server.request("POST", "/vectors/search", json={"index": "fourth", "query": "row 1"}).status_code == 404
    for id in (third, *ids):
        server.request("POST", f"/jobs/{id}/cancel")
        wait_for(lambda: look(server, id)["state"] == "cancelled")


def test_who_may_not_see_the_job_is_told_nothing_of_it(tmp_path, model):
    """Who may search, and sees a part of the rows, is not told how many there are."""
    model.let(0)
    lake = Lake(tmp_path / "lake", LAKEHOUSE__AI__EMBED_PROVIDER="openai", LAKEHOUSE__AI__EMBED_MODEL="held", LAKEHOUSE__AI__EMBED_URL=model.url,
                LAKEHOUSE__AI__TIMEOUT_MS="3600000")
    lake.ingest("slow", b"id,text\n" + b"".join(b"%d,row %d\n" % (i, i) for i in range(ROWS)))
    reader = lake.key("reader", allow("dataset", "slow", row_filter="id < 10"), allow("index", "made"))
    stranger = lake.key("stranger", allow("dataset", "slow"))
    id = lake.call("POST", "/vectors/index", 202, {"dataset": "slow", "index": "made", "id_column": "id", "text_columns": ["text"]})["id"]
    wait_for(lambda: lake.call("GET", f"/jobs/{id}", 200).get("phase") == "embedding")
    search = {"index": "made", "query": "row 1"}
    assert f"0 of {ROWS} rows" in lake.call("POST", "/vectors/search", 503, search)["error"]["message"]
    assert lake.call("POST", "/vectors/search", 503, search, key=reader)["error"]["message"] == "the index 'made' is not made yet"
    assert "if there is one" in lake.call("POST", "/vectors/search", 403, search, key=stranger)["error"]["message"]
    model.let(ROWS)
    wait_for(lambda: lake.call("GET", f"/jobs/{id}", 200)["state"] == "succeeded")
    assert len(lake.call("POST", "/vectors/search", 200, {**search, "k": 100}, key=reader)["items"]) == 10
    lake.server.stop()

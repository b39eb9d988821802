"""How fast a job goes and when it will be done, as GET /jobs, its events and the bar of `lakehouse jobs watch` tell it. The model is an endpoint of
the test's own that holds each text back until it may answer, so that what is seen on the way does not depend on how fast this machine is."""
import json
import re
import threading

import pytest

from commands import Terminal
from endpoints import Scripted, reply
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

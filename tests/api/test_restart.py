"""A statement that DuckDB meets a fatal error in ends its database for everybody: the engine is started anew, and goes on."""
import json
import threading

import pytest

from harness import ABANDONING, SANITIZED, Server, wait_for
from test_cache import hits, pin, settled

# DuckDB 1.5.5 divides by the rows of a frame, less one, and means more than 2^63 when there are none.
FATAL = "SELECT percent_rank(ORDER BY a) OVER (ROWS BETWEEN 2 FOLLOWING AND 1 FOLLOWING) FROM t"


def run(server, sql):
    return server.request("POST", "/query/sql", json={"sql": sql})


def count(server, table="t"):
    answer = run(server, f"SELECT count(*) FROM {table}")
    assert answer.status_code == 200, answer.text
    return answer.json()["rows"][0][0]


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path / "lake", env=ABANDONING)  # what a fatal error throws through the C API ends in is abandoned
    for sql in ("CREATE TABLE t(a INT, b VARCHAR)", "INSERT INTO t SELECT i, 'b' FROM range(1000) r(i)", "CREATE TABLE other(a INT)"):
        assert run(server, sql).status_code == 200
    yield server
    server.stop()


def test_the_next_statement_succeeds_and_pins_are_loaded_again(server):
    pin(server, "t", wait=True)
    assert count(server) == 1000 and hits(server, "data.t") == 1
    answer = run(server, FATAL)
    assert answer.status_code == 500 and answer.json()["error"]["code"] == "internal"
    assert count(server) == 1000
    assert server.metric("lakehouse_engine_restarts_total") == 1
    assert server.request("GET", "/ready").json()["parts"]["engine"] == {"status": "ok"}
    settled(server, "data.t")
    before = hits(server, "data.t")
    assert count(server) == 1000 and hits(server, "data.t") == before + 1
    log = [json.loads(line) for line in server.log_text().splitlines()]
    told = [line for line in log if "was started anew" in line["message"]]
    assert [(line["level"], line["trace_id"]) for line in told] == [("error", answer.json()["error"]["trace_id"])]
    assert run(server, "INSERT INTO t VALUES (1, 'c')").status_code == 200 and count(server) == 1001


def test_what_runs_beside_it_is_done_whole_or_told_to_try_again(server):
    rounds, stop, wrong, inserted, unknown = 4 if SANITIZED else 12, threading.Event(), [], [], []

    def beside(sql, done):
        while not stop.is_set():
            answer = run(server, sql)
            if answer.status_code == 200:
                done.append(1)
            elif answer.status_code == 500 and "may have landed" in answer.json()["error"]["message"]:
                unknown.append(1)
            elif answer.status_code != 503 or "try again" not in answer.json()["error"]["message"]:
                wrong.append(answer.text)

    works = [("INSERT INTO other VALUES (1)", inserted), ("SELECT count(*), max(b) FROM t", []), ("SELECT sum(a) FROM other", [])]
    threads = [threading.Thread(target=beside, args=work) for work in works]
    for thread in threads:
        thread.start()
    for _ in range(rounds):
        assert run(server, FATAL).status_code in (500, 503)
    wait_for(lambda: inserted or wrong)
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[:3]
    assert count(server, "other") == len(inserted) + len(unknown) > 0  # nobody else writes: those did land
    assert server.metric("lakehouse_engine_restarts_total") > 0


# Each ended the database: the iceberg extension looks for the files of the table in the plan.
MATCH_NOTHING = [  # and how many rows they insert
    ("UPDATE t SET b = 'x' WHERE false", 0),
    ("UPDATE t SET b = (SELECT max(b) FROM t o WHERE o.a < t.a) WHERE a = NULL", 0),
    ("MERGE INTO t USING (SELECT 1 AS x WHERE false) s ON t.a = s.x WHEN MATCHED THEN UPDATE SET b = 'x'", 0),
    ("MERGE INTO t USING other ON false WHEN MATCHED THEN UPDATE SET b = 'x' WHEN NOT MATCHED THEN INSERT (a) VALUES (other.a)", 3),
    ("MERGE INTO t USING t AS o ON false WHEN MATCHED THEN UPDATE SET b = o.b", 0),
]
OF_TWO_TABLES = [
    "DELETE FROM other WHERE a IN (SELECT a FROM t WHERE file_row_number < 500)",
    "UPDATE other SET a = a + 1 WHERE a IN (SELECT a FROM t WHERE file_row_number < 500)",
    "MERGE INTO other USING (SELECT a FROM t WHERE file_row_number < 500) s ON other.a = s.a WHEN MATCHED THEN DELETE",
]


def test_changes_that_would_be_fatal_are_refused_or_change_nothing(server):
    assert run(server, "INSERT INTO other SELECT i FROM range(1, 4) r(i)").status_code == 200
    for sql in OF_TWO_TABLES:
        answer = run(server, sql)
        assert answer.status_code == 400 and "file_row_number of no other table" in answer.json()["error"]["message"], (sql, answer.text)
    for sql, changed in (*MATCH_NOTHING, ("MERGE INTO t USING other ON false WHEN MATCHED THEN DELETE", 0), ("MERGE INTO t USING other ON false WHEN NOT MATCHED THEN INSERT (a) VALUES (other.a)", 3),
                         ("DELETE FROM t WHERE false", 0), ("DELETE FROM t WHERE a IN (SELECT a FROM other WHERE false)", 0), ("UPDATE t SET b = 'x' WHERE a > 5000", 0),
                         ("UPDATE other SET a = (SELECT count(*) FROM t) WHERE file_row_number = 0", 1), ("DELETE FROM other WHERE filename LIKE '%' AND file_row_number = 1", 1),
                         ("MERGE INTO other USING t ON other.a = t.a AND t.b = 'b' AND other.file_row_number = 2 WHEN MATCHED THEN UPDATE SET a = 5", 1)):
        answer = run(server, sql)
        assert answer.status_code == 200 and answer.json()["rows"] == [[changed]], (sql, answer.text)
    assert count(server) == 1006 and sorted(run(server, "SELECT a FROM other").json()["rows"]) == [[5], [1006]]
    assert server.metric("lakehouse_engine_restarts_total") == 0

"""Statements of a grammar (statements.py) by a governed principal, against the same by the administrator over tables that hold nothing but what it
may see: the rows are equal. Where one side has rows and the other an error, an expression of the statement must raise on a row that is seen:
in which order conditions are computed is DuckDB's business (ADR 21).

GOVERNED_STATEMENTS=10000 for all of them (500 in an ordinary run), GOVERNED_SEED=n for others, GOVERNED_FIRST=n to begin with that one."""
import http.client
import json
import os
import threading

import pytest

from governed import ADMIN, Lake, allow
from harness import SANITIZED
from statements import TABLES, Statement

COUNT = int(os.environ.get("GOVERNED_STATEMENTS", 100 if SANITIZED else 500))
SEED = int(os.environ.get("GOVERNED_SEED", 20261128))
FIRST = int(os.environ.get("GOVERNED_FIRST", 0))

# Every third row or so is hidden, with values that raise; NULL is everywhere.
MADE = {
    "people": """SELECT CASE WHEN i % 11 <> 0 THEN 'PERS' || lpad(i::VARCHAR, 4, '0') || (i % 5) END AS id, CASE WHEN i % 13 <> 0 THEN 'n' || (i % 60) END AS name, CASE WHEN i % 7 <> 0 THEN 'u' || (i % 90) || '@x.org' END AS email,
        'T' || (i % 40) AS token, CASE WHEN i % 5 <> 0 THEN DATE '1950-01-01' + (i * 97 % 18000)::INTEGER END AS born, CASE WHEN i % 6 <> 0 THEN (i * 37 % 200)::DECIMAL(9, 2) END AS bonus, CASE WHEN i % 4 <> 1 THEN (i % 64) / 4 END AS score,
        CASE WHEN h THEN 'none' WHEN i % 9 <> 0 THEN (i % 50)::VARCHAR END AS digits, 'secret' || i AS secret, CASE WHEN i % 8 <> 0 THEN DATE '2019-01-01' + (i * 13 % 1500)::INTEGER END AS since, CASE WHEN i % 3 <> 1 THEN i % 2 = 0 END AS member,
        CASE WHEN h THEN -9 - i % 4 WHEN i % 10 <> 0 THEN 60 + i % 30 END AS grade, 'hidden' || i AS note FROM (SELECT i, i % 3 = 1 AS h FROM range(400) r(i))""",
    "jobs": """SELECT i % 80 AS job, CASE WHEN i % 9 <> 0 THEN 'n' || (i % 70) END AS name, CASE WHEN h THEN 'Hidden' ELSE ['Engineer', 'Nurse', 'Cook', 'ü'][1 + i % 4] END AS title, CASE WHEN h THEN -1 WHEN i % 7 <> 0 THEN (i * 31 % 99) END AS pay,
        (i % 32) / 8 AS rate, CASE WHEN h THEN DATE '1800-01-01' ELSE DATE '2020-01-01' + (i * 7 % 1200)::INTEGER END AS opened, CASE WHEN i % 5 <> 0 THEN TIMESTAMP '2021-03-01 10:00:00' + to_minutes(i * 731) END AS seen,
        CASE WHEN h THEN 'x' ELSE (i % 21)::VARCHAR END AS number, i % 4 = 0 AS open FROM (SELECT i, i % 5 = 2 AS h FROM range(300) r(i))""",
    "orders": """SELECT i AS number, CASE WHEN i % 11 <> 0 THEN i % 90 END AS job, CASE WHEN i % 17 <> 0 THEN 'n' || (i % 65) END AS name, CASE WHEN i % 6 <> 0 THEN (i * 53 % 1000) END AS amount, DATE '2020-01-01' + (i * 3 % 1400)::INTEGER AS at,
        CASE WHEN i % 3 <> 0 THEN 'note ' || (i % 12) END AS note, 'hidden' AS inner_note FROM range(350) r(i)""",
    "tags": "SELECT CASE WHEN i % 19 <> 0 THEN 'n' || (i % 75) END AS name, CASE WHEN i % 4 = 1 THEN 'hid' ELSE 't' || (i % 6) END AS tag, CASE WHEN i % 8 <> 0 THEN i % 15 END AS weight, CASE WHEN i % 4 = 1 THEN ['x', 'hidden'] WHEN i % 6 <> 0 THEN ['w' || (i % 5), (i % 3)::VARCHAR] END AS words FROM range(250) r(i)",
}
GRANTS = [
    allow("dataset", "people", row_filter="grade >= 0 OR (grade IS NULL AND digits <> 'none')", columns=list(TABLES["people"]), redactions={
        "id": {"kind": "mask", "keep_prefix": 4, "keep_suffix": 1}, "email": {"kind": "hash"}, "token": {"kind": "token"}, "born": {"kind": "year"}, "bonus": {"kind": "bucket", "n": 50}, "score": {"kind": "bucket", "n": 4}, "secret": {"kind": "null"}, "name": {"kind": "none"}}),
    allow("dataset", "jobs", row_filter="opened > DATE '1900-01-01'"),
    allow("dataset", "orders", columns=list(TABLES["orders"]), redactions={"amount": {"kind": "bucket", "n": 10}, "note": {"kind": "sha256"}}),
    allow("dataset", "tags", row_filter="tag <> 'hid'"),
]


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    made = Lake(tmp_path_factory.mktemp("generator") / "root")
    made.server.sql("CREATE SCHEMA plain")
    for table, sql in MADE.items():
        made.server.sql(f"CREATE TABLE {table} AS {sql}")
    made.agent = made.key("agent", *GRANTS)
    copier = made.key("copier", roles=("role-agent", made.call("POST", "/access/roles", 201, {"name": "copies", "grants": [allow("namespace", "plain", "read", "write")]})["name"]))
    for table in TABLES:
        made.rows(f"CREATE TABLE plain.{table} AS FROM {table}", copier)
    yield made
    made.server.stop()


def test_the_copies_hold_what_may_be_seen(lake):
    """Computed by the administrator from the tables as they are."""
    seen = {
        "people": "SELECT overlayed, name, CASE WHEN email IS NULL THEN 0 ELSE 64 END, 20, year(born), floor(bonus / 50) * 50, floor(score / 4) * 4, digits, NULL, since, member, grade FROM (SELECT CASE WHEN id IS NOT NULL THEN left(id, 4) || '****' || right(id, 1) END AS overlayed, * FROM people) "
                  "WHERE grade >= 0 OR (grade IS NULL AND digits <> 'none')",
        "jobs": "FROM jobs WHERE opened > DATE '1900-01-01'", "orders": "SELECT number, job, name, (amount // 10) * 10, orders.at, sha256(note) FROM orders", "tags": "FROM tags WHERE tag <> 'hid'"}
    for table, sql in seen.items():
        columns = "*" if table != "people" else "* REPLACE (CASE WHEN email IS NULL THEN 0 ELSE length(email) END AS email, length(token) AS token)"
        assert sorted(map(json.dumps, lake.rows(f"SELECT {columns} FROM plain.{table}", ADMIN))) == sorted(map(json.dumps, lake.rows(sql, ADMIN))), table
    assert lake.rows("SELECT count(DISTINCT email), count(DISTINCT token) FROM plain.people", ADMIN) == lake.rows("SELECT count(DISTINCT email), count(DISTINCT token) FROM people WHERE grade >= 0 OR (grade IS NULL AND digits <> 'none')", ADMIN)


class Client:
    def __init__(self, lake):
        self.lake = lake
        self.connection = http.client.HTTPConnection(lake.server.url.split("//")[1], timeout=300)

    def ask(self, sql, key):
        self.connection.request("POST", "/query/sql", json.dumps({"sql": sql}), {"X-API-Key": key, "Content-Type": "application/json"})
        answer = self.connection.getresponse()
        body = json.loads(answer.read())
        return answer.status, body

    def raises_on_a_seen_row(self, statement):
        return any(self.ask(f"SELECT list({expression}) FROM plain.{table}", ADMIN)[0] == 400 for table, expression in statement.raising)

    def differs(self, statement):
        governed, there = self.ask(statement.of("data"), self.lake.agent)
        plain, here = self.ask(statement.of("plain"), ADMIN)
        if governed == plain == 200:
            return sorted(map(json.dumps, there["rows"])) != sorted(map(json.dumps, here["rows"])) or there["columns"] != here["columns"]
        if governed != 200 and plain != 200:
            return (governed, there["error"]["code"]) != (plain, here["error"]["code"])
        return not self.raises_on_a_seen_row(statement)


def test_generated_statements_get_the_rows_of_the_copies(lake):
    wrong, counts, lock = [], {}, threading.Lock()

    def work(first):
        client = Client(lake)
        for number in range(FIRST + first, FIRST + COUNT, 2):
            statement = Statement(SEED, number)
            try:
                differs = client.differs(statement)
                status, _ = client.ask(statement.of("data"), lake.agent) if number % 50 == first else (0, None)
            except Exception as failure:  # told with the statement
                differs, status = repr(failure), 0
            with lock:
                counts[status] = counts.get(status, 0) + 1
                if differs:
                    wrong.append(f"GOVERNED_SEED={SEED} GOVERNED_FIRST={number}: {statement.text}" + (f"  {differs}" if differs is not True else ""))
            if len(wrong) > 20:
                return

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, "\n".join(wrong)
    assert counts.get(200, 0) > counts.get(400, 0) or COUNT < 500  # statements that run, by and large

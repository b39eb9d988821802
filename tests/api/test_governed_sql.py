"""SQL of a principal that sees a part of the lake: the columns, masks and rows of its roles, by every form of statement."""
import hashlib
import json
import threading

import pytest

from governed import ADMIN, Lake, allow, csv

SEEN = ["id", "name", "email", "status", "salary"]
REDACTIONS = {"id": {"kind": "mask", "keep_prefix": 4, "keep_suffix": 2}, "email": {"kind": "hash"}, "name": {"kind": "none"}}


def people():
    """Every tenth is blocked, which is hidden; chr(salary) raises on those rows only."""
    return [(f"CAND{i:04d}{i % 7:02d}", f"n{i}", f"u{i}@x.org", "blocked" if i % 10 == 3 else "active", -5 if i % 10 == 3 else 65 + i % 20, f"19{60 + i % 40}-01-0{1 + i % 9}")
            for i in range(1, 200)]


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    made = Lake(tmp_path_factory.mktemp("governed") / "root")
    made.ingest("candidates", csv("id,name,email,status,salary,born", people()))
    made.ingest("hidden", b"id,note\n1,secret\n")
    made.agent = made.key("agent-of-sql", allow("dataset", "candidates", row_filter="status != 'blocked'", columns=SEEN, redactions=REDACTIONS))
    yield made
    made.server.stop()


def test_it_sees_its_columns_masks_and_rows(lake):
    rows = lake.rows("SELECT * FROM candidates ORDER BY name", lake.agent)
    shown = [row for row in people() if row[3] != "blocked"]
    assert len(rows) == len(shown) and [len(row) for row in rows] == [5] * len(rows)
    assert {row[1]: (row[0], row[3], row[4]) for row in rows} == {row[1]: (f"CAND****{row[0][-2:]}", row[3], row[4]) for row in shown}
    hashes = [row[2] for row in rows]
    assert len(set(hashes)) == len(rows) and all(len(value) == 64 and "@" not in value for value in hashes)
    assert lake.rows("SELECT count(*) FROM candidates", lake.agent) == [[len(shown)]]
    assert lake.rows("SELECT count(*) FROM candidates", ADMIN) == [[199]]


NAMED = [
    "FROM candidates", "TABLE candidates", "SELECT * FROM data.candidates", "SELECT * FROM lake.data.candidates AS c",
    "SELECT candidates.* FROM candidates", "WITH x AS (FROM candidates) FROM x", "WITH candidates AS (FROM candidates) FROM candidates", "SELECT * FROM (FROM DATA.candidates)",
    "SELECT c.* FROM candidates c, LATERAL (SELECT c.id)", "FROM candidates UNION ALL FROM candidates WHERE false",
    "SELECT id, name, email, status, salary FROM candidates QUALIFY row_number() OVER (PARTITION BY name) = 1",
    "SELECT * FROM candidates SEMI JOIN (SELECT name FROM candidates) USING (name)",
    "SELECT lake.data.candidates.id, data.candidates.name, candidates.email, status, salary FROM candidates",
]


@pytest.mark.parametrize("sql", NAMED)
def test_however_it_is_named(lake, sql):
    assert sorted(lake.rows(sql, lake.agent)) == sorted(lake.rows("SELECT * FROM candidates", lake.agent))


# Statements whose answer is told beside them.
SAID = [
    ("SELECT count(*) FROM candidates WHERE email LIKE '%@%'", [[0]]),
    ("SELECT count(*) FROM candidates WHERE id LIKE 'CAND0%'", [[0]]),
    ("SELECT count(*) FROM candidates WHERE status = 'blocked'", [[0]]),
    ("SELECT status, count(*) FROM candidates GROUP BY ALL", [["active", 179]]),
    ("SELECT min(salary) > 0, min_by(status, salary) FROM candidates", [[True, "active"]]),
    ("SELECT count(*) FROM candidates WHERE chr(salary::INTEGER) = 'A'", [[9]]),
    ("SELECT count(*) FROM candidates WHERE CASE WHEN salary < 0 THEN error('seen') ELSE 'x' END = 'x'", [[179]]),
    ("SELECT count(*) FROM candidates c JOIN (SELECT 'A' AS k) k ON chr(c.salary::INTEGER) = k.k", [[9]]),
    ("SELECT (SELECT count(*) FROM candidates), EXISTS (FROM candidates WHERE salary < 0)", [[179, False]]),
    ("PIVOT (SELECT status FROM candidates) ON status USING count(*)", [[179]]),
    ("SELECT count(*) FROM candidates TABLESAMPLE reservoir(500 ROWS)", [[179]]),
    ("SELECT count(*) FROM candidates TABLESAMPLE 100%", [[179]]),
    ("SELECT column_name FROM (DESCRIBE candidates)", [[name] for name in SEEN]),
    ("SELECT column_name, \"count\" FROM (SUMMARIZE candidates)", [[name, 179] for name in SEEN]),
    ("SELECT table_name, column_name FROM information_schema.columns ORDER BY ordinal_position", [["candidates", name] for name in SEEN]),
    ("SELECT table_schema, table_name FROM information_schema.tables", [["data", "candidates"]]),
    ("SELECT schema_name FROM information_schema.schemata", [["data"]]),
    ("SHOW TABLES", [["candidates"]]),
    ("SHOW TABLES FROM data", [["candidates"]]),
    ("SHOW DATABASES", [["lake"]]),
    ("SELECT name, column_names FROM (SHOW ALL TABLES)", [["candidates", SEEN]]),
    ("SELECT count(*) FROM range(3)", [[3]]),
    ("SELECT list_transform([1, 2], x -> x + 1), {'a': 1}.a, lower('A')", [[[2, 3], 1, "a"]]),
]


@pytest.mark.parametrize("sql,rows", SAID)
def test_what_is_hidden_counts_nowhere(lake, sql, rows):
    answer = lake.rows(sql, lake.agent)
    assert answer == rows
    assert "blocked" not in str(answer)


REFUSED = [
    "SELECT * FROM hidden", "SELECT * FROM nothing", "SELECT (SELECT count(*) FROM hidden)", "FROM candidates, hidden", "SELECT 1 WHERE EXISTS (FROM hidden)",
    "WITH x AS (FROM hidden) SELECT 1", "SELECT * FROM memory.main.t", "SELECT * FROM duckdb_tables", "FROM duckdb_columns()", "FROM pg_catalog.pg_tables",
    "FROM information_schema.views", "SHOW VARIABLES", "EXPLAIN FROM candidates", "EXPLAIN ANALYZE FROM candidates",
    "SELECT * FROM candidates TABLESAMPLE reservoir(5 ROWS) REPEATABLE (3)", "SELECT stats(id) FROM candidates", "SELECT * FROM query('FROM hidden')",
    "INSERT INTO candidates (id) VALUES ('x')", "INSERT INTO hidden VALUES (1, 'x')", "INSERT INTO nothing VALUES (1)", "CREATE TABLE mine AS FROM candidates",
    "CREATE SCHEMA mine", "UPDATE candidates SET name = 'x' WHERE born > '1970-01-01'", "DELETE FROM candidates", "DELETE FROM hidden", "TRUNCATE candidates",
    "ALTER TABLE candidates DROP COLUMN born", "DROP TABLE candidates", "DROP TABLE hidden", "DROP SCHEMA data",
    "MERGE INTO candidates t USING (SELECT 1 AS id) s ON t.id = s.id::VARCHAR WHEN MATCHED THEN DELETE", "PIVOT hidden ON note USING count(*)",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_everything_else_is_refused(lake, sql):
    message = lake.refused(sql, lake.agent)
    assert "secret" not in message and "born" not in message and "note" not in message
    assert lake.rows("SELECT count(*), count(born) FROM candidates", ADMIN) == [[199, 199]]


WRONG = ["SELECT born FROM candidates", "SELECT bron FROM candidates", "SELECT * EXCLUDE (born) FROM candidates", "SELECT c.born FROM candidates c",
         "FROM candidates a JOIN candidates b USING (born)", "SELECT * REPLACE (1 AS born) FROM candidates", "SELECT rowid FROM candidates", "SELECT filename FROM candidates",
         "FROM candidates UNION SELECT 1 ORDER BY (SELECT 1)", "SELECT lh_0_hash(id) FROM candidates", "FROM candidates AT (VERSION => 17)"]


@pytest.mark.parametrize("sql", WRONG)
def test_a_hidden_column_does_not_exist(lake, sql):
    message = lake.refused(sql, lake.agent, status=400)
    assert "lh_" not in message.replace("lh_0_hash", "") and "LIMIT" not in message
    assert "born" not in message or "born" in sql


def test_what_is_hidden_and_what_is_not_there_are_refused_in_the_same_words(lake):
    assert lake.refused("SELECT * FROM hidden", lake.agent).replace("hidden", "nothing") == lake.refused("SELECT * FROM nothing", lake.agent)
    assert lake.refused("DROP TABLE hidden", lake.agent).replace("hidden", "nothing") == lake.refused("DROP TABLE nothing", lake.agent)
    assert lake.refused("INSERT INTO hidden VALUES (1)", lake.agent).replace("hidden", "nothing") == lake.refused("INSERT INTO nothing VALUES (1)", lake.agent)


def test_a_hash_is_the_same_for_everybody_and_for_ever(lake, tmp_path):
    other = lake.key("another-agent", allow("dataset", "candidates", redactions={"email": {"kind": "hash"}}))
    mine, theirs = (sorted(lake.rows("SELECT email FROM candidates WHERE status <> 'blocked'", key)) for key in (lake.agent, other))
    assert mine == theirs
    lake.server.restart()
    assert sorted(lake.rows("SELECT email FROM candidates", lake.agent)) == mine
    path = "/storage/objects/_catalog/secret/mask_key"
    assert lake.server.request("GET", path).status_code == 403  # the administrator's key
    assert lake.server.request("GET", path.replace("/objects/", "/objects/%5Fcatalog/../")).status_code in (400, 403, 404)


def test_masks_by_type(lake):
    key = lake.key("typed", allow("dataset", "candidates", redactions={
        "born": {"kind": "year"}, "salary": {"kind": "bucket", "n": 10}, "id": {"kind": "token"}, "name": {"kind": "sha256"}, "email": {"kind": "year"}}))
    types = dict(lake.rows("SELECT column_name, column_type FROM (DESCRIBE candidates)", key))
    assert types == {"id": "VARCHAR", "name": "VARCHAR", "email": "VARCHAR", "status": "VARCHAR", "salary": "BIGINT", "born": "INTEGER"}
    assert types == dict(lake.rows("SELECT column_name, data_type FROM information_schema.columns", key))
    assert lake.rows("SELECT min(born), max(salary), min(salary), count(email), bool_and(id LIKE 'tok\\_________________' ESCAPE '\\') FROM candidates", key) == [[1960, 80, -10, 0, True]]
    assert lake.rows("SELECT count(*) FROM candidates WHERE name = sha256('n7')", key) == [[1]]


def test_snapshots_are_read_with_todays_policy(lake):
    lake.ingest("dated", b"id,status\n1,active\n2,blocked\n")
    first = lake.server.query("SELECT 1 FROM dated").json()["snapshots"][0]["snapshot_id"]
    lake.server.sql("INSERT INTO dated VALUES (3, 'active')")
    key = lake.key("of-dated", allow("dataset", "dated", row_filter="status != 'blocked'"))
    assert lake.rows(f"SELECT id FROM dated AT (VERSION => {first})", key) == [[1]]
    assert sorted(lake.rows("SELECT id FROM dated", key)) == [[1], [3]]
    assert sorted(lake.rows("SELECT id FROM dated AT (TIMESTAMP => '2999-01-01'::TIMESTAMP)", key)) == [[1], [3]]
    lake.refused("SELECT id FROM dated AT (TIMESTAMP => '1999-01-01'::TIMESTAMP)", key, status=400)
    lake.server.sql("ALTER TABLE dated ADD COLUMN note VARCHAR")
    assert "other columns" in lake.refused(f"SELECT id FROM dated AT (VERSION => {first})", key)


def test_who_may_write_a_whole_table_writes_it(lake):
    lake.ingest("notes", b"id,text\n1,a\n")
    key = lake.key("writer", allow("dataset", "notes", "read", "write"), allow("dataset", "candidates", columns=["id", "name"], row_filter="status = 'active'"),
                   allow("dataset", "copies", "read", "write"))
    lake.rows("INSERT INTO notes VALUES (2, 'b')", key)
    lake.rows("UPDATE notes SET text = 'c' WHERE id = 2", key)
    lake.rows("DELETE FROM notes WHERE id = 1", key)
    assert lake.rows("SELECT * FROM notes", key) == [[2, "c"]]
    lake.rows("CREATE TABLE copies AS FROM candidates", key)
    assert lake.rows("SELECT count(*) FROM copies", ADMIN) == [[179]]
    assert [row[0] for row in lake.rows("DESCRIBE copies", ADMIN)] == ["id", "name"]
    lake.rows("BEGIN; INSERT INTO notes SELECT 7, name FROM candidates LIMIT 2; COMMIT", key)
    assert lake.rows("SELECT count(*) FROM notes WHERE id = 7", key) == [[2]]
    reader = lake.call("POST", "/access/keys", 201, {"principal": "writer", "scope": "read"})["key"]
    lake.refused("INSERT INTO notes VALUES (3, 'c')", reader)
    assert lake.rows("SELECT count(*) FROM notes", reader) == [[3]]


def test_parameters_formats_and_columns_that_are_cast(lake):
    assert lake.rows("SELECT name FROM candidates WHERE name = ? AND salary > ?", lake.agent, params=["n7", 0]) == [["n7"]]
    assert lake.rows("SELECT $a::VARCHAR, count(*) FROM candidates WHERE id = $a", lake.agent, params={"a": "CAND000707"}) == [["CAND000707", 0]]
    for format in ("csv", "ndjson", "arrow"):
        answer = lake.ask("SELECT * FROM candidates", lake.agent, format=format)
        assert answer.status_code == 200 and b"@x.org" not in answer.content and b"blocked" not in answer.content
    assert lake.ask("SELECT name, name::VARIANT AS v FROM candidates LIMIT 1", lake.agent).status_code == 200


def test_the_hot_cache_shows_no_more(lake):
    lake.call("POST", "/query/cache/pin", 200, {"dataset": "candidates", "wait": True})
    hits = lake.call("GET", "/query/cache/stats", 200)["hits"]
    assert lake.rows("SELECT count(*), count(DISTINCT email), min(salary) > 0 FROM candidates", lake.agent) == [[179, 179, True]]
    assert lake.rows("SELECT count(*) FROM candidates WHERE chr(salary::INTEGER) = 'A'", lake.agent) == [[9]]
    assert lake.call("GET", "/query/cache/stats", 200)["hits"] >= hits + 2
    lake.call("POST", "/query/cache/evict", 200, {"dataset": "candidates"})
    lake.call("POST", "/query/cache/pin", 200, {"dataset": "candidates", "columns": ["name", "salary", "status"], "wait": True})
    assert lake.rows("SELECT count(name), min(salary) > 0 FROM candidates", lake.agent) == [[179, True]]


def told(lake, name):
    return {column["name"]: (column["sensitivity"], column["pii_kind"]) for column in lake.call("GET", f"/catalog/datasets/by-name/{name}", 200)["columns"]}


def test_sensitivity_goes_with_the_values(lake):
    lake.ingest("staff", b"id,mail,tax,city\n1,a@x.org,77,Rome\n2,b@x.org,88,Oslo\n")
    lake.call("PATCH", "/catalog/datasets/by-name/staff/metadata", 200, {"columns": {
        "mail": {"pii_kind": "email"}, "tax": {"sensitivity": "restricted", "pii_kind": "tax_id"}, "id": {"pii_kind": "none"}, "city": {"pii_kind": "none"}}})
    lake.server.sql("CREATE TABLE staff_copy AS SELECT reverse(mail) AS x, city, count(*) AS n, max(tax) AS t, mail || tax AS mixed FROM staff GROUP BY ALL")
    assert told(lake, "staff_copy") == {"x": ("internal", "email"), "city": ("internal", None), "n": ("internal", None), "t": ("restricted", "tax_id"),
                                        "mixed": ("restricted", "several")}
    lake.server.sql("CREATE TABLE staff_more (a VARCHAR, b VARCHAR, c BIGINT)")
    lake.server.sql("BEGIN; INSERT INTO staff_more (b) SELECT mail FROM staff; INSERT INTO staff_more (a, c) WITH q AS MATERIALIZED (SELECT tax FROM staff) SELECT 'x', tax FROM q UNION ALL SELECT 'y', 1; COMMIT")
    assert told(lake, "staff_more") == {"a": ("internal", None), "b": ("internal", "email"), "c": ("restricted", "tax_id")}
    lake.server.sql("CREATE TABLE staff_set AS SELECT id, city FROM staff")
    lake.server.sql("UPDATE staff_set SET city = (SELECT max(mail) FROM staff)")
    assert told(lake, "staff_set")["city"][1] in ("email", "several")
    lake.server.sql("CREATE TABLE staff_window AS SELECT row_number() OVER (ORDER BY tax) AS r, lag(mail) OVER (ORDER BY id) AS l, u.v FROM staff, unnest([tax]) u(v)")
    assert told(lake, "staff_window") == {"r": ("restricted", "tax_id"), "l": ("internal", "email"), "v": ("restricted", "several")}
    analyst = lake.key("an-analyst", roles=("analyst",))
    assert all(len(row[0]) == 64 for row in lake.rows("SELECT x FROM staff_copy", analyst))
    assert lake.rows("SELECT count(t), count(mixed), sum(n) FROM staff_copy", analyst) == [[0, 0, 2]]
    lake.call("PATCH", "/catalog/datasets/by-name/staff_copy/metadata", 200, {"columns": {"t": {"sensitivity": "internal", "pii_kind": "none"}}})
    lake.server.sql("INSERT INTO staff_copy SELECT mail, city, 1, tax, '' FROM staff")
    assert told(lake, "staff_copy")["t"] == ("internal", "none") and told(lake, "staff_copy")["mixed"][0] == "restricted"


def test_a_copy_of_a_part_is_not_for_those_who_see_another_part(lake):
    lake.ingest("deals", b"id,region,amount\n1,north,10\n2,south,20\n3,south,30\n")
    lake.server.sql("CREATE SCHEMA scratch")
    scratch = allow("namespace", "scratch", "read", "write")
    south = lake.key("south", allow("dataset", "deals", row_filter="region = 'south'"), scratch)
    north = lake.key("north", allow("dataset", "deals", row_filter="region = 'north'"), scratch)
    whole = lake.key("of-all-regions", allow("dataset", "deals"), scratch)
    named = lake.key("named", allow("dataset", "deals", row_filter="region = 'north'"), allow("dataset", "scratch.mine"), scratch)
    lake.rows("CREATE TABLE scratch.mine AS FROM deals", south)
    lake.rows("CREATE TABLE scratch.again AS SELECT * FROM scratch.mine", south)
    assert [lake.rows("SELECT sum(amount) FROM scratch.mine", key) for key in (south, whole, named)] == [[[50]]] * 3
    assert lake.rows("SELECT count(*) FROM scratch.again", south) == [[2]]
    for table in ("mine", "again"):
        lake.refused(f"SELECT * FROM scratch.{table}", north)
        lake.call("GET", f"/datasets/by-name/scratch.{table}", 403, key=north)
    assert lake.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'scratch'", north) == []
    lake.rows("DROP TABLE scratch.mine", south)  # what is gone between takes no rule away
    lake.refused("FROM scratch.again", north)
    lake.rows("CREATE TABLE scratch.twice (id BIGINT, region VARCHAR, amount BIGINT)", south)
    lake.rows("CREATE TABLE scratch.nothing AS FROM scratch.twice", south)
    lake.rows("BEGIN; INSERT INTO scratch.twice FROM deals; INSERT INTO lake.scratch.twice FROM scratch.nothing; COMMIT", south)
    lake.refused("FROM scratch.twice", north)
    assert "no grant names it" in lake.call("GET", "/access/effective/scratch.again?principal=north", 200)["why"]
    lake.call("DELETE", "/access/principals/south", 204)
    lake.call("DELETE", "/access/roles/role-south", 204)
    south = lake.key("south", scratch)  # somebody else
    lake.refused("FROM scratch.again", south)
    lake.rows("CREATE TABLE scratch.plain AS SELECT 1 AS a", north)
    assert lake.rows("FROM scratch.plain", south) == [[1]]
    lake.server.sql("CREATE TABLE scratch.mart AS SELECT region, sum(amount) AS total FROM deals GROUP BY ALL")
    assert len(lake.rows("FROM scratch.mart", north)) == 2  # by who sees all: to be shared


def test_writes_stay_within_ones_rows_and_columns(lake):
    lake.ingest("cases", b"id,region,note,secret\n1,north,a,s1\n2,south,b,s2\n3,north,c,s3\n")
    north = "region = 'north'"
    key = lake.key("writes-north", allow("dataset", "cases", row_filter=north, columns=["id", "region", "note"]),
                   allow("dataset", "cases", "write", row_filter=north, columns=["id", "region", "note"]))
    lake.rows("INSERT INTO cases (id, region, note) VALUES (4, 'north', 'd')", key)
    lake.rows("INSERT INTO cases (note, region) SELECT note, region FROM cases WHERE id = 4", key)
    assert "outside" in lake.refused("INSERT INTO cases (id, region) VALUES (5, 'north'), (6, 'south')", key)
    assert "outside" in lake.refused("INSERT INTO cases (id, region) VALUES (5, NULL)", key)
    assert "name the column" in lake.refused("INSERT INTO cases (id, note) VALUES (5, 'x')", key)  # no region at all
    for sql in ("INSERT INTO cases VALUES (5, 'north', 'x', 'y')", "INSERT INTO cases (id, secret) VALUES (5, 'x')", "INSERT INTO cases BY NAME SELECT 5 AS id, 'north' AS region",
                "INSERT INTO cases (id, region, absent) VALUES (1, 'north', 2)", "UPDATE cases SET note = 'x'", "DELETE FROM cases", "TRUNCATE cases", "MERGE INTO cases USING (SELECT 1 AS id) s USING (id) WHEN MATCHED THEN DELETE"):
        assert "s1" not in lake.refused(sql, key) and "secret" not in lake.refused(sql.replace("secret", "hidden"), key)
    assert lake.rows("SELECT count(*), count(secret) FROM cases", ADMIN) == [[5, 3]]
    both = lake.key("changes-north", allow("dataset", "cases", "read", "write", row_filter=north))
    assert lake.rows("UPDATE cases SET note = 'z' WHERE id > 0", both) == [[3]]
    assert lake.rows("UPDATE cases c SET note = note || CASE WHEN c.id = 2 THEN error('seen') ELSE '!' END", both) == [[4]]
    assert lake.rows("DELETE FROM cases WHERE chr(CASE WHEN region = 'south' THEN -5 ELSE 65 END) = 'A' AND id = 3", both) == [[1]]
    assert "cannot be set" in lake.refused("UPDATE cases SET region = 'south' WHERE id = 1", both)
    for sql in ("DELETE FROM cases USING (SELECT 4 AS k) s WHERE cases.id = s.k", "UPDATE cases SET note = 'q' FROM (SELECT 4 AS k) s WHERE cases.id = s.k",
                "DELETE FROM cases WHERE (SELECT error(cases.secret)) IS NOT NULL", "DELETE FROM cases WHERE (SELECT secret::INT FROM range(1)) = 99",
                "UPDATE cases SET note = 'q' WHERE EXISTS (SELECT 1 FROM range(1) WHERE error(cases.secret || '!') IS NULL)"):
        assert "s2" not in lake.refused(sql, both)
    lake.rows("DELETE FROM cases WHERE id = 4", both)
    assert sorted(lake.rows("SELECT id, region, note FROM cases WHERE id IS NOT NULL", ADMIN)) == [[1, "north", "z!"], [2, "south", "b"]]


def test_writes_tell_nothing_of_what_is_not_read(lake):
    lake.ingest("inbox", b"id,text,secretcol\n1,a,x\n2,b,y\n")
    key = lake.key("of-inbox", allow("dataset", "inbox", "write"), allow("dataset", "inbox", columns=["id", "text"], row_filter="id = 1"))
    lake.rows("INSERT INTO inbox (id, text) VALUES (3, 'c')", key)
    for sql in ("INSERT INTO inbox (secretco) VALUES (1)", "INSERT INTO inbox VALUES (1)", "INSERT INTO inbox BY NAME SELECT 1 AS secretco"):
        message = lake.refused(sql, key)
        assert "secretcol" not in message and "3 columns" not in message
    answer = lake.server.request("POST", "/ingest/file", headers={"X-API-Key": key}, data={"dataset": "inbox", "mode": "append"}, files={"file": ("f.csv", b"id,text\n9,z\n")})
    assert answer.status_code == 403 and "secretcol" not in answer.text
    lake.call("DELETE", "/datasets/by-name/inbox", 403, key=key)


def test_a_filter_that_may_raise_lets_nobody_change_rows(lake):
    lake.ingest("codes", b"id,status\n1,12\n2,13\n3,x\n")
    lake.server.sql("UPDATE codes SET status = 'HIDDENSTATUS' WHERE id = 3")
    key = lake.key("of-codes", allow("dataset", "*", "read", "write", row_filter="status = 12"))
    for sql in ("FROM codes", "DELETE FROM codes WHERE id = 1", "UPDATE codes SET id = 1"):
        assert "HIDDEN" not in lake.refused(sql, key)


def test_what_decides_is_named_in_whatever_way_it_is_written(lake):
    lake.server.sql('CREATE TABLE quoted AS SELECT 1 AS id, \'x\' AS "a""b"')
    key = lake.key("of-quoted", allow("dataset", "quoted", "read", "write", row_filter='"a""b" = \'x\''))
    assert "cannot be set" in lake.refused('UPDATE quoted SET "a""b" = \'y\'', key)
    assert "name the column" in lake.refused("INSERT INTO quoted (id) VALUES (2)", key)
    lake.rows("UPDATE quoted SET id = 5", key)


def test_a_hash_is_no_oracle_for_who_may_write(lake):
    lake.ingest("addresses", b"id,email\n1,person1@example.org\n2,person2@example.org\n")
    lake.call("PATCH", "/catalog/datasets/by-name/addresses/metadata", 200, {"columns": {"email": {"pii_kind": "email"}}})
    lake.server.sql("CREATE SCHEMA guesses")
    key = lake.key("guesser", allow("namespace", "*", redactions={"pii:*": {"kind": "hash"}}), allow("namespace", "guesses", "write"), allow("dataset", "addresses", "write"))
    lake.rows("CREATE TABLE guesses.mine AS SELECT id, email FROM addresses", lake.key("reader-of-addresses", allow("dataset", "addresses"), allow("namespace", "guesses", "read", "write")))
    assert lake.rows("SELECT count(email) FROM guesses.mine", key) == [[0]]
    assert lake.rows("SELECT count(email) FROM addresses", key) == [[0]]
    lake.rows("INSERT INTO addresses (id, email) VALUES (3, 'person2@example.org')", key)
    assert lake.rows("SELECT count(*) FROM addresses a JOIN addresses b ON a.email = b.email", key) == [[0]]
    analyst = lake.key("another-analyst", roles=("analyst",))
    assert lake.rows("SELECT count(DISTINCT email) FROM addresses", analyst) == [[2]]


def test_sensitivity_goes_with_what_is_equal(lake):
    lake.ingest("numbers", b"id,ssn\n1,111\n2,222\n")
    lake.call("PATCH", "/catalog/datasets/by-name/numbers/metadata", 200, {"columns": {"ssn": {"sensitivity": "restricted"}}})
    for name, sql in (("joined", "SELECT r.i AS y FROM numbers JOIN range(1000) r(i) ON r.i = ssn"), ("picked", "SELECT r.i AS y FROM range(1000) r(i) WHERE r.i IN (SELECT ssn FROM numbers)"),
                      ("crossed", "SELECT r.i AS y FROM numbers, range(1000) r(i) WHERE ssn + 0 = r.i"), ("semi", "SELECT r.i AS y FROM range(1000) r(i) SEMI JOIN numbers ON r.i = ssn")):
        lake.server.sql(f"CREATE TABLE numbers_{name} AS {sql}")
        assert told(lake, f"numbers_{name}")["y"][0] == "restricted", name


def test_errors_name_nothing_that_is_hidden(lake):
    lake.server.sql("CREATE SCHEMA own")
    lake.server.sql("CREATE SCHEMA board")
    lake.server.sql("CREATE TABLE board.layoffs2027 AS SELECT 1 AS a")
    lake.server.sql('CREATE TABLE own."UpTab" AS SELECT 1 AS a')
    key = lake.key("of-own", allow("namespace", "own", "read", "write"))
    for sql, status in (("INSERT INTO own.layoffs2027 VALUES (1)", 400), ("DROP TABLE own.layoffs202", 400), ("DELETE FROM own.layoffs2026", 400), ("ALTER TABLE own.layoff2027 ADD COLUMN b INTEGER", 400)):
        assert "board" not in lake.refused(sql, key, status=status)
    for sql in ("CREATE TABLE own.e WITH (location='/tmp/x') AS SELECT 1 AS a", "CREATE TABLE own.f (a INTEGER REFERENCES board.layoffs2027 (a))"):
        assert "board" not in lake.refused(sql, key).replace(sql, "")
    assert lake.rows('INSERT INTO own."UpTab" VALUES (2)', lake.key("of-up", allow("dataset", "own.UpTab", "read", "write"))) == [[1]]
    assert lake.rows("UPDATE own.\"UpTab\" SET a = 3 WHERE false", key) == [[0]]
    assert lake.rows("SELECT sum(a) FROM own.\"UpTab\"", key) == [[3]]


def test_a_change_of_nothing_tells_nothing_of_a_row_filter(lake):
    """Else its constants are found by what the planner folds the condition and the filter to."""
    lake.ingest("notebook", csv("id,v", [(1, 1)]))
    lake.ingest("all_salaries", csv("id,salary", [(i, i * 1000) for i in range(100)]))
    key = lake.key("of-pay", allow("dataset", "all_salaries", row_filter="salary < 47123"), allow("dataset", "notebook", "read", "write"))
    for sql in ("UPDATE notebook SET v = v FROM all_salaries WHERE notebook.id = all_salaries.id AND all_salaries.salary = {}", "UPDATE notebook SET v = v WHERE id IN (SELECT id FROM all_salaries WHERE salary = {})"):
        assert [lake.rows(sql.format(n), key) for n in (47122, 47123)] == [[[0]], [[0]]]


def test_main_is_the_default_namespace_here_too(lake):
    for name in ("hid2", "hid3", "hid4"):
        lake.ingest(name, b"id,v\n1,secret\n")
    key = lake.key("of-main", allow("dataset", "*", "read", "write"), *({"effect": "deny", "on": "dataset", "name": name, "actions": ["read", "write"]} for name in ("hid2", "hid3", "hid4")))
    by_main = lake.key("by-main", allow("namespace", "main", "read", "write"))
    for sql in ("INSERT INTO main.hid2 VALUES (5, 'x')", "DROP TABLE main.hid4", "ALTER TABLE main.hid4 RENAME COLUMN v TO w", "ALTER TABLE main.hid3 RENAME TO mine_now", "FROM main.hid2",
                "UPDATE main.hid2 SET v = 'x'", "DELETE FROM lake.main.hid2", "TRUNCATE main.hid2"):
        lake.refused(sql, key)
        lake.refused(sql, by_main)
    assert [lake.rows(f"SELECT count(*) FROM {name}", ADMIN) for name in ("hid2", "hid3", "hid4")] == [[[1]]] * 3
    lake.rows("CREATE TABLE main.made AS SELECT 1 AS a", key)
    assert lake.rows("FROM made", key) == [[1]]
    lake.refused("CREATE TABLE main.other AS SELECT 1 AS a", by_main)


def test_a_new_name_is_asked_for_too(lake):
    lake.server.sql("CREATE SCHEMA plot")
    key = lake.key("of-plot", allow("namespace", "plot", "read", "write"), {"effect": "deny", "on": "dataset", "name": "plot.forbidden", "actions": ["write"]})
    lake.rows("CREATE TABLE plot.a AS SELECT 1 AS a", key)
    lake.refused("ALTER TABLE plot.a RENAME TO forbidden", key)
    lake.rows("ALTER TABLE plot.a RENAME TO b", key)
    lake.refused("CREATE SCHEMA lake", lake.key("of-data", allow("namespace", "data", "read", "write")))


def test_sensitivity_goes_along_within_a_transaction(lake):
    lake.ingest("wages", b"id,wage\n1,111\n")
    lake.call("PATCH", "/catalog/datasets/by-name/wages/metadata", 200, {"columns": {"wage": {"sensitivity": "restricted"}}})
    lake.server.sql("CREATE TABLE wages_a (x BIGINT)")
    lake.server.sql("CREATE TABLE wages_b (y BIGINT)")
    lake.server.sql("BEGIN; INSERT INTO wages_a SELECT wage FROM wages; INSERT INTO wages_b SELECT x FROM wages_a; COMMIT")
    assert told(lake, "wages_a")["x"][0] == told(lake, "wages_b")["y"][0] == "restricted"
    key = lake.key("of-wages", allow("dataset", "wages_a", "read", "write", redactions={"sensitivity:restricted": {"kind": "none"}}))
    lake.refused("BEGIN; INSERT INTO wages_a VALUES (1); ALTER TABLE wages_a RENAME COLUMN x TO z; COMMIT", key)


def test_a_filter_that_does_not_bind_tells_no_names(lake):
    lake.server.sql("CREATE TABLE nested AS SELECT 1 AS id, {'fld': 1} AS st, 5 AS secretnum")
    for name, row_filter in (("field", "st.nofld = 1"), ("type", "lower(secretnum) = 'x'")):
        key = lake.key(f"unbound-{name}", allow("namespace", "data", row_filter=row_filter, columns=["id"]))
        message = lake.ask("FROM nested", key).json()["error"]["message"]
        assert "fld" not in message and "secretnum" not in message and "INTEGER" not in message, message


# ---- the audit ----

def test_each_statement_is_recorded(lake):
    sql = "SELECT name, salary FROM candidates WHERE status = 'active' AND salary > 80"
    rows = lake.rows(sql, lake.agent)
    lake.refused("SELECT * FROM hidden", lake.agent)
    lake.server.sql("CREATE TABLE audited AS SELECT 1 AS a")
    items = lake.call("GET", "/access/audit?limit=50", 200)["items"]
    asked = next(item for item in items if item["statement"] == sql)
    assert (asked["principal"], asked["outcome"], asked["rows"], asked["datasets"], asked["door"], asked["remote"]) == ("agent-of-sql", "ok", len(rows), ["data.candidates"], "http", "127.0.0.1")
    assert set(asked["columns"]) == {"data.candidates.name", "data.candidates.salary", "data.candidates.status"}
    assert "rows where" in asked["policy"] and "blocked" in asked["policy"] and len(asked["snapshot_ids"]) == 1 and lake.ask(sql, lake.agent).json()["snapshots"] == [] and asked["trace_id"]
    assert [item["outcome"] for item in items if "hidden" in item["statement"] and item["principal"] == "agent-of-sql"][:1] == ["denied"]
    assert [item["outcome"] for item in items if item["statement"].startswith("CREATE TABLE audited")] == ["ok", "begun"]
    assert {item["principal"] for item in lake.call("GET", "/access/audit?principal=agent-of-sql", 200)["items"]} == {"agent-of-sql"}
    lake.call("GET", "/access/audit", 403, key=lake.agent)


def test_the_audit_is_for_administrators(lake):
    lake.call("POST", "/journal/flush", 200)
    assert lake.rows("SELECT count(*) > 0 FROM lake.system.query_audit", ADMIN) == [[True]]
    writer = lake.call("POST", "/access/keys", 201, {"name": "plain", "permission": "write"})["key"]
    assert lake.rows("SELECT count(*) FROM candidates", writer) == [[199]]
    for sql in ("FROM lake.system.query_audit", "SELECT count(*) FROM lake.\"SYSTEM\".journal", "DELETE FROM lake.system.query_audit", "DROP TABLE lake.system.query_audit",
                "INSERT INTO lake.system.journal SELECT * FROM lake.system.journal", "CREATE TABLE lake.system.mine AS SELECT 1 AS a"):
        lake.refused(sql, writer)
        lake.refused(sql, lake.agent)
    lake.call("DELETE", "/datasets/by-name/system.query_audit", 403, key=writer)
    assert lake.rows("SELECT 'system' AS word", writer) == [["system"]]


# ---- views ----

def view(lake, name, base, columns, **parts):
    lake.call("POST", "/catalog/views", 201, {"name": name, "base_dataset": base, "columns": columns, **parts})


def test_a_view_is_seen_and_nothing_of_its_base(lake):
    view(lake, "safe", "candidates", ["id", "name", "status", "salary"], row_filter="status != 'blocked'", column_redactions={"id": {"kind": "Mask", "keep_prefix": 4, "keep_suffix": 2}})
    view(lake, "rich", "safe", ["name", "salary", "id"], row_filter="salary > 70", column_redactions={"salary": {"kind": "bucket", "n": 10}})
    bot = lake.key("bot", roles=("agent",))
    assert lake.rows("SELECT count(*), min(id) FROM safe", bot) == [[179, "CAND****00"]]
    assert lake.rows("SELECT DISTINCT salary FROM rich ORDER BY 1", bot) == [[70], [80]]
    assert lake.rows("SELECT count(*) FROM rich r JOIN safe s USING (name) WHERE chr(s.salary::INTEGER) <> 'A'", bot) == [[lake.rows("SELECT count(*) FROM candidates WHERE status <> 'blocked' AND salary > 70", ADMIN)[0][0]]]
    for sql in ("SELECT email FROM safe", "SELECT status FROM rich"):
        lake.refused(sql, bot, status=400)
    for sql in ("FROM candidates", "EXPLAIN FROM safe", "INSERT INTO safe VALUES ('x', 'y', 'z', 1)", "DROP TABLE safe", "SELECT * FROM data.hidden"):
        lake.refused(sql, bot)
    assert lake.rows("SHOW TABLES", bot) == [["rich"], ["safe"]]
    shown = lake.call("GET", "/datasets/by-name/safe", 200, key=bot)
    assert (shown["format"], [column["name"] for column in shown["schema"]], shown["row_count"]) == ("view", ["id", "name", "status", "salary"], None)
    assert [item["name"] for item in lake.call("GET", "/datasets", 200, key=bot)["items"]] == ["rich", "safe"]
    assert lake.server.request("POST", "/query/sql", headers={"X-API-Key": bot}, json={"sql": "FROM safe"}).json()["snapshots"] == []
    lake.call("GET", "/catalog/views", 403, key=bot)
    assert lake.rows("SELECT count(*) FROM safe s JOIN candidates c USING (name)", ADMIN) == [[179]]  # who sees all reads views, too
    assert lake.ask("EXPLAIN SELECT name FROM safe", ADMIN).status_code == 200
    narrow = lake.key("narrow", allow("view", "safe", columns=["name", "status"], row_filter="name LIKE 'n1%'", redactions={"status": {"kind": "null"}}))
    assert lake.rows("SELECT count(*), count(status) FROM safe", narrow) == [[lake.rows("SELECT count(*) FROM safe WHERE name LIKE 'n1%'", bot)[0][0], 0]]
    lake.refused("SELECT salary FROM safe", narrow, status=400)


def test_a_view_and_a_table_that_differ_in_case_are_two_to_every_caller(lake):
    """A view is not looked for where there is a table of its name; one of its name in lower case counted, for an administrator."""
    lake.rows("CREATE TABLE cased AS SELECT 1 AS id", ADMIN)
    view(lake, "Cased", "candidates", ["name"])
    key = lake.key("of-cased", allow("view", "Cased"))
    for caller in (ADMIN, key):
        assert lake.rows("SELECT count(*) FROM Cased", caller) == lake.rows("SELECT count(*) FROM candidates", ADMIN)
    assert lake.rows("FROM cased", ADMIN) == [[1]]


def test_a_filter_that_could_raise_shows_nothing(lake):
    lake.ingest("texts", b"id,word\n1,secret\n2,5\n")
    lake.server.sql("UPDATE texts SET word = 'secret' WHERE id = 1")
    for name, row_filter in (("number", "word = 5"), ("boolean", "word")):
        key = lake.key(f"raises-{name}", allow("namespace", "data", row_filter=row_filter))
        assert "secret" not in lake.refused("FROM texts", key) and lake.ask("FROM texts", key).status_code == 403


def test_a_filter_may_compare_whole_numbers_with_decimals(lake):
    """It is taken when it is kept, so it holds when it is used."""
    lake.call("POST", "/query/sql", 200, {"sql": "CREATE TABLE rates AS SELECT i::INTEGER AS n, (i % 3 * 2)::DECIMAL(12, 2) AS rate FROM range(6) r(i)"})
    fits = lake.key("of-rates", allow("dataset", "rates", row_filter="n > rate", columns=["n"]))
    assert lake.rows("SELECT n FROM rates WHERE chr(n) <> 'x' ORDER BY n", fits) == [[3], [4], [5]]


@pytest.fixture(scope="module")
def late(lake):
    """Who sees the same rows of two tables, with more hidden ones between them in the one."""
    lake.call("POST", "/query/sql", 200, {"sql": "CREATE TABLE pair AS SELECT 49999 AS id UNION ALL SELECT 60000"})
    for table, hidden in (("sparse", 10), ("dense", 30000)):
        lake.call("POST", "/query/sql", 200, {"sql": f"CREATE TABLE {table} AS SELECT i AS id, true AS shown FROM range(40000) r(i) UNION ALL SELECT i, false FROM range({hidden}) r(i) UNION ALL SELECT i, true FROM range(40000, 60000) r(i)"})
    return lake.key("of-late", *(allow("dataset", name, row_filter="shown", columns=["id"]) for name in ("sparse", "dense")), allow("dataset", "pair"))


@pytest.mark.parametrize("format", ["json", "ndjson", "csv", "arrow"])
@pytest.mark.parametrize("sql", ["SELECT id, CASE WHEN id = 50000 THEN error('seen') ELSE 'x' END AS x FROM {}", "SELECT id, (SELECT b.id FROM pair b WHERE b.id >= a.id % 50000) AS x FROM {} a",
                                 "SELECT id, $1::INTEGER // (id - 50000) + CASE WHEN id < 50000 THEN 0 ELSE chr(-id::INTEGER)::INTEGER END AS x FROM {}"])
def test_an_error_late_in_an_answer_tells_not_what_lies_before_it(lake, late, sql, format):
    """Rows are computed in vectors, which hidden ones are cut out of: how many came before the error would tell of them."""
    params = {"params": [7]} if "$1" in sql else {}
    told = [lake.ask(sql.format(table), late, format=format, **params) for table in ("sparse", "dense")]
    assert [answer.status_code for answer in told] == [400, 400], [answer.text[:200] for answer in told]
    assert told[0].json()["error"]["message"] == told[1].json()["error"]["message"]
    whole = lake.ask("SELECT id, upper(id::VARCHAR) FROM dense", late, format=format)
    assert whole.status_code == 200 and len(whole.content) > 60000


@pytest.mark.parametrize("value", ["count(*) FILTER (sec = 'x')", "sum(1) FILTER (sec = 'x')", "rank() OVER (ORDER BY sec)", "max(sum(1)) OVER (PARTITION BY min(sec))", "sum(CASE WHEN sec = 'x' THEN 1 ELSE 0 END)"])
def test_sensitivity_goes_with_what_chooses_orders_and_parts(lake, value):
    lake.call("POST", "/query/sql", 200, {"sql": "CREATE TABLE IF NOT EXISTS chosen AS SELECT 1 AS id, 'x' AS sec"})
    lake.call("PATCH", "/catalog/datasets/by-name/chosen/metadata", 200, {"columns": {"sec": {"sensitivity": "restricted"}}})
    name = "chosen_" + hashlib.sha256(value.encode()).hexdigest()[:8]
    lake.call("POST", "/query/sql", 200, {"sql": f"CREATE TABLE {name} AS SELECT id, {value} AS b FROM chosen GROUP BY id" + (", sec" if value.startswith("rank") else "")})
    assert {column: of[0] for column, of in told(lake, name).items()} == {"id": "internal", "b": "restricted"}


def test_sensitivity_goes_through_a_pivot(lake):
    lake.call("POST", "/query/sql", 200, {"sql": "CREATE TABLE turned AS SELECT 1 AS id, 'x' AS sec"})
    lake.call("PATCH", "/catalog/datasets/by-name/turned/metadata", 200, {"columns": {"sec": {"sensitivity": "restricted"}}})
    lake.call("POST", "/query/sql", 200, {"sql": "CREATE TABLE turned_over AS FROM (PIVOT turned ON sec IN ('x') USING count(*) GROUP BY id)"})
    assert told(lake, "turned_over")["x"][0] == "restricted"


# ---- namespaces that differ in case only: one to SQL, so a lake has one of them ----

@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """`sec` is hidden from who may write but `SEC`, which is not there; nor is `OTHER`, in any case."""
    made = Lake(tmp_path_factory.mktemp("cases") / "root")
    made.server.sql("CREATE SCHEMA sec")
    made.ingest("sec.pay", b"id,v\n42,HIDDEN\n")
    made.rows("FROM sec.pay", ADMIN)
    made.agent = made.key("of-SEC", *(allow("namespace", name, "read", "write") for name in ("SEC", "OTHER")))
    yield made
    made.server.stop()


def upload(lake, key, name, data=b"id\n1\n"):
    return lake.server.request("POST", "/ingest/file", headers={"X-API-Key": key}, data={"dataset": name}, files={"file": ("f.csv", data)})


def test_a_namespace_is_not_made_beside_one_of_another_case(cases):
    assert "already exists" in cases.ask('CREATE SCHEMA "SEC"', ADMIN).text
    assert upload(cases, ADMIN, "Sec.x").status_code == 409
    cases.call("POST", "/iceberg/v1/namespaces", 409, {"namespace": ["SEC"]})
    cases.call("POST", "/iceberg/v1/namespaces", 200, {"namespace": ["sec", "low"]})
    said = cases.call("POST", "/iceberg/v1/namespaces", 409, {"namespace": ["sec", "LOW"]})
    assert "another case of its letters" in said["error"]["message"]
    assert cases.call("GET", "/iceberg/v1/namespaces/sec", 200)["namespace"] == ["sec"]


def test_of_two_that_are_made_at_once_one_is(cases):
    for i in range(10):
        answers = []
        makers = [threading.Thread(target=lambda name=name: answers.append(cases.server.request("POST", "/iceberg/v1/namespaces", json={"namespace": [name]}).status_code))
                  for name in (f"pair{i}", f"PAIR{i}", f"Pair{i}")]
        for maker in makers: maker.start()
        for maker in makers: maker.join()
        assert sorted(answers) == [200, 409, 409]


OF_ANOTHER_CASE = [
    'CREATE TABLE "{}".mine AS SELECT 1 AS id', 'CREATE TABLE "{}".pay AS SELECT 1 AS id', 'DROP TABLE "{}".pay', 'DROP TABLE IF EXISTS "{}".pay',
    'ALTER TABLE "{}".pay DROP COLUMN v', 'ALTER TABLE "{}".pay RENAME TO gone', 'INSERT INTO "{}".pay (id) VALUES (667)', 'INSERT INTO "{}".pay (vv) VALUES (1)',
    'UPDATE "{}".pay SET vv = 1', 'DELETE FROM "{}".pay', 'FROM "{}".pay', 'FROM "{}"."PAY"', 'DESCRIBE "{}".pay', 'DROP SCHEMA "{}"',
]


@pytest.mark.parametrize("sql", OF_ANOTHER_CASE)
def test_one_of_another_case_that_is_hidden_is_as_one_that_is_not_there(cases, sql):
    there, absent = (cases.ask(sql.format(name), cases.agent) for name in ("SEC", "OTHER"))
    assert there.status_code == absent.status_code and there.status_code in (400, 403)
    assert there.json()["error"]["message"] == absent.json()["error"]["message"].replace("OTHER", "SEC")
    assert cases.rows("FROM sec.pay", ADMIN) == [[42, "HIDDEN"]]
    assert [i["name"] for i in cases.call("GET", "/datasets?namespace=sec", 200)["items"]] == ["pay"]


def test_a_file_for_one_of_another_case_does_not_tell_which_tables_are_there(cases):
    there, absent = (upload(cases, cases.agent, f"SEC.{name}") for name in ("pay", "none"))
    assert there.status_code == absent.status_code == 409
    assert there.json()["error"]["message"] == absent.json()["error"]["message"]


def test_a_namespace_that_one_may_use_goes_by_any_case(cases):
    cases.server.sql("CREATE SCHEMA Mixed")
    key = cases.key("of-mixed", allow("namespace", "Mixed", "read", "write"))
    assert cases.rows("CREATE TABLE mIXED.t AS SELECT 1 AS id", key) == [[1]]
    cases.rows("INSERT INTO MIXED.t (id) VALUES (2)", key)
    assert cases.rows("SELECT mixed.t.id FROM mixed.t ORDER BY ALL", key) == [[1], [2]]
    assert cases.ask("FROM mixed.t", key).json()["snapshots"][0]["table"] == "Mixed.t"
    cases.rows("DROP TABLE mixed.t", key)
    assert cases.ask('DROP SCHEMA "Mixed"', key).status_code == 200  # DuckDB takes this one as it is written
    cases.call("GET", "/iceberg/v1/namespaces/Mixed", 404)


def test_sensitivity_goes_with_values_into_a_namespace_of_any_case(cases):
    cases.server.sql("CREATE SCHEMA Kept")
    cases.ingest("secret", b"id,v\n1,x\n")
    cases.call("PATCH", "/catalog/datasets/by-name/secret/metadata", 200, {"columns": {"v": {"sensitivity": "restricted"}}})
    cases.rows("CREATE TABLE kept.copy AS FROM secret", ADMIN)
    columns = cases.call("GET", "/catalog/datasets/by-name/Kept.copy", 200)["columns"]
    assert columns[1]["name"] == "v" and columns[1]["sensitivity"] == "restricted"


@pytest.fixture
def namesakes(tmp_path):
    """A lake of a version that made both."""
    schema = {"type": "struct", "schema-id": 0, "fields": [{"id": 1, "name": "id", "required": False, "type": "long"}]}
    documents = {f"namespace/{name}": {"properties": {}} for name in ("data", "sec", "SEC")}
    for i, name in enumerate(("sec", "SEC")):
        folder = tmp_path / "root" / "lake" / f"folder{i}"
        (folder / "metadata").mkdir(parents=True)
        (folder / "metadata" / "00000-a.metadata.json").write_text(json.dumps({
            "format-version": 2, "table-uuid": f"01900000-0000-7000-8000-00000000000{i}", "location": str(folder), "last-sequence-number": 0,
            "last-updated-ms": 1, "last-column-id": 1, "current-schema-id": 0, "schemas": [schema], "default-spec-id": 0, "last-partition-id": 999,
            "partition-specs": [{"spec-id": 0, "fields": []}], "default-sort-order-id": 0, "sort-orders": [{"order-id": 0, "fields": []}]}))
        documents[f"table/{name}/pay"] = {"metadata_key": f"lake/folder{i}/metadata/00000-a.metadata.json"}
    changes = [{"key": key, "put": {"schema_version": 1, **document}} for key, document in documents.items()]
    log = tmp_path / "root" / "_catalog" / "log"
    log.mkdir(parents=True)
    (log / f"{1:020}.json").write_text(json.dumps({"format": "lakehouse-log", "schema_version": 1, "sequence": 1, "changes": changes}))
    made = Lake(tmp_path / "root")
    yield made
    made.server.stop()


def test_a_lake_that_has_both_is_read_by_iceberg_clients_and_not_by_sql(namesakes):
    lake = namesakes
    for name, folder in (("sec", "folder0"), ("SEC", "folder1")):
        assert lake.call("GET", f"/iceberg/v1/namespaces/{name}/tables/pay", 200)["metadata"]["location"].endswith(folder)
    key = lake.key("of-SEC", allow("namespace", "SEC", "read", "write"))
    for sql in ("FROM sec.pay", 'SELECT 1 FROM data."none" RIGHT JOIN "SEC".pay ON true', "INSERT INTO sec.pay VALUES (1)", "CREATE TABLE sec.new (i INTEGER)", "DROP TABLE sec.pay",
                'DROP SCHEMA "SEC"', "EXPLAIN FROM sec.pay", "DESCRIBE sec.pay"):
        assert "more than one namespace" in lake.refused(sql, ADMIN, 400), sql
        assert lake.ask(sql, key).status_code == 403
    assert upload(lake, ADMIN, "SEC.new").status_code == upload(lake, ADMIN, "sec.pay").status_code == 409
    assert lake.rows("SELECT 1", ADMIN) == [[1]]
    lake.server.restart()
    lake.refused("FROM sec.pay", ADMIN, 400)
    lake.call("POST", "/iceberg/v1/tables/rename", 204, {"source": {"namespace": ["SEC"], "name": "pay"}, "destination": {"namespace": ["data"], "name": "pay"}})
    lake.call("DELETE", "/iceberg/v1/namespaces/SEC", 204)
    assert lake.rows("INSERT INTO sec.pay VALUES (7)", ADMIN) == [[1]]
    assert lake.rows("FROM SEC.pay", ADMIN) == [[7]] and lake.rows("FROM pay", ADMIN) == []
    assert lake.rows("FROM Sec.pay", lake.key("of-sec", allow("namespace", "sec"))) == [[7]]


# ---- how much one statement may name, and how long it is bound ----

@pytest.mark.parametrize("admin", [False, True])
def test_a_statement_names_tables_five_hundred_times(lake, admin):
    key = ADMIN if admin else lake.agent
    said = lake.refused(" UNION ALL ".join(["SELECT 1 FROM candidates"] * 501), key, 422)
    assert "at most 500 times" in said and "WITH" in said
    assert lake.rows("WITH c AS (SELECT count(*) AS n FROM candidates) SELECT sum(n) > 0 FROM (" + " UNION ALL ".join(["FROM c"] * 501) + ")", key) == [[True]]


def test_what_is_put_into_a_statement_has_a_bound(lake):
    condition = " OR ".join(f"id = 'a name that is {i:03} long'" for i in range(110))
    key = lake.key("of-much", allow("dataset", "candidates", row_filter=condition))
    assert lake.rows("SELECT count(*) FROM candidates", key) == [[0]]
    said = lake.refused(" UNION ALL ".join(["SELECT 1 FROM candidates"] * 450), key, 422)
    assert "bytes of SQL" in said and "WITH" in said


def test_a_statement_that_is_not_bound_in_time_says_so(lake):
    answer = lake.ask(" UNION ALL ".join(["SELECT id FROM candidates"] * 500), lake.agent, timeout_ms=20)
    assert answer.status_code == 504 and "timed out" in answer.text


def statements_of_case(lake, key):
    """What each statement about tables that differ in case only came to, with the names that its message has."""
    told = []
    for name in ("employees", "Employees", '"employees"', '"Employees"', "EMPLOYEES", '"EMPLOYEES"'):
        for sql in ("SELECT * FROM {}", "DESCRIBE {}", "INSERT INTO {} (low) VALUES (5)", "UPDATE {} SET low = 6 WHERE low = 5", "DELETE FROM {} WHERE low = 6", "ALTER TABLE {} ADD COLUMN more INTEGER",
                    "ALTER TABLE {} DROP COLUMN more", "SELECT * FROM {} AT (TIMESTAMP => '2999-01-01')"):
            answer = lake.ask(sql.format(name), key)
            told.append((sql.format(name), answer.status_code, answer.json()["rows"] if answer.status_code == 200 else answer.json()["error"]["message"]))
    return told


def test_names_of_tables_have_one_case_to_every_caller(tmp_path):
    """An exact match, as to an administrator, and nothing else: "Employees" read `employees` where only that was granted. A name that was not granted
    is as one that is not there, so what a caller is told is the same with and without the hidden table; writes differed."""
    lake = Lake(tmp_path / "lake")
    lake.rows("CREATE TABLE employees AS SELECT 1 AS low", ADMIN)
    key = lake.key("low", allow("dataset", "employees", "read", "write"))
    alone = statements_of_case(lake, key)
    assert [row[:2] for row in alone if row[0].startswith("SELECT") and "AT" not in row[0]] == [
        ("SELECT * FROM employees", 200), ("SELECT * FROM Employees", 403), ('SELECT * FROM "employees"', 200), ('SELECT * FROM "Employees"', 403), ("SELECT * FROM EMPLOYEES", 403), ('SELECT * FROM "EMPLOYEES"', 403)]
    lake.rows('CREATE TABLE "Employees" AS SELECT 2 AS cap', ADMIN)
    assert statements_of_case(lake, key) == alone
    assert lake.rows("FROM employees", ADMIN) == [[1]] and lake.rows('FROM "Employees"', ADMIN) == lake.rows("FROM Employees", ADMIN) == [[2]]
    both = lake.key("both", allow("dataset", "employees"), allow("dataset", "Employees"))
    for name, rows in (("employees", [[1]]), ('"Employees"', [[2]]), ("Employees", [[2]])):
        assert lake.rows(f"SELECT * FROM {name}", both) == rows
    for caller in (both, ADMIN):
        assert lake.ask("SELECT * FROM EMPLOYEES", caller).status_code in (400, 403)
    lake.server.stop()

"""Schemas: compared, migrated in one commit, rolled back; files brought to a table; a text for a model and its answer."""
import decimal
import io
import json
import os
import random
import subprocess
import threading
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests

from harness import BINARY, SANITIZED, Server

KILLS = int(os.environ.get("LAKEHOUSE_KILLS", 2 if SANITIZED else 5))


def diff(server, **body):
    answer = server.request("POST", "/catalog/schema/diff", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def changes(answer):
    """{"renamed a>b", "added c", …}"""
    found = {}
    for change in answer["changes"]:
        names = [change[side]["name"] for side in ("from", "to") if side in change]
        found[change["kind"] + " " + ">".join(dict.fromkeys(names))] = change
    return found


def migrate(server, name, status=200, **body):
    answer = server.request("POST", f"/catalog/datasets/by-name/{name}/migrate", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def rollback(server, name, **body):
    answer = server.request("POST", f"/catalog/datasets/by-name/{name}/rollback", json=body or None)
    assert answer.status_code == 200, answer.text
    return answer.json()


def rows(server, table):
    return sorted(server.sql(f"SELECT * FROM {table}"), key=repr)


def columns(server, table):
    return [tuple(row[:2]) for row in server.sql(f"DESCRIBE {table}")]


def metadata(server, table):
    return server.request("GET", f"/iceberg/v1/namespaces/data/tables/{table}").json()["metadata"]


def plain(value):
    return float(value) if isinstance(value, decimal.Decimal) else value


def readers_agree(server, table):
    """Our SQL, PyIceberg and DuckDB's own client see the same columns and rows; the rows."""
    scan = server.pyiceberg().load_table(f"data.{table}").scan().to_arrow()
    ours = server.sql(f"SELECT * FROM {table}")
    theirs = [[plain(v) for v in row.values()] for row in scan.to_pylist()]
    assert [name for name, _ in columns(server, table)] == scan.column_names
    assert sorted(ours, key=repr) == sorted(theirs, key=repr)
    other = [[plain(v) for v in row] for row in server.duckdb().execute(f"SELECT * FROM lake.data.{table}").fetchall()]
    assert sorted(other, key=repr) == sorted(theirs, key=repr)
    return sorted(ours, key=repr)


@pytest.fixture(scope="module")
def people(server):
    """Two versions of a table."""
    server.sql("""CREATE TABLE people_old AS SELECT i::INTEGER AS id, 'c' || (i % 20) AS cust_name, (i * 1.5)::VARCHAR AS price,
                  'Ann' || i || ' Lee' || (i % 7) AS full_name, i % 2 = 0 AS flag FROM range(200) r(i)""")
    server.sql("""CREATE TABLE people_new AS SELECT i AS id, 'c' || (i % 20) AS customer_name, (i * 1.5)::DECIMAL(10, 2) AS price,
                  'Ann' || i AS first_name, 'Lee' || (i % 7) AS last_name, 5 AS extra FROM range(200) r(i)""")
    return server


# ---- diff ----

def test_two_datasets_are_compared(people):
    answer = diff(people, **{"from": {"dataset": "people_old"}, "to": {"dataset": "people_new"}})
    found = changes(answer)
    assert set(found) == {"type_changed id", "renamed cust_name>customer_name", "type_changed price", "removed full_name",
                          "removed flag", "added first_name", "added last_name", "added extra"}
    assert found["type_changed id"]["widening"] and not found["type_changed price"]["widening"]
    assert found["renamed cust_name>customer_name"]["confidence"] >= 0.9
    assert any("100% of the values agree" in reason for reason in found["renamed cust_name>customer_name"]["reasons"])
    assert found["removed full_name"]["candidates"] and found["removed full_name"]["confidence"] < 1
    assert [(s["op"], s["column"], s["into"], s["separator"]) for s in answer["suggestions"]] == [
        ("split", "full_name", ["first_name", "last_name"], " ")]
    assert answer == diff(people, **{"from": {"dataset": "people_old"}, "to": {"dataset": "people_new"}})
    back = diff(people, **{"from": {"dataset": "people_new"}, "to": {"dataset": "people_old"}})
    assert [(s["op"], s["columns"], s["to"]) for s in back["suggestions"]] == [("merge", ["first_name", "last_name"], "full_name")]
    assert diff(people, **{"from": {"dataset": "people_new"}, "to": {"dataset": "people_new"}})["equal"]


def test_a_file_is_compared_as_upload_and_as_object(server):
    server.sql("CREATE TABLE stock AS SELECT i::INTEGER AS sku, 'w' || i AS warehouse, i * 1.0::DOUBLE AS weight FROM range(9) r(i)")
    body = "sku,ware_house,weight,colour\n" + "".join(f"{i},w{i},{i}.5,red\n" for i in range(9))
    answer = server.request("POST", "/catalog/schema/diff", data={"dataset": "stock"}, files={"file": ("s.csv", body)})
    assert answer.status_code == 200, answer.text
    assert set(changes(answer.json())) == {"renamed warehouse>ware_house", "added colour"}  # a BIGINT guess is no change
    assert answer.json()["to"]["file"] == "s.csv"
    assert server.request("PUT", "/storage/objects/in/s.csv", data=body.encode()).status_code in (200, 201)
    again = diff(server, **{"from": {"dataset": "stock"}, "to": {"object": "in/s.csv"}})
    assert again["changes"] == answer.json()["changes"]
    table = io.BytesIO()
    pq.write_table(pa.table({"sku": pa.array([1], pa.int64()), "warehouse": ["w1"], "weight": [1.0]}), table)
    answer = server.request("POST", "/catalog/schema/diff", data={"dataset": "stock"}, files={"file": ("s.parquet", table.getvalue())})
    assert set(changes(answer.json())) == {"type_changed sku"}  # Parquet does not guess


def test_snapshots_of_one_dataset_are_compared(server):
    server.sql("CREATE TABLE shots AS SELECT 1 AS a, 'x' AS b")
    first = metadata(server, "shots")["current-snapshot-id"]
    migrate(server, "shots", rules=[{"op": "rename", "column": "b", "to": "label"}])
    server.sql("INSERT INTO shots VALUES (2, 'y')")
    second = metadata(server, "shots")["current-snapshot-id"]
    answer = diff(server, **{"from": {"dataset": "shots", "snapshot_id": first}, "to": {"dataset": "shots", "snapshot_id": second}})
    assert [c["name"] for c in answer["from"]["columns"]] == ["a", "b"]
    assert [c["name"] for c in answer["to"]["columns"]] == ["a", "label"]


def test_requests_that_say_nothing_are_refused(server):
    server.sql("CREATE TABLE plainly AS SELECT 1 AS a")
    side = {"dataset": "plainly"}
    for body, status, text in [({"from": side}, 400, "'to'"), ({"from": side, "to": {}}, 400, "either"),
                               ({"from": side, "to": {"dataset": "a", "object": "b"}}, 400, "either"),
                               ({"from": side, "to": {"dataset": "nowhere"}}, 404, "nowhere"),
                               ({"from": side, "to": {"object": "no/such.csv"}}, 404, ""),
                               ({"from": side, "to": {"object": "../x"}}, 400, ""),
                               ({"from": side, "to": {**side, "snapshot_id": 77}}, 404, "77"),
                               ({"from": side, "to": {**side, "snapshot_id": "x"}}, 400, "snapshot_id"),
                               ({"from": side, "to": side, "depth": 1}, 400, "depth"),
                               ({"from": side, "to": side, "min_confidence": 2}, 400, "min_confidence")]:
        answer = server.request("POST", "/catalog/schema/diff", json=body)
        assert answer.status_code == status and text in answer.text, (body, answer.text)
    assert server.request("POST", "/catalog/schema/diff", data={"dataset": "plainly"}, files={"file": ("x.csv", "")}).status_code == 400
    assert server.request("POST", "/catalog/schema/diff", files={"file": ("x.csv", "a\n1\n")}).status_code == 400


# ---- migrate and rollback ----

def test_a_dry_run_shows_and_changes_nothing(people):
    before = metadata(people, "people_old")
    answer = migrate(people, "people_old", to={"dataset": "people_new"}, dry_run=True, sample_rows=3)
    assert metadata(people, "people_old") == before
    assert answer["dry_run"] and [(r["op"], r["column"]) for r in answer["applied"]] == [
        ("cast", "id"), ("rename", "cust_name"), ("cast", "price"), ("add", "extra")]
    assert {(r["op"], r["column"]) for r in answer["skipped"]} == {
        ("drop", "full_name"), ("drop", "flag"), ("add", "first_name"), ("add", "last_name")}
    assert answer["before"]["columns"] == ["id", "cust_name", "price"] and answer["after"]["columns"][1] == "customer_name"
    assert len(answer["before"]["rows"]) == len(answer["after"]["rows"]) == 3
    assert [(c["column"], c["rows"], c["failed"]) for c in answer["casts"]] == [("id", 200, 0), ("price", 200, 0)]
    bad = migrate(people, "people_old", rules=[{"op": "cast", "column": "cust_name", "type": "BIGINT"}], dry_run=True)
    assert bad["casts"][0]["failed"] == 200 and bad["after"]["rows"][0] == [None]


def test_a_migration_is_one_commit_and_a_rollback_takes_it_back(people):
    server, before, old = people, rows(people, "people_old"), columns(people, "people_old")
    start = metadata(server, "people_old")
    answer = migrate(server, "people_old", to={"dataset": "people_new"})
    after = metadata(server, "people_old")
    assert len(after["metadata-log"]) == len(start["metadata-log"]) + 1  # one commit
    assert len(after["snapshots"]) == len(start["snapshots"]) + 1 and len(after["schemas"]) == len(start["schemas"]) + 1
    assert after["snapshots"][-1]["schema-id"] == after["current-schema-id"]
    assert answer["snapshot_before"] == start["current-snapshot-id"] and answer["snapshot_id"] == after["current-snapshot-id"]
    assert columns(server, "people_old") == [("id", "BIGINT"), ("customer_name", "VARCHAR"), ("price", "DECIMAL(10,2)"),
                                             ("full_name", "VARCHAR"), ("flag", "BOOLEAN"), ("extra", "INTEGER")]
    ids = {f["name"]: f["id"] for f in after["schemas"][-1]["fields"]}
    assert ids["customer_name"] == 2 and ids["id"] == 1 and ids["price"] > 5  # kept, kept, new values
    migrated = readers_agree(server, "people_old")
    assert [[r[0], r[1], float(r[2]), *r[3:5]] for r in before] == [r[:5] for r in sorted(migrated, key=lambda r: repr([r[0], r[1], str(r[2])]))]
    assert server.request("GET", "/datasets/by-name/people_old").json()["row_count"] == 200

    back = rollback(server, "people_old")
    assert back["snapshot_id"] == answer["snapshot_before"] and back["snapshot_before"] == answer["snapshot_id"]
    assert columns(server, "people_old") == old and readers_agree(server, "people_old") == before
    rollback(server, "people_old")  # of the rollback
    assert readers_agree(server, "people_old") == migrated
    rollback(server, "people_old", snapshot_id=answer["snapshot_before"])
    server.sql("INSERT INTO people_old VALUES (1000, 'new', '7', 'A B', true)")
    assert readers_agree(server, "people_old") == sorted(before + [[1000, "new", "7", "A B", True]], key=repr)
    server.restart()
    assert columns(server, "people_old") == old


def test_every_rule(server):
    server.sql("""CREATE TABLE rules_t AS SELECT * FROM (VALUES
        (1, 'Ann Lee', '1.234,50 €', '31.01.2026', 'yes', 1700000000, 'Bern', 'CH', 7.0::DOUBLE),
        (2, 'Bo', NULL, '', 'n', NULL, 'Oslo', NULL, 2.0), (3, 'Cy van Dam', ' 7 ', '01.02.2026', NULL, 0, NULL, NULL, NULL))
        t(id, who, price, day, ok, "at", city, land, amount)""")
    answer = migrate(server, "rules_t", rules=[
        {"op": "split", "column": "who", "into": ["first", "last"], "separator": " "},
        {"op": "cast", "column": "price", "type": "DECIMAL(9,2)", "using": "number_comma"},
        {"op": "cast", "column": "day", "type": "DATE", "using": "date", "format": "%d.%m.%Y", "to": "date"},
        {"op": "cast", "column": "ok", "type": "BOOLEAN", "using": "boolean"},
        {"op": "cast", "column": "at", "type": "TIMESTAMP", "using": "epoch_s"},
        {"op": "merge", "columns": ["city", "land"], "to": "place", "separator": ", "},
        {"op": "drop", "column": "amount"}, {"op": "rename", "column": "id", "to": "key"},
        {"op": "add", "column": "n", "type": "INTEGER", "default": 3}, {"op": "add", "column": "l", "type": "INTEGER[]"},
        {"op": "add", "column": "t", "type": "VARCHAR", "default": "it's"}])
    assert [c["name"] for c in answer["columns"]] == ["key", "first", "last", "price", "date", "ok", "at", "place", "n", "t", "l"] or \
        [c["name"] for c in answer["columns"]] == ["key", "first", "last", "price", "date", "ok", "at", "place", "n", "l", "t"]
    got = server.sql('SELECT key, first, last, price::VARCHAR, date::VARCHAR, ok, "at"::VARCHAR, place, n, t, l FROM rules_t ORDER BY key')
    assert got == [[1, "Ann", "Lee", "1234.50", "2026-01-31", True, "2023-11-14 22:13:20", "Bern, CH", 3, "it's", None],
                   [2, "Bo", None, None, None, False, None, "Oslo", 3, "it's", None],
                   [3, "Cy", "van Dam", "7.00", "2026-02-01", None, "1970-01-01 00:00:00", None, 3, "it's", None]]
    arrow = server.pyiceberg().load_table("data.rules_t").scan().to_arrow()
    assert sorted(arrow.column("key").to_pylist()) == [1, 2, 3]


def test_values_that_cannot_be_cast_stop_it_unless_they_may_be_null(server):
    server.sql("CREATE TABLE casts AS SELECT CASE WHEN i = 7 THEN 'x' ELSE i::VARCHAR END AS v FROM range(20) r(i)")
    before = metadata(server, "casts")
    rule = {"op": "cast", "column": "v", "type": "INTEGER"}
    answer = migrate(server, "casts", status=400, rules=[rule])
    assert "'v': 1 of 20" in answer["error"]["message"]
    assert metadata(server, "casts") == before
    assert migrate(server, "casts", rules=[{**rule, "on_error": "null"}])["casts"][0]["failed"] == 1
    assert server.sql("SELECT count(*), count(v), sum(v) FROM casts") == [[20, 19, sum(range(20)) - 7]]


def test_names_only_rewrite_nothing(server):
    server.sql("CREATE TABLE named AS SELECT i AS a, i * 2 AS b FROM range(50) r(i)")
    before = metadata(server, "named")
    migrate(server, "named", rules=[{"op": "rename", "column": "a", "to": "b"}, {"op": "rename", "column": "b", "to": "a"},
                                    {"op": "add", "column": "c", "type": "DATE"}])
    after = metadata(server, "named")
    assert after["snapshots"][-1]["summary"]["operation"] == "replace"
    assert after["snapshots"][-1]["manifest-list"] != before["snapshots"][-1]["manifest-list"]
    assert columns(server, "named") == [("b", "BIGINT"), ("a", "BIGINT"), ("c", "DATE")]
    assert all(row[1] == 2 * row[0] for row in readers_agree(server, "named"))
    assert server.request("GET", "/catalog/verify?dataset=named").json()["items"][0]["ok"]
    expire = {"older_than_ms": 0, "grace_ms": 0, "retain_last": 1}
    assert server.request("POST", "/catalog/datasets/by-name/named/expire-snapshots", json=expire).status_code == 200
    assert len(readers_agree(server, "named")) == 50  # the snapshot that is left has a manifest list of its own


def test_a_schema_changed_without_a_snapshot_comes_back_too(server):
    server.sql("CREATE TABLE later AS SELECT 1 AS a, 'x' AS b")
    server.sql("ALTER TABLE later RENAME COLUMN b TO c")  # the snapshot before does not know of it
    migrate(server, "later", rules=[{"op": "cast", "column": "a", "type": "VARCHAR"}])
    rollback(server, "later")
    assert columns(server, "later") == [("a", "INTEGER"), ("c", "VARCHAR")] and readers_agree(server, "later") == [[1, "x"]]


def test_after_the_last_column_was_dropped_ids_are_not_used_again(server):
    server.sql("CREATE TABLE reuse AS SELECT '1' AS a, 'old' AS b")
    server.sql("ALTER TABLE reuse DROP COLUMN b")
    migrate(server, "reuse", rules=[{"op": "cast", "column": "a", "type": "INTEGER"},
                                    {"op": "add", "column": "b", "type": "VARCHAR", "default": "new"}])
    assert readers_agree(server, "reuse") == [[1, "new"]]
    rollback(server, "reuse")
    assert readers_agree(server, "reuse") == [["1"]]


def test_empty_and_partitioned_and_registered_tables(server):
    server.sql("CREATE TABLE hollow (a VARCHAR, b INTEGER)")
    migrate(server, "hollow", rules=[{"op": "cast", "column": "a", "type": "INTEGER"}, {"op": "drop", "column": "b"}])
    server.sql("INSERT INTO hollow VALUES (7)")
    assert readers_agree(server, "hollow") == [[7]]
    server.sql("DELETE FROM hollow")
    migrate(server, "hollow", rules=[{"op": "cast", "column": "a", "type": "VARCHAR"}])
    assert columns(server, "hollow") == [("a", "VARCHAR")]

    server.sql("CREATE TABLE parted (k INTEGER, v VARCHAR) PARTITIONED BY (k)")
    server.sql("INSERT INTO parted SELECT i % 3, i FROM range(30) r(i)")
    assert "partitioning" in migrate(server, "parted", status=400, rules=[{"op": "drop", "column": "k"}])["error"]["message"]
    migrate(server, "parted", rules=[{"op": "rename", "column": "k", "to": "key"}, {"op": "cast", "column": "v", "type": "INTEGER"}])
    assert readers_agree(server, "parted") == sorted(([i % 3, i] for i in range(30)), key=repr)

    table = io.BytesIO()
    pq.write_table(pa.table({"a": [1, 2], "b": ["3", "4"]}), table)  # without field ids: found by names
    server.request("PUT", "/storage/objects/reg/x.parquet", data=table.getvalue())
    assert server.request("POST", "/datasets", json={"name": "reg_t", "location": "reg"}).status_code == 201
    migrate(server, "reg_t", rules=[{"op": "rename", "column": "a", "to": "z"}, {"op": "add", "column": "a", "type": "VARCHAR"}])
    assert readers_agree(server, "reg_t") == [[1, "3", None], [2, "4", None]]
    migrate(server, "reg_t", rules=[{"op": "cast", "column": "b", "type": "INTEGER"}])
    assert readers_agree(server, "reg_t") == [[1, 3, None], [2, 4, None]]


def test_what_was_said_of_a_column_follows_it(server):
    server.sql("CREATE TABLE said AS SELECT '1' AS a, 'x' AS b")
    patch = {"columns": {"a": {"description": "a number"}, "b": {"pii_kind": "email"}}}
    assert server.request("PATCH", "/catalog/datasets/by-name/said/metadata", json=patch).status_code == 200
    migrate(server, "said", rules=[{"op": "cast", "column": "a", "type": "INTEGER"}, {"op": "rename", "column": "b", "to": "mail"}])
    said = {c["name"]: c for c in server.request("GET", "/catalog/datasets/by-name/said").json()["columns"]}
    assert said["a"]["description"] == "a number" and said["mail"]["pii_kind"] == "email"
    rollback(server, "said")
    said = {c["name"]: c for c in server.request("GET", "/catalog/datasets/by-name/said").json()["columns"]}
    assert said["a"]["description"] == "a number" and said["b"]["pii_kind"] == "email"


def test_a_rollback_forgets_the_files_whose_rows_it_takes(server):
    first, second = b"a,b\n1,x\n", b"a,b\n2,y\n"
    assert server.ingest(first, "undone").status_code == 201
    assert server.ingest(second, "undone", mode="append").status_code == 200
    rollback(server, "undone")
    assert rows(server, "undone") == [[1, "x"]]
    assert server.ingest(first, "undone", mode="append").json()["deduplicated"]
    assert not server.ingest(second, "undone", mode="append").json()["deduplicated"]
    assert rows(server, "undone") == [[1, "x"], [2, "y"]]
    answer = server.request("POST", "/catalog/datasets/by-name/undone/rollback", json={"snapshot_id": 12345})
    assert answer.status_code == 404
    server.sql("CREATE TABLE only_one AS SELECT 1 AS a")
    answer = server.request("POST", "/catalog/datasets/by-name/only_one/rollback")
    assert answer.status_code == 400 and "no snapshot before" in answer.text


def test_writers_beside_a_migration_lose_nothing(server):
    server.sql("CREATE TABLE busy AS SELECT 0::BIGINT AS n, '0' AS v")
    done, stop = [], threading.Event()

    def write():
        while not stop.is_set():
            n = len(done) + 1
            if server.query(f"INSERT INTO busy (n) VALUES ({n})").status_code == 200:
                done.append(n)

    writer = threading.Thread(target=write)
    writer.start()
    for kind in ("INTEGER", "VARCHAR", "DOUBLE"):
        migrate(server, "busy", rules=[{"op": "cast", "column": "v", "type": kind}])
    stop.set()
    writer.join()
    assert sorted(r[0] for r in server.sql("SELECT n FROM busy")) == [0, *done]


# ---- ingest ----

def test_on_schema_change(server):
    base = b"cust_id,cust_name,price\n" + b"".join(b"%d,c%d,%d.5\n" % (i, i, i) for i in range(30))
    assert server.ingest(base, "inc").status_code == 201
    renamed = b"customer_id,customer_name,price,extra\n" + b"".join(b"%d,c%d,%d.5,e\n" % (i, i, i) for i in range(31))
    refused = server.ingest(renamed, "inc", mode="append", on_schema_change="fail")
    assert refused.status_code == 409 and "customer_name: the table lacks it" in refused.text and "cust_id: the file lacks it" in refused.text
    same = base.replace(b"price\n0,", b"price\n99,")
    assert server.ingest(same, "inc", mode="append", on_schema_change="fail").status_code == 200
    answer = server.ingest(renamed, "inc", mode="append", on_schema_change="migrate").json()
    assert [(m["kind"], m["from"], m["to"]) for m in answer["migrated_columns"]] == [
        ("renamed", "customer_id", "cust_id"), ("renamed", "customer_name", "cust_name")]
    assert [c["name"] for c in answer["added_columns"]] == ["extra"]
    assert server.sql("SELECT count(*), count(cust_id), count(cust_name), count(extra) FROM inc") == [[91, 91, 91, 31]]
    plain_add = server.ingest(renamed.replace(b"e\n", b"f\n"), "inc", mode="append").json()  # the default adds
    assert [c["name"] for c in plain_add["added_columns"]] == ["customer_id", "customer_name"]
    assert server.ingest(base, "inc", mode="append", on_schema_change="guess").status_code == 400


def test_migrate_casts_only_without_loss(server):
    server.sql("CREATE TABLE whole AS SELECT 1::BIGINT AS n, DATE '2026-01-01' AS d")

    def parquet(n, d):
        out = io.BytesIO()
        pq.write_table(pa.table({"n": pa.array(n, pa.float64()), "d": d}), out)
        return out.getvalue()

    assert server.ingest(parquet([2.0], ["2026-02-01"]), "whole", name="a.parquet", mode="append").status_code == 409
    answer = server.ingest(parquet([2.0], ["2026-02-01"]), "whole", name="a.parquet", mode="append", on_schema_change="migrate")
    assert answer.status_code == 200, answer.text
    assert [m["kind"] for m in answer.json()["migrated_columns"]] == ["cast", "cast"]
    lossy = server.ingest(parquet([2.5], ["2026-02-01"]), "whole", name="b.parquet", mode="append", on_schema_change="migrate")
    assert lossy.status_code == 409 and "without loss" in lossy.text
    assert server.sql("SELECT sum(n), max(d)::VARCHAR FROM whole") == [[3, "2026-02-01"]]


# ---- prompt ----

def test_a_prompt_masks_and_its_answer_is_taken_after_a_check(server):
    server.sql("""CREATE TABLE contacts AS SELECT i AS id, 'u' || i || '@example.com' AS mail, 'Ann Secret' || i AS who,
                  '0041 44 123 45 ' || (10 + i) AS line2, 'red' AS colour, 'Zurichstrasse' || i AS hidden FROM range(9) r(i)""")
    server.sql("CREATE TABLE contacts_new AS SELECT i AS id, 'x' AS full_label, 'red' AS color FROM range(9) r(i)")
    patch = {"columns": {"hidden": {"pii_kind": "postal_address"}, "who": {"sensitivity": "restricted"}}}
    assert server.request("PATCH", "/catalog/datasets/by-name/contacts/metadata", json=patch).status_code == 200
    answer = server.request("POST", "/catalog/schema/prompt",
                            json={"from": {"dataset": "contacts"}, "to": {"dataset": "contacts_new"}, "sample_rows": 9})
    assert answer.status_code == 200, answer.text
    text = answer.json()["prompt"]
    for secret in ("example.com", "Secret", "123 45", "Zurich"):
        assert secret not in text
    assert "[digits]" in text and "red" in text and '"full_label"' in text
    assert answer.json()["open_questions"] and all(q in text for q in answer.json()["open_questions"])
    assert json.dumps(answer.json()["answer_schema"]["properties"]["rules"]["type"]) == '"array"'
    reply = json.dumps({"rules": [{"op": "rename", "column": "colour", "to": "color", "confidence": 0.95, "reasons": "spelling"},
                                  {"op": "drop", "column": "who", "confidence": 0.3}]})
    done = migrate(server, "contacts", answer=reply)
    assert [r["op"] for r in done["applied"]] == ["rename"] and [r["op"] for r in done["skipped"]] == ["drop"]
    assert "color" in dict(columns(server, "contacts")) and "who" in dict(columns(server, "contacts"))
    for bad in ("not json", "[]", {"rules": [{"op": "cast", "column": "mail", "type": "DOUBLE", "sql": "(SELECT 1)"}]},
                {"rules": [], "sql": "DROP TABLE contacts"}, {"rules": [{"op": "rename", "column": "nobody", "to": "x"}]}):
        migrate(server, "contacts", status=400, answer=bad)
    migrate(server, "contacts", status=400, rules=[], answer={"rules": []})
    migrate(server, "contacts", status=400)


# ---- on S3 ----

def test_a_lake_on_s3(fresh, s3):
    server = fresh(env=s3["env"])
    server.sql("CREATE TABLE cloud AS SELECT i::VARCHAR AS v, 'x' || i AS name FROM range(50) r(i)")
    migrate(server, "cloud", rules=[{"op": "rename", "column": "name", "to": "label"}])
    migrate(server, "cloud", rules=[{"op": "cast", "column": "v", "type": "INTEGER"}])
    scan = server.pyiceberg(**s3["pyiceberg"]).load_table("data.cloud").scan().to_arrow()
    assert scan.column_names == ["v", "label"] and sorted(scan.column("v").to_pylist()) == list(range(50))
    rollback(server, "cloud")
    assert columns(server, "cloud") == [("v", "VARCHAR"), ("label", "VARCHAR")]
    assert server.request("PUT", "/storage/objects/in/n.csv", data=b"v,label\n1,a\n").status_code in (200, 201)
    assert set(changes(diff(server, **{"from": {"dataset": "cloud"}, "to": {"object": "in/n.csv"}}))) == {"type_changed v"}


# ---- crash ----

def test_a_kill_within_a_migration_leaves_the_old_or_the_new(tmp_path):
    server = Server(tmp_path / "root")
    server.sql("CREATE TABLE torn AS SELECT i::VARCHAR AS v, 'x' || i AS name FROM range(20000) r(i)")
    dice, lived = random.Random(20261125), {True: 0, False: 0}
    for round_ in range(KILLS):
        old = dict(columns(server, "torn"))
        to = "VARCHAR" if old["v"] == "BIGINT" else "BIGINT"
        rename = "label" if "name" in old else "name"
        body = {"rules": [{"op": "cast", "column": "v", "type": to}, {"op": "rename", "column": next(k for k in old if k != "v"), "to": rename}]}
        answered = []

        def call():
            try:
                answered.append(server.request("POST", "/catalog/datasets/by-name/torn/migrate", json=body).status_code)
            except requests.RequestException:
                pass

        caller = threading.Thread(target=call)
        caller.start()
        time.sleep(dice.uniform(0.0, 0.35))
        server.kill()
        caller.join()
        server.start()
        now = dict(columns(server, "torn"))
        assert now in (old, {"v": to, rename: "VARCHAR"}), now
        assert not answered or answered[0] != 200 or now != old
        lived[now == old] += 1
        assert server.sql("SELECT count(*), sum(v::BIGINT), count(DISTINCT v) FROM torn") == [[20000, sum(range(20000)), 20000]]
        assert server.request("GET", "/catalog/verify?dataset=torn").json()["items"][0]["ok"]
    print(f"{KILLS} kills; left as it was: {lived[True]}, migrated: {lived[False]}")
    readers_agree(server, "torn")
    server.stop()


# ---- the command line ----

def lakehouse(*args, server, check=True):
    done = subprocess.run([str(BINARY), *map(str, args), "--url", server.url], capture_output=True, text=True, timeout=300)
    assert not check or done.returncode == 0, done.stderr
    return done


def test_commands(server, tmp_path):
    server.sql("CREATE TABLE cli_old AS SELECT i::INTEGER AS id, 'c' || i AS cust_name, i::VARCHAR AS price FROM range(20) r(i)")
    (tmp_path / "new.csv").write_text("id,customer_name,price\n" + "".join(f"{i},c{i},{i}.5\n" for i in range(20)))
    out = lakehouse("datasets", "diff", "cli_old", tmp_path / "new.csv", server=server).stdout
    assert "renamed" in out and "customer_name" in out and "type_changed" in out
    answer = json.loads(lakehouse("datasets", "diff", "cli_old", tmp_path / "new.csv", "--json", server=server).stdout)
    assert set(changes(answer)) == {"renamed cust_name>customer_name", "type_changed price"}
    dry = json.loads(lakehouse("datasets", "migrate", "cli_old", "--to", tmp_path / "new.csv", "--dry-run", server=server).stdout)
    assert [r["op"] for r in dry["applied"]] == ["rename", "cast"] and dry["dry_run"]
    first = metadata(server, "cli_old")["current-snapshot-id"]
    assert "2 rules applied" in lakehouse("datasets", "migrate", "cli_old", "--to", tmp_path / "new.csv", server=server).stdout
    assert columns(server, "cli_old") == [("id", "INTEGER"), ("customer_name", "VARCHAR"), ("price", "DOUBLE")]
    out = lakehouse("datasets", "diff", f"cli_old@{first}", "cli_old", server=server).stdout
    assert "renamed" in out and "cust_name" in out
    assert "the same" in lakehouse("datasets", "diff", "cli_old", "cli_old", server=server).stdout
    lakehouse("datasets", "rollback", "cli_old", "--snapshot", first, server=server)
    assert "cust_name" in dict(columns(server, "cli_old"))
    (tmp_path / "rules.json").write_text(json.dumps({"rules": [{"op": "drop", "column": "price", "confidence": 0.6}]}))
    assert "0 rules applied, 1 skipped" in lakehouse("datasets", "migrate", "cli_old", "--rules", tmp_path / "rules.json", server=server).stdout
    lakehouse("datasets", "migrate", "cli_old", "--rules", tmp_path / "rules.json", "--min-confidence", "0.5", server=server)
    assert "price" not in dict(columns(server, "cli_old"))
    done = lakehouse("ingest", tmp_path / "new.csv", "--dataset", "cli_old", "--mode", "append", "--on-schema-change", "fail", server=server, check=False)
    assert done.returncode == 1 and "customer_name: the table lacks it" in done.stderr
    done = lakehouse("ingest", tmp_path / "new.csv", "--dataset", "cli_old", "--mode", "append", "--on-schema-change", "migrate", server=server)
    assert "renamed: customer_name → cust_name" in done.stdout
    for wrong in (["diff", "cli_old"], ["migrate", "cli_old"], ["migrate", "cli_old", "--to", "a", "--rules", "b"]):
        assert lakehouse("datasets", *wrong, server=server, check=False).returncode == 2
    assert lakehouse("datasets", "rollback", "nowhere", server=server, check=False).returncode == 1


def test_former_partitions_keep_their_column_and_their_rows(server):
    server.sql("CREATE TABLE former (a INTEGER, b VARCHAR, c INTEGER)")
    server.sql("ALTER TABLE former SET PARTITIONED BY (c)")
    server.sql("INSERT INTO former VALUES (1, 'x', 1), (2, 'y', 2)")
    server.sql("ALTER TABLE former RESET PARTITIONED BY")
    server.sql("INSERT INTO former VALUES (3, 'z', 1)")
    for statement in ("ALTER TABLE former DROP COLUMN c", "DELETE FROM former WHERE a = 1", "UPDATE former SET b = 'w' WHERE a = 3"):
        answer = server.query(statement)
        assert answer.status_code == 409 and "partitions" in answer.json()["error"]["message"], answer.text
        assert readers_agree(server, "former") == [[1, "x", 1], [2, "y", 2], [3, "z", 1]]
    server.sql("ALTER TABLE former SET PARTITIONED BY (c)")
    server.sql("DELETE FROM former WHERE a = 1")
    assert readers_agree(server, "former") == [[2, "y", 2], [3, "z", 1]]


def test_a_snapshot_in_partitions_of_a_dropped_column_is_not_made_current(server):
    catalog = server.pyiceberg()
    rows = pa.table({"id": [1, 2], "city": ["A", "B"]})
    table = catalog.create_table("data.set_back", schema=rows.schema)
    with table.update_spec() as spec:
        spec.add_identity("city")
    table.append(rows)
    divided = table.refresh().metadata.current_snapshot_id
    with table.update_spec() as spec:
        spec.remove_field("city")
    table.overwrite(rows)
    with table.update_schema() as schema:
        schema.delete_column("city")
    body = {"requirements": [], "updates": [{"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": divided}]}
    answer = server.request("POST", "/iceberg/v1/namespaces/data/tables/set_back", json=body)
    assert answer.status_code == 409 and "partition spec" in answer.text
    assert server.sql("SELECT count(*) FROM set_back") == [[2]]


def test_deletes_of_files_that_are_gone_refuse_no_change(server):
    catalog = server.pyiceberg()
    rows = pa.table({"id": [1, 2, 3], "city": ["A", "B", "A"]})
    table = catalog.create_table("data.overwritten", schema=rows.schema)
    with table.update_spec() as spec:
        spec.add_identity("city")
    table.append(rows)
    server.sql("DELETE FROM overwritten WHERE id = 1")
    table.refresh()
    with table.update_spec() as spec:
        spec.remove_field("city")
    table.overwrite(rows)
    assert server.sql("DELETE FROM overwritten WHERE id = 3") == [[1]]
    assert readers_agree(server, 'overwritten') == [[1, 'A'], [2, 'B']]

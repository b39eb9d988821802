"""Every door but SQL, of principals that see a part: descriptions, lists, search, Iceberg, objects, uploads."""
import json

import pytest

from test_governed_sql import ADMIN, Lake, allow, csv, people

SECRETS = ("born", "blocked", "secret", "hidden", "other", "vault")


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    made = Lake(tmp_path_factory.mktemp("doors") / "root")
    made.ingest("candidates", csv("id,name,email,status,salary,born", people()))
    made.ingest("hidden", b"id,note\n1,secret\n")
    made.ingest("vault.gold", b"id,note\n1,secret\n")
    made.ingest("notes", b"id,text\n1,a\n")
    made.agent = made.key("agent-of-doors", allow("dataset", "candidates", row_filter="status != 'blocked'", columns=["id", "name", "email"],
                                                  redactions={"id": {"kind": "mask", "keep_prefix": 4}, "email": {"kind": "null"}}),
                          allow("dataset", "notes", "read", "write"), allow("dataset", "loads", "read", "write"))
    yield made
    made.server.stop()


def test_a_description_tells_nothing_of_rows(lake):
    for path in ("/datasets/by-name/candidates", "/catalog/datasets/by-name/candidates"):
        shown, whole = lake.call("GET", path, 200, key=lake.agent), lake.call("GET", path, 200)
        assert [column["name"] for column in shown["schema"]] == ["id", "name", "email"] and shown["limited"] is True
        for member in ("row_count", "bytes", "files", "snapshot_id", "schema_fingerprint", "updated_at", "created_at", "origin", "location"):
            assert shown[member] is None and whole[member] is not None, member
        assert not any(word in json.dumps(shown) for word in SECRETS)
    assert [column["statistics"] for column in shown["columns"]] == [None] * 3 and shown["lineage"] is None
    whole = lake.call("GET", "/datasets/by-name/notes", 200, key=lake.agent)
    assert whole["row_count"] == 1 and "limited" not in whole


def test_a_kind_that_was_found_in_hidden_rows_is_not_told_of_a_copy_either(lake):
    lake.ingest("letters", csv("id,status,note", [(i, "active" if i % 20 == 0 else "blocked", f"plain {i}" if i % 20 == 0 else f"person{i}@example.org") for i in range(400)]))
    lake.server.sql("CREATE TABLE letters_copy AS FROM letters")
    part = {"row_filter": "status = 'active'"}
    key = lake.key("reader-of-letters", allow("dataset", "letters", **part), allow("dataset", "letters_copy", **part))
    for name, by in (("letters", "detected"), ("letters_copy", "inherited")):
        path = f"/catalog/datasets/by-name/{name}"
        whole, seen = ({c["name"]: c for c in lake.call("GET", path, 200, key=k)["columns"]} for k in (ADMIN, key))
        assert (whole["note"]["pii_kind"], whole["note"]["said_by"]) == ("email", by)
        assert seen["note"]["pii_kind"] is None and seen["note"]["said_by"] is None


def test_what_is_hidden_and_what_is_not_there_are_one(lake):
    for path in ("/datasets/by-name/%s", "/catalog/datasets/by-name/%s", "/catalog/datasets/by-name/%s/layout", "/iceberg/v1/namespaces/data/tables/%s"):
        there, absent = (lake.server.request("GET", path % name, headers={"X-API-Key": lake.agent}) for name in ("hidden", "absent"))
        assert there.status_code == absent.status_code == 403
        assert [answer.json()["error"]["message"].replace(name, "x") for answer, name in ((there, "hidden"), (absent, "absent"))].count(
            there.json()["error"]["message"].replace("hidden", "x")) == 2


def test_lists_and_search_show_what_is_seen(lake):
    page = lake.call("GET", "/datasets?limit=1", 200, key=lake.agent)
    assert [item["name"] for item in page["items"]] == ["candidates"] and page["next_page_token"] == "data.candidates"
    page = lake.call("GET", f"/datasets?limit=5&page_token={page['next_page_token']}", 200, key=lake.agent)
    assert [item["name"] for item in page["items"]] == ["notes"] and page["next_page_token"] is None
    assert lake.call("GET", "/datasets?filter=HID", 200, key=lake.agent)["items"] == []
    assert lake.call("GET", "/datasets?namespace=vault", 200, key=lake.agent)["items"] == []
    assert [item["dataset"] for item in lake.call("GET", "/catalog/search?q=name", 200, key=lake.agent)["items"]] == ["data.candidates"]
    for word in ("born", "note", "gold", "hidden"):
        found = [item["dataset"] for item in lake.call("GET", f"/catalog/search?q={word}", 200, key=lake.agent)["items"]]
        assert found == (["data.notes"] if word == "note" else []), word
        assert lake.call("GET", f"/catalog/search?q={word}", 200)["items"]


def test_iceberg_clients_load_what_is_seen_whole(lake):
    assert lake.call("GET", "/iceberg/v1/namespaces", 200, key=lake.agent)["namespaces"] == [["data"]]
    tables = lake.call("GET", "/iceberg/v1/namespaces/data/tables", 200, key=lake.agent)["identifiers"]
    assert [table["name"] for table in tables] == ["candidates", "notes"]
    assert lake.call("GET", "/iceberg/v1/namespaces/vault/tables", 200, key=lake.agent)["identifiers"] == []
    lake.call("GET", "/iceberg/v1/namespaces/vault", 403, key=lake.agent)
    lake.call("GET", "/iceberg/v1/namespaces/data", 200, key=lake.agent)
    assert lake.call("GET", "/iceberg/v1/namespaces/data/tables/notes", 200, key=lake.agent)["metadata"]["table-uuid"]
    refused = lake.call("GET", "/iceberg/v1/namespaces/data/tables/candidates", 403, key=lake.agent)
    assert "location" not in json.dumps(refused) and "/candidates" not in json.dumps(refused)
    lake.call("GET", "/iceberg/v1/namespaces/data/tables/candidates/credentials", 403, key=lake.agent)
    for method, path in (("POST", "/iceberg/v1/namespaces/data/tables/notes"), ("POST", "/iceberg/v1/transactions/commit"), ("POST", "/iceberg/v1/tables/rename"),
                         ("POST", "/iceberg/v1/namespaces/data/register"), ("POST", "/iceberg/v1/namespaces/data/tables"), ("POST", "/datasets")):
        lake.call(method, path, 403, body={}, key=lake.agent)


def test_another_s_copy_of_a_part_is_told_like_what_is_not_there(lake):
    lake.ingest("shop.sources", b"id\n1\n2\n")
    copier = lake.key("copier", allow("dataset", "shop.sources", row_filter="id = 1"), allow("namespace", "shop", "write"))
    lake.rows("CREATE TABLE shop.copied AS SELECT * FROM shop.sources", copier)
    key = lake.key("passer", allow("namespace", "shop"), {"effect": "deny", "on": "dataset", "name": "shop.sources", "actions": ["read"]})
    for method, path in (("GET", "/datasets/by-name/shop.{}"), ("GET", "/catalog/datasets/by-name/shop.{}"), ("GET", "/catalog/datasets/by-name/shop.{}/layout"),
                         ("GET", "/iceberg/v1/namespaces/shop/tables/{}"), ("HEAD", "/iceberg/v1/namespaces/shop/tables/{}"), ("POST", "/iceberg/v1/namespaces/shop/tables/{}/metrics")):
        told = []
        for name in ("copied", "absent"):
            answer = lake.server.request(method, path.format(name), headers={"X-API-Key": key}, json={} if method == "POST" else None)
            error = answer.json()["error"] if answer.content else {}
            told.append((answer.status_code, error.get("message", "").replace(name, "NAME"), error.get("type")))
        assert told[0] == told[1] and told[0][0] in (403, 404), (path, told)


def test_files_are_for_nobody_who_sees_a_part(lake):
    objects = [item["key"] for item in lake.call("GET", "/storage/objects?limit=1000", 200)["items"]]
    assert any(key.endswith(".parquet") for key in objects)
    for key in objects[:40] + ["nothing"]:
        for method in ("GET", "HEAD"):
            assert lake.server.request(method, f"/storage/objects/{key}", headers={"X-API-Key": lake.agent}).status_code == 403
    for path in ("/storage/objects", "/storage/buckets", "/catalog/lineage/candidates", "/query/cache/stats", "/metrics"):
        lake.call("GET", path, 403, key=lake.agent)


def upload(lake, dataset, key, data=b"id,text\n2,b\n", name="f.csv", **fields):
    return lake.server.request("POST", "/ingest/file", headers={"X-API-Key": key}, data={"dataset": dataset, **fields}, files={"file": (name, data)})


def test_uploads_go_where_one_may_write(lake):
    assert upload(lake, "notes", lake.agent, mode="append").status_code == 200
    assert upload(lake, "loads", lake.agent).status_code == 201
    assert upload(lake, "loads", lake.agent, data=b"id,text\n3,c\n", mode="replace").status_code == 200
    answers = [upload(lake, name, lake.agent, mode=mode) for name in ("candidates", "hidden", "absent", "vault.gold", "vault.absent") for mode in ("create", "append", "replace")]
    assert [answer.status_code for answer in answers] == [403] * len(answers)
    assert lake.rows("SELECT * FROM loads", lake.agent) == [[3, "c"]] and lake.rows("SELECT count(*) FROM notes", lake.agent) == [[2]]
    placed = lake.server.request("POST", "/ingest/file", headers={"X-API-Key": lake.agent, "X-Lakehouse-Bucket": "main"}, data={"dataset": "loads", "mode": "append"}, files={"file": ("f.csv", b"id,text\n9,z\n")})
    assert placed.status_code == 403


def test_who_may_write_but_not_read_inserts_and_uploads_nothing(lake):
    lake.ingest("letterbox", b"id,text,secretcol\n1,a,x\n")
    key = lake.key("posts-letters", allow("dataset", "letterbox", "write"))
    lake.rows("INSERT INTO letterbox (id, text) VALUES (2, 'b')", key)
    for mode in ("append", "replace", "upsert", "create"):  # the same bytes again are not told to be known either
        for data in (b"id,text,secretcol\n1,a,x\n", b"id,text\n3,c\n", b"id,other\nz,c\n"):
            answer = upload(lake, "letterbox", key, data=data, mode=mode)
            assert answer.status_code == 403 and "to read" in answer.text and "secretcol" not in answer.text, answer.text
    assert lake.rows("SELECT id, text FROM letterbox ORDER BY id", ADMIN) == [[1, "a"], [2, "b"]]


def test_dropping_takes_the_right_to_write_the_whole(lake):
    lake.ingest("gone", b"id\n1\n")
    key = lake.key("dropper", allow("dataset", "gone", "read", "write"), allow("dataset", "candidates", "read", "write", columns=["id"]))
    lake.call("DELETE", "/datasets/by-name/candidates", 403, key=key)
    lake.call("DELETE", "/datasets/by-name/gone", 204, key=key)
    lake.call("DELETE", "/datasets/by-name/gone", 404, key=key)
    assert lake.rows("SELECT count(*) FROM candidates", ADMIN) == [[199]]


def test_bad_rows_are_restricted(lake):
    refused = upload(lake, "notes", lake.agent, data=b"id,text\nx,z\n", mode="append", on_error="quarantine")
    assert refused.status_code == 403
    answer = lake.server.request("POST", "/ingest/file", data={"dataset": "notes", "mode": "append", "on_error": "quarantine"}, files={"file": ("f.csv", b"id,text\n4,d\nwrong,secret\n")})
    assert answer.status_code == 200, answer.text
    recruiter = lake.key("a-recruiter", roles=("recruiter",))
    assert lake.rows("SELECT count(*), count(raw), count(reason) FROM notes__rejects", recruiter) == [[1, 0, 0]]
    assert lake.rows("SELECT count(raw), count(reason) FROM notes__rejects", ADMIN) == [[1, 1]]


def test_documents_are_set_aside_only_by_who_may_write_the_rejects(lake):
    lake.ingest("leaflets", b"path,text\na.md,A\n")
    writer = lake.key("writer-of-leaflets", allow("dataset", "leaflets", "read", "write"))
    more = {"mode": "append", "format": "documents"}
    assert upload(lake, "leaflets", writer, data=b"# B", name="b.md", **more).status_code == 403
    answer = upload(lake, "leaflets", writer, data=b"# B", name="b.md", on_error="fail", **more)
    assert answer.status_code == 200 and lake.rows("SELECT path, title FROM leaflets ORDER BY path", ADMIN) == [["a.md", None], ["b.md", "B"]], answer.text


def test_a_load_sets_rows_aside_where_one_may_write_and_not_read(lake):
    lake.ingest("posts", b"id,text\n1,a\n")
    name, more = "posts__rejects", {"mode": "append", "on_error": "quarantine"}
    writer = lake.key("writer-of-posts", allow("dataset", "posts", "read", "write"), allow("dataset", name, "write"))
    partly = [lake.key(f"partly-{i}", allow("dataset", "posts", "read", "write"), allow("dataset", name, "write", **part))
              for i, part in enumerate(({"row_filter": "line < 2"}, {"columns": ["line", "raw"]}))]
    for n in range(3):  # the first makes the table, whose columns are restricted from then on
        answer = upload(lake, "posts", writer, data=f"id,text\n{n + 2},b\nwrong {n},secret\n".encode(), **more)
        assert (answer.status_code, answer.json()["rejected"]) == (200, 1), answer.text
    for key in partly:
        assert upload(lake, "posts", key, data=b"id,text\n9,b\nwrong,secret\n", **more).status_code == 403
    lake.refused(f"FROM {name}", writer)
    lake.refused(f"INSERT INTO {name} (raw) VALUES ('x')", writer)
    assert lake.rows(f"SELECT count(raw) FROM {name}", ADMIN) == [[3]] and lake.rows("SELECT count(*) FROM posts", ADMIN) == [[4]]

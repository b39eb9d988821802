"""What is known of a dataset beyond its table: metadata, freshness, statistics, lineage, search; over renames, drops, restarts."""
import hashlib
import hmac
import json
import subprocess
import threading

import pytest
from pyiceberg.table.statistics import BlobMetadata, StatisticsFile

from harness import BINARY, wait_for

CSV = b"id,email,amount,day\n1,a@x.org,1.50,2026-01-02\n2,b@x.org,,2026-01-03\n3,c@x.org,3.25,2026-01-01\n"


def loaded(server, name, body=CSV, **fields):
    answer = server.ingest(body, name, name=f"{name}.csv", **fields)
    assert answer.status_code in (200, 201), answer.text


def described(server, name):
    answer = server.request("GET", f"/catalog/datasets/by-name/{name}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def patch(server, name, body, **headers):
    return server.request("PATCH", f"/catalog/datasets/by-name/{name}/metadata", json=body,
                          headers={k.replace("_", "-"): v for k, v in headers.items()})


def patched(server, name, body):
    answer = patch(server, name, body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def column(dataset, name):
    return next(c for c in dataset["columns"] if c["name"] == name)


def lineage(server, name, **params):
    answer = server.request("GET", f"/catalog/lineage/{name}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def datasets(graph):
    return {n["name"]: n["distance"] for n in graph["nodes"] if n["kind"] == "dataset"}


def sql_edges(graph):
    return sorted((e["from"][8:], e["to"][8:]) for e in graph["edges"] if e["kind"] == "sql")


def found(server, q, **params):
    answer = server.request("GET", "/catalog/search", params={"q": q, **params})
    assert answer.status_code == 200, answer.text
    return answer.json()


def rename(server, old, new):
    answer = server.request("POST", "/iceberg/v1/tables/rename", json={
        "source": {"namespace": ["data"], "name": old}, "destination": {"namespace": ["data"], "name": new}})
    assert answer.status_code == 204, answer.text


def test_a_dataset_of_which_nobody_said_anything_has_the_defaults(server):
    loaded(server, "plain", CSV.replace(b"email", b"word").replace(b"@x.org", b""))
    d = described(server, "plain")
    assert (d["description"], d["owner"], d["sensitivity"], d["tags"]) == ("", "", "internal", [])
    assert d["freshness"]["status"] == "unknown" and d["metadata_updated_at"] is None
    c = column(d, "word")
    assert (c["pii_kind"], c["confidence"], c["said_by"], c["sensitivity"]) == (None, None, None, "internal")
    assert server.request("GET", "/catalog/datasets/by-name/none").status_code == 404


def test_statistics_come_from_the_manifests(server):
    loaded(server, "stats")
    d = described(server, "stats")
    s = column(d, "id")["statistics"]
    assert (s["values"], s["nulls"], s["min"], s["max"], s["exact"]) == (3, 0, 1, 3, True)
    assert column(d, "amount")["statistics"]["nulls"] == 1
    assert (column(d, "day")["statistics"]["min"], column(d, "day")["statistics"]["max"]) == ("2026-01-01", "2026-01-03")
    loaded(server, "stats", b"id,email,amount,day\n-7,d@x.org,9.00,2025-12-31\n", mode="append")
    s = column(described(server, "stats"), "id")["statistics"]
    assert (s["values"], s["min"], s["max"]) == (4, -7, 3)
    server.sql("DELETE FROM stats WHERE id = 1")
    assert column(described(server, "stats"), "id")["statistics"]["exact"] is False


def sketch(snapshot, fields, ndv, kind="apache-datasketches-theta-v1"):
    return BlobMetadata.model_construct(type=kind, snapshot_id=snapshot, sequence_number=1, fields=fields, properties={"ndv": ndv})


def set_statistics(table, snapshot, *blobs):
    with table.update_statistics() as update:
        update.set_statistics(StatisticsFile.model_construct(
            snapshot_id=snapshot, statistics_path=f"{table.location()}/metadata/{snapshot}.stats", file_size_in_bytes=100,
            file_footer_size_in_bytes=50, blob_metadata=list(blobs)))


def test_distinct_comes_from_the_statistics_file_of_the_current_snapshot(server):
    def distinct():
        return {c["name"]: c["statistics"]["distinct"] for c in described(server, "sketched")["columns"]}

    loaded(server, "sketched")
    loaded(server, "sketched", b"id,email,amount,day\n4,d@x.org,9.00,2025-12-31\n", mode="append")
    unknown = {"id": None, "email": None, "amount": None, "day": None}
    table = server.pyiceberg().load_table("data.sketched")
    first, second = (s.snapshot_id for s in table.snapshots())
    set_statistics(table, first, sketch(first, [1], "3"))
    assert distinct() == unknown  # of the rows before the second load
    set_statistics(table, second, sketch(first, [1], "3"), sketch(second, [1, 2], "4"), sketch(second, [2], "many"),
                   sketch(second, [3], "2", kind="deletion-vector-v1"))
    assert distinct() == unknown  # a blob of an older snapshot, of two columns, of no number, of another kind
    set_statistics(table, second, sketch(second, [1], "4"), sketch(second, [3], "3"))
    assert distinct() == unknown | {"id": 4, "amount": 3}
    loaded(server, "sketched", b"id,email,amount,day\n5,e@x.org,9.50,2025-12-31\n", mode="append")
    assert distinct() == unknown


def test_distinct_comes_from_the_footer_of_the_only_file(server):
    """DuckDB counts what it put into a dictionary; of a column that hardly repeats a value, there is none."""
    def distinct():
        return {c["name"]: c["statistics"]["distinct"] for c in described(server, "counted")["columns"]}

    loaded(server, "counted", b"id,word,part\n" + b"".join(b"%d,%s,%d\n" % (i, b"w%d" % (i % 9) if i % 2 else b"", i % 5) for i in range(900)))
    assert distinct() == {"id": None, "word": 9, "part": 5}
    table = server.pyiceberg().load_table("data.counted")
    set_statistics(table, table.current_snapshot().snapshot_id, sketch(table.current_snapshot().snapshot_id, [1], "900"))
    assert distinct() == {"id": 900, "word": 9, "part": 5}
    server.sql("DELETE FROM counted WHERE id = 1")
    assert distinct() == {"id": None, "word": None, "part": None}  # a deleted row may have been the only one of its value
    server.sql("CREATE TABLE grouped AS SELECT i % 7 AS a FROM range(300000) t(i)")
    assert described(server, "grouped")["columns"][0]["statistics"]["distinct"] is None  # counts of row groups do not add up


def test_a_patch_merges_and_survives_a_restart(server):
    loaded(server, "merged")
    patched(server, "merged", {"description": "Orders", "owner": "ann", "tags": ["gold", "daily"], "expected_interval_s": 3600,
                               "columns": {"email": {"description": "of the buyer", "sensitivity": "confidential", "pii_kind": "email"}}})
    d = patched(server, "merged", {"owner": None, "sensitivity": "confidential", "columns": {"id": {"description": "key"}}})
    server.restart()
    assert described(server, "merged")["columns"] == d["columns"]
    d = described(server, "merged")
    assert (d["description"], d["owner"], d["sensitivity"], d["tags"]) == ("Orders", "", "confidential", ["gold", "daily"])
    assert d["freshness"]["status"] == "fresh" and d["freshness"]["expected_interval_s"] == 3600
    c = column(d, "email")
    assert (c["pii_kind"], c["confidence"], c["said_by"]) == ("email", 1, "declared")
    assert c["statistics"]["min"] is None and c["statistics"]["nulls"] == 0  # bounds are values
    assert column(d, "id")["sensitivity"] == "confidential" and column(d, "id")["description"] == "key"
    loaded(server, "merged", b"id,email,amount,day\n9,z@x.org,9.00,2026-02-01\n", mode="append")
    assert described(server, "merged")["description"] == "Orders"  # a load does not touch it
    assert patched(server, "merged", {"columns": {"email": {"pii_kind": None}}})["columns"][1]["said_by"] is None


@pytest.mark.parametrize("body,part", [
    ({"descripton": "x"}, "did you mean 'description'?"),
    ({"zzzzzzzzzz": 1}, "unknown field 'zzzzzzzzzz'"),
    ({"columns": {"emial": {}}}, "did you mean 'email'?"),
    ({"columns": {"email": {"pii_knd": "x"}}}, "did you mean 'pii_kind'?"),
    ({"columns": {"email": {"pii_kind": "E-Mail"}}}, "'pii_kind' must be"),
    ({"columns": []}, "'columns' must be an object"),
    ({"columns": {"email": 1}}, "must be an object, or null"),
    ({"sensitivity": "secret"}, "'sensitivity' must be public"),
    ({"tags": "a"}, "'tags' must be an array"),
    ({"tags": [""]}, "each of 'tags' must be"),
    ({"expected_interval_s": 0}, "'expected_interval_s' must be"),
    ({"description": 1}, "'description' must be a string"),
    ({"owner": "x" * 256}, "longer than 255"),
    ([], "must be a JSON object"),
])
def test_a_bad_patch_is_refused_and_changes_nothing(server, body, part):
    if server.request("GET", "/datasets/by-name/bad").status_code == 404:
        loaded(server, "bad")
    both = {"owner": "eve", **body} if isinstance(body, dict) and "owner" not in body else body
    answer = patch(server, "bad", both)
    assert answer.status_code == 400 and part in answer.json()["error"]["message"], answer.text
    assert described(server, "bad")["owner"] == ""


def test_if_match_lets_only_one_of_two_writers_through(server):
    loaded(server, "matched")
    etag = server.request("GET", "/catalog/datasets/by-name/matched").headers["ETag"]
    loaded(server, "matched", b"id,email,amount,day\n9,z@x.org,9.00,2026-02-01\n", mode="append")  # no change of what is said
    answer = patch(server, "matched", {"owner": "ann"}, If_Match=etag)
    assert answer.status_code == 200 and answer.headers["ETag"] != etag
    assert patch(server, "matched", {"owner": "bob"}, If_Match=etag).status_code == 412
    assert patch(server, "matched", {"owner": "bob"}, If_Match="*").status_code == 200
    etag = server.request("GET", "/catalog/datasets/by-name/matched").headers["ETag"]
    codes = []
    threads = [threading.Thread(target=lambda i=i: codes.append(patch(server, "matched", {"owner": str(i)}, If_Match=etag).status_code)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(codes) == [200] + [412] * 7
    assert patch(server, "none", {}).status_code == 404


def test_patches_without_a_condition_all_land(server):
    loaded(server, "raced", b"c0,c1,c2,c3,c4,c5,c6,c7\n1,2,3,4,5,6,7,8\n")
    codes = []
    threads = [threading.Thread(target=lambda i=i: codes.append(patch(server, "raced", {"columns": {f"c{i}": {"description": str(i)}}}).status_code)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert codes == [200] * 8
    assert [c["description"] for c in described(server, "raced")["columns"]] == [str(i) for i in range(8)]


def test_metadata_follows_a_column_and_a_table(server):
    loaded(server, "moved")
    patched(server, "moved", {"description": "kept", "columns": {"email": {"description": "mail"}}})
    server.sql("ALTER TABLE moved RENAME COLUMN email TO mail")
    rename(server, "moved", "moved2")
    d = described(server, "moved2")
    assert d["description"] == "kept" and column(d, "mail")["description"] == "mail"
    assert server.request("DELETE", "/datasets/by-name/moved2?purge=true").status_code == 204
    loaded(server, "moved2")
    assert described(server, "moved2")["description"] == ""


def test_lineage_goes_up_and_down(server):
    loaded(server, "raw", source="shop")
    server.sql("CREATE TABLE clean AS SELECT * FROM raw WHERE amount IS NOT NULL")
    server.sql("CREATE TABLE totals AS SELECT sum(amount) AS total FROM clean")
    server.sql("CREATE TABLE other AS SELECT 1 AS x")
    server.sql("INSERT INTO totals SELECT x FROM other")
    server.sql("DELETE FROM clean WHERE id IN (SELECT x FROM other)")
    up = lineage(server, "totals", direction="up")
    assert datasets(up) == {"data.totals": 0, "data.clean": -1, "data.other": -1, "data.raw": -2}
    assert sql_edges(up) == [("data.clean", "data.totals"), ("data.other", "data.totals"), ("data.raw", "data.clean")]
    job = next(n for n in up["nodes"] if n["kind"] == "job")
    assert job["name"] == "raw.csv"
    assert {"id": "source:shop", "kind": "source", "name": "shop"} in up["nodes"]
    assert {"from": "source:shop", "to": job["id"], "kind": "ingest"} in up["edges"]
    assert datasets(lineage(server, "totals", direction="up", depth=1)) == {"data.totals": 0, "data.clean": -1, "data.other": -1}
    assert datasets(lineage(server, "raw", direction="down")) == {"data.raw": 0, "data.clean": 1, "data.totals": 2}
    assert datasets(lineage(server, "clean")) == {"data.clean": 0, "data.raw": -1, "data.totals": 1}
    assert server.request("GET", "/catalog/lineage/raw?direction=sideways").status_code == 400
    assert server.request("GET", "/catalog/lineage/raw?depth=0").status_code == 400
    assert server.request("GET", "/catalog/lineage/none").status_code == 404
    server.restart()
    assert lineage(server, "totals", direction="up") == up
    rename(server, "clean", "cleaned")
    assert sql_edges(lineage(server, "totals", direction="up")) == [("data.cleaned", "data.totals"), ("data.other", "data.totals"), ("data.raw", "data.cleaned")]
    server.sql("DROP TABLE other")
    server.sql("CREATE TABLE other AS SELECT 2 AS x")
    up = lineage(server, "totals", direction="up")
    assert "data.other" not in datasets(up) and [d["dataset"] for d in up["dropped"]] == ["data.other"]


def test_lineage_knows_the_names_that_with_gives(server):
    server.sql("CREATE TABLE lw_h AS SELECT 1 AS z")
    server.sql("CREATE TABLE lw_i AS SELECT 2 AS z")
    server.sql("CREATE TABLE lw_t (z INTEGER)")
    server.sql("INSERT INTO lw_t WITH lw_h AS (SELECT z FROM lw_i) SELECT z FROM lw_h")
    assert sql_edges(lineage(server, "lw_t", direction="up")) == [("data.lw_i", "data.lw_t")]
    server.sql("WITH q AS (FROM lw_h), lw_h AS (SELECT 9 AS z) INSERT INTO lw_t SELECT z FROM q")
    assert sql_edges(lineage(server, "lw_t", direction="up")) == [("data.lw_h", "data.lw_t"), ("data.lw_i", "data.lw_t")]
    assert server.sql("SELECT z FROM lw_t ORDER BY z") == [[1], [2]]


def test_lineage_of_transactions_and_of_what_failed(server):
    server.sql("CREATE TABLE lt_a AS SELECT 1 AS x")
    server.sql("CREATE TABLE lt_b AS SELECT 2 AS x")
    server.sql("CREATE TABLE lt_c (x INTEGER)")
    server.sql("CREATE TABLE lt_d (x INTEGER)")
    server.sql("BEGIN; INSERT INTO lt_c SELECT x FROM lt_a; INSERT INTO lt_d SELECT 1; INSERT INTO lt_c SELECT x FROM lt_b; COMMIT")
    assert sql_edges(lineage(server, "lt_c", direction="up")) == [("data.lt_a", "data.lt_c"), ("data.lt_b", "data.lt_c")]
    assert sql_edges(lineage(server, "lt_d", direction="up")) == []
    assert server.query("INSERT INTO lt_d SELECT error('no') FROM lt_a").status_code == 400
    server.sql("INSERT INTO lt_d VALUES (7)")  # must not carry what the failed statement read
    assert sql_edges(lineage(server, "lt_d", direction="up")) == []
    server.sql("CREATE TABLE lt_e AS SELECT x FROM lt_a; DROP TABLE lt_e; CREATE TABLE lt_e AS SELECT x FROM lt_b")
    assert sql_edges(lineage(server, "lt_e", direction="up")) == [("data.lt_b", "data.lt_e")]
    server.sql("MERGE INTO lt_d USING lt_b ON lt_d.x = lt_b.x WHEN NOT MATCHED THEN INSERT VALUES (lt_b.x)")
    assert sql_edges(lineage(server, "lt_d", direction="up")) == [("data.lt_b", "data.lt_d")]


def test_search_ranks_and_pages(server):
    for name in ["zebra", "zebra_herd", "savanna", "stripes"]:
        loaded(server, name, b"id,colour\n1,white\n")
    patched(server, "savanna", {"description": "where a zebra lives", "tags": ["africa"]})
    patched(server, "stripes", {"columns": {"colour": {"description": "of the ZEBRA"}}})
    answer = found(server, "zebra")
    assert [i["dataset"] for i in answer["items"]] == ["data.zebra", "data.zebra_herd", "data.savanna", "data.stripes"]
    assert answer["items"][3]["matched"] == [{"field": "column_description"}] and answer["next_page_token"] is None
    assert [i["dataset"] for i in found(server, "zebra AFRICA")["items"]] == ["data.savanna"]
    assert {i["dataset"] for i in found(server, "colour")["items"]} == {"data.zebra", "data.zebra_herd", "data.savanna", "data.stripes"}
    seen, token = [], None
    while True:
        page = found(server, "zebra", limit=1, **({"page_token": token} if token else {}))
        seen += [i["dataset"] for i in page["items"]]
        token = page["next_page_token"]
        if not token:
            break
    assert seen == [i["dataset"] for i in answer["items"]]
    assert found(server, "no_such_thing_at_all")["items"] == []
    for q in ["", " ", "a b c d e f g h i", "x" * 257]:
        assert server.request("GET", "/catalog/search", params={"q": q}).status_code == 400
    assert server.request("GET", "/catalog/search", params={"q": "a", "page_token": "x"}).status_code == 400


def test_a_reader_may_look_but_not_change(fresh):
    server = fresh("--set", "auth.mode=keys", env={"LAKEHOUSE__AUTH__ADMIN_KEY": "admin-key-of-the-test"})
    admin = {"Authorization": "Bearer admin-key-of-the-test"}
    server.headers = admin
    loaded(server, "guarded")
    key = server.request("POST", "/access/keys", json={"name": "r", "permission": "read"}).json()["key"]
    server.headers = {"Authorization": f"Bearer {key}"}
    assert described(server, "guarded")["owner"] == "" and found(server, "guarded")["items"] and lineage(server, "guarded")["nodes"]
    assert patch(server, "guarded", {"owner": "eve"}).status_code == 403


def test_the_command_line_describes_sets_shows_and_searches(server):
    loaded(server, "shell")

    def run(*args, code=0):
        done = subprocess.run([str(BINARY), "datasets", *args, "--url", server.url], capture_output=True, text=True, timeout=300)
        assert done.returncode == code, done.stderr + done.stdout
        return done.stdout if code == 0 else done.stderr

    run("set", "shell", "owner=ann", "tags=a,b", "expected_interval_s=60", "columns.email.pii_kind=email", "description=It is = so")
    d = json.loads(run("describe", "shell", "--json"))
    assert (d["owner"], d["tags"], d["description"], d["freshness"]["expected_interval_s"]) == ("ann", ["a", "b"], "It is = so", 60)
    assert column(d, "email")["said_by"] == "declared"
    run("set", "shell", "owner=")
    assert json.loads(run("describe", "shell", "--json"))["owner"] == ""
    assert "did you mean 'owner'?" in run("set", "shell", "ownr=x", code=1)
    run("set", "shell", "owner", code=2)
    assert json.loads(run("lineage", "shell", "--json"))["dataset"] == "data.shell"
    assert "data.shell" in run("search", "shell")


def first_format(root):
    """A lake as the first version of the documents had it: each with no more than must be there, in an entry without ids and time."""
    folder, log = root / "lake" / "data", root / "_catalog" / "log"
    schema = {"type": "struct", "schema-id": 0, "fields": [{"id": 1, "name": "id", "required": False, "type": "long"}]}
    table = {"format-version": 2, "table-uuid": "01900000-0000-7000-8000-000000000001", "location": str(folder / "old"), "last-sequence-number": 0,
             "last-updated-ms": 1, "last-column-id": 1, "current-schema-id": 0, "schemas": [schema], "default-spec-id": 0, "last-partition-id": 999,
             "partition-specs": [{"spec-id": 0, "fields": []}], "default-sort-order-id": 0, "sort-orders": [{"order-id": 0, "fields": []}]}
    view = {"format-version": 1, "view-uuid": "01900000-0000-7000-8000-000000000002", "location": str(folder / "seen"), "current-version-id": 1,
            "schemas": [schema], "version-log": [{"version-id": 1, "timestamp-ms": 1}], "versions": [
                {"version-id": 1, "timestamp-ms": 1, "schema-id": 0, "summary": {}, "default-namespace": ["data"],
                 "representations": [{"type": "sql", "sql": "SELECT 1 AS id", "dialect": "duckdb"}]}]}
    for name, metadata in (("old", table), ("seen", view)):
        (folder / name / "metadata").mkdir(parents=True)
        (folder / name / "metadata" / "00000-first.metadata.json").write_text(json.dumps(metadata))
    salt, secret = "5a" * 16, "ab" * 32
    documents = {
        "namespace/data": {},
        "table/data/old": {"metadata_key": "lake/data/old/metadata/00000-first.metadata.json"},
        "dataset/data/old": {"created_at": "2026-01-01T00:00:00.000Z"},
        f"ingested/data/old/{hashlib.sha256(OLD_BYTES).hexdigest()}": {},
        "about/data/old": {"owner": "ann"},
        "lineage/data/old": {"parents": [{"namespace": "data", "name": "before"}]},
        "dropped/lake/data/gone": {"folder": "lake/data/gone", "dropped_at_ms": 1},
        "view/data/seen": {"metadata_key": "lake/data/seen/metadata/00000-first.metadata.json"},
        "namespace/dot.ted": {},
        "dotted/dot.ted": {"namespace": ["dot.ted"]},
        "pin/data/old": {},
        "profile/ann": {},
        f"idempotent/admin/{OLD_REQUEST}": {"request": "00" * 32, "expires_at_ms": 1 << 50, "status": 204},
        "key/0123456789ab": {"id": "0123456789ab", "permission": "read", "salt": salt,
                             "hash": hmac.new(salt.encode(), secret.encode(), hashlib.sha256).hexdigest()},
    }
    changes = [{"key": key, "put": {"schema_version": 1, **document}} for key, document in documents.items()]
    log.mkdir(parents=True)
    (log / f"{1:020}.json").write_text(json.dumps({"format": "lakehouse-log", "schema_version": 1, "sequence": 1, "changes": changes}))
    return {"X-API-Key": f"lh_0123456789ab_{secret}"}


OLD_BYTES, OLD_REQUEST = b"id\n1\n", "01900000-0000-7000-8000-000000000003"


def test_documents_of_the_first_format_are_read(fresh, tmp_path):
    reader = first_format(tmp_path / "old")
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "ann.json").write_text(json.dumps({"defaults": {"namespace": "data"}}))
    server = fresh("--set", "auth.mode=keys", "--set", "auth.admin_key=top", "--set", f"storage.profile_root={tmp_path / 'profiles'}", root=tmp_path / "old")
    server.headers = {"X-API-Key": "top"}
    wait_for(lambda: [(i["dataset"], i["columns"], i["pinned_by"], i["state"]) for i in server.request("GET", "/query/cache/stats").json()["items"]]
             == [("data.old", None, "request", "ready")])
    wait_for(lambda: server.request("GET", "/profile/ann").json()["active"])
    assert server.request("GET", "/iceberg/v1/namespaces/dot.ted").json()["namespace"] == ["dot.ted"]
    assert server.request("POST", "/iceberg/v1/namespaces", json={"namespace": ["dot"]}).status_code == 200
    assert server.request("POST", "/iceberg/v1/namespaces", json={"namespace": ["dot", "ted"]}).status_code == 409
    assert server.request("GET", "/iceberg/v1/namespaces/data").json()["properties"] == {}
    assert server.request("GET", "/datasets", headers=reader).json()["items"][0]["name"] == "old"
    keys = server.request("GET", "/access/keys").json()["items"]
    assert [(key["id"], key["permission"]) for key in keys] == [("0123456789ab", "read")]
    old = described(server, "old")
    assert old["created_at"] == "2026-01-01T00:00:00.000Z" and old["owner"] == "ann" and old["tags"] == []
    assert sql_edges(lineage(server, "old")) == [("data.before", "data.old")]
    assert server.request("GET", "/iceberg/v1/namespaces/data/views/seen").json()["metadata"]["current-version-id"] == 1
    dropped = server.request("POST", "/catalog/remove-dropped", json={"dry_run": True})
    assert dropped.status_code == 200 and len(dropped.json()["tables"]) == 1, dropped.text
    other = server.request("POST", "/iceberg/v1/namespaces", json={"namespace": ["n"]}, headers={"Idempotency-Key": OLD_REQUEST})
    assert other.status_code == 422, other.text  # the key is another request's
    known = server.ingest(OLD_BYTES, "old", mode="append").json()
    assert known["deduplicated"] is True
    assert server.ingest(b"id\n2\n", "old", mode="append").json()["deduplicated"] is False and server.sql("FROM old") == [[2]]
    for entry in (server.root / "_catalog" / "log").glob("*.json"):
        for change in json.loads(entry.read_text())["changes"]:
            assert change.get("delete") or change["put"]["schema_version"] == 1, change

"""The Iceberg REST catalog over plain HTTP: what the specification says of paths, pages, ETags and updates."""
import json
import pathlib
import re

import pytest

from commands import lakehouse

NS = "/iceberg/v1/namespaces"
SCHEMA = {"type": "struct", "fields": [{"id": 1, "name": "id", "required": False, "type": "long"}]}


def namespace(server, *levels):
    answer = server.request("POST", NS, json={"namespace": list(levels)})
    assert answer.status_code == 200, answer.text
    return f"{NS}/" + "%1F".join(levels)


def table(server, path, name, **more):
    answer = server.request("POST", f"{path}/tables", json={"name": name, "schema": SCHEMA, **more})
    assert answer.status_code == 200, answer.text
    return f"{path}/tables/{name}"


def check(answer, status, kind):
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == (kind, status) and error["message"]


def commit(server, path, *updates, requirements=()):
    return server.request("POST", path, json={"requirements": list(requirements), "updates": list(updates)})


def metadata(server, path):
    return server.request("GET", path).json()["metadata"]


@pytest.fixture
def rows(server):
    """A table of three snapshots, made by SQL; its path and their ids, oldest first."""
    namespace(server, "refs")
    for statement in ("CREATE TABLE refs.t AS SELECT 1 AS id", "INSERT INTO refs.t VALUES (2)", "INSERT INTO refs.t VALUES (3)"):
        assert server.request("POST", "/query/sql", json={"sql": statement}).status_code == 200
    path = f"{NS}/refs/tables/t"
    yield path, [s["snapshot-id"] for s in sorted(metadata(server, path)["snapshots"], key=lambda s: s["sequence-number"])]
    assert server.request("DELETE", path + "?purgeRequested=true").status_code == 204
    assert server.request("DELETE", f"{NS}/refs").status_code == 204


def test_config_names_every_route_that_is_served(server):
    config = server.request("GET", "/iceberg/v1/config").json()
    paths = server.request("GET", "/openapi.json").json()["paths"]
    served = {f"{method.upper()} /v1/{{prefix}}{path[len('/iceberg/v1'):]}" for path, methods in paths.items() if path.startswith("/iceberg/v1/")
              for method in methods if not path.endswith(("/config", "/oauth/tokens"))}
    assert served == set(config["endpoints"])
    assert config["defaults"] == {} and config["overrides"] == {}


def test_names_with_dots_are_found_by_their_dotted_form(server):
    """["dots","in"] and ["dots.in"] look alike, so only one of them can be; a table's own name may have dots."""
    outer, dotted, inner = namespace(server, "dots"), namespace(server, "dots.are"), namespace(server, "dots.are", "in")
    check(server.request("POST", NS, json={"namespace": ["dots", "are"]}), 409, "AlreadyExistsException")
    path, other = table(server, outer, "a.b"), table(server, inner, "t")
    for name, parts in (("dots.a.b", ("dots", "a.b")), ("dots.are.in.t", ("dots.are.in", "t"))):
        found = server.request("GET", f"/datasets/by-name/{name}").json()
        assert (found["namespace"], found["name"]) == parts
    check(server.request("POST", f"{outer}/tables", json={"name": "are.in.t", "schema": SCHEMA}), 409, "AlreadyExistsException")
    for full in (path, other, inner, dotted, outer):
        assert server.request("DELETE", full).status_code == 204, full


def test_namespaces_of_several_levels(server):
    """Parents are listed level by level; every route takes levels joined by 0x1F; only an empty namespace goes."""
    check(server.request("POST", NS, json={"namespace": ["deep", "no parent"]}), 404, "NoSuchNamespaceException")
    top, middle, low = namespace(server, "deep"), namespace(server, "deep", "a.b"), namespace(server, "deep", "a.b", "c d")
    check(server.request("POST", NS, json={"namespace": ["deep", "a.b"]}), 409, "AlreadyExistsException")
    assert ["deep"] in server.request("GET", NS).json()["namespaces"]
    assert server.request("GET", NS + "?parent=deep").json()["namespaces"] == [["deep", "a.b"]]
    assert server.request("GET", NS + "?parent=deep%1Fa.b").json()["namespaces"] == [["deep", "a.b", "c d"]]
    assert server.request("GET", NS + "?parent=deep%1Fa.b%1Fc d").json()["namespaces"] == []
    check(server.request("GET", NS + "?parent=deep%1Fx"), 404, "NoSuchNamespaceException")
    assert server.request("GET", low).json()["namespace"] == ["deep", "a.b", "c d"]
    assert server.request("HEAD", low).status_code == 204 and server.request("HEAD", low + "%1Fe").status_code == 404
    changed = server.request("POST", low + "/properties", json={"updates": {"k": "v"}, "removals": ["absent"]}).json()
    assert changed == {"updated": ["k"], "removed": [], "missing": ["absent"]}
    assert server.request("GET", low).json()["properties"] == {"k": "v"}
    path = table(server, low, "t")
    assert server.request("GET", low + "/tables").json()["identifiers"] == [{"namespace": ["deep", "a.b", "c d"], "name": "t"}]
    assert server.request("GET", middle + "/tables").json()["identifiers"] == []
    for full in (top, middle, low):
        check(server.request("DELETE", full), 409, "NamespaceNotEmptyException")
    to = {"source": {"namespace": ["deep", "a.b", "c d"], "name": "t"}, "destination": {"namespace": ["deep"], "name": "t2"}}
    assert server.request("POST", "/iceberg/v1/tables/rename", json=to).status_code == 204
    check(server.request("POST", "/iceberg/v1/tables/rename", json=to), 404, "NoSuchTableException")
    assert server.request("HEAD", path).status_code == 404
    assert server.request("DELETE", low).status_code == 204 and server.request("DELETE", middle).status_code == 204
    check(server.request("DELETE", top), 409, "NamespaceNotEmptyException")
    assert server.request("DELETE", top + "/tables/t2").status_code == 204 and server.request("DELETE", top).status_code == 204
    check(server.request("DELETE", top), 404, "NoSuchNamespaceException")


def test_pages(server):
    """A client that sends pageToken, even empty, is given pages; their tokens lead through all, once each."""
    top = namespace(server, "pages")
    for i in range(5):
        table(server, top, f"t{i}")
        namespace(server, "pages", f"n{i}")
    for path, member in ((top + "/tables?", "identifiers"), (NS + "?parent=pages&", "namespaces")):
        assert server.request("GET", path).json()["next-page-token"] is None
        token, seen = "", []
        while token is not None:
            page = server.request("GET", f"{path}pageSize=2&pageToken={token}").json()
            assert 1 <= len(page[member]) <= 2
            seen += page[member]
            token = page["next-page-token"]
        assert len(seen) == 5 and seen == server.request("GET", path).json()[member]
        assert server.request("GET", path + "pageSize=0").status_code == 400


def test_etag(server):
    path = table(server, namespace(server, "etag"), "t")
    tag = server.request("GET", path).headers["ETag"]
    assert server.request("GET", path, headers={"If-None-Match": tag}).status_code == 304
    assert server.request("GET", path + "?snapshots=refs", headers={"If-None-Match": tag}).status_code == 200
    assert commit(server, path, {"action": "set-properties", "updates": {"a": "b"}}).status_code == 200
    again = server.request("GET", path, headers={"If-None-Match": tag})
    assert again.status_code == 200 and again.headers["ETag"] != tag
    body = again.json()
    files = [entry["metadata-file"] for entry in body["metadata"]["metadata-log"]] + [body["metadata-location"]]
    uuid = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    for version, file in enumerate(files):  # the version counts up, the UUID makes it one's own
        assert re.fullmatch(re.escape(body["metadata"]["location"]) + rf"/metadata/{version:05}-{uuid}\.metadata\.json", file), files
    assert len(set(files)) == len(files) == 2


def test_views_on_the_command_line(server):
    space, inner = namespace(server, "shown"), namespace(server, "shown", "deep")
    texts = [{"type": "sql", "sql": "SELECT 1 AS id", "dialect": "duckdb"}, {"type": "sql", "sql": "select 1 id", "dialect": "spark"}]
    version = {"version-id": 1, "timestamp-ms": 1, "schema-id": 0, "summary": {}, "default-namespace": ["shown"], "representations": texts}
    for path, name in ((space, "v"), (space, "odd name"), (inner, "w")):
        answer = server.request("POST", f"{path}/views", json={"name": name, "schema": SCHEMA, "view-version": version, "properties": {}})
        assert answer.status_code == 200, answer.text
    run = lambda *args, **options: lakehouse("views", *args, "--url", server.url, **options)  # noqa: E731
    assert run().stdout == "no views in data that you may see\n"
    listed = run("list", "shown").stdout
    assert "shown.v" in listed and "shown.odd name" in listed and "deep" not in listed
    assert json.loads(run("list", "shown.deep", "--json").stdout) == [{"namespace": ["shown", "deep"], "name": "w"}]
    text = run("show", "shown.v").stdout
    assert "SELECT 1 AS id" in text and "select 1 id" in text and "spark" in text
    assert json.loads(run("show", "shown.odd name", "--json").stdout) == server.request("GET", f"{space}/views/odd name").json()
    assert run("rename", "shown.v", "shown.deep.v").stdout == "shown.v is now shown.deep.v\n"
    assert server.request("HEAD", f"{space}/views/v").status_code == 404 and server.request("HEAD", f"{inner}/views/v").status_code == 204
    assert run("drop", "-y", "shown.deep.v").stdout == "dropped shown.deep.v; its files stay\n"
    for wrong, word in ((("show", "shown.deep.v"), "not exist"), (("list", "nowhere"), "nowhere"), (("drop", "shown."), "NAMESPACE.VIEW"),
                        (("rename", "shown.v", "shown.x"), "not exist")):
        failed = run(*wrong, check=False)
        assert failed.returncode == 1 and word in failed.stderr, failed.stderr
    for wrong in (("show",), ("rename", "a"), ("make", "x"), ("list", "a", "b")):
        assert run(*wrong, check=False).returncode == 2


def test_what_changes_a_table_tells_the_etag_of_a_load(server):
    space = namespace(server, "tags")
    key = "017f22e2-79b0-7cc3-98c4-dc0c0c07398"

    def told(where, body, load, number):
        """The ETag of the answer, and of the same answer to the same key."""
        first, again = (server.request("POST", where, json=body, headers={"Idempotency-Key": f"{key}{number}"}) for _ in range(2))
        assert first.status_code == again.status_code == 200 and first.content == again.content, first.text
        tag = first.headers["ETag"]
        assert again.headers["ETag"] == tag == server.request("GET", load).headers["ETag"]
        assert server.request("GET", load, headers={"If-None-Match": tag}).status_code == 304
        return tag

    path = f"{space}/tables/t"
    tags = [told(f"{space}/tables", {"name": "t", "schema": SCHEMA}, path, 0)]
    for number in (1, 2):
        updates = [{"action": "set-properties", "updates": {"a": str(number)}}]
        tags.append(told(path, {"requirements": [], "updates": updates}, path, number))
    assert len(set(tags)) == 3 and server.request("GET", path, headers={"If-None-Match": tags[0]}).status_code == 200
    location = server.request("GET", path).json()["metadata-location"]
    assert server.request("DELETE", path).status_code == 204
    assert told(f"{space}/register", {"name": "back", "metadata-location": location}, f"{space}/tables/back", 3) == tags[-1]
    staged = server.request("POST", f"{space}/tables", json={"name": "s", "schema": SCHEMA, "stage-create": True})
    assert staged.status_code == 200 and "ETag" not in staged.headers
    routes = server.request("GET", "/openapi.json").json()["paths"]
    pattern = "/iceberg/v1/namespaces/{namespace}"
    for route in (f"{pattern}/tables", f"{pattern}/register", f"{pattern}/tables/{{table}}"):
        assert "ETag" in routes[route]["post"]["responses"]["2XX"]["headers"], route


def test_what_a_commit_must_hold(server):
    """The specification wants `requirements`; transforms are those it knows; what metadata tells elsewhere is no property."""
    path = table(server, namespace(server, "strict"), "t", properties={"format-version": "2", "uuid": "mine", "kept": "yes"})
    assert metadata(server, path)["properties"] == {"kept": "yes"}
    check(server.request("POST", path, json={"updates": []}), 400, "BadRequestException")
    change = {"identifier": {"namespace": ["strict"], "name": "t"}, "updates": []}
    check(server.request("POST", "/iceberg/v1/transactions/commit", json={"table-changes": [change]}), 400, "BadRequestException")

    def refused(update, *words):
        answer = commit(server, path, update)
        check(answer, 400, "BadRequestException")
        assert all(word in answer.json()["error"]["message"] for word in words), answer.text

    for transform in ("yearly", "bucket[]", "truncate[-1]", "Day", "day"):  # the column is a long
        field = {"source-id": 1, "transform": transform}
        refused({"action": "add-spec", "spec": {"fields": [{**field, "name": "p"}]}}, transform)
        refused({"action": "add-sort-order", "sort-order": {"fields": [{**field, "direction": "asc", "null-order": "nulls-last"}]}}, transform)
    refused({"action": "set-properties", "updates": {"format-version": "3"}}, "reserved", "upgrade-format-version")
    assert metadata(server, path)["format-version"] == 2
    assert commit(server, path, {"action": "upgrade-format-version", "format-version": 3}).status_code == 200
    assert metadata(server, path)["format-version"] == 3


def test_branches_and_tags(server, rows):
    path, ids = rows

    def ref(name, kind, at, **more):
        return commit(server, path, {"action": "set-snapshot-ref", "ref-name": name, "type": kind, "snapshot-id": at, **more})

    keep = {"max-ref-age-ms": 1000000, "max-snapshot-age-ms": 5000, "min-snapshots-to-keep": 2}
    assert ref("audit", "branch", ids[0], **keep).status_code == 200
    assert ref("v1", "tag", ids[1], **{"max-ref-age-ms": 7}).status_code == 200
    refs = metadata(server, path)["refs"]
    assert refs["audit"] == {"snapshot-id": ids[0], "type": "branch", **keep}
    assert refs["v1"] == {"snapshot-id": ids[1], "type": "tag", "max-ref-age-ms": 7}
    assert refs["main"]["snapshot-id"] == ids[2]
    assert ref("bad", "tag", 42).status_code == 400 and ref("bad", "label", ids[0]).status_code == 400
    assert ref("main", "tag", ids[2]).status_code == 400
    held = {"type": "assert-ref-snapshot-id", "ref": "audit", "snapshot-id": ids[1]}
    check(commit(server, path, requirements=[held]), 409, "CommitFailedException")
    absent = {"type": "assert-ref-snapshot-id", "ref": "audit", "snapshot-id": None}
    check(commit(server, path, requirements=[absent]), 409, "CommitFailedException")
    named = {s["snapshot-id"] for s in server.request("GET", path + "?snapshots=refs").json()["metadata"]["snapshots"]}
    assert named == set(ids)
    assert commit(server, path, {"action": "remove-snapshot-ref", "ref-name": "v1"}, {"action": "remove-snapshot-ref", "ref-name": "audit"}).status_code == 200
    assert set(metadata(server, path)["refs"]) == {"main"}
    named = server.request("GET", path + "?snapshots=refs").json()["metadata"]["snapshots"]
    assert [s["snapshot-id"] for s in named] == [ids[2]]
    assert server.request("GET", path + "?snapshots=all").json()["metadata"] == metadata(server, path)
    check(server.request("GET", path + "?snapshots=some"), 400, "BadRequestException")


def test_what_is_removed_and_what_is_in_use(server, rows):
    path, ids = rows
    second = {"type": "struct", "fields": SCHEMA["fields"] + [{"id": 2, "name": "b", "required": False, "type": "string"}]}
    changed = commit(server, path, {"action": "add-schema", "schema": second}, {"action": "set-current-schema", "schema-id": -1},
                     {"action": "add-spec", "spec": {"fields": [{"source-id": 1, "transform": "identity", "name": "id"}]}},
                     {"action": "set-default-spec", "spec-id": -1})
    assert changed.status_code == 200, changed.text
    now = changed.json()["metadata"]
    current, spec = now["current-schema-id"], now["default-spec-id"]
    check(commit(server, path, {"action": "remove-schemas", "schema-ids": [current]}), 400, "BadRequestException")
    check(commit(server, path, {"action": "remove-partition-specs", "spec-ids": [spec]}), 400, "BadRequestException")
    others = [s["spec-id"] for s in now["partition-specs"] if s["spec-id"] != spec]
    assert commit(server, path, {"action": "remove-partition-specs", "spec-ids": others}).status_code == 200
    assert [s["spec-id"] for s in metadata(server, path)["partition-specs"]] == [spec]
    assert commit(server, path, {"action": "remove-snapshots", "snapshot-ids": [ids[0]]}).status_code == 200
    assert ids[0] not in [s["snapshot-id"] for s in metadata(server, path)["snapshots"]]
    check(commit(server, path, {"action": "remove-everything"}), 400, "BadRequestException")
    check(commit(server, path, requirements=[{"type": "assert-nothing"}]), 400, "BadRequestException")


@pytest.mark.parametrize("kind", ["statistics", "partition-statistics"])
def test_statistics_files(server, rows, kind):
    """One file a snapshot; a second one takes the place of the first."""
    path, ids = rows
    for name in ("first", "second"):
        file = {"snapshot-id": ids[1], "statistics-path": f"file:///tmp/{name}.puffin", "file-size-in-bytes": 10}
        if kind == "statistics":
            file |= {"file-footer-size-in-bytes": 4, "blob-metadata": [
                {"type": "apache-datasketches-theta-v1", "snapshot-id": ids[1], "sequence-number": 1, "fields": [1], "properties": {"ndv": "3"}}]}
        assert commit(server, path, {"action": f"set-{kind}", "snapshot-id": ids[1], kind: file}).status_code == 200
    assert metadata(server, path)[kind] == [file]
    assert commit(server, path, {"action": f"remove-{kind}", "snapshot-id": ids[1]}).status_code == 200
    assert not metadata(server, path).get(kind)


def test_format_3_keeps_encryption_keys(server):
    path = table(server, namespace(server, "keys"), "t", properties={"format-version": "3"})
    keys = [{"key-id": "k1", "encrypted-key-metadata": "c2VjcmV0", "encrypted-by-id": "kms", "properties": {"p": "q"}},
            {"key-id": "k2", "encrypted-key-metadata": "bW9yZQ=="}]
    for key in keys:
        assert commit(server, path, {"action": "add-encryption-key", "encryption-key": key}).status_code == 200
    assert metadata(server, path)["encryption-keys"] == keys
    assert commit(server, path, {"action": "set-properties", "updates": {"a": "b"}}).status_code == 200
    server.restart()
    assert metadata(server, path)["encryption-keys"] == keys
    assert commit(server, path, {"action": "remove-encryption-key", "key-id": "k1"}).status_code == 200
    assert metadata(server, path)["encryption-keys"] == keys[1:]
    assert commit(server, path, {"action": "remove-encryption-key", "key-id": "k2"}).status_code == 200
    server.restart()
    assert not metadata(server, path).get("encryption-keys")
    second = table(server, f"{NS}/keys", "v2")
    check(commit(server, second, {"action": "add-encryption-key", "encryption-key": keys[0]}), 400, "BadRequestException")


def test_the_key_of_a_snapshot_is_kept_byte_for_byte(server):
    """In what a commit adds, and in a metadata file that another catalog wrote: as text, for a number may have many forms."""
    path = table(server, namespace(server, "sealed"), "t", properties={"format-version": "3"})
    server.sql("CREATE TABLE sealed.plain AS SELECT 1 AS id")
    listed = metadata(server, f"{NS}/sealed/tables/plain")["snapshots"][0]["manifest-list"]
    key = {"key-id": "snapshot key \u00fc/1", "encrypted-key-metadata": "c2VjcmV0", "encrypted-by-id": "kms"}
    snapshot = {"snapshot-id": 4711, "sequence-number": 1, "timestamp-ms": 1700000000000, "manifest-list": listed, "schema-id": 0,
                "first-row-id": 0, "added-rows": 1, "key-id": key["key-id"], "summary": {"operation": "append"}}
    answer = commit(server, path, {"action": "add-encryption-key", "encryption-key": key}, {"action": "add-snapshot", "snapshot": snapshot},
                    {"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": 4711})
    assert answer.status_code == 200, answer.text

    def kept(where):
        now = server.request("GET", where).json()
        assert now["metadata"]["snapshots"] == [snapshot] and now["metadata"]["encryption-keys"] == [key]
        return pathlib.Path(now["metadata-location"].removeprefix("file://"))

    kept(path)
    server.restart()
    before = kept(path)
    assert commit(server, path, {"action": "set-properties", "updates": {"a": "b"}}).status_code == 200
    after = kept(path)
    part = re.compile(rb'"snapshots":\[.*?\]', re.S)
    assert before != after and part.search(before.read_bytes()).group() == part.search(after.read_bytes()).group()
    assert server.request("DELETE", path).status_code == 204
    written = after.read_bytes()
    answer = server.request("POST", f"{NS}/sealed/register", json={"name": "again", "metadata-location": str(after)})
    assert answer.status_code == 200, answer.text
    assert kept(f"{NS}/sealed/tables/again") == after and after.read_bytes() == written


def test_a_namespace_that_comes_again_in_another_case_is_found_and_listed(fresh):
    """DuckDB's catalog kept it as it was first written, and asked for that: until a restart nothing found the new one."""
    server = fresh()
    path = "/iceberg/v1/namespaces"
    for first, then in (("Sales", "sales"), ("sales", "SALES")):
        if first == "Sales":
            server.sql('CREATE SCHEMA "Sales"')
            server.sql('CREATE TABLE "Sales".t AS SELECT 1 AS a')
            assert server.sql("SHOW ALL TABLES")[0][1:3] == ["Sales", "t"]
        assert server.request("DELETE", f"{path}/{first}/tables/t").status_code == 204  # by the API: the engine is not told
        assert server.request("DELETE", f"{path}/{first}").status_code == 204
        assert [row[1] for row in server.sql("SHOW SCHEMAS") if row[0] == "lake"] == ["data"]
        assert server.request("POST", path, json={"namespace": [then]}).status_code == 200
        server.sql(f'CREATE TABLE {then}.t AS SELECT 2 AS b')
        server.sql(f'INSERT INTO "{then}".t VALUES (3)')
        server.sql(f'ALTER TABLE {then}.t RENAME TO u')
        server.sql(f'BEGIN; INSERT INTO {first}.u VALUES (4); UPDATE {then}.u SET b = 5 WHERE b = 3; COMMIT')
        assert sorted(server.sql(f'SELECT * FROM "{first}".u')) == [[2], [4], [5]]
        assert server.sql("SHOW ALL TABLES") == [["lake", then, "u", ["b"], ["INTEGER"], False]]
        assert server.sql(f"SHOW TABLES FROM lake.{then}") == [["u"]]
        assert sorted(row[1] for row in server.sql("SHOW SCHEMAS") if row[0] == "lake") == sorted(["data", then])
        assert server.sql("SELECT table_schema, table_name, column_name FROM information_schema.columns") == [[then, "u", "b"]]
        assert server.sql("SELECT schema_name FROM information_schema.schemata WHERE catalog_name = 'lake' AND schema_name <> 'data'") == [[then]]
        assert [(item["namespace"], item["name"]) for item in server.request("GET", "/datasets").json()["items"]] == [(then, "u")]
        server.sql(f'ALTER TABLE {then}.u RENAME TO t')
    for name in ("Sales", "sales"):  # strangers name it as it is
        assert server.request("GET", f"{path}/{name}").status_code == server.request("GET", f"{path}/{name}/tables/t").status_code == 404
    server.sql("DROP TABLE sales.t")
    server.sql('DROP SCHEMA "Sales"')
    assert [row[1] for row in server.sql("SHOW SCHEMAS") if row[0] == "lake"] == ["data"]


def test_a_namespace_that_a_statement_named_before_it_was_there_is_found_once_it_is(server):
    named = lambda name: server.query(f"SELECT count(*) FROM {name}.t")
    for name in ("by_api", "by_sql", "\"in Case\"", "again"):
        for _ in range(2):
            missing = named(name)
            assert missing.status_code == 400 and "does not exist because schema" in missing.text and missing.json()["error"]["details"]["column"] in (22, 23)
        assert server.query(f"CREATE TABLE {name}.t (a INTEGER)").status_code == 400
    assert server.request("POST", "/iceberg/v1/namespaces", json={"namespace": ["by_api"]}).status_code == 200
    field = {"id": 1, "name": "a", "type": "int", "required": False}
    assert server.request("POST", "/iceberg/v1/namespaces/by_api/tables", json={"name": "t", "schema": {"type": "struct", "fields": [field]}}).status_code == 200
    assert server.sql("SELECT count(*) FROM by_api.t") == [[0]]
    for name in ("by_sql", "\"in Case\"", "again"):
        server.sql(f"CREATE SCHEMA {name}; CREATE TABLE {name}.t AS SELECT 1 AS a")
        assert server.sql(f"SELECT a FROM {name}.t") == [[1]]
    for i, statement in enumerate(["DROP TABLE IF EXISTS {}.t", "DROP\n VIEW if exists {}.t", "ALTER TABLE IF EXISTS {}.t ADD COLUMN b INTEGER"]):
        name = f"none_yet_{i}"
        assert server.query(statement.format(name)).json()["rows"] == []
        server.sql(f"CREATE SCHEMA {name}; CREATE TABLE {name}.t AS SELECT 1 AS a")
        assert server.query(statement.format(name)).status_code == 200
    server.sql("DROP TABLE again.t; DROP SCHEMA again")
    assert named("again").status_code == 400
    server.sql("BEGIN; CREATE SCHEMA again; COMMIT")
    server.sql("CREATE TABLE again.t AS SELECT 2 AS a")
    assert server.sql("SELECT a FROM lake.again.t") == [[2]]
    assert server.query("SELECT count(*) FROM information_schema.tables").status_code == 200

"""The namespace `system`, where the journal and the audit lie, is for administrators at every door: no key that reads or writes the whole
lake gets anything of it, changes it, or finds it in a list."""
import json

import grpc
import pytest

from governed import ADMIN, Lake

NS = "/iceberg/v1/namespaces"
SCHEMA = {"type": "struct", "fields": [{"id": 1, "name": "id", "required": False, "type": "long"}]}
VIEW = {"name": "v", "schema": SCHEMA, "properties": {}, "view-version": {
    "version-id": 1, "timestamp-ms": 1, "schema-id": 0, "summary": {}, "default-namespace": ["data"],
    "representations": [{"type": "sql", "sql": "SELECT 1 AS id", "dialect": "duckdb"}]}}
GRPC = "/lakehouse.v1.CatalogService/"


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    made = Lake(tmp_path_factory.mktemp("system") / "root")
    made.keys = {p: made.call("POST", "/access/keys", 201, {"name": p, "permission": p})["key"] for p in ("read", "write")}
    made.ingest("t", b"id\n1\n2\n")
    made.call("POST", "/journal/event", 200, {"entity_type": "a-secret-entity", "entity_id": "1", "field": "f", "new_value": "v"})
    assert made.ask("CREATE TABLE from_journal AS SELECT entity_type FROM lake.system.journal", made.keys["write"]).status_code == 403
    made.call("POST", "/journal/flush", 200)
    made.rows("CREATE TABLE from_journal AS SELECT count(*) AS n FROM lake.system.journal", ADMIN)
    made.call("POST", NS, 200, {"namespace": ["system", "inner"]})
    made.call("POST", f"{NS}/system%1Finner/tables", 200, {"name": "deep", "schema": SCHEMA})
    objects = [item["key"] for item in made.call("GET", "/storage/objects", 200, key=ADMIN)["items"]]
    made.files = [key for key in objects if key.startswith(("lake/system/", "lake/system_inner/"))]
    made.data = next(key for key in made.files if key.endswith(".parquet"))
    made.metadata = max(key for key in made.files if "/journal-" in key and key.endswith(".metadata.json"))
    made.deep = next(key for key in made.files if key.startswith("lake/system_inner/") and key.endswith(".metadata.json"))
    yield made
    made.server.stop()


def ask(lake, permission, method, path, body=None, **options):
    key = lake.keys.get(permission) or ADMIN
    return lake.server.request(method, path, headers={"X-API-Key": key}, **({} if body is None else {"json": body}), **options)


def location(lake, key):
    return f"file://{lake.server.root}/{key}"


def commit(**snapshot):
    return {"requirements": [], "updates": [{"action": "add-snapshot", "snapshot": {"snapshot-id": 7, "timestamp-ms": 1, "sequence-number": 9, "summary": {"operation": "append"}, **snapshot}}]}


def place(name, namespace="system"):
    return {"namespace": [namespace], "name": name}


READS = [
    ("GET", f"{NS}/system"), ("HEAD", f"{NS}/system"), ("GET", f"{NS}/SYSTEM"), ("GET", f"{NS}/system%1Finner"), ("GET", f"{NS}?parent=system"),
    ("GET", f"{NS}/system/tables"), ("GET", f"{NS}/system/views"), ("GET", f"{NS}/system/tables/journal"), ("HEAD", f"{NS}/system/tables/journal"),
    ("GET", f"{NS}/System/tables/journal"), ("GET", f"{NS}/system/tables/query_audit/credentials"), ("GET", f"{NS}/system%1Finner/tables/deep"),
    ("POST", f"{NS}/system/tables/journal/metrics", {}), ("GET", f"{NS}/system/views/v"), ("HEAD", f"{NS}/system/views/v"),
    ("GET", "/datasets/by-name/system.journal"), ("GET", "/datasets/by-name/SYSTEM.journal"), ("GET", "/datasets/by-name/system.none"),
    ("GET", "/catalog/datasets/by-name/system.query_audit"), ("GET", "/catalog/datasets/by-name/system.journal/layout"), ("GET", "/catalog/lineage/system.journal"),
    ("GET", "/catalog/views/system.v"), ("GET", "/storage/objects/{data}"), ("HEAD", "/storage/objects/{data}"), ("GET", "/storage/objects/{metadata}"),
    ("GET", "/storage/objects/{deep}"), ("GET", "/storage/objects/lake/System/x"), ("GET", "/storage/buckets/primary/objects/{data}"), ("HEAD", "/storage/buckets/primary/objects/{metadata}"),
    ("POST", "/catalog/schema/diff", {"from": {"dataset": "system.journal"}, "to": {"dataset": "t"}}),
    ("POST", "/catalog/schema/diff", {"from": {"dataset": "t"}, "to": {"object": "{data}"}}),
    ("POST", "/catalog/schema/prompt", {"from": {"object": "{data}"}, "to": {"dataset": "t"}}),
    ("POST", "/catalog/schema/diff", {"from": {"dataset": "t"}, "to": {"object": "_catalog/secret/mask_key", "format": "csv"}}),
]
WRITES = [
    ("POST", NS, {"namespace": ["system", "more"]}), ("POST", NS, {"namespace": ["System"]}), ("DELETE", f"{NS}/system"), ("DELETE", f"{NS}/system%1Finner"),
    ("POST", f"{NS}/system/properties", {"updates": {"a": "b"}, "removals": []}),
    ("POST", f"{NS}/system/tables", {"name": "new", "schema": SCHEMA}), ("POST", f"{NS}/data/tables", {"name": "new", "schema": SCHEMA, "location": "{at}lake/system/new"}),
    ("POST", f"{NS}/system/register", {"name": "new", "metadata-location": "{at}lake/t"}),
    ("POST", f"{NS}/data/register", {"name": "new", "metadata-location": "{at}{metadata}"}), ("POST", f"{NS}/data/register", {"name": "new", "metadata-location": "{at}{deep}"}),
    ("POST", f"{NS}/system/tables/journal", {"requirements": [], "updates": [{"action": "set-properties", "updates": {"a": "b"}}]}),
    ("POST", f"{NS}/data/tables/t", commit(**{"manifest-list": "{at}{metadata}"})),
    ("DELETE", f"{NS}/system/tables/journal"), ("DELETE", f"{NS}/system/tables/journal?purgeRequested=true"),
    ("POST", "/iceberg/v1/tables/rename", {"source": place("journal"), "destination": place("stolen", "data")}),
    ("POST", "/iceberg/v1/tables/rename", {"source": place("t", "data"), "destination": place("t")}),
    ("POST", "/iceberg/v1/transactions/commit", {"table-changes": [{"identifier": place("t", "data"), "requirements": [], "updates": []},
                                                                  {"identifier": place("journal"), "requirements": [], "updates": []}]}),
    ("POST", f"{NS}/system/views", VIEW), ("POST", f"{NS}/system/register-view", {"name": "v", "metadata-location": "{at}x"}),
    ("POST", f"{NS}/system/views/v", {"requirements": [], "updates": []}), ("DELETE", f"{NS}/system/views/v"),
    ("POST", "/iceberg/v1/views/rename", {"source": place("v", "data"), "destination": place("v")}),
    ("PUT", "/storage/objects/lake/system/new.parquet", None, b"x"), ("PUT", "/storage/objects/{data}.more", None, b"x"), ("DELETE", "/storage/objects/{data}"),
    ("PUT", "/storage/buckets/primary/objects/lake/system/new", None, b"x"), ("DELETE", "/storage/buckets/primary/objects/{deep}"),
    ("DELETE", "/datasets/by-name/system.journal"), ("POST", "/datasets", {"name": "system.new", "location": "lake"}),
    ("POST", "/datasets", {"name": "stolen", "files": ["{data}"]}), ("POST", "/datasets", {"name": "stolen", "location": "{at}lake/system"}),
    ("POST", "/datasets", {"name": "stolen", "location": "lake"}), ("POST", "/datasets", {"name": "stolen", "format": "iceberg", "location": "{metadata}"}),
    ("PUT", "/catalog/datasets/by-name/system.journal/layout", {"sort": []}), ("PATCH", "/catalog/datasets/by-name/system.journal/metadata", {"description": "x"}),
    ("POST", "/catalog/datasets/by-name/system.journal/scan", {}), ("POST", "/catalog/datasets/by-name/system.journal/rollback", {"snapshot_id": 1}),
    ("POST", "/catalog/datasets/by-name/system.journal/migrate", {"rules": []}),
    ("POST", "/catalog/datasets/by-name/t/migrate", {"to": {"object": "{data}"}, "dry_run": True}),
    ("POST", "/catalog/datasets/by-name/t/migrate", {"to": {"dataset": "system.journal"}, "dry_run": True}),
]


def filled(lake, value):
    """With the names of this lake's files."""
    text = json.dumps(value)
    for name, key in (("{at}", location(lake, "")), ("{data}", lake.data), ("{metadata}", lake.metadata), ("{deep}", lake.deep)):
        text = text.replace(name, key)
    return json.loads(text)


@pytest.mark.parametrize("permission, door", [("read", door) for door in READS] + [("write", door) for door in READS + WRITES], ids=lambda p: p if isinstance(p, str) else f"{p[0]} {p[1]}")
def test_no_door_gives_it(lake, permission, door):
    method, path, body, data = (*door, None, None)[:4]
    answer = ask(lake, permission, method, filled(lake, path), filled(lake, body), **({"data": data} if data else {}))
    assert answer.status_code == 403, (answer.status_code, answer.text)


@pytest.mark.parametrize("path", ["/datasets", "/datasets?namespace=system", "/datasets?limit=1", "/catalog/search?q=journal", "/catalog/search?q=entity_type", NS, "/storage/objects",
                                  "/storage/objects?prefix=lake/sys", "/storage/buckets/primary/objects?limit=3", "/catalog/views", "/query/cache/stats", "/maintenance",
                                  "/catalog/lineage/from_journal", "/catalog/datasets/by-name/from_journal", "/metrics"])
def test_no_list_has_it(lake, path):
    told = {who: pages(lake, who, path) for who in ("read", "write", "admin")}
    for who in ("read", "write"):
        assert not [word for word in ("system.journal", '"system', "lake/system", "query_audit", "deep") if word in told[who]], told[who]
    if path.startswith(("/datasets", "/catalog/search", "/storage", NS, "/catalog/lineage", "/catalog/datasets")):
        assert "system" in told["admin"]
    if path in ("/datasets", "/storage/objects"):
        assert '"t"' in told["read"] or "lake/data/t-" in told["read"]


def pages(lake, who, path):
    """All pages of it as one text."""
    text, token = "", None
    while True:
        answer = ask(lake, who, "GET", path, params={"page_token": token} if token else {})
        assert answer.status_code == 200, (path, answer.text)
        text += answer.text
        token = answer.json().get("next_page_token") if path != "/metrics" else None
        if not token:
            return text


def test_loads_do_not_go_there(lake):
    for dataset in ("system.journal", "System.fresh", "system.inner.deep"):
        for mode in ("create", "append", "replace"):
            answer = lake.server.request("POST", "/ingest/file", headers={"X-API-Key": lake.keys["write"]}, data={"dataset": dataset, "mode": mode}, files={"file": ("f.csv", b"id\n1\n")})
            assert answer.status_code == 403, (dataset, mode, answer.text)


@pytest.mark.parametrize("sql", ["SELECT * FROM query_table('lake.sys' || 'tem.journal')", "SELECT * FROM query('SELECT * FROM lake.sys' || 'tem.journal')", "SELECT * FROM read_parquet('{there}')",
                                 "SELECT * FROM glob('{half}' || 'tem/**')", "SELECT * FROM read_blob('{half}' || 'tem/**')", "SELECT * FROM '{there}'", "EXECUTE IMMEDIATE 'SELECT 1'",
                                 "COPY (SELECT 1) TO '{there}'", "SELECT * FROM iceberg_scan('{half}' || 'tem')"])
def test_sql_does_not_give_it_under_another_name(lake, sql):
    there, half = f"{lake.server.root}/{lake.data}", f"{lake.server.root}/lake/sys"
    for permission in ("read", "write"):
        answer = lake.ask(sql.format(there=there, half=half), lake.keys[permission])
        assert answer.status_code in (400, 403), (sql, answer.text)
        assert "a-secret-entity" not in answer.text


def test_a_key_of_an_administrator_reaches_it_as_far_as_its_scope(lake):
    for scope, status in (("read", 403), ("write", 403), ("admin", 200)):
        key = lake.key(f"boss-{scope}", roles=("admin",), scope=scope)
        assert lake.ask("SELECT count(*) FROM lake.system.journal", key).status_code == status
        assert lake.server.request("GET", "/datasets/by-name/system.journal", headers={"X-API-Key": key}).status_code == status
        assert ("query_audit" in lake.server.request("GET", "/datasets", headers={"X-API-Key": key}).text) == (status == 200)
    part = lake.key("auditor", {"effect": "allow", "on": "namespace", "name": "system", "actions": ["read"]})  # whose role names it
    assert lake.ask("SELECT count(*) FROM lake.system.journal", part).status_code == 200
    assert "query_audit" in lake.server.request("GET", "/datasets", headers={"X-API-Key": part}).text
    assert lake.server.request("GET", f"/storage/objects/{lake.data}", headers={"X-API-Key": part}).status_code == 403


def varint(number):
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)


def text(field, value):
    return bytes([field << 3 | 2]) + varint(len(value)) + value.encode()


def test_grpc_does_not_give_it(lake):
    with grpc.insecure_channel(lake.server.grpc) as channel:
        for permission in ("read", "write"):
            def call(method, message, key=lake.keys[permission]):
                return channel.unary_unary(GRPC + method)(message, metadata=[("x-api-key", key)], timeout=60)

            assert b"query_audit" in call("ListDatasets", b"", ADMIN)
            listed = call("ListDatasets", b"")
            assert b"from_journal" in listed and b"query_audit" not in listed
            calls = [("GetDataset", text(1, "system.journal")), ("GetDataset", text(1, "SYSTEM.none"))]
            if permission == "write":
                calls += [("RegisterDataset", text(1, "stolen") + text(2, "lake/system")), ("RegisterDataset", text(1, "system.mine") + text(2, "lake"))]
            for method, message in calls:
                with pytest.raises(grpc.RpcError) as refused:
                    call(method, message)
                assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED, (method, refused.value)
            assert call("GetDataset", text(1, "t"))


def test_a_watch_tells_nothing_of_it(lake):
    with grpc.insecure_channel(lake.server.grpc) as channel:
        watches = {who: channel.unary_stream(GRPC + "WatchChanges")(b"", metadata=[("x-api-key", key)], timeout=60)
                   for who, key in (("read", lake.keys["read"]), ("admin", ADMIN))}
        for watch in watches.values():
            next(watch)  # it has begun
        lake.call("POST", "/journal/event", 200, {"entity_type": "a", "entity_id": "2"})
        lake.call("POST", "/journal/flush", 200)
        lake.rows("CREATE TABLE watched AS SELECT 1 AS a", lake.keys["write"])
        for who, watch in watches.items():
            seen = b""
            while b"watched" not in seen:
                seen += next(watch)
            assert (b"system" in seen) == (who == "admin")
            watch.cancel()


def test_who_is_administrator_still_may(lake):
    for door in READS:
        method, path, body = (*door, None)[:3]
        answer = ask(lake, "admin", method, filled(lake, path), filled(lake, body))
        assert answer.status_code != 403 or "_catalog/secret" in json.dumps(body), (door, answer.text)
    assert ask(lake, "admin", "GET", f"{NS}/system/tables/journal").status_code == 200
    assert ask(lake, "admin", "GET", f"/storage/objects/{lake.data}").status_code == 200
    assert ask(lake, "admin", "POST", f"{NS}/system/tables/journal", {"requirements": [], "updates": [{"action": "set-properties", "updates": {"a": "b"}}]}).status_code == 200
    lake.call("POST", "/journal/event", 200, {"entity_type": "a", "entity_id": "3"}, key=lake.keys["write"])
    lake.call("POST", "/journal/flush", 200, key=lake.keys["write"])
    assert lake.rows("SELECT count(*) > 0 FROM lake.system.journal WHERE entity_id = '3'", ADMIN) == [[True]]
    assert lake.call("GET", "/journal/verify", 200)


def test_no_namespace_is_made_that_is_system_in_another_case(lake):
    """The journal could not make its own then."""
    for made in (lake.server.query('CREATE SCHEMA "SYSTEM"'), lake.server.request("POST", "/iceberg/v1/namespaces", json={"namespace": ["System"]})):
        assert made.status_code == 400 and ("lower case" in made.text or 'Schema with name \\"SYSTEM\\" already exists' in made.text), made.text

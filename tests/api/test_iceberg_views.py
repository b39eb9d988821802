"""Views of the Iceberg REST catalog over plain HTTP and by PyIceberg: what they keep, and that a name is a table's or a view's."""
import threading

import pytest
from test_iceberg import NS, SCHEMA, check, commit, namespace, table


def version(sql="select 1 as id", dialect="spark", number=1, schema=0, **more):
    return {"version-id": number, "timestamp-ms": 1700000000000 + number, "schema-id": schema, "summary": {"engine": "test"},
            "default-namespace": ["data"], "representations": [{"type": "sql", "sql": sql, "dialect": dialect}], **more}


def create(server, path, name, **more):
    return server.request("POST", f"{path}/views", json={"name": name, "schema": SCHEMA, "view-version": version(), "properties": {}, **more})


def view(server, path, name, **more):
    answer = create(server, path, name, **more)
    assert answer.status_code == 200, answer.text
    return f"{path}/views/{name}"


def rename(server, kind, source, destination):
    name = lambda path: dict(zip(("namespace", "name"), (path.split("/")[-3].split("%1F"), path.split("/")[-1])))
    return server.request("POST", f"/iceberg/v1/{kind}/rename", json={"source": name(source), "destination": name(destination)})


def test_a_view_is_made_loaded_listed_and_dropped(server):
    ns = namespace(server, "life")
    made = create(server, ns, "v", properties={"comment": "of a test"}).json()
    now = made["metadata"]
    assert now["format-version"] == 1 and now["current-version-id"] == 1 and now["properties"] == {"comment": "of a test"}
    assert now["versions"] == [version()] and [e["version-id"] for e in now["version-log"]] == [1]
    assert now["schemas"][0]["schema-id"] == 0 and made["metadata-location"].startswith(now["location"])
    path = f"{ns}/views/v"
    assert server.request("GET", path).json() == made
    assert server.request("HEAD", path).status_code == 204 and server.request("HEAD", path + "x").status_code == 404
    check(create(server, ns, "v"), 409, "AlreadyExistsException")
    assert server.request("GET", f"{ns}/views").json() == {"identifiers": [{"namespace": ["life"], "name": "v"}], "next-page-token": None}
    assert server.request("GET", f"{ns}/tables").json()["identifiers"] == []
    assert server.request("DELETE", path).status_code == 204
    for answer in (server.request("GET", path), server.request("DELETE", path), commit(server, path, {"action": "set-properties", "updates": {}})):
        check(answer, 404, "NoSuchViewException")
    for answer in (create(server, f"{NS}/nowhere", "v"), server.request("GET", f"{NS}/nowhere/views")):
        check(answer, 404, "NoSuchNamespaceException")


def test_views_survive_a_restart(fresh):
    server = fresh()
    path = view(server, namespace(server, "kept"), "v")
    before = server.request("GET", path).json()
    server.restart()
    assert server.request("GET", path).json() == before


def test_pages_of_views(server):
    ns = namespace(server, "many")
    for i in range(5):
        view(server, ns, f"v{i}")
    token, seen = "", []
    while token is not None:
        page = server.request("GET", f"{ns}/views?pageSize=2&pageToken={token}").json()
        seen += [v["name"] for v in page["identifiers"]]
        token = page["next-page-token"]
    assert seen == [f"v{i}" for i in range(5)]


def test_a_page_token_that_the_list_did_not_give_is_refused(server):
    top = namespace(server, "tokens")
    for i in range(3):
        table(server, top, f"a&b {i}")
        namespace(server, "tokens", f"n{i}")
        view(server, top, f"v{i}")
    lists = {top + "/tables": {}, top + "/views": {}, NS: {"parent": "tokens"}}

    def page(path, token):
        return server.request("GET", path, params={**lists[path], "pageSize": 1, "pageToken": token})

    tokens = {path: page(path, "").json()["next-page-token"] for path in lists}
    server.restart()
    for path, token in tokens.items():
        assert page(path, token).status_code == 200
        foreign = ["v0", "0", "1", "AAAA", "x" * 5000, token + "x", token[:-1], token.upper(), *(t for p, t in tokens.items() if p != path)]
        for wrong in foreign:
            answer = page(path, wrong)
            check(answer, 400, "BadRequestException")
            assert "pageToken" in answer.text and "next-page-token" in answer.text
    assert server.request("DELETE", f"{top}/tables/a%26b%200").status_code == 204
    assert page(top + "/tables", tokens[top + "/tables"]).json()["identifiers"] == [{"namespace": ["tokens"], "name": "a&b 1"}]


def test_a_replaced_view_keeps_its_versions(server):
    """A new version says how the view is read from now on; one that is there already is taken again, not doubled."""
    path = view(server, namespace(server, "versions"), "v")
    uuid = server.request("GET", path).json()["metadata"]["view-uuid"]
    wide = {"type": "struct", "fields": SCHEMA["fields"] + [{"id": 2, "name": "b", "required": False, "type": "string"}]}
    second = ({"action": "add-schema", "schema": wide, "last-column-id": 2},
              {"action": "add-view-version", "view-version": version("select 1 as id, 'x' as b", schema=-1)},
              {"action": "set-current-view-version", "view-version-id": -1})
    held = [{"type": "assert-view-uuid", "uuid": uuid}]
    now = commit(server, path, *second, requirements=held).json()["metadata"]
    assert now["current-version-id"] == 2 and [v["schema-id"] for v in now["versions"]] == [0, 1]
    first = ({"action": "add-view-version", "view-version": version()}, {"action": "set-current-view-version", "view-version-id": -1})
    now = commit(server, path, *first).json()["metadata"]
    assert now["current-version-id"] == 1 and len(now["versions"]) == 2
    assert [e["version-id"] for e in now["version-log"]] == [1, 2, 1]
    assert server.request("GET", path).json()["metadata"] == now
    other = [{"type": "assert-view-uuid", "uuid": "00000000-0000-4000-8000-000000000000"}]
    check(commit(server, path, *first, requirements=other), 409, "CommitFailedException")
    check(commit(server, path, requirements=[{"type": "assert-create"}]), 400, "IllegalArgumentException")
    check(commit(server, path, {"action": "add-spec", "spec": {"fields": []}}), 400, "IllegalArgumentException")


def test_a_dialect_is_lost_only_on_purpose(server):
    path = view(server, namespace(server, "dialects"), "v")
    trino = ({"action": "add-view-version", "view-version": version(dialect="trino")}, {"action": "set-current-view-version", "view-version-id": -1})
    check(commit(server, path, *trino), 400, "IllegalArgumentException")
    allow = {"action": "set-properties", "updates": {"replace.drop-dialect.allowed": "true"}}
    assert commit(server, path, allow, *trino).json()["metadata"]["current-version-id"] == 2
    twice = version()
    twice["representations"] *= 2
    check(create(server, f"{NS}/dialects", "twice", **{"view-version": twice}), 400, "IllegalArgumentException")


def test_old_versions_go(server):
    path = view(server, namespace(server, "history"), "v", properties={"version.history-size": "2"})
    for i in range(4):
        answer = commit(server, path, {"action": "add-view-version", "view-version": version(f"select {i + 2} as id")},
                        {"action": "set-current-view-version", "view-version-id": -1})
        assert answer.status_code == 200, answer.text
    now = answer.json()["metadata"]
    assert [v["version-id"] for v in now["versions"]] == [4, 5] and [e["version-id"] for e in now["version-log"]] == [4, 5]


def test_replaces_at_once_are_all_kept(server):
    """Writers that do not ask for the version they saw are put one behind the other; none is lost."""
    path = view(server, namespace(server, "race"), "v")
    answers = []

    def replace(i):
        answers.append(commit(server, path, {"action": "set-properties", "updates": {f"writer-{i}": "was here"}}))

    threads = [threading.Thread(target=replace, args=(i,)) for i in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert [a.status_code for a in answers] == [200] * 8
    assert set(server.request("GET", path).json()["metadata"]["properties"]) == {f"writer-{i}" for i in range(8)}


def test_a_name_is_a_tables_or_a_views(server):
    ns = namespace(server, "names")
    v, t = view(server, ns, "v"), table(server, ns, "t")
    check(create(server, ns, "t"), 409, "AlreadyExistsException")
    check(server.request("POST", f"{ns}/tables", json={"name": "v", "schema": SCHEMA}), 409, "AlreadyExistsException")
    check(server.request("POST", f"{ns}/tables", json={"name": "v", "schema": SCHEMA, "stage-create": True}), 409, "AlreadyExistsException")
    for kind, source, destination, there in (("views", v, t, "Table"), ("tables", t, v, "View")):
        answer = rename(server, kind, source, destination)
        check(answer, 409, "AlreadyExistsException")
        assert f"Cannot rename names.{source[-1]} to names.{destination[-1]}. {there} already exists" in answer.json()["error"]["message"]
    kept = server.request("GET", v).json()["metadata-location"], server.request("GET", t).json()["metadata-location"]
    check(server.request("POST", f"{ns}/register", json={"name": "v", "metadata-location": kept[1], "overwrite": True}), 409, "AlreadyExistsException")
    check(server.request("POST", f"{ns}/register-view", json={"name": "t", "metadata-location": kept[0]}), 409, "AlreadyExistsException")
    assert server.request("HEAD", f"{ns}/tables/v").status_code == 404 and server.request("HEAD", f"{ns}/views/t").status_code == 404


def test_a_view_that_came_first_fails_a_staged_create(server):
    """Also one of several tables in a transaction; nothing of it lands then."""
    ns = namespace(server, "staged")
    for name in ("alone", "together"):
        staged = server.request("POST", f"{ns}/tables", json={"name": name, "schema": SCHEMA, "stage-create": True}).json()["metadata"]
        view(server, ns, name)
        change = {"identifier": {"namespace": ["staged"], "name": name}, "requirements": [{"type": "assert-create"}], "updates": [
            {"action": "assign-uuid", "uuid": staged["table-uuid"]}, {"action": "set-location", "location": staged["location"]},
            {"action": "add-schema", "schema": SCHEMA}, {"action": "set-current-schema", "schema-id": -1},
            {"action": "add-spec", "spec": {"fields": []}}, {"action": "set-default-spec", "spec-id": -1},
            {"action": "add-sort-order", "sort-order": {"order-id": 0, "fields": []}}, {"action": "set-default-sort-order", "sort-order-id": -1}]}
        if name == "alone":
            answer = server.request("POST", f"{ns}/tables/{name}", json=change)
        else:
            other = table(server, ns, "other")
            touched = {"identifier": {"namespace": ["staged"], "name": "other"}, "requirements": [], "updates": [
                {"action": "set-properties", "updates": {"touched": "yes"}}]}
            answer = server.request("POST", "/iceberg/v1/transactions/commit", json={"table-changes": [touched, change]})
            assert "touched" not in server.request("GET", other).json()["metadata"].get("properties", {})
        assert answer.status_code == 409 and answer.json()["error"]["message"].startswith("View with same name already exists: staged.")
        assert server.request("HEAD", f"{ns}/tables/{name}").status_code == 404


def test_a_namespace_with_a_view_stays(server):
    ns = namespace(server, "home")
    path = view(server, ns, "v")
    answer = server.request("DELETE", ns)
    check(answer, 409, "NamespaceNotEmptyException")
    assert "is not empty" in answer.json()["error"]["message"]
    assert server.request("DELETE", path).status_code == 204 and server.request("DELETE", ns).status_code == 204


def test_rename_keeps_the_view(server):
    ns, other = namespace(server, "from"), namespace(server, "to")
    path = view(server, ns, "v")
    before = server.request("GET", path).json()
    check(rename(server, "views", path, f"{NS}/nowhere/views/v"), 404, "NoSuchNamespaceException")
    check(rename(server, "views", path + "x", f"{other}/views/w"), 404, "NoSuchViewException")
    assert rename(server, "views", path, f"{other}/views/w").status_code == 204
    assert server.request("HEAD", path).status_code == 404
    assert server.request("GET", f"{other}/views/w").json() == before


def test_a_dropped_view_is_registered_again(server):
    ns = namespace(server, "again")
    path = view(server, ns, "v")
    before = server.request("GET", path).json()
    body = {"name": "v", "metadata-location": before["metadata-location"]}
    check(server.request("POST", f"{ns}/register-view", json=body), 409, "AlreadyExistsException")
    assert server.request("DELETE", path).status_code == 204
    assert server.request("POST", f"{ns}/register-view", json=body).json() == before
    assert server.request("GET", path).json() == before
    table_file = server.request("GET", table(server, ns, "t")).json()["metadata-location"]
    for wrong in (table_file, "/etc/passwd", before["metadata-location"] + "x"):
        check(server.request("POST", f"{ns}/register-view", json={"name": "w", "metadata-location": wrong}), 400, "BadRequestException")


def test_metadata_goes_where_the_view_says(server):
    ns = namespace(server, "where")
    location = server.request("GET", view(server, ns, "first")).json()["metadata"]["location"]
    made = create(server, ns, "v", location=location + "-own", properties={"write.metadata.path": f"file:{location}-own/elsewhere"}).json()
    assert made["metadata-location"].startswith(f"file:{location}-own/elsewhere/")
    assert server.request("GET", f"{ns}/views/v").json() == made
    for wrong in ({"location": "/etc"}, {"properties": {"write.metadata.path": "/etc"}}):
        assert create(server, ns, "w", **wrong).status_code == 400


def test_pyiceberg(server):
    """Its own calls: create, load, list, exists, drop, register; it reads what others made."""
    from pyiceberg.exceptions import NoSuchViewError, ViewAlreadyExistsError
    from pyiceberg.schema import Schema
    from pyiceberg.types import LongType, NestedField
    from pyiceberg.view.metadata import SQLViewRepresentation, ViewVersion

    view(server, namespace(server, "py"), "plain")
    catalog = server.pyiceberg()
    schema = Schema(NestedField(1, "id", LongType(), required=False))
    sql = SQLViewRepresentation(type="sql", sql="select 1 as id", dialect="duckdb")
    first = ViewVersion(**{"version-id": 1, "schema-id": 0, "representations": [sql.model_dump()], "default-namespace": ("py",)})
    made = catalog.create_view("py.v", schema, first, properties={"a": "b"})
    assert sorted(catalog.list_views("py")) == [("py", "plain"), ("py", "v")] and catalog.list_tables("py") == []
    assert catalog.load_view("py.v") == made and made.sql_for("duckdb").sql == "select 1 as id" and made.properties["a"] == "b"
    assert catalog.load_view("py.plain").schema().find_field(1).name == "id"
    with pytest.raises(ViewAlreadyExistsError):
        catalog.create_view("py.v", schema, first)
    kept = server.request("GET", f"{NS}/py/views/v").json()["metadata-location"]
    catalog.drop_view("py.v")
    assert not catalog.view_exists("py.v")
    with pytest.raises(NoSuchViewError):
        catalog.load_view("py.v")
    assert catalog.register_view("py.v", kept).uuid() == made.uuid() and catalog.view_exists("py.v")

"""AI-safe views: made, kept, refused; what they read stays where it is; what breaks one is told."""
import json
import subprocess

import pytest

from governed import ADMIN, Lake, allow
from harness import BINARY, BUILD

COLUMNS = ["candidate_id", "first_name", "city", "state", "vertical", "skills", "years_experience", "status"]
REFERENCE = {"name": "candidates_safe", "base_dataset": "candidates", "columns": COLUMNS, "row_filter": "status != 'blocked'",
             "column_redactions": {"candidate_id": {"kind": "mask", "keep_prefix": 3, "keep_suffix": 2}}}
FILE = b"id,Email,status,born,salary,city\nA0001,a@x.org,active,1980-01-02,100,Ulm\nA0002,b@x.org,blocked,1990-03-04,200,Bonn\n"


def call(server, method, path, status, body=None, **options):
    answer = server.request(method, path, **({"json": body} if body is not None else {}), **options)
    assert answer.status_code == status, (method, path, answer.status_code, answer.text)
    return answer.json() if answer.content else None


def told(server, method, path, status, body=None):
    return call(server, method, path, status, body)["error"]["message"]


def view(name, base, columns=("id",), **members):
    return {"name": name, "base_dataset": base, "columns": list(columns), **members}


@pytest.fixture(scope="module")
def lake(server):
    for name in ("people", "crm.people"):
        assert server.ingest(FILE, name).status_code == 201
    return server


def table(server, name):
    assert server.ingest(FILE, name).status_code == 201
    return name


# ---- kept as given ----

def test_a_view_is_kept_listed_and_back_after_a_restart(fresh):
    lake = fresh()
    table(lake, "people")
    wanted = view("people_safe", "people", ["id", "email", "status", "born", "salary"], row_filter="status != 'blocked' AND city LIKE 'U%'", description="for agents",
                  column_redactions={"id": {"kind": "Mask", "keep_prefix": 3, "keep_suffix": 2}, "email": {"kind": "Null"}, "born": {"kind": "year"},
                                     "salary": {"kind": "bucket", "n": 50}, "status": {"kind": "Hash"}})
    made = call(lake, "POST", "/catalog/views", 201, wanted)
    assert (made["name"], made["namespace"], made["base_dataset"], made["row_filter"]) == ("people_safe", "data", "people", wanted["row_filter"])
    assert made["columns"] == ["id", "Email", "status", "born", "salary"]  # as the base writes them
    assert made["column_redactions"] == {"id": {"kind": "mask", "keep_prefix": 3, "keep_suffix": 2}, "Email": {"kind": "null"}, "born": {"kind": "year"},
                                         "salary": {"kind": "bucket", "n": 50}, "status": {"kind": "hash"}}
    assert (made["broken"], made["shadow"], made["created_by"], made["description"]) == (None, False, "-", "for agents")
    call(lake, "POST", "/catalog/views", 201, view("plain", "people_safe", ["born"]))
    before = call(lake, "GET", "/catalog/views", 200)
    assert [v["name"] for v in before["items"]] == ["people_safe", "plain"] and before["items"][0] == made and before["next_page_token"] is None
    assert before["items"][1]["row_filter"] is None and before["items"][1]["column_redactions"] == {}
    assert list((lake.root / "_catalog" / "views").rglob("*.metadata.json"))
    lake.restart()
    assert call(lake, "GET", "/catalog/views", 200) == before
    assert call(lake, "GET", "/catalog/views/people_safe", 200) == call(lake, "GET", "/catalog/views/data.people_safe", 200) == made
    call(lake, "DELETE", "/catalog/views/plain", 204)
    call(lake, "DELETE", "/catalog/views/people_safe", 204)
    call(lake, "GET", "/catalog/views/people_safe", 404)
    assert call(lake, "GET", "/catalog/views", 200)["items"] == [] and not list((lake.root / "_catalog" / "views").rglob("*.metadata.json"))


def test_the_list_has_pages(lake):
    table(lake, "paged")
    for n in range(5):
        call(lake, "POST", "/catalog/views", 201, view(f"paged_{n}", "paged"))
    names, token = [], None
    while True:
        page = call(lake, "GET", "/catalog/views", 200, params={"limit": 2, **({"page_token": token} if token else {})})
        names += [v["name"] for v in page["items"]]
        if not (token := page["next_page_token"]):
            break
    assert [n for n in names if n.startswith("paged_")] == [f"paged_{n}" for n in range(5)] and len(names) == len(set(names))
    for n in range(5):
        call(lake, "DELETE", f"/catalog/views/paged_{n}", 204)


def test_a_view_is_replaced_as_it_was_read(lake):
    table(lake, "changing")
    call(lake, "POST", "/catalog/views", 201, view("changing_safe", "changing"))
    tag = lake.request("GET", "/catalog/views/changing_safe").headers["ETag"]
    changed = call(lake, "PUT", "/catalog/views/changing_safe", 200, view("changing_safe", "changing", ["city"], row_filter="id = 'A0001'"), headers={"If-Match": tag})
    assert changed["columns"] == ["city"] and changed["updated_at"] >= changed["created_at"]
    call(lake, "PUT", "/catalog/views/changing_safe", 412, view("changing_safe", "changing"), headers={"If-Match": tag})
    call(lake, "DELETE", "/catalog/views/changing_safe", 412, headers={"If-Match": tag})
    assert "cannot be changed" in told(lake, "PUT", "/catalog/views/changing_safe", 400, view("changing_safe", "people"))
    assert "must be the view's" in told(lake, "PUT", "/catalog/views/changing_safe", 400, view("other", "changing"))
    call(lake, "PUT", "/catalog/views/nothing_safe", 404, view("nothing_safe", "changing"))
    call(lake, "POST", "/catalog/views", 201, view("changing_over", "changing_safe", ["city"]))
    assert "data.changing_over" in told(lake, "PUT", "/catalog/views/changing_safe", 409, view("changing_safe", "changing"))
    for name in ("changing_over", "changing_safe"):
        call(lake, "DELETE", f"/catalog/views/{name}", 204)


# ---- refused ----

@pytest.mark.parametrize("members, why", [
    ({"columns": []}, "'columns'"), ({"columns": "id"}, "'columns'"), ({"columns": ["id", "ID"]}, "twice"), ({"columns": ["secret"]}, "names 'secret'"),
    ({"more": 1}, "unknown field 'more'"), ({"shadow": "yes"}, "'shadow'"), ({"base_dataset": None}, "'base_dataset'"), ({"name": None}, "'name'"),
    ({"name": "a\nb"}, "'name'"), ({"name": ".hidden"}, "name"), ({"row_filter": ""}, "'row_filter'"), ({"row_filter": 7}, "'row_filter'"),
    ({"column_redactions": []}, "'column_redactions'"), ({"column_redactions": {"email": {"kind": "null"}}}, "none of the view's 'columns'"),
    ({"column_redactions": {"id": {"kind": "none", "n": 1}}}, "'n'"), ({"column_redactions": {"id": {"kind": "rot13"}}}, "'kind'"),
    ({"column_redactions": {"id": "null"}}, "object"), ({"column_redactions": {"id": {"kind": "mask", "n": 1}}}, "unknown field 'n'"),
    ({"column_redactions": {"id": {"kind": "mask", "keep_prefix": -1}}}, "keep_prefix"), ({"column_redactions": {"id": {"kind": "bucket", "n": 0}}}, "'n'"),
    ({"column_redactions": {"id": {"kind": "year"}}}, "does not fit"), ({"column_redactions": {"id": {"kind": "bucket", "n": 5}}}, "does not fit"),
    ({"row_filter": "secret = 1"}, "'secret', which is no column"), ({"row_filter": "id IN (SELECT id FROM crm.people)"}, "subquery"),
    ({"row_filter": "true; DROP TABLE people"}, "not one expression"), ({"row_filter": "salary / 0 > 1"}, "operator /"),
    ({"row_filter": "city"}, "must be BOOLEAN"), ({"row_filter": "salary = city"}, "would be cast"), ({"row_filter": "city = 1"}, "would be cast"),
    ({"row_filter": "getenv('HOME') = 'x'"}, "getenv"), ({"row_filter": "born > DATE '2020-99-01'"}, "no DATE")])
def test_what_a_view_cannot_be_is_400(lake, members, why):
    body = {**view("refused", "people"), **members}
    body = {name: value for name, value in body.items() if value is not None}
    assert why in told(lake, "POST", "/catalog/views", 400, body)
    call(lake, "GET", "/catalog/views/refused", 404)


def test_a_filter_s_place_is_told(lake):
    error = call(lake, "POST", "/catalog/views", 400, view("refused", "people", row_filter="salary > 1\n  AND random() < 2"))["error"]
    assert (error["details"]["line"], error["details"]["column"]) == (2, 7)


def test_a_base_is_a_dataset_or_a_view_of_ours(lake):
    assert "no dataset or view 'nothing'" in told(lake, "POST", "/catalog/views", 404, view("refused", "nothing"))
    call(lake, "POST", "/catalog/views", 404, view("nowhere.refused", "people"))
    schema = {"type": "struct", "fields": [{"id": 1, "name": "id", "required": False, "type": "string"}]}
    version = {"version-id": 1, "timestamp-ms": 1, "schema-id": 0, "summary": {}, "default-namespace": ["data"], "representations": [{"type": "sql", "sql": "SELECT 1", "dialect": "spark"}]}
    call(lake, "POST", "/iceberg/v1/namespaces/data/views", 200, {"name": "foreign", "schema": schema, "view-version": version, "properties": {}})
    assert "Iceberg view" in told(lake, "POST", "/catalog/views", 404, view("refused", "foreign"))
    assert "Iceberg view" in told(lake, "GET", "/catalog/views/foreign", 404)
    assert "already" in told(lake, "POST", "/catalog/views", 409, view("foreign", "people"))
    assert "foreign" not in [v["name"] for v in call(lake, "GET", "/catalog/views", 200)["items"]]


def test_names_do_not_clash_but_by_consent(lake):
    table(lake, "clash")
    assert '"shadow": true' in told(lake, "POST", "/catalog/views", 409, view("clash", "clash"))
    call(lake, "POST", "/catalog/views", 201, view("clash_safe", "clash"))
    assert "already" in told(lake, "POST", "/catalog/views", 409, view("clash_safe", "clash"))
    assert lake.ingest(FILE, "clash_safe").status_code == 409  # no dataset of a view's name
    assert lake.query("CREATE TABLE clash_safe (a INTEGER)").status_code == 409
    assert call(lake, "POST", "/catalog/views", 201, view("clash", "clash", shadow=True))["shadow"] is True
    assert lake.sql("SELECT count(*) FROM clash") == [[2]]  # who may read the dataset reads that
    assert lake.ingest(b"id,Email,status,born,salary,city\nA3,c@x,x,2000-01-01,1,Ulm\n", "clash", mode="append").status_code == 200
    for name in ("clash_safe", "clash"):
        call(lake, "DELETE", f"/catalog/views/{name}", 204)
    assert call(lake, "DELETE", "/datasets/by-name/clash", 204) is None


# ---- what a view reads stays ----

def test_a_column_that_a_view_reads_is_not_dropped_or_renamed(lake):
    table(lake, "kept")
    call(lake, "POST", "/catalog/views", 201, view("kept_safe", "kept", ["id", "city"], row_filter="status != 'blocked'"))
    for statement in ("ALTER TABLE kept DROP COLUMN city", "ALTER TABLE kept RENAME COLUMN city TO town", "ALTER TABLE kept DROP COLUMN status"):
        refused = lake.query(statement)
        assert refused.status_code == 409 and "data.kept_safe" in refused.text, refused.text
    migrated = lake.request("POST", "/catalog/datasets/by-name/kept/migrate", json={"rules": [{"op": "rename", "column": "city", "to": "town"}]})
    assert migrated.status_code == 409 and "data.kept_safe" in migrated.text
    refused = lake.request("POST", "/iceberg/v1/namespaces/data/tables/kept", json=without(lake, "kept", "city"))
    assert refused.status_code == 409 and "data.kept_safe" in refused.text
    lake.sql("ALTER TABLE kept DROP COLUMN salary")  # which no view reads
    lake.sql("ALTER TABLE kept ADD COLUMN more INTEGER")
    assert call(lake, "GET", "/catalog/views/kept_safe", 200)["broken"] is None
    assert lake.sql("SELECT city FROM kept ORDER BY id") == [["Ulm"], ["Bonn"]]
    call(lake, "DELETE", "/catalog/views/kept_safe", 204)
    lake.sql("ALTER TABLE kept DROP COLUMN city")


SWAPS = {
    "migrate": lambda lake: lake.request("POST", "/catalog/datasets/by-name/swapped/migrate", json={"rules": [{"op": "drop", "column": "Email"}, {"op": "rename", "column": "city", "to": "Email"}]}),
    "migrate, other values": lambda lake: lake.request("POST", "/catalog/datasets/by-name/swapped/migrate", json={"rules": [{"op": "drop", "column": "Email"}, {"op": "split", "column": "status", "into": ["Email", "rest"], "separator": "c"}]}),
    "transaction": lambda lake: lake.query("BEGIN; ALTER TABLE swapped RENAME COLUMN Email TO other; ALTER TABLE swapped RENAME COLUMN city TO Email; COMMIT"),
    "dropped and added": lambda lake: lake.query("BEGIN; ALTER TABLE swapped DROP COLUMN Email; ALTER TABLE swapped ADD COLUMN Email VARCHAR; COMMIT"),
    "iceberg": lambda lake: lake.request("POST", "/iceberg/v1/namespaces/data/tables/swapped", json=with_fields(lake, "swapped", exchanged)),
}


def exchanged(fields):
    names = {"Email": "city", "city": "Email"}
    return [{**f, "name": names.get(f["name"], f["name"])} for f in fields]


@pytest.mark.parametrize("how", SWAPS)
def test_a_column_that_a_view_names_is_not_swapped_for_another(fresh, how):
    lake = fresh()
    table(lake, "swapped")
    call(lake, "POST", "/catalog/views", 201, view("swapped_safe", "swapped", ["id", "Email"]))
    before = lake.sql("SELECT Email FROM swapped_safe ORDER BY id")
    refused = SWAPS[how](lake)
    assert refused.status_code == 409 and "data.swapped_safe" in refused.text, refused.text
    assert lake.sql("SELECT Email FROM swapped_safe ORDER BY id") == before
    call(lake, "DELETE", "/catalog/views/swapped_safe", 204)
    assert SWAPS[how](lake).status_code == 200


def test_the_values_of_a_column_that_a_view_names_are_cast(lake):
    """Another field, but the same column: what is said of it follows, too."""
    table(lake, "cast")
    call(lake, "POST", "/catalog/views", 201, view("cast_safe", "cast", ["id", "salary"]))
    call(lake, "POST", "/catalog/datasets/by-name/cast/migrate", 200, {"rules": [{"op": "cast", "column": "salary", "type": "VARCHAR"}]})
    assert lake.sql("SELECT salary FROM cast_safe ORDER BY id") == [["100"], ["200"]]
    assert lake.ingest(FILE, "cast", mode="replace").status_code == 200  # the fields stay
    swapped = lake.request("POST", "/catalog/datasets/by-name/cast/migrate", json={"rules": [{"op": "drop", "column": "id"}, {"op": "cast", "column": "salary", "type": "BIGINT"}, {"op": "rename", "column": "city", "to": "id"}]})
    assert swapped.status_code == 409 and "'id'" in swapped.text, swapped.text


def without(lake, name, column):
    """A commit of another engine's that takes the column away."""
    return with_fields(lake, name, lambda fields: [f for f in fields if f["name"] != column])


def with_fields(lake, name, change):
    metadata = lake.request("GET", f"/iceberg/v1/namespaces/data/tables/{name}").json()["metadata"]
    schema = next(s for s in metadata["schemas"] if s["schema-id"] == metadata["current-schema-id"])
    schema = {**schema, "schema-id": 99, "fields": change(schema["fields"])}
    return {"requirements": [], "updates": [{"action": "add-schema", "schema": schema}, {"action": "set-current-schema", "schema-id": -1}]}


def test_a_dataset_that_a_view_reads_is_not_dropped_or_renamed(lake):
    table(lake, "stays")
    call(lake, "POST", "/catalog/views", 201, view("stays_safe", "stays"))
    assert "data.stays_safe" in told(lake, "DELETE", "/datasets/by-name/stays", 409)
    for statement in ("DROP TABLE stays", "ALTER TABLE stays RENAME TO gone"):
        refused = lake.query(statement)
        assert refused.status_code >= 400 and lake.sql("SELECT count(*) FROM stays") == [[2]]
    renamed = lake.request("POST", "/iceberg/v1/tables/rename", json={"source": {"namespace": ["data"], "name": "stays"}, "destination": {"namespace": ["data"], "name": "gone"}})
    assert renamed.status_code == 409 and "data.stays_safe" in renamed.text
    dropped = lake.request("DELETE", "/iceberg/v1/namespaces/data/tables/stays", params={"purgeRequested": "true"})
    assert dropped.status_code == 409 and "data.stays_safe" in dropped.text
    assert lake.ingest(b"id,city\nX,Rom\n", "stays", mode="replace").status_code in (200, 409)
    assert call(lake, "GET", "/catalog/views/stays_safe", 200)["broken"] is None
    call(lake, "DELETE", "/catalog/views/stays_safe", 204)
    call(lake, "DELETE", "/datasets/by-name/stays", 204)


def test_views_over_views_go_eight_deep_and_are_dropped_from_the_top(lake):
    table(lake, "deep")
    base = "deep"
    for n in range(1, 9):
        call(lake, "POST", "/catalog/views", 201, view(f"deep_{n}", base, ["id", "born"], column_redactions={"born": {"kind": "year"}} if n == 1 else {},
                                                     row_filter="born > 1970" if n > 1 else "born > '1970-01-01'"))
        base = f"deep_{n}"
    assert "at most 8 deep" in told(lake, "POST", "/catalog/views", 400, view("deep_9", base))
    assert "does not have" in told(lake, "POST", "/catalog/views", 400, view("deep_b", "deep_1", ["city"]))  # hidden by the view below
    assert "no column" in told(lake, "POST", "/catalog/views", 400, view("deep_b", "deep_1", row_filter="city = 'Ulm'"))
    assert "INTEGER and type DATE" in told(lake, "POST", "/catalog/views", 400, view("deep_b", "deep_1", row_filter="born > DATE '1970-01-01'"))  # it is a year there
    assert "does not fit" in told(lake, "POST", "/catalog/views", 400, view("deep_b", "deep_1", ["born"], column_redactions={"born": {"kind": "year"}}))
    assert "data.deep_2" in told(lake, "DELETE", "/catalog/views/deep_1", 409)
    for n in range(8, 0, -1):
        call(lake, "DELETE", f"/catalog/views/deep_{n}", 204)


# ---- as other engines see it ----

def test_an_iceberg_view_shows_the_definition_and_cannot_be_changed_there(lake):
    table(lake, "shown")
    call(lake, "POST", "/catalog/views", 201, view("shown_safe", "shown", ["id", "born", "email"], row_filter="status != 'blocked'",
                                                 column_redactions={"id": {"kind": "mask", "keep_prefix": 3, "keep_suffix": 1}, "email": {"kind": "hash"}, "born": {"kind": "year"}}))
    names = [v["name"] for v in lake.request("GET", "/iceberg/v1/namespaces/data/views").json()["identifiers"]]
    assert "shown_safe" in names
    metadata = lake.request("GET", "/iceberg/v1/namespaces/data/views/shown_safe").json()["metadata"]
    assert [(f["name"], f["type"]) for f in metadata["schemas"][0]["fields"]] == [("id", "string"), ("born", "int"), ("Email", "string")]
    representation = metadata["versions"][0]["representations"][0]
    assert representation["dialect"] == "duckdb" and "A0001" not in representation["sql"]
    rows = lake.sql(representation["sql"])  # it is the rows as they are, but for what takes the lake's secret
    assert rows == [["A00*1", 1980, None]]
    for method, path in (("DELETE", "/views/shown_safe"), ("POST", "/views/shown_safe")):
        refused = lake.request(method, f"/iceberg/v1/namespaces/data{path}", json={"requirements": [], "updates": []} if method == "POST" else None)
        assert refused.status_code == 403, refused.text
    renamed = lake.request("POST", "/iceberg/v1/views/rename", json={"source": {"namespace": ["data"], "name": "shown_safe"}, "destination": {"namespace": ["data"], "name": "moved"}})
    assert renamed.status_code == 403
    call(lake, "DELETE", "/catalog/views/shown_safe", 204)


def test_a_grant_s_row_filter_is_over_what_the_view_shows(lake):
    table(lake, "granted")
    call(lake, "POST", "/catalog/views", 201, view("granted_safe", "granted", ["id", "born"]))
    grant = {"effect": "allow", "on": "view", "name": "granted_safe", "actions": ["read"]}
    assert "'city', which is no column" in told(lake, "POST", "/access/roles", 400, {"name": "viewing", "grants": [{**grant, "row_filter": "city = 'Ulm'"}]})
    call(lake, "POST", "/access/roles", 201, {"name": "viewing", "grants": [{**grant, "row_filter": "id = 'A0001'"}]})
    call(lake, "DELETE", "/access/roles/viewing", 204)
    call(lake, "DELETE", "/catalog/views/granted_safe", 204)


def test_the_command_line_makes_lists_and_drops_views_of_both_kinds(lake, tmp_path):
    table(lake, "commanded")
    (tmp_path / "view.json").write_text(json.dumps(view("commanded_safe", "commanded", ["id", "city"], row_filter="status != 'blocked'", column_redactions={"city": {"kind": "null"}})))

    def run(*words, code=0):
        done = subprocess.run([str(BINARY), "views", *words, "--url", lake.url], capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        return done.stdout

    assert run("create", str(tmp_path / "view.json")) == "made data.commanded_safe\n"
    run("create", str(tmp_path / "view.json"), code=1)
    listed = run("safe")
    assert "data.commanded_safe" in listed and "status != 'blocked'" in listed
    assert "data.commanded_safe" in run("list") and "WHERE" in run("show", "commanded_safe")
    assert [v["columns"] for v in json.loads(run("safe", "--json")) if v["name"] == "commanded_safe"] == [["id", "city"]]
    assert run("drop", "commanded_safe", "--yes") == "dropped commanded_safe\n"
    call(lake, "GET", "/catalog/views/commanded_safe", 404)


# ---- what applies to a principal ----

def effective(lake, name, principal, status=200):
    return call(lake, "GET", f"/access/effective/{name}", status, params={"principal": principal})


def checked(lake, name, principal, action="read"):
    return call(lake, "POST", "/access/check", 200, {"principal": principal, "action": action, "resource": name})


def principal(lake, name, *grants):
    call(lake, "POST", "/access/roles", 201, {"name": f"role-{name}", "grants": [{"effect": "allow", "actions": ["read"], **grant} for grant in grants]})
    call(lake, "POST", "/access/principals", 201, {"name": name, "kind": "agent", "roles": [f"role-{name}"]})


def test_what_applies_of_a_view_is_that_of_the_view_and_that_of_the_grant(lake):
    table(lake, "told")
    call(lake, "POST", "/catalog/views", 201, view("told_low", "told", ["id", "Email", "city", "born"], row_filter="status != 'blocked'", column_redactions={"born": {"kind": "year"}, "id": {"kind": "null"}}))
    call(lake, "POST", "/catalog/views", 201, view("told_top", "told_low", ["id", "Email", "city", "born"], row_filter="city LIKE 'U%'", column_redactions={"id": {"kind": "hash"}}))
    principal(lake, "part", {"on": "view", "name": "told_top", "columns": ["id", "Email", "born"], "row_filter": "Email IS NOT NULL", "redactions": {"email": {"kind": "null"}}})
    seen = effective(lake, "told_top", "part")
    assert (seen["dataset"], seen["decision"], seen["columns"], seen["hidden"]) == ("data.told_top", "allow", ["id", "Email", "born"], ["city"])
    assert seen["masks"] == {"id": {"kind": "hash"}, "Email": {"kind": "null"}, "born": {"kind": "year"}}
    assert seen["grants"] == {"masks": {"Email": {"kind": "null"}}, "row_filter": "Email IS NOT NULL"}
    assert seen["view"]["base_dataset"] == "data.told_low" and seen["view"]["masks"] == {"id": {"kind": "hash"}} and seen["view"]["over"]["over"] is None
    assert seen["view"]["over"]["base_dataset"] == "data.told" and seen["view"]["over"]["masks"]["born"] == {"kind": "year"}
    assert all(part in seen["row_filter"] for part in ("status", "city", "Email IS NOT NULL", " AND "))
    assert checked(lake, "told_top", "part")["limited"] and checked(lake, "told_low", "part")["decision"] == "deny" and checked(lake, "told_top", "part", "write")["decision"] == "deny"
    refused = effective(lake, "told_low", "part")
    assert (refused["decision"], refused["columns"], refused["why"]) == ("deny", [], "no grant allows it")
    effective(lake, "told_not", "part", 404)


def test_a_view_that_shadows_is_told_to_whom_it_stands_for(lake):
    table(lake, "shady")
    call(lake, "POST", "/catalog/views", 201, view("shady", "shady", ["id", "city"], shadow=True))
    principal(lake, "below", {"on": "dataset", "name": "shady"}, {"on": "view", "name": "shady"})
    principal(lake, "above", {"on": "view", "name": "shady"})
    principal(lake, "barred", {"on": "view", "name": "shady"}, {"on": "dataset", "name": "*"}, {"effect": "deny", "on": "dataset", "name": "shady"})
    principal(lake, "nobody", {"on": "dataset", "name": "other"})
    for name, kind, columns in (("below", "dataset", 6), ("above", "view", 2), ("barred", "view", 2), ("nobody", "dataset", 0)):
        seen, may = effective(lake, "shady", name), checked(lake, "shady", name)
        assert (may["resource"], len(seen["columns"])) == (f"{kind}:data.shady", columns), (name, seen)
        assert (seen["view"] is not None) == (kind == "view") and seen["decision"] == may["decision"] == ("allow" if columns else "deny")
    assert checked(lake, "dataset:shady", "above")["decision"] == "deny" and checked(lake, "view:shady", "below")["decision"] == "allow"


# ---- what is sensitive in a view ----

SENSITIVE = b"id,email,ssn,born\nA1,a@x.org,111-22-3333,1980-01-02\n"


@pytest.fixture
def firm(tmp_path):
    """`people`, and `v` over it, which masks nothing; what is sensitive is said afterwards."""
    running = Lake(tmp_path / "root")
    running.ingest("people", SENSITIVE)
    running.call("POST", "/catalog/views", 201, view("v", "people", ["id", "email", "ssn", "born"]))
    label(running, "people", ssn={"sensitivity": "restricted"}, email={"pii_kind": "email"})
    yield running
    running.server.stop()


def label(lake, name, **columns):
    lake.call("PATCH", f"/catalog/datasets/by-name/{name}/metadata", 200, {"columns": columns})


def types(lake, name, key):
    return {c["name"]: c["type"] for c in lake.call("GET", f"/datasets/by-name/{name}", 200, key=key)["schema"]}


def test_what_is_restricted_or_of_a_kind_is_masked_in_a_view_as_the_role_says(firm):
    roles = {role: firm.key(role, roles=(role,)) for role in ("analyst", "recruiter", "agent")}
    holder = firm.key("holder", allow("namespace", "data"))
    asked = firm.key("asked", allow("view", "v", redactions={"pii:*": {"kind": "null"}, "sensitivity:restricted": {"kind": "null"}}))
    for key in (*roles.values(), holder, asked):
        assert firm.rows("SELECT ssn FROM v", key) == [[None]]
    lifted = firm.key("lifted", allow("view", "v", redactions={"sensitivity:restricted": {"kind": "none"}}))
    named = firm.key("named", allow("view", "v", redactions={"ssn": {"kind": "mask", "keep_prefix": 0, "keep_suffix": 4}}))
    assert firm.rows("SELECT email, ssn FROM v", lifted) == firm.rows("SELECT email, ssn FROM v", ADMIN) == [["a@x.org", "111-22-3333"]]
    assert firm.rows("SELECT ssn FROM v", named) == [["*******3333"]]
    assert firm.rows("SELECT email FROM v", asked) == [[None]] and firm.rows("SELECT email FROM v", roles["agent"]) == [["a@x.org"]]
    assert firm.rows("SELECT count(*) FROM v JOIN people USING (email)", roles["analyst"]) == [[1]]  # a hash in both
    assert firm.rows("SELECT count(*) FROM v WHERE ssn IS NOT NULL", roles["agent"]) == [[0]]
    seen = {name: effective(firm.server, "v", name) for name in ("agent", "asked", "analyst", "lifted")}
    assert seen["agent"]["masks"] == seen["agent"]["grants"]["masks"] == {"ssn": {"kind": "null"}} and seen["agent"]["view"]["masks"] == {}
    assert (seen["asked"]["masks"], seen["lifted"]["masks"]) == ({name: {"kind": "null"} for name in ("email", "ssn", "born")}, {})  # a day of birth was found


def test_labels_of_the_base_count_at_once_and_through_views_over_views(firm):
    for n in range(1, 4):
        firm.call("POST", "/catalog/views", 201, view(f"v{n}", f"v{n - 1}" if n > 1 else "v", ["born", "ssn", "email"], row_filter="born IS NOT NULL"))
    key = firm.key("top", allow("view", "v3", redactions={"pii:email": {"kind": "hash"}, "sensitivity:confidential": {"kind": "null"}}))
    assert firm.rows("SELECT ssn, born FROM v3", key) == [[None, "1980-01-02"]] and types(firm, "v3", key)["email"] == "VARCHAR"
    hashed = firm.rows("SELECT email FROM v3", key)
    assert hashed != [["a@x.org"]] and len(hashed[0][0]) == 64
    label(firm, "people", ssn={"sensitivity": "internal"}, born={"sensitivity": "confidential"})  # what was bound is bound anew
    assert firm.rows("SELECT ssn, born FROM v3", key) == [["111-22-3333", None]]
    label(firm, "people", ssn={"sensitivity": "restricted"}, born={"sensitivity": "internal", "pii_kind": "email"}, email={"pii_kind": "none"})
    assert firm.rows("SELECT ssn, email FROM v3", key) == [[None, "a@x.org"]] and types(firm, "v3", key)["born"] == "VARCHAR"
    assert effective(firm.server, "v3", "top")["masks"] == {"ssn": {"kind": "null"}, "born": {"kind": "hash"}}


def test_what_a_view_masks_or_says_may_be_shown_is_not_masked_for_what_it_was(firm):
    shown = {"ssn": {"kind": "mask", "keep_prefix": 0, "keep_suffix": 4}, "email": {"kind": "none"}}
    firm.call("POST", "/catalog/views", 201, view("shown", "people", ["ssn", "Email"], column_redactions={**shown, "email": {"kind": "None"}}))
    firm.call("POST", "/catalog/views", 201, view("over", "shown", ["email", "ssn"]))
    assert firm.call("GET", "/catalog/views/shown", 200)["column_redactions"] == shown and firm.call("GET", "/catalog/views", 200)["items"][1]["column_redactions"] == shown
    label(firm, "people", email={"sensitivity": "restricted", "pii_kind": "email"})
    agent, analyst = firm.key("bot", roles=("agent",)), firm.key("ann", roles=("analyst",))
    for name in ("shown", "over"):
        assert firm.rows(f"SELECT email, ssn FROM {name}", agent) == firm.rows(f"SELECT email, ssn FROM {name}", analyst) == [["a@x.org", "*******3333"]]
    assert firm.rows("SELECT email, ssn FROM v", agent) == [[None, None]]
    seen = effective(firm.server, "over", "bot")
    assert seen["masks"] == {"ssn": shown["ssn"]} and seen["view"]["over"]["masks"] == {"ssn": shown["ssn"]}
    firm.call("PUT", "/catalog/views/v", 200, view("v", "people", ["id", "ssn"], column_redactions={"ssn": {"kind": "none"}}))
    assert firm.rows("FROM v", agent) == [["A1", "111-22-3333"]]
    firm.call("PUT", "/catalog/views/v", 200, view("v", "people", ["id", "ssn"]))
    assert firm.rows("FROM v", agent) == [["A1", None]]


# ---- the reference case ----

def test_the_reference_case_on_the_staffing_lake(fresh, tmp_path):
    admin = "an-admin-key-of-the-view-tests"
    lake = fresh(env={"LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": admin})
    lake.headers = {"X-API-Key": admin}
    subprocess.run([str(BUILD / "staffing_gen"), "--scale", "0.01", "--out", str(tmp_path / "firm")], check=True)
    assert lake.ingest(tmp_path / "firm" / "candidates.ndjson", "candidates").status_code == 201
    assert len(call(lake, "GET", "/datasets/by-name/candidates", 200)["schema"]) == 15
    call(lake, "POST", "/catalog/views", 201, REFERENCE)
    call(lake, "POST", "/access/principals", 201, {"name": "bot", "kind": "agent", "roles": ["agent"]})
    agent = call(lake, "POST", "/access/keys", 201, {"principal": "bot"})["key"]
    plain = lake.sql("SELECT candidate_id, first_name, city, state, vertical, skills, years_experience, status FROM candidates WHERE status != 'blocked' ORDER BY candidate_id")
    assert 0 < len(plain) < 1000
    seen = call(lake, "GET", "/access/effective/candidates_safe", 200, params={"principal": "bot"})
    assert (seen["decision"], seen["columns"], seen["hidden"], seen["whole"]) == ("allow", COLUMNS, [], False)
    assert seen["masks"] == REFERENCE["column_redactions"] and "status" in seen["row_filter"] and "role 'agent'" in seen["why"]
    assert seen["view"]["base_dataset"] == "data.candidates" and seen["grants"] == {"masks": {}, "row_filter": None}
    may = call(lake, "POST", "/access/check", 200, {"principal": "bot", "action": "read", "resource": "candidates_safe"})
    assert (may["decision"], may["resource"], may["role"]) == ("allow", "view:data.candidates_safe", "agent")
    no = call(lake, "GET", "/access/effective/candidates", 200, params={"principal": "bot"})
    assert (no["decision"], no["columns"], no["view"]) == ("deny", [], None)
    for start in ("", "again"):
        if start:
            lake.restart()
        as_agent = {"headers": {"X-API-Key": agent}}

        def asked(sql):
            return lake.request("POST", "/query/sql", json={"sql": sql}, **as_agent)

        rows = json.loads(asked("SELECT * FROM candidates_safe").text)["rows"]
        assert sorted(rows) == sorted([["CAN****" + row[0][-2:], *row[1:]] for row in plain])
        assert asked("SELECT email FROM candidates_safe").status_code == 400
        assert json.loads(asked("SELECT count(*) FROM candidates_safe WHERE status = 'blocked'").text)["rows"] == [[0]]
        assert json.loads(asked("SELECT count(*) FROM candidates_safe").text)["rows"] == [[len(plain)]]
        assert asked("SELECT * FROM candidates").status_code in (400, 403, 404)
        assert asked("SELECT email FROM candidates").status_code in (400, 403, 404)
        assert lake.request("GET", "/datasets/by-name/candidates", **as_agent).status_code == 403


# ---- what errors tell of what a view is over ----

BASE = "basename_of_a_view"


@pytest.fixture
def over_base(tmp_path):
    made = Lake(tmp_path / "root")
    made.server.sql(f"CREATE TABLE {BASE} AS SELECT i AS id, 2 AS level FROM range(3) r(i)")
    call(made.server, "POST", "/catalog/views", 201, view("lower_view", BASE, ["id", "level"], row_filter="level < 5"))
    call(made.server, "POST", "/catalog/views", 201, view("v", "lower_view", row_filter="id >= 0"))
    made.agent = made.key("of-v", {"effect": "allow", "on": "view", "name": "v", "actions": ["read"]})
    yield made
    made.server.stop()


def test_a_time_out_does_not_name_the_base_of_a_view(over_base):
    for timeout_ms in (5, 10, 20, 50, 100):
        answer = over_base.ask(" UNION ALL ".join(["SELECT id FROM v"] * 200), over_base.agent, timeout_ms=timeout_ms)
        assert BASE not in answer.text and "row filter" not in answer.text and answer.status_code in (200, 504), answer.text[:300]


def test_a_filter_that_does_not_fit_the_types_any_more_is_told_to_whom_it_concerns(over_base):
    lake = over_base
    assert call(lake.server, "GET", "/catalog/views/lower_view", 200)["broken"] is None
    call(lake.server, "POST", f"/catalog/datasets/by-name/{BASE}/migrate", 200, {"rules": [{"op": "cast", "column": "level", "type": "VARCHAR"}]})
    said = lake.refused("FROM v", lake.agent)
    assert "a row filter of 'v' does not fit" in said and BASE not in said and "lower_view" not in said
    broken = call(lake.server, "GET", "/catalog/views/lower_view", 200)["broken"]
    assert "'data.lower_view' is broken" in broken and "type VARCHAR" in broken
    assert lake.server.request("GET", "/catalog/views/lower_view", headers={"X-API-Key": lake.agent}).status_code == 403


def test_a_view_that_is_broken_below_is_told_by_the_name_that_is_seen(over_base):
    lake = over_base
    lake.server.stop()
    log = lake.server.root / "_catalog" / "log"
    newest = max(log.glob("*.json"))
    entry = json.loads(newest.read_text())
    number = entry["sequence"] + 1
    (log / f"{number:020}.json").write_text(json.dumps({"format": "lakehouse-log", "schema_version": 1, "sequence": number, "changes": [{"key": f"table/data/{BASE}", "delete": True}]}))
    lake.server.start()
    said = lake.refused("FROM v", lake.agent, 409)
    assert "'data.v' is broken" in said and BASE not in said and "lower_view" not in said

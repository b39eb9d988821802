"""Roles, principals and their keys: kept, decided, and asked at every door. What a door cannot show in part it refuses."""
import json

import grpc
import pytest

from commands import lakehouse
from harness import Server

ADMIN = "an-admin-key-of-the-access-tests"
FILE = b"id,email,status\n1,a@x.org,active\n2,b@x.org,blocked\n"


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("access") / "root", env={"LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": ADMIN})
    running.headers = {"X-API-Key": ADMIN}
    for name in ("candidates", "jobs", "crm.clients"):
        assert running.ingest(FILE, name, name="f.csv").status_code == 201
    patch = {"columns": {"email": {"pii_kind": "none"}}}
    for name in ("candidates", "jobs", "crm.clients"):
        assert running.request("PATCH", f"/catalog/datasets/by-name/{name}/metadata", json=patch).status_code == 200
    yield running
    running.stop()


def call(server, method, path, status, body=None, key=ADMIN, **options):
    answer = server.request(method, path, headers={"X-API-Key": key, **options.pop("headers", {})}, **({"json": body} if body is not None else {}), **options)
    assert answer.status_code == status, (method, path, answer.status_code, answer.text)
    return answer.json() if answer.content and method != "HEAD" else None


def allow(on, name, *actions, **parts):
    return {"effect": "allow", "on": on, "name": name, "actions": list(actions) or ["read"], **parts}


def make(server, name, *grants, kind="user", scope=None):
    """A principal of one role with these grants; its key."""
    call(server, "POST", "/access/roles", 201, {"name": f"role-{name}", "grants": list(grants)})
    return key_of(server, name, f"role-{name}", kind=kind, scope=scope)


def key_of(server, name, *roles, kind="user", scope=None):
    call(server, "POST", "/access/principals", 201, {"name": name, "kind": kind, "roles": list(roles)})
    made = call(server, "POST", "/access/keys", 201, {"principal": name, **({"scope": scope} if scope else {})})
    assert made["id"] and made["key"].startswith("lh_") and made["principal"] == name
    return made["key"]


# ---- roles ----

def test_a_role_is_kept_as_given(lake):
    grants = [allow("dataset", "candidates", row_filter="status != 'blocked'", columns=["id", "email"],
                    redactions={"email": {"kind": "null"}, "id": {"kind": "mask", "keep_prefix": 3, "keep_suffix": 2}}),
              {"effect": "deny", "on": "namespace", "name": "crm", "actions": ["read", "write"]}]
    made = call(lake, "POST", "/access/roles", 201, {"name": "kept", "description": "d", "grants": grants})
    assert (made["name"], made["description"], made["built_in"], made["grants"]) == ("kept", "d", False, grants)
    assert call(lake, "GET", "/access/roles/kept", 200) == made
    call(lake, "POST", "/access/roles", 409, {"name": "kept", "grants": []})
    changed = call(lake, "PUT", "/access/roles/kept", 200, {"grants": grants[:1]})
    assert changed["grants"] == grants[:1] and changed["created_at"] == made["created_at"] and changed["description"] == ""
    call(lake, "PUT", "/access/roles/kept", 400, {"name": "other", "grants": []})
    call(lake, "PUT", "/access/roles/none", 404, {"grants": []})
    call(lake, "DELETE", "/access/roles/kept", 204)
    call(lake, "DELETE", "/access/roles/kept", 404)


def test_a_role_changes_only_as_it_was_read(lake):
    call(lake, "POST", "/access/roles", 201, {"name": "tagged", "grants": []})
    tag = lake.request("GET", "/access/roles/tagged").headers["ETag"]
    call(lake, "PUT", "/access/roles/tagged", 200, {"grants": []}, headers={"If-Match": tag})
    call(lake, "PUT", "/access/roles/tagged", 412, {"grants": []}, headers={"If-Match": tag})
    call(lake, "DELETE", "/access/roles/tagged", 412, headers={"If-Match": tag})
    call(lake, "DELETE", "/access/roles/tagged", 204, headers={"If-Match": "*"})


def test_built_in_roles_stay_and_the_list_has_pages(lake):
    names, token = [], None
    while True:
        page = call(lake, "GET", "/access/roles", 200, params={"limit": 2, **({"page_token": token} if token else {})})
        names += [role["name"] for role in page["items"]]
        if not (token := page["next_page_token"]):
            break
    assert names == sorted(set(names)) and {"admin", "recruiter", "analyst", "agent"} <= set(names)
    for name in ("admin", "recruiter", "analyst", "agent"):
        role = call(lake, "GET", f"/access/roles/{name}", 200)
        assert role["built_in"] and role["grants"]
        call(lake, "PUT", f"/access/roles/{name}", 403, {"grants": []})
        call(lake, "DELETE", f"/access/roles/{name}", 403)
        call(lake, "POST", "/access/roles", 403, {"name": name, "grants": []})


@pytest.mark.parametrize("body", [
    {"name": "x"}, {"grants": []}, {"name": "x", "grants": [], "more": 1}, {"name": "a/b", "grants": []}, {"name": "x", "grants": [{}]},
    {"name": "x", "grants": [allow("dataset", "t", "drop")]}, {"name": "x", "grants": [allow("dataset", "t", filter="a")]},
    {"name": "x", "grants": [allow("dataset", "t", row_filter="x" * 4097)]}, {"name": "x", "grants": [allow("dataset", "t")] * 201},
    {"name": "x", "grants": [allow("dataset", "t", redactions={"a": {"kind": "rot13"}})]}])
def test_what_a_role_does_not_have_is_400(lake, body):
    call(lake, "POST", "/access/roles", 400, body)


@pytest.mark.parametrize("on, name, filter, told", [
    ("dataset", "candidates", "id IN (SELECT id FROM jobs)", "subquery"), ("dataset", "candidates", "status = 'x'; DROP TABLE jobs", "not one expression"),
    ("dataset", "candidates", "secret = 1", "'secret', which is no column"), ("dataset", "data.candidates", "secret = 1", "no column"),
    ("dataset", "*", "id + 1 > 2", "operator +"), ("namespace", "crm", "error(email)", "function error"), ("dataset", "candidates", "status =", "no SQL"),
    ("dataset", "later", "sum(x) > 1", "function sum")])
def test_a_row_filter_that_is_none_is_400_and_told_where(lake, on, name, filter, told):
    refused = call(lake, "POST", "/access/roles", 400, {"name": "filtered", "grants": [allow("dataset", "jobs"), allow(on, name, row_filter=filter)]})
    error = refused["error"]
    assert "grant 1" in error["message"] and told in error["message"]
    call(lake, "GET", "/access/roles/filtered", 404)


def test_a_row_filter_s_columns_are_those_of_its_dataset(lake):
    good = [allow("dataset", "candidates", row_filter="STATUS != 'blocked' AND id > 0"), allow("dataset", "later", row_filter="whatever = 1"),
            allow("namespace", "crm", row_filter="any_ = 1")]
    call(lake, "POST", "/access/roles", 201, {"name": "filtering", "grants": good})
    refused = call(lake, "PUT", "/access/roles/filtering", 400, {"grants": [allow("dataset", "candidates", row_filter="id > 0\n AND nope = 1")]})
    assert (refused["error"]["details"]["line"], refused["error"]["details"]["column"]) == (2, 6)
    assert call(lake, "GET", "/access/roles/filtering", 200)["grants"] == good
    call(lake, "DELETE", "/access/roles/filtering", 204)


# ---- principals and keys ----

def test_a_role_in_use_stays_and_keys_go_with_their_principal(lake):
    key = make(lake, "ann", allow("dataset", "candidates"))
    assert call(lake, "GET", "/access/me", 200, key=key) == {"principal": "ann", "kind": "user", "roles": ["role-ann"], "permission": "none"}
    call(lake, "DELETE", "/access/roles/role-ann", 409)
    call(lake, "POST", "/access/principals", 409, {"name": "ann", "kind": "user", "roles": []})
    assert call(lake, "GET", "/access/principals/ann", 200)["roles"] == ["role-ann"]
    call(lake, "DELETE", "/access/principals/ann", 204)
    call(lake, "GET", "/access/me", 401, key=key)
    call(lake, "POST", "/access/principals", 201, {"name": "ann", "kind": "user", "roles": ["admin"]})
    call(lake, "GET", "/access/me", 401, key=key)  # a new principal of that name is somebody else
    call(lake, "DELETE", "/access/principals/ann", 204)
    call(lake, "DELETE", "/access/roles/role-ann", 204)
    assert not [k for k in call(lake, "GET", "/access/keys", 200)["items"] if k.get("principal") == "ann"]


@pytest.mark.parametrize("body", [
    {}, {"name": "p", "kind": "user"}, {"name": "p", "kind": "robot", "roles": []}, {"name": "p", "kind": "user", "roles": ["none"]},
    {"name": "p", "kind": "user", "roles": [7]}, {"name": "p", "kind": "user", "roles": ["agent", "agent"]}, {"name": "", "kind": "user", "roles": []},
    {"name": "admin", "kind": "user", "roles": []}, {"name": "a/b", "kind": "user", "roles": []}, {"name": "p", "kind": "user", "roles": [], "more": 1}])
def test_what_a_principal_cannot_be_is_400(lake, body):
    call(lake, "POST", "/access/principals", 400, body)


def test_a_principal_gets_other_roles(lake):
    key = make(lake, "mover", allow("dataset", "candidates"))
    before = lake.request("GET", "/access/principals/mover", headers={"X-API-Key": ADMIN})
    etag = {"If-Match": before.headers["ETag"]}
    call(lake, "GET", "/datasets/by-name/candidates", 200, key=key)
    for bad in ({}, {"kind": "user"}, {"kind": "user", "roles": ["nope"]}, {"kind": "user", "roles": ["agent", "agent"]}, {"kind": "user", "roles": [], "name": "other"}, []):
        call(lake, "PUT", "/access/principals/mover", 400, bad)
    call(lake, "PUT", "/access/principals/nobody", 404, {"kind": "user", "roles": []})
    changed = lake.request("PUT", "/access/principals/mover", headers={"X-API-Key": ADMIN, **etag}, json={"kind": "service", "roles": ["admin"]})
    assert changed.status_code == 200 and changed.headers["ETag"] != before.headers["ETag"]
    assert changed.json() == {**before.json(), "kind": "service", "roles": ["admin"]}
    assert call(lake, "GET", "/access/me", 200, key=key)["permission"] == "admin"  # its key stays, from the next request on
    call(lake, "PUT", "/access/principals/mover", 412, {"kind": "user", "roles": []}, headers=etag)
    call(lake, "DELETE", "/access/principals/mover", 412, headers=etag)
    call(lake, "DELETE", "/access/roles/role-mover", 204)  # nobody has it any more
    call(lake, "PUT", "/access/principals/mover", 200, {"kind": "user", "roles": []})
    call(lake, "GET", "/datasets/by-name/candidates", 403, key=key)
    call(lake, "PUT", "/access/principals/mover", 403, {"kind": "user", "roles": ["admin"]}, key=key)
    current = lake.request("GET", "/access/principals/mover", headers={"X-API-Key": ADMIN}).headers["ETag"]
    call(lake, "DELETE", "/access/principals/mover", 204, headers={"If-Match": current})


def test_keys_of_both_shapes(lake):
    old = call(lake, "POST", "/access/keys", 201, {"name": "old", "permission": "read"})
    assert call(lake, "GET", "/access/me", 200, key=old["key"]) == {"principal": old["id"], "kind": "key", "roles": [], "permission": "read"}
    assert call(lake, "GET", "/access/me", 200) == {"principal": "admin", "kind": "admin", "roles": [], "permission": "admin"}
    call(lake, "POST", "/access/keys", 404, {"principal": "nobody"})
    for bad in ({"principal": "nobody", "name": "x"}, {"principal": "nobody", "permission": "read"}, {"principal": "x", "scope": "all"}, {"principal": 7}):
        call(lake, "POST", "/access/keys", 400, bad)


def test_a_key_does_no_more_than_its_scope(lake):
    key = key_of(lake, "scoped", "admin", scope="read")
    assert call(lake, "GET", "/access/me", 200, key=key)["permission"] == "read"
    call(lake, "GET", "/datasets", 200, key=key)
    call(lake, "POST", "/access/roles", 403, {"name": "x", "grants": []}, key=key)
    call(lake, "DELETE", "/datasets/by-name/candidates", 403, key=key)


# ---- decisions ----

def check(server, principal, resource, action="read"):
    return call(server, "POST", "/access/check", 200, {"principal": principal, "action": action, "resource": resource})


def test_a_decision_says_why(lake):
    make(lake, "why", allow("namespace", "*"), {"effect": "deny", "on": "dataset", "name": "crm.clients", "actions": ["read"]}, allow("bucket", "main"))
    may = check(lake, "why", "candidates")
    assert (may["decision"], may["resource"], may["role"], may["grant"], may["limited"]) == ("allow", "dataset:data.candidates", "role-why", 0, False)
    no = check(lake, "why", "dataset:crm.clients")
    assert (no["decision"], no["role"], no["grant"]) == ("deny", "role-why", 1) and "denies read" in no["why"]
    silent = check(lake, "why", "candidates", "write")
    assert (silent["decision"], silent["role"], silent["grant"]) == ("deny", None, None)
    assert check(lake, "why", "bucket:main")["decision"] == "allow" and check(lake, "why", "bucket:other")["decision"] == "deny"
    for bad, status in (({"principal": "nobody", "action": "read", "resource": "t"}, 404), ({"principal": "why", "action": "eat", "resource": "t"}, 400),
                        ({"principal": "why", "action": "read", "resource": "lake:t"}, 400), ({"principal": "why", "action": "read"}, 400)):
        call(lake, "POST", "/access/check", status, bad)


def test_what_is_effective_has_columns_masks_and_the_filter(lake):
    make(lake, "seer", allow("dataset", "candidates", row_filter="status != 'blocked'", columns=["id", "email"], redactions={"email": {"kind": "null"}}))
    seen = call(lake, "GET", "/access/effective/candidates", 200, params={"principal": "seer"})
    assert (seen["dataset"], seen["decision"], seen["whole"]) == ("data.candidates", "allow", False)
    assert (seen["columns"], seen["masks"], seen["hidden"]) == (["id", "email"], {"email": {"kind": "null"}}, ["status"])
    assert seen["row_filter"] == "status != 'blocked'"
    none = call(lake, "GET", "/access/effective/jobs", 200, params={"principal": "seer"})
    assert (none["decision"], none["columns"], none["hidden"]) == ("deny", [], ["id", "email", "status"])
    call(lake, "GET", "/access/effective/none", 404, params={"principal": "seer"})
    call(lake, "GET", "/access/effective/jobs", 404, params={"principal": "nobody"})


# ---- doors ----

def test_a_dataset_is_shown_as_far_as_it_is_seen(lake):
    whole = make(lake, "whole", allow("dataset", "candidates"))
    assert call(lake, "GET", "/datasets/by-name/candidates", 200, key=whole)["name"] == "candidates"
    call(lake, "GET", "/catalog/datasets/by-name/candidates/layout", 200, key=whole)
    parts = {"filtered": {"row_filter": "true"}, "listed": {"columns": ["id"]}, "masked": {"redactions": {"email": {"kind": "null"}}}}
    for name, part in parts.items():
        key = make(lake, name, allow("dataset", "candidates", **part))
        refused = call(lake, "GET", "/catalog/datasets/by-name/candidates/layout", 403, key=key)["error"]["message"]
        assert "email" not in refused and "true" not in refused
        shown = call(lake, "GET", "/datasets/by-name/candidates", 200, key=key)
        assert shown["limited"] and shown["row_count"] is None
    hidden = call(lake, "GET", "/datasets/by-name/jobs", 403, key=whole)["error"]["message"]
    assert hidden.replace("jobs", "not_there") == call(lake, "GET", "/datasets/by-name/not_there", 403, key=whole)["error"]["message"]
    call(lake, "DELETE", "/datasets/by-name/candidates", 403, key=whole)


def test_what_becomes_restricted_is_not_whole_any_more(lake):
    assert lake.ingest(FILE, "turned", name="f.csv").status_code == 201
    key = make(lake, "turner", allow("dataset", "turned"))
    patch = "/catalog/datasets/by-name/turned/metadata"
    call(lake, "PATCH", patch, 200, {"columns": {"email": {"sensitivity": "internal"}}})
    assert "limited" not in call(lake, "GET", "/datasets/by-name/turned", 200, key=key)
    call(lake, "PATCH", patch, 200, {"columns": {"email": {"sensitivity": "restricted"}}})
    assert call(lake, "GET", "/datasets/by-name/turned", 200, key=key)["limited"]


def test_a_changed_role_counts_at_once(lake):
    key = make(lake, "moved", allow("dataset", "jobs"))
    call(lake, "GET", "/datasets/by-name/jobs", 200, key=key)
    call(lake, "PUT", "/access/roles/role-moved", 200, {"grants": []})
    call(lake, "GET", "/datasets/by-name/jobs", 403, key=key)


# What else than 403 a role may be answered by a route that shows it a part; every other route is 403 to all but admin.
PARTS = {"access_me", "query_sql", "ask", "dataset_summary", "ingest_file", "datasets_list", "dataset_get", "metadata_get", "catalog_search", "dataset_delete", "layout_get",
         "iceberg_config", "iceberg_namespaces", "iceberg_namespace_load", "iceberg_namespace_exists", "iceberg_tables", "iceberg_table_load",
         "iceberg_table_exists", "iceberg_metrics", "jobs_list", "job_get", "job_events", "job_cancel", "job_retry", "vectors_index", "vectors_indexes", "vectors_index_get",
         "vectors_index_delete", "vectors_search", "vectors_rag", "vectors_refresh", "vectors_stale", "hnsw_eval_create", "hnsw_evals", "hnsw_eval_get", "hnsw_eval_delete", "hnsw_eval_autogen", "hnsw_trial",
         "hnsw_trials", "hnsw_trials_best", "hnsw_tune"}
# Calls to models are a tool, and of these roles only the agent has tools.
MODELS = {"ai_models", "ai_health", "ai_usage", "ai_embed", "ai_generate", "ai_rerank", "v1_models", "v1_model", "v1_embeddings", "v1_chat"}


def test_every_route_of_every_role(lake):
    keys = {role: key_of(lake, f"is-{role}", role) for role in ("admin", "recruiter", "analyst", "agent")}
    document = lake.request("GET", "/openapi.json").json()
    seen = 0
    for path, item in document["paths"].items():
        for method, operation in item.items():
            filled = path.replace("{", "").replace("}", "")
            for role, key in {**keys, "nobody": "lh_wrong_key"}.items():
                answer = lake.request(method.upper(), filled, headers={"X-API-Key": key})
                where = (method, path, role, answer.status_code, answer.text[:200])
                public = operation["x-permission"] == "public"
                if role == "nobody":
                    assert (answer.status_code != 401) if public else (answer.status_code == 401), where
                elif role == "admin" or public:
                    assert answer.status_code not in (401, 403), where
                elif operation["operationId"] in PARTS:
                    assert answer.status_code in (200, 204, 400, 403, 404, 415), where
                elif operation["operationId"] in MODELS and role == "agent":
                    assert answer.status_code in (200, 400, 404), where
                else:
                    assert answer.status_code == 403, where
                seen += 1
    assert seen > 350


def test_grpc_refuses_who_does_not_see_the_whole_lake(lake):
    key, admin = key_of(lake, "by-grpc", "analyst"), key_of(lake, "boss-grpc", "admin")
    with grpc.insecure_channel(lake.grpc) as channel:
        method = channel.unary_unary("/lakehouse.v1.CatalogService/ListDatasets")
        assert method(b"", metadata=[("x-api-key", admin)], timeout=60)
        with pytest.raises(grpc.RpcError) as refused:
            method(b"", metadata=[("x-api-key", key)], timeout=60)
        assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED


def test_all_is_there_after_a_restart(tmp_path):
    env = {"LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": ADMIN}
    server = Server(tmp_path / "root", env=env)
    server.headers = {"X-API-Key": ADMIN}
    assert server.ingest(FILE, "t", name="f.csv").status_code == 201
    call(server, "PATCH", "/catalog/datasets/by-name/t/metadata", 200, {"columns": {"email": {"sensitivity": "internal"}}})
    key = make(server, "ann", allow("dataset", "t"))
    before = [call(server, "GET", path, 200) for path in ("/access/roles", "/access/principals", "/access/keys")]
    server.restart()
    assert before == [call(server, "GET", path, 200) for path in ("/access/roles", "/access/principals", "/access/keys")]
    call(server, "GET", "/datasets/by-name/t", 200, key=key)
    call(server, "DELETE", "/access/roles/role-ann", 409)
    server.stop()


def test_the_commands(lake, tmp_path):
    def run(*args, check=True, key=ADMIN):
        return lakehouse(*args, "--url", lake.url, env={"LAKEHOUSE_API_KEY": key}, check=check)

    file = tmp_path / "role.json"
    file.write_text(json.dumps({"name": "by-command", "grants": [allow("dataset", "candidates")]}))
    assert run("roles", "create", file).stdout == "made the role by-command\n"
    assert "candidates" in run("roles", "show", "by-command").stdout and "by-command" in run("roles").stdout
    run("principals", "create", "cli-ann", "by-command,agent", "--kind", "agent")
    listed = {p["name"]: p for p in json.loads(run("principals", "list", "--json").stdout)}
    assert (listed["cli-ann"]["kind"], listed["cli-ann"]["roles"]) == ("agent", ["by-command", "agent"])
    key = run("keys", "create", "--principal", "cli-ann", "--permission", "read").stdout.strip()
    assert call(lake, "GET", "/access/me", 200, key=key)["principal"] == "cli-ann"
    assert run("roles", "list", key=key, check=False).returncode == 1
    assert run("roles", "delete", "by-command", check=False).returncode == 1
    file.write_text(json.dumps({"grants": []}))
    run("roles", "replace", "by-command", file)
    assert call(lake, "GET", "/access/roles/by-command", 200)["grants"] == []
    assert run("principals", "update", "cli-ann", "recruiter,agent").stdout == "updated the principal cli-ann\n"
    changed = call(lake, "GET", "/access/principals/cli-ann", 200)
    assert (changed["kind"], changed["roles"]) == ("agent", ["recruiter", "agent"])
    assert json.loads(run("principals", "update", "cli-ann", "analyst", "--kind", "user", "--json").stdout)["kind"] == "user"
    assert run("principals", "update", "cli-ann", check=False).returncode != 0 and run("principals", "update", "nobody", "agent", check=False).returncode == 1
    run("principals", "delete", "cli-ann")
    run("roles", "delete", "by-command")
    old = json.loads(run("keys", "create", "etl", "--permission", "write", "--json").stdout)
    assert old["permission"] == "write" and old["id"] in run("keys", "list").stdout and old["key"] not in run("keys", "list").stdout
    run("keys", "revoke", old["id"])
    assert run("keys", "create", check=False).returncode == 1

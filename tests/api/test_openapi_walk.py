"""Every route of our own document and every endpoint that the Iceberg catalog advertises: good answers and refusals are what the document, or
the specification, says of them. Nothing that an answer holds is unsaid in the document."""
import copy
import io
import json
import re

import pyarrow.parquet
import pytest
from jsonschema import Draft202012Validator

from endpoints import Scripted, reply, said, stream
from harness import ROOT, Server, wait_for

ADMIN = "an-admin-key-of-the-walk"
DOCUMENT = json.loads((ROOT / "docs" / "openapi.json").read_text())
OPERATIONS = {operation["operationId"]: (method.upper(), path, operation) for path, item in DOCUMENT["paths"].items() for method, operation in item.items()}
STRICT = copy.deepcopy(DOCUMENT["components"])
for schema in STRICT["schemas"].values():
    if "properties" in schema:
        schema["additionalProperties"] = False


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """A server with keys, a second bucket and a user's profile; `lake.headers` is the administrator's key."""
    folder = tmp_path_factory.mktemp("walk")
    (folder / "profiles").mkdir()
    (folder / "profiles" / "ann.json").write_text(json.dumps({"bucket": {"name": "ann", "root": "own"}}))
    (folder / "lakehouse.toml").write_text(f'[storage]\nprofile_root = "{folder / "profiles"}"\n[[storage.buckets]]\nname = "two"\nroot = "{folder / "two"}"\n')
    chat, rank = Scripted(stream(*said("a", "b"))), Scripted(reply({"results": [{"index": 0, "relevance_score": 0.5}]}))
    models = {f"LAKEHOUSE__AI__{task}_{name}": value for task, url in (("GENERATE", chat.url), ("RERANK", rank.url))
              for name, value in (("PROVIDER", "openai"), ("MODEL", "m"), ("URL", url))}
    running = Server(folder / "root", "--config", str(folder / "lakehouse.toml"),
                     env={"LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": ADMIN, "LAKEHOUSE__AI__EMBED_PROVIDER": "hash", **models})
    running.headers = {"X-API-Key": ADMIN}
    running.sql("CREATE TABLE t AS SELECT 1 AS a, 'x' AS b")
    running.sql("CREATE SCHEMA vectors")
    running.sql("CREATE TABLE vectors.taken AS SELECT 1 AS a")  # no index of that name can be made
    yield running
    running.stop()
    chat.stop(), rank.stop()
    for entry in (folder / "root" / "_catalog" / "log").glob("*.json"):  # and all that the walk put into the catalog tells its form
        for change in json.loads(entry.read_text())["changes"]:
            assert change.get("delete") or change["put"]["schema_version"] == 1, change


def check_body(answer, content, where):
    """The answer is of a media type of the document, and valid by its schema."""
    media = answer.headers.get("Content-Type", "").split(";")[0]
    assert media in content, (where, media)
    if media != "application/json":
        return
    errors = list(Draft202012Validator({**content[media].get("schema", {}), "components": STRICT}).iter_errors(answer.json()))
    assert not errors, (where, [error.message for error in errors], answer.text[:500])


def check_refusal(answer, status, where):
    assert answer.status_code == status, (where, answer.status_code, answer.text)
    if where[0] == "HEAD":
        assert not answer.content
        return
    kind = "IcebergError" if where[1].startswith("/iceberg/") else "OpenAIError" if where[1].startswith("/v1/") else "Error"
    check_body(answer, DOCUMENT["components"]["responses"][kind]["content"], where)
    if kind == "IcebergError":
        assert answer.json()["error"]["code"] == status, where


def fill(path, **names):
    return re.sub(r"\{(\w+)\}", lambda found: names.get(found.group(1), "absent"), path)


def takes_json(operation):
    return "application/json" in operation.get("requestBody", {}).get("content", {})


# ---- refusals ----

def test_without_a_key_each_route_is_401(lake):
    for method, path, operation in OPERATIONS.values():
        if operation["x-permission"] != "public":
            answer = lake.request(method, fill(path), headers={"X-API-Key": ""})
            check_refusal(answer, 401, (method, path))
            assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_methods_that_a_path_lacks_are_405(lake):
    for path, item in DOCUMENT["paths"].items():
        has = {method.upper() for method in item}
        has |= {"HEAD"} & {"HEAD" if "GET" in has else ""}  # as HTTP has it
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} - has:
            answer = lake.request(method, fill(path))
            check_refusal(answer, 405, (method, path))
            assert set(re.split(r",\s*", answer.headers["Allow"])) == has, path


def test_paths_that_are_none_are_404(lake):
    for path in ("/nope", "/iceberg/v1/nope", "/datasets/nope", "/iceberg/v2/config"):
        check_refusal(lake.request("GET", path), 404, ("GET", path))


def test_a_coded_body_is_415(lake):
    for method, path, operation in OPERATIONS.values():
        if "requestBody" in operation:
            answer = lake.request(method, fill(path), data=b"{}", headers={"Content-Encoding": "gzip"})
            check_refusal(answer, 415, (method, path))


def test_a_body_that_is_no_json_is_400(lake):
    for method, path, operation in OPERATIONS.values():
        if takes_json(operation):
            for body in (b'{"a":', b"[]", b"7", b"null", b""):
                if body == b"" and not operation["requestBody"]["required"]:
                    continue
                answer = lake.request(method, fill(path, name="t"), data=body)
                check_refusal(answer, 400, (method, path, body))


def test_a_body_over_the_cap_is_413(lake):
    for method, path, operation in OPERATIONS.values():
        if cap := operation.get("x-body-max-bytes"):
            head = f"{method} {fill(path)} HTTP/1.1\r\nHost: x\r\nX-API-Key: {ADMIN}\r\nContent-Length: {cap + 1}\r\nConnection: close\r\n\r\n"
            assert lake.raw(head.encode()).startswith(b"HTTP/1.1 413"), (method, path)


def test_an_unknown_parameter_is_400(lake):
    for method, path, operation in OPERATIONS.values():
        if operation["x-permission"] != "public" and not path.startswith("/iceberg/"):
            check_refusal(lake.request(method, fill(path), params={"bogus": "1"}), 400, (method, path))


SCHEMA = {"type": "struct", "fields": [{"id": 1, "name": "id", "required": False, "type": "long"}]}
VIEW = {"name": "v", "schema": SCHEMA, "properties": {}, "view-version": {
    "version-id": 1, "schema-id": 0, "timestamp-ms": 1, "summary": {}, "default-namespace": ["walk"], "representations": [{"type": "sql", "sql": "SELECT 1", "dialect": "spark"}]}}
REPORT = {"report-type": "scan-report", "table-name": "t", "snapshot-id": 1, "filter": True, "schema-id": 0, "projected-field-ids": [], "projected-field-names": [], "metrics": {}}
ICEBERG_BODIES = {
    "iceberg_namespace_update": {"updates": {"k": "v"}, "removals": []}, "iceberg_table_create": {"name": "t", "schema": SCHEMA},
    "iceberg_table_register": {"name": "t", "metadata-location": "/x/metadata/00000-x.metadata.json"}, "iceberg_table_commit": {"requirements": [], "updates": []},
    "iceberg_metrics": REPORT, "iceberg_view_create": VIEW, "iceberg_view_register": {"name": "v", "metadata-location": "/x"}, "iceberg_view_replace": {"updates": []},
}


# a good body of each route that wants one
BODIES = {**ICEBERG_BODIES, "schema_migrate": {"rules": [{"from": "a", "to": "b"}]}, "schema_rollback": {"snapshot_id": 1}, "metadata_patch": {"owner": "me"},
          "layout_put": {"sort": []}, "dataset_move": {"bucket": "two"}, "role_put": {"grants": []}, "view_put": {"base_dataset": "w", "columns": ["a"]},
          "hnsw_eval_autogen": {"index": "absent", "count": 1}}
OTHER_ABSENCE = {  # what names something absent and is not 404
    "object_put": 200, "object_delete": 204, "profile_deactivate": 204, "journal_history": 200, "access_effective": 400,  # whose, it does not say
    **{name: 503 for name in OPERATIONS if name.startswith("bucket_object")},  # a bucket that no profile brings now
}


def test_absent_names_are_404(lake):
    for name, (method, path, operation) in OPERATIONS.items():
        if "{" in path:
            options = {"data": b""} if "application/octet-stream" in operation.get("requestBody", {}).get("content", {}) else {}
            if takes_json(operation):
                options = {"json": BODIES.get(name, {})}
            answer = lake.request(method, fill(path), **options)
            expected = OTHER_ABSENCE.get(name, 404)
            if expected >= 400:
                check_refusal(answer, expected, (method, path))
            assert answer.status_code == expected, (name, answer.text)


# ---- good answers of our own routes ----

FILE = {"file": ("f.csv", b"a,b\n2,y\n3,z\n")}
SIDES = {"from": {"dataset": "w"}, "to": {"dataset": "t"}}
GRANT = {"effect": "allow", "on": "dataset", "name": "w", "actions": ["read"], "row_filter": "a > 1", "columns": ["a", "b"], "redactions": {"b": {"kind": "mask", "keep_prefix": 1}}}
SAFE = {"base_dataset": "w", "columns": ["a", "b"], "row_filter": "a > 1", "column_redactions": {"b": {"kind": "mask", "keep_prefix": 1}}, "description": "d", "shadow": False}
WALK = [  # operation, what fills its path, what is sent; in this order
    ("health", {}, {}), ("ready", {}, {}), ("metrics", {}, {}), ("openapi", {}, {}), ("docs", {}, {}), ("home", {}, {}),
    ("query_sql", {}, {"json": {"sql": "SELECT 1 AS a, 'x' AS b FROM t"}}), ("query_sql", {}, {"json": {"sql": "FROM t", "format": "csv"}}),
    ("query_sql", {}, {"json": {"sql": "CREATE TABLE other AS FROM t", "rows": "objects"}}),
    ("ask", {}, {"json": {"question": "How many rows of t are there?"}}), ("ask", {}, {"json": {"question": "What about purple elephants?"}}),
    ("dataset_summary", {"name": "t"}, {"json": {}}), ("ask_example_put", {}, {"json": {"question": "How big is t?", "sql": "SELECT count(*) FROM t"}}), ("ask_examples", {}, {"params": {"limit": 1}}), ("ask_example_get", {"id": "of the walk"}, {}), ("ask_example_delete", {"id": "of the walk"}, {}),
    ("ingest_file", {}, {"data": {"dataset": "w"}, "files": FILE}), ("ingest_file", {}, {"data": {"dataset": "w", "mode": "append"}, "files": FILE}),
    ("ingest_file", {}, {"data": {"dataset": "w", "mode": "append", "on_error": "quarantine"}, "files": {"file": ("g.csv", b"a,b\nx,y\n4,z\n")}}),
    ("datasets_list", {}, {}), ("datasets_list", {}, {"params": {"limit": 1, "filter": "w"}}), ("dataset_get", {"name": "w"}, {}),
    ("metadata_get", {"name": "w"}, {}), ("metadata_patch", {"name": "w"}, {"json": {"owner": "me", "tags": ["x"], "columns": {"a": {"description": "d"}}}}),
    ("dataset_scan", {"name": "w"}, {"json": {}}), ("lineage_get", {"name": "w"}, {}), ("lineage_get", {"name": "data.other"}, {"params": {"direction": "both"}}),
    ("catalog_search", {}, {"params": {"q": "me"}}), ("schema_diff", {}, {"json": SIDES}), ("schema_prompt", {}, {"json": SIDES}),
    ("layout_put", {"name": "w"}, {"json": {"sort": [{"column": "a"}]}}), ("layout_get", {"name": "w"}, {}),
    ("compact", {}, {"json": {"dataset": "w", "all": True}}), ("compact", {}, {"json": {"dataset": "w", "dry_run": True}}),
    ("dataset_expire", {"name": "w"}, {"json": {"dry_run": True}}), ("dataset_orphans", {"name": "w"}, {"json": {"dry_run": True}}), ("maintenance", {}, {}),
    ("schema_migrate", {"name": "other"}, {"json": {"rules": [{"op": "rename", "column": "b", "to": "c"}]}}), ("schema_rollback", {"name": "other"}, {"json": {}}),
    ("view_create", {}, {"json": {"name": "w_safe", **SAFE}}), ("view_get", {"name": "w_safe"}, {}), ("views_list", {}, {"params": {"limit": 1}}),
    ("view_put", {"name": "w_safe"}, {"json": SAFE}), ("view_delete", {"name": "w_safe"}, {}),
    ("dataset_move", {"name": "other"}, {"json": {"bucket": "two"}}), ("dataset_delete", {"name": "other"}, {}),
    ("catalog_remove_dropped", {}, {"json": {"dry_run": True}}), ("catalog_verify", {}, {}), ("catalog_verify", {}, {"params": {"dataset": "w"}}),
    ("object_put", {"key": "x/y"}, {"data": b"12345"}), ("objects_list", {}, {"params": {"prefix": "x/"}}), ("object_get", {"key": "x/y"}, {}), ("object_head", {"key": "x/y"}, {}),
    ("datasets_register", {}, {"json": {"name": "again", "files": ["p.parquet"]}}), ("object_delete", {"key": "x/y"}, {}),
    ("buckets_list", {}, {}), ("buckets_health", {}, {}), ("buckets_health", {}, {"params": {"now": "true"}}), ("buckets_errors", {}, {}),
    ("bucket_object_put", {"bucket": "two", "key": "k"}, {"data": b"1"}), ("bucket_objects_list", {"bucket": "two"}, {}), ("bucket_object_get", {"bucket": "two", "key": "k"}, {}),
    ("bucket_object_head", {"bucket": "two", "key": "k"}, {}), ("bucket_object_delete", {"bucket": "two", "key": "k"}, {}), ("buckets_migrate", {}, {}),
    ("profile_get", {"user": "ann"}, {}), ("profile_activate", {"user": "ann"}, {}), ("profile_get", {"user": "ann"}, {}), ("profile_deactivate", {"user": "ann"}, {}),
    ("cache_pin", {}, {"json": {"dataset": "w"}}), ("cache_stats", {}, {}), ("cache_evict", {}, {"json": {"dataset": "w"}}), ("catalog_resync", {}, {"json": {"dry_run": True}}),
    ("keys_create", {}, {"json": {"name": "k"}}), ("keys_list", {}, {}), ("keys_rotate", {"id": "?"}, {}), ("keys_revoke", {"id": "?"}, {}),
    ("role_create", {}, {"json": {"name": "r", "grants": [GRANT]}}), ("role_put", {"role": "r"}, {"json": {"description": "d", "grants": [GRANT]}}), ("role_get", {"role": "r"}, {}),
    ("roles_list", {}, {}), ("roles_list", {}, {"params": {"limit": 2}}), ("principal_create", {}, {"json": {"name": "p", "kind": "user", "roles": ["r", "agent"]}}),
    ("principal_put", {"principal": "p"}, {"json": {"kind": "agent", "roles": ["r"]}}), ("principal_get", {"principal": "p"}, {}), ("principals_list", {}, {}), ("keys_create", {}, {"json": {"principal": "p", "scope": "read"}}), ("keys_list", {}, {}),
    ("access_me", {}, {}), ("access_check", {}, {"json": {"principal": "p", "action": "read", "resource": "w"}}),
    ("access_check", {}, {"json": {"principal": "p", "action": "write", "resource": "bucket:main"}}), ("access_effective", {"dataset": "w"}, {"params": {"principal": "p"}}),
    ("journal_event", {}, {"json": {"entity_type": "x", "entity_id": "1", "new_value": [1]}}), ("journal_event", {}, {"json": {"events": [{"entity_type": "x", "entity_id": "1"}]}}),
    ("journal_update", {}, {"json": {"entity_type": "x", "entity_id": "1", "before": {"a": 1}, "after": {"a": 2}}}), ("journal_history", {"entity_id": "1"}, {}), ("journal_recent", {}, {}),
    ("journal_flush", {}, {}), ("journal_recent", {}, {"params": {"limit": 1}}), ("journal_stats", {}, {}), ("journal_verify", {}, {}),
    ("access_audit", {}, {}), ("access_audit", {}, {"params": {"principal": "p", "dataset": "w", "since": "2026-01-01T00:00:00Z"}}),
    ("models_register", {}, {"json": {"name": "tuned", "task": "embed", "provider": "hash", "model": "hash-256", "base": "hash", "notes": "n", "check": True}}),
    ("models_evaluate", {"model": "tuned"}, {"json": {"eval": "none"}}), ("models_activate", {"model": "tuned"}, {"json": {"profile": "p"}}), ("models_get", {"model": "tuned"}, {}), ("models_rollback", {}, {"json": {"task": "embed", "profile": "p"}}),
    ("models_remove", {"model": "tuned"}, {}), ("ai_models", {}, {}), ("ai_embed", {}, {"json": {"input": ["x", "y"], "model": "hash"}}), ("ai_generate", {}, {"json": {"prompt": "x"}}),
    ("ai_generate", {}, {"json": {"messages": [{"role": "user", "content": "x"}], "stream": True, "stop": "END", "seed": 1, "temperature": 0.5, "max_tokens": 9}}),
    ("ai_rerank", {}, {"json": {"query": "q", "documents": ["d"], "top_n": 1}}), ("ai_health", {}, {}), ("ai_usage", {}, {}), ("v1_models", {}, {}), ("v1_model", {"model": "hash"}, {}),
    ("v1_embeddings", {}, {"json": {"model": "hash", "input": "x"}}), ("v1_chat", {}, {"json": {"model": "m", "messages": [{"role": "user", "content": "x"}]}}),
    ("v1_chat", {}, {"json": {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": True}}),
    ("principal_delete", {"principal": "p"}, {}), ("role_delete", {"role": "r"}, {}),
    ("vectors_index", {}, {"json": {"dataset": "t", "id_column": "a", "text_columns": ["b"], "index": "found", "chunk": {"size": 100}, "refresh": {"policy": "manual"}}}),
    ("job_events", {"job": "succeeded"}, {}), ("vectors_index", {}, {"json": {"dataset": "t", "id_column": "a", "template": "{b}", "index": "taken"}}), ("job_get", {"job": "failed"}, {}),
    ("jobs_list", {}, {}), ("jobs_list", {}, {"params": {"state": "failed", "limit": 1}}), ("job_retry", {"job": "failed"}, {}), ("job_cancel", {"job": "failed"}, {}),
    ("vectors_indexes", {}, {"params": {"dataset": "t"}}), ("vectors_index_get", {"index": "found"}, {}), ("vectors_search", {}, {"json": {"index": "found", "query": "x", "k": 1, "mode": "exact"}}),
    ("vectors_search", {}, {"json": {"index": "found", "query": "x", "filter": "a = 1", "columns": ["b"]}}), ("vectors_stale", {}, {}), ("vectors_stale", {}, {"params": {"limit": 1}}), ("vectors_refresh", {"name": "t"}, {}),
    ("vectors_rag", {}, {"json": {"question": "x", "index": "found", "generate": False, "columns": ["b"], "min_score": -1}}), ("vectors_rag", {}, {"json": {"question": "x", "indexes": ["found"], "rerank": True}}),
    ("vectors_rag", {}, {"json": {"question": "x", "index": "found", "stream": True, "conversation_id": "new", "k": 1, "mode": "exact"}}),
    ("job_get", {"job": "succeeded"}, {}),
    ("hnsw_cache_stats", {}, {}), ("hnsw_eval_create", {}, {"json": {"name": "asked", "index": "found", "queries": [{"query": "x", "relevant": [1]}], "k": 1}}),
    ("hnsw_evals", {}, {"params": {"index": "found", "limit": 1}}), ("hnsw_eval_get", {"eval": "asked"}, {}), ("hnsw_eval_autogen", {"eval": "drawn"}, {"json": {"index": "found", "count": 1, "seed": 1}}),
    ("job_get", {"job": "succeeded"}, {}), ("hnsw_trial", {}, {"json": {"index": "found", "eval": "asked", "config": {"ef_search": 10}, "k": 1}}), ("job_get", {"job": "succeeded"}, {}),
    ("hnsw_trials", {"index": "found"}, {"params": {"limit": 1}}), ("hnsw_trials_best", {"index": "found"}, {"params": {"metric": "pareto", "eval": "asked"}}),
    ("hnsw_tune", {}, {"json": {"index": "found", "recall_target": 0.9, "eval": "asked", "budget": {"trials": 1}}}), ("job_get", {"job": "succeeded"}, {}),
    ("hnsw_eval_delete", {"eval": "asked"}, {}), ("vectors_index_delete", {"index": "found"}, {}),
]


def job_of(lake, state):
    """The id of a job, once all are at rest and the newest one of that state is among them."""
    wait_for(lambda: all(job["state"] in ("succeeded", "failed", "cancelled") for job in lake.request("GET", "/jobs").json()["items"]))
    return lake.request("GET", "/jobs", params={"state": state}).json()["items"][0]["id"]


# headers of every answer, and what HTTP itself says of a body
COMMON_HEADERS = {"content-type", "content-length", "transfer-encoding", "date", "connection", "keep-alive", "cache-control", "x-trace-id", "traceparent", "x-content-type-options",
                  "content-security-policy", "server"}


def check_headers(answer, operation, where):
    """Each header that the document promises is there, and none is that it does not name."""
    documented = {name.lower(): header for name, header in operation["responses"]["2XX"].get("headers", {}).items()}
    sent = {name.lower() for name in answer.headers}
    assert {name for name, header in documented.items() if header.get("required")} <= sent, (where, sent)
    assert sent - COMMON_HEADERS <= set(documented), (where, sent - COMMON_HEADERS - set(documented))


def test_headers_of_buckets_and_profiles_are_documented():
    def named(operation, name):
        return any(p["in"] == "header" and p["name"] == name for p in OPERATIONS[operation][2].get("parameters", []))

    assert named("ingest_file", "X-Lakehouse-Bucket") and named("ingest_file", "X-Lakehouse-Profile")
    assert all(named(f"iceberg_table_{verb}", "X-Iceberg-Access-Delegation") for verb in ("create", "register", "load"))
    for name in ("object_get", "object_head", "bucket_object_get", "bucket_object_head"):
        headers = OPERATIONS[name][2]["responses"]["2XX"]["headers"]
        assert headers["X-Lakehouse-Bucket"]["required"] and "required" not in headers["X-Lakehouse-Rescue-Used"]


def test_good_answers_are_what_the_document_says(lake):
    written = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), written)
    assert lake.request("PUT", "/storage/objects/p.parquet", data=written.getvalue()).status_code in (200, 201)
    for name, names, options in WALK:
        method, path, operation = OPERATIONS[name]
        if name in ("keys_rotate", "keys_revoke"):
            names = {"id": lake.request("GET", "/access/keys").json()["items"][0]["id"]}
        if name in ("ask_example_get", "ask_example_delete"):
            names = {"id": lake.request("GET", "/ask/examples").json()["items"][0]["id"]}
        if "job" in names:
            names = {"id": job_of(lake, names["job"])}
        answer = lake.request(method, fill(path, **names), **options)
        assert answer.status_code // 100 == 2, (name, answer.text)
        check_headers(answer, operation, name)
        content = operation["responses"]["2XX"].get("content", {})
        if method == "HEAD" or not content:
            assert not answer.content, name
        else:
            check_body(answer, content, (name, path))
    assert {name for name, _, _ in WALK} == {name for name in OPERATIONS if not name.startswith("iceberg_")}


# ---- the Iceberg catalog: what the REST specification says of the answers ----

def thing(**members):
    """An object of which these members are required; a name that ends in _ is optional."""
    kinds = {str: {"type": "string"}, int: {"type": "integer"}, list: {"type": "array"}, dict: {"type": "object"}}
    properties = {name.rstrip("_").replace("_", "-"): kinds[kind] if isinstance(kind, type) else kind for name, kind in members.items()}
    return {"type": "object", "properties": properties, "required": [name.replace("_", "-") for name in members if not name.endswith("_")]}


def many(items):
    return {"type": "array", "items": items}


STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
LEVELS = {**many({"type": "string"}), "minItems": 1}
PAGE = {"type": ["string", "null"]}
IDENTIFIERS = thing(identifiers=many(thing(namespace=LEVELS, name=str)), next_page_token_=PAGE)
NAMESPACE = thing(namespace=LEVELS, properties=STRINGS)
STRUCT = thing(type={"const": "struct"}, fields=many(thing(id=int, name=str, required={"type": "boolean"}, type={"type": ["string", "object"]})), schema_id=int,
               identifier_field_ids_=many({"type": "integer"}))
SNAPSHOT = {**thing(timestamp_ms=int, manifest_list=str, summary=STRINGS, parent_snapshot_id_=int, sequence_number=int, schema_id_=int),
            "required": ["snapshot-id", "timestamp-ms", "manifest-list", "summary"]}
METADATA = thing(
    format_version={"type": "integer", "minimum": 1, "maximum": 3}, table_uuid=str, location=str, last_updated_ms=int, properties=STRINGS, schemas=many(STRUCT), current_schema_id=int,
    last_column_id=int, partition_specs=many(thing(spec_id=int, fields=list)), default_spec_id=int, last_partition_id=int, sort_orders=many(thing(order_id=int, fields=list)),
    default_sort_order_id=int, snapshots=many(SNAPSHOT), refs={"type": "object", "additionalProperties": thing(type={"enum": ["branch", "tag"]}, snapshot_id=int)},
    current_snapshot_id_={"type": ["integer", "null"]}, last_sequence_number=int, snapshot_log=many(thing(snapshot_id=int, timestamp_ms=int)),
    metadata_log=many(thing(metadata_file=str, timestamp_ms=int)))
TABLE = thing(metadata_location=str, metadata=METADATA, config_=STRINGS)
STAGED = {**TABLE, "required": ["metadata"]}
VIEW_METADATA = thing(view_uuid=str, format_version={"const": 1}, location=str, current_version_id=int, schemas=many(STRUCT), versions=many(thing(
    version_id=int, timestamp_ms=int, schema_id=int, summary=STRINGS, default_namespace={"type": "array"},
    representations={**many(thing(type={"const": "sql"}, sql=str, dialect=str)), "minItems": 1})), version_log=many(thing(version_id=int, timestamp_ms=int)), properties=STRINGS)
VIEW_LOADED = thing(metadata_location=str, metadata=VIEW_METADATA, config_=STRINGS)
CHANGED = thing(updated=many({"type": "string"}), removed=many({"type": "string"}), missing_={"type": ["array", "null"]})
CONFIG = thing(defaults=STRINGS, overrides=STRINGS, endpoints_=many({"type": "string", "pattern": "^(GET|HEAD|POST|DELETE) /v1/\\{prefix\\}/"}),
               idempotency_key_lifetime_={"type": "string", "pattern": "^PT[0-9]+[SMH]$"})
TOKEN = {"type": "object", "required": ["access_token", "token_type"], "properties": {
    "access_token": {"type": "string"}, "token_type": {"enum": ["bearer", "mac", "N_A"]}, "expires_in": {"type": "integer"}, "issued_token_type": {"type": "string"}}}

EMPTY = None
N, T, V = "/namespaces/{namespace}", "/namespaces/{namespace}/tables/{table}", "/namespaces/{namespace}/views/{view}"
SET = {"action": "set-properties", "updates": {"k": "v"}}


def moved(name, to):
    return {"source": {"namespace": ["walk"], "name": name}, "destination": {"namespace": ["walk"], "name": to}}


ICEBERG_WALK = [  # endpoint, what is sent, the answer's schema; in this order
    ("POST /namespaces", {"namespace": ["walk"], "properties": {"owner": "me"}}, NAMESPACE), ("GET /namespaces", None, thing(namespaces=many(LEVELS), next_page_token_=PAGE)),
    (f"GET {N}", None, NAMESPACE), (f"HEAD {N}", None, EMPTY), (f"POST {N}/properties", {"removals": ["owner", "x"], "updates": {"a": "b"}}, CHANGED),
    (f"POST {N}/tables", {"name": "staged", "schema": SCHEMA, "stage-create": True}, STAGED), (f"POST {N}/tables", {"name": "t", "schema": SCHEMA, "properties": {"a": "b"}}, TABLE),
    (f"GET {N}/tables", None, IDENTIFIERS), (f"GET {T}", None, TABLE), (f"HEAD {T}", None, EMPTY),
    (f"POST {T}", {"requirements": [{"type": "assert-create"}], "updates": []}, 409), (f"POST {T}", {"requirements": [], "updates": [SET]}, thing(metadata_location=str, metadata=METADATA)),
    (f"GET {T}/credentials", None, thing(storage_credentials=many(thing(prefix=str, config=STRINGS)))),
    (f"POST {T}/metrics", REPORT, EMPTY), ("POST /transactions/commit", {"table-changes": [{"identifier": {"namespace": ["walk"], "name": "t"}, "requirements": [], "updates": [SET]}]}, EMPTY),
    ("POST /tables/rename", moved("t", "u"), EMPTY), ("POST /tables/rename", moved("u", "t"), EMPTY), (f"POST {N}/register", {"name": "again", "metadata-location": "?", "overwrite": False}, 400),
    (f"POST {N}/views", VIEW, VIEW_LOADED), (f"GET {N}/views", None, IDENTIFIERS), (f"GET {V}", None, VIEW_LOADED), (f"HEAD {V}", None, EMPTY), (f"POST {V}", {"updates": [SET]}, VIEW_LOADED),
    ("POST /views/rename", moved("v", "w"), EMPTY), ("POST /views/rename", moved("w", "v"), EMPTY), (f"POST {N}/views", VIEW, 409), (f"DELETE {N}", None, 409),
    (f"POST {N}/register", "t", TABLE), (f"POST {N}/register-view", "v", VIEW_LOADED),
    (f"DELETE {V}", None, EMPTY), (f"DELETE {T}", None, EMPTY), (f"DELETE {N}", None, EMPTY), (f"DELETE {N}", None, 404), (f"HEAD {T}", None, 404), (f"HEAD {V}", None, 404),
]


def check_specified(answer, schema, where):
    if schema is EMPTY:
        assert (answer.status_code, answer.content) == (204, b""), (where, answer.text)
        return
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/json", (where, answer.text)
    errors = list(Draft202012Validator(schema).iter_errors(answer.json()))
    assert not errors, (where, [error.message for error in errors][:5])


def registered_anew(lake, kind, path):
    """Drops a table or view without its files: what registers it again."""
    location = lake.request("GET", path).json()["metadata-location"]
    assert lake.request("DELETE", path).status_code == 204
    return {"name": kind, "metadata-location": location}


def test_each_advertised_endpoint_answers_as_specified(lake):
    base = "/iceberg/v1"
    config = lake.request("GET", f"{base}/config")
    check_specified(config, CONFIG, "config")
    check_specified(lake.request("POST", f"{base}/oauth/tokens", data={"grant_type": "client_credentials", "client_secret": ADMIN}), TOKEN, "tokens")
    lake.sql("CREATE SCHEMA held; CREATE TABLE held.t AS SELECT 1 AS a, [1] AS b, {'c': 2} AS d")
    check_specified(lake.request("GET", f"{base}/namespaces/held/tables/t"), TABLE, "a table with a snapshot")
    for endpoint, body, expected in ICEBERG_WALK:
        method, path = endpoint.split(" ")
        path = base + fill(path, namespace="walk", table="t", view="v")
        if body in ("t", "v"):
            body = registered_anew(lake, body, f"{base}/namespaces/walk/{'tables' if body == 't' else 'views'}/{body}")
        answer = lake.request(method, path, **({} if body is None else {"json": body}))
        if isinstance(expected, int):
            check_refusal(answer, expected, (method, path))
        else:
            check_specified(answer, expected, endpoint)
            template = "/iceberg/v1" + endpoint.split(" ")[1]
            check_headers(answer, DOCUMENT["paths"][template][method.lower()], endpoint)
    walked = {endpoint.replace(" ", " /v1/{prefix}", 1) for endpoint, _, _ in ICEBERG_WALK}
    assert walked == set(config.json()["endpoints"])

"""Who is let in: keys with an end, another secret and a last use; how authentication is turned on; limits and lockout."""
import json
import time

import pytest

from commands import lakehouse
from harness import Server, ServerFailed, wait_for

ADMIN = "an-admin-key-of-the-auth-tests"
KEYS = {"LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": ADMIN}


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("auth") / "root", env=KEYS)
    yield running
    running.stop()


def call(server, method, path, status, body=None, key=ADMIN, headers=None):
    answer = server.request(method, path, headers={**({"X-API-Key": key} if key else {}), **(headers or {})}, **({"json": body} if body is not None else {}))
    assert answer.status_code == status, (method, path, answer.status_code, answer.text)
    return answer.json() if answer.content else None


def listed(server, made):
    return {k["id"]: k for k in call(server, "GET", "/access/keys", 200)["items"]}.get(made["id"])


# ---- keys ----

def test_keys_of_both_shapes_have_an_end_and_get_another_secret(lake):
    call(lake, "POST", "/access/principals", 201, {"name": "ann", "kind": "user", "roles": ["admin"]})
    for body in ({"name": "etl", "permission": "read"}, {"principal": "ann", "scope": "read"}):
        for bad in ("2020-01-01T00:00:00Z", "tomorrow", "", 7, None):
            call(lake, "POST", "/access/keys", 400, {**body, "expires_at": bad})
        soon = time.time() + 3
        made = call(lake, "POST", "/access/keys", 201, {**body, "expires_at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(soon)) + "Z"})
        again = call(lake, "POST", f"/access/keys/{made['id']}/rotate", 200)
        assert again["expires_at"] == made["expires_at"] and again["key"] != made["key"] and listed(lake, made)["rotated_at"]
        call(lake, "GET", "/datasets", 401, key=made["key"])
        call(lake, "GET", "/datasets", 200, key=again["key"])
        wait_for(lambda: lake.request("GET", "/datasets", headers={"X-API-Key": again["key"]}).status_code == 401)
        assert time.time() > soon - 1
        call(lake, "POST", f"/access/keys/{made['id']}/rotate", 409)


def test_the_list_shows_when_a_key_was_used_last(tmp_path):
    server = Server(tmp_path / "root", env=KEYS)
    used, idle = [call(server, "POST", "/access/keys", 201, {"name": name}) for name in ("used", "idle")]
    assert "last_used_at" not in listed(server, used)
    call(server, "GET", "/datasets", 401, key=used["key"][:-1])
    assert "last_used_at" not in listed(server, used)
    log = [f.name for f in (tmp_path / "root").rglob("_catalog/log/*.json")]
    for _ in range(50):
        call(server, "GET", "/datasets", 200, key=used["key"])
    last = listed(server, used)["last_used_at"]
    assert last >= used["created_at"] and "last_used_at" not in listed(server, idle)
    assert [f.name for f in (tmp_path / "root").rglob("_catalog/log/*.json")] == log  # no request writes it
    server.restart()
    assert listed(server, used)["last_used_at"] == last and "last_used_at" not in listed(server, idle)
    server.stop()


def test_the_commands_of_keys(lake):
    def run(*args):
        return lakehouse("keys", *args, "--url", lake.url, env={"LAKEHOUSE_API_KEY": ADMIN})

    key = run("create", "ci", "--expires-at", "2999-01-31T00:00:00Z").stdout.strip()
    ident = key.split("_")[1]
    shown = {k["id"]: k for k in json.loads(run("list", "--json").stdout)}[ident]
    assert shown["expires_at"] == "2999-01-31T00:00:00.000Z"
    rotated = run("rotate", ident)
    assert rotated.stdout.startswith(f"lh_{ident}_") and rotated.stdout.strip() != key and "shown this once" in rotated.stderr
    call(lake, "GET", "/datasets", 401, key=key)
    call(lake, "GET", "/datasets", 200, key=rotated.stdout.strip())
    assert "last_used_at" in run("list").stdout

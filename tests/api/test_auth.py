"""Who is let in: keys with an end, another secret and a last use; how authentication is turned on; limits and lockout."""
import json
import time

import grpc
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


# ---- how authentication is turned on ----

def admin_key_of(server):
    """What the server prints of a key behind its addresses; it prints nothing else, so this waits for its end."""
    server.grpc
    server.process.send_signal(15)
    rest = server.process.stdout.read().splitlines()
    server.process.wait(60)
    assert all(line.startswith("admin key, shown this once: lh_") for line in rest)
    return [line.split()[-1] for line in rest]


def test_the_first_start_makes_an_admin_key_and_prints_it_once(tmp_path):
    env = {"LAKEHOUSE__AUTH__MODE": "keys"}
    server = Server(tmp_path / "root", env=env)
    call(server, "GET", "/datasets", 401, key=None)
    (key,) = admin_key_of(server)
    assert key not in server.log_text() and key.split("_")[2] not in server.log_text()
    server.start()
    assert call(server, "GET", "/access/me", 200, key=key)["permission"] == "admin"
    assert "authentication is off" not in server.log_text()
    assert admin_key_of(server) == []  # there is one
    for file in (tmp_path / "root").rglob("*"):
        assert not file.is_file() or key.split("_")[2].encode() not in file.read_bytes()
    server.start()
    call(server, "DELETE", f"/access/keys/{key.split('_')[1]}", 204, key=key)
    assert admin_key_of(server) == []
    server.start()  # whoever starts the server gets in again
    (other,) = admin_key_of(server)
    assert other != key


def test_an_address_that_others_reach_asks_for_keys(tmp_path):
    server = Server(tmp_path / "root", "--listen", "0.0.0.0:0")  # the last --listen holds
    server.url = server.url.replace("0.0.0.0", "127.0.0.1")
    call(server, "GET", "/datasets", 401, key=None)
    assert len(admin_key_of(server)) == 1


def test_an_admin_key_of_the_environment_turns_it_on(tmp_path):
    server = Server(tmp_path / "root", env={"LAKEHOUSE_ADMIN_KEY": ADMIN})
    call(server, "GET", "/datasets", 401, key=None)
    assert call(server, "GET", "/access/me", 200)["kind"] == "admin"
    assert admin_key_of(server) == [] and ADMIN not in server.log_text()
    with pytest.raises(ServerFailed, match="auth.admin_key is set, but auth.mode is off"):
        Server(tmp_path / "other", env={"LAKEHOUSE_ADMIN_KEY": ADMIN, "LAKEHOUSE__AUTH__MODE": "off"})


def test_on_loopback_with_nothing_set_the_caller_is_the_local_admin(tmp_path):
    server = Server(tmp_path / "root")
    me = call(server, "GET", "/access/me", 200, key=None)
    assert (me["kind"], me["principal"], me["permission"]) == ("local", "-", "admin")
    assert "local administrator" in server.log_text() and '"warn"' in server.log_text()
    assert admin_key_of(server) == []


def test_anonymous_is_a_principal_that_reads(tmp_path):
    server = Server(tmp_path / "root", env={**KEYS, "LAKEHOUSE__AUTH__ANONYMOUS": "guest"})
    call(server, "GET", "/access/me", 401, key=None)  # there is no such principal yet
    call(server, "POST", "/access/principals", 201, {"name": "guest", "kind": "service", "roles": ["admin"]})
    me = call(server, "GET", "/access/me", 200, key=None)
    assert (me["principal"], me["roles"], me["permission"]) == ("guest", ["admin"], "read")
    call(server, "GET", "/datasets", 200, key=None)
    call(server, "POST", "/query/sql", 403, {"sql": "CREATE TABLE t (a INTEGER)"}, key=None)
    call(server, "POST", "/access/keys", 403, {"name": "x"}, key=None)
    call(server, "GET", "/datasets", 401, key="wrong")
    call(server, "GET", "/datasets", 401, key=None, headers={"Authorization": "Basic eDp5"})
    call(server, "GET", "/datasets", 401, key=None, headers={"Authorization": "Bearer wrong"})
    with grpc.insecure_channel(server.grpc) as channel:
        listed = channel.unary_unary("/lakehouse.v1.CatalogService/ListDatasets")
        listed(b"")
        with pytest.raises(grpc.RpcError) as refused:
            listed(b"", metadata=[("x-api-key", "wrong")])
        assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    server.stop()

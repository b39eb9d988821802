"""Who is let in: keys with an end, another secret and a last use; how authentication is turned on; limits and lockout."""
import json
import time

import grpc
import jwt
import pytest
import urllib3
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

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

def short_lived(lake, body):
    """A key that ends soon, rotated and used before that: as it was made, as it is now, and its end. It lives longer where the machine was too slow."""
    for seconds in (3, 30, 300):
        end = int(time.time()) + seconds
        made = lake.request("POST", "/access/keys", headers={"X-API-Key": ADMIN}, json={**body, "expires_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))}).json()
        again = lake.request("POST", f"/access/keys/{made.get('id')}/rotate", headers={"X-API-Key": ADMIN}).json()
        used = ask(lake, again.get("key", "none")).status_code
        if time.time() < end:
            assert used == 200, (made, again)
            return made, again, end
    raise AssertionError("no key lived long enough")


def test_keys_of_both_shapes_have_an_end_and_get_another_secret(lake):
    call(lake, "POST", "/access/principals", 201, {"name": "ann", "kind": "user", "roles": ["admin"]})
    for body in ({"name": "etl", "permission": "read"}, {"principal": "ann", "scope": "read"}):
        for bad in ("2020-01-01T00:00:00Z", "tomorrow", "", 7, None):
            call(lake, "POST", "/access/keys", 400, {**body, "expires_at": bad})
        made, again, end = short_lived(lake, body)
        assert again["expires_at"] == made["expires_at"] and again["key"] != made["key"] and listed(lake, made)["rotated_at"]
        call(lake, "GET", "/datasets", 401, key=made["key"])
        wait_for(lambda: ask(lake, again["key"]).status_code == 401)
        assert time.time() >= end
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
    server.process.wait(300)
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
    call(server, "GET", "/datasets", 401, key=None, headers={"Authorization": ADMIN})  # a key, but no bearer token
    with grpc.insecure_channel(server.grpc) as channel:
        listed = channel.unary_unary("/lakehouse.v1.CatalogService/ListDatasets")
        listed(b"")
        with pytest.raises(grpc.RpcError) as refused:
            listed(b"", metadata=[("x-api-key", "wrong")])
        assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    server.stop()


def test_a_request_shows_one_key_and_a_bearer_token_as_such(tmp_path):
    server = Server(tmp_path / "root", env=KEYS)
    key = call(server, "POST", "/access/keys", 201, {"name": "reader", "permission": "read"})["key"]
    call(server, "GET", "/datasets", 200, key=None, headers={"Authorization": "bearer " + key})
    for scheme in ("", "Token ", "Bearer", "Basic "):
        call(server, "GET", "/datasets", 401, key=None, headers={"Authorization": scheme + key})
    for name, value in (("X-API-Key", key), ("Authorization", "Bearer " + key)):
        headers = urllib3.HTTPHeaderDict([(name, value), (name, value)])
        assert urllib3.request("GET", server.url + "/datasets", headers=headers).status == 400
    with grpc.insecure_channel(server.grpc) as channel:
        listed = channel.unary_unary("/lakehouse.v1.CatalogService/ListDatasets")
        listed(b"", metadata=[("authorization", "Bearer " + key)])
        for metadata in ([("authorization", key)], [("x-api-key", key)] * 2, [("authorization", "Bearer " + key)] * 2):
            with pytest.raises(grpc.RpcError) as refused:
                listed(b"", metadata=metadata)
            assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED, metadata
    server.stop()


def test_anonymous_and_tokens_are_governed_as_their_principal(tmp_path):
    key, folder = ec.generate_private_key(ec.SECP256R1()), tmp_path / "keys.json"
    folder.write_text(json.dumps({"keys": [{**ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "k"}]}))
    server = Server(tmp_path / "root", env={**KEYS, **{f"LAKEHOUSE__AUTH__{name}": value for name, value in (
        ("ANONYMOUS", "guest"), ("JWT_JWKS", str(folder)), ("JWT_ISSUER", "idp"), ("JWT_AUDIENCE", "lake"))}})
    call(server, "POST", "/query/sql", 200, {"sql": "CREATE TABLE shown AS SELECT * FROM (VALUES (1, 'a'), (2, 'b')) t(id, secret)"})
    call(server, "POST", "/query/sql", 200, {"sql": "CREATE TABLE hidden AS SELECT 1 AS id"})
    grants = [{"effect": "allow", "on": "dataset", "name": "shown", "actions": ["read"], "columns": ["id"], "row_filter": "id > 1"}]
    call(server, "POST", "/access/roles", 201, {"name": "part", "grants": grants})
    for name in ("guest", "ann"):
        call(server, "POST", "/access/principals", 201, {"name": name, "kind": "user", "roles": ["part"]})
    claims = {"iss": "idp", "aud": "lake", "sub": "ann", "lakehouse_permission": "admin", "exp": int(time.time()) + 300}
    token = {"Authorization": "Bearer " + jwt.encode(claims, key, "ES256", headers={"kid": "k"})}
    for headers in ({}, token):
        assert call(server, "POST", "/query/sql", 200, {"sql": "SELECT * FROM shown"}, key=None, headers=headers)["rows"] == [[2]]
        for sql in ("SELECT secret FROM shown", "SELECT * FROM hidden", "INSERT INTO shown VALUES (3, 'c')", "DROP TABLE shown"):
            assert server.request("POST", "/query/sql", headers=headers, json={"sql": sql}).status_code in (400, 403, 404), sql
    server.stop()


# ---- limits ----

def limited(**settings):
    return {**KEYS, **{f"LAKEHOUSE__AUTH__{name.upper()}": str(value) for name, value in settings.items()}}


def ask(server, key, path="/datasets"):
    return server.request("GET", path, headers={"X-API-Key": key} if key else {})


def test_a_key_that_asks_too_often_waits(tmp_path):
    server = Server(tmp_path / "root", env=limited(key_requests_per_s=5))
    made = call(server, "POST", "/access/keys", 201, {"name": "etl"})["key"]
    answers = [ask(server, made) for _ in range(200)]
    refused = next(a for a in answers if a.status_code != 200)  # 10 at once, and 5 a second
    assert {a.status_code for a in answers} == {200, 429}
    assert int(refused.headers["Retry-After"]) >= 1 and refused.json()["error"]["code"] == "limit" and "try again" in refused.json()["error"]["message"]
    assert refused.headers["X-Trace-Id"]
    assert ask(server, ADMIN).status_code == 200  # another key of the same address
    iceberg = next(a for a in (ask(server, made, "/iceberg/v1/config") for _ in range(200)) if a.status_code != 200)
    assert (iceberg.status_code, iceberg.json()["error"]["type"]) == (429, "TooManyRequestsException")
    for path in ("/health", "/ready", "/openapi.json", "/"):
        assert {ask(server, made, path).status_code for _ in range(20)} == {200}
    wait_for(lambda: ask(server, made).status_code == 200)
    with grpc.insecure_channel(server.grpc) as channel:
        listed = channel.unary_unary("/lakehouse.v1.CatalogService/ListDatasets")
        with pytest.raises(grpc.RpcError) as refusal:
            for _ in range(200):
                listed(b"", metadata=[("x-api-key", made)])
        assert refusal.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert int(dict(refusal.value.trailing_metadata())["grpc-retry-pushback-ms"]) > 0
    server.stop()


def test_an_address_that_asks_too_often_waits(tmp_path):
    server = Server(tmp_path / "root", env=limited(address_requests_per_s=5, lockout_failures=0))
    statuses = {key: {ask(server, key).status_code for _ in range(100)} for key in (ADMIN, "wrong", None)}
    assert statuses[ADMIN] == {200, 429} and 429 in statuses["wrong"] and 429 in statuses[None]
    server.stop()


def test_guessing_locks_the_address_out(tmp_path):
    server = Server(tmp_path / "root", env=limited(lockout_failures=5, lockout_ms=3600000, lockout_max_ms=7200000))
    worker, idle = [call(server, "POST", "/access/keys", 201, {"name": name, "permission": "admin"})["key"] for name in ("worker", "idle")]
    assert ask(server, worker).status_code == 200
    for n in range(40):
        assert ask(server, f"stale-{n % 2}").status_code == 401  # the same again is no guess
    for n in range(3):
        assert ask(server, f"guess-{n}").status_code == 401
    refused = ask(server, "guess-5")
    assert refused.status_code == 429 and 3590 < int(refused.headers["Retry-After"]) <= 3601
    assert ask(server, idle).status_code == 429  # a right key, too: it would tell the guesser
    assert ask(server, worker).status_code == 200  # but who worked there goes on
    assert ask(server, None).status_code == 401 and ask(server, None, "/health").status_code == 200
    form = {"grant_type": "client_credentials", "client_secret": idle}
    token = server.request("POST", "/iceberg/v1/oauth/tokens", data=form)
    assert token.status_code == 429 and int(token.headers["Retry-After"]) > 3500
    assert server.request("POST", "/iceberg/v1/oauth/tokens", data={**form, "client_secret": worker}).status_code == 200
    with grpc.insecure_channel(server.grpc) as channel:  # the doors have one memory
        listed = channel.unary_unary("/lakehouse.v1.CatalogService/ListDatasets")
        listed(b"", metadata=[("x-api-key", worker)])
        for key in (idle, "guess-6"):
            with pytest.raises(grpc.RpcError) as refusal:
                listed(b"", metadata=[("x-api-key", key)])
            assert refusal.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "too many wrong keys" in server.log_text() and "guess-" not in server.log_text()
    server.restart()  # what is remembered is in memory
    assert ask(server, idle).status_code == 200
    server.stop()


def test_guesses_at_the_other_doors_count(tmp_path):
    server = Server(tmp_path / "root", env=limited(lockout_failures=4, lockout_ms=3600000))
    for n in range(2):
        form = {"grant_type": "client_credentials", "client_secret": f"guess-{n}"}
        assert server.request("POST", "/iceberg/v1/oauth/tokens", data=form).status_code == 401
    with grpc.insecure_channel(server.grpc) as channel:
        listed = channel.unary_unary("/lakehouse.v1.CatalogService/ListDatasets")
        for n in range(2, 4):
            with pytest.raises(grpc.RpcError):
                listed(b"", metadata=[("authorization", f"Bearer guess-{n}")])
    assert ask(server, ADMIN).status_code == 429
    server.stop()


def test_the_local_admin_has_no_limits(tmp_path):
    env = {f"LAKEHOUSE__AUTH__{name}": "1" for name in ("KEY_REQUESTS_PER_S", "ADDRESS_REQUESTS_PER_S", "LOCKOUT_FAILURES")}
    server = Server(tmp_path / "root", env=env)
    assert {ask(server, f"k{n}").status_code for n in range(50)} == {200}
    server.stop()

"""Tokens of an identity provider: signed by PyJWT with keys made here, the key set in a file or behind a small server, at the doors of the real server."""
import http.server
import json
import threading
import time

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from harness import Server, ServerFailed, wait_for

ISSUER, AUDIENCE = "https://idp.example.test/", "lakehouse"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
LATER_KEY = ec.generate_private_key(ec.SECP256R1())


def jwk(key, kid):
    algorithm, name = (RSAAlgorithm, "RS256") if isinstance(key, rsa.RSAPrivateKey) else (ECAlgorithm, "ES256")
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "alg": name, "use": "sig"}


def token(key=EC_KEY, kid="ec", headers=None, **claims):
    now = int(time.time())
    body = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "lakehouse_permission": "read", "iat": now, "exp": now + 300, **claims}
    body = {name: value for name, value in body.items() if value is not None}
    return jwt.encode(body, key, "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256", headers={"kid": kid, **(headers or {})})


def settings(source, **more):
    named = {"mode": "keys", "admin_key": "admin-of-the-tests", "jwt_jwks": source, "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE,
             "jwt_unknown_principal": "claim", **more}
    return {f"LAKEHOUSE__AUTH__{name.upper()}": str(value) for name, value in named.items()}


def ask(server, text, method="GET", path="/datasets", **options):
    return server.request(method, path, headers={"Authorization": f"Bearer {text}"} if text else {}, **options).status_code


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jwt")
    (folder / "keys.json").write_text(json.dumps({"keys": [jwk(RSA_KEY, "rsa"), jwk(EC_KEY, "ec")]}))
    running = Server(folder / "root", env=settings("keys.json"), cwd=folder)  # relative: the server leaves that folder
    yield running
    running.stop()


@pytest.mark.parametrize("key, kid", [(RSA_KEY, "rsa"), (EC_KEY, "ec")])
def test_a_token_reaches_as_far_as_its_claim(lake, key, kid):
    made = {"method": "POST", "path": "/access/keys", "json": {"name": "x", "permission": "read"}}
    sql = {"method": "POST", "path": "/query/sql", "json": {"sql": f"CREATE TABLE IF NOT EXISTS by_{kid} (a INTEGER)"}}
    for permission, expected in (("read", (200, 403, 403)), ("write", (200, 200, 403)), ("admin", (200, 200, 201))):
        text = token(key, kid, lakehouse_permission=permission)
        assert (ask(lake, text), ask(lake, text, **sql), ask(lake, text, **made)) == expected
    assert ask(lake, token(key, kid, aud=["other", AUDIENCE])) == 200


def test_what_is_no_good_token_is_401(lake):
    now = int(time.time())
    stranger = ec.generate_private_key(ec.SECP256R1())
    good = token()
    head, claims, signature = good.split(".")
    bad = [token(exp=now - 61), token(nbf=now + 120), token(iat=now + 120), token(exp=None), token(iss="https://idp.example.test"), token(iss=None),
           token(aud="lake"), token(aud=None), token(sub=None), token(sub="admin"), token(lakehouse_permission="root"),
           token(stranger), token(stranger, "stranger"), token(stranger, headers={"jwk": jwk(stranger, "ec")}), token(RSA_KEY, "ec"),
           token(headers={"crit": ["exp"]}), token(headers={"typ": "logout+jwt"}), f"{head}.{claims}.", f"{head}.{claims}", f"{head}.{claims}.{signature}=",
           jwt.encode({"sub": "ada"}, None, "none"), jwt.encode({"sub": "ada", "lakehouse_permission": "admin"}, "a secret of more than 32 bytes, for HS256", "HS256", headers={"kid": "ec"})]
    assert ask(lake, good) == 200
    for text in bad:
        assert ask(lake, text) == 401, text
    assert ask(lake, None) == 401
    assert not any(part in lake.log_text() for part in (claims, signature))


ADMIN = {"X-API-Key": "admin-of-the-tests"}


def make_principal(server, name, *roles):
    made = server.request("POST", "/access/principals", headers=ADMIN, json={"name": name, "kind": "user", "roles": list(roles)})
    assert made.status_code == 201, made.text


def test_a_stored_principals_token_is_governed_by_its_roles(lake):
    make_principal(lake, "nora", "agent")
    make_principal(lake, "omar", "admin")
    made = {"method": "POST", "path": "/access/keys", "json": {"name": "x", "permission": "read"}}
    assert ask(lake, token(sub="nora", lakehouse_permission="admin"), **made) == 403
    assert ask(lake, token(sub="nora", lakehouse_permission="admin"), path="/datasets/by-name/none") == 403
    me = lake.request("GET", "/access/me", headers={"Authorization": "Bearer " + token(sub="nora", lakehouse_permission="admin")}).json()
    assert (me["principal"], me["kind"], me["roles"], me["permission"]) == ("nora", "user", ["agent"], "none")
    assert ask(lake, token(sub="omar", lakehouse_permission="read"), **made) == 403  # cut by the claim
    assert ask(lake, token(sub="omar", lakehouse_permission=None), **made) == 201
    assert lake.request("DELETE", "/access/principals/nora", headers=ADMIN).status_code == 204
    for path in ("/datasets", "/access/me", "/datasets/by-name/none"):
        assert ask(lake, token(sub="nora", lakehouse_permission="admin"), path=path) == 403  # deleted is not unknown


def test_who_is_no_stored_principal_may_do_nothing(tmp_path):
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [jwk(EC_KEY, "ec")]}))
    named = settings(tmp_path / "keys.json")
    del named["LAKEHOUSE__AUTH__JWT_UNKNOWN_PRINCIPAL"]
    server = Server(tmp_path / "root", env=named)
    assert ask(server, token(lakehouse_permission="admin")) == 403
    assert ask(server, token(lakehouse_permission="admin"), path="/access/me") == 403
    make_principal(server, "ada", "admin")
    assert ask(server, token()) == 200
    server.stop()


def test_keys_are_taken_beside_tokens(lake):
    assert lake.request("GET", "/datasets", headers={"X-API-Key": "admin-of-the-tests"}).status_code == 200
    made = lake.request("POST", "/access/keys", headers={"X-API-Key": "admin-of-the-tests"}, json={"name": "r", "permission": "read"}).json()["key"]
    assert ask(lake, made) == 200


def test_grpc_and_iceberg_clients_show_tokens(lake):
    lake.request("POST", "/query/sql", headers={"X-API-Key": "admin-of-the-tests"}, json={"sql": "CREATE TABLE t AS SELECT 42 AS a"})
    assert lake.pyiceberg(token=token(RSA_KEY, "rsa")).load_table("data.t").scan().to_arrow()["a"].to_pylist() == [42]
    with grpc.insecure_channel(lake.grpc) as channel:
        listed = channel.unary_unary("/lakehouse.v1.CatalogService/ListDatasets")  # an empty message is its default
        assert b"t" in listed(b"", metadata=[("authorization", "Bearer " + token())])
        for text in (token(aud="other"), token(kid="stranger"), "x.y.z"):
            with pytest.raises(grpc.RpcError) as refused:
                listed(b"", metadata=[("authorization", "Bearer " + text)])
            assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED


class Provider:
    """A small HTTP server with a key set that changes."""

    def __init__(self):
        self.keys, self.asked, self.status = [], 0, 200
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked += 1
                body = json.dumps({"keys": outer.keys}).encode()
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys?v=1"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def provider():
    running = Provider()
    yield running
    running.stop()


def test_keys_from_a_url_follow_the_provider(tmp_path, provider):
    provider.keys = [jwk(EC_KEY, "ec")]
    server = Server(tmp_path / "root", env=settings(provider.url, jwt_refetch_min_ms=100, jwt_refresh_ms=3600000))
    wait_for(lambda: ask(server, token()) == 200)
    asked = provider.asked
    provider.keys = [jwk(LATER_KEY, "later")]
    assert ask(server, token(aud="other")) == 401 and provider.asked == asked  # of a known key: no reason to fetch
    wait_for(lambda: ask(server, token(LATER_KEY, "later")) == 200)  # an unknown one is
    assert ask(server, token()) == 401  # and what the provider has withdrawn is gone
    provider.status = 500
    wait_for(lambda: ask(server, token(kid="nobody's")) == 401 and "the keys of auth.jwt_jwks cannot be fetched" in server.log_text())
    assert ask(server, token(LATER_KEY, "later")) == 200  # a provider that is down takes no keys away
    server.stop()


def test_unknown_keys_do_not_make_the_server_ask_again_and_again(tmp_path, provider):
    provider.keys = [jwk(EC_KEY, "ec")]
    server = Server(tmp_path / "root", env=settings(provider.url, jwt_refetch_min_ms=3600000))
    wait_for(lambda: ask(server, token()) == 200)
    for n in range(50):
        assert ask(server, token(kid=f"k{n}")) == 401
    assert provider.asked == 1
    server.stop()


def test_a_set_that_cannot_be_had_lets_nobody_in(tmp_path):
    server = Server(tmp_path / "root", env=settings(tmp_path / "missing.json"))
    assert ask(server, token()) == 401
    assert "missing.json" in server.log_text()
    server.stop()


@pytest.mark.parametrize("change, why", [({"jwt_jwks": "http://idp.example.test/keys"}, "https"), ({"jwt_jwks": "http://127.0.0.1@idp.example.test/keys"}, "https"),
                                         ({"jwt_jwks": "ftp://127.0.0.1/keys"}, "https"), ({"jwt_issuer": ""}, "auth.jwt_issuer"), ({"jwt_audience": ""}, "auth.jwt_audience"),
                                         ({"mode": "off"}, "auth.mode")])
def test_settings_that_would_be_unsafe_are_refused(tmp_path, change, why):
    with pytest.raises(ServerFailed, match=why):
        Server(tmp_path / "root", env={**settings("https://idp.example.test/keys"), **settings("https://idp.example.test/keys", **change)})

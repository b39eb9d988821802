"""Clients that log in: API keys as tokens and as OAuth client credentials, in DuckDB and PyIceberg, when auth.mode = keys."""
import base64

import duckdb
import pyarrow as pa
import pytest

from harness import EXTENSIONS

ADMIN = "an-administrators-key-of-the-tests"
FORM = {"grant_type": "client_credentials", "scope": "PRINCIPAL_ROLE:ALL"}
TOKENS = "/iceberg/v1/oauth/tokens"


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """A server with keys: (server, a key that may write)."""
    from harness import Server

    running = Server(tmp_path_factory.mktemp("login") / "root", env={"LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": ADMIN})
    running.headers = {"X-API-Key": ADMIN}
    running.sql("CREATE TABLE t AS SELECT 42 AS a")
    key = running.request("POST", "/access/keys", json={"name": "w", "permission": "write"}).json()["key"]
    running.headers = {}
    yield running, key
    running.stop()


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_a_token_for_client_credentials(lake):
    server, key = lake
    for data, headers in (({**FORM, "client_id": "x", "client_secret": key}, {}), (FORM, basic("x", key)), (FORM, basic("", key)), (FORM, basic("a%3Ab", key))):
        answer = server.request("POST", TOKENS, data=data, headers=headers)
        assert answer.status_code == 200, answer.text
        token = answer.json()
        assert token["access_token"] == key and token["token_type"] == "bearer" and token["expires_in"] > 0
        assert server.request("GET", "/iceberg/v1/namespaces", headers={"Authorization": "Bearer " + token["access_token"]}).status_code == 200


def test_a_wrong_secret_gets_no_token(lake):
    server, key = lake
    bad = [({**FORM, "client_secret": "nope"}, {}), (FORM, {}), (FORM, basic("x", key + "0")), (FORM, basic(key, "")), (FORM, {"Authorization": "Basic %%%"}),
           (FORM, {"Authorization": "Basic"}), (FORM, {"Authorization": "Basic " + base64.b64encode(key.encode()).decode()})]
    for data, headers in bad:
        answer = server.request("POST", TOKENS, data=data, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), (data, headers)
    assert server.request("POST", TOKENS, data={"grant_type": "password", "client_secret": key}).json()["error"] == "unsupported_grant_type"
    assert server.request("GET", "/iceberg/v1/namespaces", headers=basic("x", key)).status_code == 401  # only for a token


def duckdb_client(server, secret):
    connection = duckdb.connect()
    for name in ("avro", "httpfs", "iceberg"):
        connection.execute(f"LOAD '{EXTENSIONS / name}.duckdb_extension'")
    connection.execute(f"CREATE SECRET login (TYPE iceberg, {secret.format(url=server.url)})")
    connection.execute(f"ATTACH '' AS lake (TYPE iceberg, ENDPOINT '{server.url}/iceberg', SECRET login)")
    return connection


@pytest.mark.parametrize("secret", ["TOKEN '{key}'", "CLIENT_ID 'any', CLIENT_SECRET '{key}', OAUTH2_SERVER_URI '{{url}}/iceberg/v1/oauth/tokens'"])
def test_duckdb_logs_in(lake, secret):
    server, key = lake
    assert duckdb_client(server, secret.format(key=key)).execute("SELECT a FROM lake.data.t").fetchall() == [(42,)]
    with pytest.raises(duckdb.Error):
        duckdb_client(server, secret.format(key="lh_no_key")).execute("SELECT a FROM lake.data.t")


@pytest.mark.parametrize("properties", [{"token": "{key}"}, {"credential": "any:{key}"}, {"credential": "{key}"}])
def test_pyiceberg_logs_in(lake, properties):
    server, key = lake
    catalog = server.pyiceberg(**{name: value.format(key=key) for name, value in properties.items()})
    assert catalog.load_table("data.t").scan().to_arrow() == pa.table({"a": pa.array([42], pa.int32())})
    with pytest.raises(Exception, match="(?i)oauth|unauthori|token|API key"):
        server.pyiceberg(**{name: value.format(key="lh_no_key") for name, value in properties.items()}).load_table("data.t")

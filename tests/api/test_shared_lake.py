"""PyIceberg, DuckDB's client and the server's SQL in one lake, without Java (spark/test_spark.py has the round with Spark): each makes a table,
each appends, merges, deletes and evolves in everybody's table, and all read the same rows."""
import pytest
from clients import DuckDb, Lakehouse, PyIceberg, everybody_changes


@pytest.fixture(scope="module")
def clients(server):
    server.pyiceberg().create_namespace("shared")
    return {"pyiceberg": PyIceberg(server), "duckdb": DuckDb(server), "lakehouse": Lakehouse(server)}


@pytest.mark.parametrize("creator", ["pyiceberg", "duckdb", "lakehouse"])
def test_everybody_changes_everybodys_table(clients, creator):
    everybody_changes(clients, creator, "shared")


def test_they_agree_after_the_server_was_killed_and_the_table_compacted(clients, server):
    everybody_changes({"lakehouse": clients["lakehouse"], "pyiceberg": clients["pyiceberg"]}, "lakehouse", "data")
    want = clients["pyiceberg"].read("data.of_lakehouse")
    server.kill()
    server.start()
    again = {"pyiceberg": PyIceberg(server), "duckdb": DuckDb(server), "lakehouse": Lakehouse(server)}
    for step in ("the restart", "compaction"):
        for name, client in again.items():
            assert client.read("data.of_lakehouse") == want, f"{name} reads other rows after {step}"
        answer = server.request("POST", "/query/compact", json={"dataset": "data.of_lakehouse", "all": True})
        assert answer.status_code == 200, answer.text

"""DuckDB's own client on our catalog: TPC-H through the lake equals TPC-H in plain DuckDB, 22 of 22."""
import duckdb
import pytest

from harness import EXTENSIONS, SANITIZED

TABLES = ["customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier"]
SCALE = 0.01 if SANITIZED else 0.1


@pytest.fixture(scope="module")
def plain():
    connection = duckdb.connect()
    connection.execute(f"LOAD '{EXTENSIONS}/tpch.duckdb_extension'")
    connection.execute(f"CALL dbgen(sf={SCALE})")
    return connection


@pytest.fixture(scope="module")
def queries(plain):
    return dict(plain.execute("SELECT query_nr, query FROM tpch_queries()").fetchall())


@pytest.fixture(scope="module")
def loaded(server, plain, tmp_path_factory):
    """The eight tables, written into the lake by DuckDB's client."""
    folder = tmp_path_factory.mktemp("tpch")
    client = server.duckdb("tpch")
    client.execute("CREATE SCHEMA lake.tpch")
    for table in TABLES:
        plain.execute(f"COPY {table} TO '{folder}/{table}.parquet'")
        client.execute(f"CREATE TABLE lake.tpch.{table} AS SELECT * FROM '{folder}/{table}.parquet'")
    return client


@pytest.mark.parametrize("number", range(1, 23))
def test_tpch_through_the_client(loaded, plain, queries, number):
    loaded.execute("USE lake.tpch")
    assert loaded.execute(queries[number]).fetchall() == plain.execute(queries[number]).fetchall()


def test_tpch_through_the_server_sees_the_same_rows(server, loaded, plain):
    for table in TABLES:
        want = plain.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        assert server.sql(f"SELECT count(*) FROM tpch.{table}") == [[want]]


def test_changes_and_time_travel(server):
    client = server.duckdb()
    client.execute("CREATE SCHEMA lake.changes")
    client.execute("CREATE TABLE lake.changes.t (id INTEGER, v VARCHAR)")
    client.execute("INSERT INTO lake.changes.t SELECT i, 'a' FROM range(100) r(i)")
    before = server.query("SELECT count(*) FROM changes.t").json()["snapshots"][0]["snapshot_id"]
    client.execute("UPDATE lake.changes.t SET v = 'b' WHERE id < 10")
    client.execute("DELETE FROM lake.changes.t WHERE id >= 90")
    client.execute("MERGE INTO lake.changes.t USING (SELECT 5 AS id UNION ALL SELECT 500) s ON t.id = s.id "
                   "WHEN MATCHED THEN UPDATE SET v = 'm' WHEN NOT MATCHED THEN INSERT VALUES (s.id, 'n')")
    assert server.sql("SELECT v, count(*) FROM changes.t GROUP BY v ORDER BY v") == [["a", 80], ["b", 9], ["m", 1], ["n", 1]]
    assert server.sql(f"SELECT count(*) FROM changes.t AT (VERSION => {before}) WHERE v = 'a'") == [[100]]
    client.execute("DROP TABLE lake.changes.t")
    assert server.query("SELECT * FROM changes.t").status_code == 400

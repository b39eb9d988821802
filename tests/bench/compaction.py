"""A table of many small appends, before and after its compaction: the time of a query over all rows, of one for a key, and the files.

    tools/bench compaction        APPENDS=1000 ROWS_EACH=100 RUNS=9 by default
"""
import os
import pathlib
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "api"))
os.environ.setdefault("LAKEHOUSE_BUILD", str(ROOT / "build"))
from harness import Server  # noqa: E402

APPENDS, EACH, RUNS = (int(os.environ.get(name, value)) for name, value in (("APPENDS", 1000), ("ROWS_EACH", 100), ("RUNS", 9)))
QUERIES = {"sum over all rows": "SELECT count(*), sum(hash(e)) FROM events e", "one key": f"SELECT payload FROM events WHERE id = {APPENDS * EACH // 2}"}


def measured(server):
    times = {}
    for name, sql in QUERIES.items():
        rows, runs = server.sql(sql), []
        for _ in range(RUNS):
            started = time.perf_counter()
            assert server.sql(sql) == rows
            runs.append((time.perf_counter() - started) * 1000)
        times[name] = (statistics.median(runs), rows)
    return times


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lakehouse-bench-"))
    server = Server(folder / "root")
    server.sql("CREATE TABLE events (id BIGINT, seen TIMESTAMP, payload VARCHAR)")
    started = time.perf_counter()
    for i in range(APPENDS):
        server.sql(f"INSERT INTO events SELECT i, TIMESTAMP '2026-01-01' + INTERVAL (i) SECOND, md5(i::VARCHAR) FROM range({i * EACH}, {(i + 1) * EACH}) r(i)")
    print(f"{APPENDS:,} appends of {EACH} rows: {time.perf_counter() - started:.1f} s")
    before = measured(server)
    answer = server.request("POST", "/query/compact", json={"dataset": "events"}).json()
    after = measured(server)
    print(f"compaction: {answer['files_before']:,} files, {answer['bytes_before']:,} bytes became {answer['files_after']}, {answer['bytes_after']:,} in {answer['elapsed_ms']} ms")
    for name in QUERIES:
        (a, rows), (b, same) = before[name], after[name]
        assert rows == same, name
        print(f"{name:20} {a:10.1f} ms before {b:10.1f} ms after {a / b:8.1f}x")
    server.stop()


main()

"""Figures against DuckDB in the same run on the same files. Absolute times mean little on a shared machine: the ratios
count. Each pair is measured in turn (ours, theirs, ours, …) after a warm-up; medians are printed. Writes
nothing into the repo but bench.json in the build folder.

    make bench            all of it        ROWS=1000000 RUNS=9 by default; ONLY=cache just the hot cache, ONLY=journal the journal
"""
import http.client
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import duckdb

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "api"))
os.environ.setdefault("LAKEHOUSE_BUILD", str(ROOT / "build"))
from harness import BUILD, Server  # noqa: E402

import goals  # noqa: E402
import journal  # noqa: E402

RUNS = int(os.environ.get("RUNS", "9"))
ROWS = int(os.environ.get("ROWS", "1000000"))
results = []  # (name, ours, theirs, goal, met, unit, cold)
NAMES = ("name", "ours", "theirs", "goal", "met", "unit", "cold")


def timed(call):
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def pair(ours, theirs, runs=RUNS):
    ours(), theirs()
    a, b = [], []
    for _ in range(runs):
        a.append(timed(ours))
        b.append(timed(theirs))
    return statistics.median(a), statistics.median(b)


def report(name, ours, theirs, goal, met, unit="ms"):
    results.append((name, ours, theirs, goal, met, unit, None))
    goals.row(name, ours, theirs, goal, "met" if met else "MISSED", unit)


def pii():
    """The detector's row, which its own program measures and prints."""
    text = subprocess.run([str(BUILD / "pii_bench")], check=True, capture_output=True, text=True).stdout
    name, rate, goal, met = re.match(r"(.*\S) +([\d.]+) +M/s +(>= \S+ \S+) +(met|MISSED)\n", text).groups()
    print(text, end="", flush=True)
    results.append((name, float(rate), None, goal, met == "met", "M/s", None))


def first_after_start(server, ask, sql):
    """The first statement that reads the lake after a start: the engine holds no file and no metadata, the kernel's page cache may."""
    server.restart()
    server.sql("SELECT 1")
    return timed(lambda: ask(sql))


def cache_of(server, folder, ours):
    """Cold from the lake, the hot cache and DuckDB in its own memory, on the same rows: small candidates, and ROWS timesheets."""
    memory = duckdb.connect()
    for name in ("candidates", "placements", "timesheets"):
        assert server.ingest(folder / "files" / f"{name}.csv", name).status_code == 201
        memory.execute(f"CREATE TABLE {name} AS FROM read_csv('{folder}/files/{name}.csv')")
    questions = [("candidates, count(*)", "SELECT count(*) FROM candidates"),
                 ("candidates, one row", "SELECT * FROM candidates WHERE candidate_id = 'CAN000777'"),
                 ("candidates, group by", "SELECT status, count(*) FROM candidates GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10"),
                 ("timesheets, one row", "SELECT * FROM timesheets WHERE timesheet_id = 777"),
                 ("timesheets, aggregate", "SELECT placement_id, count(*), sum(amount), avg(regular_hours) FROM timesheets GROUP BY placement_id ORDER BY 3 DESC LIMIT 10"),
                 ("join of three", "SELECT c.candidate_id, sum(t.amount) FROM candidates c JOIN placements p USING (candidate_id) JOIN timesheets t USING (placement_id) GROUP BY 1 ORDER BY 2 DESC LIMIT 5")]
    cold = [statistics.median(first_after_start(server, ours, sql) for _ in range(max(3, RUNS // 3))) for _, sql in questions]
    loaded = []
    for name in ("candidates", "placements", "timesheets"):
        loaded.append(timed(lambda: server.request("POST", "/query/cache/pin", json={"dataset": name}).raise_for_status()))
    before = server.request("GET", "/query/cache/stats").json()
    print(f"\n{'hot cache, ms':44} {'cold':>10} {'cached':>10} {'DuckDB in memory':>17}")
    for (name, sql), first in zip(questions, cold):
        a, b = pair(lambda: ours(sql), lambda: memory.execute(sql).fetchall())
        results.append((f"hot: {name}", a, b, "faster than cold", a < first, "ms", first))
        print(f"{name:44} {first:10.2f} {a:10.2f} {b:17.2f}   {'faster than cold':28} {'met' if a < first else 'MISSED'}", flush=True)
    print()
    after = server.request("GET", "/query/cache/stats").json()
    assert after["misses"] == before["misses"] and after["hits"] > before["hits"]
    report(f"hot: load of {ROWS:,} timesheets", loaded[2], None, "-", True)
    report("hot: memory of the three", after["bytes"] / 2**20, None, "-", True, "MB")
    server.sql("INSERT INTO timesheets SELECT * FROM timesheets LIMIT 1000")
    started = time.perf_counter()
    while [i["state"] for i in server.request("GET", "/query/cache/stats").json()["items"] if i["dataset"] == "data.timesheets"] != ["ready"]:
        time.sleep(0.002)
    report("hot: 1000 rows appended, until read there", (time.perf_counter() - started) * 1000, None, "-", True)
    server.request("POST", "/query/cache/evict", json={"all": True}).raise_for_status()


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lakehouse-bench-"))
    started = time.perf_counter()
    server = Server(folder / "root")
    server.sql("SELECT 1")
    first = (time.perf_counter() - started) * 1000
    time.sleep(1)
    idle = server.rss_bytes() / 2**20
    plain = duckdb.connect()
    cores = os.cpu_count()
    print(f"DuckDB {duckdb.__version__}, {cores} cores, {ROWS:,} rows, medians of {RUNS} runs\n")
    print(f"{'':44} {'lakehouse':>10} {'DuckDB':>10}      ratio   goal")

    subprocess.run([str(BUILD / "staffing_gen"), "--scale", str(ROWS / 1_000_000), "--out", str(folder / "files"), "--format", "csv"], check=True)
    csv = folder / "files" / "timesheets.csv"
    plain.execute(f"COPY (FROM read_csv('{csv}')) TO '{folder}/t.parquet'")
    connections = {}

    def connect():
        """One connection for all statements; the server has another address after each start."""
        if server.url not in connections:
            connection = connections[server.url] = http.client.HTTPConnection(server.url.split("//")[1])
            connection.connect()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connections[server.url]

    def ours(sql, format="json"):
        connection = connect()
        connection.request("POST", "/query/sql", json.dumps({"sql": sql.replace("{t}", "t0"), "format": format}))
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        return body

    if os.environ.get("ONLY") == "journal":
        journal.measure(report, folder)
        server.stop()
        return
    if os.environ.get("ONLY") == "cache":
        cache_of(server, folder, ours)
        server.stop()
        return
    counter = iter(range(10**6))

    def ingest():
        done = subprocess.run([str(BUILD / "lakehouse"), "ingest", str(csv), "--url", server.url, "--quiet", "--dataset", f"t{next(counter)}"], capture_output=True)
        assert done.returncode == 0, done.stderr

    def copy():
        plain.execute(f"COPY (FROM read_csv('{csv}')) TO '{folder}/copy.parquet'")

    a, b = pair(ingest, copy, max(5, RUNS // 2))
    report("lakehouse ingest CSV / COPY to Parquet", a, b, "<= 1.25x", a <= 1.25 * b)

    def theirs(sql):
        return plain.execute(sql.replace("{t}", f"read_parquet('{folder}/t.parquet')")).fetchall()

    cache_of(server, folder, ours)
    aggregate = "SELECT placement_id, count(*), sum(amount), avg(regular_hours) FROM {t} GROUP BY placement_id ORDER BY 3 DESC LIMIT 10"
    a, b = pair(lambda: ours(aggregate), lambda: theirs(aggregate))
    report("aggregate, HTTP / in process", a, b, "<= 1.3x", a <= 1.3 * b)
    point = "SELECT * FROM {t} WHERE timesheet_id = 777"
    a, b = pair(lambda: ours(point), lambda: theirs(point), 5 * RUNS)
    report("point lookup, HTTP / in process", a, b, "<= 2 ms above", a <= b + 2)
    a, b = pair(lambda: ours("SELECT 1"), lambda: theirs("SELECT 1"), 10 * RUNS)
    report("SELECT 1, HTTP / in process", a, b, "-", True)
    big = "SELECT * FROM {t} LIMIT 100000"
    a, b = pair(lambda: ours(big), lambda: theirs(big))
    report("100 k rows as JSON / fetchall()", a, b, "-", True)
    arrow = lambda: plain.execute(big.replace("{t}", f"read_parquet('{folder}/t.parquet')")).to_arrow_table()  # noqa: E731
    a, b = pair(lambda: ours(big, "arrow"), arrow)
    report("100 k rows as Arrow / to_arrow_table()", a, b, "-", True)

    pii()
    journal.measure(report, folder)
    server.sql("CREATE TABLE c (i INTEGER)")
    commits = [timed(lambda: server.sql("INSERT INTO c VALUES (1)")) for _ in range(5 * RUNS)]
    report("commit (INSERT of one row)", statistics.median(commits), None, "-", True)
    def start():
        server.start()
        server.sql("SELECT count(*) FROM c")

    restarts = []
    for _ in range(5):
        server.stop()
        restarts.append(timed(start))
    report("start to first answer", statistics.median(restarts), None, "<= 1000 ms", statistics.median(restarts) <= 1000)
    killed = []
    for _ in range(3):
        server.kill()
        killed.append(timed(start))
    report("start to first answer after SIGKILL", max(killed), None, "<= 2000 ms each", max(killed) <= 2000)
    report("start to first answer, empty lake", first, None, "<= 1000 ms", first <= 1000)
    report("idle RSS, empty lake", idle, None, "<= 70 MB", idle <= 70, "MB")
    server.stop()
    written = BUILD / "bench.json"  # only of a run that came to its end
    written.write_text(json.dumps([dict(zip(NAMES, r)) for r in results]) + "\n")
    print(f"\nThe same as JSON: {written}")


main()

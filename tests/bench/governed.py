"""What governing costs: TPC-H and the staffing lake's candidates, asked by a principal of column rules, by one of row filters too, and by the
administrator, in turn; and how long the server says that it bound a statement.

    tools/bench governed        SCALE_FACTOR=1 RUNS=5 by default; QUERIES=1,6,9 only these
"""
import http.client
import json
import math
import os
import pathlib
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
from governed import ADMIN, Lake, allow  # noqa: E402
from harness import BUILD, EXTENSIONS  # noqa: E402

SCALE, RUNS = float(os.environ.get("SCALE_FACTOR", 1)), int(os.environ.get("RUNS", 5))
QUERIES = [int(number) for number in os.environ.get("QUERIES", ",".join(map(str, range(1, 23)))).split(",")]
# Hidden are columns that no query reads; of the rows a twentieth, so that both sides do about the same work.
MASKS = {"lineitem": {"l_comment": {"kind": "null"}}, "orders": {"o_clerk": {"kind": "hash"}}, "customer": {"c_address": {"kind": "mask", "keep_prefix": 2, "keep_suffix": 2}}, "part": {"p_comment": {"kind": "null"}},
         "supplier": {"s_address": {"kind": "token"}}, "partsupp": {"ps_comment": {"kind": "null"}}, "nation": {}, "region": {}}
FILTERS = {"lineitem": "l_linenumber <> 7", "orders": "o_clerk <> 'Clerk#000000001'", "customer": "c_acctbal > -900"}
CANDIDATES = [("count(*)", "SELECT count(*) FROM candidates"), ("one row", "SELECT * FROM candidates WHERE candidate_id = 'CAN000777'"), ("group by", "SELECT status, count(*) FROM candidates GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10"),
              ("join of three", "SELECT c.candidate_id, sum(t.amount) FROM candidates c JOIN placements p USING (candidate_id) JOIN timesheets t USING (placement_id) GROUP BY 1 ORDER BY 2 DESC LIMIT 5")]

ONE, FIVE = "SELECT 1 AS one FROM nation LIMIT 0", "SELECT 1 AS one FROM nation, region, supplier, orders, customer LIMIT 0"


def processor_ms(process):
    """What a process has run for: unlike the clock it does not count the machine's other work. Linux's clock of a process by its id."""
    return time.clock_gettime((~process.pid << 3) | 2) * 1000


class Client:
    def __init__(self, lake):
        self.process = lake.server.process
        self.connection = http.client.HTTPConnection(lake.server.url.split("//")[1], timeout=600)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def timed(self, sql, key):
        """By the clock, and by the processor."""
        before, started = processor_ms(self.process), time.perf_counter()
        self.connection.request("POST", "/query/sql", json.dumps({"sql": sql}), {"X-API-Key": key, "Content-Type": "application/json"})
        answer = self.connection.getresponse()
        body = answer.read()
        assert answer.status == 200, (sql, body)
        return (time.perf_counter() - started) * 1000, processor_ms(self.process) - before


def medians(times):
    return [statistics.median(of) for of in zip(*times)]


def measured(client, sql, keys, runs):
    """Medians [by the clock, by the processor], one a key, of runs in turn."""
    times = {key: [] for key in keys}
    for key in keys:
        client.timed(sql, key)
    for _ in range(runs):
        for key in keys:
            times[key].append(client.timed(sql, key))
    return [medians(times[key]) for key in keys]


def report(name, *sides):
    for kind, (raw, columns, filtered) in zip(("clock", "processor"), zip(*sides)):
        print(f"{name if kind == 'clock' else '':28} {raw:10.2f} {columns:10.2f} {filtered:10.2f} ms {columns / raw:8.3f}x {filtered / raw:8.3f}x  {kind}", flush=True)


def goals(name, rows):
    """Ratios of the sums, and the geometric means of the ratios."""
    for what, at, most in (("column rules", 1, 1.05), ("row filters", 2, 1.15)):
        for kind in range(2):
            total = sum(row[at][kind] for row in rows) / sum(row[0][kind] for row in rows)
            mean = math.exp(statistics.fmean(math.log(row[at][kind] / row[0][kind]) for row in rows))
            label = f"{name}, {what} ÷ raw, {('clock', 'processor')[kind]}"
            print(f"{label:44} {total:6.3f}x  mean {mean:6.3f}x   {'<= ' + str(most) + 'x':12} {'met' if total <= most else 'MISSED'}")


def bind_us(server, ask):
    """What the server itself says that binding took: the mean of the statements that ask() sends."""
    names = ("lakehouse_queries_bind_nanoseconds_total", "lakehouse_queries_bound_total")
    before = [server.metric(name) for name in names]
    ask()
    ns, statements = (server.metric(name) - was for name, was in zip(names, before))
    return ns / statements / 1000


def binds(lake, client, key):
    """Cold: each change of the policy makes all that is kept of it worthless."""
    for name, sql in (("one table", ONE), ("five tables", FIVE)):
        cold = []
        for number in range(20):
            lake.call("POST", "/access/roles", 201, {"name": f"other{number}-{len(sql)}", "grants": [allow("dataset", "region")]})
            cold.append(bind_us(lake.server, lambda: client.timed(sql, key)))
        for what, us, most in (("cold", statistics.median(cold), 1000), ("cached", bind_us(lake.server, lambda: [client.timed(sql, key) for _ in range(200)]), 50)):
            print(f"bind, {name + ', ' + what:36} {us:8.1f} us   {'<= ' + str(most) + ' us':12} {'met' if us <= most else 'MISSED'}")


def tpch(lake, folder):
    maker = duckdb.connect()
    maker.execute(f"LOAD '{EXTENSIONS}/tpch.duckdb_extension'")
    maker.execute(f"CALL dbgen(sf = {SCALE})")
    for table in MASKS:
        maker.execute(f"COPY {table} TO '{folder}/{table}.parquet' (FORMAT parquet)")
        lake.server.ingest(folder / f"{table}.parquet", table).raise_for_status()
    return dict(maker.execute("SELECT query_nr, query FROM tpch_queries()").fetchall())


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lakehouse-bench-"))
    lake = Lake(folder / "root")
    queries = tpch(lake, folder)
    subprocess.run([str(BUILD / "staffing_gen"), "--scale", f"{SCALE:g}", "--out", str(folder / "files"), "--format", "csv"], check=True)
    for name in ("candidates", "placements", "timesheets"):
        lake.server.ingest(folder / "files" / f"{name}.csv", name).raise_for_status()
    people = {"redactions": {"email": {"kind": "hash"}, "phone": {"kind": "null"}}}
    others = [allow("dataset", name) for name in ("placements", "timesheets")]
    columns = lake.key("columns", *(allow("dataset", table, redactions=masks) for table, masks in MASKS.items()), allow("dataset", "candidates", **people), *others)
    filtered = lake.key("filtered", *(allow("dataset", table, redactions=masks, **({"row_filter": FILTERS[table]} if table in FILTERS else {})) for table, masks in MASKS.items()),
                        allow("dataset", "candidates", row_filter="status != 'blocked'", **people), *others)
    client, keys = Client(lake), (ADMIN, columns, filtered)
    print(f"TPC-H SF {SCALE:g}, {os.cpu_count()} cores, medians of {RUNS} runs in turn\n\n{'':28} {'raw':>10} {'columns':>10} {'filters':>10}")
    rows = []
    for number in QUERIES:
        rows.append(measured(client, queries[number], keys, RUNS))
        report(f"TPC-H {number}", *rows[-1])
    more = []
    for name, sql in CANDIDATES:
        more.append(measured(client, sql, keys, 5 * RUNS))
        report(f"candidates, {name}", *more[-1])
    print()
    goals("TPC-H", rows)
    goals("candidates", more)
    report("one table, no row", *measured(client, ONE, keys, 40 * RUNS))
    report("five tables, no row", *measured(client, FIVE, keys, 20 * RUNS))
    binds(lake, client, columns)
    lake.server.stop()


main()

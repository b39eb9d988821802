"""The two backends of an index of vectors, on the same table: the graph of src/ann ("hnsw") and a Lance dataset ("lance"), by POST
/vectors/search; then, in process, what Parquet and Lance do alone: rows by their id, and rows that come.

    tools/bench lance        VECTORS=100000 DIMENSIONS=384 SEARCHES=100 by default

The vectors are made (made_vectors.py) and put straight into the table vectors.<index>, so that no model's time is in it: the first search after
that makes the index ready from the table. Each backend has a server of its own; the machine's other work is in all times.
"""
import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

import duckdb
import numpy as np
import pyarrow as pa

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "api"))
os.environ.setdefault("LAKEHOUSE_BUILD", str(ROOT / "build"))
from harness import BUILD, Server, wait_for  # noqa: E402

from made_vectors import vectors  # noqa: E402

ROWS, DIMENSIONS, QUERIES = (int(os.environ.get(name, value)) for name, value in (("VECTORS", 100000), ("DIMENSIONS", 384), ("SEARCHES", 100)))
K, MORE = 10, 1000
WORDS = "nurse forklift payroll python welding triage audit invoice warehouse Kubernetes ledger drafting phlebotomy scheduling".split()


def texts(numbers):
    return [f"{WORDS[n % 14]} {WORDS[n // 14 % 14]} and {WORDS[n // 196 % 14]}, item {n}, with a sentence that all of them have in common." for n in numbers]


def arrow(first, matrix):
    numbers = range(first, first + len(matrix))
    return pa.table({"id": [f"R{n:07d}" for n in numbers], "chunk": pa.array([0] * len(matrix), pa.int32()), "text": texts(numbers), "text_start": pa.array([0] * len(matrix), pa.int32()),
                     "text_end": pa.array([60] * len(matrix), pa.int32()), "row_hash": [f"{n:064x}" for n in numbers],
                     "embedding": pa.ListArray.from_arrays(pa.array(np.arange(len(matrix) + 1, dtype=np.int32) * DIMENSIONS), pa.array(matrix.ravel())),
                     "model": ["hash"] * len(matrix), "model_version": ["1"] * len(matrix)})


def timed(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def median_ms(call, count):
    return statistics.median(timed(lambda: call(i)) for i in range(count)) * 1000


class Backend:
    def __init__(self, name, folder):
        self.server = Server(folder / name, env={"LAKEHOUSE__AI__EMBED_PROVIDER": "hash"})
        self.name, self.files = name, folder / name / ".scratch/vectors"
        self.server.ingest(b"id,text\nR-1,none\n", "items", name="f.csv")
        job = self.server.request("POST", "/vectors/index", json={"dataset": "items", "id_column": "id", "text_columns": ["text"], "backend": name}).json()
        wait_for(lambda: self.server.request("GET", f"/jobs/{job['id']}").json()["state"] == "succeeded")

    def table(self):
        return self.server.pyiceberg().load_table("vectors.items")  # each time: a server started anew has another port

    def append(self, first, matrix):
        table = self.table()
        table.append(arrow(first, matrix).cast(table.schema().as_arrow()))

    def search(self, vector=None, **body):
        answer = self.server.request("POST", "/vectors/search", json={"index": "items", "k": K, "columns": [], **({"vector": vector.tolist()} if vector is not None else {}), **body})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def megabytes(self):
        return sum(f.stat().st_size for f in self.files.rglob("*") if f.is_file()) / 1e6


def measure(backend, rows, queries, more, truth):
    found = {}
    backend.append(0, rows)
    backend.server.forget_peak()
    found["first search, from the table, s"] = timed(lambda: backend.search(queries[0]))
    found["peak memory meanwhile, MB"] = backend.server.peak_bytes() / 1e6
    answers = [backend.search(q) for q in queries]
    found["recall@10"] = float(np.mean([len({int(i["id"][1:]) for i in a["items"]} & set(map(int, t))) / K for a, t in zip(answers, truth)]))
    found["search p50, ms"] = median_ms(lambda i: backend.search(queries[i]), len(queries))
    found["search by words p50, ms"] = median_ms(lambda i: backend.search(query=f"{WORDS[i % 14]} {WORDS[i * 3 % 14]} {i * 97}", mode="text"), len(queries))
    backend.search(query="nurse", vector=queries[0], mode="hybrid")
    found["hybrid p50, ms"] = median_ms(lambda i: backend.search(query=f"{WORDS[i % 14]} {i * 97}", vector=queries[i], mode="hybrid"), len(queries))
    found["memory, MB"], found["files, MB"] = backend.server.rss_bytes() / 1e6, backend.megabytes()
    backend.server.restart()
    found["first search after a restart, s"] = timed(lambda: backend.search(queries[0]))
    found["memory then, MB"] = backend.server.rss_bytes() / 1e6
    backend.append(ROWS, more)
    found[f"first search after {MORE} rows came, s"] = timed(lambda: backend.search(queries[0]))
    return found


def alone(backend, more):
    """Parquet as the table has it, and the dataset, by DuckDB in this process."""
    folder = next(backend.files.glob("*.lance-*"))
    copy = shutil.copytree(folder / "rows.lance", folder.parent / "copy.lance")
    parquet = [task.file.file_path.removeprefix("file://") for task in backend.table().scan().plan_files()]
    connection = duckdb.connect(config={"threads": 2})
    connection.execute(f"LOAD '{BUILD / 'extensions/lance.duckdb_extension'}'")
    run = lambda sql: connection.execute(sql).fetchall()  # noqa: E731
    some = [", ".join(str(n * 7919 % ROWS) for n in range(i * 10, i * 10 + 10)) for i in range(30)]
    found = {"ten rows by id, Parquet, ms": median_ms(lambda i: run(f"SELECT text, embedding FROM read_parquet({parquet}) WHERE id IN ({', '.join(f'{chr(39)}R{int(n):07d}{chr(39)}' for n in some[i].split(', '))})"), 30),
             "ten rows by number, Lance, ms": median_ms(lambda i: run(f"SELECT text, embedding FROM '{copy}' WHERE n IN ({some[i]})"), 30)}
    run(f"CREATE INDEX numbers ON '{copy}' (n) USING BTREE")
    found["ten rows by number, Lance with an index of it, ms"] = median_ms(lambda i: run(f"SELECT text, embedding FROM '{copy}' WHERE n IN ({some[i]})"), 30)
    connection.register("more", pa.table({"n": pa.array(np.arange(ROWS, ROWS + MORE)), "text": texts(range(MORE)), "embedding": pa.FixedSizeListArray.from_arrays(pa.array(more.ravel()), DIMENSIONS)}))
    found[f"{MORE} rows appended to Lance, s"] = timed(lambda: run(f"COPY (SELECT n, text, CAST(embedding AS FLOAT[{DIMENSIONS}]) AS embedding FROM more) TO '{copy}' (FORMAT lance, MODE 'append')"))
    found["and into its two indexes, s"] = timed(lambda: [run(f"ALTER INDEX {name} ON '{copy}' OPTIMIZE WITH (mode = 'append')") for name in ("lakehouse_vectors", "lakehouse_words")])
    found[f"{MORE} rows appended to the Iceberg table, s"] = timed(lambda: backend.append(ROWS + MORE, more))
    return found


def main():
    rows, queries = vectors(ROWS + MORE, DIMENSIONS, QUERIES)
    rows, more = rows[:ROWS], rows[ROWS:]
    truth = np.argsort(-(queries @ rows.T), axis=1)[:, :K]
    with tempfile.TemporaryDirectory() as scratch:
        results = {}
        for name in ("hnsw", "lance"):
            backend = Backend(name, pathlib.Path(scratch))
            try:
                results[name] = measure(backend, rows, queries, more, truth)
                if name == "lance":
                    results["alone"] = alone(backend, more)
            finally:
                backend.server.stop(check=False)
    (BUILD / "bench_lance.json").write_text(json.dumps(results, indent=1))
    print(f"{ROWS} x {DIMENSIONS}{'hnsw':>37}{'lance':>12}")
    for key in results["hnsw"]:
        print(f"{key:42}{results['hnsw'][key]:10.3f}{results['lance'][key]:12.3f}")
    for key, value in results["alone"].items():
        print(f"{key:54}{value:10.3f}")


if __name__ == "__main__":
    main()

"""Rows into vectors, end to end: the staffing firm's candidates (100,000 résumés at SCALE 1) cut into chunks, embedded by `hash`, which costs next to
nothing, and written into the table of an index, three chunks or so each; then a tenth of them changed and refreshed. Beside them the same work in one process of Python:
langchain's splitter, scikit-learn's hashing vectorizer, a LanceDB table and its index.

    tools/bench resumes     SCALE=1 by default

It fails when a résumé is missing, or a problem was told of one.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "api"))
os.environ.setdefault("LAKEHOUSE_BUILD", str(ROOT / "build"))
from harness import BUILD, Server  # noqa: E402

SCALE = os.environ.get("SCALE", "1")


def lengthen(file):
    """Five of the generator's résumés in each: one alone is a chunk. Who has which differs, so that no two chunks are alike."""
    rows = [json.loads(line) for line in open(file)]
    texts = [row["resume_text"] or "" for row in rows]
    for i, row in enumerate(rows):
        row["resume_text"] = "\n\n".join([texts[i]] + [texts[(i * (2 * k + 1) + 7919 * k) % len(texts)] for k in range(1, 5)])
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def finished(server, job):
    while (job := server.request("GET", f"/jobs/{job['id']}").json())["state"] in ("queued", "running"):
        time.sleep(0.1)
    assert job["state"] == "succeeded" and job["problem_count"] == 0, job
    return job


def seconds(work):
    start = time.monotonic()
    got = work()
    return time.monotonic() - start, got


def resident_mb(server):
    peak = next(line for line in open(f"/proc/{server.process.pid}/status") if line.startswith("VmHWM"))
    return int(peak.split()[1]) // 1024


def ours(folder, files):
    server = Server(folder / "lake", env={"LAKEHOUSE__AI__EMBED_PROVIDER": "hash"})
    try:
        with open(files / "candidates.ndjson", "rb") as file:
            took, answer = seconds(lambda: server.request("POST", "/ingest/file", data={"dataset": "candidates"}, files={"file": ("candidates.ndjson", file)}))
        assert answer.status_code == 201, answer.text
        print(f"  ingest of the file              {took:8.1f} s")
        before = resident_mb(server)
        body = {"dataset": "candidates", "id_column": "candidate_id", "text_columns": ["resume_text"], "chunk": {"size": 500, "overlap": 50}}
        index = lambda: finished(server, server.request("POST", "/vectors/index", json=body).json())["result"]  # noqa: E731
        took, result = seconds(index)
        [[rows]] = server.sql("SELECT count(*) FROM candidates WHERE length(trim(resume_text)) > 0")
        [[found, chunks]] = server.sql("SELECT count(DISTINCT id), count(*) FROM vectors.candidates")
        assert found == rows and result["chunks"] == chunks, (found, rows, result)
        assert chunks > 2 * rows, (rows, chunks)
        print(f"  index: {result['rows']:,} rows, {chunks:,} chunks {took:8.1f} s   {rows / took:9,.0f} rows/s   {chunks / took:9,.0f} chunks/s   peak memory {before} -> {resident_mb(server)} MB")
        server.sql("UPDATE candidates SET resume_text = resume_text || ' Updated.' WHERE candidate_id LIKE '%7'")
        again, result = seconds(index)
        assert result["embedded_rows"] == server.sql("SELECT count(*) FROM candidates WHERE candidate_id LIKE '%7' AND resume_text IS NOT NULL")[0][0]
        print(f"  refresh of the changed tenth    {again:8.1f} s   {result['embedded_rows']:,} rows embedded, {result['unchanged_rows']:,} as they were")
        return took
    finally:
        server.stop()


def python(folder, files):
    import lancedb
    from lancedb.index import HnswSq
    from langchain_text_splitters import RecursiveCharacterTextSplitter
    from sklearn.feature_extraction.text import HashingVectorizer

    rows = [json.loads(line) for line in open(files / "candidates.ndjson")]

    def work():
        splitter = RecursiveCharacterTextSplitter(chunk_size=500, chunk_overlap=50)
        vectorizer = HashingVectorizer(n_features=384, analyzer="char_wb", ngram_range=(3, 3))
        table, count = None, 0
        for first in range(0, len(rows), 5000):
            part = [(row["candidate_id"], n, text) for row in rows[first:first + 5000] for n, text in enumerate(splitter.split_text(row["resume_text"] or ""))]
            vectors = vectorizer.transform([text for _, _, text in part]).toarray().astype("float32")
            data = [{"id": id, "chunk": n, "text": text, "vector": vector} for (id, n, text), vector in zip(part, vectors)]
            count += len(data)
            if table is None:
                table = lancedb.connect(folder / "lance").create_table("candidates", data)
            else:
                table.add(data)
        return table, count

    took, (table, chunks) = seconds(work)
    indexed, _ = seconds(lambda: table.create_index("vector", config=HnswSq(distance_type="cosine")))  # ours has a graph at its end, too
    print(f"  langchain, scikit-learn, LanceDB: {chunks:,} chunks {took:8.1f} s   {chunks / took:9,.0f} chunks/s; its index {indexed:.1f} s")
    return took, took + indexed


with tempfile.TemporaryDirectory(dir=BUILD) as made:
    folder = pathlib.Path(made)
    subprocess.run([BUILD / "staffing_gen", "--out", folder / "files", "--scale", SCALE], check=True, stdout=subprocess.DEVNULL)
    lengthen(folder / "files" / "candidates.ndjson")
    print(f"résumés, scale {SCALE}")
    mine, theirs = ours(folder, folder / "files"), python(folder, folder / "files")
    print(f"  ours / theirs                   {mine / theirs[1]:8.2f}   ({mine / theirs[0]:.2f} of theirs without its index)")

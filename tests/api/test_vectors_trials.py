"""Trials of an index's graph: eval sets, what is measured, the journal, the best, tuning, the recall that is kept up, and who may. Vectors
are of the provider `hash`; what was found is checked by numpy."""
import collections
import json
import os
import random
import signal
import time

import numpy as np
import pytest

from governed import ADMIN, Lake, allow
from commands import lakehouse
from endpoints import Scripted, reply
from harness import SANITIZED, Server, wait_for

HASH = {"LAKEHOUSE__AI__EMBED_PROVIDER": "hash"}
BAD = {"ef_construction": 1, "ef_search": 1, "connectivity": 2}
ROWS = 3000


def words(seed, count, language=1):
    """Texts of made words, no two alike."""
    draw = random.Random(language)
    pool = ["".join(draw.choice("abcdefghijklmnop") for _ in range(6)) for _ in range(400)]
    draw = random.Random(seed)
    return [" ".join(draw.choice(pool) for _ in range(14)) + "." for _ in range(count)]


def lines(texts, first=0):
    return ("candidate_id,state,resume\n" + "".join(f'C{first + i:05d},{("TX", "CA")[i % 2]},"{text}"\n' for i, text in enumerate(texts))).encode()


def call(server, method, path, status, body=None, **options):
    answer = server.request(method, path, **({"json": body} if body is not None else {}), **options)
    assert answer.status_code == status, (method, path, answer.status_code, answer.text)
    return answer.json() if answer.content else None


def ended(server, job, state="succeeded"):
    wait_for(lambda: call(server, "GET", f"/jobs/{job['id']}", 200)["state"] not in ("queued", "running"))
    job = call(server, "GET", f"/jobs/{job['id']}", 200)
    assert job["state"] == state, job
    return job


def make(server, name, texts, **members):
    assert server.ingest(lines(texts), name).status_code == 201
    body = {"dataset": name, "id_column": "candidate_id", "text_columns": ["resume"], **members}
    return ended(server, call(server, "POST", "/vectors/index", 202, body))


def autogen(server, name, index, count=50, **members):
    return ended(server, call(server, "POST", f"/vectors/hnsw/evals/{name}/autogen", 202, {"index": index, "count": count, **members}))["result"]


def trial(server, index, eval, config=None, state="succeeded", **members):
    job = call(server, "POST", "/vectors/hnsw/trial", 202, {"index": index, "eval": eval, "config": config or {}, **members})
    job = ended(server, job, state)
    return job["result"]["trial"] if state == "succeeded" else job


def trials(server, index):
    return call(server, "GET", f"/vectors/hnsw/trials/{index}", 200)


def vectors_of(server, index):
    rows = server.sql(f"SELECT id, embedding FROM vectors.{index} ORDER BY id", limit=100000)
    matrix = np.array([row[1] for row in rows], dtype=np.float64)
    return [row[0] for row in rows], matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("trials") / "lake", env=HASH)
    make(server, "people", words(1, ROWS))
    yield server
    server.stop()


def test_an_eval_set_is_the_same_for_the_same_seed(server):
    first = autogen(server, "seeded", "people", seed=7)
    assert first == {"name": "seeded", "index": "people", "queries": 50, "paraphrased_queries": 0}
    told = call(server, "GET", "/vectors/hnsw/evals/seeded", 200)
    assert (told["count"], told["paraphrased"], told["seed"], told["k"], told["index"]) == (50, 0, 7, 10, "people")
    assert {query["source"] for query in told["queries"]} == {"window"}  # no generator is configured, and it says so
    autogen(server, "seeded_too", "people", seed=7)
    autogen(server, "seeded_other", "people", seed=8)
    texts = [[query["query"] for query in call(server, "GET", f"/vectors/hnsw/evals/{name}", 200)["queries"]] for name in ("seeded", "seeded_too", "seeded_other")]
    assert texts[0] == texts[1] != texts[2] and len(set(texts[0])) == 50
    all_texts = "\n".join(row[0] for row in server.sql("SELECT text FROM vectors.people", limit=100000))
    assert all(text in all_texts for text in texts[0])
    autogen(server, "seeded", "people", seed=8)  # anew
    assert [query["query"] for query in call(server, "GET", "/vectors/hnsw/evals/seeded", 200)["queries"]] == texts[2]
    listed = [item["name"] for item in call(server, "GET", "/vectors/hnsw/evals", 200, params={"index": "people", "limit": 2})["items"]]
    assert listed == ["seeded", "seeded_other"]
    call(server, "DELETE", "/vectors/hnsw/evals/seeded_too", 204)
    call(server, "GET", "/vectors/hnsw/evals/seeded_too", 404)


def test_the_truth_of_an_eval_set_is_that_of_brute_force(server):
    ids, matrix = vectors_of(server, "people")
    picked = [5, 77, 1234]
    body = {"name": "given", "index": "people", "k": 20,
            "queries": [{"vector": [float(x) for x in matrix[i]], "relevant": [ids[i]]} for i in picked] + [{"query": "abc def"}]}
    made = call(server, "POST", "/vectors/hnsw/evals", 201, body)
    assert (made["count"], made["k"], made["seed"]) == (4, 20, None) and "queries" not in made
    call(server, "POST", "/vectors/hnsw/evals", 409, body)
    queries = call(server, "GET", "/vectors/hnsw/evals/given", 200)["queries"]
    for i, query in zip(picked, queries):
        nearest = np.argsort(-(matrix @ matrix[i]), kind="stable")[:20]
        scores = (matrix @ matrix[i])[nearest]
        assert query["truth"][0]["id"] == ids[i] and query["source"] == "given" and query["query"] is None and query["relevant"] == [ids[i]]
        assert np.allclose([hit["score"] for hit in query["truth"]], scores, atol=1e-5)
        assert len({hit["id"] for hit in query["truth"]} & {ids[n] for n in nearest}) >= 19
    figures = trial(server, "people", "given", {"ef_search": 400}, k=5)
    assert figures["relevant_recall"] == 1.0 and figures["k"] == 5 and figures["queries"] == 4


def test_an_index_that_may_not_be_deleted_keeps_its_eval_sets(server):
    make(server, "viewed", [f"resume number {i}" for i in range(30)])
    call(server, "POST", "/vectors/hnsw/evals", 201, {"name": "stays", "index": "viewed", "queries": [{"query": "resume number 7"}]})
    call(server, "POST", "/catalog/views", 201, {"name": "reads_viewed", "base_dataset": "vectors.viewed", "columns": ["id"]})
    assert "reads_viewed" in call(server, "DELETE", "/vectors/indexes/viewed", 409)["error"]["message"]
    assert call(server, "GET", "/vectors/hnsw/evals/stays", 200)["queries"][0]["query"] == "resume number 7"
    call(server, "DELETE", "/catalog/views/reads_viewed", 204)
    call(server, "DELETE", "/vectors/indexes/viewed", 204)
    call(server, "GET", "/vectors/hnsw/evals/stays", 404)


def test_what_a_deletion_that_was_killed_left_of_trials_is_no_part_of_a_new_index(server):
    make(server, "left", [f"resume number {i}" for i in range(30)])
    call(server, "POST", "/vectors/hnsw/evals", 201, {"name": "of_left", "index": "left", "queries": [{"query": "resume number 7"}]})
    trial(server, "left", "of_left", {})
    journal = server.root / "_hnsw_trials" / "left.jsonl"
    [evals] = (server.root / "_hnsw_trials" / "evals" / "left").iterdir()
    kept = {file: file.read_bytes() for file in (journal, evals)}
    call(server, "DELETE", "/vectors/indexes/left", 204)
    assert not any(file.exists() for file in kept)
    for file, data in kept.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    ended(server, call(server, "POST", "/vectors/index", 202, {"dataset": "left", "id_column": "candidate_id", "text_columns": ["resume"]}))
    assert call(server, "GET", "/vectors/hnsw/trials/left", 200)["items"] == [] and not any(file.exists() for file in kept)
    call(server, "DELETE", "/vectors/indexes/left", 204)


def test_a_given_query_is_its_vector_or_its_text_and_nothing_else(server):
    _, matrix = vectors_of(server, "people")
    vector = [float(x) for x in matrix[5]]

    def ask(status, **query):
        return call(server, "POST", "/vectors/hnsw/evals", status, {"name": "odd", "index": "people", "queries": [query]})
    ask(201, query=" \t ", vector=vector)  # a blank text is none: it was embedded in the vector's place
    [query] = call(server, "GET", "/vectors/hnsw/evals/odd", 200)["queries"]
    assert query["query"] is None and query["truth"][0]["score"] == pytest.approx(1, abs=1e-4)
    call(server, "DELETE", "/vectors/hnsw/evals/odd", 204)
    assert "64 bits" in ask(400, query="x", relevant=[2**63])["error"]["message"]  # was kept as the id 0
    assert "no direction" in ask(400, vector=[0] * len(vector))["error"]["message"]
    assert "beyond" in ask(400, vector=[1e39] + vector[1:])["error"]["message"]


def test_a_trial_tells_plausible_figures(server):
    autogen(server, "figures", "people", count=100, seed=1)
    hits = call(server, "GET", "/vectors/hnsw/cache/stats", 200)["hits"]
    high = trial(server, "people", "figures", {"ef_search": 3000, "ef_construction": 200, "connectivity": 32})
    low = trial(server, "people", "figures", BAD)
    half = trial(server, "people", "figures", {"ef_search": 3000, "dtype": "f16", "seed": 9})
    # all rows are candidates: what is missed is a row that no other one links to
    assert 0.995 <= high["recall_at_k"] <= 1 and 0.995 <= half["recall_at_k"] <= 1 and 0 <= low["recall_at_k"] < 0.9
    for one in (high, low, half):
        assert 0 < one["p50_us"] <= one["p95_us"] <= one["p99_us"] and one["build_ms"] > 0
        assert (one["rows"], one["dimensions"], one["queries"], one["eval"]) == (ROWS, 384, 100, "figures")
        assert one["memory_bytes"] > one["graph_bytes"] > 0 and one["threads"] >= 1 and one["cores"] >= 1 and one["filter_selectivity"] is None
    assert high["graph_bytes"] > low["graph_bytes"] and half["memory_bytes"] - half["graph_bytes"] >= high["memory_bytes"] - high["graph_bytes"] + 2 * 384 * ROWS
    assert half["config"] == {"ef_construction": 80, "ef_search": 3000, "connectivity": 16, "dtype": "f16", "seed": 9}
    assert high["truth_snapshot"] == call(server, "GET", "/vectors/hnsw/evals/figures", 200)["snapshot_id"]
    stats = call(server, "GET", "/vectors/hnsw/cache/stats", 200)
    assert stats["entries"] == 1 and stats["bytes"] + stats["mapped_bytes"] > 4 * 384 * ROWS and stats["hits"] >= hits + 3 and stats["limit"] > 0
    for bad, why in (({"dtype": "bf16"}, "dtype"), ({"ef_search": 0}, "ef_search"), ({"connectivity": 1}, "connectivity"), ({"m": 3}, "no 'm'"), ({"seed": -1}, "seed")):
        answer = server.request("POST", "/vectors/hnsw/trial", json={"index": "people", "eval": "figures", "config": bad})
        assert answer.status_code == 400 and why in answer.text
    call(server, "POST", "/vectors/hnsw/trial", 404, {"index": "people", "eval": "nothing"})
    call(server, "POST", "/vectors/hnsw/trial", 404, {"index": "nothing", "eval": "figures"})


def test_vectors_are_held_once_and_go_for_others_to_fit(tmp_path):
    server = Server(tmp_path / "lake", env={**HASH, "LAKEHOUSE__VECTOR__MEMORY_LIMIT_BYTES": "2000000"})
    for name in ("one", "two"):
        make(server, name, words(14, 500))
        autogen(server, name, name, count=5)
    before = call(server, "GET", "/vectors/hnsw/cache/stats", 200)
    assert before["entries"] == 1 and before["evictions"] >= 1 and before["limit"] == 2000000
    jobs = [call(server, "POST", "/vectors/hnsw/trial", 202, {"index": name, "eval": name}) for name in ("one", "two", "one", "two")]
    assert all(ended(server, job)["result"]["trial"]["recall_at_k"] > 0.8 for job in jobs)
    trial(server, "two", "two")
    held = call(server, "GET", "/vectors/hnsw/cache/stats", 200)
    trial(server, "two", "two")
    after = call(server, "GET", "/vectors/hnsw/cache/stats", 200)
    assert after["entries"] in (1, 2) and after["misses"] == held["misses"] and after["hits"] == held["hits"] + 1
    server.stop()


def test_the_truth_is_that_of_the_rows_that_are_there(server):
    make(server, "moving", words(2, 300))
    autogen(server, "moving", "moving", count=20)
    before = trial(server, "moving", "moving", {"ef_search": 500})
    server.ingest(lines(words(2, 300), first=1000), "moving", mode="append")  # the same texts: each query has new nearest ones
    ended(server, call(server, "POST", "/vectors/refresh/moving", 202)["items"][0])
    after = trial(server, "moving", "moving", {"ef_search": 1000})
    assert after["truth_snapshot"] != before["truth_snapshot"] and min(after["recall_at_k"], before["recall_at_k"]) >= 0.99 and after["rows"] == 600


def test_the_best_trials_by_each_metric(server):
    autogen(server, "best", "people", count=40)
    for ef in (10, 40, 200, 1000):
        trial(server, "people", "best", {"ef_search": ef})
    trial(server, "people", "best", BAD)
    mine = [item for item in trials(server, "people")["items"] if item["eval"] == "best"]
    assert len(mine) == 5
    best = {metric: call(server, "GET", "/vectors/hnsw/trials/people/best", 200, params={"metric": metric, "eval": "best"})["items"] for metric in ("recall", "latency", "pareto")}
    assert [item["id"] for item in best["recall"]] == [min(mine, key=lambda item: (-item["recall_at_k"], item["p50_us"]))["id"]]
    assert [item["id"] for item in best["latency"]] == [min(mine, key=lambda item: (item["p50_us"], -item["recall_at_k"]))["id"]]

    def beats(a, b):
        return a["recall_at_k"] >= b["recall_at_k"] and a["p50_us"] <= b["p50_us"] and (a["recall_at_k"] > b["recall_at_k"] or a["p50_us"] < b["p50_us"])
    front = sorted((item for item in mine if not any(beats(other, item) for other in mine)), key=lambda item: item["p50_us"])
    assert [item["id"] for item in best["pareto"]] == [item["id"] for item in front]
    call(server, "GET", "/vectors/hnsw/trials/people/best", 400, params={"metric": "beauty"})
    # what was measured otherwise is not compared: for another k, by another eval set
    fewer = trial(server, "people", "best", {"ef_search": 100}, k=3)
    for params in ({}, {"eval": "best"}, {"metric": "recall"}, {"metric": "latency"}):
        assert [item["id"] for item in call(server, "GET", "/vectors/hnsw/trials/people/best", 200, params=params)["items"]] == [fewer["id"]]
    autogen(server, "best_too", "people", count=5)
    other = trial(server, "people", "best_too", {"ef_search": 100})
    assert [item["id"] for item in call(server, "GET", "/vectors/hnsw/trials/people/best", 200)["items"]] == [other["id"]]
    assert [item["id"] for item in call(server, "GET", "/vectors/hnsw/trials/people/best", 200, params={"eval": "best"})["items"]] == [fewer["id"]]


def test_the_journal_outlives_the_server_and_what_is_no_trial_in_it(tmp_path):
    server = Server(tmp_path / "lake", env=HASH)
    make(server, "kept", words(3, 200))
    autogen(server, "kept", "kept", count=10)
    first = trial(server, "kept", "kept")
    path = tmp_path / "lake" / "_hnsw_trials" / "kept.jsonl"
    assert json.loads(path.read_text())["id"] == first["id"]
    server.restart()
    good = path.read_bytes()
    foreign = json.dumps({**json.loads(good), "schema_version": 99})
    path.write_bytes(b'{"torn":\n' + good + b"\xff\xfe\n[1]\n" + foreign.encode() + b"\n\n" + good[: len(good) // 2])
    told = trials(server, "kept")
    assert [item["id"] for item in told["items"]] == [first["id"]] and told["skipped_lines"] == 5
    second = trial(server, "kept", "kept", {"ef_search": 50})
    told = trials(server, "kept")
    assert [item["id"] for item in told["items"]] == [second["id"], first["id"]] and told["skipped_lines"] == 5
    assert path.read_bytes().startswith(b'{"torn":\n' + good)  # appended to: nothing was taken out
    page = call(server, "GET", "/vectors/hnsw/trials/kept", 200, params={"limit": 1})
    assert [item["id"] for item in page["items"]] == [second["id"]]
    page = call(server, "GET", "/vectors/hnsw/trials/kept", 200, params={"limit": 1, "page_token": page["next_page_token"]})
    assert [item["id"] for item in page["items"]] == [first["id"]] and page["next_page_token"] is None
    path.write_bytes(good * (4 * 1024 * 1024 // len(good)))  # full: the oldest lines go
    third = trial(server, "kept", "kept")
    assert path.stat().st_size <= 4 * 1024 * 1024 and trials(server, "kept")["items"][0]["id"] == third["id"]
    evals = tmp_path / "lake" / "_hnsw_trials" / "evals"
    assert len(list(evals.glob("kept/*.json"))) == 1
    (evals / "kept" / "kept-left.json").write_text("{}")  # as a process that was killed leaves it
    call(server, "DELETE", "/vectors/indexes/kept", 204)
    assert not path.exists() and not list(evals.rglob("*.json"))
    assert call(server, "GET", "/vectors/hnsw/evals", 200)["items"] == []
    server.stop()


def test_pieces_of_an_index_of_whole_numbers_say_their_row(server):
    table = "id,text\n" + "".join(f"{1000 + i},{text}\n" for i, text in enumerate(words(5, 40)))
    assert server.ingest(table.encode(), "numbered").status_code == 201
    ended(server, call(server, "POST", "/vectors/index", 202, {"dataset": "numbered", "id_column": "id", "text_columns": ["text"]}))
    autogen(server, "numbered", "numbered", count=10)
    assert all(query["relevant"][0].isdigit() for query in call(server, "GET", "/vectors/hnsw/evals/numbered", 200)["queries"])
    assert trial(server, "numbered", "numbered")["relevant_recall"] == 1


def test_trials_at_once_lose_no_line(server):
    make(server, "crowd", words(4, 200))
    autogen(server, "crowd", "crowd", count=5)
    jobs = [call(server, "POST", "/vectors/hnsw/trial", 202, {"index": "crowd", "eval": "crowd", "config": {"ef_search": 10 + i}}) for i in range(8)]
    ids = {ended(server, job)["result"]["trial"]["id"] for job in jobs}
    assert {item["id"] for item in trials(server, "crowd")["items"]} == ids and len(ids) == 8


def test_the_journal_of_a_lake_on_s3(s3, tmp_path):
    server = Server(tmp_path / "root", env={**s3["env"], **HASH})
    try:
        make(server, "cloud_trials", words(5, 200))
        autogen(server, "cloud", "cloud_trials", count=10)
        jobs = [call(server, "POST", "/vectors/hnsw/trial", 202, {"index": "cloud_trials", "eval": "cloud", "config": {"ef_search": ef}}) for ef in (10, 20, 30, 40)]
        ids = {ended(server, job)["result"]["trial"]["id"] for job in jobs}
        server.restart()
        assert {item["id"] for item in trials(server, "cloud_trials")["items"]} == ids and len(ids) == 4
        assert len(server.request("GET", "/storage/objects/_hnsw_trials/cloud_trials.jsonl").text.splitlines()) == 4
        assert len(call(server, "GET", "/vectors/hnsw/evals/cloud", 200)["queries"]) == 10
    finally:
        server.stop()


def between(matrix, queries=60):
    """Vectors that are no row's."""
    pairs = np.random.default_rng(5).integers(0, len(matrix), (queries, 2))
    return [0.7 * matrix[a] + 0.3 * matrix[b] for a, b in pairs]


def recall_by_numpy(server, index, queries, k=10):
    """Against all rows, by the search as anybody calls it. Of other queries than an index was tuned by it may be any."""
    matrix, found = vectors_of(server, index)[1], 0
    for query in queries:
        scores = matrix @ (query / np.linalg.norm(query))
        worst = np.sort(scores)[-k]
        hits = call(server, "POST", "/vectors/search", 200, {"index": index, "vector": [float(x) for x in query], "k": k, "mode": "hnsw", "columns": []})["items"]
        found += sum(hit["score"] >= worst - 1e-5 for hit in hits)
    return found / (k * len(queries))


def test_a_tune_promotes_the_fastest_config_that_reaches_the_target(tmp_path):
    server = Server(tmp_path / "lake", env={**HASH, "LAKEHOUSE__VECTOR__RECALL_SAMPLE_EVERY": "0"})
    make(server, "tuned", words(6, 2000), hnsw=BAD, recall_target=0.97)
    ids, matrix = vectors_of(server, "tuned")
    queries = between(matrix)
    call(server, "POST", "/vectors/hnsw/evals", 201, {"name": "asked", "index": "tuned", "queries": [{"vector": list(map(float, query))} for query in queries]})
    told = call(server, "GET", "/vectors/indexes/tuned", 200)
    assert told["hnsw"] == {**BAD, "dtype": "i8", "seed": 42} and told["recall_target"] == 0.97
    assert recall_by_numpy(server, "tuned", queries) < 0.9
    # links of two neighbours a row find not all of 2,000 by any search of one trial: nothing is promoted
    unreachable = ended(server, call(server, "POST", "/vectors/hnsw/tune", 202, {"index": "tuned", "recall_target": 1.0, "budget": {"trials": 1}}))["result"]
    assert not unreachable["promoted"] and unreachable["trials"] == 1 and unreachable["best"]["recall_at_k"] < 1 and "no config" in unreachable["reason"]
    kept = call(server, "GET", "/vectors/indexes/tuned", 200)
    assert kept["hnsw"] == told["hnsw"] and kept["recall_target"] == 0.97
    result = ended(server, call(server, "POST", "/vectors/hnsw/tune", 202, {"index": "tuned", "eval": "asked", "budget": {"trials": 70}}))["result"]  # enough for all that it may try
    assert result["promoted"] and result["best"]["recall_at_k"] >= 0.97 and result["recall_target"] == 0.97 and result["before"] == told["hnsw"]
    journal = [item for item in trials(server, "tuned")["items"] if item["id"] != unreachable["best"]["id"]]
    assert len(journal) == result["trials"] < 70
    searched = [item for item in journal if item["recall_at_k"] >= 0.97 and item["id"] != result["best"]["id"]]
    fastest = min(searched, key=lambda item: item["p50_us"])["config"]
    assert {**fastest, "ef_search": 0} == {**result["best"]["config"], "ef_search": 0} and result["best"]["build_ms"] is None
    assert call(server, "GET", "/vectors/indexes/tuned", 200)["hnsw"] == result["best"]["config"]
    assert recall_by_numpy(server, "tuned", queries) >= 0.969
    server.restart()  # the file is of the new graph
    assert recall_by_numpy(server, "tuned", queries) >= 0.969 and server.metric("lakehouse_vector_loads_files_total") == 1
    reached = ended(server, call(server, "POST", "/vectors/hnsw/tune", 202, {"index": "tuned", "recall_target": 0.5, "budget": {"trials": 1}}))["result"]
    assert reached["promoted"] and reached["trials"] == 1 and call(server, "GET", "/vectors/indexes/tuned", 200)["recall_target"] == 0.5
    # each query is a row's own vector: with a filter only the share of them that passes it is found, and that is all there is to find
    own = range(0, 2000, 10)
    call(server, "POST", "/vectors/hnsw/evals", 201, {"name": "own", "index": "tuned", "queries": [{"vector": list(map(float, matrix[i])), "relevant": [ids[i]]} for i in own]})
    for body in ({}, {"filter_selectivity": 0.3}):  # so few rows are scanned: a graph that finds nothing would do, and the others would have it
        result = ended(server, call(server, "POST", "/vectors/hnsw/tune", 202, {"index": "tuned", "eval": "own", "recall_target": 0.97, "budget": {"trials": 70}, **body}))["result"]
        assert result["promoted"] and result["best"]["filter_selectivity"] is None and ("exact" in result["reason"]) == bool(body)
        assert result["best"]["relevant_recall"] > 0.9 and recall_by_numpy(server, "tuned", matrix[own]) >= 0.969
    for body in ({"recall_target": 0}, {"recall_target": 1.5}, {"budget": {"trials": 0}}, {"budget": {"hours": 1}}, {"filter_selectivity": 2}, {"k": 0}):
        call(server, "POST", "/vectors/hnsw/tune", 400, {"index": "tuned", **body})
    call(server, "POST", "/vectors/hnsw/tune", 404, {"index": "tuned", "eval": "nothing"})
    server.stop()


def test_a_tune_ends_with_its_seconds(tmp_path):
    """The server is held while its seconds pass: behind them comes the measure that was under way, and none after it."""
    server = Server(tmp_path / "lake", env={**HASH, "LAKEHOUSE__VECTOR__RECALL_SAMPLE_EVERY": "0"})
    make(server, "brief", words(6, 3000), hnsw=BAD)
    journal, seconds = server.root / "_hnsw_trials" / "brief.jsonl", 3
    phase = lambda: call(server, "GET", f"/jobs/{job['id']}", 200).get("phase")  # noqa: E731
    measured = lambda: len(journal.read_bytes().splitlines()) if journal.exists() else 0  # noqa: E731
    job = call(server, "POST", "/vectors/hnsw/tune", 202, {"index": "brief", "recall_target": 1.0, "budget": {"trials": 60, "seconds": seconds}})
    while not measured() and phase() not in ("making queries", "measuring", "building"):  # its time runs
        pass
    os.kill(server.process.pid, signal.SIGSTOP)
    time.sleep(seconds)
    before = measured()
    os.kill(server.process.pid, signal.SIGCONT)
    result = ended(server, job)["result"]
    assert not result["promoted"] and before <= result["trials"] <= before + 1 < 60
    server.stop()


@pytest.mark.skipif(SANITIZED, reason="graphs of thousands of rows: minutes")
@pytest.mark.parametrize("rows, share, target, trials", [(6000, 0.9, 0.97, 16), (16000, 0.53, 0.955, 5)])
def test_a_tune_for_filtered_searches_keeps_what_those_without_find(tmp_path, rows, share, target, trials):
    """With a filter a walk finds more, the fewer rows pass: of 16,000 rows the ef_search that is enough for half of them finds .94 of all.
    The graph that is served is measured, too, but where the budget ended before."""
    server = Server(tmp_path / "lake", env={**HASH, "LAKEHOUSE__VECTOR__RECALL_SAMPLE_EVERY": "0"})
    make(server, "filtered", words(6, rows))
    ids, matrix = vectors_of(server, "filtered")
    # each query is a row's own vector: with a filter only the share of them that passes it is found, and that is all there is to find
    own = range(0, rows, rows // 200)
    call(server, "POST", "/vectors/hnsw/evals", 201, {"name": "own", "index": "filtered", "queries": [{"vector": list(map(float, matrix[i])), "relevant": [ids[i]]} for i in own]})
    asked = {"index": "filtered", "eval": "own", "recall_target": target, "filter_selectivity": share, "budget": {"trials": trials}}
    result = ended(server, call(server, "POST", "/vectors/hnsw/tune", 202, asked))["result"]
    best = result["best"]
    assert result["promoted"] and "and without" in result["reason"] and best["filter_selectivity"] == share and best["recall_at_k"] >= target
    assert abs(best["relevant_recall"] - share) < 0.1
    assert recall_by_numpy(server, "filtered", matrix[own]) >= target - (0.02 if trials > 5 else 0.001), best
    server.stop()


def test_searches_that_are_scanned_say_nothing_of_the_graph(tmp_path):
    """A filter of few rows, or none that is deleted: those are exact, and made a poor graph look whole."""
    server = Server(tmp_path / "lake", env={**HASH, "LAKEHOUSE__VECTOR__RECALL_SAMPLE_EVERY": "1", "LAKEHOUSE__VECTOR__RECALL_SAMPLE_MS": "0", "LAKEHOUSE__VECTOR__RECALL_RETUNE": "false"})
    make(server, "poor", words(7, 600), hnsw=BAD)
    rows = [text.split() for text in words(7, 600)]
    texts = [" ".join(rows[i][:7] + rows[-i][7:]) for i in range(1, 200)]  # between two rows each
    told = lambda: call(server, "GET", "/vectors/indexes/poor", 200)["recall"]  # noqa: E731

    def ask(number, **body):
        for _ in range(100):  # one sample at a time is taken
            call(server, "POST", "/vectors/search", 200, {"index": "poor", "query": texts[number % len(texts)], "k": 10, "columns": [], **body})
            if told()["sampled"] > number:
                return
    for number in range(60):
        ask(number)
    before = told()
    assert before["sampled"] >= 60 and before["value"] < 0.9 and before["below_target"]
    for number in range(30):
        call(server, "POST", "/vectors/search", 200, {"index": "poor", "query": texts[number], "k": 10, "columns": [], "filter": "candidate_id < 'C00300'"})
    ask(before["sampled"] + 5)
    after = told()
    assert after["value"] < 0.9 and after["below_target"] and after["sampled"] <= before["sampled"] + 110
    server.stop()


def test_a_poor_recall_is_seen_and_mended(tmp_path):
    server = Server(tmp_path / "lake", env={**HASH, "LAKEHOUSE__VECTOR__RECALL_SAMPLE_EVERY": "1", "LAKEHOUSE__VECTOR__RECALL_SAMPLE_MS": "0"})
    count = 600 if SANITIZED else 2000  # a tune builds up to eight graphs of them
    make(server, "poor", words(7, count), hnsw=BAD)
    assert call(server, "GET", "/vectors/indexes/poor", 200)["recall"] == {"sampled": 0, "value": None, "target": 0.95, "below_target": False}
    rows, at = [text.split() for text in words(7, count)], 0
    texts = [" ".join(rows[i][:7] + rows[-i][7:]) for i in range(1, 300)]  # between two rows each

    def ask():
        nonlocal at
        at += 1
        call(server, "POST", "/vectors/search", 200, {"index": "poor", "query": texts[at % 299], "k": 10, "columns": []})
        return call(server, "GET", "/vectors/indexes/poor", 200)
    wait_for(lambda: ask()["recall"]["sampled"] >= 40)
    told = ask()
    assert told["recall"]["value"] < 0.9 and not told["recall"]["below_target"]  # too few are no verdict
    assert server.metric("lakehouse_vector_recall", index="poor") < 0.9
    wait_for(lambda: ask()["recall"]["below_target"])
    assert server.metric("lakehouse_vector_indexes_below_target") == 1
    tunes = lambda: call(server, "GET", "/jobs", 200, params={"kind": "vector.tune"})["items"]
    wait_for(tunes)
    result = ended(server, tunes()[0])["result"]
    assert result["promoted"] and result["recall_target"] == 0.95 and result["best"]["recall_at_k"] >= result["aim"] == 0.975
    assert "the recall of an index is below its target" in server.log_text()
    wait_for(lambda: ask()["recall"]["sampled"] < 50)  # those of the graph before have gone
    wait_for(lambda: ask()["recall"]["sampled"] >= 60)
    told = ask()  # of other queries than those it was tuned by, which find more or less; of the graph before they found one in forty
    assert told["recall"]["value"] > 0.5 and told["hnsw"]["ef_search"] > 1 and server.metric("lakehouse_vector_recall_tunes_total") == 1 and len(tunes()) == 1
    assert not any(text in server.log_text() for text in texts)  # no query is kept
    server.stop()


def test_a_tune_that_is_killed_leaves_nothing_half_done(tmp_path):
    kills, seconds, fell, tunes = int(os.environ.get("LAKEHOUSE_KILLS", 2 if SANITIZED else 4)), 3.0, collections.Counter(), 0
    draw = random.Random(3)
    server = Server(tmp_path / "lake", env={**HASH, "LAKEHOUSE__VECTOR__RECALL_SAMPLE_EVERY": "0"})
    make(server, "killed", words(9, 1500), hnsw=BAD)
    while kills:
        before = call(server, "GET", "/vectors/indexes/killed", 200)
        began, earlier = time.monotonic(), {item["id"] for item in trials(server, "killed")["items"]}
        job = call(server, "POST", "/vectors/hnsw/tune", 202, {"index": "killed", "budget": {"trials": 12}})
        while kills:
            time.sleep(draw.uniform(0, seconds))
            job = call(server, "GET", f"/jobs/{job['id']}", 200)
            if job["state"] == "failed":  # one whose server ended ten times while it had nothing done is not taken up for ever
                assert "the server ended each time" in job["error"]["message"], job
                fell["given up"] += 1
                job = call(server, "POST", f"/jobs/{job['id']}/retry", 202)
            if job["state"] == "succeeded":
                break
            fell[job.get("phase") or job["state"]] += 1
            server.kill()
            server.start()
            kills -= 1
            told = call(server, "GET", "/vectors/indexes/killed", 200)
            journal = trials(server, "killed")
            promoted = [item["config"] for item in journal["items"] if item["id"] not in earlier and item["recall_at_k"] >= 0.95]
            assert (told["hnsw"] == before["hnsw"] and told["recall_target"] == before["recall_target"]) or told["hnsw"] in promoted
            assert journal["skipped_lines"] == 0
            call(server, "POST", "/vectors/search", 200, {"index": "killed", "query": "abc", "k": 3})
        result, tunes = ended(server, job)["result"], tunes + 1
        told = call(server, "GET", "/vectors/indexes/killed", 200)
        assert told["hnsw"] == (result["best"]["config"] if result["promoted"] else before["hnsw"])
        assert result["promoted"] or before["hnsw"] != BAD
        call(server, "POST", "/vectors/search", 200, {"index": "killed", "query": "abc", "k": 3})
        folder = server.root / ".scratch" / "vectors"
        assert {file.name for file in folder.iterdir() if ".tmp" not in file.name} == {"killed.texts", "killed.ann"}
        if not sum(fell.values()):
            seconds = 1.2 * (time.monotonic() - began)
        if kills:
            ended(server, call(server, "POST", "/vectors/index", 202, {"dataset": "killed", "id_column": "candidate_id", "text_columns": ["resume"], "hnsw": BAD}))
    server.stop()
    print(f"{sum(fell.values()) - fell['given up']} kills in {tunes} tunes, at {dict(fell)}")


def test_another_config_builds_the_graph_anew(server):
    make(server, "changed", words(10, 300))
    body = {"dataset": "changed", "id_column": "candidate_id", "text_columns": ["resume"]}
    built = server.metric("lakehouse_vector_loads_table_total")
    ended(server, call(server, "POST", "/vectors/index", 202, {**body, "hnsw": {"ef_search": 77}}))
    assert server.metric("lakehouse_vector_loads_table_total") == built  # that takes no other graph
    ended(server, call(server, "POST", "/vectors/index", 202, {**body, "hnsw": {"connectivity": 8}}))
    assert server.metric("lakehouse_vector_loads_table_total") == built + 1
    ended(server, call(server, "POST", "/vectors/index", 202, body))  # says nothing of it: stays
    assert call(server, "GET", "/vectors/indexes/changed", 200)["hnsw"]["connectivity"] == 8
    for bad in ({"hnsw": {"dtype": "b1"}}, {"hnsw": 3}, {"recall_target": 2}, {"hnsw": {"ef": 3}}):
        call(server, "POST", "/vectors/index", 400, {**body, **bad})


def test_the_commands(server):
    def vectors(*args, **options):
        return lakehouse("vectors", *args, "--url", server.url, **options)
    assert vectors("eval", "people", "by_command", "--count", "20").stdout.endswith("20 queries, 0 paraphrased queries\n")
    told = vectors("trial", "people", "by_command", "--hnsw", "ef_search=60, dtype=f16").stdout
    assert "people: done in" in told and "16/80/60 f16" in told
    newest = trials(server, "people")["items"][0]
    assert (newest["eval"], newest["config"]["ef_search"], newest["config"]["dtype"]) == ("by_command", 60, "f16")
    assert json.loads(vectors("trials", "people", "--json").stdout) == trials(server, "people")["items"]
    assert "16/80/60 f16" in vectors("trials", "people").stdout
    before = len(trials(server, "people")["items"])
    told = vectors("tune", "people", "--recall", "0.9", "--eval", "by_command", "--trials", "3").stdout
    assert len(trials(server, "people")["items"]) - before == 3  # one more was made, of what came to be served
    newest_job = call(server, "GET", "/jobs?kind=vector.tune", 200)["items"][0]
    assert (newest_job["done"], newest_job["total"], newest_job["result"]["trials"]) == (3, 3, 3)
    assert "people: done in" in told and "promoted: the fastest of those that reached the target" in told
    assert call(server, "GET", "/vectors/indexes/people", 200)["recall_target"] == 0.9
    assert "no 'speed'" in vectors("trial", "people", "by_command", "--hnsw", "speed=1", check=False).stderr
    assert "--recall takes a number" in vectors("tune", "people", "--recall", "good", check=False).stderr


def test_what_is_of_another_kind_is_refused(server):
    autogen(server, "kinds", "people", count=3)
    for path, body, why in (("tune", {"eval": 5}, "'eval'"), ("tune", {"eval": ""}, "'eval'"), ("trial", {"eval": 5}, "'eval'"),
                            ("trial", {"eval": "kinds", "config": {"dtype": 5}}, "dtype'"), ("evals/kinds/autogen", {"count": 3, "replace": 5}, "'replace'")):
        answer = server.request("POST", f"/vectors/hnsw/{path}", json={"index": "people", **body})
        assert answer.status_code == 400 and why in answer.text, (path, body, answer.text)


def test_queries_that_were_given_are_not_overwritten_unasked(server):
    call(server, "POST", "/vectors/hnsw/evals", 201, {"name": "byhand", "index": "people", "queries": [{"query": "one of mine"}]})
    refused = call(server, "POST", "/vectors/hnsw/evals/byhand/autogen", 409, {"index": "people", "count": 3})["error"]["message"]
    assert "'replace'" in refused
    assert [query["query"] for query in call(server, "GET", "/vectors/hnsw/evals/byhand", 200)["queries"]] == ["one of mine"]
    assert autogen(server, "byhand", "people", count=3, replace=True)["queries"] == 3
    assert call(server, "GET", "/vectors/hnsw/evals/byhand", 200)["seed"] == 42


# ---- who may ----

def test_a_generator_is_asked_for_other_words_by_who_may_call_it(tmp_path):
    model = Scripted(reply({"choices": [{"message": {"content": "in other words"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 9, "completion_tokens": 3}}))
    lake = Lake(tmp_path / "lake", **HASH, LAKEHOUSE__AI__GENERATE_PROVIDER="openai", LAKEHOUSE__AI__GENERATE_MODEL="chat", LAKEHOUSE__AI__GENERATE_URL=model.url)
    make(lake.server, "candidates", words(21, 40))
    grants = [allow("dataset", "data.candidates"), allow("index", "candidates", "read", "write")]
    without, having = lake.key("without", *grants), lake.key("having", *grants, allow("tool", "ai"))
    lake.call("POST", "/ai/generate", 403, {"prompt": "x"}, key=without)
    for key, count, source in ((without, 0, "window"), (having, 4, "paraphrase"), (ADMIN, 8, "paraphrase")):
        job = lake.call("POST", "/vectors/hnsw/evals/words/autogen", 202, {"index": "candidates", "count": 4}, key=key)
        told = ended(lake.server, job)["result"]
        assert len(model.seen) == count and told["paraphrased_queries"] == (4 if count else 0)
        queries = lake.call("GET", "/vectors/hnsw/evals/words", 200)["queries"]
        assert {query["source"] for query in queries} == {source} and ({query["query"] for query in queries} == {"in other words"}) == bool(count)
    pieces = [seen[2]["messages"][-1]["content"] for seen in model.seen[:4]]
    texts = "\n".join(row[0] for row in lake.server.sql("SELECT text FROM vectors.candidates", limit=1000))
    assert len(set(pieces)) == 4 and all(piece in texts for piece in pieces)
    lake.server.stop()
    model.stop()


def test_trials_take_the_right_to_make_the_index(tmp_path):
    lake = Lake.__new__(Lake)
    lake.server = Server(tmp_path / "lake", env={**HASH, "LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": ADMIN})
    lake.server.headers = {"X-API-Key": ADMIN}
    make(lake.server, "candidates", words(11, 200))
    autogen(lake.server, "secret", "candidates", count=5)
    whole = [allow("dataset", "data.candidates"), allow("index", "candidates", "read", "write")]
    maker = lake.key("maker", *whole)
    part = lake.key("part", allow("dataset", "data.candidates", row_filter="state = 'TX'"), allow("index", "candidates", "read", "write"))
    masked = lake.key("masked", allow("dataset", "data.candidates", redactions={"state": {"kind": "hash"}}), allow("index", "candidates", "read", "write"))
    reader = lake.key("reader", allow("dataset", "data.candidates"), allow("index", "candidates"))
    doors = [("POST", "/vectors/hnsw/trial", {"index": "candidates", "eval": "secret"}), ("POST", "/vectors/hnsw/tune", {"index": "candidates"}),
             ("POST", "/vectors/hnsw/evals", {"name": "mine", "index": "candidates", "queries": [{"query": "x"}]}),
             ("POST", "/vectors/hnsw/evals/mine/autogen", {"index": "candidates", "count": 3}),
             ("GET", "/vectors/hnsw/trials/candidates", None), ("GET", "/vectors/hnsw/trials/candidates/best", None)]
    for key in (part, masked, reader):
        for method, path, body in doors:
            refused = lake.call(method, path, 403, body, key=key)["error"]["message"]
            other = lake.call(method, path.replace("candidates", "unheard"), 403, body and {**body, "index": "unheard"} if body else None, key=key)["error"]["message"]
            assert refused.replace("candidates", "unheard") == other  # it is not told whether there is one
        assert lake.call("GET", "/vectors/hnsw/evals", 200, key=key)["items"] == []
        lake.call("GET", "/vectors/hnsw/evals/secret", 404, key=key)
        lake.call("DELETE", "/vectors/hnsw/evals/secret", 404, key=key)
        lake.call("GET", "/vectors/hnsw/cache/stats", 403, key=key)
        assert not {"hnsw", "recall"} & lake.call("GET", "/vectors/indexes/candidates", 200, key=key).keys()
    shown = lake.call("GET", "/vectors/indexes/candidates", 200, key=maker)
    assert {"hnsw", "recall_target", "recall", "rows", "stale"} <= shown.keys() and shown["rows"] == 200
    assert lake.call("GET", "/vectors/indexes", 200, key=maker)["items"][0].keys() == shown.keys()
    assert not {"hnsw", "recall", "rows"} & lake.call("GET", "/vectors/indexes", 200, key=reader)["items"][0].keys()
    assert [item["name"] for item in lake.call("GET", "/vectors/hnsw/evals", 200, key=maker)["items"]] == ["secret"]
    assert len(lake.call("GET", "/vectors/hnsw/evals/secret", 200, key=maker)["queries"]) == 5
    audited = lake.call("GET", "/access/audit?principal=maker", 200)["items"][0]  # they are pieces of the dataset's texts
    assert json.loads(audited["statement"]) == {"eval": "secret"} and audited["rows"] == 5 and "data.candidates" in str(audited["datasets"])
    job = lake.call("POST", "/vectors/hnsw/trial", 202, {"index": "candidates", "eval": "secret"}, key=maker)
    assert ended(lake.server, job)["result"]["trial"]["by"] == "maker"
    assert len(lake.call("GET", "/vectors/hnsw/trials/candidates", 200, key=maker)["items"]) == 1
    lake.server.stop()


def lake_of_ada(tmp_path):
    """A lake with a second bucket, in which the dataset `hers` lies."""
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "ada.json").write_text(json.dumps({"bucket": {"name": "ada", "root": "ada"}}))
    server = Server(tmp_path / "lake", env={**HASH, "LAKEHOUSE__STORAGE__PROFILE_ROOT": str(tmp_path / "profiles")})
    call(server, "POST", "/profile/ada/activate", 200)
    server.headers = {"X-Lakehouse-Bucket": "ada"}
    assert server.ingest(lines(words(12, 100)), "hers").status_code == 201
    server.headers = {}
    return server


def test_an_index_and_its_trials_lie_in_the_bucket_of_the_dataset(tmp_path):
    server = lake_of_ada(tmp_path)
    body = {"dataset": "hers", "id_column": "candidate_id", "text_columns": ["resume"]}
    ended(server, call(server, "POST", "/vectors/index", 202, body))
    make(server, "others", words(13, 50))
    for index in ("hers", "others"):
        autogen(server, f"of_{index}", index, count=5)
        trial(server, index, f"of_{index}")

    def files(suffix):
        return [str(path.relative_to(tmp_path)) for path in tmp_path.rglob(f"*{suffix}") if ".scratch" not in path.parts]

    assert sorted(path for path in files(".jsonl") if "_hnsw_trials" in path) == ["lake/_hnsw_trials/others.jsonl", "profiles/ada/_hnsw_trials/hers.jsonl"]
    for suffix in (".parquet", ".ann", ".texts"):
        found = [path for path in files(suffix) if "/vectors/" in path]
        assert len(found) == 2 and all(path.startswith("profiles/ada/" if "/hers-" in path else "lake/") for path in found), found
    server.stop()


def test_a_profile_makes_the_indexes_of_its_bucket_ready(tmp_path):
    server = lake_of_ada(tmp_path)
    ended(server, call(server, "POST", "/vectors/index", 202, {"dataset": "hers", "id_column": "candidate_id", "text_columns": ["resume"]}))
    make(server, "others", words(13, 100))
    server.stop()
    for file in (tmp_path / "lake" / ".scratch" / "vectors").glob("*.*"):
        file.unlink()
    server.start()
    wait_for(lambda: call(server, "GET", "/vectors/hnsw/cache/stats", 200)["entries"] == 1)
    time.sleep(1)
    assert call(server, "GET", "/vectors/hnsw/cache/stats", 200)["entries"] == 1  # the other one has to wait
    server.stop()


def test_a_profile_that_is_activated_makes_the_indexes_of_its_bucket_ready(tmp_path):
    server = lake_of_ada(tmp_path)
    ended(server, call(server, "POST", "/vectors/index", 202, {"dataset": "hers", "id_column": "candidate_id", "text_columns": ["resume"]}))
    stats = lambda: call(server, "GET", "/vectors/hnsw/cache/stats", 200)
    call(server, "POST", "/profile/ada/deactivate", 204)
    server.restart()
    assert stats()["entries"] == 0
    call(server, "POST", "/profile/ada/activate", 200)
    wait_for(lambda: stats()["entries"] == 1)
    before = stats()
    assert call(server, "POST", "/vectors/search", 200, {"index": "hers", "query": "x", "k": 1})["items"]
    assert (stats()["misses"], stats()["hits"]) == (before["misses"], before["hits"] + 1)
    server.stop()


def test_indexes_are_mapped_at_a_start_when_their_files_are_at_hand(tmp_path):
    """Nobody asks for them: no search, no hit, no miss; nothing is built, and no more is mapped than the memory limit has room for."""
    server = Server(tmp_path / "lake", env=HASH)
    for n, name in enumerate(("one", "lost", "older", "torn")):
        make(server, name, words(20 + n, 200))
    server.sql("INSERT INTO older SELECT 'N' || candidate_id, state, resume FROM older")
    ended(server, call(server, "POST", "/vectors/refresh/older", 202)["items"][0])
    folder = tmp_path / "lake" / ".scratch" / "vectors"
    older = {path: path.read_bytes() for path in folder.glob("older.*")}
    server.sql("UPDATE older SET resume = 'Welder.' WHERE candidate_id = 'C00000'")
    ended(server, call(server, "POST", "/vectors/refresh/older", 202)["items"][0])
    server.stop()
    for path, data in older.items():
        path.write_bytes(data)
    (folder / "lost.ann").unlink()
    (folder / "torn.ann").write_bytes((folder / "torn.ann").read_bytes()[:-100])
    bytes_of_one = sum(path.stat().st_size for path in folder.glob("one.*"))

    def told():
        return [entry for entry in map(json.loads, server.log_text().splitlines()[before:]) if entry["message"] == "indexes of vectors are mapped"]

    def started():
        wait_for(told)
        stats = call(server, "GET", "/vectors/hnsw/cache/stats", 200)
        made = [int(server.metric(f"lakehouse_vector_loads_{how}_total")) for how in ("table", "files", "bucket", "extended")]
        return [(entry["indexes"], entry["left_out"]) for entry in told()], stats["entries"], stats["hits"], stats["misses"], made

    before = len(server.log_text().splitlines())
    server.start()
    assert started() == ([("1", "3")], 1, 0, 0, [0, 1, 0, 0])
    assert call(server, "GET", "/vectors/hnsw/cache/stats", 200)["mapped_bytes"] > 0
    text = words(20, 1)[0]
    assert call(server, "POST", "/vectors/search", 200, {"index": "one", "query": text, "k": 1})["items"][0]["text"] == text
    assert call(server, "GET", "/vectors/hnsw/cache/stats", 200)["hits"] == 1
    server.stop()
    server.env["LAKEHOUSE__VECTOR__MEMORY_LIMIT_BYTES"] = str(bytes_of_one - 1)
    before = len(server.log_text().splitlines())
    server.start()
    assert started() == ([("0", "4")], 0, 0, 0, [0, 0, 0, 0])
    server.stop()

"""Searches by words, and by words and vectors together. The embedder is `hash`, which knows spelling and is drowned by what two texts
share: a rare word is what it misses. No model that reranks runs here, so one test has a server of its own that speaks /rerank."""
import http.server
import json
import math
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from endpoints import Scripted, reply
from governed import ADMIN, Lake, allow
from harness import Server
from test_vectors import HASH, index, search

KEYS = {**HASH, "LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": ADMIN}
FILLER = " ".join(f"Item {i} of the yearly report was read, signed and filed by office {i * 7 % 31}." for i in range(12))
PARTS = [(f"P{i:03d}", ("TX", "CA")[i % 2], f"Please find the part for machine {i}.") for i in range(60)]
RARE = ("R001", "TX", f"{FILLER} A valve of type QX7734 was replaced.")
BOTH = ("R002", "CA", "Please find the part QX7734 for the machine.")


def lines(rows):
    return ("candidate_id,state,resume\n" + "".join(f'{i},{state},"{text}"\n' for i, state, text in rows)).encode()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("hybrid") / "lake", env=HASH)
    server.ingest(lines([*PARTS, RARE, BOTH]), "parts")
    index(server, "parts", chunk={"size": 2000, "overlap": 0})
    yield server
    server.stop()


def ids(hits):
    return [hit["id"] for hit in hits]


QUERY = "please find the part qx7734"


# ---- by words ----


def test_a_rare_word_is_found_by_text_where_vectors_miss_it(server):
    query = "machinery QX7734"  # of vectors spelt like "machine", of words another one
    assert "R001" not in ids(search(server, index="parts", query=query, k=20, mode="exact"))
    hits = search(server, index="parts", query=query, k=3, mode="hybrid")
    assert ids(hits)[:2] == ["R002", "R001"] and [hit["ranks"]["text"] for hit in hits] == [1, 2, None]
    hits = search(server, index="parts", query="QX7734", k=20, mode="text")
    assert ids(hits) == ["R002", "R001"]  # the shorter text first
    assert hits[1]["text"] == RARE[2] and hits[1]["columns"]["state"] == "TX" and "ranks" not in hits[1]


def terms(text):  # of texts without endings that a stem would lose
    return re.findall(r"[a-z0-9]+", text.lower())


def test_scores_are_those_of_bm25(server):
    rows = [(f"D{i}", "TX", text) for i, text in enumerate(["red lamp", "red red lamp on oak", "blue lamp", "oak chair in a room with a red lamp", "chair"])]
    server.ingest(lines(rows), "bm25")
    index(server, "bm25")
    documents = [terms(text) for _, _, text in rows]
    average = sum(map(len, documents)) / len(documents)
    expected = {}
    for (row, _, _), document in zip(rows, documents):
        score = 0
        for word in ("red", "oak"):
            having, times = sum(word in other for other in documents), document.count(word)
            score += math.log(1 + (len(rows) - having + 0.5) / (having + 0.5)) * times / (times + 1.2 * (0.25 + 0.75 * len(document) / average))
        if score:
            expected[row] = score
    hits = search(server, index="bm25", query="RED oak, unheard!", k=10, mode="text")
    assert ids(hits) == sorted(expected, key=expected.get, reverse=True)
    assert [hit["score"] for hit in hits] == pytest.approx([expected[hit["id"]] for hit in hits], rel=1e-12)


def test_words_are_found_by_their_stem_in_the_index_s_language(server):
    server.ingest(lines([("A", "TX", "Viele Häuser."), ("B", "TX", "Ein Boot."), ("C", "TX", "STRASSE")]), "german")
    index(server, "german", chunk={"locale": "de"})
    assert ids(search(server, index="german", query="Haus", mode="text")) == ["A"]
    assert ids(search(server, index="german", query="straße", mode="text")) == ["C"]
    assert search(server, index="german", query="… !", mode="text") == []


def test_words_follow_the_table(server):
    server.ingest(lines(PARTS), "words")
    index(server, "words")
    assert search(server, index="words", query="zeppelin", mode="text") == []
    server.ingest(lines([("Z1", "TX", "One zeppelin."), ("Z2", "CA", "Two zeppelins, and more.")]), "words", mode="append")
    index(server, "words")
    assert ids(search(server, index="words", query="zeppelin", mode="text")) == ["Z1", "Z2"]
    server.sql("DELETE FROM words WHERE candidate_id = 'Z1'")  # gone from the dataset, not yet from the index
    for columns in (None, []):
        assert ids(search(server, index="words", query="zeppelin", mode="text", **({} if columns is None else {"columns": columns}))) == ["Z2"]
        assert ids(search(server, index="words", query="zeppelin", mode="hybrid", k=1, **({} if columns is None else {"columns": columns}))) == ["Z2"]
    index(server, "words")
    assert ids(search(server, index="words", query="zeppelin", mode="text")) == ["Z2"]
    server.restart()
    assert ids(search(server, index="words", query="zeppelin", mode="text")) == ["Z2"]


def test_words_are_read_once_and_counted_in_the_memory_of_the_index(server):
    server.ingest(lines(PARTS), "counted")
    index(server, "counted")
    search(server, index="counted", query="part")
    before = server.metric("lakehouse_vector_indexes_bytes")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: search(server, index="counted", query="part", mode="text", k=60), range(16)))
    assert all(answer == answers[0] and len(answer) == 60 for answer in answers)
    after = server.metric("lakehouse_vector_indexes_bytes")
    assert after > before
    search(server, index="counted", query="part", mode="hybrid")
    assert server.metric("lakehouse_vector_indexes_bytes") == after


# ---- by both ----


def test_ranks_are_fused(server):
    hits = search(server, index="parts", query=QUERY, k=62, mode="hybrid")
    by = {"vector": ids(search(server, index="parts", query=QUERY, k=62, mode="hnsw")), "text": ids(search(server, index="parts", query=QUERY, k=62, mode="text"))}
    assert len(hits) == 62 and [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)
    for hit in hits:
        for way, order in by.items():
            assert hit["ranks"][way] == order.index(hit["id"]) + 1
        assert hit["score"] == pytest.approx(sum(1 / (60 + rank) for rank in hit["ranks"].values()))
    hits = search(server, index="parts", query="QX7734 zeppelin", k=62, mode="hybrid")
    assert sum(hit["ranks"]["text"] is None for hit in hits) == 60
    weighed = search(server, index="parts", query=QUERY, k=5, mode="hybrid", weights={"vector": 0.5, "text": 4})
    assert all(hit["score"] == pytest.approx(0.5 / (60 + hit["ranks"]["vector"]) + 4 / (60 + hit["ranks"]["text"])) for hit in weighed)
    for way, mode in (("vector", "hnsw"), ("text", "text")):
        alone = search(server, index="parts", query=QUERY, k=20, mode="hybrid", weights={("text" if way == "vector" else "vector"): 0})
        assert ids(alone) == by[way][:20] and [hit["ranks"][way] for hit in alone] == list(range(1, 21))


def test_hybrid_takes_a_vector_with_its_words(server):
    answer = server.request("POST", "/ai/embed", json={"input": [QUERY]}).json()
    vector = answer["embeddings"][0]
    assert search(server, index="parts", query=QUERY, vector=vector, k=20, mode="hybrid") == search(server, index="parts", query=QUERY, k=20, mode="hybrid")
    search(server, 400, index="parts", vector=vector, mode="hybrid")
    search(server, 400, index="parts", vector=vector, mode="text")
    search(server, 400, index="parts", query=QUERY, vector=vector, mode="exact")


def test_filters_and_answers_of_the_modes(server):
    for mode in ("text", "hybrid"):
        hits = search(server, index="parts", query=QUERY, k=40, mode=mode, filter="state = 'CA' AND candidate_id > 'P010'")
        assert {hit["columns"]["state"] for hit in hits} == {"CA"} and "R002" in ids(hits) and "R001" not in ids(hits)
        assert search(server, index="parts", query=QUERY, mode=mode, filter="false") == []
        answer = server.request("POST", "/vectors/search", json={"index": "parts", "query": QUERY, "mode": mode}).json()
        assert (answer["mode"], answer["reranked"], len(answer["items"])) == (mode, False, 10)
    # of a filter all texts count: what a word is worth does not change by it
    whole = {hit["id"]: hit["score"] for hit in search(server, index="parts", query=QUERY, k=62, mode="text")}
    assert all(whole[hit["id"]] == hit["score"] for hit in search(server, index="parts", query=QUERY, k=62, mode="text", filter="state = 'CA'"))


def test_what_cannot_be_is_refused(server):
    for body in ({"query": " ", "mode": "text"}, {"mode": "hybrid"}, {"query": "x", "mode": "words"}, {"query": "x", "weights": {"text": 2}},
                 {"query": "x", "mode": "hybrid", "weights": {"text": 0, "vector": 0}}, {"query": "x", "mode": "hybrid", "weights": {"text": -1}},
                 {"query": "x", "mode": "hybrid", "weights": {"text": "1"}}, {"query": "x", "mode": "hybrid", "weights": {"words": 1}},
                 {"query": "x", "mode": "hybrid", "weights": 1}, {"query": "x", "mode": "hybrid", "weights": {"vector": 1001}},
                 {"query": "x", "rerank": 1}, {"query": "x", "rerank": {"n": 1}}, {"query": "x", "k": 5, "rerank": {"top_n": 4}},
                 {"query": "x", "rerank": {"top_n": 1001}}, {"query": "x", "rerank": {"top_n": "9"}}):
        search(server, 400, index="parts", **body)
    assert "1024" in search(server, 422, index="parts", query=" ".join(f"w{i}" for i in range(1025)), mode="text")["message"]
    search(server, 409, index="parts", query="x", mode="text", model="another-model")


# ---- who sees what ----


def test_hidden_rows_are_not_found_by_their_words(tmp_path):
    lake = Lake.__new__(Lake)
    lake.server = Server(tmp_path / "lake", env=KEYS)
    lake.server.headers = {"X-API-Key": ADMIN}
    lake.ingest("parts", lines([*PARTS, RARE, BOTH]))
    index(lake.server, "parts")
    key = lake.key("californian", allow("dataset", "data.parts", row_filter="state = 'CA'"), allow("index", "*"))
    blind = lake.key("blind", allow("dataset", "data.parts", redactions={"resume": {"kind": "null"}}), allow("index", "*"))
    for mode in ("text", "hybrid"):
        hits = search(lake.server, key=key, index="parts", query=QUERY, k=62, mode=mode)
        assert len(hits) == 31 and {hit["columns"]["state"] for hit in hits} == {"CA"}
        assert search(lake.server, key=key, index="parts", query=QUERY, mode=mode, filter="state = 'TX'") == []
        search(lake.server, 403, key=blind, index="parts", query=QUERY, mode=mode)
    # worth of a word: among 31 rows, one of which has it
    lake.ingest("seen", lines([row for row in (*PARTS, BOTH) if row[1] == "CA"]))
    index(lake.server, "seen")
    seen = search(lake.server, index="seen", query=QUERY, k=62, mode="text")
    assert [(hit["id"], hit["score"]) for hit in search(lake.server, key=key, index="parts", query=QUERY, k=62, mode="text")] == [(hit["id"], hit["score"]) for hit in seen]
    lake.server.stop()


def test_lakes_that_differ_in_hidden_rows_answer_alike(tmp_path):
    answers = []
    many = " ".join(f"w{i}" for i in range(1024))
    for hidden in ([("H0", "XX", "Ships of welders.")], [(f"A{i}", "XX", f"{FILLER} Please find QX7734. {many} secret") for i in range(9)]):
        lake = Lake.__new__(Lake)
        lake.server = Server(tmp_path / f"lake-{len(answers)}", env=KEYS)
        lake.server.headers = {"X-API-Key": ADMIN}
        lake.ingest("parts", lines([*hidden, *PARTS, BOTH]))
        index(lake.server, "parts", chunk={"size": 20000, "overlap": 0})
        key = lake.key("twin", allow("dataset", "data.parts", row_filter="state != 'XX'"), allow("index", "*"))
        asked = []
        for mode in ("text", "hybrid"):
            for body in ({"query": QUERY}, {"query": "QX7734"}, {"query": "secret w7"}, {"query": "part ships machine 7", "k": 100}, {"query": "part", "columns": []},
                         {"query": "part machine", "filter": "state = 'CA'"}, {"query": "part", "filter": "state = 'XX'"}, {"query": f"{many} secret"},
                         {"query": f"part {many}"}, {"query": "part", "rerank": True}):
                answer = lake.server.request("POST", "/vectors/search", json={"index": "parts", "mode": mode, **body}, headers={"X-API-Key": key})
                told = answer.json()
                told.pop("elapsed_ms", None)
                told.get("error", {}).pop("trace_id", None)
                asked.append((answer.status_code, told))
        answers.append(asked)
        lake.server.stop()
    assert answers[0] == answers[1]


# ---- reranked ----


def test_without_a_model_that_reranks_the_order_is_that_of_the_search_and_says_so(server):
    told = lambda **body: server.request("POST", "/vectors/search", json={"index": "parts", "query": QUERY, "k": 3, **body}).json()
    for mode in ("exact", "hnsw", "text", "hybrid"):
        plain = told(mode=mode)
        assert plain["warnings"] == [] and plain["reranked"] is False and plain["items"]
        for rerank in (True, {}, {"top_n": 60}):
            got = told(mode=mode, rerank=rerank)
            assert got["items"] == plain["items"] and got["reranked"] is False
            assert len(got["warnings"]) == 1 and "ai.rerank_provider" in got["warnings"][0]
    refused = search(server, 503, index="parts", query=QUERY, mode="hybrid", rerank={"model": "any"})
    assert refused["code"] == "unavailable" and "ai.rerank_provider" in refused["message"]
    assert "top_n" in search(server, 400, index="parts", query=QUERY, rerank={"top_n": 1})["message"]


def test_a_generator_is_not_asked_to_rerank(tmp_path):
    model = Scripted(reply({"choices": [{"message": {"content": "2, 1, 3"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}))
    server = Server(tmp_path / "lake", env={**HASH, "LAKEHOUSE__AI__GENERATE_PROVIDER": "openai", "LAKEHOUSE__AI__GENERATE_MODEL": "chat", "LAKEHOUSE__AI__GENERATE_URL": model.url})
    try:
        server.ingest(lines(PARTS), "parts")
        index(server, "parts")
        assert server.request("POST", "/ai/generate", json={"prompt": "Are you there?"}).status_code == 200 and model.seen
        model.seen.clear()
        for path, body in (("search", {"query": QUERY, "rerank": True}), ("search", {"query": QUERY, "mode": "hybrid", "rerank": {"top_n": 20}}), ("rag", {"question": QUERY, "rerank": True, "generate": False})):
            answer = server.request("POST", f"/vectors/{path}", json={"index": "parts", "k": 3, **body})
            assert answer.status_code == 200 and [text for text in answer.json()["warnings"] if "ai.rerank_provider" in text], answer.text
        assert server.request("POST", "/ai/rerank", json={"query": QUERY, "documents": ["a", "b"]}).status_code == 503
        assert search(server, 503, index="parts", query=QUERY, rerank={"model": "chat"})
        assert model.seen == []
    finally:
        server.stop()
        model.stop()


class Reranker(http.server.ThreadingHTTPServer):
    """POST /v1/rerank: the longer a document is the better it fits."""

    def __init__(self):
        asked = self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                asked.append(body)
                results = [{"index": i, "relevance_score": len(text)} for i, text in enumerate(body["documents"])]
                data = json.dumps({"results": sorted(results, key=lambda one: -one["relevance_score"])[:body["top_n"]]}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def test_the_first_are_reranked(tmp_path):
    reranker = Reranker()
    url = f"http://127.0.0.1:{reranker.server_port}/v1"
    lake = Lake.__new__(Lake)
    lake.server = Server(tmp_path / "lake", env={**KEYS, "LAKEHOUSE__AI__RERANK_PROVIDER": "openai", "LAKEHOUSE__AI__RERANK_MODEL": "r", "LAKEHOUSE__AI__RERANK_URL": url})
    lake.server.headers = {"X-API-Key": ADMIN}
    lake.ingest("parts", lines([*PARTS, RARE, BOTH]))
    index(lake.server, "parts", chunk={"size": 2000, "overlap": 0})
    ask = lambda **body: lake.server.request("POST", "/vectors/search", json={"index": "parts", "query": QUERY, "k": 3, **body}).json()
    answer = ask(mode="hybrid", rerank=True)
    assert answer["warnings"] == [] and answer["reranked"] is True and answer["items"][0]["id"] == "R001" and answer["items"][0]["score"] == len(RARE[2])
    assert len(answer["items"]) == 3 and answer["items"][0]["ranks"]["text"] and answer["items"][0]["columns"]["state"] == "TX"
    assert reranker.asked[-1]["query"] == QUERY and len(reranker.asked[-1]["documents"]) == 50
    fused = [hit["text"] for hit in ask(mode="hybrid", k=50)["items"]]
    assert reranker.asked[-1]["documents"] == fused
    for mode in ("exact", "hnsw", "text"):
        assert ask(mode=mode, rerank={"model": "r", "top_n": 5})["reranked"] and len(reranker.asked[-1]["documents"]) == 5
    asked = len(reranker.asked)
    assert ask(mode="text", query="zeppelin", rerank=True)["items"] == [] and len(reranker.asked) == asked
    assert lake.server.request("POST", "/vectors/search", json={"index": "parts", "query": "x", "rerank": {"model": "s"}}).status_code == 404
    # what is hidden is not sent away either
    key = lake.key("californian", allow("dataset", "data.parts", row_filter="state = 'CA'"), allow("index", "*"))
    assert ids(search(lake.server, key=key, index="parts", query=QUERY, mode="hybrid", rerank=True))[0] == "R002"
    assert len(reranker.asked[-1]["documents"]) == 31 and RARE[2] not in reranker.asked[-1]["documents"]
    reranker.shutdown()
    reranker.server_close()
    assert lake.server.request("POST", "/vectors/search", json={"index": "parts", "query": QUERY, "rerank": True}).status_code == 503
    lake.server.stop()

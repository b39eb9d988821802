"""Models of real servers: llama.cpp's llama-server by its OpenAI API, Ollama by its own and by its OpenAI API. Where one is not set up
(tools/setup-llama-server, tools/setup-ollama: minutes) its tests are skipped. The models are small: nothing is said of what they say."""
import json
import os
import pathlib
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import requests

from harness import Server, wait_for
from model_servers import EMBEDDER, GENERATOR, LLAMA_SERVER, OLLAMA, LlamaServer, Ollama, make_reranker
from test_ai import embed, events, generate, refused, settings, vectors
from test_ai_llama import SCHEMA
from test_rag import FERRY, NOTES, ask, index
from test_vectors import ended, lines, search, submit

KEY = "sk-0123456789abcdef"
WORDS = 24
needs_llama_server = pytest.mark.skipif(not LLAMA_SERVER.exists(), reason="llama-server is not there (tools/setup-llama-server)")
needs_ollama = pytest.mark.skipif(not OLLAMA.exists(), reason="Ollama is not there (tools/setup-ollama)")
needs_generator = pytest.mark.skipif(not GENERATOR.exists(), reason="SmolLM2 is not there (tools/setup-test-model)")
EACH = [pytest.param("llama-server", marks=needs_llama_server), pytest.param("ollama", marks=needs_ollama), pytest.param("ollama-v1", marks=needs_ollama)]
OWN = EACH[:2]
TEXTS = [
    "nurse", "Registered nurse, night shift, Denver.", "The quick brown fox jumps over the lazy dog", "Developer (Node.js, .NET) - 95 / h",
    "unbelievably antidisestablishmentarianism", "UPPER CASE lower case MiXeD", "SELECT name, rate FROM staff WHERE city = 'Denver';", "The contract ends in June. " * 40,
    *(f"text number {i} of nurse {i % 7} and welder {i % 11}" for i in range(40)),
]

SYMBOLS = "C++ and C# developer (Node.js, .NET) - $95/h"


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """servers(name): a server of models that is started when it is first asked for."""
    folder, running = tmp_path_factory.mktemp("models"), {}
    start = {
        "embed": lambda: LlamaServer(folder / "embed.log", EMBEDDER, "--embedding", "--alias", "minilm"),
        "generate": lambda: LlamaServer(folder / "generate.log", GENERATOR, "--ctx-size", 4096, "--parallel", 2, "--alias", "smol"),
        "ollama": lambda: Ollama(folder),
    }

    def get(name):
        if name not in running:
            running[name] = start[name]()
        return running[name]

    yield get
    for server in running.values():
        server.kill()


def embeds_by(servers, kind, **more):
    if kind == "ollama":
        return settings(embed_provider="ollama", embed_model="minilm", embed_url=servers("ollama").url, **more)
    return settings(embed_provider="openai", embed_model="minilm", embed_url=servers("embed" if kind == "llama-server" else "ollama").url + "/v1", **more)


def generates_by(servers, kind, **more):
    if kind == "ollama":
        return settings(generate_provider="ollama", generate_model="smol", generate_url=servers("ollama").url, **more)
    return settings(generate_provider="openai", generate_model="smol", generate_url=servers("generate" if kind == "llama-server" else "ollama").url + "/v1", **more)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """The same model in process."""
    running = Server(tmp_path_factory.mktemp("own") / "lake")
    yield running
    running.stop()


def health(server, task="embed"):
    return next(item for item in server.request("GET", "/ai/health").json()["tasks"] if item["task"] == task)


def cosines(left, right):
    left, right = (np.array(rows) / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (left, right))
    return (left * right).sum(axis=1)


# ---- embed ----

@pytest.mark.parametrize("kind", EACH)
def test_vectors_are_those_of_the_same_file_in_process(fresh, own, servers, kind):
    server = fresh(env=embeds_by(servers, kind, batch_texts=10))
    answer = embed(server, TEXTS)
    assert answer.status_code == 200, answer.text
    assert cosines(answer.json()["embeddings"], vectors(own, TEXTS)).min() > 0.999
    told = answer.json()["model"]["version"]
    assert told == servers("ollama").version("minilm") if kind == "ollama" else len(told) == 16
    used = server.request("GET", "/ai/usage").json()["items"][0]
    assert (used["calls"], used["failed"]) == (1, 0) and used["tokens_in"] > 5 * len(TEXTS)
    told = health(server)
    assert (told["status"], told["breaker"]) == ("ok", "closed")


@needs_llama_server
def test_symbols_are_read_as_in_process_by_llama_server(fresh, own, servers):
    """Ollama 0.17.4 does not part words at them, and has another vector (cosine .83): its model is another one to us, too."""
    assert cosines(vectors(fresh(env=embeds_by(servers, "llama-server")), [SYMBOLS]), vectors(own, [SYMBOLS])).min() > 0.999


@pytest.mark.parametrize("kind", OWN)
def test_a_text_longer_than_the_model_s_context_is_not_the_endpoint_s_fault(fresh, own, servers, kind):
    """Ollama cuts it, as we do in process; llama-server refuses it, as a failure of its own (500)."""
    server, text = fresh(env=embeds_by(servers, kind, breaker_failures=2)), "The contract ends in June. " * 400
    for _ in range(3):
        if kind == "ollama":
            assert cosines(vectors(server, [text]), vectors(own, [text])).min() > 0.99
        else:
            refused(embed(server, ["short", text]), 400, "invalid", "is too large to process")
    assert server.metric("lakehouse_ai_retries_total", task="embed") == 0 and health(server)["breaker"] == "closed"


@needs_llama_server
def test_a_row_that_llama_server_refuses_is_set_aside(fresh, servers):
    server = fresh(env=embeds_by(servers, "llama-server"))
    server.ingest(lines([(f"C{i:04d}", "TX", "June, contract. " * 800 if i == 7 else f"Nurse number {i}.") for i in range(20)]), "long")
    job = ended(server, submit(server, "long", chunk={"size": 100000, "overlap": 0}))
    assert [problem["item"] for problem in job["problems"]] == ["C0007"] and "too large to process" in job["problems"][0]["message"]
    assert server.sql("SELECT count(*) FROM vectors.long") == [[19]]


# ---- generate ----

@pytest.mark.parametrize("kind", EACH)
@needs_generator
def test_answers_are_as_they_are_asked_for(fresh, servers, kind):
    server = fresh(env=generates_by(servers, kind))

    def said(prompt, **members):
        answer = generate(server, prompt, **{"max_tokens": WORDS, "temperature": 0, "seed": 1, **members})
        assert answer.status_code == 200, answer.text
        return answer.json()

    whole = said("Tell me about lakes.")
    assert whole["finish_reason"] == "length" and whole["tokens"] == WORDS and whole["prompt_tokens"] > 5 and whole["text"]
    got = list(events(generate(server, "Tell me about lakes.", stream=True, max_tokens=WORDS, temperature=0, seed=1)))
    assert "".join(data["text"] for name, data in got if name == "piece") == whole["text"] and len(got) > 5
    assert got[-1][0] == "done" and got[-1][1]["finish_reason"] == "length" and got[-1][1]["tokens"] == WORDS
    stop = whole["text"].split()[3]
    cut = said("Tell me about lakes.", stop=[stop])
    assert cut["text"] == whole["text"][:whole["text"].index(stop)] and cut["finish_reason"] == "stop"
    drawn = [said("Tell me a story.", temperature=1.5, seed=seed)["text"] for seed in (7, 7, 8)]
    assert drawn[0] == drawn[1] != drawn[2]
    document = json.loads(said("Name a city as JSON.", json_schema=SCHEMA, max_tokens=200)["text"])
    assert set(document) == {"city", "big"} and isinstance(document["city"], str) and isinstance(document["big"], bool)
    used = server.request("GET", "/ai/usage").json()["items"][0]
    assert (used["calls"], used["failed"]) == (7, 0) and used["tokens_out"] > 3 * WORDS


@needs_llama_server
@needs_generator
def test_llama_server_follows_a_grammar_and_refuses_a_wrong_one(fresh, servers):
    server = fresh(env=generates_by(servers, "llama-server"))
    answer = generate(server, "Yes or no?", grammar='root ::= "yes" | "no"', max_tokens=8)
    assert answer.status_code == 200 and answer.json()["text"] in ("yes", "no"), answer.text
    refused(generate(server, "x", grammar="root ::= ("), 400, "invalid")
    assert health(server, "generate")["breaker"] == "closed"


@needs_ollama
@needs_generator
def test_ollama_has_no_grammar(fresh, servers):
    refused(generate(fresh(env=generates_by(servers, "ollama")), "x", grammar='root ::= "a"'), 400, "invalid", "grammar")


@pytest.mark.parametrize("kind", OWN)
@needs_generator
def test_a_prompt_beyond_the_context_is_refused_not_cut(fresh, servers, kind):
    server = fresh(env=generates_by(servers, kind))
    refused(generate(server, "word " * 5000, max_tokens=4), 400, "invalid", "context")
    assert server.metric("lakehouse_ai_retries_total", task="generate") == 0 and health(server, "generate")["breaker"] == "closed"


@needs_llama_server
@needs_generator
def test_a_reader_that_leaves_ends_the_work_at_the_endpoint(fresh, servers):
    server, busy = fresh(env=generates_by(servers, "llama-server")), lambda: [slot for slot in requests.get(servers("generate").url + "/slots", timeout=10).json() if slot["is_processing"]]
    with server.request("POST", "/ai/generate", json={"prompt": "Tell me a long story.", "stream": True, "max_tokens": 3500}, stream=True) as answer:
        next(answer.iter_lines())
        assert busy()
    wait_for(lambda: not busy())


# ---- rerank ----

@needs_llama_server
def test_llama_server_reranks(fresh, tmp_path):
    make_reranker(tmp_path / "reranker.gguf")
    endpoint = LlamaServer(tmp_path / "rerank.log", tmp_path / "reranker.gguf", "--rerank")
    try:
        server = fresh(env=settings(rerank_provider="openai", rerank_model="r", rerank_url=endpoint.url + "/v1", embed_provider="hash"))
        body = {"query": "night nurse", "documents": TEXTS[:8]}
        direct = requests.post(endpoint.url + "/v1/rerank", json={"model": "r", **body}, timeout=60).json()
        scores = {item["index"]: item["relevance_score"] for item in direct["results"]}
        assert len(set(scores.values())) == 8
        best = sorted(scores, key=scores.get, reverse=True)
        for top in (8, 3):
            answer = server.request("POST", "/ai/rerank", json={**body, "top_n": top})
            assert answer.status_code == 200, answer.text
            assert [item["index"] for item in answer.json()["results"]] == best[:top]
            assert [item["score"] for item in answer.json()["results"]] == pytest.approx([scores[i] for i in best[:top]], abs=1e-4)
        assert server.request("GET", "/ai/usage").json()["items"][0]["tokens_in"] == 2 * direct["usage"]["total_tokens"] > 0
        index(server, "notes", NOTES)
        answer = server.request("POST", "/vectors/search", json={"index": "notes", "query": FERRY, "k": 3, "mode": "hybrid", "rerank": True}).json()
        assert answer["reranked"] is True and len(answer["items"]) == 3
    finally:
        endpoint.kill()


# ---- an index, and answers from it ----

@pytest.mark.parametrize("kind", OWN)
@needs_generator
def test_an_index_is_made_searched_and_answered_from(fresh, servers, kind):
    server = fresh(env={**embeds_by(servers, kind), **generates_by(servers, kind)})
    index(server, "notes", NOTES)
    told = server.request("GET", "/vectors/indexes/notes").json()["model"]
    assert (told["provider"], told["dimensions"]) == ("ollama" if kind == "ollama" else "openai", 384)
    assert search(server, index="notes", query=FERRY, k=1)[0]["id"] == "ferry"
    whole = ask(server, FERRY, max_tokens=WORDS, k=2)
    assert whole["citations"][0]["id"] == "ferry" and whole["usage"]["prompt_tokens"] > 100 and 0 < whole["usage"]["tokens"] <= WORDS
    got = list(events(server.request("POST", "/vectors/rag", json={"question": FERRY, "index": "notes", "max_tokens": WORDS, "k": 2, "stream": True})))
    assert got[0][0] == "citations" and got[-1][0] == "done"


# ---- what goes wrong ----

def rows_of(count):
    return lines([(f"C{i:04d}", "TX", f"Nurse {i}.") for i in range(count)])


def begun(server, dataset, count):
    """A job that embeds many rows, and has some."""
    server.ingest(rows_of(count), dataset)
    job = submit(server, dataset)
    wait_for(lambda: server.request("GET", f"/jobs/{job['id']}").json()["done"] > 0)
    job = server.request("GET", f"/jobs/{job['id']}").json()
    assert job["state"] == "running", job
    return job


def all_there(server, job, dataset, count):
    job = ended(server, job)
    assert not job["problems"] and job["result"]["rows"] == count, job
    assert server.sql(f"SELECT count(*), count(DISTINCT id) FROM vectors.{dataset}") == [[count, count]]


@pytest.mark.parametrize("kind", OWN)
def test_a_job_waits_for_an_endpoint_that_is_killed_and_loses_nothing(fresh, servers, kind):
    server, count = fresh(env=embeds_by(servers, kind, batch_texts=16, retries=1, breaker_failures=2, breaker_ms=500)), 600
    endpoint = servers("embed" if kind == "llama-server" else "ollama")
    job = begun(server, "killed", count)
    endpoint.kill()
    try:
        wait_for(lambda: server.metric("lakehouse_ai_breaker_opened_total", task="embed") > 0)
        wait_for(lambda: server.request("GET", f"/jobs/{job['id']}").json()["state"] == "queued")
        refused(embed(server, "x"), 503, "unavailable", endpoint.url)
    finally:
        endpoint.start()
    all_there(server, job, "killed", count)
    wait_for(lambda: health(server)["status"] == "ok" and health(server)["breaker"] == "closed")


@needs_ollama
def test_a_runner_of_ollama_that_is_killed_is_no_fault_of_the_text(fresh, servers):
    """As when memory is short. Ollama answers 400 then, as for a text that it refuses: a job would set the row aside."""
    server, ollama = fresh(env=embeds_by(servers, "ollama")), servers("ollama")
    vectors(server, "x")
    busy = lambda: sum(sum(map(int, pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])) for pid in ollama.runners())
    before, texts = busy(), [f"The contract {i} ends in June. " * 60 for i in range(10)]
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(vectors, server, texts)
        wait_for(lambda: busy() > before + 20)  # ticks of a hundredth of a second
        for pid in ollama.runners():
            os.kill(pid, signal.SIGKILL)
        assert len(asked.result()) == 10
    assert server.metric("lakehouse_ai_retries_total", task="embed") == 1


@needs_llama_server
def test_a_server_that_still_loads_its_model_is_waited_for(fresh, tmp_path):
    endpoint = LlamaServer(tmp_path / "late.log", EMBEDDER, "--embedding")
    server = fresh(env=settings(embed_provider="openai", embed_model="m", embed_url=endpoint.url + "/v1", retries=20, breaker_failures=0))
    try:
        endpoint.kill()
        endpoint.start(wait=False)
        assert len(vectors(server, "x")[0]) == 384
    finally:
        endpoint.kill()


@needs_llama_server
def test_llama_server_s_key_and_a_path_that_it_was_not_started_for(fresh, tmp_path):
    endpoint = LlamaServer(tmp_path / "keyed.log", EMBEDDER, "--embedding", "--api-key", KEY)
    of = lambda **more: fresh(env=settings(embed_provider="openai", embed_model="m", embed_url=endpoint.url + "/v1", **more))
    try:
        assert len(vectors(of(embed_api_key=KEY), "x")[0]) == 384
        refused(embed(of(embed_api_key="sk-another"), "x"), 503, "unavailable", endpoint.url, "refuses the key (401)")
        server = fresh(env=settings(embed_provider="hash", rerank_provider="openai", rerank_model="m", rerank_url=endpoint.url + "/v1", rerank_api_key=KEY, breaker_failures=1))
        for _ in range(2):
            refused(server.request("POST", "/ai/rerank", json={"query": "a", "documents": ["b"]}), 503, "unavailable", "(501)", "--reranking")
        assert health(server, "rerank")["breaker"] == "closed"
    finally:
        endpoint.kill()


@needs_ollama
def test_a_model_of_ollama_that_is_not_there_or_goes_or_is_unloaded(fresh, servers):
    ollama = servers("ollama")
    absent = fresh(env=settings(embed_provider="ollama", embed_model="nothing", embed_url=ollama.url, breaker_failures=1))
    for _ in range(2):
        refused(embed(absent, "x"), 503, "unavailable", "has no model 'nothing'", "ollama pull")
    assert (health(absent)["status"], health(absent)["breaker"]) == ("failed", "closed") and "ollama pull" in health(absent)["message"]
    by_v1 = fresh(env=settings(embed_provider="openai", embed_model="nothing", embed_url=ollama.url + "/v1"))
    refused(embed(by_v1, "x"), 503, "unavailable", "has no such model or path (404)")
    ollama.create("passing", EMBEDDER)
    server = fresh(env=settings(embed_provider="ollama", embed_model="passing", embed_url=ollama.url))
    first = vectors(server, "night nurse")
    ollama.unload("passing")
    assert vectors(server, "night nurse") == pytest.approx(np.array(first)) and "passing:latest" in ollama.loaded()
    ollama.remove("passing")
    refused(embed(server, "x"), 503, "unavailable", "has no such model or path (404)")


@needs_ollama
@needs_generator
def test_a_generator_cannot_be_had_as_an_embedder_by_name_alone(fresh, servers):
    server = fresh(env=settings(generate_provider="ollama", generate_model="minilm", generate_url=servers("ollama").url))
    refused(generate(server, "x"), 400, "invalid", "does not support")

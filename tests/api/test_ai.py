"""Models: the hash embedder, endpoints that speak OpenAI's API (another lakehouse is one) or Ollama's, /v1 for OpenAI's own SDK, and faults."""
import hashlib
import json
import math
import random
import re
import socket
import struct
import threading
import time

import openai
import pytest
import requests

from endpoints import DONE, Proxy, Scripted, chunk, reply, said, stream
from governed import Lake
from harness import WAIT_SECONDS, Server, ServerFailed, wait_for

KEY = "sk-a-key-of-the-endpoint-0123456789"
TEXTS = [f"text number {i} of nurse {i % 7} and welder {i % 11}" for i in range(200)]


def settings(**values):
    """embed_url="…" is LAKEHOUSE__AI__EMBED_URL."""
    return {f"LAKEHOUSE__AI__{name.upper()}": str(value) for name, value in values.items()}


def embedder(url, **more):
    return settings(embed_provider="openai", embed_model="m", embed_url=url, **more)


def generator(url, **more):
    return settings(generate_provider="openai", generate_model="chat", generate_url=url, **more)


def embed(server, texts, **members):
    return server.request("POST", "/ai/embed", json={"input": texts, **members})


def vectors(server, texts):
    answer = embed(server, texts)
    assert answer.status_code == 200, answer.text
    return answer.json()["embeddings"]


def generate(server, prompt="say a", **members):
    return server.request("POST", "/ai/generate", json={"prompt": prompt, **members})


def refused(answer, status, code, *words):
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert all(word in answer.json()["error"]["message"] for word in words), answer.text
    return answer.json()["error"]["message"]


def endpoint_version(url, model):
    """Of a model whose provider tells none."""
    return hashlib.sha256(f"{url} {model}".encode()).hexdigest()[:16]


def embedded(*rows, **members):
    return reply({"data": [{"index": i, "embedding": row} for i, row in enumerate(rows)], "usage": {"prompt_tokens": 3}, **members})


@pytest.fixture
def scripted():
    """Starts a `Scripted` of the test's own."""
    started = []

    def start(*answers):
        started.append(Scripted(*answers))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def proxied(lake):
    proxy = Proxy(lake.url)
    yield proxy
    proxy.stop()


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """A lakehouse with the embedder hash: for SDKs, and as an endpoint of others."""
    running = Server(tmp_path_factory.mktemp("hash") / "root", env=settings(embed_provider="hash"))
    yield running
    running.stop()


@pytest.fixture
def sdk(lake):
    return openai.OpenAI(base_url=lake.url + "/v1", api_key="none", max_retries=0)


# ---- the embedder hash, and /v1 by OpenAI's SDK ----

def test_the_sdk_embeds_as_base64_and_as_floats(lake, sdk):
    got = sdk.embeddings.create(model="hash", input=TEXTS[:3])  # asks for base64 by itself
    plain = sdk.embeddings.create(model="hash", input=TEXTS[:3], encoding_format="float", user="me", dimensions=384)
    raw = vectors(lake, TEXTS[:3])
    assert [item.index for item in got.data] == [0, 1, 2] and got.model == "hash"
    assert [item.embedding for item in plain.data] == raw
    assert [struct.pack("<384f", *item.embedding) for item in got.data] == [struct.pack("<384f", *row) for row in raw]  # the same to the last bit
    assert got.usage.prompt_tokens == got.usage.total_tokens > 0
    assert all(math.isclose(sum(v * v for v in row), 1, abs_tol=1e-5) for row in raw)
    assert sdk.embeddings.create(model="hash", input="alone").data[0].embedding == pytest.approx(vectors(lake, "alone")[0], abs=1e-7)


def test_the_sdk_lists_models(sdk):
    assert [(model.id, model.owned_by) for model in sdk.models.list()] == [("hash", "hash")]


def test_the_sdk_gets_errors_of_its_own_kinds(sdk):
    with pytest.raises(openai.NotFoundError, match="there is no embed model 'other': GET /ai/models lists them") as caught:
        sdk.embeddings.create(model="other", input="x")
    assert caught.value.body == {"message": "there is no embed model 'other': GET /ai/models lists them", "type": "invalid_request_error", "param": None, "code": "not_found"}
    for members in ({"input": []}, {"input": ""}, {"input": [[1, 2]]}, {"input": ["x"] * 2049}, {"input": "x", "dimensions": 7}, {"input": "x", "encoding_format": "int8"}):
        with pytest.raises(openai.BadRequestError):
            sdk.embeddings.create(model="hash", **members)
    for tokens in ([1, 2], [[1, 2]]):  # as some send by themselves
        with pytest.raises(openai.BadRequestError, match="must be texts, not tokens"):
            sdk.embeddings.create(model="hash", input=tokens)
    with pytest.raises(openai.InternalServerError, match="no generate model is configured"):
        sdk.chat.completions.create(model="hash", messages=[{"role": "user", "content": "x"}])


def test_paths_and_keys_are_refused_in_the_words_of_openai(fresh):
    server = fresh(env={**settings(embed_provider="hash"), "LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": KEY})
    with pytest.raises(openai.AuthenticationError) as caught:
        openai.OpenAI(base_url=server.url + "/v1", api_key="wrong", max_retries=0).models.list()
    assert caught.value.body["type"] == "authentication_error" and caught.value.body["code"] == "unauthenticated"
    assert caught.value.request_id == caught.value.response.headers["X-Trace-Id"]
    client = openai.OpenAI(base_url=server.url + "/v1", api_key=KEY, max_retries=0)
    got = client.embeddings.with_raw_response.create(model="hash", input="x")
    assert len(got.parse().data) == 1 and got.request_id == got.headers["X-Trace-Id"]
    with pytest.raises(openai.NotFoundError) as caught:
        client.completions.create(model="hash", prompt="x")
    assert caught.value.body["type"] == "invalid_request_error" and caught.value.request_id == caught.value.response.headers["X-Trace-Id"]
    assert "X-Request-Id" not in server.request("GET", "/health").headers


def test_models_health_and_what_is_not_configured(lake):
    assert lake.request("GET", "/ai/models").json() == {"items": [{"task": "embed", "provider": "hash", "model": "hash", "in_use": True, "version": "1-384", "source": "configuration"}]}
    health = lake.request("GET", "/ai/health").json()
    assert health["status"] == "ok" and [task["status"] for task in health["tasks"]] == ["ok", "none", "none"]
    refused(generate(lake), 503, "unavailable", "no generate model is configured")
    answer = lake.request("POST", "/ai/rerank", json={"query": "q", "documents": ["d"]})
    refused(answer, 503, "unavailable", "no rerank model is configured")


def test_requests_beyond_a_cap_or_of_another_form_are_refused(lake):
    refused(embed(lake, ["x"] * 2049), 422, "limit", "2049", "2048")
    refused(embed(lake, ["x", "y" * (1 << 20) + "z"]), 422, "limit", "text 1", "1048576")
    refused(embed(lake, ["x", ""]), 400, "invalid", "text 1 is empty")
    refused(embed(lake, []), 400, "invalid", "no text")
    refused(embed(lake, [1]), 400, "invalid", "item 0")
    refused(embed(lake, "x", bogus=1), 400, "invalid", "bogus")
    refused(embed(lake, "x", model="other"), 404, "not_found", "'other'", "GET /ai/models")
    assert len(vectors(lake, ["y" * (1 << 20)])) == 1
    assert len(vectors(lake, ["x"] * 2048)) == 2048
    for members, word in (({"messages": [{"role": "user", "content": "x"}]}, "both"), ({"max_tokens": 0}, "max_tokens"), ({"top_p": 0}, "top_p"), ({"top_p": 1.1}, "top_p"), ({"prompt": None}, "either"), ({"temperature": 3}, "temperature"), ({"temperature": "x"}, "temperature"),
                          ({"seed": -1}, "seed"), ({"stop": [""]}, "stop 0"), ({"json_schema": {}, "grammar": "root ::= x"}, "both"), ({"json_schema": 1}, "schema"),
                          ({"max_tokens": "x"}, "max_tokens"), ({"stream": 1}, "stream")):
        refused(generate(lake, **members), 400, "invalid", word)
    refused(generate(lake, stop=["x"] * 17), 422, "limit", "17")
    for messages, word in (([], "no message"), ([{"role": "tool", "content": "x"}], "role"), ([{"role": "user"}], "content"), ({"role": "user"}, "array")):
        refused(lake.request("POST", "/ai/generate", json={"messages": messages}), 400, "invalid", word)
    refused(lake.request("POST", "/ai/generate", json={"messages": [{"role": "user", "content": "x"}] * 1001}), 422, "limit", "1001")


@pytest.mark.parametrize("values, word", [
    ({"embed_provider": "openai", "embed_url": "http://x"}, "ai.embed_model"), ({"embed_provider": "openai", "embed_model": "m"}, "ai.embed_url"),
    ({"embed_provider": "openai", "embed_model": "m", "embed_url": "ftp://x"}, "ai.embed_url"), ({"embed_provider": "hash", "embed_model": "hash-0"}, "hash-N"),
    ({"embed_provider": "openai", "embed_model": "m", "embed_url": "http://me:secret@x/v1"}, "ai.embed_url"), ({"embed_provider": "bogus"}, "embed_provider"),
    ({"embed_provider": "openai", "embed_model": "m", "embed_url": "http://x", "embed_api_key": "a\tb"}, "ai.embed_api_key"), ({"generate_provider": "hash"}, "generate_provider"),
])
def test_settings_that_cannot_be_are_told_at_the_start(tmp_path, values, word):
    with pytest.raises(ServerFailed, match=re.escape(word)) as caught:
        Server(tmp_path / "root", env=settings(**values))
    assert "secret" not in str(caught.value)


# ---- another lakehouse as the endpoint ----

def test_an_endpoint_gives_what_it_gives_directly_in_order(fresh, lake):
    server = fresh(env=settings(embed_provider="openai", embed_model="hash", embed_url=lake.url + "/v1/", batch_texts=64))
    before = lake.metric("lakehouse_ai_calls_total", task="embed")
    assert vectors(server, TEXTS) == vectors(lake, TEXTS)
    assert lake.metric("lakehouse_ai_calls_total", task="embed") == before + 4 + 1  # batches of 64
    assert server.request("GET", "/ai/models").json()["items"][0] == {"task": "embed", "provider": "openai", "model": "hash", "in_use": True, "version": endpoint_version(lake.url + "/v1", "hash"), "source": "configuration"}
    used = server.request("GET", "/ai/usage").json()["items"]
    assert used == [{"principal": "-", "task": "embed", "calls": 1, "failed": 0, "tokens_in": 200 * 9, "tokens_out": 0}]
    assert server.request("GET", "/ai/health").json()["status"] == "ok"


def test_many_callers_at_once_get_their_own_vectors(fresh, lake):
    server = fresh(env=settings(embed_provider="openai", embed_model="hash", embed_url=lake.url + "/v1", concurrency=3, queue_max=100, batch_texts=2))
    expected, wrong = vectors(lake, TEXTS), []

    def caller(start):
        for at in range(start, len(TEXTS), 16):
            if vectors(server, TEXTS[at:at + 5]) != expected[at:at + 5]:
                wrong.append(at)
            server.request("GET", "/ai/usage"), server.request("GET", "/ai/health"), server.request("GET", "/metrics")

    callers = [threading.Thread(target=caller, args=(start,)) for start in range(16)]
    for one in callers:
        one.start()
    for one in callers:
        one.join()
    assert not wrong
    used = server.request("GET", "/ai/usage").json()["items"][0]
    assert (used["calls"], used["failed"]) == (len(TEXTS), 0) and server.metric("lakehouse_ai_calls_waiting", task="embed") == 0


def test_a_call_is_a_span_of_its_request(fresh, scripted):
    endpoint = scripted(embedded([1, 0]))
    server = fresh("--set", "trace.exporter=stdout", env=embedder(endpoint.url))
    answer = embed(server, "x")
    root, sent = (headers["traceparent"].split("-") for headers in (answer.headers, endpoint.seen[0][1]))
    assert root[1] == sent[1] == answer.headers["X-Trace-Id"] and root[2] != sent[2]
    seen = []
    reading = threading.Thread(target=lambda: seen.extend(iter(server.process.stdout.readline, "")), daemon=True)
    reading.start()
    wait_for(lambda: any('"ai.embed"' in text and sent[2] in text for text in seen))


def test_the_key_goes_to_the_endpoint_and_nowhere_else(fresh):
    env = {**settings(embed_provider="hash"), "LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": KEY}
    guarded = fresh(env=env)
    more = {"embed_model": "hash", "retries": 0}
    keyed = fresh(env=settings(embed_provider="openai", embed_url=guarded.url + "/v1", embed_api_key=KEY, **more))
    wrong = fresh(env=settings(embed_provider="openai", embed_url=guarded.url + "/v1", embed_api_key="sk-a-wrong-key", **more))
    assert len(vectors(keyed, TEXTS)) == 200
    refused(embed(wrong, "x"), 503, "unavailable", guarded.url, "refuses the key (401)")
    health = wrong.request("GET", "/ai/health").json()
    assert health["status"] == "failed" and "refuses the key" in health["tasks"][0]["message"]
    for server in (keyed, wrong):
        assert not any(key in text for key in (KEY, "sk-a-wrong") for text in (server.log_text(), json.dumps(health)))


def test_a_cut_answer_is_asked_for_again(fresh, lake, proxied):
    server = fresh(env=settings(embed_provider="openai", embed_model="hash", embed_url=proxied.url + "/v1", retries=20, breaker_failures=0))
    proxied.mode, proxied.bytes = "cut", 900
    answers = []
    asking = threading.Thread(target=lambda: answers.append(embed(server, TEXTS[:5])))
    asking.start()
    wait_for(lambda: proxied.connections >= 2)
    proxied.mode = "pass"
    asking.join()
    assert answers[0].json()["embeddings"] == vectors(lake, TEXTS[:5])
    assert server.metric("lakehouse_ai_retries_total", task="embed") >= 1


def test_tries_come_to_an_end(fresh, proxied):
    server = fresh(env=settings(embed_provider="openai", embed_model="hash", embed_url=proxied.url + "/v1", retries=2, breaker_failures=0))
    proxied.mode = "refuse"
    refused(embed(server, "x"), 503, "unavailable", proxied.url)
    assert server.metric("lakehouse_ai_retries_total", task="embed") == 2
    assert server.metric("lakehouse_ai_calls_failed_total", task="embed") == 1


def test_an_endpoint_that_speaks_no_http_is_tried_again(fresh, proxied):
    server = fresh(env=settings(embed_provider="openai", embed_model="hash", embed_url=proxied.url + "/v1", retries=1))
    proxied.mode = b"garbage\r\n\r\n"
    refused(embed(server, "x"), 503, "unavailable", proxied.url)
    assert proxied.connections == 2


def test_an_endpoint_that_is_silent_runs_into_the_time_out(fresh, proxied):
    server = fresh(env=settings(embed_provider="openai", embed_model="hash", embed_url=proxied.url + "/v1", retries=1, timeout_ms=300))
    proxied.mode = "silent"
    refused(embed(server, "x"), 503, "unavailable", proxied.url)
    wait_for(lambda: proxied.connections == 2)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_statuses_that_pass_are_tried_again_and_retry_after_is_heeded(fresh, scripted, status):
    endpoint = scripted(reply({}, status, Retry_After="1"), embedded([1, 0]))
    server = fresh(env=embedder(endpoint.url, retries=1))
    started = time.monotonic()
    assert vectors(server, "x") == [[1, 0]]
    assert time.monotonic() - started >= 1 and len(endpoint.seen) == 2


def test_a_retry_after_beyond_the_bound_is_not_waited_for(fresh, scripted):
    endpoint = scripted(reply({}, 429, Retry_After="3600"), embedded([1, 0]))
    server = fresh(env=embedder(endpoint.url))
    refused(embed(server, "x"), 503, "unavailable", "has too many requests (429)")
    assert len(endpoint.seen) == 1


@pytest.mark.parametrize("status, code", [(400, "invalid"), (401, "unavailable"), (404, "unavailable"), (413, "invalid"), (422, "invalid"), (301, "unavailable"), (418, "unavailable")])
def test_statuses_that_stay_are_not_tried_again(fresh, scripted, status, code):
    endpoint = scripted(reply({"error": {"message": "so it is"}}, status, Location="http://127.0.0.1:1/"))
    server = fresh(env=embedder(endpoint.url))
    refused(embed(server, "x"), 400 if code == "invalid" else 503, code, endpoint.url, f"({status})", ": so it is")
    assert len(endpoint.seen) == 1


def test_a_breaker_opens_lets_one_through_and_closes(fresh, lake, proxied):
    more = {"retries": 0, "breaker_failures": 3, "breaker_ms": 500}
    server = fresh(env=settings(embed_provider="openai", embed_model="hash", embed_url=proxied.url + "/v1", **more))
    state = lambda: server.request("GET", "/ai/health").json()["tasks"][0]["breaker"]
    proxied.mode = "refuse"
    for _ in range(3):
        refused(embed(server, "x"), 503, "unavailable")
    assert proxied.connections == 3
    wait_for(lambda: "left alone" not in embed(server, "x").text)  # half open: one went through, and failed
    assert proxied.connections == 4  # what the open breaker refused has none
    opened = lambda: server.metric("lakehouse_ai_breaker_opened_total", task="embed")
    assert opened() == 2
    another = {"name": "another", "task": "embed", "provider": "openai", "model": "other", "url": proxied.url + "/v1", "check": False}
    assert server.request("POST", "/ai/models", json=another).status_code == 201
    assert opened() == 2  # of two models, one endpoint
    proxied.mode = "pass"
    wait_for(lambda: embed(server, "x").status_code == 200)
    assert proxied.connections == 5 and state() == "closed"


def test_tries_end_when_the_breaker_opens_and_the_error_says_what_was_wrong(fresh, scripted):
    endpoint = scripted(reply({"error": "out of order"}, 503))
    server = fresh(env=embedder(endpoint.url, retries=10, breaker_failures=2, breaker_ms=60000))
    refused(embed(server, "x"), 503, "unavailable", "failed (503): out of order")
    assert len(endpoint.seen) == 2
    refused(embed(server, "x"), 503, "unavailable", "is left alone; it is tried again in ")
    assert len(endpoint.seen) == 2 and server.request("GET", "/ai/health").json()["tasks"][0]["breaker"] == "open"
    assert server.metric("lakehouse_ai_breaker_opened_total", task="embed") == 1


def test_an_endpoint_that_refuses_a_request_is_not_taken_for_dead(fresh, scripted):
    endpoint = scripted(reply({}, 400))
    server = fresh(env=embedder(endpoint.url, breaker_failures=2))
    for _ in range(5):
        refused(embed(server, "x"), 400, "invalid")
    assert len(endpoint.seen) == 5
    large = scripted(stream(b"data: " + b"x" * (1 << 20) + b"y\n\n"))
    server = fresh(env=generator(large.url, breaker_failures=1))
    for _ in range(3):
        refused(generate(server), 422, "limit")
    assert len(large.seen) == 3


def test_whose_fault_it_is_where_the_status_says_otherwise(fresh, scripted):
    """In the words of llama-server and Ollama; test_ai_real.py has these of the real ones."""
    error = lambda text, status: reply({"error": {"message": text}}, status)
    endpoint = scripted(error("input (2402 tokens) is too large to process. increase the physical batch size", 500))
    server = fresh(env=embedder(endpoint.url, breaker_failures=1))
    for _ in range(2):
        refused(embed(server, "x"), 400, "invalid", "too large to process")
    assert len(endpoint.seen) == 2
    endpoint = scripted(error("This server does not support embeddings.", 501))
    server = fresh(env=embedder(endpoint.url, breaker_failures=1))
    for _ in range(2):
        refused(embed(server, "x"), 503, "unavailable", "(501): This server")
    assert len(endpoint.seen) == 2
    endpoint = scripted(tags("d", "m:latest"), reply({"error": "do embedding request: EOF"}, 400), reply({"embeddings": [[1, 0]]}), tags("d", "m:latest"), reply({"error": "the input length exceeds the context length"}, 400))
    server = fresh(env=settings(embed_provider="ollama", embed_model="m", embed_url=endpoint.url, retries=1))
    assert vectors(server, "x") == [[1, 0]]
    refused(embed(server, "x"), 400, "invalid", "context length")
    assert len(endpoint.seen) == 5


@pytest.mark.parametrize("answer, words", [
    (embedded([1.0, 2.0]), "2 texts"), (embedded([1.0], [1.0], [1.0]), "2 texts"), (embedded([1.0], [1.0, 2.0]), "2 texts"), (embedded([], []), "2 texts"),
    (embedded([1.0], [None]), "no number"), (embedded([1.0], ["x"]), "no number"), (embedded([1.0], [1e300]), "no number"), (embedded("AACAfw==", "AACAPw=="), "no number"),
    (embedded("AAAA", "AAAA"), "2 texts"), (reply({"data": [{"index": 1, "embedding": [1]}, {"index": 1, "embedding": [1]}]}), "2 texts"),
    (reply({"data": [{"index": 0, "embedding": [1]}, {"index": 2, "embedding": [1]}]}), "2 texts"), (reply({"data": 7}), "2 texts"), (reply([]), "2 texts"),
    (reply(b"<html>"), "no JSON"), (reply(b"[NaN]"), "no JSON"), (reply(b""), "no JSON"),
])
def test_vectors_that_make_no_sense_are_refused(fresh, scripted, answer, words):
    endpoint = scripted(answer)
    server = fresh(env=embedder(endpoint.url))
    refused(embed(server, ["a", "b"]), 500, "corrupt", endpoint.url, words)
    assert len(endpoint.seen) == 1


def test_batches_of_other_dimensions_are_refused(fresh, scripted):
    server = fresh(env=embedder(scripted(embedded([1.0, 0.0]), embedded([1.0])).url, batch_texts=1))
    refused(embed(server, ["a", "b"]), 500, "corrupt", "2 dimensions, and then of 1")


def test_vectors_come_back_by_their_index_and_from_base64(fresh, scripted):
    endpoint = scripted(reply({"data": [{"index": 1, "embedding": "AACAPwAAAAA="}, {"index": 0, "embedding": "AAAAPwAAAMA="}]}))
    assert vectors(fresh(env=embedder(endpoint.url)), ["a", "b"]) == [[0.5, -2], [1, 0]]


def test_neither_key_nor_text_comes_back_in_errors_or_logs(fresh, scripted):
    secret = "the patient's number is 555-0199 and nobody's business"
    said_back = [f"Incorrect API key provided: {KEY}", f"cannot embed: {secret}", f"bad\nkey {KEY[:9]}…", secret[10:40]]
    endpoint = scripted(*(reply({"error": {"message": text}}, status) for text in said_back for status in (400, 500)), reply({"error": secret}, 500))
    env = {**embedder(endpoint.url, embed_api_key=KEY, retries=0, breaker_failures=0), **generator(endpoint.url, generate_api_key=KEY), "LAKEHOUSE__LOG__LEVEL": "debug"}
    server = fresh(env=env)
    for i in range(2 * len(said_back)):
        message = embed(server, secret).json()["error"]["message"]
        assert message == f"{endpoint.url} {'failed (500)' if i % 2 else 'refuses the request (400)'}"
    assert secret[:12] not in generate(server, secret).text
    assert {headers["Authorization"] for _, headers, _ in endpoint.seen} == {f"Bearer {KEY}"}
    server.stop()
    assert not any(part in server.log_text() for part in (KEY[:9], "555-0199", "nobody's business", "patient"))


def test_an_endpoint_s_words_are_one_short_line(fresh, scripted):
    server = fresh(env=embedder(scripted(reply({"error": {"message": "a\r\nb\x07" + "ä" * 500}}, 400)).url))
    message = refused(embed(server, "x"), 400, "invalid")
    assert "a  b " in message and len(message) < 250 and message.endswith("ä")


def test_numbers_keep_their_last_bit(fresh, scripted):
    generator = random.Random(7)
    sizes = [10.0 ** -k * f for k in range(-12, 13) for f in (1, 0.99999999, 1.0000001, 0.5, 9.9999999)] + [0.0, 1.4e-45, 3.4e38, 0.1, 0.3, 1 / 3]
    sizes += [generator.uniform(-1, 1) * 10 ** generator.uniform(-8, 1) for _ in range(8000)]
    sent = [struct.unpack("<f", struct.pack("<f", sign * value))[0] for value in sizes for sign in (1, -1)]
    got = vectors(fresh(env=embedder(scripted(embedded(sent)).url)), "x")[0]
    assert struct.pack(f"<{len(sent)}f", *got) == struct.pack(f"<{len(sent)}f", *(value + 0.0 for value in sent))


# ---- generate: streams, of a server that plays the forms ----

def test_a_stream_is_put_together(fresh, scripted):
    endpoint = scripted(stream(*said("Hel", "lo ", "wörld")))
    server = fresh(env=generator(endpoint.url + "/v1"))
    answer = generate(server, "hi", seed=7, temperature=0.5, max_tokens=9, stop=["END", "x"], json_schema={"type": "object"})
    assert answer.json() == {"model": {"provider": "openai", "name": "chat", "version": endpoint_version(endpoint.url + "/v1", "chat")}, "text": "Hello wörld", "finish_reason": "stop", "prompt_tokens": 7, "tokens": 2}
    path, _, body = endpoint.seen[0]
    assert path == "/v1/chat/completions" and body == {
        "model": "chat", "messages": [{"role": "user", "content": "hi"}], "stream": True, "stream_options": {"include_usage": True}, "temperature": 0.5, "seed": 7, "max_tokens": 9,
        "stop": ["END", "x"], "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": True}}}
    assert generate(server, "hi", grammar='root ::= "a"').status_code == 200 and endpoint.seen[1][2]["grammar"] == 'root ::= "a"'
    used = server.request("GET", "/ai/usage").json()["items"]
    assert used == [{"principal": "-", "task": "generate", "calls": 2, "failed": 0, "tokens_in": 14, "tokens_out": 4}]


def pieces_of(data, size):
    return [data[i:i + size] for i in range(0, len(data), size)]


@pytest.mark.parametrize("answer", [
    stream(*pieces_of(b"".join(said("Hel", "lo ", "wörld")), 1)), stream(*pieces_of(b"".join(said("Hel", "lo ", "wörld")).replace(b"\n", b"\r\n"), 7)),
    stream(b": ping\n\nevent: message\n" + b": ping\n".join(said("Hello wörld"))), stream(chunk("Hello wörld"), chunk(reason="stop").rstrip()), stream(chunk("Hello wörld"), DONE),
    reply({"choices": [{"message": {"content": "Hello wörld"}, "finish_reason": "stop"}]}),
], ids=["bytes", "crlf", "comments", "no-end", "done-only", "not-streamed"])
def test_forms_of_streams(fresh, scripted, answer):
    server = fresh(env=generator(scripted(answer).url))
    assert (generate(server).json()["text"], generate(server).json()["finish_reason"]) == ("Hello wörld", "stop")


def events(answer):
    """(event, JSON) of each server-sent event."""
    for block in filter(None, answer.content.decode().split("\n\n")):
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        yield lines.get("event"), lines["data"] if lines["data"] == "[DONE]" else json.loads(lines["data"])


def test_pieces_are_streamed_on(fresh, scripted):
    endpoint = scripted(stream(*said("a", "b", reason="length")))
    server = fresh(env=generator(endpoint.url))
    answer = generate(server, stream=True)
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert list(events(answer)) == [("piece", {"text": "a"}), ("piece", {"text": "b"}), (
        "done", {"model": {"provider": "openai", "name": "chat", "version": endpoint_version(endpoint.url, "chat")}, "finish_reason": "length", "prompt_tokens": 7, "tokens": 2})]


def test_the_sdk_chats(fresh, scripted):
    endpoint = scripted(stream(*said("Hel", "lo")))
    server = fresh(env=generator(endpoint.url))
    client = openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)
    messages = [{"role": "developer", "content": "be kind"}, {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]
    whole = client.chat.completions.create(model="chat", messages=messages, n=1, top_p=1, max_completion_tokens=5, response_format={"type": "json_object"})
    assert (whole.choices[0].message.content, whole.choices[0].finish_reason, whole.usage.total_tokens, whole.object) == ("Hello", "stop", 9, "chat.completion")
    assert endpoint.seen[0][2]["messages"] == [{"role": "system", "content": "be kind"}, {"role": "user", "content": "ab"}]
    assert endpoint.seen[0][2]["max_tokens"] == 5 and endpoint.seen[0][2]["response_format"]["json_schema"]["schema"] == {"type": "object"}
    got = list(client.chat.completions.create(model="chat", messages=messages, stream=True, stream_options={"include_usage": True}))
    assert "".join(part.choices[0].delta.content or "" for part in got if part.choices) == "Hello"
    assert got[-2].choices[0].finish_reason == "stop" and got[-1].usage.total_tokens == 9 and len({part.id for part in got}) == 1
    assert all(part.usage is None for part in client.chat.completions.create(model="chat", messages=messages, stream=True))
    for members in ({"n": 2}, {"top_p": 0}, {"top_p": 1.5}, {"logprobs": True}, {"tools": [{"type": "function", "function": {"name": "f"}}]}, {"tool_choice": "auto"}, {"logit_bias": {"1": 5}}, {"max_tokens": 0},
                    {"response_format": {"type": "json_schema"}}):
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(model="chat", messages=messages, **members)
    client.chat.completions.create(model="chat", messages=messages, top_p=0.5, tools=[], tool_choice="none", logit_bias={}, parallel_tool_calls=False, n=1, user="ann", store=False,
                                   presence_penalty=0, frequency_penalty=0, logprobs=False, extra_body={"functions": [], "function_call": "none"})
    assert endpoint.seen[-1][2]["top_p"] == 0.5 and not {"tools", "logit_bias", "max_tokens"} & set(endpoint.seen[-1][2])
    assert generate(server, top_p=0.25).status_code == 200 and endpoint.seen[-1][2]["top_p"] == 0.25
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="other", messages=messages)
    assert (client.models.retrieve("chat").id, client.models.retrieve("chat").owned_by) == ("chat", "openai")
    with pytest.raises(openai.NotFoundError, match="there is no model 'other/one': GET /v1/models lists them"):
        client.models.retrieve("other/one")


def test_an_answer_is_a_message_of_the_next_request(fresh, scripted):
    endpoint = scripted(stream(*said("Hel", "lo")))
    client = openai.OpenAI(base_url=fresh(env=generator(endpoint.url)).url + "/v1", api_key="none", max_retries=0)
    messages = [{"role": "user", "content": "a"}]
    answer = client.chat.completions.create(model="chat", messages=messages).choices[0].message.model_dump()
    assert answer["refusal"] is None and answer["tool_calls"] is None  # what is not set is null
    client.chat.completions.create(model="chat", messages=messages + [{**answer, "annotations": [], "tool_calls": []}, {"role": "user", "content": "b"}], extra_body={"reasoning_effort": None})
    assert endpoint.seen[1][2]["messages"] == [{"role": "user", "content": "a"}, {"role": "assistant", "content": "Hello"}, {"role": "user", "content": "b"}]
    for more in ({"refusal": "no"}, {"tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}):
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(model="chat", messages=messages + [{**answer, **more}])
    assert len(endpoint.seen) == 2


def test_a_stream_says_once_whose_message_it_is(fresh, scripted):
    server = fresh(env=generator(scripted(stream(*said("Hel", "lo")), stream(chunk(reason="stop"), DONE)).url))
    client = openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)
    ask = lambda: [part.choices[0].delta.model_dump(exclude_unset=True) for part in client.chat.completions.create(model="chat", messages=[{"role": "user", "content": "x"}], stream=True)]
    assert ask() == [{"role": "assistant", "content": "Hel"}, {"content": "lo"}, {}]
    assert ask() == [{"role": "assistant", "content": ""}]


def test_a_stream_that_breaks_before_its_first_piece_is_asked_for_again(fresh, scripted):
    endpoint = scripted(stream(b": ping\n\n", cut=True), stream(), reply({}, 503), stream(b'data: {"error":{"message":"busy"}}\n\n'), stream(*said("a")))
    server = fresh(env=generator(endpoint.url, retries=4, breaker_failures=0))
    assert [kind for kind, _ in events(generate(server, stream=True))] == ["piece", "done"] and len(endpoint.seen) == 5


def test_a_stream_that_breaks_after_a_piece_is_not_asked_for_again(fresh, scripted):
    endpoint = scripted(stream(chunk("a"), cut=True))
    server = fresh(env=generator(endpoint.url))
    with requests.post(server.url + "/ai/generate", json={"prompt": "x", "stream": True}, stream=True) as answer:
        data = b""
        with pytest.raises(requests.RequestException):  # cut, so that nobody takes it for whole
            for part in answer.iter_content(None):
                data += part
    assert b"event: piece" in data and b"event: error" in data and b'"unavailable"' in data and len(endpoint.seen) == 1
    client = openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)
    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(model="chat", messages=[{"role": "user", "content": "x"}], stream=True))
    assert len(endpoint.seen) == 2
    endpoint.answers[0:1] = [stream(chunk("a"), cut=True), stream(*said("b"))]
    assert generate(server).json()["text"] == "b"  # nobody has seen "a"


@pytest.mark.parametrize("answer, status, code", [
    (stream(b"data: {oops\n\n"), 500, "corrupt"), (stream(b"data: 7\n\n"), 500, "corrupt"), (stream(b"data: " + b"x" * (1 << 20) + b"y\n\n"), 422, "limit"),
    (stream(*[chunk("y" * 500000)] * 9), 422, "limit"),
], ids=["no-json", "no-object", "event", "text"])
def test_streams_that_make_no_sense_or_do_not_end(fresh, scripted, answer, status, code):
    endpoint = scripted(answer)
    refused(generate(fresh(env=generator(endpoint.url))), status, code)
    assert len(endpoint.seen) == 1


def endless(gone, began):
    def send(handler, body):
        stream(chunk("a"), cut=True)(handler, body)
        handler.close_connection = True
        began.set()
        try:
            while not gone.is_set():
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(chunk("b")), chunk("b")))
                time.sleep(0.01)
        except OSError:
            gone.set()

    return send


def test_a_client_that_goes_away_ends_the_call(fresh, scripted):
    gone, began = threading.Event(), threading.Event()
    server = fresh(env=generator(scripted(endless(gone, began)).url))
    body = json.dumps({"prompt": "x", "stream": True}).encode()
    host, port = server.url.split("//")[1].split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"POST /ai/generate HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        assert b"200" in connection.recv(100)
    assert gone.wait(WAIT_SECONDS)
    wait_for(lambda: server.metric("lakehouse_ai_calls_running", task="generate") == 0)


def test_calls_beyond_the_slots_and_the_queue_are_503(fresh, scripted):
    gone, began = threading.Event(), threading.Event()
    server = fresh(env=generator(scripted(endless(gone, began)).url, concurrency=1, queue_max=0))
    with requests.post(server.url + "/ai/generate", json={"prompt": "x", "stream": True}, stream=True):
        assert began.wait(WAIT_SECONDS)
        answer = generate(server)
        refused(answer, 503, "unavailable", "1 calls to this model run and 0 wait already")
        assert answer.headers["Retry-After"]
    assert gone.wait(WAIT_SECONDS)


# ---- rerank ----

def test_documents_are_ranked(fresh, scripted):
    ranked = {"results": [{"index": 2, "relevance_score": 0.1}, {"index": 0, "relevance_score": 0.9}, {"index": 1, "relevance_score": -3}], "usage": {"total_tokens": 11}}
    endpoint = scripted(reply(ranked))
    server = fresh(env=settings(rerank_provider="openai", rerank_model="r", rerank_url=endpoint.url + "/v1"))
    ask = lambda **members: server.request("POST", "/ai/rerank", json={"query": "q", "documents": ["a", "b", "c"], **members})
    assert ask().json() == {"model": {"provider": "openai", "name": "r", "version": endpoint_version(endpoint.url + "/v1", "r")}, "tokens": 11,
                            "results": [{"index": 0, "score": 0.9}, {"index": 2, "score": 0.1}, {"index": 1, "score": -3}]}
    assert [item["index"] for item in ask(top_n=1).json()["results"]] == [0]
    path, _, body = endpoint.seen[1]
    assert (path, body) == ("/v1/rerank", {"model": "r", "query": "q", "documents": ["a", "b", "c"], "top_n": 1})
    refused(ask(query=""), 400, "invalid", "the query is empty")
    refused(ask(documents=[]), 400, "invalid", "no document")


@pytest.mark.parametrize("results", [
    [{"index": 0, "relevance_score": 1}], [{"index": 0, "relevance_score": 1}, {"index": 0, "relevance_score": 1}], [{"index": 0, "relevance_score": 1}, {"index": 2, "relevance_score": 1}],
    [{"index": 0, "relevance_score": 1}, {"index": 1}], 7])
def test_rankings_that_make_no_sense_are_refused(fresh, scripted, results):
    server = fresh(env=settings(rerank_provider="openai", rerank_model="r", rerank_url=scripted(reply({"results": results})).url))
    refused(server.request("POST", "/ai/rerank", json={"query": "q", "documents": ["a", "b"]}), 500, "corrupt")


# ---- Ollama's API, as its documentation has it: no real Ollama is at hand ----

def tags(digest, name="minilm:latest"):
    return reply({"models": [{"name": name, "model": name, "size": 1, "digest": digest, "details": {"format": "gguf"}}]})


def test_ollama_embeds_and_its_digest_is_the_version(fresh, scripted):
    two = reply({"model": "minilm", "embeddings": [[1, 0], [0, 1]], "prompt_eval_count": 4})
    endpoint = scripted(tags("sha256:one"), two, tags("sha256:one"), two)
    server = fresh(env=settings(embed_provider="ollama", embed_model="minilm", embed_url=endpoint.url))
    assert server.request("GET", "/ai/models").json()["items"][0]["version"] is None and not endpoint.seen
    got = embed(server, ["a", "b"]).json()
    assert got["embeddings"] == [[1, 0], [0, 1]] and got["model"] == {"provider": "ollama", "name": "minilm", "version": "sha256:one"} and got["tokens"] == 4
    assert [path for path, _, _ in endpoint.seen] == ["/api/tags", "/api/embed", "/api/tags"] and endpoint.seen[1][2] == {"model": "minilm", "input": ["a", "b"]}
    assert server.request("GET", "/ai/models").json()["items"][0]["version"] == "sha256:one"
    refused(embed(server, ["a"]), 500, "corrupt", "1 texts")  # two vectors


def test_vectors_are_of_the_version_that_ollama_had_before_and_behind_them(fresh, scripted):
    """`ollama pull` while it embeds: whose vectors these are is not known, so they are made once more."""
    first, second = (reply({"embeddings": [[number, 0]]}) for number in (1, 2))
    endpoint = scripted(tags("one"), first, tags("two"), second, tags("two"), second, tags("three"))
    server = fresh(env=settings(embed_provider="ollama", embed_model="minilm", embed_url=endpoint.url, retries=1))
    got = embed(server, "a").json()
    assert got["embeddings"] == [[2, 0]] and got["model"]["version"] == "two" and len(endpoint.seen) == 5
    server = fresh(env=settings(embed_provider="ollama", embed_model="minilm", embed_url=scripted(tags("two"), second, tags("three")).url, retries=0))
    refused(embed(server, "a"), 503, "unavailable", "became another one")


def test_ollama_has_not_the_model(fresh, scripted):
    server = fresh(env=settings(embed_provider="ollama", embed_model="minilm", embed_url=scripted(tags("x", "minilm-large:latest")).url))
    refused(embed(server, "a"), 503, "unavailable", "has no model 'minilm'")
    assert "has no model" in server.request("GET", "/ai/health").json()["tasks"][0]["message"]


def line(text="", **members):
    return json.dumps({"model": "l", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": text}, "done": False, **members}).encode() + b"\n"


def test_ollama_generates(fresh, scripted):
    end = line(done=True, done_reason="length", prompt_eval_count=5, eval_count=3)
    ndjson = lambda *parts, **options: stream(*parts, content_type="application/x-ndjson", **options)
    endpoint = scripted(tags("d", "l:latest"), ndjson(*pieces_of(line("Hel") + line("lo ü") + end, 3)), ndjson(line("a"), cut=True), ndjson(line("b"), b'{"error":"gone"}\n'), ndjson(line("c"), end))
    server = fresh(env=settings(generate_provider="ollama", generate_model="l", generate_url=endpoint.url, retries=2))
    refused(generate(server, grammar="root ::= x"), 400, "invalid", "no grammar")
    assert not endpoint.seen
    got = generate(server, temperature=0, seed=1, max_tokens=3, stop="S", json_schema={"type": "object"})
    assert got.status_code == 200, got.text
    got = got.json()
    assert (got["text"], got["finish_reason"], got["prompt_tokens"], got["tokens"], got["model"]["version"]) == ("Hello ü", "length", 5, 3, "d")
    assert endpoint.seen[1][0] == "/api/chat" and endpoint.seen[1][2] == {
        "model": "l", "messages": [{"role": "user", "content": "say a"}], "stream": True, "truncate": False, "shift": False, "format": {"type": "object"},
        "options": {"temperature": 0, "seed": 1, "num_predict": 3, "stop": ["S"]}}
    assert generate(server).json()["text"] == "c" and len(endpoint.seen) == 5


# ---- who may call models ----

def allow(*grants):
    return [{"effect": effect, "on": "tool", "name": name, "actions": ["read"]} for effect, name in grants]


def test_who_has_roles_needs_a_grant_on_the_tool_ai(tmp_path, monkeypatch):
    for name, value in settings(embed_provider="hash").items():
        monkeypatch.setenv(name, value)
    lake = Lake(tmp_path / "root")
    everything = {"effect": "allow", "on": "namespace", "name": "*", "actions": ["read"]}
    may = {"granted": lake.key("granted", *allow(("allow", "ai"))), "any": lake.key("any", *allow(("allow", "*"))), "agent": lake.key("agent", roles=("agent",)),
           "boss": lake.key("boss", roles=("admin",)), "whole": lake.call("POST", "/access/keys", 201, {"name": "k", "permission": "read"})["key"]}
    may_not = {"other": lake.key("other", *allow(("allow", "search"))), "denied": lake.key("denied", *allow(("allow", "*"), ("deny", "ai"))),
               "denied_whole": lake.key("denied_whole", everything, *allow(("deny", "ai"))), "analyst": lake.key("analyst", roles=("analyst",))}
    body, chat = {"input": "x y", "model": "hash"}, {"messages": [{"role": "user", "content": "x"}], "model": "hash"}
    calls = [("GET", "/ai/models", None), ("GET", "/ai/health", None), ("GET", "/ai/usage", None), ("GET", "/v1/models", None), ("GET", "/v1/models/hash", None), ("POST", "/ai/embed", body), ("POST", "/v1/embeddings", body)]
    absent = [("POST", "/ai/generate", {"prompt": "x"}), ("POST", "/ai/rerank", {"query": "q", "documents": ["d"]}), ("POST", "/v1/chat/completions", chat)]
    for method, path, sent in calls + absent:
        for name, key in may.items():
            lake.call(method, path, 200 if (method, path, sent) in calls else 503, sent, key=key)
        for name, key in may_not.items():
            lake.call(method, path, 403, sent, key=key)
    seen = lambda key: {item["principal"]: item for item in lake.call("GET", "/ai/usage", 200, key=key)["items"]}
    assert set(seen(may["granted"])) == {"granted"} and seen(may["granted"])["granted"]["calls"] == 2 and seen(may["granted"])["granted"]["tokens_in"] == 4
    assert {"granted", "any", "agent", "boss"} < set(seen(may["boss"])) and not set(may_not) & set(seen(may["boss"]))
    lake.server.stop()

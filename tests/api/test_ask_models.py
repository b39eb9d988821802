"""What a model gets of Ask: a grammar of what its caller sees."""
import json
import re

import pytest

from endpoints import Scripted, reply
from gbnf import Grammar
from governed import ADMIN, Lake, allow, csv
from harness import ROOT, SANITIZED
from test_ai import settings
from test_ask import ask

WRITER = ROOT / ".deps" / "test-models" / "smollm2-135m.gguf"
HIDDEN = ("secret", "payroll", "wages")


def content(text):
    return reply({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]})


def shop(root, **env):
    """A shop, and the key of one who sees neither its payroll nor its clients' secrets."""
    lake = Lake(root, **env)
    lake.ingest("clients", csv("client_id,name,tier,secret", [(f"C{i:03d}", f"Client {i}", ["gold", "base"][i % 2], f"s{i}") for i in range(40)]))
    lake.ingest("orders", csv("order_id,client_id,amount,placed,done", [(i, f"C{i % 40:03d}", i * 1.5, f"2025-0{1 + i % 9}-15", i % 3 > 0) for i in range(200)]))
    lake.ingest("calls", csv("call_id,order_id,seconds,started", [(i, i % 200, i % 300, f"2025-0{1 + i % 9}-15T10:00:00Z") for i in range(300)]))
    lake.ingest("payroll", csv("id,wages", [(i, i) for i in range(20)]))
    lake.agent = lake.key("agent", allow("dataset", "clients", columns=["client_id", "name", "tier"]), allow("dataset", "orders"), allow("dataset", "calls"), allow("tool", "ai"))
    return lake


@pytest.fixture
def modelled(tmp_path):
    """Starts a shop whose model answers so."""
    started = []

    def start(*answers, **env):
        model = Scripted(*answers)
        started.append((shop(tmp_path / f"shop{len(started)}", **settings(generate_provider="openai", generate_model="chat", generate_url=model.url), **env), model))
        return started[-1]

    yield start
    for lake, model in started:
        lake.server.stop()
        model.stop()


# ---- the grammar ----

STATEMENTS = 300 if SANITIZED else 2000
TYPES = ("No function matches", "Cannot compare", "Could not convert", "No operator matches", "Cannot mix", "could not convert", "Conversion Error", "an explicit", "must appear in the GROUP BY", "out of range", "Cannot cast",
         "cannot be used in", "GROUP BY", "HAVING", "ORDER BY expressions must appear", "Invalid type", "Cannot combine", "not implemented", "nested", "aggregate", "add explicit type casts")


def test_what_a_model_can_write_names_only_what_its_caller_sees_and_binds_but_for_types(modelled):
    lake, model = modelled(content("SELECT count(*) FROM clients"))
    assert ask(lake.server, "frobnicate the clients", lake.agent)["rows"] == [[40]]
    text = model.seen[-1][2]["grammar"]
    assert len(text) < 65536 and not any(word in text for word in HIDDEN)
    grammar, drawn, bound, seed = Grammar(text), 0, 0, 0
    names = {"clients", "orders", "calls"}
    while drawn < STATEMENTS:
        seed += 1
        sql = grammar.draw(seed)
        if sql is None:
            continue
        drawn += 1
        bare = re.sub(r"'(?:[^']|'')*'", "''", sql)
        assert {name.strip('"') for name in re.findall(r'(?:FROM|JOIN) ("[^"]+"|[a-z_]+)', bare)} <= names, sql
        answer = lake.ask(sql, lake.agent)
        if answer.status_code == 200:
            bound += 1
            continue
        why = answer.json()["error"]["message"]
        assert any(word in why for word in TYPES), (sql, why)
    assert bound > STATEMENTS // 10, bound
    print(f"{bound} of {drawn} bind")


def test_the_grammar_can_be_left_out(modelled):
    lake, model = modelled(content("SELECT count(*) FROM clients"))
    ask(lake.server, "frobnicate the clients", lake.agent, parts={"grammar": False})
    assert "grammar" not in model.seen[-1][2]


def test_an_endpoint_that_refuses_a_grammar_answers_without(modelled):
    refusal = reply({"error": {"message": "Unrecognized request argument: grammar"}}, status=400)
    lake, model = modelled(refusal, content("SELECT wages FROM payroll"), content("SELECT count(*) FROM orders"))
    got = ask(lake.server, "frobnicate the orders", lake.agent)
    assert (got["rows"], got["repairs"]) == ([[200]], 1)
    assert ["grammar" in body for _, _, body in model.seen] == [True, False, False]


def test_ollama_answers_without_a_grammar(tmp_path):
    lines = [{"message": {"role": "assistant", "content": "SELECT count(*) FROM orders"}, "done": False}, {"message": {"content": ""}, "done": True, "done_reason": "stop"}]
    tags, chat = reply({"models": [{"name": "q", "model": "q", "digest": "d"}]}), reply("\n".join(map(json.dumps, lines)).encode(), content_type="application/x-ndjson")
    model = Scripted(lambda handler, body: (chat if handler.path == "/api/chat" else tags)(handler, body))
    lake = shop(tmp_path / "shop", **settings(generate_provider="ollama", generate_model="q", generate_url=model.url))
    try:
        assert ask(lake.server, "frobnicate the orders", lake.agent)["rows"] == [[200]]
    finally:
        lake.server.stop()
        model.stop()


@pytest.mark.skipif(not WRITER.exists(), reason="SmolLM2 is not there (tools/setup-test-model)")
def test_a_model_in_process_writes_only_what_its_caller_sees(tmp_path):
    lake = shop(tmp_path / "shop", **settings(generate_provider="llama", generate_model=WRITER))
    try:
        got = ask(lake.server, "frobnicate the payroll", lake.agent, parts={"repair": False})
        assert got["refused"] or not any(word in re.sub(r"'(?:[^']|'')*'|\"[^\"]*\"", "", got["sql"]) for word in HIDDEN)
        audit = [item["statement"] for item in lake.call("GET", "/access/audit?limit=50", 200)["items"] if item["door"] == "ask"]
        assert audit and all(re.match(r"SELECT ", sql) and set(re.findall(r'(?:FROM|JOIN) "?([a-z_]+)', sql)) <= {"clients", "orders", "calls"} for sql in audit), audit
    finally:
        lake.server.stop()

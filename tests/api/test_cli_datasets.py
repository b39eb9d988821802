"""`lakehouse datasets` as a person reads it, and as JSON."""
import json
import re

import pytest

from commands import Terminal, lakehouse
from governed import ADMIN, Lake, allow


@pytest.fixture(scope="module")
def orders(server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    for number in (1, 2):
        (folder / f"orders{number}.csv").write_text(f"id,Customer Name,day\n{number},ann,2026-01-0{number}\n")
    lakehouse("ingest", folder / "orders1.csv", folder / "orders2.csv", "-d", "orders", "-q", "--url", server.url)
    return server


def datasets(server, *words, **options):
    return lakehouse("datasets", *words, "--url", server.url, **options)


def test_show_is_a_page_in_the_words_of_sql(orders):
    out = datasets(orders, "show", "orders").stdout
    assert out.startswith("data.orders\n") and re.search(r"holds +2 rows, [\d.]+ k?B in 2 files", out)
    assert re.search(r"Customer Name +│ VARCHAR +│ yes", out) and re.search(r"id +│ BIGINT", out) and "long" not in out
    assert json.loads(datasets(orders, "show", "orders", "--json").stdout)["row_count"] == 2


def test_describe_has_what_was_set_and_the_statistics(orders):
    out = datasets(orders, "set", "orders", "owner=ann", "tags=gold,daily", "columns.id.description=the key").stdout
    assert out == "orders now has owner=ann, tags=gold,daily, columns.id.description=the key\n"
    out = datasets(orders, "describe", "orders").stdout
    assert re.search(r"owner +ann\n", out) and re.search(r"tags +gold, daily\n", out)
    assert re.search(r"day +│ DATE .*│ +0 │ 2026-01-01 │ 2026-01-02", out) and "the key" in out
    assert json.loads(datasets(orders, "describe", "orders", "--json").stdout)["owner"] == "ann"


def test_an_unknown_field_names_the_known_ones(orders):
    done = datasets(orders, "set", "orders", "ownr=ann", check=False)
    assert done.returncode == 1 and "did you mean 'owner'?" in done.stderr
    done = datasets(orders, "set", "orders", "purpose=ann", check=False)
    assert done.returncode == 1 and "description, owner, sensitivity, tags, synonyms, columns and expected_interval_s" in done.stderr
    done = datasets(orders, "set", "orders", "columns.id.purpose=ann", check=False)
    assert done.returncode == 1 and "sensitivity" in done.stderr


def test_lineage_names_what_was_loaded(orders):
    out = datasets(orders, "lineage", "orders").stdout
    assert re.search(r"job orders2.csv +│ ingest │ dataset data.orders", out)
    assert json.loads(datasets(orders, "lineage", "orders", "--json").stdout)["dataset"] == "data.orders"


def test_history_gives_what_at_takes(orders):
    out = datasets(orders, "history", "orders").stdout
    first, second = re.findall(r"^ *(\d{15,}) │", out, re.M)
    assert "orders1.csv" in out and out.count("yes") == 1
    assert orders.sql(f"SELECT count(*) FROM orders AT (VERSION => {first})") == [[1]]
    assert orders.sql(f"SELECT count(*) FROM orders AT (VERSION => {second})") == [[2]]
    assert len(json.loads(datasets(orders, "history", "orders", "--json").stdout)) == 2


def test_list_and_search_say_when_there_is_nothing(orders):
    assert "No dataset that you may see has 'zzz' in its name" in datasets(orders, "list", "zzz").stdout
    assert "Nothing has all of: zzz yyy" in datasets(orders, "search", "zzz", "yyy").stdout
    assert "data.orders" in datasets(orders, "search", "orders", "customer").stdout
    assert any(d["name"] == "orders" for d in json.loads(datasets(orders, "--json").stdout))


def test_a_misspelt_verb_and_missing_words_are_said(orders):
    assert "did you mean `lakehouse datasets history`?" in datasets(orders, "hist", check=False).stderr
    done = datasets(orders, "search", check=False)
    assert done.returncode == 2 and "datasets search takes WORDS" in done.stderr
    done = datasets(orders, "--format", "json", check=False)
    assert done.returncode == 2 and "did you mean" not in done.stderr


def test_a_prompt_asks_a_model_whose_answer_migrates(orders, tmp_path):
    (tmp_path / "old.csv").write_text("id,cust,phone\n1,ann,+49 170 1234567\n")
    (tmp_path / "new.csv").write_text("id,client,phone\n1,ann,+49 170 1234567\n")
    for name in ("old", "new"):
        lakehouse("ingest", tmp_path / f"{name}.csv", "-d", f"prompt_{name}", "--url", orders.url)
    out = datasets(orders, "prompt", "prompt_old", "new.csv", cwd=tmp_path).stdout
    assert "Open questions" in out and '"client"' in out and "1234567" not in out and out.endswith("\n")
    assert '"client"' in datasets(orders, "prompt", "prompt_old", "prompt_new").stdout
    told = json.loads(datasets(orders, "prompt", "prompt_old", "prompt_new", "--json").stdout)
    assert told["prompt"].startswith("You compare") and told["answer_schema"]
    less = [datasets(orders, "prompt", "prompt_old", other, "--sample-rows", "0", cwd=tmp_path).stdout for other in ("prompt_new", "new.csv")]
    assert '"ann"' in out and all('"ann"' not in text for text in less)
    sure = [json.loads(datasets(orders, "prompt", "prompt_old", other, "--min-confidence", "0", "--json", cwd=tmp_path).stdout) for other in ("prompt_new", "new.csv")]
    assert all(len(s["open_questions"]) <= len(told["open_questions"]) for s in sure)
    done = datasets(orders, "prompt", "prompt_old", "prompt_new", "--sample-rows", "many", check=False)
    assert done.returncode == 1 and "--sample-rows must be a number" in done.stderr
    answer = json.dumps({"rules": [{"op": "rename", "column": "cust", "to": "client"}]})
    out = datasets(orders, "migrate", "prompt_old", "--rules", "-", stdin=answer).stdout
    assert out.startswith("1 rule applied, 0 skipped") and orders.sql("SELECT client FROM prompt_old") == [["ann"]]
    assert datasets(orders, "prompt", "prompt_old", check=False).returncode == 2


def test_drop_asks_on_a_terminal(orders, tmp_path):
    orders.sql("CREATE TABLE dropped_or_not AS SELECT 1 AS i")
    for answer, kept in [("n\n", True), ("y\n", False)]:
        terminal = Terminal(tmp_path, "datasets", "drop", "dropped_or_not", "--url", orders.url)
        terminal.expect("Drop data.dropped_or_not (1 row")
        terminal.send(answer)
        terminal.expect("nothing was dropped" if kept else "dropped dropped_or_not")
        assert terminal.wait() == (1 if kept else 0)
        assert (orders.request("GET", "/datasets/by-name/dropped_or_not").status_code == 200) == kept
    orders.sql("CREATE TABLE dropped_or_not AS SELECT 1 AS i")
    terminal = Terminal(tmp_path, "datasets", "drop", "dropped_or_not", "--yes", "--url", orders.url)
    terminal.expect("dropped dropped_or_not")
    assert terminal.wait() == 0


def test_synonyms_and_what_else_is_said_for_questions(orders):
    """The API had them, the command did not: it sent the words as one text, which is refused."""
    datasets(orders, "set", "orders", "synonyms=purchases, sales", "description=What was bought", "columns.id.synonyms=number,no", "columns.id.key=true",
             "columns.day.references=data.calendar.day")
    told = json.loads(datasets(orders, "describe", "orders", "--json").stdout)
    columns = {column["name"]: column for column in told["columns"]}
    assert (told["synonyms"], told["description"]) == (["purchases", "sales"], "What was bought")
    assert columns["id"]["synonyms"] == ["number", "no"] and columns["id"]["key"] is True and columns["day"]["references"] == "data.calendar.day"
    page = datasets(orders, "describe", "orders").stdout
    assert re.search(r"synonyms +purchases, sales\n", page) and re.search(r"id +│ BIGINT .*│ number, no", page)
    datasets(orders, "set", "orders", "synonyms=", "columns.id.synonyms=", "columns.id.key=false", "columns.day.references=", "description=")
    told = json.loads(datasets(orders, "describe", "orders", "--json").stdout)
    assert told["synonyms"] == [] and not told["columns"][0]["key"]
    done = datasets(orders, "set", "orders", "columns.id.key=perhaps", check=False)
    assert done.returncode == 1 and "'key'" in done.stderr
    assert "synonyms=" in lakehouse("datasets", "--help").stdout


def test_what_is_not_told_to_a_caller_is_not_shown_as_a_fact(tmp_path):
    """Who sees a part of the rows is told no counts: that was 0 rows in 0 files; what it may not see at all, 'no datasets yet'."""
    lake = Lake(tmp_path / "lake", LAKEHOUSE__AI__EMBED_PROVIDER="hash")
    lake.ingest("hidden", b"id,text\n1,one\n2,two\n")
    lake.call("POST", "/vectors/index", 202, {"dataset": "hidden", "id_column": "id", "text_columns": ["text"]})
    part = lake.key("part", allow("dataset", "hidden", row_filter="id < 2"), allow("index", "hidden"))
    none = lake.key("none", scope="read")

    def run(key, *words):
        return lakehouse(*words, "--url", lake.server.url, "--api-key", key).stdout

    assert re.search(r"data.hidden │ +- │ +- │ +- │ +2 │ -", run(part, "datasets"))
    assert "0 rows" not in (page := run(part, "datasets", "show", "hidden")) and "how much is not told to you" in page
    assert "data.hidden: how much is not told to you\n" in run(part, "sql", "-c", "\\d hidden")
    assert re.search(r"data.hidden +│ +2 │", run(ADMIN, "datasets")) and "2 rows, " in run(ADMIN, "datasets", "show", "hidden")
    assert "none that you may see" in run(none, "datasets")
    assert re.search(r"hidden │ data.hidden │ hash  │ cosine │ +- │ +- │ - +│ -", run(part, "vectors", "list")), run(part, "vectors", "list")
    for key in (part, none):
        assert "told to who sees the whole lake" in run(key, "vectors", "stale")
    assert "no indexes that you may search" in run(none, "vectors", "list")
    lake.server.stop()

"""`lakehouse vectors` and `lakehouse jobs`: from a file to what a search finds, with a bar, and with jobs that outlive the command."""
import json
import re
import termios

import pytest

from commands import Terminal, lakehouse
from harness import SANITIZED, Server, free_port
from test_jobs import BATCH, ROWS, Held

HASH = {"LAKEHOUSE__AI__EMBED_PROVIDER": "hash"}
NOTES = ('id,topic,year,text\n1,garden,2019,"Tomatoes need sun."\n2,garden,2021,"Water roses in the morning.\nNever at noon."\n'
         '3,kitchen,2022,"Salt the water before the pasta."\n')
MANY = 4000 if SANITIZED else 20000


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("cli_vectors") / "lake", env=HASH)
    assert server.ingest(NOTES.encode(), "notes").status_code == 201
    server.sql(f"CREATE TABLE many AS SELECT i AS id, 'The ' || i || 'th of many: ' || md5(i::VARCHAR) AS text FROM range({MANY}) r(i)")
    vectors(server, "index", "notes", "--id", "id", "--text", "text")
    yield server
    server.stop()


@pytest.fixture
def held(tmp_path):
    """A server whose model answers for as many of the rows of `slow` as it may, on a port on which it can be started again; and the model."""
    model = Held()
    server = Server(tmp_path / "lake", "--listen", f"127.0.0.1:{free_port()}", "--set", "grpc.enabled=false", env={
        "LAKEHOUSE__AI__EMBED_PROVIDER": "openai", "LAKEHOUSE__AI__EMBED_MODEL": "held", "LAKEHOUSE__AI__EMBED_URL": model.url, "LAKEHOUSE__AI__TIMEOUT_MS": "3600000"})
    server.sql(f"CREATE TABLE slow AS SELECT i AS id, 'row ' || i AS text FROM range({ROWS}) AS r (i)")
    yield server, model
    model.let(ROWS)
    server.stop()
    model.stop()


def vectors(server, *args, **options):
    return lakehouse("vectors", *args, "--url", server.url, **options)


def jobs(server, *args, **options):
    return lakehouse("jobs", *args, "--url", server.url, **options)


def newest(server):
    return json.loads(jobs(server, "--json").stdout)[0]


def test_an_index_is_made_refreshed_searched_and_dropped(server):
    server.sql("CREATE TABLE mine AS SELECT * FROM notes")
    index = ["index", "mine", "--id", "id", "--template", "{topic}: {text}", "--index", "own", "--chunk-size", "40", "--chunk-overlap", "4", "--metric", "dot"]
    assert re.fullmatch(r"own: done in \d+\.\d s: 3 rows, 5 chunks, 3 embedded rows, 0 unchanged rows, 0 removed rows\n", vectors(server, *index).stdout)
    told = json.loads(vectors(server, "show", "own", "--json").stdout)
    assert told == server.request("GET", "/vectors/indexes/own").json()
    assert told["chunk"] == {"size": 40, "overlap": 4, "unit": "characters", "locale": "en"} and told["metric"] == "dot"
    assert re.search(r"model\.name +│ hash\n", vectors(server, "show", "own").stdout)
    assert re.search(r"own +│ data\.mine +│ hash +│ dot +│ +3 │ +5 │ false", vectors(server).stdout)
    assert json.loads(vectors(server, "list", "--json").stdout) == server.request("GET", "/vectors/indexes").json()["items"]
    server.sql("INSERT INTO mine VALUES (4, 'garden', 2023, 'Bees like lavender.')")
    assert re.search(r"own .*│ true ", vectors(server).stdout)
    assert "4 rows, 6 chunks, 1 embedded row, 3 unchanged rows" in vectors(server, *index).stdout
    job = json.loads(vectors(server, *index, "--json").stdout)
    assert job["state"] == "succeeded" and job["result"]["unchanged_rows"] == 4
    assert vectors(server, "drop", "own", "--yes").stdout == "dropped own, with its table\n"
    assert vectors(server, "show", "own", check=False).stderr == "lakehouse: there is no index 'own'\n"


def test_what_is_stale_is_listed_and_all_indexes_of_a_dataset_are_refreshed(server):
    server.sql("CREATE TABLE fresh AS SELECT * FROM notes")
    vectors(server, "index", "fresh", "--id", "id", "--text", "text", "--cron", "0 3 29 2 *")  # not while this runs
    vectors(server, "index", "fresh", "--id", "id", "--text", "topic", "--index", "fresh_topics", "--refresh", "manual")
    assert re.search(r"refresh\.policy +│ scheduled *\n refresh\.cron +│ 0 3 29 2 \*\n", vectors(server, "show", "fresh").stdout)
    assert "fresh" not in vectors(server, "stale").stdout
    server.sql("INSERT INTO fresh VALUES (4, 'garden', 2023, 'Bees like lavender.')")
    stale = vectors(server, "stale").stdout
    assert re.search(r"fresh +│ data\.fresh +│ .* │ scheduled\n", stale) and re.search(r"fresh_topics +│ data\.fresh +│ .* │ manual\n", stale)
    assert json.loads(vectors(server, "stale", "--json").stdout) == server.request("GET", "/vectors/stale").json()["items"]
    out = vectors(server, "refresh", "fresh").stdout
    assert re.fullmatch(r"fresh: done in .*: 4 rows, 4 chunks, 1 embedded row, .*\nfresh_topics: done in .*: 4 rows, 4 chunks, 1 embedded row, .*\n", out)
    out = vectors(server, "refresh", "fresh", "--no-wait").stdout
    assert len(re.findall(r"the job \S+ runs; ", out)) == 2
    done = vectors(server, "refresh", "none", check=False)
    assert done.returncode == 1 and "there is no index of 'data.none'" in done.stderr


def test_a_search_is_a_table_of_the_best(server):
    out = vectors(server, "search", "notes", "Water roses in the morning. Never at noon.").stdout.splitlines()
    assert re.split(r" *│ *", out[0].strip()) == ["score", "id", "text"] and len(out) == 5
    assert re.split(r" *│ *", out[2].strip()) == ["1.0000", "2", "Water roses in the morning. Never at noon."]
    out = vectors(server, "search", "notes", "water", "-k", "1", "--filter", "year > 2021", "--columns", "topic, year", "--mode", "exact").stdout.splitlines()
    assert [re.split(r" *│ *", line.strip()) for line in (out[0], out[2])] == [
        ["score", "id", "topic", "year", "text"], [out[2].split()[0], "3", "kitchen", "2022", "Salt the water before the pasta."]]
    assert len(out) == 3 and vectors(server, "search", "notes", "water", "--filter", "year = 1").stdout == "nothing was found\n"
    found = json.loads(vectors(server, "search", "notes", "water", "--json").stdout)
    asked = server.request("POST", "/vectors/search", json={"index": "notes", "query": "water"}).json()
    assert found["items"] == asked["items"] and len(asked["items"]) == 3


def test_a_search_takes_every_mode_weights_and_a_reranker(server):
    for mode, more in (("text", ()), ("hybrid", ("--weights", "vector=0.5,text=2"))):
        found = json.loads(vectors(server, "search", "notes", "water", "--mode", mode, *more, "--json").stdout)
        body = {"index": "notes", "query": "water", "mode": mode, **({"weights": {"vector": 0.5, "text": 2}} if more else {})}
        assert found["items"] == server.request("POST", "/vectors/search", json=body).json()["items"] and found["mode"] == mode
    plain, unranked = vectors(server, "search", "notes", "water"), vectors(server, "search", "notes", "water", "--rerank")
    assert unranked.stdout == plain.stdout and plain.stderr == "" and "ai.rerank_provider" in unranked.stderr
    badly = vectors(server, "search", "notes", "water", "--mode", "hybrid", "--weights", "text=much", check=False)
    assert badly.returncode == 1 and "'weights.text'" in badly.stderr
    assert vectors(server, "search", "notes", "water", "--mode", "fuzzy", check=False).returncode == 2


def test_a_vector_stands_for_the_question_or_beside_it(server):
    [[vector]] = server.sql("SELECT embedding FROM vectors.notes WHERE id = 3")
    out = vectors(server, "search", "notes", "--vector", json.dumps(vector), "-k", "1").stdout.splitlines()
    assert re.split(r" *│ *", out[2].strip()) == ["1.0000", "3", "Salt the water before the pasta."]
    found = json.loads(vectors(server, "search", "notes", "roses", "--vector", json.dumps(vector), "--mode", "hybrid", "--json").stdout)
    ranks = {item["id"]: item["ranks"] for item in found["items"]}
    assert ranks[3]["vector"] == 1 and ranks[2]["text"] == 1
    for status, said, *args in [(1, "--vector takes an array of numbers", "--vector", "0.1, 0.2"), (1, "must have the 384 numbers", "--vector", "[1, 2]"),
                                (2, "vectors search takes NAME and the question, in quotes")]:
        done = vectors(server, "search", "notes", *args, check=False)
        assert done.returncode == status and said in done.stderr and not done.stdout, done


def test_eval_sets_are_kept_drawn_listed_and_dropped(server, tmp_path):
    asked = tmp_path / "asked.json"
    asked.write_text(json.dumps([{"query": "roses", "relevant": [2]}, {"query": "pasta"}]))
    assert vectors(server, "evals", "notes").stdout == "no eval sets that you may see; `lakehouse vectors eval NAME EVAL` makes one\n"
    assert vectors(server, "eval", "notes", "asked", "--queries", str(asked), "-k", "2").stdout == "asked: 2 queries of notes, with the 2 nearest of each\n"
    kept = server.request("GET", "/vectors/hnsw/evals/asked").json()
    assert [(query["query"], query["relevant"]) for query in kept["queries"]] == [("roses", ["2"]), ("pasta", None)]
    assert "done in" in vectors(server, "eval", "notes", "drawn", "--count", "3").stdout
    listed = vectors(server, "evals").stdout
    assert re.search(r" asked │ notes +│ +2 │ +2 │ +0 │", listed) and re.search(r" drawn │ notes +│ +3 │ +10 │ +0 │", listed)
    assert json.loads(vectors(server, "evals", "notes", "--json").stdout) == server.request("GET", "/vectors/hnsw/evals?index=notes").json()["items"]
    assert vectors(server, "evals", "many").stdout.startswith("no eval sets")
    again = vectors(server, "eval", "notes", "asked", "--queries", str(asked), check=False)
    assert again.returncode == 1 and "'asked'" in again.stderr
    assert "no_such.json" in vectors(server, "eval", "notes", "other", "--queries", "no_such.json", check=False).stderr
    assert [vectors(server, "drop-eval", name, "--yes").stdout for name in ("asked", "drawn")] == ["dropped asked\n", "dropped drawn\n"]
    assert vectors(server, "drop-eval", "asked", "--yes", check=False).returncode == 1 and vectors(server, "evals").stdout.startswith("no eval sets")


def test_the_best_trials_and_what_is_held_are_told(server):
    assert vectors(server, "best", "notes").stdout == "no trials that you may see; `lakehouse vectors tune NAME` makes some\n"
    vectors(server, "eval", "notes", "drawn", "--count", "3")
    for ef in (5, 60):
        vectors(server, "trial", "notes", "drawn", "--hnsw", f"ef_search={ef},connectivity=8")
    for metric in ("pareto", "recall", "latency"):
        best = server.request("GET", f"/vectors/hnsw/trials/notes/best?metric={metric}").json()["items"]
        assert json.loads(vectors(server, "best", "notes", "--metric", metric, "--json").stdout) == best
        assert len(vectors(server, "best", "notes", "--metric", metric, "--eval", "drawn").stdout.splitlines()) == 2 + len(best)
    assert vectors(server, "best", "notes", "--eval", "none").stdout.startswith("no trials")
    stats = server.request("GET", "/vectors/hnsw/cache/stats").json()
    assert stats["entries"] and json.loads(vectors(server, "cache", "--json").stdout).keys() == stats.keys()
    assert re.fullmatch(r"held ready: \d+, with \S+ \S+ of \S+ \S+, and \S+ \S+ of files; \d+ hits, \d+ misses, \d+ evictions\n", vectors(server, "cache").stdout)
    shown = vectors(server, "show", "notes").stdout
    told = server.request("GET", "/vectors/indexes/notes").json()
    for name, value in (("recall_target", told["recall_target"]), ("recall.sampled", r"\d+"), ("recall.below_target", "false"), ("hnsw.ef_search", 50),
                        ("hnsw.connectivity", 16), ("hnsw.dtype", "i8"), ("graph.came", r"\w+")):
        assert re.search(rf" {name} +│ {value} *\n", shown), (name, shown)


def test_a_tune_has_a_budget_and_is_for_filters(server):
    budget = lambda: newest(server)["spec"]["budget"]  # noqa: E731
    assert "promoted" in vectors(server, "tune", "notes", "--recall", "0.5", "--selectivity", "0.6", "--seconds", "90", "--trials", "2").stdout
    spec = newest(server)["spec"]
    assert (spec["recall_target"], spec["filter_selectivity"], spec["budget"]) == (0.5, 0.6, {"trials": 2, "seconds": 90})
    vectors(server, "tune", "notes", "--seconds", "80")
    assert budget() == {"trials": 40, "seconds": 80}
    vectors(server, "tune", "notes", "--trials", "3")
    assert budget() == {"trials": 3, "seconds": 600}
    for status, said, *args in [(1, "--selectivity takes a number, as 0.98, not 'half'", "--selectivity", "half"), (1, "'filter_selectivity'", "--selectivity", "2"),
                                (2, "--seconds takes a whole number, not 'long'", "--seconds", "long"), (1, "'budget.seconds'", "--seconds", "0")]:
        done = vectors(server, "tune", "notes", *args, check=False)
        assert done.returncode == status and said in done.stderr and done.stdout == "", done


def test_queries_are_drawn_by_a_seed(server):
    vectors(server, "index", "many", "--id", "id", "--text", "text", "--index", "drawn_from")
    drawn = []
    for name, seed in (("a", ("--seed", "7")), ("b", ("--seed", "7")), ("c", ("--seed", "8")), ("d", ())):
        vectors(server, "eval", "drawn_from", name, "--count", "5", *seed)
        kept = server.request("GET", f"/vectors/hnsw/evals/{name}").json()
        drawn.append([query["query"] for query in kept["queries"]])
    assert drawn[0] == drawn[1] != drawn[2] != drawn[3] != drawn[0]
    assert "--seed takes a whole number" in vectors(server, "eval", "drawn_from", "e", "--seed", "x", check=False).stderr
    vectors(server, "drop", "drawn_from", "--yes")


def test_an_index_has_a_locale_of_its_own(server):
    server.sql("CREATE TABLE german AS SELECT 1 AS id, 'Am 3. Januar war er da. Er ging.' AS text")
    index = ("index", "german", "--id", "id", "--text", "text", "--chunk-size", "24", "--chunk-overlap", "0", "--locale")
    vectors(server, *index, "de")
    assert json.loads(vectors(server, "show", "german", "--json").stdout)["chunk"]["locale"] == "de"
    bad = vectors(server, *index, "klingon", "--index", "other", check=False)
    assert bad.returncode == 1 and "klingon" in bad.stderr


def test_what_is_not_understood_is_said_before_anything_is_asked(server):
    for status, said, *args in [
            (2, "index needs --id", "index", "notes", "--text", "text"),
            (2, "index needs what to embed", "index", "notes", "--id", "id"),
            (2, "index needs what to embed", "index", "notes", "--id", "id", "--text", "text", "--template", "{text}"),
            (2, "--metric takes cosine, dot or l2, not 'cosin'; did you mean cosine?", "index", "notes", "--id", "id", "--text", "text", "--metric", "cosin"),
            (2, "--metric takes pareto, recall or latency, not 'cosine'", "best", "notes", "--metric", "cosine"),
            (2, "--refresh takes manual, on_append or scheduled, not 'always'", "index", "notes", "--id", "id", "--text", "text", "--refresh", "always"),
            (1, "its minute is of", "index", "notes", "--id", "id", "--text", "text", "--cron", "61 * * * *"),
            (2, "--chunk-size takes a whole number, not 'big'", "index", "notes", "--id", "id", "--text", "text", "--chunk-size", "big"),
            (2, "--k takes a whole number, not '-1'", "search", "notes", "water", "-k", "-1"),
            (2, "vectors search takes NAME and the question, in quotes", "search", "notes", "water", "roses"),
            (2, "did you mean `lakehouse vectors search`?", "serach", "notes", "water"),
            (1, "there is an index 'notes' with another 'text_columns'", "index", "notes", "--id", "id", "--text", "topic"),
            (1, "there is no dataset or view 'data.none'", "index", "none", "--id", "id", "--text", "text"),
            (1, "there is no index 'none'", "search", "none", "water")]:
        done = vectors(server, *args, check=False)
        assert done.returncode == status and said in done.stderr and done.stdout == "", (args, done)
    assert jobs(server, "--state", "runing", check=False).stderr.endswith("did you mean running?\n")
    assert jobs(server, "show", "1", check=False).stderr == "lakehouse: there is no job '1'\n"


def test_a_bar_is_drawn_and_ctrl_c_leaves_the_job_at_work(held, tmp_path):
    server, model = held
    terminal = Terminal(tmp_path, "vectors", "index", "slow", "--id", "id", "--text", "text", "--url", server.url)
    termios.tcsetwinsize(terminal.fd, (24, 66))
    terminal.expect(f"  0 of {ROWS} rows  ")
    model.let(2 * BATCH)
    done = f"{2 * BATCH} of {ROWS} rows  "
    drawn = terminal.expect(done).split("\x1b[K")[-1] + done
    assert re.match(r"slow  \[[# ]+\] +\d+%  \d+ of \d+ rows  ", drawn), drawn
    terminal.send("\x03")
    job = newest(server)
    lines = terminal.expect(f"interrupted; the job goes on: `lakehouse jobs watch {job['id']}` shows it").split("\x1b[K")
    assert all(len(line.strip("\r^C")) <= 66 for line in lines[:-1]), lines
    assert terminal.wait() == 130
    assert newest(server)["state"] == "running"
    watch = Terminal(tmp_path, "jobs", "watch", job["id"], "--url", server.url)
    watch.expect(done)
    model.let(ROWS)
    watch.expect("index:slow: done in ")
    watch.expect(f"{ROWS} rows")
    assert watch.wait() == 0
    assert re.search(rf"{job['id']} │ vector\.index │ index:slow +│ succeeded │ {ROWS} of {ROWS} ", jobs(server, "--state", "succeeded").stdout)
    assert jobs(server, "cancel", job["id"]).stdout == f"{job['id']} has ended already: succeeded\n"
    assert "only one that failed or was cancelled" in jobs(server, "retry", job["id"], check=False).stderr


def test_a_job_is_cancelled_and_goes_on_when_tried_again(held):
    server, model = held
    out = vectors(server, "index", "slow", "--id", "id", "--text", "text", "--no-wait").stdout
    id = newest(server)["id"]
    assert out == f"the job {id} runs; `lakehouse jobs watch {id}` shows it\n"
    assert jobs(server, "cancel", id).stdout in (f"{id} is told to end\n", f"{id} is cancelled\n")
    watched = jobs(server, "watch", id, check=False)
    assert watched.returncode == 1 and watched.stderr == f"lakehouse: the job was cancelled; `lakehouse jobs retry {id}` goes on with it\n"
    assert re.search(r"state +│ cancelled\n", jobs(server, "show", id).stdout)
    model.let(ROWS)
    assert jobs(server, "retry", id).stdout == f"{id} is queued again\n"
    assert json.loads(jobs(server, "watch", id, "--json").stdout)["result"]["rows"] == ROWS


def test_what_was_passed_over_is_told(server):
    rows = "id,text\n" + "".join(f'{i % 20 if i > 19 else i},"Note {i}."\n' for i in range(28))
    server.ingest(rows.encode(), "twice")
    out = vectors(server, "index", "twice", "--id", "id", "--text", "text").stdout
    assert "12 rows" in out.splitlines()[0] and "passed over" in out
    job = newest(server)
    assert job["problem_count"] == 8 and out.endswith(f"5 of 8; `lakehouse jobs show {job['id']}` lists more\n")
    assert jobs(server, "show", job["id"]).stdout.count("several rows have this id") == 8


def test_watching_goes_on_when_the_server_was_started_anew(held, tmp_path):
    server, model = held
    terminal = Terminal(tmp_path, "vectors", "index", "slow", "--id", "id", "--text", "text", "--url", server.url)
    terminal.expect(f" of {ROWS} rows  ")
    server.kill()
    terminal.expect("the server does not answer")
    model.let(ROWS)
    server.start()
    terminal.expect("slow: done in ")
    terminal.expect(f"{ROWS} rows, {ROWS} chunks")
    assert terminal.wait() == 0


def test_a_lake_that_is_opened_here_says_that_a_job_waits_for_it(tmp_path):
    (tmp_path / "notes.csv").write_text(NOTES)
    at = {"env": HASH, "cwd": tmp_path}
    lakehouse("ingest", "notes.csv", "--root", "lake", **at)
    out = lakehouse("vectors", "index", "notes", "--id", "id", "--text", "text", "--no-wait", "--root", "lake", **at).stdout
    id = json.loads(lakehouse("jobs", "--json", "--root", "lake", **at).stdout)[0]["id"]
    assert out == f"the job {id} runs when the lake is served, or opened by `lakehouse jobs watch` with --root\n"
    assert "3 rows, 3 chunks" in lakehouse("jobs", "watch", id, "--root", "lake", **at).stdout
    assert "Bees" not in lakehouse("vectors", "search", "notes", "water", "--root", "lake", **at).stdout
    no_model = lakehouse("vectors", "index", "notes", "--id", "id", "--text", "topic", "--index", "n2", "--root", "lake", env={"LAKEHOUSE__AI__EMBED_PROVIDER": "none"}, cwd=tmp_path, check=False)
    assert no_model.returncode == 1 and "no embed model is configured: set ai.embed_provider" in no_model.stderr


def test_a_refresh_at_times_says_that_it_needs_them(server):
    """It said that '' is no cron."""
    done = vectors(server, "index", "notes", "--id", "id", "--text", "text", "--refresh", "scheduled", check=False)
    assert done.returncode == 2 and "--refresh scheduled needs --cron" in done.stderr and "30 6 * * 1-5" in done.stderr
    answer = server.request("POST", "/vectors/index", json={"dataset": "notes", "id_column": "id", "text_columns": ["text"], "refresh": {"policy": "scheduled"}})
    assert answer.status_code == 400 and "needs 'refresh.cron'" in answer.text and "30 6 * * 1-5" in answer.text

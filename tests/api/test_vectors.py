"""Indexes of vectors: made by a job from the rows of a dataset, kept up with it, searched by who sees what. The model is `hash`,
which is cheap and the same everywhere; what is tested is all around it."""
import json
import os
import random
import threading

import pytest

from endpoints import Scripted, reply
from governed import Lake, allow
from harness import BUILD, EXTENSIONS, SANITIZED, WAIT_SECONDS, Server, wait_for

HASH = {"LAKEHOUSE__AI__EMBED_PROVIDER": "hash"}
TEXTS = ["Experienced nurse with ICU and emergency care skills.", "Java developer. Spring and Kubernetes, ten years.",
         "Forklift operator and warehouse lead.", "Registered nurse for pediatric care.", "Python data engineer who loves SQL."]


def lines(rows):
    return ("candidate_id,state,resume\n" + "".join(f'{i},{state},"{text}"\n' for i, state, text in rows)).encode()


def people(first, count):
    return [(f"C{i:04d}", ("TX", "CA", "NY")[i % 3], TEXTS[i % 5]) for i in range(first, first + count)]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("vectors") / "lake", env=HASH)
    yield server
    server.stop()


def submit(server, dataset, status=202, **members):
    body = {"dataset": dataset, "id_column": "candidate_id", "text_columns": ["resume"], **members}
    answer = server.request("POST", "/vectors/index", json={k: v for k, v in body.items() if v is not None})
    assert answer.status_code == status, answer.text
    return answer.json()


def ended(server, job, state="succeeded"):
    wait_for(lambda: server.request("GET", f"/jobs/{job['id']}").json()["state"] not in ("queued", "running"))
    job = server.request("GET", f"/jobs/{job['id']}").json()
    assert job["state"] == state, job
    return job


def none_runs(server):
    wait_for(lambda: not any(server.request("GET", "/jobs", params={"state": state}).json()["items"] for state in ("queued", "running")))


def index(server, dataset, **members):
    return ended(server, submit(server, dataset, **members))


def search(server, status=200, key=None, **body):
    answer = server.request("POST", "/vectors/search", json={"k": 3, **body}, headers={"X-API-Key": key} if key else {})
    assert answer.status_code == status, answer.text
    return answer.json()["items"] if status == 200 else answer.json()["error"]


def test_rows_are_embedded_and_found(server):
    assert server.ingest(lines(people(0, 20)), "found").status_code == 201
    job = index(server, "found")
    assert job["result"] == {"index": "found", "rows": 20, "chunks": 20, "embedded_rows": 20, "unchanged_rows": 0, "removed_rows": 0}
    assert job["done"] == job["total"] == 20 and not job["problems"]
    for mode in ("hnsw", "exact"):
        hits = search(server, index="found", query="Registered nurse for pediatric care.", mode=mode)
        assert [hit["id"] for hit in hits] == ["C0003", "C0008", "C0013"]
        assert hits[0]["score"] > 0.999 and hits[0]["text"] == TEXTS[3] and (hits[0]["start"], hits[0]["end"]) == (0, len(TEXTS[3]))
        assert hits[0]["columns"] == {"candidate_id": "C0003", "state": "CA" if 3 % 3 == 1 else "TX", "resume": TEXTS[3]}
    rows = server.sql("SELECT count(*), count(DISTINCT id), min(len(embedding)), max(len(embedding)), any_value(model), any_value(model_version) FROM vectors.found")
    assert rows == [[20, 20, 384, 384, "hash", "1-384"]]
    told = server.request("GET", "/vectors/indexes/found").json()
    assert told["model"] == {"provider": "hash", "name": "hash", "version": "1-384", "dimensions": 384}
    assert (told["rows"], told["chunks"], told["stale"], told["table"]) == (20, 20, False, "vectors.found")
    assert [item["name"] for item in server.request("GET", "/vectors/indexes", params={"dataset": "found"}).json()["items"]] == ["found"]
    listed = lambda model: [item["name"] for item in server.request("GET", "/vectors/indexes", params={"dataset": "found", "model": model}).json()["items"]]
    assert listed("hash") == ["found"] and listed("other") == []


def test_a_text_that_many_rows_share_hides_no_other(server):
    """A graph of five texts 600 times each: whoever came to one of them never left it."""
    assert server.ingest(lines(people(0, 3000)), "shared").status_code == 201
    index(server, "shared")
    for n, text in enumerate(TEXTS):
        for more in ({}, {"filter": "state = 'CA'"}):
            exact, hnsw = (search(server, index="shared", query=text, k=7, mode=mode, **more) for mode in ("exact", "hnsw"))
            assert hnsw == exact and len(hnsw) == 7 and hnsw[0]["score"] > 0.999
            assert more or [hit["id"] for hit in hnsw] == [f"C{n + 5 * i:04d}" for i in range(7)]


def test_only_what_is_new_or_changed_is_embedded_and_what_is_gone_goes(server):
    server.ingest(lines(people(0, 20)), "fresh")
    index(server, "fresh")
    server.ingest(lines(people(100, 34)), "fresh", mode="append")
    assert server.request("GET", "/vectors/indexes/fresh").json()["stale"] is True
    result = index(server, "fresh")["result"]
    assert (result["embedded_rows"], result["unchanged_rows"], result["removed_rows"], result["rows"]) == (34, 20, 0, 54)
    server.sql("UPDATE fresh SET resume = 'Welder of ships and bridges.' WHERE candidate_id = 'C0001'")
    server.sql("DELETE FROM fresh WHERE candidate_id IN ('C0002', 'C0003')")
    result = index(server, "fresh")["result"]
    assert (result["embedded_rows"], result["unchanged_rows"], result["removed_rows"], result["rows"]) == (1, 51, 2, 52)
    assert server.sql("SELECT count(*), count(DISTINCT id), count(*) FILTER (id IN ('C0002', 'C0003')) FROM vectors.fresh") == [[52, 52, 0]]
    hits = search(server, index="fresh", query="Welder of ships and bridges.", k=1)
    assert hits[0]["id"] == "C0001" and hits[0]["score"] > 0.999
    result = index(server, "fresh")["result"]
    assert (result["embedded_rows"], result["unchanged_rows"]) == (0, 52)


def test_an_index_says_since_when_it_is_stale_and_is_refreshed_on_request(server):
    server.ingest(lines(people(0, 20)), "staled")
    index(server, "staled")
    index(server, "staled", index="staled_too", chunk={"size": 100})
    assert not [item for item in server.request("GET", "/vectors/stale").json()["items"] if item["dataset"] == "data.staled"]
    server.sql("INSERT INTO staled SELECT 'N' || candidate_id, state, resume FROM staled LIMIT 5")
    changed = server.request("GET", "/datasets/by-name/staled").json()["updated_at"]
    server.sql("DELETE FROM staled WHERE candidate_id = 'C0001'")
    stale = {item["index"]: item for item in server.request("GET", "/vectors/stale").json()["items"] if item["dataset"] == "data.staled"}
    pages = [server.request("GET", "/vectors/stale?limit=1").json()]
    while pages[-1]["next_page_token"]:
        pages.append(server.request("GET", "/vectors/stale", params={"limit": 1, "page_token": pages[-1]["next_page_token"]}).json())
    assert all(len(page["items"]) <= 1 for page in pages)
    assert [item for page in pages for item in page["items"]] == server.request("GET", "/vectors/stale").json()["items"]
    assert server.request("GET", "/vectors/stale?limit=0").status_code == 400
    assert set(stale) == {"staled", "staled_too"} and stale["staled"]["embedding_stale_since"][:19] == changed[:19]
    told = server.request("GET", "/vectors/indexes/staled").json()
    assert told["stale"] is True and told["embedding_stale_since"] == stale["staled"]["embedding_stale_since"] and told["refresh"] == {"policy": "manual", "cron": None}
    server.sql("INSERT INTO staled SELECT 'M' || row_number() OVER (), state, resume FROM staled, range(2) LIMIT 29")
    jobs = server.request("POST", "/vectors/refresh/staled")
    assert jobs.status_code == 202 and len(jobs.json()["items"]) == 2
    for job in jobs.json()["items"]:
        result = ended(server, job)["result"]
        assert (result["embedded_rows"], result["removed_rows"], result["unchanged_rows"]) == (34, 1, 19)
    told = server.request("GET", "/vectors/indexes/staled").json()
    assert told["stale"] is False and told["embedding_stale_since"] is None
    assert server.request("POST", "/vectors/refresh/nothing_of_the_kind").status_code == 404


def test_a_refresh_is_one_commit(server):
    server.ingest(lines(people(0, 20)), "once")
    index(server, "once")
    server.ingest(lines(people(100, 34)), "once", mode="append")
    server.sql("DELETE FROM once WHERE candidate_id < 'C0005'")
    server.sql("UPDATE once SET resume = 'Welder of ships.' WHERE candidate_id = 'C0007'")
    table = server.pyiceberg().load_table("vectors.once")
    snapshots, commits = len(table.snapshots()), len(table.metadata.metadata_log)
    assert index(server, "once")["result"]["embedded_rows"] == 35
    table = server.pyiceberg().load_table("vectors.once")
    # what goes and what comes are a snapshot each; a file of metadata, of which each but the first is in the log, is a commit
    assert (len(table.snapshots()) - snapshots, len(table.metadata.metadata_log) - commits) == (2, 1)
    before = table.snapshots()[snapshots - 1].snapshot_id  # whoever reads sees the one or the other
    assert server.sql(f"SELECT count(*) FROM vectors.once AT (VERSION => {before})") == [[20]]
    assert server.sql("SELECT count(*) FROM vectors.once") == [[49]]


def test_a_refresh_of_more_than_memory_is_to_hold_is_one_commit(server):
    """72 MB of texts where 64 MiB of batches are held in memory: the others wait in a file."""
    server.sql("CREATE TABLE heavy AS SELECT 'H' || i AS candidate_id, 'TX' AS state, repeat('word' || i || ' ', 21000) AS resume FROM range(500) r(i)")
    index(server, "heavy", chunk={"size": 1 << 20, "overlap": 0})
    server.sql("UPDATE heavy SET resume = 'Now: ' || resume WHERE candidate_id <> 'H7'")
    table = server.pyiceberg().load_table("vectors.heavy")
    snapshots, commits = len(table.snapshots()), len(table.metadata.metadata_log)
    assert server.sql("SELECT sum(length(text)) > 64 * 1048576 FROM vectors.heavy WHERE id <> 'H7'") == [[True]]
    assert index(server, "heavy", chunk={"size": 1 << 20, "overlap": 0})["result"]["embedded_rows"] == 499
    table = server.pyiceberg().load_table("vectors.heavy")
    assert (len(table.snapshots()) - snapshots, len(table.metadata.metadata_log) - commits) == (2, 1)
    assert server.sql("SELECT count(*), count(DISTINCT id), count(*) FILTER (starts_with(text, 'Now: word' || substr(id, 2) || ' ')) FROM vectors.heavy") == [[500, 500, 499]]
    assert server.sql("SELECT count(*) FROM vectors.heavy v JOIN heavy d ON v.id = d.candidate_id AND rtrim(v.text) = rtrim(d.resume)") == [[500]]


def test_an_index_follows_its_dataset_or_the_clock(server):
    server.ingest(lines(people(0, 20)), "followed")
    index(server, "followed", refresh={"policy": "on_append"})
    index(server, "followed", index="clocked", refresh={"policy": "scheduled", "cron": "* * * * *"})
    for bad in ({"policy": "sometimes"}, {"policy": "scheduled"}, {"policy": "scheduled", "cron": "61 * * * *"}, {"policy": "manual", "cron": "* * * * *"}, {"when": 1}):
        submit(server, "followed", 400, index="bad", refresh=bad)
    server.sql("INSERT INTO followed SELECT 'N' || candidate_id, state, resume FROM followed")
    wait_for(lambda: server.request("GET", "/vectors/indexes/followed").json()["rows"] == 40)
    wait_for(lambda: server.request("GET", "/vectors/indexes/clocked").json()["rows"] == 40)
    none_runs(server)  # what is committed is not yet the end of its job, beside which there is no other one
    index(server, "followed")  # says nothing of it: it stays
    assert server.request("GET", "/vectors/indexes/followed").json()["refresh"]["policy"] == "on_append"


def test_what_another_iceberg_client_appends_makes_an_index_stale_and_is_followed(server):
    told = lambda name: server.request("GET", f"/vectors/indexes/{name}").json()
    server.ingest(lines(people(0, 20)), "others")
    index(server, "others", index="by_hand")
    table = server.pyiceberg().load_table("data.others")
    table.append(table.scan().to_arrow().slice(0, 2).set_column(0, "candidate_id", [["P0001", "P0002"]]))
    assert told("by_hand")["stale"] is True and told("by_hand")["rows"] == 20
    assert "by_hand" in [item["index"] for item in server.request("GET", "/vectors/stale").json()["items"]]
    index(server, "others", index="by_itself", refresh={"policy": "on_append"})
    assert told("by_itself")["rows"] == 22 and told("by_itself")["stale"] is False
    more = table.scan().to_arrow().slice(0, 1).set_column(0, "candidate_id", [["P0003"]])
    server.pyiceberg().load_table("data.others").append(more.set_column(2, "resume", [["Keeper of a lighthouse."]]))
    wait_for(lambda: told("by_itself")["rows"] == 23)
    wait_for(lambda: told("by_itself")["stale"] is False)
    hit = search(server, index="by_itself", query="Keeper of a lighthouse.", k=1)[0]
    assert hit["id"] == "P0003" and hit["score"] > 0.999
    assert told("by_hand")["rows"] == 20 and told("by_hand")["stale"] is True


def embedder():
    def answer(handler, body):
        reply({"data": [{"index": i, "embedding": [1.0, len(text) % 7, len(text) % 3]} for i, text in enumerate(body["input"])], "usage": {"prompt_tokens": 1}})(handler, body)
    return answer


def by_endpoint(model):
    return {"LAKEHOUSE__AI__EMBED_PROVIDER": "openai", "LAKEHOUSE__AI__EMBED_MODEL": "e", "LAKEHOUSE__AI__EMBED_URL": model.url, "LAKEHOUSE__AI__RETRIES": "0"}


def test_a_refresh_that_failed_is_tried_again(tmp_path):
    model = Scripted(embedder())
    server = Server(tmp_path / "lake", env=by_endpoint(model))
    server.ingest(lines(people(0, 20)), "followed")
    index(server, "followed", index="appended", refresh={"policy": "on_append"})
    index(server, "followed", index="clocked", refresh={"policy": "scheduled", "cron": "* * * * *"})
    model.answers = [reply({"error": {"message": "bad key"}}, 401)]
    server.sql("INSERT INTO followed SELECT 'N' || candidate_id, state, resume FROM followed")
    failed = lambda: {job["subject"] for job in server.request("GET", "/jobs", params={"state": "failed"}).json()["items"]}
    for name in ("appended", "clocked"):  # one after the other: each is asked for again meanwhile
        wait_for(lambda: f"index:{name}" in failed())
    model.answers = [embedder()]
    for name in ("appended", "clocked"):
        wait_for(lambda: server.request("GET", f"/vectors/indexes/{name}").json()["rows"] == 40)
    server.stop(check=False)
    model.stop()


def test_vectors_of_another_endpoint_are_not_compared_and_all_are_made_anew(tmp_path):
    first, second = Scripted(embedder()), Scripted(embedder())
    server = Server(tmp_path / "lake", env=by_endpoint(first))
    server.ingest(lines(people(0, 20)), "d")
    index(server, "d", index="moved")
    search(server, index="moved", query="nurse")
    before = server.request("GET", "/vectors/indexes/moved").json()["model"]
    server.stop()
    server = Server(tmp_path / "lake", env=by_endpoint(second))
    assert "model" in search(server, 409, index="moved", query="nurse")["message"]
    index(server, "d", index="moved")
    after = server.request("GET", "/vectors/indexes/moved").json()["model"]
    assert (before["name"], before["provider"]) == (after["name"], after["provider"]) and before["version"] != after["version"]
    assert set(TEXTS) <= {text for _, _, body in second.seen for text in body["input"]}  # what did not change was embedded, too
    assert search(server, index="moved", query="nurse")
    server.stop(check=False)
    for model in (first, second):
        model.stop()


def test_a_refresh_is_of_what_the_caller_may_write_and_of_each_that_is_free(tmp_path):
    held, go_on = threading.Event(), threading.Event()

    def slow(handler, body):
        held.set()
        go_on.wait(WAIT_SECONDS)
        embedder()(handler, body)

    model = Scripted(embedder())
    lake = Lake(tmp_path / "lake", **by_endpoint(model))
    lake.ingest("d", lines(people(0, 20)))
    for name in ("a_idx", "m_idx", "z_idx"):
        index(lake.server, "d", index=name)
    key = lake.key("ann", allow("dataset", "data.d"), allow("index", "a_idx", "read", "write"), allow("index", "z_idx", "read", "write"))
    other = lake.key("other", allow("dataset", "data.d"), allow("index", "a_idx"))
    lake.server.sql("INSERT INTO d SELECT 'N' || candidate_id, state, resume FROM d")
    page = lake.call("GET", "/vectors/indexes?limit=1", 200, key=other)  # no token where what follows is hidden
    assert [item["name"] for item in page["items"]] == ["a_idx"] and page["next_page_token"] is None
    page = lake.call("GET", "/vectors/indexes?limit=1", 200, key=key)
    last = lake.call("GET", f"/vectors/indexes?limit=1&page_token={page['next_page_token']}", 200, key=key)
    assert [item["name"] for item in last["items"]] == ["z_idx"] and last["next_page_token"] is None
    lake.call("POST", "/vectors/refresh/d", 403, key=other)
    told = lake.call("POST", "/vectors/refresh/d", 202, key=key)
    assert [job["subject"] for job in told["items"]] == ["index:a_idx", "index:z_idx"] and told["problems"] == []
    for job in told["items"]:
        ended(lake.server, job)
    assert [lake.call("GET", f"/vectors/indexes/{name}", 200)["stale"] for name in ("a_idx", "m_idx", "z_idx")] == [False, True, False]
    model.answers = [slow]
    busy = submit(lake.server, "d", index="m_idx")
    assert held.wait(WAIT_SECONDS)
    told = lake.call("POST", "/vectors/refresh/d", 202)
    assert [job["subject"] for job in told["items"]] == ["index:a_idx", "index:m_idx", "index:z_idx"] and told["items"][1]["id"] == busy["id"]
    go_on.set()
    for job in told["items"]:
        ended(lake.server, job)
    lake.server.stop()
    model.stop()


def test_a_row_that_is_gone_from_the_dataset_is_not_found_before_the_index_knows(server):
    server.ingest(lines(people(0, 10)), "gone")
    index(server, "gone")
    server.sql("DELETE FROM gone WHERE candidate_id IN ('C0003')")
    for columns in (None, [], ["state"]):
        hits = search(server, index="gone", query=TEXTS[3], k=2, **({} if columns is None else {"columns": columns}))
        assert len(hits) == 2 and hits[0]["id"] == "C0008" and "C0003" not in [hit["id"] for hit in hits]


def test_filters_come_before_the_ranking(server):
    server.ingest(lines(people(0, 300)), "filtered")
    index(server, "filtered")
    hits = search(server, index="filtered", query=TEXTS[0], k=50, filter="state = 'NY' AND candidate_id > 'C0100'", columns=["state"])
    assert len(hits) == 50 and all(hit["columns"] == {"state": "NY"} and hit["id"] > "C0100" for hit in hits)
    exact = search(server, index="filtered", query=TEXTS[0], k=50, filter="state = 'NY' AND candidate_id > 'C0100'", columns=["state"], mode="exact")
    assert [hit["score"] for hit in hits] == [hit["score"] for hit in exact]
    assert search(server, index="filtered", query=TEXTS[0], filter="state = 'ZZ'") == []
    for bad in ("state =", "true) UNION SELECT 'C0001' --", "(SELECT true)", "nothing = 1", 7):
        search(server, 400, index="filtered", query="x", filter=bad)


def test_integers_templates_and_chunks(server):
    text = " ".join(f"Sentence number {i} is about topic {i}." for i in range(60))
    data = "id,title,body\n" + "".join(f'{i},"Report {i}","{text if i == 7 else "Short."}"\n' for i in range(10))
    server.ingest(data.encode(), "reports")
    job = index(server, "reports", id_column="id", text_columns=None, template="{title}: {body} {{x}}", chunk={"size": 200, "overlap": 40})
    assert job["result"]["rows"] == 10 and job["result"]["chunks"] > 15
    rows = server.sql("SELECT chunk, text, text_start, text_end FROM vectors.reports WHERE id = 7 ORDER BY chunk")
    whole = f"Report 7: {text} {{x}}"
    assert [row[0] for row in rows] == list(range(len(rows)))
    assert all(row[1] == whole[row[2]:row[3]] and len(row[1]) <= 200 for row in rows)
    assert rows[0][2] == 0 and rows[-1][3] == len(whole) and all(0 <= a[3] - b[2] <= 40 for a, b in zip(rows, rows[1:]))
    hit = search(server, index="reports", query="Sentence number 42 is about topic 42.", k=1)[0]
    assert hit["id"] == 7 and "number 42" in hit["text"]


def test_rows_without_an_id_and_those_of_one_id_are_told_and_left_out(server):
    """Of several rows of an id none can be told from the others, so a refresh takes out what was embedded of the first, too."""
    rows = people(0, 10) + [("", "TX", "Nobody knows who this is."), ("C0001", "TX", "A second one of this id.")]
    server.ingest(lines(rows), "poisoned")
    job = index(server, "poisoned")
    assert job["problem_count"] == 2 and {p["item"] for p in job["problems"]} == {"NULL", "C0001"}
    assert job["result"]["rows"] == 9 and "C0001" not in [hit["id"] for hit in search(server, index="poisoned", query="one of this id", k=20)]
    assert search(server, index="poisoned", query="one of this id", filter="candidate_id = 'C0001'", mode="text") == []
    server.ingest(lines([("C0002", "TX", "A second one."), ("C0002", "TX", "A third one.")]), "poisoned", mode="append")
    job = index(server, "poisoned")
    assert (job["result"]["rows"], job["result"]["unchanged_rows"], job["result"]["removed_rows"]) == (8, 8, 1)


def test_without_any_setting_the_built_in_model_finds_by_meaning(tmp_path):
    server = Server(tmp_path / "lake")
    server.ingest(lines(people(0, 5)), "meant")
    assert index(server, "meant")["result"]["embedded_rows"] == 5
    told = server.request("GET", "/vectors/indexes/meant").json()["model"]
    assert (told["provider"], told["name"], told["dimensions"]) == ("llama", "all-minilm-l6-v2", 384) and len(told["version"]) == 16
    for question, answer in (("someone who looks after sick children", 3), ("a person who writes software", 1), ("moving pallets in a storehouse", 2)):
        assert search(server, index="meant", query=question, k=1)[0]["text"] == TEXTS[answer]
    answer = server.request("POST", "/v1/embeddings", json={"model": "all-minilm-l6-v2", "input": ["a", "b"]}).json()
    assert [len(item["embedding"]) for item in answer["data"]] == [384, 384]
    server.stop()


def test_rows_without_a_text_are_no_rows_of_the_index(server):
    server.ingest(lines(people(0, 4) + [("C0100", "TX", ""), ("C0101", "TX", "   ")]), "wordless")
    result = index(server, "wordless")["result"]
    assert (result["embedded_rows"], result["rows"], result["unchanged_rows"]) == (4, 4, 0)
    result = index(server, "wordless")["result"]
    assert (result["embedded_rows"], result["rows"], result["unchanged_rows"]) == (0, 4, 4)


def test_an_index_whose_dataset_or_model_is_gone_says_so(tmp_path):
    server = Server(tmp_path / "lake", env=HASH)
    for name in ("lost", "other"):
        server.ingest(lines(people(0, 5)), name)
        index(server, name)
    server.sql("DROP TABLE lost")
    assert "is gone" in search(server, 409, index="lost", query="x")["message"]
    server.stop()
    server.env["LAKEHOUSE__AI__EMBED_MODEL"] = "hash-64"
    server.start()
    assert "hash" in search(server, 409, index="other", query="x")["message"]
    result = index(server, "other")  # of the other model now: all of it is embedded anew, and takes the place in one commit
    assert result["result"]["embedded_rows"] == 5
    told = server.request("GET", "/vectors/indexes/other").json()
    assert told["model"]["dimensions"] == 64 and told["table"] != "vectors.other"
    assert len(search(server, index="other", query=TEXTS[0])) == 3
    tables = [row[0] for row in server.sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'vectors'")]
    assert told["table"].split(".")[1] in tables
    server.stop()


def test_what_cannot_be_is_refused(server):
    server.ingest(lines(people(0, 5)), "refused")
    index(server, "refused")
    submit(server, "nothing_here", 404)
    submit(server, "refused", 400, id_column="nope")
    submit(server, "refused", 400, text_columns=["nope"])
    submit(server, "refused", 400, text_columns=None, template="no column")
    submit(server, "refused", 400, text_columns=None, template="{open")
    submit(server, "refused", 400, index="Bad Name")
    submit(server, "refused", 400, metric="hamming")
    submit(server, "refused", 400, chunk={"size": 4})
    submit(server, "refused", 400, chunk={"length": 4})
    for locale in ("xx", "日本", "en; drop"):
        assert locale in str(submit(server, "refused", 400, chunk={"locale": locale}))
    submit(server, "refused", 400, unknown=1)
    submit(server, "refused", 409, text_columns=["state"])
    submit(server, "vectors.refused", 400, id_column="id", text_columns=["text"])
    search(server, 404, index="none", query="x")
    search(server, 400, index="refused")
    search(server, 400, index="refused", query=" ")
    search(server, 400, index="refused", query="x", vector=[1])
    search(server, 400, index="refused", vector=[1, 2])
    search(server, 400, index="refused", query="x", k=0)
    search(server, 400, index="refused", query="x", mode="best")
    search(server, 400, index="refused", query="x", columns=["nope"])
    assert "model" in search(server, 409, index="refused", query="x", model="another-model")["message"]
    assert server.request("GET", "/vectors/indexes/none").status_code == 404


def test_what_is_refused_is_said_in_the_words_of_the_request(server):
    server.ingest(lines(people(0, 3)), "said")
    index(server, "said")
    version = server.request("GET", "/vectors/indexes/said").json()["model"]["version"]

    def told(status, path="/vectors/search", **body):
        answer = server.request("POST", path, json={"index": "said", **body})
        assert answer.status_code == status, answer.text
        return answer.json().get("error")

    unknown = told(400, query="x", filter="nope = 1")
    assert "'filter'" in unknown["message"] and "nope" in unknown["message"] and "line" not in unknown["details"]
    broken = told(400, query="x", filter="state = = 1")
    assert "'filter'" in broken["message"] and broken["details"].get("column", 1) <= len("state = = 1")
    absent = told(400, query="x", columns=["nope"])
    assert "'columns'" in absent["message"] and "nope" in absent["message"] and "line" not in absent["details"]
    for twice in (["state", "state"], ["state", "STATE"]):
        assert "twice" in told(400, query="x", columns=twice)["message"]
    many = told(400, query="x", columns=[f"c{i}" for i in range(1001)])  # each is compared with each: 2,000 took 1.4 s, twice as many eight times that
    assert "1001 names, more than 1000" in many["message"]
    other = told(409, query="x", model="other")["message"]
    assert "not of other" in other and "embedded" not in other
    vector = [1.0] + [0.0] * 383
    told(200, vector=vector, model="hash", model_version=version)
    assert "'9'" in told(409, vector=vector, model_version="9")["message"]
    assert "zero" in told(400, vector=[0] * 384)["message"]
    of = {"dataset": "said", "id_column": "candidate_id", "text_columns": ["resume"]}
    assert "'metric'" in told(409, "/vectors/index", **of, metric="dot")["message"]
    assert "cosine, dot, l2" in told(400, "/vectors/index", **of, metric="manhattan")["message"]
    assert "manual, on_append, scheduled" in told(400, "/vectors/index", **of, refresh={"policy": "daily"})["message"]
    refused = server.request("GET", "/jobs?state=foo")
    assert refused.status_code == 400 and "'state'" in refused.text


def test_indexes_and_jobs_come_in_pages(server):
    server.ingest(lines(people(0, 3)), "paged")
    for i in range(3):
        index(server, "paged", index=f"paged-{i}")
    for path, key, wanted in (("/vectors/indexes?dataset=paged&limit=2", "name", 3), ("/jobs?limit=2", "id", None)):
        items, token = [], None
        while True:
            page = server.request("GET", path + (f"&page_token={token}" if token else "")).json()
            assert len(page["items"]) <= 2
            items += [item[key] for item in page["items"]]
            token = page["next_page_token"]
            if not token:
                break
        assert len(set(items)) == len(items) and (len(items) == wanted if wanted else len(items) > 2)


def test_a_member_of_another_type_is_refused_by_its_name(server):
    """What is not understood is never taken for what is absent: of all routes, as the OpenAPI document has their bodies."""
    server.ingest(lines(people(0, 3)), "typed")
    index(server, "typed")

    def refused(path, name, **body):
        answer = server.request("POST", path, json=body)
        assert answer.status_code == 400 and f"'{name}'" in answer.json()["error"]["message"], (body, answer.text)

    for k in ("3", 2.5, -1, 0, [3], True, 1e300):
        refused("/vectors/search", "k", index="typed", query="x", k=k)
    for name, value in (("mode", 5), ("model", 5), ("weights", 5), ("columns", "state"), ("filter", 1), ("query", 7), ("index", 5)):
        refused("/vectors/search", name, **{"index": "typed", "query": "x", name: value})
    refused("/vectors/search", "weights.text", index="typed", query="x", mode="hybrid", weights={"text": "1"})
    refused("/vectors/search", "vector[1]", index="typed", vector=[1, "2"])
    of = {"dataset": "typed", "id_column": "candidate_id", "text_columns": ["resume"]}
    for name, value in (("index", 5), ("metric", 5), ("backend", 7), ("chunk", 5), ("refresh", "manual"), ("model", 1), ("recall_target", "1"), ("hnsw", [])):
        refused("/vectors/index", name, **{**of, name: value})
    for name, value in (("size", "100"), ("unit", 5), ("overlap", True)):
        refused("/vectors/index", f"chunk.{name}", **of, chunk={name: value})
    assert "chunk" in submit(server, "typed", 400, chunk={"size": -1})["error"]["message"]
    assert "chunk" in submit(server, "typed", 400, chunk={"overlap": -1})["error"]["message"]
    refused("/vectors/index", "text_columns[0]", **{**of, "text_columns": [5]})
    refused("/vectors/rag", "question", index="typed", question=5)
    refused("/query/sql", "limit", sql="SELECT 1", limit="3")
    refused("/query/sql", "sql", sql=1)
    refused("/ai/embed", "model", input="x", model=3)


def test_without_its_extension_the_backend_lance_says_how_to_get_it(tmp_path):
    for file in EXTENSIONS.iterdir():
        os.symlink(file, tmp_path / file.name)
    server = Server(tmp_path / "lake", "--set", f"engine.extension_dir={tmp_path}", env=HASH)
    server.ingest(lines(people(0, 5)), "without")
    assert "tools/setup-lance" in submit(server, "without", 503, backend="lance")["error"]["message"]
    assert server.request("GET", "/vectors/indexes").json()["items"] == []
    (tmp_path / "lance.duckdb_extension").write_bytes(b"another file")
    assert "not the file" in submit(server, "without", 500, backend="lance")["error"]["message"]
    server.stop()


def test_an_index_is_dropped_with_its_table_and_made_again(server):
    server.ingest(lines(people(0, 5)), "dropped")
    index(server, "dropped")
    search(server, index="dropped", query="x")
    assert server.request("DELETE", "/vectors/indexes/dropped").status_code == 204
    assert server.query("SELECT * FROM vectors.dropped").status_code in (400, 404)
    search(server, 404, index="dropped", query="x")
    assert index(server, "dropped")["result"]["embedded_rows"] == 5
    assert len(search(server, index="dropped", query="x")) == 3


def test_vectors_of_one_s_own_are_searched_and_an_l2_index_ranks_by_distance(server):
    server.ingest(lines(people(0, 20)), "metrics")
    index(server, "metrics", metric="l2", index="metrics_l2")
    vector = server.sql("SELECT embedding FROM vectors.metrics_l2 WHERE id = 'C0003'")[0][0]
    hits = search(server, index="metrics_l2", vector=vector, k=20)
    assert hits[0]["id"] == "C0003" and abs(hits[0]["score"]) < 1e-6
    assert [hit["score"] for hit in hits] == sorted(hit["score"] for hit in hits)


def loads(server):
    return tuple(server.metric(f"lakehouse_vector_loads_{how}_total") for how in ("table", "files", "extended"))


def ranked(server, name, mode="exact"):
    return [(hit["id"], round(hit["score"], 5), hit["text"]) for text in (*TEXTS, "Welder of ships.") for hit in search(server, index=name, query=text, k=30, mode=mode, columns=[])]


def test_an_index_is_kept_in_files_and_extended_by_what_the_table_has_more_or_less(tmp_path):
    server = Server(tmp_path / "lake", env=HASH)
    rows = [(f"C{i:04d}", "TX", f"{TEXTS[i % 5]} Number {i}.") for i in range(500)]
    server.ingest(lines(rows[:400]), "kept")
    index(server, "kept")
    before = ranked(server, "kept")
    assert loads(server) == (1, 0, 0)
    server.restart()
    assert ranked(server, "kept") == before and loads(server) == (0, 1, 0)
    server.ingest(lines(rows[400:]), "kept", mode="append")
    server.sql("DELETE FROM kept WHERE candidate_id < 'C0010'")
    server.sql("UPDATE kept SET resume = 'Welder of ships.' WHERE candidate_id = 'C0111'")
    index(server, "kept")
    extended = {mode: ranked(server, "kept", mode) for mode in ("exact", "hnsw")}
    assert loads(server) == (0, 1, 1)
    assert not [hit for hit in extended["hnsw"] if hit[0] < "C0010"] and ("C0111", 1.0, "Welder of ships.") in extended["hnsw"]
    overlap = len(set(extended["exact"]) & set(extended["hnsw"])) / len(set(extended["exact"]))
    assert overlap > 0.95
    server.restart()
    assert ranked(server, "kept") == extended["exact"] and loads(server) == (0, 1, 0)
    server.stop()
    for file in (*(tmp_path / "lake" / ".scratch" / "vectors").iterdir(), *(tmp_path / "lake" / "lake").glob("vectors/*/index/*")):  # as if it had never been
        file.unlink()
    server.start()
    assert ranked(server, "kept") == extended["exact"] and loads(server) == (1, 0, 0)
    server.stop()


def test_a_torn_or_foreign_file_of_an_index_is_never_served(tmp_path):
    server = Server(tmp_path / "lake", env=HASH)
    server.ingest(lines(people(0, 50)), "torn")
    index(server, "torn")
    right = ranked(server, "torn")
    server.stop()
    folder = tmp_path / "lake" / ".scratch" / "vectors"
    chance = random.Random(7)
    for name in ("torn.ann", "torn.texts"):
        whole = (folder / name).read_bytes()
        spoilt = [whole[:len(whole) // 2], b"", whole + b"x"]
        for _ in range(2 if SANITIZED else 5):
            at = chance.randrange(len(whole))
            spoilt.append(whole[:at] + bytes([whole[at] ^ (1 << chance.randrange(8))]) + whole[at + 1:])
        for bad in spoilt:
            (folder / name).write_bytes(bad)  # in place: the object in the bucket is the same file
            server.start()
            assert ranked(server, "torn") == right and loads(server) == (1, 0, 0)
            server.stop()
            assert (folder / name).read_bytes() == whole or name == "torn.ann"
    server.start()
    server.sql("DELETE FROM torn WHERE candidate_id < 'C0040'")
    index(server, "torn")
    (other, mine) = (folder / "torn.texts").read_bytes(), (folder / "torn.ann").read_bytes()
    assert len(ranked(server, "torn")) == 60
    server.stop()
    (folder / "torn.texts").write_bytes(other)  # of the snapshot before, beside the graph of this one
    server.start()
    assert len(ranked(server, "torn")) == 60 and mine
    server.stop()


def test_events_tell_how_far_a_job_is(server):
    server.ingest(lines(people(0, 3000)), "watched")
    job = submit(server, "watched")
    events = []
    with server.request("GET", f"/jobs/{job['id']}/events", stream=True) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        for line in answer.iter_lines():
            if line.startswith(b"event: "):
                events.append(line[7:].decode())
            elif line.startswith(b"data: "):
                last = json.loads(line[6:])
    assert events[-1] == "end" and set(events[:-1]) <= {"progress"} and last["state"] == "succeeded" and last["done"] == 3000


def test_a_job_is_cancelled_and_goes_on_when_tried_again(tmp_path):
    asked, held, go_on = [], threading.Event(), threading.Event()

    def stops(handler, body):  # behind the first batch
        asked.extend(body["input"])
        if len(asked) > 400:
            held.set()
            go_on.wait(WAIT_SECONDS)
        embedder()(handler, body)

    model, rows = Scripted(stops), 1000
    server = Server(tmp_path / "lake", env=by_endpoint(model))
    server.ingest(lines(people(0, rows)), "stopped")
    job = submit(server, "stopped")
    assert held.wait(WAIT_SECONDS)
    assert submit(server, "stopped", 409)["error"]["message"].count(job["id"]) == 1
    assert server.request("DELETE", "/vectors/indexes/stopped").status_code in (404, 409)
    assert server.request("POST", f"/jobs/{job['id']}/cancel").status_code == 202
    go_on.set()
    ended(server, job, "cancelled")
    assert server.request("POST", f"/jobs/{job['id']}/retry").status_code == 202
    ended(server, job)
    assert server.sql("SELECT count(*), count(DISTINCT id) FROM vectors.stopped") == [[rows, rows]]
    server.stop()
    model.stop()


# ---- who sees what ----


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    lake = Lake.__new__(Lake)
    from governed import ADMIN
    lake.server = Server(tmp_path_factory.mktemp("governed-vectors") / "lake", env={**HASH, "LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": ADMIN})
    lake.server.headers = {"X-API-Key": ADMIN}
    lake.ingest("candidates", lines(people(0, 60)))
    index(lake.server, "candidates")
    yield lake
    lake.server.stop()


def test_hidden_rows_are_no_candidates(lake):
    key = lake.key("texan", allow("dataset", "data.candidates", row_filter="state = 'TX'"), allow("index", "*"))
    hits = search(lake.server, key=key, index="candidates", query=TEXTS[0], k=50)
    assert len(hits) == 20 and {hit["columns"]["state"] for hit in hits} == {"TX"}
    hits = search(lake.server, key=key, index="candidates", query=TEXTS[0], k=50, columns=[])
    assert len(hits) == 20 and all(int(hit["id"][1:]) % 3 == 0 for hit in hits)
    assert search(lake.server, key=key, index="candidates", query=TEXTS[0], filter="state = 'CA'") == []
    # a filter that is more than a condition is none, whatever it would bring in
    search(lake.server, 400, key=key, index="candidates", query="x", filter="false) UNION SELECT 'C0001' --")


def test_masked_columns_come_masked_and_a_masked_text_is_not_searched(lake):
    key = lake.key("masked", allow("dataset", "data.candidates", redactions={"state": {"kind": "hash"}}), allow("index", "*"))
    hit = search(lake.server, key=key, index="candidates", query=TEXTS[0])[0]
    assert len(hit["columns"]["state"]) == 64
    for name, parts in (("blind", {"redactions": {"resume": {"kind": "null"}}}), ("narrow", {"columns": ["candidate_id", "state"]}),
                        ("nameless", {"redactions": {"candidate_id": {"kind": "hash"}}})):
        other = lake.key(name, allow("dataset", "data.candidates", **parts), allow("index", "*"))
        refused = search(lake.server, 403, key=other, index="candidates", query=TEXTS[0])
        assert refused["message"] == search(lake.server, 403, key=other, index="candidatez", query=TEXTS[0])["message"].replace("candidatez", "candidates")
        assert lake.server.request("GET", "/vectors/indexes", headers={"X-API-Key": other}).json()["items"] == []
        assert lake.server.request("GET", "/vectors/indexes/candidates", headers={"X-API-Key": other}).status_code == 404


def test_an_index_takes_a_grant_and_shows_no_counts(lake):
    without = lake.key("ungranted", allow("dataset", "data.candidates"))
    search(lake.server, 403, key=without, index="candidates", query="x")
    granted = lake.key("granted", allow("dataset", "data.candidates"), allow("index", "candidates"))
    assert search(lake.server, key=granted, index="candidates", query="x")
    told = lake.call("GET", "/vectors/indexes/candidates", 200, key=granted)
    assert "rows" not in told and "dataset_snapshot_id" not in told and told["name"] == "candidates"
    denied = lake.key("denied", allow("dataset", "data.candidates"), allow("index", "*"), {"effect": "deny", "on": "index", "name": "candidates", "actions": ["read"]})
    search(lake.server, 403, key=denied, index="candidates", query="x")
    lake.call("POST", "/vectors/index", 403, {"dataset": "candidates", "id_column": "candidate_id", "text_columns": ["resume"], "index": "own"}, key=granted)
    maker = lake.key("maker", allow("dataset", "data.candidates"), allow("index", "own", "read", "write"))
    job = lake.call("POST", "/vectors/index", 202, {"dataset": "candidates", "id_column": "candidate_id", "text_columns": ["resume"], "index": "own"}, key=maker)
    ended(lake.server, job)
    assert search(lake.server, key=maker, index="own", query="x")
    assert lake.call("GET", f"/jobs/{job['id']}", 200, key=maker)["state"] == "succeeded"
    lake.call("GET", f"/jobs/{job['id']}", 404, key=granted)
    assert lake.call("GET", "/jobs", 200, key=granted)["items"] == []
    lake.call("DELETE", "/vectors/indexes/own", 403, key=granted)
    lake.call("DELETE", "/vectors/indexes/own", 204, key=maker)


def test_a_view_is_indexed_for_who_sees_the_view_only(lake):
    lake.call("POST", "/catalog/views", 201, {"name": "candidates_safe", "base_dataset": "candidates", "columns": ["candidate_id", "resume"], "row_filter": "state != 'NY'"})
    assert index(lake.server, "candidates_safe")["result"]["rows"] == 40
    agent = lake.key("an-agent", roles=("agent",))
    hits = search(lake.server, key=agent, index="candidates_safe", query=TEXTS[0], k=50)
    assert len(hits) == 40 and set(hits[0]["columns"]) == {"candidate_id", "resume"}
    search(lake.server, 403, key=agent, index="candidates", query="x")


def test_the_table_of_vectors_is_as_sensitive_as_its_texts(lake):
    lake.ingest("letters", lines(people(0, 5)))
    lake.call("PATCH", "/catalog/datasets/by-name/letters/metadata", 200, {"columns": {"resume": {"sensitivity": "restricted"}}})
    index(lake.server, "letters")
    columns = {c["name"]: c["sensitivity"] for c in lake.call("GET", "/catalog/datasets/by-name/vectors.letters", 200)["columns"]}
    assert columns["text"] == columns["embedding"] == "restricted" and columns["id"] != "restricted"
    recruiter = lake.key("a-recruiter", roles=("recruiter",))
    assert lake.rows("SELECT count(text), count(embedding), count(*) FROM vectors.letters", recruiter) == [[0, 0, 5]]
    search(lake.server, 403, key=recruiter, index="letters", query="x")
    assert search(lake.server, key=recruiter, index="candidates", query="x")


@pytest.mark.parametrize("name, text", (("joined", {"text_columns": ["title", "body"]}), ("filled", {"text_columns": None, "template": "{title}: {body}"})))
def test_a_text_of_several_columns_is_hidden_with_any_of_them(lake, name, text):
    lake.ingest(name, ("candidate_id,title,body\n" + "".join(f"C{i},Title of {i},zanzibar {i}\n" for i in range(5))).encode())
    index(lake.server, name, **text)
    ai = {"effect": "allow", "on": "tool", "name": "ai", "actions": ["read"]}
    whole = lake.key(f"{name}-whole", allow("dataset", f"data.{name}"), allow("index", "*"), ai)
    assert search(lake.server, key=whole, index=name, query="zanzibar", mode="text")
    for column, other in (("title", "body"), ("body", "title")):
        for how, parts in (("masked", {"redactions": {column: {"kind": "null"}}}), ("hashed", {"redactions": {column: {"kind": "hash"}}}), ("hidden", {"columns": ["candidate_id", other]})):
            key = lake.key(f"{name}-{how}-{column}", allow("dataset", f"data.{name}", **parts), allow("index", "*"), ai)
            for mode in MODES:
                assert "zanzibar" not in str(search(lake.server, 403, key=key, index=name, query="title zanzibar", mode=mode))
            told = [lake.call("POST", "/vectors/rag", 403, {"index": one, "question": "What is of zanzibar?"}, key=key)["error"] for one in (name, name[::-1])]
            assert told[0]["message"].replace(name, name[::-1]) == told[1]["message"]
            assert lake.call("GET", "/vectors/indexes", 200, key=key)["items"] == []
            lake.call("GET", f"/vectors/indexes/{name}", 404, key=key)
            lake.refused(f"SELECT text FROM vectors.{name}", key)
    lake.call("PATCH", f"/catalog/datasets/by-name/{name}/metadata", 200, {"columns": {"body": {"sensitivity": "restricted"}}})
    index(lake.server, name, **text, index=f"{name}_restricted")
    recruiter = lake.key(f"{name}-recruiter", roles=("recruiter",))
    assert lake.rows(f"SELECT count(text), count(embedding), count(*) FROM vectors.{name}_restricted", recruiter) == [[0, 0, 5]]


def test_searches_are_audited(lake):
    key = lake.key("audited", allow("dataset", "data.candidates"), allow("index", "*"))
    search(lake.server, key=key, index="candidates", query="a question of mine")
    search(lake.server, 403, key=key, index="unheard", query="x")
    items = lake.call("GET", "/access/audit?principal=audited", 200)["items"]
    assert [item["datasets"] for item in items] == [[], ["data.candidates"]]
    assert len(lake.call("GET", "/access/audit?principal=audited&dataset=data.candidates", 200)["items"]) == 1
    assert [item["outcome"] for item in items] == ["denied", "ok"] and items[1]["rows"] == 3 and "a question of mine" in items[1]["statement"]


MODES = ("exact", "hnsw", "text", "hybrid")


@pytest.mark.parametrize("backend", ("hnsw", "lance"))
def test_a_text_that_was_hidden_is_not_told_of_a_row_that_is_seen(tmp_path, backend):
    """Twins: a hidden row has the id of one that is seen, another was hidden when it was embedded and is seen with another text now,
    a third was seen always and has changed; of all that the lakes differ in what was hidden, before a refresh and after."""
    if backend == "lance" and not (BUILD / "extensions/lance.duckdb_extension").exists():
        pytest.skip("needs the extension lance")
    from governed import ADMIN
    answers = []
    for n, secret in enumerate(("the secret merger of acme with globex", "a quiet walk along the river")):
        lake = Lake.__new__(Lake)
        lake.server = Server(tmp_path / f"lake-{n}", env={**HASH, "LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": ADMIN})
        lake.server.headers = {"X-API-Key": ADMIN}
        seen = [("r1", "TX", "a harmless public note on gardening"), ("r3", "TX", "bees of the meadow"), ("r4", "TX", "roses and thyme")]
        lake.ingest("dups", lines([("r1", "CA", secret), ("r2", "CA", secret + " again"), *seen]))
        index(lake.server, "dups", backend=backend)
        key = lake.key("twin", allow("dataset", "data.dups", row_filter="state = 'TX'"), allow("index", "*"), {"effect": "allow", "on": "tool", "name": "ai", "actions": ["read"]})
        asked = []

        def ask():
            for mode in MODES:
                for body in ({}, {"columns": []}, {"k": 1}, {"filter": "candidate_id IN ('r1', 'r2', 'r3')"}):
                    told = lake.server.request("POST", "/vectors/search", json={"index": "dups", "query": "secret merger bees", "mode": mode, **body}, headers={"X-API-Key": key}).json()
                    told.pop("elapsed_ms")
                    assert secret not in str(told)
                    asked.append(told)
                told = lake.server.request("POST", "/vectors/rag", json={"index": "dups", "question": "the secret merger bees meadow?", "mode": mode}, headers={"X-API-Key": key}).json()
                assert secret not in str(told)
                asked.append(told["citations"])

        ask()
        assert [item["id"] for item in asked[0]["items"]] == ["r3", "r4"]
        lake.server.sql("UPDATE dups SET state = 'TX', resume = 'sanitised' WHERE candidate_id = 'r2'")
        lake.server.sql("UPDATE dups SET resume = 'roses alone' WHERE candidate_id = 'r4'")
        ask()
        assert [item["id"] for item in asked[-5]["items"]] == ["r3"]
        lake.server.sql("DELETE FROM dups WHERE candidate_id = 'r1' AND state = 'CA'")
        index(lake.server, "dups")
        ask()
        assert {item["id"] for item in asked[-20]["items"]} == {"r1", "r2", "r3", "r4"}
        answers.append(asked)
        lake.server.stop()
    assert answers[0] == answers[1]


def test_a_text_that_was_another_is_not_told_of_a_view(lake):
    lake.ingest("notes", lines([("r1", "NY", "the secret merger of acme"), ("r2", "TX", "bees of the meadow")]))
    lake.call("POST", "/catalog/views", 201, {"name": "notes_view", "base_dataset": "notes", "columns": ["candidate_id", "resume"], "row_filter": "state != 'XX'"})
    index(lake.server, "notes_view")
    lake.server.sql("UPDATE notes SET resume = 'sanitised' WHERE candidate_id = 'r1'")
    agent = lake.key("note-agent", roles=("agent",))
    for mode in MODES:
        assert [hit["id"] for hit in search(lake.server, key=agent, index="notes_view", query="secret merger bees", mode=mode)] == ["r2"]


def test_lakes_that_differ_in_hidden_rows_answer_alike(tmp_path):
    """Twins: what is hidden from a principal differs, whatever it asks is answered the same."""
    answers = []
    for hidden in ("Welder of ships.", TEXTS[0]):
        lake = Lake.__new__(Lake)
        from governed import ADMIN
        lake.server = Server(tmp_path / f"lake-{len(answers)}", env={**HASH, "LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": ADMIN})
        lake.server.headers = {"X-API-Key": ADMIN}
        lake.ingest("candidates", lines(people(0, 30) + [(f"H{i}", "XX", hidden) for i in range(len(answers) * 7 + 3)]))
        index(lake.server, "candidates")
        key = lake.key("twin", allow("dataset", "data.candidates", row_filter="state != 'XX'"), allow("index", "*"))
        asked = []
        for body in ({"query": TEXTS[0]}, {"query": "Welder of ships.", "mode": "exact"}, {"query": "x", "k": 100}, {"query": "x", "filter": "state = 'XX'"},
                     {"query": "x", "filter": "candidate_id LIKE 'H%'", "columns": []}, {"query": "x", "columns": ["hidden"]}, {"query": "x", "filter": "1 = "}):
            answer = lake.server.request("POST", "/vectors/search", json={"index": "candidates", **body}, headers={"X-API-Key": key})
            told = answer.json()
            told.pop("elapsed_ms", None)
            told.get("error", {}).pop("trace_id", None)
            asked.append((answer.status_code, told))
        for path in ("/vectors/indexes", "/vectors/indexes/candidates", "/jobs"):
            asked.append(lake.server.request("GET", path, headers={"X-API-Key": key}).json())
        answers.append(asked)
        lake.server.stop()
    assert answers[0] == answers[1]

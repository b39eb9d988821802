"""Indexes of the backend lance: a Lance dataset beside the table, asked for who sees every row, never taken at its word about who sees
what. The extension is not part of every set-up: without it (tools/setup-lance) these tests are skipped."""
import json
import os
import random
import shutil
import time
from pathlib import Path

import pytest

from governed import ADMIN, Lake, allow
from harness import BUILD, SANITIZED, Server, wait_for
from test_vectors import HASH, TEXTS, ended, index, lines, people, submit

pytestmark = pytest.mark.skipif(not (BUILD / "extensions/lance.duckdb_extension").exists(), reason="tools/setup-lance was not run")
KILLS = int(os.environ.get("LAKEHOUSE_KILLS", 2 if SANITIZED else 3))
KEYS = {**HASH, "LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": ADMIN}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("lance") / "lake", env=HASH)
    yield server
    server.stop()


def varied(count):
    return [(f"C{i:04d}", ("TX", "CA", "NY")[i % 3], f"{TEXTS[i % 5]} Badge {i * 7919 % 100003}, desk {i}.") for i in range(count)]


def found(server, key=None, **body):
    answer = server.request("POST", "/vectors/search", json={"k": 5, "columns": [], **body}, headers={"X-API-Key": key} if key else {})
    assert answer.status_code == 200, answer.text
    return answer.json()


def hits(answer):
    return [(item["id"], round(item["score"], 6)) for item in answer["items"]]


def datasets(server, name):
    return sorted((server.root / ".scratch/vectors").glob(f"{name}.lance-*"))


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2"])
def test_it_finds_what_the_exact_search_finds(server, metric):
    name = f"near_{metric}"
    server.ingest(lines(varied(600)), name)
    index(server, name, backend="lance", metric=metric)
    told = server.request("GET", f"/vectors/indexes/{name}").json()
    assert told["backend"] == "lance" and len(datasets(server, name)) == 1
    right = 0
    for i in range(0, 600, 60):
        query = f"Forklift operator, badge {i * 7919 % 100003}"
        near, exact = found(server, index=name, query=query, k=10), found(server, index=name, query=query, k=10, mode="exact")
        assert near["ranked_by"] == "lance" and exact["ranked_by"] == "exact" and len(near["items"]) == 10
        assert set(hits(near)) & set(hits(exact)) and [s for _, s in hits(near)] == sorted((s for _, s in hits(near)), reverse=metric != "l2")
        right += len(set(hits(near)) & set(hits(exact)))  # the scores, too
    assert right >= 90


def test_words_and_both_together(server):
    server.ingest(lines([*varied(300), ("RARE", "TX", "A valve of type QX7734 was replacing another.")]), "words")
    index(server, "words", backend="lance")
    assert [i["id"] for i in found(server, index="words", query="qx7734", mode="text")["items"]] == ["RARE"]
    assert [i["id"] for i in found(server, index="words", query="replaced", mode="text")["items"]] == ["RARE"]  # its stem
    assert found(server, index="words", query="qx7734", mode="text")["ranked_by"] == "lance"
    assert found(server, index="words", query="nothingofthekind", mode="text")["items"] == []
    for odd in ("it's \"quoted", "AND (OR", "*:^~{}", "'); DROP TABLE x; --"):
        assert isinstance(found(server, index="words", query=odd, mode="text")["items"], list)
    both = found(server, index="words", query="valve QX7734", mode="hybrid")
    assert both["items"][0]["id"] == "RARE" and both["items"][0]["ranks"]["text"] == 1 and both["ranked_by"] == "lance"


def test_filters_come_before_the_ranking(server):
    server.ingest(lines(varied(1500)), "filtered")
    index(server, "filtered", backend="lance")
    query = TEXTS[0]
    for condition, by in (("candidate_id <> 'C0000'", "lance"), ("state = 'TX'", "lance"), ("candidate_id = 'C0005'", "exact"), ("candidate_id = 'none'", "exact")):
        near, exact = (found(server, index="filtered", query=query, k=10, filter=condition, mode=mode) for mode in ("hnsw", "exact"))
        assert len(near["items"]) == len(exact["items"]) and near["ranked_by"] == by, condition
        allowed = {row[0] for row in server.sql(f"SELECT candidate_id FROM filtered WHERE {condition}")}
        assert {i["id"] for i in near["items"]} <= allowed and len(near["items"]) == min(10, len(allowed)), condition
    gone = found(server, index="filtered", query=query, k=10, filter="state <> 'TX' AND state <> 'CA'")
    assert gone["ranked_by"] == "lance"  # 1,000 are left out, which it is told
    assert found(server, index="filtered", query=query, k=10, filter="state = 'TX' AND candidate_id < 'C1000'")["ranked_by"] == "exact"
    worded = found(server, index="filtered", query="nurse desk", k=10, filter="state = 'CA'", mode="text")
    assert len(worded["items"]) == 10 and worded["ranked_by"] == "exact"


def test_it_follows_the_table(server):
    server.ingest(lines(varied(300)), "follows")
    index(server, "follows", backend="lance")
    before = datasets(server, "follows")
    assert found(server, index="follows", query="welder of ships", mode="text")["items"] == []
    server.sql("UPDATE follows SET resume = 'Welder of ships and bridges.' WHERE candidate_id = 'C0001'")
    server.sql("DELETE FROM follows WHERE candidate_id = 'C0002'")
    server.ingest(lines([("NEW", "TX", "Pastry cook of renown.")]), "follows", mode="append")
    assert "C0002" not in [i["id"] for i in found(server, index="follows", query=varied(3)[2][2], k=20)["items"]]  # at once
    made, extended = (server.metric(f"lakehouse_vector_lance_{n}_total") for n in ("made", "extended"))
    result = index(server, "follows", backend="lance")["result"]
    assert (result["embedded_rows"], result["removed_rows"]) == (2, 1)
    assert found(server, index="follows", query="welder of ships", mode="text")["items"][0]["id"] == "C0001"
    assert found(server, index="follows", query="Pastry cook of renown.", k=1)["items"][0]["id"] == "NEW"
    after = datasets(server, "follows")
    assert len(after) == 1 and after != before
    assert (server.metric("lakehouse_vector_lance_made_total"), server.metric("lakehouse_vector_lance_extended_total")) == (made, extended + 1)
    for query, mode in (("desk 17", "text"), (varied(20)[17][2], "hnsw"), (varied(20)[1][2], "hnsw"), ("Badge 15838", "hybrid")):
        ids = [i["id"] for i in found(server, index="follows", query=query, mode=mode, k=290)["items"]]
        assert len(ids) == len(set(ids)) and "C0002" not in ids
    near, exact = (hits(found(server, index="follows", query="Pastry cook of ships", k=300, mode=mode)) for mode in ("hnsw", "exact"))
    assert near == exact and len(near) == 300  # 298 of before, one changed, one new
    assert server.request("POST", "/vectors/search", json={"index": "follows", "query": " ".join(f"word{n}" for n in range(1100)), "mode": "text"}).status_code == 422


def test_a_dataset_is_extended_until_it_is_in_many_parts(server):
    server.ingest(lines(varied(300)), "parts")
    index(server, "parts", backend="lance")
    for n in range(20):
        server.ingest(lines([(f"N{n}", "TX", f"Pastry cook number {n} of renown.")]), "parts", mode="append")
        index(server, "parts", backend="lance")
    assert 1 <= len(list(datasets(server, "parts")[0].glob("rows.lance/data/*"))) < 17
    assert {i["id"] for i in found(server, index="parts", query="pastry", mode="text", k=50)["items"]} == {f"N{n}" for n in range(20)}


def test_a_dataset_that_is_torn_or_gone_is_made_anew_and_a_whole_one_is_taken(tmp_path):
    server = Server(tmp_path / "lake", env=HASH)
    server.ingest(lines(varied(300)), "kept")
    index(server, "kept", backend="lance")
    query = dict(index="kept", query="forklift badge 7919", k=5)
    right, [folder] = hits(found(server, **query)), datasets(server, "kept")
    assert server.metric("lakehouse_vector_lance_made_total") == 1
    server.restart()
    assert hits(found(server, **query)) == right and server.metric("lakehouse_vector_lance_made_total") == 0
    for harm in ("cut", "flip", "more", "gone", "foreign"):
        server.stop()
        data = max((f for f in folder.rglob("*") if f.is_file()), key=lambda f: f.stat().st_size)
        if harm == "cut":
            os.truncate(data, data.stat().st_size // 2)
        elif harm == "flip":
            text = bytearray(data.read_bytes())
            text[len(text) // 2] ^= 1
            data.write_bytes(text)
        elif harm == "more":
            (folder / "rows.lance/data/more.lance").write_bytes(b"x")
        elif harm == "gone":
            shutil.rmtree(folder)
        else:
            sum_ = folder / "lakehouse.sum"
            sum_.write_text(sum_.read_text().replace("hash", "hush", 1))
        server.start()
        answer = found(server, **query)
        assert hits(answer) == right and answer["ranked_by"] == "lance", harm
        assert server.metric("lakehouse_vector_lance_made_total") == 1, harm
    shutil.rmtree(folder)  # while it is in use: the vectors are there
    answer = found(server, **{**query, "query": "another forklift"})
    assert len(answer["items"]) == 5
    assert [i["id"] for i in found(server, **{**query, "query": "desk 17", "mode": "text"})["items"]]
    assert server.request("DELETE", "/vectors/indexes/kept").status_code == 204
    assert datasets(server, "kept") == []
    server.stop()


def test_an_empty_dataset_and_one_row(server):
    server.ingest(lines([("A", "TX", "Only one.")]), "few")
    index(server, "few", backend="lance")
    for mode in ("hnsw", "exact", "text", "hybrid"):
        assert [i["id"] for i in found(server, index="few", query="only one", mode=mode)["items"]] == ["A"], mode
    server.sql("DELETE FROM few")
    index(server, "few", backend="lance")
    for mode in ("hnsw", "exact", "text", "hybrid"):
        assert found(server, index="few", query="only one", mode=mode)["items"] == [], mode


def test_one_backend_an_index(server):
    server.ingest(lines(people(0, 10)), "one_backend")
    index(server, "one_backend")
    submit(server, "one_backend", 409, backend="lance")
    submit(server, "one_backend", 400, index="other", backend="faiss")
    index(server, "one_backend", index="other", backend="lance")
    assert "ranked_by" not in found(server, index="one_backend", query="nurse")


def test_there_is_no_graph_to_tune(server):
    server.ingest(lines(varied(50)), "untuned")
    index(server, "untuned", backend="lance")
    answer = server.request("POST", "/vectors/hnsw/tune", json={"index": "untuned"})
    assert answer.status_code == 409 and "no graph" in answer.json()["error"]["message"]


def test_the_extension_is_loaded_by_who_needs_it(tmp_path):
    """250 MB that a lake without such an index never has."""
    server = Server(tmp_path / "lake", env=HASH)
    loaded = lambda: "lance.duckdb_extension" in Path(f"/proc/{server.process.pid}/maps").read_text()  # noqa: E731
    server.ingest(lines(people(0, 20)), "loads")
    index(server, "loads")
    for mode in ("hnsw", "exact", "text", "hybrid"):
        assert found(server, index="loads", query="nurse", mode=mode)["items"]
    assert not loaded()
    index(server, "loads", index="by_lance", backend="lance")
    assert loaded()
    server.restart()
    assert found(server, index="by_lance", query="nurse", mode="exact")["ranked_by"] == "exact" and not loaded()
    assert found(server, index="by_lance", query="nurse")["ranked_by"] == "lance" and loaded()
    server.stop()


def test_sql_from_outside_never_gets_to_lance(server):
    server.ingest(lines(varied(50)), "apart")
    index(server, "apart", backend="lance")
    [folder] = datasets(server, "apart")
    for sql in (f"SELECT * FROM '{folder}'", f"SELECT * FROM lance_vector_search('{folder}', 'embedding', [1.0]::FLOAT[1])",
                f"SELECT * FROM lance_fts('{folder}', 'text', 'nurse')", f"ATTACH '{folder.parent}' AS l (TYPE lance)", f"COPY (SELECT 1) TO '{folder}x' (FORMAT lance)"):
        assert server.query(sql).status_code in (400, 403), sql


def test_hidden_rows_are_no_candidates(tmp_path):
    """Two lakes that differ in rows that are hidden answer alike, in every mode, and by no mode that would tell how many there are."""
    answers = []
    for n, hidden in enumerate(([], [(f"H{i:03d}", "CA", "Registered nurse for pediatric care, zebra.") for i in range(40)])):
        server = Server(tmp_path / f"lake{n}", env=KEYS)
        server.headers = {"X-API-Key": ADMIN}
        lake = Lake.__new__(Lake)
        lake.server = server
        server.ingest(lines([*varied(200)[::3], ("SEEN", "TX", "A zebra keeper of Texas."), *hidden]), "people")
        server.sql("DELETE FROM people WHERE state <> 'TX' AND candidate_id LIKE 'C%'")
        index(server, "people", backend="lance")
        key = lake.key("texan", allow("dataset", "people", "read", row_filter="state = 'TX'"), allow("index", "people", "read"), scope="read")
        got = []
        for mode in ("hnsw", "exact", "text", "hybrid"):
            for query in ("Registered nurse for pediatric care, zebra.", "zebra", "desk 3"):
                answer = found(server, key, index="people", query=query, mode=mode, k=5)
                assert answer["ranked_by"] == "exact" and not [i for i in answer["items"] if i["id"].startswith("H")]
                got.append([(i["id"], i["score"]) for i in answer["items"]])
        answers.append(got)
        assert found(server, index="people", query="zebra", mode="text", k=50)["items"]
        server.stop()
    assert answers[0] == answers[1]


def test_a_server_killed_while_it_makes_a_dataset_makes_it_again(tmp_path):
    """First of 3,000 rows, then of a row more each time, which goes into a copy of the dataset that is there."""
    server, chance, within, more, left = Server(tmp_path / "lake", env=HASH), random.Random(7), 0, 0, set()
    server.ingest(lines(varied(3000)), "killed")
    job = submit(server, "killed", backend="lance")
    state = lambda: server.request("GET", f"/jobs/{job['id']}").json()["state"]
    being_made = lambda: set((server.root / ".scratch/vectors").glob("*.tmp/rows.lance")) - left  # left: by a kill; swept when they are an hour old
    for _ in range(KILLS):
        if state() == "failed":  # the server ended ten times while it had nothing done
            assert server.request("POST", f"/jobs/{job['id']}/retry").status_code == 202
        elif state() == "succeeded":
            more += 1
            server.sql(f"INSERT INTO killed VALUES ('M{more}', 'TX', 'Keeper of lighthouse {more}.')")
            job = submit(server, "killed", backend="lance")
        wait_for(lambda: being_made() or state() in ("succeeded", "failed"))
        time.sleep(chance.choice((0, 0.2 * chance.random())))
        within += bool(being_made())
        server.kill()
        left |= being_made()
        server.start()
    if state() == "failed":
        server.request("POST", f"/jobs/{job['id']}/retry")
    ended(server, job)
    print(f"{KILLS} kills, {within} while a dataset was made, {more} rows more")
    assert within or KILLS <= 7
    near, exact = (hits(found(server, index="killed", query="forklift badge 7919", k=20, mode=mode)) for mode in ("hnsw", "exact"))
    assert near == exact and len(near) == 20 and len(datasets(server, "killed")) == 1
    for n in range(1, more + 1, 10):
        assert found(server, index="killed", query=f"Keeper of lighthouse {n}.", k=1)["items"][0]["id"] == f"M{n}"
    assert server.sql("SELECT count(*), count(DISTINCT id) FROM vectors.killed") == [[3000 + more, 3000 + more]]
    server.stop()


def test_a_profile_says_of_which_backend_its_indexes_are(tmp_path):
    (tmp_path / "ann.json").write_text(json.dumps({"defaults": {"namespace": "people", "backend": "lance"}}))
    (tmp_path / "bad.json").write_text(json.dumps({"defaults": {"backend": "faiss"}}))
    server, as_ann = Server(tmp_path / "lake", "--set", f"storage.profile_root={tmp_path}", env=KEYS), {"X-Lakehouse-Profile": "ann"}
    server.headers = {"X-API-Key": ADMIN}
    body = {"dataset": "staff", "id_column": "candidate_id", "text_columns": ["resume"]}

    def made(status=202, headers=as_ann, **members):
        answer = server.request("POST", "/vectors/index", json={**body, **members}, headers=headers)
        assert answer.status_code == status, answer.text
        return ended(server, answer.json())["spec"]["backend"] if status == 202 else answer.json()["error"]["message"]

    assert "hnsw or lance" in server.request("POST", "/profile/bad/activate").json()["error"]["message"]
    assert "'ann' is not active" in made(404)
    assert server.request("POST", "/profile/ann/activate").json()["defaults"] == {"bucket": None, "namespace": "people", "backend": "lance"}
    for dataset in ("people.staff", "data.staff"):
        assert server.ingest(lines(people(0, 20)), dataset).status_code == 201
    assert made(headers={}, index="plain") == "hnsw" and made(index="said", backend="hnsw") == "hnsw"
    assert made() == "lance" and len(datasets(server, "staff")) == 1
    told = server.request("GET", "/vectors/indexes/staff").json()
    assert (told["dataset"], told["backend"]) == ("people.staff", "lance")
    server.ingest(lines(people(100, 5)), "people.staff", mode="append")
    assert made(headers={}, dataset="people.staff") == "lance"  # it keeps its own
    assert made(dataset="data.staff", index="plain") == "hnsw" and "with another 'backend'" in made(409, backend="hnsw")
    lake = Lake.__new__(Lake)
    lake.server = server
    key = lake.key("ann", allow("dataset", "*"), allow("index", "*", "read", "write"))  # a profile is not that of who has its name
    assert "write the whole lake" in made(403, headers={**as_ann, "X-API-Key": key}, index="hers")
    assert made(headers={"X-API-Key": key}, dataset="people.staff", index="hers") == "hnsw"
    server.stop()

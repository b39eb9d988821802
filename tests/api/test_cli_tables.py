"""`lakehouse tables` says what it did, and why it did nothing; programs get the server's answers."""
import json
import re
import subprocess

from commands import environment, lakehouse
from harness import BINARY, wait_for


def test_expire_says_why_nothing_went_and_how_it_would(server):
    server.sql("CREATE TABLE expire_told AS SELECT 1 AS i")
    server.sql("INSERT INTO expire_told VALUES (2)")
    tables = ["tables", "expire", "expire_told", "--older-than", "0", "--url", server.url]
    out = lakehouse(*tables).stdout
    assert out.startswith("0 snapshots expired, 2 kept; 0 files\n") and "last 60 minutes" in out and "(--grace)" in out
    out = lakehouse(*tables, "--grace", "0", "--dry-run").stdout
    assert out.startswith("dry run: 1 snapshot expired, 1 kept; ") and "0 B" not in out
    assert lakehouse(*tables, "--grace", "0").stdout.startswith("1 snapshot expired, 1 kept; 1 file")
    assert lakehouse(*tables, "--grace", "0").stdout == "0 snapshots expired, 1 kept; 0 files\n"
    done = lakehouse(*tables, "--grace", "soon", check=False)
    assert done.returncode == 1 and "--grace must be a whole number, not 'soon'" in done.stderr


def test_every_verb_gives_programs_the_answer_of_the_server(server):
    server.sql("CREATE TABLE told_json AS SELECT 1 AS i, 'x' AS s")
    server.sql("INSERT INTO told_json VALUES (2, 'y')")
    place = "/catalog/datasets/by-name/told_json"

    def tables(*args):
        return json.loads(lakehouse("tables", *args, "--json", "--url", server.url).stdout)

    def post(path, **body):
        return server.request("POST", path, json=body).json()

    assert tables("sort", "told_json", "i desc") == tables("sort", "told_json") == server.request("GET", place + "/layout").json()
    assert tables("partition", "told_json")["sort"][0]["column"] == "i"
    assert tables("bloom", "told_json", "s")["bloom"] == ["s"]
    compacted, told = tables("compact", "told_json", "--dry-run"), post("/query/compact", dataset="told_json", dry_run=True)
    assert {**compacted, "elapsed_ms": 0} == {**told, "elapsed_ms": 0} and compacted["files_before"] == 2
    expired = tables("expire", "told_json", "--older-than", "0", "--grace", "0", "--dry-run")
    assert expired == post(place + "/expire-snapshots", older_than_ms=0, grace_ms=0, dry_run=True) and len(expired["expired_snapshots"]) == 1
    assert tables("orphans", "told_json", "--dry-run") == post(place + "/remove-orphans", dry_run=True)
    assert tables("dropped", "--dry-run") == post("/catalog/remove-dropped", dry_run=True)
    assert tables("resync", "told_json", "--dry-run") == post("/catalog/resync-missing", dataset="told_json", dry_run=True)
    verified = tables("verify")
    assert verified == server.request("GET", "/catalog/verify").json()["items"] and "data.told_json" in [v["dataset"] for v in verified]


def test_jobs_tells_what_runs_and_of_the_policy(server, fresh):
    idle = lakehouse("tables", "jobs", "--url", server.url).stdout
    assert idle == "no job runs\nthe background policy is off (maintenance.enabled)\n"
    assert json.loads(lakehouse("tables", "jobs", "--json", "--url", server.url).stdout) == server.request("GET", "/maintenance").json()
    server.sql("CREATE TABLE jobs_long AS SELECT i, random() AS x FROM range(3000000) r(i)")
    compact = subprocess.Popen([str(BINARY), "tables", "compact", "jobs_long", "--all", "--sort", "x", "--url", server.url], env=environment(),
                               stdout=subprocess.DEVNULL)
    seen = []
    while compact.poll() is None:
        seen.append(lakehouse("tables", "jobs", "--url", server.url).stdout)
    assert compact.returncode == 0 and any(re.search(r"compact │ data\.jobs_long +│ \w+ +│ +\d+ │ +\d+ │ 20", out) for out in seen), seen
    busy = fresh("--set", "maintenance.enabled=true", "--set", "maintenance.interval_ms=100")
    wait_for(lambda: re.search(r"the background policy is on: [1-9]\d* rounds? since", lakehouse("tables", "jobs", "--url", busy.url).stdout))


def test_misspelt_verbs_and_missing_words_are_said(server):
    for wrong, said in [(["compct", "x"], "did you mean `lakehouse tables compact`?"), (["compact"], "tables compact takes NAME"),
                        (["dropped", "x"], "tables dropped takes no more words"), ([], "tables takes compact, expire,")]:
        done = lakehouse("tables", *wrong, "--url", server.url, check=False)
        assert done.returncode == 2 and said in done.stderr, wrong


def test_json_of_a_broken_table_is_whole_and_fails(fresh):
    server = fresh()
    server.sql("CREATE TABLE broken AS SELECT 1 AS i")
    server.sql("CREATE TABLE whole AS SELECT 1 AS i")
    (file,) = [f for f in server.root.glob("**/*.parquet") if "broken" in str(f.relative_to(server.root))]
    file.unlink()
    done = lakehouse("tables", "verify", "--json", "--url", server.url, check=False)
    found = {v["dataset"]: v for v in json.loads(done.stdout)}
    assert done.returncode == 1 and "1 dataset has files that are missing" in done.stderr
    assert found["data.whole"]["ok"] and not found["data.broken"]["ok"] and len(found["data.broken"]["problems"]) == 1
    done = lakehouse("tables", "verify", "--url", server.url, check=False)
    assert done.returncode == 1 and "BROKEN data.broken: " in done.stdout and "ok     data.whole: 4 files\n" in done.stdout

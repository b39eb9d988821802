"""The staffing firm: generated, loaded by the CLI's own way in, joined, and the demo's five questions answered."""
import json
import os
import subprocess

import pytest

from harness import BINARY, BUILD, ROOT, SANITIZED

SCALE = "0.01"
ROWS = {"candidates": 1000, "clients": 20, "job_orders": 150, "placements": 500, "timesheets": 10000, "call_log": 8000, "email_log": 5000}


def generate(folder, *flags):
    subprocess.run([str(BUILD / "staffing_gen"), "--scale", SCALE, "--out", str(folder), *flags], check=True)
    return {f.name: f.read_bytes() for f in folder.iterdir()}


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    first = generate(tmp_path / "a")
    assert first == generate(tmp_path / "b")
    assert first != generate(tmp_path / "c", "--seed", "2")
    assert set(first) == {"candidates.ndjson", "call_log.ndjson", "clients.csv", "job_orders.csv", "placements.csv", "timesheets.csv", "email_log.csv"}


@pytest.mark.skipif(SANITIZED, reason="2.5 million rows of a program that its sanitizers saw at a smaller scale")
def test_scale_1_has_the_rows_it_is_said_to_have(tmp_path):
    """Into pipes, which are emptied in the order in which it fills them: nothing is kept. As NDJSON a row is a line."""
    pipes = [tmp_path / f"{table}.ndjson" for table in ("candidates", "clients", "job_orders", "placements", "timesheets", "call_log", "email_log")]
    for pipe in pipes:
        os.mkfifo(pipe)
    with subprocess.Popen([str(BUILD / "staffing_gen"), "--scale", "1", "--format", "ndjson", "--out", str(tmp_path)]) as generator:
        with open(pipes[0]) as candidates:
            first = json.loads(next(candidates))
            rows = 1 + sum(1 for _ in candidates)
        done = subprocess.run(["wc", "-l", *map(str, pipes[1:])], capture_output=True, text=True, timeout=600)
    counts = [int(line.split()[0]) for line in done.stdout.splitlines()]
    assert generator.returncode == 0 and first["candidate_id"] == "CAN000001"
    assert [rows, *counts[:-1]] == [100 * n for n in ROWS.values()] and rows + counts[-1] == 2_467_000


@pytest.fixture(scope="module")
def staffing(server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("staffing")
    generate(folder)
    for path in sorted(folder.iterdir()):
        done = subprocess.run([str(BINARY), "ingest", str(path), "--url", server.url, "--dataset", path.name.split(".")[0]], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return server


def test_counts_and_columns(staffing):
    for table, rows in ROWS.items():
        assert staffing.sql(f"SELECT count(*) FROM {table}") == [[rows]]
    columns = [c["name"] for c in staffing.request("GET", "/datasets/by-name/candidates").json()["schema"]]
    assert columns == ["candidate_id", "first_name", "last_name", "email", "phone", "city", "state", "zip", "vertical", "skills",
                       "years_experience", "salary", "status", "resume_text", "created_at"]


def test_resumes_read_like_text(staffing):
    """Sentences of their own, with what makes text hard to load: commas, quotes, line ends, letters beyond ASCII; and gaps."""
    words = "len(string_split_regex(resume_text, '\\s+'))"
    low, high, distinct, sentences = staffing.sql(f"SELECT min({words}), max({words}), count(DISTINCT resume_text), min(len(string_split(resume_text, '. '))) FROM candidates")[0]
    assert low >= 15 and 30 <= high <= 100 and distinct >= 0.95 * ROWS["candidates"] and sentences >= 2
    for text in (",", '"', "\n", "é"):
        assert staffing.query("SELECT count(*) FROM candidates WHERE contains(resume_text, $1)", params=[text]).json()["rows"][0][0] > 0, text
    named, titled = staffing.sql("SELECT avg(starts_with(resume_text, first_name)::INT), count(DISTINCT vertical) FROM candidates WHERE resume_text IS NOT NULL")[0]
    assert named == 1 and titled == 6
    missing = staffing.sql("SELECT " + ", ".join(f"count(*) - count({c})" for c in ("email", "phone", "salary", "resume_text")) + " FROM candidates")[0]
    assert any(missing) and max(missing) < ROWS["candidates"] / 2, missing


@pytest.mark.parametrize("child,key,parent", [
    ("job_orders", "client_id", "clients"), ("placements", "job_order_id", "job_orders"), ("placements", "candidate_id", "candidates"),
    ("placements", "client_id", "clients"), ("timesheets", "placement_id", "placements"), ("timesheets", "candidate_id", "candidates"),
    ("call_log", "candidate_id", "candidates"), ("email_log", "candidate_id", "candidates"), ("email_log", "job_order_id", "job_orders")])
def test_every_key_joins(staffing, child, key, parent):
    assert staffing.sql(f"SELECT count(*) FROM {child} ANTI JOIN {parent} USING ({key})") == [[0]]
    assert staffing.sql(f"SELECT count(*) - count(DISTINCT {key}) FROM {parent}") == [[0]]


def test_the_five_questions(staffing):
    questions = [q.strip() for q in (ROOT / "examples/queries/staffing.sql").read_text().split(";") if q.strip()]
    assert len(questions) == 5
    for question in questions:
        assert staffing.sql(question), question
    done = subprocess.run([str(BINARY), "sql", "--url", staffing.url, "-c", questions[1]], capture_output=True, text=True)
    assert done.returncode == 0 and "margin" in done.stdout and "rows" in done.stdout

"""Questions in words over the staffing firm: the answer is that of the SQL one would write; what cannot be placed is refused."""
import subprocess

import pytest


from governed import ADMIN, Lake, allow, csv
from harness import BINARY, BUILD, Server
from twins import Twin

NOW = "2026-11-28T12:00:00Z"


def ask(server, question, key=None, **members):
    answer = server.request("POST", "/ask", json={"question": question, "now": NOW, **members}, **({"headers": {"X-API-Key": key}} if key else {}))
    assert answer.status_code == 200, (question, answer.text)
    return answer.json()


@pytest.fixture(scope="module")
def staffing(server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("staffing")
    subprocess.run([str(BUILD / "staffing_gen"), "--scale", "0.01", "--out", str(folder)], check=True)
    for path in sorted(folder.iterdir()):
        done = subprocess.run([str(BINARY), "ingest", str(path), "--url", server.url, "--dataset", path.name.split(".")[0]], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return server


QUESTIONS = [
    ("How many candidates are available?", "SELECT count(*) FROM candidates WHERE status = 'available'"),
    ("How many job orders are open?", "SELECT count(*) FROM job_orders WHERE status = 'open'"),
    ("What is the average salary of candidates by vertical?", "SELECT vertical, avg(salary) FROM candidates GROUP BY vertical"),
    ("Which recruiter made the most calls?", "SELECT recruiter, count(*) FROM call_log GROUP BY recruiter ORDER BY count(*) DESC, recruiter LIMIT 1"),
    ("Top 5 clients by placements", "SELECT name, count(*) FROM placements JOIN clients USING (client_id) GROUP BY client_id, name ORDER BY count(*) DESC, name, client_id LIMIT 5"),
    ("Which clients have no job orders?", "SELECT client_id, name FROM clients ANTI JOIN job_orders USING (client_id)"),
    ("How many placements started in 2024?", "SELECT count(*) FROM placements WHERE year(start_date) = 2024"),
    ("How many candidates have no email?", "SELECT count(*) FROM candidates WHERE email IS NULL"),
    ("How many candidates know wound care?", "SELECT count(*) FROM candidates WHERE skills LIKE '%wound care%'"),
    ("How many available candidates have more than 10 years of experience?", "SELECT count(*) FROM candidates WHERE status = 'available' AND years_experience > 10"),
    ("What percentage of calls were connected?", "SELECT round(100.0 * count(*) FILTER (outcome = 'connected') / count(*), 2) FROM call_log"),
    ("total regular hours per client", "SELECT name, sum(regular_hours) FROM timesheets JOIN placements USING (placement_id) JOIN clients USING (client_id) GROUP BY client_id, name"),
    ("How many emails were opened?", "SELECT count(*) FROM email_log WHERE opened"),
    ("Which verticals have more than 20 job orders?", "SELECT vertical, count(*) FROM job_orders GROUP BY vertical HAVING count(*) > 20"),
    ("How many gold clients are there?", "SELECT count(*) FROM clients WHERE tier = 'gold'"),
    ("What is the highest bill rate of placements?", "SELECT max(bill_rate) FROM placements"),
    ("How many placements does candidate CAN000007 have?", "SELECT count(*) FROM placements WHERE candidate_id = 'CAN000007'"),
    ("placements per month in 2025", "SELECT date_trunc('month', start_date)::DATE, count(*) FROM placements WHERE year(start_date) = 2025 GROUP BY ALL"),
    ("How many candidates have placements at gold clients?", "SELECT count(DISTINCT candidate_id) FROM placements JOIN clients USING (client_id) WHERE tier = 'gold'"),
    ("How many calls ended in voicemail last year?", "SELECT count(*) FROM call_log WHERE outcome = 'voicemail' AND year(started_at) = 2025"),
]


@pytest.mark.parametrize("question,sql", QUESTIONS)
def test_the_answer_is_that_of_the_sql_one_would_write(staffing, question, sql):
    got = ask(staffing, question)
    assert not got["refused"], got
    assert sorted(map(str, got["rows"])) == sorted(map(str, staffing.sql(sql))), got

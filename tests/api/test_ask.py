"""Questions in words over the staffing firm: the answer is that of the SQL one would write; what cannot be placed is refused."""
import json
import re
import subprocess

import pytest


from endpoints import Scripted, reply
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
    ("Which recruiter made the most calls in each year?", "SELECT year(started_at), recruiter, count(*) FROM call_log GROUP BY 1, 2 QUALIFY row_number() OVER (PARTITION BY 1 * year(started_at) ORDER BY count(*) DESC, recruiter) = 1"),
    ("the 2 highest paid candidates of each vertical", "SELECT vertical, candidate_id, first_name, last_name, salary FROM candidates QUALIFY row_number() OVER (PARTITION BY vertical ORDER BY salary DESC NULLS LAST) <= 2"),
    ("What % of the timesheet amount comes from gold clients?", "SELECT round(100.0 * sum(amount) FILTER (tier = 'gold') / sum(amount), 2) FROM timesheets JOIN placements USING (placement_id) JOIN clients USING (client_id)"),
    ("running total of calls per year", "SELECT y, sum(n) OVER (ORDER BY y) FROM (SELECT year(started_at) AS y, count(*) AS n FROM call_log GROUP BY y)"),
    ("growth in placements from 2023 to 2024", "SELECT y, n, round(100.0 * (n - lag(n) OVER (ORDER BY y)) / lag(n) OVER (ORDER BY y), 2) FROM (SELECT year(start_date) AS y, count(*) AS n FROM placements WHERE year(start_date) IN (2023, 2024) GROUP BY y)"),
    ("Are there more gold or silver clients?", "SELECT tier, count(*) FROM clients WHERE tier IN ('gold', 'silver') GROUP BY tier"),
    ("How many clients are not in New York or California?", "SELECT count(*) FROM clients WHERE state NOT IN ('NY', 'CA')"),
    ("How many cities have more than 3 candidates?", "SELECT count(*) FROM (SELECT city FROM candidates GROUP BY city HAVING count(*) > 3)"),
    ("What share of candidates without a phone are available?", "SELECT round(100.0 * count(*) FILTER (status = 'available') / count(*), 2) FROM candidates WHERE phone IS NULL"),
]


@pytest.mark.parametrize("question,sql", QUESTIONS)
def test_the_answer_is_that_of_the_sql_one_would_write(staffing, question, sql):
    got = ask(staffing, question)
    assert not got["refused"], got
    assert sorted(map(str, got["rows"])) == sorted(map(str, staffing.sql(sql))), got


# ---- what is refused, and what is said ----

def test_what_cannot_be_placed_is_refused_with_the_nearest_question(staffing):
    got = ask(staffing, "How many purple candidates are available?")
    assert got["refused"] and got["unplaced"] == ["purple"] and "sql" not in got
    assert staffing.sql(got["nearest"]["sql"]) == staffing.sql("SELECT count(*) FROM candidates WHERE status = 'available'")
    assert ask(staffing, got["nearest"]["question"])["rows"] == staffing.sql(got["nearest"]["sql"])


def test_parts_can_be_switched_off(staffing):
    assert ask(staffing, "How many candidates are available?", parts={"values": False})["unplaced"] == ["available"]
    assert ask(staffing, "How many candidates are available?", parts={"planner": False})["refused"]


@pytest.mark.parametrize("body,message", [({}, "'question'"), ({"question": "x" * 4097}, "4096"), ({"question": "x", "limit": 0}, "'limit'"), ({"question": "x", "parts": {"wrong": True}}, "wrong"),
                                          ({"question": "x", "now": "soon"}, "'now'"), ({"question": "x", "parts": {"values": 1}}, "'parts.values'")])
def test_a_bad_request_is_told(staffing, body, message):
    answer = staffing.request("POST", "/ask", json=body)
    assert answer.status_code in (400, 413, 422) and message in answer.json()["error"]["message"]


HOSTILE = ["How many candidates are in '; DROP TABLE candidates; --?", "candidates named \"x' OR 1=1\"", "'' OR '1'='1", "\0\0", "SELECT * FROM candidates; DELETE FROM candidates", "🙂" * 900]


@pytest.mark.parametrize("question", HOSTILE)
def test_a_hostile_question_changes_nothing(staffing, question):
    ask(staffing, question)
    assert staffing.sql("SELECT count(*) FROM candidates") == [[1000]]


def test_synonyms_and_keys_of_the_metadata_are_used(staffing):
    assert ask(staffing, "How many headhunters made calls?")["refused"]
    staffing.request("PATCH", "/catalog/datasets/by-name/call_log/metadata", json={"columns": {"recruiter": {"synonyms": ["headhunter"]}}})
    staffing.request("PATCH", "/catalog/datasets/by-name/clients/metadata", json={"synonyms": ["mandants"], "columns": {"client_id": {"key": True}}})
    said = staffing.request("PATCH", "/catalog/datasets/by-name/placements/metadata", json={"columns": {"client_id": {"references": "clients.client_id"}}}).json()
    assert [c["references"] for c in said["columns"] if c["name"] == "client_id"] == ["clients.client_id"]
    assert ask(staffing, "How many different headhunters made calls?")["rows"] == staffing.sql("SELECT count(DISTINCT recruiter) FROM call_log")
    assert ask(staffing, "How many mandants are there?")["rows"] == [[20]]
    assert ask(staffing, "How many mandants are there?", parts={"synonyms": False})["refused"]


def test_descriptions_of_tables_and_columns_are_used(tmp_path):
    """Names that say nothing: without what is said about them no question in plain words is placed."""
    server = Server(tmp_path / "lake")
    try:
        server.ingest(csv("id,w1,q2,kind", [(i, i * 2, i % 7, "ab"[i % 2]) for i in range(20)]), "sx", name="f.csv")
        server.ingest(csv("id,w1,city", [(i, i, "Oslo") for i in range(9)]), "ty", name="f.csv")
        asked = {"How many shipments are there?": [[20]], "How many returns are there?": [[9]], "What is the total turnover of sx?": [[380]],
                 "What is the average turnover of shipments by kind?": [["a", 18.0], ["b", 20.0]]}
        for question in asked:
            got = ask(server, question)
            assert got["refused"] and got["unplaced"] and "sql" not in got, got
        about = {"sx": {"description": "Shipments of the last years.", "columns": {"w1": {"description": "turnover in euros"}}}, "ty": {"description": "Returns by customers"}}
        for name, said in about.items():
            assert server.request("PATCH", f"/catalog/datasets/by-name/{name}/metadata", json=said).status_code == 200
        for question, rows in asked.items():
            got = ask(server, question)
            assert not got["refused"] and sorted(got["rows"]) == rows, got
    finally:
        server.stop()


def test_tables_are_joined_along_keys_that_are_declared_whatever_their_names(server):
    server.ingest(csv("code,full_name,grade", [(100 + i, f"n{i}", ["senior", "junior"][i % 2]) for i in range(20)]), "crew", name="f.csv")
    server.ingest(csv("shift_no,keeper,hours", [(i, 100 + i % 20, i % 9) for i in range(200)]), "shifts", name="f.csv")
    joined = "FROM shifts JOIN crew ON keeper = code"
    questions = (("total hours of shifts by grade of crew", f"SELECT grade, sum(hours) {joined} GROUP BY 1 ORDER BY 1"), ("How many shifts have senior crew?", f"SELECT count(*) {joined} WHERE grade = 'senior'"))
    assert all(ask(server, question)["refused"] for question, _ in questions)
    assert server.request("PATCH", "/catalog/datasets/by-name/shifts/metadata", json={"columns": {"keeper": {"references": "crew.code"}}}).status_code == 200
    for question, sql in questions:
        assert ask(server, question)["rows"] == server.sql(sql)


def test_an_answer_says_how_it_is_drawn_and_how_sure_it_is(staffing):
    for question, chart, confidence in (
            ("How many candidates are available?", ("number", None, None), 1),
            ("placements per month in 2025", ("line", "month", "placements"), 0.9),
            ("What is the average salary of candidates by vertical?", ("bar", "vertical", "average_salary"), 1),
            ("What share of candidates is available by vertical?", ("pie", "vertical", "percent"), 1),
            ("list the names of candidates in Texas", ("table", None, None), 0.87)):
        got = ask(staffing, question)
        assert (got["chart"], round(got["confidence"], 2)) == (dict(zip(("type", "x", "y"), chart)), confidence), got
        assert (confidence < 1) == bool(got["assumptions"])
        assert chart[1] is None or {chart[1], chart[2]} <= {column["name"] for column in got["columns"]}
    half, none = ask(staffing, "How many purple candidates are available?"), ask(staffing, "purple frobnicate")
    assert half["refused"] and 0 < half["confidence"] < 0.7 and none["confidence"] == 0 and "chart" not in half


def test_a_verified_question_goes_first(staffing):
    made = staffing.request("POST", "/ask/examples", json={"question": "How big are we?", "sql": "SELECT count(*) AS people FROM candidates"})
    assert made.status_code == 201, made.text
    got = ask(staffing, "how big are WE")
    assert got["by"] == "example" and got["rows"] == [[1000]] and got["answer"] == "people: 1000."
    assert ask(staffing, "how big are we?", parts={"examples": False})["refused"]
    assert [item["question"] for item in staffing.request("GET", "/ask/examples").json()["items"]] == ["How big are we?"]
    assert staffing.request("POST", "/ask/examples", json={"question": "Drop", "sql": "DROP TABLE candidates"}).status_code == 400
    assert staffing.request("DELETE", f"/ask/examples/{made.json()['id']}").status_code == 204
    assert staffing.request("DELETE", f"/ask/examples/{made.json()['id']}").status_code == 404
    assert ask(staffing, "how big are we?")["refused"]


@pytest.mark.parametrize("condition, sql", [
    ("skill C", "skill = 'C'"), ("skill C++", "skill = 'C++'"), ("skill 'c#'", "skill = 'C#'"), ("delay >= 100", "delay >= 100"), ("delay <= 100", "delay <= 100"), ("delay > 100", "delay > 100"), ("delay < 100", "delay < 100"), ("delay != 100", "delay <> 100"),
    ("a delay of less than -10", "delay < -10"), ("a delay between -10 and 10", "delay BETWEEN -10 AND 10"), ("delay -20", "delay = -20"), ("delay ~5", None)])
def test_signs_mean_what_they_say(server, condition, sql):
    if server.request("GET", "/datasets/by-name/signed").status_code == 404:
        server.ingest(csv("id,skill,delay", [(i, ["C", "C++", "C#", "Java"][i % 4], i * 3 % 200 - 20) for i in range(300)]), "signed", name="f.csv")
    got = ask(server, f"how many signed have {condition}?")
    assert got["refused"] if sql is None else got["rows"] == server.sql(f"SELECT count(*) FROM signed WHERE {sql}"), got


# ---- who asks sees what it may see ----

def test_a_verified_question_is_one_statement(staffing):
    def put(status, sql):
        answer = staffing.request("POST", "/ask/examples", json={"question": "The sequence, please", "sql": sql})
        assert answer.status_code == status, answer.text
        return answer.json()
    put(400, "SELECT 1; SELECT 2")
    got = put(201, "SELECT 7 ;")
    assert got["sql"] == "SELECT 7" and ask(staffing, "the sequence please")["rows"] == [[7]]
    put(200, "SELECT count(*) FROM candidates")
    assert ask(staffing, "the sequence please")["rows"] == [[1000]]
    assert staffing.request("DELETE", f"/ask/examples/{got['id']}").status_code == 204


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    root = tmp_path_factory.mktemp("twins")
    (root / "a").mkdir()
    (root / "b").mkdir()
    a = Twin(root / "a", "a")
    b = Twin(root / "b", "b", secret=root / "a" / "_catalog" / "secret")
    for twin in (a, b):
        twin.call("POST", "/ask/examples", 201, {"question": "How many candidates of all?", "sql": "SELECT count(*), min(secret) FROM candidates"})
        twin.call("POST", "/ask/examples", 201, {"question": "What do we pay?", "sql": f"SELECT count(*) FROM {'payroll' if twin is a else 'bonuses'}"})
    yield a, b
    a.server.stop()
    b.server.stop()


TWIN_QUESTIONS = ["How many candidates are there?", "How many candidates are blocked?", "How many candidates per status", "average salary of candidates by city", "lowest salary of candidates", "Which city has the most candidates?",
                  "How many payroll are there?", "How many bonuses are there?", "What is the total amount of payroll?", "list the secret of candidates", "How many candidates have the secret hidden-a?", "How many candidates are in Hidden a 1?",
                  "How many candidates of all?", "What do we pay?", "list the name and email of candidates in Boise", "How many candidates have the id CAND000100?", "candidates born in 1961", "How many staff are there?",
                  "How many placements per agency", "average margin of placements", "candidates with a level over 5", "How many skills are there per skill?", "What is the highest score?", "purple",
                  "top 2 candidates by salary per city", "share of salary of candidates by city", "running total of candidates by year", "How many cities have more than 1 candidates?", "candidates named n7", "candidates named Hidden", "email of N7", "salary of n7", "How many candidates have an email?", "candidates without a phone", "oldest candidate", "highest score", "Who is CAND000100?",
                  "candidates that only have agencies", "top 10% of candidates by salary", "how many candidates are still open", "lowest paid candidate", "candidates with neither phone nor email", "number of candidates per born", "Are there more blocked or active candidates?", "min, max and average salary per city"]


@pytest.mark.parametrize("question", TWIN_QUESTIONS)
def test_twin_lakes_answer_alike(twins, question):
    for agent in twins[0].agents:
        answers = [ask(twin.server, question, twin.agents[agent]) for twin in twins]
        for answer in answers:
            answer.pop("elapsed_ms")
        assert answers[0] == answers[1]
        if "hidden" not in question.lower():
            assert "hidden" not in str(answers[0]).lower()


def test_what_is_masked_is_said_rather_than_asked_by(twins):
    twin = twins[0]
    for agent in twin.agents.values():
        answer = ask(twin.server, "How many candidates have an email?", agent)
        assert answer["refused"] and answer["reason"] == "'email' is masked for you", answer
        shown = ask(twin.server, "list the name and email of candidates in Boise", agent)
        assert "'email' is shown as it is masked for you" in shown["assumptions"] and shown["row_count"], shown
        assert ask(twin.server, "candidates born in 1961", agent)["row_count"], "a mask to the year hides no year"
    assert ask(twin.server, "How many candidates have an email?")["rows"][0][0] > 0


@pytest.mark.parametrize("dataset", ["candidates", "placements", "profiles", "skills", "payroll", "bonuses", "hr_a.staff", "absent"])
def test_summaries_of_twin_lakes_are_alike(twins, dataset):
    for agent in twins[0].agents:
        a, b = [twin.server.request("POST", f"/datasets/{dataset}/summary", json={}, headers={"X-API-Key": twin.agents[agent]}) for twin in twins]
        assert a.status_code == b.status_code == (200 if dataset in ("candidates", "placements", "profiles", "skills") else 404)
        shown = [{**answer.json(), "error": {**answer.json().get("error", {}), "trace_id": 0}} for answer in (a, b)]
        assert shown[0] == shown[1] and "hidden" not in str(shown).lower() and "secret" not in str(shown)
    if dataset == "candidates":
        assert "300 rows, 15 columns" in shown[0]["summary"] and shown[0]["by"] == "facts"


def test_statements_are_audited(twins):
    twin = twins[0]
    ask(twin.server, "How many candidates are there?", twin.agents["scanned"])
    items = twin.call("GET", "/access/audit?limit=50", 200)["items"]
    mine = [item for item in items if item["door"] == "ask" and item["principal"] == "scanned"]
    assert mine and "count(*)" in mine[0]["statement"] and mine[0]["outcome"] == "ok"


# ---- a model, for the rest ----

def says(*texts):
    return Scripted(*[reply({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}) for text in texts])


@pytest.fixture
def modelled(tmp_path):
    """Starts a lake whose model says these, one after the other."""
    started = []

    def start(*texts, **more):
        model = says(*texts)
        server = Server(tmp_path / f"root{len(started)}", env={"LAKEHOUSE__AI__GENERATE_PROVIDER": "openai", "LAKEHOUSE__AI__GENERATE_MODEL": "chat", "LAKEHOUSE__AI__GENERATE_URL": model.url, **more})
        started.append((server, model))
        server.ingest(csv("id,first_name,last_name,email,city,salary", [(i, f"Zebulon{i}", f"Quackenbush{i}", f"q{i}@hidden.example", ["Oslo", "Rome"][i % 2], 1000 + i) for i in range(60)]), "people", name="f.csv")
        return server, model

    yield start
    for server, model in started:
        server.stop()
        model.stop()


def test_what_the_planner_cannot_goes_to_the_model(modelled):
    server, model = modelled("```sql\nSELECT city, max(salary) - min(salary) AS spread FROM people GROUP BY city ORDER BY city;\n```")
    got = ask(server, "What is the spread of wages by city?")
    assert (got["by"], got["model"], got["rows"], got["repairs"]) == ("model", "chat", [["Oslo", 58], ["Rome", 58]], 0)
    prompt = str(model.seen[-1][2])
    assert "people" in prompt and "Oslo" in prompt and "Zebulon" not in prompt and "hidden.example" not in prompt


def test_a_wrong_statement_is_repaired_with_its_error(modelled):
    server, model = modelled("SELECT wages FROM people", "SELECT count(*) FROM people")
    got = ask(server, "frobnicate the wages")
    assert (got["rows"], got["repairs"], got["confidence"], got["chart"]["type"]) == ([[60]], 1, 0.5, "number")
    assert "wages" in str(model.seen[-1][2]["messages"][-1])


@pytest.mark.parametrize("sql", ["DROP TABLE people", "SELECT 1; DROP TABLE people", "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM system.audit", "INSERT INTO people (id) VALUES (1)", "WITH x AS (SELECT 1) DELETE FROM people", "COPY people TO 'x'", "hello"])
def test_hostile_sql_of_a_model_is_refused(modelled, sql):
    server, model = modelled(sql)
    got = ask(server, "frobnicate the wages")
    assert got["refused"] and len(model.seen) == 3 and "does not run" in got["reason"]
    assert server.sql("SELECT count(*) FROM people") == [[60]]


def fills(model, sql):
    """The model answers with that SQL, {0} and {1} being the tokens of its question."""
    def answer(handler, body):
        reply({"choices": [{"message": {"content": sql.format(*re.findall(r"<NAME_\d+>", body["messages"][-1]["content"]))}, "finish_reason": "stop"}]})(handler, body)
    model.answers = [answer]


def test_personal_data_goes_to_the_model_as_tokens(modelled):
    server, model = modelled("", LAKEHOUSE__ASK__TOKENS="true")
    fills(model, "SELECT salary FROM people WHERE first_name = '{0}' OR email = '{1}' ORDER BY 1")
    got = ask(server, "frobnicate the wages of zebulon7 and q9@hidden.example or 'Quackenbush11'", tokens=False)
    assert got["rows"] == [[1009]], got
    server, model = modelled("")
    fills(model, "SELECT salary FROM people WHERE lower(first_name) = lower('{0}') OR email = '{1}' ORDER BY 1")
    got = ask(server, "frobnicate the wages of Zebulon7 and q9@hidden.example or 'Quackenbush11'")
    assert got["rows"] == [[1007], [1009]] and "Zebulon7" in got["sql"]
    sent = str([body for _, _, body in model.seen])
    assert not any(word in sent.lower() for word in ("zebulon7", "q9@", "quackenbush"))


def test_values_behind_tokens_come_back_to_who_sees_them_only(tmp_path):
    model = says("")
    fills(model, "SELECT id, first_name, email FROM people WHERE first_name = '{0}' OR id IN (3, 4) ORDER BY id")
    lake = Lake(tmp_path / "lake", **{f"LAKEHOUSE__AI__GENERATE_{name}": value for name, value in (("PROVIDER", "openai"), ("MODEL", "chat"), ("URL", model.url))}, LAKEHOUSE__ASK__TOKENS="true")
    lake.ingest("people", csv("id,first_name,email", [(i, f"Zebulon{i}", f"q{i}@hidden.example") for i in range(60)]))
    ai = allow("tool", "ai")
    whole = lake.key("whole", allow("dataset", "people"), ai)
    got = ask(lake.server, "frobnicate Zebulon7, 3 and 4", whole)
    assert got["rows"] == [[i, f"Zebulon{i}", f"q{i}@hidden.example"] for i in (3, 4, 7)] and "Zebulon" not in str(model.seen)
    for how, redactions in (("null", {"first_name": {"kind": "null"}, "email": {"kind": "null"}}), ("hash", {"first_name": {"kind": "hash"}, "email": {"kind": "hash"}})):
        masked = lake.key(f"masked-{how}", allow("dataset", "people", redactions=redactions), ai)
        got = ask(lake.server, "frobnicate Zebulon7, 3 and 4", masked)
        assert [row[0] for row in got["rows"]] == [3, 4], got  # its own word finds nothing, either
        assert not any(value in str({**got, "question": "", "sql": ""}) for value in ("Zebulon", "hidden.example")) and "Zebulon" not in str(model.seen)
    lake.server.stop()
    model.stop()


NAMES = ["Quackenbush, Mary", "Jürgen Müllerstein", "O'Brien, Sean", "Li Weichuan", "Anne-Marie Dupontel", "de la Cruz, Ana", "Smith-Jones, Zebulon"]


@pytest.mark.parametrize("asked, sent", [
    ("Mary Quackenbush", "<> <>"), ("quackenbush's wages", "<>'s wages"), ("jurgen mullerstein", "<> <>"), ("O'Brien", "<>"), ("Sean O’Brien", "<> <>"), ("Li Weichuan", "<> <>"), ("Anne-Marie", "<>"), ("Smith-Jones", "<>"),
    ("de la Cruz", "<> <> <>"), ("Marys wages", "<>s wages"), ("Mary_Quackenbush", "<>"), ("+1 555 0102", "<>"), ("555 0102", "<>"), ("101-45-6788", "<>"), ("the top 5 cities", "the top 5 cities")])
def test_names_as_people_write_them_become_tokens(named, asked, sent):
    server, model = named
    ask(server, f"frobnicate {asked}")
    assert re.sub(r"NAME_\d+", "", model.seen[-1][2]["messages"][-1]["content"]) == f"frobnicate {sent}"


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    model = says("SELECT 1")
    server = Server(tmp_path_factory.mktemp("named") / "root", env={"LAKEHOUSE__AI__GENERATE_PROVIDER": "openai", "LAKEHOUSE__AI__GENERATE_MODEL": "chat", "LAKEHOUSE__AI__GENERATE_URL": model.url})
    try:
        server.ingest(csv("id,full_name,phone,ssn,city", [(i, f'"{NAMES[i % 7]}"', f"+1 555 01{i:02d}", f"{100 + i}-45-{6789 - i}", ["Oslo", "Rome"][i % 2]) for i in range(60)]), "people", name="f.csv")
        yield server, model
    finally:
        server.stop()
        model.stop()


def test_a_value_has_the_same_token_in_each_question(named):
    server, model = named
    def tokens(question):
        ask(server, question)
        return re.findall(r"<NAME_\d+>", model.seen[-1][2]["messages"][-1]["content"])
    first = tokens("frobnicate Weichuan")
    assert tokens("frobnicate Dupontel or Weichuan")[1:] == first and tokens("frobnicate Dupontel") != first


def test_the_command_line_asks(staffing):
    done = subprocess.run([str(BINARY), "ask", "how many clients are there?", "--url", staffing.url], capture_output=True, text=True)
    assert done.returncode == 0 and "20" in done.stdout and "SELECT count(*)" in done.stdout
    done = subprocess.run([str(BINARY), "ask", "how many purple clients are there?", "--url", staffing.url], capture_output=True, text=True)
    assert done.returncode == 1 and "not understood: purple" in done.stdout and "ask instead" in done.stdout


def test_verified_questions_have_pages_and_commands(staffing):
    run = lambda *words, status=0: (lambda done: (done.returncode == status or pytest.fail(done.stdout + done.stderr)) and done.stdout + done.stderr)(
        subprocess.run([str(BINARY), "ask", *words, "--url", staffing.url], capture_output=True, text=True))
    assert "no verified questions" in run("examples")
    ids = {}
    for i in range(3):
        ids[run("examples", "add", f"what is {i} of paging?", f"SELECT {i} AS n").split()[1]] = i
    pages, token = [], None
    while True:
        page = staffing.request("GET", "/ask/examples", params={"limit": 2, **({"page_token": token} if token else {})}).json()
        pages.append([item["id"] for item in page["items"]])
        if not (token := page["next_page_token"]):
            break
    assert [len(page) for page in pages] == [2, 1] and sum(pages, []) == sorted(ids)
    assert staffing.request("GET", "/ask/examples", params={"limit": 0}).status_code == 400
    for id, i in ids.items():
        assert staffing.request("GET", f"/ask/examples/{id}").json()["sql"] == json.loads(run("examples", "show", id))["sql"] == f"SELECT {i} AS n"
    told = run("examples", "list")
    assert all(id in told and f"what is {i} of paging?" in told for id, i in ids.items()) and len(json.loads(run("examples", "--json"))) == 3
    assert "0" in run("what is 0 of paging?")
    for id in ids:
        assert run("examples", "remove", id) == f"removed {id}\n"
        assert staffing.request("GET", f"/ask/examples/{id}").status_code == 404
    assert "no verified question" in run("examples", "remove", id, status=1)
    assert "takes" in run("examples", "add", "only a question", status=2) and "did you mean" in run("examples", "lst", status=2)


def test_a_verified_question_that_takes_the_place_of_another_says_so(staffing):
    def add(question, sql):
        return staffing.request("POST", "/ask/examples", json={"question": question, "sql": sql})
    first, again = add("How many zebras?", "SELECT 1 AS n"), add("how MANY zebras", "SELECT 2 AS n")
    assert (first.status_code, first.json()["replaced"]) == (201, False) and (again.status_code, again.json()["replaced"]) == (200, True)
    assert again.json()["id"] == first.json()["id"] and "replaced" not in staffing.request("GET", f"/ask/examples/{first.json()['id']}").json()
    run = lambda *words: subprocess.run([str(BINARY), "ask", "examples", *words, "--url", staffing.url], capture_output=True, text=True)
    assert run("add", "how many zebras", "SELECT 3 AS n").stdout == f"replaced {first.json()['id']}\n"
    assert staffing.request("DELETE", f"/ask/examples/{first.json()['id']}").status_code == 204
    assert run("add", "how many zebras", "SELECT 3 AS n").stdout == f"added {first.json()['id']}\n"
    for sql in ("DELETE FROM clients", "CREATE TABLE z AS SELECT 1 AS n", "SELECT 1; SELECT 2", "BEGIN", "EXPLAIN SELECT 1"):  # "the caller may only read", to an administrator
        refused = add("how many zebras", sql)
        assert refused.status_code == 400 and "must be one SELECT" in refused.text and "may only read" not in refused.text, refused.text
    assert add("how many zebras", "FROM clients").status_code == 200 and add("how many zebras", "WITH a AS (SELECT 1 AS n) SELECT n FROM a;").status_code == 200
    assert run("add", "how many zebras", "DROP TABLE clients").returncode == 1
    assert staffing.request("DELETE", f"/ask/examples/{first.json()['id']}").status_code == 204


def test_the_command_line_names_a_model(named):
    server, model = named
    model.seen.clear()
    run = lambda *more: subprocess.run([str(BINARY), "ask", "frobnicate the clients", "--url", server.url, *more], capture_output=True, text=True)
    assert run("--model", "chat").returncode == 0 and model.seen
    told = run("--model", "other")
    assert told.returncode == 1 and "'other'" in told.stdout + told.stderr


def test_a_wide_table_takes_a_statement_for_many_columns(server):
    columns = 130
    cell = [lambda c, r: f"w{c}x{r % 3}", lambda c, r: f'"s{c}t{r % 2}, s{c}t{2 + r % 3}"', lambda c, r: f"K{chr(97 + c // 5)}{r:05}", lambda c, r: r * 7 + c, lambda c, r: ["", f"a{c}b"][r % 2]]
    server.ingest(csv(",".join(["id", *(f"c{c}" for c in range(columns))]), [(r, *(cell[c % 5](c, r) for c in range(columns))) for r in range(60)]), "wide", name="f.csv")
    before = server.metric("lakehouse_queries_total")
    got = ask(server, "How many wide have w125x1?")
    assert got["rows"] == [[20]] and server.metric("lakehouse_queries_total") - before < 30, got
    assert ask(server, "How many wide have s126t3?")["rows"] == [[20]] and ask(server, "How many wide have a129b?")["rows"] == [[30]]
    assert ask(server, "How many wide have Kz00017?")["rows"] == [[1]]

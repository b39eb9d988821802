"""Personal data: found after a load and on demand, told with counts and never with values; a person's word stands."""
import json
import subprocess
import threading

import pytest

from harness import BINARY

PEOPLE = 400


def luhn(body):
    digits = [int(c) for c in reversed(body)]
    total = sum(d if i % 2 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits))
    return body + str(-total % 10)


def iban(account):
    return f"DE{98 - int(account + '131400') % 97:02d}{account}"


def people(rows=PEOPLE):
    given = ["Ann", "Robert", "Maria", "James", "Linda", "Peter"]
    sur = ["Smith", "Johnson", "Garcia", "Miller", "Davis"]
    lines = ["id,name,email,phone,ssn,card,account,client_ip,birth_date,salary,street,dx,note,order_no,version,product_name"]
    for i in range(rows):
        note = f"please write to user{i}@example.org about it" if i % 2 else "nothing to say about this one"
        lines.append(f"{i},{given[i % 6]} {sur[i % 5]},user{i}@example.org,(212) 555-{i:04d},{100 + i % 500}-{1 + i % 90:02d}-{1000 + i},"
                     f"{luhn('411111111' + f'{i:06d}')},{iban(f'3704004405320{i:05d}')},85.{i % 200}.7.{1 + i % 250},19{50 + i % 50}-03-1{i % 9},"
                     f"{40000 + 13 * i},{i} Main Street,E11.{i % 10},{note},{4000000000 + 977 * i},1.{i % 20}.{i % 9}.{i % 7},Office Chair {i % 9}")
    return "\n".join(lines) + "\n"


KINDS = {"name": "person_name", "email": "email", "phone": "phone", "ssn": "ssn", "card": "payment_card", "account": "iban",
         "client_ip": "ip_address", "birth_date": "date_of_birth", "salary": "salary", "street": "postal_address", "dx": "medical",
         "note": "free_text"}


def call(server, method, path, expect=200, **body):
    answer = server.request(method, path, json=body) if method != "GET" else server.request(method, path)
    assert answer.status_code == expect, answer.text
    return answer.json()


def scan(server, name, expect=200, **body):
    return call(server, "POST", f"/catalog/datasets/by-name/{name}/scan", expect, **body)


def load(server, name, text, **fields):
    answer = server.ingest(text.encode(), name, name=f"{name}.csv", **fields)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def patch(server, name, **body):
    return call(server, "PATCH", f"/catalog/datasets/by-name/{name}/metadata", **body)


def described(server, name):
    answer = call(server, "GET", f"/catalog/datasets/by-name/{name}")
    return {c["name"]: c for c in answer["columns"]}


def test_a_load_finds_personal_data(server):
    answer = load(server, "people", people())
    assert {p["column"]: p["pii_kind"] for p in answer["pii"]} == KINDS
    columns = described(server, "people")
    assert {n: c["pii_kind"] for n, c in columns.items() if c["pii_kind"]} == KINDS
    mail = columns["email"]
    assert mail["said_by"] == "detected" and mail["confidence"] > 0.9
    assert mail["evidence"] == {"values": PEOPLE, "nulls": 0, "matched": PEOPLE, "share": 1.0, "named": True}
    assert columns["note"]["evidence"]["found"] == {"email": PEOPLE // 2} and columns["note"]["evidence"]["share"] == 0.5
    assert mail["statistics"]["min"] is None  # bounds of personal data are values


def test_no_value_is_told(fresh):
    """In no answer, no document of the catalog, and not in the log."""
    server = fresh()
    found = load(server, "quiet", people())["pii"]
    assert {p["column"]: p["pii_kind"] for p in found} == KINDS
    told = json.dumps([found, scan(server, "quiet"), call(server, "GET", "/catalog/datasets/by-name/quiet")["columns"]])
    server.stop()
    documents = [file.read_text() for file in (server.root / "_catalog").rglob("*") if file.is_file()]
    assert any('"free_text"' in text for text in documents)  # the verdicts are among them
    for text in (told, *documents, server.log_text()):
        for value in ("example.org", "(212) 555-", "Smith", "411111111", "3704004405320", "Main Street", "E11.", "please write", "1950-03"):
            assert value not in text, value


def test_a_verdict_outlives_the_server(fresh):
    server = fresh()
    load(server, "lasts", people(60))
    before = described(server, "lasts")
    assert {n: c["pii_kind"] for n, c in before.items() if c["pii_kind"]} == KINDS
    server.kill()
    server.start()
    after = described(server, "lasts")
    told = ("pii_kind", "said_by", "confidence", "evidence")
    assert {n: [c.get(t) for t in told] for n, c in after.items()} == {n: [c.get(t) for t in told] for n, c in before.items()}
    assert after["email"]["said_by"] == "detected" and after["email"]["evidence"]["matched"] == 60


def test_a_scan_on_demand(server):
    server.sql("CREATE TABLE made AS SELECT 'user' || i || '@example.org' AS a, i AS b, [i] AS c, {'mail': 'x@y.org'} AS d, true AS e "
               "FROM range(5000) t(i)")
    assert described(server, "made")["a"]["pii_kind"] is None  # SQL does not scan
    answer = scan(server, "made", sample_rows=700, dry_run=True)
    assert answer["sampled_rows"] == 700 and answer["dry_run"] and described(server, "made")["a"]["pii_kind"] is None
    a, b, c, d, e = answer["columns"]
    assert (a["pii_kind"], a["evidence"]["values"], a["declared"]) == ("email", 700, None)
    assert b["pii_kind"] is None and b["evidence"]["matched"] == 0
    assert "nested" in c["skipped"] and "nested" in d["skipped"] and "type" in e["skipped"] and "evidence" not in e
    assert scan(server, "made")["sampled_rows"] == 5000
    assert described(server, "made")["a"]["pii_kind"] == "email"


def test_the_sample_is_not_the_head(server):
    server.sql("CREATE TABLE tail AS SELECT CASE WHEN i < 20000 THEN 'word' ELSE 'user' || i || '@example.org' END AS a FROM range(100000) t(i) ORDER BY i")
    found = scan(server, "tail", sample_rows=1000)["columns"][0]
    assert found["pii_kind"] == "email" and 0.6 < found["evidence"]["share"] < 0.95


def test_what_a_person_declared_stays(server):
    load(server, "declared", people(50))
    patch(server, "declared", columns={"email": {"pii_kind": "none"}, "order_no": {"pii_kind": "customer_number"}})
    found = {c["name"]: c for c in scan(server, "declared")["columns"]}
    assert (found["email"]["pii_kind"], found["email"]["declared"]) == ("email", "none")
    columns = described(server, "declared")
    assert (columns["email"]["pii_kind"], columns["email"]["said_by"]) == ("none", "declared")
    assert (columns["order_no"]["pii_kind"], columns["order_no"]["said_by"]) == ("customer_number", "declared")
    assert (columns["phone"]["pii_kind"], columns["phone"]["said_by"]) == ("phone", "detected")
    patch(server, "declared", columns={"email": {"pii_kind": None}})
    scan(server, "declared")
    assert described(server, "declared")["email"]["said_by"] == "detected"


def test_a_verdict_goes_when_the_values_do(server):
    load(server, "turns", "a\n" + "\n".join(f"u{i}@example.org" for i in range(30)) + "\n")
    assert described(server, "turns")["a"]["pii_kind"] == "email"
    answer = load(server, "turns", "a\n" + "\n".join(f"word{i}" for i in range(30)) + "\n", mode="replace")
    assert answer["pii"] == [] and described(server, "turns")["a"]["pii_kind"] is None


def column_of(values, name="a"):
    return name + "\n" + "".join(f"{v}\n" for v in values)


def addresses(rows, start=0):
    return [f"u{i}@example.org" for i in range(start, start + rows)]


def test_an_append_adds_verdicts_and_takes_none_away(server):
    load(server, "grows", column_of(addresses(30)))
    before = described(server, "grows")["a"]["evidence"]
    answer = load(server, "grows", "a,b\n" + "\n".join(f"word,10.1.2.{i + 1}" for i in range(30)) + "\n", mode="append")
    assert answer["pii"] == []  # 10.… alone may be a version
    answer = load(server, "grows", "a,ip\n" + "\n".join(f"word,10.1.2.{i + 1}" for i in range(40)) + "\n", mode="append")
    assert [(p["column"], p["pii_kind"]) for p in answer["pii"]] == [("ip", "ip_address")]
    assert described(server, "grows")["a"]["evidence"] == before
    answer = load(server, "grows", "a\nx\n", mode="append")
    assert "pii" not in answer


@pytest.mark.parametrize("mode", ["append", "upsert"])
def test_rows_added_later_are_looked_at(server, mode):
    """They are a part of the rows, but the only ones that hold an address: the sample is drawn from them."""
    name = f"later_{mode}"
    load(server, name, "id,a\n" + "".join(f"{i},word{i}\n" for i in range(20_000)))
    assert described(server, name)["a"]["pii_kind"] is None
    rows = "id,a\n" + "".join(f"{30_000 + i},{a}\n" for i, a in enumerate(addresses(40)))
    answer = load(server, name, rows, mode=mode, **({"key": "id"} if mode == "upsert" else {}))
    assert [(p["column"], p["pii_kind"]) for p in answer["pii"]] == [("a", "email")]
    a = described(server, name)["a"]
    assert (a["pii_kind"], a["said_by"], a["evidence"]["values"]) == ("email", "detected", 40)


def test_rows_added_later_leave_what_was_declared(server):
    load(server, "stated", column_of(["word"] * 30))
    patch(server, "stated", columns={"a": {"pii_kind": "none"}})
    load(server, "stated", column_of(addresses(40)), mode="append")
    assert (described(server, "stated")["a"]["pii_kind"], described(server, "stated")["a"]["said_by"]) == ("none", "declared")
    patch(server, "stated", columns={"a": {"pii_kind": None}})
    load(server, "stated", column_of(addresses(40, 100)), mode="append")
    assert described(server, "stated")["a"]["said_by"] == "detected"


def test_a_handful_of_rows_added_says_nothing(server):
    """One number in ten has the check digit of a payment card."""
    load(server, "few", column_of(range(4_000_000_000_000_000, 4_000_000_000_000_030)))
    for i in range(3):
        assert "pii" not in load(server, "few", column_of([luhn(f"41111111{i:07d}")]), mode="append")
    answer = load(server, "few", "a,b\n" + f"{luhn('411111110000009')},1\n" + ",2\n" * 30, mode="append")
    assert answer["pii"] == [] and described(server, "few")["a"]["pii_kind"] is None


def test_rows_added_to_partitions_and_odd_columns_are_looked_at(server):
    """Their files lie in folders of their own, named by values, and a column may be called as what a reader adds."""
    server.sql("CREATE TABLE parted (day INTEGER, filename VARCHAR, \"E-Mail ?\" VARCHAR) PARTITIONED BY (day)")
    text = 'day,filename,E-Mail ?\n' + "".join(f"{i % 7},x.csv,{a}\n" for i, a in enumerate(addresses(70)))
    assert [p["column"] for p in load(server, "parted", text, mode="append")["pii"]] == ["E-Mail ?"]
    evidence = described(server, "parted")["E-Mail ?"]["evidence"]
    assert (evidence["values"], evidence["matched"]) == (70, 70)


def test_a_load_and_a_description_at_once(server):
    """A scan beside PATCHes loses none of them."""
    load(server, "meets", people(60))
    failures = []

    def describe():
        for i in range(20):
            try:
                patch(server, "meets", columns={"id": {"description": f"d{i}"}}, tags=[f"t{i}"])
            except Exception as error:  # noqa: BLE001
                failures.append(error)

    thread = threading.Thread(target=describe)
    thread.start()
    for _ in range(5):
        scan(server, "meets")
    thread.join()
    answer = call(server, "GET", "/catalog/datasets/by-name/meets")
    assert not failures and answer["tags"] == ["t19"] and answer["columns"][0]["description"] == "d19"
    assert {c["name"]: c["pii_kind"] for c in answer["columns"] if c["pii_kind"]} == KINDS


STRIPES = 12


def stripes(rows):
    """Column k has texts with an address in the k-th twelfth of the rows and nowhere else: a head shows one such column, a window two."""
    lines = [",".join(f"c{k}" for k in range(STRIPES))]
    for i in range(rows):
        k = i * STRIPES // rows
        lines.append("a b c d," * k + f"write to u{i}@example.org soon" + ",a b c d" * (STRIPES - 1 - k))
    return "\n".join(lines) + "\n"


def test_a_large_load_is_sampled_from_all_rows(server):
    answer = load(server, "large", stripes(360_000))
    assert [(p["column"], p["pii_kind"]) for p in answer["pii"]] == [(f"c{k}", "free_text") for k in range(STRIPES)]
    for column in described(server, "large").values():
        assert column["evidence"]["values"] == 2000 and 90 < column["evidence"]["matched"] < 250  # 167 are expected


def test_a_large_append_is_sampled_from_all_its_rows(server):
    load(server, "large_later", ",".join(f"c{k}" for k in range(STRIPES)) + "\n" + (",".join(["a b c d"] * STRIPES) + "\n") * 30)
    answer = load(server, "large_later", stripes(240_000), mode="append")
    assert len(answer["pii"]) == STRIPES
    assert all(c["pii_kind"] == "free_text" and c["evidence"]["values"] == 2000 for c in described(server, "large_later").values())


def test_an_empty_dataset_is_judged_by_its_names(server):
    answer = load(server, "bare", "ssn,quantity,birth_date\n")
    assert {p["column"]: p["confidence"] for p in answer["pii"]} == {"ssn": 0.5, "birth_date": 0.5}
    assert scan(server, "bare")["sampled_rows"] == 0


def test_wide_and_odd_names(server):
    names = [f'c"{i}' for i in range(150)] + ["E-Mail des Kunden"]
    row = ",".join(["x"] * 150)
    quoted = ",".join('"' + n.replace('"', '""') + '"' for n in names)
    text = quoted + "\n" + "".join(f"{row},u{i}@example.org\n" for i in range(20))
    answer = load(server, "wide", text)
    assert [(p["column"], p["pii_kind"]) for p in answer["pii"]] == [("E-Mail des Kunden", "email")]
    assert len(scan(server, "wide")["columns"]) == 151


def test_a_very_wide_table_is_scanned_on_demand_only(server):
    names = [f"c{i}" for i in range(500)] + ["email"]
    text = ",".join(names) + "\n" + "".join(",".join(["x"] * 500 + [f"u{i}@example.org"]) + "\n" for i in range(20))
    assert load(server, "very_wide", text)["pii"] is None
    assert {c["name"]: c for c in scan(server, "very_wide")["columns"]}["email"]["pii_kind"] == "email"


@pytest.mark.parametrize("body, message", [
    ({"sample_rows": 0}, "'sample_rows' must be from 1 to 100000"),
    ({"sample_rows": 100001}, "'sample_rows' must be from 1 to 100000"),
    ({"sample_rows": "many"}, "sample_rows"),
    ({"dry_run": 1}, "dry_run"),
    ({"rows": 1}, "rows"),
])
def test_bad_requests_say_why(server, body, message):
    assert message in scan(server, "nowhere", expect=400, **body)["error"]["message"]


def test_what_is_not_there(server):
    assert scan(server, "nowhere", expect=404)["error"]["code"] == "not_found"


def test_a_scan_that_fails_fails_no_load(server):
    """What is said of the dataset fills its document, so that a verdict cannot be written."""
    columns = 104
    load(server, "full", ",".join(f"c{i}" for i in range(columns)) + "\n" + ",".join(["word"] * columns) + "\n")
    patch(server, "full", columns={f"c{i}": {"description": "d" * 9990} for i in range(52)})
    patch(server, "full", columns={f"c{i}": {"description": "d" * 9990} for i in range(52, columns)})
    row = ",".join(["ann@example.org"] * columns)
    answer = load(server, "full", ",".join(f"c{i}" for i in range(columns)) + "\n" + f"{row}\n" * 30, mode="replace")
    assert answer["rows"] == 30 and answer["pii"] is None and server.sql("SELECT count(*) FROM \"full\"") == [[30]]
    assert scan(server, "full", expect=422)["error"]["code"] == "limit"


def test_it_can_be_turned_off(fresh):
    server = fresh(env={"LAKEHOUSE__INGEST__DETECT_PII": "false"})
    answer = load(server, "people", people(20))
    assert "pii" not in answer and described(server, "people")["email"]["pii_kind"] is None
    assert scan(server, "people")["columns"][2]["pii_kind"] == "email"


def test_the_command_line_shows_a_table(server):
    load(server, "shown", people(50))

    def run(*args, code=0):
        done = subprocess.run([str(BINARY), "datasets", "scan", *args, "--url", server.url], capture_output=True, text=True, timeout=300)
        assert done.returncode == code, done.stderr + done.stdout
        return done.stdout if code == 0 else done.stderr

    text = run("shown", "--sample-rows", "40", "--dry-run")
    line = next(l for l in text.splitlines() if " email " in l)
    assert "40 of 40" in line and "40 rows looked at; nothing was remembered" in text
    assert "20 email" in text or "email" in next(l for l in text.splitlines() if " note " in l)
    assert json.loads(run("shown", "--json"))["columns"][2]["pii_kind"] == "email"
    assert "sample-rows" in run("shown", "--sample-rows", "x", code=1)
    run(code=2)

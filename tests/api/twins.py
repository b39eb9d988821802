"""Two lakes that a restricted principal cannot tell from each other: they differ in the hidden rows (their values and their number, 42 against
4,200), in what masks hide of the seen ones, in hidden columns, and in the name and rows of a hidden table. Visible rows are the same, in the same order."""
import shutil

from governed import Lake, allow, csv

SEEN = 300
HIDDEN = {"a": 42, "b": 4200}
TABLE = {"a": "payroll", "b": "bonuses"}  # which nobody but the administrator sees
COLUMNS = "id,name,email,status,city,salary,born,score,phone,number,json,day,pattern,code,raw,secret,level"
SHOWN = ["id", "name", "email", "status", "city", "salary", "born", "score", "phone", "number", "json", "day", "pattern", "code", "raw"]
REDACTIONS = {"id": {"kind": "mask", "keep_prefix": 4, "keep_suffix": 2}, "email": {"kind": "hash"}, "born": {"kind": "year"}, "score": {"kind": "bucket", "n": 10},
              "phone": {"kind": "null"}, "name": {"kind": "none"}}
CITIES = ["Austin", "Boise", "Córdoba", "Denver", "Zürich"]


def visible(i, lake):
    """Equal in both lakes but for what is masked or hidden."""
    a = lake == "a"
    return (f"CAND{i if a else 9999 - i:04d}{i % 7:02d}", f"n{i}", f"u{i}@x.org", "active" if i % 4 else "new", CITIES[i % 5], 65 + i % 20, f"19{60 + i % 40}-{'01' if a else '07'}-1{i % 9}",
            10 * (i % 9) + (1.5 if a else 8.25), f"+{'49' if a else '1'} {i * 7919}", i * 3, f'"{{""k"": {i}, ""l"": [{i % 3}, 2]}}"', f"2024-0{1 + i % 9}-15", f"n{i % 10}.*", f"0190000{i % 5}-0000-7000-8000-000000000000", f"r{i % 6}",
            f"secret-{lake}-{i}", i if a else 10_000 - i)


def hidden(i, lake):
    """Each makes much raise that no visible row does."""
    a = lake == "a"
    return (f"HIDE{i:04d}{lake}", f"{lake}{'x' * (3000 if a else 1200)}", f"h{i}{lake}@hidden.org", "blocked", f"Hidden {lake} {i % (7 if a else 900)}", -5 if i % 2 else -9223372036854775807, f"18{10 + i % 80}-02-03",
            1e300, "0", "not a number" if a else f"also none {i}", "oops{", "never", "(", f"no uuid {i % 3}", "\\xZZ", f"hidden-{lake}", -i)


def candidates(lake):
    """Hidden rows stand before, between and behind the visible ones; in b some vectors of 2,048 hold nothing else."""
    n, put, rows = HIDDEN[lake], 0, []
    for i in range(SEEN):
        while put < n * (i + 1) // (SEEN + 1):
            rows.append(hidden(put, lake))
            put += 1
        rows.append(visible(i, lake))
    return rows + [hidden(i, lake) for i in range(put, n)]


# The same rows: one that scans take, and one that stays a filter beside those of a statement.
FILTERS = {"scanned": "status != 'blocked'", "computed": "salary >= 0 OR score < 1000"}


def grants(row_filter):
    filtered = dict(row_filter=row_filter, columns=SHOWN, redactions=REDACTIONS)
    return [allow("dataset", "candidates", **filtered),
            allow("dataset", "placements", redactions={"placement": {"kind": "token"}, "fee": {"kind": "bucket", "n": 100}}, columns=["placement", "name", "fee", "agency"]),
            allow("dataset", "profiles", row_filter=row_filter.replace("score < 1000", "score > 1000")), allow("dataset", "skills"), allow("dataset", "notes", "read", "write"), allow("dataset", "copies", "read", "write")]


# Rows of lists, structs and maps: in the hidden ones are elements that are no numbers.
NESTED = """CREATE TABLE profiles AS SELECT 'n' || i AS name, CASE WHEN hidden THEN 'blocked' ELSE 'active' END AS status, CASE WHEN hidden THEN -5 ELSE 65 + i % 20 END AS salary, 1.5::DOUBLE AS score,
  CASE WHEN hidden THEN ['x{lake}', NULL, 'hidden'] ELSE [i::VARCHAR, (i % 3)::VARCHAR] END AS tags, {{'a': CASE WHEN hidden THEN 'hidden {lake}' ELSE i::VARCHAR END, 'b': [i]}} AS attrs,
  MAP {{CASE WHEN hidden THEN 'hidden' ELSE (i % 4)::VARCHAR END: CASE WHEN hidden THEN ['no'] ELSE [i::VARCHAR] END}} AS scores, [[CASE WHEN hidden THEN 'h{lake}' ELSE i::VARCHAR END]] AS deep
  FROM (SELECT i // 100 AS i, i % 100 < {hidden} AND i % 100 > 0 AS hidden FROM range(10000) r(i) WHERE i % 100 < {hidden})"""


class Twin(Lake):
    def __init__(self, root, lake, secret=None):
        if secret:  # hashes of one value are to be equal in both
            shutil.copytree(secret, root / "_catalog" / "secret")
        super().__init__(root)
        self.lake = lake
        self.ingest("candidates", csv(COLUMNS, candidates(lake)))
        self.ingest("placements", csv("placement,name,fee,agency,margin", [(f"P{i}", f"n{i % 50}", 1000 * (i % 5) + (1 if lake == "a" else 99), f"g{i % 4}", i if lake == "a" else -i) for i in range(150)]))
        self.ingest("skills", csv("name,skill", [(f"n{i % 60}", f"s{i % 11}") for i in range(200)]))
        self.ingest("notes", b"id,text\n1,a\n2,b\n")
        self.ingest(TABLE[lake], csv("id,amount", [(i, i * 1000) for i in range(20 if lake == "a" else 777)]))
        self.server.sql(NESTED.format(lake=lake, hidden=3 if lake == "a" else 60))
        self.server.sql(f"CREATE SCHEMA hr_{lake}")
        self.server.sql(f"CREATE TABLE hr_{lake}.staff AS SELECT 1 AS id")
        self.agents = {name: self.key(name, *grants(row_filter)) for name, row_filter in FILTERS.items()}

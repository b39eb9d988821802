"""A restricted principal on two lakes that differ in nothing but what it may not see (twins.py): the same statements and requests get the same answers,
byte by byte, but for times, ids and the order of rows that no ORDER BY asks for."""
import re

import pyarrow
import pytest
import requests

from governed import ADMIN
from harness import SANITIZED
from twins import FILTERS, SHOWN, TABLE, Twin

IDS = [(r'"snapshot_id":-?\d+', '"snapshot_id":0'), (r'"elapsed_ms":\d+', '"elapsed_ms":0'), (r'"trace_id":"[0-9a-f]*"', '"trace_id":""'),
       (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"), (r"127\.0\.0\.1:\d+", "HOST"), (r'"location":"[^"]*"', '"location":""'), (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
       (r'("row_count":\d+,"bytes":)\d+', r"\1 0")]  # of a table that is seen whole: its files of deletes hold paths with ids, and are compressed
EACH = 4 if SANITIZED else 1  # of the statements every fourth, where each takes long
TIMES = {"date", "x-trace-id", "x-request-id", "traceparent", "content-length"}  # the last one's digits count those of ids


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    folder = tmp_path_factory.mktemp("twins")
    a = Twin(folder / "a", "a")
    b = Twin(folder / "b", "b", folder / "a" / "_catalog" / "secret")
    for twin in (a, b):
        twin.session = requests.Session()
        twin.session.trust_env = False
    for name in ("candidates", "profiles"):
        a.server.sql(f"CREATE TABLE shown_{name} AS SELECT {', '.join(SHOWN) if name == 'candidates' else '*'} FROM {name} WHERE status <> 'blocked'")
    yield a, b
    for twin in (a, b):
        twin.server.stop()


@pytest.fixture(params=["computed"] if SANITIZED else list(FILTERS))
def agent(request):
    return request.param


def plain(text):
    for pattern, instead in IDS:
        text = re.sub(pattern, instead, text)
    return text


def told(answer, sort):
    """All that an answer tells."""
    headers = {name.lower(): plain(value) for name, value in answer.headers.items() if name.lower() not in TIMES}
    body = plain(answer.content.decode("utf-8", "surrogateescape"))
    if sort and answer.status_code == 200:
        lines = body.replace("],\n", "]\n").split("\n")
        body = "\n".join(sorted(lines))
    return answer.status_code, headers, body


def send(twin, key, method, path, **options):
    headers = {"X-API-Key": key, **options.pop("headers", {})}
    return twin.session.request(method, twin.server.url + path, headers=headers, timeout=300, **options)


def both(twins, agent, sql, sort=True, **members):
    """The one answer of both lakes."""
    answers = [send(twin, twin.agents[agent], "POST", "/query/sql", json={"sql": sql, **members}) for twin in twins]
    a, b = (told(answer, sort) for answer in answers)
    assert a == b, sql
    return answers[0]


def told_nothing(answer, sql):
    for word in ("hidden", "HIDE", "secret-", "blocked", "level", "lh_", "score <"):
        assert word not in answer.text or word in sql, (sql, word)


# ---- what raises on a hidden row, and on none that is seen ----

RAISING = [
    # casts of text
    "number::INTEGER > 30", "number::BIGINT = 33", "CAST(number AS DOUBLE) < 9.5", "number::DECIMAL(9, 2) > 1", "number::UTINYINT IS NULL OR true", "day::DATE < '2024-05-01'", "day::TIMESTAMP IS NOT NULL",
    "(day || ' 10:00')::TIMESTAMPTZ IS NOT NULL", "json::JSON IS NOT NULL", "CAST(json AS STRUCT(k INTEGER)).k > 5", "('[' || number || ']')::INTEGER[] = [33]", "number = 33", "number + 1 = 34", "salary IN ('65', '66')",
    # narrowing casts and arithmetic
    "salary::UTINYINT = 66", "salary::TINYINT > 70", "salary::UINTEGER > 70", "(salary - 10)::USMALLINT > 70", "salary * salary > 4500", "-salary < -70", "abs(salary) > 70", "salary - 200 < 0", "salary + score::BIGINT > 70",
    "salary // 0 IS NULL", "salary % 7 = 2 AND chr(salary::INTEGER) = 'A'", "factorial(salary::INTEGER % 5) > 2", "1 << (salary - 60)::INTEGER > 100", "power(salary - 66, -1) > 0", "pow(10, score / 10) > 100",
    # functions of numbers
    "sqrt(salary) > 8.3", "ln(salary) > 4", "log(salary) > 1.8", "log2(salary) > 6", "gamma(salary) IS NOT NULL", "lgamma(salary) > 3", "asin(salary / 100.0) > 0", "acos(salary / 100.0) > 0", "even(salary) > 70", "bit_count(salary::UTINYINT) > 2",
    "gcd(salary, 12) > 2", "lcm(salary, 1000000007) > 3", "greatest(salary::UTINYINT, 3) > 66", "to_base(salary, 16) = '42'", "bin(salary) = '1000010'", "exp(score / 100) > 1", "round(salary::DECIMAL(4, 1), 1) > 70",
    # functions of text
    "chr(salary::INTEGER) = 'A'", "left(name, salary - 63) = 'n1'", "right(name, salary) = 'n11'", "substr(name, salary - 64, 2) = 'n2'", "repeat(name, salary) IS NOT NULL", "lpad(name, salary::INTEGER, 'x') LIKE 'x%'",
    "rpad(name, salary::INTEGER, city[1:1]) LIKE 'n1A%'", "name SIMILAR TO pattern", "regexp_matches(name, pattern)", "regexp_extract(name, pattern) = name", "regexp_replace(name, pattern, 'x') = 'x'", "regexp_full_match(name, pattern)",
    "len(regexp_extract_all(name, pattern)) > 0", "len(string_split_regex(name, pattern)) = 2", "name LIKE pattern ESCAPE left(pattern, 1)", "format('{:d}', salary::UTINYINT) = '66'", "printf('%d', salary::UTINYINT) = '66'",
    "format(CASE WHEN salary < 0 THEN '{' ELSE '{}' END, name) = 'n11'", "unhex(lpad(number, 4, '0')) IS NOT NULL", "from_base64(CASE WHEN salary < 0 THEN '!' ELSE 'aGk=' END) IS NOT NULL", "from_hex(lpad(number, 4, '0')) IS NOT NULL",
    "decode(encode(name)) = 'n11'", "url_decode(name) = 'n11'", "hamming(name, lpad(name, 12, 'n')[-length(name):]) > 0", "jaccard(CASE WHEN salary < 0 THEN '' ELSE name END, 'n11') > 0.5", "strptime(day, '%Y-%m-%d') > '2024-03-01'::TIMESTAMP",
    "strftime(day::DATE, '%A') = 'Monday'", "list_extract([1, 2], number::INTEGER) = 2", "array_value(1, 2)[number::INTEGER] IS NULL", "md5(number::INTEGER::VARCHAR) IS NOT NULL", "('{' || number || ': 1}')::MAP(INTEGER, INTEGER) IS NOT NULL",
    "replace(name, 'n', '') ::INTEGER = 11", "translate(name, 'n', '0')::INTEGER = 11", "ascii(chr(salary::INTEGER)) = 66", "nullif(number, '33')::INTEGER > 5", "coalesce(number::INTEGER, 1) = 33", "ifnull(try(number::INTEGER), number::INTEGER) = 33",
    # dates
    "make_date(salary, 1, 1) > '0070-01-01'", "make_time(salary::INTEGER % 24, 0, 0) IS NOT NULL", "make_timestamp(2024, salary::INTEGER - 64, 1, 0, 0, 0) IS NULL OR true", "date_trunc(CASE WHEN salary < 0 THEN 'x' ELSE 'month' END, day::DATE) IS NOT NULL",
    "date_part(CASE WHEN salary < 0 THEN 'x' ELSE 'month' END, day::DATE) = 3", "to_timestamp(salary * 1000000) IS NOT NULL", "epoch_ms(salary) IS NOT NULL", "to_days(salary::INTEGER) > INTERVAL 70 DAY", "to_years(salary::INTEGER) IS NOT NULL",
    "day::DATE + salary::INTEGER > '2024-05-01'", "age(day::TIMESTAMP, TIMESTAMP '2020-01-01') IS NOT NULL", "timezone(CASE WHEN salary < 0 THEN 'nowhere' ELSE 'UTC' END, TIMESTAMP '2024-01-01') IS NOT NULL", "time_bucket(to_days(salary::INTEGER), day::DATE) IS NOT NULL",
    "day::DATE - INTERVAL (salary) YEAR IS NOT NULL", "extract(epoch FROM day::TIMESTAMP) > 0", "last_day(day::DATE) > '2024-03-31'", "uuid_extract_version((lpad(number, 8, '0') || '-0000-7000-8000-000000000000')::UUID) = 7",
    # lists, structs, maps, JSON
    "list_transform([name], x -> x[2:]::INTEGER)[1] = 11", "list_filter([number], x -> x::INTEGER = 33) <> []", "list_reduce([number, '1'], (x, y) -> (x::INTEGER + y::INTEGER)::VARCHAR) = '34'", "list_sum([number::INTEGER]) = 33", "list_aggregate([salary::UTINYINT], 'sum') = 66",
    "json_extract(json, '$.k')::INTEGER = 11", "json->>'k' = '11'", "(json->'l')[0]::INTEGER = 2", "json_array_length(json, '$.l') = 2", "json_keys(json) = ['k', 'l']", "json_type(json) = 'OBJECT'", "json_contains(json, '11')", "json_exists(json, '$.k')",
    "json_merge_patch(json, '{}') IS NOT NULL", "json_transform(json, '{\"k\": \"INTEGER\"}').k = 11", "json_extract_string(json, ['$.k'])[1] = '11'", "json_structure(json) IS NOT NULL", "json_value(json, '$.k') = '11'", "json_valid(json)",
    "array_resize([1], salary) IS NOT NULL", "list_resize([1], salary) IS NOT NULL", "list_slice([1, 2, 3], 1, salary) = [1, 2, 3]", "range(salary)[3] = 2", "map([number::INTEGER], [1])[33] = 1", "map_from_entries([(number::INTEGER, 1)]) IS NOT NULL", "{'a': number::INTEGER}.a = 33",
    "union_value(a := number::INTEGER) IS NOT NULL", "flatten([[number::INTEGER]]) = [33]", "list_zip([number::INTEGER], [1]) IS NOT NULL", "array_cross_product(array_value(salary::UTINYINT, 1, 2)::DOUBLE[3], array_value(1, 2, 3)::DOUBLE[3]) IS NOT NULL",
    "set_bit('10101'::BIT, salary::INTEGER % 5, 1) IS NOT NULL", "get_bit('10101'::BIT, salary::INTEGER % 5) = 1", "bitstring('1', salary::INTEGER) IS NOT NULL",
    # said by the statement itself
    "CASE WHEN status = 'blocked' THEN error('seen') ELSE true END", "CASE WHEN salary < 0 THEN error(name) ELSE name END = 'n11'", "if(number LIKE 'n%' OR number LIKE 'a%', error('x'), true)", "status <> 'blocked' OR error('seen')",
    "(salary > 0 OR error('seen')) AND name = 'n11'", "coalesce(nullif(status, 'blocked'), error('seen')) = 'new'", "name COLLATE NOCASE = 'N11'", "name COLLATE DE.NOACCENT < 'n2'",
    # what DuckDB computes for each value of a dictionary, or each element of a vector of lists
    "code::UUID IS NOT NULL", "raw::BLOB = 'r1'::BLOB", "'n1' SIMILAR TO pattern", "regexp_matches('n11', pattern)", "[number]::INTEGER[] = [33]", "list_transform([number], x -> x::INTEGER) = [33]", "[pattern][1] SIMILAR TO 'n.*'",
    "list_transform([pattern], x -> 'n1' SIMILAR TO x)[1]", "{'a': code}::STRUCT(a UUID) IS NOT NULL", "list_transform([code, code], x -> x::UUID)[2] IS NOT NULL", "MAP {code: 1}::MAP(UUID, INTEGER) IS NOT NULL", "[[code]]::UUID[][] IS NOT NULL",
    "list_aggregate([number::INTEGER], 'max') = 33", "list_filter([day], x -> x::DATE < '2024-05-01') <> []", "array_value(code, code)::UUID[2] IS NOT NULL", "list_sort([code])[1]::UUID IS NOT NULL", "list_transform(split(day, '-'), x -> x::INTEGER)[2] = 3",
    "list_transform(str_split(number, ''), x -> x::INTEGER)[1] = 3", "[json]::JSON[] IS NOT NULL", "list_transform([name], x -> x[2:]::INTEGER)[1] = 11", "list_reduce([name, name], (x, y) -> CASE WHEN length(x) > 9 THEN error(x) ELSE y END) = 'n11'",
    "CASE WHEN length(name) > 1000 THEN error('long') ELSE true END", "salary >= 0 AND chr(salary::INTEGER) <> 'B' OR random() < 0",
]

# @ raises; where it stands in a statement.
PLACES = [
    "SELECT name FROM candidates WHERE @", "SELECT name, @ FROM candidates", "SELECT name FROM candidates WHERE city = 'Austin' AND @", "SELECT @ AS x, count(*) FROM candidates GROUP BY x", "SELECT city, count(*) FILTER (WHERE @) FROM candidates GROUP BY city",
    "SELECT city FROM candidates GROUP BY city HAVING bool_or(@)", "SELECT name FROM candidates ORDER BY @, name LIMIT 20", "SELECT DISTINCT @ FROM candidates", "SELECT name FROM candidates QUALIFY row_number() OVER (PARTITION BY @ ORDER BY name) = 1",
    "SELECT name, sum(1) OVER (ORDER BY @ ROWS UNBOUNDED PRECEDING) IS NULL FROM candidates", "SELECT count(*) FROM (SELECT @ AS x FROM candidates) WHERE x", "WITH w AS (SELECT @ AS x, name FROM candidates) SELECT name FROM w WHERE x",
    "WITH w AS MATERIALIZED (SELECT @ AS x, name FROM candidates) SELECT name FROM w WHERE x", "SELECT count(*) FROM candidates JOIN skills USING (name) WHERE @", "SELECT count(*) FROM skills JOIN candidates ON skills.name = candidates.name AND @",
    "SELECT s.skill FROM skills s LEFT JOIN (SELECT name AS n FROM candidates WHERE @) c ON s.name = c.n", "SELECT s.skill FROM skills s SEMI JOIN (SELECT name FROM candidates WHERE @) c ON s.name = c.name",
    "SELECT s.skill FROM skills s ANTI JOIN (SELECT name, @ AS x FROM candidates) c ON s.name = c.name AND c.x", "SELECT skill FROM skills WHERE name IN (SELECT name FROM candidates WHERE @)", "SELECT skill FROM skills s WHERE EXISTS (FROM candidates WHERE @ AND candidates.name = s.name)",
    "SELECT skill, (SELECT bool_or(@) FROM candidates WHERE candidates.name = s.name) FROM skills s", "SELECT skill, x FROM skills s, LATERAL (SELECT @ AS x FROM candidates WHERE candidates.name = s.name)", "SELECT @ FROM candidates UNION ALL SELECT true",
    "SELECT @ FROM candidates EXCEPT SELECT NULL", "SELECT name FROM candidates WHERE @ INTERSECT SELECT name FROM skills", "SELECT city, bool_and(@) FROM candidates GROUP BY GROUPING SETS ((city), ())", "SELECT list_transform([1], y -> @) FROM candidates",
    "WITH RECURSIVE r AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 2 AND EXISTS (FROM candidates WHERE @)) FROM r", "SELECT unnest([@, true]) FROM candidates", "PIVOT (SELECT city, @ AS x FROM candidates) ON x IN (true, false) USING count(*)",
    "SELECT count(*) FROM candidates TABLESAMPLE 100% WHERE @", "SELECT max(@) FROM candidates WHERE status = 'new'", "SELECT min_by(name, @) IS NOT NULL FROM candidates", "SELECT histogram(@) FROM candidates", "SELECT count(DISTINCT @) FROM candidates", "SELECT * EXCLUDE (name) REPLACE (@ AS city) FROM candidates",
    "SELECT list(@ ORDER BY name) FROM candidates", "SELECT name FROM candidates WHERE NOT (@) IS TRUE", "SELECT CASE WHEN @ THEN 1 ELSE 2 END FROM candidates", "SELECT count(*) FROM candidates, range(2) WHERE @", "SELECT count(*) FROM candidates c POSITIONAL JOIN range(300) WHERE @",
    "SELECT name, x FROM (SELECT name, @ AS x FROM candidates) ASOF JOIN (VALUES ('n1'), ('n2')) v(m) ON name >= m",
]


# The same over columns that are lists, structs and maps.
NESTED = [
    "tags::INTEGER[] IS NOT NULL", "list_transform(tags, x -> x::INTEGER)[1] > 5", "tags[1]::INTEGER > 5", "attrs::STRUCT(a INTEGER, b INTEGER[]) IS NOT NULL", "attrs.a::INTEGER > 5", "scores::MAP(INTEGER, INTEGER[]) IS NOT NULL", "deep::INTEGER[][] IS NOT NULL",
    "list_filter(tags, x -> x::INTEGER > 5) <> []", "map_keys(scores)::INTEGER[] IS NOT NULL", "map_values(scores)::INTEGER[][] IS NOT NULL", "list_transform(flatten(deep), x -> x::INTEGER)[1] = 5", "list_reduce(tags, (x, y) -> (x::INTEGER + y::INTEGER)::VARCHAR) IS NOT NULL",
    "list_aggregate(tags, 'string_agg', ',') = '1,2'", "array_to_string(tags, ',') LIKE '%1%'", "list_sort(tags)::INTEGER[] IS NOT NULL", "tags::VARCHAR[2] IS NOT NULL", "struct_pack(t := tags)::STRUCT(t INTEGER[]) IS NOT NULL", "list_transform(tags, (x, i) -> x::INTEGER + i) IS NOT NULL",
    "[x::INTEGER FOR x IN tags IF x <> ''] IS NOT NULL", "attrs::JSON->>'a' = '5'", "to_json(tags)::VARCHAR LIKE '%5%'", "list_zip(tags, [1])::STRUCT(a INTEGER, b INTEGER)[] IS NOT NULL", "tags = ['5', '2'] AND list_transform(tags, x -> x::INTEGER) IS NOT NULL",
    "list_transform(deep, x -> list_transform(x, y -> y::INTEGER)) IS NOT NULL", "len(list_distinct(list_transform(tags, x -> x::INTEGER))) = 2", "map_entries(scores)::STRUCT(key INTEGER, value INTEGER[])[] IS NOT NULL", "tags[1:1]::INTEGER[] IS NOT NULL",
]
OVER = ["SELECT name, {} FROM profiles", "SELECT name FROM profiles WHERE {}", "SELECT count(*) FILTER (WHERE {}) FROM profiles", "SELECT name FROM profiles WHERE name <> 'n3' AND {}", "SELECT p.name FROM profiles p JOIN skills USING (name) WHERE {}",
        "SELECT x, count(*) FROM (SELECT {} AS x FROM profiles) GROUP BY x", "SELECT name, unnest(tags), {} FROM profiles", "SELECT name, t::INTEGER FROM (SELECT name, unnest(tags) AS t FROM profiles WHERE {})", "SELECT DISTINCT {} FROM profiles", "SELECT name, {} FROM profiles ORDER BY name LIMIT 5", "SELECT {} FROM profiles"]


def raising():
    """Each expression in two places or more."""
    for i, expression in enumerate(NESTED):
        for j in range(3):
            yield OVER[(i + 2 * j) % len(OVER)].format(f"({expression})")
    for i, expression in enumerate(RAISING):
        for j in range(2):
            yield PLACES[(7 * i + 11 * j) % len(PLACES)].replace("@", f"({expression})")


def of_the_shown(sql):
    """The same over tables without the hidden rows: an error there is one of a row that is seen."""
    return re.sub(r"\b(candidates|profiles)\b", r"shown_\1", sql)


@pytest.mark.parametrize("part", range(8))
def test_a_hidden_row_raises_nothing_and_counts_nowhere(twins, agent, part):
    statements = list(raising())[part::8 * EACH]
    failed = []
    for sql in statements:
        answer = both(twins, agent, sql)
        told_nothing(answer, sql)
        if answer.status_code != 200 and send(twins[0], ADMIN, "POST", "/query/sql", json={"sql": of_the_shown(sql)}).status_code == 200:
            failed.append((sql, answer.text[:300]))
    assert not failed, f"{len(failed)} of {len(statements)}: {failed[:40]}"


# ---- every feature of SQL, and every way to be wrong ----

STATEMENTS = {
    "named in each way": [
        "FROM candidates", "TABLE candidates", "SELECT * FROM data.candidates", "SELECT lake.data.candidates.name FROM lake.data.candidates", "FROM Candidates c SELECT c.*", "SELECT c FROM candidates c", "SELECT candidates FROM candidates", "FROM candidates AS t(a, b, c)",
        'FROM "candidates"', 'FROM "CANDIDATES"', "FROM candidates, placements, skills WHERE candidates.name = placements.name AND skills.name = placements.name", "SELECT * FROM (FROM candidates)", "WITH candidates AS (FROM candidates) FROM candidates",
        "WITH payroll AS (FROM candidates) SELECT count(*) FROM payroll", "FROM candidates payroll", "FROM c: candidates", "VALUES ((SELECT count(*) FROM candidates))", "SELECT (FROM candidates SELECT max(name))",
    ],
    "nothing of this": [f"SELECT * FROM {name}" for name in (*TABLE.values(), "data.payroll", "lake.data.bonuses", "hr_a.staff", "hr_b.staff", "lake.hr_a.staff", "nowhere.staff", "Payroll", '"PAYROLL"', "candidates.candidates", "memory.main.payroll", "system.staff", "'x.parquet'",
        "candidates__v1", "candidates$snapshots", "data.candidates.files")] + ["SELECT payroll.id FROM candidates", "SELECT (SELECT 1 FROM bonuses)", "FROM candidates JOIN payroll USING (id)", "SELECT 1 WHERE EXISTS (FROM payroll)", "WITH x AS (FROM payroll) SELECT 1", "DESCRIBE payroll",
        "SUMMARIZE bonuses", "SHOW payroll", "PIVOT payroll ON id USING count(*)", "FROM payroll AT (VERSION => 1)", "FROM payroll TABLESAMPLE 1 ROWS"],
    "columns that are hidden": [sql for column in ("secret", "level", "Secret", "secrets", "secre", "leve", "salar", "nam", "rowid", "filename", "file_row_number", "_last_updated_sequence_number", "_row_id", "lh_0") for sql in (
        f"SELECT {column} FROM candidates", f"SELECT c.{column} FROM candidates c", f"SELECT * EXCLUDE ({column}) FROM candidates", f"SELECT * REPLACE (1 AS {column}) FROM candidates", f"SELECT count(*) FROM candidates WHERE {column} IS NULL")] + [
        "SELECT * RENAME (secret AS x) FROM candidates", "FROM candidates JOIN skills USING (secret)", "FROM candidates NATURAL JOIN (SELECT 'x' AS secret)", "SELECT COLUMNS('se.*') FROM candidates", "SELECT COLUMNS(c -> c LIKE '%e%') FROM candidates", "SELECT max(COLUMNS(*)) FROM candidates",
        "SELECT name FROM candidates ORDER BY secret", "SELECT name FROM candidates GROUP BY level", "SELECT margin FROM placements", "SELECT placements.margin FROM placements", "SELECT t.secret FROM (SELECT c AS t FROM candidates c)", "SELECT struct_extract(c, 'secret') FROM candidates c",
        "SELECT c['level'] FROM candidates c", "SELECT c.* LIKE '%e%' FROM candidates c", "SELECT * LIKE 'l%' FROM candidates", "UNPIVOT candidates ON secret", "UNPIVOT candidates ON COLUMNS('le.*')", "SELECT unnest(c) FROM candidates c", "SELECT row_to_json(c) FROM candidates c",
        "SELECT (SELECT secret) FROM candidates", "SELECT s.skill, (SELECT secret FROM candidates c WHERE c.name = s.name) FROM skills s", "FROM skills, LATERAL (SELECT secret FROM candidates)", "SELECT name AS secret FROM candidates WHERE secret = 'n1'"],
    "masks": [
        "SELECT count(*) FROM candidates WHERE id LIKE 'CAND0%'", "SELECT count(*) FROM candidates WHERE email LIKE '%@%'", "SELECT count(*) FROM candidates WHERE phone IS NOT NULL", "SELECT count(*) FROM candidates WHERE phone = '+49 7919'", "SELECT id, count(*) FROM candidates GROUP BY id",
        "SELECT min(id), max(id), min(email), max(email), min(born), max(born), min(score), max(score), min(phone) FROM candidates", "SELECT born, count(*) FROM candidates GROUP BY ALL", "SELECT score, count(*) FROM candidates GROUP BY ALL", "SELECT count(*) FROM candidates WHERE born = '1967-01-17'",
        "SELECT count(*) FROM candidates WHERE score = 11.5", "SELECT name FROM candidates ORDER BY email, id, born LIMIT 7", "SELECT c.name FROM candidates c JOIN candidates d USING (email)", "SELECT count(*) FROM candidates c JOIN candidates d ON c.id = d.id AND c.name < d.name", "SELECT arg_max(name, score) IS NULL FROM candidates",
        "SELECT sum(score), avg(born), stddev(score), median(score), mode(born), quantile_cont(score, 0.3) FROM candidates", "SELECT placement, fee FROM placements", "SELECT count(DISTINCT placement), sum(fee) FROM placements", "SELECT fee, list(agency ORDER BY agency) FROM placements GROUP BY fee",
        "SELECT count(*) FROM placements WHERE fee > 1050", "SELECT typeof(id), typeof(email), typeof(born), typeof(score), typeof(phone) FROM candidates LIMIT 1", "SELECT length(id), length(email) FROM candidates", "SELECT hash(id), hash(email) FROM candidates", "SELECT sha256(email), md5(id) FROM candidates",
        "SELECT bitstring_agg(born) FROM candidates", "SELECT count(*) FROM candidates WHERE email = sha256('u1@x.org')", "SELECT histogram(born) FROM candidates", "SELECT encode(email), email::BLOB FROM candidates"],
    "counts": [
        "SELECT count(*) FROM candidates", "SELECT count(*), count(phone), count(DISTINCT city) FROM candidates", "SELECT city, count(*) FROM candidates GROUP BY city", "SELECT count(*) FROM candidates WHERE status = 'blocked'", "SELECT status, count(*) FROM candidates GROUP BY ROLLUP (status)",
        "SELECT status, city, count(*), grouping(status, city) FROM candidates GROUP BY CUBE (status, city)", "SELECT city, born, count(*) FROM candidates GROUP BY GROUPING SETS ((city), (born), ())", "SELECT approx_count_distinct(city), approx_count_distinct(name) FROM candidates",
        "SELECT min(salary), max(salary), sum(salary), avg(salary) FROM candidates", "SELECT min(name), max(name), min(city), max(city), max(length(name)) FROM candidates", "SELECT bool_and(salary > 0), bit_or(salary), bit_xor(salary) FROM candidates", "SELECT entropy(city), mode(city), kurtosis(salary), skewness(salary) FROM candidates",
        "SELECT corr(salary, born), regr_slope(salary, born), covar_pop(salary, born) FROM candidates", "SELECT approx_quantile(salary, 0.5), reservoir_quantile(salary, 0.5) IS NULL, mad(salary) FROM candidates", "SELECT product(salary / 70) FROM candidates", "SELECT first(name ORDER BY name), last(name ORDER BY name), any_value(status ORDER BY status) FROM candidates",
        "SELECT string_agg(name, ',' ORDER BY name) FROM candidates", "SELECT list(name ORDER BY name)[:5], list_sort(list(DISTINCT city)) FROM candidates", "SELECT max_by(name, (salary, name), 3), min(name, 3) FROM candidates", "SELECT approx_top_k(city, 3) FROM candidates WHERE city <> 'Boise'", "SELECT count(*) FROM candidates HAVING count(*) > 300",
        "SELECT count_if(status = 'blocked'), sum(CASE WHEN city LIKE 'Hidden%' THEN 1 ELSE 0 END) FROM candidates", "SELECT json_group_array(city ORDER BY name) FROM candidates WHERE salary = 66", "SELECT json_group_structure(json) FROM candidates", "SELECT bitstring_agg(salary) FROM candidates", "SELECT bitstring_agg(salary, 60, 90) FROM candidates",
        "SELECT count(*) FROM candidates, candidates d", "SELECT count(*) FROM profiles", "SELECT count(*), sum(len(tags)) FROM profiles", "SELECT count(*) FROM (SELECT unnest(tags) FROM profiles)", "SELECT histogram(city) FROM candidates", "SELECT equi_width_bins(min(salary), max(salary), 5, true) FROM candidates"],
    "joins": [
        "SELECT * FROM candidates NATURAL JOIN skills", "SELECT c.name, s.skill FROM candidates c LEFT JOIN skills s USING (name)", "SELECT c.name, s.skill FROM candidates c RIGHT JOIN skills s ON c.name = s.name", "SELECT c.name, s.skill FROM candidates c FULL JOIN skills s ON c.name = s.name AND c.salary > 70",
        "SELECT s.* FROM skills s ANTI JOIN candidates USING (name)", "SELECT s.* FROM skills s SEMI JOIN candidates USING (name)", "SELECT c.name, p.fee FROM candidates c ASOF JOIN placements p ON c.name >= p.name", "SELECT c.name, p.agency FROM candidates c ASOF LEFT JOIN placements p ON c.city = p.agency AND c.name >= p.name",
        "SELECT c.name, s.name FROM (FROM candidates ORDER BY name) c POSITIONAL JOIN (FROM skills ORDER BY ALL) s", "SELECT c.name, x.y FROM candidates c, LATERAL (SELECT count(*) AS y FROM skills WHERE skills.name = c.name) x", "SELECT c.name FROM candidates c JOIN skills s ON c.name < s.name AND c.salary = 66",
        "SELECT count(*) FROM candidates c JOIN candidates d ON c.salary < d.salary", "SELECT count(*) FROM candidates c JOIN candidates d ON c.name <> d.name", "SELECT count(*) FROM candidates c LEFT JOIN candidates d ON c.salary = -d.salary WHERE d.name IS NULL", "SELECT count(*) FROM candidates CROSS JOIN range(3)",
        "SELECT count(*) FROM skills s LEFT JOIN candidates c ON s.name = c.name AND c.status = 'blocked' WHERE c.name IS NOT NULL", "SELECT count(*) FROM candidates c IS DISTINCT FROM NULL" , "SELECT count(*) FROM candidates c JOIN profiles p USING (name) JOIN skills USING (name) JOIN placements USING (name)"],
    "nested, windows, recursion": [
        "SELECT name FROM candidates c WHERE salary > (SELECT avg(salary) FROM candidates d WHERE d.city = c.city)", "SELECT name, (SELECT count(*) FROM skills s WHERE s.name = c.name) FROM candidates c", "SELECT name FROM candidates WHERE name NOT IN (SELECT name FROM skills)", "SELECT name FROM skills WHERE name <> ALL (SELECT name FROM candidates)",
        "SELECT EXISTS (FROM candidates WHERE status = 'blocked'), EXISTS (FROM candidates WHERE salary < 0)", "SELECT (SELECT name FROM candidates ORDER BY salary, name LIMIT 1)", "SELECT (SELECT name FROM candidates)", "SELECT name FROM candidates WHERE (salary, city) IN (SELECT 66, 'Boise')",
        "SELECT name, row_number() OVER (ORDER BY name), rank() OVER (ORDER BY salary), ntile(4) OVER (ORDER BY name), percent_rank() OVER (ORDER BY name) FROM candidates", "SELECT name, lag(name) OVER (ORDER BY name), lead(name) OVER (ORDER BY name), first_value(name) OVER (ORDER BY name), nth_value(name, 2) OVER (ORDER BY name) FROM candidates",
        "SELECT name, sum(salary) OVER (PARTITION BY city ORDER BY name ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM candidates", "SELECT name, count(*) OVER (PARTITION BY status) FROM candidates", "SELECT count(*) OVER () FROM candidates", "SELECT name, avg(salary) OVER (ORDER BY salary RANGE BETWEEN 3 PRECEDING AND CURRENT ROW EXCLUDE TIES) FROM candidates",
        "SELECT name FROM candidates QUALIFY row_number() OVER (PARTITION BY city ORDER BY name DESC) <= 2", "SELECT name, max(salary) OVER w FROM candidates WINDOW w AS (PARTITION BY born ORDER BY name)", "SELECT quantile_cont(salary, 0.5) OVER (PARTITION BY city) FROM candidates", "SELECT name, cume_dist() OVER (ORDER BY name), dense_rank() OVER (ORDER BY city) FROM candidates",
        "WITH RECURSIVE r(n, s) AS (SELECT 1, 'n1' UNION ALL SELECT n + 1, c.name FROM r JOIN candidates c ON c.name = 'n' || (n + 1) WHERE n < 20) FROM r", "WITH RECURSIVE r(n, m) USING KEY (n) AS (SELECT name, salary FROM candidates WHERE salary = 66 UNION SELECT n, m + 1 FROM r WHERE m < 70) FROM r",
        "WITH a AS (FROM candidates WHERE salary > 70), b AS (SELECT city, count(*) AS k FROM a GROUP BY city) FROM b", "WITH a AS MATERIALIZED (FROM candidates) SELECT count(*) FROM a UNION ALL SELECT count(*) FROM a WHERE salary > 70"],
    "sets, order, limits": [
        "SELECT name FROM candidates UNION SELECT name FROM skills", "SELECT name FROM candidates INTERSECT ALL SELECT name FROM skills", "SELECT name FROM skills EXCEPT ALL SELECT name FROM candidates", "SELECT name, city FROM candidates UNION BY NAME SELECT skill, name FROM skills", "SELECT DISTINCT city, status FROM candidates",
        "SELECT DISTINCT ON (city) city, name FROM candidates ORDER BY city, name", "SELECT name FROM candidates ORDER BY ALL LIMIT 10", "SELECT name, salary FROM candidates ORDER BY salary DESC, name LIMIT 10 OFFSET 5", "SELECT name FROM candidates ORDER BY name LIMIT 10%", "SELECT name FROM candidates ORDER BY name LIMIT (SELECT count(*) / 100 FROM candidates)",
        "SELECT name FROM candidates ORDER BY name OFFSET 295", "SELECT name FROM candidates LIMIT 400", "SELECT name FROM candidates LIMIT 0", "SELECT name FROM candidates ORDER BY name NULLS FIRST FETCH FIRST 3 ROWS ONLY", "SELECT name FROM candidates LIMIT -1", "SELECT name FROM candidates ORDER BY name COLLATE NOCASE, salary DESC LIMIT 5",
        "SELECT name FROM candidates UNION SELECT 1 ORDER BY (SELECT 1)", "SELECT name FROM candidates ORDER BY 14", "SELECT name, count(*) FROM candidates"],
    "pivots": [
        "PIVOT candidates ON status USING count(*) GROUP BY city", "PIVOT candidates ON city USING sum(salary), count(*)", "PIVOT (SELECT city, status FROM candidates) ON city, status USING count(*)", "PIVOT candidates ON status IN ('active', 'blocked') USING count(*) GROUP BY city",
        "FROM candidates PIVOT (count(*) FOR city IN ('Austin', 'Hidden a 1'))", "FROM (SELECT name, salary, born FROM candidates) UNPIVOT (v FOR k IN (salary, born))", "UNPIVOT (SELECT name, city, status FROM candidates) ON city, status INTO NAME k VALUE v", "UNPIVOT candidates ON COLUMNS(* EXCLUDE (name, salary, score, born)) INTO NAME k VALUE v",
        "PIVOT candidates ON name USING count(*)", "PIVOT placements ON agency USING sum(fee)"],
    "stars and names": [
        "SELECT * EXCLUDE (id, email) FROM candidates", "SELECT * REPLACE (upper(city) AS city) FROM candidates", "SELECT * RENAME (city AS town) FROM candidates", "SELECT c.* EXCLUDE (json) FROM candidates c", "SELECT COLUMNS('^[a-c]') FROM candidates", "SELECT min(COLUMNS(* EXCLUDE (json))) FROM candidates", "SELECT COLUMNS(*)::VARCHAR FROM candidates",
        "SELECT count(COLUMNS(c.*)) FROM candidates c", "SELECT coalesce(*COLUMNS('^(phone|city)$')) FROM candidates", "SELECT (SELECT count(*) FROM candidates), 1 + (SELECT max(salary) FROM candidates)", "SELECT [(SELECT count(*) FROM candidates) FOR x IN [1]]", "SELECT *, (SELECT 1) FROM candidates", "SELECT COLUMNS(*) + (SELECT 1) FROM candidates",
        "SELECT name AS city, city AS name FROM candidates WHERE city = 'Austin'", "SELECT #1, #2 FROM candidates", "SELECT name n, n || 'x' FROM candidates"],
    "described": [
        "DESCRIBE candidates", "DESCRIBE SELECT * FROM candidates", "SUMMARIZE candidates", "SUMMARIZE SELECT salary, city FROM candidates", "SHOW candidates", "FROM (DESCRIBE candidates)", "FROM (SUMMARIZE placements)", "SHOW TABLES", "SHOW ALL TABLES", "SHOW TABLES FROM data", "SHOW TABLES FROM hr_a", "SHOW TABLES FROM hr_b",
        "SHOW DATABASES", "SHOW SCHEMAS", "DESCRIBE", "FROM information_schema.tables", "FROM information_schema.columns", "FROM information_schema.schemata", "SELECT count(*) FROM information_schema.columns WHERE column_name LIKE '%e%'", "FROM information_schema.views", "FROM information_schema.key_column_usage", "FROM pg_catalog.pg_tables",
        "FROM pg_tables", "FROM pg_class", "FROM duckdb_tables", "FROM duckdb_tables()", "FROM duckdb_columns()", "FROM duckdb_schemas()", "FROM sqlite_master", "FROM pragma_table_info('candidates')", "FROM pragma_storage_info('candidates')", "PRAGMA table_info('candidates')", "PRAGMA show_tables", "PRAGMA database_list", "SHOW VARIABLES",
        "EXPLAIN FROM candidates", "EXPLAIN ANALYZE FROM candidates", "EXPLAIN SELECT count(*) FROM placements", "EXPLAIN ANALYZE SELECT 1 WHERE EXISTS (FROM candidates)", "EXPLAIN (FORMAT JSON) FROM candidates", "EXPLAIN FROM skills", "EXPLAIN SELECT 1", "SELECT stats(city) FROM candidates", "SELECT current_query()", "SELECT current_user, current_schema()"],
    "samples": [
        "SELECT count(*) FROM candidates TABLESAMPLE 100%", "SELECT count(*) FROM candidates TABLESAMPLE system(100%)", "SELECT count(*) FROM candidates TABLESAMPLE reservoir(1000 ROWS)", "SELECT count(*) FROM candidates USING SAMPLE 1000 ROWS", "SELECT count(*) FROM (FROM candidates USING SAMPLE 50 ROWS)",
        "SELECT count(*) BETWEEN 1 AND 299 FROM candidates TABLESAMPLE 50%", "FROM candidates TABLESAMPLE reservoir(5 ROWS) REPEATABLE (7)", "FROM candidates USING SAMPLE 10% (bernoulli, 3)", "SELECT count(*) FROM candidates USING SAMPLE 10% (system, 3)", "SELECT count(*) FROM (FROM candidates) TABLESAMPLE 100%", "SELECT count(*) FROM candidates TABLESAMPLE 0%",
        "SELECT count(*) FROM placements TABLESAMPLE reservoir(20 ROWS) REPEATABLE (7)"],
    "time travel": ["FROM candidates AT (VERSION => 1)", "FROM candidates AT (VERSION => -1)", "SELECT count(*) FROM candidates AT (TIMESTAMP => '2999-01-01'::TIMESTAMP)", "FROM candidates AT (TIMESTAMP => '1999-01-01'::TIMESTAMP)", "FROM candidates AT (TIMESTAMP => now())", "FROM candidates AT (TIMESTAMP => (SELECT max(day)::TIMESTAMP FROM candidates))",
        "FROM candidates AT (VERSION => (SELECT 1))", "FROM candidates AT (TIMESTAMP => '1999-01-01'::TIMESTAMP - INTERVAL 1 DAY)", "FROM candidates AT (BRANCH => 'main')"],
    "table functions": ["SELECT c.name, x.value FROM candidates c, json_each(c.json) x", "SELECT c.name, x FROM candidates c, unnest([c.salary, c.born]) u(x)", "SELECT c.name, g FROM candidates c, range(c.salary - 64) r(g)", "SELECT count(*) FROM candidates c, generate_series(1, c.salary)", "SELECT c.name, x.fullkey FROM candidates c, json_tree(c.json) x",
        "SELECT name, unnest(string_split(day, '-')) FROM candidates", "FROM query('FROM payroll')", "FROM query_table('candidates')", "FROM read_csv('x.csv')", "FROM glob('*')", "FROM repeat('x', 3)", "FROM iceberg_scan('candidates')", "FROM iceberg_snapshots('data.candidates')", "FROM iceberg_metadata(candidates)", "FROM parquet_metadata('x')",
        "SELECT unnest(generate_series(1, 3))", "FROM histogram('candidates', 'salary')", "FROM json_execute_serialized_sql(json_serialize_sql('FROM payroll'))", "SELECT json_serialize_plan('FROM candidates')", "SELECT getenv('HOME')", "SELECT current_setting('threads')", "SELECT nextval('x')"],
    "values of visible rows that raise": ["SELECT count(*) FROM candidates WHERE name = 'n1' AND error('x') IS NULL", "SELECT count(*) FROM candidates WHERE name = 'none' AND error('x') IS NULL", "SELECT error('x') FROM candidates WHERE status = 'blocked'", "SELECT 'x'::INTEGER FROM candidates WHERE salary < 0", "SELECT name::INTEGER FROM candidates WHERE name = 'n1'", "SELECT error('x' || name) FROM candidates WHERE name = 'n3'", "SELECT chr(salary::INTEGER - 100) FROM candidates WHERE name = 'n4'", "SELECT sqrt(salary - 100) FROM candidates WHERE name = 'n4'", "SELECT 9223372036854775807 + salary FROM candidates WHERE name = 'n4'",
        "SELECT email::INTEGER FROM candidates ORDER BY email LIMIT 1", "SELECT max(id)::INTEGER FROM candidates", "SELECT sum(9223372036854775807) FROM candidates", "SELECT json::INTEGER FROM candidates WHERE name = 'n5'", "SELECT 1 / 0, 5 % 0, [1][9], 1 // 0", "SELECT (SELECT name FROM candidates WHERE salary = 66)"],
    "not SQL, or too much of it": ["SELECT", "SELECT * FORM candidates", "SELECT * FROM candidates WHERE", "SELECT nam FROM candidates", "SELECT nope(name) FROM candidates", "SELECT lh_0_hash(name) FROM candidates", "SELECT lh_keep(name) FROM candidates", "SELECT lower(name, 1) FROM candidates", "SELECT name + 1 FROM candidates WHERE name = 'n1'",
        "SELECT sum(name) FROM candidates", "SELECT name FROM candidates GROUP BY city", "SELECT * FROM candidates, candidates", "SELECT name FROM candidates c, skills s", "SELECT CAST(name AS NOPE) FROM candidates", "SELECT ?", "SELECT $x", "SELECT 1; SELECT 2", "SELECT '\\u0000'", "COPY candidates TO 'x.csv'", "ATTACH 'x.db'", "SET threads = 1",
        "PREPARE p AS FROM candidates", "EXECUTE p", "CALL pragma_version()", "INSTALL json", "LOAD json", "CHECKPOINT", "VACUUM", "ANALYZE candidates", "EXPORT DATABASE 'x'", "USE data", "BEGIN", "BEGIN; SELECT count(*) FROM candidates; COMMIT", "CREATE VIEW v AS FROM candidates", "CREATE MACRO m() AS TABLE FROM candidates",
        "CREATE TEMP TABLE t AS FROM candidates", "CREATE TYPE t AS ENUM (SELECT city FROM candidates)", "CREATE INDEX i ON candidates (name)", "COMMENT ON TABLE candidates IS 'x'", "WITH " + ", ".join(f"c{i} AS (SELECT {i} AS x)" for i in range(200)) + " SELECT count(*) FROM c0, c199"],
    "what it may not write": ["INSERT INTO candidates (name) VALUES ('x')", "INSERT INTO candidates BY NAME SELECT 'x' AS secret", "INSERT INTO candidates (secre) VALUES ('x')", "INSERT INTO payroll VALUES (1, 2)", "INSERT INTO bonuses VALUES (1, 2)", "INSERT INTO nothing VALUES (1, 2)", "INSERT INTO hr_a.staff VALUES (1)", "UPDATE candidates SET name = 'x'",
        "UPDATE candidates SET secret = 'x' WHERE level > 3", "DELETE FROM candidates WHERE secret LIKE 's%'", "DELETE FROM payroll", "DELETE FROM bonuses", "TRUNCATE payroll", "TRUNCATE candidates", "DROP TABLE payroll", "DROP TABLE bonuses", "DROP TABLE nothing", "DROP TABLE IF EXISTS payroll", "DROP TABLE IF EXISTS bonuses", "DROP SCHEMA hr_a", "DROP SCHEMA hr_b",
        "DROP SCHEMA IF EXISTS hr_a CASCADE", "CREATE TABLE payroll AS FROM candidates", "CREATE TABLE bonuses (i INTEGER)", "CREATE TABLE IF NOT EXISTS payroll (i INTEGER)", "CREATE TABLE other AS FROM candidates", "CREATE SCHEMA hr_a", "CREATE SCHEMA IF NOT EXISTS hr_b", "ALTER TABLE candidates DROP COLUMN secret", "ALTER TABLE candidates ADD COLUMN secret INTEGER",
        "ALTER TABLE payroll RENAME TO x", "ALTER TABLE notes RENAME TO payroll", "MERGE INTO candidates t USING (SELECT 'n1' AS name) s ON t.name = s.name WHEN MATCHED THEN DELETE", "INSERT INTO notes FROM payroll", "INSERT INTO notes (id) SELECT id FROM bonuses", "UPDATE notes SET text = (SELECT max(secret) FROM candidates)", "DELETE FROM notes USING payroll WHERE true",
        "INSERT INTO skills VALUES ('a', 'b')", "INSERT INTO placements (name) VALUES ('x')", "CREATE OR REPLACE TABLE candidates AS SELECT 1", "CREATE TABLE skills AS FROM candidates"],
}


@pytest.mark.parametrize("group", STATEMENTS)
def test_statements(twins, agent, group):
    for sql in STATEMENTS[group][::EACH]:
        told_nothing(both(twins, agent, sql), sql)


# Statements that change what the principal owns, and what is in there then.
WRITES = ["INSERT INTO notes SELECT salary, name FROM candidates", "UPDATE notes SET text = c.city FROM candidates c WHERE c.name = notes.text AND c.status <> 'new'", "DELETE FROM notes USING candidates c WHERE c.city = notes.text AND chr(c.salary::INTEGER) = 'A'",
          "DELETE FROM notes WHERE id IN (SELECT salary FROM candidates WHERE number::INTEGER > 500)", "CREATE TABLE copies AS SELECT * FROM candidates", "INSERT INTO copies SELECT * FROM candidates WHERE number::INTEGER < 100", "INSERT INTO copies BY NAME SELECT name, city FROM candidates WHERE json_extract(json, '$.k')::INTEGER < 9",
          "MERGE INTO notes USING (SELECT salary AS id, min(name) AS text FROM candidates GROUP BY ALL) s ON notes.id = s.id WHEN MATCHED THEN UPDATE SET text = s.text WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.text)", "BEGIN; DELETE FROM notes; INSERT INTO notes SELECT count(*), 'n' FROM candidates; COMMIT",
          "INSERT INTO notes SELECT salary::UTINYINT, error(name) FROM candidates", "DROP TABLE copies"]


def test_writes(twins, agent):
    for sql in WRITES:
        told_nothing(both(twins, agent, sql), sql)
        both(twins, agent, "FROM notes")
        both(twins, agent, "FROM copies")
        both(twins, agent, "SELECT table_name, column_name, data_type FROM information_schema.columns")


ASKED = ["FROM candidates ORDER BY name", "SELECT city, count(*) FROM candidates GROUP BY city ORDER BY city", "SELECT name, tags, attrs, scores, deep FROM profiles ORDER BY name", "SELECT name, number::INTEGER FROM candidates ORDER BY name", "SELECT secret FROM candidates", "FROM payroll", "SELECT 'ü', NULL, 1.5", "SELECT name, TRY_CAST(name AS INTEGER), phone FROM candidates"]


@pytest.mark.parametrize("format", ["json", "csv", "ndjson", "arrow"])
def test_formats(twins, agent, format):
    for sql in ASKED:
        both(twins, agent, sql, sort=False, format=format)
        both(twins, agent, sql, sort=False, format=format, limit=7)


def test_parameters_and_bodies(twins, agent):
    for params in ([66], ["66"], ["x"], [None], [2**70], [], [1, 2], {"p": 1}, [[1]], [{"a": 1}]):
        for sql in ("SELECT name FROM candidates WHERE salary = ?", "SELECT name FROM candidates WHERE chr(salary::INTEGER) = ?", "SELECT name FROM candidates WHERE number::INTEGER = $1", "SELECT count(*) FROM candidates LIMIT ?", "SELECT $p, count(*) FROM candidates WHERE city <> $p"):
            both(twins, agent, sql, params=params)
    for body in ({}, {"sql": 1}, {"sql": ""}, {"sql": "FROM candidates", "rows": "objects"}, {"sql": "FROM payroll", "x": 1}, {"sql": "FROM candidates", "limit": -1}, {"sql": "FROM payroll", "limit": 1}, {"sql": "FROM candidates", "format": "xml"}, [], "x"):
        answers = [told(send(twin, twin.agents[agent], "POST", "/query/sql", json=body), True) for twin in twins]
        assert answers[0] == answers[1], body


# ---- what shows how rows lie ----

def test_a_name_of_with_is_no_table(twins, agent):
    """The text's scanner knows 256 of them."""
    both(twins, agent, "WITH " + ", ".join(f"c{i} AS (SELECT {i} AS x)" for i in range(257)) + ", payroll AS (SELECT 1 AS x) SELECT * FROM payroll")


def test_batches_of_arrow_are_cut_alike(twins, agent):
    """A chunk of DuckDB's is what is left of a vector of 2,048 rows: its size would count the hidden ones between."""
    for sql in ("SELECT name FROM candidates", "FROM profiles", "SELECT c.name FROM candidates c, range(20)", "FROM candidates LIMIT 250", "SELECT name FROM candidates WHERE salary > 70"):
        batches = []
        for twin in twins:
            answer = send(twin, twin.agents[agent], "POST", "/query/sql", json={"sql": sql, "format": "arrow"})
            batches.append([batch.num_rows for batch in pyarrow.ipc.open_stream(answer.content)])
        assert batches[0] == batches[1], sql


def test_nothing_lies_under_null(twins, agent):
    for sql in ("SELECT NULL AS x FROM range(3)", "SELECT CASE WHEN salary > 70 THEN salary END AS x FROM candidates", "SELECT TRY_CAST(name AS INTEGER) AS x FROM candidates", "SELECT phone IS NULL AND NULL AS x, {'a': TRY_CAST(name AS DOUBLE)} AS y FROM candidates"):
        for _ in range(4):
            table = pyarrow.ipc.open_stream(send(twins[0], twins[0].agents[agent], "POST", "/query/sql", json={"sql": sql, "format": "arrow"}).content).read_all()
            for batch in table.to_batches():
                for array in batch.columns:
                    array = array.field(0) if pyarrow.types.is_struct(array.type) else array
                    if array.null_count and not pyarrow.types.is_boolean(array.type) and array.buffers()[1]:
                        width = array.type.bit_width // 8
                        held = array.buffers()[1].to_pybytes()
                        assert all(held[i * width:(i + 1) * width] == bytes(width) for i in range(len(array)) if not array[i].is_valid), sql


# ---- every route, asked for what is there and for what is not ----

def requests_of(document, twin):
    """Every route of the document, with names of both lakes in the places of its parameters."""
    names = ["candidates", "placements", "skills", "notes", "payroll", "bonuses", "nothing", "data.candidates", "data.payroll", "hr_a.staff"]
    keys = ["", "data/", "data/candidates/", "data/payroll/metadata/v1.metadata.json", "_catalog/secret/mask_key", "_catalog/", "%2e%2e/x", "hr_b/staff/data/x.parquet"]
    for path, methods in document["paths"].items():
        for method in methods:
            for name in names:
                filled = path
                for parameter in re.findall(r"\{([^}]*)\}", path):
                    value = "data" if parameter == "namespace" else "default" if parameter == "bucket" else name
                    filled = filled.replace("{" + parameter + "}", value)
                for key in keys if "{key" in path else [None]:
                    yield method.upper(), re.sub(r"\{key[^}]*\}", key, path).replace("{bucket}", "default") if key is not None else filled
                if "{" not in path or "{key" in path:
                    break


def test_requests(twins, agent):
    document = twins[0].session.get(twins[0].server.url + "/openapi.json").json()
    asked = sorted(set(requests_of(document, twins[0])))
    asked += [("GET", path) for path in ("/catalog/search?q=payroll", "/catalog/search?q=secret", "/catalog/search?q=", "/datasets?prefix=pay", "/datasets?limit=1", "/storage/objects?prefix=data/", "/storage/objects?prefix=data/payroll/", "/iceberg/v1/namespaces/hr_a/tables",
                                         "/iceberg/v1/namespaces/hr_b", "/iceberg/v1/namespaces/data%1Fx/tables", "/iceberg/v1/namespaces/data/tables/candidates?snapshots=all", "/access/me", "/nothing", "/datasets/by-name/" + "x" * 300, "/catalog/lineage/candidates?depth=9")]
    assert len(asked) > 150
    listed = send(twins[0], twins[0].agents[agent], "GET", "/datasets?limit=1000").json()["items"]
    whole = tuple(f"/{kind}/{item['name']}" for item in listed if not item.get("limited") for kind in ("tables", "by-name"))
    for method, path in asked:
        if (method, path.split("?")[0]) in (("POST", "/query/sql"), ("GET", "/metrics")) or method == "DELETE" and "notes" in path:
            continue
        if method in ("GET", "HEAD") and path.split("?")[0].endswith(whole):
            continue  # of what is seen whole the ids, places and sizes are told
        for body in (None, b"{}", b"{", b'{"name": "payroll", "dataset": "payroll"}') if method in ("POST", "PUT", "PATCH") else (None,):
            answers = [told(send(twin, twin.agents[agent], method, path, data=body, headers={"Content-Type": "application/json"} if body else {}), False) for twin in twins]
            assert answers[0] == answers[1], (method, path, body)


def files(twin):
    return [str(path.relative_to(twin.server.root)) for path in twin.server.root.rglob("*") if path.is_file() and ".tmp" not in path.parts]


def test_no_object_of_the_store_is_to_be_had(twins, agent):
    for twin in twins:
        for path in files(twin):
            for method in ("GET", "HEAD"):
                answer = send(twin, twin.agents[agent], method, "/storage/objects/" + requests.utils.quote(path))
                nothing = send(twin, twin.agents[agent], method, "/storage/objects/" + requests.utils.quote("x" + path))
                assert answer.status_code == nothing.status_code == 403, path
                assert plain(answer.text).replace(path, "x" + path) == plain(nothing.text), path


# ---- the hot cache ----

def test_with_the_hot_cache(twins, agent):
    for twin in twins:
        for table in ("candidates", "profiles"):
            twin.call("POST", "/query/cache/pin", 200, {"dataset": table, "wait": True})
        before = twin.call("GET", "/query/cache/stats", 200)["hits"]
        twin.rows("SELECT count(*) FROM candidates", twin.agents[agent])
        assert twin.call("GET", "/query/cache/stats", 200)["hits"] == before + 1
    for group in ("masks", "counts", "joins", "nested, windows, recursion", "pivots", "samples", "described", "values of visible rows that raise", "columns that are hidden"):
        for sql in STATEMENTS[group][::2 * EACH]:
            told_nothing(both(twins, agent, sql), sql)
    for i, sql in enumerate(raising()):
        if i % (4 * EACH) == 1:
            told_nothing(both(twins, agent, sql), sql)
    for twin in twins:
        twin.call("POST", "/query/cache/evict", 200, {"all": True})

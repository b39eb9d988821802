"""Functions of which one call could hold a core for minutes, or take gigabytes, have bounds (engine/bounds_shim.h)."""
import pytest

from harness import Server

TOO_MUCH = [
    "levenshtein(repeat('a', 150000 + range::INT), repeat('b', 150000))",
    "levenshtein(repeat('a', 150000), repeat('b', 150000))",
    "editdist3(repeat('a', 5000), repeat('b', 5000))",
    "damerau_levenshtein(repeat('a', 12000), repeat('b', 12000))",
    "jaro_similarity(repeat('ab', 200000), repeat('ba', 200000))",
    "jaro_winkler_similarity(repeat('ab', 200000), repeat('ba', 200000))",
    "list_transform([1], x -> levenshtein(repeat('a', 99999), repeat('b', 99999)))",
    "repeat('a', 1000000000)", "repeat([1, 2], 100000000)", "repeat('\\x01'::BLOB, 1000000000)", "lpad('a', 1000000000, 'x')", "rpad('a', 1000000000, 'x')", "bitstring('1', 2000000000)",
    "list_reduce(range(range + 3000000), (a, b) -> a + b)", "generate_series(1, 100000000)", "range(0, -100000000, -1)",
    "range(TIMESTAMP '1000-01-01', TIMESTAMP '3000-01-01', INTERVAL 1 second)", "list_resize([1], 100000000)", "array_resize([1], 100000000, 7)",
]
AS_BEFORE = [
    ("levenshtein('kitten', 'sitting')", 3), ("damerau_levenshtein('ab', 'ba')", 1), ("jaro_similarity('ab', 'ab')", 1.0), ("levenshtein(NULL, 'a')", None), ("length(repeat('ab', 1000000))", 2000000), ("repeat('ab', -1)", ""),
    ("lpad('x', 4, 'ab')", "abax"), ("rpad('x', 4, 'ab')", "xaba"), ("bitstring('1', 8)::VARCHAR", "00000001"), ("len(range(1000000))", 1000000), ("range(0)", []), ("range(3, 0, -1)", [3, 2, 1]), ("generate_series(1, 3)", [1, 2, 3]),
    ("len(generate_series(TIMESTAMP '2024-01-01', TIMESTAMP '2024-01-02', INTERVAL 1 hour))", 25), ("list_resize([1], 3)", [1, None, None]), ("list_resize([1], NULL)", []),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("bounds") / "lake")
    yield server
    server.stop()


@pytest.mark.parametrize("call", TOO_MUCH)
def test_what_is_too_much_is_refused(server, call):
    answer = server.query(f"SELECT {call} FROM range(1)", timeout_ms=20000)
    assert answer.status_code == 400 and " at most " in answer.json()["error"]["message"], answer.text


@pytest.mark.parametrize("call,value", AS_BEFORE)
def test_what_is_not_is_as_it_was(server, call, value):
    assert server.sql(f"SELECT {call}") == [[value]]


def test_from_takes_any_number(server):
    assert server.sql("SELECT count(*) FROM range(3000000)") == [[3000000]]


def test_many_rows_are_computed_one_by_one_and_end_with_their_time(server):
    rows = "SELECT repeat('a', 1900 + i % 3) AS a, repeat('b', 1900 + i % 5) AS b, i FROM range(40) r(i)"
    assert server.sql(f"SELECT count(*), sum(levenshtein(a, b)) = sum(greatest(length(a), length(b))) FROM ({rows})") == [[40, True]]
    assert server.sql(f"SELECT count(levenshtein(CASE WHEN i % 2 = 0 THEN a END, b)) FROM ({rows})") == [[20]]
    answer = server.query("SELECT sum(levenshtein(repeat('a', 3900 + i % 3), repeat('b', 3900))) FROM range(1000000) r(i)", timeout_ms=300)  # hours
    assert answer.status_code == 504

"""`lakehouse tables` says what it did, and why it did nothing."""
from commands import lakehouse


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

"""The commands as a person and a script use them: the real binary against a real server."""
import json
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from commands import lakehouse
from harness import BINARY, SANITIZED, free_port


def test_a_command_or_flag_that_is_misspelt_names_the_nearest():
    done = lakehouse("srve", check=False)
    assert done.returncode == 2 and "did you mean `lakehouse serve`" in done.stderr
    done = lakehouse("serve", "--rot", "x", check=False)
    assert done.returncode == 2 and "did you mean --root" in done.stderr
    for command in ["serve", "sql", "ingest", "datasets", "doctor", "config", "openapi", "version", "help"]:
        assert "Usage: lakehouse " + command in lakehouse(command, "--help").stdout
    assert re.fullmatch(r"lakehouse \d+\.\d+\.\d+\n", lakehouse("version").stdout)
    assert "serve" in lakehouse().stdout


def test_config_check_names_file_line_and_cure(tmp_path):
    (tmp_path / "lakehouse.toml").write_text("[server]\n\nlissten = \"127.0.0.1:0\"\n")
    done = lakehouse("config", "check", cwd=tmp_path, check=False)
    assert done.returncode == 1 and "lakehouse.toml:3: unknown setting server.lissten; did you mean server.listen?" in done.stderr
    (tmp_path / "lakehouse.toml").write_text("[auth]\nadmin_key = \"do-not-tell\"\n[engine]\nthreads = 3\n")
    shown = lakehouse("config", "show", cwd=tmp_path, env={"LAKEHOUSE__ENGINE__THREADS": "4"}).stdout
    assert "do-not-tell" not in shown and 'admin_key = "***"' in shown and "threads = 4" in shown
    assert "threads = 5" in lakehouse("config", "show", "--set", "engine.threads=5", cwd=tmp_path).stdout
    done = lakehouse("serve", cwd=tmp_path, env={"LAKEHOUSE__SERVER__LISTN": "x"}, check=False)
    assert done.returncode == 1 and "did you mean LAKEHOUSE__SERVER__LISTEN?" in done.stderr


def test_start_errors_are_one_readable_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        done = lakehouse("serve", "--root", tmp_path / "r", "--listen", address, check=False)
        assert done.returncode == 1 and address in done.stderr and done.stdout == "" and len(done.stderr.splitlines()) == 1
    (tmp_path / "file").write_text("")
    done = lakehouse("serve", "--root", tmp_path / "file", "--listen", "127.0.0.1:0", check=False)
    assert done.returncode == 1 and str(tmp_path / "file") in done.stderr
    done = lakehouse("serve", "--root", tmp_path / "r", "--listen", "0.0.0.0:0", "--set", "auth.mode=off", check=False)
    assert done.returncode == 1 and "auth.mode" in done.stderr
    done = lakehouse("serve", "--root", tmp_path / "r", "--set", "engine.extension_dir=/nowhere", "--listen", "127.0.0.1:0", check=False)
    assert done.returncode == 1 and "/nowhere" in done.stderr


def test_an_extension_that_is_not_the_built_one_is_not_loaded(tmp_path):
    extensions = tmp_path / "extensions"
    extensions.mkdir()
    for file in (BINARY.parent / "extensions").iterdir():
        (extensions / file.name).symlink_to(file)
    flags = ["--root", tmp_path / "r", "--set", f"engine.extension_dir={extensions}", "-c", "SELECT 1"]
    assert lakehouse("sql", *flags).returncode == 0
    changed = extensions / "json.duckdb_extension"
    original = changed.read_bytes()
    changed.unlink()
    changed.write_bytes(original[:-300] + bytes([original[-300] ^ 1]) + original[-299:])
    done = lakehouse("sql", *flags, check=False)
    assert done.returncode == 1 and str(changed) in done.stderr and "SHA-256" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_drains_and_exits_0_and_leaves_no_scratch(fresh, number):
    server = fresh()
    (announced,) = (server.root / ".scratch").glob("server-*.json")
    assert json.loads(announced.read_text())["url"] == server.url
    server.process.send_signal(number)
    assert server.process.wait(300) == 0
    assert not announced.exists()
    assert not list((server.root / ".scratch").glob("run-*"))


def test_scratch_of_a_killed_server_is_removed_by_the_next(fresh, tmp_path):
    server = fresh(root=tmp_path / "killed")
    server.kill()
    left = list((server.root / ".scratch").glob("run-*"))
    assert left
    again = fresh(root=tmp_path / "killed")
    assert not any(folder.exists() for folder in left)
    again.stop()


def test_sql_prints_tables_and_every_format(server):
    url = ["--url", server.url]
    out = lakehouse("sql", *url, "-c", "SELECT 1 AS one, 'é日' AS t, NULL AS n, [1,2] AS l").stdout.splitlines()
    assert out[0] == " one │ t   │    n │ l" and out[2] == "   1 │ é日 │ NULL │ [1,2]"
    assert re.fullmatch(r"\(1 row in [\d.]+ ms\)", out[3])
    body = json.loads(lakehouse("sql", *url, "--format", "json", "-c", "SELECT 1 AS one").stdout)
    assert body["rows"] == [[1]] and body["columns"][0]["name"] == "one"
    assert [json.loads(l) for l in lakehouse("sql", *url, "--format", "ndjson", "-c", "SELECT i FROM range(3) r(i)").stdout.split()] == [
        {"i": 0}, {"i": 1}, {"i": 2}]
    assert lakehouse("sql", *url, "--format", "csv", "-c", "SELECT 1 AS a, 'x,y' AS b").stdout.split() == ["a,b", '1,"x,y"']
    assert lakehouse("sql", *url, "-x", "-c", "SELECT 1 AS one, 2 AS second").stdout.startswith("- row 1\n  one     1\n  second  2\n")
    assert "│" not in lakehouse("sql", *url, "-c", "SELECT 1 AS a, 2 AS b", env={"LC_ALL": "C"}).stdout


def test_sql_arrow_is_a_stream_that_arrow_reads(server):
    import pyarrow.ipc

    raw = subprocess.run([str(BINARY), "sql", "--url", server.url, "--format", "arrow", "-c", "SELECT i FROM range(1000) r(i)"], capture_output=True)
    assert raw.returncode == 0 and pyarrow.ipc.open_stream(raw.stdout).read_all().num_rows == 1000


def test_sql_limits_a_table_and_says_so(server):
    out = lakehouse("sql", "--url", server.url, "-c", "FROM range(20000)").stdout.splitlines()
    assert len(out) == 2 + 10000 + 1 and "first 10000 rows" in out[-1]
    out = lakehouse("sql", "--url", server.url, "--limit", "3", "-c", "FROM range(20000)").stdout.splitlines()
    assert len(out) == 2 + 3 + 1
    assert len(lakehouse("sql", "--url", server.url, "--format", "csv", "-c", "FROM range(20000)").stdout.split()) == 20001


def test_sql_control_characters_are_shown_not_obeyed(server):
    out = lakehouse("sql", "--url", server.url, "-c", "SELECT chr(27) || '[2J' || chr(10) AS a").stdout
    assert "\x1b" not in out and "\\x1B[2J\\n" in out


def test_sql_scripts_stop_at_the_first_error(server, tmp_path):
    (tmp_path / "s.sql").write_text("CREATE TABLE cli_script AS SELECT 1 AS i;\n-- a ; in a comment\nINSERT INTO cli_script VALUES (2);\n"
                                    "SELECT no_such FROM cli_script;\nINSERT INTO cli_script VALUES (3);\n")
    done = lakehouse("sql", "--url", server.url, "s.sql", cwd=tmp_path, check=False)
    assert done.returncode == 1 and "no_such" in done.stderr
    assert server.sql("SELECT count(*) FROM cli_script") == [[2]]
    done = lakehouse("sql", "--url", server.url, stdin="BEGIN; INSERT INTO cli_script VALUES (4); ROLLBACK;\nSELECT count(*) AS c FROM cli_script")
    assert done.stdout.splitlines()[-2].strip() == "2"
    assert lakehouse("sql", "--url", server.url, "missing.sql", cwd=tmp_path, check=False).returncode == 1


def test_without_a_server_the_answer_says_what_to_do(tmp_path):
    done = lakehouse("sql", "--set", f"server.listen=127.0.0.1:{free_port()}", "-c", "SELECT 1", cwd=tmp_path, check=False)
    assert done.returncode == 1 and "lakehouse serve" in done.stderr and "--root" in done.stderr


def test_root_finds_the_running_server_or_opens_the_lake_itself(fresh, tmp_path):
    server = fresh(root=tmp_path / "lake")
    lakehouse("sql", "--root", server.root, "-c", "CREATE TABLE kept AS SELECT 7 AS i")
    assert server.sql("FROM kept") == [[7]]
    server.stop()
    done = lakehouse("sql", "--root", "lake", "--format", "csv", "-c", "FROM kept", cwd=tmp_path)
    assert done.stdout.split() == ["i", "7"] and "opening the lake here" in done.stderr
    (tmp_path / "more.csv").write_text("i\n8\n")
    done = lakehouse("ingest", "more.csv", "--root", "lake", "--dataset", "kept", "--mode", "append", cwd=tmp_path)
    done = lakehouse("sql", "--root", "lake", "--format", "csv", "-c", "SELECT sum(i) AS s FROM kept", cwd=tmp_path,
                     env={"LAKEHOUSE__AUTH__MODE": "keys"})
    assert done.stdout.split() == ["s", "15"]


def test_keys_are_sent(fresh):
    server = fresh(env={"LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": "k" * 40})
    done = lakehouse("sql", "--url", server.url, "-c", "SELECT 1", check=False)
    assert done.returncode == 1
    lakehouse("sql", "--url", server.url, "-c", "SELECT 1", env={"LAKEHOUSE_API_KEY": "k" * 40})
    lakehouse("sql", "--url", server.url, "--api-key", "k" * 40, "-c", "SELECT 1")


def test_https_with_a_certificate_of_our_own(fresh, tmp_path):
    pem, key = tmp_path / "c.pem", tmp_path / "k.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=lake",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(pem)], check=True, capture_output=True)
    server = fresh("--set", f"server.tls_certificate={pem}", "--set", f"server.tls_key={key}")
    assert server.url.startswith("https://")
    assert lakehouse("sql", "--url", server.url, "-c", "SELECT 1", check=False).returncode == 1
    assert "42" in lakehouse("sql", "--url", server.url, "--ca-file", pem, "-c", "SELECT 42 AS a").stdout
    assert "42" in lakehouse("sql", "--root", server.root, "-c", "SELECT 42 AS a", env={"LAKEHOUSE_CA_FILE": str(pem)}).stdout
    assert "FAIL" not in lakehouse("doctor", "--url", server.url, "--root", server.root, "--ca-file", pem).stdout


def test_ingest_loads_files_and_tells(server, tmp_path):
    (tmp_path / "My Sales-2025.csv").write_text("id,amount\n1,2.5\n2,3.5\n")
    done = lakehouse("ingest", "My Sales-2025.csv", "--url", server.url, cwd=tmp_path)
    assert "my_sales_2025: 2 rows, 2 columns" in done.stdout and "rows/s" in done.stdout
    assert done.stderr == ""  # no bar where no terminal is
    assert server.sql("SELECT sum(amount) FROM my_sales_2025") == [["6.0"]] or float(server.sql("SELECT sum(amount) FROM my_sales_2025")[0][0]) == 6
    done = lakehouse("ingest", "My Sales-2025.csv", "--url", server.url, "--mode", "append", "--quiet", cwd=tmp_path)
    assert "already" in done.stdout and done.stderr == ""
    done = lakehouse("ingest", "My Sales-2025.csv", "--url", server.url, cwd=tmp_path, check=False)
    assert done.returncode == 1 or "already" in done.stdout


def test_ingest_of_several_files_appends_the_further_ones(server, tmp_path):
    for i in range(3):
        (tmp_path / f"day{i}.csv").write_text(f"day,n\n{i},{i * 10}\n")
    lakehouse("ingest", "day0.csv", "day1.csv", "day2.csv", "-d", "cli_days", "--url", server.url, cwd=tmp_path)
    assert server.sql("SELECT count(*), sum(n) FROM cli_days")[0][0] == 3


def test_ingest_options_reach_the_reader(server, tmp_path):
    (tmp_path / "o.csv").write_text("a;b\nNA;007\n1;008\n")
    lakehouse("ingest", "o.csv", "--url", server.url, "-d", "cli_options", "-o", "delimiter=;", "-o", "null=NA", "-o",
              'columns={"a":"BIGINT","b":"VARCHAR"}', cwd=tmp_path)
    assert server.sql("SELECT a, b FROM cli_options ORDER BY b") == [[None, "007"], [1, "008"]]
    done = lakehouse("ingest", "o.csv", "--url", server.url, "-o", "no-value", cwd=tmp_path, check=False)
    assert done.returncode == 1 and "name=value" in done.stderr


def test_ingest_errors_name_the_file_and_exit_1(server, tmp_path):
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n3\n")
    done = lakehouse("ingest", "bad.csv", "--url", server.url, "-d", "cli_bad", cwd=tmp_path, check=False)
    assert done.returncode == 1 and "bad.csv: " in done.stderr
    assert lakehouse("ingest", "missing.csv", "--url", server.url, cwd=tmp_path, check=False).returncode == 1
    assert lakehouse("ingest", ".", "--url", server.url, cwd=tmp_path, check=False).returncode == 1
    assert lakehouse("ingest", "--url", server.url, check=False).returncode == 2


def test_ingest_of_a_file_larger_than_they_may_grow_keeps_client_and_server_small(server, tmp_path):
    grows = 128e6 + 64e6 * os.cpu_count()  # the engine works on a part of the file in each of its threads
    line = "1234567," + "some text that makes the line longer; " * 2 + ",3.25\n"
    lines = 10_000
    blocks = 20 if SANITIZED else int(1.1 * grows / (lines * len(line)))
    with open(tmp_path / "large.csv", "w") as file:
        file.write("a,b,c\n")
        for _ in range(blocks):
            file.write(line * lines)
    server.sql("SELECT 1")
    server.forget_peak()
    before = server.rss_bytes()
    process = subprocess.Popen([str(BINARY), "ingest", str(tmp_path / "large.csv"), "--url", server.url, "-d", "cli_large", "--quiet"],
                               stdout=subprocess.PIPE, text=True)
    peak = 0
    while process.poll() is None:
        try:
            peak = max([peak] + [int(l.split()[1]) * 1024 for l in open(f"/proc/{process.pid}/status") if l.startswith("VmHWM")])
        except OSError:
            pass
        time.sleep(0.005)
    assert process.returncode == 0 and f"{lines * blocks} rows" in process.stdout.read()
    if not SANITIZED:
        assert (tmp_path / "large.csv").stat().st_size > grows
        assert 0 < peak < 64e6
        assert server.peak_bytes() - before < grows, f"{(server.peak_bytes() - before) >> 20} MiB more"


def test_datasets_lists_shows_and_drops(server, tmp_path):
    lakehouse("sql", "--url", server.url, "-c", "CREATE TABLE cli_listed AS SELECT i, 'x' AS s FROM range(5) r(i)")
    out = lakehouse("datasets", "--url", server.url).stdout
    assert re.search(r"data\.cli_listed +│ +5 │", out)
    assert "cli_listed" in lakehouse("datasets", "list", "listed", "--url", server.url).stdout
    shown = json.loads(lakehouse("datasets", "show", "cli_listed", "--json", "--url", server.url).stdout)
    assert shown["row_count"] == 5 and [c["name"] for c in shown["schema"]] == ["i", "s"]
    lakehouse("datasets", "drop", "cli_listed", "--url", server.url)
    done = lakehouse("datasets", "show", "cli_listed", "--url", server.url, check=False)
    assert done.returncode == 1 and "cli_listed" in done.stderr
    assert lakehouse("datasets", "drop", "--url", server.url, check=False).returncode == 2


def test_doctor_says_what_is_wrong_and_how_to_mend_it(server, tmp_path):
    done = lakehouse("doctor", "--root", server.root.name, cwd=server.root.parent)
    assert f"a lakehouse answers at {server.url}" in done.stdout and "FAIL" not in done.stdout
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = lakehouse("doctor", "--root", tmp_path, "--listen", "127.0.0.1:%d" % taken.getsockname()[1], check=False)
        assert done.returncode == 1 and "another program listens" in done.stdout
    listen = ["--listen", f"127.0.0.1:{free_port()}"]
    done = lakehouse("doctor", "--root", tmp_path, *listen, "--set", "engine.extension_dir=/nowhere", check=False)
    assert done.returncode == 1 and "/nowhere/iceberg.duckdb_extension is missing" in done.stdout
    (tmp_path / "file").write_text("")
    done = lakehouse("doctor", "--root", tmp_path / "file", *listen, check=False)
    assert done.returncode == 1 and "is not a folder" in done.stdout
    done = lakehouse("doctor", "--set", "server.worker=1", check=False)
    assert done.returncode == 1 and "server.workers" in done.stdout
    assert not list(tmp_path.glob(".lakehouse-doctor*")) and not list(server.root.glob(".lakehouse-doctor*"))


def test_doctor_tells_programs_the_same(tmp_path):
    flags = ["--root", tmp_path / "lake", "--listen", f"127.0.0.1:{free_port()}"]
    said = json.loads(lakehouse("doctor", "--json", *flags).stdout)
    checks = {c["check"]: c for c in said["checks"]}
    assert all(set(c) == {"check", "status", "message"} for c in said["checks"])
    assert {"configuration", "root", "extensions", "engine", "port", "clock", "open files", "memory"} <= set(checks)
    assert checks["root"]["status"] == "warn" and "lake does not exist yet" in checks["root"]["message"]
    assert {s: said[s] for s in ["ok", "warn", "fail"]} == {s: sum(c["status"] == s for c in said["checks"]) for s in ["ok", "warn", "fail"]}
    done = lakehouse("doctor", "--json", *flags, "--set", "engine.extension_dir=/nowhere", check=False)
    told = json.loads(done.stdout)
    failed = [c for c in told["checks"] if c["status"] == "fail"]
    assert done.returncode == 1 and done.stderr == "" and told["fail"] == len(failed) > 1
    assert any("/nowhere/iceberg.duckdb_extension is missing" in c["message"] for c in failed if c["check"] == "extensions")
    bad = json.loads(lakehouse("doctor", "--json", "--set", "server.worker=1", check=False).stdout)
    assert [c["check"] for c in bad["checks"]] == ["configuration"] and bad["fail"] == 1 and "server.workers" in bad["checks"][0]["message"]
    nobody = json.loads(lakehouse("doctor", "--json", "--url", os.fsdecode(b"http://127.0.0.1:1/\xe9"), check=False).stdout)  # no UTF-8
    assert any(c["status"] == "fail" and "http://127.0.0.1:1/? does not answer" in c["message"] for c in nobody["checks"])

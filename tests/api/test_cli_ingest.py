"""`lakehouse ingest`: what is said before a byte is sent, in the words of the command line, and what Ctrl-C leaves."""
import os
import signal
import subprocess
import time

import pytest

from commands import Terminal, environment, lakehouse
from harness import BINARY


@pytest.fixture
def file(tmp_path):
    (tmp_path / "f.csv").write_text("a,b\n1,x\n")
    return tmp_path / "f.csv"


def nowhere(*args):
    """Without any server: what is refused here was refused before it was looked for."""
    return lakehouse("ingest", *args, "--url", "http://127.0.0.1:9", check=False)


@pytest.mark.parametrize("flags, said", [
    (["--mode", "apend"], "did you mean append?"),
    (["--format", "xlsx"], "--format takes csv, tsv, json, ndjson, parquet or documents, not 'xlsx'"),
    (["--on-error", "skip"], "--on-error takes fail or quarantine"),
    (["--on-schema-change", "ad"], "did you mean add?"),
    (["--mode", "upsert"], "--mode upsert needs --key"),
    (["--key", "a"], "--key is for --mode upsert"),
    (["--dataset", "a..b"], "--dataset takes a name"),
    (["--dataset", "./f.csv"], "--dataset takes a name")])
def test_wrong_flags_are_said_before_anything_is_sent(file, flags, said):
    done = nowhere(file, *flags)
    assert done.returncode == 2 and said in done.stderr


def test_all_files_are_there_before_the_first_is_loaded(server, file):
    done = lakehouse("ingest", file, file.parent / "missing.csv", "-d", "ingest_missing", "--url", server.url, check=False)
    assert done.returncode == 1 and "missing.csv" in done.stderr and "nothing was loaded" in done.stderr
    assert server.request("GET", "/datasets/by-name/ingest_missing").status_code == 404


def test_errors_speak_of_flags(fresh, server, file):
    (file.parent / "bytes.csv").write_bytes(b"a,b\n\x00\x01,\xff\xfe\n")
    done = lakehouse("ingest", file.parent / "bytes.csv", "--url", server.url, check=False)
    assert done.returncode == 1 and "-o encoding=" in done.stderr and "options." not in done.stderr
    done = lakehouse("ingest", file, "-o", "delim=;", "--url", server.url, check=False)
    assert done.returncode == 1 and "'delimiter'" in done.stderr
    lakehouse("ingest", file, "-d", "ingest_flags", "--url", server.url)
    (file.parent / "g.csv").write_text("a,b\n2,y\n")
    done = lakehouse("ingest", file.parent / "g.csv", "-d", "ingest_flags", "--url", server.url, check=False)
    assert done.returncode == 1 and "--mode append" in done.stderr and "mode=" not in done.stderr
    locked = fresh(env={"LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": "k" * 40})
    done = lakehouse("datasets", "--url", locked.url, check=False)
    assert done.returncode == 1 and "the server asks for an API key: --api-key KEY" in done.stderr
    done = lakehouse("datasets", "--url", locked.url, "--api-key", "wrong", check=False)
    assert done.returncode == 1 and "does not know this API key" in done.stderr and "wrong" not in done.stderr


def test_numbers_of_one_are_not_plural(server, tmp_path):
    (tmp_path / "one.csv").write_text("a\n1\n")
    assert ": 1 row, 1 column, " in lakehouse("ingest", tmp_path / "one.csv", "--url", server.url).stdout


def test_output_and_errors_in_one_file_stand_in_order(server, tmp_path):
    (tmp_path / "good.csv").write_text("a,b\n1,2\n")
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n3\n")
    done = subprocess.run([str(BINARY), "ingest", "good.csv", "bad.csv", "good.csv", "--url", server.url], cwd=tmp_path, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, env=environment())
    first, second, third = done.stdout.splitlines()[:3]
    assert done.returncode == 1 and first.startswith("good.csv → ") and "stopped at file 2 of 3" in second and "bad.csv: " in third


def test_the_standard_input_is_a_file(server):
    lakehouse("ingest", "-", "-d", "ingest_stdin", "--url", server.url, stdin="a,b\n1,2\n3,4\n")
    assert server.sql("SELECT sum(a), sum(b) FROM ingest_stdin") in ([[4, 6]], [["4", "6"]])
    lakehouse("ingest", "-", "-d", "ingest_stdin", "--mode", "append", "--format", "ndjson", "--url", server.url, stdin='{"a": 5, "b": 6}\n')
    assert server.sql("SELECT count(*) FROM ingest_stdin") == [[3]]
    done = lakehouse("ingest", "-", "--url", server.url, stdin="a\n1\n", check=False)
    assert done.returncode == 1 and "--dataset NAME" in done.stderr


def test_ctrl_c_says_what_may_have_happened(server, tmp_path):
    line = "1234567,some text that makes the line longer,3.25\n"
    (tmp_path / "large.csv").write_text("a,b,c\n" + line * 3_000_000)
    terminal = Terminal(tmp_path, "ingest", "large.csv", "--url", server.url)
    terminal.expect("large.csv  [")
    terminal.expect(" rows  ")
    terminal.send("\x03")
    terminal.expect("interrupted; ")
    assert terminal.wait() == 130
    deadline = time.monotonic() + 120
    while server.request("GET", "/health").status_code != 200 and time.monotonic() < deadline:
        time.sleep(0.1)


def test_ctrl_c_while_the_standard_input_is_read_loads_nothing(server):
    process = subprocess.Popen([str(BINARY), "ingest", "-", "-d", "ingest_cut", "--url", server.url], stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, env=environment())
    process.stdin.write("a\n1\n")
    process.stdin.flush()
    while "SigBlk:\t0000000000000000" in open(f"/proc/{process.pid}/status").read():
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(300) == 130 and "interrupted" in process.stderr.read()
    assert server.request("GET", "/datasets/by-name/ingest_cut").status_code == 404

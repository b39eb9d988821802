"""The tools beside the server: benchmarks, and the demo."""
import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from commands import lakehouse
from harness import BUILD, ROOT, SANITIZED


def bench(**env):
    return subprocess.run([str(ROOT / "tools" / "bench"), "bench", "compaction", "governed"], env={**os.environ, "LAKEHOUSE_BUILD": str(BUILD), **env}, capture_output=True, text=True, timeout=600)


def test_a_benchmark_that_fails_says_why_and_keeps_the_figures_there_were():
    figures = BUILD / "bench.json"
    before = figures.read_text() if figures.exists() else None
    done = bench(ROWS="many")
    assert done.returncode != 0 and "Traceback" in done.stderr and "'many'" in done.stderr
    assert (figures.read_text() if figures.exists() else None) == before


@pytest.mark.skipif(SANITIZED, reason="figures of a sanitizer say nothing")
def test_a_benchmark_leaves_its_figures(tmp_path):
    done = bench(ROWS="2000", RUNS="1", APPENDS="4", ROWS_EACH="10", SCALE_FACTOR="0.01", QUERIES="1,6")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^compaction: 4 files.* became 1", done.stdout, re.M) and "one key" in done.stdout
    figures = json.loads((BUILD / "bench.json").read_text())
    assert len(figures) > 8 and all(figure["ours"] > 0 and figure["name"] for figure in figures)


@pytest.mark.skipif(SANITIZED, reason="nothing that is compiled runs in it")
def test_setup_unpacks_again_what_was_removed(tmp_path):
    (tmp_path / "third_party").symlink_to(ROOT / "third_party")
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    (tmp_path / ".deps").mkdir()
    for made in ("download", "llama", "models"):  # the last two take minutes, and are of tools/setup-llama
        (tmp_path / ".deps" / made).symlink_to(ROOT / ".deps" / made)
    library = tmp_path / ".deps" / "duckdb" / "lib" / "libduckdb.so"

    def setup():
        done = subprocess.run([str(tmp_path / "tools" / "setup")], capture_output=True, text=True, timeout=600)
        assert done.returncode == 0 and library.exists(), done.stderr
        return "unpacking" in done.stderr

    assert setup() and not setup()
    shutil.rmtree(tmp_path / ".deps" / "duckdb")
    assert setup() and not setup()


def test_the_demo_keeps_what_a_user_loaded_into_its_lake(tmp_path):
    folder = tmp_path / "a demo's"  # as in a home folder with a space in its name

    def demo(*args):
        done = subprocess.run([str(ROOT / "tools" / "demo"), *args], capture_output=True, text=True, timeout=600, env={
            **os.environ, "LAKEHOUSE_BUILD": str(BUILD), "DEMO_DIR": str(folder), "DEMO_LISTEN": "127.0.0.1:0", "SCALE": "0.001"})
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    (tmp_path / "mine.csv").write_text("a\n1\n2\n")
    root = ["--root", str(folder / "lake")]
    try:
        told = demo()
        url = re.search(r"^listening on (http://127\.0\.0\.1:\d+)", told, re.M)[1]
        assert len(re.findall(r"^\(\d+ rows? in [\d.]+ ms\)$", told, re.M)) == 5, told
        assert f"  {url}/docs\n" in told and f"lakehouse sql --url {url}\n" in told
        python = "\n".join(line.strip() for line in re.search(r"python3: (.*\n.*)\n", told)[1].splitlines())
        done = subprocess.run([sys.executable, "-c", python.replace("load_catalog(\"", "print(load_catalog(\"") + ")"], capture_output=True, text=True)
        assert done.returncode == 0 and "placement_id" in done.stdout and python.count("load_catalog(") == 1, done.stderr
        lakehouse("ingest", tmp_path / "mine.csv", *root)
        before = lakehouse("sql", *root, "--format", "csv", "-c", "SELECT count(*) FROM placements").stdout
        assert "Yours now" in demo()
        assert lakehouse("sql", *root, "--format", "csv", "-c", "SELECT count(*) FROM mine").stdout.split()[-1] == "2"
        assert lakehouse("sql", *root, "--format", "csv", "-c", "SELECT count(*) FROM placements").stdout == before
    finally:
        stopped = demo("stop")
    told = shlex.split(next(line for line in stopped.splitlines() if " serve --root " in line))
    assert told == [str(BUILD / "lakehouse"), "serve", "--root", str(folder / "lake")]
    assert "No demo server runs" in demo("stop")

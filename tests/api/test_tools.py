"""The tools beside the server: a benchmark that fails says so, one that works leaves its figures."""
import json
import os
import subprocess

import pytest

from harness import BUILD, ROOT, SANITIZED


def bench(**env):
    return subprocess.run([str(ROOT / "tools" / "bench")], env={**os.environ, "LAKEHOUSE_BUILD": str(BUILD), **env}, capture_output=True, text=True, timeout=600)


def test_a_benchmark_that_fails_says_why_and_keeps_the_figures_there_were():
    figures = BUILD / "bench.json"
    before = figures.read_text() if figures.exists() else None
    done = bench(ROWS="many")
    assert done.returncode != 0 and "Traceback" in done.stderr and "'many'" in done.stderr
    assert (figures.read_text() if figures.exists() else None) == before


@pytest.mark.skipif(SANITIZED, reason="figures of a sanitizer say nothing")
def test_a_benchmark_leaves_its_figures(tmp_path):
    done = bench(ROWS="2000", RUNS="1")
    assert done.returncode == 0, done.stderr
    figures = json.loads((BUILD / "bench.json").read_text())
    assert len(figures) > 8 and all(figure["ours"] > 0 and figure["name"] for figure in figures)

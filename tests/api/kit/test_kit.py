"""Iceberg's own RESTCompatibilityKit, written in Java for catalogs like this one: every test of tables and views that applies."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

from harness import ROOT, Server

KIT = ROOT / ".deps" / "kit"
SUITES = [f"org.apache.iceberg.rest.RESTCompatibilityKit{name}CatalogTests" for name in ("", "View")]
PROPERTIES = {"rck.local": "false", "rck.requires-namespace-create": "true", "rck.supports-names-with-dot": "true",
              "rck.supports-serverside-retry": "true", "org.slf4j.simpleLogger.defaultLogLevel": "error"}
# The kit's tables lie in /tmp, so a bucket has to; and no bucket within another.
CONFIG = '[storage]\nprimary = "main"\n[[storage.buckets]]\nname = "main"\nkind = "file"\nroot = "{}"\n[[storage.buckets]]\nname = "kit"\nkind = "file"\nroot = "/tmp"\n'


@pytest.fixture
def lake():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lakehouse-kit-", dir="/var/tmp"))
    before = set(pathlib.Path("/tmp").iterdir())
    (folder / "lakehouse.toml").write_text(CONFIG.format(folder / "root"))
    server = Server(folder / "root", "--config", folder / "lakehouse.toml", env={"LAKEHOUSE_ROOT": ""})
    yield server
    server.stop()
    shutil.rmtree(folder)
    for left in set(pathlib.Path("/tmp").iterdir()) - before:  # folders of its namespaces
        if any(left.glob("*/metadata")) or left.name == ".scratch":
            shutil.rmtree(left)


def test_the_kit(lake):
    if not shutil.which("java") or not list(KIT.glob("*.jar")):
        pytest.skip("Java or the kit is not installed (tools/setup-kit)")
    command = ["java", *(f"-D{name}={value}" for name, value in PROPERTIES.items()), "-cp", f"{KIT}/*",
               "org.junit.platform.console.ConsoleLauncher", "execute", *(word for suite in SUITES for word in ("-c", suite)),
               "--details=summary", "--disable-banner", "--disable-ansi-colors"]
    done = subprocess.run(command, env={**os.environ, "CATALOG_URI": lake.url + "/iceberg"}, capture_output=True, text=True, timeout=1200)
    counts = {what: int(number) for number, what in re.findall(r"\[ *(\d+) tests (\w+)", done.stdout)}
    print(counts)
    # What does not apply: six tests of an empty namespace's tables and of catalogs without nested namespaces.
    assert counts.get("failed") == 0 and counts["started"] == 148 and counts["aborted"] == 6, done.stdout[-20000:]

"""gRPC with grpcurl, which knows our services by reflection only; a file of its own, so that CTest says "skipped" where it is not there."""
import json
import subprocess

import pytest

from harness import ROOT, SANITIZED

GRPCURL = ROOT / ".deps" / "bin" / "grpcurl"
WAIT = 120 if SANITIZED else 30


def test_grpcurl_finds_its_way(server):
    if not GRPCURL.exists():
        pytest.skip("grpcurl is not installed (tools/setup-grpcurl)")
    server.sql("CREATE TABLE curled AS SELECT 1 AS a")

    def grpcurl(*args):
        done = subprocess.run([GRPCURL, "-plaintext", "-max-time", str(WAIT), *args], capture_output=True, text=True, timeout=WAIT + 30)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "lakehouse.v1.CatalogService" in grpcurl(server.grpc, "list")
    assert "returns ( stream .lakehouse.v1.WatchChangesResponse )" in grpcurl(server.grpc, "describe", "lakehouse.v1.CatalogService")
    got = json.loads(grpcurl("-d", '{"name": "curled"}', server.grpc, "lakehouse.v1.CatalogService/GetDataset"))
    assert (got["name"], got["rowCount"], got["schema"]) == ("curled", "1", [{"name": "a", "type": "int", "nullable": True}])
    assert json.loads(grpcurl(server.grpc, "grpc.health.v1.Health/Check")) == {"status": "SERVING"}

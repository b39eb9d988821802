import pytest

from harness import BINARY, S3_SERVER, S3Server, Server


def pytest_configure(config):
    assert BINARY.exists(), f"{BINARY} is not built: run `make build`"
    config.addinivalue_line("markers", "s3: needs the S3 server; CTest runs these as a test of their own")
    config.addinivalue_line("markers", "mount: mounts a small disk, which needs root; CTest runs these as a test of their own")


def pytest_collection_modifyitems(items):
    for item in items:
        parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
        if "s3" in item.fixturenames or "s3" in parameters:
            item.add_marker("s3")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server for the tests of a file; each test uses names of its own."""
    running = Server(tmp_path_factory.mktemp("lake") / "root")
    yield running
    running.stop()


@pytest.fixture
def fresh(tmp_path):
    """A server of the test's own: `fresh(*flags, env={})`; every one started is stopped and checked."""
    started = []

    def start(*args, root=None, **options):
        started.append(Server(root or tmp_path / f"root{len(started)}", *args, **options))
        return started[-1]

    yield start
    for running in started:
        running.stop(check=running.alive())


@pytest.fixture(scope="session")
def s3():
    """A real S3 server (versitygw) with one bucket, `lake`; the tests are skipped where it cannot be had."""
    if not S3_SERVER.exists():
        pytest.skip("versitygw is not installed (tools/setup-s3-server)")
    import tempfile

    folder = tempfile.mkdtemp(prefix="lakehouse-s3-")
    running = S3Server(f"{folder}/buckets", "lake")
    url = running.url
    yield {
        "url": url,
        "env": {
            "LAKEHOUSE__STORAGE__KIND": "s3", "LAKEHOUSE__STORAGE__S3_ENDPOINT": url, "LAKEHOUSE__STORAGE__S3_BUCKET": "lake",
            "LAKEHOUSE__STORAGE__S3_ACCESS_KEY": "testaccess", "LAKEHOUSE__STORAGE__S3_SECRET_KEY": "testsecret",
        },
        "pyiceberg": {"s3.endpoint": url, "s3.access-key-id": "testaccess", "s3.secret-access-key": "testsecret", "s3.region": "us-east-1"},
    }
    running.stop()
    import shutil

    shutil.rmtree(folder, ignore_errors=True)

"""What the whole-server tests share: the real binary on a real port, in a folder of its own."""
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import time

import requests
from prometheus_client.parser import text_string_to_metric_families

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("LAKEHOUSE_BUILD", ROOT / "build"))
BINARY = BUILD / "lakehouse"
EXTENSIONS = ROOT / ".deps" / "duckdb" / "extensions"
S3_SERVER = ROOT / ".deps" / "bin" / "versitygw"
# Under a sanitizer everything is some times slower: loops of rounds are shortened by it, never what they check.
SANITIZED = os.environ.get("LAKEHOUSE_SANITIZED", "") != ""
# For a server that has to abandon statements (ADR 11): what those held is lost, and LeakSanitizer would tell.
ABANDONING = {"ASAN_OPTIONS": os.environ["ASAN_OPTIONS"].replace("detect_leaks=1", "detect_leaks=0")} if "ASAN_OPTIONS" in os.environ else {}
# What TSan says, and ends the program for, when a thread ends that left a library by a jump, as an abandoned statement does.
LEFT = "finished with ignores enabled"
# These end a test that hangs. Nothing is measured by them, so they are far beyond what a machine with much else to do needs.
WAIT_SECONDS = 300
START_SECONDS = 300
RFC_3339 = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def wait_for(what, seconds=WAIT_SECONDS, every=0.05):
    """every: less where what was waited for is soon over."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(every)


class ServerFailed(AssertionError):
    pass


class Server:
    """One `lakehouse serve`. `stop()` asserts a clean end: exit 0, no sanitizer report, a log of JSON lines."""

    def __init__(self, root, *args, env=None, url_wait=True, cwd=None, processors=None):
        self.root = pathlib.Path(root)
        self.args = [str(a) for a in args]
        self.env = {**os.environ, **(env or {})}
        self.log_path = self.root.parent / (self.root.name + ".log")
        self.cwd = cwd
        self.processors = processors  # so many: threads of llama.cpp that wait for each other burn what other tests could use
        self.process = None
        self.url = None
        self.headers = {}
        if url_wait:
            self.start()

    def start(self):
        command = [str(BINARY), "serve", "--root", str(self.root), "--listen", "127.0.0.1:0", *self.args]
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, env=self.env, text=True, cwd=self.cwd, preexec_fn=self.confine if self.processors else None)
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            self.process.wait(WAIT_SECONDS)
            raise ServerFailed(f"did not start: {line!r}\n{self.log_text()[-4000:]}")
        self.url = line.split()[-1]
        self.grpc_line = None
        self.wait_ready()
        return self

    def confine(self):
        os.sched_setaffinity(0, random.sample(sorted(os.sched_getaffinity(0)), self.processors))

    def wait_ready(self):
        deadline = time.monotonic() + START_SECONDS
        with requests.Session() as session:
            while (answer := session.get(self.url + "/ready", timeout=START_SECONDS, verify=False)).status_code != 200:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise ServerFailed(f"not ready: {answer.text}\n{self.log_text()[-4000:]}")
                time.sleep(0.05)

    @property
    def grpc(self):
        """HOST:PORT of the gRPC server."""
        if self.grpc_line is None:
            self.grpc_line = self.process.stdout.readline()
            assert self.grpc_line.startswith("grpc on "), self.grpc_line
        return self.grpc_line.split()[-1]

    def log_text(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, check=True):
        if not self.alive():
            if check and self.process is not None:
                raise ServerFailed(f"died with {self.process.returncode}\n{self.log_text()[-6000:]}")
            return
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(WAIT_SECONDS)
        self.process.stdout.close()
        self.log.close()
        text = self.log_text()
        if check:
            reports = [l for l in text.splitlines() if ("Sanitizer" in l or "runtime error:" in l) and LEFT not in l]
            assert not reports, "\n".join(reports) + "\n" + text[-8000:]
            assert code == 0 or LEFT in text, f"exit {code}\n{text[-4000:]}"
            if not SANITIZED:  # which tells of its suppressions there
                check_log(text)

    def kill(self):
        self.process.kill()
        self.process.wait(WAIT_SECONDS)
        self.process.stdout.close()
        self.log.close()

    def restart(self):
        self.stop()
        return self.start()

    def request(self, method, path, **options):
        options.setdefault("timeout", 300)
        options["headers"] = {**self.headers, **options.get("headers", {})}
        with requests.Session() as session:
            session.trust_env = False  # no proxy, no netrc: to look for them takes a third of a request
            return session.request(method, self.url + path, **options)

    def metric(self, name, **labels):
        """The first sample of /metrics of that name with those labels; 0 when there is none."""
        for family in text_string_to_metric_families(self.request("GET", "/metrics").text):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    return sample.value
        return 0

    def query(self, sql, **members):
        return self.request("POST", "/query/sql", json={"sql": sql, **members})

    def sql(self, sql, **members):
        """Rows of a statement that must work."""
        answer = self.query(sql, **members)
        assert answer.status_code == 200, f"{sql}\n{answer.text}"
        return json.loads(answer.text)["rows"]

    def ingest(self, path_or_bytes, dataset, name=None, **fields):
        """POST /ingest/file; the answer."""
        options = fields.pop("options", None)
        data = {"dataset": dataset, **fields}
        if options is not None:
            data["options"] = json.dumps(options)
        if isinstance(path_or_bytes, (bytes, bytearray)):
            return self.request("POST", "/ingest/file", data=data, files={"file": (name or "file.csv", bytes(path_or_bytes))})
        with open(path_or_bytes, "rb") as file:
            return self.request("POST", "/ingest/file", data=data, files={"file": (name or pathlib.Path(path_or_bytes).name, file)})

    def rss_bytes(self, field="VmRSS"):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
        raise ServerFailed(f"no {field}")

    def peak_bytes(self):
        """Most resident memory since the start, or since forget_peak()."""
        return self.rss_bytes("VmHWM")

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def raw(self, data, read_all=True, timeout=60):
        """Sends bytes as they are; what comes back until the server closes or is silent."""
        host, port = self.url.split("//")[1].split(":")
        with socket.create_connection((host, int(port)), timeout=timeout) as connection:
            connection.sendall(data)
            got = b""
            connection.settimeout(1.0 if not read_all else timeout)
            try:
                while chunk := connection.recv(65536):
                    got += chunk
            except (TimeoutError, ConnectionResetError):
                pass
            return got

    def pyiceberg(self, **properties):
        from pyiceberg.catalog import load_catalog

        return load_catalog("lake", type="rest", uri=self.url + "/iceberg", **properties)

    def duckdb(self, *extensions):
        """DuckDB's own client, attached as `lake`; extensions come from .deps, never from the net."""
        import duckdb

        connection = duckdb.connect()
        for name in ("avro", "httpfs", "iceberg", *extensions):
            connection.execute(f"LOAD '{EXTENSIONS / name}.duckdb_extension'")
        connection.execute(f"ATTACH '' AS lake (TYPE iceberg, ENDPOINT '{self.url}/iceberg', AUTHORIZATION_TYPE 'none')")
        return connection


def check_log(text):
    """What a server writes on stderr is what docs/operate.md says: a JSON object a line."""
    for line in filter(None, text.split("\n")):
        try:
            entry = json.loads(line)
        except ValueError:
            raise ServerFailed(f"a log line that is no JSON: {line[:1000]!r}") from None
        named = isinstance(entry, dict) and all(isinstance(entry.get(name), str) for name in ("time", "level", "message"))
        assert named and entry["level"] in ("debug", "info", "warn", "error") and re.fullmatch(RFC_3339, entry["time"]), line


class S3Server:
    """versitygw over a folder, in which each folder is a bucket; keys testaccess and testsecret."""

    def __init__(self, folder, *buckets, flags=()):
        self.folder = pathlib.Path(folder)
        self.flags = flags
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        for bucket in buckets:
            (self.folder / bucket).mkdir(parents=True)
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [str(S3_SERVER), "--port", f"127.0.0.1:{self.port}", "--access", "testaccess", "--secret", "testsecret", *self.flags, "posix", str(self.folder)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.answers)

    def answers(self):
        assert self.process.poll() is None, "versitygw ended"
        try:
            requests.get(self.url, timeout=WAIT_SECONDS)
            return True
        except requests.RequestException:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(WAIT_SECONDS)


def free_port():
    """One that nobody has, below those that Linux gives to whoever asks for any: so none of what runs meanwhile gets it before who asked here."""
    while True:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", random.SystemRandom().randrange(10000, 32768)))
                return probe.getsockname()[1]
            except OSError:
                continue

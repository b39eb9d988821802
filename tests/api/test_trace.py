"""OpenTelemetry: a request's spans reach an OTLP receiver as one trace, under the caller's traceparent."""
import http.server
import threading
import time

import pytest


@pytest.fixture
def receiver():
    bodies = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append((self.path, self.headers["Content-Type"], self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", bodies
    server.shutdown()


def test_spans_of_a_request_arrive(fresh, receiver):
    url, bodies = receiver
    server = fresh("--set", "trace.exporter=otlp", "--set", f"trace.otlp_endpoint={url}")
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = server.request("POST", "/query/sql", json={"sql": "SELECT 1"}, headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert answer.headers["X-Trace-Id"] == trace
    server.request("PUT", "/storage/objects/a/b", data=b"x", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    deadline = time.monotonic() + 20
    wanted = [b"engine.query", b"storage.put", bytes.fromhex(trace), b"lakehouse"]
    while not all(any(w in body for _, _, body in bodies) for w in wanted):
        assert time.monotonic() < deadline, [len(b) for _, _, b in bodies]
        time.sleep(0.05)
    assert bodies[0][:2] == ("/v1/traces", "application/x-protobuf")

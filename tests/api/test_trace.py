"""OpenTelemetry: a request's spans reach an OTLP receiver as one trace, under the caller's traceparent."""
import http.server
import re
import threading

import pytest

from harness import wait_for


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
    wanted = [b"engine.query", b"storage.put", bytes.fromhex(trace), b"lakehouse"]
    wait_for(lambda: all(any(w in body for _, _, body in bodies) for w in wanted))
    assert bodies[0][:2] == ("/v1/traces", "application/x-protobuf")


def spans(bodies, trace):
    """{name: [(id, parent's id)]} of a trace, read from the messages' bytes: trace_id, span_id, parent_span_id, name follow each other."""
    found = {}
    for _, _, body in list(bodies):
        for span, parent, name in re.findall(rb"\x0a\x10" + re.escape(trace) + rb"\x12\x08(.{8})(?:\x22\x08(.{8}))?\x2a.([a-z_./]+)", body, re.DOTALL):
            found.setdefault(name.decode(), []).append((span, parent))
    return found


def above(found, name):
    """The names of the spans above the last one of that name, nearest first."""
    by_id = {span: (parent, n) for n, all_of_it in found.items() for span, parent in all_of_it}
    names, at = [], by_id[found[name][-1][0]][0]
    while at in by_id:
        at, n = by_id[at]
        names.append(n)
    return names


def test_the_engines_calls_of_the_catalog_belong_to_their_statement(fresh, receiver):
    url, bodies = receiver
    server = fresh("--set", "trace.exporter=otlp", "--set", f"trace.otlp_endpoint={url}")

    def traced(number, *names, **request):
        trace = bytes([number]) * 16
        request["headers"] = {"traceparent": f"00-{trace.hex()}-00f067aa0ba902b7-01"}
        assert server.request(**request).status_code in (200, 201)
        wait_for(lambda: all(name in spans(bodies, trace) for name in names))
        return spans(bodies, trace)

    statement = dict(method="POST", path="/query/sql")
    traced(1, "api_query_sql", json={"sql": "CREATE TABLE traced (a INTEGER)"}, **statement)
    chain = ["api_iceberg_table_load", "engine.query", "api_query_sql"]  # one may end only once what it answered has ended, and come later than that
    found = traced(2, "catalog.commit", "api_iceberg_transaction", *chain, json={"sql": "INSERT INTO traced VALUES (1)"}, **statement)
    assert above(found, "catalog.commit") == ["api_iceberg_transaction", "engine.query", "api_query_sql"]
    assert above(found, "api_iceberg_table_load") == ["engine.query", "api_query_sql"]
    found = traced(3, *chain, json={"sql": "FROM traced"}, **statement)
    assert above(found, "api_iceberg_table_load") == ["engine.query", "api_query_sql"]
    found = traced(4, "catalog.commit", "api_iceberg_transaction", "api_ingest_file", method="POST", path="/ingest/file", data={"dataset": "traced", "mode": "append"},
                   files={"file": ("a.csv", b"a\n2\n")})
    assert above(found, "catalog.commit")[-1] == "api_ingest_file" and "api_iceberg_transaction" in above(found, "catalog.commit")

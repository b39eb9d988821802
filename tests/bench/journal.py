"""The journal's rate through HTTP in batches, flushes included, and what noting commits costs a statement. Part of bench.py;
alone: make bench ONLY=journal."""
import http.client
import json
import os
import pathlib
import socket
import statistics
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "api"))
os.environ.setdefault("LAKEHOUSE_BUILD", str(ROOT / "build"))
from harness import Server  # noqa: E402

CLIENTS, BATCH, SECONDS = 2, 1000, float(os.environ.get("SECONDS", "10"))


def connect(server):
    connection = http.client.HTTPConnection(server.url.split("//")[1])
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def send(connection, path, body):
    connection.request("POST", path, body)
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == 200, text
    return text


def body(client):
    return json.dumps({"events": [{"entity_type": "candidate", "entity_id": f"CAN{client}{number:06}", "field": "status", "old_value": "active",
                                   "new_value": "placed", "source": "crm", "workspace": "north", "reason": "signed the contract"} for number in range(BATCH)]})


def events_per_second(server):
    """Batches by a few clients for a while; all that was answered is in the table or the buffer afterwards."""
    accepted, bodies, until = [0] * CLIENTS, [body(client) for client in range(CLIENTS)], time.perf_counter() + SECONDS

    def run(client):
        connection = connect(server)
        while time.perf_counter() < until:
            send(connection, "/journal/event", bodies[client])
            accepted[client] += BATCH

    clients = [threading.Thread(target=run, args=(client,)) for client in range(CLIENTS)]
    started = time.perf_counter()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    elapsed = time.perf_counter() - started
    stats = server.request("GET", "/journal/stats").json()
    assert stats["journal"]["buffered_records"] + stats["journal"]["table_records"] >= sum(accepted) and stats["last_error"] is None, stats
    assert stats["flushes"] > 0, stats
    return sum(accepted) / elapsed


def commit_ms(folder, runs=100):
    """Medians of an INSERT of one row, with and without events of commits, in turn."""
    servers = [Server(folder / name, "--set", "grpc.enabled=false", "--set", f"journal.mutations={name}") for name in ("true", "false")]
    connections, times = [connect(server) for server in servers], [[], []]
    for server in servers:
        server.sql("CREATE TABLE c (i INTEGER)")
    for number in range(runs):
        for side in (0, 1) if number % 2 else (1, 0):
            started = time.perf_counter()
            send(connections[side], "/query/sql", '{"sql": "INSERT INTO c VALUES (1)"}')
            times[side].append((time.perf_counter() - started) * 1000)
    for server in servers:
        server.stop()
    return [statistics.median(side) for side in times]


def measure(report, folder):
    server = Server(folder / "journal", "--set", "grpc.enabled=false")
    rate = events_per_second(server)
    server.stop()
    report(f"journal: events/s by HTTP, batches of {BATCH}", rate, None, ">= 20000/s", rate >= 20000, "1/s")
    ours, without = commit_ms(folder)
    report("journal: commit with / without its event", ours, without, "<= 1.05x", ours <= 1.05 * without)

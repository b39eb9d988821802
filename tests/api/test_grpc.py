"""gRPC: the catalog's service, its stream of changes, health checks and reflection, with Python's grpcio."""
import itertools
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading

import grpc
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests
from google.protobuf import descriptor_pool
from grpc import StatusCode
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_tools import protoc

from harness import BINARY, ROOT, SANITIZED, Server, free_port

ADMIN = "an-administrators-key-of-the-tests"
WAIT = 300  # a deadline, so that a failed test ends; nothing is measured by it


@pytest.fixture(scope="session")
def api(tmp_path_factory):
    """The modules that protoc makes of proto/lakehouse.proto, as a client would: (messages, stubs)."""
    folder = tmp_path_factory.mktemp("proto")
    assert protoc.main(["protoc", f"-I{ROOT / 'proto'}", f"--python_out={folder}", f"--grpc_python_out={folder}", "lakehouse.proto"]) == 0
    sys.path.insert(0, str(folder))
    import lakehouse_pb2
    import lakehouse_pb2_grpc

    return lakehouse_pb2, lakehouse_pb2_grpc


@pytest.fixture
def dial(api):
    """dial(server, **options): a stub; its channels are closed at the end."""
    channels = []

    def open_stub(server, options=(), stub=None):
        channels.append(grpc.insecure_channel(server.grpc, options=list(options)))
        return (stub or api[1].CatalogServiceStub)(channels[-1])

    yield open_stub
    for channel in channels:
        channel.close()


def fails(code, call, match=""):
    with pytest.raises(grpc.RpcError) as raised:
        call()
    assert raised.value.code() == code, (raised.value.code(), raised.value.details())
    assert match in raised.value.details(), raised.value.details()
    return raised.value


class Watch:
    """WatchChanges as (sequence, [(kind, name, snapshot id or None)])."""

    def __init__(self, api, stub, after=None, **options):
        request = api[0].WatchChangesRequest() if after is None else api[0].WatchChangesRequest(after_sequence=after)
        self.kinds, self.stream = api[0].Change.Kind, stub.WatchChanges(request, timeout=WAIT, **options)
        first = next(self.stream)
        assert not first.changes
        self.start = first.sequence

    def next(self):
        message = next(self.stream)
        return message.sequence, [(self.kinds.Name(c.kind), f"{c.namespace}.{c.name}", c.snapshot_id if c.HasField("snapshot_id") else None) for c in message.changes]


def snapshot(server, name):
    return server.request("GET", f"/datasets/by-name/{name}").json()["snapshot_id"]


# ---- list, get, register ----

def test_a_dataset_is_told_as_over_http(api, server, dial):
    stub = dial(server)
    server.sql("CREATE TABLE told AS SELECT 1 AS a, 'x' AS b, [1, 2] AS c")
    got, expected = stub.GetDataset(api[0].GetDatasetRequest(name="told"), timeout=WAIT), server.request("GET", "/datasets/by-name/told").json()
    for field in ("name", "namespace", "format", "row_count", "bytes", "files", "snapshot_id", "schema_fingerprint", "created_at", "updated_at", "location"):
        assert getattr(got, field) == expected[field], field
    assert [(c.name, c.nullable) for c in got.schema] == [(c["name"], c["nullable"]) for c in expected["schema"]]
    assert [c.type if isinstance(e["type"], str) else json.loads(c.type) for c, e in zip(got.schema, expected["schema"])] == [e["type"] for e in expected["schema"]]
    assert stub.GetDataset(api[0].GetDatasetRequest(name="data.told"), timeout=WAIT) == got
    server.sql("CREATE TABLE bare (a INTEGER)")
    assert not stub.GetDataset(api[0].GetDatasetRequest(name="bare"), timeout=WAIT).HasField("snapshot_id")
    server.ingest(b"a\n1\n", "loaded", name="named.csv")
    assert json.loads(stub.GetDataset(api[0].GetDatasetRequest(name="loaded"), timeout=WAIT).origin) == server.request("GET", "/datasets/by-name/loaded").json()["origin"]


def test_errors_have_the_status_and_words_of_http(api, server, dial):
    stub, messages = dial(server), api[0]
    for name in ("nowhere", "größe", "a\nb", "", "x" * 300, "a.b.c.d"):
        answer = server.request("GET", "/datasets/by-name/" + requests.utils.quote(name, safe=""))
        if answer.status_code not in (404, 400) or not name:
            continue
        code = StatusCode.NOT_FOUND if answer.status_code == 404 else StatusCode.INVALID_ARGUMENT
        assert fails(code, lambda n=name: stub.GetDataset(messages.GetDatasetRequest(name=n), timeout=WAIT)).details() == answer.json()["error"]["message"]
    fails(StatusCode.INVALID_ARGUMENT, lambda: stub.GetDataset(messages.GetDatasetRequest(), timeout=WAIT), "empty")
    fails(StatusCode.INVALID_ARGUMENT, lambda: stub.ListDatasets(messages.ListDatasetsRequest(limit=1001), timeout=WAIT), "1000")
    fails(StatusCode.INVALID_ARGUMENT, lambda: stub.ListDatasets(messages.ListDatasetsRequest(page_token="zzz"), timeout=WAIT), "page_token")
    trailing = dict(fails(StatusCode.NOT_FOUND, lambda: stub.GetDataset(messages.GetDatasetRequest(name="nowhere"), timeout=WAIT)).trailing_metadata())
    assert len(trailing["x-trace-id"]) == 32
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    call = lambda: stub.GetDataset(messages.GetDatasetRequest(name="nowhere"), metadata=[("traceparent", f"00-{trace}-00f067aa0ba902b7-01")], timeout=WAIT)
    assert dict(fails(StatusCode.NOT_FOUND, call).trailing_metadata())["x-trace-id"] == trace


def test_lists_have_pages_and_filters(api, server, dial):
    stub, messages = dial(server), api[0]
    server.sql("CREATE SCHEMA pages")
    for i in range(5):
        server.sql(f"CREATE TABLE pages.p{i} (a INTEGER)")
    seen, token = [], ""
    while True:
        page = stub.ListDatasets(messages.ListDatasetsRequest(namespace="pages", limit=2, page_token=token), timeout=WAIT)
        assert len(page.items) <= 2
        seen += [d.name for d in page.items]
        token = page.next_page_token
        if not token:
            break
    assert seen == ["p0", "p1", "p2", "p3", "p4"]
    assert [d.name for d in stub.ListDatasets(messages.ListDatasetsRequest(namespace="pages", filter="P3"), timeout=WAIT).items] == ["p3"]
    assert len(stub.ListDatasets(messages.ListDatasetsRequest(filter="p", limit=1), timeout=WAIT).items) == 1


def test_files_in_the_bucket_are_registered(api, server, dial, tmp_path):
    stub, messages = dial(server), api[0]
    pq.write_table(pa.table({"a": [1, 2, 3]}), tmp_path / "f.parquet")
    server.request("PUT", "/storage/objects/put/f.parquet", data=(tmp_path / "f.parquet").read_bytes()).raise_for_status()
    request = messages.RegisterDatasetRequest(name="registered", files=["put/f.parquet"], format="parquet")
    got = stub.RegisterDataset(request, timeout=WAIT)
    assert (got.name, got.row_count) == ("registered", 3) and server.sql("SELECT sum(a) FROM registered") == [[6]]
    fails(StatusCode.ALREADY_EXISTS, lambda: stub.RegisterDataset(request, timeout=WAIT), "registered")
    for bad in ({}, {"name": "x"}, {"name": "x", "files": ["nope.parquet"]}, {"name": "x", "location": "_catalog/log", "format": "parquet"}, {"name": "x", "location": "/etc/passwd"}):
        answer = server.request("POST", "/datasets", json=bad)
        raised = fails({400: StatusCode.INVALID_ARGUMENT, 404: StatusCode.NOT_FOUND}[answer.status_code], lambda b=bad: stub.RegisterDataset(messages.RegisterDatasetRequest(**b), timeout=WAIT))
        assert raised.details() == answer.json()["error"]["message"]


# ---- watch ----

def test_changes_are_seen_in_order_and_a_watch_goes_on_where_it_was_cut(api, server, dial):
    watch = Watch(api, dial(server))
    server.sql("CREATE TABLE seen AS SELECT 1 AS a")
    created, first = watch.next(), snapshot(server, "seen")
    assert created[1] == [("CREATED", "data.seen", first)] and created[0] > watch.start
    server.sql("INSERT INTO seen VALUES (2)")
    updated, second = watch.next(), snapshot(server, "seen")
    assert updated[1] == [("UPDATED", "data.seen", second)] and second != first and updated[0] > created[0]
    server.request("PATCH", "/catalog/datasets/by-name/seen/metadata", json={"owner": "me"}).raise_for_status()
    said = watch.next()
    assert said[1] == [("UPDATED", "data.seen", second)]
    server.pyiceberg().rename_table("data.seen", "data.renamed")
    renamed = watch.next()
    assert sorted(renamed[1]) == [("CREATED", "data.renamed", second), ("DROPPED", "data.seen", second)]
    server.request("DELETE", "/datasets/by-name/renamed").raise_for_status()
    dropped = watch.next()
    assert dropped[1] == [("DROPPED", "data.renamed", second)]
    all_seen = [created, updated, said, renamed, dropped]
    for i in range(5):
        again = Watch(api, dial(server), after=all_seen[i][0])
        assert again.start == all_seen[i][0] and [again.next() for _ in all_seen[i + 1:]] == all_seen[i + 1:]
        again.stream.cancel()
    watch.stream.cancel()


def test_a_watch_goes_on_over_a_restart_and_says_when_it_cannot(api, fresh, dial):
    server = fresh("--set", "catalog.checkpoint_entries=10")
    watch = Watch(api, dial(server))
    server.sql("CREATE TABLE t AS SELECT 1 AS a")
    sequence, changes = watch.next()
    server.restart()
    again = Watch(api, dial(server), after=watch.start)
    assert again.next() == (sequence, changes)
    again.stream.cancel()
    for i in range(30):
        server.sql(f"INSERT INTO t VALUES ({i})")
    server.restart()
    fails(StatusCode.OUT_OF_RANGE, lambda: Watch(api, dial(server), after=watch.start), "not kept")
    fails(StatusCode.OUT_OF_RANGE, lambda: Watch(api, dial(server), after=10**9), "last sequence")


def test_a_transaction_is_one_message(api, server, dial):
    for name in ("both_a", "both_b"):
        server.sql(f"CREATE TABLE {name} (a INTEGER)")
    watch = Watch(api, dial(server))
    server.duckdb().execute("USE lake.data; BEGIN; INSERT INTO both_a VALUES (1); INSERT INTO both_b VALUES (1); COMMIT")
    assert sorted(watch.next()[1]) == [("UPDATED", f"data.{name}", snapshot(server, name)) for name in ("both_a", "both_b")]
    watch.stream.cancel()


def test_changes_of_another_gateway_are_seen(api, fresh, dial, tmp_path):
    one, other = fresh(root=tmp_path / "shared"), fresh(root=tmp_path / "shared")
    watch = Watch(api, dial(one))
    other.sql("CREATE TABLE theirs AS SELECT 1 AS a")
    assert watch.next()[1] == [("CREATED", "data.theirs", snapshot(other, "theirs"))]
    watch.stream.cancel()


def test_a_slow_client_is_cut_off_and_goes_on_after_its_last_sequence(api, fresh, dial):
    server = fresh("--set", "grpc.watch_lag_max=8")
    name, cut = "n" * 200, 'WatchChanges",status="RESOURCE_EXHAUSTED"} 1\n'
    server.sql(f"CREATE TABLE {name} (a INTEGER)")
    small = [("grpc.http2.lookahead_bytes", 1024), ("grpc.http2.bdp_probe", 0)]  # what the client's library reads ahead
    slow, quick, expected = Watch(api, dial(server, small)), Watch(api, dial(server)), []
    for i in range(3000):
        server.request("PATCH", f"/catalog/datasets/by-name/{name}/metadata", json={"owner": f"o{i}"}).raise_for_status()
        expected.append(quick.next())
        if cut in server.request("GET", "/metrics").text:
            break
    assert cut in server.request("GET", "/metrics").text
    got = []
    with pytest.raises(grpc.RpcError) as raised:
        while True:
            got.append(slow.next())
    assert raised.value.code() == StatusCode.RESOURCE_EXHAUSTED and "go on after" in raised.value.details()
    assert len(got) < len(expected)
    again = Watch(api, dial(server), after=got[-1][0] if got else slow.start)
    assert got + [again.next() for _ in expected[len(got):]] == expected
    again.stream.cancel()
    quick.stream.cancel()


# ---- limits ----

def test_limits(api, fresh, dial):
    server = fresh("--set", "grpc.watches_max=2", "--set", "grpc.message_max_bytes=2000")
    stub, messages = dial(server), api[0]
    fails(StatusCode.RESOURCE_EXHAUSTED, lambda: stub.GetDataset(messages.GetDatasetRequest(name="x" * 3000), timeout=WAIT), "larger than max")
    fails(StatusCode.NOT_FOUND, lambda: stub.GetDataset(messages.GetDatasetRequest(name="x" * 200), timeout=WAIT))
    for i in range(30):
        server.sql(f"CREATE TABLE t{i} (a INTEGER)")
    fails(StatusCode.RESOURCE_EXHAUSTED, lambda: stub.ListDatasets(messages.ListDatasetsRequest(), timeout=WAIT), "grpc.message_max_bytes")
    assert len(stub.ListDatasets(messages.ListDatasetsRequest(limit=3), timeout=WAIT).items) == 3
    watches = [Watch(api, stub) for _ in range(2)]
    fails(StatusCode.RESOURCE_EXHAUSTED, lambda: Watch(api, stub), "watches_max")
    watches[0].stream.cancel()
    while "lakehouse_grpc_watches 1\n" not in server.request("GET", "/metrics").text:
        pass
    watches[0] = Watch(api, stub)
    for watch in watches:
        watch.stream.cancel()


def test_a_deadline_ends_a_watch(api, server, dial):
    stream = dial(server).WatchChanges(api[0].WatchChangesRequest(), timeout=0.5)
    fails(StatusCode.DEADLINE_EXCEEDED, lambda: list(stream))
    while "lakehouse_grpc_watches 0\n" not in server.request("GET", "/metrics").text:
        pass


def test_bytes_that_are_no_message(server):
    with grpc.insecure_channel(server.grpc) as channel:
        for method in ("ListDatasets", "GetDataset", "RegisterDataset"):
            call = channel.unary_unary(f"/lakehouse.v1.CatalogService/{method}")
            fails(StatusCode.INVALID_ARGUMENT, lambda: call(b"\xff\xff\xff", timeout=WAIT), "no lakehouse.v1.")
            fails(StatusCode.INVALID_ARGUMENT, lambda: call(b"\x0a\x02\xff\xfe", timeout=WAIT), "UTF-8")
        fails(StatusCode.UNIMPLEMENTED, lambda: channel.unary_unary("/lakehouse.v1.CatalogService/Nope")(b"", timeout=WAIT), "no such method")
        packed = channel.unary_unary("/lakehouse.v1.CatalogService/GetDataset")
        fails(StatusCode.UNIMPLEMENTED, lambda: packed(b"\x0a\x01x", timeout=WAIT, compression=grpc.Compression.Gzip))
    assert server.request("GET", "/health").status_code == 200


# ---- keys ----

@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """A server with keys: (server, {permission: key})."""
    running = Server(tmp_path_factory.mktemp("keys") / "root", env={"LAKEHOUSE__AUTH__MODE": "keys", "LAKEHOUSE__AUTH__ADMIN_KEY": ADMIN})
    running.headers = {"X-API-Key": ADMIN}
    running.sql("CREATE TABLE t AS SELECT 42 AS a")
    keys = {p: running.request("POST", "/access/keys", json={"name": p, "permission": p}).json()["key"] for p in ("read", "write")}
    yield running, {**keys, "admin": ADMIN}
    running.stop()


def test_keys(api, locked, dial):
    (server, keys), messages = locked, api[0]
    stub = dial(server)
    get = lambda *metadata: stub.GetDataset(messages.GetDatasetRequest(name="t"), metadata=metadata, timeout=WAIT).row_count
    for key in keys.values():
        assert get(("x-api-key", key)) == get(("authorization", "Bearer " + key)) == 1
    for metadata in [(), (("x-api-key", "lh_no_key"),), (("authorization", "Bearer " + keys["read"] + "0"),), (("authorization", "Basic eDp5"),), (("x-api-key", ""),)]:
        fails(StatusCode.UNAUTHENTICATED, lambda m=metadata: get(*m), "API key")
    register = messages.RegisterDatasetRequest(name="r", files=["nope.parquet"], format="parquet")
    fails(StatusCode.PERMISSION_DENIED, lambda: stub.RegisterDataset(register, metadata=[("x-api-key", keys["read"])], timeout=WAIT), "RegisterDataset")
    fails(StatusCode.NOT_FOUND, lambda: stub.RegisterDataset(register, metadata=[("x-api-key", keys["write"])], timeout=WAIT), "nope.parquet")
    fails(StatusCode.UNAUTHENTICATED, lambda: Watch(api, stub))
    Watch(api, stub, metadata=[("x-api-key", keys["read"])]).stream.cancel()


def test_without_a_key_only_health_answers(locked):
    server, keys = locked
    with grpc.insecure_channel(server.grpc) as channel:
        assert health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=WAIT).status == health_pb2.HealthCheckResponse.SERVING
        fails(StatusCode.UNAUTHENTICATED, lambda: channel.unary_unary("/no.such.Service/Method")(b"", timeout=WAIT))
        reflect = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        fails(StatusCode.UNAUTHENTICATED, lambda: list(reflect(iter([asked]), timeout=WAIT)))
        assert len(list(reflect(iter([asked]), metadata=[("x-api-key", keys["read"])], timeout=WAIT))) == 1


# ---- health and reflection ----

def test_health(api, server, dial):
    stub = dial(server, stub=health_pb2_grpc.HealthStub)
    for service in ("", "lakehouse.v1.CatalogService"):
        assert stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=WAIT).status == health_pb2.HealthCheckResponse.SERVING
    fails(StatusCode.NOT_FOUND, lambda: stub.Check(health_pb2.HealthCheckRequest(service="nope"), timeout=WAIT), "nope")
    for service, status in (("", health_pb2.HealthCheckResponse.SERVING), ("nope", health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)):
        stream = stub.Watch(health_pb2.HealthCheckRequest(service=service), timeout=WAIT)
        assert next(stream).status == status
        stream.cancel()


def test_reflection_gives_what_a_client_needs(server):
    with grpc.insecure_channel(server.grpc) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert set(database.get_services()) == {"lakehouse.v1.CatalogService", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"}
        pool = descriptor_pool.DescriptorPool(database)
        service = pool.FindServiceByName("lakehouse.v1.CatalogService")
        assert [m.name for m in service.methods] == ["ListDatasets", "GetDataset", "RegisterDataset", "WatchChanges"]
        assert pool.FindMessageTypeByName("lakehouse.v1.Dataset").fields_by_name["snapshot_id"].number == 8
        for service in database.get_services():
            assert pool.FindServiceByName(service)
        reflect = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo
        Request = reflection_pb2.ServerReflectionRequest
        good = [Request(file_containing_symbol=s) for s in ("lakehouse.v1.Change.Kind", "lakehouse.v1.CatalogService.WatchChanges", "grpc.health.v1.Health")] + [Request(file_by_filename="lakehouse.proto")]
        bad = [Request(file_containing_symbol=s) for s in ("lakehouse.v1.Chang", "lakehouse.v1", "nope", "", "lakehouse.v1.Change.Kind.")] + \
            [Request(file_by_filename="nope.proto"), Request(all_extension_numbers_of_type="x"), Request()]
        answers = list(reflect(iter(good + bad), timeout=WAIT))
        assert [a.WhichOneof("message_response") for a in answers] == ["file_descriptor_response"] * len(good) + ["error_response"] * len(bad)
        assert [a.original_request for a in answers] == good + bad
        assert {a.error_response.error_code for a in answers[len(good):]} == {StatusCode.NOT_FOUND.value[0], StatusCode.INVALID_ARGUMENT.value[0]}


# ---- start and stop ----

def test_a_stop_ends_watches_and_lets_calls_end(api, fresh, dial):
    server = fresh()
    stub, health = dial(server), dial(server, stub=health_pb2_grpc.HealthStub)
    watch, beat = Watch(api, stub), health.Watch(health_pb2.HealthCheckRequest(), timeout=WAIT)
    assert next(beat).status == health_pb2.HealthCheckResponse.SERVING
    server.stop()
    fails(StatusCode.UNAVAILABLE, watch.next, "stopping")
    fails(StatusCode.UNAVAILABLE, lambda: list(beat))
    fails(StatusCode.UNAVAILABLE, lambda: stub.ListDatasets(api[0].ListDatasetsRequest(), timeout=WAIT))


def test_many_clients_at_once_and_a_stop_in_the_middle(api, fresh, dial):
    server = fresh()
    server.sql("CREATE TABLE t AS SELECT 1 AS a")
    rounds, half, outcomes = 10 if SANITIZED else 30, threading.Barrier(9), []

    def client(number):
        """So many rounds, and then on until it is stopped."""
        stub = dial(server)
        for i in itertools.count():
            if i == rounds:
                half.wait(WAIT)
            try:
                if i % 3 == 0:
                    stub.ListDatasets(api[0].ListDatasetsRequest(), timeout=WAIT)
                elif i % 3 == 1:
                    stub.GetDataset(api[0].GetDatasetRequest(name="t"), timeout=WAIT)
                else:
                    watch = Watch(api, stub)
                    if number % 2:
                        watch.stream.cancel()
                outcomes.append((i, StatusCode.OK))
            except grpc.RpcError as error:
                outcomes.append((i, error.code()))
                if i >= rounds and error.code() == StatusCode.UNAVAILABLE:
                    return

    clients = [threading.Thread(target=client, args=(n,)) for n in range(8)]
    for thread in clients:
        thread.start()
    half.wait(WAIT)
    server.stop()
    for thread in clients:
        thread.join()
    assert [code for i, code in outcomes if i < rounds] == [StatusCode.OK] * 8 * rounds
    # CANCELLED: gRPC's own answer to what arrives in the moment when its server is told to stop
    assert {code for i, code in outcomes} <= {StatusCode.OK, StatusCode.UNAVAILABLE, StatusCode.CANCELLED}
    assert outcomes[-1][1] == StatusCode.UNAVAILABLE


def serve(folder, *args, **env):
    return subprocess.run([BINARY, "serve", "--root", folder / "r", "--listen", "127.0.0.1:0", *args], capture_output=True, text=True, timeout=300, env={**os.environ, **env})


def test_what_it_does_not_start_with(server, tmp_path):
    host, port = server.grpc.rsplit(":", 1)
    done = serve(tmp_path, "--set", f"grpc.port={port}")
    assert done.returncode == 1 and f"{server.grpc} is in use" in done.stderr and "grpc.port" in done.stderr and len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
    done = serve(tmp_path, "--set", "grpc.host=0.0.0.0", "--set", "auth.mode=off")
    assert done.returncode == 1 and "grpc.host 0.0.0.0 is reachable" in done.stderr
    done = serve(tmp_path, "--set", "grpc.host=nowhere.invalid")
    assert done.returncode == 1 and "nowhere.invalid" in done.stderr


def listening(process):
    """(address, port) of every socket on which the process takes TCP connections."""
    inodes = {link.split("[")[1][:-1] for fd in os.listdir(f"/proc/{process.pid}/fd") if (link := read_link(f"/proc/{process.pid}/fd/{fd}")).startswith("socket:")}
    found = set()
    for family, table in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
        for line in pathlib.Path(f"/proc/{process.pid}/net/{table}").read_text().splitlines()[1:]:
            local, state, inode = (line.split()[i] for i in (1, 3, 9))
            if state == "0A" and inode in inodes:
                address, port = local.split(":")
                words = b"".join(int(address[i:i + 8], 16).to_bytes(4, sys.byteorder) for i in range(0, len(address), 8))
                found.add((socket.inet_ntop(family, words).removeprefix("::ffff:"), int(port, 16)))
    return found


def read_link(path):
    try:
        return os.readlink(path)
    except FileNotFoundError:  # closed meanwhile
        return ""


def two_free_ports():
    """A free port with a free one behind it."""
    while True:
        port = free_port()
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port + 1))
                return port
            except (OSError, OverflowError):
                continue


def test_unless_told_otherwise_it_listens_on_loopback_behind_the_port_of_http(fresh):
    port = two_free_ports()
    server = fresh("--listen", f"127.0.0.1:{port}")  # the last --listen holds
    assert server.url.endswith(f":{port}") and server.grpc == f"127.0.0.1:{port + 1}"
    found = listening(server.process)
    assert {("127.0.0.1", port), ("127.0.0.1", port + 1)} <= found
    assert {address for address, _ in found} == {"127.0.0.1"}, found


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "[::]", "192.0.2.7", "example.org", "127.0.0.1.example.org"])
def test_without_keys_it_listens_for_nobody_else_as_http_does(tmp_path, host):
    address = f"[{host}]" if host == "::" else host
    for arguments, setting in ((("--set", f"grpc.host={host}"), "grpc.host"), (("--set", f"server.listen={address}:0"), "server.listen")):
        done = subprocess.run([BINARY, "serve", "--root", tmp_path / "r", "--set", "auth.mode=off", *arguments], capture_output=True, text=True, timeout=300)
        assert done.returncode == 1 and done.stdout == "" and not (tmp_path / "r").exists()
        assert f"{setting} {host if setting == 'grpc.host' else address}" in done.stderr and "reachable" in done.stderr and "auth.mode" in done.stderr, done.stderr


def test_it_can_be_off(fresh):
    server = fresh("--set", "grpc.enabled=false")
    server.process.send_signal(15)
    assert server.process.stdout.read() == ""
    server.process.wait(300)


def test_tls(api, fresh, tmp_path):
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    server = fresh(env={"LAKEHOUSE__SERVER__TLS_CERTIFICATE": str(certificate), "LAKEHOUSE__SERVER__TLS_KEY": str(key)})
    with grpc.secure_channel(server.grpc, grpc.ssl_channel_credentials(certificate.read_bytes())) as channel:
        assert len(api[1].CatalogServiceStub(channel).ListDatasets(api[0].ListDatasetsRequest(), timeout=WAIT).items) == 0
    with grpc.insecure_channel(server.grpc) as channel:
        fails(StatusCode.UNAVAILABLE, lambda: api[1].CatalogServiceStub(channel).ListDatasets(api[0].ListDatasetsRequest(), timeout=WAIT))


def test_one_shot_commands_do_not_listen(tmp_path):
    """With --root and no server, a command brings its own stack: without gRPC, so a taken port does not matter."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = subprocess.run([BINARY, "sql", "--root", tmp_path / "r", "-c", "SELECT 7"], capture_output=True, text=True, timeout=300,
                              env={**os.environ, "LAKEHOUSE__GRPC__PORT": str(taken.getsockname()[1])})
        assert done.returncode == 0 and "7" in done.stdout, done.stderr

"""SIGKILL at random moments: every acknowledged row is there, none twice, nothing half done, and it starts again."""
import json
import os
import random
import statistics
import threading
import time

import requests

from harness import SANITIZED, Server, wait_for

ROUNDS = 8 if SANITIZED else int(os.environ.get("LAKEHOUSE_KILLS", 30))  # what is promised holds over the 100 of `make crash`


class Writer(threading.Thread):
    """Writes batches until the server dies; remembers what was acknowledged and what was only tried."""

    def __init__(self, server, table, first):
        super().__init__(daemon=True)
        self.server, self.table, self.next = server, table, first
        self.acknowledged, self.tried = [], []

    def write(self, batch):
        raise NotImplementedError

    def run(self):
        while True:
            batch = self.next
            self.next += 1
            self.tried.append(batch)
            try:
                answer = self.write(batch)
            except requests.RequestException:
                return
            if answer.status_code == 200:
                self.acknowledged.append(batch)


class SqlWriter(Writer):
    def write(self, batch):
        return self.server.query(f"INSERT INTO {self.table} SELECT {batch} AS batch, i AS n FROM range(20) r(i)")


class FileWriter(Writer):
    def write(self, batch):
        body = "batch,n\n" + "".join(f"{batch},{n}\n" for n in range(20))
        return self.server.ingest(body.encode(), self.table, name=f"{batch}.csv", mode="append")


def test_nothing_acknowledged_is_lost(tmp_path):
    server = Server(tmp_path / "root")
    server.sql("CREATE TABLE by_sql (batch BIGINT, n BIGINT)")
    server.sql("CREATE TABLE by_file (batch BIGINT, n BIGINT)")
    acknowledged = {"by_sql": set(), "by_file": set()}
    tried = {"by_sql": set(), "by_file": set()}
    dice = random.Random(20261123)
    for round_ in range(ROUNDS):
        writers = [SqlWriter(server, "by_sql", round_ * 100000), FileWriter(server, "by_file", round_ * 100000)]
        for writer in writers:
            writer.start()
        if round_ % 2:  # else a slow machine dies before its first answer every time
            wait_for(lambda: all(writer.acknowledged for writer in writers))
        time.sleep(dice.uniform(0.02, 0.6))
        server.kill()
        for writer in writers:
            writer.join(60)
            assert not writer.is_alive()
            acknowledged[writer.table] |= set(writer.acknowledged)
            tried[writer.table] |= set(writer.tried)
        server.start()
        for table in acknowledged:
            got = dict(map(tuple, server.sql(f"SELECT batch, count(*) FROM {table} GROUP BY batch")))
            assert all(count == 20 for count in got.values()), f"round {round_}: half a batch or a batch twice in {table}"
            lost = acknowledged[table] - set(got)
            assert not lost, f"round {round_}: acknowledged and lost in {table}: {sorted(lost)[:5]}"
            assert set(got) <= tried[table], f"round {round_}: rows that nobody wrote in {table}"
            if round_ % 10 == 9:  # hundreds of small files make the rounds behind slow, and tell nothing more
                assert server.request("POST", "/query/compact", json={"dataset": table}).status_code == 200
    assert min(map(len, acknowledged.values())) > ROUNDS // 4, "too few writes were acknowledged to show anything"
    entries = (json.loads(line) for line in server.log_text().splitlines() if line.startswith("{"))
    starts = [int(entry["start_ms"]) for entry in entries if entry["message"] == "ready"]
    print({table: len(batches) for table, batches in acknowledged.items()}, f"start_ms: median {statistics.median(starts)}, most {max(starts)}")
    assert len(starts) == ROUNDS + 1
    # the lake is whole for a stranger, too
    for table in acknowledged:
        opened = server.pyiceberg().load_table(f"data.{table}")
        assert opened.scan().to_arrow().num_rows == server.sql(f"SELECT count(*) FROM {table}")[0][0]
    server.stop()

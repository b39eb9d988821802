"""`lakehouse buckets` and `lakehouse profiles`: objects both ways, what failed, users' buckets."""
import json
import os
import re
import subprocess

import pytest

from commands import Terminal, environment, lakehouse
from harness import BINARY, Server, wait_for

ALL_BYTES = bytes(range(256)) * 5000


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """The primary, `two`, the rescue bucket `spare`, and the profile of ann."""
    folder = tmp_path_factory.mktemp("buckets")
    (folder / "lakehouse.toml").write_text('[storage]\nrescue_bucket = "spare"\nprobe_interval_ms = 100\nprofile_root = "profiles"\n'
                                           '[[storage.buckets]]\nname = "two"\nroot = "two"\n[[storage.buckets]]\nname = "spare"\nroot = "spare"\n')
    (folder / "profiles").mkdir()
    (folder / "profiles" / "ann.json").write_text(json.dumps(
        {"bucket": {"name": "anns", "root": "ann"}, "cache_pins": ["people.visits"], "defaults": {"namespace": "people", "backend": "hnsw"}}))
    running = Server(folder / "root", "--config", "lakehouse.toml", cwd=folder, env={"LAKEHOUSE__AI__EMBED_PROVIDER": "hash"})
    running.folder = folder
    yield running
    running.stop()


def buckets(lake, *words, **options):
    return lakehouse("buckets", *words, "--url", lake.url, **options)


def stored(lake, bucket, key, data):
    answer = lake.request("PUT", f"/storage/buckets/{bucket}/objects/{key}", data=data)
    assert answer.status_code == 200, answer.text


def test_a_file_goes_into_a_bucket_and_comes_back(lake, tmp_path):
    (tmp_path / "a.bin").write_bytes(ALL_BYTES)
    assert buckets(lake, "put", "two", "in/ä %2F?.bin", "a.bin", cwd=tmp_path).stdout == "a.bin → two/in/ä %2F?.bin: 1.3 MB\n"
    assert (lake.folder / "two" / "in" / "ä %2F?.bin").read_bytes() == ALL_BYTES
    got = buckets(lake, "get", "two", "in/ä %2F?.bin", cwd=tmp_path)
    assert got.stdout == "two/in/ä %2F?.bin → ä %2F?.bin: 1.3 MB\n" and got.stderr == ""
    assert (tmp_path / "ä %2F?.bin").read_bytes() == ALL_BYTES
    buckets(lake, "get", "two", "in/ä %2F?.bin", "b.bin", cwd=tmp_path)
    assert (tmp_path / "b.bin").read_bytes() == ALL_BYTES
    told = json.loads(buckets(lake, "put", "two", "empty", "-", "--json", stdin="").stdout)
    assert told["key"] == "empty" and told["size_bytes"] == 0
    assert buckets(lake, "get", "two", "empty", "-").stdout == ""
    buckets(lake, "put", "two", "words", "-", stdin="some\nwords\n")
    assert buckets(lake, "get", "two", "words", "-").stdout == "some\nwords\n"
    assert buckets(lake, "remove", "two", "words", "--yes").stdout == "removed two/words\n"
    assert lake.request("GET", "/storage/buckets/two/objects/words").status_code == 404


def test_what_cannot_be_got_or_put_is_said_and_leaves_files_alone(lake, tmp_path):
    (tmp_path / "mine").write_text("mine")
    done = buckets(lake, "get", "two", "no/mine", cwd=tmp_path, check=False)
    assert done.returncode == 1 and "no/mine" in done.stderr and (tmp_path / "mine").read_text() == "mine"
    done = buckets(lake, "get", "nine", "mine", "-", check=False)
    assert done.returncode == 1 and "primary, two, spare" in done.stderr and done.stdout == ""
    stored(lake, "two", "small", b"x")
    done = buckets(lake, "get", "two", "small", "no/such/folder/f", cwd=tmp_path, check=False)
    assert done.returncode == 1 and "cannot open no/such/folder/f" in done.stderr
    done = buckets(lake, "get", "two", "folder/", check=False)
    assert done.returncode == 1 and "name a FILE" in done.stderr
    stored(lake, "two", "large", ALL_BYTES)
    done = buckets(lake, "get", "two", "large", "/dev/full", check=False)
    assert done.returncode == 1 and "cannot write /dev/full" in done.stderr
    done = buckets(lake, "put", "two", "x", "missing.txt", cwd=tmp_path, check=False)
    assert done.returncode == 1 and "missing.txt" in done.stderr
    done = buckets(lake, "put", "primary", "_catalog/log/x", "mine", cwd=tmp_path, check=False)
    assert done.returncode == 1 and done.stderr.startswith("lakehouse: mine: ")
    for wrong in [("get", "two"), ("put", "two", "x"), ("remove", "two"), ("objects",), ("list", "x"), ("get", "two", "")]:
        done = buckets(lake, *wrong, check=False)
        assert done.returncode == 2 and f"buckets {wrong[0]} takes " in done.stderr, wrong
    assert "did you mean `lakehouse buckets objects`?" in buckets(lake, "objcts", check=False).stderr


def test_on_a_terminal_a_bar_is_drawn_bytes_are_refused_and_remove_asks(lake, tmp_path):
    stored(lake, "two", "shown", ALL_BYTES)
    terminal = Terminal(tmp_path, "buckets", "get", "two", "shown", "--url", lake.url)
    terminal.expect("shown  [")
    terminal.expect("two/shown → shown: 1.3 MB")
    assert terminal.wait() == 0 and (tmp_path / "shown").read_bytes() == ALL_BYTES
    terminal = Terminal(tmp_path, "buckets", "put", "two", "shown", "shown", "--url", lake.url)
    terminal.expect("shown  [")
    terminal.expect("storing")
    terminal.expect("shown → two/shown: 1.3 MB")
    assert terminal.wait() == 0
    terminal = Terminal(tmp_path, "buckets", "get", "two", "shown", "-", "--url", lake.url)
    terminal.expect("name a FILE")
    assert terminal.wait() == 1
    for answer, kept in [("n\n", True), ("y\n", False)]:
        terminal = Terminal(tmp_path, "buckets", "remove", "two", "shown", "--url", lake.url)
        terminal.expect("Remove two/shown?")
        terminal.send(answer)
        terminal.expect("nothing was removed" if kept else "removed two/shown")
        assert terminal.wait() == (1 if kept else 0)
        assert (lake.folder / "two" / "shown").exists() == kept


def test_objects_are_listed_all_or_a_page_at_a_time(lake):
    (lake.folder / "two" / "many").mkdir()
    for i in range(1005):
        (lake.folder / "two" / "many" / f"{i:04}").write_bytes(b"x" * i)
    out = buckets(lake, "objects", "two", "--prefix", "many/").stdout
    assert re.findall(r"many/(\d{4})", out) == [f"{i:04}" for i in range(1005)] and re.search(r"many/1004 +│ +1004 │ 20", out)
    whole = json.loads(buckets(lake, "objects", "two", "--prefix", "many/", "--json").stdout)
    assert len(whole["items"]) == 1005 and whole["next_page_token"] is None
    first = buckets(lake, "objects", "two", "--prefix", "many/", "--limit", "2")
    token, = re.findall(r"there are more: --page-token '(.+)'", first.stderr)
    page = ["objects", "two", "--prefix", "many/", "--limit", "2", "--page-token", token]
    assert "many/0001" in first.stdout and "many/0002" not in first.stdout
    assert [o["key"] for o in json.loads(buckets(lake, *page, "--json").stdout)["items"]] == ["many/0002", "many/0003"]
    done = buckets(lake, "objects", "two", "--limit", "none", check=False)
    assert done.returncode == 1 and "limit" in done.stderr


def test_a_bucket_that_is_away_is_rescued_told_and_its_errors_are_found(lake, tmp_path):
    stored(lake, "two", "both", b"two")
    stored(lake, "spare", "both", b"spare")
    (lake.folder / "two").rename(lake.folder / "two-away")
    try:
        wait_for(lambda: "unreachable" in buckets(lake, "health", check=False).stdout)
        got = buckets(lake, "get", "two", "both", "-")
        assert got.stdout == "spare" and "'two' does not answer; this is what the rescue bucket 'spare' has" in got.stderr
        (tmp_path / "f").write_text("x")
        for key in ("new1", "new2"):
            done = buckets(lake, "put", "two", key, "f", cwd=tmp_path, check=False)
            assert done.returncode == 1 and done.stderr.startswith("lakehouse: f: ") and "two" in done.stderr
    finally:
        (lake.folder / "two-away").rename(lake.folder / "two")
    wait_for(lambda: buckets(lake, "health", check=False).returncode == 0)

    def errors(*flags):
        return json.loads(buckets(lake, "errors", "--json", *flags).stdout)["items"]

    assert [e["key"] for e in errors("--operation", "put", "--bucket", "two")] == ["new2", "new1"]
    assert [e["key"] for e in errors("--operation", "put", "--code", "unavailable", "--limit", "1")] == ["new2"]
    first = buckets(lake, "errors", "--operation", "put", "--limit", "1")
    token, = re.findall(r"--page-token '(.+)'", first.stderr)
    assert [e["key"] for e in errors("--operation", "put", "--limit", "1", "--page-token", token)] == ["new1"]
    assert errors("--bucket", "spare") == errors("--code", "denied") == errors("--since", "2100-01-01T00:00:00Z") == []
    done = buckets(lake, "errors", "--since", "yesterday", check=False)
    assert done.returncode == 1 and "'since' is a time" in done.stderr


def test_what_ends_early_is_said_to_be_not_whole(lake, tmp_path):
    stored(lake, "two", "cut", os.urandom(64 << 20))  # more than lies in buffers between the file and us
    os.mkfifo(tmp_path / "pipe")
    get = subprocess.Popen([str(BINARY), "buckets", "get", "two", "cut", "pipe", "--url", lake.url], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
                           env=environment())
    with open(tmp_path / "pipe", "rb") as pipe:
        assert pipe.read(1)
        os.truncate(lake.folder / "two" / "cut", 1000)
        while pipe.read(1 << 20):
            pass
    said = get.communicate(timeout=120)[1]
    assert get.returncode == 1 and re.search(r"pipe is not whole, \d+ bytes of it came: ", said), said


def test_programs_get_the_answers_of_the_server(lake):
    assert json.loads(buckets(lake, "--json").stdout) == lake.request("GET", "/storage/buckets").json()
    health = json.loads(buckets(lake, "health", "--json").stdout)["items"]
    assert {b["name"]: b["state"] for b in health} == {"primary": "ok", "two": "ok", "spare": "ok"}
    assert json.loads(buckets(lake, "migrate", "--json").stdout) == lake.request("POST", "/catalog/migrate-buckets").json()


def test_ingest_goes_where_it_is_sent_and_keeps_where_it_came_from(lake, tmp_path):
    (tmp_path / "f.csv").write_text("a\n1\n")
    lakehouse("ingest", tmp_path / "f.csv", "-d", "far", "--bucket", "two", "--source", "nightly", "--url", lake.url)
    assert lake.request("GET", "/datasets/by-name/far").json()["location"].startswith(f"{lake.folder}/two/")
    assert "nightly" in lakehouse("datasets", "lineage", "far", "--json", "--url", lake.url).stdout
    (tmp_path / "g.csv").write_text("a\n2\n")
    done = lakehouse("ingest", tmp_path / "g.csv", "-d", "far", "--bucket", "spare", "--mode", "append", "--url", lake.url, check=False)
    assert done.returncode == 1 and "'two'" in done.stderr
    done = lakehouse("ingest", tmp_path / "g.csv", "-d", "broken", "--bucket", "a\nb", "--url", lake.url, check=False)
    assert done.returncode == 1 and "not allowed" in done.stderr


def test_a_profile_is_shown_taken_up_and_let_go(lake, tmp_path):
    def profiles(*words, **options):
        return lakehouse("profiles", *words, "--url", lake.url, **options)

    (tmp_path / "visits.csv").write_text("a\n1\n")
    load = ["ingest", tmp_path / "visits.csv", "--profile", "ann", "--url", lake.url]
    assert re.search(r"ann +│ false +│ anns +│ anns +│ people +│ hnsw +│ \[\"people.visits\"\]", profiles("show", "ann").stdout)
    done = lakehouse(*load, check=False)
    assert done.returncode == 1 and "the profile 'ann' is not active" in done.stderr
    assert re.search(r"ann +│ true +│ anns", profiles("activate", "ann").stdout)
    assert json.loads(profiles("show", "ann", "--json").stdout) == lake.request("GET", "/profile/ann").json()
    assert json.loads(profiles("activate", "ann", "--json").stdout)["active"]
    lakehouse(*load)
    assert lake.request("GET", "/datasets/by-name/people.visits").json()["location"].startswith(f"{lake.folder}/profiles/ann/")
    lakehouse("vectors", "index", "visits", "--id", "a", "--text", "a", "--profile", "ann", "--url", lake.url)
    assert lake.request("GET", "/vectors/indexes/visits").json()["dataset"] == "people.visits"
    assert profiles("deactivate", "ann").stdout == "the profile of ann is not active\n"
    assert not lake.request("GET", "/profile/ann").json()["active"]
    done = profiles("activate", "nobody", check=False)
    assert done.returncode == 1 and "there is no profile 'nobody'" in done.stderr
    assert profiles(check=False).returncode == profiles("show", check=False).returncode == profiles("shw", "ann", check=False).returncode == 2
    assert os.path.isdir(lake.folder / "profiles" / "ann")

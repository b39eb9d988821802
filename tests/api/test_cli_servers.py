"""Commands find the server of a lake, or say why there is none."""
import os
import pathlib
import subprocess
import tempfile

import pytest

from commands import environment, lakehouse
from harness import BINARY, free_port


def test_two_servers_of_one_root_are_each_found(fresh, tmp_path):
    first = fresh(root=tmp_path / "lake")
    second = fresh(root=tmp_path / "lake")
    assert "another server serves this root too" in second.log_text() and first.url in second.log_text()
    assert len(list((tmp_path / "lake" / ".scratch").glob("server-*.json"))) == 2
    second.stop()
    done = lakehouse("sql", "--root", tmp_path / "lake", "-c", "SELECT 1 AS one")
    assert "opening the lake" not in done.stderr
    assert first.url in lakehouse("doctor", "--root", tmp_path / "lake").stdout


def test_what_a_killed_server_announced_is_not_believed_and_goes(fresh, tmp_path):
    killed = fresh(root=tmp_path / "lake")
    killed.kill()
    (left,) = (tmp_path / "lake" / ".scratch").glob("server-*.json")
    assert "opening the lake here" in lakehouse("sql", "--root", tmp_path / "lake", "-c", "SELECT 1").stderr
    fresh(root=tmp_path / "lake")
    assert not left.exists()


def test_serve_on_a_taken_port_says_whose_it_is_and_makes_nothing(server, tmp_path):
    listen = ["--listen", server.url.split("//")[1]]
    done = lakehouse("serve", *listen, cwd=tmp_path, check=False)
    assert done.returncode == 1 and "another lakehouse, of another root, listens on" in done.stderr
    assert not (tmp_path / "lakehouse-data").exists()
    done = lakehouse("serve", "--root", server.root, *listen, check=False)
    assert done.returncode == 1 and f"a lakehouse serves {server.root} on" in done.stderr


def test_doctor_tells_a_server_of_another_root(server, tmp_path):
    done = lakehouse("doctor", "--root", tmp_path, "--listen", server.url.split("//")[1])
    assert f"a lakehouse answers at {server.url}, but of another root than {tmp_path}" in done.stdout


def test_doctor_fails_on_a_root_that_cannot_be_made(tmp_path):
    listen = ["--listen", f"127.0.0.1:{free_port()}"]
    done = lakehouse("doctor", "--root", "/proc/nope", *listen, check=False)
    assert done.returncode == 1 and "cannot be made in /proc" in done.stdout
    done = lakehouse("doctor", "--root", tmp_path / "a" / "b", *listen, check=False)
    assert done.returncode == 1 and f"cannot be made in {tmp_path / 'a'}" in done.stdout
    done = lakehouse("doctor", "--root", "fresh", *listen, cwd=tmp_path)
    assert "does not exist yet" in done.stdout and not (tmp_path / "fresh").exists()


def test_a_url_without_a_server_is_said_before_anything_else(tmp_path):
    (tmp_path / "x.csv").write_text("a\n1\n")
    url = f"http://127.0.0.1:{free_port()}"
    for command in [["sql"], ["datasets"], ["ingest", "x.csv"]]:
        done = lakehouse(*command, "--url", url, cwd=tmp_path, stdin="SELECT 1;", check=False)
        assert done.returncode == 1 and f"no lakehouse answers at {url}" in done.stderr


def test_that_there_is_no_key_yet_is_said_before_the_server_starts(fresh, tmp_path):
    keys = {"LAKEHOUSE__AUTH__MODE": "keys"}
    listen = ["--listen", f"127.0.0.1:{free_port()}"]
    root = tmp_path / "lake"
    assert "makes the first one" in lakehouse("config", "check", "--root", root, env=keys).stderr
    assert "WARN  keys" in lakehouse("doctor", "--root", root, *listen, env=keys).stdout
    assert not root.exists()
    admin = {**keys, "LAKEHOUSE__AUTH__ADMIN_KEY": "k" * 40}
    assert "the first one" not in lakehouse("config", "check", "--root", root, env=admin).stderr
    server = fresh(root=root, env=admin)
    server.headers = {"X-API-Key": "k" * 40}
    assert server.request("POST", "/access/keys", json={"name": "ann", "permission": "read"}).status_code == 201
    server.stop()
    assert "the first one" not in lakehouse("config", "check", "--root", root, env=keys).stderr
    assert "WARN  keys" not in lakehouse("doctor", "--root", root, *listen, env=keys).stdout


def test_settings_that_a_running_server_does_not_hear_are_named(server):
    done = lakehouse("sql", "--root", server.root, "--set", "engine.threads=1", "-c", "SELECT 1")
    assert "--set engine.threads=1 changes nothing" in done.stderr
    assert lakehouse("sql", "--root", server.root, "-c", "SELECT 1").stderr == ""


@pytest.mark.skipif(os.getuid() != 0, reason="needs to become another user")
def test_a_lake_that_this_user_may_not_write_is_a_clear_answer(fresh):
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are for their user only
        os.chmod(folder, 0o755)

        def sql():
            return subprocess.run([str(BINARY), "sql", "--root", f"{folder}/lake", "-c", "SELECT 7 AS a"], capture_output=True, text=True,
                                  env=environment(), cwd="/", user=65534, group=65534, extra_groups=[])

        server = fresh(root=pathlib.Path(folder) / "lake")
        assert "7" in sql().stdout  # the running server is found all the same
        server.stop()
        done = sql()
        assert done.returncode == 1 and "this user may not write in the lake" in done.stderr


def test_config_check_names_the_file(tmp_path):
    assert "no file" in lakehouse("config", "check", cwd=tmp_path).stdout
    (tmp_path / "lakehouse.toml").write_text("[engine]\nthreads = 3\n")
    assert lakehouse("config", "check", cwd=tmp_path).stdout == "lakehouse.toml is valid.\n"


def test_a_command_right_behind_serve_waits_for_the_engine(tmp_path):
    (tmp_path / "f.csv").write_text("a\n1\n")
    for number in range(3):
        serve = subprocess.Popen([str(BINARY), "serve", "--root", str(tmp_path / f"lake{number}"), "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, text=True, env=environment())
        try:
            url = serve.stdout.readline().split()[-1]
            assert "1 row" in lakehouse("ingest", tmp_path / "f.csv", "--url", url).stdout
        finally:
            serve.terminate()
            serve.wait(300)
            serve.stdout.close()

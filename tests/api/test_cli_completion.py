"""`lakehouse completion bash`, in a real bash: what Tab offers is what the commands take."""
import re
import subprocess

import pytest

from commands import Terminal, environment, lakehouse


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("completion") / "lakehouse.bash"
    path.write_text(lakehouse("completion", "bash").stdout)
    return path


def offered(script, line):
    """COMPREPLY for the line with the cursor behind it; the variables are as bash sets them."""
    words = line.split() + ([""] if line.endswith(" ") else [])
    ask = ('source "$1"; COMP_LINE=$2 COMP_POINT=${#2}; shift 2; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _lakehouse lakehouse "${@: -1}" "${@: -2:1}";'
           ' printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "--norc", "-uc", ask, "bash", script, line, *words], capture_output=True, text=True, env=environment())
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.split()


def commands():
    return re.findall(r"^  (\w+) ", lakehouse("help").stdout, re.M)


def test_tab_offers_commands_verbs_and_flags(script):
    assert offered(script, "lakehouse ") == commands() and {"serve", "datasets", "completion"} <= set(commands())
    assert offered(script, "lakehouse da") == ["datasets"]
    assert offered(script, "lakehouse datasets s") == ["show", "summary", "search", "set", "scan"]
    assert offered(script, "lakehouse tables --json or") == ["orphans"]
    assert offered(script, "lakehouse buckets ") == ["list", "health", "errors", "migrate", "objects", "get", "put", "remove"]
    assert offered(script, "lakehouse profiles ac") == ["activate"] and offered(script, "lakehouse buckets get --js") == ["--json"]
    assert offered(script, "lakehouse datasets list --js") == ["--json"]
    assert offered(script, "lakehouse help tab") == ["tables"] and offered(script, "lakehouse completion ") == ["bash"]


def test_where_a_file_or_a_value_stands_bash_itself_completes(script):
    for line in ["lakehouse serve ", "lakehouse serve --root ", "lakehouse sql -c ", "lakehouse datasets show ", "lakehouse datasets --to s",
                 "lakehouse ingest fl", "lakehouse datasets --url=http://127.0.0.1:31", "lakehouse nonsense --"]:
        assert offered(script, line) == [], line
    for before in ["--url http://127.0.0.1:3100", "--url=http://127.0.0.1:3100", "--root show", "--root --json", "-y"]:
        assert offered(script, f"lakehouse datasets {before} mig") == ["migrate"], before
    assert offered(script, "lakehouse datasets --root x show mig") == []


def test_what_is_offered_is_what_the_commands_take(script):
    for command in commands():
        told = lakehouse(command, "--help").stdout
        assert offered(script, f"lakehouse {command} --") == re.findall(r"^  ..[, ] (--[\w-]+)", told, re.M), command
        for flag, value in re.findall(r"^  ..[, ] (--[\w-]+)( [A-Z0|…]+)?", told, re.M):
            assert (offered(script, f"lakehouse {command} {flag} --he") == []) == bool(value), (command, flag)
        verbs = offered(script, f"lakehouse {command} ")
        assert bool(verbs) == (command not in ["serve", "sql", "ingest", "rag", "doctor", "openapi", "version"]), command
        if command in ["ask", "help", "completion"]:
            continue
        for verb in verbs:
            assert re.search(rf"\b{verb}\b", told.split("\n\n")[1]), (command, verb)
        assert verbs == [] or lakehouse(command, "no_such_verb", check=False).returncode == 2


def test_a_real_tab_in_a_real_bash(tmp_path):
    (tmp_path / "a file.csv").write_text("a\n1\n")
    bash = Terminal(tmp_path, "--norc", "--noprofile", "-i", program="bash")
    bash.prompt("bash> ")
    bash.send("source <(lakehouse completion bash)\n")
    bash.prompt("bash> ")
    bash.send("lakehouse vers\t\n")
    bash.expect("lakehouse 0.")
    bash.prompt("bash> ")
    bash.send("lakehouse config ch\t --conf\tno_such.toml\n")
    bash.expect("lakehouse: ")
    bash.expect("no_such.toml")
    bash.prompt("bash> ")
    bash.send("lakehouse ingest a\t")
    bash.expect("a\\ file.csv ")
    bash.send("\x15exit 3\n")
    assert bash.wait() == 3

"""`lakehouse sql` as a shell, on a real terminal."""
import time

import pytest

from commands import Terminal, lakehouse


@pytest.fixture
def shell(server, tmp_path):
    return Terminal(tmp_path, "sql", "--url", server.url)


def test_the_shell_edits_completes_remembers_and_describes(server, tmp_path):
    server.sql("CREATE TABLE cli_shell_table AS SELECT 41 AS number_of_things, 'x' AS s")
    shell = Terminal(tmp_path, "sql", "--url", server.url)
    shell.prompt()
    shell.send("select number_of_\t + 1\nfrom cli_shell_t\t;\n")
    shell.prompt("  ... ")
    shell.expect("42")
    shell.prompt()
    shell.send("\\d cli_shell_table\n")
    shell.expect("number_of_things")
    shell.expect("data.cli_shell_table: 1 row, ")
    shell.send("\\dt\n")
    shell.expect("data.cli_shell_table")
    shell.send("\\timing\n")
    shell.expect("times are off")
    shell.send("select broken from;\n")
    shell.expect("error: ")
    shell.prompt()
    shell.send("\\nonsense\n")
    shell.expect("\\? lists them")
    shell.send("\\q\n")
    assert shell.wait() == 0
    history = tmp_path / "lakehouse" / "sql_history"
    assert "cli_shell_table" in history.read_text() and history.stat().st_mode & 0o077 == 0
    again = Terminal(tmp_path, "sql", "--url", server.url)
    again.prompt()
    again.send("\x10")  # Ctrl-P: the last line of the session before
    again.expect("\\q")
    again.send("\n")
    assert again.wait() == 0


def test_ctrl_c_drops_the_line_or_stops_the_statement(server, tmp_path):
    shell = Terminal(tmp_path, "sql", "--url", server.url)
    shell.prompt()
    shell.send("select 'half of")
    shell.send("\x03")
    shell.prompt()
    shell.send("select count(*) from range(1000000) a, range(1000000) b;\n")
    shell.expect("range(1000000) b;")
    time.sleep(0.5)  # so that the statement runs; either way it must end
    shell.send("\x03")
    shell.expect("cancelled")
    shell.prompt()
    shell.send("select 6*7;\n")
    shell.expect("42")
    shell.prompt()
    shell.send("\x04")
    assert shell.wait() == 0


def test_ctrl_c_at_an_empty_line_gives_a_fresh_prompt(shell):
    shell.prompt()
    shell.send("\x03")
    shell.prompt()
    shell.send("select 'first line\n")
    shell.prompt("  ... ")
    shell.send("\x03")
    shell.ask("select 6*7;", "42")
    shell.prompt()
    shell.send("\\q\n")
    assert shell.wait() == 0


def test_a_semicolon_in_a_leading_comment_ends_nothing(shell):
    shell.prompt()
    shell.send("/* a comment;\nof two lines; */ select 6*7;\n")
    assert "error" not in shell.expect("42")
    shell.prompt()
    shell.send("exit\n")
    assert shell.wait() == 0


def test_words_that_people_try_are_understood(server, tmp_path):
    for word in ["quit", "exit;", "QUIT"]:
        shell = Terminal(tmp_path, "sql", "--url", server.url)
        shell.ask("help", "rows of one answer, 0 for all")
        shell.prompt()
        shell.send(word + "\n")
        assert shell.wait() == 0


def test_an_unfinished_statement_is_not_dropped_without_a_word(shell):
    shell.prompt()
    shell.send("select 1\n")
    shell.prompt("  ... ")
    shell.send("\x04")
    shell.expect("did not end")
    assert shell.wait() == 1


def test_a_transaction_is_collected_and_said(server, shell):
    server.sql("CREATE TABLE shell_tx (i INTEGER)")
    shell.ask("begin;", "sent together")
    shell.expect("begin> ")
    shell.send("insert into shell_tx values (1);\n")
    shell.expect("begin> ")
    assert server.sql("SELECT count(*) FROM shell_tx") == [[0]]
    shell.send("commit;\n")
    shell.expect("COMMIT (")
    assert server.sql("SELECT count(*) FROM shell_tx") == [[1]]
    shell.prompt()
    shell.send("\\q\n")
    assert shell.wait() == 0


def test_commands_say_what_they_take(shell):
    shell.ask("\\limit x", "\\limit takes a number of rows, 0 for all, not 'x'")
    shell.ask("\\i", "\\i takes a FILE")
    shell.ask("\\formt csv", "did you mean \\format?")
    shell.ask("\\limit 2", "at most 2 rows")
    shell.ask("from range(5);", "\\limit 0 shows all")
    shell.ask("\\dn", "data")
    shell.prompt()
    shell.send("\\q\n")
    assert shell.wait() == 0


def test_tab_quotes_names_and_knows_commands(server, tmp_path):
    server.sql('CREATE TABLE shell_tab AS SELECT 41 AS "Customer Name", 1 AS "order"')
    shell = Terminal(tmp_path, "sql", "--url", server.url)
    shell.ask("select Cust\t+ 1 from shell_ta\t;", "42")
    shell.ask("\\form\tc\t", "\r\n")
    shell.ask("select s.orde\t from shell_tab s;", "\r\norder\r")
    shell.prompt()
    shell.send("\\q\n")
    assert shell.wait() == 0


def test_answers_go_to_a_file_and_messages_stay(server, tmp_path):
    server.sql("CREATE TABLE shell_out AS SELECT 41 AS i")
    shell = Terminal(tmp_path, "sql", "--url", server.url)
    shell.ask("\\o out.txt", "\r\n")
    shell.ask("select 6*7 as answer;", "\r\n")
    shell.ask("\\d shell_out", "\r\n")
    shell.ask("\\timing", "times are off")
    shell.ask("select broken;", "error: ")
    shell.ask("\\o no/such/folder.txt", "error: cannot open no/such/folder.txt: No such file")
    shell.ask("insert into shell_out values (1);", "\r\n")  # still to the file that was open
    shell.ask("\\o", "\r\n")
    assert "42" not in shell.ask("select 'back ' || 'here' as w;", "back here")
    out = (tmp_path / "out.txt").read_text()
    assert "42\n(1 row in " in out and "data.shell_out: 1 row, " in out and out.endswith("INSERT 1\n") and "times" not in out
    shell.ask("\\o /dev/full", "\r\n")
    shell.ask("select 1;", "error: cannot write the answer to the file of \\o: No space left on device")
    shell.ask("\\o", "\r\n")
    shell.ask("select 6*7;", "42")
    shell.prompt()
    shell.send("\\q\n")
    assert shell.wait() == 0


def sql(server, *args, **options):
    return lakehouse("sql", "--url", server.url, *args, **options)


def test_backslash_commands_work_in_c_and_in_scripts(server, tmp_path):
    server.sql("CREATE TABLE shell_batch AS SELECT 1 AS i")
    assert "INTEGER" in sql(server, "-c", "\\d shell_batch").stdout
    out = sql(server, stdin="\\format csv\nselect 1 as a;\n-- then\n\\d shell_batch\nselect 2 as b").stdout
    assert out.startswith("a\n1\n") and "shell_batch: 1 row" in out and out.endswith("b\n2\n")
    (tmp_path / "inner.sql").write_text("select 'inner' as w;\n\\q\n")
    out = sql(server, "--format", "csv", "-c", "\\i inner.sql", "-c", "select 'never'", cwd=tmp_path).stdout
    assert out == "w\ninner\n"
    done = sql(server, "-c", "\\limit x", check=False)
    assert done.returncode == 1 and "takes a number" in done.stderr
    (tmp_path / "loop.sql").write_text("\\i loop.sql\n")
    assert "more than 16 deep" in sql(server, "loop.sql", cwd=tmp_path, check=False).stderr


def test_a_script_sends_its_answers_to_files(server, tmp_path):
    done = sql(server, "--format", "csv", stdin="\\o a.csv\nselect 1 as a;\nselect 2 as b;\n\\limit 3\n\\o b c.csv\nselect 3 as c;\n\\o\nselect 4 as d;\n"
               "\\o a.csv\nselect 5 as e", cwd=tmp_path)
    assert done.stdout == "at most 3 rows of an answer\nd\n4\n" and done.stderr == ""
    assert (tmp_path / "b c.csv").read_text() == "c\n3\n" and (tmp_path / "a.csv").read_text() == "e\n5\n"
    (tmp_path / "wide").mkdir()
    sql(server, "-c", "\\o wide/t.txt", "-c", f"select '{'x' * 300}' as a, 2 as b; insert into no_such values (1)", cwd=tmp_path, check=False)
    assert "x" * 300 in (tmp_path / "wide" / "t.txt").read_text()
    done = sql(server, "-c", "\\o wide", "-c", "select 'never'", cwd=tmp_path, check=False)
    assert done.returncode == 1 and done.stderr == "lakehouse: cannot open wide: Is a directory\n" and done.stdout == ""
    for more in [["--format", "csv"], ["--format", "json"], []]:
        done = sql(server, *more, "-c", "\\o /dev/full", "-c", "from range(5000)", "-c", "select 'never'", check=False)
        assert done.returncode == 1 and done.stdout == ""
        assert done.stderr == "lakehouse: cannot write the answer to the file of \\o: No space left on device\n"
    done = sql(server, "-c", "\\o /dev/full", "-c", "\\dt", check=False)
    assert done.returncode == 1 and "No space left on device" in done.stderr


def test_a_lake_opened_here_writes_where_it_was_called(tmp_path):
    lakehouse("sql", "--root", "lake", "-c", "\\o here.txt", "-c", "select 6*7 as a", cwd=tmp_path)
    assert "42" in (tmp_path / "here.txt").read_text()


def test_a_transaction_may_reach_over_several_c(server):
    server.sql("CREATE TABLE shell_spans (i INTEGER)")
    sql(server, "-c", "begin", "-c", "insert into shell_spans values (1); insert into shell_spans values (2)", "-c", "rollback")
    assert server.sql("SELECT count(*) FROM shell_spans") == [[0]]
    out = sql(server, "-c", "begin;", "-c", "insert into shell_spans values (1)", "-c", "commit", "-c", "select 7 as a").stdout
    assert "COMMIT" in out and "7" in out
    assert server.sql("SELECT count(*) FROM shell_spans") == [[1]]
    done = sql(server, "-c", "begin", "-c", "insert into shell_spans values (2)", check=False)
    assert done.returncode == 1 and "BEGIN without COMMIT" in done.stderr
    assert server.sql("SELECT count(*) FROM shell_spans") == [[1]]


def test_a_change_is_said_as_a_change(server):
    said = [("CREATE TABLE shell_change (i INTEGER)", "CREATE TABLE"), ("INSERT INTO shell_change VALUES (1), (2)", "INSERT 2"),
            ("/* x */ update shell_change set i = 3", "UPDATE 2"), ("DELETE FROM shell_change WHERE i = 9", "DELETE 0"),
            ("BEGIN; DELETE FROM shell_change; ROLLBACK", "ROLLBACK"), ("ALTER TABLE shell_change ADD COLUMN j INTEGER", "ALTER TABLE"),
            ("CREATE TABLE shell_change_2 AS SELECT 1 AS i", "CREATE TABLE, 1 row"), ("DROP TABLE shell_change", "DROP TABLE")]
    for statement, words in said:
        out = sql(server, "-c", statement).stdout
        assert out.split(" (")[0] == words and len(out.splitlines()) == 1, out
    assert "Count" in sql(server, "-c", 'SELECT 7 AS "Count"').stdout


def test_an_error_shows_its_place(server, tmp_path):
    (tmp_path / "s.sql").write_text("select 1 as a;\n\nselect 1 as a,\n   no_such; select 2;\n")
    done = sql(server, "s.sql", cwd=tmp_path, check=False)
    assert done.returncode == 1 and "lakehouse: s.sql:4:4: " in done.stderr
    assert done.stderr.endswith("LINE 4:    no_such; select 2;\n           ^\n")
    done = sql(server, "-c", "select 1; select 'x', no_such", check=False)
    assert done.stderr.endswith("LINE 1: select 1; select 'x', no_such\n                              ^\n")
    done = sql(server, "-c", "select " + "1, " * 100 + "no_such", check=False)
    shown, caret = done.stderr.splitlines()[-2:]
    assert len(shown) < 120 and shown[caret.index("^"):].startswith("no_such")


def test_output_that_nobody_takes(server):
    import subprocess

    from commands import environment
    from harness import BINARY

    for arguments in [["sql", "--format", "csv", "-c", "from range(1000000)"], ["sql", "--limit", "0", "-c", "from range(100000)"]]:
        process = subprocess.Popen([str(BINARY), *arguments, "--url", server.url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b"" and process.wait() == 141
    for arguments in [["sql", "--format", "csv", "-c", "from range(100000)"], ["sql", "-c", "select 1"], ["datasets"], ["version"]]:
        with open("/dev/full", "w") as full:
            done = subprocess.run([str(BINARY), *arguments, *(["--url", server.url] if arguments != ["version"] else [])], stdout=full, stderr=subprocess.PIPE,
                                  text=True, env=environment())
        assert done.returncode == 1 and "No space left on device" in done.stderr


def test_what_sql_cannot_mean_is_said(server):
    done = sql(server, "select 1", check=False)
    assert done.returncode == 1 and "lakehouse sql -c" in done.stderr
    done = sql(server, "-x", "--format", "csv", "-c", "select 1", check=False)
    assert done.returncode == 2 and "not csv" in done.stderr


def test_the_tables_are_named_as_statements_name_them(fresh):
    """`system` is a database of DuckDB's, so what was listed as system.journal could not be asked for by that name."""
    server = fresh()
    for statement in ('CREATE TABLE "Odd Name" AS SELECT 1 AS i', "CREATE SCHEMA temp", "CREATE TABLE lake.temp.t AS SELECT 2 AS i",
                      "CREATE SCHEMA a", 'CREATE SCHEMA "a.b"', 'CREATE TABLE "a.b".t AS SELECT 3 AS i'):
        server.sql(statement)
    assert server.request("POST", "/journal/flush").status_code == 200
    listed = [line.split(" │ ")[0].strip() for line in sql(server, "-c", "\\d").stdout.splitlines() if " │ " in line][1:]
    assert {'"a.b".t', 'data."Odd Name"', "lake.temp.t", "lake.system.journal"} <= set(listed), listed
    for name in listed:
        assert server.query(f"SELECT * FROM {name} LIMIT 0").status_code == 200, name
        assert f"{name}: 1 row" in sql(server, "-c", f"\\d {name}").stdout or "journal" in name or "audit" in name, name
    assert 'data."Odd Name": 1 row' in sql(server, "-c", '\\d "Odd Name"').stdout
    assert "lake.system.journal: " in sql(server, "-c", "\\d system.journal").stdout

"""`lakehouse sql` as a shell, on a real terminal."""
import time

from commands import Terminal


def test_the_shell_edits_completes_remembers_and_describes(server, tmp_path):
    server.sql("CREATE TABLE cli_shell_table AS SELECT 41 AS number_of_things, 'x' AS s")
    shell = Terminal(tmp_path, "sql", "--url", server.url)
    shell.prompt()
    shell.send("select number_of_\t + 1\nfrom cli_shell_t\t;\n")
    shell.expect("  ... ")
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

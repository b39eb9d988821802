"""What the architecture checks share: the files of the tree, and C source without its comments and strings."""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
SRC = ROOT / "src"
_TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def files(*suffixes):
    return sorted(p for p in SRC.rglob("*") if p.is_file() and p.suffix in suffixes)


def name(path):
    return str(path.relative_to(ROOT))


def is_test(path):
    """Tests, fuzzers, and the headers that only they share."""
    return re.search(r"(_test|_fuzz|_suite|_test_server)\.[ch]$|^test\.h$", path.name) is not None


def _blank(match):
    text = match.group()
    if text[0] == "/":
        return re.sub(r"[^\n]", " ", text)
    return text[0] + re.sub(r"[^\n]", " ", text[1:-1]) + text[-1]


def code(text):
    """The text with comments and the insides of literals blanked; lines and columns stay."""
    return _TOKEN.sub(_blank, text)


def comments(text):
    """(line, text) of every comment."""
    for match in _TOKEN.finditer(text):
        if match.group()[0] == "/":
            yield text.count("\n", 0, match.start()) + 1, match.group()


def finish(tool, problems, counted):
    for problem in problems:
        print(problem)
    print(f"{tool}: {counted}, {len(problems)} problem{'' if len(problems) == 1 else 's'}")
    return 1 if problems else 0

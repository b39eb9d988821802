#!/usr/bin/env python3
"""Holds the C source to the house's rules that a compiler does not know.

- Banned functions (docs: HACKING.md): those that cannot be used safely, and those that have one place: files are created, renamed
  and synced by storage (the journal's write-ahead file by its writer, an index file by ann); threads do not sleep to wait.
- No file-level mutable variable, but for those named here with their reason.
- A function has at most 60 lines, 6 parameters are for the reviewer; a file has at most 800 lines.
- A comment that names a call of ours, lh_…(), names one that exists.
Lines beyond 120 columns are counted, and refused beyond 240: clang-format cannot break every table.
"""
import re
import sys

import source

FUNCTION_LINES, FILE_LINES, COLUMNS, COLUMNS_MAX = 60, 800, 120, 240
NEVER = re.compile(r"(?<![\w.>])(strcpy|strcat|stpcpy|sprintf|vsprintf|gets|strtok|atoi|atol|atoll|atof|strtol|strtoul|"
                   r"strtoll|strtoull|system|popen|rand|srand|localtime|gmtime|ctime|asctime|alloca|tmpnam|tempnam|mktemp|"
                   r"readdir_r|signal|vfork|setenv|putenv|strerror|getlogin|ttyname|setlocale)\s*\(")
STORAGE_ONLY = re.compile(r"(?<![\w.>])(rename|renameat|renameat2|link|linkat|fsync|fdatasync|creat)\s*\(")
SLEEP = re.compile(r"(?<![\w.>])(sleep|usleep|nanosleep)\s*\(")
ALLOWED = {  # file: {function: why}
    "src/vector/load.c": {"rename": "the texts of an index are named when they are whole; they are bound to its file"},
    "src/vector/beside.c": {"rename": "so are both when they are fetched whole; they are checked then"},
    "src/vector/lance.c": {"rename": "so is a Lance dataset; it is checked by a digest of its files", "link": "files of an older one, unchanged"},
    "src/ann/file.c": {"fsync": "an index file is whole or not there", "rename": "so"},
    "src/base/time.c": {"nanosleep": "lh_time_sleep_ms itself"},
    "src/cli/doctor.c": {"fsync": "tries whether the disk can"},
    "src/cli/cli.c": {"signal": "ignores SIGPIPE, before any thread"},
    "src/cli/sql.c": {"setlocale": "widths of characters on the terminal, before any thread"},
    "src/cli/connection.c": {"setlocale": "widths of characters on the terminal, before any thread"},
}
MUTABLE = {
    "src/base/log.c": {"log_level": "a log line must be possible anywhere at the edges"},
    "src/base/trace.c": {"trace_current": "see the head of the file"},
}
TESTS_MAY = {"rand", "srand", "strtol", "strtoul", "setenv", "signal", "rename", "link", "fsync", "system", "popen", "nanosleep"}
FUNCTION = re.compile(r"^(?!typedef|struct|union|enum|extern|#)[A-Za-z_][^\n;{}]*?\b(\w+)\([^;{}]*\)\s*\{$", re.M)
VARIABLE = re.compile(r"^(?:static\s+)?(?!typedef|extern|return|const\b|enum\s*\{|inline\b)(?:_Thread_local\s+|_Atomic\s+)?"
                      r"(?:unsigned |struct |enum )?\w+[\s*]+(\w+)(?:\[[^\]]*\])*\s*(?:=[^;]*)?;", re.M)


def check_calls(path, text, problems):
    where = source.name(path)
    allowed = set(ALLOWED.get(where, {})) | (TESTS_MAY if source.is_test(path) else set())
    rules = [(NEVER, "is banned"), (SLEEP, "is for lh_time_sleep_us alone")]
    if not where.startswith("src/storage/") and where != "src/journal/writer.c":  # it appends to a file
        rules.append((STORAGE_ONLY, "is for storage alone"))
    for pattern, why in rules:
        for match in pattern.finditer(text):
            if match.group(1) not in allowed and not re.search(r"\b(lh_code|void|int|lh_\w+)\s+\**$", text[text.rfind("\n", 0, match.start()) + 1:match.start()]):
                problems.append(f"{where}:{line_of(text, match.start())}: {match.group(1)}() {why}")


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def check_sizes(path, raw, text, problems, wide):
    where, lines = source.name(path), raw.splitlines()
    if len(lines) > FILE_LINES:
        problems.append(f"{where}: {len(lines)} lines, at most {FILE_LINES}")
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX and path.suffix != ".def":
            problems.append(f"{where}:{number}: {len(line)} columns, at most {COLUMNS_MAX}")
        wide.extend([where] if len(line) > COLUMNS else [])
    for match in FUNCTION.finditer(text):
        end = text.find("\n}", match.end())
        length = text.count("\n", match.start(), end) + 2
        if end > 0 and length > FUNCTION_LINES:
            problems.append(f"{where}:{line_of(text, match.start())}: {match.group(1)}() has {length} lines, at most {FUNCTION_LINES}")


def check_variables(path, text, problems):
    where = source.name(path)
    if source.is_test(path) or path.suffix != ".c":
        return
    for match in VARIABLE.finditer(text):
        declaration = match.group().split("=")[0]
        if re.search(r"\bconst\b|\(", declaration) or match.group(1) in MUTABLE.get(where, {}):
            continue
        problems.append(f"{where}:{line_of(text, match.start())}: '{match.group(1)}' is mutable and of the whole file")


def check_comments(path, raw, known, problems):
    for line, comment in source.comments(raw):
        for match in re.finditer(r"\b(lh_\w+)\(", comment):
            if match.group(1) not in known:
                at = line + comment.count("\n", 0, match.start())
                problems.append(f"{source.name(path)}:{at}: the comment names {match.group(1)}(), which does not exist")


def main():
    problems, wide = [], []
    paths = source.files(".c", ".h", ".cc", ".def")
    raws = {path: path.read_text() for path in paths}
    texts = {path: source.code(raw) for path, raw in raws.items()}
    known = {word for text in texts.values() for word in re.findall(r"\blh_\w+", text)}
    for path in paths:
        check_calls(path, texts[path], problems)
        check_sizes(path, raws[path], texts[path], problems, wide)
        check_variables(path, texts[path], problems)
        check_comments(path, raws[path], known, problems)
    print(f"banned: {len(wide)} lines have more than {COLUMNS} columns")
    return source.finish("banned", problems, f"{len(paths)} files")


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Holds src/ to src/LAYERS.

- A module includes only <module>/<module>.h of the modules that its line names (all headers of base but private
  ones), and any header of its own folder. Everything is included by its path under src/.
- The order of LAYERS is the order of the modules: a line names only modules above it, so there is no cycle.
- src/<module>/CMakeLists.txt links what the line names, and nothing else.
- Each outside library has one owner; a header that is neither ours, the C library's nor listed here is refused.
- Headers shared by tests are included by tests only.
"""
import re
import sys

import source

OWNERS = {  # prefix of the header: the module that may include it, or two
    "duckdb.h": "engine", "engine_extensions.h": "engine", "duckdb/": "engine", "cxxabi.h": "engine", "nanoarrow/": "engine",
    "yyjson.h": "base", "curl/": "base", "openssl/": "base", "toml++/": "base", "utf8proc.h": "base", "otlp_trace.pb-c.h": "base",
    "grpc/": "rpc", "protobuf-c/": "rpc", "lakehouse.pb-c.h": "rpc", "descriptor_names.pb-c.h": "rpc", "rpc_descriptors.h": "rpc",
    "cmocka.h": "base", "expat.h": "storage", "zlib.h": "catalog", "microhttpd.h": "api", "api_docs_page.h": "api",
    "llama.h": "ai", "ggml.h": "ai", "gguf.h": "ai", "json-schema-to-grammar.h": "ai", "json.h": "ai",
    "histedit.h": "cli", "editline/": "cli", "archive.h": "ingest document", "archive_entry.h": "ingest document",
    "libxml/": "document", "zstd.h": "ingest", "unicode/": "base", "libstemmer.h": "base", "iconv.h": "ingest",
    "usearch/": "ann", "immintrin.h": "ann ai",
}
SYSTEM = re.compile(
    r"(sys|linux|netinet|arpa|net)/\w+\.h|"
    r"(assert|complex|ctype|dirent|dlfcn|endian|errno|fcntl|fenv|float|fnmatch|ftw|getopt|glob|grp|ifaddrs|inttypes|iso646|"
    r"langinfo|libgen|limits|locale|malloc|math|netdb|poll|pthread|pwd|regex|sched|semaphore|setjmp|signal|spawn|stdalign|"
    r"stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|strings|syslog|tgmath|termios|threads|time|"
    r"uchar|unistd|wchar|wctype)\.h|c?[a-z_]+")  # the last: the C++ library, in the shims
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def read_layers(problems):
    layers, seen = {}, []
    for number, line in enumerate((source.SRC / "LAYERS").read_text().splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        module, _, needs = line.partition(":")
        for need in needs.split():
            if need not in seen:
                problems.append(f"src/LAYERS:{number}: '{module}' names '{need}', which is not above it")
        seen.append(module)
        layers[module] = set(needs.split())
    folders = {p.name for p in source.SRC.iterdir() if p.is_dir()}
    for odd in sorted(folders ^ set(layers)):
        problems.append(f"src/LAYERS: '{odd}' is a folder of src/ or a line of LAYERS, but not both")
    return layers


def check_own(path, module, layers, target):
    """Why `path` must not include `target`, a header under src/; None when it may."""
    owner, _, header = target.partition("/")
    if "/" in header or owner not in layers:
        return "is not <module>/<header>"
    if not (source.SRC / target).exists():
        return "does not exist"
    shared_by_tests = source.is_test(source.SRC / target)
    if shared_by_tests and not source.is_test(path):
        return "is for tests only"
    if owner == module:
        return None
    if module is not None and owner not in layers.get(module, ()):
        return f"is not beneath '{module}' in src/LAYERS"
    public = header == f"{owner}.h" or shared_by_tests or (owner == "base" and "_internal" not in header and "_shim" not in header)
    return None if public else f"is private to '{owner}'"


def check_outside(module, target):
    for prefix, owner in OWNERS.items():
        if target == prefix or (prefix.endswith("/") and target.startswith(prefix)):
            return None if module in owner.split() else f"belongs to '{owner}' alone"
    return None if SYSTEM.fullmatch(target) else "has no owner: name one in tests/arch/layers.py"


def check_file(path, layers, problems):
    relative = path.relative_to(source.SRC)
    module = relative.parts[0] if len(relative.parts) > 1 else None  # None: main.c
    text = path.read_text()
    for match in INCLUDE.finditer(text):
        quoted, target = match.group(1) == '"', match.group(2)
        why = check_own(path, module, layers, target) if quoted and target not in OWNERS else check_outside(module, target)
        if why:
            line = text.count("\n", 0, match.start(1)) + 1
            problems.append(f"{source.name(path)}:{line}: '{target}' {why}")


def check_cmake(module, needs, problems):
    path = source.SRC / module / "CMakeLists.txt"
    call = re.search(r"lh_module\(\s*" + module + r"\b([^)]*)\)", path.read_text() if path.exists() else "")
    if not call:
        problems.append(f"src/{module}/CMakeLists.txt: no lh_module({module} …)")
        return
    depends = re.search(r"\bDEPENDS\b((?:\s+[a-z_]+)*)", call.group(1))
    linked = set(depends.group(1).split()) if depends else set()
    if linked != needs:
        problems.append(f"src/{module}/CMakeLists.txt: DEPENDS {' '.join(sorted(linked))}, but src/LAYERS says {' '.join(sorted(needs))}")


def main():
    problems = []
    layers = read_layers(problems)
    paths = source.files(".c", ".h", ".cc", ".def")
    for path in paths:
        check_file(path, layers, problems)
    for module, needs in layers.items():
        check_cmake(module, needs, problems)
    return source.finish("layers", problems, f"{len(paths)} files of {len(layers)} modules")


if __name__ == "__main__":
    sys.exit(main())

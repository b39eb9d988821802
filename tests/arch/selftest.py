#!/usr/bin/env python3
"""The checks find what they are for: each case is a small tree with one fault, and words that must be in the answer."""
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TREE = {
    "src/LAYERS": "base:\nstorage: base\ncatalog: base storage\n",
    "src/base/CMakeLists.txt": "lh_module(base LIBRARIES yyjson)\n",
    "src/storage/CMakeLists.txt": "lh_module(storage DEPENDS base)\n",
    "src/catalog/CMakeLists.txt": "lh_module(catalog DEPENDS base storage)\n",
    "src/base/base.h": "#include <stdint.h>\n",
    "src/base/arena_internal.h": "",
    "src/storage/storage.h": '#include "base/base.h"\n',
    "src/storage/storage_internal.h": "",
    "src/catalog/catalog.h": '#include "storage/storage.h"\n',
    "src/main.c": '#include "catalog/catalog.h"\nint main(void) {\n    return 0;\n}\n',
}
CASES = [
    ("layers", "src/storage/a.c", '#include "catalog/catalog.h"\n', "not beneath 'storage'"),
    ("layers", "src/catalog/a.c", '#include "storage/storage_internal.h"\n', "private to 'storage'"),
    ("layers", "src/catalog/a.c", '#include "base/arena_internal.h"\n', "private to 'base'"),
    ("layers", "src/catalog/a.c", '#include "catalog.h"\n', "not <module>/<header>"),
    ("layers", "src/catalog/a.c", '#  include <duckdb.h>\n', "belongs to 'engine' alone"),
    ("layers", "src/catalog/a.c", '#include <gmp.h>\n', "has no owner"),
    ("layers", "src/main.c", '#include "storage/storage_internal.h"\n', "private to 'storage'"),
    ("layers", "src/LAYERS", "base: storage\nstorage: base\ncatalog: base storage\n", "not above it"),
    ("layers", "src/LAYERS", "base:\nstorage: base\n", "but not both"),
    ("layers", "src/storage/CMakeLists.txt", "lh_module(storage DEPENDS base catalog)\n", "src/LAYERS says base"),
    ("banned", "src/storage/a.c", "void f(char *a) {\n    strcpy(a, a);\n}\n", "strcpy() is banned"),
    ("banned", "src/catalog/a.c", "void f(int a) {\n    fsync(a);\n}\n", "storage alone"),
    ("banned", "src/catalog/a.c", "static int counter;\n", "'counter' is mutable"),
    ("banned", "src/catalog/a.c", "int f(void) {\n" + "    g();\n" * 70 + "}\n", "f() has 72 lines"),
    ("banned", "src/catalog/a.c", "/* frees it with lh_thing_free() */\n", "names lh_thing_free()"),
    ("banned", "src/catalog/a.c", "const int a = 1;\n" * 801, "801 lines"),
    ("layers", None, "", "0 problems"),
    ("banned", None, "", "0 problems"),
    ("banned", "src/catalog/a.c", '/* not strcpy( */\nconst char *const a = "system(";\n', "0 problems"),
]


def main():
    failed = 0
    for tool, path, text, words in CASES:
        with tempfile.TemporaryDirectory() as folder:
            for name, content in {**TREE, **({path: text} if path else {})}.items():
                target = pathlib.Path(folder, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(content)
            run = subprocess.run([sys.executable, HERE / f"{tool}.py", folder], capture_output=True, text=True)
            if words not in run.stdout or (run.returncode == 0) != (words == "0 problems"):
                failed += 1
                print(f"{tool} on {path}: expected '{words}', got:\n{run.stdout}{run.stderr}")
    print(f"selftest: {len(CASES)} cases, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

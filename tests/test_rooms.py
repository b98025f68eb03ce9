# SPDX-License-Identifier: MIT
"""tests/rooms finds what a room may not know: in a small house of its own, into which faults are built."""

import os
import re
import subprocess
import sys

import programs
import pytest

CC = os.environ.get("CC", "gcc").split()
HOUSE = {
    "framework/socketserver.h": "int ss_run(void);\nint ss_low(void);\n",
    "framework/server/core.h": "int core(void);\n",
    "framework/server/core.c": '#include "server/core.h"\n#include "socketserver.h"\nint core(void)\n{\n    return 0;\n}\n'
                               "int ss_low(void)\n{\n    return 1;\n}\n",
    "framework/loop/loop.h": "int loop(void);\n",
    "framework/loop/loop.c": '#include "loop/loop.h"\n#include "server/core.h"\n#include "socketserver.h"\nint loop(void)\n'
                             "{\n    return core();\n}\nint ss_run(void)\n{\n    return loop();\n}\n",
    "handlers/http_server.h": '#include "socketserver.h"\nint http_get(void);\n',
    "handlers/files/cache.h": "int cache(void);\n",
    "handlers/files/cache.c": '#include "files/cache.h"\nint cache(void)\n{\n    return 0;\n}\n',
    "handlers/forms/form.c": '#include <socketserver.h>\n#include "http_server.h"\nint http_get(void)\n{\n    return ss_run();\n}\n',
    "samples/hello.c": "#include <http_server.h>\nint main(void)\n{\n    return http_get();\n}\n",
}


@pytest.fixture
def rooms(tmp_path):
    """rooms({path: text to be put before what is there}) is (exit status, output) of tests/rooms for such a house."""
    def run(faults, *options):
        for path in [*HOUSE, *faults]:
            os.makedirs((tmp_path / path).parent, exist_ok=True)
            (tmp_path / path).write_text(faults.get(path, "") + HOUSE.get(path, ""))
        for path in [path for path in [*HOUSE, *faults] if path.endswith(".c") and not path.startswith("samples/")]:
            target = tmp_path / "build" / (path[:-2] + ".o")
            os.makedirs(target.parent, exist_ok=True)
            subprocess.run([*CC, "-Iframework", "-Ihandlers", "-c", "-o", target, path], cwd=tmp_path, check=True)
        done = subprocess.run([sys.executable, os.path.join(programs.TESTS, "rooms"), *options, tmp_path], check=False,
                              stdout=subprocess.PIPE, text=True, env={**os.environ, "BUILD": str(tmp_path / "build")})
        return done.returncode, done.stdout

    return run


def test_good_house(rooms):
    assert rooms({}) == (0, "")


@pytest.mark.parametrize("path, fault, found", [
    ("framework/server/core.c", '#include "loop/loop.h"\n',
     "framework/server/core.c:1: includes framework/loop/loop.h: the room framework/loop on floor 4 is above "
     "framework/server on floor 1"),
    ("handlers/forms/form.c", '\n#include "files/cache.h"\n',
     "handlers/forms/form.c:2: includes handlers/files/cache.h: the room handlers/files is beside handlers/forms, "
     "on floor 3"),
    ("handlers/files/cache.c", '#include "server/core.h"\n',
     "handlers/files/cache.c:1: includes framework/server/core.h: handlers/files may know framework by its public header "
     "only, and not the room framework/server"),
    ("samples/hello.c", '#include "files/cache.h"\n',
     "samples/hello.c:1: includes handlers/files/cache.h: samples know public headers only, and not the room "
     "handlers/files"),
    ("handlers/http_server.h", '#include "files/cache.h"\n',
     "handlers/http_server.h:1: includes handlers/files/cache.h: a public header may not know a room (handlers/files)"),
    ("handlers/files/cache.c", '#include "cache.h"\n',
     'handlers/files/cache.c:1: cache.h is to be included as "files/cache.h"'),
    ("framework/memory/arena.c", "int ss_run(void);\nint up(void)\n{\n    return ss_run();\n}\n",
     "framework/memory/arena.c: needs ss_run of framework/loop/loop.c: the room framework/loop on floor 4 is above "
     "framework/memory on floor 0"),
    ("handlers/forms/form.c", "int cache(void);\nint beside(void)\n{\n    return cache();\n}\n",
     "handlers/forms/form.c: needs cache of handlers/files/cache.c: the room handlers/files is beside handlers/forms, "
     "on floor 3"),
    ("framework/attic/old.c", '#include "loop/loop.h"\n', "framework/attic/old.c: framework/attic is no room that tests/rooms knows"),
    ("framework/old.c", "int old;\n",
     "framework/old.c: in framework, outside of its rooms, there are public headers only"),
])
def test_one_fault(rooms, path, fault, found):
    assert rooms({path: fault}) == (1, found + "\n")


def test_circles(rooms):
    status, output = rooms({
        "framework/loop/a.h": '#pragma once\n#include "loop/b.h"\n', "framework/loop/b.h": '#pragma once\n#include "loop/a.h"\n',
        "framework/loop/x.c": "int y(void);\nint x(void)\n{\n    return y();\n}\n",
        "framework/loop/y.c": "int x(void);\nint y(void)\n{\n    return x();\n}\n"})
    assert (status, output.splitlines()) == (1, [
        "a circle of 2 files: framework/loop/a.h includes framework/loop/b.h (line 2), framework/loop/b.h includes "
        "framework/loop/a.h (line 2); in it: framework/loop/a.h framework/loop/b.h",
        "a circle of 2 files: framework/loop/x.c needs framework/loop/y.c (y), framework/loop/y.c needs "
        "framework/loop/x.c (x); in it: framework/loop/x.c framework/loop/y.c"])


def test_one_name_for_two_functions(rooms):
    static = "static int look(void)\n{\n    return 0;\n}\nint %s(void)\n{\n    return look();\n}\n"
    faults = {"framework/loop/x.c": static % "x", "framework/memory/y.c": static % "y", "handlers/text/z.c": static % "z"}
    assert rooms(faults) == (1, "look is the name of 2 static functions: framework/loop/x.c framework/memory/y.c\n")
    faults["framework/loop/x.h"] = "struct table {\n    int (*look)(void);\n};\n"
    assert rooms(faults) == (0, "")


def test_missing_object(rooms, tmp_path):
    assert rooms({})[0] == 0
    os.remove(tmp_path / "build/framework/loop/loop.o")
    done = subprocess.run([sys.executable, os.path.join(programs.TESTS, "rooms"), tmp_path], check=False,
                          stdout=subprocess.PIPE, text=True, env={**os.environ, "BUILD": str(tmp_path / "build")})
    assert done.returncode == 1 and re.match("framework/loop/loop.c: .*/loop.o is missing", done.stdout)


def test_tour():
    """The README's tour: each file needs only those before it, and no room is left out."""
    with open(os.path.join(programs.ROOT, "README.md"), encoding="utf-8") as file:
        tour = file.read().partition("## A tour of the source")[2].partition("\n## ")[0]
    order = re.findall(r"\]\(([^)]*)\)", tour)
    house = programs.script("rooms").House(programs.ROOT, programs.BUILD)
    assert [(path, other) for at, path in enumerate(order) for other in order[at + 1:]
            if other in house.symbols.get(path, ()) or other in house.includes[path]] == []
    assert {os.path.dirname(path) for path in order} >= {os.path.dirname(path) for path in house.symbols}


def test_figures(rooms):
    status, output = rooms({}, "--figures")
    assert status == 0
    assert output.splitlines()[:3] == ["rooms 4", "arrows between rooms 1, of them up or sideways 0",
                                       "circles of files: by includes 0, by symbols 0"]
    assert "functions 6, lines of one: median 4, longest" in output

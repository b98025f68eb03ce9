# SPDX-License-Identifier: MIT
"""Handlers in C++: exceptions are each handler's own, also when it waits while it handles one."""

import os
import shutil

import programs
import pytest

CLASSES = ["ThreadingTCPServer", "ThreadPoolTCPServer", "ForkingTCPServer", "EventLoopTCPServer",
           "PreforkingEventLoopTCPServer"]
CXX = os.environ.get("CXX", "g++").split()
WAITS = {"rethrow": 2, "nested": 5, "unwind": 2, "keep": 2, "offload": 2, "look": 1}  # lines that let it go on
LIBRARIES = ["static"] if programs.INSTRUMENTS else ["static", "shared"]

pytestmark = pytest.mark.skipif(not shutil.which(CXX[0]), reason=f"no {CXX[0]}")


@pytest.fixture(scope="module", params=LIBRARIES)
def exceptions(request, tmp_path_factory):
    """The program, with the library in it or beside it."""
    program = tmp_path_factory.mktemp("exceptions") / "exceptions"
    flags = ["-std=c++17", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pthread", "-I",
             os.path.join(programs.ROOT, "framework"), *programs.INSTRUMENTS]
    library = os.path.join(programs.BUILD, "libsocketserver.a")
    libraries = [library, *programs.LIBRARIES] if request.param == "static" else [
        "-L", programs.BUILD, "-lsocketserver", "-Wl,-rpath," + programs.BUILD]
    done = programs.run([*CXX, *flags, "-o", program, os.path.join(programs.TESTS, "framework/exceptions.cc"), *libraries],
                        limit=120)
    if programs.SANITIZED and done.returncode:
        pytest.skip("the library was built by another compiler than " + CXX[0])
    assert done.returncode == 0, done.stderr
    return program


class Handler:
    """A client of one handler, which has begun `what` under the name of `name` and waits."""

    def __init__(self, server, what, name):
        self.client, self.what, self.name = server.client(), what, name
        self.said = []
        self.left = WAITS[what]
        self.client.send(f"{what} {name}\n")
        self.read()

    def read(self):
        while (line := self.client.until(b"\n").decode()) != "waits":
            self.said.append(line)

    def go_on(self):
        self.left -= 1
        self.client.send("go on\n")
        if self.left:
            self.read()

    def finish(self):
        while self.left:
            self.go_on()
        self.said += self.client.rest().decode().splitlines()
        return self.said


def expected(what, name):
    return {
        "rethrow": [name],
        "nested": [f"{name}.inner", f"{name}.outer", f"{name}.outer"],
        "unwind": [f"{name} unwinds 1 1"] * 2 + [name],
        "keep": [name],
        "offload": [name],
        "look": ["0 none", "0 none"],
    }[what] + ["0 none"]


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("what", WAITS)
def test_exceptions_are_not_mixed_up(rig, exceptions, name, what):
    """Four handlers of this kind and one of each other, in steps that change from round to round."""
    server = rig(name, 16 if "Pool" in name else 2, program=exceptions)
    kinds = [what, *WAITS, what, what]
    handlers = [Handler(server, kind, f"{kind}{i}") for i, kind in enumerate(kinds)]
    for turn in range(max(WAITS.values())):
        for handler in handlers if turn % 2 else reversed(handlers):
            if handler.left > 1:
                handler.go_on()
    for handler in handlers[1::2] + handlers[::-2]:
        assert handler.finish() == expected(handler.what, handler.name)

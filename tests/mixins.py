# SPDX-License-Identifier: MIT
"""The mix-ins of httpserver, and under which of them a test runs."""

import fnmatch
import os
import zlib

import programs

ONE_BY_ONE = ("sequential", "preforking")  # a client that stays holds up those behind it

# Who runs requests: the name of a case, and what httpserver is told.
MIXINS = {
    "sequential": ["--mixin", "sequential"],
    "threading": ["--mixin", "threading"],
    "threadpool": ["--mixin", "threadpool"],
    "forking": ["--mixin", "forking"],
    "preforking": ["--mixin", "preforking", "--workers", "2"],
    "eventloop": ["--mixin", "eventloop"],
    "eventloop-2": ["--mixin", "eventloop", "--workers", "2"],
    "preforking-eventloop": ["--mixin", "preforking,eventloop", "--workers", "2"],
}
BLOCKING = ("sequential", "threading", "threadpool", "forking", "preforking")
LOOPS = ("eventloop", "eventloop-2", "preforking-eventloop")
# Files of tests in which one client comes after the other, and what is looked at is the answer: all that differs from
# mix-in to mix-in there the other tests look at, too. In the second ones others have clients together besides.
ALONE = ("bad_input", "bodies", "confinement", "content_coding", "forms", "handler_classes", "listing", "methods",
         "mistakes", "paths", "preconditions", "program", "python_differences", "ranges", "raw_targets", "rfc*",
         "traversal", "unknown_sizes", "unread_bodies", "upload_conditions")
MOSTLY_ALONE = ("compress", "files", "upload")
EVERY = os.environ.get("MIXINS") == "all"
# For suites of many messages: a thread that waits, and a loop.
FEW = ("sequential", "threading", "forking", "eventloop") if EVERY else ("threading", "eventloop")
CROWDED = tuple(name for name in MIXINS if name not in ONE_BY_ONE)
if programs.TSAN:  # where threads meet
    BLOCKING, LOOPS = ("threading", "threadpool"), ("eventloop", "eventloop-2")
    CROWDED = (*BLOCKING, *LOOPS)  # two of each, see crowded()
elif programs.SANITIZED:  # there are thousands of them, each takes its time, and the others run no other code
    FEW, CROWDED = ("eventloop",), ("threading", "forking", "eventloop", "preforking-eventloop")

# On which side of a mix-in the one stands that masks every byte.
SIDES = dict(zip(MIXINS, ["left", "right"] * len(MIXINS)))


def is_alone(module):
    """Whether the tests of this file under any mix-in are of one client after the other, and of what it is answered."""
    return any(fnmatch.fnmatch(module, f"test_{name}") for name in (*ALONE, *MOSTLY_ALONE))


def looked_at(function):
    """Under which mix-ins a test runs: all of them. Where it is alone a blocking and a looping one, and with a sanitizer one
    of the two; which ones depends on its name, so that all of them have many tests. With MIXINS=all: all of them."""
    number = zlib.crc32(function.__name__.encode())
    blocking, loop = BLOCKING[number % len(BLOCKING)], LOOPS[number // 8 % len(LOOPS)]
    if programs.SANITIZED and not EVERY:
        return (blocking,) if number // 512 % 2 else (loop,)
    return (blocking, loop) if is_alone(function.__module__) and not EVERY else tuple(MIXINS)


def crowded(function):
    """Under which mix-ins a test of many clients runs: all of them; with a sanitizer a blocking and a looping one, which of them
    depends on its name."""
    number = zlib.crc32(function.__name__.encode())
    if not programs.SANITIZED or EVERY:
        return CROWDED
    return CROWDED[number % 2], CROWDED[2 + number // 8 % 2]


def with_masked(metafunc, names):
    """The cases of these mix-ins; of programs.also_masked with one that masks every byte, too."""
    cases = {name: MIXINS[name] for name in names}
    if hasattr(metafunc.function, "also_masked"):
        masked = [name for name in names if name in LOOPS or not programs.SANITIZED]
        cases.update({f"{name}-masked": [*MIXINS[name], "--masked", SIDES[name]] for name in masked})
    return {"argvalues": cases.values(), "ids": cases.keys()}

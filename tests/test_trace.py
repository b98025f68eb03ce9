# SPDX-License-Identifier: MIT
"""`make trace` tells what a GET on a kept connection reads."""

import os
import re
import shlex

import programs
import pytest

MOST_FILES = 33  # that a GET may need: who adds one says why. Two of them look whom it is for (Host)

pytestmark = pytest.mark.skipif(programs.SANITIZED, reason="it is built without sanitizers")


def test_trace():
    result = programs.run([*shlex.split(os.environ.get("MAKE", "make")), "trace", f"ARGS=--calls --at-most={MOST_FILES}",
                           "BUILD=" + os.path.relpath(programs.BUILD, programs.ROOT)], directory=programs.ROOT,
                          limit=4 * programs.LIMIT)
    assert result.returncode == 0, result.stdout + result.stderr
    files, functions, calls = map(int, re.search(
        r"^a GET on a kept connection: (\d+) files .*, (\d+) functions, (\d+) calls$", result.stdout, re.MULTILINE).groups())
    assert 5 < files < functions < calls
    made = re.findall(r"^(\w+) +((?:framework|handlers)/\S+\.[ch]):\d+$", result.stdout, re.MULTILINE)
    assert len(made) == calls and len({path for _, path in made}) == files
    assert {name for name, _ in made} >= {"socket_read_now", "http_read_head", "http_do_GET", "poller_wait"}

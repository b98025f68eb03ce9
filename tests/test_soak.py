# SPDX-License-Identifier: MIT
"""make soak, for a few seconds."""

import os
import sys

import programs


def test_soak():
    done = programs.run([sys.executable, os.path.join(programs.TESTS, "soak"), "--seconds", "6", "eventloop",
                         "preforking-eventloop"], limit=60)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in "eventloop", "preforking-eventloop":
        assert f"  {name}: " in done.stdout

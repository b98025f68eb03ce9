# SPDX-License-Identifier: MIT
"""Waits of the libraries where the wall clock is wrong by a day: each must count by the clock that only goes on."""

import programs
import pytest
from clock import DAY


@pytest.mark.parametrize("seconds", [DAY, -DAY])
@pytest.mark.parametrize("name", ["robust", "wait", "upload"])
def test_unit(tmp_path, clock, name, seconds):
    clock.jump(seconds)
    program = programs.Program([programs.path_of(f"tests/unit/test_{name}")], tmp_path, **clock.environment)
    program.check(program.wait())

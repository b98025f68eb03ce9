# SPDX-License-Identifier: MIT
"""A part of what `make faults` does, by a seed that is another one each day and is printed: FAULT_SEED repeats it."""

import os
import random
import time

import programs
import pytest
import subjects
from trial import ALLOWED

SEED = int(os.environ.get("FAULT_SEED", time.time() // 86400))
TASKS = 6 if programs.TSAN else 12 if programs.SANITIZED else 40
SHARE = 0.02 if programs.SANITIZED else 0.1


def todays():
    """Some of them, so that others run on other days."""
    tasks = subjects.tasks()
    return random.Random(SEED).sample(tasks, min(TASKS, len(tasks)))


@pytest.mark.parametrize("task", todays(), ids=subjects.name_of)
def test_a_call_fails(task, tmp_path):
    numbers = random.Random(f"{SEED} {subjects.name_of(task)}")
    results, _ = subjects.explore(task, tmp_path, lambda cases: [case for case in cases if numbers.random() < SHARE])
    bad = [result for result in results if result.outcome not in ALLOWED]
    assert not bad, f"FAULT_SEED={SEED}: {bad[0]}"

# SPDX-License-Identifier: MIT
"""A part of what `make faults` does of httpserver, by a seed: FAULT_SEED is another one. (It is to be another one each day, and
of all programs, when a whole run has no case that is not to be.)"""

import os
import random

import programs
import pytest
import subjects
from trial import ALLOWED

SEED = int(os.environ.get("FAULT_SEED", 1))
TASKS = 2 if programs.TSAN else 4 if programs.SANITIZED else 16
PROVEN = ("sequential", "threading", "eventloop")
SHARE = 0.02 if programs.SANITIZED else 0.1


def sample():
    """Some of them, so that others run by another seed."""
    tasks = [task for task in subjects.tasks() if task.plan.program == "httpserver" and task.composition in PROVEN]
    return random.Random(SEED).sample(tasks, min(TASKS, len(tasks)))


@pytest.mark.parametrize("task", sample(), ids=subjects.name_of)
def test_a_call_fails(task, tmp_path):
    numbers = random.Random(f"{SEED} {subjects.name_of(task)}")
    results, _ = subjects.explore(task, tmp_path, lambda cases: [case for case in cases if numbers.random() < SHARE])
    bad = [result for result in results if result.outcome not in ALLOWED]
    assert not bad, f"FAULT_SEED={SEED}: {bad[0]}"

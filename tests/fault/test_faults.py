# SPDX-License-Identifier: MIT
"""A part of what `make faults` does: a tenth of its scenes, and some of their cases, by a seed that is another one each day.
tests/run sets and prints it; FAULT_SEED=N repeats a day's."""

import os
import random
import time
import warnings

import programs
import pytest
import subjects
from trial import ALLOWED

SEED = int(os.environ.get("FAULT_SEED", 1))
TASKS = 3 if programs.TSAN else 6 if programs.SANITIZED else len(subjects.tasks()) // 10
CASES = 6 if programs.SANITIZED else 12  # of each scene, and as many of what follows from others
ENOUGH = 5 * (4 if programs.SANITIZED else 1)  # seconds for them; a scene that waits for much has fewer of them


def is_borne(task):
    """ThreadSanitizer ends a process that makes threads when one with threads has forked it; the rig has some from the start."""
    return not programs.TSAN or task.plan.program != "tests/fault/rig" or "fork" not in task.composition


def sample():
    return random.Random(SEED).sample([task for task in subjects.tasks() if is_borne(task)], TASKS)


def some(numbers, cases):
    """At least one."""
    end = time.monotonic() + ENOUGH
    for case in numbers.sample(cases, min(len(cases), CASES)):
        yield case
        if time.monotonic() > end:
            return


def explore(task, directory, choose):
    results, _ = subjects.explore(task, directory, choose)
    return [result for result in results if result.outcome not in ALLOWED]


@pytest.mark.parametrize("task", sample(), ids=subjects.name_of)
def test_a_call_fails(task, tmp_path_factory):
    """What is not to be counts when it comes again: this machine may be busy with other tests."""
    numbers = random.Random(f"{SEED} {subjects.name_of(task)}")
    bad = explore(task, tmp_path_factory.mktemp("first"), lambda cases: some(numbers, list(cases)))
    if not bad:
        return
    known = {result.case for result in bad}
    known |= {case.after for case in known}  # which lead there
    again = explore(task, tmp_path_factory.mktemp("again"), lambda cases: [case for case in cases if case in known])
    assert not again, f"FAULT_SEED={SEED}: {again[0]}"
    warnings.warn(f"FAULT_SEED={SEED}: once, and not again: {bad[0]}")

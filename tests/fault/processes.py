# SPDX-License-Identifier: MIT
"""What the kernel tells of processes and their threads."""

import os


def children_of(pid):
    found = set()
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                found |= {int(child) for child in file.read().split()}
    except OSError:
        pass  # it has ended
    return found


def list_of(pid, what):
    try:
        return os.listdir(f"/proc/{pid}/{what}")
    except OSError:
        return []


def time_of(pid):
    """Nanoseconds for which its threads have run."""
    total = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
    except OSError:
        pass  # it has ended
    return total


def state_of(pid, task):
    """R: it runs or can run, D: it waits for a disk, S: it waits, Z: it has ended."""
    try:
        with open(f"/proc/{pid}/task/{task}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(") ")[2][0]
    except (OSError, IndexError):
        return "Z"


def waits_of(pid, task):
    """How often a thread has begun to wait."""
    try:
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii", errors="replace") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("voluntary"))
    except (OSError, StopIteration):
        return 0  # it has ended

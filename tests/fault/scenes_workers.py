# SPDX-License-Identifier: MIT
"""Processes of a server that are killed while calls fail: their work is lost, and nothing else."""

import os
import signal
import time

import wire
from scenes_http import LARGE, SMALL
from trial import LIMIT, right

WORKERS = 24
SOON = 1.1  # seconds: a worker that ends sooner is replaced a while later
TICK = os.sysconf("SC_CLK_TCK")


def age(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return time.clock_gettime(time.CLOCK_BOOTTIME) - int(file.read().rpartition(")")[2].split()[19]) / TICK


def all_workers(server):
    return server.children() if len(server.children()) == WORKERS else None


def killed_worker(trial):
    """Another one comes, and meanwhile the others serve."""
    oldest = min(wire.wait_until(lambda: all_workers(trial.server)))
    wire.wait_until(lambda: age(oldest) > SOON)
    trial.close()
    os.kill(oldest, signal.SIGKILL)
    trial.limit = 6 * LIMIT  # each of them may fail, and be replaced
    trial.get("/small", SMALL, connection="close")
    with trial.asking("as many as before"):
        wire.wait_until(lambda: oldest not in (all_workers(trial.server) or {oldest}), 60)


def killed_request(trial):
    """Its connection ends, and no other one."""
    with wire.Client(trial.server.address, limit=LIMIT, receive_buffer=4096) as client:
        client.send(wire.request(path="/large"))
        with trial.asking("a download that is cut"):
            if client.fill():
                for child in trial.server.children():
                    os.kill(child, signal.SIGKILL)
            try:
                right(trial.accept(client.final()).body == LARGE)
            except wire.Ended as ended:
                right(ended.partial in LARGE, ended)
    trial.get("/small", SMALL)
    trial.close()

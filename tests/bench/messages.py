# SPDX-License-Identifier: MIT
"""What a message of a channel costs for each of many subscribers in one event loop (publish.c). Each subscriber is
woken for it; that it writes the message to its client, which is a system call, is told apart."""

import dataclasses
import os
import statistics
import subprocess

import targets
from servers import Failure

MODES = {"waits": "in ss_wait", "parks": "parked", "writes": "in ss_wait, with the write to its client"}


@dataclasses.dataclass(frozen=True)
class Channel:
    """CPU nanoseconds of the server for each subscriber and message; but for the write it may take `at_most`."""

    key: str
    title: str
    subscribers: int
    messages: int
    at_most: float
    kind = "messages"

    def measure(self, mode, options):
        subscribers = 100 if options.quick else self.subscribers
        command = [os.path.join(options.build, "tests/bench/publish"), str(subscribers), str(self.messages), mode]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure(done.stderr.strip())
        return float(done.stdout)

    def run(self, _, options):
        rounds = {mode: [] for mode in MODES}
        for _ in range(options.rounds):
            for mode, each in rounds.items():
                each.append(self.measure(mode, options))
        medians = {mode: statistics.median(each) for mode, each in rounds.items()}
        wanted = [targets.at_most(f"nanoseconds for each subscriber, {MODES[mode]}", medians[mode], self.at_most)
                  for mode in ("waits", "parks")]
        return {"key": self.key, "title": self.title, "rounds": rounds, "medians": medians, "targets": wanted}

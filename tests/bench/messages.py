# SPDX-License-Identifier: MIT
"""What a message of a channel costs for each of many subscribers in one event loop (publish.c). Each subscriber is
woken for it; that it writes the message to its client, which is a system call, is told apart: as a mode of its own, or
subtracted."""

import dataclasses
import os
import statistics
import subprocess

import targets
from servers import Failure

MODES = {"waits": "in ss_wait", "parks": "parked", "writes": "in ss_wait, with the write to its client",
         "sockets": "a WebSocket of a class, parked", "streams": "a stream of events of a class, parked",
         "sends": "no server: send(2) alone"}


@dataclasses.dataclass(frozen=True)
class Channel:
    """CPU nanoseconds of the server for each subscriber and message, in these modes. Wanted is {mode: the most}, of what is
    more than in the mode `besides`, if there is one."""

    key: str
    title: str
    subscribers: int
    messages: int
    modes: tuple
    at_most: dict
    besides: str = None
    kind = "messages"

    def measure(self, mode, options):
        subscribers = 100 if options.quick else self.subscribers
        command = [os.path.join(options.build, "tests/bench/publish"), str(subscribers), str(self.messages), mode]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure(done.stderr.strip())
        return float(done.stdout)

    def run(self, _, options):
        rounds = {mode: [] for mode in self.modes}
        for _ in range(options.rounds):
            for mode, each in rounds.items():
                each.append(self.measure(mode, options))
        medians = {mode: statistics.median(each) for mode, each in rounds.items()}
        besides = medians[self.besides] if self.besides else 0
        more = f", more than {MODES[self.besides]}" if self.besides else ""
        wanted = [targets.at_most(f"nanoseconds for each subscriber, {MODES[mode]}{more}", medians[mode] - besides, most)
                  for mode, most in self.at_most.items()]
        return {"key": self.key, "title": self.title, "rounds": rounds, "medians": medians, "targets": wanted}

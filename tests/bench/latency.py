# SPDX-License-Identifier: MIT
"""Latency: how long clients wait, by how many they are, and beside one that wants more than the others.

The loads are closed loops: every connection asks again as soon as it is answered, so the server is always busy, and
with n connections a request waits for about n others. What is compared are servers, or one server with and without
the greedy client, under the same load in the same minutes. The greedy client is part of the load generator
(greedy.h): on a processor of its own it would need a third one, on the generator's it would stop the clocks. It takes
as much as the server gives, so its effect is the turn that the server grants it among all others: bounded work keeps
the ratio of the latencies below 2, and work without a bound shows however fast the machine is. The 99th percentile is
the target; where another process had a share of either processor, it is the scheduler's: so it is that of the quiet
rounds, and where there are none, the target is neither met nor missed, and the median tells more."""

import dataclasses

import targets
from cpu import compare, measure, medians
from servers import Running, installed


@dataclasses.dataclass(frozen=True)
class Load:
    """What cpu.compare() wants of a row."""

    load: list
    servers: list


@dataclasses.dataclass(frozen=True)
class Connections:
    """The servers (ours first) with one load on different numbers of connections."""

    key: str
    title: str
    load: object  # a function of the number of connections
    servers: list
    counts: tuple
    against: str  # whose 99th percentile ours may not exceed
    kind = "latency"

    def run(self, root, options):
        points = {}
        for count in self.counts:
            rounds = compare(Load(self.load(count), self.servers), root, options)
            points[count] = {name: {**medians(of), "rounds": of} for name, of in rounds.items()}
        ours = self.servers[0].name
        wanted = []
        for count, point in points.items():
            if self.against in point and ours in point:
                ratio = point[ours]["p99_us"] / point[self.against]["p99_us"]
                wanted.append(targets.p99(f"p99 of {count} connections", ratio, 1.0,
                                          [of["others"] for of in point.values()], self.against))
        return {"key": self.key, "title": self.title, "points": points, "ours": [ours], "targets": wanted}


@dataclasses.dataclass(frozen=True)
class Greedy:
    """Clients alone, and the same with a greedy one; {what it does: the option of the load generator}."""

    key: str
    title: str
    load: list
    servers: list
    greedy: dict
    at_most: float = 2.0
    kind = "greedy"

    def measure(self, server, root, options):
        """{what the greedy client does, or "alone": rounds}, in turns."""
        cases = {"alone": [], **{what: ["-g", kind] for what, kind in self.greedy.items()}}
        rounds = {what: [] for what in cases}
        running = Running(server, options.build, root, [options.server_cpu])
        try:
            loads = [options.load_cpu]
            measure(self.load, running, root, options, loads, min(0.3, options.seconds))
            for _ in range(options.rounds):
                for what, more in cases.items():
                    command = [self.load[0], *more, *self.load[1:]]
                    rounds[what].append(measure(command, running, root, options, loads))
        finally:
            running.stop()
        return rounds

    def run(self, root, options):
        servers, wanted = {}, []
        for server in installed(self.servers, options):
            rounds = self.measure(server, root, options)
            cases = {what: {**medians(of), "rounds": of} for what, of in rounds.items()}
            for case in cases.values():
                case |= {f"{key}_ratio": case[f"{key}_us"] / cases["alone"][f"{key}_us"] for key in ("p50", "p99")}
            servers[server.name] = cases
            if server.ours:
                wanted += [targets.p99(f"{server.name}: p99 when one client {what}, to p99 alone",
                                       cases[what]["p99_ratio"], self.at_most,
                                       [cases[each]["others"] for each in ("alone", what)]) for what in self.greedy]
        return {"key": self.key, "title": self.title, "servers": servers, "targets": wanted} if servers else None

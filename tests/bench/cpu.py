# SPDX-License-Identifier: MIT
"""The CPU time of a request: one load on several servers, in turns."""

import contextlib
import dataclasses
import json
import os
import resource
import statistics
import time

import machine
import targets
from servers import Running, installed, load

TICK = 1 / os.sysconf("SC_CLK_TCK")  # seconds


def children_seconds():
    """CPU time of the children that have ended: of load generators, while servers run."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def generate(command, loads, limit):
    """The load, from a generator on each of the processors `loads`; what they have seen together."""
    reports = [json.loads(report) for report in load(command, loads, limit)]
    sums = {key: sum(report[key] for report in reports) for key in ("requests", "lost", "greedy")}
    return {**sums, **{key: max(report[key] for report in reports) for key in ("seconds", "p50_us", "p99_us")}}


def measure(command, running, root, options, loads, seconds=None):
    """One round of one load on one server."""
    seconds = seconds or options.seconds
    command = [part.format(build=options.build, root=root, port=running.port) for part in command]
    command[1:1] = ["-s", str(seconds)]
    began, generator = time.monotonic(), children_seconds()
    busy, spent = machine.busy(running.cpus), running.cpu_seconds()
    result = generate(command, loads, seconds + 30)
    spent = max(TICK, running.cpu_seconds() - spent)  # the system counts no less
    busy = machine.busy(running.cpus) - busy
    generator, elapsed = children_seconds() - generator, time.monotonic() - began
    return {
        "cpu_us": spent * 1e6 / result["requests"],
        "rate": result["requests"] / result["seconds"],
        "p50_us": result["p50_us"],
        "p99_us": result["p99_us"],
        "lost": result["lost"],
        "greedy_rate": result["greedy"] / result["seconds"],  # bytes a second of a greedy client
        "used": spent / result["seconds"] / len(running.cpus),  # of its processors, by the server
        "others": min(1.0, max(0.0, busy - spent) / elapsed),  # and by somebody else
        "generator": min(1.0, generator / result["seconds"] / len(loads)),  # of theirs, by the load generators
    }


def most_cpus(row):
    return max(server.cpus for server in row.servers)


def place(count, options):
    return machine.place(options.cpus, options.server_cpu, options.load_cpu, count)


def open_idle(running, options, stack):
    """Connections on which nothing is said stay open through all rounds."""
    connect, count = running.server.idle
    for _ in range(20 if options.quick else min(count, options.files // 2 - 100)):
        stack.enter_context(connect(running.port))


def compare(row, root, options):
    """All rounds of a row; {name: [round, ...]}."""
    running, rounds, idle = [], {}, contextlib.ExitStack()
    _, loads = place(most_cpus(row), options)
    try:
        for server in installed(row.servers, options):
            cpus, _ = place(server.cpus, options)
            running.append(Running(server, options.build, root, cpus))
            if server.idle:
                open_idle(running[-1], options, idle)
            measure(server.load or row.load, running[-1], root, options, loads, min(0.3, options.seconds))
        for number in range(options.rounds):
            for each in running if number % 2 == 0 else reversed(running):
                result = measure(each.server.load or row.load, each, root, options, loads)
                rounds.setdefault(each.server.name, []).append(result)
    finally:
        for each in running:
            each.stop()
        idle.close()
    return {server.name: rounds[server.name] for server in row.servers if server.name in rounds}


def medians(rounds):
    """Of all rounds of one server; latencies, and how much they were disturbed, of the quiet ones if there are any."""
    quiet = [each for each in rounds if targets.disturbance(each) <= targets.OTHERS] or rounds
    of = {key: statistics.median(each[key] for each in rounds) for key in ("cpu_us", "rate", "greedy_rate")}
    of |= {key: statistics.median(each[key] for each in quiet) for key in ("p50_us", "p99_us")}
    return {**of, "others": statistics.median(targets.disturbance(each) for each in quiet)}


def wanted(row, of, enough):
    """The row's targets for these medians; `enough`: whether each server had the processors that it is to have."""
    rivals = [server.name for server in row.servers if server.rival]
    (name, first), *others = of.items()
    found = [targets.at_most("CPU microseconds", first["cpu_us"], row.at_most)] if row.at_most else []
    for other, its in others:
        cpu, rate, p99 = (first[key] / its[key] for key in ("cpu_us", "rate", "p99_us"))
        if other in row.rates and enough:
            found.append(targets.at_least("rate of requests", rate, row.rates[other], other))
        elif other in row.targets:
            found.append(targets.at_most("CPU time", cpu, row.targets[other], other))
        if other in row.limits:
            found.append(targets.at_most(f"CPU time of {other}", 1 / cpu, row.limits[other], name))
        if other in row.targets and other in rivals:
            found.append(targets.p99("p99", p99, 1.0, [first["others"], its["others"]], other))
    return found


def summarize(row, rounds, enough):
    of = {name: medians(each) for name, each in rounds.items()}
    (_, first), *others = of.items()
    return {"key": row.key, "title": row.title, "rounds": rounds,
            "cpu_us": {name: its["cpu_us"] for name, its in of.items()},
            "ratios": {name: first["cpu_us"] / its["cpu_us"] for name, its in others},
            "ours": [server.name for server in row.servers if server.ours], "targets": wanted(row, of, enough)}


@dataclasses.dataclass(frozen=True)
class Row:
    """A load, the servers that bear it (ours first), and what is wanted of the first's CPU time: {another server: the
    most of that one's}, and `at_most` microseconds. Where the first has the processors it is to have, `rates` are
    wanted instead: {another server: the least of its requests a second}. `limits` are for others of ours: {server: the
    most of the first's CPU time}. Where a target is against a rival, the 99th percentile may not exceed that one's."""

    key: str
    title: str
    load: list
    servers: list
    targets: dict = dataclasses.field(default_factory=dict)
    at_most: float = None
    rates: dict = dataclasses.field(default_factory=dict)
    limits: dict = dataclasses.field(default_factory=dict)
    kind = "rows"

    def run(self, root, options):
        """What goes into the report and the JSON file; None when no server is there."""
        rounds = compare(self, root, options)
        most = most_cpus(self)
        return summarize(self, rounds, len(place(most, options)[0]) == most) if rounds else None

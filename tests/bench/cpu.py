"""The CPU time of a request: one load on several servers, in turns."""

import dataclasses
import json
import resource
import statistics
import time

import machine
import targets
from servers import Running, installed, load


def children_seconds():
    """CPU time of the children that have ended: of load generators, while servers run."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(command, running, root, options, seconds=None):
    """One round of one load on one server."""
    seconds = seconds or options.seconds
    command = [part.format(build=options.build, root=root, port=running.port) for part in command]
    command[1:1] = ["-s", str(seconds)]
    began, generator = time.monotonic(), children_seconds()
    busy, spent = machine.busy(running.cpu), running.cpu_seconds()
    result = json.loads(load(command, options.load_cpu, seconds + 30))
    spent = running.cpu_seconds() - spent
    busy = machine.busy(running.cpu) - busy
    generator, elapsed = children_seconds() - generator, time.monotonic() - began
    return {
        "cpu_us": spent * 1e6 / result["requests"],
        "rate": result["requests"] / result["seconds"],
        "p50_us": result["p50_us"],
        "p99_us": result["p99_us"],
        "lost": result["lost"],
        "greedy_rate": result.get("greedy", 0) / result["seconds"],  # bytes a second of a greedy client
        "used": spent / result["seconds"],  # of its processor, by the server
        "others": min(1.0, max(0.0, busy - spent) / elapsed),  # and by somebody else
        "generator": min(1.0, generator / result["seconds"]),  # of its processor, by the load generator
    }


def compare(row, root, options):
    """All rounds of a row; {name: [round, ...]}."""
    running, rounds = [], {}
    try:
        for server in installed(row.servers, options):
            running.append(Running(server, options.build, root, options.server_cpu))
            measure(row.load, running[-1], root, options, min(0.3, options.seconds))
        for number in range(options.rounds):
            for each in running if number % 2 == 0 else reversed(running):
                result = measure(row.load, each, root, options)
                rounds.setdefault(each.server.name, []).append(result)
    finally:
        for each in running:
            each.stop()
    return {server.name: rounds[server.name] for server in row.servers if server.name in rounds}


def summarize(row, rounds):
    names = list(rounds)
    medians = {name: statistics.median(r["cpu_us"] for r in rounds[name]) for name in names}
    ratios = {name: medians[names[0]] / medians[name] for name in names[1:]}
    wanted = [targets.at_most(f"CPU time to that of {name}", ratios[name], most)
              for name, most in row.targets.items() if name in ratios]
    return {"key": row.key, "title": row.title, "rounds": rounds, "cpu_us": medians, "ratios": ratios,
            "ours": [server.name for server in row.servers if server.ours], "targets": wanted}


@dataclasses.dataclass(frozen=True)
class Row:
    """A load, the servers that bear it (ours first), and the most that ours may cost of another's CPU time."""

    key: str
    title: str
    load: list
    servers: list
    targets: dict = dataclasses.field(default_factory=dict)
    kind = "rows"

    def run(self, root, options):
        """What goes into the report and the JSON file; None when no server is there."""
        rounds = compare(self, root, options)
        return summarize(self, rounds) if rounds else None

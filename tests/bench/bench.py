#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a request costs, what a connection keeps, how long clients wait: httpserver and the samples beside others.

    make bench                                            all of it; some ten minutes
    make bench ARGS='--quick --only udp'                  options: --help

CPU (cpu.py): each row of the table is one load on two or more servers, measured in turns (A B C, C B A, ...): the CPU
time of the server's whole tree of processes per request, medians of all rounds, and the ratio of the medians. CPU time
is what can be compared on a machine that does other work too; rates and latencies are those of one busy processor.
Memory (memory.py): what an idle connection keeps, and what a server takes to start. Latency (latency.py): by
connections, and beside a client that wants more than the others. Messages (messages.py): what a subscriber of a channel
costs. What is wanted of the figures, and whether it is so, comes at the end (targets.py); a target that is missed is a
result, not a failure, unless --strict is given.

All of it happens in a network namespace of its own (for users: where the system gives them one) with congestion
control reno. The server has one processor and the load generator, which never sleeps, another. Nothing but the
processes started here is touched. The results go to build/bench: bench.json, bench.md (the table in README.md), and a
plot (SVG) of each subject.

A further measurement is one more row in rows.py. In the environment: BUILD, where the programs are, and ARGS, more
options.
"""

import argparse
import json
import os
import shlex
import shutil
import signal
import sys
import tempfile
import time

import bars
import instructions
import lines
import machine
import readme
import report
import targets
from rows import ALL, FOOTNOTES, INSTRUCTIONS
from servers import Failure

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(os.environ.get("BUILD", os.path.join(ROOT, "build")))
SKIPPED = 77

FILES = {"1k.txt": 1024, "100k.txt": 100 * 1024, "10m.txt": 10 << 20}  # what is served
OPEN_FILES = 20000  # connections, and some
PLOTS = [("cpu.svg", "rows", bars.cpu), ("memory.svg", "memory", lines.memory),
         ("latency.svg", "latency", lines.latency)]


def make_files(root):
    os.chmod(root, 0o755)
    for name, size in FILES.items():
        with open(os.path.join(root, name), "wb") as file:
            file.write(bytes(33 + (i * i // 7) % 90 for i in range(size)))


def parse_options():
    parser = argparse.ArgumentParser(description="Measure CPU, memory and latency beside other servers.")
    parser.add_argument("--rounds", type=int, help="of each row (default: 5)")
    parser.add_argument("--seconds", type=float, help="of load for each server in each round (default: 2)")
    parser.add_argument("--quick", action="store_true",
                        help="2 rounds of half a second, 100 connections, 2 starts: does it work?")
    parser.add_argument("--only", metavar="PATTERN", default="", help="rows with PATTERN in key or title")
    parser.add_argument("--list", action="store_true", help="list the rows and exit")
    parser.add_argument("--output", metavar="DIR", default=os.path.join(BUILD, "bench"),
                        help="where bench.json, bench.md and the plots go (default: build/bench)")
    parser.add_argument("--server-cpu", type=int, metavar="N", help="the servers' processor (default: the first)")
    parser.add_argument("--load-cpu", type=int, metavar="N", help="the load generator's (default: the second)")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a target is missed, too")
    parser.add_argument("--instructions", action="store_true",
                        help="count instructions with valgrind instead: exact, the kernel's not included")
    options = parser.parse_args(shlex.split(os.environ.get("ARGS", "")) + sys.argv[1:])
    options.build = BUILD
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or (0.5 if options.quick else 2)
    options.cpus = cpus = sorted(os.sched_getaffinity(0))
    options.server_cpu = cpus[0] if options.server_cpu is None else options.server_cpu
    options.load_cpu = cpus[-1 if len(cpus) < 2 else 1] if options.load_cpu is None else options.load_cpu
    return options


def run(rows, root, options):
    """Measure all rows. Return ({kind: [summary, ...]}, whether all went well); when interrupted, what is complete."""
    summaries, good = {"rows": []}, True
    try:
        for row in rows:
            print(f"{row.key}: {row.title}", flush=True)
            try:
                if summary := row.run(root, options):
                    summaries.setdefault(row.kind, []).append(summary)
            except Failure as failure:
                print(f"bench: {failure}", file=sys.stderr)
                good = False
    except KeyboardInterrupt:
        print("interrupted")
    return summaries, good


def write_results(summaries, options):
    results = {"machine": machine.describe(options.own_network), "date": time.strftime("%Y-%m-%d"),
               "rounds": options.rounds, "seconds": options.seconds, **summaries, "notes": FOOTNOTES}
    texts = {"bench.json": json.dumps(results, indent=1), "bench.md": readme.table(results)}
    texts |= {name: draw(results) for name, kind, draw in PLOTS if summaries.get(kind)}
    print("\n" + report.tables(results) + "\n")
    os.makedirs(options.output, exist_ok=True)
    for name, text in texts.items():
        path = os.path.join(options.output, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        print(path)


def main():
    options = parse_options()
    rows = [row for row in ALL if options.only.lower() in row.key + row.title.lower()]
    if options.list:
        print("\n".join(f"{row.key:19}{row.title}" for row in rows))
        return 0
    if options.server_cpu == options.load_cpu and not options.instructions:
        print("bench: skipped: it takes two processors, one for the server and one for the load generator")
        return SKIPPED
    why_not = machine.enter_own_network()
    options.own_network = why_not is None
    if why_not:
        print(f"bench: warning: in the machine's own network, with congestion control "
              f"{machine.read(machine.CONGESTION)}: a namespace is refused ({why_not})")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are stopped
    os.environ["PATH"] += ":/usr/sbin:/usr/local/sbin"  # where nginx is, also for users
    options.files = machine.allow_files(OPEN_FILES)
    os.sched_setaffinity(0, {options.load_cpu})  # off the servers' processor
    root = tempfile.mkdtemp(prefix="bench-root-")
    try:
        make_files(root)
        if options.instructions:
            return instructions.run(INSTRUCTIONS, BUILD, root, options)
        summaries, good = run(rows, root, options)
        if not any(summaries.values()):
            return 1
        write_results(summaries, options)
        missed = any(target["met"] is False for _, target in targets.every(summaries))
        return 0 if good and not (options.strict and missed) else 1
    except Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    sys.exit(main())

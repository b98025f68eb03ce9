# SPDX-License-Identifier: MIT
"""Instructions per request: what a server itself executes, exactly, however noisy the machine.

Each server runs under valgrind twice, for N and for 2 N requests (--quick: fewer); the difference, over N, is what a
request takes, without start and end. The kernel's instructions are not among them."""

import dataclasses
import glob
import os
import re
import shutil

from servers import Failure, Running, load

REQUESTS, QUICK = 2000, 300
VALGRIND = "valgrind --tool=callgrind --trace-children=yes --callgrind-out-file={home}/callgrind.%p "


class Counted(Running):
    """A server under valgrind, which leaves its count when it ends."""

    def stop(self, patience=30.0):
        self.process.terminate()
        self.process.wait(patience)
        self.instructions = sum(map(total, glob.glob(os.path.join(self.home, "callgrind.*"))))
        super().stop(patience)


def total(path):
    with open(path, encoding="utf-8") as file:
        found = re.search(r"^(?:summary|totals): (\d+)", file.read(), re.MULTILINE)
    return int(found[1]) if found else 0


def count(server, command, requests, build, root, options):
    watched = dataclasses.replace(server, command=VALGRIND + server.command)
    running = Counted(watched, build, root, [options.server_cpu])
    try:
        command = [part.format(build=build, root=root, port=running.port) for part in command]
        command[1:1] = ["-n", str(requests)]
        load(command, [options.load_cpu], 600)
    finally:
        running.stop()
    return running.instructions


def run(measurements, build, root, options):
    """Measure and print all; the exit status."""
    if not shutil.which("valgrind"):
        print("bench: skipped: valgrind is not installed")
        return 77
    print("Instructions of the server per request, the kernel's not included")
    requests = QUICK if options.quick else REQUESTS
    for title, command, servers in measurements:
        if options.only.lower() not in title.lower():
            continue
        print(f"\n{title}", flush=True)
        for server in servers:
            if server.missing(build):
                continue
            once, twice = (count(server, command, n, build, root, options) for n in (requests, 2 * requests))
            if twice <= once:
                raise Failure(f"{server.name}: {once} instructions for {requests} requests, {twice} for twice as many")
            print(f"    {server.name:28}{(twice - once) / requests:10.0f}", flush=True)
    return 0

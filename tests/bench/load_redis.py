#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""load_redis.py -s SECONDS [OPTIONS of redis-benchmark] PORT: redis-benchmark for so long, reporting as the other load
generators do. It counts requests, not time: a short run before tells how many there are in a second."""

import csv
import json
import subprocess
import sys
import time

SHORT = 0.2  # the part of the time that the run before takes, or so
FIRST = 5000  # requests of the very first one


def run(options, port, count):
    """Seconds, and the line of the report."""
    began = time.monotonic()
    result = subprocess.run(["redis-benchmark", "-h", "127.0.0.1", "-p", port, "--csv", "-n", str(count), *options],
                            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    lines = [line for line in result.stdout.splitlines() if line.startswith('"')]
    if result.returncode or len(lines) != 2:
        sys.exit(f"redis-benchmark ended with {result.returncode}: {result.stdout} {result.stderr}")
    return seconds, next(csv.DictReader(lines))


def main():
    _, _, limit, *options, port = sys.argv
    limit = float(limit)
    count = total = FIRST
    seconds, report = run(options, port, count)
    for part in SHORT, 1 - SHORT:
        count = max(FIRST, int(count / seconds * limit * part))
        total += count
        seconds, report = run(options, port, count)
    print(json.dumps({"requests": total, "seconds": total / float(report["rps"]), "lost": 0, "greedy": 0,
                      "p50_us": float(report["p50_latency_ms"]) * 1000, "p99_us": float(report["p99_latency_ms"]) * 1000}))


if __name__ == "__main__":
    main()

"""The benchmark runs and reports: the figures are not judged here."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree

import programs
import pytest

BENCH = os.path.join(programs.TESTS, "bench", "bench.py")
SKIPPED = 77

pytestmark = pytest.mark.skipif(programs.SANITIZED, reason="the load generators are not built with sanitizers")


@pytest.fixture
def bench(tmp_path):
    """bench(*options) runs some rows, as briefly as can be; what is in bench.json, and the directory it is in."""
    def run(*options):
        command = [sys.executable, BENCH, "--quick", "--rounds", "1", "--seconds", "0.1", "--output", tmp_path,
                   *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env={**os.environ, "BUILD": programs.BUILD, "ARGS": ""}) as process:
            try:
                output, _ = process.communicate()
            except BaseException:
                process.terminate()  # it stops the servers that it has started
                raise
        if process.returncode == SKIPPED:
            pytest.skip(output)
        assert process.returncode == 0, output
        return json.loads((tmp_path / "bench.json").read_text()), tmp_path

    return run


def is_plot(path):
    root = xml.etree.ElementTree.parse(path).getroot()
    return root.tag == "{http://www.w3.org/2000/svg}svg" and len(root) > 5


def test_cpu(bench):
    results, directory = bench("--only", "http-1k-pipelined")
    row, = results["rows"]
    assert row["cpu_us"]["httpserver"] > 0
    assert row["rounds"]["httpserver"][0]["rate"] > 0
    assert is_plot(directory / "cpu.svg")


def test_memory(bench):
    results, directory = bench("--only", "memory")
    memory, = results["memory"]
    assert memory["connections"] == [10, 100]
    for name in ("httpserver", "httpserver, thread pool of 4"):
        assert all(size > 0 for size in memory["servers"][name]["pss"].values())
    assert is_plot(directory / "memory.svg")


def test_startup(bench):
    results, _ = bench("--only", "startup")
    startup, = results["startup"]
    assert len(startup["starts"]["httpserver"]) == 2
    assert all(value > 0 for value in startup["medians"]["httpserver"].values())


def test_latency(bench):
    results, directory = bench("--only", "latency")
    latency, = results["latency"]
    assert list(latency["points"]) == ["1", "8", "64", "512"]
    for point in latency["points"].values():
        assert 0 < point["httpserver"]["p50_us"] <= point["httpserver"]["p99_us"]
    assert is_plot(directory / "latency.svg")


@pytest.mark.parametrize("row, server", [("greedy-files", "httpserver"), ("greedy-upload", "a handler in C")])
def test_greedy(bench, row, server):
    results, _ = bench("--only", row)
    greedy, = results["greedy"]
    cases = greedy["servers"][server]
    assert cases.pop("alone")["greedy_rate"] == 0
    for case in cases.values():
        assert case["rate"] > 0 and case["greedy_rate"] > 0


def test_every_row_has_a_key_of_its_own():
    listed = subprocess.run([sys.executable, BENCH, "--list"], capture_output=True, text=True, check=True,
                            env={**os.environ, "ARGS": ""})
    keys = [line.split()[0] for line in listed.stdout.splitlines()]
    assert len(keys) == len(set(keys)) > 10

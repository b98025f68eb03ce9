# SPDX-License-Identifier: MIT
"""The benchmark runs and reports: the figures are not judged here."""

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import xml.etree.ElementTree

import programs
import pytest

BENCH = os.path.join(programs.TESTS, "bench", "bench.py")
SKIPPED = 77

sys.path.append(os.path.dirname(BENCH))
import cpu
import machine
import rows
import targets

pytestmark = pytest.mark.skipif(programs.SANITIZED, reason="the load generators are not built with sanitizers")


@pytest.fixture
def bench(tmp_path):
    """bench(*options) runs some rows, as briefly as can be; what is in bench.json, and the directory it is in.
    With strict=True, missed targets, and only these, are a failure."""
    def run(*options, strict=False):
        command = [sys.executable, BENCH, "--quick", "--rounds", "1", "--seconds", "0.1", "--output", tmp_path,
                   *options, *(["--strict"] if strict else [])]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env={**os.environ, "BUILD": programs.BUILD, "ARGS": ""}) as process:
            try:
                output, _ = process.communicate()
            except BaseException:
                process.terminate()  # it stops the servers that it has started
                raise
        if process.returncode == SKIPPED:
            pytest.skip(output)
        assert process.returncode in ((0, 1) if strict else (0,)), output
        results = json.loads((tmp_path / "bench.json").read_text())
        wanted = [target for kind in results.values() if isinstance(kind, list)
                  for summary in kind if isinstance(summary, dict) for target in summary["targets"]]
        assert all(targets.verdict(target) in output for target in wanted)
        table = (tmp_path / "bench.md").read_text().splitlines()
        assert len(table) > 2 and {line.count("|") for line in table} == {5}
        if strict:
            assert process.returncode == any(target["met"] is False for target in wanted), output
        return results, tmp_path

    return run


def is_plot(path):
    root = xml.etree.ElementTree.parse(path).getroot()
    return root.tag == "{http://www.w3.org/2000/svg}svg" and len(root) > 5


def test_cpu(bench):
    results, directory = bench("--only", "http-1k-pipelined")
    row, = results["rows"]
    assert row["cpu_us"]["httpserver"] > 0
    assert row["rounds"]["httpserver"][0]["rate"] > 0
    assert row["targets"][0]["at_most"] == 1.0 and isinstance(row["targets"][0]["met"], bool)
    assert is_plot(directory / "cpu.svg")
    assert results["machine"]["congestion_control"] == "reno" or not results["machine"]["own_network"]


def test_one_server_with_two_loads(bench):
    results, _ = bench("--only", "dynamic-post", strict=True)
    row, = results["rows"]
    post, get = (row["rounds"][name][0] for name in ("a handler in C", "the same, GET of 1 KiB"))
    assert post["rate"] > 0 and get["rate"] > 0
    assert row["targets"][0]["at_most"] == 1.3


def test_each_connection_has_its_own_head(tmp_path):
    """What load_http sends for "@" in a field: other digits on each connection, the same ones again on one."""
    heads = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            heads.setdefault(self.client_address, []).append(self.headers["Cookie"])
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            subprocess.run([os.path.join(programs.BUILD, "tests/bench/load_http"), "-c", "8", "-n", "80",
                            "-H", "Cookie: a=@; b=@", str(server.server_port), "/"], check=True, timeout=60,
                           stdout=subprocess.DEVNULL)
        finally:
            server.shutdown()
            thread.join()
    assert sum(map(len, heads.values())) == 80
    assert all(len(set(sent)) == 1 and re.fullmatch("a=([0-9a-f]{4,16}); b=(?!\\1)[0-9a-f]{4,16}", sent[0])
               for sent in heads.values())
    assert len({sent[0] for sent in heads.values()}) == len(heads) > 1


def test_a_browser_of_its_own_each(bench):
    assert len(rows.BROWSERS) + 1 == 14
    results, _ = bench("--only", "http-1k-browsers")
    row, = results["rows"]
    assert all(row["cpu_us"][name] > 0 for name in ("httpserver", "epoll loop in C"))


@pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind is not installed")
def test_instructions():
    done = subprocess.run([sys.executable, BENCH, "--instructions", "--quick", "--only", "a small head of its own"],
                          stdout=subprocess.PIPE, check=True, text=True,
                          env={**os.environ, "BUILD": programs.BUILD, "ARGS": ""})
    found = re.search(r"^ +httpserver +(\d+)$", done.stdout, re.MULTILINE)
    assert found and int(found[1]) > 1000


def test_two_loops(bench):
    results, _ = bench("--only", "http-workers")
    row, = results["rows"]
    assert row["cpu_us"]["httpserver, two loops"] > 0
    enough = len(os.sched_getaffinity(0)) >= 4
    wanted, = row["targets"]
    assert wanted["at_least"] == 1.8 if enough else wanted["at_most"] == 1.05


def test_messages(bench):
    results, _ = bench("--only", "channel", strict=True)
    assert [set(summary["medians"]) for summary in results["messages"]] == [{"waits", "parks", "writes"},
                                                                            {"sockets", "streams", "sends"}]
    assert min(ns for summary in results["messages"] for ns in summary["medians"].values()) > 0


def test_websockets(bench):
    results, _ = bench("--only", "ws-64")
    row, = results["rows"]
    assert {"ws_echo, a class", "ws_echo, straight code", rows.ECHO.name} <= row["cpu_us"].keys()
    assert all(cpu_us > 0 for cpu_us in row["cpu_us"].values())


@pytest.mark.skipif(not shutil.which("redis-benchmark"), reason="redis-benchmark is not installed")
def test_redis(bench):
    results, _ = bench("--only", "redis-get-pipelined")
    row, = results["rows"]
    assert row["cpu_us"]["kvstore"] > 0 and row["rounds"]["kvstore"][0]["p99_us"] > 0
    assert not shutil.which("redis-server") or row["targets"][0]["of"] == "redis-server"


def test_idle_websockets(bench):
    """They are there while others talk."""
    results, _ = bench("--only", "ws-idle")
    row, = results["rows"]
    assert len(row["cpu_us"]) == 3 and all(cpu_us > 0 for cpu_us in row["cpu_us"].values())


def test_memory(bench):
    results, directory = bench("--only", "memory")
    memory, *websockets = results["memory"]
    assert memory["connections"] == [10, 100] and len(websockets) == 3
    assert all(size > 0 for row in websockets for size in row["servers"][next(iter(row["servers"]))]["pss"].values())
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
    table = (directory / "bench.md").read_text().splitlines()
    assert [line.split(" connections")[0].split()[-1] for line in table[2:]] == list(latency["points"])
    assert is_plot(directory / "latency.svg")


@pytest.mark.parametrize("row, server", [("greedy-files", "httpserver"), ("greedy-upload", "a handler in C")])
def test_greedy(bench, row, server):
    results, _ = bench("--only", row)
    greedy, = results["greedy"]
    cases = greedy["servers"][server]
    assert cases.pop("alone")["greedy_rate"] == 0
    for case in cases.values():
        assert case["rate"] > 0 and case["greedy_rate"] > 0


ONE = ([0], [1])


@pytest.mark.parametrize("cpus, count, placed", [(2, 1, ONE), (2, 2, ONE), (3, 2, ONE), (4, 1, ONE),
                                                 (4, 2, ([0, 2], [1, 3])), (8, 2, ([0, 2], [1, 3]))])
def test_processors(cpus, count, placed):
    """No generator shares a processor with a server, and each processor of a server has a generator."""
    assert machine.place(range(cpus), 0, 1, count) == placed


def measured(**more):
    return {"cpu_us": 6, "rate": 100, "p50_us": 10, "p99_us": 20, "greedy_rate": 0, "others": 0, "generator": 1, **more}


def test_latencies_are_those_of_quiet_rounds():
    rounds = [measured(p99_us=900, others=.5), measured(p99_us=30), measured(p99_us=800, generator=.6)]
    assert cpu.medians(rounds)["p99_us"] == 30 and cpu.medians(rounds)["others"] == 0
    assert cpu.medians(rounds[:1])["p99_us"] == 900 and cpu.medians(rounds[:1])["others"] == .5


@pytest.mark.parametrize("disturbed, met", [(0, False), (.04, None)])
def test_targets_of_a_row(disturbed, met):
    row = cpu.Row("key", "title", [], [rows.HTTPSERVER, rows.POOL, rows.NGINX], {"nginx": 0.66}, at_most=5.9,
                  rates={rows.POOL.name: 1.8}, limits={rows.POOL.name: 1.2})
    of = {"httpserver": cpu.medians([measured(p99_us=21)]), rows.POOL.name: cpu.medians([measured(cpu_us=7, rate=50)]),
          "nginx": cpu.medians([measured(cpu_us=10, others=disturbed)])}
    assert [(round(target["value"], 2), target["met"]) for target in cpu.wanted(row, of, True)] == [
        (6, False), (2, True), (1.17, True), (.6, True), (1.05, met)]
    assert len(cpu.wanted(row, of, False)) == 4


def test_verdicts():
    assert targets.verdict(targets.at_most("bytes", 150, 200)) == "bytes: 150, target 200: met"
    assert targets.verdict(targets.at_least("rate", 1.7, 1.8)) == "rate: 1.70, target at least 1.80: MISSED"
    assert "cannot be told" in targets.verdict(targets.p99("p99", .5, 1, [0, .5]))


def test_every_row_has_a_key_of_its_own():
    listed = subprocess.run([sys.executable, BENCH, "--list"], capture_output=True, text=True, check=True,
                            env={**os.environ, "ARGS": ""})
    keys = [line.split()[0] for line in listed.stdout.splitlines()]
    assert len(keys) == len(set(keys)) > 10

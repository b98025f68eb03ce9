# SPDX-License-Identifier: MIT
"""samples/compare: the table has all rows and columns, and its numbers fit together. How large they are is not for a test."""

import csv
import io
import os
import re

import programs
import pytest

MIXINS = ["none", "Threading", "ThreadPool", "Forking", "Preforking", "EventLoop", "Preforking+EventLoop"]
LOADS = ["short", "kept", "idle"]
CLIENTS, IDLE, WORKERS = 5, 30, 2
SECONDS = 0.5 if programs.SANITIZED else 0.1
FEW = ["--seconds", SECONDS, "--clients", CLIENTS, "--idle", IDLE, "--workers", WORKERS]
ONE_BY_ONE = {"none": 1, "Preforking": WORKERS}  # clients that are served at once
ROW = re.compile(r"(\S+) +(\d+)[+ ] +([\d.]+|-) +(\d+|-) +(\d+|-) +([\d.]+|-) +(\d+) +(\d+) +(\d+) +(\d+) of (\d+)")


def compare(*options):
    result = programs.run([programs.path_of("samples/compare"), *FEW, *options], limit=4 * programs.LIMIT)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def check(load, name, requests, served, of):
    """Who is served under which mix-in does not depend on time."""
    assert of == (4 if load == "idle" else CLIENTS)
    if load == "idle" and name in ONE_BY_ONE:
        assert requests == served == 0  # those who say nothing were there first
    elif load == "kept" and name in ONE_BY_ONE:
        assert requests >= served and served <= ONE_BY_ONE[name]
    else:
        assert requests >= served and served <= of


def check_places(load, name, threads, processes, all_served):
    """Those that ask came behind those that are idle: when all of them are served, there is a place for everybody. The others
    may have had theirs one after the other. (Sanitizers may have threads of their own.)"""
    connections = IDLE + 4 if load == "idle" and all_served else 0
    if name == "Forking":
        assert threads >= processes >= 1 + connections
    elif "Preforking" in name:
        assert processes == 1 + WORKERS <= threads
    else:
        assert processes == 1 <= threads
    if name in ("Threading", "ThreadPool"):
        assert threads >= 1 + connections


def test_table():
    text = compare()
    assert max(map(len, text.splitlines())) <= 108
    *tables, words = text.split("\n\n")
    assert len(tables) == len(LOADS) and words.startswith("How to read it\n- ")
    for load, table in zip(LOADS, tables):
        what, head, units, *rows = table.strip("\n").splitlines()
        assert what.startswith(f"{load}: {4 if load == 'idle' else CLIENTS} clients")
        assert load != "idle" or f" {IDLE} more" in what
        assert "requests" in head and "a second" in units
        rows = [ROW.fullmatch(row).groups() for row in rows]
        assert [row[0] for row in rows] == MIXINS
        for name, requests, cpu, p50, p99, switches, memory, threads, processes, served, of in rows:
            check(load, name, int(requests), int(served), int(of))
            check_places(load, name, int(threads), int(processes), served == of)
            assert int(memory) > 0
            if int(served) == 0:
                assert requests == "0" and cpu == p50 == p99 == switches == "-"
            else:
                assert float(cpu) > 0 and 0 <= int(p50) <= int(p99) and float(switches) >= 0
        late = [row[0] for row in rows if row[-2] != row[-1]]
        said = f"\n- {load}: not all clients had their turn under {', '.join(late)}.\n"
        assert (said in words) == bool(late)
        assert load != "idle" or {"none", "Preforking"} <= set(late)
    extremes = re.findall(r"^- (\w+): \S+ took the least CPU a request \([\d.]+ us\), \S+ the most", words, re.MULTILINE)
    assert extremes == LOADS


@pytest.mark.parametrize("more", [[], ["--park"]], ids=["blocking", "parked"])
def test_csv(more):
    """Parked connections hold no thread of a pool."""
    names = ["ThreadPool", "EventLoop", "Threading"]
    for _ in range(5):  # on a busy machine the time may be over before the first answer
        rows = list(csv.DictReader(io.StringIO(compare("--csv", "--mixins", ",".join(names), *more))))
        if all(row["requests"] != "0" for row in rows):
            break
    assert [(row["load"], row["mixin"]) for row in rows] == [(load, name) for load in LOADS for name in MIXINS if name in names]
    for row in rows:
        number = {key: float(value) for key, value in row.items() if key not in ("load", "mixin")}
        assert min(number.values()) >= 0 and min(number["cpu_us"], number["memory_kib"], number["requests"]) > 0
        assert number["requests_per_second"] == pytest.approx(number["requests"] / number["seconds"], rel=0.01)
        assert number["seconds"] >= SECONDS and number["p50_us"] <= number["p99_us"] <= number["seconds"] * 1.1e6
        assert number["clients_served"] <= min(number["clients"], number["requests"]) and number["load_busy"] < 1.1
        assert number["hung_up"] == 0
        assert number["cpu_us"] * number["requests"] < 1e6 * 60
        if row["load"] == "idle" and row["mixin"] == "ThreadPool":
            assert (number["threads"] < IDLE) == bool(more)


def test_parked_connections_make_room():
    """Where there is one place for all, those who are idle do not keep it for ever."""
    text = compare("--loads", "idle", "--mixins", "none", "--park", "--seconds", "1.5", "--idle", "5")
    assert re.search(r"^none .* [1-4] of 4$", text, re.MULTILINE)
    assert re.search(r"^- idle: none has ended [1-9]\d* parked connections for others that waited.$", text, re.MULTILINE)


def test_all_of_those_that_are_named():
    text = compare("--loads", "kept", "--mixins", "EventLoop")
    assert len(re.findall(r"^\S+ .* of 5$", text, re.MULTILINE)) == 1 and "least CPU" not in text


@pytest.mark.parametrize("arguments, said", [
    (["--nothing"], "there is no option --nothing"), (["--seconds"], "a value is missing after --seconds"),
    (["--seconds", "0"], "no number of seconds from 0.05 to 60: 0"),
    (["--seconds", "1s"], "no number of seconds from 0.05 to 60: 1s"),
    (["--seconds", "nan"], "no number of seconds from 0.05 to 60: nan"), (["--loads", "long"], "no list of loads: long"),
    (["--loads", ""], "no list of loads: "), (["--mixins", "EventLoop,,none"], "no list of mix-ins: EventLoop,,none"),
    (["--clients", "0"], "no number of clients: 0"), (["--idle", "1001"], "no number of connections: 1001"),
    (["--workers", "x"], "no number of workers: x"), (["more"], "there is nothing to do with more")])
def test_wrong_arguments(arguments, said):
    result = programs.run([programs.path_of("samples/compare"), *arguments])
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"compare: {said}; compare --help shows what there is\n"


def test_help():
    result = programs.run([programs.path_of("samples/compare"), "--help"])
    assert (result.returncode, result.stderr) == (0, "") and result.stdout.startswith("usage: compare [OPTION]...\n\n")
    assert all(name in result.stdout for name in [*MIXINS, *LOADS]) and max(map(len, result.stdout.splitlines())) <= 100


def test_too_few_descriptors():
    """It says so, and leaves nothing behind."""
    program = programs.path_of("samples/compare")
    result = programs.run(["sh", "-c", f"ulimit -n 20; exec {program} --loads idle --mixins none --seconds 0.1"])
    assert result.returncode == 1 and result.stderr == f"compare: idle, none: {os.strerror(24)}\n"

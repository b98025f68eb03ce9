# SPDX-License-Identifier: MIT
"""samples/many: a time line for each mix-in, and what it says of it."""

import os
import re
import time

import programs
import pytest

MIXINS = ["none", "Threading", "ThreadPool", "Forking", "Preforking", "EventLoop", "Preforking+EventLoop"]
ROW = re.compile(r"(slow|quick \d+) +(\|?-*\*) +(\d+) ms")
ALL_WAIT, NOBODY_WAITS = "All quick ones had to wait until the slow one had gone.", "Nobody had to wait for the slow one."


def many(*options):
    """{mix-in: (rows, sentence)}"""
    result = programs.run([programs.path_of("samples/many"), "--clients", 3, *options])
    assert (result.returncode, result.stderr) == (0, "")
    head, *blocks = result.stdout.split("\n\n")
    assert len(head.splitlines()) == 3 and max(map(len, result.stdout.splitlines())) <= 100
    found = {}
    for block in blocks:
        title, scale, *rows, sentence = block.splitlines()
        assert re.fullmatch(r" {9}0 +\d+ +\d+ +\d+ +\d+ ms", scale)
        found[title.split(": ")[0]] = rows, sentence
        rows = [ROW.fullmatch(row) for row in rows]
        assert [row[1] for row in rows] == ["slow", "quick 1", "quick 2", "quick 3"]
        assert all(int(row[3]) >= 0 for row in rows)
    return found


def sentences(wanted, *options):
    """On a busy machine a quick client may be late for reasons of its own: what is wanted is seen in one of several rounds."""
    for _ in range(5):
        found = {name: sentence for name, (_, sentence) in many(*options).items()}
        if all(text in found[name] for name, text in wanted.items()) and found.keys() == wanted.keys():
            return found
    raise AssertionError(f"{found} is not {wanted}")


def test_slow_client():
    """Only where there is one place for all they have to wait; each mix-in serves in its own threads and processes."""
    found = sentences({name: ALL_WAIT if name == "none" else NOBODY_WAITS for name in MIXINS}, "--ms", "250")
    assert list(found) == MIXINS
    for name, served in {"none": "1 thread, in 1 process", "Threading": "4 threads, in 1 process",
                         "Forking": "4 threads, in 4 processes", "Preforking": "2 threads, in 2 processes",
                         "EventLoop": "1 thread, in 1 process"}.items():
        assert found[name].endswith(f" Served by {served}.")


def test_slow_handler():
    """A call that blocks holds up an event loop as a whole, and ss_offload helps."""
    names = ["none", "Threading", "EventLoop"]
    sentences(dict(zip(names, [ALL_WAIT, NOBODY_WAITS, ALL_WAIT])), "--mixins", "none,EventLoop,threading",
              "--slow", "blocking", "--ms", "150")
    sentences({"none": ALL_WAIT, "EventLoop": NOBODY_WAITS}, "--mixins", "none,EventLoop", "--slow", "offload", "--ms", "150")


def test_workers():
    sentences({"Preforking": ALL_WAIT, "Preforking+EventLoop": NOBODY_WAITS}, "--workers", "1", "--mixins",
              "Preforking,Preforking+EventLoop", "--ms", "150")


def test_rows():
    rows, _ = many("--mixins", "none", "--ms", "100")["none"]
    bars = [ROW.fullmatch(row)[2] for row in rows]
    assert bars[0][0] == "|" and bars[0][-1] == "*" and len(bars[0]) >= 50
    assert [len(bar) for bar in bars] == sorted(map(len, bars), reverse=True)
    assert len({row.index("*") for row in rows}) <= 2  # they are served one behind the other, at once


@pytest.mark.parametrize("arguments, said", [
    (["--nothing"], "there is no option --nothing"), (["--ms"], "a value is missing after --ms"),
    (["more"], "there is nothing to do with more"), (["--ms", "0"], "no number of ms: 0"),
    (["--ms", "5001"], "no number of ms: 5001"), (["--clients", "1x"], "no number of clients: 1x"),
    (["--clients", "41"], "no number of clients: 41"), (["--mixins", "Thread"], "no list of mix-ins: Thread"),
    (["--mixins", ""], "no list of mix-ins: "), (["--mixins", "none,"], "no list of mix-ins: none,"),
    (["--slow", "server"], "nothing that can be slow: server"), (["--workers", "0"], "no number of workers: 0")])
def test_wrong_arguments(arguments, said):
    result = programs.run([programs.path_of("samples/many"), *arguments])
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"many: {said}; many --help shows what there is\n"


def test_help():
    result = programs.run([programs.path_of("samples/many"), "-h"])
    assert (result.returncode, result.stderr) == (0, "") and result.stdout.startswith("usage: many [OPTION]...\n\n")
    assert all(name in result.stdout for name in MIXINS) and max(map(len, result.stdout.splitlines())) <= 100


def test_its_servers_end_with_it(tmp_path):
    """Also when it is killed in the middle."""
    program = programs.Program([programs.path_of("samples/many"), "--ms", "5000", "--mixins", "Preforking"], tmp_path)
    while not program.children():
        time.sleep(0.01)
    server, = program.children()
    while not os.path.exists(f"/proc/{server}/task/{server}/children") or len(program_children(server)) < 2:
        time.sleep(0.01)
    program.process.kill()
    program.wait()
    for _ in range(1000):
        if not program.group_exists():
            break
        time.sleep(0.01)
    program.check(-9, -9)


def program_children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return file.read().split()

# SPDX-License-Identifier: MIT
"""Signals at random moments, while many download and upload: they harm no byte; and of workers that are killed, only the
requests that these had are cut."""

import os
import random
import re
import signal
import time

import load
import mixins
import programs
import pytest
import wire

pytestmark = pytest.mark.skipif(programs.SANITIZED, reason="tests of time and of crowds run once, without sanitizers")

WORKERS = {name: mixin for name, mixin in mixins.MIXINS.items() if name.startswith("preforking")}
WORKERS["preforking-threading"] = ["--mixin", "preforking,threading", "--workers", "2"]
HARMLESS = (signal.SIGHUP, signal.SIGWINCH, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGXCPU, signal.SIGSTOP)


def ports_of(pid):
    """Those of the clients whose connections a process has. (IPv4)"""
    found = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    with open("/proc/net/tcp", encoding="ascii") as file:
        return {int(words[2].split(":")[1], 16) for words in map(str.split, file) if f"socket:[{words[9]}]" in found}



@pytest.mark.parametrize("name", ["forking", "eventloop-2", "preforking-eventloop"])
def test_signals_that_harm_nobody(httpserver, root, tmp_path, name):
    seed = random.randrange(1 << 32)
    rng, site = random.Random(seed), load.Site(root, seed)
    server = httpserver(*load.OPTIONS, "--access-log", tmp_path / "log", *mixins.MIXINS[name])
    with load.Crowd(server, site, seed) as crowd:
        crowd.wait_for(10)
        for number in rng.choices(HARMLESS, k=15):
            os.killpg(server.pid, number)
            time.sleep(rng.uniform(0, 0.01))
            os.killpg(server.pid, signal.SIGCONT)
        crowd.wait_for(20)
    crowd.check()
    server.stop()
    site.check()


@pytest.mark.parametrize("name, number", [
    *((name, signal.SIGKILL) for name in WORKERS),
    ("preforking-eventloop", signal.SIGSEGV),
], ids=lambda value: getattr(value, "name", value))
def test_workers_that_are_killed(httpserver, root, name, number):
    """Another one takes the place of each, and no zombie remains."""
    seed = random.randrange(1 << 32)
    rng, site, lost = random.Random(seed), load.Site(root, seed), set()
    server = httpserver(*load.OPTIONS, *WORKERS[name])
    with load.Crowd(server, site, seed) as crowd:
        for _ in range(2):
            crowd.wait_for(rng.randrange(5, 20))
            worker = rng.choice(sorted(wire.wait_until(lambda: len(server.children()) == 2 and server.children())))
            os.kill(worker, signal.SIGSTOP)
            wire.wait_until(lambda: programs.state_of(worker) == "T")
            lost |= ports_of(worker)
            os.kill(worker, number)
            if number != signal.SIGKILL:  # which ends one who is stopped, too
                os.kill(worker, signal.SIGCONT)
            wire.wait_until(lambda: worker not in server.children() and len(server.children()) == 2, programs.LIMIT)
        crowd.wait_for(10)
    crowd.check(lambda result: load.cut(result) and result.port in lost,
                *([load.stale] if name in mixins.ONE_BY_ONE else []))
    assert re.search(f"was killed by signal {number:d}", server.log)
    server.stop()
    site.check()

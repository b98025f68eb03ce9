# SPDX-License-Identifier: MIT
"""Four times as many clients at the same moment as the server can have descriptors, without HTTP: all are served."""

import crowd
import programs
import pytest

pytestmark = pytest.mark.skipif(programs.SANITIZED, reason="tests of time and of crowds run once, without sanitizers")

MIXINS = ["", "Threading", "ThreadPool", "Forking", "Preforking", "EventLoop", "PreforkingEventLoop", "PreforkingThreading",
          "PreforkingThreadPool"]
CLIENTS = 1024
FORKING = 300  # a process for each takes its time


def questions_of(name):
    count = FORKING if name.startswith("Forking") else CLIENTS
    crowd.allow(2 * count)
    return [b"%d\n" % number * 20 for number in range(count)]


def is_whole(answer):
    return answer.count(b"\n") == 20


def check(clients):
    for number, client in enumerate(clients):
        assert client.fault is None, f"client {number} of {len(clients)}: {client.fault}"
        assert client.answer == client.question


@pytest.mark.parametrize("kind", ["TCPServer", "UnixStreamServer"])
@pytest.mark.parametrize("mixins", MIXINS)
def test_echo(of_class, mixins, kind):
    """Nobody says a word before all are connected, and each is there until he has his answer."""
    server = of_class(programs.path_of("tests/framework/rig"), mixins + kind, "echo", preexec=crowd.few_descriptors)
    with crowd.Crowd(server.address, questions_of(mixins), is_whole) as all_of_them:
        check(all_of_them.connect().ask())
    server.stop()
    assert not server.log


@pytest.mark.parametrize("mixins", MIXINS)
def test_idle_connections(rig, mixins):
    """Those that have their answer stay, and have to go for the others."""
    server = rig(f"{mixins}TCPServer", "park", preexec=crowd.few_descriptors)
    questions = questions_of(mixins)
    with crowd.Crowd(server.address, questions, is_whole) as first:
        check(first.ask(keep=True))
        with crowd.Crowd(server.address, questions[:100], is_whole) as second:
            check(second.ask(keep=True))
    server.stop()
    assert not server.log

# SPDX-License-Identifier: MIT
"""Signals: what is left alone, and what a process finds that a handler has made."""

import os
import signal

import pytest
import wire

LIMIT = 10  # seconds without a byte
ALL = ["TCPServer", "ThreadingTCPServer", "ThreadPoolTCPServer", "ForkingTCPServer", "PreforkingTCPServer",
       "EventLoopTCPServer", "PreforkingForkingTCPServer", "PreforkingThreadingTCPServer", "PreforkingEventLoopTCPServer"]


def ask(server, command):
    with wire.Client(server.address, limit=LIMIT) as client:
        return client.send(command + "\n").until(b"\n").decode()


@pytest.fixture(params=ALL)
def server(request, processes):
    return processes(request.param, "workers=2")


@pytest.mark.skipif(os.environ.get("SANITIZE") == "thread", reason="ThreadSanitizer puts off signals in a forked child")
def test_a_helper_of_a_handler(server):
    """It has not called exec, and our handlers: SIGTERM ends it all the same, and so does SIGPIPE."""
    assert ask(server, "term") == f"signal {signal.SIGTERM}"
    assert ask(server, "pipe") == f"signal {signal.SIGPIPE}"
    server.stop()


def test_a_file_at_its_limit(server):
    """SIGXFSZ ends nobody."""
    assert ask(server, "limit") == "EFBIG"
    assert ask(server, "limit") == "EFBIG"


@pytest.mark.parametrize("way", ["fork", "spawn", "system"])
def test_a_program_of_a_handler(server, way):
    """No signal is blocked or ignored for it."""
    blocked, ignored = (int(number, 16) for number in ask(server, way).split())
    assert not blocked
    assert not ignored & ~(3 << 31)  # two of them are the C library's own


@pytest.mark.parametrize("name", ALL)
def test_ignored_at_the_start(processes, name):
    """By a shell that starts it in the background, or by nohup."""
    def ignore():
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    server = processes(name, "workers=2", preexec=ignore)
    wire.wait_until(lambda: server.catches(signal.SIGTERM))
    for number in (signal.SIGINT, signal.SIGHUP):
        server.process.send_signal(number)
    assert ask(server, "process")
    assert not server.catches(signal.SIGINT)
    server.stop()

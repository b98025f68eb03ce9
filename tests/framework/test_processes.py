"""Processes, threads and loops that share the work."""

import os
import signal
import time

import programs
import pytest
import wire

LIMIT = 10  # seconds without a byte
WORKERS = 2


def serves(server, times=1):
    for _ in range(times):
        with wire.Client(server.address, limit=LIMIT) as client:
            assert client.send("x").exactly(1) == b"x"


def with_workers(rig):
    server = rig("PreforkingTCPServer", "echo", f"workers={WORKERS}")
    wire.wait_until(lambda: len(server.children()) == WORKERS)
    return server


def test_a_killed_worker_is_replaced(rig):
    server = with_workers(rig)
    before = server.children()
    os.kill(min(before), signal.SIGKILL)
    serves(server, 5)
    wire.wait_until(lambda: min(before) not in (now := server.children()) and len(now) == WORKERS)
    serves(server, 5)


def test_workers_end_with_a_killed_parent(rig):
    server = with_workers(rig)
    workers = server.children()
    serves(server)
    server.send_signal(signal.SIGKILL)
    assert server.wait() == -signal.SIGKILL
    wire.wait_until(lambda: all(programs.state_of(pid) in "ZX" for pid in workers))


def test_forking_beside_a_thread_in_getchar(rig):
    """fork() must not wait for a lock that is held for as long as somebody thinks what to type."""
    serves(rig("ForkingTCPServer", "echo", "getchar=1"), 3)


@pytest.mark.parametrize("name", ["PreforkingEventLoopTCPServer", "EventLoopUnixStreamServer"])
def test_one_that_is_full_leaves_clients_to_the_others(rig, name):
    server = rig(name, "echo", f"workers={WORKERS}", "max_requests=1")
    for _ in range(20):
        with wire.Client(server.address, limit=LIMIT) as first:
            assert first.send("1").exactly(1) == b"1"
            serves(server)


@pytest.mark.parametrize("name", ["ThreadPoolEventLoopTCPServer", "ThreadingEventLoopTCPServer",
                                  "ForkingEventLoopTCPServer", "ForkingThreadPoolTCPServer"])
def test_stacked_mixins(rig, name):
    server = rig(name, "echo", f"workers={WORKERS}", "shutdown_timeout=2000")
    serves(server, 40)
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 1.5

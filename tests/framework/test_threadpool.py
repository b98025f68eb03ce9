# SPDX-License-Identifier: MIT
"""What the threads of a pool do for each other."""

import contextlib
import os
import time

import wire

LIMIT = 20  # seconds without a byte


def parked(server, count):
    """Connections that no thread is busy with."""
    clients = [wire.Client(server.address, limit=LIMIT) for _ in range(count)]
    for client in clients:
        assert client.send("0\n").until(b"\n") == b"0"
    return clients


def turns(client):
    """Before and after a wait, if there was one."""
    return client.until(b"\n").split()


@contextlib.contextmanager
def at_once(server):
    """What is sent meanwhile has all arrived when the first thread of the server looks, and all were waiting for it:
    they share a CPU with us, and do not interrupt us."""
    before = os.sched_getaffinity(0)
    cpu = {min(before)}
    for thread in os.listdir(f"/proc/{server.pid}/task"):
        os.sched_setaffinity(int(thread), cpu)
        os.sched_setscheduler(int(thread), os.SCHED_BATCH, os.sched_param(0))
    os.sched_setaffinity(0, cpu)
    time.sleep(0.1)  # and a fresh slice of time
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def test_nothing_waits_for_a_handler_that_blocks(rig):
    """What has arrived at once is taken by one thread; while its handler blocks, the idle ones see to the rest."""
    server = rig("ThreadPoolTCPServer", "nap", "workers=3")
    slow, second, *quick = parked(server, 12)
    with at_once(server):
        for client in (slow, second):
            client.send("1500\n")
        for client in quick:
            client.send("0\n")
    began = time.monotonic()
    for client in quick:
        assert client.until(b"\n") == b"0"
    assert time.monotonic() - began < 1
    for client in (slow, second):
        assert client.until(b"\n") == b"1500"
    assert time.monotonic() - began < 2.5  # not one after the other


def test_each_call_tells_another_turn(rig):
    """Others may have run meanwhile, and files have changed."""
    server = rig("ThreadPoolTCPServer", "turn", "workers=1")
    clients = [wire.Client(server.address, limit=LIMIT) for _ in range(10)]
    told = sum((turns(client.send("w")) for client in clients), [])
    assert len(set(told)) == 20
    with at_once(server):
        for client in clients:
            client.send("x")
    together = sum((turns(client) for client in clients), [])
    assert len(set(together)) == 20
    assert not set(together) & set(told)


# ---------------------------------------------------------------- handlers that wait for their clients


def threads(server):
    """Those of the pool; a sanitizer has one, too."""
    return len(os.listdir(f"/proc/{server.pid}/task")) - 1 - (os.environ.get("SANITIZE") == "thread")


def test_slow_clients_take_no_thread_that_others_need(rig):
    """Each of them has a handler that waits; the others are served at once, parked ones too."""
    server = rig("ThreadPoolTCPServer", "lines", "workers=2")
    slow = [server.client(limit=LIMIT).send("begun") for _ in range(50)]
    for _ in range(10):
        with wire.Client(server.address, limit=LIMIT) as client:
            assert client.send("hello\n").until(b"\n") == b"hello"
    for client in slow:
        assert client.send("\n").until(b"\n") == b"begun"


def test_parked_clients_are_noticed_while_all_wait(rig):
    server = rig("ThreadPoolTCPServer", "nap", "workers=2")
    quick = parked(server, 5)
    slow = [server.client(limit=LIMIT).send("1") for _ in range(10)]
    for client in quick:
        assert client.send("0\n").until(b"\n") == b"0"
    for client in slow:
        assert client.send("\n").until(b"\n") == b"1"


def test_spare_threads_leave(rig):
    server = rig("ThreadPoolTCPServer", "lines", "workers=2")
    slow = [server.client(limit=LIMIT).send("begun") for _ in range(30)]
    wire.wait_until(lambda: threads(server) >= 30)
    for client in slow:
        client.close()
    wire.wait_until(lambda: threads(server) <= 2)
    with wire.Client(server.address, limit=LIMIT) as client:
        assert client.send("hello\n").until(b"\n") == b"hello"


def test_threads_have_a_limit(rig):
    server = rig("ThreadPoolTCPServer", "lines", "workers=2", "max_threads=5")
    slow = [server.client(limit=LIMIT).send("begun") for _ in range(20)]
    wire.wait_until(lambda: threads(server) == 5)
    for client in slow:
        assert client.send("\n").until(b"\n") == b"begun"
        client.close()
    assert threads(server) <= 5

# SPDX-License-Identifier: MIT
"""Clients of an echo that reset their connections, after so many bytes in each direction: nothing is left of them, and nothing
is said of them."""

import contextlib

import pytest
import wire
from resets import before_clients, cut, wait_until_as_before

MIXINS = ["", "Threading", "ThreadPool", "Forking", "Preforking", "EventLoop", "PreforkingEventLoop", "PreforkingThreading"]
DATA = b"0123456789" * 6000
PLACES = [(sent, received) for sent in (0, 1, 4096, len(DATA)) for received in sorted({0, 1, sent // 2, sent - 1, sent})
          if 0 <= received <= sent]


def cut_when_nobody_reads(server):
    """A client that sends as long as it can and reads nothing: then the server waits for room, too."""
    client = wire.Client(server.address)
    client.socket.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            client.socket.send(DATA)
    client.reset()


def cut_before_they_are_accepted(server):
    with server.stopped():
        for size in 0, 1, len(DATA):
            cut(server, DATA[:size])


@pytest.mark.parametrize("name", [mixin + base for base in ("TCPServer", "UnixStreamServer") for mixin in MIXINS])
def test_resets(rig, name):
    server = rig(name, "echo", "workers=2")
    before = before_clients(server, 2 if "Preforking" in name else 0)
    for sent, received in PLACES:
        cut(server, DATA[:sent], received)
    cut_when_nobody_reads(server)
    cut_before_they_are_accepted(server)
    with server.client() as client:
        assert client.send(DATA).exactly(len(DATA)) == DATA
    wait_until_as_before(server, before, has_pool="Pool" in name or "Loop" in name)
    server.stop()
    assert server.log == ""

# SPDX-License-Identifier: MIT
"""Descriptors: what is told of them, and those that a handler closes by itself."""

import select
import socket

import programs
import pytest
import wire

LIMIT = 10  # seconds without a byte
PARALLEL = ["ThreadingTCPServer", "ThreadPoolTCPServer", "ForkingTCPServer", "PreforkingTCPServer", "EventLoopTCPServer",
            "PreforkingEventLoopTCPServer"]


def poll_as(client, events):
    assert client.send(f"{events}\n").until(b"\n") == b"waiting"


@pytest.mark.parametrize("name", ["TCPServer", *PARALLEL])
def test_events_of_all_names(rig, name):
    client = rig(name, "poll_as", "workers=2").client(limit=LIMIT)
    for events in (select.POLLIN, select.POLLRDNORM, select.POLLRDNORM | select.POLLRDBAND, select.POLLIN | select.POLLPRI):
        poll_as(client, events)
        told = events & (select.POLLIN | select.POLLRDNORM)
        assert client.send("x").until(b"\n") == b"1 %d" % told
    poll_as(client, select.POLLPRI)
    client.socket.send(b"u", socket.MSG_OOB)
    assert client.until(b"\n") == b"1 %d" % select.POLLPRI
    for events in (select.POLLWRNORM, select.POLLOUT):
        client = rig(name, "poll_as", "workers=2").client(limit=LIMIT)
        poll_as(client, events)
        client.send("x")
        assert client.until(b"\n") == b"1 %d" % events


@pytest.mark.parametrize("name", ["TCPServer", *PARALLEL])
def test_room_by_its_other_name(rig, name):
    client = rig(name, "fill", "workers=2").client(limit=LIMIT)
    answer = b""
    while not answer.endswith((b"y", b"n")):
        answer = client.socket.recv(1 << 20)
    assert answer.endswith(b"y")


@pytest.mark.parametrize("name", PARALLEL)
def test_a_handler_that_closes_its_descriptor(rig, name):
    """Whoever gets the number next is served as anybody else."""
    alone = "EventLoop" in name  # elsewhere the number may be another thread's already
    server = rig(name, "closing", "workers=1" if name == "EventLoopTCPServer" else "workers=2")
    if "Preforking" in name:  # the first one would make room for a client that waits while the second one starts
        wire.wait_until(lambda: sum(map(programs.waits_for_events, server.children())) >= 2)
    for action in ("cfpd" if alone else "fpd") * 2:
        with server.client(limit=LIMIT) as other:
            assert other.send("before\n").until(b"\n") == b"before"
            with server.client(limit=LIMIT) as client:
                assert client.send("x\n").until(b"\n") == b"x"
                assert client.send(f"{action}\n").until(b"\n") == action.encode()
                assert client.ends()
            with server.client(limit=LIMIT) as client:
                for _ in range(3):
                    assert client.send("next\n").until(b"\n") == b"next"
            assert other.send("after\n").until(b"\n") == b"after"


@pytest.mark.parametrize("name", ["ThreadingTCPServer", "ThreadPoolTCPServer", "EventLoopTCPServer"])
def test_a_number_that_is_opened_again(rig, name):
    server = rig(name, "closing")
    for i in range(3):
        with server.client(limit=LIMIT) as client:
            assert client.send("?\n").until(b"\n") == b"%d" % i
            assert client.send("t\n").until(b"\n") == b"t"
            assert client.ends()
            with server.client(limit=LIMIT) as asker:
                answer = b""
                while answer != b"%d" % (i + 1):
                    answer = asker.send("?\n").until(b"\n")

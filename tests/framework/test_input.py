"""No input is overlooked, and none is told of that is not there."""

import socket
import threading
import time

import pytest
import wire

ALL = ["TCPServer", "ThreadingTCPServer", "ThreadPoolTCPServer", "ForkingTCPServer", "PreforkingTCPServer",
       "EventLoopTCPServer", "EventLoopUnixStreamServer"]
LIMIT = 10  # seconds without a byte


@pytest.mark.parametrize("name", ALL)
def test_park_with_more_input_in_the_kernel(rig, name):
    """The handler reads 16 KiB and parks, which leaves 48 KiB that nobody tells of any more."""
    server = rig(name, "park")
    client = server.client(limit=LIMIT)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 18)
    assert client.send("a").exactly(1) == b"a"
    data = bytes(range(256)) * 256
    with server.stopped():
        client.send(data)
    assert client.exactly(len(data)) == data


@pytest.mark.parametrize("name", ["ThreadingTCPServer", "EventLoopTCPServer"])
def test_ss_poll_does_not_tell_of_input_already_read(rig, name):
    client = rig(name, "told_late").client(limit=LIMIT)
    assert client.until(b"\n") == b"0"
    assert client.send("a").until(b"\n") == b"0"


@pytest.mark.parametrize("name", ["ThreadingTCPServer", "EventLoopTCPServer"])
def test_ss_peek_now_finds_what_ss_poll_told_of(rig, name):
    with wire.Client(rig(name, "peek_polled").address, limit=LIMIT) as client:
        assert client.send("a").exactly(1) == b"a"
        assert client.send("b").exactly(1) == b"b"


def feed(client):
    try:
        while True:
            client.socket.sendall(b"." * 200000)
    except OSError:
        pass


@pytest.mark.parametrize("name", ["ThreadingTCPServer", "EventLoopTCPServer"])
def test_endless_input_does_not_keep_ss_poll_from_others(rig, name):
    server = rig(name, "bites")
    greedy = server.client(limit=LIMIT)
    feeder = threading.Thread(target=feed, args=[greedy])
    feeder.start()
    try:
        for _ in range(10):
            with wire.Client(server.address, limit=LIMIT) as client:
                assert client.send("?").until(b"\n") == b"1"
    finally:
        greedy.socket.shutdown(socket.SHUT_RDWR)
        feeder.join()
        greedy.reset()


def test_offloaded_calls_run_side_by_side(rig):
    """There is an idle helper when four calls are made in one turn of the loop: it is not left alone with them."""
    server = rig("EventLoopTCPServer", "offload")
    clients = [server.client(limit=LIMIT) for _ in range(4)]
    for client in clients:
        assert client.send("0\n").until(b"\n") == b"0"
    with server.stopped():
        for client in clients:
            client.send("300\n")
    began = time.monotonic()
    for client in clients:
        assert client.until(b"\n") == b"300"
    assert time.monotonic() - began < 0.9

# SPDX-License-Identifier: MIT
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


# ---------------------------------------------------------------- reads that end early

def send_at_once(server, *pieces):
    """All of it is there when the server looks."""
    with server.stopped():
        for send, *arguments in pieces:
            send(*arguments)


@pytest.mark.parametrize("mode, line", [("lines", b"abcdef"), ("inline_lines", b"abcXdef"), ("park", b"abcdef")])
@pytest.mark.parametrize("name", [name for name in ALL if "TCP" in name])
def test_behind_an_urgent_byte(rig, name, mode, line):
    server = rig(name, mode, "workers=2")
    client = server.client(limit=LIMIT)
    assert client.send("go\n").until(b"\n") == b"go"
    for _ in range(3):
        send_at_once(server, (client.send, "abc"), (client.socket.send, b"X", socket.MSG_OOB), (client.send, "def\n"))
        assert client.until(b"\n") == line


@pytest.mark.parametrize("mode", ["lines", "park"])
@pytest.mark.parametrize("kind", ["", "Threading", "ThreadPool", "Forking", "Preforking", "EventLoop"])
def test_behind_a_descriptor(rig, kind, mode):
    """A read ends with the message that brought it; nobody asks for the descriptor, which is dropped."""
    server = rig(kind + "UnixStreamServer", mode, "workers=2")
    client = server.client(limit=LIMIT)
    assert client.send("go\n").until(b"\n") == b"go"
    for _ in range(3):
        fd = client.socket.fileno()
        send_at_once(server, (socket.send_fds, client.socket, [b"abc"], [fd]), (client.send, "def\n"))
        assert client.until(b"\n") == b"abcdef"


@pytest.mark.parametrize("name", ALL)
def test_behind_an_empty_datagram(rig, name):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as answerer:
        answerer.bind(("127.0.0.1", 0))
        answerer.settimeout(LIMIT)
        server = rig(name, "ask", "workers=2")
        client = server.client(limit=LIMIT)
        client.send("127.0.0.1:%d\n" % answerer.getsockname()[1])
        _, asker = answerer.recvfrom(100)
        with server.stopped():
            for answer in (b"", b"", b"hello"):
                answerer.sendto(answer, asker)
        assert client.until(b"\n") == b"hello"


# ---------------------------------------------------------------- what is told of

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

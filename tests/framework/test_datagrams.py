"""Datagrams: who answers, and that none is forgotten."""

import os
import socket

import pytest
import wire

LIMIT = 10  # seconds


@pytest.fixture
def asker():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(LIMIT)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        yield client


@pytest.mark.parametrize("to, answered_from", [("127.0.0.1", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"),
                                               ("127.255.255.255", "127.0.0.1")])
def test_source_of_the_reply(rig, asker, to, answered_from):
    """From the address that was asked; a broadcast address is nobody's."""
    port = rig("UDPServer", "echo", address="0.0.0.0:0").address[1]
    asker.sendto(b"who?", (to, port))
    assert asker.recvfrom(100) == (b"who?", (answered_from, port))


def test_peek_at_more_than_there_is(rig, asker):
    asker.sendto(b"abc", rig("UDPServer", "peek_datagram").address)
    assert asker.recv(100) == b"abc"


def test_a_long_queue_of_a_thread_pool(rig, tmp_path):
    """Both threads are kept busy while more datagrams queue up than fit into a pipe as bytes."""
    many = 70000
    read_end, write_end = os.pipe()
    server = rig("ThreadPoolUnixDatagramServer", "count", "workers=2", "max_requests=100000", f"hold={read_end}",
                 fds=[read_end])
    os.close(read_end)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.bind(str(tmp_path / "asker"))
        client.connect(server.address)
        client.settimeout(LIMIT)
        for _ in range(2):
            client.send(b"hold")
        for _ in range(many):
            client.send(b".")
        os.close(write_end)

        def counted():
            client.send(b"?")
            return int(client.recv(100))

        wire.wait_until(lambda: counted() == many + 2)

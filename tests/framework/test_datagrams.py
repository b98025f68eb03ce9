# SPDX-License-Identifier: MIT
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


@pytest.mark.parametrize("address", ["0.0.0.0:0", ":0"])
@pytest.mark.parametrize("name", ["UDPServer", "ThreadingUDPServer", "ThreadPoolUDPServer", "ForkingUDPServer",
                                  "PreforkingUDPServer", "EventLoopUDPServer"])
def test_source_of_the_reply(rig, asker, name, address):
    """From the address that was asked; one of a broadcast, or of a group, is nobody's."""
    asker.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
    port = rig(name, "echo", "group=9", "workers=2", address=address).address[1]
    for to, answered_from in [("127.0.0.1", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"), ("127.255.255.255", "127.0.0.1"),
                              ("239.255.77.9", "127.0.0.1")]:
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

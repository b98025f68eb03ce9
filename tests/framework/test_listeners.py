# SPDX-License-Identifier: MIT
"""The sockets of a server and of its clients: who else may have them, and how they are given back."""

import os
import socket

import programs
import pytest
import wire

LIMIT = 10  # seconds without a byte
STREAMS = ["TCPServer", "ThreadingTCPServer", "ThreadPoolTCPServer", "ForkingTCPServer", "PreforkingTCPServer",
           "EventLoopTCPServer", "PreforkingEventLoopTCPServer", "EventLoopUnixStreamServer"]


@pytest.mark.parametrize("name", STREAMS)
def test_the_end_comes_though_a_helper_stays(rig, name):
    """What a handler forks inherits all connections; clients read the end when the handler has ended."""
    read_end, write_end = os.pipe()
    try:
        server = rig(name, "helper", "workers=2", f"hold={read_end}", fds=[read_end])
        others = [] if name in ("TCPServer", "PreforkingTCPServer") else [server.client(limit=LIMIT)]
        for line in (b"help", b"none"):
            client = server.client(limit=LIMIT)
            assert client.send(line + b"\n").until(b"\n") == line
            assert client.ends()
        for other in others:
            assert other.send("other\n").until(b"\n") == b"other"
            assert other.ends()
    finally:
        os.close(read_end)
        os.close(write_end)


@pytest.mark.parametrize("name", ["ThreadingTCPServer", "EventLoopTCPServer", "PreforkingTCPServer",
                                  "PreforkingEventLoopTCPServer", "UDPServer", "EventLoopUDPServer"])
@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:0", ":0"])
def test_nobody_else_gets_the_port(rig, name, address):
    """Another program that asks for it with SO_REUSEPORT would get some of the clients."""
    server = rig(name, "echo", "workers=2", address=address)
    host = server.address[0].strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM if "UDP" in name else socket.SOCK_STREAM) as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        with pytest.raises(OSError, match="in use"):
            stranger.bind((host, server.address[1]))


@pytest.mark.parametrize("name", ["EventLoopTCPServer", "EventLoopUnixStreamServer", "PreforkingEventLoopTCPServer"])
def test_loops_share_the_connections(rig, name):
    """Each has its turn, also when none of them is busy. On a busy machine the one that runs takes more: of several
    rounds one must be even enough."""
    server = rig(name, "thread", "workers=2")
    def ask():
        with wire.Client(server.address, limit=LIMIT) as client:
            answer = client.until(b"\n")
            assert client.ends()
            return answer

    def even():
        threads = [ask() for _ in range(40)]
        return len(set(threads)) == 2 and all(threads.count(thread) > 3 for thread in set(threads))

    wire.wait_until(even)


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("name", STREAMS[:-1] + ["UDPServer", "EventLoopUDPServer", "PreforkingUDPServer"])
def test_an_inherited_socket_is_given_back(rig, name, blocking):
    """Whether calls wait is a property of the socket, which others may have, too."""
    if "UDP" in name:
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        own.bind(("127.0.0.1", 0))
    else:
        own = programs.listener()
    with own:
        os.set_blocking(own.fileno(), blocking)
        server = rig(name, "echo", "workers=2", address=f"fd:{own.fileno()}", fds=[own.fileno()])
        if "UDP" not in name:
            with wire.Client(server.address, limit=LIMIT) as client:
                assert client.send("x").exactly(1) == b"x"
        server.stop()
        assert os.get_blocking(own.fileno()) == blocking

# SPDX-License-Identifier: MIT
"""Datagrams that are lost, late, doubled, spoilt and out of order, and what routers and hosts say of them."""

import select
import socket

import network
import programs
import pytest
import wire

pytestmark = pytest.mark.skipif(programs.SANITIZED, reason="tests of time and of crowds run once, without sanitizers")

CASES = [("ThreadingUDPServer", socket.AF_INET), ("EventLoopUDPServer", socket.AF_INET6), ("UDPServer", socket.AF_INET6),
         ("ThreadPoolUDPServer", socket.AF_INET6), ("ForkingUDPServer", socket.AF_INET), ("EventLoopUDPServer", socket.AF_INET),
         ("PreforkingEventLoopUDPServer", socket.AF_INET)]
EACH = pytest.mark.parametrize("name, family", CASES)


@pytest.fixture
def address(name, family, bad_network, tmp_path, started):
    """Of samples/echo on the server's side."""
    with bad_network.socket("server", family, socket.SOCK_DGRAM) as own:
        own.bind((network.ADDRESSES[family]["server"], 0))
        started.append(programs.Server([programs.path_of("samples/echo"), f"fd:{own.fileno()}", name], tmp_path,
                                       fds=(own.fileno(),)))
        return own.getsockname()


class Asker:
    def __init__(self, made, address, family, number):
        self.socket, self.address = made.socket("client", family, socket.SOCK_DGRAM), address
        self.missing = {b"%d %d " % (number, ask) + 300 * b"x" for ask in range(8)}
        self.asked = set(self.missing)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self):
        """Asks for what was not answered yet; True: all was."""
        for data in self.missing:
            self.socket.sendto(data, self.address)
        while select.select([self.socket], [], [], 0.05)[0]:
            data, sender = self.socket.recvfrom(65536)
            assert sender == self.address and data in self.asked
            self.missing.discard(data)
        return not self.missing


def is_answered(made, address, family, data):
    """Sooner or later."""
    with Asker(made, address, family, 0) as asker:
        asker.missing = {data}
        asker.asked = {data}
        wire.wait_until(asker.ask)


@EACH
def test_each_gets_his_own_answers(bad_network, address, family):
    """One who asks and goes, so that his port is closed when the answer comes, is no matter."""
    with Asker(bad_network, address, family, 1) as one, Asker(bad_network, address, family, 2) as other:
        for _ in range(5):
            with bad_network.socket("client", family, socket.SOCK_DGRAM) as leaver:
                leaver.sendto(b"bye", address)
        wire.wait_until(lambda: one.ask() & other.ask())


@EACH
def test_narrower_way(bad_network, address, family):
    """The first answers are too large for a router, which says so."""
    with bad_network.narrow(1280):
        is_answered(bad_network, address, family, 1400 * b"x")
    is_answered(bad_network, address, family, b"y")

# SPDX-License-Identifier: MIT
"""Packets are lost, late, doubled, spoilt and out of order: every byte arrives, and those who have gone are given up."""

import concurrent.futures
import random
import socket

import network
import programs
import pytest
import wire

pytestmark = pytest.mark.skipif(programs.SANITIZED, reason="tests of time and of crowds run once, without sanitizers")

BIG = random.Random(7).randbytes(150_000)
CASES = [("eventloop", socket.AF_INET), ("eventloop", socket.AF_INET6), ("threading", socket.AF_INET),
         ("forking", socket.AF_INET6), ("preforking,eventloop", socket.AF_INET)]
EACH = pytest.mark.parametrize("mixin_name, family", CASES)


class Client(wire.Client):
    """A client of the other side."""

    def __init__(self, made, address, family):
        self.buffer, self.closed = b"", False
        self.socket = made.socket("client", family, socket.SOCK_STREAM)
        self.socket.settimeout(wire.LIMIT)
        self.socket.connect(address)


@pytest.fixture
def serve(mixin_name, family, bad_network, root, tmp_path, started):
    """serve(*options): httpserver on the server's side."""

    def start(*options):
        with bad_network.socket("server", family, socket.SOCK_STREAM) as listening:
            listening.bind((network.ADDRESSES[family]["server"], 0))
            listening.listen(64)
            fd, workers = listening.fileno(), ["--workers", "2"] if "preforking" in mixin_name else []
            server = programs.Server([programs.path_of("httpserver"), "-d", root, "--mixin", mixin_name, *workers, *options,
                                      "-b", f"fd:{fd}"], tmp_path, address=listening.getsockname()[:2], fds=(fd,))
        started.append(server)
        server.readline()
        return server

    return start


def work(client, number):
    """Small requests, also several at once, a download and an upload, on one connection."""
    with client:
        for _ in range(3):
            assert client.ask(path="/small").body == b"small"
        client.send(4 * wire.request(path="/small"))
        assert [client.response().body for _ in range(4)] == 4 * [b"small"]
        assert client.ask(path="/big").body == BIG
        assert client.ask("PUT", f"/new{number}", BIG[number:]).status == 201
        assert client.ask(path="/small").body == b"small"


@EACH
def test_every_byte_arrives(bad_network, serve, family, root):
    (root / "small").write_bytes(b"small")
    (root / "big").write_bytes(BIG)
    server = serve("--upload=anyone")
    clients = [Client(bad_network, server.address, family) for _ in range(2)]
    with concurrent.futures.ThreadPoolExecutor() as threads:
        for job in [threads.submit(work, client, number) for number, client in enumerate(clients)]:
            job.result()
    for number in range(2):
        assert (root / f"new{number}").read_bytes() == BIG[number:]


@EACH
def test_reader_that_has_vanished(bad_network, serve, family, root):
    """Without a word: --write-timeout ends it, and the server goes on."""
    (root / "big").write_bytes(BIG * 40)
    server = serve("--write-timeout", 1)
    with Client(bad_network, server.address, family) as client:
        client.send(wire.request(path="/big"))
        client.fill()
        bad_network.tell("silence", client.socket.getsockname()[1])
        server.wait_for_log('"GET /big HTTP/1.1" 200')
    with Client(bad_network, server.address, family) as client:
        assert client.ask("HEAD", "/big").status == 200


@EACH
def test_narrower_way(bad_network, serve, family, root):
    """A router says that packets are too large for it."""
    (root / "big").write_bytes(BIG)
    server = serve()
    with Client(bad_network, server.address, family) as client:
        assert client.ask("HEAD", "/big").status == 200
        with bad_network.narrow(1280):
            assert client.ask(path="/big").body == BIG

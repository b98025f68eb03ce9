# SPDX-License-Identifier: MIT
"""samples/nonblocking_raw, which does by hand what samples/nonblocking does with the library: both behave the same."""

import re
import signal
import socket

import programs
import pytest
import wire

TOGETHER = ["raw", "ThreadingTCPServer", "ThreadPoolTCPServer", "ForkingTCPServer", "EventLoopTCPServer",
            "PreforkingEventLoopTCPServer"]
EVERY = [*TOGETHER, "TCPServer", "PreforkingTCPServer"]
CLIENTS = 100  # places that the one without a library has
MOST = 1 << 28  # bytes: more than any kernel keeps between two sockets
LINE = re.compile(r" *(\d+)\. (.*)$")


class Said:
    """The numbered lines that a server has printed so far."""

    def __init__(self, server):
        self.server, self.numbers, self.lines = server, [], []

    def wait_for(self, pattern):
        """Reads until such a line comes that was not waited for before; the line."""
        while not re.search(pattern, line := self.more()):
            pass
        return line

    def more(self):
        found = LINE.match(self.server.readline())
        self.numbers.append(int(found[1]))
        self.lines.append(found[2])
        return found[2]

    def count(self, pattern):
        return sum(bool(re.search(pattern, line)) for line in self.lines)


@pytest.fixture
def serve(started, sample, tmp_path):
    """serve("raw") or serve(CLASS): a server whose lines are server.said."""
    raw = []

    def start(kind, **more):
        if kind == "raw":
            server = programs.Server([programs.path_of("samples/nonblocking_raw"), "0"], tmp_path, **more)
            raw.append(server)
            ready = re.fullmatch(r"nonblocking_raw: ready on (127.0.0.1):(\d+), one thread for all clients", server.readline())
            server.address = ready[1], int(ready[2])
        else:
            server = sample("nonblocking", "{address}", kind)
        server.said = Said(server)
        return server

    yield start
    for server in raw:  # it knows nothing of signals
        for client in server.clients:
            client.close()
        server.send_signal(signal.SIGTERM)
        server.check(server.wait(), -signal.SIGTERM)


def pattern(size):
    return bytes((place * 7 + place // 256) % 256 for place in range(256 * 256)) * (size // 65536 + 1)


def send_until_nobody_takes_more(client):
    """Sends and reads nothing; how many bytes have left, of pattern()."""
    data, sent = memoryview(pattern(1 << 20)), 0
    client.socket.settimeout(0.2)
    try:
        while sent < MOST:
            sent += client.socket.send(data[sent % 65536:][:65536])
    except TimeoutError:
        pass
    client.socket.settimeout(wire.LIMIT)
    return sent


@pytest.mark.parametrize("kind", EVERY)
def test_its_client(serve, kind):
    """Input in pieces, no room, a reader that is slow: each of it is seen by an EAGAIN and a wait."""
    server = serve(kind)
    result = programs.run([programs.path_of("samples/nonblocking_client"), "127.0.0.1:%d" % server.address[1]])
    assert (result.returncode, result.stderr) == (0, "")
    numbers = re.fullmatch(r"50 bytes sent, in 5 pieces\n(\d+) bytes sent, and not one read: Resource temporarily unavailable\n"
                           r"(\d+) bytes read, in \d+ pieces: the end\n", result.stdout)
    assert numbers[1] == numbers[2] and int(numbers[1]) > 65536
    server.said.wait_for(r"recv: the end")
    assert server.said.count("recv: EAGAIN") >= 3 and server.said.count("send: EAGAIN") >= 1
    assert server.said.count("poll: waits for .*(room of 1|room)") >= 1 and server.said.count("send: took ") >= 1
    assert server.said.count("others") >= 1
    assert sorted(server.said.numbers) == list(range(1, len(server.said.numbers) + 1))


def test_unix(started, tmp_path):
    path = tmp_path / "socket"
    server = programs.Server([programs.path_of("samples/nonblocking"), f"unix:{path}", "EventLoopUnixStreamServer"], tmp_path)
    started.append(server)
    server.readline()
    result = programs.run([programs.path_of("samples/nonblocking_client"), f"unix:{path}"])
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("kind", TOGETHER)
def test_one_does_not_read(serve, kind):
    """It costs what the buffers hold; the others are served; and when it reads at last it gets every byte."""
    server = serve(kind)
    one = server.client()
    sent = send_until_nobody_takes_more(one)
    assert sent < MOST
    others = [server.client() for _ in range(20)]
    for text in b"in ", b"pieces ", b"x" * 50_000:
        for client in others:
            client.send(text)
        for client in others:
            assert client.exactly(len(text)) == text
    one.end()
    assert one.rest() == (pattern(1 << 16)[:1 << 16] * (sent // 65536 + 1))[:sent]
    for client in others:
        client.end()
        assert client.rest() == b""
    server.said.wait_for("send: EAGAIN")


@pytest.mark.parametrize("kind", EVERY)
def test_half_close_and_reset(serve, kind):
    server = serve(kind)
    with server.client() as client:
        client.send(b"a" * 100_000).end()
        assert client.rest() == b"a" * 100_000
    with server.client() as client:  # it ends without a word
        client.end()
        assert client.rest() == b""
    with server.client() as client:
        assert client.send(b"hello").exactly(5) == b"hello"
        client.reset()
    server.said.wait_for("recv: Connection reset by peer")
    with server.client() as client:
        send_until_nobody_takes_more(client)
        client.reset()
    server.said.wait_for("send: (Connection reset by peer|Broken pipe)")
    with server.client() as client:
        client.send(b"still there").end()
        assert client.rest() == b"still there"
    if kind != "raw":
        assert server.log == ""


def test_more_than_there_are_places(serve):
    """They wait in the kernel's queue until somebody goes."""
    server = serve("raw")
    clients = [server.client() for _ in range(CLIENTS + 5)]
    for client in clients:
        client.send(b"here")
    for client in clients[:CLIENTS]:
        assert client.exactly(4) == b"here"
    assert clients[-1].is_silent(0.05)
    for gone, served in zip(clients[:5], clients[CLIENTS:]):
        gone.close()
        assert served.exactly(4) == b"here"


def test_no_descriptor_is_left(serve):
    """It does not try again and again, and goes on when there is one."""
    server = serve("raw")
    first = server.client()
    assert first.send(b"1").exactly(1) == b"1"
    with server.descriptors_left(0):
        waiting = server.client().send(b"2")
        server.said.wait_for("accept: Too many open files")
        assert first.send(b"3").exactly(1) == b"3" and waiting.is_silent(0.1)
        first.close()
        assert waiting.exactly(1) == b"2"
    assert server.said.count("accept: Too many") < 10 and len(server.said.lines) < 60


@pytest.mark.parametrize("arguments, status", [([], 1), (["127.0.0.1:1"], 1), (["127.0.0.1:1", "more"], 2)])
def test_client_without_server(arguments, status):
    if not arguments:
        with programs.listener() as busy:  # it listens, and says nothing
            arguments = ["127.0.0.1:%d" % busy.getsockname()[1]]
            with socket.create_connection(busy.getsockname()):
                busy.close()
    result = programs.run([programs.path_of("samples/nonblocking_client"), *arguments])
    assert result.returncode == status and len(result.stderr.splitlines()) == 1

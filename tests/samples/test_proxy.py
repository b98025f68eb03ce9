# SPDX-License-Identifier: MIT
"""samples/proxy: a forwarder whose both ways go on at the same time, and SOCKS5 as curl and raw bytes speak it."""

import contextlib
import hashlib
import random
import shutil
import socket
import struct
import threading

import programs
import pytest
import wire

CLASSES = ["ThreadingTCPServer", "ThreadPoolTCPServer", "ForkingTCPServer", "EventLoopTCPServer", "PreforkingEventLoopTCPServer"]
EVERY = pytest.mark.parametrize("cls", CLASSES)
SIZE = (6 if programs.SANITIZED else 60) * 1_000_000
PATIENCE = 60  # seconds


class Other:
    """Where the proxy connects to: each connection is handed to a function, in a thread."""

    def __init__(self, serve, host="127.0.0.1"):
        self.listening = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.port = self.listening.getsockname()[1]
        self.address = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.serve = serve
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listening.close()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self.listening.accept()[0]
                connection.settimeout(PATIENCE)
                with connection:
                    self.serve(connection)


def forwarded(sample, cls, address):
    client = sample("proxy", "{address}", cls, address).client().socket
    client.settimeout(PATIENCE)
    return client


def rest(connection):
    found = bytearray()
    while data := connection.recv(1 << 18):
        found += data
    return bytes(found)


def send_much(connection, data):
    connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)


def exchange(connection, data):
    """Sends and reads at the same time; returns what it has read."""
    sender = threading.Thread(target=send_much, args=(connection, data))
    sender.start()
    found = rest(connection)
    sender.join(PATIENCE)
    return hashlib.sha256(found).digest(), len(found)


# ---------------------------------------------------------------- forwarding


@EVERY
def test_both_ways_at_once(sample, cls):
    there, back, got = random.randbytes(SIZE), random.randbytes(SIZE), []
    with Other(lambda connection: got.append(exchange(connection, back))) as other:
        assert exchange(forwarded(sample, cls, other.address), there) == (hashlib.sha256(back).digest(), SIZE)
        assert wire.wait_until(lambda: got) and got == [(hashlib.sha256(there).digest(), SIZE)]


@EVERY
@pytest.mark.parametrize("first", ["client", "server"])
def test_one_way_ends_before_the_other(sample, cls, first):
    answered = []

    def answer(connection):
        if first == "client":
            connection.sendall(b"You said: " + rest(connection))
        else:
            send_much(connection, b"I am done. ")
            answered.append(rest(connection))

    with Other(answer) as other, forwarded(sample, cls, other.address) as client:
        if first == "client":
            send_much(client, b"all of it")
            assert rest(client) == b"You said: all of it"
        else:
            assert rest(client) == b"I am done. "
            send_much(client, b"And I now.")
            assert wire.wait_until(lambda: answered == [b"And I now."])


@EVERY
@pytest.mark.parametrize("leaves", ["client", "server"])
def test_who_leaves_ends_both(sample, cls, leaves):
    """By a reset: nothing more can go either way."""
    ended = threading.Event()

    def answer(connection):
        connection.sendall(b"!")
        if leaves == "server":
            connection.recv(1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            with contextlib.suppress(ConnectionError):
                while connection.recv(1):
                    pass
            ended.set()

    with Other(answer) as other:
        server = sample("proxy", "{address}", cls, other.address)
        client = server.client()
        assert client.exactly(1) == b"!"
        if leaves == "client":
            client.reset()
            assert ended.wait(PATIENCE)
        else:
            client.send(b"?")
            assert client.ends()


@EVERY
def test_idle_ones_hold_up_no_drain(sample, cls):
    with Other(lambda connection: rest(connection)) as other:
        server = sample("proxy", "{address}", cls, other.address)
        clients = [server.client() for _ in range(2 if "Preforking" in cls else 1)]
        for client in clients:
            client.send(b"x")
        server.stop()
        assert all(client.ends() for client in clients)


def test_nobody_there(sample):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        server = sample("proxy", "{address}", "EventLoopTCPServer", "127.0.0.1:%d" % closed.getsockname()[1])
        assert server.client().ends()


# ---------------------------------------------------------------- SOCKS5


@pytest.fixture(scope="module", params=["ThreadingTCPServer", "EventLoopTCPServer"])
def socks(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp("proxy")
    with programs.listener() as listening:
        server = programs.Server([programs.path_of("samples/proxy"), f"fd:{listening.fileno()}", request.param], directory,
                                 address=listening.getsockname()[:2], fds=(listening.fileno(),))
    try:
        yield server
    finally:
        server.finish()


def hello(connection):
    connection.sendall(b"Hello.")
    with contextlib.suppress(ConnectionError):
        rest(connection)


def asks(socks, request, methods=b"\0"):
    client = socks.client()
    client.send(bytes([5, len(methods)]) + methods)
    assert client.exactly(2) == b"\5\0"
    client.send(request)
    answer = client.exactly(10)
    assert answer[0] == 5 and answer[2:] == b"\0\1" + bytes(6)
    return client, answer[1]


def request(target, port, command=1):
    kind = {4: 1, 16: 4}.get(len(target)) if isinstance(target, bytes) else None
    data = bytes([kind]) + target if kind else bytes([3, len(target)]) + target.encode()
    return bytes([5, command, 0]) + data + port.to_bytes(2, "big")


@pytest.mark.parametrize("target", [socket.inet_aton("127.0.0.1"), "localhost", "127.0.0.1"], ids=["number", "name", "text"])
@pytest.mark.parametrize("methods", [b"\0", b"\2\1\0"])
def test_a_connection(socks, target, methods):
    with Other(hello) as other:
        client, code = asks(socks, request(target, other.port), methods)
        assert code == 0 and client.exactly(6) == b"Hello."


def test_ipv6(socks):
    try:
        other = Other(hello, "::1")
    except OSError:
        pytest.skip("no IPv6")
    with other:
        client, code = asks(socks, request(socket.inet_pton(socket.AF_INET6, "::1"), other.port))
        assert code == 0 and client.exactly(6) == b"Hello."


@pytest.mark.parametrize("target, command, kind, code", [
    ("localhost", 2, None, 7), ("localhost", 3, None, 7), ("localhost", 0, None, 7),  # BIND, UDP ASSOCIATE
    ("unix", 1, None, 4), ("unix:/tmp/x", 1, None, 4), ("a/b", 1, None, 4), ("", 1, None, 4),
    ("localhost", 1, 2, 8), ("localhost", 1, 255, 8)])
def test_what_is_refused(socks, target, command, kind, code):
    text = bytearray(request(target, 80, command))
    text[3] = kind or text[3]
    client, found = asks(socks, bytes(text))
    assert found == code and client.ends()


def test_nobody_there_by_socks(socks):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        client, code = asks(socks, request(socket.inet_aton("127.0.0.1"), closed.getsockname()[1]))
        assert code == 5 and client.ends()


@pytest.mark.parametrize("methods", [b"", b"\1", b"\2\xff"])
def test_no_method(socks, methods):
    client = socks.client()
    client.send(bytes([5, len(methods)]) + methods)
    assert client.exactly(2) == b"\5\xff" and client.ends()


@pytest.mark.parametrize("early", [b"", b"\4\1\0", b"\5", b"\5\2\0", b"\5\1\0\4\1\0\1aaaaaa", b"\5\1\0\5\1\0\3\x09too",
                                   b"GET / HTTP/1.1\r\n\r\n"])
def test_nonsense(socks, early):
    client = socks.client()
    client.send(early)
    client.end()
    assert client.rest() in (b"", b"\5\0")


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl")
@pytest.mark.parametrize("kind", ["socks5", "socks5h"])
def test_curl(socks, httpserver, root, kind):
    (root / "file").write_bytes(b"text\n" * 100_000)
    server = httpserver()
    result = programs.run(["curl", "-sS", "--max-time", "50", "-x", f"{kind}://127.0.0.1:{socks.address[1]}",
                           f"http://127.0.0.1:{server.address[1]}/file"])
    assert result.returncode == 0 and result.stdout == "text\n" * 100_000

# SPDX-License-Identifier: MIT
"""samples/tftp, as curl and tftp-hpa see it, as RFC 1350, 2347, 2348, 2349 and 7440 have it, and in a bad network."""

import contextlib
import os
import random
import re
import select
import shutil
import signal
import socket
import struct
import time

import network
import programs
import pytest
import wire

CROWDS = ["ThreadingUDPServer", "ThreadPoolUDPServer", "ForkingUDPServer", "EventLoopUDPServer", "PreforkingEventLoopUDPServer"]
CLASSES = ["UDPServer", "PreforkingUDPServer", *CROWDS]
EVERY = pytest.mark.parametrize("cls", CLASSES)
CONCURRENT = pytest.mark.parametrize("cls", CROWDS)
SOME = pytest.mark.parametrize("cls", ["ThreadingUDPServer", "EventLoopUDPServer"])
RRQ, WRQ, DATA, ACK, ERROR, OACK = range(1, 7)
OTHER, NOT_FOUND, ACCESS, FULL, ILLEGAL, UNKNOWN, EXISTS, NO_USER, OPTION = range(9)
needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="no curl")
needs_tftp = pytest.mark.skipif(not shutil.which("tftp"), reason="no tftp-hpa")
CONTENT = random.Random(2).randbytes(100_000)


def request(name, mode="octet", operation=RRQ, **options):
    """With timeout=30 nothing is repeated but what the client makes the server repeat."""
    words = [name, mode, *(str(word) for option in options.items() for word in option)]
    return struct.pack("!H", operation) + b"".join(word.encode() + b"\0" for word in words)


def ack(number):
    return struct.pack("!HH", ACK, number & 0xffff)


def take_options(data):
    words = data[2:].split(b"\0")
    assert data[:2] == struct.pack("!H", OACK) and words.pop() == b""
    return {name.decode(): int(value) for name, value in zip(words[::2], words[1::2])}


class Client:
    """A client by hand: its socket is its TID, and `peer` the server's, once that has answered."""

    def __init__(self, address, made=None):
        self.socket = made or socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(wire.LIMIT)
        self.address, self.peer = address, None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, *words, **options):
        self.socket.sendto(request(*words, **options), self.address)
        return self

    def send(self, data):
        self.socket.sendto(data, self.peer or self.address)

    def ack(self, number):
        self.send(ack(number))

    def receive(self):
        data, peer = self.socket.recvfrom(70000)
        self.peer = self.peer or peer
        assert peer == self.peer
        return data

    def block(self, number):
        """The next packet, which must be this block. (Where the machine is slow, earlier ones may be repeated.)"""
        data = self.receive()
        while data[:2] == b"\0\6" or (data[:2] == b"\0\3" and 0 < (number - int.from_bytes(data[2:4], "big")) % 65536 < 100):
            data = self.receive()
        assert data[:4] == struct.pack("!HH", DATA, number & 0xffff), data[:60]
        return data[4:]

    def error(self):
        data = self.receive()
        code, text = struct.unpack_from("!HH", data)[1], data[4:]
        assert data[:2] == struct.pack("!H", ERROR) and text.endswith(b"\0") and len(text) > 1, data
        return code

    def rest(self, size=512, number=1):
        """In lock step to the end, nothing lost."""
        found = b""
        while True:
            data = self.block(number)
            self.ack(number)
            found += data
            number += 1
            if len(data) < size:
                return found

    def is_silent(self):
        return not select.select([self.socket], [], [], 0)[0]


def download(client, name, window, content):
    """In a bad network: asks until there is an answer, and repeats its last ACK when nothing comes."""
    options = {"windowsize": window} if window > 1 else {}
    found, have, since, answer, twice = b"", 0, 0, request(name, "octet", **options), 0
    client.socket.settimeout(0.3)
    deadline = time.monotonic() + wire.LIMIT
    while time.monotonic() < deadline:
        client.socket.sendto(answer, client.peer or client.address)
        while True:
            try:
                data, peer = client.socket.recvfrom(70000)
            except TimeoutError:
                break
            if client.peer and peer != client.peer:  # the request was repeated by the network
                client.socket.sendto(struct.pack("!HH", ERROR, UNKNOWN) + b"no\0", peer)
                continue
            client.peer = peer
            operation, number = struct.unpack_from("!HH", data)
            if operation == OACK:
                assert have == 0 and take_options(data) == options
                answer = ack(0)
                break
            assert operation == DATA
            if number != (have + 1) & 0xffff:
                twice += 1
                if number != have & 0xffff and since >= 0:  # a gap: it is told of once
                    since = -1
                    break
                continue
            found, have, since = found + data[4:], have + 1, max(since, 0) + 1
            answer = ack(have)
            if len(data) < 516:
                client.socket.sendto(answer, client.peer)
                assert found == content
                return twice
            if since >= window:
                since = 0
                break
    raise AssertionError(f"{len(found)} bytes of {len(content)}")


@pytest.fixture
def tftp(started, tmp_path, root):
    """tftp(cls) serves `root`; its lines are what has become of the transfers."""

    def start(cls, host="127.0.0.1", made=None, before=(), options=()):
        with made or socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as bound:
            bound.bind((host, 0))
            server = programs.Server([*before, programs.path_of("samples/tftp"), *options, f"fd:{bound.fileno()}", cls, root],
                                     tmp_path, address=bound.getsockname()[:2], fds=[bound.fileno()])
        started.append(server)
        assert server.readline().startswith("Serving tftp on ")
        return server

    return start


# ---------------------------------------------------------------- real clients


def curl(server, name, *options, path="-"):
    url = f"tftp://127.0.0.1:{server.address[1]}/{name}"
    return programs.run(["curl", "-sS", "--max-time", "25", *options, "-o", path, url], text=False)


@needs_curl
@EVERY
def test_curl(tftp, root, cls):
    sizes = [0, 1, 511, 512, 513, 1024, len(CONTENT)]
    for size in sizes:
        (root / str(size)).write_bytes(CONTENT[:size])
    server = tftp(cls)
    for size, options in zip(sizes, [[], ["--tftp-no-options"], ["--tftp-blksize", "8"], ["--tftp-blksize", "65464"], [], [],
                                     ["--tftp-blksize", "1400"]]):
        result = curl(server, size, *options)
        assert (result.returncode, result.stderr, result.stdout) == (0, b"", CONTENT[:size])


@needs_curl
@needs_tftp
@pytest.mark.parametrize("cls", ["EventLoopUDPServer"])
def test_more_than_32_megabytes(tftp, root, tmp_path, cls):
    """In blocks of 512 bytes: the numbers begin anew."""
    (root / "big").write_bytes(CONTENT * 340)
    server = tftp(cls)
    assert curl(server, "big", "--tftp-no-options", path=tmp_path / "got").returncode == 0
    assert (tmp_path / "got").read_bytes() == CONTENT * 340


@needs_tftp
@EVERY
@pytest.mark.parametrize("mode", ["binary", "ascii"])
def test_tftp_hpa(tftp, root, tmp_path, cls, mode):
    (root / "below").mkdir()
    content = CONTENT if mode == "binary" else b"line\nmore\r\nCR\rin between\r\n\n\r" * 500
    (root / "below" / "file").write_bytes(content)
    result = programs.run(["tftp", "-m", mode, "127.0.0.1", tftp(cls).address[1], "-c", "get", "/below/file", "got"],
                          directory=tmp_path)
    assert result.returncode == 0 and "rror" not in result.stdout + result.stderr
    assert (tmp_path / "got").read_bytes() == content


@needs_tftp
def test_tftp_hpa_is_refused(tftp, tmp_path):
    server = tftp("EventLoopUDPServer")
    result = programs.run(["tftp", "127.0.0.1", server.address[1], "-c", "get", "nothing"], directory=tmp_path)
    assert "Error code 1: there is no such file" in result.stdout + result.stderr
    (tmp_path / "file").write_bytes(b"x")
    result = programs.run(["tftp", "127.0.0.1", server.address[1], "-c", "put", "file"], directory=tmp_path)
    assert "Error code 2: this server only reads files" in result.stdout + result.stderr


# ---------------------------------------------------------------- RFC 1350


@EVERY
def test_lock_step(tftp, root, cls):
    for size in 0, 511, 512, 1536, 20_000:
        (root / "file").write_bytes(CONTENT[:size])
        server = tftp(cls)
        with Client(server.address) as client:
            assert client.ask("file").rest() == CONTENT[:size]
            assert client.peer[1] != server.address[1]
            own = client.socket.getsockname()
        assert server.readline().startswith(f"127.0.0.1:{own[1]} file: sent, {size // 512 + 1} blocks, ")


@CONCURRENT
def test_many_at_once(tftp, root, cls):
    """Each has got a block before any of them gets the second one."""
    (root / "file").write_bytes(CONTENT[:3000])
    server = tftp(cls)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(server.address)) for _ in range(30)]
        for client in clients:
            client.ask("file")
        first = [client.block(1) for client in clients]
        assert len({client.peer for client in clients}) == 30
        for client, data in zip(clients, first):
            client.ack(1)
            assert data + client.rest(number=2) == CONTENT[:3000]


def test_one_after_the_other(tftp, root):
    (root / "file").write_bytes(CONTENT[:600])
    server = tftp("UDPServer")
    with Client(server.address) as one, Client(server.address) as other:
        one.ask("file").block(1)
        other.ask("file")
        one.ack(1)
        one.block(2)
        assert other.is_silent()
        one.ack(2)
        assert other.rest() == CONTENT[:600]


def test_explained(tftp, root):
    (root / "file").write_bytes(b"text")
    server = tftp("EventLoopUDPServer", options=["--explain"])
    with Client(server.address) as client:
        take_options(client.ask("file", timeout=30).receive())
        client.ack(0)
        assert client.block(1) == b"text"
        client.ack(1)
    assert ": sent, " in server.readline()
    said = [re.search(r"(sendto|recvfrom)\S* ?.*?((OACK|DATA|ACK).*)", line) for line in server.log.splitlines()]
    assert [" ".join(found.group(1, 2)) for found in said if found] == [
        "sendto OACK, 13 bytes", "recvfrom ACK 0, 4 bytes", "sendto DATA 1, 8 bytes", "recvfrom ACK 1, 4 bytes"]


@SOME
def test_netascii(tftp, root, cls):
    """A pair of two bytes may lie in two blocks."""
    for shift in range(3):
        content = b"x" * shift + b"a\nb\rc\r\n" * 400
        (root / "file").write_bytes(content)
        with Client(tftp(cls).address) as client:
            found = client.ask("file", "NetASCII").rest()
            assert found == content.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")


@SOME
def test_no_sorcerers_apprentice(tftp, root, cls):
    """However often an ACK comes, each block comes once."""
    (root / "file").write_bytes(CONTENT[:5000])
    server = tftp(cls)
    with Client(server.address) as client:
        client.ask("file", timeout=30)
        assert take_options(client.receive()) == {"timeout": 30}
        client.ack(0)
        for number in range(1, 11):
            client.block(number)
            for again in number, number, number - 1, number, number + 7, number:
                client.ack(again)
        assert ": sent, 10 blocks, 0 packets again" in server.readline()
        assert client.is_silent()


@SOME
def test_what_is_lost_is_repeated(tftp, root, cls):
    (root / "file").write_bytes(CONTENT[:1200])
    server = tftp(cls)
    with Client(server.address) as client:
        client.ask("file")
        for number in 1, 2, 3:
            first = client.block(number)
            if number > 1:
                assert client.block(number) == first
            client.ack(number)
        assert re.search(": sent, 3 blocks, [2-9] packets again", server.readline())


def test_who_never_answers(tftp, root):
    """He gets the first block three times, and nothing more: it may not be he who has asked."""
    (root / "file").write_bytes(CONTENT)
    server = tftp("EventLoopUDPServer")
    with Client(server.address) as plain, Client(server.address) as with_options:
        plain.ask("file")
        with_options.ask("file", "octet", blksize=1000, windowsize=16)
        for _ in range(3):
            plain.block(1)
            assert take_options(with_options.receive()) == {"blksize": 1000, "windowsize": 16}
        said = server.readline(), server.readline()
        assert all(": Connection timed out, 0 blocks, 2 packets again" in line for line in said)
        assert plain.is_silent() and with_options.is_silent()


@pytest.mark.parametrize("cls", ["ForkingUDPServer", "EventLoopUDPServer", "PreforkingEventLoopUDPServer"])
def test_nobody_is_flooded(tftp, root, cls):
    """Requests in the name of a network that does not answer: it gets 64 KiB. Others are served, and so is one of that
    network which does answer."""
    (root / "file").write_bytes(CONTENT[:600])
    server = tftp(cls)
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(Client(server.address)) for _ in range(140)]
        for client in silent:
            client.ask("file")
        other = stack.enter_context(Client(server.address))
        other.socket.bind(("127.0.1.1", 0))
        assert other.ask("file").rest() == CONTENT[:600]
        got = sum(not client.is_silent() for client in silent)
        assert 0 < got <= 65536 // 516 + 2, got
        answering = [client for client in silent if not client.is_silent()]
        assert answering[0].rest() == CONTENT[:600]
    server.kill()  # it would wait for all of them
    server.ended = True


@SOME
def test_strangers(tftp, root, cls):
    """Who sends to another one's transfer is told, and does not disturb it (RFC 1350, 4)."""
    (root / "file").write_bytes(CONTENT[:1000])
    server = tftp(cls)
    with Client(server.address) as client, Client(server.address) as stranger:
        client.ask("file").block(1)
        for data in ack(1), request("file"), b"\0\3\0\1x":
            stranger.socket.sendto(data, client.peer)
            assert stranger.error() == UNKNOWN
        stranger.socket.sendto(struct.pack("!HH", ERROR, 0) + b"x\0", client.peer)
        stranger.socket.sendto(b"x", client.peer)
        client.ack(1)
        assert client.block(2) == CONTENT[512:1000]
        client.ack(2)
        assert ": sent, 2 blocks" in server.readline() and stranger.is_silent()


@SOME
@pytest.mark.parametrize("how, said", [(lambda c: c.send(struct.pack("!HH", ERROR, 0) + b"stop\0"), "ended by the client"),
                                       (lambda c: c.send(b"\0\3\0\1data"), "Protocol error"),
                                       (lambda c: (c.ack(1), c.socket.close()), "the client has gone")],
                         ids=["error", "data", "gone"])
def test_client_ends(tftp, root, cls, how, said):
    (root / "file").write_bytes(CONTENT)
    server = tftp(cls)
    with Client(server.address) as client:
        client.ask("file").block(1)
        how(client)
        assert f": {said}, " in server.readline()
        if said.startswith("Protocol"):
            assert client.error() == ILLEGAL


@SOME
def test_file_is_cut(tftp, root, cls):
    (root / "file").write_bytes(CONTENT)
    server = tftp(cls)
    with Client(server.address) as client:
        client.ask("file").block(1)
        os.truncate(root / "file", 1000)
        for number in range(1, 1000):
            client.ack(number)
            data = client.receive()
            if data[:2] == struct.pack("!H", ERROR):
                break
        assert b"the file was made shorter" in data and 16384 < number * 512 + 512


@CONCURRENT
def test_drain(tftp, root, cls):
    """A server that stops ends what it has begun."""
    (root / "file").write_bytes(CONTENT[:5000])
    server = tftp(cls)
    with Client(server.address) as client:
        data = client.ask("file").block(1)
        wire.wait_until(lambda: server.catches(signal.SIGTERM))
        server.send_signal(signal.SIGTERM)
        client.ack(1)
        assert data + client.rest(number=2) == CONTENT[:5000]
    server.check(server.wait())


# ---------------------------------------------------------------- options


@pytest.fixture(scope="module", params=["ThreadingUDPServer", "EventLoopUDPServer"])
def shared(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp("tftp")
    root = directory / "root"
    (root / "below").mkdir(parents=True)
    (directory / "secret").write_text("secret")
    (root / "file").write_bytes(CONTENT[:1000])
    (root / ".hidden").write_text("hidden")
    (root / "below" / ".hidden").write_text("hidden")
    (root / "below" / "file").write_text("below")
    (root / "out").symlink_to("../secret")
    (root / "absolute").symlink_to("/etc/passwd")
    (root / "inside").symlink_to("below/file")
    (root / "closed").write_text("x")
    (root / "closed").chmod(0o600)
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        server = programs.Server([programs.path_of("samples/tftp"), f"fd:{bound.fileno()}", request.param, root], directory,
                                 address=bound.getsockname(), fds=[bound.fileno()])
    try:
        yield server
    finally:
        server.finish()


@pytest.mark.parametrize("asked, answered", [
    ({"blksize": 8}, {"blksize": 8}), ({"blksize": 512}, {"blksize": 512}), ({"blksize": 65464}, {"blksize": 65464}),
    ({"blksize": 65465}, {"blksize": 65464}), ({"blksize": 4294967304}, {"blksize": 65464}), ({"blksize": 7}, {}),
    ({"blksize": 0}, {}), ({"blksize": -8}, {}), ({"blksize": "8x"}, {}), ({"blksize": ""}, {}), ({"blksize": "9" * 30}, {}),
    ({"BLKSIZE": 100}, {"blksize": 100}), ({"tsize": 0}, {"tsize": 1000}), ({"timeout": 1}, {"timeout": 1}),
    ({"timeout": 30}, {"timeout": 30}), ({"timeout": 255}, {}), ({"timeout": 0}, {}), ({"windowsize": 1}, {"windowsize": 1}),
    ({"windowsize": 16}, {"windowsize": 16}), ({"windowsize": 0}, {}), ({"windowsize": 65535}, {"windowsize": 64}),
    ({"windowsize": 64, "blksize": 65464}, {"windowsize": 4, "blksize": 65464}), ({"unknown": 1}, {}),
    ({"unknown": 1, "tsize": 0, "blksize": 1428, "timeout": 6, "windowsize": 4},
     {"tsize": 1000, "blksize": 1428, "timeout": 6, "windowsize": 4}),
])
def test_options(shared, asked, answered):
    """What the server does not want, or does not understand, it does not answer; without anything to answer it sends data."""
    with Client(shared.address) as client:
        client.ask("file", "OCTET", **asked)
        if answered:
            assert take_options(client.receive()) == answered
            client.ack(0)
        window, size = answered.get("windowsize", 1), answered.get("blksize", 512)
        found = b""
        for number in range(1, 1000 // size + 2):
            found += client.block(number)
            if number % window == 0:
                client.ack(number)
        client.ack(number)
        assert found == CONTENT[:1000]


def test_size_of_netascii(shared):
    with Client(shared.address) as client:
        assert client.ask("file", "netascii", tsize=0).block(1)


@needs_curl
def test_size_of_an_empty_file(tftp, root):
    """curl takes the size 0 for an error."""
    (root / "file").write_bytes(b"")
    server = tftp("EventLoopUDPServer")
    with Client(server.address) as client:
        assert client.ask("file", tsize=0).block(1) == b""
        client.ack(1)
        client.peer = None
        assert take_options(client.ask("file", tsize=0, blksize=9).receive()) == {"blksize": 9}
        client.send(struct.pack("!HH", ERROR, 0) + b"enough\0")
    assert curl(server, "file").returncode == 0


@SOME
def test_numbers_begin_anew(tftp, root, cls):
    content = CONTENT * 12
    (root / "file").write_bytes(content)
    with Client(tftp(cls).address) as client:
        client.ask("file", "octet", blksize=8, windowsize=64)
        take_options(client.receive())
        client.ack(0)
        last = len(content) // 8 + 1
        assert last > 2 * 65536
        found = []
        for number in range(1, last + 1):
            found.append(client.block(number))
            if number % 64 == 0 or number == last:
                client.ack(number)
        assert b"".join(found) == content


@SOME
def test_window(tftp, root, cls):
    (root / "file").write_bytes(CONTENT[:512 * 12])
    server = tftp(cls)
    with Client(server.address) as client:
        client.ask("file", "octet", windowsize=4, timeout=30)
        take_options(client.receive())
        client.ack(0)
        first = [client.block(number) for number in (1, 2, 3, 4)]
        client.ack(2)  # the third one is lost
        assert [client.block(number) for number in (3, 4)] == first[2:]
        assert [len(client.block(number)) for number in (5, 6)] == [512, 512]
        for _ in range(5):
            client.ack(2)  # so it was again: this helps once
        assert client.block(3) == first[2] and [len(client.block(number)) for number in (4, 5, 6)] == 3 * [512]
        client.ack(6)
        assert [len(client.block(number)) for number in (7, 8, 9, 10)] == 4 * [512]
        client.ack(4)  # it was long on its way
        client.ack(10)
        assert [len(client.block(number)) for number in (11, 12, 13)] == [512, 512, 0]
        client.ack(13)
        assert ": sent, 13 blocks, 6 packets again" in server.readline() and client.is_silent()


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("name, code", [
    ("nothing", NOT_FOUND), ("below/nothing", NOT_FOUND), ("file/x", NOT_FOUND), ("x" * 300, NOT_FOUND), ("../secret", ACCESS),
    ("below/../../secret", ACCESS), ("/../secret", ACCESS), ("out", ACCESS), ("absolute", ACCESS), ("below", ACCESS),
    ("", ACCESS), ("/", ACCESS), (".", ACCESS), (".hidden", ACCESS), ("below/.hidden", ACCESS), ("below/./file", ACCESS),
    ("fifo", ACCESS), ("closed", ACCESS)])
def test_names(shared, name, code):
    with Client(shared.address) as client:
        assert client.ask(name).error() == code


def test_each_request_has_a_line(tftp, root):
    """What the client has written does not steer the terminal."""
    server = tftp("EventLoopUDPServer")
    with Client(server.address) as client:
        assert client.ask("no\x1b[31m\n such").error() == NOT_FOUND
        assert server.readline().endswith(" no?[31m? such: No such file or directory, 0 blocks, 0 packets again")


@pytest.mark.parametrize("name", ["file", "/file", "//file", "below/file", "/below//file", "inside"])
def test_good_names(shared, name):
    with Client(shared.address) as client:
        assert client.ask(name).rest() == (CONTENT[:1000] if name.strip("/") == "file" else b"below")


@pytest.mark.parametrize("data, code", [
    (request("file", operation=WRQ), ACCESS), (ack(1), UNKNOWN), (b"\0\3\0\1data", UNKNOWN), (b"\0\6blksize\x008\0", UNKNOWN),
    (b"\0\0file\0octet\0", ILLEGAL), (b"\0\7file\0octet\0", ILLEGAL), (b"\1\1file\0octet\0", ILLEGAL), (b"\0\1file", ILLEGAL),
    (b"\0\1file\0", ILLEGAL), (b"\0\1file\0octet", ILLEGAL), (b"\0\1file\0mail\0", ILLEGAL), (b"\0\1file\0\0", ILLEGAL),
    (b"\0\1file\0octet\0blksize", ILLEGAL),
    (b"\0\1file\0octet\0blksize\0", ILLEGAL), (b"\0\1file\0octet\0blksize\x00512", ILLEGAL),
    (request("file", "octet", x="y" * 500), ILLEGAL), (b"\0\1" + b"x" * 600, ILLEGAL), (b"\0\1" + b"x" * 60000, ILLEGAL)],
    ids=lambda value: repr(value[:12]) + f"-{len(value)}" if isinstance(value, bytes) else str(value))
def test_malformed(shared, data, code):
    """The protocol's error; it is not much longer than the packet, even of the shortest one."""
    with Client(shared.address) as client:
        client.send(data)
        assert client.error() == code


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\1", b"\0\1x", b"\0\5", b"\0\5\0\0x\0"])
def test_silence(shared, data):
    """An ERROR is not answered, or two servers could go on for ever."""
    with Client(shared.address) as client:
        client.send(data)
        assert client.ask("nothing").error() == NOT_FOUND and client.is_silent()


def test_no_such_directory(tmp_path):
    result = programs.run([programs.path_of("samples/tftp"), "127.0.0.1:0", "UDPServer", tmp_path / "none"])
    assert result.returncode == 1 and "name a directory" in result.stderr


def test_no_streams(tmp_path):
    result = programs.run([programs.path_of("samples/tftp"), "127.0.0.1:0", "TCPServer", tmp_path])
    assert result.returncode == 2


# ---------------------------------------------------------------- other addresses, bad networks


@SOME
@pytest.mark.parametrize("bound, asked", [("::1", "::1"), ("::", "::1"), ("::", "127.0.0.2"), ("0.0.0.0", "127.0.0.2")])
def test_addresses(tftp, root, cls, bound, asked):
    """The answer comes from the address that was asked."""
    (root / "file").write_bytes(CONTENT[:1000])
    try:
        server = tftp(cls, bound)
    except OSError:
        pytest.skip("no IPv6")
    with Client((asked, server.address[1])) as client:
        assert client.ask("file").rest() == CONTENT[:1000] and client.peer[0] == asked
    assert ": sent, 2 blocks" in server.readline()
    with Client((asked, server.address[1])) as client:
        client.ask("file").block(1)
    assert ": the client has gone, " in server.readline()  # by ICMP, from the address that was asked


BAD = pytest.mark.skipif(programs.SANITIZED, reason="tests of time run once, without sanitizers")


def leads_to(link):
    """A descriptor may be closed meanwhile."""
    try:
        return os.readlink(link)
    except FileNotFoundError:
        return ""


def inside(bad_network, side):
    """What a command begins with that is to run on this side: the carrier has both, in the order in which it made them."""
    folder = f"/proc/{bad_network.process.pid}/fd"
    spaces = [fd for fd in sorted(os.listdir(folder), key=int) if leads_to(f"{folder}/{fd}").startswith("net:")]
    return ["nsenter", f"--net={folder}/{spaces[network.SIDES.index(side)]}"]


@pytest.fixture
def far(bad_network, tftp):
    """far(cls, family) is a server on the other side: the ports of its transfers are there, too."""

    def start(cls, family):
        return tftp(cls, network.ADDRESSES[family]["server"], bad_network.socket("server", family, socket.SOCK_DGRAM),
                    inside(bad_network, "server"))

    return start


@BAD
@pytest.mark.parametrize("cls, family, window", [
    ("ThreadingUDPServer", socket.AF_INET, 1), ("EventLoopUDPServer", socket.AF_INET6, 1),
    ("ForkingUDPServer", socket.AF_INET, 8),
    ("EventLoopUDPServer", socket.AF_INET, 4), ("ThreadPoolUDPServer", socket.AF_INET6, 3), ("UDPServer", socket.AF_INET, 2)])
def test_bad_network(bad_network, far, root, cls, family, window):
    """Packets are lost, late, doubled, spoilt and out of order."""
    content = CONTENT[:512 * 20 + 100]
    (root / "file").write_bytes(content)
    server = far(cls, family)
    with Client(server.address, bad_network.socket("client", family, socket.SOCK_DGRAM)) as client:
        download(client, "file", window, content)


CURLE_SEND_ERROR = 55


@BAD
@needs_tftp
@needs_curl
@pytest.mark.parametrize("tool", ["tftp", "curl"])
def test_real_clients_in_a_bad_network(bad_network, far, root, tmp_path, tool):
    (root / "file").write_bytes(CONTENT[:5000])
    host, port = far("EventLoopUDPServer", socket.AF_INET).address
    command = (["tftp", "-m", "binary", host, port, "-c", "get", "file", "got"] if tool == "tftp" else
               ["curl", "-sS", "--tftp-no-options", "-o", "got", f"tftp://{host}:{port}/file"])
    for _ in range(10):
        result = programs.run([*inside(bad_network, "client"), *command], directory=tmp_path)
        if result.returncode != CURLE_SEND_ERROR:  # curl 7.88 asks for its peer's name where it has none, after some losses
            break
    assert result.returncode == 0 and (tmp_path / "got").read_bytes() == CONTENT[:5000]

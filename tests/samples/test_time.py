# SPDX-License-Identifier: MIT
"""samples/time, as an SNTP client sees it (RFC 4330), and its own client beside servers that answer badly or not at all."""

import contextlib
import re
import socket
import struct
import threading
import time

import programs
import pytest
import wire

CLASSES = ["UDPServer", "ThreadingUDPServer", "ForkingUDPServer", "EventLoopUDPServer"]
TO_1970 = 2208988800
PACKET = struct.Struct(">BBbbIIIQQQQ")


def question(version=4, mode=3, asked=0x0123456789abcdef):
    return PACKET.pack(version << 3 | mode, 0, 6, 0, 0, 0, 0, 0, 0, 0, asked)


@pytest.fixture
def ask():
    """ask(server): a socket that is connected to it."""
    with contextlib.ExitStack() as stack:
        def connect(server):
            client = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            client.connect(server.address)
            client.settimeout(wire.LIMIT)
            return client
        yield connect


def start(started, tmp_path, cls):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        server = programs.Server([programs.path_of("samples/time"), f"fd:{bound.fileno()}", cls], tmp_path,
                                 address=bound.getsockname(), fds=[bound.fileno()])
    started.append(server)
    return server


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_an_answer(started, tmp_path, ask, cls, version):
    client = ask(start(started, tmp_path, cls))
    before = time.time()
    client.send(question(version) + b"and an extension"[:version // 4 * 16])
    flags, stratum, poll, _, _, _, source, _, asked, received, sent = PACKET.unpack(client.recv(1000))
    after = time.time()
    assert flags == version << 3 | 4 and 1 <= stratum <= 15 and poll == 6 and source == int.from_bytes(b"LOCL", "big")
    assert asked == 0x0123456789abcdef
    assert before - 0.001 <= received / 2**32 - TO_1970 <= sent / 2**32 - TO_1970 <= after + 0.001


@pytest.mark.parametrize("bad", [b"", b"x", question()[:47], question(0), question(5), question(7),
                                 *(question(4, mode) for mode in (0, 1, 2, 4, 5, 6, 7))], ids=lambda bad: bad[:48].hex()[:2] + f"-{len(bad)}")
def test_silence(started, tmp_path, ask, bad):
    """Whoever sends what is no question gets nothing, least of all in another one's name."""
    client = ask(start(started, tmp_path, "EventLoopUDPServer"))
    client.send(bad)
    client.send(question(asked=7))
    assert PACKET.unpack(client.recv(1000))[8] == 7
    client.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.recv(1000)


@pytest.mark.parametrize("cls", CLASSES)
def test_its_client(started, tmp_path, cls):
    server = start(started, tmp_path, cls)
    result = programs.run([programs.path_of("samples/time_client"), "127.0.0.1:%d" % server.address[1]])
    assert result.returncode == 0 and result.stdout.startswith("offset ") and "stratum 1" in result.stdout
    assert abs(float(result.stdout.split()[1])) < 1


def answers(bound, how):
    with contextlib.suppress(OSError):
        while True:
            data, client = bound.recvfrom(1000)
            for answer in how(data):
                bound.sendto(answer, client)


def reply(data, stratum=2, off=0, mode=4, asked=None):
    now = int((time.time() + off + TO_1970) * 2**32)
    return PACKET.pack(4 << 3 | mode, stratum, 6, -20, 0, 0, 0, 0, int.from_bytes(asked or data[40:], "big"), now, now)


class Loses:
    def __init__(self, count):
        self.left = count

    def __call__(self, data):
        self.left -= 1
        return [reply(data)] if self.left < 0 else []


@pytest.mark.parametrize("how, status, said", [
    (lambda data: [reply(data, off=3600)], 0, r"offset \+3(600\.0|599\.9)"),
    (lambda data: [reply(data, off=-3600)], 0, r"offset -3(600\.0|599\.9)"),
    (Loses(1), 0, "stratum 2"),
    (Loses(9), 1, "timed out"),
    (lambda data: [reply(data, 9, asked=b"anything"), reply(data, 8, mode=3), b"short", reply(data, 7)], 0, "stratum 7"),
    (lambda data: [reply(data, 0)], 1, "temporarily unavailable"),
], ids=["ahead", "behind", "one lost", "all lost", "strangers", "leave me alone"])
def test_other_servers(how, status, said):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        threading.Thread(target=answers, args=(bound, how), daemon=True).start()
        result = programs.run([programs.path_of("samples/time_client"), "127.0.0.1:%d" % bound.getsockname()[1]])
    assert result.returncode == status and re.search(said, result.stdout + result.stderr)


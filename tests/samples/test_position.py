# SPDX-License-Identifier: MIT
"""samples/position and its client: players by hand, whose datagrams come late, twice, out of order or not at all, and servers
by hand, whose snapshots do."""

import itertools
import os
import re
import select
import signal
import socket
import struct
import subprocess
import time

import network
import programs
import pytest
import wire

CLASSES = ["UDPServer", "ThreadingUDPServer", "EventLoopUDPServer", "ForkingUDPServer", "PreforkingEventLoopUDPServer"]
FEW = ["UDPServer", "PreforkingUDPServer", "EventLoopUDPServer"]
PROGRAM, CLIENT = programs.path_of("samples/position"), programs.path_of("samples/position_client")
INPUT, COOKIE, SNAPSHOT, LEAVE, FULL, END = range(1, 7)
SUM = re.compile(r"snapshots: (\d+) of (\d+), late (\d+), lost (\d+), doubled (\d+); there and back: (\d+) ms")


def bound():
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.settimeout(wire.LIMIT)
    return made


def head(kind, cookie=0):
    return b"PS\1" + struct.pack(">BQ", kind, cookie)


def steer(cookie, number, dx=0, dy=0):
    return head(INPUT, cookie) + struct.pack(">Ibb", number & 0xffffffff, dx, dy)


def snapshot(number, places=((0, 500, 300),), last=1, you=0):
    return (b"PS\1\3" + struct.pack(">IIBB", number & 0xffffffff, last, you, len(places)) +
            b"".join(struct.pack(">BHH", *place) for place in places))


class Player:
    """One who has a cookie, if he is to, and repeats himself while he listens: so he stays, however slow the tests are."""

    def __init__(self, address, number=1, enters=True):
        self.socket, self.address, self.cookie, self.last = bound(), address, 0, None
        if enters:
            self.cookie = self.ask_for_cookie()
            self.steer(number)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendto(data, self.address)

    def steer(self, number, dx=0, dy=0):
        self.last = steer(self.cookie, number, dx, dy)
        self.send(self.last)

    def ask_for_cookie(self):
        self.send(steer(0, 0))
        data, sender = self.socket.recvfrom(1000)
        assert len(data) == 12 and data[:4] == b"PS\1\2" and sender == self.address
        return struct.unpack(">Q", data[4:])[0]

    def hear(self):
        """The next snapshot: its number, the last input, who he is, and where all are."""
        if self.last:
            self.send(self.last)
        data = self.socket.recv(1000)
        assert data[:4] == b"PS\1\3"
        number, last, you, count = struct.unpack(">IIBB", data[4:14])
        assert len(data) == 14 + 5 * count
        return number, last, you, {who: (x, y) for who, x, y in struct.iter_unpack(">BHH", data[14:])}

    def until(self, condition):
        while not condition(*(heard := self.hear())):
            pass
        return heard

    def is_left_alone(self, seconds=0.1):
        return not select.select([self.socket], [], [], seconds)[0]


@pytest.fixture
def position(started, tmp_path):
    def start(cls, address=None):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.bind(address or ("127.0.0.1", 0))
            server = programs.Server([PROGRAM, f"fd:{own.fileno()}", cls], tmp_path, address=own.getsockname(),
                                     fds=[own.fileno()])
        started.append(server)
        assert server.readline().startswith("Serving position on ")
        return server
    return start


# ---------------------------------------------------------------- the server


@pytest.mark.parametrize("cls", CLASSES)
def test_players(position, cls):
    """All see all, where they have gone; snapshots are numbered one by one; who leaves is seen no more."""
    address = position(cls).address
    with Player(address) as one, Player(address) as other:
        number, last, first_one, places = one.hear()
        assert last == 1 and places[first_one] == (500, 300)
        assert one.hear()[0] == number + 1 & 0xffffffff
        one.steer(2, 127, 0)
        _, last, _, places = other.until(lambda *heard: len(heard[3]) == 2 and heard[3][first_one][0] > 540)
        assert places[first_one][1] == 300 and (places[first_one][0] - 500) % 10 == 0 and last == 1
        assert one.until(lambda *heard: heard[1] == 2)[2] == first_one
        one.steer(3, 0, -127)
        other.until(lambda *heard: heard[3][first_one][1] < 250)
        one.send(head(LEAVE, one.cookie + 1))
        for _ in range(3):
            assert len(other.hear()[3]) == 2
        one.send(head(LEAVE, one.cookie))
        other.until(lambda *heard: len(heard[3]) == 1)


@pytest.mark.parametrize("cls", ["ForkingUDPServer"])
def test_walls(position, cls):
    with Player(position(cls).address) as one:
        one.steer(2, -127, 127)
        assert one.until(lambda *heard: heard[3][heard[2]][1] == 600 and heard[3][heard[2]][0] == 0)[0]
        assert one.hear()[3] == {0: (0, 600)}


@pytest.mark.parametrize("cls, first", [*((cls, 1) for cls in CLASSES), ("UDPServer", 0xfffffffe), ("UDPServer", 0x7ffffffe)])
def test_inputs_out_of_order(position, cls, first):
    """The newest one holds, however often older ones come after it; the numbers go round."""
    with Player(position(cls).address, first) as one:
        one.until(lambda *heard: heard[1] == first)
        one.steer(first + 3)
        one.until(lambda *heard: heard[1] == first + 3 & 0xffffffff)
        for number in (2, 1, 0, -1000, 3, 2, 3 - 0x80000000):
            one.steer(first + number, 127, 127)
        for _ in range(4):
            _, last, you, places = one.hear()
            assert last == first + 3 & 0xffffffff and places[you] == (500, 300)
        one.steer(first + 1000, 127)
        one.until(lambda *heard: heard[3][heard[2]][0] > 500 and heard[1] == first + 1000 & 0xffffffff)


@pytest.mark.parametrize("cls", ["UDPServer", "PreforkingEventLoopUDPServer"])
def test_who_is_silent_has_left(position, cls):
    """After three seconds; who goes on stays."""
    with Player(position(cls).address) as one, Player(one.address) as silent:
        began, number = time.monotonic(), 2
        one.until(lambda *heard: len(heard[3]) == 2)
        while len(one.hear()[3]) == 2:
            number += 1
            one.steer(number)
        assert time.monotonic() - began > 2.5
        while not silent.is_left_alone():
            silent.socket.recv(1000)
        silent.steer(9)  # his cookie is still good: he is back
        assert silent.hear()[1] == 9


@pytest.mark.parametrize("cls", FEW)
def test_nobody_else_gets_snapshots(position, cls):
    """Who has not shown that he gets what is sent to him gets no more than he has sent, and others' cookies are no use."""
    with Player(position(cls).address) as one, Player(one.address, enters=False) as other:
        for bad in (b"", b"P", b"PS\1", head(INPUT), steer(0, 0)[:-1], steer(0, 0) + b"x", b"PS\2" + steer(0, 0)[3:],
                    b"PT\1" + steer(0, 0)[3:], head(0), head(7) + b"x" * 6, head(LEAVE), head(LEAVE, one.cookie),
                    head(COOKIE, one.cookie), head(FULL, one.cookie), head(END, one.cookie), snapshot(1), snapshot(1)[:-1],
                    b"x" * 2000, b"PS\1\1" + b"x" * 2000):
            other.send(bad)
        assert other.is_left_alone()
        other.send(steer(one.cookie, 2, 127, 127))
        data = other.socket.recv(1000)
        assert data[:4] == b"PS\1\2" and len(data) == 12 < len(steer(0, 0)) and data[4:] != struct.pack(">Q", one.cookie)
        assert other.is_left_alone()
        assert one.hear()[3] == {0: (500, 300)}


@pytest.mark.parametrize("cls", FEW)
def test_full(position, cls):
    """One address has a share of the places."""
    address, players = position(cls).address, []
    try:
        for _ in range(16):
            players.append(Player(address))
            for player in players:
                player.hear()
        with Player(address) as more:
            assert more.socket.recv(1000) == head(FULL, more.cookie)
        for player in players:
            player.hear()
        result = programs.run([CLIENT, "127.0.0.1:%d" % address[1]])
        assert result.returncode == 1 and "The game is full" in result.stderr
        players[3].send(head(LEAVE, players[3].cookie))
        players[0].until(lambda *heard: len(heard[3]) == 15)
        with Player(address) as more:
            assert more.hear()[2] == 3
    finally:
        for player in players:
            player.socket.close()


@pytest.mark.parametrize("cls", CLASSES)
def test_its_end(position, cls):
    server = position(cls)
    with Player(server.address) as one:
        one.hear()
        client = subprocess.Popen([CLIENT, "127.0.0.1:%d" % server.address[1]], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        one.until(lambda *heard: len(heard[3]) == 2)
        server.stop()
        while (data := one.socket.recv(1000))[3] == SNAPSHOT:
            pass
        assert data == head(END, one.cookie)
        output, errors = client.communicate(timeout=programs.LIMIT)
        assert errors == b"The game is over.\n" and client.returncode == 0 and SUM.search(output.decode())[4] == "0"


@pytest.mark.parametrize("cls", ["PreforkingUDPServer", "PreforkingEventLoopUDPServer"])
def test_a_process_is_killed(position, cls):
    """While players play: they go on where they were, with its successor."""
    server = position(cls)
    with Player(server.address) as one, Player(server.address) as other:
        number = 1
        assert wire.wait_until(server.children)
        for child in server.children():
            number += 1
            one.steer(number, 127)
            os.kill(child, signal.SIGKILL)
        inputs = itertools.count(number + 1)

        def goes_on():
            one.steer(next(inputs), 0, 127)
            other.steer(next(inputs))
            return one.hear()[1] > number

        wire.wait_until(goes_on)
        other.until(lambda *heard: len(heard[3]) == 2 and heard[3][0][1] > 300)


@pytest.mark.parametrize("cls", ["UDPServer", "ForkingUDPServer"])
def test_ipv6(started, tmp_path, cls):
    server = programs.Server([PROGRAM, "[::1]:0", cls], tmp_path)
    started.append(server)
    address = re.search(r"\[::1\]:\d+", server.readline())[0]
    result = programs.run([CLIENT, "--seconds", "1", address])
    assert result.returncode == 0 and int(SUM.search(result.stdout)[1]) > 10


# ---------------------------------------------------------------- its client


class Server:
    """By hand: gives a cookie, and sends what it is told."""

    def __init__(self, *options):
        self.socket = bound()
        self.process = subprocess.Popen([CLIENT, *options, "127.0.0.1:%d" % self.socket.getsockname()[1]],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.client = self.socket.recvfrom(1000)[1]
        self.send(head(COOKIE, 77))
        while (data := self.socket.recv(1000))[4:12] != struct.pack(">Q", 77):
            pass
        self.last = struct.unpack(">I", data[12:16])[0]

    def send(self, *datagrams):
        for data in datagrams:
            self.socket.sendto(data, self.client)

    def end(self):
        """Snapshots that have come, were expected, late, lost and doubled."""
        self.send(head(END, 77))
        output, errors = self.process.communicate(timeout=programs.LIMIT)
        self.socket.close()
        assert not programs.REPORT.search(errors.decode()), errors
        return output.decode(), [int(number) for number in SUM.search(output.decode()).groups()[:5]]


@pytest.mark.parametrize("numbers, result", [
    (range(1, 31), [30, 30, 0, 0, 0]),
    ([1, 2, 5, 6], [4, 6, 0, 2, 0]),
    ([1, 3, 2, 4], [4, 4, 1, 0, 0]),
    ([1, 2, 2, 3, 1, 3], [3, 3, 0, 0, 3]),
    ([5, 4, 3, 3, 6], [4, 4, 2, 0, 1]),
    ([0xfffffffe, 0, 0xffffffff, 1], [4, 4, 1, 0, 0]),
    ([0x7fffffff, 0x80000001, 0x80000000], [3, 3, 1, 0, 0]),
    ([1, 100, 2, 99], [3, 100, 2, 97, 0]),
    ([1, 66, 3, 3, 2, 67], [4, 67, 2, 63, 1]),
], ids=["all", "lost", "late", "doubled", "before the first", "round", "half way", "far behind", "edge of the window"])
def test_snapshots(numbers, result):
    server = Server("--seconds", "20")
    server.send(*(snapshot(number) for number in numbers))
    assert server.end()[1] == result


def test_latest_is_shown():
    """A late one changes nothing of it."""
    server = Server("--seconds", "20")
    server.send(snapshot(2, [(0, 7, 8), (63, 1000, 600)], you=63), snapshot(1, [(0, 1, 1)]))
    assert server.process.stdout.readline() == b"2 players:  0 at 7,8  I am 63 at 1000,600\n"
    server.end()


@pytest.mark.parametrize("bad", [b"", b"PS\1\3", snapshot(9)[:-1], snapshot(9) + b"x", snapshot(9)[:13] + b"\xff", b"x" * 400,
                                 b"PS\1\3" + b"\0" * 9 + b"\x41" + b"x" * 325, b"PS\2\3" + snapshot(9)[4:], head(END, 78),
                                 head(FULL, 78), head(LEAVE, 77), steer(77, 1), b"PS\1\0" + b"x" * 8],
                         ids=lambda bad: f"{bad[:14].hex()}-{len(bad)}")
def test_what_is_no_snapshot(bad):
    server = Server("--seconds", "20")
    server.send(snapshot(1), bad, snapshot(2))
    assert server.end()[1] == [2, 2, 0, 0, 0]


def test_inputs_of_the_client():
    """Thirty a second, numbered one by one, each with the cookie."""
    server = Server("--seconds", "20")
    server.send(snapshot(1))
    began, numbers = time.monotonic(), []
    while len(numbers) < 15:
        data = server.socket.recv(1000)
        assert len(data) == 18 and data[:12] == head(INPUT, 77)
        numbers.append(struct.unpack(">I", data[12:16])[0])
    assert numbers == list(range(numbers[0], numbers[0] + 15)) and time.monotonic() - began > 0.25
    server.end()


@pytest.mark.parametrize("cls", ["UDPServer", "EventLoopUDPServer"])
def test_server_starts_again(position, cls):
    """Killed without a word: who plays is in the next game without doing anything."""
    server = position(cls)
    client = subprocess.Popen([CLIENT, "--seconds", "20", "127.0.0.1:%d" % server.address[1]], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
    assert client.stdout.readline().startswith(b"1 players:  I am 0 at ")
    server.process.kill()
    server.process.wait()
    server.ended = True
    again = position(cls, server.address)
    with Player(again.address) as other:
        other.until(lambda *heard: len(heard[3]) == 2)
    again.stop()
    assert client.communicate(timeout=programs.LIMIT)[1] == b"The game is over.\n" and client.returncode == 0


def test_nobody_is_there():
    with bound() as made:
        address = made.getsockname()
    result = programs.run([CLIENT, "--seconds", "1", "127.0.0.1:%d" % address[1]])
    assert result.returncode == 1 and "snapshots: 0 of 0" in result.stdout


@pytest.mark.parametrize("arguments", [["a", "b"], ["--seconds", "0"], ["--seconds", "x"], ["--nothing"]])
def test_usage_of_the_client(arguments):
    result = programs.run([CLIENT, *arguments])
    assert result.returncode == 2 and "usage:" in result.stderr and result.stdout == ""


def test_bad_network(bad_network, started, tmp_path):
    """Loses, delays, repeats and reorders: the newest input holds in the end, and snapshots go on."""
    with bad_network.socket("server", socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind((network.ADDRESSES[socket.AF_INET]["server"], 0))
        address = own.getsockname()
        started.append(programs.Server([PROGRAM, f"fd:{own.fileno()}", "EventLoopUDPServer"], tmp_path, fds=[own.fileno()]))
        started[-1].readline()
    with bad_network.socket("client", socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.1)
        cookie, number, newest, late, left = 0, 0, None, 0, 1000
        while left > 0 and (newest is None or newest[1][0] > 0):
            number, left = number + 1, left - 1
            client.sendto(steer(cookie, number, -127), address)
            try:
                data = client.recv(1000)
            except TimeoutError:
                continue
            if data[:4] == b"PS\1\2":
                cookie = struct.unpack(">Q", data[4:12])[0]
            elif data[:4] == b"PS\1\3" and len(data) == 19:
                count = struct.unpack(">I", data[4:8])[0]
                place = struct.unpack(">HH", data[15:19])
                if newest and (count - newest[0]) & 0xffffffff > 0x7fffffff:
                    late += 1
                    continue
                assert newest is None or place[0] <= newest[1][0]
                newest = count, place
        assert newest[1][0] == 0

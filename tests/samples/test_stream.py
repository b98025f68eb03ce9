# SPDX-License-Identifier: MIT
"""samples/stream and its client: the stream itself (RTP, RFC 3550), who gets it, and what the client says of datagrams whose
fate is known: a relay between both, or the test itself, has lost, doubled and turned them round."""

import collections
import itertools
import re
import select
import signal
import socket
import struct
import subprocess
import threading
import time
import xml.etree.ElementTree as ElementTree

import network
import programs
import pytest
import wire

import namespaces

CLASSES = ["UDPServer", "ThreadingUDPServer", "EventLoopUDPServer", "ForkingUDPServer", "PreforkingEventLoopUDPServer"]
FEW = ["UDPServer", "PreforkingUDPServer", "EventLoopUDPServer"]
PROGRAM, CLIENT = programs.path_of("samples/stream"), programs.path_of("samples/stream_client")
RTP = struct.Struct(">BBHII")
SUM = re.compile(r"received (\d+) of (\d+), lost (\d+) \(([\d.]+) %\), doubled (\d+), out of order (\d+), jitter ([\d.]+) ms"
                 r"(?:, the source has begun anew: (\d+))?(?:, strange: (\d+))?")
Result = collections.namedtuple("Result", "received expected lost percent doubled reordered jitter restarts strange")


def bound(family=socket.AF_INET):
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
    made.settimeout(wire.LIMIT)
    return made


@pytest.fixture
def stream(started, tmp_path):
    def start(cls, rate="50", address=None):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.bind(address or ("127.0.0.1", 0))
            server = programs.Server([PROGRAM, f"fd:{own.fileno()}", cls, rate], tmp_path, address=own.getsockname(),
                                     fds=[own.fileno()])
        started.append(server)
        assert server.readline().startswith("Serving stream on ")
        return server
    return start


@pytest.fixture
def listener():
    with bound() as made:
        yield made


def listening(address, *options):
    return subprocess.Popen([CLIENT, *options, "127.0.0.1:%d" % address[1]], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def result_of(process, status=0):
    output, errors = process.communicate(timeout=programs.LIMIT)
    assert process.returncode == status and not programs.REPORT.search(errors.decode()), errors
    return sum_of(output.decode())


def sum_of(output):
    return Result(*(float(n or 0) for n in SUM.search(output).groups()))


def ask(listener, address, word=b"listen", cookie=b"0" * 16):
    listener.sendto(b"%s %s\n" % (word, cookie), address)


def subscribe(listener, address):
    """Returns the cookie."""
    ask(listener, address)
    data, sender = listener.recvfrom(2000)
    assert re.fullmatch(rb"cookie [0-9a-f]{16}\n", data) and sender == address
    ask(listener, address, cookie=data[7:23])
    return data[7:23]


def rtp(number, stamp=None, source=7, payload=b"x" * 160, marker=False, flags=0x80, kind=0):
    stamp = number * 160 if stamp is None else stamp
    return RTP.pack(flags, marker << 7 | kind, number & 0xffff, stamp & 0xffffffff, source) + payload


def next_rtp(listener):
    while (data := listener.recv(2000))[0] >> 6 != 2:
        pass
    return (*RTP.unpack(data[:12]), data[12:])


# ---------------------------------------------------------------- the source


@pytest.mark.parametrize("cls", CLASSES)
def test_stream(stream, listener, cls):
    """Numbers and times go on by one and by as many samples as there are; each is as large as those of a telephone."""
    server = stream(cls)
    subscribe(listener, server.address)
    began = time.monotonic()
    heard = [next_rtp(listener) for _ in range(6)]
    assert time.monotonic() - began > 0.08  # five pauses of 20 ms, not all at once
    for one, other in itertools.pairwise(heard):
        assert (other[2] - one[2]) & 0xffff == 1 and (other[3] - one[3]) & 0xffffffff in (160, *range(320, 100000, 160))
        assert one[4] == other[4]
    assert all(flags == 0x80 and kind & 0x7f == 0 and len(payload) == 160 for flags, kind, *_, payload in heard)
    tone = bytes.fromhex("1e0b0b1e9e8b8b9e")
    assert all(payload == (tone * 22)[stamp % 8:][:160] for *_, stamp, _, payload in heard)


@pytest.mark.parametrize("cls", FEW)
def test_all_hear_the_same(stream, cls):
    server = stream(cls, "200")
    with bound() as one, bound() as other:
        for listener in one, other:
            subscribe(listener, server.address)
        first, second = next_rtp(one), next_rtp(other)
        while first[2] != second[2]:
            if (second[2] - first[2]) & 0xffff < 0x8000:
                first = next_rtp(one)
            else:
                second = next_rtp(other)
        assert first == second and len(first[-1]) == 40


@pytest.mark.parametrize("cls", CLASSES)
def test_who_stops_hears_no_more(stream, listener, cls):
    server = stream(cls, "200")
    cookie = subscribe(listener, server.address)
    next_rtp(listener)
    ask(listener, server.address, b"stop", b"0" * 16)  # not in his name
    for _ in range(20):
        next_rtp(listener)
    ask(listener, server.address, b"stop", cookie)
    while select.select([listener], [], [], 0.2)[0]:
        listener.recv(2000)


def test_who_does_not_ask_again_is_forgotten(stream):
    """After five seconds; who has asked again still hears it."""
    server = stream("EventLoopUDPServer")
    with bound() as one, bound() as other:
        cookie = subscribe(one, server.address)
        subscribe(other, server.address)
        began = asked = time.monotonic()
        while select.select([other], [], [], 0.5)[0]:
            other.recv(2000)
            if time.monotonic() > asked + 1:
                asked = time.monotonic()
                ask(one, server.address, cookie=cookie)
        assert time.monotonic() - began > 4
        while select.select([one], [], [], 0)[0]:  # what has come meanwhile
            one.recv(2000)
        next_rtp(one)


@pytest.mark.parametrize("cls", FEW)
def test_nobody_else_gets_it(stream, listener, cls):
    """A cookie is good for one address; who has none gets no more than he has sent."""
    server = stream(cls)
    cookie = subscribe(listener, server.address)
    next_rtp(listener)
    with bound() as other:
        for bad in (b"", b"x", b"listen", b"listen \n", b"listen 0", b"listen " + b"g" * 16, b"listen " + b"0" * 17,
                    b"LISTEN " + b"0" * 16, b"listen " + b"0" * 16, b"stop " + b"0" * 16 + b"\n", b"bye " + cookie + b"\n",
                    b"cookie " + cookie + b"\n", b"x" * 3000, rtp(1)):
            other.sendto(bad, server.address)
        ask(other, server.address, cookie=cookie)
        data = other.recv(2000)
        assert len(data) == 24 and data != b"cookie %s\n" % cookie
        assert not select.select([other], [], [], 0.1)[0]


@pytest.mark.parametrize("cls", FEW)
def test_more_listeners_than_one_may_have(stream, cls):
    server = stream(cls)
    listeners = [bound() for _ in range(33)]
    try:
        cookies = [subscribe(listener, server.address) for listener in listeners[:-1]]
        for listener, cookie in zip(listeners, cookies):
            next_rtp(listener)
            ask(listener, server.address, cookie=cookie)
        cookie = subscribe(listeners[-1], server.address)
        assert listeners[-1].recv(2000) == b"full %s\n" % cookie
        client = listening(server.address)
        assert b"as many listeners" in client.communicate(timeout=programs.LIMIT)[1] and client.returncode == 1
        ask(listeners[0], server.address, b"stop")  # without a cookie: nothing
    finally:
        for listener in listeners:
            listener.close()


@pytest.mark.parametrize("cls", CLASSES)
def test_its_end(stream, cls):
    """The client is told, and need not find out."""
    server = stream(cls)
    client = listening(server.address, "--seconds", "20")
    assert client.stdout.readline().startswith(b"A sign for each datagram")
    server.stop(signal.SIGTERM)
    output, errors = client.communicate(timeout=programs.LIMIT)
    assert client.returncode == 0 and errors == b"The source has ended.\n" and sum_of(output.decode()).lost == 0


@pytest.mark.parametrize("cls", ["UDPServer", "ForkingUDPServer"])
def test_all_addresses(started, tmp_path, cls):
    """The stream comes from the address that was asked, of either family."""
    server = programs.Server([PROGRAM, ":0", cls], tmp_path)
    started.append(server)
    port = re.search(r"localhost:(\d+) and", server.readline())[1]
    for host in "[::1]", "127.0.0.1", "127.0.0.2":
        result = programs.run([CLIENT, "--seconds", "1", f"{host}:{port}"])
        assert result.returncode == 0 and sum_of(result.stdout).received > 20


@pytest.mark.parametrize("rate", ["", "0", "x", "50x", "3", "2000", "99999999999999999999"])
def test_wrong_rates(rate):
    result = programs.run([PROGRAM, "localhost:0", "UDPServer", rate])
    assert result.returncode == 2 and result.stdout == "" and "so it may be 50" in result.stderr


# ---------------------------------------------------------------- fates that are known


class Relay(threading.Thread):
    """Between client and server. `fate` says for each datagram of the stream, by how it has come (0, 1, ...), after how many
    more of them it is passed on (None: never), and how often; what has left is noted."""

    def __init__(self, address, fate):
        super().__init__(daemon=True)
        self.server, self.fate = address, fate
        self.front, self.back = bound(), bound()
        self.left, self.count, self.waiting = [], itertools.count(), []
        self.cookie = b""
        self.start()

    def run(self):
        client = None
        while True:
            ready = select.select([self.front, self.back], [], [], 30)[0]
            if self.front in ready:
                data, sender = self.front.recvfrom(2000)
                if data == b"end":
                    self.front.sendto(b"bye " + self.cookie, client)  # the client has taken all before
                    return
                self.cookie, client = data.split()[1], sender
                self.back.sendto(data, self.server)
            if self.back in ready:
                self.carry(self.back.recv(2000), client)

    def carry(self, data, client):
        if data[0] >> 6 != 2:
            self.front.sendto(data, client)
            return
        number = next(self.count)
        late, times = self.fate(number)
        if late is not None:
            self.waiting += [(number + late, data)] * times
        for one in [one for one in self.waiting if one[0] <= number]:
            self.waiting.remove(one)
            self.front.sendto(one[1], client)
            self.left.append(RTP.unpack(one[1][:12])[2])

    def end(self):
        with bound() as other:
            other.sendto(b"end", self.front.getsockname())
        self.join()
        self.front.close()
        self.back.close()

    def truth(self):
        """Received, expected, doubled and out of order of what has left, in the order in which it has."""
        first = self.left[0]
        numbers = [(n - first + 0x8000 & 0xffff) - 0x8000 for n in self.left]
        seen, highest, doubled, reordered = set(), numbers[0], 0, 0
        for number in numbers:
            doubled += number in seen
            reordered += number < highest and number not in seen
            seen.add(number)
            highest = max(highest, number)
        return len(seen), highest - min(seen) + 1, doubled, reordered


FATES = {
    "all": lambda n: (0, 1),
    "lost": lambda n: (None, 0) if n % 10 == 3 else (0, 1),
    "in a row": lambda n: (None, 0) if n % 100 in range(30, 50) else (0, 1),
    "doubled": lambda n: (0, 2 if n % 5 == 0 else 1),
    "turned round": lambda n: (1 if n % 4 == 0 else 0, 1),
    "late": lambda n: (12 if n % 20 == 5 else 0, 1),
    "everything": lambda n: (None, 0) if n % 7 == 3 else (n * 5 % 11 // 3, 1 + (n % 9 == 4)),
}


@pytest.mark.parametrize("fate", FATES)
def test_known_fates(stream, fate):
    """What the client finds is what has happened."""
    relay = Relay(stream("EventLoopUDPServer", "1000").address, FATES[fate])
    client = listening(relay.front.getsockname(), "--seconds", "20")
    client.stdout.readline()
    assert wire.wait_until(lambda: len(relay.left) > 400)
    relay.end()
    result = result_of(client)
    received, expected, doubled, reordered = relay.truth()
    assert (result.received, result.expected, result.doubled, result.reordered) == (received, expected, doubled, reordered)
    assert result.lost == expected - received and abs(result.percent - 100 * result.lost / expected) < 0.006
    assert not result.strange and not result.restarts


def play(datagrams, *options):
    """Sends them to a client, and returns what it says: its sum, and all of it."""
    with bound() as source:
        client = listening(source.getsockname(), "--seconds", "20", *options)
        address = source.recvfrom(100)[1]
        for data in datagrams:
            source.sendto(data, address)
        source.sendto(b"bye " + b"0" * 16, address)
        output, errors = client.communicate(timeout=programs.LIMIT)
        assert not programs.REPORT.search(errors.decode()), errors
        return sum_of(output.decode()), output.decode()


@pytest.mark.parametrize("numbers, received, expected, doubled, reordered", [
    (range(65500, 65600), 100, 100, 0, 0),
    ([n for n in range(65500, 65600) if n not in (65535, 65536)], 98, 100, 0, 0),
    ([65534, 65536, 65535, 65537, 65535, 65536], 4, 4, 2, 1),
    ([5, 4, 3, 6], 4, 4, 0, 2),
    ([0, 65535], 2, 2, 0, 1),
    (range(0, 200_000, 2500), 80, 197_501, 0, 0),
    ([1, 3000, 2], 3, 3000, 0, 1),
    ([9], 1, 1, 0, 0),
], ids=["round", "lost there", "mixed there", "late comer", "before 0", "twice round", "leap", "one"])
def test_numbers(numbers, received, expected, doubled, reordered):
    result = play(rtp(n, payload=b"") for n in numbers)[0]
    assert (result.received, result.expected, result.doubled, result.reordered) == (received, expected, doubled, reordered)
    assert result.restarts == result.strange == 0


def test_source_begins_anew():
    """With other numbers and times: nothing of that is lost. What is left of the former one, and a stray, are not counted."""
    datagrams = [*(rtp(n) for n in range(100, 110)), *(rtp(n, 50 + n * 160, source=8) for n in range(40000, 40010)),
                 rtp(110), rtp(111), rtp(112), rtp(20000, source=8), rtp(40010, 50 + 40010 * 160, source=8)]
    result = play(datagrams)[0]
    assert (result.received, result.expected, result.lost, result.restarts, result.strange) == (21, 21, 0, 1, 4)
    result = play([*(rtp(n) for n in range(10)), *(rtp(n) for n in range(30000, 30010))])[0]
    assert (result.received, result.lost, result.restarts, result.strange) == (20, 0, 1, 0)


@pytest.mark.parametrize("bad", [b"", b"\x80", rtp(1)[:11], b"\x40" + rtp(1)[1:], b"\x00" + rtp(1)[1:], b"\xc0" + rtp(1)[1:],
                                 rtp(1, payload=b"", flags=0x81), rtp(1, payload=b"\0\0\0", flags=0x90),
                                 rtp(1, payload=b"\0\0\0\2" + b"x" * 7, flags=0x90), rtp(1, payload=b"\0", flags=0xa0),
                                 rtp(1, payload=b"xx\x0f", flags=0xa0), rtp(1, payload=b"x\xff", flags=0xa0),
                                 b"bye " + b"1" * 16, b"full " + b"f" * 16, b"cookie x", b"cookie " + b"G" * 16],
                         ids=lambda bad: bad[:20].hex())
def test_what_is_no_rtp(bad):
    result = play([rtp(5), bad, rtp(6)])[0]
    assert (result.received, result.expected, result.strange) == (2, 2, 0)


def test_rtp_with_all_that_it_may_have():
    result = play([rtp(5, payload=b"s" * 60 + b"abc", flags=0x8f), rtp(6, payload=b"\0\0\0\1" + b"e" * 4 + b"abc", flags=0x90),
                   rtp(7, payload=b"ab\0\0\3", flags=0xa0), rtp(8, marker=True, kind=96)])[0]
    assert (result.received, result.lost) == (4, 0)


def test_jitter():
    """As RFC 3550 has it: of those that leave at the same moment each has taken longer by the time between two."""
    result = play(rtp(n, stamp=n * 8000, payload=b"") for n in range(100))[0]
    expected = 0
    for _ in range(99):
        expected += (1 - expected) / 16
    assert abs(result.jitter / 1000 - expected) < 0.05
    assert play(rtp(n, stamp=0, payload=b"") for n in range(100))[0].jitter < 50


# ---------------------------------------------------------------- pictures


def test_text():
    _, said = play(rtp(n, payload=b"") for n in [*range(1, 20), 21, 20, *range(22, 40), 22, *range(45, 101)])
    legend, *lines, _ = said.splitlines()
    assert "×" in legend and [len(re.match("[▁▂▃▄▅▆▇█×↶2]*", line)[0]) for line in lines] == [50, 50]
    assert lines[0][19] == "↶" and lines[0][21] == "2" and lines[0][39:44] == "×" * 5 and lines[0][38] != "×"
    assert "lost 5, " in lines[0] and "lost 0, " in lines[1]


@pytest.mark.parametrize("numbers", [range(1, 2), [*range(1, 50), *range(55, 100), 51, 60], range(0, 6000, 30)],
                         ids=["one", "some", "many"])
def test_svg(tmp_path, numbers):
    path = tmp_path / "stream.svg"
    result, said = play((rtp(n, payload=b"") for n in numbers), "--svg", path)
    root = ElementTree.parse(path).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg" and root.get("role") == "img"
    text = path.read_text()
    assert "prefers-color-scheme: dark" in text
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|<script|@import|url\(", text)
    marks = collections.Counter(element.get("class") for element in root.iter("{http://www.w3.org/2000/svg}rect"))
    assert marks["page"] == 1 and 0 < marks["delay"] <= 720
    if len(numbers) < 100:
        assert marks["delay"] == result.received and marks["lost"] == result.lost
        assert marks["late"] == result.reordered and marks["doubled"] == result.doubled
    for element in root.iter("{http://www.w3.org/2000/svg}rect"):
        x, y, width, height = (float(element.get(name, 0)) for name in ("x", "y", "width", "height"))
        assert 0 <= x and x + width <= 800.1 and 0 <= y and y + height <= 360.1 and width > 0 and height > 0
    assert said.splitlines()[-1] in text


def test_svg_that_cannot_be_written(tmp_path):
    with bound() as source:
        client = listening(source.getsockname(), "--svg", tmp_path / "none" / "x.svg")
        address = source.recvfrom(100)[1]
        source.sendto(rtp(1), address)
        source.sendto(b"bye " + b"0" * 16, address)
        assert b"No such file" in client.communicate(timeout=programs.LIMIT)[1] and client.returncode == 1


@pytest.mark.parametrize("arguments", [["a", "b"], ["--seconds", "0"], ["--seconds", "x"], ["--nothing"], ["--svg"]])
def test_usage_of_the_client(arguments):
    result = programs.run([CLIENT, *arguments])
    assert result.returncode == 2 and "usage:" in result.stderr and result.stdout == ""


# ---------------------------------------------------------------- a server that goes, networks that lose


@pytest.mark.parametrize("cls", ["UDPServer", "EventLoopUDPServer"])
def test_server_starts_again(stream, cls):
    """Killed without a word: the client asks on, gets another cookie, and hears another source."""
    with bound() as held:  # so that nobody else gets the port
        address = held.getsockname()
    server = stream(cls, "100", address)
    client = listening(address, "--seconds", "20")
    client.stdout.readline()
    server.process.kill()
    server.process.wait()
    server.ended = True
    again = stream(cls, "100", address)
    for _ in range(2):
        client.stdout.readline()
    again.stop()
    assert result_of(client).restarts == 1


def test_bad_network(bad_network, started, tmp_path):
    """One that loses, delays, repeats and reorders: about as much of each as it says."""
    with bad_network.socket("server", socket.AF_INET, socket.SOCK_DGRAM) as own, \
            bad_network.socket("client", socket.AF_INET, socket.SOCK_DGRAM) as listener:
        own.bind((network.ADDRESSES[socket.AF_INET]["server"], 0))
        address = own.getsockname()
        server = programs.Server([PROGRAM, f"fd:{own.fileno()}", "EventLoopUDPServer", "500"], tmp_path, fds=[own.fileno()])
        started.append(server)
        server.readline()
        listener.settimeout(0.3)
        with bound() as front:
            client = listening(front.getsockname(), "--seconds", "2")
            asker = front.recvfrom(100)[1]
            ask(listener, address)
            while client.poll() is None:  # between both networks
                for ready in select.select([front, listener], [], [], 0.3)[0]:
                    if ready is front:
                        listener.sendto(front.recv(100), address)
                    else:
                        front.sendto(listener.recv(2000), asker)
            result = result_of(client)
    assert result.received > 500
    assert 0.5 * network.LOSS < result.lost / result.expected < 2.5 * network.LOSS  # what is spoilt is lost, too
    assert 0.4 * network.TWICE < result.doubled / result.received < 2 * network.TWICE
    assert result.reordered > 0.3 * network.LATE * result.received and result.jitter > 0.5


@pytest.mark.parametrize("told, look", [
    ("loss 20%", lambda r: 0.1 < r.lost / r.expected < 0.3),
    ("delay 30ms 10ms", lambda r: 1 < r.jitter < 30 and r.lost == 0),
    ("delay 20ms duplicate 20%", lambda r: 0.1 < r.doubled / r.received < 0.3 and r.lost == 0),
    ("delay 20ms reorder 25%", lambda r: r.reordered > 20 and r.lost == 0)])
def test_netem(started, tmp_path, told, look):
    with namespaces.cable() as both:
        if not both:
            pytest.skip("unshare -n and veth are not allowed here")
        if both[0].run("tc", "qdisc", "add", "dev", "v0", "root", "netem", *told.split()).returncode:
            pytest.skip("this kernel has no netem")
        server = both[0].start(started, tmp_path, PROGRAM, f"{both[0].address}:8536", "EventLoopUDPServer", "200")
        server.readline()
        result = both[1].run(CLIENT, "--seconds", "2", f"{both[0].address}:8536")
        assert look(sum_of(result.stdout)), result.stdout

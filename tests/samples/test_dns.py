# SPDX-License-Identifier: MIT
"""samples/dns, asked by dig, host and getaddrinfo, and by messages made by hand; and the master files that it refuses."""

import collections
import os
import re
import shutil
import socket
import struct
import sys

import programs
import pytest
import wire

ZONE = os.path.join(programs.ROOT, "samples", "dns", "example.zone")
MIXINS = ["", "Threading", "ThreadPool", "Forking", "Preforking", "EventLoop", "PreforkingEventLoop"]
NOERROR, FORMERR, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 0, 1, 3, 4, 5, 16
A, NS, CNAME, SOA, MX, TXT, AAAA, SRV, OPT, ANY = 1, 2, 5, 6, 15, 16, 28, 33, 41, 255
QR, AA, TC, RD = 0x8000, 0x400, 0x200, 0x100
LONG = f"long 1m TXT {' '.join(['x' * 250] * 5)}\nlonger 1m TXT {' '.join(['y' * 250] * 70)}\n" + "".join(
    f"all 1m TXT {i:03}{'z' * 240}\n" for i in range(200)) + "mid 1m TXT " + "m" * 200 + "\n"

needs_dig = pytest.mark.skipif(not shutil.which("dig"), reason="no dig (bind9-dnsutils)")
Record = collections.namedtuple("Record", "name type ttl data")
Reply = collections.namedtuple("Reply", "id flags rcode question sections size")


# ---------------------------------------------------------------- messages


def name(text):
    return b"".join(bytes([len(label)]) + label.encode("latin-1") for label in text.split(".") if label) + b"\0"


def opt(payload=1232, version=0, flags=0, options=b""):
    return b"\0" + struct.pack(">HHBBHH", OPT, payload, 0, version, flags, len(options)) + options


def query(text="example.org", kind=A, edns=b"", ident=0x1234, flags=0, cls=1, counts=None):
    head = struct.pack(">6H", ident, flags, *(counts or (1, 0, 0, 1 if edns else 0)))
    return head + name(text) + struct.pack(">HH", kind, cls) + edns


def read_name(data, at):
    labels, end, before = [], None, at
    while data[at]:
        if data[at] >= 0xc0:
            end = end or at + 2
            at = struct.unpack_from(">H", data, at)[0] & 0x3fff
            assert 12 <= at < before, "a pointer leads backwards"
            before = at
        else:
            labels.append(data[at + 1:at + 1 + data[at]].decode("latin-1"))
            at += 1 + data[at]
    return ".".join(labels), end or at + 1


def text_of(data, kind, at, size):
    if kind in (NS, CNAME):
        return read_name(data, at)[0]
    if kind == MX:
        return struct.unpack_from(">H", data, at)[0], read_name(data, at + 2)[0]
    if kind in (A, AAAA):
        return socket.inet_ntop(socket.AF_INET if kind == A else socket.AF_INET6, data[at:at + size])
    return data[at:at + size]


def parse(data):
    ident, flags, questions, *counts = struct.unpack_from(">6H", data)
    at, question, sections = 12, None, []
    if questions:
        text, at = read_name(data, at)
        question = (text, *struct.unpack_from(">HH", data, at))
        at += 4
    for count in counts:
        sections.append([])
        for _ in range(count):
            text, at = read_name(data, at)
            kind, _, ttl, size = struct.unpack_from(">HHIH", data, at)
            sections[-1].append(Record(text, kind, ttl, text_of(data, kind, at + 10, size)))
            at += 10 + size
    assert at == len(data), "nothing is behind the last record"
    more = [record.ttl >> 24 for record in sections[2] if record.type == OPT]
    return Reply(ident, flags, flags & 15 | (more or [0])[0] << 4, question, sections, len(data))


# ---------------------------------------------------------------- servers


class Both:
    """One for datagrams and one for connections, on the same port."""

    def __init__(self, started, directory, mixin="EventLoop", zone=ZONE, host="127.0.0.1"):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.host, self.started, self.directory = host, started, directory
        while True:
            streams, datagrams = socket.socket(family), socket.socket(family, socket.SOCK_DGRAM)
            with streams, datagrams:
                streams.bind((host, 0))
                self.port = streams.getsockname()[1]
                try:
                    datagrams.bind((host, self.port))
                except OSError:
                    continue  # somebody else has it
                streams.listen(128)
                self.udp = self.start(datagrams, mixin + "UDPServer", zone)
                self.tcp = self.start(streams, mixin + "TCPServer", zone)
                break
        self.client = socket.socket(family, socket.SOCK_DGRAM)
        self.client.connect((host, self.port))
        self.client.settimeout(wire.LIMIT)

    def start(self, bound, cls, zone):
        fd = bound.fileno()
        server = programs.Server([programs.path_of("samples/dns"), f"fd:{fd}", cls, zone], self.directory,
                                 address=(self.host, self.port), fds=[fd])
        self.started.append(server)
        return server

    def ask(self, *what, **more):
        self.client.send(query(*what, **more))
        return parse(self.client.recv(65536))

    def raw(self, message):
        self.client.send(message)
        return parse(self.client.recv(65536))

    def dig(self, *arguments):
        result = programs.run(["dig", f"@{self.host}", "-p", self.port, "+norecurse", "+tries=1", "+time=20", *arguments])
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One zone for all tests that leave nothing behind."""
    started, directory = [], tmp_path_factory.mktemp("dns")
    zone = directory / "zone"
    with open(ZONE, encoding="utf-8") as file:
        zone.write_text(file.read() + LONG)
    server = Both(started, directory, zone=zone)
    yield server
    server.client.close()
    for each in started:
        each.finish()


@pytest.fixture
def both(started, tmp_path):
    made = []

    def start(mixin="EventLoop", zone=ZONE, host="127.0.0.1"):
        if zone != ZONE:
            (tmp_path / "zone").write_text(zone)
            zone = tmp_path / "zone"
        made.append(Both(started, tmp_path, mixin, zone, host))
        return made[-1]

    yield start
    for each in made:
        each.client.close()


def framed(message):
    return struct.pack(">H", len(message)) + message


def read_reply(client):
    return parse(client.exactly(struct.unpack(">H", client.exactly(2))[0]))


def ask_by_tcp(client, *what, **more):
    client.send(framed(query(*what, **more)))
    return read_reply(client)


# ---------------------------------------------------------------- what the zone has


@needs_dig
@pytest.mark.parametrize("way", ["+notcp", "+tcp"])
def test_dig(shared, way):
    """A question of each kind, and what dig makes of the answer."""
    output = shared.dig(way, "+noall", "+answer", "example.org", "SOA", "example.org", "NS", "example.org", "MX",
                        "example.org", "CAA", "ftp.example.org", "AAAA", "shop.example.org", "A",
                        "_sip._udp.example.org", "SRV",
                        "phone.example.org", "NAPTR", "text.example.org", "TXT", "x.users.example.org", "A",
                        "lab.example.org", "DS", "future.example.org", "TYPE65280", "MAIL.example.org", "A")
    lines = [re.sub(r"\s+", " ", line) for line in output.splitlines() if line and line[0] != ";"]
    assert lines == [
        "example.org. 3600 IN SOA ns.example.org. hostmaster.example.org. 2024010100 86400 7200 2419200 900",
        "example.org. 3600 IN NS ns.example.org.", "example.org. 3600 IN NS ns.elsewhere.example.",
        "example.org. 3600 IN MX 10 mail.example.org.", "example.org. 3600 IN MX 20 mail.elsewhere.example.",
        'example.org. 3600 IN CAA 0 issue "ca.example.net"',
        "ftp.example.org. 3600 IN CNAME www.example.org.", "www.example.org. 3600 IN CNAME example.org.",
        "example.org. 3600 IN AAAA 2001:db8::1",
        "shop.example.org. 3600 IN CNAME shop.example.net.",
        "_sip._udp.example.org. 3600 IN SRV 10 60 5060 sip1.example.org.",
        "_sip._udp.example.org. 3600 IN SRV 20 0 5060 sip2.example.org.",
        'phone.example.org. 3600 IN NAPTR 10 10 "u" "E2U+sip" "!^.*$!sip:info@example.org!" .',
        r'text.example.org. 3600 IN TXT "two strings" "with \"quotes\", a \\ and \195\164"',
        "x.users.example.org. 3600 IN A 192.0.2.80",
        "lab.example.org. 3600 IN DS 60485 8 2 D4B7D520E7BB5F0F67674A0CCEB1E3E0614B93C4F9E99B8383F6A1E4 469DA50A",
        r"future.example.org. 3600 IN TYPE65280 \# 4 0A000001",
        "MAIL.example.org. 300 IN A 192.0.2.25"]


@needs_dig
def test_dig_asks_again_by_tcp(shared):
    output = shared.dig("+nocookie", "longer.example.org", "TXT")
    assert ";; Truncated, retrying in TCP mode." in output and output.count("y" * 250) == 70
    output = shared.dig("all.example.org", "TXT")
    assert all(f"{i:03}zzz" in output for i in range(200))
    assert "Truncated" not in shared.dig("+bufsize=4096", "mid.example.org", "TXT")
    assert "(good)" in output and "; EDNS: version: 0, flags:; udp: 1232" in output


@pytest.mark.parametrize("kind", MIXINS)
def test_mixins(both, kind):
    server = both(kind)
    for number in range(20):
        reply = server.ask("ftp.example.org", A, ident=number)
        assert reply.id == number and reply.flags == QR | AA and [r.data for r in reply.sections[0]] == [
            "www.example.org", "example.org", "192.0.2.1"]
    client = server.tcp.client()
    client.send(b"".join(framed(query("example.org", number, ident=number)) for number in (A, NS, SOA, MX) * 50))
    assert [read_reply(client).id for _ in range(200)] == [A, NS, SOA, MX] * 50
    client.close()


@pytest.mark.parametrize("kind", ["", "EventLoop"])
def test_ipv6(both, kind):
    try:
        server = both(kind, host="::1")
    except OSError:
        pytest.skip("no IPv6")
    assert server.ask("mail.example.org", AAAA).sections[0][0].data == "2001:db8::25"
    assert ask_by_tcp(server.tcp.client(), "mail.example.org", AAAA).sections[0][0].data == "2001:db8::25"


@pytest.mark.parametrize("cls", ["UnixStreamServer", "EventLoopUnixStreamServer", "UnixDatagramServer",
                                 "ForkingUnixDatagramServer"])
def test_unix(started, tmp_path, cls):
    server = programs.Server([programs.path_of("samples/dns"), f"unix:{tmp_path}/dns", cls, ZONE], tmp_path)
    started.append(server)
    server.readline()
    kind = socket.SOCK_DGRAM if "Datagram" in cls else socket.SOCK_STREAM
    with socket.socket(socket.AF_UNIX, kind) as client:
        client.settimeout(wire.LIMIT)
        if kind == socket.SOCK_DGRAM:
            client.bind(f"{tmp_path}/client")
        client.connect(f"{tmp_path}/dns")
        message = query("mail.example.org")
        client.sendall(message if kind == socket.SOCK_DGRAM else framed(message))
        data = client.recv(1000)
        assert parse(data if kind == socket.SOCK_DGRAM else data[2:]).sections[0][0].data == "192.0.2.25"


def test_nothing(shared):
    """A name that is not there, one without such records, and one that is there because of names below it (RFC 2308)."""
    for text, kind, rcode in [("no.example.org", A, NXDOMAIN), ("a.b.no.example.org", A, NXDOMAIN),
                              ("ns.example.org", MX, NOERROR),
                              ("users.example.org", A, NOERROR), ("_udp.example.org", SRV, NOERROR),
                              ("x.users.example.org", MX, NOERROR), ("a.root.users.example.org", TXT, NXDOMAIN),
                              ("lab.example.org", 43 + 1000, NOERROR)]:
        reply = shared.ask(text, kind)
        if "lab" in text:
            assert reply.flags == QR and reply.sections[1][0].type == NS
            continue
        assert (reply.rcode, reply.flags & ~15) == (rcode, QR | AA) and not reply.sections[0]
        assert [(r.name, r.type, r.ttl) for r in reply.sections[1]] == [("example.org", SOA, 900)]


def test_referral(shared):
    """What others serve: their names, and the addresses without which nobody could ask them."""
    for text in "lab.example.org", "deep.in.LAB.example.org", "ns.lab.example.org":
        reply = shared.ask(text, A)
        assert reply.flags == QR and not reply.sections[0]
        assert {r.data.lower() for r in reply.sections[1]} == {"ns.lab.example.org", "ns.example.org"}
        assert {r.data for r in reply.sections[2]} == {"192.0.2.100", "2001:db8::100", "192.0.2.53", "2001:db8::53"}
    reply = shared.ask("lab.example.org", 43)
    assert reply.flags == QR | AA and len(reply.sections[0]) == 1


def test_additional(shared):
    for text, kind, data in [("example.org", MX, {"192.0.2.25", "2001:db8::25"}),
                             ("example.org", NS, {"192.0.2.53", "2001:db8::53"}),
                             ("_sip._udp.example.org", SRV, {"192.0.2.61", "192.0.2.62"})]:
        assert {r.data for r in shared.ask(text, kind).sections[2]} == data


def test_case(shared):
    """The question comes back as it was, so that who asks may hide bits in it (0x20)."""
    reply = shared.ask("x.UsErS.eXaMpLe.OrG", A)
    assert reply.question[0] == reply.sections[0][0].name == "x.UsErS.eXaMpLe.OrG"
    assert shared.ask("FTP.example.ORG", A).sections[0][0].name == "FTP.example.ORG"


def test_any_is_one_set(shared):
    for text in "example.org", "www.example.org", "x.users.example.org":
        reply = shared.ask(text, ANY)
        assert reply.rcode == NOERROR and len(reply.sections[0]) == 1


def test_compression(shared):
    """Names in an answer stand there once."""
    assert shared.ask("example.org", NS).size == 29 + (12 + 5) + (12 + 22) + (12 + 4) + (12 + 16)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("text, kind, cls, rcode", [
    ("example.com", A, 1, REFUSED), ("org", A, 1, REFUSED), ("", NS, 1, REFUSED), ("xexample.org", A, 1, REFUSED),
    ("version.bind", TXT, 3, REFUSED), ("example.org", A, 255, REFUSED), ("example.org", 252, 1, REFUSED),
    ("example.org", 251, 1, REFUSED), ("example.org", 253, 1, NOTIMP), ("example.org", 254, 1, NOTIMP),
    ("example.org", 249, 1, NOTIMP), ("example.org", 250, 1, FORMERR), ("example.org", OPT, 1, FORMERR)])
def test_refused(shared, text, kind, cls, rcode):
    for edns in b"", opt():
        reply = shared.ask(text, kind, cls=cls, edns=edns)
        assert reply.rcode == rcode and reply.flags & ~15 == QR and reply.question == (text, kind, cls)
        assert not reply.sections[0] and not reply.sections[1] and len(reply.sections[2]) == bool(edns)


@pytest.mark.parametrize("opcode", [1, 2, 3, 4, 5, 6, 15])
def test_other_operations(shared, opcode):
    reply = shared.raw(query(flags=opcode << 11 | RD))
    assert reply.rcode == NOTIMP and reply.flags & ~15 == QR | opcode << 11 | RD


HEAD = query()[:12]
MALFORMED = {
    "no question": struct.pack(">6H", 0x1234, 0, 0, 0, 0, 0),
    "the question is missing": HEAD,
    "two questions": query(counts=(2, 0, 0, 0)) + name("example.org") + b"\0\1\0\1",
    "an answer": query(counts=(1, 1, 0, 0)) + b"\xc0\x0c" + struct.pack(">HHIH", A, 1, 1, 4) + b"abcd",
    "an authority": query(counts=(1, 0, 1, 0)) + b"\xc0\x0c" + struct.pack(">HHIH", A, 1, 1, 4) + b"abcd",
    "many records and none": query(counts=(1, 0, 0, 65535)),
    "a pointer to itself": HEAD + b"\xc0\x0c\0\1\0\1",
    "two pointers to each other": HEAD + b"\xc0\x0e\xc0\x0c\0\1\0\1",
    "a pointer behind a label": HEAD + b"\3www\xc0\x0c\0\1\0\1",
    "a pointer to nowhere": HEAD + b"\xff\xff\0\1\0\1",
    "half a pointer": HEAD + b"\xc0",
    "a label of 64": HEAD + b"\x40" + b"a" * 64 + b"\0\0\1\0\1",
    "a label of another kind": HEAD + b"\x80abc\0\0\1\0\1",
    "a label beyond the end": HEAD + b"\x3fabc",
    "a name of 256": HEAD + (b"\x3f" + b"a" * 63) * 3 + b"\x3e" + b"b" * 62 + b"\1c\0\0\1\0\1",
    "a name without end": HEAD + b"\1a" * 200,
    "half a type": query()[:-3],
    "something behind the end": query() + b"x",
    "EDNS that ends early": query(edns=opt()[:-1]),
    "EDNS with too much data": query(edns=b"\0" + struct.pack(">HHIH", OPT, 1232, 0, 5) + b"abcd"),
    "EDNS twice": query(edns=opt() + opt(), counts=(1, 0, 0, 2)),
    "EDNS with a name": query(edns=b"\1x" + opt()),
    "EDNS with a pointer": query(edns=b"\xc0\x17" + opt()[1:]),
    "half an option": query(edns=opt(options=b"\0\x0a\0")),
    "an option that is too long": query(edns=opt(options=b"\0\1\0\5abcd")),
    "a cookie of 7": query(edns=opt(options=b"\0\x0a\0\7abcdefg")),
    "a cookie of 12": query(edns=opt(options=b"\0\x0a\0\x0cabcdefghijkl")),
    "a cookie of 41": query(edns=opt(options=b"\0\x0a\0\x29" + b"x" * 41)),
}


@pytest.mark.parametrize("way", ["UDP", "TCP"])
def test_malformed(shared, way):
    client = shared.tcp.client()
    for what, message in MALFORMED.items():
        if way == "TCP":
            reply = read_reply(client.send(framed(message)))
        else:
            reply = shared.raw(message)
        assert (reply.rcode, reply.id, reply.flags & ~15) == (FORMERR, 0x1234, QR), what
        assert reply.size <= len(message) + 28 and not reply.sections[0], what
    assert shared.ask().rcode == NOERROR


def test_silence(shared):
    """Whoever answers answers has no end; and what has no header has no answer."""
    for message in [b"", b"x", HEAD[:11], query(flags=QR), query(flags=QR | 5 << 11), b"\xff" * 600,
                    b"\0" * 2 + b"\x80" + b"\0" * 1000]:
        shared.client.send(message)
    assert shared.ask(ident=77).id == 77
    shared.client.setblocking(False)
    with pytest.raises(BlockingIOError):
        shared.client.recv(1000)
    shared.client.settimeout(wire.LIMIT)
    with shared.tcp.client() as client:
        assert ask_by_tcp(client.send(framed(b"x") + framed(b"") + framed(query(flags=QR))), ident=78).id == 78


def test_truncations_of_a_question(shared):
    message = query("mail.example.org", edns=opt(options=b"\0\x0a\0\x08abcdefgh"))
    for size in range(12, len(message)):
        assert shared.raw(message[:size]).rcode == FORMERR
    assert shared.raw(message).rcode == NOERROR


def test_too_long_for_a_datagram(shared):
    padded = query(edns=opt(options=struct.pack(">HH", 12, 2000) + b"\0" * 2000))
    assert shared.raw(padded).rcode == FORMERR
    assert read_reply(shared.tcp.client().send(framed(padded))).rcode == NOERROR


def test_unknown_options_and_records(shared):
    key = name("key.") + struct.pack(">HHIH", 250, 255, 0, 3) + b"sig"
    for edns, counts in [(opt(options=b"\0\3\0\0\xff\xff\0\2ab"), None), (key, None), (opt() + key, (1, 0, 0, 2)),
                         (opt(flags=0x7fff), None), (opt(payload=0), None), (opt(payload=65535), None)]:
        assert shared.ask("mail.example.org", edns=edns, counts=counts).sections[0][0].data == "192.0.2.25"


# ---------------------------------------------------------------- EDNS, and how long an answer may be


def option_of(reply):
    """Payload, flags and options of OPT."""
    (found,) = [record for record in reply.sections[2] if record.type == OPT]
    return found


def test_edns(shared):
    assert option_of(shared.ask(edns=opt())).ttl == 0
    assert option_of(shared.ask(edns=opt(flags=0x8000))).ttl == 0x8000
    reply = shared.ask(edns=opt(version=1))
    assert reply.rcode == BADVERS and option_of(reply).ttl == 1 << 24 and not reply.sections[0]
    assert not shared.ask().sections[2]


def test_cookies(shared):
    mine = b"01234567"
    reply = option_of(shared.ask(edns=opt(options=b"\0\x0a\0\x08" + mine)))
    assert reply.data[:12] == b"\0\x0a\0\x18" + mine and len(reply.data) == 28
    again = shared.ask(edns=opt(options=reply.data))
    assert option_of(again).data == reply.data
    wrong = reply.data[:-1] + bytes([reply.data[-1] ^ 1])
    assert option_of(shared.ask(edns=opt(options=wrong))).data != wrong
    alone = shared.raw(struct.pack(">6H", 0x1234, 0, 0, 0, 0, 1) + opt(options=b"\0\x0a\0\x08" + mine))
    assert alone.rcode == NOERROR and option_of(alone).data[:12] == reply.data[:12]


def test_sizes(both):
    """512 bytes for who does not say more, and never more than goes through nearly every network."""
    with open(ZONE, encoding="utf-8") as file:
        shared = both(zone=file.read() + LONG + "".join(f"host{i} A 192.0.2.1\nmany MX 1 host{i}\n" for i in range(20)))
    for edns, most in (b"", 512), (opt(payload=100), 512), (opt(payload=700), 700), (opt(payload=65535), 1232):
        reply = shared.ask("many.example.org", MX, edns=edns)
        assert reply.size <= most and reply.flags & TC == 0 and len(reply.sections[0]) == 20
        assert len(reply.sections[2]) < 20 or most == 1232
        reply = shared.ask("long.example.org", TXT, edns=edns)
        assert reply.flags & TC and not reply.sections[0] and reply.size <= most
    reply = shared.ask("mid.example.org", TXT)
    assert len(reply.sections[0]) == 1


@pytest.mark.parametrize("kind", ["", "Preforking", "EventLoop"])
def test_long_answers_to_addresses_that_may_be_forged(both, kind):
    """Some, and then none that is more than three times as long as its question; but for who shows that he gets them."""
    with open(ZONE, encoding="utf-8") as file:
        server = both(kind, zone=file.read() + LONG + "short MX 1 many\n" + "".join(f"many A 192.0.2.{i}\n" for i in range(9)))
    cookie = option_of(server.ask(edns=opt(options=b"\0\x0a\0\x0801234567"))).data
    replies = []
    while len(replies) < 10000 and sum(reply.flags & TC > 0 for reply in replies[-100:]) < 50:
        replies.append(server.ask("mid.example.org", TXT, edns=opt()))
    cut = [reply for reply in replies if reply.flags & TC]
    asked = len(query("mid.example.org", TXT, edns=opt()))
    assert len(cut) >= 50 and len(replies) - len(cut) >= 100 and all(reply.size <= 3 * asked for reply in cut)
    assert all(len(reply.sections[0]) == 1 for reply in replies if not reply.flags & TC)
    for _ in range(100):
        assert not server.ask("mid.example.org", TXT, edns=opt(options=cookie)).flags & TC
    replies = [server.ask("short.example.org", MX) for _ in range(100)]
    assert all(len(reply.sections[0]) == 1 and not reply.flags & TC for reply in replies)
    assert any(not reply.sections[2] for reply in replies), "what is not needed goes first"
    assert not ask_by_tcp(server.tcp.client(), "mid.example.org", TXT).flags & TC


# ---------------------------------------------------------------- connections


@pytest.mark.parametrize("kind", ["Threading", "EventLoop", "PreforkingEventLoop"])
def test_a_connection_byte_by_byte(both, kind):
    client = both(kind).tcp.client()
    for byte in framed(query("mail.example.org", ident=1)) + framed(query("ns.example.org", ident=2)):
        client.send(bytes([byte]))
    assert [read_reply(client).id for _ in range(2)] == [1, 2]
    client.send(framed(query(ident=3)) + framed(query(ident=4))[:9])
    assert read_reply(client).id == 3
    client.send(framed(query(ident=4))[9:])
    assert read_reply(client).id == 4


def test_many_questions_at_once(shared):
    client = shared.tcp.client()
    wanted = list(range(3000))
    client.send(b"".join(framed(query("ftp.example.org", A, edns=opt(), ident=number)) for number in wanted))
    client.end()
    assert [read_reply(client).id for _ in wanted] == wanted
    assert client.ends()


def test_long_answers_by_tcp(shared):
    client = shared.tcp.client()
    kinds = ["all", "mail", "longer", "all"]
    client.send(b"".join(framed(query(f"{kind}.example.org", TXT, ident=i)) for i, kind in enumerate(kinds)))
    replies = [read_reply(client) for _ in kinds]
    assert [(reply.id, len(reply.sections[0])) for reply in replies] == [(0, 200), (1, 0), (2, 1), (3, 200)]
    assert replies[0].size > 50_000 and not any(reply.flags & TC for reply in replies)


def test_long_messages_by_tcp(shared):
    client = shared.tcp.client()
    for size in 4096, 4097, 20000, 65535:
        message = query(edns=opt(options=struct.pack(">HH", 12, size - 44) + b"\0" * (size - 44)))
        assert len(message) == size
        reply = read_reply(client.send(framed(message)))
        assert reply.rcode == (NOERROR if size == 4096 else FORMERR) and reply.id == 0x1234
    assert read_reply(client.send(framed(query(flags=5 << 11) + b"\0" * 60000))).rcode == NOTIMP
    assert ask_by_tcp(client).rcode == NOERROR


def test_a_message_that_ends_early(shared):
    for data in b"\0", framed(query())[:-1], framed(query())[:7], struct.pack(">H", 60000) + b"\0" * 5000:
        client = shared.tcp.client()
        client.send(data)
        client.end()
        rest = client.rest()
        assert not rest or parse(rest[2:]).rcode == FORMERR


@pytest.mark.parametrize("kind", ["Threading", "ThreadPool", "Forking", "EventLoop"])
def test_idle_connections(both, kind):
    """They keep nobody waiting: neither other clients nor the end."""
    server = both(kind)
    clients = [server.tcp.client() for _ in range(30)]
    for client in clients:
        assert ask_by_tcp(client, "mail.example.org").rcode == NOERROR
    server.tcp.stop()
    assert all(client.ends() for client in clients)


# ---------------------------------------------------------------- master files


BEGIN = "$ORIGIN example.org.\n$TTL 1h\n@ SOA ns host 1 1d 2h 4w 15m\n@ NS ns\nns A 192.0.2.1\n"


def test_master_file(both, tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "in").write_text("@ A 192.0.2.9\n$ORIGIN deeper\nhere A 192.0.2.10\n$INCLUDE ../second\n")
    (tmp_path / "second").write_text("a A 192.0.2.11")
    server = both(zone=BEGIN.replace("$TTL 1h\n", "") + r"""
a 1w2d3h4m5s IN A 192.0.2.2 ; a comment
  IN 7 TXT a ( b ; another one
    "c d" ) e\ f \046\"
b A 192.0.2.3
\100\.x A 192.0.2.4
$TTL 2m
$ORIGIN sub
@ A 192.0.2.5
c.d CLASS1 A 192.0.2.6
e.example.org. 5 TYPE1 192.0.2.7
f MX 1 .
  mx 2 @
h CNAME G.Example.Org.
""" + "$ORIGIN example.org.\r\n\n;\n$INCLUDE more/in inner\nlast A 192.0.2.12".replace("\n", "\r\n"))
    for text, kind, ttl, data in [
            ("a", A, 788645, "192.0.2.2"), ("a", TXT, 7, b"\1a\1b\3c d\3e f\2.\""), ("b", A, 7, "192.0.2.3"),
            ("sub", A, 120, "192.0.2.5"), ("c.d.sub", A, 120, "192.0.2.6"), ("e", A, 5, "192.0.2.7"),
            ("f.sub", MX, 120, (1, "")),
            ("h.sub", CNAME, 120, "g.example.org"), ("inner", A, 120, "192.0.2.9"), ("here.deeper.inner", A, 120, "192.0.2.10"),
            ("a.deeper.inner", A, 120, "192.0.2.11"), ("last", A, 120, "192.0.2.12")]:
        found = server.ask(f"{text}.example.org", kind).sections[0][0]
        found_data = found.data.lower() if kind == CNAME else found.data
        assert (found.ttl, found_data) == (ttl, data), text
    reply = server.raw(HEAD + b"\3d.x" + name("example.org") + b"\0\1\0\1")
    assert reply.sections[0][0].data == "192.0.2.4"


@pytest.mark.parametrize("apex", ["org.", "."])
def test_other_zones(both, apex):
    server = both(zone=f"{apex} 1h SOA ns.example.org. host.example.org. 1 1d 2h 4w 15m\n{apex} NS ns.example.org.\n"
                       "ns.example.org. A 192.0.2.1\n*.org. TXT wild\n")
    assert server.ask("ns.example.org", A).sections[0][0].data == "192.0.2.1"
    assert server.ask(apex, NS).sections[0][0].data == "ns.example.org"
    assert server.ask("any.org", TXT).sections[0][0].data == b"\4wild"
    assert server.ask("no.example.org", TXT).rcode == NXDOMAIN
    assert server.ask("any.net", TXT).rcode == (NXDOMAIN if apex == "." else REFUSED)


def test_aliases_in_a_circle(both):
    server = both(zone=BEGIN + "a CNAME b\nb CNAME a\n*.w CNAME x.w\n" + "".join(f"c{i} CNAME c{i + 1}\n" for i in range(40)))
    for text in "a", "y.w", "c0":
        reply = server.ask(f"{text}.example.org", A, edns=opt(payload=4096))
        assert reply.rcode == NOERROR and reply.sections[0] and not reply.sections[1]


ERRORS = [
    ("", 1, "there is no SOA record; begin with"),
    ("a A 192.0.2.1\n", 1, "a is no name: it has no dot at its end.*ORIGIN"),
    (BEGIN + "\n\n  \nb A 300.1.1.1\n", 9, "300.1.1.1 is no IPv4 address; write"),
    (BEGIN + "b AAAA 192.0.2.1\n", 6, "no IPv6 address"),
    (BEGIN + "b A\n", 6, "an IPv4 address is missing"),
    (BEGIN + "b\n", 6, "the type is missing"),
    (BEGIN + "b A 192.0.2.1 192.0.2.2\n", 6, "192.0.2.2 is too much"),
    (BEGIN + "b FOO x\n", 6, "FOO is no type.*TYPE65280"),
    (BEGIN + "b CH TXT x\n", 6, "only class IN"),
    (BEGIN + "b DNAME c\n", 6, "DNAME is no type"),
    (BEGIN + "b TYPE41 \\# 0\n", 6, "TYPE41 is no type"),
    (BEGIN + "b TYPE65280 x\n", 6, "unknown; write it as"),
    (BEGIN + "b TYPE65280 \\# 3 0a0b\n", 6, "there are 2 bytes of data and not 3"),
    (BEGIN + "b TYPE65280 \\# 1 0ab\n", 6, "half a byte"),
    (BEGIN + "b TYPE65280 \\# 1 0g\n", 6, "0g is not hexadecimal"),
    (BEGIN + "b MX 65536 ns\n", 6, "65536 is no number from 0 to 65535"),
    (BEGIN + "b MX ten ns\n", 6, "ten is no number"),
    (BEGIN + "b 99999999999 A 192.0.2.1\n", 6, "no time"),
    (BEGIN + "b 1h1 A 192.0.2.1\n", 6, "no time"),
    (BEGIN + "b 1y A 192.0.2.1\n", 6, "no time"),
    (BEGIN + "b TXT (\n\n one\n", 6, r"a \( is not closed"),
    (BEGIN + "b TXT one )\n", 6, r"there is no \( to this \)"),
    (BEGIN + "b TXT \"one\n", 6, "a quote is open"),
    (BEGIN + "b TXT " + "x" * 256 + "\n", 6, "a string has at most 255 bytes; write it as several"),
    (BEGIN + "b TXT \\256\n", 6, "three digits up to 255"),
    (BEGIN + "b TXT a\\\n", 6, "after"),
    (BEGIN + "b..c A 192.0.2.1\n", 6, "something is missing before a dot"),
    (BEGIN + "\"\" A 192.0.2.1\n", 6, "it is empty"),
    (BEGIN + "x" * 64 + " A 192.0.2.1\n", 6, "at most 255 bytes, a part of it 63"),
    (BEGIN + "x." * 122 + "y A 192.0.2.1\n", 6, "at most 255 bytes"),
    (BEGIN + "$TTL\n", 6, "a time is missing"),
    (BEGIN + "$GENERATE 1-9 a$ A 192.0.2.$\n", 6, "no directive .GENERATE"),
    (BEGIN + "$ORIGIN a b\n", 6, "b is too much"),
    (BEGIN + "$INCLUDE none\n", 6, "none cannot be read: No such file"),
    (BEGIN + "$INCLUDE zone\n", 6, "do they include themselves"),
    ("  A 192.0.2.1\n", 1, "begins with a space"),
    ("$ORIGIN o.\na A 192.0.2.1\n", 2, "how long.*TTL 1h"),
    (BEGIN + "b 1 A 192.0.2.1\nb 2 A 192.0.2.2\n", 7, "the time is 2, and 1 on line 6.*RFC 2181"),
    (BEGIN + "b.o. A 192.0.2.1\n", 6, "b.o.: is not in the zone"),
    (BEGIN + "b SOA ns host 1 2 3 4 5\n", 6, "a second SOA"),
    (BEGIN + "b A 192.0.2.1\nb CNAME c\n", 7, "has no others"),
    (BEGIN + "@ CNAME c\n", 6, "has no others"),
    (BEGIN + "b CNAME c\nb CNAME d\n", 6, "one CNAME"),
    (BEGIN + "*.b NS ns\n", 6, "a wildcard cannot have NS"),
    (BEGIN + "@ NS ns2\n", 4, "its name server ns2.example.org. has no address here; add"),
    (BEGIN + "b NS ns.b\n", 6, "its name server ns.b.example.org. has no address"),
    (BEGIN.replace("@ NS ns\n", ""), 3, "has no name server; add an NS"),
    (BEGIN + "".join(f"b TXT {i:0250}\n" for i in range(240)), None, "do not fit into a message"),
    (BEGIN + "b CAA 0 is-sue x\n", 6, "letters and digits"),
    (BEGIN + "\x1b[31m\x1b A 192.0.2.1\nc 1z A\n", 7, "1z is no time"),
]


@pytest.mark.parametrize("text, line, what", ERRORS, ids=[str(i) for i in range(len(ERRORS))])
def test_errors_in_master_files(tmp_path, text, line, what):
    (tmp_path / "zone").write_bytes(text.encode("latin-1"))
    result = programs.run([programs.path_of("samples/dns"), "127.0.0.1:0", "UDPServer", "zone"], directory=tmp_path)
    (said,) = result.stderr.splitlines()
    assert result.returncode == 1 and result.stdout == "" and said.isprintable()
    assert re.search(rf"^zone:{line or '[0-9]+'}: .*{what}", said), said


def test_no_file(tmp_path):
    result = programs.run([programs.path_of("samples/dns"), "127.0.0.1:0", "UDPServer"], directory=tmp_path)
    assert result.returncode == 1 and re.fullmatch(r"samples/dns/example.zone:1: .*No such file.*\n", result.stderr)


# ---------------------------------------------------------------- other programs


def in_a_network(tmp_path, host, *argv):
    """Runs a program where the name server is the only one, on port 53, for datagrams and connections."""
    (tmp_path / "resolv.conf").write_text(f"nameserver {host.strip('[]')}\noptions timeout:20 attempts:1\n")
    (tmp_path / "nsswitch.conf").write_text("hosts: dns\n")
    (tmp_path / "hosts").write_text("")
    if programs.run(["unshare", "-rnm", "ip", "link", "set", "lo", "up"]).returncode:
        pytest.skip("unshare -rnm and ip are not allowed here")
    dns = programs.path_of("samples/dns")
    script = f"""set -e; ip link set lo up
        for file in resolv.conf nsswitch.conf hosts; do
            [ -e /etc/$file ] || exit 77
            mount --bind {tmp_path}/$file /etc/$file; done
        rm -f {tmp_path}/udp {tmp_path}/tcp; mkfifo {tmp_path}/udp {tmp_path}/tcp
        {dns} {host}:53 UDPServer {ZONE} >{tmp_path}/udp & udp=$!
        {dns} {host}:53 EventLoopTCPServer {ZONE} >{tmp_path}/tcp & tcp=$!
        exec 3<{tmp_path}/udp 4<{tmp_path}/tcp
        read ready <&3; read ready <&4
        "$@" && status=0 || status=$?
        kill $udp $tcp; wait $udp; wait $tcp; exit $status"""
    result = programs.run(["unshare", "-rnm", "sh", "-c", script, "sh", *argv])
    if result.returncode == 77:
        pytest.skip("a file of /etc is not there")
    return result


LOOK_UP = """import socket
for host, port in ("ftp.example.org", 21), ("mail.example.org", 25), ("any.users.example.org", 80):
    print(*sorted({found[4][0] for found in socket.getaddrinfo(host, port)}))
try:
    socket.getaddrinfo("no.example.org", 80)
except socket.gaierror as failure:
    print(failure.errno in (socket.EAI_NONAME, socket.EAI_NODATA))
"""


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_getaddrinfo(tmp_path, host):
    result = in_a_network(tmp_path, host, sys.executable, "-c", LOOK_UP)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "192.0.2.1 2001:db8::1\n192.0.2.25 2001:db8::25\n192.0.2.80\nTrue\n"


@pytest.mark.skipif(not shutil.which("host"), reason="no host (bind9-host)")
def test_host(tmp_path):
    result = in_a_network(tmp_path, "127.0.0.1", "host", "ftp.example.org")
    assert result.returncode == 0 and result.stdout.splitlines() == [
        "ftp.example.org is an alias for www.example.org.", "www.example.org is an alias for example.org.",
        "example.org has address 192.0.2.1", "example.org has IPv6 address 2001:db8::1",
        "example.org mail is handled by 10 mail.example.org.", "example.org mail is handled by 20 mail.elsewhere.example."]
    result = in_a_network(tmp_path, "127.0.0.1", "host", "-T", "no.example.org")
    assert result.returncode == 1 and "NXDOMAIN" in result.stdout

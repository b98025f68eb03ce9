# SPDX-License-Identifier: MIT
"""samples/discovery and its client: in two networks of their own with a cable between them, and on one machine alone."""

import re
import socket
import struct

import programs
import pytest
import wire

import namespaces

PORT = 8535
FEW = ["UDPServer", "EventLoopUDPServer", "PreforkingUDPServer"]
GROUPS = {socket.AF_INET: "239.255.85.35", socket.AF_INET6: "ff12::8535"}
PROGRAM, CLIENT = programs.path_of("samples/discovery"), programs.path_of("samples/discovery_client")


@pytest.fixture(scope="module")
def both():
    with namespaces.cable() as made:
        if not made:
            pytest.skip("unshare -n and veth are not allowed here")
        yield made


@pytest.fixture
def participant(both, started, tmp_path):
    """participant(side, cls, service, address) starts one, and waits until it serves."""

    def start(side, cls, service, address=f":{PORT}", options=()):
        server = both[side].start(started, tmp_path, PROGRAM, *options, address, cls, service)
        assert server.readline().startswith("Serving discovery on ")
        return server

    return start


@pytest.fixture
def stranger(both):
    """A socket on the other side of the cable, as of somebody who is no participant."""
    with both[1].socket() as made:
        made.bind((both[1].address, 0))
        yield made


def question(kind="*", number=7, size=48):
    return f"discovery 1 ask {number:x} {kind}".encode().ljust(size - 1) + b"\n"


def announcement(name="Thing", number=0xabc, seconds=60, port=80, kind="http"):
    return f"discovery 1 have {number:x} 0 {seconds} {port} {kind} {name}\n".encode()


def is_silent(stranger, server_address, seconds=0.3):
    """The next datagram is the answer to one more question, which is asked now."""
    stranger.sendto(question(number=0xfeed), server_address)
    return stranger.recvfrom(1000)[0].split()[4] == b"feed"


# ---------------------------------------------------------------- two networks


@pytest.mark.parametrize("cls", ["UDPServer", "ForkingUDPServer", "PreforkingEventLoopUDPServer"])
def test_two_machines(both, participant, cls):
    """Each hears of the other one, whoever starts first; and of its end at once."""
    shelf = participant(0, cls, "http/8000/60 The shelf")
    lamp = participant(1, cls, "lamp/9/60 Lämpchen")
    assert re.fullmatch(r"\+ lamp  Lämpchen  (10\.9\.8\.2|\[fe80::2%v0\]):9", shelf.readline())
    assert re.fullmatch(r"\+ http  The shelf  (10\.9\.8\.1|\[fe80::1%v1\]):8000", lamp.readline())
    lamp.stop()
    assert re.fullmatch(r"- lamp  Lämpchen  .*  \(good-bye\)", shelf.readline())


@pytest.mark.parametrize("cls", ["EventLoopUDPServer", "ThreadPoolUDPServer"])
def test_client(both, participant, cls):
    """Lists all of them, with each address that it can reach them at."""
    participant(0, cls, "http/8000/60 The shelf")
    participant(1, cls, "lamp/9/60 Lämpchen")
    result = both[1].run(CLIENT)
    assert result.returncode == 0 and result.stderr == ""
    lines = {line.split("  ")[1]: line.split("  ")[2] for line in result.stdout.splitlines()}
    assert lines.keys() == {"The shelf", "Lämpchen"}
    assert set(lines["The shelf"].split()) == {"10.9.8.1:8000", "[fe80::1%v1]:8000"}


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["IPv4", "IPv6"])
def test_multicast(both, participant, family):
    """What a member of the group hears, and the answer to who asks it."""
    group = GROUPS[family]
    with both[1].socket(family) as member, both[1].socket(family) as asker:
        member.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET:
            member.bind((group, PORT))  # nothing else, no broadcast
            member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                              socket.inet_aton(group) + socket.inet_aton(both[1].address))
            asker.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(both[1].address))
            where = (group, PORT)
        else:
            scope = both[1].scope()
            member.bind((group, PORT, 0, scope))
            member.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                              socket.inet_pton(family, group) + struct.pack("@I", scope))
            where = (group, PORT, 0, scope)
        server = participant(0, "UDPServer", "http/8000/60 The shelf")
        data, sender = member.recvfrom(1000)
        assert re.fullmatch(rb"discovery 1 have [0-9a-f]{1,16} 0 60 8000 http The shelf\n", data)
        assert sender[:2] == ((both[0].address, PORT) if family == socket.AF_INET else (both[0].local, PORT))
        assert re.fullmatch(rb"discovery 1 ask 0 \* +\n", member.recv(1000))
        asker.sendto(question("http", 0xbeef), where)
        data, sender = asker.recvfrom(1000)
        assert re.fullmatch(rb"discovery 1 have [0-9a-f]{1,16} beef 60 8000 http The shelf\n", data)
        server.stop()
        while data.split()[5:6] != [b"0"]:
            data = member.recv(1000)
        assert data.endswith(b" 0 8000 http The shelf\n")


@pytest.mark.parametrize("cls", FEW)
def test_broadcast(both, participant, cls):
    with both[1].socket() as other, both[1].socket() as asker:
        other.bind(("10.9.8.255", PORT))  # nothing else, no multicast
        asker.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        participant(0, cls, "http/8000/60 The shelf")
        data, sender = other.recvfrom(1000)
        assert data.endswith(b" 60 8000 http The shelf\n") and sender == (both[0].address, PORT)
        asker.bind((both[1].address, 0))
        for where in "10.9.8.255", "255.255.255.255":
            asker.sendto(question("http", 5), (where, PORT))
            data, sender = asker.recvfrom(1000)
            assert data.endswith(b" 5 60 8000 http The shelf\n") and sender == (both[0].address, PORT)


@pytest.mark.parametrize("cls", ["EventLoopUDPServer", "PreforkingUDPServer", "PreforkingEventLoopUDPServer",
                                 "ThreadPoolUDPServer"])
def test_many_workers(both, participant, stranger, cls):
    """Of several loops or processes one takes a datagram: a question is answered once, a service shown once."""
    server, group = participant(0, cls, "http/8000/60 The shelf", options=("--workers", "3")), (GROUPS[socket.AF_INET], PORT)
    stranger.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(both[1].address))
    for number in range(1, 21):
        stranger.sendto(question(number=number), group)
        stranger.sendto(announcement(f"Number {number}", number), group)
    assert sorted(int(stranger.recv(1000).split()[4], 16) for _ in range(20)) == list(range(1, 21))
    assert is_silent(stranger, (both[0].address, PORT))
    stranger.sendto(announcement("Last"), group)
    lines = [server.readline() for _ in range(21)]
    assert len(set(lines)) == 21 and "+ http  Last  10.9.8.2:80" in lines


# ---------------------------------------------------------------- what is kept


@pytest.mark.parametrize("cls", ["ThreadingUDPServer", "PreforkingEventLoopUDPServer"])
def test_time_is_over(both, participant, stranger, cls):
    server = participant(0, cls, "http/8000/60 The shelf")
    stranger.sendto(announcement("Short", seconds=1), (both[0].address, PORT))
    stranger.sendto(announcement("Short", seconds=1), (both[0].address, PORT))
    stranger.sendto(announcement("Long", seconds=60), (both[0].address, PORT))
    assert sorted(server.readline() for _ in range(2)) == ["+ http  Long  10.9.8.2:80", "+ http  Short  10.9.8.2:80"]
    assert server.readline() == "- http  Short  10.9.8.2:80  (not heard any more)"


@pytest.mark.parametrize("cls", FEW)
def test_good_bye_of_another(both, participant, stranger, cls):
    """Nobody says good-bye in another one's name, unless he has his address."""
    server, address = participant(0, cls, "http/8000/60 The shelf"), (both[0].address, PORT)
    stranger.sendto(announcement("Mine"), address)
    assert server.readline() == "+ http  Mine  10.9.8.2:80"
    both[1].run("ip", "address", "add", "10.9.8.77/24", "dev", "v1")
    with both[1].socket() as other:
        other.bind(("10.9.8.77", 0))
        other.sendto(announcement("Mine", seconds=0), address)
        other.sendto(announcement("Mine", number=0xabd), address)
    assert server.readline() == "+ http  Mine  10.9.8.77:80"
    stranger.sendto(announcement("Mine", seconds=0), address)
    assert server.readline() == "- http  Mine  10.9.8.2:80  (good-bye)"


@pytest.mark.parametrize("cls", FEW)
def test_one_who_announces_too_much(both, participant, stranger, cls):
    """He has a share, and others have theirs."""
    server, address = participant(0, cls, "http/8000/60 The shelf"), (both[0].address, PORT)
    for number in range(50):
        stranger.sendto(announcement(f"Number {number}", number + 1), address)
    assert len({server.readline() for _ in range(32)}) == 32
    with both[1].socket(socket.AF_INET6) as other:
        other.sendto(announcement("Another"), (both[0].local, PORT, 0, both[1].scope()))
    assert server.readline() == "+ http  Another  [fe80::2%v0]:80"


# ---------------------------------------------------------------- what nobody should send


BAD = [b"", b"\n", b"\0", b"x" * 10, b"x" * 1400, b"discovery", b"discovery 1 ask", b"discovery 1 ask 7", b"discovery 1 ask 7 ",
       b"discovery 2 ask 7 *", b"discovery 1 ask 7 HTTP", b"discovery 1 ask 7 sixteen-letters-", b"discovery 1 ask 123456789 *",
       b"discovery 1 ask -7 *", b"discovery 1 ask 0x7 *", b"discovery 1 ask 7 * more", b"discovery 1 ask 7 *\0",
       b"Discovery 1 ask 7 *", b" discovery 1 ask 7 *", b"discovery 1 ask  7 *", question() * 4,
       *(announcement(name) for name in ("", "x" * 64, "\x1b[31m", "a\tb", "\x7f", "\u0085")),
       *(b"discovery 1 have abc 0 60 80 http " + name
         for name in (b"\xff", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80")),
       announcement(port=0), announcement(port=65536), announcement(port="a"), announcement(seconds=86401),
       announcement(seconds=-1), announcement(kind="*"), announcement(kind="Http"), announcement(kind="a" * 16),
       announcement(number=1 << 64), announcement()[:-9], announcement()[:20]]


@pytest.mark.parametrize("cls", FEW)
def test_bad_packets(both, participant, stranger, cls):
    """Neither an answer nor a line."""
    server, address = participant(0, cls, "http/8000/60 The shelf"), (both[0].address, PORT)
    for data in BAD:
        stranger.sendto(data.ljust(48) if b" ask" in data and data != BAD[8] else data, address)
    assert is_silent(stranger, address)
    stranger.sendto(announcement("Good"), address)
    assert server.readline() == "+ http  Good  10.9.8.2:80"


def test_no_answer_is_much_larger(both, participant, stranger):
    participant(0, "UDPServer", f"http/8000/60 {'x' * 63}")
    address = (both[0].address, PORT)
    stranger.sendto(b"discovery 1 ask 7 *", address)
    assert is_silent(stranger, address)
    for size in 19, 36, 37, 48:
        stranger.sendto(question(number=size, size=size), address)
        stranger.sendto(question(number=0xfeed), address)
        answers = [stranger.recv(1000)]
        while answers[-1].split()[4] != b"feed":
            answers.append(stranger.recv(1000))
        assert all(len(answer) <= 3 * size for answer in answers[:-1])
        assert len(answers) == (2 if 3 * size >= len(answers[-1]) else 1)


@pytest.mark.parametrize("cls", FEW)
def test_who_is_elsewhere_gets_no_answer(both, participant, stranger, cls):
    """It would be sent to whomever he names, through a router."""
    both[1].run("ip", "address", "replace", "192.0.2.7/32", "dev", "v1")
    both[0].run("ip", "route", "replace", "192.0.2.0/24", "dev", "v0")
    server = participant(0, cls, "http/8000/60 The shelf")
    with both[1].socket() as elsewhere:
        elsewhere.bind(("192.0.2.7", 0))
        elsewhere.sendto(question(), (both[0].address, PORT))
        elsewhere.sendto(announcement("From afar"), (both[0].address, PORT))
        assert is_silent(stranger, (both[0].address, PORT))
        stranger.sendto(announcement("Near"), (both[0].address, PORT))
        assert server.readline() == "+ http  Near  10.9.8.2:80"
        elsewhere.setblocking(False)
        with pytest.raises(BlockingIOError):
            elsewhere.recv(1000)


# ---------------------------------------------------------------- one machine, and the programs


@pytest.mark.parametrize("cls", ["PreforkingUDPServer"])
def test_one_machine(participant, both, cls):
    """Several at the same port; IPv4 alone, too."""
    first = participant(0, cls, "http/8000/60 First", f"0.0.0.0:{PORT}")
    second = participant(0, cls, "game/9000/60 Second")
    assert "game  Second" in first.readline() and "http  First" in second.readline()
    lines = both[0].run(CLIENT).stdout.splitlines()
    assert sorted(line.split("  ")[1] for line in lines) == ["First", "Second"] and "127.0.0.1:9000" in "".join(lines)
    result = both[0].run(CLIENT, f":{PORT}", "game")
    assert result.returncode == 0 and re.fullmatch("game  Second  .*\n", result.stdout)


def test_client_finds_nobody(both):
    result = both[1].run(CLIENT, f":{PORT}", "http")
    assert result.returncode == 1 and result.stdout == "" and "nobody has answered" in result.stderr


def test_client_asks_one(both, participant):
    participant(0, "UDPServer", "http/8000/60 The shelf")
    result = both[1].run(CLIENT, f"[{both[0].local}%v1]:{PORT}")
    assert (result.returncode, result.stdout) == (0, "http  The shelf  [fe80::1%v1]:8000\n")


@pytest.mark.parametrize("arguments", [["nowhere"], ["localhost:0"], [":70000"], [":1", "UPPER"], [":1", "http", "more"]])
def test_usage_of_the_client(arguments):
    result = programs.run([CLIENT, *arguments])
    assert result.returncode == 2 and "usage:" in result.stderr and result.stdout == ""


@pytest.mark.parametrize("arguments, said", [
    (["localhost:8535"], "write :8535"), (["10.9.8.1:1", "ThreadingUDPServer"], "write :8535"),
    ([":0", "", "x"], "'http/8000 The shelf'"),
    ([":0", "", "http/8000"], "a service is written"), ([":0", "", "http/0 Zero"], "a service is written"),
    ([":0", "", "http/1/0 Never"], "a service is written"), ([":0", "", "http/1x No"], "a service is written"),
    ([":0", "", "Http/1 No"], "a service is written"), ([":0", "", "http/1 a\tb"], "a service is written"),
    ([":0", "", f"http/1 {64 * 'x'}"], "a service is written")])
def test_wrong_arguments(both, arguments, said):
    result = both[0].run(PROGRAM, *arguments)
    assert result.returncode == 2 and result.stdout == "" and said in result.stderr and len(result.stderr.splitlines()) == 1


def test_inherited_socket_of_one_address(both, tmp_path):
    with both[0].socket() as own:
        own.bind((both[0].address, 0))
        server = programs.Program([*both[0].enter, PROGRAM, f"fd:{own.fileno()}"], tmp_path, fds=[own.fileno()])
        assert server.wait() == 1 and "write :8535" in server.log

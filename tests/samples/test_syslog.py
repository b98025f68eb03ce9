# SPDX-License-Identifier: MIT
"""samples/syslog: one handler for datagrams and streams, driven by logger(1) and by bytes."""

import shutil
import signal
import socket

import programs
import pytest
import wire

DATAGRAMS = ["UDPServer", "ThreadingUDPServer", "EventLoopUDPServer"]
STREAMS = ["ThreadingTCPServer", "ForkingTCPServer", "EventLoopTCPServer", "PreforkingEventLoopTCPServer"]
LONGEST = 8192
needs_logger = pytest.mark.skipif(not shutil.which("logger"), reason="no logger")


@pytest.fixture
def syslog(started, tmp_path):
    """syslog(cls) starts it; its `said` is what it has shown until its end."""
    def start(cls, address=None):
        kind = socket.SOCK_DGRAM if cls.endswith(("UDPServer", "DatagramServer")) else socket.SOCK_STREAM
        with socket.socket(socket.AF_UNIX if address else socket.AF_INET, kind) as bound:
            bound.bind(address or ("127.0.0.1", 0))
            if kind == socket.SOCK_STREAM:
                bound.listen()
            server = programs.Server([programs.path_of("samples/syslog"), f"fd:{bound.fileno()}", cls], tmp_path,
                                     address=bound.getsockname(), fds=[bound.fileno()])
        started.append(server)
        assert server.readline().endswith(f" ({cls}; Ctrl-C stops)")
        return server
    return start


def lines_of(server, count):
    return [server.readline() for _ in range(count)]


def sums_of(server):
    assert wire.wait_until(lambda: server.catches(signal.SIGTERM))
    server.send_signal(signal.SIGTERM)
    status = server.wait()
    said = server.output + server.process.stdout.read()
    server.check(status)
    return said.decode().splitlines()


def send(server, *datagrams):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for data in datagrams:
            client.sendto(data, server.address)


@needs_logger
@pytest.mark.parametrize("cls, options", [*((cls, ["--udp"]) for cls in DATAGRAMS), *((cls, ["--tcp"]) for cls in STREAMS),
                                          *((cls, ["--tcp", "--octet-count"]) for cls in STREAMS)])
@pytest.mark.parametrize("form", ["--rfc5424", "--rfc3164"])
def test_logger(syslog, cls, options, form):
    server = syslog(cls)
    for priority, text in ("user.warning", "The disk is nearly full."), ("local7.debug", "é"), ("kern.emerg", "over"):
        result = programs.run(["logger", "-n", "127.0.0.1", "-P", server.address[1], *options, form, "-p", priority, text])
        assert result.returncode == 0, result.stderr
    lines = sorted(lines_of(server, 3))
    assert [line.split()[0] for line in lines] == ["local7.debug", "user.emergency", "user.warning"]
    assert any(line.endswith(" The disk is nearly full.") for line in lines) and any(line.endswith(" é") for line in lines)
    assert "1 warning" in sums_of(server)


@needs_logger
def test_logger_on_this_machine(syslog, tmp_path):
    server = syslog("UnixDatagramServer", str(tmp_path / "log"))
    assert programs.run(["logger", "-u", tmp_path / "log", "-p", "mail.err", "lost"]).returncode == 0
    assert lines_of(server, 1)[0].startswith("mail.error ")


@pytest.mark.parametrize("cls", DATAGRAMS)
def test_what_is_malformed(syslog, cls):
    server = syslog(cls)
    send(server, b"", b"x", b"<", b"<>x", b"<192>x", b"<-1>x", b"<0001>x", b"< 1>x", b"<+1>x", b"<1x", b"<1>")
    send(server, b"<191>" + b"y" * 20000)
    send(server, b"<0>a\x1b[31m\nb\0c\x7f")
    lines = lines_of(server, 3)
    assert sorted(map(len, lines))[-1] < LONGEST + 20 and any(line.rstrip() == "kern.emergency a [31m b" for line in lines)
    sums = sums_of(server)
    assert "1 debug" in sums and "1 alert" in sums and any(line.endswith(" malformed") for line in sums)


@pytest.mark.parametrize("cls", STREAMS)
def test_framing(syslog, cls):
    """By count and by newline, in any pieces; the next message begins where the last one has ended."""
    server = syslog(cls)
    with wire.Client(server.address) as client:
        for byte in b"<14>one\n8 <14>two\n<14>three\r\n7 <14>fou\n" * 2:
            client.send(bytes([byte]))
        client.end()
        assert client.ends()
    assert lines_of(server, 8) == ["user.info one", "user.info two", "user.info three", "user.info fou"] * 2
    assert "8 info" in sums_of(server)


@pytest.mark.parametrize("cls", STREAMS)
@pytest.mark.parametrize("bad", [b"9000 <14>x", b"0 <14>x", b"99999999999999999999 x", b"5x<14>", b"5",
                                 b"10 <14>short", b"<14>" + b"x" * 9000])
def test_bad_framing(syslog, cls, bad):
    """It ends the connection, and nothing else."""
    server = syslog(cls)
    with wire.Client(server.address) as client, wire.Client(server.address) as other:
        client.send(bad)
        client.end()
        assert client.ends()
        other.send(b"<15>still here\n")
        assert "user.debug still here" in lines_of(server, 2 if bad.startswith(b"10 ") else 1)

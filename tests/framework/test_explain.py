# SPDX-License-Identifier: MIT
"""--explain and --stats: what they say is what has happened, under every mix-in."""

import json
import os
import re
import signal
import socket

import programs
import pytest
import wire

MIXINS = ["", "Threading", "ThreadPool", "Forking", "Preforking", "EventLoop", "PreforkingEventLoop"]
LINE = re.compile(r" *\d+\.\d{6}  process (?P<process>\d+)(?: thread (?P<thread>\d+))?(?: coroutine (?P<coroutine>\d+))? +"
                  r"(?P<call>\w+)\((?P<with>.*?)\)(?: = (?P<result>-?\w+))?(?:: (?P<note>.*))?")
LIMIT = programs.LIMIT


@pytest.fixture
def start(started, tmp_path):
    """start(name, *arguments, kind=…) starts a sample or httpserver with a socket that it inherits."""
    def run(name, *arguments, kind=socket.SOCK_STREAM, host="127.0.0.1", **more):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, kind) as bound:
            bound.bind((host, 0))
            if kind == socket.SOCK_STREAM:
                bound.listen()
            fd = bound.fileno()
            arguments = [argument.replace("{address}", f"fd:{fd}") for argument in arguments]
            server = programs.Server([programs.path_of(name), *arguments], tmp_path, address=bound.getsockname()[:2], fds=[fd],
                                     **more)
        started.append(server)
        return server
    return run


def stop(server):
    """The log, when the server has ended."""
    wire.wait_until(lambda: server.catches(signal.SIGTERM))
    server.stop()
    return server.log


def lines_of(text):
    """The lines of a commentary, as dicts."""
    lines = []
    for line in text.splitlines():
        match = LINE.fullmatch(line)
        assert match, line
        lines.append(match.groupdict())
    return lines


def calls_of(lines, *calls):
    return [line for line in lines if line["call"] in calls]


def echo(server, text):
    with wire.Client(server.address, limit=LIMIT) as client:
        client.send(text).end()
        return client.rest()


@pytest.mark.parametrize("runner", MIXINS)
def test_a_connection(start, runner):
    server = start("samples/echo", "{address}", runner + "TCPServer", "--explain", "--workers=1")
    assert echo(server, b"hello\n") == b"hello\n"
    wire.wait_until(lambda: " bytes out" in server.log.replace("0 bytes out", ""))
    lines = lines_of(stop(server))
    inherited, = calls_of(lines, "getsockname")
    assert inherited["note"] == "it was inherited" and inherited["with"].endswith("127.0.0.1:%d" % server.address[1])
    accepted = calls_of(lines, "accept")
    fd = next(line["result"] for line in accepted if not line["result"].startswith("-"))
    assert re.fullmatch(r"from 127\.0\.0\.1:\d+; the handshake: round trip \d+ us, window \d+ bytes, segments of \d+",
                        next(line["note"] for line in accepted if line["result"] == fd))
    of_client = [line for line in lines if line["with"].split(",")[0] == fd]
    received = [line for line in calls_of(of_client, "recv") if line["result"] != "-EAGAIN"]
    assert [(line["result"], line["note"]) for line in received] == [
        ("6", r'"hello\n"'), ("0", "the client has ended its output")]
    assert [(line["result"], line["note"]) for line in calls_of(of_client, "send")] == [("6", r'"hello\n"')]
    whole = "the client has ended, and so has the handler; 6 bytes in, 6 bytes out"
    elsewhere = "no handler has run here; 0 bytes in, 0 bytes out"
    assert sorted(line["note"] for line in calls_of(of_client, "close")) == sorted([whole] + [elsewhere] * (runner == "Forking"))
    who = calls_of(of_client, "recv")[0]
    assert bool(who["thread"]) == runner.startswith("Thread")
    assert bool(who["coroutine"]) == ("EventLoop" in runner)
    assert (int(who["process"]) != server.pid) == ("orking" in runner)
    assert calls_of(lines, "fork") != [] or "orking" not in runner
    assert calls_of(lines, "serve_forever")[-1]["result"] == "0"


@pytest.mark.parametrize("runner", MIXINS)
def test_as_json(start, runner):
    data = bytes(range(256))
    server = start("samples/echo", "{address}", runner + "TCPServer", "--explain=json")
    assert echo(server, data) == data
    wire.wait_until(lambda: "256 bytes out" in server.log)
    lines = [json.loads(line) for line in stop(server).splitlines()]
    assert all(line["time"] >= 0 and line["process"] > 0 and line["thread"] > 0 and line["call"] for line in lines)
    read = [line for line in lines if line["call"] == "recv" and line.get("result", 0) > 0]
    assert sum(line["result"] for line in read) == 256 and read[0]["data"].encode("latin-1") == data[:64]
    assert {line["call"] for line in lines} >= {"accept", "handle", "recv", "send", "close", "serve_forever"}
    assert all("coroutine" in line for line in read) == ("EventLoop" in runner)


@pytest.mark.parametrize("runner", MIXINS)
def test_datagrams(start, runner):
    server = start("samples/echo", "{address}", runner + "UDPServer", "--explain", kind=socket.SOCK_DGRAM)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(server.address)
        client.settimeout(LIMIT)
        client.send(b"\x00\x01\x02\x03\xff\xfe")
        assert client.recv(100) == b"\x00\x01\x02\x03\xff\xfe"
        name = "127.0.0.1:%d" % client.getsockname()[1]
    wire.wait_until(lambda: "sendto(" in server.log)
    lines = lines_of(stop(server))
    assert [line["note"] for line in calls_of(lines, "recvfrom") if line["result"] == "6"] == [
        f"hex 00010203 fffe: from {name}"]
    assert [(line["result"], line["note"]) for line in calls_of(lines, "sendto")] == [("6", "hex 00010203 fffe")]


def test_waits(start):
    server = start("samples/welcome", "{address}", "EventLoopTCPServer", "--explain")
    with wire.Client(server.address, limit=LIMIT) as client:
        client.until(b"?\n")
        wire.wait_until(lambda: "it waits, for 10000 ms at most" in server.log)
        client.send("Ada\n")
        client.rest()
    wire.wait_until(lambda: " bytes out" in server.log.replace("0 bytes out", ""))
    lines = lines_of(stop(server))
    begun, ended = calls_of(lines, "poll")[:2]
    assert re.fullmatch(r"\d+: input", begun["with"]) and begun["with"] == ended["with"] and ended["result"] == "1"
    assert re.fullmatch(r"after \d+\.\d{3} ms", ended["note"])


def test_an_end_by_the_server(start):
    server = start("samples/echo", "{address}", "ThreadingTCPServer", "--explain")
    with wire.Client(server.address, limit=LIMIT) as client:
        client.send("x")
        assert client.exactly(1) == b"x"
        wire.wait_until(lambda: "it waits" in server.log)
        lines = lines_of(stop(server))
    assert "the server stops; 1 bytes in, 1 bytes out" in [line["note"] for line in calls_of(lines, "close")]
    assert calls_of(lines, "handle")[-1]["result"] == "-ECANCELED"


def test_who_is_turned_away(start):
    server = start("samples/local_only", "{address}", "--explain", host="127.0.0.1")
    with wire.Client(server.address, limit=LIMIT) as client:
        assert client.rest().startswith(b"Hello, 127.0.0.1:")
    assert calls_of(lines_of(stop(server)), "verify_request") == []


def test_connections_to_others(start):
    echoing = start("samples/echo", "{address}", "ThreadingTCPServer")
    proxy = start("samples/proxy", "{address}", "EventLoopTCPServer", "127.0.0.1:%d" % echoing.address[1], "--explain")
    assert echo(proxy, b"through") == b"through"
    lines = lines_of(stop(proxy))
    connected, = calls_of(lines, "connect")
    assert connected["with"].endswith(", 127.0.0.1:%d" % echoing.address[1]) and connected["result"] == "0"


def test_what_it_binds(started, tmp_path):
    server = programs.Server([programs.path_of("samples/echo"), "[::1]:0", "UDPServer", "--explain"], tmp_path)
    started.append(server)
    server.readline()
    bound = calls_of(lines_of(stop(server)), "socket", "bind")
    assert [(line["with"].split(", ", 1)[-1].split(":1]")[0], line["result"]) for line in bound] == [
        ("SOCK_DGRAM", bound[0]["result"]), ("[:", "0")]


def test_an_address_in_use(tmp_path):
    with programs.listener() as busy:
        address = "127.0.0.1:%d" % busy.getsockname()[1]
        result = programs.run([programs.path_of("samples/echo"), address, "--explain"], directory=tmp_path)
    first, second = result.stderr.splitlines()
    assert result.returncode == 1 and "Address already in use" in second
    assert lines_of(first)[0]["result"] == "-EADDRINUSE"


@pytest.mark.parametrize("runner", ["Forking", "Preforking"])
def test_a_process_that_was_killed(start, runner):
    server = start("samples/echo", "{address}", runner + "TCPServer", "--explain", "--workers=1")
    with wire.Client(server.address, limit=LIMIT) as client:
        client.send("x")
        assert client.exactly(1) == b"x"
        child, = server.children()
        os.kill(child, signal.SIGKILL)
        wire.wait_until(lambda: f"process {child} was ended by signal 9" in server.log)


def test_http(start):
    server = start("httpserver", "-b", "{address}", "--explain", "-q", "--mixin", "eventloop")
    with wire.Client(server.address, limit=LIMIT) as client:
        client.send("GET /?q=1 HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n")
        assert client.response().status == 200
        client.send("POST /none HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\nx\r\n0\r\n\r\n")
        assert client.response().status == 405
    wire.wait_until(lambda: " bytes out" in server.log.replace("0 bytes out", ""))
    lines = lines_of(stop(server))
    assert [line["note"] for line in calls_of(lines, "parse")] == [
        "the head is complete: GET /?q=1, HTTP/1.1, 2 fields, no body; then the connection stays open",
        "the head is complete: POST /none, HTTP/1.1, 3 fields, a body in chunks; then the connection ends"]
    answers = [line["note"] for line in calls_of(lines, "respond")]
    assert re.fullmatch(r"200, framed by Content-Length, [1-9]\d* bytes of body", answers[0])
    assert re.fullmatch(r"405, framed by Content-Length, [1-9]\d* bytes of body", answers[1])


@pytest.mark.parametrize("name", ["httpserver", "samples/echo"])
def test_nobody_listens(start, name):
    """A closed stderr ends no server."""
    arguments = ["-b", "{address}", "-q"] if name == "httpserver" else ["{address}", "ThreadingTCPServer"]
    server = start(name, *arguments, "--explain", "--stats", preexec=lambda: os.close(2))
    with wire.Client(server.address, limit=LIMIT) as client:
        client.send("GET / HTTP/1.0\r\n\r\n").end()
        assert client.rest()
    wire.wait_until(lambda: server.catches(signal.SIGTERM))
    server.stop()


@pytest.mark.parametrize("argument", ["--explain=xml", "--explain="])
@pytest.mark.parametrize("name", ["httpserver", "samples/echo"])
def test_wrong_form(name, argument):
    result = programs.run([programs.path_of(name), argument])
    assert result.returncode == 2 and len(result.stderr.splitlines()) == 1 and "json" in result.stderr


# ---------------------------------------------------------------- --stats

def table_of(text):
    rows = {}
    for line in text.splitlines():
        name, value, more = re.fullmatch(r"  (?:  )?(\S.*?)(?:  +([\d.]+)(.*)|:)", line).groups()
        rows[name] = (float(value), more) if value else None
    return rows


@pytest.mark.parametrize("runner", MIXINS)
def test_stats(start, runner):
    server = start("samples/echo", "{address}", runner + "TCPServer", "--stats", "--workers=2")
    for _ in range(5):
        with wire.Client(server.address, limit=LIMIT) as client:
            for text in (b"a", b"bb"):
                client.send(text)
                assert client.exactly(len(text)) == text
            client.end()
            assert client.rest() == b""
    rows = table_of(stop(server))
    assert rows["connections"] == (5, "") and rows["answers"] == (10, "")
    assert rows["bytes"] == (15, " received, 15 sent")
    assert 0 < rows["half within"][0] <= rows["99 % within"][0] <= rows["the longest"][0]
    assert 1 <= rows["handlers at once"][0] <= (1 if not runner else 5)
    assert 500 < rows["memory"][0] < (20000 if not programs.SANITIZED else 10**6) and rows["seconds"][0] > 0 and rows["context switches"][0] >= 0


@pytest.mark.parametrize("runner", ["Threading", "ThreadPool", "Forking", "EventLoop"])
def test_handlers_at_once(start, runner):
    server = start("samples/echo", "{address}", runner + "TCPServer", "--stats")
    clients = [wire.Client(server.address, limit=LIMIT) for _ in range(7)]
    for client in clients:
        client.send("x")
        assert client.exactly(1) == b"x"
    for client in clients:
        client.close()
    assert table_of(stop(server))["handlers at once"] == (7, " at most")


def test_stats_of_datagrams(start):
    server = start("samples/echo", "{address}", "EventLoopUDPServer", "--stats", "--explain=json", kind=socket.SOCK_DGRAM)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(server.address)
        client.settimeout(LIMIT)
        for size in (0, 1, 100):
            client.send(b"x" * size)
            assert size == 0 or client.recv(200) == b"x" * size
    text = stop(server)
    rows = table_of("\n".join(line for line in text.splitlines() if not line.startswith("{")))
    assert rows["datagrams"] == (3, "") and rows["answers"] == (2, "") and rows["bytes"] == (101, " received, 101 sent")


def test_a_server_that_nobody_has_asked(start):
    rows = table_of(stop(start("httpserver", "-b", "{address}", "--stats", "-q")))
    assert rows["connections"] == (0, "") and rows["answers"] == (0, "") and "half within" not in rows

# SPDX-License-Identifier: MIT
"""The samples that wait for more than their clients: chatroom, ticker and later, under every mix-in."""

import re
import shutil
import signal
import subprocess
import time
from concurrent import futures

import programs
import pytest
import wire

MIXINS = ["", "Threading", "ThreadPool", "Forking", "Preforking", "EventLoop", "PreforkingEventLoop", "PreforkingThreading",
          "PreforkingThreadPool", "PreforkingForking"]
MANY = [runner for runner in MIXINS if runner not in ("", "Preforking")]  # more than one client in each process
SOON = 5 * (3 if programs.SANITIZED else 1)  # seconds: what must not wait for shutdown_timeout, which is 10 s


def stops_at_once(server):
    begin = time.monotonic()
    server.stop(signal.SIGINT)
    assert time.monotonic() - begin < SOON


# ---------------------------------------------------------------- chatroom

PROMPT = b"Your name, in 1 to 20 bytes? "


@pytest.fixture
def room(sample):
    return lambda runner: sample("chatroom", "{address}", runner + "TCPServer")


def joined(server, name, count, **options):
    client = server.client(**options)
    client.send(name + b"\n")
    assert client.until(b"\n") == PROMPT + b"Welcome, %s. In the room: %d." % (name, count)
    return client


@pytest.mark.parametrize("runner", MANY)
def test_chatroom(room, runner):
    server = room(runner)
    ann = joined(server, b"Ann", 1)
    bob = joined(server, b"Bob", 2)
    assert ann.until(b"\n") == b"Bob has joined. In the room: 2."
    bob.send(b"What I am about to ")  # and he can read all the same
    ann.send(b"Hello!\r\nHow are you?\n")
    assert bob.until(b"\n") == b"Ann: Hello!" and bob.until(b"\n") == b"Ann: How are you?"
    bob.send(b"say.\nand one that does not end")
    assert ann.until(b"\n") == b"Bob: What I am about to say." and ann.is_silent()
    bob.end()
    assert ann.until(b"\n") == b"Bob: and one that does not end" and ann.until(b"\n") == b"Bob has left. In the room: 1."
    assert bob.ends() and ann.is_silent()
    joined(server, b"Eve", 2).reset()
    assert ann.until(b"\n") == b"Eve has joined. In the room: 2." and ann.until(b"\n") == b"Eve has left. In the room: 1."
    ann.send(b"half a line")
    others = [joined(server, b"other", 2 + i) for i in range(5)]
    stops_at_once(server)
    assert all(b"left" not in client.rest() for client in others)


@pytest.mark.skipif(not shutil.which("nc"), reason="no nc")
@pytest.mark.parametrize("runner", MANY)
def test_chatroom_nc(room, runner):
    """As two people do who have a terminal each."""
    server = room(runner)
    argv = ["nc", *map(str, server.address)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as ann, \
            subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as bob:
        ann.stdin.write(b"Ann\n")
        assert ann.stdout.readline() == PROMPT + b"Welcome, Ann. In the room: 1.\n"
        bob.stdin.write(b"Bob\n")
        assert bob.stdout.readline() == PROMPT + b"Welcome, Bob. In the room: 2.\n"
        assert ann.stdout.readline() == b"Bob has joined. In the room: 2.\n"
        ann.stdin.write(b"Hello, Bob!\n")
        assert bob.stdout.readline() == b"Ann: Hello, Bob!\n"
        stops_at_once(server)
        assert (ann.communicate()[0], bob.communicate()[0]) == (b"", b"")


@pytest.mark.parametrize("runner", MIXINS)
def test_chatroom_alone(room, runner):
    server = room(runner)
    ann = joined(server, b"Ann", 1)
    ann.send(b"Is anybody there?\n")
    assert ann.is_silent()
    stops_at_once(server)
    assert ann.ends()


def test_chatroom_names(room):
    server = room("EventLoop")
    client = server.client()
    client.send(b"\n\r\n" + b"x" * 21 + b"\n" + b"x" * 5100 + b"\n" + b"x" * 20 + b"\n")
    assert client.until(b"\n") == PROMPT * 10 + b"Welcome, " + b"x" * 20 + b". In the room: 1."
    with server.client() as nobody:
        nobody.end()
        assert nobody.rest() == PROMPT
    assert client.is_silent()


def test_chatroom_lines(room):
    """What a terminal would obey, what is no text at all, and what is too long."""
    server = room("EventLoop")
    ann, bob = joined(server, b"Ann", 1), server.client()
    bob.send(b"\x1b[2J\xc3\x96\n")
    assert ann.until(b"\n") == b"?[2J\xc3\x96 has joined. In the room: 2."
    for said, heard in [(b"\x1b]0;title\x07\x7f\ttab", b"?]0;title???tab"),
                        (b"\xc2\x9b31m \xc2\xa9 \xc3\x89\xe2\x80\x94", b"?\x9b31m \xc2\xa9 \xc3\x89\xe2\x80\x94"),
                        (b"", b""), (b"a\0b", b"a"), (b"%s%n", b"%s%n")]:
        bob.send(said + b"\n")
        assert ann.until(b"\n") == b"?[2J\xc3\x96: " + heard
    bob.send(b"y" * 2500 + b"\n")
    assert b"".join(ann.until(b"\n").removeprefix(b"?[2J\xc3\x96: ") for _ in range(3)) == b"y" * 2500


@pytest.mark.parametrize("runner", ["Threading", "EventLoop", "PreforkingEventLoop"])
def test_chatroom_slow_reader(room, runner):
    """He costs what his mailbox holds, nobody waits for him, and he learns how much he has missed."""
    server = room(runner)
    slow, ann = joined(server, b"Slow", 1, receive_buffer=4096), joined(server, b"Ann", 2)
    for number in range(12000):
        ann.send(b"%d %s\n" % (number, b"x" * 900))
    bob = joined(server, b"Bob", 3)
    assert ann.until(b"\n") == b"Bob has joined. In the room: 3."
    bob.end()
    assert ann.until(b"\n") == b"Bob has left. In the room: 2."
    ann.send(b"over\n")
    text = slow.until(b"Ann: over")
    lost = sum(map(int, re.findall(rb"\(You were too slow: (\d+) lines are lost.\)", text)))
    numbers = list(map(int, re.findall(rb"^Ann: (\d+)", text, re.MULTILINE)))
    others = len(re.findall(rb"(?:Ann|Bob) has ", text))
    assert lost > 0 and numbers == sorted(set(numbers)) and len(numbers) + others + lost == 12000 + 3


# ---------------------------------------------------------------- ticker


@pytest.fixture
def ticker(sample):
    return lambda runner: sample("ticker", "{address}", runner + "TCPServer")


@pytest.mark.parametrize("runner", MIXINS)
def test_ticker(ticker, runner):
    server = ticker(runner)
    with server.client() as client:
        begin = None
        for number in range(3):
            assert client.until(b"\n") == b"%d" % number
            now = time.monotonic()
            begin = begin or now
            assert now - begin > number - 0.9  # how late it may be is the machine's
            client.send(b"a line\nst")
        client.send(b"\nstop it\nstop\r\n")
        assert client.rest() in (b"", b"3\n")
    with server.client() as client:
        assert client.until(b"\n") == b"0"
        client.send(b"stop")
        client.end()
        assert client.rest() in (b"", b"1\n")
    client = server.client()
    assert client.until(b"\n") == b"0"
    stops_at_once(server)
    assert client.rest() in (b"", b"1\n")


def test_ticker_does_not_drift(ticker):
    """Whatever the client says in between: the tenth line comes nine seconds after the first."""
    with ticker("EventLoop").client() as client:
        client.until(b"\n")
        begin = time.monotonic()
        for number in range(1, 10):
            client.send(b"go on\n" * number)
            assert client.until(b"\n") == b"%d" % number
        assert 8.9 < time.monotonic() - begin < 9.5 + (programs.SANITIZED and SOON)


# ---------------------------------------------------------------- later


@pytest.fixture
def later(sample):
    return lambda runner: sample("later", "{address}", runner)


def fetch(server, path):
    begin = time.monotonic()
    result = programs.run(["curl", "--noproxy", "*", "-sS", "http://%s:%d%s" % (*server.address, path)])
    assert result.stdout == f"You asked for {path} a second ago.\n", result
    return time.monotonic() - begin


@pytest.mark.parametrize("runner", MIXINS)
def test_later(later, runner):
    """Many wait for a second together, where more than one is served at all."""
    server = later(runner)
    count = 8 if runner in MANY else 2
    begin = time.monotonic()
    with futures.ThreadPoolExecutor(count) as pool:
        assert min(pool.map(lambda i: fetch(server, f"/{i}"), range(count))) >= 1
    assert runner not in MANY or time.monotonic() - begin < count / 2 * (3 if programs.SANITIZED else 1)
    with server.client() as client:  # two on one connection, and what is no GET
        assert client.ask(path="/a").text == "You asked for /a a second ago.\n"
        assert client.ask("POST", "/", b"x").status == 405
        assert client.ask(path="/b").text == "You asked for /b a second ago.\n"
    with server.client() as gone:
        gone.send(b"GET /gone HTTP/1.1\r\nHost: test\r\n\r\n")
    assert fetch(server, "/next") >= 1
    waiting = server.client().send(b"GET /last HTTP/1.1\r\nHost: test\r\n\r\n")
    assert waiting.is_silent()
    stops_at_once(server)
    assert b"\r\n\r\nYou asked for /last a second ago.\n" in waiting.rest()
    assert "later:" not in server.log


@pytest.mark.parametrize("runner", MIXINS)
def test_later_nobody_waits_any_more(later, runner):
    """A second signal ends the handlers. Then the answer finds no connection, and does no harm."""
    server = later(runner)
    wire.wait_until(lambda: server.catches(signal.SIGINT))
    waiting = server.client()
    assert waiting.ask("POST", "/", b"x").status == 405  # somebody has taken the connection
    waiting.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
    assert waiting.is_silent()
    begin = time.monotonic()
    server.send_signal(signal.SIGINT)
    assert waiting.is_silent()
    server.send_signal(signal.SIGINT)
    server.check(server.wait(), 130)
    assert time.monotonic() - begin < SOON and "later:" not in server.log
    assert waiting.response().status == 500 and waiting.ends()

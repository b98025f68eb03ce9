# SPDX-License-Identifier: MIT
"""The budget: what a request costs in system calls, as strace sees them."""

import collections
import os
import re
import socket
import time

import coding
import programs
import pytest
import websocket
import wire
from event_stream import EventStream

WARM, COUNT = 5, 100  # requests
NAMES = {"recvfrom": "recv", "recvmsg": "recv", "sendto": "send", "sendmsg": "send", "newfstatat": "stat", "statx": "stat",
         "epoll_pwait": "epoll_wait", "epoll_pwait2": "epoll_wait"}


@pytest.fixture
def strace(strace, started, tmp_path):
    """strace(*command) runs a server under strace; strace.calls(server) ends it and returns the names of its calls."""

    def start(*command, **more):
        server = programs.Server(["strace", "-f", "-qq", "-o", tmp_path / "trace", *command], tmp_path, **more)
        started.append(server)
        return server

    def calls(server):
        with open(f"/proc/{server.pid}/task/{server.pid}/children", encoding="ascii") as file:
            os.kill(int(file.read().split()[0]), 15)
        server.check(server.wait())
        with open(tmp_path / "trace", encoding="utf-8", errors="replace") as file:
            own = [line for line in file if "socketserver-" not in line]  # one thread wakes another
        serving = {line.split()[0] for line in own if re.search(r" (send|sendto|sendmsg)\(", line)}
        # On a busy machine a helper that has opened a file goes to sleep much later.
        own = [line for line in own if " futex" not in line or line.split()[0] in serving]
        names = re.findall(r"^\d+ +(?:<\.\.\. )?(\w+)[ (](?!resumed)", "".join(own), re.MULTILINE)
        return [NAMES.get(name, name) for name in names]

    start.calls = calls
    return start


@pytest.fixture
def traced(strace, root):
    """traced(*options): httpserver under strace; traced.calls(server) as strace.calls."""

    def start(*options):
        return strace(programs.path_of("httpserver"), "-q", "-d", root, *options, "0").read_banner()

    start.calls = strace.calls
    return start


def steady(calls):
    """How often each call was made for COUNT answers, after the first ones. An answer is one send, and what follows.
    Once a second a loop gives the memory of unused stacks back."""
    sends = [i for i, name in enumerate(calls) if name == "send"]
    assert len(sends) == WARM + COUNT
    return collections.Counter(name for name in calls[sends[WARM - 1] + 1:sends[-1] + 1] if name != "madvise")


@pytest.mark.parametrize("size", [5, 1024, 20000])
def test_kept_alive_get(traced, root, size):
    """A file that is in the cache: recv and send for each request, and the stat that tells that it is still the same;
    epoll_wait is shared by all connections. A large body is sent from where it is, without being copied."""
    (root / "file").write_bytes(b"x" * size)
    wire.settle(root / "file")
    server = traced()
    with server.client() as client:
        for _ in range(WARM + COUNT):
            assert client.ask(path="/file").body == b"x" * size
    count = steady(traced.calls(server))
    assert count.pop("epoll_wait") <= COUNT + 1
    assert count == {"recv": COUNT, "stat": COUNT, "send": COUNT}


def test_kept_alive_get_from_a_large_file(traced, root):
    """The head, then sendfile; not all of it goes at once when the client is late."""
    size = 100 * 1024
    (root / "file").write_bytes(b"x" * size)
    wire.settle(root / "file")
    server = traced()
    with server.client() as client:
        for _ in range(WARM + COUNT):
            assert len(client.ask(path="/file").body) == size
    count = steady(traced.calls(server))
    late = count.pop("sendfile") - COUNT
    assert 0 <= late <= COUNT // 5
    assert count.pop("epoll_wait") <= COUNT + 1 + late
    assert count == {"recv": COUNT, "stat": COUNT, "send": COUNT}


def test_pipelining(traced, root):
    """16 requests that come at once cost what one costs: a recv, a send, and a stat of the file."""
    (root / "file").write_bytes(b"x" * 1024)
    wire.settle(root / "file")
    server = traced()
    with server.client() as client:
        for _ in range(WARM + COUNT):
            client.send(wire.request(path="/file") * 16)
            for _ in range(16):
                assert len(client.response().body) == 1024
    count = steady(traced.calls(server))
    assert count.pop("epoll_wait") <= COUNT + 1
    assert count == {"recv": COUNT, "stat": COUNT, "send": COUNT}


def test_kept_alive_get_of_a_thread_pool(traced, root):
    """The thread takes an event, and arms the connection again when it has answered: four calls, and the stat; nobody
    else is woken. Further threads would meet at the lock, where strace keeps each of them far too long."""
    (root / "file").write_bytes(b"x")
    wire.settle(root / "file")
    server = traced("--mixin", "threadpool", "--workers", "1")
    with server.client() as client:
        for _ in range(WARM + COUNT):
            assert client.ask(path="/file").body == b"x"
    count = steady(traced.calls(server))
    assert count == {"epoll_wait": COUNT, "recv": COUNT, "stat": COUNT, "send": COUNT, "epoll_ctl": COUNT}


def test_a_message_for_many(strace):
    """Whoever only listens is sent what others say, and nothing is read of him."""
    listeners = 5
    with programs.listener() as listening:
        server = strace(programs.path_of("samples/chat"), f"fd:{listening.fileno()}", "EventLoop", fds=[listening.fileno()],
                        address=listening.getsockname())
    members = [websocket.WebSocket(server.client(), f"/chat/r/m{i}") for i in range(listeners + 1)]
    for i in range(WARM + COUNT):
        members[0].say(f"text {i}")
        for member in members:
            while not member.hear().endswith(f"\ttext {i}"):
                pass
    calls = strace.calls(server)
    last = [i for i, name in enumerate(calls) if name == "send"][-COUNT * (listeners + 1):]
    count = collections.Counter(calls[last[0]:last[-1] + 1])
    assert count["send"] == COUNT * (listeners + 1)
    assert count["recv"] <= 2 * COUNT  # of who speaks


def test_an_event_for_many(strace):
    """A stream is sent it, and nothing is looked for before or after."""
    with programs.listener() as listening:
        server = strace(programs.path_of("samples/notify"), f"fd:{listening.fileno()}", "EventLoop",
                        fds=[listening.fileno()], address=listening.getsockname())
    pages = [EventStream(server.client(), "/notes") for _ in range(5)]
    for page in pages:
        while not page.parser.last_id:
            page.more()
    with server.client() as client:
        for i in range(WARM + COUNT):
            assert client.ask("POST", "/", b"note %d" % i).status == 200
            for page in pages:
                assert page.hear().data.endswith(f"\nnote {i}")
    calls = strace.calls(server)
    last = [i for i, name in enumerate(calls) if name == "send"][-COUNT * (len(pages) + 1):]
    count = collections.Counter(calls[last[0]:last[-1] + 1])
    assert count["send"] == COUNT * (len(pages) + 1)
    assert count["poll"] <= COUNT // 5 and count["recv"] <= 2 * COUNT  # of who posts


@pytest.mark.parametrize("size", [64, 16384])
def test_tcp_echo(strace, size):
    """recv and send for each message, and the epoll_wait."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        fd = listening.fileno()
        server = strace(programs.path_of("samples/echo"), f"fd:{fd}", "EventLoopTCPServer", fds=[fd],
                        address=listening.getsockname())
    with server.client() as client:
        for _ in range(WARM + COUNT):
            assert client.send(b"x" * size).exactly(size) == b"x" * size
    count = steady(strace.calls(server))
    assert count.pop("epoll_wait") <= COUNT + 1
    assert count == {"recv": COUNT, "send": COUNT}


@pytest.mark.parametrize("size, corks", [(100 * 1024, 0), (4 << 20, 2)])
def test_large_files_leave_corked(traced, root, size, corks):
    """Sent in pieces, a file of megabytes fills its segments only if the socket is told to wait; small ones gain nothing."""
    with open(root / "file", "wb") as file:
        file.truncate(size)
    server = traced()
    with server.client() as client:
        for _ in range(WARM):
            assert len(client.ask(path="/file").body) == size
    calls = traced.calls(server)
    first = calls.index("sendfile")
    assert calls[first - 1:].count("setsockopt") == WARM * corks


@pytest.mark.parametrize("beside", [False, True], ids=["made", "sibling"])
def test_browser(traced, root, beside):
    """Compressing is done once, or was done by somebody, whose file costs a stat as any other. Looking for such files
    costs three, ten times a second."""
    (root / "file.txt").write_bytes(b"x" * 20000)
    if beside:
        coding.sibling(root / "file.txt", "gzip", coding.MAGIC["gzip"] + b"coded")
        wire.settle(root / "file.txt.gz")
    wire.settle(root / "file.txt")
    server = traced()
    begin = time.monotonic()
    with server.client() as client:
        for _ in range(WARM + COUNT):
            response = client.ask(path="/file.txt", accept_encoding="gzip, deflate")
            assert response.get("Content-Encoding") == ("gzip" if beside or "gzip" in coding.made() else None)
    looks = int((time.monotonic() - begin) * 10) + 1
    count = steady(traced.calls(server))
    stats = COUNT * (2 if beside else 1)
    assert count.pop("epoll_wait") <= COUNT + 1
    assert stats <= count.pop("stat") <= stats + 3 * looks
    assert count == {"recv": COUNT, "send": COUNT}


def test_turns_are_short(traced, tmp_path, root):
    """Who downloads, or asks on and on without waiting, lets the others have their turn after some 100 KiB."""
    with open(root / "file", "wb") as file:
        file.truncate(8 << 20)
    (root / "small").write_bytes(b"x" * 30000)
    server = traced()
    with server.client() as greedy, server.client():
        assert len(greedy.ask(path="/file").body) == 8 << 20
        greedy.send(wire.request(path="/small") * 100)
        for _ in range(100):
            assert len(greedy.response().body) == 30000
    calls = traced.calls(server)
    with open(tmp_path / "trace", encoding="utf-8", errors="replace") as file:
        trace = file.read()
    assert max(map(int, re.findall(r"sendfile\(.*, (\d+)", trace))) <= 1 << 18
    turn = 0
    for name in calls[calls.index("sendfile"):]:
        turn = 0 if name == "epoll_wait" else turn + (name in ("send", "sendfile"))
        assert turn <= 6


def test_one_request_per_connection(traced, root):
    """accept, recv, send, and what it takes to say good-bye: at most five, and the stat."""
    (root / "file").write_bytes(b"x")
    wire.settle(root / "file")
    server = traced()
    for _ in range(WARM + COUNT):
        with server.client() as client:
            assert client.ask(path="/file", connection="close").body == b"x"
            assert client.ends()
    count = steady(traced.calls(server))
    count.pop("epoll_wait")
    assert count.pop("stat") == COUNT
    assert sum(count.values()) <= 5 * COUNT + COUNT // 10, count

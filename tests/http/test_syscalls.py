"""The budget: what a request costs in system calls, as strace sees them."""

import collections
import os
import re
import shutil
import time

import coding
import programs
import pytest
import wire

WARM, COUNT = 5, 100  # requests
NAMES = {"recvfrom": "recv", "recvmsg": "recv", "sendto": "send", "sendmsg": "send", "newfstatat": "stat", "statx": "stat",
         "epoll_pwait": "epoll_wait", "epoll_pwait2": "epoll_wait"}

pytestmark = [
    pytest.mark.skipif(not shutil.which("strace"), reason="no strace"),
    pytest.mark.skipif(programs.SANITIZED, reason="sanitizers call the system as well"),
]


@pytest.fixture
def traced(started, tmp_path, root):
    """traced(*options): httpserver under strace; traced.calls(server) ends it and returns the names of its calls."""
    if programs.run(["strace", "-f", "-o", "/dev/null", "true"]).returncode:
        pytest.skip("strace is not allowed here")

    def start(*options):
        server = programs.Server(["strace", "-f", "-qq", "-o", tmp_path / "trace", programs.path_of("httpserver"), "-q",
                                  "-d", root, *options, "0"], tmp_path)
        started.append(server)
        return server.read_banner()

    def calls(server):
        with open(f"/proc/{server.pid}/task/{server.pid}/children", encoding="ascii") as file:
            os.kill(int(file.read().split()[0]), 15)
        server.check(server.wait())
        with open(tmp_path / "trace", encoding="utf-8", errors="replace") as file:
            names = re.findall(r"^\d+ +(?:<\.\.\. )?(\w+)[ (](?!resumed)", file.read(), re.MULTILINE)
        return [NAMES.get(name, name) for name in names]

    start.calls = calls
    return start


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
    calls = traced.calls(server)
    sends = [i for i, name in enumerate(calls) if name == "send"]
    assert len(sends) == WARM + COUNT
    count = collections.Counter(calls[sends[WARM - 1] + 1:sends[-1] + 1])
    assert count.pop("epoll_wait") <= COUNT + 1
    assert count == {"recv": COUNT, "stat": COUNT, "send": COUNT}


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
        coding.sibling(root / "file.txt", "gzip", b"coded")
        wire.settle(root / "file.txt.gz")
    wire.settle(root / "file.txt")
    server = traced()
    begin = time.monotonic()
    with server.client() as client:
        for _ in range(WARM + COUNT):
            response = client.ask(path="/file.txt", accept_encoding="gzip, deflate")
            assert response.get("Content-Encoding") == ("gzip" if beside or "gzip" in coding.made() else None)
    looks = int((time.monotonic() - begin) * 10) + 1
    calls = traced.calls(server)
    sends = [i for i, name in enumerate(calls) if name == "send"]
    assert len(sends) == WARM + COUNT
    count = collections.Counter(calls[sends[WARM - 1] + 1:sends[-1] + 1])
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
    calls = traced.calls(server)
    sends = [i for i, name in enumerate(calls) if name == "send"]
    count = collections.Counter(calls[sends[WARM - 1] + 1:sends[-1] + 1])
    count.pop("epoll_wait")
    assert count.pop("stat") == COUNT
    assert sum(count.values()) <= 5 * COUNT + COUNT // 10, count

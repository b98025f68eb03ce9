# SPDX-License-Identifier: MIT
"""Clients that take more than their share, and servers that cannot have what they want for a while."""


import programs
import pytest

DEAR = ["ThreadingTCPServer", "ForkingTCPServer", "PreforkingThreadingTCPServer", "PreforkingForkingTCPServer"]
ALL = [*DEAR, "ThreadPoolTCPServer", "EventLoopTCPServer", "PreforkingEventLoopTCPServer"]
LIMIT = 10  # seconds without a byte
OTHER = "127.0.0.2"


def holding(server, count):
    """Connections of 127.0.0.1 that have begun something."""
    return [server.client(limit=LIMIT).send("begun") for _ in range(count)]


def is_served(server, source):
    with server.client(limit=LIMIT, source=source) as client:
        return client.send("hello\n").until(b"\n") == b"hello"


@pytest.mark.parametrize("name", ALL)
def test_a_client_that_holds_many_connections(rig, name):
    """Others are served; so are its own, one as another ends."""
    server = rig(name, "lines", "workers=1", "max_requests=8", "per_client=3")
    clients = holding(server, 12)
    assert is_served(server, OTHER)
    for client in clients[:11]:
        client.close()
    assert clients[11].send("\n").until(b"\n") == b"begun"
    assert is_served(server, "127.0.0.1")


@pytest.mark.parametrize("name", DEAR)
def test_a_quarter_by_default(rig, name):
    server = rig(name, "lines", "workers=1", "max_requests=40", "shutdown_timeout=100")
    clients = holding(server, 50)
    assert is_served(server, OTHER)
    for client in clients[:10]:
        assert client.send("\n").until(b"\n") == b"begun"
    assert clients[10].send("\n").is_silent()


@pytest.mark.parametrize("name", ["ThreadingUnixStreamServer", "ForkingUnixStreamServer"])
def test_clients_of_unix_sockets_are_not_told_apart(rig, name):
    server = rig(name, "lines", "max_requests=40", "per_client=2")
    for client in holding(server, 20):
        assert client.send("\n").until(b"\n") == b"begun"


@pytest.mark.parametrize("name", ALL)
def test_a_crowd_of_one_client(rig, name):
    """It waits, and all of it is answered."""
    server = rig(name, "lines", "workers=1", "per_client=2")
    clients = [server.client(limit=LIMIT).send("hello\n").end() for _ in range(40)]
    for client in clients:
        assert client.rest() == b"hello\n"


@pytest.mark.parametrize("name", ALL)
def test_too_many_that_wait(rig, name):
    server = rig(name, "lines", "workers=1", "per_client=2", "max_waiting=3")
    clients = holding(server, 5)
    for _ in range(5):
        assert server.client(limit=LIMIT).ends()
    assert is_served(server, OTHER)
    for client in clients[:2]:
        client.close()
    for client in clients[3:5]:
        client.close()
    assert clients[2].send("\n").until(b"\n") == b"begun"


@pytest.mark.parametrize("name", ALL)
def test_nobody_waits_for_ever(rig, name):
    """Not the ones put aside, either."""
    server = rig(name, "echo", "workers=1", "per_client=1", "request_timeout=500")
    first, second = (server.client(limit=LIMIT) for _ in range(2))
    while second.is_silent(0.1):
        assert first.send("x").exactly(1) == b"x"
    assert second.closed


@pytest.mark.parametrize("name", ALL)
def test_drain_with_clients_put_aside(rig, name):
    server = rig(name, "lines", "workers=1", "per_client=1")
    clients = [server.client(limit=LIMIT) for _ in range(10)]
    assert clients[0].send("hello\n").until(b"\n") == b"hello"
    assert is_served(server, OTHER)
    server.stop()
    for client in clients:
        assert client.ends()


# ---------------------------------------------------------------- no thread, no process


@pytest.fixture
def faulty(strace, rig, tmp_path):
    """faulty(class, mode, *settings): the rig, where the first attempts to make a thread or process fail."""

    def start(name, mode, *settings):
        script = tmp_path / "rig.sh"
        script.write_text("#!/bin/sh\nexec strace -f -qq -DD -o /dev/null -e trace=clone,clone3 "
                          f"-e inject=clone,clone3:error=EAGAIN:when=1..3 {programs.path_of('tests/framework/rig')} \"$@\"\n")
        script.chmod(0o755)
        return rig(name, mode, *settings, program=script)

    return start


@pytest.mark.parametrize("name", ["ThreadingTCPServer", "ForkingTCPServer", "ThreadPoolTCPServer", "ThreadingUnixStreamServer",
                                  "ForkingUnixStreamServer"])
def test_no_thread_or_process_for_now(faulty, name):
    """The client waits until there is one."""
    server = faulty(name, "echo", "workers=3")
    with server.client(limit=LIMIT) as client:
        assert client.send("hello").exactly(5) == b"hello"
    with server.client(limit=LIMIT) as client:
        assert client.send("hello").exactly(5) == b"hello"


def test_no_helper_for_now(faulty):
    with faulty("EventLoopTCPServer", "offload").client(limit=LIMIT) as client:
        assert client.send("1\n").until(b"\n") == b"1"

# SPDX-License-Identifier: MIT
"""Idle connections give way to others when something runs short."""

import resource

import programs
import pytest
import wire

CONCURRENT = ["ThreadingTCPServer", "ForkingTCPServer", "ThreadPoolTCPServer", "EventLoopTCPServer", "PreforkingEventLoopTCPServer",
              "PreforkingThreadingTCPServer", "PreforkingForkingTCPServer", "PreforkingThreadPoolTCPServer"]
ONE_BY_ONE = ["TCPServer", "PreforkingTCPServer", "UnixStreamServer"]
LIMIT = 10  # seconds without a byte


def kept(server, count):
    """Connections that have had an answer, in this order."""
    clients = [server.client(limit=LIMIT) for _ in range(count)]
    for client in clients:
        assert client.send("x").exactly(1) == b"x"
    return clients


def is_served(server):
    with wire.Client(server.address, limit=LIMIT) as client:
        return client.send("hello").exactly(5) == b"hello"


@pytest.mark.parametrize("name", CONCURRENT)
def test_max_requests_of_idle_clients(rig, name):
    server = rig(name, "park", "workers=1", "max_requests=4", "per_client=4")
    clients = kept(server, 4)
    for _ in range(3):
        assert is_served(server)
    assert sum(not client.is_silent(0.01) for client in clients) <= 3


@pytest.mark.parametrize("name", ["ThreadPoolTCPServer", "EventLoopTCPServer"])
def test_the_longest_idle_goes_first(rig, name):
    server = rig(name, "park", "workers=1", "max_requests=3")
    first, second, third = kept(server, 3)
    assert first.send("x").exactly(1) == b"x"
    assert is_served(server)
    assert second.ends()
    for client in first, third:
        assert client.send("x").exactly(1) == b"x"


@pytest.mark.parametrize("name", ["ThreadPoolTCPServer", "EventLoopTCPServer"])
def test_who_has_just_spoken_stays(rig, name):
    """The longest idle one, too, of which the server has not heard yet when it takes the client that needs a place."""
    server = rig(name, "park", "workers=1", "max_requests=80")
    clients = kept(server, 80)
    with server.stopped():
        late = server.client(limit=LIMIT).send("x")
        for client in reversed(clients):
            client.send("x")
    for client in [*clients, late]:
        assert client.exactly(1) == b"x"


@pytest.mark.parametrize("name", ["ThreadingTCPServer", "ForkingTCPServer", "EventLoopTCPServer"])
def test_who_is_busy_stays(rig, name):
    """Also one that could read on: it is in the middle of something."""
    server = rig(name, "lines", "workers=1", "max_requests=3", "per_client=3")
    clients = [server.client(limit=LIMIT).send("begun") for _ in range(3)]
    late = server.client(limit=LIMIT).send("hello\n")
    assert late.is_silent()
    for client in clients:
        assert client.send("\n").until(b"\n") == b"begun"
    clients[0].close()
    assert late.until(b"\n") == b"hello"


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_the_only_place(rig, name):
    """A client between two requests holds up those that wait no longer than it takes to see that it is silent."""
    server = rig(name, "park", "workers=1")
    (idle,) = kept(server, 1)
    assert is_served(server)
    assert idle.ends()


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_the_only_client_stays(rig, name):
    (client,) = kept(rig(name, "park", "workers=1"), 1)
    assert client.is_silent(0.2)
    assert client.send("x").exactly(1) == b"x"


@pytest.fixture
def few_descriptors(rig, tmp_path):
    """few_descriptors(class, mode, *settings): the rig with 64 of them, hard limit and all."""

    def start(name, mode, *settings, soft=64, hard=64):
        script = tmp_path / "rig.sh"
        script.write_text(f'#!/bin/sh\nulimit -Sn {soft}\nulimit -Hn {hard}\nexec "$PROGRAM" "$@"\n')
        script.chmod(0o755)
        return rig(name, mode, *settings, program=script, PROGRAM=programs.path_of("tests/framework/rig"))

    return start


@pytest.mark.parametrize("name", ["ThreadingTCPServer", "ForkingTCPServer", "ThreadPoolTCPServer", "EventLoopTCPServer",
                                  "PreforkingEventLoopTCPServer"])
def test_descriptors_of_idle_clients(few_descriptors, name):
    """Far more clients than descriptors, all idle: each is served, and the earliest go."""
    server = few_descriptors(name, "park", "workers=1", "per_client=1000", "max_requests=1000")
    for _ in range(150):
        client = server.client(limit=LIMIT)
        assert client.send("x").exactly(1) == b"x"
    assert client.send("x").exactly(1) == b"x"


@pytest.mark.parametrize("name", ["ThreadingTCPServer", "ForkingTCPServer"])
def test_descriptors_of_clients_put_aside(few_descriptors, name):
    """They do not take the last ones from other clients."""
    server = few_descriptors(name, "lines", "per_client=4", "max_requests=1000")
    for _ in range(150):
        server.client(limit=LIMIT).send("begun")
    for _ in range(3):
        with server.client(limit=LIMIT, source="127.0.0.2") as client:
            assert client.send("hello\n").until(b"\n") == b"hello"
    for client in server.clients:
        client.close()


@pytest.mark.parametrize("name", ["ThreadingTCPServer", "EventLoopTCPServer", "PreforkingEventLoopTCPServer"])
def test_the_soft_limit_is_raised(few_descriptors, name):
    hard = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 1000)
    server = few_descriptors(name, "park", "workers=1", "per_client=1000", hard=hard)
    clients = kept(server, 150)
    for client in clients:
        assert client.send("x").exactly(1) == b"x"

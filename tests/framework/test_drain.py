# SPDX-License-Identifier: MIT
"""What a drain leaves alone, and what it does not."""

import os
import resource
import signal
import socket
import threading

import pytest
import wire

LIMIT = 10  # seconds


def begin(server, count=1):
    """Clients whose requests are in progress."""
    clients = [server.client(limit=LIMIT).send("x\n") for _ in range(count)]
    for client in clients:
        assert client.until(b"\n") == b"begun"
    return clients


@pytest.mark.parametrize("name", ["TCPServer", "ThreadingTCPServer", "EventLoopTCPServer"])
def test_a_line_that_has_begun_is_completed(rig, name):
    """The first line is answered when there is nothing left to read: "abc" is with the handler."""
    server = rig(name, "lines")
    client = server.client(limit=LIMIT).send("first\nabc")
    assert client.until(b"\n") == b"first"
    server.send_signal(signal.SIGTERM)
    assert client.is_silent()
    assert client.send("def\n").rest() == b"abcdef\n"
    server.check(server.wait(LIMIT))


@pytest.mark.parametrize("name", ["ThreadingTCPServer", "EventLoopTCPServer"])
def test_out_of_descriptors(rig, name):
    """Requests in progress are answered although no descriptor is left to wait with."""
    server = rig(name, "slow")
    clients = begin(server)
    limit = server.descriptors() + 4
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (limit, limit))
    clients += begin(server, 4)
    server.client()
    server.send_signal(signal.SIGTERM)
    for client in clients:
        assert client.rest() == b"done\n"
    server.check(server.wait(LIMIT))


def drink(client):
    try:
        while client.socket.recv(1 << 20):
            pass
    except OSError:
        pass


@pytest.mark.parametrize("name", ["TCPServer", "ThreadingTCPServer", "EventLoopTCPServer"])
def test_endless_output_ends_at_shutdown_timeout(rig, name):
    """The client is so fast that the handler never has to wait."""
    server = rig(name, "endless", "shutdown_timeout=200")
    client = server.client(limit=LIMIT)
    client.exactly(1000)
    drinker = threading.Thread(target=drink, args=[client])
    drinker.start()
    try:
        os.kill(server.pid, signal.SIGTERM)  # send_signal waits for a server that waits
        server.check(server.wait(LIMIT))
    finally:
        server.kill()
        drinker.join()


@pytest.mark.parametrize("name", ["ForkingTCPServer", "PreforkingTCPServer"])
def test_sigterm_to_the_process_group(rig, name):
    """As Ctrl-C at a terminal and systemd do it: the children hear of it, too."""
    server = rig(name, "slow", "workers=2")
    [client] = begin(server)
    os.killpg(server.pid, signal.SIGTERM)
    assert client.rest() == b"done\n"
    server.check(server.wait(LIMIT))


# ---------------------------------------------------------------- who has connected, and was not accepted yet

ALL = [("TCPServer",), ("ThreadingTCPServer",), ("ThreadPoolTCPServer", "workers=2"), ("ForkingTCPServer",),
       ("EventLoopTCPServer",), ("EventLoopTCPServer", "workers=2"), ("PreforkingTCPServer", "workers=2"),
       ("PreforkingThreadingTCPServer", "workers=2"), ("PreforkingThreadPoolTCPServer", "workers=2"),
       ("PreforkingForkingTCPServer", "workers=2"), ("PreforkingEventLoopTCPServer", "workers=2"), ("UnixStreamServer",),
       ("ThreadingUnixStreamServer",), ("EventLoopUnixStreamServer", "workers=2"), ("PreforkingUnixStreamServer", "workers=2")]
SLOW = ["ThreadingTCPServer", "ForkingTCPServer", "EventLoopTCPServer", "PreforkingThreadingTCPServer"]


def queue(server, count, text):
    """Clients that the server finds when it hears that it shall end."""
    with server.stopped(signal.SIGTERM):
        return [server.client(limit=LIMIT).send(text) for _ in range(count)]


def ready(server):
    """It serves, and all its processes do."""
    with wire.Client(server.address, limit=LIMIT) as client:
        assert client.send("x\n").until(b"\n")
    return server


@pytest.mark.parametrize("name, settings", [(name, settings) for name, *settings in ALL])
def test_clients_in_the_queue_are_served(rig, name, settings):
    """Those that have nothing to say do not hold up the others, nor the end."""
    server = ready(rig(name, "lines", *settings))
    silent = server.client(limit=LIMIT)
    clients = queue(server, 10, "first\nsec")
    for client in clients:
        assert client.until(b"\n") == b"first"
        assert client.send("ond\n").rest() == b"second\n"
    assert silent.ends()
    server.check(server.wait(LIMIT))


@pytest.mark.parametrize("mode", ["lines", "park"])
@pytest.mark.parametrize("name, settings", [(name, settings) for name, *settings in ALL])
def test_idle_clients_that_have_just_spoken(rig, name, settings, mode):
    """What the server finds together with the signal is answered; who has said nothing is idle still."""
    server = ready(rig(name, mode, *settings))
    count = 1 if name.removeprefix("Preforking") in ("TCPServer", "UnixStreamServer") else 4
    clients = [server.client(limit=LIMIT).send("first\n") for _ in range(count)]
    for client in clients:
        assert client.until(b"\n") == b"first"
    with server.stopped(signal.SIGTERM):
        for client in clients[:3]:
            client.send("second\n")
    for client in clients[:3]:
        assert client.rest() == b"second\n"
    assert all(client.ends() for client in clients[3:])
    server.check(server.wait(LIMIT))


@pytest.mark.parametrize("name", ["TCPServer", *SLOW])
def test_silent_clients_in_the_queue(rig, name):
    server = ready(rig(name, "lines", "shutdown_timeout=1000000"))
    for client in queue(server, 5, ""):
        assert client.ends()
    server.check(server.wait(LIMIT))


@pytest.mark.parametrize("name", SLOW)
def test_more_in_the_queue_than_max_requests(rig, name):
    server = ready(rig(name, "slow", "max_requests=2", "workers=1"))
    for client in queue(server, 5, "x\n"):
        assert client.rest() == b"begun\ndone\n"
    server.check(server.wait(LIMIT))


@pytest.mark.parametrize("name", ["TCPServer", *SLOW])
def test_the_queue_does_not_outlast_shutdown_timeout(rig, name):
    server = ready(rig(name, "slow", "max_requests=1", "workers=1", "shutdown_timeout=600"))
    answers = [client.rest() for client in queue(server, 8, "x\n")]
    server.check(server.wait(LIMIT))
    assert answers[0].startswith(b"begun\n") and answers[-1] == b""


@pytest.mark.parametrize("name", ["TCPServer", "ThreadingTCPServer", "ForkingTCPServer", "EventLoopTCPServer"])
def test_more_in_the_queue_than_descriptors(rig, name):
    server = ready(rig(name, "lines"))
    limit = server.descriptors() + 3
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (limit, limit))
    for client in queue(server, 8, "x\n"):
        assert client.rest() == b"x\n"
    server.check(server.wait(LIMIT))


@pytest.mark.parametrize("name", ["UDPServer", "ThreadingUDPServer", "ForkingUDPServer", "EventLoopUDPServer",
                                  "PreforkingUDPServer"])
def test_datagrams_in_the_queue_are_answered(rig, name):
    server = rig(name, "echo", "workers=2")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(LIMIT)
        asker.connect(server.address)
        asker.send(b"ready?")
        assert asker.recv(10) == b"ready?"
        with server.stopped(signal.SIGTERM):
            for _ in range(5):
                asker.send(b"x")
        for _ in range(5):
            assert asker.recv(10) == b"x"
    server.check(server.wait(LIMIT))

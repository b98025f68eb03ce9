"""What a drain leaves alone, and what it does not."""

import os
import resource
import signal
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

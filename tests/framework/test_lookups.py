# SPDX-License-Identifier: MIT
"""Names, as a server's handlers look them up and connect to them, with a name server that answers some of them only."""

import contextlib
import re
import signal
import socket
import subprocess
import threading

import programs
import pytest
from resolver import A, AAAA, PTR, NameServer, in_network

CLASSES = ["ThreadingTCPServer", "ThreadPoolTCPServer", "ForkingTCPServer", "EventLoopTCPServer", "PreforkingEventLoopTCPServer"]
ALL = ["TCPServer", *CLASSES]
LIMIT = 20  # seconds; the name server's silence takes longer
LONG = 1000 * LIMIT
NO_ANSWER = "error ENONET: No name server has answered"
HOLE, HOLE6, NO_WAY6 = "192.0.2.9", "2001:db8::9", "2001:db8:ffff::9"
TABLE = {
    "both.test": {A: ["127.0.0.1"], AAAA: ["::1"]},
    "hole6.test": {A: ["127.0.0.1"], AAAA: [HOLE6]},
    "holes.test": {A: [HOLE, "127.0.0.1"], AAAA: [HOLE6]},
    "way6.test": {A: ["127.0.0.1"], AAAA: [NO_WAY6]},
    "only6.test": {AAAA: ["::1"]},
    "9.2.0.192.in-addr.arpa": {PTR: ["hole.test"]},
}


class Client:
    def __init__(self, address):
        self.socket = socket.create_connection(address, LIMIT)
        self.file = self.socket.makefile("rw", encoding="ascii")

    def send(self, line):
        self.file.write(line + "\n")
        self.file.flush()
        return self

    def line(self):
        return self.file.readline().rstrip("\n")

    def ask(self, line):
        return self.send(line).line()


@contextlib.contextmanager
def serving(cls, *more):
    """The server's process, and a function that makes clients."""
    command = [programs.path_of("tests/framework/lookups"), cls, "127.0.0.1:0", *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            port = int(process.stdout.readline().rpartition(":")[2])
            yield process, lambda: Client(("127.0.0.1", port))
        finally:
            process.kill()


class Host:
    """Accepts connections to an address, and sends each of them a line."""

    def __init__(self, address, port=0):
        self.socket = socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            connection, client = self.socket.accept()
            with connection:
                connection.sendall(f"from {client[0]}\n".encode())


# Each scene runs in a network of its own.

def dead_names(cls):
    """Nobody waits for names that have no answer."""
    server = NameServer(TABLE)
    host = Host("127.0.0.1")
    with serving(cls) as (_, client):
        dead = [client().send(f"connect dead{i}.test:80 {LONG}") for i in range(10)]
        server.wait_for(*(f"dead{i}.test" for i in range(10)))
        assert client().ask(f"connect localhost:{host.port} {LONG}") == "connected from 127.0.0.1"
        assert client().ask(f"connect both.test:{host.port} {LONG}") == "connected from 127.0.0.1"
        for one in dead:
            one.socket.setblocking(False)
            with pytest.raises(BlockingIOError):
                one.socket.recv(1)


def one_limit(cls):
    NameServer(TABLE)
    with serving(cls) as (_, client):
        assert client().ask("connect dead.test:80 50") == NO_ANSWER
        assert client().ask("find dead.test:80 50") == NO_ANSWER
        assert client().ask(f"name {HOLE6.join('[]')}:80 50") == NO_ANSWER
        assert client().ask("connect dead.test:80 0") == NO_ANSWER


def ends(cls, *signals):
    """A server whose look-ups go on."""
    server = NameServer(TABLE)
    with serving(cls) as (process, client):
        with contextlib.closing(client().send("connect dead.test:80 -1").socket):
            server.wait_for("dead.test")
            for number in signals:
                process.send_signal(number)
            status = process.wait(LIMIT)
            assert status == (0 if len(signals) < 2 else 130), process.stderr.read()


def given_up_at_the_end(cls):
    """No request is in progress, but a look-up that was given up is."""
    server = NameServer(TABLE)
    with serving(cls) as (process, client):
        asker = client()
        assert asker.ask("connect dead.test:80 100") == NO_ANSWER
        server.wait_for("dead.test")
        asker.socket.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT) == 0, process.stderr.read()
        assert process.stderr.read() == ""


def answers(cls):
    NameServer(TABLE)
    with serving(cls) as (_, client):
        asker = client()
        assert asker.ask(f"connect none.test:80 {LONG}") == "error ENOENT: No such file or directory, or no such name"
        assert asker.ask(f"find both.test:80 {LONG}") == "found [::1]:80 127.0.0.1:80"
        assert asker.ask(f"find only6.test:80 {LONG}") == "found [::1]:80"
        assert asker.ask("find localhost:80 0") == "found [::1]:80 127.0.0.1:80"
        assert asker.ask(f"find both.test:htpt {LONG}") == "error EPROTONOSUPPORT: No such service or protocol"
        assert asker.ask(f"name {HOLE}:9 {LONG}") in ("named hole.test 9", "named hole.test discard")
        assert asker.ask(f"name 127.0.0.1:1 {LONG}") in ("named localhost 1", "named localhost tcpmux")
        assert asker.ask(f"name [::ffff:{HOLE}]:9 {LONG}").startswith("named hole.test ")


def no_server_at_all(cls):
    """The name server's port is closed, which the kernel tells."""
    with serving(cls) as (_, client):
        assert client().ask(f"connect dead.test:80 {LONG}") == NO_ANSWER


def first_that_answers(cls):
    """Also where IPv6 leads nowhere."""
    NameServer(TABLE)
    host = Host("127.0.0.1")
    with serving(cls) as (_, client):
        asker = client()
        for name in "hole6.test", "holes.test", "way6.test", "localhost", "both.test":
            assert asker.ask(f"connect {name}:{host.port} {LONG}") == "connected from 127.0.0.1"
        assert asker.ask(f"connect only6.test:{host.port} {LONG}") == "error ECONNREFUSED: Connection refused"
        assert asker.ask(f"connect {HOLE}:{host.port} 50") == "error ETIMEDOUT: Connection timed out"
        assert asker.ask(f"connect [{NO_WAY6}]:{host.port} {LONG}") == "error ENETUNREACH: Network is unreachable"
        assert asker.ask(f"from 127.0.0.8:0 hole6.test:{host.port} {LONG}") == "connected from 127.0.0.8"
        assert asker.ask(f"from [::1]:0 hole6.test:{host.port} 300").startswith("error E")
        both = Host("::1", host.port)
        assert asker.ask(f"connect both.test:{both.port} {LONG}") == "connected from ::1"


def without_ipv6(cls):
    """Also localhost has one address then."""
    with open("/proc/sys/net/ipv6/conf/all/disable_ipv6", "w", encoding="ascii") as file:
        file.write("1")
    program = programs.path_of("tests/framework/lookups")
    with subprocess.Popen([program, cls, "localhost:0"], stdout=subprocess.PIPE, text=True) as process:
        try:
            host, _, port = process.stdout.readline().rpartition(":")
            assert host == "127.0.0.1"
            assert Client((host, int(port))).ask(f"find localhost:{port.strip()} 0").startswith("found ")
            other = Host("127.0.0.1")
            assert Client((host, int(port))).ask(f"connect localhost:{other.port} {LONG}") == "connected from 127.0.0.1"
        finally:
            process.kill()


def explained(cls):
    """Each attempt is told of, also the one that was given up because another one was faster."""
    NameServer(TABLE)
    host = Host("127.0.0.1")
    with serving(cls, "explain") as (process, client):
        asker = client()
        assert asker.ask(f"connect hole6.test:{host.port} {LONG}") == "connected from 127.0.0.1"
        assert asker.ask(f"connect only6.test:{host.port} {LONG}") == "error ECONNREFUSED: Connection refused"
        assert asker.ask("connect dead.test:80 50") == NO_ANSWER
        asker.socket.close()
        process.send_signal(signal.SIGTERM)
        process.wait(LIMIT)
        said = process.stderr.read()
        assert f" getaddrinfo(hole6.test, {host.port}) = 2: [{HOLE6}]:{host.port} 127.0.0.1:{host.port}\n" in said
        assert " getaddrinfo(dead.test, 80) = -ENONET: No name server has answered\n" in said
        told = re.findall(r" connect\(\d+, (\S+)\) = (-?\w+)", said)
        assert told == [(f"127.0.0.1:{host.port}", "0"), (f"[{HOLE6}]:{host.port}", "-ECANCELED"),
                        (f"[::1]:{host.port}", "-ECONNREFUSED")]


@pytest.mark.parametrize("cls", CLASSES)
def test_dead_names_delay_nobody(cls):
    in_network(dead_names, cls)


@pytest.mark.parametrize("cls", ALL)
def test_one_limit(cls):
    in_network(one_limit, cls)


@pytest.mark.parametrize("cls", ALL)
def test_answers(cls):
    in_network(answers, cls)


@pytest.mark.parametrize("cls", ["ThreadingTCPServer", "EventLoopTCPServer"])
def test_without_ipv6(cls):
    in_network(without_ipv6, cls)


def test_no_server_at_all():
    in_network(no_server_at_all, "EventLoopTCPServer")


@pytest.mark.parametrize("cls", ALL)
def test_first_that_answers(cls):
    in_network(first_that_answers, cls)


@pytest.mark.parametrize("cls", ALL)
def test_second_signal_ends_a_lookup(cls):
    in_network(ends, cls, signal.SIGTERM, signal.SIGINT)


@pytest.mark.parametrize("cls", ["ThreadingTCPServer", "EventLoopTCPServer"])
def test_drain_ends_a_lookup(cls):
    """After shutdown_timeout."""
    in_network(ends, cls, signal.SIGTERM)


@pytest.mark.parametrize("cls", ["TCPServer", "ThreadingTCPServer", "EventLoopTCPServer"])
def test_end_with_a_lookup_that_was_given_up(cls):
    in_network(given_up_at_the_end, cls)


@pytest.mark.parametrize("cls", ["ThreadingTCPServer", "EventLoopTCPServer"])
def test_explained(cls):
    in_network(explained, cls)

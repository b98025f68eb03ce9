# SPDX-License-Identifier: MIT
"""Clients that are no clients of HTTP: of servers that answer a line with a line, and of those that answer datagrams; and
somebody for a server's own clients to ask."""

import contextlib
import functools
import os
import select
import socket
import tempfile
import threading
import time

import wire
from trial import LIMIT, Reported, TOLD, right

ATTEMPTS = 20  # more than a burst
EMPTY = 40  # more than are taken at once


def family_of(address):
    if isinstance(address, str):
        return socket.AF_UNIX
    return socket.AF_INET6 if ":" in address[0] else socket.AF_INET


def pattern(size):
    """What tests/fault/rig.c makes of a size."""
    period = b"".join(bytes([letter]) * 7 for letter in range(ord("a"), ord("z") + 1))
    return (period * (size // len(period) + 1))[:size]


class Bye(Exception):
    """A parked connection has ended, with a good-bye."""


class Lines:
    """A connection on which lines are answered."""

    def __init__(self, address, name=None, receive_buffer=None):
        self.socket = socket.socket(family_of(address))
        self.socket.settimeout(LIMIT)
        if name:
            self.socket.bind(name)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(address)
        self.data = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, text):
        self.socket.sendall(text if isinstance(text, bytes) else text.encode() + b"\n")

    def receive(self, size=1 << 20):
        more = self.socket.recv(size)
        if not more:
            raise wire.Ended(self.data[-200:])
        self.data += more

    def line(self, reports=None):
        """The next one, without its end. It is no report, or this one."""
        while b"\n" not in self.data:
            self.receive()
        line, _, self.data = self.data.partition(b"\n")
        text = line.decode("latin-1")
        if text.startswith("error ") and text != reports:
            raise Reported(text)
        if text == "bye":
            raise Bye
        return text

    def says(self, text):
        """Whether this is there, or comes at once."""
        self.socket.settimeout(0.02)
        with contextlib.suppress(TimeoutError, ConnectionError):
            self.data += self.socket.recv(1 << 20)
        self.socket.settimeout(LIMIT)
        return text.encode() in self.data

    def end(self):
        """What comes until the end."""
        with contextlib.suppress(ConnectionError):
            while more := self.socket.recv(1 << 20):
                self.data += more
        return self.data

    def ask(self, text, expected=None):
        self.send(text)
        return self.expect(expected)

    def expect(self, expected):
        answer = self.line()
        right(expected is None or answer == expected, f"{answer[:200]!r}, and not {str(expected)[:200]!r}")
        return answer


def again(trial, what, talk):
    """A connection that is parked ends when a place, a descriptor or memory is needed: then all is done once more."""
    for _ in range(ATTEMPTS):
        with trial.asking(what), contextlib.suppress(Bye):
            return talk(trial)
    return None


def ask(trial, *exchanges):
    """On a connection of its own: texts and their answers, one after the other."""
    with trial.asking(exchanges[-1][0][:50]), Lines(trial.server.address) as client:
        for text, expected in exchanges:
            client.ask(text, expected)


def ask_datagram(trial, text, expected):
    """An answer may get lost, as on the network: then the client asks again, by another socket. The log has to say so."""
    lost = 0
    with trial.asking(text), tempfile.TemporaryDirectory() as directory:
        while (answer := datagram(trial.server, text, os.path.join(directory, str(lost)))) is None:
            lost += 1
            if lost == ATTEMPTS:
                raise TimeoutError("no answer")
        answer = answer.decode("latin-1").rstrip("\n")
        if answer.startswith("error "):
            raise Reported(answer)
        right(answer == expected, f"{answer[:200]!r}, and not {expected[:200]!r}")
    if lost:
        trial.note(text, "cut", f"{lost} times no answer")


def datagram(server, text, name):
    """One datagram, and its answer. None: there is none, and the log says that something has failed, or there is none for a
    long time."""
    log, deadline = len(server.log), time.monotonic() + 2
    family = family_of(server.address)
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        if family == socket.AF_UNIX:
            client.bind(name)
        client.connect(server.address)
        client.send(text.encode())
        while time.monotonic() < deadline:
            if select.select([client], [], [], 0.05)[0]:
                return client.recv(1 << 16)
            if TOLD.search(server.log[log:]):
                deadline = min(deadline, time.monotonic() + 0.05)
    return None


class Oracle:
    """It answers a question, whoever asks."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addresses = {}
        for name, family, kind, address in (
                ("tcp", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
                ("udp", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
                ("stream", socket.AF_UNIX, socket.SOCK_STREAM, self.directory.name + "/stream"),
                ("datagram", socket.AF_UNIX, socket.SOCK_DGRAM, self.directory.name + "/datagram"),
                ("datagram-empty", socket.AF_UNIX, socket.SOCK_DGRAM, self.directory.name + "/datagram-empty")):
            listening = socket.socket(family, kind)
            listening.bind(address)
            own = listening.getsockname()
            self.addresses[name] = f"unix:{own}" if isinstance(own, str) else f"{own[0]}:{own[1]}"
            if kind == socket.SOCK_STREAM:
                listening.listen(100)
            work = self.accept if kind == socket.SOCK_STREAM else self.receive
            arguments = (listening, EMPTY) if name == "datagram-empty" else (listening,)
            threading.Thread(target=work, args=arguments, daemon=True).start()
        self.open_hole()

    def open_hole(self):
        """Nobody answers at the first address of known.test, as the queue there is full; the oracle does at the second one."""
        listening = socket.create_server(("127.0.0.3", 0))
        threading.Thread(target=self.accept, args=(listening,), daemon=True).start()
        port = listening.getsockname()[1]
        self.hole = [socket.create_server(("127.0.0.2", port), backlog=0)]
        for _ in range(4):
            self.hole.append(socket.socket())
            self.hole[-1].setblocking(False)
            self.hole[-1].connect_ex(("127.0.0.2", port))
        self.addresses["known"] = f"known.test:{port}"

    @staticmethod
    def accept(listening):
        while True:
            client, _ = listening.accept()
            threading.Thread(target=Oracle.answer, args=(client,), daemon=True).start()

    @staticmethod
    def answer(client):
        with client, contextlib.suppress(OSError):
            while client.recv(1000):
                client.sendall(b"answer\n")

    @staticmethod
    def receive(listening, empty=0):
        """So many datagrams without anything come before the answer."""
        while True:
            _, client = listening.recvfrom(1000)
            with contextlib.suppress(OSError, TypeError):
                for _ in range(empty):
                    listening.sendto(b"", client)
                listening.sendto(b"answer\n", client)


@functools.lru_cache(None)
def oracle():
    """The addresses of one, in this process."""
    oracle.kept = Oracle()
    return oracle.kept.addresses

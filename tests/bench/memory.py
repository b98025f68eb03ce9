# SPDX-License-Identifier: MIT
"""Memory: what a connection keeps that is idle, and what a server has when it has answered its first request.

Memory is user memory, as /proc/PID/smaps_rollup counts it for all processes of a server; what sockets take of the
kernel is about the same for every server, and not in it."""

import contextlib
import dataclasses
import mmap
import select
import socket
import statistics
import struct
import time

import machine
import targets
from servers import Failure, Running, installed

PATIENCE = 30  # seconds for one answer
REQUEST = b"GET /1k.txt HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def ask(port):
    """A new connection on which one request has been answered."""
    client = socket.create_connection(("127.0.0.1", port), PATIENCE)
    try:
        client.sendall(REQUEST)
        answer, length = b"", None
        while length is None or len(answer) < length:
            if not (data := client.recv(65536)):
                raise Failure(f"an answer that ends after {len(answer)} bytes")
            answer += data
            head, blank, _ = answer.partition(b"\r\n\r\n")
            if blank and length is None:
                fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
                length = len(head) + 4 + int(fields[b"content-length"])
        if b" 200 " not in answer[:16]:
            raise Failure(f"not a good answer: {answer[:100]!r}")
        return client
    except BaseException:
        client.close()
        raise


def settled(running, patience=3):
    """The memory (PSS) of a server that has nothing more to do, within so many seconds."""
    before, now = -1, machine.memory(running.process.pid)[0]
    end = time.monotonic() + patience
    while now != before and time.monotonic() < end:
        time.sleep(patience / 30)
        before, now = now, machine.memory(running.process.pid)[0]
    return now


def closed(clients):
    """How many of these connections the server has closed."""
    poll = select.poll()
    for client in clients:
        poll.register(client, select.POLLIN | select.POLLRDHUP)
    return len(poll.poll(0))


FIELDS = (b"Host: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
          b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"
MESSAGE, ECHO = b"\x81\x85\0\0\0\0hello", b"\x81\x05hello"  # masked, by zeros


def websocket_to(path, deflates=False):
    """A function that opens a WebSocket on which one message was answered."""

    def opened(port):
        client = socket.create_connection(("127.0.0.1", port), PATIENCE)
        try:
            client.sendall(b"GET %s HTTP/1.1\r\n%s%s\r\n" % (path.encode(), FIELDS, DEFLATE if deflates else b""))
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                answer += receive(client, answer)
            if b" 101 " not in answer[:16] or (b"permessage-deflate" in answer) != deflates:
                raise Failure(f"no WebSocket: {answer!r}")
            client.sendall(MESSAGE)
            answer = b""
            while len(answer) < len(ECHO) and not deflates or not answer:
                answer += receive(client, answer)
            if answer != ECHO and not deflates:
                raise Failure(f"not what was sent: {answer!r}")
            return client
        except BaseException:
            client.close()
            raise

    return opened


def receive(client, before):
    if data := client.recv(4096):
        return data
    raise Failure(f"the connection has ended after {before!r}")


@dataclasses.dataclass(frozen=True)
class Idle:
    """Connections that are kept alive: each makes a request when it is new, then none. They come one after the
    other, so that what is counted is what an idle connection keeps, not how many were busy at once."""

    key: str
    title: str
    servers: list
    counts: tuple
    at_most: int  # bytes for each of the most connections, ours
    connect: object = ask
    patience: float = 3  # seconds in which it gives back what it does not need
    kind = "memory"

    def grow(self, running, counts, options):
        """{connections: bytes of the server}, and 0 for the server that has answered and has no connection."""
        self.connect(running.port).close()
        patience = 3 if options.quick else self.patience
        sizes = {0: settled(running, patience)}
        with contextlib.ExitStack() as stack:
            clients = []
            for count in counts:
                while len(clients) < count:
                    clients.append(stack.enter_context(self.connect(running.port)))
                sizes[count] = settled(running, patience)
            if gone := closed(clients):
                raise Failure(f"{running.server.name} has closed {gone} of {len(clients)} connections")
        return sizes

    def measure(self, server, counts, root, options):
        running = Running(server, options.build, root, [options.server_cpu])
        try:
            return self.grow(running, counts, options)
        finally:
            running.stop()

    def run(self, root, options):
        counts = (10, 100) if options.quick else self.counts
        possible = [count for count in counts if count + 200 <= options.files]
        if len(possible) < len(counts):
            print(f"  no more than {options.files} files can be open: fewer connections")
        servers = {}
        for server in installed(self.servers, options):
            try:
                sizes = self.measure(server, possible, root, options)
            except PermissionError as error:
                print(f"  {server.name} is left out: {error} (it becomes another user)")
                continue
            each = {count: (size - sizes[0]) / count for count, size in sizes.items() if count}
            servers[server.name] = {"ours": server.ours, "pss": sizes, "each": each}
        if not possible or not servers:
            return None
        wanted = [targets.at_most(f"{name}: bytes for each of {possible[-1]:,} idle connections",
                                  of["each"][possible[-1]], self.at_most) for name, of in servers.items() if of["ours"]]
        return {"key": self.key, "title": self.title, "connections": possible, "servers": servers, "targets": wanted}


class Started(Running):
    """A server that is asked again and again from its first moment, and what it took to answer."""

    def __init__(self, *arguments):
        self.began = mmap.mmap(-1, 8)  # shared with the child, which says when it becomes the server
        super().__init__(*arguments)

    def before_exec(self):
        super().before_exec()
        self.began[:] = struct.pack("d", time.monotonic())

    def wait_until_it_answers(self, _):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.client = ask(self.port)
            except ConnectionError:
                continue
            self.seconds = time.monotonic() - struct.unpack("d", self.began[:])[0]
            self.pss, self.rss = machine.memory(self.process.pid)
            self.client.close()
            return
        raise Failure(f"{self.server.name} does not answer: {self.said()}")


@dataclasses.dataclass(frozen=True)
class Startup:
    """From exec to the end of the first answer, and the memory at that moment. Servers start in turns."""

    key: str
    title: str
    servers: list
    starts: int
    at_most: dict  # ours: {"ms": milliseconds, "rss": bytes}
    kind = "startup"

    def start(self, server, root, options):
        started = Started(server, options.build, root, [options.server_cpu])
        started.stop()
        return {"ms": started.seconds * 1e3, "pss": started.pss, "rss": started.rss}

    def run(self, root, options):
        servers, starts = list(installed(self.servers, options)), {}
        for _ in range(2 if options.quick else self.starts):
            for server in list(servers):
                try:
                    starts.setdefault(server.name, []).append(self.start(server, root, options))
                except PermissionError as error:
                    print(f"  {server.name} is left out: {error} (it becomes another user)")
                    servers.remove(server)
        medians = {server.name: {key: statistics.median(start[key] for start in starts[server.name])
                                 for key in ("ms", "pss", "rss")} for server in servers}
        what = {"ms": "ms from exec to the first answer", "rss": "bytes resident then"}
        wanted = [targets.at_most(f"{server.name}: {what[key]}", medians[server.name][key], most)
                  for server in servers if server.ours for key, most in self.at_most.items()]
        starts = {name: starts[name] for name in medians}
        return {"key": self.key, "title": self.title, "starts": starts, "medians": medians,
                "targets": wanted} if medians else None

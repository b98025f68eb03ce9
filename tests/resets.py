# SPDX-License-Identifier: MIT
"""Clients that reset their connections, and what a server has left of them."""

import contextlib
import os

import programs
import wire


def take(client, size):
    """Receives so many bytes. The next ones are lost with the connection."""
    while size > 0 and (data := client.socket.recv(min(size, 1 << 18))):
        size -= len(data)
    assert size <= 0


def cut(server, data, received=0):
    """A client that sends this, receives so much, and resets the connection."""
    client = wire.Client(server.address)
    client.send(data)
    take(client, received)
    client.reset()


def open_of_clients(pid):
    """How many descriptors a process has that a connection can have left: of sockets, and of files without a name."""
    count = 0
    with contextlib.suppress(FileNotFoundError):  # the process has ended
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                link = os.readlink(f"/proc/{pid}/fd/{name}")
                count += link.startswith("socket:") or link.endswith("(deleted)")
    return count


def waits(pid):
    """True when the first thread of a process waits for events."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/syscall", encoding="ascii") as file:
        return file.read().split()[0] in programs.POLLS
    return False


def in_use(server):
    """Processes, what they have open of clients, and the first one's threads."""
    pids = {server.pid, *server.children()}
    return len(pids), sum(open_of_clients(pid) for pid in pids), len(os.listdir(f"/proc/{server.pid}/task"))


def before_clients(server, workers, loops=0):
    """What is in use when all of its worker processes wait for clients. Each loop that offloads a call has one more socket, by
    which it is woken."""
    wire.wait_until(lambda: len(server.children()) == workers and all(waits(pid) for pid in {server.pid, *server.children()}))
    processes, descriptors, threads = in_use(server)
    return processes, descriptors + loops, threads


def wait_until_as_before(server, before, has_pool):
    """Until no more is in use than before there were clients. Threads of a pool stay for a while, and ThreadSanitizer
    makes one of its own."""
    kinds = 2 if has_pool or programs.TSAN else 3
    try:
        wire.wait_until(lambda: all(now <= then for now, then in zip(in_use(server)[:kinds], before)))
    except AssertionError:
        raise AssertionError(f"processes, descriptors and threads were {before}, and stay {in_use(server)}") from None

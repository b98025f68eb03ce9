# SPDX-License-Identifier: MIT
"""A crowd: many clients that connect at the same moment, all of them in one thread."""

import re
import resource
import select
import socket
import time

import programs
import pytest

SPARE = 200  # descriptors that the tests have besides
FEW = 256  # those of a server that has few


def few_descriptors():
    """For a server's `preexec`: it can open FEW files, and no more."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, FEW))


def allow(count):
    """Raises the soft limit of this process so that it can have so many clients."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + SPARE
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"no more than {hard} files can be open here")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def is_whole_answer(data):
    """Is it an HTTP answer with a Content-Length, to its end?"""
    head, blank, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"\r\nContent-Length: ([0-9]+)", head)
    return bool(blank and length) and len(body) >= int(length[1])


class Client:
    """`answer`: what has come; `fault`: why that is not whole, if it is not."""

    def __init__(self, address, question):
        self.question = self.left = question
        self.answer, self.fault, self.is_over = b"", "nothing more has come", False
        self.socket = socket.socket(socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX)
        self.socket.setblocking(False)
        self.socket.connect_ex(address)

    def send(self):
        while self.left:
            self.left = self.left[self.socket.send(self.left):]

    def receive(self):
        while data := self.socket.recv(1 << 18):
            self.answer += data
        raise EOFError("closed by the server")

    def go_on(self, is_whole):
        """As far as it can now."""
        try:
            self.send()
            self.receive()
        except BlockingIOError:
            self.is_over = is_whole(self.answer)
        except (OSError, EOFError) as error:
            self.is_over, self.fault = True, f"{error!r} after {len(self.answer)} bytes"
        if is_whole(self.answer):
            self.fault = None


class Crowd:
    """The clients have connected when it is made, or will as soon as the server lets them."""

    def __init__(self, address, questions, is_whole=is_whole_answer):
        self.is_whole, self.epoll = is_whole, select.epoll()
        self.clients = [Client(address, question) for question in questions]
        self.waiting = {client.socket.fileno(): client for client in self.clients}
        self.deadline = time.monotonic() + programs.LIMIT

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self.clients:
            client.socket.close()
        self.epoll.close()

    def events(self):
        """(client, events) of those for whom something has come; nothing when it takes too long."""
        while self.waiting and time.monotonic() < self.deadline:
            for fd, events in self.epoll.poll(1):
                yield self.waiting[fd], events

    def forget(self, client):
        del self.waiting[client.socket.fileno()]
        self.epoll.unregister(client.socket)

    def connect(self):
        """Waits until all of them are connected, and have not said a word."""
        for client in self.clients:
            self.epoll.register(client.socket, select.EPOLLOUT)
        for client, _ in self.events():
            self.forget(client)
        self.waiting = {client.socket.fileno(): client for client in self.clients}
        return self

    def ask(self, keep=False):
        """All of them ask at once. Returns the clients when all have what they want, or it takes too long. `keep`: their
        connections stay open."""
        for client in self.clients:
            self.epoll.register(client.socket, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
        for client, events in self.events():
            if events == select.EPOLLHUP | select.EPOLLOUT:
                continue  # it has not begun to connect
            client.go_on(self.is_whole)
            if client.is_over:
                self.forget(client)
                if not keep or client.fault:
                    client.socket.close()
        return self.clients

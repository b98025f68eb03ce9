# SPDX-License-Identifier: MIT
"""Clients that reset their connections (RST) after so many bytes of a request were sent, or so many of a response received:
the server goes on, says nothing but what became of the requests, and has nothing left of them."""

import itertools
import os
import random
import re

import programs
import pytest
import wire
from resets import before_clients, cut, wait_until_as_before
from uploads import FORM, form, tree

LARGE = random.Random(1).randbytes(1 << 20)
HUGE = 8 << 20  # more than sockets hold, so that the server waits for the client
BODY = b"u" * 3000
NUMBER = b"-0000"  # in the name of a file to be stored: each has its own
LINE = re.compile(r'127\.0\.0\.1 - - \[[^]]*\] ".*" (\d{3}|-) (\d+|-)( .+)?')

REQUESTS = {
    "a small file": wire.request(path="/small.txt"),
    "a large file": wire.request(path="/large.bin"),
    "a huge file": wire.request(path="/huge.bin"),
    "compressed": wire.request(path="/text.txt", accept_encoding="gzip"),
    "compressed on its way": wire.request(path="/long.txt", accept_encoding="gzip"),
    "a listing": wire.request(path="/many/"),
    "a range": wire.request(path="/large.bin", range="bytes=100-500000"),
    "two ranges": wire.request(path="/large.bin", range="bytes=0-99,1000-300000"),
    "a file by PUT": wire.request("PUT", "/put-0000", BODY),
    "a file by POST": wire.request("POST", "/", form(("form-0000", BODY)), **FORM),
    "a file in chunks": wire.request("PUT", "/chunks-0000", [BODY[:1000], BODY[1000:]]),
    "a file that waits": wire.request("PUT", "/waits-0000", None, content_length=len(BODY), expect="100-continue"),
    "several at once": wire.request(path="/small.txt") * 3 + wire.request(path="/large.bin"),
    "no file": wire.request(path="/none"),
}
if programs.SANITIZED:  # one of each way in which a response is made
    for left_out in "a small file", "a range", "a file in chunks", "no file":
        del REQUESTS[left_out]
CONTINUE = len(b"HTTP/1.1 100 Continue\r\n\r\n")


@pytest.fixture
def site(root):
    (root / "small.txt").write_text("small")
    (root / "large.bin").write_bytes(LARGE)
    with open(root / "huge.bin", "wb") as file:
        file.truncate(HUGE)
    (root / "text.txt").write_text("text " * 2000)
    (root / "long.txt").write_text("".join(f"{number} " for number in range(50000)))
    (root / "many").mkdir()
    for number in range(300):
        (root / "many" / f"file-{number}").touch()
    for path in root.iterdir():
        wire.settle(path)
    return root


def places(whole, head):
    """Before the first byte and after it; in the head, and about its end; in the middle; before the last byte and after it."""
    wanted = {1, head // 2, (head + whole) // 2, whole}
    if not programs.SANITIZED:
        wanted |= {0, head - 1, head, head + 1, whole - 1}
    return sorted(place for place in wanted if 0 <= place <= min(whole, len(LARGE) * 2))


def places_in(data):
    return places(len(data), data.index(b"\r\n\r\n") + 4)


def response_to(server, request):
    """All that comes before the server waits for the client again."""
    with server.client() as client:
        client.send(request).end()
        pieces = list(iter(lambda: client.socket.recv(1 << 20), b""))
    data = b"".join(pieces)
    return data[:CONTINUE] if data.startswith(b"HTTP/1.1 100 ") else data


def numbered(request, numbers):
    return request.replace(NUMBER, b"-%04d" % next(numbers))


def cut_everywhere(server, requests, responses, numbers):
    for name, request in requests.items():
        for place in places_in(request)[:-1]:
            cut(server, numbered(request, numbers)[:place])
        for place in places_in(responses[name]):
            cut(server, numbered(request, numbers), place)


def cut_before_they_are_accepted(server, requests, numbers):
    """The server finds them all at once, when they have gone."""
    with server.stopped():
        cut(server, b"")
        for request in requests.values():
            cut(server, numbered(request, numbers))


def test_resets(httpserver, site, mixin):
    there = tree(site)
    server = httpserver("--upload", "--compress", "all", *mixin)
    workers = 2 if "--workers" in mixin else 1
    before = before_clients(server, workers if "preforking" in mixin[1] else 0, workers if "eventloop" in mixin[1] else 0)
    numbers = itertools.count(1)
    responses = {name: response_to(server, numbered(request, numbers)) for name, request in REQUESTS.items()}
    cut_everywhere(server, REQUESTS, responses, numbers)
    cut_before_they_are_accepted(server, REQUESTS, numbers)
    assert server.ask(path="/large.bin").body == LARGE
    wait_until_as_before(server, before, has_pool=mixin[1] not in ("sequential", "threading", "forking"))
    server.stop()
    stored = tree(site) - there
    assert {name.partition(b"-")[0] for name in stored} <= {b"put", b"form", b"chunks"} and len(stored) > 2
    assert all((site / os.fsdecode(name)).read_bytes() == BODY for name in stored)
    for line in server.log.splitlines():
        assert LINE.fullmatch(line) or "running as root" in line, line

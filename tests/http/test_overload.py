# SPDX-License-Identifier: MIT
"""Four times as many clients at the same moment as the server can have descriptors. Idle connections make room, the
others wait, and all are answered."""

import crowd
import mixins
import programs
import pytest

pytestmark = pytest.mark.skipif(programs.SANITIZED, reason="tests of time and of crowds run once, without sanitizers")

MIXINS = {**mixins.MIXINS, "preforking-threading": ["--mixin", "preforking,threading", "--workers", "2"],
          "preforking-threadpool": ["--mixin", "preforking,threadpool", "--workers", "2"]}
CLIENTS = 1024
FORKING = 300  # a process for each takes its time
NAMES = 300  # of files that are asked for, each by few


def content(number):
    return b"%d\n" % number * (100 + number)


def number_of(client):
    """Most clients ask for the same file."""
    return client % NAMES if client % 4 == 0 else 0


def check(clients):
    for number, client in enumerate(clients):
        assert client.fault is None, f"client {number} of {len(clients)}: {client.fault}: {client.answer[:300]!r}"
        head, _, body = client.answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), f"client {number} of {len(clients)}: {client.answer[:2000]!r}"
        assert body == content(number_of(number)), f"client {number} of {len(clients)}"


@pytest.mark.parametrize("options", MIXINS.values(), ids=MIXINS.keys())
def test_more_clients_than_descriptors(httpserver, root, options):
    """The first ones keep their connections. The second ones come while those are there, and say nothing until all of
    them are connected."""
    count = FORKING if "forking" in options else CLIENTS
    crowd.allow(2 * count)
    for number in range(NAMES):
        (root / f"{number}.txt").write_bytes(content(number))
    server = httpserver("-q", *options, preexec=crowd.few_descriptors)
    questions = [b"GET /%d.txt HTTP/1.1\r\nHost: x\r\n\r\n" % number_of(number) for number in range(count)]
    with crowd.Crowd(server.address, questions) as first:
        check(first.ask(keep=True))
        with crowd.Crowd(server.address, questions[:count if count > FORKING else 100]) as second:
            check(second.connect().ask())
        assert server.ask(path="/7.txt").body == content(7)
    server.stop()
    assert not server.log

# SPDX-License-Identifier: MIT
"""The limits of httpserver's command line: who finds no place is told so, and who is too slow is given up."""

import contextlib

import pytest
import wire

BIG = 30_000_000  # bytes: more than the sockets hold between them
PLACES = 2
FULL = [["eventloop"], ["threading"], ["threadpool"], ["forking"], ["preforking,eventloop", "--workers", "1"]]


@pytest.fixture
def big(root):
    with open(root / "big", "wb") as file:
        file.truncate(BIG)
    (root / "small").write_text("small")


def takes_a_place(server):
    """A reader who stops."""
    client = server.client(receive_buffer=1 << 16)
    client.send(wire.request(path="/big"))
    client.fill()
    return client


def is_turned_away(client, method="GET"):
    with client:
        response = client.ask(method, "/small")
        assert client.closed or client.rest() == b""
    assert response.status == 503 and response.get("Retry-After") == "1" and response.get("Connection") == "close"
    return response


@pytest.mark.parametrize("runner", FULL, ids=lambda runner: runner[0])
def test_who_finds_no_place_is_told_so(httpserver, big, runner):
    """And who comes when one of the others has ended is served."""
    server = httpserver("--max-connections", PLACES, "--mixin", *runner)
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(takes_a_place(server)) for _ in range(PLACES)]
        for _ in range(3):
            assert "no place" in is_turned_away(server.client()).text
        assert is_turned_away(server.client(), "HEAD").body == b""
        assert len(readers[0].response().body) == BIG
        readers[0].close()
        assert server.ask(path="/small").text == "small"
        assert len(readers[1].response().body) == BIG  # has lost nothing
    server.stop()


def test_idle_connections_make_room(httpserver, big):
    """Nobody is turned away for those."""
    server = httpserver("--max-connections", PLACES)
    with contextlib.ExitStack() as stack:
        for _ in range(4 * PLACES):
            assert stack.enter_context(server.client()).ask(path="/small").text == "small"


def test_a_moment_is_waited_for(httpserver, big):
    """Who waits for less than a second is served."""
    server = httpserver("--max-connections", 1)
    with takes_a_place(server) as reader, server.client() as waiting:
        waiting.send(wire.request(path="/small"))
        assert waiting.is_silent()
        reader.reset()
        assert waiting.response().text == "small"


def test_no_limit(httpserver, big):
    server = httpserver("--max-connections", 0)
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(takes_a_place(server))
        assert server.ask(path="/small").text == "small"


@pytest.mark.parametrize("runner", ["eventloop", "threading", "sequential"])
def test_times(httpserver, root, runner):
    (root / "a").write_text("hello")
    server = httpserver("--upload", "--mixin", runner, "--head-timeout", 1, "--idle-timeout", 1, "--body-timeout", 1)
    with server.client() as client:
        client.send(b"GET /a HTTP/1.1\r\nHost: ")
        assert client.response().status == 408
    with server.client() as client:
        assert client.ask(path="/a").text == "hello"
        assert client.rest() == b""
    with server.client() as client:
        client.send(b"PUT /b HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345")
        assert client.response().status == 408
    assert [path.name for path in root.iterdir()] == ["a"]


@pytest.mark.parametrize("runner", [["eventloop"], ["threading"], ["preforking,eventloop", "--workers", "2"]],
                         ids=lambda runner: runner[0])
def test_rate(httpserver, root, runner):
    """All threads and processes count together; another address is another client."""
    (root / "a").write_text("hello")
    server = httpserver("--max-rate", 1, "--mixin", *runner)
    for served in range(200):
        response = server.ask(path="/a")
        if response.status == 429:
            break
        assert response.status == 200
    assert served >= 10 and 1 <= int(response.get("Retry-After")) <= 2
    with wire.Client(server.address, source="127.0.0.2") as other:
        assert other.ask(path="/a").text == "hello"


def test_rate_of_one_connection(httpserver, root):
    (root / "a").write_text("hello")
    server = httpserver("--max-rate", 1)
    with server.client() as client:
        assert [client.ask(path="/a").status for _ in range(10)] == [200] * 10
        assert client.ask(path="/a").status in (429, 200)

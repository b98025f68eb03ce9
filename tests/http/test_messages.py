# SPDX-License-Identifier: MIT
"""Messages in HTTP belong to a request, not to the connection, which may have another one (tests/http/messages.c)."""

import errno

import programs
import pytest
import wire


@pytest.fixture
def server(probe, mixin):
    return probe(*programs.as_settings(mixin), program="messages")


@pytest.fixture
def busy_server(probe, concurrent_mixin):
    return probe(*programs.as_settings(concurrent_mixin), program="messages")


def test_end_with_the_request(server):
    """Whoever has the ref of a request that was answered reaches nobody, on the same connection least of all."""
    with server.client() as client:
        for _ in range(2):
            assert client.ask(path="/subscribe").text == "1\n"
            assert client.ask(path="/count").text == client.ask(path="/publish").text == "0\n"
            ref = client.ask(path="/ref").text.strip()
            assert client.ask(path="/post/" + ref).text == f"{-errno.ESTALE}\n"
        assert client.ask(path="/ref").text.strip() != ref
        refs = [client.ask(path="/ref").text for _ in range(20)]
        assert len(set(refs)) == 20


def test_end_with_the_connection(server):
    with server.client() as client:
        assert client.ask(path="/subscribe", connection="close").text == "1\n" and client.ends()
    assert server.ask(path="/count").text == "0\n"


def test_nothing_wakes_an_idle_connection(busy_server):
    """A subscription that outlived its request would have the connection served again and again, or end it."""
    with busy_server.client() as client, busy_server.client() as other:
        assert client.ask(path="/subscribe").text == "1\n"
        assert all(other.ask(path="/publish").text == "0\n" for _ in range(300))
        assert client.is_silent() and client.ask(path="/count").text == "0\n"


def test_reply_while_it_waits(busy_server):
    with busy_server.client() as client, busy_server.client() as other:
        client.send(wire.request(path="/wait", version="HTTP/1.0"))
        assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
        ref = client.until(b"\n").decode()
        assert client.is_silent() and other.ask(path="/post/" + ref).text == "0\n"
        assert client.rest() == b"late"
        assert other.ask(path="/post/" + ref).text == f"{-errno.ESTALE}\n"


def test_wait_for_a_body(server):
    """What has come together with the head is input, and so is the end of the body."""
    with server.client() as client:
        assert client.ask("POST", "/", b"hello").text == "5\n"
        head = "POST / HTTP/1.1\r\nHost: x\r\n"
        client.send(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r")
        assert client.is_silent()
        client.send(b"\nde\r\n0\r\n\r\n")
        assert client.response().text == "5\n"
        client.send(head.encode() + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        assert client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue"
        client.send(b"ab")
        assert client.is_silent()
        client.send(b"cd")
        assert client.response().text == "4\n"


def test_after_upgrade(busy_server):
    """From then on the connection has no requests that could end."""
    with busy_server.client() as client, busy_server.client() as other:
        client.send(wire.request(path="/upgrade", connection="upgrade", upgrade="messages"))
        assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
        assert client.is_silent() and other.ask(path="/publish").text == "1\n"
        assert client.rest() == b"news"
        wire.wait_until(lambda: other.ask(path="/count").text == "0\n")
        assert client.ends()
        client.close()
        assert other.ask(path="/upgrade").status == 426 and other.ask(path="/count").text == "0\n"

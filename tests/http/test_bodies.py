# SPDX-License-Identifier: MIT
"""Request bodies: with Content-Length and in chunks, read, not read and half read; and what the answer says."""

import random
import threading

import programs
import pytest
import wire

SIZES = (0, 1, 2, 4095, 4096, 8191, 8192, 8193, 65536, 300000)
HEAD = "POST {} HTTP/1.1\r\nHost: x\r\n"


def body_of(size):
    return random.Random(size).randbytes(size)


@pytest.mark.parametrize("path", ["/echo", "/stream"])
@programs.also_masked
def test_content_length(probe, mixin, path):
    with probe(*programs.as_settings(mixin)).client() as client:
        for size in SIZES:
            assert client.ask("POST", path, body_of(size)).body == body_of(size)


@pytest.mark.parametrize("path", ["/echo", "/stream"])
@programs.also_masked
def test_chunks(probe, mixin, path):
    with probe(*programs.as_settings(mixin)).client() as client:
        for size in SIZES:
            body = body_of(size)
            for pieces in [body], [body[:1], body[1:]], [body[i:i + 997] for i in range(0, size, 997)]:
                assert client.ask("POST", path, pieces).body == body


@programs.also_masked
def test_reply_that_is_flushed(probe, mixin):
    """It is with the client before the handler does anything else, as the body that is sent only then shows."""
    with probe(*programs.as_settings(mixin)).client() as client:
        for _ in range(2):
            client.send(HEAD.format("/replied-early").encode() + b"Content-Length: 1\r\n\r\n")
            assert client.response().body == b"early"
            client.send(b"x")


def test_body_byte_by_byte(probe):
    with probe().client() as client:
        for body in (b"0123456789", [b"0", b"123", b"456789"]):
            for byte in wire.request("POST", "/echo", body):
                client.send(bytes([byte]))
            assert client.response().body == b"0123456789"


def test_lines_and_the_end(probe):
    """A body ends where it ends, whatever follows it on the connection."""
    with probe().client() as client:
        for body in (b"one\ntwo\nthree", [b"on", b"e\ntwo", b"\n", b"three"]):
            client.send(wire.request("POST", "/lines", body) + wire.request("GET", "/ignore"))
            assert client.response().body == b"4:one\n4:two\n5:threeend:0"
            assert client.response().body == b"ignored"


@programs.also_masked
def test_wrong_direction(probe, mixin):
    """What only reads is not written to, and the other way round; neither is the worse for it."""
    with probe(*programs.as_settings(mixin)).client() as client:
        for _ in range(2):
            assert client.ask("POST", "/wrong-direction", b"body").body == b"refused body"


# ---------------------------------------------------------------- not read


@pytest.mark.parametrize("path, answer", [("/ignore", b"ignored"), ("/half", b"0123"), ("/nowhere", None)])
@programs.also_masked
def test_unread_body_is_skipped(probe, mixin, path, answer):
    with probe(*programs.as_settings(mixin)).client() as client:
        for body in (b"0123456789" * 1000, [b"0123456789"] * 1000, b"0123" + wire.request(), [b"0123", wire.request()]):
            response = client.ask("POST", path, body)
            assert answer is None or response.body == answer
            assert not response.closes
        assert client.ask(path="/ignore").body == b"ignored"


def test_large_unread_body_closes(probe, mixin):
    """Too much to be skipped. The client, still sending, gets its answer all the same."""
    with probe(*programs.as_settings(mixin)).client() as client:
        client.send(HEAD.format("/ignore") + "Content-Length: 900000\r\n\r\n")
        client.send(b"x" * 900000)
        assert client.response().body == b"ignored"
        assert client.ends()


@pytest.mark.parametrize("pieces", [[wire.request(path="/reflect")] * 5000, [b"x" * 50000, wire.request(path="/reflect")] * 4],
                         ids=["many", "long"])
def test_large_unread_body_in_chunks_closes(probe, pieces):
    """Its size is not known before: the answer is there, and then the connection ends."""
    with probe().client() as client:
        threading.Thread(target=client.send, args=(wire.request("POST", "/ignore", pieces),), daemon=True).start()
        assert client.response().body == b"ignored"
        assert client.ends()


def test_malformed_unread_body_closes(probe):
    """What is found out while skipping comes too late for an answer."""
    with probe().client() as client:
        client.send(HEAD.format("/ignore") + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nx\r\n\r\n")
        client.send(wire.request(path="/reflect"))
        assert client.response().body == b"ignored"
        assert client.ends()


@programs.also_masked
def test_body_that_ends_early(probe, mixin):
    """The client closes its side in the middle: 400, or nothing when the answer had begun."""
    server = probe(*programs.as_settings(mixin))
    for begin in ("Content-Length: 10\r\n\r\n12345", "Transfer-Encoding: chunked\r\n\r\na\r\n12345",
                  "Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n"):
        with server.client() as client:
            client.send(HEAD.format("/echo") + begin).end()
            assert client.response().status == 400
            assert client.ends()
        with server.client() as client:
            client.send(HEAD.format("/ignore") + begin).end()
            assert client.response().body == b"ignored"
            assert client.ends()
    assert server.ask(path="/ignore").status == 200


def test_client_that_vanishes_in_the_middle(probe, mixin):
    server = probe(*programs.as_settings(mixin))
    for begin in ("Content-Length: 1000000\r\n\r\n12345", "Transfer-Encoding: chunked\r\n\r\na\r\n12345"):
        for path in "/echo", "/stream", "/ignore":
            with server.client() as client:
                client.send(HEAD.format(path) + begin).reset()
    assert server.ask(path="/ignore").status == 200


# ---------------------------------------------------------------- limits


def test_411(probe):
    """Due where a handler insists on knowing the length."""
    with probe().client() as client:
        assert client.ask("PUT", "/x", b"abc").body == b"abc"
        assert client.ask("PUT", "/x", [b"abc"]).status == 411
        assert client.ends()


def test_413(probe):
    server = probe("max_body=1000")
    with server.client() as client:
        for body in (b"x" * 1000, [b"x" * 500, b"x" * 500]):
            assert client.ask("POST", "/echo", body).status == 200
    for path in "/echo", "/ignore":
        with server.client() as client:
            response = client.ask("POST", path, b"x" * 1001)
            assert response.status == 413 and response.get("Connection") == "close"
            assert client.ends()
    for pieces in [b"x" * 1001], [b"x" * 500, b"x" * 501]:
        with server.client() as client:
            assert client.ask("POST", "/echo", pieces).status == 413
            assert client.ends()


def test_413_without_the_body(probe):
    """A client that waits for 100 hears of it before it sends anything."""
    with probe("max_body=1000").client() as client:
        client.send(wire.request("POST", "/echo", b"", content_length=1001, expect="100-continue"))
        assert client.response().status == 413
        assert client.ends()


# ---------------------------------------------------------------- 100-continue


@programs.also_masked
def test_continue_with_chunks(probe, mixin):
    with probe(*programs.as_settings(mixin)).client() as client:
        for _ in range(3):
            client.send(HEAD.format("/stream") + "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
            assert client.response().status == 100
            assert client.send("5\r\nhello\r\n0\r\n\r\n").response().body == b"hello"


def test_refusal_instead_of_continue(httpserver):
    with httpserver().client() as client:
        client.send(wire.request("POST", "/", b"", content_length=5, expect="100-continue"))
        response = client.response()
        assert response.status == 405 and response.get("Connection") == "close"
        assert client.ends()

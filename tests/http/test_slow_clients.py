# SPDX-License-Identifier: MIT
"""Clients that take their time, and those that take everybody's."""

import time

import programs
import pytest
import wire

BIG = 30_000_000  # bytes: more than the sockets hold between them


def test_reader_that_pauses(probe, mixin):
    """A player that has enough for now is not cut, however short the time is that input may take."""
    server = probe("request_timeout=50", "write_timeout=20000", *programs.as_settings(mixin))
    with server.client(receive_buffer=1 << 17) as client:
        client.send(wire.request(path=f"/big?{BIG}"))
        client.fill()
        time.sleep(0.3)
        assert len(client.response().body) == BIG


def test_reader_that_pauses_longer_than_a_writer_may(probe, concurrent_mixin):
    """By default output has five times as long as input."""
    server = probe("request_timeout=400", *programs.as_settings(concurrent_mixin))
    with server.client(receive_buffer=1 << 17) as client:
        client.send(wire.request(path=f"/big?{BIG}"))
        client.fill()
        time.sleep(0.6)
        assert len(client.response().body) == BIG


@pytest.mark.parametrize("seconds", [1])
def test_reader_that_stops(httpserver, root, concurrent_mixin, seconds):
    """--write-timeout is how long it may."""
    with open(root / "big", "wb") as file:
        file.truncate(BIG)
    server = httpserver("--write-timeout", seconds, *concurrent_mixin)
    with server.client(receive_buffer=1 << 17) as client:
        client.send(wire.request(path="/big"))
        client.fill()
        wire.wait_until(client.is_given_up)
        with pytest.raises(wire.Ended):
            client.response()


# ---------------------------------------------------------------- a rate to keep to


def drip(client, data="x"):
    """Sends it again and again until there is an answer."""
    while client.is_silent(0.02):
        client.send(data)
    return client.response()


@pytest.mark.parametrize("head", ["POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
                                  "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n"])
def test_body_byte_by_byte(probe, mixin, head):
    """408, however steadily it comes."""
    server = probe("min_rate=10000", "rate_window=200", *programs.as_settings(mixin))
    with server.client() as client:
        response = drip(client.send(head))
        assert response.status == 408 and response.closes
    with server.client() as client:
        assert drip(client.send("POST /ec"), "h").status in (408, 400)
    assert server.ask(path="/ignore").status == 200


def test_rate_that_is_kept(probe, concurrent_mixin):
    """Windows follow each other; a pause within one is no matter, and there is none between requests."""
    server = probe("min_rate=1000", "rate_window=300", *programs.as_settings(concurrent_mixin))
    with server.client() as client:
        for _ in range(2):
            client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n")
            for _ in range(4):
                time.sleep(0.2)
                client.send("x" * 10000)
            assert len(client.response().body) == 40000
            time.sleep(0.5)


def test_no_rate(probe):
    server = probe("min_rate=0", "rate_window=50")
    with server.client() as client:
        client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        for _ in range(10):
            time.sleep(0.02)
            client.send("x")
        assert client.response().body == b"x" * 10


def test_answer_taken_too_slowly(probe, concurrent_mixin):
    """A window of output is as long as a reader may pause."""
    server = probe("min_rate=10000000", "rate_window=50", "write_timeout=300", *programs.as_settings(concurrent_mixin))
    with server.client(receive_buffer=1 << 16) as client:
        client.send(wire.request(path=f"/big?{BIG}"))

        def sip():
            client.socket.recv(8192)
            return client.is_given_up()

        wire.wait_until(sip)


# ---------------------------------------------------------------- clients that take everybody's time

HOLDERS = {"threading": 300, "forking": 60, "preforking,forking": 100, "preforking,threading": 300,
           "threadpool": 300, "preforking,threadpool": 300, "eventloop": 300}


@pytest.mark.parametrize("kind", ["half a head", "half a body", "a byte"])
@pytest.mark.parametrize("mixins", HOLDERS)
def test_one_client_that_holds_many_connections(httpserver, root, mixins, kind):
    """Clients of other addresses are served meanwhile, with the limits that are the default."""
    (root / "a.txt").write_text("hello")
    server = httpserver("-q", "--mixin", mixins)
    begun = {"half a head": "GET / HTTP/1.1\r\nHo", "half a body": "POST /a.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nh",
             "a byte": "G"}
    for _ in range(HOLDERS[mixins]):
        server.client().send(begun[kind])
    same = "threadpool" in mixins or "eventloop" in mixins  # a connection costs so little there
    for _ in range(5):
        with server.client(source="127.0.0.1" if same else "127.0.0.2", limit=programs.LIMIT) as client:
            assert client.ask(path="/a.txt").text == "hello"
    for client in server.clients:
        client.close()  # or the drain waits for them

# SPDX-License-Identifier: MIT
"""A connection carries many requests, until somebody wants otherwise; and what a drain does with it."""

import signal

import programs
import pytest
import wire

FILE = b"<!DOCTYPE html>\n<title>here</title>\n"


@pytest.fixture
def page(root):
    (root / "index.html").write_bytes(FILE)


@programs.also_masked
def test_many_requests_on_one_connection(httpserver, page, mixin):
    server = httpserver(*mixin)
    with server.client() as client:
        for _ in range(50):
            response = client.ask()
            assert response.body == FILE and not response.closes
            assert client.buffer == b""


@programs.also_masked
def test_connections_one_after_the_other(httpserver, page, mixin):
    server = httpserver(*mixin)
    for _ in range(30):
        assert server.ask(connection="close").body == FILE


@programs.also_masked
def test_idle_connections_wait_for_their_next_request(httpserver, page, concurrent_mixin):
    server = httpserver(*concurrent_mixin)
    clients = [server.client() for _ in range(20)]
    for _ in range(3):
        for client in clients:
            assert client.ask().body == FILE


def test_protocol_option_1_0(httpserver, page):
    server = httpserver("--protocol", "HTTP/1.0")
    for version in "HTTP/1.0", "HTTP/1.1":
        with server.client() as client:
            response = client.ask(version=version)
            assert response.version == "1.0" and response.closes and response.body == FILE
            assert client.ends()


def test_answers_without_body_keep_the_connection(httpserver, root, page):
    (root / "dir").mkdir()
    with httpserver().client() as client:
        for path, status in [("/dir", 301), ("/nowhere", 404), ("/", 200), ("/dir/", 200), ("/%2fnowhere", 404)]:
            for method in "GET", "HEAD":
                assert client.ask(method, path).status == status
        assert client.ask("OPTIONS").status == 204
        assert client.ask("DELETE").status == 405
        assert client.ask().body == FILE


def test_answer_of_unknown_length(probe):
    """In chunks for HTTP/1.1; for HTTP/1.0 until the connection ends, though it asked to keep it."""
    server = probe()
    with server.client() as client:
        for size in (0, 1, 8191, 8192, 8193, 100000):
            response = client.ask(path=f"/big?{size}")
            assert response.body == (b"0123456789" * 10000)[:size] and not response.closes
            assert (response.chunks is not None) == (size > 8192)
        assert client.ask(path="/big?100", version="HTTP/1.0", connection="keep-alive").get("Connection") == "keep-alive"
        response = client.ask(path="/big?100000", version="HTTP/1.0", connection="keep-alive")
        assert response.closes and len(response.body) == 100000 and client.ends()


@programs.also_masked
def test_idle_timeout(probe, mixin):
    server = probe("idle_timeout=100", *programs.as_settings(mixin))
    with server.client() as client:
        assert client.ask(path="/close?", connection="keep-alive").status == 200
    with server.client() as client:
        assert client.ask(path="/ignore").status == 200
        assert client.ends()  # without a word


# ---------------------------------------------------------------- the end of the server


def begin(client, path):
    """Sends a request, and returns when the first half of the answer is there."""
    client.send(wire.request(path=path))
    head = client.until(b"\r\n\r\n")
    assert client.exactly(5) == b"first"
    client.buffer = head + b"\r\n\r\nfirst" + client.buffer


@programs.also_masked
def test_drain_closes_idle_connections(httpserver, page, mixin):
    server = httpserver(*mixin)
    client, silent = server.client(), server.client()
    assert client.ask().body == FILE
    server.stop()
    assert client.ends()
    # Who has not said anything yet has not been accepted either (TCP_DEFER_ACCEPT).
    assert silent.send(wire.request()).ends()


@programs.also_masked
def test_drain_lets_a_request_end(probe, mixin):
    server = probe(*programs.as_settings(mixin))
    with server.client() as client:
        begin(client, "/halves?300")
        server.stop()
        assert client.response().body == b"firstother"
        assert client.ends()


@programs.also_masked
def test_drain_answers_what_was_sent_before(probe, mixin):
    """A pipelined request behind one in progress, whose answer could not say "close" any more."""
    server = probe(*programs.as_settings(mixin))
    with server.client() as client:
        client.send(wire.request(path="/halves?300") + wire.request(path="/ignore"))
        head = client.until(b"\r\n\r\n")
        server.stop()
        client.buffer = head + b"\r\n\r\n" + client.buffer
        assert client.response().body == b"firstother"
        response = client.response()
        assert response.body == b"ignored" and response.get("Connection") == "close"
        assert client.ends()


@programs.also_masked
def test_drain_says_close(probe, mixin):
    server = probe(*programs.as_settings(mixin))
    with server.client() as idle, server.client() as client:
        if "sequential" not in mixin:
            idle.ask(path="/ignore")
        client.send(wire.request("POST", "/echo", b"", content_length=5, expect="100-continue"))
        assert client.response().status == 100  # it is in progress
        server.send_signal(signal.SIGTERM)
        if "sequential" not in mixin:
            assert idle.ends()  # the drain has begun
        response = client.send(b"12345").response()
        assert response.body == b"12345" and response.get("Connection") == "close"
        assert client.ends()
        server.check(server.wait())


@programs.also_masked
def test_drain_has_an_end(probe, mixin):
    """A request that does not end is cut off at shutdown_timeout."""
    server = probe("shutdown_timeout=100", *programs.as_settings(mixin))
    with server.client() as client:
        begin(client, "/halves?1000000")
        server.stop()
        assert b"other" not in client.rest()


@programs.also_masked
def test_second_signal_forces(probe, mixin):
    server = probe("shutdown_timeout=1000000", *programs.as_settings(mixin))
    with server.client() as client:
        begin(client, "/halves?1000000")
        server.send_signal(signal.SIGTERM)
        server.send_signal(signal.SIGINT)
        server.check(server.wait(), expected=130)
        assert b"other" not in client.rest()


@programs.also_masked
def test_drain_answers_those_in_the_queue(httpserver, page, mixin):
    """They have connected, and sent a request, before the server is told to end; it finds them when it has been told."""
    server = httpserver(*mixin)
    assert server.ask(connection="close").body == FILE
    with server.stopped(signal.SIGTERM):
        clients = [server.client().send(wire.request()) for _ in range(10)]
    for client in clients:
        response = client.response()
        assert response.body == FILE
        # a worker, or another loop, may find them before the thread that hears of the end has gone on
        if "preforking" not in mixin[1] and "--workers" not in mixin:
            assert response.get("Connection") == "close"
        assert client.ends()
    server.check(server.wait())


@pytest.mark.parametrize("name", ["eventloop", "threading", "threadpool"])
def test_the_last_descriptor_costs_nobody_a_connection(httpserver, page, name):
    """accept(2) fails for want of one although nobody has come; only who has come is a reason to close another."""
    server = httpserver("--mixin", name)
    with server.client() as idle:
        assert idle.ask(path="/index.html").body == FILE
        with server.descriptors_left(1), server.client() as last:
            assert last.ask().status in (200, 503)
            assert idle.ask().status in (200, 503)

# SPDX-License-Identifier: MIT
"""A server that is stopped for a while, as one that its machine has no time for: what has come meanwhile is looked at before
the clock."""

import time

import programs
import pytest

pytestmark = pytest.mark.skipif(programs.SANITIZED, reason="tests of time and of crowds run once, without sanitizers")

STOPPED = 0.6  # seconds, which is longer than what the servers here wait for
WAIT = 450  # ms


def stop_and_send(server, clients, data):
    with server.stopped():
        for client in clients:
            client.send(data)
        time.sleep(STOPPED)


def test_request_that_has_come_meanwhile(probe, mixin):
    """The time of an idle connection is over, and so is that of half a head; both have become requests."""
    server = probe(f"idle_timeout={WAIT}", f"head_timeout={WAIT}", *programs.as_settings(mixin))
    with server.client() as client:
        assert client.ask(path="/ignore").status == 200
        stop_and_send(server, [client], "GET /ignore HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.response().status == 200
        assert client.send("GET /ignore HT").is_silent(0.03)
        stop_and_send(server, [client], "TP/1.1\r\nHost: x\r\n\r\n")
        assert client.response().status == 200


def test_body_that_has_come_meanwhile(probe, mixin):
    """The rate that is asked for does not count it as a client's silence."""
    server = probe("min_rate=10000", f"rate_window={WAIT}", *programs.as_settings(mixin))
    with server.client() as client:
        client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n" + 5000 * "x")
        assert client.is_silent(0.03)
        stop_and_send(server, [client], 35000 * "x")
        response = client.response()
        assert response.status == 200 and len(response.body) == 40000

# SPDX-License-Identifier: MIT
"""Requests that are answered later, and parked until then (http_later; tests/http/polls.c)."""

import errno
import json
import re
import signal

import programs
import pytest
import wire


@pytest.fixture
def server(probe, mixin):
    return probe(*programs.as_settings(mixin), program="polls")


@pytest.fixture
def together(probe, concurrent_mixin):
    return probe("log=json", *programs.as_settings(concurrent_mixin), program="polls")


def ask(server, path):
    response = server.ask(path=path)
    assert response.status == 200, response
    return response.text


def refs(server):
    """Those of the requests that wait, or have waited."""
    return re.findall("^ref (.*)$", server.log, re.MULTILINE)


def publish(server, text, receivers=1):
    """Waits until so many have subscribed. (What is sent before they are parked they find when they are.)"""
    wire.wait_until(lambda: len(refs(server)) >= receivers)
    assert ask(server, f"/publish/{text}") == str(receivers)


def heard(response, text, path, channel="room", method="GET", host="localhost", fields=1, one="-", empty="-", minor=1):
    """True when all that is known of the request is what was sent."""
    assert response.status == 200, response
    return response.text == "|".join([text, channel, method, path, host, f"{method} {path} HTTP/1.{minor}", str(fields),
                                      one, empty, str(minor), "0"])


def test_time_that_is_over(server):
    with server.client() as client:
        for path in "/poll?ms=1", "/poll?ms=40":
            assert heard(client.ask(path=path), "none", path, "-")
        assert client.ask(path="/poll?ms=1&204").status == 204
        assert client.ask(path="/poll?ms=1&fail").status == 500
        assert client.ends()
    with server.client() as client:
        assert client.ask(path="/poll?ms=1&fail&silent").status == 500  # nothing was answered
        assert client.ends()
    with server.client() as client:
        assert client.ask(path="/wrong").text == "refused" and client.ask(path="/wrong?begun").text == "refused"
        assert client.ask(path="/plain").text == "/plain"


def test_answers(together):
    with together.client() as client:
        for i in range(1, 4):
            path = f"/poll?{i}"
            client.send(wire.request(path=path, x_one="1, 2", x_empty="", cookie="c" * 3000))
            wire.wait_until(lambda: len(refs(together)) == i)
            publish(together, f"news{i}")
            response = client.final()
            assert heard(response, f"news{i}", path, fields=4, one="1, 2", empty="") and not response.closes
        assert client.ask(path="/plain").text == "/plain"
        assert ask(together, f"/post/{refs(together)[-1]}") == str(-errno.ESTALE)


def publish_next(server, text, before):
    wire.wait_until(lambda: len(refs(server)) > before)
    assert ask(server, f"/publish/{text}") == "1"


@pytest.mark.parametrize("body", [b"x" * 500, [b"abc", b"x" * 20_000]], ids=["counted", "chunked"])
def test_bodies(together, body):
    """A body that nobody has read is skipped, and the next request is found behind it."""
    with together.client() as client:
        client.send(wire.request("POST", "/poll", body))
        publish(together, "x")
        assert heard(client.final(), "x", "/poll", method="POST", fields=2)
        assert client.ask(path="/plain").text == "/plain"


def test_other_requests(together):
    """HEAD, HTTP/1.0, a target with raw bytes, an absolute one; refs instead of channels."""
    with together.client() as client:
        client.send(wire.request("HEAD", "/poll"))
        publish_next(together, "head", 0)
        response = client.final("HEAD")
        assert response.status == 200 and int(response.get("Content-Length")) > 10
        client.send(wire.request(path="/poll?\xc3\xa9"))
        publish_next(together, "raw", 1)
        assert client.final().text.startswith("raw|room|GET|/poll?%C3%A9|localhost|GET /poll?")
        client.send(wire.request(path="http://other:80/poll"))
        publish_next(together, "absolute", 2)
        assert client.final().text.startswith("absolute|room|GET|/poll|other:80|GET http://other:80/poll HTTP/1.1|1|")
        client.send(wire.request(path="/poll"))
        wire.wait_until(lambda: len(refs(together)) == 4)
        assert ask(together, f"/post/{refs(together)[-1]}") == "0"
        assert heard(client.final(), "posted", "/poll", "-")
    with together.client() as client:
        client.send(wire.request(path="/poll", version="HTTP/1.0"))
        publish_next(together, "old", 4)
        assert heard(client.final(), "old", "/poll", minor=0)
        assert client.ends()


@programs.also_masked
def test_pipelining(together):
    """Requests behind one that waits are answered behind it, and not before."""
    with together.client() as client:
        client.send(wire.request(path="/poll?a") + wire.request(path="/b") + wire.request(path="/poll?c") +
                    wire.request(path="/d"))
        publish_next(together, "one", 0)
        assert heard(client.final(), "one", "/poll?a") and client.final().text == "/b"
        publish_next(together, "two", 1)
        assert heard(client.final(), "two", "/poll?c") and client.final().text == "/d"
        client.send(wire.request(path="/poll?e"))
        wire.wait_until(lambda: len(refs(together)) == 3)
        client.send(wire.request(path="/f"))
        publish_next(together, "three", 2)
        assert heard(client.final(), "three", "/poll?e") and client.final().text == "/f"


def test_many_at_once(together):
    clients = [together.client() for _ in range(10)]
    for client in clients:
        client.send(wire.request(path="/poll"))
    publish(together, "all", len(clients))
    for client in clients:
        assert heard(client.final(), "all", "/poll")


def test_several_messages(together):
    with together.client() as client:
        for _ in range(2):
            before = len(refs(together))
            client.send(wire.request(path="/count"))
            wire.wait_until(lambda: len(refs(together)) > before)
            for i in range(3):
                assert ask(together, f"/publish/{i}") == "1"
            assert client.final().text == "3"
    wire.wait_until(lambda: "released 3" in together.log)


def test_delegates_and_upgrades(together):
    with together.client() as client:
        client.send(wire.request(path="/delegate"))
        publish_next(together, "x", 0)
        response = client.final()
        assert heard(response, "x", "/delegate") and response.get("Server") == "Other"
        client.send(wire.request(path="/poll?upgrade"))
        publish_next(together, "x", 1)
        assert client.final().status == 426
        client.send(wire.request(path="/poll?upgrade", connection="upgrade", upgrade="echo"))
        publish_next(together, "x", 2)
        assert client.final().status == 101
        assert client.send(b"hello\n").until(b"\n") == b"hello"


@pytest.mark.parametrize("path", ["/poll", "/count"])
def test_the_server_stops(together, path):
    """Who waits is answered now."""
    clients = [together.client() for _ in range(3)]
    for client in clients:
        client.send(wire.request(path=path))
    clients[2].send(wire.request(path="/plain"))
    wire.wait_until(lambda: len(refs(together)) == 3)
    together.send_signal(signal.SIGTERM)
    for client in clients:
        response = client.final()
        assert response.text == "0" if path == "/count" else heard(response, "none", path, "-")
        assert response.closes and client.ends()
        client.close()  # so that nobody waits for what it might still send
    together.check(together.wait())


@pytest.mark.parametrize("leave", ["close", "end", "reset"])
def test_a_client_that_leaves(together, leave):
    with together.client() as client:
        client.send(wire.request(path="/count"))
        wire.wait_until(lambda: len(refs(together)) == 1)
        getattr(client, leave)()
        if leave == "end":
            assert client.ends()
    wire.wait_until(lambda: "released 0" in together.log)
    assert ask(together, f"/post/{refs(together)[0]}") == str(-errno.ESTALE)
    lines = [json.loads(line) for line in together.log.splitlines() if line.startswith("{")]
    assert [line["status"] for line in lines if line["path"] == "/count"] == [None]


def test_the_log(probe):
    server = probe("log=json", program="polls")
    with server.client() as client:
        assert client.ask(path="/poll?ms=50", user_agent="me").status == 200
        assert client.ask(path="/plain").status == 200
    lines = [json.loads(line) for line in wire.wait_until(lambda: re.findall(r"^\{.*\}$", server.log, re.MULTILINE)[1:] and
                                                          re.findall(r"^\{.*\}$", server.log, re.MULTILINE))]
    assert [(line["path"], line["status"], line["user_agent"]) for line in lines] == [("/poll?ms=50", 200, "me"),
                                                                                     ("/plain", 200, None)]
    assert lines[0]["duration_ms"] >= 25

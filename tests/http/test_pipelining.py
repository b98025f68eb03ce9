# SPDX-License-Identifier: MIT
"""Requests sent without waiting for the answers: all are answered, in order, and no byte is taken for another's."""

import os
import random
import signal
import threading

import programs
import pytest
import wire


@pytest.fixture
def numbered(root):
    for i in range(16):
        (root / f"{i}.txt").write_text(f"file {i}\n" * (i * 40 + 1))
    return [(root / f"{i}.txt").read_bytes() for i in range(16)]


@programs.also_masked
def test_16(httpserver, numbered, mixin):
    server = httpserver(*mixin)
    with server.client() as client:
        for _ in range(10):
            client.send(b"".join(wire.request(path=f"/{i}.txt") for i in range(16)))
            assert [client.response().body for _ in range(16)] == numbered


@programs.also_masked
def test_1000(httpserver, numbered, mixin):
    """More than any buffer holds, in both directions: who writes without reading must not block for ever."""
    server = httpserver(*mixin)
    with server.client() as client:
        requests = b"".join(wire.request(path=f"/{i % 16}.txt") for i in range(1000))
        writer = threading.Thread(target=client.send, args=(requests,), daemon=True)
        writer.start()
        for i in range(1000):
            assert client.response().body == numbered[i % 16]
        writer.join(programs.LIMIT)
        assert client.is_silent(0.05)


@programs.also_masked
def test_mixed_with_bodies_and_heads(probe, numbered, mixin):
    server = probe(*programs.as_settings(mixin))
    random.seed(7)
    with server.client() as client:
        expected, data = [], b""
        for i in range(200):
            body = random.randbytes(random.choice([0, 1, 5, 100, 5000]))
            kind = random.randrange(6)
            if kind == 0:
                data += wire.request("POST", "/echo", body)
                expected.append(("POST", 200, body))
            elif kind == 1:
                data += wire.request("POST", "/stream", [body[:50], body[50:]])
                expected.append(("POST", 200, body))
            elif kind == 2:
                data += wire.request("POST", "/ignore", [body] if i % 2 else body)
                expected.append(("POST", 200, b"ignored"))
            elif kind == 3:
                data += wire.request("HEAD", "/3.txt")
                expected.append(("HEAD", 200, b""))
            elif kind == 4:
                data += wire.request("POST", "/nowhere", body)
                expected.append(("POST", 404, None))
            else:
                data += wire.request("GET", f"/{i % 16}.txt")
                expected.append(("GET", 200, numbered[i % 16]))
        threading.Thread(target=client.send, args=(data,), daemon=True).start()
        for method, status, body in expected:
            response = client.response(method)
            assert response.status == status
            assert body is None or response.body == body


def test_any_cut(httpserver, numbered):
    """However the bytes are cut into segments."""
    server = httpserver()
    data = b"\r\n" + b"".join(wire.request(path=f"/{i}.txt", x_padding="p" * i) for i in range(4))
    for step in (1, 2, 3, 7, 31, 64):
        with server.client() as client:
            for at in range(0, len(data), step):
                client.send(data[at:at + step])
            assert [client.response().body for _ in range(4)] == numbered[:4]


def test_nothing_behind_the_last_request_is_answered(httpserver, numbered):
    for fields in {"connection": "close"}, {"version": "HTTP/1.0"}:
        with httpserver().client() as client:
            client.send(wire.request(path="/1.txt") + wire.request(path="/2.txt", **fields) + wire.request(path="/3.txt"))
            assert client.response().body == numbered[1]
            assert client.response().body == numbered[2]
            assert client.ends()


@programs.also_masked
def test_half_closed_connection_gets_its_answers(httpserver, numbered, mixin):
    """`printf ... | nc`: the client ends its side right behind the requests."""
    server = httpserver(*mixin)
    with server.client() as client:
        client.send(wire.request(path="/1.txt") * 20).end()
        for _ in range(20):
            assert client.response().body == numbered[1]
        assert client.ends()


def test_one_fast_client_does_not_starve_others(httpserver, numbered, concurrent_mixin):
    server = httpserver(*concurrent_mixin)
    greedy = os.fork()  # a thread of ours would be the slower part
    if greedy == 0:
        client = wire.Client(server.address)
        threading.Thread(target=client.rest, daemon=True).start()
        while True:
            client.send(wire.request(path="/0.txt") * 1000)
    try:
        for _ in range(20):
            assert server.ask(path="/2.txt").body == numbered[2]
    finally:
        os.kill(greedy, signal.SIGKILL)
        os.waitpid(greedy, 0)

# SPDX-License-Identifier: MIT
"""Whatever a client sends: a clear error or a close, nothing behind a refusal is taken for a request, and others are
served meanwhile and afterwards."""

import random
import threading

import programs
import pytest
import wire

GOOD = wire.request(path="/ignore")
HEAD = "GET /ignore HTTP/1.1\r\nHost: x\r\n"


def refused(server, data, *statuses):
    """Sends it with a good request behind; returns the response, the only one."""
    with server.client() as client:
        client.send(data).send(GOOD)
        response = client.response()
        assert response.status in (statuses or (400,)), response
        assert response.get("Connection") == "close"
        assert client.ends()
        return response


@pytest.fixture
def server(probe):
    """At the end it must still be of use."""
    server = probe()
    yield server
    assert server.ask(path="/ignore").body == b"ignored"


@pytest.mark.parametrize("line", [
    "GET", "GET /", "GET / HTTP", "GET / HTTP/", "GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET / HTTP/1.1 x",
    " GET / HTTP/1.1", "GET\t/\tHTTP/1.1", "GET / HTTP/1.1\x00", "GET /\x00 HTTP/1.1", "G\x00ET / HTTP/1.1",
    "GET /a b HTTP/1.1", "GET /\r HTTP/1.1", "GET /\x7f HTTP/1.1", "GET /\x01 HTTP/1.1", "GET \\ HTTP/1.1",
    "GET ? HTTP/1.1", "GET # HTTP/1.1", "GET http:// HTTP/1.1", "GET http:///x HTTP/1.1", "GET ftp://x/ HTTP/1.1",
    "GET http://a b/ HTTP/1.1", "GET http://x:99999/ HTTP/1.1", "GET http://u:p@x/ HTTP/1.1", "GET http://[::1/ HTTP/1.1",
    "GET //", "HTTP/1.1 200 OK", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x00\x00\x00", "\xff\xfe\xfd", "\x80",
    "PRI * HTTP/2.0", "SSH-2.0-OpenSSH_9.2", "GET / ICAP/1.0", "GET / HTTP/1.1\x0b", "<html>", "{}", ":", "-", "%",
])
def test_request_lines(server, line):
    refused(server, line + "\r\nHost: x\r\n\r\n", 400, 505)


@pytest.mark.parametrize("seed", range(20))
def test_garbage(server, seed):
    """Of every kind and length. It may not look like a request by chance: it begins with no token."""
    dice = random.Random(seed)
    for size in (1, 10, 100, 10000, 100000):
        with server.client() as client:
            client.send(bytes([dice.choice(b'\x00\x80\xff(),/:;<=>?@[\\]{}" ')]) + dice.randbytes(size))
            assert client.response().status in (400, 414)
            assert client.ends()


@pytest.mark.parametrize("seed", range(20))
def test_mutations(server, seed):
    """A good request with a few bytes changed: any answer that HTTP knows, and never more of them than requests."""
    dice = random.Random(seed)
    good = wire.request("POST", "/echo", [b"hello", b"world"], x_y="z", connection="close") + GOOD
    for _ in range(40):
        data = bytearray(good)
        for _ in range(dice.randrange(1, 4)):
            data[dice.randrange(len(data))] = dice.choice([0, 10, 13, 32, 58, 48, 255, dice.randrange(256)])
        with server.client() as client:
            client.send(bytes(data)).end()
            answers = 0
            try:
                while client.buffer or client.fill():
                    assert 200 <= client.final().status < 600
                    answers += 1
            except wire.Ended as ended:
                assert ended.partial == b""
            assert answers <= 2



# ---------------------------------------------------------------- too little, too slow


@pytest.mark.parametrize("data", ["G", "GET /ignore HTTP/1.1", "GET /ignore HTTP/1.1\r\n", HEAD, HEAD + "X: y", HEAD + "\r"])
@programs.also_masked
def test_half_a_request(probe, mixin, data):
    """The client ends its side in the middle of a head."""
    server = probe(*programs.as_settings(mixin))
    with server.client() as client:
        assert client.send(data).end().response().status == 400
        assert client.ends()
    with server.client() as client:
        client.send(data).reset()
    assert server.ask(path="/ignore").status == 200


def test_nothing_at_all(probe, mixin):
    """Connections that open and close, politely or not."""
    server = probe(*programs.as_settings(mixin))
    for i in range(20):
        client = wire.Client(server.address)
        if i % 3 == 0:
            assert client.end().ends()
        elif i % 3 == 1:
            client.reset()
        client.close()
    assert server.ask(path="/ignore").status == 200


def test_slow_head(probe, mixin):
    """408 at the deadline, however busy the client seems to be. (slowloris)"""
    server = probe("head_timeout=300", *programs.as_settings(mixin))
    with server.client() as client:
        client.send("GET /ignore HTTP/1.1\r\n")
        while client.is_silent(0.02):
            client.send("X: y\r\n")
        assert client.response().status == 408
        assert client.ends()
    assert server.ask(path="/ignore").status == 200


def test_slow_body(probe, mixin):
    server = probe("request_timeout=200", *programs.as_settings(mixin))
    for framing in "Content-Length: 9", "Transfer-Encoding: chunked":
        with server.client() as client:
            client.send(f"POST /echo HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n")
            response = client.response()
            assert response.status == 408 and response.get("Connection") == "close"
            assert client.ends()
    assert server.ask(path="/ignore").status == 200


def test_client_that_does_not_read(probe, mixin):
    """It is given up at the deadline, and holds nobody up after it."""
    server = probe("request_timeout=200", *programs.as_settings(mixin))
    with server.client(receive_buffer=1 << 17) as client:
        client.send(wire.request(path="/big?50000000"))
        client.fill()
        wire.wait_until(client.is_given_up)
        assert server.ask(path="/ignore").status == 200
        with pytest.raises(wire.Ended):
            client.response()


def test_stuck_clients_hold_up_nobody(probe, concurrent_mixin):
    server = probe(*programs.as_settings(concurrent_mixin))
    with server.client() as silent, server.client() as half, server.client(receive_buffer=1 << 17) as deaf:
        half.send("GET /igno")
        deaf.send(wire.request(path="/big?50000000"))
        deaf.fill()
        for _ in range(10):
            assert server.ask(path="/ignore").status == 200
        assert half.send("re HTTP/1.1\r\nHost: x\r\n\r\n").response().body == b"ignored"
        assert silent.ask(path="/ignore").body == b"ignored"
        deaf.reset()


def test_drain_does_not_wait_for_stuck_clients(probe, mixin):
    server = probe("shutdown_timeout=200", *programs.as_settings(mixin))
    with server.client(receive_buffer=1 << 17) as deaf, server.client() as half:
        deaf.send(wire.request(path="/big?50000000"))
        deaf.fill()
        half.send("GET /igno")
        server.stop()


def test_many_bad_clients_at_once(probe, concurrent_mixin):
    server = probe(*programs.as_settings(concurrent_mixin))
    assert server.ask(path="/ignore").status == 200
    before = server.descriptors()

    def misbehave(seed):
        dice = random.Random(seed)
        for _ in range(10):
            with wire.Client(server.address) as client:
                client.send(dice.choice([b"\x00", b"GET", GOOD[:-2], GOOD * 3, b"x" * 50000]))
                dice.choice([client.reset, client.close, lambda: client.end().rest()])()

    threads = [threading.Thread(target=misbehave, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.ask(path="/ignore").status == 200
    wire.wait_until(lambda: server.descriptors() <= before + 4)

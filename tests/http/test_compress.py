# SPDX-License-Identifier: MIT
"""http_compress: what a handler writes leaves in the coding that the client likes best (RFC 9110 8.4, 12.5.3)."""

import base64
import collections
import random
import re

import coding
import programs
import pytest
import wire

MADE = coding.made()
ALL = "gzip, br, zstd"


def lines(count):
    return b"".join(b"line %d of %d\n" % (i, count) for i in range(count))


@pytest.fixture(params=MADE)
def name(request):
    return request.param


def test_short_answer(probe, name):
    """What fits into the buffer when it is compressed is counted."""
    with probe().client() as client:
        response = client.ask(path="/compressed?500", accept_encoding=name)
        assert response.get("Content-Encoding") == name and response.get("Vary") == "Accept-Encoding"
        assert int(response.get("Content-Length")) < 4000
        assert coding.body(response) == lines(500)
        assert client.ask(path="/ignore").status == 200


def test_long_answer(probe, name, mixin):
    server = probe(f"mixin={mixin[1].replace('sequential', '')}", *(f"workers={n}" for n in mixin[3:4]))
    with server.client() as client:
        for _ in range(3):
            response = client.ask(path="/compressed?100000", accept_encoding=name)
            assert response.chunks and len(response.body) < len(lines(100000)) / 3
            assert coding.body(response) == lines(100000)


def test_not_wanted(probe):
    """Vary is there all the same: a cache must know that there may be another form (RFC 9110 12.5.5)."""
    with probe().client() as client:
        for accept in None, "", "identity", "gzip;q=0, br;q=0, zstd;q=0", "deflate", "gzip;q=1.0000":
            response = client.ask(path="/compressed?500", accept_encoding=accept)
            assert "Content-Encoding" not in response and response.get("Vary") == "Accept-Encoding"
            assert response.body == lines(500)


@pytest.mark.skipif(len(MADE) < 3, reason="all codings are needed")
@pytest.mark.parametrize("accept, expected", [
    (ALL, "zstd"), ("*", "zstd"), ("gzip, br", "br"), ("zstd;q=0, *", "br"), ("gzip;q=0.5, br;q=0.4", "gzip"),
    ("identity;q=0.5, gzip;q=0.4", None), ("x-gzip", "gzip"), ("identity;q=0", None), ("zstd;q=0.1, gzip;q=0.10", "zstd")])
def test_best_one(probe, accept, expected):
    with probe().client() as client:
        assert client.ask(path="/compressed?500", accept_encoding=accept).get("Content-Encoding") == expected


def test_several_lines_of_the_field(probe, name):
    """RFC 9110 5.3"""
    with probe().client() as client:
        client.send(f"GET /compressed?500 HTTP/1.1\r\nHost: x\r\nAccept-Encoding: identity;q=0.5\r\naccept-encoding: {name}\r\n"
                    "\r\n")
        assert client.response().get("Content-Encoding") == name


def test_short_bodies_stay(probe, name):
    with probe().client() as client:
        for count in 0, 1, 50:
            response = client.ask(path=f"/compressed?{count}", accept_encoding=name)
            assert "Content-Encoding" not in response and response.get("Vary") == "Accept-Encoding"
            assert response.body == lines(count) and response.get("Content-Length") == str(len(response.body))


def test_head(probe, name):
    """RFC 9110 9.3.2: the fields of GET. What is only known at the end may be missing."""
    with probe().client() as client:
        for count in 10, 500, 100000:
            get = client.ask(path=f"/compressed?{count}", accept_encoding=name)
            head = client.ask("HEAD", f"/compressed?{count}", accept_encoding=name)
            left_out = ("date", "transfer-encoding")
            assert [f for f in get.fields if f[0].lower() not in left_out] == [
                f for f in head.fields if f[0].lower() not in left_out]


def test_flush_can_be_decoded(probe, name):
    with probe().client() as client:
        client.send(wire.request("POST", "/compressed-halves", accept_encoding=name, content_length=1))
        response = wire.parse_head(client.until(b"\r\n\r\n"))
        assert response.get("Content-Encoding") == name
        start = client.exactly(int(client.until(b"\r\n"), 16))
        assert coding.begun(name, start) == b"first"
        client.send("x")
        assert client.exactly(2) == b"\r\n"
        client.read_chunks(response)
        assert coding.decode(name, start + response.body) == b"firstother"


def test_output_leaves_before_input_is_waited_for(probe, name):
    """The same to a client of HTTP/1.0, whose body ends with the connection."""
    with probe().client() as client:
        client.send(wire.request("POST", "/compressed-halves", b"x", version="HTTP/1.0", accept_encoding=name))
        response = client.response()
        assert response.closes and coding.body(response) == b"firstother"


def test_content_length_is_that_of_what_is_sent(probe, name):
    with probe().client() as client:
        response = client.ask(path="/compressed-counted", accept_encoding=name)
        assert int(response.get("Content-Length")) < 1000 and len(coding.body(response)) == 3000
        response = client.ask(path="/compressed-counted")
        assert response.get("Content-Length") == "3000" == str(len(response.body))


@pytest.mark.parametrize("status", [200, 204, 206, 304])
def test_what_is_not_compressed(probe, name, status):
    """Twice, without a body, or a part of something."""
    with probe().client() as client:
        response = client.ask(path=f"/not-compressed?{status}", accept_encoding=name)
        assert response.get("Content-Encoding") == ("x-own" if status == 200 else None)
        assert response.get("Vary") == "Accept-Encoding"
        assert response.body in (b"", lines(1000))
        assert client.ask(path="/ignore").text == "ignored"


def test_failing_handler(probe, name):
    server = probe()
    with server.client() as client:
        response = client.ask(path="/compressed-fail?100", accept_encoding=name)
        assert response.status == 500 and "Content-Encoding" not in response
    with server.client() as client:
        client.send(wire.request(path="/compressed-fail?200000", accept_encoding=name))
        with pytest.raises(wire.Ended):
            client.response()


def test_another_answer_after_all(probe, name):
    with probe().client() as client:
        response = client.ask(path="/compressed-other", accept_encoding=name)
        assert response.status == 404 and "Content-Encoding" not in response and "404" in response.text
        assert client.ask(path="/ignore").status == 200


def test_client_disappears(probe, name, concurrent_mixin):
    """Nothing is left of what it had (the sanitizers look for leaks), and others are served."""
    settings = [f"mixin={concurrent_mixin[1]}", *(f"workers={n}" for n in concurrent_mixin[3:4]), "shutdown_timeout=0"]
    server = probe(*settings)
    for _ in range(3):
        client = server.client(receive_buffer=4096)
        client.send(wire.request(path="/compressed?1000000", accept_encoding=name))
        assert client.exactly(1000)
        client.reset()
    assert coding.body(server.ask(path="/compressed?500", accept_encoding=name)) == lines(500)
    stays = server.client(receive_buffer=4096)
    stays.send(wire.request(path="/compressed?1000000", accept_encoding=name))
    assert stays.exactly(1000)
    server.stop()
    stays.close()


def test_many_at_once(probe, name):
    """Each coder has about 1 MiB: behind 64 of them clients get the body as it is."""
    server = probe()
    clients = [server.client() for _ in range(70)]
    for client in clients:  # who is answered in full when it sends its byte
        client.send(wire.request("POST", "/compressed-halves", accept_encoding=name, content_length=1))
    heads = [client.until(b"\r\n\r\n") for client in clients]
    assert sum(b"Content-Encoding" in head for head in heads) == 64
    assert all(b"\r\nVary: Accept-Encoding" in head for head in heads)
    for client in clients:
        client.send("x")
    for client, head in zip(clients, heads):
        response = wire.parse_head(head)
        client.read_chunks(response)
        assert coding.body(response) == b"firstother"
        client.close()
    assert server.ask(path="/compressed?500", accept_encoding=name).get("Content-Encoding") == name


@pytest.mark.skipif(not MADE, reason="this build compresses nothing")
def test_curl(probe, tmp_path):
    server = probe()
    done = programs.run(["curl", "-sS", "--compressed", "-D", tmp_path / "head", server.url + "compressed?5000"])
    assert done.stdout.encode() == lines(5000)
    assert re.search("(?i)^content-encoding: ", (tmp_path / "head").read_text(), re.MULTILINE)


def answers(clients):
    """The status of each, and how many began a coded body."""
    heads = [wire.parse_head(client.until(b"\r\n\r\n")) for client in clients]
    for head in heads:
        assert (head.status == 503) == ("Retry-After" in head)
    return collections.Counter((head.status, head.get("Content-Encoding")) for head in heads)


@pytest.mark.parametrize("name, runner", [
    *((name, ["mixin=eventloop"]) for name in MADE), *((name, ["mixin=threading"]) for name in MADE[:1]),
    *((name, ["mixin=eventloop", "masked=left"]) for name in MADE[:1])])
@pytest.mark.parametrize("path", ["/compressed-halves", "/large.txt"])
def test_limit_for_those_who_take_nothing_else(probe, root, name, path, runner):
    """Slow readers that refuse identity: behind 64 coders they are told to come back, and can soon after."""
    (root / "large.txt").write_bytes(base64.encodebytes(random.Random(1).randbytes(8_000_000)))
    server = probe(*runner, "compress=all")
    only = f"{name}, identity;q=0"
    request = wire.request(path=path, accept_encoding=only)
    if path == "/compressed-halves":  # the other half comes when the client has sent its byte
        request = wire.request("POST", path, accept_encoding=only, content_length=1)
    clients = [server.client(receive_buffer=4096) for _ in range(80)]
    for client in clients:
        client.send(request)
    assert answers(clients) == {(200, name): 64, (503, None): 16}
    assert server.client().send(request).response().status == 503
    assert server.ask(path="/compressed?1000", accept_encoding=only).status == 503
    assert server.ask(path="/compressed?1000", accept_encoding=name).get("Content-Encoding") is None
    for client in clients:
        client.reset()
    wire.wait_until(lambda: server.ask(path="/compressed?1000", accept_encoding=only).get("Content-Encoding") == name)

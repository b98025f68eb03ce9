# SPDX-License-Identifier: MIT
"""RFC 9112 9: how long a connection lasts, in which order it is answered, and how it ends."""

import threading

import pytest
import rfc
import wire


@rfc.cases("version, fields, keeps", "9112", [
    ("9.3-1.1", "1.1", "", True),
    ("9.3-1.1-keep-alive", "1.1", "Connection: keep-alive", True),
    ("9.3-1.1-other", "1.1", "Connection: foo", True),
    ("9.3-1.1-empty", "1.1", "Connection:", True),
    ("9.3-1.2", "1.2", "", True),
    ("9.3-1.9-close", "1.9", "Connection: close", False),
    ("9.6-close", "1.1", "Connection: close", False),
    ("9.6-any-case", "1.1", "connection: CLOSE", False),
    ("9.6-mixed-case", "1.1", "CONNECTION: cLoSe", False),
    ("9.6-first-of-list", "1.1", "Connection: close, foo", False),
    ("9.6-last-of-list", "1.1", "Connection: foo, close", False),
    ("9.6-no-space", "1.1", "Connection: foo,close,bar", False),
    ("9.6-white-space", "1.1", "Connection: foo\t, \tclose\t,bar", False),
    ("9.6-empty-elements", "1.1", "Connection: ,,close,", False),
    ("9.6-with-keep-alive", "1.1", "Connection: keep-alive, close", False),
    ("9.6-before-keep-alive", "1.1", "Connection: close, keep-alive", False),
    ("9.6-second-field", "1.1", "Connection: foo\r\nConnection: close", False),
    ("9.6-first-field", "1.1", "Connection: close\r\nConnection: keep-alive", False),
    ("9.6-fields-apart", "1.1", "Connection: foo\r\nName: value\r\nConnection: bar, close", False),
    ("9.6-tab", "1.1", "Connection:\tclose\t", False),
    ("9.6-longer", "1.1", "Connection: closed", True),
    ("9.6-shorter", "1.1", "Connection: clos", True),
    ("9.6-prefix", "1.1", "Connection: x-close", True),
    ("9.6-words", "1.1", "Connection: foo close", True),
    ("9.6-quotes", "1.1", 'Connection: "close"', True),
    ("9.6-parameter", "1.1", "Connection: close=1", True),
    ("9.6-not-this-field", "1.1", "X-Connection: close", True),
    ("9.6-proxy", "1.1", "Proxy-Connection: close", True),
    ("9.6-keep-alive-field", "1.1", "Keep-Alive: timeout=0, max=0", True),
    ("9.3-1.0", "1.0", "", False),
    ("9.3-1.0-keep-alive", "1.0", "Connection: keep-alive", True),
    ("9.3-1.0-any-case", "1.0", "CONNECTION: Keep-Alive", True),
    ("9.3-1.0-list", "1.0", "Connection: foo, keep-alive", True),
    ("9.3-1.0-two-fields", "1.0", "Connection: foo\r\nConnection: keep-alive", True),
    ("9.3-1.0-close", "1.0", "Connection: close", False),
    ("9.3-1.0-both", "1.0", "Connection: keep-alive, close", False),
    ("9.3-1.0-both-in-two", "1.0", "Connection: close\r\nConnection: keep-alive", False),
    ("9.3-1.0-other", "1.0", "Connection: foo", False),
    ("9.3-1.0-similar", "1.0", "Connection: keepalive", False),
    ("9.3-1.0-words", "1.0", "Connection: keep-alive foo", False),
    ("9.3-1.0-proxy", "1.0", "Proxy-Connection: keep-alive", False),
    ("9.3-1.0-keep-alive-field", "1.0", "Keep-Alive: timeout=10", False),
])
def test_who_closes(message_server, version, fields, keeps):
    fields = fields or "Name: value"
    come = rfc.answered if keeps else rfc.answered_last
    for path, body in ("/ignore", "ignored"), ("/file.txt", "file"):
        response = come(message_server, rfc.get(fields, path, f"HTTP/{version}"), body=body)
        assert response.version == "1.1"
        assert response.get("Connection") == ("close" if not keeps else "keep-alive" if version == "1.0" else None)
    come(message_server, rfc.get(fields, "/nowhere", f"HTTP/{version}"), 404)
    come(message_server, rfc.post(f"{fields}\r\nContent-Length: 5", "hello", version=f"HTTP/{version}"), body="hello")


@pytest.mark.parametrize("size", [0, 1, 8192, 8193, 100000], ids=lambda n: f"9112-9.3-{n}-bytes")
def test_body_of_unknown_length(message_server, size):
    """In chunks for HTTP/1.1; RFC 9112 6.1: never for HTTP/1.0, where the end of the connection ends it."""
    body = ("0123456789" * 10000)[:size]
    path = f"/big?{size}"
    response = rfc.answered(message_server, rfc.get("Name: value", path), body=body)
    assert (response.chunks is not None) == (size > 8192)
    come = rfc.answered if size <= 8192 else rfc.answered_last
    response = come(message_server, rfc.get("Connection: keep-alive", path, "HTTP/1.0"), body=body)
    assert "Transfer-Encoding" not in response and response.version == "1.1"
    response = rfc.answered_last(message_server, rfc.get("Name: value", path, "HTTP/1.0"), body=body)
    assert "Transfer-Encoding" not in response
    response = rfc.answered_last(message_server, rfc.get("TE: chunked", path, "HTTP/1.0"), body=body)
    assert "Transfer-Encoding" not in response


def test_pipelining(message_server):
    """9112-9.3.2: in order, bodies and all."""
    sent, expected = b"", []
    for i in range(30):
        text = f"{i}" * i
        sent += rfc.post(f"Content-Length: {len(text)}", text)
        sent += rfc.post("Transfer-Encoding: chunked", wire.chunked([text.encode()]))
        sent += rfc.get("Name: value", "/file.txt") + rfc.post("Content-Length: 7", "skipped", "/ignore")
        sent += b"HEAD /file.txt HTTP/1.1\r\nHost: a\r\n\r\n" + rfc.get("Name: value", "/nowhere")
        expected += [("POST", 200, text), ("POST", 200, text), ("GET", 200, "file"), ("POST", 200, "ignored"),
                     ("HEAD", 200, ""), ("GET", 404, None)]
    for size in len(sent), 1000, 77:
        with wire.Client(message_server.address) as client:
            threading.Thread(target=lambda: [client.send(sent[at:at + size]) for at in range(0, len(sent), size)],
                             daemon=True).start()
            for method, status, text in expected:
                response = client.response(method)
                assert response.status == status and (text is None or response.text == text)
            client.send(rfc.LAST)
            assert client.response().body == b"ignored" and client.ends()


def test_refusal_behind_answers(message_server):
    """9112-9.3.2-refusal: the requests before a bad one get theirs, those behind it nothing."""
    with wire.Client(message_server.address) as client:
        client.send(rfc.get("Name: value", "/ignore") * 3 + b"GET / HTTP/1.1\r\n\r\n" + rfc.BEHIND * 3)
        assert [client.response().status for _ in range(4)] == [200, 200, 200, 400]
        assert client.ends()


@rfc.cases("data, status", "9112", [
    ("9.6-bad-head", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    ("9.6-bad-line", "GET / HTTP/1.1 x\r\n", 400),
    ("9.6-garbage", "\1\2\3", 400),
    ("9.6-version", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    ("9.6-unknown-method", "UNKNOWN / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n", 501),
    ("9.6-expectation", "POST / HTTP/1.1\r\nHost: a\r\nExpect: x\r\nContent-Length: 5000000\r\n\r\n", 417),
    ("9.6-long-line", "GET /" + "x" * 10000, 414),
    ("9.6-long-head", "GET / HTTP/1.1\r\nName: " + "x" * 40000, 431),
    ("9.6-body-too-large", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000000\r\n\r\n", 413),
    ("9.6-nobody-reads", "POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n", 404),
    ("9.6-nobody-reads-this", "POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n", 200),
    ("9.6-not-allowed", "DELETE / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n", 405),
    ("9.6-bad-chunk", "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400),
    ("9.6-close", "POST /ignore HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5000000\r\n\r\n", 200),
])
def test_answer_is_not_lost(message_server, data, status):
    """9.6: a client that goes on sending 5 MB finds its answer, which a reset would have destroyed."""
    with wire.Client(message_server.address) as client:
        client.send(data).send(b"x" * 5000000)
        assert client.response().status == status
        assert client.ends()


@rfc.cases("path", "9112", [("9.6-error", "/nowhere"), ("9.6-buffered-answer", "/reflect"), ("9.6-fails", "/fail")])
def test_close_is_announced(message_server, path):
    """9.6: where it is known in time that too much of the body is left to be skipped."""
    rfc.refused(message_server, rfc.post("Content-Length: 5000000", path=path), 200, 404, 500)


@rfc.cases("data", "9112", [
    ("9.6-requests-behind-a-refusal", b"GET / HTTP/1.1\r\n\r\n" + rfc.BEHIND * 10000),
    ("9.6-requests-behind-close", rfc.get("Connection: close", "/ignore") + rfc.BEHIND * 10000),
    ("9.6-requests-behind-1.0", rfc.get("Name: value", "/ignore", "HTTP/1.0") + rfc.BEHIND * 10000),
    ("9.6-requests-behind-bad-length", rfc.post("Content-Length: x", rfc.BEHIND * 10000)),
])
def test_nothing_behind_the_last_is_answered(message_server, data):
    with wire.Client(message_server.address) as client:
        client.send(data)
        assert client.response().closes
        assert client.ends()


@rfc.cases("data, bodies", "9112", [
    ("9.5-one", rfc.get("Name: value", "/ignore"), ["ignored"]),
    ("9.5-three", rfc.get("Name: value", "/ignore") * 3, ["ignored"] * 3),
    ("9.5-file", rfc.get("Name: value", "/file.txt"), ["file"]),
    ("9.5-length", rfc.post("Content-Length: 5", "hello"), ["hello"]),
    ("9.5-chunks", rfc.post("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"), ["hello"]),
    ("9.5-large-answer", rfc.get("Name: value", "/big?50000"), ["0123456789" * 5000]),
    ("9.5-empty-line-behind", rfc.get("Name: value", "/ignore") + b"\r\n", ["ignored"]),
])
def test_half_closed(message_server, data, bodies):
    """9.5: a client that has sent all it wants to say gets its answers."""
    with wire.Client(message_server.address) as client:
        client.send(data).end()
        assert [client.response().text for _ in bodies] == bodies
        assert client.ends()


def test_half_a_request_behind_a_whole_one(message_server):
    """9112-8-incomplete: it is refused, the whole one is not."""
    with wire.Client(message_server.address) as client:
        client.send(rfc.get("Name: value", "/ignore") + b"GET /ign").end()
        assert [client.response().status for _ in range(2)] == [200, 400]
        assert client.ends()

# SPDX-License-Identifier: MIT
"""RFC 9110: methods (9), Expect (10.1.1) and what a response may say and carry (6, 8, 15)."""

import programs
import pytest
import rfc
import wire

HOST = "\r\nHost: a\r\n\r\n"


# ---------------------------------------------------------------- methods


@rfc.cases("method", "9110", [
    (f"9.1-{method[:20]}", method) for method in (
        "FOO", "Get", "gET", "head", "post", "options", "GETT", "GE", "G", "GET1", "PROPFIND", "MKCOL", "LOCK", "SEARCH",
        "QUERY", "BREW", "NOTIFY", "SUBSCRIBE", "LINK", "PURGE", "SOURCE", "UPDATE", "1", "a.b", "GET*", "'GET'", "~", "X" * 500)
])
def test_unknown_methods(message_server, method):
    """9.1: 501; methods are case-sensitive."""
    rfc.refused(message_server, f"{method} /file.txt HTTP/1.1{HOST}", 501)
    rfc.refused(message_server, f"{method} /nowhere HTTP/1.1{HOST}", 501)


@rfc.cases("method", "9110", [(f"15.5.6-{method}", method) for method in ("DELETE", "PATCH", "TRACE")])
def test_method_not_allowed(message_server, method):
    """15.5.6: 405 with Allow, and the connection goes on."""
    for path in "/file.txt", "/nowhere", "/", "/echo":
        response = rfc.answered(message_server, f"{method} {path} HTTP/1.1{HOST}", 405, method)
        allowed = response.get("Allow").split(", ")
        assert {"GET", "HEAD", "OPTIONS", "POST"} <= set(allowed) and method not in allowed
    response = rfc.answered(message_server, f"{method} / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\nCookie: a=secret\r\n\r\n", 405)
    assert b"secret" not in response.body


@rfc.cases("path", "9110", [
    ("9.3.2-file", "/file.txt"), ("9.3.2-listing", "/"), ("9.3.2-redirect", "/dir"), ("9.3.2-not-found", "/nowhere"),
    ("9.3.2-small-answer", "/ignore"), ("9.3.2-no-length", "/big?100"),
    ("9.3.2-8192-bytes", "/big?8192"), ("9.3.2-chunks", "/big?8193"), ("9.3.2-many-chunks", "/big?100000"),
    ("9.3.2-204", "/status?204"), ("9.3.2-205", "/status?205"), ("9.3.2-304", "/status?304"), ("9.3.2-201", "/status?201"),
    ("9.3.2-500", "/status?500"), ("9.3.2-counted", "/counted?200"), ("9.3.2-handler-fails", "/fail"),
])
def test_head(message_server, path):
    """9.3.2: the fields of GET and no body, where the next answer begins at once."""
    with wire.Client(message_server.address) as client:
        get = client.send(f"GET {path} HTTP/1.1{HOST}").response()
    with wire.Client(message_server.address) as client:
        head = client.send(f"HEAD {path} HTTP/1.1{HOST}").response("HEAD")
        if head.closes:
            assert client.ends()
        else:
            assert client.send(rfc.LAST).response().body == b"ignored"
    fields = [{name: value for name, value in r.fields if name != "Date"} for r in (head, get)]
    assert fields[0] == fields[1] and head.status == get.status


@rfc.cases("data, status", "9110", [
    ("9.3.2-bad-version", f"HEAD / HTTP/1.10{HOST}", 400), ("9.3.2-no-version", f"HEAD /{HOST}", 400),
    ("9.3.2-other-version", f"HEAD / HTTP/2.0{HOST}", 505), ("9.3.2-bad-target", f"HEAD a HTTP/1.1{HOST}", 400),
    ("9.3.2-no-host", "HEAD / HTTP/1.1\r\n\r\n", 400), ("9.3.2-bad-field", f"HEAD / HTTP/1.1\r\nA : b{HOST}", 400),
    ("9.3.2-lf", "HEAD / HTTP/1.1\n", 400), ("9.3.2-expectation", f"HEAD / HTTP/1.1\r\nExpect: x{HOST}", 417),
    ("9.3.2-long-line", "HEAD /" + "x" * 9000 + f" HTTP/1.1{HOST}", 414), ("9.3.2-longer-line", "HEAD /" + "x" * 90000, 414),
    ("9.3.2-long-head", "HEAD / HTTP/1.1\r\nA: " + "x" * 90000 + HOST, 431),
    ("9.3.2-bad-chunks", f"HEAD / HTTP/1.1\r\nTransfer-Encoding: chunked{HOST}x\r\n\r\n", 400),
])
def test_refused_head(message_server, data, status):
    """9.3.2: no content, whatever was wrong with the request."""
    with wire.Client(message_server.address) as client:
        response = client.send(data).send(rfc.BEHIND).response("HEAD")
        assert response.status == status and response.closes and int(response.get("Content-Length")) > 0
        assert client.ends()


def test_post_of_a_head_request(message_server):
    """9110-9.3.2: a body does not make it another method."""
    data = "HEAD /file.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
    assert rfc.answered(message_server, data, method="HEAD").get("Content-Length") == "4"


def test_connect(message_server):
    """9110-9.3.6: a tunnel's answer has no body, and the connection is not one of HTTP any more."""
    with wire.Client(message_server.address) as client:
        head = client.send("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n" + rfc.BEHIND.decode()).until(b"\r\n\r\n")
        response = wire.parse_head(head)
        assert response.status == 200 and "Content-Length" not in response and "Transfer-Encoding" not in response
        assert b"HTTP/1.1" not in client.rest()


# ---------------------------------------------------------------- Expect


@rfc.cases("value", "9110", [
    ("10.1.1-plain", "100-continue"), ("10.1.1-any-case", "100-Continue"), ("10.1.1-upper-case", "100-CONTINUE"),
    ("10.1.1-list", "100-continue, 100-continue"), ("10.1.1-two-fields", "100-continue\r\nExpect: 100-continue"),
    ("10.1.1-white-space", "\t100-continue\t"), ("10.1.1-empty-elements", ",100-continue,"),
])
def test_continue(message_server, value):
    """10.1.1: the interim answer comes when the body is wanted, and only once."""
    for framing, pieces in ("Content-Length: 5", ["hel", "lo"]), ("Transfer-Encoding: chunked", ["5\r\nhello\r\n", "0\r\n\r\n"]):
        with wire.Client(message_server.address) as client:
            for _ in range(2):
                interim = client.send(rfc.post(f"Expect: {value}\r\n{framing}")).response()
                assert interim.status == 100 and interim.version == "1.1"
                for piece in pieces:
                    client.send(piece)
                assert client.response().body == b"hello"


@rfc.cases("data, body", "9110", [
    ("10.1.1-body-is-there", rfc.post("Expect: 100-continue\r\nContent-Length: 5", "hello"), "hello"),
    ("10.1.1-part-is-there", rfc.post("Expect: 100-continue\r\nContent-Length: 5", "h"), "hello"),
    ("10.1.1-chunks-are-there", rfc.post("Expect: 100-continue\r\nTransfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"), "hello"),
    ("10.1.1-no-body", rfc.post("Expect: 100-continue"), ""),
    ("10.1.1-length-0", rfc.post("Expect: 100-continue\r\nContent-Length: 0"), ""),
    ("10.1.1-get", rfc.get("Expect: 100-continue", "/ignore"), "ignored"),
    ("10.1.1-empty", rfc.post("Expect:\r\nContent-Length: 5", "hello"), "hello"),
    ("10.1.1-other-field", rfc.post("Expected: x\r\nContent-Length: 5", "hello"), "hello"),
])
def test_no_continue(message_server, data, body):
    """10.1.1: not to a body that is on its way, nor to none."""
    with wire.Client(message_server.address) as client:
        response = client.send(data).send("ello" if data.endswith(b"\nh") else "").response()
        assert response.status == 200 and response.text == body
        assert client.send(rfc.LAST).response().body == b"ignored"


@rfc.cases("path, status, length", "9110", [
    ("10.1.1-nobody-reads", "/ignore", 200, 5), ("10.1.1-not-found", "/nowhere", 404, 5), ("10.1.1-too-large", "/echo", 413, 2**31),
])
def test_final_answer_at_once(message_server, path, status, length):
    """10.1.1: no interim one; the connection ends, as nobody knows whether the body comes."""
    rfc.answered_last(message_server, rfc.post(f"Expect: 100-continue\r\nContent-Length: {length}", path=path), status)
    if length == 5:
        rfc.answered_last(message_server, rfc.post("Expect: 100-continue\r\nTransfer-Encoding: chunked", path=path), status)


@rfc.cases("value", "9110", [
    ("10.1.1-other", "x"), ("10.1.1-200-ok", "200-ok"), ("10.1.1-similar", "100-continued"), ("10.1.1-shorter", "100"),
    ("10.1.1-no-hyphen", "100 continue"), ("10.1.1-parameter", "100-continue;a=b"), ("10.1.1-value", "100-continue=1"),
    ("10.1.1-quotes", '"100-continue"'), ("10.1.1-one-of-list", "100-continue, x"), ("10.1.1-first-of-list", "x, 100-continue"),
    ("10.1.1-second-field", "100-continue\r\nExpect: x"), ("10.1.1-first-field", "x\r\nExpect: 100-continue"),
])
def test_other_expectations(message_server, value):
    """10.1.1: 417."""
    rfc.refused(message_server, rfc.post(f"Expect: {value}\r\nContent-Length: 5"), 417)
    rfc.refused(message_server, rfc.get(f"Expect: {value}", "/ignore"), 417)


@rfc.cases("value", "9110", [("10.1.1-continue", "100-continue"), ("10.1.1-other", "x"), ("10.1.1-list", "100-continue, x")])
def test_expect_in_1_0(message_server, value):
    """10.1.1: ignored."""
    rfc.answered_last(message_server, rfc.post(f"Expect: {value}\r\nContent-Length: 5", "hello", version="HTTP/1.0"), body="hello")
    with wire.Client(message_server.address) as client:
        client.send(rfc.post(f"Expect: {value}\r\nContent-Length: 5", version="HTTP/1.0"))
        assert client.is_silent(0.02)
        assert client.send("hello").response().body == b"hello"


# ---------------------------------------------------------------- responses


@rfc.cases("status", "9110", [
    (f"15-{status}", status) for status in (200, 201, 202, 203, 206, 300, 302, 307, 400, 401, 403, 404, 409, 410, 418, 422,
                                            429, 451, 499, 500, 502, 503, 504, 599, 600, 999)
])
def test_statuses(message_server, status):
    """15: with a body, as any unknown one."""
    for path in f"/status?{status}", f"/counted?{status}":
        response = rfc.answered(message_server, rfc.get("Name: value", path), status, body="body")
        assert response.get("Content-Length") == "4"


@rfc.cases("status, length", "9110", [("15.3.5-204", 204, None), ("15.3.6-205", 205, "0"), ("15.4.5-304", 304, None)])
def test_statuses_without_body(message_server, status, length):
    """6.4.1, 8.6: whatever the handler writes."""
    for path in f"/status?{status}", f"/counted?{status}":
        for method in "GET", "HEAD":
            response = rfc.answered(message_server, f"{method} {path} HTTP/1.1{HOST}", status, method)
            assert response.body == b"" and "Transfer-Encoding" not in response
            # the length of the 200 that a 304 stands for may be told
            expected = "4" if (status, path) == (304, "/counted?304") else length
            assert response.get("Content-Length") == expected
            rfc.answered_last(message_server, f"{method} {path} HTTP/1.0{HOST}", status, method)


@rfc.cases("status", "9110", [("15.2-102", 102), ("15.2-103", 103), ("15.2-199", 199)])
def test_interim_statuses(message_server, status):
    """15.2: no body, no framing; and none at all for HTTP/1.0."""
    with wire.Client(message_server.address) as client:
        client.send(f"GET /status?{status} HTTP/1.1{HOST}")
        interim = client.response()
        assert interim.status == status and not {"Content-Length", "Transfer-Encoding"} & {name for name, _ in interim.fields}
        assert client.response().status == 500  # nothing followed it
        assert client.ends()
    with wire.Client(message_server.address) as client:
        client.send(f"GET /processing HTTP/1.0{HOST}")
        assert client.response().body == b"done" and client.ends()


@rfc.cases("data", "9110", [
    ("6.6.1-file", f"GET /file.txt HTTP/1.1{HOST}"), ("6.6.1-head", f"HEAD /file.txt HTTP/1.1{HOST}"),
    ("6.6.1-listing", f"GET / HTTP/1.1{HOST}"), ("6.6.1-redirect", f"GET /dir HTTP/1.1{HOST}"),
    ("6.6.1-204", f"OPTIONS * HTTP/1.1{HOST}"), ("6.6.1-304", f"GET /status?304 HTTP/1.1{HOST}"),
    ("6.6.1-404", f"GET /nowhere HTTP/1.1{HOST}"), ("6.6.1-405", f"TRACE / HTTP/1.1{HOST}"),
    ("6.6.1-400", "GET / HTTP/1.1\r\n\r\n"), ("6.6.1-414", "GET /" + "x" * 9000 + f" HTTP/1.1{HOST}"),
    ("6.6.1-417", f"GET / HTTP/1.1\r\nExpect: x{HOST}"), ("6.6.1-431", "GET / HTTP/1.1\r\nA: " + "x" * 40000 + HOST),
    ("6.6.1-500", f"GET /fail HTTP/1.1{HOST}"), ("6.6.1-501", f"FOO / HTTP/1.1{HOST}"), ("6.6.1-505", f"GET / HTTP/3.0{HOST}"),
    ("6.6.1-http-1.0", "GET /file.txt HTTP/1.0\r\n\r\n"), ("6.6.1-chunks", f"GET /big?10000 HTTP/1.1{HOST}"),
])
def test_date_and_server(message_server, data):
    """6.6.1: Date in every response but interim ones; 10.2.4: Server. (wire.py checks the date's form.)"""
    with wire.Client(message_server.address) as client:
        response = client.send(data).response("HEAD" if data.startswith("HEAD") else "GET")
        names = [name for name, _ in response.fields]
        assert names.count("Date") == 1 and names.count("Server") == 1
        assert response.get("Server").startswith("httpserver/")
        if response.status >= 400:
            assert response.get("Content-Type").startswith("text/html")


@pytest.mark.parametrize("name", ["", "mine/1.0 (a comment)"], ids=["9110-10.2.4-none", "9110-10.2.4-another"])
def test_server_can_be_changed(probe, name):
    server = probe(f"server={name}")
    for path, status in ("/ignore", 200), ("/nowhere", 404), ("/", 200):
        response = server.ask(path=path)
        assert response.status == status and response.get("Server") == (name or None)


def test_protocol_1_0(probe):
    """9112-2.3: a server that says HTTP/1.0 sends nothing that is not of it."""
    server = probe("protocol=HTTP/1.0")
    for path in "/big?100000", "/big?10", "/ignore", "/processing", "/nowhere":
        for version in "HTTP/1.0", "HTTP/1.1":
            with server.client() as client:
                response = client.ask(path=path, version=version, connection="keep-alive")
                assert response.version == "1.0" and "Transfer-Encoding" not in response and response.closes
                assert client.ends()


# ---------------------------------------------------------------- time


@rfc.cases("data", "9110", [
    ("15.5.9-method", "GET"), ("15.5.9-line", "GET /ignore HTTP/1.1\r\n"), ("15.5.9-field", "GET /ignore HTTP/1.1\r\nHost: a"),
    ("15.5.9-half-an-end", "GET /ignore HTTP/1.1\r\nHost: a\r\n\r"), ("15.5.9-cr", "\r"),
])
def test_head_that_stops(probe, data):
    """15.5.9: 408 for a request that has begun ..."""
    with probe("head_timeout=100", "idle_timeout=100").client() as client:
        response = client.send(data).response()
        assert response.status == 408 and response.get("Connection") == "close"
        assert client.ends()


def test_silence_between_requests(probe, mixin):
    """... and not a word where none has (9112-9.5), though an empty line was ignored."""
    server = probe("head_timeout=100", "idle_timeout=100", *programs.as_settings(mixin))
    for data in "", "\r\n", "\r\n\r\n":
        with server.client() as client:
            assert client.ask(path="/ignore").status == 200
            assert client.send(data).ends()


@rfc.cases("framing, part", "9110", [
    ("15.5.9-length", "Content-Length: 5", ""), ("15.5.9-length-part", "Content-Length: 5", "hel"),
    ("15.5.9-chunks", "Transfer-Encoding: chunked", ""), ("15.5.9-chunk-size", "Transfer-Encoding: chunked", "5"),
    ("15.5.9-chunk-data", "Transfer-Encoding: chunked", "5\r\nhel"),
    ("15.5.9-no-last-chunk", "Transfer-Encoding: chunked", "5\r\nhello\r\n"),
    ("15.5.9-no-end", "Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n"),
])
def test_body_that_stops(probe, framing, part):
    """408, and never a part for the whole."""
    with probe("request_timeout=100").client() as client:
        response = client.send(rfc.post(framing, part)).response()
        assert response.status == 408 and response.closes
        assert client.ends()


def test_head_byte_by_byte(probe):
    """9110-15.5.9-slow: the time is for the whole head, and one that is slow but within it is good."""
    with probe("head_timeout=20000", "request_timeout=200").client() as client:
        for byte in wire.request(path="/ignore"):
            client.send(bytes([byte]))
        assert client.response().body == b"ignored"



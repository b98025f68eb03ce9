# SPDX-License-Identifier: MIT
"""RFC 9112 2 and 3: how a message begins, the request line and its four forms of target. (What a target may hold:
test_bad_input.py and the tests of paths.)"""

import pytest
import rfc
import wire

HOST = "\r\nHost: a\r\n\r\n"


@rfc.cases("line", "9112", [
    ("3-method-only", "GET"),
    ("3-method-and-space", "GET "),
    ("3-no-version", "GET /ignore"),
    ("3-no-version-but-space", "GET /ignore "),
    ("3-no-target", "GET HTTP/1.1"),
    ("3-no-target-two-spaces", "GET  HTTP/1.1"),
    ("3-two-spaces-behind-method", "GET  /ignore HTTP/1.1"),
    ("3-two-spaces-behind-target", "GET /ignore  HTTP/1.1"),
    ("3-tab-behind-method", "GET\t/ignore HTTP/1.1"),
    ("3-tab-behind-target", "GET /ignore\tHTTP/1.1"),
    ("3-tabs", "GET\t/ignore\tHTTP/1.1"),
    ("3-vertical-tab", "GET\v/ignore HTTP/1.1"),
    ("3-form-feed", "GET /ignore\fHTTP/1.1"),
    ("3-bare-cr-as-space", "GET /ignore\rHTTP/1.1"),
    ("3-no-break-space", "GET\xa0/ignore HTTP/1.1"),
    ("3-space-at-begin", " GET /ignore HTTP/1.1"),
    ("3-tab-at-begin", "\tGET /ignore HTTP/1.1"),
    ("3-space-at-end", "GET /ignore HTTP/1.1 "),
    ("3-tab-at-end", "GET /ignore HTTP/1.1\t"),
    ("3-cr-at-end", "GET /ignore HTTP/1.1\r"),
    ("3-nul-at-end", "GET /ignore HTTP/1.1\0"),
    ("3-word-at-end", "GET /ignore HTTP/1.1 x"),
    ("3-two-targets", "GET /ignore /ignore HTTP/1.1"),
    ("3-two-versions", "GET /ignore HTTP/1.1 HTTP/1.1"),
    ("3-spaces-only", "   "),
    ("3-status-line", "HTTP/1.1 200 OK"),
    ("3-comma-behind-method", "GET, /ignore HTTP/1.1"),
    ("3-text-before-method", "Extra lineGET /ignore HTTP/1.1"),
    ("3.1-no-token-at", "G@T /ignore HTTP/1.1"),
    ("3.1-no-token-colon", "GET: /ignore HTTP/1.1"),
    ("3.1-no-token-quotes", '"GET" /ignore HTTP/1.1'),
    ("3.1-no-token-brackets", "[GET] /ignore HTTP/1.1"),
    ("3.1-no-token-slash", "GET/ /ignore HTTP/1.1"),
    ("3.1-no-token-nul", "GET\0 /ignore HTTP/1.1"),
    ("3.1-no-token-control", "GET\1 /ignore HTTP/1.1"),
    ("3.1-no-token-del", "GET\x7f /ignore HTTP/1.1"),
    ("3.1-no-token-latin", "G\xcbT /ignore HTTP/1.1"),
    ("3.1-no-token-bom", "\xef\xbb\xbfGET /ignore HTTP/1.1"),
    ("2.3-lower-case", "GET /ignore http/1.1"),
    ("2.3-mixed-case", "GET /ignore Http/1.1"),
    ("2.3-no-minor", "GET /ignore HTTP/1"),
    ("2.3-no-minor-but-dot", "GET /ignore HTTP/1."),
    ("2.3-no-major", "GET /ignore HTTP/.1"),
    ("2.3-no-number", "GET /ignore HTTP/"),
    ("2.3-name-only", "GET /ignore HTTP"),
    ("2.3-no-slash", "GET /ignore HTTP1.1"),
    ("2.3-two-slashes", "GET /ignore HTTP//1.1"),
    ("2.3-two-digits-minor", "GET /ignore HTTP/1.10"),
    ("2.3-two-digits-minor-zero", "GET /ignore HTTP/1.01"),
    ("2.3-two-digits-major", "GET /ignore HTTP/01.1"),
    ("2.3-ten", "GET /ignore HTTP/10.0"),
    ("2.3-eleven", "GET /ignore HTTP/11.1"),
    ("2.3-three-numbers", "GET /ignore HTTP/1.1.1"),
    ("2.3-comma", "GET /ignore HTTP/1,1"),
    ("2.3-sign", "GET /ignore HTTP/+1.1"),
    ("2.3-minus", "GET /ignore HTTP/-1.1"),
    ("2.3-minus-minor", "GET /ignore HTTP/1.-1"),
    ("2.3-hexadecimal", "GET /ignore HTTP/0x1.1"),
    ("2.3-letters", "GET /ignore HTTP/a.b"),
    ("2.3-letter-minor", "GET /ignore HTTP/1.x"),
    ("2.3-space-inside", "GET /ignore HTTP/ 1.1"),
    ("2.3-space-before-dot", "GET /ignore HTTP/1 .1"),
    ("2.3-space-behind-dot", "GET /ignore HTTP/1. 1"),
    ("2.3-space-before-slash", "GET /ignore HTTP /1.1"),
    ("2.3-other-name", "GET /ignore HTTPS/1.1"),
    ("2.3-other-protocol", "GET /ignore RTSP/1.0"),
    ("2.3-icap", "GET /ignore ICAP/1.0"),
    ("2.3-shorter-name", "GET /ignore HTP/1.1"),
    ("2.3-full-width-digit", "GET /ignore HTTP/1.\xb9"),
    ("3.2-relative", "GET ignore HTTP/1.1"),
    ("3.2-dot-segment", "GET ./ignore HTTP/1.1"),
    ("3.2-query-only", "GET ?a=b HTTP/1.1"),
    ("3.2-backslash", "GET \\ignore HTTP/1.1"),
    ("3.2.2-no-host", "GET http:///ignore HTTP/1.1"),
    ("3.2.2-no-authority", "GET http: HTTP/1.1"),
    ("3.2.2-one-slash", "GET http:/ignore HTTP/1.1"),
    ("3.2.2-empty", "GET http:// HTTP/1.1"),
    ("3.2.2-port-only", "GET http://:80/ignore HTTP/1.1"),
    ("3.2.2-query-for-host", "GET http://?a HTTP/1.1"),
    ("3.2.2-no-number-for-port", "GET http://a:b/ignore HTTP/1.1"),
    ("3.2.2-port-too-large", "GET http://a:65536/ignore HTTP/1.1"),
    ("3.2.2-user", "GET http://user@a/ignore HTTP/1.1"),
    ("3.2.2-user-and-password", "GET http://user:secret@a/ignore HTTP/1.1"),
    ("3.2.2-open-bracket", "GET http://[::1/ignore HTTP/1.1"),
    ("3.2.2-no-ipv6", "GET http://[a]/ignore HTTP/1.1"),
    ("3.2.2-ipv6-without-brackets", "GET http://::1/ignore HTTP/1.1"),
    ("3.2.2-bad-escape-in-host", "GET http://a%zz/ignore HTTP/1.1"),
    ("3.2.2-half-escape-in-host", "GET http://a%4/ignore HTTP/1.1"),
    ("3.2.2-backslash-for-slash", "GET http:\\\\a\\ignore HTTP/1.1"),
    ("3.2.2-backslash-behind-host", "GET http://a\\ignore HTTP/1.1"),
    ("3.2.2-two-hosts", "GET http://a,b/ignore HTTP/1.1"),
    ("3.2.2-ftp", "GET ftp://a/ignore HTTP/1.1"),
    ("3.2.2-file", "GET file:///ignore HTTP/1.1"),
    ("3.2.2-data", "GET data:,a HTTP/1.1"),
    ("3.2.2-javascript", "GET javascript:0 HTTP/1.1"),
    ("3.2.2-ws", "GET ws://a/ignore HTTP/1.1"),
    ("3.2.2-longer-scheme", "GET xhttp://a/ignore HTTP/1.1"),
    ("3.2.2-scheme-relative", "GET ://a/ignore HTTP/1.1"),
    ("3.2.3-without-port", "CONNECT a HTTP/1.1"),
    ("3.2.3-empty-port", "CONNECT a: HTTP/1.1"),
    ("3.2.3-port-only", "CONNECT :443 HTTP/1.1"),
    ("3.2.3-port-too-large", "CONNECT a:65536 HTTP/1.1"),
    ("3.2.3-port-not-a-number", "CONNECT a:https HTTP/1.1"),
    ("3.2.3-negative-port", "CONNECT a:-1 HTTP/1.1"),
    ("3.2.3-path", "CONNECT a:443/ HTTP/1.1"),
    ("3.2.3-user", "CONNECT user@a:443 HTTP/1.1"),
    ("3.2.3-absolute-form", "CONNECT http://a:443/ HTTP/1.1"),
    ("3.2.3-origin-form", "CONNECT /ignore HTTP/1.1"),
    ("3.2.3-asterisk-form", "CONNECT * HTTP/1.1"),
    ("3.2.3-get", "GET a:443 HTTP/1.1"),
    ("3.2.3-options", "OPTIONS a:443 HTTP/1.1"),
    ("3.2.4-get", "GET * HTTP/1.1"),
    ("3.2.4-head", "HEAD * HTTP/1.1"),
    ("3.2.4-post", "POST * HTTP/1.1"),
    ("3.2.4-two-asterisks", "OPTIONS ** HTTP/1.1"),
    ("3.2.4-more", "OPTIONS *a HTTP/1.1"),
    ("3.2.4-slash", "OPTIONS */ HTTP/1.1"),
    ("3.2.4-query", "OPTIONS *?a HTTP/1.1"),
])
def test_bad_request_line(message_server, line):
    """3: 400; whoever repairs such a line can be led past somebody's filter."""
    rfc.refused(message_server, line + HOST, 400, method=line[:4].rstrip())


@rfc.cases("version", "9110", [
    ("2.5-2.0", "HTTP/2.0"), ("2.5-2.1", "HTTP/2.1"), ("2.5-3.0", "HTTP/3.0"), ("2.5-9.9", "HTTP/9.9"),
    ("2.5-0.9", "HTTP/0.9"), ("2.5-0.0", "HTTP/0.0"), ("2.5-0.1", "HTTP/0.1"), ("2.5-1.9-is-not-9.1", "HTTP/9.1"),
])
def test_version_not_supported(message_server, version):
    """RFC 9110 15.6.6."""
    response = rfc.refused(message_server, f"GET /ignore {version}{HOST}", 505)
    assert response.version == "1.1"


def test_http2_preface(message_server):
    """RFC 9113 3.4 wants it to be unintelligible."""
    rfc.refused(message_server, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 505)


@rfc.cases("version, minor", "9112", [
    *[(f"2.3-1.{minor}", f"HTTP/1.{minor}", minor) for minor in range(1, 10)],
])
def test_later_minor_version(message_server, version, minor):
    """RFC 9110 2.5: understood like the highest that is known, and answered with that."""
    response = rfc.answered(message_server, f"GET /reflect {version}{HOST}")
    assert response.version == "1.1" and f"version=HTTP/1.{minor}\n" in response.text


@rfc.cases("data", "9112", [
    ("2.3-simple-request", "GET /ignore\r\n"),
    ("2.3-simple-request-empty-line", "GET /ignore\r\n\r\n"),
    ("2.3-simple-request-lf", "GET /ignore\n"),
    ("2.2-lf", "GET /ignore HTTP/1.1\nHost: a\n\n"),
    ("2.2-lf-behind-request-line", "GET /ignore HTTP/1.1\nHost: a\r\n\r\n"),
    ("2.2-lf-behind-field", "GET /ignore HTTP/1.1\r\nHost: a\n\r\n"),
    ("2.2-lf-at-the-end", "GET /ignore HTTP/1.1\r\nHost: a\r\n\n"),
    ("2.2-lf-lf-at-the-end", "GET /ignore HTTP/1.1\r\nHost: a\n\n"),
    ("2.2-lf-cr", "GET /ignore HTTP/1.1\n\rHost: a\n\r\n\r"),
    ("2.2-cr-cr-lf-behind-request-line", "GET /ignore HTTP/1.1\r\r\nHost: a\r\n\r\n"),
    ("2.2-cr-cr-lf-at-the-end", "GET /ignore HTTP/1.1\r\nHost: a\r\n\r\r\n"),
    ("2.2-cr-x-at-the-end", "GET /ignore HTTP/1.1\r\nHost: a\r\n\rx\r\n\r\n"),
    ("2.2-cr-only", "GET /ignore HTTP/1.1\rHost: a\r\r"),
    ("2.2-cr-before-field", "GET /ignore HTTP/1.1\r\n\rHost: a\r\n\r\n"),
    ("2.2-nul-behind-request-line", "GET /ignore HTTP/1.1\0\r\nHost: a\r\n\r\n"),
    ("2.2-lf-before-request-line", "\nGET /ignore HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("2.2-cr-before-request-line", "\rGET /ignore HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("2.2-cr-cr-lf-before-request-line", "\r\r\nGET /ignore HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("2.2-crlf-lf-before-request-line", "\r\n\nGET /ignore HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("2.2-space-line-before-request-line", " \r\nGET /ignore HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("2.2-100-empty-lines", "\r\n" * 100 + "GET /ignore HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("2.2-space-before-first-field", "GET /ignore HTTP/1.1\r\n Host: a\r\n\r\n"),
    ("2.2-tab-before-first-field", "GET /ignore HTTP/1.1\r\n\tHost: a\r\n\r\n"),
    ("2.2-space-line-before-first-field", "GET /ignore HTTP/1.1\r\n \r\nHost: a\r\n\r\n"),
    ("2.2-tls-hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    ("2.2-ssh", "SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    ("2.2-zeros", b"\0" * 100 + b"\r\n\r\n"),
    ("2.2-no-ascii", b"\xff\xfe\xfd\xfc\r\n\r\n"),
])
def test_no_message(message_server, data):
    """2.2: only CRLF ends a line here, which the RFC leaves to the server; that is the same for everybody on the way."""
    rfc.refused(message_server, data, 400)


@rfc.cases("data", "9112", [
    ("2.2-lf-line", "GET /ignore HTTP/1.1\n"), ("2.2-lf-field", "GET /ignore HTTP/1.1\r\nHost: a\n"), ("2.2-lf-only", "\n"),
    ("3-bad-line", "GET /ignore\r\n"), ("3-no-token", "\1"), ("3-space", " "), ("2.2-cr-x", "\rx"),
    ("2.3-version", "GET /ignore HTTP/2.0\r\n"),
])
def test_refused_at_once(message_server, data):
    """What is bad already need not be waited for."""
    with wire.Client(message_server.address) as client:
        assert client.send(data).response().status in (400, 505)
        assert client.ends()


@pytest.mark.parametrize("count", [1, 2, 5, 16], ids=lambda n: f"9112-2.2-{n}-empty-lines")
def test_empty_lines_before_the_request_line(message_server, count):
    """2.2: at least one is ignored; old clients send one behind a body."""
    line = "\r\n" * count
    rfc.answered(message_server, line + "GET /ignore HTTP/1.1" + HOST, body="ignored")
    rfc.answered(message_server, rfc.post("Content-Length: 5", "hello" + line), body="hello")
    rfc.answered(message_server, rfc.post("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n" + line), body="hello")


@rfc.cases("line, path, host", "9112", [
    ("3.2.1-origin-form", "GET /reflect HTTP/1.1", "/reflect", "a"),
    ("3.2.1-query", "GET /reflect?a=b&c HTTP/1.1", "/reflect?a=b&c", "a"),
    ("3.2.1-empty-query", "GET /reflect? HTTP/1.1", "/reflect?", "a"),
    ("3.2.1-question-marks", "GET /reflect??/? HTTP/1.1", "/reflect??/?", "a"),
    ("3.2.2-absolute-form", "GET http://b/reflect HTTP/1.1", "/reflect", "b"),
    ("3.2.2-same-host", "GET http://a/reflect HTTP/1.1", "/reflect", "a"),
    ("3.2.2-port", "GET http://b:8000/reflect HTTP/1.1", "/reflect", "b:8000"),
    ("3.2.2-empty-port", "GET http://b:/reflect HTTP/1.1", "/reflect", "b:"),
    ("3.2.2-query", "GET http://b/reflect?http://c/d HTTP/1.1", "/reflect?http://c/d", "b"),
    ("3.2.2-ipv4", "GET http://127.0.0.1:80/reflect HTTP/1.1", "/reflect", "127.0.0.1:80"),
    ("3.2.2-ipv6", "GET http://[::1]/reflect HTTP/1.1", "/reflect", "[::1]"),
    ("3.2.2-ipv6-port", "GET http://[::1]:80/reflect HTTP/1.1", "/reflect", "[::1]:80"),
    ("3.2.2-https", "GET https://b/reflect HTTP/1.1", "/reflect", "b"),
    ("3.2.2-scheme-in-any-case", "GET hTTp://b/reflect HTTP/1.1", "/reflect", "b"),
    ("3.2.2-host-in-any-case", "GET http://B.EXAMPLE/reflect HTTP/1.1", "/reflect", "B.EXAMPLE"),
    ("3.2.2-longest-port", "GET http://b:65535/reflect HTTP/1.1", "/reflect", "b:65535"),
    ("3.2.2-escape-in-host", "GET http://b%41/reflect HTTP/1.1", "/reflect", "b%41"),
])
def test_target(message_server, line, path, host):
    """3.2.2: the target's host counts, not the Host field's."""
    response = rfc.answered(message_server, line + HOST)
    assert f"\npath={path}\n" in response.text and f"\nhost={host}\n" in response.text
    assert f"\nline={line}\n" in response.text and "[Host][a]" in response.text


@rfc.cases("target", "9112", [
    ("3.2.2-no-path", "http://a"), ("3.2.2-no-path-port", "http://a:80"), ("3.2.2-slash", "http://a/"),
    ("3.2.2-no-path-query", "http://a?b"),
])
def test_absolute_form_without_path(message_server, target):
    """9110 4.2.3: an empty path is "/"."""
    assert "dir/" in rfc.answered(message_server, f"GET {target} HTTP/1.1{HOST}").text


def test_absolute_form_needs_a_host_field_too(message_server):
    """9112-3.2: the field is due in every request of HTTP/1.1."""
    rfc.refused(message_server, "GET http://a/ignore HTTP/1.1\r\n\r\n")
    rfc.refused(message_server, "GET http://a/ignore HTTP/1.1\r\nHost: a b\r\n\r\n")
    rfc.refused(message_server, "GET http://a/ignore HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n")


@rfc.cases("target", "9112", [
    ("3.2.4-asterisk", "*"), ("3.2.4-last-proxy", "http://a"), ("3.2.4-last-proxy-port", "http://a:80"),
    ("3.2.1-origin", "/"), ("3.2.1-no-such-file", "/nowhere"), ("3.2.2-absolute", "http://a/file.txt"),
])
def test_options(message_server, target):
    """RFC 9110 9.3.7."""
    response = rfc.answered(message_server, f"OPTIONS {target} HTTP/1.1{HOST}", 204, "OPTIONS")
    assert {"GET", "HEAD", "OPTIONS", "POST"} <= set(response.get("Allow").split(", "))


# ---------------------------------------------------------------- long ones


@rfc.cases("size, status", "9112", [
    ("3-8192-bytes", 8192, 200), ("3-8193-bytes", 8193, 414), ("3-10000-bytes", 10000, 414),
    ("3-40000-bytes", 40000, 414), ("3-500000-bytes", 500000, 414),
])
def test_length_of_the_line(message_server, size, status):
    line = "GET /ignore?" + "x" * (size - 21) + " HTTP/1.1"
    assert len(line) == size
    if status == 200:
        rfc.answered(message_server, line + HOST, body="ignored")
    else:
        rfc.refused(message_server, line + HOST, status)


@pytest.mark.parametrize("size", [1, 100, 8000, 8192, 10_000, 100_000, 500_000], ids=lambda n: f"9112-3-method-of-{n}")
def test_long_method(message_server, size):
    """3: 501 for a method longer than any that is known."""
    rfc.refused(message_server, f"{'X' * size} / HTTP/1.1{HOST}", 501)
    rfc.refused(message_server, f"{'X' * size} /{'x' * 5000} HTTP/1.1{HOST}", 501)


def test_long_target_of_an_unknown_method(message_server):
    """3: 414 is a must, whatever the method."""
    rfc.refused(message_server, f"UNKNOWN /{'x' * 10_000} HTTP/1.1{HOST}", 414)


def test_no_line_at_all(message_server):
    """9112-3-no-line-end: as soon as it is too long, without waiting for its end."""
    with wire.Client(message_server.address) as client:
        assert client.send("X" * 20000).response().status == 501
        assert client.ends()
    with wire.Client(message_server.address) as client:
        assert client.send("GET /" + "x" * 20000).response().status == 414
        assert client.ends()


@rfc.cases("data", "9112", [
    (f"2-{data!r}"[:40], data) for data in ("G", "GET ", "GET /ignore", "GET /ignore ", "GET /ignore HTTP", "GET /ignore HTTP/1.1",
                                            "GET /ignore HTTP/1.1\r", "GET /ignore HTTP/1.1\r\n", "GET /ignore HTTP/1.1\r\nHos",
                                            "GET /ignore HTTP/1.1\r\nHost:", "GET /ignore HTTP/1.1\r\nHost: a",
                                            "GET /ignore HTTP/1.1\r\nHost: a\r", "GET /ignore HTTP/1.1\r\nHost: a\r\n",
                                            "GET /ignore HTTP/1.1\r\nHost: a\r\n\r", "\r", "\r\n", "\r\n\r")
])
def test_part_of_a_request(message_server, data):
    """The server waits for the rest."""
    whole = "GET /ignore HTTP/1.1\r\nHost: a\r\n\r\n"
    if data[0] == "\r":
        whole = "\r\n\r\n" + whole
    with wire.Client(message_server.address) as client:
        client.send(data)
        assert client.is_silent(0.01)
        assert client.send(whole[len(data):]).response().body == b"ignored"

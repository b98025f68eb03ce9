# SPDX-License-Identifier: MIT
"""RFC 9112 5 and RFC 9110 5: header fields."""

import pytest
import rfc
import wire

GET = "GET /reflect HTTP/1.1\r\n"
HOST = "Host: a\r\n"
CONTROLS = [byte for byte in [*range(0x20), 0x7f] if byte not in (9, 10)]
NO_TOKEN = "\"(),/;<=>?@[\\]{}"
VISIBLE = "".join(map(chr, range(0x21, 0x7f)))
TOKEN = "!#$%&'*+-.^_`|~09azAZ"


def values(response, name):
    """All values of a field that the server has seen, as /reflect tells them."""
    return [line[len(name) + 3:-1] for line in response.text.split("\n") if line.startswith(f"[{name}][")]


@rfc.cases("field", "9112", [
    ("5-no-colon", "Name"),
    ("5-no-colon-but-space", "Name value"),
    ("5-colon-only", ":"),
    ("5-no-name", ": value"),
    ("5-no-name-no-space", ":value"),
    ("5-equals-sign", "Name=value"),
    ("5-empty-line-of-spaces", "   "),
    ("5.1-space-before-colon", "Name : value"),
    ("5.1-spaces-before-colon", "Name   : value"),
    ("5.1-tab-before-colon", "Name\t: value"),
    ("5.1-cr-before-colon", "Name\r: value"),
    ("5.1-space-before-colon-empty", "Name :"),
    ("5.1-space-in-name", "Na me: value"),
    ("5.1-tab-in-name", "Na\tme: value"),
    ("5.1-host", "Host : a"),
    ("5.1-connection", "Connection : close"),
    ("5.1-content-length", "Content-Length : 0"),
    ("5.1-content-length-tab", "Content-Length\t: 0"),
    ("5.1-transfer-encoding", "Transfer-Encoding : chunked"),
    ("5.2-fold", "Name: value\r\n folded"),
    ("5.2-fold-tab", "Name: value\r\n\tfolded"),
    ("5.2-fold-spaces", "Name: value\r\n      folded"),
    ("5.2-fold-of-empty-value", "Name:\r\n folded"),
    ("5.2-fold-to-nothing", "Name: value\r\n "),
    ("5.2-fold-to-nothing-tab", "Name: value\r\n\t"),
    ("5.2-fold-like-a-field", "Name: value\r\n Other: value"),
    ("5.2-fold-twice", "Name: value\r\n folded\r\n folded"),
    ("5.2-fold-before-colon", "Name\r\n : value"),
    ("5.2-fold-of-length", "Content-Length:\r\n 0"),
    ("5.2-fold-of-coding", "Transfer-Encoding:\r\n chunked"),
    ("5.2-fold-of-coding-tab", "Transfer-Encoding:\r\n\tchunked"),
    ("5.2-fold-lf", "Name: value\n folded"),
    ("2.2-bare-cr-in-value", "Name: a\rb"),
    ("2.2-bare-cr-at-begin", "Name: \rvalue"),
    ("2.2-bare-cr-at-end", "Name: value\r"),
    ("2.2-bare-crs-at-end", "Name: value\r\r\r"),
    ("2.2-bare-cr-in-name", "Na\rme: value"),
    ("2.2-bare-cr-before-field", "Name: value\rOther: value"),
    ("2.2-bare-cr-before-length", "Name: value\rContent-Length: 50"),
    ("2.2-bare-lf-in-value", "Name: a\nb"),
    ("2.2-bare-lf-before-field", "Name: value\nOther: value"),
    ("2.2-bare-lf-before-coding", "Name: value\nTransfer-Encoding: chunked"),
    ("2.2-bare-lf-at-end", "Name: value\n"),
    ("2.2-lf-cr", "Name: value\n\rOther: value"),
    ("2.2-lf-lf", "Name: value\n\nGET /behind HTTP/1.1"),
    ("2.2-cr-cr", "Name: value\r\rGET /behind HTTP/1.1"),
    ("2.2-cr-space", "Name: value\r folded"),
    ("5-request-line-again", "GET /reflect HTTP/1.1"),
    ("5-http-colon", "HTTP/1.1 200: OK"),
    ("5-name-in-utf-8", "N\xc3\xa4me: value"),
    ("5-name-in-latin", "N\xe4me: value"),
    ("5-name-with-no-break-space", "Name\xa0: value"),
    ("5-unicode-colon", "Name\xef\xbc\x9a value"),
])
def test_bad_field(message_server, field):
    rfc.refused(message_server, f"{GET}{HOST}{field}\r\n\r\n")
    rfc.refused(message_server, f"{GET}{field}\r\n{HOST}\r\n")


@pytest.mark.parametrize("byte", CONTROLS, ids=lambda byte: f"9110-5.5-{byte:02x}")
def test_control_characters(message_server, byte):
    """RFC 9110 5.5: CR and NUL have to be refused in a value; the others are no better."""
    for form in "Name: {}", "Name: a{}b", "Name: a{}", "Name:{}a", "Na{}me: a", "Name{}: a", "{}Name: a":
        rfc.refused(message_server, f"{GET}{HOST}{form.format(chr(byte))}\r\n\r\n")


@pytest.mark.parametrize("character", NO_TOKEN, ids=lambda c: f"9110-5.6.2-{ord(c):02x}")
def test_names_that_are_no_tokens(message_server, character):
    for form in "Na{}me: a", "{}Name: a", "Name{}: a", "{}: a":
        rfc.refused(message_server, f"{GET}{HOST}{form.format(character)}\r\n\r\n")


@pytest.mark.parametrize("byte", [0x80, 0x85, 0xa0, 0xad, 0xc0, 0xff], ids=lambda byte: f"9110-5.1-{byte:02x}")
def test_names_that_are_not_ascii(message_server, byte):
    for form in "Na{}me: a", "{}Name: a", "Name{}: a":
        rfc.refused(message_server, f"{GET}{HOST}{form.format(chr(byte))}\r\n\r\n")


@rfc.cases("line, name, value", "9110", [
    ("5.1-every-character-of-a-token", f"{TOKEN}: value", TOKEN, "value"),
    ("5.1-one-character", "N: value", "N", "value"),
    ("5.1-digit", "1: value", "1", "value"),
    ("5.1-case-is-kept", "nAmE: value", "nAmE", "value"),
    ("5.5-empty", "Name:", "Name", ""),
    ("5.5-space-only", "Name: ", "Name", ""),
    ("5.5-tab-only", "Name:\t", "Name", ""),
    ("5.5-white-space-only", "Name: \t \t ", "Name", ""),
    ("5.6.3-no-space", "Name:value", "Name", "value"),
    ("5.6.3-spaces", "Name:   value   ", "Name", "value"),
    ("5.6.3-tabs", "Name:\tvalue\t", "Name", "value"),
    ("5.6.3-both", "Name: \t value \t ", "Name", "value"),
    ("5.5-space-inside", "Name: a b", "Name", "a b"),
    ("5.5-tab-inside", "Name: a\tb", "Name", "a\tb"),
    ("5.5-comma-and-tab-at-end", "Name: a,\t", "Name", "a,"),
    ("5.5-colons", "Name: a:b: c", "Name", "a:b: c"),
    ("5.5-colon-first", "Name::value", "Name", ":value"),
    ("5.5-quotes", 'Name: "a\\"b"', "Name", '"a\\"b"'),
    ("5.5-every-visible-character", f"Name: {VISIBLE}", "Name", VISIBLE),
])
def test_good_field(message_server, line, name, value):
    response = rfc.answered(message_server, f"{GET}{HOST}{line}\r\n\r\n")
    assert values(response, name) == [value]
    rfc.answered(message_server, f"{GET}{line}\r\n{HOST}\r\n")


@pytest.mark.parametrize("byte", range(0x80, 0x100), ids=lambda byte: f"9110-5.5-{byte:02x}")
def test_obs_text(message_server, byte):
    """RFC 9110 5.5: opaque data."""
    data = rfc.to_bytes(f"{GET}{HOST}Name: a{chr(byte)}b\r\nConnection: close\r\n\r\n")
    with wire.Client(message_server.address) as client:
        assert b"[Name][a%cb]\n" % byte in client.send(data).response().body


def test_fields_of_one_name(message_server):
    """9110-5.2: the order is kept."""
    response = rfc.answered(message_server, f"{GET}{HOST}A: 1\r\nB: 2\r\nA: 3\r\nA:\r\na: 4\r\n\r\n")
    assert values(response, "A") == ["1", "3", ""] and values(response, "a") == ["4"]


@rfc.cases("field", "9110", [
    ("7.8-h2c", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"),
    ("7.8-websocket", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
    ("7.8-unknown", "Connection: upgrade\r\nUpgrade: x/1"),
    ("7.8-without-connection", "Upgrade: websocket"),
    ("7.8-http-1.0", "Connection: upgrade\r\nUpgrade: HTTP/1.0"),
    ("7.8-tls", "Connection: upgrade\r\nUpgrade: TLS/1.2, HTTP/1.1"),
    ("7.6.1-unknown-option", "Connection: x"),
    ("7.6.1-names-another-field", "Connection: Host, Content-Length"),
    ("7.6.1-empty", "Connection:"),
    ("7.6.1-empty-elements", "Connection: , ,,"),
    ("7.6.2-max-forwards", "Max-Forwards: 0"),
    ("7.6.3-via", "Via: 1.1 proxy, 1.0 other"),
    ("10.1.4-te", "TE: trailers, deflate;q=0.5\r\nConnection: TE"),
    ("6.6.2-trailer", "Trailer: Expires"),
    ("5.1-unknown", "X-Nobody-Knows: this"),
    ("10.1.5-user-agent", "User-Agent: (" + "x" * 1000 + ")"),
    ("8.4-content-coding", "Content-Encoding: chunked"),
    ("5.1-underscore-length", "Content_Length: 50"),
    ("5.1-underscore-coding", "Transfer_Encoding: chunked"),
    ("5.1-longer-length", "X-Content-Length: 50"),
    ("5.1-shorter-length", "Content-Lengt: 50"),
    ("5.1-suffix-length", "Content-Length-X: 50"),
    ("5.1-suffix-coding", "Transfer-Encoding-X: chunked"),
    ("5.1-quote-in-name", "'Content-Length: 50"),
    ("5.1-dot-coding", "Transfer.Encoding: chunked"),
    ("5.5-length-in-value", "Name: Content-Length: 50"),
])
def test_ignored(message_server, field):
    """What is unknown or not for this server changes nothing."""
    response = rfc.answered(message_server, f"{GET}{HOST}{field}\r\n\r\n")
    assert "length=0\n" in response.text


@rfc.cases("fields, status", "6585", [
    ("5-100-fields", "".join(f"Name-{i}: x\r\n" for i in range(99)), 200),
    ("5-101-fields", "".join(f"Name-{i}: x\r\n" for i in range(100)), 431),
    ("5-1000-fields", "Name: x\r\n" * 1000, 431),
    ("5-100000-fields", "A:\r\n" * 100000, 431),
    ("5-value-of-32000", "Name: " + "x" * 32000 + "\r\n", 200),
    ("5-value-of-33000", "Name: " + "x" * 33000 + "\r\n", 431),
    ("5-value-of-1000000", "Name: " + "x" * 1000000 + "\r\n", 431),
    ("5-name-of-32000", "x" * 32000 + ": x\r\n", 200),
    ("5-name-of-100000", "x" * 100000 + ": x\r\n", 431),
    ("5-no-colon-within-100000", "x" * 100000, 431),
    ("5-all-together", ("Name: " + "x" * 1000 + "\r\n") * 40, 431),
    ("5-white-space-of-33000", "Name: " + " " * 33000 + "x\r\n", 431),
])
def test_limits(message_server, fields, status):
    """RFC 9110 5.4: a status of the client's errors, for what is larger than the server wants."""
    data = f"{GET.replace('reflect', 'ignore')}{HOST}{fields}\r\n"
    if status == 200:
        rfc.answered(message_server, data, body="ignored")
    else:
        rfc.refused(message_server, data, status)


@rfc.cases("host", "9110", [
    ("7.2-name", "a"), ("7.2-dots", "a.b.c"), ("7.2-dot-at-end", "a.b."), ("7.2-port", "a:80"), ("7.2-port-0", "a:0"),
    ("7.2-largest-port", "a:65535"), ("7.2-port-with-zeros", "a:00080"), ("7.2-empty-port", "a:"),
    ("7.2-ipv4", "127.0.0.1"), ("7.2-ipv4-port", "127.0.0.1:8000"), ("7.2-ipv6", "[::1]"), ("7.2-ipv6-port", "[::1]:8000"),
    ("7.2-ipv6-empty-port", "[::1]:"), ("7.2-ipv6-whole", "[2001:db8:85a3:0:0:8a2e:370:7334]"),
    ("7.2-ipv6-with-ipv4", "[::ffff:192.0.2.1]"), ("7.2-ipv6-upper-case", "[2001:DB8::A]"),
    ("7.2-underscore", "a_b"), ("7.2-hyphen", "a-b"), ("7.2-tilde", "a~b"), ("7.2-escape", "%41"), ("7.2-escapes", "a%c3%a4b"),
    ("7.2-idna", "xn--4ca.example"), ("7.2-digits", "123"), ("7.2-long", "a" * 255), ("7.2-upper-case", "EXAMPLE.ORG"),
    ("7.2-sub-delims", "a!$&'()*+;=b"), ("7.2-white-space-around", "  a\t"),
])
def test_good_host(message_server, host):
    response = rfc.answered(message_server, f"{GET}Host: {host}\r\n\r\n")
    assert f"\nhost={host.strip()}\n" in response.text
    rfc.answered_last(message_server, f"GET /reflect HTTP/1.0\r\nHost: {host}\r\n\r\n")


@rfc.cases("host", "9112", [
    ("3.2-empty", ""), ("3.2-white-space", " \t"), ("3.2-space-inside", "a b"), ("3.2-tab-inside", "a\tb"),
    ("3.2-two-names", "a, b"), ("3.2-two-names-no-space", "a,b"), ("3.2-comma", ","), ("3.2-comma-at-end", "a,"),
    ("3.2-path", "a/b"), ("3.2-slash-at-end", "a/"), ("3.2-slash", "/"), ("3.2-query", "a?b"), ("3.2-fragment", "a#b"),
    ("3.2-user", "user@a"), ("3.2-user-and-password", "user:secret@a"), ("3.2-at", "@a"), ("3.2-backslash", "a\\b"),
    ("3.2-url", "http://a"), ("3.2-url-and-path", "http://a/"), ("3.2-scheme-relative", "//a"), ("3.2-port-only", ":80"),
    ("3.2-colon", ":"), ("3.2-port-not-a-number", "a:b"), ("3.2-port-and-letter", "a:80b"), ("3.2-negative-port", "a:-1"),
    ("3.2-signed-port", "a:+80"), ("3.2-port-65536", "a:65536"), ("3.2-port-99999", "a:99999"),
    ("3.2-port-of-20-digits", "a:18446744073709551696"), ("3.2-two-ports", "a:80:80"), ("3.2-two-colons", "a::80"),
    ("3.2-space-before-port", "a :80"), ("3.2-space-behind-colon", "a: 80"), ("3.2-hexadecimal-port", "a:0x50"),
    ("3.2-ipv6-without-brackets", "::1"), ("3.2-ipv6-open", "[::1"), ("3.2-ipv6-not-open", "::1]"), ("3.2-ipv6-empty", "[]"),
    ("3.2-ipv6-letters", "[x]"), ("3.2-ipv6-name", "[a.b]"), ("3.2-ipv6-ipv4", "[127.0.0.1]"), ("3.2-ipv6-and-more", "[::1]x"),
    ("3.2-ipv6-before", "x[::1]"), ("3.2-ipv6-too-long", "[1:2:3:4:5:6:7:8:9]"), ("3.2-ipv6-two-gaps", "[1::2::3]"),
    ("3.2-ipv6-five-digits", "[12345::]"), ("3.2-ipv6-zone", "[fe80::1%eth0]"), ("3.2-ipv6-twice", "[[::1]]"),
    ("3.2-ipv6-long", "[" + "0" * 1000 + "]"), ("3.2-brackets-later", "a[::1]:80"),
    ("3.2-angle-brackets", "<a>"), ("3.2-quotes", '"a"'), ("3.2-braces", "{a}"), ("3.2-pipe", "a|b"), ("3.2-caret", "a^b"),
    ("3.2-back-quote", "a`b"), ("3.2-latin", "\xe4"), ("3.2-utf-8", "\xc3\xa4.example"), ("3.2-del", "a\x7f"),
    ("3.2-nul", "a\0b"), ("3.2-control", "a\1b"), ("3.2-half-escape", "a%4"), ("3.2-percent", "%"), ("3.2-bad-escape", "a%zz"),
    ("3.2-escape-and-half", "%41%"), ("3.2-bad-escape-later", "%41%4g"), ("3.2-escape-of-colon", "a%3:80"),
])
def test_bad_host(message_server, host):
    """3.2: 400, in HTTP/1.0 too."""
    for version in "1.1", "1.0":
        rfc.refused(message_server, f"GET /ignore HTTP/{version}\r\nHost: {host}\r\n\r\n")


@rfc.cases("fields", "9112", [
    ("3.2-no-host", ""),
    ("3.2-no-host-but-others", "Name: value\r\nHosts: a\r\nX-Host: a\r\nHos: a\r\n"),
    ("3.2-host-of-a-proxy", "X-Forwarded-Host: a\r\nForwarded: host=a\r\n"),
    ("3.2-two-hosts", "Host: a\r\nHost: b\r\n"),
    ("3.2-two-equal-hosts", "Host: a\r\nHost: a\r\n"),
    ("3.2-two-hosts-apart", "Host: a\r\nName: value\r\nhost: a\r\n"),
    ("3.2-two-hosts-first-empty", "Host:\r\nHost: a\r\n"),
    ("3.2-two-hosts-second-empty", "Host: a\r\nHost:\r\n"),
    ("3.2-three-hosts", "Host: a\r\nHost: a\r\nHost: a\r\n"),
    ("3.2-space-before-colon", "Host : a\r\n"),
    ("3.2-space-before-name", " Host: a\r\n"),
    ("3.2-folded", "Host:\r\n a\r\n"),
])
def test_number_of_hosts(message_server, fields):
    rfc.refused(message_server, f"{GET}{fields}\r\n")
    rfc.refused(message_server, f"GET http://a/ignore HTTP/1.1\r\n{fields}\r\n")


@pytest.mark.parametrize("version", range(1, 10), ids=lambda n: f"9112-3.2-no-host-in-1.{n}")
def test_host_in_later_versions(message_server, version):
    rfc.refused(message_server, f"GET /ignore HTTP/1.{version}\r\n\r\n")


def test_host_in_1_0(message_server):
    """9112-3.2-no-host-in-1.0: was not known then."""
    assert "\nhost=\n" in rfc.answered_last(message_server, "GET /reflect HTTP/1.0\r\n\r\n").text
    rfc.refused(message_server, "GET /reflect HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n")
    response = rfc.answered_last(message_server, "GET http://b/reflect HTTP/1.0\r\nHost: a\r\n\r\n")
    assert "\nhost=b\n" in response.text


@pytest.mark.parametrize("name", ["Host", "host", "HOST", "hOSt"], ids=lambda name: f"9110-5.1-{name}")
def test_names_in_any_case(message_server, name):
    assert "\nhost=b\n" in rfc.answered(message_server, f"{GET}{name}: b\r\n\r\n").text

# SPDX-License-Identifier: MIT
"""RFC 9112 6: where a body ends. Where two readers could come to different ends, nothing is believed."""

import pytest
import rfc
import wire

CHUNKS = "5\r\nhello\r\n0\r\n\r\n"
BOTH = "Content-Length: 15\r\nTransfer-Encoding: chunked"


@rfc.cases("fields", "9112", [
    ("6.3-plus", "Content-Length: +5"),
    ("6.3-minus", "Content-Length: -5"),
    ("6.3-minus-zero", "Content-Length: -0"),
    ("6.3-plus-zero", "Content-Length: +0"),
    ("6.3-long-minus", "Content-Length: -123456789123456789123456789"),
    ("6.3-hexadecimal", "Content-Length: 0x5"),
    ("6.3-hexadecimal-without-prefix", "Content-Length: a"),
    ("6.3-hexadecimal-suffix", "Content-Length: 5h"),
    ("6.3-octal", "Content-Length: 0o5"),
    ("6.3-binary", "Content-Length: 0b101"),
    ("6.3-underscore", "Content-Length: 1_5"),
    ("6.3-space-inside", "Content-Length: 1 5"),
    ("6.3-tab-inside", "Content-Length: 1\t5"),
    ("6.3-dot", "Content-Length: 5.0"),
    ("6.3-dot-at-end", "Content-Length: 5."),
    ("6.3-exponent", "Content-Length: 5e0"),
    ("6.3-thousands", "Content-Length: 1,000"),
    ("6.3-empty", "Content-Length:"),
    ("6.3-white-space", "Content-Length: \t "),
    ("6.3-word", "Content-Length: five"),
    ("6.3-letters-behind", "Content-Length: 5abc"),
    ("6.3-letters-before", "Content-Length: abc5"),
    ("6.3-quotes", 'Content-Length: "5"'),
    ("6.3-apostrophes", "Content-Length: '5'"),
    ("6.3-brackets", "Content-Length: (5)"),
    ("6.3-semicolon", "Content-Length: 5;"),
    ("6.3-parameter", "Content-Length: 5;a=b"),
    ("6.3-comma-behind", "Content-Length: 5,"),
    ("6.3-comma-before", "Content-Length: ,5"),
    ("6.3-null-word", "Content-Length: null"),
    ("6.3-nan", "Content-Length: NaN"),
    ("6.3-infinity", "Content-Length: Infinity"),
    ("6.3-nul", "Content-Length: 5\0"),
    ("6.3-control", "Content-Length: \v5"),
    ("6.3-cr", "Content-Length: 5\r"),
    ("6.3-full-width-digit", "Content-Length: \xef\xbc\x95"),
    ("6.3-superscript", "Content-Length: \xb2"),
    ("6.3-arabic-digit", "Content-Length: \xd9\xa5"),
    ("6.3-2-to-63", "Content-Length: 9223372036854775808"),
    ("6.3-2-to-64", "Content-Length: 18446744073709551616"),
    ("6.3-2-to-64-and-5", "Content-Length: 18446744073709551621"),
    ("6.3-2-to-64-less-1", "Content-Length: 18446744073709551615"),
    ("6.3-ten-to-20", "Content-Length: 100000000000000000000"),
    ("6.3-1000-digits", "Content-Length: " + "9" * 1000),
    ("6.3-zeros-and-overflow", "Content-Length: 00018446744073709551621"),
    ("6.3-list-of-equal", "Content-Length: 5,5"),
    ("6.3-list-of-equal-space", "Content-Length: 5, 5"),
    ("6.3-list-of-equal-numbers", "Content-Length: 5, 05"),
    ("6.3-list-of-different", "Content-Length: 5, 6"),
    ("6.3-list-with-zero", "Content-Length: 0, 5"),
    ("6.3-list-with-empty", "Content-Length: 5,,5"),
    ("6.3-two-equal", "Content-Length: 5\r\nContent-Length: 5"),
    ("6.3-two-different", "Content-Length: 5\r\nContent-Length: 6"),
    ("6.3-two-first-zero", "Content-Length: 0\r\nContent-Length: 5"),
    ("6.3-two-second-zero", "Content-Length: 5\r\nContent-Length: 0"),
    ("6.3-two-first-bad", "Content-Length: x\r\nContent-Length: 5"),
    ("6.3-two-second-bad", "Content-Length: 5\r\nContent-Length: x"),
    ("6.3-two-second-empty", "Content-Length: 5\r\nContent-Length:"),
    ("6.3-two-apart", "Content-Length: 5\r\nName: value\r\ncontent-length: 6"),
    ("6.3-three", "Content-Length: 5\r\nContent-Length: 5\r\nContent-Length: 5"),
])
def test_bad_length(message_server, fields):
    """6.3 and RFC 9110 8.6; equal values, where the RFC leaves the choice, are refused as well."""
    rfc.refused(message_server, rfc.post(fields, "hello"))
    rfc.refused(message_server, rfc.get(fields))
    rfc.refused(message_server, b"HEAD /ignore HTTP/1.1\r\nHost: a\r\n" + rfc.to_bytes(fields) + b"\r\n\r\n", method="HEAD")


@rfc.cases("field", "9112", [
    ("6.2-plain", "Content-Length: 5"),
    ("6.2-no-space", "Content-Length:5"),
    ("6.2-spaces", "Content-Length:   5   "),
    ("6.2-tabs", "Content-Length:\t5\t"),
    ("6.2-zeros", "Content-Length: 0005"),
    ("6.2-many-zeros", "Content-Length: " + "0" * 100 + "5"),
    ("6.2-lower-case", "content-length: 5"),
    ("6.2-upper-case", "CONTENT-LENGTH: 5"),
])
def test_good_length(message_server, field):
    rfc.answered(message_server, rfc.post(field, "hello"), body="hello")
    rfc.answered(message_server, rfc.post(field, "hello", path="/ignore"), body="ignored")


@rfc.cases("field", "9112", [("6.2-zero", "Content-Length: 0"), ("6.2-zeros", "Content-Length: 000"), ("6.3-none", "Name: value")])
def test_no_body(message_server, field):
    """6.3: a request with neither field has no body, whatever its method."""
    rfc.answered(message_server, rfc.post(field), body="")
    rfc.answered(message_server, rfc.get(field), 200)
    rfc.answered(message_server, f"DELETE / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n", 405)


@pytest.mark.parametrize("length", [2**63 - 1, 2**40, 2**31, 2**32, 2**32 + 5, 2**30 + 1], ids=lambda n: f"9110-15.5.14-{n}")
def test_huge_length(message_server, length):
    """A number, and too large: 413; it is never cut down to 32 bits."""
    rfc.refused(message_server, rfc.post(f"Content-Length: {length}", "hello"), 413)


@rfc.cases("method, path, status", "9112", [
    ("6-get", "GET", "/ignore", 200), ("6-get-file", "GET", "/file.txt", 200), ("6-get-listing", "GET", "/", 200),
    ("6-get-redirect", "GET", "/dir", 301), ("6-get-nowhere", "GET", "/nowhere", 404), ("6-head", "HEAD", "/file.txt", 200),
    ("6-delete", "DELETE", "/file.txt", 405), ("6-trace", "TRACE", "/", 405), ("6-options", "OPTIONS", "/", 204),
    ("6-options-asterisk", "OPTIONS", "*", 204), ("6-patch", "PATCH", "/file.txt", 405), ("6-post-nowhere", "POST", "/nowhere", 404),
    ("6-put", "PUT", "/put", 200),
])
def test_every_method_may_have_a_body(message_server, method, path, status):
    """What looks like a request within a body is none."""
    inside = rfc.BEHIND.decode()
    data = f"{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(inside)}\r\n\r\n{inside}"
    rfc.answered(message_server, data, status, method)
    if method != "PUT":  # which insists on a length
        data = f"{method} {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{len(inside):x}\r\n{inside}\r\n0\r\n\r\n"
        rfc.answered(message_server, data, status, method)


@rfc.cases("fields", "9112", [
    ("6.1-length-and-coding", BOTH),
    ("6.1-coding-and-length", "Transfer-Encoding: chunked\r\nContent-Length: 15"),
    ("6.1-length-0-and-coding", "Content-Length: 0\r\nTransfer-Encoding: chunked"),
    ("6.1-coding-and-length-0", "Transfer-Encoding: chunked\r\nContent-Length: 0"),
    ("6.1-length-5-and-coding", "Content-Length: 5\r\nTransfer-Encoding: chunked"),
    ("6.1-bad-length-and-coding", "Content-Length: x\r\nTransfer-Encoding: chunked"),
    ("6.1-two-lengths-and-coding", "Content-Length: 15\r\nContent-Length: 15\r\nTransfer-Encoding: chunked"),
    ("6.1-length-and-identity", "Content-Length: 5\r\nTransfer-Encoding: identity"),
    ("6.1-length-and-unknown", "Content-Length: 5\r\nTransfer-Encoding: x"),
    ("6.1-length-and-empty", "Content-Length: 5\r\nTransfer-Encoding:"),
    ("6.1-length-and-obsolete-list", "Content-Length: 15\r\nTransfer-Encoding: gzip, chunked"),
    ("6.1-twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    ("6.1-twice-in-a-list", "Transfer-Encoding: chunked, chunked"),
    ("6.1-twice-in-other-case", "Transfer-Encoding: chunked, CHUNKED"),
    ("6.1-twice-no-space", "Transfer-Encoding: chunked,chunked"),
    ("6.1-three-times", "Transfer-Encoding: chunked, chunked, chunked"),
    ("6.1-twice-around-another", "Transfer-Encoding: chunked, gzip, chunked"),
    ("6.1-not-last-gzip", "Transfer-Encoding: chunked, gzip"),
    ("6.1-not-last-identity", "Transfer-Encoding: chunked, identity"),
    ("6.1-not-last-word", "Transfer-Encoding: chunked, cow"),
    ("6.1-not-last-line", "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow"),
    ("6.1-not-last-line-identity", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
    ("6.1-not-last-line-empty", "Transfer-Encoding: chunked\r\nTransfer-Encoding:"),
    ("6.1-first-line-empty", "Transfer-Encoding:\r\nTransfer-Encoding: chunked"),
    ("6.1-two-lines", "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked"),
    ("6.1-two-lines-apart", "Transfer-Encoding: chunked\r\nName: value\r\ntransfer-encoding: x"),
    ("6.1-gzip", "Transfer-Encoding: gzip"),
    ("6.1-deflate", "Transfer-Encoding: deflate"),
    ("6.1-identity", "Transfer-Encoding: identity"),
    ("6.1-unknown", "Transfer-Encoding: cow"),
    ("6.1-empty", "Transfer-Encoding:"),
    ("6.1-white-space", "Transfer-Encoding: \t"),
    ("6.1-comma", "Transfer-Encoding: ,"),
    ("6.1-commas", "Transfer-Encoding: , ,,"),
    ("7-shorter", "Transfer-Encoding: chunke"),
    ("7-chunk", "Transfer-Encoding: chunk"),
    ("7-longer", "Transfer-Encoding: chunkedd"),
    ("7-prefix", "Transfer-Encoding: xchunked"),
    ("7-suffix", "Transfer-Encoding: chunkedx"),
    ("7-digit", "Transfer-Encoding: chunked1"),
    ("7-hyphen", "Transfer-Encoding: x-chunked"),
    ("7-dot", "Transfer-Encoding: chunked."),
    ("7-space-inside", "Transfer-Encoding: chun ked"),
    ("7-words-around", "Transfer-Encoding: cow chunked bar"),
    ("7-word-behind", "Transfer-Encoding: chunked cow"),
    ("7-word-before", "Transfer-Encoding: cow chunked"),
    ("7-parameter", "Transfer-Encoding: chunked;a=b"),
    ("7-parameter-space", "Transfer-Encoding: chunked; a=b"),
    ("7-quality", "Transfer-Encoding: chunked;q=1"),
    ("7-semicolon", "Transfer-Encoding: chunked;"),
    ("7-semicolon-before", "Transfer-Encoding: ;chunked"),
    ("7-quotes", 'Transfer-Encoding: "chunked"'),
    ("7-apostrophes", "Transfer-Encoding: 'chunked'"),
    ("7-one-quote", 'Transfer-Encoding: chunked"'),
    ("7-brackets", "Transfer-Encoding: (chunked)"),
    ("7-square-brackets", "Transfer-Encoding: [chunked]"),
    ("7-comment", "Transfer-Encoding: chunked (now)"),
    ("7-equals", "Transfer-Encoding: chunked="),
    ("7-colon", "Transfer-Encoding: :chunked"),
    ("7-slash", "Transfer-Encoding: chunked/1"),
    ("7-backslash", "Transfer-Encoding: chunk\\ed"),
    ("7-escape", "Transfer-Encoding: chunk%65d"),
    ("7-encoded-word", "Transfer-Encoding: =?utf-8?q?chunked?="),
    ("7-latin", "Transfer-Encoding: ch\xfcnked"),
    ("7-no-break-space", "Transfer-Encoding: chunked\xa0"),
    ("7-no-break-space-before", "Transfer-Encoding:\xa0chunked"),
    ("7-kelvin-sign", "Transfer-Encoding: chun\xe2\x84\xaaed"),
    ("7-zero-width-space", "Transfer-Encoding: chunked\xe2\x80\x8b"),
    ("5.1-space-before-colon", "Transfer-Encoding : chunked"),
    ("5.1-tab-before-colon", "Transfer-Encoding\t: chunked"),
    ("5.1-space-for-hyphen", "Transfer Encoding: chunked"),
    ("5.1-space-before-name", " Transfer-Encoding: chunked"),
    ("5.1-tab-before-name", "\tTransfer-Encoding: chunked"),
    ("5.1-cr-in-name", "Transfer\r-Encoding: chunked"),
    ("5.1-latin-in-name", "Transf\xe9r-Encoding: chunked"),
    ("5.2-folded", "Transfer-Encoding:\r\n chunked"),
    ("5.2-folded-by-lf", "Transfer-Encoding:\n chunked"),
    ("5.2-folded-tab", "Transfer-Encoding:\r\n\tchunked"),
    ("5.2-folded-inside", "Transfer-Encoding: chunk\r\n ed"),
    ("5.2-folded-behind", "Transfer-Encoding: chunked\r\n , identity"),
    ("5.2-folded-before-colon", "Transfer-Encoding\r\n : chunked"),
    ("2.2-colon-on-its-own-line", "Transfer-Encoding\r\n: chunked"),
    ("2.2-behind-bare-cr", "Name: value\rTransfer-Encoding: chunked"),
    ("2.2-behind-bare-lf", "Name: value\nTransfer-Encoding: chunked"),
    ("2.2-cr-behind", "Transfer-Encoding: chunked\r"),
    ("2.2-cr-before", "Transfer-Encoding: \rchunked"),
    *[(f"5.5-{byte:02x}-before", f"Transfer-Encoding:{chr(byte)}chunked") for byte in (0, 1, 8, 11, 12, 14, 27, 31, 127)],
    *[(f"5.5-{byte:02x}-behind", f"Transfer-Encoding: chunked{chr(byte)}") for byte in (0, 1, 8, 11, 12, 14, 27, 31, 127)],
    *[(f"7-{byte:02x}-before", f"Transfer-Encoding:{chr(byte)}chunked") for byte in (0x80, 0x85, 0xad, 0xff)],
    *[(f"7-{byte:02x}-behind", f"Transfer-Encoding: chunked{chr(byte)}") for byte in (0x80, 0x85, 0xad, 0xff)],
])
def test_bad_coding(message_server, fields):
    """6.1, 6.3: the client may have meant this or that."""
    rfc.refused(message_server, rfc.post(fields, CHUNKS))
    rfc.refused(message_server, rfc.post("Content-Length: 15\r\n" + fields, CHUNKS))
    rfc.refused(message_server, rfc.post(fields + "\r\nContent-Length: 15", CHUNKS))
    rfc.refused(message_server, rfc.get(fields))


@rfc.cases("value", "9112", [
    ("6.1-gzip", "gzip, chunked"), ("6.1-deflate", "deflate, chunked"), ("6.1-compress", "compress,chunked"),
    ("6.1-identity", "identity, chunked"), ("6.1-unknown", "cow, chunked"), ("6.1-parameter", "cow;a=b, chunked"),
    ("6.1-two", "cow, gzip, chunked"), ("6.1-br", "br, Chunked"),
])
def test_unknown_coding(message_server, value):
    """6.1: 501 where the end could be told, if only the coding were known."""
    rfc.refused(message_server, rfc.post(f"Transfer-Encoding: {value}", CHUNKS), 501)


@rfc.cases("field", "9112", [
    ("7-plain", "Transfer-Encoding: chunked"),
    ("7-no-space", "Transfer-Encoding:chunked"),
    ("7-capital", "Transfer-Encoding: Chunked"),
    ("7-upper-case", "TRANSFER-ENCODING: CHUNKED"),
    ("7-mixed-case", "tRANSFER-eNCODING: cHUNKED"),
    ("5.6.3-spaces", "Transfer-Encoding:   chunked   "),
    ("5.6.3-tabs", "Transfer-Encoding:\tchunked\t"),
    ("5.6.3-both", "Transfer-Encoding: \t chunked \t "),
    ("5.6.1-comma-before", "Transfer-Encoding: , chunked"),
    ("5.6.1-comma-behind", "Transfer-Encoding: chunked,"),
    ("5.6.1-comma-and-tab-behind", "Transfer-Encoding: chunked ,\t"),
    ("5.6.1-commas", "Transfer-Encoding: ,, chunked,,"),
])
def test_good_coding(message_server, field):
    """RFC 9110 5.6.1: empty elements of a list are ignored; 5.6.3: so is white space around a value."""
    rfc.answered(message_server, rfc.post(field, CHUNKS), body="hello")
    rfc.answered(message_server, rfc.post(field, CHUNKS, path="/ignore"), body="ignored")
    assert "length=-1\n" in rfc.answered(message_server, rfc.post(field, CHUNKS, path="/reflect")).text


@rfc.cases("fields", "9112", [
    ("6.1-chunked", "Transfer-Encoding: chunked"), ("6.1-with-length", BOTH), ("6.1-gzip", "Transfer-Encoding: gzip, chunked"),
    ("6.1-identity", "Transfer-Encoding: identity"), ("6.1-keep-alive", "Connection: keep-alive\r\nTransfer-Encoding: chunked"),
])
def test_coding_in_1_0(message_server, fields):
    """6.1: faulty, even with a Content-Length."""
    rfc.refused(message_server, rfc.post(fields, CHUNKS, version="HTTP/1.0"))


def test_length_in_1_0(message_server):
    """9112-6.2: the only framing that it knows."""
    rfc.answered_last(message_server, rfc.post("Content-Length: 5", "hello", version="HTTP/1.0"), body="hello")
    rfc.answered_last(message_server, rfc.post("Name: value", "hello", version="HTTP/1.0"), body="")
    rfc.answered(message_server, rfc.post("Content-Length: 5\r\nConnection: keep-alive", "hello", version="HTTP/1.0"), body="hello")


@rfc.cases("data", "9112", [
    ("8-length-nothing", rfc.post("Content-Length: 5")),
    ("8-length-less", rfc.post("Content-Length: 50", "hello")),
    ("8-length-huge", rfc.post("Content-Length: 1000000000", "hello")),
    ("8-chunks-nothing", rfc.post("Transfer-Encoding: chunked")),
    ("8-chunks-size", rfc.post("Transfer-Encoding: chunked", "5")),
    ("8-chunks-size-cr", rfc.post("Transfer-Encoding: chunked", "5\r")),
    ("8-chunks-size-line", rfc.post("Transfer-Encoding: chunked", "5\r\n")),
    ("8-chunks-some-data", rfc.post("Transfer-Encoding: chunked", "5\r\nhel")),
    ("8-chunks-data", rfc.post("Transfer-Encoding: chunked", "5\r\nhello")),
    ("8-chunks-data-cr", rfc.post("Transfer-Encoding: chunked", "5\r\nhello\r")),
    ("8-chunks-one-chunk", rfc.post("Transfer-Encoding: chunked", "5\r\nhello\r\n")),
    ("8-chunks-zero", rfc.post("Transfer-Encoding: chunked", "5\r\nhello\r\n0")),
    ("8-chunks-last-chunk", rfc.post("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n")),
    ("8-chunks-last-chunk-cr", rfc.post("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r")),
    ("8-chunks-trailer", rfc.post("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\nName: value\r\n")),
])
def test_body_that_ends_early(message_server, data):
    """8: an incomplete message is refused, and never taken for a whole one."""
    with wire.Client(message_server.address) as client:
        response = client.send(data).end().response()
        assert response.status == 400 and response.closes
        assert client.ends()


@rfc.cases("data", "9112", [
    ("8-nothing", "G"), ("8-line", "GET /ignore HTTP/1.1"), ("8-line-end", "GET /ignore HTTP/1.1\r\n"),
    ("8-field", "GET /ignore HTTP/1.1\r\nHost: a"), ("8-fields", "GET /ignore HTTP/1.1\r\nHost: a\r\n"),
    ("8-half-an-end", "GET /ignore HTTP/1.1\r\nHost: a\r\n\r"),
])
def test_head_that_ends_early(message_server, data):
    with wire.Client(message_server.address) as client:
        assert client.send(data).end().response().status == 400
        assert client.ends()

# SPDX-License-Identifier: MIT
"""RFC 9112 7: the chunked transfer coding, its extensions and its trailers."""

import pytest
import rfc
import wire

CHUNKED = "Transfer-Encoding: chunked"
END = "0\r\n\r\n"


@rfc.cases("data", "9112", [
    ("7.1-empty-line", "\r\n5\r\nhello\r\n" + END),
    ("7.1-no-size", "hello\r\n" + END),
    ("7.1-size-of-letters", "x\r\nhello\r\n" + END),
    ("7.1-size-g", "5g\r\nhello\r\n" + END),
    ("7.1-plus", "+5\r\nhello\r\n" + END),
    ("7.1-minus", "-5\r\nhello\r\n" + END),
    ("7.1-minus-1", "-1\r\nhello\r\n" + END),
    ("7.1-minus-zero", "-0\r\n\r\n"),
    ("7.1-prefix", "0x5\r\nhello\r\n" + END),
    ("7.1-prefix-upper-case", "0X5\r\nhello\r\n" + END),
    ("7.1-hash", "#5\r\nhello\r\n" + END),
    ("7.1-suffix", "5h\r\nhello\r\n" + END),
    ("7.1-underscore", "1_0\r\n0123456789abcdef\r\n" + END),
    ("7.1-dot", "5.0\r\nhello\r\n" + END),
    ("7.1-comma", "5,\r\nhello\r\n" + END),
    ("7.1-quotes", '"5"\r\nhello\r\n' + END),
    ("7.1-space-before", " 5\r\nhello\r\n" + END),
    ("7.1-tab-before", "\t5\r\nhello\r\n" + END),
    ("7.1-space-behind", "5 \r\nhello\r\n" + END),
    ("7.1-tab-behind", "5\t\r\nhello\r\n" + END),
    ("7.1-spaces-behind", "5   \r\nhello\r\n" + END),
    ("7.1-space-behind-zero", "5\r\nhello\r\n0 \r\n\r\n"),
    ("7.1-space-inside", "0 5\r\nhello\r\n" + END),
    ("7.1-two-sizes", "5 5\r\nhello\r\n" + END),
    ("7.1-nul-behind", "5\0\r\nhello\r\n" + END),
    ("7.1-nul-before", "\x005\r\nhello\r\n" + END),
    ("7.1-control-behind", "5\1\r\nhello\r\n" + END),
    ("7.1-del-behind", "5\x7f\r\nhello\r\n" + END),
    ("7.1-vertical-tab", "5\v\r\nhello\r\n" + END),
    ("7.1-latin-behind", "5\xa0\r\nhello\r\n" + END),
    ("7.1-full-width-digit", "\xef\xbc\x95\r\nhello\r\n" + END),
    ("7.1-2-to-64", "10000000000000000\r\nhello\r\n" + END),
    ("7.1-2-to-64-and-5", "10000000000000005\r\nhello\r\n" + END),
    ("7.1-2-to-64-less-1", "ffffffffffffffff\r\nhello\r\n" + END),
    ("7.1-2-to-63", "8000000000000000\r\nhello\r\n" + END),
    ("7.1-2-to-63-and-5", "8000000000000005\r\nhello\r\n" + END),
    ("7.1-32-digits", "f" * 32 + "\r\nhello\r\n" + END),
    ("7.1-1000-digits", "f" * 1000 + "\r\nhello\r\n" + END),
    ("7.1-16-zeros", "0" * 16 + "5\r\nhello\r\n" + END),
    ("7.1-10000-zeros", "0" * 10000 + "5\r\nhello\r\n" + END),
    ("7.1-zeros-for-the-end", "5\r\nhello\r\n" + "0" * 100 + "\r\n\r\n"),
    ("7.1-lf-behind-size", "5\nhello\r\n" + END),
    ("7.1-lf-behind-data", "5\r\nhello\n" + END),
    ("7.1-lf-everywhere", "5\nhello\n0\n\n"),
    ("7.1-lf-behind-zero", "5\r\nhello\r\n0\n\r\n"),
    ("7.1-lf-at-the-end", "5\r\nhello\r\n0\r\n\n"),
    ("7.1-lf-lf-at-the-end", "5\r\nhello\r\n0\n\n"),
    ("7.1-cr-behind-size", "5\rhello\r\n" + END),
    ("7.1-cr-x-behind-size", "5\rxhello\r\n" + END),
    ("7.1-cr-behind-data", "5\r\nhello\r" + END),
    ("7.1-cr-cr-lf-behind-size", "5\r\r\nhello\r\n" + END),
    ("7.1-cr-cr-lf-behind-data", "5\r\nhello\r\r\n" + END),
    ("7.1-cr-cr-at-the-end", "5\r\nhello\r\n0\r\r"),
    ("7.1-cr-x-at-the-end", "5\r\nhello\r\n0\r\n\rx"),
    ("7.1-lf-cr-behind-size", "5\n\rhello\r\n" + END),
    ("7.1-lf-cr-behind-data", "5\r\nhello\n\r" + END),
    ("7.1-nothing-behind-data", "5\r\nhello" + END),
    ("7.1-space-behind-data", "5\r\nhello \r\n" + END),
    ("7.1-two-bytes-for-crlf", "5\r\nhelloxx" + END),
    ("7.1-one-byte-for-cr", "5\r\nhellox\n" + END),
    ("7.1-one-byte-for-lf", "5\r\nhello\rx" + END),
    ("7.1-lf-lf-behind-data", "5\r\nhello\n\n" + END),
    ("7.1-empty-line-behind-data", "5\r\nhello\r\n\r\n" + END),
    ("7.1-empty-line-behind-size", "5\r\n\r\nhello\r\n" + END),
    ("7.1-longer-than-its-size", "5\r\nhello!\r\n" + END),
    ("7.1-two-bytes-longer", "5\r\nhello!!\r\n" + END),
    ("7.1-shorter-than-its-size", "6\r\nhello\r\n" + END),
    ("7.1-two-bytes-shorter", "7\r\nhello\r\n" + END),
    ("7.1-bad-second-size", "5\r\nhello\r\n5x\r\nworld\r\n" + END),
    ("7.1-decimal-taken-for-hexadecimal", "10\r\n0123456789\r\n" + END),
    ("7.1.1-semicolon-only", "5;\r\nhello\r\n" + END),
    ("7.1.1-semicolon-and-space", "5; \r\nhello\r\n" + END),
    ("7.1.1-two-semicolons", "5;;a\r\nhello\r\n" + END),
    ("7.1.1-semicolon-at-end", "5;a;\r\nhello\r\n" + END),
    ("7.1.1-no-name", "5;=b\r\nhello\r\n" + END),
    ("7.1.1-no-value", "5;a=\r\nhello\r\n" + END),
    ("7.1.1-no-value-but-another", "5;a=;b\r\nhello\r\n" + END),
    ("7.1.1-two-values", "5;a=b=c\r\nhello\r\n" + END),
    ("7.1.1-two-words", "5;a b\r\nhello\r\n" + END),
    ("7.1.1-value-of-two-words", "5;a=b c\r\nhello\r\n" + END),
    ("7.1.1-no-semicolon", "5 a=b\r\nhello\r\n" + END),
    ("7.1.1-no-token", "5;a@b\r\nhello\r\n" + END),
    ("7.1.1-value-no-token", "5;a=b@c\r\nhello\r\n" + END),
    ("7.1.1-comma", "5;a,b\r\nhello\r\n" + END),
    ("7.1.1-quoted-name", '5;"a"\r\nhello\r\n' + END),
    ("7.1.1-open-quotes", '5;a="b\r\nhello\r\n' + END),
    ("7.1.1-open-quotes-later", '5;a="b";c="d\r\nhello\r\n' + END),
    ("7.1.1-quotes-closed-too-late", '5;a="b\r\n"hello\r\n' + END),
    ("7.1.1-escaped-end-of-quotes", '5;a="b\\"\r\nhello\r\n' + END),
    ("7.1.1-backslash-at-end", '5;a="b\\\r\nhello\r\n' + END),
    ("7.1.1-behind-quotes", '5;a="b"c\r\nhello\r\n' + END),
    ("7.1.1-single-quotes-with-space", "5;a='b c'\r\nhello\r\n" + END),
    ("7.1.1-crlf-in-quotes", '5;a="b\r\nc"\r\nhello\r\n' + END),
    ("7.1.1-space-at-end", "5;a \r\nhello\r\n" + END),
    ("7.1.1-tab-at-end", "5;a=b\t\r\nhello\r\n" + END),
    ("7.1.1-latin", "5;\xe4\r\nhello\r\n" + END),
    ("7.1.1-nul", "5;a\0b\r\nhello\r\n" + END),
    ("7.1.1-nul-value", "5;a=\0\r\nhello\r\n" + END),
    ("7.1.1-nul-quoted", '5;a="\0"\r\nhello\r\n' + END),
    ("7.1.1-control", "5;a=\1\r\nhello\r\n" + END),
    ("7.1.1-del-quoted", '5;a="\x7f"\r\nhello\r\n' + END),
    ("7.1.1-cr", "5;a\rb\r\nhello\r\n" + END),
    ("7.1.1-cr-quoted", '5;a="\r"\r\nhello\r\n' + END),
    ("7.1.1-cr-at-end", "5;a\r\r\nhello\r\n" + END),
    ("7.1.1-lf", "5;a\nb\r\nhello\r\n" + END),
    ("7.1.1-lf-at-once", "5;\nhello\r\n" + END),
    ("7.1.1-lf-for-end", "5;a\nhello\r\n" + END),
    ("7.1.1-lf-quoted", '5;a="\n"\r\nhello\r\n' + END),
    ("7.1.1-of-the-last-chunk", "5\r\nhello\r\n0;\r\n\r\n"),
    ("7.1.1-lf-of-the-last-chunk", "5\r\nhello\r\n0;a\n\r\n"),
    ("7.1.1-too-long", "5;" + "x" * 5000 + "\r\nhello\r\n" + END),
    ("7.1.1-65536-bytes", "5;" + "x" * 65536 + "\r\nhello\r\n" + END),
    ("7.1.1-too-long-a-value", '5;a="' + "x" * 5000 + '"\r\nhello\r\n' + END),
    ("7.1.1-too-many", "5" + ";a" * 5000 + "\r\nhello\r\n" + END),
    ("7.1.1-too-long-together", ("1;" + "x" * 700 + "\r\na\r\n") * 40 + END),
    ("7.1.1-short-ones-without-end", "1;a=bcdefgh\r\na\r\n" * 3000 + END),
    ("7.1.2-no-colon", "5\r\nhello\r\n0\r\nName\r\n\r\n"),
    ("7.1.2-no-name", "5\r\nhello\r\n0\r\n: value\r\n\r\n"),
    ("7.1.2-space-before-colon", "5\r\nhello\r\n0\r\nName : value\r\n\r\n"),
    ("7.1.2-space-before-name", "5\r\nhello\r\n0\r\n Name: value\r\n\r\n"),
    ("7.1.2-folded", "5\r\nhello\r\n0\r\nName: value\r\n folded\r\n\r\n"),
    ("7.1.2-no-token", "5\r\nhello\r\n0\r\nNa(me: value\r\n\r\n"),
    ("7.1.2-nul", "5\r\nhello\r\n0\r\nName: a\0b\r\n\r\n"),
    ("7.1.2-control", "5\r\nhello\r\n0\r\nName: a\1b\r\n\r\n"),
    ("7.1.2-cr", "5\r\nhello\r\n0\r\nName: a\rb\r\n\r\n"),
    ("7.1.2-lf", "5\r\nhello\r\n0\r\nName: a\nOther: b\r\n\r\n"),
    ("7.1.2-lf-for-end", "5\r\nhello\r\n0\r\nName: value\n\r\n"),
    ("7.1.2-lf-at-the-end", "5\r\nhello\r\n0\r\nName: value\r\n\n"),
    ("7.1.2-latin-name", "5\r\nhello\r\n0\r\nN\xe4me: value\r\n\r\n"),
    ("7.1.2-second-one", "5\r\nhello\r\n0\r\nName: value\r\nbad\r\n\r\n"),
    ("7.1.2-a-request-for-a-trailer", "5\r\nhello\r\n0\r\nGET /behind HTTP/1.1\r\n\r\n"),
    ("7.1.2-another-chunk", "5\r\nhello\r\n0\r\n5\r\nhello\r\n" + END),
    ("7.1.2-a-line-too-long", "5\r\nhello\r\n0\r\nName: " + "x" * 5000 + "\r\n\r\n"),
    ("7.1.2-too-many", "5\r\nhello\r\n0\r\n" + "Name: value\r\n" * 3000 + "\r\n"),
    ("7.1.2-empty-values-too-many", "5\r\nhello\r\n0\r\n" + "a:\r\n" * 20000 + "\r\n"),
])
def test_bad_chunks(message_server, data):
    """400, whoever answers: who reads the body, and who does not need it. Each is a place where parsers differ."""
    rfc.refused(message_server, rfc.post(CHUNKED, data))
    rfc.refused(message_server, rfc.post(CHUNKED, data, path="/nowhere"))
    head = f"HTTP/1.1\r\nHost: a\r\n{CHUNKED}\r\n\r\n"
    rfc.refused(message_server, f"GET /file.txt {head}{data}")
    rfc.refused(message_server, f"DELETE /file.txt {head}{data}")
    rfc.refused(message_server, f"OPTIONS * {head}{data}")


@rfc.cases("data, body", "9112", [
    ("7.1-one", "5\r\nhello\r\n" + END, "hello"),
    ("7.1-none", END, ""),
    ("7.1-three", "1\r\nh\r\n3\r\nell\r\n1\r\no\r\n" + END, "hello"),
    ("7.1-byte-by-byte", "".join(f"1\r\n{c}\r\n" for c in "hello world") + END, "hello world"),
    ("7.1-lower-case", "a\r\n0123456789\r\n" + END, "0123456789"),
    ("7.1-upper-case", "A\r\n0123456789\r\n" + END, "0123456789"),
    ("7.1-mixed-case", "fF\r\n" + "x" * 255 + "\r\n" + END, "x" * 255),
    ("7.1-two-digits", "10\r\n0123456789abcdef\r\n" + END, "0123456789abcdef"),
    ("7.1-zeros", "0005\r\nhello\r\n" + END, "hello"),
    ("7.1-15-digits", "000000000000005\r\nhello\r\n" + END, "hello"),
    ("7.1-zeros-at-the-end", "5\r\nhello\r\n000\r\n\r\n", "hello"),
    ("7.1-crlf-for-data", "2\r\n\r\n\r\n" + END, "\r\n"),
    ("7.1-the-end-for-data", "5\r\n0\r\n\r\n\r\n" + END, "0\r\n\r\n"),
    ("7.1-a-request-for-data", f"{len(rfc.BEHIND):x}\r\n{rfc.BEHIND.decode()}\r\n" + END, rfc.BEHIND),
    ("7.1-a-large-one", "fffe\r\n" + "x" * 65534 + "\r\n" + END, "x" * 65534),
    ("7.1.1-name", "5;a\r\nhello\r\n" + END, "hello"),
    ("7.1.1-value", "5;a=b\r\nhello\r\n" + END, "hello"),
    ("7.1.1-two", "5;a;b=c\r\nhello\r\n" + END, "hello"),
    ("7.1.1-quoted", '5;a="b"\r\nhello\r\n' + END, "hello"),
    ("7.1.1-quoted-empty", '5;a=""\r\nhello\r\n' + END, "hello"),
    ("7.1.1-quoted-space-and-tab", '5;a=" b\t"\r\nhello\r\n' + END, "hello"),
    ("7.1.1-quoted-semicolon", '5;a=";0;"\r\nhello\r\n' + END, "hello"),
    ("7.1.1-quoted-quotes", '5;a="\\"b\\\\"\r\nhello\r\n' + END, "hello"),
    ("7.1.1-quoted-latin", '5;a="\xe4"\r\nhello\r\n' + END, "hello"),
    ("7.1.1-quoted-and-another", '5;a="b";c\r\nhello\r\n' + END, "hello"),
    ("7.1.1-bad-white-space", "5 ; a = b ; c\r\nhello\r\n" + END, "hello"),
    ("7.1.1-bad-tabs", "5\t;\ta\t=\tb\r\nhello\r\n" + END, "hello"),
    ("7.1.1-every-character-of-a-token", "5;!#$%&'*+-.^_`|~09azAZ=!#$%&'*+-.^_`|~09azAZ\r\nhello\r\n" + END, "hello"),
    ("7.1.1-of-the-last-chunk", "5\r\nhello\r\n0;a=b\r\n\r\n", "hello"),
    ("7.1.1-digits", "5;0=0\r\nhello\r\n" + END, "hello"),
    ("7.1.1-900-bytes", "5;" + "x" * 900 + "\r\nhello\r\n" + END, "hello"),
    ("7.1.1-100-chunks", "1;a=b\r\nx\r\n" * 100 + END, "x" * 100),
    ("7.1.2-one", "5\r\nhello\r\n0\r\nName: value\r\n\r\n", "hello"),
    ("7.1.2-two", "5\r\nhello\r\n0\r\nA: b\r\nC: d\r\n\r\n", "hello"),
    ("7.1.2-empty", "5\r\nhello\r\n0\r\nName:\r\n\r\n", "hello"),
    ("7.1.2-latin-value", "5\r\nhello\r\n0\r\nName: \xe4\r\n\r\n", "hello"),
    ("7.1.2-50", "5\r\nhello\r\n0\r\n" + "Name: value\r\n" * 50 + "\r\n", "hello"),
    ("7.1.2-without-data", "0\r\nName: value\r\n\r\n", ""),
])
def test_good_chunks(message_server, data, body):
    """7.1.1: extensions are ignored; 7.1.2: trailers are dropped."""
    rfc.answered(message_server, rfc.post(CHUNKED, data), body=body)
    rfc.answered(message_server, rfc.post(CHUNKED, data, path="/stream"), body=body)
    rfc.answered(message_server, rfc.post(CHUNKED, data, path="/ignore"), body="ignored")
    rfc.answered(message_server, rfc.post(CHUNKED, data, path="/nowhere"), 404)
    head = f"HTTP/1.1\r\nHost: a\r\n{CHUNKED}\r\n\r\n"
    rfc.answered(message_server, f"GET /file.txt {head}{data}", body="file")
    rfc.answered(message_server, f"HEAD /file.txt {head}{data}", method="HEAD")


@rfc.cases("field", "9110", [
    ("6.5.1-length", "Content-Length: 500"), ("6.5.1-coding", "Transfer-Encoding: gzip"), ("6.5.1-host", "Host: b"),
    ("6.5.1-two-hosts", "Host: b\r\nHost: c"), ("6.5.1-connection", "Connection: close"), ("6.5.1-expect", "Expect: x"),
    ("6.5.1-authorization", "Authorization: Basic YTpi"), ("6.5.1-content-type", "Content-Type: text/html"),
    ("6.5.1-content-encoding", "Content-Encoding: gzip"), ("6.5.1-range", "Range: bytes=0-0"),
    ("6.5.1-condition", "If-None-Match: *"), ("6.5.1-cookie", "Cookie: a=b"), ("6.5.1-trailer", "Trailer: Host"),
    ("6.5.1-unknown", "X-Unknown: y"),
])
def test_trailers_change_nothing(message_server, field):
    """They are not fields of the header, announced or not, and come too late for every decision."""
    name, _, value = field.partition("\r")[0].partition(": ")
    for more in "", f"\r\nTrailer: {name}":
        data = f"5\r\nhello\r\n0\r\n{field}\r\n\r\n"
        rfc.answered(message_server, rfc.post(CHUNKED + more, data), body="hello")
        text = rfc.answered(message_server, rfc.post(CHUNKED + more, data, path="/reflect")).text
        assert f"[{name}][{value}]" not in text and "host=a\n" in text and "length=-1\n" in text
        rfc.answered(message_server, rfc.get(CHUNKED + more, path="/file.txt") + data.encode(), body="file")


@pytest.mark.parametrize("digits", ["40000001", "ffffffff", "100000005", "7fffffffffffffff"[1:], "fffffffffffffff"],
                         ids=lambda digits: f"9110-15.5.14-{digits}")
def test_huge_chunks(message_server, digits):
    """A number, and too large: 413; it is never cut down to 32 bits."""
    rfc.refused(message_server, rfc.post(CHUNKED, f"{digits}\r\nhello\r\n{END}"), 413)
    rfc.refused(message_server, rfc.post(CHUNKED, f"1\r\na\r\n{digits}\r\nhello\r\n{END}"), 413)


def test_chunks_that_do_not_come(message_server):
    """9112-7.1-stalled: who does not need the body answers without it after a while, and then closes."""
    with wire.Client(message_server.address) as client:
        response = client.send(rfc.get(CHUNKED, "/file.txt") + b"5\r\nhel").response()
        assert response.body == b"file" and response.closes
        assert client.ends()


def test_chunks_that_do_not_end(message_server):
    """9112-7.1-endless: so too when more comes than anybody wants to skip."""
    for method, path, status in [("GET", "/file.txt", 200), ("POST", "/nowhere", 404), ("POST", "/ignore", 200)]:
        with wire.Client(message_server.address) as client:
            client.send(f"{method} {path} HTTP/1.1\r\nHost: a\r\n{CHUNKED}\r\n\r\n" + f"1000\r\n{'x' * 4096}\r\n" * 250)
            response = client.response()
            assert response.status == status and (response.closes or path == "/ignore")
            assert client.ends()

# SPDX-License-Identifier: MIT
"""Forms and bodies that a handler reads: /form and /json of the probe."""

import json
import random
import urllib.parse

import programs
import pytest
import requests
import wire

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"


def fields_of(response):
    """What /form has printed: (name, file name, type, value) for each field."""
    assert response.status == 200, response
    return [tuple(None if word == "-" else bytes.fromhex(word) for word in line[:-1].split(" "))
            for line in response.text.splitlines()]


def multipart(fields, boundary=b"b"):
    """fields: (name, file name, type, value), as a browser sends them."""
    def quote(text):
        return text.replace(b'"', b"%22").replace(b"\r", b"%0D").replace(b"\n", b"%0A")

    body = b""
    for name, filename, kind, value in fields:
        body += b'--%s\r\nContent-Disposition: form-data; name="%s"' % (boundary, quote(name))
        body += b'; filename="%s"' % quote(filename) if filename is not None else b""
        body += b"\r\nContent-Type: %s" % kind if kind is not None else b""
        body += b"\r\n\r\n" + value + b"\r\n"
    return body + b"--%s--\r\n" % boundary


def pieces(generator, data):
    """In chunks of any size."""
    at, found = 0, []
    while at < len(data):
        size = generator.choice((1, 2, 7, 100, 5000, 20000))
        found.append(data[at:at + size])
        at += size
    return found


# ---------------------------------------------------------------- against Python's own


@programs.also_masked
def test_urlencoded_as_python_reads_it(probe, mixin):
    """URL standard 5.1; urllib.parse agrees for all that is ASCII."""
    generator = random.Random(1)
    with probe(*programs.as_settings(mixin)).client() as client:
        for _ in range(60):
            body = "".join(generator.choice(["a", "b=", "&", "=", "+", "%41", "%2", "%", "%zz", "%26", "%3D", "x" * 9000,
                                             "%e2%82%ac"]) for _ in range(generator.randrange(20))).encode()
            expected = urllib.parse.parse_qsl(body.decode(), keep_blank_values=True, errors="surrogateescape")
            expected = [tuple(part.encode("utf-8", "surrogateescape") for part in pair) for pair in expected]
            if any(len(name) > 1024 for name, _ in expected) or any(len(value) > 100000 for _, value in expected):
                continue
            body = generator.choice((body, pieces(generator, body)))
            fields = fields_of(client.ask("POST", "/form", body, content_type=URLENCODED))
            assert [(name, value) for name, _, _, value in fields] == expected


@programs.also_masked
def test_multipart(probe, mixin):
    """What is put in comes out, whatever it looks like (RFC 7578 4, RFC 2046 5.1.1)."""
    generator = random.Random(2)
    junk = [b"\r\n", b"\r", b"\n", b"--", b"--b", b"\r\n--", b"\r\n-", b"\0", b"x" * 8000, b"\xff", b"b--\r\n"]
    names = [b"a", b"", b'"', b"\\x", b"a;b", b"\xc3\xa9", b"\r\n", b"%41", b" ", b"n" * 1000]
    with probe(*programs.as_settings(mixin)).client() as client:
        for _ in range(40):
            fields = []
            for _ in range(generator.randrange(6)):
                value = b"".join(generator.choice(junk) for _ in range(generator.randrange(8)))
                if b"\r\n--b" in b"\r\n" + value + b"\r\n":
                    continue
                fields.append((generator.choice(names), generator.choice([None, *names]),
                               generator.choice([None, b"text/plain", b"image/png"]), value))
            body = multipart(fields)
            body = generator.choice((body, pieces(generator, body)))
            assert fields_of(client.ask("POST", "/form", body, content_type=MULTIPART)) == fields


def test_requests(probe):
    """As the client most in use composes it."""
    server = probe()
    answer = requests.post(server.url + "form", data={"a": "b & c", "d": "é"}, timeout=programs.LIMIT)
    assert [bytes.fromhex(line.split(" ")[3]).decode() for line in answer.text.splitlines()] == ["b & c", "é"]
    answer = requests.post(server.url + "form", data={"a": "b"}, files={"f": ("na\"me é.txt", b"\0\1\r\n", "text/plain")},
                           timeout=programs.LIMIT)
    field, file = [[None if w == "-" else bytes.fromhex(w) for w in line[:-1].split(" ")]
                   for line in answer.text.splitlines()]
    assert field == [b"a", None, None, b"b"]
    assert file == [b"f", "na\"me é.txt".encode(), b"text/plain", b"\0\1\r\n"]


def test_curl(probe, tmp_path):
    server = probe()
    (tmp_path / "x y.bin").write_bytes(bytes(range(256)))
    result = programs.run(["curl", "-sS", "--noproxy", "*", "-F", "a=b", "-F", f"f=@{tmp_path}/x y.bin;filename=q\"\\.bin",
                           server.url + "form"])
    lines = [[None if w == "-" else bytes.fromhex(w) for w in line[:-1].split(" ")] for line in result.stdout.splitlines()]
    assert lines == [[b"a", None, None, b"b"], [b"f", b"q\"\\.bin", b"application/octet-stream", bytes(range(256))]]


# ---------------------------------------------------------------- errors, and what follows them


@pytest.mark.parametrize("kind, body, status", [
    (None, b"a=b", 415), ("text/plain", b"a=b", 415), ("application/json", b"{}", 415),
    ("multipart/form-data", b"--b--", 400), (MULTIPART, b"", 400), (MULTIPART, b"--b\r\n\r\nx\r\n--b--", 400),
    (MULTIPART, b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\nx", 400),
    (MULTIPART, b"--b\r\nContent-Disposition: form-data; name=a\r\nX: " + b"y" * 4096 + b"\r\n\r\nx\r\n--b--", 413),
    (MULTIPART, multipart([(b"a", None, None, b"x")] * 1001), 413), (URLENCODED, b"a&" * 1001, 413),
    (URLENCODED, b"a" * 1025, 413), (URLENCODED, b"a=" + b"x" * 100001, 413), (URLENCODED, b"a%00b=c", 400),
], ids=range(13))
def test_errors(probe, kind, body, status):
    """do_X returns the error, and this is the answer."""
    with probe().client() as client:
        response = client.ask("POST", "/count", body, content_type=kind)
        assert response.status == status and response.get("Connection") == "close"
        assert client.ends()


@pytest.mark.parametrize("kind, body", [
    (MULTIPART, multipart([(b"a", None, None, b"x")] * 1000)), (URLENCODED, b"&a=b" * 1000),
    (URLENCODED, b"a" * 1024 + b"=" + b"x" * 100000),
], ids=range(3))
def test_just_within_the_limits(probe, kind, body):
    with probe().client() as client:
        for _ in range(2):
            assert client.ask("POST", "/count", body, content_type=kind).text in ("1000", "1")


def test_a_form_without_end(probe):
    """The connection breaks off in the middle of a field."""
    body = multipart([(b"a", None, None, b"x" * 1000)])
    with probe().client() as client:
        client.send(wire.request("POST", "/count", body, content_type=MULTIPART)[:-500]).end()
        assert client.response().status == 400


@programs.also_masked
def test_unread_values(probe, mixin):
    """What is left of a field is skipped, and the connection goes on behind the form."""
    fields = [(b"skip", b"f", None, b"y" * 300000), (b"half", None, None, b"123456" * 5000), (b"a", None, None, b"x")]
    with probe(*programs.as_settings(mixin)).client() as client:
        for _ in range(3):
            found = fields_of(client.ask("POST", "/form", multipart(fields), content_type=MULTIPART))
            assert [field[3] for field in found] == [b"", b"123", b"x"]
        found = fields_of(client.ask("POST", "/form", b"skip=" + b"x" * 50000 + b"&a=b", content_type=URLENCODED))
        assert [field[3] for field in found] == [b"", b"b"]


def test_byte_by_byte(probe):
    fields = [(b"a", b"f.txt", b"text/plain", b"\r\n--\r\nx"), (b"b", None, None, b"")]
    with probe().client() as client:
        for body in multipart(fields), [multipart(fields)]:
            for byte in wire.request("POST", "/form", body, content_type=MULTIPART):
                client.send(bytes([byte]))
            assert fields_of(client.response()) == fields


# ---------------------------------------------------------------- whole bodies


@pytest.mark.parametrize("body", [b"", b"{}", b'{"a": "' + b"x" * 991 + b'"}', [b'{"a"', b": 1}"], [b"1"] * 1000],
                         ids=range(5))
def test_json(probe, body):
    whole = b"".join(body) if isinstance(body, list) else body
    with probe().client() as client:
        for kind in "application/json", "Application/JSON ; charset=utf-8":
            response = client.ask("POST", "/json", body, content_type=kind)
            assert response.status == 200 and response.body == whole
    assert not whole.startswith(b"{") or isinstance(json.loads(whole), dict)


@pytest.mark.parametrize("body", [b"1" * 1001, [b"1" * 500, b"1" * 501], b"1" * 1000000], ids=range(3))
def test_json_that_is_too_long(probe, body):
    """RFC 9110 15.5.14"""
    assert probe().ask("POST", "/json", body, content_type="application/json").status == 413


def test_json_of_another_type(probe):
    """RFC 9110 15.5.16"""
    server = probe()
    for kind in None, "text/json", "application/jsonx", "application/json-seq":
        assert server.ask("POST", "/json", b"{}", content_type=kind).status == 415


def test_too_long_a_body_is_not_sent_for(probe):
    """RFC 9110 10.1.1: who waits for 100 Continue gets the answer instead."""
    with probe().client() as client:
        client.send(wire.request("POST", "/json", None, content_type="application/json", content_length=1001,
                                 expect="100-continue"))
        assert client.response().status == 413
        assert client.ends()

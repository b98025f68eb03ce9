# SPDX-License-Identifier: MIT
"""Targets with bytes that are no ASCII, as busybox wget and curl send them: path and query count as percent-encoded."""

import json
import os
import shutil

import programs
import pytest
import rfc
import wire

NAMES = [*(name.encode() for name in ("é", "naïve file", "日本語.txt", "a%41é", "\U0001f600")), b"\xe9"]
LINE = b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n"


def encoded(data):
    return "".join(chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in data)


def target(data):
    """As it may be sent: what is ASCII stands as it must."""
    return data.replace(b"%", b"%25").replace(b" ", b"%20")


@rfc.cases("raw, path", "3986", [
    ("2.1-utf-8", "/reflect/é".encode(), "/reflect/%C3%A9"),
    ("2.1-latin", b"/reflect/\xe9", "/reflect/%E9"),
    ("2.1-last", b"/reflect/\xff\xff", "/reflect/%FF%FF"),
    ("2.1-query", "/reflect?b=é&c".encode(), "/reflect?b=%C3%A9&c"),
    ("2.1-query-only", "/reflect?é".encode(), "/reflect?%C3%A9"),
    ("2.1-with-escapes", "/reflect/%c3%a9é%".encode(), "/reflect/%c3%a9%C3%A9%"),
    ("2.1-every", b"/reflect/" + bytes(range(0x80, 0x100)), "/reflect/" + encoded(bytes(range(0x80, 0x100)))),
    ("2.1-slashes", "//reflect/é//".encode(), "/reflect/%C3%A9//"),
    ("2.1-absolute-form", "http://a/reflect/é?é".encode(), "/reflect/%C3%A9?%C3%A9"),
    ("2.1-absolute-form-query", "HTTPS://a/reflect?é".encode(), "/reflect?%C3%A9"),
    ("2.1-long", b"/reflect/" + b"\xe9" * 8000, "/reflect/" + "%E9" * 8000),
])
def test_path_and_query(message_server, raw, path):
    """What a handler sees is encoded, the first line for the logs, too."""
    lines = rfc.answered(message_server, LINE % raw).text.splitlines()
    assert f"path={path}" in lines
    assert f"line=GET {encoded(raw)} HTTP/1.1" in lines


@rfc.cases("line", "9112", [
    ("3.2-host", "GET http://é/ HTTP/1.1"), ("3.2-host-then-path", "GET http://é/é HTTP/1.1"),
    ("3.2-port", "GET http://a:é/ HTTP/1.1"),
    ("3.2-scheme", "GET héttp://a/ HTTP/1.1"), ("3.2.3-authority", "CONNECT é:443 HTTP/1.1"),
    ("3.2.4-asterisk", "OPTIONS *é HTTP/1.1"),
    ("3.2-no-slash", "GET é HTTP/1.1"), ("3.2-no-slash-then-path", "GET é/ HTTP/1.1"), ("3.1-method", "GéT / HTTP/1.1"),
    ("3.1-method-only", "é / HTTP/1.1"), ("2.3-version", "GET / HTTP/1.é"), ("2.3-version-behind-path", "GET /é HTTP/1.1é"),
    ("2.3-no-version", "GET /é"), ("3-space", "GET /é é HTTP/1.1"), ("3.2-control", "GET /é\x01 HTTP/1.1"),
    ("3.2-del", "GET /é\x7f HTTP/1.1"), ("3.2-fragment", "GET /é#é HTTP/1.1"), ("3.2-tab", "GET /é\t HTTP/1.1"),
    ("3.2-nul", "GET /é\x00 HTTP/1.1"), ("3.2-cr", "GET /é\ré HTTP/1.1"), ("3-no-break-space", "GET\xa0/é HTTP/1.1"),
])
def test_everything_else(message_server, line):
    """No other part of the line may have them, and nothing else is let in with them."""
    rfc.refused(message_server, line.encode() + b"\r\nHost: a\r\n\r\n")
    rfc.refused(message_server, line.encode() + b"\r\n", behind=b"")


def test_files(httpserver, root, mixin):
    """In one piece, in two and byte by byte; listed, and led to their slash."""
    server = httpserver("--upload", *mixin)
    for raw in NAMES:
        os.mkdir(os.fsencode(root) + b"/" + raw)
        with open(os.fsencode(root) + b"/" + raw + b"/" + raw, "wb") as file:
            file.write(raw)
        path = b"/" + target(raw) + b"/" + target(raw)
        for size in 1, len(path) - 1, 1000:
            with server.client() as client:
                data = LINE % path
                for at in range(0, len(data), size):
                    client.send(data[at:at + size])
                assert client.response().body == raw
        with server.client() as client:
            response = client.send(LINE % (b"/" + target(raw) + b"?" + target(raw))).response()
            place = "/" + encoded(target(raw)) + "/?" + encoded(target(raw))
            assert response.status == 301 and response.get("Location") == place
            assert client.send(LINE % (b"/" + target(raw) + b"/")).response().status == 200
            assert client.send(LINE % (b"/" + target(raw) + b"/" + target(raw) + b"x")).response().status == 404
            put = b"PUT /%s/new HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx" % target(raw)
            assert client.send(put).response().status == 201


@pytest.mark.parametrize("form", ["python", "common", "combined", "json"])
def test_logs(httpserver, tmp_path, root, form):
    log = tmp_path / "log"
    server = httpserver("--access-log", log, "--log-format", form)
    with server.client() as client:
        client.send(LINE % "/é?\xff".encode()).response()
    line = wire.wait_until(log.read_bytes).decode("ascii")
    assert (json.loads(line)["path"] if form == "json" else line.split('"')[1].split(" ")[1]) == "/%C3%A9?%C3%BF"


def test_limit(httpserver, root):
    """The request line is as long as it was sent: 8192 bytes."""
    with httpserver().client() as client:
        path = b"/?" + b"\xe9" * (8192 - len(b"GET /? HTTP/1.1"))
        assert client.send(LINE % path).response().status == 200
        assert client.send(LINE % (path + b"\xe9")).response().status == 414


def test_curl(httpserver, root):
    if not shutil.which("curl"):
        pytest.skip("no curl")
    (root / "é").write_text("accent")
    server = httpserver()
    result = programs.run(["curl", "-s", "--path-as-is", f"{server.url}é?ü"])
    assert result.stdout == "accent"

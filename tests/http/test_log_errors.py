# SPDX-License-Identifier: MIT
"""One line for each request, whatever becomes of it: errors stand inside, and nothing stands beside it on stderr."""

import json
import os
import re

import programs
import pytest
import wire

FORMS = {
    "python": re.compile(r'127\.0\.0\.1 - - \[[^]]*\] "(.*?)" (\d{3}|-) (\d+|-)(?: (.+))?'),
    "common": re.compile(r'127\.0\.0\.1 - - \[[^]]*\] "((?:[^"\\]|\\.)*)" (\d{3}|-) (\d+|-)(?: "((?:[^"\\]|\\.)*)")?'),
    "combined": re.compile(
        r'127\.0\.0\.1 - - \[[^]]*\] "((?:[^"\\]|\\.)*)" (\d{3}|-) (\d+|-) "[^"]*" "[^"]*"(?: "((?:[^"\\]|\\.)*)")?'),
}
RUNNERS = ("threading", "forking", "eventloop")


def parse(form, line):
    """The first line of the request, status and error of a line."""
    if form == "json":
        entry = json.loads(line)
        first = entry.get("request") or f"{entry['method']} {entry['path']} {entry['version']}"
        return first, entry["status"], entry.get("error")
    first, status, _, error = FORMS[form].fullmatch(line).groups()
    return first, int(status) if status != "-" else None, error


def lines_of(server, count):
    wire.wait_until(lambda: len(lines_in(server.log)) >= count)
    return lines_in(server.log)


def lines_in(log):
    """Those of requests: the program tells who it is when it starts as root."""
    return [line for line in log.splitlines() if "running as root" not in line]


@pytest.mark.parametrize("form", ["python", "common", "combined", "json"])
@pytest.mark.parametrize("runner", RUNNERS)
def test_failures_of_handlers(probe, form, runner):
    """Errors by status, by errno, before and after the response has begun; bodies that are malformed, unread, not sent."""
    server = probe(f"mixin={runner}", f"log={form}", "head_timeout=300", "request_timeout=300")
    chunked = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%s"
    cases = [
        (wire.request(path="/nowhere"), 404, "Not Found|not found"), (wire.request(path="/fail"), 500, os.strerror(5)),
        (wire.request(path="/fail-late"), 200, os.strerror(5)), (wire.request(path="/errno?24"), 503, os.strerror(24)),
        (wire.request(path="/nothing"), 500, os.strerror(61)), (wire.request(path="/short"), 200, os.strerror(71)),
        (wire.request("UNKNOWN"), 501, "501"), (wire.request("POST", "/ignore", b"x" * 100_000), 200, None),
        (chunked % b"x\r\n", 400, "400"), (chunked % b"5\r\nab", 408, "408"), (b"GET / HTTP/2.0\r\n\r\n", 505, "505"),
        (b"GET / HTTP/1.1\r\nno field\r\n\r\n", 400, "400"), (b"GET /half", 408, "408"), (b"\x16\x03\x01 ", 400, "400"),
        (wire.request("POST", "/echo", b"", content_length=1 << 40), 413, "413"), (wire.request(path="/ignore"), 200, None),
    ]
    for number, (data, status, error) in enumerate(cases):
        with server.client() as client:
            client.send(data)
            try:
                assert client.final().status == status
            except wire.Ended:
                assert status == 200
        line = lines_of(server, number + 1)[number]
        first, logged, told = parse(form, line)
        assert logged == status and first == data.split(b"\r\n")[0].decode("latin-1") or number in (12, 13), line
        if form in ("python", "json") or (told and status in (500, 503)):
            assert (told is None) == (error is None) and re.search(error or "", told or ""), line
    server.stop()
    assert server.log.count("\n") == len(cases)


@pytest.mark.parametrize("form", ["python", "common", "combined", "json"])
@pytest.mark.parametrize("runner", RUNNERS)
def test_clients_that_vanish(probe, form, runner):
    """In the middle of a head, of a body, of an answer."""
    server = probe(f"mixin={runner}", f"log={form}")
    beginnings = [b"GET /ignore HTTP/1.1\r\nHost: a\r\n", wire.request("POST", "/echo", b"abc", content_length=9),
                  b"GET /ign", wire.request(path="/big?20000000")]
    for number, data in enumerate(beginnings):
        client = server.client(receive_buffer=4096)
        client.send(data)
        if number == 3:
            client.exactly(1000)
        else:
            client.is_silent(0.05)
        client.reset()
        parse(form, lines_of(server, number + 1)[number])
    for _ in range(3):  # who asks for nothing has no line
        server.client().reset()
        server.client().close()
    server.ask(path="/ignore")
    lines_of(server, 5)
    server.stop()
    assert len([parse(form, line) for line in server.log.splitlines()]) == 5


@pytest.mark.parametrize("form", ["python", "common", "combined", "json"])
def test_no_descriptors(httpserver, root, form):
    """What the system says stands in the line of the request that it was said to."""
    (root / "file").write_text("data")
    server = httpserver("--upload", "--log-format", form)
    with server.client() as client:
        assert client.ask(path="/nowhere").status == 404
        with server.descriptors_left(0):
            assert client.ask(path="/file").status == 503
            assert client.ask("PUT", "/new", b"x").status == 503
    entries = [parse(form, line) for line in lines_of(server, 3)]
    assert [status for _, status, _ in entries] == [404, 503, 503]
    assert all(os.strerror(24) in error for _, _, error in entries[1:])


def test_handle_error_is_told(probe):
    """Python's own form has errors and failures on lines of their own, as http.server."""
    server = probe()
    assert server.ask(path="/fail").status == 500
    server.wait_for_log("code 500, message Internal Server Error$")
    server.wait_for_log('"GET /fail HTTP/1.1" 500 [0-9]+$')
    server.wait_for_log(f"^socketserver: request from .* failed: {os.strerror(5)}$")

# SPDX-License-Identifier: MIT
"""RFC 9112 9.6: a connection that ends because of a body that nobody has read ends with a response that says so."""

import itertools
import threading

import programs
import pytest
import wire

SIZES = (1, 10_000, 40_000, 65_536, 65_537, 200_000, 700_000)
# What answers: at once in one call, a page of an error, by and by in a buffer, with a Content-Length, more than a buffer
# holds, with a little read before, compressed, a file, a directory.
POSTS = ("/ignore", "/nowhere", "/reflect", "/counted?200", "/counted?404", "/big?50000", "/half", "/half-big?50000",
         "/compressed?3000", "/fail", "/errno?24", "/status?304")
GETS = ("/file.txt", "/large.bin", "/dir/", "/dir", "/nowhere", "/ignore", "/big?50000")
CONCURRENT = ("threading", "forking", "eventloop")


@pytest.fixture(params=CONCURRENT)
def server(request, probe, root):
    (root / "file.txt").write_text("file")
    (root / "large.bin").write_bytes(b"x" * 500_000)
    (root / "dir").mkdir()
    return probe(f"mixin={request.param}")


def forms(size):
    yield b"x" * size
    yield [b"x" * size]
    yield [b"x" * 997] * (size // 997 + 1)


def send(client, *pieces):
    """In another thread, as nobody may be reading; what the server no longer takes is lost."""
    def run():
        try:
            for piece in pieces:
                client.send(piece)
        except OSError:
            pass
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def check(client, method, path):
    """Returns whether the connection goes on, which it does unless the response has said otherwise."""
    response = client.final(method)
    if response.closes:
        assert client.ends(), (method, path)
    else:
        assert client.ask(path="/ignore").body == b"ignored", (method, path)
    return not response.closes


def requests():
    yield from itertools.product(["POST"], POSTS)
    yield from itertools.product(["GET", "HEAD"], GETS)
    yield from itertools.product(["PUT", "DELETE", "OPTIONS", "UNKNOWN"], ["/file.txt"])


def reads(method, path):
    return path.startswith("/half") or method == "PUT"


@pytest.mark.parametrize("server, size", [
    *((name, size) for name in ("threading", "eventloop") for size in SIZES),
    *(("forking", size) for size in (10_000, 65_537))], indirect=["server"])
def test_sent(server, size):
    for (method, path), body in itertools.product(requests(), forms(size)):
        data = wire.request(method, path, body)
        end_of_head = data.index(b"\r\n\r\n") + 4
        for cut in 0, end_of_head, (end_of_head + len(data)) // 2:
            with server.client() as client:
                thread = send(client, data[:cut], data[cut:])
                check(client, method, path)
                thread.join()


@pytest.mark.parametrize("size", [1, 5000, 30_000])
def test_small_ones_keep_the_connection(server, size):
    """Where all of it comes, however the response is made."""
    for (method, path), body in itertools.product(requests(), [b"x" * size]):
        if method != "UNKNOWN" and path not in ("/fail", "/errno?24", "/counted?404", "/half-big?50000"):
            data = wire.request(method, path, body)
            for cut in 0, len(data) - size, len(data) - 1:
                with server.client() as client:
                    client.send(data[:cut]).send(data[cut:])
                    assert check(client, method, path), (method, path)


@pytest.mark.parametrize("begin", ["Content-Length: 10\r\n\r\n12345", "Content-Length: 60000\r\n\r\n12345",
                                   "Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n", "Transfer-Encoding: chunked\r\n\r\n5\r\n12"])
def test_not_sent(server, begin):
    """The client waits for the answer before it sends the rest, or has forgotten it."""
    clients = []
    for method, path in requests():
        if not reads(method, path):
            client = server.client()
            client.send(f"{method} {path} HTTP/1.1\r\nHost: a\r\n{begin}")
            clients.append((client, method, path))
    for client, method, path in clients:
        assert not check(client, method, path), (method, path)


@pytest.mark.parametrize("length", ["Content-Length: 5", "Content-Length: 5000000", "Transfer-Encoding: chunked"])
def test_continue_not_sent(server, length):
    """Expect: 100-continue that is answered with a final status: nobody knows whether the body comes (RFC 9110 10.1.1)."""
    for method, path in requests():
        if not reads(method, path):
            with server.client() as client:
                client.send(f"{method} {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n{length}\r\n\r\n")
                response = client.response(method)
                if response.status == 100:  # it was looked at, as chunks are
                    continue
                assert response.closes and client.ends(), (method, path)


def test_read_while_it_is_answered(probe, mixin):
    """A handler that answers as it reads is not taken for one that does not read, whatever the sizes."""
    with probe(*programs.as_settings(mixin)).client() as client:
        for size in 10, 20_000, 300_000:
            for body in b"x" * size, [b"x" * size]:
                data = wire.request("POST", "/stream", body)
                thread = send(client, data[:200], data[200:1000], data[1000:])
                response = client.final()
                assert len(response.body) == size and not response.closes
                thread.join()

# SPDX-License-Identifier: MIT
"""Connections that leave HTTP: http_upgrade with 101 and CONNECT (tests/http/upgrade.c)."""

import json
import shutil
import socket
import threading
import time

import programs
import pytest
import wire

ASK = {"connection": "Upgrade", "upgrade": "lines/1"}


@pytest.fixture
def server(probe, mixin):
    return probe(*programs.as_settings(mixin), program="upgrade")


@pytest.fixture(params=["threading", "eventloop"])
def one(probe, request):
    return probe(f"mixin={request.param}", program="upgrade")


def head_of(client):
    return wire.parse_head(client.until(b"\r\n\r\n"))


def upgrade(client, path="/lines", early=b"", **fields):
    """The head that comes for a request with these fields."""
    client.send(wire.request(path=path, **{**ASK, **fields}) + early)
    return head_of(client)


def check_101(head, path=None):
    names = [name.lower() for name, _ in head.fields]
    assert (head.status, head.reason) == (101, "Switching Protocols")
    assert names == ["server", "date"] + ["x-own"] * (path is not None) + ["connection", "upgrade"]
    assert head.get("Connection") == "Upgrade" and head.get("Upgrade") == "lines/1" and head.get("X-Own") == path


def talk(client, numbered=False):
    for number, line in enumerate([b"one", b"two three", b""], 1):
        client.send(line + b"\n")
        assert client.until(b"\n") == (b"%d" % number if numbered else b"") + b"> " + line


# ---------------------------------------------------------------- 101


@pytest.mark.parametrize("path", ["/lines", "/parked"])
def test_lines(server, path):
    with server.client() as client:
        assert client.ask(path="/plain").text == "/plain"  # the connection speaks HTTP before
        check_101(upgrade(client, path))
        talk(client, numbered=path == "/parked")
        client.send("quit\n")
        assert client.ends()


@pytest.mark.parametrize("path", ["/lines", "/parked"])
def test_early_bytes(server, path):
    """9110-7.8: a client may send the new protocol before it knows of the answer."""
    number = b"1" if path == "/parked" else b""
    with server.client() as client:
        check_101(upgrade(client, path, b"GET / HTTP/1.1\nha"))  # they are no request
        assert client.until(b"\n") == number + b"> GET / HTTP/1.1"
        client.send("lf\nquit\n")
        assert client.rest().endswith(b"> half\n")
    with server.client() as client:  # and one that sends nothing more at all
        client.send(wire.request(path=path, **ASK) + b"one\ntwo\n").end()
        check_101(head_of(client))
        assert client.rest() == (b"> one\n> two\n" if path == "/lines" else b"1> one\n2> two\n")


def test_ping(server):
    """The idle time of a parked connection is over, again and again, and it goes on all the same."""
    with server.client() as client:
        check_101(upgrade(client, "/parked", x_idle=40))
        assert client.until(b"\n") == b"ping" and client.until(b"\n") == b"ping"
        client.send("x\n")
        assert client.until(b"> x\n").endswith(b"1")
        assert client.until(b"\n") == b"ping"
        client.end()
        assert client.rest() in (b"", b"ping\n")


def test_drain(server):
    """What is idle ends at once, also when a client has been kept for a while."""
    with server.client() as client:
        check_101(upgrade(client, "/lines"))
        talk(client)
        start = time.monotonic()
        server.stop()
        assert client.ends() and time.monotonic() - start < 5


def test_drain_parked(server):
    with server.client() as client:
        check_101(upgrade(client, "/parked"))
        talk(client, numbered=True)
        start = time.monotonic()
        server.stop()
        assert client.rest() == b"bye after 3\n" and time.monotonic() - start < 5


def test_many(probe, concurrent_mixin):
    server = probe(*programs.as_settings(concurrent_mixin), program="upgrade")
    clients = [server.client() for _ in range(20)]
    for client in clients:
        check_101(upgrade(client, "/parked"))
    for _ in range(3):
        for client in clients:
            client.send("x\n")
    for client in clients:
        assert client.until(b"3> x\n") == b"1> x\n2> x\n"
    server.stop()
    assert [client.rest() for client in clients] == [b"bye after 3\n"] * 20
    for client in clients:
        client.close()


@pytest.mark.parametrize("path", ["/talk", "/talk-parked"])
def test_both_ways(probe, concurrent_mixin, path):
    """What one client says reaches all others, wherever they are served, also while one has sent half a line."""
    server = probe(*programs.as_settings(concurrent_mixin), program="upgrade")
    clients = [server.client() for _ in range(6)]
    for client in clients:
        check_101(upgrade(client, path, b"half "))
        assert client.until(b"\n") == b"welcome"
    for number, client in enumerate(clients):
        client.send(b"of %d\n" % number)
        for other in clients:
            if other is not client:
                assert other.until(b"\n") == b"half of %d" % number
    start = time.monotonic()
    server.stop()
    assert [client.rest() for client in clients] == [b"bye\n" if path == "/talk-parked" else b""] * 6
    assert time.monotonic() - start < 5
    for client in clients:
        client.close()


def test_own_fields(one):
    with one.client() as client:
        check_101(upgrade(client, "/own"), "/own")
        talk(client)


@pytest.mark.parametrize("fields", [
    {"connection": "upgrade"}, {"connection": "keep-alive, UPGRADE"}, {"connection": "x\r\nConnection: upgrade"},
    {"upgrade": "LINES/1"}, {"upgrade": "other/1, lines/1"}, {"upgrade": "other\r\nUpgrade: ,Lines/1 ,"},
    {"connection": "upgrade, close"},
])
def test_asked_for(one, fields):
    with one.client() as client:
        check_101(upgrade(client, **fields))
        talk(client)


# ---------------------------------------------------------------- refusals


def check_426(response, offered="lines/1", connection="upgrade"):
    assert (response.status, response.reason) == (426, "Upgrade Required")
    assert response.get("Connection") == connection and response.get("Upgrade") == offered


@pytest.mark.parametrize("fields", [
    {"connection": None}, {"upgrade": None}, {"connection": "keep-alive"}, {"connection": "upgrades"}, {"upgrade": ""},
    {"upgrade": "lines"}, {"upgrade": "lines/2"}, {"upgrade": "lines/11"}, {"upgrade": "lines / 1"}, {"upgrade": "other"},
])
def test_not_asked_for(one, fields):
    with one.client() as client:
        for path in "/lines", "/parked":
            check_426(client.ask(path=path, **{**ASK, **fields}))
        assert client.ask(path="/plain").text == "/plain"  # the connection goes on, and nothing is left of the attempt
        assert client.is_silent() and client.ask(path="/otherwise", **{**ASK, **fields}).text == "plain"
    one.stop()
    assert "failed" not in one.log and "426" in one.log


def test_head(one):
    """A HEAD is answered by a head, and the connection stays one of HTTP."""
    with one.client() as client:
        check_426(client.ask("HEAD", "/lines", **ASK))
        assert client.ask(path="/plain").text == "/plain"


@pytest.mark.parametrize("keep", [{}, {"connection": "upgrade, keep-alive"}])
def test_http_1_0(one, keep):
    """9110-7.8: the field of such a request is ignored."""
    with one.client() as client:
        client.send(wire.request(path="/lines", version="HTTP/1.0", **{**ASK, **keep}))
        check_426(client.response(), connection="upgrade, close")
        assert client.ends()


def test_class_of_http_1_0(probe):
    server = probe("protocol=HTTP/1.0", program="upgrade")
    with server.client() as client:
        assert client.ask(path="/lines", **ASK).status == 500


def test_two(one):
    with one.client() as client:
        check_426(client.ask(path="/two"), "lines/2, lines/1")
        check_101(upgrade(client, "/two"))
        talk(client)
    with one.client() as client:
        head = upgrade(client, "/two", upgrade="lines/1, Lines/2")
        assert head.status == 101 and head.get("Upgrade") == "lines/2"


def test_mistakes(one):
    with one.client() as client:
        check_101(upgrade(client, "/errors"))
        assert client.rest() == b"1 1 1 1 1 1 1\n"
    for path, reason in ("/forget", "request->resume is not set"), ("/number", "no other number"):
        with one.client() as client:
            check_101(upgrade(client, path))
            assert client.ends()
        wire.wait_until(lambda reason=reason: reason in one.log)
    with one.client() as client:
        assert client.ask(path="/101", **ASK).status == 500 and client.ends()
    with one.client() as client:
        client.send(wire.request("CONNECT", "127.0.0.1:1", x_wrong="", **ASK))
        assert client.response("CONNECT").status == 500


# ---------------------------------------------------------------- bodies


@pytest.mark.parametrize("body", [b"0123456789abcdef" * 4000, [b"0123456789abc", b"def" * 30000]])
@pytest.mark.parametrize("path", ["/lines", "/body"])
def test_body(one, path, body):
    """It ends where the new protocol begins, whether it was read or not."""
    with one.client() as client:
        client.send(wire.request("POST", path, body, **ASK) + b"early\n")
        check_101(head_of(client))
        if path == "/body":
            assert client.until(b"\n") == b"0123456789"
        assert client.until(b"\n") == b"> early"
        talk(client)


@pytest.mark.parametrize("path", ["/lines", "/body"])
def test_expectation(one, path):
    """9110-7.8: 100 comes before 101."""
    with one.client() as client:
        client.send(wire.request("POST", path, expect="100-continue", content_length=10, **ASK))
        assert client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue"
        assert client.is_silent()
        client.send("0123456789early\n")
        check_101(head_of(client))
        assert client.until(b"early\n").endswith(b"> ")


@pytest.mark.parametrize("body, status", [("5\r\nhello\r\nx\r\n\r\n", 400), ("fffffff\r\n", 413)])
def test_bad_body(probe, body, status):
    server = probe("max_body=100000", program="upgrade")
    with server.client() as client:
        client.send(wire.request("POST", "/lines", transfer_encoding="chunked", **ASK) + body.encode())
        assert client.response().status == status and client.ends()
    server.stop()
    assert "failed" not in server.log


# ---------------------------------------------------------------- other classes


def test_delegate(server):
    with server.client() as client:
        check_426(client.ask(path="/parked", x_delegate=""))
        check_101(upgrade(client, "/parked", x_delegate=""))
        talk(client, numbered=True)
        client.send("quit\n")
        assert client.ends()


def test_before(one):
    with one.client() as client:
        check_426(client.ask(path="/plain", x_before=""))
        check_101(upgrade(client, "/plain", x_before=""))
        talk(client, numbered=True)


# ---------------------------------------------------------------- CONNECT


class Echo:
    """Sends back what comes, and an end for an end."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.target = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.echo, args=[connection], daemon=True).start()

    def echo(self, connection):
        with connection:
            try:
                while data := connection.recv(65536):
                    connection.sendall(data)
            except OSError:
                pass  # the tunnel has ended

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.fixture
def echo():
    echo = Echo()
    yield echo
    echo.close()


def connect(client, target, early=b"", **fields):
    client.send(wire.request("CONNECT", target, **fields) + early)
    return head_of(client)


def check_200(head, version="1.1"):
    assert (head.version, head.status, head.reason) == (version, 200, "Connection established")
    assert [name for name, _ in head.fields] == ["Server", "Date"]


def test_connect(server, echo):
    with server.client() as client:
        assert client.ask(path="/plain").text == "/plain"
        check_200(connect(client, echo.target, b"early "))
        client.send("bytes")
        assert client.exactly(11) == b"early bytes"
        data = bytes(range(256)) * 8000
        threading.Thread(target=client.send, args=[data]).start()
        assert client.exactly(len(data)) == data
        client.send("the end").end()
        assert client.rest() == b"the end"


def test_connect_drain(server, echo):
    with server.client() as client:
        check_200(connect(client, echo.target))
        client.send("x")
        assert client.exactly(1) == b"x"
        start = time.monotonic()
        server.stop()
        assert client.ends() and time.monotonic() - start < 5


def test_connect_refused(one):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        target = "127.0.0.1:%d" % closed.getsockname()[1]
    with one.client() as client:
        assert client.ask("CONNECT", target).status == 502
        assert client.ask(path="/plain").text == "/plain"


def test_connect_http_1_0(one, echo):
    with one.client() as client:
        client.send(wire.request("CONNECT", echo.target, version="HTTP/1.0") + b"early")
        check_200(head_of(client))
        assert client.exactly(5) == b"early"


def test_curl_through_a_tunnel(probe, concurrent_mixin, root):
    """curl as the client, and another server behind the tunnel."""
    if not shutil.which("curl"):
        pytest.skip("no curl")
    proxy, server = (probe(*programs.as_settings(concurrent_mixin), program="upgrade") for _ in range(2))
    done = programs.run(["curl", "-sS", "-p", "-x", proxy.url, f"{server.url}first", f"{server.url}second"])
    assert done.returncode == 0 and done.stdout == "/first/second"


# ---------------------------------------------------------------- the log


def entries(server, count):
    lines = wire.wait_until(lambda: (found := server.log.splitlines())[count - 1:] and found)
    return [json.loads(line) for line in lines if line.startswith("{")]


def test_log(probe, mixin, echo):
    """One line for each request: when the tunnel ends, or is parked first."""
    server = probe("log=json", *programs.as_settings(mixin), program="upgrade")
    with server.client() as client:
        check_101(upgrade(client, "/parked"))
        (parked,) = entries(server, 1)
        talk(client, numbered=True)
        client.send("quit\n")
        assert client.ends()
    with server.client() as client:
        check_101(upgrade(client, "/lines"))
        talk(client)
        client.send("quit\n")
        assert client.ends()
    with server.client() as client:
        check_101(upgrade(client, "/fail"))
        assert client.ends()
    server.stop()
    found = entries(server, 3)
    assert found[0] == parked and parked["status"] == 101 and parked["bytes"] == 0 and "error" not in parked
    assert [(e["path"], e["status"], e["bytes"]) for e in found[1:]] == [
        ("/lines", 101, len("> one\n> two three\n> \n")), ("/fail", 101, 0)]
    assert "error" in found[2] and "error" not in found[1]
    assert "failed" not in server.log

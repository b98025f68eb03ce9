# SPDX-License-Identifier: MIT
"""WebSockets that a handler opens (ws_connect), against a server made of frames (tests/http/ws_client.c)."""

import errno
import re
import socket

import programs
import pytest
import wire
from websocket import BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT, WebSocket, accept_of, frame, masked


@pytest.fixture
def server(probe, concurrent_mixin):
    return probe(*programs.as_settings(concurrent_mixin), program="ws_client")


@pytest.fixture
def one(probe):
    """What is the same under every mix-in."""
    return probe(program="ws_client")


class Peer:
    """The server of a WebSocket that the handler opens; `ws` is who has asked it to."""

    def __init__(self, server, path="/path?query"):
        self.client = server.client()
        self.ws = WebSocket(self.client, "/")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(programs.LIMIT)
            self.address = "127.0.0.1:%d" % listener.getsockname()[1]
            self.ws.say(f"ws://{self.address}{path}")
            self.socket = listener.accept()[0]
        self.socket.settimeout(programs.LIMIT)
        self.request = b""
        while b"\r\n\r\n" not in self.request:
            self.request += self.socket.recv(4096)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.client.close()

    def field(self, name):
        return re.findall(rf"^{name}: (.*)\r$", self.request.decode(), re.MULTILINE)

    def answer(self, status=101, accept=None, upgrade="websocket", connection="Upgrade", more=""):
        accept = accept or accept_of(self.field("Sec-WebSocket-Key")[0])
        self.socket.sendall(f"HTTP/1.1 {status} Whatever\r\nUpgrade: {upgrade}\r\nConnection: {connection}\r\n"
                            f"Sec-WebSocket-Accept: {accept}\r\n{more}\r\n".encode())
        return self.ws.hear()

    def exactly(self, size):
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            assert piece
            data += piece
        return data

    def receive(self):
        """A frame of the client's, which must be masked."""
        first, second = self.exactly(2)
        assert second & 0x80
        size = second & 0x7f
        if size > 125:
            size = int.from_bytes(self.exactly(2 if size == 126 else 8), "big")
        key = self.exactly(4)
        self.keys = getattr(self, "keys", set()) | {key}
        return first, masked(key, self.exactly(size))

    def send(self, opcode, data=b"", **more):
        self.socket.sendall(frame(opcode, data, **{"key": None, **more}))


def test_its_handshake(server):
    with Peer(server) as peer:
        assert peer.request.startswith(b"GET /path?query HTTP/1.1\r\n")
        assert peer.field("Host") == [peer.address] and peer.field("Upgrade") == ["websocket"]
        assert peer.field("Sec-WebSocket-Version") == ["13"] and peer.field("Sec-WebSocket-Protocol") == ["one", "two"]
        assert peer.answer(more="Sec-WebSocket-Protocol: two\r\n") == "connected two"
    with Peer(server, path="") as other:
        assert other.request.startswith(b"GET / HTTP/1.1\r\n")
        assert other.field("Sec-WebSocket-Key") != peer.field("Sec-WebSocket-Key")


@pytest.mark.parametrize("answer, what", [
    ({"status": 403}, "refused 403"),
    ({"status": 200}, "refused 200"),
    ({"status": 99}, errno.EPROTO),
    ({"status": 1011}, errno.EPROTO),
    ({"accept": accept_of("dGhlIHNhbXBsZSBub25jZQ==")}, errno.EPROTO),
    ({"upgrade": "h2c"}, errno.EPROTO),
    ({"connection": "close"}, errno.EPROTO),
    ({"more": "Sec-WebSocket-Protocol: three\r\n"}, errno.EPROTO),
    ({"more": "Sec-WebSocket-Protocol: one\r\nSec-WebSocket-Protocol: one\r\n"}, errno.EPROTO),
    ({"more": "Sec-WebSocket-Extensions: permessage-deflate\r\n"}, errno.EPROTO),
    ({"more": "no colon\r\n"}, errno.EPROTO),
    ({"more": "X: y\r\n" * 200}, errno.EPROTO),
    ({"more": "X: " + "y" * 5000 + "\r\n"}, errno.EPROTO),
    ({"more": "X:  y \r\n"}, "connected "),
    ({"connection": "keep-alive, upgrade"}, "connected "),
], ids=str)
def test_answers(one, answer, what):
    with Peer(one) as peer:
        heard = peer.answer(**answer)
        assert heard == what if isinstance(what, str) else heard.endswith(f" {-what}")


def test_interim_answers(server):
    with Peer(server) as peer:
        peer.socket.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        assert peer.answer() == "connected "


@pytest.mark.parametrize("url, error", [
    ("http://127.0.0.1/", errno.EINVAL), ("ws:/127.0.0.1", errno.EINVAL), ("ws://", errno.EINVAL),
    ("ws://user@127.0.0.1/", errno.EINVAL), ("ws://127.0.0.1/#there", errno.EINVAL), ("ws://127.0.0.1/a b", errno.EINVAL),
    ("ws://" + "h" * 400 + "/", errno.EINVAL), ("wss://127.0.0.1/", errno.EPROTONOSUPPORT),
    ("ws://127.0.0.1:1/", errno.ECONNREFUSED),
], ids=lambda value: str(value)[:20])
def test_urls(one, url, error):
    with one.client() as client:
        assert WebSocket(client, "/").say(url).hear().endswith(f" {-error}")


def test_no_answer_at_all(server):
    peer = Peer(server)
    peer.socket.close()
    assert peer.ws.hear().endswith(f" {-errno.ECONNRESET}")
    peer.client.close()


def test_messages(server):
    """Each is masked with a key of its own; what the server sends comes whole, and between its frames pings are answered."""
    with Peer(server) as peer:
        peer.answer()
        for message in "Grüße", b"\0\xff", "", "x" * 200, b"y" * 70_000:
            peer.ws.say(message)
            first, data = peer.receive()
            text = isinstance(message, str)
            assert (first, data) == (FIN | (TEXT if text else BINARY), message.encode() if text else message)
            peer.send(TEXT, "one ", first=0)
            peer.send(PING, b"there?")
            assert peer.receive() == (FIN | PONG, b"there?")
            peer.send(CONTINUATION, "z" * 70_000)
            assert peer.ws.hear() == "one " + "z" * 70_000
        assert len(peer.keys) == 10


@pytest.mark.parametrize("wrong, code", [
    ({"opcode": TEXT, "data": "x", "key": b"1234"}, 1002), ({"opcode": TEXT, "data": b"\xff"}, 1007),
    ({"opcode": TEXT, "data": "x", "first": FIN | 0x40}, 1002), ({"opcode": BINARY, "data": b"x" * (1 << 20) + b"x"}, 1009),
], ids=["masked", "utf-8", "rsv", "big"])
def test_a_server_that_breaks_the_rules(server, wrong, code):
    with Peer(server) as peer:
        peer.answer()
        peer.ws.say("x")
        peer.receive()
        peer.socket.sendall(frame(**{"key": None, **wrong})[:1000])  # who is sent more closes with some of it unread: a reset
        assert peer.ws.hear().startswith(f"closed {code} ")
        assert peer.receive()[1][:2] == code.to_bytes(2, "big")


def test_who_closes(server):
    with Peer(server) as peer:
        peer.answer()
        peer.ws.say("x")
        peer.receive()
        peer.send(CLOSE, (4001).to_bytes(2, "big") + b"enough")
        assert peer.receive() == (FIN | CLOSE, (4001).to_bytes(2, "big"))
        assert peer.ws.hear() == "closed 4001 enough"
    with Peer(server) as peer:
        peer.answer()
        peer.ws.say("leave")
        assert peer.receive() == (FIN | CLOSE, (4000).to_bytes(2, "big") + b"bye")
        peer.send(CLOSE, (4000).to_bytes(2, "big"))
        assert peer.ws.hear() == "closed 4000 "
        assert peer.socket.recv(1) == b""


def test_a_server_that_is_lost(server):
    peer = Peer(server)
    peer.answer()
    peer.ws.say("x")
    peer.receive()
    peer.socket.close()
    assert peer.ws.hear() == "closed 1006 "
    peer.client.close()


def test_between_two_servers(server, probe):
    """Both ends are ours."""
    echo = probe(program="websockets")
    with server.client() as client:
        ws = WebSocket(client, "/").say("ws://%s:%d/echo" % echo.address[:2])
        assert ws.hear() == "connected "
        for message in "x", "y" * 300, b"z" * 100_000:
            assert ws.say(message).hear() == message
        ws.close()


def test_a_message_is_waited_for_so_long(server):
    with server.client() as client:
        ws = WebSocket(client, "/tick")
        assert ws.hear() == "tick"
        ws.say("hello")
        assert sorted([ws.hear(), ws.hear(), ws.hear()]) == ["hello", "tick", "tick"]
        ws.close()

# SPDX-License-Identifier: MIT
"""A WebSocket client for the tests, made of frames, so that it can also send wrong ones."""

import base64
import hashlib
import os

import wire

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FIN, RSV1, RSV2, RSV3 = 0x80, 0x40, 0x20, 0x10
ID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def ask(path="/echo", key=None, **fields):
    """A request that opens a WebSocket; a field that is None is not sent."""
    key = key or base64.b64encode(os.urandom(16)).decode()
    return wire.request(path=path, **{"connection": "Upgrade", "upgrade": "websocket", "sec_websocket_version": "13",
                                      "sec_websocket_key": key, **fields})


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key.encode() + ID).digest()).decode()


def masked(key, data):
    repeated = (key * (len(data) // 4 + 1))[:len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(data), "big")


def frame(opcode, data=b"", first=FIN, key=b"\x12\x34\x56\x78", length=None):
    """`key` None: not masked; `length`: 2 or 8 bytes for the size, if not as few as needed."""
    data = data.encode() if isinstance(data, str) else data
    size, mask = len(data), 0x80 if key else 0
    length = length or (8 if size > 65535 else 2 if size > 125 else 0)
    code = {0: size, 2: 126, 8: 127}[length]
    head = bytes([first | opcode, mask | code]) + (size.to_bytes(length, "big") if length else b"")
    return head + (key + masked(key, data) if key else data)


class WebSocket:
    """A client that has opened a WebSocket. `head`: the server's answer."""

    def __init__(self, client, path="/echo", early=b"", **fields):
        self.client = client
        client.send(ask(path, **fields) + early)
        self.head = wire.parse_head(client.until(b"\r\n\r\n"))
        assert self.head.status == 101, self.head

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()

    def send(self, *frames):
        self.client.send(b"".join(frames))
        return self

    def say(self, data):
        return self.send(frame(TEXT if isinstance(data, str) else BINARY, data))

    def receive(self):
        """A frame: its first byte, and the payload."""
        first, second = self.client.exactly(2)
        assert not second & 0x80, "a server does not mask"
        size = second & 0x7f
        if size > 125:
            size = int.from_bytes(self.client.exactly(2 if size == 126 else 8), "big")
            assert size > (125 if second & 0x7f == 126 else 65535), "the length has a longer form than needed"
        return first, self.client.exactly(size)

    def hear(self):
        """The next message, which comes in one frame. A server whose client is slow may ask before whether it is there."""
        first, data = self.receive()
        while first == FIN | PING:
            first, data = self.receive()
        assert first in (FIN | TEXT, FIN | BINARY), (first, data)
        return data.decode() if first & 0xf == TEXT else data

    def pong(self):
        first, data = self.receive()
        assert first == FIN | PONG, (first, data)
        return data

    def closed(self):
        """The code of a close frame, None where it has none. Nothing follows it."""
        first, data = self.receive()
        assert first == FIN | CLOSE, (first, data)
        self.reason = data[2:].decode()
        return int.from_bytes(data[:2], "big") if data else None

    def ends(self):
        return self.client.ends()

    def is_closed_with(self, code):
        assert self.closed() == code
        assert self.ends()

    def leave(self):
        """Closes it, whatever is on its way meanwhile."""
        self.send(frame(CLOSE, (1000).to_bytes(2, "big")))
        while self.receive()[0] != FIN | CLOSE:
            pass
        assert self.ends()

    def close(self, code=1000, reason=""):
        """Both say good-bye."""
        self.send(frame(CLOSE, code.to_bytes(2, "big") + reason.encode()))
        assert self.closed() == code
        assert self.ends()

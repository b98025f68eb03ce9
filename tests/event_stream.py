# SPDX-License-Identifier: MIT
"""A client of server-sent events for the tests, which checks every byte, and a parser after WHATWG HTML 9.2.6."""

import wire

FIELDS = {"Content-Type": "text/event-stream", "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no",
          "Connection": "close"}


class Event:
    def __init__(self, event, data, last_id):
        self.event, self.data, self.id = event, data, last_id

    def __eq__(self, other):
        return (self.event, self.data) == other

    def __repr__(self):
        return f"({self.event!r}, {self.data!r}, id {self.id!r})"


class Parser:
    """Fed with text, it gives the events that a browser dispatches. `last_id`, `retry`, `comments`: what else there was."""

    def __init__(self):
        self.line, self.last_id, self.retry, self.comments = "", "", None, []
        self.clear()

    def clear(self):
        self.event, self.data = "", []

    def feed(self, text):
        *lines, self.line = (self.line + text).split("\n")
        assert "\r" not in text, text
        for line in lines:
            if line:
                self.take(line)
            else:
                if self.data:
                    yield Event(self.event or "message", "\n".join(self.data), self.last_id)
                self.clear()

    def take(self, line):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "":
            self.comments.append(value)
        elif name == "data":
            self.data.append(value)
        elif name == "event":
            self.event = value
        elif name == "id":
            self.last_id = value
        else:
            assert name == "retry" and value.isdigit(), line
            self.retry = int(value)


class EventStream:
    """A client that has opened a stream. `head`: the server's answer, which accept(head) may refuse; `raw`: the text that
    has come."""

    def __init__(self, client, path, method="GET", version="HTTP/1.1", body=None, accept=None, **fields):
        self.client, self.version = client, version
        self.parser, self.events, self.raw = Parser(), [], ""
        client.send(wire.request(method, path, body, version, **fields))
        self.head = wire.parse_head(client.until(b"\r\n\r\n"))
        if accept:
            accept(self.head)
        assert self.head.status == 200, self.head
        for name, value in FIELDS.items():
            assert self.head.get(name) == value, self.head
        assert not {"Content-Length", "Content-Encoding"} & {name for name, _ in self.head.fields}
        assert self.head.get("Transfer-Encoding") == ("chunked" if version == "HTTP/1.1" else None)

    def piece(self):
        """The text of the next chunk, b"" for the last one; in HTTP/1.0 what has come, b"" at the end."""
        if self.version == "HTTP/1.0":
            if not self.client.buffer:
                self.client.fill()
            data, self.client.buffer = self.client.buffer, b""
            return data
        line = self.client.until(b"\r\n")
        assert wire.CHUNK_SIZE.match(line), line
        data = self.client.exactly(int(line, 16))
        assert self.client.exactly(2) == b"\r\n"
        return data

    def more(self):
        """Reads a piece. False at the end of the stream."""
        text = self.piece().decode()
        self.raw += text
        self.events += self.parser.feed(text)
        return bool(text)

    def hear(self):
        """The next event; wire.Ended when the stream has ended, be it well or not."""
        while not self.events:
            if not self.more():
                raise wire.Ended(self.raw)
        return self.events.pop(0)

    def ends(self):
        """True when the stream ends well, and nothing but comments has come before."""
        while self.more():
            pass
        return not self.events and self.client.ends()

    def is_cut(self):
        """True when the connection ends, without the end of the stream."""
        try:
            while self.more():
                pass
        except wire.Ended as end:
            return end.partial == b""
        return False

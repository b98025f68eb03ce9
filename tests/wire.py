# SPDX-License-Identifier: MIT
"""HTTP/1.x as bytes: a raw client for the tests, and a parser that forgives nothing.

It does not share a line with the server or with http.client: what it accepts is what RFC 9112 allows a server to send.
"""

import re
import select
import socket
import sys
import time

LIMIT = 30  # seconds without a byte; never reached when all is well

STATUS_LINE = re.compile(rb"HTTP/(1\.[01]) ([1-9][0-9]{2}) ([\t \x21-\x7e\x80-\xff]*)\Z")
FIELD_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\x21-\x7e\x80-\xff](?:[\t \x21-\x7e\x80-\xff]*"
                        rb"[\x21-\x7e\x80-\xff])?|)\Z")
CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]{1,16}\Z")
DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-3][0-9] (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) "
                  r"[0-9]{4} [0-2][0-9]:[0-5][0-9]:[0-6][0-9] GMT\Z")
ONCE = ("content-length", "content-type", "transfer-encoding", "date", "server", "connection", "location",
        "last-modified", "allow", "etag", "content-range", "accept-ranges", "cache-control")

look_up = socket.getaddrinfo


def look_up_localhost(host, *details, **more):
    """localhost is this machine, even where no file knows the name."""
    try:
        return look_up(host, *details, **more)
    except socket.gaierror:
        if host != "localhost":
            raise
    found = []
    for number in "::1", "127.0.0.1":
        try:
            found += look_up(number, *details, **more)
        except socket.gaierror:
            pass  # not of the family asked for
    return found


socket.getaddrinfo = look_up_localhost



class Malformed(AssertionError):
    """The server has sent what no server may send."""


class Ended(Exception):
    """The connection has ended where a response should begin (`partial` is empty) or go on."""

    def __init__(self, partial):
        super().__init__(f"the connection has ended after {partial!r}")
        self.partial = partial


class Response:
    def __init__(self, version, status, reason, fields):
        self.version, self.status, self.reason, self.fields = version, status, reason, fields
        self.body = b""
        self.chunks = None  # their sizes

    def get(self, name, default=None):
        return next((value for key, value in self.fields if key.lower() == name.lower()), default)

    def __contains__(self, name):
        return self.get(name) is not None

    @property
    def text(self):
        return self.body.decode()

    @property
    def closes(self):
        """What the response says about the connection."""
        options = [o.strip().lower() for o in self.get("Connection", "").split(",")]
        return "close" in options or (self.version == "1.0" and "keep-alive" not in options)

    def __repr__(self):
        return f"<{self.status} {self.reason} {self.fields} {len(self.body)} bytes: {self.body[:200]!r}>"


def parse_head(head):
    """Makes a Response of what precedes the empty line."""
    lines = head.split(b"\r\n")
    start = STATUS_LINE.match(lines[0])
    if not start:
        raise Malformed(f"status line {lines[0]!r}")
    fields = []
    for line in lines[1:]:
        field = FIELD_LINE.match(line)
        if not field:
            raise Malformed(f"field line {line!r}")
        fields.append((field[1].decode("ascii"), field[2].decode("latin-1")))
    response = Response(start[1].decode(), int(start[2]), start[3].decode("latin-1"), fields)
    check_fields(response)
    return response


def check_fields(response):
    names = [name.lower() for name, _ in response.fields]
    for name in ONCE:
        if names.count(name) > 1:
            raise Malformed(f"{name} {names.count(name)} times: {response!r}")
    if "content-length" in names and not re.fullmatch("[0-9]+", response.get("content-length")):
        raise Malformed(f"Content-Length: {response!r}")
    if "transfer-encoding" in names and (response.get("transfer-encoding") != "chunked" or "content-length" in names):
        raise Malformed(f"Transfer-Encoding: {response!r}")
    if (response.status < 200 or response.status == 204) and {"content-length", "transfer-encoding"} & set(names):
        raise Malformed(f"a body is announced: {response!r}")
    if response.status == 416 and not re.match("bytes [*]/[0-9]+$", response.get("content-range", "")):
        raise Malformed(f"416 without Content-Range: {response!r}")
    if response.status >= 200 and not DATE.match(response.get("date", "")):
        raise Malformed(f"Date: {response!r}")
    if response.status == 405 and "allow" not in names:
        raise Malformed(f"405 without Allow: {response!r}")


class Mask:
    """The bytes of one direction as tests/masked.h changes them, each by its place."""

    PERIOD = 65521
    KEY = 2 * bytes((place + 1) * 2654435761 >> 24 & 255 | 1 for place in range(PERIOD))
    INPUT, OUTPUT = 0, 30011  # what the server reads and writes

    def __init__(self, way):
        self.place = way

    def __call__(self, data):
        size = len(data)
        repeated = self.KEY[self.place:self.place + self.PERIOD] * (size // self.PERIOD + 1)
        self.place = (self.place + size) % self.PERIOD
        return (int.from_bytes(data, "big") ^ int.from_bytes(repeated[:size], "big")).to_bytes(size, "big")


class MaskedSocket:
    """A socket whose other end masks what it reads and writes."""

    def __init__(self, inner):
        self.inner, self.outgoing, self.incoming = inner, Mask(Mask.INPUT), Mask(Mask.OUTPUT)

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def sendall(self, data):
        self.inner.sendall(self.outgoing(data))

    def send(self, data):
        raise NotImplementedError("it may send a part")

    def recv(self, size):
        return self.incoming(self.inner.recv(size))


class Client:
    """One connection. `address` is (host, port) or the path of a Unix socket; `masked`: the server is."""

    def __init__(self, address, **options):
        self.buffer = b""
        self.closed = False  # by the server, and read
        if isinstance(address, tuple):
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
            self.socket = socket.socket(family, socket.SOCK_STREAM)
        else:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(options.get("limit", LIMIT))
        if "source" in options:
            self.socket.bind((options["source"], 0))
        if "receive_buffer" in options:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options["receive_buffer"])
        if address[0] == "localhost":  # as the banner calls a server of every interface
            address = ("127.0.0.1", address[1])
        self.socket.connect(address)
        if isinstance(address, tuple):
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if options.get("masked"):
            self.socket = MaskedSocket(self.socket)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def is_over(self):
        """The server has closed it, and nothing is left to be read."""
        if self.buffer or not select.select([self.socket], [], [], 0)[0]:
            return False
        try:
            return not self.socket.recv(1, socket.MSG_PEEK)
        except ConnectionError:
            return True

    def reset(self):
        """Closes with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    # ------------------------------------------------------------ out

    def send(self, data):
        """Sends bytes. That the server has closed meanwhile is found by reading."""
        try:
            self.socket.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def end(self):
        """Nothing more will be sent."""
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def ask(self, method="GET", path="/", body=None, **fields):
        """Sends a request with these fields (x_y for X-Y) and returns the final response."""
        self.send(request(method, path, body, **fields))
        return self.final(method)

    # ------------------------------------------------------------ in

    def fill(self):
        """Reads more. False at the end of the connection."""
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        self.buffer += data
        self.closed = not data
        return bool(data)

    def until(self, end):
        while end not in self.buffer:
            if not self.fill():
                raise Ended(self.buffer)
        data, _, self.buffer = self.buffer.partition(end)
        return data

    def exactly(self, size):
        pieces, have = [self.buffer], len(self.buffer)
        self.buffer = b""
        while have < size:
            if not self.fill():
                raise Ended(b"".join(pieces))
            pieces.append(self.buffer)
            have += len(self.buffer)
            self.buffer = b""
        data = b"".join(pieces)
        self.buffer = data[size:]
        return data[:size]

    def response(self, method="GET"):
        """The next response, be it an interim one."""
        response = parse_head(self.until(b"\r\n\r\n"))
        if method == "HEAD" or response.status < 200 or response.status in (204, 304):
            return response
        if "transfer-encoding" in response:
            self.read_chunks(response)
        elif "content-length" in response:
            response.body = self.exactly(int(response.get("content-length")))
        elif not response.closes:
            raise Malformed(f"nothing says where the body ends: {response!r}")
        else:
            response.body = self.rest()
        return response

    def read_chunks(self, response):
        response.chunks, size, pieces = [], 1, []
        while size:
            line = self.until(b"\r\n")
            if not CHUNK_SIZE.match(line):
                raise Malformed(f"chunk size {line[:80]!r}")
            size = int(line, 16)
            response.chunks.append(size)
            pieces.append(self.exactly(size))
            if self.exactly(2) != b"\r\n":
                raise Malformed("a chunk is longer than its size, or there are trailers")
        response.body = b"".join(pieces)

    def final(self, method="GET"):
        response = self.response(method)
        while response.status < 200 and response.status != 101:
            response = self.response(method)
        return response

    def rest(self):
        """All that comes until the server closes."""
        while self.fill():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def ends(self):
        """True when the server closes, and has sent nothing more."""
        return self.rest() == b""

    def is_given_up(self):
        """True when the server has closed, though what it had sent before is still to be read. (IPv4)"""
        ends = [f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"
                for host, port in (self.socket.getpeername(), self.socket.getsockname())]
        with open("/proc/net/tcp", encoding="ascii") as file:
            return not any(line.split()[1:4] == [*ends, "01"] for line in file)

    def is_silent(self, seconds=0.15):
        """True when nothing comes for a while and the connection is open."""
        if self.buffer:
            return False
        before = self.socket.gettimeout()
        self.socket.settimeout(seconds)
        try:
            return not self.fill() and not self.closed
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(before)


def request(method="GET", path="/", body=None, version="HTTP/1.1", **fields):
    """The bytes of a request; `body` a list: in chunks. Host is added unless given; host=None: none."""
    fields = {"host": "localhost", **fields}
    if isinstance(body, list):
        fields["transfer_encoding"] = "chunked"
    elif body is not None:
        fields.setdefault("content_length", len(body))
    lines = [f"{method} {path} {version}".encode("latin-1")]
    for name, value in fields.items():
        if value is not None:
            lines.append(f"{name.replace('_', '-').title()}: {value}".encode("latin-1"))
    head = b"\r\n".join(lines) + b"\r\n\r\n"
    return head + (chunked(body) if isinstance(body, list) else body or b"")


def chunked(pieces):
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces if p) + b"0\r\n\r\n"


def wait_until(condition, seconds=20):
    """Asks again and again until condition() is true; its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {condition}"
        time.sleep(0.005)
    return value


def settle(path):
    """Waits until a file was changed so long ago that the server's cache trusts its times."""
    status = path.stat()
    margin = 0.2 if status.st_ctime_ns % 10**9 else 3.2
    wait_until(lambda: time.time() > status.st_ctime + margin)

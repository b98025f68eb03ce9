# SPDX-License-Identifier: MIT
"""httpserver beside `python3 -m http.server`, on the same tree: the same requests, and every difference has a reason.

What both answer is reduced to a line: the status, then what matters of the fields and of the body. Where the lines
differ, the table EXPECTED has both, and the row of README.md's table that says why.
"""

import os
import re
import socket
import sys

import programs
import pytest

FIELDS = ("location", "content-type", "content-range", "allow", "content-encoding")
DATE = "Sat, 01 Jan 2022 00:00:00 GMT"


def make_tree(root):
    """What is asked for below."""
    files = {"a.txt": "hello", "page.html": "<p>page</p>", "module.mjs": "1", "data.json": "{}", "none": "x", "README": "x",
             "archive.tar.gz": "x", "ä€.txt": "unicode", "50%.txt": "percent", "q?x.txt": "question", "a b.txt": "space",
             ".hidden": "hidden", ".well-known/security.txt": "contact", "dir/b.txt": "b", "index/index.html": "<p>index</p>",
             "htm/index.htm": "<p>htm</p>", ".git/config": "secret", "empty": ""}
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        os.utime(path, (1_600_000_000, 1_600_000_000))
    outside = root.parent / "outside.txt"
    outside.write_text("outside")
    (root / "out").symlink_to(outside)
    (root / "in").symlink_to("a.txt")
    (root / "broken").symlink_to("nowhere")
    os.mkfifo(root / "fifo")


def get(path="/a.txt", method="GET", version="HTTP/1.1", body="", **fields):
    fields = {"Host": "localhost", **fields, "Connection": "close"}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items() if value is not None)
    return f"{method} {path} {version}\r\n{lines}\r\n{body}".encode("latin-1")


REQUESTS = {
    # files
    "a file": get(),
    "HEAD of a file": get(method="HEAD"),
    "an empty file": get("/empty"),
    "a file with a query": get("/a.txt?x=1"),
    "a name that is missing": get("/missing"),
    "HEAD of what is missing": get("/missing", "HEAD"),
    "a file with a slash behind it": get("/a.txt/"),
    "a page": get("/page.html"),
    "a module": get("/module.mjs"),
    "JSON": get("/data.json"),
    "a name without extension": get("/README"),
    "a compressed archive": get("/archive.tar.gz"),
    "a symbolic link inside": get("/in"),
    "a symbolic link to the outside": get("/out"),
    "a symbolic link to nothing": get("/broken"),
    "a hidden file": get("/.hidden"),
    "a file of a hidden directory": get("/.git/config"),
    "a file of .well-known": get("/.well-known/security.txt"),
    # names
    "a space": get("/a%20b.txt"),
    "a name of UTF-8": get("/%C3%A4%E2%82%AC.txt"),
    "small hexadecimal digits": get("/%c3%a4%e2%82%ac.txt"),
    "a percent sign": get("/50%25.txt"),
    "an escape that is none": get("/50%.txt"),
    "an encoded question mark": get("/q%3Fx.txt"),
    "an encoded slash": get("/dir%2Fb.txt"),
    "an encoded NUL": get("/a.txt%00"),
    "dots": get("/dir/../a.txt"),
    "dots that leave": get("/../outside.txt"),
    "encoded dots that leave": get("/%2e%2e/outside.txt"),
    "several slashes": get("//dir///b.txt"),
    "the absolute form": get("http://localhost/a.txt"),
    # directories
    "the root": get("/"),
    "a directory": get("/dir/"),
    "a directory without slash": get("/dir"),
    "a directory without slash, with query": get("/dir?x=1"),
    "two slashes and a directory": get("//dir"),
    "HEAD of a directory": get("/dir/", "HEAD"),
    "index.html": get("/index/"),
    "index.htm": get("/htm/"),
    # conditions
    "If-Modified-Since, unchanged": get(If_Modified_Since=DATE),
    "If-Modified-Since, changed": get(If_Modified_Since="Wed, 01 Jan 2020 00:00:00 GMT"),
    "If-Modified-Since, RFC 850": get(If_Modified_Since="Saturday, 01-Jan-22 00:00:00 GMT"),
    "If-Modified-Since, no date": get(If_Modified_Since="yesterday"),
    "If-None-Match: *": get(If_None_Match="*"),
    "If-Match of another": get(If_Match='"x"'),
    "If-Unmodified-Since, changed": get(If_Unmodified_Since="Wed, 01 Jan 2020 00:00:00 GMT"),
    "a range": get(Range="bytes=1-2"),
    "a range behind the end": get(Range="bytes=100-"),
    "Accept-Encoding": get(Accept_Encoding="gzip"),
    # methods
    "POST": get(method="POST", body="x", Content_Length="1"),
    "PUT": get(method="PUT", body="x", Content_Length="1"),
    "DELETE": get(method="DELETE"),
    "OPTIONS": get(method="OPTIONS"),
    "OPTIONS *": get("*", "OPTIONS"),
    "TRACE": get(method="TRACE"),
    "a method that nobody knows": get(method="BREW"),
    "a method in small letters": get(method="get"),
    # versions
    "HTTP/1.0": get(version="HTTP/1.0"),
    "HTTP/1.0 without Host": get(version="HTTP/1.0", Host=None),
    "HTTP/2.0": get(version="HTTP/2.0"),
    "HTTP/0.9": b"GET /a.txt\r\n",
    "no version": b"GET /a.txt \r\n\r\n",
    "a version that is none": get(version="HTTP/x"),
    # what is malformed
    "no Host": get(Host=None),
    "another name": get(Host="site.example"),
    "two Hosts": b"GET /a.txt HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
    "a space before the colon": b"GET /a.txt HTTP/1.1\r\nHost: a\r\nX : y\r\nConnection: close\r\n\r\n",
    "a folded line": b"GET /a.txt HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\nConnection: close\r\n\r\n",
    "lines that end with LF": b"GET /a.txt HTTP/1.1\nHost: a\nConnection: close\n\n",
    "a line without colon": b"GET /a.txt HTTP/1.1\r\nHost: a\r\nnothing\r\nConnection: close\r\n\r\n",
    "two spaces": b"GET  /a.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "a space in the target": b"GET /a b.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "bytes that are no ASCII": b"GET /\xc3\xa4\xe2\x82\xac.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "a line of 70,000 bytes": get("/" + "a" * 70_000),
    "a line of 10,000 bytes": get("/" + "a" * 10_000),
    "150 fields": get(**{f"X{i}": "y" for i in range(150)}),
    "Content-Length with Transfer-Encoding": get(Content_Length="1", Transfer_Encoding="chunked", body="0\r\n\r\n"),
    "an expectation": get(Expect="a miracle"),
    "empty lines first": b"\r\n\r\n" + get(),
}


# ---------------------------------------------------------------- what they answer


def answer(address, request):
    """All that comes until the end; a server that resets the connection has answered before."""
    data = b""
    with socket.create_connection(address, programs.LIMIT) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        try:
            while piece := client.recv(1 << 16):
                data += piece
        except ConnectionResetError:
            pass
    return data


def reduce(data):
    """An answer as one line."""
    head, _, body = data.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/"):
        return "no status line" if data else "nothing"
    lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    status = lines[0].split()[1]
    told = [f"{name}: {fields[name]}" for name in FIELDS if name in fields and (status < "400" or name == "allow")]
    if status in ("200", "206"):
        told.append("listing" if b"Directory listing" in body else repr(body.decode("latin-1"))[:40])
    return ", ".join([status, *told]).replace("; charset=utf-8", "")


@pytest.fixture
def python(started, root, tmp_path):
    """python3 -m http.server, on a port of the kernel's choice."""
    server = programs.Program([sys.executable, "-u", "-m", "http.server", "-b", "127.0.0.1", "-d", root, "0"], tmp_path)
    server.address = ("127.0.0.1", int(re.search(r"port (\d+)", server.readline())[1]))
    yield server
    server.kill()


def row_names():
    """The first cells of README.md's table of differences."""
    with open(os.path.join(programs.ROOT, "README.md"), encoding="utf-8") as file:
        section = re.search(r"^### Differences to `python3 -m http.server`\n(.*?)^##", file.read(), re.DOTALL | re.MULTILINE)
    return [row.split(" | ")[0] for row in re.findall(r"^\| (.*) \|$", section[1], re.MULTILINE)[1:]]


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the table is that of Python 3.11")
def test_differences(httpserver, python, root):
    make_tree(root)
    ours = httpserver(names=False)
    wrong = []
    for name, request in REQUESTS.items():
        lines = reduce(answer(python.address, request)), reduce(answer(ours.address, request))
        expected = EXPECTED.get(name, (None, lines[0], lines[0]))[1:]
        if lines != tuple(line.replace("FILE", "content-type: text/plain, 'hello'") for line in expected):
            wrong.append(f"{name}:\n    python {lines[0]}\n    ours   {lines[1]}")
    assert not wrong, "\n".join(["", *wrong])


RANGES = "`Range`, `If-None-Match`, `If-Match`, `If-Range`"
# Request: the row of README.md's table, what Python answers, what we answer. FILE: the content of a.txt with its type.
EXPECTED = {
    "a symbolic link to the outside": ("symbolic links", "200, content-type: application/octet-stream, 'outside'", "404"),
    "a hidden file": ("names that begin with a dot", "200, content-type: application/octet-stream, 'hidden'", "404"),
    "a file of a hidden directory":
        ("names that begin with a dot", "200, content-type: application/octet-stream, 'secret'", "404"),
    "an escape that is none": ("`%zz`, `%00` in a path", "200, content-type: text/plain, 'percent'", "400"),
    "an encoded NUL": ("`%zz`, `%00` in a path", "nothing", "400"),
    "the absolute form": ("absolute request targets", "404", "200, FILE"),
    "If-None-Match: *": (RANGES, "200, FILE", "304"),
    "If-Match of another": (RANGES, "200, FILE", "412"),
    "If-Unmodified-Since, changed": (RANGES, "200, FILE", "412"),
    "a range": (RANGES, "200, FILE", "206, content-type: text/plain, content-range: bytes 1-2/5, 'el'"),
    "a range behind the end": (RANGES, "200, FILE", "416"),
    "POST": ("methods", "501", "405, allow: GET, HEAD, OPTIONS"),
    "PUT": ("methods", "501", "405, allow: GET, HEAD, OPTIONS"),
    "DELETE": ("methods", "501", "405, allow: GET, HEAD, OPTIONS"),
    "OPTIONS": ("methods", "501", "204, allow: GET, HEAD, OPTIONS"),
    "OPTIONS *": ("methods", "501", "204, allow: GET, HEAD, OPTIONS"),
    "TRACE": ("methods", "501", "405, allow: GET, HEAD, OPTIONS"),
    "HTTP/2.0": ("HTTP/0.9, HTTP/2.0", "no status line", "505"),
    "HTTP/0.9": ("HTTP/0.9, HTTP/2.0", "no status line", "400"),
    "no version": ("HTTP/0.9, HTTP/2.0", "no status line", "400"),
    "a version that is none": ("HTTP/0.9, HTTP/2.0", "no status line", "400"),
    "no Host": ("`Host`", "200, FILE", "400"),
    "another name": ("other names in `Host`, on 127.0.0.1", "200, FILE", "421"),
    "two Hosts": ("`Host`", "200, FILE", "400"),
    "a space before the colon": ("malformed requests", "200, FILE", "400"),
    "a folded line": ("malformed requests", "200, FILE", "400"),
    "lines that end with LF": ("malformed requests", "200, FILE", "400"),
    "a line without colon": ("malformed requests", "200, FILE", "400"),
    "two spaces": ("malformed requests", "200, FILE", "400"),
    "bytes that are no ASCII": ("raw bytes from 0x80 up in a target", "404", "200, content-type: text/plain, 'unicode'"),
    "Content-Length with Transfer-Encoding": ("malformed requests", "200, FILE", "400"),
    "a line of 10,000 bytes": ("long request lines", "404", "414"),
    "an expectation": ("`Expect`", "200, FILE", "417"),
    "empty lines first": ("empty lines before a request", "nothing", "200, FILE"),
}

# Rows of README.md that other tests than this one show: of options, of listings, of media types, of the log.
ELSEWHERE = ["who can connect", "`-p`", "protocol", "POST, PUT", "`--cgi`", "`Accept-Encoding`", "`Cache-Control`", "`Server`",
             "listing", "media types", "log of requests", "log of requests over a Unix socket", "files that may not be read",
             "FIFOs, devices, sockets", "readers that pause", "slow clients", "idle connections",
             "a client that holds connections", "Ctrl-C"]


def test_readme_has_every_difference():
    rows = row_names()
    reasons = {row for row, _, _ in EXPECTED.values()} | set(ELSEWHERE)
    assert set(EXPECTED) <= set(REQUESTS) and not {name for name, (_, a, b) in EXPECTED.items() if a == b}
    assert sorted(rows) == sorted(reasons)


def test_every_difference_of_readme_has_a_reason():
    with open(os.path.join(programs.ROOT, "README.md"), encoding="utf-8") as file:
        section = file.read().partition("### Differences to `python3 -m http.server`")[2].partition("\n## ")[0]
    for row in re.findall(r"^\| .* \|$", section, re.MULTILINE)[1:]:
        cells = row.strip("| ").split(" | ")
        assert len(cells) == 4 and all(cells), row

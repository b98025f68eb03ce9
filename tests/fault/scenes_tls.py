# SPDX-License-Identifier: MIT
"""What is asked of httpserver over TLS while calls fail."""

import contextlib
import functools
import re
import shutil
import signal
import socket
import ssl
import tempfile

import certificates
import scenes_http
from trial import right


@functools.lru_cache(None)
def authority():
    made = certificates.Authority(tempfile.mkdtemp(prefix="fault-tls-"))
    made.pair = made.issue("localhost", "127.0.0.1")
    return made


def fill(root):
    scenes_http.fill(root)
    shutil.copy(authority().pair[0], root / ".cert")
    shutil.copy(authority().pair[1], root / ".key")


@contextlib.contextmanager
def connected(trial, encrypted=True):
    """An end in the middle of something is one that a client notices."""
    try:
        with socket.create_connection(trial.server.address, trial.limit) as raw:
            if not encrypted:
                yield raw
                return
            made = ssl.create_default_context(cafile=authority().cert)
            with made.wrap_socket(raw, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as s:
                yield s
    except ssl.SSLError as error:
        raise ConnectionResetError(str(error)) from error


def ask(s, head):
    s.sendall(head.encode() + b"\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    got = b""
    with contextlib.suppress(ssl.SSLZeroReturnError):
        while piece := s.recv(65536):
            got += piece
    length = re.search(rb"(?i)^content-length: ([0-9]+)\r$", got, re.MULTILINE)
    if got.startswith(b"HTTP/1.1 5") or not length or len(got.partition(b"\r\n\r\n")[2]) < int(length[1]):
        raise ConnectionResetError(got[:100])
    return got


def pages(trial):
    for name, body in (("small", scenes_http.SMALL), ("large", scenes_http.LARGE)):
        with trial.asking(f"GET /{name} over TLS"), connected(trial) as s:
            right(ask(s, f"GET /{name} HTTP/1.1").endswith(b"\r\n\r\n" + body))


def plain(trial):
    with trial.asking("GET without TLS"), connected(trial, False) as s:
        right(ask(s, "GET /small HTTP/1.1").startswith(b"HTTP/1.1 307 "))


def reload(trial):
    """Certificates read anew, or those before."""
    trial.server.process.send_signal(signal.SIGHUP)
    pages(trial)


SCENES = [pages, plain, reload]

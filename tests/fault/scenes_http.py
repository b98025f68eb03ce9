# SPDX-License-Identifier: MIT
"""What is asked of httpserver while calls fail."""

import base64
import gzip
import json
import os

import uploads
import wire
from trial import right

SMALL = b"a small file\n"
LARGE = b"".join(b"%07d\n" % i for i in range(100_000))
TEXT = b"".join(b"line %d of a text that compresses well\n" % i for i in range(400))
NAMES = [f"name-{i:02}" for i in range(12)]


def fill(root):
    """The directory that is served."""
    for name in "list", "store":
        (root / name).mkdir()
    for name in NAMES:
        (root / "list" / name).write_text(name)
    (root / "small").write_bytes(SMALL)
    (root / "large").write_bytes(LARGE)
    (root / "text.txt").write_bytes(TEXT)
    (root / "twice.txt").write_bytes(TEXT)
    (root / "twice.txt.gz").write_bytes(gzip.compress(TEXT))
    (root / "link").symlink_to("small")
    for name in os.listdir(root):
        if (root / name).is_file():
            os.utime(root / name, (1e9, 1e9))


def small(trial):
    trial.get("/small", SMALL)
    trial.get("/small", b"", method="HEAD")
    trial.get("/link", SMALL, connection="close")


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def guarded(trial):
    """Passwords of both kinds, each time another one that is wrong, so that none is known from before."""
    trial.get("/small", SMALL, authorization=basic("ann", "one"))
    trial.get("/small", SMALL, authorization=basic("bob", "two"))
    with trial.asking("a wrong password"):
        trial.ask("GET", "/small", statuses=(401, 429), authorization=basic("bob", f"x{guarded.count}"))
    guarded.count += 1


guarded.count = 0


def full(trial):
    """The only place is taken: the next one is turned away, and the first goes on."""
    with trial.asking("full"), wire.Client(trial.server.address) as first, wire.Client(trial.server.address) as second:
        first.send(b"PUT /list/full HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n1")
        trial.accept(second.ask("GET", "/small"), (200, 503))  # 200: the first has failed, and its place was free
        trial.accept(first.send(b"2").response(), (201, 204))


def fresh(trial):
    """A file that is in no cache."""
    path = trial.root / "fresh"
    path.write_bytes(SMALL + str(len(trial.outcomes)).encode())
    os.utime(path, (1e9, 1e9 + fresh.count))
    fresh.count += 1
    trial.get("/fresh", path.read_bytes())


fresh.count = 0


def large(trial):
    trial.get("/large", LARGE)


def ranges(trial):
    with trial.asking("a range"):
        response = trial.ask("GET", "/large", statuses=(200, 206), range="bytes=100-299999")
        right(response.body == (LARGE[100:300_000] if response.status == 206 else LARGE), response)
    with trial.asking("two ranges"):
        response = trial.ask("GET", "/large", statuses=(200, 206), range="bytes=0-9,500000-")
        right(response.body == LARGE if response.status == 200 else
              LARGE[:10] in response.body and LARGE[500_000:] in response.body and b"--" in response.body[-6:], response)


def conditions(trial):
    with trial.asking("304"):
        tag = trial.ask("GET", "/small").get("ETag")
        response = trial.ask("GET", "/small", statuses=(200, 304), if_none_match=tag or "*")
        right(response.body == (b"" if response.status == 304 else SMALL), response)
    with trial.asking("412"):
        trial.ask("GET", "/small", statuses=(412,), if_match='"another"')
    with trial.asking("404"):
        trial.ask("GET", "/nowhere", statuses=(404,))


def decoded(response):
    coding = response.get("Content-Encoding", "identity")
    if coding == "gzip":
        return gzip.decompress(response.body)
    right(coding == "identity", response)
    return response.body


def coded(trial):
    """What is coded may as well come as it is."""
    for path in "/text.txt", "/twice.txt":
        with trial.asking(f"{path} coded"):
            right(decoded(trial.ask("GET", path, accept_encoding="gzip")) == TEXT)
    for coding in "br", "zstd":
        with trial.asking(f"{coding}"):
            response = trial.ask("GET", "/text.txt", accept_encoding=coding)
            right(response.get("Content-Encoding") == coding or response.body == TEXT, response)


def listing(trial):
    with trial.asking("a listing"):
        listed = json.loads(trial.ask("GET", "/list/", accept="application/json").text)
        right([entry["name"] for entry in (listed["entries"] if isinstance(listed, dict) else listed)] == NAMES, listed)
    with trial.asking("a listing as a page"):
        text = trial.ask("GET", "/list/").text
        right(all(name in text for name in NAMES) and text.rstrip().endswith("</html>"), text[-200:])


def pipelined(trial):
    """Answers come in order, each whole, up to an end of the connection."""
    with trial.asking("4 at once"):
        client = trial.client
        client.send(b"".join(wire.request(path=path) for path in ("/small", "/large", "/nowhere", "/small")))
        for body, status in (SMALL, 200), (LARGE, 200), (None, 404), (SMALL, 200):
            response = trial.accept(client.final(), (status,))
            right(body is None or response.body == body, response)


def is_whole(trial, name, *contents):
    right(trial.stored(name) in contents, f"{name}: {str(trial.stored(name))[:200]}")


def put(trial):
    for content in LARGE, SMALL:
        before = trial.stored("store/put")
        with trial.asking("PUT"):
            trial.ask("PUT", "/store/put", content, statuses=(200, 201, 204))
            is_whole(trial, "store/put", content)
        refused = trial.outcomes[-1][1] == "5xx"
        with trial.asking("what is stored"):
            is_whole(trial, "store/put", *([before] if refused else [before, content]))
    with trial.asking("PUT on a condition"):
        trial.ask("PUT", "/store/put", LARGE, statuses=(412,), if_none_match="*")


def form(trial):
    with trial.asking("a form"):
        trial.ask("POST", "/store/", uploads.form(("one", SMALL), ("two", LARGE)), statuses=(200, 201, 303), **uploads.FORM)
        is_whole(trial, "store/one", SMALL)
        is_whole(trial, "store/two", LARGE)
    with trial.asking("what is stored"):
        is_whole(trial, "store/one", None, SMALL)
        is_whole(trial, "store/two", None, LARGE)
        right(uploads.tree(trial.root / "store") <= {b"put", b"one", b"two"}, uploads.tree(trial.root / "store"))
        for name in "one", "two":
            (trial.root / "store" / name).unlink(missing_ok=True)


SCENES = [small, fresh, large, ranges, conditions, coded, listing, pipelined, put, form]

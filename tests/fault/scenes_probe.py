# SPDX-License-Identifier: MIT
"""A handler of one's own, tests/http/probe.c: bodies, forms, and answers that it makes itself."""

import coding
import uploads
import wire
from scenes_files import body
from trial import right

LARGE = b"".join(b"%07d\n" % i for i in range(20_000))
FIELDS = {"one": b"1", "a long one": LARGE[:50_000], "half": b"abcdef", "skip": LARGE[:9000]}
URLENCODED = {"content_type": "application/x-www-form-urlencoded"}
LINES = b"".join(b"line %d of 5000\n" % i for i in range(5000))


def fill(root):
    (root / "file").write_bytes(LARGE)


def same(trial, path, sent, received, **fields):
    with trial.asking(f"POST {path}"):
        response = trial.ask("POST", path, sent, **fields)
        right(response.body == received, response)


def bodies(trial):
    """With a length, in chunks, and after a question."""
    same(trial, "/echo", LARGE, LARGE)
    same(trial, "/echo", [LARGE, b"more", LARGE], LARGE + b"more" + LARGE)
    same(trial, "/stream", [LARGE, LARGE], 2 * LARGE)
    same(trial, "/half", LARGE, LARGE[:4])
    same(trial, "/lines", [b"first\nsec", b"ond\n"], b"6:first\n7:second\nend:0")
    with trial.asking("Expect"):
        client = trial.client
        client.send(wire.request("POST", "/echo", None, content_length=len(LARGE), expect="100-continue"))
        response = client.response()
        if response.status == 100:
            client.send(LARGE)
            response = client.final("POST")
        right(trial.accept(response).body == LARGE, response)


def hexadecimal(data):
    return data.hex().encode() + b" "


def forms(trial):
    """Each field as a handler sees it."""
    whole = dict(FIELDS, half=b"abc", skip=b"")
    sent = b"".join(b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value)
                    for name, value in FIELDS.items()) + b"--b--\r\n"
    received = b"".join(hexadecimal(name.encode()) + b"- - " + hexadecimal(value) + b"\n" for name, value in whole.items())
    same(trial, "/form", sent, received, **uploads.FORM)
    same(trial, "/form", [sent[:100], sent[100:]], received, **uploads.FORM)
    sent = b"&".join(name.replace(" ", "+").encode() + b"=" + value.replace(b"\n", b"%0A") for name, value in FIELDS.items())
    same(trial, "/form", sent, received, **URLENCODED)
    same(trial, "/count", sent, b"4", **URLENCODED)
    same(trial, "/json", b"{}", b"{}", content_type="application/json")


def answers(trial):
    """Made by the handler, of a known length and not."""
    trial.get("/big?100000", (b"0123456789" * 100) * 100)
    trial.get("/reflect", b"", method="HEAD")
    trial.get("/halves?1", b"firstother")
    trial.get("/two-responses", b"second")
    trial.get("/processing", b"done")
    trial.get("/status?204", b"", statuses=(204,))
    trial.get("/status?304", b"", statuses=(304,))
    trial.get("/file", LARGE)
    with trial.asking("a field more"):
        response = trial.ask("GET", "/headers")
        right(response.body == b"15 of 15 refused", response)
    trial.get("/close", b"bye")


def compressed(trial):
    """While it is made."""
    for name in coding.NAMES:
        with trial.asking(f"lines in {name}"):
            response = trial.ask("GET", "/compressed?5000", accept_encoding=name)
            right(body(response) == LINES, response)
        with trial.asking(f"lines in nothing but {name}"):
            response = trial.ask("GET", "/compressed?5000", accept_encoding=f"{name}, identity;q=0")
            right(response.get("Content-Encoding") == name and body(response) == LINES, response)
    with trial.asking("of a length that is another one"):
        response = trial.ask("GET", "/compressed-counted", accept_encoding="gzip")
        right(body(response) == b"abcdefghijklmnopqrstuvwxyz 12\n" * 100, response)
    with trial.asking("an error instead"):
        right(b"404" in body(trial.ask("GET", "/compressed-other", statuses=(404,), accept_encoding="gzip")))


def errors(trial):
    """What a handler fails with."""
    for path, status in ("/fail", 500), ("/errno?12", 503), ("/errno?2", 404), ("/fail-begun", 500), ("/nowhere", 404):
        with trial.asking(path):
            trial.accept(trial.ask("GET", path, statuses=(status, 500, 503)), (status, 500, 503))
            trial.close()


SCENES = [bodies, forms, answers, compressed, errors]

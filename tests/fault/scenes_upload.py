# SPDX-License-Identifier: MIT
"""Files that are stored while calls fail: each is there as a whole or not at all, and nothing that was there is lost."""

import json
import os

import uploads
import wire
from scenes_http import LARGE, SMALL, is_whole
from trial import LIMIT, right

OLD = b"what was there before\n"


def fill(root):
    (root / "store").mkdir()
    (root / "deep" / "er").mkdir(parents=True)
    (root / "deep" / "a directory").mkdir()


def reset(trial, *names, old=None):
    """What a scene begins with."""
    for name in names:
        path = trial.root / name
        path.unlink(missing_ok=True)
        if old is not None:
            path.write_bytes(old)


def holds_only(trial, *names):
    """No part is left of what was received, but where the system does not let go of it; that is a hidden one, and the next
    start removes it."""
    there = uploads.tree(trial.root / "store")
    if trial.failing.endswith("unlinkat"):
        left = {name for name in there if name.startswith(b".httpserver-")}
        for name in left:
            (trial.root / "store" / os.fsdecode(name)).unlink()
        there -= left
    right(there <= {name.encode() for name in names}, there)


def new(trial):
    """PUT of a file that must not be there."""
    reset(trial, "store/new")
    with trial.asking("PUT of a new file"):
        trial.ask("PUT", "/store/new", SMALL, statuses=(201,), if_none_match="*")
        is_whole(trial, "store/new", SMALL)
    with trial.asking("what is stored"):
        is_whole(trial, "store/new", None, SMALL)
        holds_only(trial, "new")


def conditional(trial):
    """PUT in place of the file that was seen."""
    reset(trial, "store/seen", old=OLD)
    tag = None
    with trial.asking("what is there"):
        tag = trial.ask("GET", "/store/seen").get("ETag")
    with trial.asking("PUT on a condition"):
        trial.ask("PUT", "/store/seen", LARGE, statuses=(204,), if_match=tag if tag and tag[0] == '"' else "*")
        is_whole(trial, "store/seen", LARGE)
    with trial.asking("what is stored"):
        is_whole(trial, "store/seen", OLD, LARGE)
        holds_only(trial, "seen")


def overwritten(trial):
    """Its mode stays."""
    reset(trial, "store/mode", old=OLD)
    (trial.root / "store" / "mode").chmod(0o600)
    with trial.asking("PUT in place of a file"):
        trial.ask("PUT", "/store/mode", SMALL, statuses=(204,))
        is_whole(trial, "store/mode", SMALL)
    with trial.asking("what is stored"):
        is_whole(trial, "store/mode", OLD, SMALL)
        right((trial.root / "store" / "mode").stat().st_mode & 0o077 == 0, "others may read it now")
        holds_only(trial, "mode")


def chunked(trial):
    """Of a size that is known at the end only."""
    reset(trial, "store/chunked")
    with trial.asking("PUT in chunks"):
        trial.ask("PUT", "/store/chunked", [LARGE, SMALL, LARGE], statuses=(201,))
        is_whole(trial, "store/chunked", LARGE + SMALL + LARGE)
    with trial.asking("what is stored"):
        is_whole(trial, "store/chunked", None, LARGE + SMALL + LARGE)
        holds_only(trial, "chunked")


def send_when_asked(trial, client, response, content):
    if response.status == 100:
        client.send(content)
        response = client.final("PUT")
    trial.accept(response, (201,))


def expected(trial):
    """A client that waits until it is asked for its body."""
    reset(trial, "deep/er/expected")
    with trial.asking("PUT with Expect"):
        client = trial.client
        client.send(wire.request("PUT", "/deep/er/expected", None, content_length=len(LARGE), expect="100-continue"))
        send_when_asked(trial, client, client.response(), LARGE)
        is_whole(trial, "deep/er/expected", LARGE)
    with trial.asking("what is stored"):
        is_whole(trial, "deep/er/expected", None, LARGE)


def refused(trial):
    """What the client is told when it is its own fault, before and behind the body."""
    with trial.asking("PUT of a directory"):
        trial.ask("PUT", "/deep/er", SMALL, statuses=(405, 409))
        trial.close()
    with trial.asking("PUT into no directory"):
        trial.ask("PUT", "/nowhere/file", SMALL, statuses=(409,))
        trial.close()
    with trial.asking("POST into no directory"):
        trial.ask("POST", "/nowhere/", uploads.form(("one", SMALL)), statuses=(404,), **uploads.FORM)
        trial.close()
    with trial.asking("POST of a directory's name"):
        trial.ask("POST", "/deep/", uploads.form(("a directory", SMALL)), statuses=(409,), **uploads.FORM)
        trial.close()
    with trial.asking("too much"):
        trial.ask("PUT", "/store/much", None, statuses=(413,), content_length=1 << 40)
        trial.close()
    with trial.asking("a form without a file"):
        trial.ask("POST", "/store/", uploads.form((None, SMALL)), statuses=(400,), **uploads.FORM)
        trial.close()
    with trial.asking("nothing is stored"):
        holds_only(trial)


def forms(trial):
    """Several parts, of which some are no files; the answer is JSON."""
    names = "one", "two", "three"
    reset(trial, *(f"store/{name}" for name in names))
    with trial.asking("a form"):
        body = uploads.form(("one", SMALL), (None, b"a field"), ("two", LARGE), ("three", b""))
        response = trial.ask("POST", "/store/", body, statuses=(201,), **uploads.FORM, **uploads.JSON)
        right([(f["name"], f["size"]) for f in json.loads(response.body)["files"]] ==
              [("one", len(SMALL)), ("two", len(LARGE)), ("three", 0)], response)
        for name, content in zip(names, (SMALL, LARGE, b"")):
            is_whole(trial, f"store/{name}", content)
    with trial.asking("what is stored"):
        for name, content in zip(names, (SMALL, LARGE, b"")):
            is_whole(trial, f"store/{name}", None, content)
        holds_only(trial, *names)
        reset(trial, *(f"store/{name}" for name in names))


def renamed(trial):
    """With --on-duplicate rename nothing is ever replaced."""
    names = "twice", "twice (1)"
    reset(trial, *(f"store/{name}" for name in names))
    reset(trial, "store/twice", old=OLD)
    with trial.asking("a form with a name that is taken"):
        trial.ask("POST", "/store/", uploads.form(("twice", LARGE)), statuses=(201,), **uploads.FORM, **uploads.JSON)
        is_whole(trial, "store/twice (1)", LARGE)
    with trial.asking("what is stored"):
        is_whole(trial, "store/twice", OLD)
        is_whole(trial, "store/twice (1)", None, LARGE)
        holds_only(trial, *names)
        reset(trial, *(f"store/{name}" for name in names))


def kept(trial):
    """With --on-duplicate error it is told so."""
    reset(trial, "store/kept", old=OLD)
    for method, path, body, fields in (("PUT", "/store/kept", SMALL, {}),
                                       ("POST", "/store/", uploads.form(("kept", SMALL)), uploads.FORM)):
        with trial.asking(f"{method} of what is there"):
            trial.ask(method, path, body, statuses=(409,), **fields)
            trial.close()
    with trial.asking("what is stored"):
        is_whole(trial, "store/kept", OLD)
        holds_only(trial, "kept")
        reset(trial, "store/kept")


def much(trial):
    """So much that room is reserved."""
    reset(trial, "store/much")
    content = LARGE * 2
    with trial.asking("PUT of much"):
        trial.ask("PUT", "/store/much", content, statuses=(201,))
        is_whole(trial, "store/much", content)
    with trial.asking("what is stored"):
        is_whole(trial, "store/much", None, content)
        holds_only(trial, "much")
        reset(trial, "store/much")


def alike(trial):
    """Where a file system has no modes, all files have the same one."""
    reset(trial, "store/alike", old=OLD)
    with trial.asking("PUT in place of a file"):
        trial.ask("PUT", "/store/alike", SMALL, statuses=(204,))
        is_whole(trial, "store/alike", SMALL)
    with trial.asking("what is stored"):
        is_whole(trial, "store/alike", OLD, SMALL)
        holds_only(trial, "alike")


def vanishing(trial):
    """Somebody removes each part that appears: nothing can be received."""
    reset(trial, "store/vanishing")
    with trial.asking("PUT that vanishes"):
        trial.ask("PUT", "/store/vanishing", SMALL, statuses=(503,))
    with trial.asking("what is stored"):
        is_whole(trial, "store/vanishing", None)
        holds_only(trial)


def one_at_a_time(trial):
    """While one file comes, there is no room for another one, unless the first one is believed to be dead."""
    reset(trial, "store/first", "store/second")
    with trial.asking("the first"), wire.Client(trial.server.address, limit=LIMIT) as first:
        first.send(wire.request("PUT", "/store/first", None, content_length=len(SMALL), expect="100-continue"))
        response = first.response()
        with trial.asking("the second"):
            trial.ask("PUT", "/store/second", SMALL, statuses=(201, 503))
        send_when_asked(trial, first, response, SMALL)
        is_whole(trial, "store/first", SMALL)
    with trial.asking("what is stored"):
        is_whole(trial, "store/first", None, SMALL)
        is_whole(trial, "store/second", None, SMALL)
        holds_only(trial, "first", "second")


def reserved(trial):
    """The log is in use, whatever fails, and is not replaced."""
    log = trial.root / "log"
    inode = log.stat().st_ino
    with trial.asking("PUT of the log"):
        trial.ask("PUT", "/log", SMALL, statuses=(403,))
        trial.close()
    with trial.asking("a form with the log"):
        trial.ask("POST", "/", uploads.form(("log", SMALL)), statuses=(403, 409), **uploads.FORM)
        trial.close()
    with trial.asking("the log"):
        right(log.stat().st_ino == inode, "it was replaced")


SCENES = [new, conditional, overwritten, chunked, expected, refused, forms]
STORING = [new, overwritten, forms]

# SPDX-License-Identifier: MIT
"""What is asked of httpserver --live while calls fail: pages with a script, and what was changed."""

import itertools
import shutil

from lines import again
from scenes_events import Stream, opened
from scenes_messages import client_of
from trial import right

ELEMENT = b'<script src="/.httpserver/live.js"></script>\n'
PAGE = b"<!DOCTYPE html><title>A page</title>" + 200 * b"<p>Text"
LARGE = 20000 * b"<p>Text"
SIZE_IS_UNKNOWN = "is_as_long_as_it_says"  # and where it is, there is no script

numbers = itertools.count()


def fill(root):
    (root / "page.html").write_bytes(PAGE)
    (root / "dir").mkdir()


def pages(trial):
    """Each time the files are others, so that all of it is done for them."""
    for name, data in ("small.html", PAGE), ("large.html", LARGE):
        (trial.root / name).write_bytes(data)
        with trial.asking(name):
            body = trial.ask("GET", "/" + name).body
            right(body == data + ELEMENT or (body == data and SIZE_IS_UNKNOWN in trial.failing), body[-100:])
        (trial.root / name).unlink()
    with trial.asking("script"):
        right(b"EventSource" in trial.ask("GET", "/.httpserver/live.js").body)
    with trial.asking("listing"):
        right(b"data-listing" in trial.ask("GET", "/dir/").body)


def hears(stream, name):
    """Told by name; or anything has changed, also what is not known any more."""
    while True:
        event = stream.hear()
        names = event.data.split("\n")[1:]
        right(event.event == "change")
        if not names or "/" + name in names:
            return


def change(trial):
    """A file, below a directory as well. (That may not be watched, of which the log has to tell.)"""
    name = f"{next(numbers)}.txt"
    with client_of(trial) as client:
        stream = opened(trial, client, "/.httpserver/live", Stream)
        right(stream.hear().event == "state")
        directory = trial.root / f"dir-{name}"
        (directory / "deep").mkdir(parents=True)
        (directory / "deep" / "file").write_bytes(PAGE)
        hears(stream, directory.name)
        (trial.root / name).write_bytes(PAGE)
        moved = directory.rename(trial.root / f"moved-{name}")
        hears(stream, name)
        (trial.root / name).unlink()
        shutil.rmtree(moved)
        hears(stream, name)


def changes(trial):
    again(trial, "changes", change)


SCENES = [pages]
TOGETHER = [changes]

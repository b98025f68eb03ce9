# SPDX-License-Identifier: MIT
"""Files that are in no cache, in every coding; long listings, links, and a log that nobody gets."""

import functools
import gzip
import itertools
import json
import os

import coding
import wire
from trial import right

LINE = b"a line\n"
TEXT = b"".join(b"line %d of a text that compresses well\n" % i for i in range(400))
LONG = b"".join(b"%d: longer than what is compressed once for all\n" % i for i in range(4000))
DRAWING = gzip.compress(os.urandom(100_000))
MANY = [f"an-entry-of-a-long-directory-{i:04}" for i in range(2100)]
numbers = itertools.count()


def fill(root):
    """The directory that is served; a log lies in it."""
    for name in "many", "anew", "deep/er":
        (root / name).mkdir(parents=True)
    for name in MANY:
        (root / "many" / name).touch()
    (root / "long.txt").write_bytes(LONG)
    (root / "large.bin").write_bytes(LONG)
    (root / "drawing.svgz").write_bytes(DRAWING)
    (root / "deep" / "er" / "file").write_bytes(LINE)
    (root / "inside").symlink_to("deep/er/../er/file")
    (root / "back").symlink_to(root / "deep" / "er" / "file")
    (root / "to-log").symlink_to("log")
    (root / "arguments").symlink_to("/proc/self/cmdline")
    for name in "long.txt", "large.bin", "drawing.svgz":
        os.utime(root / name, (1e9, 1e9))


def anew(trial, name, text=TEXT):
    """A file that no cache knows."""
    path = trial.root / "anew" / name
    path.unlink(missing_ok=True)
    path.write_bytes(text)
    os.utime(path, (1e9, 1e9 + next(numbers)))
    return path


# The bytes are the same in each play.
encode, decode = functools.lru_cache(None)(coding.encode), functools.lru_cache(None)(coding.decode)


def body(response):
    return decode(response.get("Content-Encoding"), response.body)


def is_in(coding_name, response, text):
    """It may as well come as it is."""
    right(response.get("Content-Encoding") in (None, coding_name) and body(response) == text, response)


def codings(trial):
    """Each time the text is loaded and compressed anew."""
    for name in coding.NAMES:
        anew(trial, "text.txt")
        with trial.asking(f"a new text in {name}"):
            is_in(name, trial.ask("GET", "/anew/text.txt", accept_encoding=name), TEXT)


def must_code(trial):
    """A client that takes nothing else gets a coding, or an error of the server's."""
    for name in coding.NAMES:
        anew(trial, "must.txt")
        with trial.asking(f"nothing but {name}"):
            response = trial.ask("GET", "/anew/must.txt", accept_encoding=f"{name}, identity;q=0")
            right(response.get("Content-Encoding") == name and body(response) == TEXT, response)


def streamed(trial):
    """Compressed while it is sent."""
    for name in coding.NAMES:
        with trial.asking(f"a long text in {name}"):
            is_in(name, trial.ask("GET", "/long.txt", accept_encoding=name), LONG)
    with trial.asking("a long text in nothing but gzip"):
        response = trial.ask("GET", "/long.txt", accept_encoding="gzip, identity;q=0")
        right(response.get("Content-Encoding") == "gzip" and body(response) == LONG, response)


def siblings(trial):
    """A file beside which there are compressed ones."""
    path = anew(trial, "both.txt")
    for name in coding.NAMES:
        coding.sibling(path, name, b"").unlink()
    with trial.asking("a text without siblings"):
        is_in("gzip", trial.ask("GET", "/anew/both.txt", accept_encoding="gzip"), TEXT)
    path = anew(trial, "both.txt")
    for name in coding.NAMES:
        coding.sibling(path, name, encode(name, TEXT))
    for name in coding.NAMES:
        with trial.asking(f"a sibling in {name}"):
            is_in(name, trial.ask("GET", "/anew/both.txt", accept_encoding=name), TEXT)


def drawing(trial):
    """Nothing but the field says to a browser that this is no picture as it is."""
    with trial.asking("a compressed picture"):
        os.utime(trial.root / "drawing.svgz", (1e9, 1e9 + next(numbers)))
        response = trial.ask("GET", "/drawing.svgz")
        right(response.body == DRAWING and response.get("Content-Encoding") == "gzip", response)


def tags(trial):
    """Of a large file that is new: what has the tag of a file is that file."""
    text = LONG + b"%d\n" % next(numbers)
    anew(trial, "tagged", text)
    tag = '"none"'
    with trial.asking("a tag"):
        response = trial.ask("GET", "/anew/tagged")
        right(response.body == text, response)
        tag = response.get("ETag", tag)
    with trial.asking("304 by the tag"):
        again = trial.ask("GET", "/anew/tagged", statuses=(200, 304), if_none_match=tag)
        right(again.body == (b"" if again.status == 304 else text), again)
    with trial.asking("the rest, if it is unchanged"):
        again = trial.ask("GET", "/anew/tagged", statuses=(200, 206), range="bytes=1000-", if_range=tag)
        right(again.body == (text[1000:] if again.status == 206 else text), again)


def listings(trial):
    """Long ones: sent while they are made, and in a coding."""
    with trial.asking("a long listing"):
        text = trial.ask("GET", "/many/").text
        right(all(name in text for name in MANY) and text.rstrip().endswith("</html>"), text[-200:])
    for name in coding.NAMES:
        with trial.asking(f"a long listing in {name}"):
            response = trial.ask("GET", "/many/?json", accept_encoding=name)
            right([entry["name"] for entry in listed(body(response))] == MANY, response)
    with trial.asking("HEAD of a long listing"):
        trial.ask("HEAD", "/many/")


def listed(body):
    found = json.loads(body)
    return found["entries"] if isinstance(found, dict) else found


def links(trial):
    """Links that stay inside, or come back; and names that are no files."""
    os.utime(trial.root / "deep" / "er" / "file", (1e9, 1e9 + next(numbers)))  # no cache knows it
    for path in "/inside", "/back", "/deep/er/file":
        trial.get(path, LINE)
    trial.get("/deep/er", b"", statuses=(301,))
    trial.get("/deep/er/../er/./file", LINE)
    trial.get("/" + "./" * 3000 + "deep/er/file", LINE)


def followed(trial):
    """Links to any file; one of them has no size, and says what the server was started with."""
    anew(trial, "linked", LINE)
    for path in "/anew/linked", "/inside", "/back":
        trial.get(path, LINE)
    with open(f"/proc/{trial.server.pid}/cmdline", "rb") as file:
        text = file.read()
    trial.get("/arguments", text)
    trial.get("/arguments", b"", method="HEAD")


def withheld(trial):
    """The log is for nobody, whatever fails."""
    for path in "/log", "/to-log":
        with trial.asking(path):
            trial.ask("GET", path, statuses=(404,))
    with trial.asking("a listing beside the log"):
        names = {entry["name"] for entry in listed(trial.ask("GET", "/?json").body)}
        right(names - {"log", "to-log"} == {name for name in os.listdir(trial.root) if "log" not in name}, names)


def pages(trial):
    """Answers that are no files."""
    for method, path, body, status in (("GET", "/no%zz", None, 400), ("DELETE", "/large.bin", None, 405),
                                       ("GET", "/nowhere/", None, 404), ("GET", "/large.bin", b"a body", 200)):
        with trial.asking(f"{method} {path}"):
            trial.ask(method, path, body, statuses=(status,))
    with trial.asking("no request"):
        trial.client.send(b"no request\r\n\r\n")
        trial.accept(trial.client.response(), (400,))
        trial.close()
    with trial.asking("HTTP/1.0"):
        trial.client.send(wire.request(path="/deep/er/file", version="HTTP/1.0"))
        right(trial.accept(trial.client.response()).body == LINE)
        trial.close()


SCENES = [codings, must_code, streamed, siblings, drawing, tags, listings, links, withheld, pages]

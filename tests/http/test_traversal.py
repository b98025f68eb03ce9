# SPDX-License-Identifier: MIT
"""Twenty thousand ways to ask for a file beside the root: none gets it, and the server lives."""

import itertools
import random
import re

import pytest
import wire

SECRET = b"the secret beside the root"
COUNT = 20000
BATCH = 50  # requests sent at once

DOTS = ["..", "%2e%2e", ".%2e", "%2E.", "%252e%252e", "%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae", "%uff0e%uff0e", "...", "....",
        "..;", "..%00", "%00..", "..%20", "%20..", "..%09", ".%0d%0a.", "..?", "%ef%bc%8e%ef%bc%8e", ".", "%2e", "..%5c..",
        "..%2f..", "..\\..", "..%255c", "%f0%80%80%ae.", "..;x=y", "\u00c0\u00ae", "%%32%65%%32%65", "%25%32%65%25%32%65"]
SEPARATORS = ["/", "//", "\\", "%2f", "%2F", "%5c", "%5C", "%252f", "%255c", "%c0%af", "%e0%80%af", "%c1%9c", "%u2215", "/./",
              "\\/", "%2f/", "%00/", ";/", "%ef%bc%8f", "%25%32%66", "%%32%66", "%2f%2e%2f", "/;/", "?/", "%c0%2f"]
FRONTS = ["/", "//", "/dir", "/dir/", "/dir/deep/", "/a.txt/", "/./", "/\\", "/%5c", "/%2f", "/%2f%2f", "http://test/", "/.%2f",
          "/none/", "/~", "/C:", "/C:\\", "/\\\\test\\", "/file:", "/..", "/%00", "/.well-known/", "/dir%2f", "https://test:1/"]
TARGETS = ["secret", "SECRET", "beside/secret", "root/../secret", "sec%72et", "%73ecret", "root-beside/secret", "etc/passwd"]
ENDS = ["", "/", "?", "?x=1", "%00", "%00.html", "%20", ".", "%2e", ";", "::$DATA", "%0a", "~", ".html", "/.", "%2f", "%23", "?/../a",
        "%3f", "/..%2fsecret", "\\"]


def payloads(tmp_path):
    """COUNT of them, always the same, each with a different mixture; and a few whole ones."""
    chance = random.Random(9110)
    absolute = str(tmp_path)
    whole = [absolute + "/secret", "/" + absolute + "/secret", "/%2f" + absolute[1:] + "/secret", "/%2e%2e" + absolute + "/secret",
             "/..%2f" * 30 + absolute[1:] + "/secret", "/proc/self/root" + absolute + "/secret", "/etc/passwd", "//etc/passwd",
             "file://" + absolute + "/secret", "/%2fetc%2fpasswd", "/" + "../" * 600 + absolute[1:] + "/secret"]
    seen = dict.fromkeys(whole)
    for depth, dot, separator in itertools.product((1, 2, 4), DOTS, SEPARATORS):
        seen["/" + (dot + separator) * depth + "secret"] = None
    while len(seen) < COUNT:
        steps = "".join(chance.choice(DOTS) + chance.choice(SEPARATORS) for _ in range(chance.randint(1, 6)))
        path = chance.choice(FRONTS) + steps + chance.choice(TARGETS) + chance.choice(ENDS)
        if chance.random() < 0.2:
            path = re.sub("%[0-9a-f]{2}", lambda match: match[0].upper(), path)
        seen[path] = None
    return list(seen)


@pytest.fixture
def tree(root, tmp_path):
    (root / "a.txt").write_text("hello")
    (root / "dir" / "deep").mkdir(parents=True)
    (root / ".well-known").mkdir()
    (tmp_path / "secret").write_bytes(SECRET)
    for name in "beside", "root-beside":
        (tmp_path / name).mkdir()
        (tmp_path / name / "secret").write_bytes(SECRET)
    return tmp_path


def check(path, response):
    assert SECRET not in response.body and b"root:x:0" not in response.body, path
    assert response.status in (200, 301, 400, 404), (path, response)
    if response.status == 301:
        location = response.get("Location")
        assert re.match(r"(https?://test(:1)?)?/(?![/\\])(?!%2f|%5c)[\x21-\x7e]*\Z", location, re.IGNORECASE), (path, location)


def ask_all(server, paths):
    """Several at once; behind a 400 the server closes, and the rest is sent again."""
    while paths:
        with wire.Client(server.address) as client:
            client.send(b"".join(wire.request(path=path) for path in paths[:BATCH]))
            for path in paths[:BATCH]:
                response = client.final()
                check(path, response)
                paths = paths[1:]
                if response.closes:
                    break


@pytest.mark.parametrize("symlinks", ["inside", "follow"])
def test_traversal(httpserver, tree, symlinks):
    """RFC 3986 6.2.2.3, 7.3: however dots and slashes are written, the answer is no, and the URL is decoded once."""
    server = httpserver("-q", "--hidden", "--symlinks", symlinks)
    paths = payloads(tree)
    assert len(paths) == COUNT
    if symlinks == "follow":
        paths = paths[::5]
    for start in range(0, len(paths), 1000):
        ask_all(server, paths[start:start + 1000])
    assert server.ask(path="/a.txt").text == "hello"

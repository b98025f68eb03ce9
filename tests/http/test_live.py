# SPDX-License-Identifier: MIT
"""--live: a script at the end of each page, and a stream that tells what was changed. test_real_clients_live.py has what
browsers make of it."""

import gzip
import os
import time

import programs
import pytest
import wire
from event_stream import EventStream

SCRIPT = "/.httpserver/live.js"
ELEMENT = f'<script src="{SCRIPT}"></script>\n'.encode()
PAGE = b"<!DOCTYPE html><title>A page</title><p>Text" + 400 * b" and text" + b"</p>\n"
LARGE = 200000 * b"<p>"  # larger than what is kept in memory of other files
HUGE = 4 * 1024 * 1024 + 1


@pytest.fixture
def live(httpserver):
    return httpserver("--live", "--quiet")


def write(path, data):
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(data)
    return path


# ---------------------------------------------------------------- pages


@pytest.mark.parametrize("data", [PAGE, b"", LARGE], ids=["small", "empty", "large"])
def test_a_page_has_the_script(httpserver, root, data):
    wire.settle(write(root / "index.html", data))
    live, plain = httpserver("--live", "--compress", "all"), httpserver()
    whole = live.ask()
    assert whole.status == 200 and whole.body == data + ELEMENT
    assert whole.get("Content-Length") == str(len(whole.body))
    head = live.ask("HEAD")
    assert [head.get(name) for name in ("Content-Length", "ETag")] == [whole.get(name) for name in ("Content-Length", "ETag")]
    assert plain.ask().body == data and plain.ask().get("ETag") != whole.get("ETag")
    assert live.ask(if_none_match=whole.get("ETag")).status == 304
    part = live.ask(range="bytes=-20")
    assert (part.status, part.body) == (206, ELEMENT[-20:])
    assert part.get("Content-Range") == f"bytes {len(whole.body) - 20}-{len(whole.body) - 1}/{len(whole.body)}"
    coded = live.ask(accept_encoding="gzip")
    assert (gzip.decompress(coded.body) if coded.get("Content-Encoding") else coded.body) == data + ELEMENT
    assert bool(data) == bool(coded.get("Content-Encoding"))


@pytest.mark.parametrize("name, data", [("a.txt", PAGE), ("a.css", PAGE), ("a.xhtml", PAGE), ("a.svg", PAGE),
                                        ("wide.html", "<p>Grüße".encode("utf-16")), ("page.html.gz", gzip.compress(PAGE)),
                                        ("huge.html", HUGE * b" ")], ids=lambda value: value if isinstance(value, str) else "")
def test_other_files_have_none(live, root, name, data):
    write(root / name, data)
    assert live.ask(path="/" + name).body == data


def test_a_form_beside_a_page_is_not_sent(live, root):
    """It has no script."""
    write(root / "page.html", PAGE)
    write(root / "page.html.gz", gzip.compress(PAGE))
    assert gzip.decompress(live.ask(path="/page.html", accept_encoding="gzip").body) == PAGE + ELEMENT


def test_a_page_that_changes(live, root):
    for i in range(20):
        data = PAGE + str(i).encode()
        write(root / "index.html", data)
        assert live.ask().body == data + ELEMENT


def test_a_page_is_stored(httpserver, root):
    """The tag is that of what GET sends."""
    live = httpserver("--live", "--upload", "--upload-index", "--upload-scripts")
    tag = wire.settle(write(root / "a.html", PAGE)) or live.ask(path="/a.html").get("ETag")
    assert live.ask("PUT", "/a.html", b"<p>new", if_match='"other"').status == 412
    assert live.ask("PUT", "/a.html", b"<p>new", if_match=tag).status == 204
    assert live.ask(path="/a.html").body == b"<p>new" + ELEMENT


def test_a_listing_has_the_script(httpserver, root):
    (root / "dir").mkdir()
    live, plain = httpserver("--live"), httpserver()
    response = live.ask(path="/dir/")
    assert f'<script src="{SCRIPT}" data-listing></script>' in response.text
    assert response.get("Content-Security-Policy").endswith("; script-src 'self'; connect-src 'self'")
    assert "script" not in plain.ask(path="/dir/").text and "script" not in plain.ask(path="/").get("Content-Security-Policy")
    assert "script" not in live.ask(path="/dir/?json").text


def test_the_script(live, httpserver):
    response = live.ask(path=SCRIPT)
    assert response.status == 200 and response.get("Content-Type") == "text/javascript; charset=utf-8"
    assert "EventSource" in response.text and response.get("Cache-Control") == "no-cache"
    plain = httpserver()
    assert [plain.ask(path=path).status for path in (SCRIPT, "/.httpserver/live")] == [404, 404]


# ---------------------------------------------------------------- changes


class Follower(EventStream):
    """What a page hears, without the words for the states."""

    def __init__(self, server):
        super().__init__(server.client(), "/.httpserver/live")
        state = self.hear()
        assert state.event == "state"
        word, ago = state.data.split()
        self.words, self.ago = [word], int(ago)

    def change(self):
        event = self.hear()
        word, *names = event.data.split("\n")
        assert event.event == "change" and word not in self.words
        self.words.append(word)
        return sorted(names)

    def changes(self, *names):
        """These are told, in one event or several."""
        left = set(names)
        while left:
            told = set(self.change())
            assert told and told <= set(names), (told, left)
            left -= told
        return True


@pytest.fixture
def following(httpserver, root, concurrent_mixin):
    for name in "a.html", "a.css", "dir/b.html", ".git/index":
        write(root / name, PAGE)
    server = httpserver("--live", *concurrent_mixin)
    return server, Follower(server)


def test_changes_are_told(following, root):
    server, page = following
    other = Follower(server)
    assert other.words == page.words
    write(root / "a.css", b"new")
    assert page.changes("/a.css") and other.changes("/a.css")
    write(root / "dir" / "b.html", b"new")
    assert page.changes("/dir/b.html")
    (root / "a.html").unlink()
    assert page.changes("/a.html")
    late = Follower(server)
    assert late.words[0] == page.words[-1]


def test_directories_come_and_go(httpserver, root, tmp_path):
    write(root / "old" / "deep" / "a", b"")
    page = Follower(httpserver("--live"))
    write(root / "new" / "deep" / "b", b"")
    assert page.changes("/new", "/new/deep", "/new/deep/b")
    write(root / "new" / "deep" / "b", b"x")
    assert page.changes("/new/deep/b")
    (root / "new").rename(root / "moved")
    assert page.changes("/new", "/moved", "/moved/deep", "/moved/deep/b")
    write(root / "moved" / "deep" / "b", b"x")
    assert page.changes("/moved/deep/b")
    (root / "old").rename(tmp_path / "away")
    assert page.changes("/old")
    write(tmp_path / "away" / "deep" / "a", b"x")  # nobody looks there any more
    write(root / "last", b"")
    assert page.changes("/last")


def as_vim(path):
    """It tries whether it may write there, moves the file away, writes it anew, and removes the old one."""
    write(path.with_name("4913"), b"").unlink()
    path.rename(path.with_name(path.name + "~"))
    write(path, b"vim")
    path.with_name(path.name + "~").unlink()


def as_most(path):
    os.replace(write(path.with_name(path.name + ".tmp123"), b"other"), path)


@pytest.mark.parametrize("save", [as_vim, as_most])
def test_what_an_editor_does_is_one_change(httpserver, root, save):
    write(root / "a.css", b"")
    page = Follower(httpserver("--live"))
    for _ in range(3):
        save(root / "a.css")
        assert page.changes("/a.css")


def test_dotfiles(httpserver, root):
    write(root / ".git" / "index", b"")
    page, hidden = Follower(httpserver("--live")), Follower(httpserver("--live", "--hidden"))
    write(root / ".git" / "index", b"new")
    assert hidden.changes("/.git/index")
    write(root / "a", b"")
    assert page.changes("/a")


def test_many_changes_are_anything(httpserver, root):
    page = Follower(httpserver("--live"))
    for i in range(100):
        write(root / f"{i:0200}", b"")
    while page.change():
        pass


@pytest.mark.parametrize("name", ["two\nlines", b"\xff\xfe"], ids=["lines", "bytes"])
def test_a_name_that_is_no_line_of_text(httpserver, root, name):
    """Then it is anything."""
    page = Follower(httpserver("--live"))
    with open(os.path.join(os.fsencode(root), name if isinstance(name, bytes) else name.encode()), "wb"):
        pass
    assert page.change() == []


def test_a_link_to_the_directory(httpserver, root, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(root)
    for directory in link, f"{root}/", os.path.relpath(root, tmp_path):
        page = Follower(httpserver("--live", directory=directory))
        write(root / "a", b"")
        assert page.changes("/a")


def test_a_state_says_how_long_ago_it_came_about(following, root):
    """As the directory has been quiet before a change is told, that is a while already."""
    server, page = following
    before = time.monotonic()
    write(root / "a", b"")
    page.changes("/a")
    assert 75 <= Follower(server).ago <= (time.monotonic() - before) * 1000 + 1


def test_another_server_has_other_states(httpserver):
    assert len({Follower(httpserver("--live")).words[0] for _ in range(3)}) == 3


@pytest.mark.parametrize("name", ["sequential", "preforking"])
def test_one_client_at_a_time(root, name):
    done = programs.run([programs.path_of("httpserver"), "--live", "--mixin", name, "-d", root, "0"])
    assert done.returncode == 2 and "--live needs a mix-in that serves several clients at once" in done.stderr


def test_a_drain_ends_the_streams(following):
    server, page = following
    server.stop()
    assert page.ends()

# SPDX-License-Identifier: MIT
"""What is served is what is in the directory, as it is now, and nothing else."""

import os
import socket

import programs
import pytest
import wire


@pytest.fixture
def files(httpserver, root):
    (root / "a.txt").write_text("hello")
    (root / "dir").mkdir()
    (root / "dir" / "b.html").write_text("<p>b")
    return httpserver("--hidden")


# ---------------------------------------------------------------- directories


def test_index(files, root):
    assert "Directory listing for /" in files.ask(path="/").text
    (root / "index.htm").write_text("htm")
    assert files.ask(path="/").text == "htm"
    (root / "index.html").write_text("html")
    response = files.ask(path="/")
    assert response.text == "html" and response.get("Content-Type") == "text/html; charset=utf-8"
    (root / "index.html").unlink()
    assert files.ask(path="/").text == "htm"


def test_listing(files, root):
    for name in "Zebra", "apple", ".hidden", "with space & <b>", "100%", "a;b#c?d", "\u00e9t\u00e9", "quote\"'":
        (root / name).touch()
    (root / "link").symlink_to("a.txt")
    (root / "gone").symlink_to("nowhere")
    os.mkfifo(root / "fifo")
    page = files.ask(path="/")
    assert page.status == 200 and page.get("Content-Type") == "text/html; charset=utf-8"
    text = page.text
    for link in ("Zebra", "apple", ".hidden", "with%20space%20%26%20%3Cb%3E", "100%25", "a%3Bb%23c%3Fd", "%C3%A9t%C3%A9",
                 "quote%22%27", "dir/", "link", "gone", "fifo", "a.txt"):
        assert f'href="{link}"' in text
    assert text.index("Zebra") > text.index("with%20space")  # sorted as Python does, in any case
    assert text.index('"apple"') < text.index('"dir/"')
    for path in "/with%20space%20%26%20%3Cb%3E", "/100%25", "/a%3Bb%23c%3Fd", "/%C3%A9t%C3%A9", "/.hidden", "/link":
        assert files.ask(path=path).status == 200


def test_listing_is_fresh(files, root):
    for i in range(5):
        (root / f"new-{i}").touch()
        text = files.ask(path="/").text
        assert f'"new-{i}"' in text and f'"new-{i - 1}"' not in text
        (root / f"new-{i}").unlink()


def test_large_listing(files, root, tmp_path):
    (root / "many").mkdir()
    for i in range(12000):
        (root / "many" / f"{i:05}").touch()
    with files.client() as client:
        response = client.ask(path="/many/")
        assert response.chunks is not None
        links = [part.split('"')[0] for part in response.text.split('href="')]
        assert [link for link in links if link.isdigit()] == [f"{i:05}" for i in range(12000)]
        assert client.ask(path="/a.txt").text == "hello"


@pytest.mark.parametrize("path, location", [
    ("/dir", "/dir/"), ("/dir?", "/dir/?"), ("/dir?a=b&c=%20d", "/dir/?a=b&c=%20d"), ("//dir", "/dir/"), ("/%64ir", "/%64ir/"),
    ("/./dir", "/./dir/"), ("http://other:81/dir", "/dir/"), ("/dir?next=//evil.org/", "/dir/?next=//evil.org/"),
    ("////dir?x", "/dir/?x"), ("/%2fdir", "/dir/"),
])
def test_redirect(files, path, location):
    response = files.ask(path=path)
    assert response.status == 301 and response.get("Location") == location


def test_redirect_never_leaves(files, root):
    (root / "evil.org").mkdir()
    (root / "\\evil.org").mkdir()
    for path in "//evil.org", "///evil.org", "/\\evil.org", "/%5cevil.org", "//evil.org/..//evil.org", "/.//evil.org", "/%2fevil.org":
        response = files.ask(path=path)
        location = response.get("Location")
        assert response.status == 301 and location[0] == "/" and location[1] not in "/\\", path
        assert files.ask(path=location).status == 200
    assert files.ask(path="/./\\/evil.org").status == 404


# ---------------------------------------------------------------- types and dates


@pytest.mark.parametrize("name, kind", [
    ("a.html", "text/html; charset=utf-8"), ("a.HTML", "text/html; charset=utf-8"), ("a.css", "text/css; charset=utf-8"),
    ("a.js", "text/javascript; charset=utf-8"), ("a.json", "application/json; charset=utf-8"), ("a.png", "image/png"),
    ("a.jpg", "image/jpeg"), ("a.svg", "image/svg+xml"), ("a.wasm", "application/wasm"), ("a.pdf", "application/pdf"),
    ("a.txt", "text/plain; charset=utf-8"), ("a.tar.gz", "application/gzip"), ("a", "application/octet-stream"),
    ("a.unknown", "application/octet-stream"), ("a.", "application/octet-stream"),
    ("a.mp4", "video/mp4"), ("a.woff2", "font/woff2"), ("a.mjs", "text/javascript; charset=utf-8"),
])
def test_types(files, root, name, kind):
    (root / name).write_text("x")
    response = files.ask(path="/" + name)
    assert response.status == 200 and (response.get("Content-Type") == kind)


def test_list_of_types(probe, root, tmp_path, mixin):
    """What /etc/mime.types is to others: behind the table, read once by whoever needs it first."""
    (tmp_path / "types").write_text("# type\tendings\ntext/x-odd\t\todd html\napplication/x-even even\nx/y txt\n")
    for name in "a.ODD", "b.even", "c.html", "d.neither":
        (root / name).touch()
    server = probe(*programs.as_settings(mixin), f"mime_types={tmp_path}/types")
    types = {"a.ODD": "text/x-odd; charset=utf-8", "b.even": "application/x-even", "c.html": "text/html; charset=utf-8",
             "d.neither": "application/octet-stream"}
    for name, kind in types.items():
        response = server.ask(path="/" + name)
        assert response.status == 200 and response.get("Content-Type") == kind


def test_modified_since(files, root):
    os.utime(root / "a.txt", (784111777, 784111777))
    response = files.ask(path="/a.txt")
    assert response.get("Last-Modified") == "Sun, 06 Nov 1994 08:49:37 GMT"
    dates = {
        "Sun, 06 Nov 1994 08:49:37 GMT": 304, "Sunday, 06-Nov-94 08:49:37 GMT": 304, "Sun Nov  6 08:49:37 1994": 304,
        "Sun, 06 Nov 1994 08:49:38 GMT": 304, "Fri, 01 Jan 2100 00:00:00 GMT": 304,
        "Sun, 06 Nov 1994 08:49:36 GMT": 200, "Sat, 05 Nov 1994 08:49:37 GMT": 200,
        "yesterday": 200, "": 200, "0": 200, "Sun, 06 Nov 1994 08:49:37 +0100": 200, "Sun, 06 Xyz 1994 08:49:37 GMT": 200,
        "Sun, 99 Nov 1994 08:49:37 GMT": 200,
    }
    with files.client() as client:
        for date, status in dates.items():
            for method in "GET", "HEAD":
                response = client.ask(method, "/a.txt", if_modified_since=date)
                assert response.status == status, date
                assert response.get("Last-Modified") == "Sun, 06 Nov 1994 08:49:37 GMT"
                assert status == 200 or "Content-Type" not in response


def test_strange_times(files, root):
    for seconds in 0, -1, 2**33, 253402300799:
        os.utime(root / "a.txt", (seconds, seconds))
        assert files.ask(path="/a.txt").text == "hello"


# ---------------------------------------------------------------- never stale


@programs.also_masked
def test_edit_save_reload(httpserver, root, mixin):
    """Also when size and second stay the same, and on the connection that has seen the old one."""
    path = root / "page.html"
    server = httpserver(*mixin)
    with server.client() as client:
        for i in range(200):
            path.write_text(f"version {i:04}")
            assert client.ask(path="/page.html").text == f"version {i:04}"
            assert client.ask(path="/page.html").text == f"version {i:04}"


@programs.also_masked
def test_atomic_replacement(httpserver, root, mixin):
    """As editors save: a new file under the old name; even with the old times."""
    path, new = root / "page.html", root / "page.html~"
    server = httpserver(*mixin)
    with server.client() as client:
        for i in range(100):
            new.write_text(f"version {i:04}")
            os.utime(new, (1000000000, 1000000000))
            new.rename(path)
            assert client.ask(path="/page.html").text == f"version {i:04}"


def change_in_place(path, text):
    path.write_text(text)


def change_and_hide(path, text):
    path.write_text(text)
    os.utime(path, (1000000000, 1000000000))


def change_by_replacing(path, text):
    new = path.with_suffix(".new")
    new.write_text(text)
    os.utime(new, (1000000000, 1000000000))
    new.rename(path)


@pytest.mark.parametrize("change", [change_in_place, change_and_hide, change_by_replacing])
def test_edit_after_a_while(files, root, change):
    """When the cache has come to trust what it has: same size, same time of change, and still the new text."""
    path = root / "a.txt"
    with files.client() as client:
        for i in range(3):
            change(path, f"{i:05}")
            assert client.ask(path="/a.txt").text == f"{i:05}"
            wire.settle(path)
            for _ in range(3):
                assert client.ask(path="/a.txt").text == f"{i:05}"


def test_same_size_and_times_restored(files, root):
    """An edit that hides itself: what remains is the time of the change."""
    path = root / "a.txt"
    os.utime(path, (1000000000, 1000000000))
    for i in range(50):
        path.write_text(f"{i:05}")
        os.utime(path, (1000000000, 1000000000))
        assert files.ask(path="/a.txt").text == f"{i:05}"


def test_appears_and_vanishes(files, root):
    with files.client() as client:
        for i in range(50):
            assert client.ask(path="/new").status == 404
            (root / "new").write_text(str(i))
            assert client.ask(path="/new").text == str(i)
            (root / "new").unlink()


def test_file_becomes_directory_and_back(files, root):
    with files.client() as client:
        for _ in range(10):
            (root / "x").write_text("file")
            assert client.ask(path="/x").text == "file"
            assert client.ask(path="/x/").status == 404
            (root / "x").unlink()
            (root / "x").mkdir()
            assert client.ask(path="/x").status == 301
            assert client.ask(path="/x/").status == 200
            (root / "x").rmdir()


def test_directory_above_is_renamed(files, root):
    with files.client() as client:
        assert client.ask(path="/dir/b.html").text == "<p>b"
        (root / "dir").rename(root / "old")
        assert client.ask(path="/dir/b.html").status == 404
        (root / "dir").mkdir()
        (root / "dir" / "b.html").write_text("<p>c")
        assert client.ask(path="/dir/b.html").text == "<p>c"
        assert client.ask(path="/old/b.html").text == "<p>b"


def test_growth(files, root):
    """Across every size at which something else is done."""
    with files.client() as client:
        for size in 0, 1, 8192, 32768, 65535, 65536, 65537, 1000000, 5, 0:
            data = os.urandom(size)
            (root / "grows").write_bytes(data)
            response = client.ask(path="/grows")
            assert response.body == data and response.get("Content-Length") == str(size)


# ---------------------------------------------------------------- large ones


@pytest.mark.parametrize("name", ["sequential", "eventloop"])
def test_64_mib(httpserver, root, name):
    block = os.urandom(1 << 20)
    with open(root / "large", "wb") as file:
        for i in range(64):
            file.write(block[i:] + block[:i])
    server = httpserver("--mixin", name)
    with server.client() as client:
        for _ in range(2):
            response = client.ask(path="/large")
            assert len(response.body) == 64 << 20
            for i in range(64):
                piece = response.body[i << 20:(i + 1) << 20]
                assert piece == block[i:] + block[:i]
        assert client.ask("HEAD", "/large").get("Content-Length") == str(64 << 20)


@programs.also_masked
def test_file_that_shrinks(httpserver, root, mixin):
    """The connection ends. Nothing is made up for what is missing, and the next request is not answered inside of it.
    (That the kernel sends zeros for bytes that it had in its queue when they were cut off is beyond a server.)"""
    path = root / "shrinks"
    path.write_bytes(b"x" * 50_000_000)
    server = httpserver(*mixin)
    with server.client(receive_buffer=1 << 17) as client:
        client.send(wire.request(path="/shrinks") + wire.request(path="/shrinks"))
        client.fill()
        os.truncate(path, 10)
        with pytest.raises(wire.Ended) as ended:
            client.response()
        assert len(ended.value.partial) < 40_000_000
        assert not ended.value.partial.strip(b"x\0")
    assert server.ask(path="/shrinks").body == b"x" * 10


def test_file_that_grows(files, root):
    """A response keeps the size it began with."""
    (root / "grows").write_bytes(b"x" * 20_000_000)
    with files.client(receive_buffer=1 << 17) as client:
        client.send(wire.request(path="/grows") + wire.request(path="/a.txt"))
        client.fill()
        with open(root / "grows", "ab") as file:
            file.write(b"y" * 1000)
        assert client.response().body == b"x" * 20_000_000
        assert client.response().text == "hello"


# ---------------------------------------------------------------- no files


def test_what_is_no_file(files, root):
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "socket"))
        for name in "fifo", "socket":
            for path in f"/{name}", f"/{name}/":
                assert files.ask(path=path).status == 404
    if os.geteuid() == 0:
        os.mknod(root / "zero", 0o666 | 0o020000, os.makedev(1, 5))
        assert files.ask(path="/zero").status == 404
    (root / "fifo-dir").mkdir()
    os.mkfifo(root / "fifo-dir" / "index.html")
    assert files.ask(path="/fifo-dir/").status in (200, 404)


def test_long_names(files, root):
    name = "n" * 255
    (root / name).write_text("long")
    assert files.ask(path="/" + name).text == "long"
    assert files.ask(path="/" + name + "n").status == 404
    assert files.ask(path="/" + "d/" * 4000).status == 404

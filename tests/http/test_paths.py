# SPDX-License-Identifier: MIT
"""From the path in a URL to a file, or to none: escapes, dot segments, links, dotfiles, special files, redirects."""

import os
import socket
import threading

import programs
import pytest
import wire

SECRET = "the secret beside the root"


@pytest.fixture(autouse=True)
def tree(root, tmp_path):
    (root / "a.txt").write_text("hello")
    (root / "dir").mkdir()
    (root / "dir" / "b.txt").write_text("b")
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "b.txt").write_text(SECRET)


# ---------------------------------------------------------------- escapes and segments


@pytest.mark.parametrize("path, status", [
    ("/a.txt", 200), ("/%61.txt", 200), ("/a%2Etxt", 200), ("/a.txt?x=%zz", 200), ("/a.txt?%00", 200), ("/a.txt?", 200),
    ("/a.txt??", 200), ("//a.txt", 200), ("/./a.txt", 200), ("/dir/../a.txt", 200), ("/../a.txt", 200), ("/none/../a.txt", 200),
    ("/%2e/a.txt", 200), ("/dir/%2e%2E/a.txt", 200), ("/dir/..%2fa.txt", 200), ("/dir%2fb.txt", 200), ("/dir%2Fb.txt", 200),
    ("/%2fa.txt", 200), ("/dir%2f", 200), ("/dir//b.txt", 200), ("/dir/.", 200), ("/dir/..", 200), ("/dir/./", 200),
    ("http://test/a.txt", 200), ("http://test/%2e%2e/a.txt", 200), ("http://test", 200), ("http://test?x", 200),
    ("/a.txt/", 404), ("/a.txt%2f", 404), ("/a.txt/.", 404), ("/a.txt/..", 200), ("/a.txt/b", 404), ("/a.txt.", 404),
    ("/a.txt%20", 404), ("/a.txt;x", 404), ("/a.txt%3Fx", 404), ("/a.txt%23", 404), ("/A.TXT", 404), ("/%2561.txt", 404),
    ("/dir\\b.txt", 404), ("/dir%5cb.txt", 404), ("/dir%252fb.txt", 404), ("/dir%c0%afb.txt", 404), ("/%c0%ae/a.txt", 404),
    ("/%ef%bc%8f/a.txt", 404), ("/...", 404), ("/.../a.txt", 404), ("/a.txt%0d%0aX:y", 404), ("/%ff", 404), ("/none/", 404),
    ("/%", 400), ("/a.txt%", 400), ("/%zz", 400), ("/%4", 400), ("/%u0061.txt", 400), ("/%%61.txt", 400), ("/a.txt%00", 400),
    ("/%00", 400), ("/a.txt%00.html", 400), ("/dir/%00/../b.txt", 400), ("/a.txt#top", 400), ("/\x7f", 400), ("/\xc0\xaf", 404),
    ("a.txt", 400), ("", 400), ("\\a.txt", 400),
])
def test_status(httpserver, path, status):
    """RFC 3986 2.1, 5.2.4; RFC 9112 3.2. A fragment is part of no URI; a byte from 128 up counts as percent-encoded."""
    assert httpserver().ask(path=path).status == status


def test_strange_names(httpserver, root):
    """Any name that a file can have is served, as often as it is escaped right."""
    names = [b"100%", b"%41", b"a b", b"a\nb", b"\r\n", b"a\\b", b"\\\\x\\y", b"a;b", b"a?b", b"a#b", b"\xff\xfe", b"\xc0\xaf",
             b"'\"<&>", b"\x01\x1b[0m\x7f", b"a..", b"..a"[1:] + b"x", "\u00e9\u202e".encode(), b"x" * 255, b"a:b", b"~", b" ", b"+", b"*"]
    server = httpserver("--hidden")
    with server.client() as client:
        for name in names:
            with open(os.fsencode(root) + b"/" + name, "wb") as file:
                file.write(b"=" + name)
            assert client.ask(path="/" + "".join(f"%{byte:02x}" for byte in name)).body == b"=" + name


@pytest.mark.parametrize("path, status", [
    ("/" + "x" * 255, 404), ("/" + "x" * 256, 404), ("/" + "%41" * 300, 404), ("/" + "x/" * 3000, 404), ("/" + "x" * 8000, 404),
    ("/" + "x" * 9000, 414), ("/" + "../" * 2500 + "a.txt", 200), ("/" + "/" * 7000 + "a.txt", 200),
])
def test_long_names(httpserver, path, status):
    assert httpserver().ask(path=path).status == status


# ---------------------------------------------------------------- redirects


@pytest.fixture
def hosts(root):
    """Directories that look like hosts."""
    for name in "evil.org", "\\evil.org", "\\\\evil.org", "evil.org@x", "http:":
        (root / name).mkdir()
    (root / "http:" / "evil.org").mkdir()
    (root / "a b").mkdir()
    (root / "\r\nX-Evil: 1").mkdir()


@pytest.mark.parametrize("path, location", [
    ("/dir", "/dir/"), ("/dir?", "/dir/?"), ("/dir?a=b&c=%20d", "/dir/?a=b&c=%20d"), ("/dir?x?y", "/dir/?x?y"), ("/%64ir", "/%64ir/"),
    ("//dir", "/dir/"), ("/./dir", "/./dir/"), ("/none/../dir", "/none/../dir/"), ("/%2fdir", "/dir/"), ("/%2F/%2fdir", "/dir/"),
    ("//evil.org", "/evil.org/"), ("/%2fevil.org", "/evil.org/"), ("/%2f%2fevil.org", "/evil.org/"), ("//evil.org?//x", "/evil.org/?//x"),
    ("/\\evil.org", "/./%5Cevil.org/"), ("/%5cevil.org", "/./%5cevil.org/"), ("/%5C%5Cevil.org", "/./%5C%5Cevil.org/"),
    ("/%2f%5cevil.org", "/./%5cevil.org/"), ("//\\evil.org", "/./%5Cevil.org/"), ("/evil.org@x", "/evil.org@x/"),
    ("/http://evil.org", "/http://evil.org/"), ("/a%20b", "/a%20b/"), ("/%0d%0aX-Evil:%201", "/%0d%0aX-Evil:%201/"),
    ("/dir?<\">\\^`", "/dir/?%3C%22%3E%5C%5E%60"),
    ("http://localhost/dir?x", "http://localhost/dir/?x"), ("HTTPS://localhost//dir", "https://localhost/dir/"), ("http://localhost//evil.org", "http://localhost/evil.org/"),
    ("http://evil.org/dir", "/dir/"), ("http://localhost:81/dir", "/dir/"),
])
def test_redirect(httpserver, hosts, path, location):
    """RFC 9110 15.4.2. To the same place with a slash behind; to the target's own host only if Host is the same one
    (RFC 9112 3.2.2). What is in front is neither "//" nor "/\\", also when somebody decodes it."""
    server = httpserver()
    response = server.ask(path=path)
    assert response.status == 301 and response.get("Location") == location
    assert server.ask(path=location).status == 200


# ---------------------------------------------------------------- symbolic links


@pytest.fixture
def links(root, tmp_path):
    for name, target in {"in": "a.txt", "indir": "dir", "absolute": root / "a.txt", "absdir": root / "dir", "roundabout": "../root/a.txt",
                         "out": "../secret", "outdir": tmp_path / "outside", "etc": "/etc/passwd", "gone": "nowhere", "loop": "loop",
                         "up": ".."}.items():
        (root / name).symlink_to(target)


INSIDE = ["/in", "/absolute", "/roundabout", "/indir/b.txt", "/absdir/b.txt"]
OUTSIDE = ["/out", "/outdir/", "/outdir", "/outdir/b.txt", "/etc", "/up/", "/up/secret", "/up/root/a.txt"]


@pytest.mark.parametrize("options, inside, outside", [
    ([], 200, 404), (["--symlinks", "inside"], 200, 404), (["--symlinks=never"], 404, 404), (["--symlinks", "follow"], 200, 200),
])
def test_symlinks(httpserver, links, options, inside, outside):
    with httpserver(*options).client() as client:
        for paths, status in (INSIDE, inside), (OUTSIDE, outside), (["/gone", "/loop"], 404), (["/a.txt", "/dir/b.txt"], 200):
            for path in paths:
                expected = 301 if path == "/outdir" and status == 200 else status
                assert client.ask(path=path).status == expected, path


def test_symlinks_follow_keeps_dots_inside(httpserver, links):
    """".." of a URL is resolved as text, before any link is looked at."""
    server = httpserver("--symlinks", "follow")
    assert server.ask(path="/outdir/../secret").status == 404
    assert server.ask(path="/indir/../a.txt").text == "hello"


@pytest.mark.parametrize("argument", ["", "yes", "Inside", "insid"])
def test_symlinks_unknown(argument):
    result = programs.run([programs.path_of("httpserver"), "--symlinks", argument])
    assert result.returncode == 2 and "never, inside or follow" in result.stderr


def test_index_through_links(httpserver, root, links):
    (root / "dir" / "index.html").symlink_to("../a.txt")
    assert httpserver().ask(path="/dir/").text == "hello"
    response = httpserver("--symlinks", "never").ask(path="/dir/")
    assert response.status == 200 and "hello" not in response.text


@pytest.mark.parametrize("policy", ["inside", "never"])
def test_links_that_flip(httpserver, root, tmp_path, concurrent_mixin, policy):
    """While a link and a directory turn in and out, the secret never shows, nor does the server fail."""
    server = httpserver("-q", "--symlinks", policy, *concurrent_mixin)
    stop = threading.Event()
    new, old = root / "new", root / "old"

    def flip():
        while not stop.is_set():
            for target in "a.txt", "../secret", root / "a.txt", tmp_path / "secret":
                new.symlink_to(target)
                new.rename(root / "link")
            (root / "dir").rename(old)
            (root / "dir").symlink_to("../outside")
            (root / "dir").unlink()
            old.rename(root / "dir")

    thread = threading.Thread(target=flip)
    thread.start()
    try:
        seen = set()
        with server.client() as client:
            for _ in range(100):
                client.send(b"".join(wire.request(path=path) for path in ("/link", "/dir/b.txt", "/dir/") * 5))
                for _ in range(15):
                    response = client.final()
                    assert SECRET not in response.text
                    assert response.status in (200, 404)
                    seen.add(response.status)
        assert seen
    finally:
        stop.set()
        thread.join()


# ---------------------------------------------------------------- dotfiles


@pytest.fixture
def dotfiles(root):
    for name in ".git/config", ".well-known/acme/token", ".well-known/.key", "dir/.env", "dir/.well-known/x", ".htpasswd", "..x":
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("dot")
    (root / "shown").symlink_to(".git")


DOTFILES = ["/.git/config", "/.git%2fconfig", "/%2egit/config", "/dir/../.git/config", "/.htpasswd", "/dir/.env", "/dir/.well-known/x",
            "/.well-known/.key", "/..x"]


def test_hidden(httpserver, dotfiles):
    """They are answered as if they were not there, a directory not even by a redirect."""
    server = httpserver()
    absent = server.ask(path="/absent")
    for path in [*DOTFILES, "/.git", "/.git/"]:
        response = server.ask(path=path)
        assert response.status == 404 and response.body == absent.body, path
    assert server.ask(path="/.well-known/acme/token").text == "dot"  # RFC 8615
    assert server.ask(path="/shown/config").text == "dot"  # by a name without a dot
    page = server.ask(path="/").text
    assert ".git" not in page and "well-known" not in page and "shown" in page and "a.txt" in page
    assert ".git" not in server.ask(path="/?json").text and ".env" not in server.ask(path="/dir/?json").text


def test_not_hidden(httpserver, dotfiles):
    server = httpserver("--hidden")
    for path in DOTFILES:
        assert server.ask(path=path).text == "dot", path
    assert server.ask(path="/.git").get("Location") == "/.git/"
    page = server.ask(path="/").text
    for name in ".git/", ".well-known/", ".htpasswd", "..x":
        assert f'href="{name}"' in page


# ---------------------------------------------------------------- what is no file, and what may not be read


@pytest.mark.parametrize("options", [[], ["--symlinks", "never"], ["--symlinks", "follow"]])
def test_special_files(httpserver, root, options):
    """404, at once, and a FIFO's writer goes on waiting for a reader."""
    os.mkfifo(root / "fifo")
    (root / "tofifo").symlink_to("fifo")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(root / "socket"))
    paths = ["/fifo", "/tofifo", "/socket", "/fifo/", "/fifo/x"]
    if os.geteuid() == 0:
        try:
            os.mknod(root / "device", 0o20666, os.makedev(1, 5))  # /dev/zero
            paths.append("/device")
        except PermissionError:
            pass
    opened = threading.Event()

    def write():
        os.close(os.open(root / "fifo", os.O_WRONLY))
        opened.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with httpserver(*options).client() as client:
            for path in paths * 3:
                for method in "GET", "HEAD":
                    assert client.ask(method, path).status == 404
        assert not opened.is_set()
        (root / "fifo").rename(root / "moved")  # the writer waits still: only now it gets a reader
    finally:
        reader = os.open(root / "moved" if (root / "moved").exists() else root / "fifo", os.O_RDONLY | os.O_NONBLOCK)
        writer.join()
        os.close(reader)
        listening.close()


def test_special_files_that_take_a_place(strace, started, tmp_path, root):
    """Also one that comes between looking and opening: a name is only ever opened as a place, for reading only what is
    known to be a regular file."""
    server = programs.Server(["strace", "-f", "-qq", "-e", "trace=open,openat,openat2", "-o", tmp_path / "trace",
                              programs.path_of("httpserver"), "-q", "-d", root, "0"], tmp_path)
    started.append(server)
    server.read_banner()
    assert server.ask(path="/a.txt").text == "hello"
    with open(f"/proc/{server.pid}/task/{server.pid}/children", encoding="ascii") as file:
        os.kill(int(file.read().split()[0]), 15)
    server.check(server.wait())
    calls = [line for line in (tmp_path / "trace").read_text().splitlines() if '"a.txt"' in line]
    assert calls and all("O_PATH" in line for line in calls)


def test_unreadable(nobody):
    """RFC 9110 15.5.4: it is there, and not for you."""
    root = nobody.root
    for name in "search", "list", "none", "index":
        (root / name).mkdir()
        (root / name / "f").write_text("f")
    (root / "index" / "index.html").write_text("secret")
    (root / "file").write_text("secret")
    (root / "link").symlink_to("file")
    for name, mode in {"file": 0o200, "index/index.html": 0, "search": 0o711, "list": 0o744, "none": 0o700}.items():
        (root / name).chmod(mode)
        os.chown(root / name, os.geteuid(), os.getegid())
    if os.geteuid() != 0:
        pytest.skip("one's own files can be made readable")
    server = nobody()
    for path, status in {"/file": 403, "/link": 403, "/index/": 403, "/search/": 403, "/search/f": 200, "/search/none": 404, "/list/": 403,
                         "/list/f": 403, "/none/": 403, "/none/f": 403, "/none": 301, "/": 200}.items():
        response = server.ask(path=path)
        assert response.status == status, path
        assert "secret" not in response.text
    (root / "file").chmod(0o644)
    assert server.ask(path="/file").text == "secret"

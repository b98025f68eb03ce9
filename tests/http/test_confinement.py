# SPDX-License-Identifier: MIT
"""Nothing outside of the directory is served, and what may not be read is not."""

import pytest


@pytest.fixture
def files(httpserver, root, tmp_path):
    (root / "a.txt").write_text("hello")
    (root / "dir").mkdir()
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "root-beside").mkdir()
    (tmp_path / "root-beside" / "secret").write_text("secret")
    return httpserver()


PATHS = [
    "/../secret", "/..", "/../", "/dir/../../secret", "/./../secret", "/.//../secret", "/../root/../secret",
    "/%2e%2e/secret", "/%2E%2E/secret", "/.%2e/secret", "/%2e./secret", "/..%2fsecret", "/%2e%2e%2fsecret", "/..%2Fsecret",
    "/..%5csecret", "/..\\secret", "/%c0%ae%c0%ae/secret", "/..%c0%afsecret", "/..%252fsecret", "/%252e%252e/secret",
    "/dir/..%00/../secret", "/a.txt%00.html", "/%00", "/../root-beside/secret", "/-beside/secret", "/....//secret",
    "/..;/secret", "//../secret", "///../../secret", "http://x/../secret", "/dir/%2e%2e/%2e%2e/secret", "/%2fetc/passwd",
    "//etc/passwd", "/proc/self/environ", "/dev/fd/0", "/~root/.profile",
]


@pytest.mark.parametrize("path", PATHS)
def test_paths(files, path):
    for method in "GET", "HEAD":
        response = files.ask(method, path)
        assert b"secret" not in response.body or response.status == 200 and b"listing for /<" in response.body
        assert response.status in (200, 301, 400, 404)
        assert response.status != 200 or method == "HEAD" or b"Directory listing for /<" in response.body


def test_symbolic_links(files, root, tmp_path):
    """Inside they are followed, to the outside they lead nowhere."""
    links = {"inside": "a.txt", "deep": "dir/../a.txt", "absolute": str(tmp_path / "secret"), "up": "../secret",
             "out": "..", "etc": "/etc", "proc": "/proc/self/cwd/a.txt", "self": "self", "round": "round/x",
             "again": str(root / "a.txt")}
    for name, target in links.items():
        (root / name).symlink_to(target)
    for name in "inside", "deep", "again":
        assert files.ask(path="/" + name).text == "hello"
    assert files.ask(path="/out/root/a.txt").status == 404
    for path in "/absolute", "/up", "/out", "/out/", "/out/secret", "/etc", "/etc/", "/etc/passwd", "/proc", "/self", "/round":
        assert files.ask(path=path).status == 404, path
    (root / "dir" / "index.html").symlink_to("../../secret")
    assert b"secret" not in files.ask(path="/dir/").body


def test_a_link_that_changes_its_mind(files, root, tmp_path):
    link = root / "link"
    with files.client() as client:
        for _ in range(50):
            link.symlink_to("a.txt")
            assert client.ask(path="/link").text == "hello"
            link.unlink()
            link.symlink_to(tmp_path / "secret")
            assert client.ask(path="/link").status == 404
            link.unlink()


def test_a_directory_that_becomes_a_link(files, root, tmp_path):
    (root / "d").mkdir()
    (root / "d" / "secret").write_text("public")
    with files.client() as client:
        assert client.ask(path="/d/secret").text == "public"
        (root / "d").rename(root / "e")
        (root / "d").symlink_to(tmp_path / "root-beside")
        assert client.ask(path="/d/secret").status == 404


def test_root_may_be_a_link(httpserver, root, tmp_path):
    (root / "a.txt").write_text("hello")
    (tmp_path / "link").symlink_to("root")
    assert httpserver(directory=tmp_path / "link").ask(path="/a.txt").text == "hello"


def test_unreadable(nobody):
    root = nobody.root
    for name in "dir", "index":
        (root / name).mkdir()
    for name in "file", "dir/file", "index/index.html":
        (root / name).write_text("secret")
    for name in "file", "index/index.html", "dir":
        (root / name).chmod(0)
    server = nobody()
    for path in "/file", "/dir/", "/dir/file", "/index/":
        response = server.ask(path=path)
        assert response.status in (403, 404) and b"secret" not in response.body, path
    assert server.ask(path="/").status == 200
    (root / "file").chmod(0o644)
    assert server.ask(path="/file").text == "secret"
    (root / "dir").chmod(0o755)  # so that it can be removed

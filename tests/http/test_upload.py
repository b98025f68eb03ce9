# SPDX-License-Identifier: MIT
"""httpserver --upload: POST of a form with files to a directory, and PUT of a file."""

import concurrent.futures
import http.client
import json
import os
import re
import signal

import programs
import pytest
import requests
import wire
from uploads import FORM, JSON, form, in_namespace, tree


@pytest.fixture
def server(httpserver):
    return httpserver("--upload")


# ---------------------------------------------------------------- off by default


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_off(httpserver, root, method):
    """RFC 9110 15.5.6"""
    server = httpserver()
    for path in "/", "/a.txt":
        response = server.ask(method, path, form(("a.txt", b"x")), **FORM)
        assert response.status == 405 and response.get("Allow") == "GET, HEAD, OPTIONS"
    assert not tree(root) and b"<form" not in server.ask().body


def test_on(server):
    assert server.ask("OPTIONS").get("Allow") == "POST, PUT, GET, HEAD, OPTIONS"
    assert b'<form method=post enctype="multipart/form-data">' in server.ask().body


# ---------------------------------------------------------------- POST


@programs.also_masked
def test_post(httpserver, root, mixin):
    """303 See Other to the directory (RFC 9110 15.4.4), whatever the field is called; other fields are ignored."""
    (root / "dir").mkdir()
    server = httpserver("--upload", *mixin)
    with server.client() as client:
        for path, location in ("/", "/"), ("/dir/", "/dir/"), ("/dir", "/dir/"), ("/dir/?x", "/dir/"):
            name = f"n{len(tree(root))}"
            big = os.urandom(300000)
            body = form((name, b"content\r\n"), (None, b"no file"), ("", b""), (name + ".big", big))
            response = client.ask("POST", path, body, **FORM)
            assert response.status == 303 and response.get("Location") == location
            assert (root / location[1:] / name).read_bytes() == b"content\r\n"
            assert (root / location[1:] / (name + ".big")).read_bytes() == big
            assert client.ask(path=location + name).body == b"content\r\n"


def test_post_for_programs(server, root):
    """201 Created (RFC 9110 15.3.2)"""
    response = server.ask("POST", "/", form(("a b.txt", b"12"), (b"\xc3\xa9\xff", b"")), **FORM, **JSON)
    assert response.status == 201 and response.get("Location") == "/a%20b.txt"
    assert response.get("Content-Type") == "application/json"
    assert json.loads(response.body) == {"files": [{"name": "a b.txt", "href": "a%20b.txt", "size": 2},
                                                   {"name": "é�", "href": "%C3%A9%FF", "size": 0}]}
    assert tree(root) == {b"a b.txt", b"\xc3\xa9\xff"}


@pytest.mark.parametrize("name, stored", [
    ("../x", "x"), ("../../etc/x", "x"), ("/etc/x", "x"), ("C:\\fakepath\\x", "x"), ("..\\..\\x", "x"), ("a/../x", "x"),
    ("x/.", None), ("x/..", None), (".", None), ("..", None), ("../", None), ("/", None), ("\\", None),
    (".hidden", None), ("a/.htaccess", None), ("a%0D%0Ab", None), (b"a\tb", None), (b"a\x01b", None),
    ("x" * 255, "x" * 255), ("x" * 256, None), ("é" * 128, None), ("%2e%2e%2fx", "%2e%2e%2fx"), ("a%22b", 'a"b'),
    ("a\\b.txt", "a\\b.txt"), ("a\\\\b.txt", "a\\b.txt"), ("a\\", None), ("a\\\\", "a\\"), ('a\\"b', 'a"b'),
    ("C:\\dir\\sub dir\\x", "x"), ("\\\\\\\\host\\share\\x", "x"), ("dir/a\\b", "a\\b"),
    ("...", None), ("a..", "a.."), (" ", " "), ("<b>&'", "<b>&'"), ("-rf", "-rf"), (b"\xff\xfe", b"\xff\xfe"),
])
def test_names(server, root, tmp_path, name, stored):
    """The last component is stored as it is, or nothing (RFC 7578 4.2, 7)."""
    before = tree(tmp_path)
    response = server.ask("POST", "/", form((name, b"x")), **FORM)
    assert response.status == (400 if stored is None else 303)
    expected = set() if stored is None else {os.path.join(b"root", os.fsencode(stored))}
    assert tree(tmp_path) - before == expected
    assert server.ask().status == 200


def test_dotfiles(httpserver, root):
    server = httpserver("--upload", "--hidden")
    assert server.ask("POST", "/", form((".a", b"x")), **FORM).status == 303
    assert server.ask("PUT", "/.b", b"x").status == 201
    for name in ".", "..":
        assert server.ask("POST", "/", form((name, b"x")), **FORM).status == 400
    assert tree(root) == {b".a", b".b"}


@pytest.mark.parametrize("mode, statuses, files", [
    ([], (303, 409), {"a.txt": b"1"}),
    (["--on-duplicate", "error"], (303, 409), {"a.txt": b"1"}),
    (["--on-duplicate=overwrite"], (303, 303), {"a.txt": b"2"}),
    (["--on-duplicate=rename"], (303, 303), {"a.txt": b"1", "a (1).txt": b"2"}),
])
def test_duplicates(httpserver, root, mode, statuses, files):
    server = httpserver("--upload", *mode)
    for content, status in zip((b"1", b"2"), statuses):
        assert server.ask("POST", "/", form(("a.txt", content)), **FORM).status == status
    assert {name: (root / name).read_bytes() for name in os.listdir(root)} == files


def test_renamed(httpserver, root):
    server = httpserver("--upload", "--on-duplicate=rename")
    long = "x" * 251 + ".txt"
    names = [json.loads(server.ask("POST", "/", form((name, b"")), **FORM, **JSON).body)["files"][0]["name"]
             for name in ["a", "a", "a", "b.c.d", "b.c.d", long, long]]
    assert names == ["a", "a (1)", "a (2)", "b.c.d", "b.c (1).d", long, "x" * 247 + " (1).txt"]
    assert tree(root) == {name.encode() for name in names}


@pytest.mark.parametrize("mode", ["error", "overwrite", "rename"])
def test_something_else_of_that_name(httpserver, root, tmp_path, mode):
    """A directory or a FIFO is never replaced; a symbolic link itself is, and what it points to is not."""
    (root / "dir").mkdir()
    os.mkfifo(root / "fifo")
    (tmp_path / "secret").write_text("secret")
    for name, target in ("out", tmp_path / "secret"), ("nowhere", tmp_path / "nothing"):
        (root / name).symlink_to(target)
    server = httpserver("--upload", "--on-duplicate", mode)
    before = tree(tmp_path)
    for name in "dir", "fifo", "out", "nowhere":
        link = name in ("out", "nowhere")
        status = {"error": 409, "rename": 303, "overwrite": 303 if link else 409}[mode]
        assert server.ask("POST", "/", form((name, b"x")), **FORM).status == status
        assert link == (root / name).is_symlink() or mode == "overwrite"
    assert (tmp_path / "secret").read_text() == "secret" and (root / "dir").is_dir() and (root / "fifo").is_fifo()
    new = {f"root/{name} (1)".encode() for name in ("dir", "fifo", "out", "nowhere")}
    assert tree(tmp_path) - before == (new if mode == "rename" else set()) and not (tmp_path / "nothing").exists()


def test_post_elsewhere(server, root, tmp_path):
    (root / "a.txt").write_text("x")
    (tmp_path / "outside").mkdir()
    (root / "link").symlink_to(tmp_path / "outside")
    before = tree(tmp_path)
    for path, status in (("/a.txt", 405), ("/a.txt/", 404), ("/none/", 404), ("/none", 404), ("/link/", 404),
                         ("/../", 409), ("/%2e%2e/outside/", 404), ("/.git/", 404), ("/%", 400)):
        response = server.ask("POST", path, form(("a.txt", b"x")), **FORM)
        assert response.status == status, path
        assert status != 405 or response.get("Allow") == "PUT, GET, HEAD, OPTIONS"
    assert tree(tmp_path) == before


@pytest.mark.parametrize("fields, body, status", [
    ({}, b"x", 415), ({"content_type": "text/plain"}, b"x", 415), (FORM, b"x", 400), (FORM, b"--b--", 400),
    (FORM, form((None, b"x"), ("", b"")), 400), ({"content_type": "application/x-www-form-urlencoded"}, b"f=x", 400),
    ({**FORM, "content_encoding": "gzip"}, form(("a", b"x")), 415), (FORM, form(("a", b"x"))[:-6], 400),
])
def test_bad_forms(server, root, fields, body, status):
    assert server.ask("POST", "/", body, **fields).status == status
    assert not tree(root)


NEARLY = [b"--bX", b"--b-", b"--b--X", b"--b--\t-", b"--b \t--", b"--b\n", b"--b\rX", b"--b\r", b"--b\0", b"--b" + b" " * 1024 + b"X"]


@pytest.mark.parametrize("line", NEARLY)
def test_lines_that_begin_like_a_boundary(httpserver, root, mixin, line):
    """RFC 2046 5.1.1: they are data, wherever they stand and however they arrive."""
    server = httpserver("--upload", "--on-duplicate=overwrite", *mixin)
    content = line + b"\r\nfirst\r\n" + line + b"\r\n\r\n" + line
    body = b"--bX\r\n" + form(("a", content), ("b", b"whole"))
    for step in None, 7:
        whole = wire.request("POST", "/", body, **FORM)
        with server.client() as client:
            for at in range(0, len(whole), step or len(whole)):
                client.send(whole[at:at + (step or len(whole))])
            assert client.response().status == 303
        assert (root / "a").read_bytes() == content and (root / "b").read_bytes() == b"whole"


ENDS = [b"", b"\r", b"\r\n", b"\r\n--", b"\r\n--b", b"\r\n--b-", b"\r\n--b\r", b"\r\n--b  ", b"\r\n--b--X", b"\r\n--bX--\r\n",
        b"\n--b--", b"\r\n--b--\r", b"\r\n--B--\r\n", b"\r\n--b" + b" " * 1025 + b"\r\n", b"\r\n--b--" + b"\t" * 1025 + b"\r\n"]


@pytest.mark.parametrize("end", ENDS)
def test_forms_without_a_proper_end(httpserver, root, mixin, end):
    """Nothing is stored of a part whose delimiter is not all there, and what had its name stays."""
    server = httpserver("--upload", "--on-duplicate=overwrite", *mixin)
    (root / "a").write_bytes(b"old")
    for content in b"", b"new", b"x" * 200000:
        body = form(("a", content))[:-len(b"\r\n--b--\r\n")] + end
        for pieces in body, [body[:-1], body[-1:]]:
            assert server.ask("POST", "/", pieces, **FORM).status in (400, 413)
        with server.client() as client:
            client.send(wire.request("POST", "/", None, content_length=len(body) + 10, **FORM) + body).end()
            assert client.response().status in (400, 413)
        assert tree(root) == {b"a"} and (root / "a").read_bytes() == b"old"


@programs.also_masked
def test_parts_before_a_malformed_one_stay(httpserver, root, mixin):
    """Each part is stored when its delimiter has come, whatever follows."""
    server = httpserver("--upload", *mixin)
    body = form(("a", b"1"), ("b", b"2"))
    assert server.ask("POST", "/", body[:-6], **FORM).status == 400
    assert tree(root) == {b"a"} and (root / "a").read_bytes() == b"1"


@pytest.mark.parametrize("parameters, stored", [
    (b"filename=a;\r\n filename*=utf-8''%C3%A9", "é"), (b"\r\n\tfilename=\"a\r\n b\"", "a b"),
    (b"filename=a; filename*=utf-8''%E9", "a"), (b"filename*=utf-8''a%; filename=b", "b"),
    (b"filename=a; filename*=latin1''%E9", "a"), (b"filename=a; filename*=", "a"), (b"filename*=utf-8''%E9", None),
])
def test_heads_of_parts(server, root, parameters, stored):
    body = b"--b\r\nContent-Disposition: form-data; name=f; " + parameters + b"\r\n\r\nx\r\n--b--"
    assert server.ask("POST", "/", body, **FORM).status == (400 if stored is None else 303)
    assert tree(root) == (set() if stored is None else {stored.encode()})


# ---------------------------------------------------------------- PUT (RFC 9110 9.3.4)


@programs.also_masked
def test_put(httpserver, root, mixin):
    """201 for a new file, 204 for one that was there; the next GET has it."""
    (root / "dir").mkdir()
    server = httpserver("--upload", *mixin)
    with server.client() as client:
        for path in "/a.txt", "/dir/b%20c.txt", "/%ff", "/%3Cb%3E", "/a%5Cb":
            for status, body in (201, b""), (204, os.urandom(200000)), (204, [b"in", b" chunks"]), (204, b"short"):
                assert client.ask("PUT", path, body).status == status
                content = b"".join(body) if isinstance(body, list) else body
                assert client.ask(path=path).body == content
    assert tree(root) == {b"a.txt", b"dir", b"dir/b c.txt", b"\xff", b"<b>", b"a\\b"}


@pytest.mark.parametrize("path, status", [
    ("/", 405), ("/dir", 405), ("/dir/", 405), ("/none/", 405), ("/none/a", 409), ("/file/a", 409), ("/link/a", 409),
    ("/../../a", 201), ("/.a", 404), ("/.git/a", 404), ("/dir/.a", 404), ("/a%00", 400), ("/%", 400), ("/a%0A", 403),
("/C:%5Cb", 403), ("/a%5C..%5Cb", 403), ("/" + "x" * 256, 403), ("/..", 405), ("/dir/..%2fa", 201), ("/%2e%2e%2fa", 201),
])
def test_put_elsewhere(server, root, tmp_path, path, status):
    """RFC 4918 9.7: 405 for a directory, 409 where there is none to store it in."""
    (root / "dir").mkdir()
    (root / "file").write_text("file")
    (tmp_path / "outside").mkdir()
    (root / "link").symlink_to(tmp_path / "outside")
    before = tree(tmp_path)
    response = server.ask("PUT", path, b"x")
    assert response.status == status
    assert status != 405 or response.get("Allow") == "POST, GET, HEAD, OPTIONS"
    assert tree(tmp_path) - before == ({b"root/a"} if status == 201 else set())
    assert (root / "file").read_text() == "file"


def test_put_replaces_a_link(server, root, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (root / "link").symlink_to(tmp_path / "secret")
    assert server.ask("PUT", "/link", b"new").status == 204
    assert not (root / "link").is_symlink() and (root / "link").read_text() == "new"
    assert (tmp_path / "secret").read_text() == "secret"


@pytest.mark.parametrize("fields, status", [
    ({"content_range": "bytes 0-0/2"}, 400), ({"content_encoding": "gzip"}, 415),
])
def test_put_of_something_else(server, root, fields, status):
    """RFC 9110 14.5: a part of a file would be taken for the whole. 15.5.16: nor is the coded form the file."""
    assert server.ask("PUT", "/a", b"x", **fields).status == status
    assert not tree(root)


def test_put_with_conditions(server, root):
    """RFC 9110 13.1"""
    assert server.ask("PUT", "/a", b"1", if_match="*").status == 412
    assert server.ask("PUT", "/a", b"1", if_none_match="*").status == 201
    assert server.ask("PUT", "/a", b"2", if_none_match="*").status == 412
    wire.settle(root / "a")
    tag = server.ask(path="/a").get("ETag")
    assert server.ask("PUT", "/a", b"2", if_match='"other"').status == 412
    assert server.ask("PUT", "/a", b"2", if_none_match=tag).status == 412
    assert server.ask("PUT", "/a", b"2", if_unmodified_since="Sun, 06 Nov 1994 08:49:37 GMT").status == 412
    assert (root / "a").read_bytes() == b"1"
    assert server.ask("PUT", "/a", b"2", if_match=tag).status == 204
    assert server.ask("PUT", "/a", b"3", if_match=tag).status == 412
    assert (root / "a").read_bytes() == b"2"
    (root / "nowhere").symlink_to("nothing")
    assert server.ask("PUT", "/nowhere", b"x", if_none_match="*").status == 412


def test_modes(httpserver, root):
    """A new file has what the umask allows; a file that is replaced leaves its permissions behind."""
    before = os.umask(0o027)
    try:
        server = httpserver("--upload", "--on-duplicate=overwrite")
    finally:
        os.umask(before)
    (root / "old").write_text("x")
    (root / "old").chmod(0o604)
    for name in "old", "new":
        assert server.ask("PUT", "/" + name, b"x").status in (201, 204)
        assert server.ask("POST", "/", form((name, b"y"), (name + "2", b"y")), **FORM).status == 303
    modes = {name: (root / name).stat().st_mode & 0o7777 for name in os.listdir(root)}
    assert modes == {"old": 0o604, "new": 0o640, "old2": 0o640, "new2": 0o640}


# ---------------------------------------------------------------- who may


@pytest.mark.parametrize("fields, good", [
    ({}, True), ({"sec_fetch_site": "same-origin"}, True), ({"sec_fetch_site": "none"}, True),
    ({"sec_fetch_site": "cross-site"}, False), ({"sec_fetch_site": "same-site"}, False), ({"origin": "http://localhost"}, True),
    ({"origin": "https://LOCALHOST"}, True), ({"origin": "http://localhost:8000"}, False), ({"origin": "http://evil.example"}, False),
    ({"origin": "null"}, False), ({"origin": "http://localhost.evil.example"}, False), ({"origin": "http://evil.test"}, False),
    ({"origin": "http://evil.example", "sec_fetch_site": "same-origin"}, True),
    ({"origin": "http://localhost", "sec_fetch_site": "cross-site"}, False),
    # a port that is the default, addresses in any form (RFC 6454 4)
    ({"origin": "http://localhost:80"}, True), ({"origin": "http://localhost", "host": "localhost:80"}, True),
    ({"origin": "https://localhost:443"}, True), ({"origin": "https://localhost", "host": "localhost:443"}, True),
    ({"origin": "http://localhost:443"}, False), ({"origin": "https://localhost:80"}, False),
    ({"origin": "http://localhost", "host": "localhost:443"}, False),
    ({"origin": "http://[::1]:80", "host": "[0:0:0:0:0:0:0:1]"}, True),
    ({"origin": "http://[FE80::A]:8000", "host": "[fe80::a]:8000"}, True),
    ({"origin": "http://[::1]", "host": "[::2]"}, False), ({"origin": "ftp://localhost"}, False), ({"origin": "http://localhost/"}, False),
    # empty, or more than one
    ({"origin": ""}, False), ({"sec_fetch_site": ""}, False), ({"origin": "", "sec_fetch_site": "same-origin"}, False),
    ({"origin": "http://localhost http://localhost"}, False), ({"origin": "http://localhost", "ORIGIN": "http://localhost"}, False),
    ({"origin": "http://test", "ORIGIN": "http://evil.example"}, False), ({"origin": "", "ORIGIN": ""}, False),
    ({"sec_fetch_site": "same-origin", "SEC_FETCH_SITE": "same-origin"}, False),
    ({"sec_fetch_site": "none", "SEC_FETCH_SITE": "cross-site"}, False),
    ({"sec_fetch_site": "same-origin", "origin": "http://test", "ORIGIN": "http://test"}, False),
])
def test_other_sites(server, root, fields, good):
    """A page of another site cannot have a browser store files here."""
    assert server.ask("POST", "/", form(("a", b"x")), **FORM, **fields).status == (303 if good else 403)
    assert server.ask("PUT", "/b", b"x", **fields).status == (201 if good else 403)
    assert tree(root) == ({b"a", b"b"} if good else set())


def test_permission_denied(nobody):
    root = nobody.root
    (root / "closed").mkdir()
    (root / "closed").chmod(0o555)
    (root / "open").mkdir()
    (root / "open").chmod(0o777)
    (root / "open" / "read-only").write_text("x")
    (root / "open" / "read-only").chmod(0o444)
    server = nobody("--upload", "--on-duplicate=overwrite")
    assert server.ask("POST", "/closed/", form(("a", b"x")), **FORM).status == 403
    assert server.ask("PUT", "/closed/a", b"x").status == 403
    assert server.ask("PUT", "/open/read-only", b"y").status == 403
    assert server.ask("POST", "/open/", form(("read-only", b"y")), **FORM).status == 403
    assert server.ask("PUT", "/open/a", b"y").status == 201
    assert tree(root) == {b"closed", b"open", b"open/read-only", b"open/a"}
    assert (root / "open" / "read-only").read_text() == "x"


# ---------------------------------------------------------------- limits


def test_max_upload(httpserver, root):
    """RFC 9110 15.5.14: at once, and who waits for 100 Continue has sent nothing (10.1.1)."""
    server = httpserver("--upload", "--max-upload", "1K")
    assert server.ask("PUT", "/a", b"x" * 1024).status == 201
    for fields in {}, {"expect": "100-continue"}:
        with server.client() as client:
            client.send(wire.request("PUT", "/b", None, content_length=1025, **fields))
            assert client.response().status == 413
            assert client.ends()
    assert server.ask("PUT", "/b", [b"x" * 1000, b"x" * 25]).status == 413
    assert server.ask("POST", "/", [form(("b", b"x" * 1024))], **FORM).status == 413
    assert tree(root) == {b"a"}


def test_refusals_come_before_the_body(server, root):
    """RFC 9110 10.1.1: so that nobody sends gigabytes for nothing."""
    (root / "a").write_text("x")
    for method, path, fields, status in (("PUT", "/none/a", {}, 409), ("PUT", "/a", {"if_none_match": "*"}, 412),
                                         ("PUT", "/a", {"origin": "http://x"}, 403), ("POST", "/none/", FORM, 404)):
        with server.client() as client:
            client.send(wire.request(method, path, None, content_length=10**9, expect="100-continue", **fields))
            assert client.response().status == status
            assert client.ends()


def test_continue(server, root):
    with server.client() as client:
        client.send(wire.request("PUT", "/a", None, content_length=3, expect="100-continue"))
        assert client.response().status == 100
        assert client.send(b"abc").response().status == 201
    assert (root / "a").read_bytes() == b"abc"


def peak(server):
    """The most memory that each of the server's processes has had, in MiB."""
    found = []
    for pid in [server.pid, *server.children()]:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            found.append(int(re.search(r"VmHWM:\s*(\d+)", file.read())[1]) / 1024)
    return max(found)


@pytest.mark.skipif(programs.SANITIZED, reason="a sanitizer's memory is its own")
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_memory(httpserver, root, concurrent_mixin, method):
    """Large uploads pass through, whatever their size."""
    if "forking" in concurrent_mixin:
        pytest.skip("the process is gone when its memory can be asked for")
    server = httpserver("--upload", *concurrent_mixin)
    assert server.ask(method, "/a" if method == "PUT" else "/", form(("a", b"x")), **FORM).status in (201, 303)
    before = peak(server)
    size = 200 if concurrent_mixin[1] == "eventloop" and len(concurrent_mixin) == 2 else 20
    piece, end = os.urandom(1 << 20), form()
    head = form(("big", b""))[:-len(end) - 2] if method == "POST" else b""
    end = b"\r\n" + end if method == "POST" else b""
    with server.client() as client:
        client.send(wire.request(method, "/big" if method == "PUT" else "/", None,
                                 content_length=len(head) + (size << 20) + len(end), **FORM) + head)
        for _ in range(size):
            client.send(piece)
        assert client.send(end).response().status in (201, 303)
    assert (root / "big").stat().st_size == size << 20
    with open(root / "big", "rb") as file:
        assert all(file.read(1 << 20) == piece for _ in range(size))
    assert peak(server) < before + 4
    (root / "big").unlink()


# ---------------------------------------------------------------- nothing is left behind


UNNAMED = "mount -t tmpfs -o size=2m tmpfs root"
NAMED = UNNAMED + "; mount -t tmpfs tmpfs /proc"  # where there is no /proc, a file without a name never gets one
BOTH_WAYS = pytest.mark.parametrize("script", [
    pytest.param(UNNAMED, id="unnamed"),
    pytest.param(NAMED, id="named", marks=pytest.mark.skipif(programs.SANITIZED, reason="sanitizers need /proc")),
])


@BOTH_WAYS
def test_disk_full(started, tmp_path, root, script):
    """507 (RFC 4918 11.5), and the room is there again."""
    server = in_namespace(started, tmp_path, script)
    for _ in range(3):
        assert server.ask("PUT", "/a", b"x" * (3 << 20)).status == 507
        assert server.ask("POST", "/", form(("b", b"x" * (3 << 20))), **FORM).status == 507
        assert server.ask("PUT", "/c", b"x" * (1 << 20)).status in (201, 204)
    assert [entry["name"] for entry in json.loads(server.ask(**JSON).body)["entries"]] == ["c"]
    assert tree(f"/proc/{server.pid}/root{root}") == {b"c"}


@BOTH_WAYS
def test_both_ways(started, tmp_path, root, script):
    server = in_namespace(started, tmp_path, script, "--on-duplicate=rename")
    for location in None, "a%20%281%29.txt", "a%20%282%29.txt":
        response = server.ask("PUT", "/a.txt", b"x" * 100000)
        assert response.status == 201 and response.get("Location") == location
    assert server.ask("PUT", "/a.txt", b"x", if_none_match="*").status == 412
    assert server.ask("POST", "/", form(("a.txt", b"1"), ("a.txt", b"2"), ("b", b"3")), **FORM).status == 303
    with server.client() as client:
        client.send(wire.request("PUT", "/c", b"x" * 100)[:-1]).end()
        assert client.response().status == 400
    assert tree(f"/proc/{server.pid}/root{root}") == {b"a.txt", b"b", *(b"a (%d).txt" % i for i in range(1, 5))}


def test_read_only(started, tmp_path, root):
    server = in_namespace(started, tmp_path, "mount -t tmpfs -o ro tmpfs root")
    assert server.ask("PUT", "/a", b"x").status == 403
    assert server.ask("POST", "/", form(("a", b"x")), **FORM).status == 403


def begin(server, method, name):
    """An upload that stops in the middle, with some of it on the way to the disk."""
    client = server.client()
    body = form((name, b"x" * 500000)) if method == "POST" else b"x" * 500000
    request = wire.request(method, "/" if method == "POST" else "/" + name, body, **FORM)
    return client.send(request[:300000]), request[300000:]


def has_begun(server):
    """True when a file of the upload is open, without a name."""
    for pid in [server.pid, *server.children()]:
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                target = os.readlink(f"/proc/{pid}/fd/{fd}")
                if "/root/" in target and target.endswith("(deleted)"):
                    return True
        except OSError:
            pass  # closed meanwhile
    return False


@pytest.mark.parametrize("method", ["POST", "PUT"])
@programs.also_masked
def test_client_goes_away(httpserver, root, mixin, method):
    server = httpserver("--upload", *mixin)
    for leave in wire.Client.reset, wire.Client.close, wire.Client.end:
        client, _ = begin(server, method, "a")
        wire.wait_until(lambda: has_begun(server))
        leave(client)
        if leave is wire.Client.end:
            assert client.response().status == 400
        wire.wait_until(lambda: not has_begun(server))
    assert not tree(root)
    assert server.ask("PUT", "/a", b"x").status == 201


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_server_goes_away(httpserver, root, number):
    """Killed: nothing is left. Told to stop: the upload is brought to its end."""
    server = httpserver("--upload")
    client, rest = begin(server, "PUT", "a")
    wire.wait_until(lambda: has_begun(server))
    assert not tree(root)
    server.send_signal(number)
    if number == signal.SIGTERM:
        assert client.send(rest).response().status == 201
        server.check(server.wait())
    else:
        assert server.wait() == -signal.SIGKILL
        server.kill()
    assert tree(root) == ({b"a"} if number == signal.SIGTERM else set())


def test_readers_see_whole_files(httpserver, root, concurrent_mixin):
    """The old content or the new one, at any time."""
    server = httpserver("--upload", *concurrent_mixin)
    contents = [bytes([65 + i]) * (100000 + i) for i in range(8)]
    assert server.ask("PUT", "/a", contents[0]).status == 201
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(server.ask, "PUT", "/a", content) for content in contents * 3]
        while not all(writer.done() for writer in writers):
            assert server.ask(path="/a").body in contents
            assert (root / "a").read_bytes() in contents
        assert {writer.result().status for writer in writers} == {204}
    assert tree(root) == {b"a"}


@pytest.mark.parametrize("mode", ["error", "overwrite", "rename"])
def test_the_same_name_at_once(httpserver, root, concurrent_mixin, mode):
    """Exactly one wins each name."""
    server = httpserver("--upload", "--on-duplicate", mode, *concurrent_mixin)
    bodies = [bytes([65 + i]) * 70000 for i in range(12)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda body: server.ask("POST", "/", form(("a.txt", body)), **FORM).status, bodies))
    found = sorted(path.read_bytes() for path in root.iterdir())
    if mode == "error":
        assert sorted(statuses) == [303] + [409] * 11 and len(found) == 1 and found[0] in bodies
    elif mode == "overwrite":
        assert set(statuses) == {303} and len(found) == 1 and found[0] in bodies
    else:
        assert set(statuses) == {303} and found == bodies
        assert tree(root) == {b"a.txt", *(b"a (%d).txt" % i for i in range(1, 12))}


def test_new_only_at_once(httpserver, root, concurrent_mixin):
    """RFC 9110 13.1.2: If-None-Match: * lets one of many create it."""
    server = httpserver("--upload", *concurrent_mixin)
    bodies = [bytes([65 + i]) * 70000 for i in range(12)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda body: server.ask("PUT", "/a", body, if_none_match="*").status, bodies))
    assert sorted(statuses) == [201] + [412] * 11
    assert (root / "a").read_bytes() == bodies[statuses.index(201)]


# ---------------------------------------------------------------- clients in use


def test_curl(server, root, tmp_path):
    (tmp_path / "a b.bin").write_bytes(os.urandom(3 << 20))
    curl = ["curl", "-sS", "--noproxy", "*", "-o", "/dev/null", "-w", "%{http_code}"]
    assert programs.run([*curl, "-F", f"file=@{tmp_path}/a b.bin", server.url]).stdout == "303"
    assert programs.run([*curl, "-T", tmp_path / "a b.bin", server.url]).stdout == "204"
    assert programs.run([*curl, "-T", tmp_path / "a b.bin", server.url + "c"]).stdout == "201"
    assert programs.run([*curl, "-H", "Transfer-Encoding: chunked", "-T", tmp_path / "a b.bin", server.url + "d"]).stdout == "201"
    for name in "a b.bin", "c", "d":
        assert (root / name).read_bytes() == (tmp_path / "a b.bin").read_bytes()


def test_requests(server, root):
    """It follows the 303 to the listing, as browsers do."""
    answer = requests.post(server.url, files=[("f", ("é.txt", b"1")), ("g", ("b.txt", b"2"))], timeout=programs.LIMIT)
    assert answer.status_code == 200 and answer.history[0].status_code == 303 and "é.txt" in answer.text
    answer = requests.put(server.url + "c", data=iter([b"in ", b"chunks"]), timeout=programs.LIMIT)
    assert answer.status_code == 201
    assert tree(root) == {"é.txt".encode(), b"b.txt", b"c"} and (root / "c").read_bytes() == b"in chunks"


def test_http_client(server, root):
    connection = http.client.HTTPConnection(*server.address, timeout=programs.LIMIT)
    for status in 201, 204:
        connection.request("PUT", "/a", body=b"x" * 100000)
        response = connection.getresponse()
        assert (response.status, response.read()) == (status, b"")
    connection.close()
    assert (root / "a").stat().st_size == 100000


def test_unix_socket(httpserver, root, tmp_path):
    server = programs.Server([programs.path_of("httpserver"), "--upload", "-b", f"unix:{tmp_path}/s", "-d", root], tmp_path)
    try:
        server.readline()
        with wire.Client(f"{tmp_path}/s") as client:
            assert client.ask("PUT", "/a", b"x").status == 201
    finally:
        server.finish()
    assert tree(root) == {b"a"}


# ---------------------------------------------------------------- options


@pytest.mark.parametrize("size, most", [("1", 1), ("10", 10), ("1k", 1024), ("2K", 2048), ("1M", 1 << 20), ("8589934591G", None)])
def test_sizes(httpserver, size, most):
    server = httpserver("--upload", "--max-upload", size)
    with server.client() as client:
        client.send(wire.request("PUT", "/none/a", None, content_length=(most or 1 << 62) + (most is not None), expect="100-continue"))
        assert client.response().status == (413 if most else 409)
    assert server.ask("PUT", "/none/a", None, content_length=most or 1, expect="100-continue").status == 409


@pytest.mark.parametrize("arguments", [
    ["--upload", "--max-upload", size] for size in ("", "0", "-1", "x", "1T", "1KB", "K", "1.5M", "99999999999999999999",
                                                    "8589934592G", "1 ", "0K")
] + [["--upload", "--on-duplicate", "x"], ["--on-duplicate=error"], ["--max-upload=1M"]])
def test_bad_options(arguments):
    result = programs.run([programs.path_of("httpserver"), *arguments])
    assert result.returncode == 2 and len(result.stderr.splitlines()) == 1 and result.stdout == ""

# SPDX-License-Identifier: MIT
"""PUT: its conditions, also when others store the same file meanwhile, its entity tag, and names that are taken."""

import os
import resource

import programs
import pytest
import wire
from uploads import FORM, begin_put, form, tree

LONG_AGO = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.fixture
def siblings():
    """Options with which name.gz is sent for `name`."""
    return ["--upload-siblings"]


# ---------------------------------------------------------------- conditions hold when the file gets its name


@pytest.mark.parametrize("size", [5, 100000])
def test_one_of_many_wins(httpserver, root, concurrent_mixin, size):
    """RFC 9110 13.1.1: If-Match keeps a client from undoing what another one has stored."""
    server = httpserver("--upload", *concurrent_mixin)
    for number in range(3):
        assert server.ask("PUT", "/a", b"%05d" % number).status in (201, 204)
        tag = server.ask(path="/a").get("ETag")
        bodies = [bytes([65 + i]) * size for i in range(6)]
        clients = [begin_put(server, "/a", size, if_match=tag) for _ in bodies]
        for client, body in zip(clients, bodies):
            client.send(body)
        statuses = [client.response().status for client in clients]
        assert sorted(statuses) == [204] + [412] * 5
        assert (root / "a").read_bytes() == bodies[statuses.index(204)]
    assert tree(root) == {b"a"}


@pytest.mark.parametrize("condition", ["if_match", "if_none_match", "if_unmodified_since", "if_match_any"])
@pytest.mark.parametrize("method", ["PUT", "POST", "other"])
def test_others_store_meanwhile(httpserver, root, concurrent_mixin, condition, method):
    """Whoever it is, and whatever they do: what is there when the file gets its name decides."""
    server = httpserver("--upload", "--on-duplicate=overwrite", *concurrent_mixin)
    (root / "a").write_bytes(b"old")
    os.utime(root / "a", (0, 0))
    tag = server.ask(path="/a").get("ETag")
    fields = {"if_match": {"if_match": tag}, "if_none_match": {"if_none_match": '"x"'}, "if_match_any": {"if_match": "*"},
              "if_unmodified_since": {"if_unmodified_since": LONG_AGO}}[condition]
    client = begin_put(server, "/a", 4, **fields)
    if method == "PUT":
        assert server.ask("PUT", "/a", b"other").status == 204
    elif method == "POST":
        assert server.ask("POST", "/", form(("a", b"other")), **FORM).status == 303
    else:
        (root / "new").write_bytes(b"other")
        (root / "new").rename(root / "a")
    good = condition in ("if_none_match", "if_match_any")
    assert client.send(b"mine").response().status == (204 if good else 412)
    assert (root / "a").read_bytes() == (b"mine" if good else b"other") and tree(root) == {b"a"}


def test_it_appears_or_goes_meanwhile(httpserver, root, concurrent_mixin):
    server = httpserver("--upload", *concurrent_mixin)
    client = begin_put(server, "/a", 4, if_none_match="*")
    (root / "a").write_bytes(b"other")
    assert client.send(b"mine").response().status == 412
    assert (root / "a").read_bytes() == b"other"
    client = begin_put(server, "/a", 4, if_match="*")
    (root / "a").unlink()
    assert client.send(b"mine").response().status == 412
    assert not tree(root)
    client = begin_put(server, "/a", 4, if_none_match='"x"')
    (root / "a").write_bytes(b"other")
    assert client.send(b"mine").response().status == 204
    assert (root / "a").read_bytes() == b"mine"


@pytest.mark.parametrize("change", ["removed", "moved", "file", "link", "link inside"])
def test_the_directory_changes_meanwhile(httpserver, root, tmp_path, concurrent_mixin, change):
    """The name is given where the path leads then, never outside."""
    (root / "d").mkdir()
    (root / "other").mkdir()
    (tmp_path / "outside").mkdir()
    server = httpserver("--upload", *concurrent_mixin)
    client = begin_put(server, "/d/a", 4)
    (root / "d").rename(tmp_path / "moved")
    if change == "file":
        (root / "d").write_text("x")
    elif change == "link":
        (root / "d").symlink_to(tmp_path / "outside")
    elif change == "link inside":
        (root / "d").symlink_to("other")
    elif change == "removed":
        (tmp_path / "moved").rmdir()
    assert client.send(b"mine").response().status == (201 if change == "link inside" else 409)
    assert not tree(tmp_path / "outside") and change != "link inside" or (root / "other" / "a").read_bytes() == b"mine"
    assert change == "removed" or not tree(tmp_path / "moved")


@pytest.mark.parametrize("fields", [{"if_none_match": "*"}, {"if_match": '"x"'}, {"if_unmodified_since": LONG_AGO}],
                         ids=lambda fields: next(iter(fields)))
def test_only_absence_is_absence(httpserver, root, concurrent_mixin, fields):
    """With few descriptors left, however few: what cannot be looked at is not taken for a file that is not there."""
    (root / "a").write_bytes(b"newer")
    server = httpserver("--upload", *concurrent_mixin)
    before = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    if "preforking" in concurrent_mixin[1]:
        wire.wait_until(lambda: sum(programs.waits_for_events(pid) for pid in server.children()) == 2)
    elif "2" in concurrent_mixin:  # loops, which are not all there at once
        wire.wait_until(lambda: sum(os.readlink(f"/proc/{server.pid}/fd/{fd}") == "anon_inode:[eventpoll]"
                                    for fd in os.listdir(f"/proc/{server.pid}/fd")) == 2)
    pids = [server.pid, *server.children()]
    client = server.client()
    assert client.ask().status == 200
    found = set()
    for spare in range(10):
        for pid in pids:
            fds = {int(fd) for fd in os.listdir(f"/proc/{pid}/fd")}
            free = [fd for fd in range(max(fds) + 20) if fd not in fds]
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (free[spare], before[1]))
        response = client.ask("PUT", "/a", b"x", **fields)
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        assert response.status in (412, 503) and (root / "a").read_bytes() == b"newer"
        assert response.status != 503 or "Retry-After" in response
        found.add(response.status)
        if response.closes:
            client = server.client()
            assert client.ask().status == 200
    assert found == {412, 503} or "forking" in concurrent_mixin


# ---------------------------------------------------------------- entity tags


@pytest.mark.parametrize("size", [0, 1000, 65536, 65537, 1000000])
@programs.also_masked
def test_etag(httpserver, root, mixin, size):
    """RFC 9110 9.3.4: that of the file as GET sends it, so that the next change can be made without asking."""
    (root / "d").mkdir()
    server = httpserver("--upload", "--compress=off", *mixin)
    tag = None
    for status in 201, 204, 204:
        response = server.ask("PUT", "/d/a%20b", os.urandom(size), if_match=tag)
        assert response.status == status and response.get("ETag") is not None
        assert size == 0 or response.get("ETag") != tag
        tag = response.get("ETag")
        assert server.ask("HEAD", "/d/a%20b").get("ETag") == tag
        assert server.ask(path="/d/a%20b", if_none_match=tag).status == 304
    assert server.ask("PUT", "/d/a%20b", [b"in", b"chunks"], if_match=tag).get("ETag") != tag
    assert server.ask("PUT", "/d/a%20b", b"x", if_match=tag).status == 412


def test_etag_of_a_renamed_one(httpserver, root):
    server = httpserver("--upload", "--on-duplicate=rename")
    (root / "a.txt").write_text("old")
    response = server.ask("PUT", "/a.txt", b"new")
    assert response.status == 201 and response.get("Location") == "a%20%281%29.txt"
    assert server.ask("HEAD", "/a%20%281%29.txt").get("ETag") == response.get("ETag")
    assert (root / "a.txt").read_text() == "old" and (root / "a (1).txt").read_text() == "new"


# ---------------------------------------------------------------- codings


@pytest.mark.parametrize("coding, good", [("identity", True), ("Identity", True), ("", True), ("identity, identity", True),
                                          ("gzip", False), ("identity, gzip", False), ("x", False), ("aws-chunked", False)])
def test_codings(httpserver, root, coding, good):
    """RFC 9110 8.4.1, 12.5.3: "identity" is none. 15.5.16: what would have been taken is said."""
    server = httpserver("--upload")
    for response, status in ((server.ask("PUT", "/a", b"x", content_encoding=coding), 201),
                             (server.ask("POST", "/", form(("b", b"x")), content_encoding=coding, **FORM), 303)):
        assert response.status == (status if good else 415)
        assert response.get("Accept-Encoding") == (None if good else "identity")
    assert tree(root) == ({b"a", b"b"} if good else set())


def test_codings_in_several_lines(httpserver, root):
    request = b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Encoding: identity\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"
    assert httpserver("--upload").client().send(request).response().status == 415
    assert not tree(root)


# ---------------------------------------------------------------- names that are taken


@pytest.mark.parametrize("how", [None, "error", "overwrite", "rename"])
def test_put_of_a_name_that_is_taken(httpserver, root, mixin, how):
    """--on-duplicate holds for PUT as well; where it is not given, PUT replaces (RFC 9110 9.3.4)."""
    server = httpserver("--upload", *([f"--on-duplicate={how}"] if how else []), *mixin)
    (root / "a").write_bytes(b"old")
    tag = server.ask("HEAD", "/a").get("ETag")
    expected = {None: 204, "error": 409, "overwrite": 204, "rename": 201}[how]
    assert server.ask("PUT", "/a", b"new", if_match=tag).status == expected
    files = {"a": b"new" if expected == 204 else b"old", **({"a (1)": b"new"} if how == "rename" else {})}
    assert {name: (root / name).read_bytes() for name in os.listdir(root)} == files
    assert server.ask("PUT", "/b", b"x").status == 201
    assert server.ask("PUT", "/a", b"x", if_match='"other"').status == 412


def test_taken_is_said_before_the_body(httpserver, root):
    (root / "a").write_bytes(b"old")
    server = httpserver("--upload", "--on-duplicate=error")
    with server.client() as client:
        client.send(wire.request("PUT", "/a", None, content_length=10**9, expect="100-continue"))
        assert client.response().status == 409


@pytest.mark.parametrize("ending", [".gz", ".br", ".zst"])
@pytest.mark.parametrize("how", ["error", "overwrite", "rename"])
def test_compressed_forms(httpserver, root, how, ending, siblings):
    """They would be sent for the file, so they are not stored past what protects it."""
    server = httpserver("--upload", f"--on-duplicate={how}", *siblings)
    (root / "a").write_bytes(b"old")
    statuses = {"error": (409, 409), "overwrite": (201, 303), "rename": (201, 303)}[how]
    assert server.ask("PUT", "/a" + ending, b"1").status == statuses[0]
    assert server.ask("POST", "/", form(("a" + ending, b"2")), **FORM).status == statuses[1]
    assert server.ask("PUT", "/b" + ending, b"1").status == 201
    files = {"error": {"a", "b"}, "overwrite": {"a", "a", "b"}, "rename": {"a", "a (1)", "a (2)", "b"}}[how]
    expected = {name + ending if name != "a" else name for name in files} | ({"a" + ending} if how == "overwrite" else set())
    assert set(os.listdir(root)) == expected


def test_compressed_forms_that_are_not_sent(httpserver, root):
    """Then they are files like any other."""
    for options in [], ["--upload-siblings", "--compress=off"]:
        server = httpserver("--upload", "--on-duplicate=error", *options)
        (root / "a").write_bytes(b"old")
        assert server.ask("PUT", "/a.gz", b"1").status == 201
        assert server.ask("POST", "/", form(("a.br", b"2")), **FORM).status == 303
        assert tree(root) == {b"a", b"a.gz", b"a.br"}
        for name in os.listdir(root):
            (root / name).unlink()


def test_compressed_forms_of_protected_files(nobody, siblings):
    root = nobody.root
    root.chmod(0o777)
    (root / "a").write_text("x")
    (root / "a").chmod(0o444)
    server = nobody("--upload", "--on-duplicate=overwrite", *siblings)
    for ending in ".gz", ".br", ".zst":
        assert server.ask("PUT", "/a" + ending, b"x").status == 403
        assert server.ask("POST", "/", form(("a" + ending, b"y")), **FORM).status == 403
    assert tree(root) == {b"a"}


# ---------------------------------------------------------------- names that mean something


RESERVED = ["index.html", "INDEX.HTM", "index.html.gz", "index.htm.br", "Index.html.zst"]


@pytest.mark.parametrize("options", [[], ["--hidden"], ["--on-duplicate=rename"], ["--on-duplicate=overwrite"]])
def test_reserved_names(httpserver, root, options):
    """A page that everybody gets, and what other programs believe (RFC 8615), is not for everybody to store."""
    (root / "d").mkdir()
    (root / ".well-known" / "acme").mkdir(parents=True)
    server = httpserver("--upload", *options)
    before = tree(root)
    for name in RESERVED:
        for directory in "/", "/d/":
            assert server.ask("PUT", directory + name, b"x").status == 403
            assert server.ask("POST", directory, form((name, b"x")), **FORM).status == 403
    for path in "/.well-known/", "/.well-known/acme/", "//.well-known/acme/", "/d/../%2ewell-known/":
        assert server.ask("PUT", path + "a", b"x").status == 403
        assert server.ask("POST", path, form(("a", b"x")), **FORM).status == 403
    assert tree(root) == before
    for name in "index.txt", "index.html.bak", "myindex.html":
        assert server.ask("PUT", "/" + name, b"x").status == 201


def test_reserved_names_asked_for(httpserver, root):
    (root / ".well-known").mkdir()
    server = httpserver("--upload", "--upload-index")
    for path in "/index.html", "/.well-known/security.txt", "/index.htm.gz":
        assert server.ask("PUT", path, b"x").status == 201
    assert server.ask("POST", "/.well-known/", form(("a", b"x")), **FORM).status == 303
    assert server.ask(path="/").body == b"x"

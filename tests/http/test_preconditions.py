# SPDX-License-Identifier: MIT
"""RFC 9110 13, over the wire: validators, preconditions, and what 304 and 412 look like. The decisions themselves have
their tables in tests/unit/test_preconditions.c."""

import os
import re
import shutil

import programs
import pytest
import wire

LONG_AGO = (784111777, 784111777)
DATE, EARLIER = "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:36 GMT"
LARGE = 300_000


@pytest.fixture
def files(httpserver, root):
    (root / "a.txt").write_text("hello")
    os.utime(root / "a.txt", LONG_AGO)
    return httpserver()


def raw(client, lines, method="GET", path="/a.txt"):
    client.send("\r\n".join([f"{method} {path} HTTP/1.1", "Host: h", *lines, "", ""]))
    return client.final(method)


def test_validators(files):
    """8.8: a strong tag, and a date that is no later than Date; 14.3: Accept-Ranges."""
    for method in "GET", "HEAD":
        response = files.ask(method, "/a.txt")
        etag = response.get("ETag")
        assert etag[0] == etag[-1] == '"' and len(etag) > 10
        assert response.get("Last-Modified") == DATE
        assert response.get("Accept-Ranges") == "bytes"
        assert response.get("Cache-Control") == "no-cache"


def test_steps(httpserver, root, mixin):
    """13.2.2, each answer once under every mix-in, on one connection."""
    (root / "a.txt").write_text("hello")
    os.utime(root / "a.txt", LONG_AGO)
    server = httpserver(*mixin)
    etag = server.ask(path="/a.txt").get("ETag")
    with server.client() as client:
        for lines, status in [
            ([f"If-None-Match: {etag}"], 304), ([f"If-None-Match: W/{etag}"], 304), (["If-None-Match: *"], 304),
            (['If-None-Match: "x"', f"If-None-Match: {etag}"], 304), (['If-None-Match: "x"'], 200),
            ([f"If-Match: {etag}"], 200), (['If-Match: "x"'], 412), ([f"If-Match: W/{etag}"], 412), (["If-Match: *"], 200),
            ([f"If-Modified-Since: {DATE}"], 304), ([f"If-Modified-Since: {EARLIER}"], 200),
            ([f"If-Modified-Since: {DATE}", 'If-None-Match: "x"'], 200),
            ([f"If-Unmodified-Since: {DATE}"], 200), ([f"If-Unmodified-Since: {EARLIER}"], 412),
            ([f"If-Unmodified-Since: {EARLIER}", f"If-Match: {etag}"], 200),
            ([f"If-Match: {etag}", f"If-None-Match: {etag}"], 304), (['If-Match: "x"', f"If-None-Match: {etag}"], 412),
        ]:
            for method in "GET", "HEAD":
                response = raw(client, lines, method)
                assert response.status == status, lines
                if method == "GET" and status == 200:
                    assert response.text == "hello"


def test_304_has_what_a_cache_needs(files):
    """15.4.5: ETag, Date, Cache-Control, and nothing about the content but its date."""
    whole = files.ask(path="/a.txt")
    for method in "GET", "HEAD":
        response = files.ask(method, "/a.txt", if_none_match=whole.get("ETag"))
        assert response.status == 304
        assert sorted(name for name, _ in response.fields) == ["Cache-Control", "Date", "ETag", "Last-Modified", "Server"]
        for name in "Cache-Control", "ETag", "Last-Modified":
            assert response.get(name) == whole.get(name)


def test_304_keeps_the_connection(files):
    """9112 6.3: a 304 ends with its head."""
    with files.client() as client:
        client.send(wire.request(path="/a.txt", if_none_match="*") * 3 + wire.request(path="/a.txt"))
        assert [client.final().status for _ in range(4)] == [304, 304, 304, 200]


def test_412_is_an_error_page(files):
    """15.5.13; the connection stays."""
    with files.client() as client:
        response = client.ask(path="/a.txt", if_match='"x"')
        assert response.status == 412 and "Precondition Failed" in response.text
        assert "ETag" not in response and "Cache-Control" not in response
        head = client.ask("HEAD", "/a.txt", if_match='"x"')
        assert head.status == 412 and head.get("Content-Length") == response.get("Content-Length")
        assert client.ask(path="/a.txt").text == "hello"


def test_only_where_it_would_be_2xx(files, root):
    """13.2.1: a condition does not hide an error or a redirection."""
    (root / "dir").mkdir()
    for fields in {"if_match": '"x"'}, {"if_none_match": "*"}, {"if_unmodified_since": EARLIER}, {"range": "bytes=900-"}:
        assert files.ask(path="/none", **fields).status == 404
        assert files.ask(path="/dir", **fields).status == 301
        assert files.ask("PUT", path="/a.txt", body=b"", **fields).status == 405
        assert files.ask("OPTIONS", path="/a.txt", **fields).status == 204


def test_index_page(files, root):
    (root / "index.html").write_text("<p>")
    etag = files.ask(path="/").get("ETag")
    assert etag and files.ask(path="/", if_none_match=etag).status == 304


@pytest.mark.parametrize("size", [5, LARGE])
def test_other_bytes_other_tag(httpserver, root, mixin, size):
    """8.8.1: within one second, of the same size, with the same time of modification."""
    server, path, seen = httpserver(*mixin), root / "a.bin", {}
    with server.client() as client:
        for i in range(10):
            content = bytes([i]) * size
            with open(path, "r+b" if i else "wb") as file:
                file.write(content)
            os.utime(path, LONG_AGO)
            response = client.ask(path="/a.bin")
            assert response.body == content and response.get("ETag") not in seen
            for etag in seen:
                assert client.ask(path="/a.bin", if_none_match=etag).body == content
            seen[response.get("ETag")] = content


@pytest.mark.parametrize("size", [5, LARGE])
def test_same_bytes_same_tag(httpserver, root, size):
    """From the first moment on, in every process."""
    (root / "a.bin").write_bytes(b"x" * size)
    server = httpserver("--mixin", "forking")
    etag = server.ask(path="/a.bin").get("ETag")
    assert etag.startswith('"')
    wire.settle(root / "a.bin")
    assert server.ask(path="/a.bin").get("ETag") == etag
    assert httpserver().ask(path="/a.bin").get("ETag") == etag
    os.rename(root / "a.bin", root / "b.bin")
    (root / "a.bin").write_bytes(b"x" * size)
    assert server.ask(path="/a.bin", if_none_match=etag).status == 304
    (root / "a.bin").write_bytes(b"y" * size)
    assert server.ask(path="/a.bin", if_none_match=etag).status == 200


@pytest.mark.parametrize("size", [0, 5, 70_000, 5_000_000])
def test_what_is_no_other_content_is_no_other_tag(httpserver, root, mixin, size):
    """chmod, another link, mv, touch, a copy in its place."""
    file, other = root / "dir" / "a.bin", root / "dir" / "b.bin"
    file.parent.mkdir()
    file.write_bytes(b"x" * size)
    server = httpserver(*mixin)
    first = server.ask(path="/dir/a.bin").get("ETag")
    assert first.startswith('"')
    for change in (lambda: file.chmod(0o600), lambda: os.link(file, other), other.unlink, lambda: file.rename(other),
                   lambda: other.rename(file), lambda: file.parent.rename(root / "away"),
                   lambda: (root / "away").rename(file.parent), lambda: os.utime(file, (1, 1)),
                   lambda: (shutil.copy(file, other), os.replace(other, file))):
        change()
        if file.exists():
            assert server.ask(path="/dir/a.bin").get("ETag") == first
            assert server.ask(path="/dir/a.bin", if_none_match=first).status == 304


@pytest.mark.parametrize("size", [5, 70_000, 5_000_000, 20_000_000])
@pytest.mark.parametrize("way", ["in place", "replaced", "swapped"])
def test_other_content_is_another_tag(httpserver, root, mixin, size, way):
    """Also of the same size and with the same time of modification, as touch -r, cp -p and rsync --inplace -t leave it."""
    if size > 100_000 and mixin[1] not in ("eventloop", "threadpool"):
        pytest.skip("large ones only where another thread may read them")
    file, other = root / "a.bin", root / "b.bin"
    file.write_bytes(b"x" * size)
    server = httpserver(*mixin)
    tags, before = set(), file.stat()
    for number in range(4):
        tags.add(server.ask(path="/a.bin").get("ETag"))
        target = file if way == "in place" else other
        with open(target, "r+b" if target.exists() else "w+b") as data:
            data.truncate(size)
            data.seek(size - 1)
            data.write(b"%d" % number)
        os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))
        if way == "replaced":
            os.replace(other, file)
        elif way == "swapped":
            file.rename(root / "c.bin")
            other.rename(file)
            (root / "c.bin").rename(other)
    tags.add(server.ask(path="/a.bin").get("ETag"))
    assert len(tags) == 5 and all(tag.startswith('"') for tag in tags)


def test_a_large_file_is_read_for_its_tag_once(strace, started, tmp_path, root, mixin):
    """Not by each process, nor for each request, nor again when others have taken its place in the cache."""
    (root / "a.bin").write_bytes(b"x" * 1_000_000)
    wire.settle(root / "a.bin")
    server = programs.Server(["strace", "-f", "-qq", "-DD", "-o", tmp_path / "trace", "-e", "trace=pread64",
                              programs.path_of("httpserver"), "-d", root, *mixin, "0"], tmp_path)
    started.append(server)
    server.read_banner()
    for _ in range(10):
        assert server.ask("HEAD", "/a.bin").status == 200
    server.stop()
    pieces = re.findall(r"= (65536|16960)$", (tmp_path / "trace").read_text(), re.MULTILINE)
    assert len(pieces) == 16


def test_modified_in_the_future(files, root):
    """8.8.2.1: Last-Modified is never later than Date."""
    os.utime(root / "a.txt", (4102444800, 4102444800))
    response = files.ask(path="/a.txt")
    assert "2100" not in response.get("Last-Modified")
    assert files.ask(path="/a.txt", if_none_match=response.get("ETag")).status == 304


def test_cache_seconds(httpserver, root):
    """9111 5.2.2.1"""
    (root / "a.txt").write_text("hello")
    for options, expected in [(["--cache", "3600"], "max-age=3600"), (["--cache=0"], "no-cache"), ([], "no-cache")]:
        server = httpserver(*options)
        response = server.ask(path="/a.txt")
        assert response.get("Cache-Control") == expected
        assert server.ask(path="/a.txt", range="bytes=0-1").get("Cache-Control") == expected
        assert server.ask(path="/a.txt", if_none_match=response.get("ETag")).get("Cache-Control") == expected
        assert "Cache-Control" not in server.ask(path="/none")


# ---------------------------------------------------------------- handlers of one's own


@pytest.fixture
def content(probe, root):
    (root / "large.bin").write_bytes(os.urandom(100_000))
    return probe(program="content")


def test_blob(content):
    """http_send_content, from memory."""
    response = content.ask(path="/blob")
    assert response.text == "0123456789" and response.get("ETag") == '"v7"' and response.get("Last-Modified") == DATE
    assert [response.get(name) for name in ("Cache-Control", "Vary", "Content-Language", "Content-Location")] == [
        "max-age=5", "Accept", "de", "/b.de"]
    assert content.ask("HEAD", "/blob").get("Content-Length") == "10"
    assert content.ask(path="/blob", range="bytes=2-4").text == "234"
    assert content.ask(path="/blob", if_match='"v6"').text == "sorry: 412"
    assert content.ask(path="/blob", range="bytes=2-4", if_range='"v7"').text == "234"
    # a date whose strength nobody has vouched for
    assert content.ask(path="/blob", range="bytes=2-4", if_range=DATE).text == "0123456789"


def test_blob_304(content):
    """15.4.5: Vary, Content-Location and the like come along, the content's own fields do not."""
    response = content.ask(path="/blob", if_none_match='"v7"')
    assert response.status == 304
    assert sorted(name for name, _ in response.fields) == ["Cache-Control", "Content-Location", "Date", "ETag",
                                                           "Last-Modified", "Server", "Vary"]


def test_blob_from_file(content, root):
    data = (root / "large.bin").read_bytes()
    assert content.ask(path="/file").body == data
    assert content.ask(path="/file", range="bytes=500-70000").body == data[500:70001]
    assert content.ask(path="/file?50000", range="bytes=-10").body == data[49990:50000]
    response = content.ask(path="/file", range="bytes=5-6,-2")
    assert response.status == 206 and response.get("Content-Type").startswith("multipart/byteranges")
    with content.client() as client:  # a file that is shorter than was said
        client.send(wire.request(path="/file?200000"))
        with pytest.raises(wire.Ended):
            client.response()


def test_empty_and_malformed(content):
    for path in "/nothing", "/malformed":
        response = content.ask(path=path)
        assert response.status == 200 and response.body == b"" and response.get("Content-Length") == "0"


def test_error_header(content):
    """A field that comes with the error page, also with a page of one's own."""
    response = content.ask(path="/busy")
    assert response.status == 503 and response.get("Retry-After") == "120" and response.text == "sorry: 503"
    response = content.ask(path="/blob", range="bytes=10-")
    assert response.status == 416 and response.get("Content-Range") == "bytes */10" and response.text == "sorry: 416"
    with content.client() as client:
        assert client.ask(path="/busy").status == 503
        assert "Retry-After" not in client.ask(path="/none")


def test_put(content):
    """13.1.2: If-None-Match: * makes, If-Match replaces; a lost update is refused."""
    for path, fields, status in [
        ("/blob", {}, 200), ("/new", {}, 201), ("/blob", {"if_none_match": "*"}, 412), ("/new", {"if_none_match": "*"}, 201),
        ("/blob", {"if_match": '"v7"'}, 200), ("/blob", {"if_match": '"v6"'}, 412), ("/new", {"if_match": "*"}, 412),
        ("/blob", {"if_unmodified_since": EARLIER}, 412), ("/blob", {"range": "bytes=0-4"}, 200),
    ]:
        assert content.ask("PUT", path, b"x", **fields).status == status, (path, fields)


def test_class_field(content, root):
    assert content.ask(path="/large.bin").get("Cache-Control") == "max-age=77"

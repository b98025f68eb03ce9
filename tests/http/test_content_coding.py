# SPDX-License-Identifier: MIT
"""Files in the form that the client likes best: as they are, compressed by somebody before, or here (RFC 9110 8.4,
12.5.3)."""

import os
import re

import coding
import programs
import pytest
import wire

MADE = coding.made()
ALL = "gzip, br, zstd"
TEXT = b"".join(b"All work and no play makes line %d a dull one.\n" % i for i in range(200))
LARGE = b"".join(b"%d, %d\n" % (i * i, i * 7919 % 104729) for i in range(40000))
CODED = {name: magic + b"This stands in the compressed file only, so that a test can tell. " * 3
         for name, magic in coding.MAGIC.items()}


@pytest.fixture(params=coding.NAMES)
def name(request):
    """A coding, whether this build makes it or not."""
    return request.param


@pytest.fixture(params=MADE)
def made(request):
    return request.param


@pytest.fixture
def page(root):
    (root / "a.txt").write_bytes(TEXT)
    return root / "a.txt"


def fields(response, *left_out):
    return [(key, value) for key, value in response.fields if key.lower() not in ("date", *left_out)]


# ---------------------------------------------------------------- compressed by somebody before


@programs.also_masked
def test_sibling(httpserver, page, name, mixin):
    """It is sent as it is, under the original's type, in every mix-in."""
    other = coding.sibling(page, name, CODED[name] + b"x")
    server = httpserver(*mixin)
    response = server.ask(path="/a.txt", accept_encoding=name)
    assert response.body == CODED[name] + b"x" and response.get("Content-Encoding") == name
    assert response.get("Content-Type") == "text/plain; charset=utf-8" and response.get("Vary") == "Accept-Encoding"
    assert response.get("Content-Length") == str(other.stat().st_size)
    response = server.ask(path="/a.txt")
    assert response.body == TEXT and "Content-Encoding" not in response and response.get("Vary") == "Accept-Encoding"


def test_sibling_can_be_decoded(httpserver, page, name):
    coding.sibling(page, name, coding.encode(name, TEXT))
    assert coding.body(httpserver().ask(path="/a.txt", accept_encoding=name)) == TEXT


def test_sibling_of_any_type_and_size(httpserver, root, name):
    """Somebody wanted it so."""
    (root / "a.png").write_bytes(b"1")
    coding.sibling(root / "a.png", name, CODED[name])
    (root / "large.bin").write_bytes(b"0" * 300000)
    coding.sibling(root / "large.bin", name, CODED[name] * 500)
    with httpserver().client() as client:
        for path, content in ("/a.png", CODED[name]), ("/large.bin", CODED[name] * 500):
            response = client.ask(path=path, accept_encoding=name)
            assert response.body == content and response.get("Content-Encoding") == name
            assert client.ask(path=path).get("Vary") == "Accept-Encoding"
        assert client.ask(path="/a.png").get("Content-Type") == "image/png"


def test_older_sibling(httpserver, page, name):
    """Is one of another version. Who edits the file sees the edit."""
    other = coding.sibling(page, name, CODED[name], age=1)
    with httpserver("--compress", "precompressed").client() as client:
        assert client.ask(path="/a.txt", accept_encoding=name).body == TEXT
        os.utime(other, ns=(page.stat().st_mtime_ns,) * 2)
        assert client.ask(path="/a.txt", accept_encoding=name).body == CODED[name]
        page.write_bytes(b"edited")
        assert client.ask(path="/a.txt", accept_encoding=name).body == b"edited"
        coding.sibling(page, name, coding.MAGIC[name] + b"again", age=-5)
        assert client.ask(path="/a.txt", accept_encoding=name).body == coding.MAGIC[name] + b"again"


def test_sibling_with_time_in_whole_seconds(httpserver, page, name):
    other = coding.sibling(page, name, CODED[name])
    os.utime(page, ns=(1600000000123456789,) * 2)
    os.utime(other, ns=(1600000000000000000,) * 2)
    with httpserver("--compress", "precompressed").client() as client:
        assert client.ask(path="/a.txt", accept_encoding=name).body == CODED[name]
        os.utime(other, ns=(1600000000123456788,) * 2)
        assert client.ask(path="/a.txt", accept_encoding=name).body == TEXT


def test_sibling_comes_and_goes(httpserver, page, name):
    with httpserver("--compress", "precompressed").client() as client:
        assert client.ask(path="/a.txt", accept_encoding=name).body == TEXT
        other = coding.sibling(page, name, CODED[name])
        wire.wait_until(lambda: client.ask(path="/a.txt", accept_encoding=name).body == CODED[name])
        other.write_bytes(coding.MAGIC[name] + b"replaced")
        assert client.ask(path="/a.txt", accept_encoding=name).body == coding.MAGIC[name] + b"replaced"
        other.unlink()
        assert client.ask(path="/a.txt", accept_encoding=name).body == TEXT
        page.unlink()
        assert client.ask(path="/a.txt", accept_encoding=name).status == 404


def test_sibling_without_original(httpserver, root, name):
    """Is a file like another one, under its own name."""
    (root / ("b.txt" + coding.ENDING[name])).write_bytes(CODED[name])
    assert httpserver().ask(path="/b.txt", accept_encoding=ALL).status == 404


@pytest.mark.parametrize("kind", ["outside", "dangling", "directory", "fifo", "unreadable"])
def test_sibling_that_will_not_do(httpserver, nobody, page, tmp_path, name, kind):
    start = httpserver
    if kind == "unreadable":
        start, page = nobody, nobody.root / "a.txt"
        page.write_bytes(TEXT)
    other = page.with_name("a.txt" + coding.ENDING[name])
    if kind == "outside":
        (tmp_path / "secret").write_bytes(CODED[name])
        other.symlink_to(tmp_path / "secret")
    elif kind == "dangling":
        other.symlink_to("nowhere")
    elif kind == "directory":
        other.mkdir()
    elif kind == "fifo":
        os.mkfifo(other)
    else:
        other.write_bytes(CODED[name])
        other.chmod(0)
    with start("--compress", "precompressed").client() as client:
        for _ in range(3):
            response = client.ask(path="/a.txt", accept_encoding=ALL)
            assert response.status == 200 and response.body == TEXT and "Content-Encoding" not in response


def test_sibling_by_a_link_inside(httpserver, page, name):
    (page.parent / "elsewhere").write_bytes(CODED[name])
    page.with_name("a.txt" + coding.ENDING[name]).symlink_to("elsewhere")
    assert httpserver().ask(path="/a.txt", accept_encoding=name).body == CODED[name]


@pytest.mark.parametrize("mode", ["default", "small", "all"])
def test_siblings_are_not_for_clients_to_store(httpserver, page, name, mode, mixin):
    """Who stored name.gz would decide what others get for `name`, and an owner who asks without codings never knew."""
    if mode != "default" and mixin[1] != "eventloop":
        pytest.skip("only the default with each")
    coding.sibling(page, name, CODED[name])
    options = [] if mode == "default" else ["--compress", mode]
    server = httpserver("--upload", *options, *mixin)
    for accept in name, ALL, "*", f"identity;q=0.1, {name}":
        response = server.ask(path="/a.txt", accept_encoding=accept)
        assert response.status == 200 and coding.body(response) == TEXT
    assert server.ask(path="/a.txt" + coding.ENDING[name]).body == CODED[name]
    assert server.ask(path="/a.txt", accept_encoding=f"identity;q=0, {name}").body != CODED[name]


def test_siblings_of_an_index_page_are_not_either(httpserver, root, name):
    (root / "index.html").write_bytes(TEXT)
    coding.sibling(root / "index.html", name, CODED[name])
    assert coding.body(httpserver("--upload").ask(accept_encoding=name)) == TEXT


@pytest.mark.parametrize("options", [["--upload-siblings"], ["--compress", "precompressed"],
                                     ["--upload-siblings", "--compress", "all"]])
def test_siblings_are_for_those_who_ask(httpserver, page, name, options):
    coding.sibling(page, name, CODED[name])
    assert httpserver("--upload", *options).ask(path="/a.txt", accept_encoding=name).body == CODED[name]


@pytest.mark.parametrize("content", [b"", b"<p>plain</p>" * 100, b"PK\3\4 another format", b"\x1f", b"\x1f\x8b", b"\x28\xb5\x2f"])
@pytest.mark.parametrize("size", [1, 2000])
def test_sibling_that_is_not_coded(httpserver, page, name, content, size):
    """Its name lies, or it is not all there yet. Brotli has no sign at its beginning but that there is one."""
    if name == "br" and content:
        pytest.skip("may be brotli")
    coding.sibling(page, name, content * size)
    with httpserver("--compress", "precompressed").client() as client:
        response = client.ask(path="/a.txt", accept_encoding=name)
        assert response.body == TEXT and "Content-Encoding" not in response
        coding.sibling(page, name, coding.encode(name, TEXT))
        wire.wait_until(lambda: client.ask(path="/a.txt", accept_encoding=name).get("Content-Encoding") == name)


def test_brotli_that_is_something_else(httpserver, page):
    with httpserver("--compress", "precompressed").client() as client:
        for other in "gzip", "zstd":
            coding.sibling(page, "br", coding.encode(other, TEXT))
            assert client.ask(path="/a.txt", accept_encoding="br").body == TEXT


SVG = b'<svg xmlns="http://www.w3.org/2000/svg">' + b"<path/>" * 300 + b"</svg>"


@pytest.mark.parametrize("accept", [None, "", "gzip", "identity", "gzip;q=0", ALL, "br", "*;q=0"])
@pytest.mark.parametrize("mode", ["off", "small", "all"])
def test_svgz(httpserver, root, accept, mode):
    """Is an SVG in gzip: browsers show it only when they are told so. It is the one form there is, so everybody gets it."""
    data = coding.encode("gzip", SVG)
    (root / "a.svgz").write_bytes(data)
    (root / "a.svgz.gz").write_bytes(coding.encode("gzip", data))
    with httpserver("--compress", mode).client() as client:
        fields = {} if accept is None else {"accept_encoding": accept}
        for method in "GET", "HEAD":
            response = client.ask(method, "/a.svgz", **fields)
            assert response.status == 200 and response.body == (data if method == "GET" else b"")
            assert response.get("Content-Type") == "image/svg+xml" and response.get("Content-Encoding") == "gzip"
            assert response.get("Content-Length") == str(len(data)) and "Vary" not in response
        part = client.ask(path="/a.svgz", range="bytes=5-9", **fields)
        assert part.status == 206 and part.body == data[5:10] and part.get("Content-Encoding") == "gzip"
        again = client.ask(path="/a.svgz", if_none_match=response.get("ETag"), **fields)
        assert again.status == 304 and "Content-Encoding" not in again


def test_svgz_that_is_none(httpserver, root):
    """An SVG that is only called so is no gzip; nor is what --mime says is something else."""
    (root / "a.SVGZ").write_bytes(SVG)
    (root / "b.svgz").write_bytes(b"")
    with httpserver().client() as client:
        for name, body in ("a.SVGZ", SVG), ("b.svgz", b""):
            response = client.ask(path="/" + name)
            assert response.body == body and "Content-Encoding" not in response
            assert response.get("Content-Type") == "image/svg+xml"
    (root / "c.svgz").write_bytes(coding.encode("gzip", SVG))
    response = httpserver("--mime", "svgz=application/x-svgz").ask(path="/c.svgz")
    assert response.get("Content-Type") == "application/x-svgz" and "Content-Encoding" not in response


def test_its_own_name(httpserver, page):
    """Asked for by name a compressed file is a file, and is not compressed again."""
    types = {"gzip": "application/gzip", "br": "application/x-brotli", "zstd": "application/zstd"}
    with httpserver("--compress", "all").client() as client:
        for name, media_type in types.items():
            coding.sibling(page, name, CODED[name] * 100)
            client.ask(path="/a.txt", accept_encoding=name)
            for accept in None, ALL, "*":
                response = client.ask(path="/a.txt" + coding.ENDING[name], accept_encoding=accept)
                assert response.body == CODED[name] * 100 and response.get("Content-Type") == media_type
                assert "Content-Encoding" not in response and "Vary" not in response


def test_index(httpserver, root, name):
    (root / "index.html").write_bytes(TEXT)
    coding.sibling(root / "index.html", name, CODED[name])
    response = httpserver().ask(path="/", accept_encoding=name)
    assert response.body == CODED[name] and response.get("Content-Type") == "text/html; charset=utf-8"


@pytest.mark.parametrize("accept, expected", [
    ("gzip, br, zstd", "zstd"), ("gzip, br", "br"), ("gzip", "gzip"), ("x-gzip", "gzip"), ("*", "zstd"), ("*;q=0", 406),
    ("gzip;q=0.5, br;q=0.4, zstd;q=0.3", "gzip"), ("gzip;q=0.5, identity;q=0.6", None), ("gzip;q=0.5, *;q=0.6", "zstd"),
    ("identity;q=0", 406), ("identity;q=0, gzip;q=0.001", "gzip"), ("gzip;q=1.0000, br;q=0.1", "br"), ("", None),
    (None, None), ("deflate, compress", None), ("GZIP;Q=1", "gzip"), ("zstd;q=0, br;q=0.000, *;q=0.1", "gzip"),
    ("identity;q=1, *;q=0", None), ("gzip , , br ;q=0", "gzip"), ("br;q=0.8,gzip;q=0.8", "br")])
def test_weights(httpserver, page, accept, expected):
    """RFC 9110 12.4.2 and 12.5.3; all three files are there. The table is tests/unit/test_content_coding.c's."""
    for name in coding.NAMES:
        coding.sibling(page, name, coding.MAGIC[name] + name.encode())
    with httpserver("--compress", "precompressed").client() as client:
        response = client.ask(path="/a.txt", accept_encoding=accept)
        assert response.get("Vary") == "Accept-Encoding"
        if expected == 406:
            assert response.status == 406 and "Content-Encoding" not in response
            assert client.ask("HEAD", "/a.txt", accept_encoding=accept).status == 406
        else:
            assert response.status == 200 and response.get("Content-Encoding") == expected
            assert response.body == (coding.MAGIC[expected] + expected.encode() if expected else TEXT)
        assert client.ask(path="/a.txt").body == TEXT


# ---------------------------------------------------------------- compressed here


@programs.also_masked
def test_small_text(httpserver, page, made, mixin):
    server = httpserver(*mixin)
    for _ in range(3):
        response = server.ask(path="/a.txt", accept_encoding=made)
        assert response.get("Content-Encoding") == made and response.get("Vary") == "Accept-Encoding"
        assert int(response.get("Content-Length")) < len(TEXT) / 3 and coding.body(response) == TEXT
    response = server.ask(path="/a.txt")
    assert response.body == TEXT and "Content-Encoding" not in response and response.get("Vary") == "Accept-Encoding"


def test_edits_are_seen(httpserver, page, made):
    with httpserver().client() as client:
        for i in range(20):
            page.write_bytes(b"%02d" % i + TEXT)
            assert coding.body(client.ask(path="/a.txt", accept_encoding=made)) == b"%02d" % i + TEXT


@pytest.mark.parametrize("file", ["a.html", "a.css", "a.js", "a.mjs", "a.json", "a.xml", "a.svg", "a.wasm", "a.csv", "a.md",
                                  "a.webmanifest", "a.geojson", "a.xhtml", "a.ttf", "a.rss", "a.yaml"])
def test_types_that_are_worth_it(httpserver, root, file):
    (root / file).write_bytes(TEXT)
    response = httpserver().ask(path="/" + file, accept_encoding=", ".join(MADE))
    assert response.get("Content-Encoding") == (MADE[-1] if MADE else None) and coding.body(response) == TEXT


@pytest.mark.parametrize("file", ["a.png", "a.jpg", "a.webp", "a.avif", "a.zip", "a.gz", "a.tgz", "a.zst", "a.br", "a.mp4",
                                  "a.mp3", "a.woff2", "a.woff", "a.pdf", "a.docx", "a.7z", "a.xz", "a", "a.bin"])
def test_types_that_are_not(httpserver, root, file):
    """No double compression, whatever the mode; there is but one form, and no Vary."""
    (root / file).write_bytes(TEXT)
    for mode in "small", "all":
        response = httpserver("--compress", mode).ask(path="/" + file, accept_encoding=ALL)
        assert response.body == TEXT and "Content-Encoding" not in response and "Vary" not in response


def test_short_text_and_noise(httpserver, root, made):
    """What would be no shorter is sent as it is."""
    (root / "short.txt").write_bytes(TEXT[:1023])
    (root / "long.txt").write_bytes(TEXT[:1024])
    (root / "empty.txt").write_bytes(b"")
    (root / "noise.txt").write_bytes(os.urandom(2000))
    with httpserver().client() as client:
        for path in "/short.txt", "/empty.txt", "/noise.txt", "/noise.txt":
            response = client.ask(path=path, accept_encoding=made)
            assert response.body == (root / path[1:]).read_bytes() and "Content-Encoding" not in response
        assert client.ask(path="/noise.txt", accept_encoding=made).get("Vary") == "Accept-Encoding"
        assert client.ask(path="/long.txt", accept_encoding=made).get("Content-Encoding") == made


def test_identity_refused(httpserver, root, made):
    """Then what a client takes is made, worth it or not; where it cannot be: 406 (RFC 9110 12.5.3, 15.5.7)."""
    (root / "short.txt").write_bytes(b"short")
    (root / "a.png").write_bytes(os.urandom(3000))
    (root / "empty.txt").write_bytes(b"")
    (root / "large.txt").write_bytes(LARGE)
    with httpserver().client() as client:
        for path in "/short.txt", "/a.png", "/empty.txt":
            response = client.ask(path=path, accept_encoding=f"{made}, identity;q=0")
            assert response.get("Content-Encoding") == made
            assert coding.body(response) == (root / path[1:]).read_bytes()
            assert "Content-Encoding" not in client.ask(path=path, accept_encoding=made)
            assert client.ask(path=path, accept_encoding="deflate, identity;q=0").status == 406
        assert client.ask(path="/large.txt", accept_encoding=f"{made}, identity;q=0").status == 406
        assert client.ask(path="/large.txt", accept_encoding=made).body == LARGE


@pytest.mark.skipif(len(MADE) < 3, reason="all codings are needed")
def test_what_is_there_before_what_is_made(httpserver, page):
    """At the same weight; else the client's word counts."""
    coding.sibling(page, "gzip", CODED["gzip"])
    with httpserver().client() as client:
        for accept, expected in (ALL, "gzip"), ("gzip;q=0.9, br", "br"), ("br, zstd", "zstd"), ("*", "gzip"):
            assert client.ask(path="/a.txt", accept_encoding=accept).get("Content-Encoding") == expected


def test_modes(httpserver, root, page):
    """--compress off, precompressed, small, all"""
    (root / "large.txt").write_bytes(LARGE)
    (root / "b.txt").write_bytes(TEXT)
    coding.sibling(root / "b.txt", "gzip", CODED["gzip"])
    files = "b.txt", "a.txt", "large.txt"
    coded = {"off": 0, "precompressed": 1, "small": 2 if MADE else 1, "all": 3 if MADE else 1}
    for mode, count in coded.items():
        with httpserver("--compress", mode).client() as client:
            for i, file in enumerate(files):
                response = client.ask(path="/" + file, accept_encoding=", ".join(["gzip", *MADE]))
                assert ("Content-Encoding" in response) == (i < count)
                assert ("Vary" in response) == (i < count)


# ---------------------------------------------------------------- while it is sent


@programs.also_masked
def test_large_text(httpserver, root, made, mixin):
    (root / "large.txt").write_bytes(LARGE)
    server = httpserver("--compress", "all", *mixin)
    for _ in range(2):
        response = server.ask(path="/large.txt", accept_encoding=made)
        assert response.chunks and response.get("Content-Encoding") == made and response.get("Vary") == "Accept-Encoding"
        assert len(response.body) < len(LARGE) * 2 / 3 and coding.body(response) == LARGE
    assert server.ask(path="/large.txt").get("Content-Length") == str(len(LARGE))


def test_large_text_to_http_1_0(httpserver, root, made):
    (root / "large.txt").write_bytes(LARGE)
    with httpserver("--compress", "all").client() as client:
        client.send(wire.request(path="/large.txt", version="HTTP/1.0", accept_encoding=made))
        response = client.response()
        assert response.closes and coding.body(response) == LARGE


def test_client_disappears(httpserver, root, made, concurrent_mixin):
    """Nothing is left behind (the sanitizers look for leaks), and others are served."""
    (root / "large.txt").write_bytes(os.urandom(1 << 20).hex().encode() * 8)
    server = httpserver("--compress", "all", *concurrent_mixin)
    for _ in range(3):
        client = server.client(receive_buffer=4096)
        client.send(wire.request(path="/large.txt", accept_encoding=made))
        assert client.exactly(1000)
        client.reset()
    (root / "a.txt").write_bytes(TEXT)
    assert coding.body(server.ask(path="/a.txt", accept_encoding=made)) == TEXT


# ---------------------------------------------------------------- with the rest of HTTP


@pytest.mark.parametrize("mode", ["precompressed", "small", "all"])
def test_head(httpserver, root, page, name, mode):
    """RFC 9110 9.3.2: the fields of GET."""
    (root / "large.txt").write_bytes(LARGE)
    (root / "b.txt").write_bytes(TEXT)
    coding.sibling(root / "b.txt", name, CODED[name])
    with httpserver("--compress", mode).client() as client:
        for path in "/a.txt", "/b.txt", "/large.txt":
            for accept in None, name, "identity":
                get = client.ask(path=path, accept_encoding=accept)
                head = client.ask("HEAD", path, accept_encoding=accept)
                assert fields(head) == fields(get, "transfer-encoding")


def test_not_modified(httpserver, page, name):
    """304 has the Vary of 200 (RFC 9110 15.4.5), and goes by the form's own Last-Modified."""
    os.utime(page, (1600000000, 1600000000))
    coding.sibling(page, name, CODED[name], age=-5)
    with httpserver().client() as client:
        plain = client.ask(path="/a.txt")
        coded = client.ask(path="/a.txt", accept_encoding=name)
        assert plain.get("Last-Modified") != coded.get("Last-Modified")
        for accept, response in (None, plain), (name, coded):
            again = client.ask(path="/a.txt", accept_encoding=accept, if_modified_since=response.get("Last-Modified"))
            assert again.status == 304 and again.get("Vary") == "Accept-Encoding"


def test_entity_tags(httpserver, page, root):
    """RFC 9110 8.8.3.3: each form has its own, and If-None-Match goes by that of the form that would be sent. What is
    compressed here has a weak one: another version of the library may give other bytes."""
    (root / "b.txt").write_bytes(TEXT)
    for name in coding.NAMES:
        coding.sibling(root / "b.txt", name, CODED[name] + name.encode())
    for path, names in ("/a.txt", MADE), ("/b.txt", coding.NAMES), ("/large.txt", MADE):
        (root / "large.txt").write_bytes(LARGE)
        with httpserver("--compress", "all").client() as client:
            tags = {}
            for accept in None, *names:
                response = client.ask(path=path, accept_encoding=accept)
                assert response.get("Content-Encoding") == accept
                tags[accept] = response.get("ETag")
                assert re.fullmatch('(W/)?"[!#-~]+"', tags[accept])
                assert tags[accept].startswith("W/") == (accept is not None and path != "/b.txt")
            assert len({tag.removeprefix("W/") for tag in tags.values()}) == 1 + len(names)
            for accept in tags:
                for other, tag in tags.items():
                    for method in "GET", "HEAD":
                        again = client.ask(method, path, accept_encoding=accept, if_none_match=tag)
                        assert again.status == (304 if accept == other else 200)
                        assert again.get("Vary") == "Accept-Encoding" and again.get("ETag") == tags[accept]


def test_entity_tag_of_an_edit(httpserver, page, made):
    with httpserver().client() as client:
        tags = set()
        for i in range(10):
            page.write_bytes(b"%d" % i + TEXT)
            tags.add(client.ask(path="/a.txt", accept_encoding=made).get("ETag"))
        assert len(tags) == 10


def test_resuming(httpserver, page, name):
    """If-Range with the tag of a coded form: parts of the two do not fit together (RFC 9110 13.1.5)."""
    coding.sibling(page, name, CODED[name])
    with httpserver().client() as client:
        tag = client.ask(path="/a.txt", accept_encoding=name).get("ETag")
        response = client.ask(path="/a.txt", accept_encoding=name, range="bytes=10-", if_range=tag)
        assert response.status == 200 and response.body == TEXT and "Content-Encoding" not in response
        response = client.ask(path="/a.txt", accept_encoding=name, range="bytes=10-", if_range=response.get("ETag"))
        assert response.status == 206 and response.body == TEXT[10:] and "Content-Encoding" not in response
        assert response.get("Vary") == "Accept-Encoding"


def test_range_is_of_the_file_as_it_is(httpserver, page, name):
    """A client that has a part of the file can always complete it."""
    coding.sibling(page, name, CODED[name])
    with httpserver().client() as client:
        response = client.ask(path="/a.txt", accept_encoding=ALL, range="bytes=0-99")
        assert "Content-Encoding" not in response and response.get("Vary") == "Accept-Encoding"
        assert response.body == (TEXT[:100] if response.status == 206 else TEXT)


def test_several_lines(httpserver, page):
    """RFC 9110 5.3: as one list."""
    for name in coding.NAMES:
        coding.sibling(page, name, coding.MAGIC[name] + name.encode())
    with httpserver().client() as client:
        client.send("GET /a.txt HTTP/1.1\r\nHost: x\r\nAccept-Encoding: zstd;q=0\r\nACCEPT-ENCODING: gzip;q=0.5\r\n"
                    "Accept-Encoding: br;q=0.4\r\n\r\n")
        assert client.response().body == coding.MAGIC["gzip"] + b"gzip"


# ---------------------------------------------------------------- others' decoders


@pytest.mark.skipif(not MADE, reason="this build compresses nothing")
@pytest.mark.parametrize("mode", ["small", "all"])
def test_curl(httpserver, root, page, tmp_path, mode):
    (root / "large.txt").write_bytes(LARGE)
    server = httpserver("--compress", mode)
    for path, content in ("a.txt", TEXT), ("large.txt", LARGE):
        done = programs.run(["curl", "-sS", "--compressed", "-D", tmp_path / "head", server.url + path])
        assert done.stdout.encode() == content
        coded = re.search("(?i)^content-encoding: ", (tmp_path / "head").read_text(), re.MULTILINE)
        assert bool(coded) == (mode == "all" or path == "a.txt")


def test_many_want_a_new_file(httpserver, root, made):
    """One compresses it; the others have it as it is at once, or compressed, but whole."""
    (root / "new.txt").write_bytes(LARGE[:60000])
    server = httpserver("--compress", "small")
    clients = [server.client() for _ in range(40)]
    with server.stopped():
        for client in clients:
            client.send(wire.request(path="/new.txt", accept_encoding=made))
    for client in clients:
        assert coding.body(client.response()) == LARGE[:60000]
        client.close()
    response = server.ask(path="/new.txt", accept_encoding=made)
    assert response.get("Content-Encoding") == made

# SPDX-License-Identifier: MIT
"""RFC 9110 14, over the wire: parts of files, and downloads that are taken up again. The decisions themselves have
their tables in tests/unit/test_ranges.c."""

import os
import re
import time

import programs
import pytest
import wire

SIZES = {"small": 1000, "large": 300_000}  # from the cache's memory, and from the file
LONG_AGO = (784111777, 784111777)
PART_HEAD = rb"\r\nContent-Type: ([^\r]+)\r\nContent-Range: bytes (\d+)-(\d+)/(\d+)\r\n\r\n"
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.fixture
def data(root):
    content = {name: os.urandom(size) for name, size in SIZES.items()}
    content["empty"] = b""
    for name, value in content.items():
        (root / f"{name}.bin").write_bytes(value)
    return content


@pytest.fixture
def files(httpserver, data):
    return httpserver()


def parts_of(response, size, kind="application/octet-stream"):
    """The parts of a multipart/byteranges as (first, bytes); anything else in it is an error."""
    match = re.fullmatch(r"multipart/byteranges; boundary=([0-9a-zA-Z'()+_./:=?-]{1,70})", response.get("Content-Type"))
    assert response.status == 206 and match and "Content-Range" not in response
    rest, parts, start = response.body, [], b"--" + match[1].encode()
    while True:
        head = re.match(re.escape(start) + PART_HEAD, rest)
        assert head and head[1].decode() == kind and int(head[4]) == size
        first, last = int(head[2]), int(head[3])
        end = head.end() + last - first + 1
        parts.append((first, rest[head.end():end]))
        rest, start = rest[end:], b"\r\n--" + match[1].encode()
        if rest == start + b"--\r\n":
            return parts
        assert rest.startswith(start + b"\r\n")


# ---------------------------------------------------------------- one part


@pytest.mark.parametrize("name", SIZES)
@programs.also_masked
def test_one(httpserver, data, mixin, name):
    """14.1.2, 15.3.7.1: under every mix-in, on one connection."""
    whole, size, server = data[name], SIZES[name], httpserver(*mixin)
    with server.client() as client:
        for spec, first, last in [("0-0", 0, 0), ("0-99", 0, 99), ("100-", 100, size - 1), ("-7", size - 7, size - 1),
                                  ("0-", 0, size - 1), ("500-999999999999999999999", 500, size - 1),
                                  (f"-{size + 5}", 0, size - 1), (f"{size - 1}-{size - 1}", size - 1, size - 1)]:
            response = client.ask(path=f"/{name}.bin", range=f"bytes={spec}")
            assert response.status == 206 and response.body == whole[first:last + 1], spec
            assert response.get("Content-Range") == f"bytes {first}-{last}/{size}"
            assert response.get("Content-Length") == str(last + 1 - first)


def test_206_has_what_200_has(files):
    """15.3.7: Date, Cache-Control, ETag, Last-Modified, and the rest."""
    whole, part = files.ask(path="/small.bin"), files.ask(path="/small.bin", range="bytes=0-4")
    for name in "Cache-Control", "ETag", "Last-Modified", "Content-Type", "Accept-Ranges":
        assert part.get(name) == whole.get(name)


@pytest.mark.parametrize("value", ["bytes=4-2", "bytes=a-b", "bytes=", "bytes=-", "lines=0-4", "0-4", "bytes=0-4,x",
                                   "bytes 0-4"])
def test_ignored(files, data, value):
    """14.2: other units, and what is malformed."""
    response = files.ask(path="/small.bin", range=value)
    assert response.status == 200 and response.body == data["small"] and "Content-Range" not in response


def test_unit_in_any_case(files):
    assert files.ask(path="/small.bin", range="BYTES=0-4").status == 206


def test_two_range_fields(files, data):
    """5.3: Range is no list."""
    with files.client() as client:
        client.send("GET /small.bin HTTP/1.1\r\nHost: h\r\nRange: bytes=0-4\r\nRange: bytes=6-9\r\n\r\n")
        assert client.final().body == data["small"]


def test_head_ignores_range(files):
    """14.2"""
    for value in "bytes=0-4", "bytes=0-1,5-6", "bytes=5000000-":
        response = files.ask("HEAD", "/small.bin", range=value)
        assert response.status == 200 and response.get("Content-Length") == "1000" and "Content-Range" not in response


def test_http_1_0(files, data):
    """A client of HTTP/1.0 that knows ranges gets them."""
    for value, expected in [("bytes=5-9", data["large"][5:10]), ("bytes=-3", data["large"][-3:])]:
        with files.client() as client:
            client.send(wire.request(path="/large.bin", version="HTTP/1.0", range=value))
            response = client.final()
            assert response.status == 206 and response.body == expected and client.ends()


@pytest.mark.parametrize("name", ["small", "large", "empty"])
def test_unsatisfiable(files, data, name):
    """15.5.17, 14.4"""
    size = len(data[name])
    with files.client() as client:
        for value in f"bytes={size}-", "bytes=99999999999999999999-", "bytes=-0", f"bytes={size}-{size + 5},-0":
            response = client.ask(path=f"/{name}.bin", range=value)
            assert response.status == 416 and response.get("Content-Range") == f"bytes */{size}", value
            assert "Range Not Satisfiable" in response.text
        assert client.ask(path=f"/{name}.bin").body == data[name]


def test_empty_file(files):
    """14.1.2: its last bytes are all of it."""
    response = files.ask(path="/empty.bin", range="bytes=-5")
    assert response.status == 200 and response.body == b""


# ---------------------------------------------------------------- several


@pytest.mark.parametrize("name", SIZES)
@programs.also_masked
def test_several(httpserver, data, mixin, name):
    """15.3.7.2, 14.6; the length is exact: the next response is found."""
    whole, size, server = data[name], SIZES[name], httpserver(*mixin)
    with server.client() as client:
        for spec, expected in [
            ("0-1,4-5", [(0, 2), (4, 2)]), ("-5,0-3", [(size - 5, 5), (0, 4)]),
            ("0-0,500-,100-199", [(0, 1), (500, size - 500), (100, 100)]),
            ("3-9,0-4,20-29", [(0, 10), (20, 10)]), ("0-1,9999999-,4-5", [(0, 2), (4, 2)]),
        ]:
            client.send(wire.request(path=f"/{name}.bin", range=f"bytes={spec}") + wire.request(path="/empty.bin"))
            parts = parts_of(client.final(), size)
            assert parts == [(first, whole[first:first + count]) for first, count in expected], spec
            assert client.final().get("Content-Length") == "0"


def test_several_become_one(files, data):
    """15.3.7.2: what is left of several is no multipart."""
    for spec, first, last in [("0-4,5-9", 0, 9), ("0-4,3-9", 0, 9), ("5-9,99999-", 5, 9), ("0-499,500-", 0, 999)]:
        response = files.ask(path="/small.bin", range=f"bytes={spec}")
        assert response.get("Content-Range") == f"bytes {first}-{last}/1000" and response.body == data["small"][first:last + 1]


def test_boundary_is_new_each_time(files):
    kinds = {files.ask(path="/small.bin", range="bytes=0-1,4-5").get("Content-Type") for _ in range(10)}
    assert len(kinds) == 10


def test_too_many(files, data):
    """17.15: nobody gets more than the whole."""
    for count, status in (32, 206), (33, 200), (400, 200):
        response = files.ask(path="/small.bin", range="bytes=" + ",".join(f"{2 * i}-{2 * i}" for i in range(count)))
        assert response.status == status
        assert response.body == data["small"] if status == 200 else len(parts_of(response, 1000)) == count
    killer = "bytes=0-," + ",".join(f"5-{i}" for i in range(5, 1300))
    response = files.ask(path="/large.bin", range=killer)
    assert response.status == 206 and response.body == data["large"]


# ---------------------------------------------------------------- taken up again


@pytest.mark.parametrize("name", SIZES)
@programs.also_masked
def test_resume(httpserver, root, data, mixin, name):
    """13.1.5: by tag and by date; after a change of the content, whatever its size and times, never a part."""
    server, path, size = httpserver(*mixin), root / f"{name}.bin", SIZES[name]
    os.utime(path, LONG_AGO)
    with server.client() as client:
        first = client.ask(path=f"/{name}.bin", range="bytes=0-499")
        etag = first.get("ETag")
        rest = client.ask(path=f"/{name}.bin", range="bytes=500-", if_range=etag)
        assert rest.status == 206 and first.body + rest.body == data[name]
        for value in f"W/{etag}", etag.strip('"'), '"other"', f"{etag}, {etag}", "*", "Sun, 06 Nov 1994 08:49:36 GMT":
            response = client.ask(path=f"/{name}.bin", range="bytes=500-", if_range=value)
            assert response.status == 200 and response.body == data[name], value
        other = os.urandom(size)
        with open(path, "r+b") as file:
            file.write(other)
        os.utime(path, LONG_AGO)
        for value in etag, DATE:
            response = client.ask(path=f"/{name}.bin", range="bytes=500-", if_range=value)
            assert response.status == 200 and response.body == other, value
        assert client.ask(path=f"/{name}.bin", range="bytes=500-", if_match=etag).status == 412


def test_resume_by_date(files, root, data):
    """8.8.2.2: once the second of the change is well over."""
    os.utime(root / "large.bin", LONG_AGO)
    changed = os.stat(root / "large.bin").st_ctime
    wire.wait_until(lambda: time.time() > changed + 3)
    for date in DATE, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994":
        response = files.ask(path="/large.bin", range="bytes=500-", if_range=date)
        assert response.status == 206 and response.body == data["large"][500:]
    for date in "Sun, 06 Nov 1994 08:49:38 GMT", "Sun, 06 Nov 1994 08:49:36 GMT", "yesterday":
        assert files.ask(path="/large.bin", range="bytes=500-", if_range=date).status == 200


def test_if_range_with_416(files):
    """13.1.5: only for who has a part of this very file."""
    etag = files.ask(path="/small.bin").get("ETag")
    assert files.ask(path="/small.bin", range="bytes=1000-", if_range=etag).status == 416
    assert files.ask(path="/small.bin", range="bytes=1000-", if_range='"x"').status == 200


def test_conditions_come_first(files):
    """13.2.2"""
    etag = files.ask(path="/small.bin").get("ETag")
    assert files.ask(path="/small.bin", range="bytes=0-4", if_none_match=etag).status == 304
    assert files.ask(path="/small.bin", range="bytes=0-4", if_match='"x"').status == 412
    assert files.ask(path="/small.bin", range="bytes=0-4", if_match=etag).status == 206


@programs.also_masked
def test_file_that_shrinks(httpserver, root, mixin):
    """The connection ends in the middle of the part; nothing is made up."""
    path = root / "shrinks"
    path.write_bytes(b"x" * 50_000_000)
    server = httpserver(*mixin)
    with server.client(receive_buffer=1 << 17) as client:
        client.send(wire.request(path="/shrinks", range="bytes=10-,0-0") + wire.request(path="/shrinks"))
        client.fill()
        os.truncate(path, 10)
        with pytest.raises(wire.Ended) as ended:
            client.response()
        assert len(ended.value.partial) < 40_000_000
    assert server.ask(path="/shrinks", range="bytes=5-").body == b"x" * 5

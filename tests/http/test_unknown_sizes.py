# SPDX-License-Identifier: MIT
"""Files of which stat(2) does not know the size, and files that change while they are read: what was read is what is
promised."""

import os
import threading

import pytest
import wire

PROC = ["version", "filesystems", "sys/kernel/ostype", "sys/kernel/osrelease", "cpuinfo"]
SYS = ["devices/system/cpu/online", "devices/system/cpu/possible", "kernel/mm/transparent_hugepage/enabled"]


def content(path):
    with open(path, "rb") as file:
        return file.read()


def some(base, names):
    """Those that there are here, and that stand still."""
    names = [name for name in names if os.access(f"{base}/{name}", os.R_OK)
             and content(f"{base}/{name}") == content(f"{base}/{name}")]
    if not names:
        pytest.skip(f"{base} has none of them")
    return names


@pytest.mark.parametrize("base, names", [("/proc", PROC), ("/sys", SYS)])
def test_small_files_of_the_kernel(httpserver, mixin, base, names):
    """Whole, with their length and a tag; parts of them are what the whole says."""
    names = some(base, names)
    server = httpserver(*mixin, directory=base)
    for name in names:
        data, path = content(f"{base}/{name}"), "/" + name
        assert len(data) != os.stat(f"{base}/{name}").st_size
        with server.client() as client:
            get, head = client.ask(path=path), client.ask("HEAD", path)
            assert get.body == data and get.get("Content-Length") == head.get("Content-Length") == str(len(data))
            assert get.get("ETag") == head.get("ETag") and get.get("ETag").startswith('"')
            assert "Last-Modified" not in get  # it is when somebody last looked
            assert client.ask(path=path, if_none_match=get.get("ETag")).status == 304
            assert client.ask(path=path, if_modified_since="Fri, 01 Jan 2100 00:00:00 GMT").status == 200
            part = client.ask(path=path, range="bytes=1-3", if_range=get.get("ETag"))
            assert part.status == 206 and part.body == data[1:4]
            assert part.get("Content-Range") == f"bytes 1-{min(3, len(data) - 1)}/{len(data)}"
            assert client.ask(path=path, range=f"bytes={len(data)}-").status == 416


def test_they_are_never_stale(httpserver):
    """Nothing about them tells that they have changed."""
    server = httpserver(directory="/proc")
    with server.client() as client:
        first = client.ask(path="/uptime").body
        wire.wait_until(lambda: client.ask(path="/uptime").body != first)


def test_a_process(httpserver, mixin):
    """The server's own: each connection gets something else of the same form."""
    server = httpserver("--sandbox=off", *mixin, directory="/proc/self")  # "self" of another process is not its own
    with server.client() as client:
        for name in ("status", "maps", "limits", "stat", "cmdline", "io", "mountinfo", "comm"):
            response = client.ask(path="/" + name)
            assert response.status == 200 and len(response.body) == int(response.get("Content-Length")) > 0
    assert b"VmRSS" in server.ask(path="/status").body and server.ask(path="/mem").status in (403, 500)


@pytest.fixture(scope="module")
def large():
    """A file of the kernel's that does not fit into memory here."""
    path = "/proc/kallsyms"
    if not os.access(path, os.R_OK) or len(content(path)) < 200_000:
        pytest.skip("no large file without a size")
    return content(path)


def test_large_ones_come_in_chunks(httpserver, mixin, large):
    server = httpserver("--sandbox=off", *mixin, "--compress", "all", directory="/proc")  # addresses are for root only
    with server.client() as client:
        response = client.ask(path="/kallsyms", range="bytes=0-9", accept_encoding="gzip")
        assert response.status == 200 and response.body == large and len(response.chunks) > 1
        head = client.ask("HEAD", "/kallsyms")
        for field in "Content-Length", "Accept-Ranges", "ETag", "Last-Modified", "Content-Encoding":
            assert field not in response and field not in head
        assert client.ask(path="/version").status == 200
    with server.client() as client:
        client.send("GET /kallsyms HTTP/1.0\r\n\r\n")
        response = client.response()
        assert response.closes and response.body == large


@pytest.mark.parametrize("low, high", [(0, 3000), (50_000, 80_000), (1, 300_000)])
def test_files_that_change_meanwhile(httpserver, root, mixin, low, high):
    """An answer is as long as it says, or its connection ends before; and the next one is in order."""
    path = root / "file"
    path.write_bytes(b"x" * low)
    stop = threading.Event()

    def change():
        with open(path, "r+b", buffering=0) as file:
            while not stop.is_set():
                for size in (high, low, high // 2, low + 1):
                    file.truncate(size)
                    file.seek(0)
                    file.write(b"y" * min(size, 1000))

    server = httpserver(*mixin)
    thread = threading.Thread(target=change)
    thread.start()
    try:
        complete = 0
        for _ in range(30):
            try:
                with server.client() as client:
                    for _ in range(3):
                        response = client.ask(path="/file")
                        assert response.status == 200 and len(response.body) <= high
                        assert response.chunks or len(response.body) == int(response.get("Content-Length"))
                        complete += 1
            except wire.Ended:
                assert high > 65536  # what is in memory cannot become shorter
        assert complete > 0
    finally:
        stop.set()
        thread.join()

# SPDX-License-Identifier: MIT
"""Files and directories that change while clients download them: an answer is the old content, the new content, or cut so that
its reader can tell; and the next one shows what is there now."""

import os
import random
import shutil
import threading

import load
import programs
import pytest
import wire
from uploads import in_namespace

pytestmark = pytest.mark.skipif(programs.SANITIZED, reason="tests of time and of crowds run once, without sanitizers")

SMALL, LARGE = 5000, 2 << 20
CONTENTS = {size: [bytes([65 + i]) * (size + i) for i in range(4)] for size in (SMALL, LARGE)}
READERS = 3


def replace(path, data):
    path.with_name("new").write_bytes(data)
    os.replace(path.with_name("new"), path)


def unlink(path, data):
    path.unlink(missing_ok=True)
    replace(path, data)


def move_directory(path, data):
    path.parent.rename(path.parent.with_name("moved"))
    path.parent.mkdir()
    replace(path, data)
    shutil.rmtree(path.parent.with_name("moved"))


def file_for_directory(path, data):
    shutil.rmtree(path.parent)
    path.parent.write_bytes(data)
    path.parent.unlink()
    path.parent.mkdir()
    replace(path, data)


def shrink(path, data):
    os.truncate(path, len(data) // 2)
    os.truncate(path, 0)
    replace(path, data)


def comes_from(body, data):
    """Is it what the file was when it was as long? Of what is on its way already, the kernel sends the file's own memory, which
    truncate(2) fills with zeros."""
    return len(body) <= len(data) and data.startswith(body.rstrip(b"\0")[:1]) and not body.strip(data[:1] + b"\0")


def read(server, path, rng, contents, found):
    """One answer, which may be read slowly."""
    client = load.Client(server.address, limit=programs.LIMIT, receive_buffer=1 << rng.randrange(13, 20))
    try:
        response = client.ask(path=path)
        if response.status == 404 or response.body in contents:
            found.append("ok")
        elif response.status == 200 and any(comes_from(response.body, data) for data in contents):
            found.append("short")
        else:
            found.append(f"WRONG: {response!r}")
    except wire.Ended as end:
        found.append("cut" if client.received else f"WRONG: unanswered, {end}")
    except (OSError, wire.Malformed) as error:
        found.append(f"WRONG: {error!r}")
    finally:
        client.close()


@pytest.mark.parametrize("change, allowed", [
    (replace, {"ok"}), (unlink, {"ok"}), (move_directory, {"ok"}), (file_for_directory, {"ok"}),
    (shrink, {"ok", "short", "cut"}),
], ids=lambda value: getattr(value, "__name__", ""))
@pytest.mark.parametrize("size", CONTENTS, ids=["small", "large"])
@pytest.mark.parametrize("options", [["eventloop", "--workers", "2"], ["threading"]], ids=["eventloop-2", "threading"])
def test_they_change(httpserver, root, options, size, change, allowed):
    """What is in memory is never cut, whichever way its file goes."""
    seed, contents, found, stop = random.randrange(1 << 32), CONTENTS[size], [], threading.Event()
    print(f"seed {seed}")
    path = root / "dir" / "file"
    path.parent.mkdir()
    path.write_bytes(contents[0])
    server = httpserver("-q", "--mixin", *options)

    def read_on(number):
        rng = random.Random(f"{seed} {number}")
        while not stop.is_set():
            read(server, "/dir/file", rng, contents, found)

    readers = [threading.Thread(target=read_on, args=[number]) for number in range(READERS)]
    for reader in readers:
        reader.start()
    try:
        for data in contents[1:]:
            before = len(found)
            wire.wait_until(lambda: len(found) > before + READERS)
            change(path, data)
            response = server.ask(path="/dir/file")
            assert response.status == 200 and response.body == data
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert set(found) <= (allowed - {"cut"} if size == SMALL else allowed)


def unmount(server, path, *options):
    """In the server's mount namespace, which may belong to a user namespace of its own, and below its root."""
    users = [os.readlink(f"/proc/{pid}/ns/user") for pid in ("self", server.pid)]
    enter = ["nsenter", "-t", server.pid, "-m", "-r", *(["-U", "--preserve-credentials"] if users[0] != users[1] else [])]
    return programs.run([*enter, "umount", *options, path])


@pytest.mark.parametrize("options", [["eventloop", "--workers", "2"], ["threading"]], ids=["eventloop-2", "threading"])
def test_its_file_system_is_unmounted(started, tmp_path, root, options):
    """Lazily, as of a stick that somebody pulls: who reads gets the end, who comes later what is in the directory below."""
    path = root / "dir" / "file"
    server = in_namespace(started, tmp_path, "mkdir root/dir; mount -t tmpfs tmpfs root/dir", "--mixin", *options)
    mounted, data = f"/proc/{server.pid}/root{path}", CONTENTS[LARGE][0]
    with open(mounted, "wb") as file:
        file.write(data)
    with load.Client(server.address, limit=programs.LIMIT, receive_buffer=4096) as reader:
        reader.send(wire.request(path="/dir/file"))
        reader.fill()
        assert unmount(server, path.parent, "-l").returncode == 0
        assert server.ask(path="/dir/file").status == 404
        assert reader.response().body == data
    path.write_bytes(b"below")
    assert server.ask(path="/dir/file").body == b"below"

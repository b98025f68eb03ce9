# SPDX-License-Identifier: MIT
"""The file of the access log: moved away and made anew, and, where it lies in the directory that is served, no part of it."""

import os
import re
import signal
import stat
import subprocess

import programs
import pytest
import wire
from uploads import FORM, form


def names(server):
    return re.findall('"name": "([^"]*)"', server.ask(path="/?json").text)


def lines_with(path, word):
    return path.read_text().count(word) if path.exists() else 0


def rotate(server, path, to):
    """As logrotate does it."""
    path.rename(to)
    server.send_signal(signal.SIGHUP)
    wire.wait_until(path.exists)


# ---------------------------------------------------------------- SIGHUP


def test_hangup_opens_it_anew(httpserver, tmp_path, root, mixin):
    """Every process and thread writes to the new file then, and what stands in the old one is whole."""
    (root / "a.txt").write_text("a")
    log, old = tmp_path / "access.log", tmp_path / "access.log.1"
    server = httpserver("--access-log", log, *mixin)
    for i in range(20):
        assert server.ask(path=f"/a.txt?before{i}").text == "a"
    wire.wait_until(lambda: lines_with(log, "before") == 20)
    rotate(server, log, old)
    for i in range(20):
        assert server.ask(path=f"/a.txt?after{i}").text == "a"
    wire.wait_until(lambda: lines_with(log, "after") == 20)
    assert lines_with(old, "before") == 20 and lines_with(old, "after") == lines_with(log, "before") == 0
    rotate(server, log, tmp_path / "access.log.2")
    server.stop()


def test_hangup_reaches_connections_that_are_open(httpserver, tmp_path, root, concurrent_mixin):
    """Also the process that serves just this one."""
    (root / "a.txt").write_text("a")
    log, old = tmp_path / "access.log", tmp_path / "access.log.1"
    server = httpserver("--access-log", log, *concurrent_mixin)
    with server.client() as client:
        assert client.ask(path="/a.txt?before").text == "a"
        wire.wait_until(lambda: lines_with(log, "before") == 1)
        rotate(server, log, old)
        assert client.ask(path="/a.txt?after").text == "a"
        wire.wait_until(lambda: lines_with(log, "after") == 1)
        assert lines_with(old, "after") == 0


def test_relative_name(httpserver, tmp_path):
    server = httpserver("--access-log", "relative.log")
    rotate(server, tmp_path / "relative.log", tmp_path / "old.log")
    server.ask(path="/after")
    wire.wait_until(lambda: lines_with(tmp_path / "relative.log", "/after"))


def test_many_hangups_lose_nothing(httpserver, tmp_path, root, concurrent_mixin):
    (root / "a.txt").write_text("a")
    log = tmp_path / "access.log"
    server = httpserver("--access-log", log, *concurrent_mixin)
    for i in range(10):
        for _ in range(10):
            assert server.ask(path="/a.txt?count").text == "a"
        rotate(server, log, tmp_path / f"access.log.{i}")
    server.stop()
    assert sum(lines_with(path, "?count") for path in tmp_path.glob("access.log*")) == 100


def test_hangup_when_it_cannot_be_made(nobody):
    """The server says so, and goes on writing to the file that it has."""
    logs = nobody.root.parent / "logs"
    logs.mkdir()
    (logs / "log").touch()
    (logs / "log").chmod(0o666)
    server = nobody("--access-log", logs / "log")
    (logs / "log").rename(logs / "old")
    server.send_signal(signal.SIGHUP)
    server.wait_for_log("cannot be opened anew")
    server.ask(path="/after")
    wire.wait_until(lambda: lines_with(logs / "old", "/after"))


def test_hangup_without_log_ends_it(httpserver):
    server = httpserver()
    server.send_signal(signal.SIGHUP)
    assert server.wait() == -signal.SIGHUP


def test_hangup_that_is_ignored_stays_so(started, tmp_path, root, mixin):
    """nohup"""
    command = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", programs.path_of("httpserver"), "-d", root, *mixin, "0"]
    server = programs.Server(command, tmp_path)
    started.append(server)
    server.read_banner()
    server.process.send_signal(signal.SIGHUP)  # nobody takes it, and so nobody wakes
    assert server.ask().status == 200


@pytest.mark.parametrize("mask", [0o022, 0o077, 0])
def test_it_is_for_owner_and_group(tmp_path, root, mask):
    log = tmp_path / "access.log"
    process = subprocess.Popen(["sh", "-c", f"umask {mask:o}; exec \"$@\"", "sh", programs.path_of("httpserver"), "-d", root,
                                "--access-log", log, "0"], stdout=subprocess.PIPE)
    process.stdout.readline()
    assert stat.S_IMODE(log.stat().st_mode) == 0o640 & ~mask
    log.rename(tmp_path / "old")
    process.send_signal(signal.SIGHUP)
    wire.wait_until(log.exists)
    assert stat.S_IMODE(log.stat().st_mode) == 0o640 & ~mask
    process.terminate()
    assert process.wait() == 0
    process.stdout.close()


# ---------------------------------------------------------------- inside of what is served


def test_it_is_no_part_of_the_directory(httpserver, root, mixin):
    """Not under its name, nor by a link, nor as an index page, nor for another name's coded form."""
    (root / "sub").mkdir()
    (root / "a.txt").write_text("a" * 5000)
    log = root / "access.log"
    server = httpserver("--access-log", log, "--symlinks", "follow", *mixin)
    server.ask(path="/a.txt")
    os.link(log, root / "hard.txt")
    os.link(log, root / "sub" / "index.html")
    os.link(log, root / "a.txt.gz")
    (root / "soft.txt").symlink_to(log)
    for path in ("/access.log", "/hard.txt", "/soft.txt", "/a.txt.gz", "/sub/index.html"):
        for method in ("GET", "HEAD"):
            assert server.ask(method, path).status == 404
    assert server.ask(path="/a.txt", accept_encoding="gzip;q=1, identity;q=0.1").status == 200
    assert names(server) == ["a.txt", "sub"]
    assert "Directory listing" in server.ask(path="/sub/").text and "index" not in server.ask(path="/sub/").text


def test_it_is_none_after_it_was_moved_away(httpserver, root, mixin):
    log = root / "access.log"
    server = httpserver("--access-log", log, *mixin)
    for i in range(3):
        server.ask(path="/x")
        rotate(server, log, root / f"access.log.{i}")
        server.ask(path="/x")
    for name in ("access.log", "access.log.0", "access.log.1", "access.log.2"):
        assert server.ask(path="/" + name).status == 404
    assert names(server) == []


def test_another_file_with_its_number_is_served(httpserver, root):
    """The number of a file that is gone is soon another's."""
    log = root / "access.log"
    server = httpserver("--access-log", log)
    number = log.stat().st_ino
    log.unlink()
    server.send_signal(signal.SIGHUP)
    wire.wait_until(log.exists)
    for i in range(50):
        (root / f"{i}.txt").write_text(str(i))
    reused = [path for path in root.glob("*.txt") if path.stat().st_ino == number]
    for path in reused or [root / "0.txt"]:
        assert server.ask(path="/" + path.name).text == path.stem
    assert len(names(server)) == 50


def test_nor_is_a_log_on_stderr(tmp_path, root):
    with open(root / "stderr.txt", "wb") as errors:
        process = subprocess.Popen([programs.path_of("httpserver"), "-d", root, "0"], stdout=subprocess.PIPE, stderr=errors)
    port = int(re.search(rb":(\d+)/", process.stdout.readline())[1])
    with wire.Client(("127.0.0.1", port)) as client:
        assert client.ask(path="/stderr.txt").status == 404
        assert b"stderr" not in client.ask(path="/").body
    process.terminate()
    assert process.wait() == 0
    process.stdout.close()


@pytest.mark.parametrize("how", ["error", "overwrite", "rename"])
@pytest.mark.parametrize("who", ["eventloop", "threadpool", "preforking"])
def test_nobody_stores_a_file_in_its_place(httpserver, root, who, how):
    log = root / "access.log"
    server = httpserver("--access-log", log, "--upload", "--on-duplicate", how, "--mixin", who, "--workers", "2")
    os.link(log, root / "hard.txt")
    for name in ("access.log", "hard.txt"):
        assert server.ask("PUT", "/" + name, b"forged").status in (403, 409)
        assert server.ask("POST", "/", form((name, b"forged")), **FORM).status in (403, 409)
    log.rename(root / "old.log")
    for name in ("access.log", "old.log"):
        assert server.ask("PUT", "/" + name, b"forged").status in (403, 409)
        assert server.ask("POST", "/", form((name, b"forged")), **FORM).status in (403, 409)
    assert not log.exists()
    server.send_signal(signal.SIGHUP)
    wire.wait_until(log.exists)
    assert server.ask("PUT", "/other", b"fine").status == 201
    assert sorted(os.listdir(root)) == ["access.log", "hard.txt", "old.log", "other"]
    server.stop()
    assert not [path for path in root.iterdir() if "forged" in path.read_text()]

# SPDX-License-Identifier: MIT
"""httpserver's --sandbox, --user and --chroot. (As the sandbox is on unless something else is said, nearly all other tests
run in it, too.)"""

import grp
import os
import pathlib
import pwd
import re
import signal
import tempfile

import kernels
import programs
import pytest
import wire

ROOT = os.geteuid() == 0
MIXINS = [(), ("--mixin", "threading"), ("--mixin", "threadpool"), ("--mixin", "forking"), ("--mixin", "preforking"),
          ("--mixin", "preforking,eventloop"), ("--mixin", "sequential"), ("--workers", "2")]
needs_root = pytest.mark.skipif(not ROOT, reason="takes root")
needs_landlock = pytest.mark.skipif(not kernels.landlock(), reason="this kernel has no Landlock")
outside = pytest.mark.skipif(programs.SANITIZED, reason="sanitizers write to files that are out of reach there")
needs_filter = pytest.mark.skipif(programs.SANITIZED, reason="sanitizers make calls of their own, so calls are not filtered")


def statuses(server):
    return [status for pid in {server.pid, *server.children()} for status in kernels.status(pid)]


@needs_landlock
@pytest.mark.parametrize("options", MIXINS, ids="-".join)
def test_each_thread_and_process(httpserver, root, options):
    (root / "a.txt").write_text("a")
    server = httpserver(*options)
    with server.client() as client:
        assert client.ask(path="/a.txt").text == "a"
        for status in statuses(server):
            assert status["NoNewPrivs"] == "1" and int(status["CapEff"], 16) == 0
            assert programs.SANITIZED or status["Seccomp"] == "2"
    server.stop()
    assert programs.SANITIZED or "confined" not in server.log


def test_off(httpserver, root):
    (root / "a.txt").write_text("a")
    server = httpserver("--sandbox=off")
    assert server.ask(path="/a.txt").text == "a"
    before = kernels.status(os.getpid())[0]
    for status in statuses(server):
        assert (status["NoNewPrivs"], status["Seccomp"], status["CapEff"]) == (
            before["NoNewPrivs"], before["Seccomp"], before["CapEff"])


@needs_landlock
@needs_filter
def test_require(httpserver, root):
    (root / "a.txt").write_text("a")
    assert httpserver("--sandbox", "require").ask(path="/a.txt").text == "a"


@needs_landlock
@pytest.mark.parametrize("missing, words", [
    ("landlock", r"^httpserver: confined: .*privileges; not confined: .*files"),
    pytest.param("seccomp", r"^httpserver: confined: files.*; not confined: .*system calls", marks=needs_filter)])
def test_a_kernel_without(httpserver, root, tmp_path, missing, words):
    (root / "a.txt").write_text("a")
    server = httpserver(preexec=kernels.without(missing))
    assert server.ask(path="/a.txt").text == "a"
    server.wait_for_log(words)
    line = fails(tmp_path, root, "--sandbox=require", preexec=kernels.without(missing))
    assert "--sandbox=require" in line and "--sandbox=auto" in line


def fails(tmp_path, root, *options, status=1, **more):
    """The only line that it says."""
    server = programs.Program([programs.path_of("httpserver"), "-q", "-d", root, *options, "0"], tmp_path, **more)
    assert server.wait() == status
    server.kill()
    lines = server.log.splitlines()
    assert len(lines) == 1, server.log
    return lines[0]


def test_links_to_any_file(httpserver, root, tmp_path):
    """With --symlinks follow they are read, as that says, and nothing is written."""
    (tmp_path / "outside").write_text("outside")
    (root / "link").symlink_to(tmp_path / "outside")
    assert httpserver("--symlinks", "follow").ask(path="/link").text == "outside"
    assert httpserver().ask(path="/link").status == 404


@pytest.mark.parametrize("options", MIXINS, ids="-".join)
def test_uploads_and_a_log_that_is_moved_away(httpserver, root, tmp_path, options):
    """What is written is written, when the log is in a directory of its own."""
    (tmp_path / "logs").mkdir()
    log = tmp_path / "logs" / "access.log"
    server = httpserver("--upload", "--access-log", log, *options)
    assert server.ask("PUT", "/new.txt", b"new").status == 201
    assert server.ask("PUT", "/new.txt", b"newer").status in (200, 204)
    assert (root / "new.txt").read_text() == "newer" and server.ask(path="/new.txt").text == "newer"
    log.rename(tmp_path / "logs" / "access.log.1")
    server.send_signal(signal.SIGHUP)
    wire.wait_until(lambda: server.ask(path="/new.txt").status == 200 and log.exists())
    server.stop()
    assert "cannot be opened anew" not in server.log


@needs_filter
def test_statistics_and_commentary(httpserver, root):
    server = httpserver("--stats", "--explain")
    assert server.ask().status == 200
    server.stop()
    assert "memory" in server.log and "GET /" in server.log


# ---------------------------------------------------------------- another user


@pytest.fixture
def of_nobody():
    """A directory in which nobody can read."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        path = pathlib.Path(directory, "root")
        path.mkdir(mode=0o755)
        (path / "a.txt").write_text("a")
        yield path


def ids(status):
    return ({int(number) for number in status[kind].split()} for kind in ("Uid", "Gid", "Groups"))


@needs_root
@pytest.mark.parametrize("options", MIXINS, ids="-".join)
def test_user(httpserver, of_nobody, options):
    nobody = pwd.getpwnam("nobody")
    server = httpserver("--user", "nobody", *options, directory=of_nobody)
    with server.client() as client:
        assert client.ask(path="/a.txt").text == "a"
        for status in statuses(server):
            users, groups, others = ids(status)
            assert users == {nobody.pw_uid} and groups == {nobody.pw_gid} and 0 not in others
            assert int(status["CapPrm"], 16) == 0
    assert "running as root" not in server.log


@needs_root
@pytest.mark.parametrize("user, uid, gid", [
    ("nobody:daemon", "nobody", "daemon"), ("nobody:1", "nobody", 1), ("65534", 65534, None), ("4321:1234", 4321, 1234)])
def test_user_and_group(httpserver, of_nobody, user, uid, gid):
    server = httpserver("--user", user, "--sandbox=off", directory=of_nobody)
    uid = pwd.getpwnam(uid).pw_uid if isinstance(uid, str) else uid
    gid = grp.getgrnam(gid).gr_gid if isinstance(gid, str) else pwd.getpwuid(uid).pw_gid if gid is None else gid
    for status in statuses(server):
        users, groups, others = ids(status)
        assert users == {uid} and groups == {gid} and 0 not in others
        assert int(status["CapEff"], 16) == 0
    assert server.ask(path="/a.txt").text == "a"


@needs_root
def test_the_log_of_another_user(httpserver, of_nobody):
    """It can be made anew at SIGHUP."""
    logs = of_nobody.parent / "logs"
    logs.mkdir()
    os.chown(logs, pwd.getpwnam("nobody").pw_uid, -1)
    log = logs / "access.log"
    server = httpserver("--user", "nobody", "--access-log", log, directory=of_nobody)
    assert server.ask(path="/a.txt").text == "a"
    log.rename(logs / "old.log")
    server.send_signal(signal.SIGHUP)
    wire.wait_until(lambda: server.ask(path="/a.txt").status == 200 and log.exists())
    assert log.owner() == "nobody"
    server.stop()
    assert "cannot" not in server.log


@pytest.mark.parametrize("user, words", [
    ("no-such-user", "no user has this name"), ("nobody:no-such-group", "no group has this name"), ("", "NAME:GROUP"),
    (":daemon", "NAME:GROUP"), ("nobody:", "NAME:GROUP"), ("987654321", "1000:1000"), ("x" * 100, "NAME:GROUP")])
def test_bad_users(tmp_path, root, user, words):
    assert words in fails(tmp_path, root, "--user", user, status=2)


@needs_root
def test_who_is_told_of_root(httpserver):
    assert httpserver().log.count("running as root") == 1
    assert "running as root" not in httpserver("-q").log


@needs_root
def test_what_cannot_be_served_without_privileges(httpserver, tmp_path, of_nobody):
    """Without privileges a directory of another user is out of reach: that is said, and whom to become."""
    os.chown(of_nobody, pwd.getpwnam("nobody").pw_uid, -1)
    os.chmod(of_nobody, 0o700)
    for options in (), ("--user", "daemon"):
        assert "cannot serve" in (line := fails(tmp_path, of_nobody, *options)) and "--user NAME" in line
    os.chown(of_nobody, 0, 0)
    os.chmod(of_nobody, 0o755)
    server = httpserver("--upload", "--user", "nobody", directory=of_nobody)  # something below may be nobody's
    assert re.search("nothing can be stored .*--user NAME", server.log)
    assert server.ask("PUT", "/new", b"x").status == 403


def test_who_may_not(nobody):
    if not ROOT:
        pytest.skip("takes two users")
    drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    for options, words in (("--user", "daemon"), "--user daemon"), (("--chroot",), "--chroot"):
        done = programs.run([*drop, programs.path_of("httpserver"), "-d", nobody.root, *options, "0"])
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
        assert words in done.stderr and "takes root" in done.stderr


# ---------------------------------------------------------------- another root


@outside
@needs_root
@pytest.mark.parametrize("options", MIXINS, ids="-".join)
def test_chroot(httpserver, root, options):
    (root / "dir").mkdir()
    (root / "dir" / "a.txt").write_text("a")
    (root / "link").symlink_to("/dir/a.txt")
    server = httpserver("--chroot", "--upload", *options)
    assert str(root) in server.banner
    assert os.readlink(f"/proc/{server.pid}/root") == str(root)
    assert server.ask(path="/dir/a.txt").text == "a"
    assert "a.txt" in server.ask(path="/dir/").text
    assert server.ask(path="/etc/passwd").status == 404
    assert server.ask("PUT", "/new.txt", b"new").status == 201
    assert server.ask(path="/new.txt").text == "new" == (root / "new.txt").read_text()


@needs_root
def test_chroot_and_user(httpserver, of_nobody):
    server = httpserver("--chroot", "--user", "nobody", "--sandbox=off", directory=of_nobody)
    assert server.ask(path="/a.txt").text == "a"
    assert os.readlink(f"/proc/{server.pid}/root") == str(of_nobody)
    assert next(ids(kernels.status(server.pid)[0])) == {pwd.getpwnam("nobody").pw_uid}


@needs_root
def test_chroot_and_the_time_zone(httpserver, root, tmp_path):
    """It is read before: the log's hours are the zone's."""
    if not os.path.exists("/usr/share/zoneinfo/Asia/Kolkata"):
        pytest.skip("no time zones here")
    server = httpserver("--chroot", "--log-format", "common", TZ="Asia/Kolkata")
    assert server.ask().status == 200
    server.wait_for_log(r"\+0530")


@outside
@needs_root
def test_live_in_another_root(httpserver, root):
    server = httpserver("--chroot", "--live")
    with server.client() as client:
        client.send("GET /.httpserver/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        client.until(b"event: state")
        (root / "page.html").write_text("new")
        client.until(b"event: change")
        client.until(b"page.html")

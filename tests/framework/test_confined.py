# SPDX-License-Identifier: MIT
"""ConfineMixIn: what handlers may do, and what not, in each thread and process of each composition."""

import os
import socket

import kernels
import programs
import pytest
import wire

CLASSES = ["TCPServer", "ThreadingTCPServer", "ThreadPoolTCPServer", "ForkingTCPServer", "PreforkingTCPServer",
           "EventLoopTCPServer", "PreforkingEventLoopTCPServer", "UnixStreamServer"]
VERSION = kernels.landlock()
REFUSED = {"EACCES", "EPERM"}

pytestmark = pytest.mark.skipif(not VERSION, reason="this kernel has no Landlock")
filtered = pytest.mark.skipif(programs.SANITIZED, reason="sanitizers make calls of their own, so calls are not filtered")


@pytest.fixture
def confined(of_class, tmp_path):
    """confined(class, *settings) runs tests/framework/confined.c. A Unix socket has a directory of its own, because what is
    below that could be removed."""
    def start(name, *settings, **more):
        (tmp_path / "own").mkdir()
        address = f"unix:{tmp_path}/own/socket" if "Unix" in name else None
        return of_class(programs.path_of("tests/framework/confined"), name, *settings, address=address, **more)
    return start


def tell(client, *deed):
    client.send(" ".join(map(str, deed)) + "\n")
    return client.until(b"\n").decode().strip()


@pytest.fixture
def trees(tmp_path):
    for name in "read", "change", "outside":
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("content")
    return tmp_path


@pytest.mark.parametrize("name", CLASSES)
def test_files(confined, trees, name):
    (trees / "read" / "link").symlink_to(trees / "outside" / "file")
    server = confined(name, f"read={trees}/read", f"change={trees}/change")
    with server.client() as client:
        for how in "read", "openat2":
            assert tell(client, how, trees / "read/file") == "done"
            paths = "/etc/passwd", "/etc/shadow", "/", trees / "outside/file", trees / "read/link"
            for path in (*paths, *([] if programs.SANITIZED else ["/proc/self/environ"])):  # sanitizers read /proc
                assert tell(client, how, path) == "EACCES", path
        for deed in "write", "truncate", "remove", "rename":
            assert tell(client, deed, trees / "read/file") in REFUSED, deed
            assert tell(client, deed, trees / "outside/file") in REFUSED, deed
        assert tell(client, "mkdir", trees / "read/new") in REFUSED
        assert tell(client, "write", trees / "change/new") == "done"
        assert tell(client, "truncate", trees / "change/new") == "done"
        assert tell(client, "fchmod", trees / "change/new") == "done"
        assert tell(client, "rename", trees / "change/new") == "done"
        assert tell(client, "remove", trees / "change/new.renamed") == "done"
        assert tell(client, "mkdir", trees / "change/directory") == "done"
    assert (trees / "outside/file").read_text() == (trees / "read/file").read_text() == "content"
    assert (trees / "change/directory").is_dir()


@filtered
@pytest.mark.parametrize("name", CLASSES)
def test_calls(confined, trees, name):
    """Nothing leads out: no program, no connection, no other process. And nothing of that kills the server."""
    parent = os.getpid()
    with socket.socket(socket.AF_UNIX) as local, programs.listener() as away:
        local.bind(str(trees / "local"))
        local.listen(1)
        server = confined(name, f"change={trees}/change")
        with server.client() as client:
            assert tell(client, "connect", f"127.0.0.1:{away.getsockname()[1]}") in REFUSED
            assert tell(client, "local", trees / "local") in REFUSED
            for family in "inet", "inet6", "netlink":
                assert tell(client, "socket", family) in REFUSED
            for deed in (("exec", "/bin/true"), ("ptrace", parent), ("ptrace", server.pid), ("peek", parent), ("unshare",),
                         ("clone",), ("uring",), ("bpf",), ("type",), ("setuid",), ("limit", parent),
                         ("chmod", trees / "change/file"), ("chmod", trees / "outside/file")):
                assert tell(client, *deed) == "EPERM", deed
            assert tell(client, "unknown") == "ENOSYS"
            if VERSION >= 6:
                assert tell(client, "kill", parent) == "EPERM"
            assert tell(client, "kill", server.pid) == "done"
            assert tell(client, "ordinary") == "done"


@pytest.mark.parametrize("name", CLASSES)
def test_each_thread_and_process(confined, trees, name):
    server = confined(name)
    with server.client() as client, server.client() as other:
        assert tell(client, "ordinary") == "done"
        if name not in ("TCPServer", "UnixStreamServer", "PreforkingTCPServer"):  # these serve one after another
            assert tell(other, "ordinary") == "done"
        for pid in {server.pid, *server.children()}:
            for status in kernels.status(pid):
                assert status["NoNewPrivs"] == "1"
                assert {status["CapEff"], status["CapPrm"], status["CapInh"], status["CapAmb"]} == {"0" * 16}
                assert programs.SANITIZED or status["Seccomp"] == "2"
    server.stop()
    assert "confined" not in server.log or programs.SANITIZED


@pytest.mark.skipif(VERSION < 4, reason="Landlock of this kernel knows nothing of TCP")
def test_tcp_without_a_filter(confined, trees):
    """Landlock alone has no connection made either."""
    with programs.listener() as away:
        server = confined("ThreadingTCPServer", preexec=kernels.without("seccomp"))
        with server.client() as client:
            assert tell(client, "connect", f"127.0.0.1:{away.getsockname()[1]}") == "EACCES"


def test_what_is_permitted(confined, trees):
    """A handler that has to connect, to look up names and to run a program can."""
    with programs.listener() as away:
        server = confined("EventLoopTCPServer", "connect=1", "execute=/usr", "execute=/bin", "execute=/lib", "execute=/lib64")
        with server.client() as client:
            assert tell(client, "connect", f"127.0.0.1:{away.getsockname()[1]}") == "done"
            assert tell(client, "connect", f"localhost:{away.getsockname()[1]}") == "done"
            if not programs.SANITIZED:  # its child would be one of theirs
                assert tell(client, "exec", "/bin/true") == "done"
            assert tell(client, "read", "/etc/passwd") == "EACCES"


def listening(port):
    with open("/proc/net/tcp", encoding="ascii") as file:
        rows = [line.split() for line in file]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)


def test_further_sockets_of_its_own_port(confined, trees):
    """Each loop binds one when the server is confined already."""
    server = confined("EventLoopTCPServer", "reuse=1")
    wire.wait_until(lambda: listening(server.address[1]) == 2)
    with programs.listener() as away, server.client() as client:
        if kernels.landlock() >= 4:
            assert tell(client, "connect", f"127.0.0.1:{away.getsockname()[1]}") in REFUSED


def test_the_file_of_its_socket_is_removed(confined, trees):
    server = confined("UnixStreamServer", "required=1" if not programs.SANITIZED else f"read={trees}")
    assert os.path.exists(server.address)
    server.stop()
    assert not os.path.exists(server.address)


@pytest.mark.parametrize("missing, words", [
    ("landlock", r"confined: .*privileges; not confined: .*files"), ("seccomp", r"confined: files.*; not confined: .*system calls")])
def test_a_kernel_without(confined, trees, missing, words):
    """It serves all the same, and says what is not in force; when all is required it does not."""
    server = confined("ThreadingTCPServer", f"read={trees}/read", preexec=kernels.without(missing))
    with server.client() as client:
        assert tell(client, "read", trees / "read/file") == "done"
        assert tell(client, "read", "/etc/passwd") == ("done" if missing == "landlock" else "EACCES")
    server.wait_for_log(words)
    assert len(server.log.splitlines()) == 1


def refused(trees, *settings, **more):
    server = programs.Program([programs.path_of("tests/framework/confined"), "EventLoopTCPServer", "127.0.0.1:0", *settings],
                              trees, **more)
    assert server.wait() == 1
    server.kill()
    lines = server.log.splitlines()
    assert len(lines) == 1
    return lines[0]


def test_required(trees):
    for missing in "landlock", "seccomp":
        assert "kernel lacks" in refused(trees, "required=1", preexec=kernels.without(missing))


def test_a_path_that_is_not_there(trees):
    line = refused(trees, f"read={trees}/missing")
    assert f"{trees}/missing" in line and "No such file" in line


@pytest.mark.skipif(programs.SANITIZED, reason="sanitizers have threads of their own")
def test_threads_that_are_there_already(trees):
    assert "threads already" in refused(trees, "late=1")

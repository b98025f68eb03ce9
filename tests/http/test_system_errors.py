# SPDX-License-Identifier: MIT
"""What the system refuses is the server's affair: 503 where it passes, else 500, and never "not found"."""

import errno
import os

import programs
import pytest
import wire
from uploads import FORM, form

PASSES = ["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"]
STATUS = {**dict.fromkeys(PASSES, 503), **dict.fromkeys(["EIO", "EINVAL"], 500), **dict.fromkeys(["EACCES"], 403),
          **dict.fromkeys(["ENOENT", "ENOTDIR", "ELOOP"], 404)}
POSTED = form(("new", b"data"))


@pytest.fixture
def faulty(strace, started, tmp_path, root):
    """faulty(fault, *options): httpserver --upload, in which system calls fail as strace's `inject` says."""
    (root / "file").write_text("data")
    (root / "dir").mkdir()

    def start(fault, *options):
        server = programs.Server(["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={fault}", programs.path_of("httpserver"),
                                  "--upload", *options, "-d", root, "0"], tmp_path)
        started.append(server)
        server.stop = lambda: stop(server)
        return server.read_banner()

    def stop(server):
        """The signal is for the server; strace ends as it does."""
        (pid,) = server.children()
        os.kill(pid, 15)
        server.check(server.wait())

    return start


def check(response, status):
    assert response.status == status
    assert (response.get("Retry-After") is not None) == (status == 503)


@pytest.mark.parametrize("error, status", STATUS.items())
def test_opening(faulty, error, status):
    """Files, directories, and the directories that uploads go to."""
    server = faulty(f"openat2:error={error}")
    with server.client() as client:
        for path in ["/file", "/dir/"]:
            check(client.ask(path=path), status)
            check(client.ask("HEAD", path), status)
    check(server.ask("POST", "/dir/", POSTED, **FORM), status)
    check(server.ask("PUT", "/dir/new", b"data"), 409 if status == 404 else status)


@pytest.mark.parametrize("error", ["ENOMEM", "EIO"])
@pytest.mark.parametrize("name", ["threading", "forking", "eventloop"])
def test_opening_under(faulty, error, name):
    """The connection goes on, and so does the server."""
    server = faulty(f"openat2:error={error}:when=1", "--mixin", name)
    with server.client() as client:
        check(client.ask(path="/file"), STATUS[error])
        assert client.ask(path="/file").text == "data"


@pytest.mark.parametrize("error", ["ENOMEM", "ENFILE", "EIO"])
def test_reading_a_directory(faulty, error):
    check(faulty(f"getdents64:error={error}").ask(path="/dir/"), STATUS[error])


@pytest.mark.parametrize("error, status", [("ENOSPC", 507), ("EDQUOT", 507), ("EFBIG", 413), ("EIO", 500), ("ENOMEM", 503)])
@pytest.mark.parametrize("call", ["fsync", "linkat"])
def test_storing(faulty, root, call, error, status):
    server = faulty(f"{call}:error={error}")
    check(server.ask("PUT", "/dir/new", b"data"), status)
    check(server.ask("POST", "/dir/", POSTED, **FORM), status)
    assert os.listdir(root / "dir") == []


@pytest.mark.parametrize("name", ["threading", "eventloop"])
def test_no_descriptors(httpserver, root, name):
    """What the process itself is short of comes back."""
    (root / "file").write_text("data")
    (root / "dir").mkdir()
    server = httpserver("--upload", "--mixin", name)
    with server.client() as client:
        assert client.ask(path="/nowhere").status == 404
        with server.descriptors_left(0):
            for path in ["/file", "/dir/", "/"]:
                check(client.ask(path=path), 503)
        assert client.ask(path="/file").text == "data"


@pytest.mark.parametrize("error, status", [("EMFILE", 503), ("ENOBUFS", 503), ("ENOSPC", 507), ("EIO", 500), ("ENOENT", 500),
                                           ("EACCES", 500)])
def test_what_a_handler_returns(probe, mixin, error, status):
    """A handler's own errors: what it could not open is not what the client asked for."""
    server = probe(*programs.as_settings(mixin))
    number = getattr(errno, error)
    response = server.ask(path=f"/errno?{number}")
    check(response, status)
    assert response.get("Connection") == "close"
    wire.wait_until(lambda: os.strerror(number) in server.log)

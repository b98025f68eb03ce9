# SPDX-License-Identifier: MIT
"""Uploads when the system fails, as strace has it fail: a file is the old one or the new one, and the answer says which."""

import os
import signal

import programs
import pytest
import wire
from uploads import FORM, form, tree


@pytest.fixture
def failing(strace, started, tmp_path, root):
    """failing(*injections, paths=...): httpserver --upload whose calls about `root` fail as the injections say."""

    def start(*injections, paths=()):
        inject = [word for injection in injections for word in ("-e", "inject=" + injection)]
        own = [word for path in paths for word in ("-P", path)]
        server = programs.Server(["strace", "-f", "-qq", "-o", "/dev/null", *own, *inject, programs.path_of("httpserver"),
                                  "--upload", "-q", "-d", root, "0"], tmp_path)
        started.append(server)
        return server.read_banner()

    yield start
    for server in started:
        for child in server.children():  # strace itself waits for it
            os.kill(child, signal.SIGTERM)
        server.check(server.wait())


def store_all(server, root, statuses):
    """A new file, one that is replaced, and one of a form."""
    (root / "old").write_bytes(b"old")
    for method, path, name, body in (("PUT", "/new", "new", b"x" * 3000000), ("PUT", "/old", "old", b"x" * 70000),
                                     ("POST", "/", "form", form(("form", b"x" * 70000)))):
        try:
            response = server.ask(method, path, body, **(FORM if method == "POST" else {}))
        except wire.Ended:
            raise AssertionError(f"{method} {path}: no answer") from None
        good = response.status in (201, 204, 303)
        assert response.status in statuses, (method, path, response)
        if good:
            content = (root / name).read_bytes()
            assert set(content) == {ord("x")} and len(content) == (3000000 if name == "new" else 70000)
        else:
            assert (root / name).read_bytes() == b"old" if name == "old" else not (root / name).exists()
        assert tree(root) <= {b"new", b"old", b"form"}


GOOD = (201, 204, 303)
NOT_TO_BE_HAD = [
    ["fsync:error=EINVAL"], ["fsync:error=ENOSYS"], ["fsync:error=EROFS"],
    ["linkat:error=EOPNOTSUPP"], ["linkat:error=EINVAL"], ["linkat:error=ENOSYS"], ["linkat:error=EPERM"], ["linkat:error=ENOENT"],
    ["linkat:error=EPERM", "renameat2:error=EINVAL"], ["linkat:error=ENOSYS", "renameat2:error=ENOSYS"],
    ["access:error=ENOENT"], ["access:error=ENOENT", "renameat2:error=EINVAL"],
    ["access:error=ENOENT", "renameat2:error=ENOSYS", "linkat:error=EPERM"],
    ["flock:error=ENOLCK"], ["flock:error=EBADF"], ["flock:error=EOPNOTSUPP"],
    ["fallocate:error=EOPNOTSUPP"], ["fallocate:error=ENOSYS"], ["fstatfs:error=ENOSYS"],
]
INTERRUPTED = [[f"{call}:error=EINTR:when={when}"] for call, when in (
    ("fsync", 1), ("fsync", 2), ("linkat", 1), ("fallocate", 1), ("flock", 1), ("fstatfs", 1), ("linkat", "1+2"), ("fsync", "1+2"))]


@pytest.mark.parametrize("injections", NOT_TO_BE_HAD + INTERRUPTED, ids=" ".join)
def test_there_are_other_ways(failing, root, injections):
    """What a file system does not know is done otherwise, what a signal interrupts is tried again."""
    store_all(failing(*injections), root, GOOD)
    assert tree(root) == {b"new", b"old", b"form"}


@pytest.mark.parametrize("injection, status", [
    ("fsync:error=EIO", 500), ("fsync:error=ENOSPC", 507), ("fsync:error=EDQUOT", 507), ("linkat:error=EIO", 500),
    ("linkat:error=ENOSPC", 507), ("linkat:error=ENOMEM", 503), ("linkat:error=EACCES", 403), ("linkat:error=EROFS", 403),
    ("fallocate:error=ENOSPC", 507), ("fallocate:error=EFBIG", 507), ("fsync:error=ENOMEM", 503), ("openat2:error=EMFILE", 503),
    ("openat2:error=ENOMEM", 503), ("openat2:error=EIO", 500), ("flock:error=EAGAIN:when=1", 201),
])
def test_it_fails(failing, root, injection, status):
    """What really failed is an error, which says whose it is, and leaves nothing."""
    store_all(failing(injection), root, {status, *GOOD} if status in (507, 201) else {status})
    if status not in (507, 201):
        assert tree(root) == {b"old"}


@pytest.mark.parametrize("fields", [{"if_none_match": "*"}, {}], ids=lambda fields: next(iter(fields), "none"))
@pytest.mark.parametrize("call", ["newfstatat", "openat", "openat2", "faccessat2", "fstatfs", "flock", "renameat", "fcntl"])
@pytest.mark.parametrize("error", ["EIO", "EMFILE"])
def test_a_call_fails(failing, root, fields, call, error):
    """Whichever it is: what cannot be looked at is not taken for a file that is not there (RFC 9110 13.1)."""
    (root / "a").write_bytes(b"newer")
    first = {"openat": 5, "faccessat2": 2}.get(call, 1)  # those before are made before anybody can connect
    server = failing(f"{call}:error={error}:when={first}+3", paths=[root, root / "a"])
    for _ in range(6):
        status = server.ask("PUT", "/a", b"x", **fields).status
        assert status in (412, 500, 503) or (status == 204 and not fields)
        assert (root / "a").read_bytes() == (b"x" if status == 204 else b"newer")
        assert tree(root) == {b"a"}
        if status == 204:
            (root / "a").write_bytes(b"newer")

# SPDX-License-Identifier: MIT
"""No signal that a limit of the process raises ends the server: files at their limit (RLIMIT_FSIZE, SIGXFSZ), processor
time that is used up (SIGXCPU). Nor does SIGPIPE."""

import contextlib
import os
import shutil
import signal

import programs
import pytest
import wire
from uploads import FORM, form

FSIZE = 64 * 1024
LARGE = b"x" * (2 * FSIZE)

pytestmark = pytest.mark.skipif(not shutil.which("prlimit"), reason="no prlimit")


@pytest.fixture
def limited(started, tmp_path, root):
    """limited(*options) serves `root` as a process whose files end at FSIZE."""
    (root / "a.txt").write_text("hello")

    def start(*options):
        server = programs.Server(["prlimit", f"--fsize={FSIZE}", programs.path_of("httpserver"), "-d", root, *options, "0"],
                                 tmp_path)
        started.append(server)
        return server.read_banner()

    return start


def goes_on(server):
    assert server.ask(path="/a.txt").text == "hello"
    server.stop()


def test_uploads(limited, root, mixin):
    """507, nothing is stored, and what is smaller still is."""
    server = limited("--upload", "-q", *mixin)
    for _ in range(2):
        for length in True, False:
            with server.client() as client:
                client.send(wire.request("PUT", "/put", LARGE) if length else
                            b"PUT /put HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
                            % (len(LARGE), LARGE))
                assert client.response().status == 507
        assert server.ask("POST", "/", form(("post", LARGE)), **FORM).status == 507
    assert sorted(os.listdir(root)) == ["a.txt"]
    assert server.ask("PUT", "/small", b"x" * 1000).status == 201
    assert server.ask("POST", "/", form(("form", b"x" * 1000)), **FORM).status == 303
    assert sorted(os.listdir(root)) == ["a.txt", "form", "small"]
    goes_on(server)


@pytest.mark.parametrize("form_of_log", ["python", "json"])
def test_access_log(limited, tmp_path, mixin, form_of_log):
    """Lines are lost, which the other log tells of; also some that are written at the very end."""
    log = tmp_path / "access.log"
    server = limited("--access-log", log, "--log-format", form_of_log, *mixin)
    for _ in range(200):
        assert server.ask(path="/a.txt?" + "x" * 2000).text == "hello"
    goes_on(server)
    assert log.stat().st_size <= FSIZE
    assert "the access log cannot be written" in server.log


def test_stderr(limited, mixin):
    """It is a file, and full."""
    server = limited(*mixin)
    for _ in range(60):
        assert server.ask(path="/a.txt?" + "x" * 2000).text == "hello"
    goes_on(server)
    assert FSIZE // 2 < len(server.log) <= FSIZE


@pytest.mark.parametrize("number", [signal.SIGXCPU, signal.SIGXFSZ, signal.SIGPIPE])
def test_signals_of_limits(httpserver, root, mixin, number):
    (root / "a.txt").write_text("hello")
    server = httpserver(*mixin)
    assert server.ask(path="/a.txt").text == "hello"
    if mixin[1].startswith("preforking"):
        wire.wait_until(lambda: len(server.children()) == 2)
    before = {server.pid, *server.children()}
    for _ in range(3):
        os.kill(server.pid, number)
        for pid in before - {server.pid}:
            with contextlib.suppress(ProcessLookupError) if mixin[1] == "forking" else contextlib.nullcontext():
                os.kill(pid, number)  # forking: the client has gone, and its process may have, too
    assert server.ask(path="/a.txt").text == "hello"
    if mixin[1] != "forking":  # which has one for each client
        assert {server.pid, *server.children()} == before
    server.stop()

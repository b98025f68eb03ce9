# SPDX-License-Identifier: MIT
"""A build without the libraries that may be missing works, says so, and links none of them. What is built is the link of
httpserver for tests/fault, without LTO, which takes a tenth of the time."""

import os
import subprocess

import programs
import pytest
import websocket

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("BUILD", os.path.join(ROOT, "build"))
LIBRARIES = {"zlib": ("zlib", "libz.so"), "libbrotlienc": ("brotli", "libbrotlienc.so"), "libzstd": ("zstd", "libzstd.so")}

pytestmark = pytest.mark.skipif(bool(os.environ.get("SANITIZE")), reason="built once, without sanitizers")


def run(*command):
    done = subprocess.run(command, cwd=ROOT, timeout=100, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def build(tmp_path):
    """build(target, *settings) makes a target in a copy of the build at hand, where most is made already."""
    (tmp_path / "tests").mkdir()
    run("cp", "-a", os.path.join(BUILD, "tests", "fault"), tmp_path / "tests")
    for name in ("framework", "handlers", "llhttp", "loose", "flags", "files", "optional"):
        run("cp", "-a", os.path.join(BUILD, name), tmp_path)

    def make(target, *settings):
        run(os.environ.get("MAKE", "make"), f"BUILD={tmp_path}", *settings, f"{tmp_path}/{target}")
        return f"{tmp_path}/{target}"

    return make


def compression(program):
    return next(line for line in run(program, "-V").splitlines() if line.startswith("compression: "))


def test_without_any(build):
    """And the libraries coming or going is noticed by the next make."""
    program = build("fault/httpserver", "WITHOUT=" + " ".join(LIBRARIES))
    assert compression(program) == "compression: none"
    needed = run("ldd", program)
    assert not any(file in needed for _, file in LIBRARIES.values())
    for missing, (name, file) in LIBRARIES.items():
        program = build("fault/httpserver", "WITHOUT=" + " ".join(other for other in LIBRARIES if other != missing))
        if compression(program) == "compression: none":
            continue  # this system has not got it
        assert compression(program).startswith(f"compression: {name} ")
        assert file in run("ldd", program)


def test_without_websockets(build, tmp_path):
    program = build("fault/tests/http/websockets", "WITHOUT=libcrypto")
    assert "libcrypto.so" not in run("ldd", program)
    server = programs.Server([program, f"directory={tmp_path}"], tmp_path)
    try:
        with server.read_banner().client() as client:
            client.send(websocket.ask())
            assert client.final().status == 501
    finally:
        server.finish()


def test_without_digests(build):
    program = build("fault/samples/fileserver", "WITHOUT=libcrypto")
    done = subprocess.run([program, "127.0.0.1:0", "TCPServer"], capture_output=True, text=True, timeout=100)
    assert done.returncode == 1 and "install libssl-dev" in done.stderr


def test_processors_without_sse42(build, tmp_path):
    """The build of llhttp that other processors get parses the same."""
    os.remove(f"{tmp_path}/handlers/http/fields.o")
    run(build("tests/unit/test_http_request", "SSE42="))


def test_the_program_at_hand():
    """With the packages of `make deps test` everything is in."""
    program = os.path.join(BUILD, "httpserver")
    for package, (name, _) in LIBRARIES.items():
        if subprocess.run(["pkg-config", "--exists", package], check=False).returncode == 0:
            assert f"{name} " in compression(program)

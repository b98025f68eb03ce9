# SPDX-License-Identifier: MIT
"""A build without the libraries that may be missing works, says so, and links none of them."""

import os
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIBRARIES = {"zlib": ("zlib", "libz.so"), "libbrotlienc": ("brotli", "libbrotlienc.so"), "libzstd": ("zstd", "libzstd.so")}

pytestmark = pytest.mark.skipif(bool(os.environ.get("SANITIZE")), reason="built once, without sanitizers")


def run(*command):
    done = subprocess.run(command, cwd=ROOT, timeout=100, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """build(*missing) makes httpserver without these libraries, always in the same folder."""
    folder = tmp_path_factory.mktemp("build")

    def make(*missing):
        run(os.environ.get("MAKE", "make"), f"BUILD={folder}", "WITHOUT=" + " ".join(missing), "LTO=", "OPTIMIZE=-O0",
            f"{folder}/httpserver")
        return f"{folder}/httpserver"

    return make


def compression(program):
    return next(line for line in run(program, "-V").splitlines() if line.startswith("compression: "))


def test_without_any(build):
    """And the libraries coming or going is noticed by the next make."""
    program = build(*LIBRARIES)
    assert compression(program) == "compression: none"
    needed = run("ldd", program)
    assert not any(file in needed for _, file in LIBRARIES.values())
    for missing, (name, file) in LIBRARIES.items():
        program = build(*(other for other in LIBRARIES if other != missing))
        if compression(program) == "compression: none":
            continue  # this system has not got it
        assert compression(program).startswith(f"compression: {name} ")
        assert file in run("ldd", program)


def test_processors_without_sse42(tmp_path):
    """The build of llhttp that other processors get parses the same."""
    program = f"{tmp_path}/tests/unit/test_http_request"
    run(os.environ.get("MAKE", "make"), f"BUILD={tmp_path}", "SSE42=", "LTO=", "OPTIMIZE=-O0", program)
    run(program)


def test_the_program_at_hand():
    """With the packages of `make deps test` everything is in."""
    program = os.path.join(os.environ.get("BUILD", os.path.join(ROOT, "build")), "httpserver")
    for package, (name, _) in LIBRARIES.items():
        if subprocess.run(["pkg-config", "--exists", package], check=False).returncode == 0:
            assert f"{name} " in compression(program)

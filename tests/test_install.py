# SPDX-License-Identifier: MIT
"""`make install` gives what a user needs to build against the libraries, and `make uninstall` takes all of it away."""

import os
import shutil
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CC = os.environ.get("CC", "gcc").split()
PREFIX = "/opt/house"

CLIENT = r"""
#include <event_source.h>
#include <http_server.h>
#include <socketserver.h>
#include <websocket.h>

static void (*volatile used[])(void) = {(void (*)(void))ws_accept, (void (*)(void))es_begin};

/* Both libraries are needed to link this. */
int main(void)
{
    return SimpleHTTPRequestHandler.http.handler.base == &BaseHTTPRequestHandler.handler && ss_bases("TCPServer") != 0 &&
           used[0] && used[1] ? 0 : 1;
}
"""

pytestmark = pytest.mark.skipif(bool(os.environ.get("SANITIZE")), reason="sanitized libraries are not installed")


def run(*command, **more):
    done = subprocess.run(command, timeout=60, stdin=subprocess.DEVNULL, capture_output=True, text=True, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def make(target, destdir):
    command = [os.environ.get("MAKE", "make"), target, f"DESTDIR={destdir}", f"PREFIX={PREFIX}"]
    if "BUILD" in os.environ:
        command.append("BUILD=" + os.path.relpath(os.environ["BUILD"], ROOT))
    run(*command, cwd=ROOT)


def files_in(top):
    return sorted(os.path.relpath(os.path.join(where, name), top) for where, _, names in os.walk(top) for name in names)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    destdir = tmp_path_factory.mktemp("destdir")
    make("install", destdir)
    yield destdir
    make("uninstall", destdir)
    assert files_in(destdir) == []


def pkg_config(installed, *arguments):
    if not shutil.which("pkg-config"):
        pytest.skip("no pkg-config")
    environment = dict(os.environ, PKG_CONFIG_PATH=f"{installed}{PREFIX}/lib/pkgconfig",
                       PKG_CONFIG_SYSROOT_DIR=str(installed))
    return run("pkg-config", *arguments, env=environment).split()


def build_client(directory, flags):
    source, program = directory / "client.c", directory / "client"
    source.write_text(CLIENT)
    run(*CC, "-Wall", "-Wextra", "-Werror", "-o", program, source, *flags)
    return program


def version(installed):
    with open(f"{installed}{PREFIX}/lib/pkgconfig/socketserver.pc", encoding="utf-8") as file:
        return next(line.split(":")[1].strip() for line in file if line.startswith("Version:"))


def test_what_is_installed(installed):
    names = files_in(f"{installed}{PREFIX}")
    for expected in ("bin/httpserver", "include/socketserver.h", "include/http_server.h",
                     "include/websocket.h", "include/event_source.h",
                     "lib/pkgconfig/socketserver.pc", "lib/pkgconfig/httpserver.pc", "share/doc/socketserver/LICENSE"):
        assert expected in names
    for library in ("libsocketserver", "libhttpserver"):
        assert [n for n in names if n.startswith(f"lib/{library}.")] == sorted(
            f"lib/{library}.{end}" for end in ("a", "so", "so.0", "so." + version(installed)))


def test_program_says_the_same_version(installed):
    assert version(installed) in run(f"{installed}{PREFIX}/bin/httpserver", "-V")


def test_shared_libraries(installed, tmp_path):
    program = build_client(tmp_path, pkg_config(installed, "--cflags", "--libs", "httpserver"))
    environment = dict(os.environ, LD_LIBRARY_PATH=f"{installed}{PREFIX}/lib")
    needed = run("ldd", program, env=environment)
    assert "libhttpserver.so.0" in needed and "libsocketserver.so.0" in needed
    run(program, env=environment)


def test_static_libraries(installed, tmp_path):
    """With --static and without the shared libraries in reach the program is complete in itself."""
    for name in os.listdir(f"{installed}{PREFIX}/lib"):
        if name.endswith(".a"):
            shutil.copy(f"{installed}{PREFIX}/lib/{name}", tmp_path)
    flags = pkg_config(installed, "--static", "--cflags", "--libs", "httpserver")
    flags = [f"-L{tmp_path}" if flag.startswith("-L") else flag for flag in flags]
    program = build_client(tmp_path, flags)
    run(program)
    # The archives hold machine code, not only what one compiler's link-time optimizer reads.
    build_client(tmp_path, [*flags, "-fno-lto", "-static"])


@pytest.mark.parametrize("library", ["socketserver", "httpserver"])
def test_stack_clash_protection(installed, tmp_path, library):
    """Handlers are compiled so that they meet the guard below their stack: each page of a large array is probed."""
    flags = pkg_config(installed, "--cflags", library)
    assert "-fstack-clash-protection" in flags
    source = tmp_path / "large.c"
    source.write_text("void use(char *); void f(void) { char large[1 << 20]; use(large); }")
    lines = {}
    for how in "-fstack-clash-protection", "-fno-stack-clash-protection":
        run(*CC, "-O2", "-S", "-o", tmp_path / "large.s", source, *flags, how)
        lines[how] = (tmp_path / "large.s").read_text()
    run(*CC, "-O2", "-S", "-o", tmp_path / "large.s", source, *flags)
    assert (tmp_path / "large.s").read_text() == lines["-fstack-clash-protection"] != lines["-fno-stack-clash-protection"]


def test_nothing_is_left(tmp_path):
    make("install", tmp_path)
    assert files_in(tmp_path)
    make("uninstall", tmp_path)
    assert files_in(tmp_path) == []

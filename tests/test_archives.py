# SPDX-License-Identifier: MIT
"""The archives have no name in common with a program that is linked with them, but for those that the public headers
declare: what a user calls store_lock neither replaces ours nor fails to link."""

import os
import re
import shutil
import subprocess

import programs
import pytest

CC = os.environ.get("CC", "gcc").split()
LIBRARIES = ["libhttpserver", "libsocketserver"]
PUBLIC = re.compile(r"(ss|http|ws|es)_\w+")
# What instruments add: with hidden names, or with weak ones, of which a program has one.
OF_INSTRUMENTS = re.compile(r"_*(asan|ubsan|tsan|lsan|gcov|sanitizer|odr_asan|llvm)\w*.*")

pytestmark = pytest.mark.skipif(not shutil.which("nm"), reason="no nm")

PROGRAM = r"""
#include <http_server.h>
#include <stdio.h>

static int hello(struct ss_handler *h)
{
    return http_send_content(h, &(struct http_content){.type = "text/plain", .data = "hello", .size = 5});
}

static const struct http_method methods[] = {{"GET", hello}, {NULL, NULL}};
static const struct http_handler_class Hello = {.handler = {.base = &BaseHTTPRequestHandler.handler},
                                                .table_size = sizeof Hello,
                                                .methods = methods};

int main(int argc, char **argv)
{
    struct ss_server server;
    if (argc < 2 || ss_server_init(&server, ss_bases(argv[1]), "127.0.0.1:0", &Hello.handler) < 0 || ss_server_bind(&server) < 0)
        return 1;
    printf("http://127.0.0.1:%u/\n", ss_address_port(&server.server_address));
    fflush(stdout);
    int rc = ss_run_server(&server);
    ss_server_close(&server);
    return -rc;
}
"""


def path_of(name):
    return os.path.join(programs.BUILD, name)


def names_in(*files, dynamic=False):
    command = ["nm", "-D" if dynamic else "-g", "--defined-only", "--format=posix", *files]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    names = {line.split()[0] for line in text.splitlines() if len(line.split()) > 1}
    return {name for name in names if not OF_INSTRUMENTS.fullmatch(name)}


def optional():
    """The libraries that this build has for what may be missing."""
    with open(path_of("optional"), encoding="ascii") as file:
        names = file.read().split()
    command = ["pkg-config", "--libs", *names]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() if names else []


@pytest.mark.parametrize("library", LIBRARIES)
def test_only_public_names_are_global(library):
    names = names_in(path_of(library + ".a"))
    assert names and not {name for name in names if not PUBLIC.fullmatch(name)}
    # There is something to hide.
    assert {"store_lock", "http_log_begin"} & names_in(path_of(f"loose/{library}.a"))


@pytest.mark.skipif(programs.SANITIZED or programs.COUNTED, reason="shared libraries are not built so")
@pytest.mark.parametrize("library", LIBRARIES)
def test_archive_and_shared_library_are_of_one_mind(library):
    assert names_in(path_of(library + ".a")) == names_in(path_of(library + ".so"), dynamic=True)


@pytest.mark.parametrize("cls", ["ThreadingTCPServer", "EventLoopTCPServer", "PreforkingTCPServer"])
def test_a_program_may_use_each_other_name(tmp_path, started, cls):
    """It has all of ours, as bytes that nobody can call."""
    archives = [path_of(library + ".a") for library in LIBRARIES]
    taken = names_in(*(path_of(f"loose/{library}.a") for library in LIBRARIES)) - names_in(*archives)
    taken = {name for name in taken if re.fullmatch(r"[A-Za-z_]\w*", name)}
    assert "store_lock" in taken and len(taken) > 300
    (tmp_path / "own.c").write_text("".join(f"const char {name}[8];\n" for name in sorted(taken)))
    (tmp_path / "program.c").write_text(PROGRAM)
    flags = ["-std=c11", "-O1", "-g", "-D_GNU_SOURCE", "-pthread", *programs.INSTRUMENTS,
             "-I", os.path.join(programs.ROOT, "framework"), "-I", os.path.join(programs.ROOT, "handlers")]
    libraries = optional()
    done = programs.run([*CC, *flags, "-fno-builtin", "-w", "-o", tmp_path / "program", tmp_path / "own.c",
                         tmp_path / "program.c", *archives, *libraries], limit=100)
    assert done.returncode == 0, done.stderr
    server = programs.Server([tmp_path / "program", cls], tmp_path)
    started.append(server)
    assert server.read_banner().ask().text == "hello"

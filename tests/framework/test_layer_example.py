# SPDX-License-Identifier: MIT
"""The manual's example of a stream over a stream is true: it is taken from socketserver.h, compiled, and serves."""

import os
import re
import textwrap

import programs
import pytest

CC = os.environ.get("CC", "gcc").split()
RUNNERS = ["", "Threading", "ThreadPool", "Forking", "Preforking", "EventLoop", "PreforkingEventLoop"]
KEY = 0x2a

# What the example leaves to its reader.
PROGRAM = """
#include <errno.h>
#include <socketserver.h>
#include <stdio.h>
#include <string.h>

static void decrypt(char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        data[i] ^= %(key)d;
}
static int write_encrypted(struct ss_stream *below, const void *data, size_t size)
{
    char copy[512];
    int rc = 0;
    for (size_t done = 0, n; rc == 0 && done < size; done += n) {
        n = size - done < sizeof copy ? size - done : sizeof copy;
        memcpy(copy, (const char *)data + done, n);
        decrypt(copy, n);
        rc = ss_write(below, copy, n);
    }
    return rc;
}
%(methods)s
%(open_stream)s
static int handle(struct ss_handler *h)
{
    char line[100];
    ssize_t n = ss_readline(h->rfile, line, sizeof line);
    if (n <= 0)
        return (int)n;
    ss_write(h->wfile, line, (size_t)n);
    return line[0] == '!' ? 0 : SS_PARK;
}
int main(int argc, char **argv)
{
    static const struct ss_handler_class Handler = {.handle = handle};
    const struct ss_class *bases[SS_MAX_BASES + 1] = {&SecretMixIn};
    struct ss_server server;
    char address[SS_ADDRESS_TEXT];
    int count = 1;
    for (const struct ss_class *const *own = ss_bases(argv[1]); *own; own++)
        bases[count++] = *own;
    if (argc < 3 || ss_server_init(&server, bases, argv[2], &Handler) < 0 || ss_server_bind(&server) < 0)
        return 1;
    ss_address_format(&server.server_address, address, sizeof address);
    puts(address);
    fflush(stdout);
    int rc = ss_run_server(&server);
    ss_server_close(&server);
    return rc;
}
"""


def example(first, last):
    """The lines of socketserver.h from one to another, without their indent."""
    with open(os.path.join(programs.ROOT, "framework/socketserver.h"), encoding="utf-8") as file:
        lines = re.search(f"^ *{re.escape(first)}.*?{re.escape(last)}$", file.read(), re.DOTALL | re.MULTILINE)
    return textwrap.dedent(lines[0])


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    directory = tmp_path_factory.mktemp("example")
    source, made = directory / "secret.c", directory / "secret"
    source.write_text(PROGRAM % {
        "key": KEY, "methods": example("static ssize_t read_secret(", ".write = write_secret};"),
        "open_stream": example("static const struct ss_class SecretMixIn;", ".open_stream = open_stream};")})
    flags = ["-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pthread", "-I",
             os.path.join(programs.ROOT, "framework"), *programs.INSTRUMENTS]
    done = programs.run([*CC, *flags, "-o", made, source, os.path.join(programs.BUILD, "libsocketserver.a"),
                         *programs.LIBRARIES], limit=120)
    assert done.returncode == 0, done.stderr
    return made


def secret(text):
    return bytes(byte ^ KEY for byte in text)


@pytest.mark.parametrize("server", ["TCPServer", "UnixStreamServer"])
@pytest.mark.parametrize("runner", RUNNERS)
def test_example(of_class, program, runner, server):
    with of_class(program, runner + server).client() as client:
        for line in (b"one\n", b"two\n", 60 * b"long" + b"\n", b"!\n"):
            client.send(secret(line))
            assert secret(client.exactly(len(line))) == line
        assert client.ends()

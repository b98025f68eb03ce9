# SPDX-License-Identifier: MIT
"""Servers that cannot start say why in one line, and exit with 1. (tests/unit/test_run.c has every line.)"""

import os
import socket

import programs
import pytest

MIXINS = ["", "Threading", "ThreadPool", "Forking", "Preforking", "EventLoop"]


@pytest.fixture(params=MIXINS)
def refused(request):
    """refused(server, address, word...) checks what the sample says when it cannot listen there."""

    def run(server, address, *words, drop=(), **more):
        result = programs.run([*drop, programs.path_of("samples/echo"), address, request.param + server], **more)
        assert result.returncode == 1 and result.stdout == ""
        line, = result.stderr.splitlines()
        assert line.startswith(f"socketserver: cannot listen on {address}: ")
        for word in words:
            assert word in line

    return run


def test_addresses(refused, tmp_path):
    (tmp_path / "file").touch()
    refused("TCPServer", "localhost", "Invalid argument", "write host:port")
    refused("UDPServer", "localhost:99999", "write host:port")
    refused("TCPServer", "192.0.2.1:0", "no interface of this machine")
    refused("UDPServer", "192.0.2.1:0", "no interface of this machine")
    refused("TCPServer", "unix:/tmp/x", "UnixStreamServer")
    refused("UnixDatagramServer", "localhost:80", "host:port for TCPServer")
    refused("UnixStreamServer", f"unix:{tmp_path}/no/socket", "No such file", "its directory must exist")
    refused("UnixDatagramServer", f"unix:{tmp_path}/file/socket", "Not a directory", "must be one")
    refused("UnixStreamServer", f"unix:/{'x' * 200}", "107 bytes")


def test_in_use(refused, tmp_path):
    with programs.listener() as busy:
        refused("TCPServer", f"127.0.0.1:{busy.getsockname()[1]}", "Address already in use", "stop it")
    for kind, server in (socket.SOCK_STREAM, "UnixStreamServer"), (socket.SOCK_DGRAM, "UnixDatagramServer"):
        with socket.socket(socket.AF_UNIX, kind) as busy:
            path = tmp_path / server
            busy.bind(str(path))
            if kind == socket.SOCK_STREAM:
                busy.listen()
            refused(server, f"unix:{path}", "Address already in use", "stop it")
            assert path.exists()


def test_inherited(refused, tmp_path):
    refused("TCPServer", "fd:77", "it is not open", "fd:3")
    echo = programs.path_of("samples/echo")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, open(tmp_path / "file", "wb") as file:
        for fd in datagrams.fileno(), file.fileno():
            result = programs.subprocess.run([echo, f"fd:{fd}", "TCPServer"], pass_fds=[fd], timeout=programs.LIMIT,
                                             capture_output=True, text=True, check=False)
            assert result.returncode == 1 and "it is not a socket of the server's type" in result.stderr


def test_permissions(refused, nobody):
    """As root everything is allowed."""
    directory = nobody.root.parent / "closed"
    directory.mkdir(mode=0o700)
    drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    if not drop:
        os.chmod(directory, 0o500)
    refused("UnixStreamServer", f"unix:{directory}/socket", "Permission denied", "its directory", drop=drop)
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
        if int(file.read()) > 1:
            refused("TCPServer", "127.0.0.1:1", "ports below 1024", drop=drop)

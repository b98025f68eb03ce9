# SPDX-License-Identifier: MIT
"""samples/others_loop: a server in a loop of the program's own, which also waits for what is typed."""

import contextlib
import re
import signal
import socket
import subprocess

import programs
import pytest
import wire

CLASSES = {"TCPServer": 1, "ThreadingTCPServer": 3, "ThreadPoolTCPServer": 3, "ForkingTCPServer": 3, "PreforkingTCPServer": 1,
           "EventLoopTCPServer": 3, "PreforkingEventLoopTCPServer": 3}


def line_of(client):
    data = b""
    while not data.endswith(b"\n"):
        piece = client.recv(1000)
        assert piece, data
        data += piece
    return data.decode()


class Program:
    """The sample, with something to type on."""

    def __init__(self, cls):
        self.process = subprocess.Popen([programs.path_of("samples/others_loop"), "127.0.0.1:0", cls], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)
        ready = re.fullmatch(rf"Serving others_loop on 127\.0\.0\.1:(\d+) \({cls}; Ctrl-C stops\)\n", self.shown())
        self.address = "127.0.0.1", int(ready[1])

    def shown(self):
        return self.process.stdout.readline()

    def type(self, line):
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def client(self, name):
        """A client that was greeted, and hears what is typed."""
        client = socket.create_connection(self.address, wire.LIMIT)
        assert line_of(client) == "What you say is shown where the server was started.\n"
        client.sendall(f"{name} is here\n".encode())
        assert self.shown() == f"{name} is here\n"
        return client

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        assert self.process.wait(programs.LIMIT) == 0


@pytest.fixture
def program():
    with contextlib.ExitStack() as stack:
        def start(cls):
            started = Program(cls)
            stack.callback(started.process.stdin.close)
            stack.callback(started.process.stdout.close)
            stack.callback(started.process.wait)
            stack.callback(started.process.kill)
            return started
        yield start


@pytest.mark.parametrize("cls", CLASSES)
def test_both_are_served(program, cls):
    """What is typed and what clients say, as it comes; and when nothing is typed any more, the clients."""
    running = program(cls)
    clients = [running.client(f"number {i}") for i in range(CLASSES[cls])]
    for text in "first", "second":
        running.type(f"the {text} line\n")
        for client in clients:
            assert line_of(client) == f"the {text} line\n"
    clients[-1].sendall(b"goes on")
    running.process.stdin.close()
    clients[-1].sendall(b", and on\n")
    assert running.shown() == "goes on, and on\n"
    running.stop()
    for client in clients:
        assert client.recv(10) == b""
        client.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals(program, number):
    program("EventLoopTCPServer").stop(number)


def test_mischief(program):
    """Control characters do not reach the terminal; long lines, resets and silence stop nobody."""
    running = program("EventLoopTCPServer")
    with running.client("one") as one, running.client("two") as two, socket.create_connection(running.address):
        one.sendall(b"\x1b[2J\x07\0\r\n")
        assert running.shown() == " [2J   \n"
        two.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        two.close()
        one.sendall(100 * b"x" + b"\n")
        assert running.shown() == 100 * "x" + "\n"
        one.sendall(5000 * b"y" + b"\n")
        assert running.shown() == 5000 * "y" + "\n"
        running.type("still here\n")
        assert line_of(one) == "still here\n"
    running.stop()


@pytest.mark.parametrize("arguments", [["--help"], ["localhost:0", "NoServer"], ["localhost:0", "TCPServer", "more"]])
def test_usage(arguments):
    result = programs.run([programs.path_of("samples/others_loop"), *arguments])
    assert result.returncode == 2 and "usage:" in result.stderr and result.stdout == ""


def test_address_in_use():
    with programs.listener() as busy:
        result = programs.run([programs.path_of("samples/others_loop"), f"127.0.0.1:{busy.getsockname()[1]}"])
    assert result.returncode == 1 and result.stderr.count("\n") == 1 and "in use" in result.stderr

"""The event loop and the thread pool on poll(2), for systems without epoll; built here: make POLLER=poll."""

import fcntl
import os
import shutil
import subprocess

import programs
import pytest

CC = os.environ.get("CC", "gcc").split()
LIMIT = 10  # seconds without a byte

pytestmark = [
    pytest.mark.skipif(programs.SANITIZED, reason="the sanitizers have seen the other one"),
    pytest.mark.skipif(not shutil.which(CC[0]), reason="no compiler"),
]


@pytest.fixture(scope="module")
def portable():
    """The rig, made once for all processes of the tests."""
    build = os.path.join(os.path.relpath(programs.BUILD, programs.ROOT), "poll")
    program = os.path.join(build, "tests/framework/rig")
    os.makedirs(os.path.join(programs.ROOT, build), exist_ok=True)
    with open(os.path.join(programs.ROOT, build, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run([os.environ.get("MAKE", "make"), "-j2", "POLLER=poll", "LTO=", f"BUILD={build}", program],
                              cwd=programs.ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                              timeout=50)
    assert done.returncode == 0, done.stdout + done.stderr
    return os.path.join(programs.ROOT, program)


@pytest.mark.parametrize("name", ["EventLoopTCPServer", "ThreadPoolTCPServer", "PreforkingEventLoopTCPServer"])
def test_echo(rig, portable, name):
    server = rig(name, "echo", "workers=2", program=portable)
    for _ in range(20):
        client = server.client(limit=LIMIT)
        for text in (b"a", b"b" * 100000):
            assert client.send(text).exactly(len(text)) == text
        client.close()


def test_offloaded_calls_in_a_row(rig, portable):
    client = rig("EventLoopTCPServer", "offload", program=portable).client(limit=LIMIT)
    for _ in range(3):
        assert client.send("0\n").until(b"\n") == b"0"


def test_a_half_closed_client_gets_a_big_answer(rig, portable):
    size = 1 << 24
    client = rig("EventLoopTCPServer", "big", program=portable).client(limit=LIMIT, receive_buffer=1 << 16)
    client.send(f"{size}\n").end()
    assert len(client.exactly(size)) == size
    assert client.ends()


def test_parked_connections_of_a_pool(rig, portable):
    server = rig("ThreadPoolTCPServer", "park", "workers=4", program=portable)
    clients = [server.client(limit=LIMIT) for _ in range(50)]
    for _ in range(2):
        for client in clients:
            assert client.send("x").exactly(1) == b"x"

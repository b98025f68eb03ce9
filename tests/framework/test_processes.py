# SPDX-License-Identifier: MIT
"""Processes, threads and loops that share the work."""

import contextlib
import errno
import os
import resource
import signal
import socket
import time

import programs
import pytest
import wire

LIMIT = 10  # seconds without a byte
WORKERS = 2


def serves(server, times=1):
    for _ in range(times):
        with wire.Client(server.address, limit=LIMIT) as client:
            assert client.send("x").exactly(1) == b"x"


def with_workers(rig):
    server = rig("PreforkingTCPServer", "echo", f"workers={WORKERS}")
    wire.wait_until(lambda: len(server.children()) == WORKERS)
    return server


def test_a_killed_worker_is_replaced(rig):
    server = with_workers(rig)
    before = server.children()
    os.kill(min(before), signal.SIGKILL)
    serves(server, 5)
    wire.wait_until(lambda: min(before) not in (now := server.children()) and len(now) == WORKERS)
    serves(server, 5)


def test_workers_end_with_a_killed_parent(rig):
    server = with_workers(rig)
    workers = server.children()
    serves(server)
    server.send_signal(signal.SIGKILL)
    assert server.wait() == -signal.SIGKILL
    wire.wait_until(lambda: all(programs.state_of(pid) in "ZX" for pid in workers))


def test_forking_beside_a_thread_in_getchar(rig):
    """fork() must not wait for a lock that is held for as long as somebody thinks what to type."""
    serves(rig("ForkingTCPServer", "echo", "getchar=1"), 3)


@pytest.mark.parametrize("name", ["PreforkingEventLoopTCPServer", "EventLoopUnixStreamServer"])
def test_one_that_is_full_leaves_clients_to_the_others(rig, name):
    server = rig(name, "echo", f"workers={WORKERS}", "max_requests=1")
    for _ in range(20):
        with wire.Client(server.address, limit=LIMIT) as first:
            assert first.send("1").exactly(1) == b"1"
            serves(server)


@pytest.mark.parametrize("name", ["ThreadPoolEventLoopTCPServer", "ThreadingEventLoopTCPServer",
                                  "ForkingEventLoopTCPServer", "ForkingThreadPoolTCPServer"])
def test_stacked_mixins(rig, name):
    server = rig(name, "echo", f"workers={WORKERS}", "shutdown_timeout=2000")
    serves(server, 40)
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 1.5


# ---------------------------------------------------------------- how the end of a child is noticed

# On a kernel with pidfd_open(2), and on one without.
WAYS = {"pidfd": [], "no-pidfd": [f"forbid_pidfds={errno.ENOSYS}"]}
WITH_WORKERS = ["PreforkingTCPServer", "PreforkingThreadingTCPServer", "PreforkingThreadPoolTCPServer",
                "PreforkingForkingTCPServer", "PreforkingEventLoopTCPServer", "PreforkingUDPServer"]


@pytest.fixture(params=WAYS.values(), ids=WAYS.keys())
def way(request):
    return request.param


def ask(server, command):
    with wire.Client(server.address, limit=LIMIT) as client:
        return client.send(command + "\n").until(b"\n").decode()


@contextlib.contextmanager
def helper_of(server):
    """A process that a handler has left behind, with all that it inherited."""
    pid = int(ask(server, "helper"))
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        wire.wait_until(lambda: programs.state_of(pid) in "ZX")


def ticks(server):
    """Hundredths of a second that the main process has computed."""
    with open(f"/proc/{server.pid}/stat", encoding="ascii") as file:
        return sum(map(int, file.read().rpartition(")")[2].split()[11:13]))


@pytest.mark.parametrize("name", ["ForkingTCPServer", "ForkingUnixStreamServer", "PreforkingForkingTCPServer",
                                  "ForkingThreadingTCPServer", "ForkingEventLoopTCPServer"])
def test_a_full_server_with_helpers_left_behind(processes, way, name):
    server = processes(name, "workers=1", "max_requests=2", *way)
    with contextlib.ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(helper_of(server))
        assert ask(server, "process")


@pytest.mark.parametrize("name", ["ForkingTCPServer", "ForkingEventLoopTCPServer", *WITH_WORKERS[:-1]])
def test_a_drain_does_not_wait_for_helpers(processes, way, name):
    server = processes(name, "workers=2", "shutdown_timeout=1000000", *way)
    with helper_of(server):
        server.send_signal(signal.SIGTERM)
        status = server.wait(LIMIT)
    server.check(status)


@pytest.mark.parametrize("name", WITH_WORKERS[:-1])
def test_a_killed_worker_with_a_helper_is_replaced(processes, way, name):
    server = processes(name, "workers=1", *way)
    wire.wait_until(lambda: len(server.children()) == 1)
    with helper_of(server):
        [worker] = server.children()
        os.kill(worker, signal.SIGKILL)
        wire.wait_until(lambda: server.children() and worker not in server.children())
        assert ask(server, "process")


@pytest.mark.parametrize("name", ["ForkingTCPServer", "PreforkingForkingTCPServer", "PreforkingTCPServer"])
def test_a_handler_closes_what_it_does_not_know(processes, way, name):
    """What tells of a child's end is not the child's to close; and a server that has to look now and then rests between
    two looks."""
    server = processes(name, "workers=2", *way)
    before = ticks(server)
    with server.client(limit=LIMIT) as client:
        assert client.send("close\n").until(b"\n")
        assert client.until(b"\n") == b"closed"
    assert ticks(server) - before < 20  # of the 70 that it took
    assert ask(server, "process")
    if name == "PreforkingTCPServer":  # the listener was among that
        server.wait_for_log("^socketserver: process [0-9]+ has ended with status 1: Bad file descriptor$")


def test_no_descriptor_for_a_child(processes, way):
    """The client is served, and room is made for the next one."""
    server = processes("ForkingTCPServer", "max_requests=1", *way)
    assert ask(server, "process")
    wire.wait_until(lambda: not server.children())
    limit = server.descriptors() + 1
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (limit, limit))
    for _ in range(3):
        assert ask(server, "process")


def test_no_descriptor_for_a_connection(processes, way):
    """It stays in the queue."""
    server = processes("ForkingTCPServer", *way)
    assert ask(server, "process")
    wire.wait_until(lambda: not server.children())
    hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (server.descriptors(), hard))
    client = server.client(limit=LIMIT).send("process\n")
    assert client.is_silent()
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (hard, hard))
    assert client.until(b"\n")


def test_no_descriptors_for_workers(processes, way):
    """The first one that is made takes the last that its parent has to watch it with."""
    server = processes("PreforkingTCPServer", "workers=3", "spare=1", *way)
    before = wire.wait_until(lambda: len(server.children()) == 3 and server.children())
    for worker in before:
        os.kill(worker, signal.SIGKILL)
    wire.wait_until(lambda: len(server.children()) == 3 and not server.children() & before)
    assert ask(server, "process")


def test_a_container_that_forbids_pidfds(processes):
    server = processes("ForkingTCPServer", "max_requests=1", f"forbid_pidfds={errno.EPERM}")
    with helper_of(server):
        assert ask(server, "process")


# ---------------------------------------------------------------- what is told of it


@pytest.mark.parametrize("name", WITH_WORKERS)
def test_a_worker_is_killed(processes, name):
    server = processes(name, "workers=2")
    before = wire.wait_until(lambda: len(server.children()) == 2 and server.children())
    worker = min(before)
    os.kill(worker, signal.SIGKILL)
    server.wait_for_log(rf"^socketserver: process {worker} was killed by signal 9 \(Killed\)$")
    wire.wait_until(lambda: len(server.children() - {worker}) == 2)


@pytest.mark.parametrize("command, told", [("abort", r"was killed by signal 6 \(Aborted\)"),
                                           ("exit", "has ended with status 3")])
@pytest.mark.parametrize("name", [name for name in WITH_WORKERS[:-1] if "gForking" not in name])
def test_a_worker_ends_by_itself(processes, name, command, told):
    server = processes(name, "workers=2")
    with server.client(limit=LIMIT) as client:
        assert client.send(command + "\n").ends()
    server.wait_for_log(f"^socketserver: process [0-9]+ {told}$")
    assert ask(server, "process")


@pytest.mark.parametrize("name", ["ForkingTCPServer", "PreforkingForkingTCPServer"])
def test_a_child_crashes(processes, name):
    """What it leaves behind is told of when a signal has ended it; its status is its own business."""
    server = processes(name, "workers=2")
    for command in "exit", "abort":
        with server.client(limit=LIMIT) as client:
            assert client.send(command + "\n").ends()
    server.wait_for_log(r"^socketserver: process [0-9]+ was killed by signal 6 \(Aborted\)$")
    assert len(server.log.splitlines()) == 1


def test_an_ordinary_end_is_not_told_of(processes):
    server = processes("PreforkingTCPServer", "workers=2")
    assert ask(server, "process")
    server.stop()
    assert server.log == ""


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
@pytest.mark.parametrize("name", ["TCPServer", "ThreadingTCPServer", "EventLoopTCPServer", *WITH_WORKERS[:-1]])
def test_a_broken_listener(processes, name, busy):
    """Somebody else who has it shuts it down: one line and status 1, also where idle clients are there."""
    with programs.listener() as listening:
        server = processes(name, "workers=2", address=f"fd:{listening.fileno()}", fds=[listening.fileno()])
        assert ask(server, "process")
        if busy:
            assert server.client(limit=LIMIT).send("process\n").until(b"\n")
        listening.shutdown(socket.SHUT_RDWR)
        status = 0 if busy and name == "TCPServer" else 1
        if status == 0:  # it is with the client
            server.clients[0].close()
        server.check(server.wait(LIMIT), 1)
    assert server.log == "processes: Invalid argument\n"


@pytest.mark.parametrize("goes_on", [True, False], ids=["goes on", "stays so"])
@pytest.mark.parametrize("name", ["ForkingTCPServer", "PreforkingTCPServer", "PreforkingThreadingTCPServer",
                                  "PreforkingEventLoopTCPServer"])
def test_the_end_while_a_child_is_stopped(rig, name, goes_on):
    """When it goes on, it ends as others do; one that does not is killed when the drain's time is over."""
    server = rig(name, "lines", f"workers={WORKERS}", f"shutdown_timeout={-1 if goes_on else 200}")
    assert server.client(limit=LIMIT).send("x\n").until(b"\n") == b"x"
    child = wire.wait_until(lambda: sorted(server.children()))[0]
    os.kill(child, signal.SIGSTOP)
    wire.wait_until(lambda: programs.state_of(child) == "T")
    server.process.send_signal(signal.SIGTERM)
    if goes_on:
        os.kill(child, signal.SIGCONT)
    server.check(server.wait())


@pytest.mark.parametrize("name", ["PreforkingThreadPoolTCPServer", "PreforkingEventLoopTCPServer"])
def test_the_first_workers_all_fail(processes, name):
    """No descriptor is left for what each needs."""
    server = processes(name, "workers=2", "spare=0")
    server.check(server.wait(LIMIT), 1)
    assert server.log == "processes: Too many open files\n"

# SPDX-License-Identifier: MIT
"""Logs that go where it is tight: into a pipe whose reader is slow, to a file at its limit, into a directory that has gone.
Each with a process of its own, whose first lines are written at once."""

import contextlib
import fcntl
import os
import re
import resource
import shutil
import signal

import wire
from scenes_http import SMALL
from scenes_lives import finish, has_failed, watch
from trial import right

LINES = 3
PART = b"GET /small"
WHOLE = re.compile(rb'127\.0\.0\.1 - - \[[^]]+\] "GET /small HTTP/1\.1" \d+ .+')
FILLER = b"a line of long ago\n" * 1000  # more than what is said on stderr
ROOM = 20  # bytes


def slow_reader(life):
    """Lines wait until there is room in the pipe: all come, or somebody is told."""
    lines = bytearray()
    with reader(life) as pipe:
        life.start()
        fill(pipe)
        life.begin()
        waits = watch(life, "handlers/log/file.c wait_for_reader poll")
        for _ in range(LINES):
            life.get("/small", SMALL)
        with life.asking("lines"):
            wire.wait_until(lambda: waits() or has_failed(life))
            wire.wait_until(lambda: drain(pipe, lines).count(PART) >= served(life) or has_failed(life))
        life.over()
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 1 << 16)  # now there is room for all, whoever reads
        life.get("/small", SMALL)
        finish(life)
        with life.asking("all lines"):
            right(drain(pipe, lines).count(PART) >= served(life) or are_lost(life), bytes(lines).lstrip())


@contextlib.contextmanager
def reader(life):
    """A pipe with a name, as small as it can be. Whoever opens it need not wait."""
    name = life.subject.directory / "pipe"
    if not name.exists():
        os.mkfifo(name)
    pipe = os.open(name, os.O_RDWR | os.O_NONBLOCK)
    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 4096)
    try:
        yield pipe
    finally:
        os.close(pipe)


def fill(pipe):
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(pipe, b"\n" * 4096)


def drain(pipe, lines):
    with contextlib.suppress(BlockingIOError):
        while True:
            lines += os.read(pipe, 1 << 16)
    return lines


def served(life):
    return sum(outcome == "served" for what, outcome, _ in life.outcomes if what == "GET /small")


def are_lost(life):
    """Whether somebody is told. (A burst may be of stderr, too.)"""
    return "lines are lost" in life.server.log or sum(bool(event.error) for event in life.subject.state.events()) > 1


def file_at_limit(life):
    """What is written behind a half line is a line of its own."""
    log = life.subject.directory / "log"
    log.write_bytes(FILLER)
    life.start()
    life.get("/small", SMALL)
    with limited(life.server.pid, log.stat().st_size + ROOM):
        life.get("/small", SMALL)
        wire.wait_until(lambda: "lines are lost" in life.server.log)
    life.begin()
    life.get("/small", SMALL)
    life.over()
    life.get("/small", SMALL)
    finish(life)
    with life.asking("lines"):
        first, half, *others, end = log.read_bytes()[len(FILLER):].split(b"\n")
        right(len(half) == ROOM and not end and others and all(map(WHOLE.fullmatch, [first, *others])), (half, others, end))


@contextlib.contextmanager
def limited(pid, size):
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def directory_gone(life):
    """Lines go on into the old file, and somebody is told."""
    home, moved = life.subject.directory / "logs", life.subject.directory / "moved"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    life.start()
    life.get("/small", SMALL)
    home.rename(moved)
    life.begin()
    life.server.send_signal(signal.SIGHUP)
    with life.asking("to be told"):
        wire.wait_until(lambda: "cannot be opened anew" in life.server.log or has_failed(life))
    life.get("/small", SMALL)
    life.over()
    moved.rename(home)
    life.get("/small", SMALL)
    finish(life)
    with life.asking("lines"):
        lines = (home / "log").read_bytes()
        right(lines.count(PART) >= served(life) or are_lost(life), bytes(lines).lstrip())


SCENES = {"{directory}/pipe": slow_reader, "{directory}/log": file_at_limit, "{directory}/logs/log": directory_gone}

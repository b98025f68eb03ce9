# SPDX-License-Identifier: MIT
"""A program of which calls are to fail: how it is started, what it holds and what it has said."""

import os
import pathlib
import socket
import stat
import tempfile
import time

import errors
import places
import programs
from processes import children_of, list_of, state_of, time_of, waits_of
from state import ALWAYS, RULES, State


class Subject:
    """A program under test, with its state, which is started again when it was found wanting."""

    def __init__(self, program, argv, directory, prepare=None, inherits=None, lacking=()):
        self.program, self.argv = programs.path_of(os.path.join("fault", program)), argv
        self.directory = pathlib.Path(directory)
        self.root = self.directory / "root"
        self.root.mkdir()
        if prepare:
            prepare(self.root)
        self.state = State(self.directory / "state")
        self.places = places.of(self.program)
        self.inherits, self.lacking = inherits, lacking
        self.server = None

    def start(self):
        self.begin()
        if self.lacking:
            self.take_away()
            self.restart()

    def begin(self):
        """It prints where it listens, or is given a socket for that."""
        server = self.launch()
        server.address = server.address or address_in(server.readline())

    def launch(self):
        """Does not wait for anything. In the arguments {fd} is the address of the socket that it is given."""
        listening = listener(*self.inherits, self.directory) if self.inherits else None
        values = {"root": self.root, "directory": self.directory, "fd": f"fd:{listening.fileno()}" if listening else ""}
        argv = [str(argument).format(**values) for argument in self.argv]
        self.server = programs.Server([self.program, *argv], self.directory, fds=[listening.fileno()] if listening else (),
                                      FAULT_STATE=self.state.path)
        if listening:
            self.server.address = listening.getsockname()
            listening.close()
        return self.server

    def restart(self):
        self.kill()
        self.begin()

    def take_away(self):
        """From now on all calls at these places fail. One that is inlined elsewhere is several."""
        slot = RULES
        for name, error in self.lacking:
            found = [at for at, place in self.places.of.items() if place == name]
            assert found, f"there is no {name}"
            for at, call in ((at, call) for at in found for call in self.state.calls(self.places.calls[at])):
                slot -= 1  # the first two are for the cases
                assert slot > 1, "more rules than there is room for"
                self.state.fail(call, errors.number(error), 1, ALWAYS, at, slot)

    def lacks(self, event):
        return self.places.name(event.place) in dict(self.lacking)

    def logs(self):
        """What it has said until now on stderr, and in its access log, which lies here or there."""
        return self.server.log, *(text_of(directory / "log") for directory in (self.root, self.directory))

    def said(self, before):
        """What it has said since then."""
        return "".join(text[len(old):] for text, old in zip(self.logs(), before))

    def kill(self):
        if self.server:
            self.server.kill()
            self.server.ended = True

    def processes(self):
        """The server's and its children's ids."""
        found, new = set(), {self.server.pid}
        while new:
            found |= new
            new = {child for pid in new for child in children_of(pid)} - found
        return found

    def holdings(self):
        """Descriptors, threads and processes."""
        pids = self.processes()
        return sum(len(list_of(pid, "fd")) for pid in pids), sum(len(list_of(pid, "task")) for pid in pids), len(pids)

    def sockets(self):
        """The names of sockets in its directory, and their inodes."""
        return {entry.name: entry.inode() for entry in os.scandir(self.directory) if stat.S_ISSOCK(entry.stat().st_mode)}

    def time(self):
        """Nanoseconds for which it has run."""
        return sum(time_of(pid) for pid in self.processes())

    def runs(self):
        """Whether one of its threads runs, or would if there were a processor for it."""
        return any(state_of(pid, task) in "RD" for pid in self.processes() for task in list_of(pid, "task"))

    def wakes(self, seconds):
        """How often the busiest of its threads has begun to wait meanwhile."""
        before = self.waits()
        time.sleep(seconds)
        return max((count - before[thread] for thread, count in self.waits().items() if thread in before), default=0)

    def waits(self):
        """How often each thread has begun to wait."""
        return {(pid, task): waits_of(pid, task) for pid in self.processes() for task in list_of(pid, "task")}


def text_of(path):
    try:
        return path.read_text("utf-8", "backslashreplace")
    except FileNotFoundError:
        return ""


def listener(family, kind, directory):
    listening = socket.socket(family, kind)
    listening.bind(tempfile.mktemp(dir=directory) if family == socket.AF_UNIX else ("127.0.0.1", 0))
    if kind == socket.SOCK_STREAM:
        listening.listen(128)
    return listening


def address_in(line):
    """What a program has printed: an address of the framework's, or a URL."""
    url = programs.URL.search(line)
    if url:
        return url[1] or url[2], int(url[3])
    host, _, port = line.partition(" (")[0].rpartition(":")
    if host.endswith("unix"):
        return port.replace("@", "\0", 1) if port.startswith("@") else port
    return host.strip("[]"), int(port)

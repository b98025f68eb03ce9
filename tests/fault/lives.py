# SPDX-License-Identifier: MIT
"""Cases in each of which a program is started and ended: what fails is a call of its start, or one of its end.

A scene is a function of a Life, a Trial that starts its server itself. The calls from life.begin() to life.over() are those
that count, and fail. Beside what is allowed of requests, a server may end instead of starting ("told"): with status 1 and
one line that says why."""

import os
import re
import signal
import subprocess

from engine import Exploration, Result, has_failed
import programs
from processes import list_of
from trial import ALLOWED, LIMIT, Trial
import wire

REASON = re.compile(r"\w+: [^\n]+: [^\n]+\n")
LISTENS = "0A"  # in /proc/net/tcp
LOOPBACK6 = "00000000000000000000000001000000"
# When they fail, a socket's file stays, and the next server there takes it for what it is.
UNREMOVED = ("fstatat", "unlinkat", "unlink")
PATIENCE = 1.5  # seconds for a server that tries again; then nothing fails any more


class Over(Exception):
    """There is nothing more to ask."""


class Life(Trial):
    def __init__(self, exploration, begin, over):
        super().__init__(None, exploration.subject.root)
        self.subject, self.exploration, self.begin, self.over = exploration.subject, exploration, begin, over

    # ------------------------------------------------------------ start

    @property
    def starts(self):
        """Whether calls fail from the start on."""
        return self.exploration.scene.__name__.startswith("start")

    def start(self):
        """Returns when it serves, with all its threads and processes."""
        self.found = self.subject.sockets()
        self.server = self.subject.launch()
        try:
            wire.wait_until(lambda: self.has_ended() or self.is_ready(), LIMIT)
        except AssertionError:
            self.give_up("start", "hang", "neither a server nor an end")
        if self.has_ended():
            self.refused()
        self.wait_for_all()
        self.server.address = self.server.address or self.listens()
        self.note("start", "served")

    def listens(self):
        """The socket in its directory, or the port that it listens on. Not what it prints, as that may fail."""
        if self.subject.sockets():
            return os.path.join(self.subject.directory, min(self.subject.sockets()))
        if name := self.abstract_name():
            return name
        own = {os.readlink(f"/proc/{self.server.pid}/fd/{fd}") for fd in list_of(self.server.pid, "fd")}
        for table in "tcp", "tcp6", "udp", "udp6":
            with open(f"/proc/net/{table}", encoding="ascii") as file:
                next(file)
                for fields in map(str.split, file):
                    if table.startswith("tcp") and fields[3] != LISTENS:
                        break  # those that listen come first, and of those that have ended there may be thousands
                    if f"socket:[{fields[9]}]" in own:
                        host, _, port = fields[1].partition(":")
                        return "::1" if host == LOOPBACK6 else "127.0.0.1", int(port, 16)
        raise AssertionError(f"{self.server.argv} listens nowhere")

    def abstract_name(self):
        """The name that has its directory in it."""
        with open("/proc/net/unix", encoding="ascii", errors="replace") as file:
            names = (line.split()[-1] for line in file)
            return next(("\0" + name[1:] for name in names if name == f"@{self.subject.directory}"), None)

    def has_ended(self):
        return self.server.process.poll() is not None

    def is_ready(self):
        return self.server.catches(signal.SIGTERM) and self.at_rest()

    def at_rest(self):
        """Whether all threads wait."""
        return all(waits(pid, task) for pid in self.subject.processes() for task in list_of(pid, "task"))

    def refused(self):
        """It has ended instead of starting."""
        status, left = self.server.wait(), self.left()
        log = "".join(line for line in self.server.log.splitlines(True) if "running as root" not in line)
        told = status == 1 and (REASON.fullmatch(log) or (not log and self.is_mute()))
        self.give_up("start", "leak" if left else "told" if told else "start", left or f"status {status}: {log}")

    def is_mute(self):
        """Whether it could not say anything."""
        names = self.subject.state.names
        return any(event.error and names[event.call] in ("fprintf", "fwrite") for event in self.subject.state.events())

    def wait_for_all(self):
        """As many threads and processes as there are without a failure."""
        whole = self.exploration.whole = self.exploration.whole or self.size()
        for seconds in PATIENCE, LIMIT:
            try:
                wire.wait_until(lambda: self.has_ended() or (self.is_whole(whole) and self.at_rest()), seconds)
                break
            except AssertionError:
                self.over()
        if self.has_ended():
            self.refused()
        if not self.is_whole(whole):
            self.give_up("start", "half", f"{self.size()} threads and processes, and not {whole}")

    def size(self):
        return self.subject.holdings()[1:]

    def is_whole(self, whole):
        """A pool makes its threads when there is something to do. Others may have more, to make up for what has failed."""
        threads, processes = self.size()
        return processes == whole[1] and (threads >= whole[0] or self.exploration.composition == "threadpool")

    def give_up(self, what, outcome, detail):
        self.note(what, outcome, detail)
        raise Over

    # ------------------------------------------------------------ end

    def stop(self):
        """Begins to stop."""
        self.server.send_signal(signal.SIGTERM)

    def end(self, expected=0):
        """Waits for the end, which comes by itself."""
        try:
            status = self.server.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.give_up("stop", "hang", "it has not ended")
        left = self.left()
        if status == 1 and not left and self.starts and REASON.fullmatch((self.server.log.splitlines(True) or [""])[-1]):
            self.give_up("start", "told", self.server.log)  # another thread's start, which was not seen to fail before
        if status != expected or left:
            self.give_up("stop", "leak" if status == expected else "stop", left or f"status {status}")
        self.note("stop", "served")

    def left(self):
        """What it leaves behind."""
        there = {} if self.exploration.unremoved else self.subject.sockets()
        sockets = [name for name, inode in there.items() if inode not in self.found.values()]
        return ", ".join(["processes"] * self.server.group_exists() + sockets)


def waits(pid, task):
    """Whether a thread waits for events, or for another thread."""
    try:
        with open(f"/proc/{pid}/task/{task}/syscall", encoding="ascii") as file:
            call = file.read().split()[0]
    except (OSError, IndexError):
        return True  # it has ended
    own = programs.SLEEPS if programs.TSAN else set()  # ThreadSanitizer has a thread of its own, which sleeps
    return call in programs.POLLS | programs.FUTEX | own


class Lives(Exploration):
    """A scene with a process for each case."""

    unremoved = False  # whether it may leave its socket's file
    whole = None  # how many threads and processes a server has that waits for its first client

    def play(self, begin=lambda: None, over=lambda: None):
        life = Life(self, begin, over)
        try:
            self.scene(life)
        except Over:
            pass
        finally:
            life.close()
            over()
            self.subject.kill()
        return life.outcomes

    def rehearse(self):
        outcomes = self.play()
        assert all(outcome == "served" for _, outcome, _ in outcomes), (self.scene.__name__, self.composition, outcomes)
        self.state.forget()
        self.play(lambda: self.state.record(True), lambda: self.state.record(False))
        return self.cases()

    def play_with(self, case):
        self.unremoved = any(one.name.split()[2] in UNREMOVED for one in (case, case.after) if one)
        outcomes = self.play(lambda: self.fail(case), self.no_more)
        return outcomes, self.failed(case), True

    def run(self, case):
        outcomes, failed, _ = self.play_with(case)
        if not has_failed(case, failed):
            return None
        outcome, detail = self.judge(case, outcomes, failed, ("", "", ""))
        log = self.subject.server.log
        if outcome in ALLOWED and programs.REPORT.search(log):
            outcome = "report"
        if outcome not in ALLOWED:
            detail += "\n" + log[-600:]
        return Result(self.scene.__name__, self.composition, case, outcome, detail)

    def end(self):
        return []

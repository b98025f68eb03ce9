# SPDX-License-Identifier: MIT
"""Starts the programs under test, and looks at how they end."""

import contextlib
import ctypes
import importlib.machinery
import importlib.util
import itertools
import os
import platform
import re
import resource
import select
import shlex
import signal
import socket
import subprocess
import time

import wire

TESTS = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(TESTS)
BUILD = os.path.abspath(os.environ.get("BUILD") or os.path.join(ROOT, "build"))
SANITIZED = bool(os.environ.get("SANITIZE"))
TSAN = os.environ.get("SANITIZE") == "thread"
COUNTED = bool(os.environ.get("COVERAGE"))
# What a program is built with that a test makes of this build's archives.
INSTRUMENTS = [*(["-fsanitize=" + os.environ["SANITIZE"]] if SANITIZED else []), *(["--coverage"] if COUNTED else [])]
# What such a program needs besides, if they are built with it.
LIBRARIES = shlex.split(subprocess.run(["pkg-config", "--silence-errors", "--libs", "libssl", "libcrypto"], stdout=subprocess.PIPE,
                                       text=True, check=False).stdout)
LIBC = ctypes.CDLL(None)
LIMIT = 30 * (3 if SANITIZED else 1)  # seconds for what takes none

# The numbers of poll, epoll, their kin and their restart; and of the call in which threads wait for each other.
POLLS, FUTEX, SLEEPS = {"7", "219", "232", "271", "281", "441"}, {"202"}, {"35", "230"}
if platform.machine() == "aarch64":
    POLLS, FUTEX, SLEEPS = {"22", "73", "128", "441"}, {"98"}, {"101", "115"}

REPORT = re.compile(r"ERROR: (Address|Leak|Memory)Sanitizer|runtime error:|WARNING: ThreadSanitizer|Sanitizer:DEADLYSIGNAL|"
                    r"Assertion .* failed|stack smashing|double free|corrupted")
URL = re.compile(r"https?://(?:\[([0-9a-fA-F:.%a-z]+)\]|([^/:\s]+)):([0-9]+)/")


# Looking for what is leaked takes half of the time of a short program under AddressSanitizer: one of a few does it.
LOOKS = itertools.cycle([True, False, False, False] if SANITIZED and not TSAN else [True])


def options_of_sanitizers(environment):
    if next(LOOKS) or "FAULT_STATE" in environment:
        return {}
    return {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


class Program:
    """A running program in a process group of its own, which must be empty when the program has ended."""

    def __init__(self, argv, directory, fds=(), cwd=None, preexec=None, **environment):
        self.argv = [str(a) for a in argv]
        self.output = b""
        self.errors = os.path.join(directory, f"stderr-{os.path.basename(self.argv[0])}-{time.monotonic_ns()}")
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                            stderr=errors, cwd=cwd or directory, pass_fds=fds, process_group=0,
                                            preexec_fn=preexec,
                                            env={**os.environ, **options_of_sanitizers(environment), **environment})
        self.pid = self.process.pid
        self.signaled = False
        self.ended = False

    # ------------------------------------------------------------ what it says

    def readline(self, limit=LIMIT):
        """The next line on its stdout."""
        deadline = time.monotonic() + limit
        while b"\n" not in self.output:
            ready = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))[0]
            data = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not data:
                raise AssertionError(f"{self.argv} printed {self.output!r} and no line; stderr: {self.log}")
            self.output += data
        line, _, self.output = self.output.partition(b"\n")
        return line.decode()

    @property
    def log(self):
        with open(self.errors, encoding="utf-8", errors="backslashreplace") as file:
            return as_without_sanitizers(file.read())

    def wait_for_log(self, pattern):
        return wire.wait_until(lambda: re.search(pattern, self.log, re.MULTILINE))

    # ------------------------------------------------------------ how it ends

    def wait_until_it_waits(self):
        """TSan hands a signal on when the thread or coroutine that it hit waits; it is lost if that ends before, never waits
        again, or is about to wait for the first time."""
        wire.wait_until(lambda: self.process.poll() is not None or self.waits())

    def send_signal(self, number):
        if not TSAN:
            self.process.send_signal(number)
            return
        self.wait_until_it_waits()
        before = self.waits()
        self.process.send_signal(number)
        self.signaled = True
        wire.wait_until(lambda: self.process.poll() is not None or self.waits() not in (None, before))

    def wait(self, limit=LIMIT):
        """Waits for the end; returns the exit status."""
        try:
            status = self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.argv} has not ended within {limit} s; stderr: {self.log}") from None
        self.ended = True
        return status

    def stop(self, number=signal.SIGTERM):
        """Ends it as a user does who has seen that it runs, and checks that it went well."""
        if not self.ended:
            wire.wait_until(lambda: self.catches(number) or self.process.poll() is not None)
            self.send_signal(number)
        self.check(self.wait())

    def check(self, status, expected=0):
        log = self.log
        left = self.group_exists()
        self.kill()
        assert not REPORT.search(log), log
        assert status == expected, f"{self.argv} ended with {status}; stderr: {log}"
        assert not left, f"{self.argv} has left processes behind; stderr: {log}"

    def catches(self, number):
        """True once the program has a handler for this signal."""
        try:
            with open(f"/proc/{self.pid}/status", encoding="ascii", errors="replace") as file:
                return int(re.search(r"^SigCgt:\s*(\w+)", file.read(), re.MULTILINE)[1], 16) >> (number - 1) & 1
        except (OSError, TypeError):
            return False

    def waits(self):
        """How often the main thread has waited by now; None while it does not wait for events, or for threads that end."""
        try:
            with open(f"/proc/{self.pid}/syscall", encoding="ascii") as file:
                call = file.read().split()[0]
            with open(f"/proc/{self.pid}/status", encoding="utf-8", errors="replace") as file:
                status = dict(line.split(":", 1) for line in file)
        except (OSError, IndexError):
            return None
        # A futex while the server starts may be pthread_create; once it has been signaled, it is pthread_join.
        waiting = POLLS | FUTEX if self.signaled else POLLS
        asleep = status["State"].split()[0] == "S" and call in waiting
        return int(status["voluntary_ctxt_switches"]) if asleep else None

    @contextlib.contextmanager
    def descriptors_left(self, count):
        """Meanwhile the first process can open so many more, those above a gap in its numbers not counted."""
        limits = resource.prlimit(self.pid, resource.RLIMIT_NOFILE)
        lowest = min(set(range(1024)) - {int(name) for name in os.listdir(f"/proc/{self.pid}/fd")})
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (lowest + count, limits[1]))
        try:
            yield
        finally:
            resource.prlimit(self.pid, resource.RLIMIT_NOFILE, limits)

    def children(self):
        with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as file:
            return {int(pid) for pid in file.read().split()}

    @contextlib.contextmanager
    def stopped(self, number=None):
        """What is sent to it meanwhile, it finds all at once, and before that a signal, if one is given. The signal is for
        the first thread, which accepts clients: one for the process would be taken by whichever thread the kernel wakes
        first, and the first thread might have accepted them all before it learns of that."""
        if number and TSAN:
            self.wait_until_it_waits()
        os.killpg(self.pid, signal.SIGSTOP)
        wire.wait_until(lambda: all(state_of(pid) in "TZX" for pid in {self.pid, *self.children()}))
        try:
            yield
            if number:
                assert LIBC.tgkill(self.pid, self.pid, number) == 0
        finally:
            os.killpg(self.pid, signal.SIGCONT)

    def group_exists(self):
        """True while a process of the group lives; init takes its time to reap those that have lost their parents."""
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        return any(group == self.pid and state not in "ZX" for state, group in
                   (state_and_group(int(pid)) for pid in os.listdir("/proc") if pid.isdigit()))

    def kill(self):
        if self.group_exists():
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


def as_without_sanitizers(log):
    """Of httpserver with sanitizers the system calls are not confined, which it says."""
    line = r"^httpserver: confined: files[^;\n]*; not confined: system calls; --sandbox=require would not start like this\n"
    return re.sub(line, "", log, flags=re.MULTILINE) if SANITIZED else log


class Server(Program):
    """A server that has printed a URL, or was given a socket that listens already."""

    def __init__(self, argv, directory, address=None, masked=False, **more):
        super().__init__(argv, directory, **more)
        self.directory = directory
        self.masked = masked
        self.address = address
        self.clients = []

    def read_banner(self):
        self.banner = self.readline()
        url = URL.search(self.banner)
        assert url, f"no URL in {self.banner!r}"
        self.url, self.address = url[0], (url[1] or url[2], int(url[3]))
        return self

    def client(self, **options):
        """A new connection (wire.Client), closed at the end of the test."""
        client = wire.Client(self.address, masked=self.masked, **options)
        self.clients.append(client)
        return client

    def ask(self, method="GET", path="/", body=None, **fields):
        """One request on a connection of its own."""
        with wire.Client(self.address, masked=self.masked) as client:
            return client.ask(method, path, body, **fields)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def finish(self):
        """For the end of a test: clients that are still there must not keep the server."""
        try:
            if not self.ended:
                self.stop()
        finally:
            self.kill()
            for client in self.clients:
                client.close()


def state_and_group(pid):
    """The letter that ps shows, X when there is no such process; and its process group."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            state, _, group = file.read().rpartition(")")[2].split()[:3]
            return state, int(group)
    except OSError:
        return "X", 0


def waits_for_events(pid):
    """Whether a process, one of a server's, has made all that it needs, and waits."""
    try:
        with open(f"/proc/{pid}/syscall", encoding="ascii") as file:
            return file.read().split()[0] in POLLS
    except OSError:
        return False


def state_of(pid):
    return state_and_group(pid)[0]


def path_of(name):
    path = os.path.join(BUILD, name)
    assert os.access(path, os.X_OK), f"{path} is missing: make build-tests"
    return path


def run(argv, limit=LIMIT, directory=None, text=True, **environment):
    """Runs a program to its end: CompletedProcess. A sanitizer's report fails the test."""
    result = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=text, check=False,
                            timeout=limit, cwd=directory, env={**os.environ, **environment})
    errors = result.stderr if text else result.stderr.decode("latin-1")
    assert not REPORT.search(errors), errors
    return result


def script(name):
    """A program of tests/ as a module."""
    loader = importlib.machinery.SourceFileLoader(f"tests_{name}", os.path.join(TESTS, name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def listener(host="127.0.0.1"):
    """A socket that listens on a port of the kernel's choice, for fd:N."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.bind((host, 0))
    listening.listen(128)
    return listening


def also_masked(test):
    """A test of a `mixin` that runs once more with a mix-in that masks every byte of a connection (tests/masked.h), on one
    side of the other or on its other side: what HTTP does must not depend on what is below its streams."""
    test.also_masked = True
    return test


def as_settings(options):
    """Options of httpserver as settings of the probe: mixin=..., workers=..."""
    return [f"{name[2:]}={value}" for name, value in zip(options[::2], options[1::2])]

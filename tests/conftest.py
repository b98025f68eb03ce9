# SPDX-License-Identifier: MIT
"""Fixtures of the black box tests. See wire.py for the client, programs.py for the programs."""

import faulthandler
import os
import pathlib
import shutil
import signal
import sys
import tempfile

import clock
import mixins
import network
import programs
import pytest

# A shell that starts the tests in the background has SIGINT ignored, also in the programs that the tests end with it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

TIME_LIMIT = 240 if programs.SANITIZED else 120  # seconds for one test: some build all of it anew, beside other tests


def pytest_generate_tests(metafunc):
    """`mixin`: see looked_at; `concurrent_mixin`: those under which many clients are served at once."""
    if "mixin" in metafunc.fixturenames:
        metafunc.parametrize("mixin", **mixins.with_masked(metafunc, mixins.looked_at(metafunc.function)))
    if "concurrent_mixin" in metafunc.fixturenames:
        names = mixins.crowded(metafunc.function)
        if "real_clients" in metafunc.module.__name__ and not os.environ.get("CLIENTS"):  # slow, and of one mind
            names = ["eventloop"]
        metafunc.parametrize("concurrent_mixin", **mixins.with_masked(metafunc, names))


@pytest.fixture(autouse=True)
def time_limit():
    """No test waits for ever: after TIME_LIMIT it fails where it is, and if that is of no use, all of it ends."""

    def late(*_):
        pytest.fail(f"took longer than {TIME_LIMIT} s", pytrace=True)

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(TIME_LIMIT)
    faulthandler.dump_traceback_later(TIME_LIMIT + 60, exit=True, file=sys.__stderr__)
    yield
    faulthandler.cancel_dump_traceback_later()
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def started():
    """What a test starts ends with it, and must have ended well."""
    servers = []
    yield servers
    failures = []
    for server in servers:
        try:
            server.finish()
        except AssertionError as failure:
            failures.append(str(failure))
    assert not failures, "\n".join(failures)


@pytest.fixture(scope="session")
def strace():
    """Skips the tests that need strace where it is missing or not allowed, and under sanitizers, which call the system as
    well."""
    if programs.SANITIZED:
        pytest.skip("sanitizers call the system as well")
    if not shutil.which("strace"):
        pytest.skip("no strace")
    if programs.run(["strace", "-f", "-e", "inject=getppid:error=EIO", "-o", "/dev/null", "true"]).returncode:
        pytest.skip("strace is not allowed here")


@pytest.fixture(name="clock")
def a_clock(tmp_path):
    """A wall clock that jumps, for programs that are started with its environment."""
    if programs.SANITIZED:
        pytest.skip("sanitizers are to be loaded first")
    if not clock.library():
        pytest.skip("no libfaketime")
    return clock.Clock(clock.library(), tmp_path)


@pytest.fixture(scope="session", name="bad_network")
def a_bad_network():
    """See network.py. What it loses, and what not, depends on a seed, which is printed."""
    seed = int.from_bytes(os.urandom(4), "big")
    try:
        made = network.Network(seed)
    except OSError as failure:
        pytest.skip(f"no network namespaces with tun devices here: {failure}")
    print(f"seed {seed}")
    yield made
    made.close()


@pytest.fixture
def root(tmp_path):
    """The directory to be served."""
    path = tmp_path / "root"
    path.mkdir()
    return path


@pytest.fixture
def httpserver(started, tmp_path, root):
    """httpserver(*options) serves `root` on a free port; the same for every test. With --masked SIDE it is
    tests/http/masked.c, whose clients are server.client(). It answers for every name, unless names=False."""

    def start(*options, directory=root, names=True, **more):
        own = [] if directory is None else ["-d", directory]
        own += ["--allow-host", "*"] if names else []
        program = "httpserver"
        if "--masked" in options:
            at = options.index("--masked")
            program, more = "tests/http/masked", {"MASKED": options[at + 1], "masked": True, **more}
            options = options[:at] + options[at + 2:]
        server = programs.Server([programs.path_of(program), *own, *options, "0"], tmp_path, **more)
        started.append(server)
        return server.read_banner()

    return start


@pytest.fixture
def probe(started, tmp_path, root):
    """probe(*settings) runs the handlers of tests/http/probe.c, probe(program=NAME) those of tests/http/NAME.c."""

    def start(*settings, program="probe", **more):
        path = programs.path_of("tests/http/" + program)
        masked = any(setting.startswith("masked=") for setting in settings)
        server = programs.Server([path, f"directory={root}", *settings], tmp_path, masked=masked, **more)
        started.append(server)
        return server.read_banner()

    return start


@pytest.fixture(scope="module", params=mixins.FEW)
def message_server(request, tmp_path_factory):
    """The probe with a few files, once for each module and mix-in: its tests leave nothing behind on it."""
    directory = tmp_path_factory.mktemp("messages")
    root = directory / "root"
    (root / "dir").mkdir(parents=True)
    (root / "file.txt").write_text("file")
    server = programs.Server([programs.path_of("tests/http/probe"), f"directory={root}",
                              *programs.as_settings(mixins.MIXINS[request.param])], directory)
    try:
        yield server.read_banner()
    finally:
        server.finish()


@pytest.fixture
def of_class(started, tmp_path):
    """of_class(program, class, *arguments) runs a program that is given a class and an address, and prints the latter."""

    def start(program, name, *arguments, address=None, **more):
        address = address or (f"unix:{tmp_path}/rig" if "Unix" in name else "127.0.0.1:0")
        server = programs.Server([program, name, address, *arguments], tmp_path, **more)
        started.append(server)
        host, _, port = server.readline().rpartition(":")
        server.address = port if host == "unix" else (host, int(port))
        return server

    return start


@pytest.fixture
def rig(of_class):
    """rig(class, mode, *settings) runs a handler of tests/framework/rig.c."""

    def start(name, mode, *settings, program=None, **more):
        return of_class(program or programs.path_of("tests/framework/rig"), name, mode, *settings, **more)

    return start


@pytest.fixture
def processes(of_class):
    """processes(class, *settings) runs tests/framework/processes.c."""

    def start(name, *settings, **more):
        return of_class(programs.path_of("tests/framework/processes"), name, *settings, **more)

    return start


@pytest.fixture
def sample(started, tmp_path):
    """sample(name, *arguments) starts build/samples/name in the place of {address}: a socket that listens already."""

    def start(name, *arguments, host="127.0.0.1", directory=tmp_path):
        with programs.listener(host) as listening:
            fd = listening.fileno()
            arguments = [str(a).replace("{address}", f"fd:{fd}") for a in arguments]
            server = programs.Server([programs.path_of(os.path.join("samples", name)), *arguments], directory,
                                     address=listening.getsockname()[:2], fds=(fd,))
        started.append(server)
        assert server.readline().startswith(f"Serving {name} on ")
        return server

    return start


@pytest.fixture
def nobody(started):
    """nobody(*options) runs httpserver without root's privileges on `nobody.root`, a directory that it can reach."""
    drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    program = programs.path_of("httpserver")
    if drop and programs.run([*drop, program, "-V"]).returncode:
        pytest.skip("cannot become nobody")

    def start(*options):
        server = programs.Server([*drop, program, "-d", start.root, *options, "0"], directory)
        started.append(server)
        return server.read_banner()

    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        start.root = pathlib.Path(directory, "root")
        start.root.mkdir(mode=0o755)
        yield start
        for server in started:
            server.finish()

# SPDX-License-Identifier: MIT
"""Every command line that the documents show is run as it stands there: those of README.md and CONTRIBUTING.md, of
`httpserver --help` and of the samples' first lines. Each runs in a network of its own (unshare), so that ports need not
be free."""

import glob
import os
import re
import shlex
import shutil
import signal
import sys

import programs
import pytest
import wire

README, CONTRIBUTING = "README.md", ".github/CONTRIBUTING.md"
DOCUMENTS = [README, CONTRIBUTING, ".github/CHANGELOG.md"]
# Of a sample that is a folder, the file that says how it is tried.
SAMPLES = sorted(glob.glob(os.path.join(programs.ROOT, "samples", "*.[cp]*")) +
                 glob.glob(os.path.join(programs.ROOT, "samples", "*", "main.c")))
# As make was called: by another name for the same folder it would link everything again, under the other tests.
HERE = os.path.relpath(programs.BUILD, programs.ROOT)
FETCH = ("import ssl, sys, urllib.request as u; url = sys.argv[1].replace('localhost', '127.0.0.1')\n"
         "sys.stdout.buffer.write(u.urlopen(url, timeout=30, context=ssl._create_unverified_context()).read())")
# Not every system knows the name localhost, and nc is as wise as the one it has.
CONNECT = """import socket, sys
def connect(name, port):
    for host in ("::1", "127.0.0.1") if name == "localhost" else [name]:
        try:
            return socket.create_connection((host, port), 30)
        except OSError:
            pass
"""
NETCAT = CONNECT + """s = connect(sys.argv[1], int(sys.argv[2]))
s.sendall(sys.stdin.buffer.read())
s.shutdown(socket.SHUT_WR)
while data := s.recv(65536):
    sys.stdout.buffer.write(data)
"""
# Two who chat: the first one speaks until the second one is there.
CHAT = CONNECT + """ann, bob = connect("localhost", 9000), connect("localhost", 9000)
bob.settimeout(0.2)
heard = b""
while not heard:
    ann.sendall(b"Hello!\\n")
    try:
        heard = bob.recv(1000)
    except TimeoutError:
        pass
bob.sendall(b"Hello, Ann!\\n")
print(heard.decode().splitlines()[0], ann.recv(1000).decode(), sep="\\n", end="")
"""
OF_DATAGRAMS = [f"build/samples/{name}_client" for name in ("time", "discovery", "stream", "position")]
# What a client needs that is shown without its server.
SERVERS = ["build/samples/echo localhost:8007 ThreadingTCPServer", "build/samples/echo localhost:8007 ForkingUDPServer",
           "build/samples/echo unix:/tmp/echo EventLoopUnixStreamServer"]
# They take their time, unless they are told otherwise.
SHORTER = {"build/samples/many": ["--ms", "50"], "build/samples/compare": ["--seconds", "0.05"]}


# ---------------------------------------------------------------- what the documents say


def text_of(document):
    with open(os.path.join(programs.ROOT, document), encoding="utf-8") as file:
        return file.read()


def blocks_of(document, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text_of(document), re.MULTILINE | re.DOTALL)


def lines_of(document):
    return [line for block in blocks_of(document, "sh") for line in block.splitlines()]


def lines_of_sample(path):
    """What stands behind "Try:", "and:", "or:" and below; a remark is set off by two spaces."""
    with open(path, encoding="utf-8") as file:
        head = file.read().removeprefix("/* SPDX-License-Identifier: MIT */\n").split("*/")[0]
    lines = re.findall(r"^ *(?:Try: |and: |or: |(?=build/|nc ))(.*)$", head, re.MULTILINE)
    return [re.split(r"  +", line.strip())[0] for line in lines]


def lines_of_help():
    result = programs.run([programs.path_of("httpserver"), "--help"])
    return ["build/" + line for line in re.findall(r"^ +(httpserver .*?)(?:  .*)?$", result.stdout, re.MULTILINE)]


def commands(lines):
    lines = [re.sub(r"(^|\s)#.*", "", line).strip() for line in lines]
    return [line for line in lines if line]


def is_server(line):
    return re.match(r"(build/(httpserver|samples/(?!\w+_client))|python3 samples/\w+(?<!_client)\.py)", line)


def is_alone(line):
    """It needs no other program, and ends by itself."""
    return re.match(r"build/samples/(names|many|compare)\b", line)


def is_known(host):
    """Not where there is no /etc/hosts, as in a system that was made a moment ago."""
    try:
        return wire.look_up(host, None)  # what a program will find, not what the tests do
    except OSError:
        return False


def where(line):
    """What server and client have in common: the kind of socket, and a port or path."""
    words = set(shlex.split(line))
    datagrams = ({"-u", "--udp", *OF_DATAGRAMS} & words or re.search("(UDP|Datagram)Server|tftp:", line) or
                 "dig" in words and "+tcp" not in words)
    return bool(datagrams), re.findall(r"unix:\S+|(?<=:)[0-9]{2,5}\b|(?<= )[0-9]{4,5}(?= |$)", line)[-1:]


def served(line):
    """Where a server's clients find it: the last argument may be a second address, for HTTP."""
    two = re.fullmatch(r"(build/samples/\w+ \S+ \w+Server) (\S+:[0-9]+)", line)
    return [where(two[1]), where(two[2])] if two else [where(line)]


# ---------------------------------------------------------------- running it


@pytest.fixture
def network(started, tmp_path):
    """network(line) starts a server in a network of its own; server.client(line) runs a client in there."""
    for way in ["unshare", "-n"], ["unshare", "-rn"]:
        if programs.run([*way, "ip", "link", "set", "lo", "up"]).returncode == 0:
            break
    else:
        pytest.skip("unshare -n and ip are not allowed here")
    os.symlink(programs.BUILD, tmp_path / "build")
    for folder in "www", "samples":
        os.symlink(os.path.join(programs.ROOT, folder), tmp_path / folder)

    def start(line, cwd=tmp_path):
        here = line.replace("unix:/tmp/", f"unix:{tmp_path}/")
        server = programs.Server([*way, "sh", "-c", f"ip link set lo up; exec {here}"], tmp_path, cwd=cwd)
        started.append(server)
        wire.wait_until(lambda: os.readlink(f"/proc/{server.pid}/ns/net") != os.readlink("/proc/self/ns/net"))
        enter = ["nsenter", "-t", server.pid, "-n", *(["-U", "--preserve-credentials"] if "-rn" in way else [])]
        server.enter = enter
        server.run = lambda *argv: programs.run([*enter, *argv], directory=tmp_path)
        server.line = lambda client: server.run("sh", "-c", client.replace("unix:/tmp/", f"unix:{tmp_path}/"))
        return server

    return start


def listens(server, line):
    """True when the socket is there, in its network or in the file system."""
    assert server.process.poll() is None, server.log
    path = re.search(r"unix:(/\S+)", line)
    if path:
        path = os.path.join(server.directory, os.path.basename(path[1]))
        with open(f"/proc/{server.pid}/net/unix", encoding="utf-8") as file:
            return path in file.read()
    kind, state = ("udp", "07") if "UDP" in line else ("tcp", "0A")
    for name in kind, kind + "6":
        with open(f"/proc/{server.pid}/net/{name}", encoding="ascii") as file:
            if any(row.split()[3] == state for row in file.readlines()[1:]):
                return True
    return False


BESIDE_HTTPSERVER = """build/httpserver -q & trap "kill $!" EXIT
    until curl -s -o page http://localhost:8000/; do sleep 0.1; done; {} -sS -w ' %{{http_code}}'"""


def try_client(server, line):
    """Runs a client's line; what it prints."""
    words = shlex.split(line)
    if words[0] == "nc":
        if words[1].isupper():
            return None  # a place to be filled in
        result = server.run(sys.executable, "-c", NETCAT, *words[1:])
    elif words[0] == "build/samples/echo_client":
        result = server.line("echo hello | " + line)
    elif words[0].endswith("_client") or words[0] == "python3":
        result = server.line(line)
    elif words[0] == "logger":
        if not is_known("localhost"):
            return None
        result = server.line(line)
        assert result.returncode == 0, result.stderr
        return server.readline()
    elif words[0] == "dig":
        if not is_known("localhost") or not shutil.which("dig"):
            return None
        result = server.line(line)
        assert "status: NOERROR" in result.stdout and "ANSWER: 0" not in result.stdout, result
    elif words[0] == "curl" and "tftp:" in line:
        result = server.line(line + " -sS") if is_known("localhost") else None
        if not result:
            return None
    elif words[0] == "swaks" or words[0].startswith("redis-"):
        if not shutil.which(words[0]) or not is_known("localhost"):
            return None
        result = server.line(line)
    elif words[0] == "curl":
        result = server.line(BESIDE_HTTPSERVER.format(line) if "-x" in words else line + " -sS --noproxy '*' -w ' %{http_code}'")
        assert re.search(" [23][0-9][0-9]$", result.stdout), result
    else:
        assert words[0] == "echo", f"how is this to be tried? {line}"
        result = server.line(line)
    assert result.returncode == 0, result.stderr
    return None if "nc -u " in line else result.stdout  # a datagram, and no answer


def try_server(network, line, clients):
    server = network(line)
    if "httpserver" in line:
        server.read_banner()
        page = server.run(sys.executable, "-c", FETCH, server.url)
        assert ("<title>socketserver" if "-d www" in line else "Directory listing for /") in page.stdout, page.stderr
        port = re.search(r"httpserver (?:.* )?([0-9]{2,5})(?: |$)", line)
        assert server.address[1] == int(port[1]) if port else "-p 0" in line or server.address[1] == 8000
    else:
        wire.wait_until(lambda: listens(server, line))
    for client in clients:
        if where(client) in served(line):
            output = try_client(server, client)
            assert output != "", client
    if "_raw " in line:  # it knows nothing of signals
        server.send_signal(signal.SIGINT)
        server.check(server.wait(), -signal.SIGINT)
    else:
        server.stop(signal.SIGINT)


def try_all(network, lines):
    lines = commands(lines)
    alone = list(filter(is_alone, lines))
    for line in [line for line in alone if "names" not in line or is_known(line.split()[1])]:
        program, *arguments = line.split()
        result = programs.run([programs.BUILD + program.removeprefix("build"), *arguments, *SHORTER.get(program, [])])
        assert result.returncode == 0 and result.stdout, line
    lines = [line for line in lines if line not in alone]
    servers = [line for line in lines if is_server(line)]
    clients = [line for line in lines if not is_server(line)]
    for client in clients:
        if not any(where(client) in served(line) for line in servers):
            (needed,) = [line for line in SERVERS if where(line) == where(client)]
            servers.append(needed)
    assert servers or alone
    for line in servers:
        try_server(network, line, clients)


# ---------------------------------------------------------------- the tests


@pytest.mark.parametrize("path", SAMPLES, ids=[os.path.relpath(path, os.path.join(programs.ROOT, "samples")) for path in SAMPLES])
def test_samples(network, path):
    """Each says in its first lines how to try it, and that is how it is done."""
    program = os.path.basename(os.path.dirname(path)) if path.endswith("/main.c") else None
    if program and not os.path.exists(os.path.join(programs.BUILD, "samples", program)):
        pytest.skip(f"{program} was not built: it needs a library")
    lines = lines_of_sample(path)
    assert lines, "nothing behind Try:"
    try_all(network, lines)


def test_readme(network):
    try_all(network, [line for line in lines_of(README) if not re.match("make |cc ", line)])


def test_help(network):
    lines = lines_of_help()
    if lines:
        try_all(network, lines)


@pytest.mark.parametrize("line", [line for line in commands(lines_of(CONTRIBUTING)) if not line.startswith("make ")])
def test_contributing(line):
    """Whoever carries on finds what the page says."""
    result = programs.run(shlex.split(line), directory=programs.ROOT, BUILD=programs.BUILD)
    assert result.returncode == 0 and result.stdout, result.stderr


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links(document):
    """Links to files of this tree lead to one."""
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text_of(document))
    folder = os.path.dirname(os.path.join(programs.ROOT, document))
    assert [link for link in links if not os.path.exists(os.path.join(folder, link))] == []


MAKE_LINES = [line for document in DOCUMENTS for line in commands(lines_of(document)) if line.startswith("make ")]


@pytest.mark.parametrize("line", MAKE_LINES)
def test_make_lines(line):
    """The goals are there, and the line is understood. (To install packages is not for a test to do.)"""
    result = programs.run([*shlex.split(line), "-n", "BUILD=" + HERE], directory=programs.ROOT, SANITIZE="",
                          limit=4 * programs.LIMIT)
    if missing := re.search(r"\*\*\* (\S+) is missing: .*, or: make deps ", result.stderr):
        pytest.skip(f"no {missing[1]}: {line} needs it, the tests do not")
    assert result.returncode == 0, result.stderr


@pytest.fixture
def built():
    """Skips where make would build instead of only looking that all is there."""
    if programs.SANITIZED:
        pytest.skip("make would build without sanitizers")
    sources = [path for name in ("framework", "handlers", "handlers/httpserver", "samples")
               for path in glob.glob(os.path.join(programs.ROOT, name, "*.[ch]"))]
    results = [path for name in ("*.a", "httpserver", "samples/*") for path in glob.glob(os.path.join(programs.BUILD, name))]
    if max(map(os.path.getmtime, sources)) > max(map(os.path.getmtime, results)):
        pytest.skip("the sources have changed since the build")


@pytest.mark.usefixtures("built")
def test_make_serve(network):
    """What `make deps serve` comes to when nothing is missing: the start page, on the port that the README names."""
    server = network(f"make serve BUILD={HERE}", cwd=programs.ROOT)
    while "http://" not in (banner := server.readline(4 * programs.LIMIT)):
        pass
    url = programs.URL.search(banner)[0]
    assert url == "http://127.0.0.1:8000/" and "make deps serve" in MAKE_LINES
    page = server.run(sys.executable, "-c", FETCH, url).stdout
    with open(os.path.join(programs.ROOT, "www", "index.html"), encoding="utf-8") as file:
        assert page == file.read()
    os.killpg(server.pid, signal.SIGINT)  # as the terminal does
    server.wait()
    wire.wait_until(lambda: not server.group_exists())


@pytest.fixture
def program_of_the_readme(network, tmp_path):
    """program_of_the_readme(0) is the first program shown, compiled as it says there, and started."""

    def start(number):
        (tmp_path / "echo.c").write_text(blocks_of(README, "c")[number])
        for line in commands(lines_of(README)):
            line = line.replace("/tmp/ss", f"{tmp_path}/ss")
            if line.startswith("make install "):
                line += f" BUILD={programs.BUILD} -C {programs.ROOT}"
            elif not line.startswith("cc "):
                continue
            result = programs.run(["sh", "-c", line], directory=tmp_path, limit=4 * programs.LIMIT)
            assert result.returncode == 0, result.stderr
        server = network("./echo")
        wire.wait_until(lambda: listens(server, "./echo"))
        return server

    return start


@pytest.mark.usefixtures("built")
def test_program_of_the_readme(program_of_the_readme):
    """The first thing that a reader does: installs, compiles the program shown, and tries it."""
    server = program_of_the_readme(0)
    assert try_client(server, "build/samples/echo_client localhost:8007") == "hello\n"
    server.stop(signal.SIGINT)


@pytest.mark.usefixtures("built")
def test_chat_of_the_readme(program_of_the_readme):
    server = program_of_the_readme(1)
    result = server.run(sys.executable, "-c", CHAT)
    assert (result.stdout, result.stderr) == ("Hello!\nHello, Ann!\n", "")
    server.stop(signal.SIGINT)

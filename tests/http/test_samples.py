# SPDX-License-Identifier: MIT
"""The samples do what their first lines say."""

import collections
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent import futures

import programs
import pytest
import wire
from event_stream import EventStream
from websocket import TEXT, WebSocket, frame

MIXINS = ["", "Threading", "ThreadPool", "Forking", "Preforking", "EventLoop", "PreforkingEventLoop", "PreforkingThreading"]
STREAMS = [mixin + server for mixin in MIXINS for server in ("TCPServer", "UnixStreamServer")]
DATAGRAMS = [mixin + server for mixin in MIXINS for server in ("UDPServer", "UnixDatagramServer")]
ALL = ["chat", "chatroom", "counter", "dashboard", "daytime", "echo", "echo_client", "game", "guestbook", "hello", "later",
       "lines", "lines_client", "local_only", "names", "nonblocking", "nonblocking_client", "nonblocking_raw", "notify", "others_loop", "proxy",
       "ticker", "time", "time_client", "tls_echo", "two_directories", "welcome", "welcome_client", "welcome_raw", "welcome_raw_client", "ws_client", "ws_clock", "ws_echo"]


def test_all_are_tested():
    names = sorted(name[:-2] for name in os.listdir(os.path.join(programs.ROOT, "samples")) if name.endswith(".c"))
    assert names == ALL


@pytest.mark.parametrize("name", ALL)
def test_one_screen(name):
    """Short, and the first line behind the licence says what it is."""
    with open(os.path.join(programs.ROOT, "samples", name + ".c"), encoding="utf-8") as file:
        licence, *lines = file.read().splitlines()
    assert "SPDX" in licence
    assert lines[0].startswith(f"/* {name}") and ": " in lines[0]
    assert any("Try:" in line and f"build/samples/{name}" in line or "build/samples/" in line for line in lines[:12])
    limit = 150 if name in ("chat", "game", "nonblocking_client", "proxy") else 170 if name == "nonblocking_raw" else 105
    assert len(lines) <= limit and max(map(len, lines)) <= 120


SERVERS = [name for name in ALL if not name.endswith(("_client", "_raw")) and name not in ("names", "others_loop")]


@pytest.mark.parametrize("name", SERVERS)
def test_help(name):
    result = programs.run([programs.path_of("samples/" + name), "--help"])
    assert result.returncode == 0 and result.stderr == ""
    usage, empty, about, *rest = result.stdout.splitlines()
    assert usage.startswith(f"usage: {name} [-h] [--workers N] [--explain[=json]] [--stats] [ADDRESS [CLASS") and empty == ""
    assert about.endswith(".") and "--workers N" in result.stdout and "(default: " in rest[2]
    assert max(map(len, result.stdout.splitlines())) <= 100


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize("arguments, said", [
    (["localhost:0", "NoServer"], "no class for this program is called NoServer"),
    (["localhost:0", "ThreadingNothing"], "no class for this program is called ThreadingNothing"),
    (["localhost:0", "Threading", "more", "still more"], "there is nothing to do with "),
    (["--workers", "0"], "no number of workers from 1 to 100000: 0"), (["--workers=1x"], "no number of workers from 1 to 100000: 1x"),
    (["--workers"], "a value is missing after --workers"), (["--nothing"], "there is no option --nothing"),
    (["-x"], "there is no option -x")])
def test_wrong_arguments(name, arguments, said):
    result = programs.run([programs.path_of("samples/" + name), *arguments])
    assert result.returncode == 2 and result.stdout == ""
    line, = result.stderr.splitlines()
    assert line.startswith(f"{name}: {said}") and line.endswith(" --help shows what there is")


@pytest.mark.parametrize("name, arguments, where", [
    ("echo", ["127.0.0.1:0"], r"127\.0\.0\.1:[1-9]\d* \(ThreadingTCPServer"),
    ("echo", ["127.0.0.1:0", "PreforkingEventLoopUDPServer", "--workers=2"],
     r"127\.0\.0\.1:[1-9]\d* \(PreforkingEventLoopUDPServer"),
    ("echo", ["[::1]:0", "TCPServer"], r"\[::1\]:[1-9]\d* \(TCPServer"),
    ("echo", ["localhost:0"], r"localhost:[1-9]\d* \(ThreadingTCPServer"),
    ("echo", [":0"], r"localhost:[1-9]\d* and every other interface \(ThreadingTCPServer"),
    ("echo", ["unix:echo", "UnixStreamServer"], r"unix:echo \(UnixStreamServer"),
    ("hello", ["127.0.0.1:0"], r"http://127\.0\.0\.1:[1-9]\d*/ \(EventLoopHTTPServer"),
    ("hello", ["0.0.0.0:0", "HTTPServer"], r"http://127\.0\.0\.1:[1-9]\d*/ and every other interface \(HTTPServer"),
    ("counter", ["127.0.0.1:0", "Forking"], r"http://127\.0\.0\.1:[1-9]\d*/ \(ForkingCounter"),
    ("counter", ["127.0.0.1:0", "ThreadPoolCounter"], r"http://127\.0\.0\.1:[1-9]\d*/ \(ThreadPoolCounter"),
    ("syslog", ["127.0.0.1:0", ""], r"127\.0\.0\.1:[1-9]\d* \(UDPServer")])
def test_says_that_it_serves(started, tmp_path, name, arguments, where):
    server = programs.Server([programs.path_of("samples/" + name), *arguments], tmp_path)
    started.append(server)
    assert re.fullmatch(f"Serving {name} on {where}; Ctrl-C stops\\)", server.readline())


def test_workers(started, tmp_path):
    server = programs.Server([programs.path_of("samples/echo"), "127.0.0.1:0", "PreforkingTCPServer", "--workers", "3"], tmp_path)
    started.append(server)
    server.readline()
    wire.wait_until(lambda: len(server.children()) == 3)


@pytest.mark.parametrize("name, arguments", [
    ("echo_client", []), ("ws_client", []), ("names", []), ("nonblocking_client", ["localhost:1", "more"]),
    ("time_client", ["localhost:1", "more"])])
def test_usage(name, arguments):
    result = programs.run([programs.path_of("samples/" + name), *arguments])
    assert result.returncode == 2 and "usage:" in result.stderr and result.stdout == ""


@pytest.mark.parametrize("name", ["chat", "counter", "dashboard", "daytime", "game", "guestbook", "hello", "later", "local_only",
                                  "lines", "notify", "two_directories", "welcome", "ws_clock", "ws_echo"])
def test_address_in_use(name, tmp_path):
    with programs.listener() as busy:
        result = programs.run([programs.path_of("samples/" + name), f"127.0.0.1:{busy.getsockname()[1]}"], directory=tmp_path)
    assert result.returncode == 1 and len(result.stderr.splitlines()) == 1


def echo_client(address, text, *options):
    result = subprocess.run([programs.path_of("samples/echo_client"), *options, address], input=text, capture_output=True,
                            text=True, check=False, timeout=programs.LIMIT)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


# ---------------------------------------------------------------- echo


def inherited(kind, path):
    """A socket for fd:N that is bound already, and its address as text."""
    family = socket.AF_UNIX if path else socket.AF_INET
    server = socket.socket(family, kind)
    server.bind(path or ("127.0.0.1", 0))
    if kind == socket.SOCK_STREAM:
        server.listen(128)
    return server, f"unix:{path}" if path else "%s:%d" % server.getsockname()


@pytest.mark.parametrize("name", STREAMS)
def test_echo_streams(started, tmp_path, name):
    listening, address = inherited(socket.SOCK_STREAM, str(tmp_path / "echo") if "Unix" in name else "")
    with listening:
        fd = listening.fileno()
        started.append(programs.Server([programs.path_of("samples/echo"), f"fd:{fd}", name], tmp_path, fds=[fd]))
    text = "".join(f"line {i} {'x' * (i % 700)}\n" for i in range(300))
    assert echo_client(address, text) == text
    assert echo_client(address, "") == ""
    assert echo_client(address, "no newline") == "no newline"


@pytest.mark.parametrize("name", DATAGRAMS)
def test_echo_datagrams(started, tmp_path, name):
    bound, address = inherited(socket.SOCK_DGRAM, str(tmp_path / "echo") if "Unix" in name else "")
    with bound:
        fd = bound.fileno()
        started.append(programs.Server([programs.path_of("samples/echo"), f"fd:{fd}", name], tmp_path, fds=[fd]))
    text = "".join(f"line {i} {'x' * (i % 700)}\n" for i in range(100))
    assert echo_client(address, text, "-u") == text


@pytest.mark.parametrize("name", ["EventLoopUnixStreamServer", "ForkingUnixDatagramServer"])
def test_echo_path(started, tmp_path, name):
    """As the sample says: unix:/path; the file appears, and goes with the server."""
    path = tmp_path / "echo"
    server = programs.Server([programs.path_of("samples/echo"), f"unix:{path}", name], tmp_path)
    started.append(server)
    options = ["-u"] if "Datagram" in name else []

    def answers():
        result = subprocess.run([programs.path_of("samples/echo_client"), *options, f"unix:{path}"], input="hello\n", check=False,
                                capture_output=True, text=True, timeout=programs.LIMIT)
        return result.returncode == 0 and result.stdout == "hello\n"

    wire.wait_until(answers)
    server.stop()
    assert not path.exists()


def test_echo_client_without_server(tmp_path):
    for address in f"unix:{tmp_path}/nowhere", "127.0.0.1:1", "no address", "name.invalid:1":
        result = programs.run([programs.path_of("samples/echo_client"), address])
        assert result.returncode == 1 and address in result.stderr and len(result.stderr.splitlines()) == 1


# ---------------------------------------------------------------- daytime, local_only

DAYTIME = r"[A-Z][a-z]+day, [0-3]\d [A-Z][a-z]+ \d{4} [0-2]\d:[0-5]\d:[0-6]\d \S+\r\n"


def test_daytime(sample):
    server = sample("daytime", "{address}")
    with server.client() as client:
        text = client.rest().decode()
    assert re.fullmatch(DAYTIME, text)
    assert time.strftime("%Y") in text or time.strftime("%m-%d") in ("01-01", "12-31")


def test_daytime_datagrams(started, tmp_path):
    bound, _ = inherited(socket.SOCK_DGRAM, "")
    with bound, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        server = programs.Server([programs.path_of("samples/daytime"), f"fd:{bound.fileno()}", "EventLoopUDPServer"], tmp_path,
                                 fds=[bound.fileno()])
        started.append(server)
        client.connect(bound.getsockname())
        client.settimeout(programs.LIMIT)
        for question in b"", b"?":
            client.send(question)
            assert re.fullmatch(DAYTIME, client.recv(100).decode())


def test_local_only(sample):
    server = sample("local_only", "{address}")
    with server.client() as client:
        assert client.rest().startswith(b"Hello, 127.0.0.1:")


def test_local_only_turns_others_away(sample):
    """From an address of this machine that is not a loopback one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("no other address here")
        own = probe.getsockname()[0]
    if own.startswith("127."):
        pytest.skip("no other address here")
    server = sample("local_only", "{address}", host="0.0.0.0")
    with wire.Client((own, server.address[1])) as client:
        assert client.rest() == b""
    with wire.Client(("127.0.0.1", server.address[1])) as client:
        assert client.rest().startswith(b"Hello, 127.0.0.1:")


def test_local_only_dual_stack(sample):
    server = sample("local_only", "{address}", host="::1")
    with server.client() as client:
        assert client.rest().startswith(b"Hello, [::1]:")


# ---------------------------------------------------------------- hello, guestbook, two_directories


def test_hello(sample):
    server = sample("hello", "{address}")
    with server.client() as client:
        response = client.ask(path="/world?x")
        assert response.text == "Hello, you asked for /world?x\n"
        assert response.get("Content-Type") == "text/plain; charset=utf-8"
        assert client.ask("POST", "/", b"x").status == 405
        assert client.ask("HEAD", "/world?x").get("Content-Length") == str(len(response.body))


@pytest.fixture
def guestbook(sample, tmp_path):
    (tmp_path / "www").symlink_to(os.path.join(programs.ROOT, "www"))
    return sample("guestbook", "{address}", "EventLoop", tmp_path / "entries")


def sign(client, message):
    return client.ask("POST", "/", message, content_type="application/x-www-form-urlencoded")


def test_guestbook(guestbook):
    with guestbook.client() as client:
        assert "<li>" not in client.ask().text
        for body in (b"message=Hello", b"message=a+b%26c+%3Cb%3E%0Aforged", [b"mess", b"age=in+chunks"]):
            response = sign(client, body)
            assert response.status == 303 and response.get("Location") == "/"
        page = client.ask()
        entries = [entry.strip() for entry in re.findall(r"<li>([^<]*)", page.text)]
        assert entries == ["Hello", "a b&amp;c &lt;b&gt;", "in chunks"]
        assert page.get("Content-Type") == "text/html; charset=utf-8"
        assert client.ask(path="/style.css").get("Content-Type") == "text/css; charset=utf-8"
        assert client.ask(path="/index.html").status == 200
        assert client.ask(path="/../guestbook.c").status == 404


@pytest.mark.parametrize("body, status", [
    (b"", 400), (b"other=x", 400), (b"message", 400), (b"message=", 400), (b"message=%00", 400),
    (b"message=%zz", 303), (b"a=b&message=" + b"x" * 1000 + b"&c", 303), (b"message=" + b"%78" * 1001, 413),
    (b"x" * 100000, 413),
])
def test_guestbook_limits(guestbook, body, status):
    with guestbook.client() as client:
        assert sign(client, body).status == status
    assert guestbook.ask().text.count("<li>") == (status == 303)


def test_guestbook_wants_a_form(guestbook):
    assert guestbook.ask("POST", "/", b"message=x").status == 415
    assert guestbook.ask("POST", "/", b"{}", content_type="application/json").status == 415


@pytest.mark.parametrize("option", ["-d", "-F"])
def test_guestbook_curl(guestbook, option):
    url = "http://%s:%d/" % guestbook.address
    result = programs.run(["curl", "--noproxy", "*", "-sS", "-L", option, "message=Hello", url])
    assert "<li>Hello" in result.stdout


# ---------------------------------------------------------------- counter

COUNTED = ["", "Threading", "ThreadPool", "Forking", "Preforking", "EventLoop", "PreforkingEventLoop",
           "PreforkingThreading", "PreforkingThreadPool", "PreforkingForking"]


def number_and_process(response):
    assert response.status == 200
    return tuple(map(int, re.search(r"<h1>(\d+)</h1>.*process (\d+)", response.text).groups()))


def ask_while_open(client, *request):
    """None: who has only one place has closed the connection, as it was idle, before anything of the request came."""
    try:
        return client.ask(*request)
    except wire.Ended as end:
        assert not end.partial
        return None


@pytest.mark.parametrize("mixins", COUNTED)
def test_counter(sample, mixins):
    server = sample("counter", "{address}", mixins)

    def press(_):
        seen, left = [], 25
        while left:
            with server.client() as client:
                for _ in range(min(left, 5)):
                    if (answer := ask_while_open(client, "POST", "/", b"")) is None:
                        break  # for another one who waits: this was not counted
                    assert answer.status == 303
                    left -= 1
                else:
                    if answer := ask_while_open(client):
                        seen.append(number_and_process(answer)[0])
        return seen

    with futures.ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(press, range(8)))
    assert all(numbers == sorted(numbers) for numbers in seen)
    with server.client() as client:
        assert number_and_process(client.ask())[0] == 8 * 25
        assert client.ask("POST", "/x", b"").status == client.ask(path="/x").status == 404
        response = client.ask("POST", "/", b"x=y", content_type="application/x-www-form-urlencoded")
        assert response.get("Location") == "/" and number_and_process(client.ask())[0] == 8 * 25 + 1


@pytest.mark.parametrize("mixins", ["Preforking", "PreforkingEventLoop", "PreforkingThreadPool"])
def test_counter_outlives_processes(sample, mixins):
    server = sample("counter", "{address}", mixins)
    seen = set()
    for times in range(3):
        assert server.ask("POST", "/", b"").status == 303
        number, process = number_and_process(server.ask())
        assert number == times + 1 and process not in seen
        seen.add(process)
        os.kill(process, signal.SIGKILL)


def test_two_directories(sample, tmp_path):
    for name in "www", "samples":
        (tmp_path / name).symlink_to(os.path.join(programs.ROOT, name))
    server = sample("two_directories", "{address}")
    with server.client() as client:
        assert client.ask(path="/style.css").get("Content-Type") == "text/css; charset=utf-8"
        assert b"int main" in client.ask(path="/source/two_directories.c").body
        assert client.ask("HEAD", "/source/").status == 200
        assert client.ask(path="/source/style.css").status == 404 and client.ask(path="/hello.c").status == 404
        assert client.ask(path="/source/../www/style.css").status == 404
    with server.client(source="127.0.0.2") as client:
        assert client.ask(path="/source/hello.c").status == 403 and client.ask("PUT", "/source/x", b"x").status == 405
        assert client.ask(path="/style.css").status == 200


# ---------------------------------------------------------------- notify, dashboard


@pytest.fixture
def www(tmp_path):
    (tmp_path / "www").symlink_to(os.path.join(programs.ROOT, "www"))


@pytest.mark.usefixtures("www")
@pytest.mark.parametrize("mixins", ["", "Threading", "PreforkingEventLoop"])
def test_notify(sample, mixins):
    server = sample("notify", "{address}", mixins)
    pages = [EventStream(server.client(), "/notes") for _ in range(3)]
    for page in pages:
        while not page.parser.last_id:
            page.more()
    for number, note in enumerate(["one", "two\nlines", "é"], 1):
        assert server.ask("POST", "/", note.encode()).text == "Pages that show it: 3.\n"
        for page in pages:
            event = page.hear()
            assert event.event == "note" and event.data.partition("\n")[2] == note and event.id.endswith(f"-{number}")
        first = event.id if number == 1 else first
    new, back = EventStream(server.client(), "/notes"), EventStream(server.client(), "/notes", last_event_id=first)
    assert [new.hear().id[-1] for _ in range(3)] == ["1", "2", "3"] and [back.hear().id[-1] for _ in range(2)] == ["2", "3"]
    assert new.parser.retry == 1000
    assert [server.ask("POST", "/", body).status for body in (b"", b"\xff", b"x" * 1001)] == [400, 400, 413]
    assert server.ask("POST", "/", b"x", sec_fetch_site="cross-site").status == 403
    assert server.ask("POST", "/", b"x", sec_fetch_site="same-origin").status == 200
    assert "<title>Notify</title>" in server.ask().text and server.ask(path="/live.css").status == 200


@pytest.mark.usefixtures("www")
def test_dashboard(sample):
    server = sample("dashboard", "{address}")
    page = EventStream(server.client(), "/figures")
    assert "<title>Dashboard</title>" in server.ask().text
    while not (figures := json.loads(page.hear().data))["requests"]:
        assert figures["latency"] == 0
    assert figures["requests"] == 1 and figures["connections"] == 1 and figures["memory"] > 500 and figures["latency"] > 0


@pytest.mark.parametrize("name", ["chat", "clock", "dashboard", "game", "notify"])
def test_pages_need_nobody_else(name):
    """No resource of another origin, and each file that the page names is there."""
    with open(os.path.join(programs.ROOT, "www", name + ".html"), encoding="utf-8") as file:
        page = file.read()
    assert not re.search("https?://|@import|url\\(", page)
    for link in re.findall('(?:href|src)="([^"]+)"', page):
        assert os.path.exists(os.path.join(programs.ROOT, "www", link)), link


# ---------------------------------------------------------------- the first steps


WELCOMED = "Welcome! Who are you?\nNice to meet you, Ada.\n"


@contextlib.contextmanager
def raw(command, tmp_path):
    """What knows no library takes no listening socket, and is ended by a signal; yields the port that it says."""
    with open(tmp_path / "raw", "wb") as errors, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as process:
        try:
            ready = process.stdout.readline().decode()
            yield int(re.search(r": ready on 127.0.0.1:(\d+)", ready)[1])
        finally:
            process.terminate()


def welcomed_by(client, *arguments):
    result = programs.run([*client, *arguments])
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


RAW_CLIENT = [programs.path_of("samples/welcome_raw_client")]
PYTHON_CLIENT = [sys.executable, os.path.join(programs.ROOT, "samples", "welcome_client.py")]


def test_welcome_raw(tmp_path):
    with raw([programs.path_of("samples/welcome_raw"), "0"], tmp_path) as port:
        for client in RAW_CLIENT, PYTHON_CLIENT:
            assert welcomed_by(client, port, "Ada") == WELCOMED
        assert welcomed_by([programs.path_of("samples/welcome_client")], f"127.0.0.1:{port}", "Ada") == WELCOMED
        with wire.Client(("127.0.0.1", port)) as client:  # byte by byte, and an end that is missing
            assert client.until(b"\n") == b"Welcome! Who are you?"
            for byte in b"Gr", b"ace\r", b"\n":
                client.send(byte)
            assert client.rest() == b"Nice to meet you, Grace.\n"
        with wire.Client(("127.0.0.1", port)) as client:
            client.send(b"x" * 99)  # a name has no more; what is not read when it closes would reset the connection
            assert b"Nice to meet you, " + b"x" * 99 + b".\n" in client.rest()


def test_welcome_in_python(tmp_path):
    with raw([sys.executable, os.path.join(programs.ROOT, "samples", "welcome.py"), "0"], tmp_path) as port:
        for client in RAW_CLIENT, PYTHON_CLIENT:
            assert welcomed_by(client, port, "Ada") == WELCOMED


@pytest.mark.parametrize("name", [name for name in STREAMS if name.endswith("TCPServer")])
def test_welcome(sample, name):
    server = sample("welcome", "{address}", name)
    assert welcomed_by([programs.path_of("samples/welcome_client")], "%s:%d" % server.address[:2], "Ada") == WELCOMED
    for client in RAW_CLIENT, PYTHON_CLIENT:
        assert welcomed_by(client, server.address[1], "Ada") == WELCOMED


def test_nobody_welcomes():
    with programs.listener() as nobody:
        port = nobody.getsockname()[1]
    for client, address in ((RAW_CLIENT, port), ([programs.path_of("samples/welcome_client")], f"127.0.0.1:{port}"),
                            ([programs.path_of("samples/lines_client")], f"127.0.0.1:{port}")):
        result = programs.run([*client, address])
        assert result.returncode == 1 and "Connection refused" in result.stderr


@pytest.mark.parametrize("name", ["TCPServer", "EventLoopTCPServer"])
def test_lines(sample, name):
    server = sample("lines", "{address}", name)
    result = programs.run([programs.path_of("samples/lines_client"), "%s:%d" % server.address[:2]])
    assert (result.returncode, result.stderr) == (0, "")
    texts = re.findall(r"^    (\d+) bytes in (\d+) pieces?: (.*)$", result.stdout, re.MULTILINE)
    assert [(size, text) for size, _, text in texts] == 3 * [("10", "first line"), ("14", "and the second")]
    assert [pieces for _, pieces, _ in texts[:2]] == ["1", "1"]
    with server.client() as client:
        client.send(b"a\n\n" + b"x" * 2000)
        assert client.rest() == b"1 bytes in 1 piece: a\n0 bytes in 1 piece: \na line has 1000 bytes at most: good-bye\n"
    with server.client() as client:
        client.send(b"no end").end()
        assert client.rest() == b"the end came in the middle of a line, after 6 bytes\n"


def test_names():
    program = programs.path_of("samples/names")
    result = programs.run([program, "127.0.0.1", "4711"])
    assert (result.returncode, result.stderr) == (0, "")
    assert re.fullmatch(r"IPv4  127\.0\.0\.1 port 4711  is  (localhost|no name).*\n", result.stdout)
    assert programs.run([program, "::1"]).stdout.startswith("IPv6  [::1] port 0  is  ")
    result = programs.run([program, "no.such.name.invalid"])
    assert result.returncode == 1 and result.stdout == "" and "no.such.name.invalid: " in result.stderr


# ---------------------------------------------------------------- WebSockets


def test_ws_echo(sample):
    server = sample("ws_echo", "{address}")
    for path in "/", "/straight":
        with server.client() as client:
            ws = WebSocket(client, path)
            for message in "Hello", b"\0" * 70_000:
                assert ws.say(message).hear() == message
            ws.close()


def test_ws_client(sample):
    server = sample("ws_echo", "{address}")
    url = "ws://%s:%d" % server.address[:2]
    lines = "Hello\nGrüße\n" + "long " * 5000 + "\n"  # the last one is compressed
    for path in "", "/", "/straight":
        result = subprocess.run([programs.path_of("samples/ws_client"), url + path], input=lines, text=True,
                                capture_output=True, timeout=programs.LIMIT, check=False)
        assert (result.returncode, result.stdout, result.stderr) == (0, lines, "")
    result = programs.run([programs.path_of("samples/ws_client"), "http://localhost/"])
    assert result.returncode == 1 and "Invalid argument" in result.stderr


@pytest.mark.usefixtures("www")
def test_ws_clock(sample):
    server = sample("ws_clock", "{address}")
    with server.client() as client:
        ws = WebSocket(client, "/clock")
        times = [ws.hear().split() for _ in range(3)]
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", date) and re.fullmatch(r"[+-]\d{4}", zone) for date, _, zone in times)
        seconds = [int(clock[-2:]) for _, clock, _ in times]
        passed = [(second - seconds[0]) % 60 for second in seconds]
        assert passed == sorted(passed) and passed[-1] >= 1  # on a busy machine one is late, and the next one in time
        ws.leave()
    assert "</html>" in server.ask(path="/clock.html").text


def chats(server, room, name):
    ws = WebSocket(server.client(), f"/chat/{room}/{name}")
    ws.name, ws.heard = name, collections.Counter()
    return ws


MANY = pytest.mark.parametrize("mixins", ["", "Threading", "PreforkingEventLoop"])


@MANY
@pytest.mark.usefixtures("www")
def test_chat(sample, mixins):
    """Who is here, what was said before, and nothing of another room."""
    server = sample("chat", "{address}", mixins)
    ann = chats(server, "lobby", "Ann")
    assert ann.hear() == "+Ann"
    other = chats(server, "other%20room", "Zo%C3%AB")
    assert other.hear() == "+Zoë"
    assert ann.say("Hello!").hear() == "!Ann\tHello!"
    bob = chats(server, "lobby", "Bob")
    assert [bob.hear(), *sorted([bob.hear(), bob.hear()])] == ["!Ann\tHello!", "+Ann", "+Bob"]
    assert ann.hear() == "+Bob"
    bob.say("Hello, Ann!")
    assert ann.hear() == bob.hear() == "!Bob\tHello, Ann!"
    bob.close()
    assert ann.hear() == "-Bob"
    assert ann.say("x" * 1001).closed() == 1003
    assert other.say("all alone").hear() == "!Zoë\tall alone"
    assert chats(server, "lobby", "").closed() == 1008
    assert "</html>" in server.ask(path="/chat.html").text


@MANY
@pytest.mark.usefixtures("www")
def test_who_comes_to_a_chat_misses_no_line(sample, mixins):
    """Each was said before, or is said later; none is both, or neither."""
    server = sample("chat", "{address}", mixins)
    said = [f"!Ann\t{number}" for number in range(90)]  # as many as are kept, and some fewer
    ann = chats(server, "lobby", "Ann")
    assert ann.hear() == "+Ann"
    members = []
    for first in range(0, len(said), 3):
        ann.send(*(frame(TEXT, line.partition("\t")[2]) for line in said[first:first + 3]))
        members.append(chats(server, "lobby", f"m{first}"))
    for ws in members:
        heard = []
        while heard[-1:] != said[-1:]:
            heard += [line for line in [ws.hear()] if line[0] == "!"]
        assert heard == said


def hear_all(ws, *lines):
    """Until all of these were heard; and no line of anybody's is heard twice."""
    while not ws.heard.keys() >= set(lines):
        line = ws.hear()
        ws.heard[line] += line[0] == "!"
    assert not lines or max(ws.heard.values()) == 1, ws.heard


def say_all(members, text):
    for ws in members.values():
        ws.say(text)
    for ws in members.values():
        hear_all(ws, *(f"!{name}\t{text}" for name in members))


def has_gone(ws):
    """Whether its worker has, whose connections the system closes."""
    try:
        hear_all(ws.say("during"), f"!{ws.name}\tduring")
    except (wire.Ended, ConnectionError):
        return True
    return False


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor: one worker")
@pytest.mark.usefixtures("www")
def test_a_worker_is_killed_while_members_chat(sample):
    """The others go on, and nobody hears anything twice; who was cut off comes back."""
    server = sample("chat", "{address}", "PreforkingEventLoop")

    def descriptors(pid):
        return len(os.listdir(f"/proc/{pid}/fd"))

    assert wire.wait_until(lambda: len(server.children()) > 1)
    before, members, number = {pid: descriptors(pid) for pid in server.children()}, {}, 0
    while len(members) < 10 or not all(descriptors(pid) > count for pid, count in before.items()):
        if len(members) == 10:  # the last one is with the worker that has all others
            members.popitem()[1].leave()
        name = f"m{number}"
        number += 1
        assert number < 400, "one worker gets all of them"
        members[name] = chats(server, "lobby", name)
    say_all(members, "before")
    os.kill(min(before), signal.SIGKILL)
    gone = {name for name, ws in members.items() if has_gone(ws)}
    assert 0 < len(gone) < len(members)
    others = {name: ws for name, ws in members.items() if name not in gone}
    say_all(others, "after")
    back = {name: chats(server, "lobby", name) for name in gone}
    say_all(others | back, "all together")


@MANY
@pytest.mark.usefixtures("www")
def test_game(sample, mixins):
    server = sample("game", "{address}", mixins)
    players = [WebSocket(server.client(), "/game") for _ in range(2)]
    names = []
    for player in players:
        while not (text := player.hear()).startswith("you "):
            pass
        names.append(text[4:])
    players[0].say("300 200")
    players[1].say("99999 -5")
    wanted = {names[0]: ("300", "200"), names[1]: ("800", "0")}
    for player in players:
        while {place.split()[0]: tuple(place.split()[1:3]) for place in player.hear().split(";")[1:]} != wanted:
            pass
    players[1].leave()
    while len(players[0].hear().split(";")) > 2:
        pass
    assert "</html>" in server.ask(path="/game.html").text

# SPDX-License-Identifier: MIT
"""The access log: a line for each request, behind its response, with what was sent; nothing lost, nothing forged."""

import collections
import json
import os
import re
import signal
import threading

import programs
import pytest
import wire

COMMON = re.compile(r'(\S+) - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "((?:[^"\\]|\\.)*)" (\d{3}|-) (\d+|-)')
COMBINED = re.compile(COMMON.pattern + r' "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"')
KEYS = ["time", "client", "method", "path", "version", "status", "bytes", "duration_ms", "referer", "user_agent"]


class Log:
    def __init__(self, path):
        self.path = path

    def lines(self):
        """All of it, which consists of whole lines."""
        data = self.path.read_bytes() if self.path.exists() else b""
        assert data == b"" or data.endswith(b"\n")
        return data.decode("ascii").splitlines()

    def wait(self, count):
        # a large write that is not through yet may be seen in part
        wire.wait_until(lambda: self.path.exists() and self.path.read_bytes().count(b"\n") >= count)
        lines = self.lines()
        assert len(lines) == count, lines
        return lines

    def objects(self, count):
        return [json.loads(line) for line in self.wait(count)]


@pytest.fixture
def log(tmp_path):
    return Log(tmp_path / "access.log")


@pytest.fixture
def served(httpserver, log, root):
    """served(format, *options): httpserver with its log in a file."""
    (root / "a.txt").write_text("hello")
    return lambda form, *options: httpserver("--access-log", log.path, "--log-format", form, *options)


def number(text):
    return 0 if text == "-" else int(text)


# ---------------------------------------------------------------- what a line says


def test_common(served, log):
    server = served("common")
    assert server.ask(path="/a.txt?b=%22").status == 200
    (line,) = log.wait(1)
    assert COMMON.fullmatch(line).groups() == ("127.0.0.1", "GET /a.txt?b=%22 HTTP/1.1", "200", "5")


def test_combined(served, log):
    server = served("combined")
    server.ask(path="/a.txt", referer="http://x/?\"\\\xe9", user_agent="a\tb")
    server.ask(path="/a.txt", referer="")
    lines = [COMBINED.fullmatch(line).groups()[4:] for line in log.wait(2)]
    assert lines == [(r"http://x/?\"\\\xe9", r"a\tb"), ("", "-")]


def test_python(served, log):
    served("python").ask(path="/a.txt")
    (line,) = log.wait(1)
    assert re.fullmatch(r'127\.0\.0\.1 - - \[../.../.... ..:..:..\] "GET /a\.txt HTTP/1\.1" 200 5', line)


def test_json(served, log):
    server = served("json")
    server.ask(path="/a.txt?\"", user_agent="\xff\xc3\xa9")
    entry = json.loads(wire.wait_until(log.path.read_bytes).decode())
    assert list(entry) == KEYS
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", entry["time"])
    assert 0 < entry["duration_ms"] < 1000 * programs.LIMIT
    assert entry["user_agent"] == "\ufffd\xe9"
    del entry["time"], entry["duration_ms"], entry["user_agent"]
    assert entry == {"client": "127.0.0.1", "method": "GET", "path": "/a.txt?\"", "version": "HTTP/1.1", "status": 200,
                     "bytes": 5, "referer": None}


def test_each_kind_of_request(served, log, root, mixin):
    """HEAD and 304 send no body, refused requests are logged as far as they are known, interim responses are not."""
    server = served("json", *mixin)
    date = server.ask(path="/a.txt", connection="close").get("Last-Modified")
    server.ask("HEAD", "/a.txt", connection="close")
    assert server.ask(path="/a.txt", if_modified_since=date, connection="close").status == 304
    page = server.ask(path="/nowhere", connection="close")
    put = server.ask("PUT", "/a.txt", body=b"x", expect="100-continue", connection="close")
    refusals = [b"GET /\x1b[2J HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nno field\r\n\r\n", b"\x16\x03\x01 ", b" \r\n"]
    sizes = []
    for data in refusals:
        with server.client() as client:
            response = client.send(data).end().response()
            assert response.status == 400
            sizes.append(len(response.body))
    entries = log.objects(5 + len(refusals))
    assert [(e["method"], e["status"], e["bytes"]) for e in entries[:5]] == [
        ("GET", 200, 5), ("HEAD", 200, 0), ("GET", 304, 0), ("GET", 404, len(page.body)), ("PUT", put.status, len(put.body))]
    assert [(e["status"], e["bytes"]) for e in entries[5:]] == [(400, size) for size in sizes]
    assert [e.get("request") for e in entries[5:]] == ["GET /\x1b[2J HTTP/1.1", None, "\x16\x03\x01 ", " "]


def test_duration(probe):
    """From the first byte of the request to the end of the response: log_request sees it."""
    server = probe("log=json")
    with server.client() as client:
        client.send(b"GET /slow?200 HTTP/1.1\r\n")
        assert client.send(b"Host: x\r\n\r\n").final().status == 200
        client.send(wire.request(path="/reflect")).final()
    wire.wait_until(lambda: server.log.count("\n") == 2)
    slow, quick = [json.loads(line)["duration_ms"] for line in server.log.splitlines()]
    assert 199 <= slow < 1000 * programs.LIMIT
    assert quick < slow


def test_chunks_are_counted_as_what_they_carry(probe):
    server = probe("log=json")
    response = server.ask(path="/big?50000")
    assert response.chunks and len(response.body) == 50000
    server.wait_for_log('"bytes":50000,')


# ---------------------------------------------------------------- nobody forges a line


@pytest.mark.parametrize("form", ["python", "common", "combined", "json"])
def test_injection(served, log, form):
    server = served(form)
    nasty = ["/%0d%0aforged", "/\r\nX: y", "/\x1b]0;x\x07", "/\"\\\" 200 1", "/\x00", "/\x7f\x9b", "/%00"]
    for path in nasty:
        with server.client() as client:
            client.send(b"GET " + path.encode("latin-1") + b" HTTP/1.1\r\nHost: x\r\nUser-Agent: \x1b[31m\x85\"\\\r\n\r\n").end()
            client.rest()
    lines = wire.wait_until(lambda: (data := log.path.read_bytes().split(b"\n")) and len(data) == len(nasty) + 1 and data)
    for line in lines[:-1]:
        assert not re.search(rb"[\x00-\x1f\x7f]", line)
        if form == "json":
            assert json.loads(line)["client"] == "127.0.0.1"
        elif form != "python":
            assert (COMBINED if form == "combined" else COMMON).fullmatch(line.decode("ascii")), line


# ---------------------------------------------------------------- one line each, all of them


@pytest.mark.parametrize("form", ["common", "json"])
def test_one_line_for_each_request(served, log, mixin, form):
    """Eight clients at once; lines do not mix, and their bytes are those that came."""
    count = 30 if programs.SANITIZED else 60
    server = served(form, *mixin)
    got = collections.Counter()
    lock = threading.Lock()

    def load(number):
        for i in range(count):
            with wire.Client(server.address) as client:
                path = "/a.txt" if i % 3 else f"/nowhere-{number}-{i}"
                response = client.ask(path=path, connection="close")
                with lock:
                    got[f"GET {path} HTTP/1.1", response.status, len(response.body)] += 1

    threads = [threading.Thread(target=load, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = log.wait(8 * count)
    if form == "json":
        entries = [json.loads(line) for line in lines]
        logged = collections.Counter((f"{e['method']} {e['path']} {e['version']}", e["status"], e["bytes"]) for e in entries)
    else:
        groups = [COMMON.fullmatch(line).groups() for line in lines]
        logged = collections.Counter((line, int(status), number(size)) for _, line, status, size in groups)
    assert logged == got


def test_kept_connection(served, log, mixin):
    """More lines than are written at once, then silence: they come by themselves, while the connection is open."""
    server = served("common", *mixin)
    with server.client() as client:
        for _ in range(50):
            client.ask(path="/a.txt")
        log.wait(50)


def test_pipelined(served, log, mixin):
    server = served("common", *mixin)
    with server.client() as client:
        client.send(wire.request(path="/a.txt") * 20 + wire.request(path="/nowhere"))
        for _ in range(21):
            client.response()
        assert [COMMON.fullmatch(line)[3] for line in log.wait(21)] == ["200"] * 20 + ["404"]


def test_aborted_download(served, log, root, mixin):
    """What had been sent when the client went away."""
    with open(root / "large", "wb") as file:
        file.truncate(50_000_000)
    server = served("json", *mixin)
    client = server.client(receive_buffer=1 << 16)
    client.send(wire.request(path="/large"))
    client.fill()
    client.reset()
    (entry,) = log.objects(1)
    assert entry["status"] == 200 and 0 < entry["bytes"] < 50_000_000


def test_tunnel(probe):
    """A connection that was made a tunnel is logged once, when it ends."""
    server = probe("log=json")
    with server.client() as client:
        client.send(wire.request("CONNECT", "example.org:443"))
        assert client.final("HEAD").status == 200
        size = len(client.rest())
    wire.wait_until(lambda: server.log)
    server.stop()
    (entry,) = [json.loads(line) for line in server.log.splitlines()]
    assert (entry["method"], entry["status"], entry["bytes"]) == ("CONNECT", 200, size)


# ---------------------------------------------------------------- the end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_nothing_is_lost_at_the_end(served, log, mixin, number):
    server = served("common", *mixin)
    with server.client() as client:
        for _ in range(100):
            client.ask(path="/a.txt")
        server.stop(number)
    assert len(log.lines()) == 100


def test_nothing_is_lost_by_a_second_signal(served, log, root, mixin):
    """The download that is cut short has its line, too."""
    with open(root / "large", "wb") as file:
        file.truncate(50_000_000)
    server = served("json", *mixin)
    with server.client(receive_buffer=1 << 17) as client:
        for _ in range(50):
            client.ask(path="/a.txt")
        client.send(wire.request(path="/large"))
        client.fill()
        server.send_signal(signal.SIGTERM)
        server.send_signal(signal.SIGINT)
        server.check(server.wait(), expected=130)
    entries = [json.loads(line) for line in log.lines()]
    assert len(entries) == 51 and 0 < entries[-1]["bytes"] < 50_000_000


def test_appended(served, log):
    """To what is there; and after a copytruncate from the beginning."""
    log.path.write_text("before\n")
    server = served("common")
    server.ask(path="/a.txt")
    assert log.wait(2)[0] == "before"
    os.truncate(log.path, 0)
    server.ask(path="/a.txt")
    assert COMMON.fullmatch(log.wait(1)[0])


def test_full_disk(started, tmp_path, root):
    """The server goes on, and says once that lines are lost."""
    (root / "a.txt").write_text("hello")
    server = programs.Server([programs.path_of("httpserver"), "--access-log", "/dev/full", "-d", root, "0"], tmp_path)
    started.append(server)
    server.read_banner()
    for _ in range(30):
        assert server.ask(path="/a.txt").text == "hello"
    server.wait_for_log("access log cannot be written.*No space left")
    server.stop()
    assert server.log.count("cannot be written") == 1


def test_reader_that_takes_nothing(started, tmp_path, root):
    """A pipe that nobody empties does not stop the server."""
    (root / "a.txt").write_text("hello")
    reading, writing = os.pipe()
    server = programs.Server([programs.path_of("httpserver"), "--access-log", f"/dev/fd/{writing}", "-d", root, "0"],
                             tmp_path, fds=[writing])
    started.append(server)
    server.read_banner()
    os.close(writing)
    with server.client() as client:
        for _ in range(250):
            assert client.ask(path="/a.txt?" + "x" * 2000).text == "hello"
    server.wait_for_log("access log cannot be written.*keep up")
    server.stop()
    os.close(reading)


# ---------------------------------------------------------------- options


def test_quiet_is_for_stderr(served, log):
    server = served("common", "-q")
    server.ask(path="/nowhere")
    server.stop()
    assert len(log.lines()) == 1 and server.log == ""


@pytest.mark.parametrize("arguments, words", [
    (["--log-format", "xml"], "python, common, combined or json"), (["--access-log", "/nowhere/log"], "/nowhere/log"),
    (["--access-log", "."], "directory")])
def test_bad_options(arguments, words):
    result = programs.run([programs.path_of("httpserver"), *arguments, "0"])
    assert result.returncode in (1, 2) and result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("httpserver: ") and words in line


# ---------------------------------------------------------------- what it costs


def test_few_writes(strace, started, tmp_path, root, log):
    """A log in a file costs far less than a system call for each request."""
    (root / "a.txt").write_text("hello")
    server = programs.Server(["strace", "-f", "-qq", "-P", log.path, "-e", "trace=write,writev", "-o", tmp_path / "trace",
                              programs.path_of("httpserver"), "--access-log", log.path, "--log-format", "combined",
                              "-d", root, "0"], tmp_path)
    started.append(server)
    server.read_banner()
    with server.client() as client:
        for _ in range(50):
            client.send(wire.request(path="/a.txt") * 20)
            for _ in range(20):
                client.response()
    (child,) = server.children()
    os.kill(child, signal.SIGTERM)
    server.check(server.wait())
    assert len(log.lines()) == 1000
    writes = (tmp_path / "trace").read_text().count("write(")
    assert writes < 50, writes


def test_log_message_is_overridden(probe):
    """log_request says its line by it."""
    server = probe(program="content")
    assert server.ask("PUT", "/new", b"").body == b"stored"
    server.wait_for_log(r'own: "PUT /new HTTP/1\.1" 201 6\n')
    with server.client() as client:
        assert client.send("nonsense\r\n\r\n").response().status == 400
    server.wait_for_log(r'own: "nonsense" 400 ')

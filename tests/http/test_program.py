# SPDX-License-Identifier: MIT
"""httpserver, the program: its options, what it prints, and how it ends."""

import contextlib
import os
import signal
import socket
import urllib.request

import programs
import pytest
import wire

HTTPSERVER = "httpserver"


@pytest.fixture(autouse=True)
def page(root):
    (root / "a.txt").write_text("hello")
    os.utime(root / "a.txt", (1e9, 1e9))  # not in this second: the server's Date may be the one before


def start(started, tmp_path, *arguments, **more):
    """httpserver with these arguments and no others."""
    server = programs.Server([programs.path_of(HTTPSERVER), *arguments], more.pop("directory", tmp_path), **more)
    started.append(server)
    return server.read_banner()


def run(*arguments, **more):
    return programs.run([programs.path_of(HTTPSERVER), *arguments], **more)


# ---------------------------------------------------------------- good lines


@pytest.mark.parametrize("line", [
    "0 --bind 127.0.0.1 --directory root", "--bind 127.0.0.1 --directory root 0", "0 -b 127.0.0.1 -d root",
    "-d root -b localhost 0", "--directory=root --bind=127.0.0.1 0", "-droot 0", "-p 0 -d root", "--port 0 -d root",
    "--port=0 -d root", "-p0 -d root", "0 --protocol HTTP/1.1 -d root", "0 --protocol=HTTP/1.0 -d root", "-d root -- 0",
    "-d root -b 127.1 0", "-d root -p 8000 0", "-d ./root/../root/ 0",
])
def test_good_lines(started, tmp_path, line):
    """Those of `python3 -m http.server`, and ours."""
    server = start(started, tmp_path, *line.split())
    assert server.ask(path="/a.txt").text == "hello"


def test_current_directory(started, tmp_path, root):
    server = start(started, tmp_path, "0", directory=root)
    assert server.ask(path="/a.txt").text == "hello"


@pytest.mark.parametrize("bind", ["::1", "::", "[::1]"])
def test_ipv6(started, tmp_path, bind):
    server = start(started, tmp_path, "-b", bind, "-d", "root", "0")
    with wire.Client(("::1", server.address[1])) as client:
        assert client.ask(path="/a.txt").text == "hello"
    server.wait_for_log("^::1 - - ")


@pytest.mark.parametrize("bind", ["0.0.0.0", "::", ""])
def test_every_interface(started, tmp_path, bind):
    """The URL is one that works here."""
    server = start(started, tmp_path, "-b", bind, "-d", "root", "0")
    assert server.address[0] in ("127.0.0.1", "localhost")
    with urllib.request.urlopen(server.url + "a.txt", timeout=programs.LIMIT) as response:
        assert response.read() == b"hello"


def test_banner(httpserver, root):
    """A line in a pipe, at once; its URL works; it says what is served, and how it is stopped."""
    server = httpserver()
    assert server.url.startswith("http://127.0.0.1:") and server.address[1] != 0
    assert str(root) in server.banner and "Ctrl-C" in server.banner
    with urllib.request.urlopen(server.url, timeout=programs.LIMIT) as response:
        assert b"Directory listing" in response.read()


def test_banner_comes_when_clients_can(httpserver, mixin):
    server = httpserver(*mixin)
    server.send_signal(signal.SIGTERM)  # at once: signals are taken care of, too
    server.check(server.wait())


@pytest.mark.parametrize("address", ["unix:socket", "unix:@httpserver-{pid}"])
def test_unix(started, tmp_path, address):
    address = address.format(pid=os.getpid())
    server = programs.Server([programs.path_of(HTTPSERVER), "-b", address, "-d", "root"], tmp_path)
    started.append(server)
    assert address in server.readline()
    path = address[5:].replace("@", "\0")
    with wire.Client(path if path[0] == "\0" else str(tmp_path / path)) as client:
        assert client.ask(path="/a.txt").text == "hello"


@pytest.mark.parametrize("form, expected", [
    ("python", r"^- - UID \["), ("common", r"^- - UID \["), ("combined", r"^- - UID \["),
    ("json", r'"client":"-","uid":UID,"method":"GET"')])
def test_user_of_a_unix_socket(started, tmp_path, form, expected):
    """The kernel says who has connected, and so does the log: in Apache's forms at the place that is for that."""
    server = programs.Server([programs.path_of(HTTPSERVER), "-b", "unix:socket", "-d", "root", "--log-format", form], tmp_path)
    started.append(server)
    server.readline()
    with wire.Client(str(tmp_path / "socket")) as client:
        assert client.ask(path="/a.txt").text == "hello"
    server.wait_for_log(expected.replace("UID", str(os.geteuid())))


def test_inherited_descriptor(started, tmp_path):
    with programs.listener() as listening:
        server = start(started, tmp_path, "-b", f"fd:{listening.fileno()}", "-d", "root", fds=[listening.fileno()])
        assert server.address == listening.getsockname()
    assert server.ask(path="/a.txt").text == "hello"


def test_mixin_names(httpserver, mixin):
    banner = httpserver(*mixin).banner
    for name in mixin[1].split(","):
        assert name in banner.lower().replace(" ", "")


@pytest.mark.parametrize("name", ["EventLoop", "eventloopmixin", "ThreadingMixIn", "THREADPOOL", "none"])
def test_mixin_spellings(httpserver, name):
    assert httpserver("--mixin", name).ask(path="/a.txt").text == "hello"


def test_workers(httpserver):
    """As many processes as were asked for; one that dies is replaced."""
    server = httpserver("--mixin", "preforking,eventloop", "--workers", "3")

    def children():
        with open(f"/proc/{server.pid}/task/{server.pid}/children", encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]

    first = wire.wait_until(lambda: len(children()) == 3 and children())
    os.kill(first[0], signal.SIGKILL)
    wire.wait_until(lambda: len(children()) == 3 and first[0] not in children())
    assert server.ask(path="/a.txt").text == "hello"


def test_workers_of_eventloop_are_threads(httpserver):
    server = httpserver("--workers", "3")
    wire.wait_until(lambda: len(os.listdir(f"/proc/{server.pid}/task")) >= 3)
    assert server.ask(path="/a.txt").text == "hello"


def test_mime(httpserver, root, mixin):
    """The last one counts, the longest ending goes first, and all of them before what is built in."""
    for name in "a.foo", "a.html", "a.tar.gz", "a.gz":
        (root / name).write_text("x")
    server = httpserver(*mixin, "--mime", "foo=a/b", "--mime=.FOO=text/foo; charset=\"utf-8\"", "--mime", "html=text/x-html",
                        "--mime", "tar.gz=application/x-tgz")
    types = {"a.foo": 'text/foo; charset="utf-8"', "a.html": "text/x-html", "a.tar.gz": "application/x-tgz",
             "a.gz": "application/gzip", "a.txt": "text/plain; charset=utf-8"}
    for name, kind in types.items():
        assert server.ask(path="/" + name).get("Content-Type") == kind


def server_fields(server, upload):
    """The Server field of answers of all kinds, None where there is none."""
    with server.client() as client:
        date = client.ask(path="/a.txt").get("Last-Modified")
        asked = [("GET", "/a.txt", {}), ("HEAD", "/a.txt", {}), ("GET", "/a.txt", {"if_modified_since": date}),
                 ("GET", "/none", {}),
                 ("GET", "/a.txt", {"range": "bytes=1-2"}), ("GET", "/a.txt", {"range": "bytes=9-"}), ("GET", "/", {}),
                 ("GET", "/dir", {}),
                 ("OPTIONS", "*", {}), ("DELETE", "/a.txt", {}), ("PUT", "/new", {"body": b"x"}), ("UNKNOWN", "/", {})]
        responses = [client.ask(method, path, **fields) for method, path, fields in asked]
    statuses = [200, 200, 304, 404, 206, 416, 200, 301, 204, 405, 201 if upload else 405, 501]
    assert [response.status for response in responses] == statuses
    for bad in b"GET / HTTP/2.0\r\n\r\n", b"\x16\x03\x01 ", b"GET /" + b"x" * 10000, b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 200:
        with server.client() as client:
            responses.append(client.send(bad).response())
    return {response.get("Server") for response in responses}


@pytest.mark.parametrize("line, field", [
    ("", "httpserver/0.1.0"), ("--server-tokens on", "httpserver/0.1.0"), ("--server-tokens name", "httpserver"),
    ("--server-tokens=off", None), ("--server-tokens off --upload", None),
    ("--upload --server-tokens off --protocol HTTP/1.1", None),
])
def test_server_tokens(httpserver, root, mixin, line, field):
    (root / "dir").mkdir()
    assert server_fields(httpserver(*mixin, *line.split()), "--upload" in line) == {field}


def test_quiet(httpserver):
    server = httpserver("-q")
    assert server.ask(path="/a.txt").status == 200
    assert server.ask(path="/nowhere").status == 404
    server.stop()
    assert server.log == ""


def test_log(httpserver):
    server = httpserver()
    server.ask(path="/a.txt?x=%1b[31m\\")
    server.wait_for_log(r'^127\.0\.0\.1 - - \[../.../.... ..:..:..\] "GET /a\.txt\?x=%1b\[31m\\\\ HTTP/1\.1" 200 5$')


@pytest.mark.parametrize("limit", [0, 1000])
def test_limits(httpserver, root, limit):
    """0 is none of them."""
    (root / "a.txt").write_text("hello")
    server = httpserver("--write-timeout", limit, "--min-rate", limit, "--max-connections-per-client", limit, "--upload",
                        "--min-free", limit)
    with contextlib.ExitStack() as stack:
        for client in [stack.enter_context(server.client()) for _ in range(3)]:
            assert client.ask(path="/a.txt").body == b"hello"
            assert client.ask("PUT", "/b.txt", b"bye").status in (201, 204)


# ---------------------------------------------------------------- bad lines


@pytest.mark.parametrize("line", [
    "--unknown", "-x", "eighty", "80 81", "-1", "65536", "99999999999999999999", "80x", "''", "-p", "-p x", "-p 65536",
    "-p -1", "-d", "-b", "--mixin", "--mixin nothing", "--mixin eventloop,nothing", "--mixin eventloop,", "--mixin ''",
    "--workers 0", "--workers x", "--workers -1", "--workers 1000000", "--protocol HTTP/2", "--protocol HTTP/0.9",
    "--mime", "--mime x", "--mime x=", "--mime =text/plain", "--mime x=text", "--mime x=text/", "--mime x=text/plain;",
    "--mime a/b=text/plain", "--mime .=text/plain", "--mime text/plain=x", "--mime x=text/plain,text/html",
    "--cgi", "--protocol x", "--compress", "--compress on", "--compress ALL",
    "--server-tokens", "--server-tokens ''", "--server-tokens OFF", "--server-tokens full",
    "--max-connections-per-client", "--max-connections-per-client x", "--max-connections-per-client 1000001",
    "--min-rate", "--min-rate x", "--min-rate -1", "--min-rate 1000001",
    "--write-timeout", "--write-timeout x", "--write-timeout -1", "--write-timeout 2147484", "--write-timeout 1.5",
    "--max-uploads 0 --upload", "--max-uploads 4097 --upload", "--max-upload 0 --upload", "--max-upload 1T --upload",
    "--min-free x --upload", "--on-duplicate all --upload", "--max-uploads 1", "--upload-index", "--symlinks", "--log-format xml",
    "--cache", "--cache x", "--cache -1", "--cache 1h", "--cache 2147483648", "--cache ''",
    "--mixin " + ",".join(["threading"] * 50), "--mixin " + ",".join(["forking"] * 30), "-b " + "x" * 5000,
    "--mixin eventloop,sequential", "--mixin None,threading", "--workers 2 --mixin threading", "--workers 2 --mixin sequential",
    "-p HTTP/1.0", "-b 127.0.0.1:8000", "-b localhost:0",
])
def test_bad_lines(line):
    """Usage, or where to find it; exit 2; nothing is served."""
    result = run(*[word.replace("''", "") for word in line.split()])
    assert result.returncode == 2 and result.stdout == ""
    assert "usage:" in result.stderr or "--help" in result.stderr
    assert "httpserver: " in result.stderr
    assert len(result.stderr.splitlines()) <= 3


def test_help():
    for option in "-h", "--help":
        result = run(option)
        assert result.returncode == 0 and result.stderr == ""
        lines = result.stdout.splitlines()
        assert max(map(len, lines)) < 98 and not any(line != line.rstrip() for line in lines)
        for name in ("usage: httpserver", "--bind", "--port", "--directory", "--protocol", "--mixin", "--workers", "--mime",
                     "--cache", "--compress", "--symlinks", "--hidden", "--access-log", "--log-format", "--write-timeout", "--min-rate",
                     "--max-connections-per-client", "-h",
                     "-V",
                     "8000", "127.0.0.1", "eventloop", "preforking"):
            assert name in result.stdout


def test_version():
    for option in "-V", "--version":
        result = run(option)
        assert result.returncode == 0 and result.stderr == ""
        assert result.stdout.startswith("httpserver ") and "llhttp" in result.stdout and "\ncompression: " in result.stdout


def one_line_and_exit_1(result, *words):
    assert result.returncode == 1 and result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("httpserver: ")
    for word in words:
        assert word in line


def test_port_busy(mixin):
    with programs.listener() as busy:
        port = str(busy.getsockname()[1])
        one_line_and_exit_1(run(*mixin, port), port, "-p")


def test_directory_missing(tmp_path):
    one_line_and_exit_1(run("-d", tmp_path / "nowhere", "0"), "nowhere", "-d")
    (tmp_path / "file").touch()
    one_line_and_exit_1(run("-d", tmp_path / "file", "0"), "file")


@pytest.mark.parametrize("bind, word", [
    ("192.0.2.1", "no interface here"), ("2001:db8::1", "no interface here"), ("1.2.3.4.5", "no such host"),
    ("::1::", ""), ("fd:99", "systemd passes"), ("unix:", "not an address"), ("unix:/nowhere/socket", "directory must exist"),
    ("unix:/dev/null/socket", "directory must exist"), ("unix:/" + "x" * 200, "too long"),
])
def test_bad_addresses(bind, word):
    one_line_and_exit_1(run("-b", bind, "0"), word)


def test_privileged_port(nobody):
    drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
        if int(file.read()) <= 1:
            pytest.skip("every port is free for all")
    one_line_and_exit_1(programs.run([*drop, programs.path_of(HTTPSERVER), "1"]), "127.0.0.1:1", "privileges")


def test_unix_socket_in_use(started, tmp_path):
    """A live one is refused, a stale one replaced, and ours removed at the end."""
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as live:
        live.bind(str(path))
        live.listen()
        one_line_and_exit_1(run("-b", f"unix:{path}"))
    server = programs.Server([programs.path_of(HTTPSERVER), "-b", f"unix:{path}", "-d", "root"], tmp_path)
    started.append(server)
    server.readline()
    with wire.Client(str(path)) as client:
        assert client.ask(path="/a.txt").text == "hello"
    server.stop()
    assert not path.exists()


# ---------------------------------------------------------------- the end


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals(httpserver, mixin, number):
    server = httpserver(*mixin)
    assert server.ask(path="/a.txt").text == "hello"
    server.stop(number)
    assert "Traceback" not in server.log and "rror" not in server.log


def test_ctrl_c_reaches_all_of_the_group(httpserver, root, mixin):
    """The terminal signals parent and children alike; a download in progress is finished first."""
    with open(root / "large", "wb") as file:
        file.truncate(20_000_000)
    server = httpserver(*mixin)
    with server.client(receive_buffer=1 << 17) as client:
        client.send(wire.request(path="/large"))
        client.fill()
        os.killpg(server.pid, signal.SIGINT)
        assert len(client.response().body) == 20_000_000
        assert client.ends()
        server.check(server.wait())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_second_signal(httpserver, root, mixin, number):
    with open(root / "large", "wb") as file:
        file.truncate(50_000_000)
    server = httpserver(*mixin)
    with server.client(receive_buffer=1 << 17) as client:
        client.send(wire.request(path="/large"))
        client.fill()
        other = signal.SIGTERM + signal.SIGINT - number  # so that the two are not taken for one
        server.send_signal(number)
        server.send_signal(other)
        server.check(server.wait(), expected=130)


def test_hangup_of_the_log(started, tmp_path):
    """A reader of the log that goes away does not end the server."""
    reading, writing = os.pipe()
    server = programs.Server(["sh", "-c", f'exec "$0" "$@" 2>/dev/fd/{writing}', programs.path_of(HTTPSERVER), "-d", "root", "0"],
                             tmp_path, fds=[writing])
    started.append(server)
    server.read_banner()
    os.close(writing)
    os.close(reading)
    for _ in range(5):
        assert server.ask(path="/a.txt").text == "hello"

# SPDX-License-Identifier: MIT
"""HTTPS: httpserver's certificates, curl, Python, and WebSockets and event sources over TLS."""

import asyncio
import contextlib
import http.client
import os
import shutil
import signal
import socket
import ssl
import stat

import certificates
import programs
import pytest
import wire

HTTPSERVER = programs.path_of("httpserver")
LIMIT = programs.LIMIT
pytestmark = [pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl"),
              pytest.mark.skipif("TLS: none" in programs.run([HTTPSERVER, "-V"]).stdout, reason="built without OpenSSL")]


@pytest.fixture(scope="module", name="files")
def made_files(tmp_path_factory):
    authority = certificates.Authority(str(tmp_path_factory.mktemp("certificates")))
    authority.pair = authority.issue("localhost", "localhost", "127.0.0.1")
    return authority


@pytest.fixture(autouse=True)
def pages(root):
    (root / "a.txt").write_text("hello")
    (root / "big").write_bytes(b"0123456789abcdef" * 200_000)


def trusting(files):
    made = ssl.create_default_context(cafile=files.cert)
    made.set_alpn_protocols(["h2", "http/1.1"])
    return made


def connect(server, files):
    return http.client.HTTPSConnection("127.0.0.1", server.address[1], timeout=LIMIT, context=trusting(files))


def get(connection, path="/a.txt", method="GET", body=None):
    connection.request(method, path, body)
    with connection.getresponse() as response:
        return response.status, response.read()


def raw(server, data):
    with socket.create_connection(server.address, LIMIT) as s:
        s.sendall(data)
        answer = b""
        while piece := s.recv(65536):
            answer += piece
        return answer


def with_pair(pair):
    return ["--tls-cert", pair[0], "--tls-key", pair[1]]


def test_pages(httpserver, files, mixin):
    server = httpserver(*with_pair(files.pair), *mixin, "--upload")
    assert server.url.startswith("https://")
    connection = connect(server, files)
    with contextlib.closing(connection):
        for _ in range(3):
            assert get(connection) == (200, b"hello")
            assert get(connection, "/big") == (200, b"0123456789abcdef" * 200_000)
        assert connection.sock.selected_alpn_protocol() == "http/1.1"
        data = os.urandom(500_000)
        assert get(connection, "/new", "PUT", data)[0] == 201
        assert get(connection, "/new") == (200, data)
        connection.request("GET", "/new")
        location = connection.getresponse()
        assert location.read() == data


def test_curl(httpserver, files, concurrent_mixin):
    if not shutil.which("curl"):
        pytest.skip("no curl")
    server = httpserver(*with_pair(files.pair), *concurrent_mixin)
    url = f"https://localhost:{server.address[1]}"
    done = programs.run(["curl", "-sS", "--cacert", files.cert, f"{url}/a.txt", f"{url}/a.txt", f"http{url[5:]}/a.txt"])
    assert done.stdout == "hellohelloThis server speaks HTTPS here: begin its URL with https://\n", done
    done = programs.run(["curl", "-sSL", "--cacert", files.cert, f"http{url[5:]}/a.txt?b=c"])
    assert done.stdout == "hello", done


def test_plain_http(httpserver, files, mixin):
    server = httpserver(*with_pair(files.pair), *mixin)
    for line, host, location in ((b"GET /a?b HTTP/1.1", b"example.test:81", b"https://example.test:81/a?b"),
                                 (b"HEAD / HTTP/1.0", b"[::1]:8000", b"https://[::1]:8000/")):
        answer = raw(server, line + b"\r\nX: y\r\nHost: " + host + b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 307 ") and b"\r\nLocation: " + location + b"\r\n" in answer
    for request in (b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", b"GET / HTTP/1.1\r\n\r\n",
                    b"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x y\r\n\r\n", b"hello\n",
                    b"GET / HTTP/1.1\r\nHost: a\rb: c\r\n\r\n", b"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n"):
        answer = raw(server, request)
        assert answer.startswith(b"HTTP/1.1 400 ") and b"Location" not in answer and b"https://" in answer, request
    assert "failed" not in server.log


def test_slow_plain_clients_and_drain(httpserver, files):
    """A keep-alive connection gets close_notify."""
    server = httpserver(*with_pair(files.pair))
    s = trusting(files).wrap_socket(socket.create_connection(server.address, LIMIT), server_hostname="localhost",
                                    suppress_ragged_eofs=False)
    with s:
        s.sendall(b"GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n")
        got = b""
        while not got.endswith(b"hello"):
            got += s.recv(65536)
        server.send_signal(signal.SIGTERM)
        assert s.recv(1) == b""
    server.check(server.wait())


def test_server_names(httpserver, files):
    other = files.issue("other", "other.test")
    server = httpserver("--tls-key", files.pair[1], "--tls-key", other[1], "--tls-cert", files.pair[0], "--tls-cert", other[0])
    for name in ("localhost", "other.test"):
        with trusting(files).wrap_socket(socket.create_connection(server.address, LIMIT), server_hostname=name) as s:
            assert ("DNS", name) in s.getpeercert()["subjectAltName"]


def test_client_certificates(httpserver, files):
    server = httpserver(*with_pair(files.pair), "--tls-client-ca", files.cert)
    with contextlib.closing(connect(server, files)) as stranger, pytest.raises((OSError, http.client.HTTPException)):
        get(stranger)
    connection = connect(server, files)
    connection._context.load_cert_chain(*files.issue("Ada"))  # pylint: disable=protected-access
    with contextlib.closing(connection):
        assert get(connection) == (200, b"hello")


def test_sighup(httpserver, files, tmp_path, mixin):
    cert, key = str(tmp_path / "cert"), str(tmp_path / "key")

    def use(pair):
        for source, target in zip(pair, (cert, key)):
            shutil.copy(source, target + "~")
            os.rename(target + "~", target)

    def shown():
        with contextlib.closing(connect(server, files)) as connection:
            get(connection)
            return connection.sock.getpeercert()["subject"]

    use(files.pair)
    server = httpserver(*with_pair((cert, key)), *mixin)
    standing = connect(server, files) if "sequential" not in mixin and mixin[1] != "preforking" else None
    before = shown()
    if standing:
        assert get(standing) == (200, b"hello")
    use(files.issue("another", "localhost", "127.0.0.1"))
    server.send_signal(signal.SIGHUP)
    wire.wait_until(lambda: shown() != before)
    use((cert, files.pair[1]))
    server.send_signal(signal.SIGHUP)
    server.wait_for_log("SIGHUP: the certificates stay as they were: the key in .* is not that of")
    assert shown() != before
    if standing:
        with contextlib.closing(standing):
            assert get(standing) == (200, b"hello")


def test_sighup_of_a_confined_server(httpserver, files, tmp_path):
    """The directory of the certificate is all that it can read besides what it serves."""
    directory = tmp_path / "of certificates"
    directory.mkdir()
    paths = [str(directory / name) for name in ("cert", "key")]
    for source, target in zip(files.pair, paths):
        shutil.copy(source, target)
    server = httpserver(*with_pair(paths))
    for source, target in zip(files.issue("newer", "localhost", "127.0.0.1"), paths):
        shutil.copy(source, target + "~")
        os.rename(target + "~", target)
    server.send_signal(signal.SIGHUP)

    def shown():
        with contextlib.closing(connect(server, files)) as connection:
            get(connection)
            return dict(one for (one,) in connection.sock.getpeercert()["subject"])["commonName"]

    wire.wait_until(lambda: shown() == "newer" or "SIGHUP" in server.log)
    assert "SIGHUP" not in server.log


# ---------------------------------------------------------------- a certificate that is made


def test_self_signed(httpserver, tmp_path):
    home = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "CAROOT": str(tmp_path / "none")}
    server = httpserver("--tls", **home)
    said = server.readline()
    path = str(tmp_path / "cache/httpserver/self-signed.pem")
    assert said.startswith("The certificate is self-signed, so browsers warn, SHA-256 ") and said.endswith(f" ({path})")
    assert certificates.fingerprint(path) == said.split()[-2].replace(":", "").lower()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    made = ssl.create_default_context(cafile=path)
    for name in ("localhost", "127.0.0.1", "::1", socket.gethostname()):
        with made.wrap_socket(socket.create_connection(server.address, LIMIT), server_hostname=name):
            pass
    assert httpserver("--tls", **home).readline() == said  # it is kept
    shutil.copy(certificates.Authority(str(tmp_path)).issue("about to end", "localhost", days=10)[0], path)
    assert httpserver("--tls", **home).readline() != said
    assert "about to end" not in certificates.openssl("x509", "-in", path, "-noout", "-subject")


def test_mkcert(httpserver, tmp_path):
    """Where mkcert has put its root, browsers trust what that has signed."""
    root = tmp_path / "root of mkcert"
    root.mkdir()
    authority = certificates.Authority(str(tmp_path), "mkcert")
    shutil.copy(authority.cert, root / "rootCA.pem")
    shutil.copy(authority.key, root / "rootCA-key.pem")
    server = httpserver("--tls", XDG_CACHE_HOME=str(tmp_path / "cache"), CAROOT=str(root))
    assert "signed by mkcert's root" in server.readline()
    with contextlib.closing(connect(server, authority)) as connection:
        assert get(connection) == (200, b"hello")


# ---------------------------------------------------------------- bad lines


def test_bad_lines(files, tmp_path):
    other = files.issue("someone else", "localhost")
    rows = {
        (1, "is not that of the certificate in"): with_pair((files.pair[0], other[1])),
        (1, "cannot read /nowhere: No such file"): with_pair(("/nowhere", other[1])),
        (1, "cannot read /none: No such file"): [*with_pair(other), "--tls-client-ca", "/none"],
        (2, "this goes with --tls-cert FILE: --tls-key"): ["--tls-key", "x"],
        (2, "this goes with --tls-cert FILE: --tls-password-file"): [*with_pair(other), "--tls-password-file", "x",
                                                                     "--tls-password-file", "y"],
        (2, "--tls-client-ca goes with --tls"): ["--tls-client-ca", files.cert],
    }
    for (status, words), line in rows.items():
        done = programs.run([HTTPSERVER, "-d", tmp_path, *line, "--bind", "192.0.2.1", "1"])
        assert done.returncode == status and words in done.stderr and not done.stdout, done
    done = programs.run([HTTPSERVER, "-d", tmp_path, "--tls", "0"], XDG_CACHE_HOME="/dev/null/x")
    assert done.returncode == 1 and "cannot make the directory of /dev/null/x/" in done.stderr


def test_explain(httpserver, files):
    server = httpserver(*with_pair(files.pair), "--explain")
    with contextlib.closing(connect(server, files)) as connection:
        get(connection)
    server.wait_for_log("handshake.*TLSv1.3, TLS_[A-Z0-9_]+")


# ---------------------------------------------------------------- what upgrades, and what never ends


@pytest.mark.parametrize("cls", ["TLSThreading", "TLSEventLoop", "TLSThreadPool"])
def test_websockets(sample, cls):
    websockets = pytest.importorskip("websockets")
    server = sample("ws_echo", "{address}", cls)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE

    async def talk():
        async with websockets.connect("wss://127.0.0.1:%d/" % server.address[1], ssl=made, max_size=None) as ws:
            for size in (0, 1, 126, 65536, 1 << 20):
                for message in ("x" * size, os.urandom(size)):
                    await ws.send(message)
                    assert await ws.recv() == message
            await (await ws.ping())

    asyncio.run(asyncio.wait_for(talk(), LIMIT))


@pytest.mark.parametrize("cls", ["ThreadingTCPServer", "EventLoopTCPServer", "PreforkingTCPServer"])
def test_echo(sample, files, monkeypatch, cls):
    both = certificates.joined(files.path(f"both-{cls}.pem"), *files.pair)
    monkeypatch.setenv("CERT", both)
    server = sample("tls_echo", "{address}", cls)
    with trusting(files).wrap_socket(socket.create_connection(server.address, LIMIT), server_hostname="localhost") as s:
        s.sendall(b"hello")
        assert s.recv(5) == b"hello"
        s.unwrap()


@pytest.mark.parametrize("mixin_name", ["threading", "eventloop"])
def test_event_sources(httpserver, files, root, mixin_name):
    """--live tells open pages by an event source."""
    server = httpserver(*with_pair(files.pair), "--live", "--mixin", mixin_name)
    (root / "page.html").write_text("<p>one")
    with contextlib.closing(connect(server, files)) as connection:
        assert b"/.httpserver/live.js" in get(connection, "/page.html")[1]
        connection.request("GET", "/.httpserver/live", headers={"Accept": "text/event-stream"})
        with connection.getresponse() as events:
            assert events.getheader("Content-Type").startswith("text/event-stream")
            line = events.readline()
            (root / "page.html").write_text("<p>two, and more")
            while b"page.html" not in line:
                line = events.readline()
                assert line


@pytest.mark.parametrize("runner", ["eventloop", "threading"])
def test_who_finds_no_place_is_told_nothing_plain(httpserver, files, runner):
    server = httpserver(*with_pair(files.pair), "--max-connections", 1, "--mixin", runner)
    with contextlib.closing(connect(server, files)) as first:
        first.connect()
        first.sock.sendall(b"GET /a.txt HTTP/1.1\r\nHost: ")
        try:
            assert raw(server, b"\x16\x03\x01") == b""
        except ConnectionResetError:
            pass
        first.sock.sendall(b"localhost\r\n\r\n")
        assert first.sock.recv(65536).startswith(b"HTTP/1.1 200")

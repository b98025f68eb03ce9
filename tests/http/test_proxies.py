# SPDX-License-Identifier: MIT
"""httpserver's --allow, --deny, --trust-proxy and --proxy-protocol: who is served, and for whom a proxy speaks."""

import os
import pwd
import shutil
import socket
import struct
import time

import programs
import pytest
import wire

HTTPSERVER = programs.path_of("httpserver")
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


@pytest.fixture(autouse=True)
def page(root):
    (root / "a.txt").write_text("secret")


def client_of(server, **fields):
    """The client in the log's line of such a request, which is served."""
    path = f"/a.txt?{time.monotonic_ns()}"
    assert server.ask(path=path, **fields).text == "secret"
    log = wire.wait_until(lambda: path in server.log and server.log)
    return next(line for line in log.splitlines() if path in line).split()[0]


def proxied(server, head, path="/a.txt"):
    """What follows after such a PROXY header."""
    client = server.client()
    client.send(head)
    return client.ask(path=path)


def v2(command=0x21, family=0x11, payload=b"", size=None):
    return SIGNATURE + struct.pack("!BBH", command, family, len(payload) if size is None else size) + payload


FOUR = socket.inet_aton("192.0.2.7") + socket.inet_aton("10.0.0.1") + struct.pack("!HH", 5000, 80)
SIX = socket.inet_pton(socket.AF_INET6, "2001:db8::7") + socket.inet_pton(socket.AF_INET6, "::1") + struct.pack("!HH", 5000, 80)

# ---------------------------------------------------------------- networks


@pytest.mark.parametrize("options, served", [
    (["--allow", "127.0.0.1"], True), (["--allow", "127.0.0.0/8"], True), (["--allow", "::ffff:127.0.0.0/104"], True),
    (["--allow", "0.0.0.0/0"], True), (["--allow", "10.0.0.0/8", "--allow", "127.0.0.1/32"], True), (["--allow",
    "127.0.0.2"], False),
    (["--allow", "::/0"], False), (["--allow", "unix"], False), (["--deny", "10.0.0.0/8"], True), (["--deny",
    "127.0.0.0/30"], False),
    (["--allow", "127.0.0.0/8", "--deny", "127.0.0.1"], False), (["--deny", "127.0.0.1", "--allow", "127.0.0.1"], False)])
def test_networks(httpserver, options, served):
    server = httpserver(*options)
    response = server.ask(path="/a.txt")
    assert (response.status, response.text == "secret") == ((200, True) if served else (403, False))
    assert response.closes != served


def test_every_mixin(httpserver, mixin):
    server = httpserver("--deny", "127.0.0.9", "--trust-proxy", "127.0.0.1", *mixin)
    assert server.ask(path="/a.txt").text == "secret"
    assert server.ask(path="/a.txt", x_forwarded_for="127.0.0.9").status == 403
    with wire.Client(server.address, source="127.0.0.9") as client:
        assert client.ask(path="/a.txt").status == 403


@pytest.mark.parametrize("who, served", [("user:{name}", True), ("user:{number}", True), ("unix", True), ("user:nobody", False),
                                         ("127.0.0.1", False)])
def test_users_of_unix_sockets(started, tmp_path, root, who, served):
    who = who.format(name=pwd.getpwuid(os.geteuid()).pw_name, number=os.geteuid())
    server = programs.Server([HTTPSERVER, "-b", "unix:socket", "-d", root, "--allow", who], tmp_path)
    started.append(server)
    server.readline()
    with wire.Client(str(tmp_path / "socket")) as client:
        assert client.ask(path="/a.txt").status == (200 if served else 403)


@pytest.mark.parametrize("option", ["--allow", "--deny", "--trust-proxy"])
@pytest.mark.parametrize("text, told", [
    ("", "address or a network"), ("localhost", "address or a network"), ("192.0.2.7/24", "address or a network"),
    ("1.2.3.4/33", "address or a network"), ("1.2.3/8", "address or a network"), ("::1/129", "address or a network"),
    ("::1/", "address or a network"), ("[::1", "address or a network"), ("user:no-such-user-here", "no such user"),
    ("user:", "no such user")])
def test_bad_networks(root, option, text, told):
    result = programs.run([HTTPSERVER, "-d", root, option, text, "0"])
    assert result.returncode == 2 and told in result.stderr and len(result.stderr.splitlines()) == 1, result


def test_proxy_protocol_of_whom(root):
    result = programs.run([HTTPSERVER, "-d", root, "--proxy-protocol", "0"])
    assert result.returncode == 2 and "--trust-proxy" in result.stderr


# ---------------------------------------------------------------- fields


@pytest.mark.parametrize("fields, client", [
    ({}, "127.0.0.1"), ({"x_forwarded_for": "192.0.2.7"}, "192.0.2.7"), ({"x_forwarded_for": "192.0.2.7:80"}, "192.0.2.7"),
    ({"x_forwarded_for": "2001:db8::7"}, "2001:db8::7"), ({"x_forwarded_for": "[2001:db8::7]:80"}, "2001:db8::7"),
    ({"x_forwarded_for": "::ffff:192.0.2.7"}, "192.0.2.7"),
    ({"x_forwarded_for": "1.1.1.1, 192.0.2.7"}, "192.0.2.7"),  # the first one is the client's invention
    ({"x_forwarded_for": "1.1.1.1, 192.0.2.7, 10.1.2.3, 127.0.0.1"}, "192.0.2.7"), ({"x_forwarded_for": "10.1.2.3, 10.1.2.4"},
    "10.1.2.3"),
    ({"x_forwarded_for": "unknown"}, "-"), ({"forwarded": "for=192.0.2.7"}, "192.0.2.7"),
    ({"forwarded": 'For="[2001:db8::7]:4711"'}, "2001:db8::7"), ({"forwarded": "for=_hidden"}, "-"),
    ({"forwarded": "for=1.1.1.1, for=192.0.2.7;proto=http;by=203.0.113.43, for=10.1.2.3"}, "192.0.2.7"),
    ({"forwarded": 'for="192.0.2.7:80" ; proto=https'}, "192.0.2.7"), ({"forwarded": "proto=https"}, "-"),
    ({"forwarded": "for=192.0.2.7", "x_forwarded_for": "192.0.2.7"}, "192.0.2.7")])
def test_fields(httpserver, fields, client):
    assert client_of(httpserver("--trust-proxy", "127.0.0.1", "--trust-proxy", "10.0.0.0/8"), **fields) == client


def test_spoofed_fields(httpserver):
    """What others say of themselves is ignored; so nobody comes in by it."""
    server = httpserver("--trust-proxy", "10.0.0.0/8", "--deny", "192.0.2.0/24")
    for fields in ({"x_forwarded_for": "192.0.2.7"}, {"forwarded": "for=192.0.2.7"}, {"x_forwarded_for": "!"},
                   {"forwarded": "=;"}):
        assert client_of(server, **fields) == "127.0.0.1"
    strict = httpserver("--trust-proxy", "10.0.0.0/8", "--allow", "192.0.2.0/24")
    assert strict.ask(path="/a.txt", x_forwarded_for="192.0.2.7", forwarded="for=192.0.2.7").status == 403


@pytest.mark.parametrize("fields", [
    {"x_forwarded_for": "192.0.2.7", "forwarded": "for=192.0.2.8"}, {"x_forwarded_for": "evil"},
    {"x_forwarded_for": "1.2.3.4:99999"},
    {"x_forwarded_for": ",".join(33 * ["1.2.3.4"])}, {"forwarded": "for"}, {"forwarded": "for=1.2.3.4;for=1.2.3.4"},
    {"forwarded": 'for="1.2.3.4'}, {"forwarded": "for=1.2.3.4 proto=http"}, {"forwarded": "proto=ftp"},
    {"forwarded": 'host="a b"'},
    {"forwarded": ",".join(33 * ["for=1.2.3.4"])}, {"x_forwarded_proto": "ftp"}, {"x_forwarded_host": "a b"}])
def test_bad_fields(httpserver, fields):
    response = httpserver("--trust-proxy", "127.0.0.1").ask(path="/a.txt", **fields)
    assert response.status == 400 and "secret" not in response.text


def test_each_request_has_its_client(httpserver, mixin):
    """Also one that is refused before anybody has looked at its fields."""
    server = httpserver("--trust-proxy", "127.0.0.1", *mixin)
    with server.client() as client:
        for n in range(3):
            assert client.ask(path=f"/a.txt?{n}", x_forwarded_for=f"192.0.2.{n}").text == "secret"
        assert client.ask(path="/a.txt?own").text == "secret"
        assert client.ask(path="/a.txt?8", x_forwarded_for="192.0.2.8").text == "secret"
        assert client.send(b"GET /a.txt?bad HTTP/1.1\r\nHost: a b\r\n\r\n").response().status == 400
    server.wait_for_log("bad")
    lines = [line for line in server.log.splitlines() if "?" in line and "GET" in line]
    found = {line.split("?")[1].split()[0]: line.split()[0] for line in lines}
    assert found == {"0": "192.0.2.0", "1": "192.0.2.1", "2": "192.0.2.2", "own": "127.0.0.1", "8": "192.0.2.8",
                     "bad": "127.0.0.1"}


def test_guesses_of_each_client(httpserver):
    """A proxy's clients are counted one by one."""
    server = httpserver("--trust-proxy", "127.0.0.1", "--auth", "ann:one")
    for n in range(10):
        assert server.ask(authorization="Basic YW5uOng=", x_forwarded_for="192.0.2.7").status == 401
    assert server.ask(authorization="Basic YW5uOng=", x_forwarded_for="192.0.2.7").status == 429
    assert server.ask(authorization="Basic YW5uOng=", x_forwarded_for="192.0.2.8").status == 401


@pytest.mark.parametrize("fields, origin, status", [
    ({"x_forwarded_proto": "https", "x_forwarded_host": "site.example"}, "https://site.example", 201),
    ({"x_forwarded_proto": "https", "x_forwarded_host": "site.example:443"}, "https://site.example", 201),
    ({"x_forwarded_proto": "https", "x_forwarded_host": "site.example"}, "http://site.example", 403),
    ({"x_forwarded_proto": "https", "x_forwarded_host": "other.example, site.example"}, "https://site.example", 201),
    ({"x_forwarded_proto": "http", "x_forwarded_host": "site.example"}, "https://site.example", 403),
    ({"forwarded": "for=192.0.2.7;proto=https;host=site.example"}, "https://site.example", 201),
    ({"forwarded": 'for=192.0.2.7;proto=https;host="site.example:8443"'}, "https://site.example:8443", 201),
    ({"forwarded": "for=192.0.2.7;proto=https;host=site.example"}, "https://evil.example", 403),
    ({}, "https://site.example", 403)])
def test_origins(httpserver, fields, origin, status):
    """A page's origin is compared with what the client has asked the proxy for."""
    server = httpserver("--upload", "--trust-proxy", "127.0.0.1")
    assert server.ask("PUT", "/new.txt", b"x", origin=origin, **fields).status == status


# ---------------------------------------------------------------- the PROXY protocol


@pytest.mark.parametrize("head, client", [
    (b"PROXY TCP4 192.0.2.7 10.0.0.1 5000 80\r\n", "192.0.2.7"), (b"PROXY TCP6 2001:db8::7 ::1 5000 80\r\n", "2001:db8::7"),
    (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 0 65535\r\n", "192.0.2.7"),
    (b"PROXY UNKNOWN\r\n", "127.0.0.1"), (b"PROXY UNKNOWN ffff:f...f 1 2 3\r\n", "127.0.0.1"),
    (v2(payload=FOUR), "192.0.2.7"), (v2(family=0x21, payload=SIX), "2001:db8::7"), (v2(payload=FOUR + bytes(20000)),
    "192.0.2.7"),
    (v2(family=0x21, payload=SIX + bytes(65499)), "2001:db8::7"), (v2(command=0x20, family=0), "127.0.0.1"),
    (v2(command=0x20, payload=FOUR), "127.0.0.1"), (v2(family=0x31, payload=bytes(216)), "-"), (v2(family=0), "-")],
    ids=range(13))
def test_headers(httpserver, mixin, head, client):
    """In one piece, and in several; the client stays for all requests, also after the connection was parked."""
    server = httpserver("--trust-proxy", "127.0.0.1", "--proxy-protocol", *mixin)
    with server.client() as connection:
        for at in range(0, len(head), 5000 if len(head) > 1000 else 7):
            connection.send(head[at:at + (5000 if len(head) > 1000 else 7)])
        for n in range(2):
            assert connection.ask(path=f"/a.txt?{n}").text == "secret"
            assert connection.is_silent(0.01)
    server.wait_for_log(r"\?1")
    assert [line.split()[0] for line in server.log.splitlines() if "GET" in line] == [client, client]


@pytest.mark.parametrize("head", [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"PROXY \r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
    b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
    b"PROXY TCP4 ::1 ::1 1 2\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
    b"PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", b"PROXY " + b"x" * 200, b"PROXY TCP4\0\r\n",
    v2(payload=FOUR[:-1]), v2(family=0x21, payload=FOUR), v2(command=0x22, payload=FOUR), v2(command=0x11, payload=FOUR),
    v2(family=0x41, payload=FOUR), v2(family=0x13, payload=FOUR)], ids=range(17))
def test_bad_headers(httpserver, head):
    server = httpserver("--trust-proxy", "127.0.0.1", "--proxy-protocol")
    with server.client() as client:
        client.send(head)
        assert client.ends()
    assert proxied(server, b"PROXY TCP4 192.0.2.7 10.0.0.1 5000 80\r\n").text == "secret"


def test_headers_of_others(httpserver):
    """They are data, and no request: so nobody can claim to be somebody."""
    server = httpserver("--trust-proxy", "10.0.0.0/8", "--proxy-protocol")
    for head in b"PROXY TCP4 192.0.2.7 10.0.0.1 5000 80\r\n", v2(payload=FOUR):
        with server.client() as client:
            client.send(head + wire.request(path="/a.txt"))
            assert client.response().status == 400
    assert client_of(server) == "127.0.0.1"


def test_denied_clients_of_a_proxy(httpserver, mixin):
    server = httpserver("--trust-proxy", "127.0.0.1", "--proxy-protocol", "--deny", "192.0.2.0/24", *mixin)
    assert proxied(server, b"PROXY TCP4 192.0.2.7 10.0.0.1 5000 80\r\n").status == 403
    assert proxied(server, b"PROXY TCP4 192.0.3.7 10.0.0.1 5000 80\r\n").status == 200


@pytest.mark.parametrize("name", ["threading", "eventloop"])
def test_a_proxy_that_says_nothing(httpserver, name):
    """It has a few seconds for its header."""
    server = httpserver("--trust-proxy", "127.0.0.1", "--proxy-protocol", "--mixin", name)
    silent = server.client()
    silent.send(b"PROXY TCP4 ")
    assert proxied(server, b"PROXY TCP4 192.0.2.7 10.0.0.1 5000 80\r\n").text == "secret"
    assert silent.ends()


# ---------------------------------------------------------------- real proxies

NGINX = """daemon off; pid {d}/pid; error_log {d}/error.log; events {{}}
http {{ access_log off; client_body_temp_path {d}/a; proxy_temp_path {d}/b; fastcgi_temp_path {d}/c; uwsgi_temp_path {d}/d;
  scgi_temp_path {d}/e;
  server {{ listen unix:{d}/front; location / {{ proxy_pass http://127.0.0.1:{port};
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header Host $http_host; }} }}
  server {{ listen 127.0.0.1:{front}; location / {{ proxy_pass http://127.0.0.1:{port};
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header Host $http_host; }} }} }}
"""
HAPROXY = """defaults
  mode {mode}
  timeout connect 10s
  timeout client 30s
  timeout server 30s
listen front
  bind 127.0.0.1:{front}
  {option}
  server here 127.0.0.1:{port} {send}
"""


def free_port():
    with programs.listener() as listening:
        return listening.getsockname()[1]


def answers(port):
    try:
        with wire.Client(("127.0.0.1", port), source="127.0.0.7") as client:
            return client.ask(path="/a.txt").status == 200
    except (OSError, wire.Ended):
        return False


def in_front(started, tmp_path, server, argv, port):
    """What a request from 127.0.0.7 through this proxy has for a client in the log."""
    if not shutil.which(argv[0]):
        pytest.skip(f"no {argv[0]}")
    proxy = programs.Program(argv, tmp_path)
    try:
        wire.wait_until(lambda: proxy.process.poll() is not None or answers(port))
        with wire.Client(("127.0.0.1", port), source="127.0.0.7") as client:
            assert client.ask(path="/a.txt?spoofed", x_forwarded_for="192.0.2.99").text == "secret", proxy.log
        server.wait_for_log("spoofed")
        return next(line for line in server.log.splitlines() if "spoofed" in line).split()[0]
    finally:
        proxy.kill()


def test_nginx(started, httpserver, tmp_path):
    server, front = httpserver("--trust-proxy", "127.0.0.1"), free_port()
    (tmp_path / "nginx.conf").write_text(NGINX.format(d=tmp_path, port=server.address[1], front=front))
    assert in_front(started, tmp_path, server, ["nginx", "-e", "stderr",
                                                "-c", str(tmp_path / "nginx.conf")], front) == "127.0.0.7"


@pytest.mark.parametrize("mode, option, send, more", [
    ("tcp", "", "send-proxy", ["--proxy-protocol"]), ("tcp", "", "send-proxy-v2", ["--proxy-protocol"]),
    ("http", "option forwardfor", "", [])])
def test_haproxy(started, httpserver, tmp_path, mode, option, send, more):
    server, front = httpserver("--trust-proxy", "127.0.0.1", *more), free_port()
    text = HAPROXY.format(mode=mode, option=option, send=send, port=server.address[1], front=front)
    (tmp_path / "haproxy.cfg").write_text(text)
    assert in_front(started, tmp_path, server, ["haproxy", "-f", str(tmp_path / "haproxy.cfg")], front) == "127.0.0.7"

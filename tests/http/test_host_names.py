# SPDX-License-Identifier: MIT
"""Which names httpserver answers for: DNS rebinding, --allow-host."""

import urllib.request

import programs
import pytest
import wire

EVIL = ["evil.example", "localhost.evil.example", "evillocalhost", "127.0.0.1.evil.example", "999.0.0.1", "127.0.0",
        "1.2.3.4.5",
        "0x7f.0.0.1", "a.example:80", "[1::2::3]", "[::1].evil"]


@pytest.fixture(autouse=True)
def page(root):
    (root / "a.txt").write_text("secret")


def refused(response, name):
    assert response.status == 421, response
    assert "--allow-host" in response.text and name in response.text and "secret" not in response.text


def test_rebinding(httpserver, root, mixin):
    """A page of another site whose name has become 127.0.0.1 can neither read nor store: all that it sends is as a page of
    this site would send it, but for the name."""
    server = httpserver("--upload", *mixin, names=False)
    for port in "", f":{server.address[1]}":
        host = f"evil.example{port}"
        own = {"host": host, "origin": f"http://{host}", "sec_fetch_site": "same-origin"}
        refused(server.ask(path="/a.txt", **own), "evil.example")
        refused(server.ask(path="/", **own), "evil.example")
        refused(server.ask("PUT", "/new.txt", b"x", **own), "evil.example")
        refused(server.ask("DELETE", "/a.txt", **own), "evil.example")
        form = b'--b\r\nContent-Disposition: form-data; name="f"; filename="new.txt"\r\n\r\nx\r\n--b--\r\n'
        refused(server.ask("POST", "/", form, content_type="multipart/form-data; boundary=b", **own), "evil.example")
        refused(server.ask(path=f"http://{host}/a.txt", host="localhost"), "evil.example")
    assert sorted(path.name for path in root.iterdir()) == ["a.txt"]
    assert server.ask("PUT", "/new.txt", b"x").status == 201


@pytest.mark.parametrize("host", EVIL)
def test_other_names(httpserver, host):
    response = httpserver(names=False).ask(path="/a.txt", host=host)
    assert response.status == (421 if host[0] != "[" else 400)


def test_own_names(httpserver):
    server = httpserver(names=False)
    for host in ("localhost", "LOCALHOST", "localhost.", "x.localhost", "a.b.LocalHost:8000", "127.0.0.1", "127.0.0.1:8000",
                 "192.0.2.7", "[::1]", "[::1]:8000", "[2001:db8::7]"):
        assert server.ask(path="/a.txt", host=host).text == "secret", host
    with server.client() as client:
        client.send("GET /a.txt HTTP/1.0\r\n\r\n")
        assert client.response().text == "secret"
    with urllib.request.urlopen(server.url + "a.txt", timeout=programs.LIMIT) as response:
        assert response.read() == b"secret"


@pytest.mark.parametrize("option, good, bad", [
    ("a.example", ["a.example", "A.EXAMPLE:80", "a.example."], ["b.a.example", "xa.example", "example"]),
    ("*.a.example", ["b.a.example", "c.b.A.example:1"], ["a.example", "xa.example", "b.a.example.org"]),
    ("*", ["anything.example", "x"], [])])
def test_allow_host(httpserver, option, good, bad):
    server = httpserver("--allow-host", "first.example", f"--allow-host={option}", names=False)
    for host in [*good, "first.example", "localhost", "127.0.0.1"]:
        assert server.ask(path="/a.txt", host=host).text == "secret", host
    for host in bad:
        refused(server.ask(path="/a.txt", host=host), host)


def test_every_interface(httpserver):
    """A server that others reach has names of which it cannot know; unless it is told all of them."""
    everywhere = httpserver("-b", "0.0.0.0", names=False)
    assert everywhere.ask(path="/a.txt", host="me.example").text == "secret"
    named = httpserver("-b", "0.0.0.0", "--allow-host", "me.example", names=False)
    assert named.ask(path="/a.txt", host="me.example").text == "secret"
    refused(named.ask(path="/a.txt", host="other.example"), "other.example")


@pytest.mark.parametrize("bind", ["localhost", "::1", "127.0.0.2", "::ffff:127.0.0.1"])
def test_each_loopback(started, tmp_path, root, bind):
    server = programs.Server([programs.path_of("httpserver"), "-d", root, "-b", bind, "0"], tmp_path)
    started.append(server)
    refused(server.read_banner().ask(path="/a.txt", host="evil.example"), "evil.example")


def test_unix_sockets_have_any_name(started, tmp_path, root):
    """No browser opens one, and a proxy in front passes the name of its own site."""
    server = programs.Server([programs.path_of("httpserver"), "-b", "unix:socket", "-d", root], tmp_path)
    started.append(server)
    server.readline()
    with wire.Client(str(tmp_path / "socket")) as client:
        assert client.ask(path="/a.txt", host="site.example").text == "secret"


def test_event_streams(httpserver):
    server = httpserver("--live", names=False)
    with server.client() as client:
        refused(client.ask(path="/.httpserver/live", host="evil.example"), "evil.example")


def test_websocket_handshake(httpserver):
    """It is a request like others, and refused before anybody looks at what it asks for."""
    fields = {"connection": "Upgrade", "upgrade": "websocket", "sec_websocket_version": "13",
              "sec_websocket_key": "dGhlIHNhbXBsZSBub25jZQ=="}
    refused(httpserver(names=False).ask(host="evil.example", origin="http://evil.example", **fields), "evil.example")


@pytest.mark.parametrize("name", ["", "http://a.example", "a.example:80", "a b", "*a", "a.*", "**", ".a", "*.", "[::1]", "a/b"])
def test_bad_names(root, name):
    result = programs.run([programs.path_of("httpserver"), "-d", root, "--allow-host", name, "0"])
    assert result.returncode == 2 and "--allow-host is a name" in result.stderr and len(result.stderr.splitlines()) == 1


def test_too_many_names(root):
    options = [word for n in range(65) for word in ("--allow-host", f"n{n}.example")]
    result = programs.run([programs.path_of("httpserver"), "-d", root, *options, "0"])
    assert result.returncode == 2 and "*.NAME" in result.stderr

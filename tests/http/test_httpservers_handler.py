# SPDX-License-Identifier: MIT
"""The counterparts of CPython's test_httpservers.py, second part: the handler classes, which it tests without a socket,
and the command line. See test_httpservers.py."""

import email.utils
import re
import socket

import pytest
import wire

# ---------------------------------------------------------------- BaseHTTPRequestHandlerTestCase


@pytest.fixture
def server(probe):
    return probe("head_timeout=5000")


def reflected(response):
    """What /reflect says: the attributes, and the fields as a list."""
    assert response.status == 200
    lines = response.body.decode("latin-1").splitlines()
    return dict(line.split("=", 1) for line in lines[:6]), [line[1:-1].split("][", 1) for line in lines[6:]]


def assert_usual_headers(response):
    for name in ("Server", "Date", "Content-Type"):
        assert name in response


def test_unprintable_not_logged(server):
    server.ask(path="/log")
    server.wait_for_log("200 6$")
    log = server.log
    assert not re.search("[^\\n -~\xa0-\U0010ffff]", log)
    assert r"/\x1bbar \x7f" in log
    assert r'"GET /foo\\b"ar\x07 \x0d\x0aforged' in log
    assert len(log.splitlines()) == 2


def test_http_1_1(server):
    response = server.ask(path="/reflect?x")
    assert response.version == "1.1"
    assert_usual_headers(response)
    request, fields = reflected(response)
    assert request == {"command": "GET", "path": "/reflect?x", "version": "HTTP/1.1", "host": "localhost", "length": "0",
                       "line": "GET /reflect?x HTTP/1.1"}
    assert fields == [["Host", "localhost"]]


def test_http_1_0(server):
    with server.client() as client:
        client.send("GET /reflect HTTP/1.0\r\n\r\n")
        response = client.response()
        assert response.closes and client.ends()
    assert_usual_headers(response)
    request, fields = reflected(response)
    assert request == {"command": "GET", "path": "/reflect", "version": "HTTP/1.0", "host": "", "length": "0",
                       "line": "GET /reflect HTTP/1.0"}
    assert fields == []


def test_http_0_9(server):
    # Python speaks it; nobody else does
    assert server.ask(path="/reflect", version="HTTP/0.9").status == 505
    with server.client() as client:
        assert client.send("GET /reflect\r\n").response().status == 400


def test_extra_space(server):
    response = server.ask(path="/spaced out")
    assert response.status == 400
    assert_usual_headers(response)


def test_with_continue_1_0(server):
    with server.client() as client:
        # RFC 9110 10.1.1: ignored from a client of HTTP/1.0
        client.send("GET /reflect HTTP/1.0\r\nExpect: 100-continue\r\n\r\n")
        assert reflected(client.response())[1] == [["Expect", "100-continue"]]


def test_with_continue_1_1(server):
    with server.client() as client:
        client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        interim = client.response()
        assert (interim.status, interim.reason, interim.fields) == (100, "Continue", [])
        response = client.send("body").response()
        assert response.status == 200 and response.body == b"body"
        assert_usual_headers(response)


def test_header_unbuffered_when_continue(server):
    # The interim response leaves while the handler waits for the body.
    with server.client() as client:
        client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        assert client.response().status == 100
        assert client.is_silent()


def test_with_continue_rejected(server):
    with server.client() as client:
        client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 200-maybe\r\n\r\n")
        response = client.response()
        assert response.status == 417 and response.get("Connection") == "close"
        assert_usual_headers(response)
        assert client.ends()


@pytest.mark.parametrize("path", ["/reflect", "/big?100", "/nowhere"],
                         ids=["send_header", "send_response", "send_error"])
def test_header_buffering(server, path):
    """test_header_buffering_of_...: head and body arrive in one segment."""
    with server.client() as client:
        client.send(wire.request(path=path))
        client.fill()
        client.socket.setblocking(False)
        client.response()
        assert client.buffer == b""


def test_request_length(server):
    with server.client() as client:
        response = client.send(b"GET " + b"x" * 65537).response()
        assert response.status == 414
        assert_usual_headers(response)
        assert client.ends()


def test_header_length(server):
    response = server.ask(path="/reflect", x_foo="bar" + "r" * 65537)
    assert response.status == 431
    server.wait_for_log(r'"GET /reflect HTTP/1\.1" 431')


def test_too_many_headers(server):
    lines = "X-Foo: bar\r\n" * 99
    for more, status in ("", 200), ("X-Foo: bar\r\n", 431):
        with server.client() as client:
            client.send(f"GET /reflect HTTP/1.1\r\nHost: x\r\n{lines}{more}\r\n")
            assert client.response().status == status
    server.wait_for_log(r'"GET /reflect HTTP/1\.1" 431')


def test_html_escape_on_error(probe):
    server = probe(program="cpython")
    # Ours does not repeat what it does not understand; what a handler says is escaped.
    with server.client() as client:
        response = client.send('<script>alert("hello")</script> / HTTP/1.1\r\n\r\n').response()
        assert response.status == 400 and "<script" not in response.text
    response = server.ask("EXPLAINERROR")
    assert "&lt;explanation&gt;" in response.text and "<explanation" not in response.text


def test_close_connection(server):
    with server.client() as client:
        assert not client.ask(path="/reflect").closes
        assert not client.ask(path="/reflect").closes
        assert client.ask(path="/close").get("Connection") == "close"
        assert client.ends()


@pytest.mark.parametrize("seconds", [0, 784111777, 951782400, 1709164799, 4107542400])
def test_date_time_string(server, seconds):
    assert server.ask(path=f"/date?{seconds}").text == email.utils.formatdate(seconds, usegmt=True)


# ---------------------------------------------------------------- SimpleHTTPRequestHandlerTestCase


@pytest.mark.parametrize("path, name", [
    pytest.param("/filename", "filename", id="test_query_arguments"),
    pytest.param("/filename?foo=bar", "filename", id="test_query_arguments_1"),
    pytest.param("/filename?a=b&spam=eggs", "filename", id="test_query_arguments_2"),
    pytest.param("//filename", "filename", id="test_start_with_double_slash"),
    pytest.param("//filename?foo=bar", "filename", id="test_start_with_double_slash_1"),
    ("/", ""),
    ("/dir/", "dir/"),
    ("/a//b", "a/b"),
    ("/a/./b/../c", "a/c"),
    ("/a/b/..", "a/"),
    ("/../../etc/passwd", "etc/passwd"),
    ("/%2e%2e/%2E./etc", "etc"),
    ("/a%20b%2Bc+d", "a b+c+d"),
    ("/%25%32%30", "%20"),
    ("/%3fquery%23", "?query#"),
    ("/...", "..."),
    ("/.hidden", ".hidden"),
    ("/c:c:c:foo/filename", "c:c:c:foo/filename"),
    ("/a%2fb", "a/b"),
    ("/..%2f..%2fetc", "etc"),
    ("/%00", None),
    ("/a%00.html", None),
    ("/%", None),
    ("/%4", None),
    ("/%zz", None),
])
def test_translate_path(server, path, name):
    assert server.ask("TRANSLATE", path).text == ("none" if name is None else "name=" + name)


def test_fragment_is_refused(server):
    # Python cuts it off; a target cannot have one (RFC 9112 3.2)
    assert server.ask(path="/reflect?a=b#zot").status == 400


# ---------------------------------------------------------------- ScriptTestCase


@pytest.mark.parametrize("bind, family", [
    pytest.param("localhost", None, id="test_server_test_localhost"),
    pytest.param("::", socket.AF_INET6, id="test_server_test_ipv6"),
    pytest.param("::1", socket.AF_INET6, id="test_server_test_ipv6_loopback"),
    pytest.param("0.0.0.0", socket.AF_INET, id="test_server_test_ipv4"),
    pytest.param("127.0.0.1", socket.AF_INET, id="test_server_test_ipv4_loopback"),
])
def test_server_test(httpserver, bind, family):
    server = httpserver("--bind", bind)
    port = server.address[1]
    assert server.ask(path="/").status == 200
    addresses = {socket.AF_INET: ("127.0.0.1", port), socket.AF_INET6: ("::1", port)}
    if family is not None:
        with wire.Client(addresses[family]) as client:
            assert client.ask().status == 200
    if bind == "::":  # both, as Python's DualStackServer
        with wire.Client(addresses[socket.AF_INET]) as client:
            assert client.ask().status == 200


def test_server_test_unspec(httpserver):
    # Python: every interface. Here nobody else sees what is served without being asked to.
    assert httpserver().address[0] == "127.0.0.1"

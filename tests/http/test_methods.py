# SPDX-License-Identifier: MIT
"""Methods: those of the class, HEAD, OPTIONS, those that are not there; and handlers that fail."""

import pytest
import wire


@pytest.fixture
def files(httpserver, root):
    (root / "a.txt").write_text("hello")
    (root / "empty").touch()
    (root / "large.bin").write_bytes(b"x" * 200000)
    (root / "dir").mkdir()
    (root / "dir" / "b").touch()
    return httpserver()


@pytest.mark.parametrize("path", ["/", "/a.txt", "/empty", "/large.bin", "/dir/", "/dir", "/nowhere"])
def test_head_is_get_without_body(files, path):
    with files.client() as client:
        get, head = client.ask("GET", path), client.ask("HEAD", path)
        assert (head.status, head.reason) == (get.status, get.reason)

        def comparable(response):
            return {name: value for name, value in response.fields if name != "Date"}

        assert comparable(head) == comparable(get)
        assert client.ask("GET", path).body == get.body


@pytest.mark.parametrize("size", [0, 10, 8192, 8193, 100000])
def test_head_of_unknown_length(probe, size):
    """Nobody knows the length before the body is made: HEAD may say less, never anything wrong."""
    with probe().client() as client:
        head = client.ask("HEAD", f"/big?{size}")
        assert head.status == 200
        get = client.ask("GET", f"/big?{size}")
        for name in "Content-Length", "Transfer-Encoding":
            assert head.get(name) in (None, get.get(name))
        assert len(get.body) == size


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
def test_405_with_allow(files, method):
    with files.client() as client:
        response = client.ask(method, "/a.txt")
        assert response.status == 405
        assert sorted(response.get("Allow").split(", ")) == ["GET", "HEAD", "OPTIONS"]
        assert client.ask(method, "/a.txt", b"body").status == 405
        assert client.ask("GET", "/a.txt").body == b"hello"


def test_405_connect(files):
    with files.client() as client:
        assert client.ask("CONNECT", "example.org:443").status == 405
    for target in "/a.txt", "example.org", "http://example.org/":
        assert files.ask("CONNECT", target).status == 400


@pytest.mark.parametrize("method", ["FOO", "get", "GETS", "GE", "X" * 1000, "PROPFIND", "M-SEARCH", "a!#$%&'*+-.^_`|~9"])
def test_501(files, method):
    with files.client() as client:
        response = client.ask(method, "/a.txt")
        assert response.status == 501 and response.get("Connection") == "close"
        assert client.ends()


def test_options(files):
    with files.client() as client:
        for target in "/", "/a.txt", "*", "/nowhere":
            response = client.ask("OPTIONS", target)
            assert response.status == 204 and response.get("Allow") == "GET, HEAD, OPTIONS"


def test_asterisk_is_for_options_only(files):
    assert files.ask("GET", "*").status == 400
    assert files.ask("OPTIONS", "*x").status == 400


@pytest.mark.parametrize("method", ["M-SEARCH", "PRI", "get", "!#$%&'*+-.^_`|~09azAZ"])
def test_any_token_reaches_its_handler(probe, method):
    """Also those that llhttp does not know, or treats specially."""
    with probe().client() as client:
        for _ in range(2):
            response = client.ask(method, "/reflect", b"body")
            assert response.status == 200 and not response.closes
            assert f"command={method}\n" in response.text and "length=4\n" in response.text
        assert method in client.ask("OPTIONS").get("Allow").split(", ")


@pytest.mark.parametrize("method", ["GE T", "GET\t", "G\u00c4T", "GET,", "(GET)", "\"GET\"", "G\x00T", "GET\x0b", "", " GET"])
def test_no_token(files, method):
    with files.client() as client:
        assert client.ask(method, "/a.txt").status == 400
        assert client.ends()


def test_connect_opens_a_tunnel(probe):
    with probe().client() as client:
        client.send(wire.request("CONNECT", "example.org:443"))
        head = client.until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ") and b"Content-Length" not in head and b"Transfer-Enc" not in head


def test_interim_response(probe):
    with probe().client() as client:
        client.send(wire.request(path="/processing"))
        assert client.response().status == 102
        assert client.response().body == b"done"
        # HTTP/1.0 knows none
        client.send(wire.request(path="/processing", version="HTTP/1.0"))
        assert client.response().body == b"done"


# ---------------------------------------------------------------- handlers that fail


@pytest.mark.parametrize("path", ["/fail", "/fail-begun", "/nothing"])
def test_handler_fails_before_it_answers(probe, path):
    server = probe()
    with server.client() as client:
        response = client.ask(path=path)
        assert response.status == 500 and response.get("Connection") == "close"
        assert "X-Of-The-First" not in response and b"some of it" not in response.body
        assert client.ends()
    server.wait_for_log("127.0.0.1")
    assert server.ask(path="/ignore").status == 200


@pytest.mark.parametrize("path", ["/fail-late", "/short"])
def test_handler_fails_in_the_middle(probe, path):
    """The client must see that the answer is not complete, and nothing else in its place."""
    server = probe()
    with server.client() as client:
        client.send(wire.request(path=path) + wire.request(path="/ignore"))
        with pytest.raises(wire.Ended) as ended:
            client.response()
        assert ended.value.partial in (b"some of it", b"12345")
    assert server.ask(path="/ignore").status == 200


def test_handler_writes_more_than_it_said(probe):
    server = probe()
    with server.client() as client:
        client.send(wire.request(path="/long") + wire.request(path="/ignore"))
        try:
            response = client.response()
            assert response.status == 500 or response.body == b"12345"
            assert client.ends()
        except wire.Ended as ended:
            assert len(ended.partial) <= 5


def test_header_injection(probe):
    """send_header and send_response refuse what would begin another field, or none at all."""
    response = probe().ask(path="/headers")
    assert response.text == "15 of 15 refused"
    assert response.get("X-Good") == "tab\tand \xc3\xa9"
    assert not [name for name, _ in response.fields if name.startswith("X") and name != "X-Good"]
    assert "Set-Cookie" not in response


@pytest.mark.parametrize("path", ["/own-fields", "/own-fields?first"])
def test_own_date_and_server(probe, path):
    """They take the place of the usual ones, wherever they stand."""
    response = probe().ask(path=path)
    assert response.text == "1"
    names = [name for name, _ in response.fields]
    assert names.count("Date") == names.count("Server") == 1
    assert (response.get("Date"), response.get("Server")) == ("Sun, 06 Nov 1994 08:49:37 GMT", "own")
    assert [value for name, value in response.fields if name == "X-Long"] == [f"{i} {i:0300}" for i in range(40)]

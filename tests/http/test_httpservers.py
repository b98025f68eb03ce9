# SPDX-License-Identifier: MIT
"""The counterparts of CPython's Lib/test/test_httpservers.py, by name. Where the answer differs, the reason stands there.

Without counterpart: CGI; test_all (names of a Python module); test_windows_colon; test_http_0_9 and
test_version_none_get only as refusals (HTTP/0.9 is not spoken); what counts calls of a Python object's methods.
"""

import email.utils
import html
import os
import re
import time
import urllib.parse

import pytest
import wire

# ---------------------------------------------------------------- BaseHTTPServerTestCase


@pytest.fixture
def server(probe):
    return probe(program="cpython")


def status_of(server, line):
    """The answer to a request line; after one that is refused, the connection is closed."""
    with server.client() as client:
        response = client.send(line + "\r\nHost: x\r\n\r\n").response()
        if response.status in (400, 501, 505):
            assert response.closes and client.ends()
        return response.status


def test_command(server):
    response = server.ask("GET", "/")
    # Python: 501 for every unknown method; RFC 9110 15.5.6 wants 405 for one that is known elsewhere
    assert response.status == 405
    assert "GET" not in response.get("Allow")
    assert "CUSTOM" in response.get("Allow")


def test_request_line_trimming(server):
    # Python takes off any line end; a bare LF is no line end for us (RFC 9112 2.2: MAY)
    assert status_of(server, "XYZBOGUS / HTTP/1.1\n") == 400
    assert status_of(server, "XYZBOGUS / HTTP/1.1") == 501


@pytest.mark.parametrize("version, status", [
    pytest.param("FUBAR", 400, id="test_version_bogus"),
    pytest.param("HTTP/9.9.9", 400, id="test_version_digits"),
    pytest.param("HTTP/-9_9_9.+9_9_9", 400, id="test_version_signs_and_underscores"),
    pytest.param("HTTP/909876543210.0", 400, id="test_major_version_number_too_long"),
    pytest.param("HTTP/1.909876543210", 400, id="test_minor_version_number_too_long"),
    pytest.param("HTTP/9.9", 505, id="test_version_invalid"),
    pytest.param("HTTP/2.0", 505, id="http_2"),
    pytest.param("HTTP/0.9", 505, id="http_0_9"),
    pytest.param("http/1.1", 400, id="lower_case"),
    pytest.param("HTTP/1.1 ", 400, id="space_behind"),
    pytest.param("HTTP/1", 400, id="no_minor"),
    pytest.param("HTTP/01.1", 400, id="leading_zero"),
    pytest.param("HTTP/1.2", 501, id="a_later_minor_version_is_understood"),
])
def test_version(server, version, status):
    assert status_of(server, "XYZBOGUS / " + version) == status


def test_version_none_get(server):
    assert status_of(server, "GET /") == 400


def test_version_none(server):
    assert status_of(server, "CUSTOM /") == 400


def test_send_blank(server):
    assert status_of(server, " ") == 400
    assert status_of(server, "  HTTP/1.1") == 400


def test_header_close(server):
    with server.client() as client:
        response = client.ask("TEST", "/", connection="close")
        assert response.status == 204 and response.get("Connection") == "close"
        assert client.ends()


def test_header_keep_alive(server):
    with server.client() as client:
        for _ in range(3):
            response = client.ask("KEEP", "/", connection="keep-alive")
            assert response.status == 204 and not response.closes


def test_handler(server):
    assert server.ask("TEST", "/").status == 204


def test_return_header_keep_alive(server):
    with server.client() as client:
        # In HTTP/1.1 it goes without saying; a client of HTTP/1.0 is told.
        assert not client.ask("KEEP", "/").closes
        assert client.ask("KEEP", "/", version="HTTP/1.0", connection="keep-alive").get("Connection") == "keep-alive"
        assert client.ask("TEST", "/").get("Connection") == "close"
        assert client.ends()


def test_internal_key_error(server):
    response = server.ask("KEYERROR", "/")
    assert response.status == 999 and response.body


def test_return_custom_status(server):
    response = server.ask("CUSTOM", "/")
    assert response.status == 999 and response.body == b""


def test_return_explain_error(server):
    response = server.ask("EXPLAINERROR", "/")
    assert response.status == 999
    assert response.reason == "Short <Message>"
    assert "Short &lt;Message&gt;" in response.text
    assert "This is a long \n &lt;explanation&gt;" in response.text


def test_latin1_header(server):
    # Headers are bytes here; what comes is what went.
    response = server.ask("LATINONEHEADER", "/", x_special_incoming="\xc4rger mit Unicode")
    assert response.get("X-Special") == "D\xe4ngerous Mind"
    assert response.body == b"\xc4rger mit Unicode"


def test_error_content_length(server):
    response = server.ask("NOTFOUND", "/")
    assert response.status == 404
    assert int(response.get("Content-Length")) == len(response.body) > 0
    assert response.get("Content-Type") == "text/html;charset=utf-8"


@pytest.mark.parametrize("code", [204, 205, 304])
def test_send_error(server, code):
    """Errors that have no body. (101 and 102 are no final responses: test_send_error_interim.)"""
    with server.client() as client:
        response = client.ask("SEND_ERROR", f"/{code}")
        assert response.status == code and response.body == b""
        assert "Content-Type" not in response and "Transfer-Encoding" not in response
        # Python sends none; RFC 9110 15.3.6: a 205 without one would wait for the connection's end
        assert response.get("Content-Length") == ("0" if code == 205 else None)
        assert client.ask("NOTFOUND", "/").status == 404


def test_send_error_interim(server):
    """102 announces another response, which then never comes: the server owes one, and says 500."""
    with server.client() as client:
        client.send(wire.request("SEND_ERROR", "/102"))
        assert client.response().status == 102
        assert client.response().status == 500


@pytest.mark.parametrize("code", [200, 204, 205, 304])
def test_head_via_send_error(server, code):
    with server.client() as client:
        response = client.ask("HEAD", f"/{code}")
        assert response.status == code
        if code == 200:
            assert int(response.get("Content-Length")) > 0
            assert "text/html" in response.get("Content-Type")
        else:
            assert "Content-Type" not in response
        assert "Transfer-Encoding" not in response
        assert client.ask("NOTFOUND", "/").status == 404


# ---------------------------------------------------------------- RequestHandlerLoggingTestCase


def test_logging_get(server):
    server.ask("KEEP", "/")
    # The default of Python says "-"; so does this for a response without a length.
    server.wait_for_log(r'^127\.0\.0\.1 - - \[\d\d/[A-Z][a-z][a-z]/\d{4} \d\d:\d\d:\d\d\] "KEEP / HTTP/1\.1" 204 -$')


def test_logging_err(server):
    server.ask("ERROR", "/")
    server.wait_for_log(r"code 404, message File not found$")
    server.wait_for_log(r'"ERROR / HTTP/1\.1" 404 \d+$')
    assert [line.split("] ")[1][:4] for line in server.log.splitlines()] == ["code", '"ERR']


# ---------------------------------------------------------------- SimpleHTTPServerTestCase

DATA = b"We are the knights who say Ni!"


@pytest.fixture
def files(httpserver, root):
    (root / "dir").mkdir()
    (root / "dir" / "test").write_bytes(DATA)
    return httpserver()


def test_undecodable_filename(files, root):
    name = b"@test_\xe7w\xf0\xff.txt"
    with open(os.path.join(os.fsencode(root / "dir"), name), "wb") as file:
        file.write(name)
    page = files.ask(path="/dir/")
    quoted = urllib.parse.quote(name)
    assert f'href="{quoted}"'.encode() in page.body
    # Python sends the bytes themselves; here the page is valid UTF-8
    assert ">@test_\ufffdw\ufffd\ufffd.txt<" in page.text
    assert files.ask(path="/dir/" + quoted).body == name


def test_undecodable_parameter(files):
    # Python repeats the query in the title; here it changes nothing
    pages = [files.ask(path="/dir/" + query) for query in ("", "?x=123", "?x=%bb", "?x=%zz")]
    assert all(page.status == 200 and page.body == pages[0].body for page in pages)


def test_get_dir_redirect_location_domain_injection_bug(files, root):
    (root / "dir" / "existing_directory").mkdir()
    url = "/python.org/..%2f..%2f..%2f..%2f..%2f../%0a%0d/../dir/existing_directory"
    for slashes in ("", "/", "//", "///////"):
        response = files.ask(path=slashes + url)
        assert response.status == 301
        assert response.get("Location") == url + "/"
    response = files.ask(path="https://pypi.org/" + url, host="pypi.org")
    assert response.status == 301
    assert response.get("Location") == "https://pypi.org" + url + "/"
    # Not in CPython's: an absolute target's host is not repeated when Host says something else.
    response = files.ask(path="https://pypi.org/" + url)
    assert response.status == 301
    assert response.get("Location") == url + "/"
    # Not in CPython's: browsers take a backslash for a slash, and encoded slashes stay what they are.
    for attack in ("/\\evil.org/../dir/existing_directory", "/%5cevil.org/../dir/existing_directory"):
        location = files.ask(path=attack).get("Location")
        assert re.match("/[^/\\\\]", location), location
        assert files.ask(path=location).status == 200
    assert files.ask(path="//evil.org/..%2f../dir/existing_directory").get("Location")[:11] == "/evil.org/."


def test_get(files, root):
    assert files.ask(path="/dir/test").body == DATA
    for slash in "/", "%2f", "%2F":
        assert files.ask(path="/dir/test" + slash).status == 404
        assert files.ask(path="/dir" + slash).status == 200
    assert files.ask(path="/dir/").status == 200
    response = files.ask(path="/dir")
    assert response.status == 301 and response.get("Content-Length") == "0"
    assert files.ask(path="/dir/?hi=2").status == 200
    response = files.ask(path="/dir?hi=1")
    assert response.status == 301 and response.get("Location") == "/dir/?hi=1"
    assert files.ask(path="/ThisDoesNotExist").status == 404
    assert files.ask(path="/ThisDoesNotExist/").status == 404
    (root / "spam" / "index.html").mkdir(parents=True)
    response = files.ask(path="/spam/")
    assert response.status == 200 and b"index.html/" in response.body
    (root / "dir" / "index.html").write_bytes(b"Dummy index file\r\n")
    assert files.ask(path="/dir/").body == b"Dummy index file\r\n"


def test_head(files):
    response = files.ask("HEAD", "/dir/test")
    assert response.status == 200
    assert response.get("Content-Length") == str(len(DATA))
    assert response.get("Content-Type") == "application/octet-stream"


def since(path, seconds):
    return email.utils.formatdate(os.stat(path).st_mtime + seconds, usegmt=True)


def test_browser_cache(files, root):
    for seconds in (0, 3600):
        response = files.ask(path="/dir/test", if_modified_since=since(root / "dir" / "test", seconds))
        assert response.status == 304 and response.body == b""


def test_browser_cache_file_changed(files, root):
    response = files.ask(path="/dir/test", if_modified_since=since(root / "dir" / "test", -365 * 86400))
    assert response.status == 200 and response.body == DATA


def test_browser_cache_with_If_None_Match_header(files, root):
    response = files.ask(path="/dir/test", if_modified_since=since(root / "dir" / "test", 0), if_none_match='"other"')
    assert response.status == 200 and response.body == DATA


@pytest.mark.parametrize("method", ["FOO", "custom", "GETs", "get"])
def test_invalid_requests(files, method):
    assert files.ask(method, "/").status == 501


def test_last_modified(files, root):
    assert files.ask(path="/dir/test").get("Last-Modified") == since(root / "dir" / "test", 0)


@pytest.mark.parametrize("path", ["dir/test", "dir/", "dir", "dir?hi=1"])
def test_path_without_leading_slash(files, path):
    # Python serves it; RFC 9112 3.2 has no such form, and guessing differs from what a proxy guesses.
    assert files.ask(path=path).status == 400


def test_html_escape_filename(files, root):
    (root / "dir" / "<test&>\"'.txt").touch()
    response = files.ask(path="/dir/")
    assert response.get("Content-Type") == "text/html; charset=utf-8"
    assert f">{html.escape('<test&>', quote=False)}" in response.text
    assert "<test" not in response.text
    (link,) = re.findall(r'href="([^"]*txt)"', response.text)
    assert files.ask(path="/dir/" + link).status == 200


def test_range(files):
    # Python ignores it.
    response = files.ask(path="/dir/test", range="bytes=3-5")
    assert response.status == 206 and response.body == DATA[3:6]

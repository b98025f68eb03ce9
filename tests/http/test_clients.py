# SPDX-License-Identifier: MIT
"""Clients that others wrote: curl, requests, http.client, urllib."""

import http.client
import os
import shutil
import urllib.error
import urllib.request

import programs
import pytest
import requests

needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="no curl")


@pytest.fixture
def files(httpserver, root):
    (root / "a.txt").write_text("hello")
    (root / "dir").mkdir()
    (root / "empty").touch()
    for i in range(20):
        (root / f"{i}.bin").write_bytes(os.urandom(5000 * i))
    return httpserver()


def curl(*arguments, text=True):
    result = programs.run(["curl", "--noproxy", "*", "-sS", "--max-time", str(programs.LIMIT), *arguments], text=text)
    assert result.returncode == 0, result.stderr
    return result.stdout


@needs_curl
def test_curl_get(files):
    assert curl(files.url + "a.txt") == "hello"
    assert curl("--http1.0", files.url + "a.txt") == "hello"
    assert curl("--http1.1", files.url + "a.txt", files.url + "a.txt") == "hello" * 2
    assert "Directory listing" in curl("-L", files.url + "dir")
    assert curl("-r", "1-2", files.url + "a.txt") in ("hello", "el")
    # curl hopes for HTTP/2; the upgrade is ignored
    assert curl("--http2", files.url + "a.txt") == "hello"


@needs_curl
def test_curl_head(files):
    head = curl("-I", files.url + "a.txt")
    assert head.startswith("HTTP/1.1 200 OK\n") or head.startswith("HTTP/1.1 200 OK\r\n")
    assert "Content-Length: 5" in head
    assert "301" in curl("-I", files.url + "dir").splitlines()[0]


@needs_curl
def test_curl_time_condition(files, root, tmp_path):
    path = tmp_path / "copy"
    curl("-R", "-o", path, files.url + "a.txt")
    assert int(path.stat().st_mtime) == int((root / "a.txt").stat().st_mtime)
    assert curl("-z", path, "-o", "/dev/null", "-w", "%{http_code}", files.url + "a.txt") == "304"
    assert curl("-z", "1 Jan 2000", files.url + "a.txt") == "hello"


@needs_curl
def test_curl_reuses_the_connection(files):
    urls = [f"{files.url}{i}.bin" for i in range(20)]
    outputs = [word for url in urls for word in ("-o", "/dev/null", url)]
    assert curl("-w", "%{num_connects} ", *outputs).split() == ["1"] + ["0"] * 19


@needs_curl
def test_curl_parallel(httpserver, root, tmp_path, concurrent_mixin):
    for i in range(20):
        (root / f"{i}.bin").write_bytes(os.urandom(5000 * i))
    server = httpserver(*concurrent_mixin)
    config = tmp_path / "config"
    config.write_text("".join(f'url = "{server.url}{i}.bin"\noutput = "{tmp_path}/{i}.out"\n' for i in range(20)))
    curl("--parallel", "--parallel-immediate", "-K", config)
    for i in range(20):
        assert (tmp_path / f"{i}.out").read_bytes() == (root / f"{i}.bin").read_bytes()


@needs_curl
def test_curl_uploads(probe, tmp_path):
    server = probe()
    body = tmp_path / "body"
    body.write_bytes(os.urandom(3_000_000))
    # more than a megabyte: curl sends Expect: 100-continue by itself
    assert curl("--data-binary", f"@{body}", server.url + "echo", text=False) == body.read_bytes()
    assert curl("-X", "POST", "-T", body, server.url + "stream", text=False) == body.read_bytes()
    assert curl("-H", "Transfer-Encoding: chunked", "--data-binary", f"@{body}", server.url + "echo",
                text=False) == body.read_bytes()
    assert curl("-T", body, server.url + "x", text=False) == body.read_bytes()
    assert curl("-d", "a=b", server.url + "echo", server.url + "echo") == "a=ba=b"
    # an answer before the end of the body
    assert curl("--data-binary", f"@{body}", server.url + "ignore") == "ignored"


@needs_curl
def test_curl_post_to_files(files):
    assert curl("-d", "x", "-o", "/dev/null", "-w", "%{http_code}", files.url) == "405"
    assert curl("-T", "/dev/null", "-o", "/dev/null", "-w", "%{http_code}", files.url + "new") == "405"


def test_requests_session(probe, root, mixin):
    (root / "a.txt").write_text("hello")
    (root / "dir").mkdir()
    server = probe(*programs.as_settings(mixin))
    with requests.Session() as session:
        session.trust_env = False
        for _ in range(5):
            response = session.get(server.url + "a.txt", timeout=programs.LIMIT)
            assert response.text == "hello" and response.encoding == "utf-8"
        response = session.get(server.url + "dir", timeout=programs.LIMIT)
        assert response.url == server.url + "dir/" and len(response.history) == 1
        data = os.urandom(100_000)
        assert session.post(server.url + "echo", data=data, timeout=programs.LIMIT).content == data
        pieces = [b"one", b"two", data]
        assert session.post(server.url + "stream", data=iter(pieces), timeout=programs.LIMIT).content == b"".join(pieces)
        assert session.head(server.url + "a.txt", timeout=programs.LIMIT).headers["content-length"] == "5"
        assert session.get(server.url + "nowhere", timeout=programs.LIMIT).status_code == 404
        assert session.options(server.url, timeout=programs.LIMIT).status_code == 204


def test_http_client(files):
    connection = http.client.HTTPConnection(*files.address, timeout=programs.LIMIT)
    connection.connect()
    first = connection.sock
    for path, status, body in [("/a.txt", 200, b"hello"), ("/nowhere", 404, None), ("/empty", 200, b""), ("/dir", 301, b"")] * 3:
        for method in "GET", "HEAD":
            connection.request(method, path)
            response = connection.getresponse()
            data = response.read()
            assert response.status == status
            assert data == (b"" if method == "HEAD" else data if body is None else body)
    assert connection.sock is first
    connection.close()


def test_urllib(files):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(files.url + "a.txt", timeout=programs.LIMIT) as response:
        assert response.read() == b"hello"
        assert response.headers.get_content_charset() == "utf-8"
    with opener.open(files.url + "dir", timeout=programs.LIMIT) as response:
        assert response.url == files.url + "dir/"
    with pytest.raises(urllib.error.HTTPError) as error:
        opener.open(files.url + "nowhere", timeout=programs.LIMIT)
    assert error.value.code == 404 and b"404" in error.value.read()

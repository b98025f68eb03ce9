# SPDX-License-Identifier: MIT
"""Slot `before`, and http_delegate: one server, several handler classes (tests/http/delegate.c)."""

import json
import re

import programs
import pytest
import wire


@pytest.fixture
def site(probe, mixin, tmp_path):
    for name in "files", "drop":
        (tmp_path / name).mkdir()
        (tmp_path / name / "own.txt").write_text(f"of {name}")
    return probe(*programs.as_settings(mixin), program="delegate")


def test_two_directories(site, tmp_path):
    with site.client() as client:
        for name in "files", "drop", "files":
            response = client.ask(path=f"/{name}/own.txt")
            assert (response.status, response.body) == (200, f"of {name}".encode())
            assert client.ask("HEAD", f"/{name}/own.txt").status == 200
        assert client.ask(path="/files/../drop/own.txt").status == 404
        # options are the delegate's
        assert client.ask(path="/files/own.txt").get("Cache-Control") == "max-age=60"
        drop = client.ask(path="/drop/own.txt")
        assert drop.get("Cache-Control") == "no-cache" and drop.get("Content-Security-Policy") == "sandbox"
        # a listing, and the form that goes with uploads
        assert b"<form" not in client.ask(path="/files/").body and b"<form" in client.ask(path="/drop/").body


def test_listing_extra(site):
    """What a class has to say about a directory stands on its page, behind the heading."""
    with site.client() as client:
        page = client.ask(path="/files/").body
        assert 0 < page.index(b"</h1>") < page.index(b"<p>What is here</p>") < page.index(b"<table>")
        assert b"What is here" not in client.ask(path="/files/?json").body + client.ask(path="/drop/").body
        assert client.ask(path="/files/", X_Failed_By="x").status == 507


def test_methods(site, tmp_path):
    with site.client() as client:
        assert client.ask("PUT", "/drop/new.txt", b"new").status == 201
        assert (tmp_path / "drop" / "new.txt").read_text() == "new"
        assert client.ask(path="/drop/new.txt").body == b"new"
        refused = client.ask("DELETE", "/drop/new.txt")
        assert refused.status == 405 and refused.get("Allow") == "POST, PUT, GET, HEAD, OPTIONS"
        refused = client.ask("PUT", "/files/new.txt", b"new")
        assert refused.status == 405 and refused.get("Allow") == "GET, HEAD, OPTIONS" and refused.body == b"files' page"
        assert client.ask("PUT", "/drop/large", b"x" * 100001).status == 413
        assert not (tmp_path / "drop" / "large").exists()


def test_errors(site):
    """A page of the delegate's where it answers, of the server's class where an error comes back."""
    with site.client() as client:
        assert client.ask(path="/files/none").body == b"files' page"
        failed = client.ask(path="/files/fail")
        assert failed.status == 507 and b"files' page" not in failed.body


def test_order_of_before(site):
    with site.client() as client:
        assert client.ask(path="/trail").body == b"bs"
        assert client.ask(path="/files/trail").body == b"bsbf"
        assert client.ask(path="/inner/trail").body == b"bsbibf"
        assert client.ask(path="/trail").body == b"bs"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS", "PATCH", "NEVER-HEARD-OF"])
def test_before_answers(site, method):
    """Neither the other slots nor do_X are called, whatever the method is."""
    with site.client() as client:
        for letter, path in ("b", "/files/own.txt"), ("s", "/files/own.txt"), ("s", "/drop/x"):
            response = client.ask(method, path, b"data" if method == "PUT" else None, X_Refused_By=letter)
            assert response.status == 403 and (method == "HEAD" or response.body == b"bs"[:"bs".index(letter) + 1])
        refused = client.ask("GET", "/inner/trail", X_Refused_By="f")
        assert refused.status == 403 and refused.body == b"bsbibf"
        assert client.ask(path="/trail").body == b"bs"


def test_before_of_a_delegate_guards_it_alone(site, tmp_path):
    with site.client() as client:
        assert client.ask("PUT", "/drop/secret", b"x", X_Refused_By="d").status == 403
        assert not (tmp_path / "drop" / "secret").exists()
        assert client.ask(path="/files/own.txt", X_Refused_By="d").status == 200


def test_before_fails(site):
    with site.client() as client:
        assert client.ask(path="/trail", X_Failed_By="b").status == 507


def test_before_sends_an_interim_response(site):
    """Which is no answer."""
    with site.client() as client:
        client.send(b"GET /files/own.txt HTTP/1.1\r\nHost: a\r\nX-Hinted-By: f\r\n\r\n")
        assert client.response().status == 103
        assert client.response().body == b"of files"


def test_old_protocol(site):
    """The connection of a delegate that closes is closed."""
    with site.client() as client:
        response = client.ask(path="/old/none")
        assert response.status == 404 and response.closes


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "identity"])
def test_framing_is_that_of_the_status_line(site, coding):
    """HTTP/1.0 knows no chunks, also where the head leaves when the server's class has the exchange again."""
    with site.client() as client:
        response = client.ask(path="/old/much", Accept_Encoding=coding)
        assert response.status == 200 and response.version == "1.0" and response.closes
        assert "Transfer-Encoding" not in response


def test_a_new_delegate_of_an_old_class(probe, mixin, tmp_path):
    """Its status line says HTTP/1.1, so its head says that the connection is closed."""
    (tmp_path / "files").mkdir()
    site = probe(*programs.as_settings(mixin), "protocol=HTTP/1.0", program="delegate")
    with site.client() as client:
        response = client.ask(path="/files/short")
        assert (response.status, response.version, response.body) == (200, "1.1", b"short")
        assert response.get("Connection") == "close"


def test_too_late(site):
    with site.client() as client:
        assert client.ask(path="/late").body == b"too late"


def test_stranger(site):
    """A class that is not among the delegates is an error that is told, and not the end of the server."""
    with site.client() as client:
        assert client.ask(path="/stranger/x").status == 500
    site.wait_for_log("http_delegate: the class is not among the delegates")
    with site.client() as client:
        assert client.ask(path="/files/own.txt").status == 200


def test_log(probe, mixin, tmp_path):
    """One line for each request, by the server's class."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "own.txt").write_text("x")
    site = probe(*programs.as_settings(mixin), "log=common", program="delegate")
    with site.client() as client:
        client.ask(path="/files/own.txt")
        client.ask(path="/files/none")
    site.stop()
    lines = [line for line in site.log.splitlines() if "/files/" in line]
    assert len(lines) == 2 and all(re.search(r'"GET /files/\S+ HTTP/1.1" [24]0[04] \d+$', line) for line in lines), site.log


def test_errors_stand_in_the_line_of_the_server_s_class(probe, mixin, tmp_path):
    """It is that class whose log_request has a place for them, whatever the delegate's is."""
    site = probe(*programs.as_settings(mixin), "log=json", program="delegate")
    with site.client() as client:
        assert client.ask(path="/old/none").status == 404
    site.stop()
    (line,) = [line for line in site.log.splitlines() if "File not found" in line]
    assert json.loads(line)["error"] == "code 404, message File not found"


# ---------------------------------------------------------------- what a delegate needs while the server runs


def test_left_over_parts_go(probe, mixin, tmp_path):
    """What a killed server has left in the directory of a delegate."""
    for name in "files", "drop":
        (tmp_path / name).mkdir()
    left = tmp_path / "drop" / ".httpserver-0123456789abcdef.part"
    left.write_text("left")
    (tmp_path / "drop" / ".httpserver-other.part").write_text("kept")
    probe(*programs.as_settings(mixin), program="delegate")
    assert not left.exists() and (tmp_path / "drop" / ".httpserver-other.part").exists()


def test_limits_hold_for_all_processes(probe, concurrent_mixin, tmp_path):
    for name in "files", "drop":
        (tmp_path / name).mkdir()
    site = probe(*programs.as_settings(concurrent_mixin), program="delegate")

    def begin():
        client = site.client()
        client.send(wire.request("PUT", "/drop/x", None, content_length=10, expect="100-continue"))
        return client, client.response().status

    first, status = begin()
    assert status == 100
    for _ in range(4):
        client, status = begin()
        client.close()
        assert status == 503
    assert first.send(b"x" * 10).response().status == 201
    first.close()

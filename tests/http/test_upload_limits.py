# SPDX-License-Identifier: MIT
"""Uploads in all: how many at once, how much, what is left on the disk; and what a killed server leaves."""

import os
import signal

import programs
import pytest
import wire
from uploads import FORM, begin_put, form, in_namespace, tree

NO_PROC = "mount -t tmpfs tmpfs /proc"  # so that files have hidden names while they are received


def begin(server, path, size, **fields):
    """A PUT that has been admitted, and of which half is sent."""
    return begin_put(server, path, size, **fields).send(b"x" * (size // 2))


def is_refused(response, status=503):
    return response.status == status and (status != 503 or response.get("Retry-After") == "1")


# ---------------------------------------------------------------- at once


def test_number(httpserver, root, concurrent_mixin):
    """Those beyond are told to come again, in whatever thread or process they are, before they send anything."""
    server = httpserver("--upload", "--max-uploads=3", *concurrent_mixin)
    clients = [begin(server, f"/{i}", 10) for i in range(3)]
    for _ in range(4):
        with server.client() as client:
            client.send(wire.request("PUT", "/x", None, content_length=1, expect="100-continue"))
            assert is_refused(client.response())
        assert is_refused(server.ask("POST", "/", form(("x", b"x")), **FORM))
        assert is_refused(server.ask("PUT", "/x", [b"x"]))
    assert server.ask(path="/").status == 200
    assert clients[0].send(b"xxxxx").response().status == 201
    wire.wait_until(lambda: server.ask("PUT", "/0", b"x").status == 204)
    for leave, client in zip((wire.Client.reset, wire.Client.close), clients[1:]):
        leave(client)
    again = wire.wait_until(lambda: begin_if_admitted(server, "/4"))
    more = wire.wait_until(lambda: begin_if_admitted(server, "/5"))
    for client in again, more:
        assert client.send(b"x" * 10).response().status == 201
    assert tree(root) == {b"0", b"4", b"5"}


def begin_if_admitted(server, path):
    client = server.client()
    client.send(wire.request("PUT", path, None, content_length=10, expect="100-continue"))
    return client if client.response().status == 100 else client.close()


@pytest.mark.parametrize("options", [["--mixin", "forking"], ["--mixin", "preforking,eventloop", "--workers", "2"]],
                         ids=lambda options: options[1])
def test_those_of_a_killed_process_do_not_count(httpserver, root, options):
    server = httpserver("--upload", "--max-uploads=2", "--max-receiving=1M", *options)
    for _ in range(3):
        for client in [begin(server, f"/{i}", 400000) for i in range(2)]:
            client.send(b"x")
        for pid in server.children():
            os.kill(pid, signal.SIGKILL)
        wire.wait_until(lambda: answers(server) in (201, 204))
    assert tree(root) == {b"x"}


def answers(server):
    try:
        return server.ask("PUT", "/x", b"x" * 900000).status
    except (wire.Ended, ConnectionRefusedError):
        return None


def test_bytes(httpserver, root, concurrent_mixin):
    """What was announced counts at once, what comes in chunks as it comes."""
    server = httpserver("--upload", "--max-receiving=3M", *concurrent_mixin)
    first, second = begin(server, "/1", 1 << 20), begin(server, "/2", 1 << 20)
    for fields in {"content_length": (1 << 20) + 1}, {"content_length": 3 << 20}:
        with server.client() as client:
            client.send(wire.request("PUT", "/x", None, expect="100-continue", **fields))
            assert is_refused(client.response())
    assert is_refused(server.ask("POST", "/", form(("x", b"x" * (1 << 20))), **FORM))
    assert is_refused(server.ask("PUT", "/x", [b"x" * 100000] * 15))
    assert server.ask("PUT", "/y", b"x" * (1 << 20)).status == 201
    assert server.ask("PUT", "/z", [b"x" * 100000] * 10).status == 201
    for client in first, second:
        assert client.send(b"x" * (1 << 19)).response().status == 201
    wire.wait_until(lambda: server.ask("PUT", "/w", b"x" * (3 << 20)).status in (201, 204))
    assert tree(root) == {b"1", b"2", b"y", b"z", b"w"}


def test_more_than_ever_fits(httpserver, root):
    """RFC 9110 15.5.14: to come again would not help."""
    server = httpserver("--upload", "--max-receiving=1M")
    with server.client() as client:
        client.send(wire.request("PUT", "/x", None, content_length=(1 << 20) + 1, expect="100-continue"))
        assert client.response().status == 413
    assert server.ask("PUT", "/x", [b"x" * 100000] * 11).status == 413
    assert not tree(root)


# ---------------------------------------------------------------- room


SMALL = "mount -t tmpfs -o size=40m tmpfs root"


@pytest.mark.parametrize("script", [SMALL, SMALL + "; " + NO_PROC], ids=["unnamed", "named"])
def test_room_is_left(started, tmp_path, root, script):
    """507 before the body comes, if its size is known, else when there is too little left."""
    if "proc" in script and programs.SANITIZED:
        pytest.skip("sanitizers need /proc")
    server = in_namespace(started, tmp_path, script, "--min-free", "30M")
    for method, path, fields in ("PUT", "/a", {}), ("POST", "/", FORM):
        with server.client() as client:
            client.send(wire.request(method, path, None, content_length=11 << 20, expect="100-continue", **fields))
            assert client.response().status == 507
    assert server.ask("PUT", "/a", [b"x" * (1 << 20)] * 12).status == 507
    assert server.ask("POST", "/", [form(("a", b"x" * (12 << 20)))], **FORM).status == 507
    assert server.ask("PUT", "/a", b"x" * (9 << 20)).status == 201
    assert server.ask("PUT", "/b", [b"x" * (1 << 20)] * 2).status == 507
    assert tree(f"/proc/{server.pid}/root{root}") == {b"a"}


def test_room_is_reserved(started, tmp_path, root):
    """What was let in finds room, however much comes in between."""
    server = in_namespace(started, tmp_path, SMALL)
    client = begin(server, "/a", 30 << 20)
    assert os.statvfs(f"/proc/{server.pid}/root{root}").f_bfree * 4096 <= 10 << 20
    with server.client() as other:
        other.send(wire.request("PUT", "/b", None, content_length=11 << 20, expect="100-continue"))
        assert other.response().status == 507
    assert server.ask("PUT", "/c", b"x" * (9 << 20)).status == 201
    assert client.send(b"x" * (15 << 20)).response().status == 201


# ---------------------------------------------------------------- parts


def parts(server, root):
    return {name for name in tree(f"/proc/{server.pid}/root{root}") if name.endswith(b".part")}


@pytest.mark.skipif(programs.SANITIZED, reason="sanitizers need /proc")
def test_parts(started, tmp_path, root):
    """What a killed server has left goes at the next start; what another one that runs receives does not."""
    (root / "d").mkdir()
    running = in_namespace(started, tmp_path, NO_PROC, "--hidden")
    kept = begin(running, "/d/kept", 1000)
    killed = in_namespace(started, tmp_path, NO_PROC)
    begin(killed, "/d/lost", 1000)
    begin(killed, "/lost", 1000)
    wire.wait_until(lambda: len(parts(killed, root)) == 3)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    killed.kill()
    left = parts(running, root)
    assert len(left) == 3
    for name in left:  # nobody sees them, or can make one
        assert running.ask(path="/" + name.decode()).status == 404
        assert running.ask("PUT", "/" + name.decode(), b"x").status in (403, 404)
    assert b".part" not in running.ask(path="/").body + running.ask(path="/d/").body
    assert running.ask("POST", "/", form((os.path.basename(name), b"x")), **FORM).status == 400
    in_namespace(started, tmp_path, "true")
    assert len(parts(running, root)) == 1
    assert kept.send(b"x" * 500).response().status == 201
    assert tree(root) == {b"d", b"d/kept"}


# ---------------------------------------------------------------- how they are served


def test_sandbox(httpserver, root, mixin):
    """What somebody has stored is no page of this site's."""
    (root / "x.html").write_text("<script>fetch('/')</script>" * 100)
    (root / "index.html").write_text("x")
    (root / "big").write_bytes(b"x" * 200000)
    server = httpserver("--upload", *mixin)
    with server.client() as client:
        for path, fields in (("/x.html", {}), ("/", {}), ("/big", {}), ("/big", {"range": "bytes=1-2"}), ("/x.html", {"accept_encoding": "gzip"}),
                             ("/big", {"range": "bytes=1-2, 5-6"}), ("/x.html", {"if_none_match": "*"})):
            for method in "GET", "HEAD":
                response = client.ask(method, path, **fields)
                assert response.status in (200, 206, 304)
                assert response.get("X-Content-Type-Options") == "nosniff"
                assert response.get("Content-Security-Policy") == "sandbox"
    plain = httpserver().ask(path="/x.html")
    assert "Content-Security-Policy" not in plain and "X-Content-Type-Options" not in plain


@pytest.mark.parametrize("name, boxed", [
    ("x.svg", True), ("x.xhtml", True), ("x.xml", True), ("x.txt", True), ("x.pdfx", True), ("x", True), ("x.pdf", False),
    ("x.PDF", False)])
def test_what_is_in_the_sandbox(httpserver, root, name, boxed):
    """All but what browsers have a viewer for that they do not start in a sandbox."""
    (root / name).write_bytes(b"x" * 10)
    response = httpserver("--upload").ask(path=f"/{name}")
    assert response.get("X-Content-Type-Options") == "nosniff"
    assert response.get("Content-Security-Policy") == ("sandbox" if boxed else None)
    assert response.get("Cache-Control") == "no-cache"


def test_without_the_sandbox(httpserver, root):
    (root / "x.html").write_text("x")
    response = httpserver("--upload", "--upload-scripts").ask(path="/x.html")
    assert response.get("X-Content-Type-Options") == "nosniff" and "Content-Security-Policy" not in response


def test_live_pages_run_scripts(root):
    """The one that --live puts into them would not run in the sandbox: that is said, and how it can be had."""
    result = programs.run([programs.path_of("httpserver"), "--live", "--upload", "-d", root, "0"])
    assert result.returncode == 2 and "--upload-scripts" in result.stderr and len(result.stderr.splitlines()) == 1


def test_the_listing_is_no_upload(httpserver):
    """Its form works, so it has its own policy."""
    response = httpserver("--upload").ask()
    assert "sandbox" not in response.get("Content-Security-Policy") and "form-action 'self'" in response.get("Content-Security-Policy")


@pytest.mark.parametrize("mixin_of_two", [["--mixin", "eventloop"], ["--mixin", "threading"]], ids=lambda options: options[1])
def test_one_descriptor(httpserver, root, mixin_of_two):
    """An upload holds its file, and no directory beside it."""
    server = httpserver("--upload", *mixin_of_two)
    assert server.ask("PUT", "/a", b"x").status == 201
    before = server.descriptors()
    clients = [begin(server, f"/{i}", 1000) for i in range(10)]
    assert server.descriptors() <= before + 20
    for client in clients:
        assert client.send(b"x" * 500).response().status == 201
        client.close()
    for i in range(10):  # nor is there any for what was stored
        assert server.ask("PUT", f"/{i}", b"x" * 100000).status == 204
    wire.wait_until(lambda: server.descriptors() <= before)


@pytest.mark.parametrize("option", ["--max-uploads=0", "--max-uploads=4097", "--max-uploads=x", "--max-receiving=0", "--max-receiving=1T",
                                    "--min-free=", "--min-free=-1", "--min-free=99999999999999999999"])
def test_bad_options(option):
    for arguments in ["--upload", option], [option.partition("=")[0] + "=1"], ["--upload-index"]:
        result = programs.run([programs.path_of("httpserver"), *arguments])
        assert result.returncode == 2 and len(result.stderr.splitlines()) == 1 and result.stdout == ""

# SPDX-License-Identifier: MIT
"""samples/rest: users as resources, with curl and with bytes; what two clients do at the same time; what outlives a kill."""

import collections
import json
import os
import shutil
import sqlite3
import threading
from concurrent import futures

import programs
import pytest
import wire

pytestmark = pytest.mark.skipif(not os.path.exists(os.path.join(programs.BUILD, "samples", "rest")),
                                reason="built without cJSON or SQLite")

CLASSES = ["HTTPServer", "Threading", "ThreadPool", "Forking", "Preforking", "EventLoop", "PreforkingEventLoop",
          "PreforkingThreading"]
TOGETHER = ["Threading", "Forking", "EventLoop", "PreforkingEventLoop"]
ANN = {"name": "Ann", "email": "ann@example.org"}
JSON, PATCH, PROBLEM = "application/json", "application/merge-patch+json", "application/problem+json"


@pytest.fixture
def rest(sample, tmp_path):
    def start(cls):
        return sample("rest", "{address}", cls, tmp_path / "users.db")
    return start


@pytest.fixture(scope="module", params=["Threading", "EventLoop"])
def shared(request, tmp_path_factory):
    """One server for the tests that leave nothing behind: /users/1 is Ann."""
    directory = tmp_path_factory.mktemp("rest")
    with programs.listener() as listening:
        server = programs.Server([programs.path_of("samples/rest"), f"fd:{listening.fileno()}", request.param, "users.db"],
                                 directory, address=listening.getsockname()[:2], fds=(listening.fileno(),))
    try:
        assert send(server, "POST", "/users", ANN).status == 201
        yield server
    finally:
        server.finish()


def send(server, method, path, what=None, **fields):
    body = None if what is None else what if isinstance(what, bytes) else json.dumps(what).encode()
    if body is not None:
        fields.setdefault("content_type", PATCH if method == "PATCH" else JSON)
    response = server.ask(method, path, body, **fields)
    response.json = json.loads(response.body) if response.body else None
    if response.status >= 400 and method != "HEAD":
        assert response.get("Content-Type") == PROBLEM and response.json["status"] == response.status
    return response


def pointers(response):
    return [error["pointer"] for error in response.json.get("errors", [])]


# ---------------------------------------------------------------- curl


def curl(server, method, path, *options):
    """(status, fields, what the body says) as curl gets it."""
    how = ["-I"] if method == "HEAD" else ["-X", method]
    result = programs.run(["curl", "-sS", "-i", "--max-time", "50", "--noproxy", "*", *how, *options,
                           f"http://127.0.0.1:{server.address[1]}{path}"])
    assert result.returncode == 0, result.stderr
    head, _, body = result.stdout.partition("\n\n")
    first, *lines = head.splitlines()
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), json.loads(body) if body.strip() else None


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl")
@pytest.mark.parametrize("cls", CLASSES)
def test_a_life(rest, cls):
    server = rest(cls)
    as_patch = ["-H", f"Content-Type: {PATCH}", "-d"]
    status, fields, made = curl(server, "POST", "/users", "--json", json.dumps(ANN))
    assert (status, made) == (201, {"id": 1, **ANN})
    where, tag = fields["Location"], fields["ETag"]
    status, fields, got = curl(server, "GET", where)
    assert (status, got) == (200, made)
    assert {**fields, "Date": ""} == {**curl(server, "HEAD", where)[1], "Date": ""}
    assert curl(server, "GET", where, "-H", f"If-None-Match: {tag}")[0] == 304
    status, fields, changed = curl(server, "PATCH", where, *as_patch, '{"phone": "+49 30 1", "name": "Anna"}')
    assert (status, changed) == (200, {**made, "name": "Anna", "phone": "+49 30 1"}) and fields["ETag"] != tag
    assert curl(server, "PUT", where, "--json", json.dumps(made), "-H", f"If-Match: {tag}")[0] == 412
    newer = "If-Match: " + fields["ETag"]
    status, fields, replaced = curl(server, "PUT", where, "--json", json.dumps(made), "-H", newer)
    assert (status, replaced) == (200, made)
    assert curl(server, "PATCH", where, *as_patch, '{"name": null}')[0] == 422
    assert curl(server, "DELETE", where, "-H", f"If-Match: {tag}")[0] == 412
    assert curl(server, "DELETE", where)[0] == 204
    assert [curl(server, method, where)[0] for method in ("GET", "HEAD", "DELETE")] == [404] * 3
    assert curl(server, "POST", "/users", "--json", json.dumps(ANN))[1]["Location"] == "/users/2"  # another one


# ---------------------------------------------------------------- several at once


@pytest.mark.parametrize("cls", TOGETHER)
def test_many_at_once(rest, cls):
    """Each is there once; of those who want the same address one gets it; of those who know the same version one changes it."""
    server = rest(cls)
    bodies = [{"name": f"N{i}", "email": f"n{i // 2}@example.org"} for i in range(40)]
    with futures.ThreadPoolExecutor(8) as pool:
        statuses = [response.status for response in pool.map(lambda body: send(server, "POST", "/users", body), bodies)]
        assert collections.Counter(statuses) == {201: 20, 409: 20}
        users = send(server, "GET", "/users?limit=100").json["users"]
        assert sorted(user["email"] for user in users) == sorted(f"n{i}@example.org" for i in range(20))
        where = "/users/%d" % users[0]["id"]
        tag = send(server, "GET", where).get("ETag")
        changes = [{"phone": f"{100 + i}"} for i in range(16)]
        results = list(pool.map(lambda change: send(server, "PATCH", where, change, if_match=tag), changes))
    won = [response for response in results if response.status == 200]
    assert len(won) == 1 and {response.status for response in results} == {200, 412}
    assert send(server, "GET", where).json == won[0].json


@pytest.mark.parametrize("cls", TOGETHER)
def test_who_waits_for_the_database_holds_up_nobody(rest, tmp_path, cls):
    server = rest(cls)
    assert send(server, "POST", "/users", ANN).status == 201
    other = sqlite3.connect(tmp_path / "users.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with futures.ThreadPoolExecutor(1) as pool:
        writing = pool.submit(send, server, "POST", "/users", {"name": "Bob", "email": "bob@example.org"})
        for _ in range(20):
            assert send(server, "GET", "/users/1").json == {"id": 1, **ANN}
        assert not writing.done()
        other.execute("COMMIT")
        assert writing.result().status == 201
    other.close()


def test_who_waits_for_too_long_is_told_to_come_again(rest, tmp_path):
    server = rest("EventLoop")
    assert send(server, "POST", "/users", ANN).status == 201
    other = sqlite3.connect(tmp_path / "users.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    response = send(server, "DELETE", "/users/1")
    assert response.status == 503 and response.get("Retry-After")
    other.close()
    assert send(server, "DELETE", "/users/1").status == 204


@pytest.mark.parametrize("cls", ["Threading", "PreforkingEventLoop"])
def test_what_was_answered_outlives_a_kill(rest, cls):
    server = rest(cls)
    made, ended = [], threading.Event()

    def make(number):
        while not ended.is_set():
            try:
                response = send(server, "POST", "/users", {"name": "x", "email": f"{len(made)}-{number}@example.org"})
            except (wire.Ended, ConnectionError):
                return
            if response.status == 201:
                made.append(response.json)

    with futures.ThreadPoolExecutor(4) as pool:
        for number in range(4):
            pool.submit(make, number)
        wire.wait_until(lambda: len(made) > 20)
        server.kill()
        ended.set()
    server.ended = True
    server.check(server.process.returncode, -9)
    again = rest(cls)
    kept = send(again, "GET", "/users?limit=100").json["users"]
    assert all(user in kept for user in made[:90])


# ---------------------------------------------------------------- pages


def test_pages(rest):
    server = rest("EventLoop")
    assert send(server, "GET", "/users").json == {"users": []}
    for number in range(7):
        assert send(server, "POST", "/users", {"name": "é", "email": f"u{number}@example.org"}).status == 201
    path, found = "/users?limit=3", []
    while path:
        response = send(server, "GET", path)
        path = response.json.get("next")
        assert response.get("Link") == (f'<{path}>; rel="next"' if path else None)
        found += [user["id"] for user in response.json["users"]]
        if path:
            assert send(server, "DELETE", f"/users/{found[-1]}").status == 204  # pages go on behind one that has gone
    assert found == [1, 2, 3, 4, 5, 6, 7]
    assert len(send(server, "GET", "/users").json["users"]) == 5


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=", "limit=-1", "limit=99999999999999999999",
                                   "after=x", "page=2", "limit=1&&after=1", "limit", "after=1;limit=1"])
def test_bad_queries(shared, query):
    assert send(shared, "GET", "/users?" + query).status == 400


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("path", ["/", "/users/", "/users/0", "/users/01", "/users/x", "/users/1/", "/users/-1", "/users/1x",
                                  "/user", "/users/9999999999999999999999", "/users/999999999999", "/users/%31", "/usersx"])
def test_not_there(shared, path):
    assert send(shared, "GET", path).status == 404


@pytest.mark.parametrize("path, allow", [("/users", "GET, HEAD, POST, OPTIONS"),
                                         ("/users/1", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS")])
def test_methods(shared, path, allow):
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        if method not in allow:
            response = send(shared, method, path, ANN)
            assert response.status == 405 and response.get("Allow") == allow
    response = send(shared, "OPTIONS", path)
    assert response.status == 204 and response.get("Allow") == allow
    assert response.get("Accept-Patch") == (PATCH if "PATCH" in allow else None)


@pytest.mark.parametrize("body", [b"", b"{", b"[1", b"{}x", b"nul", b'{"name": "\xff"}', b'{"name": "a\nb"}',
                                  b'{"name": "a\\u0000b"}', b'{"name": "\\ud800"}', b"{\0}", b"[" * 9000 + b"]" * 7000,
                                  b'{"name":"\xed\xa0\x80"}', b'{"a":' * 2000])
def test_bad_json(shared, body):
    for method, path in ("POST", "/users"), ("PUT", "/users/1"), ("PATCH", "/users/1"):
        response = send(shared, method, path, body)
        assert response.status == 400 and "detail" in response.json


@pytest.mark.parametrize("what, wrong", [
    ([], ["#"]), ("text", ["#"]), (None, ["#"]), ({}, ["#/name", "#/email"]), ({**ANN, "email": "x"}, ["#/email"]),
    ({**ANN, "email": "a@b@c"}, ["#/email"]), ({**ANN, "email": "a b@c"}, ["#/email"]), ({**ANN, "name": 5}, ["#/name"]),
    ({**ANN, "name": " "}, ["#/name"]), ({**ANN, "name": "x" * 255}, ["#/name"]), ({**ANN, "name": "a\tb"}, ["#/name"]),
    ({**ANN, "phone": "call me"}, ["#/phone"]), ({**ANN, "phone": {"a": [1]}}, ["#/phone"]), ({**ANN, "id": 9}, ["#/id"]),
    ({**ANN, "id": "1"}, ["#/id"]), ({**ANN, "id": 1.5}, ["#/id"]), ({**ANN, "a/b~é": 1}, ["#/a~1b~0%C3%A9"]),
    ({**ANN, "Name": "x"}, ["#/Name"]),
    ({**ANN, **{f"x{i}": i for i in range(100)}}, [f"#/x{i}" for i in range(8)]), ({**ANN, "x" * 500: 1}, None)])
def test_wrong_members(shared, what, wrong):
    response = send(shared, "POST", "/users", json.dumps(what).encode())
    assert response.status == 422 and wrong in (None, pointers(response))
    assert send(shared, "GET", "/users").json == {"users": [{"id": 1, **ANN}]}


def test_twice(shared):
    assert pointers(send(shared, "POST", "/users", b'{"name": "a", "name": "b", "email": "a@b"}')) == ["#/name"]


def test_other_types(shared):
    for content_type in "text/plain", "application/x-www-form-urlencoded", "application/jsonx", PATCH, None:
        assert send(shared, "POST", "/users", ANN, content_type=content_type).status == 415
    assert send(shared, "POST", "/users", ANN, content_encoding="gzip").status == 415
    assert send(shared, "PUT", "/users/99", ANN, content_type="application/json; charset=utf-8").status == 404
    assert send(shared, "PATCH", "/users/1", {"phone": "123"}, content_type=JSON).get("Accept-Patch") == PATCH


def test_too_much(shared):
    assert send(shared, "POST", "/users", b'{"name": "' + b"x" * 20000 + b'"}').status == 413
    with shared.client() as client:
        client.send(wire.request("POST", "/users", [b"x" * 9000, b"y" * 9000], content_type=JSON))
        assert client.final().status == 413


def test_conditions(shared):
    """Those that do not hold, whoever asks (RFC 9110 13.1)."""
    for method, body in ("PUT", ANN), ("PATCH", {"phone": "123"}), ("DELETE", None):
        for field in {"if_match": '"99"'}, {"if_match": 'W/"1"'}, {"if_none_match": "*"}, {"if_match": "1"}:
            assert send(shared, method, "/users/1", body, **field).status == 412
        assert send(shared, method, "/users/99", body, if_match="*").status == 404
    assert send(shared, "GET", "/users/1", if_none_match='"7", W/"1"').status == 304
    assert send(shared, "GET", "/users/1").json == {"id": 1, **ANN}


def test_another_ones_address(shared):
    """Upper or lower case does not matter. One's own may stay."""
    response = send(shared, "POST", "/users", {"name": "x", "email": "ANN@Example.org"})
    assert response.status == 409 and pointers(response) == ["#/email"]


def test_names(rest):
    """What goes in comes out, quotes of SQL and of JSON included."""
    server = rest("ThreadPool")
    for number, name in enumerate(["'; DROP TABLE users; --", '"\\/', "<b>&", "日本語 🙂", "%s%n", "x" * 254]):
        made = send(server, "POST", "/users", {"name": name, "email": f"é{number}@example.org"})
        assert made.status == 201 and send(server, "GET", made.get("Location")).json["name"] == name


# ---------------------------------------------------------------- the file


@pytest.mark.parametrize("name, said", [(":memory:", "file"), ("", "file"), ("/nowhere/users.db", "another file"),
                                        ("text", "text")])
def test_no_database(tmp_path, name, said):
    (tmp_path / "text").write_text("This is no database. " * 100)
    result = programs.run([programs.path_of("samples/rest"), "127.0.0.1:0", "EventLoop", name], directory=tmp_path)
    assert result.returncode == 1 and said in result.stderr and result.stdout == ""

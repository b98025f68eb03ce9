# SPDX-License-Identifier: MIT
"""httpserver's passwords: --auth, --auth-file, --hash, --auth-for; and --upload where other machines reach it."""

import base64
import concurrent.futures
import ctypes
import json
import os
import pty
import select
import subprocess

import programs
import pytest
import wire

HTTPSERVER = programs.path_of("httpserver")
HAS_CRYPT = "passwords: crypt(3)" in programs.run([HTTPSERVER, "-V"]).stdout
needs_crypt = pytest.mark.skipif(not HAS_CRYPT, reason="built without libcrypt")
MANY = 10  # HTTP_AUTH_FAILURES
FORM = b'--b\r\nContent-Disposition: form-data; name="f"; filename="new.txt"\r\n\r\nx\r\n--b--\r\n'


@pytest.fixture(autouse=True)
def page(root):
    (root / "a.txt").write_text("secret")


def basic(user, password, scheme="Basic"):
    return f"{scheme} " + base64.b64encode(f"{user}:{password}".encode()).decode()


def hashed(password, salt="$5$rounds=1000$abcdefgh"):
    """A hash that takes no time."""
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    return crypt(password.encode(), salt.encode()).decode()


def denied(response):
    assert response.status == 401 and response.get("WWW-Authenticate") == 'Basic realm="httpserver", charset="UTF-8"'
    assert "secret" not in response.text


def run(*arguments, **more):
    return programs.run([HTTPSERVER, *arguments], **more)


def refused(result, *words, status=2):
    assert result.returncode == status and len(result.stderr.splitlines()) == 1 and not result.stdout, result
    assert all(word in result.stderr for word in words), result.stderr


# ---------------------------------------------------------------- who comes in


def test_passwords(httpserver, tmp_path, mixin):
    """Right ones and wrong ones, of users in the command line and of a file, on one connection and on several."""
    options = ["--auth", "ann:one:two", "--auth=zoë:pässword"]
    users = {"ann": "one:two", "zoë": "pässword"}
    if HAS_CRYPT:
        (tmp_path / "users").write_text(f"# a file\n\nbob:{hashed('three')}\neve:{hashed('four', '$6$rounds=1000$x')}:more\n")
        options += ["--auth-file", tmp_path / "users"]
        users |= {"bob": "three", "eve": "four"}
    server = httpserver(*options, *mixin)
    for user, password in users.items():
        with server.client() as client:
            for _ in range(2):
                assert client.ask(path="/a.txt", authorization=basic(user, password)).text == "secret"
            denied(client.ask(path="/a.txt", authorization=basic(user, password + "x")))
            denied(client.ask(path="/a.txt"))
    denied(server.ask(path="/a.txt", authorization=basic("nobody", "one:two")))
    assert server.ask(path="/a.txt", authorization=basic("ann", "one:two", "bAsIc")).text == "secret"
    denied(server.ask("HEAD", "/a.txt"))
    denied(server.ask("DELETE", "/a.txt"))
    denied(server.ask(path="/nowhere"))


@pytest.mark.parametrize("field", [
    "", "Basic", "Basic ", "Basic =", "Basic !", "Basic YQ", "Basic YW5uOm9u=", "Basic YW5uOm9uZQ===", "Basic YW5uOm9uZR==",
    "Basic YW5uOm9uZQ== x", "Bearer YW5uOm9uZQ==", "BasicYW5uOm9uZQ==", "Basic\tYW5uOm9uZQ==", basic("", "one"), "Basic YW5u",
    basic("ann", "one\0"), basic("ann", "one\n"), basic("ann", "o" * 1500), basic("ann", "o" * 1000), "Basic " + "A" * 3000])
def test_what_is_no_password(httpserver, field):
    denied(httpserver("--auth", "ann:one").ask(path="/a.txt", authorization=field))


def test_two_passwords(httpserver):
    server = httpserver("--auth", "ann:one")
    with server.client() as client:
        client.send(f"GET /a.txt HTTP/1.1\r\nHost: a\r\nAuthorization: {basic('ann', 'one')}\r\n"
                    f"Authorization: {basic('ann', 'one')}\r\n\r\n")
        denied(client.response())


def test_padding_may_be_left_out(httpserver):
    assert httpserver("--auth", "ann:one").ask(path="/a.txt", authorization=basic("ann", "one").rstrip("=")).text == "secret"


# ---------------------------------------------------------------- guessing


@pytest.mark.parametrize("kind", ["plain", pytest.param("hash", marks=needs_crypt)])
def test_guessing(httpserver, tmp_path, mixin, kind):
    """All threads and processes count together. Who was right before, from the same address, goes on."""
    (tmp_path / "users").write_text(f"ann:{hashed('one') if kind == 'hash' else ''}\n")
    server = httpserver(*(["--auth", "ann:one"] if kind == "plain" else ["--auth-file", tmp_path / "users"]), *mixin)
    assert server.ask(path="/a.txt", authorization=basic("ann", "one")).status == 200
    for n in range(MANY):
        denied(server.ask(path="/a.txt", authorization=basic("ann", f"x{n}")))
    late = server.ask(path="/a.txt", authorization=basic("ann", "x"))
    assert late.status == 429 and 1 <= int(late.get("Retry-After")) <= 61
    assert server.ask(path="/a.txt", authorization=basic("bob", "x")).status == 429
    assert server.ask(path="/a.txt", authorization=basic("ann", "one")).text == "secret"
    denied(server.ask(path="/a.txt"))  # which is no attempt
    with wire.Client(server.address, source="127.0.0.9") as client:  # another client's affair
        denied(client.ask(path="/a.txt", authorization=basic("ann", "x")))
        assert client.ask(path="/a.txt", authorization=basic("ann", "one")).text == "secret"


def test_a_guess_that_comes_right_too_late(httpserver):
    """429 tells nothing of the password."""
    server = httpserver("--auth", "ann:one")
    for n in range(MANY):
        denied(server.ask(path="/a.txt", authorization=basic("ann", f"x{n}")))
    assert server.ask(path="/a.txt", authorization=basic("ann", "one")).status == 429


@needs_crypt
def test_guesses_at_the_same_time(httpserver, tmp_path, concurrent_mixin):
    """They count before it is known that they are wrong."""
    (tmp_path / "users").write_text(f"ann:{hashed('one')}\n")
    server = httpserver("--auth-file", tmp_path / "users", *concurrent_mixin)
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        found = list(pool.map(lambda n: server.ask(path="/a.txt", authorization=basic("ann", f"x{n}")).status, range(30)))
    assert found.count(401) == MANY and found.count(429) == 30 - MANY


@needs_crypt
def test_others_go_on_meanwhile(httpserver, tmp_path):
    """A hash that takes long keeps nobody waiting in an event loop."""
    (tmp_path / "users").write_text(f"ann:{hashed('one', '$5$rounds=1000000$x')}\nbob:{hashed('two')}\n")
    server = httpserver("--auth-file", tmp_path / "users", "--mixin", "eventloop", "--workers", "1")
    slow = server.client()
    slow.send(wire.request(path="/a.txt", authorization=basic("ann", "one")))
    answered = 0
    while not select.select([slow.socket], [], [], 0)[0]:
        assert server.ask(path="/a.txt", authorization=basic("bob", "two")).text == "secret"
        answered += not select.select([slow.socket], [], [], 0)[0]
    assert answered and slow.response().text == "secret"


# ---------------------------------------------------------------- what is told, and what not


@pytest.mark.parametrize("form", ["python", "common", "combined", "json"])
def test_log(httpserver, form):
    server = httpserver("--auth", "zoë:pass word", "--log-format", form)
    assert server.ask(path="/a.txt", authorization=basic("zoë", "pass word")).status == 200
    denied(server.ask(path="/b.txt", authorization=basic("mallory", "guess")))
    server.wait_for_log("b.txt")
    first, second = (line for line in server.log.splitlines() if ".txt" in line)
    if form == "json":
        assert json.loads(first)["user"] == "zoë" and "user" not in json.loads(second)
    else:
        assert first.startswith("127.0.0.1 - zoë [" if form == "python" else "127.0.0.1 - zo\\xc3\\xab [")
        assert second.startswith("127.0.0.1 - - [")
    for hidden in "pass", "guess", "mallory", basic("zoë", "pass word")[6:]:
        assert hidden not in server.log


def words_of(pid):
    """Nothing of a process that has ended."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def test_command_line_is_overwritten(httpserver, mixin):
    server = httpserver("--auth", "ann:seccret", "--auth=bob:seccret2", *mixin)
    denied(server.ask(path="/a.txt"))
    for pid in {server.pid, *server.children()}:
        words = words_of(pid)
        assert b"seccret" not in words and (b"ann:*******\0" in words or (not words and pid != server.pid))


@pytest.mark.parametrize("bind, warned", [("0.0.0.0", True), ("127.0.0.1", False), ("localhost", False), ("::", True)])
def test_warning(httpserver, bind, warned):
    server = httpserver("--auth", "ann:one", "-b", bind, "-q")
    denied(server.ask())
    assert ("unencrypted" in server.log) == warned


# ---------------------------------------------------------------- uploads


def test_auth_for_upload(httpserver, root, mixin):
    server = httpserver("--upload", "--auth", "ann:one", "--auth-for", "upload", *mixin)
    assert server.ask(path="/a.txt").text == "secret" and server.ask("HEAD").status == server.ask().status == 200
    assert server.ask("OPTIONS").status == 204
    denied(server.ask("PUT", "/new.txt", b"x"))
    denied(server.ask("POST", "/", FORM, content_type="multipart/form-data; boundary=b"))
    assert server.ask("PUT", "/new.txt", b"x", authorization=basic("ann", "one")).status == 201
    assert sorted(path.name for path in root.iterdir()) == ["a.txt", "new.txt"]


def test_upload_for_others(root, httpserver):
    """Not by accident: who is to store files has a password, or all are to."""
    for bind in "0.0.0.0", "::", "192.0.2.7":
        refused(run("--upload", "-d", root, "-b", bind, "0"), "--auth-file", "--upload=anyone")
    for options in (["--upload=anyone"], ["--upload", "--auth", "ann:one"]):
        server = httpserver(*options, "-b", "0.0.0.0")
        authorization = basic("ann", "one") if "--auth" in options else None
        assert server.ask("PUT", "/new.txt", b"x", authorization=authorization).status in (201, 204)
    assert httpserver("--upload", "-b", "localhost").ask("PUT", "/new.txt", b"x").status == 204


# ---------------------------------------------------------------- --hash


@needs_crypt
def test_hash(httpserver, tmp_path):
    done = subprocess.run([HTTPSERVER, "--hash", "ann"], input="pässword\n", capture_output=True, text=True, timeout=60,
                          check=True)
    assert done.stdout.startswith("ann:$") and done.stdout.count("\n") == 1 and not done.stderr
    again = subprocess.run([HTTPSERVER, "--hash", "bob"], input="pässword", capture_output=True, text=True, timeout=60,
                           check=True)
    assert again.stdout.partition(":")[2] != done.stdout.partition(":")[2]  # by its salt
    (tmp_path / "users").write_text(done.stdout + again.stdout)
    server = httpserver("--auth-file", tmp_path / "users")
    for user in "ann", "bob":
        assert server.ask(path="/a.txt", authorization=basic(user, "pässword")).text == "secret"
    denied(server.ask(path="/a.txt", authorization=basic("bob", "password")))


@needs_crypt
@pytest.mark.parametrize("typed, status, told", [
    (["secret", "secret"], 0, "ann:$"), (["secret", "other"], 1, "two different"), (["", ""], 1, "empty")])
def test_hash_at_a_terminal(typed, status, told):
    """It asks twice, and nothing of what is typed is seen."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(HTTPSERVER, [HTTPSERVER, "--hash", "ann"])
    seen = b""
    for prompt, line in zip((b"Password: ", b"Once more: "), typed):
        while not seen.endswith(prompt):
            seen += os.read(fd, 1000)
        os.write(fd, line.encode() + b"\n")
    try:
        while data := os.read(fd, 1000):
            seen += data
    except OSError:
        pass  # how a terminal ends
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == status
    os.close(fd)
    assert told.encode() in seen and b"secret" not in seen and b"other" not in seen


@needs_crypt
@pytest.mark.parametrize("text", ["", "\n", "x" * 1100 + "\n", "a\tb\n"])
def test_bad_passwords(text):
    done = subprocess.run([HTTPSERVER, "--hash", "ann"], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and not done.stdout and done.stderr.startswith("httpserver: --hash: ")


@pytest.mark.parametrize("user", ["", "a:b", "a\nb"])
def test_bad_users(user):
    refused_lines = run("--hash", user)
    assert refused_lines.returncode == 2 and "--hash is the name of a user" in refused_lines.stderr


# ---------------------------------------------------------------- wrong uses


@pytest.mark.parametrize("text", ["", "ann", "ann:", ":one", ":"])
def test_bad_auth(root, text):
    result = run("-d", root, "--auth", text, "0")
    refused(result, "--auth is USER:PASSWORD")


@pytest.mark.parametrize("options, words", [
    (["--auth", "ann:one", "--auth", "ann:two"], ["already"]), (["--auth", "ann:o\tne"], ["control characters"]),
    (["--auth", "ann:" + "x" * 1100], ["too long"]), (["--auth-for", "upload"], ["--auth-for"]),
    (["--auth-for", "upload", "--auth", "a:b"], ["--upload"]), (["--auth-for", "some", "--auth", "a:b"], ["all or upload"]),
    (["--upload=anyone", "--auth", "ann:one"], ["contradict"]), (["--upload=some"], ["known or anyone"])])
def test_bad_options(root, options, words):
    result = run("-d", root, *options, "0")
    refused(result, *words)
    assert "one" not in result.stderr.replace("anyone", "") and "xxx" not in result.stderr


@needs_crypt
@pytest.mark.parametrize("text, words", [
    ("ann:secret\n", ["line 1", "--hash USER"]), ("# x\n\nann\n", ["line 3"]), ("ann:\n", ["line 1"]), (":$5$x$y\n",
     ["line 1"]),
    ("ann:$apr1$abcdefgh$ABCDEFGHIJKLMNOPQRSTUV\n", ["line 1", "--hash USER"]), ("ann:abJnggxhB/yWI\n", ["line 1"]),
    ("ann:" + "$5$x$y\nann:$5$x$y\n", ["line 2", "already"]), ("x" * 2000, ["line 1", "too long"]),
    ("ann:$5$x$y\nb\x01:$5$x$y\n", ["line 2"]), ("".join(f"u{n}:$5$x$y\n" for n in range(4097)), ["line 4097", "too many"])],
    ids=range(10))
def test_bad_files(root, tmp_path, text, words):
    (tmp_path / "users").write_text(text)
    refused(run("-d", root, "--auth-file", tmp_path / "users", "0"), "users", *words, status=1)


def test_files_that_cannot_be_read(root, tmp_path):
    refused(run("-d", root, "--auth-file", tmp_path / "none", "0"), "none", "No such file", status=1)
    refused(run("-d", root, "--auth-file", tmp_path, "0"), "directory", status=1)


@needs_crypt
def test_a_file_that_would_be_served(root):
    (root / "users").write_text("ann:$5$x$y\n")
    refused(run("-d", root, "--auth-file", root / "users", "0"), "keep it elsewhere")
    refused(run("-d", root, "--auth-file", f"{root}/../root/users", "0"), "keep it elsewhere")



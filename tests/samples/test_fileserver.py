# SPDX-License-Identifier: MIT
"""samples/fileserver and its client: what is broken off goes on, what has changed begins anew, and what is hostile gets an
error. The protocol stands in samples/fileserver/fileserver.h."""

import contextlib
import hashlib
import os
import random
import signal
import socket
import subprocess
import threading
from concurrent import futures

import programs
import pytest
import wire

CLASSES = ["TCPServer", "ThreadingTCPServer", "ThreadPoolTCPServer", "ForkingTCPServer", "PreforkingTCPServer",
           "EventLoopTCPServer", "PreforkingEventLoopTCPServer"]
EVERY = pytest.mark.parametrize("cls", CLASSES)
SOME = pytest.mark.parametrize("cls", ["ThreadingTCPServer", "EventLoopTCPServer"])
SIZE = 24_000_000
CONTENT = random.Random(1).randbytes(SIZE)
EMPTY = hashlib.sha256().hexdigest()



def has_digests():
    path = os.path.join(programs.BUILD, "samples", "fileserver_client")
    return not os.path.exists(path) or "no SHA-256" not in programs.run([path, "unix:/nowhere", "list"]).stderr


pytestmark = pytest.mark.skipif(not has_digests(), reason="built without libcrypto")


def line(c):
    return c.until(b"\n")


def sha(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def serve(sample, root):
    def start(cls):
        return sample("fileserver", "{address}", cls, root)
    return start


@pytest.fixture(name="own")
def own_directory(tmp_path):
    """The client's directory."""
    path = tmp_path / "own"
    path.mkdir()
    return path


def address(server):
    return "%s:%d" % server.address


def client(server, *words, directory=None):
    return programs.run([programs.path_of("samples/fileserver_client"), address(server), *words], directory=directory)


class Broken:
    """A relay between client and server that passes on so many bytes of the server's (get) or the client's (put), and then
    no more. A second connection passes all."""

    def __init__(self, server, amount, upwards=False):
        self.to, self.amount, self.upwards = server.address, amount, upwards
        self.listening = programs.listener()
        self.address = self.listening.getsockname()[:2]
        self.reached = threading.Event()
        self.sockets = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                one = self.listening.accept()[0]
                other = socket.create_connection(self.to, wire.LIMIT)
                first = not self.sockets
                self.sockets += [one, other]
                for source, sink, limited in (one, other, self.upwards), (other, one, not self.upwards):
                    threading.Thread(target=self.carry, args=(source, sink, limited and first), daemon=True).start()

    def carry(self, source, sink, limited):
        left = self.amount if limited else 1 << 60
        with contextlib.suppress(OSError):
            while left > 0 and (data := source.recv(min(left, 1 << 16))):
                sink.sendall(data)
                left -= len(data)
            if left == 0:
                self.reached.set()

    def cut(self):
        for each in self.sockets[:2]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def cut_when_reached(self):
        self.reached.wait(wire.LIMIT)
        self.cut()

    def close(self):
        for each in [self.listening, *self.sockets]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@contextlib.contextmanager
def killed_halfway(server, own, *words, amount=SIZE // 2, upwards=False):
    """A client that gets no further than half of the way, and SIGKILL."""
    relay = Broken(server, amount, upwards)
    process = subprocess.Popen([programs.path_of("samples/fileserver_client"), address(relay), *words], cwd=own,
                               stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert relay.reached.wait(wire.LIMIT)
        yield process
    finally:
        process.kill()
        assert process.wait() == -signal.SIGKILL
        relay.close()


def half(server, own):
    """Leaves own/file.part with less than all of it."""
    part = own / "file.part"
    with killed_halfway(server, own, "get", "file"):
        wire.wait_until(lambda: part.exists() and part.stat().st_size > SIZE // 3)
    size = part.stat().st_size
    assert SIZE // 3 < size < SIZE and part.read_bytes() == CONTENT[:size] and not (own / "file").exists()
    return size


# ---------------------------------------------------------------- get


@EVERY
def test_killed_and_resumed(serve, root, own, cls):
    (root / "file").write_bytes(CONTENT)
    server = serve(cls)
    size = half(server, own)
    result = client(server, "get", "file", directory=own)
    assert (result.returncode, result.stderr) == (0, f"going on behind {size} bytes\n")
    assert result.stdout == f"{sha(CONTENT)}  file\n"
    assert (own / "file").read_bytes() == CONTENT and not (own / "file.part").exists()


@SOME
def test_server_restarted_in_between(serve, root, own, cls):
    (root / "file").write_bytes(CONTENT)
    server = serve(cls)
    size = half(server, own)
    server.stop()
    result = client(serve(cls), "get", "file", directory=own)
    assert (result.returncode, result.stderr) == (0, f"going on behind {size} bytes\n")
    assert (own / "file").read_bytes() == CONTENT


@pytest.mark.parametrize("change", ["first byte", "last byte of what is here", "shorter", "empty", "other file, same times"])
def test_file_changed_in_between(serve, root, own, change):
    (root / "file").write_bytes(CONTENT)
    server = serve("ThreadingTCPServer")
    size = half(server, own)
    at = {"first byte": 0, "last byte of what is here": size - 1}.get(change, 7)
    new = bytearray(CONTENT)
    new[at] ^= 1
    new = {"shorter": CONTENT[:size // 2], "empty": b""}.get(change, bytes(new))
    before = (root / "file").stat()
    (root / "file").write_bytes(new)
    os.utime(root / "file", ns=(before.st_atime_ns, before.st_mtime_ns))
    result = client(server, "get", "file", directory=own)
    assert (result.returncode, result.stderr) == (0, f"these {size} bytes are not of that file: anew\n")
    assert (own / "file").read_bytes() == new


def test_file_changed_behind_what_is_here(serve, root, own):
    """Then what is here is a beginning of the new file as well."""
    (root / "file").write_bytes(CONTENT)
    server = serve("EventLoopTCPServer")
    half(server, own)
    new = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]) + b"and more"
    (root / "file").write_bytes(new)
    assert client(server, "get", "file", directory=own).returncode == 0
    assert (own / "file").read_bytes() == new


def test_part_was_spoilt_on_this_side(serve, root, own):
    (root / "file").write_bytes(CONTENT)
    (own / "file.part").write_bytes(CONTENT[:1000] + b"spoilt")
    assert client(serve("ThreadingTCPServer"), "get", "file", directory=own).returncode == 0
    assert (own / "file").read_bytes() == CONTENT


@SOME
def test_connection_breaks(serve, root, own, cls):
    """The client makes another one by itself, and goes on."""
    (root / "file").write_bytes(CONTENT)
    server = serve(cls)
    relay = Broken(server, SIZE // 2)
    threading.Thread(target=relay.cut_when_reached, daemon=True).start()
    result = client(relay, "get", "file", directory=own)
    relay.close()
    assert result.returncode == 0 and "going on behind" in result.stderr
    assert (own / "file").read_bytes() == CONTENT


def test_what_is_there_is_not_sent_again(serve, root, own):
    (root / "file").write_bytes(b"all of it")
    (own / "file.part").write_bytes(b"all of it")
    assert client(serve("EventLoopTCPServer"), "get", "file", directory=own).returncode == 0
    assert (own / "file").read_bytes() == b"all of it"


@EVERY
def test_by_hand(serve, root, cls):
    """Several requests on one connection, whatever the first ones were answered."""
    (root / "a b").write_bytes(b"12345")
    (root / "empty").write_bytes(b"")
    with serve(cls).client() as c:
        c.send(b"GET 0 - nothing\nGET 0 - a b\n")
        c.send("".join(f"GET {len(have)} {sha(have)} a b\n" for have in (b"12345", b"12", b"xx", b"123456")))
        c.send(b"GET 0 - empty\nLIST\n")
        done = b"DONE " + sha(b"12345").encode()
        assert line(c) == b"ERROR nothing: No such file or directory"
        assert line(c) == b"OK 0 5" and c.exactly(5) == b"12345" and line(c) == done
        assert line(c) == b"OK 5 5" and line(c) == done
        assert line(c) == b"OK 2 5" and c.exactly(3) == b"345" and line(c) == done
        for _ in range(2):
            assert line(c) == b"OK 0 5" and c.exactly(5) == b"12345" and line(c) == done
        assert line(c) == b"OK 0 0" and line(c) == b"DONE " + EMPTY.encode()
        assert sorted([line(c), line(c), line(c)]) == [b"DONE", b"FILE 0 empty", b"FILE 5 a b"]
        c.end()
        assert c.ends()


@SOME
def test_changed_while_it_is_sent(serve, root, cls):
    (root / "file").write_bytes(CONTENT)
    with serve(cls).client(receive_buffer=65536) as c:
        c.send(b"GET 0 - file\n")
        assert line(c) == b"OK 0 %d" % SIZE and c.exactly(1) == CONTENT[:1]
        with open(root / "file", "r+b") as file:
            file.seek(SIZE - 1)
            file.write(b"?")
        assert len(c.exactly(SIZE - 1)) == SIZE - 1 and line(c) == b"CHANGED"


@SOME
def test_cut_while_it_is_sent(serve, root, cls):
    """What was promised cannot be sent: the connection ends, and nothing stands in for it."""
    (root / "file").write_bytes(CONTENT)
    with serve(cls).client(receive_buffer=65536) as c:
        c.send(b"GET 0 - file\n")
        assert line(c) == b"OK 0 %d" % SIZE
        os.truncate(root / "file", 1000)
        assert len(c.rest()) < SIZE


def test_many_at_once(serve, root):
    """Each gets his own, and who does not read holds up nobody."""
    (root / "file").write_bytes(CONTENT[:3_000_000])
    server = serve("EventLoopTCPServer")
    with server.client(receive_buffer=65536) as lazy:
        lazy.send(b"GET 0 - file\n")
        clients = [server.client() for _ in range(20)]
        for c in clients:
            c.send(b"GET 0 - file\n")
        for c in clients:
            assert line(c) == b"OK 0 3000000" and c.exactly(3_000_000) == CONTENT[:3_000_000]
            assert line(c) == b"DONE " + sha(CONTENT[:3_000_000]).encode()


# ---------------------------------------------------------------- put


@EVERY
def test_upload_killed_and_resumed(serve, root, own, cls):
    (own / "file").write_bytes(CONTENT)
    server = serve(cls)
    with killed_halfway(server, own, "put", "file", upwards=True):
        pass
    (part,) = [entry for entry in root.iterdir()]
    assert part.name == ".upload-" + sha(CONTENT)

    def goes_on():
        """The server has seen that the other one has gone."""
        result = client(server, "put", "file", directory=own)
        return result if "somebody is sending this" not in result.stderr else None

    result = wire.wait_until(goes_on)
    assert result.returncode == 0 and result.stderr.startswith("going on behind ")
    assert [entry.name for entry in root.iterdir()] == ["file"] and (root / "file").read_bytes() == CONTENT


@SOME
def test_upload_goes_on_after_the_server_was_killed(serve, root, own, cls):
    (own / "file").write_bytes(CONTENT)
    server = serve(cls)
    with killed_halfway(server, own, "put", "file", upwards=True):
        server.send_signal(signal.SIGKILL)
        server.wait()
    result = client(serve(cls), "put", "file", directory=own)
    assert result.returncode == 0 and (root / "file").read_bytes() == CONTENT


@SOME
def test_upload_by_hand(serve, root, cls):
    (root / "old").write_bytes(b"old")
    digest = sha(b"12345").encode()
    server = serve(cls)
    with server.client() as c, server.client() as other:
        c.send(b"PUT 5 %s old\n" % digest)
        assert line(c) == b"OK 0"
        c.send(b"12")
        other.send(b"PUT 5 %s old\n" % digest)
        assert line(other) == b"ERROR somebody is sending this at the moment; try again later"
        assert (root / "old").read_bytes() == b"old"
        c.send(b"345PUT 5 %s new\n" % digest)
        assert line(c) == b"DONE " + digest and (root / "old").read_bytes() == b"12345"
        assert line(c) == b"OK 0"
        c.send(b"1234!LIST\n")
        assert line(c) == b"ERROR these are not the bytes of that digest; send them anew"
        assert line(c) == b"FILE 5 old" and line(c) == b"DONE"
        c.send(b"PUT 0 %s new\nLIST\n" % EMPTY.encode())
        assert line(c) == b"OK 0" and line(c) == b"DONE " + EMPTY.encode()
        assert sorted([line(c), line(c), line(c)]) == [b"DONE", b"FILE 0 new", b"FILE 5 old"]


@EVERY
def test_drain(serve, root, cls):
    """A server that stops takes the rest of an upload, and does not wait for those who have nothing to do."""
    server = serve(cls)
    with server.client() as c:
        c.send(b"PUT 5 %s file\n" % sha(b"12345").encode())
        assert line(c) == b"OK 0"
        with contextlib.ExitStack() as stack:
            if cls not in ("TCPServer", "PreforkingTCPServer"):
                stack.enter_context(server.client()).send(b"LIST\n").until(b"DONE\n")
            wire.wait_until(lambda: server.catches(signal.SIGTERM))
            server.send_signal(signal.SIGTERM)
            c.send(b"12345")
            assert line(c) == b"DONE " + sha(b"12345").encode() and c.ends()
            server.check(server.wait())


def test_unfinished_uploads_are_few(serve, root):
    server = serve("ThreadingTCPServer")
    for number in range(70):
        with server.client() as c:
            c.send(b"PUT 10 %s file\n" % sha(b"%d" % number).encode())
            assert line(c) == b"OK 0"
    assert len(list(root.iterdir())) == 64


def test_full_disk(serve, root):
    with serve("EventLoopTCPServer").client() as c:
        c.send(b"PUT 999999999999999999 %s file\nLIST\n" % EMPTY.encode())
        assert line(c) == b"ERROR file: No space left on device" and line(c) == b"DONE"


# ---------------------------------------------------------------- hostile


@pytest.fixture(scope="module", params=["ThreadingTCPServer", "EventLoopTCPServer"])
def shared(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp("fileserver")
    root = directory / "root"
    (root / "below").mkdir(parents=True)
    (directory / "secret").write_text("secret")
    (root / "below" / "file").write_text("below")
    (root / ".hidden").write_text("hidden")
    (root / "link").symlink_to("../secret")
    (root / "inside").symlink_to("file")
    (root / "file").write_text("file")
    os.mkfifo(root / "fifo")
    with programs.listener() as listening:
        server = programs.Server([programs.path_of("samples/fileserver"), f"fd:{listening.fileno()}", request.param, root],
                                 directory, address=listening.getsockname()[:2], fds=(listening.fileno(),))
    try:
        yield server
    finally:
        server.finish()


NAMES = ["../secret", "/etc/passwd", "./file", "below/file", "below", ".", "..", ".hidden", "link", "inside", "fifo", "file/",
         "fi\x01le", "x" * 255, "x" * 256, "", " file", "file\r", "\x7f", ".upload-" + EMPTY]
NUMBERS = ["-1", "+1", "1x", "0x10", "", "9" * 19, "18446744073709551616", " 1", "1.0", "²"]
DIGESTS = ["x", EMPTY[:-1], EMPTY + "0", EMPTY.upper(), "../" + "0" * 61, "0" * 63 + "/", "-"]
HOSTILE = {
    "names": [f"GET {what} {name}" for name in NAMES for what in ("0 -", "4 " + EMPTY)],
    "names of uploads": [f"PUT 0 {EMPTY} {name}" for name in NAMES
                         if name not in ("below", "link", "inside", "fifo", " file", "x" * 255)],
    "numbers": [f"{verb} {number} {EMPTY} file" for number in NUMBERS for verb in ("GET", "PUT")],
    "digests": [f"PUT 0 {digest} file" for digest in DIGESTS],
    "lines": ["", " ", "get 0 - file", "GET", "GET 0", "GET 0 -", "PUT 0 -", "LIST all", "DELETE 0 - file", "GET 0 - fi\0le",
              "\xff\xfe", "LIST\r", "GET 0  file"],
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile(shared, what):
    """Each gets an error, and nothing else comes of it."""
    with shared.client() as c:
        for sent in HOSTILE[what]:
            c.send(sent.encode() + b"\nLIST\n")
            assert line(c).startswith(b"ERROR "), sent
            assert (line(c), line(c)) == (b"FILE 4 file", b"DONE"), sent


def test_upload_to_the_name_of_a_directory(shared):
    with shared.client() as c:
        c.send(f"PUT 0 {EMPTY} below\nLIST\n".encode())
        assert line(c) == b"OK 0" and line(c) == b"ERROR below: Is a directory" and line(c) == b"FILE 4 file"


@pytest.mark.parametrize("sent", [b"GET 0 - file" + 1000 * b"e" + b"\n", 100_000 * b"x", b"LIST", b"GET 0 - fi", b""])
def test_hostile_ends(shared, sent):
    """Too long, or broken off."""
    with shared.client() as c:
        c.send(sent)
        c.end()
        assert c.rest() in (b"", b"ERROR a line has up to 399 bytes\n")


ANSWERS = [b"", b"OK\n", b"OK 0\n", b"OK 5 3\nabc", b"OK -1 3\nabc", b"OK 2 3\nabc", b"OK 0 9999999999999999999\n", b"x" * 5000,
           b"ERROR \x1b[31m go away\n", b"OK 0 3\nabcDONE " + EMPTY.encode() + b"\n", b"HTTP/1.0 200\n", b"BUSY\n"]


def answers(listening, answer):
    with contextlib.suppress(OSError):
        while True:
            with listening.accept()[0] as c:
                c.recv(1000)
                c.sendall(answer)
                c.shutdown(socket.SHUT_WR)
                c.recv(1000)


def test_hostile_server(own):
    """The client ends, with a line that says what is wrong, and no file is taken for what it is not."""
    with contextlib.ExitStack() as stack, futures.ThreadPoolExecutor(len(ANSWERS)) as pool:
        ends = [stack.enter_context(programs.listener()) for _ in ANSWERS]
        for listening, answer in zip(ends, ANSWERS):
            threading.Thread(target=answers, args=(listening, answer), daemon=True).start()
        results = list(pool.map(lambda end: programs.run(
            [programs.path_of("samples/fileserver_client"), "%s:%d" % ends[end].getsockname(), "get", f"file{end}"],
            directory=own), range(len(ends))))
    for answer, result in zip(ANSWERS, results):
        assert result.returncode == 1 and result.stderr and "\x1b" not in result.stderr, (answer, result)
    assert [path.name for path in own.iterdir() if path.suffix != ".part"] == []


# ---------------------------------------------------------------- the programs


def test_list(serve, root, own):
    (root / "a b").write_bytes(b"12345")
    server = serve("EventLoopTCPServer")
    assert client(server, "list").stdout == "5 a b\n"
    (own / "up").write_bytes(b"123")
    assert client(server, "put", own / "up").returncode == 0
    assert sorted(client(server, "list").stdout.splitlines()) == ["3 up", "5 a b"]


def test_two_clients_in_one_directory(serve, root, own):
    (root / "file").write_bytes(CONTENT)
    server = serve("ThreadingTCPServer")
    with killed_halfway(server, own, "get", "file"):
        result = client(server, "get", "file", directory=own)
        assert result.returncode == 1 and "another client" in result.stderr


@pytest.mark.parametrize("words", [[], ["localhost:1"], ["localhost:1", "get"], ["localhost:1", "list", "x"],
                                   ["localhost:1", "take", "x"]])
def test_usage(words):
    result = programs.run([programs.path_of("samples/fileserver_client"), *words])
    assert result.returncode == 2 and "usage:" in result.stderr


@pytest.mark.parametrize("words", [["get", "a/b"], ["get", ""], ["get", "a\tb"], ["get", "nothing"], ["get", "..x"],
                                   ["put", "nothing"]])
def test_what_cannot_be_done(serve, own, words):
    result = client(serve("ThreadingTCPServer"), *words, directory=own)
    assert result.returncode == 1 and len(result.stderr.splitlines()) == 1 and list(own.iterdir()) == []


def test_nobody_there(own):
    result = programs.run([programs.path_of("samples/fileserver_client"), "127.0.0.1:1", "get", "x"], directory=own)
    assert result.returncode == 1 and "refused" in result.stderr


def test_no_such_directory(tmp_path):
    result = programs.run([programs.path_of("samples/fileserver"), "127.0.0.1:0", "TCPServer", tmp_path / "none"])
    assert result.returncode == 1 and "name a directory" in result.stderr


def test_unix_socket(started, tmp_path, root, own):
    (root / "file").write_bytes(b"text")
    server = programs.Server([programs.path_of("samples/fileserver"), f"unix:{tmp_path}/s", "EventLoopUnixStreamServer", root],
                             tmp_path)
    started.append(server)
    assert server.readline().startswith("Serving fileserver on unix:")
    result = programs.run([programs.path_of("samples/fileserver_client"), f"unix:{tmp_path}/s", "get", "file"], directory=own)
    assert result.returncode == 0 and (own / "file").read_bytes() == b"text"

# SPDX-License-Identifier: MIT
"""TLSMixIn under every mix-in, with the ssl module of Python and with openssl s_client."""

import contextlib
import os
import re
import select
import shutil
import signal
import socket
import ssl
import subprocess
import threading

import certificates
import programs
import pytest

PROGRAM = programs.path_of("tests/framework/tls")
LIMIT = programs.LIMIT
EVERY = ["TLSTCPServer", "TLSThreadingTCPServer", "ThreadPoolTLSTCPServer", "TLSForkingTCPServer", "PreforkingTLSTCPServer",
         "TLSEventLoopTCPServer", "TLSPreforkingEventLoopTCPServer"]
if programs.TSAN:  # it knows no threads in processes that were forked
    EVERY = [name for name in EVERY if "ork" not in name]
CONCURRENT = [name for name in EVERY if name not in ("TLSTCPServer", "PreforkingTLSTCPServer")]

pytestmark = [pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl"),
              pytest.mark.skipif("TLS: none" in programs.run([programs.path_of("httpserver"), "-V"]).stdout,
                                 reason="built without OpenSSL")]


class Files:
    """Certificates that all tests read."""

    def __init__(self, directory):
        self.directory = str(directory)
        self.authority = certificates.Authority(self.directory)
        self.ca = self.authority.cert
        self.cert, self.key = self.authority.issue("localhost", "localhost", "127.0.0.1")

    def path(self, name):
        return os.path.join(self.directory, name)


@pytest.fixture(scope="module", name="files")
def made_files(tmp_path_factory):
    return Files(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(name="tls")
def a_tls_server(started, tmp_path, files):
    """tls(class, mode, *settings) runs a handler of tests/framework/tls.c, with the certificate of localhost."""

    def start(name, mode, *settings, own=False, address="127.0.0.1:0"):
        given = [] if own else [f"cert={files.cert}", f"key={files.key}"]
        server = programs.Server([PROGRAM, name, address, mode, *given, *settings], tmp_path)
        started.append(server)
        host, _, port = server.readline().rpartition(":")
        server.address = (host, int(port)) if host != "unix" else port
        return server

    return start


def context(files=None, **settings):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if files:
        made.load_verify_locations(files.ca)
    else:
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    for name, value in settings.items():
        setattr(made, name, value)
    return made


def plain(server):
    if isinstance(server.address, str):
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(LIMIT)
        made.connect(server.address)
        return made
    return socket.create_connection(server.address, LIMIT)


def connect(server, files, made=None, name="localhost", **more):
    return (made or context(files)).wrap_socket(plain(server), server_hostname=name, suppress_ragged_eofs=False, **more)


def exactly(s, size):
    data = b""
    while len(data) < size:
        piece = s.recv(min(size - len(data), 65536))
        if not piece:
            break
        data += piece
    return data


def to_end(s):
    data = b""
    while piece := s.recv(65536):
        data += piece
    return data


def line(s):
    data = b""
    while not data.endswith(b"\n") and (piece := s.recv(1)):
        data += piece
    return data.decode()


def exchange(s, data, size):
    """Sends `data` while it receives `size` bytes, in one thread: an object of OpenSSL is no good for two."""
    got, at = b"", 0
    s.setblocking(False)
    while at < len(data) or len(got) < size:
        wants_write = at < len(data)
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            if at < len(data):
                at += s.send(data[at:at + 65536])
        try:
            piece = s.recv(65536)
            assert piece, f"the end after {len(got)} bytes of {size}"
            got += piece
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            ready = select.select([s], [s] if wants_write else [], [], LIMIT)
            assert ready[0] or ready[1], f"nothing more after {len(got)} bytes of {size}"
    s.settimeout(LIMIT)
    return got


def client(server, *settings, say=b"", address=None, **more):
    """tests/framework/tls_client.c, to its end: Python can't end its output and read on."""
    address = address or "tls:%s:%d" % server.address
    return subprocess.run([programs.path_of("tests/framework/tls_client"), address, *settings], input=say, capture_output=True,
                          timeout=LIMIT, check=False, **more)


def talk(server, files, data):
    done = client(server, f"cafile={files.ca}", say=data)
    assert done.returncode == 0 and done.stderr.startswith(b"TLSv1.3|"), done
    return done.stdout


def refused(*argv):
    done = programs.run([PROGRAM, *argv])
    assert done.returncode == 1 and not done.stdout, done
    return done.stderr


# ---------------------------------------------------------------- bytes


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("mode", ["echo", "park", "now"])
@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_echo(tls, files, name, mode, version):
    server = tls(name, mode)
    both = ssl.TLSVersion[version]
    with connect(server, files, context(files, minimum_version=both, maximum_version=both)) as s:
        assert s.version() == version.replace("_", ".")
        for size in (1, 2, 100, 16383, 16384, 16385, 100000, 1 << 20):
            data = os.urandom(size)
            assert exchange(s, data, size) == data
        s.unwrap()  # waits for close_notify


@pytest.mark.parametrize("name", ["TLSThreadingTCPServer", "TLSEventLoopTCPServer"])
@pytest.mark.parametrize("buffer", [0, 1, 100, 5000, 100000])
@pytest.mark.parametrize("mode", ["park", "now"])
def test_buffers(tls, files, name, buffer, mode):
    server = tls(name, mode, f"buffer={buffer}")
    with connect(server, files) as s:
        data = os.urandom(100000 if buffer > 10 else 10000)
        assert exchange(s, data, len(data)) == data


@pytest.mark.parametrize("name", ["TLSThreadingUnixStreamServer", "EventLoopTLSUnixStreamServer"])
def test_unix_sockets(tls, files, tmp_path, name):
    path = str(tmp_path / "socket")
    server = tls(name, "park", address="unix:" + path)
    with connect(server, files) as s:
        s.sendall(b"hello")
        assert exactly(s, 5) == b"hello"


@pytest.mark.parametrize("name", EVERY)
def test_files(tls, files, tmp_path, name):
    data = os.urandom(3_000_000)
    (tmp_path / "file").write_bytes(data)
    server = tls(name, "file")
    with connect(server, files) as s:
        s.sendall(str(tmp_path / "file").encode() + b"\n")
        assert line(s) == "3000000\n"
        assert to_end(s) == data


def test_records_in_pieces(tls, files):
    """The client's bytes come one by one; while half a record is there, a parked connection stays parked."""
    server = tls("TLSEventLoopTCPServer", "park")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context(files).wrap_bio(incoming, outgoing, server_hostname="localhost")

    def step(call, *arguments):
        """Until the call is done; what it sends leaves byte by byte."""
        while True:
            try:
                return call(*arguments)
            except ssl.SSLWantReadError:
                send_slowly()
                incoming.write(s.recv(65536))

    def send_slowly():
        for byte in outgoing.read():
            s.sendall(bytes([byte]))

    with plain(server) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        step(session.do_handshake)
        for text in (b"hello", b"again"):
            step(session.write, text)
            send_slowly()
            assert step(session.read, 100) == text


# ---------------------------------------------------------------- the end


@pytest.mark.parametrize("name", EVERY)
def test_half_close(tls, files, name):
    """The client ends its output, and gets an answer."""
    assert talk(tls(name, "count"), files, b"x" * 500000) == b"500000\n"


@pytest.mark.parametrize("name", EVERY)
def test_write_eof(tls, files, name):
    server = tls(name, "half")
    with connect(server, files) as s:
        assert to_end(s) == b"hello\n"
        s.sendall(b"I go on\n")
    server.wait_for_log("after the end: I go on")


@pytest.mark.parametrize("name", EVERY)
def test_truncation(tls, files, name):
    """Somebody between ends the connection: the handler does not take that for the end of what the client sends."""
    server = tls(name, "count")
    with connect(server, files) as s:
        s.sendall(b"x" * 5000)
        raw = socket.socket(fileno=os.dup(s.fileno()))
        raw.shutdown(socket.SHUT_WR)
        server.wait_for_log("failed after 5000: Connection reset by peer")
        raw.close()


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("mode", ["echo", "park"])
def test_drain(tls, files, name, mode):
    """Idle connections get close_notify: to Python anything else would be an error."""
    server = tls(name, mode)
    with connect(server, files) as s:
        s.sendall(b"hello")
        assert exactly(s, 5) == b"hello"
        server.send_signal(signal.SIGTERM)
        assert to_end(s) == b""
    server.check(server.wait())


# ---------------------------------------------------------------- the handshake


@pytest.mark.parametrize("name", EVERY)
def test_vanished(tls, files, name):
    """Clients that go in the middle of the handshake are no failure, and nobody waits for them."""
    server = tls(name, "park")
    bio = ssl.MemoryBIO()
    session = context(files).wrap_bio(ssl.MemoryBIO(), bio, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        session.do_handshake()
    hello = bio.read()
    for part in (b"", hello[:1], hello[:5], hello[:100], hello):
        with plain(server) as s:
            s.sendall(part)
    with connect(server, files) as s:
        s.sendall(b"hello")
        assert exactly(s, 5) == b"hello"
    assert "failed" not in server.log


@pytest.mark.parametrize("name", EVERY)
def test_silent(tls, files, name):
    """Whoever does not finish the handshake is put out, and says nothing meanwhile to others."""
    server = tls(name, "park", "handshake=300")
    silent, half = plain(server), plain(server)
    with silent, half:
        half.sendall(b"\x16\x03\x01\x02")
        if name in CONCURRENT:
            with connect(server, files) as s:
                s.sendall(b"hello")
                assert exactly(s, 5) == b"hello"
        assert silent.recv(1) == b""
        assert half.recv(1) == b""
    server.wait_for_log("TLS handshake with 127.0.0.1:[0-9]+ failed: the client has not finished it in time")


GARBAGE = [b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 70000, b"\x16\x03\x01\x00\x00", b"\x80\x2e\x01\x03\x01",
           b"\x16\x03\x01\x00\x05\x01\xff\xff\xff\xff", b"\x15\x03\x01\x00\x02\x02\x28", b"\x00" * 100,
           b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03" + b"r" * 32 + b"\x00\x00\x02\x00\xff\x01\x00\x00\x00"]


@pytest.mark.parametrize("name", EVERY)
def test_garbage(tls, files, name):
    server = tls(name, "park")
    for data in GARBAGE:
        with plain(server) as s:
            with contextlib.suppress(ConnectionError):
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                while s.recv(1000):
                    pass
    with connect(server, files) as s:
        s.sendall(b"hello")
        assert exactly(s, 5) == b"hello"
    assert re.search("TLS handshake with .* failed: (http request|wrong version number)", server.log)


def test_not_tls(tls):
    """The hook of a server whose clients may not know that they are to encrypt."""
    server = tls("TLSEventLoopTCPServer", "echo", "plain=1")
    with plain(server) as s:
        s.sendall(b"hello there\n and more")
        assert to_end(s) == b"this is TLS, and not hello there\n"
    assert server.log == ""


def s_client(server, *options, **more):
    return subprocess.run(["openssl", "s_client", "-connect", "%s:%d" % server.address, *options],
                          input=more.get("say", b"Q\n"), capture_output=True, timeout=60, check=False)


def test_old_versions_and_weak_ciphers(tls):
    server = tls("TLSEventLoopTCPServer", "echo")
    for options in (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
                    ["-tls1_2", "-cipher", "AES128-SHA:AES128-GCM-SHA256:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"]):
        assert s_client(server, *options).returncode == 1, options
    shown = s_client(server, "-tls1_2")
    assert shown.returncode == 0 and b"Compression: NONE" in shown.stdout
    assert b"Secure Renegotiation IS supported" in shown.stdout
    assert b"TLSv1.3" in s_client(server).stdout


def test_no_renegotiation(tls):
    server = tls("TLSEventLoopTCPServer", "echo")
    shown = s_client(server, "-tls1_2", say=b"R\n")
    assert b"RENEGOTIATING" in shown.stdout + shown.stderr and b"no renegotiation" in shown.stderr


def test_minimum_version(tls, files):
    server = tls("TLSEventLoopTCPServer", "echo", "min=13")
    with pytest.raises(ssl.SSLError):
        connect(server, files, context(files, maximum_version=ssl.TLSVersion.TLSv1_2))


# ---------------------------------------------------------------- what a handler can ask


def information(s):
    return line(s).rstrip("\n").split("|")


@pytest.mark.parametrize("name", EVERY)
def test_information(tls, files, name):
    server = tls(name, "info", "alpn=two", "alpn=one")
    made = context(files)
    made.set_alpn_protocols(["one", "two", "three"])
    with connect(server, files, made) as s:
        assert s.selected_alpn_protocol() == "two"
        assert information(s)[:7] == ["TLSv1.3", s.cipher()[0], "new", "two", "localhost", "", ""]


def test_protocols_that_do_not_meet(tls, files):
    server = tls("TLSEventLoopTCPServer", "info", "alpn=one")
    made = context(files)
    made.set_alpn_protocols(["two"])
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        connect(server, files, made)


def test_server_names(tls, files):
    other = files.authority.issue("example", "example.test", "*.example.test")
    server = tls("TLSEventLoopTCPServer", "info", f"cert={other[0]}", f"key={other[1]}")
    for name, host in {"localhost": "localhost", "example.test": "example", "a.example.test": "example"}.items():
        with connect(server, files, name=name) as s:
            assert (("commonName", host),) in s.getpeercert()["subject"]
            assert information(s)[4] == name
    made = context()
    with connect(server, files, made, name="elsewhere.test") as s:  # the first one
        assert s.getpeercert(True) == ssl.PEM_cert_to_DER_cert(open(files.cert, encoding="ascii").read())


@pytest.mark.parametrize("name", ["TLSThreadingTCPServer", "TLSEventLoopTCPServer"])
def test_clients_certificates(tls, files, name):
    cert, key = files.authority.issue("Ada")
    stranger = certificates.Authority(files.directory, "Strange CA").issue("Eve")
    server = tls(name, "info", f"client_ca={files.ca}")
    made = context(files)
    made.load_cert_chain(cert, key)
    with connect(server, files, made) as s:
        assert information(s)[5:7] == ["CN=Ada,O=Tests", certificates.fingerprint(cert)]
    for given in (None, stranger):
        made = context(files)
        if given:
            made.load_cert_chain(*given)
        with pytest.raises((ssl.SSLError, ConnectionError)), connect(server, files, made) as s:
            assert s.recv(1)
    server.wait_for_log("handshake with .* failed: (peer did not return a certificate|certificate verify failed)")
    server = tls(name, "info", f"client_ca={files.ca}", "optional=1")
    with connect(server, files) as s:
        assert information(s)[5:7] == ["", ""]


# ---------------------------------------------------------------- several tasks, and messages


@pytest.mark.parametrize("name", EVERY)
def test_two_tasks_write(tls, files, name):
    server = tls(name, "spawn")
    with connect(server, files) as s:
        expected = sum(len(f"got line {i}\n") + 7 for i in range(200))
        sent = b"".join(b"line %d\n" % i for i in range(200))
        got = exchange(s, sent, expected).decode().splitlines(True)
        assert [one for one in got if one.startswith("got")] == [f"got line {i}\n" for i in range(200)]
        assert [one for one in got if not one.startswith("got")] == [f"{chr(97 + i % 26)}{i:05}\n" for i in range(200)]


@pytest.mark.parametrize("name", EVERY)
def test_another_task_reads(tls, files, name):
    """What has come before the task was there is not lost to it."""
    server = tls(name, "spawn_reader")
    assert talk(server, files, b"begin\n" + b"x" * 1000000) == b"go\n1000000\n"


@pytest.mark.parametrize("name", CONCURRENT)
def test_messages_to_parked_connections(tls, files, name):
    server = tls(name, "chat")
    with connect(server, files) as first, connect(server, files) as second:
        assert line(first) == "in\n"
        assert line(second) == "in\n"
        for i in range(5):
            first.sendall(b"say %d\n" % i)
            assert line(first) == line(second) == f"{i}\n"
        server.send_signal(signal.SIGTERM)
        assert to_end(first) == to_end(second) == b"bye\n"
    server.check(server.wait())


# ---------------------------------------------------------------- sessions


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_resumption(tls, files, name, version):
    """In whichever process: forking has another one for each connection."""
    server = tls(name, "info", "workers=2")
    both = ssl.TLSVersion[version]
    made = context(files, minimum_version=both, maximum_version=both)
    session, seen = None, []
    for _ in range(8):
        with connect(server, files, made, session=session) as s:
            seen.append(information(s))
            session = s.session
            assert s.session_reused == (seen[-1][2] == "resumed")
    assert [one[2] for one in seen] == ["new"] + ["resumed"] * 7
    if "Forking" in name:
        assert len({one[7] for one in seen}) > 1


def test_resumption_by_s_client(tls, tmp_path):
    server = tls("TLSPreforkingEventLoopTCPServer" if not programs.TSAN else "TLSEventLoopTCPServer", "echo", "workers=2")
    kept = str(tmp_path / "session")
    assert b"New, " in s_client(server, "-sess_out", kept, "-tls1_2").stdout
    assert b"Reused, " in s_client(server, "-sess_in", kept, "-tls1_2").stdout


def test_strange_tickets(tls, files):
    """Those of another server are no use, and no harm."""
    first, second = (tls("TLSEventLoopTCPServer", "info") for _ in range(2))
    made = context(files)
    with connect(first, files, made) as s:
        information(s)
        session = s.session
    with connect(second, files, made, session=session) as s:
        assert information(s)[2] == "new"


# ---------------------------------------------------------------- new certificates


@pytest.mark.parametrize("name", EVERY)
def test_reload(tls, files, tmp_path, name):
    cert, key = str(tmp_path / "cert"), str(tmp_path / "key")
    made = [files.authority.issue(f"{name}{i}", "localhost") for i in range(2)]

    def use(pair):
        for source, target in zip(pair, (cert, key)):
            shutil.copy(source, target + "~")
            os.rename(target + "~", target)

    def shown():
        with connect(server, files) as s:
            return s.getpeercert(True)

    def der(pair):
        with open(pair[0], encoding="ascii") as file:
            return ssl.PEM_cert_to_DER_cert(file.read())

    use(made[0])
    server = tls(name, "park", f"cert={cert}", f"key={key}", "workers=2", own=True)
    standing = connect(server, files) if name in CONCURRENT else None
    assert shown() == der(made[0])
    use(made[1])
    server.send_signal(signal.SIGHUP)
    server.wait_for_log("reloaded: good")
    for _ in range(4):
        assert shown() == der(made[1])
    use((made[0][0], made[1][1]))  # a key of another certificate
    server.send_signal(signal.SIGHUP)
    server.wait_for_log("reloaded: the key in .* is not that of the certificate in ")
    for _ in range(4):
        assert shown() == der(made[1])
    if standing:
        with standing as s:
            s.sendall(b"hello")
            assert exactly(s, 5) == b"hello"


# ---------------------------------------------------------------- bad settings


def test_refused_servers(files):
    given = [f"cert={files.cert}", f"key={files.key}"]
    assert "is for servers of connections" in refused("TLSUDPServer", "127.0.0.1:0", "echo", *given)
    assert "is for servers of connections" in refused("TLSThreadingUnixDatagramServer", "unix:@x", "echo", *given)
    assert "base the handler class on StreamRequestHandler" in refused("TLSTCPServer", "127.0.0.1:0", "raw", *given)


def test_refused_files(files):
    """One line says what is wrong, before anything is bound: this address could not be."""
    bad, cert, key = ("TLSTCPServer", "192.0.2.1:1", "echo"), files.cert, files.key
    other = files.authority.issue("other", "localhost")
    expired = files.authority.issue("expired", "localhost", days=-1)
    middle = certificates.Authority(files.directory, "Middle CA", signer=files.authority)
    leaf = middle.issue("leaf", "localhost")
    encrypted, password, wrong = files.path("encrypted.key"), files.path("password"), files.path("wrong")
    for path, text in ((password, "secret\n"), (wrong, "other\n"), (files.path("empty"), ""), (files.path("text"), "hello\n")):
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
    certificates.openssl("pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", encrypted)
    wrong_order = certificates.joined(files.path("wrong-order"), middle.cert, leaf[0])
    wrong_chain = certificates.joined(files.path("wrong-chain"), leaf[0], files.ca, middle.cert)
    rows = {
        "is not that of the certificate in": (cert, other[1]),
        "cannot read /nowhere/cert: No such file": ("/nowhere/cert", key),
        "cannot read /nowhere/key: No such file": (cert, "/nowhere/key"),
        "has expired on 20": expired,
        "is encrypted: name the file of its password": (cert, encrypted),
        "is not that of the key": (cert, encrypted, wrong),
        "cannot read the password in /nowhere/password: No such file": (cert, encrypted, "/nowhere/password"),
        "wrong order: the server's own certificate comes first": (wrong_order, leaf[1]),
        "wrong order: behind CN=leaf,O=Tests there is to be what has signed it, and not": (wrong_chain, leaf[1]),
        "there is no certificate in": (files.path("text"), key),
        "there is no private key in": (cert, files.path("empty")),
    }
    for words, given in rows.items():
        errors = refused(*bad, *[f"{name}={value}" for name, value in zip(("cert", "key", "password"), given)])
        assert words in errors and errors.count("\n") == 1, errors
        assert "secret" not in errors


def test_encrypted_keys(tls, files):
    encrypted, password = files.path("good.key"), files.path("good-password")
    certificates.openssl("pkey", "-in", files.key, "-aes256", "-passout", "pass:secret", "-out", encrypted)
    with open(password, "w", encoding="ascii") as file:
        file.write("secret\n")
    server = tls("TLSEventLoopTCPServer", "park", f"cert={files.cert}", f"key={encrypted}", f"password={password}", own=True)
    with connect(server, files) as s:
        s.sendall(b"hello")
        assert exactly(s, 5) == b"hello"


@pytest.mark.parametrize("name", ["TLSThreadingTCPServer", "TLSEventLoopTCPServer"])
def test_rsa(tls, files, name):
    """Its handshake is made aside."""
    pair = files.authority.issue("rsa", "localhost", algorithm="RSA")
    server = tls(name, "park", f"cert={pair[0]}", f"key={pair[1]}", own=True)
    with contextlib.ExitStack() as stack:
        for s in [stack.enter_context(connect(server, files)) for _ in range(8)]:
            s.sendall(b"hello")
            assert exactly(s, 5) == b"hello"


def test_chains(tls, files):
    middle = certificates.Authority(files.directory, "Other Middle CA", signer=files.authority)
    leaf = middle.issue("leaf of a chain", "localhost")
    chain = certificates.joined(files.path("chain"), leaf[0], middle.cert)
    server = tls("TLSEventLoopTCPServer", "park", f"cert={chain}", f"key={leaf[1]}", own=True)
    with connect(server, files) as s:
        s.sendall(b"hello")
        assert exactly(s, 5) == b"hello"


def test_without_certificate(tls):
    """One is made, for this machine."""
    server = tls("TLSThreadingTCPServer", "park", own=True)
    cert = ssl.get_server_certificate(server.address, timeout=LIMIT)
    names = certificates_names(cert)
    assert "DNS:localhost" in names and "IP Address:127.0.0.1" in names and "IP Address:0:0:0:0:0:0:0:1" in names


def certificates_names(pem):
    done = subprocess.run(["openssl", "x509", "-noout", "-ext", "subjectAltName"], input=pem, capture_output=True, text=True,
                          timeout=60, check=True)
    return done.stdout


@pytest.mark.skipif(programs.SANITIZED, reason="sanitizers keep memory")
def test_idle_memory(tls, files):
    """A parked connection is a session of OpenSSL, of which SSL_new alone takes 8 KiB, and no buffer."""
    server = tls("TLSEventLoopTCPServer", "park")

    def used():
        with open(f"/proc/{server.pid}/smaps_rollup", encoding="ascii") as file:
            return int(re.search(r"^Private_Dirty:\s+(\d+)", file.read(), re.MULTILINE)[1])

    with contextlib.ExitStack() as stack:
        def idle(count):
            made = context(files)
            for _ in range(count):
                s = stack.enter_context(connect(server, files, made))
                s.sendall(b"hello")
                assert exactly(s, 5) == b"hello"
            return used()

        before = idle(20)
        after = idle(200)
        assert (after - before) / 200 <= 15.5, (before, after)


# ---------------------------------------------------------------- the other side


def why_not(server, *settings, address=None):
    done = client(server, *settings, address=address)
    assert done.returncode == 1 and not done.stdout, done
    return done.stderr.decode()


def test_client(tls, files):
    server = tls("TLSEventLoopTCPServer", "echo", "alpn=echo")
    done = client(server, f"cafile={files.ca}", "alpn=echo", say=b"hello")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"hello", b"TLSv1.3|echo|CN=localhost,O=Tests\n")
    assert "is not to be trusted: unable to get local issuer certificate" in why_not(server)
    for name in ("example.test", "127.0.0.2"):
        assert "is not to be trusted:" in why_not(server, f"cafile={files.ca}", f"name={name}")
    assert "/nowhere" in why_not(server, "cafile=/nowhere")
    assert client(server, "trusts_all=1", say=b"hello").stdout == b"hello"
    port = server.address[1]
    assert client(server, f"cafile={files.ca}", say=b"hello", address=f"tls:localhost:{port}").stdout == b"hello"


def test_client_trusts_the_system(tls, files):
    server = tls("TLSEventLoopTCPServer", "echo")
    done = client(server, say=b"hello", env={**os.environ, "SSL_CERT_FILE": files.ca})
    assert done.stdout == b"hello", done


@contextlib.contextmanager
def pythons_server(pair, say=b""):
    """One connection of Python's, which has no objections to an old certificate, and ends without close_notify."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*pair)

    def serve():
        with contextlib.suppress(OSError), listening.accept()[0] as accepted:
            accepted.settimeout(LIMIT)
            with made.wrap_socket(accepted, server_side=True) as s:
                s.recv(1)
                s.sendall(say)
                with socket.socket(fileno=os.dup(s.fileno())) as raw:
                    raw.shutdown(socket.SHUT_WR)
                    raw.settimeout(LIMIT)
                    while raw.recv(1000):
                        pass

    with programs.listener("127.0.0.1") as listening:
        listening.settimeout(LIMIT)
        thread = threading.Thread(target=serve)
        thread.start()
        yield "tls:127.0.0.1:%d" % listening.getsockname()[1]
        thread.join()


def test_expired_server(files):
    with pythons_server(files.authority.issue("an old one", "localhost", "127.0.0.1", days=-1)) as address:
        assert "certificate has expired" in why_not(None, f"cafile={files.ca}", address=address)


def test_client_with_a_certificate(tls, files):
    cert, key = files.authority.issue("Grace")
    server = tls("TLSThreadingTCPServer", "info", f"client_ca={files.ca}")
    done = client(server, f"cafile={files.ca}", f"cert={cert}", f"key={key}")
    assert b"|CN=Grace,O=Tests|" in done.stdout, done


def test_client_in_time(files):
    """The time that a connection may take is for the handshake as well."""
    with programs.listener("127.0.0.1") as silent:
        errors = why_not(None, f"cafile={files.ca}", "ms=100", address="tls:127.0.0.1:%d" % silent.getsockname()[1])
        assert errors.startswith("Connection timed out")


def test_client_of_something_else(rig, files):
    server = rig("ThreadingTCPServer", "echo")
    assert "no TLS with 127.0.0.1: " in why_not(server, f"cafile={files.ca}")


def test_client_notices_truncation(files):
    with pythons_server((files.cert, files.key), say=b"the beginning") as address:
        done = client(None, f"cafile={files.ca}", address=address, say=b"x")
        assert done.returncode == 1 and done.stdout == b"the beginning", done
        assert done.stderr.endswith(b"Connection reset by peer\n")


def test_client_addresses():
    for address, words in {"tls:unix:/nowhere/socket": "No such file", "tls:tls:localhost:1": "Invalid", "tls:": "Invalid",
                           "tls:fd:3": "Invalid"}.items():
        assert words in why_not(None, address=address)

# SPDX-License-Identifier: MIT
"""samples/smtp_sink: Python's smtplib, swaks, and bytes that no good client sends."""

import contextlib
import email.message
import email.policy
import mailbox
import os
import re
import resource
import shutil
import signal
import smtplib
import socket
from concurrent import futures

import programs
import pytest
import wire

CLASSES = ["TCPServer", "ThreadingTCPServer", "ThreadPoolTCPServer", "ForkingTCPServer", "PreforkingTCPServer",
           "EventLoopTCPServer", "PreforkingEventLoopTCPServer", "PreforkingThreadingTCPServer"]
TWO = ["ThreadingTCPServer", "EventLoopTCPServer"]
TOGETHER = ["ThreadingTCPServer", "ForkingTCPServer", "EventLoopTCPServer", "PreforkingEventLoopTCPServer"]
COMMAND, TEXT_LINE, RECIPIENTS, ERRORS, COMMANDS, MESSAGE = 565, 1000, 100, 10, 200, 10 << 20


@pytest.fixture
def sink(sample, tmp_path):
    """sink(cls) starts it; its messages() are in tmp_path/mail."""
    def start(cls):
        server = sample("smtp_sink", "{address}", cls, tmp_path / "mail")
        server.messages = lambda: messages_of(tmp_path / "mail")
        return server
    return start


def messages_of(path):
    """[(sender, recipients, bytes of the message as it was sent, but with LF)]; nothing is left half done."""
    assert os.listdir(path / "tmp") == []
    found = []
    for name in os.listdir(path / "new"):
        head, _, text = (path / "new" / name).read_bytes().partition(b"(smtp_sink) with ")
        lines = head.decode().splitlines()
        sender = re.fullmatch("Return-Path: <(.*)>", lines[0])[1]
        recipients = [re.fullmatch("X-Envelope-To: <(.*)>", line)[1] for line in lines[1:-2]]
        assert re.fullmatch(r"Received: from \S+ \((\[127.0.0.1\]|local)\)", lines[-2]), lines
        found.append((sender, recipients, text.split(b"\n", 2)[2]))
    return found


class Session:
    """A conversation by bytes."""

    def __init__(self, server):
        self.client = server.client()
        assert self.reply().startswith("220 ")

    def reply(self):
        """All lines of one."""
        lines = [self.client.until(b"\r\n").decode()]
        while lines[-1][3] == "-":
            lines.append(self.client.until(b"\r\n").decode())
        assert all(re.fullmatch(r"[2345][0-9]{2}[ -][ -~]*", line) and line[:3] == lines[0][:3] for line in lines)
        return "\n".join(lines)

    def says(self, line, code):
        self.client.send(line + "\r\n" if isinstance(line, str) else line)
        reply = self.reply()
        assert reply.startswith(str(code)), (line, reply)
        return reply

    def ends(self):
        assert self.client.ends()
        self.client.close()

    def begin(self, recipients=1):
        self.says("EHLO test", 250)
        self.says("MAIL FROM:<a@b>", 250)
        for number in range(recipients):
            self.says(f"RCPT TO:<r{number}@c>", 250)
        return self

    def data(self):
        self.says("DATA", 354)
        return self


def smtp(server):
    return smtplib.SMTP(*server.address, local_hostname="test", timeout=wire.LIMIT)


# ---------------------------------------------------------------- clients


TEXTS = [b"Subject: x\n\nHello\n", b"\n", b".\n", b"..\n.a\n...\n", b"x" * 998 + b"\n", bytes(range(128, 256)) + b"\0\n",
         b"".join(b"%d\n" % i for i in range(20000)), b"a\n\n\n"]


@pytest.mark.parametrize("cls", CLASSES)
def test_smtplib(sink, cls):
    """What goes in is what is there, byte for byte."""
    server = sink(cls)
    expected = []
    with smtp(server) as client:
        assert client.ehlo()[0] == 250 and client.esmtp_features["size"] == str(MESSAGE)
        assert {"8bitmime", "pipelining", "smtputf8", "help", "enhancedstatuscodes"} <= set(client.esmtp_features)
        for number, text in enumerate(TEXTS):
            recipients = [f"r{i}@example.org" for i in range(number + 1)]
            assert client.sendmail(f"s{number}@example.org", recipients, text.replace(b"\n", b"\r\n")) == {}
            expected.append((f"s{number}@example.org", recipients, text))
    assert sorted(server.messages()) == sorted(expected)


@pytest.mark.parametrize("cls", TWO)
def test_other_ways_of_smtplib(sink, tmp_path, cls):
    server = sink(cls)
    message = email.message.EmailMessage(policy=email.policy.SMTPUTF8)
    message["From"], message["To"], message["Subject"] = "jürgen@example.org", "用户@例子.广告", "Grüße"
    message.set_content("Hello, 世界\n")
    with smtp(server) as client:
        client.send_message(message)
        assert client.verify("ann")[0] == 252 and b"EHLO " in client.help() and client.noop()[0] == 250
        with pytest.raises(smtplib.SMTPNotSupportedError):
            client.starttls()
    with smtp(server) as client:
        client.helo()
        client.sendmail("", "Postmaster", "old\n")
    kept = sorted(mailbox.Maildir(tmp_path / "mail", factory=None), key=lambda m: str(m["Return-Path"]))
    assert " with SMTP;" in kept[0]["Received"] and " with UTF8SMTP;" in kept[1]["Received"]
    assert sorted(m[:2] for m in server.messages()) == [("", ["Postmaster"]), ("jürgen@example.org", ["用户@例子.广告"])]


@pytest.mark.skipif(not shutil.which("swaks"), reason="no swaks")
@pytest.mark.parametrize("cls", ["ForkingTCPServer", "EventLoopTCPServer"])
@pytest.mark.parametrize("options", [[], ["--pipeline"], ["--protocol", "SMTP"]], ids=["plain", "pipeline", "helo"])
def test_swaks(sink, cls, options):
    server = sink(cls)
    mail = ["--from", "a@b.example", "--to", "ann@example.org,bob@example.org", "--header", "Subject: Hello",
            "--body", ".dot\\n.."]
    result = programs.run(["swaks", "--server", "127.0.0.1", "--port", server.address[1], "--ehlo", "test", *mail, *options])
    assert result.returncode == 0, result.stdout + result.stderr
    ((sender, recipients, text),) = server.messages()
    assert (sender, recipients) == ("a@b.example", ["ann@example.org", "bob@example.org"])
    assert b"\nSubject: Hello\n" in text and b"\n\n.dot\n..\n" in text


@pytest.mark.parametrize("cls", TOGETHER)
def test_many_at_once(sink, cls):
    """Each message that was taken is there, once, whole, and under a name of its own."""
    server = sink(cls)

    def send(number):
        with smtp(server) as client:
            for i in range(8):
                client.sendmail("a@b", "c@d", b"%d.%d\r\n" % (number, i) * (1 if i % 2 else 9000))

    with futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(send, range(6)))
    texts = [text for _, _, text in server.messages()]
    assert sorted(texts) == sorted(b"%d.%d\n" % (n, i) * (1 if i % 2 else 9000) for n in range(6) for i in range(8))


@pytest.mark.parametrize("cls", TWO)
def test_a_local_socket(started, tmp_path, cls):
    path = str(tmp_path / "smtp")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        server = programs.Server([programs.path_of("samples/smtp_sink"), f"fd:{listening.fileno()}",
                                  cls.replace("TCP", "UnixStream"), "mail"], tmp_path, address=path, fds=[listening.fileno()])
    started.append(server)
    session = Session(server).begin().data()
    session.says(b"x\r\n.\r\n", 250)
    assert messages_of(tmp_path / "mail") == [("a@b", ["r0@c"], b"x\n")]


# ---------------------------------------------------------------- on the disk, or not taken


def test_what_is_taken_is_on_the_disk(strace, started, tmp_path):
    """fsync of the file, its last name, fsync of the directory, and only then 250."""
    with programs.listener() as listening:
        trace = ["strace", "-f", "-qq", "-o", tmp_path / "trace", "-e", "trace=fsync,renameat,renameat2,sendto"]
        sink = [programs.path_of("samples/smtp_sink"), f"fd:{listening.fileno()}", "EventLoopTCPServer", tmp_path / "mail"]
        server = programs.Server([*trace, *sink], tmp_path, address=listening.getsockname(), fds=[listening.fileno()])
    started.append(server)
    with smtp(server) as client:
        client.sendmail("a@b", "c@d", "x\n")
    os.kill(next(iter(server.children())), signal.SIGTERM)
    server.check(server.wait())
    calls = [(match[1], match[2]) for match in re.finditer(r"^\d+ +(fsync|renameat|sendto)2?\((.*)$",
                                                            (tmp_path / "trace").read_text(), re.MULTILINE)]
    calls = [name for name, arguments in calls if name != "sendto" or "Stored as" in arguments]
    assert calls == ["fsync", "renameat", "fsync", "sendto"]


@pytest.mark.parametrize("cls", TOGETHER)
@pytest.mark.parametrize("sent", [b"", b"half of it\r\n", b"x\r\n.", b"x\r\n.\r", b"y\r\n" * 40000],
                         ids=["nothing", "half", "dot", "dot-cr", "much"])
def test_who_leaves_early(sink, cls, sent):
    server = sink(cls)
    session = Session(server).begin().data()
    session.client.send(sent)
    session.client.end()
    session.ends()
    wire.wait_until(lambda: not os.listdir(os.path.join(server.argv[-1], "tmp")))
    assert server.messages() == []


@pytest.mark.skipif(programs.SANITIZED, reason="they write files of their own")
@pytest.mark.parametrize("cls", TWO)
def test_no_room(sink, cls):
    """A message that cannot be stored is refused for now; a smaller one is taken."""
    server = sink(cls)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    session = Session(server).begin().data()
    session.says(b"y" * 500 + b"\r\n" + b"z\r\n" * 60_000 + b".\r\n", 451)
    session.begin().data().says(b"x\r\n.\r\n", 250)
    assert [text for _, _, text in server.messages()] == [b"x\n"]


@pytest.mark.parametrize("cls", TOGETHER)
def test_the_server_stops(sink, cls):
    """Who is in the middle of a message ends it; who waits is told."""
    server = sink(cls)
    busy = Session(server).begin().data()
    busy.client.send(b"the first half\r\n")
    idle = Session(server)
    idle.says("EHLO test", 250)
    server.send_signal(signal.SIGTERM)
    assert idle.reply().startswith("421 4.3.2 ") and idle.client.ends() and not idle.client.close()
    busy.says(b"and the second\r\n.\r\n", 250)
    assert busy.reply().startswith("421 ") and busy.client.ends() and not busy.client.close()
    server.check(server.wait())
    assert [text for _, _, text in server.messages()] == [b"the first half\nand the second\n"]


def test_no_directory(tmp_path):
    (tmp_path / "file").write_text("")
    for name in "file", "nowhere/mail":
        result = programs.run([programs.path_of("samples/smtp_sink"), "127.0.0.1:0", "TCPServer", name], directory=tmp_path)
        assert result.returncode == 1 and result.stdout == "" and "name a directory" in result.stderr


# ---------------------------------------------------------------- bad clients


@pytest.mark.parametrize("cls", TWO)
@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r\r\n.\r\n", b"\n", b"\r",
                                 b"\r\n.\r.\r\n", b"\r\n\n.\r\n", b"\0\n.\r\n"])
def test_smuggling(sink, cls, end):
    """A message within a message (CVE-2023-51764 and its like): neither is taken, however it comes."""
    server = sink(cls)
    smuggled = b"MAIL FROM:<boss@b>\r\nRCPT TO:<x@y>\r\nDATA\r\nSubject: fired\r\n\r\n.\r\n"
    for pieces in (lambda text: [text]), (lambda text: [text[i:i + 1] for i in range(len(text))]):
        session = Session(server).begin().data()
        for piece in pieces(b"Subject: x\r\n\r\ntext" + end + smuggled):
            session.client.send(piece)
        assert session.reply().startswith("554 5.6.0 ") and session.client.rest() == b""
        session.client.close()
    assert server.messages() == []


COMMANDS_AND_CODES = [
    ("NOOP", 250), ("noop ignored words", 250), ("HELP", 214), ("HELP MAIL", 214), ("VRFY ann", 252), ("VRFY", 501),
    ("EXPN list", 502), ("AUTH PLAIN AGEAYg==", 502), ("STARTTLS", 502), ("BDAT 5 LAST", 502), ("", 500), (" ", 500),
    ("FOO", 500), ("MAILX", 500), ("EHLO", 501), ("EHLO a b", 501),
    ("EHLO <x>", 501), ("EHLO " + "x" * 256, 501), ("HELO é.example".encode().decode("latin-1"), 250),
    ("EHLO [IPv6:::1]", 250), ("DATA", 503), ("DATA now", 501), ("RSET", 250), ("RSET x", 501), ("RCPT TO:<a@b>", 503),
    ("NOOP \0", 500), ("NO\0OP", 500), ("NOOP \x1b[31m", 500)]


@pytest.mark.parametrize("cls", TWO)
def test_commands(sink, cls):
    server = sink(cls)
    for line, code in COMMANDS_AND_CODES:
        Session(server).says(line, code)


GOOD_PATHS = ["<a@b>", "<a.b+c=d'e@sub.example.org>", '<"a b>\\"c"@d>', "<a@[127.0.0.1]>", "<a@[IPv6:2001:db8::1]>",
              "<@x,@y.z:a@b>", " <a@b>", "<" + "l" * 200 + "@b>", "<a@b> "]
BAD_PATHS = ["", "a@b", "<a@b", "a@b>", "<a>", "<a@>", "<@b>", "<a@b@c>", "<a b@c>", "<<a@b>>", "<a@b>x", '<"a@b>',
             "<a@[b>", "<a@[]>", "<@x:>", "<@x,a@b>", "<a@-b>", "<a@.b>", "<" + "l" * 255 + "@b>", "<a@b\\>", "<a,b@c>",
             "<a@b;c>", "<a@b><c@d>"]


@pytest.mark.parametrize("cls", TWO)
def test_paths(sink, cls):
    server = sink(cls)
    for command, also in ("MAIL FROM:", ["<>", "<a@b> SIZE=1", "<a@b> BODY=8BITMIME SMTPUTF8 size=5", "<postmaster>"]), (
            "RCPT TO:", ["<Postmaster>", "<POSTMASTER>"]):
        for path in GOOD_PATHS + also:
            session = Session(server)
            session.says("EHLO test", 250)
            if command == "RCPT TO:":
                session.says("mail from:<>", 250)
            session.says(command + path, 250)
        session = Session(server)
        session.says("EHLO test", 250)
        wrong = BAD_PATHS + (["<>"] if command == "RCPT TO:" else ["<@x:>"])
        for number, path in enumerate(wrong):
            if number % (ERRORS - 1) == 0:
                session = Session(server)
                session.says("EHLO test", 250)
                if command == "RCPT TO:":
                    session.says("MAIL FROM:<>", 250)
            session.says(command + path, 501)


@pytest.mark.parametrize("cls", TWO)
def test_parameters(sink, cls):
    server = sink(cls)
    for line, code in (("<a@b> FOO=1", 555), ("<a@b> AUTH=<>", 555), ("<a@b> SIZE", 555), ("<a@b> SIZE=", 501),
                       ("<a@b> SIZE=x", 501), ("<a@b> SIZE=-1", 501), (f"<a@b> SIZE={MESSAGE + 1}", 552),
                       ("<a@b> SIZE=9999999999999999999", 552),
                       ("<a@b> SIZE=99999999999999999999", 501), ("<a@b>SIZE=1", 501), ("<a@b> BODY=BINARYMIME", 555),
                       (f"<a@b> SIZE={MESSAGE}", 250), ("<\xc3\xa9@b>", 553), ("<\xc3\xa9@b> SMTPUTF8", 250),
                       ("<\xc3@b> SMTPUTF8", 501), ("<\xff@b> SMTPUTF8", 501)):
        session = Session(server)
        session.says("EHLO test", 250)
        session.says("MAIL FROM:" + line, code)
    session = Session(server).begin()
    session.says("RCPT TO:<a@b> NOTIFY=NEVER", 555)
    session.says("RCPT TO:<\xc3\xa9@b>", 553)


@pytest.mark.parametrize("cls", TWO)
def test_order(sink, cls):
    session = Session(sink(cls))
    session.says("MAIL FROM:<a@b>", 503)
    session.says("EHLO test", 250)
    session.says("MAIL FROM:<a@b>", 250)
    session.says("MAIL FROM:<a@b>", 503)
    session.says("DATA", 554)
    session.says("RCPT TO:<c@d>", 250)
    session.says("EHLO again", 250)
    session.says("RCPT TO:<c@d>", 503)
    session.says("MAIL FROM:<a@b>", 250)
    session.says("RSET", 250)
    session.says("DATA", 503)
    session.says("QUIT", 221)
    session.ends()


def test_all_at_once(sink):
    """PIPELINING: two messages and a mistake in one segment."""
    server = sink("EventLoopTCPServer")
    session = Session(server)
    session.client.send("EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\none\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<e@f>\r\n"
                        "RCPT TO:<g>\r\nDATA\r\n.\r\nQUIT\r\nNOOP\r\n")
    assert [session.reply()[:3] for _ in range(11)] == "250 250 250 354 250 250 250 501 354 250 221".split()
    session.ends()
    assert sorted(server.messages()) == [("", ["e@f"], b""), ("a@b", ["c@d"], b"one\n")]


@pytest.mark.parametrize("line", [b"EHLO x\n", b"NOOP\r \n", b"\n"])
def test_a_line_ends_with_cr_lf(sink, line):
    assert "CR LF" in Session(sink("EventLoopTCPServer")).says(line, 500)


@pytest.mark.parametrize("line", ["GET / HTTP/1.1", "POST / HTTP/1.1", "CONNECT a:25 HTTP/1.1", "Host: x"])
def test_other_protocols(sink, line):
    session = Session(sink("ThreadingTCPServer"))
    session.client.send(f"{line}\r\n\r\nEHLO x\r\nMAIL FROM:<a@b>\r\n")
    assert session.reply().startswith("421 ") and session.client.ends() and not session.client.close()


# ---------------------------------------------------------------- limits


@pytest.mark.parametrize("cls", TWO)
def test_long_commands(sink, cls):
    session = Session(sink(cls))
    session.says("NOOP " + "x" * (COMMAND - 7), 250)
    for size in COMMAND - 6, COMMAND - 5, COMMAND - 4, 1500, 16000:
        session.says("NOOP " + "x" * size, 500)
    session.says("NOOP", 250)
    session.client.send("x" * 20000)
    assert session.reply().startswith("421 ") and session.client.ends() and not session.client.close()


@pytest.mark.parametrize("cls", TWO)
def test_long_lines_of_text(sink, cls):
    server = sink(cls)
    session = Session(server).begin().data()
    session.says(b"x" * (TEXT_LINE - 2) + b"\r\n." + b"." * (TEXT_LINE - 2) + b"\r\n.\r\n", 250)
    session.begin().data().says(b"x" * (TEXT_LINE - 1) + b"\r\n.\r\n", 554)
    session.says("NOOP", 250)
    assert [len(text) for _, _, text in server.messages()] == [2 * TEXT_LINE - 2]


@pytest.mark.parametrize("cls", TWO)
def test_large_messages(sink, cls):
    """The largest that SIZE allows; one byte more; and one without end."""
    server = sink(cls)
    line = b"y" * 997 + b"\r\n"  # 998 as it is kept
    count, rest = divmod(MESSAGE, 998)
    whole = line * count + b"z" * (rest - 1) + b"\r\n.\r\n"
    session = Session(server).begin().data()
    session.says(whole, 250)
    session.begin().data().says(whole[:-3] + b"\r\n.\r\n", 552)
    session.says("NOOP", 250)
    assert [len(text) for _, _, text in server.messages()] == [MESSAGE]


def test_recipients(sink):
    server = sink("EventLoopTCPServer")
    session = Session(server).begin(RECIPIENTS)
    session.says("RCPT TO:<more@c>", 452)
    session.data().says(b".\r\n", 250)
    ((_, recipients, _),) = server.messages()
    assert recipients == [f"r{number}@c" for number in range(RECIPIENTS)]


def test_errors(sink):
    session = Session(sink("EventLoopTCPServer"))
    for _ in range(ERRORS):
        session.says("FOO", 500)
    assert session.reply().startswith("421 ") and session.client.ends() and not session.client.close()


def test_commands_without_a_message(sink):
    session = Session(sink("EventLoopTCPServer"))
    session.client.send("NOOP\r\n" * (COMMANDS + 50))
    with contextlib.suppress(wire.Ended):
        replies = [session.reply()[:3] for _ in range(COMMANDS + 1)]
        assert replies == ["250"] * COMMANDS + ["421"] and session.client.ends() and not session.client.close()
        return
    raise AssertionError("the replies have not come")

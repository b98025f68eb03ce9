# SPDX-License-Identifier: MIT
"""Server-sent events (WHATWG HTML 9.2), byte by byte (tests/http/events.c)."""

import errno
import os
import re
import signal
import threading

import mixins
import programs
import pytest
import wire
from event_stream import EventStream

STYLES = ["/room", "/class"]
UNKNOWN = 3 if programs.SANITIZED else None  # so many of the ids that nobody knows are tried


@pytest.fixture
def server(probe, mixin):
    return probe(*programs.as_settings(mixin), program="events")


@pytest.fixture
def together(probe, concurrent_mixin):
    return probe(*programs.as_settings(concurrent_mixin), program="events")


@pytest.fixture(scope="module", params=["threading", "eventloop"])
def shared(request, tmp_path_factory):
    """One for all tests that leave nothing behind."""
    directory = tmp_path_factory.mktemp("events")
    server = programs.Server([programs.path_of("tests/http/events"), f"directory={directory}",
                              *programs.as_settings(mixins.MIXINS[request.param])], directory)
    try:
        yield server.read_banner()
    finally:
        server.finish()


def open_it(server, path, **more):
    return EventStream(server.client(), path, **more)


def ask(server, path, body=None):
    """The number that the server answers with."""
    response = server.ask("POST" if body else "GET", path, body)
    assert response.status == 200, response
    return int(response.text)


# ---------------------------------------------------------------- the response


@programs.also_masked
def test_a_stream(server):
    for version in "HTTP/1.1", "HTTP/1.0":
        with server.client() as client:
            stream = EventStream(client, "/ticks?n=3&ms=1&retry=9", version=version)
            assert [stream.hear() for _ in range(3)] == [("tick", str(i)) for i in (1, 2, 3)]
            assert stream.ends()
            assert stream.raw == "retry: 9\n\nevent: tick\ndata: 1\n\nevent: tick\ndata: 2\n\nevent: tick\ndata: 3\n\n"


ALL_FIELDS = (
    "id: a:b c\nevent: x\nretry: 70\ndata: one\ndata: two\ndata: \ndata: four\ndata: \n\n"
    "data: \n\n"
    "id: \n\n"
    "retry: 4294967295\n\n"
    "event: Grüße\ndata:  \U0001f30d\n\n"
    ": a\n: \n: b\n\n"
    f"data: {7:03000}\n\n"
    + "".join(f"event: wrong\ndata: {-number}\n\n" for number in
              [errno.EINVAL] * 4 + [errno.EILSEQ] * 4)
    + "event: id\ndata: {}\n\n")


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_fields(shared, version):
    stream = open_it(shared, "/fields", version=version, last_event_id="the \xc3\xa9 last")
    assert stream.hear() == ("x", "one\ntwo\n\nfour\n")
    assert stream.parser.retry in (70, 4294967295)
    assert stream.hear() == ("message", "")
    assert stream.hear() == ("Grüße", " \U0001f30d")
    while stream.more():
        pass
    assert stream.client.ends()
    assert stream.raw == ALL_FIELDS.replace("{}", "the é last")
    wire.wait_until(lambda: f"after the end: {-errno.EPIPE} {-errno.EPIPE} 0 0" in shared.log)


def test_head(shared):
    with shared.client() as client:
        for path in "/ticks?n=1", "/class":
            response = client.ask("HEAD", path)
            assert response.status == 200 and response.get("Content-Type") == "text/event-stream"
            assert response.get("Cache-Control") == "no-store, no-transform" and response.get("X-Accel-Buffering") == "no"
            assert "Content-Length" not in response
        assert client.ask(path="/plain").text == "/plain"  # the connection goes on


def test_a_head_of_ones_own(shared):
    stream = open_it(shared, "/headed")
    assert stream.head.get("Access-Control-Allow-Origin") == "*"
    assert stream.hear() == ("message", f"{7:02000}")
    assert shared.ask(path="/headed?404").status == 404
    assert shared.ask(path="/headed?length").status == 500


@pytest.mark.parametrize("accepted", ["gzip, br, zstd", "gzip, identity;q=0"])
def test_never_compressed(shared, accepted):
    stream = open_it(shared, "/headed?compress", accept_encoding=accepted)
    assert stream.hear() == ("message", f"{7:02000}")
    assert stream.ends()


@pytest.mark.parametrize("body", [b"x" * 1000, [b"abc", b"x" * 10_000]], ids=["counted", "chunked"])
def test_a_request_with_a_body(shared, body):
    stream = open_it(shared, "/ticks?n=1&ms=1", method="POST", body=body)
    assert stream.hear() == ("tick", "1")
    assert stream.ends()


def test_a_request_with_a_malformed_body(shared):
    with shared.client() as client:
        client.send(wire.request("POST", "/ticks?n=1&ms=1", None, transfer_encoding="chunked") + b"x\r\n")
        assert client.final().status == 400
        assert client.ends()


def test_a_stream_that_fails_is_cut(server):
    with server.client() as client:
        stream = EventStream(client, "/fail")
        assert stream.hear() == ("message", "one")
        assert stream.is_cut()
    with server.client() as client:
        assert EventStream(client, "/class/failing").is_cut()
    wire.wait_until(lambda: server.log.count("Input/output error") == 2)
    assert "closed (null), well" in server.log


# ---------------------------------------------------------------- what others send


@pytest.mark.parametrize("path", STYLES)
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_posts(together, path, version):
    with together.client() as client:
        stream = EventStream(client, path, version=version)
        ref = stream.hear().data
        assert ask(together, f"/post/{ref}") == 0
        assert stream.hear() == ("news", "posted")
        assert ask(together, f"/post/{ref}?plain") == 0
        assert stream.hear() == ("message", "- posted")
        assert ask(together, f"/post/{ref}", b"one\ntwo") == 0
        assert stream.hear() == ("news", "one\ntwo")
        assert ask(together, f"/post/{ref}", b"\xff") == -errno.EILSEQ
        assert ask(together, f"/post/{ref}?plain", b"end") == 0
        assert stream.ends()
    wire.wait_until(lambda: ask(together, f"/post/{ref}") == -errno.ESTALE)


@programs.also_masked
def test_channels(together):
    streams = [open_it(together, path) for path in STYLES * 2]
    for stream in streams:
        assert stream.hear().event == "ref"
    assert ask(together, "/publish?plain") == 4
    assert ask(together, "/publish", b"line\r\nline") == 4
    assert ask(together, "/publish", b"x" * 60_000) == 4
    for stream in streams:
        assert stream.hear() == ("message", "room posted")
        assert stream.hear() == ("news", "line\nline")
        assert stream.hear() == ("news", "x" * 60_000)
    assert ask(together, "/publish", b"x" * 70_000) == -errno.EMSGSIZE
    assert ask(together, "/publish?plain", b"fail") == 4
    for stream in streams:
        assert stream.is_cut()
    wire.wait_until(lambda: together.log.count("Input/output error") == 4)
    wire.wait_until(lambda: ask(together, "/subscribers") == 0)


def test_messages_that_are_no_events_can_be_dropped(shared):
    stream = open_it(shared, "/room?deaf")
    ref = stream.hear().data
    assert ask(shared, f"/post/{ref}?plain") == 0
    assert ask(shared, f"/post/{ref}") == 0
    assert stream.hear() == ("news", "posted")


# ---------------------------------------------------------------- the end


def test_the_server_stops(together):
    streams = [open_it(together, path, version=version) for path in STYLES for version in ("HTTP/1.1", "HTTP/1.0")]
    for stream in streams:
        assert stream.hear().event == "ref"
    together.send_signal(signal.SIGTERM)
    for stream in streams:
        assert stream.ends()
    together.check(together.wait())
    assert together.log.count("closed context, well") == 2 and together.log.count("room: 0") == 2
    assert together.log.count("released context") == 2


@pytest.mark.parametrize("leave", ["close", "end", "reset"])
def test_a_client_that_leaves(server, leave):
    for path in STYLES:
        with server.client() as client:
            assert EventStream(client, path).hear().event == "ref"
            getattr(client, leave)()
            if leave == "end":
                client.rest()
    wire.wait_until(lambda: "room: 0" in server.log and "closed context" in server.log and "released context" in server.log)
    wire.wait_until(lambda: ask(server, "/subscribers") == 0)


@pytest.mark.parametrize("path", STYLES)
def test_what_a_client_sends_is_dropped(shared, path):
    stream = open_it(shared, path)
    ref = stream.hear().data
    for _ in range(3):
        stream.client.send(wire.request(path="/plain") + b"x" * 50_000)
        assert ask(shared, f"/post/{ref}") == 0
        assert stream.hear() == ("news", "posted")


@pytest.mark.parametrize("path", ["/ticks?n=1&ms=600&heartbeat=100", "/class/beating"])
def test_heartbeats(shared, path):
    stream = open_it(shared, path)
    while len(stream.parser.comments) < 2:
        assert stream.more()
    assert stream.parser.comments == ["", ""] and ": \n\n: \n\n" in stream.raw


def test_idle_is_the_classs(shared):
    stream = open_it(shared, "/class/idle", last_event_id="7")
    assert (stream.hear(), stream.hear()) == (("idle", ""), ("idle", ""))


# ---------------------------------------------------------------- clients that do not read


def test_a_client_that_does_not_read(together):
    """What it gets of the flood ends where the server has given it up."""
    with together.client(receive_buffer=4096) as client:
        EventStream(client, "/flood?patience=200")
        wire.wait_until(lambda: "flood: 0" in together.log or f"flood: {-errno.ETIMEDOUT}" in together.log)
    assert ask(together, "/publish") == 0


def test_a_full_mailbox(together):
    """Publishing waits for nobody; a client that reads gets all, and one that does not ends."""
    reader = open_it(together, "/class")
    reader.hear()
    with together.client(receive_buffer=4096) as client:
        ref = EventStream(client, "/class/deaf").hear().data
        sent = 0
        while (got := ask(together, "/publish", b"%d " % sent + b"x" * 50_000)) == 2:
            assert reader.hear().data.startswith(f"{sent} x")
            sent += 1
        assert got == 1 and reader.hear().data.startswith(f"{sent} x")
        wire.wait_until(lambda: ask(together, f"/post/{ref}") == -errno.ESTALE)
        assert client.is_given_up()
    assert ask(together, "/publish") == 1 and reader.hear() == ("news", "posted")


@pytest.mark.parametrize("path", STYLES)
def test_a_client_that_does_not_read_holds_up_no_drain(probe, concurrent_mixin, path):
    """Also when it has got a part of an event: it would not get the rest."""
    server = probe(*programs.as_settings(concurrent_mixin), "shutdown_timeout=-1", program="events")
    with server.client(receive_buffer=4096) as client:
        ref = EventStream(client, path).hear().data
        wire.wait_until(lambda: ask(server, f"/post/{ref}", b"x" * 50_000) == -errno.EAGAIN)
        server.stop()


# ---------------------------------------------------------------- what was missed


def known(stream):
    event = stream.hear()
    assert event.event == "known"
    return event.data


@pytest.mark.parametrize("style", ["/follow", "/follow/class"][programs.SANITIZED:])
def test_a_history(together, style):
    with together.client() as client:
        stream = EventStream(client, style)
        assert known(stream) == "0" and re.fullmatch(r"[0-9a-f]+-0", stream.parser.last_id)
        start = stream.parser.last_id
        assert ask(together, "/keep", b"one") == 1
        first = stream.hear()
        assert first == ("news", "one") and first.id.endswith("-1")
        assert ask(together, "/keep/other", b"not for you") == 0
        assert ask(together, "/keep/id", b"x") == -errno.EINVAL
        assert ask(together, "/keep", b"\xff") == -errno.EILSEQ
        assert ask(together, "/keep", b"x" * 2000) == -errno.EMSGSIZE
    wire.wait_until(lambda: ask(together, "/subscribers") == 0)
    assert ask(together, "/keep", b"two\nlines") == 0 and ask(together, "/keep", b"three") == 0
    for last, missed in (start, ["one", "two\nlines", "three"]), (first.id, ["two\nlines", "three"]):
        stream = open_it(together, style, last_event_id=last)
        assert [stream.hear().data for _ in missed] == missed
        assert known(stream) == "1"
    assert ask(together, "/keep", b"four") == 2
    event = stream.hear()
    assert event == ("news", "four") and event.id.endswith("-5")
    for unknown in (None, "x", event.id + "0", "", "1-1", event.id + "x", "-", event.id.replace("-", ""))[:UNKNOWN]:
        stream = open_it(together, style, last_event_id=unknown)
        assert known(stream) == "0" and stream.parser.last_id == event.id
        stream = open_it(together, style + "?all", last_event_id=unknown)
        assert [stream.hear().data for _ in range(4)] == ["one", "two\nlines", "three", "four"]
        assert known(stream) == "0"
    stream = open_it(together, style + "?other", last_event_id=first.id)
    assert stream.hear() == ("news", "not for you") and known(stream) == "1"


def test_a_history_is_bounded(shared):
    """The oldest events go, and who has missed them learns it."""
    stream = open_it(shared, "/follow")
    known(stream)
    ids = [stream.parser.last_id]
    for i in range(60):
        assert ask(shared, "/keep", b"%d " % i + b"y" * 150) >= 1
        event = stream.hear()
        assert event.data.startswith(f"{i} y")
        ids.append(event.id)
        late = open_it(shared, "/follow?all", last_event_id=ids[0])
        heard = []
        while (event := late.hear()).event == "news":
            heard.append(event.id)
        assert heard == ids[-len(heard):] and (event.data == "1") == (heard == ids[1:])
        assert i < 8 or 5 <= len(heard) < 12
        late.client.close()


def test_a_history_outlives_processes(probe):
    """Workers are killed while they send: the others go on, and nobody gets an event twice or in another order."""
    server = probe("mixin=preforking,eventloop", "workers=2", program="events")
    stop, sent = threading.Event(), []

    def send():
        while not stop.is_set():
            try:
                sent.append(ask(server, "/keep", b"x"))
            except (wire.Ended, ConnectionError):
                pass  # the worker was killed

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    last, heard = None, []
    for _ in range(3):
        try:
            with server.client() as client:
                stream = EventStream(client, "/follow", last_event_id=last)
                events = [stream.hear() for _ in range(30)]
                heard += [event.id for event in events if event.event == "news"]
                last = stream.parser.last_id
                os.kill(server.children().pop(), signal.SIGKILL)
        except (wire.Ended, ConnectionError):
            pass  # it is the one that was killed
    stop.set()
    for thread in threads:
        thread.join()
    order = [int(name.rpartition("-")[2]) for name in heard]
    assert len(order) >= 29 and order == sorted(set(order)) and min(sent) >= 0
    with server.client() as client:
        assert known(EventStream(client, "/follow", last_event_id="")) == "0"

# SPDX-License-Identifier: MIT
"""WebSockets (RFC 6455), frame by frame (tests/http/websockets.c)."""

import contextlib
import errno
import itertools
import os
import signal
import socket
import threading
import time

import mixins
import programs
import pytest
import wire
import websocket
from websocket import BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, RSV1, RSV2, RSV3, TEXT, WebSocket, frame

STYLES = ["/echo", "/class/silent"]


@pytest.fixture
def server(probe, mixin):
    return probe(*programs.as_settings(mixin), program="websockets")


@pytest.fixture(scope="module", params=["threading", "threadpool", "forking", "preforking-eventloop", "eventloop"]
                if not programs.SANITIZED else ["threading", "eventloop"])
def shared(request, tmp_path_factory):
    """One for all tests that leave nothing behind."""
    directory = tmp_path_factory.mktemp("websockets")
    server = programs.Server([programs.path_of("tests/http/websockets"), f"directory={directory}",
                              *programs.as_settings(mixins.MIXINS[request.param])], directory)
    try:
        yield server.read_banner()
    finally:
        server.finish()


@pytest.fixture(params=STYLES)
def ws(shared, request):
    with shared.client() as client:
        yield WebSocket(client, request.param)


def open_it(server, path="/echo", **fields):
    return WebSocket(server.client(), path, **fields)


# ---------------------------------------------------------------- 4: the handshake


def refused(server, status, path="/echo", method="GET", **fields):
    with server.client() as client:
        client.send(websocket.ask(path, **fields).replace(b"GET", method.encode(), 1))
        response = client.final()
        assert response.status == status, response
        return response


def test_accepts(server):
    with server.client() as client:
        ws = WebSocket(client, key="dGhlIHNhbXBsZSBub25jZQ==")  # RFC 6455 1.3
        names = [name.lower() for name, _ in ws.head.fields]
        assert ws.head.get("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert ws.head.get("Upgrade") == "websocket" and ws.head.get("Connection") == "Upgrade"
        assert not {"sec-websocket-protocol", "sec-websocket-extensions", "content-length"} & set(names)
        assert ws.say("hello").hear() == "hello"
        assert ws.say(b"\0\xff").hear() == b"\0\xff"
        ws.close()


@pytest.mark.parametrize("fields", [
    {"upgrade": "WebSocket"}, {"upgrade": "h2c, websocket"}, {"connection": "keep-alive, Upgrade"}, {"connection": "UPGRADE"},
    {"origin": "http://localhost"}, {"origin": "http://LOCALHOST:80"}, {"sec_websocket_extensions": "x-unknown; a=1, permessage-foo"},
])
def test_accepts_variants(shared, fields):
    ws = open_it(shared, **fields)
    assert ws.say("hello").hear() == "hello"


@pytest.mark.parametrize("fields", [
    {"upgrade": None}, {"upgrade": "h2c"}, {"connection": None}, {"connection": "close"}, {"sec_websocket_version": None},
    {"sec_websocket_version": "8"}, {"sec_websocket_version": "14"}, {"sec_websocket_version": "13, 8"},
    {"sec_websocket_version": "013"},
])
def test_requires_an_upgrade(shared, fields):
    response = refused(shared, 426, **fields)
    assert response.get("Sec-WebSocket-Version") == "13" and response.get("Upgrade") == "websocket"
    assert "upgrade" in response.get("Connection").lower()


@pytest.mark.parametrize("key", ["", "x", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===",
                                 "dGhlIHNhbXBsZSBub25jZR==", "dGhlIHNhbXBsZSBub25j", "dGhlIHNhbXBsZSBub25jZSEh",
                                 "dGhlIHNhbXBsZSBub25j!Q==", "AAAA dGhlIHNhbXBsZSBub=="])
def test_malformed_keys(shared, key):
    with shared.client() as client:
        client.send(websocket.ask().replace(b"Sec-Websocket-Key: ", b"Sec-Websocket-Key: " + key.encode() + b"\r\nX: ", 1))
        assert client.final().status == 400


def test_two_keys(shared):
    with shared.client() as client:
        client.send(websocket.ask().replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"))
        assert client.final().status == 400


def test_other_methods_and_versions(shared):
    assert refused(shared, 400, method="POST").status == 400
    with shared.client() as client:
        client.send(websocket.ask().replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert client.final().status == 426


def test_the_connection_goes_on_after_a_refusal(shared):
    with shared.client() as client:
        client.send(websocket.ask(sec_websocket_version="8"))
        assert client.final().status == 426
        assert WebSocket(client).say("now").hear() == "now"


@pytest.mark.parametrize("query, origin, status", [
    ("", "http://other", 403), ("", "https://localhost", 101), ("", "http://localhost:81", 403), ("", "null", 403), ("", "localhost", 403),
    ("", "http://localhost.evil", 403), ("", "https://localhost.evil", 403), ("?origins", "https://a.example", 101),
    ("?origins", "HTTPS://A.example:443", 101),
    ("?origins", "http://b.example:8080", 101), ("?origins", "http://a.example", 403), ("?origins", "http://b.example", 403),
    ("?origins", "http://localhost", 403), ("?anybody", "http://other", 101), ("?anybody", "null", 101),
])
def test_origins(shared, query, origin, status):
    with shared.client() as client:
        client.send(websocket.ask("/echo" + query, origin=origin))
        assert client.final().status == status


@pytest.mark.parametrize("asked, chosen", [(None, "none"), ("three", "none"), ("one", "one"), ("two, one", "two"),
                                           ("x,one", "one"), ("One", "none"), ("ones", "none")])
def test_subprotocols(shared, asked, chosen):
    ws = open_it(shared, "/protocol?protocols", sec_websocket_protocol=asked)
    assert ws.head.get("Sec-WebSocket-Protocol", "none") == chosen and ws.hear() == chosen


def test_malformed_subprotocols(shared):
    refused(shared, 400, "/protocol?protocols", sec_websocket_protocol="one, a b")


def test_frames_that_come_with_the_request(shared):
    with shared.client() as client:
        ws = WebSocket(client, early=frame(TEXT, "early") + frame(TEXT, "bird"))
        assert (ws.hear(), ws.hear()) == ("early", "bird")


def test_a_plain_path(shared):
    response = refused(shared, 200, "/plain")
    assert response.text == "/plain"


# ---------------------------------------------------------------- 5: frames

SIZES = [0, 1, 2, 3, 4, 7, 8, 31, 32, 33, 124, 125, 126, 127, 128, 1000, 16384, 32767, 32768, 65535, 65536, 65537, 300_000]


@pytest.mark.parametrize("size", SIZES)
def test_sizes(ws, size):
    data = bytes(i * 7 % 251 for i in range(size))
    assert ws.say(data).hear() == data
    assert ws.say("é" * (size // 2)).hear() == "é" * (size // 2)
    assert ws.say("more").hear() == "more"


def test_many_at_once(ws):
    messages = [f"{i} " * (i % 50) for i in range(500)]
    sender = threading.Thread(target=ws.send, args=[frame(TEXT, message) for message in messages])
    sender.start()
    assert [ws.hear() for _ in messages] == messages
    sender.join()


@pytest.mark.parametrize("data", ["", "x", "Grüße", "x" * 126, "y" * 70_000])
def test_byte_by_byte(ws, data):
    raw = frame(TEXT, data)
    steps = range(0, len(raw), 1 if len(raw) < 1000 else 7001)
    for start, end in itertools.zip_longest(steps, steps[1:]):
        ws.send(raw[start:end])
    assert ws.hear() == data


@pytest.mark.parametrize("pieces", [["a", "b"], ["", "", "x"], ["x", ""], ["", ""], ["Gr", "ü", "ße"],
                                    ["x" * 40000, "y" * 40000]])
def test_fragments(ws, pieces):
    for i, piece in enumerate(pieces):
        first = FIN if i == len(pieces) - 1 else 0
        ws.send(frame(CONTINUATION if i else TEXT, piece, first))
    assert ws.hear() == "".join(pieces)


def test_control_frames_between_fragments(ws):
    ws.send(frame(TEXT, "a", 0), frame(PING, "1"), frame(CONTINUATION, "b", 0), frame(PONG, "nobody asked"),
            frame(PING, "2"), frame(CONTINUATION, "c"))
    assert (ws.pong(), ws.pong(), ws.hear()) == (b"1", b"2", "abc")


def test_a_character_in_two_fragments(ws):
    data = "Grüße, 世界 🌍".encode()
    for i in range(len(data) + 1):
        ws.send(frame(TEXT, data[:i], 0), frame(CONTINUATION, data[i:]))
        assert ws.hear().encode() == data


@pytest.mark.parametrize("size", [0, 1, 4, 125])
def test_pings(ws, size):
    ws.send(frame(PING, b"p" * size))
    assert ws.pong() == b"p" * size
    ws.send(frame(PONG, b"p" * size), frame(TEXT, "x"))
    assert ws.hear() == "x"


WRONG = {
    "not masked": frame(TEXT, "x", key=None),
    "RSV1": frame(TEXT, "x", FIN | RSV1),
    "RSV2": frame(TEXT, "x", FIN | RSV2),
    "RSV3": frame(BINARY, "x", FIN | RSV3),
    "RSV1 of a ping": frame(PING, "x", FIN | RSV1),
    **{f"opcode {code}": frame(code, "x") for code in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "a long ping": frame(PING, b"x" * 126),
    "a long close": frame(CLOSE, b"\x03\xe8" + b"x" * 124),
    "a fragment of a ping": frame(PING, "x", 0),
    "a fragment of a close": frame(CLOSE, b"\x03\xe8", 0),
    "nothing to continue": frame(CONTINUATION, "x"),
    "nothing to continue, and more to come": frame(CONTINUATION, "x", 0),
    "a message within another one": frame(TEXT, "x", 0) + frame(TEXT, "y"),
    "2 bytes for a short length": frame(TEXT, b"x" * 125, length=2),
    "8 bytes for a short length": frame(TEXT, b"x" * 125, length=8),
    "8 bytes for a length of 2": frame(TEXT, b"x" * 65535, length=8),
    "a length of 2**63": bytes([FIN | BINARY, 0xff]) + (1 << 63).to_bytes(8, "big") + b"abcd",
    "a close of one byte": frame(CLOSE, b"\x03"),
    **{f"code {code}": frame(CLOSE, code.to_bytes(2, "big"))
       for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_protocol_errors(ws, wrong):
    ws.say("before").send(WRONG[wrong], frame(TEXT, "after"))
    assert ws.hear() == "before"
    ws.is_closed_with(1002)


NOT_UTF8 = [b"\x80", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xf0\x80\x80\xaf", b"\xf4\x90\x80\x80", b"\xff",
            b"abc\xc3", b"a" * 40 + b"\xc3(", b"\xe2\x82", b"\xf0\x9f\x8c"]


@pytest.mark.parametrize("data", NOT_UTF8, ids=bytes.hex)
def test_text_that_is_not_utf8(ws, data):
    ws.send(frame(TEXT, data))
    ws.is_closed_with(1007)


@pytest.mark.parametrize("data", NOT_UTF8[:7], ids=bytes.hex)
def test_text_that_is_not_utf8_is_noticed_at_once(ws, data):
    """The frame, or the message, is not complete."""
    ws.send(frame(TEXT, "fine", 0), frame(CONTINUATION, data + b"x" * 100)[:-100])
    ws.is_closed_with(1007)


def test_bytes_that_are_no_text(ws):
    for data in NOT_UTF8:
        assert ws.say(data).hear() == data


def test_limits(shared):
    ws = open_it(shared, "/echo?max=1000")
    assert ws.say("x" * 1000).hear() == "x" * 1000
    ws.send(frame(BINARY, b"x" * 1001)[:10])  # the head is enough
    ws.is_closed_with(1009)
    ws = open_it(shared, "/echo?max=1000")
    ws.send(frame(BINARY, b"x" * 600, 0), frame(CONTINUATION, b"x" * 401))
    ws.is_closed_with(1009)
    ws = open_it(shared, "/echo?fragments=3")
    ws.send(frame(TEXT, "a", 0), frame(CONTINUATION, "b", 0), frame(CONTINUATION, "c"))
    assert ws.hear() == "abc"
    ws.send(frame(TEXT, "a", 0), *3 * [frame(CONTINUATION, "", 0)])
    ws.is_closed_with(1009)
    ws = open_it(shared)
    ws.send(frame(BINARY, b"x" * (1 << 20)))
    assert len(ws.hear()) == 1 << 20
    ws.send(frame(BINARY, b"x" * ((1 << 20) + 1))[:20])
    ws.is_closed_with(1009)


# ---------------------------------------------------------------- messages in pieces


def test_pieces(shared):
    ws = open_it(shared, "/count?max=100000000")
    ws.send(frame(BINARY, b"\1" * 100_000, 0), frame(PING, "x"), frame(CONTINUATION, b"\2" * 5_000_000))
    assert ws.pong() == b"x"
    assert ws.hear() == "binary 5100000 10100000"
    assert ws.say("").hear() == "text 0 0"
    assert ws.say("é").hear() == f"text 2 {sum('é'.encode())}"


def test_what_is_not_read_is_skipped(shared):
    ws = open_it(shared, "/begin")
    ws.send(frame(TEXT, "abc", 0), frame(CONTINUATION, "d" * 100_000), frame(TEXT, "x"), frame(BINARY, b"y" * 10))
    assert [ws.hear() for _ in range(3)] == [b"a", b"x", b"y"]
    ws.send(frame(TEXT, b"z", 0), frame(CONTINUATION, b"\xff", 0))
    assert ws.hear() == b"z"
    assert ws.closed() == 1007


# ---------------------------------------------------------------- 7: the end


@pytest.mark.parametrize("code", [*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999])
def test_codes(ws, code):
    ws.close(code, "é" * 61)


def test_a_close_without_a_code(ws):
    ws.send(frame(CLOSE))
    assert ws.closed() is None
    assert ws.ends()


def test_a_reason_that_is_not_utf8(ws):
    ws.send(frame(CLOSE, b"\x03\xe8\xc3("))
    ws.is_closed_with(1007)


def test_nothing_is_answered_after_a_close(ws):
    ws.send(frame(TEXT, "one"), frame(CLOSE, b"\x03\xe8"), frame(TEXT, "two"), frame(PING))
    assert ws.hear() == "one"
    ws.is_closed_with(1000)


@pytest.mark.parametrize("told, heard", [("1000", (1000, "")), ("4999 bye", (4999, "bye")),
                                         ("3000 " + "x" * 123, (3000, "x" * 123))])
def test_the_server_closes(server, told, heard):
    with server.client() as client:
        ws = WebSocket(client, "/close?wait=20000")
        ws.say(told)
        assert (ws.closed(), ws.reason) == heard
        ws.send(frame(TEXT, "still here"), frame(PING), frame(CLOSE, (4321).to_bytes(2, "big") + b"me too"))
        assert ws.ends()
    wire.wait_until(lambda: 'closed: 4321 "me too"' in server.log)


def test_a_client_that_does_not_answer_a_close(shared):
    ws = open_it(shared, "/close?wait=100")
    ws.say("1000")
    assert ws.closed() == 1000
    assert ws.ends()


@pytest.mark.parametrize("told", ["999", "1004", "1005", "1006", "1015", "5000", "0", "1000 " + "x" * 124])
def test_codes_that_are_not_sent(shared, told):
    ws = open_it(shared, "/close")
    assert ws.say(told).hear() == "-22"


def test_handlers_that_return(shared):
    ws = open_it(shared, "/protocol")
    assert ws.hear() == "none"
    assert ws.closed() == 1000
    ws.send(frame(CLOSE, b"\x03\xe8"))
    assert ws.ends()
    ws = open_it(shared, "/fail")
    assert ws.closed() == 1011
    ws.send(frame(CLOSE, b"\x03\xf3"))
    assert ws.ends()


def test_what_cannot_be_sent(shared):
    ws = open_it(shared, "/wrong")
    assert ws.hear() == "1 1"
    assert ws.hear() == f"{7:5000}"


def test_flush(together):
    """It comes before the handler goes on, which waits for the second client."""
    with together.client() as client, together.client() as other:
        ws = WebSocket(client, "/flush")
        assert ws.hear() == "first"
        WebSocket(other, "/room").hear()
        assert ws.hear() == "0" and ws.closed() == 1000
    together.wait_for_log(f"flushed at the end: {-errno.EPIPE}\n")


def test_the_server_stops(together):
    server = together
    sockets = [WebSocket(server.client(), path) for path in STYLES]
    for ws in sockets:
        assert ws.say("x").hear() == "x"
    server.send_signal(signal.SIGTERM)
    for ws in sockets:
        assert ws.closed() == 1001
        assert ws.ends()
        ws.client.close()
    server.check(server.wait())


def test_a_client_that_leaves(server):
    for path in STYLES + ["/class"]:
        with server.client() as client:
            WebSocket(client, path)
        with server.client() as client:
            WebSocket(client, path, sec_websocket_protocol="chat")
            client.reset()
    wire.wait_until(lambda: server.log.count('closed: 1006 ""') == 2 and 'closed: 1006 "" chat' in server.log)
    wire.wait_until(lambda: server.log.count("released context") == 2)


def flood(ws, data):
    """Sends that for ever, and returns what ends it."""
    go = threading.Event()
    go.set()

    def send():
        while go.is_set():
            ws.send(data)
    thread = threading.Thread(target=send)
    thread.start()

    def stop():
        go.clear()
        with contextlib.suppress(OSError):
            ws.client.socket.shutdown(socket.SHUT_RDWR)
        thread.join()
    return stop


FLOODS = {"pongs": 20_000 * frame(PONG), "messages": 10_000 * frame(TEXT, "x"), "a long message": frame(BINARY, bytes(1 << 20))}


@pytest.mark.parametrize("data", FLOODS)
def test_others_are_served_meanwhile(shared, data):
    ws = open_it(shared, "/swallow")
    stop = flood(ws, FLOODS[data])
    try:
        for _ in range(5):
            assert get(shared, "/plain") == "/plain"
    finally:
        stop()


def test_a_client_that_goes_on_after_the_close(shared):
    ws = open_it(shared, "/close?wait=100")
    ws.say("1000")
    stop = flood(ws, FLOODS["messages"])
    try:
        assert ws.closed() == 1000
        assert ws.ends()
    finally:
        stop()


def test_the_server_stops_and_a_client_goes_on(probe, concurrent_mixin):
    server = probe(*programs.as_settings(concurrent_mixin), "shutdown_timeout=-1", program="websockets")
    ws = WebSocket(server.client(), "/swallow")
    stop = flood(ws, FLOODS["messages"])
    try:
        os.kill(server.pid, signal.SIGTERM)  # it never rests
        assert ws.closed() == 1001
        assert ws.ends()
    finally:
        stop()
    server.check(server.wait())


def test_who_never_waits(probe, concurrent_mixin):
    """What it has written leaves all the same, idle clients are pinged, and it learns that the server stops."""
    server = probe(*programs.as_settings(concurrent_mixin), "shutdown_timeout=-1", program="websockets")
    with WebSocket(server.client(), "/look?idle=300") as ws:
        assert ws.hear() == "looks"
        assert ws.say("x").hear() == "x"
        assert ws.receive() == (FIN | PING, b"")
        server.send_signal(signal.SIGTERM)
        assert ws.closed() == 1001
        assert ws.ends()
    server.check(server.wait())


def test_who_makes_room_is_told(probe):
    server = probe("mixin=eventloop", "max_requests=1", program="websockets")
    ws = WebSocket(server.client(), "/class/silent")
    assert get(server, "/plain") == "/plain"
    assert ws.closed() == 1013
    assert ws.ends()


def test_what_the_connection_had_before_is_released(server):
    with server.client() as client:
        ws = WebSocket(client, "/keep")
        assert ws.closed() == 1000
    wire.wait_until(lambda: "released own" in server.log)


def test_nothing_is_read_after_the_end(server):
    with server.client() as client:
        ws = WebSocket(client, "/count")
        ws.send(frame(TEXT, b"\xff" + 2000 * b"x"))
        assert ws.closed() == 1007
    wire.wait_until(lambda: "cut: -32 -32" in server.log)


# ---------------------------------------------------------------- idle connections


@pytest.mark.parametrize("path", ["/echo?idle=300", "/class/pinging"])
def test_idle_clients_are_pinged(shared, path):
    ws = open_it(shared, path)
    for _ in range(2):
        assert ws.receive() == (FIN | PING, b"")
        ws.send(frame(PONG))
    assert ws.say("x").hear() == "x"
    assert ws.receive() == (FIN | PING, b"")
    assert ws.ends()  # it has not answered


def test_idle_is_the_classs(shared):
    ws = open_it(shared, "/class/idle")
    assert (ws.hear(), ws.hear()) == ("idle", "idle")
    assert ws.say("x").hear() in ("x", "idle")


def pings_in_pieces(server, path):
    """Whether that is answered; it may have been too slow. Then nothing is owed, however long it is idle."""
    with WebSocket(server.client(), path) as ws:
        data = frame(PING, "abc")
        assert ws.send(frame(TEXT, "x") + data[:5]).hear() == "x"
        first, text = ws.send(data[5:]).receive()
        if first != FIN | PONG:
            return False
        assert text == b"abc" and ws.receive() == (FIN | PING, b"")
        return True


@pytest.mark.parametrize("path", ["/echo?idle=300", "/class/pinging"])
def test_pieces_of_a_ping_do_not_make_a_client_slow(probe, path):
    server = probe("mixin=eventloop", "rate_window=100", "min_rate=1000", program="websockets")
    wire.wait_until(lambda: pings_in_pieces(server, path))


def waits_for_the_server(server):
    """Whether it is patient with what comes in time, or perhaps a little too late, after it has done something else."""
    with WebSocket(server.client(), "/pause?ms=600") as ws:
        data = frame(TEXT, 1000 * "x")
        assert ws.send(data[:500]).hear() == "on"
        return ws.send(data[500:]).receive() == (FIN | TEXT, b"on")


def test_time_of_the_servers_does_not_make_a_client_slow(probe):
    server = probe("mixin=eventloop", "rate_window=500", "min_rate=1000", program="websockets")
    wire.wait_until(lambda: waits_for_the_server(server))


def test_who_gets_messages_is_pinged_all_the_same(together):
    with open_it(together, "/class/pinging") as ws:
        ws.say("subscribe")
        wire.wait_until(lambda: get(together, "/publish") == "1")
        wire.wait_until(lambda: get(together, "/publish") and ws.receive()[0] == FIN | PING)


def answers_while_the_handler_works(server):
    """False if that was too late."""
    with open_it(server, "/class/pinging") as ws:
        ws.say("subscribe")
        assert ws.receive() == (FIN | PING, b"")
        assert int(get(server, "/publish/wait")) >= 1
        try:
            assert ws.hear() == "waits"
            ws.send(frame(PONG))
            return ws.receive() == (FIN | PING, b"")
        except wire.Ended:
            return False


def test_what_comes_while_the_handler_works_is_a_sign_of_life(together):
    """The answer to a ping is there before anybody has waited for it."""
    wire.wait_until(lambda: answers_while_the_handler_works(together))


# ---------------------------------------------------------------- a class


def test_a_class(server):
    with server.client() as client:
        ws = WebSocket(client, "/class")
        assert ws.hear() == "open"
        assert ws.say("one").hear() == "one"
        ws.say("two")
        ws.say("three")
        assert ws.hear() == "and three"
        ws.close(4001, "tired")
    wire.wait_until(lambda: 'closed: 4001 "tired"' in server.log and "released context" in server.log)


def test_a_class_that_closes(server):
    with server.client() as client:
        ws = WebSocket(client, "/class")
        assert ws.say("close").hear() == "open"
        assert ws.closed() == 4000
        ws.send(frame(CLOSE, (4000).to_bytes(2, "big")))
        assert ws.ends()
    wire.wait_until(lambda: 'closed: 4000 ""' in server.log)


@pytest.mark.parametrize("error, text", [("fail", "Input/output error"), ("again", "Resource temporarily unavailable")])
def test_a_class_that_fails(server, error, text):
    with server.client() as client:
        ws = WebSocket(client, "/class")
        assert ws.say(error).hear() == "open"
        assert ws.closed() == 1011
        ws.send(frame(CLOSE))
        assert ws.ends()
    wire.wait_until(lambda: "closed: 1005" in server.log)
    wire.wait_until(lambda: text in server.log)


# ---------------------------------------------------------------- what others send


@pytest.fixture
def together(probe, concurrent_mixin):
    return probe(*programs.as_settings(concurrent_mixin), program="websockets")


def get(server, path):
    with server.client() as client:
        return client.ask(path=path).text


def test_posts(together):
    ws = open_it(together, "/room")
    number, place = ws.hear().split()
    assert get(together, f"/post/{number}/{place}") == "0" and ws.hear() == "posted"
    assert get(together, f"/post/{number}/{place}/plain") == "0" and ws.hear() == "-: posted"
    ws.send(frame(TEXT, "a", 0))  # in the middle of a message
    assert get(together, f"/post/{number}/{place}") == "0" and ws.hear() == "posted"
    assert get(together, f"/post/{number}/{place}/plain") == "0"
    ws.send(frame(CONTINUATION, "b"))
    assert ws.hear() == "-: posted"
    ws.close()
    wire.wait_until(lambda: get(together, f"/post/{number}/{place}") == "-116")


def test_rooms(together):
    sockets = [open_it(together, "/room") for _ in range(3)]
    for ws in sockets:
        ws.hear()
    parked = open_it(together, "/class")
    assert parked.say("subscribe").hear() == "open"
    wire.wait_until(lambda: get(together, "/publish/plain") == "4")
    wire.wait_until(lambda: parked.hear() == "room: published")
    assert get(together, "/publish") == "4" and parked.hear() == "published"
    sockets[0].say("hello")
    for ws in sockets[1:]:
        wire.wait_until(lambda: ws.hear() == "hello")
    assert parked.hear() == "hello"


def test_who_gets_more_and_more_is_heard(probe):
    """Under threads, where others go on meanwhile."""
    server = probe("mixin=threading", program="websockets")
    with open_it(server, "/class") as ws:
        assert ws.say("subscribe to some").hear() == "open"
        wire.wait_until(lambda: get(server, "/publish") == "1")
        spam = [open_it(server, "/spam") for _ in range(4)]
        ws.send(frame(PING, "x"))
        deadline = time.monotonic() + wire.LIMIT
        while ws.receive() != (FIN | PONG, b"x"):
            assert time.monotonic() < deadline
        for one in spam:
            one.close()


def test_a_client_that_does_not_read(probe):
    server = probe("mixin=eventloop", "write_timeout=300", program="websockets")
    with server.client() as client:
        WebSocket(client, "/flood")
        wire.wait_until(lambda: "flood: " in server.log)


def test_a_client_that_sends_slowly(probe):
    server = probe("mixin=eventloop", "rate_window=200", "min_rate=1000", program="websockets")
    with server.client() as client:
        ws = WebSocket(client, "/echo")
        ws.send(frame(TEXT, "x" * 1000)[:100])
        assert ws.closed() == 1008
        assert ws.ends()

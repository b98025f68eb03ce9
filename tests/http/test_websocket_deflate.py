# SPDX-License-Identifier: MIT
"""Compressed messages of WebSockets (permessage-deflate, RFC 7692), frame by frame (tests/http/websockets.c). What is
offered and answered is looked at in tests/unit/test_ws_extension.c."""

import errno
import random
import re
import threading
import zlib

import coding
import programs
import pytest
import websocket
from test_websocket import get, refused, server, shared, together  # noqa: F401 (fixtures)
from test_websocket_client import Peer, server as relay  # noqa: F401 (a fixture)
from websocket import BINARY, CONTINUATION, FIN, PING, RSV1, RSV2, RSV3, TEXT, WebSocket, frame

pytestmark = pytest.mark.skipif("zlib" not in coding.features(), reason="this build compresses nothing by zlib")

TAIL = b"\0\0\xff\xff"
ALONE = ["/echo?deflate", "/class/deflate"]
CONTEXT = ["/echo?context", "/class/context"]
OFFER = "permessage-deflate; client_max_window_bits"


class Compression:
    """What both sides of a WebSocket do with messages; `own` and `other` are theirs, `answer` what was agreed on."""

    own, other = "client", "server"
    deflater = inflater = None

    def agree_on(self, answer):
        name, *terms = answer.split("; ")
        assert name == "permessage-deflate"
        self.terms = dict((term + "=").split("=")[:2] for term in terms)

    def pack(self, data, end=zlib.Z_SYNC_FLUSH):
        """The payload of a message."""
        if not self.deflater or f"{self.own}_no_context_takeover" in self.terms:
            self.deflater = zlib.compressobj(wbits=-int(self.terms.get(f"{self.own}_max_window_bits", 15)))
        packed = self.deflater.compress(data.encode() if isinstance(data, str) else data) + self.deflater.flush(end)
        return packed.removesuffix(TAIL)

    def unpack(self, data):
        """zlib allows no reference that goes further back than the window."""
        if not self.inflater or f"{self.other}_no_context_takeover" in self.terms:
            self.inflater = zlib.decompressobj(wbits=-int(self.terms.get(f"{self.other}_max_window_bits", 15)))
        return self.inflater.decompress(data + TAIL)


class Deflating(Compression, WebSocket):
    """A client that compresses what it says. `compressed`: whether what it heard last was."""

    def __init__(self, client, path=ALONE[0], offer=OFFER):
        super().__init__(client, path, sec_websocket_extensions=offer)
        self.agree_on(self.head.get("Sec-WebSocket-Extensions"))
        self.compressed = False

    def frames(self, data, step=None):
        """A message in frames of `step` bytes."""
        packed = self.pack(data)
        step = step or len(packed) or 1
        parts = [packed[at:at + step] for at in range(0, len(packed), step)] or [b""]
        first = RSV1 | (TEXT if isinstance(data, str) else BINARY)
        return [frame(CONTINUATION if i else first, part, FIN if i == len(parts) - 1 else 0)
                for i, part in enumerate(parts)]

    def say(self, data, step=None):
        return self.send(*self.frames(data, step))

    def hear(self):
        first, data = self.receive()
        self.compressed = bool(first & RSV1)
        assert first & ~RSV1 in (FIN | TEXT, FIN | BINARY), (first, data)
        if self.compressed:
            packed, data = data, self.unpack(data)
            assert len(packed) < len(data)
        return data.decode() if first & 0xf == TEXT else data

    def echoes(self, data, step=None):
        return self.say(data, step).hear() == data


def open_deflating(server, path=ALONE[0], offer=OFFER):
    return Deflating(server.client(), path, offer)


@pytest.fixture(autouse=True)
def no_client_stays(request):
    """The server would wait for its answer to a close."""
    yield
    if "shared" in request.fixturenames:
        for client in request.getfixturevalue("shared").clients:
            client.close()


@pytest.fixture(params=ALONE)
def ws(shared, request):
    with shared.client() as client:
        yield Deflating(client, request.param)


def closes(ws, code, *frames):
    ws.send(*frames)
    ws.is_closed_with(code)


# ---------------------------------------------------------------- the handshake


@pytest.mark.parametrize("path, offer, answer", [
    ("/echo", OFFER, None), ("/class/silent", OFFER, None), ("/echo?deflate", None, None),
    ("/echo?deflate", "x-webkit-deflate-frame", None), ("/echo?deflate", "permessage-deflate; server_max_window_bits=8", None),
    ("/echo?deflate", OFFER, "permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
    ("/echo?context", OFFER, "permessage-deflate; client_max_window_bits=12"),
    ("/class/context", 'permessage-deflate; unknown, permessage-deflate; server_max_window_bits="1\\0"',
     "permessage-deflate; server_max_window_bits=10"),
])
def test_offers(shared, path, offer, answer):
    with shared.client() as client:
        ws = WebSocket(client, path, sec_websocket_extensions=offer)
        assert ws.head.get("Sec-WebSocket-Extensions") == answer
        assert ws.say("plain").hear() == "plain"


def test_offers_in_two_fields(shared):
    with shared.client() as client:
        client.send(websocket.ask(ALONE[0], sec_websocket_extensions="permessage-deflate; server_max_window_bits=8").replace(
            b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"))
        assert client.final().get("Sec-WebSocket-Extensions").startswith("permessage-deflate; server_no")


@pytest.mark.parametrize("path", ["/echo", ALONE[0]])
@pytest.mark.parametrize("offer", ["permessage-deflate;", "a b", "a; b=", 'a; b="c', ", x; ="])
def test_malformed_offers(shared, path, offer):
    refused(shared, 400, path, sec_websocket_extensions=offer)


# ---------------------------------------------------------------- the fuzzing client's sections 12 and 13

# Bytes of a message, and of its frames.
SIZES = [(size, None) for size in (16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072)]
SIZES += [(8192, 256), (16384, 256), (32768, 256), (65536, 256), (131072, 256), (131072, 1024), (131072, 4096), (131072, 32768)]
if programs.SANITIZED:
    SIZES = [(size, step) for size, step in SIZES if size < 32768 or step == 4096]


def random_bytes(size, seed=1):
    return random.Random(seed).randbytes(size)


def words(size, form, seed=2):
    source = random.Random(seed)
    names = [bytes(source.choices(range(97, 123), k=source.randrange(2, 9))).decode() for _ in range(300)]
    text = "".join(form.format(source.choice(names), source.randrange(1000)) for _ in range(size // 12))
    return text[:size]


DATA = {
    1: words(131072, '{{"name": "{}", "value": {}, "tags": ["a", "b"]}},\n'),
    2: bytes(i % 64 // 8 * 30 + i // 4096 for i in range(4096)) * 32,
    3: words(131072, "{} für {} Straßen, "),
    4: words(131072, '<li class="entry"><a href="/{}">{}</a></li>\n'),
    5: random_bytes(131072),
}


@pytest.mark.parametrize("number", DATA)
def test_12(shared, number):
    ws = open_deflating(shared, [*ALONE, *CONTEXT][number % 4])
    for i, (size, step) in enumerate(SIZES):
        assert ws.echoes(DATA[number][i:size + i], step), f"12.{number}.{i + 1}"
        assert ws.compressed == (number != 5 and size >= (64 if "server_no_context_takeover" not in ws.terms else 1024))


OFFERS = {
    1: "permessage-deflate",
    2: "permessage-deflate; server_no_context_takeover",
    3: "permessage-deflate; server_max_window_bits=9",
    4: "permessage-deflate; server_max_window_bits=15",
    5: "permessage-deflate; server_no_context_takeover; server_max_window_bits=9",
    6: "permessage-deflate; server_no_context_takeover; server_max_window_bits=15",
    7: "permessage-deflate; server_no_context_takeover; server_max_window_bits=9, "
       "permessage-deflate; server_no_context_takeover, permessage-deflate",
}


@pytest.mark.parametrize("number", OFFERS)
def test_13(shared, number):
    ws = open_deflating(shared, [*CONTEXT, *ALONE][number % 4], OFFERS[number])
    for i, (size, step) in enumerate(SIZES):
        assert ws.echoes(DATA[1][i:size + i], step), f"13.{number}.{i + 1}"


# ---------------------------------------------------------------- receiving

HELLO = {name: bytes.fromhex(data) for name, data in {  # RFC 7692 7.2.3
    "a block": "f248cdc9c90700",
    "a block without compression": "000500faff48656c6c6f00",
    "a last block, and an octet for the next one": "f348cdc9c9070000",
    "a last block, and nothing behind it": "f348cdc9c90700",
    "two blocks": "f248050000 00ffffcac9c90700",
    "last blocks only": "0300 0300 f348cdc9c90700 0300",
}.items()}


@pytest.mark.parametrize("form", HELLO)
def test_forms(ws, form):
    data = HELLO[form]
    ws.send(frame(TEXT, data, FIN | RSV1))
    assert ws.hear() == "Hello"
    for i in range(len(data) + 1):
        ws.send(frame(TEXT, data[:i], RSV1), frame(PING, "between"), frame(CONTINUATION, data[i:]))
        assert ws.pong() == b"between" and ws.hear() == "Hello"
    for byte in frame(TEXT, data, FIN | RSV1):
        ws.send(bytes([byte]))
    assert ws.hear() == "Hello" and ws.echoes("and more")


def test_a_block_that_refers_to_what_is_before_the_last_one(ws):
    first = zlib.compressobj(wbits=-15)
    second = zlib.compressobj(wbits=-15, zdict=b"Hello, world")
    ws.send(frame(TEXT, first.compress(b"Hello, world") + first.flush(), RSV1),
            frame(CONTINUATION, second.compress(b"Hello, world") + second.flush(zlib.Z_SYNC_FLUSH).removesuffix(TAIL)))
    assert ws.hear() == 2 * "Hello, world"


@pytest.mark.parametrize("path", CONTEXT)
def test_messages_that_refer_to_others(shared, path):
    ws = open_deflating(shared, path)
    for data in "f248cdc9c90700", "f200110000", "f348cdc9c90700", "f200110000", "f348cdc9c9070000", "f200110000":
        ws.send(frame(TEXT, bytes.fromhex(data), FIN | RSV1))
        assert ws.hear() == "Hello"


def test_empty_messages(ws):
    for parts in [b"\0"], [b""], [b"\3\0"], [b"\3\0\0"], [b"", b"\0"], [b"\0", b""], [b"", b""], [b"\0\0\0\xff\xff", b"\0"]:
        for opcode, empty in (TEXT, ""), (BINARY, b""):
            ws.send(*(frame(CONTINUATION if i else opcode, part, (0 if i else RSV1) | (FIN if i == len(parts) - 1 else 0))
                      for i, part in enumerate(parts)))
            assert ws.hear() == empty
    assert ws.echoes("") and ws.echoes("x")


def test_both_kinds(ws):
    for i in range(20):
        text = f"{i} " * i * 50
        assert ws.echoes(text) and WebSocket.say(ws, text).hear() == text


def test_characters_in_two_fragments(ws):
    text = "Grüße, 世界 🌍"
    for at in range(len(ws.pack(text)) + 1):
        assert ws.echoes(text, at or None)
    data = text.encode()
    for at in range(len(data)):
        deflater = zlib.compressobj(wbits=-15)
        first = deflater.compress(data[:at]) + deflater.flush(zlib.Z_SYNC_FLUSH)
        second = deflater.compress(data[at:]) + deflater.flush(zlib.Z_SYNC_FLUSH)
        ws.send(frame(TEXT, first, RSV1), frame(CONTINUATION, second.removesuffix(TAIL)))
        assert ws.hear() == text


WRONG = {
    "a control frame": frame(PING, "x", FIN | RSV1),
    "a fragment that goes on": frame(TEXT, "x", 0) + frame(CONTINUATION, b"\0", FIN | RSV1),
    "a fragment that goes on a compressed one": frame(TEXT, b"\0", RSV1) + frame(CONTINUATION, b"\0", FIN | RSV1),
    "RSV2": frame(TEXT, b"\0", FIN | RSV1 | RSV2),
    "RSV3": frame(TEXT, b"\0", FIN | RSV3),
    "an opcode that is not": frame(3, b"\0", FIN | RSV1),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_protocol_errors(ws, wrong):
    ws.say("before").send(WRONG[wrong], frame(TEXT, "after"))
    assert ws.hear() == "before"
    ws.is_closed_with(1002)


CORRUPT = {
    "a block of no type": b"\x07",
    "the first half of a block": HELLO["a block"][:4],
    "a last block that has no end": HELLO["a last block, and nothing behind it"][:5],
    "a block without compression that is cut": HELLO["a block without compression"][:8],
    "another length": b"\0\5\0\xfb\xffHello\0",
    "a reference to what was before": bytes.fromhex("f200110000"),
    "half of a header behind the last block": HELLO["a last block, and nothing behind it"] + b"\0\0",
    "random": b"\xff" + random_bytes(100),
}


@pytest.mark.parametrize("corrupt", CORRUPT)
def test_corrupt_data(ws, corrupt):
    assert ws.echoes("before")
    closes(ws, 1007, frame(BINARY, CORRUPT[corrupt], FIN | RSV1), frame(TEXT, "after"))


def test_corrupt_data_is_noticed_at_once(ws):
    closes(ws, 1007, frame(BINARY, b"\x07" + b"x" * 100, RSV1)[:-50])


NOT_UTF8 = [b"\x80", b"\xed\xa0\x80", b"abc\xc3(" + b"x" * 2000, b"a" * 5000 + b"\xc3", b"\xf0\x9f"]


@pytest.mark.parametrize("text", NOT_UTF8, ids=range(len(NOT_UTF8)))
def test_text_that_is_not_utf8(ws, text):
    closes(ws, 1007, frame(TEXT, ws.pack(text), FIN | RSV1))


def test_text_that_is_not_utf8_is_noticed_at_once(ws):
    """The message has no end."""
    closes(ws, 1007, frame(TEXT, ws.pack("fine"), RSV1), frame(CONTINUATION, TAIL + ws.pack(b"\xff") + TAIL, 0))


# ---------------------------------------------------------------- limits


@pytest.mark.parametrize("path", ["/echo?deflate&max=1000", "/count?deflate&max=1000", "/echo?context&max=1000"])
def test_limits(shared, path):
    ws = open_deflating(shared, path)
    for data in random_bytes(1000), b"x" * 1000:
        assert ws.say(data).hear() in (data, f"binary 1000 {sum(data)}")
    closes(ws, 1009, *ws.frames(b"x" * 1001))
    ws = open_deflating(shared, path)
    closes(ws, 1009, frame(BINARY, ws.pack(b"x" * 600), RSV1), frame(CONTINUATION, TAIL + ws.pack(b"x" * 401) + TAIL, 0))


def test_fragments(shared):
    ws = open_deflating(shared, "/echo?deflate&fragments=3")
    assert ws.echoes("x" * 500, 3)  # its 7 bytes
    closes(ws, 1009, frame(TEXT, "", RSV1), *3 * [frame(CONTINUATION, b"", 0)])


def bomb(mebibytes):
    deflater = zlib.compressobj(wbits=-15)
    return b"".join(deflater.compress(bytes(1 << 20)) for _ in range(mebibytes)) + deflater.flush(zlib.Z_SYNC_FLUSH)


BOMB = bomb(32)


@pytest.mark.parametrize("path", ["/echo?deflate", "/class/deflate", "/echo?context", "/count?deflate", "/begin?deflate"])
def test_bombs(shared, path):
    ws = open_deflating(shared, path)
    ws.send(frame(BINARY, BOMB, FIN | RSV1))
    if path.startswith("/begin"):
        assert ws.hear() == b"\0"
    ws.is_closed_with(1009)


def peak(server):
    """The most memory that it had by now, in KiB."""
    with open(f"/proc/{server.pid}/status", encoding="ascii") as file:
        return int(re.search(r"^VmHWM:\s*(\d+)", file.read(), re.MULTILINE)[1])


@pytest.mark.skipif(programs.SANITIZED, reason="sanitizers take memory of their own")
def test_the_memory_that_a_bomb_takes(probe):
    server = probe("mixin=eventloop", program="websockets")
    with server.client() as client:
        ws = Deflating(client)
        assert ws.echoes("x" * (1 << 20))
        before = peak(server)
        ws.send(frame(BINARY, BOMB, FIN | RSV1))
        ws.is_closed_with(1009)
    assert peak(server) < before + 4096


# ---------------------------------------------------------------- messages in pieces


def test_pieces(shared):
    ws = open_deflating(shared, "/count?deflate&max=100000000")
    data = DATA[1].encode() * 10
    assert ws.say(data, 5000).hear() == f"binary {len(data)} {sum(data)}"
    assert ws.say("").hear() == "text 0 0"


def test_what_is_not_read_is_skipped(shared):
    for path in "/begin?deflate", "/begin?context":
        ws = open_deflating(shared, path)
        ws.say("abc" * 10_000, 100).say("x").say(b"y" * 100_000)
        assert [ws.hear() for _ in range(3)] == [b"a", b"x", b"y"]


@pytest.mark.parametrize("size", [1, 5000, 500_000])
def test_a_piece_is_there_before_the_next_one_comes(shared, size):
    ws = open_deflating(shared, "/begin?deflate")
    packed = ws.pack("a" * size + "b")
    ws.send(frame(TEXT, packed + TAIL, RSV1))
    assert ws.hear() == b"a"
    ws.send(frame(CONTINUATION, ws.pack("c")), *ws.frames("x"))
    assert ws.hear() == b"x"


# ---------------------------------------------------------------- sending


WHAT = {
    "short": ("x" * 1023, False),
    "long enough": ("x" * 1024, True),
    "random": (random_bytes(5000), False),
    "half random": (random_bytes(5000) + bytes(5000), True),
    "so long that others run meanwhile": (bytes(1 << 18), True),
    "random, and as long": (random_bytes(1 << 18), False),
}


@pytest.mark.parametrize("what", WHAT)
def test_what_is_compressed(ws, what):
    data, compressed = WHAT[what]
    assert ws.echoes(data) and ws.compressed == compressed
    assert WebSocket.say(ws, data).hear() == data and ws.compressed == compressed


@pytest.mark.parametrize("path", CONTEXT)
def test_what_is_repeated(shared, path):
    ws = open_deflating(shared, path, "permessage-deflate")
    text = words(300, "{} {}")

    def size_of_answer():
        WebSocket.say(ws, text)
        first, data = ws.receive()
        assert first & RSV1 and ws.unpack(data).decode() == text
        return len(data)

    assert size_of_answer() > 100 and size_of_answer() < 20
    assert WebSocket.say(ws, random_bytes(1000)).hear() == random_bytes(1000) and not ws.compressed
    assert size_of_answer() > 100 and size_of_answer() < 20  # what could not be compressed has ended the context


def test_posts_are_not_compressed(together):
    ws = open_deflating(together, "/room?deflate")
    number, place = ws.hear().split()
    first, *others = ws.frames("a" * 5000, 10)
    ws.send(first)  # a message has begun
    assert get(together, f"/post/{number}/{place}") == "0" and ws.hear() == "posted" and not ws.compressed
    ws.send(*others).close()


# ---------------------------------------------------------------- many


def test_many_at_once(together):
    """They lend each other what compresses."""
    def talk(number):
        source = random.Random(number)
        with together.client() as client:
            ws = Deflating(client, [*ALONE, *CONTEXT][number % 4])
            for i in range(10):
                assert ws.echoes(words(source.randrange(20000), "{} {}", number * 100 + i), source.choice([None, 100, 4000]))
            ws.send(ws.frames("half of a message" * 100, 10)[0])
        talked.append(number)

    talked = []
    threads = [threading.Thread(target=talk, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(talked) == list(range(8))


def test_a_client_that_leaves_in_the_middle(server):
    for path in ALONE + CONTEXT:
        with server.client() as client:
            ws = Deflating(client, path)
            ws.echoes("x" * 2000)
            ws.send(frame(TEXT, ws.pack("y" * 5000)[:5], RSV1))
    with server.client() as client:
        assert Deflating(client).echoes("z" * 2000)


# ---------------------------------------------------------------- the client's side (ws_connect)


class DeflatingPeer(Compression, Peer):
    """A server that compresses what it says."""

    own, other = "server", "client"

    def agree(self, terms):
        answer = f"permessage-deflate{terms}"
        heard = self.answer(more=f"Sec-WebSocket-Extensions: {answer}\r\n")
        if heard.startswith("connected"):
            self.agree_on(answer)
        return heard

    def say(self, data):
        self.send(BINARY, self.pack(data), first=FIN | RSV1)

    def hear(self):
        """A message, and whether it was compressed."""
        first, data = self.receive()
        assert first & ~RSV1 == FIN | BINARY
        return (self.unpack(data), True) if first & RSV1 else (data, False)


@pytest.mark.parametrize("path, offer", [
    ("/", []), ("/?context", ["permessage-deflate; client_max_window_bits"]),
    ("/?deflate", ["permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits"])])
def test_what_a_client_offers(probe, path, offer):
    with Peer(probe(program="ws_client"), path) as peer:
        assert peer.field("Sec-WebSocket-Extensions") == offer
        assert peer.answer() == "connected "
        peer.ws.say("x" * 5000)
        assert peer.receive() == (FIN | TEXT, b"x" * 5000)


@pytest.mark.parametrize("path, terms", [
    ("/", ""), ("/?deflate", ""), ("/?deflate", "; client_no_context_takeover"), ("/?context", "; client_max_window_bits"),
    ("/?context", "; server_max_window_bits=16"), ("/?context", ", permessage-deflate"),
    ("/?context", "\r\nSec-WebSocket-Extensions: permessage-deflate"), ("/?context", "; mode=fast")])
def test_what_a_server_must_not_answer(probe, path, terms):
    with DeflatingPeer(probe(program="ws_client"), path) as peer:
        assert peer.agree(terms).endswith(f" {-errno.EPROTO}")


@pytest.mark.parametrize("path, terms", [
    ("/?deflate", "; server_no_context_takeover"), ("/?deflate", "; server_no_context_takeover; client_max_window_bits=8"),
    ("/?deflate", "; server_no_context_takeover; client_max_window_bits=9; server_max_window_bits=9"),
    ("/?context", ""), ("/?context", "; client_no_context_takeover"), ("/?context", "; server_max_window_bits=10"),
    ("/?context", "; server_no_context_takeover; client_max_window_bits=10")])
def test_a_client_compresses(relay, path, terms):
    """As was agreed on: both zlibs allow no reference to what they must not refer to. zlib cannot compress with 8 bits."""
    with DeflatingPeer(relay, path) as peer:
        assert peer.agree(terms) == "connected "
        for size in 3, 100, 5000, 5000, 200_000, 5000:
            data = bytes(random.Random(size).choices(b"abcdefgh", k=size))
            peer.ws.say(data)
            heard, compressed = peer.hear()
            assert heard == data
            if size > 1000:
                assert compressed == ("client_max_window_bits=8" not in terms)
            peer.say(data[::-1])
            assert peer.ws.hear() == data[::-1]


def test_a_client_is_sent_a_bomb(relay):
    with DeflatingPeer(relay, "/?deflate") as peer:
        peer.agree("; server_no_context_takeover")
        peer.ws.say("x")
        peer.receive()
        peer.say(bytes(64 << 20))
        assert peer.ws.hear().startswith("closed 1009 ")


@pytest.mark.parametrize("path", ["/echo?deflate", "/echo?context", "/class/deflate", "/echo"])
def test_both_are_ours(relay, probe, path):
    echo = probe(program="websockets")
    with relay.client() as client:
        ws = WebSocket(client, "/").say("ws://%s:%d" % echo.address[:2] + path + ("" if "?" in path else "?context"))
        assert ws.hear() == "connected "
        for message in "x", "y" * 3000, "y" * 3000, b"z" * 300_000:
            assert ws.say(message).hear() == message
        ws.close()

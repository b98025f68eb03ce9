# SPDX-License-Identifier: MIT
"""What is asked of tests/http/websockets.c while calls fail: WebSockets in straight code, and of a class, which are parked."""

import functools
import itertools
import select
import time
import zlib

import websocket
import wire
from lines import Bye, again
from trial import LIMIT, Reported, right
from websocket import BINARY, CLOSE, CONTINUATION, FIN, PING, RSV1, TEXT, frame

STYLES = "/echo", "/class/silent"
LARGE = "".join(f"{i:07}\n" for i in range(20_000))  # longer than a stream's buffer
TAIL = b"\0\0\xff\xff"  # of what is compressed, which is not sent
RESTS = 1.1  # seconds, and a little more
numbers = itertools.count()  # what is said is new each time


class WebSocket(websocket.WebSocket):
    """As one that is open, unless the server's answer is another one. It may be told that the server has failed, or that its
    place is needed."""

    def __init__(self, trial, path, **fields):
        self.client = wire.Client(trial.server.address, limit=LIMIT)
        self.client.send(websocket.ask(path, **fields))
        trial.accept(wire.parse_head(self.client.until(b"\r\n\r\n")), (101,))

    def receive(self):
        first, data = super().receive()
        if first == FIN | CLOSE and data[:2] == (1011).to_bytes(2, "big"):
            raise Reported(data)
        if first == FIN | CLOSE and data[:2] == (1013).to_bytes(2, "big"):
            raise Bye
        return first, data

    def says(self, text):
        right((heard := self.hear()) == text, f"{heard[:200]!r}, and not {text[:200]!r}")

    def pongs(self, text):
        right((heard := self.pong()) == text, heard)

    def ends_with(self, code):
        right((heard := self.closed()) == code, heard)
        right(self.ends(), "something behind the close")

    def leaves(self, code=1000):
        self.send(frame(CLOSE, code.to_bytes(2, "big")))
        self.ends_with(code)


def everywhere(trial, paths, talk):
    for path in paths:
        again(trial, path, functools.partial(converse, path, talk))


def converse(path, talk, trial):
    with WebSocket(trial, path) as ws:
        talk(ws)


def refused(trial):
    for status, fields in (400, {"key": "no key"}), (403, {"origin": "http://other"}), (426, {"sec_websocket_version": "8"}):
        with trial.asking(status):
            client = trial.client
            client.send(websocket.ask(**fields))
            trial.accept(client.final(), (status,))
        trial.close()


def accepted(trial):
    with trial.asking("protocol"), WebSocket(trial, "/protocol?protocols", sec_websocket_protocol="two") as ws:
        ws.says("two")
        ws.send(frame(CLOSE))
        ws.ends_with(1000)


def speak(ws):
    ws.say("small").says("small")
    ws.say(b"").says(b"")
    ws.say(LARGE).says(LARGE)
    ws.send(frame(TEXT, LARGE, 0), frame(PING, "are you there?"), frame(CONTINUATION, "", 0), frame(CONTINUATION, LARGE))
    ws.pongs(b"are you there?")
    ws.says(2 * LARGE)
    ws.leaves()


def echo(trial):
    everywhere(trial, STYLES, speak)


class Deflating:
    """Compresses what it says, and hears both."""

    def __init__(self):
        self.deflater, self.inflater = zlib.compressobj(wbits=-12), zlib.decompressobj(wbits=-15)

    def speak(self, ws, text):
        packed = self.deflater.compress(text.encode()) + self.deflater.flush(zlib.Z_FULL_FLUSH)
        ws.send(frame(TEXT, packed.removesuffix(TAIL), FIN | RSV1))
        first, data = ws.receive()
        right(first & ~RSV1 == FIN | TEXT, first)
        heard = self.inflater.decompress(data + TAIL) if first & RSV1 else data
        right(heard.decode() == text, heard)


def deflate(path, offer, trial):
    with WebSocket(trial, path, sec_websocket_extensions=offer) as ws:
        both = Deflating()
        for text in LARGE[:5000], LARGE, LARGE[-5000:]:
            both.speak(ws, text)
        ws.leaves()


def deflated(trial):
    """Where there is no memory for that, messages are sent as they are. Of other windows than the usual ones nothing is kept
    that would be there already."""
    usual, other = "permessage-deflate", "permessage-deflate; server_max_window_bits=9; client_max_window_bits"
    for path, offer in ("/echo?deflate", usual), ("/class/context", other):
        again(trial, path, functools.partial(deflate, path, offer))


def read(ws):
    ws.send(frame(BINARY, b"\1" * 50_000, 0), frame(CONTINUATION, b"\2" * 50_000))
    ws.says("binary 100000 150000")
    ws.say(LARGE).says(f"text {len(LARGE)} {sum(LARGE.encode())}")


def pieces(trial):
    """What is read without being kept; and text that is longer than what there is room for at first."""
    everywhere(trial, ["/count"], read)
    with trial.asking("longer"), WebSocket(trial, "/wrong") as ws:
        ws.says("1 1")
        ws.says(f"{7:5000}")


def is_pinged(ws):
    right((heard := ws.receive()) == (FIN | PING, b""), heard)


def idle(trial):
    everywhere(trial, ["/echo?idle=5", "/class/quick"], is_pinged)


def leave(ws):
    ws.say("here").says("here")
    ws.client.reset()


def told(code, text, ws):
    ws.say(text)
    right((heard := ws.closed()) == code, heard)
    ws.send(frame(CLOSE, code.to_bytes(2, "big")))
    right(ws.ends())


def wrong(ws):
    ws.send(frame(TEXT, b"\xff"))
    ws.ends_with(1007)


def ends(trial):
    """By each side, with a good-bye and without."""
    everywhere(trial, STYLES, leave)
    everywhere(trial, STYLES, wrong)
    everywhere(trial, ["/close?wait=20000"], functools.partial(told, 4999, "4999 bye"))
    everywhere(trial, ["/class/silent"], functools.partial(told, 4000, "close"))
    with trial.asking("fail"), WebSocket(trial, "/fail") as ws:
        right((heard := websocket.WebSocket.receive(ws)[1]) == (1011).to_bytes(2, "big"), heard)


# ---------------------------------------------------------------- what others send


def number_of(response):
    number = int(response.text)
    if number < 0:
        raise Reported(response.text)
    return number


def ask(trial, path):
    """When that has failed nobody knows what has come of it: all is done once more."""
    with trial.asking(path):
        return number_of(trial.ask("POST", path, b""))
    raise Bye


def get_post(trial):
    with WebSocket(trial, "/room") as ws:
        number, place = ws.hear().split()
        ask(trial, f"/post/{number}/{place}")
        ws.says("posted")
        ask(trial, f"/post/{number}/{place}/plain")
        ws.says("-: posted")
        ws.send(frame(TEXT, "within ", 0), frame(PING, "within"))
        ws.pongs(b"within")
        ask(trial, f"/post/{number}/{place}")
        ws.says("posted")
        ask(trial, f"/post/{number}/{place}/plain")
        ws.send(frame(PING, "now"))
        ws.pongs(b"now")
        ws.send(frame(CONTINUATION, "a message"))
        ws.says("-: posted")


def posted(trial):
    """From another request, between messages and within one."""
    again(trial, "post", get_post)


def heard(listener, speaker, text):
    """It is not, when the speaker's connection has ended."""
    while not listener.client.buffer:
        ready = select.select([listener.client.socket, speaker.client.socket], [], [], LIMIT)[0]
        if listener.client.socket in ready:
            break
        speaker.receive()
        raise TimeoutError("nobody has heard that")
    listener.says(text)


def talk_together(trial):
    """One runs, the other one is parked. Who is in the room from before may still be there."""
    with WebSocket(trial, "/room") as one, WebSocket(trial, "/class") as other:
        one.hear()
        other.says("open")
        other.say("subscribe")
        other.say("subscribed").says("subscribed")
        text = str(next(numbers))
        one.say(text)
        heard(other, one, text)
        for path, expected in ("/publish", "published"), ("/publish/plain", "room: published"):
            ask(trial, path)
            for ws in one, other:
                ws.says(expected)


def published(trial):
    again(trial, "publish", talk_together)


# ---------------------------------------------------------------- the client's side (tests/http/ws_client.c)


def answered(ws, text):
    """What the handler has got of the other server, or how that has failed."""
    if (heard := ws.hear()) != text:
        right(heard.startswith(("closed 1006", "closed 1011", "failed ", "refused 5")) or heard.rpartition(" ")[2].startswith("-"),
              f"{heard[:200]!r}, and not {text[:200]!r}")
        raise Reported(heard)


def converse_with_another(trial):
    with WebSocket(trial, "/") as ws:
        ws.say("ws://%s:%d/echo" % trial.server.address[:2])
        answered(ws, "connected ")
        for text in "small", LARGE:
            ws.say(text)
            answered(ws, text)
        ws.leaves()


def connected(trial):
    again(trial, "connect", converse_with_another)


# ---------------------------------------------------------------- the server stops


def stop_websockets(life):
    """Each client is told."""
    life.start()
    sockets = []
    for path in STYLES:
        with life.asking(path):
            sockets.append(WebSocket(life, path))
            sockets[-1].say("here").says("here")
    life.begin()
    life.stop()
    for ws in sockets:
        with life.asking("1001"), ws:
            ws.ends_with(1001)
    life.end()


def rest(ws):
    ws.say("before").says("before")
    time.sleep(RESTS)
    ws.say(LARGE).says(LARGE)


def rested(trial):
    """One that waits for so long gives back memory."""
    everywhere(trial, STYLES[:1], rest)


SCENES = [refused, accepted, echo, deflated, pieces, idle, ends]
TOGETHER = [posted, published]
CLIENT = [connected]
IDLE = [rested]

# SPDX-License-Identifier: MIT
"""Servers that start, and servers that stop, while calls fail."""

import fcntl
import os
import re
import signal
import socket
import threading

import mixins
import scenes_rig
import wire
from lives import Over
from scenes_http import LARGE, SMALL, TEXT, basic
from lines import Lines
from state import ALWAYS, RULES
from trial import LIMIT, right


def classes(server, address, names=()):
    """The arguments of samples under these compositions, or all."""
    return {name: [address, cls] for name, (cls, address, _) in scenes_rig.classes(server, address).items()
            if name in names or not names}


# ---------------------------------------------------------------- start


def begin(life):
    """Calls fail until it serves."""
    life.begin()
    life.start()
    life.over()


def finish(life):
    life.close()
    life.stop()
    life.end()


PARTS = [f"{directory}.httpserver-{1:016x}.part" for directory in ("", "store/", "store/below/")]


def start(life):
    begin(life)
    life.get("/small", SMALL)
    finish(life)


def start_guarded(life):
    """With passwords, and a hash among them."""
    begin(life)
    life.get("/small", SMALL, authorization=basic("ann", "one"))
    life.get("/small", SMALL, authorization=basic("bob", "two"))
    finish(life)


def start_after_kill(life):
    """A server that was killed has left files that it was receiving: they go, or stay for the next start."""
    (life.root / "store" / "below").mkdir(exist_ok=True)
    for name in PARTS:
        (life.root / name).write_bytes(SMALL)
    begin(life)
    with life.asking("what was left"):
        left = [name for name in PARTS if life.stored(name) is not None]
        right(not left or has_failed(life), left)
    life.get("/small", SMALL)
    finish(life)


def start_in_proc(life):
    """Where the system shows what is no files, nobody looks for those that were left."""
    begin(life)
    with life.asking("/"):
        right(b"kernel/" in life.ask("GET", "/").body)
    finish(life)


def has_failed(life):
    return any(event.error for event in life.subject.state.events())


def watch(life, name):
    """A function that says whether something has been called at this place by now."""
    state, places, rules = life.subject.state, life.subject.places, []
    for at in (at for at, place in places.of.items() if place == name):
        for call in state.calls(places.calls[at]):
            rules.append(RULES - 1 - len(rules))
            state.fail(call, 0, ALWAYS, 0, at, rules[-1])
    return lambda: any(map(state.seen, rules))


def use_first(life):
    """What a process makes when the first one asks."""
    life.start()
    life.begin()
    life.get("/small", SMALL)
    life.over()
    life.get("/large", LARGE)
    finish(life)


def start_delegate(life):
    """A class with delegates, and each with slots `before`."""
    begin(life)
    life.get("/trail", b"bs")
    life.get("/inner/trail", b"bsbibf")
    finish(life)


def start_stale(life):
    """A server that has gone has left its socket's file."""
    for name in life.subject.sockets():
        (life.subject.directory / name).unlink()
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(life.subject.directory / "socket"))
    start(life)


def start_locked(life):
    """Another server starts in the same directory, and has its lock until this one waits for that."""
    directory = os.open(life.subject.directory, os.O_RDONLY)
    fcntl.flock(directory, fcntl.LOCK_EX)
    release = threading.Thread(target=release_later, args=(life, directory))
    release.start()
    try:
        start(life)
    finally:
        release.join()


def release_later(life, directory):
    try:
        wire.wait_until(lambda: life.server and life.subject.state.names, LIMIT)
        waits = watch(life, "framework/net/unix.c lock nanosleep")
        wire.wait_until(lambda: life.has_ended() or waits(), LIMIT)
    finally:
        os.close(directory)


def start_in_vain(life):
    """What it is to listen on is no socket: it says so, and ends."""
    life.begin()
    try:
        life.start()
    except Over:
        what, outcome, detail = life.outcomes.pop()
        life.note(what, "served" if outcome == "told" else outcome, detail)


def start_mistaken(life):
    """A class that is based on itself is a mistake in the program: it is named, and abort(3) follows."""
    life.begin()
    life.found, life.server = life.subject.sockets(), life.subject.launch()
    status = life.server.process.wait(LIMIT)
    if status == 1:
        life.refused()
    with life.asking("abort"):
        right(status == -signal.SIGABRT and ("Circle is based on itself" in life.server.log or life.is_mute()), life.server.log)


def start_rig(life):
    begin(life)
    scenes_rig.hello(life)
    finish(life)


def start_datagrams(life):
    begin(life)
    with life.asking("a datagram"), talk(life) as client:
        client.send(b"say hello")
        right(client.recv(100) == b"hello\n")
    finish(life)


def start_echo(life):
    begin(life)
    with life.asking("an echo"), talk(life) as client:
        client.send(b"said")
        right(client.recv(100) == b"said")
    finish(life)


def start_confined(life):
    begin(life)
    with life.asking("an ordinary deed"), talk(life) as client:
        client.send(b"read /dev/null\n")
        right(client.recv(100) == b"done\n")
    finish(life)


def use_two(life):
    """Two are served at once, or one when the other has gone."""
    life.start()
    life.begin()
    with life.asking("two"), Lines(life.server.address) as one, Lines(life.server.address) as other:
        one.ask("say one", "one")
        other.send("say other")
        one.socket.close()
        other.expect("other")
    life.over()
    finish(life)


def use_waits(life):
    """Two threads wait at once, each for a message."""
    life.start()
    life.begin()
    with life.asking("waits"), Lines(life.server.address) as one, Lines(life.server.address) as other:
        refs = [client.ask("ref") for client in (one, other)]
        for client in one, other:
            client.send("wait")
        wire.wait_until(life.at_rest)
        with Lines(life.server.address) as third:
            for client, ref in zip((one, other), refs):
                third.ask(f"post {ref} letter", "posted")
                client.expect("got  letter")
    life.over()
    finish(life)


def use_all(life):
    """What is made when it is needed for the first time."""
    life.start()
    life.begin()
    for scene in scenes_rig.waiting, scenes_rig.parked_alone, scenes_rig.found:
        scene(life)
    life.over()
    finish(life)


def talk(life):
    """A socket that is connected to a server of any class."""
    address, datagrams = life.server.address, re.search("UDPServer|DatagramServer", " ".join(life.subject.argv))
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    client = socket.socket(family, socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM)
    client.settimeout(LIMIT)
    if datagrams and client.family == socket.AF_UNIX:
        client.bind("")  # of itself it has no name to answer to
    client.connect(address)
    return client


def start_chat(life):
    begin(life)
    with life.asking("to come in"):
        life.client.until(b"? ")
        life.client.send(b"one\n")
        right(life.client.until(b"\n") == b"Welcome, one. In the room: 1.")
    finish(life)


# ---------------------------------------------------------------- stop


def stop_idle(life):
    """Connections that nobody uses are closed."""
    life.start()
    clients = [wire.Client(life.server.address, limit=LIMIT)
               for _ in range(1 if life.exploration.composition in mixins.ONE_BY_ONE else 3)]
    for client in clients:  # the kernel says nothing to those that have never asked for anything
        right(client.ask(path="/small").body == SMALL)
    begin_to_stop(life)
    for client in clients:
        with life.asking("an idle connection"):
            right(client.ends())
        client.close()
    life.end()


def begin_to_stop(life):
    """Calls fail from the signal on."""
    life.begin()
    life.stop()


def stop_download(life):
    """What a client has begun to read he gets."""
    life.start()
    with wire.Client(life.server.address, limit=LIMIT, receive_buffer=4096) as client:
        client.send(wire.request(path="/large"))
        client.fill()
        begin_to_stop(life)
        with life.asking("a download"):
            right(client.final().body == LARGE)
    life.end()


def stop_upload(life):
    """What a client has begun to send is stored."""
    (life.root / "store" / "put").unlink(missing_ok=True)
    life.start()
    client = life.client
    client.send(wire.request("PUT", "/store/put", None, content_length=len(TEXT), expect="100-continue"))
    right(client.response().status == 100)
    client.send(TEXT[:len(TEXT) // 2])
    begin_to_stop(life)
    client.send(TEXT[len(TEXT) // 2:])
    with life.asking("an upload"):
        life.accept(client.final(), (201,))
        right(life.stored("store/put") == TEXT)
    life.end()
    with life.asking("what is stored"):
        right(life.stored("store/put") in (None, TEXT) and len(os.listdir(life.root / "store")) <= 1,
              os.listdir(life.root / "store"))


def stop_chat(life):
    """Who only listens is sent away."""
    life.start()
    clients = [wire.Client(life.server.address, limit=LIMIT) for _ in range(2)]
    for number, client in enumerate(clients, 1):
        client.send(b"%d\n" % number)
        client.until(b"In the room: %d.\n" % number)
    begin_to_stop(life)
    for client in clients:
        with life.asking("to leave"):
            client.rest()
        client.close()
    life.end()


def stop_echo(life):
    """What it counts and explains is no reason not to end well."""
    life.start()
    with talk(life) as client:
        client.send(b"said")
        right(client.recv(100) == b"said")
    begin_to_stop(life)
    life.end()


def stop_used(life):
    """What it has used is given back."""
    life.start()
    for scene in scenes_rig.messages, scenes_rig.clients, scenes_rig.parked_alone:
        scene(life)
    begin_to_stop(life)
    life.end()


def failures(life):
    return sum(bool(event.error) for event in life.subject.state.events())


def refuses(address):
    try:
        socket.create_connection(address).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass  # it was one of the last
    return False


def stop_at_once(life):
    """The second signal ends all waits, and what goes on all the same."""
    life.start()
    with Lines(life.server.address) as client:
        client.ask("say hello", "hello")
        client.send("lock 5000")
        wire.wait_until(lambda: not life.at_rest())
        life.stop()
        wire.wait_until(lambda: refuses(life.server.address))  # two signals at once would be one
        begin_to_stop(life)
        with life.asking("what is cut"):
            # (what cannot be killed for so long ends by itself)
            right(client.end() == b"" or failures(life) > 1, client.data)
    life.end(128 + signal.SIGINT)


STOPS = [stop_idle, stop_download, stop_upload]

# ---------------------------------------------------------------- and between the two


def store_locked(life):
    """Somebody else holds the directory for a while."""
    (life.root / "store" / "put").unlink(missing_ok=True)
    life.start()
    directory = os.open(life.root / "store", os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(directory, fcntl.LOCK_EX)
    waits = watch(life, "handlers/upload/publish.c lock_directory nanosleep")
    life.client.send(wire.request("PUT", "/store/put", TEXT))
    wire.wait_until(waits)
    life.begin()
    waits = watch(life, "handlers/upload/publish.c lock_directory nanosleep")
    wire.wait_until(lambda: waits() or has_failed(life))
    os.close(directory)
    with life.asking("an upload"):
        life.accept(life.client.final("PUT"), (201,))
    life.over()
    with life.asking("what is stored"):
        right(life.stored("store/put") in (None, TEXT))
    finish(life)


def reopen_log(life):
    """Lines go to a new file, or to the old one and somebody is told."""
    log, moved = life.subject.directory / "log", life.subject.directory / "log.1"
    log.unlink(missing_ok=True)
    life.start()
    life.get("/small", SMALL, connection="close")
    log.rename(moved)
    life.begin()
    life.server.send_signal(signal.SIGHUP)
    with life.asking("to open it anew"):
        wire.wait_until(lambda: log.exists() or "cannot be opened anew" in life.server.log or failures(life) > 1)
    for _ in range(2):
        life.get("/small", SMALL, connection="close")
    life.over()
    life.get("/small", SMALL, connection="close")
    finish(life)
    with life.asking("lines"):
        lines = log.read_text().count("GET /small") if log.exists() else 0
        served = sum(outcome == "served" for what, outcome, _ in life.outcomes if what == "GET /small")
        lost = "lines are lost" in life.server.log or failures(life) > 1  # what tells of it fails, too
        right(lost or lines + moved.read_text().count("GET /small") >= served, (moved.read_text(), lines))
        right(lines > 0, "the last one, when all is well, has not come to the new file")

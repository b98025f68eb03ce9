# SPDX-License-Identifier: MIT
"""What is asked of tests/fault/rig.c, which calls each function of socketserver.h, while calls fail."""

import contextlib
import itertools
import os
import signal
import socket
import tempfile
import time

import wire
from lives import waits
from lines import Bye, Lines, again, ask, ask_datagram, oracle, pattern
from trial import LIMIT, right

NUMBER = f"{7:>40000}"  # longer than a stream's buffer
SIZE = 1_500_000  # more than the kernel takes at once
CROWD = 2  # clients at a time
SLOW = 0.06  # seconds
LARGE = 8_000_000  # more than the kernel ever takes
numbers = itertools.count()  # what is named after them is new in each play


def output(trial):
    data = pattern(SIZE).decode()
    ask(trial, ("say hello", "hello"), ("pieces piece", "piece-piece"), (f"format {len(NUMBER)}", NUMBER),
        ("big 10000", data[:10000]))
    ask(trial, (f"big {SIZE}", data), (f"now {SIZE}", data), ("say again", "again"))
    ask(trial, (f"file {SIZE}", data), ("copy 100000", data[:100000]))


def input_(trial):
    with trial.asking("take"), Lines(trial.server.address) as client:
        client.send("take 300000")
        client.send(pattern(300_000))
        client.expect("taken")
    with trial.asking("end"), Lines(trial.server.address) as client:
        client.ask("end of the output", "of the output")
        right(client.end() == b"", client.data)
    with trial.asking("leave"), Lines(trial.server.address) as client:
        client.send("leave with that")
        client.send(pattern(100_000))
        client.expect("with that")
        right(client.end() == b"", client.data)


def waiting(trial):
    ask(trial, ("sleep 1", "slept"), ("poll 3", "1 ready"), ("poll 100", "1 ready"), ("offload", "7"))


def clients(trial):
    addresses = oracle()
    port = addresses["tcp"].rpartition(":")[2]
    ask(trial, *((f"stream {address}", "answer") for address in (addresses["tcp"], addresses["stream"], f"localhost:{port}")),
        ("datagram " + addresses["udp"], "answer"), ("datagram " + addresses["datagram"], "answer"))


def addresses(trial):
    ask(trial, ("itself", "refused"), ("say again", "again"))
    for zone in "lo", "1":  # its name, or its number
        with trial.asking("zone"), Lines(trial.server.address) as client:
            right(client.ask("zone") in ("[fe80::%lo]:7", "[fe80::%1]:7"), zone)


def alone(trial):
    """A client that no server waits for."""
    others = oracle()
    ask(trial, *((f"alone {others[name]}", "answer") for name in ("stream", "datagram", "datagram-empty")))


def found(trial):
    """A name that no name server is asked for."""
    ask(trial, ("find known.test:7", "2"))


def names(trial):
    others = oracle()
    ask(trial, ("find " + others["known"], "2"), ("find 127.0.0.1:7", "1"), ("find localhost:7", "2"),
        ("service 127.0.0.1:4712", "4712"), ("from " + others["tcp"], "answer"), ("from_port " + others["tcp"], "answer"))


def head_start(trial):
    """Of the two addresses that the name has the second one answers, after a head start of the first one."""
    ask(trial, ("stream " + oracle()["known"], "answer"))


def head_start_alone(trial):
    ask(trial, ("alone " + oracle()["known"], "answer"))


def peer(trial):
    """A client that has a name."""
    with trial.asking("peer"), tempfile.TemporaryDirectory() as directory:
        with Lines(trial.server.address, directory + "/name") as client:
            client.ask("peer", f"unix:{directory}/name")


def urgent(trial):
    """A byte that is no part of the stream."""
    with trial.asking("urgent"), Lines(trial.server.address) as client:
        for text in "one", "two", "three":
            client.ask(f"say {text}", text)
            client.socket.send(b"!", socket.MSG_OOB)
        client.ask("park", "parked")
        client.ask("say four", "four")


def raw(trial):
    """No lines: what is sent comes back."""
    again(trial, "raw", comes_back)


def comes_back(trial):
    with Lines(trial.server.address) as client:
        client.expect("hello")
        for text in "one", "two":
            try:
                client.ask(text, text)
            except (wire.Ended, ConnectionError):
                raise Bye from None  # it was parked


def slow_reader(trial):
    """It takes something now and then."""
    data = pattern(LARGE).decode()
    with trial.asking("slow"), Lines(trial.server.address, receive_buffer=4096) as client:
        client.send(f"big {LARGE}")
        for _ in range(4):
            time.sleep(SLOW)
            client.receive(4096)
        client.expect(data)


def slow_writer(trial):
    """A part of what is to come is late."""
    with trial.asking("late"), Lines(trial.server.address) as client:
        client.send("take 300000")
        data = pattern(300_000)
        for at in range(0, len(data), 100_000):
            client.send(data[at:at + 100_000])
            time.sleep(SLOW)
        client.expect("taken")


def crowded(trial):
    """Who is idle makes room for another one. He is asked once a second, so that a burst lasts a while."""
    with trial.asking("crowded"), contextlib.ExitStack() as stack:
        for _ in range(CROWD):
            stack.enter_context(Lines(trial.server.address)).ask("park", "parked")
        last = stack.enter_context(Lines(trial.server.address))
        last.socket.settimeout(2 * LIMIT)
        last.ask("say hello", "hello")


def hello(trial):
    ask(trial, ("say hello", "hello"))


def killed(trial):
    """The process that serves a client dies; others do not."""
    with trial.asking("die"), Lines(trial.server.address) as client:
        client.send("die")
        right(client.end() == b"", client.data)
    hello(trial)


def killed_waiting(trial):
    """A process that waits for a message dies, and one comes before anybody has noticed that."""
    channel = f"dead-{next(numbers)}"
    with trial.asking("publish"), Lines(trial.server.address) as one, Lines(trial.server.address) as other:
        pid = int(one.ask("pid"))
        one.ask(f"subscribe {channel}", "subscribed")
        one.send("wait")
        other.ask("say hello", "hello")
        wire.wait_until(lambda: waits(pid, pid))
        os.kill(trial.server.pid, signal.SIGSTOP)
        try:
            os.kill(pid, signal.SIGKILL)
            one.end()
            other.ask(f"publish {channel}", "1")
        finally:
            os.kill(trial.server.pid, signal.SIGCONT)


def lock(trial):
    """Two at once, where two are served at once."""
    with trial.asking("lock"), Lines(trial.server.address) as one, Lines(trial.server.address) as other:
        one.send("lock 5")
        other.send("lock 5")
        one.expect("alone")
        one.socket.close()
        other.expect("alone")


def messages(trial):
    channel = f"own-{next(numbers)}"
    ask(trial, (f"subscribe {channel}", "subscribed"), (f"publish {channel}", "1"),
        ("wait", "got news"), (f"subscribers {channel}", "1"), (f"unsubscribe {channel}", "unsubscribed"),
        (f"publish {channel}", "0"))


def wakes_itself(trial):
    with Lines(trial.server.address) as client:
        send_to_itself(client)


def send_to_itself(client):
    channel = f"alone-{next(numbers)}"
    client.ask(f"subscribe {channel}", "subscribed")
    client.ask(f"publish {channel}", "1")
    client.ask("park", "parked")
    client.expect("got news")
    client.ask("doze 5", "parked")
    client.expect("idle")
    client.ask("say goes on", "goes on")


def parked_alone(trial):
    """What it has sent to itself wakes it, or the time."""
    again(trial, "parked", wakes_itself)


def is_woken(trial):
    with Lines(trial.server.address) as client:
        wake_it(trial, client)


def wake_it(trial, client):
    channel = f"all-{next(numbers)}"
    client.ask(f"subscribe {channel}", "subscribed")
    ref = client.ask("ref")
    client.ask("park", "parked")
    wake(trial, client, f"publish {channel}", "0")
    client.expect("got news")
    wake(trial, client, f"post {ref} letter", "error ESTALE")
    client.expect("got  letter")
    client.ask("server hello", "parked")
    client.expect("got hello")
    client.ask("say goes on", "goes on")


def wake(trial, client, question, nobody):
    """Another one does; he is told when the connection has ended."""
    with Lines(trial.server.address) as other:
        other.send(question)
        if other.line(reports=nobody) == nobody:
            right(client.end() in (b"", b"bye\n"), client.data)
            raise Bye


def parked(trial):
    """Others wake it."""
    again(trial, "parked", is_woken)


def options(trial):
    with trial.asking("options"), Lines(trial.server.address) as client:
        client.ask("options", "set")
        client.ask("by 127.0.0.1:9", "set")


def spawns(trial):
    with trial.asking("spawn"), Lines(trial.server.address) as client:
        client.ask("spawn", "spawned 2")


def who(trial):
    with trial.asking("who"), Lines(trial.server.address) as client:
        client.ask("who", f"user {os.geteuid()}")


def groups(trial):
    ask_datagram(trial, "group 239.255.77.4%lo", "left")


STREAMS = [output, input_, waiting, clients, lock, messages, parked_alone]
TOGETHER = [parked]  # where several are served at once


def datagrams(trial):
    ask_datagram(trial, "say hello", "hello")
    ask_datagram(trial, "format 9000", f"{7:>9000}")
    ask_datagram(trial, "sleep 1", "slept")


def datagrams_ask(trial):
    addresses = oracle()
    ask_datagram(trial, "offload", "7")
    ask_datagram(trial, "poll 100", "1 ready")
    ask_datagram(trial, "stream " + addresses["tcp"], "answer")
    ask_datagram(trial, "datagram " + addresses["datagram"], "answer")


DATAGRAMS = [datagrams, datagrams_ask]

MIXINS = {"sequential": ("", 0), "threading": ("Threading", 0), "threadpool": ("ThreadPool", 2), "forking": ("Forking", 0),
          "preforking": ("Preforking", 2), "eventloop": ("EventLoop", 0), "eventloop-2": ("EventLoop", 2),
          "preforking-eventloop": ("PreforkingEventLoop", 2), "preforking-threading": ("PreforkingThreading", 2)}


def classes(server, address, without=()):
    """The arguments for each composition with a class of servers."""
    return {name: [mixin + server, address, f"workers={workers}"] for name, (mixin, workers) in MIXINS.items()
            if name not in without}


def samples(server, without=()):
    """The same for samples, which inherit their sockets."""
    return {name: [address, cls] for name, (cls, address, _) in classes(server, "{fd}", without).items()}

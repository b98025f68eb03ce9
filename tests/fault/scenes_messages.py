# SPDX-License-Identifier: MIT
"""What is asked of tests/http/messages.c and upgrade.c while calls fail: messages of HTTP's requests, and connections that
leave HTTP."""

import functools
import itertools
import select

import wire
from lines import ATTEMPTS, Bye, again, oracle
from trial import Reported, right

numbers = itertools.count()  # what is said is new each time
ASK = {"connection": "Upgrade", "upgrade": "lines/1"}


def client_of(trial):
    return wire.Client(trial.server.address, limit=10)


def number_of(response):
    """What an answer says, where an error of a function of messages is a negative number."""
    number = int(response.text)
    if number < 0:
        raise Reported(response.text)
    return number


def subscribed(trial):
    """A subscription of a request's ends with its answer, at the latest with its connection."""
    with trial.asking("subscribe"):
        right(number_of(trial.ask("GET", "/subscribe")) == 1)
    with trial.asking("publish"):
        right(number_of(trial.ask("GET", "/publish")) in (0, 1))


def post(trial, ref):
    """Until that has worked: who waits for a message only waits on, also when his client has gone."""
    for _ in range(ATTEMPTS):
        with trial.asking("post"):
            return number_of(trial.ask("GET", f"/post/{ref}"))
    return None


def late(trial):
    """What another request posts is the end of the answer."""
    with trial.asking("late"), client_of(trial) as waiting:
        waiting.send(wire.request(path="/wait"))
        head = trial.accept(wire.parse_head(waiting.until(b"\r\n\r\n")))
        right(head.get("Transfer-Encoding") == "chunked", head)
        waiting.until(b"\r\n")
        ref = waiting.until(b"\n\r\n").decode()
        post(trial, ref)
        right(waiting.until(b"0\r\n\r\n") == b"4\r\nlate\r\n")


def waited_for(trial):
    """A body, piece by piece."""
    with trial.asking("POST"):
        client = trial.client
        client.send(wire.request("POST", "/", content_length="3000"))
        for _ in range(3):
            client.send(b"x" * 1000)
        right(trial.accept(client.final("POST")).text == "3000\n")


def upgrade(trial, client, path, method="GET", statuses=(101,), **fields):
    client.send(wire.request(method, path, **fields))
    head = wire.parse_head(client.until(b"\r\n\r\n"))
    return trial.accept(head, statuses)


def said(client, expected):
    """A parked connection says good-bye when it has to end."""
    ended(text := client.until(b"\n"))
    right(text == expected, text)


def ended(text):
    if text.startswith(b"bye"):
        raise Bye


def speak(path, number, trial):
    with client_of(trial) as client:
        upgrade(trial, client, path, **ASK)
        client.send(b"one\n")
        said(client, number + b"> one")
        client.send(b"quit\n")
        ended(rest := client.rest())
        right(rest == b"", rest)


def lines(trial):
    for path, number in ("/lines", b""), ("/parked", b"1"):
        again(trial, path, functools.partial(speak, path, number))


def ping(trial):
    with client_of(trial) as client:
        upgrade(trial, client, "/parked", x_idle="5", **ASK)
        said(client, b"ping")
        client.send(b"quit\n")
        ended(rest := client.rest().replace(b"ping\n", b""))
        right(rest == b"", rest)


def idle(trial):
    again(trial, "idle", ping)


def tunnel(trial):
    with trial.asking("CONNECT"), client_of(trial) as client:
        upgrade(trial, client, oracle()["tcp"], "CONNECT", (200,))
        client.send(b"question\n")
        said(client, b"answer")


def heard(client, speaker, expected):
    """It is not, when the speaker's connection has ended. What was said in an earlier conversation may come late."""
    text = b""
    while text != expected:
        right(text < expected, text)
        while b"\n" not in client.buffer and client.socket not in select.select([client.socket, speaker.socket], [], [], 10)[0]:
            if not speaker.fill():
                ended(speaker.buffer)
                raise wire.Ended(speaker.buffer)
        ended(text := client.until(b"\n"))


def converse(path, trial):
    with client_of(trial) as one, client_of(trial) as other:
        for client in one, other:
            upgrade(trial, client, path, **ASK)
            said(client, b"welcome")
        for speaker, listener in (one, other), (other, one):
            text = b"%012d" % next(numbers)
            speaker.send(text + b"\n")
            heard(listener, speaker, text)


def talk(trial):
    """What one says the other one reads."""
    for path in "/talk", "/talk-parked":
        again(trial, path, functools.partial(converse, path))


MESSAGES = [subscribed, waited_for]
MESSAGES_TOGETHER = [late]
UPGRADES = [lines, idle, tunnel]
UPGRADES_TOGETHER = [talk]

# SPDX-License-Identifier: MIT
"""What is asked of the samples while calls fail."""

import itertools
import re
import socket

import wire
from lines import Lines, ask, ask_datagram, pattern
from trial import Reported, right

numbers = itertools.count()

TCP, UDP = (socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET, socket.SOCK_DGRAM)
UNIX, UNIX_DATAGRAMS = (socket.AF_UNIX, socket.SOCK_STREAM), (socket.AF_UNIX, socket.SOCK_DGRAM)


def echo(trial):
    text = pattern(100_000).decode()
    ask(trial, ("hello", "hello"), (text, text), ("", ""))


def echo_datagrams(trial):
    ask_datagram(trial, "hello", "hello")
    ask_datagram(trial, pattern(30_000).decode(), pattern(30_000).decode())


def enter(client, name):
    client.send(name)
    until(client, rf"Your name, in 1 to 20 bytes\? Welcome, {name}. In the room: \d+.", name)


def until(client, expected, other, speaker=None):
    """Reads on: those of earlier plays may just go. When the other one has gone, or was told that nobody has heard it, nothing
    is to be expected."""
    if speaker and speaker.says("(Nobody has heard that: "):
        raise Reported("(Nobody has heard that")
    while not re.fullmatch(expected, line := client.line()):
        if line.startswith("(Nobody has heard that: "):
            raise Reported(line)
        right(re.fullmatch(r"\S+ has (left|joined). In the room: -?\d+.", line), line)
        if line.startswith(f"{other} has left"):
            raise wire.Ended(line)


def chat(trial):
    """Two in a room. How many others are there depends on who has gone without having been noticed."""
    number = next(numbers)
    names = f"one-{number}", f"other-{number}"
    with trial.asking("chat"), Lines(trial.server.address) as one, Lines(trial.server.address) as other:
        enter(one, names[0])
        enter(other, names[1])
        until(one, rf"{names[1]} has joined. In the room: \d+.", names[1], other)
        one.send("hello")
        until(other, rf"{names[0]}: hello", names[0], one)
        other.send("bye, all")
        until(one, rf"{names[1]}: bye, all", names[1], other)


def count(trial):
    """Nobody else adds anything meanwhile."""
    with trial.asking("count"):
        before = number_in(trial.ask("GET", "/"))
        trial.ask("POST", "/", b"", statuses=(303,))
        right(number_in(trial.ask("GET", "/")) == before + 1)


def number_in(response):
    return int(re.search(r"<h1>(\d+)</h1>", response.text)[1])


def greeting(trial, expected):
    """The server speaks, and ends."""
    with trial.asking("greeting"), Lines(trial.server.address) as client:
        if not client.end().endswith(b"\n"):
            raise wire.Ended(client.data)
        right(re.fullmatch(expected, client.data), client.data)


def hello(trial):
    greeting(trial, rb"Hello, 127.0.0.1:\d+\n")


def daytime(trial):
    greeting(trial, rb"\w+, \d\d \w+ \d{4} \d\d:\d\d:\d\d \S+\r\n")

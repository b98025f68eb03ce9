# SPDX-License-Identifier: MIT
"""What is asked of the samples while calls fail."""

import re
import socket

from lines import Lines, ask, ask_datagram, pattern
from trial import right

TCP, UDP = (socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET, socket.SOCK_DGRAM)
UNIX, UNIX_DATAGRAMS = (socket.AF_UNIX, socket.SOCK_STREAM), (socket.AF_UNIX, socket.SOCK_DGRAM)


def echo(trial):
    text = pattern(100_000).decode()
    ask(trial, ("hello", "hello"), (text, text), ("", ""))


def echo_datagrams(trial):
    ask_datagram(trial, "hello", "hello")
    ask_datagram(trial, pattern(30_000).decode(), pattern(30_000).decode())


def prompted(client, text, *answers):
    client.send(text)
    for answer in answers:
        right(re.fullmatch(answer, line := client.line()), line)


def chat(trial):
    """Two in a room. How many others are there depends on who has gone without having been noticed."""
    with trial.asking("chat"), Lines(trial.server.address) as one, Lines(trial.server.address) as other:
        prompted(one, "one", r"Your name, in 1 to 20 bytes\? Welcome, one. In the room: \d+.")
        prompted(other, "other", r"Your name, in 1 to 20 bytes\? Welcome, other. In the room: \d+.")
        until(one, r"other has joined. In the room: \d+.")
        one.send("hello")
        until(other, r"one: hello")
        other.send("bye")
        until(one, r"other: bye")


def until(client, pattern_):
    """Reads on: others may have come and gone. Who is told that nobody has heard him has an answer."""
    while not re.fullmatch(pattern_, line := client.line()):
        right(re.fullmatch(r"\w+ has (left|joined). In the room: -?\d+.", line), line)


def count(trial):
    """Nobody else adds anything meanwhile."""
    with trial.asking("count"):
        before = number_in(trial.ask("GET", "/"))
        trial.ask("POST", "/", b"", statuses=(303,))
        right(number_in(trial.ask("GET", "/")) == before + 1)


def number_in(response):
    return int(re.search(r"<h1>(\d+)</h1>", response.text)[1])


def hello(trial):
    with trial.asking("hello"), Lines(trial.server.address) as client:
        right(re.fullmatch(rb"Hello, 127.0.0.1:\d+\n", client.end()), client.data)


def daytime(trial):
    with trial.asking("daytime"), Lines(trial.server.address) as client:
        right(re.fullmatch(rb"\w+, \d\d \w+ \d{4} \d\d:\d\d:\d\d \S+\r\n", client.end()), client.data)


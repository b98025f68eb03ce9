# SPDX-License-Identifier: MIT
"""What is asked of tests/http/events.c and polls.c while calls fail: streams of events, and requests that are answered
later. A stream has no end of its own: when it has ended, its client knows that it has to connect again."""

import functools
import itertools
import select

import wire
from event_stream import EventStream
from lines import Bye, again
from scenes_messages import client_of, number_of, post
from trial import Reported, right

numbers = itertools.count()  # what is said is new each time


class Stream(EventStream):
    """One that is parked may end well at any time: see lines.again."""

    def more(self):
        if not super().more():
            raise Bye
        return True


def opened(trial, client, path, made_of=EventStream, **fields):
    return made_of(client, path, accept=trial.accept, **fields)


def ticks(trial):
    for version in "HTTP/1.1", "HTTP/1.0":
        with trial.asking(f"ticks by {version}"), client_of(trial) as client:
            stream = opened(trial, client, "/ticks?n=2&ms=1&retry=5", version=version)
            right([stream.hear() for _ in range(2)] == [("tick", "1"), ("tick", "2")] and stream.parser.retry == 5)
            right(stream.ends() or version == "HTTP/1.0")


def long_ticks(trial):
    with trial.asking("long ticks"), client_of(trial) as client:
        stream = opened(trial, client, "/ticks?n=2&ms=1&width=600")
        right([stream.hear() for _ in range(2)] == [("tick", "1".zfill(600)), ("tick", "2".zfill(600))] and stream.ends())


def beat(trial):
    with client_of(trial) as client:
        stream = opened(trial, client, "/class/beating", Stream)
        stream.more()
        right(stream.raw == ": \n\n", stream.raw)


def beats(trial):
    again(trial, "heartbeats", beat)


def receive_post(path, trial):
    with client_of(trial) as client:
        stream = opened(trial, client, path, Stream)
        post(trial, stream.hear().data)
        right(stream.hear() == ("news", "posted"), stream.raw)


def posted(trial):
    """To a stream in straight code, and to one that is parked."""
    for path in "/room", "/class":
        again(trial, path, functools.partial(receive_post, path))


def follow(style, text, trial):
    with client_of(trial) as client:
        stream, heard = opened(trial, client, style, Stream), []
        while (event := stream.hear()).event == "news":
            heard.append(event.data)
        if int(event.data) < 0:
            raise Reported(event.data)
        right(text is None or text in heard[-1:], heard)


def followed(trial):
    """What is kept is sent to whoever comes."""
    text, kept = f"{next(numbers):012}", None
    with trial.asking("keep"):
        kept = text if number_of(trial.ask("POST", "/keep", text.encode())) >= 0 else None
    for style in "/follow?all", "/follow/class?all":
        again(trial, style, functools.partial(follow, style, kept))


def over(trial):
    """The time of a request is over."""
    with trial.asking("poll"):
        response = trial.ask("GET", "/poll?ms=1", x_one="1")
        right(response.text == "none|-|GET|/poll?ms=1|localhost|GET /poll?ms=1 HTTP/1.1|2|1|-|1|0", response)


def told(trial):
    """A message comes for it; or it is answered without one, when somebody else needs its place."""
    text = f"{next(numbers):012}"
    with trial.asking("poll"), client_of(trial) as waiting:
        waiting.send(wire.request(path="/poll"))
        while not select.select([waiting.socket], [], [], 0)[0]:
            with trial.asking("publish"):
                right(number_of(trial.ask("GET", f"/publish/{text}")) in (0, 1))
        response = trial.accept(waiting.final())
        right(response.text.startswith((f"{text}|room|GET|/poll|localhost|", "none|-|GET|/poll|localhost|")), response)


EVENTS = [ticks, beats]
EVENTS_OF_A_LOOP = [long_ticks]
EVENTS_TOGETHER = [posted, followed]
POLLS = [over]
POLLS_TOGETHER = [told]

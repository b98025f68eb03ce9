# SPDX-License-Identifier: MIT
"""The wall clock jumps while the server runs: dates follow it, and no wait does."""

import calendar
import email.utils
import os
import re
import signal
import time

import programs
import pytest
import wire
from clock import DAY

EPOCH = "1970-01-01 00:00:00"
JUMPS = [DAY, -DAY, 68 * 365 * DAY, 1000 - int(time.time())]


def seconds_of(date):
    return email.utils.parsedate_to_datetime(date).timestamp()


def check_dates(clock, response):
    date = seconds_of(response.get("Date"))
    assert clock.shows(date)
    assert seconds_of(response.get("Last-Modified")) <= date


def test_dates_follow_the_clock(httpserver, root, clock, mixin):
    """Date, Last-Modified, which is never later (RFC 9110 8.8.2.1), and the log; also when it comes back."""
    (root / "file.txt").write_text("file")
    os.utime(root / "file.txt", (time.time() - 3600, time.time() - 3600))
    server = httpserver("--sandbox=off", *mixin, **clock.environment)
    with server.client() as client:
        for seconds in [0, *JUMPS, 0]:
            clock.jump(seconds)
            response = client.ask(path="/file.txt")
            check_dates(clock, response)
            modified, etag = response.get("Last-Modified"), response.get("ETag")
            assert client.ask(path="/file.txt", if_modified_since=modified).status == 304
            assert client.ask(path="/file.txt", if_modified_since="Fri, 31 Dec 9999 23:59:59 GMT").status == 304
            assert client.ask(path="/file.txt", if_modified_since="Thu, 01 Jan 1970 00:00:00 GMT").status == 200
            assert client.ask(path="/file.txt", if_none_match=etag).status == 304
            assert client.ask(path="/file.txt", if_range=etag, range="bytes=1-2").body == b"il"
    server.stop()
    times = re.findall(r"\[(.*?)\] .*200 4$", server.log, re.MULTILINE)
    assert len(times) == 2 * 6
    assert clock.shows(calendar.timegm(time.strptime(times[-1], "%d/%b/%Y %H:%M:%S")))


def test_file_that_is_changed_while_the_clock_is_wrong(httpserver, root, clock):
    """Its new content is sent at once, whatever the times say."""
    server = httpserver("--sandbox=off", **clock.environment)
    for seconds, text in [(0, "one"), (DAY, "two"), (-DAY, "six"), (0, "ten")]:
        clock.jump(seconds)
        (root / "file.txt").write_text(text)
        for _ in range(2):
            assert server.ask(path="/file.txt").text == text


def test_first_second_of_1970(httpserver, root, clock):
    """A machine without a clock of its own may have begun there."""
    (root / "file.txt").write_text("file")
    clock.stop_at(EPOCH)
    server = httpserver("--sandbox=off", **clock.environment)
    response = server.ask(path="/file.txt")
    assert response.get("Date") == response.get("Last-Modified") == "Thu, 01 Jan 1970 00:00:00 GMT"
    server.stop()
    assert "[01/Jan/1970 00:00:00]" in server.log


def test_time_outs(probe, clock, mixin):
    """Idle connections stay for as long as ever, and no longer; a handler sleeps as long as it wants; half a request is given
    up when its time is over."""
    server = probe("idle_timeout=20000", "head_timeout=200", *programs.as_settings(mixin), **clock.environment)
    with server.client() as client:
        for jump in JUMPS:
            clock.jump(jump)
            assert client.is_silent(0.02)
            client.send("GET /slow?40 HTTP/1.1\r\nHost: x\r\n\r\n")
            clock.jump(0)
            assert client.response().text == "slept"
        client.send("GET /slow")
        clock.jump(-DAY)
        assert client.response().status == 408 and client.ends()


def test_idle_connections_end(probe, clock, mixin):
    server = probe("idle_timeout=400", *programs.as_settings(mixin), **clock.environment)
    with server.client() as client:
        assert client.ask(path="/ignore").status == 200
        clock.jump(-DAY)
        assert client.ends()


@pytest.mark.parametrize("seconds, jump", [(20, DAY), (0.1, -DAY)])
def test_drain(probe, clock, seconds, jump, mixin):
    """It waits for what is in progress, and no longer than shutdown_timeout."""
    server = probe(f"shutdown_timeout={seconds * 1000:.0f}", *programs.as_settings(mixin), **clock.environment)
    with server.client() as client:
        client.send(wire.request(path="/slow?" + ("100" if seconds > 1 else "100000")))
        server.wait_until_it_waits()
        server.send_signal(signal.SIGTERM)
        clock.jump(jump)
        if seconds > 1:
            assert client.response().text == "slept"
        server.check(server.wait())


def test_uploads(httpserver, root, clock, mixin):
    """No name of a part, and no lock, depends on the time."""
    server = httpserver("--sandbox=off", "--upload", *mixin, **clock.environment)
    for number, seconds in enumerate(JUMPS):
        clock.jump(seconds)
        assert server.ask("PUT", "/new.txt", b"%d" % number).status in (201, 204)
        assert server.ask(path="/new.txt").body == b"%d" % number
    assert os.listdir(root) == ["new.txt"]

# SPDX-License-Identifier: MIT
"""Lets each call of a scene fail, one after the other, and looks at what becomes of it.

A scene is run once to see which calls it makes; then, for each of them and each error that it may have, once more with this
call failing, once and as the first of a burst; and then with nothing failing, which must be served, with nothing left.

What is only called when another call has failed is found on the way, and fails then together with it."""

import collections
import time

import errors
import programs
import wire
from trial import ALLOWED, TOLD, Trial

BURST = 16
SPARE_THREADS = 4
LEAKS = 4
PAUSE = 3  # ms, and more
LOOK, OFTEN = 0.01, 0.004  # seconds; that often nothing may happen while nobody asks for anything
MARGIN = 4  # calls at either end of a loop

# A call that may fail: the n-th one at a place. `name` is the place's.
# `after`: the case that leads there, and fails before it; None where nothing else fails.
Case = collections.namedtuple("Case", "place call name n error count after", defaults=[None])
# What became of a case: `outcome` is one of trial's, and `detail` says more.
Result = collections.namedtuple("Result", "scene composition case outcome detail")


class Exploration:
    """A scene of a subject under a composition."""

    def __init__(self, subject, composition, scene):
        self.subject, self.composition, self.scene = subject, composition, scene
        self.state = subject.state
        self.seen = set()  # names of places that have failed
        self.known = set()  # names of places where something has been called
        self.further = []  # cases that others lead to

    # ------------------------------------------------------------ which calls there are

    def play(self, failing=""):
        trial = Trial(self.subject.server, self.subject.root, failing)
        try:
            self.scene(trial)
        finally:
            trial.close()
        return trial.outcomes

    def rehearse(self):
        """Twice, as the first time some things are made that stay. All must be served."""
        self.subject.start()
        for _ in range(2):
            outcomes = self.play()
            assert all(outcome == "served" for _, outcome, _ in outcomes), (self.scene.__name__, self.composition, outcomes)
        self.settle()
        self.look()
        self.state.forget()
        self.state.record(True)
        self.play()
        self.settle()
        self.state.record(False)
        assert not self.state.overflowed
        return self.cases()

    def cases(self):
        names = self.state.names
        calls = collections.Counter()  # of each kind, until now
        begins = {}  # with which of them the calls of a place begin
        counts = collections.Counter()  # of a place
        for event in self.state.events():
            calls[event.call] += 1
            if self.subject.lacks(event):
                continue
            counts[event.place, event.call] += 1
            self.known.add(self.subject.places.name(event.place))
            begins.setdefault((event.place, event.call), calls[event.call])
        for (place, call), count in sorted(counts.items()):
            name = self.subject.places.name(place)
            for rank, error in enumerate(errors.of(names[call]) if name else ()):
                for n in some_of(count) if rank == 0 else sorted({1, count}):
                    yield Case(place, call, name, n, error, 1)
                if (names[call], error) not in errors.ONCE:
                    yield Case(place, call, name, begins[place, call], error, BURST)

    # ------------------------------------------------------------ what becomes of them

    def run(self, case):
        """The result of a case; None where its call was not made."""
        before = self.subject.logs()
        outcomes, failed, rests = self.play_with(case)
        if not has_failed(case, failed):
            return None
        outcome, detail = self.judge(case, outcomes, failed, before)
        if not rests:
            outcome = "spin"
        if outcome in ALLOWED:
            outcome, detail = self.afterwards(case, outcome, detail)
        if outcome not in ALLOWED:
            detail += "\n" + self.subject.said(before)[-600:]
            self.subject.restart()
            self.play()
            self.play()
            self.settle()
            self.look()
        return Result(self.scene.__name__, self.composition, case, outcome, detail)

    def play_with(self, case):
        """The outcomes with the case's calls failing, what has failed, and whether the server rests then."""
        self.fail(case)
        outcomes = self.play(case.name)
        rests = self.settle()
        self.no_more()
        return outcomes, self.failed(case), rests

    def fail(self, case):
        """From now on the case's calls fail."""
        self.state.forget()
        for slot, one in enumerate(filter(None, (case, case.after))):
            self.state.fail(one.call, errors.number(one.error), one.n, one.count, one.place if one.count == 1 else 0, slot)
        self.state.record(not case.after)

    def no_more(self):
        """From now on nothing fails."""
        self.state.clear(0)
        self.state.clear(1)
        self.state.record(False)

    def failed(self, case):
        """What has failed since then."""
        failed = []
        for event in self.state.events():
            if event.error and not self.subject.lacks(event):
                failed.append(event)
            elif failed and not case.after:
                self.follow(case, event)
        self.seen |= {name for event in failed if (name := self.subject.places.name(event.place))}
        return failed

    def follow(self, case, event):
        """A place that is known from nothing else is to fail after this case, once."""
        name = self.subject.places.name(event.place)
        if name and name not in self.known and not self.subject.lacks(event):
            self.known.add(name)
            error = errors.of(self.state.names[event.call])[0]
            self.further.append(Case(event.place, event.call, name, 1, error, 1, case))

    def is_told(self, before):
        """Whether the log says that something has failed; it may be written a while later."""
        try:
            return wire.wait_until(lambda: TOLD.search(self.subject.said(before)), 2)
        except AssertionError:
            return False

    def end(self):
        """The server is told to end. What it has lost is found then."""
        try:
            self.subject.server.stop()
        except AssertionError as error:
            case = Case(0, 0, "the server ends", 0, "", 1)
            return [Result(self.scene.__name__, self.composition, case, "stop", str(error)[-2000:])]
        return []

    def judge(self, case, outcomes, failed, before):
        worst = max(outcomes, key=lambda o: (o[1] not in ALLOWED, o[1] == "cut", o[1] == "5xx"))
        what, outcome, detail = worst
        of_peers = case.error in errors.OF_PEERS or (case.after and case.after.error in errors.OF_PEERS)
        if outcome == "4xx" and of_peers:
            outcome = "cut"  # the client has failed: 408 where its connection has timed out
        calls = {self.state.names[event.call] for event in failed}
        made_room = "accept4" in calls and detail.startswith("Idle(")  # for another connection
        if outcome == "cut" and not of_peers and not made_room and not is_mute(case) and not self.is_told(before):
            outcome = "silent"
        if outcome == "served" and errors.LOST & calls:
            outcome = "silent"
        if outcome in ALLOWED and hurries(event for event in failed if self.is_paused(event)):
            outcome = "spin"
        return outcome, f"{what}: {detail}"

    def is_paused(self, event):
        """Whether the call is only made again after a while."""
        return any(event.error == errors.number(error) for call, error in errors.PAUSED if call == self.state.names[event.call])

    def afterwards(self, case, outcome, detail):
        """All is well again."""
        if self.subject.server.process.poll() is not None:
            return "gone", f"status {self.subject.server.process.returncode}"
        if self.wakes():
            return "spin", "it wakes up again and again"
        bad = [o for o in self.play() if o[1] != "served"]
        if bad:
            return "after", f"{bad[0]} (before: {outcome}, {detail})"
        left = self.leaks(case)
        if left:
            return "leak", f"{left} (before: {outcome}, {detail})"
        if programs.REPORT.search(self.subject.server.log):
            return "report", ""
        return outcome, detail

    def leaks(self, case):
        """What is left, and is more each time. What each process or thread makes once, when it is needed, is no leak."""
        for _ in range(LEAKS):
            left = self.left()
            if not left:
                return ""
            self.look()
            self.play_with(case)
            self.play()
        return left

    def look(self):
        """What it holds when all is well. A thread that writes the log or calls what blocks stays for a while."""
        descriptors, threads, processes = self.subject.holdings()
        self.holdings = descriptors, threads + SPARE_THREADS, processes

    def left(self):
        """What there is more of than there should be, after a while."""
        deadline = time.monotonic() + 3
        while True:
            now = self.subject.holdings()
            more = [f"{n} {what}, and not {most}" for what, most, n in
                    zip(("descriptors", "threads", "processes"), self.holdings, now) if n > most]
            if not more or time.monotonic() > deadline:
                return ", ".join(more)
            time.sleep(0.01)

    def wakes(self):
        """Whether a thread does so all the time, if only after a millisecond: a short look, and a longer one where that has
        found something."""
        return self.subject.wakes(LOOK) * OFTEN >= LOOK and self.subject.wakes(10 * LOOK) * OFTEN >= 10 * LOOK

    def settle(self):
        """Waits until what a scene has begun is over: the server rests. False: it does not."""
        before, deadline = -1, time.monotonic() + 5
        while before != (now := self.subject.time()) or self.subject.runs():
            if time.monotonic() > deadline:
                return False
            before = now
            time.sleep(0.002)
        return True


# What tells of a failure, and what is done when the answer was sent already, so that only its end may be lost.
MUTE = ("handlers/log/", "framework/net/tcp.c linger", "framework/server/idle.c socket_has_input")


def is_mute(case):
    """Whether nobody needs to be told."""
    return any(one.name.split()[2] in ("fprintf", "fwrite") or one.name.startswith(MUTE)
               for one in (case, case.after) if one)


def has_failed(case, failed):
    return bool(failed) and (not case.after or any(event.place == case.place for event in failed))


def hurries(failed):
    """Whether a thread has made these calls one after the other, without a pause. (One pause may be what fails.)"""
    times = collections.defaultdict(list)
    for event in failed:
        times[event.thread].append(event.time)
    return any(len(of) >= BURST // 2 and of[-1] - of[0] < PAUSE * (len(of) - 2) for of in times.values())


def some_of(count):
    """The numbers of those calls of a place that are to fail; where there are many, some at both ends and in between."""
    if count <= 3 * MARGIN:
        return range(1, count + 1)
    between = range(MARGIN + 1, count - MARGIN + 1, (count - 2 * MARGIN + MARGIN - 1) // MARGIN)
    return [*range(1, MARGIN + 1), *between, *range(count - MARGIN + 1, count + 1)]

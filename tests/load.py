# SPDX-License-Identifier: MIT
"""Clients that verify every byte: many at once, each doing at random what real ones do.

    site = load.Site(root, seed)
    server = httpserver(*load.OPTIONS)
    with load.Crowd(server, site, seed) as crowd:
        crowd.wait_for(500)
    crowd.check()
    site.check()

Whatever happens to the server meanwhile, an answer is right, or says 5xx, or is cut so that its reader can tell. All else is
WRONG, or HUNG.
"""

import collections
import contextlib
import os
import random
import threading
import time
import traceback

import programs
import wire
from deeds import DEEDS, Refused, digest, right
from uploads import tree

OPTIONS = ["--upload", "--on-duplicate", "overwrite", "-q"]  # that httpserver needs for all that the clients do
OK, REFUSED, CUT, WRONG, HUNG = "ok", "refused-5xx", "cut", "WRONG", "HUNG"
SIZES = (0, 1, 1 << 10, 1 << 14, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, 300_000, 3 << 20)
TEXTS = (200, 5000, 60_000)

# What came of one deed. `received`: bytes of the answer that was cut; `port`: the client's own; `sent`: when the last request
# had been sent, time.monotonic(); `reused`: the connection had carried an answer before, so that the server may have closed
# it while the request was on its way.
Result = collections.namedtuple("Result", "kind outcome detail received port sent reused")


# ---------------------------------------------------------------- what is served


class Site:
    """The files of a directory and their content, which is random but for the seed; and what may be found of uploads."""

    def __init__(self, root, seed, sizes=SIZES):
        self.root, self.files = root, {}
        self.sizes_may_lack = False  # in listings, where calls fail
        self.stored = {}  # path: the digests of what may be there; None: nothing
        self.lock = threading.Lock()
        rng = random.Random(seed)
        for name in "files", "up":
            (root / name).mkdir()
        for size in sizes:
            self.add(f"{size}.bin", rng.randbytes(size))
        for size in TEXTS:
            self.add(f"{size}.txt", bytes(rng.choices(b"etaoin \n", k=size)))

    def add(self, name, data):
        (self.root / "files" / name).write_bytes(data)
        self.files["/files/" + name] = data

    def names_and_sizes(self):
        return {(path.rpartition("/")[2], len(data)) for path, data in self.files.items()}

    @contextlib.contextmanager
    def storing(self, contents):
        """Meanwhile an upload of {path: data} is in progress. Nothing is there of one that was refused, and nobody knows of
        one that was cut."""
        with self.lock:
            before = {path: self.stored.get(path, {None}) for path in contents}
            for path, data in contents.items():
                self.stored[path] = before[path] | {digest(data)}
        try:
            yield
        except Refused:
            with self.lock:  # but some files of a form may be
                self.stored.update(before if len(contents) == 1 else {})
            raise
        with self.lock:
            self.stored.update({path: {digest(data)} for path, data in contents.items()})

    def check(self, root=None):
        """To be called when nobody stores anything: each file is there as a whole or not at all, and no other one is."""
        root = str(root or self.root)
        found = {b"/" + name for name in tree(root) if os.path.isfile(os.path.join(os.fsencode(root), name))}
        right(found <= {os.fsencode(path) for path in (*self.stored, *self.files)}, f"left behind: {found}")
        for path, digests in self.stored.items():
            try:
                with open(root + path, "rb") as file:
                    data = file.read()
            except FileNotFoundError:
                data = None
            right((data if data is None else digest(data)) in digests,
                  f"{path} is there with {'nothing' if data is None else len(data)}, not one of {digests}")


# ---------------------------------------------------------------- a connection


class Client(wire.Client):
    """One that knows how much of an answer has come, and can be slow."""

    def __init__(self, address, **options):
        self.came = self.began = self.answers = self.sent = 0
        self.was_reset, self.was_used, self.most, self.pause = False, False, 1 << 18, None
        super().__init__(address, **options)
        self.port = self.socket.getsockname()[1] if isinstance(address, tuple) else 0

    @property
    def received(self):
        """Bytes of the answer that is being read."""
        return self.came - self.began

    def send(self, data):
        self.was_used = self.answers > 0
        super().send(data)
        self.sent = time.monotonic()
        return self

    def fill(self):
        if self.pause:
            time.sleep(self.pause())
        try:
            data = self.socket.recv(self.most)
        except ConnectionResetError:
            data, self.was_reset = b"", True
        self.came += len(data)
        self.buffer += data
        self.closed = not data
        return bool(data)

    def response(self, method="GET"):
        self.began = self.came - len(self.buffer)
        response = super().response(method)
        self.began = self.came - len(self.buffer)
        return response


# ---------------------------------------------------------------- one who uses it


class User(threading.Thread):
    """A thread that does the deeds of `kinds` in random order, on connections that are kept for a while."""

    def __init__(self, crowd, number, kinds):
        super().__init__(name=f"user {number}", daemon=True)
        self.crowd, self.site, self.number, self.kinds = crowd, crowd.site, number, kinds
        self.rng = random.Random(f"{crowd.seed} {number}")
        self.kind, self.client, self.uploads, self.served = None, None, 0, True

    def run(self):
        while self.served and not self.crowd.ended.is_set():
            self.kind = self.rng.choice(self.kinds)
            self.visit()
        self.leave()

    def visit(self):
        outcome, detail = self.do()
        client = self.client
        about = (client.received, client.port, client.sent, client.was_used) if client else (0, 0, time.monotonic(), False)
        self.crowd.note(Result(self.kind, outcome, detail, *about))
        if outcome != OK or self.rng.random() < 0.15:
            self.leave()

    def do(self):
        """Does the deed: its outcome, and what there is to say of it."""
        try:
            if not self.client:
                self.connect()
            return OK, DEEDS[self.kind](self)
        except Refused as refusal:
            return REFUSED, str(refusal)
        except TimeoutError as error:
            return HUNG, f"{error}; {self.client and self.client.received} bytes of an answer have come"
        except wire.Ended as end:
            return CUT, f"after {len(end.partial)} bytes" + ", by RST" * self.client.was_reset
        except OSError as error:
            self.served = not isinstance(error, (ConnectionRefusedError, FileNotFoundError))
            return CUT, str(error)
        except Exception:  # whichever error a wrong answer leads to
            return WRONG, traceback.format_exc(limit=-3)

    def connect(self, **options):
        self.leave()
        self.client = Client(self.crowd.address, **{**self.crowd.options, **options})

    def leave(self):
        if self.client:
            self.client.close()
        self.client = None

    # ------------------------------------------------------------ what the deeds are made of

    def choose(self, least=0, most=1 << 40, ending=""):
        """A file: its path and its content."""
        return self.rng.choice([(path, data) for path, data in self.site.files.items()
                                if least <= len(data) <= most and path.endswith(ending)])

    def ask(self, method="GET", path="/", body=None, **fields):
        self.client.send(wire.request(method, path, body, **fields))
        return self.answer(method)

    def answer(self, method="GET"):
        """The next one, which may be the last."""
        response = self.client.final(method)
        self.client.answers += 1
        if response.closes:
            right(self.client.ends(), f"more comes after {response!r}")
            self.leave()
        if response.status >= 500:
            raise Refused(f"{response.status} {response.reason}: {response.body[:100]!r}")
        return response

    def upload_names(self, count):
        """Those of uploads; some replace what is there, unless nobody knows what that is."""
        self.uploads += 1
        return [f"u{self.number}-{self.uploads // 3}-{i}" for i in range(count)]

    def content(self):
        return self.rng.randbytes(self.rng.choice((0, 1, 3000, 70_000, self.rng.randrange(600_000))))

    def slowly(self):
        """From now on it reads as somebody far away does."""
        self.connect(receive_buffer=1 << 14)
        self.client.most = 1 << self.rng.randrange(13, 17)
        self.client.pause = lambda: self.rng.uniform(0, 1e-7) * self.client.most


# ---------------------------------------------------------------- all together

READERS = ("get", "get", "head", "part", "not_modified", "compressed", "listing", "pipeline", "old")
USERS = [READERS, READERS, ("put", "post", "abort_put"), ("put", "get"), ("slow",), ("slow_pipeline", "pipeline"),
         ("abort", "idle"), ("idle",)]  # a thread each


class Crowd:
    """Users of one server. `users`: the kinds of deeds of each."""

    def __init__(self, server, site, seed, users=USERS, **options):
        self.address, self.site, self.seed = server.address, site, seed
        self.options = {"limit": programs.LIMIT, "masked": server.masked, **options}
        self.ended = threading.Event()
        self.counts, self.faults = collections.Counter(), []  # (kind, outcome): how often; all results that are not ok
        self.lock = threading.Lock()
        self.users = [User(self, number, kinds) for number, kinds in enumerate(users)]
        print(f"seed {seed}")  # which pytest shows when the test fails

    def __enter__(self):
        for user in self.users:
            user.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def note(self, result):
        with self.lock:
            self.counts[result.kind, result.outcome] += 1
            if result.outcome != OK:
                self.faults.append(result)

    def number(self, outcome=OK):
        with self.lock:
            return sum(count for (_, of), count in self.counts.items() if of == outcome)

    def wait_for(self, count, outcome=OK):
        """Until so many more deeds have had this outcome."""
        wanted = self.number(outcome) + count
        wire.wait_until(lambda: self.number(outcome) >= wanted or self.is_worthless(), self.options["limit"])

    def is_worthless(self):
        """Something was wrong, or nobody is served any more."""
        return self.number(WRONG) or self.number(HUNG) or not any(user.is_alive() for user in self.users)

    def stop(self):
        """Returns when all have ended what they were at."""
        self.ended.set()
        for user in self.users:
            user.join(2 * self.options["limit"])
            if user.is_alive():
                self.note(Result(user.kind, HUNG, "has not ended", 0, 0, 0, False))

    def wait_until_gone(self):
        """Until nobody is served any more, as after the end of the server."""
        for user in self.users:
            user.join(2 * self.options["limit"])
        self.stop()

    def check(self, *allowed):
        """All was right, but for what these say of a result that was not."""
        bad = [result for result in self.faults if not any(allows(result) for allows in allowed)]
        assert not bad, f"seed {self.seed}: {len(bad)} of {sum(self.counts.values())}: " + "\n".join(map(str, bad[:8]))


def unanswered(result):
    """Nothing had come of an answer. To be allowed where a server ends."""
    return result.outcome == CUT and result.received == 0


def stale(result):
    """The same, on a connection that had been idle. To be allowed where one who is idle keeps a place from others."""
    return unanswered(result) and result.reused


def refused(result):
    return result.outcome == REFUSED


def cut(result):
    return result.outcome == CUT

# SPDX-License-Identifier: MIT
"""What becomes of requests while calls fail.

A scene is a function of a Trial: it asks, and says of each answer what would be right. Allowed is that nobody notices
("served"), a whole answer of 5xx ("5xx"), an end that the client can tell from a whole answer ("cut"), or, at its start, the
server's end with one line that says why ("told"). Everything else is a fault of the server's: see NEVER."""

import contextlib
import os
import re

import wire

LIMIT = 10  # seconds without a byte: it hangs

# What `make faults` calls them.
ALLOWED = {"served": "nobody notices", "5xx": "5xx", "cut": "closed", "told": "exit 1, and why"}
NEVER = {
    "4xx": "an answer says that the client was at fault",
    "wrong": "the bytes are others, or fewer without anybody being told",
    "malformed": "what was sent is not HTTP",
    "hang": "nothing came, and the connection stayed open",
    "silent": "something was not done, and nobody was told",
    "leak": "descriptors, threads or processes are left",
    "gone": "the server, or one of its processes, has ended",
    "spin": "the server runs although nobody asks for anything",
    "after": "what is asked when all is well again is not answered rightly",
    "half": "threads or processes are missing, and do not come",
    "refused": "nobody accepts connections",
    "start": "it did not start, and did not end with one line that says why",
    "stop": "it did not stop, or not with 0",
    "report": "a sanitizer has found something",
}


# What a log says of a request, or of the server, for which something has failed.
TOLD = re.compile(r"failed|HTTP/1\.[01]\" (5\d\d|\d+ [-\d]+ (\"[^\"]*\" \"[^\"]*\" )?\"?\w)|\"status\":5|\"error\":")


class Idle(wire.Ended):
    """A connection that was idle has ended, and nothing has come of an answer."""


class Wrong(AssertionError):
    """An answer is not what it has to be."""


def right(condition, detail=""):
    if not condition:
        raise Wrong(detail)


class Trial:
    limit = LIMIT

    def __init__(self, server, root, failing=""):
        self.server, self.root = server, root
        self.failing = failing  # the place
        self.outcomes = []  # (what was asked, what became of it, a detail)
        self._client = None

    @property
    def client(self):
        """A connection: the last one, while it is open."""
        if not self._client or self._client.closed:
            self.close()
            self._client = wire.Client(self.server.address, limit=self.limit)
        return self._client

    def close(self):
        if self._client:
            self._client.close()
        self._client = None

    @contextlib.contextmanager
    def asking(self, what):
        """What is asked within, and what becomes of it."""
        kept = self._client
        try:
            yield
            self.note(what, "served")
        except (ConnectionRefusedError, FileNotFoundError) as error:
            self.fail(what, "refused", error)
        except (wire.Ended, ConnectionError) as error:
            idle = kept and kept is self._client and getattr(error, "partial", None) == b""
            self.fail(what, "cut", Idle(b"") if idle else error)
        except TimeoutError as error:
            self.fail(what, "hang", error)
        except wire.Malformed as error:
            self.fail(what, "malformed", error)
        except Refused as error:
            status = error.response.status  # 408 answers ETIMEDOUT, by which a client is given up that is there no more
            self.fail(what, "5xx" if status >= 500 else "cut" if status == 408 else "4xx", error.response)
        except Reported as error:
            self.fail(what, "5xx", error)
        except (Wrong, AssertionError) as error:
            self.fail(what, "wrong", error)

    def note(self, what, outcome, detail=""):
        self.outcomes.append((what, outcome, str(detail)[:300]))

    def fail(self, what, outcome, detail):
        self.note(what, outcome, repr(detail))
        self.close()

    def ask(self, method, path, body=None, statuses=(200,), **fields):
        """The answer, which has one of these statuses. To be called within asking()."""
        response = self.exchange(method, path, body, fields)
        if response.closes:
            self.client.closed = True
        return self.accept(response, statuses)

    def exchange(self, method, path, body, fields):
        """A connection that is idle may have to make room for others: as each client of HTTP does, what is safe is then
        asked once more, and what is not safe is asked on a connection that has not ended."""
        kept = self._client and not self._client.closed
        safe = method in ("GET", "HEAD")
        if kept and not safe and self._client.is_over():
            self.close()
        try:
            return self.client.ask(method, path, body, **fields)
        except (wire.Ended, ConnectionError) as error:
            if not kept or not safe or getattr(error, "partial", b""):
                raise
        self.close()
        return self.client.ask(method, path, body, **fields)

    @staticmethod
    def accept(response, statuses=(200,)):
        if response.status in statuses:
            return response
        if response.status >= 400:
            raise Refused(response)
        raise Wrong(response)

    def get(self, path, body, method="GET", statuses=(200,), **fields):
        """One exchange, whose answer is to have this body."""
        with self.asking(f"{method} {path}"):
            response = self.ask(method, path, None, statuses, **fields)
            right(response.body == body, response)

    def stored(self, name):
        """What lies in the directory that is served; None: nothing."""
        try:
            with open(os.path.join(self.root, name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None


class Reported(Exception):
    """The answer says that something has failed, in a protocol that is not HTTP."""


class Refused(Exception):
    def __init__(self, response):
        super().__init__(repr(response))
        self.response = response

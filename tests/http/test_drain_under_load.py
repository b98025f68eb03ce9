# SPDX-License-Identifier: MIT
"""The end comes at a random moment, while many download and upload: what has begun is brought to its end, each byte of it."""

import random
import signal
import time

import load
import mixins
import programs
import pytest

MIXINS = {**mixins.MIXINS, "preforking-threading": ["--mixin", "preforking,threading", "--workers", "2"]}
CASES = [(name, signal.SIGTERM) for name in MIXINS] + [(name, signal.SIGINT) for name in ("threading", "preforking-eventloop")]
if programs.TSAN:  # under which a signal is for a server that rests
    CASES = []
elif programs.SANITIZED:
    CASES = [(name, signal.SIGTERM) for name in MIXINS if name not in ("eventloop", "preforking", "sequential")]
ALL_AT_ONCE = [*load.USERS, ("pipeline",), ("slow_pipeline",), ("put", "post"), ("idle",)]


@pytest.mark.parametrize("name, number", CASES, ids=lambda value: getattr(value, "name", value))
def test_drain_under_load(httpserver, root, name, number):
    seed = random.randrange(1 << 32)
    site = load.Site(root, seed)
    server = httpserver(*load.OPTIONS, *MIXINS[name])
    with load.Crowd(server, site, seed, ALL_AT_ONCE) as crowd:
        crowd.wait_for(20)
        time.sleep(random.Random(seed).uniform(0, 0.1))
        signaled = time.monotonic()
        server.send_signal(number)
        crowd.wait_until_gone()
    server.check(server.wait())
    crowd.check(lambda result: load.unanswered(result) and result.sent > signaled,
                *([load.stale] if name in mixins.ONE_BY_ONE else []))
    site.check()

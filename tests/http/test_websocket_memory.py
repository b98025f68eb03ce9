# SPDX-License-Identifier: MIT
"""What a WebSocket keeps while nobody says anything: as README has it, with room for the pages that others share."""

import os
import re

import pytest
import websocket
import wire

pytestmark = pytest.mark.skipif(bool(os.environ.get("SANITIZE")), reason="sanitizers keep more, and free later")

MANY = 300
DEFLATE = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


def own_memory(pid):
    """Bytes that are the process' own."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"^Private_Dirty:\s+(\d+)", file.read(), re.MULTILINE)[1]) * 1024


def talk(server, path, **options):
    ws = websocket.WebSocket(server.client(), path, **options)
    ws.say("word")
    if not options:
        assert ws.hear() == "word"
    return ws


@pytest.mark.parametrize("path, options, limit", [("/", {}, 1024), ("/", {"sec_websocket_extensions": DEFLATE}, 2048),
                                                  ("/straight", {}, 6144)], ids=["class", "deflate", "straight"])
def test_idle(sample, path, options, limit):
    server = sample("ws_echo", "{address}")
    first = [talk(server, path, **options) for _ in range(MANY)]
    wire.wait_until(lambda: own_memory(server.pid) < MANY * limit + (1 << 20))
    before = own_memory(server.pid)
    more = [talk(server, path, **options) for _ in range(MANY)]
    wire.wait_until(lambda: own_memory(server.pid) - before < MANY * limit)
    for ws in first[:10] + more[:10]:
        ws.say("again")
        assert options or ws.hear() == "again"

# SPDX-License-Identifier: MIT
"""Handlers that go about a response in the wrong order: the client gets an answer that is meant, or 500."""

import programs
import pytest


@pytest.mark.parametrize("path, status, body", [
    ("/not-ended?200b", 500, None), ("/not-ended?404b", 500, None), ("/not-ended?204b", 500, None), ("/not-ended?200", 500, None),
    ("/not-ended?404", 404, b""), ("/not-ended?301", 301, b""), ("/not-ended?204", 204, b""), ("/not-ended?304", 304, b""),
    ("/nothing", 500, None), ("/too-late", 200, b"2 refused, then 1"),
    ("/too-many", 200, b"first"), ("/no-status", 200, b"1"), ("/two-responses", 200, b"second")])
def test_order(probe, mixin, path, status, body):
    server = probe(*programs.as_settings(mixin))
    for method in "GET", "POST", "HEAD":
        with server.client() as client:
            response = client.ask(method, path, b"body" if method == "POST" else None)
            assert response.status == status and "X-First" not in response and "X-Late" not in response
            assert response.closes == (status == 500)
            assert method == "HEAD" or (response.body == body if body is not None else b"500" in response.body)
            if status != 500:
                assert client.ask(path="/ignore").body == b"ignored"

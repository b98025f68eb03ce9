# SPDX-License-Identifier: MIT
"""Cases of the message layer, each named by the section of the RFC that it shows, and the two things that can come of
one: it is refused, and nothing behind it is taken for a request; or it is answered, and so is what follows.

Each case is sent twice, in one piece and in two."""

import pytest
import wire

BEHIND = b"GET /behind HTTP/1.1\r\nHost: behind\r\n\r\n"
LAST = b"GET /ignore HTTP/1.1\r\nHost: last\r\nConnection: close\r\n\r\n"


def cases(names, rfc, rows):
    """parametrize: the first column of a row is the section and the name, "3.2-two-hosts"."""
    params = [pytest.param(*row[1:], id=f"{rfc}-{row[0]}") for row in rows]
    assert len({param.id for param in params}) == len(params)
    return pytest.mark.parametrize(names, params)


def to_bytes(data):
    return data if isinstance(data, bytes) else data.encode("latin-1")


def sendings(data):
    """The same bytes in one piece and in two."""
    data = to_bytes(data)
    return [data], [data[:len(data) // 2], data[len(data) // 2:]]


def post(fields, body="", path="/echo", version="HTTP/1.1"):
    """A request with these lines."""
    return to_bytes(f"POST {path} {version}\r\nHost: a\r\n{fields}\r\n\r\n") + to_bytes(body)


def get(fields, path="/reflect", version="HTTP/1.1"):
    return to_bytes(f"GET {path} {version}\r\nHost: a\r\n{fields}\r\n\r\n")


def exchanges(server, data, behind, method):
    """The answer to each sending of the data with `behind` after it, and the client, for what comes then."""
    for pieces in sendings(data):
        with wire.Client(server.address) as client:
            for piece in pieces:
                client.send(piece)
            yield client.send(behind).final(method), client


def refused(server, data, *statuses, method="GET", behind=BEHIND):
    """Answered with one of these, the connection closed, what follows not answered. Returns the last response."""
    for response, client in exchanges(server, data, behind, method):
        assert response.status in (statuses or (400,)), response
        assert response.closes, response
        assert client.ends()
    return response


def answered(server, data, status=200, method="GET", body=None):
    """Answered so, and the request behind it too. Returns the last response."""
    for response, client in exchanges(server, data, LAST, method):
        assert response.status == status, response
        assert body is None or response.body == to_bytes(body), response
        assert not response.closes, response
        assert client.response().body == b"ignored"
        assert client.ends()
    return response


def answered_last(server, data, status=200, method="GET", body=None):
    """Answered so, and then the connection ends in good order."""
    for response, client in exchanges(server, data, BEHIND, method):
        assert response.status == status, response
        assert body is None or response.body == to_bytes(body), response
        assert response.closes, response
        assert client.ends()
    return response

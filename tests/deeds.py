# SPDX-License-Identifier: MIT
"""What the clients of load.py do: one function for each kind, which gets the user who does it, and fails if anything is not as
it should be."""

import hashlib
import json
import select

import coding
import wire
from uploads import FORM, JSON, form

MANY = 40  # requests that a client sends at once, at most
DEEDS = {}


class Refused(Exception):
    """The server has said that it cannot now."""


def digest(data):
    return hashlib.sha256(data).hexdigest()


def right(condition, what):
    if not condition:
        raise AssertionError(str(what)[:500])


def expect(response, status, data):
    """A right answer with all of this."""
    right(response.status == status, f"{response!r} instead of {status}")
    right(response.body == data, f"{len(response.body)} bytes, {digest(response.body)} of {len(data)}, {digest(data)}")


def deed(function):
    DEEDS[function.__name__] = function
    return function


@deed
def get(user):
    path, data = user.choose()
    expect(user.ask(path=path), 200, data)


@deed
def old(user):
    """HTTP/1.0, and so a connection of its own."""
    path, data = user.choose()
    user.client.send(wire.request(path=path, version="HTTP/1.0"))
    expect(user.answer(), 200, data)
    right(not user.client, "the connection is kept")


@deed
def head(user):
    path, data = user.choose()
    response = user.ask("HEAD", path)
    right(response.status == 200 and response.get("Content-Length") == str(len(data)), response)


@deed
def part(user):
    path, data = user.choose(least=1)
    first = user.rng.randrange(len(data))
    last = user.rng.randrange(first, len(data))
    response = user.ask(path=path, range=f"bytes={first}-{last}")
    expect(response, 206, data[first:last + 1])
    right(response.get("Content-Range") == f"bytes {first}-{last}/{len(data)}", response)


@deed
def not_modified(user):
    path, data = user.choose()
    response = user.ask(path=path)
    expect(response, 200, data)
    if user.client:
        right(user.ask(path=path, if_none_match=response.get("ETag")).status == 304, "it is not 304")


@deed
def compressed(user):
    path, data = user.choose(ending=".txt")
    response = user.ask(path=path, accept_encoding="gzip")
    response.body = coding.body(response)
    expect(response, 200, data)


@deed
def listing(user):
    response = user.ask(path="/files/", **JSON)
    right(response.status == 200, response)
    found = {(entry["name"], entry["size"]) for entry in json.loads(response.body)["entries"]}
    sizes = dict(user.site.names_and_sizes())
    if user.site.sizes_may_lack:
        found = {(name, sizes.get(name) if size is None else size) for name, size in found}
    right(found == set(sizes.items()), found)


@deed
def pipeline(user):
    """Many requests at once, of which some may not be answered when the server closes."""
    asked = [(user.rng.choice(("GET", "GET", "HEAD")), *user.choose(most=300_000))
             for _ in range(user.rng.randrange(2, MANY))]
    user.client.send(b"".join(wire.request(method, path) for method, path, _ in asked))
    for method, _, data in asked:
        if user.client:  # it has not been said that there is no next answer
            expect(user.answer(method), 200, data if method == "GET" else b"")


@deed
def slow(user):
    user.slowly()
    for _ in range(2):
        path, data = user.choose(least=1)
        expect(user.ask(path=path), 200, data)
        if not user.client:
            break


@deed
def slow_pipeline(user):
    """What has been asked for is still to be read by the server while its answers are still to be read by the client."""
    user.slowly()
    pipeline(user)


@deed
def put(user):
    """In one piece or chunked, at once or after 100 (Continue); what was stored is what is read."""
    [name], data = user.upload_names(1), user.content()
    fields = user.rng.choice(({}, {"expect": "100-continue"}))
    body = data if user.rng.random() < 0.5 else [data[i:i + 50_000] for i in range(0, len(data), 50_000)]
    store(user, {"/up/" + name: data}, (201, 204), "PUT", "/up/" + name, body, **fields)


@deed
def post(user):
    """A form of several files."""
    contents = {name: user.content() for name in user.upload_names(user.rng.randrange(1, 4))}
    store(user, {"/up/" + name: data for name, data in contents.items()}, (200, 201), "POST", "/up/",
          form(*contents.items()), **FORM, **JSON)


def store(user, contents, statuses, *request, **fields):
    try:
        with user.site.storing(contents):
            response = user.ask(*request, **fields)
            right(response.status in statuses, response)
    except BaseException:
        user.uploads += 3  # others will have other names
        raise
    for path, data in contents.items():
        if user.client:
            expect(user.ask(path=path), 200, data)


@deed
def abort(user):
    """Goes away in the middle of an answer."""
    path, _ = user.choose(least=60_000)
    user.client.send(wire.request(path=path))
    user.client.fill()
    user.rng.choice((wire.Client.close, wire.Client.reset))(user.client)
    user.client = None


@deed
def abort_put(user):
    """Goes away in the middle of an upload, of which nothing is left."""
    [name], data = user.upload_names(1), user.rng.randbytes(200_000)
    user.uploads += 3
    user.site.stored[f"/up/{name}-"] = {None}
    user.client.send(wire.request("PUT", f"/up/{name}-", data)[:user.rng.randrange(10, 200_000)])
    user.rng.choice((wire.Client.close, wire.Client.reset))(user.client)
    user.client = None


@deed
def idle(user):
    """Says nothing for a while, before the first request or after it; what comes meanwhile is the end."""
    if user.rng.random() < 0.5:
        path, data = user.choose()
        expect(user.ask(path=path), 200, data)
    if user.client and select.select([user.client.socket], [], [], user.rng.uniform(0, 0.3))[0]:
        right(user.client.ends(), "something comes that nobody has asked for")
        user.leave()

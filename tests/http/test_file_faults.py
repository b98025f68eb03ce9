# SPDX-License-Identifier: MIT
"""Files and listings when the system fails: what is not to be had one way is had another, or the answer says so."""

import re

import programs
import pytest
import wire

NAMES = [b"%05d-%s" % (i, b"n" * 40) for i in range(1200)]  # more than one getdents64 takes


@pytest.fixture
def faulty(strace, started, tmp_path, root):
    """faulty(faults, *options): httpserver with faults that strace injects, ["sendfile:error=EINVAL"]; `path`: only into
    calls that have to do with it."""

    def start(faults, *options, path=None):
        only = ["-P", path] if path else []
        strace = ["strace", "-f", "-qq", "-DD", "-o", tmp_path / "trace", *only,
                  "-e", "trace=" + ",".join(fault.partition(":")[0] for fault in faults)]
        for fault in faults:
            strace += ["-e", f"inject={fault}"]
        server = programs.Server([*strace, programs.path_of("httpserver"), "-d", root, *options, "0"], tmp_path)
        started.append(server)
        start.trace = lambda: (tmp_path / "trace").read_text(errors="replace")
        return server.read_banner()

    return start


def fill(root, count=len(NAMES)):
    for name in NAMES[:count]:
        (root / name.decode()).touch()


# ---------------------------------------------------------------- sendfile that is not to be had


def is_sent(faulty, root, fault, *options):
    data = b"".join(b"%07d\n" % i for i in range(150_000))
    (root / "file").write_bytes(data)
    server = faulty([fault], *options)
    with server.client() as client:
        assert client.ask(path="/file").body == data
        assert client.ask(path="/file", range="bytes=100000-999999").body == data[100_000:1_000_000]
        several = client.ask(path="/file", range="bytes=0-99999,500000-599999").body
        assert data[:100_000] in several and data[500_000:600_000] in several
    assert "INJECTED" in faulty.trace()


def test_sendfile_fails_half_way(faulty, root, mixin):
    """It is read and sent instead, from where the last piece ended."""
    is_sent(faulty, root, "sendfile:error=EINVAL:when=2+", *mixin)


@pytest.mark.parametrize("error", ["EINVAL", "ENOSYS", "EOPNOTSUPP"])
@pytest.mark.parametrize("when", ["1+", "2"])
def test_sendfile_is_not_known(faulty, root, error, when):
    is_sent(faulty, root, f"sendfile:error={error}:when={when}")


# ---------------------------------------------------------------- signals


def test_interrupted_calls_are_tried_again(faulty, root, mixin):
    """The directory's own ones; three, as some come in pairs, which are made anew together."""
    fill(root, 10)
    (root / "file").write_text("file")
    calls = ("openat2", "openat", "getdents64", "fcntl", "pread64")
    server = faulty([f"{call}:error=EINTR:when=1+3" for call in calls], *mixin, path=root)
    for _ in range(3):
        response = server.ask(path="/?json")
        assert response.status == 200 and response.body.count(b'"name"') == 11
        assert server.ask(path="/file").text == "file"
    trace = faulty.trace()
    for call in calls[:4]:
        assert re.search(rf"{call}\(.*INJECTED", trace), call


# ---------------------------------------------------------------- a directory that cannot be read to its end


def is_whole(server):
    try:
        response = server.ask(path="/?json")
    except wire.Ended:
        return False
    assert response.status == 200 and response.body.count(b'"name"') == len(NAMES) or response.status >= 500
    return response.status == 200


def test_a_listing_is_whole_or_none(faulty, root, mixin):
    """Each thread and process has an error of its own, also those for one request: at its second call, in the middle of the names."""
    fill(root)
    server = faulty(["getdents64:error=EIO:when=2"], *mixin)
    assert not is_whole(server)
    if mixin[1] not in ("forking", "threading"):
        wire.wait_until(lambda: is_whole(server))


def test_a_listing_that_cannot_be_begun(faulty, root):
    fill(root, 10)
    server = faulty(["getdents64:error=EIO:when=1"])
    assert server.ask().status == 500
    assert server.ask().status == 200

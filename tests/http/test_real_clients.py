# SPDX-License-Identifier: MIT
"""Clients that others wrote, doing what people do with them: curl, wget, aria2c, git, apt, requests, http.client.

What they ask for is looked at as well as what they make of it (tests/relay.py): a client that gets no ranges, say, often
succeeds by another way.
"""

import hashlib
import http.client
import os
import random
import re
import shutil
import subprocess
import threading
import time

import programs
import pytest
import relay
import requests
import wire

LIMIT = 2 * programs.LIMIT
NO_PROXY = {name: "" for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")}


def needs(name):
    return pytest.mark.skipif(not shutil.which(name), reason=f"no {name}")


@pytest.fixture
def served(httpserver, concurrent_mixin):
    """The server, seen through a relay: served.url, .requests, .statuses, .ranges()"""
    between = relay.Relay(httpserver(*concurrent_mixin).address)
    yield between
    between.close()


@pytest.fixture
def file(root):
    """3 MB that repeat nowhere."""
    path = root / "file.bin"
    path.write_bytes(random.Random(1).randbytes(3_000_000))
    return path


def run(*argv, status=0, **more):
    result = programs.run(argv, limit=LIMIT, **{**NO_PROXY, **more})
    assert result.returncode == status, (argv, result.returncode, result.stdout[-2000:], result.stderr[-2000:])
    return result.stdout


def curl(*arguments, **more):
    return run("curl", "-q", "--noproxy", "*", "-sS", "--max-time", str(LIMIT), *arguments, **more)


# ---------------------------------------------------------------- curl


@needs("curl")
def test_curl_resumes(served, file, tmp_path):
    """RFC 9110 14.2: what is there is not sent again."""
    copy = tmp_path / "copy"
    copy.write_bytes(file.read_bytes()[:1_234_567])
    curl("-C", "-", "-o", copy, served.url + "file.bin")
    assert copy.read_bytes() == file.read_bytes()
    assert served.ranges("/file.bin") == ["bytes=1234567-"] and served.statuses == [206]


@needs("curl")
def test_curl_resumes_what_is_complete(served, file, tmp_path):
    """RFC 9110 15.5.17: nothing is left to be sent, which is no failure."""
    copy = tmp_path / "copy"
    shutil.copy(file, copy)
    curl("-C", "-", "-o", copy, served.url + "file.bin")
    assert copy.read_bytes() == file.read_bytes() and served.statuses == [416]


@needs("curl")
def test_curl_ranges(served, file):
    data = file.read_bytes()
    got = programs.run(["curl", "-q", "-sS", "--noproxy", "*", "-r", "100-299", served.url + "file.bin"], text=False).stdout
    assert got == data[100:300]
    got = programs.run(["curl", "-q", "-sS", "--noproxy", "*", "-r", "-100", served.url + "file.bin"], text=False).stdout
    assert got == data[-100:]
    got = programs.run(["curl", "-q", "-sS", "--noproxy", "*", "-i", "-r", "0-1,1000000-1000001", served.url + "file.bin"],
                       text=False).stdout
    assert b"multipart/byteranges" in got and b"\r\n\r\n" + data[:2] + b"\r\n--" in got
    assert b"\r\n\r\n" + data[1000000:1000002] + b"\r\n--" in got
    assert served.statuses[:3] == [206] * 3


@needs("curl")
def test_curl_time_condition(served, file, tmp_path):
    """RFC 9110 13.1.3"""
    copy = tmp_path / "copy"
    os.utime(file, (1_500_000_000, 1_500_000_000))
    curl("-R", "-o", copy, served.url + "file.bin")
    curl("-z", copy, "-o", copy, served.url + "file.bin")
    assert copy.read_bytes() == file.read_bytes() and served.statuses == [200, 304]
    os.utime(file)
    curl("-z", copy, "-o", copy, served.url + "file.bin")
    assert served.statuses == [200, 304, 200]


@needs("curl")
def test_curl_etag(served, file, tmp_path):
    """RFC 9110 13.1.2, of a file that changes within a second and keeps its size."""
    etag, copy = tmp_path / "etag", tmp_path / "copy"
    arguments = ["--etag-save", etag, "--etag-compare", etag, "-o", copy, served.url + "file.bin"]
    curl(*arguments)
    assert re.fullmatch('"[^"]+"\n?', etag.read_text()), "a strong one"
    curl(*arguments)
    assert served.statuses == [200, 304] and copy.read_bytes() == file.read_bytes()
    changed = file.with_name("new")
    changed.write_bytes(file.read_bytes()[::-1])
    os.utime(changed, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    changed.rename(file)
    curl(*arguments)
    assert served.statuses == [200, 304, 200] and copy.read_bytes() == file.read_bytes()


@needs("curl")
def test_curl_parallel(served, file, tmp_path):
    config = tmp_path / "config"
    config.write_text("next\n".join(f'url = "{served.url}file.bin"\noutput = "{tmp_path}/{i}"\nrange = {i}00000-{i}99999\n'
                                    for i in range(1, 10)))
    curl("--parallel", "--parallel-immediate", "-K", config)
    for i in range(1, 10):
        assert (tmp_path / str(i)).read_bytes() == file.read_bytes()[i * 100000:][:100000]


@needs("curl")
def test_curl_expects_100(probe, concurrent_mixin, tmp_path):
    """RFC 9110 10.1.1: the body is not sent before it is wanted."""
    body = tmp_path / "body"
    body.write_bytes(random.Random(2).randbytes(200_000))
    server = probe(*programs.as_settings(concurrent_mixin))
    between = relay.Relay(server.address)
    try:
        # it would go on by itself after --expect100-timeout
        curl("-H", "Expect: 100-continue", "--expect100-timeout", str(LIMIT), "--data-binary", f"@{body}", "-o",
             tmp_path / "echo", between.url + "echo")
        assert (tmp_path / "echo").read_bytes() == body.read_bytes()
        assert between.statuses == [100, 200]
        curl("-T", body, "-o", tmp_path / "echo", between.url + "echo")
        assert (tmp_path / "echo").read_bytes() == body.read_bytes()
    finally:
        between.close()


# ---------------------------------------------------------------- wget, aria2c


def tree_of(path):
    return {os.path.relpath(os.path.join(folder, name), path): open(os.path.join(folder, name), "rb").read()
            for folder, _, names in os.walk(path) for name in names}


@needs("wget")
def test_wget_mirrors(served, root, tmp_path):
    """From the listings alone, names that need escapes included; a second time nothing has changed."""
    for name in ["a.txt", "dir/b.html", "dir/deeper/c d.bin", "dir/50%.txt", "dir/a&b;c=d+e.txt", "dir/ä€.txt", "x?y#z.txt"]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"<p>{name}</p>")
    copy = tmp_path / "copy"
    command = ["wget", "--no-config", "-nv", "-r", "-l", "inf", "-N", "-np", "-nH", "--restrict-file-names=nocontrol", "-P",
               copy, served.url]
    run(*command)
    files = {name: data for name, data in tree_of(copy).items() if not name.startswith("index.html")
             and "/index.html" not in name and name != "robots.txt"}
    assert files == tree_of(root)
    seen = len(served.statuses)
    run(*command)
    again = served.statuses[seen:]
    assert again.count(304) == len(files) or again.count(200) <= 4, again


@needs("wget")
def test_wget_continues(served, file, tmp_path):
    copy = tmp_path / "file.bin"
    copy.write_bytes(file.read_bytes()[:1_000_001])
    run("wget", "--no-config", "-nv", "-c", "-P", tmp_path, served.url + "file.bin")
    assert copy.read_bytes() == file.read_bytes()
    assert served.ranges("/file.bin") == ["bytes=1000001-"] and 206 in served.statuses
    run("wget", "--no-config", "-nv", "-c", "-P", tmp_path, served.url + "file.bin")
    assert copy.read_bytes() == file.read_bytes() and served.statuses[-1] == 416


@needs("aria2c")
def test_aria2_in_eight_pieces(served, root, tmp_path):
    data = random.Random(3).randbytes(16 << 20)
    (root / "large.bin").write_bytes(data)
    run("aria2c", "--no-conf", "-q", "-x8", "-s8", "-k1M", "--file-allocation=none", "--disable-ipv6", "-d", tmp_path, "-o",
        "copy", served.url + "large.bin")
    assert (tmp_path / "copy").read_bytes() == data
    assert len({r for r in served.ranges("/large.bin")}) >= 7 and served.statuses.count(206) >= 7
    assert len(served.connections) >= 7


# ---------------------------------------------------------------- git, apt


@needs("git")
def test_git_clones(served, root, tmp_path):
    """Over the dumb protocol: packs and loose objects are files."""
    home = tmp_path / "home"
    home.mkdir()
    who = {"GIT_CONFIG_NOSYSTEM": "1", "HOME": str(home), "GIT_TERMINAL_PROMPT": "0", "GIT_AUTHOR_NAME": "a",
           "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    work, bare = tmp_path / "work", root / "project.git"
    run("git", "init", "-q", "-b", "main", work, **who)
    for i in range(30):
        (work / f"{i % 5}.txt").write_text(f"{i}\n" * 1000)
        run("git", "-C", work, "add", ".", **who)
        run("git", "-C", work, "commit", "-q", "-m", f"commit {i}", **who)
        if i == 20:
            run("git", "-C", work, "gc", "-q", **who)
    run("git", "clone", "-q", "--bare", "--no-hardlinks", work, bare, **who)
    run("git", "-C", bare, "update-server-info", **who)
    run("git", "clone", "-q", served.url + "project.git", tmp_path / "clone", **who)
    run("git", "-C", tmp_path / "clone", "fsck", "--full", "--strict", **who)
    head = ["rev-parse", "HEAD", "HEAD~29"]
    assert run("git", "-C", tmp_path / "clone", *head, **who) == run("git", "-C", work, *head, **who)


def make_package(root, name, version, directory):
    tree = directory / name
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(
        f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: a <a@b>\nDescription: a test\n")
    (tree / "usr" / "share" / "doc" / name).mkdir(parents=True)
    (tree / "usr" / "share" / "doc" / name / "data").write_bytes(random.Random(version).randbytes(300_000))
    run("dpkg-deb", "--root-owner-group", "-b", tree, root / f"{name}_{version}_all.deb")


def apt_configuration(directory, url):
    for name in "state/lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d", "etc/trusted.gpg.d":
        (directory / name).mkdir(parents=True)
    (directory / "status").touch()
    (directory / "sources.list").write_text(f"deb [trusted=yes] {url} ./\n")
    (directory / "apt.conf").write_text(
        f'Dir "{directory}";\nDir::State "state";\nDir::State::status "{directory}/status";\nDir::Cache "cache";\n'
        f'Dir::Etc "{directory}/etc";\nDir::Etc::sourcelist "{directory}/sources.list";\nDir::Etc::sourceparts "-";\n'
        'Dir::Log "log";\nAPT::Sandbox::User "";\nAPT::Get::List-Cleanup "0";\nAcquire::Languages "none";\n'
        'Acquire::http::Proxy "DIRECT";\nAPT::Architecture "amd64";\nAcquire::Retries "0";\n')
    return {"APT_CONFIG": str(directory / "apt.conf")}


def index_of(root):
    """What apt-ftparchive writes, which the package apt-utils has: to install that may mean to upgrade apt."""
    entries = []
    for path in sorted(root.glob("*.deb")):
        control = subprocess.run(["dpkg-deb", "-f", path], capture_output=True, text=True, check=True).stdout
        data = path.read_bytes()
        entries.append(f"{control}Filename: ./{path.name}\nSize: {len(data)}\n"
                       f"SHA256: {hashlib.sha256(data).hexdigest()}\n")
    return "\n".join(entries)


@needs("apt-get")
@needs("dpkg-deb")
def test_apt_updates_and_downloads(served, root, tmp_path):
    """apt pipelines, asks If-Modified-Since, and goes on where a download has ended."""
    for i in range(8):
        make_package(root, f"package{i}", "1.0", tmp_path)
    (root / "Packages").write_text(index_of(root))
    apt = apt_configuration(tmp_path / "apt", served.url)
    run("apt-get", "update", **apt)
    run("apt-get", "update", **apt)  # nothing has changed
    assert 304 in served.statuses
    archives = tmp_path / "downloads"
    archives.mkdir()
    half = (root / "package3_1.0_all.deb").read_bytes()
    partial = tmp_path / "apt" / "cache" / "archives" / "partial" / "package3_1.0_all.deb"
    partial.write_bytes(half[:100_000])
    os.utime(partial, (os.stat(root / "package3_1.0_all.deb").st_mtime,) * 2)
    # Only then does a date tell that the file has not changed since (RFC 9110 8.8.2.2).
    wire.wait_until(lambda: time.time() > os.stat(root / "package3_1.0_all.deb").st_ctime + 3)
    run("apt-get", "install", "-y", "--download-only", *(f"package{i}" for i in range(8)), **apt)
    for i in range(8):
        name = f"package{i}_1.0_all.deb"
        assert (tmp_path / "apt" / "cache" / "archives" / name).read_bytes() == (root / name).read_bytes()
    assert served.ranges("/./package3_1.0_all.deb") == ["bytes=100000-"] and 206 in served.statuses


# ---------------------------------------------------------------- Python


def test_requests(served, file):
    with requests.Session() as session:
        session.trust_env = False
        url, data = served.url + "file.bin", file.read_bytes()
        whole = session.get(url, timeout=LIMIT)
        assert whole.status_code == 200 and whole.content == data
        etag = whole.headers["ETag"]
        assert session.get(url, headers={"If-None-Match": f'"x", {etag}'}, timeout=LIMIT).status_code == 304
        assert session.get(url, headers={"If-Match": '"x"'}, timeout=LIMIT).status_code == 412
        part = session.get(url, headers={"Range": "bytes=5-9", "If-Range": etag}, timeout=LIMIT)
        assert part.status_code == 206 and part.content == data[5:10]
        assert part.headers["Content-Range"] == f"bytes 5-9/{len(data)}"
        other = session.get(url, headers={"Range": "bytes=5-9", "If-Range": '"x"'}, timeout=LIMIT)
        assert other.status_code == 200 and other.content == data
        assert session.get(url, headers={"Range": f"bytes={len(data)}-"}, timeout=LIMIT).status_code == 416
        head = session.head(url, timeout=LIMIT)
        assert head.headers["Content-Length"] == str(len(data)) and head.headers["ETag"] == etag
    assert len(served.connections) == 1


def test_http_client_download_that_is_interrupted(served, file):
    """Half of it, then a new connection for the rest; and the same after the file was replaced (RFC 9110 13.1.5)."""
    address, data = served.listener.getsockname(), file.read_bytes()
    first = http.client.HTTPConnection(*address, timeout=LIMIT)
    first.request("GET", "/file.bin")
    response = first.getresponse()
    half, etag = response.read(len(data) // 2), response.headers["ETag"]
    first.close()
    for replaced in False, True:
        if replaced:
            file.write_bytes(data[::-1])
        rest = http.client.HTTPConnection(*address, timeout=LIMIT)
        rest.request("GET", "/file.bin", headers={"Range": f"bytes={len(half)}-", "If-Range": etag})
        response = rest.getresponse()
        got = response.read()
        assert response.status == (200 if replaced else 206)
        assert got == data[::-1] if replaced else half + got == data
        rest.close()


def test_many_threads_of_requests(served, file):
    """Each with a session of its own; every answer is the one that was asked for."""
    data, wrong = file.read_bytes(), []

    def ask(number):
        with requests.Session() as session:
            session.trust_env = False
            for i in range(20):
                at = (number * 20 + i) * 1000
                got = session.get(served.url + "file.bin", headers={"Range": f"bytes={at}-{at + 999}"}, timeout=LIMIT)
                if got.content != data[at:at + 1000]:
                    wrong.append(at)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong

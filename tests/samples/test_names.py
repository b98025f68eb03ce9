# SPDX-License-Identifier: MIT
"""samples/names: both ways, services by name, both families, over a hosts file of the test's own."""

import os
import re

import programs
import pytest
import wire

HOSTS = """127.0.0.1 home.test localhost
127.0.0.2 both.test
fd00::2 both.test six.test
127.0.0.3 many.test other.test
127.0.0.4 many.test
"""
PROGRAM = programs.path_of("samples/names")


@pytest.fixture
def names(tmp_path):
    """names(*arguments) runs it where these names are known, and no name server is asked."""
    for name, text in ("hosts", HOSTS), ("nsswitch.conf", "hosts: files\nservices: files\n"), ("gai.conf", ""):
        (tmp_path / name).write_text(text)
    for way in ["unshare", "-m"], ["unshare", "-rm"]:
        mounts = "".join(f"mount --bind {tmp_path}/{name} /etc/{name} && " for name in ("hosts", "nsswitch.conf")
                         if os.path.exists(f"/etc/{name}"))
        if programs.run([*way, "sh", "-c", f"{mounts}true"]).returncode == 0:
            return lambda *arguments: programs.run([*way, "sh", "-c", f'{mounts}exec "$@"', "sh", PROGRAM, *arguments])
    pytest.skip("unshare -m and mount are not allowed here")
    return None


def lines(result):
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.splitlines()


def test_both_families(names):
    assert sorted(lines(names("both.test", "http"))) == ["IPv4  127.0.0.2 port 80  is  both.test, http",
                                                         "IPv6  [fd00::2] port 80  is  both.test, http"]
    assert lines(names("-4", "both.test", "80")) == ["IPv4  127.0.0.2 port 80  is  both.test, http"]
    assert lines(names("-6", "both.test", "4711")) == ["IPv6  [fd00::2] port 4711  is  both.test"]
    assert lines(names("six.test")) == ["IPv6  [fd00::2] port 0  is  both.test"]


def test_the_way_back(names):
    """A name may have several addresses, and an address several names."""
    assert lines(names("-4", "many.test", "22")) == ["IPv4  127.0.0.3 port 22  is  many.test, ssh",
                                                     "IPv4  127.0.0.4 port 22  is  many.test, ssh"]
    assert lines(names("127.0.0.3")) == ["IPv4  127.0.0.3 port 0  is  many.test"]
    assert lines(names("127.0.0.9")) == ["IPv4  127.0.0.9 port 0  is  no name"]


def test_it_does_not_lead_back(names, tmp_path):
    """Who gives names to addresses may give one that is an address itself."""
    (tmp_path / "hosts").write_text("127.0.0.5 127.0.0.6\n")
    assert lines(names("127.0.0.5")) == ["IPv4  127.0.0.5 port 0  is  127.0.0.6 (which has other addresses)"]


def test_services(names):
    assert lines(names("-u", "-4", "home.test", "syslog")) == ["IPv4  127.0.0.1 port 514  is  home.test, syslog"]
    assert lines(names("-u", "-4", "home.test", "123")) == ["IPv4  127.0.0.1 port 123  is  home.test, ntp"]
    assert lines(names("-4", "home.test", "123")) == ["IPv4  127.0.0.1 port 123  is  home.test"]  # not by TCP
    assert sorted(lines(names("-l", "domain"))) == ["IPv4  0.0.0.0 port 53, domain", "IPv6  [::] port 53, domain"]


@pytest.mark.parametrize("arguments, said", [
    (["nobody.test"], "nobody.test: nobody has this name, or it has no address of this family"),
    (["-6", "home.test", "80"], "home.test 80: nobody has this name, or it has no address of this family"),
    (["home.test", "nosuch"], "home.test nosuch: no such service: try with -u or without, or a number up to 65535"),
    (["home.test", "ntp"], "home.test ntp: no such service: try with -u or without, or a number up to 65535"),
    (["home.test", "65536"], "home.test 65536: no such service: try with -u or without, or a number up to 65535"),
    (["-l", "nosuch"], "nosuch: no such service: try with -u or without, or a number up to 65535"),
    (["x" * 300], None), (["a..b"], None)])
def test_errors(names, arguments, said):
    result = names(*arguments)
    assert result.returncode == 1 and result.stdout == ""
    line, = result.stderr.splitlines()
    assert line == f"{PROGRAM}: {said}" or said is None and line.startswith(f"{PROGRAM}: {arguments[0]}: ")


@pytest.mark.parametrize("arguments", [[], ["a", "b", "c"], ["-x"], ["-l"], ["-l", "a", "b"]])
def test_usage(arguments):
    result = programs.run([PROGRAM, *arguments])
    assert result.returncode == 2 and result.stdout == "" and "usage: " in result.stderr


def test_as_getaddrinfo():
    """What this machine knows itself."""
    try:
        wanted = {found[4][0] for found in wire.look_up("localhost", 80)}
    except OSError:
        pytest.skip("localhost has no address here")
    found = lines(programs.run([PROGRAM, "localhost", "80"]))
    assert {re.match(r"IPv[46]  \[?([^ \]]+)\]? port 80  is  ", line)[1] for line in found} == wanted

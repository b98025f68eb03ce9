# SPDX-License-Identifier: MIT
"""The binaries are built so that a mistake in memory is of little use to whoever finds it."""

import glob
import os
import platform
import re
import shutil
import subprocess

import programs
import pytest

pytestmark = [
    pytest.mark.skipif(programs.SANITIZED, reason="sanitizers look for themselves"),
    pytest.mark.skipif(not shutil.which("readelf"), reason="no readelf"),
]

SAMPLES = sorted(glob.glob(os.path.join(programs.ROOT, "samples", "*.c")))
PROGRAMS = ["httpserver", *("samples/" + os.path.basename(path)[:-2] for path in SAMPLES)]
SHARED = ["libsocketserver.so", "libhttpserver.so"]
ARCHIVES = ["libsocketserver.a", "libhttpserver.a"]


def readelf(*arguments):
    done = subprocess.run(["readelf", "-W", *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def path_of(name):
    return os.path.join(programs.BUILD, name)


@pytest.mark.parametrize("name", [*PROGRAMS, *SHARED])
def test_addresses_and_permissions(name):
    """At an address of the system's choice, with relocations that are done with before main and cannot be written to,
    no memory that can be written and executed, and a stack that is for data only."""
    path = path_of(name)
    assert re.search(r"Type: +DYN", readelf("-h", path))
    dynamic, segments = readelf("-d", path), readelf("-l", path)
    assert re.search(r"BIND_NOW|Flags:.*\bNOW\b", dynamic) and "TEXTREL" not in dynamic
    assert name in SHARED or re.search(r"Flags:.*\bPIE\b", dynamic)
    assert "GNU_RELRO" in segments
    flags = re.findall(r"^ +(LOAD|GNU_STACK) +(?:0x\w+ +){5}([RWE ]{3})", segments, re.MULTILINE)
    assert any(kind == "GNU_STACK" for kind, _ in flags)
    assert not any("W" in rights and "E" in rights for _, rights in flags), segments


@pytest.mark.parametrize("name", ["httpserver", *SHARED])
def test_canaries_and_checked_copies(name):
    symbols = readelf("--dyn-syms", path_of(name))
    assert "__stack_chk_fail" in symbols
    assert re.search(r"\b__(?!stack)\w+_chk\b", symbols), "nothing is checked by FORTIFY"


def objects(archive):
    """{member of the archive: what readelf shows of it}"""
    parts = re.split(r"^File: .*\((.*)\)$", readelf("-n", "-s", path_of(archive)), flags=re.MULTILINE)[1:]
    assert parts
    return dict(zip(parts[::2], parts[1::2]))


@pytest.mark.parametrize("archive", ARCHIVES)
def test_every_object_has_canaries(archive):
    """Those of llhttp, too, as far as their functions have arrays or addresses taken: most files have."""
    names = [name for name, text in objects(archive).items() if "__stack_chk_fail" in text]
    assert len(names) > len(objects(archive)) // 2, names


@pytest.mark.skipif(platform.machine() != "x86_64", reason="this is x86-64's")
@pytest.mark.parametrize("archive", ARCHIVES)
def test_branch_targets_are_marked(archive):
    """In every object, or the linker takes the mark from the whole program. None vouches for a shadow stack, which the
    switch between coroutines does not keep. (Whether a program has the mark is up to its C library as well.)"""
    for name, text in objects(archive).items():
        assert re.search(r"x86 feature: IBT$", text, re.MULTILINE), f"{name}: {text[:500]}"

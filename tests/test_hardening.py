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

SOURCES = os.path.join(programs.ROOT, "samples")
FOLDERS = {os.path.basename(os.path.dirname(path)) for path in glob.glob(os.path.join(SOURCES, "*", "*.c"))}
NEED_LIBRARIES = {"rest"}  # it is built where they are
SAMPLES = sorted({os.path.basename(path)[:-2] for path in glob.glob(os.path.join(SOURCES, "*.c"))} | FOLDERS)
PROGRAMS = ["httpserver", *("samples/" + name for name in SAMPLES
                            if name not in NEED_LIBRARIES or os.path.exists(os.path.join(programs.BUILD, "samples", name)))]
SHARED = ["libsocketserver.so", "libhttpserver.so"]
ARCHIVES = ["loose/libsocketserver.a", "loose/libhttpserver.a"]  # the objects of which the others are made
USERS = ["libsocketserver.a", "libhttpserver.a"]


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


@pytest.mark.parametrize("name", [name for name in (*PROGRAMS, *SHARED) if "_raw" not in name])
def test_canaries_and_checked_copies(name):
    """(Samples of raw sockets have none of the library in them, and some of them no array that wants one.)"""
    symbols = readelf("--dyn-syms", path_of(name))
    assert "__stack_chk_fail" in symbols
    assert re.search(r"\b__(?!stack)\w+_chk\b", symbols), "nothing is checked by FORTIFY"


def test_no_program_is_overlooked():
    """What is built for users is what is looked at."""
    built = {path for path in glob.glob(os.path.join(programs.BUILD, "samples", "*"))
             if os.path.isfile(path) and os.access(path, os.X_OK)}
    missing = {os.path.relpath(path, programs.BUILD) for path in built} - set(PROGRAMS)
    assert not missing and len(PROGRAMS) > 40


def test_copies_are_checked_by_the_highest_level():
    """Level 3 knows sizes, too, that are computed only when the program runs. No binary tells which level it has; every
    file is compiled with these flags."""
    with open(path_of("flags"), encoding="utf-8") as file:
        assert "-D_FORTIFY_SOURCE=3" in file.read().split()


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


@pytest.mark.parametrize("archive", USERS)
def test_archives_for_users(archive):
    """An object that asks for a stack that can be executed would have it in each program that is linked with it."""
    sections = readelf("-S", path_of(archive))
    assert ".note.GNU-stack" in sections and not re.search(r"\.note\.GNU-stack.* X", sections)
    assert ".gnu.lto_" not in sections, "that is for one compiler of one version"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="this is x86-64's")
@pytest.mark.parametrize("archive", [*ARCHIVES, *USERS])
def test_branch_targets_are_marked(archive):
    """In every object, or the linker takes the mark from the whole program. None vouches for a shadow stack, which the
    switch between coroutines does not keep. (Whether a program has the mark is up to its C library as well.)"""
    for name, text in objects(archive).items():
        assert not re.search(r"x86 feature:.*SHSTK", text), name
        assert re.search(r"x86 feature: IBT$", text, re.MULTILINE), f"{name}: {text[:500]}"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="this is x86-64's")
@pytest.mark.parametrize("name", ["httpserver", "samples/echo", "libsocketserver.so"])
def test_switch_between_coroutines_where_branch_targets_are_enforced(name):
    """Both functions can be jumped to; and the jump back, which lands behind a call, is exempt, as that of a switch is."""
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path_of(name)], capture_output=True, text=True, check=True).stdout
    for function in "co_jump", "co_entry":
        body = re.search(rf"<{function}>:\n(.*?)(?:\n\n|\Z)", text, re.DOTALL)[1].splitlines()
        assert body[0].split()[-1] == "endbr64", body[0]
        jumps = [line for line in body if re.search(r"\bjmp +\*", line)]
        assert all("notrack" in line for line in jumps) and len(jumps) == (function == "co_jump")

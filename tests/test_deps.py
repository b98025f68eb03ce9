# SPDX-License-Identifier: MIT
"""What `make deps GOAL` asks apt for, with an apt-get that only writes it down. (`make fresh` installs for real.)"""

import os
import re

import programs
import pytest

STUBS = {"dpkg-query": "exit 1", "sudo": 'exec "$@"', "apt-get": 'echo "$@" >>"$ASKED"'}
README_NEEDS = {"gcc", "libc6-dev", "pkgconf", "zlib1g-dev", "libbrotli-dev", "libzstd-dev", "libssl-dev"}


@pytest.fixture
def asked(tmp_path):
    """asked(goal...): the packages that `make deps goal...` would install where there are none."""
    for name, script in STUBS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    log = tmp_path / "asked"

    def ask(*goals):
        result = programs.run(["make", "-C", programs.ROOT, "deps", *goals], PATH=f"{tmp_path}:{os.environ['PATH']}",
                              ASKED=str(log), MAKEFLAGS="")
        assert result.returncode == 0, result.stderr
        install, = [line for line in log.read_text().splitlines() if "install" in line]
        return set(install.split("--no-install-recommends")[1].split())

    return ask


def test_deps_bring_what_the_readme_promises(asked):
    """All content codings, and pkg-config for the line that compiles one's own program."""
    assert asked() >= README_NEEDS


def test_deps_are_those_of_the_goal(asked, tmp_path):
    help_only = asked("help")
    assert help_only >= README_NEEDS and not help_only & {"libcmocka-dev", "valgrind", "debootstrap"}
    with open(os.path.join(programs.ROOT, "Makefile"), encoding="utf-8") as file:
        tests = re.search(r"^PACKAGES_test +:= ((?:.*\\\n)*.*)", file.read(), re.MULTILINE)[1]
    assert {"libcmocka-dev", "strace"} <= set(tests.replace("\\\n", " ").split())
    # It comes in apt's version only, so to install it may mean to upgrade apt.
    assert "apt-utils" not in tests

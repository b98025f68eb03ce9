# SPDX-License-Identifier: MIT
"""`make test` builds and runs what was asked for; tests/run says why tests were skipped, and each reason once."""

import os
import re
import shlex
import sys
import xml.etree.ElementTree

import programs

PYTEST = """<testsuite>
<testcase classname="tests.http.test_a" name="one"><skipped type="pytest.skip" message="no tool">a.py:1</skipped></testcase>
<testcase classname="tests.http.test_a" name="two"><skipped type="pytest.skip" message="no tool">a.py:1</skipped></testcase>
<testcase classname="tests.test_b" name="three"><skipped message="Skipped: not\nhere">b.py:1</skipped></testcase>
<testcase classname="tests.test_b" name="four"/>
</testsuite>"""


def load():
    module = programs.script("run")
    module.BUILD = programs.BUILD
    return module


def test_skipped_by_pytest(capsys):
    load().report_skipped(xml.etree.ElementTree.fromstring(PYTEST))
    assert capsys.readouterr().out.splitlines() == ["  skip  2 of test_a: no tool", "  skip  1 of test_b: not here"]


def test_skipped_by_programs(capsys):
    run = load()
    for output, status, told in ((["1..2", "ok 1 - a", "# SKIP no tool", "ok 2 - b # SKIP"], 0, "1 of tests/x: no tool"),
                                 (["1..2", "ok 1 - a", "ok 2 - b # SKIP"], 0, "1 of tests/x: ok 2 - b # SKIP"),
                                 (["no tool"], 77, "1 of tests/x: no tool"), ([], 77, "1 of tests/x: it does not say why")):
        run.report("unit", (os.path.join(programs.ROOT, "tests/x"), run.count(output, status), "", 0, output))
        assert f"  skip  {told}" in capsys.readouterr().out


def planned(*variables):
    """The files that `make test` with these variables would make, where nothing has been built."""
    result = programs.run([*shlex.split(os.environ.get("MAKE", "make")), "-n", "V=1", "BUILD=nowhere", "test", *variables],
                          directory=programs.ROOT, SANITIZE="", MAKEFLAGS="", T="", K="")
    assert result.returncode == 0, result.stderr
    return set(re.findall(r" -o nowhere/(\S+)", result.stdout))


def are_linked(made, where):
    return {name for name in made if name.startswith(where) and not name.endswith(".o")}


def test_only_what_a_unit_test_needs_is_built():
    made = planned("T=unit/test_url")
    assert are_linked(made, "") == {"tests/unit/test_url"} and "framework/memory/arena.o" in made
    assert made == planned("T=unit/test_url.c")


def test_only_what_a_black_box_test_needs_is_built():
    made = planned("T=test_files")
    assert {"httpserver", "samples/echo", "tests/framework/rig", "tests/http/probe"} <= made
    assert not any(are_linked(made, "tests/" + kind) for kind in ("unit", "fuzz", "matrix", "bench"))
    assert are_linked(planned("T=tests/test_bench.py"), "tests/bench")
    assert not are_linked(planned("K=range"), "tests/unit")


def test_all_tests_are_built():
    made = planned()
    assert all(are_linked(made, "tests/" + kind) for kind in ("unit", "fuzz", "matrix", "bench", "http", "framework"))


def test_choice(monkeypatch):
    """A pattern is looked for in paths from the top of the sources, or of the build, on."""
    run = load()
    for pattern, path, chosen in (("unit/test_url", f"{run.BUILD}/tests/unit/test_url", True),
                                  ("test_url", f"{run.ROOT}/tests/http/test_files.py", False),
                                  (os.path.basename(run.ROOT), f"{run.ROOT}/tests/http/test_files.py", False),
                                  ("http/", f"{run.ROOT}/tests/http/test_files.py", True)):
        monkeypatch.setattr(run, "PATTERN", pattern)
        assert run.is_chosen(path) == chosen, pattern


def test_names_are_for_pytest(tmp_path):
    done = programs.run([sys.executable, os.path.join(programs.TESTS, "run"), "test_rooms"], 4 * programs.LIMIT, K="test_missing_object",
                        BUILD=str(tmp_path), MAKEFLAGS="")
    assert done.returncode == 0 and done.stdout.endswith("\n1 passed, 0 failed\n")

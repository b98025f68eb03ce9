"""tests/run says why tests were skipped, and each reason once."""

import importlib.machinery
import importlib.util
import os
import xml.etree.ElementTree

import programs

PYTEST = """<testsuite>
<testcase classname="tests.http.test_a" name="one"><skipped type="pytest.skip" message="no tool">a.py:1</skipped></testcase>
<testcase classname="tests.http.test_a" name="two"><skipped type="pytest.skip" message="no tool">a.py:1</skipped></testcase>
<testcase classname="tests.test_b" name="three"><skipped message="Skipped: not\nhere">b.py:1</skipped></testcase>
<testcase classname="tests.test_b" name="four"/>
</testsuite>"""


def load():
    loader = importlib.machinery.SourceFileLoader("tests_run", os.path.join(programs.TESTS, "run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("tests_run", loader))
    loader.exec_module(module)
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

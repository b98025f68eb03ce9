# SPDX-License-Identifier: MIT
"""A browser looks at the pages of the samples notify and dashboard, and connects again when their server was started anew.
Tested where Chromium and selenium are installed (make deps clients)."""

import os

import browsers
import programs
import pytest
import wire
from browsers import LIMIT, complaints, fits

pytestmark = browsers.NEEDED
WAYS = [[], ["Threading"], ["Preforking", "EventLoop"]] if os.environ.get("CLIENTS") else [["Preforking", "EventLoop"]]


@pytest.fixture(scope="module")
def browser():
    yield from browsers.started()


@pytest.fixture
def served(started, tmp_path):
    """served(name, *arguments) starts a sample, again and again on the same port."""
    (tmp_path / "www").symlink_to(os.path.join(programs.ROOT, "www"))
    with programs.listener() as listening:
        fd, address = listening.fileno(), listening.getsockname()

        def start(name, *arguments):
            path = programs.path_of("samples/" + name)
            started.append(programs.Server([path, f"fd:{fd}", *arguments], tmp_path, address=address, fds=(fd,)))
            started[-1].url = "http://%s:%d/" % address
            return started[-1]

        yield start


def text_of(browser, name):
    return browser.find_element("id", name).text


def says(browser, name, text):
    wire.wait_until(lambda: text in text_of(browser, name), LIMIT)


@pytest.mark.parametrize("mixins", WAYS, ids="".join)
def test_notify(browser, served, mixins):
    server = served("notify", *mixins)
    pages = browser.window_handles
    browser.switch_to.new_window("tab")
    pages.append(browser.current_window_handle)
    for page in pages:
        browser.switch_to.window(page)
        browser.get(server.url)
        says(browser, "state", "Live")
    browser.find_element("id", "text").send_keys("By <b>keyboard</b>\n")
    for page in pages:
        browser.switch_to.window(page)
        says(browser, "notes", "By <b>keyboard</b>")
    assert server.ask("POST", "/", b"from elsewhere").text == "Pages that show it: 2.\n"
    server.stop()
    for page in pages:
        browser.switch_to.window(page)
        says(browser, "notes", "from elsewhere")
        says(browser, "state", "Connecting")
    server = served("notify", *mixins)
    for page in pages:
        browser.switch_to.window(page)
        says(browser, "state", "Live")
    wire.wait_until(lambda: server.ask("POST", "/", b"again").text == "Pages that show it: 2.\n", LIMIT)
    for page in pages:
        browser.switch_to.window(page)
        says(browser, "notes", "again")
        assert fits(browser) and not complaints(browser)
    browser.close()
    browser.switch_to.window(pages[0])


def test_dashboard(browser, served):
    server = served("dashboard")
    browser.get(server.url)
    says(browser, "state", "Live")
    browser.find_element("id", "load").click()
    chart = browser.find_element("css selector", ".chart svg")
    wire.wait_until(lambda: (chart.get_attribute("aria-label") or "").startswith("Requests in the last minute"), LIMIT)
    wire.wait_until(lambda: not chart.get_attribute("aria-label").endswith("at most 0 a second"), LIMIT)
    assert chart.find_element("css selector", ".line").get_attribute("d") is not None and fits(browser)
    server.stop()
    says(browser, "state", "Connecting")
    served("dashboard")
    says(browser, "state", "Live")
    assert not complaints(browser)

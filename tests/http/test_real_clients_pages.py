# SPDX-License-Identifier: MIT
"""A browser looks at the pages of the samples, and connects again when their server was started anew.
Tested where Chromium and selenium are installed (make deps clients)."""

import os

import browsers
import programs
import pytest
import wire
from browsers import LIMIT, complaints, fits, webdriver

pytestmark = browsers.NEEDED
WAYS = ["", "Threading", "PreforkingEventLoop"] if os.environ.get("CLIENTS") else ["PreforkingEventLoop"]


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


def value(browser, script):
    return browser.execute_script("return " + script)


def says(browser, name, text):
    wire.wait_until(lambda: text in text_of(browser, name), LIMIT)


def opened(browser, count):
    """So many tabs, the first of which stays."""
    while len(browser.window_handles) < count:
        browser.switch_to.new_window("tab")
    return browser.window_handles


def each(browser, tabs):
    for tab in tabs:
        browser.switch_to.window(tab)
        yield tab


def closed_but_one(browser, tabs):
    for _ in each(browser, tabs[1:]):
        browser.close()
    browser.switch_to.window(tabs[0])


@pytest.mark.parametrize("mixins", WAYS)
def test_chat(browser, served, mixins):
    server, names = served("chat", mixins), ["Ann", "Bob", "Zoë"]
    tabs = opened(browser, 3)
    for name, _ in zip(names, each(browser, tabs)):
        browser.get(server.url + "chat.html")
        browser.find_element("name", "name").send_keys(name + "\n")
        says(browser, "people", name)

    def all_are_here():
        for _ in each(browser, tabs):
            wire.wait_until(lambda: text_of(browser, "people").split() == names, LIMIT)

    def all_hear(text):
        browser.find_element("name", "text").send_keys(text + "\n")
        for _ in each(browser, tabs):
            says(browser, "lines", text)

    all_are_here()
    all_hear("By <b>keyboard</b>")
    server.stop()
    for _ in each(browser, tabs):
        says(browser, "state", "Trying again")
    served("chat", mixins)
    all_are_here()
    all_hear("There again")
    for _ in each(browser, tabs):
        assert fits(browser) and not complaints(browser)
    closed_but_one(browser, tabs)


def test_game(browser, served):
    """The server moves who presses a key, for both pages."""
    server = served("game")
    tabs = opened(browser, 2)
    for _ in each(browser, tabs):
        browser.get(server.url + "game.html")
        wire.wait_until(lambda: value(browser, "typeof me"), LIMIT)
    mine = value(browser, "me")
    where = f"players.filter(player => player[0] === {mine!r}).map(player => +player[1])[0]"
    wire.wait_until(lambda: value(browser, where) is not None, LIMIT)
    before = value(browser, where)
    keys = ["ARROW_RIGHT", "ARROW_LEFT"] if before < 400 else ["ARROW_LEFT", "ARROW_RIGHT"]
    chain = webdriver.ActionChains(browser).key_down(getattr(webdriver.Keys, keys[0]))
    chain.perform()
    wire.wait_until(lambda: abs(value(browser, where) - before) > 20, LIMIT)
    webdriver.ActionChains(browser).key_up(getattr(webdriver.Keys, keys[0])).perform()
    says(browser, "scores", "(you)")
    browser.switch_to.window(tabs[0])
    wire.wait_until(lambda: abs((value(browser, where) or before) - before) > 20, LIMIT)
    server.stop()
    says(browser, "state", "Trying again")
    served("game")
    says(browser, "state", "Arrow keys")
    assert fits(browser) and not complaints(browser)
    closed_but_one(browser, tabs)


def test_clock(browser, served):
    server = served("ws_clock")
    browser.get(server.url + "clock.html")
    time = "document.querySelector('time').textContent"
    wire.wait_until(lambda: value(browser, time) != "–", LIMIT)
    first = value(browser, time)
    wire.wait_until(lambda: value(browser, time) != first, LIMIT)
    server.stop()
    says(browser, "state", "Trying again")
    served("ws_clock")
    wire.wait_until(lambda: text_of(browser, "state") == "", LIMIT)
    assert fits(browser) and not complaints(browser)


@pytest.mark.parametrize("mixins", WAYS)
def test_notify(browser, served, mixins):
    server = served("notify", mixins)
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
    server = served("notify", mixins)
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

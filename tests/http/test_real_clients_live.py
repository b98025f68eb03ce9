# SPDX-License-Identifier: MIT
"""What a browser makes of --live: it loads pages anew, and takes stylesheets as they are. Tested where Chromium and selenium
are installed (make deps clients)."""

import contextlib
import threading
import time

import browsers
import programs
import pytest
import wire

pytestmark = browsers.NEEDED
LIMIT = browsers.LIMIT
PAGE = """<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>%s</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="style.css"><link rel="stylesheet" href="other.css">
<h1>%s</h1><form><input id="text" autocomplete="off" aria-label="text">
<input id="secret" type="password" autocomplete="new-password" aria-label="secret">
<input id="check" type="checkbox" aria-label="check"><select id="one" aria-label="one"><option>a<option>b</select></form>
<div style="height: 5000px"></div>"""


@pytest.fixture(scope="module")
def browser():
    yield from browsers.started()


def page(title, more=""):
    return PAGE % (title, title) + more


@pytest.fixture
def served(started, root, tmp_path, concurrent_mixin):
    """served() starts the server, again and again on the same port; served.url."""
    (root / "index.html").write_text(page("First"))
    (root / "style.css").write_text("h1 { color: rgb(1, 1, 1) }")
    (root / "other.css").write_text("h1 { margin: 1px }")
    (root / "favicon.ico").write_text("")
    with programs.listener() as listening:
        fd, address = listening.fileno(), listening.getsockname()

        def start():
            command = [programs.path_of("httpserver"), "-b", f"fd:{fd}", "-d", root, "--live", *concurrent_mixin]
            started.append(programs.Server(command, tmp_path, address=address, fds=(fd,)))
            return started[-1]

        start.url = "http://%s:%d/" % address
        yield start


def value(browser, script):
    return browser.execute_script("return " + script)


def comes_to(browser, script, wanted):
    wire.wait_until(lambda: value(browser, script) == wanted, LIMIT)


def changes(browser, path, text, script, wanted):
    """Once is enough, also before the page's stream is open."""
    path.write_text(text)
    comes_to(browser, script, wanted)


def settled(browser, root):
    """Until the page has heard of all changes until now, and has a mark that is lost when it is loaded anew."""

    def swapped():
        if value(browser, "window.mark ?? null") is None:
            browser.execute_script("window.mark = 1")
            (root / "sync.css").write_text("")  # nobody knows who uses it: all are swapped
            return False
        return value(browser, "!!document.querySelector('link[href*=\"live=\"]')")

    wire.wait_until(swapped, LIMIT)


COLOR = "getComputedStyle(document.querySelector('h1')).color"
FIELDS = "[text.value, secret.value, check.checked, one.value, Math.round(scrollY)]"


def test_a_page(browser, served, root):
    served()
    browser.get(served.url)
    changes(browser, root / "index.html", page("Second"), "document.title", "Second")
    settled(browser, root)
    browser.execute_script("text.value = 'kept'; secret.value = 'not'; check.checked = true;"
                           "one.selectedIndex = 1; scrollTo(0, 700)")
    changes(browser, root / "style.css", "h1 { color: rgb(2, 2, 2) }", COLOR, "rgb(2, 2, 2)")
    assert value(browser, "window.mark") == 1  # it is still the same page
    comes_to(browser, "document.querySelectorAll('link[rel=stylesheet]').length", 2)
    changes(browser, root / "index.html", page("Third"), "document.title", "Third")
    comes_to(browser, FIELDS, ["kept", "", True, "b", 700])
    assert value(browser, "window.mark ?? null") is None and not browsers.complaints(browser)


@contextlib.contextmanager
def delayed(browser, ms):
    """Meanwhile each request takes so long."""
    conditions = {"offline": False, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", {**conditions, "latency": ms})
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Network.emulateNetworkConditions", {**conditions, "latency": 0})


def test_a_stylesheet_that_changes_again(browser, served, root):
    """While the one before is still on its way."""
    served()
    browser.get(served.url)
    changes(browser, root / "index.html", page("Second"), "document.title", "Second")
    settled(browser, root)
    comes_to(browser, "document.querySelectorAll('link[rel=stylesheet]').length", 2)
    with delayed(browser, 1000):
        for number in 2, 3, 4:
            (root / "style.css").write_text(f"h1 {{ color: rgb({number}, {number}, {number}) }}")
            time.sleep(0.3)  # the server tells of it after 80 ms of quiet
        comes_to(browser, COLOR, "rgb(4, 4, 4)")
        comes_to(browser, "document.querySelectorAll('link[rel=stylesheet]').length", 2)
    assert value(browser, "window.mark") == 1


def test_an_imported_stylesheet(browser, served, root):
    (root / "style.css").write_text("@import 'deep/colors.css';")
    (root / "deep").mkdir()
    (root / "deep" / "colors.css").write_text("h1 { color: rgb(3, 3, 3) }")
    served()
    browser.get(served.url)
    comes_to(browser, COLOR, "rgb(3, 3, 3)")
    settled(browser, root)
    changes(browser, root / "deep" / "colors.css", "h1 { color: rgb(4, 4, 4) }", COLOR, "rgb(4, 4, 4)")
    assert value(browser, "window.mark") == 1


def test_a_listing(browser, served, root):
    (root / "dir" / "below").mkdir(parents=True)
    served()
    browser.get(served.url + "dir/")
    count = "document.querySelectorAll('td a').length"
    comes_to(browser, count, 2)
    changes(browser, root / "dir" / "new.txt", "", count, 3)
    browser.execute_script("window.mark = 1")
    (root / "dir" / "below" / "other.txt").write_text("")  # this does not show here
    (root / "elsewhere.txt").write_text("")
    changes(browser, root / "dir" / "newer.txt", "", count, 4)
    assert not browsers.complaints(browser)


def test_the_server_is_started_anew(browser, served, root):
    server = served()
    browser.get(served.url)
    changes(browser, root / "index.html", page("Before"), "document.title", "Before")
    server.stop()
    (root / "index.html").write_text(page("After"))
    served()
    comes_to(browser, "document.title", "After")
    assert not browsers.complaints(browser)


def test_a_change_while_a_page_is_loaded(browser, served, root):
    """It came too late for the page, and too early for its stream."""
    (root / "index.html").write_text(page("Slow", "<script>{ const end = Date.now() + 1500; while (Date.now() < end); }</script>"))
    server = served()
    loading = threading.Thread(target=browser.get, args=(served.url,))
    loading.start()
    server.wait_for_log("GET / ")
    (root / "index.html").write_text(page("Fast"))
    loading.join()
    comes_to(browser, "document.title", "Fast")
    assert not browsers.complaints(browser)


def test_a_page_that_nobody_sees(browser, served, root):
    """It has no connection, and is loaded anew when it is looked at again."""
    served()
    browser.get(served.url)
    changes(browser, root / "index.html", page("Seen"), "document.title", "Seen")
    first = browser.current_window_handle
    browser.switch_to.new_window("tab")
    (root / "index.html").write_text(page("Meanwhile"))
    browser.get(served.url + "style.css")
    browser.close()
    browser.switch_to.window(first)
    comes_to(browser, "document.title", "Meanwhile")


def test_frames(browser, served, root):
    """They are loaded anew with the page that has them."""
    (root / "outer.html").write_text("<!DOCTYPE html><title>outer</title>" + 8 * "<iframe src=index.html></iframe>")
    served()
    browser.get(served.url + "outer.html")
    inner = "document.querySelectorAll('iframe')[7].contentDocument.title"
    comes_to(browser, inner, "First")
    changes(browser, root / "index.html", page("Inner"), inner, "Inner")

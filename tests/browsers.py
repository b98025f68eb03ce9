# SPDX-License-Identifier: MIT
"""Chromium for the tests, where it and selenium are installed (make deps clients)."""

import shutil

import programs
import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium: make deps clients")
service = pytest.importorskip("selenium.webdriver.chrome.service")

LIMIT = 2 * programs.LIMIT  # seconds
OPTIONS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server"]
NEEDED = [pytest.mark.skipif(programs.SANITIZED, reason="the same code has run with other clients"),
          pytest.mark.skipif(not shutil.which("chromedriver"), reason="no chromedriver: make deps clients")]


def started():
    """A browser, for a fixture: it ends with that."""
    options = webdriver.ChromeOptions()
    for option in OPTIONS:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=service.Service(shutil.which("chromedriver")))
    yield browser
    browser.quit()


def fits(browser):
    """On a phone nothing has to be scrolled sideways."""
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                            {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True})
    wide = browser.execute_script("return document.documentElement.scrollWidth > innerWidth")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    return not wide


def complaints(browser):
    """What the console says; while there is no server, that it does not answer."""
    return [entry["message"] for entry in browser.get_log("browser") if "ERR_" not in entry["message"]]

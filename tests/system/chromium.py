"""A headless Chromium for the system tests, and what somebody does in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE_S = 20
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@contextmanager
def chromium(folder: Path, *options: str) -> Iterator[webdriver.Chrome]:
    """A browser with a profile of its own in `folder`; the test is skipped where there is none."""
    programs = shutil.which("chromium"), shutil.which("chromedriver")
    if None in programs:
        pytest.skip(
            "no chromium and chromedriver; `make test` installs Debian's chromium-driver where it can"
        )
    asked = webdriver.ChromeOptions()
    asked.binary_location = str(programs[0])
    asked.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for option in (*OPTIONS, f"--user-data-dir={folder}", *options):
        asked.add_argument(option)
    driver = webdriver.Chrome(options=asked, service=Service(programs[1]))
    try:
        yield driver
    finally:
        driver.quit()


def shown(browser: webdriver.Chrome, selector: str, words: str = "") -> WebElement:
    """The first element of that kind that can be seen and holds the words, once there is one."""

    def holds(driver: webdriver.Chrome) -> WebElement | None:
        found = driver.find_elements(By.CSS_SELECTOR, selector)
        return next((each for each in found if each.is_displayed() and words in each.text), None)

    waiting = WebDriverWait(browser, PATIENCE_S, ignored_exceptions=(StaleElementReferenceException,))
    return waiting.until(holds, f"no {selector} with {words!r}")


def read(browser: webdriver.Chrome, selector: str, words: str = "") -> str:
    """The text of the first element of that kind, once it holds the words; it may be drawn anew meanwhile."""

    def holds(driver: webdriver.Chrome) -> str | None:
        texts = [element.text for element in driver.find_elements(By.CSS_SELECTOR, selector)]
        return next((text for text in texts if words in text), None)

    waiting = WebDriverWait(browser, PATIENCE_S, ignored_exceptions=(StaleElementReferenceException,))
    return str(waiting.until(holds, f"no {selector} with {words!r}"))


def read_in_time(browser: webdriver.Chrome, selector: str, *words: str) -> str:
    """The text of the first element of that kind with all the words, loading the page until they have arrived there."""

    def holds(driver: webdriver.Chrome) -> str | None:
        driver.refresh()
        read(driver, selector)
        texts = [element.text for element in driver.find_elements(By.CSS_SELECTOR, selector)]
        return next((text for text in texts if all(word in text for word in words)), None)

    waiting = WebDriverWait(browser, PATIENCE_S, 1, ignored_exceptions=(StaleElementReferenceException,))
    return str(waiting.until(holds, f"no {selector} with {words!r}"))


def sign_in(browser: webdriver.Chrome, at: str, who: str, path: str) -> None:
    """As one of the invented people, and as nobody else any more; then go to `path`."""
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    browser.get(f"{at}/login/start?hint={who}&next={path}")
    for allow in browser.find_elements(
        By.CSS_SELECTOR, "button[value=allow]"
    ):  # at a node: the hub's question
        allow.click()


def labelled(browser: webdriver.Chrome, words: str) -> WebElement:
    """The field whose label begins so, as somebody finds it who does not see."""
    label = next(each for each in browser.find_elements(By.TAG_NAME, "label") if each.text.startswith(words))
    return browser.find_element(By.ID, label.get_attribute("for"))


def complaints(browser: webdriver.Chrome) -> list[str]:
    """What the browser found wrong with our pages and scripts; an answer that refuses is none."""
    return [
        line["message"]
        for line in browser.get_log("browser")
        if line["level"] == "SEVERE" and "Failed to load resource" not in line["message"]
    ]


def fits_a_telephone(browser: webdriver.Chrome) -> bool:
    """Whether nothing of the page is wider than the screen of a telephone."""
    size = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    root = "document.documentElement"
    too_wide = browser.execute_script(f"return {root}.scrollWidth > {root}.clientWidth")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    return not too_wide

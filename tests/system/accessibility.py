"""What axe-core finds wrong with a page in a browser, and how far one comes with the keyboard alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from tests.system.npm import npm_package

STANDARDS: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
MOST_STEPS: Final = 150

SLOWEST_S: Final = 180
"""A page with a thousand rows, on a machine that has something else to do."""

_ASK: Final = """
const done = arguments[arguments.length - 1];
axe.run(document, {runOnly: {type: arguments[0], values: arguments[1]}}).then(
  (found) => done(found.violations.flatMap((rule) => rule.nodes.map((node) =>
    `${rule.id}: ${node.target.join(" ")}: ${node.failureSummary.replaceAll("\\n", " ")}`))),
  (error) => done([String(error)]));
"""

_FOCUS_SEEN: Final = """
const style = getComputedStyle(document.activeElement);
return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
"""


@cache
def _axe() -> str:
    folder = npm_package("axe", "axe-core")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def violations(browser: webdriver.Chrome) -> list[str]:
    """Every rule of WCAG 2.1 A and AA that the page breaks, and the good practice of axe, with the element."""
    return _asked(browser, "tag", STANDARDS)


def low_contrast(browser: webdriver.Chrome) -> list[str]:
    """The one rule that a dark page can break where the light one does not."""
    return _asked(browser, "rule", ["color-contrast"])


def _asked(browser: webdriver.Chrome, kind: str, values: list[str]) -> list[str]:
    browser.set_script_timeout(SLOWEST_S)
    browser.execute_script(_axe())
    return list(browser.execute_async_script(_ASK, kind, values))


def unfold(browser: webdriver.Chrome) -> None:
    """Open all that is folded, so that it is looked at, too."""
    browser.execute_script(
        "for (const each of document.querySelectorAll('details')) each.open = true;"
        "for (const each of document.querySelectorAll('.fold[aria-expanded=false]')) each.click()"
    )


def dark(browser: webdriver.Chrome, *, is_dark: bool) -> None:
    """As somebody sees it who wants it dark."""
    wish = [{"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wish})


class Keyboard:
    """Somebody who uses nothing else, and sees where the focus is."""

    def __init__(self, browser: webdriver.Chrome) -> None:
        self._browser = browser

    def press(self, *keys: str) -> None:
        ActionChains(self._browser).send_keys(*keys).perform()

    def to(self, words: str, kind: str = "") -> WebElement:
        """Tab to what bears these words as label or text; every stop on the way must show that it is one."""
        return self._until(lambda element: words in _name(self._browser, element) and kind in _kind(element))

    def _until(self, is_it: Callable[[WebElement], bool]) -> WebElement:
        for _ in range(MOST_STEPS):
            self.press(Keys.TAB)
            element = self._browser.switch_to.active_element
            if element.tag_name == "body":
                continue
            assert self._browser.execute_script(_FOCUS_SEEN), (
                f"focus is not seen: {_name(self._browser, element)}"
            )
            if is_it(element):
                return element
        raise AssertionError(f"not reached within {MOST_STEPS} steps")


def _kind(element: WebElement) -> str:
    return f"{element.tag_name} {element.get_attribute('type') or ''}"


def _name(browser: webdriver.Chrome, element: WebElement) -> str:
    return str(
        browser.execute_script(
            "const e = arguments[0];"
            "return e.ariaLabel || [...(e.labels ?? [])].map((l) => l.textContent).join(' ') || e.textContent",
            element,
        )
    )

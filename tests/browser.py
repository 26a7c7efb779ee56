"""A headless Chromium for tests of pages; tests that need it are skipped where it, its driver or selenium is absent."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WAIT_S = 45
_FLAGS = ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run")


class Browser:
    """A page in Chromium, by what a person sees in it: found by CSS selectors, waited for."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def show(self, width: int, height: int, dark: bool = False, scale: float = 1) -> None:
        """Be a screen of this size, in CSS pixels, that wants light or dark."""
        size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        motion = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme, motion]})

    def open(self, url: str) -> None:
        """Load a page anew, whatever was loaded before."""
        self.driver.get("about:blank")
        self.driver.get(url)

    def all(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements("css selector", selector))

    def texts(self, selector: str) -> list[str]:
        return [
            str(text)
            for text in self.run(
                "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", selector
            )
        ]

    def one(self, selector: str, text: str = "") -> Any:
        """Wait for an element, which contains the text, and return it."""

        def look() -> Any:
            return next((found for found in self.all(selector) if text in found.get_attribute("textContent")), None)

        return self.until(look, f"{selector} with {text!r}")

    def until(self, reached: Callable[[], Any], what: str) -> Any:
        """Wait for something to be true, and return it."""
        from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
        from selenium.webdriver.support.wait import WebDriverWait

        wait = WebDriverWait(self.driver, WAIT_S, 0.1, [StaleElementReferenceException])
        try:
            return wait.until(lambda _: reached())
        except TimeoutException:
            raise AssertionError(f"waited {WAIT_S} s for {what}; complaints: {self.complaints()}") from None

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def press(self, *keys: str) -> None:
        """Press keys, wherever the focus is; a name such as ARROW_DOWN is that key."""
        from selenium.webdriver.common.keys import Keys

        self.driver.switch_to.active_element.send_keys(*(getattr(Keys, key, key) for key in keys))

    def complaints(self) -> list[str]:
        """What the browser wrote to its console since the last call: errors, and what the page's policy blocked."""
        return [str(line["message"]) for line in self.driver.get_log("browser")]


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """Run a Chromium with a new profile in a folder."""
    pytest.importorskip("selenium", reason="selenium is not installed")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    binary, driver_path = next(filter(None, map(shutil.which, BROWSERS)), None), shutil.which("chromedriver")
    if not (binary and driver_path):
        pytest.skip("no Chromium with its driver (Debian: apt install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in (*_FLAGS, f"--user-data-dir={folder}", *_as_root()):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver_path))
    try:
        driver.set_page_load_timeout(WAIT_S)
        driver.set_script_timeout(WAIT_S)
        yield Browser(driver)
    finally:
        driver.quit()


def _as_root() -> tuple[str, ...]:
    """Chromium's sandbox does not start as root, as which CI runs in a container."""
    return ("--no-sandbox",) if os.geteuid() == 0 else ()

"""A headless Chromium, and what the tests ask of it beside what Selenium offers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
)
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
MISSING = [name for name, at in (("chromium", CHROMIUM), ("chromedriver", DRIVER)) if at is None]


@contextmanager
def started(profile: Path) -> Iterator[Any]:
    """Yield a browser with a user's folder of its own, which logs what it is asked to fetch."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={profile}", "--window-size=1400,1000"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    try:
        yield driver
    finally:
        driver.quit()


def asked_for(driver: Any) -> list[str]:
    """Return the addresses of all that pages asked for since the last call.

    Chromium's own pages, with which it starts, are left out.
    """
    found = []
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            told = message["params"]
            if not told["documentURL"].startswith("chrome"):
                found.append(told["request"]["url"])
    return found


def said(driver: Any) -> list[str]:
    """Return what pages wrote to the console since the last call."""
    return [entry["message"] for entry in driver.get_log("browser")]

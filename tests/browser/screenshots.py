"""Pictures of a report: `screenshots.py reports/report.html reports` writes light, dark, phone."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import chromium
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

# Each with its width and height, the colours that the system asks for, and what is scrolled to.
PICTURES = {
    "light": (1400, 1000, "light", "#verdict"),
    "dark": (1400, 1000, "dark", "#throughput"),
    "phone": (390, 844, "light", "#verdict"),
}


def main(page: Path, folder: Path) -> None:
    """Write a PNG for each of PICTURES."""
    with tempfile.TemporaryDirectory() as profile, chromium.started(Path(profile)) as driver:
        for name, (width, height, colours, place) in PICTURES.items():
            size = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": width < 700}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            features = [{"name": "prefers-color-scheme", "value": colours}]
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
            driver.get(page.resolve().as_uri())
            ready = (By.CSS_SELECTOR, "body.ready")
            WebDriverWait(driver, 30).until(lambda _, at=ready: driver.find_elements(*at))
            driver.execute_script("document.querySelector(arguments[0]).scrollIntoView()", place)
            driver.save_screenshot(str(folder / f"report-{name}.png"))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))

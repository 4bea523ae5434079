"""Photograph the running dashboard for the README: `make screenshot`."""

import shutil
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, ViewportSize, sync_playwright

from local.current_installation import recall

SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
DESK, HAND = (1440, 1080), (390, 844)  # pixels
Scheme = Literal["light", "dark"]
LOOKS: dict[str, tuple[Scheme, tuple[int, int], str]] = {
    "dashboard.png": ("light", DESK, "range=120"),
    "dashboard-dark.png": ("dark", DESK, "range=session"),
    "dashboard-mobile.png": ("dark", HAND, "range=30"),
}


def main() -> None:
    """Write the pictures beside this file."""
    address = f"http://127.0.0.1:{recall().dashboard_port}/"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=SWITCHES)
        for name in LOOKS:
            photograph(browser, address, name)


def photograph(browser: Browser, address: str, name: str) -> None:
    """Write one picture, once everything on it has been said."""
    scheme, (width, height), asked = LOOKS[name]
    scale = 1 if width > HAND[0] else 2
    size: ViewportSize = {"width": width, "height": height}
    with browser.new_context(viewport=size, color_scheme=scheme, device_scale_factor=scale) as context:
        page = context.new_page()
        page.goto(f"{address}?{asked}")
        page.wait_for_selector("html[data-ready=true]")
        page.wait_for_selector("#producer[data-stale=false]")
        page.wait_for_selector("#watch-rows polyline[points]:not([points=''])", state="attached")
        page.screenshot(path=Path(__file__).with_name(name))


if __name__ == "__main__":
    main()

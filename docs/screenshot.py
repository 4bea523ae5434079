"""Photograph the running dashboard for the README: `make screenshot`."""

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

from local.current import recall

SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
LOOKS = {"light": "dashboard.png", "dark": "dashboard-dark.png"}


def main() -> None:
    """Write docs/dashboard.png and docs/dashboard-dark.png."""
    address = f"http://127.0.0.1:{recall().dashboard_port}/?range=120"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=SWITCHES)
        for scheme, name in LOOKS.items():
            page = browser.new_page(viewport={"width": 1280, "height": 860}, color_scheme=scheme)
            page.goto(address)
            page.wait_for_selector("html[data-ready=true]")
            page.wait_for_function("document.querySelector('#producer').dataset.stale === 'false'")
            page.screenshot(path=Path(__file__).with_name(name))


if __name__ == "__main__":
    main()

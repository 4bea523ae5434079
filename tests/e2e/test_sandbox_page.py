"""The sandbox exchange's page in a real browser: it says what is simulated, and its buttons move the clock."""

import pytest
import requests
from playwright.sync_api import Page, expect

from local.servers.services import programs
from tests.servers import running, settings_in


@pytest.fixture
def exchange(tmp_path):
    s = settings_in(tmp_path, source="sandbox")
    with running(next(p for p in programs(s) if p.name == "sandbox"), s):
        yield s.sandbox


def test_a_person_pauses_and_speeds_the_clock_and_nothing_is_blocked_or_missing(exchange, browser):
    with browser.new_context() as context:
        page, said = context.new_page(), []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(exchange)
        expect(page.locator("#simulated")).to_have_text("SIMULATED")
        _set_clock(page)
        assert said == []
    clock = requests.get(f"{exchange}/clock", timeout=30).json()
    assert (clock["paused"], clock["speed"]) == (True, 600)


def _set_clock(page: Page) -> None:
    page.click("#pause")
    expect(page.locator("#state")).to_have_text("paused, 60 × the wall")
    page.fill("#speed", "600")
    page.click("text=Set speed")
    expect(page.locator("#state")).to_have_text("paused, 600 × the wall")
    stood = page.inner_text("#at")
    page.fill("#speed", "1e9")
    page.click("text=Set speed")
    assert page.inner_text("#at") == stood

"""For whom the page must work as well: without a mouse, without sight, on paper of one's own."""

import csv
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.config import Settings
from tests.e2e.pages import READY, address, bar, drawn, forecast


@pytest.mark.parametrize(("scheme", "view"), [("light", "candles"), ("dark", "candles"), ("light", "table")])
def test_axe_finds_no_violation(served: Settings, symbol: str, browser: Browser, scheme: Any, view: str) -> None:
    with browser.new_context(color_scheme=scheme, reduced_motion="reduce", bypass_csp=True) as context:
        page = context.new_page()
        page.goto(f"{address(served, symbol)}&view={view}")
        page.wait_for_selector(READY)
        expect(page.locator("#producer")).not_to_have_text("–")
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


def test_views_and_minutes_are_reached_by_the_keyboard_alone(served: Settings, symbol: str, page: Page) -> None:
    page.goto(address(served, symbol))
    page.wait_for_selector(READY)
    reach(page, "Lines")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Lines")).to_have_attribute("aria-pressed", "true")
    assert len(drawn(page, "close")) == 5
    reach(page, "Table")
    page.keyboard.press("Space")
    expect(page.locator("#table")).to_be_visible()


def test_arrow_keys_in_the_chart_read_out_a_minute(served: Settings, symbol: str, page: Page) -> None:
    page.goto(address(served, symbol))
    page.wait_for_selector(READY)
    page.locator("#stage").focus()
    page.keyboard.press("Tab")
    for time in ("09:30", "09:31"):
        expect(page.locator("#readout")).to_contain_text(time)
        page.keyboard.press("ArrowRight")


def test_a_screen_reader_is_told_of_a_new_bar_and_its_forecast(
    served: Settings, symbol: str, store: ForecastStore, page: Page
) -> None:
    page.goto(address(served, symbol))
    page.wait_for_selector(READY)
    store.store([bar(symbol, 5, 105.0)], [forecast(symbol, 5, 106.25)])
    told = page.locator("[aria-live]").filter(has_text="Close of 09:35: 105.00. Forecast for 09:36: 106.25.")
    expect(told.first).to_be_attached()


def test_the_table_shows_what_the_chart_does_and_holds_few_rows_of_many(
    served: Settings, symbol: str, store: ForecastStore, page: Page
) -> None:
    store.store([bar(symbol, m, 100 + m / 10) for m in range(6, 300)], [])
    page.goto(f"{address(served, symbol)}&view=table&range=session")
    page.wait_for_selector(READY)
    table = page.locator("#table table")
    expect(table).to_have_attribute("aria-rowcount", "301")  # 299 bars, a forecast of a minute without one, the head
    rows = page.locator("#table tbody tr:not(.spacer)")
    assert rows.count() < 60
    expect(rows.first).to_contain_text("14:29129.90")
    page.locator("#table").evaluate("place => { place.scrollTop = place.scrollHeight; }")
    oldest = "Fri 1 Mar, 09:30100.00100.0599.95100.0010"
    expect(rows.last).to_have_text(oldest)
    expect(rows.last).to_have_attribute("aria-rowindex", "301")


def test_what_is_shown_can_be_taken_along_as_csv(served: Settings, symbol: str, page: Page) -> None:
    page.goto(address(served, symbol))
    page.wait_for_selector(READY)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == f"{symbol}.csv"
    lines = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    assert [line["close"] for line in lines] == ["100.0", "101.0", "102.0", "103.0", "104.0", ""]
    assert lines[-1]["forecast"] == "104.5"


def reach(page: Page, name: str) -> None:
    """Press Tab until a button of this name has the focus."""
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == name:
            return
    pytest.fail(f"Tab does not reach {name}")

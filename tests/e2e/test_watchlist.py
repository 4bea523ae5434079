"""The list of symbols in a real browser: searched, sorted, and short on the page however long it is."""

from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.config import Settings
from tests.e2e.pages import FIRST, READY, address, bar, drawn, forecast

MANY = 300
ROWS = "#watch-rows tbody tr:not(.spacer)"


@pytest.fixture
def many(store: ForecastStore) -> str:
    """The start of the names of many symbols, the price of each one higher by one."""
    start = f"W{uuid4().hex[:5].upper()}"
    names = [f"{start}{n:03}" for n in range(MANY)]
    bars = [bar(name, m, 100.0 + n + m) for n, name in enumerate(names) for m in range(2)]
    store.store(bars, [forecast(name, 1, 101.5 + n) for n, name in enumerate(names)])
    return start


def listed(page: Page, s: Settings, asked: str) -> None:
    page.goto(address(s, FIRST))
    page.locator("#watch-search").fill(asked.lower())
    expect(page.locator("#watch-count")).to_contain_text(f"{MANY} of ", timeout=20_000)


def test_a_symbol_is_found_by_a_part_of_its_name_and_chosen_by_enter(
    served: Settings, many: str, symbol: str, page: Page
) -> None:
    listed(page, served, many)
    page.locator("#watch-search").fill(symbol[2:])
    expect(page.locator(ROWS)).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("#next")).to_have_text("104.50")
    expect(page.locator(ROWS)).to_have_attribute("aria-current", "true")
    page.wait_for_selector(READY)
    assert len(drawn(page, "bars")) == 5
    assert f"symbol={symbol}" in page.url


def test_many_are_sorted_and_few_of_them_are_on_the_page(served: Settings, many: str, page: Page) -> None:
    listed(page, served, many)
    page.get_by_role("button", name="Last", exact=True).click()
    expect(page.get_by_role("columnheader", name="Last")).to_have_attribute("aria-sort", "descending")
    first = page.locator(ROWS).first
    expect(first).to_contain_text(f"{many}{MANY - 1:03}{MANY + 100}.00")
    expect(first.locator("polyline")).to_have_attribute("points", "1.0,9.0")
    assert page.locator(ROWS).count() < 60
    page.locator("#watch-rows").evaluate("place => { place.scrollTop = place.scrollHeight; }")
    expect(page.locator(ROWS).last).to_contain_text(f"{many}000101.00")


def test_the_list_is_walked_by_arrow_keys(served: Settings, many: str, page: Page) -> None:
    listed(page, served, many)
    page.locator("#watch-search").focus()
    for _ in range(30):
        page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent") == f"{many}029"
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.textContent") == f"{many}{MANY - 1:03}"
    page.keyboard.press("Enter")
    expect(page.locator("#symbol")).to_have_text(f"{many}{MANY - 1:03}")


def test_the_line_of_the_chosen_symbol_says_what_the_page_says(
    served: Settings, symbol: str, store: ForecastStore, page: Page
) -> None:
    page.goto(address(served, symbol))
    page.locator("#watch-search").fill(symbol)
    line = page.locator(ROWS)
    expect(line).to_contain_text("104.00")
    store.store([bar(symbol, 5, 105.0)], [forecast(symbol, 5, 106.25)])
    expect(page.locator("#last")).to_have_text("105.00")
    at_once = line.inner_text()  # both are written at the same time
    assert "105.00" in at_once
    assert "106.25" in at_once

"""What is marked on the chart, and the choices that the address keeps, in a real browser."""

from typing import Any

from playwright.sync_api import Browser, Page, expect

from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.config import Settings
from tests.e2e.pages import READY, T, address, bar, drawn, forecast, wait_for

DAY = 1440  # minutes
SHOWN = "() => Highcharts.charts.at(-1).series.filter(series => series.visible).map(series => series.options.id)"
FLAGS = "() => Highcharts.charts.at(-1).get('models').points.map(point => [point.x, point.options.title])"
BANDS = """() => Highcharts.charts.at(-1).xAxis[0].options.plotBands
  .map(({ className, from, to }) => [className, from, to])"""


def ms(minute: int) -> int:
    return (T + 60 * minute) * 1000


def opened(page: Page, s: Settings, symbol: str, asked: str = "") -> None:
    page.goto(address(s, symbol) + asked)
    page.wait_for_selector(READY)


def test_a_flag_stands_where_the_model_changed_also_while_one_watches(
    served: Settings, symbol: str, store: ForecastStore, page: Page
) -> None:
    opened(page, served, symbol)
    assert page.evaluate(FLAGS) == []
    store.store([bar(symbol, 5, 105.0)], [forecast(symbol, 5, 105.5, "8")])
    wait_for(page, lambda: page.evaluate(FLAGS) == [[ms(6), "v8"]], "the flag")


def test_missing_minutes_and_closed_hours_are_marked_and_not_bridged(
    served: Settings, symbol: str, store: ForecastStore, page: Page
) -> None:
    store.store([bar(symbol, m, 105.0) for m in (25, 26, DAY, DAY + 1)], [])
    opened(page, served, symbol, "&range=week")
    assert page.evaluate(BANDS) == [["gap", ms(4), ms(25)], ["closed", ms(26), ms(DAY)]]
    nulls = "Highcharts.charts.at(-1).get('bars').getColumn('close').filter(close => close === null).length"
    assert page.evaluate(nulls) == 20
    expect(page.locator(".highcharts-plot-line.session").first).to_be_attached()


def test_forecast_and_actual_close_as_two_lines_are_one_click_away(served: Settings, symbol: str, page: Page) -> None:
    opened(page, served, symbol)
    page.get_by_role("button", name="Lines").click()
    assert page.evaluate(SHOWN) == ["close", "forecast", "ahead", "models"]
    assert drawn(page, "close") == [[ms(m), 100 + m] for m in range(5)]
    page.get_by_role("button", name="Candles").click()
    assert "half" in page.evaluate(SHOWN)
    assert "close" not in page.evaluate(SHOWN)


def test_the_address_keeps_symbol_range_view_and_zone(served: Settings, symbol: str, browser: Browser) -> None:
    with browser.new_context(timezone_id="Asia/Tokyo") as context:
        page = context.new_page()
        opened(page, served, symbol)
        page.get_by_role("button", name="Week").click()
        page.get_by_role("button", name="Lines").click()
        page.select_option("#zone", "viewer")
        expect(page.locator("#last-when")).to_have_text("close of 23:34")  # 09:34 in New York
        page.reload()
        page.wait_for_selector(READY)
        expect(page.locator("#last-when")).to_have_text("close of 23:34")
        pressed: Any = page.locator("[aria-pressed=true]").all_text_contents()
        assert pressed == ["Week", "Lines"]
        assert all(part in page.url for part in (f"symbol={symbol}", "range=week", "view=lines", "zone=viewer"))


def test_the_state_of_a_moment_ago_does_not_set_back_the_time_of_the_newest_bar(
    served: Settings, symbol: str, store: ForecastStore, page: Page
) -> None:
    opened(page, served, symbol)
    store.store([bar(symbol, 9, 109.0)], [])
    expect(page.locator("#last")).to_have_text("109.00")
    expect(page.locator("#bar-age")).to_have_text("09:39, 0 s old")  # the producer last said 09:35
    expect(page.locator("#clock")).to_have_text("Fri 1 Mar, 09:40:00")

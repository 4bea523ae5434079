"""The page in a real browser, on a real PostgreSQL."""

import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import psycopg
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from local import ports
from local.servers import postgres as postgres_program
from local.servers import postgres_roles
from local.servers.services import programs
from serving.dashboard.status import STALE
from stock_ml.adapters.postgres.migrate import migrate
from stock_ml.adapters.postgres.monitoring_store import MonitoringStore
from stock_ml.adapters.postgres.store import BARS, ForecastStore, OfficialCloseRow, OtherRows
from stock_ml.config import Settings
from stock_ml.evaluation.live_performance import MonitoringReport
from tests.e2e.pages import EMPTY, READY, T, address, bar, dashboard_program, drawn, forecast, keep, wait_for
from tests.servers import running, settings_in


def test_the_forecast_is_drawn_at_its_target_minute_ahead_of_the_newest_bar(
    served: Settings, symbol: str, page: Page
) -> None:
    page.goto(address(served, symbol))
    page.wait_for_selector(READY)
    assert drawn(page, "bars") == [[(T + 60 * m) * 1000, 100 + m] for m in range(5)]
    assert drawn(page, "forecast") == [[(T + 60 * (m + 1)) * 1000, 100.5 + m] for m in range(5)]
    expect(page.locator("#next-label")).to_have_text("Forecast for 09:35")
    expect(page.locator("#next")).to_have_text("104.50")
    expect(page.locator("#next-band")).to_have_text("90 %: 104.30 to 104.70")


def test_a_new_bar_and_forecast_appear_without_reload_and_stay_after_one(
    served: Settings, symbol: str, store: ForecastStore, page: Page
) -> None:
    page.goto(address(served, symbol))
    page.wait_for_selector(READY)
    page.evaluate("window.notReloaded = true")
    store.store([bar(symbol, 5, 105.0)], [forecast(symbol, 5, 106.25)])
    expect(page.locator("#next")).to_have_text("106.25")
    expect(page.locator("#last")).to_have_text("105.00")
    wait_for(page, lambda: drawn(page, "forecast")[-1] == [(T + 360) * 1000, 106.25], "the new forecast")
    assert page.evaluate("window.notReloaded")
    page.reload()
    page.wait_for_selector(READY)
    assert len(drawn(page, "bars")) == 6
    assert len(drawn(page, "forecast")) == 6


def test_a_bar_that_comes_late_is_put_in_its_place(
    served: Settings, symbol: str, store: ForecastStore, page: Page
) -> None:
    store.store([bar(symbol, 7, 107.0)], [])
    page.goto(address(served, symbol))
    page.wait_for_selector(READY)
    store.store([bar(symbol, 5, 105.0)], [])
    wait_for(page, lambda: len(drawn(page, "bars")) == 7, "the late bar")
    assert [x for x, _ in drawn(page, "bars")] == [(T + 60 * m) * 1000 for m in (0, 1, 2, 3, 4, 5, 7)]


def test_an_outlier_is_no_price_of_the_page_and_is_named_in_the_table(
    served: Settings, symbol: str, store: ForecastStore, page: Page
) -> None:
    store.store([bar(symbol, 5, 10_500.0)._replace(outlier=True)], [])
    page.goto(address(served, symbol))
    page.wait_for_selector(READY)
    assert [x for x, _ in drawn(page, "bars")] == [(T + 60 * m) * 1000 for m in range(5)]
    expect(page.locator("#last")).to_have_text("104.00")
    page.get_by_text("Table", exact=True).click()
    expect(page.get_by_text("10, outlier")).to_be_visible()


def test_the_official_close_is_the_last_price_until_the_next_sessions_bars(
    served: Settings, symbol: str, store: ForecastStore, page: Page
) -> None:
    page.goto(address(served, symbol))
    page.wait_for_selector(READY)
    expect(page.locator("#last-when")).to_have_text("close of 09:34")
    official = OfficialCloseRow(symbol, T + 390 * 60, 105.25, 0.0, "sandbox", "2024-03-01")
    store.finish(store.begin(np.empty(0, BARS), np.empty(0, BARS), OtherRows(closes=[official])))
    expect(page.locator("#last")).to_have_text("105.25")
    expect(page.locator("#last-when")).to_have_text("official close of 16:00")
    store.store([bar(symbol, 1440, 106.0)], [])
    expect(page.locator("#last")).to_have_text("106.00")
    expect(page.locator("#last-when")).to_contain_text("close of")
    expect(page.locator("#last-when")).not_to_contain_text("official")


def test_the_page_says_simulated_and_no_advice_and_what_serves(served: Settings, symbol: str, page: Page) -> None:
    page.goto(address(served, symbol))
    page.wait_for_selector(READY)
    expect(page.locator("#simulated")).to_be_visible()
    expect(page.get_by_text("Not investment advice.")).to_be_visible()
    expect(page.locator("#model a")).to_have_attribute("href", f"{served.mlflow}/#/runs/abc")
    expect(page.locator("#market")).to_have_text("Open")
    expect(page.locator("#skill-sentence")).to_have_text("Too early to tell: 4 forecasts scored, 30 are needed.")


def test_the_page_says_how_good_each_session_was_and_how_the_last_runs_went(
    served: Settings, symbol: str, store: ForecastStore, page: Page
) -> None:
    day = 1440
    made = [forecast(symbol, day + m, 101.5)._replace(session="2024-03-02") for m in range(3)]
    store.store([bar(symbol, day + m, 101.0 + m) for m in range(3)], made)
    with psycopg.connect(served.postgres()) as connection:  # tests of the DAGs leave their runs
        connection.execute("delete from service_state where service = 'dag:maintain'")
    store.write_state("dag:ingest_bars", {"state": "failed", "run_id": "r1", "started_at": T, "ended_at": T + 60.0})
    page.goto(address(served, symbol))
    page.wait_for_selector(READY)
    names = page.locator("#record tbody th")
    expect(names).to_have_text(["Sat 2 Mar", "Fri 1 Mar", "Last 2 together"])
    expect(page.locator("#record tbody td:last-child")).to_have_text(["2", "4", "6"])
    expect(page.locator("#record-sentence")).to_have_text("Too early to tell: 6 forecasts scored, 30 are needed.")
    run = page.locator("#dags a[href*='/ingest_bars/']")
    expect(run).to_contain_text("failed")
    assert (run.get_attribute("href") or "").endswith("/dags/ingest_bars/runs/r1")
    expect(page.locator("#dags a[href$='/dags/maintain']")).to_have_text("no run yet")


def test_how_far_a_feature_drifted_is_said_beside_what_monitoring_found(
    served: Settings, symbol: str, page: Page
) -> None:
    store = MonitoringStore.connect(served)
    store.close_alert(time.time() + 60)  # an alert would be said in its place
    store.write_report(
        MonitoringReport("7", 2000, 1.0, 1.1, 0.09, 1.0, 0.5, 0.9, 0.99, {}, {"gap": 0.1, "move": 0.25, "day": -1.0}), T
    )
    store.close()
    page.goto(address(served, symbol))
    expect(page.locator("#monitor")).to_have_text("skill +9.0 %, 09:30; drift of move, PSI 0.25 beyond training")


def test_a_delayed_feed_is_named_and_its_bars_are_not_called_old(
    served: Settings, symbol: str, store: ForecastStore, page: Page
) -> None:
    monitoring = MonitoringStore.connect(served)
    monitoring.close_alert(time.time() + 60)  # an alert would be said in its place
    report = MonitoringReport("7", 2000, 1.0, 1.1, 0.09, 1.0, 0.5, 0.9, 0.99, {}, {}, made=2100, late=0.05)
    monitoring.write_report(report, T)
    before = store.read_state("producer")
    assert before is not None
    store.write_state("producer", before.state | {"now": T + 1400.0, "feed_delay": {served.exchange: 900}})
    page.goto(address(served, symbol))
    expect(page.locator("#market-when")).to_contain_text("15 min delayed feed")
    expect(page.locator("#bar-age")).to_have_attribute("data-stale", "false")
    expect(page.locator("#monitor")).to_have_text("skill +9.0 %, 09:30; 5 % made too late")
    monitoring.write_report(report._replace(late=1.0, alarm="100% of 2100 forecasts were made too late"), T)
    monitoring.close()
    store.write_state("producer", before.state | {"now": T + 1400.0, "feed_delay": {served.exchange: 0}})
    expect(page.locator("#monitor")).to_have_text("100% of 2100 forecasts were made too late")
    expect(page.locator("#market-when")).not_to_contain_text("delayed")
    expect(page.locator("#bar-age")).to_have_attribute("data-stale", "true")
    store.write_state("producer", before.state)


def test_a_symbol_that_is_markup_is_shown_and_not_run(served: Settings, store: ForecastStore, page: Page) -> None:
    name = "<svg onload=x()>"  # as long as a symbol can be stored; run, it would be an error on the page
    store.store([bar(name, 0, 100.0)], [forecast(name, 0, 100.5)])
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.goto(address(served, quote(name)))
    page.wait_for_selector(READY)
    expect(page.locator("#symbol")).to_have_text(name)
    expect(page.get_by_role("button", name=name).first).to_be_visible()
    assert page.locator("svg[onload]").count() == 0


def test_a_model_that_is_awaited_is_said_in_words(
    served: Settings, symbol: str, store: ForecastStore, page: Page
) -> None:
    store.write_state("consumer", {"model_version": None, "waiting": "waiting for a champion"})
    page.goto(address(served, symbol))
    expect(page.locator("#notice")).to_contain_text("Waiting for a champion.")
    store.write_state("consumer", {"model_version": "8", "run_id": "def", "waiting": None})
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator("#model")).to_have_text("version 8")


def test_a_consumer_that_stopped_is_shown_as_stale_until_it_speaks_again(
    served: Settings, symbol: str, store: ForecastStore, page: Page
) -> None:
    page.goto(address(served, symbol))
    consumer = page.locator("#consumer")
    expect(consumer).to_have_attribute("data-stale", "false")
    with psycopg.connect(served.postgres()) as connection:  # as if it had spoken a minute ago
        connection.execute("update service_state set updated_at = now() - interval '1 min' where service = 'consumer'")
        # and the producer's word may not grow old on a slow machine, for it would be named first
        connection.execute("update service_state set updated_at = now() + interval '1 min' where service = 'producer'")
    expect(consumer).to_have_text("stale, last heard 1 min ago")
    expect(consumer).to_have_attribute("data-stale", "true")
    expect(page.locator("#link-text")).to_have_text("Consumer silent")
    expect(page).to_have_title(f"Consumer silent: {symbol} · stock_ml")
    store.write_state("consumer", {"model_version": "7", "run_id": "abc", "waiting": None, "lag": 0})
    expect(consumer).to_have_attribute("data-stale", "false")


def test_a_consumer_whose_process_was_ended_is_shown_as_stale_and_heard_again_after_its_start(
    served: Settings, symbol: str, page: Page
) -> None:
    consumer, program = page.locator("#consumer"), next(p for p in programs(served) if p.name == "consumer")
    page.goto(address(served, symbol))
    with running(program, served):
        expect(consumer).to_have_attribute("data-stale", "false")
    expect(consumer).to_contain_text("stale, last heard", timeout=1000 * (STALE + 5))
    with running(program, served):
        expect(consumer).to_have_attribute("data-stale", "false", timeout=10_000)


def test_a_symbol_without_bars_says_that_they_will_come(served: Settings, store: ForecastStore, page: Page) -> None:
    page.goto(address(served, EMPTY))
    expect(page.locator("#empty-title")).to_have_text("No bars yet")
    expect(page.locator("#empty-title")).to_be_visible()


def test_without_highcharts_the_page_says_how_to_get_it_and_the_figures_live(
    served: Settings, symbol: str, browser: Browser
) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.route("**/highstock.js*", lambda route: route.abort())
        page.goto(address(served, symbol))
        expect(page.locator("#next")).to_have_text("104.50")
        expect(page.get_by_text("The chart library is not installed")).to_be_visible()


def test_the_minute_under_the_cursor_is_read_out(served: Settings, symbol: str, page: Page) -> None:
    page.goto(address(served, symbol))
    page.wait_for_selector(READY)
    point_at(page, "points[2]")
    expect(page.locator("#readout")).to_have_text(
        "Fri 1 Mar, 09:32 O 102.00H 102.05L 101.95C 102.00Vol 10"
        "Forecast 101.5050 % 101.40 to 101.6090 % 101.30 to 101.70Error −49.0 bpModel 7"
    )


def test_a_point_of_several_minutes_is_read_out_as_these_minutes(
    served: Settings, symbol: str, store: ForecastStore, page: Page
) -> None:
    store.store(
        [bar(symbol, m, 100 + m / 10) for m in range(5, 389)], [forecast(symbol, m, 100.5) for m in (9, 11, 12)]
    )
    page.goto(f"{address(served, symbol)}&range=session")
    page.wait_for_selector(READY)
    point_at(page, "points.find(point => point.x === 1709304000000)")  # 09:40
    expect(page.locator("#readout")).to_have_text(
        "Fri 1 Mar, 09:40 to 09:41 O 101.00H 101.15L 100.95C 101.10Vol 20"
        "Forecast for 09:40 100.5050 % 100.40 to 100.6090 % 100.30 to 100.70Error −49.5 bpModel 7"
    )
    point_at(page, "points.find(point => point.x === 1709304120000)")  # 09:42
    expect(page.locator("#readout")).to_contain_text("C 101.30Vol 20Forecast 100.5050 %")


def test_figures_of_one_symbol_do_not_stand_under_the_name_of_another(
    served: Settings, symbol: str, browser: Browser
) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(address(served, symbol))
        page.wait_for_selector(READY)
        expect(page.locator("#last")).to_have_text("104.00")
        page.route("**/data?*", lambda route: route.abort())
        page.locator("#watch-search").fill(EMPTY)
        page.keyboard.press("Enter")
        expect(page.locator("#link-text")).to_have_text("Connection lost")
        expect(page.locator("#symbol")).to_have_text(EMPTY)
        for figure in ("#last", "#next", "#skill"):
            expect(page.locator(figure)).to_have_text("–")
        expect(page.locator("#consumer")).to_have_text("not known now")
        expect(page).to_have_title(f"Connection lost: {EMPTY} · stock_ml")


def test_a_symbol_that_is_entered_before_the_list_is_there_is_chosen_when_it_is(
    served: Settings, symbol: str, page: Page
) -> None:
    held: list[Route] = []
    page.route("**/symbols", lambda route: held.append(route), times=1)
    page.goto(address(served, symbol))
    page.wait_for_selector(READY)
    wait_for(page, lambda: held, "the request for the list")
    page.locator("#watch-search").fill(EMPTY)
    page.keyboard.press("Enter")
    expect(page.locator("#symbol")).to_have_text(symbol)
    held[0].continue_()
    expect(page.locator("#symbol")).to_have_text(EMPTY)


def test_moving_away_from_the_newest_minute_stops_following_until_asked(
    served: Settings, symbol: str, store: ForecastStore, page: Page
) -> None:
    store.store([bar(symbol, m, 100 + m / 10) for m in range(5, 200)], [])
    page.goto(address(served, symbol))
    page.wait_for_selector(READY)
    stage = page.locator("#chart").bounding_box()
    assert stage is not None
    middle = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 3
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 300, middle[1], steps=5)
    page.mouse.up()
    shown = page.evaluate("Highcharts.charts.at(-1).xAxis[0].max")
    store.store([bar(symbol, 200, 130.0)], [])
    expect(page.locator("#last")).to_have_text("130.00")
    assert page.evaluate("Highcharts.charts.at(-1).xAxis[0].max") == shown
    page.get_by_role("button", name="Go to latest").click()
    assert page.evaluate("Highcharts.charts.at(-1).xAxis[0].max") > shown


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_scrolls_downwards_only(served: Settings, symbol: str, browser: Browser, scheme: Any) -> None:
    size: Any = {"width": 360, "height": 740}
    with browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(address(served, symbol))
        page.wait_for_selector(READY)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == {"light": "rgb(245, 246, 248)", "dark": "rgb(13, 16, 22)"}[scheme]
        assert page.evaluate("getComputedStyle(document.querySelector('.dot')).animationName") == "none"


def test_the_page_outlives_the_database_and_fills_in_what_it_missed(browser: Browser, tmp_path: Path) -> None:
    s = settings_in(tmp_path)
    database, name = postgres_program.program(s), s.symbols[0]
    with running(dashboard_program(s), s), browser.new_context() as context:
        page = context.new_page()
        page.goto(address(s, name))
        expect(page.locator("#notice")).to_contain_text("does not answer")
        with running(database, s):
            postgres_roles.ensure_roles(s)
            migrate(s)
            keep(s, [bar(name, m, 100.0 + m) for m in range(2)])
            page.wait_for_selector(READY)
            expect(page.locator("#notice")).to_be_hidden()
        expect(page.locator("#link-text")).to_have_text("Database away")
        assert len(drawn(page, "bars")) == 2
        with running(database, s):
            keep(s, [bar(name, m, 100.0 + m) for m in range(2, 4)])
            wait_for(page, lambda: len(drawn(page, "bars")) == 4, "what was missed", 30)


def test_rows_that_cannot_be_read_are_not_called_a_database_that_is_away(
    served: Settings, symbol: str, browser: Browser
) -> None:
    body = {"error": "PostgreSQL cannot compute with the rows that it holds", "kind": "bad_rows"}
    with browser.new_context() as context:
        page = context.new_page()
        page.route("**/data?*", lambda route: route.fulfill(status=503, json=body))
        page.goto(address(served, symbol))
        expect(page.locator("#link-text")).to_have_text("Stored rows cannot be read")
        expect(page.locator("#notice")).to_contain_text(body["error"])


def test_the_page_hears_from_the_stream_and_asks_for_data_only_once(
    served: Settings, symbol: str, store: ForecastStore, page: Page
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.split("/")[3].split("?")[0]))
    page.goto(address(served, symbol))
    page.wait_for_selector(READY)
    for minute in range(5, 8):
        store.store([bar(symbol, minute, 100.0 + minute)], [])
        expect(page.locator("#last")).to_have_text(f"{100 + minute}.00")
    assert (asked.count("data"), asked.count("stream")) == (1, 1)


def test_the_page_says_that_the_server_is_away_and_fills_the_gap_after(
    postgres: Settings, symbol: str, store: ForecastStore, browser: Browser
) -> None:
    s = postgres.model_copy(update={"dashboard_port": ports.free(1)[0]})
    with browser.new_context() as context:
        page = context.new_page()
        with running(dashboard_program(s), s):
            page.goto(address(s, symbol))
            page.wait_for_selector(READY)
            page.evaluate("window.notReloaded = true")
        expect(page.locator("#link-text")).to_have_text("Connection lost")
        store.store([bar(symbol, m, 100.0 + m) for m in range(5, 9)], [])
        with running(dashboard_program(s), s):
            wait_for(page, lambda: len(drawn(page, "bars")) == 9, "what was missed", 30)
            expect(page.locator("#last")).to_have_text("108.00")
            store.store([bar(symbol, 9, 120.0)], [])
            expect(page.locator("#last")).to_have_text("120.00")
        assert page.evaluate("window.notReloaded")


def point_at(page: Page, candle: str) -> None:
    """Put the cursor above one of the drawn candles."""
    place: Any = page.evaluate(
        f"""() => {{ const chart = Highcharts.charts.at(-1), point = chart.get('bars').{candle};
          const at = chart.container.getBoundingClientRect();
          return [at.x + chart.plotLeft + point.plotX, at.y + chart.plotTop + 40]; }}"""
    )
    page.mouse.move(place[0] - 5, place[1])
    page.mouse.move(*place)

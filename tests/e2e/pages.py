"""What browser tests of the dashboard share."""

import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page

from local.servers import services
from local.supervisor.program import Program
from stock_ml.adapters.postgres.store import BarRow, ForecastRow, ForecastStore
from stock_ml.config import Settings

FIRST, EMPTY = "FIRST", "EMPTY"  # the symbols of the settings; no bar of them is stored
T = 1_709_303_400  # 2024-03-01 09:30 in New York
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
READY = "html[data-ready=true]"
# the drawn series: [[x, y], …], x in epoch milliseconds
DRAWN = """id => Highcharts.charts.at(-1).get(id).points.filter(point => !point.isNull)
  .map(point => [point.x, point.y ?? point.close])"""


def dashboard_program(s: Settings) -> Program:
    return next(program for program in services.programs(s) if program.name == "dashboard")


def bar(symbol: str, minute: int, close: float) -> BarRow:
    return BarRow(symbol, T + 60 * minute, close, close + 0.05, close - 0.05, close, 10.0, False, "sandbox", False)


def forecast(symbol: str, minute: int, predicted: float, version: str = "7") -> ForecastRow:
    ts, p = T + 60 * minute, predicted
    bounds = (p - 0.1, p + 0.1, p - 0.2, p + 0.2, p - 0.3, p + 0.3)
    return ForecastRow(symbol, ts, 1, ts + 60, "2024-03-01", p, p, *bounds, version, 0.0, ts + 61.0, False)


def wait_for(page: Page, holds: Callable[[], Any], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not come within {seconds} s"
        page.wait_for_timeout(100)


def drawn(page: Page, series: str) -> list[list[float]]:
    points: list[list[float]] = page.evaluate(DRAWN, series)
    return points


def address(s: Settings, symbol: str) -> str:
    return f"http://127.0.0.1:{s.dashboard_port}/?symbol={symbol}"


def keep(s: Settings, bars: list[BarRow]) -> None:
    store = ForecastStore.connect(s)
    store.store(bars, [])
    store.close()

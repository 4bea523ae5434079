"""The page in headless Chromium: until its first chart is painted, with a session and with 10,000 symbols."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from shutil import which
from statistics import median
from typing import NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.table import Table

from benchmarks._live import times
from benchmarks._servers import dashboard
from local import highcharts
from stock_ml.adapters.postgres.store import BarRow, ForecastRow, ForecastStore
from stock_ml.config import Settings

SHOWN, SESSION, MANY = "P00000", 390, 10_000
CHUNK = 5000  # rows stored at once
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
READY = "html[data-ready=true]"
LISTED = "() => document.querySelector('#watch-count').textContent"
# of all that was loaded: how many requests, and their bytes on the line
LOADED = """() => { const all = ["navigation", "resource"].flatMap(kind => performance.getEntriesByType(kind));
  return [all.length, all.reduce((sum, entry) => sum + entry.transferSize, 0)]; }"""
# a frame that scrolls the list by a screen, and what it took; the longest of sixty
SCROLLED = """async () => { const place = document.querySelector("#watch-rows"), taken = [];
  for (let n = 0; n < 60; n += 1) {
    const begun = performance.now();
    place.scrollTop += place.clientHeight;
    place.dispatchEvent(new Event("scroll"));
    document.body.getBoundingClientRect();
    taken.push(performance.now() - begun);
    await new Promise(requestAnimationFrame);
  }
  return Math.max(...taken); }"""


class Loaded(NamedTuple):
    """Hold what one load of the page was: milliseconds to the first chart, requests, KB on the line."""

    paint_ms: float
    requests: int
    kb: float


def run(console: Console, loads: int = 7, symbols: int = MANY) -> dict[str, float]:
    """Load the page so many times, each in a browser that has nothing of it yet, and return the figures."""
    highcharts.fetch()
    with (
        dashboard("page", (SHOWN,)) as (s, _),
        closing(ForecastStore.connect(s)) as store,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=which("chromium"), args=SWITCHES)
        fill(store, [SHOWN], SESSION)
        alone = load_often(browser, s, loads)
        fill(store, [f"P{n:05}" for n in range(1, symbols)], 3)
        among, scroll_ms = load_often(browser, s, loads), scroll(browser, s, symbols)
        browser.close()
    show(console, {"one symbol": alone, f"{symbols:,} symbols": among})
    return {
        "first_paint_ms": alone.paint_ms,
        "first_paint_10000_ms": among.paint_ms,
        "kb": alone.kb,
        "kb_10000": among.kb,
        "requests": alone.requests,
        "scroll_10000_ms": scroll_ms,
    }


def fill(store: ForecastStore, names: list[str], minutes: int) -> None:
    """Store the last so many minutes of a session of each symbol, with a forecast of each."""
    rows = [(name, ts) for ts in times(SESSION)[-minutes:] for name in names]
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        store.store([bar(*row) for row in part], [forecast(*row) for row in part])


def bar(name: str, ts: int) -> BarRow:
    """Return a bar whose price walks up and down."""
    price = 100 + ts // 60 % 17 / 10
    return BarRow(name, ts, price, price + 0.1, price - 0.1, price, 500.0, False, "csv", False)


def forecast(name: str, ts: int) -> ForecastRow:
    """Return a forecast of the next minute."""
    bounds = (99.9, 101.1, 99.8, 101.2, 99.7, 101.2)
    return ForecastRow(name, ts, 1, ts + 60, "2024-03-01", 100.0, 100.5, *bounds, "1", 0.0, ts + 61.0, False)


def load_often(browser: Browser, s: Settings, loads: int) -> Loaded:
    """Return the median load; the first, which warms the servers, does not count."""
    found = [load(browser, s) for _ in range(loads + 1)][1:]
    return Loaded(*(round(median(column), 1) for column in zip(*found, strict=True)))


def load(browser: Browser, s: Settings) -> Loaded:
    """Load the page without a cache."""
    with opened(browser, s) as page:
        paint = page.evaluate("performance.getEntriesByName('chart')[0].startTime")
        page.wait_for_function(LISTED)
        requests, bytes_ = page.evaluate(LOADED)
        return Loaded(paint, requests, bytes_ / 1024)


def scroll(browser: Browser, s: Settings, symbols: int) -> float:
    """Return the milliseconds that the slowest screen of the list took, scrolled screen by screen."""
    with opened(browser, s) as page:
        while page.evaluate(LISTED) != str(symbols):
            page.wait_for_timeout(500)
        return round(float(page.evaluate(SCROLLED)), 1)


@contextmanager
def opened(browser: Browser, s: Settings) -> Iterator[Page]:
    """Open the page, and go on when its first chart is painted."""
    # waiting for a function needs eval, which the page forbids
    with browser.new_context(viewport={"width": 1440, "height": 900}, bypass_csp=True) as context:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{s.dashboard_port}/?symbol={SHOWN}&range=session", wait_until="commit")
        page.wait_for_selector(READY)
        yield page


def show(console: Console, found: dict[str, Loaded]) -> None:
    """Print the table."""
    table = Table("", "first chart, ms", "requests", "KB", title="the page in headless Chromium, nothing cached")
    for name, loaded in found.items():
        table.add_row(name, *(f"{value:g}" for value in loaded))
    console.print(table)

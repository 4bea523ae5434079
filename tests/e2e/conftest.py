"""The dashboard on a real PostgreSQL, and a real browser."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from local import highcharts
from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.config import Settings
from tests.e2e.pages import CHROMIUM, EMPTY, FIRST, T, bar, dashboard_program, forecast
from tests.servers import drop_days, running, tables


@pytest.fixture(scope="session")
def served(postgres: Settings) -> Iterator[Settings]:
    highcharts.fetch()
    tables(postgres)
    drop_days(postgres)  # /symbols lists those of the newest days
    s = postgres.model_copy(update={"symbols": (FIRST, EMPTY)})
    with running(dashboard_program(s), s):
        yield s


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """The one Playwright of a session: a second one does not start."""
    expect.set_options(timeout=30_000)  # milliseconds: a page waits for a busy machine
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)


@pytest.fixture
def store(served: Settings) -> Iterator[ForecastStore]:
    store = ForecastStore.connect(served)
    store.write_state(
        "producer", {"now": T + 300.0, "market_open": True, "next_change": T + 23_400.0, "simulated": True}
    )
    store.write_state("consumer", {"model_version": "7", "run_id": "abc", "waiting": None, "lag": 0})
    yield store
    store.close()


@pytest.fixture
def symbol(store: ForecastStore) -> str:
    """A symbol with five bars, and a forecast of the minute after each."""
    name = f"P{uuid4().hex[:8].upper()}"
    store.store([bar(name, m, 100 + m) for m in range(5)], [forecast(name, m, 100.5 + m) for m in range(5)])
    return name


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that must neither complain nor ask another host."""
    with browser.new_context() as context:
        page = context.new_page()
        heard: list[str] = []
        page.on("console", lambda message: heard.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda request: heard.append(request.url) if "//127.0.0.1:" not in request.url else None)
        yield page
        assert not heard

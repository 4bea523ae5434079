"""What an ingest plans for symbols of several exchanges."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from stock_ml.adapters.lake import Lake
from stock_ml.config import Settings, load
from stock_ml.domain.calendar import sessions
from stock_ml.errors import UnknownSessions
from stock_ml.ingestion.download import download
from stock_ml.ingestion.plan import plan_symbols, work
from stock_ml.ingestion.request_form import IngestRequest


def last() -> float:
    """Return when the last session that is known of Bombay closes; its calendar takes a second to load."""
    return float(sessions("XBOM").closes[-1])


def after() -> float:
    return last() + 40 * 86_400


def nothing(*_: object) -> None:
    return None


class EmptyLake:
    """Stand for a lake in which nothing is stored."""

    quality = SimpleNamespace(read_last_request=nothing, has_failed=nothing)
    newest_raw = read_quality = nothing

    def clean_months(self, symbol: str) -> list[str]:
        return []

    raw_keys: Callable[..., list[str]] = lambda *_: []


def of(s: Settings, now: float, **request: Any) -> tuple[list[Any], list[int]]:
    return plan_symbols(s, cast(Lake, EmptyLake()), IngestRequest(s.symbols, **request), now)


def settings(**given: Any) -> Settings:
    return load(_env_file=None, source="yahoo", symbols="AAPL,TCS", history_months=1, **given)


@pytest.mark.parametrize("given", [{"exchanges": "TCS:XBOM"}, {"exchange": "XBOM", "exchanges": "AAPL:XNYS"}])
def test_a_symbol_whose_calendar_ended_waits_and_the_others_are_planned(given: dict[str, str]) -> None:
    (apple, tata), requests = of(settings(**given), after())
    month = np.datetime64(int(after()), "s").astype("datetime64[M]")
    assert apple["months"] == [str(month - 1), str(month)]
    assert requests[0] > 0 == requests[1]
    assert tata["months"] == []
    assert work(tata).startswith("the sessions of XBOM are known from ")
    assert "update exchange-calendars" in tata["fault"]


def test_before_its_calendar_ends_a_symbol_is_planned_as_others_are() -> None:
    items, _ = of(settings(exchanges="TCS:XBOM"), last() - 60)
    assert items[0]["months"] == items[1]["months"] != []


def test_where_no_calendar_goes_on_the_plan_is_refused() -> None:
    with pytest.raises(UnknownSessions, match="XBOM"):
        of(settings(exchange="XBOM"), after())


def test_the_download_of_a_symbol_that_waits_fails_with_its_reason() -> None:
    with pytest.raises(UnknownSessions, match="known until"):
        download(settings(), {"symbol": "TCS", "months": [], "fault": "known until 2026"})

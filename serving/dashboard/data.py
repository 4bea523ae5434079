"""Answer `/data`: the rows asked for, or what came since, and the state beside them.

The answer, times in epoch milliseconds UTC:

    {"symbol": str, "simulated": bool, "source": str,
     "whole":     true: these rows replace what a page holds; false: they are added to it, same key same row,
     "bars":      [[ts, open, high, low, close, volume, filled], …]                        ascending by ts,
     "forecasts": [[target_ts, predicted, lower_50, upper_50, lower_90, upper_90,
                    model_version, bar_ts, late], …]                                       ascending by target_ts,
     "state":     {"now", "market_open", "next_change", "last_bar", "last_bar_age",
                   "producer", "consumer": {"seen", "age", "stale", "waiting", "lag"},
                   "model": {"version", "trained_until", "url"} or null,
                   "score": {"session", "n", "skill", "verdict", "sentence", "coverage_90", …}},
     "next":      the cursor; given as `since` it asks for what was stored after this answer}

The answer has a weak ETag of all but ages and cursor; `If-None-Match` is answered with 304 where nothing else changed.

A cursor is a time of storing, not of trading, so that a late bar is sent like any other; it never passes a transaction
that still runs, so that none is missed. A row may come twice, never not at all.
"""

from typing import Any, NamedTuple

from serving.dashboard.query import Query, cursor
from serving.dashboard.state import service_states
from serving.dashboard.verdict import score_state
from stock_ml.adapters.forecast_reader import ForecastReader, Row, Span
from stock_ml.config import Settings


class Rows(NamedTuple):
    """Hold the rows of one answer; `whole` says that they replace all earlier ones."""

    whole: bool
    bars: list[Row]
    forecasts: list[Row]


def answer(reader: ForecastReader, query: Query, s: Settings) -> dict[str, Any] | None:
    """Return the answer, None for a symbol that is neither set nor stored. Raises StoreUnavailable."""
    seen_until = reader.cursor()  # before the rows: what is stored in between is sent again, not lost
    rows = _rows(reader, query, seen_until)
    if not rows.bars and query.symbol not in s.symbols and query.symbol not in reader.symbols():
        return None
    return {
        "symbol": query.symbol,
        "simulated": s.simulated,
        "source": s.source,
        "whole": rows.whole,
        "bars": rows.bars,
        "forecasts": rows.forecasts,
        "state": state(reader, query.symbol, s),
        "next": cursor(seen_until),
    }


def state(reader: ForecastReader, symbol: str, s: Settings) -> dict[str, Any]:
    """Return what the page says beside the chart."""
    states = service_states(reader.services(), reader.last_bar(symbol), s.mlflow)
    return states | {"score": score_state(reader.score(symbol))}


def _rows(reader: ForecastReader, query: Query, seen_until: int) -> Rows:
    # a cursor from the future is another database's: only all rows are safe
    if query.stored is not None and query.stored <= seen_until:
        span = query.changes()
        rows = Rows(False, reader.bars(span), reader.forecasts(span))
        if max(len(rows.bars), len(rows.forecasts)) <= query.limit:
            return rows
    return _whole(reader, query)


def _whole(reader: ForecastReader, query: Query) -> Rows:
    span = query.whole()
    bars = _newest_bars(reader, span)
    if bars and len(bars) == query.limit:
        span = span._replace(since=bars[0][0])  # no forecasts before the first bar shown
    return Rows(True, bars, reader.forecasts(span))


def _newest_bars(reader: ForecastReader, span: Span) -> list[Row]:
    """Look further back than the recent days only where these do not hold as many as asked for."""
    since = max(span.since, reader.recent())
    bars = reader.bars(span._replace(since=since))
    return bars if since == span.since or len(bars) == span.limit else reader.bars(span)

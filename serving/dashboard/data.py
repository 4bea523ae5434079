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
                   "dags": [{"id", "state", "started_at", "ended_at", "url"}, …],
                   "alert": {"kind", "reason", …} or null, "look": {"market_at", "skill", "unusual", …} or null,
                   "score": {"session", "n", "skill", "verdict", "sentence", "coverage_90", …,
                             "sessions": [the last five, newest first], "together": {…, "sentence"}}},
     "next":      the cursor; given as `since` it asks for what was stored after this answer}

The answer has a weak ETag of all but ages and cursor; `If-None-Match` is answered with 304 where nothing else changed.

A cursor is a batch's id: batches are numbered in the order of their commits, so none is missed, and a late bar is sent
like any other. Batches are forgotten after a day; after an older one, or one of another database, all rows are sent.
"""

from typing import Any, NamedTuple

from serving.dashboard.queries import Query, cursor
from serving.dashboard.symbol_status import States
from stock_ml.adapters.postgres.connection import Row
from stock_ml.adapters.postgres.reader import Changes, ForecastReader, Span
from stock_ml.config import Settings

MOST_BATCHES = 2000  # behind further ones all rows are read sooner


class Rows(NamedTuple):
    """Hold the rows of one answer; `whole` says that they replace all earlier ones."""

    whole: bool
    bars: list[Row]
    forecasts: list[Row]


def answer(reader: ForecastReader, states: States, query: Query, s: Settings) -> dict[str, Any] | None:
    """Return the answer, None for a symbol that is neither set nor stored. Raises StoreUnavailable."""
    newest = reader.newest_batch()  # before the rows: what is stored in between is sent again, not lost
    rows = _rows(reader, query)
    if not rows.bars and query.symbol not in s.symbols and not reader.has_symbol(query.symbol):
        return None
    return {
        "symbol": query.symbol,
        "simulated": s.simulated,
        "source": s.source,
        "whole": rows.whole,
        "bars": rows.bars,
        "forecasts": rows.forecasts,
        "state": states.now(query.symbol),
        "next": cursor(newest),
    }


def _rows(reader: ForecastReader, query: Query) -> Rows:
    if query.after is not None and (found := since(reader, query.after, [query.symbol], query.limit)) is not None:
        changes, _ = found
        return Rows(False, [row[1:] for row in changes.bars], [row[1:] for row in changes.forecasts])
    return whole(reader, query)


def since(reader: ForecastReader, batch: int, symbols: list[str] | None, limit: int) -> tuple[Changes, int] | None:
    """Return what came after a batch, and the last batch of it; None where that is not known or above the limit."""
    run = reader.run(batch, MOST_BATCHES + 1)
    if run is None or run.batches > MOST_BATCHES:
        return None
    changes = reader.changes(run, symbols, limit + 1)
    return None if max(map(len, changes)) > limit else (changes, run.newest)


def whole(reader: ForecastReader, query: Query) -> Rows:
    """Return all rows of the span that is asked for. Raises StoreUnavailable."""
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

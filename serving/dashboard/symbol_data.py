"""Answer `/data`: all rows of a query, or those stored after a batch, and the state beside them.

A cursor is a batch's id. Batches are numbered in the order of their commits, so none is missed, and a late bar is sent
like any other. Batches are forgotten after a day; after an older one, or one of another database, all rows are sent.
"""

from typing import NamedTuple

from serving.dashboard.queries import Query, cursor
from serving.dashboard.responses import BarRow, Data, ForecastRow
from serving.dashboard.symbol_status import States
from stock_ml.adapters.postgres.reader import Changes, ForecastReader, Span
from stock_ml.config import Settings

MOST_BATCHES = 2000  # after more batches all rows are read sooner


class Rows(NamedTuple):
    """Hold the rows of one response; `whole` says that they replace all earlier ones."""

    whole: bool
    bars: list[BarRow]
    forecasts: list[ForecastRow]


def symbol_data(reader: ForecastReader, states: States, query: Query, s: Settings) -> Data | None:
    """Return the body of `/data`, None for a symbol that is neither set nor stored. Raises StoreUnavailable."""
    newest = reader.newest_batch()  # before the rows: what is stored in between is sent again, not lost
    rows = _rows(reader, query)
    if not rows.bars and query.symbol not in s.symbols and not reader.has_symbol(query.symbol):
        return None
    return Data(
        symbol=query.symbol,
        simulated=s.simulated,
        source=s.source,
        whole=rows.whole,
        bars=rows.bars,
        forecasts=rows.forecasts,
        state=states.now(query.symbol),
        next=cursor(newest),
    )


def changes_after(
    reader: ForecastReader, batch: int, symbols: list[str] | None, limit: int
) -> tuple[Changes, int] | None:
    """Return the rows stored after a batch, and their last batch; None if that is not known, or above the limit."""
    run = reader.run(batch, MOST_BATCHES + 1)
    if run is None or run.batches > MOST_BATCHES:
        return None
    changes = reader.changes(run, symbols, limit + 1)
    return None if max(map(len, changes)) > limit else (changes, run.newest)


def all_rows(reader: ForecastReader, query: Query) -> Rows:
    """Return all rows of the query's span. Raises StoreUnavailable."""
    span = query.whole()
    bars = _newest_bars(reader, span)
    if bars and len(bars) == query.limit:
        span = span._replace(since=bars[0][0])  # no forecasts before the first bar shown
    return Rows(True, bars, reader.forecasts(span))


def _rows(reader: ForecastReader, query: Query) -> Rows:
    if query.after is None:
        return all_rows(reader, query)
    found = changes_after(reader, query.after, [query.symbol], query.limit)
    if found is None:
        return all_rows(reader, query)
    changes, _ = found
    return Rows(False, [row[1:] for row in changes.bars], [row[1:] for row in changes.forecasts])


def _newest_bars(reader: ForecastReader, span: Span) -> list[BarRow]:
    """Read further back than the recent days only where these hold too few bars."""
    since = max(span.since, reader.recent())
    bars = reader.bars(span._replace(since=since))
    return bars if since == span.since or len(bars) == span.limit else reader.bars(span)

"""Which stored bars a replay publishes, and when each is due. Nothing is read or written here."""

from collections.abc import Callable
from datetime import date
from typing import NamedTuple

import numpy as np
import pandas as pd

from stock_ml.domain.bars import MINUTE, PRICES, Bar, epoch
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.official_close import OfficialClose
from stock_ml.errors import BadSetting

HOLDOUT = "holdout"


class Span(NamedTuple):
    """Hold the first and last minute of a replay, both included, in UTC epoch seconds."""

    first: int
    last: int


def stored_sessions(bars: pd.DataFrame, sessions: Sessions) -> np.ndarray:
    """Return the numbers of the sessions that have bars, ascending."""
    return np.unique(sessions.number(epoch(bars["ts"])))


def span_between(first: str, last: str, sessions: Sessions) -> Span:
    """Return the minutes of all sessions between two dates YYYY-MM-DD, both included. Raises BadSetting."""
    at = int(np.searchsorted(sessions.dates, _day(first)))
    to = int(np.searchsorted(sessions.dates, _day(last), side="right")) - 1
    if at > to:
        raise BadSetting(
            f"{sessions.exchange} has no session from {first} to {last}: give two dates, the earlier first"
        )
    return Span(int(sessions.opens[at]), int(sessions.closes[to]) - MINUTE)


def holdout_span(stored: np.ndarray, holdout: int, before: int, sessions: Sessions) -> Span | None:
    """Return the minutes of the newest `holdout` stored sessions and of `before` stored ones before them.

    None where nothing is held out.
    """
    if holdout == 0 or len(stored) == 0:
        return None
    first = stored[max(len(stored) - holdout - before, 0)]
    return Span(int(sessions.opens[first]), int(sessions.closes[stored[-1]]) - MINUTE)


def bars_in(bars: pd.DataFrame, span: Span) -> list[Bar]:
    """Return the received bars of a span, by time and symbol."""
    ts = epoch(bars["ts"])
    chosen = bars.assign(ts=ts)[~bars["filled"].to_numpy(bool) & (ts >= span.first) & (ts <= span.last)]
    chosen = chosen.sort_values(["ts", "symbol"])[["symbol", "ts", *PRICES, "volume", "source"]]
    columns = (chosen[name].tolist() for name in chosen.columns)
    return [Bar(*row) for row in zip(*columns, strict=True)]


def messages_in(bars: pd.DataFrame, span: Span, sessions_of: Callable[[str], Sessions]) -> list[Bar | OfficialClose]:
    """Return the received bars of a span, and the official closes of its sessions, by time and symbol.

    Clean bars do not tell the volume of an auction: it is 0.
    """
    ts = epoch(bars["ts"])
    chosen = bars.assign(ts=ts)[bars["official_close"].notna() & (ts >= span.first) & (ts <= span.last)]
    cells = zip(*(chosen[name].tolist() for name in ("symbol", "ts", "official_close", "source")), strict=True)
    closes = [OfficialClose(name, _close_after(at, sessions_of(name)), price, 0.0, of) for name, at, price, of in cells]
    return sorted([*bars_in(bars, span), *closes], key=lambda each: (each.ts, each.symbol))


def minute_of(message: Bar | OfficialClose) -> int:
    """Return the minute at whose end a message is known, UTC epoch seconds: a bar's own, or the last before a close."""
    return message.ts if isinstance(message, Bar) else message.ts - MINUTE


def _close_after(ts: int, sessions: Sessions) -> int:
    return int(sessions.closes[sessions.number(np.array(ts))])


def seconds_after(start: int, ts: int, speed: float, sessions: Sessions) -> float:
    """Return the wall seconds from a minute to a later one at `speed` market seconds a second, without closed hours."""
    first, then = sessions.index(np.array([start, ts])).tolist()
    return float((then - first) * MINUTE / speed)


def _day(text: str) -> np.datetime64:
    try:
        return np.datetime64(date.fromisoformat(text), "D")
    except ValueError:
        raise BadSetting(f"{text!r} is no date such as 2024-03-01") from None

"""Read clean bars by symbols and sessions."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from stock_ml.adapters.lake import Lake
from stock_ml.config import Settings
from stock_ml.domain.bars import epoch
from stock_ml.domain.calendar import Calendars
from stock_ml.errors import BadInput

DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class SessionSpan:
    """Hold the first and the last session wanted, both included, as exchanges date them."""

    first: date = date(1970, 1, 1)
    last: date = date(2199, 12, 31)

    @classmethod
    def of(cls, first: str | date | None, last: str | date | None) -> "SessionSpan":
        """Return the span from `first` to `last`, days as YYYY-MM-DD; None is no bound. Raises BadInput."""
        given = {name: _day(day) for name, day in (("first", first), ("last", last)) if day is not None}
        span = cls(**given)
        if span.first > span.last:
            raise BadInput(f"the first session, {span.first}, is after the last one, {span.last}: give them in order")
        return span

    def months(self, before: int = 0, after: int = 0) -> tuple[str, str]:
        """Return the first and the last month, YYYY-MM, that hold these sessions, and so many more around them."""
        first, last = (np.datetime64(day, "M") for day in (self.first, self.last))
        return str(first - before), str(last + after)

    def holds(self, sessions: "pd.Series[pd.Timestamp]") -> "pd.Series[bool]":
        """Say of sessions, datetime64[ns], which ones are wanted."""
        return sessions.between(pd.Timestamp(self.first), pd.Timestamp(self.last))


def clean_bars(s: Settings, symbols: Iterable[str], span: SessionSpan) -> pd.DataFrame:
    """Return the clean bars of these symbols and sessions in the record's columns, by symbol and time.

    `session` beside them is the date of each bar's session, datetime64[ns]. Raises StoreUnavailable.
    """
    bars = Lake.connect(s).read_clean(symbols, span.months())
    dated = bars.assign(session=session_dates(bars, s.calendars))
    return dated[span.holds(dated["session"])].reset_index(drop=True)


def session_dates(bars: pd.DataFrame, calendars: Calendars) -> "pd.Series[pd.Timestamp]":
    """Return the date of each bar's session, datetime64[ns], NaT outside of sessions; bars lie in order of symbols."""
    found = [_dates(part, calendars, str(symbol)) for symbol, part in bars.groupby("symbol", sort=True)]
    return pd.concat(found) if found else pd.Series(dtype="datetime64[ns]")


def _dates(bars: pd.DataFrame, calendars: Calendars, symbol: str) -> "pd.Series[pd.Timestamp]":
    sessions = calendars.of(symbol)
    number = sessions.number(epoch(bars["ts"]))
    dates = np.where(number >= 0, sessions.dates[number], np.datetime64("NaT", "D"))
    return pd.Series(dates.astype("datetime64[ns]"), index=bars.index)


def _day(day: str | date) -> date:
    try:
        return date.fromisoformat(str(day)[:10])
    except ValueError:
        raise BadInput(f"{day!r:.40} is no day: write it as 2024-03-01") from None

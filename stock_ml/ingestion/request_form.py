"""Parse what a person, or the session of a backfill, requests from an ingest."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import numpy as np

from stock_ml.config import SYMBOL, Settings
from stock_ml.domain.calendar import FIRST
from stock_ml.errors import BadInput

MAX_MONTHS = 120  # months, as many as STOCKML_HISTORY_MONTHS allows


class IngestRequest(NamedTuple):
    """Say which symbols are wanted, which months YYYY-MM (None is the usual history), and whether to ask anew."""

    symbols: tuple[str, ...]
    months: tuple[str, ...] | None = None
    force: bool = False


def parse_form(s: Settings, form: Mapping[str, Any], now: float) -> IngestRequest:
    """Return what the form of `ingest_bars` asks for; `now` is the source's time, UTC epoch seconds.

    Raises BadInput, naming the field, for what cannot be had.
    """
    if form.get("source", s.source) != s.source:
        raise BadInput(f"source {form['source']!r:.40}: this installation is of {s.source}, and each has its own")
    return IngestRequest(_symbols(s, form.get("symbols")), _months(s, form, now), bool(form.get("force", False)))


def session_request(s: Settings, opens: datetime) -> IngestRequest:
    """Return what a backfill's run is for: the month of its session, by the session's date."""
    (day,) = s.calendars.of("").session_days(np.array([int(opens.timestamp())]))
    return IngestRequest(s.symbols, None if s.replayed else (str(day.astype("datetime64[M]")),))


def _symbols(s: Settings, value: Any) -> tuple[str, ...]:
    if value is None:
        return s.symbols
    names = tuple(dict.fromkeys(str(name).strip().upper() for name in value))
    if not names or len(names) > len(s.symbols):
        raise BadInput(f"symbols: {len(names)} were given; choose 1 to {len(s.symbols)} of {_few(s.symbols)}")
    known = frozenset(s.symbols)
    bad = [name for name in names if not SYMBOL.fullmatch(name) or name not in known]
    if bad:
        raise BadInput(f"symbols: {bad[0]!r:.40} is none of {_few(s.symbols)}; STOCKML_SYMBOLS names what there is")
    return names


def _months(s: Settings, form: Mapping[str, Any], now: float) -> tuple[str, ...] | None:
    first, last = (_day(name, form.get(name)) for name in ("from", "to"))
    if first is None and last is None:
        return None
    if s.replayed:
        raise BadInput("from, to: a file is read whole; leave both empty")
    today = datetime.fromtimestamp(now, UTC).date()
    first, last = first or last or today, last or today
    if first > last:
        raise BadInput(f"from {first} is after to {last}: exchange them")
    if last > today or str(first) < FIRST:
        raise BadInput(f"from {first} to {last}: there are bars from {FIRST} to {today} by the source's clock")
    months = np.arange(np.datetime64(first, "M"), np.datetime64(last, "M") + 1)
    if len(months) > MAX_MONTHS:
        raise BadInput(f"from {first} to {last}: {len(months)} months are too many at once, {MAX_MONTHS} are the most")
    return tuple(str(month) for month in months)


def _day(name: str, value: Any) -> date | None:
    if value in (None, ""):
        return None
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise BadInput(f"{name}: {value!r:.40} is no day; write it as 2024-03-01") from error


def _few(symbols: tuple[str, ...]) -> str:
    return ", ".join(symbols[:10]) + (f" and {len(symbols) - 10} more" if len(symbols) > 10 else "")

"""Read a month's rows from its stored responses: the newest alone where it holds the whole month, else all of them."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stock_ml.adapters.lake import Lake
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.ingest_records import IngestItem
from stock_ml.errors import BadFile
from stock_ml.sources.parsing import WHOLE_FILE, Response, read
from stock_ml.sources.parsing.layout import row_months

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RawMonth:
    """Hold a month's rows, the key of the newest response with them and of all that were read, and when it was given.

    `of_file`: the response is a file of any months, so nothing is due before its first row and after its last.
    `unreadable` are older responses that could not be read, by key the reason.
    """

    rows: pd.DataFrame
    key: str
    known_at: float
    of_file: bool
    keys: tuple[str, ...]
    unreadable: dict[str, str]


def months_of_item(lake: Lake, item: IngestItem, calendar: Sessions, *, rolling: bool) -> dict[str, RawMonth]:
    """Return the rows of an item {"symbol", "months", "raw"?} by month; without `raw` (keys) of the newest response.

    `rolling`: the responses of a month complement each other.
    Months are those of the exchange's own time, whatever zone a source states that stamps rows in UTC.
    Raises BadFile where the newest response of a month cannot be read, or StoreUnavailable.
    """
    found: dict[str, RawMonth] = {}
    for month in item["months"]:
        key = item.get("raw", {}).get(month) or _newest_key(lake, item["symbol"], month)
        if key:
            with record_failure(lake, item["symbol"], month, key):
                months = _split(lake.get_raw(key), key, calendar)
            earlier = set(lake.raw_keys(item["symbol"], month)) - {key} if rolling else set()
            if earlier:
                months = {name: _merged(lake, rows, earlier, calendar) for name, rows in months.items()}
            found |= months
    return found


def _newest_key(lake: Lake, symbol: str, month: str) -> str | None:
    newest = lake.newest_raw(symbol, month)
    return newest[0] if newest else None


@contextmanager
def record_failure(lake: Lake, symbol: str, month: str, key: str) -> Iterator[None]:
    """Note of the response under a key why it cannot be read, where it cannot: the next run asks the source again."""
    try:
        yield
    except BadFile as error:
        if month != WHOLE_FILE:
            lake.quality.write_failed(symbol, month, {"raw": key}, str(error))
        raise


def _split(response: Response, key: str, calendar: Sessions) -> dict[str, RawMonth]:
    """Return a response's rows by month: all months of a file, else the one asked for."""
    rows = read(response)
    names = row_months(rows, calendar)
    of_file = response.month == WHOLE_FILE
    wanted = np.unique(names) if of_file else [np.datetime64(str(response.month), "M")]
    return {str(name): RawMonth(rows[names == name], key, response.fetched_at, of_file, (key,), {}) for name in wanted}


def _merged(lake: Lake, month: RawMonth, earlier: set[str], calendar: Sessions) -> RawMonth:
    """Return a month with the rows of all its responses, marked with when each was given and which it is, oldest first.

    An older response that cannot be read is named and left out: it must not block the cleaning of later ones.
    """
    parts, unreadable = [month], {}
    for key in sorted(earlier):
        try:
            parts += _split(lake.get_raw(key), key, calendar).values()
        except BadFile as error:
            log.warning("%s is left out: %s", key, error)
            unreadable[key] = str(error)
    parts.sort(key=lambda part: (part.known_at, part.key))
    marked = [part.rows.assign(known_at=part.known_at, answer=number) for number, part in enumerate(parts)]
    rows = pd.concat(marked, ignore_index=True)
    rows.attrs = month.rows.attrs
    known_at = parts[-1].known_at
    return RawMonth(rows, month.key, known_at, False, tuple(part.key for part in parts), unreadable)

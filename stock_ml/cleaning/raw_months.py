"""Read a month's rows from its stored responses: the newest alone where it holds the whole month, else all of them."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stock_ml.adapters.lake import Lake
from stock_ml.domain.capabilities import CAPABILITIES
from stock_ml.domain.ingest_records import IngestItem
from stock_ml.errors import BadFile
from stock_ml.sources.parsing import WHOLE_FILE, Response, read

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Month:
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


def months_of_item(lake: Lake, item: IngestItem) -> dict[str, Month]:
    """Return the rows of an item {"symbol", "months", "raw"?} by month; without `raw` (keys) of the newest response.

    Raises BadFile where the newest response of a month cannot be read, or StoreUnavailable.
    """
    found: dict[str, Month] = {}
    for asked in item["months"]:
        key = item.get("raw", {}).get(asked) or _newest(lake, item["symbol"], asked)
        if key:
            with refusal_noted(lake, item["symbol"], asked, key):
                months = _split(lake.get_raw(key), key)
            earlier = set(lake.raw_keys(item["symbol"], asked)) - {key} if CAPABILITIES[lake.source].rolling else set()
            found |= {name: _merged(lake, month, earlier) for name, month in months.items()} if earlier else months
    return found


def _newest(lake: Lake, symbol: str, month: str) -> str | None:
    newest = lake.newest_raw(symbol, month)
    return newest[0] if newest else None


@contextmanager
def refusal_noted(lake: Lake, symbol: str, month: str, key: str) -> Iterator[None]:
    """Note of the response under a key why it cannot be read, where it cannot: the next run asks the source again."""
    try:
        yield
    except BadFile as error:
        if month != WHOLE_FILE:
            lake.quality.write_failed(symbol, month, {"raw": key}, str(error))
        raise


def _split(response: Response, key: str) -> dict[str, Month]:
    """Return a response's rows by month: all months of a file, else the one asked for."""
    rows = read(response)
    names = rows["label"].to_numpy("datetime64[M]")
    of_file = response.month == WHOLE_FILE
    wanted = np.unique(names) if of_file else [np.datetime64(str(response.month), "M")]
    return {str(name): Month(rows[names == name], key, response.fetched_at, of_file, (key,), {}) for name in wanted}


def _merged(lake: Lake, month: Month, earlier: set[str]) -> Month:
    """Return a month with the rows of all its responses, marked with when each was given and which it is, oldest first.

    An older response that cannot be read is named and left out: it must not block the cleaning of later ones.
    """
    parts, unreadable = [month], {}
    for key in sorted(earlier):
        try:
            parts += _split(lake.get_raw(key), key).values()
        except BadFile as error:
            log.warning("%s is left out: %s", key, error)
            unreadable[key] = str(error)
    parts.sort(key=lambda part: (part.known_at, part.key))
    marked = [part.rows.assign(known_at=part.known_at, answer=number) for number, part in enumerate(parts)]
    rows = pd.concat(marked, ignore_index=True)
    rows.attrs = month.rows.attrs
    known_at = parts[-1].known_at
    return Month(rows, month.key, known_at, False, tuple(part.key for part in parts), unreadable)

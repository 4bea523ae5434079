"""Yahoo's chart layout: one response, or a JSON array of responses, each a window of time."""

from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from stock_ml.domain.bars import MINUTE
from stock_ml.errors import BadFile
from stock_ml.sources.parsing.rows import NO_VOLUME, VALUES, frame_of, stamped

GRANULARITY = "1m"


def is_chart(document: object) -> bool:
    """Say whether a JSON document is in this layout, well-formed or not."""
    return isinstance(document, list) or (isinstance(document, dict) and "chart" in document)


def rows_of(document: Any, where: str) -> pd.DataFrame:
    """Return the rows of all windows with `ts`, the bars' opens in UTC, as Yahoo stamps them; labels in its own zone.

    The price of this very moment that Yahoo puts last is left out: it is no minute. Raises BadFile naming the
    window and what is not as expected.
    """
    charts = document if isinstance(document, list) else [document]
    windows = [_window(chart, f"{where}, window {number}") for number, chart in enumerate(charts, 1)]
    if not any(len(window) for window in windows):
        raise BadFile(f"{where} holds no bars")
    rows = pd.concat([window for window in windows if len(window)], ignore_index=True)
    rows.attrs["zone"] = charts[0]["chart"]["result"][0]["meta"]["exchangeTimezoneName"]
    return rows


def _window(chart: Any, where: str) -> pd.DataFrame:
    try:
        [found] = chart["chart"]["result"]
        meta, stamps, quote = found["meta"], found.get("timestamp", []), found["indicators"]["quote"][0]
        granularity, zone = meta["dataGranularity"], ZoneInfo(meta["exchangeTimezoneName"])
        newest = _newest(meta)
        columns = [stamps, *(quote[name] for name in VALUES)] if stamps else [[]] * 6
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OSError, ZoneInfoNotFoundError) as error:
        raise BadFile(f"{where}: not Yahoo's chart layout as it was known ({type(error).__name__}: {error})") from None
    if granularity != GRANULARITY:
        raise BadFile(f"{where}: bars of {granularity!r:.20} came where {GRANULARITY} was asked for")
    return _framed(columns, zone, newest, where)


def _newest(meta: dict[str, Any]) -> object:
    """Return the time of the price of this moment, None where that is the close's: the auction's price is kept."""
    newest, regular = meta.get("regularMarketTime"), (meta.get("currentTradingPeriod") or {}).get("regular") or {}
    return None if newest == regular.get("end") else newest


def _framed(columns: list[list[Any]], zone: ZoneInfo, newest: object, where: str) -> pd.DataFrame:
    ts, values = stamped(columns, where)
    if len(ts) and (ts[-1] % MINUTE or (ts[-1] == newest and values[-1, 4] == 0)):
        ts, values = ts[:-1], values[:-1]  # not a minute, but the last price so far
    labels = pd.to_datetime(ts, unit="s", utc=True).tz_convert(zone).tz_localize(None)
    frame = frame_of(labels.to_numpy("datetime64[ns]"), values).assign(ts=ts)
    return frame.assign(broken=_without_first_volume(frame["broken"].to_numpy(), values[:, 4]))


def _without_first_volume(broken: np.ndarray, volume: np.ndarray) -> np.ndarray:
    if len(volume) and broken[0] == "" and volume[0] == 0 and (volume[1:] > 0).any():
        return np.append([NO_VOLUME], broken[1:])
    return broken

"""Detect whether a source labels a minute with its start or with its end, in exchange time."""

from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from stock_ml.domain.bars import MINUTE
from stock_ml.domain.calendar import Sessions
from stock_ml.errors import AmbiguousTimestamps, BadFile

Convention = Literal["start", "end"]
MAJORITY = 0.8


def detect_convention(frame: pd.DataFrame, sessions: Sessions) -> Convention:
    """Return whether the labels of received rows are the starts or the ends of their minutes.

    Each session votes by its edges. A session without extended hours has a bar labelled with the open (start) or one
    labelled with the close (end); else the opening auction's volume is in the bar labelled with the open (start) or
    one minute later (end). Rows that the source stamped in UTC need no vote: `ts` is a bar's start.
    Raises AmbiguousTimestamps where no session votes, or fewer than 80 % of them agree; BadFile as `place` does.
    """
    if "ts" in frame:
        return "start"
    votes = _votes(frame, sessions)
    cast = votes[votes != ""].tolist()
    starts = cast.count("start")
    if not cast or max(starts, len(cast) - starts) < MAJORITY * len(cast):
        raise AmbiguousTimestamps(
            f"{starts} of {len(cast)} sessions look labelled by bar start, the others by bar end, {len(votes)} were "
            "read: give whole sessions of a traded symbol, from the opening minute on"
        )
    return "start" if 2 * starts > len(cast) else "end"


def place(frame: pd.DataFrame, convention: Convention, sessions: Sessions) -> pd.DataFrame:
    """Return the rows with `ts`, each bar's open in UTC epoch seconds (int64).

    Raises BadFile where the response names another time zone than the exchange's, or a label is at a time that a clock
    change leaves out or makes twice.
    """
    _check_zone(frame, sessions)
    if "ts" in frame:
        return frame
    return frame.assign(ts=_utc(frame, sessions.zone) - (MINUTE if convention == "end" else 0))


def _votes(frame: pd.DataFrame, sessions: Sessions) -> np.ndarray:
    """Return the vote of each session met, "start", "end" or "", (n,)."""
    days = frame["label"].to_numpy("datetime64[D]")
    near = np.minimum(np.searchsorted(sessions.dates, days), len(sessions.dates) - 1)
    met, place = np.unique(near[sessions.dates[near] == days], return_inverse=True)
    rows, ts = frame[sessions.dates[near] == days], _utc(frame, sessions.zone)[sessions.dates[near] == days]
    minute = (ts - sessions.opens[met[place]]) // MINUTE
    volume = rows["volume"].to_numpy(np.float64)
    lengths = (sessions.closes[met] - sessions.opens[met]) // MINUTE
    return _by_edges(place, minute, volume, lengths)


def _by_edges(session: np.ndarray, minute: np.ndarray, volume: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    count, length = len(lengths), lengths[session]
    extended = np.bincount(session[(minute < 0) | (minute > length)], minlength=count) > 0
    at_open = np.bincount(session[minute == 0], minlength=count) > 0
    at_close = np.bincount(session[minute == length], minlength=count) > 0
    by_label = ~extended & (at_open != at_close)
    first, second = (_largest(session[minute == m], volume[minute == m], count) for m in (0, 1))
    votes = [by_label & at_open, by_label, first > second, first < second]
    return np.select(votes, ["start", "end", "start", "end"], "")


def _largest(session: np.ndarray, volume: np.ndarray, count: int) -> np.ndarray:
    found = np.zeros(count)
    np.fmax.at(found, session, volume)
    return found


def _utc(rows: pd.DataFrame, zone: str) -> np.ndarray:
    labels = rows["label"]
    aware = labels.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    if aware.hasnans:
        label = labels[aware.isna()].iloc[0]
        raise BadFile(
            f"{_where(rows)}, column label: {label} is at a change of clocks in {zone}, a time that comes twice or "
            "never; no exchange trades then, so see which zone the labels are in"
        )
    return np.asarray(aware.to_numpy("datetime64[s]"), dtype=np.int64)


def _check_zone(frame: pd.DataFrame, sessions: Sessions) -> None:
    if "ts" in frame and sessions.is_continuous:
        return  # no exchange's own time: the source may state that of any
    stated = frame.attrs.get("zone") or sessions.zone
    if stated != sessions.zone and not _same_clocks(frame["label"], stated, sessions.zone):
        raise BadFile(
            f"{_where(frame)}: its times are in {stated!r:.40}, and {sessions.exchange} trades in {sessions.zone}; "
            "set STOCKML_EXCHANGE to the exchange of these symbols"
        )


def _same_clocks(labels: pd.Series, stated: str, zone: str) -> bool:
    try:
        other = ZoneInfo(stated)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    noons = pd.DatetimeIndex(labels.dt.normalize().unique()) + pd.Timedelta(hours=12)
    return noons.tz_localize(other).equals(noons.tz_localize(zone).tz_convert(other))


def _where(frame: pd.DataFrame) -> str:
    return str(frame.attrs.get("where", "the rows received"))

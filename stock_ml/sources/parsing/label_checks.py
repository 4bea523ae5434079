"""Refuse labels that cannot be minutes on the exchange's clock: longer bars, another time zone, other hours."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from stock_ml.domain.bars import MINUTE
from stock_ml.domain.calendar import Sessions
from stock_ml.errors import BadFile

DAY = 1440  # minutes
SIZES = (DAY, 240, 60, 30, 15, 10, 5, 3, 2)  # minutes of longer bars, longest first
FEWEST_ROWS, FEWEST_DAYS = 30, 3
STEP = 30  # minutes: time zones differ by half hours
GAIN = 0.08  # of all trading that another clock would move into the sessions
FITS = 0.5  # of all trading, in the sessions of its own exchange
TAIL, DENSE, MOST = 15, 0.5, 0.8  # minutes without any bar before the close, in most sessions of bars that are dense


class _Clock(NamedTuple):
    """Hold how far labels are ahead of the exchange's clock, minutes, on days when that is at `offset` from UTC.

    `share` of the trading is in its sessions as labelled, `shifted` of it would be with the labels moved.
    """

    offset: int
    ahead: int
    share: float
    shifted: float
    first: str
    last: str


def check_labels(frame: pd.DataFrame, sessions: Sessions, where: str) -> None:
    """Let rows pass whose labels can be minutes in the time of the exchange.

    Raises BadFile naming what they look like: longer bars, times of another zone, bars of other hours.
    """
    check_size(frame, where)
    check_clock(frame, sessions, where)


def check_size(frame: pd.DataFrame, where: str) -> None:
    """Let rows pass whose labels are a minute apart. Raises BadFile naming what bars they are."""
    rows = frame[frame["broken"] == ""]
    if len(rows) >= FEWEST_ROWS:
        _check_size(rows["label"].to_numpy("datetime64[m]"), where)


def check_clock(frame: pd.DataFrame, sessions: Sessions, where: str) -> None:
    """Let rows pass whose trading is in the hours of the exchange. Raises BadFile naming whose hours they look like."""
    rows = frame[frame["broken"] == ""]
    if len(rows) >= FEWEST_ROWS:
        labels = rows["label"].to_numpy("datetime64[m]")
        _check_clock(rows, labels, sessions, where)
        _check_hours(labels, sessions, where)


def _check_size(labels: np.ndarray, where: str) -> None:
    minutes = labels.astype(np.int64)
    size = next((size for size in SIZES if (np.bincount(minutes % size) >= 0.99 * len(minutes)).any()), 1)
    if size > 1:
        kind = "daily bars" if size == DAY else f"{size}-minute bars"
        raise BadFile(f"{where}: these are {kind}, as its labels are {size} minutes apart; give bars of one minute")


def _check_clock(rows: pd.DataFrame, labels: np.ndarray, sessions: Sessions, where: str) -> None:
    days, day = np.unique(labels.astype("datetime64[D]"), return_inverse=True)
    offsets = _offsets(days, sessions.zone)[day]
    activity = _activity(rows)
    found = (_clock(labels[at], activity[at], sessions, offset) for offset, at in _regimes(offsets))
    clocks = [clock for clock in found if clock]
    wrong = [clock for clock in clocks if clock.ahead]
    if wrong:
        raise BadFile(f"{where}: {_in_words(wrong, sessions)}")
    low = [clock for clock in clocks if clock.share < FITS]
    if low:
        raise BadFile(
            f"{where}: {low[0].share:.0%} of its trading is in the sessions of {sessions.exchange}; set "
            "STOCKML_EXCHANGE to the exchange of these symbols"
        )


def _in_words(clocks: list[_Clock], sessions: Sessions) -> str:
    parts = [
        f"from {clock.first} to {clock.last} its labels look {_hours(clock.ahead)} the clock of {sessions.exchange} "
        f"({clock.share:.0%} of its trading is in the sessions, moved it would be {clock.shifted:.0%})"
        for clock in sorted(clocks, key=lambda clock: clock.first)
    ]
    in_utc = all(clock.ahead == -clock.offset for clock in clocks)
    zone = ", as times in UTC are" if in_utc else ""
    return (
        f"{'; '.join(parts)}{zone}. Give labels in {sessions.zone}, or set STOCKML_EXCHANGE to the exchange of these "
        "symbols"
    )


def _hours(ahead: int) -> str:
    return f"{abs(ahead) / 60:g} h {'ahead of' if ahead > 0 else 'behind'}"


def _regimes(offsets: np.ndarray) -> list[tuple[int, np.ndarray]]:
    return [(int(offset), offsets == offset) for offset in np.unique(offsets)]


def _offsets(days: np.ndarray, zone: str) -> np.ndarray:
    """Return the minutes that the exchange's clock is ahead of UTC at each day's noon, (n,)."""
    noons = pd.DatetimeIndex(days + np.timedelta64(12, "h"))
    return np.asarray((noons - noons.tz_localize(zone).tz_convert("UTC").tz_localize(None)) // pd.Timedelta(minutes=1))


def _activity(rows: pd.DataFrame) -> np.ndarray:
    """Return how much went on in each row, (n,): a root, so that no block trade decides."""
    volume = rows["volume"].to_numpy(np.float64)
    return np.sqrt(volume) if (volume > 0).any() else (rows["high"] - rows["low"]).to_numpy(np.float64)


def _clock(labels: np.ndarray, activity: np.ndarray, sessions: Sessions, offset: int) -> _Clock | None:
    days = labels.astype("datetime64[D]")
    met = np.isin(sessions.dates, days)
    if len(np.unique(days)) < FEWEST_DAYS or not met.any() or not activity.sum():
        return None
    opens = int(np.median((sessions.opens[met] // MINUTE + offset) % DAY))
    length = int(np.median(sessions.closes[met] - sessions.opens[met])) // MINUTE
    profile = np.bincount((labels - days).astype(np.int64), activity, DAY) / activity.sum()
    ahead = np.array(sorted(range(-DAY // 2, DAY // 2, STEP), key=lambda minutes: (abs(minutes) % 60, abs(minutes))))
    shares = _shares(profile, opens + ahead, length)
    best = int(np.argmax(np.round(shares, 3)))  # of those alike the nearest, and whole hours first
    as_labelled = float(shares[ahead == 0][0])
    moved = int(ahead[best]) if shares[best] - as_labelled >= GAIN and shares[best] >= FITS else 0
    return _Clock(offset, moved, as_labelled, float(shares[best]), str(days.min()), str(days.max()))


def _shares(profile: np.ndarray, opens: np.ndarray, length: int) -> np.ndarray:
    """Return the share of a day's profile in sessions that open at these minutes, the close's label included."""
    if length >= DAY:
        return np.ones(len(opens))
    so_far = np.concatenate([[0.0], np.cumsum(np.tile(profile, 3))])
    start = opens % DAY
    return np.asarray(so_far[start + length + 1] - so_far[start])


def _check_hours(labels: np.ndarray, sessions: Sessions, where: str) -> None:
    """Refuse dense bars of which most sessions have none in their last minutes: those are another exchange's hours."""
    days = labels.astype("datetime64[D]")
    near = np.minimum(np.searchsorted(sessions.dates, days), len(sessions.dates) - 1)
    trading = sessions.dates[near] == days
    met, session = np.unique(near[trading], return_inverse=True)
    minute = (labels[trading] - _local_opens(sessions, met)[session]).astype(np.int64)
    length = (sessions.closes[met] - sessions.opens[met]) // MINUTE
    inside = (minute >= 0) & (minute <= length[session])
    last = np.zeros(len(met), dtype=np.int64)
    np.maximum.at(last, session[inside], minute[inside])
    dense = np.bincount(session[inside], minlength=len(met)) > DENSE * last
    short = int((dense & (last < length - TAIL)).sum())
    if len(met) >= FEWEST_DAYS and short >= MOST * len(met):
        first, newest = (f"{at // 60:02}:{at % 60:02}" for at in _minutes_of_day(labels)[[0, -1]].tolist())
        raise BadFile(
            f"{where}: its bars run from {first} to {newest}, and in {short} of {len(met)} sessions of "
            f"{sessions.exchange} none is in the last {TAIL} minutes; set STOCKML_EXCHANGE to the exchange of these "
            "symbols"
        )


def _local_opens(sessions: Sessions, number: np.ndarray) -> np.ndarray:
    stamps = pd.DatetimeIndex(sessions.opens[number].astype("datetime64[s]"), tz="UTC").tz_convert(sessions.zone)
    return stamps.tz_localize(None).to_numpy("datetime64[m]")


def _minutes_of_day(labels: np.ndarray) -> np.ndarray:
    return np.sort((labels - labels.astype("datetime64[D]")).astype(np.int64))

"""What a label means: sources stamp a minute with its start or with its end, in the exchange's own time."""

from typing import Literal

import numpy as np
import pandas as pd

from stock_ml.bars import MINUTE
from stock_ml.errors import AmbiguousLabels
from stock_ml.sessions import Sessions

Convention = Literal["start", "end"]
MAJORITY = 0.8


def label_convention(frame: pd.DataFrame, sessions: Sessions) -> Convention:
    """Return whether the labels of received rows are the starts or the ends of their minutes.

    Each session votes by its edges. A session without extended hours has a bar labelled with the open (start) or one
    labelled with the close (end); else the opening auction's volume is in the bar labelled with the open (start) or
    one minute later (end). Raises AmbiguousLabels where no session votes, or fewer than 80 % of them agree.
    """
    votes = [_vote(group, length) for length, group in _by_session(frame, sessions)]
    cast = [v for v in votes if v]
    starts = cast.count("start")
    if not cast or max(starts, len(cast) - starts) < MAJORITY * len(cast):
        raise AmbiguousLabels(
            f"{starts} of {len(cast)} sessions look labelled by bar start, the others by bar end, {len(votes)} were "
            "read: give whole sessions of a traded symbol, from the opening minute on"
        )
    return "start" if 2 * starts > len(cast) else "end"


def place(frame: pd.DataFrame, convention: Convention, sessions: Sessions) -> pd.DataFrame:
    """Return the rows with `ts`, each bar's open in UTC epoch seconds (int64)."""
    return frame.assign(ts=_utc(frame["label"], sessions.zone) - (MINUTE if convention == "end" else 0))


def _by_session(frame: pd.DataFrame, sessions: Sessions) -> list[tuple[int, pd.Series]]:
    days = frame["label"].to_numpy("datetime64[D]")
    number = np.minimum(np.searchsorted(sessions.dates, days), len(sessions.dates) - 1)
    minute = (_utc(frame["label"], sessions.zone) - sessions.opens[number]) // MINUTE
    volume = pd.Series(frame["volume"].to_numpy(), index=minute)[sessions.dates[number] == days]
    number = number[sessions.dates[number] == days]
    lengths = (sessions.closes - sessions.opens) // MINUTE
    return [(int(lengths[n]), volume[number == n]) for n in np.unique(number)]


def _vote(volume: pd.Series, length: int) -> Convention | None:
    minutes = set(volume.index)
    regular = min(minutes) >= 0 and max(minutes) <= length
    if regular and (0 in minutes) != (length in minutes):
        return "start" if 0 in minutes else "end"
    first, second = (volume[volume.index == m].max() if m in minutes else 0.0 for m in (0, 1))
    if first == second:
        return None
    return "start" if first > second else "end"


def _utc(labels: pd.Series, zone: str) -> np.ndarray:
    # stamps that a clock change makes twice or never are outside regular hours, so either reading will do
    aware = labels.dt.tz_localize(zone, ambiguous=np.ones(len(labels), bool), nonexistent="shift_forward")
    return np.asarray(aware.to_numpy("datetime64[s]"), dtype=np.int64)

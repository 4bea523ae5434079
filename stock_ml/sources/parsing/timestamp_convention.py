"""Detect whether a source labels a minute with its start or with its end, in exchange time."""

from collections.abc import Iterable
from math import comb
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from stock_ml.domain.bars import MINUTE
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.ingest_records import LabelEvidence, LabelSign
from stock_ml.errors import AmbiguousTimestamps, BadFile

Convention = Literal["start", "end"]
MAJORITY = 0.8
FEWEST = 3  # sessions from which a median says something, and symbols with one weak sign each that together do
RANGE_END, RANGE_START = 0.65, 0.90  # of the open's label over the next one; nothing lay between them in 299 real files
CHANCE = 0.11  # of as many sessions on one side of a limit, were both sides alike: 5 of 6 are enough
ALWAYS, SELDOM = 0.95, 0.25  # shares of sessions with a bar on the two sides of an edge that is beyond doubt
STANDS_OUT = 1.3  # how much more the opening moves than the minutes from half an hour on, or it tells nothing
VOLUME_START, VOLUME_END, SURGE, AUCTION = 0.67, 1.25, 2.0, 4.0
EDGE = 30  # minutes: extended hours begin and end on the half hour
RANGE, VOLUME = "range at the open's label over the next one's", "volume at the close's label over the one before"
PRESENCE, EXTENDED = "bars at the open's label and not at the close's", "edges of extended hours"


class _Day(NamedTuple):
    """Hold the rows of the sessions met: which session, the label's minute from the open, range and volume, (n,)."""

    session: np.ndarray
    minute: np.ndarray
    range: np.ndarray
    volume: np.ndarray
    lengths: np.ndarray  # minutes of each session, (sessions,)

    def at(self, minute: int | np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return of each session the largest value at a minute, NaN where it has none, (sessions,)."""
        found, here = np.full(len(self.lengths), np.nan), self.minute == minute
        np.fmax.at(found, self.session[here], values[here])
        return found

    def has(self, minute: int | np.ndarray) -> np.ndarray:
        """Say of each session whether it has a bar labelled with a minute, (sessions,)."""
        return np.bincount(self.session[self.minute == minute], minlength=len(self.lengths)) > 0


def detect_convention(frame: pd.DataFrame, sessions: Sessions) -> Convention:
    """Return whether the labels of received rows are the starts or the ends of their minutes.

    Rows that the source stamped in UTC need no sign: `ts` is a bar's start.
    Raises AmbiguousTimestamps where the signs of `label_evidence` contradict each other or are too weak; BadFile as
    `place` does.
    """
    if "ts" in frame:
        return "start"
    found = label_evidence(frame, sessions)
    if found["sure"] != "strong":
        raise ambiguous(found, _where(frame))
    return "start" if found["says"] == "start" else "end"


def label_evidence(frame: pd.DataFrame, sessions: Sessions) -> LabelEvidence:
    """Return what the labels of received rows mark by four signs, and how sure that is.

    No sign is enough on some markets: an opening auction prints late on one exchange and stands in a bar of its own at
    the open's label on another, so that the first bars alone mislead. The signs are the high-low range and the volume
    at the edges of the session, the labels there where a session has no extended hours, and the extended hours' edges.
    Strong are two signs that agree, or labels at one edge alone in most sessions. Raises BadFile as `place` does.
    """
    day = _days(frame[frame["broken"] == ""], sessions)
    presence = _presence(day)
    signs = [_opening_range(day), _closing_volume(day), presence, _extended_edges(day)]
    says = [sign["says"] for sign in signs if sign["says"]]
    voted = presence["figure"] is not None
    whole = voted and bool(presence["says"]) and 2 * presence["sessions"] >= len(day.lengths)
    sure = "strong" if whole or len(says) > 1 else "weak" if says else "none"
    sure = "contradictory" if len(set(says)) > 1 else sure
    return {"says": says[0] if len(set(says)) == 1 else "", "sure": sure, "sessions": len(day.lengths), "signs": signs}


def pooled(evidence: Iterable[LabelEvidence]) -> Convention | None:
    """Return what the bars of several symbols of one source say together, None where that is not sure.

    Strong ones decide where 80 % of them agree; without any, three or more that have one sign each.
    """
    known = list(evidence)
    strong, weak = ([one["says"] for one in known if one["sure"] == sure] for sure in ("strong", "weak"))
    votes = strong or (weak if len(weak) >= FEWEST else [])
    starts = votes.count("start")
    if not votes or max(starts, len(votes) - starts) < MAJORITY * len(votes):
        return None
    return "start" if 2 * starts > len(votes) else "end"


def ambiguous(found: LabelEvidence, where: str) -> AmbiguousTimestamps:
    """Return the error for evidence that does not decide, with its figures and what to do."""
    why = "the signs contradict each other" if found["sure"] == "contradictory" else "the signs are too weak"
    return AmbiguousTimestamps(
        f"{where}: do its labels mark the start or the end of a bar? Of {found['sessions']} sessions {why}: "
        f"{signs_in_words(found)}. Give more whole sessions of a traded symbol, or set STOCKML_LABELS to start or end, "
        "as the source says"
    )


def signs_in_words(found: LabelEvidence) -> str:
    """Return the figures of each sign in words."""
    words = [
        f"{sign['sign']}: {'-' if sign['figure'] is None else format(sign['figure'], '.2f')} "
        f"in {sign['sessions']} sessions ({sign['says'] or 'undecided'})"
        for sign in found["signs"]
    ]
    return "; ".join(words)


def place(frame: pd.DataFrame, convention: Convention, sessions: Sessions) -> pd.DataFrame:
    """Return the rows with `ts`, each bar's open in UTC epoch seconds (int64).

    Raises BadFile where the response names another time zone than the exchange's, or a label is at a time that a clock
    change leaves out or makes twice.
    """
    _check_zone(frame, sessions)
    if "ts" in frame:
        return frame
    return frame.assign(ts=_utc(frame, sessions.zone) - (MINUTE if convention == "end" else 0))


def _days(frame: pd.DataFrame, sessions: Sessions) -> _Day:
    days = frame["label"].to_numpy("datetime64[D]")
    near = np.minimum(np.searchsorted(sessions.dates, days), len(sessions.dates) - 1)
    trading = sessions.dates[near] == days
    met, session = np.unique(near[trading], return_inverse=True)
    rows = frame[trading]
    minute = (_utc(frame, sessions.zone)[trading] - sessions.opens[met[session]]) // MINUTE
    lengths = (sessions.closes[met] - sessions.opens[met]) // MINUTE
    span = (rows["high"] - rows["low"]).to_numpy(np.float64)
    return _Day(session, minute, span, rows["volume"].to_numpy(np.float64), lengths)


def _opening_range(day: _Day) -> LabelSign:
    """The first minute moves most; labelled by its end, the open's label has the minute before, or the auction."""
    first, second = day.at(0, day.range), day.at(1, day.range)
    both = (first >= 0) & (second > 0)
    usual = day.range[(day.minute >= 30) & (day.minute < 90)]
    stands_out = len(usual) > 0 and _median(np.fmax(first, second)[both]) >= STANDS_OUT * _median(usual)
    ratios = first[both] / second[both]
    says = _side(ratios, RANGE_END, RANGE_START, ("end", "start"))
    return _sign(RANGE, _median(ratios), len(ratios), says if stands_out else "")


def _closing_volume(day: _Day) -> LabelSign:
    """The last minute trades most; labelled by its start, the close's label has the auction, or what comes after."""
    last, before, earlier = (day.at(day.lengths[day.session] - back, day.volume) for back in (0, 1, 2))
    both = (last > 0) & (before > 0)
    ratios, surge = last[both] / before[both], before[both & (earlier > 0)] / earlier[both & (earlier > 0)]
    says = _side(ratios, VOLUME_START, VOLUME_END, ("start", "end"))
    if says == "end" and _side(surge, VOLUME_END, SURGE, ("", "surge")):
        # the minute before stands out already: it is the last one where what follows can only be the auction
        says = "start" if _median(ratios) >= AUCTION else ""
    return _sign(VOLUME, _median(ratios), len(ratios), says)


def _side(ratios: np.ndarray, low: float, high: float, names: tuple[str, str]) -> str:
    """Return the name of the limit that the median is beyond, "" where it is not or that could be chance."""
    middle = np.sqrt(low * high)
    if _median(ratios) <= low:
        return names[0] if _chance(int((ratios < middle).sum()), len(ratios)) <= CHANCE else ""
    if _median(ratios) >= high:  # beyond the other limit is enough: ratios scatter more the larger they are
        return names[1] if _chance(int((ratios > low).sum()), len(ratios)) <= CHANCE else ""
    return ""


def _chance(count: int, total: int) -> float:
    """Return how likely `count` or more heads are in `total` tosses."""
    return float(sum(comb(total, heads) for heads in range(count, total + 1)) / 2**total)


def _presence(day: _Day) -> LabelSign:
    """Tell by the labels at the edges: sessions without extended hours vote, where all have them they do together."""
    count, length = len(day.lengths), day.lengths[day.session]
    extended = np.bincount(day.session[(day.minute < 0) | (day.minute > length)], minlength=count) > 0
    at_open, at_close = day.has(0), day.has(length)
    votes = at_open[~extended & (at_open != at_close)]
    if count and extended.all():
        says, figure = _dense_edge(day)
        return _sign(PRESENCE, figure, count, says)
    share = float(votes.mean()) if len(votes) else np.nan
    says = "start" if share >= MAJORITY else "end" if share <= 1 - MAJORITY + 1e-9 else ""
    return _sign(PRESENCE, share, len(votes), says, fewest=1)


def _dense_edge(day: _Day) -> tuple[str, float]:
    """Say which edge has a bar in most sessions while the two labels outside of it seldom have one.

    The figure, 1 for the start and 0 for the end, is given where that is beyond doubt.
    """
    length = day.lengths[day.session]
    edges = [
        (day.has(inside).mean(), max(day.has(edge).mean(), day.has(outside).mean()))
        for inside, edge, outside in ((1, 0, -1), (length - 1, length, length + 1))
    ]
    at_open, at_close = (inside >= MAJORITY and outside < 0.5 for inside, outside in edges)
    if at_open == at_close:
        return "", np.nan
    inside, outside = edges[0 if at_open else 1]
    clear = inside >= ALWAYS and outside <= SELDOM
    return "end" if at_open else "start", float(at_close) if clear else np.nan


def _extended_edges(day: _Day) -> LabelSign:
    """The first label of extended hours is on the half hour where it marks a start, the last one where an end."""
    length = day.lengths[day.session]
    first = _edge(day.session, np.where(day.minute < 0, day.minute, 0))
    last = _edge(day.session, np.where(day.minute > length, length - day.minute, 0))
    on = [edge % EDGE == 0 for edge, sessions in (first, last) if sessions >= FEWEST]
    says = "start" if on == [True, False] else "end" if on == [False, True] else ""
    return _sign(EXTENDED, float(on[0]) if on else np.nan, min(first[1], last[1]), says)


def _edge(session: np.ndarray, minute: np.ndarray) -> tuple[int, int]:
    """Return the farthest minute before 0, and in how many sessions there is a label at it."""
    farthest = int(minute.min(initial=0))
    return farthest, len(np.unique(session[minute == farthest])) if farthest < 0 else 0


def _sign(name: str, figure: float, sessions: int, says: str, fewest: int = FEWEST) -> LabelSign:
    said = says if sessions >= fewest else ""
    return {
        "sign": name,
        "figure": round(figure, 3) if np.isfinite(figure) else None,
        "sessions": sessions,
        "says": said,
    }


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else np.nan


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
    except (ZoneInfoNotFoundError, ValueError, OSError):  # the last of a folder, such as "US"
        return False
    noons = pd.DatetimeIndex(labels.dt.normalize().unique()) + pd.Timedelta(hours=12)
    return noons.tz_localize(other).equals(noons.tz_localize(zone).tz_convert(other))


def _where(frame: pd.DataFrame) -> str:
    return str(frame.attrs.get("where", "the rows received"))

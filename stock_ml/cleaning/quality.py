"""Measure the quality of a month's bars: coverage, gaps, order, outliers."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from stock_ml.domain.bars import MINUTE, distinct, epoch, utc
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.gaps import Holes, Minutes, holes
from stock_ml.domain.ingest_records import Gap, MinuteReport, Outlier, Outliers, QualityReport, SessionCount, ZeroVolume

NAMED = 20  # so many outliers are named one by one
QUIETER = 0.25  # of days
TRADED = 0.8  # of a hole's minutes, in which other symbols have bars where the feed works
MERGED = 100  # symbols
MANY = 30  # rows of a day, from which on the feed traded on it

Span = tuple[float, float]  # UTC epoch seconds


class Gate(NamedTuple):
    """Hold the least share of minutes outside feed gaps, and the largest of rows refused or outliers."""

    coverage: float
    refused: float

    def reason(self, report: QualityReport) -> str | None:
        """Return why a month does not pass, None where it does; without a complete session coverage is not asked.

        The usual coverage of a symbol that traded in fewer than `coverage` of its minutes says nothing, as it varies.
        """
        usual = report["usual_coverage"]
        covered, received, refused = report["feed_coverage"], report["coverage"], report["refused_share"]
        if covered is not None and covered < self.coverage:
            return f"{covered:.1%} of the minutes of complete sessions lie outside feed gaps, not {self.coverage:.1%}"
        if received is not None and usual >= self.coverage and received < self.coverage * usual:
            return f"{received:.1%} of the minutes of complete sessions have bars, {usual:.1%} had before"
        if refused > self.refused:
            return f"{refused:.2%} of the rows are refused ({report['refused']}), at most {self.refused:.2%} may be"
        strange = report["outliers"]["count"] / max(report["kept"], 1)
        if strange > self.refused:
            return f"{strange:.2%} of the bars are outliers, at most {self.refused:.2%} may be"
        return None


def minute_report(bars: Minutes, sessions: Sessions, limit: int, span: Span, silence: int = 0) -> MinuteReport:
    """Return what became of each regular minute of a span: received, no trade, silence, or feed gap.

    Holes of at most `limit` minutes are filled; longer ones of at most `silence` minutes are the symbol's own.
    """
    received = bars.ts[~bars.filled]
    found = holes(received, sessions, limit, span)
    silent = ~found.short & (found.minutes <= silence)
    gap = ~found.short & ~silent
    gaps: list[Gap] = [{"from": utc(at).isoformat(), "minutes": int(n)} for at, n in _pairs(found, gap)]
    days, coverage = _by_session(bars, sessions, span)
    filled, left_out = int(bars.filled.sum()), found.total(found.short & found.at_edge)
    silent_minutes = found.total(silent)
    return {
        "filled": filled,
        "left_out": left_out,
        "silent_minutes": silent_minutes,
        "longest_silence": max(silence, limit),
        "feed_gap_minutes": int(found.minutes.sum()) - filled - left_out - silent_minutes,  # those beside outliers too
        "feed_gaps": gaps,
        "closed_minutes": sessions.closed(*span),
        "sessions": days,
        "coverage": coverage,
        "feed_coverage": _feed_coverage(found, gap, sessions, span),
    }


def _feed_coverage(found: Holes, gap: np.ndarray, sessions: Sessions, span: Span) -> float | None:
    """Return the share of minutes outside feed gaps of the complete sessions of a span, None where there is none."""
    whole = np.flatnonzero((sessions.closes > span[0]) & (sessions.closes <= span[1]))
    if not len(whole):
        return None
    missing = found.minutes[gap & np.isin(sessions.number(found.ts), whole)].sum()
    return float(1 - missing / sessions.lengths[whole].sum())


def trade_share(days: Iterable[SessionCount]) -> float:
    """Return in which share of its minutes a symbol trades on its quieter days, 1 where no day is known.

    The quieter quarter decides: days on which the feed failed for hours must not be most of them, and must not count.
    """
    shares = [day["received"] / day["minutes"] for day in days if day["received"] and day["minutes"]]
    return float(np.quantile(shares, QUIETER)) if shares else 1.0


def _pairs(found: Holes, chosen: np.ndarray) -> list[tuple[int, int]]:
    return list(zip(found.ts[chosen].tolist(), found.minutes[chosen].tolist(), strict=True))


def _by_session(
    bars: Minutes, sessions: Sessions, span: tuple[float, float]
) -> tuple[dict[str, SessionCount], float | None]:
    met = np.flatnonzero((sessions.closes > span[0]) & (sessions.opens + MINUTE <= span[1]))
    edges = np.searchsorted(bars.ts, np.append(sessions.opens[met], sessions.closes[met]))
    so_far = np.append(0, np.cumsum(bars.filled))
    filled = so_far[edges[len(met) :]] - so_far[edges[: len(met)]]
    received = edges[len(met) :] - edges[: len(met)] - filled
    due = sessions.trading_minutes(np.minimum(sessions.closes[met], span[1])) - sessions.before[met]
    whole = sessions.closes[met] <= span[1]
    columns = (sessions.dates[met].astype(str), received, filled, due)
    days: dict[str, SessionCount] = {
        str(day): {"received": int(n), "filled": int(filled_count), "minutes": int(minutes)}
        for day, n, filled_count, minutes in zip(*columns, strict=True)
    }
    return days, float(received[whole].sum() / due[whole].sum()) if whole.any() else None


def out_of_order(ts: np.ndarray) -> int:
    """Return how many rows come against the direction, newest or oldest first, in which most rows come."""
    steps = np.diff(ts)
    return int(min((steps > 0).sum(), (steps < 0).sum()))


def unknown_days(ts: np.ndarray, sessions: Sessions) -> dict[str, int]:
    """Return how many rows there are on each day (YYYY-MM-DD) on which the feed traded, and no session is known.

    `ts` are the rows' opens on days without a session, in UTC epoch seconds. Fewer than MANY rows on a day are no
    trading: some sources print a few at a weekend.
    """
    days, counts = np.unique(sessions.days(ts), return_counts=True)
    return {str(day): int(count) for day, count in zip(days, counts, strict=True) if count >= MANY}


def zero_volume(volume: np.ndarray) -> ZeroVolume:
    """Return how many received bars (n,) have no volume, in how many runs, and how long the longest is."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], volume == 0, [0]])))
    lengths = edges[1::2] - edges[::2]
    return {"bars": int(lengths.sum()), "runs": len(lengths), "longest": int(lengths.max(initial=0))}


def name_outliers(bars: Minutes) -> Outliers:
    """Return how many bars are outliers, given those, and the first of them; they stay among the clean bars."""
    named: list[Outlier] = [
        {"ts": utc(ts).isoformat(), "low": low, "high": high}
        for ts, low, high in zip(bars.ts[:NAMED], bars.low[:NAMED], bars.high[:NAMED], strict=True)
    ]
    return {"count": len(bars), "first": named}


def missing_everywhere(received: dict[str, np.ndarray], sessions: Sessions) -> list[Gap]:
    """Return the holes in which no symbol has a bar, where several are traded: a halt, or the feed of all failed.

    `received` has each symbol's bar opens, ascending. Looked at is the time from when on all of them have bars.
    """
    times = [ts for ts in received.values() if len(ts)]
    if len(times) < 2:
        return []
    span = max(float(ts[0]) for ts in times), max(float(ts[-1]) for ts in times) + MINUTE
    found = holes(_union(times), sessions, 0, span)
    return [{"from": utc(at).isoformat(), "minutes": n} for at, n in _pairs(found, found.minutes > 0)]


def halts(received: dict[str, np.ndarray], sessions: Sessions, limit: int) -> dict[str, list[Gap]]:
    """Return by symbol the holes of more than `limit` minutes in which other symbols traded: the feed did not fail.

    `received` has each symbol's bar opens, ascending. Such a symbol was halted, or nobody traded it.
    """
    traded = _union(list(received.values()))  # of all, as a symbol has no bar in its own holes
    return {symbol: found for symbol, ts in received.items() if (found := _halts(ts, traded, sessions, limit))}


def _union(times: Sequence[np.ndarray]) -> np.ndarray:
    """Return the times that are in any of several arrays, ascending, (n,); some arrays at once, as they may be many."""
    found = np.empty(0, np.int64)
    for first in range(0, len(times), MERGED):
        found = distinct(np.concatenate([found, *times[first : first + MERGED]]))
    return found


def _halts(ts: np.ndarray, traded: np.ndarray, sessions: Sessions, limit: int) -> list[Gap]:
    if not len(ts):
        return []
    found = holes(ts, sessions, limit, (float(ts[0]), float(ts[-1]) + MINUTE))
    begins, ends = np.searchsorted(traded, [found.ts, found.ts + found.minutes * MINUTE])
    alone = ~found.short & (ends - begins >= TRADED * found.minutes)
    return [{"from": utc(at).isoformat(), "minutes": n} for at, n in _pairs(found, alone)]


def received_times(bars: pd.DataFrame) -> np.ndarray:
    """Return the opens of the received bars of one symbol, ascending, int64 epoch seconds."""
    return epoch(bars.loc[~bars["filled"].to_numpy(bool), "ts"])

"""Outliers: received bars whose prices the bars before them do not explain; one rule for batch and stream.

The rule needs no future and little past: whether a bar is an outlier depends on that bar and on at most MEMORY received
bars before it, outliers or not. So it gives the same answer wherever a history begins, and in whatever order bars came.

A bar's reach is how far its high or its low is away from a level, as a log return. Levels are medians of the closes of
the NEAREST bars before it (Brownlees and Gallo 2006, "Financial econometric analysis at ultra-high frequency", compare
with neighbours on both sides; a stream has those of one side). Those of the bar's own stretch of trading, without a
night and a pause, have one level, and earlier ones have another.
A bar is an outlier

- where it reaches farther than SCALE from the level of all of them: that is another currency or scale, or a halved
  price, until most of NEAREST bars agree with it, or at least STEPS bars of its own stretch, and all of them, do; or
- where it reaches farther than usual from every level, and one of the last STEPS minutes jumped as far. So three bars
  after a jump the new price counts, and a fast fall without a jump always does.

Usual is DEVIATIONS times the median minute return of the last MEMORY bars, or RANGES times the median of their
highs over lows, and at least FLOOR. A stretch's first bar may open anywhere within SCALE of the level: after a night,
or after a pause of more than PAUSE times the usual distance of bars, as a halt is one. The past begins anew behind a
feed gap.

A session's first bar that is beyond SCALE may be a split or a wrong price, as reverse splits of 1:100 exist. Only the
bars after it tell. So STEPS bars of a split are outliers, and splits are looked for in what is left (`splits`).
"""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from stock_ml.domain import gaps
from stock_ml.domain.bars import MINUTE
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.gaps import Minutes

MEMORY, NEAREST, STEPS = 50, 15, 3  # bars
PAUSE = 5  # the American exchanges halt a symbol for five minutes (Limit Up-Limit Down)
FLOOR, SCALE = 0.02, float(np.log(1.5))  # log returns
DEVIATIONS = 30.0  # a median return is two thirds of a standard deviation
CONFIRMING = 15  # minutes
CHUNK = 4096  # bars looked at in one go: 20 MB
RANGES = 3.0  # where closes stand still, a price of a few ticks bounces between bid and ask

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class _Logs(NamedTuple):
    """Hold the logs of highs, lows and closes, (n,) each."""

    high: Floats
    low: Floats
    close: Floats


class _Past(NamedTuple):
    """Hold what came before m bars, the newest first, (m, MEMORY): `close`, and `range`, the log of high over low.

    `exists` says which there are, `own` which are of the bar's own stretch.
    """

    close: Floats
    range: Floats
    exists: Bools
    own: Bools


def outliers(
    bars: Minutes,
    sessions: Sessions,
    limit: int,
    slot: NDArray[np.int64] | None = None,
    wanted: Bools | None = None,
) -> Bools:
    """Say of received bars, sorted by symbol and time, which are outliers, (n,); all follow the same sessions.

    `slot` (n,) is each bar's symbol; without it all are of one. `wanted` (n,) are the bars that are asked for, the
    others only their past. A hole of more than `limit` minutes is a feed gap.
    """
    logs = _Logs(*(np.log(column) for column in (bars.high, bars.low, bars.close)))
    found = np.zeros(len(bars), dtype=bool)
    candidates = _candidates(logs)
    candidates = candidates if wanted is None else candidates[wanted[candidates]]
    if len(candidates) == 0:
        return found
    begins, period, index = _begins(bars, sessions, limit, slot), sessions.period(bars.ts), sessions.index(bars.ts)
    for start in range(0, len(candidates), CHUNK):
        at = candidates[start : start + CHUNK]
        found[at] = _outliers(_Logs(*(column[at] for column in logs)), _past(at, logs, period, index, begins))
    return found


def leave_out(bars: Minutes, sessions: Sessions, limit: int) -> tuple[Minutes, Minutes]:
    """Return the bars of one symbol, filled, as if its outliers had never come, and the outliers.

    An outlier's minute is filled as one without a trade; where several make a feed gap they leave it.
    """
    received = bars.select(~bars.filled)
    found = outliers(received, sessions, limit)
    return gaps.fill(received.select(~found), sessions, limit), received.select(found)


def are_confirmed(left_out: Minutes, usable: Minutes) -> Bools:
    """Say of outliers of one symbol whether the next received bar that is none confirms their close, (n,).

    It comes at most CONFIRMING minutes later and closes within FLOOR: then the price lasts, as after news. Such a close
    is an outcome and a target, and still no input. The view `outcomes` has the same rule.
    """
    later = usable.select(~usable.filled)
    at = np.searchsorted(later.ts, left_out.ts)
    found = at < len(later)
    known = left_out.select(found)
    near = later.ts[at[found]] - known.ts <= CONFIRMING * MINUTE
    found[found] = near & (np.abs(np.log(known.close / later.close[at[found]])) <= FLOOR)
    return np.asarray(found)


def is_calm(high: Floats, low: Floats) -> Bools:
    """Say of bars whether none of them can be an outlier, from the highest and lowest price among them and before."""
    return np.asarray(np.log(high) - np.log(low) <= FLOOR)


def _candidates(logs: _Logs) -> NDArray[np.int64]:
    """Return the bars that with their NEAREST range farther than FLOOR: no other one can be an outlier."""
    if len(logs.close) == 0:
        return np.empty(0, dtype=np.int64)
    before = sliding_window_view(np.concatenate([np.repeat(logs.close[:1], NEAREST), logs.close[:-1]]), NEAREST)
    top, bottom = np.maximum(before.max(axis=1), logs.high), np.minimum(before.min(axis=1), logs.low)
    return np.flatnonzero(top - bottom > FLOOR)


def _begins(bars: Minutes, sessions: Sessions, limit: int, slot: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Return for each bar the first one that its past may hold, (n,)."""
    index = sessions.index(bars.ts)
    joined = gaps.is_contiguous(index[:-1], index[1:], limit)
    if slot is not None:
        joined &= slot[1:] == slot[:-1]
    return np.maximum.accumulate(np.insert(np.where(joined, 0, np.arange(1, len(index))), 0, 0))


def _past(
    at: NDArray[np.int64],
    logs: _Logs,
    periods: NDArray[np.int64],
    indices: NDArray[np.int64],
    begins: NDArray[np.int64],
) -> _Past:
    before = at[:, None] - np.arange(MEMORY + 1)  # from the bar itself
    exists = before >= begins[at][:, None]
    before = np.maximum(before, 0)
    period, index = periods[before], indices[before]
    steps = index[:, :-1] - index[:, 1:]
    paused = steps > PAUSE * np.maximum(_median(steps, exists[:, 1:]), 1)[:, None]
    own = (period[:, 1:] == period[:, :1]) & ~np.logical_or.accumulate(paused, axis=1)
    earlier = before[:, 1:]
    return _Past(logs.close[earlier], (logs.high - logs.low)[earlier], exists[:, 1:], own)


def _outliers(bars: _Logs, past: _Past) -> Bools:
    usual = np.maximum(DEVIATIONS * _median_return(past), RANGES * _median(past.range, past.exists))
    usual = np.maximum(usual, FLOOR)
    own, earlier = past.exists & past.own, past.exists & ~past.own
    known = own[:, 0] & past.exists[:, STEPS - 1]
    far = known & (_reach(bars, past, own) > usual) & (_reach(bars, past, earlier) > usual)
    off_scale = past.exists[:, 0] & (_reach(bars, past, past.exists) > SCALE) & ~_lasts(bars, past, own)
    return np.asarray(off_scale | (far & _has_jumped(bars, past, usual)))


def _lasts(bars: _Logs, past: _Past, own: Bools) -> Bools:
    """Say whether at least STEPS of the NEAREST bars are of a bar's own stretch, and none beyond SCALE of it, (m,)."""
    own, close = own[:, :NEAREST], past.close[:, :NEAREST]
    agrees = np.maximum(bars.high[:, None] - close, close - bars.low[:, None]) <= SCALE
    return np.asarray((own.sum(axis=1) >= STEPS) & (agrees | ~own).all(axis=1))


def _reach(bars: _Logs, past: _Past, chosen: Bools) -> Floats:
    """Return how far bars reach from the median of chosen closes, inf where none is chosen, (m,).

    Of two middle closes the nearer one counts.
    """
    ordered = np.sort(np.where(chosen, past.close, np.inf)[:, :NEAREST], axis=1)
    count = chosen[:, :NEAREST].sum(axis=1)
    middles = np.stack([np.maximum(count - 1, 0) // 2, count // 2], axis=1)
    levels = np.take_along_axis(ordered, middles, axis=1)
    return np.asarray(np.maximum(bars.high[:, None] - levels, levels - bars.low[:, None]).min(axis=1))


def _median_return(past: _Past) -> Floats:
    """Return the median size of the minute returns within the stretches, (m,)."""
    pairs = past.exists[:, 1:] & (past.own[:, 1:] == past.own[:, :-1])
    return _median(np.abs(past.close[:, :-1] - past.close[:, 1:]), pairs)


def _median(values: np.ndarray, chosen: Bools) -> Floats:
    """Return the median of chosen values in each row, of two middle ones the smaller, 0 where none is chosen, (m,)."""
    ordered = np.sort(np.where(chosen, values, np.inf), axis=1)
    count = chosen.sum(axis=1)
    middle = np.take_along_axis(ordered, (np.maximum(count, 1)[:, None] - 1) // 2, axis=1)[:, 0]
    return np.where(count > 0, middle, 0.0)


def _has_jumped(bars: _Logs, past: _Past, usual: Floats) -> Bools:
    """Say whether one of the last STEPS minutes, up to a bar itself, moved farther than usual, (m,)."""
    last = past.close[:, 0]
    jumped = np.maximum(bars.high - last, last - bars.low) > usual
    steps = np.abs(past.close[:, : STEPS - 1] - past.close[:, 1:STEPS])
    unknown = ~(past.exists & past.own)[:, 1:STEPS]
    return np.asarray(jumped | ((steps > usual[:, None]) | unknown).any(axis=1))

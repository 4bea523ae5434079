"""Features: what a forecast sees of the last W bars; one numpy kernel for batch and stream, and the targets.

A window is W rows, oldest first; a row holds the CHANNELS of one bar, each known from that bar alone. All features are
free of the price's and the volume's scale, and finite on flat and on filled windows. c is the close, W the window.

| feature | formula | bars used |
|---|---|---|
| return_1, _2, _5, _15 | ln(c[t] / c[t-lag]) | 2, 3, 6, 16 |
| close_in_range | (2 c - high - low) / (high - low), 0 on a flat bar; -1 at the low, 1 at the high | 1 |
| range | ln(high / low) | 1 |
| volatility | root of the mean squared minute return of the closes, nights left out | W |
| volume | ln(1 + v[t] / mean v) - ln 2, 0 where nothing was traded in the window | W |
| elapsed | share of the session that has passed when the bar ends | 1 |
| night | ln(open / close before) summed over the nights that the window crosses, else 0 | W |
| level_tight, _loose | ln(level / c[t]) for the price level that a bouncing close hides, noise 0.36 and 2.25 | W |

The level is that of the local level model (Harvey 1989, "Forecasting, Structural Time Series Models and the Kalman
Filter", 2.2) in the time that volume tells: a minute with x times the window's mean volume adds x to the level's
variance, and its close shows the level with noise variance x times 0.36 or 2.25, as trades bounce between bid and ask
(Roll 1984). After a night nothing is known of the level; a minute without a trade shows nothing.

A night is what lies between two trading periods (`domain.calendar`): a lunch break is one, midnight in a market that
trades around the clock is none. The channel `session` is the number of the trading period. The close before a night is
the official close of the session before (`domain.official_close`); where none is known, and before the end of a lunch
break, it is the close of the bar before. The channel `close_before` has that official close in each bar of a session's
first period, and NaN elsewhere.

The kernel gives the same bits for a row whatever number of rows and memory layout it comes in: it copies to
(C, n, W) and reduces over the last, contiguous axis only; there is no BLAS in it.
"""

import hashlib
import json

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from stock_ml.domain import splits
from stock_ml.domain.bars import MINUTE
from stock_ml.domain.calendar import Sessions, sessions
from stock_ml.domain.gaps import Minutes, fill, is_contiguous
from stock_ml.domain.official_close import NO_CLOSES, OfficialCloses
from stock_ml.domain.outliers import are_confirmed, leave_out
from stock_ml.model.feature_schema import FeatureSchema

KERNEL_VERSION = 3
CHANNELS = ("open", "high", "low", "close", "volume", "elapsed", "close_before", "session")
CLOSE = CHANNELS.index("close")
LAGS = (1, 2, 5, 15)
FEATURES = (
    *(f"return_{lag}" for lag in LAGS),
    *("close_in_range", "range", "volatility", "volume", "elapsed", "night"),
    *("level_tight", "level_loose"),
)
NOISES = np.array([[0.36], [2.25]])  # in units of what the level itself moves meanwhile
UNKNOWN = 1e3  # variance of a level of which nothing is known, in the same units
Floats = NDArray[np.float64]
CHUNK = 2048  # windows at a time, so that what is made of them stays in the processor's cache: 3 MB at W = 30


def schema(window: int, horizon: int, limit: int = 15, exchange: str = "XNYS") -> FeatureSchema:
    """Return the schema of the features of these settings.

    `limit` (the longest hole in minutes that is filled) decides which windows there are and what stands in them, the
    exchange's sessions what has elapsed and where a night lies. Raises BadSetting where the exchange is not known.
    """
    last = CHANNELS[-1] if sessions(exchange, ()).is_plain else "period"
    described: FeatureSchema = {
        "kernel": KERNEL_VERSION,
        "channels": [*CHANNELS[:-1], last],
        "names": list(FEATURES),
        "window": window,
        "horizon": horizon,
        "feed_gap_minutes": limit,
        "exchange": exchange,
        "hash": "",
    }
    hashed = {name: value for name, value in described.items() if name != "hash"}
    described["hash"] = hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()
    return described


def rows(minutes: Minutes, sessions: Sessions, close_before: Floats) -> np.ndarray:
    """Return the CHANNELS of each bar, float64 (n, C): what a ring buffer keeps of a symbol.

    `close_before` is the official close of the session before each, NaN where none is known, (n,).
    """
    length = sessions.lengths[sessions.number(minutes.ts)]
    elapsed = (sessions.minute(minutes.ts) + 1) / length
    bar = (minutes.open, minutes.high, minutes.low, minutes.close, minutes.volume)
    return np.column_stack([*bar, elapsed, close_before, sessions.period(minutes.ts).astype(np.float64)])


def window_ends(minutes: Minutes, sessions: Sessions, window: int, limit: int) -> np.ndarray:
    """Return where valid windows end, as int64 indices: at received bars with `window` rows, no feed gap among them.

    Neighbours are at most `limit + 1` trading minutes apart; a window may cross the night, but no unadjusted split.
    """
    index = sessions.index(minutes.ts)
    contiguous = is_contiguous(index[:-1], index[1:], limit) & splits.are_crossed(minutes, sessions)[1:]
    begins = np.insert(np.where(contiguous, 0, np.arange(1, len(index))), 0, 0)[: len(index)]
    run = np.arange(len(index)) - np.maximum.accumulate(begins)
    return np.flatnonzero((run >= window - 1) & ~minutes.filled & (index >= 0))


def windows(
    minutes: Minutes, sessions: Sessions, window: int, limit: int, closes: OfficialCloses = NO_CLOSES
) -> tuple[np.ndarray, np.ndarray]:
    """Return the valid windows' ends, int64 (n,), and the windows, float64 (n, W, C)."""
    at = window_ends(minutes, sessions, window, limit)
    return at, _slices(rows(minutes, sessions, closes.before(minutes.ts, sessions)), at, window)


def _slices(table: Floats, at: NDArray[np.int64], window: int) -> Floats:
    if len(at) == 0:
        return np.empty((0, window, table.shape[1]))
    picked: Floats = sliding_window_view(table, window, axis=0)[at - window + 1]
    return picked.swapaxes(1, 2)


def kernel(windows: Floats) -> Floats:
    """Return the FEATURES of windows (n, W, C) as float64 (n, k); W is at least 16."""
    channels = np.ascontiguousarray(np.moveaxis(np.asarray(windows, dtype=np.float64), 2, 0))
    opens, high, low, close, volume, elapsed, close_before, session = channels
    night = session[:, 1:] != session[:, :-1]
    columns = [_log_ratio(close[:, -1], close[:, -1 - lag]) for lag in LAGS]
    columns += [_close_in_range(high[:, -1], low[:, -1], close[:, -1]), _log_ratio(high[:, -1], low[:, -1])]
    columns += [_volatility(close, night), _volume(volume), elapsed[:, -1]]
    before = np.where(np.isnan(close_before[:, 1:]), close[:, :-1], close_before[:, 1:])
    columns.append(np.add.reduce(np.where(night, _log_ratio(opens[:, 1:], before), 0.0), axis=1))
    return np.column_stack([*columns, *_levels(close, volume, night)])


def _log_ratio(above: Floats, below: Floats) -> Floats:
    return np.log(np.ascontiguousarray(above / below))


def _close_in_range(high: Floats, low: Floats, close: Floats) -> Floats:
    size = high - low
    place: Floats = np.divide(2 * close - high - low, size, out=np.zeros_like(size), where=size > 0)
    return place


def _volatility(close: Floats, night: NDArray[np.bool_]) -> Floats:
    returns = np.where(night, 0.0, _log_ratio(close[:, 1:], close[:, :-1]))
    count = night.shape[1] - np.add.reduce(night, axis=1, dtype=np.int64)
    mean: Floats = np.add.reduce(returns * returns, axis=1) / np.maximum(count, 1)
    return np.sqrt(mean)


def _volume(volume: Floats) -> Floats:
    mean = np.add.reduce(volume, axis=1) / volume.shape[1]
    ratio = np.divide(volume[:, -1], mean, out=np.ones_like(mean), where=mean > 0)
    size: Floats = np.log1p(ratio) - np.log1p(1.0)
    return size


def _levels(close: Floats, volume: Floats, night: NDArray[np.bool_]) -> Floats:
    """Return the levels relative to the last close, a row for each of NOISES, (2, n)."""
    price = np.ascontiguousarray(_log_ratio(close, close[:, -1:]).T)
    time = np.ascontiguousarray(_clock(volume).T)
    unknown = np.ascontiguousarray(night.T)
    level, variance = np.repeat(price[:1], len(NOISES), axis=0), np.full((len(NOISES), len(close)), UNKNOWN)
    for t in range(1, len(price)):
        variance = np.where(unknown[t - 1], UNKNOWN, variance + time[t])
        gain = np.divide(variance, variance + NOISES * time[t], out=np.zeros_like(variance), where=time[t] > 0)
        level = level + gain * (price[t] - level)
        variance = variance - gain * variance
    return level


def _clock(volume: Floats) -> Floats:
    """Return each minute's share of the mean volume, 1 where nothing was traded in the window."""
    mean = (np.add.reduce(volume, axis=1) / volume.shape[1])[:, None]
    share: Floats = np.divide(volume, mean, out=np.ones_like(volume), where=mean > 0)
    return share


def targets(minutes: Minutes, sessions: Sessions, horizon: int, outcomes: Minutes | None = None) -> np.ndarray:
    """Return each bar's log return to the close of the bar `horizon` minutes later in its trading period, else NaN.

    That bar is one of `outcomes`, by default of the bars themselves.
    """
    outcomes, wanted = minutes if outcomes is None else outcomes, minutes.ts + horizon * MINUTE
    at = np.minimum(np.searchsorted(outcomes.ts, wanted), len(outcomes) - 1)
    period = sessions.period(minutes.ts)
    known = (outcomes.ts[at] == wanted) & (sessions.period(wanted) == period) & (period >= 0)
    return np.where(known, np.log(outcomes.close[at] / minutes.close), np.nan)


def table(
    minutes: Minutes, sessions: Sessions, schema: FeatureSchema, limit: int, closes: OfficialCloses = NO_CLOSES
) -> pd.DataFrame:
    """Return one row for each valid window: bar_ts (epoch s), session (date), last_close, target, and the FEATURES.

    Outliers are left out of windows. A target whose minute has one is known where later bars confirm its close.
    Official closes are no targets.
    """
    minutes, left_out = leave_out(minutes, sessions, limit)
    at = window_ends(minutes, sessions, schema["window"], limit)
    channels = rows(minutes, sessions, closes.before(minutes.ts, sessions))
    parts = [at[i : i + CHUNK] for i in range(0, len(at), CHUNK)]
    features = [kernel(_slices(channels, part, schema["window"])) for part in parts]
    frame = pd.DataFrame(np.concatenate([np.empty((0, len(FEATURES))), *features]), columns=list(FEATURES))
    frame.insert(0, "bar_ts", minutes.ts[at])
    frame.insert(1, "session", sessions.dates[sessions.number(minutes.ts[at])].astype(str))
    frame.insert(2, "last_close", minutes.close[at])
    frame.insert(3, "target", targets(minutes, sessions, schema["horizon"], _outcomes(minutes, left_out))[at])
    return frame


def table_of_bars(bars: pd.DataFrame, sessions: Sessions, schema: FeatureSchema, limit: int) -> pd.DataFrame:
    """Return the `table` of one symbol's clean bars, ascending, `ts` in UTC: what training and research see."""
    # each month was filled alone: where a market trades around the clock, a hole may lie between two
    minutes = fill(Minutes.of_frame(bars), sessions, limit)
    return table(minutes, sessions, schema, limit, OfficialCloses.of_bars(bars, sessions))


def _outcomes(minutes: Minutes, left_out: Minutes) -> Minutes:
    """Return the bars that may be targets: outliers' minutes count where later bars confirm the close."""
    known = minutes.select(~np.isin(minutes.ts, left_out.ts)).concat(left_out.select(are_confirmed(left_out, minutes)))
    return known.select(np.argsort(known.ts, kind="stable"))

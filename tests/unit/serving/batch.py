"""Forecast a symbol's bars all at once, as training sees them, its intervals adapted one outcome after the other."""

import numpy as np

from serving.stream_config import StreamConfig
from stock_ml.adapters.postgres.store import NUMBERS
from stock_ml.domain.bars import MINUTE, Bar
from stock_ml.domain.gaps import Minutes
from stock_ml.domain.official_close import NO_CLOSES, OfficialCloses
from stock_ml.domain.outliers import leave_out
from stock_ml.model import features
from stock_ml.model.conformal import LEVELS, MAX_SCALE, STEP
from stock_ml.model.scorer import Prediction, Prices, nearest, prices
from tests.unit.serving.streams import CONFIG, SCORER

Numbers = tuple[float, ...]


def batch(bars: list[Bar], config: StreamConfig = CONFIG, closes: OfficialCloses = NO_CLOSES) -> dict[int, Numbers]:
    """Return by bar: last close, predicted close, the bounds, and the scales that they were made with."""
    sessions = config.sessions
    minutes, _ = leave_out(Minutes.of_bars(bars), sessions, config.limit)
    ends, windows = features.windows(minutes, sessions, config.window, config.limit, closes)
    said = SCORER.predict(features.kernel(windows))
    wanted = minutes.ts[ends] + MINUTE * config.horizon
    inside = np.flatnonzero(sessions.index(wanted) - sessions.index(minutes.ts[ends]) == config.horizon)
    interval_scale = adapted_one_by_one(minutes, ends[inside], said.of(inside), config.horizon)
    close = minutes.close[ends[inside]]
    told = np.column_stack([close, *_columns(prices(close, said.of(inside), interval_scale)), *interval_scale])
    return dict(zip(minutes.ts[ends[inside]].tolist(), map(tuple, told.tolist()), strict=True))


def _columns(found: Prices) -> list[np.ndarray]:
    return [getattr(found, name) for name in NUMBERS[1:]]


def adapted_one_by_one(minutes: Minutes, at: np.ndarray, said: Prediction, horizon: int) -> np.ndarray:
    """Return the scales, (3, n) float32, of forecasts made `at` some minutes of a symbol."""
    closes = dict(zip(minutes.ts.tolist(), minutes.close.tolist(), strict=True))
    interval_scale, waiting = np.zeros(3, np.float32), dict[int, list[tuple[float, float]]]()
    made = np.zeros((3, len(at)), np.float32)
    for i, now in enumerate(minutes.ts[at].tolist()):
        for target in sorted(target for target in waiting if target <= now):
            held = waiting.pop(target)
            if target in closes:
                interval_scale = np.array(
                    [_moved(*each, closes[target]) for each in zip(interval_scale, held, LEVELS, strict=True)]
                )
        made[:, i] = interval_scale
        waiting[now + MINUTE * horizon] = _bounds(minutes.close[at[i]], said.of(np.array([i])), interval_scale)
    return made


def _moved(interval_scale: np.float32, held: tuple[float, float], level: int, close: float) -> np.float32:
    share = level / 100
    move = STEP * (share - 1 if held[0] <= close <= held[1] else share)
    return np.float32(min(max(float(interval_scale) + move, -MAX_SCALE), MAX_SCALE))


def _bounds(close: float, said: Prediction, interval_scale: np.ndarray) -> list[tuple[float, float]]:
    predicted = nearest(np.array([close]), said)[0]
    wide = said.half[:, 0] * np.exp(interval_scale.astype(np.float64))
    return [
        (
            min(close * np.exp(said.log_return[0] - one), predicted),
            max(close * np.exp(said.log_return[0] + one), predicted),
        )
        for one in wide
    ]

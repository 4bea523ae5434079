"""Guards against leaks: each holds for the sound code, and raises AssertionError where something of the future is seen.

They look the code up when they are called, so that a test can plant a leak and see that the guard catches it.
"""

import numpy as np
import pandas as pd

from stock_ml.domain import gaps
from stock_ml.evaluation import error_histogram, fold_moments, folds, metrics
from stock_ml.model import features
from tests.walks import NYSE, minutes_of, take, walk

WINDOW, LIMIT, HORIZON, CUTS = 30, 15, 1, (45, 200, 389, 391, 600)
WHOLE = walk(minutes_of("2024-03-04", 2))
BARS = take(WHOLE, np.random.default_rng(1).random(len(WHOLE)) > 0.05)


def features_see_only_the_past() -> None:
    """Cut the future off: no feature of what is left may change."""
    described = features.schema(WINDOW, HORIZON)
    whole = features.table(gaps.fill(BARS, NYSE, LIMIT), NYSE, described, LIMIT)
    for cut in BARS.ts[list(CUTS)]:
        known = features.table(gaps.fill(take(BARS, BARS.ts <= cut), NYSE, LIMIT), NYSE, described, LIMIT)
        seen = whole[whole["bar_ts"] <= cut]
        names = list(features.FEATURES)
        assert known[names].to_numpy().tolist() == seen[names].to_numpy().tolist()


def holes_are_filled_from_before() -> None:
    """A filled bar is flat at the close of the newest bar received before it."""
    filled = gaps.fill(BARS, NYSE, LIMIT)
    for at in np.flatnonzero(filled.filled):
        before = BARS.close[BARS.ts < filled.ts[at]][-1]
        assert {filled.open[at], filled.high[at], filled.low[at], filled.close[at]} == {before}


def targets_lie_ahead() -> None:
    """A target is the move from a bar's close to the close that many minutes later."""
    filled = gaps.fill(BARS, NYSE, LIMIT)
    close = dict(zip(filled.ts.tolist(), filled.close.tolist(), strict=True))
    for ts, target in zip(filled.ts.tolist(), features.targets(filled, NYSE, HORIZON), strict=True):
        if not np.isnan(target):
            assert target == np.log(close[ts + 60 * HORIZON] / close[ts])


def widths_come_from_earlier_folds() -> None:
    """Errors a thousand times those before them are never covered: no width may have been made of them."""
    random, fold = np.random.default_rng(2), np.repeat([0, 1], 500)
    errors = random.normal(size=1000) * np.where(fold == 1, 1000, 1) + 5000 * fold
    histogram = error_histogram.ErrorHistogram.empty(2)
    histogram.add(errors, np.ones(1000), np.full(1000, 0.5), fold)
    first, second, _ = histogram.by_fold()
    assert first is None
    assert second is not None
    half = metrics.half_widths(second, np.ones(500), np.full(500, 0.5))
    assert not (np.abs(errors[500:]) <= half).any()


def training_knows_no_target_of_the_fold() -> None:
    """What a fold trains on is before all that it judges, and its last target's close is known by then."""
    ts = minutes_of("2024-03-04", 8)
    fold_list = folds.walk_forward_folds(ts[::390].tolist(), int(ts[-1]) + 60, 8)
    assert len(fold_list) == 4
    for fold in fold_list:
        trained, tested = ts[folds.in_training(ts, fold, HORIZON)], ts[folds.in_evaluation(ts, fold)]
        assert len(trained) > 390
        assert trained.max() + 60 * (HORIZON + 1) <= tested.min()


def moments_know_no_target_of_the_fold() -> None:
    """Targets that are not known when a fold begins are a thousand times the others: its moments have none of them."""
    ts = np.arange(8 * 390) * 60  # a market that never closes: the last targets of a session are known in the next one
    fold_list = folds.walk_forward_folds(ts[::390].tolist(), int(ts[-1]) + 60, 8)
    times = fold_moments.bounds(fold_list)
    for fold in fold_list:
        target = np.where(ts + (HORIZON + 1) * 60 > fold.first, 1000.0, 1.0)
        frame, rows = pd.DataFrame({"bar_ts": ts, "x": 1.0, "target": target}), fold_moments.Rows(("x",), HORIZON)
        found = fold_moments.interval_moments([frame], rows, times)
        assert fold_moments.fold_moments(found, times, fold).mean[-1] == 1.0

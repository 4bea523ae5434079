"""Plant the classic leaks one by one: a guard catches each."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from stock_ml.domain import gaps
from stock_ml.evaluation import error_histogram, fold_moments, folds
from stock_ml.model import features
from tests import leak_guards

GUARDS = (
    leak_guards.features_see_only_the_past,
    leak_guards.holes_are_filled_from_before,
    leak_guards.targets_lie_ahead,
    leak_guards.widths_come_from_earlier_folds,
    leak_guards.training_knows_no_target_of_the_fold,
    leak_guards.moments_know_no_target_of_the_fold,
)
kernel, slices, targets, fill = features.kernel, features._slices, features.targets, gaps.fill


def centred(table: np.ndarray, at: np.ndarray, window: int) -> np.ndarray:
    return slices(table, np.minimum(at + 5, len(table) - 1), window)


def high_and_low_of_the_forecast_bar(table: np.ndarray, at: np.ndarray, window: int) -> np.ndarray:
    ahead = table.copy()
    ahead[:-1, 1:3] = table[1:, 1:3]
    return slices(ahead, at, window)


def scaled_over_all_rows(windows: np.ndarray) -> np.ndarray:
    found = kernel(windows)
    return (found - found.mean(axis=0)) / (found.std(axis=0) + 1e-9)


def target_behind(minutes: gaps.Minutes, sessions: object, horizon: int) -> np.ndarray:
    return targets(minutes, sessions, -horizon)


def filled_from_the_future(bars: gaps.Minutes, sessions: object, limit: int) -> gaps.Minutes:
    sound = fill(bars, sessions, limit)
    at = np.minimum(np.searchsorted(bars.ts, sound.ts), len(bars) - 1)
    ahead = {c: np.where(sound.filled, bars.close[at], getattr(sound, c)) for c in ("open", "high", "low", "close")}
    return replace(sound, **ahead)


def calibrated_on_all(histogram: error_histogram.ErrorHistogram, folds: int) -> error_histogram.ErrorHistogram:
    return histogram


def known_at_once(bar_ts: np.ndarray, horizon: int) -> np.ndarray:
    return bar_ts


def drawn_at_random(bar_ts: np.ndarray, fold: folds.Fold, horizon: int) -> np.ndarray:
    return np.random.default_rng(fold.first).random(len(bar_ts)) < 0.8


LEAKS = {
    "a centred window": (features, "_slices", centred, GUARDS[0]),
    "high and low of the bar that is forecast": (features, "_slices", high_and_low_of_the_forecast_bar, GUARDS[0]),
    "a scaler fitted on all rows": (features, "kernel", scaled_over_all_rows, GUARDS[0]),
    "holes filled from the future": (gaps, "fill", filled_from_the_future, GUARDS[1]),
    "a target shifted the wrong way": (features, "targets", target_behind, GUARDS[2]),
    "intervals calibrated on what they are judged on": (
        error_histogram.ErrorHistogram,
        "_first",
        calibrated_on_all,
        GUARDS[3],
    ),
    "moments of rows that are not purged": (fold_moments, "known_at", known_at_once, GUARDS[5]),
    "training rows that are not purged": (folds, "known_at", known_at_once, GUARDS[4]),
    "a random split": (folds, "in_training", drawn_at_random, GUARDS[4]),
}


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.__name__)
def test_the_sound_code_passes_the_guard(guard: Callable[[], None]) -> None:
    guard()


@pytest.mark.parametrize("leak", LEAKS)
def test_a_guard_catches_the_leak(leak: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, name, planted, guard = LEAKS[leak]
    monkeypatch.setattr(module, name, planted)
    with pytest.raises(AssertionError):
        guard()

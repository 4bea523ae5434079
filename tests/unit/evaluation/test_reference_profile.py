"""What a model was trained on: against a naive count, and that a stable market never looks like another one."""

from functools import cache

import numpy as np
import pytest

from sandbox.market import Day, Market
from stock_ml.domain.gaps import Minutes, fill
from stock_ml.errors import ModelError
from stock_ml.evaluation.psi import bin_counts, bin_edges, bin_shares, psi
from stock_ml.evaluation.reference_profile import ReferenceProfile, Sample, Session, reference_profile
from stock_ml.model import features
from tests.unit.sandbox.markets import FIRST, XNYS

SYMBOLS, TRAINED, LIVE = ("AAPL", "GOOGL"), 42, 3
SAMPLE = Sample("x", SYMBOLS, 1)
SCHEMA = features.schema(30, 1)
LIMIT = 1.0  # as the settings have it
RANDOM = np.random.default_rng(8)


def psi_of(trained: np.ndarray, live: np.ndarray) -> float:
    edges = bin_edges(trained)
    return psi(*(bin_shares(bin_counts(sample, edges)) for sample in (trained, live)))


def made(count: int, scale: float = 1.0) -> list[Session]:
    return [Session(RANDOM.normal(0, scale, (300, 2)), 390) for _ in range(count)]


@cache
def of_market(seed: int, louder: float = 1.0, first: int = 0) -> list[Session]:
    """Sessions of a realistic market, its moves `louder` times as large in the last LIVE of them."""
    numbers = range(FIRST + first, FIRST + TRAINED + LIVE)
    rows = [table(Market(seed, XNYS).regular(symbol, numbers), louder) for symbol in SYMBOLS]
    found = [np.concatenate([part.get(str(XNYS.dates[i]), np.empty((0, 12))) for part in rows]) for i in numbers]
    lengths = (XNYS.closes - XNYS.opens) // 60
    return [Session(part, int(lengths[i]) * len(SYMBOLS)) for i, part in zip(numbers, found, strict=True)]


def table(day: Day, louder: float) -> dict[str, np.ndarray]:
    at = int(np.searchsorted(day.ts, XNYS.opens[FIRST + TRAINED]))
    moved = (
        np.log(day.values[:, :4] / day.values[at - 1, 3]) * np.where(np.arange(len(day.ts)) < at, 1.0, louder)[:, None]
    )
    prices = np.round(day.values[at - 1, 3] * np.exp(moved), 2)
    bars = Minutes(day.ts, *prices.T, day.values[:, 4], np.zeros(len(day.ts), dtype=bool))
    rows = features.table(fill(bars, XNYS, 15), XNYS, SCHEMA, 15).dropna()
    return {date: part[list(features.FEATURES)].to_numpy() for date, part in rows.groupby("session")}


def test_drift_is_what_a_naive_count_finds() -> None:
    trained, live = made(10), made(3, scale=2.0)
    profile = reference_profile(SAMPLE, ("a", "b"), trained)
    found = profile.drift(live)
    for j, name in enumerate(("a", "b")):
        whole, now = (np.concatenate([part.features[:, j] for part in parts]) for parts in (trained, live))
        runs = [np.concatenate([part.features[:, j] for part in trained[i : i + 3]]) for i in range(8)]
        assert found[name].psi == pytest.approx(psi_of(whole, now))
        assert found[name].excess == pytest.approx(psi_of(whole, now) - max(psi_of(whole, run) for run in runs))


def test_what_is_read_again_is_what_was_kept_and_what_is_damaged_is_refused() -> None:
    profile = reference_profile(SAMPLE, ("a", "b"), made(10))
    assert ReferenceProfile.from_json(profile.to_json()) == profile
    assert (profile.longest, profile.density) == (5, pytest.approx(300 / 390))
    for text in ("", "[]", "{}", profile.to_json().replace("density", "dens")):
        with pytest.raises(ModelError, match="train again"):
            ReferenceProfile.from_json(text)


def test_nothing_live_is_no_drift_and_one_session_alone_tells_nothing() -> None:
    assert reference_profile(SAMPLE, ("a", "b"), made(10)).drift([]) == {}
    assert reference_profile(SAMPLE, ("a", "b"), made(1)).longest == 0


@pytest.mark.parametrize("seed", range(60_001, 60_005))
def test_a_stable_market_raises_no_alert_and_one_three_times_as_loud_does(seed: int) -> None:
    sessions = of_market(seed)
    profile = reference_profile(SAMPLE, features.FEATURES, sessions[:TRAINED])
    for live, alarms in ((sessions[TRAINED:], False), (of_market(seed, 3.0, TRAINED - 1)[1:], True)):
        for count in range(1, LIVE + 1):
            excess = {name: found.excess for name, found in profile.drift(live[:count]).items()}
            assert (max(excess.values()) > LIMIT) is alarms
            assert not alarms or max(excess, key=excess.__getitem__) == "volatility"


def test_half_a_session_would_look_like_another_market_and_is_not_looked_at() -> None:
    sessions = of_market(60_001)
    profile = reference_profile(SAMPLE, features.FEATURES, sessions[:TRAINED])
    rows, possible = sessions[-1]
    elapsed = rows[:, features.FEATURES.index("elapsed")]
    afternoon = Session(rows[elapsed > 0.5], possible)
    assert profile.drift([afternoon])["elapsed"].excess > LIMIT
    assert [part.is_complete(profile.density) for part in (afternoon, sessions[-1])] == [False, True]

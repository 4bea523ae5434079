"""No symbol is served a forecast that its own evidence says is worse than its last price."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.evaluation.symbol_shrinkage import HYSTERESIS, Gain, fallback_symbols, posterior

RNG = np.random.default_rng(6)


def gains(**means: float) -> dict[str, np.ndarray]:
    """Twelve sessions of each symbol, with the given mean and a deviation of 0.1."""
    spread = np.resize([0.1, -0.1], 12)
    return {name: mean + spread for name, mean in means.items()}


def test_what_is_known_agrees_with_a_plain_computation():
    given_ = {"A": np.array([0.1, 0.3, 0.2]), "B": np.array([-0.2, -0.4]), "C": np.array([0.0, 0.1, 0.4, 0.3])}
    n = {name: len(x) for name, x in given_.items()}
    squares = {name: sum((x - x.mean()) ** 2) for name, x in given_.items()}
    usual = sum(squares.values()) / sum(k - 1 for k in n.values())
    v = {name: (squares[name] + 4 * usual) / (n[name] + 3) / n[name] for name in n}
    y = {name: x.mean() for name, x in given_.items()}
    w = {name: 1 / v[name] for name in v}
    fixed = sum(w[s] * y[s] for s in w) / sum(w.values())
    q = sum(w[s] * (y[s] - fixed) ** 2 for s in w)
    tau = max(0, (q - 2) / (sum(w.values()) - sum(k * k for k in w.values()) / sum(w.values())))
    assert tau > 0
    u = {name: 1 / (v[name] + tau) for name in v}
    mu = sum(u[s] * y[s] for s in u) / sum(u.values())
    for name, found in posterior(given_).items():
        b = v[name] / (v[name] + tau)
        assert found.mean == pytest.approx((1 - b) * y[name] + b * mu)
        assert found.sd == pytest.approx(np.sqrt((1 - b) * v[name] + b * b / sum(u.values())))


def test_the_deviation_that_is_told_covers_the_truth():
    truth = RNG.normal(0.1, 0.2, (60, 50))
    inside = []
    for row in truth:
        found = posterior({str(i): RNG.normal(gain, 0.5, 12) for i, gain in enumerate(row)})
        inside += [abs(found[str(i)].mean - gain) < 1.645 * found[str(i)].sd for i, gain in enumerate(row)]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.03)


def test_a_symbol_that_loses_is_served_the_last_price_and_those_that_gain_are_not():
    assert fallback_symbols(gains(AAPL=0.3, MSFT=0.4, PENNY=-0.9), {}) == ("PENNY",)


def test_what_hardly_differs_from_nothing_changes_nothing():
    near = gains(A=0.001, B=0.3)
    band = HYSTERESIS * posterior(near)["A"].sd
    assert 0 < posterior(near)["A"].mean < band
    assert fallback_symbols(near, {}) == fallback_symbols(near, {"A": False}) == ()
    assert fallback_symbols(near, {"A": True}) == ("A",)
    worse = gains(A=-0.001, B=-0.3)
    assert -HYSTERESIS * posterior(worse)["A"].sd < posterior(worse)["A"].mean < 0
    assert "A" in fallback_symbols(worse, {})
    assert "A" not in fallback_symbols(worse, {"A": False})


@pytest.mark.parametrize(("mean", "expected"), [(0.2, ()), (-0.2, ("ONE",))])
def test_one_symbol_is_judged_by_its_own_sessions_alone(mean, expected):
    one = gains(ONE=mean)
    assert posterior(one)["ONE"].mean == pytest.approx(mean)
    assert fallback_symbols(one, {}) == fallback_symbols(one, {"ONE": not expected}) == expected


def test_a_symbol_that_appears_midway_knows_at_first_what_the_others_say():
    found = posterior(gains(A=0.3, B=0.5) | {"NEW": np.array([-4.0])})
    assert 0.3 < found["NEW"].mean < 0.5
    assert found["NEW"].sd > found["A"].sd
    later = posterior(gains(A=0.3, B=0.5) | {"NEW": np.array([-4.0, -4.1, -3.9])})
    assert later["NEW"].mean < 0


@pytest.mark.parametrize("sessions", [np.zeros(9), np.array([-0.3])])
def test_without_evidence_everyone_stays_where_they_are(sessions):
    known = {"A": sessions, "B": sessions}
    assert posterior(known) == dict.fromkeys("AB", Gain(0.0, 0.0))
    assert fallback_symbols(known, {"A": True}) == ("A",)
    assert fallback_symbols(known, {"A": False}) == ()
    assert posterior({}) == {}


@given(st.dictionaries(st.sampled_from("ABCDE"), st.lists(st.floats(-9, 9), min_size=1, max_size=6), min_size=1))
def test_what_is_known_lies_between_a_symbols_own_word_and_that_of_all(drawn):
    means = [np.mean(x) for x in drawn.values()]
    for found in posterior({name: np.array(x) for name, x in drawn.items()}).values():
        assert np.isfinite([found.mean, found.sd]).all()
        assert min(*means, 0) - 1e-9 <= found.mean <= max(*means, 0) + 1e-9


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=12), st.none() | st.booleans())
def test_a_decision_made_again_on_the_same_sessions_is_the_same(drawn, before):
    known = {"A": np.array(drawn), "B": np.array(drawn[::-1]) + 0.1}
    first = fallback_symbols(known, {} if before is None else {"A": before})
    assert fallback_symbols(known, {name: name in first for name in known}) == first

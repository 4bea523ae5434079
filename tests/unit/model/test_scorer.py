import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.errors import ModelError, SchemaMismatch
from stock_ml.model.conformal import FLAT, FLOOR, Calibration
from stock_ml.model.features import FEATURES, schema
from stock_ml.model.scorer import Scorer, persistence, prices
from stock_ml.model.trees import Forest, Tree

K = len(FEATURES)
QUANTILES = {"50": 0.6, "90": 1.7, "99": 3.1}
RNG = np.random.default_rng(3)
SCORER = Scorer("linear", tuple(RNG.normal(size=K)), 1e-5, QUANTILES, schema(30, 1), 1709740800)
ROWS = np.abs(RNG.normal(size=(64, K)))
STUMP = Tree((1, 0, 0), (0.5, 0.0, 0.0), (1, -1, -1), (2, -1, -1), (0.0, -1.0, 1.0), 1e-4)
BOOSTED = replace(SCORER, kind="gbt", coefficients=(0.0,) * K, trees=(STUMP, replace(STUMP, feature=(2, 0, 0))))
numbers = st.floats(allow_nan=False, allow_infinity=False)


def test_a_prediction_agrees_with_a_plain_sum():
    for row, got in zip(ROWS, SCORER.predict(ROWS).log_return, strict=True):
        assert got == pytest.approx(1e-5 + math.fsum(c * x for c, x in zip(SCORER.coefficients, row, strict=True)))


def test_boosted_trees_are_added_to_the_intercept():
    expected = 1e-5 + Forest.of(BOOSTED.trees).total(ROWS)
    assert BOOSTED.predict(ROWS).log_return.tolist() == expected.tolist()


@given(start=st.integers(0, 63), n=st.integers(1, 64), scorer=st.sampled_from([SCORER, BOOSTED]))
def test_a_row_has_the_same_bits_whatever_the_count_and_the_layout(start, n, scorer):
    whole = prices(np.full(64, 100.0), scorer.predict(ROWS))
    for layout in (np.ascontiguousarray, np.asfortranarray):
        part = layout(ROWS[start : start + n])
        got = prices(np.full(len(part), 100.0), scorer.predict(part))
        for name, column in vars(got).items():
            assert column.tobytes() == getattr(whole, name)[start : start + n].tobytes()


def test_intervals_are_nested_and_scaled_with_volatility():
    p = SCORER.predict(ROWS)
    assert (np.diff(p.half, axis=0) > 0).all()
    volatility = ROWS[:, FEATURES.index("volatility")]
    np.testing.assert_allclose(p.half[1], 1.7 * np.hypot(volatility, FLOOR))


def test_intervals_are_wider_where_errors_are_larger_at_that_time_of_the_session():
    late = replace(SCORER, profile=(*FLAT[1:], 2.0))
    at_the_close = ROWS.copy()
    at_the_close[:, FEATURES.index("elapsed")] = 1.0
    np.testing.assert_allclose(late.predict(at_the_close).half, 2 * SCORER.predict(at_the_close).half)


@given(interval_scale=st.floats(-2, 2, width=32))
def test_a_scale_widens_the_interval_by_its_exponential(interval_scale):
    p = SCORER.predict(ROWS[:1] / 1e6)
    got = prices(np.array([math.pi]), p, np.full((3, 1), interval_scale, np.float32))
    assert math.log(got.upper_90[0] / math.pi) - p.log_return[0] == pytest.approx(
        p.half[1, 0] * math.exp(interval_scale)
    )


def test_persistence_forecasts_the_last_close_with_intervals():
    scorer = persistence(Calibration(QUANTILES, FLAT), schema(30, 1), 0)
    forecast = prices(np.array([50.0]), scorer.predict(np.zeros((1, K))))
    assert forecast.predicted_close.tolist() == [50.0]
    assert forecast.lower_50[0] < 50 < forecast.upper_50[0]


@given(coefficients=st.lists(numbers, min_size=K, max_size=K), intercept=numbers)
def test_json_gives_back_the_same_scorer(coefficients, intercept):
    scorer = Scorer("linear", tuple(coefficients), intercept, QUANTILES, schema(30, 1), 7)
    assert Scorer.from_json(scorer.to_json()) == scorer


def test_json_gives_back_the_same_trees_and_reads_what_was_written_before_there_were_any():
    assert Scorer.from_json(BOOSTED.to_json()) == BOOSTED
    before = {name: value for name, value in json.loads(SCORER.to_json()).items() if name != "trees"}
    assert Scorer.from_json(json.dumps(before)) == SCORER


@given(cut=st.integers(0, 400), scorer=st.sampled_from([SCORER, BOOSTED]))
def test_a_damaged_json_is_refused(cut, scorer):
    with pytest.raises(ModelError):
        Scorer.from_json(scorer.to_json()[:cut])


@pytest.mark.parametrize(
    "change",
    [
        {"coefficients": [1.0]},
        {"intercept": math.nan},
        {"quantiles": {"50": 1.0}},
        {"profile": [1.0]},
        {"schema": {}},
        {"extra": 1},
        {"trees": [{}]},
        {"trees": 1},
    ],
)
def test_a_scorer_that_does_not_fit_is_refused(change):
    with pytest.raises(ModelError):
        Scorer.from_json(json.dumps(json.loads(SCORER.to_json()) | change))


def test_another_schema_is_refused_by_name():
    SCORER.check(schema(30, 1))
    with pytest.raises(SchemaMismatch, match=r"horizon: model 1, here 2; window: model 30, here 60"):
        SCORER.check(schema(60, 2))
    with pytest.raises(SchemaMismatch, match=r"feed_gap_minutes: model 15, here 5\)"):
        SCORER.check(schema(30, 1, 5))


def test_symbols_served_the_last_price_stay_there_and_the_others_have_the_same_bits():
    scorer = replace(SCORER, last_price=("AAPL", "MSFT"))
    symbols = np.resize(["AAPL", "GOOGL", "MSFT", "T"], 64)
    still = np.isin(symbols, scorer.last_price)
    raw, served = scorer.predict(ROWS).log_return, scorer.predict(ROWS, symbols).log_return
    assert (served[still] == 0).all()
    assert served[~still].tobytes() == raw[~still].tobytes()
    assert SCORER.predict(ROWS, symbols).log_return.tobytes() == raw.tobytes()


def test_json_from_before_there_were_such_symbols_still_loads():
    told = json.loads(SCORER.to_json())
    del told["last_price"]
    assert Scorer.from_json(json.dumps(told)) == SCORER
    named = replace(SCORER, last_price=("AAPL",))
    assert Scorer.from_json(named.to_json()) == named


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


@given(data=st.data(), other=json_values)
def test_whatever_stands_in_place_of_a_value_the_json_is_refused_or_can_forecast(data, other):
    whole = json.loads(BOOSTED.to_json())
    inside = whole
    while True:
        key = data.draw(st.sampled_from(sorted(inside) if isinstance(inside, dict) else range(len(inside))))
        if not isinstance(inside[key], dict | list) or not inside[key] or data.draw(st.booleans()):
            break
        inside = inside[key]
    inside[key] = other
    try:
        scorer = Scorer.from_json(json.dumps(whole))
        scorer.check(BOOSTED.schema)
    except ModelError:
        return
    assert scorer.predict(ROWS, np.full(len(ROWS), "GOOGL")).half.shape == (3, len(ROWS))
    assert scorer.trained_until >= 0


@pytest.mark.parametrize("damaged", [b"\xff\xfe\xfd", b"[" * 100_000, b"", b"null", b"[]", b'"x"', b"7"])
def test_bytes_that_are_no_scorer_are_refused(damaged):
    with pytest.raises(ModelError, match="cannot be read"):
        Scorer.from_json(damaged)


def test_a_tree_that_is_too_deep_is_refused_when_it_is_read_and_not_when_it_is_first_asked():
    deep = range(8)
    tree = Tree(
        (1,) * 17,
        (0.5,) * 17,
        (*(n for i in deep for n in (2 * i + 1, -1)), -1),
        (*(n for i in deep for n in (2 * i + 2, -1)), -1),
        (1.0,) * 17,
        1.0,
    )
    with pytest.raises(ModelError, match="deep"):
        Scorer.from_json(replace(BOOSTED, trees=(tree,)).to_json())

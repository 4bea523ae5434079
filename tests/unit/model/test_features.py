import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stock_ml.domain.calendar import sessions
from stock_ml.domain.gaps import Minutes, fill
from stock_ml.domain.official_close import NO_CLOSES, OfficialCloses
from stock_ml.model import features
from stock_ml.model.features import CHANNELS, FEATURES, kernel, schema, table, targets, windows
from tests.hypothesis_budget import at_most
from tests.walks import NYSE, holes, minutes_of, take, walk

W, LIMIT = 30, 15
DAYS = walk(minutes_of("2024-03-04", 2))
AT, WINDOWS = windows(DAYS, NYSE, W, LIMIT)
OFFICIAL = OfficialCloses(DAYS.ts[389:390] + 60, DAYS.close[389:390] * 1.003)
masks = holes(len(DAYS))


def naive(window: np.ndarray) -> list[float]:
    """Compute the table of features.py in plain Python, one window at a time."""
    bar = [dict(zip(CHANNELS, row, strict=True)) for row in window.tolist()]
    last, closes = bar[-1], [b["close"] for b in bar]
    nights = [b["session"] != a["session"] for a, b in itertools.pairwise(bar)]
    minute_returns = [math.log(b / a) for a, b, n in zip(closes, closes[1:], nights, strict=False) if not n]
    size = last["high"] - last["low"]
    mean = sum(b["volume"] for b in bar) / len(bar)
    return [
        *(math.log(closes[-1] / closes[-1 - lag]) for lag in (1, 2, 5, 15)),
        (2 * last["close"] - last["high"] - last["low"]) / size if size > 0 else 0.0,
        math.log(last["high"] / last["low"]),
        math.sqrt(sum(r * r for r in minute_returns) / max(len(minute_returns), 1)),
        math.log((1 + last["volume"] / mean) / 2) if mean > 0 else 0.0,
        last["elapsed"],
        sum(math.log(b["open"] / before(a, b)) for a, b, n in zip(bar, bar[1:], nights, strict=False) if n),
        *(naive_level(bar, nights, mean, noise) for noise in (0.36, 2.25)),
    ]


def before(bar: dict[str, float], following: dict[str, float]) -> float:
    return bar["close"] if math.isnan(following["close_before"]) else following["close_before"]


def naive_level(bar: list[dict[str, float]], nights: list[bool], mean: float, noise: float) -> float:
    """Walk through the local level model, one bar at a time."""
    level, variance = math.log(bar[0]["close"]), 1e3
    for b, night in zip(bar[1:], nights, strict=True):
        time = b["volume"] / mean if mean > 0 else 1.0
        variance = 1e3 if night else variance + time
        if time > 0:
            gain = variance / (variance + noise * time)
            level += gain * (math.log(b["close"]) - level)
            variance *= 1 - gain
    return level - math.log(bar[-1]["close"])


def test_the_kernel_agrees_with_a_plain_computation():
    for got in (WINDOWS, windows(DAYS, NYSE, W, LIMIT, OFFICIAL)[1]):
        expected = np.array([naive(window) for window in got])
        assert kernel(got).shape == (len(got), len(FEATURES))
        np.testing.assert_allclose(kernel(got), expected, rtol=1e-9, atol=1e-12)


def test_the_night_begins_at_the_official_close_where_one_is_known():
    without, known = (table(DAYS, NYSE, schema(W, 1), LIMIT, closes) for closes in (NO_CLOSES, OFFICIAL))
    crossing = known["bar_ts"].between(DAYS.ts[390], DAYS.ts[390 + W - 2])
    opened, price = float(DAYS.open[390]), float(OFFICIAL.close[0])
    assert known["night"][crossing].to_numpy() == pytest.approx(math.log(opened / price))
    assert without["night"][crossing].to_numpy() == pytest.approx(math.log(opened / DAYS.close[389]))
    assert not known["night"][~crossing].any()


def test_an_official_close_changes_nothing_but_the_night():
    without, known = (table(DAYS, NYSE, schema(W, 1), LIMIT, closes) for closes in (NO_CLOSES, OFFICIAL))
    assert known.drop(columns="night").equals(without.drop(columns="night"))  # no outcome either: see `target`
    last = known["bar_ts"] == DAYS.ts[388]
    assert known["target"][last].tolist() == [math.log(DAYS.close[389] / DAYS.close[388])]


def test_a_lunch_break_has_no_official_close():
    tokyo = sessions("XTKS")
    at = int(np.searchsorted(tokyo.dates, np.datetime64("2024-03-04")))
    ts = np.arange(tokyo.opens[at], tokyo.closes[at], 60)
    day = walk(ts[tokyo.number(ts) >= 0])
    closes = OfficialCloses(tokyo.closes[at - 1 : at + 1], np.array([90.0, 91.0]))
    described = schema(W, 1, exchange="XTKS")
    assert table(day, tokyo, described, LIMIT, closes).equals(table(day, tokyo, described, LIMIT))


LAYOUTS = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "channels first": lambda w: np.ascontiguousarray(w.transpose(2, 0, 1)).transpose(1, 2, 0),
    "rows last": lambda w: np.ascontiguousarray(w.transpose(1, 2, 0)).transpose(2, 0, 1),
    "backwards": lambda w: np.ascontiguousarray(w[::-1])[::-1],
    "strided": lambda w: np.repeat(w, 2, axis=0)[::2],
}


@given(start=st.integers(0, len(WINDOWS) - 1), n=st.integers(1, 70), layout=st.sampled_from(sorted(LAYOUTS)))
def test_a_row_has_the_same_bits_whatever_the_count_and_the_layout(start, n, layout):
    part = WINDOWS[start : start + n]
    got = kernel(LAYOUTS[layout](part))
    assert got.tobytes() == kernel(WINDOWS)[start : start + n].tobytes()
    assert kernel(LAYOUTS[layout](part[:1])).tobytes() == got[:1].tobytes()


price = st.floats(0.01, 1e6)


@given(
    data=arrays(np.float64, (3, 20, 2), elements=price),
    wiggle=arrays(np.float64, (3, 20, 2), elements=st.floats(0, 1)),
    # shares of a share are traded, but none so small that a double has no more bits for its quarter
    volume=arrays(np.float64, (3, 20), elements=st.one_of(st.just(0.0), st.floats(1e-9, 1e12))),
    session=arrays(np.int64, (3, 20), elements=st.integers(0, 2)),
    known=arrays(np.bool_, (3, 20)),
)
@at_most(50)
def test_features_are_finite_and_free_of_scale(data, wiggle, volume, session, known):
    opens, close = data[..., 0], data[..., 1]
    high, low = np.maximum(opens, close) * (1 + wiggle[..., 0]), np.minimum(opens, close) / (1 + wiggle[..., 1])
    official = np.where(known, close[:, ::-1], np.nan)
    bars = np.stack(
        [opens, high, low, close, volume, np.full((3, 20), 0.5), official, np.sort(session, axis=1)], axis=2
    )
    assert np.isfinite(kernel(bars)).all()
    scaled = bars * np.array([8.0, 8.0, 8.0, 8.0, 4.0, 1.0, 8.0, 1.0])  # powers of two change no mantissa
    assert kernel(scaled).tobytes() == kernel(bars).tobytes()


def test_a_window_of_filled_bars_is_flat_and_finite():
    flat = np.tile([100.0, 100, 100, 100, 0, 0.5, np.nan, 7], (1, W, 1))
    assert kernel(flat).tolist() == [[0, 0, 0, 0, 0, 0, 0, 0, 0.5, 0, 0, 0]]


@given(keep=masks, cut=st.integers(1, len(DAYS) - 1))
@at_most(50)
def test_truncating_the_future_changes_no_feature(keep, cut):
    bars = take(DAYS, keep)
    known = take(bars, bars.ts <= DAYS.ts[cut])
    whole = table(fill(bars, NYSE, LIMIT), NYSE, schema(W, 1), LIMIT)
    before = table(fill(known, NYSE, LIMIT), NYSE, schema(W, 1), LIMIT)
    seen = whole[whole["bar_ts"] <= DAYS.ts[cut]].drop(columns="target")
    assert before.drop(columns="target").to_numpy().tolist() == seen.to_numpy().tolist()


@given(keep=masks, limit=st.integers(1, 20))
@at_most(50)
def test_windows_end_at_received_bars_and_hold_no_feed_gap(keep, limit):
    filled = fill(take(DAYS, keep), NYSE, limit)
    at, got = windows(filled, NYSE, 16, limit)
    index = NYSE.index(filled.ts)
    expected = [
        i for i in range(15, len(filled)) if not filled.filled[i] and max(np.diff(index[i - 15 : i + 1])) <= limit + 1
    ]
    assert at.tolist() == expected
    assert got.shape == (len(expected), 16, len(CHANNELS))
    for i, window in zip(at, got, strict=True):
        assert window[:, features.CLOSE].tolist() == filled.close[i - 15 : i + 1].tolist()


def test_windows_cross_the_night_and_see_its_gap():
    opening = kernel(WINDOWS)[AT == 390][0]
    assert opening[FEATURES.index("elapsed")] == 1 / 390
    assert opening[FEATURES.index("night")] == math.log(DAYS.open[390] / DAYS.close[389])
    assert kernel(WINDOWS)[AT == 389][0][FEATURES.index("elapsed")] == 1


def test_bars_outside_regular_hours_give_no_window():
    weekend = Minutes(DAYS.ts - 86400 * 2, *list(vars(DAYS).values())[1:])
    assert len(windows(take(weekend, slice(0, 390)), NYSE, W, LIMIT)[0]) == 0


@pytest.mark.parametrize("count", [0, 1, W - 1, W])
def test_a_window_too_short_gives_no_row(count):
    rows = table(take(DAYS, slice(0, count)), NYSE, schema(W, 1), LIMIT)
    assert len(rows) == (count == W)
    assert len(targets(take(DAYS, slice(0, count)), NYSE, 1)) == count


@given(keep=masks, horizon=st.integers(1, 60))
@at_most(50)
def test_a_target_is_the_close_that_many_minutes_later_in_the_same_session(keep, horizon):
    bars = take(DAYS, keep)
    close = dict(zip(bars.ts.tolist(), bars.close.tolist(), strict=True))
    day = {int(ts): i // 390 for i, ts in enumerate(DAYS.ts)}
    got = targets(bars, NYSE, horizon)
    for i, ts in enumerate(bars.ts.tolist()):
        later = ts + 60 * horizon
        if later in close and day[later] == day[ts]:
            assert got[i] == pytest.approx(math.log(close[later] / close[ts]), abs=1e-15)
        else:
            assert math.isnan(got[i])


@pytest.mark.parametrize(("count", "known"), [(190, True), (2, False)])
def test_a_target_is_known_at_a_jump_that_lasts_and_at_a_tick_it_is_not(count, known):
    factor = np.where((np.arange(len(DAYS)) >= 200) & (np.arange(len(DAYS)) < 200 + count), 1.04, 1.0)
    prices = {name: getattr(DAYS, name) * factor for name in ("open", "high", "low", "close")}
    rows = table(replace(DAYS, **prices), NYSE, schema(W, 1), LIMIT).set_index("bar_ts")
    before = rows.loc[DAYS.ts[199]]
    jump = float(np.log(prices["close"][200] / DAYS.close[199]))
    assert before["target"] == jump if known else math.isnan(before["target"])
    assert DAYS.ts[200] not in rows.index  # it starts no window


def test_a_table_made_in_chunks_equals_one_made_at_once(monkeypatch):
    whole = table(DAYS, NYSE, schema(W, 1), LIMIT)
    monkeypatch.setattr(features, "CHUNK", 7)
    assert table(DAYS, NYSE, schema(W, 1), LIMIT).equals(whole)


def test_the_schema_changes_its_hash_with_all_that_features_depend_on():
    assert schema(30, 1) == schema(30, 1)
    drawn = itertools.product((30, 31), (1, 2), (5, 15), ("XNYS", "XLON"))
    assert len({schema(*given)["hash"] for given in drawn}) == 16

"""Outliers in the stream: stored as received, forecast from as training sees them, whatever way they come."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.domain.bars import Bar
from stock_ml.domain.gaps import Minutes, fill
from stock_ml.domain.outliers import leave_out, outliers
from stock_ml.model import features
from stock_ml.model.scorer import nearest
from tests.hypothesis_budget import at_most
from tests.unit.serving.streams import CONFIG, SCORER, Stream, day
from tests.walks import NYSE

BARS = day(sessions=2)[340:450]  # over a night


def scaled(bars: list[Bar], at: set[int], factor: float) -> list[Bar]:
    """Return bars with the prices of some multiplied."""
    return [
        bar._replace(**{name: getattr(bar, name) * factor for name in ("open", "high", "low", "close")})
        if number in at
        else bar
        for number, bar in enumerate(bars)
    ]


def drawn(changes: list[tuple[int, int, float]], left_out: set[int]) -> list[Bar]:
    bars = BARS
    for start, count, factor in changes:
        bars = scaled(bars, set(range(start, start + count)), factor)
    return [bar for number, bar in enumerate(bars) if number not in left_out]


days = st.builds(
    drawn,
    st.lists(
        st.tuples(st.integers(0, 109), st.sampled_from([1, 3, 6, 90]), st.sampled_from([0.9, 1.05, 100.0])), max_size=4
    ),
    st.sets(st.integers(1, 108), max_size=25),
)


def batch(bars: list[Bar]) -> tuple[set[int], dict[int, list[float]]]:
    """Return which minutes are outliers, and last and predicted close by minute, of what training makes of bars."""
    minutes = Minutes.of_bars(bars)
    table = features.table(fill(minutes, NYSE, CONFIG.limit), NYSE, CONFIG.schema, CONFIG.limit)
    said = SCORER.predict(table[list(features.FEATURES)].to_numpy())
    last = table["last_close"].to_numpy()
    found = zip(table["bar_ts"].tolist(), last.tolist(), nearest(last, said).tolist(), strict=True)
    return set(minutes.ts[outliers(minutes, NYSE, CONFIG.limit)].tolist()), {ts: told for ts, *told in found}


def check(stream: Stream, bars: list[Bar]) -> None:
    """Compare what is stored with what training makes of the same bars."""
    minutes, known = Minutes.of_bars(bars), {bar.ts: bar for bar in bars}
    unusual, _ = batch(bars)
    assert {row.ts for row in stream.bars.values() if row.outlier} == unusual
    assert all(tuple(row[2:7]) == tuple(known[row.ts][2:7]) for row in stream.bars.values() if not row.filled)
    usable, _ = leave_out(fill(minutes, NYSE, CONFIG.limit), NYSE, CONFIG.limit)
    flat = {ts: close for ts, close, new in zip(usable.ts, usable.close, usable.filled, strict=True) if new}
    stored = {row.ts: row.close for row in stream.bars.values() if row.filled}
    assert stored == {ts: close for ts, close in flat.items() if ts not in unusual}


@at_most(30)
@given(bars=days, sizes=st.lists(st.integers(1, 60), min_size=1, max_size=20))
def test_the_stream_has_the_outliers_of_the_batch_whatever_the_chunks(bars, sizes):
    stream, start = Stream(), 0
    for number in range(len(bars)):
        if start < len(bars):
            size = sizes[number % len(sizes)]
            stream.send(*bars[max(start - 2, 0) : start + size])  # two of them come again
            start += size
    check(stream, bars)
    expected = {ts: told for ts, told in batch(bars)[1].items() if NYSE.number(np.array(ts + 60)) >= 0}
    assert {row.bar_ts: [row.last_close, row.predicted_close] for row in stream.forecasts.values()} == expected


@at_most(30)
@given(bars=days, seed=st.randoms(use_true_random=False), forget=st.booleans())
def test_whatever_the_order_the_same_bars_are_outliers(bars, seed, forget):
    order = sorted(bars, key=lambda bar: bar.ts + seed.choice([0, 0, 0, 600, 7200]))
    stream = Stream()
    for start in range(0, len(order), 7):
        stream.send(*order[start : start + 7])
        if forget:
            stream.forget()
    check(stream, bars)


@pytest.mark.parametrize("seed", [381, 527])
def test_a_filled_hole_that_a_late_bar_makes_a_gap_of_the_feed_is_empty_again(seed):
    random = Random(seed)  # noqa: S311 - a fixed order
    changes = [
        (random.randint(0, 109), random.choice([1, 3, 6, 90]), random.choice([0.9, 1.05, 100.0]))
        for _ in range(random.randint(0, 4))
    ]
    bars = drawn(changes, set(random.sample(range(1, 109), random.randint(0, 25))))
    order = sorted(bars, key=lambda bar: bar.ts + random.choice([0, 0, 0, 600, 7200]))
    stream, forget = Stream(), random.random() < 0.5
    for start in range(0, len(order), 7):
        stream.send(*order[start : start + 7])
        if forget:
            stream.forget()
    check(stream, bars)


def test_no_outcome_is_read_at_an_outlier():
    bars = scaled(BARS, {80, 81}, 100.0)
    stream, calm = Stream().send(*bars), Stream().send(*BARS)
    at = bars[79].ts
    assert stream.forecasts["GOOGL", at] == calm.forecasts["GOOGL", at]
    assert ("GOOGL", at + 60) not in stream.forecasts
    assert stream.forecasts["GOOGL", at + 180].stretch_90 != calm.forecasts["GOOGL", at + 180].stretch_90
    assert np.isfinite([row.predicted_close for row in stream.forecasts.values()]).all()


@pytest.mark.parametrize("resend", [1, 60])
def test_an_outlier_that_comes_again_changes_nothing(resend):
    bars = scaled(BARS, {40}, 0.5)
    stream = Stream().send(*bars[: 41 + resend])
    before = dict(stream.bars), dict(stream.forecasts)
    stream.send(bars[40])
    assert (stream.bars, stream.forecasts) == before

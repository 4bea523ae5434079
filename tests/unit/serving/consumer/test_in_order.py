"""Many symbols at once are taken as one symbol after the other by the rules in full."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.common.bar_batch import Arrived
from serving.consumer.in_order import extend, remember
from serving.consumer.out_of_order import Taken, take
from serving.consumer.ring_buffers import Rings
from serving.stream_config import Rules
from stock_ml.domain.calendar import sessions
from stock_ml.domain.gaps import Minutes
from stock_ml.model.features import CHANNELS
from tests.unit.serving.streams import RULES, Stream, bars_of, day
from tests.walks import NYSE, holes, minutes_of, walk
from tests.walks import take as pick

TS = minutes_of("2024-03-01", 2)
NONE = Minutes(TS[:0], *(np.empty(0) for _ in range(5)), np.empty(0, dtype=bool))


def halved(minutes: Minutes) -> Minutes:
    """Return the walk with a split over its night."""
    half = np.where(minutes.ts >= TS[390], 0.5, 1.0)
    prices = (price * half for price in (minutes.open, minutes.high, minutes.low, minutes.close))
    return Minutes(minutes.ts, *prices, minutes.volume, minutes.filled)


@st.composite
def markets(draw: st.DrawFn) -> tuple[Rules, list[Minutes]]:
    """Draw up to three symbols of two sessions with holes, some split over the night, and the rules that hold."""
    count = draw(st.integers(1, 3))
    rules = replace(RULES, symbols=frozenset("ABC"), limit=draw(st.sampled_from([2, 5, 100])))
    walks = [pick(walk(TS, seed), draw(holes(len(TS)))) for seed in range(count)]
    return rules, [halved(one) if draw(st.booleans()) else one for one in walks]


def together(parts: Mapping[int, Minutes]) -> Arrived:
    bars = Arrived.of_minutes(0, NONE)
    for slot, minutes in parts.items():
        bars = bars.and_then(Arrived.of_minutes(slot, minutes))
    return bars


def batches(draw: st.DataObject, market: list[Minutes]) -> Iterator[dict[int, tuple[int, int]]]:
    """Cut the symbols' bars into batches: of each symbol from which bar to which."""
    at = [0] * len(market)
    while any(done < len(minutes) for done, minutes in zip(at, market, strict=True)):
        ends = [min(done + draw.draw(st.integers(0, 200)), len(m)) for done, m in zip(at, market, strict=True)]
        if not draw.draw(st.integers(0, 4)):
            ends = [len(minutes) for minutes in market]
        yield {slot: span for slot, span in enumerate(zip(at, ends, strict=True)) if span[1] > span[0]}
        at = ends


@settings(max_examples=30)
@given(markets(), st.data())
def test_a_batch_in_order_brings_the_same_rows_and_windows_bit_for_bit(
    market: tuple[Rules, list[Minutes]], data: st.DataObject
) -> None:
    rules, walks = market
    rings = Rings(3, rules.rows)
    for spans in batches(data, walks):
        if spans:
            bars = together({slot: pick(walks[slot], slice(*span)) for slot, span in spans.items()})
            got = extend(rings, bars, NYSE, rules)
            for slot, (start, end) in spans.items():
                history, new = pick(walks[slot], slice(0, start)), pick(walks[slot], slice(start, end))
                expected = take(history, Arrived.of_minutes(slot, new), NYSE, rules)
                assert_same(got, bars, slot, expected)


def assert_same(got: object, bars: Arrived, slot: int, expected: Taken) -> None:
    rows, ended = got.slot == slot, bars.slot[got.at] == slot
    order = np.argsort(expected.minutes.ts, kind="stable")
    for name, column in vars(expected.minutes).items():
        assert vars(got.minutes)[name][rows].tolist() == column[order].tolist()
    assert bars.ts[got.at][ended].tolist() == expected.ts.tolist()
    assert bars.values[3][got.at][ended].tobytes() == expected.close.tobytes()
    assert np.ascontiguousarray(got.windows[ended]).tobytes() == np.ascontiguousarray(expected.windows).tobytes()


@settings(max_examples=20)
@given(holes(len(TS)), st.integers(0, 779), st.integers(1, 779))
def test_what_is_remembered_is_as_what_was_seen(keep: np.ndarray, cut: int, reach: int) -> None:
    bars = pick(walk(TS), keep)
    seen, told = Rings(1, RULES.rows), Rings(1, RULES.rows)
    for part in (slice(0, cut), slice(cut, None)):
        remember(seen, Arrived.of_minutes(0, pick(bars, part)), NYSE, RULES)
    remember(told, Arrived.of_minutes(0, pick(bars, slice(-max(reach, RULES.rows), None))), NYSE, RULES)
    assert seen.newest(np.array([0])) == told.newest(np.array([0]))
    depth = min(int(seen.run[0]), RULES.rows)
    assert min(int(told.run[0]), RULES.rows) == depth
    slot, back = np.array([0]), np.array([0])
    assert seen.windows(slot, back, depth).tobytes() == told.windows(slot, back, depth).tobytes()
    assert seen.received(0).ts.tolist() == told.received(0).ts.tolist()


def test_each_symbol_keeps_the_sessions_of_its_own_exchange() -> None:
    london = sessions("XLON")
    rules = replace(RULES, symbols=frozenset({"GOOGL", "VOD"}), others={"VOD": london})
    at = int(np.searchsorted(london.dates, np.datetime64("2024-03-01")))
    ts = np.arange(london.opens[at], london.closes[at], 60)
    both = [*day(), *bars_of(walk(ts, seed=2), "VOD")]
    stream = Stream(rules).send(*sorted(both, key=lambda bar: bar.ts))
    made = [row.bar_ts for row in stream.forecasts.values() if row.symbol == "VOD"]
    assert (min(made), max(made)) == (ts[15], ts[-2])
    assert len([1 for symbol, _ in stream.forecasts if symbol == "GOOGL"]) == 390 - 16


def test_rings_hold_the_channels_of_the_features() -> None:
    rings = Rings(2, RULES.rows)
    remember(rings, Arrived.of_minutes(1, walk(TS[:50])), NYSE, RULES)
    assert rings.table.shape == (len(CHANNELS), 2, RULES.rows)
    assert rings.holds(np.array([1, 1, 0]), np.array([TS[49], TS[50], TS[49]])).tolist() == [True, False, False]

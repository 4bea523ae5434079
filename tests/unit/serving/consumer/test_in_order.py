"""Many symbols at once bring what one symbol after the other brings by the rules in full."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from serving.common.decode_bars import BarBatch
from serving.consumer import in_order, out_of_order
from serving.consumer.in_order import Update
from serving.consumer.recent_closes import RecentCloses
from serving.consumer.ring_buffers import RingBuffers
from serving.stream_config import StreamConfig
from stock_ml.domain.calendar import sessions
from stock_ml.domain.gaps import Minutes
from stock_ml.domain.official_close import NO_CLOSES
from stock_ml.model.features import CHANNELS
from tests.hypothesis_budget import at_most
from tests.unit.serving.streams import CONFIG, Stream, bars_of, day
from tests.walks import NYSE, holes, minutes_of, walk
from tests.walks import take as pick

TS = minutes_of("2024-03-01", 2)
NONE = Minutes(TS[:0], *(np.empty(0) for _ in range(5)), np.empty(0, dtype=bool))


def split(minutes: Minutes) -> Minutes:
    """Return the walk with a split over its night, three for two: so small a one has no outliers."""
    half = np.where(minutes.ts >= TS[390], 0.7, 1.0)
    prices = (price * half for price in (minutes.open, minutes.high, minutes.low, minutes.close))
    return Minutes(minutes.ts, *prices, minutes.volume, minutes.filled)


@st.composite
def markets(draw: st.DrawFn) -> tuple[StreamConfig, list[Minutes]]:
    """Draw up to three symbols of two sessions with holes, some split over the night, and the settings that hold."""
    count = draw(st.integers(1, 3))
    config = replace(CONFIG, symbols=frozenset("ABC"), limit=draw(st.sampled_from([2, 5, 100])))
    walks = [pick(walk(TS, seed), draw(holes(len(TS)))) for seed in range(count)]
    return config, [split(one) if draw(st.booleans()) else one for one in walks]


def together(parts: Mapping[int, Minutes]) -> BarBatch:
    bars = BarBatch.of_minutes(0, NONE)
    for slot, minutes in parts.items():
        bars = bars.concat(BarBatch.of_minutes(slot, minutes))
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


@at_most(30)
@given(markets(), st.data())
def test_a_batch_in_order_brings_the_same_rows_and_windows_bit_for_bit(
    market: tuple[StreamConfig, list[Minutes]], data: st.DataObject
) -> None:
    config, walks = market
    buffers = RingBuffers(3, config.rows)
    for spans in batches(data, walks):
        if spans:
            bars = together({slot: pick(walks[slot], slice(*span)) for slot, span in spans.items()})
            got = append(buffers, bars, config)
            for slot, (start, end) in spans.items():
                history, new = pick(walks[slot], slice(0, start)), pick(walks[slot], slice(start, end))
                past, now = (BarBatch.of_minutes(slot, each) for each in (history, new))
                (expected,) = out_of_order.merge(past, now, NYSE, config, NO_CLOSES).updates
                assert_same(got, slot, expected)


def append(buffers: RingBuffers, bars: BarBatch, config: StreamConfig = CONFIG) -> Update:
    rows = in_order.fill(bars, buffers.newest(bars.slot), NYSE, config, RecentCloses())
    return in_order.update(rows, *buffers.append_and_slice(rows, config.window), NYSE)


def assert_same(got: Update, slot: int, expected: Update) -> None:
    rows, order = got.slot == slot, np.argsort(expected.minutes.ts, kind="stable")
    for name, column in vars(expected.minutes).items():
        assert vars(got.minutes)[name][rows].tolist() == column[order].tolist()
    assert not got.late.any()
    assert not expected.late.any()
    ended, columns = got.windows.slot == slot, vars(expected.windows)
    for name in columns.keys() - {"values"}:
        assert vars(got.windows)[name][ended].tobytes() == columns[name].tobytes()
    windows = np.concatenate(got.windows.values)[ended]
    assert np.ascontiguousarray(windows).tobytes() == np.ascontiguousarray(columns["values"][0]).tobytes()


def load(buffers: RingBuffers, slot: int, minutes: Minutes) -> None:
    bars = BarBatch.of_minutes(slot, minutes)
    buffers.append(in_order.fill(bars, buffers.newest(bars.slot), NYSE, CONFIG, RecentCloses()))


@at_most(20)
@given(holes(len(TS)), st.integers(0, 779), st.integers(1, 779))
def test_what_is_loaded_is_as_what_was_seen(keep: np.ndarray, cut: int, reach: int) -> None:
    bars = pick(walk(TS), keep)
    seen, loaded = RingBuffers(1, CONFIG.rows), RingBuffers(1, CONFIG.rows)
    for part in (slice(0, cut), slice(cut, None)):
        if len(one := BarBatch.of_minutes(0, pick(bars, part))):
            append(seen, one)
    load(loaded, 0, pick(bars, slice(-max(reach, CONFIG.rows), None)))
    slot = np.array([0])
    assert seen.newest(slot)[:2] == loaded.newest(slot)[:2]
    depth = min(int(seen.run[0]), CONFIG.rows)
    assert min(int(loaded.run[0]), CONFIG.rows) == depth
    newest = (buffers.windows(slot, buffers.count - 1, depth).tobytes() for buffers in (seen, loaded))
    assert next(newest) == next(newest)
    assert seen.received(0).ts.tolist() == loaded.received(0).ts.tolist()


def test_each_symbol_keeps_the_sessions_of_its_own_exchange() -> None:
    london = sessions("XLON")
    config = replace(CONFIG, symbols=frozenset({"GOOGL", "VOD"}), others={"VOD": london})
    at = int(np.searchsorted(london.dates, np.datetime64("2024-03-01")))
    ts = np.arange(london.opens[at], london.closes[at], 60)
    both = [*day(), *bars_of(walk(ts, seed=2), "VOD")]
    stream = Stream(config).send(*sorted(both, key=lambda bar: bar.ts))
    made = [row.bar_ts for row in stream.forecasts.values() if row.symbol == "VOD"]
    assert (min(made), max(made)) == (ts[15], ts[-2])
    assert len([1 for symbol, _ in stream.forecasts if symbol == "GOOGL"]) == 390 - 16


def test_ring_buffers_hold_the_channels_of_the_features() -> None:
    buffers = RingBuffers(2, CONFIG.rows)
    load(buffers, 1, walk(TS[:50]))
    assert buffers.table.shape == (len(CHANNELS), 2, CONFIG.rows)
    assert buffers.contains(np.array([1, 1, 0]), np.array([TS[49], TS[50], TS[49]])).tolist() == [True, False, False]

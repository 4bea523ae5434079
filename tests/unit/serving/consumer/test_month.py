"""Weeks through the stream and through the batch: the same forecasts bit for bit, whatever way their bars came."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from serving.common.decode_bars import decode
from serving.consumer.predict import Models
from stock_ml.adapters.broker import encode_bar
from stock_ml.domain.bars import Bar
from stock_ml.domain.gaps import Minutes
from stock_ml.domain.outliers import leave_out
from tests.unit.serving.batch import batch
from tests.unit.serving.streams import CONFIG, SERVING, MemoryStore, bars_of, numbers
from tests.unit.serving.streams import batches as consumer_batches
from tests.walks import NYSE, minutes_of, take, walk

SYMBOLS, SESSIONS = ("AAPL", "GOOGL"), 8
RANDOM = np.random.default_rng(5)


def month(number: int) -> list[Bar]:
    """Return SESSIONS sessions with single minutes, short and long stretches missing, and a split."""
    ts = minutes_of("2024-03-01", SESSIONS)
    whole = walk(ts, seed=number)
    factor = np.where(ts >= ts[3 * 390], 0.5, 1.0)
    whole = replace(whole, **{name: getattr(whole, name) * factor for name in ("open", "high", "low", "close")})
    keep = RANDOM.random(len(ts)) > 0.09
    for start in RANDOM.integers(0, len(ts), 12):
        keep[start : start + RANDOM.integers(2, 90)] = False
    return bars_of(take(whole, keep), SYMBOLS[number])


def batches(bars: list[Bar]) -> Iterator[list[Bar]]:
    """Cut bars into batches of very different sizes, each beginning with some that were sent before."""
    at = 0
    while at < len(bars):
        size = int(RANDOM.choice([1, 2, 7, 60, 400, 2000]))
        yield bars[max(at - int(RANDOM.integers(0, 40)), 0) : at + size]
        at += size


def stream(sent: Iterator[list[Bar]]) -> MemoryStore:
    """Send batches through messages, decoding and ring buffers; now and then all memory is lost."""
    store = MemoryStore()
    consumer = consumer_batches(store)
    for count, bars in enumerate(sent):
        done = decode([encode_bar(bar) for bar in bars], CONFIG)
        assert not done.rejects
        consumer.state.assign(done.bars, np.zeros(len(done.at), dtype=np.int64))
        consumer.store_bars(done.bars, Models(SERVING))
        if count % 9 == 5:
            consumer.state.forget([0])
    return store


def made(store: MemoryStore, symbol: str) -> dict[int, tuple[float, ...]]:
    return {row.bar_ts: numbers(row) for row in store.forecasts.values() if row.symbol == symbol}


MONTH = {symbol: month(number) for number, symbol in enumerate(SYMBOLS)}
TOGETHER = sorted((bar for bars in MONTH.values() for bar in bars), key=lambda bar: bar.ts)


def test_a_month_with_duplicates_and_gaps_is_forecast_as_in_a_batch() -> None:
    store = stream(batches(TOGETHER))
    for symbol, bars in MONTH.items():
        assert made(store, symbol) == batch(bars)
        filled, left_out = leave_out(Minutes.of_bars(bars), NYSE, CONFIG.limit)
        rows = sorted((row for row in store.bars.values() if row.symbol == symbol), key=lambda row: row.ts)
        assert [row.ts for row in rows if row.outlier] == left_out.ts.tolist()
        kept = [(row.ts, row.close, row.filled) for row in rows if not row.outlier]
        assert kept == list(zip(filled.ts.tolist(), filled.close.tolist(), filled.filled.tolist(), strict=True))
    assert not any(row.late for row in store.bars.values())


def test_of_a_month_with_late_bars_only_their_followers_differ_and_they_are_marked() -> None:
    late = sorted(RANDOM.choice(np.arange(200, len(TOGETHER) - 200), 20, replace=False).tolist(), reverse=True)
    order = list(TOGETHER)
    for at in late:
        order.insert(at + int(RANDOM.integers(3, 150)), order.pop(at))
    store = stream(batches(order))
    marked = {(row.symbol, row.ts) for row in store.bars.values() if row.late}
    assert marked <= {(TOGETHER[at].symbol, TOGETHER[at].ts) for at in late}
    assert len(marked) > 10  # of those moved by a few places only some came after a newer bar of their symbol
    for symbol, bars in MONTH.items():
        expected, got = batch(bars), made(store, symbol)
        assert got.keys() >= expected.keys()
        times = np.array([bar.ts for bar in bars])
        near = {int(np.searchsorted(times, ts)) for name, ts in marked if name == symbol}
        for ts in (ts for ts in expected if got[ts][:2] != expected[ts][:2]):
            at = int(np.searchsorted(times, ts))
            assert any(before <= at <= before + 160 for before in near)
        # an interval remembers what was held against the symbol's outcomes when they came
        assert all(got[ts] == expected[ts] for ts in expected if int(np.searchsorted(times, ts)) < min(near))
    received = {(row.symbol, row.ts): row.close for row in store.bars.values() if not row.filled}
    assert received == {(bar.symbol, bar.ts): bar.close for bar in TOGETHER}

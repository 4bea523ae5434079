"""A feed that recomputes its bars: the newest version counts from then on, and what was made stays as it was made."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.common.decode_bars import BarBatch
from serving.consumer.versions import Revisions, in_turn
from stock_ml.domain import gaps
from stock_ml.domain.bars import Bar
from stock_ml.domain.gaps import Minutes
from tests.hypothesis_budget import at_most
from tests.unit.serving.batch import batch
from tests.unit.serving.streams import CONFIG, Stream, day, minute, numbers
from tests.walks import NYSE

BARS = day(sessions=2)[360:425]  # over a night


def corrected(bar: Bar, revision: int, factor: float = 1.0) -> Bar:
    """Return a later version of a bar, with another volume and its prices multiplied."""
    prices = {name: getattr(bar, name) * factor for name in ("open", "high", "low", "close")}
    return bar._replace(**prices, volume=bar.volume + revision, revision=revision)


def shown(bars: list[Bar], corrections: list[tuple[int, int, float]]) -> list[Bar]:
    """Return bars as a feed shows them: each correction is a place, how many bars later it comes, and a factor."""
    messages = [(number, 0, bar) for number, bar in enumerate(bars)]
    for count, (place, later, factor) in enumerate(corrections, 1):
        at = place % len(bars)
        messages.append((at + later, count, corrected(bars[at], count, factor)))
    return [bar for *_, bar in sorted(messages, key=lambda one: one[:2])]


def final(messages: list[Bar]) -> list[Bar]:
    """Return the newest version of each bar, in the order of time."""
    newest: dict[int, Bar] = {}
    for bar in messages:
        if bar.ts not in newest or bar.revision > newest[bar.ts].revision:
            newest[bar.ts] = bar
    return [newest[ts] for ts in sorted(newest)]


corrections = st.lists(
    st.tuples(st.integers(0, len(BARS) - 1), st.integers(0, 40), st.sampled_from([1.0, 1.0005, 0.9995, 1.3])),
    max_size=25,
)
left_out = st.sets(st.integers(1, len(BARS) - 2), max_size=15)


def without(places: set[int]) -> list[Bar]:
    return [bar for number, bar in enumerate(BARS) if number not in places]


@at_most(20)
@given(corrections, left_out, st.sampled_from([1, 3]), st.lists(st.integers(0, 30), max_size=20), st.data())
def test_batches_duplicates_and_restarts_change_no_bit(
    changes: list[tuple[int, int, float]], places: set[int], horizon: int, lengths: list[int], data: st.DataObject
) -> None:
    messages, config = shown(without(places), changes), replace(CONFIG, horizon=horizon)
    one_by_one, stream, at = Stream(config), Stream(config), 0
    for bar in messages:
        one_by_one.send(bar)
    for length in [*lengths, len(messages)]:
        stream.send(*messages[max(at - data.draw(st.integers(0, 40)), 0) : at + length])
        at = min(at + length, len(messages))
        if data.draw(st.booleans()):
            stream.forget()
    assert stream.bars == one_by_one.bars
    assert stream.replaced == one_by_one.replaced
    assert stream.forecasts == one_by_one.forecasts


@at_most(20)
@given(corrections, left_out, st.randoms(use_true_random=False), st.booleans())
def test_in_whatever_order_versions_come_the_newest_is_stored_and_the_others_are_kept(
    changes: list[tuple[int, int, float]], places: set[int], random: object, forget: bool
) -> None:
    messages = shown(without(places), changes)
    order = sorted(messages, key=lambda bar: bar.ts + random.choice([0, 0, 600, 3600]))  # type: ignore[attr-defined]
    stream = Stream()
    for start in range(0, len(order), 7):
        stream.send(*order[start : start + 7])
        if forget:
            stream.forget()
    newest, expected = final(messages), Stream()
    expected.send(*(bar._replace(revision=0) for bar in newest))
    revisions = {bar.ts: bar.revision for bar in newest}
    assert {at: row._replace(late=False, revision=0) for at, row in stream.bars.items()} == expected.bars
    assert {row.ts: row.revision for row in stream.bars.values() if not row.filled} == revisions
    others = {(bar.ts, bar.revision, *bar[2:7]) for bar in messages if bar.revision != revisions[bar.ts]}
    assert {row[1:8] for row in stream.replaced.values()} == others


def test_windows_after_a_correction_are_those_of_the_settled_bars() -> None:
    messages = shown(BARS, [(place, 2, 1.001) for place in range(3, 30, 5)])
    stream, expected = Stream(), batch(final(messages))
    for bar in messages:
        stream.send(bar)
    after = {bar.ts for bar in BARS[30 + CONFIG.window :]}
    made = {row.bar_ts: numbers(row)[:2] for row in stream.forecasts.values()}
    assert made.keys() == expected.keys()
    assert {ts: made[ts] for ts in after & made.keys()} == {ts: expected[ts][:2] for ts in after & made.keys()}
    settled = gaps.fill(Minutes.of_bars(final(messages)), NYSE, CONFIG.limit)
    assert sorted((row.ts, row.close) for row in stream.bars.values()) == [*zip(settled.ts, settled.close, strict=True)]


def test_a_forecast_stays_as_it_was_made_and_a_correction_brings_none() -> None:
    bars = day()[:40]
    stream = Stream().send(*bars)
    before = dict(stream.forecasts)
    stream.send(*(corrected(bar, 1, 1.001) for bar in bars[30:]))
    assert stream.forecasts == before
    assert stream.bars["GOOGL", minute(39)].revision == 1
    assert stream.replaced["GOOGL", minute(39), 0].close == bars[39].close


def test_a_bar_whose_first_version_never_came_is_an_ordinary_one() -> None:
    bars = day()[:40]
    second = corrected(bars[39], 2)
    stream = Stream().send(*bars[:39]).send(second)
    assert stream.forecasts["GOOGL", minute(39)][5:7] == batch([*bars[:39], second])[minute(39)][:2]
    stream.send(bars[39])
    assert (stream.bars["GOOGL", minute(39)].revision, stream.replaced["GOOGL", minute(39), 0].late) == (2, True)


@pytest.mark.parametrize("forget", [True, False])
def test_a_bad_tick_that_the_feed_corrects_is_no_outlier_any_more(forget: bool) -> None:
    bars = day()[:80]
    wrong = corrected(bars[40], 0, 100.0)
    stream = Stream().send(*bars[:40], wrong, *bars[41:50])
    assert stream.bars["GOOGL", minute(40)].outlier
    if forget:
        stream.forget()
    stream.send(corrected(bars[40], 1)).send(*bars[50:])
    assert not any(row.outlier for row in stream.bars.values())
    assert stream.replaced["GOOGL", minute(40), 0].outlier
    made = {row.bar_ts: numbers(row)[:2] for row in stream.forecasts.values()}
    expected = batch([*bars[:40], corrected(bars[40], 1), *bars[41:]])
    late = range(minute(50 + CONFIG.window), minute(80), 60)
    assert [made[ts] for ts in late] == [expected[ts][:2] for ts in late]


def test_filled_bars_after_a_corrected_one_have_its_close() -> None:
    bars = day(without=[20, 21])[:40]
    stream = Stream().send(*bars).send(corrected(bars[19], 1, 1.001))
    assert [stream.bars["GOOGL", minute(at)].close for at in (20, 21)] == [bars[19].close * 1.001] * 2


@pytest.mark.parametrize("restart", [True, False])
def test_a_scale_moves_by_the_version_that_was_shown_first(restart: bool) -> None:
    bars, config = day()[:390], replace(CONFIG, horizon=5)
    calm, stream = Stream(config).send(*bars), Stream(config).send(*bars)
    stream.send(*(corrected(bar, 1, 1.01) for bar in bars[385:]))
    if restart:
        stream.forget()
    following = day(sessions=2)[390:395]
    for each in (calm, stream):
        each.send(*following)
    scales = [
        [row[17:20] for row in each.forecasts.values() if row.bar_ts >= following[0].ts] for each in (calm, stream)
    ]
    assert scales[0] == scales[1] != []


def bars_at(*versions: tuple[int, int]) -> BarBatch:
    bar = day()[0]
    return BarBatch.of_bars([bar._replace(ts=minute(at), revision=number) for at, number in versions], CONFIG.slots)


def places(batch: BarBatch) -> list[tuple[int, int]]:
    return [
        ((ts - minute(0)) // 60, revision)
        for ts, revision in zip(batch.ts.tolist(), batch.revision.tolist(), strict=True)
    ]


@pytest.mark.parametrize(
    ("bars", "runs", "older"),
    [
        ([(4, 0), (5, 0), (3, 0)], [[(4, 0), (5, 0), (3, 0)]], []),
        ([(1, 0), (2, 1)], [], []),
        ([(2, 0)], [], [(2, 0)]),
        ([(1, 1), (2, 2), (4, 0)], [[(1, 1), (2, 2), (4, 0)]], []),
        ([(4, 0), (1, 1), (2, 2), (5, 0)], [[(4, 0)], [(1, 1), (2, 2), (5, 0)]], []),
        ([(4, 0), (4, 1), (4, 1), (4, 0)], [[(4, 0)], [(4, 1)]], [(4, 0)]),
        ([(1, 1), (1, 3), (1, 2)], [[(1, 1)], [(1, 3)]], [(1, 2)]),
    ],
)
def test_versions_take_effect_in_the_order_of_their_messages(
    bars: list[tuple[int, int]], runs: list[list[tuple[int, int]]], older: list[tuple[int, int]]
) -> None:
    found = in_turn(bars_at((1, 0), (2, 1)), bars_at(*bars))
    assert ([places(run) for run in found.runs], places(found.older)) == (runs, older)


def test_only_symbols_with_versions_to_compare_are_concerned() -> None:
    revisions = Revisions()
    assert revisions.concern(bars_at((1, 0), (2, 1))).all()
    revisions.reset(np.array([0, 1]), bars_at((1, 0), (2, 3)))
    assert revisions.concern(bars_at((1, 0), (3, 0))).tolist() == [False, False]
    assert revisions.concern(bars_at((2, 0), (3, 0))).tolist() == [True, True]
    assert revisions.of(CONFIG.slots["GOOGL"], np.array([minute(1), minute(2)])).tolist() == [0, 3]
    revisions.reset(np.array([0, 1]), bars_at((1, 0)))
    assert not revisions.concern(bars_at((2, 0))).any()

from dataclasses import fields, make_dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.consumer.predict import Serving
from stock_ml.domain import gaps
from stock_ml.domain.bars import LARGEST_PRICE, LARGEST_VOLUME, Bar, bad_column
from stock_ml.domain.gaps import Minutes
from stock_ml.model.scorer import Prices
from tests.hypothesis_budget import at_most
from tests.unit.serving.batch import batch
from tests.unit.serving.streams import CONFIG, SCORER, SERVING, Stream, day, minute, numbers
from tests.walks import NYSE


def streamed(stream: Stream) -> dict[int, tuple[float, ...]]:
    return {made.bar_ts: numbers(made) for made in stream.forecasts.values()}


HOLES = [*range(40, 43), *range(80, 100), 120, 122, *range(140, 360), *range(388, 392), 420]


def test_the_stream_forecasts_every_bar_as_the_batch_does_bit_for_bit() -> None:
    bars = day(without=HOLES, sessions=2)[:210]
    stream = Stream()
    for bar in bars:
        stream.send(bar, bar)
    assert streamed(stream) == batch(bars)
    filled = gaps.fill(Minutes.of_bars(bars), NYSE, CONFIG.limit)
    assert sorted(row.ts for row in stream.bars.values() if row.filled) == filled.ts[filled.filled].tolist()


@at_most(25)
@given(st.lists(st.integers(0, 120), max_size=12), st.sampled_from([1, 3]), st.data())
def test_batches_duplicates_and_restarts_change_no_bar_and_no_forecast(
    lengths: list[int], horizon: int, data: st.DataObject
) -> None:
    bars = day(without=data.draw(st.sets(st.integers(0, 200), max_size=60)))[:180]
    config = replace(CONFIG, horizon=horizon)
    stream, at = Stream(config), 0
    for length in [*lengths, len(bars)]:
        again = max(at - data.draw(st.integers(0, 90)), 0)
        stream.send(*bars[again : at + length])
        at = min(at + length, len(bars))
        if data.draw(st.booleans()):
            stream.forget()
    assert streamed(stream) == batch(bars, config)
    assert not any(row.late for row in stream.bars.values())


def test_an_outcome_counts_by_the_bounds_that_its_forecast_had_when_both_come_at_once() -> None:
    bars, config = day(without=[*range(6), 56, 61, 62, 102])[:180], replace(CONFIG, horizon=3)
    assert streamed(Stream(config).send(*bars)) == batch(bars, config)


@at_most(15)
@given(st.permutations(day(without=[20, 21, 35])[:45]))
def test_bars_in_any_order_are_stored_as_in_order(shuffled: list[Bar]) -> None:
    ordered, stream = Stream().send(*sorted(shuffled)), Stream()
    for bar in shuffled:
        stream.send(bar)
    assert {at: row._replace(late=False) for at, row in stream.bars.items()} == ordered.bars


def test_a_bar_delivered_twice_changes_nothing() -> None:
    bars = day()[:40]
    stream = Stream().send(*bars)
    before = dict(stream.bars), dict(stream.forecasts)
    stream.send(bars[-1]._replace(close=bars[-1].low)).send(*bars[10:20])
    assert (stream.bars, stream.forecasts) == before


def test_of_two_bars_for_one_minute_in_a_batch_the_first_one_stays() -> None:
    first = day()[0]
    stream = Stream().send(first, first._replace(close=first.low))
    assert [row.close for row in stream.bars.values()] == [first.close]


def test_a_late_bar_takes_the_place_of_the_filled_one_and_is_used_from_then_on() -> None:
    bars = day()[:40]
    stream = Stream().send(*bars[:20], *bars[21:30])
    assert stream.bars["GOOGL", minute(20)].filled
    made = dict(stream.forecasts)
    stream.send(bars[20]).send(*bars[30:])
    kept = stream.bars["GOOGL", minute(20)]
    assert (kept.filled, kept.late, kept.close) == (False, True, bars[20].close)
    assert made.items() <= stream.forecasts.items()
    expected = batch(bars)
    assert {t: v[:2] for t, v in streamed(stream).items() if t >= minute(30)} == {
        t: v[:2] for t, v in expected.items() if t >= minute(30)
    }


def test_a_late_bar_gets_its_own_forecast_marked_late() -> None:
    bars = day()[:40]
    stream = Stream().send(*bars[:20], *bars[21:30]).send(bars[20])
    made = stream.forecasts["GOOGL", minute(20)]
    assert made.late
    assert made[5:7] == batch(bars)[minute(20)][:2]


def test_a_bar_late_by_more_than_memory_holds_is_forecast_from_what_is_stored() -> None:
    bars = day()
    stream = Stream().send(*bars[:20], *bars[21:]).send(bars[20])
    assert stream.forecasts["GOOGL", minute(20)][5:7] == batch(bars[:21])[minute(20)][:2]
    assert stream.bars["GOOGL", minute(20)].late


def test_no_forecast_is_made_across_the_close() -> None:
    for horizon in (1, 5):
        config = replace(CONFIG, horizon=horizon)
        stream = Stream(config).send(*day(sessions=2))
        last = max(made.target_ts for made in stream.forecasts.values() if made.session == "2024-03-01")
        assert last == minute(389)
        assert all(made.target_ts == made.bar_ts + 60 * horizon for made in stream.forecasts.values())
        assert len([m for m in stream.forecasts.values() if m.session == "2024-03-04"]) == 390 - horizon


def test_the_first_forecast_waits_for_a_full_window() -> None:
    stream = Stream().send(*day()[:30])
    assert min(ts for _, ts in stream.forecasts) == minute(CONFIG.window - 1)


def test_nothing_is_forecast_over_a_feed_gap() -> None:
    stream = Stream().send(*day(without=range(50, 60)))
    made = sorted(ts for _, ts in stream.forecasts)
    assert made[made.index(minute(49)) + 1] == minute(60 + CONFIG.window - 1)
    assert not any(row.filled for row in stream.bars.values())


def test_without_a_champion_bars_are_kept_and_forecasts_start_when_it_comes() -> None:
    bars = day()[:40]
    stream = Stream(serving=None).send(*bars[:30])
    assert (len(stream.bars), len(stream.forecasts)) == (30, 0)
    stream.serving = SERVING
    stream.send(*bars[30:])
    assert sorted(ts for _, ts in stream.forecasts) == [bar.ts for bar in bars[30:]]


def test_each_forecast_names_the_model_that_made_it() -> None:
    bars = day()[:40]
    stream = Stream().send(*bars[:30])
    stream.serving = Serving("8", "other", replace(SCORER, trained_until=5))
    stream.send(*bars[30:])
    told = [(made.model_version, made.trained_until) for made in stream.forecasts.values()]
    assert told == [("7", 0)] * 15 + [("8", 5)] * 10


def test_a_symbol_that_the_model_does_worse_on_is_served_its_last_price() -> None:
    bars = [bar for pair in zip(day()[:40], day(symbol="AAPL", seed=2)[:40], strict=True) for bar in pair]
    sound = Stream().send(*bars).forecasts
    stream = Stream()
    stream.serving = Serving("7", "run", replace(SCORER, last_price=("AAPL",)))
    found = stream.send(*bars).forecasts
    assert {key for key, row in found.items() if row.predicted_close == row.last_close} == {
        key for key in found if key[0] == "AAPL"
    }
    assert all(found[key] == sound[key] for key in found if key[0] == "GOOGL")
    assert all(row.lower_50 < row.last_close < row.upper_50 for key, row in found.items() if key[0] == "AAPL")


def test_a_challenger_forecasts_the_same_bars_apart_and_changes_nothing_that_is_served() -> None:
    bars = day(without=(20,))[:60]
    alone, stream = Stream().send(*bars), Stream()
    stream.challenger = Serving("8", "other", replace(SCORER, intercept=0.01))
    for at in range(0, 60, 7):
        stream.send(*bars[at : at + 9])
    assert (stream.forecasts, stream.bars) == (alone.forecasts, alone.bars)
    apart = {key[:2]: row for key, row in stream.store.shadows.items()}
    assert apart.keys() == alone.forecasts.keys()
    assert all(row.model_version == "8" and row.predicted_close > alone.forecasts[at][6] for at, row in apart.items())


def test_a_challenger_without_a_champion_forecasts_too() -> None:
    stream = Stream(serving=None)
    stream.challenger = SERVING
    stream.send(*day()[:20])
    assert (len(stream.forecasts), len(stream.store.shadows)) == (0, 5)


@pytest.mark.parametrize(("seconds", "late"), [(61.0, False), (119.9, False), (120.0, True)])
def test_a_forecast_is_late_once_its_target_is_known(seconds: float, late: bool) -> None:
    bars = day()[:16]
    stream = Stream(now=bars[-1].ts + seconds).send(*bars)
    made = stream.forecasts["GOOGL", bars[-1].ts]
    assert (made.late, made.made_at) == (late, bars[-1].ts + seconds)


def test_in_a_replay_each_forecast_is_made_when_its_bar_became_known() -> None:
    stream = Stream(now=None).send(*day()[:100])
    assert all(made.made_at == made.bar_ts + 60 and not made.late for made in stream.forecasts.values())


def test_symbols_in_one_batch_do_not_meet() -> None:
    googl, aapl = day()[:60], day(symbol="AAPL", seed=2)[:60]
    together = Stream().send(*(bar for pair in zip(googl, aapl, strict=True) for bar in pair))
    apart = Stream().send(*googl).send(*aapl)
    assert together.bars == apart.bars
    assert together.forecasts == apart.forecasts


@pytest.mark.parametrize("least", [5e-324, 1e-308, 1e-12])
def test_bars_that_pass_the_gate_and_are_too_wild_to_forecast_from_are_stored_and_the_others_forecast(
    least: float,
) -> None:
    bars = day()[:40]
    odd = Bar("AAPL", minute(0), 1.0, LARGEST_PRICE, least, LARGEST_PRICE, LARGEST_VOLUME, "sandbox")
    wild = [
        odd._replace(ts=minute(i), open=least if i % 2 else 1.0, close=[LARGEST_PRICE, least][i % 2]) for i in range(40)
    ]
    assert not any(bad_column(bar[2:7]) for bar in wild)
    stream = Stream().send(*bars, *wild)
    assert len(stream.bars) == 80
    assert all(np.isfinite(made[5:13]).all() for made in stream.forecasts.values())
    assert len([1 for symbol, _ in stream.forecasts if symbol == "GOOGL"]) == 25


def turned(kind: type) -> type:
    """Return a record with the same fields, the last one first."""
    names = [(field.name, np.ndarray) for field in reversed(fields(kind))]
    methods = {name: vars(kind)[name] for name in ("__len__", "select", "concat") if name in vars(kind)}
    return make_dataclass("Turned", names, namespace=methods, frozen=True, eq=False)


def test_each_number_is_stored_in_its_own_column_whatever_the_order_of_a_records_fields(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bars = day(without=(20,))[:40]
    usual = Stream().send(*bars[:30], *bars[31:]).send(bars[30])
    monkeypatch.setattr("stock_ml.model.scorer.Prices", turned(Prices))
    places = ("stock_ml.domain.gaps", "serving.common.decode_bars", "serving.consumer.in_order")
    places += ("serving.consumer.recent_bars", "serving.consumer.out_of_order", "serving.consumer.ring_buffers")
    for module in places:
        monkeypatch.setattr(f"{module}.Minutes", turned(Minutes))
    stream = Stream().send(*bars[:30], *bars[31:]).send(bars[30])
    assert (stream.bars, stream.forecasts) == (usual.bars, usual.forecasts)
    row = stream.bars["GOOGL", bars[30].ts]
    assert [getattr(row, name) for name in ("open", "high", "low", "close", "volume")] == list(bars[30][2:7])
    assert all(
        one.lower_99 < one.lower_90 < one.lower_50 <= one.predicted_close <= one.upper_50 < one.upper_90 < one.upper_99
        for one in stream.forecasts.values()
    )

import json

import orjson
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.common.decode_bars import BarBatch, decode, decode_each
from stock_ml.adapters.broker import encode_bar, encode_official_close
from stock_ml.domain.bars import Bar, validate
from stock_ml.domain.official_close import OfficialClose
from stock_ml.errors import BadBars
from tests.unit.serving.streams import CONFIG, day, minute
from tests.walks import BOUNDARY_NUMBERS

BAR = day()[0]
GOOD = orjson.loads(encode_bar(BAR))


def bars_in(arrived: BarBatch) -> list[Bar]:
    columns = (arrived.slot, arrived.ts, arrived.values.T, arrived.revision)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [Bar(CONFIG.names[slot], ts, *values, "sandbox", revision) for slot, ts, values, revision in rows]


def test_one_message_that_cannot_be_read_does_not_stop_the_others() -> None:
    bars = day()[:3]
    bars[1] = bars[1]._replace(revision=7)
    values = [encode_bar(bars[0]), b"\xff\x00", None, encode_bar(bars[1]), b"{}", encode_bar(bars[2])]
    done = decode(values, CONFIG)
    assert bars_in(done.bars) == bars
    assert [index for index, _ in done.rejects] == [1, 2, 4]
    assert list(decode_each(values, CONFIG)) == bars


@pytest.mark.parametrize(
    ("bar", "reason"),
    [
        (BAR._replace(symbol="MSFT"), "'MSFT' is not configured"),
        (BAR._replace(source="alpha_vantage"), "source 'alpha_vantage', this installation is of sandbox"),
        (BAR._replace(ts=minute(-1)), "no minute of a session of XNYS"),
        (BAR._replace(ts=minute(390)), "no minute of a session of XNYS"),
    ],
)
def test_a_bar_that_does_not_belong_here_is_refused_with_its_reason(bar: object, reason: str) -> None:
    done = decode([encode_bar(bar)], CONFIG)  # type: ignore[arg-type]  # parametrized
    assert len(done.bars) == 0
    assert reason in done.rejects[0][1]


def test_a_field_more_is_a_reason() -> None:
    value = orjson.dumps({**orjson.loads(encode_bar(BAR)), "note": 1})
    assert decode([value], CONFIG).rejects == [(0, "fields missing or unknown: ['note']")]


CLOSE = OfficialClose("GOOGL", minute(390), 101.5, 0.0, "sandbox")


def test_official_closes_stand_beside_the_bars() -> None:
    bar = day()[0]
    values = [encode_official_close(CLOSE), encode_bar(bar)]
    done = decode(values, CONFIG)
    assert (bars_in(done.bars), done.at.tolist(), done.rejects, done.closes) == ([bar], [1], [], [CLOSE])
    assert list(decode_each(values, CONFIG)) == [CLOSE, bar]


@pytest.mark.parametrize(
    ("close", "reason"),
    [
        (CLOSE._replace(symbol="MSFT"), "'MSFT' is not configured"),
        (CLOSE._replace(source="yahoo"), "source 'yahoo', this installation is of sandbox"),
        (CLOSE._replace(ts=minute(389)), "no close of a session of XNYS"),
        (CLOSE._replace(ts=minute(391)), "no close of a session of XNYS"),
        (CLOSE._replace(close=0.0), "bad official close: 0.0 with volume 0.0; prices must be positive"),
    ],
)
def test_an_official_close_that_does_not_belong_here_is_refused_with_its_reason(close: object, reason: str) -> None:
    done = decode([encode_official_close(close)], CONFIG)  # type: ignore[arg-type]  # parametrized
    assert done.closes == []
    assert reason in done.rejects[0][1]
    assert list(decode_each([encode_official_close(close)], CONFIG)) == []  # type: ignore[arg-type]  # parametrized


def test_an_official_close_of_the_far_future_is_refused() -> None:
    done = decode([encode_official_close(CLOSE)], CONFIG, latest=minute(389))
    assert "more than a day to come" in done.rejects[0][1]


odd = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8) | st.lists(st.none())
names = st.sampled_from([*sorted(GOOD), "note", "revision"])
changed = st.dictionaries(names, odd | st.integers(0, 9), max_size=2).map(lambda c: json.dumps(GOOD | c))
lacking = st.sets(st.sampled_from(sorted(GOOD))).map(
    lambda s: json.dumps({k: v for k, v in GOOD.items() if k not in s})
)
cut = st.integers(0, 160).map(lambda n: encode_bar(BAR)[:n])
repeated = st.sampled_from(sorted(GOOD)).map(lambda name: b'{"%s":null,' % name.encode() + encode_bar(BAR)[1:])
message = st.none() | st.binary(max_size=20) | cut | repeated | (changed | lacking).map(str.encode)


@given(st.lists(message | st.just(encode_bar(BAR)), max_size=6))
def test_many_are_read_as_one_by_one(values: list[bytes | None]) -> None:
    done = decode(values, CONFIG)
    assert bars_in(done.bars) == list(decode_each(values, CONFIG))
    assert len(done.bars) + len(done.rejects) == len(values)


def passes_the_batch(bar: Bar) -> bool:
    row = bar._asdict() | {"ts": pd.Timestamp(bar.ts, unit="s", tz="UTC"), "filled": False}
    row["official_close"] = float("nan")
    try:
        validate(pd.DataFrame([row]).astype({"ts": "datetime64[ns, UTC]"}))
    except BadBars:
        return False
    return True


@given(st.tuples(*[BOUNDARY_NUMBERS] * 5))
def test_the_stream_accepts_exactly_the_bars_that_the_batch_accepts(numbers: tuple[float, ...]) -> None:
    bar = Bar("GOOGL", minute(0), *numbers, source="sandbox")
    expected = [bar] if passes_the_batch(bar) else []
    assert list(decode_each([encode_bar(bar)], CONFIG)) == expected
    assert bars_in(decode([encode_bar(bar)], CONFIG).bars) == expected

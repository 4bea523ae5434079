import orjson
import pytest

from serving.reading import accepted, read
from stock_ml.adapters.broker import encode_bar
from tests.unit.serving.streams import RULES, day, minute

BAR = day()[0]


def test_one_message_that_cannot_be_read_does_not_stop_the_others() -> None:
    bars = day()[:3]
    values = [encode_bar(bars[0]), b"\xff\x00", None, encode_bar(bars[1]), b"{}", encode_bar(bars[2])]
    done = read(values, RULES)
    assert done.bars == bars
    assert [index for index, _ in done.refused] == [1, 2, 4]
    assert list(accepted(values, RULES)) == bars


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
    done = read([encode_bar(bar)], RULES)  # type: ignore[arg-type]  # parametrized
    assert done.bars == []
    assert reason in done.refused[0][1]


def test_a_field_more_is_a_reason() -> None:
    value = orjson.dumps({**orjson.loads(encode_bar(BAR)), "note": 1})
    assert read([value], RULES).refused == [(0, "fields missing or unknown: ['note']")]

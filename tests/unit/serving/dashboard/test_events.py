import orjson
import pytest

from serving.dashboard import events
from stock_ml.adapters.postgres.reader import Changes
from stock_ml.errors import BadRows, StoreUnavailable

BAR, FORECAST = (1000, 1.0, 1.0, 1.0, 1.0, 1.0, False), (1000, 1.0, 1.0, 1.0, 1.0, 1.0, "7", 0, False)


@pytest.mark.parametrize(("error", "kind"), [(StoreUnavailable, "store_unavailable"), (BadRows, "bad_rows")])
def test_a_fault_names_its_kind(error: type[StoreUnavailable], kind: str) -> None:
    name, data, *_ = events.fault(error("why")).text.split(b"\n")
    assert name == b"event: trouble"
    assert orjson.loads(data.removeprefix(b"data: ")) == {"error": "why", "kind": kind}


def test_rows_are_sent_by_symbol_with_their_batch() -> None:
    found = events.by_symbol(Changes([("A", *BAR), ("B", *BAR)], [("A", *FORECAST)]))
    event = events.rows(7, list(found.values()))
    *_, data = event.text.rstrip().split(b"\n")
    assert (event.batch, event.text.split(b"\n")[:2]) == (7, [b"event: rows", b"id: 7"])
    assert orjson.loads(data.removeprefix(b"data: ")) == [
        {"symbol": "A", "bars": [list(BAR)], "forecasts": [list(FORECAST)]},
        {"symbol": "B", "bars": [list(BAR)], "forecasts": []},
    ]


def test_a_symbol_with_an_official_close_alone_is_named_so_that_its_state_is_read_again() -> None:
    assert list(events.by_symbol(Changes([], [], [("A", 1000, 1.0)]))) == ["A"]

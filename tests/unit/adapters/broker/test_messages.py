import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.adapters.broker import (
    ClosedSession,
    decode_bar,
    decode_official_close,
    decode_session,
    encode_bar,
    encode_official_close,
    encode_session,
    is_official_close,
)
from stock_ml.domain.bars import Bar
from stock_ml.domain.official_close import OfficialClose
from stock_ml.errors import BadMessage

BAR = Bar("GOOGL", 1_709_303_400, 100.0, 101.0, 99.0, 100.5, 1200.0, "sandbox")
GOOD = orjson.loads(encode_bar(BAR))
prices = st.floats(0.01, 1e6)


@given(st.lists(prices, min_size=4, max_size=4), st.floats(0, 1e12), st.integers(0, 60_000_000), st.integers(0, 32_767))
def test_a_bar_comes_back_bit_for_bit(four: list[float], volume: float, minute: int, revision: int) -> None:
    low, *inner, high = sorted(four)
    bar = Bar("GOOGL", minute * 60, inner[0], high, low, inner[1], volume, "csv", revision)
    assert decode_bar(encode_bar(bar)) == bar


def test_a_bar_as_first_shown_has_the_fields_that_it_always_had() -> None:
    assert set(GOOD) == {"v", "symbol", "ts", "open", "high", "low", "close", "volume", "source"}
    assert orjson.loads(encode_bar(BAR._replace(revision=2))) == GOOD | {"revision": 2}


@given(st.binary(max_size=300))
def test_any_bytes_are_a_bar_or_a_bad_message(value: bytes) -> None:
    with pytest.raises(BadMessage):
        decode_bar(value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from([*sorted(GOOD), "revision"]), json_values)
def test_any_value_in_any_field_is_a_valid_bar_or_a_bad_message(name: str, value: object) -> None:
    import json

    try:
        bar = decode_bar(json.dumps(GOOD | {name: value}).encode())
    except BadMessage:
        return
    assert bar.ts % 60 == 0
    assert 0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high <= 1e9
    assert 0 <= bar.volume <= 1e15


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"v": 2}, "schema version 2"),
        ({"v": True}, "schema version True"),
        ({"symbol": 7}, "symbol is 7"),
        ({"ts": 1_709_303_401}, "ts is 1709303401"),
        ({"ts": 1_709_303_400.0}, "ts is 1709303400.0"),
        ({"ts": -60}, "ts is -60"),
        ({"close": "100"}, "close is '100'"),
        ({"close": True}, "close is True"),
        ({"close": None}, "close is None"),
        ({"low": 0}, "bad low: 0.0; prices must be positive and at most 1e9"),
        ({"high": 100.2}, "bad close: 100.5; .* with low <= open, close <= high"),
        ({"high": 1e200}, r"bad high: 1e\+200; prices must be positive and at most 1e9"),
        ({"volume": -1}, "bad volume: -1.0; .* volume from 0 to 1e15"),
        ({"volume": 1.1e15}, r"bad volume: 1100000000000000.0; .* volume from 0 to 1e15"),
        ({"note": "x"}, r"missing or unknown: \['note'\]"),
        ({"revision": -1}, "revision is -1, it must be a whole number from 0 to 32767"),
        ({"revision": 32_768}, "revision is 32768"),
        ({"revision": 1.0}, "revision is 1.0"),
        ({"revision": True}, "revision is True"),
        ({"revision": None}, "revision is None"),
    ],
)
def test_a_broken_bar_is_refused_with_its_reason(change: dict[str, object], reason: str) -> None:
    with pytest.raises(BadMessage, match=reason):
        decode_bar(orjson.dumps(GOOD | change))


def test_what_is_no_object_is_refused_with_its_reason() -> None:
    with pytest.raises(BadMessage, match="no value"):
        decode_bar(None)
    with pytest.raises(BadMessage, match="not JSON"):
        decode_bar(b"{")
    with pytest.raises(BadMessage, match="not a JSON object"):
        decode_bar(b"[]")
    with pytest.raises(BadMessage, match="more than 65536"):
        decode_bar(b" " * 65_537)
    with pytest.raises(BadMessage, match="missing"):
        decode_bar(orjson.dumps({name: GOOD[name] for name in GOOD if name != "close"}))


def test_a_closed_session_comes_back_as_it_was() -> None:
    closed = ClosedSession("XNYS", "2024-03-01", 1_709_326_800)
    assert decode_session(encode_session(closed)) == closed
    with pytest.raises(BadMessage, match="whole epoch seconds"):
        decode_session(encode_session(closed._replace(close="soon")))  # type: ignore[arg-type]  # what others may send


CLOSE = OfficialClose("GOOGL", 1_709_326_800, 100.25, 5e6, "sandbox")


def test_an_official_close_comes_back_and_is_told_from_a_bar() -> None:
    message = encode_official_close(CLOSE)
    assert is_official_close(message)
    assert decode_official_close(message) == CLOSE
    with pytest.raises(BadMessage, match="fields missing or unknown"):
        decode_bar(message)
    for other in (None, encode_bar(BAR), b"[]", b"\xff", b"{", b"[" * 60_000, message + b" " * 65_536):
        assert not is_official_close(other)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"v": 2}, "schema version 2"),
        ({"kind": "bar"}, "kind is 'bar'"),
        ({"symbol": 7}, "symbol is 7"),
        ({"ts": 1_709_326_801}, "ts is 1709326801"),
        ({"close": None}, "close is None"),
        ({"close": -1.0}, "bad official close: -1.0"),
        ({"close": 2e9}, "bad official close"),
        ({"volume": -1}, "bad official close"),
        ({"volume": True}, "volume is True"),
        ({"note": 1}, "fields missing or unknown"),
    ],
)
def test_an_official_close_with_a_wrong_field_is_refused(change: dict[str, object], reason: str) -> None:
    with pytest.raises(BadMessage, match=reason):
        decode_official_close(orjson.dumps(orjson.loads(encode_official_close(CLOSE)) | change))

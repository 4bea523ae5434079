"""The rules of Alpaca's live bars: silence, later versions, and what each refusal means."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml import errors
from stock_ml.domain.bars import Bar
from stock_ml.sources.alpaca_stream import AlpacaStream, open_seconds, refusal, subscription
from stock_ml.sources.parsing import bars_of
from tests.yahoo import XNYS

OPEN = int(XNYS.opens[np.searchsorted(XNYS.dates, np.datetime64("2024-03-13"))])
CLOSE = OPEN + 390 * 60


@dataclass
class Talk:
    """A websocket that gives messages in their order, and then nothing."""

    messages: list[object]
    sent: list[str] = field(default_factory=list)
    is_closed: bool = False

    def send(self, message: str) -> None:
        self.sent.append(message)

    def recv(self, timeout: float, decode: Literal[False]) -> bytes:
        del timeout, decode
        if not self.messages:
            raise TimeoutError
        return orjson.dumps(self.messages.pop(0))

    def close(self) -> None:
        self.is_closed = True


def bar(ts: int, close: float, kind: str = "b", symbol: str = "GOOGL") -> dict[str, object]:
    at = np.datetime64(ts, "s").item().strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"T": kind, "S": symbol, "t": at, "o": 10.0, "h": 12.0, "l": 9.0, "c": close, "v": 50, "n": 1, "vw": 10.0}


def stream(*messages: object, now: float = OPEN + 300.0) -> AlpacaStream:
    return AlpacaStream(Talk(list(messages)), "ws://x", frozenset({"GOOGL", "AAPL"}), XNYS, now=lambda: now)


def pushed(found: AlpacaStream) -> list[list[Bar]]:
    return [bars_of(each, "start", XNYS) for each in found.receive(1)]


def test_a_later_version_comes_at_once_and_again_with_the_next_bar() -> None:
    found = stream([bar(OPEN, 10.0)], [bar(OPEN, 10.5, "u")], [bar(OPEN + 60, 11.0)], [bar(OPEN + 120, 11.5)])
    closes = [[each.close for each in pushed(found)[0]] for _ in range(4)]
    assert closes == [[10.0], [10.5], [10.5, 11.0], [11.0, 11.5]]


def test_a_late_bar_stands_before_the_ones_after_it() -> None:
    found = stream([bar(OPEN + 60, 11.0)], [bar(OPEN, 10.5, "u")])
    pushed(found)
    assert [each.close for each in pushed(found)[0]] == [10.5, 11.0]


def test_symbols_have_nothing_to_do_with_each_other() -> None:
    found = stream([bar(OPEN, 10.0), bar(OPEN, 11.0, symbol="AAPL"), bar(OPEN, 12.0, symbol="SPY")])
    assert [[(each.symbol, each.close) for each in bars] for bars in pushed(found)] == [
        [("GOOGL", 10.0)],
        [("AAPL", 11.0)],
    ]


def test_a_stamp_far_ahead_makes_no_final_bar() -> None:
    assert pushed(stream([bar(OPEN + 3600, 10.0)])) == [[]]


@pytest.mark.parametrize(
    ("since", "now", "expected"),
    [
        (OPEN + 60, OPEN + 200, 140),
        (OPEN - 7200, OPEN + 60, 60),
        (CLOSE - 60, CLOSE - 1, 59),
        (CLOSE - 600, CLOSE, 0),
        (OPEN - 7200, OPEN - 1, 0),
        (OPEN, OPEN + 3 * 86_400, 0),
    ],
)
def test_silence_is_counted_while_the_market_is_open(since: float, now: float, expected: float) -> None:
    assert open_seconds(since, now, XNYS) == expected


@given(st.floats(0, 90 * 86_400), st.floats(0, 5 * 86_400))
def test_silence_is_never_longer_than_the_time_that_went_by_nor_than_a_session(since: float, passed: float) -> None:
    silence = open_seconds(OPEN + since, OPEN + since + passed, XNYS)
    assert 0 <= silence <= min(passed, CLOSE - OPEN) + 1e-6


def test_a_holiday_is_no_silence() -> None:
    christmas = float(np.datetime64("2024-12-25T17:00", "s").astype(int))
    quiet = stream(now=christmas)
    quiet._bar_at = christmas - 86_400
    assert quiet.receive(1) == []


def test_the_reference_is_watched_where_a_free_plan_has_room() -> None:
    assert subscription(frozenset({"GOOGL"})) == ["GOOGL", "SPY"]
    full = frozenset(f"A{number}" for number in range(30))
    assert subscription(full) == sorted(full)


def test_a_symbol_that_is_not_accepted_is_named() -> None:
    found = stream(
        [{"T": "success", "msg": "connected"}],
        [{"T": "success", "msg": "authenticated"}],
        [{"T": "subscription", "bars": ["GOOGL", "SPY"], "updatedBars": []}],
    )
    with pytest.raises(errors.InvalidResponse, match="does not send bars of AAPL"):
        found.log_in("key", "secret")


@pytest.mark.parametrize("message", [{"T": "error"}, {"T": "error", "code": "406"}, {"T": "error", "code": 999}])
def test_a_refusal_that_is_not_known_is_an_invalid_response(message: dict[str, object]) -> None:
    assert type(refusal(message, "ws://x", 3)) is errors.InvalidResponse


def bar_with(volume: str) -> str:
    return f'{{"T":"b","S":"GOOGL","t":"2024-03-13T13:30:00Z", "o":1.10,"h":2,"l":1,"c":1.50,"v":{volume}}}'


def receiving(frame: str) -> AlpacaStream:
    found = stream()
    found.socket.recv = lambda timeout, decode: frame
    return found


@pytest.mark.parametrize("volume", ["1" + "0" * 30, "-0", "null", "1.50"])
def test_a_bar_is_passed_on_byte_for_byte(volume: str) -> None:
    [response] = receiving(f"[{bar_with(volume)}]").receive(1)
    assert bar_with(volume).encode() in response.body


@pytest.mark.parametrize("volume", ["1e999", '"\\ud800"', "NaN", "Infinity", "01"])
def test_what_is_no_json_ends_the_connection(volume: str) -> None:
    with pytest.raises(errors.InvalidResponse, match="no JSON array of messages"):
        receiving(f"[{bar_with(volume)}]").receive(1)


@pytest.mark.parametrize("accepted", [7, [["GOOGL"]], None, "AAPL", [None]])
def test_a_subscription_in_another_form_accepts_nothing(accepted: object) -> None:
    words = ({"T": "success"}, {"T": "success"}, {"T": "subscription", "bars": accepted})
    with pytest.raises(errors.InvalidResponse, match="does not send bars of"):
        stream(*([word] for word in words)).log_in("key", "secret")


@pytest.mark.parametrize("symbol", [["GOOGL"], {}, None, 7])
def test_a_bar_of_no_symbol_is_passed_over(symbol: object) -> None:
    assert stream([{"T": "b", "S": symbol}]).receive(1) == []


def test_an_error_closes_the_connection() -> None:
    found = stream([{"T": "error", "code": 500, "msg": "internal error"}])
    with pytest.raises(errors.ServerError):
        found.receive(1)
    assert isinstance(found.socket, Talk)
    assert found.socket.is_closed

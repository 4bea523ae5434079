from dataclasses import dataclass, field

import orjson
import pytest

from serving.polling import Poller
from stock_ml.bars import Bar, utc
from stock_ml.errors import BadKey, BadSymbol, PremiumEndpoint, SourceError, SourceUnavailable
from stock_ml.received import Received
from tests.unit.serving.streams import day, minute
from tests.walks import NYSE

BARS = {symbol: day(sessions=2, symbol=symbol) for symbol in ("GOOGL", "AAPL")}
SERIES = "Time Series (1min)"


def answer(symbol: str, month: str | None, bars: list[Bar], now: float) -> Received:
    series = {
        f"{pd_label(bar.ts)}": dict(
            zip(["1. open", "2. high", "3. low", "4. close", "5. volume"], map(str, bar[2:7]), strict=True)
        )
        for bar in bars
    }
    return Received("sandbox", symbol, month, {}, now, orjson.dumps({SERIES: series}), "application/json")


def pd_label(ts: int) -> str:
    return f"{utc(ts - 5 * 3600):%Y-%m-%d %H:%M:%S}"  # New York in winter


@dataclass
class Source:
    """Answer as a source does: the newest five bars and the one still forming, or a whole month."""

    name: str = "sandbox"
    now: float = 0.0
    errors: dict[str, SourceError] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def newest(self, symbol: str) -> Received:
        return self._answer(symbol, None, 6)

    def fetch(self, symbol: str, month: str) -> Received:
        return self._answer(symbol, month, 10_000)

    def _answer(self, symbol: str, month: str | None, count: int) -> Received:
        self.asked.append((symbol, month))
        if symbol in self.errors:
            raise self.errors[symbol]
        return answer(symbol, month, [bar for bar in BARS[symbol] if bar.ts <= self.now][-count:], self.now)


def poller(source: Source, newest: dict[str, int | None], pause: float = 0.0) -> Poller:
    made = Poller(source, "start", NYSE, pause)
    made.begin(newest)
    return made


def at(source: Source, now: float) -> float:
    source.now = now
    return now


def test_each_finished_bar_is_given_once_and_the_forming_one_not() -> None:
    source = Source()
    polled = poller(source, {"GOOGL": minute(3), "AAPL": minute(3)})
    assert polled.new_bars(at(source, minute(6) + 20)) == [BARS[s][i] for i in (4, 5) for s in ("AAPL", "GOOGL")]
    assert polled.new_bars(at(source, minute(6) + 50)) == []
    assert [bar.ts for bar in polled.new_bars(at(source, minute(7) + 1))] == [minute(6)] * 2


def test_the_source_is_not_asked_when_it_cannot_have_more() -> None:
    source = Source()
    polled = poller(source, {"GOOGL": None})
    polled.new_bars(at(source, minute(6)))
    polled.new_bars(at(source, minute(6) + 59))
    assert len(source.asked) == 1


def test_a_minute_that_the_source_lacks_is_asked_for_again_only_after_a_pause() -> None:
    source = Source(now=minute(5))
    polled = poller(source, {"GOOGL": minute(3)}, pause=60.0)
    polled.new_bars(minute(9))
    polled.new_bars(minute(9))
    assert len(source.asked) == 1


def test_at_first_it_begins_with_what_the_newest_answer_shows() -> None:
    source = Source()
    assert poller(source, {"GOOGL": None}).new_bars(at(source, minute(100))) == BARS["GOOGL"][95:100]


def test_bars_older_than_the_newest_answer_are_fetched_from_their_month() -> None:
    source = Source()
    polled = poller(source, {"GOOGL": minute(3)})
    assert polled.new_bars(at(source, minute(100))) == BARS["GOOGL"][4:100]
    assert source.asked == [("GOOGL", None), ("GOOGL", "2024-03")]


@pytest.mark.parametrize("refusal", [BadKey("no"), PremiumEndpoint("no")])
def test_a_key_that_is_refused_is_never_tried_again_and_named(refusal: SourceError) -> None:
    source = Source(errors={"AAPL": refusal})
    polled = poller(source, {"AAPL": None, "GOOGL": None})
    for _ in range(3):
        polled.new_bars(at(source, minute(6)))
    assert source.asked.count(("AAPL", None)) == 1
    assert polled.trouble == f"{type(refusal).__name__}: no"
    assert not polled.has_all_until(minute(6))


def test_an_unknown_symbol_stops_no_other_one() -> None:
    source = Source(errors={"AAPL": BadSymbol("what?")})
    polled = poller(source, {"AAPL": None, "GOOGL": None})
    assert len(polled.new_bars(at(source, minute(6)))) == 5
    assert len(polled.new_bars(at(source, minute(7)))) == 1
    assert source.asked.count(("AAPL", None)) == 1
    assert polled.has_all_until(minute(7))
    assert "BadSymbol" in str(polled.trouble)


def test_a_source_that_was_away_is_asked_again_and_no_bar_is_skipped() -> None:
    source = Source(errors={"GOOGL": SourceUnavailable("gone")})
    polled = poller(source, {"GOOGL": minute(3)})
    assert polled.new_bars(at(source, minute(5))) == []
    assert polled.trouble == "GOOGL: SourceUnavailable: gone"
    assert polled.new_bars(minute(5)) == []
    assert len(source.asked) == 1
    source.errors.clear()
    polled.symbols["GOOGL"].next_try = 0.0
    assert [bar.ts for bar in polled.new_bars(at(source, minute(6)))] == [minute(4), minute(5)]
    assert polled.trouble is None

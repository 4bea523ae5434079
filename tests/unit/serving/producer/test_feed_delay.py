"""A delayed stream: what is asked, published and learned, second by second of a simulated session."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.producer.bar_stream import BarStream
from serving.producer.feed_delay import SAMPLES, STEADY, LearnedDelay
from serving.producer.live import STANDSTILL, standstill
from serving.producer.recent_minutes import Recent
from stock_ml.domain.bars import MINUTE, Bar
from stock_ml.domain.calendar import sessions
from stock_ml.domain.gaps import longest_silence
from stock_ml.sources.delayed_feed import DelayedFeed
from stock_ml.sources.parsing import Response
from tests.hypothesis_budget import at_most
from tests.unit.serving.producer.test_bar_stream import BARS, Source, Wall, answer, bars_at
from tests.unit.serving.streams import minute
from tests.walks import NYSE

STEP = 5  # seconds between two turns of the producer
FIFTEEN = 15 * MINUTE


@dataclass
class Delayed(Source):
    """Show each bar `delay` seconds late, the one still forming included unless the feed leaves it out."""

    delay: int = FIFTEEN
    forms: bool = True

    def _answer(self, symbol: str, month: str | None, count: int) -> Response:
        self.asked.append((symbol, month))
        clock = self.now - self.delay
        shown = [bar for bar in BARS[symbol] if bar.ts + (0 if self.forms else MINUTE) <= clock]
        if shown and shown[-1].ts + MINUTE > clock:
            shown[-1] = forming(shown[-1], clock)
        return answer(symbol, month, shown[-count:], self.now)


def forming(bar: Bar, clock: float) -> Bar:
    part = (clock - bar.ts) / MINUTE
    return bar._replace(high=max(bar.open, bar.low), low=bar.low, close=bar.low, volume=float(int(bar.volume * part)))


@dataclass
class Run:
    """Run the producer's turns over a span of a session, and note when each bar was published."""

    source: Delayed
    stated: int = 0

    def __post_init__(self) -> None:
        self.wall = Wall()
        delayed = DelayedFeed(self.source, self.stated)
        self.stream = BarStream(delayed, "start", lambda _: NYSE, 10.0, wall=self.wall, feed_delay=self.stated)
        self.stream.restore({symbol: Recent(bars_at(symbol, minute(0))) for symbol in ("GOOGL", "AAPL")})
        self.bars: list[Bar] = []
        self.at: list[float] = []

    def over(self, first: int, last: int) -> "Run":
        """Run from one minute of the session to another."""
        for now in range(minute(first), minute(last), STEP):
            self.source.now, self.wall.now = float(now), float(now)
            new = self.stream.new_bars(now)
            self.bars += new
            self.at += [now - bar.ts - MINUTE for bar in new]
        return self

    def requests(self) -> int:
        return len([month for _, month in self.source.asked if month is None])


def test_of_a_delayed_feed_each_bar_is_final_and_asked_for_once_a_minute() -> None:
    run = Run(Delayed(), stated=FIFTEEN).over(17, 47)
    assert sorted(run.bars) == sorted(bar for symbol in ("GOOGL", "AAPL") for bar in BARS[symbol][1:31])
    assert run.requests() <= 2 * 31
    assert max(run.at[2:]) < FIFTEEN + 2 * STEP


def test_without_a_delay_nothing_is_learned_and_nothing_waits() -> None:
    run = Run(Delayed(delay=0)).over(2, 32)
    assert run.stream.delay("XNYS") == 0
    assert run.requests() <= 2 * 31
    assert max(run.at) < 2 * STEP


@pytest.mark.parametrize("forms", [True, False])
@pytest.mark.parametrize("delay", [FIFTEEN, 20 * MINUTE + 7])
def test_a_delay_that_nobody_stated_is_learned_and_no_bar_is_published_before_it_is_final(
    delay: int, forms: bool
) -> None:
    run = Run(Delayed(delay=delay, forms=forms)).over(25, 45)
    assert delay <= run.stream.delay("XNYS") <= delay + 2 * STEP
    run.bars, run.source.asked = [], []
    run.over(45, 65)
    assert {bar.symbol for bar in run.bars} == {"GOOGL", "AAPL"}
    assert set(run.bars) <= set(BARS["GOOGL"] + BARS["AAPL"])
    assert 38 <= len(run.bars) == len(set(run.bars))
    assert run.requests() <= 1.2 * 40


def test_a_delay_that_ends_or_begins_in_mid_session_is_followed() -> None:
    run = Run(Delayed()).over(25, 45)
    assert run.stream.delay("XNYS") >= FIFTEEN
    run.source.delay = 0
    run.over(45, 48)
    assert run.stream.delay("XNYS") == 0
    run.source.delay = FIFTEEN
    run.over(48, 75)
    assert FIFTEEN <= run.stream.delay("XNYS") <= FIFTEEN + 2 * STEP


def test_what_was_learned_before_a_restart_holds_until_a_bar_is_younger() -> None:
    run = Run(Delayed())
    run.stream.learned["XNYS"] = LearnedDelay(FIFTEEN)
    run.over(20, 50)
    assert set(run.bars) <= set(BARS["GOOGL"] + BARS["AAPL"])  # not one was still forming
    assert run.stream.delay("XNYS") == FIFTEEN


def test_a_feed_that_became_faster_overnight_is_followed_from_its_first_bars_on() -> None:
    run = Run(Delayed(delay=0))
    run.stream.learned["XNYS"] = LearnedDelay(FIFTEEN)
    run.over(1, 20)
    assert run.stream.delay("XNYS") == 0
    assert {bar.ts for bar in run.bars} == {minute(i) for i in range(1, 19)}


def test_a_feed_that_jumps_back_brings_nothing_again_and_goes_on() -> None:
    run = Run(Delayed(delay=0)).over(2, 60)
    published = list(run.bars)
    run.source.delay = 40 * MINUTE  # an old answer, from a cache say
    run.over(60, 62)
    assert run.bars == published
    run.source.delay = 0
    run.over(62, 70)
    assert len(set(run.bars)) == len(run.bars)
    assert {bar.ts for bar in run.bars if bar.symbol == "GOOGL"} == {minute(i) for i in range(1, 69)}


@at_most(25)
@given(st.lists(st.tuples(st.floats(0, 3000), st.booleans()), max_size=40))
def test_a_learned_delay_is_never_longer_than_the_newest_bars_say(samples: list[tuple[float, bool]]) -> None:
    learned = LearnedDelay()
    for number, (age, revised) in enumerate(samples, 1):
        learned.observe(minute(number), age, revised)
        recent = samples[max(number - SAMPLES, 0) : number]
        assert learned.seconds <= min(age for age, _ in recent) + MINUTE * any(changed for _, changed in recent)
        assert learned.seconds == 0 or learned.seconds >= MINUTE


def test_a_learned_delay_does_not_follow_each_second() -> None:
    learned = LearnedDelay()
    for number, age in enumerate([900.0] * SAMPLES + [900.0 + STEADY] * SAMPLES):
        learned.observe(minute(number), age, False)
    assert learned.seconds == 900


def test_a_hundred_symbols_that_respond_late_in_a_minute_are_no_delayed_feed() -> None:
    learned = LearnedDelay()
    for number in range(3 * SAMPLES):
        for second in range(100):
            learned.observe(minute(number), 15.0 + 0.6 * second, False)
        assert learned.seconds == 0


def test_a_feed_that_stands_still_is_named_while_its_market_is_open() -> None:
    newest = minute(20)
    assert standstill(minute(21 + STANDSTILL) - 1, newest, NYSE) is None
    said = standstill(minute(21 + STANDSTILL), newest, NYSE)
    assert said == f"XNYS: no new bar of any symbol for {STANDSTILL} min while the market is open"
    assert standstill(minute(400), newest, NYSE) is None
    assert standstill(minute(3), minute(0) - 63_060, NYSE) is None  # the last bar of the session before
    assert "for 6 min" in str(standstill(minute(6), minute(0) - 63_060, NYSE))
    assert standstill(minute(100), 0, NYSE) is None


def test_in_a_lunch_break_no_feed_stands_still() -> None:
    hong_kong = sessions("XHKG")
    noon = 1_709_265_600  # 2024-03-01 12:00 in Hong Kong, when the break begins
    assert standstill(noon + 30 * MINUTE, noon - MINUTE, hong_kong) is None
    assert standstill(noon + 64 * MINUTE, noon - MINUTE, hong_kong) is None
    assert "for 5 min" in str(standstill(noon + 65 * MINUTE, noon - MINUTE, hong_kong))


def test_symbols_that_trade_seldom_are_no_feed_that_stands_still() -> None:
    stream = BarStream(Source(), "start", lambda _: NYSE, 10.0, wall=Wall())
    stream.restore(
        {
            "GOOGL": Recent(bars_at("GOOGL", *(minute(i) for i in range(0, 300, 5)))),
            "AAPL": Recent(bars_at("AAPL", minute(0), minute(7))),
        }
    )
    assert stream.trade_share(NYSE) == 61 / 296
    assert stream.trade_share(sessions("XLON")) == 1.0
    longest = longest_silence(stream.trade_share(NYSE), STANDSTILL)
    assert standstill(minute(295 + 60), minute(295), NYSE) is not None
    assert standstill(minute(295 + 60), minute(295), NYSE, longest) is None
    assert standstill(minute(295 + 90), minute(295), NYSE, longest) is not None

from collections import Counter
from dataclasses import dataclass, field, replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.producer.bar_stream import REFUSED_PAUSE, BarStream
from serving.producer.feed_delay import LearnedDelay
from serving.producer.live import clock_fault, in_order
from serving.producer.recent_minutes import Recent
from stock_ml.domain.bars import Bar, utc
from stock_ml.domain.calendar import sessions
from stock_ml.domain.official_close import OfficialClose
from stock_ml.errors import BadKey, BadSymbol, PremiumEndpoint, SourceError, SourceUnavailable
from stock_ml.sources.parsing import Response
from tests.hypothesis_budget import at_most
from tests.unit.serving.streams import day, minute
from tests.walks import NYSE

BARS = {symbol: day(sessions=2, symbol=symbol) for symbol in ("GOOGL", "AAPL")}
SERIES = "Time Series (1min)"


def answer(symbol: str, month: str | None, bars: list[Bar], now: float) -> Response:
    series = {
        f"{pd_label(bar.ts)}": dict(
            zip(["1. open", "2. high", "3. low", "4. close", "5. volume"], map(str, bar[2:7]), strict=True)
        )
        for bar in bars
    }
    return Response("sandbox", symbol, month, {}, now, orjson.dumps({SERIES: series}), "application/json")


def pd_label(ts: int) -> str:
    return f"{utc(ts - 5 * 3600):%Y-%m-%d %H:%M:%S}"  # New York in winter


def auction(symbol: str, ts: int, volume: float) -> Bar:
    price = next(bar.close for bar in reversed(BARS[symbol]) if bar.ts < ts)
    return Bar(symbol, ts, price, price, price, price, volume, "sandbox")


@dataclass
class Source:
    """Answer as a source does: the newest five bars and the one still forming, or a whole month."""

    name: str = "sandbox"
    now: float = 0.0
    hidden: set[int] = field(default_factory=set)  # minutes that it does not show yet
    volumes: dict[int, float] = field(default_factory=dict)  # of minutes whose bars it shows otherwise
    errors: dict[str, SourceError] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    auctions: dict[int, float] = field(default_factory=dict)  # volume of rows at closes
    rows: int = 6

    def newest(self, symbol: str) -> Response:
        return self._answer(symbol, None, self.rows)

    def fetch(self, symbol: str, month: str) -> Response:
        return self._answer(symbol, month, 10_000)

    def _answer(self, symbol: str, month: str | None, count: int) -> Response:
        self.asked.append((symbol, month))
        if symbol in self.errors:
            raise self.errors[symbol]
        bars = sorted([*BARS[symbol], *(auction(symbol, ts, v) for ts, v in self.auctions.items())], key=lambda b: b.ts)
        shown = [bar for bar in bars if bar.ts <= self.now and bar.ts not in self.hidden]
        shown = [bar._replace(volume=self.volumes.get(bar.ts, bar.volume)) for bar in shown]
        return answer(symbol, month, shown[-count:], self.now)


@dataclass
class Wall:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def stream(source: Source, newest: dict[str, int | None], pause: float = 0.0, wall: Wall | None = None) -> BarStream:
    made = BarStream(source, "start", lambda _: NYSE, pause, wall=wall or Wall())
    made.restore({symbol: Recent([] if ts is None else bars_at(symbol, ts)) for symbol, ts in newest.items()})
    return made


def bars_at(symbol: str, *minutes: int) -> list[Bar]:
    """Return a symbol's bars as the source shows them, also at times without one."""
    shown = {bar.ts: bar for bar in BARS.get(symbol, BARS["GOOGL"])}
    return [shown.get(ts, BARS["GOOGL"][0])._replace(symbol=symbol, ts=ts) for ts in minutes]


def at(source: Source, now: float) -> float:
    source.now = now
    return now


def test_each_finished_bar_is_given_once_and_the_forming_one_not() -> None:
    source = Source()
    polled = stream(source, {"GOOGL": minute(3), "AAPL": minute(3)})
    assert polled.new_bars(at(source, minute(6) + 20)) == [BARS[s][i] for i in (4, 5) for s in ("AAPL", "GOOGL")]
    assert polled.new_bars(at(source, minute(6) + 50)) == []
    assert [bar.ts for bar in polled.new_bars(at(source, minute(7) + 1))] == [minute(6)] * 2


def test_nothing_is_requested_when_the_source_cannot_have_more() -> None:
    source = Source()
    polled = stream(source, {"GOOGL": None})
    polled.new_bars(at(source, minute(6)))
    polled.new_bars(at(source, minute(6) + 59))
    assert len(source.asked) == 1


def test_a_minute_that_the_source_lacks_is_requested_again_only_after_a_pause() -> None:
    source = Source(now=minute(5))
    polled = stream(source, {"GOOGL": minute(3)}, pause=60.0)
    polled.new_bars(minute(9))
    polled.new_bars(minute(9))
    assert len(source.asked) == 1


def test_at_first_it_begins_with_what_the_newest_answer_shows() -> None:
    source = Source()
    assert stream(source, {"GOOGL": None}).new_bars(at(source, minute(100))) == BARS["GOOGL"][95:100]


def test_a_bar_that_is_shown_late_is_published_then_and_no_other_one_again() -> None:
    source = Source(hidden={minute(5)})
    polled = stream(source, {"GOOGL": minute(3)})
    assert [bar.ts for bar in polled.new_bars(at(source, minute(7)))] == [minute(4), minute(6)]
    source.hidden.clear()
    assert [bar.ts for bar in polled.new_bars(at(source, minute(8)))] == [minute(5), minute(7)]
    assert [bar.ts for bar in polled.new_bars(at(source, minute(9)))] == [minute(8)]


def test_after_a_restart_a_bar_shown_late_is_known_from_what_was_published() -> None:
    source = Source(now=minute(9))
    polled = stream(source, {"GOOGL": None})
    polled.restore({"GOOGL": Recent(bars_at("GOOGL", minute(3), minute(4), minute(5), minute(7)))})
    assert [bar.ts for bar in polled.new_bars(minute(9))] == [minute(6), minute(8)]


def test_bars_before_the_first_one_published_are_not_late_ones() -> None:
    source = Source()
    assert [bar.ts for bar in stream(source, {"GOOGL": minute(6)}).new_bars(at(source, minute(9)))] == [
        minute(7),
        minute(8),
    ]


def test_a_bar_that_the_source_shows_otherwise_is_published_again_with_the_number_of_its_revision() -> None:
    source, bars = Source(), BARS["GOOGL"]
    polled = stream(source, {"GOOGL": minute(3)})
    assert polled.new_bars(at(source, minute(6))) == bars[4:6]
    source.volumes = {minute(5): 7.0}
    again = bars[5]._replace(volume=7.0, revision=1)
    assert polled.new_bars(at(source, minute(7))) == [again, bars[6]]
    source.volumes = {}
    assert polled.new_bars(at(source, minute(8))) == [bars[5]._replace(revision=2), bars[7]]
    polled.restore({"GOOGL": Recent([*bars[3:8], again])})  # the last message was lost
    assert polled.new_bars(at(source, minute(9))) == [bars[5]._replace(revision=2), bars[8]]
    assert polled.new_bars(at(source, minute(10))) == [bars[9]]


def test_an_old_response_and_another_scale_of_an_earlier_session_are_no_corrections() -> None:
    source, bars = Source(), BARS["GOOGL"]
    polled = stream(source, {"GOOGL": minute(3)})
    polled.new_bars(at(source, minute(7)))
    source.volumes = {minute(5): 7.0}
    source.hidden = {minute(6), minute(7)}
    assert polled.new_bars(at(source, minute(8))) == []
    source.hidden = set()
    assert polled.new_bars(at(source, minute(9)))[0] == bars[5]._replace(volume=7.0, revision=1)
    over_night = stream(source, {"GOOGL": minute(386)})
    assert over_night.new_bars(at(source, minute(390))) == bars[387:390]
    source.volumes = {bar.ts: 7.0 for bar in bars[385:391]}
    adjusted = [bar._replace(volume=7.0) for bar in bars[390:391]]
    assert over_night.new_bars(at(source, bars[391].ts)) == adjusted


@at_most(25)
@given(st.lists(st.tuples(st.sets(st.integers(0, 60)), st.booleans()), min_size=1, max_size=20))
def test_whatever_is_shown_when_and_restarted_each_bar_is_published_once(
    turns: list[tuple[set[int], bool]],
) -> None:
    source, wall, published = Source(), Wall(), [BARS["GOOGL"][0]]
    polled = stream(source, {"GOOGL": published[0].ts}, wall=wall)
    for number, (hidden, restarted) in enumerate(turns):
        wall.now += 60.0  # an answer without any bar is an error, after which it waits
        if restarted:
            polled.restore({"GOOGL": Recent(published)})
        source.hidden = {minute(i) for i in hidden}
        published += polled.new_bars(at(source, minute(2 + 3 * number)))
    source.hidden, wall.now = set(), wall.now + 60.0
    published += polled.new_bars(at(source, minute(2 + 3 * len(turns))))
    assert len(set(published)) == len(published)
    assert set(BARS["GOOGL"][: 2 + 3 * len(turns)][-5:]) <= set(published)


def test_bars_older_than_the_newest_answer_are_fetched_from_their_month() -> None:
    source = Source()
    polled = stream(source, {"GOOGL": minute(3)})
    assert polled.new_bars(at(source, minute(100))) == BARS["GOOGL"][4:100]
    assert source.asked == [("GOOGL", None), ("GOOGL", "2024-03")]


@pytest.mark.parametrize("refusal", [BadKey("no"), PremiumEndpoint("no")])
def test_a_key_that_is_refused_is_named_and_tried_again_after_minutes_that_become_an_hour(refusal: SourceError) -> None:
    source, wall = Source(errors={"AAPL": refusal, "GOOGL": refusal}), Wall()
    polled = stream(source, {"AAPL": None, "GOOGL": None}, wall=wall)
    asked_at: list[float] = []
    for minutes in range(4 * 60):
        wall.now = 60.0 * minutes
        before = len(source.asked)
        polled.new_bars(at(source, minute(6)))
        asked_at += [minutes] * (len(source.asked) - before)
        assert not polled.has_all_until(minute(6), minute(6), NYSE)
    assert asked_at == [0, 5, 15, 35, 75, 135, 195]
    assert polled.fault == f"{type(refusal).__name__}: no"


@pytest.mark.parametrize("refusal", [BadKey("no"), PremiumEndpoint("no")])
def test_after_one_stray_refusal_of_the_key_all_symbols_go_on_and_no_bar_is_skipped(refusal: SourceError) -> None:
    source, wall = Source(errors={"AAPL": refusal}), Wall()
    polled = stream(source, {"AAPL": minute(3), "GOOGL": minute(3)}, wall=wall)
    given = polled.new_bars(at(source, minute(5)))
    source.errors.clear()
    for number, seconds in enumerate((REFUSED_PAUSE - 1, REFUSED_PAUSE)):
        wall.now = seconds
        given += polled.new_bars(at(source, minute(8 + number)))
        assert (polled.fault is None) == (seconds == REFUSED_PAUSE)
    assert sorted(bar.ts for bar in given if bar.symbol == "AAPL") == [minute(i) for i in range(4, 9)]
    source.errors["AAPL"] = refusal
    polled.new_bars(at(source, minute(10)))
    source.errors.clear()
    wall.now += REFUSED_PAUSE  # the key was accepted meanwhile: the pause is the first one again
    assert polled.new_bars(at(source, minute(11))) != []


def test_an_unknown_symbol_stops_no_other_one() -> None:
    source = Source(errors={"AAPL": BadSymbol("what?")})
    polled = stream(source, {"AAPL": None, "GOOGL": None})
    assert len(polled.new_bars(at(source, minute(6)))) == 5
    assert len(polled.new_bars(at(source, minute(7)))) == 1
    assert source.asked.count(("AAPL", None)) == 1
    assert polled.has_all_until(minute(7), minute(7), NYSE)
    assert polled.fault == "AAPL: BadSymbol: what?; it is asked for again in 1 min"


def test_an_unknown_symbol_is_requested_again_after_minutes_that_become_an_hour_and_goes_on_when_it_is_known() -> None:
    source, wall = Source(errors={"AAPL": BadSymbol("what?")}), Wall()
    polled = stream(source, {"AAPL": None, "GOOGL": None}, wall=wall)
    asked_at: list[float] = []
    for number in range(300):
        wall.now = 60.0 * number
        before = source.asked.count(("AAPL", None))
        polled.new_bars(at(source, minute(6 + number)))
        asked_at += [number] * (source.asked.count(("AAPL", None)) - before)
    assert asked_at == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]
    assert source.asked.count(("GOOGL", None)) == 300
    assert "it is asked for again in 60 min" in str(polled.fault)
    source.errors.clear()
    wall.now = 303 * 60.0
    known = [bar.ts for bar in polled.new_bars(at(source, minute(320))) if bar.symbol == "AAPL"]
    assert known == [minute(i) for i in range(315, 320)]
    assert polled.fault is None
    assert polled.has_all_until(minute(320), minute(320), NYSE)


def test_one_mistaken_word_about_a_symbol_with_bars_does_not_end_it_and_its_session_waits() -> None:
    source, wall = Source(errors={"AAPL": BadSymbol("no data found, symbol may be delisted")}), Wall()
    polled = stream(source, {"AAPL": minute(3), "GOOGL": minute(3)}, wall=wall)
    given = polled.new_bars(at(source, minute(6)))
    assert not polled.has_all_until(minute(6), minute(6), NYSE)
    source.errors.clear()
    wall.now = 60.0
    given += polled.new_bars(at(source, minute(7)))
    assert [bar.ts for bar in given if bar.symbol == "AAPL"] == [minute(i) for i in range(4, 7)]
    assert polled.has_all_until(minute(7), minute(7), NYSE)


def test_a_session_closes_without_a_symbol_that_is_refused_again_and_again() -> None:
    source, wall = Source(errors={"AAPL": BadSymbol("delisted")}), Wall()
    polled = stream(source, {"AAPL": minute(3), "GOOGL": minute(3)}, wall=wall)
    closes = []
    for number in range(8):
        wall.now = 60.0 * number
        polled.new_bars(at(source, minute(6 + number)))
        closes.append(polled.has_all_until(minute(6), minute(6), NYSE))
    assert closes == [False] * 3 + [True] * 5


def test_a_source_that_was_unavailable_is_requested_again_and_no_bar_is_skipped() -> None:
    source, wall = Source(errors={"GOOGL": SourceUnavailable("gone")}), Wall()
    polled = stream(source, {"GOOGL": minute(3)}, wall=wall)
    assert polled.new_bars(at(source, minute(5))) == []
    assert polled.fault == "GOOGL: SourceUnavailable: gone"
    assert polled.new_bars(minute(5)) == []
    assert len(source.asked) == 1
    source.errors.clear()
    wall.now = 60.0
    assert [bar.ts for bar in polled.new_bars(at(source, minute(6)))] == [minute(4), minute(5)]
    assert polled.fault is None


def test_each_symbol_is_requested_in_the_sessions_of_its_own_exchange() -> None:
    london = sessions("XLON")
    source, newest = Source(), dict.fromkeys(("GOOGL", "VOD"), minute(0) - 86_400)
    source.errors = dict.fromkeys(newest, SourceUnavailable("away"))
    polled = stream(source, newest)
    polled.sessions = {"GOOGL": NYSE, "VOD": london}.__getitem__
    first = {"GOOGL": minute(0) - 20 * 3600, "VOD": minute(0) - 86_400 - 3600}
    polled.restore({symbol: Recent(bars_at(symbol, ts)) for symbol, ts in first.items()})
    (last,) = bars_at("GOOGL", int(NYSE.closes[NYSE.upcoming(minute(0)) - 1]) - 60)
    for known in polled.symbols.values():
        known.responded_at = minute(0) - 86_400 * 0.7  # 21:42 UTC, after both had closed
    polled.symbols["GOOGL"].published.add(last)
    polled.symbols["VOD"].published.add(*bars_at("VOD", int(london.closes[london.upcoming(minute(0)) - 1]) - 60))
    polled.new_bars(at(source, minute(0) - 3600))  # 13:30 UTC: London trades, New York does not
    assert source.asked == [("VOD", None)]
    polled.symbols["VOD"].responded_at = minute(0)
    assert polled.has_all_until(minute(0), minute(0), london)
    assert not polled.has_all_until(minute(0), minute(0), NYSE)


def test_a_session_waits_for_its_bars_whoever_loaded_the_calendar() -> None:
    """Calendars are loaded anew where there are many of them: one exchange's are not always one object."""
    polled = stream(Source(), {"GOOGL": minute(3)})
    polled.sessions = lambda _: replace(NYSE)
    assert not polled.has_all_until(minute(6), minute(6), replace(NYSE))
    polled.symbols["GOOGL"].responded_at = minute(6)
    assert polled.has_all_until(minute(6), minute(6), replace(NYSE))


def test_bars_after_a_closure_at_short_notice_are_not_published() -> None:
    closed = sessions("XNYS", ("XNYS:2024-03-01T09:34",))
    source = Source()
    polled = stream(source, {"GOOGL": None})
    polled.sessions = lambda _: closed
    assert [bar.ts for bar in polled.new_bars(at(source, minute(6)))] == [minute(i) for i in range(1, 4)]


def test_where_requests_have_to_wait_every_symbol_has_its_turn_and_bars_are_published_meanwhile() -> None:
    symbols = [f"S{number}" for number in range(10)]
    wall, source = Wall(), Source()
    BARS.update({symbol: day(sessions=1, symbol=symbol) for symbol in symbols})
    polled = stream(source, dict.fromkeys(symbols, minute(0)), wall=wall)

    def slow(symbol: str) -> Response:
        wall.now += 0.8  # its moment in the budget of requests
        return Source.newest(source, symbol)

    source.newest = slow  # type: ignore[method-assign]  # a source with a budget
    turns = [len({bar.symbol for bar in polled.new_bars(at(source, minute(5)))}) for _ in range(5)]
    assert turns == [2, 2, 2, 2, 2]
    assert not polled.has_more
    polled.new_bars(at(source, minute(6)))
    assert polled.has_more
    for number in range(7, 40):
        polled.new_bars(at(source, minute(number)))
    counts = Counter(symbol for symbol, _ in source.asked)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_after_a_clock_was_set_back_no_bar_is_skipped_and_none_comes_twice() -> None:
    source = Source()
    polled = stream(source, {"GOOGL": minute(0)})
    given = polled.new_bars(at(source, minute(5)))
    assert polled.newest == minute(4)
    assert polled.new_bars(at(source, minute(5) - 3600)) == []
    assert "was it set back?" in str(clock_fault(minute(5) - 3600, polled.newest))
    assert clock_fault(minute(5), polled.newest) is None
    given += polled.new_bars(at(source, minute(9)))
    assert [bar.ts for bar in given] == [minute(i) for i in range(1, 9)]


def test_a_session_is_whole_when_its_last_minute_was_published_though_nothing_was_requested_since() -> None:
    polled = stream(Source(), {"GOOGL": minute(388)})
    close, settled = minute(390), minute(395)
    polled.symbols["GOOGL"].responded_at = close + 1
    assert not polled.has_all_until(close, settled, NYSE)
    polled.symbols["GOOGL"].published.add(BARS["GOOGL"][389])
    assert polled.has_all_until(close, settled, NYSE)


CLOSE, MONDAY = minute(390), minute(0) + 3 * 86_400


def closes_of(source: Source) -> list[OfficialClose]:
    return [
        OfficialClose("GOOGL", ts, auction("GOOGL", ts, v).close, v, "sandbox") for ts, v in source.auctions.items()
    ]


def test_an_official_close_is_published_once_also_after_a_restart() -> None:
    source = Source(auctions={CLOSE: 0.0}, rows=100)
    polled = stream(source, {"GOOGL": minute(387)})
    polled.new_bars(at(source, CLOSE + 10))
    assert polled.take_official_closes() == []  # its minute is not over
    assert [bar.ts for bar in polled.new_bars(at(source, MONDAY + 60))] == [MONDAY]
    assert polled.take_official_closes() == closes_of(source)
    polled.new_bars(at(source, MONDAY + 120))
    assert polled.take_official_closes() == []
    restarted = stream(source, {"GOOGL": None})
    published = Recent(BARS["GOOGL"][300:390])
    published.add_close(closes_of(source)[0])
    restarted.restore({"GOOGL": published})
    assert [bar.ts for bar in restarted.new_bars(at(source, MONDAY + 60))] == [MONDAY]
    assert restarted.take_official_closes() == []


def test_a_session_is_whole_without_its_official_close_and_that_is_asked_for_the_same_evening() -> None:
    source = Source(auctions={CLOSE: 5e9}, rows=100)
    polled = stream(source, {"GOOGL": minute(387)})
    polled.symbols["GOOGL"].published.add_close(closes_of(source)[0]._replace(ts=CLOSE - 86_400))
    polled.new_bars(at(source, CLOSE + 10))
    assert polled.has_all_until(CLOSE, CLOSE, NYSE)
    assert polled.new_bars(at(source, CLOSE + 59)) == []
    assert len(source.asked) == 1
    assert polled.new_bars(at(source, CLOSE + 60)) == []
    assert polled.take_official_closes() == closes_of(source)
    source.auctions = {CLOSE: 6e9}
    polled.new_bars(at(source, CLOSE + 3600))  # it may have been corrected, and it was
    assert polled.take_official_closes() == closes_of(source)
    polled.new_bars(at(source, CLOSE + 7200))
    assert len(source.asked) == 3


def test_a_response_that_ends_with_the_newest_bar_corrects_nothing_as_it_may_be_old() -> None:
    source = Source(hidden={minute(8)})
    polled = stream(source, {"GOOGL": minute(5)})
    assert [bar.ts for bar in polled.new_bars(at(source, minute(8)))] == [minute(6), minute(7)]
    source.volumes = {minute(7): 1.0}
    assert polled.new_bars(at(source, minute(9))) == []
    source.hidden = set()
    assert [(bar.ts, bar.revision) for bar in polled.new_bars(at(source, minute(9) + 20))] == [
        (minute(7), 1),
        (minute(8), 0),
    ]


def test_official_closes_of_sessions_missed_are_published_with_their_months_bars() -> None:
    source = Source(auctions={CLOSE: 0.0}, rows=10)
    polled = stream(source, {"GOOGL": minute(100)})
    bars = polled.new_bars(at(source, MONDAY + 100 * 60))
    assert bars == BARS["GOOGL"][101:490]
    assert in_order(bars, closes := polled.take_official_closes())[288:291] == [
        BARS["GOOGL"][389],
        *closes_of(source),
        BARS["GOOGL"][390],
    ]
    assert closes == closes_of(source)


def test_at_first_official_closes_are_published_from_the_first_bar_on() -> None:
    source = Source(auctions={CLOSE: 0.0}, rows=100)
    polled = stream(source, {"GOOGL": None})
    assert polled.new_bars(at(source, MONDAY + 600))[0].ts == minute(302)
    assert polled.take_official_closes() == closes_of(source)


def test_of_a_delayed_feed_the_official_close_waits_until_it_is_over_there() -> None:
    source = Source(auctions={CLOSE: 0.0}, rows=100)
    polled = stream(source, {"GOOGL": minute(387)})
    polled.learned["XNYS"] = LearnedDelay(600)
    polled.symbols["GOOGL"].published.add_close(closes_of(source)[0]._replace(ts=CLOSE - 86_400))
    polled.new_bars(at(source, CLOSE + 590))
    assert polled.take_official_closes() == []
    polled.new_bars(at(source, CLOSE + 660))
    assert polled.take_official_closes() == closes_of(source)

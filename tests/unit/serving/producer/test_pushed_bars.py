"""A source that pushes: what is published at once, what is requested, and that nothing is lost or comes twice."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from serving.producer.bar_stream import PATIENCE, PUSHED_PAUSE, SILENT, BarStream
from serving.producer.recent_minutes import SESSION, Recent
from serving.producer.schedule import unsettled_session
from stock_ml.domain.bars import MINUTE, Bar
from stock_ml.errors import SourceUnavailable
from stock_ml.sources.parsing import Response
from tests.hypothesis_budget import at_most
from tests.unit.serving.producer.test_bar_stream import BARS, Source, Wall, answer, at, bars_at
from tests.unit.serving.streams import minute
from tests.walks import NYSE

GOOGL = BARS["GOOGL"]
CLOSE = minute(390)


def stream(source: Source, newest: int, *symbols: str, settled_after: int = 0) -> BarStream:
    made = BarStream(source, "start", lambda _: NYSE, 0.0, wall=Wall(), settled_after=settled_after)
    window = SESSION if settled_after else 100
    made.restore({symbol: Recent(bars_at(symbol, newest), window) for symbol in symbols or ("GOOGL",)})
    made.pushing = True
    return made


def push(bar: Bar, after: float = 0.2) -> Response:
    return answer(bar.symbol, None, [bar], bar.ts + MINUTE + after)


def in_step(source: Source, newest: int, *symbols: str) -> BarStream:
    """Return a stream whose connection has missed nothing."""
    made = stream(source, newest, *symbols)
    made.connected()
    assert made.new_bars(at(source, newest + MINUTE)) == []
    source.asked.clear()
    made.wall.now += PUSHED_PAUSE  # type: ignore[attr-defined]
    return made


def test_a_pushed_bar_is_published_at_once_and_nothing_is_requested():
    source = Source()
    pushed = in_step(source, minute(3))
    for number in range(4, 20):
        assert pushed.new_bars(at(source, minute(number + 1))) == []
        assert pushed.pushed(push(GOOGL[number])) == [GOOGL[number]]
    assert source.asked == []


def test_a_bar_that_is_pushed_again_is_a_correction_where_it_differs():
    pushed = in_step(Source(), minute(3))
    pushed.pushed(push(GOOGL[4]))
    assert pushed.pushed(push(GOOGL[4], 30.0)) == []
    revised = GOOGL[4]._replace(volume=GOOGL[4].volume + 1)
    assert pushed.pushed(push(revised, 31.0)) == [revised._replace(revision=1)]


def test_a_bar_that_still_forms_and_one_of_another_symbol_bring_nothing():
    pushed = in_step(Source(), minute(3))
    assert pushed.pushed(push(GOOGL[4], -20.0)) == []
    assert pushed.pushed(push(BARS["AAPL"][4])) == []


def test_a_bar_that_is_not_pushed_is_requested_after_a_while_and_then_once_a_minute():
    source = Source()
    pushed = in_step(source, minute(3))
    assert pushed.new_bars(at(source, minute(5) + PATIENCE - 1)) == []
    assert source.asked == []
    source.hidden = {minute(4)}
    for seconds in range(60):
        pushed.new_bars(at(source, minute(5) + PATIENCE + seconds))
        pushed.wall.now += 1.0  # type: ignore[attr-defined]
    assert len(source.asked) == 60 / PUSHED_PAUSE
    source.hidden = set()
    assert pushed.new_bars(at(source, minute(6) + PATIENCE)) == GOOGL[4:6]


def test_a_symbol_without_a_trade_does_not_fetch_a_month():
    source = Source()
    pushed = in_step(source, minute(3))
    assert pushed.pushed(push(GOOGL[30])) == [GOOGL[30]]
    assert source.asked == []


def test_a_broken_push_is_told_and_its_bar_is_requested():
    source = Source()
    pushed = in_step(source, minute(3))
    assert pushed.pushed(Response("sandbox", "GOOGL", None, {}, minute(5), b"[garbage", "application/json")) == []
    assert "BadFile" in str(pushed.fault)
    pushed.wall.now += 60.0  # type: ignore[attr-defined]
    assert pushed.new_bars(at(source, minute(5))) == [GOOGL[4]]
    assert pushed.fault is None


def test_after_a_connection_is_made_anew_what_was_missed_is_requested_before_the_next_push():
    source = Source()
    pushed = in_step(source, minute(3))
    pushed.connected()
    assert pushed.pushed(push(GOOGL[8])) == []  # it would hide that minutes 4 to 7 are missing
    assert pushed.new_bars(at(source, minute(9) + 1)) == GOOGL[4:9]
    assert pushed.pushed(push(GOOGL[9])) == [GOOGL[9]]


def test_a_gap_longer_than_a_response_is_fetched_by_its_month():
    source = Source()
    pushed = in_step(source, minute(3))
    pushed.connected()
    assert pushed.new_bars(at(source, minute(200) + 1)) == GOOGL[4:200]


def test_a_connection_that_is_open_but_silent_is_noticed_and_costs_no_bar():
    source, given = Source(), list[Bar]()
    pushed = in_step(source, minute(3))
    for number in range(5, 5 + SILENT):
        assert not pushed.is_silent
        pushed.wall.now += 60.0  # type: ignore[attr-defined]
        given += pushed.new_bars(at(source, minute(number) + PATIENCE))
    assert given == GOOGL[4 : 4 + SILENT]
    assert pushed.is_silent
    pushed.connected()
    assert not pushed.is_silent


@dataclass
class World:
    """Let minutes pass by a connection that drops and a service that fails, and note what is published."""

    source: Source = field(default_factory=Source)
    published: list[Bar] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stream = stream(self.source, minute(0))
        self.stream.pushing = False

    def pass_minute(self, number: int, connected: bool, fails: bool) -> None:
        self.source.errors = {"GOOGL": SourceUnavailable("down")} if fails else {}
        if connected and not self.stream.pushing:
            self.stream.connected()
        self.stream.pushing = connected
        self.ask(minute(number) + 1)
        if connected:
            self.published += self.stream.pushed(push(GOOGL[number]))
        self.ask(minute(number + 1) + PATIENCE + 5)

    def ask(self, now: float) -> None:
        self.stream.wall.now += 30.0  # type: ignore[attr-defined]
        self.published += self.stream.new_bars(at(self.source, now))


@at_most(50)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_however_connection_and_service_fail_each_bar_is_published_once(minutes):
    world = World()
    for number, (connected, fails) in enumerate(minutes, 1):
        world.pass_minute(number, connected, fails)
    for number in range(len(minutes) + 1, len(minutes) + 6):
        world.pass_minute(number, connected=True, fails=False)
    assert sorted(world.published) == GOOGL[1 : len(minutes) + 6]


def test_the_settled_bars_of_a_session_replace_the_live_ones_and_add_what_those_lacked():
    source = Source()
    made = stream(source, minute(388), settled_after=960)
    made.restore({"GOOGL": Recent([bar for bar in GOOGL[:390] if bar.ts != minute(7)], SESSION)})
    source.volumes = {minute(5): 7.0}
    assert made.settled_bars(at(source, CLOSE + 959)) == []
    assert made.settled_bars(at(source, CLOSE + 960)) == [GOOGL[5]._replace(volume=7.0, revision=1), GOOGL[7]]
    assert made.settled_bars(at(source, CLOSE + 1500)) == []
    assert source.asked == [("GOOGL", "2024-03")]


def test_settled_bars_that_cannot_be_had_are_asked_for_again():
    source = Source(errors={"GOOGL": SourceUnavailable("down")})
    made = stream(source, minute(389), settled_after=960)
    assert made.settled_bars(at(source, CLOSE + 960)) == []
    assert "down" in str(made.fault)
    source.errors.clear()
    assert made.settled_bars(at(source, CLOSE + 961)) == []
    assert source.asked == [("GOOGL", "2024-03")]
    made.wall.now += 60.0  # type: ignore[attr-defined]
    made.settled_bars(at(source, CLOSE + 1020))
    assert made.fault is None
    assert len(source.asked) == 2


def test_a_session_of_which_nothing_was_published_is_not_settled():
    number = NYSE.ended(CLOSE) - 1
    assert unsettled_session(0, minute(389), CLOSE, NYSE) == number
    assert unsettled_session(0, minute(389), CLOSE - 1, NYSE) is None
    assert unsettled_session(0, CLOSE + 3 * 86_400, CLOSE, NYSE) is None
    assert unsettled_session(CLOSE, minute(389), CLOSE, NYSE) is None
    assert unsettled_session(0, minute(0) - 60, CLOSE, NYSE) is None
    assert unsettled_session(0, None, CLOSE, NYSE) is None

import numpy as np
import pytest

from serving.producer import schedule
from stock_ml.domain.calendar import sessions
from tests.unit.serving.streams import day, minute
from tests.walks import NYSE

BARS = day(sessions=3)


def test_the_last_finished_minute_is_known_a_minute_after_its_open() -> None:
    assert schedule.last_finished(minute(10) + 59.9, NYSE) == minute(9)
    assert schedule.last_finished(minute(11), NYSE) == minute(10)
    assert schedule.last_finished(minute(391) + 5, NYSE) == minute(389)
    assert schedule.last_finished(minute(0) + 30, NYSE) == minute(0) - 60 - (17 * 60 + 30) * 60


@pytest.mark.parametrize(
    ("newest", "answered_at", "now", "due"),
    [
        (None, None, minute(5), True),
        (minute(3), minute(4), minute(5), True),
        (minute(4), minute(5), minute(5) + 30, False),
        (minute(388), minute(390), minute(400), True),
        (minute(388), minute(420), minute(600), False),
        (minute(389), minute(390), minute(600), False),
    ],
)
def test_a_request_is_due_while_the_source_may_have_a_newer_bar(
    newest: int | None, answered_at: float | None, now: float, due: bool
) -> None:
    assert schedule.is_due(newest, answered_at, now, NYSE) is due


def test_publishing_begins_with_the_newest_session_and_the_one_before() -> None:
    begun = schedule.first_to_publish(BARS, NYSE)
    assert begun == BARS[390:]
    assert schedule.first_to_publish(begun[300:], NYSE) == begun[300:]
    assert schedule.first_to_publish([], NYSE) == []


def test_a_hole_is_only_where_trading_minutes_are_missing() -> None:
    assert not schedule.leaves_gap(BARS[389].ts, BARS[390:], NYSE)
    assert not schedule.leaves_gap(BARS[10].ts, BARS[5:], NYSE)
    assert schedule.leaves_gap(BARS[10].ts, BARS[12:], NYSE)
    assert not schedule.leaves_gap(BARS[10].ts, [], NYSE)


def test_months_between_are_those_of_the_sessions() -> None:
    assert schedule.months_between(minute(-400), minute(3), NYSE) == ["2024-03"]
    assert schedule.months_between(minute(-2000), minute(3), NYSE) == ["2024-02", "2024-03"]


def test_each_session_is_closed_once() -> None:
    closes = [int(NYSE.closes[NYSE.number(np.array(minute(0)))])]
    assert schedule.newly_closed(minute(0), closes[0] - 1, NYSE) == []
    number = schedule.newly_closed(minute(0), closes[0], NYSE)
    assert [str(NYSE.dates[n]) for n in number] == ["2024-03-01"]
    assert schedule.newly_closed(closes[0], closes[0] + 3600, NYSE) == []
    later = schedule.newly_closed(closes[0], closes[0] + 5 * 86_400, NYSE)
    assert [str(NYSE.dates[n]) for n in later] == ["2024-03-04", "2024-03-05", "2024-03-06"]


def test_the_market_says_when_it_changes() -> None:
    assert schedule.market(minute(3), [NYSE]) == {
        "now": minute(3),
        "market_open": True,
        "next_change": minute(390),
    }
    assert schedule.market(minute(390), [NYSE])["market_open"] is False
    assert schedule.market(minute(-5), [NYSE])["next_change"] == minute(0)


def test_of_several_exchanges_the_market_is_open_while_one_is() -> None:
    both = [NYSE, sessions("XLON")]
    early = schedule.market(minute(-60), both)  # 13:30 UTC
    assert (early["market_open"], early["next_change"]) == (True, minute(0))
    late = schedule.market(minute(389), both)
    assert (late["market_open"], late["next_change"]) == (True, minute(390))
    night = schedule.market(minute(400), both)
    assert (night["market_open"], night["next_change"]) == (False, minute(0) + 86_400 * 3 - 6.5 * 3600)


def test_nothing_is_due_during_a_lunch_break_and_the_market_is_closed() -> None:
    hong_kong, lunch = sessions("XHKG"), int(np.datetime64("2024-01-17T04:00", "s").astype(np.int64))
    for now in (lunch, lunch + 1800, lunch + 3659):
        assert schedule.last_finished(now, hong_kong) == lunch - 60
        assert not schedule.is_due(lunch - 60, lunch, now, hong_kong)
    assert schedule.is_due(lunch - 60, lunch, lunch + 3660, hong_kong)
    report = schedule.market(lunch + 1800, [hong_kong])
    assert (report["market_open"], report["next_change"]) == (False, lunch + 3600)
    assert schedule.newly_closed(lunch - 3600, lunch + 1800, hong_kong) == []
    assert not schedule.leaves_gap(lunch - 60, [day()[0]._replace(ts=lunch + 3600)], hong_kong)


def test_a_market_around_the_clock_has_no_next_change() -> None:
    always, midnight = sessions("24/7"), int(np.datetime64("2024-01-17", "s").astype(np.int64))
    report = schedule.market(midnight, [always])
    assert (report["market_open"], report["next_change"]) == (True, None)
    assert schedule.market(midnight, [always, NYSE])["next_change"] == midnight + 14 * 3600 + 1800
    assert schedule.last_finished(midnight + 30, always) == midnight - 60
    assert len(schedule.newly_closed(midnight - 60, midnight, always)) == 1


def test_an_exchange_whose_calendar_ended_stops_no_other() -> None:
    mumbai = sessions("XBOM")
    ended = float(mumbai.closes[-1])
    now = float(NYSE.opens[NYSE.upcoming(ended + 40 * 86_400)]) + 60
    report = schedule.market(now, [mumbai, NYSE])
    assert (report["market_open"], report["next_change"]) == (True, NYSE.closes[NYSE.upcoming(now)])
    assert schedule.market(now, [mumbai]) == {"now": now, "market_open": None, "next_change": None}
    assert schedule.next_opening(now, [mumbai, NYSE]) == now - 60
    assert schedule.next_opening(now, [mumbai]) is None
    assert schedule.next_opening(ended - 1, [mumbai]) == mumbai.opens[-1]


def test_after_the_last_session_known_nothing_is_requested() -> None:
    mumbai = sessions("XBOM")
    last = float(mumbai.closes[-1])
    assert schedule.is_due(None, None, last + 1800, mumbai)  # its last bars may be late
    for newest, responded_at in ((None, None), (int(last) - 600, None), (int(last) - 600, last)):
        assert not schedule.is_due(newest, responded_at, last + 1861, mumbai)


def test_a_symbol_with_an_official_close_the_session_before_is_asked_for_the_next_one_twice() -> None:
    before, close = NYSE.closes[NYSE.ended(minute(390)) - 2 :][:2].tolist()
    asked_at = [now for now in range(close - 60, close + 2 * schedule.GRACE, 60) if _is_asked(now, before, close)]
    assert asked_at == [close + 60, close + schedule.GRACE]
    assert not schedule.is_close_due(close, close, close + 60, NYSE)
    assert schedule.is_close_due(close, close + 60, close + schedule.GRACE, NYSE)  # it may be corrected by then
    assert not schedule.is_close_due(close, close + schedule.GRACE, close + schedule.GRACE + 60, NYSE)
    assert not schedule.is_close_due(before - 86_400, close, close + 60, NYSE)
    assert not schedule.is_close_due(None, close, close + 60, NYSE)


def _is_asked(now: int, before: int, close: int) -> bool:
    """Say whether it is asked at a time if it was asked at every time that it was due before."""
    responded = [close, *(at for at in (close + 60, close + schedule.GRACE) if at < now)][-1]
    return schedule.is_close_due(before, responded, now, NYSE)

"""The doctor says until when the sessions of each exchange are known."""

from stock_ml.config import load
from stock_ml.doctor.market import calendar, market_state
from stock_ml.domain.calendar import RELEASED, sessions


def test_each_exchange_is_named_with_the_end_of_its_calendar() -> None:
    found = calendar(load(_env_file=None, source="sandbox", exchanges="VOD:XLON,BTC-USD:24/7"))
    assert found.state == "ok"
    known = [f"{name} is known until {sessions(name).dates[-1]}" for name in ("XNYS", "XLON", "24/7")]
    assert found.message.startswith("exchange-calendars ")
    assert found.message.endswith(f": {'; '.join(known)}")


def test_an_exchange_that_shares_anothers_sessions_is_a_note() -> None:
    found = calendar(load(_env_file=None, source="sandbox", exchange="XNSE"))
    assert found.state == "note"
    assert found.message.endswith("XNSE has the sessions of XBOM")


def test_a_calendar_that_ends_soon_is_a_note_where_the_market_is_real() -> None:
    s = load(_env_file=None, source="yahoo", exchange="XBOM")
    last = float(sessions("XBOM").closes[-1])
    assert calendar(s, last - 90 * 86_400).state == "ok"
    found = calendar(s, last - 30 * 86_400)
    assert found.state == "note"
    assert found.advice.startswith(f"the sessions of XBOM are known until {sessions('XBOM').dates[-1]} only: update")


def test_a_calendar_that_ended_is_bad_and_its_symbols_wait() -> None:
    s = load(_env_file=None, source="yahoo", exchanges="TCS:XBOM")
    last = sessions("XBOM")
    found = calendar(s, float(last.closes[-1]))
    assert found.state == "bad"
    assert found.advice.startswith(f"sessions are known of XBOM until {last.dates[-1]} only, so these symbols wait")


def test_the_clock_of_a_market_whose_calendar_ended_says_so() -> None:
    mumbai = sessions("XBOM")
    last = float(mumbai.closes[-1])
    assert market_state(mumbai, last - 60) == "open"
    assert market_state(mumbai, last) == f"known until {mumbai.dates[-1]} only"


def test_calendars_of_an_old_release_are_a_note_where_the_market_is_real() -> None:
    later = float((RELEASED + 400).astype("datetime64[s]").astype(int))
    assert calendar(load(_env_file=None, source="sandbox"), later).state == "ok"
    found = calendar(load(_env_file=None, source="yahoo"), later)
    assert found.state == "note"
    assert f"is of {RELEASED}: it lacks closures that were announced since: update" in found.advice

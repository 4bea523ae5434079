"""Trading periods: a lunch break parts a session into two, and sessions that touch are one."""

from functools import partial

import exchange_calendars
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.domain.calendar import Sessions, sessions
from stock_ml.domain.clock import AFTER_CLOSE, skip_closed
from stock_ml.domain.gaps import Minutes, fill, holes
from stock_ml.domain.months import complete_at, edges_of, months_of
from stock_ml.errors import BadSetting, UnknownSessions
from stock_ml.model.features import CHANNELS, FEATURES, rows, schema, table, targets, window_ends
from tests.hypothesis_budget import at_most
from tests.walks import take, walk

W, LIMIT = 30, 15
# loaded where a test needs them: each takes half a second
hong_kong, tokyo, weekdays, always = (partial(sessions, name) for name in ("XHKG", "XTKS", "24/5", "24/7"))


def at(text: str) -> int:
    return int(np.datetime64(text, "s").astype(np.int64))


def open_minutes(calendar: Sessions, since: str, until: str) -> np.ndarray:
    minutes = np.arange(at(since), at(until), 60)
    return minutes[calendar.number(minutes) >= 0]


@pytest.mark.parametrize("name", ["XNYS", "XHKG", "XTKS", "XSES", "24/5", "24/7"])
def test_minutes_are_those_of_the_library_and_are_counted_without_closed_hours(name):
    calendar = sessions(name)
    since, until = "2024-10-31T22:00", "2024-11-12T01:00"  # a month's end, a weekend, and Tokyo's longer hours
    library = exchange_calendars.get_calendar(name, start="2024-10-01", end="2024-12-01")
    theirs = library.minutes.to_numpy("datetime64[s]").astype(np.int64)
    minutes = np.arange(at(since), at(until), 60)
    assert (calendar.number(minutes) >= 0).tolist() == np.isin(minutes, theirs).tolist()
    inside = minutes[calendar.number(minutes) >= 0]
    assert np.diff(calendar.index(inside)).tolist() == [1] * (len(inside) - 1)
    assert calendar.time(calendar.index(inside)).tolist() == inside.tolist()
    days = library.minutes_to_sessions(library.minutes[np.isin(theirs, inside)])
    assert calendar.dates[calendar.number(inside)].tolist() == [day.date() for day in days]


@pytest.mark.parametrize("name", ["XNYS", "XLON", "XHKG", "XTKS", "24/5", "24/7"])
@at_most(20)
@given(second=st.integers(at("2020-01-01"), at("2026-01-01")))
def test_trading_minutes_that_are_over_are_those_that_began_earlier(name, second):
    calendar = sessions(name)
    minute = second // 60 * 60
    over = int(calendar.trading_minutes(np.array([minute]))[0])
    assert over == int(calendar.trading_minutes(np.array([minute - 60]))[0]) + (
        calendar.number(np.array([minute - 60]))[0] >= 0
    )
    if calendar.number(np.array([minute]))[0] >= 0:
        assert over == calendar.index(np.array([minute]))[0]


@pytest.mark.parametrize("name", ["XNYS", "XLON", "XFRA"])
def test_without_breaks_each_session_is_a_period_and_keeps_its_number(name):
    calendar = sessions(name)
    minutes = np.arange(at("2024-03-01"), at("2024-04-03"), 60)
    assert calendar.is_plain
    assert not calendar.is_continuous
    assert np.array_equal(calendar.period(minutes), calendar.number(minutes))
    assert np.array_equal(calendar.periods.opens, calendar.opens)
    assert np.array_equal(calendar.periods.closes, calendar.closes)
    assert np.array_equal(calendar.lengths, (calendar.closes - calendar.opens) // 60)
    assert schema(W, 1, LIMIT, name)["channels"][-1] == "session"


def test_a_lunch_break_is_closed_time_within_one_session():
    morning, lunch, afternoon = (at(f"2024-01-17T0{t}") for t in ("3:59", "4:00", "5:00"))  # Hong Kong is 8 h ahead
    times = np.array([morning, lunch, afternoon - 60, afternoon])
    number = hong_kong().number(times)
    assert number.tolist() == [number[0], -1, -1, number[0]]
    assert hong_kong().minute(times).tolist() == [149, -1, -1, 150]
    assert np.diff(hong_kong().period(times[[0, 3]])).tolist() == [1]
    assert hong_kong().lengths[number[0]] == 330
    assert not hong_kong().is_plain
    assert schema(W, 1, LIMIT, "XHKG")["hash"] != schema(W, 1, LIMIT, "XNYS")["hash"]
    assert schema(W, 1, LIMIT, "XHKG")["channels"][-1] == "period"


def test_nothing_is_filled_over_a_break_and_nothing_lacks_in_it():
    ts = open_minutes(hong_kong(), "2024-01-17", "2024-01-18")
    bars = walk(np.delete(ts, [148, 149, 150, 151, 200]))  # around the break, and within the afternoon
    filled = fill(bars, hong_kong(), 90)
    assert filled.ts[filled.filled].tolist() == [ts[200]]
    found = holes(bars.ts, hong_kong(), LIMIT, (float(ts[0]), float(ts[-1] + 60)))
    assert found.minutes.tolist() == [2, 2, 1]
    assert found.at_edge.tolist() == [True, True, False]


def channel(bars: Minutes, calendar: Sessions, name: str) -> np.ndarray:
    return rows(bars, calendar, np.full(len(bars), np.nan))[:, CHANNELS.index(name)]


def test_a_window_crosses_a_break_as_a_night_and_a_target_does_not():
    ts = open_minutes(hong_kong(), "2024-01-17", "2024-01-19")
    bars = walk(ts)
    assert window_ends(bars, hong_kong(), W, LIMIT).tolist() == list(range(W - 1, 660))
    period = channel(bars, hong_kong(), "session")
    assert np.flatnonzero(np.diff(period)).tolist() == [149, 329, 479]
    assert np.flatnonzero(np.isnan(targets(bars, hong_kong(), 2))).tolist() == [148, 149, 328, 329, 478, 479, 658, 659]
    assert channel(bars, hong_kong(), "elapsed")[[149, 150, 329]].tolist() == [150 / 330, 151 / 330, 1.0]


def test_midnight_is_no_night_where_sessions_touch():
    ts = np.arange(at("2024-01-31T23:00"), at("2024-02-01T01:00"), 60)
    bars = walk(np.delete(ts, [59, 60, 61]))  # around midnight
    filled = fill(bars, always(), LIMIT)
    assert np.array_equal(filled.ts, ts)
    assert len(window_ends(filled, always(), W, LIMIT)) == 120 - W + 1 - 3
    assert len(np.unique(channel(filled, always(), "session"))) == 1
    assert np.flatnonzero(np.isnan(targets(filled, always(), 1))).tolist() == [119]
    found = holes(bars.ts, always(), LIMIT, (float(ts[0]), float(ts[-1] + 60)))
    assert (found.minutes.tolist(), found.at_edge.tolist()) == ([3], [False])


def test_months_that_were_filled_alone_are_filled_together_before_training():
    ts = np.arange(at("2024-01-31T23:00"), at("2024-02-01T01:00"), 60)
    bars = walk(np.delete(ts, [10, 59, 60, 90]))
    months = [fill(take(bars, part), always(), LIMIT) for part in (bars.ts < ts[60], bars.ts >= ts[60])]
    joined = Minutes(*(np.concatenate(pair) for pair in zip(*(vars(m).values() for m in months), strict=True)))
    for one, other in zip(
        vars(fill(joined, always(), LIMIT)).values(), vars(fill(bars, always(), LIMIT)).values(), strict=True
    ):
        assert np.array_equal(one, other)


def test_a_weekend_is_a_night_of_a_market_that_trades_on_weekdays():
    friday, monday = (
        np.arange(at("2024-02-02T23:00"), at("2024-02-03"), 60),
        np.arange(at("2024-02-05"), at("2024-02-05T01"), 60),
    )
    bars = walk(np.concatenate([friday, monday]))
    assert np.flatnonzero(np.diff(channel(bars, weekdays(), "session"))).tolist() == [59]
    assert np.flatnonzero(np.isnan(targets(bars, weekdays(), 1))).tolist() == [59, 119]
    assert len(fill(bars, weekdays(), 5000)) == 120
    assert weekdays().is_continuous


def test_hours_that_an_exchange_changed_are_the_calendars():
    # Tokyo trades half an hour longer since 2024-11-05
    for day, close, minutes in (("2024-11-01", "06:00", 300), ("2024-11-05", "06:30", 330)):
        number = int(np.flatnonzero(tokyo().dates == np.datetime64(day))[0])
        assert tokyo().closes[number] == at(f"{day}T{close}")
        assert tokyo().lengths[number] == minutes


@pytest.mark.parametrize(
    ("minute", "close", "length"), [("11:00", "03:00", 90), ("12:30", "04:00", 150), ("14:00", "06:00", 210)]
)
def test_a_closure_may_begin_before_within_or_after_the_break(minute, close, length):
    calendar = sessions("XHKG", (f"XHKG:2024-01-17T{minute}",))
    number = int(np.flatnonzero(calendar.dates == np.datetime64("2024-01-17"))[0])
    assert calendar.closes[number] == at(f"2024-01-17T{close}")
    assert calendar.lengths[number] == length
    assert calendar.lengths[number + 1] == 330


@pytest.mark.parametrize("name", ["XBOM", "XSHG", "XSES", "XSAU", "AIXK", "XNSE"])
def test_a_calendar_is_used_as_far_as_the_library_knows_it(name):
    calendar = sessions(name)
    assert calendar.exchange == name
    last = float(calendar.closes[-1])
    assert (
        calendar.end_warning(last - 59 * 86_400) == f"the sessions of {name} are known until {calendar.dates[-1]} only"
    )
    assert calendar.end_warning(last - 61 * 86_400) is None
    assert calendar.upcoming(last - 1) == len(calendar.dates) - 1
    for beyond in (last, last + 40 * 86_400):
        assert calendar.ended(beyond) == len(calendar.dates)
        with pytest.raises(UnknownSessions, match=f"{name} are known from .* update exchange-calendars"):
            calendar.upcoming(beyond)
        with pytest.raises(UnknownSessions):
            calendar.change(beyond)
    with pytest.raises(UnknownSessions):
        skip_closed(last - 60, 1e6, calendar)


def test_the_national_exchange_of_india_trades_with_mumbai():
    assert np.array_equal(sessions("XNSE").opens, sessions("XBOM").opens)


def test_months_outside_of_a_calendar_are_refused_and_none_is_taken_for_another():
    riyadh = sessions("XSAU")
    with pytest.raises(UnknownSessions, match="2020-12"):
        months_of(at("2021-02-15"), 2, riyadh)
    with pytest.raises(UnknownSessions, match="2020-12"):
        edges_of("2020-12", riyadh)
    after = str(riyadh.dates[-1].astype("datetime64[M]") + 1)
    with pytest.raises(UnknownSessions, match=after):
        edges_of(after, riyadh)
    with pytest.raises(UnknownSessions):
        complete_at("2024-02", float(riyadh.closes[-1]), riyadh)
    assert months_of(at("2021-03-15"), 2, riyadh) == ["2021-01", "2021-02", "2021-03"]


def test_a_response_of_a_lunch_break_holds_all_until_the_break():
    lunch = at("2024-01-17T04:00")
    assert complete_at("2024-01", lunch + 1800.5, hong_kong()) == lunch
    assert complete_at("2024-01", lunch + 3600 + 90, hong_kong()) == lunch + 3600 + 60
    assert complete_at("2024-01", at("2024-01-17") + 0.5, always()) == at("2024-01-17")


def test_unknown_exchanges_keep_their_error():
    with pytest.raises(BadSetting, match="no exchange is called 'XXXX'"):
        sessions("XXXX")


def test_the_simulated_clock_skips_a_break_and_never_goes_back():
    lunch = at("2024-01-17T04:00")
    assert skip_closed(lunch - 60, 60 + AFTER_CLOSE + 5, hong_kong()) == lunch + 3600 + 5
    assert skip_closed(at("2024-01-17T23:59"), 600, always()) == at("2024-01-18T00:09")


def test_the_state_of_a_market_and_its_next_change():
    lunch = at("2024-01-17T04:00")
    assert hong_kong().change(lunch - 1) == (True, lunch)
    assert hong_kong().change(lunch) == (False, lunch + 3600)
    assert weekdays().change(at("2024-01-17T00:00")) == (True, at("2024-01-20"))
    assert always().change(lunch) == (True, None)


def test_features_do_without_volume():
    bars = walk(np.arange(at("2024-01-31T23:00"), at("2024-02-01T01:00"), 60))
    silent = Minutes(**vars(bars) | {"volume": np.zeros(len(bars))})
    found = table(silent, always(), schema(W, 1, LIMIT, "24/7"), LIMIT)
    assert len(found) == 120 - W + 1
    assert np.isfinite(found[list(FEATURES)].to_numpy()).all()
    assert (found["volume"] == 0).all()
    assert found["level_tight"].std() > 0

"""Which days leave the database."""

from stock_ml.domain.calendar import sessions
from stock_ml.maintenance.retention import old_days

FRIDAY = 1_709_303_400  # 2024-03-01 09:30 in New York
DAYS = ["2024-02-27", "2024-02-28", "2024-02-29", "2024-03-01"]


def test_a_day_leaves_when_all_of_it_lies_before_the_newest_sessions() -> None:
    kept = {keep: old_days(DAYS, FRIDAY, keep, [sessions("XNYS")]) for keep in (2, 3, 4, 99_999)}
    assert kept == {2: DAYS[:2], 3: DAYS[:1], 4: [], 99_999: []}


def test_a_session_over_midnight_keeps_both_of_its_days() -> None:
    sydney = sessions("XASX")
    assert int(sydney.opens[sydney.upcoming(FRIDAY)]) % 86_400 == 23 * 3600
    newest = int(sydney.opens[sydney.upcoming(FRIDAY)])  # of Monday, 4 March, which began on Sunday in UTC
    days = ["2024-02-28", "2024-02-29", "2024-03-01", "2024-03-03"]
    assert old_days(days, newest, 2, [sydney]) == ["2024-02-28"]


def test_of_several_calendars_the_one_that_reaches_back_furthest_counts() -> None:
    both = [sessions("XNYS"), sessions("XTKS")]
    alone = old_days(DAYS, FRIDAY, 3, both[:1])
    assert old_days(DAYS, FRIDAY, 3, both) == [day for day in alone if day in old_days(DAYS, FRIDAY, 3, both[1:])]


def test_a_calendar_that_ended_keeps_its_last_sessions_and_stops_nothing() -> None:
    york, mumbai = sessions("XNYS"), sessions("XBOM")
    newest = int(york.opens[york.upcoming(float(mumbai.closes[-1]) + 40 * 86_400)])
    days = [str(day) for day in (*mumbai.dates[-4:], york.dates[york.upcoming(newest)])]
    assert old_days(days, newest, 2, [york, mumbai]) == days[:2]

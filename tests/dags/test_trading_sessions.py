"""The timetable of trading sessions against ten years of the New York Stock Exchange written by hand."""

import time
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from stock_ml.domain.calendar import sessions
from tests.dags.conftest import Airflow
from tests.dags.nyse_closures import CLOSED, HALF_DAYS

NEW_YORK = ZoneInfo("America/New_York")
BOTH_CHANGES_OF_THE_CLOCK = ("2021-03-12", "2021-03-15", "2021-11-05", "2021-11-08")


@pytest.fixture(scope="module")
def told(airflow: Airflow) -> dict[str, Any]:
    return airflow.ask("sessions", "2016-01-01", "2025-12-31T23:59").value


def runs(told: dict[str, Any]) -> list[tuple[datetime, ...]]:
    return [tuple(datetime.fromisoformat(time).astimezone(NEW_YORK) for time in run) for run in told["runs"]]


def named(days: dict[int, str]) -> set[str]:
    return {f"{year}-{day}" for year, all_days in days.items() for day in all_days.split()}


def test_there_is_one_run_for_each_session_of_ten_years_and_none_on_a_holiday(told: dict[str, Any]) -> None:
    every = [date(2016, 1, 1) + timedelta(days=n) for n in range(3653)]
    expected = [str(day) for day in every if day.weekday() < 5 and str(day) not in named(CLOSED)]
    assert [str(start.date()) for _, start, _ in runs(told)] == expected


def test_a_session_is_the_interval_from_open_to_close_and_half_days_are_short(told: dict[str, Any]) -> None:
    assert {(start.hour, start.minute) for _, start, _ in runs(told)} == {(9, 30)}
    short = {str(start.date()) for _, start, end in runs(told) if (end.hour, end.minute) == (13, 0)}
    assert short == named(HALF_DAYS)
    assert all((end.hour, end.minute) == (16, 0) for _, start, end in runs(told) if str(start.date()) not in short)


def test_a_run_comes_after_the_close_on_both_sides_of_a_change_of_the_clock(told: dict[str, Any]) -> None:
    assert all(after - end == timedelta(minutes=90) for after, _, end in runs(told))
    utc = {start[:10]: (start[11:16], end[11:16]) for _, start, end in told["runs"]}
    winter, summer = ("14:30", "21:00"), ("13:30", "20:00")
    assert [utc[day] for day in BOTH_CHANGES_OF_THE_CLOCK] == [winter, summer, summer, winter]


def test_the_first_run_is_still_ahead_and_a_person_s_run_is_of_the_newest_session(told: dict[str, Any]) -> None:
    assert time.time() < told["ahead"] < time.time() + 7 * 86_400
    assert told["manual"].startswith("2021-11-26T14:30")  # half an hour after the half day's close


def test_a_person_reads_what_it_means(told: dict[str, Any]) -> None:
    assert told["words"] == ["Each trading session of XNYS, 90 minutes after its close", "XNYS sessions"]


def test_within_a_session_runs_come_every_few_minutes_until_its_close_and_once_after(airflow: Airflow) -> None:
    told = airflow.ask("within", "2021-11-25T00:00", "2021-11-29T14:36").value
    half_day = [f"2021-11-26T{minute // 60:02}:{minute % 60:02}:00+00:00" for minute in range(875, 1081, 5)]
    assert told["runs"] == [*half_day, "2021-11-26T20:00:00+00:00", "2021-11-29T14:35:00+00:00"]
    assert told["words"] == "Every 5 minutes of each trading session of XNYS, and 120 minutes after its close"


def test_runs_go_on_over_midnight_where_sessions_touch(airflow: Airflow) -> None:
    told = airflow.ask("within", "2021-11-25T23:50", "2021-11-26T02:10", "24/7").value
    minutes = [datetime.fromisoformat(time) - datetime.fromisoformat("2021-11-25T00:00+00:00") for time in told["runs"]]
    assert [minute.total_seconds() / 60 for minute in minutes] == list(range(1430, 1571, 5))


def test_runs_end_with_the_last_session_that_the_calendar_knows(airflow: Airflow) -> None:
    last = sessions("XBOM").dates[-1]
    days = str(last), str(last + 40)
    assert [start[:10] for _, start, _ in airflow.ask("sessions", *days, "XBOM").value["runs"]] == [str(last)]
    moments = airflow.ask("within", *days, "XBOM").value["runs"]
    assert {moment[:10] for moment in moments} == {str(last)}

"""When a run that events started has nothing to train for."""

from dataclasses import replace

import pandas as pd
import pytest

from stock_ml.config import load
from stock_ml.domain.calendar import sessions
from stock_ml.evaluation.live_performance import Alert
from stock_ml.training.retrain_policy import NewestVersion, Trigger, coverage_reason, skip_reason

CALENDAR = sessions("XNYS")


def at(text: str) -> float:
    return pd.Timestamp(text, tz="America/New_York").timestamp()


ALERT = Alert("skill", "behind the last price", "7", 0.0, 0.0)
TRAINED = NewestVersion("7", registered_at=1000.0, trained_until=at("2024-03-04 16:00"), held_out=0)


@pytest.mark.parametrize(
    ("known_at", "every", "trains"),
    [
        ("2024-03-04 16:30", 1, False),  # the same session
        ("2024-03-05 15:59", 1, False),  # the next one is not over
        ("2024-03-05 16:00", 1, True),
        ("2024-03-08 17:00", 5, False),  # four sessions
        ("2024-03-11 12:00", 5, False),  # a weekend adds none
        ("2024-03-11 16:00", 5, True),
    ],
)
def test_training_waits_for_as_many_closed_sessions_as_are_set(known_at: str, every: int, trains: bool) -> None:
    told = coverage_reason(TRAINED, at(known_at), None, CALENDAR, every)
    assert (told is None) is trains
    assert trains or "version 7" in str(told)


def test_an_alert_is_covered_by_what_was_registered_after_it_and_by_nothing_else() -> None:
    fresh = at("2024-03-04 16:30")
    assert coverage_reason(TRAINED, fresh, 1000.5, CALENDAR, 5) is None
    assert coverage_reason(TRAINED, fresh, 999.5, CALENDAR, 5) is not None


@pytest.mark.parametrize(("known_at", "trains"), [("2024-03-06 16:00", False), ("2024-03-07 16:00", True)])
def test_sessions_that_the_training_kept_out_are_not_new(known_at: str, trains: bool) -> None:
    assert (coverage_reason(replace(TRAINED, held_out=2), at(known_at), None, CALENDAR, 1) is None) is trains


@pytest.mark.parametrize(
    ("regime_change_at", "known_at", "trains"),
    [
        ("2024-03-05 16:01", "2024-03-05 16:01", True),  # the session that gave the alert is clean by now
        ("2024-03-05 12:00", "2024-03-05 16:00", True),
        ("2024-03-05 12:00", "2024-03-05 12:30", False),  # it is not over
        ("2024-03-05 09:40", "2024-03-05 16:30", False),  # the session before gave it, and the training knew that
        ("2024-03-04 15:00", "2024-03-05 16:30", False),
    ],
)
def test_the_session_that_gave_an_alert_is_trained_on_as_soon_as_it_is_clean(
    regime_change_at: str, known_at: str, trains: bool
) -> None:
    version = replace(TRAINED, regime_change_at=at(regime_change_at))
    assert (coverage_reason(version, at(known_at), None, CALENDAR, 5) is None) is trains


@pytest.mark.parametrize(
    ("trained_until", "known_at", "held_out", "trains"),
    [
        ("2024-03-13 16:00", "2024-03-14 16:00", 0, True),  # the eighth session from the alarm's on
        ("2024-03-13 16:00", "2024-03-14 15:59", 0, False),
        ("2024-03-12 16:00", "2024-03-13 16:00", 0, False),  # the seventh
        ("2024-03-14 16:00", "2024-03-15 16:00", 0, False),  # they were enough before
        ("2024-03-11 16:00", "2024-03-14 16:00", 2, False),  # two of them only test
        ("2024-03-13 16:00", "2024-03-18 16:00", 2, True),
    ],
)
def test_sessions_since_an_alert_are_trained_on_as_soon_as_they_are_enough(
    trained_until: str, known_at: str, held_out: int, trains: bool
) -> None:
    version = replace(
        TRAINED, trained_until=at(trained_until), held_out=held_out, regime_change_at=at("2024-03-05 16:01")
    )
    assert (coverage_reason(version, at(known_at), None, CALENDAR, 5) is None) is trains


def test_a_backfill_is_trained_on_once_though_no_session_is_new() -> None:
    older = at("2024-02-01 16:00")
    assert coverage_reason(TRAINED, older, 1000.5, CALENDAR, 5) is None
    assert coverage_reason(replace(TRAINED, registered_at=1001.0), older, 1000.5, CALENDAR, 5) is not None


def test_what_started_a_training_is_said_in_words() -> None:
    assert Trigger(by_person=True).reason == "a person triggered it"
    assert Trigger().reason == "clean bars of newer sessions"
    alerts = [ALERT._replace(reason=reason) for reason in ("skill -3 %", "skill -3 %", "volatility by 7.50")]
    assert Trigger(alerts).reason == "alert: skill -3 %; alert: volatility by 7.50"


def test_bars_older_than_the_training_are_covered() -> None:
    assert "0 sessions" in str(coverage_reason(TRAINED, at("2024-02-01 16:00"), None, CALENDAR, 1))


def test_the_market_changed_when_the_newest_alert_was_raised() -> None:
    assert Trigger([ALERT._replace(market_at=at) for at in (7.9, 9.2, 8.0)]).alert_at == 9
    assert Trigger().alert_at is None


def test_a_training_was_asked_for_by_the_newest_alert_or_backfill() -> None:
    alerts = [ALERT._replace(raised_at=at) for at in (5.0, 7.0)]
    assert Trigger(alerts).requested_at == 7.0
    assert Trigger(alerts, backfilled_at=9.0).requested_at == 9.0
    assert Trigger().requested_at is None


def test_a_person_always_trains_and_nothing_is_looked_up_for_it() -> None:
    assert skip_reason(load(mlflow_url="http://127.0.0.1:1"), Trigger(by_person=True)) is None

"""When a run that events started has nothing to train for."""

import pandas as pd
import pytest

from stock_ml.sessions import sessions
from stock_ml.steps.refreshing import Newest, reason

CALENDAR = sessions("XNYS")


def at(text: str) -> float:
    return pd.Timestamp(text, tz="America/New_York").timestamp()


TRAINED = Newest("7", registered_at=1000.0, trained_until=at("2024-03-04 16:00"))


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
    told = reason(TRAINED, at(known_at), None, CALENDAR, every)
    assert (told is None) is trains
    assert trains or "version 7" in str(told)


def test_an_alert_is_covered_by_what_was_registered_after_it_and_by_nothing_else() -> None:
    fresh = at("2024-03-04 16:30")
    assert reason(TRAINED, fresh, 1000.5, CALENDAR, 5) is None
    assert reason(TRAINED, fresh, 999.5, CALENDAR, 5) is not None


def test_bars_older_than_the_training_are_covered() -> None:
    assert "0 sessions" in str(reason(TRAINED, at("2024-02-01 16:00"), None, CALENDAR, 1))

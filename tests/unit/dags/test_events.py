"""What started a run, read from its asset events."""

from typing import Any, NamedTuple

import pytest

from stock_ml.errors import BadInput
from stock_ml.evaluation.live_performance import Alert

ALERT = Alert("skill", "skill -14 %", "7", 1_000.0, 1_709_758_800.0)


class Event(NamedTuple):
    extra: dict[str, Any]


def trigger(extra: dict[str, Any]) -> Any:
    # each worker collects every file; Airflow, 2 s of a core, is for the ones that run these tests
    from dags.assets import RETRAINING_WANTED
    from dags.events import training_trigger

    return training_trigger({RETRAINING_WANTED: [Event(extra)]}, None)  # type: ignore[arg-type]  # asked of backfills only


def test_an_alert_is_read_and_fields_that_are_not_its_own_are_passed_over() -> None:
    assert trigger({"payload": ALERT._asdict() | {"more": 1}}).alerts == (ALERT,)


@pytest.mark.parametrize("extra", [{}, {"payload": None}, {"payload": {"kind": "skill", "reason": "by hand"}}])
def test_an_event_made_by_hand_without_its_fields_is_named(extra: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r"retraining_wanted lacks .*market_at in its payload"):
        trigger(extra)

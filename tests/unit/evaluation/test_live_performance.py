"""What the monitoring report says of live forecasts, and when it breaches a limit."""

import dataclasses

import numpy as np
import pytest

from stock_ml.evaluation.live_performance import (
    MIN_FORECASTS,
    LimitBreach,
    Limits,
    MinuteErrors,
    MonitoringReport,
    Timeliness,
    late_alarm,
    limit_breach,
    monitoring_report,
)
from stock_ml.evaluation.reference_profile import Drift

LIMITS = Limits(skill=-0.01, coverage=0.05, drift=0.5)
FINE = MonitoringReport("7", 5000, 1.9, 2.0, 0.05, -2.0, 0.5, 0.9, 0.99, {"return_1": 9.1}, {"return_1": 0.1})
ALL = Timeliness(2000, 0)  # in time
RANDOM = np.random.default_rng(5)


def minutes(n: int = 400, symbols: int = 5) -> MinuteErrors:
    move = RANDOM.exponential(2.0, n)
    inside = [np.floor(symbols * share) * np.ones(n) for share in (0.5, 0.9, 1.0)]
    return MinuteErrors(move * RANDOM.uniform(0.9, 1.1, n), move, *inside, np.full(n, float(symbols)))


def test_a_report_is_what_a_second_count_finds() -> None:
    given = minutes()
    found = monitoring_report("7", given, {}, ALL)
    assert found is not None
    worse = given.model - given.persistence
    assert found.forecasts == 2000
    assert found.skill == pytest.approx(1 - given.model.sum() / given.persistence.sum())
    assert found.behind == pytest.approx(worse.mean() / (worse.std(ddof=1) / 20))
    assert (found.coverage_50, found.coverage_90, found.coverage_99) == (0.4, 0.8, 1.0)


def test_minutes_with_more_symbols_weigh_more() -> None:
    given = dataclasses.replace(minutes(2), forecasts=np.array([1.0, 3.0]))
    found = monitoring_report("7", given, {}, ALL)
    assert found is not None
    assert found.mae_bp == pytest.approx((given.model[0] + 3 * given.model[1]) / 4)


def test_nothing_known_is_nothing_to_report() -> None:
    assert monitoring_report("7", minutes(0), {}, Timeliness(0, 0)) is None


def test_a_flat_market_has_no_skill_and_no_spread() -> None:
    zero = np.zeros(3)
    found = monitoring_report("7", MinuteErrors(zero, zero, *([np.ones(3)] * 4)), {}, ALL)
    assert found is not None
    assert (found.skill, found.behind) == (0.0, None)


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({}, None),
        ({"skill": -0.02, "behind": 4.0}, "skill"),
        ({"skill": -0.02, "behind": 2.0}, None),  # it may be chance
        ({"skill": -0.02, "behind": None}, None),
        ({"skill": -0.005, "behind": 4.0}, None),
        ({"coverage_90": 0.8}, "coverage"),
        ({"coverage_90": 0.96}, "coverage"),
        ({"unusual": {"return_1": 0.1, "volatility": 0.7}}, "drift"),
        ({"unusual": {}}, None),
        ({"skill": -0.02, "behind": 4.0, "coverage_90": 0.5}, "skill"),  # the gravest
        ({"coverage_90": 0.5, "forecasts": MIN_FORECASTS - 1}, None),
    ],
)
def test_an_alert_needs_a_limit_passed_and_enough_forecasts(changed: dict[str, object], kind: str | None) -> None:
    raised = limit_breach(FINE._replace(**changed), LIMITS)
    assert (raised.kind if isinstance(raised, LimitBreach) else None) == kind
    assert raised is None or "version 7" in raised.reason


def test_a_drift_alert_names_each_feature_past_the_limit_the_furthest_first() -> None:
    raised = limit_breach(FINE._replace(unusual={"return_1": 0.6, "range": 0.4, "volatility": 7.5}), LIMITS)
    assert isinstance(raised, LimitBreach)
    assert raised.reason.endswith("volatility by 7.50, return_1 by 0.60")


def test_a_report_holds_each_features_drift_and_what_is_unusual_of_it() -> None:
    found = monitoring_report("7", minutes(), {"range": Drift(0.4, 0.1)}, ALL)
    assert found is not None
    assert (found.drift, found.unusual) == ({"range": 0.4}, {"range": 0.1})


def test_where_all_forecasts_are_late_that_alone_is_reported() -> None:
    found = monitoring_report("7", minutes(0), {}, Timeliness(400, 400))
    assert found is not None
    assert (found.forecasts, found.skill, found.coverage_90) == (0, None, None)
    assert (found.made, found.late) == (400, 1.0)
    assert limit_breach(found, LIMITS) is None


@pytest.mark.parametrize(
    ("made", "late", "alarms"),
    [(400, 0.0, False), (400, 0.5, False), (400, 0.51, True), (29, 1.0, False), (30, 1.0, True)],
)
def test_a_person_is_told_of_many_late_forecasts_and_not_of_few(made: int, late: float, alarms: bool) -> None:
    said = late_alarm(FINE._replace(made=made, late=late), 0.5)
    assert (said is not None) is alarms
    assert said is None or f"{late:.0%} of {made} forecasts of version 7" in said

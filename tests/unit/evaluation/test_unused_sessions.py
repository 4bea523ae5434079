"""A decision uses sessions that no earlier one used, and after a regime change none from before it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.evaluation.diebold_mariano import MIN_TEST_SESSIONS
from stock_ml.evaluation.folds import REGIME_SESSIONS, walk_forward_folds
from stock_ml.evaluation.promotion import PromotionThreshold
from stock_ml.evaluation.regime_change import history_start, latest_regime_change
from stock_ml.evaluation.unused_sessions import Incumbent, SessionLosses, decide_on_unused

DAY, LENGTH = 86_400, 23_400
THRESHOLD = PromotionThreshold(alpha=0.05, margin=0.01)
SPREAD = np.array([0.2, -0.1, 0.15, -0.2, 0.05, -0.15, 0.1, 0.0, -0.05, 0.1, -0.1, 0.05])


def sessions_of(gain: np.ndarray, first: int = 0) -> SessionLosses:
    """Sessions, one a day from `first`, the newer half of which may confirm; `gain` is linear's over persistence."""
    firsts = DAY * (first + np.arange(len(gain)))
    newer = np.arange(len(gain)) >= len(gain) // 2
    return SessionLosses(firsts, firsts + LENGTH, newer, {"persistence": np.full(len(gain), 9.0), "linear": 9.0 - gain})


GOOD = sessions_of(1 + SPREAD)


def test_the_first_decision_confirms_on_the_newer_half_and_uses_it_up():
    decision = decide_on_unused(GOOD, Incumbent("persistence"), THRESHOLD)
    assert (decision.kind, decision.decided_until) == ("linear", 11 * DAY + LENGTH)


@pytest.mark.parametrize(("until", "kind", "unused"), [(6, "linear", 5), (7, "persistence", 4), (11, "persistence", 0)])
def test_a_later_decision_needs_enough_sessions_that_began_since_the_last_one(until, kind, unused):
    before = Incumbent("persistence", until * DAY + LENGTH)
    decision = decide_on_unused(GOOD, before, THRESHOLD)
    assert decision.kind == kind
    if unused < MIN_TEST_SESSIONS:
        assert decision.reason == f"there are {unused} of {MIN_TEST_SESSIONS} sessions that no decision used yet"
        assert decision.decided_until == before.decided_until
    else:
        assert "5 later sessions" in decision.reason


def test_the_choice_sees_none_of_the_sessions_that_confirm():
    lucky = sessions_of(np.where(np.arange(12) < 7, -1.0, 9.0) + SPREAD)
    decision = decide_on_unused(lucky, Incumbent("persistence", 6 * DAY + LENGTH), THRESHOLD)
    assert (decision.kind, decision.reason) == ("persistence", "nothing was better on the earlier sessions")
    assert decision.decided_until == 6 * DAY + LENGTH  # nothing was tested: they are unused still


def test_after_an_alert_nothing_is_confirmed_while_history_reaches_back_to_before_it():
    decision = decide_on_unused(GOOD, Incumbent("persistence", regime_change_at=6 * DAY + 7200), THRESHOLD)
    assert (decision.kind, decision.decided_until) == ("persistence", None)
    assert decision.reason == f"there are 6 of {REGIME_SESSIONS} sessions since the alarm"


def test_a_history_that_begins_with_an_alert_confirms_on_sessions_since_it_that_no_decision_used():
    """The session that gave it is trained on, and none from before it is walked."""
    first = 3
    since = sessions_of(1 + SPREAD[: MIN_TEST_SESSIONS + 1], first)._replace(newer=np.arange(MIN_TEST_SESSIONS + 1) > 0)
    before = Incumbent("persistence", (first - 2) * DAY, (first - 1) * DAY + LENGTH)
    decision = decide_on_unused(since, before, THRESHOLD)
    assert (decision.kind, decision.decided_until) == ("linear", (first + MIN_TEST_SESSIONS) * DAY + LENGTH)
    used = before._replace(decided_until=(first + 1) * DAY + LENGTH)
    again = decide_on_unused(since, used, THRESHOLD)
    assert again.reason == f"there are 4 of {MIN_TEST_SESSIONS} sessions that no decision used yet"


def test_after_an_alert_the_sessions_since_it_say_whether_what_serves_is_worse():
    turned = sessions_of(np.where(np.arange(12) < 11, 3.0, -1.0))
    assert decide_on_unused(turned, Incumbent("linear", 11 * DAY + LENGTH), THRESHOLD).kind == "linear"
    regime = Incumbent("linear", 10 * DAY + LENGTH, 11 * DAY + 7200)
    assert decide_on_unused(turned, regime, THRESHOLD).kind == "persistence"


def test_a_kind_that_is_only_refreshed_gives_way_to_the_last_price_once_it_is_worse():
    bad = sessions_of(-1 + SPREAD)
    decision = decide_on_unused(bad, Incumbent("linear", 11 * DAY + LENGTH), THRESHOLD)
    assert decision.kind == "persistence"
    assert decision.reason.endswith("; and linear is worse than the last price by now")
    fine = sessions_of(SPREAD / 10)
    assert decide_on_unused(fine, Incumbent("linear", 11 * DAY + LENGTH), THRESHOLD).kind == "linear"


@given(
    st.lists(st.floats(-3, 3), min_size=4, max_size=12),
    st.sampled_from(["persistence", "linear", "gone"]),
    st.none() | st.integers(0, 14),
    st.none() | st.integers(0, 14),
)
def test_no_session_confirms_twice_and_time_never_runs_back(gain, kind, until, changed):
    given_ = sessions_of(np.array(gain))
    before = Incumbent(kind, *(None if at is None else at * DAY + LENGTH for at in (until, changed)))
    decision = decide_on_unused(given_, before, THRESHOLD)
    again = decide_on_unused(
        given_, before._replace(kind=decision.kind, decided_until=decision.decided_until), THRESHOLD
    )
    assert (decision.decided_until or 0) >= (before.decided_until or 0)
    assert not decision.used or again.p_value == 1.0  # the same sessions are not tested again


def noise(gains: np.ndarray, firsts: np.ndarray, newer: np.ndarray) -> SessionLosses:
    """Sessions in which linear and huber gain over the last price what chance gives them."""
    losses = {"persistence": np.full(len(firsts), 500.0), "linear": 500 - gains[0], "huber": 500 - gains[1]}
    return SessionLosses(firsts, firsts + LENGTH, newer, losses)


def daily_promotions(rng: np.random.Generator, days: int) -> tuple[int, int]:
    """Decide each day where nothing can be better than the last price; return tests and promotions over it."""
    gains = rng.normal(size=(2, days + 12))
    until, tested, promoted = None, 0, 0
    for day in range(days):
        firsts = DAY * np.arange(day, day + 12)
        known = noise(gains[:, day : day + 12], firsts, np.arange(12) >= 6)
        decision = decide_on_unused(known, Incumbent("persistence", until), THRESHOLD)
        until = decision.decided_until
        tested += decision.p_value < 1
        promoted += decision.kind != "persistence"
    return tested, promoted


def test_in_noise_as_many_decisions_promote_as_alpha_says_however_often_one_decides():
    rng = np.random.default_rng(8)
    tested, promoted = np.sum([daily_promotions(rng, 250) for _ in range(40)], axis=0)
    error = np.sqrt(THRESHOLD.alpha * (1 - THRESHOLD.alpha) / tested)
    assert 1000 < tested < 40 * 250 / MIN_TEST_SESSIONS + 40
    assert promoted / tested < THRESHOLD.alpha + 3 * error
    assert promoted / (40 * 250) < THRESHOLD.alpha / MIN_TEST_SESSIONS + 3 * error / MIN_TEST_SESSIONS


def decisions_amid_alarms(rng: np.random.Generator, days: int, every: int) -> tuple[int, int]:
    """Decide each day on the newest sessions of noise while alarms come by chance; return tests and promotions."""
    gains = rng.normal(size=(2, days + 60))
    until, changed, tested, promoted = None, None, 0, 0
    for day in range(60, days + 60):
        firsts = DAY * np.arange(day - 60, day)
        if rng.random() < 1 / every:
            changed = latest_regime_change(firsts, changed, int(firsts[-1]) + LENGTH)
        kept = firsts[history_start(firsts, changed) :]
        evaluated = kept[kept >= walk_forward_folds(kept, day * DAY, 250)[0].first]
        newer = np.arange(len(evaluated)) >= min(len(evaluated) // 2, len(evaluated) - MIN_TEST_SESSIONS)
        known = noise(gains[:, evaluated // DAY], evaluated, newer)
        decision = decide_on_unused(known, Incumbent("persistence", until, changed), THRESHOLD)
        until = decision.decided_until
        tested += decision.p_value < 1
        promoted += decision.kind != "persistence"
    return tested, promoted


def test_alerts_do_not_make_noise_promoted_more_often():
    rng = np.random.default_rng(9)
    tested, promoted = np.sum([decisions_amid_alarms(rng, 150, every=15) for _ in range(30)], axis=0)
    assert tested > 200
    assert promoted / tested < THRESHOLD.alpha + 3 * np.sqrt(THRESHOLD.alpha * (1 - THRESHOLD.alpha) / tested)

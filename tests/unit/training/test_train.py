"""What a training tells of the version that it made."""

import pytest

from stock_ml.evaluation.promotion import Decision
from stock_ml.evaluation.training_result import training_result
from stock_ml.training.promote_challenger import skip_reason

REPORT = {
    "walk_forward/persistence": {"skill": 0.0, "mae": 0.3, "mae_bp": 3.0},
    "walk_forward/linear": {"skill": 0.01, "mae": 0.29, "mae_bp": 2.97},
    "walk_forward/huber": {"skill": 0.02, "mae": 0.28, "mae_bp": 2.94},  # nearest in walk-forward
    "test/persistence": {"rows": 780.0},
}


@pytest.mark.parametrize(("kind", "skill", "mae"), [("linear", 0.01, 0.29), ("persistence", 0.0, 0.3)])
def test_a_version_is_told_with_its_own_skill_though_another_candidate_came_nearer(
    kind: str, skill: float, mae: float
) -> None:
    told = training_result("r1", "7", "challenger", Decision(kind, "it serves", 1.0, used=False), REPORT)
    assert (told["promoted"], told["skill"], told["mae_model"]) == (kind, skill, mae)
    assert (told["version"], told["alias"], told["reason"]) == ("7", "challenger", "it serves")
    assert (told["mae_persistence"], told["test_rows"]) == (0.3, 780)


@pytest.mark.parametrize(
    ("alias", "ask", "asked"), [("challenger", True, True), ("challenger", False, False), ("champion", True, False)]
)
def test_a_person_is_asked_about_a_challenger_only_and_with_its_own_skill(alias: str, ask: bool, asked: bool) -> None:
    outcome = training_result("r1", "7", alias, Decision("linear", "it serves", 1.0, used=False), REPORT)
    # each worker collects every file; MLflow and Spark, 2 s of a core, are for the one that runs this test
    from stock_ml.training.train import training_event

    told = training_event(outcome, "a person triggered it", ask)
    assert told == {
        "run_id": "r1",
        "version": "7",
        "alias": alias,
        "skill": 0.01,
        "why": "a person triggered it",
        "ask": asked,
    }
    assert (skip_reason(told) is None) is asked
    assert skip_reason({}) == "nobody wants to be asked about this version"

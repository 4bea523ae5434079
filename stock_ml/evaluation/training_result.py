"""The result of a training: which kind serves and why, and the metrics of all candidates."""

from typing import TypedDict

from stock_ml.evaluation.promotion import PERSISTENCE, Decision

Report = dict[str, dict[str, float]]  # the metrics of each candidate, by part and kind, as `walk_forward/linear`


class TrainingResult(TypedDict):
    """Record a training.

    `promoted` names the kind of the version, `reason` why it was chosen, `alias` what the version became.
    `skill` and `mae_model` (price) are those of this kind in walk-forward, `mae_persistence` is the last price's.
    `report` holds every metric of all candidates, in walk-forward and on the `test_rows` rows of held-out sessions.
    """

    run_id: str
    version: str
    promoted: str
    alias: str
    reason: str
    skill: float
    mae_model: float
    mae_persistence: float
    test_rows: int
    report: Report


def training_result(run_id: str, version: str, alias: str, decision: Decision, report: Report) -> TrainingResult:
    """Return the record of a training; its numbers are those of the kind that was chosen."""
    chosen, persistence = (report[f"walk_forward/{kind}"] for kind in (decision.kind, PERSISTENCE))
    return {
        "run_id": run_id,
        "version": version,
        "promoted": decision.kind,
        "alias": alias,
        "reason": decision.reason,
        "skill": chosen["skill"],
        "mae_model": chosen["mae"],
        "mae_persistence": persistence["mae"],
        "test_rows": int(report.get(f"test/{PERSISTENCE}", {}).get("rows", 0)),
        "report": report,
    }

"""Keep MLflow in order: what the DAG `maintain` does to the training runs."""

import logging
import time

from stock_ml.adapters.registry import Registry, runs
from stock_ml.config import Settings

log = logging.getLogger(__name__)
LONGEST = 3 * 3600  # seconds; the task that trains is stopped after two hours


def tidy_runs(s: Settings) -> dict[str, list[str]]:
    """End the runs that killed trainings left open, archive those older than the newest `keep_runs`, return both.

    Raises RegistryUnavailable.
    """
    registry = Registry.connect(s, retries=3, timeout=60)
    ended = runs.end_killed(registry, s.mlflow_experiment, time.time() - LONGEST)
    archived = runs.archive(registry, s.mlflow_experiment, s.keep_runs)
    log.info("ended %d runs of killed trainings, archived %d old ones", len(ended), len(archived))
    return {"ended": ended, "archived": archived}

"""Keep MLflow and the logs in order: what the DAG `maintain` does to training runs, and to what tasks logged."""

import logging
import time
from datetime import UTC, datetime, timedelta

from stock_ml.adapters.lake.task_logs import TaskLogs
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


def forget_logs(s: Settings) -> dict[str, int]:
    """Forget the task logs on S3 that were written more than `keep_log_days` ago, and count them.

    Raises StoreUnavailable.
    """
    gone = TaskLogs.connect(s).forget(datetime.now(UTC) - timedelta(days=s.keep_log_days))
    log.info("forgot %d task logs of more than %d days ago", gone, s.keep_log_days)
    return {"forgot": gone}

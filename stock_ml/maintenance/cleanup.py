"""Clean up MLflow and S3 for the DAG `maintain`: old training runs, task logs, reports, replaced responses."""

import logging
import time
from datetime import UTC, datetime, timedelta

from stock_ml.adapters.lake import Lake
from stock_ml.adapters.mlflow import garbage, runs
from stock_ml.adapters.mlflow.registry import Registry
from stock_ml.adapters.postgres import dumps
from stock_ml.config import Settings

log = logging.getLogger(__name__)
MAX_TRAINING_SECONDS = 3 * 3600  # seconds; the task that trains is stopped after two hours


def tidy_runs(s: Settings) -> dict[str, list[str]]:
    """End the runs that killed trainings left open, archive those older than the newest `keep_runs`, return both.

    Raises RegistryUnavailable.
    """
    registry = Registry.connect(s, retries=3, timeout=60)
    ended = runs.end_killed(registry, s.mlflow_experiment, time.time() - MAX_TRAINING_SECONDS)
    archived = runs.archive(registry, s.mlflow_experiment, s.keep_runs)
    log.info("ended %d runs of killed trainings, archived %d old ones", len(ended), len(archived))
    return {"ended": ended, "archived": archived}


def forget_runs(s: Settings) -> dict[str, list[str]]:
    """Delete for good what was archived longer than `keep_archived_days` ago: runs, then their versions and files.

    A run that a version with an alias, or a rollback, needs is restored first, also where a person deleted it. Return
    the runs restored and the versions deleted; a brought server's are left alone. Raises RegistryUnavailable.
    """
    restored, forgot = list[str](), list[str]()
    if s.mlflow_reader_password is not None:  # the user that `make up` and Compose make on a server of their own
        registry = Registry.connect(s, retries=3, timeout=60)
        restored = runs.restore_used(registry, s.mlflow_experiment)
        if runs.any_archived(registry, s.mlflow_experiment):
            garbage.collect(s, dumps.login(s, "mlflow"), s.keep_archived_days)
        forgot = runs.forget_orphans(registry, s.mlflow_experiment)
    log.info("restored %d archived runs in use, deleted %d versions whose run is gone", len(restored), len(forgot))
    return {"restored": restored, "forgot": forgot}


def forget_old(s: Settings) -> dict[str, int]:
    """Delete old task logs, reports of runs and replaced responses from S3; return the count of each.

    A source of whole months sends the running month again after each session. Responses of other sources are kept: each
    may hold rows that no other has. Raises StoreUnavailable.
    """
    now, lake = datetime.now(UTC), Lake.connect(s)
    since = now - timedelta(days=s.keep_log_days)
    logs, reports = lake.forget_task_logs(since), lake.forget_run_reports(since)
    before = now - timedelta(days=s.keep_raw_days)
    months = [(symbol, month) for symbol in s.symbols for month in lake.received_months(symbol)]
    whole = s.capabilities.whole_months
    answers = sum(lake.forget_raw(symbol, month, before) for symbol, month in months) if whole else 0
    told = "forgot %d logs of tasks, %d reports of runs, and %d answers that later ones took the place of"
    log.info(told, logs, reports, answers)
    return {"logs": logs, "reports": reports, "answers": answers}

"""What Airflow keeps of itself, and never deletes: rows of its database, and log files of its DAG processor."""

import logging
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.configuration import conf
from airflow.sdk.exceptions import AirflowFailException

from stock_ml.config import Settings

log = logging.getLogger(__name__)


def forget(s: Settings) -> dict[str, str | int]:
    """Delete rows and logs older than `keep_log_days`; return since when rows are kept, and the count of log folders.

    Each DAG's last run stays. Raises AirflowFailException where `airflow db clean` fails.
    """
    before = datetime.now(UTC) - timedelta(days=s.keep_log_days)
    folders = forget_logs(Path(conf.get("logging", "base_log_folder")) / "dag_processor", before)
    clean_database(s.postgres("airflow"), before)
    return {"kept_since": before.isoformat(timespec="seconds"), "log_folders": folders}


def forget_logs(folder: Path, before: datetime) -> int:
    """Delete the folders of days (YYYY-MM-DD) before a time, and return how many there were."""
    old = [day for day in folder.glob("????-??-??") if not day.is_symlink() and day.name < f"{before:%Y-%m-%d}"]
    for day in old:
        shutil.rmtree(day)
    return len(old)


def clean_database(url: str, before: datetime) -> None:
    """Delete old rows by Airflow's own command, in a process of its own: a task may not open Airflow's database."""
    words = ["db", "clean", "--clean-before-timestamp", before.isoformat(), "--skip-archive", "--yes"]
    env = {name: value for name, value in os.environ.items() if name != "_AIRFLOW_PROCESS_CONTEXT"}
    env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = url.replace("postgresql://", "postgresql+psycopg2://", 1)
    argv = [sys.executable, "-m", "airflow", *words]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    log.info("airflow db clean: %s", done.stdout[-2000:])
    if done.returncode:
        raise AirflowFailException(f"`airflow db clean` failed: {done.stderr[-2000:]}")

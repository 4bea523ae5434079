"""The logs of Airflow's tasks: Airflow writes and reads them, here the old ones are forgotten."""

from datetime import datetime

from stock_ml.adapters.lake.objects import Objects
from stock_ml.config import Settings


def folder(s: Settings) -> str:
    """Return the key under which Airflow keeps an installation's logs."""
    return f"logs/source={s.source}"


def forget(s: Settings, before: datetime) -> int:
    """Delete the logs that were last written before a time, and count them. Raises StoreUnavailable."""
    return Objects.connect(s).forget(f"{folder(s)}/", before)

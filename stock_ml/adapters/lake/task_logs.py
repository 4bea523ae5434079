"""The logs of Airflow's tasks: Airflow writes and reads them, here the old ones are forgotten."""

from dataclasses import dataclass
from datetime import datetime

from stock_ml.adapters.lake.objects import Objects
from stock_ml.config import Settings


@dataclass(frozen=True)
class TaskLogs:
    """Look after an installation's logs; every method raises StoreUnavailable where the store does not answer."""

    objects: Objects
    folder: str

    @classmethod
    def connect(cls, s: Settings) -> "TaskLogs":
        """Return the installation's logs; nothing is sent yet."""
        return cls(Objects.connect(s), f"{folder(s)}/")

    def forget(self, before: datetime) -> int:
        """Delete the logs that were last written before a time, and count them."""
        old = self.objects.older(self.folder, before)
        for key in old:
            self.objects.delete(key)
        return len(old)


def folder(s: Settings) -> str:
    """Return the key under which Airflow keeps the logs."""
    return f"logs/source={s.source}"

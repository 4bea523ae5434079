"""Back up the three databases to S3, and put one backup in the place of what is there."""

import logging
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from stock_ml.adapters.lake.backups import Backups, Manifest
from stock_ml.adapters.postgres import dumps
from stock_ml.config import Settings
from stock_ml.errors import StoreUnavailable

log = logging.getLogger(__name__)


class Backup(TypedDict):
    """Hold what a backup holds, and which older ones were deleted for it."""

    name: str
    held: Manifest
    forgot: list[str]


def back_up(s: Settings) -> Backup:
    """Keep all databases under the time of now, and return its name, what it holds, and what was forgotten for it.

    Each dump is read to its end before it is sent, and compared after; the newest `keep_backups` stay.
    Raises StoreUnavailable or HostError.
    """
    name = f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}"
    backups = Backups.connect(s)
    with tempfile.TemporaryDirectory() as folder:
        files = {f"{database}.dump": Path(folder) / f"{database}.dump" for database in dumps.DATABASES}
        for database, file in zip(dumps.DATABASES, files.values(), strict=True):
            dumps.dump(s, database, file)
            dumps.check(s, database, file)
        held = backups.add(name, files)
    gone = backups.forget(s.keep_backups)
    log.info("backup %s: %s; forgot %d older ones", name, held, len(gone))
    return {"name": name, "held": held, "forgot": gone}


def restore(s: Settings, name: str = "") -> str:
    """Put a backup, by default the newest, in the place of what the databases hold, and return its name.

    All of it is fetched and read first. Raises StoreUnavailable where it is damaged, or where programs are connected.
    """
    backups = Backups.connect(s)
    name = name or next(reversed(backups.names()), "")
    with tempfile.TemporaryDirectory() as folder:
        files = {part.removesuffix(".dump"): file for part, file in backups.fetch(name, Path(folder)).items()}
        for database, file in files.items():
            dumps.check(s, database, file)
            _see_alone(s, database)
        for database, file in files.items():
            dumps.load(s, database, file)
            log.info("restored %s from %s", database, name)
    return name


def _see_alone(s: Settings, database: str) -> None:
    if others := dumps.connected_programs(s, database):
        told = ", ".join(others)
        raise StoreUnavailable(f"programs are connected to the database {database} ({told}): stop them, then restore")

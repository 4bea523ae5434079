"""Back up the three databases to S3, and restore them."""

import logging
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypedDict

from stock_ml import disk
from stock_ml.adapters import broker
from stock_ml.adapters.lake.backups import Backups
from stock_ml.adapters.lake.manifest import Manifest
from stock_ml.adapters.postgres import dumps
from stock_ml.config import DATABASES, Settings
from stock_ml.errors import StoreUnavailable

log = logging.getLogger(__name__)
NAME = "%Y-%m-%dT%H-%M-%SZ"
MARGIN = timedelta(days=1)  # by which the consumer may have been behind when the backup was made


class BackupResult(TypedDict):
    """Hold the name of a backup, its manifest by file, and the names of the backups deleted for it."""

    name: str
    held: Manifest
    forgot: list[str]


def back_up(s: Settings) -> BackupResult:
    """Store all databases as a backup that is named after the time.

    Each dump is read to its end before it is sent, and compared after; the newest `keep_backups` stay.
    Raises StoreUnavailable or HostError, and BadSetting where there is no key to sign it with.
    """
    name = _now()
    backups = Backups.connect(s)
    with tempfile.TemporaryDirectory(dir=disk.temporary_folder()) as folder:
        files = {f"{database}.dump": Path(folder) / f"{database}.dump" for database in DATABASES}
        for database, file in zip(DATABASES, files.values(), strict=True):
            dumps.dump(s, database, file)
            dumps.check(s, database, file)
        manifest = backups.add(name, files)
    deleted = backups.forget(s.keep_backups, name)
    log.info("backup %s: %s; forgot %d older ones", name, manifest, len(deleted))
    return {"name": name, "held": manifest, "forgot": deleted}


def check_trusted(s: Settings, name: str = "") -> str:
    """Return the name of a backup, by default of the newest that this installation signed.

    Raises UntrustedBackup where it did not sign it, StoreUnavailable where there is none.
    """
    backups = Backups.connect(s)
    name = name or backups.newest(_now())
    backups.manifest(name)
    return name


def sign(s: Settings, name: str) -> BackupResult:
    """Take a backup over that was made before backups were signed: for a person who knows that it is theirs.

    Raises StoreUnavailable where there is no such backup, or it is damaged.
    """
    backups = Backups.connect(s)
    with tempfile.TemporaryDirectory(dir=disk.temporary_folder()) as folder:
        files = backups.fetch_unsigned(name, Path(folder))
        for part, file in files.items():
            dumps.check(s, part.removesuffix(".dump"), file)
        return {"name": name, "held": backups.add(name, files), "forgot": []}


def restore(s: Settings, name: str = "") -> str:
    """Put a backup, by default the newest, in the place of what the databases hold, and return its name.

    All of it is fetched and read first. Raises UntrustedBackup where this installation did not sign it,
    StoreUnavailable where it is damaged, or where programs are connected.
    """
    backups = Backups.connect(s)
    name = check_trusted(s, name)
    with tempfile.TemporaryDirectory(dir=disk.temporary_folder()) as folder:
        files = {part.removesuffix(".dump"): file for part, file in backups.fetch(name, Path(folder)).items()}
        for database, file in files.items():
            dumps.check(s, database, file)
            _check_no_connections(s, database)
        for database, file in files.items():
            dumps.load(s, database, file)
            log.info("restored %s from %s", database, name)
    return name


def rewind(s: Settings, name: str) -> int:
    """Let the consumer read the bars since a backup again, and return how many messages that are.

    What is stored already comes again without effect. Raises BrokerUnavailable where Kafka does not answer, or a
    consumer runs.
    """
    since = datetime.strptime(name, NAME).replace(tzinfo=UTC) - MARGIN
    return broker.rewind(s, broker.Topics.of(s).bars, broker.consumer_group(s), since.timestamp())


def _now() -> str:
    return datetime.now(UTC).strftime(NAME)


def _check_no_connections(s: Settings, database: str) -> None:
    if others := dumps.connected_programs(s, database):
        programs = ", ".join(others)
        raise StoreUnavailable(
            f"programs are connected to the database {database} ({programs}): stop them, then restore"
        )

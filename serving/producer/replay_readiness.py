"""What the replay of a file's holdout waits for: the file's own bars, and the model that was trained on the rest."""

from stock_ml.adapters.lake import Lake
from stock_ml.adapters.mlflow.rest import champion, tags
from stock_ml.adapters.postgres.connection import ServiceState
from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.config import Settings
from stock_ml.errors import BadFile, NoBars, RegistryUnavailable, StoreUnavailable
from stock_ml.sources.csv_files import CsvFiles
from stock_ml.training.version_tags import is_compatible

FRESH = 10.0  # seconds: an older report of the consumer does not count
NO_CHAMPION = "waiting for a champion trained for these settings and this file: train_model makes it"
NOT_SERVED = "waiting for the consumer to serve the champion: every replayed bar gets its forecast"
OTHER_BARS = "waiting for clean bars of this file: ingest_bars makes them"


class Readiness:
    """Check whether a replay may begin."""

    def __init__(self, s: Settings, store: ForecastStore) -> None:
        self._s, self._store = s, store
        self._lake, self._file = Lake.connect(s), CsvFiles.connect(s)

    def missing(self) -> str | None:
        """Return what the replay waits for, None where every bar of the holdout would get its forecast."""
        try:
            version = champion(self._s)
            if version is None or not is_compatible(tags(version), self._s):
                return NO_CHAMPION
            if not serves(self._store.read_state("consumer"), version.version):
                return NOT_SERVED
            return None if self._lake.origins(self._s.symbols) == self._file.digests(self._s.symbols) else OTHER_BARS
        except (RegistryUnavailable, StoreUnavailable, BadFile, NoBars) as error:
            return str(error)


def serves(consumer: ServiceState | None, version: str) -> bool:
    """Say whether the consumer told just now that it serves a version."""
    return consumer is not None and consumer.state.get("model_version") == version and consumer.age < FRESH

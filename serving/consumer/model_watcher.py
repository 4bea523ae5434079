"""Watch which model is champion, from a thread of its own: an MLflow that hangs must not delay the stream."""

import logging
from collections.abc import Callable
from threading import Event, Thread
from typing import Protocol

from serving.common.logs import line
from serving.consumer.predict import Models, Serving
from stock_ml.adapters.mlflow.records import ModelVersion
from stock_ml.errors import ModelError, RegistryUnavailable
from stock_ml.model.feature_schema import FeatureSchema
from stock_ml.model.scorer import Scorer

log = logging.getLogger(__name__)
NONE_YET = "waiting for a champion"


class ModelRegistry(Protocol):
    """Return which version is champion, which one is challenger, and load one."""

    def champion(self) -> ModelVersion | None: ...
    def challenger(self) -> ModelVersion | None: ...
    def load(self, version: str) -> Scorer: ...


class ChampionStorage(Protocol):
    """Keep the champion that served last."""

    def write(self, serving: Serving) -> None: ...
    def read(self) -> Serving | None: ...


class ModelSlot:
    """Hold the version of one alias in memory; one that cannot serve never replaces the one before."""

    def __init__(self, load: Callable[[str], Scorer], schema: FeatureSchema) -> None:
        self._load, self._schema = load, schema
        self._rejected: tuple[str | None, str | None] = None, None
        self.serving: Serving | None = None

    def switch(self, ref: ModelVersion) -> str | None:
        """Load a version if it is a new one; return why it does not serve, None if it does.

        Raises RegistryUnavailable.
        """
        if self.serving and ref.version == self.serving.version:
            return None
        if ref.version == self._rejected[0]:
            return self._rejected[1]
        try:
            scorer = self._load(ref.version)
            scorer.check(self._schema)
        except RegistryUnavailable:
            raise
        except ModelError as error:
            self._rejected = ref.version, f"version {ref.version} is refused: {error}"
            log.warning(line("refused", model_version=ref.version, reason=error))
            return self._rejected[1]
        self.serving = Serving(ref.version, ref.run_id, scorer)
        log.info(line("serving", model_version=ref.version, run_id=ref.run_id))
        return None

    def restore(self, known: Serving | None) -> None:
        """Serve what served before a restart, where it fits."""
        try:
            if known is not None:
                known.scorer.check(self._schema)
        except ModelError as error:
            log.warning(line("refused", model_version=known and known.version, reason=error))
            return
        self.serving = known

    def clear(self) -> None:
        """Serve none."""
        self.serving = None


class ModelWatcher:
    """Hold the models that forecast; a refresh may replace them.

    While MLflow is away after a restart, the champion of before serves, as `kept` has it.
    """

    def __init__(self, registry: ModelRegistry, schema: FeatureSchema, kept: ChampionStorage | None = None) -> None:
        self._registry, self._kept = registry, kept
        self._champion, self._challenger = (ModelSlot(registry.load, schema) for _ in range(2))
        self._fault: str | None = "waiting for MLflow"
        self._is_known, self._kept_unread = False, True

    @property
    def models(self) -> Models:
        """Return the models that forecast."""
        return Models(self._champion.serving, self._challenger.serving)

    @property
    def is_known(self) -> bool:
        """Say whether MLflow has answered once, or the champion of before a restart serves.

        Before that it is not known whether bars can be forecast.
        """
        return self._is_known

    @property
    def fault(self) -> str | None:
        """Return why the champion does not serve, None if it serves."""
        return self._fault

    def refresh(self) -> None:
        """Load the versions that are champion and challenger now, where they are new."""
        try:
            champion = self._registry.champion()
            fault = self._switch(champion)
            self._is_known = True
            self._fault = fault
            self._refresh_challenger(champion)
        except RegistryUnavailable as error:
            self._fault = str(error)
            self._restore()

    def watch(self, stopping: Event, seconds: float = 1.0) -> Thread:
        """Refresh once a second until stopped; a thread that dies stops the process, and its supervisor restarts it."""

        def loop() -> None:
            try:
                while not stopping.is_set():
                    self.refresh()
                    stopping.wait(seconds)
            finally:
                stopping.set()

        thread = Thread(target=loop, name="champion", daemon=True)
        thread.start()
        return thread

    def _switch(self, champion: ModelVersion | None) -> str | None:
        before = self._champion.serving
        if champion is None:
            return None if before else NONE_YET
        fault = self._champion.switch(champion)
        now = self._champion.serving
        if self._kept and now and now is not before:
            self._kept.write(now)
        return fault

    def _restore(self) -> None:
        kept, self._kept_unread = self._kept if self._kept_unread else None, False
        if self._is_known or kept is None:
            return
        self._champion.restore(kept.read())
        if (known := self._champion.serving) is not None:
            log.warning(line("serving as before the restart", model_version=known.version, reason=self._fault))
            self._is_known = True

    def _refresh_challenger(self, champion: ModelVersion | None) -> None:
        challenger = self._registry.challenger()
        if challenger is None or (champion and challenger.version == champion.version):
            self._challenger.clear()  # there is none, or it became champion
        else:
            self._challenger.switch(challenger)  # why it cannot serve is in the log

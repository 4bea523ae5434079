"""Watch which model is champion, from a thread of its own: an MLflow that hangs must not hold up the stream."""

import logging
from threading import Event, Thread
from typing import Any, Protocol

from serving.forecasting import Serving
from serving.logs import line
from stock_ml.adapters.registry import ChampionRef
from stock_ml.errors import ModelError, RegistryUnavailable
from stock_ml.scorer import Scorer

log = logging.getLogger(__name__)
NONE_YET = "waiting for a champion"


class Models(Protocol):
    """Say which version is champion, and load one."""

    def champion(self) -> ChampionRef | None: ...
    def load(self, version: str) -> Scorer: ...


class Champion:
    """Hold the model that serves; it changes between two looks, and an unfit one never takes its place."""

    def __init__(self, models: Models, schema: dict[str, Any]) -> None:
        self._models, self._schema = models, schema
        self._serving: Serving | None = None
        self._refused: str | None = None
        self._trouble: str | None = "waiting for MLflow"
        self._settled = False

    @property
    def serving(self) -> Serving | None:
        """Return the model that serves."""
        return self._serving

    @property
    def settled(self) -> bool:
        """Say whether MLflow has answered once: before that, nobody knows whether bars can be forecast."""
        return self._settled

    @property
    def trouble(self) -> str | None:
        """Return what keeps the champion from serving, None if it serves."""
        return self._trouble

    def look(self) -> None:
        """Ask once which version is champion, and load it if it is another one."""
        try:
            champion = self._models.champion()
            if champion is None:
                self._say(None if self._serving else NONE_YET)
            elif self._serving and champion.version == self._serving.version:
                self._say(None)
            elif champion.version != self._refused:
                self._load(champion)
            self._settled = True
        except RegistryUnavailable as error:
            self._say(str(error))

    def watch(self, stopping: Event, seconds: float = 1.0) -> Thread:
        """Look again and again until stopped; what ends the watch unasked stops the process, to be started anew."""

        def watched() -> None:
            try:
                while not stopping.is_set():
                    self.look()
                    stopping.wait(seconds)
            finally:
                stopping.set()

        thread = Thread(target=watched, name="champion", daemon=True)
        thread.start()
        return thread

    def _load(self, champion: ChampionRef) -> None:
        try:
            scorer = self._models.load(champion.version)
            scorer.check(self._schema)
        except RegistryUnavailable:
            raise
        except ModelError as error:
            self._refused = champion.version
            self._say(f"version {champion.version} is refused: {error}")
        else:
            self._serving = Serving(champion.version, champion.run_id, scorer)
            log.info(line("serving", model_version=champion.version, run_id=champion.run_id))
            self._say(None)

    def _say(self, trouble: str | None) -> None:
        self._trouble = trouble

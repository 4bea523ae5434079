"""Watch which model is champion, from a thread of its own: an MLflow that hangs must not hold up the stream."""

import logging
from collections.abc import Callable
from threading import Event, Thread
from typing import Any, Protocol

from serving.common.logs import line
from serving.consumer.predict import Models, Serving
from stock_ml.adapters.mlflow.registry import ChampionRef
from stock_ml.errors import ModelError, RegistryUnavailable
from stock_ml.model.scorer import Scorer

log = logging.getLogger(__name__)
NONE_YET = "waiting for a champion"


class Registered(Protocol):
    """Say which version is champion, which one challenges it, and load one."""

    def champion(self) -> ChampionRef | None: ...
    def challenger(self) -> ChampionRef | None: ...
    def load(self, version: str) -> Scorer: ...


class Loaded:
    """Keep the version of one alias loaded; an unfit one never takes the place of the one before."""

    def __init__(self, load: Callable[[str], Scorer], schema: dict[str, Any]) -> None:
        self._load, self._schema = load, schema
        self._refused: tuple[str | None, str | None] = None, None
        self.serving: Serving | None = None

    def follow(self, ref: ChampionRef) -> str | None:
        """Load a version if it is another one; return why it does not serve, None if it does.

        Raises RegistryUnavailable.
        """
        if self.serving and ref.version == self.serving.version:
            return None
        if ref.version == self._refused[0]:
            return self._refused[1]
        try:
            scorer = self._load(ref.version)
            scorer.check(self._schema)
        except RegistryUnavailable:
            raise
        except ModelError as error:
            self._refused = ref.version, f"version {ref.version} is refused: {error}"
            log.warning(line("refused", model_version=ref.version, reason=error))
            return self._refused[1]
        self.serving = Serving(ref.version, ref.run_id, scorer)
        log.info(line("serving", model_version=ref.version, run_id=ref.run_id))
        return None

    def drop(self) -> None:
        """Keep none."""
        self.serving = None


class Champion:
    """Hold the models that forecast; they change between two looks."""

    def __init__(self, registered: Registered, schema: dict[str, Any]) -> None:
        self._registered = registered
        self._champion, self._challenger = (Loaded(registered.load, schema) for _ in range(2))
        self._trouble: str | None = "waiting for MLflow"
        self._settled = False

    @property
    def models(self) -> Models:
        """Return who forecasts."""
        return Models(self._champion.serving, self._challenger.serving)

    @property
    def settled(self) -> bool:
        """Say whether MLflow has answered once: before that, nobody knows whether bars can be forecast."""
        return self._settled

    @property
    def trouble(self) -> str | None:
        """Return what keeps the champion from serving, None if it serves."""
        return self._trouble

    def look(self) -> None:
        """Ask once which versions are champion and challenger, and load those that are others."""
        try:
            champion = self._registered.champion()
            if champion is None:
                trouble = None if self._champion.serving else NONE_YET
            else:
                trouble = self._champion.follow(champion)
            self._settled = True
            self._trouble = trouble
            self._look_at_challenger(champion)
        except RegistryUnavailable as error:
            self._trouble = str(error)

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

    def _look_at_challenger(self, champion: ChampionRef | None) -> None:
        challenger = self._registered.challenger()
        if challenger is None or (champion and challenger.version == champion.version):
            self._challenger.drop()  # nobody challenges, or the challenger won
        else:
            self._challenger.follow(challenger)  # an unfit one is told in the log

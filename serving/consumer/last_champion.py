"""Keep the champion that served last in a file: a consumer that restarts while MLflow is away serves it again."""

import json
import logging
import os
from pathlib import Path

from serving.common.logs import line
from serving.consumer.predict import Serving
from stock_ml.config import Settings
from stock_ml.errors import ModelError
from stock_ml.model.scorer import Scorer

log = logging.getLogger(__name__)


class ChampionFile:
    """Write and read the champion's parameters. A file that cannot be used is logged, and stops nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def of(cls, s: Settings) -> "ChampionFile":
        """Return the file of this installation."""
        return cls(s.state / "consumer" / "champion.json")

    def write(self, serving: Serving) -> None:
        """Replace the champion in one step: a reader finds the old one or the new one."""
        text = json.dumps(serving._asdict() | {"scorer": serving.scorer.to_json()})
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(self._path)
        except OSError as error:
            log.warning(line("champion not kept", path=self._path, reason=error))

    def read(self) -> Serving | None:
        """Return the champion that was written last, None where there is none."""
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            return Serving(kept["version"], kept["run_id"], Scorer.from_json(kept["scorer"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError, ModelError) as error:
            log.warning(line("champion not read", path=self._path, reason=error))
            return None

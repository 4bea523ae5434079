"""What a model was trained on, kept small: by feature its tenths, and how far its own sessions were from the whole."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stock_ml.errors import ModelError
from stock_ml.evaluation import psi as drift

LONGEST = 20  # sessions that are compared at once
WHOLE = 0.9  # a session with fewer of the rows that a usual one has began late or lost some: its hours are others
Floats = NDArray[np.float64]


class Drift(NamedTuple):
    """Hold a feature's PSI, and how far it is beyond the worst that as many sessions of the training sample had."""

    psi: float
    beyond: float


class Session(NamedTuple):
    """Hold the features of all symbols in one session, (n, k), and how many rows there could be: minutes × symbols."""

    features: Floats
    possible: int


@dataclass(frozen=True)
class Population:
    """Describe a training sample of a feature schema; `trained_until` is in UTC epoch seconds.

    `density` is a session's usual share of possible rows. By feature, in the order of the names: `edges` part the
    sample into tenths of which it has the `shares`, and `usual` is the largest PSI against all of it that 1, 2, …
    successive sessions had.
    """

    schema: str
    symbols: tuple[str, ...]
    trained_until: int
    density: float
    edges: dict[str, tuple[float, ...]]
    shares: dict[str, tuple[float, ...]]
    usual: dict[str, tuple[float, ...]]

    @property
    def longest(self) -> int:
        """Return how many sessions can be compared at once."""
        return min((len(worst) for worst in self.usual.values()), default=0)

    def whole(self, session: Session) -> bool:
        """Say whether a session has about as many rows as those trained on, so that its hours are the same."""
        return len(session.features) >= WHOLE * self.density * session.possible

    def drift(self, live: Sequence[Session]) -> dict[str, Drift]:
        """Return how far each feature of at most `longest` whole sessions is from the sample; nothing of none."""
        rows = np.concatenate([np.empty((0, len(self.edges))), *(session.features for session in live)])
        if len(rows) == 0:
            return {}
        return {name: self._drift(name, rows[:, j], len(live)) for j, name in enumerate(self.edges)}

    def _drift(self, name: str, values: Floats, sessions: int) -> Drift:
        now = drift.shares(drift.counts(values, np.array(self.edges[name])))
        found = drift.index(np.array(self.shares[name]), now)
        return Drift(found, max(0.0, found - self.usual[name][sessions - 1]))

    def to_json(self) -> str:
        """Return it as JSON, some kilobytes; `from_json` gives back the same."""
        return json.dumps(asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "Population":
        """Read what `to_json` wrote. Raises ModelError where it is damaged."""
        try:
            given: dict[str, Any] = json.loads(text)
            parts = {part: {name: tuple(v) for name, v in given[part].items()} for part in ("edges", "shares", "usual")}
            return cls(**(given | parts | {"symbols": tuple(given["symbols"])}))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ModelError(f"what a model was trained on cannot be read ({error!r}): train again") from error


def population(known: Mapping[str, Any], names: Sequence[str], sessions: Sequence[Session]) -> Population:
    """Describe successive sessions, at least one of them with rows, of features `names`.

    `known` are `schema`, `symbols` and `trained_until`. Sessions that are not whole stay out.
    """
    full = [session for session in sessions if session.possible]
    density = float(np.median([len(session.features) / session.possible for session in full]))
    kept = [session for session in full if len(session.features) >= WHOLE * density * session.possible]
    rows = np.concatenate([session.features for session in kept])
    edges = {name: drift.edges(rows[:, j]) for j, name in enumerate(names)}
    counted = {
        name: np.array([drift.counts(session.features[:, j], edges[name]) for session in kept])
        for j, name in enumerate(names)
    }
    shares = {name: drift.shares(found.sum(axis=0)) for name, found in counted.items()}
    usual = {name: _usual(found, shares[name]) for name, found in counted.items()}
    told = [{name: tuple(values.tolist()) for name, values in part.items()} for part in (edges, shares)]
    return Population(**known, density=density, edges=told[0], shares=told[1], usual=usual)


def _usual(counted: Floats, all_of_it: Floats) -> tuple[float, ...]:
    """Return the largest PSI of each number of successive sessions, up to half of them; `counted` is (sessions, b)."""
    return tuple(
        max(drift.index(all_of_it, drift.shares(counted[i : i + n].sum(axis=0))) for i in range(len(counted) - n + 1))
        for n in range(1, min(LONGEST, len(counted) // 2) + 1)
    )

"""Profile the features that a model was trained on: deciles, and the largest drift among the training sessions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stock_ml.errors import ModelError
from stock_ml.evaluation.psi import bin_counts, bin_edges, bin_shares, psi

BY_FEATURE = ("edges", "shares", "usual")
MAX_COMPARED = 20  # sessions that are compared at once
MIN_COMPLETE = 0.9  # of the rows of a usual session; with fewer, it began late or lost some: its hours differ
Floats = NDArray[np.float64]


class Drift(NamedTuple):
    """Hold a feature's PSI, and its excess over the worst that as many sessions of the training sample had."""

    psi: float
    excess: float


class Session(NamedTuple):
    """Hold the features of all symbols in one session, (n, k), and how many rows there could be: minutes × symbols."""

    features: Floats
    possible: int

    def is_complete(self, density: float) -> bool:
        """Say whether it has about the share `density` of its possible rows, so that its hours are the usual ones."""
        return len(self.features) >= MIN_COMPLETE * density * self.possible


class Sample(NamedTuple):
    """Identify a training sample: hash of its feature schema, symbols, and its end in UTC epoch seconds."""

    schema: str
    symbols: tuple[str, ...]
    trained_until: int


@dataclass(frozen=True)
class ReferenceProfile:
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

    def drift(self, live: Sequence[Session]) -> dict[str, Drift]:
        """Return how far each feature of at most `longest` whole sessions is from the sample; nothing of none."""
        rows = np.concatenate([np.empty((0, len(self.edges))), *(session.features for session in live)])
        if len(rows) == 0:
            return {}
        return {name: self._drift(name, rows[:, j], len(live)) for j, name in enumerate(self.edges)}

    def _drift(self, name: str, values: Floats, sessions: int) -> Drift:
        now = bin_shares(bin_counts(values, np.array(self.edges[name])))
        index = psi(np.array(self.shares[name]), now)
        return Drift(index, max(0.0, index - self.usual[name][sessions - 1]))

    def to_json(self) -> str:
        """Return it as JSON, some kilobytes; `from_json` gives back the same."""
        return json.dumps(asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "ReferenceProfile":
        """Read what `to_json` wrote. Raises ModelError where it is damaged."""
        try:
            record = json.loads(text)
            parts = {part: {name: tuple(v) for name, v in record[part].items()} for part in BY_FEATURE}
            return cls(**(record | parts | {"symbols": tuple(record["symbols"])}))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ModelError(f"what a model was trained on cannot be read ({error!r}): train again") from error


def reference_profile(sample: Sample, names: Sequence[str], sessions: Sequence[Session]) -> ReferenceProfile:
    """Profile successive sessions, at least one of them with rows, of features `names`; leave incomplete ones out."""
    full = [session for session in sessions if session.possible]
    density = float(np.median([len(session.features) / session.possible for session in full]))
    complete = [session for session in full if session.is_complete(density)]
    rows = np.concatenate([session.features for session in complete])
    edges = {name: bin_edges(rows[:, j]) for j, name in enumerate(names)}
    counts = {
        name: np.array([bin_counts(session.features[:, j], edges[name]) for session in complete])
        for j, name in enumerate(names)
    }
    shares = {name: bin_shares(found.sum(axis=0)) for name, found in counts.items()}
    usual = {name: _largest_psi(found, shares[name]) for name, found in counts.items()}
    return ReferenceProfile(*sample, density, _plain(edges), _plain(shares), usual)


def _plain(parts: Mapping[str, Floats]) -> dict[str, tuple[float, ...]]:
    return {name: tuple(values.tolist()) for name, values in parts.items()}


def _largest_psi(counts: Floats, usual_shares: Floats) -> tuple[float, ...]:
    """Return the largest PSI of each number of successive sessions, up to half of them; `counts` is (sessions, b)."""
    return tuple(
        max(psi(usual_shares, bin_shares(counts[i : i + n].sum(axis=0))) for i in range(len(counts) - n + 1))
        for n in range(1, min(MAX_COMPARED, len(counts) // 2) + 1)
    )

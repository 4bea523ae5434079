"""Compare the live bars of a session with its settled ones."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class LiveCloses(NamedTuple):
    """Hold a symbol's received bars of a session: `ts` in UTC epoch seconds, `close`, `revision`, (n,) each."""

    ts: np.ndarray
    close: np.ndarray
    revision: np.ndarray


class SettledCloses(NamedTuple):
    """Hold a symbol's settled bars of a session: `ts` in UTC epoch seconds and `close`, (n,) each."""

    ts: np.ndarray
    close: np.ndarray


class LiveBarsReport(NamedTuple):
    """Hold how the live bars of a `session` differ from the settled ones.

    Minutes that both have are `compared`; `missing_live` and `only_live` have one of them alone. `differ` is the share
    of the compared minutes with another close, `median_bp` and `largest_bp` by how much these differ, in basis points
    of log return, None where none does. `corrected` is the share of live minutes that the feed corrected.
    """

    session: str
    compared: int
    missing_live: int
    only_live: int
    differ: float
    median_bp: float | None
    largest_bp: float | None
    corrected: float


def live_bars_report(session: str, symbols: Iterable[tuple[LiveCloses, SettledCloses]]) -> LiveBarsReport | None:
    """Return the report on a session's bars of several symbols, None where no minute can be compared."""
    parts = list(symbols)
    changes = [_changes(live, settled) for live, settled in parts]
    change = np.concatenate([np.zeros(0), *changes])
    if len(change) == 0:
        return None
    live, settled = (sum(len(pair[side].ts) for pair in parts) for side in (0, 1))
    corrected = sum(int((live.revision > 0).sum()) for live, _ in parts)
    other = change[change > 0]
    return LiveBarsReport(
        session=session,
        compared=len(change),
        missing_live=settled - len(change),
        only_live=live - len(change),
        differ=len(other) / len(change),
        median_bp=float(np.median(other)) if len(other) else None,
        largest_bp=float(other.max()) if len(other) else None,
        corrected=corrected / live,
    )


def _changes(live: LiveCloses, settled: SettledCloses) -> np.ndarray:
    """Return by how many basis points the closes of the minutes differ that both have, (n,)."""
    _, ours, theirs = np.intersect1d(live.ts, settled.ts, assume_unique=True, return_indices=True)
    return np.asarray(np.abs(np.log(settled.close[theirs] / live.close[ours])) * 1e4)

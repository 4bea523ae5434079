"""Which versions of bars are known, and in which order the versions in new messages take effect."""

from typing import NamedTuple

import numpy as np

from serving.common.decode_bars import BarBatch


class Revisions:
    """Keep by slot the minutes in memory whose newest version is a correction, with its number; others have 0."""

    def __init__(self) -> None:
        self._known: dict[int, dict[int, int]] = {}

    def reset(self, slots: np.ndarray, bars: BarBatch) -> None:
        """Replace what is known of some symbols by their `bars`."""
        for slot in slots.tolist():
            self._known.pop(slot, None)
        at = np.flatnonzero(bars.revision)
        columns = (column[at].tolist() for column in (bars.slot, bars.ts, bars.revision))
        for slot, ts, revision in zip(*columns, strict=True):
            self._known.setdefault(slot, {})[ts] = revision

    def of(self, slot: int, ts: np.ndarray) -> np.ndarray:
        """Return the numbers of a symbol's newest versions, (n,)."""
        known = self._known.get(slot, {})
        return np.array([known.get(one, 0) for one in ts.tolist()] if known else [0] * len(ts), dtype=np.int16)

    def concern(self, bars: BarBatch) -> np.ndarray:
        """Say of bars whether their symbol has one whose version must be compared with others, (n,)."""
        compared = bars.revision > 0
        if self._known:
            for place in np.flatnonzero(np.isin(bars.slot, list(self._known))).tolist():
                compared[place] |= int(bars.ts[place]) in self._known[int(bars.slot[place])]
        return np.isin(bars.slot, bars.slot[compared]) if compared.any() else compared


class Versions(NamedTuple):
    """Hold the new versions of a symbol's bars in `runs`, one after another, and the `older` ones, of which newer ones
    are known.

    A run has each minute once. Its corrections of known bars come first: no bar before them knows of them.
    """

    runs: list[BarBatch]
    older: BarBatch


def in_turn(history: BarBatch, bars: BarBatch) -> Versions:
    """Return the bars of ONE symbol, in the order of their messages, without those that are known."""
    newest = dict(zip(history.ts.tolist(), history.revision.tolist(), strict=True))
    begins, chosen, older, corrects, since = [0], list[int](), list[int](), True, set[int]()
    for place, (ts, revision) in enumerate(zip(bars.ts.tolist(), bars.revision.tolist(), strict=True)):
        known = newest.get(ts, -1)
        if revision > known:
            if known >= 0 and (not corrects or ts in since):
                begins.append(len(chosen))
                since.clear()
            chosen.append(place)
            since.add(ts)
            newest[ts], corrects = revision, known >= 0
        elif revision < known:
            older.append(place)
    new = bars.select(np.array(chosen, dtype=np.int64))
    runs = [new.select(slice(*span)) for span in zip(begins, [*begins[1:], len(chosen)], strict=True)]
    return Versions([run for run in runs if len(run)], bars.select(np.array(older, dtype=np.int64)))

"""Revisions: what a source changed of earlier bars, and whether one ratio explains it, as a split does."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from stock_ml.domain.bars import PRICES
from stock_ml.domain.ingest_records import RevisionNote

RATIO_TOLERANCE = 2e-3  # prices come rounded to cents: of a split price a little more than that is lost
MIN_CHANGE = 0.01  # a ratio nearer to one is no split and no dividend worth the name
MAX_SHOWN = 5


class Revision(NamedTuple):
    """Hold what differs where two responses overlap.

    `compared` minutes, `changed` and `removed` ones among them, the `first` of either, the names of a few, and the
    `ratio` of new prices to old where one explains them all, else None.
    """

    compared: int
    changed: int
    removed: int
    first: str | None
    shown: list[str]
    ratio: float | None

    @property
    def any(self) -> bool:
        """Say whether anything differs."""
        return self.changed + self.removed > 0

    def note(self, before: str, after: str) -> RevisionNote:
        """Return it for a report, with the keys of the two responses."""
        return {
            "compared": self.compared,
            "changed": self.changed,
            "removed": self.removed,
            "first": self.first,
            "shown": self.shown,
            "ratio": self.ratio,
            "before": before,
            "after": after,
        }


def compare(before: pd.DataFrame, after: pd.DataFrame) -> Revision:
    """Compare two responses for the same bars, frames as `parsing.read` returns them.

    The newest minute of the older response is left out, for it may still have been forming; of rows that come twice the
    last one counts. Volumes are left out: vendors mend them for days.
    """
    old, new = (
        frame.drop_duplicates("label", keep="last").set_index("label").sort_index() for frame in (before, after)
    )
    old = old.iloc[:-1]
    removed = old.index[(old.index >= new.index.min()) & (old.index <= new.index.max())].difference(new.index)
    both = old.index.intersection(new.index)
    was, now = (frame.loc[both, PRICES].to_numpy(np.float64) for frame in (old, new))
    changed = both[(was != now).any(axis=1)]
    moments = sorted([*changed, *removed])
    shown = [str(moment) for moment in moments[:MAX_SHOWN]]
    ratio = _ratio(was, now) if len(changed) else None
    return Revision(len(both) + len(removed), len(changed), len(removed), shown[0] if shown else None, shown, ratio)


def _ratio(was: np.ndarray, now: np.ndarray) -> float | None:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = (now / was).ravel()
    middle = float(np.median(ratios))
    alike = np.isfinite(middle) and bool((np.abs(ratios - middle) <= RATIO_TOLERANCE * middle).all())
    return middle if alike and abs(middle - 1) >= MIN_CHANGE else None

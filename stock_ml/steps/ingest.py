"""Download what is missing, as received. It may run again at any time, and goes on where it was."""

import logging
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from stock_ml.adapters.lake import Lake
from stock_ml.adapters.request_ledger import spender
from stock_ml.adapters.sources.table import Source, open_source
from stock_ml.config import Settings
from stock_ml.errors import BadFile, DailyLimit, NoBars
from stock_ml.received import read
from stock_ml.revisions import Revision, compare
from stock_ml.steps.answers import WHOLE_FILE
from stock_ml.steps.cleaning import clean_symbol
from stock_ml.steps.planning import plan, whole

Item = dict[str, Any]
log = logging.getLogger(__name__)

__all__ = ["clean_symbol", "download", "plan"]


def download(s: Settings, item: Item) -> Item:
    """Store what the source answers for each month of the item {"symbol", "months"}, as received.

    Return the item with `raw` (keys by month) and `revisions` (by month, where an answer differs from the one before).
    A past month that was received whole is not asked for again, unless a later one was revised: then months are asked
    for again, back to one that has not changed. A month without bars is left out where the source has others of the
    symbol. Raises the source's own errors, BadFile, or StoreUnavailable; a spent day names what is left.
    """
    return download_from(open_source(s, spender(s)), s, item)


def download_from(source: Source, s: Settings, item: Item) -> Item:
    """Do what `download` says, from this source."""
    work = _Work(s, Lake.connect(s), source, str(item["symbol"]))
    months = list(item["months"])
    for at, month in enumerate(months):
        try:
            work.get(month)
        except DailyLimit as error:
            raise _left(s, work, months[at:], error) from error
    if work.refused and not work.raw and not work.lake.clean_months(work.symbol):
        raise work.refused
    work.lake.quality.write_left(work.symbol, [])
    return {**item, "months": sorted({*months, *work.raw}), "raw": work.raw, "revisions": work.revisions}


@dataclass
class _Work:
    """Collect the answers of one symbol."""

    s: Settings
    lake: Lake
    source: Source
    symbol: str
    raw: dict[str, str] = field(default_factory=dict)
    revisions: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: NoBars | None = None

    def get(self, month: str) -> None:
        """Take the whole month that is stored, or ask for it, and for earlier ones while they turn out revised."""
        if key := whole(self.s, self.lake, self.symbol, month):
            self.raw[month] = key
            return
        revised = self._ask(month)
        for earlier in reversed([known for known in self._known() if known < month]) if revised else ():
            log.warning("%s %s was revised: asking for %s again", self.symbol, month, earlier)
            if not self._ask(earlier):
                return

    def _ask(self, month: str) -> bool:
        """Fetch and store a month, and say whether it differs from what was stored before."""
        before = None if month == WHOLE_FILE else self.lake.newest_raw(self.symbol, month)
        try:
            self.raw[month] = self.lake.put_raw(self.source.fetch(self.symbol, month))
        except NoBars as error:
            self.refused = error
            return False
        if before is None or before[0] == self.raw[month]:
            return False
        old, new = self._rows(before[0]), self._rows(self.raw[month])
        if old is None or new is None:
            return False
        found = compare(old, new)
        self._note(month, before[0], found)
        return found.any

    def _rows(self, key: str) -> pd.DataFrame | None:
        """Return an answer's rows; of one that cannot be read none: cleaning refuses it, and says why."""
        try:
            return read(self.lake.get_raw(key))
        except BadFile as error:
            log.warning("%s is not compared: %s", key, error)
            return None

    def _note(self, month: str, before: str, found: Revision) -> None:
        if found.any:
            told = found.told() | {"before": before, "after": self.raw[month]}
            self.revisions[month] = told
            kind = f"prices are {found.ratio:g} times what they were" if found.ratio else "no one ratio explains it"
            minutes = f"{found.changed} minutes changed, {found.removed} gone of {found.compared}"
            log.warning("%s %s was revised: %s, first %s; %s", self.symbol, month, minutes, found.first, kind)

    def _known(self) -> list[str]:
        return [month for month in self.lake.clean_months(self.symbol) if self.lake.raw_keys(self.symbol, month)]


def _left(s: Settings, work: _Work, months: list[str], error: DailyLimit) -> DailyLimit:
    left = [month for month in months if whole(s, work.lake, work.symbol, month) is None]
    key = work.lake.quality.write_left(work.symbol, left)
    return DailyLimit(f"{error}. Left of {work.symbol}: {', '.join(left)}; noted in {key}, the next run goes on there")

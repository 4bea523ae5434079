"""Fetch a symbol's months, and earlier ones again while the source has revised them."""

import logging
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from stock_ml.adapters.lake import Lake
from stock_ml.adapters.market_clock import open_clock
from stock_ml.config import Settings
from stock_ml.domain.ingest_records import LastRequest, RevisionNote
from stock_ml.domain.outliers import NEAREST
from stock_ml.domain.splits import level_ratio
from stock_ml.errors import BadFile, NoBars
from stock_ml.ingestion.plan import complete_response, is_empty
from stock_ml.ingestion.revisions import Revision, compare
from stock_ml.sources.parsing import WHOLE_FILE, read
from stock_ml.sources.parsing.rows import traded
from stock_ml.sources.registry import Source

log = logging.getLogger(__name__)


@dataclass
class MonthFetcher:
    """Collect a symbol's responses: `raw` their keys by month, `revisions` what was changed, `no_bars` the last NoBars.

    A response is compared with the one that the month's clean bars were made from. So a run that dies after it stored
    a revised answer loses nothing: until that is clean, the next run finds the same revision. What was received since
    the run was planned is not requested again: another try of a task goes on where the one before was.
    """

    s: Settings
    lake: Lake
    source: Source
    symbol: str
    force: bool = False  # request what is stored whole too
    planned_at: float | None = None  # the source's clock, UTC epoch seconds; None where no run planned it
    raw: dict[str, str] = field(default_factory=dict)
    revisions: dict[str, RevisionNote] = field(default_factory=dict)
    no_bars: NoBars | None = None
    _requested: set[str] = field(default_factory=set)

    def fetch(self, month: str) -> None:
        """Use the whole month that is stored, or request it, and earlier ones while they turn out revised."""
        before = self._previous_key(month)
        if key := self._received(month):
            self.raw[month] = key
        elif self.force or not is_empty(self.s, self.lake, self.symbol, month):
            self._request(month)
        if self._is_revised(month, before) or self._opens_at_a_split(month):
            self._fetch_earlier(month)

    def _received(self, month: str) -> str | None:
        """Return the key of the stored response that is as new as the run wants it, None where none is."""
        if not self.force:
            wanted = self._now() if self.planned_at is None else self.planned_at
            return complete_response(self.s, self.lake, self.symbol, month, wanted)
        newest = None if month == WHOLE_FILE else self.lake.newest_raw(self.symbol, month)
        if self.planned_at is None or newest is None or newest[1] < self.planned_at:
            return None
        return None if self.lake.quality.has_failed(self.symbol, month, newest[0]) else newest[0]

    def _now(self) -> float:
        return open_clock(self.s).now()

    def _opens_at_a_split(self, month: str) -> bool:
        """Say whether a month of which nothing is clean yet may be on another scale than the clean one before it."""
        clean = self.lake.clean_months(self.symbol)
        earlier = [known for known in clean if known < month]
        if month == WHOLE_FILE or month not in self.raw or month in clean or not earlier:
            return False
        rows, clean_rows = self._rows(self.raw[month]), self.lake.read_month(self.symbol, earlier[-1])
        if rows is None:
            return False
        # several bars of both: a single one may be an outlier
        first = rows.sort_values("label")["open"].to_numpy(np.float64)[:NEAREST]
        return level_ratio(clean_rows["close"].to_numpy(np.float64)[-NEAREST:], first) != 1.0

    def _fetch_earlier(self, month: str) -> None:
        for earlier in reversed([known for known in self._stored_months() if known < month]):
            if earlier not in self._requested and not self._refetch(earlier):
                return

    def _refetch(self, month: str) -> bool:
        """Request it again, unless a dead run has done so since the month was cleaned; say whether it was revised."""
        before, newest = self._previous_key(month), self.lake.newest_raw(self.symbol, month)
        if newest and not self.lake.quality.has_failed(self.symbol, month, newest[0]):
            self.raw[month] = newest[0]
            if self._is_revised(month, before):
                return True
        log.warning("%s was revised after %s: asking for that month again", self.symbol, month)
        self._request(month)
        return self._is_revised(month, before)

    def _previous_key(self, month: str) -> str | None:
        """Return the key of the response that clean bars are made from; where there are none, of the newest one."""
        if month == WHOLE_FILE:
            return None
        report = self.lake.read_quality(self.symbol, month)
        if report and self.lake.objects.head(report["raw"]):
            return str(report["raw"])
        newest = self.lake.newest_raw(self.symbol, month)
        return newest[0] if newest else None

    def _request(self, month: str) -> None:
        self._requested.add(month)
        try:
            self.raw[month] = self.lake.put_raw(self.source.fetch(self.symbol, month))
        except NoBars as error:
            log.warning("%s %s: %s: %s", self.symbol, month, type(error).__name__, error)
            self.no_bars = error
            self._store_no_bars(month)

    def _store_no_bars(self, month: str) -> None:
        if month != WHOLE_FILE:
            now, before = self._now(), self.lake.quality.read_last_request(self.symbol, month)
            said_before = before is not None and before["raw"] is None
            first_at = before.get("first_at", before["fetched_at"]) if before and said_before else now
            none: LastRequest = {"raw": None, "fetched_at": now, "request": {}, "first_at": first_at}
            self.lake.quality.write_last_request(self.symbol, month, none)

    def _is_revised(self, month: str, before: str | None) -> bool:
        after = self.raw.get(month)
        if before is None or after is None or before == after or self._is_otherwise_adjusted(before, after):
            return False
        old, new = self._rows(before), self._rows(after)
        if old is None or new is None:
            return False
        revision = compare(old, new)
        self._record_revision(month, before, revision)
        return revision.any

    def _is_otherwise_adjusted(self, before: str, after: str) -> bool:
        was, now = (self.lake.request_of(key).get("adjusted") for key in (before, after))
        return was != now

    def _rows(self, key: str) -> pd.DataFrame | None:
        """Return a response's rows with a trade; of one that cannot be read none: cleaning refuses it, and says why."""
        try:
            return traded(read(self.lake.get_raw(key)))
        except BadFile as error:
            log.warning("%s is not compared: %s", key, error)
            return None

    def _record_revision(self, month: str, before: str, revision: Revision) -> None:
        if revision.any:
            self.revisions[month] = revision.note(before, self.raw[month])
            kind = (
                f"prices are {revision.ratio:g} times what they were" if revision.ratio else "no one ratio explains it"
            )
            minutes = f"{revision.changed} minutes changed, {revision.removed} gone of {revision.compared}"
            log.warning("%s %s was revised: %s, first %s; %s", self.symbol, month, minutes, revision.first, kind)

    def _stored_months(self) -> list[str]:
        return [month for month in self.lake.clean_months(self.symbol) if self.lake.raw_keys(self.symbol, month)]

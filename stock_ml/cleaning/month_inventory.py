"""List a symbol's clean months, the missing ones and the reasons, from the reports in the lake."""

from dataclasses import dataclass

import numpy as np

from stock_ml.adapters.lake import Lake
from stock_ml.config import Settings
from stock_ml.domain.gaps import Minutes
from stock_ml.domain.ingest_records import Gap, QualityReport, SharedGap
from stock_ml.domain.outliers import leave_out
from stock_ml.domain.splits import Split, splits
from stock_ml.errors import NoBars
from stock_ml.sources.parsing import WHOLE_FILE

RECEIVED, NEVER = "received and not clean yet", "never received"
NONE = "the source has no bars of it"


@dataclass(frozen=True)
class Inventory:
    """Hold the quality reports of a symbol's clean months, oldest first, and what concerns all of them.

    `due` is the length of each session in minutes by its date; `closed` the minutes that fell to holidays and half
    days; `left` months that a spent day left to ask for; `shared` holes that all symbols of the exchange have; `halts`
    those of this symbol alone;
    `absent` the months between without clean bars, each with the reason.
    """

    symbol: str
    months: dict[str, QualityReport]
    due: dict[str, int]
    closed: dict[str, int]
    splits: list[Split]
    shared: list[SharedGap]
    halts: list[Gap]
    left: list[str]
    absent: dict[str, str]


def inventory(s: Settings, symbol: str) -> Inventory:
    """Return what there is of a symbol. Raises NoBars where nothing is clean, or StoreUnavailable."""
    lake = Lake.connect(s)
    reports = {month: lake.read_quality(symbol, month) for month in lake.clean_months(symbol)}
    months = {month: report for month, report in reports.items() if report}
    absent = _absent(lake, symbol, set(months))
    if not months and not absent:
        raise NoBars(f"no clean bars of {symbol!r:.40}: trigger ingest_bars, or see `stockml doctor`")
    bars = lake.read_clean([symbol])
    calendar = s.calendars.of(symbol)
    span = (min({*months, *absent}), str(np.datetime64(max({*months, *absent}), "M") + 1))
    in_span = (calendar.dates >= np.datetime64(span[0], "D")) & (calendar.dates < np.datetime64(span[1], "D"))
    lengths = calendar.lengths[in_span].tolist()
    due = dict(zip(calendar.dates[in_span].astype(str).tolist(), lengths, strict=True))
    closed = {day: minutes for report in months.values() for day, minutes in report["closed_minutes"].items()}
    shared_reports = [report for month in months if (report := lake.quality.read_shared_gaps(month))]
    gaps = [gap for report in shared_reports for gap in report["holes"]]
    halts = [gap for report in shared_reports for gap in report.get("halts", {}).get(symbol, [])]
    shared = [gap for gap in gaps if gap["exchange"] == calendar.exchange]
    usable, _ = leave_out(Minutes.of_frame(bars), calendar, s.feed_gap_minutes)
    split = splits(usable, calendar)
    return Inventory(symbol, months, due, closed, split, shared, halts, lake.quality.read_left(symbol), absent)


def _absent(lake: Lake, symbol: str, clean: set[str]) -> dict[str, str]:
    """Return the months from the first to the last one known of which nothing is clean, each with the reason."""
    failed = lake.quality.failures(symbol)
    received = set(lake.received_months(symbol)) - {WHOLE_FILE}
    known = sorted({*clean, *failed, *received})
    span = np.arange(known[0], np.datetime64(known[-1], "M") + 1, dtype="datetime64[M]") if known else np.array([])
    lacking = [month for month in map(str, span) if month not in clean]
    return {month: failed.get(month) or _absence_reason(lake, symbol, month, month in received) for month in lacking}


def _absence_reason(lake: Lake, symbol: str, month: str, is_received: bool) -> str:
    last = lake.quality.read_last_request(symbol, month)
    return RECEIVED if is_received else NONE if last and last["raw"] is None else NEVER

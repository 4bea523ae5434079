"""Clean a symbol's responses, and report what became of every row."""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from stock_ml.adapters.lake import Lake
from stock_ml.cleaning.label_convention import find_convention
from stock_ml.cleaning.quality import Gate, Span, trade_share
from stock_ml.cleaning.raw_months import RawMonth, months_of_item, record_failure
from stock_ml.cleaning.rules import CleaningParameters, clean
from stock_ml.cleaning.run_report import log_reports
from stock_ml.config import Settings
from stock_ml.domain.bars import MINUTE, distinct, validate
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.gaps import longest_silence
from stock_ml.domain.ingest_records import (
    CleaningRules,
    CleanResult,
    IngestItem,
    LabelFinding,
    QualityReport,
    RevisionNote,
    SessionCount,
)
from stock_ml.domain.months import edges_of
from stock_ml.errors import BadFile, BadQuality
from stock_ml.sources.parsing import WHOLE_FILE, Convention, place
from stock_ml.sources.parsing.rows import traded

log = logging.getLogger(__name__)
VERSION = 5  # raise it when cleaning changes: months cleaned by an older version are cleaned again
EARLIER = 3  # months that say how often a symbol trades

MAX_WRITERS = 4  # months written at once: most of the time is the object store's


class Habit(NamedTuple):
    """Hold how long a symbol may be silent, in minutes, and its usual coverage, 0 where none is known."""

    silence: int
    coverage: float


class Origin(NamedTuple):
    """Hold what is known of a month's responses beside their rows, and of the symbol before."""

    labels: LabelFinding
    revisions: list[RevisionNote]
    habit: Habit


class CleanMonth(NamedTuple):
    """Hold the clean bars of a month, the rows refused with the reason, and the report."""

    bars: pd.DataFrame
    refused: pd.DataFrame
    report: QualityReport


def clean_symbol(s: Settings, item: IngestItem, lake: Lake | None = None) -> CleanResult:
    """Clean the responses of an item {"symbol", "months", "raw"?} and return {"symbol", "months": {month: report}}.

    Without `raw` (the keys by month) the newest response of each month is taken; of a source that answers with windows
    all responses are. All months are cleaned before one is written: an error in a file, or a month that does not pass,
    leaves clean/ as it was. Of a file that holds other months such a month is left out, and named in the log.
    Raises BadFile, AmbiguousTimestamps, BadBars, BadQuality or StoreUnavailable.
    """
    lake, symbol = lake or Lake.connect(s), item["symbol"]
    cleaned = _clean_months(s, lake, item)
    if cleaned:
        log_reports(symbol, {name: month.report for name, month in cleaned.items()})
        cleaned = _passing(s, lake, symbol, cleaned)
        _store(s, lake, symbol, cleaned)
    return {"symbol": symbol, "months": {name: month.report for name, month in cleaned.items()}}


def _clean_months(s: Settings, lake: Lake, item: IngestItem) -> dict[str, CleanMonth]:
    """Return the clean months of an item, and store the rows refused."""
    symbol, calendar = item["symbol"], s.calendars.of(item["symbol"])
    months = months_of_item(lake, item, calendar, rolling=s.capabilities.rolling)
    if not months:
        return {}
    labels, months = _placed(s, lake, symbol, months)
    spans = _spans(months, calendar, going_on=s.capabilities.whole_months and _has_earlier(lake, symbol, min(months)))
    habit = _habit(s, lake, symbol, months)
    cleaned = {
        name: _clean_month(s, symbol, month, spans[name], Origin(labels, _revisions(lake, item, name), habit))
        for name, month in months.items()
    }
    validate(pd.concat([month.bars for month in cleaned.values()], ignore_index=True))
    for name, month in cleaned.items():
        _store_refused(lake, symbol, name, month)
    return cleaned


def _placed(
    s: Settings, lake: Lake, symbol: str, months: dict[str, RawMonth]
) -> tuple[LabelFinding, dict[str, RawMonth]]:
    """Return what the labels mark, and the months with the time of each row."""
    calendar, rows = s.calendars.of(symbol), pd.concat([month.rows for month in months.values()])
    try:
        labels = find_convention(s, lake, symbol, rows, _where(s, symbol, months))
    except BadFile:
        _place(lake, symbol, months, "start", calendar)  # of all these rows, this one names the response
        raise
    convention: Convention = "start" if labels["convention"] == "start" else "end"
    return labels, _place(lake, symbol, months, convention, calendar)


def _where(s: Settings, symbol: str, months: dict[str, RawMonth]) -> str:
    first = next(iter(months.values()))
    return str(first.rows.attrs["where"]) if first.of_file else f"{s.source}'s bars of {symbol}"


def _revisions(lake: Lake, item: IngestItem, month: str) -> list[RevisionNote]:
    """Return every revision of a month that was seen, the newest last: they stay in its report."""
    report, found = lake.read_quality(item["symbol"], month), item.get("revisions", {}).get(month)
    known = report.get("revisions", []) if report else []
    return [*known, found] if found and found not in known else known


def cleaning_rules(s: Settings, symbol: str) -> CleaningRules:
    """Return what clean bars depend on besides what was received; where it changes they are made anew."""
    calendar, gap = s.calendars.of(symbol), s.feed_gap_minutes
    exchange = calendar.exchange
    closures = [closure for closure in s.closures if closure.startswith(exchange)]
    rules: CleaningRules = {"version": VERSION, "exchange": exchange, "closures": closures, "feed_gap_minutes": gap}
    if not calendar.is_plain:
        rules["periods"] = True
    if calendar.lead:
        rules["evenings"] = True
    if s.capabilities.adjustable:
        rules["adjusted"] = s.alphavantage_adjusted
    if s.labels:
        rules["labels"] = s.labels
    return rules


def _place(
    lake: Lake, symbol: str, months: dict[str, RawMonth], convention: Convention, calendar: Sessions
) -> dict[str, RawMonth]:
    placed = {}
    for name, month in months.items():
        with record_failure(lake, symbol, WHOLE_FILE if month.of_file else name, month.key):
            placed[name] = replace(month, rows=place(month.rows, convention, calendar))
    return placed


def _has_earlier(lake: Lake, symbol: str, month: str) -> bool:
    return any(known < month for known in lake.clean_months(symbol))


def _habit(s: Settings, lake: Lake, symbol: str, months: dict[str, RawMonth]) -> Habit:
    """Return how often a symbol traded so far, in these months and those before."""
    earlier = _earlier(lake, symbol, min(months))
    shares = [share for report in earlier if (share := report["coverage"]) is not None]
    usual = float(np.median(shares)) if shares and not s.replayed else 0.0  # an earlier file may be of another feed
    return Habit(_silence(s, symbol, months, earlier), usual)


def _silence(s: Settings, symbol: str, months: dict[str, RawMonth], earlier: list[QualityReport]) -> int:
    calendar = s.calendars.of(symbol)
    ts = distinct(np.concatenate([traded(month.rows)["ts"].to_numpy(np.int64) for month in months.values()]))
    number, received = np.unique(calendar.number(ts), return_counts=True)
    here: list[SessionCount] = [
        {"received": int(count), "filled": 0, "minutes": int(calendar.lengths[at])}
        for at, count in zip(number, received, strict=True)
        if at >= 0
    ]
    before = [day for report in earlier for day in report["sessions"].values()]
    half = int(np.median(calendar.lengths)) // 2  # half a session without a trade is no silence of any symbol
    return min(longest_silence(trade_share([*here, *before]), s.feed_gap_minutes), max(half, s.feed_gap_minutes))


def _earlier(lake: Lake, symbol: str, month: str) -> list[QualityReport]:
    """Return the reports of the newest EARLIER clean months before one."""
    known = [name for name in lake.clean_months(symbol) if name < month]
    reports = (lake.read_quality(symbol, name) for name in known[-EARLIER:])
    return [report for report in reports if report]


def _spans(months: dict[str, RawMonth], calendar: Sessions, going_on: bool) -> dict[str, Span]:
    """Return for each month the time in which bars are due, UTC epoch seconds.

    It begins with the symbol's first session, or with the month where earlier ones are clean (`going_on`), and ends
    when the source answered, or with the last row of a file. It is empty where no row is of a session.
    """
    ts, first = (
        np.concatenate([rows["ts"].to_numpy() for rows in frames])
        for frames in zip(*((month.rows, traded(month.rows)) for month in months.values()), strict=True)
    )
    regular = first[calendar.number(first) >= 0]
    of_file = any(month.of_file for month in months.values())
    since = float(calendar.opens[calendar.number(regular.min(keepdims=True))][0]) if len(regular) else np.inf
    since = -np.inf if going_on else since
    until = float(ts.max(initial=0)) + MINUTE if of_file else np.inf
    edges = {name: edges_of(name, calendar) for name in months}
    ends = {name: min(last, until, months[name].known_at) for name, (_, last) in edges.items()}
    return {name: (max(first, min(since, ends[name])), ends[name]) for name, (first, _) in edges.items()}


def _clean_month(s: Settings, symbol: str, month: RawMonth, span: Span, origin: Origin) -> CleanMonth:
    rules = CleaningParameters(s.calendars.of(symbol), s.feed_gap_minutes, month.known_at, span, origin.habit.silence)
    rows = month.rows.copy(deep=False)
    rows.attrs = {}  # pandas copies them at each step
    result = clean(rows, symbol, s.source, rules)
    report: QualityReport = {
        **result.report,
        "label_convention": origin.labels["convention"],
        "label_evidence": origin.labels,
        "rules": cleaning_rules(s, symbol),
        "revisions": origin.revisions,
        "raw": month.key,
        "answers": list(month.keys),
        "unreadable": month.unreadable,
        "known_at": month.known_at,
        "refused_rows": None,
        "usual_coverage": origin.habit.coverage,
    }
    return CleanMonth(result.bars, result.refused, report)


def _store_refused(lake: Lake, symbol: str, month: str, result: CleanMonth) -> None:
    if len(result.refused):
        raw = result.report["raw"]
        result.report["refused_rows"] = lake.quality.write_refused(symbol, month, raw, result.refused)


def _passing(s: Settings, lake: Lake, symbol: str, cleaned: dict[str, CleanMonth]) -> dict[str, CleanMonth]:
    """Return the months that pass the gate, and store the reports of the others.

    Raises BadQuality naming each that does not pass, and where its report is, unless it is one of a file whose other
    months pass: nobody can ask for that month again.
    """
    gate = Gate(s.minimum_coverage, s.maximum_refused)
    reasons = {name: reason for name, result in cleaned.items() if (reason := gate.reason(result.report))}
    stored = [lake.quality.write_failed(symbol, name, cleaned[name].report, why) for name, why in reasons.items()]
    if reasons and not (s.replayed and len(reasons) < len(cleaned)):
        message = "; ".join(f"{symbol} {name}: {reason}" for name, reason in reasons.items())
        raise BadQuality(
            f"{message}. Nothing was written to clean/; see {stored[0]} and the table above, ask the source again, or "
            "set STOCKML_MINIMUM_COVERAGE or STOCKML_MAXIMUM_REFUSED if that is how this symbol is traded"
        )
    for (name, reason), key in zip(reasons.items(), stored, strict=True):
        log.error("%s %s is left out: %s; see %s", symbol, name, reason, key)
    return {name: month for name, month in cleaned.items() if name not in reasons}


def _store(s: Settings, lake: Lake, symbol: str, cleaned: dict[str, CleanMonth]) -> None:
    _write_all(lake, symbol, cleaned)
    if s.replayed:
        _forget_other_months(lake, symbol, set(cleaned))


def _write_all(lake: Lake, symbol: str, cleaned: dict[str, CleanMonth]) -> None:
    # a revision is found by its newest month: were that written first, a killed task would leave the earlier ones as
    # they were, for ever
    if any(month.report["revisions"] for month in cleaned.values()):
        for name in sorted(cleaned):
            _write(lake, symbol, name, cleaned[name])
        return
    with ThreadPoolExecutor(MAX_WRITERS) as pool:
        list(pool.map(lambda name: _write(lake, symbol, name, cleaned[name]), cleaned))


def _write(lake: Lake, symbol: str, month: str, result: CleanMonth) -> None:
    if len(result.bars):
        lake.write_clean(symbol, month, result.bars)
    lake.write_quality(symbol, month, result.report)


def _forget_other_months(lake: Lake, symbol: str, months: set[str]) -> None:
    # another file may have been given before: its bars must not stay among this one's
    for month in set(lake.clean_months(symbol)) - months:
        lake.drop_clean(symbol, month)

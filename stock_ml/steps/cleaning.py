"""Clean a symbol's newest answers, and say what became of every row."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from stock_ml.adapters.lake import Lake
from stock_ml.clean import Cleaned, CleanRules, clean
from stock_ml.config import Settings
from stock_ml.errors import AmbiguousLabels
from stock_ml.received import Convention, Received, label_convention, parse, place
from stock_ml.sessions import Sessions, sessions

VERSION = 1  # raise it when cleaning changes: months cleaned by an older version are cleaned again
ENOUGH = 5  # sessions that may contradict what a source's labels meant so far

Item = dict[str, Any]


@dataclass(frozen=True)
class Month:
    """Hold the rows of one month of one answer, and the key that the answer is stored under."""

    rows: pd.DataFrame
    key: str
    known_at: float


def clean_symbol(s: Settings, item: Item) -> Item:
    """Clean the answers of an item {"symbol", "months", "raw"?} and return {"symbol", "months": {month: report}}.

    Without `raw` (the keys by month) the newest answer of each month is taken. All months are cleaned before one is
    written: an error in a file leaves clean/ as it was. Raises BadFile, AmbiguousLabels, BadBars or StoreUnavailable.
    """
    lake, symbol = Lake.connect(s), str(item["symbol"])
    months = _months(lake, item)
    if not months:
        return {"symbol": symbol, "months": {}}
    convention = _learned(s, lake, pd.concat([month.rows for month in months.values()]))
    cleaned = {name: _cleaned(s, symbol, month, convention) for name, month in months.items()}
    for name, result in cleaned.items():
        _write(lake, symbol, name, result)
    if s.source == "csv":
        _forget_other_months(lake, symbol, set(cleaned))
    return {"symbol": symbol, "months": {name: result.report for name, result in cleaned.items()}}


def rules_of(s: Settings) -> dict[str, Any]:
    """Return what clean bars depend on besides what was received; where it changes they are made anew."""
    return {"version": VERSION, "exchange": s.exchange, "feed_gap_minutes": s.feed_gap_minutes}


def _months(lake: Lake, item: Item) -> dict[str, Month]:
    found: dict[str, Month] = {}
    for asked in item["months"]:
        newest = lake.newest_raw(item["symbol"], asked)
        key = item.get("raw", {}).get(asked) or (newest and newest[0])
        if key:
            found |= _split(lake.get_raw(key), key)
    return found


def _split(received: Received, key: str) -> dict[str, Month]:
    """Return an answer's rows by month: all months of a file, else the one asked for."""
    rows = parse(received.body, received.where)
    names = rows["label"].dt.strftime("%Y-%m")
    wanted = names.unique() if received.month == "all" else [received.month]
    return {str(name): Month(rows[names == name], key, received.fetched_at) for name in sorted(wanted)}


def _learned(s: Settings, lake: Lake, rows: pd.DataFrame) -> Convention:
    """Return what the labels mean: as learned before from this source, else from these rows (always so for a file)."""
    stored = None if s.source == "csv" else lake.convention()
    if stored is None:
        found = label_convention(rows, sessions(s.exchange))
        lake.write_convention(found)
        return found
    if _contradict(rows, stored, sessions(s.exchange)):
        raise AmbiguousLabels(
            f"{s.source} labelled bars by their {stored} so far, and these sessions look labelled by the other edge: "
            f"compare with another source; to learn anew, delete quality/source={s.source}/convention.json"
        )
    return stored


def _contradict(rows: pd.DataFrame, stored: Convention, calendar: Sessions) -> bool:
    if rows["label"].dt.normalize().nunique() < ENOUGH:
        return False
    try:
        return label_convention(rows, calendar) != stored
    except AmbiguousLabels:
        return False


def _cleaned(s: Settings, symbol: str, month: Month, convention: Convention) -> Cleaned:
    calendar = sessions(s.exchange)
    rules = CleanRules(calendar, s.feed_gap_minutes, month.known_at)
    result = clean(place(month.rows, convention, calendar), symbol, s.source, rules)
    origin = {"raw": month.key, "known_at": month.known_at, "label_convention": convention, "rules": rules_of(s)}
    return Cleaned(result.bars, {**result.report, **origin})


def _write(lake: Lake, symbol: str, month: str, result: Cleaned) -> None:
    if len(result.bars):
        lake.write_clean(symbol, month, result.bars)
    lake.write_quality(symbol, month, result.report)


def _forget_other_months(lake: Lake, symbol: str, months: set[str]) -> None:
    # another file may have been given before: its bars must not stay among this one's
    for month in set(lake.clean_months(symbol)) - months:
        lake.drop_clean(symbol, month)

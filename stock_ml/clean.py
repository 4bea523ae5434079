"""Rows as received become clean bars, and a report of what became of every row."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from stock_ml import gaps
from stock_ml.bars import COLUMNS, MINUTE, PRICES, epoch, validate
from stock_ml.sessions import Sessions

VALUES = [*PRICES, "volume"]


@dataclass(frozen=True)
class CleanRules:
    """Hold what cleaning depends on; `known_at` is the source's clock when it answered, UTC epoch seconds."""

    sessions: Sessions
    feed_gap_minutes: int
    known_at: float


@dataclass(frozen=True)
class Cleaned:
    """Hold clean bars in the record's columns, and the report: where each row read went, and how whole sessions are."""

    bars: pd.DataFrame
    report: dict[str, Any]


def clean(received: pd.DataFrame, symbol: str, source: str, rules: CleanRules) -> Cleaned:
    """Return the clean bars of one symbol: regular hours, finished, ascending, short holes filled flat.

    `received` has ts (bar opens, int64 UTC epoch seconds), open, high, low, close, volume and `broken` (the column
    that breaks a rule, or ""). Of two different rows for one minute the first received stays and the other is refused:
    both cannot be true, and a minute without a bar would be filled as one without a trade.
    Raises BadBars where the result would break the record's rules.
    """
    fates = _fates(received, rules)
    kept = received[fates == "kept"].sort_values("ts", kind="stable")
    bars = _frame(_filled(kept, rules), symbol, source)
    return Cleaned(validate(bars), _report(fates, bars, rules))


def _fates(rows: pd.DataFrame, rules: CleanRules) -> np.ndarray:
    """Return what becomes of each row, (n,) of str; the first rule that applies decides."""
    ts, broken = rows["ts"].to_numpy(), rows["broken"].to_numpy(str)
    fates = {
        "extended_hours": rules.sessions.number(ts) < 0,
        "not_yet_known": ts + MINUTE > rules.known_at,
        **{f"refused: bad {column}": broken == column for column in VALUES},
        "duplicates": rows[["ts", *VALUES]].duplicated().to_numpy(),
        "refused: another row for the same minute": rows["ts"].where(broken == "").duplicated().to_numpy(),
    }
    return np.select(list(fates.values()), [np.array(fate) for fate in fates], np.array("kept"))


def _filled(kept: pd.DataFrame, rules: CleanRules) -> gaps.Minutes:
    ts = kept["ts"].to_numpy(np.int64)
    values = {name: kept[name].to_numpy(np.float64) for name in VALUES}
    minutes = gaps.Minutes(ts=ts, filled=np.zeros(len(kept), dtype=bool), **values)
    return gaps.fill(minutes, rules.sessions, rules.feed_gap_minutes)


def _frame(minutes: gaps.Minutes, symbol: str, source: str) -> pd.DataFrame:
    stamps = pd.to_datetime(minutes.ts, unit="s", utc=True).astype("datetime64[ns, UTC]")
    values = {name: getattr(minutes, name) for name in (*VALUES, "filled")}
    return pd.DataFrame({"ts": stamps, **values}).assign(symbol=symbol, source=source)[COLUMNS]


def _report(fates: np.ndarray, bars: pd.DataFrame, rules: CleanRules) -> dict[str, Any]:
    counts = Counter(fates.tolist())
    refused = {fate.removeprefix("refused: "): n for fate, n in counts.items() if fate.startswith("refused: ")}
    set_aside = {name: counts[name] for name in ("kept", "extended_hours", "not_yet_known", "duplicates")}
    sessions = _present(bars, rules)
    filled, due = int(bars["filled"].sum()), sum(s["minutes"] for s in sessions.values())
    holes = {"filled": filled, "feed_gap_minutes": due - len(bars), "sessions": sessions}
    return {"rows_read": len(fates), **set_aside, "refused": refused, **holes}


def _present(bars: pd.DataFrame, rules: CleanRules) -> dict[str, dict[str, int]]:
    """Return for each session met the minutes received, filled, and due by the time of the answer."""
    calendar = rules.sessions
    ts, filled = epoch(bars["ts"]), bars["filled"].to_numpy(bool)
    number = calendar.number(ts)
    found = {}
    for n in np.unique(number):
        due = (min(calendar.closes[n], rules.known_at) - calendar.opens[n]) // MINUTE
        counts = {"received": int((~filled[number == n]).sum()), "filled": int(filled[number == n].sum())}
        found[str(calendar.dates[n])] = counts | {"minutes": int(due)}
    return found

"""Send a hostile case through a source's own client, its parser and the cleaning, and compare with the truth."""

from collections import Counter
from dataclasses import replace

import pandas as pd

from stock_ml.cleaning.rules import CleanBars, CleaningParameters, clean
from stock_ml.domain.bars import epoch
from stock_ml.sources.parsing import Convention, Response, place, read
from stock_ml.testing.hostile_cases import Case

FEED_GAP_MINUTES = 15
VALUES = ("open", "high", "low", "close", "volume")


def cleaned(case: Case, response: Response, convention: Convention) -> CleanBars:
    """Return what parser and cleaning make of a response that was given when the case was known."""
    given = replace(response, fetched_at=case.known_at)
    rows = place(read(given), convention, case.calendar)
    rules = CleaningParameters(case.calendar, FEED_GAP_MINUTES, case.known_at)
    return clean(rows, response.symbol, response.source, rules)


def mistake(case: Case, cleaned: CleanBars) -> str:
    """Return in which way cleaned bars are not as they should be, "" where they are."""
    bars = cleaned.bars[~cleaned.bars["filled"].to_numpy(bool)]
    rows = zip(epoch(bars["ts"]).tolist(), bars[list(VALUES)].to_numpy().tolist(), strict=True)
    if dict(rows) != case.bars:
        return "other bars"
    named = {int(pd.Timestamp(one["ts"]).timestamp()) for one in cleaned.report["outliers"]["first"]}
    if named != case.outliers:
        return f"outliers {len(named)}, expected {len(case.outliers)}"
    closes = {pd.Timestamp(one["ts"]).timestamp(): one["price"] for one in cleaned.report["official_closes"].values()}
    if closes != case.closes:
        return f"official closes {closes}, expected {case.closes}"
    counts = Counter({name: count for name in case.counts if (count := _count(cleaned, name))})
    return "" if counts == case.counts else f"{dict(counts)}, expected {dict(case.counts)}"


def _count(cleaned: CleanBars, name: str) -> int:
    report = dict(cleaned.report)
    return len(cleaned.refused) if name == "refused" else int(report[name])  # type: ignore[call-overload]  # a count

"""Turn rows as received into clean bars, and report what became of every row.

`domain.bars.broken` holds the rules of a row, and `cleaning.quality.Gate` the limits of a month.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stock_ml.cleaning import quality
from stock_ml.domain import gaps, official_close
from stock_ml.domain.bars import COLUMNS, MINUTE, PRICES, distinct, largest_volume, utc
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.ingest_records import ReportedClose, RowReport
from stock_ml.domain.outliers import outliers
from stock_ml.sources.parsing.rows import NO_TRADE, NO_VOLUME, OFF_MINUTE

VALUES = [*PRICES, "volume"]
ROW_OUTCOMES = ["kept", "extended_hours", "session_closed", "not_yet_known", "duplicates", "superseded"]
ROW_OUTCOMES += ["no_trade", "unknown_volume", "closing_auction"]
DEFECTS = {**{column: f"bad {column}" for column in VALUES}, OFF_MINUTE: "stamp off the minute"}  # of `broken`, reasons
REFUSED = [*DEFECTS.values(), "another row for the same minute"]
KEPT, EXTENDED, CLOSED, FORMING, DUPLICATE, SUPERSEDED, WITHOUT_TRADE, WITHOUT_VOLUME, AUCTION = range(
    len(ROW_OUTCOMES)
)
SECOND = len(ROW_OUTCOMES) + len(REFUSED) - 1


@dataclass(frozen=True)
class CleaningParameters:
    """Hold what cleaning depends on; `known_at` is the source's clock when it answered, UTC epoch seconds.

    `span` is the time in which bars are due; from the first session met up to `known_at` where it is None. A hole of at
    most `silence` minutes is no feed gap.
    """

    sessions: Sessions
    feed_gap_minutes: int
    known_at: float
    span: tuple[float, float] | None = None
    silence: int = 0


@dataclass(frozen=True)
class CleanBars:
    """Hold clean bars in the record's columns, the rows refused with the reason, and the report.

    The report says where each row read went, and how whole the sessions are.
    """

    bars: pd.DataFrame
    refused: pd.DataFrame
    report: RowReport


def clean(received: pd.DataFrame, symbol: str, source: str, rules: CleaningParameters) -> CleanBars:
    """Return the clean bars of one symbol: regular hours, finished, ascending, short holes filled flat.

    `official_close` is NaN but in the last bar of a session of which `domain.official_close` finds one.

    `received` has ts (bar opens, int64 UTC epoch seconds), open, high, low, close, volume, and `broken` as `parse`
    gives it: "" for a bar, else why the row is none. Where it has `clipped`, the report counts those. The same rows
    give the same bars, in whatever order and however often they came: of different rows for one minute the one with
    the largest volume stays and the others are refused; a minute without a bar would be filled as one without a
    trade. Where several responses are cleaned together, the columns `known_at` and `answer` say when each row's was
    given and which it is, oldest first: each minute comes from the newest response with a finished, unbroken row.
    """
    outcomes = _outcomes(received, rules)
    kept = received[outcomes == KEPT]
    bars = _minutes(kept.iloc[largest_volume(kept)])
    outlier = outliers(bars, rules.sessions, rules.feed_gap_minutes)
    minutes = _filled(bars, outlier, rules)
    refused = received[outcomes >= len(ROW_OUTCOMES)]
    reasons = np.array(REFUSED)[outcomes[outcomes >= len(ROW_OUTCOMES)] - len(ROW_OUTCOMES)]
    report = _report(received, outcomes, minutes, bars.select(outlier), rules)
    frame = _frame(minutes, symbol, source).assign(official_close=_in_last_bars(received[outcomes == AUCTION], minutes))
    return CleanBars(frame[COLUMNS], refused.assign(reason=reasons), report)


def _outcomes(rows: pd.DataFrame, rules: CleaningParameters) -> np.ndarray:
    """Return each row's outcome, (n,) of places in ROW_OUTCOMES + REFUSED; the first rule that applies decides."""
    ts, broken = rows["ts"].to_numpy(), rows["broken"].to_numpy()
    known_at = rows["known_at"].to_numpy() if "known_at" in rows else np.full(len(rows), rules.known_at)
    outcomes = np.where(rules.sessions.number(ts) < 0, EXTENDED, np.where(ts + MINUTE > known_at, FORMING, KEPT))
    outside = np.flatnonzero(outcomes == EXTENDED)
    outcomes[outside[~rules.sessions.has_day(ts[outside])]] = CLOSED
    if "known_at" in rows:
        usable = (broken == "") & (ts + MINUTE <= known_at)
        outcomes[_superseded(ts, rows["answer"].to_numpy(), usable)] = SUPERSEDED
    places = [(WITHOUT_TRADE, NO_TRADE), (WITHOUT_VOLUME, NO_VOLUME), *enumerate(DEFECTS, len(ROW_OUTCOMES))]
    for place, defect in places:
        outcomes[(outcomes == KEPT) & (broken == defect)] = place
    good = np.flatnonzero(outcomes == KEPT)
    if len(distinct(ts[good])) < len(good):
        outcomes[good] = _one_a_minute(rows.iloc[good])
    outside = np.flatnonzero(np.isin(outcomes, (EXTENDED, CLOSED)) & (broken == "") & (ts + MINUTE <= known_at))
    found = official_close.find(rows[outcomes == KEPT], rows.iloc[outside], rules.sessions)
    outcomes[outside[found]] = AUCTION
    return outcomes


def _reported_closes(auctions: pd.DataFrame, sessions: Sessions) -> dict[str, ReportedClose]:
    rows = auctions.iloc[largest_volume(auctions)]
    days = sessions.dates[np.searchsorted(sessions.closes, rows["ts"].to_numpy())].astype(str)
    cells = zip(days, rows["ts"], rows["close"], rows["volume"], strict=True)
    return {
        str(day): {"ts": utc(ts).isoformat(), "price": float(close), "volume": float(v)} for day, ts, close, v in cells
    }


def _superseded(ts: np.ndarray, answer: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Say of each row whether a later response has a usable one for its minute, (n,)."""
    newest = pd.Series(np.where(usable, answer, -1)).groupby(ts).transform("max")
    return np.asarray(answer < newest.to_numpy())


def _one_a_minute(rows: pd.DataFrame) -> np.ndarray:
    outcomes = np.full(len(rows), SECOND)
    outcomes[rows[["ts", *VALUES]].duplicated().to_numpy()] = DUPLICATE
    alone = np.flatnonzero(outcomes != DUPLICATE)
    outcomes[alone[largest_volume(rows.iloc[alone])]] = KEPT
    return outcomes


def _minutes(kept: pd.DataFrame) -> gaps.Minutes:
    ts = kept["ts"].to_numpy(np.int64)
    values = {name: kept[name].to_numpy(np.float64) + 0.0 for name in VALUES}  # there is one zero: -0.0 is another byte
    return gaps.Minutes(ts=ts, filled=np.zeros(len(kept), dtype=bool), **values)


def _filled(bars: gaps.Minutes, outlier: np.ndarray, rules: CleaningParameters) -> gaps.Minutes:
    """Return bars with short holes filled flat; an outlier stays among them, and its price is not repeated."""
    minutes = gaps.fill(bars.select(~outlier), rules.sessions, rules.feed_gap_minutes)
    if not outlier.any():
        return minutes
    both = minutes.select(~np.isin(minutes.ts, bars.ts[outlier])).concat(bars.select(outlier))
    return both.select(np.argsort(both.ts))


def _frame(minutes: gaps.Minutes, symbol: str, source: str) -> pd.DataFrame:
    stamps = pd.DatetimeIndex(minutes.ts * 10**9, tz="UTC")
    values = {name: getattr(minutes, name) for name in (*VALUES, "filled")}
    return pd.DataFrame({"symbol": symbol, "ts": stamps, **values, "source": source})


def _in_last_bars(auctions: pd.DataFrame, minutes: gaps.Minutes) -> np.ndarray:
    """Return for each minute the official close of the session that it is the last one of, else NaN, (n,)."""
    rows = auctions.iloc[largest_volume(auctions)]
    found = np.full(len(minutes), np.nan)
    found[np.searchsorted(minutes.ts, rows["ts"].to_numpy(np.int64)) - 1] = rows["close"].to_numpy(np.float64)
    return found


def _report(
    received: pd.DataFrame,
    outcomes: np.ndarray,
    bars: gaps.Minutes,
    outlier_bars: gaps.Minutes,
    rules: CleaningParameters,
) -> RowReport:
    counts: list[int] = np.bincount(outcomes, minlength=SECOND + 1).tolist()
    refused = {name: n for name, n in zip(REFUSED, counts[len(ROW_OUTCOMES) :], strict=True) if n}
    report: RowReport = {
        "rows_read": len(outcomes),
        "kept": counts[KEPT],
        "extended_hours": counts[EXTENDED],
        "session_closed": counts[CLOSED],
        "not_yet_known": counts[FORMING],
        "duplicates": counts[DUPLICATE],
        "superseded": counts[SUPERSEDED],
        "no_trade": counts[WITHOUT_TRADE],
        "unknown_volume": counts[WITHOUT_VOLUME],
        "closing_auction": counts[AUCTION],
        "official_closes": _reported_closes(received[outcomes == AUCTION], rules.sessions),
        "clipped": int(received["clipped"].to_numpy()[outcomes == KEPT].sum()) if "clipped" in received else 0,
        "refused": refused,
        "refused_share": sum(refused.values()) / max(len(outcomes), 1),
        "out_of_order": quality.out_of_order(received["ts"].to_numpy()[outcomes != SUPERSEDED]),
        "outliers": quality.name_outliers(outlier_bars),
        "zero_volume": quality.zero_volume(bars.volume[~bars.filled]),
        **quality.minute_report(
            bars, rules.sessions, rules.feed_gap_minutes, rules.span or _span(bars, rules), rules.silence
        ),
    }
    if unknown := quality.unknown_days(received["ts"].to_numpy()[outcomes == CLOSED], rules.sessions):
        report["unknown_days"] = unknown
    return report


def _span(bars: gaps.Minutes, rules: CleaningParameters) -> tuple[float, float]:
    if not len(bars):
        return rules.known_at, rules.known_at
    return float(rules.sessions.opens[rules.sessions.number(bars.ts[:1])][0]), rules.known_at

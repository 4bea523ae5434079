"""Made-up minute bars with the edges that real feeds show, labelled as a source would."""

import numpy as np
import pandas as pd

from stock_ml.domain.bars import broken
from stock_ml.domain.calendar import sessions
from stock_ml.sources.parsing.rows import VALUES

XNYS = sessions("XNYS")
FIRST = int(np.searchsorted(XNYS.dates, np.datetime64("2024-11-25")))  # holds Thanksgiving's half day


def opens(number: int, extended: bool = False) -> np.ndarray:
    """Return the minutes of a session, or from 04:00 to four hours after its close."""
    before, after = (330 * 60, 240 * 60) if extended else (0, 0)
    return np.arange(XNYS.opens[number] - before, XNYS.closes[number] + after, 60)


def frame(
    ts: np.ndarray, labels: str, span: np.ndarray | float = 1.0, volume: np.ndarray | float = 100.0
) -> pd.DataFrame:
    """Return rows as `parse` does: bars that open at `ts`, with these high-low ranges and volumes."""
    naive = pd.to_datetime(ts + 60 * (labels == "end"), unit="s", utc=True).tz_convert(XNYS.zone).tz_localize(None)
    low, volume = np.full(len(ts), 100.0), np.broadcast_to(volume, len(ts)).astype(float)
    values = np.column_stack([low, low + span, low, low, volume])
    return pd.DataFrame(values, columns=VALUES).assign(label=naive, broken=broken(values), clipped=False)


def active(ts: np.ndarray, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return ranges and volumes that are large after the open and in the last minute, small outside of sessions."""
    random, minute = np.random.default_rng(seed), XNYS.minute(ts)
    last = minute == ((XNYS.closes - XNYS.opens) // 60)[XNYS.number(ts)] - 1
    span = np.where(minute < 0, 0.02, 0.2 * (1 + 4 * np.exp(-minute / 8) + last))
    volume = np.where(minute < 0, 400, 50_000 * (1 + 3 * np.exp(-minute / 8) + 6 * last))
    return span * random.lognormal(0, 0.3, len(ts)), np.round(volume * random.lognormal(0, 0.3, len(ts)))


def feed(labels: str, count: int = 12, extended: bool = False, seed: int = 1, first: int = FIRST) -> pd.DataFrame:
    """Return the rows of some sessions of a traded symbol."""
    ts = np.concatenate([opens(number, extended) for number in range(first, first + count)])
    return frame(ts, labels, *active(ts, seed))


def with_auction(labels: str, count: int = 12, late: bool = False, seed: int = 1) -> pd.DataFrame:
    """Return regular hours with a bar a minute early: the opening auction, or where that is `late` a few shares."""
    rows, random = feed(labels, count, seed=seed), np.random.default_rng(seed)
    ts = np.array([XNYS.opens[number] - 60 for number in range(FIRST, FIRST + count)])
    ts = ts[random.random(count) < 0.6] if late else ts
    span, volume = (0.01, 700.0) if late else (0.3, 400_000.0)
    return pd.concat([rows, frame(ts, labels, span * random.lognormal(0, 0.3, len(ts)), volume)])

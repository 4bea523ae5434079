"""Compare the live bars of each closed session with the settled ones, and keep what was found."""

import logging
from typing import Any

import numpy as np

from stock_ml.adapters.lake import Lake
from stock_ml.adapters.market_clock import open_clock
from stock_ml.adapters.postgres.monitoring_store import MonitoringStore
from stock_ml.config import Settings
from stock_ml.domain.bars import epoch
from stock_ml.evaluation.live_bars import LiveBarsReport, SettledCloses, live_bars_report

log = logging.getLogger(__name__)
LIVE_BARS = "live_bars"  # the state that holds the reports
SESSIONS = 20  # newest reports that are kept


def compare_live_bars(s: Settings) -> LiveBarsReport | None:
    """Compare the newest closed session whose bars are clean with what was live, and store the report once.

    Return None where nothing can be compared: a file, or a session that nobody watched live. Raises StoreUnavailable,
    or SourceUnavailable (the sandbox's clock).
    """
    if s.replayed:
        return None
    store = MonitoringStore.connect(s)
    try:
        report = _report(s, store, open_clock(s).now())
        if report:
            _keep(store, report)
    finally:
        store.close()
    return report


def _report(s: Settings, store: MonitoringStore, now: float) -> LiveBarsReport | None:
    calendar, lake = s.calendars.of(s.symbols[0]), Lake.connect(s)
    number = calendar.ended(now) - 1
    session, span = str(calendar.dates[number]), (int(calendar.opens[number]), int(calendar.closes[number]))
    pairs = [(store.live_closes(symbol, *span), _settled(lake, symbol, session, span)) for symbol in s.symbols]
    return live_bars_report(session, [pair for pair in pairs if len(pair[1].ts)])


def _settled(lake: Lake, symbol: str, session: str, span: tuple[int, int]) -> SettledCloses:
    if session[:7] not in lake.clean_months(symbol):
        return SettledCloses(np.zeros(0, dtype=np.int64), np.zeros(0))
    bars = lake.read_month(symbol, session[:7])
    ts, received = epoch(bars["ts"]), ~bars["filled"].to_numpy(bool)
    inside = received & (ts >= span[0]) & (ts < span[1])
    return SettledCloses(ts[inside], bars["close"].to_numpy(np.float64)[inside])


def _keep(store: MonitoringStore, report: LiveBarsReport) -> None:
    known: dict[str, Any] = store.read_state(LIVE_BARS) or {}
    others = [one for one in known.get("sessions", []) if one["session"] != report.session]
    store.write_state(LIVE_BARS, {"sessions": [*others, report._asdict()][-SESSIONS:]})
    log.info("live bars: %s", report)

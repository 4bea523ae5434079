"""Compare the live bars of each closed session with the settled ones, and keep what was found."""

import logging

import numpy as np

from stock_ml.adapters.lake import Lake
from stock_ml.adapters.market_clock import open_clock
from stock_ml.adapters.postgres.monitoring_store import MonitoringStore
from stock_ml.config import Settings
from stock_ml.domain.bars import epoch
from stock_ml.domain.calendar import Sessions
from stock_ml.evaluation.live_bars import LiveBarsReport, SettledCloses, live_bars_report

log = logging.getLogger(__name__)
LIVE_BARS = "live_bars"  # the state that holds the reports
SESSIONS = 20  # newest reports that are kept
BACK = 3  # sessions that are looked at
LAST = 1800  # seconds before the close in which a symbol has a bar whose session is clean to its end
NOTHING = SettledCloses(np.zeros(0, dtype=np.int64), np.zeros(0))


def compare_live_bars(s: Settings) -> LiveBarsReport | None:
    """Compare the newest closed session whose bars are clean with what was live, and store the report once.

    Return None where nothing is to be compared: a file, a session that was compared, or one that nobody watched live.
    Raises StoreUnavailable, or SourceUnavailable (the sandbox's clock).
    """
    if s.replayed:
        return None
    store = MonitoringStore.connect(s)
    try:
        known = (store.read_state(LIVE_BARS) or {}).get("sessions", [])
        report = _newest_report(s, store, open_clock(s).now(), {one["session"] for one in known})
        if report:
            store.write_state(LIVE_BARS, {"sessions": [*known, report._asdict()][-SESSIONS:]})
            log.info("live bars: %s", report)
    finally:
        store.close()
    return report


def _newest_report(s: Settings, store: MonitoringStore, now: float, known: set[str]) -> LiveBarsReport | None:
    """Return the report on the newest session that is clean to its end, None where it is `known` or there is none.

    This may run before the bars of the session that has just closed are clean: then the next run compares them.
    """
    calendar = s.calendars.of(s.symbols[0])
    last = calendar.ended(now) - 1
    for number in range(last, max(last - BACK, -1), -1):
        session = str(calendar.dates[number])
        if session in known:
            return None
        if report := _report(s, store, session):
            return report
    return None


def _report(s: Settings, store: MonitoringStore, session: str) -> LiveBarsReport | None:
    """Return the report on a session by its date; symbols without one that day, or not yet clean, are left out."""
    pairs = []
    for symbol in s.symbols:
        span = _span(s.calendars.of(symbol), session)
        settled = _settled(Lake.connect(s), symbol, session, span) if span else NOTHING
        if span and len(settled.ts) and settled.ts[-1] >= span[1] - LAST:
            pairs.append((store.live_closes(symbol, *span), settled))
    return live_bars_report(session, pairs)


def _span(calendar: Sessions, session: str) -> tuple[int, int] | None:
    """Return when a calendar's session of a date opens and closes, None where it has none."""
    found = np.flatnonzero(calendar.dates == np.datetime64(session)).tolist()
    return (int(calendar.opens[found[0]]), int(calendar.closes[found[0]])) if found else None


def _settled(lake: Lake, symbol: str, session: str, span: tuple[int, int]) -> SettledCloses:
    if session[:7] not in lake.clean_months(symbol):
        return NOTHING
    bars = lake.read_month(symbol, session[:7])
    ts, received = epoch(bars["ts"]), ~bars["filled"].to_numpy(bool)
    inside = received & (ts >= span[0]) & (ts < span[1])
    return SettledCloses(ts[inside], bars["close"].to_numpy(np.float64)[inside])

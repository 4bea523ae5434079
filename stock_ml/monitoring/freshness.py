"""Check that the bars of each session are clean in time."""

from stock_ml.adapters.lake import Lake
from stock_ml.adapters.market_clock import open_clock
from stock_ml.adapters.postgres.monitoring_store import MonitoringStore
from stock_ml.config import Settings
from stock_ml.domain.bars import MINUTE
from stock_ml.errors import BadQuality

DEADLINE = "deadline"


def check_clean(s: Settings, minutes: int) -> None:
    """Raise BadQuality naming the symbols whose newest session that closed `minutes` ago is not clean by now.

    A delayed feed has that much longer. A file is complete as it is: nothing is due. Raises StoreUnavailable, or
    SourceUnavailable (the sandbox's clock).
    """
    if s.replayed:
        return
    due = open_clock(s).now() - s.feed_delay - minutes * MINUTE
    lake = Lake.connect(s)
    overdue = {symbol: session for symbol in s.symbols if (session := _missing(s, lake, symbol, due))}
    message = f"not clean {minutes} minutes after the close: {_listed(overdue)}" if overdue else ""
    _store_message(s, message)
    if message:
        raise BadQuality(f"{message}; see the runs of ingest_bars, and trigger it where there is none")


def _listed(overdue: dict[str, str]) -> str:
    return ", ".join(f"{symbol} {session}" for symbol, session in overdue.items())


def _store_message(s: Settings, message: str) -> None:
    """Keep what was found where who tells a person of the failed run reads it (`monitoring/notify.py`)."""
    store = MonitoringStore.connect(s)
    try:
        store.write_state(DEADLINE, {"told": message})
    finally:
        store.close()


def _missing(s: Settings, lake: Lake, symbol: str, due: float) -> str | None:
    """Return the newest session that closed by `due` where no bar of it is clean, as YYYY-MM-DD."""
    calendar = s.calendars.of(symbol)
    session = str(calendar.dates[calendar.ended(due) - 1])
    report = lake.read_quality(symbol, session[:7])
    count = report["sessions"].get(session) if report else None
    return None if count and count["received"] else session

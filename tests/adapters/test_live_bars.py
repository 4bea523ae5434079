"""Live bars against the settled ones, on a real PostgreSQL, S3 and sandbox clock."""

from uuid import uuid4

from stock_ml.adapters.lake import Lake
from stock_ml.adapters.market_clock import open_clock
from stock_ml.adapters.postgres.monitoring_store import MonitoringStore
from stock_ml.adapters.postgres.store import BarRow, ForecastStore
from stock_ml.config import Settings
from stock_ml.domain.gaps import Minutes
from stock_ml.monitoring.live_bars import LIVE_BARS, compare_live_bars
from tests.servers import tables
from tests.unit.serving.streams import bars_of
from tests.walks import frame, minutes_of, walk


def last_session(s: Settings) -> tuple[str, Minutes]:
    calendar = s.calendars.of("")
    date = str(calendar.dates[calendar.ended(open_clock(s).now()) - 1])
    return date, walk(minutes_of(date, 1))


def test_the_newest_closed_session_is_compared_once_its_bars_are_clean(
    postgres: Settings, s3: Settings, sandbox: Settings
) -> None:
    s = postgres.model_copy(update={"symbols": (f"L{uuid4().hex[:6].upper()}",), "s3_bucket": "livebars"})
    tables(s)
    lake, (session, minutes) = Lake.connect(s), last_session(s)
    lake.ensure_bucket()
    bars = [BarRow(*bar[:7], False, "sandbox", False) for bar in bars_of(minutes, s.symbols[0])]
    bars[3] = bars[3]._replace(close=bars[3].low * 0.999, low=bars[3].low * 0.999, revision=2)
    store = ForecastStore.connect(s)
    store.store(bars[:-5], [])
    store.close()
    assert compare_live_bars(s) is None
    whole = frame(s.symbols[0], minutes)
    lake.write_clean(s.symbols[0], session[:7], whole[:200])
    assert compare_live_bars(s) is None  # clean bars of a session that was not over
    lake.write_clean(s.symbols[0], session[:7], whole)
    report = compare_live_bars(s)
    assert report is not None
    assert report[:4] == (session, len(bars) - 5, 5, 0)
    assert (report.differ, report.corrected) == (1 / report.compared, 1 / report.compared)
    assert compare_live_bars(s) is None  # once
    reports = MonitoringStore.connect(s)
    kept = reports.read_state(LIVE_BARS)
    reports.close()
    assert kept == {"sessions": [report._asdict()]}

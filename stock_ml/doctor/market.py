"""The market's side of an installation: the key and its tier, the source, and the market's time."""

import time
from importlib.metadata import version

from stock_ml.adapters.market_clock import MarketClock, open_clock
from stock_ml.adapters.postgres.request_quota import RequestQuota, request_limiter
from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.config import Settings
from stock_ml.doctor.check import CheckResult
from stock_ml.domain.bars import utc
from stock_ml.domain.calendar import SHARED, UPDATE, Sessions, end_fault, release_warning
from stock_ml.domain.feed_delay import feed_words
from stock_ml.sources.csv_files import CsvFiles
from stock_ml.sources.parsing import read
from stock_ml.sources.registry import open_source


def key(s: Settings) -> CheckResult:
    """See that there is a key where one is needed, and what of its budget is spent; the key itself is never shown."""
    open_source(s)  # raises BadKey where none is set; nothing is sent
    if not s.capabilities.metered:
        return CheckResult(f"source {s.source} needs none, or has it; it counts no requests")
    spent, daily = RequestQuota.connect(s).used_today(), s.requests_per_day
    message = f"set; {s.requests_per_minute} requests a minute, {spent} of {daily or 'any number'} spent today"
    return (
        CheckResult(message, "the source's day is spent: tomorrow goes on", "note")
        if 0 < daily <= spent
        else CheckResult(message)
    )


def source(s: Settings) -> CheckResult:
    """Ask the source for the newest bars of the first symbol: it costs one request."""
    symbol = s.symbols[0]
    if s.replayed:
        count = sum(len(read(CsvFiles.connect(s).fetch(name))) for name in s.symbols)
        return CheckResult(f"{s.csv_path}: {count:,} rows of {', '.join(s.symbols)}")
    rows = read(open_source(s, request_limiter(s)).newest(symbol))
    message = f"{s.source} gives {len(rows)} bars of {symbol}, the newest labelled {rows['label'].max()}"
    message += f", {feed_words(s.feed_delay)}" if s.feed_delay else ""
    return CheckResult(message + (", SIMULATED" if s.simulated else ""))


def feed(s: Settings) -> CheckResult:
    """See how late the feed shows its bars, as the settings state it and as the producer learned it."""
    if s.replayed:
        return CheckResult(f"source {s.source} has none: its bars are replayed")
    store = ForecastStore.connect(s)
    try:
        report = store.read_state("producer")
    finally:
        store.close()
    learned: dict[str, int] = report.state.get("feed_delay", {}) if report else {}
    longest = max(learned.values(), default=0)
    if longest <= s.feed_delay:
        return CheckResult(feed_words(s.feed_delay))
    advice = f"set STOCKML_FEED_DELAY={longest}: then batch and live bars agree on which of them are final"
    return CheckResult(f"{feed_words(longest)}; that is learned, not stated", advice, "note")


def clock(s: Settings) -> CheckResult:
    """See what time it is in the market, and whether it is open."""
    market = open_clock(s)
    now = market.now()
    calendar = s.calendars.of(s.symbols[0])
    paused = isinstance(market, MarketClock) and market.reading().paused
    message = f"{utc(now):%Y-%m-%d %H:%M} UTC, {calendar.exchange} is {market_state(calendar, now)}"
    return (
        CheckResult(f"{message}; the clock is paused", "its page runs it again", "note")
        if paused
        else CheckResult(message)
    )


def market_state(calendar: Sessions, now: float) -> str:
    """Return in words whether an exchange is open at a time of the market, and until when."""
    if calendar.is_over(now):
        return f"known until {calendar.dates[-1]} only"
    is_open, change = calendar.change(now)
    until = "" if change is None else f" until {utc(change):%Y-%m-%d %H:%M}"
    return ("open" if is_open else "closed") + until


def calendar(s: Settings, now: float | None = None) -> CheckResult:
    """See until when the sessions of each exchange are known, how old the calendars are, and which ones are shared."""
    now = time.time() if now is None else now
    found = [s.calendars.of(""), *(s.calendars.of(symbol) for symbol, _ in s.exchanges)]
    known = {each.exchange: each for each in found}
    shared = [f"{name} has the sessions of {SHARED[name]}" for name in known if name in SHARED]
    listed = [f"{name} is known until {each.dates[-1]}" for name, each in known.items()]
    installed = version("exchange-calendars")
    message = f"exchange-calendars {installed}: {'; '.join([*listed, *shared])}"
    if s.live and (fault := end_fault(now, known.values())):
        return CheckResult(message, fault, "bad")
    warnings = [*(each.end_warning(now) for each in known.values()), release_warning(installed, now)]
    ending = [words for words in warnings if s.live and words]
    advice = f"{'; '.join(ending)}: {UPDATE}" if ending else ""
    return CheckResult(message, advice, "note" if ending or shared else "ok")

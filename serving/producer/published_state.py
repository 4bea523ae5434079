"""Which bars and sessions were published, so that a restart neither repeats nor skips any.

They are read from the topics, as the consumer reads them, and from the stored bars, which outlive a topic's retention.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from math import inf

from serving.common.decode_bars import decode_each
from serving.producer.recent_minutes import WINDOW, Recent
from serving.stream_config import StreamConfig
from stock_ml.adapters.broker import ClosedSession, Topics, decode_session, read_back
from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.config import Settings
from stock_ml.domain.bars import MINUTE, Bar
from stock_ml.errors import BadMessage

TAIL = 20_000  # messages a partition


def recently_published(s: Settings, store: ForecastStore, now: float) -> dict[str, Recent]:
    """Return what was published last of each configured symbol, until `now` by the Clock.

    The topic's tail is read; only where a symbol is neither in it nor stored, the whole topic.
    Raises BrokerUnavailable, and StoreUnavailable where PostgreSQL is unavailable.
    """
    config, topic = StreamConfig.of(s), Topics.of(s).bars
    stored = _stored(s, store, int(now))
    found = recent(chain(stored, decode_each(read_back(s, topic, TAIL), config)), config, now)
    if all(known.newest for known in found.values()):
        return found
    return recent(chain(stored, decode_each(read_back(s, topic), config)), config, now)


def recent(bars: Iterable[Bar], config: StreamConfig, now: float) -> dict[str, Recent]:
    """Return which of these bars were published last, in whatever order; bars of the future at `now` are left out."""
    found = {symbol: Recent() for symbol in config.symbols}
    for bar in bars:
        if bar.ts + MINUTE <= now:
            found[bar.symbol].add(bar)
    return found


def published_between(s: Settings, first: int, last: int) -> set[tuple[str, int]]:
    """Return symbol and time of all bars published from one time to another, both included.

    Raises BrokerUnavailable, and StoreUnavailable where PostgreSQL is unavailable.
    """
    store = ForecastStore.connect(s)
    try:
        stored = _stored(s, store, first)
    finally:
        store.close()
    bars = chain(stored, decode_each(read_back(s, Topics.of(s).bars), StreamConfig.of(s)))
    return {(bar.symbol, bar.ts) for bar in bars if first <= bar.ts <= last}


def last_announced(s: Settings, now: float = inf) -> dict[str, int]:
    """Return by exchange the close of the newest session announced until `now`, in UTC epoch seconds.

    Raises BrokerUnavailable.
    """
    calendars = {calendar.exchange: calendar for calendar in StreamConfig.of(s).calendars}
    found: dict[str, int] = {}
    for closed in _announced(read_back(s, Topics.of(s).sessions, TAIL)):
        calendar = calendars.get(closed.exchange)
        if calendar is not None and closed.close in calendar.closes and closed.close <= now:
            found[closed.exchange] = max(closed.close, found.get(closed.exchange, 0))
    return found


def _stored(s: Settings, store: ForecastStore, before: int) -> list[Bar]:
    """Return each symbol's bars as received: the newest WINDOW before a time, and all from then on."""
    received = store.received(dict.fromkeys(s.symbols, before), WINDOW)
    return [bar for bars in received.values() for bar in bars if bar.source == s.source]


def _announced(values: Iterable[bytes | None]) -> Iterator[ClosedSession]:
    for value in values:
        try:
            yield decode_session(value)
        except BadMessage:
            continue  # it is no announcement of ours

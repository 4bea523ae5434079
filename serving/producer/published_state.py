"""Which bars and sessions were published, so that a restart neither repeats nor skips any.

They are read from the topics, as the consumer reads them, and from the stored bars, which outlive a topic's retention.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from math import inf

from serving.common.decode_bars import decode_each
from serving.producer.recent_minutes import SESSION, WINDOW, Recent
from serving.stream_config import StreamConfig
from stock_ml.adapters.broker import ClosedSession, Topics, decode_session, read_back
from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.config import Settings
from stock_ml.domain.bars import MINUTE, Bar
from stock_ml.domain.official_close import OfficialClose
from stock_ml.errors import BadMessage

TAIL = 20_000  # messages a partition
CLOSED = 30 * 86_400  # seconds before a time of which official closes are read: of every session met by WINDOW bars


def recently_published(s: Settings, store: ForecastStore, now: float) -> dict[str, Recent]:
    """Return what was published last of each configured symbol, until `now` by the Clock.

    The topic's tail is read; only where a symbol is neither in it nor stored, the whole topic.
    Raises BrokerUnavailable, and StoreUnavailable where PostgreSQL is unavailable.
    """
    config, topic = StreamConfig.of(s), Topics.of(s).bars
    stored, window = _stored(s, store, int(now)), _window(s)
    found = recent(chain(stored, decode_each(read_back(s, topic, TAIL), config)), config, now, window)
    if all(known.newest for known in found.values()):
        return found
    return recent(chain(stored, decode_each(read_back(s, topic), config)), config, now, window)


def recent(
    published: Iterable[Bar | OfficialClose], config: StreamConfig, now: float, window: int = WINDOW
) -> dict[str, Recent]:
    """Return which of these were published last, in whatever order; what is of the future at `now` is left out."""
    found = {symbol: Recent(window=window) for symbol in config.symbols}
    for each in published:
        if each.ts + MINUTE <= now:
            known = found[each.symbol]
            known.add(each) if isinstance(each, Bar) else known.add_close(each)
    return found


def published_between(s: Settings, first: int, last: int) -> set[tuple[str, int]]:
    """Return symbol and time of all bars and official closes published from one time to another, both included.

    Raises BrokerUnavailable, and StoreUnavailable where PostgreSQL is unavailable.
    """
    store = ForecastStore.connect(s)
    try:
        stored = _stored(s, store, first)
    finally:
        store.close()
    published = chain(stored, decode_each(read_back(s, Topics.of(s).bars), StreamConfig.of(s)))
    return {(each.symbol, each.ts) for each in published if first <= each.ts <= last}


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


def _stored(s: Settings, store: ForecastStore, before: int) -> list[Bar | OfficialClose]:
    """Return each symbol's bars as received, the newest ones before a time and all from then on, and its closes."""
    received = store.received(dict.fromkeys(s.symbols, before), _window(s))
    stored: list[Bar | OfficialClose] = [bar for bars in received.values() for bar in bars]
    stored += store.official_closes(s.symbols, before - CLOSED)
    return [each for each in stored if each.source == s.source]


def _window(s: Settings) -> int:
    return SESSION if s.capabilities.settled_after else WINDOW


def _announced(values: Iterable[bytes | None]) -> Iterator[ClosedSession]:
    for value in values:
        try:
            yield decode_session(value)
        except BadMessage:
            continue  # it is no announcement of ours

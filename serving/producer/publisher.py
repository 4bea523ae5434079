"""The producer's way out: bars in order, sessions once, and its own state."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import Any

from serving.common.health import Health
from serving.common.heartbeat import OnceAMinute, StateWriter
from serving.common.logs import line
from serving.common.metrics import ProducerMeters
from serving.common.shutdown import until_back
from serving.producer.schedule import market, newly_closed
from serving.stream_config import StreamConfig
from stock_ml.adapters.broker import ClosedSession, Publisher
from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.config import Settings
from stock_ml.domain.bars import Bar
from stock_ml.domain.calendar import Sessions
from stock_ml.errors import BrokerRefused, BrokerUnavailable

log = logging.getLogger(__name__)
UNHEARD = 5.0  # seconds after which a broker that confirms nothing is said to be away
NEVER = Event()  # signals end the producer wherever it is: what it published is on the topic


@dataclass
class Output:
    """Publish, announce and tell, for all ways in which bars come."""

    s: Settings
    calendars: tuple[Sessions, ...] = field(init=False)
    store: ForecastStore = field(init=False)
    announced: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.calendars = StreamConfig.of(self.s).calendars
        self.store = ForecastStore.connect(self.s)
        self._publisher = Publisher.connect(self.s)
        self.health, self.meters = Health(), ProducerMeters()
        self._state = StateWriter(partial(self.store.write_state, "producer"), self.health)
        self._minute = OnceAMinute()

    @property
    def sessions(self) -> Sessions:
        """Return the sessions of most symbols."""
        return self.calendars[0]

    def publish(self, bars: Iterable[Bar]) -> int:
        """Publish bars in the order given, waiting while Kafka takes none, and return how many.

        Raises BrokerRefused where Kafka refused one for good, this one or one before.
        """
        self._publisher.poll()
        count = 0
        for count, bar in enumerate(bars, 1):  # noqa: B007 - the last count is returned
            try:
                self._publisher.bar(bar)
            except BrokerUnavailable:
                until_back(partial(self._publisher.bar, bar), NEVER, self._say)
            self.meters.published(bar.ts)
        return count

    def delivered(self, seconds: float) -> bool:
        """Wait for Kafka to have it all, and say whether it has."""
        return self._publisher.flush(seconds) == 0

    def announce_until(self, now: float, calendar: Sessions) -> None:
        """Announce each session of a calendar that closed by `now` once; the first time, none that closed before."""
        for number in newly_closed(self.announced.setdefault(calendar.exchange, int(now)), now, calendar):
            if not self.delivered(5):
                return  # its last bars come first; the next turn tries again
            close = int(calendar.closes[number])
            closed = ClosedSession(calendar.exchange, str(calendar.dates[number]), close)
            until_back(partial(self._publisher.session, closed), NEVER, say)
            self.announced[calendar.exchange] = close
            self.meters.sessions.inc()
            log.info(line("session closed", session=closed.session, exchange=closed.exchange))

    def tell(self, now: float | None, waiting: str | None, **more: Any) -> None:
        """Say in the log once a minute, and in the state once a second, what is waited for."""
        told = {"source": self.s.source, "simulated": self.s.simulated, "symbols": list(self.s.symbols)}
        known = market(now, self.calendars) if now is not None else {}
        unheard = self._unheard()
        self.health.turned()
        self.health.heard("kafka", unheard)
        self.health.heard("bars", waiting)
        self.meters.undelivered.set(self._publisher.undelivered)
        waiting = waiting or unheard
        self._state.tell(lambda: told | known | {"waiting": waiting} | more)
        self._minute.warn(line("waiting", reason=waiting) if waiting else None)

    def close(self) -> None:
        """Deliver what is left, as far as that goes in three seconds."""
        try:
            done = self.delivered(3)
        except BrokerRefused:
            done = False  # it is what ended the work, and was told there
        if not done:
            log.warning(line("stopped before all was delivered; it is fetched again at the next start"))
        self.store.close()

    def _unheard(self) -> str | None:
        if self._publisher.silence < UNHEARD:
            return None
        return f"Kafka takes nothing: {self._publisher.undelivered} messages wait here until it is back"

    def _say(self, error: BaseException) -> None:
        say(error)
        self.tell(None, str(error))
        self.health.away(error)


def say(error: BaseException) -> None:
    """Log what is waited for."""
    log.warning(line("waiting", reason=error))

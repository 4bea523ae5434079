"""The producer's way out: bars in order, sessions once, and its own state."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import Any

from serving.health import Health
from serving.logs import line
from serving.meters import ProducerMeters
from serving.publishing import market, newly_closed
from serving.state import OnceAMinute, StateWriter
from serving.stopping import until_back
from stock_ml.adapters.broker import ClosedSession, Publisher
from stock_ml.adapters.forecast_store import ForecastStore
from stock_ml.bars import Bar
from stock_ml.config import Settings
from stock_ml.errors import BrokerRefused, BrokerUnavailable
from stock_ml.sessions import Sessions, sessions

log = logging.getLogger(__name__)
UNHEARD = 5.0  # seconds after which a broker that confirms nothing is said to be away
NEVER = Event()  # signals end the producer wherever it is: what it published is on the topic


@dataclass
class Output:
    """Publish, announce and tell, for all ways in which bars come."""

    s: Settings
    sessions: Sessions = field(init=False)
    store: ForecastStore = field(init=False)
    announced: int | None = None

    def __post_init__(self) -> None:
        self.sessions = sessions(self.s.exchange)
        self.store = ForecastStore.connect(self.s)
        self._publisher = Publisher.connect(self.s)
        self.health, self.meters = Health(), ProducerMeters()
        self._state = StateWriter(self.store, "producer", self.health)
        self._minute = OnceAMinute()

    def publish(self, bars: Iterable[Bar]) -> int:
        """Publish bars in the order given, waiting while Kafka takes none, and return how many.

        Raises BrokerRefused where Kafka refused one for good, this one or one before.
        """
        self._publisher.look()
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

    def announce_until(self, now: float) -> None:
        """Announce each session that closed by `now` once; the first time, only those that close from now on."""
        if self.announced is None:
            self.announced = int(now)
        for number in newly_closed(self.announced, now, self.sessions):
            if not self.delivered(5):
                return  # its last bars come first; the next turn tries again
            close = int(self.sessions.closes[number])
            closed = ClosedSession(self.s.exchange, str(self.sessions.dates[number]), close)
            until_back(partial(self._publisher.session, closed), NEVER, say)
            self.announced = close
            self.meters.sessions.inc()
            log.info(line("session closed", session=closed.session))

    def tell(self, now: float | None, waiting: str | None, **more: Any) -> None:
        """Say in the log once a minute, and in the state once a second, what is waited for."""
        told = {"source": self.s.source, "simulated": self.s.simulated, "symbols": list(self.s.symbols)}
        known = market(now, self.sessions) if now is not None else {}
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

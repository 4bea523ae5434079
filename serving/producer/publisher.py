"""What the producer sends: bars in order, each closed session once, and its own report."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from threading import Event

from serving.common.health import Health
from serving.common.heartbeat import StateWriter, Throttle
from serving.common.logs import line
from serving.common.metrics import ProducerMeters
from serving.common.reports import ProducerReport, ReplayReport
from serving.common.shutdown import until_available
from serving.producer.schedule import market, newly_closed
from serving.stream_config import StreamConfig
from stock_ml.adapters.broker import ClosedSession, Publisher
from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.config import Settings
from stock_ml.domain.bars import Bar
from stock_ml.domain.calendar import Sessions
from stock_ml.domain.official_close import OfficialClose
from stock_ml.errors import BrokerRefused, BrokerUnavailable

log = logging.getLogger(__name__)
UNCONFIRMED = 5.0  # seconds after which a broker that confirms nothing is reported as unavailable
NEVER = Event()  # signals end the producer wherever it is: what it published is on the topic


@dataclass
class Output:
    """Publish bars, announce sessions and report, for live bars and for replays."""

    s: Settings
    calendars: tuple[Sessions, ...] = field(init=False)
    store: ForecastStore = field(init=False)
    announced: dict[str, int] = field(default_factory=dict)
    feed_delay: dict[str, int] = field(default_factory=dict)  # seconds by exchange
    request_interval: int = 0  # wall seconds between two requests for one symbol

    def __post_init__(self) -> None:
        self.calendars = StreamConfig.of(self.s).calendars
        self.store = ForecastStore.connect(self.s)
        self._publisher = Publisher.connect(self.s)
        self.health, self.meters = Health(), ProducerMeters()
        self._state = StateWriter(partial(self.store.write_state, "producer"), self.health)
        self._throttle = Throttle()

    @property
    def sessions(self) -> Sessions:
        """Return the sessions of most symbols."""
        return self.calendars[0]

    def publish(self, messages: Iterable[Bar | OfficialClose]) -> int:
        """Publish bars and official closes in their order, waiting while Kafka accepts none, and return how many.

        Raises BrokerRefused where Kafka rejected one for good, now or before.
        """
        self._publisher.poll()
        count = 0
        for count, message in enumerate(messages, 1):  # noqa: B007 - the last count is returned
            try:
                self._send(message)
            except BrokerUnavailable:
                until_available(partial(self._send, message), NEVER, self._report_unavailable)
            if isinstance(message, Bar):
                self.meters.count_published(message.ts)
        return count

    def _send(self, message: Bar | OfficialClose) -> None:
        if isinstance(message, Bar):
            self._publisher.bar(message)
        else:
            self._publisher.official_close(message)

    def flush(self, seconds: float) -> bool:
        """Wait for Kafka to confirm all messages, and say whether it has."""
        return self._publisher.flush(seconds) == 0

    def announce_until(self, now: float, calendar: Sessions) -> None:
        """Announce once each session of a calendar that closed until `now`, and after the close in `announced`."""
        for number in newly_closed(self.announced[calendar.exchange], now, calendar):
            if not self.flush(5):
                return  # its last bars come first; the next turn tries again
            close = int(calendar.closes[number])
            closed = ClosedSession(calendar.exchange, str(calendar.dates[number]), close)
            until_available(partial(self._publisher.session, closed), NEVER, log_waiting)
            self.announced[calendar.exchange] = close
            self.meters.sessions.inc()
            log.info(line("session closed", session=closed.session, exchange=closed.exchange))

    def report(self, now: float | None, waiting: str | None, replay: ReplayReport | None = None) -> None:
        """Write the report once a second, and log once a minute what the producer waits for."""
        unconfirmed = self._unconfirmed()
        self.health.record_turn()
        self.health.set_fault("kafka", unconfirmed)
        self.health.set_fault("bars", waiting)
        self.meters.undelivered.set(self._publisher.undelivered)
        waiting = waiting or unconfirmed
        self._state.write(lambda: self._report(now, waiting, replay or {}))
        self._throttle.warn(line("waiting", reason=waiting) if waiting else None)

    def close(self) -> None:
        """Deliver what is left, as far as that goes in three seconds."""
        try:
            delivered = self.flush(3)
        except BrokerRefused:
            delivered = False  # it ended the work, and was logged there
        if not delivered:
            log.warning(line("stopped before all was delivered; it is fetched again at the next start"))
        self.store.close()

    def _report(self, now: float | None, waiting: str | None, replay: ReplayReport) -> ProducerReport:
        s = self.s
        own = ProducerReport(source=s.source, simulated=s.simulated, symbols=list(s.symbols), waiting=waiting)
        own["feed_delay"], own["request_interval"] = self.feed_delay, self.request_interval
        return {**own, **replay} if now is None else {**own, **market(now, self.calendars), **replay}

    def _unconfirmed(self) -> str | None:
        if self._publisher.unconfirmed < UNCONFIRMED:
            return None
        return f"Kafka takes nothing: {self._publisher.undelivered} messages wait here until it is back"

    def _report_unavailable(self, error: BaseException) -> None:
        log_waiting(error)
        self.report(None, str(error))
        self.health.record_error(error)


def log_waiting(error: BaseException) -> None:
    """Log what the producer waits for."""
    log.warning(line("waiting", reason=error))

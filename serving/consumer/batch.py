"""One batch of messages: store its bars with their forecasts, put aside what cannot be read, then commit."""

import logging
from dataclasses import dataclass, field
from threading import Event
from time import monotonic

import numpy as np

from serving.common.decode import read
from serving.common.health import Health
from serving.common.logs import line
from serving.common.metrics import ConsumerMeters
from serving.common.shutdown import until_back
from serving.consumer.predict import Models
from serving.consumer.state import Keeper
from serving.stream_config import Rules
from stock_ml.adapters.broker import Publisher, Received, Subscriber
from stock_ml.errors import BrokerUnavailable

log = logging.getLogger(__name__)
TOLD = 10  # rejected messages of a batch that the log tells one by one


@dataclass
class Batches:
    """Move bars from the topic to the store: store first, then commit, so that whatever dies, nothing is lost."""

    subscriber: Subscriber
    publisher: Publisher
    keeper: Keeper
    rules: Rules
    stopping: Event
    meters: ConsumerMeters = field(default_factory=ConsumerMeters)
    health: Health = field(default_factory=Health)

    def handle(self, messages: list[Received], models: Models) -> None:
        """Store, reject and commit; without a model bars are stored and nothing is forecast.

        Raises what was away when it is asked to stop, and BrokerRefused: what is not committed comes again.
        """
        began = monotonic()
        self.meters.behind.begin()
        latest = until_back(self.keeper.latest, self.stopping, self._away)
        batch = read([message.value() for message in messages], self.rules, latest)
        self.keeper.see(batch.bars, np.array([messages[at].partition() for at in batch.at.tolist()], dtype=np.int64))
        handled = until_back(lambda: self.keeper.take(batch.bars, models), self.stopping, self._away)
        stored = until_back(lambda: self.keeper.store(handled), self.stopping, self._away)
        self.health.heard("postgresql", None)
        self.health.heard("source", None)
        until_back(lambda: self._reject(messages, batch.refused), self.stopping, self._away)
        log.info(line("stored", messages=len(messages), refused=len(batch.refused), **stored._asdict()))
        self._commit(messages)
        self.meters.batch.observe(monotonic() - began)
        self.meters.stored(*stored, newest=int(batch.bars.ts.max(initial=0)))

    def _commit(self, messages: list[Received]) -> None:
        try:
            self.subscriber.commit(messages)
        except BrokerUnavailable as error:
            log.warning(line("not committed, it comes again and changes nothing", reason=error))
        self.meters.messages.inc(len(messages))
        self.meters.behind.end(messages[-1].timestamp()[1] / 1000, self.subscriber.lag())

    def _reject(self, messages: list[Received], refused: list[tuple[int, str]]) -> None:
        for index, reason in refused:
            self.publisher.rejected(messages[index], reason)
        for index, reason in refused[:TOLD]:
            at = messages[index]
            log.warning(line("rejected", partition=at.partition(), offset=at.offset(), reason=reason))
        if len(refused) > TOLD:
            log.warning(line("rejected", more=len(refused) - TOLD, see=f"topic {at.topic()}.rejected"))
        while left := self.publisher.flush(1):
            away = BrokerUnavailable(f"{left} rejected messages are not delivered yet")
            if self.stopping.is_set():
                raise away
            self._away(away)
        self.meters.rejected.inc(len(refused))
        self.health.heard("kafka", None)

    def _away(self, error: BaseException) -> None:
        log.warning(line("waiting", reason=error))
        self.health.away(error)

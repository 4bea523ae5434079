"""One batch of messages: store its bars with their forecasts, put aside what cannot be read, then commit."""

import logging
from dataclasses import dataclass
from threading import Event

import numpy as np

from serving.forecasting import Serving
from serving.keeping import Keeper
from serving.logs import line
from serving.reading import read
from serving.rules import Rules
from serving.stopping import until_back
from stock_ml.adapters.broker import Publisher, Received, Subscriber
from stock_ml.errors import BrokerUnavailable

log = logging.getLogger(__name__)


@dataclass
class Batches:
    """Move bars from the topic to the store: store first, then commit, so that whatever dies, nothing is lost."""

    subscriber: Subscriber
    publisher: Publisher
    keeper: Keeper
    rules: Rules
    stopping: Event

    def handle(self, messages: list[Received], serving: Serving | None) -> None:
        """Store, reject and commit; without a model bars are stored and nothing is forecast.

        Raises what was away when it is asked to stop, and BrokerRefused: what is not committed comes again.
        """
        batch = read([message.value() for message in messages], self.rules)
        self.keeper.see(batch.bars, np.array([messages[at].partition() for at in batch.at.tolist()], dtype=np.int64))
        handled = until_back(lambda: self.keeper.take(batch.bars, serving), self.stopping, _say)
        stored = until_back(lambda: self.keeper.store(handled), self.stopping, _say)
        until_back(lambda: self._reject(messages, batch.refused), self.stopping, _say)
        log.info(line("stored", messages=len(messages), refused=len(batch.refused), **stored._asdict()))
        try:
            self.subscriber.commit(messages)
        except BrokerUnavailable as error:
            log.warning(line("not committed, it comes again and changes nothing", reason=error))

    def _reject(self, messages: list[Received], refused: list[tuple[int, str]]) -> None:
        for index, reason in refused:
            at = messages[index]
            log.warning(line("rejected", partition=at.partition(), offset=at.offset(), reason=reason))
            self.publisher.rejected(at, reason)
        while left := self.publisher.flush(1):
            if self.stopping.is_set():
                raise BrokerUnavailable(f"{left} rejected messages are not delivered yet")
            log.warning(line("waiting for kafka", undelivered=left))


def _say(error: BaseException) -> None:
    log.warning(line("waiting", reason=error))

"""The consumer: take bars from the topic, store them with their forecasts, then commit.

Run `python -m serving.consumer`; SIGTERM ends it after the batch in hand.
"""

import logging
import os
import sys
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Protocol

from serving.champion import Champion
from serving.clocks import open_clock
from serving.forecasting import Serving
from serving.keeping import Keeper
from serving.logs import line, set_up
from serving.reading import read
from serving.rules import Rules
from serving.state import OnceAMinute, StateWriter
from serving.stopping import AWAY, stop_on_signals, until_back
from stock_ml.adapters.broker import Publisher, Received, Subscriber
from stock_ml.adapters.forecast_store import ForecastStore
from stock_ml.adapters.registry import Registry
from stock_ml.config import Settings, load
from stock_ml.errors import BadSetting, BrokerUnavailable

log = logging.getLogger(__name__)
BATCH = 10_000  # messages
WAIT = 0.2  # seconds


class ChampionSource(Protocol):
    """Say which model serves, whether that is known yet, and what is wrong with it."""

    @property
    def serving(self) -> Serving | None: ...
    @property
    def settled(self) -> bool: ...
    @property
    def trouble(self) -> str | None: ...


@dataclass
class Consumer:
    """Move bars from the topic to the store: store first, then commit, so that whatever dies, nothing is lost."""

    s: Settings
    champion: ChampionSource
    stopping: Event
    rules: Rules = field(init=False)
    store: ForecastStore = field(init=False)

    def __post_init__(self) -> None:
        self.rules = Rules.of(self.s)
        self.store = ForecastStore.connect(self.s)
        self._keeper = Keeper(self.store, open_clock(self.s), self.rules)
        self._publisher = Publisher.connect(self.s)
        self._subscriber = Subscriber.connect(self.s, f"{self.s.kafka_topic}-consumer", self._keeper.forget)
        self._state = StateWriter(self.store, "consumer")
        self._minute = OnceAMinute()

    def run(self) -> bool:
        """Work until stopped, then leave the group; say whether that went as it should."""
        try:
            while not self.stopping.is_set():
                self._turn()
        except AWAY as error:
            # asked to stop while something was away: what is not committed comes again
            log.warning(line("stopped with a batch in hand", reason=error))
        finally:
            self.store.close()
            left = self._subscriber.close()
        return left

    def _turn(self) -> None:
        if not self.champion.settled:
            self.stopping.wait(WAIT)
        elif messages := self._subscriber.take(BATCH, WAIT):
            self._handle(messages)
        self._state.tell(self._told)
        trouble = self.champion.trouble
        self._minute.warn(line("champion", trouble=trouble) if trouble else None)

    def _handle(self, messages: list[Received]) -> None:
        batch = read((message.value() for message in messages), self.rules)
        serving = self.champion.serving  # one model a batch: swaps happen between two
        stored = until_back(lambda: self._keeper.keep(batch.bars, serving), self.stopping, _say)
        until_back(lambda: self._reject(messages, batch.refused), self.stopping, _say)
        log.info(line("stored", messages=len(messages), refused=len(batch.refused), **stored._asdict()))
        try:
            self._subscriber.commit(messages)
        except BrokerUnavailable as error:
            log.warning(line("not committed, it comes again and changes nothing", reason=error))

    def _reject(self, messages: list[Received], refused: list[tuple[int, str]]) -> None:
        for index, reason in refused:
            at = messages[index]
            log.warning(line("rejected", partition=at.partition(), offset=at.offset(), reason=reason))
            self._publisher.rejected(at, reason)
        while left := self._publisher.flush(1):
            if self.stopping.is_set():
                raise BrokerUnavailable(f"{left} rejected messages are not delivered yet")
            log.warning(line("waiting for kafka", undelivered=left))

    def _told(self) -> dict[str, Any]:
        serving = self.champion.serving
        return {
            "model_version": serving.version if serving else None,
            "run_id": serving.run_id if serving else None,
            "trained_until": serving.scorer.trained_until if serving else None,
            "waiting": self.champion.trouble,
            "lag": self._subscriber.lag(),
        }


def _say(error: BaseException) -> None:
    log.warning(line("waiting", reason=error))


def main() -> int:
    """Serve until SIGTERM; return 1 where a setting is wrong, or the watch on the champion broke."""
    set_up("consumer")
    stopping, stopped = stop_on_signals()
    try:
        s = load()
        champion = Champion(Registry.connect(s), Rules.of(s).schema)
        consumer = Consumer(s, champion, stopping)
    except BadSetting as error:
        log.error(line("refused", reason=error))
        return 1
    champion.watch(stopping)
    left = consumer.run()
    log.info(line("stopped", left_group=left))
    code = 0 if stopped() else 1
    if not left:
        os._exit(code)  # Kafka's client would wait for its broker, and all is stored and committed
    return code


if __name__ == "__main__":
    sys.exit(main())

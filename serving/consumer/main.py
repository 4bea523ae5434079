"""The consumer: poll bars from the topic, store them with their forecasts, then commit.

Run `python -m serving.consumer.main`; SIGTERM ends it after the batch in hand.
"""

import gc
import logging
import os
import sys
from dataclasses import dataclass, field
from functools import partial
from socket import gethostname
from threading import Event
from typing import Protocol

from serving.common.clocks import stream_clock
from serving.common.heartbeat import StateWriter, Throttle
from serving.common.http_endpoints import serve
from serving.common.logs import line, set_up
from serving.common.reports import ConsumerReport
from serving.common.shutdown import UNAVAILABLE, stop_on_signals
from serving.consumer.batch import Batches
from serving.consumer.last_champion import ChampionFile
from serving.consumer.model_watcher import ModelWatcher
from serving.consumer.predict import Models
from serving.consumer.state import ConsumerState
from serving.stream_config import StreamConfig
from stock_ml.adapters.broker import Publisher, Subscriber, consumer_group
from stock_ml.adapters.mlflow.registry import Registry
from stock_ml.adapters.postgres.store import ForecastStore
from stock_ml.config import Settings, load
from stock_ml.errors import BadSetting, BrokerRefused

log = logging.getLogger(__name__)
BATCH = 10_000  # messages
WAIT = 0.2  # seconds


class ChampionSource(Protocol):
    """Return which models serve, whether that is known yet, and why the champion does not serve."""

    @property
    def models(self) -> Models: ...
    @property
    def is_known(self) -> bool: ...
    @property
    def fault(self) -> str | None: ...


@dataclass
class Consumer:
    """Process batch after batch until stopped, each under one model: swaps happen between two."""

    champion: ChampionSource
    batches: Batches
    store: ForecastStore
    state: StateWriter
    throttle: Throttle = field(default_factory=Throttle)

    @classmethod
    def connect(cls, s: Settings, champion: ChampionSource, stopping: Event) -> "Consumer":
        """Return a consumer of this installation; it waits for what is unavailable when it runs."""
        config, store = StreamConfig.of(s), ForecastStore.connect(s)
        state = ConsumerState(store, config)
        subscriber = Subscriber.connect(s, consumer_group(s), state.forget)
        batches = Batches(subscriber, Publisher.connect(s), store, state, config, stream_clock(s), stopping)
        # each member of the group reports for itself; the row sums up the lag of all
        report = partial(store.write_member, "consumer", f"{gethostname()}:{os.getpid()}:{id(subscriber):x}")
        writer = StateWriter(report, batches.health)
        return cls(champion, batches, store, writer)

    def run(self) -> bool:
        """Process until stopped, then leave the group; say whether Kafka confirmed that. Raises BrokerRefused."""
        try:
            while not self.batches.stopping.is_set():
                self.turn()
        except UNAVAILABLE as error:
            # stopped while something was unavailable: Kafka sends again what is not committed
            log.warning(line("stopped with a batch in hand", reason=error))
        finally:
            self.store.close()
            left_group = self.batches.subscriber.close()
        return left_group

    def turn(self) -> None:
        """Process the messages that wait, report the state, and log once a minute why no champion serves."""
        if not self.champion.is_known:
            self.batches.stopping.wait(WAIT)
        else:
            self._process()
        self.state.write(self._report)
        fault = self.champion.fault
        self.throttle.warn(line("champion", fault=fault) if fault else None)
        self._measure(fault)

    def _process(self) -> None:
        if messages := self.batches.subscriber.poll(BATCH, WAIT):
            self.batches.process(messages, self.champion.models)
        self.batches.skip_unreadable()  # after the messages before it are stored

    def _measure(self, fault: str | None) -> None:
        health, meters, serving = self.batches.health, self.batches.meters, self.champion.models.champion
        health.record_turn()
        health.set_fault("champion", fault)
        health.set_fault("kafka", self.batches.subscriber.trouble)
        meters.lag.set(self.batches.subscriber.lag())
        meters.set_model(*((serving.version, serving.scorer.trained_until) if serving else (None, 0.0)))

    def _report(self) -> ConsumerReport:
        serving, challenger = self.champion.models
        return {
            "model_version": serving.version if serving else None,
            "run_id": serving.run_id if serving else None,
            "trained_until": serving.scorer.trained_until if serving else None,
            "challenger": challenger.version if challenger else None,
            "waiting": self.champion.fault or self.batches.subscriber.trouble,
            "lag": self.batches.subscriber.lag(),
        }


def main() -> int:
    """Serve until SIGTERM; end with 1 where a setting is wrong, Kafka refuses, its client gave up, or a watch broke."""
    set_up("consumer")
    stopping, stopped = stop_on_signals()
    try:
        s = load()
        champion = ModelWatcher(Registry.connect(s), StreamConfig.of(s).schema, ChampionFile.of(s))
        consumer = Consumer.connect(s, champion, stopping)
        meters, health = consumer.batches.meters, consumer.batches.health
        serve((str(s.metrics_host), s.consumer_port), meters.registry, health, s.trusted_hosts)
        champion.watch(stopping)
        gc.freeze()  # all objects so far stay: no batch waits while they are searched for garbage
        left_group, code = consumer.run(), 0 if stopped() else 1
    except BadSetting as error:
        log.error(line("ended", reason=error))
        return 1
    except BrokerRefused as error:
        log.error(line("ended", reason=error))
        left_group, code = False, 1
    log.info(line("stopped", left_group=left_group))
    if not left_group:
        os._exit(code)  # Kafka's client would wait for its broker, and all is stored and committed
    return code


if __name__ == "__main__":
    sys.exit(main())

"""The consumer as it serves, with a fixed model; it prints each commit on its standard output."""

import gc
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import psutil

from serving.common.shutdown import stop_on_signals
from serving.consumer.main import Consumer
from serving.consumer.predict import Models, Serving
from serving.stream_config import StreamConfig
from stock_ml.adapters.broker import Message
from stock_ml.adapters.postgres.store import Forecasts, OtherRows, Stored, Writing
from stock_ml.config import Settings, load
from stock_ml.model.features import FEATURES
from stock_ml.model.scorer import Scorer

NONE = Forecasts()
QUANTILES = {"50": 0.7, "90": 1.7, "99": 2.6}


@dataclass
class FixedModels:
    """Stand for the watcher of the champion."""

    models: Models
    is_known: bool = True
    fault: str | None = None


class MeasuredConsumer:
    """Call the consumer's store and subscriber; count the seconds of the one, and print when the other is done."""

    def __init__(self, consumer: Consumer) -> None:
        self._begin, self._finish = consumer.store.begin, consumer.store.finish
        self._commit = consumer.batches.subscriber.commit
        self._messages, self._database, self._start = 0, 0.0, 0.0
        consumer.store.begin = self.begin  # type: ignore[method-assign, assignment]  # the same, and a look at the clock
        consumer.store.finish = self.finish  # type: ignore[method-assign]  # the same, and a look at the clock
        consumer.batches.subscriber.commit = self.commit  # type: ignore[method-assign]  # the same, and a line

    def begin(self, insert: np.ndarray, merge: np.ndarray, others: OtherRows) -> Writing:
        """Begin to store, and note when."""
        self._start = time.monotonic()
        return self._begin(insert, merge, others)

    def finish(self, writing: Writing, insert: Forecasts = NONE, merge: Forecasts = NONE) -> Stored:
        """Finish, and add the seconds since the beginning."""
        stored = self._finish(writing, insert, merge)
        self._database += time.monotonic() - self._start
        return stored

    def commit(self, messages: Sequence[Message]) -> None:
        """Commit, and print how many messages were committed so far."""
        self._commit(messages)
        self._messages += len(messages)
        print_progress(self._messages, self._database)


def fixed_scorer(s: Settings) -> Scorer:
    """Return a linear model that nobody trained."""
    return Scorer("linear", (0.01,) * len(FEATURES), 0.0, QUANTILES, StreamConfig.of(s).schema, 0)


def print_progress(messages: int, database: float = 0.0) -> None:
    """Print the time, the messages committed so far, the seconds spent with the database, and the memory held."""
    memory = psutil.Process().memory_info().rss
    print(json.dumps({"at": time.monotonic(), "messages": messages, "database": database, "rss": memory}), flush=True)


def main() -> None:
    """Serve until SIGTERM."""
    s = load()
    stopping, _ = stop_on_signals()
    consumer = Consumer.connect(s, FixedModels(Models(Serving("1", "given", fixed_scorer(s)))), stopping)
    MeasuredConsumer(consumer)
    gc.freeze()  # as the consumer's own main does
    consumer.run()


if __name__ == "__main__":
    main()

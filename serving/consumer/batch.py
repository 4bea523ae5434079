"""One batch of messages, step by step: its bars are stored with their forecasts, and only then it is committed."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf
from threading import Event
from time import monotonic
from typing import TypeVar

import numpy as np

from serving.common.decode_bars import BarBatch, decode
from serving.common.health import Health
from serving.common.logs import line
from serving.common.metrics import ConsumerMeters
from serving.common.shutdown import until_available
from serving.consumer.feed_delay import FeedDelay
from serving.consumer.in_order import Update
from serving.consumer.predict import Models, forecast, stamp
from serving.consumer.state import ConsumerState
from serving.stream_config import StreamConfig
from stock_ml.adapters.broker import Message, Publisher, Subscriber, UnreadableBatch
from stock_ml.adapters.postgres.store import (
    BARS,
    REPLACED_BARS,
    UNFILLED,
    Forecasts,
    ForecastStore,
    OfficialCloseRow,
    OtherRows,
    Stored,
    Writing,
    table,
)
from stock_ml.domain.clock import Clock, EventClock
from stock_ml.domain.official_close import OfficialClose
from stock_ml.errors import BrokerUnavailable, SourceUnavailable

log = logging.getLogger(__name__)
LOGGED = 10  # rejected messages of a batch that are logged one by one
DAY = 86_400  # seconds
T = TypeVar("T")


@dataclass
class Batches:
    """Move bars from the topic to the store. Delivery is at least once: messages are committed after they are stored.

    A step is tried again until what it needs is available. If the consumer is to stop meanwhile, the step raises its
    error, and Kafka sends again what is not committed.
    """

    subscriber: Subscriber
    publisher: Publisher
    store: ForecastStore
    state: ConsumerState
    config: StreamConfig
    clock: Clock
    stopping: Event
    meters: ConsumerMeters = field(default_factory=ConsumerMeters)
    health: Health = field(default_factory=Health)
    feed_delay: FeedDelay = field(init=False)

    def __post_init__(self) -> None:
        self.feed_delay = FeedDelay(self.store, self.config)

    def process(self, messages: list[Message], models: Models) -> None:
        """Store, reject and commit messages; without a model bars are stored and nothing is forecast.

        Raises BrokerRefused, and the last error of a step that is to stop.
        """
        start = monotonic()
        self.meters.lag_seconds.begin()
        # 1. Decode the bars of this installation; a symbol whose partition changed is read from the database again.
        latest = self._retry(self._latest)
        bars, at, rejects, closes = decode([message.value() for message in messages], self.config, latest)
        self.state.assign(bars, np.array([messages[i].partition() for i in at.tolist()], dtype=np.int64))
        # 2. to 6. Update, forecast and store them.
        stored = self.store_bars(bars, models, closes)
        # 7. Publish messages that cannot be used to the topic of rejects, each with its reason.
        self._retry(lambda: self._reject(messages, rejects))
        log.info(line("stored", messages=len(messages), refused=len(rejects), **stored._asdict()))
        # 8. Commit, now that all of it is stored.
        self._commit(messages)
        self.meters.batch.observe(monotonic() - start)
        self.meters.count_stored(*stored, newest=int(bars.ts.max(initial=0)))

    def store_bars(self, bars: BarBatch, models: Models, closes: Sequence[OfficialClose] = ()) -> Stored:
        """Store bars with their forecasts, and official closes; those that are stored already bring nothing."""
        # 2. Load what memory lacks of the bars' symbols; leave out bars that are known.
        new = self._retry(lambda: self.state.load(bars))
        if not self._is_replay:
            self._retry(self.feed_delay.refresh)
        # 3. Update the ring buffers; return the rows to store, and the windows that are complete.
        self.state.record_closes(closes)
        in_order, out_of_order, older, unfilled = self.state.update(new)
        # 4. Begin to store: PostgreSQL receives the rows while the models forecast.
        insert = bar_table(in_order, self.config)
        merge, replaced = newest_versions(bar_table(out_of_order, self.config))
        replaced = np.concatenate([replaced, older_table(older, self.config)])
        others = OtherRows(replaced, close_rows(closes, self.config), unfilled_table(unfilled, self.config))
        writing = self._retry(lambda: self.store.begin(insert, merge, others))
        # 5. Forecast from the windows, once: what follows may be tried again, and changes no state.
        forecasts = [forecast(part, models, self.state.intervals, self.config) for part in (in_order, out_of_order)]
        # 6. Finish: the forecasts are added, and all is committed in one transaction.
        stored = self._retry(lambda: self._finish(writing, forecasts))
        self.health.set_fault("postgresql", None)
        self.health.set_fault("source", None)
        return stored

    @property
    def _is_replay(self) -> bool:
        return isinstance(self.clock, EventClock)

    def _latest(self) -> float:
        """Return the last minute that may be over: a day after now, as clocks differ; a replay has none.

        Raises SourceUnavailable (the sandbox's clock).
        """
        return inf if self._is_replay else self.clock.now() + DAY

    def _finish(self, writing: Writing, forecasts: Sequence[Forecasts]) -> Stored:
        if not self._is_replay:  # in a replay a forecast is made when its window is known
            now = self._now(writing)
            forecasts = [stamp(part, now, self.feed_delay) for part in forecasts]
        stored = self.store.finish(writing, *forecasts)
        self.meters.late_forecasts.inc(sum(int(part.champion["late"].sum()) for part in forecasts))
        return stored

    def _now(self, writing: Writing) -> float:
        try:
            return self.clock.now()
        except SourceUnavailable:
            self.store.cancel(writing)
            raise

    def _reject(self, messages: list[Message], rejects: list[tuple[int, str]]) -> None:
        for index, reason in rejects:
            self.publisher.rejected(messages[index], reason)
        for index, reason in rejects[:LOGGED]:
            at = messages[index]
            log.warning(line("rejected", partition=at.partition(), offset=at.offset(), reason=reason))
        if len(rejects) > LOGGED:
            log.warning(line("rejected", more=len(rejects) - LOGGED, see=f"topic {at.topic()}.rejected"))
        self._deliver()
        self.meters.rejected.inc(len(rejects))
        self.health.set_fault("kafka", None)

    def _deliver(self) -> None:
        while left := self.publisher.flush(1):
            unavailable = BrokerUnavailable(f"{left} rejected messages are not delivered yet")
            if self.stopping.is_set():
                raise unavailable
            self.report_unavailable(unavailable)

    def skip_unreadable(self) -> None:
        """Publish the batches that Kafka's client cannot read to the topic of rejects, and go on behind them.

        Raises BrokerRefused, and the last error of a step that is to stop.
        """
        if self.subscriber.standing:
            self.health.set_fault("kafka", self.subscriber.trouble)
        try:
            while batch := self.subscriber.unreadable():
                self._retry(partial(self._publish_unreadable, batch))
                log.error(line("unreadable batch passed over", **batch._asdict()))
                self.meters.unreadable.inc()
                self.subscriber.pass_over(batch)
        except BrokerUnavailable as error:
            if self.stopping.is_set():
                raise
            self.report_unavailable(error)  # the next turn tries again; a batch that comes again changes nothing

    def _publish_unreadable(self, batch: UnreadableBatch) -> None:
        self.publisher.unreadable(batch)
        self._deliver()

    def _commit(self, messages: list[Message]) -> None:
        try:
            self.subscriber.commit(messages)
        except BrokerUnavailable as error:
            log.warning(line("not committed; Kafka sends it again, and that changes nothing", reason=error))
        self.meters.messages.inc(len(messages))
        self.meters.lag_seconds.end(messages[-1].timestamp()[1] / 1000, self.subscriber.lag())

    def _retry(self, step: Callable[[], T]) -> T:
        return until_available(step, self.stopping, self.report_unavailable)

    def report_unavailable(self, error: BaseException) -> None:
        """Report what is unavailable."""
        log.warning(line("waiting", reason=error))
        self.health.record_error(error)


def close_rows(closes: Sequence[OfficialClose], config: StreamConfig) -> list[OfficialCloseRow]:
    """Return official closes as they are stored."""
    return [OfficialCloseRow(*close, session=config.session_closed_at(close.symbol, close.ts)) for close in closes]


def bar_table(updates: Sequence[Update], config: StreamConfig) -> np.ndarray:
    """Return the rows of updates as a table of BARS, each column written by its name."""
    source = config.source.encode()
    parts = [
        table(
            BARS,
            len(u.slot),
            symbol=config.symbol_table[u.slot],
            source=source,
            late=u.late,
            outlier=u.outlier,
            revision=u.revision,
            **vars(u.minutes),
        )
        for u in updates
    ]
    return np.concatenate([np.empty(0, BARS), *parts])


def newest_versions(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return of each bar in a table of BARS the newest row, and as REPLACED_BARS the versions that it replaces.

    Rows of a bar are in the order in which they were known.
    """
    if not rows["revision"].any():
        return rows, np.empty(0, REPLACED_BARS)
    rows = rows[np.lexsort((np.arange(len(rows)), rows["ts"], rows["symbol"]))]
    last = np.append((rows[1:][["symbol", "ts"]] != rows[:-1][["symbol", "ts"]]), True)
    begins = np.flatnonzero(np.append(True, last[:-1]))
    newest, before = rows[last], np.append(rows["revision"][1:] != rows["revision"][:-1], True) & ~last
    newest["late"] = np.logical_or.reduceat(rows["late"], begins)
    return newest, _replaced(rows[before & ~rows["filled"]])


def older_table(older: Sequence[BarBatch], config: StreamConfig) -> np.ndarray:
    """Return bars of which newer versions were known before as a table of REPLACED_BARS."""
    parts = [
        table(
            REPLACED_BARS,
            len(bars),
            symbol=config.symbol_table[bars.slot],
            ts=bars.ts,
            revision=bars.revision,
            late=True,
            **bars.columns,
        )
        for bars in older
    ]
    return np.concatenate([np.empty(0, REPLACED_BARS), *parts])


def unfilled_table(unfilled: Sequence[tuple[int, np.ndarray]], config: StreamConfig) -> np.ndarray:
    """Return minutes by slot that are filled no more as a table of UNFILLED."""
    parts = [table(UNFILLED, len(ts), symbol=config.symbol_table[slot], ts=ts) for slot, ts in unfilled]
    return np.concatenate([np.empty(0, UNFILLED), *parts])


def _replaced(rows: np.ndarray) -> np.ndarray:
    names = set(REPLACED_BARS.names or ()) - {"late"}  # they were the newest ones when they came
    return table(REPLACED_BARS, len(rows), **{name: rows[name] for name in names})

"""The metrics of the services; each process has a registry of its own."""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector

BATCH_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 1, 2, 5, 10, 30)


class Age:
    """Measure for how many wall seconds something has not happened."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall, self._at = wall, float("nan")

    def reset(self) -> None:
        """Record that it happened."""
        self._at = self._wall()

    def __call__(self) -> float:
        """Return the age in seconds, NaN before the first time."""
        return self._wall() - self._at


class Lag:
    """Measure how many wall seconds old the newest processed message is, 0 where none waits."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall, self._newest, self._waits = wall, wall(), False

    def begin(self) -> None:
        """Record that messages are being processed."""
        self._waits = True

    def end(self, stamp: float, left: int) -> None:
        """Record that messages up to a time, epoch seconds of the broker, are processed, and how many wait."""
        self._newest, self._waits = stamp, left > 0

    def __call__(self) -> float:
        """Return the lag in seconds."""
        return max(self._wall() - self._newest, 0.0) if self._waits else 0.0


def registry() -> CollectorRegistry:
    """Return a registry with the metrics of the process itself."""
    own = CollectorRegistry()
    ProcessCollector(registry=own)
    PlatformCollector(registry=own)
    return own


class ConsumerMeters:
    """Hold the metrics of the consumer."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self.registry = all_ = registry()
        self.lag_seconds, self.bar_age, self._newest = Lag(wall), Age(wall), 0
        self.messages = Counter("stockml_messages", "Messages of the topic that were processed", registry=all_)
        self.bars = Counter("stockml_bars", "Bars stored", registry=all_)
        self.forecasts = Counter("stockml_forecasts", "Forecasts stored", registry=all_)
        late = "Forecasts made when the feed could have shown their outcome; they do not count"
        self.late_forecasts = Counter("stockml_late_forecasts", late, registry=all_)
        self.rejected = Counter("stockml_rejected", "Messages that cannot be used", registry=all_)
        skipped = "Batches of the topic skipped because Kafka's client cannot read them"
        self.unreadable = Counter("stockml_unreadable_batches", skipped, registry=all_)
        self.batch = Histogram(
            "stockml_batch_seconds",
            "From a batch received to its offsets committed",
            buckets=BATCH_SECONDS,
            registry=all_,
        )
        self.lag = Gauge("stockml_lag_messages", "Messages of the own partitions that wait", registry=all_)
        self.model = Gauge("stockml_model_info", "1 for the version that serves", ["version"], registry=all_)
        self.model_age = Gauge(
            "stockml_model_age_seconds", "Market time from the last bar trained on to the newest bar", registry=all_
        )
        self.last_bar = Gauge("stockml_last_bar_timestamp_seconds", "Open of the newest bar, epoch", registry=all_)
        _computed("stockml_lag_seconds", "Age of the newest processed message while more wait", self.lag_seconds, all_)
        _computed("stockml_last_bar_age_seconds", "Wall seconds since a bar was stored last", self.bar_age, all_)

    def set_model(self, version: str | None, trained_until: float) -> None:
        """Record which version serves, and until when it was trained."""
        self.model.clear()
        if version is not None:
            self.model.labels(version).set(1)
            self.model_age.set(max(self._newest - trained_until, 0.0))

    def count_stored(self, bars: int, forecasts: int, newest: int) -> None:
        """Count a batch's bars and forecasts; `newest` is its newest minute."""
        self.bars.inc(bars)
        self.forecasts.inc(forecasts)
        if bars:
            self.bar_age.reset()
            self._newest = max(newest, self._newest)
            self.last_bar.set(self._newest)


class ProducerMeters:
    """Hold the metrics of the producer."""

    def __init__(self) -> None:
        self.registry = all_ = registry()
        self.bar_age = Age()
        self.bars = Counter("stockml_bars_published", "Bars handed to Kafka", registry=all_)
        self.sessions = Counter("stockml_sessions_announced", "Closed sessions announced", registry=all_)
        self.undelivered = Gauge("stockml_undelivered_messages", "Messages that wait here for Kafka", registry=all_)
        self.last_bar = Gauge("stockml_last_bar_timestamp_seconds", "Open of the newest bar, epoch", registry=all_)
        _computed("stockml_last_bar_age_seconds", "Wall seconds since a bar was published last", self.bar_age, all_)

    def count_published(self, ts: int) -> None:
        """Count a published bar."""
        self.bars.inc()
        self.bar_age.reset()
        self.last_bar.set(ts)


def _computed(name: str, documentation: str, value: Callable[[], float], registry: CollectorRegistry) -> None:
    Gauge(name, documentation, registry=registry).set_function(value)

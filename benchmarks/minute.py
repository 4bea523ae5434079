"""10,000 symbols, one bar each, all at once: from the first produce to the commit behind the last forecast."""

import time
from dataclasses import dataclass, field

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks._live import Process, market, publish, running_process, stage
from stock_ml.adapters.broker import Publisher, ensure_topics
from stock_ml.config import Settings
from stock_ml.domain.bars import Bar

SYMBOLS, ROUNDS = 10_000, 300
WINDOW = 30  # rounds before the first that counts: then every bar has its forecast


@dataclass
class Side:
    """Hold one of the two: who publishes for it, who consumes, and the seconds of each round."""

    publisher: Publisher
    process: Process
    sent: int = 0
    seconds: list[float] = field(default_factory=list)

    def round(self, bars: list[Bar]) -> None:
        """Publish a minute, and wait for its commit."""
        begun = time.monotonic()
        publish(self.publisher, bars)
        self.publisher.flush(30)
        self.sent += len(bars)
        self.seconds.append(self.process.wait(self.sent) - begun)


def run(console: Console, rounds: int = ROUNDS) -> dict[str, float]:
    """Measure both on the same tables, a round of the one after a round of the other, and return the figures."""
    symbols = tuple(f"S{i:05}" for i in range(SYMBOLS))
    with stage(symbols, window=WINDOW) as s:
        other = s.model_copy(update={"kafka_topic": "bare"})
        ensure_topics(other)
        with running_process(s, "_consumer") as consumer, running_process(other, "_bare") as bare:
            sides = _measure(s, Side(Publisher.connect(s), consumer), Side(Publisher.connect(other), bare), rounds)
    figures = _figures(*(side.seconds[WINDOW:] for side in sides))
    console.print(_table(figures, rounds))
    return figures


def _measure(s: Settings, consumer: Side, bare: Side, rounds: int) -> tuple[Side, Side]:
    for bars in market(s.symbols, WINDOW + rounds):
        consumer.round(bars)
        bare.round([bar._replace(symbol=f"B{bar.symbol[1:]}") for bar in bars])
    return consumer, bare


def _figures(consumer: list[float], bare: list[float]) -> dict[str, float]:
    p50, p99 = np.quantile(consumer, [0.5, 0.99])
    bare_p50, bare_p99 = np.quantile(bare, [0.5, 0.99])
    told = {"p50_s": p50, "p99_s": p99, "copy_p50_s": bare_p50, "copy_p99_s": bare_p99, "ratio_to_copy": p50 / bare_p50}
    return {name: round(float(value), 3) for name, value in told.items()}


def _table(figures: dict[str, float], rounds: int) -> Table:
    table = Table("", "p50 s", "p99 s", title=f"{SYMBOLS:,} symbols, one bar each, {rounds} rounds")
    table.add_row("consumer", f"{figures['p50_s']:.3f}", f"{figures['p99_s']:.3f}")
    table.add_row("bare consume + COPY", f"{figures['copy_p50_s']:.3f}", f"{figures['copy_p99_s']:.3f}")
    return table

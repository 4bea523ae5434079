"""One million bars of 100 symbols through producer and consumer at full speed, every bar with its forecast."""

import time

from rich.console import Console
from rich.table import Table

from benchmarks._live import market, publish, running_process, stage
from local.memory import MIB
from stock_ml.adapters.broker import Publisher

SYMBOLS, MINUTES = 100, 10_000


def run(console: Console) -> dict[str, float]:
    """Measure from the first bar published to the last commit; memory is the consumer's, as it tells after a batch."""
    symbols = tuple(f"S{i:03}" for i in range(SYMBOLS))
    total = SYMBOLS * MINUTES
    with stage(symbols) as s, running_process(s, "_consumer") as consumer:
        publisher, minutes = Publisher.connect(s), list(market(symbols, MINUTES))
        begun = time.monotonic()
        for bars in minutes:
            publish(publisher, bars)
        publisher.flush(60)
        published = time.monotonic()
        ended = consumer.wait(total)
        early, late = (max(t["rss"] for t in part) / MIB for part in _parts(consumer.reports, total))
    figures = {"bars_per_s": total / (ended - begun), "published_per_s": total / (published - begun)}
    table = Table("bars/s published", "bars/s forecast and stored", "MiB, first fifth", "MiB, last fifth")
    table.add_row(*(f"{value:,.0f}" for value in (figures["published_per_s"], figures["bars_per_s"], early, late)))
    console.print(table)
    return {name: round(value) for name, value in (figures | {"growth_mib": late - early}).items()}


def _parts(reports: list[dict[str, float]], total: int) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """Return what was told in the first and in the last fifth."""
    return [t for t in reports if t["messages"] <= total / 5] or reports[:1], [
        t for t in reports if t["messages"] > total * 4 / 5
    ]

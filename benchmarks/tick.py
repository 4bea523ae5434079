"""One symbol, one bar at a time: from its publishing to its commit with its forecast."""

import time

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks._live import market, running_process, stage
from stock_ml.adapters.broker import Publisher

WARM_UP, TICKS, PAUSE = 50, 300, 0.05  # seconds between a commit and the next bar: bars do not wait for each other


def run(console: Console) -> dict[str, float]:
    """Measure, and return the figures."""
    with stage(("ONE",)) as s, running_process(s, "_consumer") as consumer:
        publisher, committed = Publisher.connect(s), []
        for number, (bar,) in enumerate(market(s.symbols, WARM_UP + TICKS), start=1):
            time.sleep(PAUSE)
            begun = time.monotonic()
            publisher.bar(bar)
            publisher.flush(30)
            committed.append(consumer.wait(number) - begun)
    p50, p99 = 1000 * np.quantile(committed[WARM_UP:], [0.5, 0.99])
    table = Table("until", "p50 ms", "p99 ms", title=f"one bar at a time, {TICKS} bars")
    table.add_row("committed", f"{p50:.0f}", f"{p99:.0f}")
    console.print(table)
    return {"committed_p50_ms": round(float(p50), 1), "committed_p99_ms": round(float(p99), 1)}

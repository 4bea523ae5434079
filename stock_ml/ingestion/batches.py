"""Decide which symbols one task of an ingest takes together: by their number, and by the seconds that they take."""

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

from stock_ml.domain.request_budget import Budget

ONE_EACH = 32  # symbols: so many have a task, and a row in Airflow, each
SYMBOLS = 250  # of a batch
SECONDS = 300.0  # that a batch takes by its requests and its months
MONTH = 0.5  # seconds to download and clean a month where the source has no pace
TASKS = 500  # of a run: Airflow maps 1,024 at most, and shows some hundreds well
SPARE = 4  # limits are raised so far that TASKS batches, most of them half empty, hold everything


class BatchLimits(NamedTuple):
    """Hold the most symbols of a batch, and the most seconds."""

    symbols: int
    seconds: float


def seconds_of(months: int, requests: int, budget: Budget) -> float:
    """Return the seconds that a symbol takes of a batch. A day's requests fill a batch, however fast they may go."""
    pause = max(budget.pause, SECONDS / budget.per_day if budget.per_day else 0.0)
    return max(months * MONTH, requests * pause)


def limits(seconds: Sequence[float]) -> BatchLimits:
    """Return the limits for symbols that take so many seconds each, (n,): larger ones for a plan of very many."""
    share = SPARE / TASKS
    return BatchLimits(max(SYMBOLS, ceil(len(seconds) * share)), max(SECONDS, sum(seconds) * share))


def batch_sizes(seconds: Sequence[float]) -> list[int]:
    """Return how many symbols each batch takes of those that take so many seconds each, in their order.

    Up to ONE_EACH symbols have a batch each. Of more, a batch holds as many as keep its limits, one at least; there are
    at most TASKS batches.
    """
    if len(seconds) <= ONE_EACH:
        return [1] * len(seconds)
    most, sizes, used = limits(seconds), [0], 0.0
    for needed in seconds:
        if sizes[-1] and (sizes[-1] == most.symbols or used + needed > most.seconds):
            sizes.append(0)
            used = 0.0
        sizes[-1] += 1
        used += needed
    return sizes

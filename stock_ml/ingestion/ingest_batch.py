"""Download and clean the symbols of a batch: each by itself, so that one that fails stops no other."""

import logging
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from stock_ml.adapters.lake import Lake
from stock_ml.adapters.postgres.request_quota import request_budget
from stock_ml.cleaning.clean_symbol import clean_symbol
from stock_ml.config import Settings
from stock_ml.domain.ingest_records import IngestBatch, IngestItem
from stock_ml.errors import (
    BadKey,
    BatchFailed,
    BatchUnfinished,
    BurstLimit,
    SourceUnavailable,
    StockMLError,
    StoreUnavailable,
)
from stock_ml.ingestion.download import download
from stock_ml.ingestion.plan import is_ingested
from stock_ml.sources.registry import open_source

log = logging.getLogger(__name__)
AT_ONCE = 4  # symbols, most of whose time is a server's; one where the source has a pace, as all wait for that
SECONDS = 1500.0  # of a try, after which no symbol begins: less than Airflow gives a task
IN_A_ROW = 5  # symbols that fail by what concerns all of them: then no other one begins
SHARED = (BadKey, BurstLimit, SourceUnavailable, StoreUnavailable)
Step = Callable[[IngestItem], None]


def ingest_batch(s: Settings, batch: IngestBatch, *, again: bool = False, failed: Collection[str] = ()) -> list[str]:
    """Download and clean the symbols of a batch, and return them; the log has a line for each.

    `again` says that this is not the first try: what is clean as the run wanted it is left alone. `failed` are symbols
    that are not tried again. Where one is not clean, a batch of one symbol raises that symbol's error, another one
    BatchFailed, which has the error of each.
    """
    lake, items = Lake.connect(s), [item for item in batch["items"] if item["symbol"] not in failed]
    _import_all(s)

    def step(item: IngestItem) -> None:
        if again and is_ingested(s, lake, item, batch["planned_at"]):
            log.info("%s is clean already", item["symbol"])
        else:
            _ingest(s, lake, item, batch["planned_at"])

    errors = run(items, step, workers=1 if request_budget(s).pause else AT_ONCE)
    if len(batch["items"]) == 1 and errors:
        raise next(iter(errors.values()))
    if errors or failed:
        raise BatchFailed.of(errors, len(batch["items"]), len(failed))
    return [item["symbol"] for item in items]


def _import_all(s: Settings) -> None:
    """Import what the steps import when they need it: two threads at once may wait for each other's import for ever."""
    open_source(s)
    s.calendars.of(s.symbols[0])


def _ingest(s: Settings, lake: Lake, item: IngestItem, planned_at: float) -> None:
    months = clean_symbol(s, download(s, item, lake, planned_at), lake)["months"]
    log.info("%s is clean: %s", item["symbol"], ", ".join(months) or "nothing to do")


def run(
    items: Collection[IngestItem], step: Step, *, workers: int = AT_ONCE, clock: Callable[[], float] = time.monotonic
) -> dict[str, BaseException]:
    """Take the step of each item, `workers` at once, log what fails, and return the error of each such symbol.

    After SECONDS, or where symbols fail one after the other by what concerns all, no other one begins: it fails too.
    """
    turns = Turns(step, clock, clock() + SECONDS)
    pool = ThreadPoolExecutor(workers, "symbol")
    try:
        futures = {item["symbol"]: pool.submit(turns.take, item) for item in items}
        errors = {symbol: _logged_error(symbol, future) for symbol, future in futures.items()}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # Airflow ends a task by an exception at any moment
    return {symbol: error for symbol, error in errors.items() if error is not None}


def _logged_error(symbol: str, future: "Future[None]") -> BaseException | None:
    error = future.exception()
    if error is not None:
        foreign = None if isinstance(error, StockMLError) else error
        log.warning("%s is not clean: %s: %s", symbol, type(error).__name__, error, exc_info=foreign)
    return error


@dataclass
class Turns:
    """Take the step of one item after the other, until time is up, or all symbols seem to fail for one reason."""

    step: Step
    clock: Callable[[], float]
    until: float
    shared: list[StockMLError] = field(default_factory=list)  # the newest ones, with no success between

    def take(self, item: IngestItem) -> None:
        """Take the step of an item. Raises what that raises, or why it was not taken."""
        if self.clock() >= self.until:
            raise BatchUnfinished(f"its turn did not come within {SECONDS:.0f} s; the next try goes on there")
        if len(self.shared) >= IN_A_ROW:
            raise self.shared[-1]
        try:
            self.step(item)
        except SHARED as error:
            self.shared.append(error)
            raise
        self.shared.clear()

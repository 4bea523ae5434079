"""Publish what a run of `ingest_bars` cleaned, if the symbols are enough to train on."""

import logging
from collections.abc import Mapping, Sequence

from stock_ml.cleaning import run_report
from stock_ml.config import Settings
from stock_ml.domain.ingest_records import CleanBarsEvent, IngestItem
from stock_ml.errors import TooFewSymbols

log = logging.getLogger(__name__)


def publish(
    s: Settings, run: str, items: Sequence[IngestItem], missing: Mapping[str, str], *, backfill: bool
) -> CleanBarsEvent:
    """Look over what a run cleaned, keep its data report, and return what its event tells.

    `items` are the run's, {"symbol", "months"}; `missing` says of each symbol that is not clean why; `backfill` says
    that the run is one of a backfill, whose training waits for the last ones. Raises TooFewSymbols
    where fewer symbols are clean than STOCKML_MINIMUM_SYMBOLS asks for, StoreUnavailable.
    """
    clean = [item for item in items if item["symbol"] not in missing]
    for symbol, why in missing.items():
        log.warning("%s is not clean: %s", symbol, why)
    run_report.store(s, run, clean, missing)
    if not is_enough(len(clean), len(items), s.minimum_symbols):
        raise _too_few(len(clean), len(items), s.minimum_symbols, missing)
    symbols = [item["symbol"] for item in clean]
    event: CleanBarsEvent = {"source": s.source, "symbols": symbols, "backfill": backfill}
    return {**event, "missing": dict(missing)} if missing else event


def is_enough(clean: int, symbols: int, share: float) -> bool:
    """Say whether so many of a run's symbols, one at least, are the share that is asked for."""
    return clean > 0 and clean / symbols >= share


def _too_few(clean: int, symbols: int, share: float, missing: Mapping[str, str]) -> TooFewSymbols:
    reasons = "; ".join(f"{symbol}: {why}" for symbol, why in missing.items())
    return TooFewSymbols(
        f"{clean} of {symbols} symbols are clean, {share:.0%} must be (STOCKML_MINIMUM_SYMBOLS), so no training hears "
        f"of them. Mend what follows and clear the failed tasks, or take such symbols out of STOCKML_SYMBOLS. {reasons}"
    )

"""Say which symbols of a run are not clean, and why, from what its tasks left."""

from collections.abc import Collection, Sequence

from stock_ml.adapters.lake import Lake
from stock_ml.config import Settings
from stock_ml.domain.ingest_records import IngestBatch, SymbolFailure
from stock_ml.ingestion.plan import is_ingested

UNTOLD = "its task ended without a word: see the log"


def missing_symbols(
    s: Settings,
    batches: Sequence[IngestBatch],
    failed: Collection[int],
    told: Sequence[SymbolFailure],
    lake: Lake | None = None,
) -> dict[str, str]:
    """Return the symbols that are not clean, each with the reason, in the order of the run.

    `failed` are the places of the batches whose tasks did not end well, `told` what those tasks said. Of a task that
    ended as a whole, or without a word, the lake says which symbols were clean by then. Raises StoreUnavailable.
    """
    lake, missing = lake or Lake.connect(s), dict[str, str]()
    for place in sorted(failed):
        reasons = {each["symbol"]: each["reason"] for each in told if each["batch"] == place}
        missing |= _missing_of(s, lake, batches[place], reasons)
    return missing


def _missing_of(s: Settings, lake: Lake, batch: IngestBatch, reasons: dict[str, str]) -> dict[str, str]:
    whole = reasons.get("", "" if reasons else UNTOLD)
    others = [item for item in batch["items"] if item["symbol"] not in reasons] if whole else []
    if len(batch["items"]) > 1:
        others = [item for item in others if not is_ingested(s, lake, item, batch["planned_at"])]
    unsaid = {item["symbol"]: item.get("fault", whole) for item in others}
    return {symbol: why for symbol, why in (reasons | unsaid).items() if symbol}

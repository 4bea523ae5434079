"""The tags that hold a version's training config, and whether they are compatible with the settings."""

from collections.abc import Mapping

from stock_ml.adapters.lake import Lake
from stock_ml.config import Settings
from stock_ml.model import features
from stock_ml.sources.csv_files import CsvFiles

FILE = "file_sha256"
# what one decision tells the next; times in UTC epoch seconds
DECIDED_UNTIL, REGIME_CHANGE, FALLBACKS = "decided_until", "changed_at", "last_price_symbols"


def training_config(s: Settings) -> dict[str, str]:
    """Return the tags of a version that is trained now; for a file, which one the clean bars are made from."""
    tags = {**_settings(s), "symbols": ",".join(s.symbols), "simulated": str(s.simulated).lower()}
    return tags | ({FILE: ",".join(sorted(Lake.connect(s).origins(s.symbols)))} if s.replayed else {})


def is_compatible(tags: Mapping[str, str], s: Settings) -> bool:
    """Say whether a version with these tags was trained for these settings, and for the file as it is now.

    Raises BadFile where the file cannot be read.
    """
    wanted = _settings(s) | ({FILE: ",".join(sorted(CsvFiles.connect(s).digests(s.symbols)))} if s.replayed else {})
    trained = set(tags.get("symbols", "").split(","))
    return set(s.symbols) <= trained and all(tags.get(name) == value for name, value in wanted.items())


def _settings(s: Settings) -> dict[str, str]:
    return {
        "source": s.source,
        "exchange": s.exchange,
        "window": str(s.window),
        "horizon": str(s.horizon),
        "feed_gap_minutes": str(s.feed_gap_minutes),
        "holdout_sessions": str(s.holdout_sessions),
        "schema_hash": str(features.schema(s.window, s.horizon, s.feed_gap_minutes, s.exchange)["hash"]),
    }
